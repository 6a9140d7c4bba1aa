"""How well requests are labelled: task, confidence and difficulty against a person's labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gateway.brain import Label
from gateway.brain.rows import Row, reading
from gateway.quality import figures
from gateway.quality.figures import Floats

_MOST_CONFUSED = 10


def report(rows: Sequence[Row], labels: Sequence[Label], threshold: float) -> dict[str, Any]:
    """Every figure of labelled rows, ready for JSON; `threshold` is the confidence that counts as sure."""
    pairs = list(zip(rows, labels, strict=True))

    def by(field: Callable[[Row], str | None]) -> dict[str, Any]:
        names = Counter(name for row in rows if (name := field(row)))
        return {
            name: measured([pair for pair in pairs if field(pair[0]) == name], threshold)
            for name, _ in names.most_common()
        }

    wrong = Counter((row["task"], label.task) for row, label in pairs if row["task"] != label.task)
    majority = Counter(row["task"] for row in rows).most_common(1)[0]
    return {
        **measured(pairs, threshold),
        "decided_by": dict(Counter(label.decided_by for label in labels)),
        "baseline_majority": {"task": majority[0], "accuracy": majority[1] / len(rows)},
        "by_english": by(
            lambda row: ("English" if row["lang"] == "en" else "other") if "lang" in row else None
        ),
        "by_language": by(lambda row: row.get("lang")),
        "by_source": by(lambda row: row.get("source")),
        "by_task": by(lambda row: str(row["task"])),
        "most_confused": [[*names, count] for names, count in wrong.most_common(_MOST_CONFUSED)],
        "confusion": _confusion(pairs),
    }


def measured(pairs: Sequence[tuple[Row, Label]], threshold: float) -> dict[str, Any]:
    """The figures of some of the rows; None where there is nothing to divide by."""
    right = np.array([row["task"] == label.task for row, label in pairs], np.float64)
    loose = [row["task"] == label.task or label.task in (row.get("accept") or ()) for row, label in pairs]
    sure = np.array([label.confidence for _, label in pairs])
    above = sure >= threshold
    return {
        "rows": len(pairs),
        "accuracy": float(right.mean()),
        "accuracy_with_accept": float(np.mean(loose)),
        "macro_f1": _macro_f1(pairs),
        "calibration_error": figures.calibration_error(sure, right),
        "covered": float(above.mean()),
        "accuracy_covered": float(right[above].mean()) if above.any() else None,
        "difficulty": _difficulty(pairs),
    }


def confidences(rows: Sequence[Row], labels: Sequence[Label]) -> tuple[Floats, Floats]:
    """The confidence of each label, and whether it is right, for a reliability diagram."""
    right = [row["task"] == label.task for row, label in zip(rows, labels, strict=True)]
    return np.array([label.confidence for label in labels]), np.array(right, np.float64)


def _macro_f1(pairs: Sequence[tuple[Row, Label]]) -> float:
    """Mean of F1 over the tasks that occur as a label or an answer's truth: strict labels only."""
    truth, said = [row["task"] for row, _ in pairs], [label.task for _, label in pairs]
    hits = Counter(task for task, answer in zip(truth, said, strict=True) if task == answer)
    given, answered = Counter(truth), Counter(said)
    return float(np.mean([2 * hits[task] / (given[task] + answered[task]) for task in given]))


def _difficulty(pairs: Sequence[tuple[Row, Label]]) -> dict[str, Any] | None:
    """Against the labels 1..5, taken as (d - 1) / 4; the baseline ranks by the length of the ask."""
    rated = [(row, label) for row, label in pairs if row.get("difficulty") is not None]
    if not rated:
        return None
    truth = np.array([(row["difficulty"] - 1) / 4 for row, _ in rated])
    said = np.array([label.difficulty for _, label in rated])
    length = np.array([len(reading(row).text) for row, _ in rated], np.float64)
    return {
        "rows": len(rated),
        "spearman": figures.spearman(said, truth),
        "mean_absolute_error": float(np.abs(said - truth).mean()),
        "spearman_length": figures.spearman(length, truth),
    }


def _confusion(pairs: Sequence[tuple[Row, Label]]) -> dict[str, dict[str, int]]:
    """Rows by label, then by answer."""
    counts = Counter((row["task"], label.task) for row, label in pairs)
    names = sorted({name for both in counts for name in both})
    return {task: {said: counts[task, said] for said in names} for task in names}
