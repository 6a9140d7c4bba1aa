"""Replies in OpenAI's chat shape, for the wires whose vendors write another one."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

import fastpath
from gateway.errors import UpstreamError
from gateway.money import Usage
from gateway.providers.failures import garbled
from gateway.providers.usage import usage_body


def new_id() -> str:
    """An id for a reply that the provider gave none."""
    return f"chatcmpl-{os.urandom(12).hex()}"


def tool_call(id: str, name: str, arguments: str) -> dict[str, Any]:
    """One entry of `tool_calls`; `arguments` is the text of a JSON object."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def choice(
    text: str, reasoning: str, calls: list[dict[str, Any]], finish: str, index: int = 0
) -> dict[str, Any]:
    """One entry of `choices`."""
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def completion(id: str, model: str, choices: list[dict[str, Any]], usage: Usage | None) -> bytes:
    """The body of a plain reply."""
    body: dict[str, Any] = {
        "id": id or new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": choices,
    }
    if usage is not None:
        body["usage"] = usage_body(usage)
    return orjson.dumps(body)


class Chunks:
    """Writes one streamed reply as SSE events: all of one id, time and model, a role in the first."""

    def __init__(self, model: str, include_usage: bool) -> None:
        self.id = new_id()
        self.model = model
        self.started = False
        self._created = int(time.time())
        self._spoken: set[int] = set()
        # OpenAI puts `usage: null` on all but the last chunk of a client that asked for usage.
        self._usage = {"usage": None} if include_usage else {}

    def name(self, id: str | None, model: str | None) -> None:
        """Takes the provider's id and model, until the first event is out."""
        if not self.started:
            self.id = id or self.id
            self.model = model or self.model

    def delta(self, delta: dict[str, Any], index: int = 0) -> bytes:
        """The event that adds `delta` to choice `index`."""
        return self._event(delta, None, index)

    def finish(self, reason: str, index: int = 0) -> bytes:
        """The event that ends choice `index`."""
        return self._event({}, reason, index)

    def usage_chunk(self, usage: Usage) -> dict[str, Any]:
        """The chunk without choices that reports `usage`."""
        return {**self._head(), "choices": [], "usage": usage_body(usage)}

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.model,
        }

    def _event(self, delta: dict[str, Any], reason: str | None, index: int) -> bytes:
        if index not in self._spoken:
            self._spoken.add(index)
            delta = {"role": "assistant", "content": "", **delta}
        self.started = True
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return b"data: " + orjson.dumps({**self._head(), "choices": [choice], **self._usage}) + b"\n\n"


class TranslatedStream(ABC):
    """A stream whose events another vendor wrote: each is read and written anew as chunks."""

    def __init__(self, model: str, include_usage: bool) -> None:
        self._splitter = fastpath.SseSplitter()
        self._chunks = Chunks(model, include_usage)
        self.usage: Usage | None = None
        self.error: UpstreamError | None = None
        self.finish = ""
        self.done = False

    @property
    def started(self) -> bool:
        """A choice was passed on."""
        return self._chunks.started

    @property
    def usage_chunk(self) -> dict[str, Any] | None:
        """The chunk that reports the usage."""
        return None if self.usage is None else self._chunks.usage_chunk(self.usage)

    def feed(self, data: bytes) -> bytes:
        """The chunks for the events that `data` completes."""
        return self._read(lambda: self._splitter.feed(data))

    def rest(self) -> bytes:
        """The chunks for an unfinished last event and for the end; nothing the second time."""
        return self._read(self._splitter.rest) + (b"" if self.done or self.error else self._end())

    def _read(self, split: Callable[[], list[tuple[bytes, bytes]]]) -> bytes:
        out = []
        try:
            for _, data in split():
                if self.done or self.error:
                    break
                if data and data.strip() != b"[DONE]":  # gateways may end any vendor's stream so
                    out.append(self._event(data))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self.error = garbled(str(error))
        return b"".join(out)

    @abstractmethod
    def _event(self, data: bytes) -> bytes:
        """The chunks for one event; ValueError where it is not what the wire promises."""

    @abstractmethod
    def _end(self) -> bytes:
        """The chunks that are due when the bytes have ended; sets `done` if the answer is whole."""
