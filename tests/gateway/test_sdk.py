"""The official OpenAI SDK, unchanged, against every wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.conftest import Gateway, Simulator

MODELS = ("openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "gemini/gemini-3.6-flash")
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="anything", max_retries=0) as client:
        yield client


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_auto_answers_and_says_what_was_decided(client: openai.OpenAI) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model="auto", messages=ask("Write a Python function that reverses a linked list.")
    )
    completion = reply.parse()
    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage and completion.usage.total_tokens > 0
    headers = reply.headers
    assert headers["x-headrace-task"] == "code_generation"
    assert headers["x-headrace-model"].partition("/")[0] in ("openai", "anthropic", "gemini")
    assert headers["x-headrace-attempts"] == "1"
    assert 0 <= float(headers["x-headrace-difficulty"]) <= 1
    assert "code_generation" in headers["x-headrace-reason"]
    assert len(headers["x-headrace-cost"].partition(".")[2]) == 9
    assert float(headers["x-headrace-cost"]) > 0
    assert int(headers["x-headrace-overhead-us"]) > 0
    assert headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("model", MODELS)
def test_plain(client: openai.OpenAI, simulator: Simulator, model: str) -> None:
    completion = client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "Be brief."}, *ask("Who wrote Faust?")],
        temperature=0.2,
        max_tokens=12,
        stop=["\n\n"],
    )
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].message.content
    assert completion.usage and completion.usage.completion_tokens <= 12
    provider, _, name = model.partition("/")
    sent = simulator.requests(provider)[-1]
    assert name in sent["path"] or sent["body"]["model"] == name


@pytest.mark.parametrize("model", MODELS)
def test_stream(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(model=model, messages=ask("Tell me a story."), stream=True)
    chunks = list(stream)
    assert len(chunks) > 5
    assert len({chunk.id for chunk in chunks}) == 1
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        "stop"
    ]
    assert not any(chunk.usage for chunk in chunks), "usage was not asked for"


@pytest.mark.parametrize("model", MODELS)
def test_stream_with_usage_ends_with_its_cost(client: openai.OpenAI, gateway: Gateway, model: str) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model=model, messages=ask("Hi"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(reply.parse())
    last = chunks[-1]
    assert last.choices == [] and last.usage
    assert [chunk for chunk in chunks if chunk.usage] == [last]
    row = gateway.row(reply.headers["x-request-id"])
    assert row["usage_source"] == "provider"
    assert row["output"] == last.usage.completion_tokens
    assert row["input"] + row["cache_read"] + row["cache_write"] == last.usage.prompt_tokens
    assert round(last.usage.model_extra["cost"] * 1e9) == row["cost_nano"] > 0  # type: ignore[index]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", MODELS)
def test_tools_there_and_back(client: openai.OpenAI, model: str, stream: bool) -> None:
    messages = ask("What is the weather in Oslo?")
    if stream:
        calls: dict[int, dict[str, str]] = {}
        finish = None
        for chunk in client.chat.completions.create(
            model=model, messages=messages, tools=[WEATHER], tool_choice="required", stream=True
        ):
            finish = chunk.choices[0].finish_reason or finish
            for delta in chunk.choices[0].delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += delta.id or ""
                assert delta.function
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
        call = calls[0]
    else:
        completion = client.chat.completions.create(
            model=model, messages=messages, tools=[WEATHER], tool_choice="required"
        )
        finish = completion.choices[0].finish_reason
        made: Any = (completion.choices[0].message.tool_calls or [])[0]
        call = {"id": made.id, "name": made.function.name, "arguments": made.function.arguments}
    assert finish == "tool_calls"
    assert call["name"] == "get_weather" and call["id"]
    assert "city" in json.loads(call["arguments"])
    function = {"name": call["name"], "arguments": call["arguments"]}
    answer = client.chat.completions.create(
        model=model,
        messages=[
            *messages,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call["id"], "type": "function", "function": function}],  # type: ignore[list-item]
            },
            {"role": "tool", "tool_call_id": call["id"], "content": "4 degrees, rain"},
        ],
        tools=[WEATHER],
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_a_picture_arrives(client: openai.OpenAI, simulator: Simulator, model: str) -> None:
    completion = client.chat.completions.create(
        model=model,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            }
        ],
    )
    assert completion.choices[0].message.content
    sent = json.dumps(simulator.requests(model.partition("/")[0])[-1]["body"])
    assert PIXEL.partition(",")[2] in sent


def test_a_picture_goes_to_a_model_that_sees(client: openai.OpenAI) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model="auto:cheapest",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Describe it."},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            }
        ],
    )
    from gateway.registry import load

    assert load()[reply.headers["x-headrace-model"]].vision is not False


def test_unknown_parameters_pass_to_an_openai_target(client: openai.OpenAI, simulator: Simulator) -> None:
    client.chat.completions.create(
        model="openai/gpt-6-luna", messages=ask("Hi"), extra_body={"a_brand_new_parameter": {"x": [1, 2.50]}}
    )
    assert simulator.requests("openai")[-1]["body"]["a_brand_new_parameter"] == {"x": [1, 2.5]}


@pytest.mark.parametrize("model", ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"])
def test_a_model_without_sampling_is_spared_it(
    client: openai.OpenAI, simulator: Simulator, model: str
) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model=model, messages=ask("Hi"), temperature=0.3, top_p=0.9
    )
    assert not {"temperature", "top_p"} & simulator.requests(model.partition("/")[0])[-1]["body"].keys()
    assert reply.headers["x-headrace-dropped"] == "temperature, top_p"


def test_keys_go_to_their_own_provider_only_and_nowhere_else(
    client: openai.OpenAI, simulator: Simulator
) -> None:
    client.chat.completions.create(model="openai/gpt-6-luna", messages=ask("Hi"))
    sent = simulator.requests("openai")[-1]
    assert "anything" not in json.dumps(sent), "the client's own key must not be forwarded"


def test_errors_are_the_sdks_own(client: openai.OpenAI, simulator: Simulator) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-99", messages=ask("Hi"))
    assert unknown.value.code == "model_not_found"
    assert unknown.value.request_id
    simulator.set("openai", fault={"status": 400})
    with pytest.raises(openai.BadRequestError, match="openai/gpt-6-luna"):
        client.chat.completions.create(model="openai/gpt-6-luna", messages=ask("Hi"))
    simulator.set("openai", fault={"status": 429, "retry_after": 7})
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model="openai/gpt-6-luna", messages=ask("Hi"))
    assert limited.value.response.headers["retry-after"] == "7"


def test_models_are_listed(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"auto", "auto:cheapest", "openai/gpt-6-luna", "anthropic/claude-haiku-4-5"} <= names
    assert client.models.retrieve("openai/gpt-6-luna").owned_by == "openai"
    assert client.models.retrieve("auto").id == "auto"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")
