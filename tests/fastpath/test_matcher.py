"""Many patterns at once: Hyperscan against `re`, and patterns that are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.matcher import Matcher
from gateway.brain.patterns import PATTERNS

DEMO = Path(__file__).parents[2] / "gateway" / "demo_prompts.jsonl"
ENGINES = ("hyperscan", "re")
TASK_PATTERNS = [pattern for _, pattern in PATTERNS]
FAST, PLAIN = (Matcher(TASK_PATTERNS, engine) for engine in ENGINES)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_the_engines_find_the_same_in_the_demo_prompts() -> None:
    hits: set[int] = set()
    for line in DEMO.read_bytes().splitlines():
        row = json.loads(line)
        for message in row.get("messages") or [{"content": row["prompt"]}]:
            text = message["content"].encode()
            assert FAST.match(text) == PLAIN.match(text), row["id"]
            hits.update(FAST.match(text))
    assert len(hits) > len(PATTERNS) * 0.9


@given(
    st.one_of(
        st.binary(max_size=120),
        st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")),
        st.lists(
            st.sampled_from(
                [
                    "write a",
                    "\n",
                    "\r\n",
                    "\v",
                    " ",
                    "def f(",
                    "2 + 2",
                    "?",
                    ":",
                    "翻译",
                    "É",
                    "```",
                    "1,2,3,4",
                ]
            ),
            max_size=20,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_the_engines_find_the_same_in_any_bytes(text: bytes) -> None:
    assert FAST.match(text) == PLAIN.match(text)


def test_hits_are_ids_in_order_each_once(engine: str) -> None:
    matcher = Matcher([r"\bcat\b", "dog$", "ПТИЦА", "^owl"], engine)
    assert matcher.match("an OWL\nowl, cat, Cat, dog\nптица".encode()) == [0, 1, 3]
    assert matcher.match("ПТИЦА".encode()) == [2]
    assert matcher.match(b"concatenate dogma") == []
    assert matcher.match(b"") == []


def test_no_patterns_match_nothing(engine: str) -> None:
    assert Matcher([], engine).match(b"anything") == []


@pytest.mark.parametrize(
    "bad", ["(open", "[z-a]", "a*", "x?|y", "(?=ahead)", "(?<!back)x", r"(a)\1", "(?P<n>a)(?P=n)"]
)
def test_a_bad_pattern_is_named_by_number_and_text(engine: str, bad: str) -> None:
    with pytest.raises(ValueError) as caught:
        Matcher(["fine", bad], engine)
    assert "pattern 1" in str(caught.value) and repr(bad) in str(caught.value)


def test_an_escaped_backslash_before_a_digit_is_no_back_reference(engine: str) -> None:
    assert Matcher([r"\\1"], engine).match(rb"a \1 b") == [0]


def test_pattern_names_are_unique_and_none_is_repeated() -> None:
    assert len({name for name, _ in PATTERNS}) == len({pattern for _, pattern in PATTERNS}) == len(PATTERNS)


def test_a_long_text_is_read_to_its_end(engine: str) -> None:
    filler = b"nothing to see here, move along; " * 30_000
    assert Matcher(["needle", "absent"], engine).match(filler + b"NEEDLE") == [0]


@pytest.mark.parametrize("pure, engine", [("1", "re"), ("0", "hyperscan")])
def test_the_environment_chooses_the_engine(pure: str, engine: str) -> None:
    code = "from fastpath import ENGINE, Matcher; print(ENGINE, Matcher(['b+']).match(b'abc'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HEADRACE_PURE": pure, "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{engine} [0]"
