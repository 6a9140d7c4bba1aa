"""What a trained encoder is packaged as: `python encoder/training/export.py --help`.

Needs torch, onnx, onnxruntime and tokenizers. From the folder that train.py wrote, it makes
model.onnx (int8), the table of subword embeddings (fastpath.pure.pieces) for the classifier, and what this
teacher says of the labelled rows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from model import LABELS, Encoder
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
import headrace_encoder  # noqa: E402
from train import texts  # noqa: E402

from fastpath.pure.pieces import PieceFile, Pieces, pack_pieces  # noqa: E402
from fastpath.pure.text import _WORDS  # noqa: E402
from gateway.brain.rows import reading  # noqa: E402
from gateway.brain.train import packaged_rows  # noqa: E402

WIDTH = 64
LONGEST_PIECE = 48  # bytes
RAREST, COMMONEST = 8.0, 0.3  # bounds of a piece's weight, its inverse document frequency
CLIPPED = 0.9995  # of the values fit into int8; the rest are cut


def main() -> None:
    """Writes model.onnx, pieces.bin and teacher.jsonl.gz beside state.pt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("routing_data", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    state = torch.load(given.folder / "state.pt")
    layers = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    vocabulary, width = state["word.weight"].shape
    model = Encoder(vocabulary, layers, width, 12, state["layers.0.fi.weight"].shape[0], 1e-12)
    model.load_state_dict(state)
    model.eval()
    rows = packaged_rows(given.routing_data)
    onnx(model, given.folder)
    teach(rows, given.folder)
    pieces = table(model, rows, json.loads((given.folder / "tokenizer.json").read_bytes()))
    (given.folder / "pieces.bin").write_bytes(pieces)


def onnx(model: Encoder, folder: Path) -> None:
    """model.onnx: linear maps and embeddings in int8, a scale per column."""
    whole = folder / "whole.onnx"
    torch.onnx.export(
        model,
        (torch.ones(1, 33, dtype=torch.long),),
        str(whole),
        input_names=["ids"],
        output_names=["out"],
        dynamic_axes={"ids": {1: "length"}},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(
        str(whole),
        str(folder / "model.onnx"),
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
    whole.unlink()


def teach(rows: list[dict[str, Any]], folder: Path) -> None:
    """teacher.jsonl.gz: shares of the labels and difficulty of every row, in thousandths."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    cutter = headrace_encoder.Encoder.__new__(headrace_encoder.Encoder)  # for its way of cutting alone
    cutter._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = []
    for row in rows:
        ids = np.array([cutter.tokens(*texts(row))], np.int64)
        *logits, level = session.run(None, {"ids": ids})[0][0].tolist()
        powers = np.exp(np.array(logits) - max(logits))
        shares = zip(LABELS, np.rint(1000 * powers / powers.sum()).astype(int).tolist(), strict=True)
        said = {label: share for label, share in shares if share}
        lines.append({"id": row["id"], "shares": said, "level": round(1000 * min(max(level, 0.0), 1.0))})
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (folder / "teacher.jsonl.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def table(model: Encoder, rows: list[dict[str, Any]], tokenizer: dict[str, Any]) -> bytes:
    """A vector per piece of the vocabulary: the encoder's mean over that piece alone, cut to WIDTH by PCA."""
    names: dict[bytes, int] = {}
    for number, (piece, _) in enumerate(tokenizer["model"]["vocab"]):
        name = piece.replace("\u2581", "\x01").encode().lower()
        if number > 3 and len(name) <= LONGEST_PIECE and _WORDS.fullmatch(name.removeprefix(b"\x01")):
            names.setdefault(name, number)
    found = []
    with torch.no_grad():
        for start in range(0, len(names), 512):
            ids = torch.tensor(list(names.values())[start : start + 512])
            around = torch.stack([torch.zeros_like(ids), ids, torch.full_like(ids, 2)], 1)
            found.append(model.mean(around).numpy())
    vectors = np.concatenate(found).astype(np.float64)

    pieces = tuple(names)
    blank = PieceFile(16, 1.0, pieces, (1.0,) * len(pieces), bytes(16 * len(pieces)))
    cutter, often = Pieces(pack_pieces(blank)), np.zeros(len(pieces))
    for row in rows:
        often[sorted(set(cutter._cut(reading(row).text[:2000])))] += 1
    weights = np.log((len(rows) + 1) / (often + 1)).clip(COMMONEST, RAREST)
    centred = vectors - np.average(vectors, axis=0, weights=often + 1)
    spread, axes = np.linalg.eigh((centred * (often + 1)[:, None]).T @ centred / (often + 1).sum())
    spread, axes = spread[::-1][:WIDTH], axes[:, ::-1][:, :WIDTH]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(WIDTH)])  # the same on every machine
    means = centred @ axes / np.sqrt(spread).mean() * weights[:, None]
    scale = float(np.quantile(np.abs(means), CLIPPED) / 127)
    ints = np.clip(np.rint(means / scale), -127, 127).astype(np.int8)
    return pack_pieces(PieceFile(WIDTH, scale, pieces, tuple(weights.tolist()), ints.tobytes()))


if __name__ == "__main__":
    main()
