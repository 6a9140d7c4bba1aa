"""Anthropic's replies, plain and streamed, in OpenAI's shape."""

from __future__ import annotations

from typing import Any

import pytest
from wire_reading import chunks, joined, reply, streamed

from gateway.money import Usage


def message(*content: object, **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3}
    return {
        "type": "message",
        "id": "msg_1",
        "model": "claude-x",
        "content": [*content],
        "stop_reason": "end_turn",
        "usage": {**usage, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}},
        **fields,
    }


TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}


def test_a_reply_of_anthropic() -> None:
    got, body = reply(
        "anthropic",
        message(
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": 1}},
            {"type": "text", "text": "It is "},
            {"type": "text", "text": "sunny.", "citations": []},
            TOOL_USE,
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
            stop_reason="tool_use",
        ),
    )
    created = body.pop("created")
    assert created > 1_700_000_000
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "It is sunny.",
                    "reasoning_content": "Hm.",
                    "tool_calls": [
                        {
                            "id": "toolu_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                        },
                        {
                            "id": "toolu_2",
                            "type": "function",
                            "function": {"name": "now", "arguments": "{}"},
                        },
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 18,
            "completion_tokens": 7,
            "total_tokens": 25,
            "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
    assert got.usage == Usage(input=10, cache_read=5, cache_write=3, output=7, reasoning=2)
    assert got.finish == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons_of_anthropic(reason: str, finish: str) -> None:
    assert reply("anthropic", message(stop_reason=reason))[0].finish == finish
    stream, out = streamed("anthropic", START, ended(reason), STOP)
    assert stream.finish == finish
    assert joined(out)[0]["finish_reason"] == finish


START = {"type": "message_start", "message": message(stop_reason=None)}
STOP = {"type": "message_stop"}


def ended(reason: str) -> dict[str, Any]:
    usage = {"output_tokens": 9, "input_tokens": 12}
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def block(index: int, start: object, *deltas: object) -> list[object]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def test_a_stream_of_anthropic() -> None:
    tool, empty = {**TOOL_USE, "input": {}}, {**TOOL_USE, "id": "toolu_2", "input": {}}
    stream, out = streamed(
        "anthropic",
        START,
        {"type": "ping"},
        *block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm."}),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        *block(
            2,
            tool,
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"ci'},
            {"type": "input_json_delta", "partial_json": 'ty": "Rome"}'},
        ),
        *block(3, {"type": "server_tool_use", "id": "s", "name": "x"}, {"partial_json": '{"q"'}),
        *block(4, empty),
        *block(5, {**TOOL_USE, "id": "toolu_3"}),
        ended("tool_use"),
        STOP,
        ended("refusal"),
        stream_options={"include_usage": True},
    )
    deltas = [choice["delta"] for chunk in chunks(out) for choice in chunk["choices"]]
    function = {"name": "weather", "arguments": ""}
    assert deltas == [
        {"role": "assistant", "content": "", "reasoning_content": "Hm."},
        {"content": "Hi"},
        {"tool_calls": [{"index": 0, "id": "toolu_1", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"ci'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ty": "Rome"}'}}]},
        {"tool_calls": [{"index": 1, "id": "toolu_2", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 2, "id": "toolu_3", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 2, "function": {"arguments": '{"city":"Rome"}'}}]},
        {},
    ]
    assert all(chunk["usage"] is None for chunk in chunks(out))
    assert (stream.done, stream.finish, stream.error) == (True, "tool_calls", None)
    assert stream.usage == Usage(input=12, cache_read=5, cache_write=3, output=9, reasoning=2)
    chunk = stream.usage_chunk
    assert chunk is not None
    assert (chunk["id"], chunk["choices"], chunk["usage"]["total_tokens"]) == ("msg_1", [], 29)


def test_a_stream_of_anthropic_is_whole_with_its_stop_reason_only() -> None:
    text = block(0, {"type": "text", "text": "Hi"})
    assert streamed("anthropic", START, *text, ended("end_turn"))[0].done
    assert not streamed("anthropic", START, *text)[0].done
    assert streamed("anthropic", START, *text, STOP)[0].finish == "stop"


def test_an_error_event_of_anthropic_before_anything_was_said() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    stream, out = streamed("anthropic", START, error, STOP)
    assert out == b""
    assert not stream.started
    assert stream.error is not None
    assert (stream.error.status, stream.error.kind, stream.error.message) == (529, "overload", "Overloaded")


def test_a_message_that_begins_anew_inside_another_is_a_failure() -> None:
    text = block(0, {"type": "text", "text": "Hi"})
    stream, out = streamed("anthropic", START, START, *text, START, *text, ended("end_turn"), STOP)
    assert joined(out)[0]["content"] == "Hi"
    assert stream.error is not None
    assert not stream.done


def test_ids_are_made_where_anthropic_gives_none() -> None:
    body = reply("anthropic", {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})[1]
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "m-1"
    assert "usage" not in body
