"""The Anthropic Messages API behind OpenAI's chat shape.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from gateway.errors import GatewayError
from gateway.exchange import Ask
from gateway.money import Usage
from gateway.providers.anthropic_stream import FINISH, AnthropicStream, Block, read_usage
from gateway.providers.base import Provider, Reply, Stream, Wire
from gateway.providers.completion import choice, completion, tool_call
from gateway.providers.failures import garbled, in_band
from gateway.providers.turns import Media, Text, Turn, has_names, read_turns, refuse
from gateway.providers.wants import Tool, Wants, json_advice

VERSION = "2023-06-01"
# The API requires a limit, and the wire does not know the model's own.
DEFAULT_MAX_TOKENS = 8192

# Keywords that structured output refuses, in any schema:
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs
_NO_KEYWORDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
)
_SCHEMA_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_SCHEMA_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")


class _Message(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_message_of = msgspec.json.Decoder(_Message).decode


class AnthropicWire(Wire):
    """Anthropic's wire: a request is translated whole, a reply block by block."""

    name = "anthropic"

    def headers(self, key: str) -> dict[str, str]:
        headers = {"content-type": "application/json", "anthropic-version": VERSION}
        if key:
            headers["x-api-key"] = key
        return headers

    def url(self, base_url: str, model: str, stream: bool) -> str:
        return f"{base_url.rstrip('/')}/messages"

    def encode(self, ask: Ask, provider: Provider, model: str) -> tuple[bytes, tuple[str, ...]]:
        wants = Wants(ask, provider.drop)
        if wants.number("n") is not None:
            message = "`n` must be 1: this model gives one answer a request. Send the request n times."
            raise GatewayError(400, message, code="unsupported_value", param="n")
        turns = read_turns(ask.parsed()["messages"])
        if has_names(turns):
            wants.lose("messages.name")
        system = [_text(part) for turn in turns if turn.role == "system" for part in turn.parts]
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": ask.max_tokens or DEFAULT_MAX_TOKENS,
            "messages": _messages(turns),
        }
        _tools(body, wants)
        _options(body, wants)
        _response_format(body, system, wants)
        if system:
            body["system"] = system
        if ask.stream:
            body["stream"] = True
        return orjson.dumps(body), wants.dropped()

    def reply(self, data: bytes, ask: Ask, model: str) -> Reply:
        try:
            message = _message_of(data)
            calls = [
                tool_call(block.id or "", block.name or "", block.arguments())
                for block in message.content or ()
                if block.type == "tool_use"
            ]
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise garbled(str(error)) from None
        if message.error is not None or message.type == "error":
            raise in_band(message.error)
        if message.content is None:
            raise garbled("it has no content")
        text = "".join(block.text or "" for block in message.content if block.type == "text")
        thoughts = "".join(block.thinking or "" for block in message.content if block.type == "thinking")
        finish = FINISH.get(message.stop_reason or "", "stop")
        usage: Usage | None = read_usage(message.usage)
        choices = [choice(text, thoughts, calls, finish)]
        return Reply(completion(message.id or "", message.model or model, choices, usage), usage, finish)

    def stream(self, ask: Ask, model: str) -> Stream:
        return AnthropicStream(model, ask.include_usage)


def _messages(turns: list[Turn]) -> list[dict[str, Any]]:
    """User and assistant by turns: neighbours of one role are joined, tool results come first."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "system":
            continue
        role = "assistant" if turn.role == "assistant" else "user"
        blocks = _blocks(turn)
        if not blocks:
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].extend(blocks)
        else:
            messages.append({"role": role, "content": blocks})
    if not messages:
        refuse("messages", "must hold at least one message with content")
    for message in messages:
        message["content"].sort(key=lambda block: block["type"] != "tool_result")
    return messages


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    content = [_text(part) if isinstance(part, Text) else _media(part) for part in turn.parts]
    if turn.role == "tool":
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(turn.call_id)}
        if content:
            result["content"] = content
        return [result]
    calls = [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": orjson.Fragment(call.arguments)}
        for call in turn.calls
    ]
    return content + calls


def _text(part: Text | Media) -> dict[str, Any]:
    if isinstance(part, Media):
        refuse(part.where, "must be text in a system message")
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.cache:
        block["cache_control"] = part.cache
    return block


def _media(part: Media) -> dict[str, Any]:
    if part.kind == "audio":
        refuse(part.where, "is audio, which this model does not take")
    source = {"type": "base64", "media_type": part.mime, "data": part.data}
    if part.url:
        source = {"type": "url", "url": part.url}
    return {"type": "image" if part.kind == "image" else "document", "source": source}


def _id(id: str) -> str:
    """The id in the letters that Anthropic allows, one and the same for a call and its result."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else f"_{ord(c):x}_" for c in id)


def _tools(body: dict[str, Any], wants: Wants) -> None:
    tools = wants.tools()
    if not tools:
        return
    body["tools"] = [_tool(tool) for tool in tools]
    mode, name = wants.tool_choice()
    choice: dict[str, Any] = {}
    if mode:
        choice["type"] = {"required": "any"}.get(mode, mode)
    if name:
        choice = {"type": "tool", "name": name}
    if wants.one_call_at_a_time() and mode != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        body["tool_choice"] = choice


def _tool(tool: Tool) -> dict[str, Any]:
    value: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **tool.schema}}
    if tool.description:
        value["description"] = tool.description
    if tool.cache:
        value["cache_control"] = tool.cache
    return value


def _options(body: dict[str, Any], wants: Wants) -> None:
    temperature, top_p = wants.number("temperature"), wants.number("top_p")
    if temperature is not None:
        body["temperature"] = min(temperature, 1)
        if temperature > 1:
            wants.lose("temperature")
    if top_p is not None:
        # Newer models refuse the two together.
        if temperature is None:
            body["top_p"] = top_p
        else:
            wants.lose("top_p")
    if stops := wants.stops():
        body["stop_sequences"] = stops
    if user := wants.text("user"):
        body["metadata"] = {"user_id": user}


def _response_format(body: dict[str, Any], system: list[dict[str, Any]], wants: Wants) -> None:
    kind, schema = wants.response_format()
    if kind == "json_schema":
        lost: list[str] = []
        body["output_config"] = {"format": {"type": "json_schema", "schema": _closed(schema, lost)}}
        if lost:
            wants.lose("response_format")
    elif kind == "json_object":
        system.append({"type": "text", "text": json_advice({})})
        wants.lose("response_format")


def _closed(schema: Any, lost: list[str]) -> Any:
    """The schema with its objects closed, as structured output wants; `lost` gets what it refuses."""
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NO_KEYWORDS:
            lost.append(key)
        elif key in _SCHEMA_MAPS and isinstance(value, dict):
            closed[key] = {name: _closed(inner, lost) for name, inner in value.items()}
        elif key in _SCHEMA_LISTS and isinstance(value, list):
            closed[key] = [_closed(inner, lost) for inner in value]
        else:
            closed[key] = _closed(value, lost) if key == "items" else value
    if closed.get("type") == "object":
        if closed.get("additionalProperties", False) is not False:
            lost.append("additionalProperties")
        closed["additionalProperties"] = False
    return closed
