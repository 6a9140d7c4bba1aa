"""The ASGI way back to the client leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from gateway.downstream import AsgiDownstream


def test_an_ended_request_is_freed_without_the_collector() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("nobody leaves here")

    async def send(message: Any) -> None:
        pass

    async def many(count: int) -> int:
        for _ in range(count):
            down = AsgiDownstream({"headers": []}, receive, send)
            down.gone(lambda: None)
            await asyncio.sleep(0)
            await down.end(b"")
        del down
        await asyncio.sleep(0)
        return gc.collect()

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(many(100)) < 100
    finally:
        gc.enable()
