"""What it costs to label an ask: the whole, the model alone and the matcher alone, compiled and plain."""

from importlib import import_module
from importlib.resources import files
from itertools import cycle

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fastpath.matcher import Matcher
from gateway.brain import Classifier, inputs
from gateway.brain.features import body
from gateway.brain.patterns import PATTERNS

# Each sentence differs, as words do in a real text: repeated ones would be counted once and cost nothing.
_NOUNS = cycle(
    [
        "invoice",
        "harbour",
        "violin",
        "reactor",
        "meadow",
        "lantern",
        "tariff",
        "glacier",
        "pencil",
        "orchard",
        "turbine",
    ]
)
_VERBS = cycle(["delays", "improves", "forgets", "repairs", "questions"])
_PLACES = cycle(["Lisbon", "Osaka", "Nairobi", "Quito", "Tallinn", "Perth", "Oslo"])
_PROSE = " ".join(
    f"In {next(_PLACES)} the {next(_NOUNS)} {next(_VERBS)} batch {number:x}. Is {number * 37} euros too much?"
    for number in range(8000)
).encode()
ASKS = [
    pytest.param(_PROSE[:size], id=name) for name, size in (("500B", 500), ("8K", 8_000), ("400K", 400_000))
]
PATTERN_TEXTS = [pattern for _, pattern in PATTERNS]


@pytest.mark.parametrize("ask", ASKS)
def test_classify(benchmark: BenchmarkFixture, ask: bytes) -> None:
    classify = Classifier()
    assert 0 < benchmark(classify, ask).confidence <= 1


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("half", ["_text", "pure.text"])
def test_score(benchmark: BenchmarkFixture, half: str, ask: bytes) -> None:
    blob = files("gateway.brain").joinpath("model.bin").read_bytes()
    model = import_module(f"fastpath.{half}").LinearModel(blob)
    text, extra = inputs(
        Matcher(PATTERN_TEXTS), ask, before=b"", system=b"", turns=1, tools=False, images=False
    )
    shares, _ = benchmark(model.score, text, extra)
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("engine", ["hyperscan", "re"])
def test_match(benchmark: BenchmarkFixture, engine: str, ask: bytes) -> None:
    matcher = Matcher(PATTERN_TEXTS, engine)
    assert benchmark(matcher.match, body(ask))
