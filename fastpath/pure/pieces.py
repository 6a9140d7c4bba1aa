"""Static embeddings of subwords, averaged over a text: the plain twin, which is the specification.

A table has pieces: byte strings as they stand in a section that fastpath.pure.text has normalised, where one
MARK stands around each word; a piece has its MARK, if any, at its start. A section is cut from left to right,
each time by the longest piece that fits; a character that no piece begins with is passed over. Pieces are
told apart by their hash, FNV-1a over KIND and their bytes, and a walk goes on while what was read is the
beginning of some piece.

A mean is the sum of the pieces' vectors over the sum of their weights, which the vectors contain already.
There are four: of the ask, of its first and of its last EDGE pieces, and of the last LATEST pieces of what
came before.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import NamedTuple

from fastpath.pure.text import MARK, SECTION, _fnv, _normalised

__all__ = ["EDGE", "LATEST", "POOLS", "PieceFile", "Pieces", "pack_pieces", "unpack_pieces"]

KIND = 3
EDGE = 12
LATEST = 60
POOLS = 4
ASK, BEFORE = 0, 3  # sections
MAGIC = b"HRPC"
VERSION = 1
MAX_WIDTH = 256
_HEAD = struct.Struct("<4sHHId")  # magic, version, width, pieces, scale
_DIGEST = hashlib.sha256().digest_size
_BEGIN = _fnv(0x811C9DC5, bytes((KIND,)))


class PieceFile(NamedTuple):
    """What a table file holds; a vector is `scale` times its int8 row of `width`."""

    width: int
    scale: float
    pieces: tuple[bytes, ...]
    weights: tuple[float, ...]
    vectors: bytes


def pack_pieces(table: PieceFile) -> bytes:
    """The bytes of a table file: head, lengths, pieces, weights (float32), vectors, SHA-256 of all that."""
    count = len(table.pieces)
    body = b"".join(
        (
            _HEAD.pack(MAGIC, VERSION, table.width, count, table.scale),
            bytes(map(len, table.pieces)),
            *table.pieces,
            struct.pack(f"<{count}f", *table.weights),
            table.vectors,
        )
    )
    return body + hashlib.sha256(body).digest()


def unpack_pieces(blob: bytes) -> PieceFile:
    """The parts of a table file; ValueError that says what is wrong with it, where anything is."""
    if len(blob) < _HEAD.size + _DIGEST or not blob.startswith(MAGIC):
        raise ValueError("not a table of pieces: it does not begin with HRPC")
    _, version, width, count, scale = _HEAD.unpack_from(blob)
    if version != VERSION:
        raise ValueError(f"table of pieces of version {version}, this build reads {VERSION}")
    body, digest = blob[:-_DIGEST], blob[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("table of pieces is damaged: its checksum does not match")
    lengths = body[_HEAD.size : _HEAD.size + count]
    at = _HEAD.size + count
    if not 0 < width <= MAX_WIDTH or width % 16 or len(body) != at + sum(lengths) + count * (4 + width):
        raise ValueError("table of pieces does not hold what its head says")
    pieces = []
    for length in lengths:
        pieces.append(body[at : at + length])
        at += length
    weights = struct.unpack_from(f"<{count}f", body, at)
    return PieceFile(width, scale, tuple(pieces), weights, body[at + 4 * count :])


class Pieces:
    """A table file, ready to average; ValueError if it is damaged or of another version."""

    def __init__(self, blob: bytes) -> None:
        file = unpack_pieces(blob)
        self.width = file.width
        self.digest = hashlib.sha256(blob).hexdigest()
        self._scale, self._weights = file.scale, file.weights
        self._vectors = memoryview(file.vectors).cast("b")
        self._nodes: dict[int, int] = {}  # the hash of a piece or of its beginning: its number, or -1
        for number, piece in enumerate(file.pieces):
            state = _BEGIN
            for at in range(len(piece)):
                state = _fnv(state, piece[at : at + 1])
                self._nodes.setdefault(state, -1)
            if piece and self._nodes[state] < 0:
                self._nodes[state] = number

    def pools(self, text: bytes) -> list[float]:
        """The means of a window (fastpath.pure.text: sections with SECTION between), one after the other."""
        sections = text.split(bytes((SECTION,)))
        asked = self._cut(sections[ASK])
        before = self._cut(sections[BEFORE]) if len(sections) > BEFORE else []
        means: list[float] = []
        for numbers in (asked, asked[:EDGE], asked[-EDGE:], before[-LATEST:]):
            means += self._mean(numbers)
        return means

    def _cut(self, section: bytes) -> list[int]:
        text = _normalised(section)
        found: list[int] = []
        at = 0
        while at < len(text):
            state, end, number = _BEGIN, 0, -1
            for after in range(at, len(text)):
                if text[after] == MARK and after > at:
                    break
                state = _fnv(state, text[after : after + 1])
                node = self._nodes.get(state)
                if node is None:
                    break
                if node >= 0:
                    end, number = after + 1, node
            if number >= 0:
                found.append(number)
                at = end
                continue
            at += 1
            while at < len(text) and text[at] & 0xC0 == 0x80:
                at += 1
        return found

    def _mean(self, numbers: Sequence[int]) -> list[float]:
        weight = sum(self._weights[number] for number in numbers)
        if not weight:
            return [0.0] * self.width
        factor = self._scale / weight
        rows = [number * self.width for number in numbers]
        return [factor * sum(self._vectors[row + lane] for row in rows) for lane in range(self.width)]
