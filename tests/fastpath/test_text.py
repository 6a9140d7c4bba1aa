"""Hashed features and the linear model: the halves against each other and the specification; bad files."""

import hashlib
import math
import random
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath._text as compiled
from fastpath.pure import text as pure
from fastpath.pure.text import ModelFile, pack, unpack

BITS = 10
LABELS = ["code", "verse", "sums"]
EXTRAS = 5
TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(lambda text: text.encode(errors="surrogatepass")),
    st.text(alphabet="aZ9 _-\n\x1e\x01é你ещक", max_size=80).map(str.encode),
)


@pytest.fixture(scope="session")
def fast_text(half: str) -> ModuleType:
    return import_module("fastpath._text" if half == "compiled" else "fastpath.pure.text")


def model_file(bits: int = BITS, **meta: Any) -> ModelFile:
    rng = random.Random(7)
    rows = bytes(rng.randrange(256) for _ in range(((1 << bits) + EXTRAS) * (len(LABELS) + 1)))
    fitting = {
        "labels": LABELS,
        "scales": [0.02, 0.011, 0.03, 0.004],
        "biases": [0.1, -0.2, 0.3, 0.45],
        "temperature": 1.7,
    }
    return ModelFile(bits, EXTRAS, fitting | meta, rows)


def wide_file(labels: int) -> ModelFile:
    rng = random.Random(labels)
    rows = bytes(rng.randrange(256) for _ in range(((1 << BITS) + EXTRAS) * (labels + 1)))
    meta = {
        "labels": [f"label {number}" for number in range(labels)],
        "scales": [rng.random() / 50 for _ in range(labels + 1)],
        "biases": [rng.random() for _ in range(labels + 1)],
        "temperature": 1.3,
    }
    return ModelFile(BITS, EXTRAS, meta, rows)


def reference(file: ModelFile, text: bytes, extra: list[int]) -> tuple[list[float], float]:
    """What the model file's definition says, written down as plainly as can be."""
    blocks = [block for block in pure.features(text, file.bits) if block]
    if extra:
        blocks.append([(1 << file.bits) + number for number in set(extra)])
    width = len(file.meta["labels"]) + 1
    values = []
    for column in range(width):
        total = file.meta["biases"][column]
        for block in blocks:
            weights = [file.rows[row * width + column] for row in block]
            signed = [weight - 256 if weight > 127 else weight for weight in weights]
            total += file.meta["scales"][column] * math.fsum(signed) / math.sqrt(len(block))
        values.append(total)
    powers = [math.exp(value / file.meta["temperature"]) for value in values[:-1]]
    return [power / sum(powers) for power in powers], min(1.0, max(0.0, values[-1]))


@given(TEXTS)
def test_both_halves_hash_alike(text: bytes) -> None:
    assert compiled.features(text, BITS) == pure.features(text, BITS)


@given(TEXTS, st.lists(st.integers(0, EXTRAS - 1), max_size=8))
def test_both_halves_score_alike_and_as_defined(text: bytes, extra: list[int]) -> None:
    expected, level = reference(model_file(), text, extra)
    for half in (compiled, pure):
        shares, difficulty = half.LinearModel(pack(model_file())).score(text, extra)
        assert shares == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert difficulty == pytest.approx(level, rel=1e-9, abs=1e-12)


def test_features_of_a_small_text_are_those_of_the_specification(fast_text: ModuleType) -> None:
    def identity(kind: int, feature: bytes) -> int:
        state = 0x811C9DC5
        for byte in bytes((kind,)) + feature:
            state = (state ^ byte) * 0x01000193 % 2**32
        return state * 0x9E3779B1 % 2**32 >> (32 - 17)

    words = [identity(1, b"go"), identity(1, "日本".encode()), identity(2, "go\x01日本".encode())]
    runs = ("\x01go", "go\x01", "\x01go\x01", "\x01日", "\x01日本", "日", "日本", "日本\x01", "本", "本\x01")
    assert fast_text.features("Go, 日本".encode(), 17) == [
        sorted(words),
        sorted(identity(0, run.encode()) for run in runs),
    ]


def test_case_and_repetition_change_nothing(fast_text: ModuleType) -> None:
    once = fast_text.features(b"Sort the LIST", 17)
    assert fast_text.features(b"sort, the... list!", 17) == once
    assert [len(block) for block in once] == [5, len(set(once[1]))]


def test_sections_have_their_own_ids(fast_text: ModuleType) -> None:
    first_words, first_runs, second_words, second_runs = fast_text.features(b"sort\x1esort", 17)
    assert not set(first_words) & set(second_words)
    assert not set(first_runs) & set(second_runs)


