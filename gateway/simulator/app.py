"""The simulated providers as one raw ASGI application, and the switches that make them fail.

Every name in front of `/v1/...` is a provider of its own: own settings, own faults, own counters.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import msgspec
import orjson

from gateway import registry
from gateway.simulator import anthropic, gemini, openai
from gateway.simulator.answer import Asked, Cache, Refused, answer
from gateway.simulator.faults import break_off, fail, vanish
from gateway.simulator.settings import Fault, Settings, read_settings
from gateway.simulator.wire import Receive, Scope, Send, Wire

_SECRET = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"cookie"})
_KEPT = 1000
_ROUTES = 1000
_JSON = (b"content-type", b"application/json")
_SSE = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class Route(msgspec.Struct, frozen=True):
    """Where a path leads; `model` and `stream` where the path says so."""

    wire: Wire
    provider: str
    model: str = ""
    stream: bool = False


class Provider:
    """One name: how it behaves, and what it was asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.own: dict[str, Any] = {}  # the settings that were set for this name alone
        self.cache = Cache()
        self.requests = self.faults = self.gone = 0

    def take_fault(self) -> Fault | None:
        """The fault that this request meets."""
        fault = self.settings.fault
        if fault is None or fault.times == 0:
            return None
        if fault.times is not None:
            fault.times -= 1
        self.faults += 1
        return fault


