"""Many patterns over one text in one pass: Hyperscan, or `re` one by one where its wheel is absent."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

__all__ = ["ENGINE", "Matcher"]

_NOT_LINEAR = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!(]|<[=!]|P=)|\\[1-9])")


def _library() -> Any:
    try:
        return import_module("hyperscan")
    except ImportError:
        return None


hyperscan = _library()
ENGINE = "re" if hyperscan is None or os.environ.get("HEADRACE_PURE") == "1" else "hyperscan"


class Matcher:
    """Patterns compiled together, caseless and multiline, over bytes; for one thread at a time.

    A pattern's id is its index. ValueError names the pattern that is no pattern, that looks around or back
    (which is not linear in the text's length), or that matches the empty text.
    """

    def __init__(self, patterns: Sequence[str], engine: str = ENGINE) -> None:
        self._patterns = [_compiled(number, pattern) for number, pattern in enumerate(patterns)]
        self._database = None
        if engine == "hyperscan" and patterns:
            self._database = _database(patterns)

    def match(self, text: bytes) -> list[int]:
        """Sorted ids of the patterns that occur in `text`."""
        if self._database is None:
            return [number for number, pattern in enumerate(self._patterns) if pattern.search(text)]
        found: list[int] = []
        self._database.scan(text, match_event_handler=_note, context=found)
        found.sort()
        return found


def _note(number: int, start: int, end: int, flags: int, found: list[int]) -> None:
    found.append(number)


def _compiled(number: int, pattern: str) -> re.Pattern[bytes]:
    try:
        compiled = re.compile(pattern.encode(), re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise ValueError(f"pattern {number} {pattern!r}: {error}") from error
    if _NOT_LINEAR.search(pattern):
        raise ValueError(f"pattern {number} {pattern!r}: look-around and back references are not supported")
    if compiled.search(b""):
        raise ValueError(f"pattern {number} {pattern!r} matches the empty text, so it would always match")
    return compiled


def _database(patterns: Sequence[str]) -> Any:
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_SINGLEMATCH
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[pattern.encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            flags=[flags] * len(patterns),
        )
    except hyperscan.error as error:
        for number, pattern in enumerate(patterns):
            try:
                hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK).compile(
                    expressions=[pattern.encode()], ids=[number], flags=[flags]
                )
            except hyperscan.error as own:
                raise ValueError(f"pattern {number} {pattern!r}: {own}") from own
        raise ValueError(f"patterns compile alone, not together: {error}") from error
    return database
