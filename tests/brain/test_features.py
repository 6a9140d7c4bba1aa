"""The ask out of its envelope, its windows, and the rows of structure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.brain.features import BEFORE, EXTRAS, HEAD, SYSTEM, TAIL, body, extra, peel, read, window
from gateway.brain.patterns import PATTERNS


@pytest.mark.parametrize(
    "text, asked",
    [
        (b"just this", b"just this"),
        (b"if a < b then c", b"if a < b then c"),
        (b"<system-reminder>be nice</system-reminder>\nfix the test", b"fix the test"),
        (b"fix it\n<environment_context>\n<cwd>/src</cwd>\n</environment_context>", b"fix it"),
        (b"<task>\nadd a flag\n</task>\n<environment_details>files</environment_details>", b"add a flag"),
        (b"<open_files kind='x'>a.py</open_files><user_query>why?</user_query>", b"why?"),
        (b"<env>a<task>not this</task>b</env>this", b"this"),
        (b"turn <task>x</task> into YAML", b"turn x into YAML"),
        (b"<env>never closed, so it is the ask", b"never closed, so it is the ask"),
        (b"</env> closed only", b"<"),
        (b"<env>only an envelope</env>", b"<env>only an envelope</env>"),
        (b"<p>markup of the user's own</p>", b"<p>markup of the user's own</p>"),
    ],
)
def test_envelopes_are_peeled(text: bytes, asked: bytes) -> None:
    assert peel(text) == (text if asked == b"<" else asked)


@given(st.lists(st.sampled_from(["<env>", "</env>", "<task>", "</task>", "a ", "<b>", "\n"]), max_size=30))
def test_peeling_never_loses_everything(parts: list[str]) -> None:
    text = "".join(parts).encode()
    assert bool(peel(text)) == bool(text)


def test_peeling_tags_that_never_close_is_quick_and_bounded() -> None:
    assert len(peel(b"<env>" * 2_000_000)) <= 2 * 65536 + 1


def conversation(*messages: tuple[str | None, str]) -> tuple[tuple[bytes, bytes, bytes, int], list[int]]:
    asked: list[int] = []

    def content(number: int) -> bytes:
        asked.append(number)
        return messages[number][1].encode()

    return tuple(read([role for role, _ in messages], content)), asked


def test_one_message() -> None:
    assert conversation(("user", "hi"))[0] == (b"hi", b"", b"", 1)


def test_a_conversation_gives_the_last_ask_and_what_it_refers_to() -> None:
    reading, _ = conversation(
        ("system", "be brief"), ("user", "a poem"), ("assistant", "Roses"), ("user", "shorter")
    )
    assert reading == (b"shorter", b"a poem\nRoses", b"be brief", 2)


def test_tool_results_are_passed_over() -> None:
    reading, _ = conversation(("user", "run it"), ("assistant", ""), ("tool", "translate me"))
    assert reading == (b"run it", b"", b"", 1)


@pytest.mark.parametrize(
    "messages, expected",
    [
        ((), (b"", b"", b"", 0)),
        (((None, "odd"),), (b"odd", b"", b"", 0)),
        ((("system", "only a system"),), (b"only a system", b"", b"", 0)),
        ((("developer", "rules here"), ("user", "x")), (b"x", b"", b"rules here", 1)),
    ],
)
def test_odd_conversations(
    messages: tuple[tuple[str | None, str], ...], expected: tuple[bytes, bytes, bytes, int]
) -> None:
    assert conversation(*messages)[0] == expected


def test_of_two_thousand_messages_four_are_read_and_of_those_so_much() -> None:
    turns = [("user", "u" * 9000), ("assistant", "a" * 9000)] * 1000
    (text, before, system, count), asked = conversation(("system", "s" * 9000), *turns, ("user", "last"))
    assert len(asked) <= 4 and count == 1001
    assert text == b"last" and len(before) <= 2 * BEFORE + 2 and len(system) == SYSTEM


def test_a_long_ask_is_read_at_its_two_ends() -> None:
    text = b"a" * HEAD + b"m" * 100_000 + b"z" * TAIL
    assert body(text) == b"a" * HEAD + b"\n" + b"z" * TAIL
    assert body(b"short \x1e one") == b"short   one"


def test_the_window_has_five_sections_whatever_the_text_holds() -> None:
    sections = window(body(b"first\x1eline\nmiddle\nlast line\n"), b"be\x1efore", b"sys").split(b"\x1e")
    assert sections == [b"first line\nmiddle\nlast line\n", b"first line", b"last line", b"be fore", b"sys"]


def rows_of(text: str, **more: bool | int | bytes) -> set[int]:
    given_ = {"turns": 1, "tools": False, "images": False, "before": b"", "system": b""} | more
    return set(extra(text.encode(), [], [], **given_))  # type: ignore[arg-type]


def test_each_fact_about_a_request_has_its_own_row() -> None:
    plain = rows_of("tell me more about it")
    facts = [
        rows_of("tell me more about it", tools=True),
        rows_of("tell me more about it", images=True),
        rows_of("tell me more about it", system=b"x"),
        rows_of("tell me more about it", before=b"x"),
        rows_of("tell me more about it", turns=2),
        rows_of("tell me more about i?"),
        rows_of("tell 123 4567 890 012"),
        rows_of("tell me more\nabout it"),
    ]
    added = [frozenset(rows - plain) for rows in facts]
    assert all(added) and len(set(added)) == len(facts)
    assert rows_of("что это？") & rows_of("what?") - rows_of("what") != set()


@given(
    st.binary(max_size=400),
    st.lists(st.integers(0, len(PATTERNS) - 1)),
    st.integers(0, 10**6),
    st.booleans(),
    st.binary(max_size=2),
)
def test_rows_stay_within_the_model(
    text: bytes, hits: list[int], turns: int, flag: bool, other: bytes
) -> None:
    rows = extra(text, hits, hits, turns=turns, tools=flag, images=flag, before=other, system=other)
    assert 0 <= min(rows) <= max(rows) < EXTRAS


def test_json_text_with_a_lone_surrogate_can_be_read() -> None:
    text = json.loads('"caf\\ud83d?"').encode(errors="surrogatepass")
    assert peel(text) == text and window(body(text), b"", b"").startswith(text)
