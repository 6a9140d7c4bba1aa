"""Replies of status 200 that are none."""

from __future__ import annotations

import pytest
from wire_reading import ask, play

from gateway.errors import UpstreamError
from gateway.providers import WIRES


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"candidates": []}',
        b'{"candidates": 5, "content": 5}',
        b'{"candidates": [{"content": {"parts": [{"text": 5}]}}], "content": [{"type": "text", "text": 5}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": [1]}}]}}],'
        b'"content": [{"type": "tool_use", "input": [1]}]}',
        b'{"candidates": [{"index": 123456789012345678901234567890}], "content": [[]]}',
        b'{"candidates": [' + b"[" * 100_000,
        b'{"error": {"message": "no"}}',
    ],
)
def test_a_200_that_is_no_answer_is_a_failure(wire: str, data: bytes) -> None:
    with pytest.raises(UpstreamError) as failure:
        WIRES[wire].reply(data, ask(), "m")
    assert failure.value.status == 502
    assert failure.value.retryable


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
@pytest.mark.parametrize(
    "event", [b"data: <html>\n\n", b"data: [1]\n\n", b"data: %b\n" % (b"x" * 1000) * 1100]
)
def test_a_garbled_event_ends_a_stream(wire: str, event: bytes) -> None:
    stream = WIRES[wire].stream(ask(stream=True), "m")
    assert play(stream, event) == b""
    assert stream.error is not None
    assert (stream.error.status, stream.done, stream.finish) == (502, False, "")
