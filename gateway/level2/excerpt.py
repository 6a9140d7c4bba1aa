"""What the second level is shown of a request."""

from __future__ import annotations

from typing import NamedTuple

from gateway.brain.features import Reading
from gateway.classify import reading
from gateway.exchange import Ask

# Bytes; of a longer text both ends are shown, as the question stands at one of them.
_TEXT, _AROUND = 2048, 512


class NoAnswer(Exception):
    """Why the second level says nothing, in words without any of the request's."""


class Excerpt(NamedTuple):
    """What is asked last, what that may refer to, and the instructions above, each of bounded length."""

    text: str
    before: str
    system: str

    @classmethod
    def of(cls, ask: Ask) -> Excerpt:
        """The excerpt of `ask`."""
        return cls.cut(reading(ask))

    @classmethod
    def cut(cls, seen: Reading) -> Excerpt:
        """The excerpt of what the brain reads of a request."""
        return cls(_ends(seen.text, _TEXT), _ends(seen.before, _AROUND), _ends(seen.system, _AROUND))


def _ends(text: bytes, size: int) -> str:
    if len(text) > 2 * size:
        text = text[:size] + "\n…\n".encode() + text[-size:]
    return text.decode("utf-8", "ignore")
