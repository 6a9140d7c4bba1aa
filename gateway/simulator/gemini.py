"""The Gemini wire: https://ai.google.dev/api/generate-content"""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson

from gateway.simulator.answer import Answer, Asked, Refused

_IDS = count(1)
_FINISH = {"stop": "STOP", "sequence": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def check(headers: dict[bytes, bytes]) -> None:
    """Refuses what this vendor refuses by headers alone."""
    if not headers.get(b"x-goog-api-key"):
        raise Refused(403, "Method doesn't allow unregistered callers: send x-goog-api-key")


def read(body: dict[str, Any], model: str, stream: bool) -> Asked:
    """The request in the common shape; Refused where it is not one of this wire."""
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Refused(400, "* GenerateContentRequest.contents: contents is not specified")
    config = body.get("generationConfig") or {}
    asked = Asked(
        model=model,
        stream=stream,
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        schema=_schema(config),
    )
    asked.add(_text((body.get("systemInstruction") or {}).get("parts")))
    for content in contents:
        role = content.get("role", "user")
        if role not in ("user", "model"):
            raise Refused(400, "Please use a valid role: user, model.")
        _read_content(asked, role, content.get("parts") or [])
    asked.tool_result = _tool_result(contents[-1].get("parts") or [])
    if body.get("tools"):
        _read_tools(asked, body)
    return asked


def _schema(config: dict[str, Any]) -> Any:
    if config.get("responseMimeType") != "application/json":
        return None
    given = config.get("responseJsonSchema") or config.get("responseSchema")
    return given or {"properties": {"answer": {"type": "string"}}}


def _read_content(asked: Asked, role: str, parts: list[dict[str, Any]]) -> None:
    for part in parts:
        data = part.get("inlineData") or part.get("fileData") or {}
        asked.images += str(data.get("mimeType", "")).startswith("image/")
        if "functionResponse" in part:
            asked.characters += len(orjson.dumps(part))
    text = _text(parts)
    asked.add(text)
    if role == "user" and text:
        asked.user = text


def _text(parts: list[dict[str, Any]] | None) -> str:
    return " ".join(part["text"] for part in parts or () if "text" in part)


def _tool_result(parts: list[dict[str, Any]]) -> str | None:
    results = [
        orjson.dumps(part["functionResponse"].get("response")).decode()
        for part in parts
        if "functionResponse" in part
    ]
    return " ".join(results) if results else None


def _read_tools(asked: Asked, body: dict[str, Any]) -> None:
    asked.tools = [
        (function["name"], function.get("parametersJsonSchema") or function.get("parameters"))
        for tool in body["tools"]
        for function in tool.get("functionDeclarations") or ()
    ]
    asked.characters += len(orjson.dumps(body["tools"]))
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    asked.may_call = config.get("mode") != "NONE"
    if config.get("mode") == "ANY":
        asked.forced = (config.get("allowedFunctionNames") or [""])[0]


def plain(asked: Asked, reply: Answer) -> bytes:
    """The whole reply as one JSON object."""
    return orjson.dumps(_chunk(asked, reply, _part(reply, reply.text), _id(), last=True))


def _id() -> str:
    return f"sim{next(_IDS):012x}"


def _part(reply: Answer, text: str) -> dict[str, Any]:
    if reply.tool:
        return {"functionCall": {"name": reply.tool[0], "args": orjson.loads(reply.tool[1])}}
    return {"text": text}


def _chunk(asked: Asked, reply: Answer, part: dict[str, Any], id: str, *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
    usage = {"promptTokenCount": reply.input, "totalTokenCount": reply.input}
    if last:
        candidate["finishReason"] = _FINISH[reply.finish]
        usage["candidatesTokenCount"] = reply.output
        usage["totalTokenCount"] += reply.output
    if reply.cached:
        usage["cachedContentTokenCount"] = reply.cached
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": asked.model,
        "responseId": id,
    }


def frames(asked: Asked, reply: Answer) -> tuple[bytes, list[bytes], bytes]:
    """The stream: no first events, one event per piece, and a last one; a call comes whole."""
    id = _id()

    def event(part: dict[str, Any], *, last: bool) -> bytes:
        # This vendor ends its lines with CR LF.
        return b"data: %b\r\n\r\n" % orjson.dumps(_chunk(asked, reply, part, id, last=last))

    if reply.tool:
        return b"", [event(_part(reply, ""), last=True)], b""
    pieces = [event({"text": piece}, last=False) for piece in reply.pieces]
    return b"", pieces, event({"text": ""}, last=True)


def error(status: int, message: str) -> bytes:
    """The body of a failure."""
    name = _STATUS.get(status, "UNKNOWN")
    return orjson.dumps({"error": {"code": status, "message": message, "status": name}})


def error_frame(message: str) -> bytes:
    """A failure inside of a stream."""
    return b"data: %b\r\n\r\n" % error(503, message)
