"""Abilities updated from own outcomes: the registry's first, moved by as much as the answers weigh."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from gateway.brain import Label
from gateway.brain.odds import PACKAGED, chance
from gateway.brain.rows import Row
from gateway.quality import figures
from gateway.quality.figures import Floats
from gateway.quality.known import Known, ability, known_models
from gateway.registry import TASKS, Model, resolve
from gateway.registry.abilities import HIGHEST, LOWEST

_SPREAD = 0.7  # of an ability around the registry's; what an estimate from the price is off by, on average
_FOLDS = 5
_HALVINGS = 25

Answer = tuple[str, float, float]  # task, difficulty, score


def updated(models: Sequence[Known], rows: Sequence[Row], labels: Sequence[Label]) -> dict[str, Any]:
    """Abilities by model and task after `rows`, and how P does in five-fold cross-fitting."""
    answers = _by_model(models, rows, labels)
    after = {model.name: _fitted(model, answers[model.name]) for model in models}
    fold = [
        int(hashlib.sha256(row["prompt"].encode(errors="replace")).hexdigest(), 16) % _FOLDS for row in rows
    ]
    before_p: list[float] = []
    after_p: list[float] = []
    right: list[float] = []
    for number in range(_FOLDS):
        inside = [place for place, of in enumerate(fold) if of != number]
        outside = [place for place, of in enumerate(fold) if of == number]
        seen = _by_model(models, [rows[place] for place in inside], [labels[place] for place in inside])
        for model in models:
            moved = model._replace(abilities=model.abilities | _fitted(model, seen[model.name]))
            for place in outside:
                score = rows[place]["scores"].get(model.name)
                if score is not None:
                    label = labels[place]
                    before_p.append(chance(label.task, ability(model, label.task), label.difficulty))
                    after_p.append(chance(label.task, ability(moved, label.task), label.difficulty))
                    right.append(score)
    return {
        "models": {
            model.name: {
                "before": {task: model.abilities[task] for task in after[model.name]},
                "after": after[model.name],
                "rows": len(answers[model.name]),
            }
            for model in models
        },
        "held_out": {
            name: {
                "log_loss": figures.log_loss(np.array(p), np.array(right)),
                "auc": figures.auc(np.array(p), np.array(right)),
                "calibration_error": figures.calibration_error(np.array(p), np.array(right)),
            }
            for name, p in (("before", before_p), ("after", after_p))
        },
    }


def snippet(found: Mapping[str, Any], registry: Mapping[str, Model]) -> tuple[str, list[str]]:
    """The `models:` section of a config that holds the updated abilities, and the names that it cannot hold.

    A table's model is every entry of the registry that goes by its name; a name that is in no registry needs
    the form provider/model.
    """
    section: dict[str, Any] = {}
    unknown = []
    for name, entry in found["models"].items():
        ids = [model.id for model in resolve(registry, name)] or ([name] if "/" in name else [])
        if not ids:
            unknown.append(name)
        for id in ids:
            section[id] = {"abilities": entry["after"]}
    return yaml.safe_dump({"models": section}, sort_keys=False), unknown


def _by_model(
    models: Sequence[Known], rows: Sequence[Row], labels: Sequence[Label]
) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {model.name: [] for model in models}
    for row, label in zip(rows, labels, strict=True):
        for name, score in row["scores"].items():
            found[name].append((label.task, label.difficulty, score))
    return found


def _fitted(model: Known, answers: Sequence[Answer]) -> dict[str, float]:
    """The likeliest abilities: all tasks moved together, then each task by its own answers."""
    if not answers:
        return {}
    tasks = np.array([task for task, _, _ in answers])
    curves = np.array([PACKAGED.curve(task) for task, _, _ in answers])
    able = np.array([ability(model, task) for task, _, _ in answers])
    difficulty, right = np.array([answer[1:] for answer in answers]).T
    margin = able - curves[:, 1] - curves[:, 2] * difficulty
    together = _moved(curves[:, 0], margin, right)
    found = {}
    for task in TASKS:
        of = tasks == task
        if of.any():
            alone = _moved(curves[of, 0], margin[of] + together, right[of])
            found[task] = round(min(max(model.abilities[task] + together + alone, LOWEST), HIGHEST), 2)
    return found


def _moved(slope: Floats, margin: Floats, right: Floats) -> float:
    """The likeliest move of an ability, the mode of its posterior under a normal prior around no move."""
    low, high = LOWEST - HIGHEST, HIGHEST - LOWEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p = 1 / (1 + np.exp(-slope * (margin + middle)))
        rises = float(slope @ (right - p)) > middle / _SPREAD**2
        low, high = (middle, high) if rises else (low, middle)
    return (low + high) / 2


def models_of(rows: Sequence[Row], registry: Mapping[str, Model]) -> tuple[Known, ...]:
    """What is known of every model that the rows name."""
    names = sorted({name for row in rows for name in row["scores"]})
    return known_models(names, registry, {})
