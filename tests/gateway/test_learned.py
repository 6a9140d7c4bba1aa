"""What a running gateway learns: how long answers are, over a restart too, and who holds a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import Gateway, Simulator, StartGateway, start

TEXT = "What is the capital of France?"
LONG = "Here is my diary. " * 400


def config(simulator: Simulator, **models: dict[str, Any]) -> dict[str, Any]:
    names = [f"openai/{name}" for name in models]
    return {
        "providers": simulator.providers("openai"),
        "models": {name: {"context": 100_000} | models[name.split("/")[1]] for name in names},
        "routes": {"mine": {"strategy": "cheapest", "tier": "none", "candidates": names}},
    }


def expected(gateway: Gateway) -> float:
    return float(gateway.chat("mine", TEXT, stream=True).headers["x-headrace-expected-cost"])


def test_answers_shorter_than_usual_are_expected_to_be_cheaper_also_after_a_restart(
    simulator: Simulator, tmp_path: Path
) -> None:
    given = config(simulator, terse={"input": 1, "output": 10})
    gateway = start(tmp_path, given)
    try:
        before = expected(gateway)
        for _ in range(40):
            assert gateway.chat("mine", TEXT).status == 200
        after = expected(gateway)
        assert after < 0.6 * before
    finally:
        gateway.process.stop()
    gateway = start(tmp_path, given)
    try:
        assert after * 0.9 < expected(gateway) < after * 1.1
    finally:
        gateway.process.stop()


def test_a_conversation_stays_with_the_model_that_has_its_prompt(
    start_gateway: StartGateway, simulator: Simulator
) -> None:
    models = {
        "cheap": {"input": 1.5, "output": 2},
        "caching": {"input": 2, "output": 2, "cache_read": 0.1},
    }
    gateway = start_gateway(config(simulator, **models))
    first = {"role": "user", "content": LONG}
    answer = gateway.chat("openai/caching", messages=[first])
    assert answer.headers["x-headrace-model"] == "openai/caching"
    said = answer.json()["choices"][0]["message"]
    follow = [
        first,
        {"role": "assistant", "content": said["content"]},
        {"role": "user", "content": "and then?"},
    ]
    stays = gateway.chat("mine", messages=follow)
    assert stays.headers["x-headrace-model"] == "openai/caching"
    assert "tokens of the conversation may be in its cache" in stays.headers["x-headrace-reason"]
    other = gateway.chat("mine", messages=[{"role": "user", "content": LONG + "!"}])
    assert other.headers["x-headrace-model"] == "openai/cheap"
    assert "cache" not in other.headers["x-headrace-reason"]
