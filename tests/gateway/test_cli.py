"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.providers import PROVIDERS
from gateway.registry import TASKS, load
from tests.conftest import Simulator, StartGateway, clean_environment


def headrace(*command: str, folder: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *command],
        env=clean_environment(**env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_up_without_a_provider_says_what_it_looks_for(tmp_path: Path) -> None:
    done = headrace("up", folder=tmp_path, PYTHONPATH=str(Path.cwd()))
    assert done.returncode == 2
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "--config"):
        assert variable in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was left behind"


def test_up_on_every_address_wants_a_secret(tmp_path: Path) -> None:
    done = headrace("up", "--host", "0.0.0.0", "--data", str(tmp_path / "d"), OPENAI_API_KEY="k")
    assert done.returncode == 2 and "HEADRACE_ADMIN_SECRET" in done.stderr


def test_a_port_in_use_is_a_failure_that_is_named(
    start_gateway: StartGateway, simulator: Simulator, tmp_path: Path
) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")})
    port = gateway.url.rpartition(":")[2]
    done = headrace("up", "--port", port, "--data", str(tmp_path / "d"), OPENAI_API_KEY="k")
    assert done.returncode == 1
    assert "address already in use" in done.stderr


def test_check(tmp_path: Path) -> None:
    path = tmp_path / "headrace.yaml"
    path.write_text("providers: {openai: {api_key: k}}\nroutes: {code: {candidates: [openai/gpt-6-luna]}}")
    done = headrace("check", "--config", str(path))
    assert done.returncode == 0
    assert "fine" in done.stdout and "providers: openai" in done.stdout and "code" in done.stdout
    path.write_text("providers:\n  opnai: {api_key: k}")
    done = headrace("check", "--config", str(path))
    assert done.returncode == 2
    assert f"{path}" in done.stderr and "did you mean openai?" in done.stderr
    assert headrace("check", "--config", str(tmp_path / "absent.yaml")).returncode == 2


def test_route_without_a_provider_ranks_the_whole_registry() -> None:
    done = headrace("route", "Write a haiku about spring.", "--json")
    assert done.returncode == 0
    assert "whole registry" in done.stderr
    decision = json.loads(done.stdout)
    assert set(decision) >= {
        "task", "confidence", "difficulty", "decided_by", "strategy", "tier", "candidates", "left_out"
    }  # fmt: skip
    assert decision["task"] == "creative_writing" and decision["decided_by"] == "l1"
    assert set(decision["candidates"][0]) >= {"model", "p", "ability", "expected_cost_usd"}
    named = {c["model"] for c in decision["candidates"]} | {out["model"] for out in decision["left_out"]}
    assert named == {m.id for m in load().values() if m.chat and m.provider in PROVIDERS}
    assert len(named) > 60


def test_route_prints_a_table() -> None:
    done = headrace(
        "route", "Solve x^2 - 5x + 6 = 0", "--strategy", "cheapest", "--tier", "enhanced", OPENAI_API_KEY="k"
    )
    assert done.returncode == 0
    assert "task math" in done.stdout and "strategy cheapest, tier enhanced" in done.stdout
    assert "openai/" in done.stdout and "left out" in done.stdout and "anthropic/" not in done.stdout


def test_route_reads_a_file(tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    messages = [{"role": "user", "content": "Translate to French: good morning"}]
    requests.write_text(
        json.dumps({"id": "a", "prompt": "Calculate 17 * 23 + 4."})
        + "\n"
        + json.dumps({"messages": messages})
        + "\n"
    )
    done = headrace("route", "--file", str(requests), "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["id"], first["task"]) == ("a", "math")
    assert second["task"] == "translation" and "id" not in second
    requests.write_text('{"id": 1}\n')
    done = headrace("route", "--file", str(requests))
    assert done.returncode == 2 and "line 1" in done.stderr


@pytest.mark.parametrize(
    ("command", "code", "word"),
    [
        (("route",), 2, "PROMPT"),
        (("route", "hi", "--tier", "gold"), 2, "standard"),
        (("route", "hi", "--model", "gpt-99"), 1, "does not exist"),
        (("route", "hi", "--max-cost", "cheap"), 2, "--max-cost"),
        (("usage", "--data", "nowhere-at-all"), 2, "nowhere-at-all"),
        (("usage", "export", "--data", "nowhere-at-all"), 2, "nowhere-at-all"),
        (("simulate", "--fault", "lightning"), 2, "allowed"),
        (("fly",), 2, "No such command"),
        (("up", "--port", "x"), 2, "--port"),
        (("up", "--port", "99999"), 2, "--port"),
        (("simulate", "--port", "-1"), 2, "--port"),
        (("simulate", "--fault", "²"), 2, "allowed"),
        (("route", "\udcff"), 2, "UTF-8"),
    ],
)
def test_wrong_usage(command: tuple[str, ...], code: int, word: str) -> None:
    done = headrace(*command)
    assert done.returncode == code, done.stderr
    assert word in done.stderr and "Traceback" not in done.stderr


def test_models_lists_the_registry() -> None:
    done = headrace("models", "--json")
    models = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(models) >= 60 and len({model["provider"] for model in models}) >= 10
    assert all(set(model["abilities"]) == set(TASKS) for model in models)
    assert "openai/gpt-6-luna" in headrace("models").stdout


def test_version_and_help() -> None:
    assert __version__ in headrace("--version").stdout
    helped = headrace("--help").stdout
    for command in ("check", "demo", "models", "route", "simulate", "up", "usage"):
        assert f"\n  {command} " in helped
