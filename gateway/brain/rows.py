"""Labelled requests as files hold them, for training, measuring and sampling: development time only."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from gateway.brain.features import Reading, read

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON lines file, `.gz` or plain; ValueError that says which line is none and why."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise ValueError(f"{path}: no gzip file, or cut short: {error}") from None
    rows = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path}:{number}: want an object, one a line")
        rows.append(row)
    return rows


def read_labelled(path: Path) -> list[Row]:
    """Rows with a `task` and a `prompt` or `messages`; `source` is the file's name where none is given.

    What a gateway has kept of its second level (l2.jsonl) is read too: `features` stand for the words.
    ValueError that says which row is none and why.
    """
    rows = [_noted(row) if "features" in row and "l2" in row else row for row in read_rows(path)]
    for number, row in enumerate(rows, 1):
        where = f"{path}: row {number}"
        if not isinstance(row.get("task"), str) or not row["task"]:
            raise ValueError(f"{where}: want `task`, a string")
        if "features" not in row and not _has_text(row):
            raise ValueError(f"{where}: want `prompt`, a string, or `messages`, a list of {{role, content}}")
        difficulty = row.get("difficulty")
        if difficulty is not None and not (isinstance(difficulty, int | float) and 1 <= difficulty <= 5):
            raise ValueError(f"{where}: want `difficulty` from 1 to 5, or none")
    stem = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return [{"source": stem, **row} for row in rows]


def _noted(row: Row) -> Row:
    said = row["l2"]
    kept = {"task": said["task"], "difficulty": 1 + 4 * said["difficulty"], "sure": said["confidence"] >= 0.7}
    return {**kept, "features": row["features"], "pieces": row["pieces"]}


def _has_text(row: Row) -> bool:
    messages = row.get("messages")
    if messages is None:
        return isinstance(row.get("prompt"), str)
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(one, dict) and "role" in one and "content" in one for one in messages)
    )


def read_corpus(directory: Path) -> list[Row]:
    """Every row of a corpus directory; `source` is its file's name without the ending."""
    rows = [row for path in sorted(directory.glob("*.jsonl")) for row in read_labelled(path)]
    if not rows:
        raise FileNotFoundError(f"no .jsonl files in {directory}")
    return rows


def read_prompts(directory: Path) -> dict[str, Row]:
    """The prompts of a `dev` directory by id: text, source and language."""
    return {
        row["id"]: {key: row[key] for key in ("id", "prompt", "source", "lang")}
        for row in read_rows(directory / "prompts.jsonl.gz")
    }


def reading(row: Row) -> Reading:
    """What the brain reads of a row."""
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return read(
        [message["role"] for message in messages],
        lambda number: str(messages[number]["content"]).encode(errors="replace"),
    )
