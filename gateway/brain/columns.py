"""What the model weighs of a request, as numbers: for training, and to be kept without its words."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from typing import NamedTuple

from fastpath import Pieces, features

BITS = 17  # of the table of hashed rows


class Columns(NamedTuple):
    """Ids of hashed and extra rows in blocks that weigh the same, and the means of the window's pieces."""

    blocks: list[list[int]]
    means: list[float]


def columns(text: bytes, extra: list[int], pieces: Pieces) -> Columns:
    """The columns of a window and its extra rows."""
    blocks = features(text, BITS)
    blocks.append([(1 << BITS) + number for number in sorted(set(extra))])
    return Columns([block for block in blocks if block], pieces.pools(text))


def packed(of: Columns) -> str:
    """The columns in base64: how many blocks, each as its size and its ids (uint32), means as float16."""
    ids = [number for block in of.blocks for number in (len(block), *block)]
    raw = struct.pack(f"<I{len(ids)}I{len(of.means)}e", len(of.blocks), *ids, *of.means)
    return b64encode(raw).decode()


def unpacked(text: str) -> Columns:
    """The columns that were packed; ValueError where there are none."""
    try:
        raw = b64decode(text, validate=True)
        (count,) = struct.unpack_from("<I", raw)
        at, blocks = 4, []
        for _ in range(count):
            (size,) = struct.unpack_from("<I", raw, at)
            blocks.append(list(struct.unpack_from(f"<{size}I", raw, at + 4)))
            at += 4 * (size + 1)
        return Columns(blocks, list(struct.unpack_from(f"<{(len(raw) - at) // 2}e", raw, at)))
    except struct.error as error:
        raise ValueError(f"no features: {error}") from None
