"""What to answer, whatever the wire: the request in one shape, and the reply it gets.

Rules, in this order: a turn that ends in a tool result is answered with text. A request with tools
is answered with a call where tool_choice demands one, or where a word of a tool's name (4 letters
or more) stands in the last user text: the named tool, else the first that fits, with arguments made
from its schema. A JSON schema gets an instance. All else gets the text that was
set, or `output_tokens` words.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, NamedTuple

import msgspec
import orjson

from gateway.simulator.text import instance, words

IMAGE_TOKENS = 1000
_CACHEABLE = 4096  # bytes of a first message from which vendors cache it
_CACHE_ENTRIES = 1000
_PIECE = 8  # characters of JSON in one piece of a stream


class Refused(Exception):
    """A request that the wire's vendor would refuse with `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Asked(msgspec.Struct):
    """A request of any wire; `forced` names the tool to call: "" is any of them, None none."""

    model: str
    stream: bool = False
    include_usage: bool = False
    user: str = ""  # the last user text
    first: str = ""  # the first text, as a rule the system prompt
    characters: int = 0
    images: int = 0
    tools: list[tuple[str, Any]] = []  # name, schema of its arguments
    forced: str | None = None
    may_call: bool = True
    tool_result: str | None = None  # set where the last turn is one
    schema: Any = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    def add(self, text: str) -> None:
        """Counts a text of the prompt."""
        if not self.characters:
            self.first = text
        self.characters += len(text)


class Answer(NamedTuple):
    """The reply; `finish` is stop, length, sequence or tool. Tokens: `cached` is inside `input`."""

    text: str
    pieces: list[str]
    tool: tuple[str, str] | None  # name, arguments as JSON
    finish: str
    sequence: str | None
    input: int
    cached: int
    output: int


class Cache:
    """The long first messages that were seen, as a vendor's prompt cache has them."""

    def __init__(self) -> None:
        self._seen: dict[int, None] = {}

    def tokens(self, first: str) -> int:
        """How many tokens of a prompt that begins with `first` are already cached; it then is."""
        if len(first) < _CACHEABLE:
            return 0
        key = hash(first)
        if key in self._seen:
            return len(first) // 4
        if len(self._seen) >= _CACHE_ENTRIES:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = None
        return 0


def answer(asked: Asked, output_tokens: int, cache: Cache, given: str | None = None) -> Answer:
    """The reply to `asked`: always the same for the same request, but for the cached tokens."""
    tokens = max(1, (asked.characters + 3) // 4 + IMAGE_TOKENS * asked.images)
    cached = cache.tokens(asked.first)
    seed = zlib.crc32(asked.user.encode("utf-8", "replace"))
    called = _called(asked)
    if called:
        arguments = orjson.dumps(instance(called[1], seed) or {}).decode()
        tool = (called[0], arguments)
        size = (len(called[0]) + len(arguments)) // 4 + 1
        return Answer("", _cut(arguments), tool, "tool", None, tokens, cached, size)
    if asked.schema is not None:
        text = orjson.dumps(instance(asked.schema, seed)).decode()
        pieces = _cut(text)
    elif given is not None:
        pieces = _cut(given)
    else:
        pieces = _pieces(asked, seed, output_tokens)
    finish, sequence = "stop", None
    if asked.max_tokens is not None and len(pieces) > asked.max_tokens:
        pieces, finish = pieces[: asked.max_tokens], "length"
    text = "".join(pieces)
    for stop in asked.stop:
        at = text.find(stop)
        if at >= 0:
            text, finish, sequence = text[:at], "sequence", stop
            pieces = _cut(text)
    return Answer(text, pieces, None, finish, sequence, tokens, cached, max(1, len(pieces)))


def _pieces(asked: Asked, seed: int, output_tokens: int) -> list[str]:
    text = words(seed, output_tokens)
    if asked.tool_result is not None:
        text = f"The tool says: {asked.tool_result:.200}".split(" ") + text
    if asked.images:
        plural = "s" if asked.images > 1 else ""
        text = ["I", "see", str(asked.images), f"image{plural}.", *text]
    return [text[0], *[f" {word}" for word in text[1:]]]


def _cut(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _called(asked: Asked) -> tuple[str, Any] | None:
    if not asked.tools or not asked.may_call or asked.tool_result is not None:
        return None
    if asked.forced:
        named = [tool for tool in asked.tools if tool[0] == asked.forced]
        if not named:
            raise Refused(400, f"tool_choice names {asked.forced!r}, which is not among the tools")
        return named[0]
    user = asked.user.lower()
    for tool in asked.tools:
        parts = re.findall(r"[A-Za-z][a-z]{3,}", tool[0])
        if any(part.lower() in user for part in parts):
            return tool
    return asked.tools[0] if asked.forced == "" else None
