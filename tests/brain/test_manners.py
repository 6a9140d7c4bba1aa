"""Manners and pleas for effort are taken off an ask's ends, and nothing else is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.brain import Classifier
from gateway.brain.manners import without_manners

CLASSIFY = Classifier()


@pytest.mark.parametrize(
    "text, left",
    [
        ("Hi there! What is a noun?", "What is a noun?"),
        (
            "Good morning, could you please help me with this? What is a noun? Thanks in advance!",
            "What is a noun?",
        ),
        ("What is a noun? Think step by step.", "What is a noun?"),
        ("Take a deep breath and work on it slowly. What is a noun?", "What is a noun?"),
        ("What is a noun?\n\nKind regards, Anna", "What is a noun?"),
        ("You are a world-class expert. This is very important to me. What is a noun?", "What is a noun?"),
        ("fix my essay. be as careful and precise as possible. thanks", "fix my essay."),
    ],
)
def test_manners_go(text: str, left: str) -> None:
    assert without_manners(text.encode()).decode() == left


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "thank you!",
        "please",
        "Think of a name for my cat. It is black.",
        "How hard is it to say sorry?",
        "Translate: thank you for your help",
        "Is this hard? Is it?",
        "x = 1; y = 2.",
    ],
)
def test_the_ask_stays(text: str) -> None:
    assert without_manners(text.encode()).decode() == text


@given(st.binary(max_size=300))
def test_what_is_left_was_there(text: bytes) -> None:
    left = without_manners(text)
    assert left in text and (bool(left) or not text)


@pytest.mark.parametrize("unit", [b"Hi, ", b"thanks. ", b"a", b"\n", b"think " * 20, b"this is hard "])
def test_its_work_is_bounded(unit: bytes) -> None:
    text = unit * (2_000_000 // len(unit))
    started = time.perf_counter()
    without_manners(text)
    assert time.perf_counter() - started < 1.0  # some 10 us are usual: this is for what explodes


@pytest.mark.parametrize(
    "before, after",
    [
        ("Please, ", ""),
        ("", " Thank you so much!"),
        ("", " Think step by step."),
        ("Think very carefully. ", ""),
    ],
)
def test_difficulty_does_not_rise_with_them(before: str, after: str) -> None:
    for text in ("What is the capital of Peru?", "Write a haiku about rain.", "Add 17 and 25."):
        plain = CLASSIFY(without_manners(text.encode()))
        said = CLASSIFY(without_manners(f"{before}{text}{after}".encode()))
        assert said.task == plain.task and abs(said.difficulty - plain.difficulty) <= 0.05
