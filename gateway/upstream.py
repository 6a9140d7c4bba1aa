"""The way to the providers: `send` gives a reply's head and its bytes, or an UpstreamError with the cause."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from gateway.config import Timeouts
from gateway.errors import UpstreamError
from gateway.snapshot import Target

MAX_REPLY = 64 * 1024 * 1024  # bytes of one plain reply
_MAX_IDLE_SECONDS = 60
_LINGER_SECONDS = 1.0
_FIRST_EVENT_SECONDS = 60


class Reply:
    """The head of a provider's answer; its bytes come by `read` or `chunks`, and `close` gives up on them."""

    __slots__ = ("_response", "_timeouts", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts) -> None:
        self._response = response
        self._timeouts = timeouts
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """The whole body, at most MAX_REPLY bytes."""
        parts, size = [], 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_REPLY:
                self.close()
                raise UpstreamError(502, f"the reply is longer than {MAX_REPLY} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in."""
        content = self._response.content
        with _mapped(self._timeouts):
            while chunk := await content.readany():
                yield chunk

    def close(self) -> None:
        """Closes the connection if the reply has not ended: the provider stops generating."""
        self._response.close()

    def finish(self) -> None:
        """Lets the connection go back to the pool when the last bytes, which nobody needs, have come."""
        if not self._response.content.at_eof():
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._response.close)


class Upstream:
    """The pool of connections to all providers."""

    def __init__(self) -> None:
        # Public names must not lead to private addresses (SSRF), but a provider of one's own may live there.
        self._public, self._private = _session(_PublicResolver()), _session(ThreadedResolver())

    async def send(self, target: Target, stream: bool, body: bytes) -> Reply:
        """Posts `body` to `target` and waits for the head of the reply."""
        session = self._private if target.allow_private else self._public
        timeouts = target.timeouts
        limits = aiohttp.ClientTimeout(
            total=timeouts.total,
            sock_connect=timeouts.connect,
            sock_read=max(timeouts.idle, first_event_seconds(target, stream)),
        )
        url = target.stream_url if stream else target.url
        with _mapped(timeouts):
            # A redirect would carry the provider's key to wherever it points.
            response = await session.post(
                url, data=body, headers=target.headers, timeout=limits, allow_redirects=False
            )
        return Reply(response, timeouts)

    async def close(self) -> None:
        """Closes every connection."""
        await self._public.close()
        await self._private.close()


def first_event_seconds(target: Target, stream: bool) -> float:
    """How long `target` may take to the first event of its reply; a plain reply is one event."""
    timeouts = target.timeouts
    return timeouts.first_event or (_FIRST_EVENT_SECONDS if stream else timeouts.total)


def _session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, keepalive_timeout=_MAX_IDLE_SECONDS, resolver=resolver, use_dns_cache=True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )


class _PublicResolver(ThreadedResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        public = [result for result in found if not is_private(result["host"])]
        if found and not public:
            raise OSError(f"{host} resolves to a private address; set allow_private: true for this provider")
        return public


def is_private(host: str) -> bool:
    """Whether an IP address is not a public one."""
    return not ipaddress.ip_address(host.partition("%")[0]).is_global


@contextmanager
def _mapped(timeouts: Timeouts) -> Iterator[None]:
    """Turns what aiohttp raises into what it means."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise UpstreamError(502, f"no connection within {timeouts.connect:g} s", "unreachable") from None
    except aiohttp.ClientConnectorError as error:
        raise UpstreamError(502, f"cannot connect: {error.os_error}", "unreachable") from None
    except TimeoutError:
        raise UpstreamError(504, "no more of the answer in time", "upstream_timeout") from None
    except aiohttp.ClientPayloadError:
        raise UpstreamError(502, "the reply was cut off", "cut") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise UpstreamError(502, f"{type(error).__name__}: {error}", "connection") from None
