"""The packaged model, as it is served: plain asks, the held-out sample, and odd input."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.brain import Classifier, Label
from gateway.brain.rows import reading
from gateway.registry import TASKS

DEMO = Path(__file__).parents[2] / "gateway" / "demo_prompts.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in DEMO.read_text(encoding="utf-8").splitlines()]
CLASSIFY = Classifier()


def label(row: dict[str, Any]) -> Label:
    asked = reading(row)
    return CLASSIFY(asked.text, before=asked.before, system=asked.system, turns=asked.turns)


def ranks(values: list[float]) -> list[float]:
    order = sorted(values)
    return [(order.index(value) + len(order) - 1 - order[::-1].index(value)) / 2 for value in values]


@pytest.mark.parametrize(
    "text, task",
    [
        ("Write a Python function that merges two sorted lists, with unit tests.", "code_generation"),
        (
            'Traceback (most recent call last):\n  File "app.py", line 12, in load\n    return rows["id"]\n'
            "KeyError: 'id'\n\nhow do I fix this?",
            "code_generation",
        ),
        ("Solve for x: 3x^2 - 12x + 9 = 0", "math"),
        ("Translate into German: the meeting is moved to Thursday.", "translation"),
        ("Переведи на английский: завтра я не приду на работу.", "translation"),
        ("把下面这句话翻译成英文：明天我不来上班。", "translation"),
        ("Write a short story about a lighthouse keeper who is afraid of the dark.", "creative_writing"),
        ("What is the capital of Australia?", "simple_qa"),
        (
            "Summarize this email thread in three bullet points:\n\nAnn: can we ship Friday?\nBo: no.",
            "summarization",
        ),
        (
            'Extract the names and dates as JSON from this text: "On 3 May Ann Lee met Bo Chan."',
            "data_extraction",
        ),
    ],
)
def test_plain_asks(text: str, task: str) -> None:
    assert CLASSIFY(text.encode()).task == task


def test_the_labels_are_the_registrys_tasks() -> None:
    assert {label(row).task for row in ROWS} == set(TASKS)


def test_the_held_out_sample_is_labelled_far_better_than_by_chance() -> None:
    right = sum(label(row).task == row["task"] for row in ROWS) / len(ROWS)
    majority = max(Counter(row["task"] for row in ROWS).values()) / len(ROWS)
    assert right >= 0.55 and right > 2 * majority


def test_confidence_means_something() -> None:
    labels = [(label(row), row["task"]) for row in ROWS]
    sure = [said.task == task for said, task in labels if said.confidence >= 0.7]
    unsure = [said.task == task for said, task in labels if said.confidence < 0.5]
    assert min(len(sure), len(unsure)) > 40
    assert sum(sure) / len(sure) > 0.75 > 0.6 > sum(unsure) / len(unsure)


def test_difficulty_orders_the_sample() -> None:
    said, given_ = ranks([label(row).difficulty for row in ROWS]), ranks([row["difficulty"] for row in ROWS])
    middle = (len(ROWS) - 1) / 2
    products = sum((a - middle) * (b - middle) for a, b in zip(said, given_, strict=True))
    sizes = sum((a - middle) ** 2 for a in said) * sum((b - middle) ** 2 for b in given_)
    assert products / sizes**0.5 > 0.5


REFACTOR = b"my checkout function is 300 lines\nI would split it into validate(), price() and pay(). Shall I?"
POEM = b"Write a poem about the sea in autumn\nThe grey waves turn, the gulls have gone ..."


def test_what_came_before_is_read() -> None:
    agreed = CLASSIFY(b"yes, do that", before=REFACTOR, turns=2)
    assert agreed.task == "code_generation" != CLASSIFY(b"yes, do that").task
    alone, after = CLASSIFY(b"make it rhyme"), CLASSIFY(b"make it rhyme", before=POEM, turns=2)
    assert after.task == "creative_writing" and after.confidence > alone.confidence


def test_the_instructions_above_are_read() -> None:
    system = (
        b"You translate every message of the user from English into French. Reply with the translation only."
    )
    text = b"The parcel will arrive on Monday between nine and noon."
    assert CLASSIFY(text, system=system).task == "translation" != CLASSIFY(text).task


def test_the_same_ask_gets_the_same_label_from_every_classifier() -> None:
    other = Classifier()
    for row in ROWS[:20]:
        asked = reading(row)
        said = other(asked.text, before=asked.before, system=asked.system, turns=asked.turns)
        assert said == label(row) == label(row)


@pytest.mark.parametrize("text", [b"", b"   \n", b"\x1e\x1e", b"\x00\xff\xfe", b"?!"])
def test_nothing_to_read_is_a_label_with_low_confidence(text: bytes) -> None:
    said = CLASSIFY(text)
    assert said.task in TASKS and said.confidence < 0.7 and 0 <= said.difficulty <= 1


@settings(max_examples=60)
@given(
    st.binary(max_size=300),
    st.binary(max_size=100),
    st.binary(max_size=100),
    st.integers(0, 2000),
    st.booleans(),
)
def test_any_bytes_get_a_label(text: bytes, before: bytes, system: bytes, turns: int, flag: bool) -> None:
    said = CLASSIFY(text, before=before, system=system, turns=turns, tools=flag, images=flag)
    assert said.task in TASKS and 1 / len(TASKS) <= said.confidence <= 1 and 0 <= said.difficulty <= 1


def test_the_middle_of_a_huge_ask_is_not_read() -> None:
    head, tail = b"Translate into French, please. " * 80, b" The parcel arrives on Monday." * 80
    small = CLASSIFY(head + b"x" * 2_000_000 + tail)
    start = time.process_time()
    huge = CLASSIFY(head + b"def f(): pass\n" * 700_000 + tail)
    assert time.process_time() - start < 1  # it is well under a millisecond; reading all of it is not
    assert small.task == huge.task and small.confidence == huge.confidence
