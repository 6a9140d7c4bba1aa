"""The validation report, as the Markdown that lies beside the model. Development time only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from scipy.stats import spearmanr

from gateway.brain.columns import BITS
from gateway.brain.fit import PENALTY, STEPS, Mask, shares
from gateway.brain.rows import Row, reading
from gateway.brain.train import HELD_FILES, HELD_SOURCES
from gateway.brain.validate import Trial

THRESHOLD = 0.7
LEAST = 30  # rows of a source or a kind, for a line of its own


@dataclass(frozen=True)
class Measured:
    """All that was measured: `tests` are the held-out rows of author files and of sources, by those names."""

    rows: list[Row]
    trial: Trial
    second: list[int]  # what an encoder that never saw what is held out says of each row: a label's index
    tests: dict[str, Mask]
    curve: list[tuple[int, list[float]]]  # labelled rows trained on; accuracy on each of the tests
    shuffled: list[float]
    robustness: list[tuple[str, float, float, float]]  # change, accuracy before and after, move of difficulty
    trained: int  # rows that the packaged model learned from


def written(measured: Measured, size: int) -> str:
    """The whole report on a model of `size` bytes."""
    parts = [_head(measured, size), _accuracies(measured), _baselines(measured), _calibration(measured)]
    parts += [_confusions(measured), _curve(measured), _robustness(measured)]
    return "\n\n".join(parts) + "\n"


def _head(measured: Measured, size: int) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "hyperscan"))
    trial = measured.trial
    return f"""# The packaged model

Made by `python -m gateway.brain.train ../shared/routing-data` on {datetime.now(UTC):%Y-%m-%d} ({libraries})
from {measured.trained:,} labelled requests: 2^{BITS} hashed rows, penalty {PENALTY}, {STEPS} steps,
{size:,} bytes, beside the table of pieces. `training/README.md` says where the requests, the teacher
and the table come from.

The figures are of a twin that was trained without the author files {_named(HELD_FILES)} and
without the sources {_named(HELD_SOURCES)}; its teacher and its table of
pieces never saw them either. {trial.out.sum():,} rows were held out. All labels were made by
language models, one label each, by one guide."""


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _accuracies(measured: Measured) -> str:
    rows, trial = measured.rows, measured.trial
    count = len(trial.fold)
    unsure = shares(trial.logits, trial.temperature).max(axis=1) < THRESHOLD
    both = trial.found.copy()
    both[: len(rows)] = np.where(unsure[: len(rows)], measured.second, both[: len(rows)])

    def mask(true: Iterable[bool]) -> Mask:
        found = np.zeros(count, bool)
        found[: len(rows)] = list(true)
        return found

    english = mask(row["lang"] == "en" for row in rows)
    sure = mask(row.get("sure", True) for row in rows)
    groups: list[tuple[str, Mask]] = []
    for name, test in measured.tests.items():
        groups += [(name, test), (f"{name}, English", test & english)]
        groups += [(f"{name}, other languages", test & ~english)]
    sources = measured.tests["sources"]
    groups += [("sources, label sure", sources & sure)]
    groups += [("sources, label sure, English", sources & sure & english)]
    groups += [("sources, label sure, other languages", sources & sure & ~english)]
    for field, test in (
        ("kind", measured.tests["corpus"]),
        *(("source", t) for t in measured.tests.values()),
    ):
        values = Counter(str(row.get(field)) for row, is_in in zip(rows, test, strict=False) if is_in)
        groups += [
            (f"{field} {name}", test & mask(str(row.get(field)) == name for row in rows))
            for name, often in values.most_common()
            if often >= LEAST
        ]
    lines = [
        (
            name,
            f"{mask.sum():,}",
            _percent(trial.accuracy(mask)),
            _percent(float(np.mean(both[mask] == trial.known.task[mask]))),
            f"{trial.macro_f1(mask):.3f}",
            f"{trial.rank(mask):.2f}",
        )
        for name, mask in groups
    ]
    head = ("rows", "number", "accuracy", "with the encoder if unsure", "macro F1", "difficulty, Spearman")
    return _table(head, lines)


def _baselines(measured: Measured) -> str:
    trial = measured.trial
    length = np.zeros(len(trial.fold))
    length[: len(measured.rows)] = [len(reading(row).text) for row in measured.rows]
    lines = []
    for (name, mask), shuffled in zip(measured.tests.items(), measured.shuffled, strict=True):
        majority = np.bincount(trial.known.task[mask]).max() / mask.sum()
        rank = spearmanr(length[mask], trial.known.level[mask])[0]
        lines.append((name, _percent(majority), _percent(shuffled), f"{rank:.2f}"))
    head = ("baselines", "always the largest task", "trained on shuffled labels", "length, Spearman")
    return _table(head, lines)


def _calibration(measured: Measured) -> str:
    trial = measured.trial
    lines = []
    for name, mask in (*measured.tests.items(), ("all", trial.out)):
        before, after = (trial.calibration_error(mask, at) for at in (1.0, trial.temperature))
        share, right = trial.covered(mask, THRESHOLD)
        lines.append((name, f"{before:.3f}", f"{after:.3f}", _percent(share), _percent(right)))
    head = ("confidence", "error before", "error after", f"share >= {THRESHOLD}", "accuracy there")
    return f"Temperature {trial.temperature:.2f}, fitted on these held-out answers.\n\n{_table(head, lines)}"


def _confusions(measured: Measured) -> str:
    lines = []
    for name, mask in measured.tests.items():
        lines += [(name, task, said, str(count)) for task, said, count in measured.trial.confusions(mask)]
    return _table(("most confused", "label", "answered", "rows"), lines)


def _curve(measured: Measured) -> str:
    lines = [(f"{rows:,}", *map(_percent, right)) for rows, right in measured.curve]
    return _table(("labelled rows, no teacher", *measured.tests), lines)


def _robustness(measured: Measured) -> str:
    lines = [
        (name, _percent(before), _percent(after), f"{move:.3f}")
        for name, before, after, move in measured.robustness
    ]
    head = ("in other words", "accuracy before", "after", "difficulty moves, mean")
    return _table(head, lines)


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
