"""The way back to the client, as narrow as the pipeline needs it, and its ASGI form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from gateway.errors import GatewayError

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# A body over the limit is still read, though not kept, up to so many limits: a client that is cut off while
# it sends sees a reset connection instead of the answer.
_DRAINED = 2


class ClientGone(Exception):
    """The client left before its request was whole, or before it could be answered."""


class Downstream(Protocol):
    """One request coming in and its reply going out."""

    headers: dict[bytes, bytes]  # names in lower case

    async def body(self, limit: int) -> bytes:
        """The request body; GatewayError 413 past `limit` bytes, ClientGone where it ends early."""

    def gone(self, leave: Callable[[], object]) -> None:
        """Calls `leave` once if the client goes away before `end`."""

    async def head(self, status: int, headers: Headers) -> None:
        """The status line and headers; once."""

    async def chunk(self, data: bytes) -> None:
        """A part of the body; returns when the client can take more."""

    async def end(self, data: bytes = b"") -> None:
        """The last part of the body; once."""


class AsgiDownstream:
    """Downstream over one ASGI call."""

    __slots__ = ("_receive", "_send", "_watch", "headers")

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._watch: asyncio.Task[None] | None = None

    async def body(self, limit: int) -> bytes:
        return await read_body(self.headers, self._receive, limit)

    def gone(self, leave: Callable[[], object]) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._watched(leave))

    async def _watched(self, leave: Callable[[], object]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        leave()

    async def head(self, status: int, headers: Headers) -> None:
        await self._out({"type": "http.response.start", "status": status, "headers": headers})

    async def chunk(self, data: bytes) -> None:
        await self._out({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        # The reply's end also ends receive() with a disconnect, which is no one's leaving.
        if self._watch is not None:
            self._watch.cancel()
            # Kept, it would hold this object by its traceback: a cycle a request, body and all.
            self._watch = None
        await self._out({"type": "http.response.body", "body": data, "more_body": False})

    async def _out(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except RuntimeError as error:
            # uvicorn starts a pipelined request also when its client has closed the connection meanwhile.
            if "closed" not in str(error):
                raise
            raise ClientGone from None


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The body of an ASGI request; GatewayError 413 past `limit` bytes, ClientGone where it ends early."""
    declared = headers.get(b"content-length", b"")
    drained = limit * _DRAINED
    if declared.isdigit() and int(declared) > drained:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif size > drained or not message.get("more_body"):
            raise _too_large(limit)
        else:
            parts.clear()
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> GatewayError:
    message = f"The body is larger than {limit} bytes. Send less, or raise server.max_body in the config."
    return GatewayError(413, message, code="body_too_large")
