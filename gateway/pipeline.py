"""One request, start to finish: admit, read, classify, decide, send, relay, record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from gateway.admit import admit, tags, wish
from gateway.decide import decide
from gateway.downstream import ClientGone, Downstream
from gateway.errors import GatewayError, UpstreamError
from gateway.exchange import Ask, Exchange, read_ask
from gateway.level2 import Level2
from gateway.record import Journal
from gateway.refuse import INTERNAL, denied, no_one_answered, refuse
from gateway.relay import Answer, account, begun, relay, scrub
from gateway.snapshot import Snapshot, Target
from gateway.upstream import Upstream, first_event_seconds

_log = logging.getLogger("headrace")


async def serve(
    now: Snapshot, upstream: Upstream, level2: Level2, journal: Journal, down: Downstream
) -> None:
    """Answers one chat completions request and leaves exactly one row of it, whatever becomes of it."""
    exchange = Exchange()
    try:
        try:
            exchange.caller = admit(now, down.headers)
            wished = wish(down.headers)
            exchange.tags = tags(down.headers)
            ask = exchange.ask = read_ask(await _body(now, exchange, down))
            route = now.route(*(ask.models or (ask.model,)))
            exchange.route = route.name
            down.gone(_leaver(exchange))
            ruling, label = await level2.judge(now, route, exchange)
            exchange.tags, exchange.rule = ruling.tags, ruling.rule
            if ruling.deny is not None:
                raise denied(ruling.deny)
            if ruling.route is not None:
                route = ruling.route
                exchange.route = route.name
            if ruling.tier is not None:
                wished = wished._replace(tier=ruling.tier)
            held = now.conversations.find(exchange.caller, ask)
            exchange.decision = decide(route, ask, label, wished, held)
            if ruling.why:
                exchange.decision = replace(exchange.decision, reason=ruling.why + exchange.decision.reason)
            last = await relay(await _answer(upstream, exchange, ask), down, exchange)
            _learn(now, exchange, ask)
        except GatewayError as error:
            last = await refuse(error, exchange, down)
        journal.record(exchange)
        await down.end(last)
    except ClientGone:
        exchange.gone = True
        _book_the_prompt(exchange)
    except asyncio.CancelledError:
        if not exchange.gone:  # the server is stopping: this exchange ends here, and so does its task
            exchange.error, exchange.status = "stopped", exchange.status or 503
            raise
        _book_the_prompt(exchange)
    except Exception:
        # A bug. Where nothing has been sent yet, the client is told; else the server cuts the connection.
        _log.exception("request %s failed", exchange.id)
        exchange.error = "internal"
        if exchange.status:
            raise
        last = await refuse(GatewayError(500, INTERNAL, type="api_error", code="internal"), exchange, down)
        journal.record(exchange)
        await down.end(last)
    finally:
        journal.record(exchange)


async def _body(now: Snapshot, exchange: Exchange, down: Downstream) -> bytes:
    started = time.monotonic_ns()
    try:
        return await down.body(now.config.server.max_body)
    finally:
        exchange.body_ns = time.monotonic_ns() - started


def _book_the_prompt(exchange: Exchange) -> None:
    """Books an estimate for a client that left: a provider had the prompt, and may bill it."""
    if exchange.attempts and exchange.usage_source == "none":
        account(exchange, None, "")


def _learn(now: Snapshot, exchange: Exchange, ask: Ask) -> None:
    """Keeps who answered the conversation, and how long an answer was that no limit cut."""
    label, target = exchange.label, exchange.target
    if exchange.error is None and label is not None:
        now.conversations.keep(exchange.caller, ask, target.number)
        if exchange.usage_source == "provider" and exchange.finish != "length":
            output = exchange.usage.output
            now.table.learn(target.number, label.task, label.difficulty, ask.input_tokens, output)


def _leaver(exchange: Exchange) -> Callable[[], None]:
    task = asyncio.current_task()
    assert task is not None

    def leave() -> None:
        exchange.gone = True
        task.cancel()

    return leave


async def _answer(upstream: Upstream, exchange: Exchange, ask: Ask) -> Answer:
    """The first answer of the decision's targets in their order; GatewayError where none gives one."""
    failures: list[tuple[str, UpstreamError]] = []
    unable: GatewayError | None = None
    waiting = [candidate.target for candidate in exchange.decision.candidates]
    while waiting:
        target = waiting.pop(0)
        try:
            return await _attempt(upstream, exchange, ask, target)
        except UpstreamError as failure:
            failures.append((target.name, failure))
            if not failure.retryable:
                break
            if failure.code == "unreachable":
                # Then so are its other models: they wait until the rest had a turn.
                waiting.sort(key=lambda other: other.provider.name == target.provider.name)
        except GatewayError as error:  # this wire cannot carry the ask; another may
            unable = unable or error
    raise no_one_answered(failures) if failures or unable is None else unable


async def _attempt(upstream: Upstream, exchange: Exchange, ask: Ask, target: Target) -> Answer:
    exchange.target = target
    body, exchange.dropped = target.wire.encode(ask, target.provider, target.model.model)
    patience = first_event_seconds(target, ask.stream)
    sent = time.monotonic_ns()
    failure: UpstreamError | None = None
    try:
        async with asyncio.timeout(patience):
            reply = await upstream.send(target, ask.stream, body)
            return await begun(reply, target, ask)
    except UpstreamError as error:
        failure = error
        scrub(failure, target)
        raise
    except TimeoutError:
        failure = UpstreamError(504, f"no answer within {patience:g} s", "upstream_timeout")
        raise failure from None
    finally:
        exchange.attempted(target.name, target.provider.name, time.monotonic_ns() - sent, failure)
