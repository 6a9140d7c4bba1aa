"""From labelled rows to a linear model: the part of training that computes. Development time only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from fastpath import Matcher, features
from fastpath.pure.text import ModelFile
from gateway.brain import inputs
from gateway.brain.features import EXTRAS
from gateway.brain.patterns import PATTERNS
from gateway.brain.rows import Row, reading

BITS = 17
PENALTY = 0.1  # of half the squared weights, beside the summed loss of the rows
STEPS = 50

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Data:
    """Rows as the model sees them, one matrix row each."""

    x: Any  # scipy.sparse.csr_array of float32
    task: Whole  # index of the label
    difficulty: Floats  # 0..1

    def only(self, mask: Mask) -> Data:
        """The rows where `mask` is true."""
        return Data(self.x[mask], self.task[mask], self.difficulty[mask])


def data(rows: list[Row], labels: tuple[str, ...]) -> Data:
    """The matrix and the labels of `rows`; difficulty 1..5 in files is (d - 1) / 4 here."""
    return Data(
        matrix(rows),
        np.array([labels.index(row["task"]) for row in rows]),
        np.array([(row["difficulty"] - 1) / 4 for row in rows]),
    )


def matrix(rows: list[Row]) -> Any:
    """What LinearModel.score adds up for each row, as a sparse matrix: each block has length one."""
    matcher = task_matcher()
    ids: list[int] = []
    values: list[float] = []
    ends = [0]
    for row in rows:
        for block in _blocks(matcher, row):
            ids += block
            values += [len(block) ** -0.5] * len(block)
        ends.append(len(ids))
    parts = (np.array(values, np.float32), np.array(ids, np.int32), np.array(ends, np.int64))
    return sparse.csr_array(parts, shape=(len(rows), (1 << BITS) + EXTRAS))


def task_matcher() -> Matcher:
    """The matcher that the classifier serves with."""
    return Matcher([pattern for _, pattern in PATTERNS])


def _blocks(matcher: Matcher, row: Row) -> list[list[int]]:
    text, extra = seen(row, matcher)
    blocks = features(text, BITS)
    blocks.append([(1 << BITS) + number for number in sorted(set(extra))])
    return [block for block in blocks if block]


def seen(row: Row, matcher: Matcher) -> tuple[bytes, list[int]]:
    """What LinearModel.score is given for a row."""
    asked = reading(row)
    return inputs(
        matcher,
        asked.text,
        before=asked.before,
        system=asked.system,
        turns=asked.turns,
        tools=any(one["role"] == "tool" for one in row.get("messages", ())),
        images=False,
    )


@dataclass(frozen=True)
class Weights:
    """A fitted model: a column per label, then one for difficulty."""

    rows: Floats
    biases: Floats
    temperature: float = 1.0

    def logits(self, x: Any) -> Floats:
        """Values of the label columns before temperature and softmax."""
        return np.asarray(x @ self.rows[:, :-1] + self.biases[:-1])

    def difficulty(self, x: Any) -> Floats:
        """Difficulty in 0..1."""
        return np.asarray(np.clip(x @ self.rows[:, -1] + self.biases[-1], 0.0, 1.0))

    def at(self, temperature: float) -> Weights:
        """The same weights with another temperature."""
        return replace(self, temperature=temperature)


def fit(known: Data, labels: int) -> Weights:
    """Multinomial logistic regression for the task, ridge regression for difficulty; L-BFGS from zero."""
    width = known.x.shape[1]
    # A rare id may take a larger weight than a frequent one at the same penalty, as after TF-IDF.
    ease = _rarity(known.x)
    x = (known.x @ sparse.diags_array(ease)).tocsr()
    transposed = x.T.tocsr()
    truth = np.eye(labels)[known.task]
    middle = float(known.difficulty.mean())

    def task_loss(flat: Floats) -> tuple[float, Floats]:
        rows = flat.reshape(width + 1, labels)
        logs = log_softmax(x @ rows[:-1] + rows[-1], axis=1)
        error = np.exp(logs) - truth
        loss = PENALTY / 2 * np.sum(rows[:-1] ** 2) - np.sum(logs * truth)
        slope = np.vstack([transposed @ error + PENALTY * rows[:-1], error.sum(axis=0)])
        return float(loss), slope.ravel()

    def difficulty_loss(row: Floats) -> tuple[float, Floats]:
        error = x @ row[:-1] + row[-1] + middle - known.difficulty
        loss = (PENALTY * np.sum(row[:-1] ** 2) + np.sum(error**2)) / 2
        return float(loss), np.append(transposed @ error + PENALTY * row[:-1], error.sum())

    task = _descend(task_loss, (width + 1) * labels).reshape(width + 1, labels)
    level = _descend(difficulty_loss, width + 1)
    rows = np.column_stack([task[:-1], level[:-1]]) * ease[:, None]
    return Weights(rows, np.append(task[-1], level[-1] + middle))


def _rarity(x: Any) -> Floats:
    """A factor per column: 1 + log of inverse document frequency, with mean one over what occurs."""
    often = np.bincount(x.indices, minlength=x.shape[1])
    factor = 1 + np.log((x.shape[0] + 1) / (often + 1))
    return np.asarray(factor / np.average(factor, weights=often), dtype=np.float32)


def _descend(loss: Any, size: int) -> Floats:
    options = {"maxiter": STEPS}
    return np.asarray(minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options=options).x)


def shares(logits: Floats, temperature: float) -> Floats:
    """Probabilities of the labels."""
    return np.asarray(softmax(logits / temperature, axis=1))


def temperature(logits: Floats, task: Whole, weight: Floats) -> float:
    """The temperature at which held-out logits are likeliest, each row counting by its weight."""

    def loss(log: float) -> float:
        logs = log_softmax(logits / np.exp(log), axis=1)
        return float(-np.average(logs[np.arange(len(task)), task], weights=weight))

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def quantised(weights: Weights, labels: tuple[str, ...], about: dict[str, Any]) -> ModelFile:
    """The model file of `weights`: a scale per column, so that its largest weight is 127."""
    scales = np.abs(weights.rows).max(axis=0) / 127
    rows = np.rint(weights.rows / scales).astype(np.int8)
    meta = {
        "labels": list(labels),
        "scales": scales.tolist(),
        "biases": weights.biases.tolist(),
        "temperature": weights.temperature,
        "about": about,
    }
    return ModelFile(BITS, EXTRAS, meta, rows.tobytes())
