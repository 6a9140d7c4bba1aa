"""What the wire tests share: asks out of keywords, and streams played and read back."""

from __future__ import annotations

from typing import Any

import orjson
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.exchange import Ask, read_ask
from gateway.providers import PROVIDERS, WIRES, Reply, Stream

USER = [{"role": "user", "content": "Hi"}]


def ask(**fields: Any) -> Ask:
    """The ask for a body with these fields; a model and one message are filled in."""
    return read_ask(orjson.dumps({"model": "auto", "messages": USER, **fields}))


def encoded(provider: str, /, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The upstream body for such an ask, and the names of what was dropped."""
    row = PROVIDERS[provider]
    body, dropped = WIRES[row.wire].encode(ask(**fields), row, "m-1")
    return orjson.loads(body), dropped


def play(stream: Stream, data: bytes, cuts: list[int] | None = None) -> bytes:
    """All that comes out of `stream` for `data`, fed in pieces that end at `cuts`."""
    edges = [0, *sorted(cuts or []), len(data)]
    out = b"".join(
        stream.feed(data[start:end]) for start, end in zip(edges, edges[1:], strict=False) if start < end
    )
    return out + stream.rest()


def chunks(out: bytes) -> list[dict[str, Any]]:
    """The chunks in an OpenAI event stream, each one valid by OpenAI's own types."""
    events = [event for event in out.split(b"\n\n") if event]
    assert all(event.startswith(b"data: ") for event in events)
    read = [orjson.loads(event[6:]) for event in events]
    for chunk in read:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return read


def joined(out: bytes) -> dict[int, dict[str, Any]]:
    """The choices that the chunks in `out` add up to, in the shape of a plain reply's message."""
    choices: dict[int, dict[str, Any]] = {}
    read = chunks(out)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in read}) <= 1
    for chunk in read:
        for choice in chunk["choices"]:
            _add(choices.setdefault(choice["index"], {}), choice)
    return choices


def _add(said: dict[str, Any], choice: dict[str, Any]) -> None:
    delta = choice["delta"]
    assert "finish_reason" not in said, "a delta after the end"
    assert ("role" in delta) == (not said), "the role is in the first delta alone"
    said.setdefault("role", delta.get("role"))
    said["content"] = said.get("content", "") + (delta.get("content") or "")
    if "reasoning_content" in delta:
        said["reasoning_content"] = said.get("reasoning_content", "") + delta["reasoning_content"]
    calls = said.setdefault("tool_calls", [])
    for piece in delta.get("tool_calls", []):
        if piece["index"] == len(calls):
            assert piece["id"] and piece["function"]["name"] and piece["type"] == "function"
            calls.append({key: value for key, value in piece.items() if key != "index"})
        else:
            assert not {"id", "type", "name"} & {*piece, *piece["function"]}
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    if choice["finish_reason"] is not None:
        said["finish_reason"] = choice["finish_reason"]


def reply(wire: str, body: object) -> tuple[Reply, dict[str, Any]]:
    """What `wire` makes of a plain reply, and its body, valid by OpenAI's own types."""
    got = WIRES[wire].reply(orjson.dumps(body), ask(), "m-1")
    parsed = orjson.loads(got.body)
    ChatCompletion.model_validate(parsed, strict=True)
    return got, parsed


def streamed(wire: str, *events: object, **fields: Any) -> tuple[Stream, bytes]:
    """A stream of these events, read to its end, and all that came out."""
    stream = WIRES[wire].stream(ask(stream=True, **fields), "m-1")
    data = b"".join(b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in events)
    return stream, play(stream, data)
