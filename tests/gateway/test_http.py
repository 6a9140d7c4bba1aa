"""What the gateway serves beside chat: decisions without a call, health, keys."""

from __future__ import annotations

import os
import time
from typing import Any

import openai
import pytest

from gateway.record import journals
from tests.conftest import Gateway, Simulator, StartGateway, request


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **more}


def test_route_is_the_decision_that_chat_takes(gateway: Gateway, simulator: Simulator) -> None:
    before = {name: simulator.count(name)["requests"] for name in ("openai", "anthropic", "gemini")}
    text = "Summarize in one line: The meeting was moved to Friday because the room was double-booked."
    for headers in (
        {},
        {"x_headrace_strategy": "best"},
        {"x_headrace_strategy": "cheapest", "x_headrace_tier": "none"},
    ):
        decision = request(f"{gateway.url}/v1/route", asked(text), **headers).json()
        assert decision["task"] == "summarization" and decision["decided_by"] == "l1"
        assert 0 < decision["confidence"] <= 1 and 0 <= decision["difficulty"] <= 1
        costs = [candidate["expected_cost_usd"] for candidate in decision["candidates"]]
        assert all(cost > 0 for cost in costs)
        if decision["strategy"] == "cheapest":
            assert costs == sorted(costs)
        assert all(out["model"] and out["reason"] for out in decision["left_out"])
        assert before == {name: simulator.count(name)["requests"] for name in before}
        reply = request(f"{gateway.url}/v1/chat/completions", asked(text), **headers)
        assert reply.headers["x-headrace-model"] == decision["candidates"][0]["model"]
        assert reply.headers["x-headrace-reason"] == decision["reason"]
        before = {name: simulator.count(name)["requests"] for name in before}


def test_route_refuses_as_chat_does(gateway: Gateway) -> None:
    for body in (
        {"model": "auto"},
        {"model": "nobody/nothing", "messages": [{"role": "user", "content": "x"}]},
    ):
        chat = request(f"{gateway.url}/v1/chat/completions", body)
        route = request(f"{gateway.url}/v1/route", body)
        assert (route.status, route.json()) == (chat.status, chat.json())


def test_health(gateway: Gateway) -> None:
    for path in ("/livez", "/readyz"):
        reply = request(f"{gateway.url}{path}")
        assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_auto_takes_its_strategy_from_its_name(gateway: Gateway) -> None:
    text = "Prove that there are infinitely many primes congruent to 3 modulo 4."
    for strategy in ("cheapest", "balanced", "best"):
        by_name = gateway.chat(model=f"auto:{strategy}", text=text).headers["x-headrace-model"]
        by_header = gateway.chat(text=text, headers={"x-headrace-strategy": strategy}).headers[
            "x-headrace-model"
        ]
        assert by_name == by_header


def test_with_an_admin_secret_a_key_is_required(start_gateway: StartGateway, simulator: Simulator) -> None:
    secret = "s3cret-" * 4
    gateway = start_gateway({"providers": simulator.providers("openai")}, HEADRACE_ADMIN_SECRET=secret)
    for reply in (
        gateway.chat(),
        gateway.chat(headers={"authorization": "Bearer wrong"}),
        request(f"{gateway.url}/v1/models"),
        request(f"{gateway.url}/v1/route", asked("hi")),
    ):
        assert reply.status == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"
        assert secret not in str(reply.headers) + reply.body.decode()
    assert gateway.chat(headers={"x-api-key": secret}).status == 200
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=secret) as client:
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hi"}])
    assert {row["key"] for row in gateway.rows() if row["status"] == 200} == {"admin"}
    assert request(f"{gateway.url}/livez").status == 200


def test_no_key_and_no_prompt_is_logged_or_stored(start_gateway: StartGateway, simulator: Simulator) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai", "anthropic", "gemini")})
    private = "my-private-canary-4711"
    for fault in (None, {"status": 500}, "garbage", "refuse"):
        for name in ("openai", "anthropic", "gemini"):
            simulator.set(name, fault=fault)
        gateway.chat(text=private)
        gateway.chat(text=private, stream=True)
    replies = [gateway.chat(model="openai/gpt-6-luna", text=private) for _ in range(2)]
    gateway.process.stop()
    kept = gateway.process.log.read_bytes() + b"".join(
        path.read_bytes() for path in gateway.data.rglob("*") if path.is_file()
    )
    kept += b"".join(reply.body + str(reply.headers).encode() for reply in replies)
    assert len(gateway.rows()) == 10
    for canary in (private.encode(), b"secret-of-"):
        assert canary not in kept


@pytest.mark.parametrize("workers", [2])
def test_several_workers_share_a_port_and_a_store(
    start_gateway: StartGateway, simulator: Simulator, workers: int
) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")}, "--workers", str(workers))
    ids = {gateway.chat().headers["x-request-id"] for _ in range(20)}
    deadline = time.monotonic() + 30
    while len(journals(gateway.data / "journal")) < workers:  # each has its own
        assert time.monotonic() < deadline, "a worker did not start"
        time.sleep(0.05)
    ids |= {gateway.chat().headers["x-request-id"] for _ in range(20)}
    assert ids <= {row["request_id"] for row in gateway.rows()}
    gateway.process.stop()
    assert ids <= {row["request_id"] for row in gateway.rows()}
    assert not os.listdir(gateway.data / "journal")


def test_the_plain_python_twin_serves_the_same(
    start_gateway: StartGateway, gateway: Gateway, simulator: Simulator
) -> None:
    pure = start_gateway(gateway.config, HEADRACE_PURE="1")
    assert "pure Python" in pure.process.log.read_text()
    assert "fastpath is" in gateway.process.log.read_text()
    text = "Extract the names from: Ana met Bo and Cy at noon."
    for model in ("auto", "openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "gemini/gemini-3.6-flash"):
        for stream in (False, True):
            ours, theirs = (each.chat(model=model, text=text, stream=stream) for each in (pure, gateway))
            assert ours.status == theirs.status == 200
            for name in ("x-headrace-model", "x-headrace-task", "x-headrace-difficulty", "x-headrace-reason"):
                assert ours.headers[name] == theirs.headers[name]
            assert ours.body.endswith(b"[DONE]\n\n") == theirs.body.endswith(b"[DONE]\n\n") == stream
