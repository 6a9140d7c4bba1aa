"""SSE splitting and scanning, compiled and pure, at every way to cut a stream into pieces."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastpath.pure import sse as pure

TRAFFIC = Path(__file__).parents[3] / "shared" / "traffic"


def chunk(content: str, finish: str | None = None, **more: Any) -> str:
    delta = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return "data: " + json.dumps({"id": "c1", "choices": [delta], **more})


USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
USAGE_CHUNK = "data: " + json.dumps({"id": "c1", "choices": [], "usage": USAGE})
ERROR_CHUNK = 'data: {"error": {"message": "overloaded", "code": 503}}'

STREAMS = {
    "openai": [chunk("Hi", usage=None), chunk("", "stop", usage=None), USAGE_CHUNK, "data: [DONE]"],
    "done with a blank": [chunk("Hi"), chunk("", "stop", usage=USAGE), "data: [DONE] "],
    "no blank behind the colon": ["data:" + chunk("a")[6:], "data:[DONE]"],
    "comments": [": OPENROUTER PROCESSING", chunk("Hi"), ":", USAGE_CHUNK, "data: [DONE]"],
    "groq": [chunk("Hi", x_groq={"id": "r"}), chunk("", "stop", x_groq={"id": "r", "usage": USAGE})],
    "azure": ['data: {"choices":[],"prompt_filter_results":[{"a":1}]}', chunk("Hi"), "data: [DONE]"],
    "usage with every chunk": [chunk("a", usage=USAGE), chunk("b", "length", usage={"n": 2})],
    "error in the middle": [chunk("Hi"), "event: error\n" + ERROR_CHUNK, chunk("no"), "data: [DONE]"],
    "error at once": [ERROR_CHUNK],
    "error that is null": [chunk("a", error=None), "data: [DONE]"],
    "words in the text": [chunk('{"usage":{"a":1},"error":"x","finish_reason":"stop"}\\"usage":{')],
    "behind done": [chunk("a"), "data: [DONE]", chunk("b"), USAGE_CHUNK],
    "fields": ["event: x\nid: 7\nretry: 9\n" + chunk("a"), "event: ping", "data", "datax: 1"],
    "several data lines": ['data: {"choices":\ndata: [{"delta":{}}],\ndata:  "usage": null}'],
    "byte order mark": ["\ufeff" + chunk("a"), "\ufeff" + chunk("b", usage=USAGE)],
    "byte order mark too late": ["", "\ufeff" + chunk("a", usage=USAGE)],
    "blank lines": ["", chunk("a"), "", "\n", "data: [DONE]"],
    "no choices with usage": ['data: {"usage":{"prompt_tokens":1}}', chunk("a")],
    "spaces around": ['data: { "choices" : [ ] , "usage" :\t{ } }', chunk("a")],
    "not json": ["data: hello", 'data: {"choices":[{', 'data: }}}]"usage":{', "data:", chunk("a")],
}
ENDS = {"lf": "\n", "cr": "\r", "crlf": "\r\n"}


def as_bytes(events: list[str], end: str, last: str = "") -> bytes:
    return "".join(event.replace("\n", end) + end * 2 for event in events).encode() + last.encode()


@pytest.fixture(params=STREAMS)
def events(request: pytest.FixtureRequest) -> list[str]:
    return STREAMS[request.param]


@pytest.fixture(params=ENDS)
def end(request: pytest.FixtureRequest) -> str:
    return ENDS[request.param]


def scan(module: ModuleType, strip: bool, pieces: list[bytes]) -> tuple[Any, ...]:
    scanner = module.OpenAIScanner(strip)
    out = b"".join(scanner.feed(piece) for piece in pieces)
    facts = (scanner.done, scanner.usage, scanner.finish, scanner.error, scanner.started)
    rest = scanner.rest()
    after = (scanner.done, scanner.usage, scanner.finish, scanner.error, scanner.started)
    return out, facts, rest, after


def split(module: ModuleType, pieces: list[bytes]) -> tuple[list[Any], list[Any]]:
    splitter = module.SseSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)], splitter.rest()


def cuts(data: bytes) -> Iterator[list[bytes]]:
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]
    yield [b"", data, b""]


@pytest.mark.parametrize("strip", [False, True])
def test_scanner_gives_the_same_however_the_bytes_come(
    fast_sse: ModuleType, events: list[str], end: str, strip: bool
) -> None:
    for last in ("", chunk("cut")[:40], chunk("whole", "stop"), chunk("line", "stop") + end):
        data = as_bytes(events, end, last)
        wanted = scan(pure, strip, [data])
        for pieces in cuts(data):
            assert scan(fast_sse, strip, pieces) == wanted, pieces


def test_splitter_gives_the_same_however_the_bytes_come(
    fast_sse: ModuleType, events: list[str], end: str
) -> None:
    for last in ("", "data: x", "event: y" + end + "data: x" + end):
        for bom in (b"", b"\xef\xbb\xbf"):
            data = bom + as_bytes(events, end, last)
            wanted = split(pure, [data])
            for pieces in cuts(data):
                assert split(fast_sse, pieces) == wanted, pieces


lines = st.sampled_from(
    ["data: [DONE]", chunk("a"), USAGE_CHUNK, ERROR_CHUNK, ": c", "event: e", "data", "x", ""]
    + ['data: {"a\\"usage":{"b":1}}', 'data: {"a":{"error":1}}', 'data: {"a":{"usage":{}}}']
    + ['data: {"x_groq":{"usage":{}}}', 'data: {"x":{"y":"x_groq","usage":{}}}', "\ufeffdata: 1"]
    + ['data: {"error":', 'data: "error":1', 'data: {"error" : 0', 'data: ]{"usage":{', "data: \\"]
    + ['data: {"finish_reason":"a\\"b"}', 'data: {"finish_reason":""}', 'data: {"finish_reason":"a']
    + ['data: {"choices":null,"usage":{}}', 'data: {"choices":[', 'data: {"a":"usage":{"b":1}']
)


@given(st.lists(st.tuples(lines, st.sampled_from(["\n", "\r", "\r\n", ""]))), st.data(), st.booleans())
@settings(max_examples=400)
def test_any_stream_cut_anywhere_reads_as_pure_reads_it_whole(
    fast_sse: ModuleType, rows: list[tuple[str, str]], data: st.DataObject, strip: bool
) -> None:
    raw = "".join(line + end for line, end in rows).encode()
    marks = sorted(data.draw(st.sets(st.integers(0, len(raw)))))
    pieces = [raw[a:b] for a, b in zip([0, *marks], [*marks, len(raw)], strict=True)]
    assert scan(fast_sse, strip, pieces) == scan(pure, strip, [raw])
    assert split(fast_sse, pieces) == split(pure, [raw])


@given(
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from(["usage", "error", "choices", "finish_reason", "x_groq", "x"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5) | st.just('"usage": {'),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["usage", "error", "a"]), inner, max_size=3)
            ),
        ),
    ),
    st.booleans(),
)
@example('\\"usage": {"a": 1}', {"x_groq": {"usage": {}}, "x": {"usage": {}}}, True)
def test_facts_are_those_of_the_parsed_event(
    fast_sse: ModuleType, text: str, more: dict[str, Any], pretty: bool
) -> None:
    event = {"id": text, **more}
    data = json.dumps(event, separators=(" ,", " :\t") if pretty else None).encode()
    scanner = fast_sse.OpenAIScanner(False)
    scanner.feed(b"data: " + data + b"\n\n")
    groq = event.get("x_groq")
    groq_usage = groq.get("usage") if isinstance(groq, dict) else None
    used = isinstance(event.get("usage"), dict) or isinstance(groq_usage, dict)
    assert scanner.usage == (data if used else None)
    assert scanner.error == (data if event.get("error") is not None else None)
    finish = event.get("finish_reason")
    if isinstance(finish, str) and '"' not in finish and "\\" not in json.dumps(finish):
        assert scanner.finish == finish
    assert not scanner.done


def test_unchanged_bytes_are_passed_on_without_a_copy(fast_sse: ModuleType) -> None:
    scanner = fast_sse.OpenAIScanner(True)
    first, second = as_bytes([": ping", chunk("a")], "\r\n"), as_bytes([chunk("b")], "\r\n")
    assert scanner.feed(first) is first
    assert scanner.feed(second[:-1]) == second[:-1]
    assert scanner.feed(b"\n") == b"\n"
    assert scanner.feed(second) is second
    assert scanner.feed(b"data: ") == b""
    assert scanner.feed(b"x\n\n") == b"data: x\n\n"


def test_usage_is_stripped_only_where_it_stands_alone(fast_sse: ModuleType) -> None:
    plain, with_usage = chunk("a"), chunk("b", "stop", usage=USAGE)
    data = as_bytes([plain, with_usage, USAGE_CHUNK, "data: [DONE]"], "\n")
    kept = as_bytes([plain, with_usage], "\n")
    assert scan(fast_sse, True, [data])[0] == kept
    assert scan(fast_sse, False, [data])[0] == kept + as_bytes([USAGE_CHUNK], "\n")
    assert scan(fast_sse, True, [data])[1] == (True, USAGE_CHUNK[6:].encode(), "stop", None, True)


def test_error_ends_what_is_passed_on_and_keeps_its_usage(fast_sse: ModuleType) -> None:
    failed = chunk("", "error", error={"code": 502}, usage=USAGE)
    data = as_bytes([chunk("a"), failed, chunk("b"), "data: [DONE]"], "\n")
    out, facts, rest, _ = scan(fast_sse, True, [data])
    assert out == as_bytes([chunk("a")], "\n")
    assert facts == (False, failed[6:].encode(), "error", failed[6:].encode(), True)
    assert rest == b""


def test_started_waits_for_a_choice(fast_sse: ModuleType) -> None:
    scanner = fast_sse.OpenAIScanner(False)
    scanner.feed(as_bytes([": ping", 'data: {"choices": [ ]}', 'data: {"choices":null}'], "\n"))
    assert scanner.started is False
    scanner.feed(as_bytes([chunk("")], "\n"))
    assert scanner.started is True


@pytest.mark.parametrize(
    ("last", "passed"),
    [
        ("data: {}", "data: {}\n\n"),
        ("data: {}\n", "data: {}\n\n"),
        ("data: {}\r", "data: {}\r\n\n"),
        (": ping", ": ping\n\n"),
        ('data: {"a":"}', ""),
        ('data: {"a":{}', ""),
        ("data: tex", ""),
        ("data: [DON", ""),
        ("data: [DONE]", ""),
        ("\ufeffdata: {", ""),
        ("", ""),
    ],
)
def test_rest_completes_an_event_but_passes_on_no_cut_one(
    fast_sse: ModuleType, last: str, passed: str
) -> None:
    scanner = fast_sse.OpenAIScanner(True)
    scanner.feed(last.encode())
    assert scanner.rest().decode() == passed
    assert scanner.done == (last == "data: [DONE]")
    assert scanner.rest() == b""


def test_splitter_reads_names_and_joins_lines(fast_sse: ModuleType) -> None:
    data = b"\xef\xbb\xbf: c\nevent: a\ndata: 1\ndata:2\r\ndata\r\rdata:  x\n\nevent: none\n\ndata: y"
    assert split(fast_sse, [data]) == ([(b"a", b"1\n2\n"), (b"", b" x")], [(b"", b"y")])


@pytest.mark.parametrize("step", [4096, 7000, 1 << 21])
def test_an_event_may_be_as_long_as_the_limit_and_no_longer(fast_sse: ModuleType, step: int) -> None:
    assert fast_sse.MAX_EVENT == 1 << 20
    for reader in (fast_sse.SseSplitter(), fast_sse.OpenAIScanner(False)):
        line = b"data: " + b"x" * (fast_sse.MAX_EVENT - 6)
        data = b"data: 1\n\n" + line + b"\n\ndata: 2\n\n"
        out = [reader.feed(data[at : at + step]) for at in range(0, len(data), step)]
        assert sum(map(len, out)) == (3 if isinstance(out[0], list) else len(data))
        with pytest.raises(ValueError, match="1048576 bytes"):
            for at in range(0, len(line), step):
                reader.feed(line[at : at + step])
            reader.feed(b"\n:")


def recorded() -> Iterator[tuple[str, bytes]]:
    for path in sorted(TRAFFIC.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            row = orjson.loads(line)
            if row["api"] == "chat_completions" and (row["response"] or {}).get("sse"):
                yield row["id"], row["response"]["sse"].encode()


def facts_by_parsing(raw: bytes) -> tuple[Any, str, Any, bool]:
    usage, finish, error = None, "", None
    text = raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        data = "\n".join(row[5:].removeprefix(" ") for row in block.split("\n") if row.startswith("data:"))
        if data.strip() == "[DONE]":
            return usage, finish, error, True
        if not data:
            continue
        event = orjson.loads(data)
        found = event.get("usage") or (event.get("x_groq") or {}).get("usage")
        usage = found or usage
        for choice in event.get("choices") or []:
            finish = choice.get("finish_reason") or finish
        if event.get("error"):
            return usage, finish, event["error"], False
    return usage, finish, error, False


@pytest.mark.skipif(not TRAFFIC.is_dir(), reason="the recorded traffic of ../shared is not here")
def test_recorded_streams_read_as_their_events_parse(fast_sse: ModuleType) -> None:
    seen = 0
    for name, raw in recorded():
        scanner = fast_sse.OpenAIScanner(False)
        passed = b"".join(scanner.feed(raw[at : at + 61]) for at in range(0, len(raw), 61))
        passed += scanner.rest()
        usage, finish, error, done = facts_by_parsing(raw)
        found = orjson.loads(scanner.usage) if scanner.usage is not None else {}
        assert (found.get("usage") or (found.get("x_groq") or {}).get("usage")) == usage, name
        assert scanner.finish == finish, name
        assert scanner.done == done, name
        assert (orjson.loads(scanner.error)["error"] if scanner.error else None) == error, name
        assert raw.startswith(passed.rstrip(b"\n")), name
        seen += 1
    assert seen >= 50