def test_ids_stay_in_the_table(fast_text: ModuleType) -> None:
    for bits in (1, 3, 22):
        ids = [
            number
            for block in fast_text.features(b"some words that fill a table " * 9, bits)
            for number in block
        ]
        assert 0 <= min(ids) <= max(ids) < 2**bits


@pytest.mark.parametrize("bits", [0, 23, -1])
def test_a_table_of_a_wrong_size_is_refused(fast_text: ModuleType, bits: int) -> None:
    with pytest.raises(ValueError, match="bits must be from 1 to 22"):
        fast_text.features(b"a", bits)


def test_scoring_leaves_no_trace(fast_text: ModuleType) -> None:
    model = fast_text.LinearModel(pack(model_file()))
    before = model.score(b"a short one", [1])
    model.score(bytes(range(256)) * 2000, [0, 1, 2, 3, 4])
    assert model.score(b"a short one", [1]) == before
    assert model.score(b"a short one", [1, 1]) == before


def test_nothing_to_read_gives_the_biases(fast_text: ModuleType) -> None:
    shares, difficulty = fast_text.LinearModel(pack(model_file())).score(b" \x1e--", [])
    assert shares == pytest.approx(reference(model_file(), b"", [])[0])
    assert difficulty == 0.45


@pytest.mark.parametrize("extra", [[-1], [EXTRAS], [0, 2**40]])
def test_an_extra_row_that_is_not_there_is_refused(fast_text: ModuleType, extra: list[int]) -> None:
    with pytest.raises(ValueError, match="extra rows must be from 0 to 4"):
        fast_text.LinearModel(pack(model_file())).score(b"a", extra)


def test_a_file_comes_back_as_it_was_packed(fast_text: ModuleType) -> None:
    assert unpack(pack(model_file())) == model_file()
    assert fast_text.LinearModel(pack(model_file())).labels == tuple(LABELS)


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    blob = pack(model_file(bits=4))
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = bytes((blob[at] ^ data.draw(st.integers(1, 255)),))
    for half in (compiled, pure):
        with pytest.raises(ValueError, match="model file"):
            half.LinearModel(blob[:at] + changed + blob[at + 1 :])


@pytest.mark.parametrize("kept", [0, 3, 20, 200, -1])
def test_a_cut_file_is_refused(fast_text: ModuleType, kept: int) -> None:
    with pytest.raises(ValueError, match="model file"):
        fast_text.LinearModel(pack(model_file())[:kept])


def test_another_version_says_so(fast_text: ModuleType) -> None:
    body = bytearray(pack(model_file())[:-32])
    body[4] = 9
    with pytest.raises(ValueError, match="version 9, this build reads 2"):
        fast_text.LinearModel(bytes(body) + hashlib.sha256(body).digest())


@pytest.mark.parametrize("labels", [1, 15, 16, 40, 63])
def test_a_model_of_many_labels_scores_as_defined(fast_text: ModuleType, labels: int) -> None:
    text = "the quick brown fox: 狐 и лиса".encode()
    expected, level = reference(wide_file(labels), text, [1, 3])
    shares, difficulty = fast_text.LinearModel(pack(wide_file(labels))).score(text, [1, 3])
    assert shares == pytest.approx(expected, rel=1e-9) and difficulty == pytest.approx(level)


def test_more_labels_than_it_can_hold_are_refused(fast_text: ModuleType) -> None:
    with pytest.raises(ValueError, match="64 labels"):
        fast_text.LinearModel(pack(wide_file(64)))


@pytest.mark.parametrize("missing", ["labels", "scales", "biases", "temperature"])
def test_a_file_that_lacks_a_part_is_refused(fast_text: ModuleType, missing: str) -> None:
    file = model_file()
    del file.meta[missing]
    with pytest.raises(ValueError, match="model file"):
        fast_text.LinearModel(pack(file))


@pytest.mark.parametrize(
    "meta", [{"labels": ["one"]}, {"scales": [1.0]}, {"biases": []}, {"temperature": 0.0}], ids=str
)
def test_a_file_whose_parts_do_not_fit_is_refused(fast_text: ModuleType, meta: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="model file"):
        fast_text.LinearModel(pack(model_file(**meta)))


def test_the_model_of_another_table_size_works_too(fast_text: ModuleType) -> None:
    file = model_file(bits=3)
    shares, _ = fast_text.LinearModel(pack(file)).score(b"more words than the table has rows", [0])
    assert shares == pytest.approx(reference(file, b"more words than the table has rows", [0])[0])
