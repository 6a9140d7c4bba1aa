"""Calibrates P(good enough): `python -m gateway.quality.fit ../shared/routing-data/outcomes-dev`.

Needs the `train` extra. Deterministic: the same tables, classifier and library versions give the same files.
Writes gateway/brain/odds.json and, beside itself, measured.json (abilities of the tables' models).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gateway.brain import Classifier, odds
from gateway.brain.rows import Row
from gateway.quality import figures
from gateway.quality.files import read_outcomes, read_prices
from gateway.quality.items import TABLES
from gateway.quality.joint import Answers, Curve, Floats, Mask, abilities, curve
from gateway.quality.known import anchors, canonical
from gateway.quality.labels import labelled
from gateway.registry import TASKS
from gateway.registry.abilities import fit as usual

HERE = Path(__file__).parent

# Before any data: a small model (1.5) is right on an easy request (0.25) in 8 of 10 cases and on a middling
# one (0.5) in fewer than half, a mid-size one (3) on the latter in 8 of 10, a frontier model (4.5) on a hard
# one (0.75) in 8 of 10 and on the hardest in under half.
USUAL = (1.06, -1.3, 6.0)

_LOWEST = -2.0  # of an ability that is shipped: below it are models that failed by format


@dataclass(frozen=True)
class Tables:
    """Every answer of the tables, and which table and which questions each is from."""

    answers: Answers
    table: Any
    questions: Any
    models: tuple[str, ...]
    anchors: dict[int, float]


def main(arguments: list[str]) -> int:
    """Fits, validates and writes both files; the one argument is the directory of outcome tables."""
    if len(arguments) != 1:
        print("usage: python -m gateway.quality.fit OUTCOMES_DIRECTORY", file=sys.stderr)
        return 2
    directory = Path(arguments[0])
    tables = read(directory)
    shown = {
        "tables": list(TABLES),
        "answers": len(tables.answers.right),
        "left out: a table": held_out(tables, tables.table),
        "left out: a benchmark": held_out(tables, tables.questions),
    }
    ability = _abilities(tables, np.ones(len(tables.table), bool))
    found = curve(tables.answers, ability, len(TASKS), USUAL)
    _write(HERE.parent / "brain" / "odds.json", _odds(found, shown))
    _write(HERE / "measured.json", _measured(tables, ability, directory))
    print(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    return 0


def read(directory: Path) -> Tables:
    """The tables that may be trained on, labelled by the packaged classifier."""
    rows = [(table, row) for table in TABLES for row in read_outcomes(directory / f"{table}.jsonl.gz")]
    labels = labelled([row for _, row in rows], Classifier())
    models = tuple(sorted({canonical(model) for _, row in rows for model in row["scores"]}))
    benchmarks = tuple(sorted({_benchmark(row) for _, row in rows}))
    asked = tuple(sorted({_questions(benchmark) for benchmark in benchmarks}))
    known = anchors()
    columns: list[tuple[float, ...]] = []
    for (table, row), label in zip(rows, labels, strict=True):
        benchmark = _benchmark(row)
        place = TABLES.index(table), asked.index(_questions(benchmark))
        of = TASKS.index(label.task), benchmarks.index(benchmark), label.difficulty
        for model, score in row["scores"].items():
            columns.append((models.index(canonical(model)), *of, score, *place))
    model, task, benchmark_number, difficulty, right, table_number, questions = np.array(columns).T
    answers = Answers(
        model.astype(np.int64), task.astype(np.int64), benchmark_number.astype(np.int64), difficulty, right
    )
    return Tables(
        answers,
        table_number.astype(np.int64),
        questions.astype(np.int64),
        models,
        {models.index(name): value for name, value in known.items() if name in models},
    )


def _benchmark(row: Row) -> str:
    return str(row["benchmark"]).removesuffix("/train").removesuffix("/test")


def _questions(benchmark: str) -> str:
    """The benchmark without its table: two tables ask the same ARC and MBPP questions."""
    return benchmark.rpartition("/")[2]


def held_out(tables: Tables, fold: Any) -> dict[str, dict[str, float | None]]:
    """Figures of P on folds left out of the fit: of this fit, and of simpler ones on the same answers."""
    answers = tables.answers
    flat = Answers(answers.model, answers.task * 0, answers.benchmark, answers.difficulty * 0, answers.right)
    said: dict[str, Floats] = {}

    def put(name: str, out: Mask, p: Floats | float) -> None:
        said.setdefault(name, np.zeros(len(fold)))[out] = p

    for number in np.unique(fold):
        out = fold == number
        ability = _abilities(tables, ~out)
        asked = answers.only(out)
        of = ability[asked.model, asked.task]
        alone = curve(flat.only(~out), ability, 1, (USUAL[0], USUAL[1], 0.0))
        put("share right, whoever is asked", out, float(answers.right[~out].mean()))
        put("ability alone", out, alone.chance(of, asked.task * 0, asked.difficulty * 0))
        put("the prior", out, _prior(len(TASKS)).chance(of, asked.task, asked.difficulty))
        found = curve(answers.only(~out), ability, len(TASKS), USUAL)
        put("shared curve", out, found.chance(of, asked.task * 0 - 1, asked.difficulty))
        put("this fit", out, found.chance(of, asked.task, asked.difficulty))
    return {name: _figures(p, answers.right, tables.table) for name, p in said.items()}


def _figures(p: Floats, right: Floats, table: Any) -> dict[str, float | None]:
    """`auc` is the mean over tables of the figure within one."""
    each = [figures.auc(p[table == number], right[table == number]) for number in np.unique(table)]
    found = {
        "log loss": figures.log_loss(p, right),
        "auc": float(np.mean([value for value in each if value is not None])),
        "ece": figures.calibration_error(p, right),
    }
    return {name: round(value, 3) for name, value in found.items()}


def _abilities(tables: Tables, used: Mask) -> Floats:
    """Abilities from the `used` answers; one that has none there is as able as the rest on average."""
    found = abilities(tables.answers.only(used), tables.anchors, len(tables.models), len(TASKS))
    return np.where(np.isnan(found), np.nanmean(found, axis=0), found)


def _prior(tasks: int) -> Curve:
    return Curve(*(np.full(tasks + 1, value) for value in USUAL))


def _odds(found: Curve, about: dict[str, Any]) -> dict[str, Any]:
    names = ("shared", *TASKS)
    parts = zip(found.slope.tolist(), found.easiest.tolist(), found.span.tolist(), strict=True)
    fields = odds.Curve._fields
    curves = {
        name: dict(zip(fields, (round(value, 3) for value in part), strict=True))
        for name, part in zip(names, parts, strict=True)
    }
    return {"about": about, "shared": curves.pop("shared"), "tasks": curves}


def _measured(tables: Tables, ability: Floats, directory: Path) -> dict[str, Any]:
    within = np.clip(ability, _LOWEST, 5.0)
    rows = {
        model: dict(zip(TASKS, (round(float(value), 2) for value in row), strict=True))
        for model, row in zip(tables.models, within, strict=True)
    }
    prices: dict[str, float] = {}
    for name, (input, output) in read_prices(directory / "prices.json").items():
        prices.setdefault(canonical(name), (3 * input + output) / 4)
    norms = usual((able, prices.get(model)) for model, able in rows.items())
    about = (
        f"Abilities of the models of {', '.join(TABLES)} from their answers there and, where anchors.json "
        "has them, half from that; on the registry's scale, older models below 1. Made by "
        "python -m gateway.quality.fit."
    )
    return {"about": about, "norms": norms._asdict(), "abilities": rows}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
