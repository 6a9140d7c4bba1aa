"""What a request may not hold for a wire that must translate it, each refusal with its place."""

from __future__ import annotations

from typing import Any

import pytest
from wire_reading import encoded

from gateway.errors import GatewayError

WEATHER = {"type": "function", "function": {"name": "weather"}}


def call(id: object, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def user(part: object) -> list[Any]:
    return [{"role": "user", "content": [part]}]


def assistant(*calls: object) -> list[Any]:
    return [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [*calls]}]


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("messages[0].content[0]", {"messages": user("x")}),
        ("messages[0].content[0].type", {"messages": user({"type": "video"})}),
        ("messages[0].content[0].type", {"messages": user({})}),
        ("messages[0].content[0].text", {"messages": user({"type": "text"})}),
        ("messages[0].content[0].image_url", {"messages": user({"type": "image_url", "image_url": 5})}),
        ("messages[0].content[0].image_url.url", {"messages": user({"type": "image_url", "image_url": {}})}),
        (
            "messages[0].content[0].image_url.url",
            {"messages": user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}})},
        ),
        (
            "messages[0].content[0].image_url.url",
            {"messages": user({"type": "image_url", "image_url": {"url": "data:image/png,x"}})},
        ),
        (
            "messages[0].content[0].file.file_data",
            {"messages": user({"type": "file", "file": {"file_id": "f"}})},
        ),
        ("messages[0].role", {"messages": [{"role": "function", "content": "x"}]}),
        ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x"}]}),
        ("messages", {"messages": [{"role": "user", "content": ""}]}),
        ("messages[1].tool_calls[0]", {"messages": assistant(5)}),
        ("messages[1].tool_calls[0].function", {"messages": assistant({"id": "c"})}),
        ("messages[1].tool_calls[0].function.arguments", {"messages": assistant(call("c", "[1]"))}),
        ("messages[1].tool_calls[0].function.arguments", {"messages": assistant(call("c", "{"))}),
        ("messages[1].tool_calls[0].id", {"messages": assistant(call(5, "{}"))}),
        ("functions", {"functions": [{"name": "f"}]}),
        ("tools[0]", {"tools": [5]}),
        ("tools[0].type", {"tools": [{"type": "custom"}]}),
        ("tools[0].function", {"tools": [{"type": "function"}]}),
        (
            "tools[0].function.parameters",
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": [1]}}]},
        ),
        ("tool_choice", {"tools": [WEATHER], "tool_choice": {"type": "function"}}),
        ("tool_choice", {"tools": [WEATHER], "tool_choice": "maybe"}),
        ("stop", {"stop": [1]}),
        ("stop", {"stop": 5}),
        ("response_format.type", {"response_format": {"type": "xml"}}),
        ("response_format.json_schema.schema", {"response_format": {"type": "json_schema"}}),
    ],
)
def test_what_cannot_be_translated_is_refused_by_its_place(
    provider: str, param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(GatewayError) as refusal:
        encoded(provider, **fields)
    assert (refusal.value.status, refusal.value.param) == (400, param)
    assert f"`{param}`" in refusal.value.message


@pytest.mark.parametrize(
    ("provider", "param", "fields"),
    [
        ("anthropic", "n", {"n": 2}),
        ("anthropic", "user", {"user": 5}),
        (
            "anthropic",
            "messages[0].content[0]",
            {"messages": user({"type": "input_audio", "input_audio": {"format": "mp3", "data": "x"}})},
        ),
        ("gemini", "seed", {"seed": "x"}),
        (
            "gemini",
            "messages[0].tool_call_id",
            {"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]},
        ),
    ],
)
def test_what_one_wire_cannot_hold_is_refused_by_it(
    provider: str, param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(GatewayError) as refusal:
        encoded(provider, **fields)
    assert (refusal.value.status, refusal.value.param) == (400, param)
