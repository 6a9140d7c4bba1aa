"""P(good enough): a logistic of ability minus the level that a difficulty asks for, calibrated on outcomes.

`odds.json` is made by `python -m gateway.quality.fit`, which also says in it how good it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import orjson


class Curve(NamedTuple):
    """P = logistic(slope x (ability - easiest - span x difficulty)); slope and span are above 0."""

    slope: float
    easiest: float
    span: float


class Odds:
    """The curves of a file; a task that it does not name has the shared one."""

    def __init__(self, blob: bytes) -> None:
        """Reads a JSON file; a damaged one raises ValueError with the reason."""
        try:
            content = orjson.loads(blob)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"odds: not JSON: {error}") from None
        if not isinstance(content, dict) or not isinstance(content.get("tasks"), dict):
            raise ValueError("odds: want an object with `about`, `shared` and `tasks`")
        self.about: Mapping[str, Any] = content.get("about", {})
        self._shared = _curve(content.get("shared"), "shared")
        self._tasks = {task: _curve(given, f"tasks.{task}") for task, given in content["tasks"].items()}

    def curve(self, task: str) -> Curve:
        """The curve of a task."""
        return self._tasks.get(task, self._shared)

    def chance(self, task: str, ability: float, difficulty: float) -> float:
        """P(good enough) of a model with `ability` 1..5 for a task on a request of `difficulty` 0..1."""
        slope, easiest, span = self.curve(task)
        logit = slope * (ability - easiest - span * difficulty)
        return 1 / (1 + math.exp(-min(max(logit, -700.0), 700.0)))


def _curve(given: Any, place: str) -> Curve:
    if not isinstance(given, dict):
        raise ValueError(f"odds: {place}: want slope, easiest and span")
    for name in Curve._fields:
        value = given.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"odds: {place}.{name}: {value!r:.40} is not a finite number")
        if name != "easiest" and value <= 0:
            raise ValueError(f"odds: {place}.{name}: must be above 0, or P would not fall with difficulty")
    return Curve(*(float(given[name]) for name in Curve._fields))


PACKAGED = Odds(files(__name__.rpartition(".")[0]).joinpath("odds.json").read_bytes())
chance = PACKAGED.chance
