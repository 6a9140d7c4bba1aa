"""The language of a text, by its script alone."""

from __future__ import annotations

import re

_SCRIPTS = tuple(
    (code, re.compile(f"[{letters}]"))
    for code, letters in (
        ("ja", "\u3040-\u30ff"),  # before zh: Japanese has Chinese letters too
        ("ko", "\uac00-\ud7af"),
        ("zh", "\u4e00-\u9fff"),
        ("ru", "\u0400-\u04ff"),
        ("ar", "\u0600-\u06ff"),
        ("hi", "\u0900-\u097f"),
        ("th", "\u0e00-\u0e7f"),
        ("el", "\u0370-\u03ff"),
        ("he", "\u0590-\u05ff"),
    )
)


def language(text: bytes) -> str:
    """The ISO 639-1 code of the language of UTF-8 text, or "" when unsure."""
    if text.isascii():
        return ""
    words = text.decode("utf-8", "ignore")
    return next((code for code, script in _SCRIPTS if script.search(words)), "")
