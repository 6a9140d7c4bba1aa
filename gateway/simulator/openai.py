"""The OpenAI chat completions wire."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import orjson

from gateway.simulator.answer import Answer, Asked, Refused

_IDS = count(1)
_FINISH = {"stop": "stop", "sequence": "stop", "length": "length", "tool": "tool_calls"}
_TYPES = {401: "authentication_error", 429: "rate_limit_error"}
DONE = b"data: [DONE]\n\n"


def check(headers: dict[bytes, bytes]) -> None:
    """Nothing: local servers of this wire take requests without a key."""


def read(body: dict[str, Any], model: str, stream: bool) -> Asked:
    """The request in the common shape; Refused where it is not one of this wire."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "'messages' must be an array with at least one message")
    if not isinstance(body.get("model"), str):
        raise Refused(400, "you must provide a model parameter")
    stop = body.get("stop") or ()
    asked = Asked(
        model=body["model"],
        stream=bool(body.get("stream")),
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        schema=_schema(body.get("response_format")),
    )
    for message in messages:
        _read_message(asked, message)
    last = messages[-1]
    if last.get("role") == "tool":
        asked.tool_result = _text(last.get("content"))
    if body.get("tools"):
        _read_tools(asked, body)
    return asked


def _read_message(asked: Asked, message: dict[str, Any]) -> None:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        asked.images += part.get("type") == "image_url"
    text = _text(content)
    asked.add(text)
    if message.get("role") == "user":
        asked.user = text


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _schema(response_format: dict[str, Any] | None) -> Any:
    kind = (response_format or {}).get("type")
    if kind == "json_schema":
        return response_format["json_schema"].get("schema") or {}  # type: ignore[index]
    return {"properties": {"answer": {"type": "string"}}} if kind == "json_object" else None


def _read_tools(asked: Asked, body: dict[str, Any]) -> None:
    functions = [tool["function"] for tool in body["tools"] if tool.get("type") == "function"]
    asked.tools = [(function["name"], function.get("parameters")) for function in functions]
    asked.characters += len(orjson.dumps(body["tools"]))
    choice = body.get("tool_choice")
    asked.may_call = choice != "none"
    if isinstance(choice, dict):
        asked.forced = choice["function"]["name"]
    elif choice in ("required", "any"):
        asked.forced = ""


def plain(asked: Asked, reply: Answer) -> bytes:
    """The whole reply as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        tool, arguments = reply.tool
        function = {"name": tool, "arguments": arguments}
        message["content"] = None
        message["tool_calls"] = [{"id": f"call_{next(_IDS):09x}", "type": "function", "function": function}]
    finish = _FINISH[reply.finish]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{next(_IDS):012x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.model,
            "choices": [choice],
            "usage": _usage(reply),
        }
    )


def _usage(reply: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input,
        "completion_tokens": reply.output,
        "total_tokens": reply.input + reply.output,
        "prompt_tokens_details": {"cached_tokens": reply.cached},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def frames(asked: Asked, reply: Answer) -> tuple[bytes, list[bytes], bytes]:
    """The stream: its first events, one event per piece, and its last ones."""
    start = b'data: {"id":"chatcmpl-%012x","object":"chat.completion.chunk","created":%d,"model":%b,' % (
        next(_IDS),
        int(time.time()),
        orjson.dumps(asked.model),
    )
    # With usage asked for, every event has the key, and all but the last have it null.
    close = b',"usage":null}\n\n' if asked.include_usage else b"}\n\n"
    opening = b'"choices":[{"index":0,"delta":'
    end = b',"finish_reason":null}]' + close
    before, after = b'{"content":', b"}"
    first: dict[str, Any] = {"role": "assistant", "content": ""}
    if reply.tool:
        function = {"name": reply.tool[0], "arguments": ""}
        call = {
            "index": 0,
            "id": f"call_{next(_IDS):09x}",
            "type": "function",
            "function": function,
        }
        first = {"role": "assistant", "content": None, "tool_calls": [call]}
        before, after = b'{"tool_calls":[{"index":0,"function":{"arguments":', b"}}]}"
    head = b"%b%b%b%b" % (start, opening, orjson.dumps(first), end)
    left, right = start + opening + before, after + end
    pieces = [b"%b%b%b" % (left, orjson.dumps(piece), right) for piece in reply.pieces]
    finish = _FINISH[reply.finish].encode()
    tail = b'%b"choices":[{"index":0,"delta":{},"finish_reason":"%b"}]%b' % (start, finish, close)
    if asked.include_usage:
        tail += b'%b"choices":[],"usage":%b}\n\n' % (start, orjson.dumps(_usage(reply)))
    return head, pieces, tail + DONE


def error(status: int, message: str) -> bytes:
    """The body of a failure."""
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    code = {429: "rate_limit_exceeded", 401: "invalid_api_key"}.get(status)
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def error_frame(message: str) -> bytes:
    """A failure inside of a stream."""
    return b"data: %b\n\n" % error(500, message)
