"""The demo's prompts: how many, how varied, the project's own, and not trained on."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.brain.rows import read_corpus
from gateway.brain.sample import TARGET, choose, held_out
from gateway.registry import TASKS

CORPUS = Path(__file__).parents[3] / "shared" / "routing-data" / "corpus"
SAMPLE: list[dict[str, Any]] = [json.loads(line) for line in TARGET.read_text(encoding="utf-8").splitlines()]


def rows(number: int) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [
        {
            "id": f"row-{place}",
            "task": rng.choice(["a", "a", "a", "a", "b", "c"]),
            "kind": rng.choice(["plain", "plain", "plain", "chat"]),
            "difficulty": rng.choice([1, 1, 1, 3, 5]),
            "lang": rng.choice(["en"] * 9 + ["zh", "de"]),
        }
        for place in range(number)
    ]


def test_the_sample_is_varied() -> None:
    assert len(SAMPLE) == len(held_out()) == 240
    assert TARGET.stat().st_size <= 200_000
    tasks = Counter(row["task"] for row in SAMPLE)
    assert set(tasks) == set(TASKS) and max(tasks.values()) - min(tasks.values()) <= 1
    assert {row["kind"] for row in SAMPLE} == {"plain", "pasted", "chat", "agent", "noisy", "tricky"}
    assert min(Counter(row["difficulty"] for row in SAMPLE).values()) >= 30
    assert len({row["lang"] for row in SAMPLE}) >= 15
    assert all(("prompt" in row) != ("messages" in row) for row in SAMPLE)


def test_choosing_is_even_over_tasks_and_kinds_and_takes_rare_languages() -> None:
    chosen = choose(rows(600), 60)
    assert Counter(row["task"] for row in chosen) == {"a": 20, "b": 20, "c": 20}
    kinds = Counter(row["kind"] for row in chosen)
    assert kinds["chat"] >= 20
    languages = Counter(row["lang"] for row in chosen)
    assert languages["en"] > languages["zh"] >= 4


def test_the_order_of_the_rows_does_not_matter() -> None:
    given = rows(200)
    assert choose(given, 40) == choose(given[::-1], 40)
    assert len(choose(given[:10], 40)) == 10


def test_no_corpus_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no .jsonl files"):
        read_corpus(tmp_path)


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared")
def test_the_packaged_sample_is_what_the_corpus_gives() -> None:
    kept = [{key: row[key] for key in row if key != "source"} for row in choose(read_corpus(CORPUS))]
    assert kept == SAMPLE
