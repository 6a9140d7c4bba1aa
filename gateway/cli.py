"""The command `headrace`. Exit codes: 0 done, 1 ran and failed, 2 wrong usage or config."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import orjson

from gateway import __version__
from gateway.brain.command import train
from gateway.config import Config, Strategy, Tier, load
from gateway.errors import ConfigError, GatewayError
from gateway.money import usd
from gateway.quality.command import evaluate
from gateway.table import print_table

_config = click.option(
    "--config",
    "config_path",
    envvar="HEADRACE_CONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="headrace.yaml; without one, providers come from their usual key variables.",
)
_data = click.option(
    "--data",
    envvar="HEADRACE_DATA",
    default="headrace-data",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where store and journal lie.",
)
_PORT = click.IntRange(0, 65535)
_as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")


class _Command(click.Group):
    """Turns what cannot be used into one sentence and exit code 2, and a refusal into exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"headrace: {error}", err=True)
            ctx.exit(2)
        except GatewayError as error:
            click.echo(f"headrace: {error.message}", err=True)
            ctx.exit(1)
        except sqlite3.Error as error:
            click.echo(f"headrace: the store cannot be read: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Command)
@click.version_option(__version__, prog_name="headrace")
def main() -> None:
    """An LLM router and gateway: a drop-in OpenAI endpoint that picks the model."""


main.add_command(evaluate)
main.add_command(train)


@main.command()
@_config
@_data
@click.option("--host", help="Address to listen on; overrides server.host.")
@click.option("--port", type=_PORT, help="Port to listen on, 0 for a free one; overrides server.port.")
@click.option("--workers", type=click.IntRange(1), help="Processes; overrides server.workers.")
def up(config_path: Path | None, data: Path, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve. Example: OPENAI_API_KEY=... headrace up"""
    from gateway import serving

    given = {"host": host, "port": port, "workers": workers}
    config = load(config_path)
    server = msgspec.structs.replace(
        config.server, **{key: value for key, value in given.items() if value is not None}
    )
    serving.up(msgspec.structs.replace(config, server=server), _where(config_path), data)


@main.command()
@_config
def check(config_path: Path | None) -> None:
    """Check the config and say what it amounts to."""
    from gateway.control.publish import publish

    snapshot = publish(load(config_path), _where(config_path))
    providers = sorted({target.provider.name for target in snapshot.targets.values()})
    click.echo(f"{_where(config_path)}: fine")
    click.echo(f"providers: {', '.join(providers) or 'none'}")
    click.echo(f"models: {len(snapshot.targets)}")
    click.echo(f"routes: {', '.join(snapshot.routes)}")
    click.echo(f"second level: {snapshot.l2_target.name if snapshot.l2_target else snapshot.l2}")


@main.command()
@click.argument("prompt", required=False)
@_config
@click.option(
    "--file",
    type=click.File("rb"),
    help="Requests, one JSON object a line: prompt or messages, id.",
)
@click.option("--model", default="auto", show_default=True, help="The route to ask for.")
@click.option("--strategy", type=click.Choice(get_args(Strategy)))
@click.option("--tier", type=click.Choice(get_args(Tier)))
@click.option("--max-cost", type=click.FloatRange(0), help="USD that the request may be expected to cost.")
@click.option("--tags", help="Tags of the request for the rules, as in a,b.")
@_as_json
def route(
    prompt: str | None,
    config_path: Path | None,
    file: Any,
    model: str,
    strategy: str | None,
    tier: str | None,
    max_cost: float | None,
    tags: str | None,
    as_json: bool,
) -> None:
    """Show what would be decided, without a call. Example: headrace route "prove that e is irrational" """
    from gateway.admit import tags as read_tags
    from gateway.admit import wish
    from gateway.control.explain import explain
    from gateway.control.publish import publish, whole_registry
    from gateway.exchange import read_ask
    from gateway.level2 import Level2
    from gateway.upstream import Upstream

    if (prompt is None) == (file is None):
        raise click.UsageError("Give a PROMPT, or --file with one request a line.")
    config = load(config_path)
    snapshot = publish(config, _where(config_path))
    if not snapshot.targets:
        click.echo("No provider is configured: ranking the whole registry.", err=True)
        snapshot = whole_registry(config, _where(config_path))
    headers = {b"strategy": strategy, b"tier": tier, b"max-cost": max_cost, b"tags": tags}
    given = {
        b"x-headrace-" + name: str(value).encode() for name, value in headers.items() if value is not None
    }
    wished, tagged = wish(given), read_tags(given)
    caller = "admin" if snapshot.keys_required else "open"

    async def show() -> None:
        async with AsyncExitStack() as stack:
            upstream = Upstream()
            stack.push_async_callback(upstream.close)
            level2 = Level2(snapshot, upstream, None)
            stack.push_async_callback(level2.close)

            async def decided(request: dict[str, Any]) -> dict[str, Any]:
                ask = read_ask(_body(model, request))
                return await explain(snapshot, level2, ask, wished, caller, tagged)

            if file is not None:
                await _route_lines(file.readlines(), decided)
            elif as_json:
                click.echo(orjson.dumps(await decided(_request(prompt))))
            else:
                _print_decision(await decided(_request(prompt)))

    asyncio.run(show())


def _body(model: str, request: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps({"model": model, **request})
    except TypeError as error:  # bytes of the command line that are no text
        raise click.UsageError(f"The request is not UTF-8: {error}") from None


def _request(prompt: str | None) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": prompt}]}


# What else of a request in a file bears on the decision.
_ASKED = ("tools", "response_format", "max_tokens", "max_completion_tokens")


async def _route_lines(
    lines: list[bytes], decided: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
) -> None:
    with click.progressbar(lines, label="Deciding", file=sys.stderr) as bar:
        for number, line in enumerate(bar, 1):
            try:
                row = orjson.loads(line)
                prompt = row.pop("prompt", None)
                request = {key: row[key] for key in _ASKED if key in row}
                request |= _request(prompt) if prompt is not None else {"messages": row["messages"]}
            except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f"line {number}: want a JSON object with prompt or messages: {error!r}"
                ) from None
            identity = {"id": row["id"]} if "id" in row else {}
            try:
                click.echo(orjson.dumps(identity | await decided(request)))
            except GatewayError as error:
                error.message = f"line {number}: {error.message}"
                raise


def _print_decision(decision: dict[str, Any]) -> None:
    click.echo(
        f"task {decision['task']} (confidence {decision['confidence']:.2f}, {decision['decided_by']}), "
        f"difficulty {decision['difficulty']:.2f}, strategy {decision['strategy']}, tier {decision['tier']}"
    )
    click.echo(f"{decision['reason']}\n")
    rows = [
        (
            str(rank),
            candidate["model"],
            f"{candidate['p']:.2f}",
            f"{candidate['ability']:.1f}{'~' if candidate['imputed'] else ''}",
            "unknown" if candidate["expected_cost_usd"] is None else f"{candidate['expected_cost_usd']:.6f}",
        )
        for rank, candidate in enumerate(decision["candidates"], 1)
    ]
    print_table(("", "candidate", "P", "ability", "expected USD"), rows, left=(1,))
    if any(row[3].endswith("~") for row in rows):
        click.echo("~ imputed: no benchmark evidence for this task")
    if decision["left_out"]:
        click.echo()
        print_table(
            ("left out", "reason"),
            [(out["model"], out["reason"]) for out in decision["left_out"]],
            left=(0, 1),
        )


@main.command()
@_config
@_as_json
def models(config_path: Path | None, as_json: bool) -> None:
    """List the registry: prices in USD per 1M tokens, limits in tokens."""
    from gateway.registry import extend
    from gateway.registry import load as load_registry

    registry = extend(load_registry(), load(config_path).models, _where(config_path))
    if as_json:
        for model in registry.values():
            click.echo(msgspec.json.encode(model))
        return
    rows = [
        (
            model.id,
            model.input or "?",
            model.output or "?",
            str(model.context or "?"),
            f"{sum(model.abilities.values()) / len(model.abilities):.1f}",
            model.released or "",
        )
        for model in registry.values()
    ]
    print_table(("model", "input", "output", "context", "ability", "released"), rows, left=(0, 5))


@main.group(invoke_without_command=True)
@_config
@_data
@_as_json
@click.pass_context
def usage(ctx: click.Context, config_path: Path | None, data: Path, as_json: bool) -> None:
    """Show what was spent, by model, task and key."""
    from gateway.control.store import Store, replay

    if ctx.invoked_subcommand:
        return
    path = _database(config_path, data)
    with closing(Store(path)) as store:
        replay(data / "journal", store)
        summaries = {by: store.summary(by) for by in ("model", "task", "key")}
    names = ("requests", "failed", "input_tokens", "output_tokens", "cost_nano", "unknown_price")
    if as_json:
        found = {
            by: [dict(zip((by, *names), row, strict=True)) for row in rows] for by, rows in summaries.items()
        }
        click.echo(orjson.dumps(found))
        return
    for by, summary in summaries.items():
        rows = [
            (
                name or "-",
                *(f"{count:,}" for count in counts),
                usd(cost) + (" + ?" if unknown else ""),
            )
            for name, *counts, cost, unknown in summary
        ]
        print_table((by, "requests", "failed", "input", "output", "USD"), rows, left=(0,))
        click.echo()


@usage.command()
@_config
@_data
@_as_json
def export(config_path: Path | None, data: Path, as_json: bool) -> None:
    """Print every row, journal and store together, also after a crash; --json for a JSON object a line."""
    from gateway.control.store import all_rows

    rows = all_rows(data / "journal", _database(config_path, data))
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row))
        return
    names = (
        "request_id",
        "at_ms",
        "key",
        "task",
        "model",
        "status",
        "input",
        "output",
        "cost_nano",
    )
    print_table(names, [tuple(str(row[name]) for name in names) for row in rows], left=(0, 2, 3, 4))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9001, show_default=True, type=_PORT, help="0 for a free one.")
@click.option("--latency-ms", default=0.0, help="Before the first byte of each reply.")
@click.option("--tokens-per-second", default=0.0, help="Of a stream; 0 is as fast as it goes.")
@click.option("--output-tokens", default=40, show_default=True, help="Length of a reply.")
@click.option("--fault", help="refuse, stall, cut, error_event, garbage, empty, or a status such as 429.")
@click.option("--keep-requests", is_flag=True, help="Keep the last requests for GET /_sim/requests.")
def simulate(host: str, port: int, fault: str | None, keep_requests: bool, **settings: float) -> None:
    """Run the provider simulator: OpenAI, Anthropic and Gemini wires on one port, no key needed."""
    from gateway import serving, simulator

    values: dict[str, Any] = dict(settings)
    if fault is not None:
        values["fault"] = {"status": int(fault)} if fault.isdecimal() else fault
    try:
        read = simulator.read_settings(values, simulator.Settings())
    except ValueError as error:
        raise ConfigError(str(error)) from None
    serving.log_to_stderr()

    def ready(bound: int) -> None:
        serving.log.info("simulator listens on %s", serving.address(host, bound))

    simulator.Server(host, port, read, ready, keep_requests=keep_requests).run()


@main.command()
@click.option("--once", is_flag=True, help="End after the report instead of staying up.")
@click.option("--port", default=8080, show_default=True, type=_PORT, help="Of the gateway; 0 for a free one.")
def demo(once: bool, port: int) -> None:
    """Run the main job without any key: gateway, simulated providers, 240 prompts, and what came of them."""
    from gateway.demo import run

    sys.exit(run(once, port))


def _where(path: Path | None) -> str:
    return str(path) if path else "environment"


def _database(config_path: Path | None, data: Path) -> Path:
    config: Config = load(config_path)
    path = data / config.store.removeprefix("sqlite:///")
    if not path.exists() and not (data / "journal").is_dir():
        raise ConfigError(
            f"{data}: no store and no journal; give --data the directory that `headrace up` used"
        )
    return path
