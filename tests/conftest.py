"""Gateway and simulated providers as processes of their own, on free ports of the loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

LISTENS = re.compile(r"listens on (http://\S+)")
PROVIDERS = ("openai", "anthropic", "gemini")
START_SECONDS = 30


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anybody's real keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_KEY"))
        and (name == "HEADRACE_PURE" or not name.startswith("HEADRACE_"))
    }
    return kept | more


@dataclass
class Process:
    """A running `headrace` command."""

    popen: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def wait_until_it_listens(self) -> Process:
        deadline = time.monotonic() + START_SECONDS
        while not (found := LISTENS.search(self.log.read_text())):
            assert self.popen.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.url = found[1]
        return self

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(START_SECONDS)


def run_headrace(folder: Path, *command: str, **env: str) -> Process:
    log = folder / f"{command[0]}-{time.monotonic_ns()}.log"
    with log.open("wb") as stderr:
        popen = subprocess.Popen(
            [sys.executable, "-m", "gateway", *command], stderr=stderr, env=clean_environment(**env)
        )
    return Process(popen, log)


@dataclass
class Reply:
    """An HTTP reply, headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(url: str, body: bytes | dict[str, Any] | None = None, method: str = "", **headers: str) -> Reply:
    """One request with the standard library; errors are replies like any other."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    asked = urllib.request.Request(url, data=data, method=method or ("GET" if data is None else "POST"))
    asked.add_header("content-type", "application/json")
    for name, value in headers.items():
        asked.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@dataclass
class Simulator:
    """The provider simulator, and its switches."""

    url: str

    def set(self, name: str, **settings: Any) -> None:
        reply = request(f"{self.url}/_sim/{name}", settings, "PUT")
        assert reply.status == 200, reply.body

    def reset(self) -> None:
        assert request(f"{self.url}/_sim", method="DELETE").status in (200, 204)

    def requests(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = request(f"{self.url}/_sim/requests?name={name}").json()
        return found

    def count(self, name: str) -> dict[str, int]:
        return request(f"{self.url}/_sim/count").json().get(name, {"requests": 0, "faults": 0, "gone": 0})

    def providers(self, *names: str) -> dict[str, Any]:
        """The `providers:` section that leads to this simulator."""
        return {
            name: {
                "base_url": f"{self.url}/{name}/{'v1beta' if name == 'gemini' else 'v1'}",
                "api_key": f"secret-of-{name}",
                "allow_private": True,
            }
            for name in names
        }


@dataclass
class Gateway:
    """A running gateway with its data directory."""

    url: str
    data: Path
    process: Process
    config: dict[str, Any] = field(default_factory=dict)

    def chat(self, model: str = "auto", text: str = "What is the capital of France?", **more: Any) -> Reply:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
        return request(f"{self.url}/v1/chat/completions", body, **headers)

    def rows(self) -> list[dict[str, Any]]:
        """What `headrace usage export --json` prints."""
        command = [sys.executable, "-m", "gateway", "usage", "export", "--data", str(self.data), "--json"]
        output = subprocess.run(command, env=clean_environment(), capture_output=True, check=True).stdout
        return [json.loads(line) for line in output.splitlines()]

    def row(self, request_id: str) -> dict[str, Any]:
        found = [row for row in self.rows() if row["request_id"] == request_id]
        assert len(found) == 1, found
        return found[0]


StartGateway = Callable[..., Gateway]


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    process = run_headrace(tmp_path_factory.mktemp("simulator"), "simulate", "--port", "0", "--keep-requests")
    yield Simulator(process.wait_until_it_listens().url)
    process.stop()


@pytest.fixture
def simulator(simulator_process: Simulator) -> Iterator[Simulator]:
    yield simulator_process
    simulator_process.reset()


def start(folder: Path, config: dict[str, Any], *options: str, **env: str) -> Gateway:
    path = folder / "headrace.yaml"
    # Whether the encoder is installed or not, the classifier alone decides, unless a test says otherwise.
    path.write_text(yaml.safe_dump({"l2": {"kind": "off"}} | config))
    data = folder / "data"
    process = run_headrace(
        folder, "up", "--config", str(path), "--data", str(data), "--port", "0", *options, **env
    ).wait_until_it_listens()
    return Gateway(process.url, data, process, config)


@pytest.fixture(scope="session")
def gateway_process(
    simulator_process: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = {"providers": simulator_process.providers(*PROVIDERS)}
    gateway = start(tmp_path_factory.mktemp("gateway"), config)
    yield gateway
    gateway.process.stop()


@pytest.fixture
def gateway(gateway_process: Gateway, simulator: Simulator) -> Gateway:
    """A gateway that many tests share, over the three wires; the simulator is reset after each test."""
    return gateway_process


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[StartGateway]:
    """Starts gateways with a config of one's own."""
    started: list[Gateway] = []

    def starter(config: dict[str, Any], *options: str, **env: str) -> Gateway:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(start(folder, config, *options, **env))
        return started[-1]

    yield starter
    for gateway in started:
        gateway.process.stop()
