"""Peek and splice, compiled and pure, against orjson and against each other."""

import json
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastpath.errors import BodyError
from fastpath.pure import json as pure

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_audio", "file", "\u00fc"]) | scalars}
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", 'a "quoted" r\u00f4le']) | scalars,
        "content": scalars | st.lists(parts | values, max_size=3),
        "name": values,
    },
)
bodies = st.dictionaries(st.text(max_size=8), values, max_size=6) | st.fixed_dictionaries(
    {"model": st.just("auto"), "messages": st.lists(messages | values, max_size=4) | values},
    optional={"stream": st.booleans(), "tools": values},
)


@st.composite
def encodings(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A body and one of the ways to write it."""
    body = draw(bodies)
    text = json.dumps(
        body,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, "\t", 3])),
        separators=draw(st.sampled_from([None, (",", ":"), (" ,\r\n", " : ")])),
    )
    pad = draw(st.sampled_from(["", " ", "\r\n\t "]))
    return body, (pad + text + pad).encode()


def refusal(module: ModuleType, body: bytes) -> BodyError:
    with pytest.raises(BodyError) as caught:
        module.peek(body)
    return caught.value


def code(module: ModuleType, body: bytes) -> str | None:
    try:
        module.peek(body)
    except BodyError as error:
        return error.code
    return None


def fields(peek: Any) -> tuple[Any, ...]:
    return list(peek.entries.items()), peek.messages, peek.flags


def expected_flags(body: dict[str, Any]) -> int:
    bits = {"image_url": pure.IMAGE, "input_audio": pure.AUDIO, "file": pure.FILE}
    flags = 0
    rows = body.get("messages")
    for row in rows if isinstance(rows, list) else []:
        content = row.get("content") if isinstance(row, dict) else None
        for part in content if isinstance(content, list) else []:
            kind = part.get("type") if isinstance(part, dict) else None
            flags |= bits.get(kind, 0) if isinstance(kind, str) else 0
    return flags


@given(encodings())
def test_peek_reads_what_orjson_reads(fast_json: ModuleType, encoded: tuple[dict[str, Any], bytes]) -> None:
    body, raw = encoded
    peek = fast_json.peek(raw)
    assert list(peek.entries) == list(body)
    for key, (key_start, start, end) in peek.entries.items():
        assert orjson.loads(b"{" + raw[key_start:end] + b"}") == {key: body[key]}
        assert orjson.loads(raw[start:end]) == body[key]
    rows = body.get("messages")
    rows = rows if isinstance(rows, list) else []
    assert len(peek.messages) == len(rows)
    for row, (role, start, end) in zip(rows, peek.messages, strict=True):
        row = row if isinstance(row, dict) else {}
        assert role == (row.get("role") if isinstance(row.get("role"), str) else None)
        if "content" in row:
            assert orjson.loads(raw[start:end]) == row["content"]
        else:
            assert (start, end) == (-1, -1)
    assert peek.flags == expected_flags(body)


noise = st.binary(max_size=3) | st.sampled_from(
    [b'"', b"\\", b"\\u", b"\\ud83d", b"{", b"}", b"[", b"]", b",", b":", b"1", b"-", b".", b"e", b"0"]
    + [b"\x00", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"null", b"1e999"]
)


@given(encodings(), st.data())
@settings(max_examples=400)
def test_mutated_bytes_are_judged_as_orjson_judges_them(
    fast_json: ModuleType, encoded: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    raw = encoded[1]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(noise) + raw[at + data.draw(st.integers(0, 3)) :]
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        assert code(fast_json, raw) in {"invalid_json", "invalid_utf8", "duplicate_key", "too_deep"}
    else:
        found = code(fast_json, raw)
        assert found is None or found == ("duplicate_key" if isinstance(parsed, dict) else "not_an_object")
    compare_with_pure(fast_json, raw)


def compare_with_pure(module: ModuleType, raw: bytes) -> None:
    try:
        wanted = pure.peek(raw)
    except BodyError as error:
        found = refusal(module, raw)
        assert found.code == error.code
        assert found.offset == error.offset or error.code == "invalid_json"
    else:
        assert fields(module.peek(raw)) == fields(wanted)


@given(st.binary(max_size=40))
def test_any_bytes_are_judged_alike(fast_json: ModuleType, raw: bytes) -> None:
    compare_with_pure(fast_json, raw)
    compare_with_pure(fast_json, b'{"a":"' + raw + b'"}')
    compare_with_pure(fast_json, b'{"messages":[{"role":' + raw + b"}]}")


STRINGS = [
    *[b'"\\' + bytes([c]) + b'"' for c in range(256)],
    *[b'"' + bytes([c]) + b'"' for c in range(256)],
    *[b'"\xe2' + bytes([c]) + b'\x80"' for c in range(256)],
    *[bytes([0x22, lead, tail, 0x80, 0x80, 0x22]) for lead in (0xF0, 0xF4) for tail in range(256)],
    *[bytes([0x22, lead, tail, 0x80, 0x22]) for lead in (0xE0, 0xED) for tail in range(256)],
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\\ud83d\\ude00"',
    b'"\\uD83D\\uDE00\\uD83D\\uDE00"',
    b'"\\ud800\\ud800"',
    b'"\\udc00\\udc00"',
    b'"\\ud800\\ud800\\udc00"',
    b'"\\ud800x"',
    b'"\\ud800\\n"',
    b'"\\ud800\\u"',
    b'"\\ud8',
    b'"\\u12"',
    b'"\\u123g"',
    b'"\\u0000"',
    b'"\\U0041"',
    b'"\\',
    b'"\\"',
    b'"',
    b'"\xf5\x80\x80\x80"',
    b'"\xc1\xbf"',
    b'"\x80"',
    b'"\xe2\x82',
    b'"\xf0\x9f\x98"',
]
NUMBERS = [
    b"0 -0 1 -1 10 01 -01 00 - + +1 1. .5 1.5 1.e1 1e 1e+ 1e- 1e5 1E-5 1e+05 0e0 0.0e-0 1x 0x1 1_0",
    b"123456789012345678901234567890 1e308 1e309 -1e309 1e-999 0e999 0.0001e312 0.0001e313 NaN",
    b"1.7976931348623157e308 1.7976931348623158e308 1.7976931348623159e308 -Infinity 1e99999999999",
    b"1" + b"0" * 308 + b" 1" + b"0" * 309 + b" 1" + b"0" * 400 + b"e-400 9999" + b"0" * 305,
    b"1e-99999999999999999999999999 1e99999999999999999999999999 0e99999999999999999999999999",
]


WORDS = [b"true", b"tru", b"truex", b"True", b"false", b"fals", b"null", b"nul", b"nan"]


def test_tokens_are_judged_as_orjson_judges_them(fast_json: ModuleType) -> None:
    for token in [*STRINGS, *b" ".join(NUMBERS).split(), *WORDS]:
        for before, behind in ((b'{"key":', b"}"), (b'{"key":[', b""), (b'{"key":0,', b":1}")):
            raw = before + token + behind
            try:
                orjson.loads(raw)
            except orjson.JSONDecodeError:
                assert code(fast_json, raw) in {"invalid_json", "invalid_utf8"}, raw
            else:
                assert code(fast_json, raw) is None, raw
            compare_with_pure(fast_json, raw)


@pytest.mark.parametrize(
    ("raw", "wanted", "offset"),
    [
        (b'{"a":1,"a":2}', "duplicate_key", 7),
        (b'{"a":1, "\\u0061" :2}', "duplicate_key", 8),
        (b'{"a":1,"a"', "duplicate_key", 7),
        (b" [1]", "not_an_object", 1),
        (b'"{}"', "not_an_object", 0),
        (b"null ", "not_an_object", 0),
        (b'{"a":"\xff"}', "invalid_utf8", 6),
        (b'{"a":}\xff', "invalid_utf8", 6),
        (b'{"a":1,"a":"\xed\xb0\x80"}', "invalid_utf8", 12),
        (b'{"a":' + b"[" * 10_000, "too_deep", 5 + 127),
        (b'{"a":' * 10_000, "too_deep", 5 * 128),
        (b'{"messages":[{"content":[{"x":' + b"[" * 124 + b"]" * 124, "too_deep", 30 + 123),
    ],
)
def test_refusals_say_why_and_where(fast_json: ModuleType, raw: bytes, wanted: str, offset: int) -> None:
    error = refusal(fast_json, raw)
    assert (error.code, error.offset) == (wanted, offset)
    assert isinstance(error, ValueError)
    assert str(error)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{}\x00",
        b"\x00",
        b"{",
        b"}",
        b"{,}",
        b'{"a":1,}',
        b'{"a" 1}',
        b'{"a":1 "b":2}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":[1,]}',
        b'{"a":[1 2]}',
        b'{"a":[1}',
        b'{"a":{"b":1]}',
        b'{"a":1]',
        b"[1",
        b'{"messages":[,]}',
        b'{"messages":[{"role":"user",}]}',
        b'{"messages":[{"content":[{"type":"file"]}]}',
        b'{"a":/* no */1}',
        b'{"a":\x0b1}',
        b'{"a":1}garbage',
    ],
)
def test_what_is_not_json_is_refused(fast_json: ModuleType, raw: bytes) -> None:
    error = refusal(fast_json, raw)
    assert error.code == "invalid_json"
    assert 0 <= error.offset <= len(raw)


def test_nesting_is_allowed_up_to_the_limit(fast_json: ModuleType) -> None:
    assert fast_json.MAX_DEPTH == 128
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        inner = opened * 127 + b"1" + closed * 127
        assert "x" in fast_json.peek(b'{"x":' + inner + b"}").entries
        assert code(fast_json, b'{"x":' + opened + inner + closed + b"}") == "too_deep"


def test_repeated_keys_inside_a_message_count_the_last(fast_json: ModuleType) -> None:
    raw = (
        b'{"messages":[{"role":"a","content":[{"type":"file"}],"role":"b","content":"c"},'
        b'{"content":[{"type":"file","type":"text"},{"type":"text","type":"input_audio"}],'
        b'"role":"a","role":1}]}'
    )
    peek = fast_json.peek(raw)
    assert [role for role, _, _ in peek.messages] == ["b", None]
    assert raw[slice(*peek.messages[0][1:])] == b'"c"'
    assert peek.flags == fast_json.AUDIO


def test_escapes_are_read_in_keys_roles_and_types(fast_json: ModuleType) -> None:
    raw = (
        b'{"mess\\u0061ges":[{"r\\u006fle":"\\u0075ser \\ud83d\\ude00\\n",'
        b'"cont\\u0065nt":[{"t\\u0079pe":"image\\u005furl"}]}]}'
    )
    peek = fast_json.peek(raw)
    assert list(peek.entries) == ["messages"]
    assert peek.messages[0][0] == "user \U0001f600\n"
    assert raw[slice(*peek.messages[0][1:])].startswith(b"[{")
    assert peek.flags == fast_json.IMAGE


@given(
    encodings(),
    st.dictionaries(
        st.sampled_from(["model", "stream", "messages", "n\u00e9w", 'q"']) | st.text(max_size=8),
        st.none() | values,
        max_size=5,
    ),
)
@example(({}, b" { } "), {"a": 1, "b": None})
@example(({"a": 1, "b": 2}, b'{"a":1 , "b":2}'), {"a": None, "b": None})
@example(({"a": 1, "b": 2, "c": 3}, b'{"a":1 , "b":2, "c":3}'), {"a": None, "c": None, "d": 4})
def test_splice_edits_and_leaves_the_rest(
    fast_json: ModuleType, encoded: tuple[dict[str, Any], bytes], changes: dict[str, Any]
) -> None:
    body, raw = encoded
    edits = {key: None if new is None else orjson.dumps(new) for key, new in changes.items()}
    peek = fast_json.peek(raw)
    spliced = fast_json.splice(raw, peek, edits)
    wanted = {**body, **changes}
    for key, new in changes.items():
        if new is None:
            del wanted[key]
    # orjson reads the text of a number again, so compare with what it makes of the same text.
    assert orjson.loads(spliced) == orjson.loads(json.dumps(wanted))
    again = fast_json.peek(spliced)
    assert list(again.entries) == list(wanted)
    for key in body.keys() - changes.keys():
        old, new = peek.entries[key], again.entries[key]
        assert spliced[new[0] : new[2]] == raw[old[0] : old[2]]
    assert fast_json.splice(raw, peek, {}) == raw
    assert spliced == pure.splice(raw, pure.peek(raw), edits)


def test_splice_refuses_the_peek_of_another_body(fast_json: ModuleType) -> None:
    peek = fast_json.peek(b'{"a":1,"b":"a much longer body"}')
    with pytest.raises(ValueError, match="not of this body"):
        fast_json.splice(b'{"a":1}', peek, {"a": b"2"})


def test_splice_refuses_values_that_are_not_bytes(fast_json: ModuleType) -> None:
    raw = b'{"a":1}'
    for key in ("a", "new"):
        with pytest.raises(TypeError):
            fast_json.splice(raw, fast_json.peek(raw), {key: "2"})


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=2, max_size=200))
def test_long_strings_are_read_in_blocks_and_singly_alike(fast_json: ModuleType, text: str) -> None:
    for ascii_only in (False, True):
        raw = json.dumps({"k": text, text: 1}, ensure_ascii=ascii_only).encode()
        assert list(fast_json.peek(raw).entries) == ["k", text]
        for cut in range(len(raw)):
            assert code(fast_json, raw[:cut]) in {"invalid_json", "invalid_utf8"}
