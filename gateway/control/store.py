"""The store of finished exchanges: SQLite, one writer thread, batches, a request id at most once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from gateway.record import Journal, journals, orphaned, read_rows

_log = logging.getLogger("headrace")
# Few rows and often: while a batch is committed, the event loop may have to wait for core and interpreter.
_BATCH = 20
_EVERY_SECONDS = 0.01
_SHARE = 16  # of what is pending, at least this part goes in one batch, so that a backlog is worked off
_RETRY_SECONDS = 2.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exchanges (
    request_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, route TEXT NOT NULL,
    task TEXT, confidence REAL, difficulty REAL, strategy TEXT, tier TEXT, reason TEXT,
    model TEXT, provider TEXT, attempts TEXT NOT NULL, status INTEGER NOT NULL, error TEXT, finish TEXT,
    stream INTEGER NOT NULL, client_gone INTEGER NOT NULL,
    input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL, reasoning INTEGER NOT NULL, usage_source TEXT NOT NULL, cost_nano INTEGER,
    upstream_us INTEGER NOT NULL, overhead_us INTEGER NOT NULL, first_byte_us INTEGER,
    tags TEXT, rule TEXT, decided_by TEXT, l2_us INTEGER, l2_cost_nano INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exchanges_at ON exchanges (at_ms);
"""
# What older databases lack, each as it stands in the schema; rows from before have null.
_ADDED = ("tags TEXT", "rule TEXT", "decided_by TEXT", "l2_us INTEGER", "l2_cost_nano INTEGER")
_BOOLEANS = ("stream", "client_gone")
_INSERT = """
INSERT INTO exchanges (
    request_id, at_ms, key, route, task, confidence, difficulty, strategy, tier, reason,
    model, provider, attempts, status, error, finish, stream, client_gone,
    input, cache_read, cache_write, output, reasoning, usage_source, cost_nano,
    upstream_us, overhead_us, first_byte_us, tags, rule, decided_by, l2_us, l2_cost_nano
) VALUES (
    :request_id, :at_ms, :key, :route, :task, :confidence, :difficulty, :strategy, :tier, :reason,
    :model, :provider, :attempts, :status, :error, :finish, :stream, :client_gone,
    :input, :cache_read, :cache_write, :output, :reasoning, :usage_source, :cost_nano,
    :upstream_us, :overhead_us, :first_byte_us, :tags, :rule, :decided_by, :l2_us, :l2_cost_nano
) ON CONFLICT (request_id) DO NOTHING
"""
# What a row raises that cannot be one; any other error is the database's, and the rows are tried again.
_NO_ROW = (sqlite3.IntegrityError, sqlite3.ProgrammingError, KeyError, TypeError, ValueError, OverflowError)
_SUMMARY = """
SELECT CASE ? WHEN 'model' THEN model WHEN 'task' THEN task ELSE key END AS name,
       COUNT(*), SUM(error IS NOT NULL OR client_gone), SUM(input + cache_read + cache_write), SUM(output),
       COALESCE(SUM(COALESCE(cost_nano, 0) + COALESCE(l2_cost_nano, 0)), 0), SUM(cost_nano IS NULL)
FROM exchanges GROUP BY name ORDER BY 6 DESC, 2 DESC
"""
# The latest answers alone: models change.
_LENGTHS = """
SELECT model, task, AVG(difficulty), AVG(input + cache_read + cache_write), AVG(output), COUNT(*)
FROM (
    SELECT * FROM exchanges
    WHERE error IS NULL AND usage_source = 'provider' AND finish <> 'length' AND difficulty IS NOT NULL
    ORDER BY at_ms DESC LIMIT 20000
)
GROUP BY model, task
"""


