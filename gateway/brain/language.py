"""The language of a text, by its words and its runs of characters: a small linear model of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastpath import LinearModel
from fastpath.pure.text import SECTION

LANGUAGES = Path(__file__).with_name("language.bin")
READ = 512  # bytes of the text's start
BITS = 13
SURE = 0.6  # below, nothing is said


def language(text: bytes) -> str:
    """The ISO 639-1 code of the language of UTF-8 text, or "" when unsure."""
    shares, _ = _model().score(window(text), ())
    best = max(shares)
    return _model().labels[shares.index(best)] if best >= SURE else ""


def window(text: bytes) -> bytes:
    """What is read of a text."""
    return text[:READ].replace(bytes((SECTION,)), b" ")


@cache
def _model() -> LinearModel:
    return LinearModel(LANGUAGES.read_bytes())
