"""Static embeddings: the halves against each other and the specification, alone and in a model; bad files."""

import hashlib
import random
import struct
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath._text as compiled
from fastpath.pure import pieces as pure
from fastpath.pure import text as pure_text
from fastpath.pure.pieces import EDGE, LATEST, POOLS, PieceFile, pack_pieces, unpack_pieces
from fastpath.pure.text import ModelFile, pack

WIDTH = 16
NAMES = [b"\x01the", b"\x01th", b"e", b"cat", b"\x01cat", b"s", "лис".encode(), "狐".encode(), b"cats", b"7"]
TEXTS = st.one_of(
    st.binary(max_size=120),
    st.lists(
        st.sampled_from(["the", "cats", "cat", "then", "лиса", "狐狐", "7", "\x1e", "?", " "]), max_size=60
    ).map(lambda words: " ".join(words).encode()),
)


def table(**changed: Any) -> PieceFile:
    draw = random.Random(3)
    vectors = bytes(draw.randrange(256) for _ in range(WIDTH * len(NAMES)))
    weights = tuple(struct.unpack("<f", struct.pack("<f", 0.25 + draw.random()))[0] for _ in NAMES)
    return PieceFile(WIDTH, 0.01, tuple(NAMES), weights, vectors)._replace(**changed)


@pytest.fixture(scope="session")
def fast_pieces(half: str) -> ModuleType:
    return import_module("fastpath._text" if half == "compiled" else "fastpath.pure.pieces")


def mean(*numbers: int) -> list[float]:
    of = table()
    rows = [struct.unpack_from(f"{WIDTH}b", of.vectors, number * WIDTH) for number in numbers]
    weight = sum(of.weights[number] for number in numbers)
    return [of.scale * sum(column) / weight for column in zip(*rows, strict=True)] if rows else [0.0] * WIDTH


@given(TEXTS)
def test_the_halves_agree(text: bytes) -> None:
    blob = pack_pieces(table())
    assert compiled.Pieces(blob).pools(text) == pytest.approx(pure.Pieces(blob).pools(text), rel=1e-12)


def test_words_are_cut_by_the_longest_pieces(fast_pieces: ModuleType) -> None:
    pools = fast_pieces.Pieces(pack_pieces(table())).pools
    assert pools("The CATS: лисы".encode())[:WIDTH] == pytest.approx(mean(0, 4, 5, 6))
    # "\x01then" is `\x01the` and an n that no piece begins with; `cats` stands within a word only.
    assert pools(b"then scats")[:WIDTH] == pytest.approx(mean(0, 5, 8))
    assert pools(b"")[:WIDTH] == pools(b"?!")[:WIDTH] == [0.0] * WIDTH


def test_the_means_are_of_all_of_the_edges_and_of_what_came_before(fast_pieces: ModuleType) -> None:
    pools = fast_pieces.Pieces(pack_pieces(table())).pools
    text = b" ".join([b"the"] * EDGE + [b"cat"] * 5 + [b"th"] * EDGE)
    before = b" ".join([b"cat"] * 7 + [b"7"] * LATEST)
    found = pools(b"\x1e".join((text, b"cat", b"cat", before, b"cat")))
    assert found[:WIDTH] == pytest.approx(mean(*[0] * EDGE, *[4] * 5, *[1] * EDGE))
    assert found[WIDTH : 2 * WIDTH] == pytest.approx(mean(0))
    assert found[2 * WIDTH : 3 * WIDTH] == pytest.approx(mean(1))
    assert found[3 * WIDTH :] == pytest.approx(mean(9))
    assert len(found) == POOLS * WIDTH


def test_a_long_text_does_not_overflow(fast_pieces: ModuleType) -> None:
    of = table(vectors=bytes([127] * WIDTH * len(NAMES)), weights=(1.0,) * len(NAMES))
    found = fast_pieces.Pieces(pack_pieces(of)).pools(b"cat " * 3000)
    assert found[:WIDTH] == pytest.approx([1.27] * WIDTH)


def test_a_file_comes_back_as_it_was_packed(fast_pieces: ModuleType) -> None:
    blob = pack_pieces(table())
    assert unpack_pieces(blob) == table()
    read = fast_pieces.Pieces(blob)
    assert (read.width, read.digest) == (WIDTH, hashlib.sha256(blob).hexdigest())


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    blob = bytearray(pack_pieces(table()))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    for half in (compiled, pure):
        with pytest.raises(ValueError, match="table of pieces"):
            half.Pieces(bytes(blob))


@pytest.mark.parametrize("cut", [0, 3, 30, 200])
def test_a_cut_file_is_refused(fast_pieces: ModuleType, cut: int) -> None:
    with pytest.raises(ValueError, match="table of pieces"):
        fast_pieces.Pieces(pack_pieces(table())[:cut])


@pytest.mark.parametrize("changed", [{"width": 15}, {"width": 32}, {"vectors": b""}])
def test_a_file_that_does_not_fit_its_head_is_refused(
    fast_pieces: ModuleType, changed: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        fast_pieces.Pieces(pack_pieces(table(**changed)))


def model(blob: bytes, **meta: Any) -> bytes:
    draw = random.Random(5)
    means = POOLS * WIDTH
    rows = bytes(draw.randrange(256) for _ in range(((1 << 6) + 2) * 3))
    dense = struct.pack(f"<{means * 3}f", *(draw.random() - 0.5 for _ in range(means * 3)))
    about = {
        "labels": ["a", "b"],
        "scales": [0.01, 0.02, 0.001],
        "biases": [0.1, -0.1, 0.4],
        "temperature": 1.0,
        "means": means,
        "pieces": hashlib.sha256(blob).hexdigest(),
    }
    return pack(ModelFile(6, 2, about | meta, rows, dense))


@given(TEXTS)
def test_a_model_with_pieces_scores_alike_in_both_halves(text: bytes) -> None:
    blob = pack_pieces(table())
    fast = compiled.LinearModel(model(blob), compiled.Pieces(blob)).score(text, [1])
    plain = pure_text.LinearModel(model(blob), pure.Pieces(blob)).score(text, [1])
    assert fast[0] == pytest.approx(plain[0], rel=1e-9) and fast[1] == pytest.approx(plain[1], rel=1e-9)


def test_the_means_count_in_a_score() -> None:
    blob = pack_pieces(table())
    scorer = compiled.LinearModel(model(blob), compiled.Pieces(blob))
    cat, dog = scorer.score(b"cat", []), scorer.score(b"cat\x1e\x1e\x1e7", [])
    assert cat != dog
    assert scorer.score(b"cat", []) == cat  # and leave no trace


def test_a_model_wants_the_table_it_was_trained_with(half: str) -> None:
    text = compiled if half == "compiled" else pure_text
    pieces = compiled if half == "compiled" else pure
    blob, other = pack_pieces(table()), pack_pieces(table(scale=0.5))
    for wrong in (None, pieces.Pieces(other)):
        with pytest.raises(ValueError, match="another table of pieces"):
            text.LinearModel(model(blob), wrong)
    with pytest.raises(ValueError, match="means"):
        text.LinearModel(model(blob, means=1), pieces.Pieces(blob))
