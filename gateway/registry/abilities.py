"""What a model can do per task, where nobody has measured it.

Abilities run from 1 to 5 on the anchored scale of the registry's evidence. A gap is filled from the
model's own other tasks, else from its predecessor, else from its price. Everything here is a pure
function of numbers; the caller remembers which values are filled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

TASKS: tuple[str, ...] = (
    "code_generation",
    "math",
    "complex_reasoning",
    "simple_qa",
    "summarization",
    "translation",
    "data_extraction",
    "creative_writing",
    "general",
)
LOWEST, HIGHEST = 1.0, 5.0
_ROUNDS = 8
_UNKNOWN = 2.5  # the anchor of gpt-4.1 and claude-haiku-4-5: a model of which nothing is known

Evidence = Mapping[str, float]


class Norms(NamedTuple):
    """What is usual: the ability per task of a middling model, and how far from it a price leads.

    `slope` and `intercept` give a residual from ln(USD per 1M tokens, 3:1 blend); prices outside of
    `cheapest`..`dearest` (the fitted ones) count as the nearest of them.
    """

    means: dict[str, float]
    slope: float
    intercept: float
    cheapest: float
    dearest: float


def fit(models: Iterable[tuple[Evidence, float | None]]) -> Norms:
    """Norms over (evidence, blended price) pairs: give each distinct model once, not each host."""
    known = [(evidence, price) for evidence, price in models if evidence]
    means = _means([evidence for evidence, _ in known])
    points = [(math.log(price), residual(e, means)) for e, price in known if price]
    if len(points) < 2:
        return Norms(means, 0.0, 0.0, 1.0, 1.0)
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    prices = [math.exp(x) for x, _ in points]
    return Norms(means, slope, mean_y - slope * mean_x, min(prices), max(prices))


def _means(known: list[Evidence]) -> dict[str, float]:
    """Task means as if every model had been measured on every task.

    Plain means mislead: translation was last measured on old, weak models, so its mean would say
    that all models translate badly. An additive fit (ability = task + model) by alternation, which
    settles within a few rounds, takes out who was measured.
    """
    offsets = [0.0] * len(known)
    means: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for task in TASKS:
            pairs = zip(known, offsets, strict=True)
            column = [evidence[task] - offset for evidence, offset in pairs if task in evidence]
            means[task] = fmean(column) if column else _UNKNOWN
        offsets = [residual(evidence, means) for evidence in known]
        middle = fmean(offsets) if offsets else 0.0
        offsets = [offset - middle for offset in offsets]
    return means


def residual(evidence: Evidence, means: Evidence) -> float:
    """How far above the usual a model is, over the tasks for which there is evidence."""
    return fmean(value - means[task] for task, value in evidence.items())


def impute(evidence: Evidence, norms: Norms, price: float | None) -> dict[str, float]:
    """Abilities for all tasks: the evidence as it is, every gap filled; `price` is blended USD."""
    if evidence:
        offset = residual(evidence, norms.means)
    elif price is None:
        return dict.fromkeys(TASKS, _UNKNOWN)
    else:
        within = min(max(price, norms.cheapest), norms.dearest)
        offset = norms.intercept + norms.slope * math.log(within)
    return {task: evidence[task] if task in evidence else _clip(norms.means[task] + offset) for task in TASKS}


def _clip(value: float) -> float:
    return round(min(max(value, LOWEST), HIGHEST), 2)
