"""The wires against what vendors really sent and clients really asked, as recorded by public test suites."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion
from wire_reading import ask, joined, play

from gateway.errors import GatewayError, UpstreamError
from gateway.exchange import read_ask
from gateway.money import Usage
from gateway.providers import PROVIDERS, WIRES, Stream

TRAFFIC = Path(os.environ.get("HEADRACE_TRAFFIC", Path(__file__).parents[3] / "shared" / "traffic"))
WIRE_BY_API = {
    "messages": "anthropic",
    "generate_content": "gemini",
    "stream_generate_content": "gemini",
    "chat_completions": "openai",
}
# Streams of Anthropic that broke: with an error event, and with a second message inside the first.
BROKEN = {"45ee1d49b8d7e3d4", "1fed7804105e4aff"}

needs_traffic = pytest.mark.skipif(not TRAFFIC.is_dir(), reason=f"no recorded traffic in {TRAFFIC}")


def lines(pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(TRAFFIC.glob(pattern)):
        yield from map(orjson.loads, path.read_bytes().splitlines())


EXCHANGES = [line for line in lines("*.jsonl") if line["api"] in WIRE_BY_API]


def name(exchange: dict[str, Any]) -> str:
    return f"{exchange['provider']}-{exchange['id'][:8]}"


def of(*statuses: int, stream: bool) -> list[Any]:
    found = []
    for exchange in EXCHANGES:
        response = exchange["response"]
        is_stream = bool(response.get("sse")) or isinstance(response.get("json"), list)
        if (response["status"] in statuses) and is_stream == stream and (stream or response.get("json")):
            found.append(pytest.param(exchange, id=name(exchange)))
    return found


def wire_of(exchange: dict[str, Any]) -> str:
    return WIRE_BY_API[exchange["api"]]


def sse_of(exchange: dict[str, Any]) -> bytes:
    """The event stream; a recording of a Gemini stream as an array is put as the events that it holds."""
    response = exchange["response"]
    if response.get("sse"):
        return str(response["sse"]).encode()
    return b"".join(b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in response["json"])


def stream_of(exchange: dict[str, Any]) -> Stream:
    return WIRES[wire_of(exchange)].stream(ask(stream=True), "m-1")


def check(usage: Usage | None) -> None:
    if usage is not None:
        assert min(usage.input, usage.cache_read, usage.cache_write) >= 0
        assert 0 <= usage.reasoning <= usage.output


def leaves(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)


@needs_traffic
def test_the_recordings_are_there() -> None:
    assert len(of(200, stream=False)) > 100
    assert len(of(200, stream=True)) > 90


@needs_traffic
@pytest.mark.parametrize("exchange", of(200, stream=False))
def test_plain_replies(exchange: dict[str, Any]) -> None:
    wire, recorded = wire_of(exchange), exchange["response"]["json"]
    data = orjson.dumps(recorded)
    if "error" in recorded:  # Azure: a filtered answer
        with pytest.raises(UpstreamError) as failure:
            WIRES[wire].reply(data, ask(), "m-1")
        assert failure.value.kind == "content"
        return
    reply = WIRES[wire].reply(data, ask(), "m-1")
    check(reply.usage)
    if wire == "openai":
        assert reply.body is data
        usage = recorded.get("usage") or {}
        if reply.usage and exchange["provider"] != "openrouter":
            assert reply.usage.prompt + reply.usage.output == usage["total_tokens"]
        return
    body = orjson.loads(reply.body)
    ChatCompletion.model_validate(body, strict=True)
    message = body["choices"][0]["message"]
    assert body["choices"][0]["finish_reason"] == reply.finish != ""
    texts, calls = recorded_answer(recorded)
    assert (message["content"] or "") == texts
    got = [call["function"] for call in message.get("tool_calls", [])]
    assert [(call["name"], orjson.loads(call["arguments"])) for call in got] == calls
    assert (reply.finish == "tool_calls") == bool(calls)
    if wire == "gemini" and reply.usage:
        assert body["usage"]["total_tokens"] == recorded["usageMetadata"]["totalTokenCount"]


def recorded_answer(recorded: dict[str, Any]) -> tuple[str, list[tuple[str, Any]]]:
    """Text and tool calls of a recorded reply of Anthropic or Gemini."""
    if "content" in recorded:
        blocks = recorded["content"]
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        return "".join(texts), calls
    candidates = recorded.get("candidates") or [{}]
    parts = candidates[0].get("content", {}).get("parts", [])
    texts = [part["text"] for part in parts if "text" in part and not part.get("thought")]
    functions = [part["functionCall"] for part in parts if "functionCall" in part]
    return "".join(texts), [(function["name"], function["args"]) for function in functions]


@needs_traffic
@pytest.mark.parametrize("exchange", of(200, stream=True))
def test_streams_are_the_same_however_they_are_cut(exchange: dict[str, Any]) -> None:
    data, stream = sse_of(exchange), stream_of(exchange)
    whole = play(stream, data)
    check(stream.usage)
    chance = random.Random(exchange["id"])
    for count in (1, 5, 40):
        cuts = [chance.randrange(len(data)) for _ in range(count)]
        other = stream_of(exchange)
        again = play(other, data, cuts)
        assert again == whole if wire_of(exchange) == "openai" else bare(again) == bare(whole)
        assert state(other) == state(stream)


def bare(out: bytes) -> object:
    """What came out of a translated stream, without the time and the ids that were made up."""
    events = [orjson.loads(event[6:]) for event in out.split(b"\n\n") if event]
    return [{**e, "created": 0, "id": "" if e["id"].startswith("chatcmpl-") else e["id"]} for e in events]


def state(stream: Stream) -> tuple[object, ...]:
    error = stream.error and (stream.error.status, stream.error.message, stream.error.code)
    return stream.usage, stream.finish, stream.done, stream.started, error


@needs_traffic
@pytest.mark.parametrize("exchange", [p for p in of(200, stream=True) if wire_of(p.values[0]) != "openai"])
def test_translated_streams(exchange: dict[str, Any]) -> None:
    stream = stream_of(exchange)
    said = joined(play(stream, sse_of(exchange))).get(0, {})
    texts, calls = recorded_stream(exchange)
    assert said.get("content", "") == texts
    assert [call["function"]["name"] for call in said.get("tool_calls", [])] == calls
    if exchange["id"] in BROKEN:
        assert stream.error is not None
        assert not stream.done
        return
    assert (stream.error, stream.done, stream.finish) == (None, True, said["finish_reason"])
    assert stream.usage is not None
    for call in said["tool_calls"] if stream.finish == "tool_calls" else []:
        assert isinstance(orjson.loads(call["function"]["arguments"]), dict)


def recorded_stream(exchange: dict[str, Any]) -> tuple[str, list[str]]:
    """The text and the names of the tool calls of a recorded stream, up to the end of its first message."""
    texts, calls = [], []
    for line in sse_of(exchange).splitlines():
        if not line.startswith(b"data:") or line.strip() == b"data: [DONE]":
            continue
        event = orjson.loads(line[5:])
        if event.get("type") == "message_stop" or (event.get("type") == "message_start" and any(calls)):
            break
        delta, block = event.get("delta", {}), event.get("content_block", {})
        texts.append(delta.get("text", "") if delta.get("type") == "text_delta" else "")
        calls += [block["name"]] if block.get("type") == "tool_use" else []
        for part in [p for c in event.get("candidates", []) for p in c.get("content", {}).get("parts", [])]:
            texts.append("" if part.get("thought") else part.get("text", ""))
            function = part.get("functionCall", {})
            calls += [function["name"]] if "name" in function else []
    return "".join(texts), calls


SHORT = [
    p for p in of(200, stream=True) if wire_of(p.values[0]) != "openai" and len(sse_of(p.values[0])) < 4000
]


@needs_traffic
@pytest.mark.parametrize("exchange", SHORT[:1] + SHORT[-1:])
def test_short_streams_cut_at_every_byte(exchange: dict[str, Any]) -> None:
    data = sse_of(exchange)
    whole = bare(play(stream_of(exchange), data))
    for cut in range(1, len(data)):
        assert bare(play(stream_of(exchange), data, [cut])) == whole, f"cut at {cut}"
    assert bare(play(stream_of(exchange), data, list(range(1, len(data))))) == whole


@needs_traffic
@pytest.mark.parametrize("exchange", of(400, 401, 403, 404, 429, 500, 503, 529, stream=False))
def test_errors_are_told_in_the_providers_words(exchange: dict[str, Any]) -> None:
    body = exchange["response"]["json"]
    status = exchange["response"]["status"]
    message, code = WIRES[wire_of(exchange)].error(status, orjson.dumps(body))
    words = body.get("message") or body["error"]["message"]
    assert message.startswith(words[:400])
    assert code
    assert UpstreamError(status, message, code).kind


REQUESTS = [
    *(e["request"]["json"] for e in EXCHANGES if e["api"] == "chat_completions" and e["request"]),
    *(line["json"] for line in lines("clients/*.jsonl") if line["path"].endswith("/chat/completions")),
]


def refused(request: dict[str, Any], provider: str) -> bool:
    """Whether the request has what only OpenAI's wire can hold, so that the others must say no."""
    holds = {value for value in leaves(request["messages"]) if isinstance(value, str)}
    calls = [call for message in request["messages"] for call in message.get("tool_calls") or []]
    foreign = [tool for tool in request.get("tools") or [] if tool.get("type", "function") != "function"]
    if request.get("tool_choice") == "any":  # Mistral's own word
        return True
    if "functions" in request or foreign or not all("id" in call for call in calls):
        return True
    return provider == "anthropic" and ((request.get("n") or 1) > 1 or "input_audio" in holds)


@needs_traffic
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_requests_keep_all_that_they_say(provider: str) -> None:
    row, kept = PROVIDERS[provider], 0
    for request in REQUESTS:
        asked = read_ask(orjson.dumps(request))
        if provider != "openai" and refused(request, provider):
            with pytest.raises(GatewayError):
                WIRES[row.wire].encode(asked, row, "m-1")
            continue
        body, _ = WIRES[row.wire].encode(asked, row, "m-1")
        keeps(orjson.loads(body), request["messages"])
        kept += 1
    assert kept > 100


def keeps(body: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    found = list(leaves(body))
    for message in messages:
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
        for text in parts:
            assert not text.strip() or text in found or object_of(text) in found
        for call in message.get("tool_calls") or []:
            assert call.get("id") is None or call["id"] in found
            assert call["function"]["name"] in found
            assert object_of(call["function"]["arguments"]) in found or call["function"]["arguments"] in found
        assert message.get("tool_call_id") is None or message["tool_call_id"] in found


def object_of(text: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        return text
