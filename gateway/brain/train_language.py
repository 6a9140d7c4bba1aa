"""Makes language.bin: `python -m gateway.brain.train_language ../shared/routing-data`; development only."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import sparse

from fastpath import LinearModel, features
from fastpath.pure.text import ModelFile, pack
from gateway.brain import fit
from gateway.brain.language import BITS, LANGUAGES, window
from gateway.brain.rows import Row, read_rows, reading
from gateway.brain.train import packaged_rows

FEWEST, MOST = 60, 1500  # rows of a language
_HELD = 10  # one row in so many is held out


def main(arguments: list[str]) -> int:
    """Trains, prints the accuracy on a held-out tenth of the rows, and writes the file."""
    directory = Path(arguments[0])
    by_language: dict[str, list[Row]] = defaultdict(list)
    for row in [*packaged_rows(directory), *read_rows(directory / "dev" / "prompts.jsonl.gz")]:
        code = str(row.get("lang", "")).split("-")[0]
        if len(code) == 2 and len(reading(row).text) >= 12:
            by_language[code].append(row)
    draw = random.Random(0)  # noqa: S311 - reproducible by intent
    rows = [
        (code, reading(row).text)
        for code, found in sorted(by_language.items())
        if len(found) >= FEWEST
        for row in draw.sample(found, min(len(found), MOST))
    ]
    draw.shuffle(rows)
    labels = tuple(sorted({code for code, _ in rows}))
    x = _matrix([text for _, text in rows])
    task = np.array([labels.index(code) for code, _ in rows])
    unknown = np.full(len(rows), np.nan)
    known = fit.Data(x, task, unknown, np.eye(len(labels))[task], unknown, np.ones(len(rows)))
    out = np.arange(len(rows)) % _HELD == 0
    said = fit.fit(known.only(~out), len(labels)).logits(x[out]).argmax(axis=1)
    right = np.mean(said == task[out])
    print(f"{len(rows):,} rows, {len(labels)} languages; right on {right:.1%} of a held-out tenth")
    weights = fit.fit(known, len(labels))
    scales = np.maximum(np.abs(weights.rows).max(axis=0), 1e-9) / 127
    meta = {
        "labels": list(labels),
        "scales": scales.tolist(),
        "biases": weights.biases.tolist(),
        "temperature": 1.0,
    }
    blob = pack(ModelFile(BITS, 0, meta, np.rint(weights.rows / scales).astype(np.int8).tobytes()))
    LinearModel(blob)  # reads what it will serve
    LANGUAGES.write_bytes(blob)
    print(f"{', '.join(labels)}; {len(blob):,} bytes")
    return 0


def _matrix(texts: list[bytes]) -> sparse.csr_array:
    ids: list[int] = []
    values: list[float] = []
    ends = [0]
    for text in texts:
        for block in features(window(text), BITS):
            ids += block
            values += [len(block) ** -0.5] * len(block)
        ends.append(len(ids))
    parts = (np.array(values, np.float32), np.array(ids, np.int32), np.array(ends, np.int64))
    return sparse.csr_array(parts, shape=(len(texts), 1 << BITS))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
