"""Which target served a conversation so far, and how much of its prompt that target may have in its cache."""

from __future__ import annotations

import time
from typing import NamedTuple

from gateway.exchange import Ask

# The shortest prompt that providers cache, in tokens, and how long an unused one stays
# (https://developers.openai.com/api/docs/guides/prompt-caching,
# https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
SHORTEST = 1024
KEPT_SECONDS = 300.0
_MOST = 10_000  # conversations; the oldest is forgotten first
_END = 4096  # bytes of either end that tell one prompt from another


class Held(NamedTuple):
    """The number of a target, and the tokens of prompt that it was sent."""

    number: int
    tokens: int


class Conversations:
    """Those of one worker; a conversation that another worker goes on with counts as new."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Held, float]] = {}

    def find(self, caller: str, ask: Ask) -> Held | None:
        """Who answered the prompt that this one goes on from, or None."""
        if ask.input_tokens < SHORTEST or not self._known:
            return None
        messages = ask.peek.messages
        last = len(messages) - 1
        while last > 0 and messages[last][0] != "assistant":
            last -= 1
        while last > 0 and messages[last - 1][0] == "assistant":
            last -= 1
        if last <= 0 or messages[last - 1][2] < 0:
            return None
        known = self._known.get(_mark(caller, ask, last - 1))
        return known[0] if known and time.monotonic() - known[1] < KEPT_SECONDS else None

    def keep(self, caller: str, ask: Ask, number: int) -> None:
        """Notes that a target answered this prompt."""
        if ask.input_tokens < SHORTEST or ask.peek.messages[-1][2] < 0:
            return
        mark = _mark(caller, ask, len(ask.peek.messages) - 1)
        self._known.pop(mark, None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[mark] = Held(number, ask.input_tokens), time.monotonic()


def _mark(caller: str, ask: Ask, last: int) -> int:
    """The messages up to `last` as one number: their length and both ends, as bytes that the client sent."""
    start, end = ask.peek.entries["messages"][1], ask.peek.messages[last][2]
    body = ask.body
    return hash((caller, end - start, body[start : start + _END], body[max(start, end - _END) : end]))
