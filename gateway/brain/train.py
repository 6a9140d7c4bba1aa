"""Training the classifier: on a user's own labels, or the packaged one. Development time only.

Needs the `train` extra. Deterministic: the same rows, patterns and library versions give the same file.
`python -m gateway.brain.train ../shared/routing-data` makes the packaged model, and README.md, the report on
it, from that directory and from `training/`, which says what is in it.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastpath import LinearModel, Pieces
from fastpath.pure.text import pack
from gateway.brain import PIECES, vary
from gateway.brain.rows import Row, read_corpus, read_labelled, read_prompts, read_rows
from gateway.brain.sample import held_out as demo_ids

HERE = Path(__file__).parent
TRAINING = HERE.parent.parent / "training"

# What the report on the packaged model is measured on: no row of these is in the training for it, of the
# classifier or of its teacher.
HELD_FILES = ("en_work", "other_languages_chat")
HELD_SOURCES = (
    "lobe-chat-agents",
    "belle-eval",
    "biggen-bench",
    "z-bench",
    "self-instruct-seed",
    "clinc150",
)
_VARIED = 0.5  # of the labelled rows are trained on in other words, too
_SWITCHED = 0.25  # ... and as the next ask of a conversation about something else


def train(rows: list[Row]) -> tuple[bytes, dict[str, Any]]:
    """A model file trained on `rows`, and its figures, held out by source.

    ValueError where there are too few rows or tasks; ImportError without the `train` extra.
    """
    from gateway.brain import fit, validate

    labels = tuple(sorted({row["task"] for row in rows}))
    if len(labels) < 2 or len(rows) < 10 * len(labels):
        raise ValueError(
            f"{len(rows)} rows of {len(labels)} tasks: want two tasks or more, and ten rows or more of each"
        )
    pieces = Pieces(PIECES.read_bytes())
    if any(row.get("pieces", pieces.digest) != pieces.digest for row in rows):
        raise ValueError("rows with features of another version of headrace: leave that l2.jsonl out")
    known = fit.data(rows, labels, pieces)
    trial = validate.held_out(known, labels, validate.folds(rows), known.weight)
    everything = trial.out
    share, right = trial.covered(everything, 0.7)
    about = {
        "rows": len(rows),
        "sha256": fingerprint(rows),
        "accuracy_held_out": round(trial.accuracy(everything), 4),
        "macro_f1_held_out": round(trial.macro_f1(everything), 4),
        "calibration_error_held_out": round(trial.calibration_error(everything, trial.temperature), 4),
        "share_confident": round(share, 4),
        "accuracy_confident": round(right, 4),
    }
    weights = fit.fit(known, len(labels)).at(trial.temperature)
    blob = pack(fit.quantised(weights, labels, pieces, about))
    LinearModel(blob, pieces)  # reads what it will serve
    return blob, about


def read_files(paths: Sequence[Path]) -> list[Row]:
    """The labelled rows of files and of directories of `.jsonl` files; ValueError names what is wrong."""
    rows: list[Row] = []
    for path in paths:
        rows += read_corpus(path) if path.is_dir() else read_labelled(path)
    return rows


def fingerprint(rows: list[Row]) -> str:
    """SHA-256 of what was trained on."""
    lines = (json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()


def packaged_rows(directory: Path) -> list[Row]:
    """What the packaged model learns from, labelled: `kind` is what rows of author files have alone.

    The corpus without the demo's prompts, the requests written since, and rows of public sources with
    the labels that this project gave them.
    """
    demo = demo_ids()
    rows = [row for row in read_corpus(directory / "corpus") if row["id"] not in demo]
    rows += read_labelled(TRAINING / "written.jsonl.gz")
    prompts = read_prompts(directory / "dev")
    for row in read_rows(directory / "dev" / "relabelled.jsonl"):
        rows.append({**prompts[row["id"]], **row})
    for row in read_rows(TRAINING / "relabelled.jsonl.gz"):
        rows.append({**prompts[row["id"]], **row, "ours": True})
    return rows


def varied(rows: list[Row]) -> list[Row]:
    """Some of the rows in other words, and some after another ask, with the phrases that are trained on."""
    changes = list(vary.variations(vary.TRAINED).values())
    draw = random.Random(0)  # noqa: S311 - reproducible by intent
    words = [draw.choice(changes)(row, draw) for row in rows if draw.random() < _VARIED]
    later = [
        vary.after_another(row, draw.choice(rows), vary.TRAINED, draw)
        for row in rows
        if draw.random() < _SWITCHED
    ]
    return words + [row for row in later if row is not None]


def measured_variations(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """All of the rows in other words, by the kind of change: with the phrases that are not trained on."""
    draw = random.Random(1)  # noqa: S311 - reproducible by intent
    changes = vary.variations(vary.MEASURED).items()
    later = [vary.after_another(row, draw.choice(rows), vary.MEASURED, draw) or row for row in rows]
    return [(name, [change(row, draw) for row in rows]) for name, change in changes] + [
        ("after another ask", later)
    ]


def main(arguments: list[str]) -> int:
    """Makes the packaged model and its report; the one argument is the routing data directory."""
    if len(arguments) != 1:
        print("usage: python -m gateway.brain.train ROUTING_DATA_DIRECTORY", file=sys.stderr)
        return 2
    try:
        from gateway.brain import package
    except ImportError as error:
        print(f"{error}: install the extra first, pip install 'headrace[train]'", file=sys.stderr)
        return 2
    blob, text = package.made(Path(arguments[0]))
    (HERE / "model.bin").write_bytes(blob)
    (HERE / "README.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
