"""What a model is worth on files and sources that it has not seen. Development time only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from gateway.brain.fit import Data, Floats, Mask, Whole, fit, shares, temperature
from gateway.brain.rows import Row

CURVE = (1, 2, 4, 6)  # author files trained on


@dataclass(frozen=True)
class Trial:
    """Answers to every row by a model that was trained without the row's fold."""

    known: Data
    labels: tuple[str, ...]
    fold: Whole
    corpus: Mask  # the author files' rows, the rest being those of public sources
    logits: Floats
    difficulty: Floats
    temperature: float

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
        return float(spearmanr(self.difficulty[mask], self.known.difficulty[mask])[0])

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


def folds(sources: list[str], files: int) -> Whole:
    """A fold per row: the first `files` rows' sources are a fold each; others are dealt over them by size."""
    names = sorted(set(sources[:files]))
    fold = {name: number for number, name in enumerate(names)}
    filled = [0] * len(names)
    for name, size in sorted(Counter(sources[files:]).items(), key=lambda item: (-item[1], item[0])):
        fold[name] = filled.index(min(filled))
        filled[fold[name]] += size
    return np.array([fold[source] for source in sources])


def held_out(rows: list[Row], known: Data, labels: tuple[str, ...], files: int) -> Trial:
    """Trains once per fold without it; the first `files` rows are those of author files."""
    fold = folds([row["source"] for row in rows], files)
    corpus = np.arange(len(rows)) < files
    logits, difficulty = np.zeros((len(rows), len(labels))), np.zeros(len(rows))
    for number in range(int(fold.max()) + 1):
        out = fold == number
        weights = fit(known.only(~out), len(labels))
        logits[out] = weights.logits(known.x[out])
        difficulty[out] = weights.difficulty(known.x[out])
        print(f"fold {number + 1} of {fold.max() + 1}", flush=True)
    # Both halves count the same: the corpus has the breadth, the sources are nearer to real users.
    weight = corpus / corpus.sum() + ~corpus / (~corpus).sum()
    best = temperature(logits, known.task, weight)
    return Trial(known, labels, fold, corpus, logits, difficulty, best)


def curve(trial: Trial, test: int) -> list[tuple[int, int, float]]:
    """(author files, rows, accuracy on author file `test`) with more and more other author files."""
    others = [number for number in range(int(trial.fold.max()) + 1) if number != test]
    others = others[::2] + others[1::2]  # neighbours are alike in language
    out = trial.corpus & (trial.fold == test)
    points = []
    for files in CURVE:
        used = trial.corpus & np.isin(trial.fold, others[:files])
        weights = fit(trial.known.only(used), len(trial.labels))
        found = weights.logits(trial.known.x[out]).argmax(axis=1)
        points.append((files, int(used.sum()), float(np.mean(found == trial.known.task[out]))))
    return points


def shuffled(trial: Trial, test: int) -> float:
    """Accuracy on author file `test` when the labels trained on are dealt out at random."""
    used, out = trial.fold != test, trial.corpus & (trial.fold == test)
    known = trial.known.only(used)
    mixed = Data(known.x, np.random.default_rng(0).permutation(known.task), known.difficulty)
    found = fit(mixed, len(trial.labels)).logits(trial.known.x[out]).argmax(axis=1)
    return float(np.mean(found == trial.known.task[out]))
