"""One request and its reply: `Ask` is what the client wants, `Exchange` is what became of it."""

from __future__ import annotations

import os
import time
from itertools import count
from typing import Any, NamedTuple

import orjson

import fastpath
from gateway.brain import Label
from gateway.errors import GatewayError, UpstreamError
from gateway.money import Usage

# What a target must be able to do for an ask (`Ask.needs`).
TOOLS, VISION, JSON_SCHEMA, AUDIO, FILES = 1, 2, 4, 8, 16
NEED_NAMES = {
    TOOLS: "tools",
    VISION: "vision",
    JSON_SCHEMA: "json_schema",
    AUDIO: "audio",
    FILES: "files",
}

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TYPES: dict[str, tuple[Any, str]] = {
    "stream": (bool, "a boolean"),
    "stream_options": (dict, "an object"),
    "max_tokens": (int, "an integer >= 1"),
    "max_completion_tokens": (int, "an integer >= 1"),
    "n": (int, "an integer >= 1"),
    "temperature": ((int, float), "a number"),
    "top_p": ((int, float), "a number"),
    "models": (list, "a list of model names"),
}
_LISTS = ("tools", "messages")
_LONGEST_NAME = 256
_MOST_NAMES = 16
_IMAGE_TOKENS = 1000  # a typical photograph: 765 to 1,600 tokens by the vendors' own tables


class Ask:
    """The canonical request, in OpenAI's chat shape; never changed, so a retry encodes from it afresh."""

    __slots__ = (
        "_parsed",
        "body",
        "include_usage",
        "input_tokens",
        "max_tokens",
        "model",
        "models",
        "needs",
        "peek",
        "stream",
    )

    def __init__(self, body: bytes, peek: fastpath.Peek) -> None:
        self.body = body
        self.peek = peek
        self._parsed: dict[str, Any] | None = None
        self.model: str = ""
        self.models: tuple[str, ...] = ()
        self.stream = False
        self.include_usage = False
        self.max_tokens: int | None = None
        self.needs = 0
        self.input_tokens = 0  # an estimate: providers count for themselves

    def parsed(self) -> dict[str, Any]:
        """The body as objects, for wires that must translate it; read it only."""
        if self._parsed is None:
            self._parsed = orjson.loads(self.body)
        return self._parsed

    def value(self, key: str) -> Any:
        """The top-level value of `key`, or None where it is absent or null."""
        entry = self.peek.entries.get(key)
        return None if entry is None else orjson.loads(self.body[entry[1] : entry[2]])


def read_ask(body: bytes) -> Ask:
    """The ask in a chat completions body, or a GatewayError 400 that says what is wrong where."""
    try:
        peek = fastpath.peek(body)
    except fastpath.BodyError as error:
        raise _bad_body(error) from None
    ask = Ask(body, peek)
    values = {key: _typed(ask, key) for key in _TYPES.keys() & peek.entries.keys()}
    _check_messages(ask)
    ask.model = _model(ask)
    ask.models = tuple(values.get("models") or ())
    if len(ask.models) > _MOST_NAMES or not all(
        isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME for name in ask.models
    ):
        raise _bad("models", f"must be a list of at most {_MOST_NAMES} model ids")
    ask.stream = values.get("stream") or False
    ask.include_usage = bool((values.get("stream_options") or {}).get("include_usage"))
    ask.max_tokens = values.get("max_completion_tokens") or values.get("max_tokens")
    ask.needs = _needs(ask)
    ask.input_tokens = _input_tokens(ask)
    return ask


def _bad(param: str, message: str) -> GatewayError:
    return GatewayError(400, f"`{param}` {message}.", code="invalid_value", param=param)


def _bad_body(error: fastpath.BodyError) -> GatewayError:
    mend = {
        "duplicate_key": "Send each top-level key once.",
        "too_deep": f"Send at most {fastpath.MAX_DEPTH} levels of nesting.",
        "invalid_utf8": "Send the body in UTF-8.",
    }.get(error.code, "Send a JSON object with `model` and `messages`.")
    return GatewayError(
        400, f"The body cannot be read: {error} (byte {error.offset}). {mend}", code=error.code
    )


