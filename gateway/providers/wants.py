"""Reads the options of an OpenAI chat request, for the wires that must translate them."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from gateway.exchange import Ask
from gateway.providers.turns import refuse

# Keys that a wire reads from the ask itself, or that are for the gateway alone.
_READ = frozenset(
    {"model", "models", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"}
)
# What a provider does unasked: not sent, and no loss.
_DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0,
    "function_call": "none",
    "functions": [],
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "service_tier": "auto",
    "stop": [],
    "store": False,
    "stream_options": {"include_usage": True},
    "temperature": 1,
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1,
}
_ABSENT = object()


def is_default(key: str, value: Any) -> bool:
    """Whether leaving `key` out says the same."""
    return value is None or value == _DEFAULTS.get(key, _ABSENT)


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    description: str
    schema: dict[str, Any]  # JSON schema of the arguments, {} where there are none
    cache: dict[str, Any] | None  # Anthropic's `cache_control`


class Choice(NamedTuple):
    """Whether to call tools: `mode` is auto, none or required, "" where the client left it open."""

    mode: str
    name: str = ""  # the one function to call, where the client named one


class Wants:
    """The options of one request; each is taken once, and what nobody took was dropped."""

    def __init__(self, ask: Ask, drop: tuple[str, ...]) -> None:
        self._left = {
            key: value
            for key, value in ask.parsed().items()
            if key not in _READ and not is_default(key, value)
        }
        self._lost = [key for key in drop if self._left.pop(key, None) is not None]

    def dropped(self) -> tuple[str, ...]:
        """The names of what could not be sent as it was asked for."""
        return tuple(dict.fromkeys([*self._lost, *self._left]))

    def lose(self, name: str) -> None:
        """Notes that `name` is sent in part only, or as mere advice to the model."""
        self._lost.append(name)

    def number(self, key: str) -> int | float | None:
        """A number, None where the client sent none or the default."""
        value = self._left.pop(key, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            refuse(key, "must be a number")
        return value

    def text(self, key: str) -> str | None:
        """A string, None where the client sent none."""
        value = self._left.pop(key, None)
        if value is not None and not isinstance(value, str):
            refuse(key, "must be a string")
        return value

    def stops(self, most: int | None = None) -> list[str]:
        """The stop sequences, `most` of them, without blank ones, which vendors refuse."""
        value = self._left.pop("stop", [])
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(stop, str) for stop in given):
            refuse("stop", "must be a string or a list of strings")
        stops = [stop for stop in given if stop.strip()][:most]
        if len(stops) < len(given):
            self.lose("stop")
        return stops

    def tools(self) -> list[Tool]:
        """The functions on offer."""
        if "functions" in self._left:
            refuse("functions", "is the older form, which this provider lacks: send `tools`")
        value = self._left.pop("tools", [])
        if not isinstance(value, list):
            refuse("tools", "must be a list of tools")
        return [self._tool(tool, f"tools[{index}]") for index, tool in enumerate(value)]

    def _tool(self, tool: Any, where: str) -> Tool:
        if not isinstance(tool, dict):
            refuse(where, "must be an object")
        if tool.get("type", "function") != "function":
            refuse(f"{where}.type", "must be function: this provider has no other tools in this shape")
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            refuse(f"{where}.function", "must be an object with a string `name`")
        schema = function.get("parameters") or {}
        if not isinstance(schema, dict):
            refuse(f"{where}.function.parameters", "must be a JSON schema")
        if function.get("strict"):
            self.lose("tools.function.strict")
        description, cache = function.get("description"), tool.get("cache_control")
        return Tool(
            function["name"],
            description if isinstance(description, str) else "",
            schema,
            cache if isinstance(cache, dict) else None,
        )

    def tool_choice(self) -> Choice:
        """Whether to call tools; only for a request with tools."""
        value = self._left.pop("tool_choice", "")
        if value in ("", "auto", "none", "required"):
            return Choice(value)
        if isinstance(value, dict) and value.get("type") == "function":
            function = value.get("function")
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                return Choice("required", function["name"])
        refuse("tool_choice", "must be auto, none, required or {type, function: {name}}")

    def one_call_at_a_time(self) -> bool:
        """Whether the client refused parallel tool calls; only where the wire can say so."""
        return self._left.pop("parallel_tool_calls", True) is False

    def response_format(self) -> tuple[str, dict[str, Any]]:
        """The kind, "" for plain text, and the JSON schema of `json_schema`."""
        value = self._left.pop("response_format", None)
        if value is None:
            return "", {}
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "json_object":
            return kind, {}
        if kind != "json_schema":
            refuse("response_format.type", "must be text, json_object or json_schema")
        wrapper = value.get("json_schema")
        schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
        if not isinstance(schema, dict):
            refuse("response_format.json_schema.schema", "must be a JSON schema")
        return kind, schema


def json_advice(schema: dict[str, Any]) -> str:
    """The instruction that stands in for a response format which the provider lacks."""
    if not schema:
        return "Answer with one JSON object and nothing else: no other text, no code fence."
    text = orjson.dumps(schema).decode()
    return f"Answer with JSON that matches this schema and nothing else, no code fence: {text}"
