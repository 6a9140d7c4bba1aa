"""What is asked, in its context, as a task and a difficulty; bounded work, whatever the length of an ask."""

from __future__ import annotations

import orjson

from gateway.brain import Classifier, Label
from gateway.brain.features import read
from gateway.exchange import TOOLS, VISION, Ask

# Of a longer text only the two ends are decoded: the question stands at one of them.
_WHOLE = 64 * 1024
_END = 16 * 1024


def classify(classifier: Classifier, ask: Ask) -> Label:
    """The label of what a person wants last in `ask`."""
    messages = ask.peek.messages

    def content(number: int) -> bytes:
        _, start, end = messages[number]
        return _text(ask.body, start, end)

    text, before, system, turns = read([role for role, _, _ in messages], content)
    return classifier(
        text,
        before=before,
        system=system,
        turns=turns,
        tools=bool(ask.needs & TOOLS),
        images=bool(ask.needs & VISION),
    )


def _text(body: bytes, start: int, end: int) -> bytes:
    """The text of a content span: a string, or the text parts of a list joined by line ends; UTF-8."""
    if start < 0:
        return b""
    if body[start : start + 1] == b'"':
        if end - start <= _WHOLE:
            return orjson.loads(body[start:end]).encode()  # type: ignore[no-any-return]
        return _ends(body, start + 1, end - 1)
    content = orjson.loads(body[start:end])
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str)).encode()


def _ends(body: bytes, start: int, end: int) -> bytes:
    """Head and tail of a long JSON string, decoded without decoding the middle."""
    return _decoded(body[start : start + _END], cut=-1) + b"\n" + _decoded(body[end - _END : end], cut=1)


def _decoded(piece: bytes, cut: int) -> bytes:
    # The cut may have fallen into a character or an escape: twelve bytes are the longest of either (a
    # surrogate pair of \\uXXXX), so within twelve steps from the cut there is a clean edge.
    for step in range(13):
        inner = piece[: len(piece) - step] if cut < 0 else piece[step:]
        try:
            return orjson.loads(b'"' + inner + b'"').encode()  # type: ignore[no-any-return]
        except orjson.JSONDecodeError:
            continue
    return b""