def _typed(ask: Ask, key: str) -> Any:
    kind, wanted = _TYPES[key]
    value = ask.value(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _bad(key, f"must be {wanted}")
    if kind is int and value < 1:
        raise _bad(key, f"must be {wanted}")
    return value


def _model(ask: Ask) -> str:
    if "model" not in ask.peek.entries:
        message = "`model` is missing. Send a model id, or `auto` to have one chosen."
        raise GatewayError(400, message, code="missing_model", param="model")
    model = ask.value("model")
    if not isinstance(model, str) or not 0 < len(model) <= _LONGEST_NAME:
        raise _bad("model", "must be a model id such as `auto` or `openai/gpt-6-luna`")
    return model


def _check_messages(ask: Ask) -> None:
    entry = ask.peek.entries.get("messages")
    if entry is None:
        message = "`messages` is missing. Send a list with at least one message: [{role, content}]."
        raise GatewayError(400, message, code="missing_messages", param="messages")
    for key in _LISTS:
        span = ask.peek.entries.get(key)
        if span and ask.body[span[1] : span[1] + 1] not in (b"[", b"n"):
            raise _bad(key, "must be a list")
    if not ask.peek.messages:
        raise GatewayError(
            400,
            "`messages` is empty. Send at least one message: [{role, content}].",
            code="empty_messages",
            param="messages",
        )
    for index, (role, start, _) in enumerate(ask.peek.messages):
        if role is None:
            raise _bad(f"messages[{index}]", "must be an object with a string `role`")
        if role not in _ROLES:
            raise _bad(f"messages[{index}].role", f"must be one of {', '.join(sorted(_ROLES))}")
        # An assistant turn may consist of tool calls alone, and then has no content.
        first = ask.body[start : start + 1] if start >= 0 else b"n"
        if first not in (b'"', b"[") and not (first == b"n" and role == "assistant"):
            raise _bad(f"messages[{index}].content", "must be a string or a list of parts")


def _needs(ask: Ask) -> int:
    flags, entries = ask.peek.flags, ask.peek.entries
    needs = (
        (VISION if flags & fastpath.IMAGE else 0)
        | (AUDIO if flags & fastpath.AUDIO else 0)
        | (FILES if flags & fastpath.FILE else 0)
    )
    tools = entries.get("tools")
    if tools and ask.body[tools[1] : tools[2]] not in (b"null", b"[]"):
        needs |= TOOLS
    if "response_format" in entries:
        response_format = ask.value("response_format")
        if response_format is not None and not isinstance(response_format, dict):
            raise _bad("response_format", "must be an object")
        if response_format and response_format.get("type") == "json_schema":
            needs |= JSON_SCHEMA
    return needs


def _input_tokens(ask: Ask) -> int:
    """About four bytes a token; pictures count by number, not by the length of their base64."""
    spans = [ask.peek.entries[key] for key in _LISTS if key in ask.peek.entries]
    size = sum(end - start for _, start, end in spans)
    if ask.needs & (VISION | AUDIO | FILES):
        media = [part for message in ask.parsed()["messages"] for part in _media(message.get("content"))]
        size -= sum(len(orjson.dumps(part)) for part in media)
        return max(size, 0) // 4 + _IMAGE_TOKENS * len(media)
    return size // 4


def _media(content: Any) -> list[Any]:
    if not isinstance(content, list):
        return []
    return [part for part in content if isinstance(part, dict) and part.get("type") != "text"]


class Attempt(NamedTuple):
    """One try at one target; `status` is the provider's, or 502 where it sent none."""

    model: str
    provider: str
    status: int
    micros: int
    error: str | None


_PREFIX = os.urandom(5).hex()
_COUNT = count(int.from_bytes(os.urandom(2)))


def request_id() -> str:
    """A time-ordered id, unique over processes: milliseconds, a random process prefix, a counter."""
    return f"req_{time.time_ns() // 1_000_000:012x}{_PREFIX}{next(_COUNT) & 0xFFFFFFFF:08x}"


class Exchange:
    """Everything known of one request, from its first byte to its row; times in monotonic nanoseconds."""

    __slots__ = (
        "ask",
        "at_ms",
        "attempts",
        "body_ns",
        "caller",
        "cost_nano",
        "decision",
        "dropped",
        "error",
        "finish",
        "first_ns",
        "gone",
        "id",
        "l2_cost_nano",
        "l2_ns",
        "label",
        "recorded",
        "route",
        "rule",
        "start_ns",
        "status",
        "tags",
        "target",
        "upstream_ns",
        "usage",
        "usage_source",
    )

    def __init__(self) -> None:
        self.id = request_id()
        self.at_ms = time.time_ns() // 1_000_000
        self.start_ns = time.monotonic_ns()
        # The request
        self.caller = ""
        self.route = ""
        self.tags: tuple[str, ...] = ()  # the client's, then the rules'
        self.rule: str | None = None  # the one that routed or denied
        self.ask: Ask | None = None
        self.label: Label | None = None
        self.decision: Any = None
        # The reply
        self.target: Any = None
        self.attempts: list[Attempt] = []
        self.dropped: tuple[str, ...] = ()
        self.status = 0
        self.finish = ""
        self.error: str | None = None
        self.gone = False
        self.usage = Usage()
        self.usage_source = "none"  # provider | estimated | none
        self.cost_nano: int | None = 0  # None: the price is not known
        self.l2_cost_nano = 0  # of the second level, beside that
        # The clock
        self.body_ns = 0  # spent waiting for the client's body
        self.l2_ns = 0  # spent waiting for the second level; where that is a provider, in upstream_ns too
        self.upstream_ns = 0  # spent waiting for providers, up to the first bytes of a stream
        self.first_ns = 0  # when the first bytes of the reply were ready to go out
        self.recorded = False

    def attempted(self, model: str, provider: str, nanos: int, failure: UpstreamError | None) -> None:
        """Notes one try that took `nanos`; without a failure it was answered, or left by the client."""
        self.upstream_ns += nanos
        if failure is not None:
            error = f"{failure.code or failure.kind}: {failure.message}"
            attempt = Attempt(model, provider, failure.status, nanos // 1000, error)
        elif self.gone:
            attempt = Attempt(model, provider, 499, nanos // 1000, "client gone")
        else:
            attempt = Attempt(model, provider, 200, nanos // 1000, None)
        self.attempts.append(attempt)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What a reply says of its decision; before one, its id alone."""
        headers = [(b"x-request-id", self.id.encode())]
        if self.label is not None and self.decision is not None:
            headers += [
                (b"x-headrace-task", self.label.task.encode()),
                (b"x-headrace-confidence", b"%.2f" % self.label.confidence),
                (b"x-headrace-decided-by", self.label.decided_by.encode()),
                (b"x-headrace-difficulty", b"%.2f" % self.label.difficulty),
                (b"x-headrace-reason", self.decision.reason.encode()),
                (b"x-headrace-attempts", b"%d" % len(self.attempts)),
            ]
        return headers

    @property
    def overhead_us(self) -> int:
        """Microseconds the gateway itself took up to the first bytes of its reply."""
        ready = self.first_ns or time.monotonic_ns()
        return max(ready - self.start_ns - self.body_ns - self.upstream_ns, 0) // 1000
