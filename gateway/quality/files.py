"""Files of labelled requests, of outcomes and of prices; a bad one is told as a ConfigError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from gateway.brain.rows import Row, read_labelled, read_rows
from gateway.errors import ConfigError


def read_tasks(path: Path) -> list[Row]:
    """Requests with their labels, a JSON object a line; ConfigError says where and what.

    Each has `task`, and `prompt` or `messages`; `accept`, `difficulty` (1..5), `lang` and `source` may be.
    """
    try:
        rows = read_labelled(path)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from None
    for number, row in enumerate(rows, 1):
        accept = row.get("accept") or []
        if not isinstance(accept, list) or not all(isinstance(task, str) for task in accept):
            raise ConfigError(f"{path}: row {number}: `accept` must be a list of tasks, not {accept!r:.60}")
    return _some(rows, path)


def read_outcomes(path: Path) -> list[Row]:
    """Requests with what each model made of them, a JSON object a line; ConfigError says where and what.

    Each has `prompt`, `scores` {model: 0..1}, and `benchmark` (the file's name where absent); `cost`
    {model: USD} may be.
    """
    try:
        rows = read_rows(path)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from None
    for number, row in enumerate(rows, 1):
        wrong = _wrong_outcome(row)
        if wrong:
            raise ConfigError(f"{path}: row {number}: {wrong}")
    return [{"benchmark": path.name.split(".")[0], **row} for row in _some(rows, path)]


def read_prices(path: Path) -> dict[str, tuple[float, float]]:
    """USD per 1M input and output tokens by model, of a file {model: [input, output, ...]}."""
    try:
        given = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise ConfigError(f'{path}: want one object, such as {{"gpt-4o-mini": [0.15, 0.6]}}')
    for model, pair in given.items():
        if not isinstance(pair, list) or len(pair) < 2 or not all(_is_usd(value) for value in pair[:2]):
            wanted = "[input, output] in USD per 1M tokens, both >= 0"
            raise ConfigError(f"{path}: {model}: want {wanted}, not {pair!r:.60}")
    return {model: (float(pair[0]), float(pair[1])) for model, pair in given.items()}


def _some(rows: list[Row], path: Path) -> list[Row]:
    if not rows:
        raise ConfigError(f"{path}: no rows; want one JSON object a line")
    return rows


def _wrong_outcome(row: Row) -> str:
    if not isinstance(row.get("prompt"), str):
        return "want `prompt`, a string"
    scores, cost = row.get("scores"), row.get("cost") or {}
    if not isinstance(scores, dict) or not scores:
        return 'want `scores` of each model, as in {"gpt-4o-mini": 1.0}'
    for model, score in scores.items():
        if not _is_usd(score) or score > 1:
            return f"`scores.{model}` must be 0 to 1, not {score!r:.60}"
    if not isinstance(cost, dict) or not all(_is_usd(value) for value in cost.values()):
        return f"`cost` must be USD >= 0 of each model, not {cost!r:.60}"
    return ""


def _is_usd(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
