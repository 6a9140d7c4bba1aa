"""Gemini's replies, whole or as events: https://ai.google.dev/api/generate-content

A stream is a row of replies that each hold a piece, so one `Answer` reads both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import orjson

from gateway.errors import UpstreamError
from gateway.money import Usage
from gateway.providers.completion import TranslatedStream, new_id, tool_call
from gateway.providers.failures import in_band
from gateway.providers.usage import bounded, count

# Every other reason is a filter's. The numbers are those of Vertex AI with enum-encoding=int.
_FINISH: dict[str | int, str] = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    1: "stop",
    2: "length",
}
# Gemini got its own tool call wrong; where there is none to pass on, another model may do better.
_BROKEN = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"}
)


class _PartialArg(msgspec.Struct, rename="camel"):
    json_path: str
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None

    def value(self) -> str | float | int | bool | None:
        number = self.number_value
        if number is not None:
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        return self.string_value if self.bool_value is None else self.bool_value


class _FunctionCall(msgspec.Struct, rename="camel"):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()
    partial_args: list[_PartialArg] | None = None
    will_continue: bool | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    index: Annotated[int, msgspec.Meta(ge=0, le=127)] = 0
    content: _Content | None = None
    finish_reason: str | int | None = None
    finish_message: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | int | None = None


class _Event(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: dict[str, Any] | None = None
    response_id: str | None = None
    model_version: str | None = None
    error: Any = None


event_of = msgspec.json.Decoder(_Event).decode


def read_usage(usage: dict[str, Any] | None) -> Usage | None:
    """The canonical usage; Gemini counts thoughts beside the answer, cached tokens inside the prompt."""
    if usage is None or "promptTokenCount" not in usage:
        return None
    # What the server's own tools read was prompt, too: https://ai.google.dev/api/generate-content#UsageMetadata
    prompt = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
    thoughts = count(usage.get("thoughtsTokenCount"))
    output = count(usage.get("candidatesTokenCount")) + thoughts
    return bounded(prompt, count(usage.get("cachedContentTokenCount")), 0, output=output, reasoning=thoughts)


class _Said:
    """What one candidate has said so far."""

    def __init__(self, prefix: str) -> None:
        self.text = ""
        self.reasoning = ""
        self.calls: list[dict[str, Any]] = []
        self.reason: str | int | None = None
        self.message = ""
        self._prefix = prefix  # of the ids of calls that have none
        self._open: tuple[_Part, Any] | None = None  # a call whose arguments come in pieces, and these

    def finish(self) -> str:
        """The finish reason in OpenAI's words; Gemini says STOP of an answer that calls tools, too."""
        reason = _FINISH.get(self.reason or "STOP", "content_filter")
        return "tool_calls" if self.calls and (reason == "stop" or self.reason in _BROKEN) else reason

    def read(self, candidate: _Candidate) -> Iterator[dict[str, Any]]:
        """The deltas that the candidate's parts are."""
        for part in (candidate.content.parts if candidate.content else None) or ():
            if part.function_call is not None:
                yield from self._call(part, part.function_call)
            elif part.text and part.thought:
                self.reasoning += part.text
                yield {"reasoning_content": part.text}
            elif part.text:
                self.text += part.text
                yield {"content": part.text}
        self.reason = candidate.finish_reason or self.reason
        self.message = candidate.finish_message or self.message

    def _call(self, part: _Part, call: _FunctionCall) -> Iterator[dict[str, Any]]:
        if call.name:
            self._open = (part, {})
        if self._open is None:
            return
        start, arguments = self._open
        for piece in call.partial_args or ():
            path = piece.json_path.replace("[", ".[").split(".")
            arguments = _placed(arguments, path[1:], piece.value())
        self._open = (start, arguments)
        if not call.will_continue:
            self._open = None
            yield self._whole(start, arguments)

    def _whole(self, part: _Part, arguments: Any) -> dict[str, Any]:
        function = part.function_call
        assert function is not None
        text = bytes(function.args).decode()
        if text in ("", "null", "{}"):
            text = orjson.dumps(arguments).decode()
        if not text.startswith("{"):
            raise ValueError("the args of a functionCall are no object")
        index = len(self.calls)
        call = tool_call(function.id or f"{self._prefix}_{index}", function.name or "", text)
        if part.thought_signature:
            call["extra_content"] = {"google": {"thought_signature": part.thought_signature}}
        self.calls.append(call)
        return {"tool_calls": [{"index": index, **call}]}


def _placed(node: Any, path: list[str], value: Any) -> Any:
    """`node` with `value` at `path`, which is made; a text is added to the one that is there."""
    if not path:
        return node + value if isinstance(node, str) and isinstance(value, str) else value
    if path[0].startswith("["):
        items, index = node if isinstance(node, list) else [], int(path[0][1:-1])
        if not 0 <= index <= len(items):
            raise ValueError("a piece of the arguments skips an element")
        items[index : index + 1] = [_placed(items[index] if index < len(items) else None, path[1:], value)]
        return items
    fields = node if isinstance(node, dict) else {}
    fields[path[0]] = _placed(fields.get(path[0]), path[1:], value)
    return fields


class Answer:
    """Gathers the candidates of a reply, in one event or many."""

    def __init__(self) -> None:
        self.candidates: dict[int, _Said] = {}
        self._id = ""

    def read(self, event: _Event) -> list[tuple[int, dict[str, Any]]]:
        """The deltas of `event`, with the candidate of each; a refused prompt is a filtered answer."""
        self._id = self._id or event.response_id or new_id()
        deltas = []
        for candidate in event.candidates or ():
            said = self._said(candidate.index)
            deltas += [(candidate.index, delta) for delta in said.read(candidate)]
        if event.prompt_feedback is not None and event.prompt_feedback.block_reason:
            self._said(0).reason = "SAFETY"
        return deltas

    def _said(self, index: int) -> _Said:
        # Ids of OpenAI's are at most 40 characters long.
        return self.candidates.setdefault(index, _Said(f"call_{self._id[:24]}_{index}"))

    def failure(self) -> UpstreamError | None:
        """What Gemini says it did wrong, if nothing came of it."""
        for said in self.candidates.values():
            if said.reason in _BROKEN and not said.calls:
                return UpstreamError(502, said.message or f"the answer ended with {said.reason}", "bad_reply")
        return None


class GeminiStream(TranslatedStream):
    """Translates event by event.

    Only the end of the bytes marks the end, and calls and usage may follow a finish reason: so the
    finish chunks come from `rest`.
    """

    def __init__(self, model: str, include_usage: bool) -> None:
        super().__init__(model, include_usage)
        self._answer = Answer()

    def _event(self, data: bytes) -> bytes:
        event = event_of(data)
        if event.error is not None:
            self.error = in_band(event.error)
            return b""
        self._chunks.name(event.response_id, event.model_version)
        self.usage = read_usage(event.usage_metadata) or self.usage
        return b"".join(self._chunks.delta(delta, index) for index, delta in self._answer.read(event))

    def _end(self) -> bytes:
        candidates = self._answer.candidates
        if not candidates or any(said.reason is None for said in candidates.values()):
            return b""
        self.error = self._answer.failure()
        if self.error:
            return b""
        self.done = True
        finishes = {index: said.finish() for index, said in sorted(candidates.items())}
        self.finish = next(iter(finishes.values()))
        return b"".join(self._chunks.finish(reason, index) for index, reason in finishes.items())
