"""The text of a message's content, read from the body's bytes; bounded work, whatever its length."""

from __future__ import annotations

import orjson


def text(body: bytes, start: int, end: int, most: int, edge: int) -> bytes:
    """The text of a content span, UTF-8: a string, or the text parts of a list joined by line ends.

    Of one longer than `most` bytes, the first and the last `edge` bytes.
    """
    if start < 0:
        return b""
    if body[start : start + 1] == b'"':
        if end - start <= most:
            return orjson.loads(body[start:end]).encode()  # type: ignore[no-any-return]
        head, tail = body[start + 1 : start + 1 + edge], body[end - 1 - edge : end - 1]
        return _decoded(head, cut=-1) + b"\n" + _decoded(tail, cut=1)
    content = orjson.loads(body[start:end])
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    whole = "\n".join(text for text in texts if isinstance(text, str)).encode()
    return whole if len(whole) <= most else whole[:edge] + b"\n" + whole[-edge:]


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
