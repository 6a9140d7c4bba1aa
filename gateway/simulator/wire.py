"""What the parts of the simulator say to each other, and ASGI's types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from gateway.simulator.answer import Answer, Asked

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire(Protocol):
    """What a vendor's module provides."""

    def check(self, headers: dict[bytes, bytes]) -> None:
        """Refuses what this vendor refuses by headers alone."""

    def read(self, body: dict[str, Any], model: str, stream: bool) -> Asked:
        """The request in the common shape; Refused where it is not one of this wire."""

    def plain(self, asked: Asked, reply: Answer) -> bytes:
        """The whole reply as one JSON object."""

    def frames(self, asked: Asked, reply: Answer) -> tuple[bytes, list[bytes], bytes]:
        """The stream: its first events, one event per piece, and its last ones."""

    def error(self, status: int, message: str) -> bytes:
        """The body of a failure."""

    def error_frame(self, message: str) -> bytes:
        """A failure inside of a stream."""
