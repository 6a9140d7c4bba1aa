"""The distribution headrace-encoder: its weights, what they are worth on the held-out sample, in service."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.brain import Classifier
from gateway.brain.rows import reading
from gateway.level2.excerpt import Excerpt
from tests.conftest import Simulator, StartGateway

encoder = pytest.importorskip("headrace_encoder", reason="needs pip install ./encoder")
FOLDER = Path(__file__).parents[1] / "encoder" / "headrace_encoder"
DEMO = Path(__file__).parents[1] / "gateway" / "demo_prompts.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in DEMO.read_text(encoding="utf-8").splitlines()]
ENCODER = encoder.Encoder()


def test_it_is_small_and_knows_the_classifiers_tasks() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) <= 40 << 20
    assert ENCODER.labels == Classifier().labels


@pytest.mark.parametrize(
    "text, task",
    [
        ("what's the capital of australia", "simple_qa"),
        ("напиши стих про осень", "creative_writing"),
        ("把下面这句话翻译成英文：明天我不来上班。", "translation"),
        ("KeyError: 'id' in load_rows, why", "code_generation"),
    ],
)
def test_plain_asks(text: str, task: str) -> None:
    shares, difficulty = ENCODER.classify(text)
    assert ENCODER.labels[shares.index(max(shares))] == task
    assert sum(shares) == pytest.approx(1) and 0 <= difficulty <= 1


@pytest.mark.parametrize("text", ["", "?" * 100_000, "\ud83d", "\x00\x1e", "字" * 50_000, "a " * 50_000])
def test_odd_input_is_bounded(text: str) -> None:
    assert len(ENCODER.tokens(text, text, text)) <= encoder.LONGEST
    shares, _ = ENCODER.classify(text, text, text)
    assert sum(shares) == pytest.approx(1)


def test_it_is_right_more_often_than_the_classifier_on_what_that_is_unsure_of() -> None:
    classify, unsure = Classifier(), []
    for row in ROWS:
        asked = reading(row)
        first = classify(asked.text, before=asked.before, system=asked.system, turns=asked.turns)
        if first.confidence < 0.7:
            shares, _ = ENCODER.classify(*Excerpt.cut(asked))
            second = ENCODER.labels[shares.index(max(shares))]
            unsure.append((first.task == row["task"], second == row["task"]))
    assert len(unsure) > 40
    first_right, second_right = (sum(column) for column in zip(*unsure, strict=True))
    assert second_right > first_right + 0.1 * len(unsure)


def test_the_gateway_asks_it_where_the_classifier_is_unsure(
    start_gateway: StartGateway, simulator: Simulator
) -> None:
    config = {
        "providers": simulator.providers("openai"),
        "l2": {"kind": "auto", "below": 1, "deadline_ms": 30_000},
    }
    gateway = start_gateway(config)
    reply = gateway.chat(text="напиши стих про осень")
    assert reply.status == 200
    assert reply.headers["x-headrace-decided-by"] == "l2"
    assert reply.headers["x-headrace-task"] == "creative_writing"
    assert gateway.row(reply.headers["x-request-id"])["l2_us"] > 0
