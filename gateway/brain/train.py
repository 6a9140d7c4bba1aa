"""Trains the packaged model: `python -m gateway.brain.train ../shared/routing-data`.

Needs the `train` extra. Deterministic: the same rows, patterns and library versions give the same
file. Writes model.bin and README.md (the validation report) beside itself.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastpath import LinearModel
from fastpath.pure.text import pack
from gateway.brain.rows import Row, read_corpus, read_relabelled
from gateway.brain.sample import held_out as demo_ids

if TYPE_CHECKING:
    from gateway.brain.fit import Data, Mask, Whole
    from gateway.brain.validate import HeldOut

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Trains, validates, and writes both files; the one argument is the routing data directory."""
    if len(arguments) != 1:
        print("usage: python -m gateway.brain.train ROUTING_DATA_DIRECTORY", file=sys.stderr)
        return 2
    try:
        from gateway.brain import fit, validate
    except ImportError as error:
        print(f"{error}: install the extra first, pip install 'headrace[train]'", file=sys.stderr)
        return 2
    directory = Path(arguments[0])
    demo = demo_ids()
    rows = [row for row in read_corpus(directory / "corpus") if row["id"] not in demo]
    own = len(rows)
    rows += read_relabelled(directory / "dev")
    labels = tuple(sorted({row["task"] for row in rows}))
    known = fit.data(rows, labels)
    corpus: Mask = _first(own, len(rows))
    fold = validate.folds(rows, corpus)
    held = validate.held_out(known, fold, len(labels))
    # Both halves count the same: the corpus has the breadth, the sources are nearer to real users.
    weight = corpus / corpus.sum() + ~corpus / (~corpus).sum()
    temperature = fit.temperature(held.logits, known.task, weight)
    weights = fit.fit(known, len(labels)).at(temperature)
    about = {"rows": len(rows), "sha256": _fingerprint(rows)}
    blob = pack(fit.quantised(weights, labels, about))
    LinearModel(blob)
    (HERE / "model.bin").write_bytes(blob)
    text = _report(rows, known, labels, fold, corpus, held, temperature, blob)
    (HERE / "README.md").write_text(text, encoding="utf-8")
    print(text)
    return 0
