"""The Anthropic messages wire: https://docs.claude.com/en/api/messages"""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson

from gateway.simulator.answer import Answer, Asked, Refused

_IDS = count(1)
_FINISH = {
    "stop": "end_turn",
    "sequence": "stop_sequence",
    "length": "max_tokens",
    "tool": "tool_use",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def check(headers: dict[bytes, bytes]) -> None:
    """Refuses what this vendor refuses by headers alone."""
    if not headers.get(b"x-api-key") and not headers.get(b"authorization"):
        raise Refused(401, "x-api-key header is required")
    if not headers.get(b"anthropic-version"):
        raise Refused(400, "anthropic-version: header is required")


def read(body: dict[str, Any], model: str, stream: bool) -> Asked:
    """The request in the common shape; Refused where it is not one of this wire."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "messages: at least one message is required")
    for field, kind in (("model", str), ("max_tokens", int)):
        if not isinstance(body.get(field), kind):
            raise Refused(400, f"{field}: Field required")
    asked = Asked(
        model=body["model"],
        stream=bool(body.get("stream")),
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        schema=_schema(body),
    )
    asked.add(_text(body.get("system")))
    for index, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant"):
            raise Refused(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
        _read_message(asked, message)
    asked.tool_result = _tool_result(messages[-1])
    if body.get("tools"):
        _read_tools(asked, body)
    return asked


def _schema(body: dict[str, Any]) -> Any:
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return wanted.get("schema")


def _read_message(asked: Asked, message: dict[str, Any]) -> None:
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        asked.images += block.get("type") == "image"
        if block.get("type") == "tool_result":
            asked.add(_text(block.get("content")))
    text = _text(content)
    asked.add(text)
    if message["role"] == "user" and text:
        asked.user = text


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(block["text"] for block in content if block.get("type") == "text")
    return content if isinstance(content, str) else ""


def _tool_result(message: dict[str, Any]) -> str | None:
    content = message.get("content")
    results = [
        _text(block.get("content"))
        for block in (content if isinstance(content, list) else ())
        if block.get("type") == "tool_result"
    ]
    return " ".join(results) if results else None


def _read_tools(asked: Asked, body: dict[str, Any]) -> None:
    # Tools that the vendor runs itself have a type and no schema.
    offered = [tool for tool in body["tools"] if "input_schema" in tool]
    asked.tools = [(tool["name"], tool["input_schema"]) for tool in offered]
    asked.characters += len(orjson.dumps(body["tools"]))
    choice = body.get("tool_choice") or {}
    asked.may_call = choice.get("type") != "none"
    asked.forced = {"any": "", "tool": choice.get("name")}.get(choice.get("type", ""))


def plain(asked: Asked, reply: Answer) -> bytes:
    """The whole reply as one JSON object."""
    block: dict[str, Any] = {"type": "text", "text": reply.text}
    if reply.tool:
        block = {**_tool_block(reply.tool[0]), "input": orjson.loads(reply.tool[1])}
    return orjson.dumps(
        {
            **_message(asked),
            "content": [block],
            "stop_reason": _FINISH[reply.finish],
            "stop_sequence": reply.sequence,
            "usage": _usage(reply, reply.output),
        }
    )


def _message(asked: Asked) -> dict[str, Any]:
    id = f"msg_{next(_IDS):012x}"
    return {"id": id, "type": "message", "role": "assistant", "model": asked.model}


def _tool_block(tool: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{next(_IDS):012x}", "name": tool, "input": {}}


def _usage(reply: Answer, output: int) -> dict[str, Any]:
    return {
        "input_tokens": reply.input - reply.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached,
        "output_tokens": output,
    }


def _event(data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), orjson.dumps(data))


def frames(asked: Asked, reply: Answer) -> tuple[bytes, list[bytes], bytes]:
    """The stream: its first events, one event per piece, and its last ones."""
    message = {
        **_message(asked),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(reply, 1),
    }
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta = b'{"type":"text_delta","text":'
    if reply.tool:
        block = _tool_block(reply.tool[0])
        delta = b'{"type":"input_json_delta","partial_json":'
    head = (
        _event({"type": "message_start", "message": message})
        + _event({"type": "content_block_start", "index": 0, "content_block": block})
        + _event({"type": "ping"})
    )
    left = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":' + delta
    pieces = [b"%b%b}}\n\n" % (left, orjson.dumps(piece)) for piece in reply.pieces]
    stop = {"stop_reason": _FINISH[reply.finish], "stop_sequence": reply.sequence}
    tail = (
        _event({"type": "content_block_stop", "index": 0})
        + _event({"type": "message_delta", "delta": stop, "usage": _usage(reply, reply.output)})
        + _event({"type": "message_stop"})
    )
    return head, pieces, tail


def error(status: int, message: str) -> bytes:
    """The body of a failure."""
    return orjson.dumps(_error(_TYPES.get(status, "api_error"), message))


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def error_frame(message: str) -> bytes:
    """A failure inside of a stream."""
    return _event(_error("overloaded_error", message))
