"""Anthropic's event stream as OpenAI chunks.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.money import Usage
from gateway.providers.completion import TranslatedStream, tool_call
from gateway.providers.failures import in_band
from gateway.providers.usage import count

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class Block(msgspec.Struct):
    """A content block, or the start of one, with the fields of the kinds that are passed on."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw()

    def arguments(self) -> str:
        """`input` as the provider wrote it; ValueError where that is no object."""
        text = bytes(self.input).decode()
        if text in ("", "null"):
            return "{}"
        if not text.startswith("{"):
            raise ValueError("the input of a tool_use is no object")
        return text


class _Delta(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Start(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    index: int = -1
    message: _Start | None = None
    content_block: Block | None = None
    delta: _Delta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_event_of = msgspec.json.Decoder(_Event).decode


def read_usage(usage: dict[str, Any] | None) -> Usage | None:
    """The canonical usage; Anthropic counts cached tokens beside `input_tokens`."""
    if usage is None:
        return None
    output = count(usage.get("output_tokens"))
    details = usage.get("output_tokens_details")
    thinking = count(details.get("thinking_tokens")) if isinstance(details, dict) else 0
    return Usage(
        input=count(usage.get("input_tokens")),
        cache_read=count(usage.get("cache_read_input_tokens")),
        cache_write=count(usage.get("cache_creation_input_tokens")),
        output=output,
        reasoning=min(thinking, output),
    )


class _ToolUse:
    """A tool_use block that is open."""

    __slots__ = ("arguments", "index", "said")

    def __init__(self, index: int, arguments: str) -> None:
        self.index = index
        self.arguments = arguments  # from the start of the block: for one without deltas
        self.said = False


class AnthropicStream(TranslatedStream):
    """Translates event by event; the blocks of the server's own tools are left out."""

    def __init__(self, model: str, include_usage: bool) -> None:
        super().__init__(model, include_usage)
        self._counts: dict[str, Any] = {}
        self._open: dict[int, _ToolUse] = {}
        self._calls = 0

    def _end(self) -> bytes:
        self.done = self.finish != ""  # nothing but message_stop can be missing after a stop reason
        return b""

    def _event(self, data: bytes) -> bytes:
        event = _event_of(data)
        if event.type == "content_block_delta" and event.delta is not None:
            return self._delta(event.index, event.delta)
        if event.type == "content_block_start" and event.content_block is not None:
            return self._block(event.index, event.content_block)
        if event.type == "content_block_stop":
            return self._stop(event.index)
        if event.type == "message_start" and event.message is not None:
            if self.started:  # what was passed on of the first message cannot be taken back
                raise ValueError("a second message begins inside the first")
            self._chunks.name(event.message.id, event.message.model)
            self._count(event.message.usage)
        elif event.type == "message_delta":
            self._count(event.usage)
            return self._finish(event.delta.stop_reason if event.delta else None)
        elif event.type == "message_stop":
            self.done = True
            return b"" if self.finish else self._finish("end_turn")
        elif event.type == "error" or event.error is not None:
            self.error = in_band(event.error)
        return b""

    def _count(self, usage: dict[str, Any] | None) -> None:
        # A later report is of the whole reply so far, and may leave out what has not changed.
        self._counts |= {key: value for key, value in (usage or {}).items() if value is not None}
        self.usage = read_usage(self._counts or None)

    def _block(self, index: int, block: Block) -> bytes:
        if block.type == "text" and block.text:
            return self._chunks.delta({"content": block.text})
        if block.type == "thinking" and block.thinking:
            return self._chunks.delta({"reasoning_content": block.thinking})
        if block.type != "tool_use":
            return b""
        self._open[index] = _ToolUse(self._calls, block.arguments())
        call = tool_call(block.id or "", block.name or "", "")
        self._calls += 1
        return self._chunks.delta({"tool_calls": [{"index": self._open[index].index, **call}]})

    def _delta(self, index: int, delta: _Delta) -> bytes:
        if delta.text:
            return self._chunks.delta({"content": delta.text})
        if delta.thinking:
            return self._chunks.delta({"reasoning_content": delta.thinking})
        call = self._open.get(index)
        if not delta.partial_json or call is None:
            return b""
        call.said = True
        return self._arguments(call, delta.partial_json)

    def _stop(self, index: int) -> bytes:
        call = self._open.pop(index, None)
        return b"" if call is None or call.said else self._arguments(call, call.arguments)

    def _arguments(self, call: _ToolUse, text: str) -> bytes:
        return self._chunks.delta({"tool_calls": [{"index": call.index, "function": {"arguments": text}}]})

    def _finish(self, reason: str | None) -> bytes:
        if reason is None or self.finish:
            return b""
        self.finish = FINISH.get(reason, "stop")
        return self._chunks.finish(self.finish)
