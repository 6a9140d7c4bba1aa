"""A client that leaves: the provider is let go at once, and the row says 499."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Gateway, Simulator

MODEL = "openai/gpt-6-luna"


def ask(gateway: Gateway, **more: Any) -> socket.socket:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **more}).encode()
    parts = urlsplit(gateway.url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def eventually(happened: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def new_rows(gateway: Gateway, before: int) -> list[dict[str, Any]]:
    return eventually(lambda: gateway.rows()[before:])  # type: ignore[no-any-return]


def test_while_waiting_for_the_answer(gateway: Gateway, simulator: Simulator) -> None:
    simulator.set("openai", latency_ms=15_000)
    before, asked, gone = (
        len(gateway.rows()),
        simulator.count("openai")["requests"],
        simulator.count("openai")["gone"],
    )
    connection = ask(gateway)
    eventually(lambda: simulator.count("openai")["requests"] > asked)
    connection.close()
    eventually(lambda: simulator.count("openai")["gone"] > gone, seconds=5)
    (row,) = new_rows(gateway, before)
    assert (row["status"], row["client_gone"], row["finish"]) == (499, True, None)
    assert row["attempts"][0]["status"] == 499
    assert row["usage_source"] == "estimated" and row["input"] > 0


@pytest.mark.parametrize("model", [MODEL, "anthropic/claude-haiku-4-5", "gemini/gemini-3.6-flash"])
def test_in_the_middle_of_a_stream(gateway: Gateway, simulator: Simulator, model: str) -> None:
    provider = model.partition("/")[0]
    simulator.set(provider, output_tokens=2000, tokens_per_second=50)
    before, gone = len(gateway.rows()), simulator.count(provider)["gone"]
    connection = ask(gateway, model=model, stream=True)
    received = b""
    while received.count(b"data: ") < 5:
        received += connection.recv(65536)
    connection.close()
    eventually(lambda: simulator.count(provider)["gone"] > gone, seconds=5)
    (row,) = new_rows(gateway, before)
    assert (row["status"], row["client_gone"], row["stream"]) == (499, True, True)
    assert row["usage_source"] == "estimated"
    assert 3 <= row["output"] <= 200, "about a token for each event that was sent"
    assert row["cost_nano"] > 0


def test_the_gateway_serves_on(gateway: Gateway, simulator: Simulator) -> None:
    simulator.set("openai", latency_ms=15_000)
    asked = simulator.count("openai")["requests"]
    connections = [ask(gateway, stream=number % 2 == 0) for number in range(20)]
    eventually(lambda: simulator.count("openai")["requests"] >= asked + 20)
    for connection in connections:
        connection.close()
    simulator.reset()
    assert gateway.chat(model=MODEL).status == 200


def test_a_pipelining_client_that_leaves(gateway: Gateway, simulator: Simulator) -> None:
    simulator.set("openai", latency_ms=150)
    before = len(gateway.rows())
    connection = ask(gateway)
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.sendall((head.encode() + body) * 2)
    time.sleep(0.2)
    connection.close()
    time.sleep(1)
    rows = gateway.rows()[before:]
    assert rows and {row["status"] for row in rows} <= {200, 499}
    assert "Traceback" not in gateway.process.log.read_text()
