"""Trains the packaged model: `python -m gateway.brain.train ../shared/routing-data`.

Needs the `train` extra. Deterministic: the same rows, patterns and library versions give the same file.
Writes model.bin and README.md (the validation report) beside itself.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from fastpath import LinearModel
from fastpath.pure.text import pack
from gateway.brain.rows import Row, read_corpus, read_relabelled
from gateway.brain.sample import held_out as demo_ids

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Trains, validates, and writes both files; the one argument is the routing data directory."""
    if len(arguments) != 1:
        print("usage: python -m gateway.brain.train ROUTING_DATA_DIRECTORY", file=sys.stderr)
        return 2
    try:
        from gateway.brain import fit, report, validate
    except ImportError as error:
        print(f"{error}: install the extra first, pip install 'headrace[train]'", file=sys.stderr)
        return 2
    directory = Path(arguments[0])
    rows = rows_for(directory)
    files = sum("kind" in row for row in rows)
    labels = tuple(sorted({row["task"] for row in rows}))
    known = fit.data(rows, labels)
    trial = validate.held_out(rows, known, labels, files)
    weights = fit.fit(known, len(labels)).at(trial.temperature)
    about = {
        "rows": len(rows),
        "sha256": fingerprint(rows),
        "accuracy_held_out": round(trial.accuracy(trial.corpus), 4),
        "accuracy_held_out_sources": round(trial.accuracy(~trial.corpus), 4),
    }
    blob = pack(fit.quantised(weights, labels, about))
    LinearModel(blob)  # reads what it will serve
    (HERE / "model.bin").write_bytes(blob)
    text = report.written(rows, trial, len(blob))
    (HERE / "README.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def rows_for(directory: Path) -> list[Row]:
    """The corpus without the demo's prompts, then the relabelled rows, which alone have no `kind`."""
    demo = demo_ids()
    corpus = [row for row in read_corpus(directory / "corpus") if row["id"] not in demo]
    return corpus + read_relabelled(directory / "dev")


def fingerprint(rows: list[Row]) -> str:
    """SHA-256 of what was trained on."""
    lines = (json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
