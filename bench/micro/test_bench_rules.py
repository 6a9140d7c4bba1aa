"""What own rules cost beside the classifier, at ten and at ten thousand, and what their start costs."""

from __future__ import annotations

import random
from itertools import cycle
from typing import Any

import msgspec
import pytest
from payloads import CHAT_8K, CHAT_400K, CHAT_500B
from pytest_benchmark.fixture import BenchmarkFixture

from gateway.brain import Classifier, Label
from gateway.classify import classify
from gateway.config import Rule
from gateway.exchange import read_ask
from gateway.rules import Rules, Ruling

BODIES = {"500 B": CHAT_500B, "8 KB": CHAT_8K, "400 KB": CHAT_400K}
COUNTS = (10, 1_000, 10_000)


def words(dice: random.Random) -> str:
    return "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randrange(5, 11)))


def many(count: int) -> list[Rule]:
    """Rules of every kind that concern few requests, more than half of them with patterns."""
    dice = random.Random(7)
    tasks = cycle(["math", "translation", "creative_writing"])
    rules: list[dict[str, Any]] = []
    for number in range(count):
        patterns = [
            f"{words(dice)} {words(dice)}",
            rf"\b{words(dice)}\b",
            rf"{words(dice)[:5].upper()}[0-9A-Z]{{8,16}}",
            rf"(?:{words(dice)}|{words(dice)})\s+{words(dice)}",
            rf"\b{words(dice)}-?\d{{4,8}}\b",
        ]
        kind = number % 10
        rule: dict[str, Any] = {"then": {"tag": f"t{number}"}}
        if kind < 5:
            rule["match"] = patterns[kind]
        elif kind == 5:
            rule["when"] = {"key": [f"key{number}"]}
        elif kind == 6:
            rule["when"] = {"tag": [f"t{number - 1}"]}
        elif kind == 7:
            rule["when"] = {"key": [f"key{number}"], "task": [next(tasks)], "min_tokens": 100}
        elif kind == 8:
            rule["match"], rule["when"] = patterns[:2], {"tools": True}
        else:
            rule["when"] = {"tag": [f"client{number}"]}
            rule["then"] = {"tier": "enhanced"}
        rules.append(rule)
    return msgspec.convert(rules, list[Rule])


@pytest.fixture(scope="module", params=COUNTS)
def rules(request: pytest.FixtureRequest) -> Rules[None]:
    given = many(request.param)
    return Rules(given, [None] * len(given), "bench")


@pytest.mark.parametrize("size", BODIES)
def test_rules(benchmark: BenchmarkFixture, rules: Rules[None], size: str) -> None:
    ask, label = read_ask(BODIES[size]), Label("general", 0.9, 0.5)
    assert benchmark(rules.read, "open", ask, label, ()).rule is None


@pytest.mark.parametrize("size", BODIES)
def test_classify_and_rules(benchmark: BenchmarkFixture, rules: Rules[None], size: str) -> None:
    classifier, ask = Classifier(), read_ask(BODIES[size])

    def both() -> Ruling[None]:
        return rules.read("open", ask, classify(classifier, ask), ())

    assert benchmark(both).rule is None


@pytest.mark.parametrize("count", COUNTS)
def test_start(benchmark: BenchmarkFixture, count: int) -> None:
    given = many(count)
    benchmark(Rules, given, [None] * count, "bench")
