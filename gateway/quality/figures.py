"""Figures of merit, from arrays of numbers to numbers. Sources for the definitions are in docs/eval.md."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

BINS = 15
_RESAMPLES = 1000


def calibration_error(p: Floats, right: Floats, bins: int = BINS) -> float:
    """Expected |p - share right| over equal bins of p."""
    return float(sum(share * abs(said - found) for said, found, share in reliability(p, right, bins)))


def reliability(p: Floats, right: Floats, bins: int = BINS) -> list[tuple[float, float, float]]:
    """(mean p, share right, share of rows) of each bin that is not empty."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    groups = [place == number for number in np.unique(place)]
    return [(float(p[g].mean()), float(right[g].mean()), float(g.mean())) for g in groups]


def log_loss(p: Floats, right: Floats) -> float:
    """Mean negative log-likelihood in nats, p kept 0.0001 away from 0 and 1."""
    sure = np.clip(p, 1e-4, 1 - 1e-4)
    return float(-np.mean(right * np.log(sure) + (1 - right) * np.log(1 - sure)))


def auc(score: Floats, right: Floats) -> float | None:
    """P(a right answer scores above a wrong one), ties half; a part-right answer counts as part of each.

    None where all are right or none is.
    """
    both = right.sum() * (1 - right).sum()
    if not both:
        return None
    _, place = np.unique(score, return_inverse=True)
    wrong = np.bincount(place, 1 - right)
    below = np.cumsum(wrong) - wrong / 2
    return float(np.bincount(place, right) @ below / both)


def spearman(a: Floats, b: Floats) -> float | None:
    """Rank correlation, ties at their mean rank; None where either is constant."""
    ranks = np.array([_ranks(a), _ranks(b)])
    if np.any(ranks.std(axis=1) == 0):
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], np.float64)


def recovered(score: Floats, gain: Floats) -> tuple[Floats, Floats]:
    """Share of calls to the strong model, and the share of the gap recovered by then (PGR of RouteLLM).

    Rows go to the strong model from the highest score down; equal scores go together, as if in random
    order. `gain` is strong minus weak, per row; their sum must not be 0.
    """
    _, place = np.unique(-score, return_inverse=True)
    calls = np.concatenate([[0], np.cumsum(np.bincount(place))]) / len(score)
    gained = np.concatenate([[0.0], np.cumsum(np.bincount(place, gain))])
    return calls, gained / gained[-1]


def apgr(score: Floats, gain: Floats) -> float:
    """Average performance gap recovered: the area under `recovered`. 0.5 is what a random order has."""
    calls, share = recovered(score, gain)
    return float(np.trapezoid(share, calls))


def calls_for(score: Floats, gain: Floats, target: float) -> float | None:
    """The least share of calls to the strong model that recovers `target` of the gap (CPT of RouteLLM)."""
    calls, share = recovered(score, gain)
    reached = np.flatnonzero(share >= target)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return 0.0
    part = (target - share[at - 1]) / (share[at] - share[at - 1])
    return float(calls[at - 1] + part * (calls[at] - calls[at - 1]))


def area_above_line(points: Floats, cheapest: Floats, best: Floats) -> tuple[float, float]:
    """Area between a curve and the straight line from `cheapest` to `best`, and the curve's lowest gap to it.

    `points`: (cost, quality) of a router's settings; `cheapest` and `best`: (cost, quality) of the single
    models that cost least and that are right most, with cost of the first below the second. The curve is
    straight between settings (a coin may choose between two), starts at `cheapest`, and stays level beyond
    its dearest setting. Where it runs below the line the area counts as negative. In cost x quality.
    """
    order = np.lexsort((points[:, 1], points[:, 0]))
    cost, quality = points[order, 0], points[order, 1]
    inside = cost > cheapest[0]
    cost = np.concatenate([cheapest[:1], cost[inside]])
    quality = np.concatenate([cheapest[1:], quality[inside]])
    grid = np.unique(np.concatenate([cost[cost <= best[0]], np.linspace(cheapest[0], best[0], 501)]))
    line = np.interp(grid, [cheapest[0], best[0]], [cheapest[1], best[1]])
    gap = np.interp(grid, cost, quality) - line
    return float(np.trapezoid(gap, grid)), float(gap.min())


def shuffled_gain(quality: Floats, choice: Whole, group: Whole) -> Floats:
    """Per row, what the choice gained over the same choices dealt to random rows of its group.

    `quality`: rows x models. The mean over rows is the gain; it is exact, nothing is drawn.
    """
    gained = quality[np.arange(len(choice)), choice].copy()
    for number in np.unique(group):
        of = group == number
        shares = np.bincount(choice[of], minlength=quality.shape[1]) / of.sum()
        gained[of] -= quality[of] @ shares
    return gained


def interval(figure: Callable[[Whole], float], rows: int) -> tuple[float, float]:
    """95 % percentile bootstrap over rows: `figure` of 1,000 resamples, each given as row numbers; seeded."""
    draw = np.random.default_rng(0)
    found = [figure(draw.integers(0, rows, rows)) for _ in range(_RESAMPLES)]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
