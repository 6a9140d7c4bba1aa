"""Every failure the gateway tells a client about, in the OpenAI shape."""

from __future__ import annotations

import orjson


class GatewayError(Exception):
    """A request that ends without an answer: `status`, and the fields of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.headers = headers

    def body(self) -> bytes:
        """The JSON reply: `{"error": {"message", "type", "param", "code"}}`."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


# What a failed attempt means. The first two are the request's own fault and are not tried elsewhere.
CLIENT, CONTENT = "client", "content"
AUTH, MONEY, RATE, OVERLOAD, TRANSIENT = "auth", "money", "rate", "overload", "transient"

_KIND_BY_STATUS = {
    401: AUTH,
    402: MONEY,
    403: AUTH,
    404: TRANSIENT,  # the client named a model that the registry has: the provider lacks it, another may not
    408: TRANSIENT,
    409: TRANSIENT,
    429: RATE,
    529: OVERLOAD,
}
_KIND_BY_CODE = {
    "insufficient_quota": MONEY,
    "content_filter": CONTENT,
    "content_policy_violation": CONTENT,
    "context_length_exceeded": CLIENT,
    "tool_use_failed": TRANSIENT,  # Groq's 400 for a tool call that its model wrote badly
}


class UpstreamError(Exception):
    """One failed attempt: the provider's status (502 where it sent none), its words and its code."""

    def __init__(
        self, status: int, message: str, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after  # seconds
        by_status = TRANSIENT if status >= 500 else CLIENT
        self.kind = _KIND_BY_CODE.get(code or "") or _KIND_BY_STATUS.get(status, by_status)

    @property
    def retryable(self) -> bool:
        """Whether another target may answer what this one did not."""
        return self.kind not in (CLIENT, CONTENT)


class ConfigError(Exception):
    """A value in config, registry or command line that cannot be used: where, and what is allowed."""
