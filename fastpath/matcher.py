"""Many patterns over one text in one pass: Hyperscan, or `re` one by one where its wheel is absent."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["ENGINE", "Matcher", "PatternError"]

_NOT_LINEAR = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!(]|<[=!]|P=)|\\[1-9])")
_EMPTY = "it matches the empty text, so it would always match"

# Compiling is slow (1.5 s for the built-in patterns, 9 s for 10,000 of an operator), loading is not (20 ms),
# so what took long is kept in the user's cache directory.
_SLOW_SECONDS = 0.2
_KEPT_FILES = 8  # the latest; a change of the patterns leaves its file behind


def _library() -> Any:
    try:
        return import_module("hyperscan")
    except ImportError:
        return None


hyperscan = _library()
ENGINE = "re" if hyperscan is None or os.environ.get("HEADRACE_PURE") == "1" else "hyperscan"


class PatternError(ValueError):
    """Pattern `number` cannot be used; `why` says what is wrong, and at which index if that is known."""

    def __init__(self, number: int, pattern: str, why: object) -> None:
        super().__init__(f"pattern {number} {pattern!r}: {why}")
        self.number = number
        self.why = str(why).rstrip(".")


class Matcher:
    """Patterns compiled together, caseless (ASCII) and multiline, over bytes; for one thread at a time.

    A pattern's id is its index. PatternError names the one that is no pattern, that looks around or back
    (which is not linear in the text's length), or that matches the empty text.
    """

    def __init__(self, patterns: Sequence[str], engine: str = ENGINE) -> None:
        self._patterns: list[re.Pattern[bytes]] = []
        self._database = None
        if engine == "re":
            self._patterns = [_compiled(number, pattern) for number, pattern in enumerate(patterns)]
        elif patterns:
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
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # `re` takes [[:alpha:]] for something else
            compiled = re.compile(_bytes(number, pattern), re.IGNORECASE | re.MULTILINE)
    except (re.error, FutureWarning) as error:
        raise PatternError(number, pattern, error) from error
    if _NOT_LINEAR.search(pattern):
        raise PatternError(number, pattern, "look-around and back references are not supported")
    if compiled.search(b""):
        raise PatternError(number, pattern, _EMPTY)
    return compiled


def _bytes(number: int, pattern: str) -> bytes:
    try:
        raw = pattern.encode()
    except UnicodeEncodeError as error:
        raise PatternError(number, pattern, f"no text at index {error.start}") from None
    if 0 in raw:  # where the library would take it to end
        raise PatternError(number, pattern, f"a NUL at index {pattern.index(chr(0))}; write \\x00")
    return raw


def _database(patterns: Sequence[str]) -> Any:
    expressions = [_bytes(number, pattern) for number, pattern in enumerate(patterns)]
    path = _cache_path(expressions)
    database = path and _loaded(path)
    if not database:
        started = time.monotonic()
        database = _built(expressions, patterns)
        if path and time.monotonic() - started > _SLOW_SECONDS:
            with suppress(OSError):  # no place to keep it: the next start compiles again
                _keep(path, hyperscan.dumpb(database))
    return database


def _built(expressions: Sequence[bytes], patterns: Sequence[str]) -> Any:
    try:
        return _compile(expressions)
    except hyperscan.error as error:
        for number, expression in enumerate(expressions):  # the error does not say which one
            try:
                _compile([expression])
            except hyperscan.error as own:
                why = _EMPTY if "empty buffer" in str(own) else own
                raise PatternError(number, patterns[number], why) from own
        raise ValueError(f"patterns compile alone, not together: {error}") from error


def _flags() -> int:
    return hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_SINGLEMATCH  # type: ignore[no-any-return]


def _compile(expressions: Sequence[bytes]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=expressions, ids=list(range(len(expressions))), flags=[_flags()] * len(expressions)
    )
    return database


def _cache_path(expressions: Sequence[bytes]) -> Path | None:
    """Where a database of these expressions and this library is kept; None where there is no home."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    made = f"{hyperscan.__version__} {_flags()}".encode()
    key = blake2b(b"\0".join([made, *expressions]), digest_size=16).hexdigest()
    return home / "headrace" / f"{key}.patterns"


def _loaded(path: Path) -> Any:
    """The database in `path`, or None where it is absent, damaged, another's, or another processor's."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            # The library sees damage by a checksum and trusts the rest, so nobody else may have written it.
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            data = file.read()
    except OSError:
        return None
    try:
        database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.error:
        return None
    return database


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unnamed = path.with_suffix(f".{os.getpid()}")
    try:
        unnamed.write_bytes(data)
        unnamed.chmod(0o600)
        unnamed.replace(path)
    finally:
        unnamed.unlink(missing_ok=True)
    kept = sorted(path.parent.glob("*.patterns"), key=lambda file: file.stat().st_mtime)
    for old in kept[:-_KEPT_FILES]:
        old.unlink(missing_ok=True)
