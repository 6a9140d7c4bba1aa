"""Picks the demo's prompts: `python -m gateway.brain.sample ../shared/routing-data/corpus`.

They are kept out of training, so that what the demo shows is held out; pick again only together
with a new model.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections import Counter
from pathlib import Path

from gateway.brain.rows import Row, read_corpus

SIZE = 240
TARGET = Path(__file__).parent.parent / "demo_prompts.jsonl"
_KEPT = ("id", "prompt", "messages", "task", "difficulty", "lang", "kind")


def choose(rows: list[Row], size: int = SIZE) -> list[Row]:
    """`size` rows, as even as can be over tasks and, within a task, over kinds and difficulties.

    A language that is rare in the corpus stays rare, but less so. Same rows, same choice.
    """
    left = sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).digest())
    languages = Counter(row["lang"] for row in rows)
    taken: Counter[str] = Counter()

    def crowding(row: Row) -> float:
        task, kind, level, language = _strata(row)
        share = 400 * taken[language] / math.pow(languages[row["lang"]], 0.75)
        return 1000 * taken[task] + taken[kind] + taken[level] + share

    chosen = []
    for _ in range(min(size, len(left))):
        row = left.pop(min(range(len(left)), key=lambda number: crowding(left[number])))
        taken.update(_strata(row))
        chosen.append(row)
    return sorted(chosen, key=lambda row: str(row["id"]))


def _strata(row: Row) -> tuple[str, str, str, str]:
    task = row["task"]
    return task, f"{task} {row['kind']}", f"{task} {row['difficulty']}", f"in {row['lang']}"


def held_out(path: Path = TARGET) -> frozenset[str]:
    """Ids of the demo's prompts."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(json.loads(line)["id"] for line in lines)


def main(arguments: list[str]) -> int:
    """Writes the demo's prompts; the one argument is the corpus directory."""
    if len(arguments) != 1:
        print("usage: python -m gateway.brain.sample CORPUS_DIRECTORY", file=sys.stderr)
        return 2
    chosen = choose(read_corpus(Path(arguments[0])))
    with TARGET.open("w", encoding="utf-8") as out:
        for row in chosen:
            kept = {key: row[key] for key in _KEPT if key in row}
            out.write(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{len(chosen)} prompts, {TARGET.stat().st_size:,} bytes -> {TARGET.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
