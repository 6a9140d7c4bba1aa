"""Hashed text features and the linear model over them: the plain twin, which is the specification.

A text is bytes, UTF-8 by intent; nothing here decodes it, so any bytes will do. It is one or more
*sections* with SECTION between them: the ask itself, its first line, what came before. Each gives two
blocks of ids, and every block weighs the same, however long it is.

Bytes are lowered where ASCII. A word is a run of [0-9A-Za-z] and bytes >= 0x80; between words, at the
start and at the end stands one MARK. The blocks of a section are
  words       each word (kind 1), and each two neighbours with a MARK between them (kind 2)
  characters  runs of 3 to 5 characters within MARK word MARK (kind 0), or of 1 to 3 where the first that
              is no MARK takes three bytes or more in UTF-8: in CJK, Indic and Thai one says as much as a
              syllable does
The id of a feature is FNV-1a (32 bit) over the byte kind + 4 * section (its low eight bits) and then
the feature's own bytes, times 0x9E3779B1; the top `bits` bits of that.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

__all__ = ["SECTION", "LinearModel", "ModelFile", "features", "pack", "unpack"]

SECTION = 0x1E
MARK = 0x01
CHARACTERS, WORD, PAIR = 0, 1, 2
MAGIC = b"HRLM"
VERSION = 2
MAX_BITS = 22
MAX_COLUMNS = 64
_PARTS = {"labels", "scales", "biases", "temperature"}
HEAD = struct.Struct("<4sHHII")  # magic, version, bits, extra rows, bytes of the JSON that follows
DIGEST = hashlib.sha256().digest_size

_WORDS = re.compile(rb"[0-9a-z\x80-\xff]+")
_CHARACTER = re.compile(rb"[^\x80-\xbf][\x80-\xbf]*|[\x80-\xbf]+")


def _fnv(state: int, data: bytes) -> int:
    for byte in data:
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state


def _begin(kind: int, section: int) -> int:
    return _fnv(0x811C9DC5, bytes(((kind + 4 * section) & 0xFF,)))


def _normalised(section: bytes) -> bytes:
    """MARK word MARK word MARK: what runs and pieces are read from."""
    words = _WORDS.findall(section.lower())
    return b"\x01" + b"".join(word + b"\x01" for word in words)


def features(text: bytes, bits: int) -> list[list[int]]:
    """Ids in [0, 2**bits) of each section's words, then of its characters: each sorted and unique."""
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be from 1 to {MAX_BITS}, not {bits}")
    shift = 32 - bits
    blocks = []
    for section, part in enumerate(text.split(bytes((SECTION,)))):
        words = _WORDS.findall(part.lower())
        for states in (_words(words, section), _characters(words, section)):
            blocks.append(sorted({(state * 0x9E3779B1 & 0xFFFFFFFF) >> shift for state in states}))
    return blocks


def _words(words: list[bytes], section: int) -> set[int]:
    word, pair = _begin(WORD, section), _begin(PAIR, section)
    found = {_fnv(word, one) for one in words}
    found.update(_fnv(pair, one + b"\x01" + other) for one, other in pairwise(words))
    return found


def _characters(words: list[bytes], section: int) -> set[int]:
    begin = _begin(CHARACTERS, section)
    return set().union(*(_runs(begin, word) for word in set(words)))


def _runs(begin: int, word: bytes) -> set[int]:
    found: set[int] = set()
    characters = [b"\x01", *_CHARACTER.findall(word), b"\x01"]
    for start in range(len(characters) - 1):
        leader = characters[start + 1] if start == 0 else characters[start]
        shortest, longest = (1, 3) if leader[0] >= 0xE0 else (3, 5)
        state = begin
        for size, character in enumerate(characters[start : start + longest], 1):
            state = _fnv(state, character)
            if size >= shortest and (start or size > 1):
                found.add(state)
    return found


class ModelFile(NamedTuple):
    """What a model file holds: rows of int8, one column per label and a last one for difficulty.

    `dense`: a row of float32 for each mean of a window's pieces, if the model has been trained with them;
    `meta["pieces"]` then is their table's digest.
    """

    bits: int
    extras: int
    meta: dict[str, Any]
    rows: bytes
    dense: bytes = b""


