"""Simulated providers over real HTTP: three wires, and the ways in which real ones fail.

`POST /{name}/v1/chat/completions`, `/{name}/v1/messages` and
`/{name}/v1beta/models/{model}:generateContent` or `:streamGenerateContent?alt=sse`;
`GET /{name}/v1/models`. Switches: `PUT`, `GET`, `DELETE` on `/_sim` (all names) and `/_sim/{name}`;
`GET /_sim/count`, and `GET /_sim/requests?name=` where requests are kept.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from gateway.simulator.app import Simulator
from gateway.simulator.faults import Protocol
from gateway.simulator.settings import Fault, Settings, read_settings

__all__ = ["Fault", "Server", "Settings", "read_settings"]

DEFAULTS = Settings()
_KEEP_ALIVE = 120  # seconds; above a client's, so that an idle connection is never closed under it
_BACKLOG = 4096


class Server(uvicorn.Server):
    """The simulator; `port` 0 is any free one, and `ready` gets the real one once it listens."""

    def __init__(
        self,
        host: str,
        port: int,
        settings: Settings = DEFAULTS,
        ready: Callable[[int], None] | None = None,
        *,
        keep_requests: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                Simulator(settings, keep_requests=keep_requests),
                host=host,
                port=port,
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, then tells `ready`."""
        await super().startup(sockets)
        if self._ready and self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])