class Store:
    """One connection to the database in `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = self._opened()

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
        if _missing(db):
            with db:
                db.execute("BEGIN IMMEDIATE")  # other workers may be at it
                for column in _missing(db):
                    db.execute(f"ALTER TABLE exchanges ADD COLUMN {column}")
        self._file = self._path.stat().st_ino
        return db

    def _in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._file
        except FileNotFoundError:
            return False

    def add(self, rows: Sequence[bytes]) -> None:
        """Commits JSON rows; those already there stay as they are.

        A row that is no row is logged and left out; sqlite3.Error where nothing can be written.
        """
        if not self._in_place():
            _log.error("%s was deleted or replaced; it is made anew", self._path)
            db, self._db = self._db, self._opened()
            db.close()
        self._add(rows)
        if not self._in_place():  # what was committed is in a file that nobody can open
            raise sqlite3.OperationalError(f"{self._path} was deleted meanwhile")

    def _add(self, rows: Sequence[bytes]) -> None:
        try:
            with self._db:
                self._db.executemany(_INSERT, map(_to_columns, rows))
        except _NO_ROW as error:
            if len(rows) == 1:
                _log.error("the store refuses a row: %r: %r", error, rows[0])
                return
            for row in rows:
                self._add([row])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row, oldest first, as the journal wrote it."""
        found = self._db.execute("SELECT * FROM exchanges ORDER BY at_ms, request_id")
        names = [column[0] for column in found.description]
        for values in found:
            row = dict(zip(names, values, strict=True))
            row["attempts"] = orjson.loads(row["attempts"])
            row["tags"] = orjson.loads(row["tags"] or "[]")
            row.update((name, bool(row[name])) for name in _BOOLEANS)
            yield row

    def summary(self, by: str) -> list[tuple[Any, ...]]:
        """What was spent by model, task or key, dearest first.

        A row: name, requests, failed ones, input and output tokens, nano-dollars (the second level's with
        them), requests of unknown price.
        """
        return self._db.execute(_SUMMARY, (by,)).fetchall()

    def spent_on_l2(self, since_ms: int) -> int:
        """Nano-dollars that the second level has cost since a time."""
        query = "SELECT COALESCE(SUM(l2_cost_nano), 0) FROM exchanges WHERE at_ms >= ?"
        spent: int = self._db.execute(query, (since_ms,)).fetchone()[0]
        return spent

    def lengths(self) -> list[tuple[str, str, float, float, float, int]]:
        """Of each model and task, whole answers: mean difficulty, input and output tokens, and how many."""
        return self._db.execute(_LENGTHS).fetchall()

    def close(self) -> None:
        """Closes the connection."""
        self._db.close()


def _missing(db: sqlite3.Connection) -> list[str]:
    known = {name for _, name, *_ in db.execute("PRAGMA table_info(exchanges)")}
    return [column for column in _ADDED if column.split()[0] not in known]


def _to_columns(row: bytes) -> dict[str, Any]:
    values: dict[str, Any] = orjson.loads(row)
    values["attempts"] = orjson.dumps(values["attempts"]).decode()
    values["tags"] = orjson.dumps(values.get("tags", [])).decode()
    for column in ("rule", "decided_by", "l2_us", "l2_cost_nano"):
        values.setdefault(column, None)
    return values


def replay(directory: Path, store: Store) -> int:
    """Moves what dead processes left in their journals to the store; the number of their rows."""
    moved = 0
    for path in journals(directory):
        if orphaned(path):
            rows, lost = read_rows(path)
            store.add(rows)
            if lost:
                _log.error("%d bytes of %s cannot be read; it is kept as .damaged", lost, path)
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink(missing_ok=True)
            moved += len(rows)
    return moved


def all_rows(directory: Path, database: Path) -> list[dict[str, Any]]:
    """Every row of journals and store together, each once, oldest first; also beside a live gateway."""
    # Journals first: a row leaves its journal only after it is in the store.
    found: dict[str, dict[str, Any]] = {}
    for path in journals(directory):
        found.update((row["request_id"], row) for row in map(orjson.loads, read_rows(path)[0]))
    if database.exists():
        with closing(Store(database)) as store:
            found.update((row["request_id"], row) for row in store.rows())
    return sorted(found.values(), key=lambda row: (row["at_ms"], row["request_id"]))


class Writer(threading.Thread):
    """The thread that moves a journal's rows to the store; the request path never waits for it."""

    def __init__(self, journal: Journal, store: Store) -> None:
        super().__init__(name="headrace-store", daemon=True)
        self._journal = journal
        self._store = store
        self._stopping = threading.Event()

    def run(self) -> None:
        wait, failing = _EVERY_SECONDS, False
        while not self._stopping.wait(wait):
            try:
                self._add(max(_BATCH, len(self._journal.pending) // _SHARE))
                wait, failing = _EVERY_SECONDS, False
            except Exception as error:  # whatever it is, the thread must live to try again
                if not failing:
                    _log.error("the store cannot be written: %r; rows wait in the journal", error)
                wait, failing = _RETRY_SECONDS, True

    def _add(self, most: int) -> None:
        pending = self._journal.pending
        # By index: the other thread appends meanwhile, which an iterator would not survive.
        batch = [pending[index] for index in range(min(len(pending), most))]
        if batch:
            self._store.add(batch)
        for _ in batch:
            pending.popleft()

    def stop(self) -> None:
        """Ends the thread after a last flush; what the store refuses stays in the journal."""
        self._stopping.set()
        self.join()
        try:
            self._add(len(self._journal.pending))
        except sqlite3.Error as error:
            _log.error(
                "the store cannot be written: %s; %d rows stay in the journal",
                error,
                len(self._journal.pending),
            )
