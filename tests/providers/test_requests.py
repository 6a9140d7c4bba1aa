"""One request, three wires: what goes upstream for it, in full."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from wire_reading import ask, encoded

from gateway.providers import PROVIDERS, WIRES
from gateway.providers.anthropic import DEFAULT_MAX_TOKENS
from gateway.providers.gemini import NO_SIGNATURE

PNG = "iVBORw0KGgoAAAANSUhEUg=="
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Looks out of the window.",
        "parameters": {"type": "object", "properties": {"city": {"$ref": "#/$defs/C"}}, "$defs": {"C": {}}},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}, "minimum": {"type": "string"}},
}


def call(id: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}, **more}


CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Rome and Oslo?"},
    {"role": "user", "content": [{"type": "text", "text": "Quick."}, {"type": "text", "text": " "}]},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [call("call_1", '{"city": "Rome"}'), call("f.w:2", '{"big": 123456789012345678901}')],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "f.w:2", "content": '{"sky": "grey"}'},
    {"role": "developer", "content": [{"type": "text", "text": "Use metric units."}]},
    {"role": "user", "content": "And?"},
]


def test_a_conversation_for_openai_is_what_the_client_sent() -> None:
    body, dropped = encoded("openai", messages=CONVERSATION, tools=[WEATHER])
    sent = {"model": "m-1", "messages": CONVERSATION, "tools": [WEATHER]}
    assert body == orjson.loads(orjson.dumps(sent))
    assert dropped == ()


def test_a_conversation_for_anthropic() -> None:
    body, dropped = encoded("anthropic", messages=CONVERSATION, tools=[WEATHER])
    assert body == {
        "model": "m-1",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Use metric units."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather in Rome and Oslo?"},
                    {"type": "text", "text": "Quick."},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
                    {
                        "type": "tool_use",
                        "id": "f_2e_w_3a_2",
                        "name": "weather",
                        "input": orjson.loads('{"big": 123456789012345678901}'),
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [{"type": "text", "text": "sunny"}],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "f_2e_w_3a_2",
                        "content": [{"type": "text", "text": '{"sky": "grey"}'}],
                    },
                    {"type": "text", "text": "And?"},
                ],
            },
        ],
        "tools": [
            {
                "name": "weather",
                "description": "Looks out of the window.",
                "input_schema": WEATHER["function"]["parameters"],
            }
        ],
    }
    assert dropped == ()


def test_a_conversation_for_gemini() -> None:
    body, dropped = encoded("gemini", messages=CONVERSATION, tools=[WEATHER])
    big = orjson.loads('{"big": 123456789012345678901}')
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Use metric units."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Rome and Oslo?"}, {"text": "Quick."}]},
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Rome"}},
                        "thoughtSignature": NO_SIGNATURE,
                    },
                    {"functionCall": {"id": "f.w:2", "name": "weather", "args": big}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "call_1",
                            "name": "weather",
                            "response": {"result": "sunny"},
                        }
                    },
                    {"functionResponse": {"id": "f.w:2", "name": "weather", "response": {"sky": "grey"}}},
                ],
            },
            {"role": "user", "parts": [{"text": "And?"}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Looks out of the window.",
                        "parametersJsonSchema": WEATHER["function"]["parameters"],
                    }
                ]
            }
        ],
    }
    assert dropped == ()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_numbers_in_arguments_are_not_rounded(provider: str) -> None:
    row = PROVIDERS[provider]
    body, _ = WIRES[row.wire].encode(ask(messages=CONVERSATION), row, "m-1")
    assert b"123456789012345678901" in body


PARTS = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://host/cat.webp?size=2"}},
    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PNG}"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
]


def test_media_for_anthropic() -> None:
    body, _ = encoded("anthropic", messages=[{"role": "user", "content": PARTS}])
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "url", "url": "https://host/cat.webp?size=2"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
    ]


def test_media_for_gemini() -> None:
    audio = {"type": "input_audio", "input_audio": {"format": "mp3", "data": "SUQz"}}
    body, _ = encoded("gemini", messages=[{"role": "user", "content": [*PARTS, audio]}])
    assert body["contents"][0]["parts"] == [
        {"text": "What is this?"},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://host/cat.webp?size=2"}},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}},
    ]


@pytest.mark.parametrize(
    ("fields", "anthropic", "gemini"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}, {"mode": "AUTO"}),
        ({"tool_choice": "none"}, {"type": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "required"}, {"type": "any"}, {"mode": "ANY"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}, None),
        ({"parallel_tool_calls": True}, None, None),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}, {"mode": "NONE"}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
            {"mode": "ANY"},
        ),
    ],
)
def test_tool_choice(fields: dict[str, Any], anthropic: object, gemini: object) -> None:
    assert encoded("anthropic", tools=[WEATHER], **fields)[0].get("tool_choice") == anthropic
    config = encoded("gemini", tools=[WEATHER], **fields)[0].get("toolConfig", {})
    assert config.get("functionCallingConfig") == gemini


@pytest.mark.parametrize(
    ("fields", "anthropic", "lost"),
    [
        ({"temperature": 0.2, "stop": "END"}, {"temperature": 0.2, "stop_sequences": ["END"]}, ()),
        ({"temperature": 1.7}, {"temperature": 1}, ("temperature",)),
        ({"temperature": 1, "top_p": 1, "n": 1, "logprobs": False, "store": None}, {}, ()),
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}, ("top_p",)),
        ({"top_p": 0.9}, {"top_p": 0.9}, ()),
        ({"stop": ["a", "\n"]}, {"stop_sequences": ["a"]}, ("stop",)),
        ({"max_tokens": 9}, {"max_tokens": 9}, ()),
        ({"max_completion_tokens": 9, "max_tokens": 8}, {"max_tokens": 9}, ()),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}, ()),
        ({"seed": 7, "reasoning_effort": "high", "x": 1}, {}, ("seed", "reasoning_effort", "x")),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}, ()),
        ({"messages": [{"role": "user", "content": "Hi", "name": "Ann"}]}, {}, ("messages.name",)),
    ],
)
def test_options_for_anthropic(fields: dict[str, Any], anthropic: dict[str, Any], lost: object) -> None:
    body, dropped = encoded("anthropic", **fields)
    plain, _ = encoded("anthropic")
    assert body == plain | anthropic
    assert dropped == lost


@pytest.mark.parametrize(
    ("fields", "config", "lost"),
    [
        ({"temperature": 1.7, "top_p": 0.9}, {"temperature": 1.7, "topP": 0.9}, ()),
        ({"stop": list("abcdef")}, {"stopSequences": list("abcde")}, ("stop",)),
        ({"max_tokens": 9, "n": 2, "seed": 3}, {"maxOutputTokens": 9, "candidateCount": 2, "seed": 3}, ()),
        ({"presence_penalty": 0.1, "frequency_penalty": 0}, {"presencePenalty": 0.1}, ()),
        ({"user": "u", "logit_bias": {"1": 2}, "parallel_tool_calls": False}, {}, None),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}, ()),
        ({"stream": True}, {}, ()),
    ],
)
def test_options_for_gemini(fields: dict[str, Any], config: dict[str, Any], lost: object) -> None:
    body, dropped = encoded("gemini", **fields)
    assert body.get("generationConfig", {}) == config
    assert dropped == (tuple(fields) if lost is None else lost)


def json_schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


def test_a_response_format_for_anthropic() -> None:
    body, dropped = encoded("anthropic", response_format=json_schema(SCHEMA))
    closed = {
        "type": "object",
        "properties": {"age": {"type": "integer"}, "minimum": {"type": "string"}},
        "additionalProperties": False,
    }
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": closed}}
    assert dropped == ("response_format",), "the minimum cannot be held"
    assert encoded("anthropic", response_format=json_schema(closed))[1] == ()

    body, dropped = encoded("anthropic", response_format={"type": "json_object"})
    assert "JSON object" in body["system"][0]["text"]
    assert dropped == ("response_format",)


def test_a_response_format_for_gemini() -> None:
    body, dropped = encoded("gemini", response_format=json_schema(SCHEMA))
    assert body["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert dropped == ()

    body, dropped = encoded("gemini", response_format=json_schema(SCHEMA), tools=[WEATHER])
    assert "generationConfig" not in body
    assert orjson.dumps(SCHEMA).decode() in body["systemInstruction"]["parts"][0]["text"]
    assert dropped == ("response_format",)


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
def test_a_providers_own_drops_count_on_every_wire(provider: str) -> None:
    row = PROVIDERS[provider]
    strict = type(row)(
        name="x", base_url=row.base_url, key_env=(), wire=row.wire, drop=("temperature", "user")
    )
    body, dropped = WIRES[row.wire].encode(ask(temperature=0.1), strict, "m-1")
    assert b"temperature" not in body
    assert dropped == ("temperature",)


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
def test_instructions_alone_are_put_as_a_question(provider: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Say hi."}]
    body, _ = encoded(provider, messages=messages)
    turns = body.get("messages") or body["contents"]
    assert [turn["role"] for turn in turns] == ["user"]
    assert "Say hi." in str(turns)
    assert "Say hi." not in str(body.get("system") or body["systemInstruction"])


def test_cache_control_reaches_anthropic() -> None:
    mark = {"type": "ephemeral"}
    part = {"type": "text", "text": "Long.", "cache_control": mark}
    messages = [{"role": "system", "content": [part]}, {"role": "user", "content": [part]}]
    body, _ = encoded("anthropic", messages=messages, tools=[{**WEATHER, "cache_control": mark}])
    assert body["system"][0]["cache_control"] == mark
    assert body["messages"][0]["content"][0]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark


def test_an_empty_tool_result_has_no_content_for_anthropic() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call("c", "")]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    body, _ = encoded("anthropic", messages=messages)
    assert body["messages"][1]["content"] == [{"type": "tool_use", "id": "c", "name": "weather", "input": {}}]
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


def test_urls_and_headers_keep_the_key_out_of_the_url() -> None:
    gemini, anthropic = WIRES["gemini"], WIRES["anthropic"]
    assert gemini.url("https://h/v1beta/", "gemini-4 x", False) == (
        "https://h/v1beta/models/gemini-4%20x:generateContent"
    )
    assert (
        gemini.url("https://h/v1beta", "g", True) == "https://h/v1beta/models/g:streamGenerateContent?alt=sse"
    )
    assert gemini.headers("k")["x-goog-api-key"] == "k"
    assert anthropic.url("https://h/v1", "m", True) == "https://h/v1/messages"
    assert anthropic.headers("k") == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "k",
    }
    assert "x-api-key" not in anthropic.headers("")
    assert "x-goog-api-key" not in gemini.headers("")
