"""What is read of an ask: the last thing a person wants, bounded work, whatever the shape of the content."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.brain import Classifier
from gateway.classify import classify
from gateway.content import text as text_of
from gateway.exchange import read_ask

_MOST, _EDGE = 64 * 1024, 16 * 1024


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def labelled(classifier: Classifier, messages: list[Any], **more: Any) -> str:
    body = json.dumps({"model": "auto", "messages": messages, **more}).encode()
    return classify(classifier, read_ask(body)).task


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


TRANSLATE = "Translate into Spanish: the invoice is due on Monday."
CODE = "Write a Python function that parses an ISO 8601 date and add unit tests."


def test_the_last_ask_counts(classifier: Classifier) -> None:
    conversation = [user(CODE), {"role": "assistant", "content": "def parse(): ..."}, user(TRANSLATE)]
    assert labelled(classifier, conversation) == "translation"
    assert (
        labelled(classifier, [user(TRANSLATE), {"role": "assistant", "content": "Hecho."}, user(CODE)])
        == "code_generation"
    )


def test_a_content_in_parts_reads_like_a_string(classifier: Classifier) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "text", "text": TRANSLATE},
    ]
    assert labelled(classifier, [user(parts)]) == "translation"


def test_tool_results_do_not_hide_the_ask(classifier: Classifier) -> None:
    conversation = [
        user(CODE),
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "Summary: translate this poem about the sea."},
    ]
    assert labelled(classifier, conversation) == "code_generation"


def test_a_long_system_prompt_does_not_drown_the_ask(classifier: Classifier) -> None:
    system = {"role": "system", "content": "You are an agent that writes code, tests and SQL. " * 2000}
    assert labelled(classifier, [system, user(TRANSLATE)]) == "translation"


@pytest.mark.parametrize("filler", ["lorem ipsum dolor ", "слово ", '\\"\n', "😀 "])
def test_an_ask_at_either_end_of_a_huge_text_is_read(classifier: Classifier, filler: str) -> None:
    huge = filler * (400_000 // len(filler.encode()))
    for ascii_only in (True, False):
        for text in (f"{TRANSLATE}\n\n{huge}", f"{huge}\n\n{TRANSLATE}"):
            body = json.dumps({"model": "auto", "messages": [user(text)]}, ensure_ascii=ascii_only).encode()
            said = classify(classifier, read_ask(body))
            # Under a kilobyte of one word, which the model reads too, it may be unsure, but not deaf.
            assert said.task == "translation" or said.confidence < 0.7
            assert said != classify(classifier, read_ask(body.replace(b"Translate into", b"lorem")))


@pytest.mark.parametrize("shift", range(14))
def test_a_cut_inside_a_character_or_an_escape_is_mended(shift: int) -> None:
    for unit in ("\\ud83d\\ude00", "\\u20ac", "\\\\", "\\n", "€", "😀"):
        inner = ("a" * shift + unit * (_MOST // len(unit.encode()) + 10)).encode()
        body = b'"' + inner + b'"'
        read = text_of(body, 0, len(body), _MOST, _EDGE)
        assert read.startswith(b"a" * shift) and len(read) > _EDGE // 8
        read.decode()


@pytest.mark.parametrize("content", ["", [], [{"type": "text"}], [{"type": "text", "text": 5}], [3, None]])
def test_no_text_is_no_failure(classifier: Classifier, content: Any) -> None:
    assert labelled(classifier, [user(content)])
    assert labelled(classifier, [{"role": "system", "content": "x"}])
