"""From the provider's bytes to the client's: what is only forwarded is not parsed, nor copied if whole."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import orjson

from gateway.downstream import Downstream, Headers
from gateway.errors import AUTH, UpstreamError
from gateway.exchange import Ask, Exchange
from gateway.money import NANO, Usage, cost_nano, usd
from gateway.providers import Reply as PlainReply
from gateway.providers import Stream
from gateway.snapshot import Target
from gateway.upstream import Reply

DONE = b"data: [DONE]\n\n"
_LONGEST_ERROR = 64 * 1024
_LONGEST_HEADER = 1024
_LONGEST_WORDS, _LONGEST_CODE = 1000, 64  # characters of a provider's error
_BYTES_PER_TOKEN = 4
_LONGEST_WAIT = 24 * 3600.0  # seconds of a provider's retry-after that are passed on


class Answer(NamedTuple):
    """A reply that a provider has begun in earnest: whole, or a stream with its first events."""

    plain: PlainReply | None
    stream: Stream | None
    first: bytes
    chunks: AsyncIterator[bytes] | None
    reply: Reply


async def begun(reply: Reply, target: Target, ask: Ask) -> Answer:
    """The answer in `reply`, as far as it must be read to know that it is one; UpstreamError where it is not.

    A stream has begun with its first choice, so that an error in the first event, or a stream of nothing, can
    still be answered by another target.
    """
    try:
        if reply.status != 200:
            raise await _refusal(reply, target)
        if not ask.stream:
            data = await reply.read()
            return Answer(target.wire.reply(data, ask, target.model.model), None, b"", None, reply)
        stream, chunks = target.wire.stream(ask, target.model.model), reply.chunks()
        first = b""
        async for chunk in chunks:
            first += stream.feed(chunk)
            if stream.error:
                raise stream.error
            if stream.started:
                return Answer(None, stream, first, chunks, reply)
            if stream.done:
                break
        first += stream.rest()
        if stream.error or not stream.started:
            raise stream.error or UpstreamError(502, "the stream ended before it began", "empty_stream")
        return Answer(None, stream, first, chunks, reply)
    except BaseException:
        reply.close()
        raise


def scrub(failure: UpstreamError, target: Target) -> None:
    """Takes the target's credential out of the provider's words, and bounds them."""
    key = target.key.reveal()
    if key:
        failure.message = failure.message.replace(key, "***")
        failure.code = failure.code and failure.code.replace(key, "***")
    failure.message = failure.message[:_LONGEST_WORDS]
    failure.code = failure.code and failure.code[:_LONGEST_CODE]


async def _refusal(reply: Reply, target: Target) -> UpstreamError:
    data = b""
    async for chunk in reply.chunks():
        data += chunk
        if len(data) > _LONGEST_ERROR:
            break
    message, code = target.wire.error(reply.status, data)
    # A redirect is not followed, as it would carry the key along: it is a failure like any other.
    status = reply.status if reply.status >= 400 else 502
    failure = UpstreamError(status, message, code, _retry_after(reply.headers.get("retry-after")))
    if failure.kind == AUTH:  # vendors put parts of the key into these words
        failure.message = "the provider refused the gateway's credential"
    return failure


def _retry_after(value: str | None) -> float | None:
    """Seconds in a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None


