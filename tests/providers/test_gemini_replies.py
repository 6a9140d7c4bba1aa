"""Gemini's replies, plain and streamed, in OpenAI's shape."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from wire_reading import ask, encoded, joined, reply, streamed

from gateway.errors import UpstreamError
from gateway.money import Usage
from gateway.providers import WIRES


def part_call(name: str = "weather", **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"city": "Rome"}}, **fields}


def candidate(*parts: object, **fields: Any) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": [*parts]}, **fields}


def gemini(*candidates: object, **fields: Any) -> dict[str, Any]:
    counts = {"promptTokenCount": 10, "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 3}
    return {
        "candidates": [*candidates],
        "responseId": "r-1",
        "modelVersion": "gemini-x",
        "usageMetadata": {**counts, "candidatesTokenCount": 5, "thoughtsTokenCount": 2},
        **fields,
    }


def test_a_reply_of_gemini() -> None:
    got, body = reply(
        "gemini",
        gemini(
            candidate(
                {"text": "Hm.", "thought": True},
                {"text": "It is "},
                {"text": "sunny.", "thoughtSignature": "t"},
                part_call(thoughtSignature="c2ln"),
                {"functionCall": {"id": "own", "name": "now"}},
                finishReason="STOP",
            )
        ),
    )
    assert body["id"] == "r-1"
    assert body["model"] == "gemini-x"
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "It is sunny.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {
                "id": "call_r-1_0_0",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                "extra_content": {"google": {"thought_signature": "c2ln"}},
            },
            {"id": "own", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }
    assert got.usage == Usage(input=9, cache_read=4, output=7, reasoning=2)
    assert body["usage"]["total_tokens"] == 20


def test_a_thought_signature_goes_out_and_comes_back() -> None:
    _, body = reply("gemini", gemini(candidate(part_call(thoughtSignature="c2ln"), part_call())))
    answer = body["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": called["id"], "content": "sunny"} for called in answer["tool_calls"]
    ]
    sent, _ = encoded("gemini", messages=[{"role": "user", "content": "Hi"}, answer, *results])
    first, second = sent["contents"][1]["parts"]
    assert first["thoughtSignature"] == "c2ln"
    assert "thoughtSignature" not in second
    responses = [part["functionResponse"]["id"] for part in sent["contents"][2]["parts"]]
    assert responses == [first["functionCall"]["id"], second["functionCall"]["id"]]

    stream, out = streamed(
        "gemini", gemini(candidate(part_call(thoughtSignature="c2ln"), finishReason="STOP"))
    )
    assert joined(out)[0]["tool_calls"] == [answer["tool_calls"][0]]
    assert stream.done


@pytest.mark.parametrize(
    ("parts", "reason", "finish"),
    [
        ([{"text": "x"}], "STOP", "stop"),
        ([{"text": "x"}], None, "stop"),
        ([{"text": "x"}], "MAX_TOKENS", "length"),
        ([part_call()], "STOP", "tool_calls"),
        ([part_call()], "MAX_TOKENS", "length"),
        ([part_call()], "UNEXPECTED_TOOL_CALL", "tool_calls"),
        ([], "SAFETY", "content_filter"),
        ([], "RECITATION", "content_filter"),
        ([], "MODEL_ARMOR", "content_filter"),
        ([], 2, "length"),
        ([], "STOP", "stop"),
    ],
)
def test_finish_reasons_of_gemini(parts: list[object], reason: object, finish: str) -> None:
    got, body = reply("gemini", gemini(candidate(*parts, finishReason=reason)))
    assert got.finish == body["choices"][0]["finish_reason"] == finish
    if reason:
        stream, out = streamed("gemini", gemini(candidate(*parts)), gemini(candidate(finishReason=reason)))
        assert stream.finish == joined(out)[0]["finish_reason"] == finish


def test_a_refused_prompt_is_a_filtered_answer() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    got, body = reply("gemini", blocked)
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert got.usage == Usage(input=4)
    stream, out = streamed("gemini", blocked)
    assert joined(out)[0]["finish_reason"] == "content_filter"
    assert (stream.done, stream.started) == (True, True)


def test_a_tool_call_that_gemini_got_wrong_is_a_failure() -> None:
    broken = gemini(candidate(finishReason="MALFORMED_FUNCTION_CALL", finishMessage="bad call"))
    with pytest.raises(UpstreamError, match="bad call") as failure:
        reply("gemini", broken)
    assert failure.value.retryable
    stream, out = streamed("gemini", gemini(candidate({"text": "x"})), broken)
    assert stream.error is not None
    assert not stream.done
    assert "finish_reason" not in joined(out)[0]


def test_a_stream_of_gemini_with_two_candidates() -> None:
    stream, out = streamed(
        "gemini",
        gemini(candidate({"text": "a"}), candidate({"text": "b"}, index=1)),
        gemini(candidate({"text": "A"}, finishReason="STOP"), candidate(part_call(), index=1)),
        gemini(candidate(index=1, finishReason="STOP")),
        n=2,
    )
    said = joined(out)
    assert (said[0]["content"], said[0]["finish_reason"]) == ("aA", "stop")
    assert (said[1]["content"], said[1]["finish_reason"]) == ("b", "tool_calls")
    assert said[1]["tool_calls"][0]["id"] == "call_r-1_1_0"
    assert stream.finish == "stop"
    got, body = reply("gemini", gemini(candidate({"text": "a"}), candidate({"text": "b"}, index=1)))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["a", "b"]


def test_a_stream_of_gemini_ends_with_its_bytes_and_once() -> None:
    wire = WIRES["gemini"]
    stream = wire.stream(ask(stream=True), "m")
    data = b"data: " + orjson.dumps(gemini(candidate({"text": "a"}, finishReason="STOP"))) + b"\n\n"
    assert joined(stream.feed(data))[0] == {"role": "assistant", "content": "a", "tool_calls": []}
    assert not stream.done
    assert b'"finish_reason":"stop"' in stream.rest()
    assert stream.done
    assert stream.rest() == b""


def test_arguments_that_come_in_pieces() -> None:
    def piece(path: str, more: bool = True, **value: object) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": [{"jsonPath": path, **value}], "willContinue": more}}

    _, out = streamed(
        "gemini",
        gemini(
            candidate(
                {"functionCall": {"name": "add", "willContinue": True}},
                piece("$.items[0].name", stringValue="ap", willContinue=True),
                piece("$.items[0].name", stringValue="ple"),
                piece("$.items[0].price", numberValue=0.5),
                piece("$.items[1].count", numberValue=3),
                piece("$.gift", boolValue=True),
                piece("$.note", more=False, nullValue="NULL_VALUE"),
                part_call("next"),
                finishReason="STOP",
            )
        ),
    )
    first, second = joined(out)[0]["tool_calls"]
    assert orjson.loads(first["function"]["arguments"]) == {
        "items": [{"name": "apple", "price": 0.5}, {"count": 3}],
        "gift": True,
        "note": None,
    }
    assert b"3.0" not in first["function"]["arguments"].encode()
    assert second["function"] == {"name": "next", "arguments": '{"city":"Rome"}'}


def test_ids_are_made_where_gemini_gives_none() -> None:
    stream, out = streamed("gemini", {"candidates": [candidate(part_call(), finishReason="STOP")]})
    called = joined(out)[0]["tool_calls"][0]
    assert 0 < len(called["id"]) <= 40
    assert stream.usage is None
    assert stream.usage_chunk is None
