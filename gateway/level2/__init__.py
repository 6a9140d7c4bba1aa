"""The second level: who is asked what a request is where the classifier is unsure."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

from gateway.brain import Label
from gateway.classify import classify, remembered
from gateway.errors import UpstreamError
from gateway.exchange import Exchange
from gateway.level2.excerpt import Excerpt, NoAnswer
from gateway.level2.llm import Llm
from gateway.level2.local import Local
from gateway.level2.notes import Notes
from gateway.rules import Ruling
from gateway.snapshot import Route, Snapshot
from gateway.upstream import Upstream

__all__ = ["Level2"]

_log = logging.getLogger("headrace")
_REMEMBERED = 4096  # answers
_QUIET_SECONDS = 60.0  # between two lines about failures


class Level2:
    """One worker's second level; where it fails, is full or is late, the classifier's label stands.

    `notes` is the file that its answers are kept in, `spent_nano` what the target has cost today.
    """

    def __init__(self, now: Snapshot, upstream: Upstream, notes: Path | None, spent_nano: int = 0) -> None:
        self._thread = ThreadPoolExecutor(1, "headrace-l2")
        self._second: Local | Llm | None = None  # never asked: every route's threshold is 0
        if now.l2 == "local":
            self._second = Local(self._thread, now.classifier.labels)
        elif now.l2_target is not None:
            budget = now.config.l2.budget_usd_per_day / now.config.server.workers
            spent_nano //= now.config.server.workers
            self._second = Llm(now.l2_target, now.classifier.labels, upstream, budget, spent_nano)
        self._kind = now.l2
        self._classifier = now.classifier
        self._deadline = now.config.l2.deadline_ms / 1000
        self._notes = None if notes is None else Notes(notes)
        # Answers by a hash that nobody without the key can look a request up by.
        self._key = os.urandom(32)
        self._answers: dict[bytes, Label] = {}
        self._asking: dict[bytes, asyncio.Task[Label | None]] = {}
        self._failures, self._quiet_until = 0, 0.0

    async def judge(self, now: Snapshot, route: Route, exchange: Exchange) -> tuple[Ruling[Route], Label]:
        """What the rules make of the exchange's ask, and its label, which the exchange then has too.

        The rules are read first: what they deny or give a model of its own, no second level sees, and the
        threshold is that of the route they lead to. Where its label is another one, they are read again.
        """
        assert exchange.ask is not None
        caller, ask, tags = exchange.caller, exchange.ask, exchange.tags
        label = exchange.label = classify(now.classifier, ask)
        ruling = now.rules.read(caller, ask, label, tags)
        if ruling.deny is None and label.confidence < (ruling.route or route).l2_below:
            better = exchange.label = await self.better(exchange)
            if better.task != label.task:
                ruling = now.rules.read(caller, ask, better, tags)
            label = better
        return ruling, label

    async def better(self, exchange: Exchange) -> Label:
        """The second level's label of the exchange's ask, or the exchange's own where none comes in time.

        The wait is booked as `l2_ns`. It is overhead where the encoder ran, and part of `upstream_ns` where
        a provider was waited for.
        """
        assert exchange.ask is not None and exchange.label is not None
        started = time.monotonic_ns()
        try:
            excerpt = Excerpt.of(exchange.ask)
            key = blake2b("\0".join(excerpt).encode(), key=self._key, digest_size=16).digest()
            label = self._answers.pop(key, None)
            if label is not None:
                self._answers[key] = label  # the last to be forgotten
                return label
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._ask(key, excerpt, exchange))
            # Others may wait for the same answer: a client that leaves does not take it from them.
            return await asyncio.shield(task) or exchange.label
        finally:
            exchange.l2_ns = time.monotonic_ns() - started
            if self._kind == "llm":
                exchange.upstream_ns += exchange.l2_ns

    async def _ask(self, key: bytes, excerpt: Excerpt, exchange: Exchange) -> Label | None:
        assert self._second is not None and exchange.ask is not None and exchange.label is not None
        l1 = exchange.label
        try:
            async with asyncio.timeout(self._deadline):
                label = await self._second.label(excerpt, exchange)
            if not (0 <= label.confidence <= 1 and 0 <= label.difficulty <= 1):
                raise NoAnswer("its confidence or its difficulty is no number from 0 to 1")
        except Exception as error:
            self._complain(error)
            return None
        finally:
            del self._asking[key]
        if len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = label
        if self._notes is not None:
            features = remembered(self._classifier, exchange.ask)
            self._thread.submit(self._notes.add, self._kind, l1, label, features)
        return label

    def _complain(self, error: Exception) -> None:
        """One line a minute at most, and no words of others in it: they may quote the request."""
        self._failures += 1
        if time.monotonic() < self._quiet_until:
            return
        if isinstance(error, NoAnswer):
            why = str(error)
        elif isinstance(error, TimeoutError):
            why = f"no answer within {self._deadline * 1000:g} ms"
        elif isinstance(error, UpstreamError):
            why = f"the target failed: {error.status} ({error.kind})"
        else:
            why = type(error).__name__
        _log.warning("l2: %s; l1 stands (failures since the last such line: %d)", why, self._failures)
        self._failures, self._quiet_until = 0, time.monotonic() + _QUIET_SECONDS

    async def close(self) -> None:
        """Gives up on what is being asked, and writes the last notes."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        self._thread.shutdown()
