"""The journal: a finished exchange is on disk, checksummed, before its last byte goes to the client.

A record is one append of `length, crc32, JSON`; a process that is killed leaves at worst a torn last record,
of a reply that never ended. The control side moves rows from here to the store, then the file is emptied.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import zlib
from collections import deque
from pathlib import Path
from typing import Any

import orjson

from gateway.exchange import Exchange

_log = logging.getLogger("headrace")
_HEAD = struct.Struct("<II")  # length of the JSON in bytes, its crc32
_EMPTY_PAST = 16 * 1024 * 1024  # bytes of stored rows that a journal may hold before it is emptied
SUFFIX = ".journal"


class Journal:
    """One process's journal file, and the rows in it that are not in the store yet."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        # Locked for life: a journal without a holder is a dead process's. It gets its name once it is locked,
        # so that no other process that is starting takes it for one.
        unnamed = self.path.with_suffix(".new")
        self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(self.path)
        self._size = 0
        self._writable = True
        self.pending: deque[bytes] = deque()  # JSON rows; the store's writer takes them from the left

    def record(self, exchange: Exchange) -> None:
        """Appends the exchange's row once; a disk that refuses it costs the guarantee, not the reply."""
        if exchange.recorded:
            return
        row = orjson.dumps(row_of(exchange))
        exchange.recorded = True
        if self._size > _EMPTY_PAST and not self.pending:
            os.ftruncate(self._file, 0)
            self._size = 0
        self._append(_HEAD.pack(len(row), zlib.crc32(row)) + row)
        self.pending.append(row)

    def _append(self, frame: bytes) -> None:
        try:
            if os.write(self._file, frame) != len(frame):
                os.ftruncate(self._file, self._size)
                raise OSError("the disk took a part of the record only")
        except OSError as error:
            if self._writable:
                _log.error("journal %s cannot be written: %s; rows go to the store alone", self.path, error)
            self._writable = False
            return
        self._size += len(frame)
        self._writable = True

    def close(self) -> None:
        """Ends the journal; its file goes if all rows are in the store."""
        if not self.pending:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def row_of(exchange: Exchange) -> dict[str, Any]:
    """The row of an exchange: plain values, times in microseconds, money in nano-dollars."""
    ask, label, decision, usage = exchange.ask, exchange.label, exchange.decision, exchange.usage
    target = exchange.target
    if exchange.gone:
        exchange.status = 499
    return {
        "request_id": exchange.id,
        "at_ms": exchange.at_ms,
        "key": exchange.caller,
        "route": exchange.route,
        "task": label.task if label else None,
        "confidence": round(label.confidence, 4) if label else None,
        "difficulty": round(label.difficulty, 4) if label else None,
        "strategy": decision.strategy if decision else None,
        "tier": decision.tier if decision else None,
        "reason": decision.reason if decision else None,
        "tags": exchange.tags,
        "rule": exchange.rule,
        "decided_by": label.decided_by if label else None,
        "l2_us": exchange.l2_ns // 1000,
        "l2_cost_nano": exchange.l2_cost_nano,
        "model": target.name if target else None,
        "provider": target.provider.name if target else None,
        "attempts": [attempt._asdict() for attempt in exchange.attempts],
        "status": exchange.status,
        "error": exchange.error,
        "finish": exchange.finish or None,
        "stream": ask.stream if ask else False,
        "client_gone": exchange.gone,
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "usage_source": exchange.usage_source,
        "cost_nano": exchange.cost_nano,
        "upstream_us": exchange.upstream_ns // 1000,
        "overhead_us": exchange.overhead_us,
        "first_byte_us": (exchange.first_ns - exchange.start_ns) // 1000 if exchange.first_ns else None,
    }


def read_rows(path: Path) -> tuple[list[bytes], int]:
    """The JSON rows of a journal file, and how many of its bytes cannot be read: a torn end, or damage."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # its rows have just gone to the store
        return [], 0
    rows: list[bytes] = []
    place = lost = 0
    while place + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, place)
        row = data[place + _HEAD.size : place + _HEAD.size + length]
        if len(row) != length:
            break
        place += _HEAD.size + length
        if zlib.crc32(row) == crc:
            rows.append(row)
        else:
            lost += _HEAD.size + length
    return rows, lost + len(data) - place


def journals(directory: Path) -> list[Path]:
    """All journal files in `directory`, of live and dead processes."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def orphaned(path: Path) -> bool:
    """Whether the process that wrote this journal is gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):  # alive, or just replayed by another
        return False
    return True
