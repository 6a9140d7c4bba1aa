"""The encoder of the distribution headrace-encoder, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from gateway.brain import Label
from gateway.errors import ConfigError
from gateway.exchange import Exchange
from gateway.level2.excerpt import Excerpt, NoAnswer

_WAITING = 16  # requests behind the one that runs; some 10 ms each


class Local:
    """The encoder, one request at a time; `tasks` are those that a label may have."""

    def __init__(self, thread: ThreadPoolExecutor, tasks: tuple[str, ...]) -> None:
        try:
            from headrace_encoder import Encoder

            self._encoder = Encoder()
        except Exception as error:
            raise ConfigError(
                f"l2.kind: local: the encoder cannot be loaded ({error!r}); "
                "install it again (pip install --force-reinstall 'headrace[encoder]'), or set l2.kind: off"
            ) from error
        strange = set(self._encoder.labels) - set(tasks)
        if strange:
            raise ConfigError(
                f"l2.kind: local: the encoder has tasks that this version does not know "
                f"({', '.join(sorted(strange))}); install the headrace-encoder that came with it"
            )
        self._thread = thread
        self._room = threading.Semaphore(1 + _WAITING)

    async def label(self, excerpt: Excerpt, exchange: Exchange) -> Label:
        """What the encoder says; NoAnswer at once where too many wait for it already."""
        if not self._room.acquire(blocking=False):
            raise NoAnswer(f"{_WAITING} requests wait for the encoder already")
        running = self._thread.submit(self._encoder.classify, *excerpt)
        running.add_done_callback(lambda _: self._room.release())
        # A late one keeps its place until it is done: an encoder that hangs then turns requests away at once.
        shares, difficulty = await asyncio.shield(asyncio.wrap_future(running))
        confidence = max(shares)
        return Label(self._encoder.labels[shares.index(confidence)], confidence, difficulty, "l2")
