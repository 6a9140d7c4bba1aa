"""The ways in which a provider fails before or instead of an answer."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.simulator.answer import Asked
from gateway.simulator.settings import Fault
from gateway.simulator.wire import Receive, Scope, Send, Wire

_GARBAGE = b"<html><body><h1>502 Bad Gateway</h1><p>{not: json</p></body></html>"
_TYPES = {True: b"text/event-stream", False: b"application/json"}


class Protocol(HttpToolsProtocol):
    """uvicorn's, with the connection in the scope: ASGI cannot close one without an answer."""

    def on_message_begin(self) -> None:
        """Called by the parser for each request."""
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


async def vanish(scope: Scope, receive: Receive, *, close: bool) -> None:
    """Says nothing more, until the client leaves or, with `close`, the connection is closed."""
    if close:
        scope["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass


async def break_off(body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Half of a plain answer that announced its whole length, then the end of the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    await vanish(scope, receive, close=True)


async def fail(
    fault: Fault,
    wire: Wire,
    asked: Asked,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> bool:
    """Answers as `fault` demands; False where the answer begins well and fails on its way."""
    if fault.kind == "status":
        message = f"The simulated provider answers {fault.status}."
        headers = [(b"content-type", b"application/json")]
        if fault.retry_after is not None:
            headers.append((b"retry-after", b"%g" % fault.retry_after))
        await _send(send, fault.status, headers, wire.error(fault.status, message))
    elif fault.kind == "refuse":
        await vanish(scope, receive, close=True)
    elif fault.kind == "stall" and not (asked.stream and fault.after):
        await vanish(scope, receive, close=False)
    elif fault.kind in ("garbage", "empty"):
        body = _GARBAGE if fault.kind == "garbage" else b""
        if asked.stream and body:
            body = b"data: %b\n\n" % body
        await _send(send, 200, [(b"content-type", _TYPES[asked.stream])], body)
    elif fault.kind == "error_event" and not (asked.stream and fault.after):
        message = "The simulated provider failed."
        body = wire.error_frame(message) if asked.stream else wire.error(500, message)
        await _send(send, 200, [(b"content-type", _TYPES[asked.stream])], body)
    else:
        return False
    return True


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    # Streams go without a length, as they would where nothing is wrong.
    if (b"content-type", _TYPES[True]) not in headers:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
