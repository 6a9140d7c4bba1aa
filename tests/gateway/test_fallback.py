"""A provider that fails before its first byte costs the client nothing but time."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from tests.conftest import Gateway, Simulator, StartGateway

FIRST, SECOND = "openai/gpt-6-luna", "anthropic/claude-haiku-4-5"
ORDER = {"models": [FIRST, SECOND]}
STATUSES = (401, 402, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529)


def events(body: bytes) -> list[Any]:
    return [
        json.loads(event.removeprefix(b"data: "))
        for event in body.split(b"\n\n")
        if event.startswith(b"data: {")
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", STATUSES)
def test_the_next_candidate_answers(
    gateway: Gateway, simulator: Simulator, status: int, stream: bool
) -> None:
    simulator.set("openai", fault={"status": status})
    reply = gateway.chat(stream=stream, **ORDER)
    assert reply.status == 200
    assert reply.headers["x-headrace-model"] == SECOND
    assert reply.headers["x-headrace-attempts"] == "2"
    row = gateway.row(reply.headers["x-request-id"])
    assert [(a["model"], a["status"]) for a in row["attempts"]] == [(FIRST, status), (SECOND, 200)]
    assert row["model"] == SECOND and row["error"] is None


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", ["refuse", "garbage", "empty", "error_event"])
def test_what_is_no_answer_falls_back(
    gateway: Gateway, simulator: Simulator, fault: str, stream: bool
) -> None:
    simulator.set("openai", fault=fault)
    reply = gateway.chat(stream=stream, **ORDER)
    assert (reply.status, reply.headers["x-headrace-model"]) == (200, SECOND)
    assert b"[DONE]" in reply.body if stream else reply.json()["choices"][0]["message"]["content"]


def test_a_plain_reply_that_is_cut_off_falls_back(gateway: Gateway, simulator: Simulator) -> None:
    simulator.set("openai", fault="cut")
    reply = gateway.chat(**ORDER)
    assert (reply.status, reply.headers["x-headrace-model"]) == (200, SECOND)


@pytest.mark.parametrize("model", [FIRST, SECOND, "gemini/gemini-3.6-flash"])
@pytest.mark.parametrize("clean", [False, True], ids=["reset", "clean end"])
def test_a_stream_cut_after_its_first_byte_ends_with_an_error(
    gateway: Gateway, simulator: Simulator, model: str, clean: bool
) -> None:
    simulator.set(model.partition("/")[0], fault={"kind": "cut", "after": 5, "clean": clean})
    reply = gateway.chat(model=model, stream=True)
    assert reply.status == 200, "the status line was out before the cut"
    *content, last = events(reply.body)
    assert content and all("choices" in event for event in content)
    assert model in last["error"]["message"]
    assert b"[DONE]" not in reply.body, "a cut answer must not look whole"
    row = gateway.row(reply.headers["x-request-id"])
    assert row["error"] and row["usage_source"] in ("provider", "estimated")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_clients_own_mistake_is_not_tried_elsewhere(
    gateway: Gateway, simulator: Simulator, status: int
) -> None:
    simulator.set("openai", fault={"status": status})
    before = simulator.count("anthropic")["requests"]
    reply = gateway.chat(**ORDER)
    assert reply.status == status
    assert FIRST in reply.json()["error"]["message"]
    assert simulator.count("anthropic")["requests"] == before


def test_when_all_fail_each_attempt_is_named(gateway: Gateway, simulator: Simulator) -> None:
    simulator.set("openai", fault={"status": 500})
    simulator.set("anthropic", fault={"status": 503})
    reply = gateway.chat(**ORDER)
    error = reply.json()["error"]
    assert reply.status == 502
    assert error["code"] == "upstream_error" and error["type"] == "api_error"
    assert f"{FIRST}: 500" in error["message"] and f"{SECOND}: 503" in error["message"]
    assert gateway.row(reply.headers["x-request-id"])["status"] == 502


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_when_all_are_rate_limited_the_client_learns_how_long(
    gateway: Gateway, simulator: Simulator, stream: bool
) -> None:
    simulator.set("openai", fault={"status": 429, "retry_after": 3})
    simulator.set("anthropic", fault={"status": 429, "retry_after": 11})
    reply = gateway.chat(stream=stream, **ORDER)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "11"
    assert reply.json()["error"]["code"] == "rate_limit_exceeded"
    assert FIRST in reply.json()["error"]["message"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_provider_out_of_reach_costs_one_attempt(start_gateway: StartGateway, simulator: Simulator) -> None:
    dead = {"wire": "openai", "base_url": f"http://127.0.0.1:{free_port()}/v1", "allow_private": True}
    models = {f"dead/{name}": {"input": 0.01, "output": 0.01} for name in ("a", "b", "c")}
    gateway = start_gateway({"providers": {"dead": dead, **simulator.providers("openai")}, "models": models})
    reply = gateway.chat(model="auto:cheapest", headers={"x-headrace-tier": "none"})
    assert reply.status == 200
    row = gateway.row(reply.headers["x-request-id"])
    assert [attempt["provider"] for attempt in row["attempts"]] == ["dead", "openai"]
    assert row["attempts"][0]["error"].startswith("unreachable")
    reply = gateway.chat(model="dead/a")
    assert reply.status == 502 and "dead/a" in reply.json()["error"]["message"]


def test_a_silent_provider_is_given_up_in_time(start_gateway: StartGateway, simulator: Simulator) -> None:
    providers = simulator.providers("openai", "anthropic")
    providers["openai"]["timeouts"] = {"first_event": 0.3}
    gateway = start_gateway({"providers": providers})
    simulator.set("openai", fault="stall")
    for stream in (False, True):
        started = time.monotonic()
        reply = gateway.chat(stream=stream, **ORDER)
        assert (reply.status, reply.headers["x-headrace-model"]) == (200, SECOND)
        assert 0.3 <= time.monotonic() - started < 10
        assert gateway.row(reply.headers["x-request-id"])["attempts"][0]["status"] == 504


def test_a_long_plain_answer_may_take_longer_than_an_event(
    start_gateway: StartGateway, simulator: Simulator
) -> None:
    providers = simulator.providers("openai", "anthropic")
    providers["openai"]["timeouts"] = {"idle": 0.3, "total": 1.5}
    gateway = start_gateway({"providers": providers})
    simulator.set("openai", latency_ms=800)
    assert gateway.chat(**ORDER).headers["x-headrace-model"] == FIRST
    simulator.set("openai", latency_ms=5000)
    assert gateway.chat(**ORDER).headers["x-headrace-model"] == SECOND


def test_a_routes_fallbacks_follow_in_their_order(start_gateway: StartGateway, simulator: Simulator) -> None:
    routes = {
        "code": {"candidates": [FIRST], "fallbacks": ["gemini/gemini-3.6-flash", SECOND], "tier": "none"}
    }
    gateway = start_gateway(
        {"providers": simulator.providers("openai", "anthropic", "gemini"), "routes": routes}
    )
    assert gateway.chat(model="code").headers["x-headrace-model"] == FIRST
    simulator.set("openai", fault={"status": 500})
    assert gateway.chat(model="code").headers["x-headrace-model"] == "gemini/gemini-3.6-flash"
    simulator.set("gemini", fault={"status": 500})
    assert gateway.chat(model="code").headers["x-headrace-model"] == SECOND
