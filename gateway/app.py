"""The ASGI application: hot endpoints by one look-up, everything else by Starlette, and the life of both."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import fastpath
from gateway.control.app import create_control
from gateway.control.store import Store, Writer, replay
from gateway.downstream import AsgiDownstream, Receive, Send
from gateway.level2 import Level2
from gateway.pipeline import serve
from gateway.record import Journal
from gateway.snapshot import Snapshot
from gateway.upstream import Upstream

_log = logging.getLogger("headrace")
_GARBAGE_OBJECTS = 20_000  # young objects before a collection; a request makes about a hundred
_DAY_SECONDS = 24 * 3600
_HOT = frozenset({("POST", "/v1/chat/completions"), ("POST", "/chat/completions")})


class Gateway:
    """One worker: the current snapshot, its connections upstream, its journal and its store."""

    def __init__(self, snapshot: Snapshot, data: Path) -> None:
        self.current = snapshot
        self._data = data
        self._control = create_control(lambda: self.current, lambda: self._level2)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) in _HOT:
            down = AsgiDownstream(scope, receive, send)
            await serve(self.current, self._upstream, self._level2, self._journal, down)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._control(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception as error:
            _log.error("cannot start: %s", error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._level2.close()
        await self._upstream.close()
        self._writer.stop()
        self._journal.close()
        self._store.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        directory = self._data / "journal"
        self._store = Store(self._data / self.current.config.store.removeprefix("sqlite:///"))
        moved = replay(directory, self._store)
        if moved:
            _log.info("%d rows moved from journals to the store", moved)
        for model, task, difficulty, read, written, answers in self._store.lengths():
            target = self.current.targets.get(model)
            if target is not None:
                self.current.table.learn(target.number, task, difficulty, read, written, answers)
        self._journal = Journal(directory)
        self._writer = Writer(self._journal, self._store)
        self._writer.start()
        self._upstream = Upstream()
        today_ms = int(time.time() // _DAY_SECONDS * _DAY_SECONDS * 1000)
        spent = self._store.spent_on_l2(today_ms)
        self._level2 = Level2(self.current, self._upstream, self._data / "l2.jsonl", spent)
        # What stands now stands for ever: the collector need not walk registry, model and modules again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        _log.info(
            "fastpath is %s, matcher is %s; %d models of %d providers",
            "compiled" if fastpath.COMPILED else "pure Python",
            fastpath.ENGINE,
            len(self.current.targets),
            len({target.provider.name for target in self.current.targets.values()}),
        )
