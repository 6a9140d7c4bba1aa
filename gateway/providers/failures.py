"""What a provider says when it fails: the vendors' error envelopes, as a message and a code."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.errors import UpstreamError

LONGEST = 500  # characters of a provider's message that are passed on

# An error inside a reply of status 200 often has a type that stands for a status:
# https://platform.claude.com/docs/en/api/errors
_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def read_error(status: int, data: bytes) -> tuple[str, str | None]:
    """Message and code of an error body: any vendor's envelope, plain text or HTML."""
    try:
        body = orjson.loads(data)
    except ValueError:
        return _text(status, data), None
    message, code = _envelope(body)
    return (message or f"HTTP {status}: {_text(status, data)}")[:LONGEST], code


def in_band(error: Any) -> UpstreamError:
    """The failure that an error object stands for which came inside a reply of status 200."""
    message, code = _envelope({"error": error})
    message = message[:LONGEST] or "the reply is an error without a message"
    return UpstreamError(_status(error), message, code)


def garbled(what: str) -> UpstreamError:
    """The failure that a reply is which does not keep to its wire."""
    return UpstreamError(502, f"the reply cannot be used: {what}"[:LONGEST], "bad_reply")


def _status(error: Any) -> int:
    if not isinstance(error, dict):
        return 502
    for key in ("code", "status_code", "status"):  # OpenRouter and Gemini, Groq, Azure
        value = error.get(key)
        if type(value) is int and 400 <= value < 600:
            return value
    kind = error.get("type")
    return _STATUS_BY_TYPE.get(kind, 502) if isinstance(kind, str) else 502


def _envelope(body: Any) -> tuple[str, str | None]:
    if isinstance(body, list):  # Gemini answers a stream asked for without alt=sse with an array
        body = body[0] if body else None
    if isinstance(body, str):
        return body, None
    if not isinstance(body, dict):
        return "", None
    inner = body.get("error")
    if isinstance(inner, str):  # xAI, Ollama
        return inner, _code(body)
    if isinstance(inner, dict):
        return _message(inner), _code(inner)
    return _message(body), _code(body)


def _message(error: dict[str, Any]) -> str:
    message = error.get("message") or error.get("detail")
    if isinstance(message, list):  # FastAPI's list of what is wrong where
        message = orjson.dumps(message).decode()
    if not isinstance(message, str):
        return ""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    # OpenRouter says "Provider returned error", and there the provider's own words.
    return f"{message}: {raw}" if isinstance(raw, str) else message


def _code(error: dict[str, Any]) -> str | None:
    for key in ("code", "status", "type"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
    code = error.get("code")
    return str(code) if type(code) is int else None


def _text(status: int, data: bytes) -> str:
    text = " ".join(data[: 8 * LONGEST].decode(errors="replace").split())
    if not text:
        return f"HTTP {status} without a body"
    if text.startswith("<"):
        title = text.partition("<title>")[2].partition("<")[0].strip()
        return f"HTTP {status} with a web page: {title or 'untitled'}"[:LONGEST]
    return text[:LONGEST]
