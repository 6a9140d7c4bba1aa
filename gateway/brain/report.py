"""The validation report, as the Markdown that lies beside the model. Development time only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from scipy.stats import spearmanr

from gateway.brain.fit import BITS, PENALTY, STEPS, Mask, Whole
from gateway.brain.rows import Row, reading
from gateway.brain.validate import Trial, curve, shuffled

TESTS = ("en_work", "other_languages_chat")  # author files for the learning curve and the control
THRESHOLD = 0.7
LEAST = 30  # rows of a source, for a line of its own


def written(rows: list[Row], trial: Trial, size: int) -> str:
    """The whole report on a model of `size` bytes."""
    parts = [_head(trial, size), _accuracies(rows, trial), _baselines(rows, trial)]
    parts += [_calibration(trial), _confusions(trial), _curves(rows, trial)]
    return "\n\n".join(parts) + "\n"


def _head(trial: Trial, size: int) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "hyperscan"))
    return f"""# The packaged model

Made by `python -m gateway.brain.train ../shared/routing-data` on {datetime.now(UTC):%Y-%m-%d} ({libraries})
from {trial.corpus.sum():,} rows of `corpus` (without the demo's prompts) and the {(~trial.corpus).sum():,}
relabelled rows of `dev`: 2^{BITS} hashed rows, penalty {PENALTY}, {STEPS} steps, {size:,} bytes.

All figures are held out by author file and by source: eight folds, each one author file and some of the
sources, and no row of a fold's files and sources was in its training."""


def _accuracies(rows: list[Row], trial: Trial) -> str:
    english = np.array([row["lang"] == "en" for row in rows])
    sure = np.array([row.get("sure", True) for row in rows])
    corpus, sources = trial.corpus, ~trial.corpus
    groups: list[tuple[str, Mask]] = [
        ("corpus", corpus),
        ("corpus, English", corpus & english),
        ("corpus, other languages", corpus & ~english),
        ("sources", sources),
        ("sources, label sure", sources & sure),
        ("sources, English", sources & english),
        ("sources, other languages", sources & ~english),
    ]
    for field, mask in (("kind", corpus), ("source", corpus), ("source", sources)):
        values = np.array([row.get(field, "") for row in rows])
        often = [name for name, count in Counter(values[mask].tolist()).most_common() if count >= LEAST]
        groups += [(f"{field} {name}", mask & (values == name)) for name in often]
    lines = [
        (
            name,
            f"{mask.sum():,}",
            _percent(trial.accuracy(mask)),
            f"{trial.macro_f1(mask):.3f}",
            f"{trial.rank(mask):.2f}",
        )
        for name, mask in groups
    ]
    return _table(("rows", "number", "accuracy", "macro F1", "difficulty, Spearman"), lines)


def _baselines(rows: list[Row], trial: Trial) -> str:
    length = np.array([len(reading(row).text) for row in rows])
    lines = []
    for name, mask in (("corpus", trial.corpus), ("sources", ~trial.corpus)):
        majority = np.bincount(trial.known.task[mask]).max() / mask.sum()
        rank = spearmanr(length[mask], trial.known.difficulty[mask])[0]
        lines.append((name, _percent(majority), f"{rank:.2f}"))
    controls = ", ".join(
        f"{_percent(shuffled(trial, _fold(rows, trial.fold, test)))} on {test}" for test in TESTS
    )
    table = _table(("baselines", "always the largest task", "length for difficulty, Spearman"), lines)
    return f"{table}\n\nTrained on shuffled labels: {controls}."


def _calibration(trial: Trial) -> str:
    lines = []
    for name, mask in (("corpus", trial.corpus), ("sources", ~trial.corpus)):
        before, after = (trial.calibration_error(mask, at) for at in (1.0, trial.temperature))
        share, right = trial.covered(mask, THRESHOLD)
        lines.append((name, f"{before:.3f}", f"{after:.3f}", _percent(share), _percent(right)))
    head = ("confidence", "error before", "error after", f"share >= {THRESHOLD}", "accuracy there")
    return f"Temperature {trial.temperature:.2f}, fitted on these held-out answers.\n\n{_table(head, lines)}"


def _confusions(trial: Trial) -> str:
    lines = []
    for name, mask in (("corpus", trial.corpus), ("sources", ~trial.corpus)):
        lines += [(name, task, said, str(count)) for task, said, count in trial.confusions(mask)]
    return _table(("most confused", "label", "answered", "rows"), lines)


def _curves(rows: list[Row], trial: Trial) -> str:
    points = [curve(trial, _fold(rows, trial.fold, test)) for test in TESTS]
    lines = [
        (str(same[0][0]), *(f"{_percent(right)} ({used:,} rows)" for _, used, right in same))
        for same in zip(*points, strict=True)
    ]
    return _table(("author files", *TESTS), lines)


def _fold(rows: list[Row], fold: Whole, source: str) -> int:
    return int(next(number for row, number in zip(rows, fold, strict=True) if row["source"] == source))


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
