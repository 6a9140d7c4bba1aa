"""What the brain reads of a request: the ask out of its envelope, its windows, and the structure around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.brain.patterns import PATTERNS

# Bytes. Of a longer ask its two ends are read; the question stands at one of them.
HEAD = TAIL = 4096
LINE = 160  # of the first and of the last line
BEFORE = 400  # of each message that a short ask may refer to
SYSTEM = 600
PEEL = 65536  # envelopes are looked for in so much of either end

_SECTION = b"\x1e"
_WRAPPED = (b"user_query", b"user_request", b"task", b"question", b"feedback", b"query", b"request")
_AROUND = (
    b"system-reminder",
    b"environment_context",
    b"environment_details",
    b"env",
    b"user_info",
    b"user_instructions",
    b"additional_data",
    b"attached_files",
    b"open_files",
    b"open_file",
    b"recent_files",
    b"open_and_recently_viewed_files",
    b"git_status",
    b"project_layout",
    b"current_file",
    b"ide_opened_file",
    b"ide_selection",
    b"ide_diagnostics",
    b"rules",
    b"memories",
    b"command-name",
    b"command-message",
    b"local-command-stdout",
    b"local-command-caveat",
)
_TAG = re.compile(rb"<(/?)(" + b"|".join(map(re.escape, _AROUND + _WRAPPED)) + rb")(?:\s[^<>]{0,200})?>")


class Reading(NamedTuple):
    """One request as the brain sees it: what is asked last, what it may refer to, and the instructions above it."""

    text: bytes
    before: bytes
    system: bytes
    turns: int


def read(roles: Sequence[str | None], content: Callable[[int], bytes]) -> Reading:
    """The reading of a conversation; `content(i)` gives message i's text and is called for four messages at most."""
    users = [number for number, role in enumerate(roles) if role == "user"]
    last = users[-1] if users else len(roles) - 1
    if last < 0:
        return Reading(b"", b"", b"", 0)
    system = content(0) if last and roles[0] in ("system", "developer") else b""
    before = []
    if len(users) > 1:
        before.append(peel(content(users[-2]))[:BEFORE])
    if last and roles[last - 1] == "assistant":
        before.append(_ends(content(last - 1), BEFORE // 2, BEFORE // 2))
    return Reading(peel(content(last)), b"\n".join(before), peel(system)[:SYSTEM], len(users))


def peel(text: bytes) -> bytes:
    """`text` without the blocks that agents put around an ask, or only what they wrapped as the ask."""
    if b"<" not in text:
        return text
    text = _ends(text, PEEL, PEEL)
    kept: list[bytes] = []
    wrapped: list[bytes] = []
    inside, at = b"", 0
    for tag in _TAG.finditer(text):
        closes, name = tag[1], tag[2]
        if not inside and not closes:
            kept.append(text[at : tag.start()])
            inside, at = name, tag.end()
        elif inside == name and closes:
            if name in _WRAPPED:
                wrapped.append(text[at : tag.start()])
            inside, at = b"", tag.end()
    kept.append(text[at:])
    asked = wrapped[-1].strip() if wrapped else b""
    return asked or b"".join(kept).strip() or text


def _ends(text: bytes, head: int, tail: int) -> bytes:
    return text if len(text) <= head + tail else text[:head] + b"\n" + text[-tail:]


def body(text: bytes) -> bytes:
    """The part of an ask that is matched and hashed."""
    return _ends(text, HEAD, TAIL).replace(_SECTION, b" ")


def window(text: bytes, before: bytes, system: bytes) -> bytes:
    """The sections that are hashed: `body`, its first line, its last line, what came before, the instructions above."""
    stripped = text.strip()
    first = stripped[:LINE].split(b"\n", 1)[0]
    last = stripped[-LINE:].rsplit(b"\n", 1)[-1]
    parts = [first, last, before, system]
    return _SECTION.join([text, *(part.replace(_SECTION, b" ") for part in parts)])


_ROWS = len(PATTERNS)
_SIZES = 16
_FLAGS = 2 * _ROWS + 2 * _SIZES
EXTRAS = _FLAGS + 32


def extra(
    text: bytes,
    hits: list[int],
    around: list[int],
    *,
    turns: int,
    tools: bool,
    images: bool,
    before: bytes,
    system: bytes,
) -> list[int]:
    """Ids of the rows after the hashed ones, in [0, EXTRAS): pattern hits in `text` and around it, sizes, structure."""
    rows = hits + [_ROWS + hit for hit in around]
    size = min(len(text).bit_length(), _SIZES - 1)
    rows.append(2 * _ROWS + size)
    rows.append(2 * _ROWS + _SIZES + min(text.count(b"\n").bit_length(), _SIZES - 1))
    flag = _FLAGS
    rows.append(flag + min(turns, 4))
    if tools:
        rows.append(flag + 5)
    if images:
        rows.append(flag + 6)
    if before:
        rows.append(flag + 7)
        if size <= 6:
            rows.append(flag + 8)
    if system:
        rows.append(flag + 9)
    rows.append(flag + 10 + min(text.count(b"?") + text.count("？".encode()), 3))
    ending = text[-3:].rstrip()
    if ending.endswith(b"?") or ending == "？".encode():
        rows.append(flag + 14)
    sample = text[:256]
    digits = len(sample) - len(sample.translate(None, b"0123456789"))
    rows.append(flag + 15 + min(digits * 16 // (len(sample) + 1), 4))
    return rows