def pack(model: ModelFile) -> bytes:
    """The bytes of a model file: head, JSON, rows, dense rows, and the SHA-256 of all that."""
    meta = json.dumps(model.meta, sort_keys=True, ensure_ascii=False).encode()
    body = HEAD.pack(MAGIC, VERSION, model.bits, model.extras, len(meta)) + meta + model.rows + model.dense
    return body + hashlib.sha256(body).digest()


def unpack(blob: bytes) -> ModelFile:
    """The parts of a model file; ValueError that says what is wrong with it, where anything is."""
    if len(blob) < HEAD.size + DIGEST or not blob.startswith(MAGIC):
        raise ValueError("not a model file: it does not begin with HRLM")
    _, version, bits, extras, length = HEAD.unpack_from(blob)
    if version != VERSION:
        raise ValueError(f"model file of version {version}, this build reads {VERSION}: train it again")
    body, digest = blob[:-DIGEST], blob[-DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("model file is damaged: its checksum does not match")
    meta = json.loads(body[HEAD.size : HEAD.size + length])
    rows = body[HEAD.size + length :]
    if lacking := _PARTS - meta.keys():
        raise ValueError(f"model file lacks {', '.join(sorted(lacking))}: train it again")
    columns = len(meta["labels"]) + 1
    if columns > MAX_COLUMNS:
        raise ValueError(f"model file has {columns - 1} labels, and {MAX_COLUMNS - 1} are the most")
    size = ((1 << bits) + extras) * columns if 1 <= bits <= MAX_BITS else -1
    means = meta.get("means", 0)
    if len(rows) != size + 4 * means * columns:
        raise ValueError(
            f"model file holds {len(rows)} bytes of weights, not those of 2**{bits} + {extras} rows "
            f"and {means} means"
        )
    if not len(meta["scales"]) == len(meta["biases"]) == columns or not meta["temperature"] > 0:
        raise ValueError("model file's scales, biases or temperature do not fit its labels")
    return ModelFile(bits, extras, meta, rows[:size], rows[size:])


def checked_pieces(file: ModelFile, pieces: Any) -> None:
    """ValueError unless `pieces` are those that the model was trained with."""
    if file.dense and (pieces is None or pieces.digest != file.meta.get("pieces")):
        raise ValueError("model file was trained with another table of pieces: train it again")


class LinearModel:
    """A model file, ready to score; ValueError if the file is damaged or of another version."""

    def __init__(self, blob: bytes, pieces: Any = None) -> None:
        file = unpack(blob)
        checked_pieces(file, pieces)
        self._pieces = pieces if file.dense else None
        self._dense = memoryview(file.dense).cast("f")
        self.labels: tuple[str, ...] = tuple(file.meta["labels"])
        self._bits = file.bits
        self._extras = file.extras
        self._scales: list[float] = file.meta["scales"]
        self._biases: list[float] = file.meta["biases"]
        self._temperature: float = file.meta["temperature"]
        weights = memoryview(file.rows).cast("b")
        self._columns = [weights[column :: len(self._scales)] for column in range(len(self._scales))]

    def score(self, text: bytes, extra: Sequence[int]) -> tuple[list[float], float]:
        """Probabilities in the order of labels, and difficulty in 0..1; `extra` are rows after the hashed."""
        table = 1 << self._bits
        blocks = features(text, self._bits)
        blocks.append([table + row for row in sorted(set(extra))])
        if extra and not (blocks[-1][0] >= table and blocks[-1][-1] < table + self._extras):
            raise ValueError(f"extra rows must be from 0 to {self._extras - 1}")
        values = list(self._biases)
        for block in filter(None, blocks):
            norm = 1.0 / math.sqrt(len(block))
            for column, weights in enumerate(self._columns):
                values[column] += self._scales[column] * sum(weights[row] for row in block) * norm
        if self._pieces is not None:
            width = len(values)
            for row, mean in enumerate(self._pieces.pools(text)):
                if mean:
                    for column in range(width):
                        values[column] += mean * self._dense[row * width + column]
        difficulty = min(1.0, max(0.0, values.pop()))
        highest = max(values)
        shares = [math.exp((value - highest) / self._temperature) for value in values]
        total = sum(shares)
        return [share / total for share in shares], difficulty
