"""What the brain reads of a request: the ask out of its envelope, its windows, and its structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.brain.manners import without_manners
from gateway.brain.patterns import PATTERNS

# Bytes. Of a longer ask its two ends are read; the question stands at one of them.
HEAD = TAIL = 1024
LINE = 160  # of the first and of the last line
BEFORE = 400  # of each message that a short ask may refer to
SYSTEM = 600
PEEL = 65536  # envelopes are looked for in so much of either end

_SECTION = b"\x1e"
_WRAPPED = (b"user_query", b"user_request", b"task", b"question", b"feedback", b"query", b"request")
_AROUND = (
    b"system-reminder",
    b"system_reminder",
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
    """A request as the brain sees it: what is asked last, what that may refer to, the instructions above."""

    text: bytes
    before: bytes
    system: bytes
    turns: int


def read(roles: Sequence[str | None], content: Callable[[int], bytes]) -> Reading:
    """The reading of a conversation; `content(i)`, message i's text, is called four times at most."""
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
    return Reading(
        without_manners(peel(content(last))), b"\n".join(before), peel(system)[:SYSTEM], len(users)
    )


def peel(text: bytes) -> bytes:
    """`text` without the blocks that agents put around an ask; all of it where that leaves nothing."""
    if b"<" not in text:
        return text
    text = _ends(text, PEEL, PEEL)
    kept: list[bytes] = []
    inside, at = b"", 0
    for tag in _TAG.finditer(text):
        closes, name = tag[1], tag[2]
        if not inside and not closes:
            kept.append(text[at : tag.start()])
            inside, at = name, tag.end()
        elif inside == name and closes:
            if name in _WRAPPED:
                kept.append(text[at : tag.start()])
            inside, at = b"", tag.end()
    kept.append(text[at:])
    return b"".join(kept).strip() or text


def _ends(text: bytes, head: int, tail: int) -> bytes:
    return text if len(text) <= head + tail else text[:head] + b"\n" + text[-tail:]


def body(text: bytes) -> bytes:
    """The part of an ask that is matched and hashed."""
    return _ends(text, HEAD, TAIL).replace(_SECTION, b" ")


def window(text: bytes, before: bytes, system: bytes) -> bytes:
    """The sections that are hashed: `body`, its first line, its last line, what came before, instructions."""
    stripped = text.strip()
    first = stripped[:LINE].split(b"\n", 1)[0]
    last = stripped[-LINE:].rsplit(b"\n", 1)[-1]
    parts = [first, last, before, system]
    return _SECTION.join([text, *(part.replace(_SECTION, b" ") for part in parts)])


# Rows after the hashed ones: a pattern's hit in the ask and around it, sizes by powers of two, then flags.
_AROUND_HITS = len(PATTERNS)
_SIZE = 2 * len(PATTERNS)
_LINES = _SIZE + 16
_TURNS = _LINES + 16
_MARKS = _TURNS + 5
_DIGITS = _MARKS + 4
_TOOLS, _IMAGES, _BEFORE, _SHORT_AFTER, _SYSTEM, _ENDS_ASKING = range(_DIGITS + 5, _DIGITS + 11)
EXTRAS = _ENDS_ASKING + 1

_QUESTION_MARKS = (b"?", "？".encode(), "؟".encode())
_SHORT = 64  # bytes: too few to stand alone
_SAMPLE = 256


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
    """Ids in [0, EXTRAS) of an ask's rows after the hashed ones; `around`: hits in before and system."""
    asking = sum(text.count(mark) for mark in _QUESTION_MARKS)
    sample = text[:_SAMPLE]
    digits = len(sample) - len(sample.translate(None, b"0123456789"))
    rows = [
        *hits,
        *(_AROUND_HITS + hit for hit in around),
        _SIZE + min(len(text).bit_length(), 15),
        _LINES + min(text.count(b"\n").bit_length(), 15),
        _TURNS + min(turns, 4),
        _MARKS + min(asking, 3),
        _DIGITS + min(16 * digits // (len(sample) + 1), 4),
    ]
    flags = {
        _TOOLS: tools,
        _IMAGES: images,
        _BEFORE: before,
        _SHORT_AFTER: before and len(text) < _SHORT,
        _SYSTEM: system,
        _ENDS_ASKING: text[-8:].rstrip().endswith(_QUESTION_MARKS),
    }
    return rows + [row for row, is_so in flags.items() if is_so]
