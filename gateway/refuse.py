"""What a client is told when there is no answer: what failed, where, and what to do."""

from __future__ import annotations

import math

from gateway.downstream import Downstream, Headers
from gateway.errors import GatewayError, UpstreamError
from gateway.exchange import Exchange

INTERNAL = (
    "The gateway failed on this request; its log has the traceback under this request id. Please report it."
)


def denied(message: str) -> GatewayError:
    """The error of a request that a rule of the operator denies, in the operator's words."""
    return GatewayError(403, message, type="permission_error", code="denied_by_rule")


def no_one_answered(failures: list[tuple[str, UpstreamError]]) -> GatewayError:
    """The error after the last attempt: the client's own where it is, else 429 if any said so, else 502."""
    name, last = failures[-1]
    if not last.retryable:
        return GatewayError(last.status, f"{name}: {last.message}", code=last.code or last.kind)
    each = "; ".join(f"{name}: {failure.status} {failure.message}" for name, failure in failures)
    limited = [failure for _, failure in failures if failure.status == 429]
    if limited:
        wait = limited[-1].retry_after
        headers: Headers = [] if wait is None else [(b"retry-after", b"%d" % math.ceil(wait))]
        message = (
            f"Every candidate failed, at least one for its rate limit. Ask again later. Attempts: {each}"
        )
        return GatewayError(
            429,
            message,
            type="rate_limit_error",
            code="rate_limit_exceeded",
            headers=tuple(headers),
        )
    message = f"No provider answered. Ask again later, or allow more candidates. Attempts: {each}"
    return GatewayError(502, message, type="api_error", code="upstream_error")


async def refuse(error: GatewayError, exchange: Exchange, down: Downstream) -> bytes:
    """Sends the head of an error reply and returns its body, which follows when the exchange is recorded."""
    exchange.status = error.status
    exchange.error = error.code or error.type
    body = error.body()
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *exchange.headers(),
        *error.headers,
    ]
    await down.head(error.status, headers)
    return body
