"""The slow side of HTTP: health, models, and what a decision would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from gateway.admit import admit, tags, wish
from gateway.control.explain import explain
from gateway.downstream import ClientGone, read_body
from gateway.errors import GatewayError
from gateway.exchange import read_ask, request_id
from gateway.level2 import Level2
from gateway.refuse import INTERNAL
from gateway.registry import Model
from gateway.snapshot import Snapshot


def create_control(current: Callable[[], Snapshot], level2: Callable[[], Level2]) -> Starlette:
    """The Starlette application for every path that is not hot."""

    async def health(request: Request) -> Response:
        return _json({"status": "ok"})

    async def models(request: Request) -> Response:
        now = current()
        admit(now, dict(request.scope["headers"]))
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "headrace"} for name in now.routes
        ]
        listed += [_described(target.model) for target in now.targets.values()]
        return _json({"object": "list", "data": listed})

    async def model(request: Request) -> Response:
        now, name = current(), request.path_params["name"]
        admit(now, dict(request.scope["headers"]))
        if name in now.routes:
            return _json({"id": name, "object": "model", "created": 0, "owned_by": "headrace"})
        return _json(_described(now.route(name).targets[0].model))

    async def route(request: Request) -> Response:
        now, headers = current(), dict(request.scope["headers"])
        caller = admit(now, headers)
        body = await read_body(headers, request.receive, now.config.server.max_body)
        ask = read_ask(body)
        return _json(await explain(now, level2(), ask, wish(headers), caller, tags(headers)))

    app = Starlette(
        routes=[
            HttpRoute("/livez", health),
            HttpRoute("/readyz", health),  # a worker listens only once it is ready
            HttpRoute("/v1/models", models),
            HttpRoute("/models", models),
            HttpRoute("/v1/models/{name:path}", model),
            HttpRoute("/v1/route", route, methods=["POST"]),
            # The hot endpoints are answered before this application; here they say which method they take.
            HttpRoute("/v1/chat/completions", route, methods=["POST"]),
            HttpRoute("/chat/completions", route, methods=["POST"]),
        ],
        exception_handlers={
            GatewayError: _refused,
            HTTPException: _not_here,
            ClientGone: _nobody,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False  # it would redirect to whatever host the client names
    return app


def _json(value: Any, status: int = 200) -> Response:
    headers = {"x-request-id": request_id()}
    return Response(orjson.dumps(value), status, headers, media_type="application/json")


def _described(model: Model) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.provider}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    headers = {"x-request-id": request_id()}
    headers.update((name.decode(), value.decode()) for name, value in error.headers)
    return Response(error.body(), error.status, headers, media_type="application/json")


async def _nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _failed(request: Request, error: Exception) -> Response:
    return await _refused(request, GatewayError(500, INTERNAL, type="api_error", code="internal"))


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message, code = (
            f"{request.method} is not allowed on {path}; allowed: {allowed}.",
            "method_not_allowed",
        )
    else:
        message, code = (
            f"There is nothing at {path}. Chat completions are at POST /v1/chat/completions.",
            "not_found",
        )
    extra = tuple((k.lower().encode(), v.encode()) for k, v in (error.headers or {}).items())
    return await _refused(request, GatewayError(error.status_code, message, code=code, headers=extra))
