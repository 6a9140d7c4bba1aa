"""Labelled requests as files hold them, for the scripts that train and sample: development time only."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from gateway.brain.features import Reading, read

Row = dict[str, Any]


def read_corpus(directory: Path) -> list[Row]:
    """Every row of a corpus directory; `source` is its file's name without the ending."""
    rows: list[Row] = []
    for path in sorted(directory.glob("*.jsonl")):
        rows += [{**row, "source": path.stem} for row in _parsed(path.read_bytes())]
    if not rows:
        raise FileNotFoundError(f"no .jsonl files in {directory}")
    return rows


def read_relabelled(directory: Path) -> list[Row]:
    """The rows of a `dev` directory that were labelled afresh, with their text, source and language."""
    prompts = gzip.decompress((directory / "prompts.jsonl.gz").read_bytes())
    origins = {row["id"]: row for row in _parsed(prompts)}
    rows = []
    for row in _parsed((directory / "relabelled.jsonl").read_bytes()):
        origin = origins[row["id"]]
        rows.append({**row} | {key: origin[key] for key in ("prompt", "source", "lang")})
    return rows


def reading(row: Row) -> Reading:
    """What the brain reads of a row."""
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return read(
        [message["role"] for message in messages],
        lambda number: str(messages[number]["content"]).encode(errors="replace"),
    )


def _parsed(lines: bytes) -> list[Row]:
    return [json.loads(line) for line in lines.split(b"\n") if line.strip()]
