"""Whatever a provider sends, a wire answers with a reply, an error of its own kind, or nothing."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_reading import ask, joined

from gateway.errors import UpstreamError
from gateway.providers import WIRES

leaves = st.sampled_from([None, True, 0, -1, 1.5, 10**15, "", "x", "$.a[0]", "STOP", "tool_use", "text"])
KEYS = [
    *("type", "index", "content", "text", "thinking", "id", "name", "input", "delta", "content_block"),
    *("message", "usage", "error", "partial_json", "stop_reason", "candidates", "parts", "functionCall"),
    *("args", "partialArgs", "jsonPath", "stringValue", "numberValue", "willContinue", "finishReason"),
    *("usageMetadata", "promptTokenCount", "promptFeedback", "blockReason", "choices", "finish_reason"),
    *("x_groq", "code", "status", "metadata", "raw", "detail", "responseId", "thoughtSignature"),
]
TYPES = [
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "error", "tool_use", "text", "thinking"),
]
bodies = st.recursive(
    leaves | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
garbage = st.binary(max_size=200) | bodies.map(orjson.dumps)
events = st.lists(garbage.map(lambda data: b"data: " + data + b"\n\n") | st.binary(max_size=50), max_size=6)


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None)
@given(data=garbage)
def test_replies(name: str, data: bytes) -> None:
    try:
        reply = WIRES[name].reply(data, ask(), "m")
    except UpstreamError as error:
        assert error.message
    else:
        assert isinstance(orjson.loads(reply.body)["choices"], list)


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None)
@given(data=garbage, status=st.integers(300, 599))
def test_errors(name: str, data: bytes, status: int) -> None:
    message, code = WIRES[name].error(status, data)
    assert 0 < len(message) <= 500
    assert code is None or code


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None)
@given(pieces=events)
def test_streams(name: str, pieces: list[bytes]) -> None:
    stream = WIRES[name].stream(ask(stream=True), "m")
    out = b"".join([*(stream.feed(piece) for piece in pieces), stream.rest()])
    assert stream.error is None or not stream.done
    assert (stream.usage is None) == (stream.usage_chunk is None)
    if name != "openai":
        assert stream.started == bool(joined(out))
        if stream.error or stream.done:
            assert stream.feed(b'data: {"type": "message_stop"}\n\n') + stream.rest() == b""
