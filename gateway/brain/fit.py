"""From labelled rows to a linear model: the part of training that computes. Development time only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from fastpath import Matcher, Pieces
from fastpath.pure.pieces import POOLS
from fastpath.pure.text import ModelFile
from gateway.brain import inputs
from gateway.brain.columns import BITS, columns, unpacked
from gateway.brain.features import EXTRAS
from gateway.brain.patterns import PATTERNS
from gateway.brain.rows import Row, reading

PENALTY = 0.1  # of half the squared weights, beside the summed loss of the rows
STEPS = 50

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Data:
    """Rows as the model sees them, one matrix row each: hashed and extra columns, then means of pieces."""

    x: Any  # scipy.sparse.csr_array of float32
    task: Whole  # the label, as an index
    level: Floats  # the difficulty labelled, 0..1; nan where nobody has
    shares: Floats  # [row][label]: what is to be answered, a teacher's word included
    difficulty: Floats  # what is to be answered, too
    weight: Floats

    def only(self, chosen: Mask | Whole) -> Data:
        """The rows where a mask is true, or those of some indexes."""
        return Data(
            self.x[chosen],
            self.task[chosen],
            self.level[chosen],
            self.shares[chosen],
            self.difficulty[chosen],
            self.weight[chosen],
        )


def data(rows: list[Row], labels: tuple[str, ...], pieces: Pieces) -> Data:
    """The matrix and the labels of `rows`; difficulty 1..5 in files is (d - 1) / 4 here.

    What a teacher says of a row (`shares` by label, `level` 0..1) counts as much as its own `task` and
    `difficulty`. `sure: false` halves a row.
    """
    return Data(
        matrix(rows, pieces),
        np.array([labels.index(row["task"]) for row in rows]),
        np.array([_own_level(row) for row in rows]),
        np.array([_shares(row, labels) for row in rows]),
        np.array([_level(row) for row in rows]),
        np.array([0.5 if row.get("sure") is False else 1.0 for row in rows]),
    )


def _shares(row: Row, labels: tuple[str, ...]) -> list[float]:
    own = [float(label == row["task"]) for label in labels]
    if "shares" not in row:
        return own
    return [(mine + row["shares"].get(label, 0.0)) / 2 for mine, label in zip(own, labels, strict=True)]


def _own_level(row: Row) -> float:
    return float("nan") if row.get("difficulty") is None else float((row["difficulty"] - 1) / 4)


def _level(row: Row) -> float:
    own, taught = _own_level(row), row.get("level")
    if taught is None:
        return own
    return float(taught if np.isnan(own) else (own + taught) / 2)


def matrix(rows: list[Row], pieces: Pieces) -> Any:
    """What LinearModel.score adds up for each row, as a sparse matrix: each hashed block has length one."""
    matcher = task_matcher()
    means: list[list[float]] = []
    ids: list[int] = []
    values: list[float] = []
    ends = [0]
    for row in rows:
        if "features" in row:
            blocks, mean = unpacked(row["features"])
        else:
            blocks, mean = columns(*seen(row, matcher), pieces)
        means.append(mean)
        for block in blocks:
            ids += block
            values += [len(block) ** -0.5] * len(block)
        ends.append(len(ids))
    parts = (np.array(values, np.float32), np.array(ids, np.int32), np.array(ends, np.int64))
    hashed = sparse.csr_array(parts, shape=(len(rows), (1 << BITS) + EXTRAS))
    return sparse.hstack([hashed, sparse.csr_array(np.array(means, np.float32))]).tocsr()


def task_matcher() -> Matcher:
    """The matcher that the classifier serves with."""
    return Matcher([pattern for _, pattern in PATTERNS])


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
    told = ~np.isnan(known.difficulty)
    middle = float(known.difficulty[told].mean()) if told.any() else 0.5
    level_weight = known.weight * told
    level = np.where(told, known.difficulty, middle)

    def task_loss(flat: Floats) -> tuple[float, Floats]:
        rows = flat.reshape(width + 1, labels)
        logs = log_softmax(x @ rows[:-1] + rows[-1], axis=1)
        error = (np.exp(logs) - known.shares) * known.weight[:, None]
        loss = PENALTY / 2 * np.sum(rows[:-1] ** 2) - np.sum(logs * known.shares * known.weight[:, None])
        slope = np.vstack([transposed @ error + PENALTY * rows[:-1], error.sum(axis=0)])
        return float(loss), slope.ravel()

    def difficulty_loss(row: Floats) -> tuple[float, Floats]:
        away = x @ row[:-1] + row[-1] + middle - level
        error = level_weight * away
        loss = (PENALTY * np.sum(row[:-1] ** 2) + np.sum(error * away)) / 2
        return float(loss), np.append(transposed @ error + PENALTY * row[:-1], error.sum())

    task = _descend(task_loss, (width + 1) * labels).reshape(width + 1, labels)
    hard = _descend(difficulty_loss, width + 1)
    rows = np.column_stack([task[:-1], hard[:-1]]) * ease[:, None]
    return Weights(rows, np.append(task[-1], hard[-1] + middle))


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


def quantised(weights: Weights, labels: tuple[str, ...], pieces: Pieces, about: dict[str, Any]) -> ModelFile:
    """The model file of `weights`: a scale per hashed column, so that its largest weight is 127."""
    means = POOLS * pieces.width
    hashed, dense = weights.rows[:-means], weights.rows[-means:]
    scales = np.maximum(np.abs(hashed).max(axis=0), 1e-9) / 127
    rows = np.rint(hashed / scales).astype(np.int8)
    meta = {
        "labels": list(labels),
        "scales": scales.tolist(),
        "biases": weights.biases.tolist(),
        "temperature": weights.temperature,
        "means": means,
        "pieces": pieces.digest,
        "about": about,
    }
    return ModelFile(BITS, EXTRAS, meta, rows.tobytes(), dense.astype("<f4").tobytes())
