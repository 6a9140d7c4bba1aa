"""What the second level said, kept for training: a JSON object a line, and nothing of the request's words."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from gateway.brain import PIECES, Label

_log = logging.getLogger("headrace")
_LARGEST = 64 * 1024 * 1024  # bytes; then the file becomes the old one, of which one is kept


class Notes:
    """The file at `path`, which the workers of a gateway share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writable = True
        # Features of another table of pieces mean nothing to a training with this one.
        self._pieces = sha256(PIECES.read_bytes()).hexdigest()

    def add(self, kind: str, l1: Label, l2: Label, features: str) -> None:
        """Appends what both levels said of a request, and its features; a full disk costs the line."""
        line = {
            "at_ms": time.time_ns() // 1_000_000,
            "pieces": self._pieces,
            "kind": kind,
            "l1": _said(l1),
            "l2": _said(l2),
            "features": features,
        }
        try:
            self._append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._writable = True
        except OSError as error:
            if self._writable:
                _log.error("%s cannot be written: %s; what l2 says is not kept", self._path, error)
            self._writable = False

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, line)
            now = os.fstat(file)
            # Not if another worker has renamed it since it was opened.
            if now.st_size >= _LARGEST and self._path.stat().st_ino == now.st_ino:
                self._path.replace(self._path.with_suffix(".old.jsonl"))
        finally:
            os.close(file)


def _said(label: Label) -> dict[str, Any]:
    return {
        "task": label.task,
        "confidence": round(label.confidence, 4),
        "difficulty": round(label.difficulty, 4),
    }
