"""Bad input: a clear error in the OpenAI shape, a row of it, and never a 500 or a hung connection."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Gateway, StartGateway, request

GOOD = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
DEEP = b"[" * 10_000 + b"]" * 10_000


def with_(**more: Any) -> bytes:
    return json.dumps({**json.loads(GOOD), **more}).encode()


CASES: dict[str, tuple[bytes, int, str, str | None]] = {
    # name: body, status, code, param
    "no body": (b"", 400, "invalid_json", None),
    "not JSON": (b"model=auto", 400, "invalid_json", None),
    "cut JSON": (GOOD[:-1], 400, "invalid_json", None),
    "trailing comma": (b'{"model":"auto",}', 400, "invalid_json", None),
    "NaN": (GOOD[:-1] + b',"temperature":NaN}', 400, "invalid_json", None),
    "a list": (b"[]", 400, "not_an_object", None),
    "invalid UTF-8": (GOOD.replace(b"hi", b"\xff\xfe"), 400, "invalid_utf8", None),
    "a key twice": (GOOD[:-1] + b',"model":"gpt-6-luna"}', 400, "duplicate_key", None),
    "a key twice, escaped": (GOOD[:-1] + b',"mod\\u0065l":"x"}', 400, "duplicate_key", None),
    "10,000 deep": (b'{"model":"auto","x":' + DEEP + b"}", 400, "too_deep", None),
    "10,000 deep in a message": (GOOD.replace(b'"hi"', DEEP), 400, "too_deep", None),
    "no model": (b'{"messages":[{"role":"user","content":"hi"}]}', 400, "missing_model", "model"),
    "model is a number": (with_(model=3), 400, "invalid_value", "model"),
    "model is empty": (with_(model=""), 400, "invalid_value", "model"),
    "model is too long": (with_(model="m" * 300), 400, "invalid_value", "model"),
    "too many models": (with_(models=["openai/gpt-6-luna"] * 17), 400, "invalid_value", "models"),
    "a route among the models": (with_(models=["openai/gpt-6-luna", "auto"]), 400, "invalid_value", "models"),
    "unknown model": (with_(model="gpt-99-ultra"), 404, "model_not_found", "model"),
    "model of an absent provider": (with_(model="groq/openai/gpt-oss-20b"), 404, "model_not_found", "model"),
    "unknown model in the list": (with_(models=["nobody/nothing"]), 404, "model_not_found", "model"),
    "models is a string": (with_(models="auto"), 400, "invalid_value", "models"),
    "models holds numbers": (with_(models=[1]), 400, "invalid_value", "models"),
    "no messages": (b'{"model":"auto"}', 400, "missing_messages", "messages"),
    "messages is a string": (with_(messages="hi"), 400, "invalid_value", "messages"),
    "messages is null": (with_(messages=None), 400, "empty_messages", "messages"),
    "empty messages": (with_(messages=[]), 400, "empty_messages", "messages"),
    "a message is a string": (with_(messages=["hi"]), 400, "invalid_value", "messages[0]"),
    "no role": (with_(messages=[{"content": "hi"}]), 400, "invalid_value", "messages[0]"),
    "unknown role": (
        with_(messages=[{"role": "boss", "content": "x"}]),
        400,
        "invalid_value",
        "messages[0].role",
    ),
    "no content": (with_(messages=[{"role": "user"}]), 400, "invalid_value", "messages[0].content"),
    "content is a number": (
        with_(messages=[{"role": "user", "content": 7}]),
        400,
        "invalid_value",
        "messages[0].content",
    ),
    "stream is a string": (with_(stream="yes"), 400, "invalid_value", "stream"),
    "max_tokens is zero": (with_(max_tokens=0), 400, "invalid_value", "max_tokens"),
    "max_tokens is a boolean": (with_(max_tokens=True), 400, "invalid_value", "max_tokens"),
    "max_tokens is half": (with_(max_tokens=1.5), 400, "invalid_value", "max_tokens"),
    "temperature is a string": (with_(temperature="hot"), 400, "invalid_value", "temperature"),
    "tools is an object": (with_(tools={}), 400, "invalid_value", "tools"),
    "response_format is a string": (with_(response_format="json"), 400, "invalid_value", "response_format"),
    "stream_options is a list": (with_(stream_options=[]), 400, "invalid_value", "stream_options"),
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
@pytest.mark.parametrize("name", CASES)
def test_the_error_says_what_where_and_how(gateway: Gateway, name: str, path: str) -> None:
    body, status, code, param = CASES[name]
    reply = request(f"{gateway.url}{path}", body)
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert len(error["message"]) > 20 and error["message"].endswith((".", "chooses."))
    assert reply.headers["x-request-id"].startswith("req_")
    assert "x-headrace-model" not in reply.headers


def test_every_refusal_has_its_row(gateway: Gateway) -> None:
    ids = {}
    for name, (body, status, code, _) in CASES.items():
        ids[request(f"{gateway.url}/v1/chat/completions", body).headers["x-request-id"]] = (
            name,
            status,
            code,
        )
    rows = {row["request_id"]: row for row in gateway.rows()}
    for request_id, (name, status, code) in ids.items():
        assert (rows[request_id]["status"], rows[request_id]["error"]) == (status, code), name
        assert rows[request_id]["cost_nano"] == 0


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-headrace-strategy", "fastest"),
        ("x-headrace-tier", "gold"),
        ("x-headrace-max-cost", "cheap"),
        ("x-headrace-max-cost", "-1"),
        ("x-headrace-max-cost", "NaN"),
        ("x-headrace-max-cost", "1e999999"),
        ("x-headrace-max-cost", "1e5000"),
    ],
)
def test_a_wish_that_is_none(gateway: Gateway, header: str, value: str) -> None:
    reply = gateway.chat(headers={header: value})
    assert reply.status == 400
    assert reply.json()["error"]["param"] == header
    assert header in reply.json()["error"]["message"]


def test_a_max_cost_that_nobody_meets(gateway: Gateway) -> None:
    reply = gateway.chat(headers={"x-headrace-max-cost": "0.000000001"})
    assert reply.status == 400
    assert reply.json()["error"]["code"] == "no_candidate"
    assert "max cost" in reply.json()["error"]["message"]


def test_paths_and_methods(gateway: Gateway) -> None:
    reply = request(f"{gateway.url}/v1/nothing")
    assert (reply.status, reply.json()["error"]["code"]) == (404, "not_found")
    reply = request(f"{gateway.url}/v1/route")
    assert (reply.status, reply.json()["error"]["code"]) == (405, "method_not_allowed")
    reply = request(f"{gateway.url}/v1/chat/completions")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert request(f"{gateway.url}/v1/models/").status == 404, "no redirect to a host of the client's"


def raw(gateway: Gateway, data: bytes, then: bytes = b"") -> socket.socket:
    parts = urlsplit(gateway.url)
    assert parts.hostname and parts.port
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    connection.sendall(data)
    if then:
        connection.sendall(then)
    return connection


def test_a_body_over_the_limit(start_gateway: StartGateway, gateway: Gateway) -> None:
    small = start_gateway({"server": {"max_body": 1000}, **gateway.config})
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    with raw(small, head + b"content-length: 10000000000\r\n\r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"
    chunks = b"".join(b"fa\r\n" + b" " * 250 + b"\r\n" for _ in range(8)) + b"0\r\n\r\n"
    with raw(small, head + b"transfer-encoding: chunked\r\n\r\n", chunks) as connection:
        answer = b""
        while b"}}" not in answer and (part := connection.recv(65536)):
            answer += part
        assert answer.startswith(b"HTTP/1.1 413") and b"body_too_large" in answer
    assert small.chat().status == 200, "a body within the limit still passes"
    big = request(f"{gateway.url}/v1/chat/completions", b" " * (32 * 1024 * 1024 + 1))
    assert (big.status, big.json()["error"]["code"]) == (413, "body_too_large")


def test_a_large_body_within_the_limit(gateway: Gateway) -> None:
    reply = gateway.chat(model="openai/gpt-6-luna", text="word " * 1_000_000)
    assert reply.status == 200


def test_a_client_that_leaves_in_its_body(gateway: Gateway) -> None:
    before = len(gateway.rows())
    raw(gateway, b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").close()
    rows = gateway.rows()
    for _ in range(100):
        if len(rows) > before:
            break
        rows = gateway.rows()
    assert (rows[-1]["status"], rows[-1]["client_gone"]) == (499, True)


def test_unusual_but_valid(gateway: Gateway) -> None:
    odd = b' \n{"messages" : [ {"content":"h\\u0069 \\ud83d\\ude00","role":"user"} ],"model"\t:"auto"} '
    assert request(f"{gateway.url}/v1/chat/completions", odd).status == 200
    nulls = with_(stream=None, max_tokens=None, tools=None, models=None, temperature=None)
    assert request(f"{gateway.url}/v1/chat/completions", nulls).status == 200


def test_client_names_cannot_forge_headers(gateway: Gateway) -> None:
    reply = request(
        f"{gateway.url}/v1/chat/completions",
        with_(model="anthropic/claude-haiku-4-5", **{"x\r\nset-cookie: a=b": 1, "ключ" * 500: 2}),
    )
    assert reply.status == 200
    assert "set-cookie" not in reply.headers
    assert len(reply.headers["x-headrace-dropped"]) <= 1024
    odd = request(f"{gateway.url}/v1/chat/completions", with_(model="gpt-6-luna\r\nset-cookie: a=b"))
    assert odd.status == 404 and "set-cookie" not in odd.headers
    spelled = request(f"{gateway.url}/v1/chat/completions", with_(model="gpt-6\r\n-luna"))
    assert spelled.status == 200 and spelled.headers["x-headrace-model"] == "openai/gpt-6-luna"
