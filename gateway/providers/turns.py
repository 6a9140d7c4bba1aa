"""Reads the messages of an OpenAI chat request into turns, for the wires that must translate them.

What a message may not hold is refused here, with its place in the request.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import orjson

from gateway.errors import GatewayError

# First bytes of pictures in base64: vendors refuse one whose declared type is not its true one.
_MAGIC = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}


class Text(NamedTuple):
    """Text of a message; `cache` is Anthropic's `cache_control`, which clients add for its models."""

    text: str
    cache: dict[str, Any] | None = None


class Media(NamedTuple):
    """A picture, sound or file: base64 `data` or, of a picture, a `url`; `where` is its place."""

    kind: str
    mime: str
    data: str
    url: str
    where: str


class Call(NamedTuple):
    """A tool call of an earlier answer; `signature` is Gemini's thought signature, or ""."""

    id: str
    name: str
    arguments: str  # the text of a JSON object, kept: a number may be longer than a float holds
    signature: str


class Turn(NamedTuple):
    """One message; `call_id` and `name` say what a tool's turn answers."""

    role: str  # system | user | assistant | tool
    parts: list[Text | Media]
    calls: list[Call]
    call_id: str
    name: str
    where: str


def refuse(where: str, why: str) -> NoReturn:
    """Refuses the request for what stands at `where` in it."""
    raise GatewayError(400, f"`{where}` {why}.", code="invalid_value", param=where)


def read_turns(messages: list[Any]) -> list[Turn]:
    """The messages as turns, in their order; empty texts are left out, which vendors refuse.

    Where all are instructions, the last becomes a user's turn: no vendor answers them alone.
    """
    turns = [_turn(message, f"messages[{index}]") for index, message in enumerate(messages)]
    if turns and all(turn.role == "system" for turn in turns):
        turns[-1] = turns[-1]._replace(role="user")
    return turns


def has_names(turns: list[Turn]) -> bool:
    """Whether a speaker has a name, for which only OpenAI's shape has a place."""
    return any(turn.name for turn in turns if turn.role != "tool")


def _turn(message: Any, where: str) -> Turn:
    if not isinstance(message, dict):
        refuse(where, "must be an object")
    role = message.get("role")
    if role == "developer":
        role = "system"
    if role not in ("system", "user", "assistant", "tool"):
        refuse(f"{where}.role", "must be system, developer, user, assistant or tool for this model")
    if message.get("function_call") is not None:
        refuse(f"{where}.function_call", "is the older form, which this provider lacks: send `tool_calls`")
    calls = _calls(message.get("tool_calls"), f"{where}.tool_calls") if role == "assistant" else []
    call_id = message.get("tool_call_id", "")
    if role == "tool" and not (isinstance(call_id, str) and call_id):
        refuse(f"{where}.tool_call_id", "must be the id of the tool call that this message answers")
    name = message.get("name")
    return Turn(
        role,
        _parts(message.get("content"), f"{where}.content"),
        calls,
        call_id if isinstance(call_id, str) else "",
        name if isinstance(name, str) else "",
        where,
    )


def _parts(content: Any, where: str) -> list[Text | Media]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content.strip() else []
    if not isinstance(content, list):
        refuse(where, "must be a string or a list of parts")
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(content)]
    return [part for part in parts if isinstance(part, Media) or part.text.strip()]


def _part(part: Any, where: str) -> Text | Media:
    kind = _object(part, where).get("type")
    if kind in ("text", "refusal"):
        cache = part.get("cache_control")
        return Text(_string(part, kind, where), cache if isinstance(cache, dict) else None)
    if kind == "thinking":  # Mistral's, played back: another model has no use for it
        return Text("")
    if kind == "image_url":
        return _picture(_string(_object(part.get(kind), f"{where}.{kind}"), "url", f"{where}.{kind}"), where)
    if kind == "input_audio":
        audio = _object(part.get(kind), f"{where}.{kind}")
        mime = f"audio/{_string(audio, 'format', f'{where}.{kind}')}"
        return Media("audio", mime, _string(audio, "data", f"{where}.{kind}"), "", where)
    if kind == "file":
        file = _object(part.get(kind), f"{where}.{kind}")
        mime, data = _data_url(_string(file, "file_data", f"{where}.{kind}"), f"{where}.{kind}.file_data")
        return Media("file", mime, data, "", where)
    refuse(f"{where}.type", "must be text, image_url, input_audio or file")


def _picture(url: str, where: str) -> Media:
    if not url.startswith("data:"):
        if not url.startswith(("https://", "http://")):
            refuse(f"{where}.image_url.url", "must be an http(s) URL or a data URL")
        return Media("image", "", "", url, where)
    mime, data = _data_url(url, f"{where}.image_url.url")
    for magic, true_mime in _MAGIC.items():
        if data.startswith(magic):
            mime = true_mime
    return Media("image", mime, data, "", where)


def _data_url(url: str, where: str) -> tuple[str, str]:
    head, comma, data = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma and data):
        refuse(where, "must be a data URL: data:<type>;base64,<data>")
    return head[len("data:") : -len(";base64")].partition(";")[0], data


def _calls(calls: Any, where: str) -> list[Call]:
    if calls is None:
        return []
    if not isinstance(calls, list):
        refuse(where, "must be a list of tool calls")
    return [_call(call, f"{where}[{index}]") for index, call in enumerate(calls)]


def _call(call: Any, where: str) -> Call:
    function = _object(_object(call, where).get("function"), f"{where}.function")
    arguments = _string(function, "arguments", f"{where}.function") or "{}"
    if not is_object(arguments):
        refuse(f"{where}.function.arguments", "must be the text of a JSON object")
    name = _string(function, "name", f"{where}.function")
    return Call(_string(call, "id", where), name, arguments, _signature(call))


def is_object(text: str) -> bool:
    """Whether `text` is that of a JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except ValueError:
        return False


def _signature(call: dict[str, Any]) -> str:
    """The thought signature where Google's own OpenAI layer puts it, "" where there is none."""
    value: Any = call
    for key in ("extra_content", "google", "thought_signature"):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(where, "must be an object")
    return value


def _string(value: dict[str, Any], key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        refuse(f"{where}.{key}", "must be a string")
    return text
