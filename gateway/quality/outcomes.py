"""How well the router chooses, on a table of what each model made of each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.brain import Label
from gateway.brain.odds import chance
from gateway.brain.rows import Row, reading
from gateway.candidates import usual_outputs
from gateway.quality import figures
from gateway.quality.figures import Floats, Whole
from gateway.quality.items import score_matrix
from gateway.quality.known import Known, Prices, ability, known_models
from gateway.registry import Model

_CHARACTERS_PER_TOKEN = 4
_ANSWERED = 0.9  # of the rows; a model with fewer scores is left out where models are compared
_VALUES = np.concatenate([[0.0], np.geomspace(1e-7, 100.0, 91)])  # USD a good answer is worth


@dataclass(frozen=True)
class Table:
    """Requests x models: what came out, and what the router expects. NaN where unknown."""

    models: tuple[Known, ...]
    scores: Floats
    cost: Floats  # USD, that was paid or else that is expected
    expected: Floats  # USD, before the answer
    p: Floats
    benchmarks: tuple[str, ...]
    group: Whole  # the benchmark of each row, by number
    length: Floats  # characters of the ask

    def only(self, rows: Any, models: Sequence[int]) -> Table:
        """The same for some rows and models."""
        cut = np.ix_(np.flatnonzero(rows), np.array(models))
        return Table(
            tuple(self.models[number] for number in models),
            self.scores[cut],
            self.cost[cut],
            self.expected[cut],
            self.p[cut],
            self.benchmarks,
            self.group[rows],
            self.length[rows],
        )


class Setting(NamedTuple):
    """The router at one value of a good answer, in USD: its choices, their mean cost and quality."""

    value: float
    choice: Whole
    cost: float
    quality: float


def table(
    rows: Sequence[Row], labels: Sequence[Label], registry: Mapping[str, Model], prices: Prices
) -> Table:
    """The table of outcome `rows`; `labels` are the router's."""
    names, scores = score_matrix(row["scores"] for row in rows)
    models = known_models(names, registry, prices)
    paid = np.array([[row.get("cost", {}).get(name, np.nan) for name in names] for row in rows], np.float64)
    p = np.array(
        [
            [chance(label.task, ability(model, label.task), label.difficulty) for model in models]
            for label in labels
        ]
    )
    expected = _expected(rows, labels, models, paid)
    benchmarks, group = np.unique([str(row["benchmark"]) for row in rows], return_inverse=True)
    length = np.array([len(reading(row).text) for row in rows], np.float64)
    cost = np.where(np.isnan(paid), expected, paid)
    return Table(models, scores, cost, expected, p, tuple(benchmarks.tolist()), group, length)


def _expected(rows: Sequence[Row], labels: Sequence[Label], models: Sequence[Known], paid: Floats) -> Floats:
    """Prices x estimated tokens, scaled to the model's mean cost where costs are given; else that mean."""
    estimate = np.full(paid.shape, np.nan)
    for at, (row, label) in enumerate(zip(rows, labels, strict=True)):
        tokens = len(row["prompt"]) / _CHARACTERS_PER_TOKEN
        plain, thinking = usual_outputs(label.task, label.difficulty, tokens)
        for number, model in enumerate(models):
            if model.price is not None:
                output = thinking if model.thinks else plain
                estimate[at, number] = tokens * model.price[0] + output * model.price[1]
    for number in range(len(models)):
        given = ~np.isnan(paid[:, number])
        if given.any():
            mean, guessed = paid[given, number].mean(), estimate[given, number].mean()
            estimate[:, number] = mean if not guessed > 0 else estimate[:, number] * mean / guessed
    return estimate


def report(of: Table, pairs: Sequence[tuple[str, str]], value: float) -> dict[str, Any]:
    """Every figure of a table, ready for JSON; `value`: USD that a good answer is worth."""
    basis = [model.basis for model in of.models]
    asked = ~np.isnan(of.scores) & [name != "nothing" for name in basis]
    found: dict[str, Any] = {
        "rows": len(of.scores),
        "models": len(of.models),
        "abilities_from": {name: basis.count(name) for name in sorted(set(basis))},
        "p": _odds(of, asked) if asked.any() else None,
    }
    chosen = comparable(of)
    found["choice"] = None if chosen is None else choice(chosen, value)
    found["pairs"] = [pair(of, *names) for names in pairs or _usual_pair(of)]
    return found


