"""`headrace demo`: the main job on this machine alone, with simulated providers and the packaged prompts."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import click
import orjson
import yaml

from gateway.control.store import all_rows
from gateway.money import Usage, cost_nano, usd
from gateway.providers import PROVIDERS
from gateway.registry import TASKS, Model, load
from gateway.table import print_table

# What the simulator stands in for; every one of their models in the registry takes part.
_PROVIDERS = ("openai", "anthropic", "gemini", "deepseek", "mistral", "xai", "groq", "moonshot")
_SHORT = {
    "code_generation": "code",
    "math": "math",
    "complex_reasoning": "reasoning",
    "simple_qa": "qa",
    "summarization": "summary",
    "translation": "translation",
    "data_extraction": "extraction",
    "creative_writing": "writing",
    "general": "general",
}
_AT_ONCE = 4
_STREAM_EVERY = 4
_LATENCY_MS = 20
_START_SECONDS = 30
_SETTING = re.compile(r"HEADRACE_(?!PURE$)")
_LISTENS = re.compile(r"listens on (http://\S+)")


class _Asked(NamedTuple):
    prompt: dict[str, Any]
    request_id: str


def run(once: bool, port: int) -> int:
    """Runs the demo and returns the exit code; without `once` it serves until interrupted."""
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as folder:
        data = Path(folder)
        with _process(data, "simulate", "--port", "0", "--latency-ms", str(_LATENCY_MS)) as simulator:
            config = data / "headrace.yaml"
            config.write_text(yaml.safe_dump(_config(simulator)))
            options = ("--config", str(config), "--data", folder, "--port", str(_free(port)))
            with _process(data, "up", *options) as gateway:
                asked, seconds = asyncio.run(_ask_all(gateway, _prompts()))
                rows = {row["request_id"]: row for row in all_rows(data / "journal", data / "headrace.db")}
                failed = _report(asked, rows, seconds)
                if not once and not failed:
                    _stay_up(gateway)
    return 1 if failed else 0


def _config(simulator: str) -> dict[str, Any]:
    providers = {
        name: {
            "base_url": f"{simulator}/{name}{'/v1beta' if PROVIDERS[name].wire == 'gemini' else '/v1'}",
            "api_key": "simulated",
            "allow_private": True,
        }
        for name in _PROVIDERS
    }
    return {"providers": providers}


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            click.echo(f"Port {port} is taken: using a free one.")
            return 0
    return port


@contextmanager
def _process(folder: Path, *command: str) -> Iterator[str]:
    """The base URL of a `headrace` command that runs meanwhile; its log is in `folder`."""
    log = folder / f"{command[0]}.log"
    with log.open("wb") as stderr:
        # A session of its own: Ctrl-C is for the demo, which then ends its children in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *command],
            stderr=stderr,
            start_new_session=True,
            # A config of the user's own must not get into the demo's.
            env={name: value for name, value in os.environ.items() if not _SETTING.match(name)},
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not (found := _LISTENS.search(log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"headrace {command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield found[1]
    finally:
        process.terminate()
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _prompts() -> list[dict[str, Any]]:
    text = files("gateway").joinpath("demo_prompts.jsonl").read_bytes()
    return [orjson.loads(line) for line in text.splitlines()]


async def _ask_all(gateway: str, prompts: list[dict[str, Any]]) -> tuple[list[_Asked], float]:
    asked: list[_Asked] = []
    waiting = iter(list(enumerate(prompts)))
    started = time.monotonic()

    async def ask(session: aiohttp.ClientSession, bar: Any) -> None:
        for number, prompt in waiting:
            body = {
                "model": "auto",
                "messages": prompt.get("messages") or [{"role": "user", "content": prompt["prompt"]}],
                "stream": number % _STREAM_EVERY == 0,
            }
            async with session.post(f"{gateway}/v1/chat/completions", json=body) as reply:
                await reply.read()
                asked.append(_Asked(prompt, reply.headers["x-request-id"]))
            bar.update(1)

    label = f"Asking {len(prompts)} prompts of model=auto"
    async with aiohttp.ClientSession() as session:
        with click.progressbar(length=len(prompts), label=label) as bar:
            await asyncio.gather(*(ask(session, bar) for _ in range(_AT_ONCE)))
    return asked, time.monotonic() - started


def _report(asked: list[_Asked], rows: dict[str, Any], seconds: float) -> bool:
    """Prints what came of it; whether any request failed."""
    done = [(ask.prompt, rows[ask.request_id]) for ask in asked]
    failed = [row for _, row in done if row["status"] != 200 or row["error"]]
    click.echo(f"\n{len(done)} requests in {seconds:.1f} s, {len(failed)} failed\n")
    _print_tasks(done)
    _print_models(done)
    _print_cost([row for _, row in done])
    overheads = sorted(row["overhead_us"] for _, row in done)
    p50, p99 = (overheads[math.ceil(len(overheads) * share) - 1] for share in (0.5, 0.99))
    click.echo(f"\nOverhead of the gateway itself: p50 {p50} us, p99 {p99} us a request")
    return bool(failed)


def _print_tasks(done: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    right = 0
    for prompt, row in done:
        counts[prompt["kind"]][row["task"]] += 1
        right += prompt["task"] == row["task"]
    table = [
        (kind, *(str(count[task] or "") for task in TASKS), str(count.total()))
        for kind, count in sorted(counts.items())
    ]
    print_table(("prompts of kind", *(_SHORT[task] for task in TASKS), "all"), table, left=(0,))
    click.echo(f"Task as labelled by hand: {right / len(done):.0%} (none of them was in the training)\n")


def _print_models(done: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    chosen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, row in done:
        chosen[row["model"]].append(row)
    table = [
        (
            model,
            str(len(rows)),
            f"{sum(row['difficulty'] for row in rows) / len(rows):.2f}",
            usd(sum(row["cost_nano"] for row in rows)),
        )
        for model, rows in sorted(chosen.items(), key=lambda item: -len(item[1]))
    ]
    print_table(("model chosen", "requests", "mean difficulty", "USD"), table, left=(0,))


def _print_cost(rows: list[dict[str, Any]]) -> None:
    paid = sum(row["cost_nano"] for row in rows)
    premium = _premium()
    assert premium.prices is not None
    fields = Usage.__struct_fields__
    all_premium = sum(
        cost_nano(Usage(**{field: row[field] for field in fields}), premium.prices) for row in rows
    )
    click.echo(
        f"\nCost {usd(paid)} USD; the same tokens at the premium model {premium.id} {usd(all_premium)} USD: "
        f"{1 - paid / all_premium:.0%} saved"
    )


def _premium() -> Model:
    """The ablest model of the demo's providers over all tasks; of equals, the dearest."""
    models = [model for model in load().values() if model.provider in _PROVIDERS and model.prices]
    return max(models, key=lambda model: (sum(model.abilities.values()), model.blended or 0))


def _stay_up(gateway: str) -> None:
    body = '{"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'
    click.echo(f"\nThe gateway stays up at {gateway}/v1 (Ctrl-C ends it). Try:\n")
    click.echo(f"  curl -si {gateway}/v1/chat/completions -H 'content-type: application/json' -d '{body}'\n")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo("Ended.")
