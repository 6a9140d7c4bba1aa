"""What a provider is, and the OpenAI wire, which most speak: spliced and scanned, not parsed."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec
import orjson

import fastpath
from gateway.errors import UpstreamError
from gateway.exchange import Ask
from gateway.money import Usage
from gateway.providers.failures import garbled, in_band, read_error
from gateway.providers.usage import read_usage, usage_body
from gateway.providers.wants import is_default

# Request keys that are for the gateway alone.
_OURS = ("models",)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A row: one vendor's endpoint, and what it wants otherwise than OpenAI does.

    `drop` names top-level request keys that the vendor refuses: every wire leaves them out and says
    so. `rename` gives such keys another name.
    """

    name: str
    base_url: str
    key_env: tuple[str, ...]
    wire: str = "openai"
    key_optional: bool = False
    drop: tuple[str, ...] = ()
    rename: dict[str, str] = {}


class Reply(NamedTuple):
    """A plain reply as the client gets it, in OpenAI's chat.completion shape."""

    body: bytes
    usage: Usage | None  # None: the provider did not say
    finish: str


class Stream(Protocol):
    """One streamed reply: the provider's bytes in as they come, SSE events of the OpenAI wire out.

    `[DONE]` and the chunk without choices that carries usage are never passed on: they are the relay's
    to write, the latter from `usage_chunk`. After an `error` nothing more comes out.
    """

    @property
    def usage(self) -> Usage | None:
        """The latest that the provider reported."""

    @property
    def usage_chunk(self) -> dict[str, Any] | None:
        """The chunk that reports the usage, with empty `choices`."""

    @property
    def finish(self) -> str:
        """The finish reason, "" as long as there is none."""

    @property
    def done(self) -> bool:
        """Whether the provider has said all it had to say."""

    @property
    def error(self) -> UpstreamError | None:
        """What broke the stream."""

    @property
    def started(self) -> bool:
        """Whether a choice was passed on."""

    def feed(self, data: bytes) -> bytes:
        """The events that `data` completes."""

    def rest(self) -> bytes:
        """The last events, when the provider's bytes have ended."""


class _Choice(msgspec.Struct):
    finish_reason: Any = None


class _Body(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_body_of = msgspec.json.Decoder(_Body).decode


class Wire:
    """How to speak to a provider: here the OpenAI wire; the others override what differs."""

    name = "openai"

    def headers(self, key: str) -> dict[str, str]:
        """The request headers; an empty key sends none."""
        headers = {"content-type": "application/json"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        return headers

    def url(self, base_url: str, model: str, stream: bool) -> str:
        """Where to post a request."""
        return f"{base_url.rstrip('/')}/chat/completions"

    def encode(self, ask: Ask, provider: Provider, model: str) -> tuple[bytes, tuple[str, ...]]:
        """The body to send, and the names of what the client asked for that it could not hold."""
        body, entries = ask.body, ask.peek.entries
        edits: dict[str, bytes | None] = {"model": orjson.dumps(model)}
        edits.update(dict.fromkeys(_OURS))
        dropped = []
        for key in provider.drop:
            if key in entries:
                edits[key] = None
                if not is_default(key, ask.value(key)):
                    dropped.append(key)
        for old, new in provider.rename.items():
            if old not in entries:
                continue
            edits[old] = None
            if new in entries:
                dropped.append(old)
            else:
                _, start, end = entries[old]
                edits[new] = body[start:end]
        # Usage is asked for in any case: what a reply cost must be known.
        if ask.stream and not ask.include_usage and "stream_options" not in provider.drop:
            options = ask.value("stream_options") or {}
            edits["stream_options"] = orjson.dumps({**options, "include_usage": True})
        return fastpath.splice(body, ask.peek, edits), tuple(dropped)

    def reply(self, data: bytes, ask: Ask, model: str) -> Reply:
        """What the provider answered, UpstreamError where that is no answer."""
        try:
            body = _body_of(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise garbled(str(error)) from None
        if body.error is not None:
            raise in_band(body.error)
        if not body.choices:
            raise garbled("it has no choices")
        finish = body.choices[0].finish_reason
        if finish == "error":  # OpenRouter, for a provider of its own that failed
            raise garbled("its finish_reason is `error`")
        return Reply(data, read_usage(body.usage), finish if isinstance(finish, str) else "")

    def stream(self, ask: Ask, model: str) -> Stream:
        """The reader of one streamed reply."""
        return OpenAIStream()

    def error(self, status: int, data: bytes) -> tuple[str, str | None]:
        """Message and code of a reply that is not a success."""
        return read_error(status, data)


class OpenAIStream:
    """A stream that is passed on as it comes; the scanner sees what the gateway must know of it."""

    def __init__(self) -> None:
        self._scanner = fastpath.OpenAIScanner(True)
        self._error: UpstreamError | None = None
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """The events that `data` completes, unchanged."""
        if self._error is not None:
            return b""
        try:
            return self._scanner.feed(data)
        except ValueError as error:
            self._error = garbled(str(error))
            return b""

    def rest(self) -> bytes:
        """The last event, if it lacks its blank line."""
        self._ended = True
        if self._error is not None:
            return b""
        try:
            return self._scanner.rest()
        except ValueError as error:
            self._error = garbled(str(error))
            return b""

    @property
    def error(self) -> UpstreamError | None:
        """An error event, or an answer that ended in one."""
        if self._error is None:
            self._error = self._failure()
        return self._error

    def _failure(self) -> UpstreamError | None:
        if self._scanner.error is not None:
            body = _parsed(self._scanner.error)
            return in_band(body.get("error") if body else None)
        if self._scanner.finish == "error":
            return garbled("its finish_reason is `error`")
        return None

    @property
    def done(self) -> bool:
        """`[DONE]` came, or the end after a finish reason: some vendors send no `[DONE]`."""
        return self._scanner.done or (self._ended and self.finish != "" and self.error is None)

    @property
    def finish(self) -> str:
        """The latest finish reason."""
        return self._scanner.finish

    @property
    def started(self) -> bool:
        """A choice was passed on."""
        return self._scanner.started

    @property
    def usage(self) -> Usage | None:
        """The latest usage."""
        return read_usage(self._reported()[1])

    @property
    def usage_chunk(self) -> dict[str, Any] | None:
        """The provider's own chunk, or one with what it reported elsewhere."""
        chunk, reported = self._reported()
        usage = read_usage(reported)
        if usage is None:
            return None
        if not isinstance(reported.get("total_tokens"), int):
            reported = usage_body(usage)
        return {**chunk, "choices": [], "usage": reported}

    def _reported(self) -> tuple[dict[str, Any], Any]:
        chunk = _parsed(self._scanner.usage) if self._scanner.usage is not None else {}
        usage = chunk.get("usage")
        if usage is None and isinstance(groq := chunk.get("x_groq"), dict):
            usage = groq.get("usage")
        return chunk, usage


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
