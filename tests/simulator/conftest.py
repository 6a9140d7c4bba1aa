"""A simulator on a real socket, in a thread of its own, reset after every test."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway.simulator import Server, Settings


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs tests that are coroutines, each on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


class Sim:
    """The running simulator, and its switches."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        data = None if body is None else orjson.dumps(body)
        request = urllib.request.Request(self.base + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, orjson.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, orjson.loads(error.read())

    def set(self, name: str = "", **settings: Any) -> None:
        """Changes the behaviour of `name`, or of all."""
        status, answer = self.call("PUT", f"/_sim/{name}".rstrip("/"), settings)
        assert status == 200, answer


@pytest.fixture(scope="session")
def running() -> Iterator[Sim]:
    ports: queue.Queue[int] = queue.Queue()
    server = Server("127.0.0.1", 0, Settings(output_tokens=12), ports.put, keep_requests=True)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Sim(ports.get(timeout=10))
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def sim(running: Sim) -> Iterator[Sim]:
    yield running
    assert running.call("DELETE", "/_sim") == (200, {})
