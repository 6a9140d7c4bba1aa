"""What a model is worth on rows of files and sources that it has not seen. Development time only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from gateway.brain.fit import Data, Floats, Mask, Whole, fit, shares
from gateway.brain.rows import Row

CURVE = (1, 2, 4, 6)  # author files


@dataclass(frozen=True)
class HeldOut:
    """Out-of-fold answers for every row: none of its file or source was in the training."""

    logits: Floats
    difficulty: Floats


def folds(rows: list[Row], corpus: Mask) -> Whole:
    """A fold per row: an author file each; the other sources are dealt out by size over the same folds."""
    files = sorted({row["source"] for row, own in zip(rows, corpus, strict=True) if own})
    sizes = Counter(row["source"] for row, own in zip(rows, corpus, strict=True) if not own)
    fold = {name: number for number, name in enumerate(files)}
    filled = [0] * len(files)
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold[name] = filled.index(min(filled))
        filled[fold[name]] += size
    return np.array([fold[row["source"]] for row in rows])


def held_out(known: Data, fold: Whole, labels: int) -> HeldOut:
    """Trains once per fold without it and answers it."""
    logits = np.zeros((len(fold), labels))
    difficulty = np.zeros(len(fold))
    for number in sorted(set(fold.tolist())):
        out = fold == number
        weights = fit(known.only(~out), labels)
        logits[out] = weights.logits(known.x[out])
        difficulty[out] = weights.difficulty(known.x[out])
        print(f"fold {number + 1} of {fold.max() + 1}", flush=True)
    return HeldOut(logits, difficulty)


def curve(known: Data, fold: Whole, corpus: Mask, labels: int, tests: tuple[int, ...]) -> list[str]:
    """Markdown rows: accuracy on whole test files when trained on more and more other author files."""
    lines = []
    for files in CURVE:
        cells = []
        for test in tests:
            taken = [number for number in range(int(fold.max()) + 1) if number != test]
            # Every second file first, so that few files are not all of one kind.
            taken = (taken[::2] + taken[1::2])[:files]
            train = corpus & np.isin(fold, taken)
            out = corpus & (fold == test)
            found = fit(known.only(train), labels).logits(known.x[out]).argmax(axis=1)
            cells.append(f"{train.sum()} rows: {_percent(found == known.task[out])}")
        lines.append(f"| {files} | {' | '.join(cells)} |")
    return lines


def accuracy(held: HeldOut, known: Data, mask: Mask) -> str:
    """Accuracy, macro F1 and difficulty rank correlation of some rows, as Markdown cells."""
    found, task = held.logits[mask].argmax(axis=1), known.task[mask]
    rank = spearmanr(held.difficulty[mask], known.difficulty[mask])[0]
    return f"{mask.sum()} | {_percent(found == task)} | {macro_f1(found, task):.3f} | {rank:.2f}"


def macro_f1(found: Whole, task: Whole) -> float:
    """Mean over the labels of the harmonic mean of precision and recall."""
    scores = []
    for label in np.unique(task):
        hits = np.sum((found == label) & (task == label))
        scores.append(2 * hits / (np.sum(found == label) + np.sum(task == label)))
    return float(np.mean(scores))


def calibration_error(logits: Floats, task: Whole, temperature: float, bins: int = 15) -> float:
    """Expected calibration error: |confidence - accuracy| over equal bins of confidence."""
    sure = shares(logits, temperature)
    confidence, right = sure.max(axis=1), sure.argmax(axis=1) == task
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[places == number].mean() - right[places == number].mean()) * np.mean(places == number)
        for number in np.unique(places)
    ]
    return float(np.sum(gaps))


def confusions(found: Whole, task: Whole, labels: tuple[str, ...], worst: int = 8) -> list[str]:
    """Markdown rows: the pairs that are most often confused."""
    pairs = Counter((int(is_), int(said)) for is_, said in zip(task, found, strict=True) if is_ != said)
    return [
        f"| {labels[is_]} | {labels[said]} | {count} |" for (is_, said), count in pairs.most_common(worst)
    ]


def covered(logits: Floats, task: Whole, temperature: float, threshold: float = 0.7) -> str:
    """Share of rows at or above the confidence threshold, and the accuracy there."""
    sure = shares(logits, temperature)
    mask = sure.max(axis=1) >= threshold
    return f"{_percent(mask)} of rows, {_percent(sure.argmax(axis=1)[mask] == task[mask])} right"


def _percent(values: Mask) -> str:
    return f"{100 * float(np.mean(values)):.1f} %"
