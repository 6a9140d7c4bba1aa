from __future__ import annotations

import orjson
import pytest
from wire_reading import USER, ask, encoded, play

from gateway.errors import UpstreamError
from gateway.money import Usage
from gateway.providers import PROVIDERS, WIRES, Provider

WIRE = WIRES["openai"]


def test_only_the_model_changes_in_the_body() -> None:
    request = ask(temperature=0.5, unheard_of={"x": [1, 2.50]})
    body, dropped = WIRE.encode(request, PROVIDERS["ollama"], "qwen")
    assert body == request.body.replace(b'"auto"', b'"qwen"')
    assert dropped == ()


def test_a_request_can_be_encoded_again_for_another_provider() -> None:
    request = ask(logprobs=True, max_tokens=5)
    before = request.body
    first = WIRE.encode(request, PROVIDERS["groq"], "a")
    assert WIRE.encode(request, PROVIDERS["openai"], "b") != first
    assert WIRE.encode(request, PROVIDERS["groq"], "a") == first
    assert request.body == before


@pytest.mark.parametrize(
    ("provider", "fields", "sent", "dropped"),
    [
        ("openai", {"max_tokens": 7}, {"max_completion_tokens": 7}, ()),
        ("openai", {"max_completion_tokens": 7}, {"max_completion_tokens": 7}, ()),
        (
            "openai",
            {"max_tokens": 7, "max_completion_tokens": 8},
            {"max_completion_tokens": 8},
            ("max_tokens",),
        ),
        ("deepseek", {"max_completion_tokens": 7}, {"max_tokens": 7}, ()),
        ("groq", {"logprobs": True, "top_logprobs": 2, "n": 2}, {}, ("logprobs", "top_logprobs", "n")),
        ("groq", {"logprobs": None, "n": 1}, {}, ()),
        ("mistral", {"seed": 3, "user": "u"}, {"random_seed": 3}, ("user",)),
        ("xai", {"stop": ["a"], "temperature": 0.1}, {"temperature": 0.1}, ("stop",)),
        (
            "openrouter",
            {"models": ["a", "b"], "provider": {"sort": "price"}},
            {"provider": {"sort": "price"}},
            (),
        ),
    ],
)
def test_what_a_vendor_refuses_is_dropped_or_renamed(
    provider: str, fields: dict[str, object], sent: dict[str, object], dropped: tuple[str, ...]
) -> None:
    body, names = encoded(provider, **fields)
    assert body == {"model": "m-1", "messages": USER, **sent}
    assert sorted(names) == sorted(dropped)


@pytest.mark.parametrize(
    ("provider", "options", "sent"),
    [
        ("openai", None, {"include_usage": True}),
        ("openai", {"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
        ("openai", {"include_usage": True}, {"include_usage": True}),
        ("mistral", None, None),
        ("mistral", {"include_usage": True}, None),
    ],
)
def test_a_stream_is_asked_for_its_usage(provider: str, options: object, sent: object) -> None:
    fields = {} if options is None else {"stream_options": options}
    body, dropped = encoded(provider, stream=True, **fields)
    assert body.get("stream_options") == sent
    assert dropped == ()


def test_headers_and_url() -> None:
    assert WIRE.headers("k") == {"content-type": "application/json", "authorization": "Bearer k"}
    assert WIRE.headers("") == {"content-type": "application/json"}
    for base in ("http://h/v1", "http://h/v1/"):
        assert WIRE.url(base, "m", False) == WIRE.url(base, "m", True) == "http://h/v1/chat/completions"


def test_a_reply_is_passed_on_as_it_is() -> None:
    data = b'{ "choices": [{"finish_reason":"eos","x":1}], "usage": {"prompt_tokens": 3} }'
    reply = WIRE.reply(data, ask(), "m")
    assert reply.body is data
    assert reply.usage == Usage(input=3)
    assert reply.finish == "eos"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"<html>", 502, "bad_reply"),
        (b"", 502, "bad_reply"),
        (b"[]", 502, "bad_reply"),
        (b'{"choices": []}', 502, "bad_reply"),
        (b'{"choices": 5}', 502, "bad_reply"),
        (b'{"choices": [{"finish_reason": "error"}]}', 502, "bad_reply"),
        (b'{"error": {"message": "no", "code": "insufficient_quota"}}', 502, "insufficient_quota"),
        (b'{"error": {"message": "slow down", "code": 429}}', 429, "429"),
        (b'{"error": "boom"}', 502, None),
        (b'{"choices": [' + b"[" * 100_000 + b"]}", 502, "bad_reply"),
    ],
)
def test_a_200_that_is_no_answer_is_a_failure(data: bytes, status: int, code: str | None) -> None:
    with pytest.raises(UpstreamError) as failure:
        WIRE.reply(data, ask(), "m")
    assert (failure.value.status, failure.value.code) == (status, code)
    assert failure.value.retryable


def event(**fields: object) -> bytes:
    return b"data: " + orjson.dumps({"id": "c", "object": "chat.completion.chunk", **fields}) + b"\n\n"


TEXT = event(choices=[{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}])
STOP = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})


def test_a_stream_is_passed_on_but_for_usage_and_done() -> None:
    stream = WIRE.stream(ask(stream=True), "m")
    assert play(stream, TEXT + STOP + USAGE + b"data: [DONE]\n\n") == TEXT + STOP
    assert (stream.done, stream.started, stream.finish, stream.error) == (True, True, "stop", None)
    assert stream.usage == Usage(input=3, output=2)
    assert stream.usage_chunk == orjson.loads(USAGE[6:])


def test_usage_of_groq_comes_in_a_chunk_of_its_own() -> None:
    stop = event(
        choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}],
        x_groq={"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    )
    stream = WIRE.stream(ask(stream=True), "m")
    assert play(stream, TEXT + stop + b"data: [DONE]\n\n") == TEXT + stop
    chunk = stream.usage_chunk
    assert chunk is not None
    assert chunk["choices"] == []
    assert chunk["usage"]["total_tokens"] == 5


def test_a_stream_that_ends_without_done_is_whole_if_it_has_a_finish_reason() -> None:
    whole, cut = WIRE.stream(ask(stream=True), "m"), WIRE.stream(ask(stream=True), "m")
    play(whole, TEXT + STOP)
    play(cut, TEXT)
    assert whole.done
    assert not cut.done


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (b'event: error\ndata: {"error": {"message": "no", "status_code": 400}}\n\n', 400),
        (b'data: {"error": {"message": "busy", "type": "overloaded_error"}}\n\n', 529),
        (b"data: %b\n" % (b"x" * 1000) * 1100, 502),
    ],
)
def test_an_error_ends_a_stream_and_is_not_passed_on(bad: bytes, status: int) -> None:
    stream = WIRE.stream(ask(stream=True), "m")
    assert stream.feed(TEXT) == TEXT
    assert stream.feed(bad) == b""
    assert stream.error is not None
    assert stream.error.status == status
    assert stream.feed(STOP) + stream.rest() == b""
    assert not stream.done


def test_an_answer_that_finishes_with_error_is_a_failure() -> None:
    stream = WIRE.stream(ask(stream=True), "m")
    play(stream, TEXT + event(choices=[{"index": 0, "delta": {}, "finish_reason": "error"}]))
    assert stream.error is not None
    assert not stream.done


def test_rows_are_complete() -> None:
    for name, row in PROVIDERS.items():
        assert isinstance(row, Provider)
        assert row.name == name
        assert row.wire in WIRES
        assert row.key_env
        assert row.base_url.startswith("https://") or row.key_optional
        assert not set(row.drop) & {"model", "messages", "stream", *row.rename.values()}
