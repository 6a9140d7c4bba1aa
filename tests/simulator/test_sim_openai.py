"""The simulator's OpenAI wire, driven by the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import openai
import orjson
import pytest
from openai import OpenAI
from pydantic import BaseModel

USER: Any = [{"role": "user", "content": "Where does the water go?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 3}},
            "required": ["city"],
        },
    },
}


@pytest.fixture
def client(sim: Any) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{sim.base}/openai/v1", api_key="sk-secret", max_retries=0) as client:
        yield client


def test_a_plain_answer(client: OpenAI) -> None:
    reply = client.chat.completions.create(model="gpt-6-luna", messages=USER)
    choice = reply.choices[0]
    assert reply.model == "gpt-6-luna" and reply.object == "chat.completion"
    assert choice.finish_reason == "stop" and choice.message.role == "assistant"
    assert choice.message.content and len(choice.message.content.split()) == 12
    assert reply.usage
    assert reply.usage.prompt_tokens == 6  # 24 characters
    assert reply.usage.completion_tokens == 12 and reply.usage.total_tokens == 18


def test_the_same_request_gets_the_same_text_and_another_one_another(client: OpenAI) -> None:
    def ask(text: str) -> str | None:
        messages: Any = [{"role": "user", "content": text}]
        reply = client.chat.completions.create(model="m", messages=messages)
        return reply.choices[0].message.content

    assert ask("one") == ask("one") != ask("two")


def test_a_stream_says_what_the_plain_answer_says(client: OpenAI) -> None:
    plain = client.chat.completions.create(model="m", messages=USER)
    chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert len(chunks) == 14
    assert all(chunk.usage is None for chunk in chunks)  # not asked for
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_last_in_a_stream_that_asks_for_it(client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(model="m", messages=USER, stream=True, stream_options=options)
    *others, last = list(stream)
    assert last.choices == [] and last.usage and last.usage.completion_tokens == 12
    assert all(chunk.usage is None and chunk.choices for chunk in others)


def test_max_tokens_and_stop_end_an_answer(client: OpenAI) -> None:
    cut = client.chat.completions.create(model="m", messages=USER, max_tokens=3)
    content = cut.choices[0].message.content
    assert content and len(content.split()) == 3 and cut.choices[0].finish_reason == "length"
    third = content.split()[2]
    stopped = client.chat.completions.create(model="m", messages=USER, stop=[third])
    assert stopped.choices[0].message.content == content.removesuffix(third)
    assert stopped.choices[0].finish_reason == "stop"
    chunks = client.chat.completions.create(model="m", messages=USER, max_completion_tokens=2, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_demanded_tool_is_called_with_arguments_of_its_schema(client: OpenAI, choice: Any) -> None:
    reply = client.chat.completions.create(model="m", messages=USER, tools=[WEATHER], tool_choice=choice)
    message = reply.choices[0].message
    assert reply.choices[0].finish_reason == "tool_calls" and message.content is None
    assert message.tool_calls
    call: Any = message.tool_calls[0]
    arguments = orjson.loads(call.function.arguments)
    assert call.function.name == "get_weather" and call.id.startswith("call_")
    assert isinstance(arguments["city"], str) and 1 <= arguments["days"] <= 3


@pytest.mark.parametrize(
    ("text", "choice", "called"),
    [
        ("What is the weather in Oslo?", "auto", True),
        ("What is the weather in Oslo?", "none", False),
        ("Write a poem.", "auto", False),
    ],
)
def test_an_offered_tool_is_called_when_the_user_names_it(
    client: OpenAI, text: str, choice: Literal["auto", "none"], called: bool
) -> None:
    messages: Any = [{"role": "user", "content": text}]
    reply = client.chat.completions.create(model="m", messages=messages, tools=[WEATHER], tool_choice=choice)
    assert bool(reply.choices[0].message.tool_calls) is called


def test_a_streamed_call_comes_in_pieces_that_fit_together(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="m", messages=USER, tools=[WEATHER], tool_choice="required", stream=True
    )
    chunks = list(stream)
    calls = [c.choices[0].delta.tool_calls[0] for c in chunks if c.choices[0].delta.tool_calls]
    assert calls[0].id and calls[0].function and calls[0].function.name == "get_weather"
    assert len(calls) > 2
    text = "".join(call.function.arguments or "" for call in calls if call.function)
    assert orjson.loads(text).keys() == {"city", "days"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_tool_result_is_answered_with_text(client: OpenAI) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages: Any = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "7 degrees"},
    ]
    reply = client.chat.completions.create(
        model="m", messages=messages, tools=[WEATHER], tool_choice="required"
    )
    content = reply.choices[0].message.content
    assert content and content.startswith("The tool says: 7 degrees")


def test_a_schema_gets_an_instance(client: OpenAI) -> None:
    class Stop(BaseModel):
        place: str
        kind: Literal["lock", "mill"]
        depth: float
        next: Stop | None

    class Journey(BaseModel):
        stops: list[Stop]
        done: bool

    Journey.model_rebuild(_types_namespace={"Stop": Stop})
    reply = client.chat.completions.parse(model="m", messages=USER, response_format=Journey)
    assert reply.choices[0].message.parsed and reply.choices[0].message.parsed.stops
    free = client.chat.completions.create(model="m", messages=USER, response_format={"type": "json_object"})
    assert orjson.loads(free.choices[0].message.content or "").keys() == {"answer"}


def test_images_are_counted_not_measured(client: OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "Look"}, image, image]}]
    reply = client.chat.completions.create(model="m", messages=messages)
    assert (reply.choices[0].message.content or "").startswith("I see 2 images.")
    assert reply.usage and reply.usage.prompt_tokens == 2001


def test_a_long_first_message_is_cached_from_its_second_time_on(client: OpenAI) -> None:
    messages: Any = [{"role": "system", "content": "rule " * 1000}, *USER]
    cached = []
    for _ in range(2):
        usage: Any = client.chat.completions.create(model="m", messages=messages).usage
        cached.append(usage.prompt_tokens_details.cached_tokens)
    assert cached == [0, 1250]


def test_models_are_those_of_the_registry(client: OpenAI) -> None:
    assert "gpt-6-luna" in [model.id for model in client.models.list()]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "parse the JSON body"),
        (b'{"model": "m"}', "'messages' must be"),
        (b'{"model": "m", "messages": []}', "'messages' must be"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "model parameter"),
        (b'{"model": "m", "messages": ["x"]}', "Invalid request"),
        (b"[]", "Invalid request"),
    ],
)
def test_what_a_vendor_refuses_is_refused(client: OpenAI, body: bytes, words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        client.post("/chat/completions", content=body, cast_to=object)


def test_other_paths_are_not_found(sim: Any) -> None:
    status, answer = sim.call("POST", "/openai/v1/embeddings", {})
    assert status == 404 and "/openai/v1/embeddings" in answer["error"]["message"]
