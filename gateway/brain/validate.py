"""What a model is worth on files and sources that it has not seen. Development time only."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from gateway.brain.fit import Data, Floats, Mask, Weights, Whole, fit, shares, temperature
from gateway.brain.rows import Row

NEVER = -1  # the fold of rows that are in every training
FOLDS = 5
CURVE = (0.125, 0.25, 0.5, 1.0)  # shares of the labelled rows


@dataclass(frozen=True)
class Trial:
    """Answers to the rows that were held out, by models that were trained without their fold."""

    known: Data
    labels: tuple[str, ...]
    fold: Whole
    logits: Floats
    difficulty: Floats
    temperature: float
    weights: Weights  # those of the last fold

    @property
    def out(self) -> Mask:
        """The rows that were held out."""
        return np.asarray(self.fold != NEVER)

    @property
    def found(self) -> Whole:
        """The label answered, as an index."""
        return np.asarray(self.logits.argmax(axis=1))

    def accuracy(self, mask: Mask) -> float:
        """Share of the rows answered right."""
        return float(np.mean(self.found[mask] == self.known.task[mask]))

    def macro_f1(self, mask: Mask) -> float:
        """Mean over the labels of the harmonic mean of precision and recall."""
        found, task = self.found[mask], self.known.task[mask]
        scores = []
        for label in np.unique(task):
            hits = np.sum((found == label) & (task == label))
            scores.append(2 * hits / (np.sum(found == label) + np.sum(task == label)))
        return float(np.mean(scores))

    def rank(self, mask: Mask) -> float:
        """Spearman's correlation of the difficulty answered with the one labelled."""
        return float(spearmanr(self.difficulty[mask], self.known.level[mask])[0])

    def calibration_error(self, mask: Mask, at: float, bins: int = 15) -> float:
        """Expected |confidence - accuracy| at a temperature, over equal bins of confidence."""
        sure = shares(self.logits[mask], at).max(axis=1)
        right = self.found[mask] == self.known.task[mask]
        places = np.minimum((sure * bins).astype(int), bins - 1)
        gaps = [
            abs(sure[places == place].mean() - right[places == place].mean()) * np.mean(places == place)
            for place in np.unique(places)
        ]
        return float(np.sum(gaps))

    def covered(self, mask: Mask, threshold: float) -> tuple[float, float]:
        """Share of rows with confidence at the threshold or above, and the accuracy there."""
        above = mask & (shares(self.logits, self.temperature).max(axis=1) >= threshold)
        return float(above.sum() / mask.sum()), self.accuracy(above)

    def confusions(self, mask: Mask, worst: int = 8) -> list[tuple[str, str, int]]:
        """Most frequent (label, answered instead, rows)."""
        pairs = zip(self.known.task[mask].tolist(), self.found[mask].tolist(), strict=True)
        wrong = Counter((task, said) for task, said in pairs if task != said)
        return [
            (self.labels[task], self.labels[said], rows) for (task, said), rows in wrong.most_common(worst)
        ]


def folds(rows: Sequence[Row]) -> Whole:
    """A fold per row: whole sources, the largest dealt out first; rows of a sole source go by their id."""
    sizes = Counter(str(row.get("source", "")) for row in rows)
    if len(sizes) == 1:
        return np.array([_drawn(row) for row in rows])
    filled = [0] * min(FOLDS, len(sizes))
    fold = {}
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold[name] = filled.index(min(filled))
        filled[fold[name]] += size
    return np.array([fold[str(row.get("source", ""))] for row in rows])


def _drawn(row: Row) -> int:
    return hashlib.sha256(repr(row.get("id", row)).encode(errors="replace")).digest()[0] % FOLDS


def held_out(known: Data, labels: tuple[str, ...], fold: Whole, weight: Floats) -> Trial:
    """Trains once per fold without it; the temperature fits the held-out rows, each by its `weight`."""
    logits, difficulty = np.zeros((len(fold), len(labels))), np.zeros(len(fold))
    for number in range(int(fold.max()) + 1):
        out = fold == number
        weights = fit(known.only(~out), len(labels))
        logits[out] = weights.logits(known.x[out])
        difficulty[out] = weights.difficulty(known.x[out])
    out = fold != NEVER
    best = temperature(logits[out], known.task[out], weight[out])
    return Trial(known, labels, fold, logits, difficulty, best, weights)


def curve(trial: Trial, labelled: Mask, tests: Sequence[Mask]) -> list[tuple[int, list[float]]]:
    """(rows, accuracy on each of `tests`) when trained on a part of the labelled rows, and on no others."""
    ready = np.flatnonzero(labelled & ~trial.out)
    order = np.random.default_rng(0).permutation(ready)
    points = []
    for share in CURVE:
        used = order[: round(share * len(order))]
        known = trial.known
        part = _untaught(known, len(trial.labels)).only(used)
        weights = fit(part, len(trial.labels))
        found = [weights.logits(known.x[test]).argmax(axis=1) for test in tests]
        points.append(
            (
                len(used),
                [float(np.mean(said == known.task[test])) for said, test in zip(found, tests, strict=True)],
            )
        )
    return points


def _untaught(known: Data, labels: int) -> Data:
    return replace(known, shares=np.eye(labels)[known.task], difficulty=known.level)


def shuffled(trial: Trial, labelled: Mask, tests: Sequence[Mask]) -> list[float]:
    """Accuracy on each of `tests` when the labels trained on are dealt out at random."""
    known = trial.known
    used = np.flatnonzero(labelled & ~trial.out)
    mixed = np.random.default_rng(0).permutation(used)
    plain = _untaught(known, len(trial.labels))
    part = replace(plain.only(used), shares=plain.shares[mixed], difficulty=plain.difficulty[mixed])
    weights = fit(part, len(trial.labels))
    return [
        float(np.mean(weights.logits(known.x[test]).argmax(axis=1) == known.task[test])) for test in tests
    ]
