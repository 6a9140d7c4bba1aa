"""Many patterns at once: Hyperscan against `re`, and patterns that are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath.matcher
from fastpath.matcher import Matcher, PatternError
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
    "bad",
    [
        "(open",
        "[z-a]",
        "a*",
        "x?|y",
        "",
        "(?=ahead)",
        "(?<!back)x",
        r"(a)\1",
        "(?P<n>a)(?P=n)",
        "a\0b",
        "\ud800",
    ],
)
def test_a_bad_pattern_is_named_by_number_and_text(engine: str, bad: str) -> None:
    with pytest.raises(PatternError) as caught:
        Matcher(["fine", bad], engine)
    assert "pattern 1" in str(caught.value) and repr(bad) in str(caught.value)
    assert caught.value.number == 1


@pytest.mark.parametrize("bad, index", [("ab(c", 2), ("ab[z-a]", None), ("abc\0", 3), ("a\ud800", 1)])
def test_a_bad_pattern_is_told_with_its_place(engine: str, bad: str, index: int | None) -> None:
    with pytest.raises(PatternError, match=r"(?:index|position) %s" % (r"\d" if index is None else index)):
        Matcher([bad], engine)


def test_what_only_one_engine_reads_is_refused_by_the_other() -> None:
    assert Matcher(["[[:digit:]]x"], "hyperscan").match(b"5x") == [0]
    with pytest.raises(PatternError, match="nested set"):
        Matcher(["[[:digit:]]x"], "re")


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


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A cache of one's own that keeps everything; the list has the number of patterns of each compilation."""
    done: list[int] = []
    original = fastpath.matcher._compile

    def compile(expressions: list[bytes]) -> object:
        done.append(len(expressions))
        return original(expressions)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("fastpath.matcher._compile", compile)
    monkeypatch.setattr("fastpath.matcher._SLOW_SECONDS", 0)
    return done


def cat_and_dog() -> list[int]:
    return Matcher(["cat", r"\bdog\b", "(?:bird|fish)+$"], "hyperscan").match(b"a dog and a FISH")


def test_what_was_compiled_is_kept_for_the_next_start(compiled: list[int], tmp_path: Path) -> None:
    assert cat_and_dog() == cat_and_dog() == [1, 2]
    assert compiled == [3]
    (file,) = (tmp_path / "headrace").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert Matcher(["cat", r"\bdog\b"], "hyperscan").match(b"dog") == [1]
    assert compiled == [3, 2]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "another's format", "writable", "a folder"])
def test_a_kept_file_that_cannot_be_trusted_is_compiled_anew(
    compiled: list[int], tmp_path: Path, damage: str
) -> None:
    cat_and_dog()
    (file,) = (tmp_path / "headrace").iterdir()
    whole = file.read_bytes()
    if damage == "flip":
        file.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    elif damage == "cut":
        file.write_bytes(whole[:-1])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "another's format":
        file.write_bytes(b"HSDB" + bytes(2000))
    elif damage == "writable":
        file.chmod(0o620)
    else:
        file.unlink()
        file.mkdir()
    assert cat_and_dog() == [1, 2]
    assert compiled == [3, 3]
    if damage != "a folder":
        assert cat_and_dog() == [1, 2] and compiled == [3, 3]
        assert file.read_bytes() == whole and file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "headrace").iterdir()] == [file.name]


def test_another_version_of_the_library_compiles_for_itself(
    compiled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    cat_and_dog()
    monkeypatch.setattr("hyperscan.__version__", "0.0.1")
    cat_and_dog()
    assert compiled == [3, 3]


def test_without_a_place_to_keep_it_nothing_fails(compiled: list[int], tmp_path: Path) -> None:
    (tmp_path / "headrace").write_text("in the way")
    assert cat_and_dog() == cat_and_dog() == [1, 2]
    assert compiled == [3, 3]


def test_few_files_are_kept_and_none_of_what_compiles_at_once(
    compiled: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        Matcher([f"pattern {number}"], "hyperscan")
    assert len(list((tmp_path / "headrace").iterdir())) == 8
    assert Matcher(["pattern 11"], "hyperscan").match(b"PATTERN 11") == [0] and len(compiled) == 12
    monkeypatch.setattr("fastpath.matcher._SLOW_SECONDS", 60)
    Matcher(["quick"], "hyperscan")
    assert len(list((tmp_path / "headrace").iterdir())) == 8 and len(compiled) == 13
    Matcher(["quick"], "hyperscan")
    assert len(compiled) == 14