async def relay(answer: Answer, down: Downstream, exchange: Exchange) -> bytes:
    """Sends all of the answer but its last bytes, which it returns: they go out once all is recorded."""
    if answer.plain is not None:
        body, usage, finish = answer.plain
        account(exchange, usage, finish, len(body) // _BYTES_PER_TOKEN)
        exchange.first_ns = time.monotonic_ns()
        await down.head(200, _plain_headers(exchange, len(body)))
        exchange.status = 200
        return body
    assert answer.stream is not None and answer.chunks is not None
    try:
        last = await _relay_stream(answer.stream, answer.first, answer.chunks, down, exchange)
    except BaseException:
        answer.reply.close()
        raise
    answer.reply.finish()
    return last


async def _relay_stream(
    stream: Stream, first: bytes, chunks: AsyncIterator[bytes], down: Downstream, exchange: Exchange
) -> bytes:
    exchange.first_ns = time.monotonic_ns()
    await down.head(200, _stream_headers(exchange))
    exchange.status = 200
    events = first.count(b"data:")
    failure: UpstreamError | None = None
    try:
        await down.chunk(first)
        if not stream.done:
            async for chunk in chunks:
                if data := stream.feed(chunk):
                    events += data.count(b"data:")
                    await down.chunk(data)
                if stream.done or stream.error:
                    break
        if rest := stream.rest():
            await down.chunk(rest)
        failure = stream.error
    except UpstreamError as error:
        failure = error
    finally:
        account(exchange, stream.usage, stream.finish, events, whole=bool(stream.finish))
    if failure is None and not stream.finish:  # whether [DONE] came or not
        failure = UpstreamError(502, "the stream ended before it was finished", "cut")
    if failure is not None:
        scrub(failure, exchange.target)
        exchange.error = failure.code or failure.kind
        return _error_event(exchange, failure)
    return _usage_event(stream, exchange) + DONE


def _error_event(exchange: Exchange, failure: UpstreamError) -> bytes:
    # No [DONE] after it: closing quietly, or with one, makes a truncated answer look whole to every SDK.
    message = (
        f"{exchange.target.name}: {failure.message}. What came before is not the whole answer; ask again."
    )
    error = {
        "message": message,
        "type": "api_error",
        "param": None,
        "code": failure.code or "upstream_error",
    }
    return b"data: " + orjson.dumps({"error": error}) + b"\n\n"


def _usage_event(stream: Stream, exchange: Exchange) -> bytes:
    ask = exchange.ask
    if stream.usage_chunk is None or ask is None or not ask.include_usage:
        return b""
    chunk = dict(stream.usage_chunk)
    if exchange.cost_nano is not None:
        chunk["usage"] = {**chunk["usage"], "cost": exchange.cost_nano / NANO}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def account(
    exchange: Exchange, usage: Usage | None, finish: str, written: int = 0, *, whole: bool = True
) -> None:
    """Books what the provider reported; where that is nothing, or a beginning only, `written` output tokens.

    Those are an estimate: a stream carries about one token an event.
    """
    assert exchange.ask is not None
    exchange.finish = finish
    exchange.usage_source = "provider" if usage is not None and whole else "estimated"
    usage = usage or Usage(input=exchange.ask.input_tokens)
    if exchange.usage_source == "estimated":
        usage = msgspec.structs.replace(usage, output=max(usage.output, written))
    exchange.usage = usage
    prices = exchange.target.model.prices
    exchange.cost_nano = None if prices is None else cost_nano(exchange.usage, prices)


def _routed_headers(exchange: Exchange) -> Headers:
    headers = exchange.headers()
    headers.append((b"x-headrace-model", exchange.target.name.encode()))
    if exchange.dropped:
        headers.append((b"x-headrace-dropped", _header_text(", ".join(exchange.dropped))))
    return headers


def _header_text(text: str) -> bytes:
    # The names come from the client's body: nothing in them may end a header or start another.
    return re.sub(rb"[^ -~]", b"?", text.encode("ascii", "replace"))[:_LONGEST_HEADER]


def _plain_headers(exchange: Exchange, length: int) -> Headers:
    headers = _routed_headers(exchange)
    headers.append((b"content-type", b"application/json"))
    headers.append((b"content-length", b"%d" % length))
    headers.append((b"x-headrace-overhead-us", b"%d" % exchange.overhead_us))
    if exchange.cost_nano is not None:
        headers.append((b"x-headrace-cost", usd(exchange.cost_nano).encode()))
    return headers


def _stream_headers(exchange: Exchange) -> Headers:
    headers = _routed_headers(exchange)
    headers.append((b"content-type", b"text/event-stream; charset=utf-8"))
    headers.append((b"cache-control", b"no-cache"))
    expected = exchange.decision.candidates[0].expected_nano
    for candidate in exchange.decision.candidates:
        if candidate.target is exchange.target:
            expected = candidate.expected_nano
    if expected is not None:
        headers.append((b"x-headrace-expected-cost", usd(expected).encode()))
    return headers
