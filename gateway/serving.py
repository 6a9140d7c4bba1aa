"""Runs the gateway under uvicorn: one process, or several workers on one port."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from gateway import __version__
from gateway.app import Gateway
from gateway.config import Config, load
from gateway.control.publish import key_variables, publish
from gateway.errors import ConfigError

log = logging.getLogger("headrace")
_KEEP_ALIVE_SECONDS = 75
_DRAIN_SECONDS = 600  # after SIGTERM, for what is in flight
# How `up` hands its options to the workers it spawns; the same variables work for `headrace up` itself.
CONFIG_VARIABLE, DATA_VARIABLE = "HEADRACE_CONFIG", "HEADRACE_DATA"


def gateway(config: Config, where: str, data: Path) -> Gateway:
    """The application for `config`; ConfigError where it leaves nothing to route to."""
    snapshot = publish(config, where)
    if not snapshot.targets and config.providers:
        raise ConfigError(
            f"{where}: no model of the providers {', '.join(config.providers)} is known; "
            "add them under `models:`, such as local/small: {input: 0.1, output: 0.4}"
        )
    if not snapshot.targets:
        raise ConfigError(
            "no provider is configured. Set one of "
            f"{', '.join(key_variables())}, or give --config headrace.yaml with a `providers:` section"
        )
    return Gateway(snapshot, data)


def worker() -> Gateway:
    """The application of one worker, from the environment that `up` left it."""
    log_to_stderr()
    path = os.environ.get(CONFIG_VARIABLE)
    config = load(Path(path) if path else None)
    return gateway(config, path or "environment", Path(os.environ[DATA_VARIABLE]))


def up(config: Config, where: str, data: Path) -> None:
    """Serves until a signal; ConfigError before anything is bound."""
    log_to_stderr()
    app = gateway(config, where, data)
    if config.server.workers == 1:
        # uvicorn drains on these, then raises them again: an orderly end is no failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        _run(_Server(_options(config, app)))
        return
    os.environ[DATA_VARIABLE] = str(data)
    if where != "environment":
        os.environ[CONFIG_VARIABLE] = where
    for key in ("host", "port", "workers"):
        os.environ[f"HEADRACE_SERVER__{key.upper()}"] = str(getattr(config.server, key))
    options = _options(config, "gateway.serving:worker")
    socket = options.bind_socket()
    socket.listen(options.backlog)  # clients queue here until the workers are up
    log.info("headrace %s listens on %s", __version__, address(*socket.getsockname()[:2]))
    Multiprocess(options, [socket]).run()


def _options(config: Config, app: Gateway | str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=config.server.host,
        port=config.server.port,
        workers=config.server.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def _run(server: uvicorn.Server) -> None:
    try:
        server.run()
    except SystemExit:  # uvicorn's, with a code of its own, when it cannot bind
        sys.exit(1)
    if not server.started:
        sys.exit(1)


class _Server(uvicorn.Server):
    async def startup(self, sockets=None) -> None:  # type: ignore[no-untyped-def]
        await super().startup(sockets)
        if self.started:
            bound = self.servers[0].sockets[0].getsockname()
            log.info("headrace %s listens on %s", __version__, address(*bound[:2]))


def address(host: str, port: int) -> str:
    """The base URL of what listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def log_to_stderr() -> None:
    """One line an event; uvicorn speaks up for warnings only."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
