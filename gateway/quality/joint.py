"""Abilities, benchmarks and the logistic between them, fitted together on outcome tables. Development only.

First the abilities: the logit of an answer is the model's ability, what it differs by in the task, less the
benchmark's level and a part for difficulty, each with a Gaussian prior. Then, at these abilities, the curve
that a request of no known benchmark gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Standard deviations of the priors on the parts of an answer's logit.
_MODEL, _BY_TASK, _BENCHMARK, _SPAN = 1.5, 0.5, 1.5, 2.0

# Of a curve: ln(slope), easiest, span. A benchmark counts as so many answers against so many that are worth
# the prior: of the shared curve, and of what a task may differ from it by.
_SHARED_SD, _TASK_SD = np.array([0.5, 1.0, 3.0]), np.array([0.15, 0.5, 1.0])
_COUNTED, _SHARED_ROWS, _TASK_ROWS = 100.0, 30.0, 100.0
_LEAST_SPAN = 0.1  # the level must not fall with difficulty


@dataclass(frozen=True)
class Answers:
    """One model's answer to one request each: indices of model, task, benchmark; difficulty; share right."""

    model: Whole
    task: Whole
    benchmark: Whole
    difficulty: Floats
    right: Floats

    def only(self, mask: Mask) -> Answers:
        """The answers where `mask` is true."""
        return Answers(
            self.model[mask],
            self.task[mask],
            self.benchmark[mask],
            self.difficulty[mask],
            self.right[mask],
        )


@dataclass(frozen=True)
class Curve:
    """slope x (ability - easiest - span x difficulty), a value of each: first the shared, then by task."""

    slope: Floats
    easiest: Floats
    span: Floats

    def chance(self, ability: Floats, task: Whole, difficulty: Floats) -> Floats:
        """P(right)."""
        level = self.easiest[task + 1] + self.span[task + 1] * difficulty
        return _logistic(self.slope[task + 1] * (ability - level))


def abilities(answers: Answers, anchors: Mapping[int, float], models: int, tasks: int) -> Floats:
    """models x tasks: what each model can do, on the scale of `anchors` (abilities by index of the model).

    The fit is on the logit scale; a line through the anchored models leads to theirs. An anchored model is
    half its anchor, half what it answered; one that did not answer and has no anchor is NaN.
    """
    benchmarks = int(answers.benchmark.max()) + 1
    ends = np.cumsum([models, models * tasks, benchmarks, 1])
    cell = answers.model * tasks + answers.task
    sd = np.repeat([_MODEL, _BY_TASK, _BENCHMARK, _SPAN], np.diff(ends, prepend=0))

    def loss(flat: Floats) -> tuple[float, Floats]:
        own, by_task, level, span = np.split(flat, ends[:-1])
        logit = own[answers.model] + by_task[cell] - level[answers.benchmark] - span * answers.difficulty
        p, value = _cross_entropy(logit, answers.right)
        pull = p - answers.right
        grown = np.concatenate(
            [
                np.bincount(answers.model, pull, models),
                np.bincount(cell, pull, models * tasks),
                -np.bincount(answers.benchmark, pull, benchmarks),
                [-pull @ answers.difficulty],
            ]
        )
        return float(value.sum() + np.sum((flat / sd) ** 2) / 2), grown + flat / sd**2

    found = minimize(loss, np.zeros(ends[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    own, by_task = found[:models], found[models : ends[1]].reshape(models, tasks)
    seen = np.bincount(answers.model, minlength=models) > 0
    both = np.array([model for model in sorted(anchors) if seen[model]])
    known = np.array([anchors[model] for model in both])
    stretch = known.std() / own[both].std()
    ability = known.mean() + stretch * (own - own[both].mean())
    ability[~seen] = np.nan
    for model, anchor in anchors.items():
        ability[model] = (ability[model] + anchor) / 2 if seen[model] else anchor
    return np.asarray(ability[:, None] + stretch * by_task)


def curve(answers: Answers, ability: Floats, tasks: int, usual: tuple[float, float, float]) -> Curve:
    """The logistic for a request of no known benchmark: the shared one first, then one per task.

    `usual`: slope, easiest and span before any data. Each benchmark counts the same.
    """
    weight = _COUNTED / np.bincount(answers.benchmark)[answers.benchmark]
    model_ability = ability[answers.model, answers.task]
    usual_flat = np.array([np.log(usual[0]), usual[1], usual[2]])
    strength, by_task = _SHARED_ROWS / _SHARED_SD**2, _TASK_ROWS / _TASK_SD**2
    task, difficulty = answers.task, answers.difficulty

    def loss(flat: Floats) -> tuple[float, Floats]:
        shared, own = flat[:3], flat[3:].reshape(tasks, 3)
        each = shared + own
        slope = np.exp(each[task, 0])
        margin = model_ability - each[task, 1] - each[task, 2] * difficulty
        p, value = _cross_entropy(slope * margin, answers.right)
        pull = weight * (p - answers.right) * slope
        grown = np.column_stack(
            [np.bincount(task, column, tasks) for column in (pull * margin, -pull, -pull * difficulty)]
        )
        penalty = strength @ (shared - usual_flat) ** 2 + np.sum(by_task * own**2)
        toward = strength * (shared - usual_flat) + grown.sum(axis=0)
        return float(weight @ value + penalty / 2), np.concatenate([toward, (grown + by_task * own).ravel()])

    start = np.concatenate([usual_flat, np.zeros(3 * tasks)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    each = np.vstack([found[:3], found[:3] + found[3:].reshape(tasks, 3)])
    return Curve(np.exp(each[:, 0]), each[:, 1], np.maximum(each[:, 2], _LEAST_SPAN))


def _logistic(x: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))


def _cross_entropy(logit: Floats, right: Floats) -> tuple[Floats, Floats]:
    return _logistic(logit), np.logaddexp(0, logit) - right * logit
