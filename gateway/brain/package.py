"""Makes the packaged model: measured on files and sources held out whole, then trained on everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastpath import LinearModel, Pieces
from fastpath.pure.text import pack
from gateway.brain import PIECES, fit, report, train, validate
from gateway.brain.rows import Row, read_rows

_HELD_TEACHER = "teacher_held_out.jsonl.gz"


def made(directory: Path) -> tuple[bytes, str]:
    """The model file, and the report on it, from a routing data directory and `training/`."""
    everything = train.packaged_rows(directory)
    # Of what is held out, only the labels that came with the routing data are measured on.
    rows = [row for row in everything if not (_is_held(row) and row.get("ours"))]
    ready = [row for row in rows if not _is_held(row)]
    labels = tuple(sorted({row["task"] for row in rows}))

    trial = _trial(rows, ready, labels)
    tests = {"corpus": _mask(trial, rows, True), "sources": _mask(trial, rows, False)}
    labelled = np.arange(len(trial.fold)) < len(rows)
    second = [max(row["shares"], key=row["shares"].__getitem__) for row in _taught(rows, _HELD_TEACHER)]
    measured = report.Measured(
        rows=rows,
        trial=trial,
        second=[labels.index(label) for label in second],
        tests=tests,
        curve=validate.curve(trial, labelled, list(tests.values())),
        shuffled=validate.shuffled(trial, labelled, list(tests.values())),
        robustness=_robustness([row for row in rows if _is_held(row)], trial, labels),
        trained=len(everything),
    )

    pieces = Pieces(PIECES.read_bytes())
    every = _taught(everything, "teacher.jsonl.gz")
    every += train.varied(every)
    weights = fit.fit(fit.data(every, labels, pieces), len(labels)).at(trial.temperature)
    about: dict[str, Any] = {
        "rows": len(everything),
        "sha256": train.fingerprint(everything),
        **{f"accuracy_held_out_{name}": round(trial.accuracy(mask), 4) for name, mask in tests.items()},
    }
    blob = pack(fit.quantised(weights, labels, pieces, about))
    LinearModel(blob, pieces)  # reads what it will serve
    return blob, report.written(measured, len(blob))


def _taught(rows: list[Row], teacher: str) -> list[Row]:
    """The rows with what a teacher says of them, where it has said anything."""
    said = {row["id"]: row for row in read_rows(train.TRAINING / teacher)}
    taught = []
    for row in rows:
        found = said.get(row["id"])
        if found is not None:
            shares = {label: share / 1000 for label, share in found["shares"].items()}
            row = {**row, "shares": shares, "level": found["level"] / 1000}
        taught.append(row)
    return taught


def _is_held(row: Row) -> bool:
    return row["source"] in train.HELD_FILES + train.HELD_SOURCES


def _trial(rows: list[Row], ready: list[Row], labels: tuple[str, ...]) -> validate.Trial:
    """One training without what is held out, with a teacher and a table of pieces that never saw it."""
    pieces = Pieces((train.TRAINING / "pieces_held_out.bin").read_bytes())
    known = fit.data(
        [*_taught(rows, _HELD_TEACHER), *train.varied(_taught(ready, _HELD_TEACHER))], labels, pieces
    )
    fold = np.full(len(known.task), validate.NEVER)
    fold[: len(rows)][[_is_held(row) for row in rows]] = 0
    corpus = np.array(["kind" in row for row in rows] + [True] * (len(fold) - len(rows)))
    # Both halves count the same: the corpus has the breadth, the sources are nearer to real users.
    out = fold == 0
    weight = corpus / (corpus & out).sum() + ~corpus / (~corpus & out).sum()
    return validate.held_out(known, labels, fold, weight)


def _mask(trial: validate.Trial, rows: list[Row], corpus: bool) -> fit.Mask:
    mask = np.zeros(len(trial.fold), bool)
    mask[: len(rows)] = [_is_held(row) and ("kind" in row) == corpus for row in rows]
    return mask


def _robustness(
    out: list[Row], trial: validate.Trial, labels: tuple[str, ...]
) -> list[tuple[str, float, float, float]]:
    """(change, accuracy before, after, mean move of difficulty) on the held-out rows in other words."""
    pieces = Pieces((train.TRAINING / "pieces_held_out.bin").read_bytes())
    weights = trial.weights
    before = fit.data(out, labels, pieces)
    said, level = weights.logits(before.x).argmax(axis=1), weights.difficulty(before.x)
    lines = []
    for name, changed in train.measured_variations(out):
        after = fit.matrix(changed, pieces)
        lines.append(
            (
                name,
                float(np.mean(said == before.task)),
                float(np.mean(weights.logits(after).argmax(axis=1) == before.task)),
                float(np.mean(np.abs(weights.difficulty(after) - level))),
            )
        )
    return lines
