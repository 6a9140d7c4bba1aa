"""What peek, splice and the stream scan cost: compiled, pure, and orjson's full parse beside them."""

from types import ModuleType

import orjson
import payloads
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import fastpath._json
import fastpath._sse
import fastpath.pure.json
import fastpath.pure.sse

BODIES = ["CHAT_500B", "CHAT_8K", "CHAT_400K", "CHAT_400K_UNICODE", "CHAT_TOOLS_100K"]
EDITS = {"model": b'"gpt-5"', "temperature": None, "stream_options": b'{"include_usage":true}'}
json_halves = pytest.mark.parametrize("half", [fastpath._json, fastpath.pure.json], ids=["compiled", "pure"])
sse_halves = pytest.mark.parametrize("half", [fastpath._sse, fastpath.pure.sse], ids=["compiled", "pure"])


@pytest.fixture(params=BODIES)
def body(request: pytest.FixtureRequest) -> bytes:
    raw: bytes = getattr(payloads, request.param)
    return raw


@pytest.mark.benchmark(group="peek")
@json_halves
def test_peek(benchmark: BenchmarkFixture, half: ModuleType, body: bytes) -> None:
    assert "messages" in benchmark(half.peek, body).entries


@pytest.mark.benchmark(group="peek")
def test_orjson_loads(benchmark: BenchmarkFixture, body: bytes) -> None:
    assert "messages" in benchmark(orjson.loads, body)


@pytest.mark.benchmark(group="splice")
@json_halves
def test_splice(benchmark: BenchmarkFixture, half: ModuleType, body: bytes) -> None:
    spliced = benchmark(half.splice, body, half.peek(body), EDITS)
    assert orjson.loads(spliced)["model"] == "gpt-5"


@pytest.mark.benchmark(group="scan a chunk")
@sse_halves
def test_scan_chunk(benchmark: BenchmarkFixture, half: ModuleType) -> None:
    scanner = half.OpenAIScanner(True)
    assert benchmark(scanner.feed, payloads.SSE_CHUNK) is payloads.SSE_CHUNK


@pytest.mark.benchmark(group="scan a stream of 52 chunks")
@sse_halves
def test_scan_stream(benchmark: BenchmarkFixture, half: ModuleType) -> None:
    def scan() -> bool:
        scanner = half.OpenAIScanner(True)
        for chunk in payloads.SSE_STREAM:
            scanner.feed(chunk)
        done: bool = scanner.done
        return done

    assert len(payloads.SSE_STREAM) == 52
    assert benchmark(scan)


@pytest.mark.benchmark(group="split a stream of 52 chunks")
@sse_halves
def test_split_stream(benchmark: BenchmarkFixture, half: ModuleType) -> None:
    def split() -> int:
        splitter = half.SseSplitter()
        return sum(len(splitter.feed(chunk)) for chunk in payloads.SSE_STREAM)

    assert benchmark(split) == 52
