"""How hard each request of an outcome table was, by item response theory over its models.

Two-parameter logistic model (Birnbaum, 1968), requests in the place of persons: P(model m right on request
i) = logistic(c_m - a_m d_i) with d_i ~ N(0, 1), fitted by marginal likelihood (Bock and Aitkin, 1981).
A model that fails by format everywhere, or guesses, gets a slope near 0 and says nothing about a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.quality.files import read_outcomes

Floats = NDArray[np.float64]

# Tables that may be trained on. AlpacaEval's rows are for measuring only.
TABLES = ("mmlupro_other", "llmrouter_9models", "routerbench_3tasks")

_GRID = np.linspace(-3.5, 3.5, 29)  # quadrature points for d
_ROUNDS = 60
_USUAL_SLOPE, _SLOPE_WEIGHT = 1.0, 2.0  # a weak prior: so many rows' worth that a slope is the usual one
_STEEPEST, _FARTHEST = 4.0, 7.0


@dataclass(frozen=True)
class Items:
    """Difficulties in standard deviations of their table, and the share of their variance that is known."""

    difficulty: Floats
    reliability: float


def items(scores: Floats) -> Items:
    """The difficulty of each row of `scores`: requests x models, 0..1, NaN where a model was not asked."""
    asked = ~np.isnan(scores)
    right = np.where(asked, scores, 0.0)
    share = np.clip(right.sum(axis=0) / np.maximum(asked.sum(axis=0), 1), 0.02, 0.98)
    level, slope = np.log(share / (1 - share)), np.full(scores.shape[1], _USUAL_SLOPE)
    prior = -(_GRID**2) / 2
    for _ in range(_ROUNDS):
        posterior = _posterior(right, asked, level, slope, prior)
        level, slope = _step(asked.T @ posterior, right.T @ posterior, level, slope)
    posterior = _posterior(right, asked, level, slope, prior)
    difficulty = posterior @ _GRID
    unknown = posterior @ _GRID**2 - difficulty**2
    return Items(difficulty, float(1 - unknown.mean()))


def difficulties(directory: Path) -> list[dict[str, Any]]:
    """A row per request of the tables that may be trained on, for training a difficulty head.

    Each has `prompt`, `table`, `benchmark`, `difficulty` (0..1: 0.5 is the table's middle, 0.2 one standard
    deviation) and `weight` (0..1, the reliability of its table). The middles of two tables are not the
    same difficulty: centre by table when training.
    """
    rows = []
    for table in TABLES:
        outcomes = read_outcomes(directory / f"{table}.jsonl.gz")
        found = items(score_matrix([row["scores"] for row in outcomes])[1])
        for row, value in zip(outcomes, found.difficulty, strict=True):
            rows.append(
                {
                    "prompt": row["prompt"],
                    "table": table,
                    "benchmark": row["benchmark"],
                    "difficulty": float(np.clip(0.5 + 0.2 * value, 0.0, 1.0)),
                    "weight": found.reliability,
                }
            )
    return rows


def score_matrix(scores: Iterable[dict[str, float]]) -> tuple[tuple[str, ...], Floats]:
    """The models by name, and requests x models of their scores, NaN where there is none."""
    listed = list(scores)
    models = tuple(sorted({model for row in listed for model in row}))
    return models, np.array([[row.get(model, np.nan) for model in models] for row in listed], np.float64)


def _posterior(
    right: Floats, asked: NDArray[np.bool_], level: Floats, slope: Floats, prior: Floats
) -> Floats:
    logit = level[:, None] - slope[:, None] * _GRID
    logs = right @ -np.logaddexp(0, -logit) + (asked - right) @ -np.logaddexp(0, logit) + prior
    weight = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _step(asked: Floats, right: Floats, level: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """A Newton step for each model's two parameters, given its expected answers at each difficulty."""
    p = 1 / (1 + np.exp(_GRID * slope[:, None] - level[:, None]))
    spread = asked * p * (1 - p)
    missed = right - asked * p
    by_level = missed.sum(axis=1)
    by_slope = -(missed * _GRID).sum(axis=1) - _SLOPE_WEIGHT * (slope - _USUAL_SLOPE)
    aa, ab = spread.sum(axis=1) + 1e-6, -(spread * _GRID).sum(axis=1)
    bb = (spread * _GRID**2).sum(axis=1) + _SLOPE_WEIGHT
    scale = aa * bb - ab**2
    moved = level + np.clip((bb * by_level - ab * by_slope) / scale, -1, 1)
    turned = slope + np.clip((aa * by_slope - ab * by_level) / scale, -0.5, 0.5)
    return np.clip(moved, -_FARTHEST, _FARTHEST), np.clip(turned, 0.0, _STEEPEST)
