"""Where the parts of a request body lie, and how to change some without touching the rest.

The specification of `fastpath._json`. Both refuse and accept the same bodies with the same codes:
bad UTF-8 anywhere comes first, then the first fault in reading order. Only the offset of
`invalid_json` may differ between them.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastpath.errors import BodyError

IMAGE, AUDIO, FILE = 1, 2, 4
MAX_DEPTH = 128

_PARTS = {"image_url": IMAGE, "input_audio": AUDIO, "file": FILE}
_SPACE = re.compile(rb"[ \t\n\r]*+")
_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_WORD = re.compile(rb"true|false|null")

# A member of an object: key, key_start, value_start, value_end.
Member = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Peek:
    """Byte offsets of what the gateway reads of a body; `peek` makes it, for that body only."""

    entries: dict[str, tuple[int, int, int]]
    messages: list[tuple[str | None, int, int]]
    flags: int


def peek(body: bytes) -> Peek:
    """Check the whole body and say where its parts lie; BodyError where it is refused."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BodyError("invalid_utf8", error.start) from None
    root = _space(body, 0)
    if body[root : root + 1] == b"{":
        members, end = _members(body, root, depth=1)
    else:
        members, end = [], _value(body, root, depth=0)
    if _space(body, end) != len(body):
        raise BodyError("invalid_json", end)
    if body[root : root + 1] != b"{":
        raise BodyError("not_an_object", root)
    entries = {key: (key_start, start, end) for key, key_start, start, end in members}
    _, at, _ = entries.get("messages", (0, 0, 0))
    if body[at : at + 1] != b"[":
        return Peek(entries, [], 0)
    messages = [_message(body, start) for start, _ in _elements(body, at, depth=2)[0]]
    flags = 0
    for _, start, _ in messages:
        flags |= _content_flags(body, start)
    return Peek(entries, messages, flags)


def splice(body: bytes, peek: Peek, edits: Mapping[str, bytes | None]) -> bytes:
    """The body with values replaced, keys dropped (None) or added; all other bytes stay.

    `edits` maps top-level keys to JSON. ValueError where `peek` is not of this body.
    """
    head = tail = body.index(b"{") + 1
    previous = 0
    kept: list[bytes] = []
    for key, (key_start, start, end) in peek.entries.items():
        if not previous <= key_start <= start <= end <= len(body):
            raise ValueError("the peek is not of this body: peek and splice the same bytes")
        if previous:
            separator = body[previous:key_start]
        else:
            head, separator = key_start, b","
        new = edits.get(key, body[start:end])
        if new is not None:
            kept += [separator if kept else b"", body[key_start:start], new]
        previous = tail = end
    for key, value in edits.items():
        if value is not None and key not in peek.entries:
            kept += [b"," if kept else b"", json.dumps(key).encode(), b":", value]
    return b"".join([body[:head], *kept, body[tail:]])


def _message(body: bytes, at: int) -> tuple[str | None, int, int]:
    """Role and content span of a message; where a key is repeated the last one counts."""
    role, content = None, (-1, -1)
    if body[at : at + 1] == b"{":
        for key, _, start, end in _members(body, at, depth=3)[0]:
            if key == "role":
                role = _text(body, start, end) if body[start : start + 1] == b'"' else None
            elif key == "content":
                content = (start, end)
    return role, *content


def _content_flags(body: bytes, at: int) -> int:
    flags = 0
    if at >= 0 and body[at : at + 1] == b"[":
        for part, _ in _elements(body, at, depth=4)[0]:
            if body[part : part + 1] == b"{":
                members = _members(body, part, depth=5)[0]
                types = [(start, end) for key, _, start, end in members if key == "type"]
                if types and body[types[-1][0] : types[-1][0] + 1] == b'"':
                    flags |= _PARTS.get(_text(body, *types[-1]), 0)
    return flags


def _value(body: bytes, at: int, depth: int) -> int:
    """Where the value at `at` ends; `depth` containers are open around it."""
    match body[at : at + 1]:
        case b"{":
            return _members(body, at, depth + 1)[1]
        case b"[":
            return _elements(body, at, depth + 1)[1]
        case b'"':
            return _string(body, at)
    if found := _WORD.match(body, at):
        return found.end()
    found = _NUMBER.match(body, at)
    # A number that no double can hold would be read as infinity, and JSON cannot say that.
    if not found or math.isinf(float(found[0])):
        raise BodyError("invalid_json", at)
    return found.end()


def _members(body: bytes, at: int, depth: int) -> tuple[list[Member], int]:
    """The members of the object at `at`, which is container number `depth`, and its end."""
    if depth > MAX_DEPTH:
        raise BodyError("too_deep", at)
    members: list[Member] = []
    seen: set[str] = set()
    at = _space(body, at + 1)
    while not members or body[at : at + 1] == b",":
        if members:
            at = _space(body, at + 1)
        elif body[at : at + 1] == b"}":
            return members, at + 1
        key_start, at = at, _string(body, at)
        key = _text(body, key_start, at)
        if depth == 1 and key in seen:
            raise BodyError("duplicate_key", key_start)
        seen.add(key)
        start = _space(body, _expect(body, _space(body, at), b":"))
        end = _value(body, start, depth)
        members.append((key, key_start, start, end))
        at = _space(body, end)
    return members, _expect(body, at, b"}")


def _elements(body: bytes, at: int, depth: int) -> tuple[list[tuple[int, int]], int]:
    """The spans in the array at `at`, which is container number `depth`, and its end."""
    if depth > MAX_DEPTH:
        raise BodyError("too_deep", at)
    elements: list[tuple[int, int]] = []
    at = _space(body, at + 1)
    while not elements or body[at : at + 1] == b",":
        if elements:
            at = _space(body, at + 1)
        elif body[at : at + 1] == b"]":
            return elements, at + 1
        end = _value(body, at, depth)
        elements.append((at, end))
        at = _space(body, end)
    return elements, _expect(body, at, b"]")


def _string(body: bytes, at: int) -> int:
    found = _STRING.match(body, at)
    if not found:
        raise BodyError("invalid_json", at)
    if b"\\u" in found[0]:
        try:
            _text(body, at, found.end()).encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            raise BodyError("invalid_json", at) from None
    return found.end()


def _text(body: bytes, start: int, end: int) -> str:
    text: str = json.loads(body[start:end].decode())
    return text


def _expect(body: bytes, at: int, sign: bytes) -> int:
    if body[at : at + 1] != sign:
        raise BodyError("invalid_json", at)
    return at + 1


def _space(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    assert found
    return found.end()
