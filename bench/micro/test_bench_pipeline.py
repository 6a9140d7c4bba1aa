"""Reading, classifying, deciding, encoding, and the whole pipeline without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from payloads import CHAT_8K, CHAT_400K, CHAT_500B, SSE_STREAM

from gateway.brain import Label
from gateway.classify import classify
from gateway.config import Config, ProviderConfig, Secret
from gateway.control.publish import publish
from gateway.decide import Wish, decide
from gateway.exchange import read_ask
from gateway.level2 import Level2
from gateway.pipeline import serve
from gateway.providers import WIRES
from gateway.record import Journal
from gateway.snapshot import Snapshot

BODIES = {"500 B": CHAT_500B, "8 KB": CHAT_8K, "400 KB": CHAT_400K}
PLAIN = {size: body.replace(b'"stream": true', b'"stream": false') for size, body in BODIES.items()}
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1795558802,"model":"gpt-6-luna","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"' + b"word " * 40 + b'","refusal":null},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":40,"total_tokens":140}}'
)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    names = ("openai", "anthropic", "gemini", "deepseek", "mistral")
    providers = dict.fromkeys(names, ProviderConfig(api_key=Secret("k")))
    return publish(Config(providers=providers), "bench", {})


@pytest.mark.parametrize("size", BODIES)
def test_read_ask(benchmark: Any, size: str) -> None:
    assert benchmark(read_ask, BODIES[size]).model == "auto"


def test_decide(benchmark: Any, snapshot: Snapshot) -> None:
    ask, label = read_ask(CHAT_500B), Label("code_generation", 0.9, 0.4)
    assert benchmark(decide, snapshot.route("auto"), ask, label, Wish()).candidates


@pytest.mark.parametrize("size", BODIES)
def test_classify_and_decide(benchmark: Any, snapshot: Snapshot, size: str) -> None:
    ask, route = read_ask(BODIES[size]), snapshot.route("auto")
    assert benchmark(lambda: decide(route, ask, classify(snapshot.classifier, ask), Wish())).candidates


@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize("wire", WIRES)
def test_encode(benchmark: Any, snapshot: Snapshot, wire: str, size: str) -> None:
    target = next(t for t in snapshot.targets.values() if t.wire is WIRES[wire])

    def encode() -> bytes:
        return target.wire.encode(read_ask(BODIES[size]), target.provider, target.model.model)[0]

    assert benchmark(encode)


class Down:
    """A client that has sent everything and takes everything."""

    def __init__(self, body: bytes) -> None:
        self.headers: dict[bytes, bytes] = {b"content-type": b"application/json"}
        self._body = body
        self.status = 0

    async def body(self, limit: int) -> bytes:
        return self._body

    def gone(self, leave: Callable[[], object]) -> None:
        pass

    async def head(self, status: int, headers: Any) -> None:
        self.status = status

    async def chunk(self, data: bytes) -> None:
        pass

    async def end(self, data: bytes = b"") -> None:
        pass


class Answer:
    status = 200
    headers: dict[str, str] = {}

    async def read(self) -> bytes:
        return ANSWER

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in SSE_STREAM:
            yield chunk

    def close(self) -> None:
        pass

    def finish(self) -> None:
        pass


class Up:
    async def send(self, target: Any, stream: bool, body: bytes) -> Answer:
        return Answer()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


@pytest.mark.parametrize("body", [*PLAIN.values(), CHAT_500B], ids=[*PLAIN, "stream of 52 chunks"])
def test_pipeline_without_sockets(benchmark: Any, snapshot: Snapshot, journal: Journal, body: bytes) -> None:
    down, up = Down(body), Up()
    level2 = Level2(snapshot, up, None)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_until_complete(serve(snapshot, up, level2, journal, down))  # type: ignore[arg-type]
        journal.pending.clear()

    benchmark(run)
    loop.close()
    assert down.status == 200
