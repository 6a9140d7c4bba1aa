from __future__ import annotations

import orjson
import pytest

from gateway.providers import WIRES
from gateway.providers.failures import in_band


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "type": "t", "param": None, "code": "c"}}, "m", "c"),  # OpenAI
        ({"error": {"message": "m", "type": "t", "code": None}}, "m", "t"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "m", "overloaded_error"),
        ({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}, "m", "UNAVAILABLE"),  # Gemini
        ([{"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}], "m", "UNAVAILABLE"),
        (
            {"error": {"code": 429, "message": "m", "metadata": {"raw": "busy"}}},
            "m: busy",
            "429",
        ),  # OpenRouter
        ({"object": "error", "message": "m", "type": "t", "code": "3230"}, "m", "3230"),  # Mistral
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, '[{"loc":["body"],"msg":"x"}]', None),  # FastAPI
        ({"detail": "m"}, "m", None),
        ({"code": "c", "error": "m"}, "m", "c"),  # xAI
        ({"error": "m"}, "m", None),  # Ollama
        ({"message": "m"}, "m", None),  # Bedrock
        ({"id": "i", "message": "m"}, "m", None),  # Cohere
        ("m", "m", None),
        ({"error": {"code": 7}}, 'HTTP 500: {"error":{"code":7}}', "7"),
        ([], "HTTP 500: []", None),
        (5, "HTTP 500: 5", None),
    ],
)
@pytest.mark.parametrize("wire", WIRES)
def test_every_envelope_is_read(wire: str, body: object, message: str, code: str | None) -> None:
    assert WIRES[wire].error(500, orjson.dumps(body)) == (message, code)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "HTTP 503 without a body"),
        (b"upstream  connect\nerror", "upstream connect error"),
        (b"<!doctype html><head><title>Bad gateway</title>", "HTTP 503 with a web page: Bad gateway"),
        (b"<html><body>x", "HTTP 503 with a web page: untitled"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"x" * 9000, "x" * 500),
        (orjson.dumps({"error": {"message": "y" * 9000}}), "y" * 500),
    ],
)
def test_what_is_no_envelope_is_told_in_short(data: bytes, message: str) -> None:
    assert WIRES["openai"].error(503, data)[0] == message


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"type": "overloaded_error", "message": "m"}, 529, "overload"),
        ({"type": "rate_limit_error", "message": "m"}, 429, "rate"),
        ({"type": "invalid_request_error", "message": "m"}, 400, "client"),
        ({"code": 503, "status": "UNAVAILABLE"}, 503, "transient"),
        ({"code": "insufficient_quota"}, 502, "money"),
        ({"code": 99999}, 502, "transient"),
        ("boom", 502, "transient"),
        (None, 502, "transient"),
        ([1], 502, "transient"),
    ],
)
def test_an_error_in_a_200_has_a_status(error: object, status: int, kind: str) -> None:
    failure = in_band(error)
    assert (failure.status, failure.kind) == (status, kind)
    assert failure.message
