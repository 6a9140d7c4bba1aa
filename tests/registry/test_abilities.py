"""Filled abilities: exact in small cases, and better than guessing on evidence held back."""

from __future__ import annotations

from statistics import fmean

import pytest

from gateway.registry import Model, load
from gateway.registry.abilities import TASKS, Norms, fit, impute

NORMS = Norms(
    means=dict.fromkeys(TASKS, 3.0) | {"math": 2.0},
    slope=0.5,
    intercept=0.0,
    cheapest=1.0,
    dearest=8.0,
)


def test_a_gap_takes_the_models_own_distance_from_the_usual() -> None:
    filled = impute({"math": 3.0, "general": 3.5}, NORMS, price=1.0)
    assert filled["math"] == 3.0 and filled["general"] == 3.5  # evidence stays as it is
    assert filled["translation"] == 3.75  # (1.0 + 0.5) / 2 above the mean
    assert set(filled) == set(TASKS)


def test_filled_values_stay_on_the_scale() -> None:
    assert impute({"general": 5.0, "math": 5.0}, NORMS, None)["translation"] == 5.0
    assert impute({"general": 1.0, "translation": 1.0}, NORMS, None)["math"] == 1.0


def test_without_evidence_the_price_decides_and_without_price_nothing_does() -> None:
    assert impute({}, NORMS, 1.0)["general"] == 3.0
    assert impute({}, NORMS, 8.0)["general"] == pytest.approx(4.04, abs=0.01)
    assert impute({}, NORMS, 800.0) == impute({}, NORMS, 8.0)  # no better than the dearest known
    assert impute({}, NORMS, 0.0) == impute({}, NORMS, 1.0)  # free: a self-hosted model
    assert impute({}, NORMS, None) == dict.fromkeys(TASKS, 2.5)


def test_norms_do_not_depend_on_who_was_measured() -> None:
    # Only the weak model has a translation score: a plain mean would call 1.5 usual.
    strong = {"general": 5.0, "math": 4.5}
    weak = {"general": 2.0, "math": 1.5, "translation": 1.5}
    norms = fit([(strong, 10.0), (weak, 1.0)])
    assert norms.means["translation"] == pytest.approx(3.0, abs=0.05)
    assert impute(strong, norms, 10.0)["translation"] == pytest.approx(4.5, abs=0.05)
    assert norms.slope > 0


def test_norms_of_nothing_are_flat() -> None:
    assert impute({}, fit([]), 5.0) == dict.fromkeys(TASKS, 2.5)


def measured() -> list[Model]:
    return list({model.canonical: model for model in load().values() if model.evidence}.values())


def test_leave_one_out_error_is_a_third_of_the_task_means() -> None:
    models = measured()
    errors: dict[str, list[float]] = {task: [] for task in TASKS}
    baseline: list[float] = []
    from_price: list[float] = []
    for model in models:
        others = [other for other in models if other is not model]
        norms = fit((other.evidence, other.blended) for other in others)
        plain = {task: fmean(o.evidence[task] for o in others if task in o.evidence) for task in TASKS}
        priced = impute({}, norms, model.blended)
        for task, truth in model.evidence.items():
            rest = {name: value for name, value in model.evidence.items() if name != task}
            errors[task].append(abs(impute(rest, norms, model.blended)[task] - truth))
            baseline.append(abs(plain[task] - truth))
            from_price.append(abs(priced[task] - truth))
    error = fmean(value for column in errors.values() for value in column)
    assert len(baseline) > 500
    assert error < 0.31  # 0.270 with the registry of 2026-11-22
    assert fmean(baseline) > 0.85  # 0.907
    assert fmean(from_price) < 0.78  # 0.719: a price says something, but far less
    for task, column in errors.items():
        assert fmean(column) < (0.65 if task == "simple_qa" else 0.45), task
