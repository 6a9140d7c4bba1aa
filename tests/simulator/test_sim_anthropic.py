"""The simulator's Anthropic wire, driven by the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

USER: Any = [{"role": "user", "content": "Where does the water go?"}]
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def client(sim: Any) -> Iterator[Anthropic]:
    with Anthropic(base_url=f"{sim.base}/claude", api_key="sk-ant", max_retries=0) as client:
        yield client


def test_a_plain_answer(client: Anthropic) -> None:
    reply = client.messages.create(model="claude-opus-5-5", max_tokens=100, messages=USER)
    assert reply.role == "assistant" and reply.model == "claude-opus-5-5"
    assert reply.stop_reason == "end_turn"
    block: Any = reply.content[0]
    assert block.type == "text" and len(block.text.split()) == 12
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (6, 12)


def test_a_stream_has_the_vendors_events_in_their_order(client: Anthropic) -> None:
    plain: Any = client.messages.create(model="m", max_tokens=100, messages=USER).content[0]
    events = list(client.messages.create(model="m", max_tokens=100, messages=USER, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[2:-3] == ["content_block_delta"] * 12
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    with client.messages.stream(model="m", max_tokens=100, messages=USER) as stream:
        assert "".join(stream.text_stream) == plain.text
        assert stream.get_final_message().usage.output_tokens == 12


def test_max_tokens_and_stop_sequences(client: Anthropic) -> None:
    cut = client.messages.create(model="m", max_tokens=3, messages=USER)
    text = getattr(cut.content[0], "text", "")
    assert cut.stop_reason == "max_tokens" and len(text.split()) == 3
    third = text.split()[2]
    stopped = client.messages.create(model="m", max_tokens=50, messages=USER, stop_sequences=["~", third])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", third)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_tools(client: Anthropic, choice: Any) -> None:
    more: Any = {"tools": [WEATHER], "tool_choice": choice}
    reply = client.messages.create(model="m", max_tokens=50, messages=USER, **more)
    block: Any = reply.content[0]
    assert reply.stop_reason == "tool_use" and block.type == "tool_use"
    assert block.name == "get_weather" and isinstance(block.input["city"], str)
    with client.messages.stream(model="m", max_tokens=50, messages=USER, **more) as stream:
        streamed: Any = stream.get_final_message().content[0]
    assert streamed.input == block.input and streamed.name == block.name
    result = {"type": "tool_result", "tool_use_id": block.id, "content": "7 degrees"}
    turns: Any = [
        *USER,
        {"role": "assistant", "content": [block.model_dump()]},
        {"role": "user", "content": [result]},
    ]
    after: Any = client.messages.create(model="m", max_tokens=50, messages=turns, **more)
    assert after.content[0].text.startswith("The tool says: 7 degrees")


def test_system_images_and_cache(client: Anthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 4000}
    content = [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    messages: Any = [{"role": "user", "content": content}]
    system = "rule " * 1000
    first, second = (
        client.messages.create(model="m", max_tokens=50, messages=messages, system=system) for _ in range(2)
    )
    assert getattr(first.content[0], "text", "").startswith("I see 1 image.")
    assert (first.usage.input_tokens, first.usage.cache_read_input_tokens) == (2251, 0)
    assert (second.usage.input_tokens, second.usage.cache_read_input_tokens) == (1001, 1250)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": "m", "messages": USER}, "max_tokens: Field required"),
        ({"model": "m", "max_tokens": 5, "messages": []}, "at least one message"),
        (
            {"model": "m", "max_tokens": 5, "messages": [{"role": "system", "content": "x"}]},
            "messages.0.role",
        ),
    ],
)
def test_what_the_vendor_refuses_is_refused(client: Anthropic, body: Any, words: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=words):
        client.post("/v1/messages", body=body, cast_to=object)


def test_a_key_and_a_version_are_demanded(sim: Any) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": USER}
    status, answer = sim.call("POST", "/claude/v1/messages", body)
    assert status == 401 and answer["error"]["type"] == "authentication_error"


def test_errors_have_the_vendors_shape(sim: Any, client: Anthropic) -> None:
    sim.set("claude", fault={"status": 529, "retry_after": 2})
    with pytest.raises(anthropic.InternalServerError) as failure:
        client.messages.create(model="m", max_tokens=5, messages=USER)
    body: Any = failure.value.body
    assert failure.value.status_code == 529 and body["error"]["type"] == "overloaded_error"
    assert failure.value.response.headers["retry-after"] == "2"
    sim.set("claude", fault="error_event")
    with pytest.raises(anthropic.APIStatusError, match="simulated provider failed"):
        list(client.messages.create(model="m", max_tokens=5, messages=USER, stream=True))