def _odds(of: Table, asked: NDArray[np.bool_]) -> dict[str, Any]:
    """How good P is, over all answers of the models of which something is known."""
    p, right = of.p[asked], of.scores[asked]
    return {
        "auc": figures.auc(p, right),
        "auc_within_models": _mean_auc(of, asked),
        "log_loss": figures.log_loss(p, right),
        "calibration_error": figures.calibration_error(p, right),
        "reliability": figures.reliability(p, right),
    }


def _mean_auc(of: Table, asked: NDArray[np.bool_]) -> float | None:
    each = [
        figures.auc(of.p[asked[:, number], number], of.scores[asked[:, number], number])
        for number in range(len(of.models))
    ]
    known_ones = [one for one in each if one is not None]
    return float(np.mean(known_ones)) if known_ones else None


def comparable(of: Table) -> Table | None:
    """The models with a cost and nearly all scores, and the rows that all of them answered; None: too few."""
    share = (~np.isnan(of.scores)).mean(axis=0)
    models = [
        number
        for number in range(len(of.models))
        if share[number] >= _ANSWERED and not np.isnan(of.cost[:, number]).any()
    ]
    rows = ~np.isnan(of.scores[:, models]).any(axis=1)
    return of.only(rows, models) if len(models) > 1 and rows.any() else None


def settings(of: Table, quality: Floats, cost: Floats, values: Floats = _VALUES) -> list[Setting]:
    """What is chosen at each value: the most of quality x value - cost, in a tie the first."""
    rows = np.arange(len(of.scores))
    found = []
    for value in values:
        taken = np.argmax(quality * value - cost, axis=1)
        mean_cost, mean_quality = of.cost[rows, taken].mean(), of.scores[rows, taken].mean()
        found.append(Setting(float(value), taken, float(mean_cost), float(mean_quality)))
    return found


def single(of: Table) -> Floats:
    """(cost, quality) of always asking one model, for each."""
    return np.column_stack([of.cost.mean(axis=0), of.scores.mean(axis=0)])


def choice(of: Table, value: float) -> dict[str, Any]:
    """The router among all models of a `comparable` table, against one model, chance and the oracle."""
    alone = single(of)
    cheapest = int(np.lexsort((-alone[:, 1], alone[:, 0]))[0])
    best = int(np.lexsort((alone[:, 0], -alone[:, 1]))[0])
    swept = settings(of, of.p, of.expected)
    perfect = settings(of, of.scores, of.cost)
    (at,) = settings(of, of.p, of.expected, np.array([value]))
    area = None
    if alone[cheapest, 0] < alone[best, 0]:
        area = _area(swept, perfect, alone[cheapest], alone[best])
    return {
        "rows": len(of.scores),
        "models": {
            model.name: {"cost": float(cost), "quality": float(quality)}
            for model, (cost, quality) in zip(of.models, alone, strict=True)
        },
        "cheapest": of.models[cheapest].name,
        "always_best": of.models[best].name,
        "random_model": {"cost": float(alone[:, 0].mean()), "quality": float(alone[:, 1].mean())},
        "oracle": {"cost": perfect[-1].cost, "quality": perfect[-1].quality},
        "area": area,
        "at_value": _at(of, at, alone[best]),
        "curve": [[one.value, one.cost, one.quality] for one in swept],
        "oracle_curve": [[one.value, one.cost, one.quality] for one in perfect],
        "gain_over_shuffled": _gain(of, [at]),
        "gain_over_shuffled_whole_curve": _gain(of, swept),
    }