class Simulator:
    """The application; `settings` hold for every name until a PUT says otherwise."""

    def __init__(self, settings: Settings, *, keep_requests: bool = False) -> None:
        self._first = msgspec.json.encode(settings)  # as bytes: faults count down
        self._settings = settings
        self._keep = keep_requests
        self._providers: dict[str, Provider] = {}
        self._routes: dict[str, Route] = {}
        self._kept: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        body = await _read_body(receive)
        if body is None:
            return
        path = scope["path"]
        route = self._routes.get(path) or self._find(path)
        if route and scope["method"] == "POST":
            await self._provide(route, scope, body, receive, send)
        elif path == "/_sim" or path.startswith("/_sim/"):
            await self._control(scope, path[6:], body, send)
        elif scope["method"] == "GET" and path.endswith("/v1/models"):
            await _answer(send, 200, _models(path.strip("/").partition("/")[0], scope))
        else:
            await _answer(send, 404, openai.error(404, f"Unknown request: {scope['method']} {path}"))

    def _find(self, path: str) -> Route | None:
        name, _, rest = path[1:].partition("/")
        route = None
        if rest == "v1/chat/completions":
            route = Route(openai, name)
        elif rest == "v1/messages":
            route = Route(anthropic, name)
        elif rest.startswith("v1beta/models/"):
            model, _, method = rest.removeprefix("v1beta/models/").rpartition(":")
            if method in ("generateContent", "streamGenerateContent"):
                route = Route(gemini, name, model, method == "streamGenerateContent")
        if route and len(self._routes) < _ROUTES:
            self._routes[path] = route
        return route

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            self._providers[name] = Provider(self._settings)
        return self._providers[name]

    async def _provide(self, route: Route, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        provider = self._provider(route.provider)
        provider.requests += 1
        if self._keep:
            self._kept.append(_record(route.provider, scope, body))
        wire, settings, fault = route.wire, provider.settings, provider.take_fault()
        if settings.latency_ms and await _left(receive, settings.latency_ms / 1000):
            provider.gone += 1
            return
        try:
            asked = _asked(route, scope, body)
            reply = answer(asked, settings.output_tokens, provider.cache, settings.text)
        except Refused as refusal:
            await _answer(send, refusal.status, wire.error(refusal.status, str(refusal)))
            return
        if fault and await fail(fault, wire, asked, scope, receive, send):
            provider.gone += fault.kind == "stall"
            return
        if asked.stream:
            await self._stream(provider, fault, wire.frames(asked, reply), wire, scope, receive, send)
        elif fault:
            await break_off(wire.plain(asked, reply), scope, receive, send)
        else:
            await _answer(send, 200, wire.plain(asked, reply))

    async def _stream(
        self,
        provider: Provider,
        fault: Fault | None,
        frames: tuple[bytes, list[bytes], bytes],
        wire: Wire,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        head, pieces, tail = frames
        if fault:
            pieces = pieces[: 3 if fault.after is None else fault.after]
        await send({"type": "http.response.start", "status": 200, "headers": _SSE})
        if not await _paced(provider, head, pieces, receive, send):
            return
        if fault is None:
            await send({"type": "http.response.body", "body": tail})
        elif fault.kind == "error_event":
            frame = wire.error_frame("The simulated provider failed.")
            await send({"type": "http.response.body", "body": frame})
        elif fault.clean:
            await send({"type": "http.response.body"})
        else:
            await vanish(scope, receive, close=fault.kind == "cut")
            provider.gone += fault.kind == "stall"

    async def _control(self, scope: Scope, name: str, body: bytes, send: Send) -> None:
        method = scope["method"]
        if method == "GET" and name == "count":
            counts = {
                name: {"requests": p.requests, "faults": p.faults, "gone": p.gone}
                for name, p in self._providers.items()
            }
            await _answer(send, 200, orjson.dumps(counts))
        elif method == "GET" and name == "requests":
            wanted = parse_qs(scope["query_string"].decode("latin-1")).get("name")
            kept = [entry for entry in self._kept if not wanted or entry["name"] in wanted]
            await _answer(send, 200, orjson.dumps(kept))
        elif method == "GET":
            settings = self._provider(name).settings if name else self._settings
            await _answer(send, 200, msgspec.json.encode(settings))
        elif method == "PUT":
            await self._put(name, body, send)
        elif method == "DELETE":
            self._reset(name)
            await _answer(send, 200, b"{}")
        else:
            await _answer(send, 405, openai.error(405, "allowed: GET, PUT, DELETE"))

    async def _put(self, name: str, body: bytes, send: Send) -> None:
        try:
            changes = orjson.loads(body)
            if name:
                provider = self._provider(name)
                settings = provider.settings = read_settings(changes, provider.settings)
                provider.own |= {key: getattr(settings, key) for key in changes}
            else:
                settings = self._settings = read_settings(changes, self._settings)
                for provider in self._providers.values():
                    provider.settings = msgspec.structs.replace(settings, **provider.own)
        except ValueError as error:
            await _answer(send, 400, openai.error(400, str(error)))
        else:
            await _answer(send, 200, msgspec.json.encode(settings))

    def _reset(self, name: str) -> None:
        if name:
            self._providers.pop(name, None)
            return
        self._settings = msgspec.json.decode(self._first, type=Settings)
        self._providers.clear()
        self._kept.clear()


async def _read_body(receive: Receive) -> bytes | None:
    """The request's body, or None where the client left before it was complete."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return None if message["type"] == "http.disconnect" else body


def _asked(route: Route, scope: Scope, body: bytes) -> Asked:
    route.wire.check(dict(scope["headers"]))
    if route.wire is gemini and route.stream and b"alt=sse" not in scope["query_string"]:
        raise Refused(400, "the simulator streams server-sent events only: send ?alt=sse")
    try:
        return route.wire.read(orjson.loads(body), route.model, route.stream)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"We could not parse the JSON body of your request: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(400, f"Invalid request: {type(error).__name__}: {error}") from None


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _left(receive: Receive, seconds: float) -> bool:
    """Waits; True where the client left before the time was over."""
    try:
        async with asyncio.timeout(seconds):
            await receive()
    except TimeoutError:
        return False
    return True


async def _paced(provider: Provider, head: bytes, pieces: list[bytes], receive: Receive, send: Send) -> bool:
    """Sends the pieces at the provider's rate; False where the client left meanwhile."""
    rate = provider.settings.tokens_per_second
    if not rate:
        await _piece(send, head + b"".join(pieces[:1]))
        await _piece(send, b"".join(pieces[1:]))
        return True
    gone = asyncio.ensure_future(receive())
    try:
        start = time.monotonic()
        for index, piece in enumerate(pieces):
            await asyncio.sleep(start + index / rate - time.monotonic())
            if gone.done():
                provider.gone += 1
                return False
            await _piece(send, piece if index else head + piece)
        return True
    finally:
        gone.cancel()


async def _piece(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _record(name: str, scope: Scope, body: bytes) -> dict[str, Any]:
    try:
        shown = orjson.loads(body)
    except orjson.JSONDecodeError:
        shown = body.decode("utf-8", "replace")
    headers = {
        key.decode("latin-1"): "***" if key in _SECRET else value.decode("latin-1")
        for key, value in scope["headers"]
    }
    place = {"name": name, "method": scope["method"], "path": scope["path"]}
    return {**place, "headers": headers, "body": shown}


def _models(name: str, scope: Scope) -> bytes:
    known = [model for model in registry.load().values() if model.provider == name]
    if any(key == b"anthropic-version" for key, _ in scope["headers"]):
        rows = [{"type": "model", "id": m.model, "display_name": m.name} for m in known]
        return orjson.dumps({"data": rows, "has_more": False})
    data = [{"id": m.model, "object": "model", "created": 0, "owned_by": name} for m in known]
    return orjson.dumps({"object": "list", "data": data})