def _area(
    swept: Sequence[Setting], perfect: Sequence[Setting], cheapest: Floats, best: Floats
) -> dict[str, Any]:
    mine, lowest = figures.area_above_line(_points(swept), cheapest, best)
    theirs, _ = figures.area_above_line(_points(perfect), cheapest, best)
    return {"share_of_oracle": mine / theirs if theirs > 0 else None, "lowest_above_line": lowest}


def _points(swept: Sequence[Setting]) -> Floats:
    return np.array([(one.cost, one.quality) for one in swept])


def _at(of: Table, at: Setting, best: Floats) -> dict[str, Any]:
    counts = np.bincount(at.choice, minlength=len(of.models)) / len(at.choice)
    return {
        "value_usd": at.value,
        "cost": at.cost,
        "quality": at.quality,
        "cost_of_always_best": at.cost / best[0] if best[0] else None,
        "quality_of_always_best": at.quality / best[1] if best[1] else None,
        "chosen": {model.name: float(share) for model, share in zip(of.models, counts, strict=True) if share},
    }


def _gain(of: Table, swept: Sequence[Setting]) -> dict[str, Any]:
    """Over the same choices dealt to random rows: of all rows, and within each benchmark."""
    found = {}
    for name, group in (("all", np.zeros_like(of.group)), ("within_benchmarks", of.group)):
        gained = np.mean([figures.shuffled_gain(of.scores, one.choice, group) for one in swept], axis=0)
        found[name] = {"gain": float(gained.mean()), "interval": list(_mean_interval(gained))}
    return found


def _mean_interval(values: Floats) -> tuple[float, float]:
    return figures.interval(lambda rows: float(values[rows].mean()), len(values))


def _usual_pair(of: Table) -> list[tuple[str, str]]:
    """The model that is right most, and the cheapest; without costs, the least right."""
    quality = np.nanmean(of.scores, axis=0)
    cost = np.array([np.nan if np.isnan(column).all() else np.nanmean(column) for column in of.cost.T])
    priced = ~np.isnan(cost)
    strong = int(np.lexsort((-np.where(priced, cost, 0.0), -quality))[0])
    weak = int(np.nanargmin(cost)) if priced.any() else int(np.argmin(quality))
    if not quality[strong] > quality[weak]:
        return []
    return [(of.models[strong].name, of.models[weak].name)]


def pair(of: Table, strong: str, weak: str) -> dict[str, Any]:
    """Two models: rows go to the strong one by how much likelier it is to be right."""
    names = [model.name for model in of.models]
    both = of.only(np.ones(len(of.scores), bool), [names.index(strong), names.index(weak)])
    both = both.only(~np.isnan(both.scores).any(axis=1), [0, 1])
    gain = both.scores[:, 0] - both.scores[:, 1]
    base = {"strong": strong, "weak": weak, "rows": len(gain)}
    if not len(gain) or gain.mean() <= 0:
        return base | {"gap": float(gain.mean()) if len(gain) else None}
    score = both.p[:, 0] - both.p[:, 1]

    def area(rows: Whole) -> float:
        part = gain[rows]
        return figures.apgr(score[rows], part) if part.sum() > 0 else float("nan")

    calls, share = figures.recovered(score, gain)
    within = [
        (figures.apgr(score[rows], gain[rows]), float(gain[rows].sum()))
        for rows in (both.group == number for number in np.unique(both.group))
        if gain[rows].sum() > 0
    ]
    return base | {
        "gap": float(gain.mean()),
        "quality": both.scores.mean(axis=0).tolist(),
        "apgr": figures.apgr(score, gain),
        "apgr_interval": list(figures.interval(area, len(gain))),
        "apgr_within_benchmarks": float(np.average([a for a, _ in within], weights=[g for _, g in within])),
        "cpt50": figures.calls_for(score, gain, 0.5),
        "cpt80": figures.calls_for(score, gain, 0.8),
        "apgr_length": figures.apgr(both.length, gain),
        "apgr_random": 0.5,
        "apgr_oracle": figures.apgr(gain, gain),
        "curve": np.column_stack([calls, share])[:: max(len(calls) // 200, 1)].tolist(),
    }
