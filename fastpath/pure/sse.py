"""Server-sent events: any stream as events, and an OpenAI stream passed on with an eye on it.

The specification of `fastpath._sse`. Lines end in LF, CR or CRLF, events in a blank line
(https://html.spec.whatwg.org/multipage/server-sent-events.html), and bytes may come in pieces of
any size. After a ValueError an object is of no further use.
"""

import re
from collections.abc import Iterator

MAX_EVENT = 1 << 20

_LINE_END = re.compile(rb"\r\n|\r|\n")
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)("?)|[{}\[\]]', re.DOTALL)
_STRING = re.compile(rb'"((?:[^"\\]|\\.)++)"', re.DOTALL)
# Inside a JSON string a quote has a backslash before it, so this finds keys and nothing else.
_KEY = re.compile(rb'(?<!\\)"(finish_reason|usage|choices|error)"[ \n\r\t]*+:[ \n\r\t]*+(?=.)', re.DOTALL)
_NO_CHOICES = re.compile(rb"null|\[[ \n\r\t]*+\]")
_BLANKS = b" \n\r\t"


class _Lines:
    """Bytes as whole lines, each with its line end; a CR is one without waiting for a LF."""

    def __init__(self) -> None:
        self.tail: list[bytes] = []
        self._after_cr = False
        self._event_size = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """(line, line end) pairs; (b"", b"") stands for a LF that belongs to the CR before it."""
        if data.startswith(b"\n") and self._after_cr:
            data = data[1:]
            self._after_cr = False
            yield b"", b""
        end = 0
        for found in _LINE_END.finditer(data):
            self._count(found.start() - end)
            line, end = b"".join([*self.tail, data[end : found.start()]]), found.end()
            if not line:
                self._event_size = 0
            self.tail = []
            yield line, found[0]
        if end < len(data):
            self._count(len(data) - end)
            self.tail.append(data[end:])
        if data:
            self._after_cr = data.endswith(b"\r")

    def _count(self, size: int) -> None:
        self._event_size += size
        if self._event_size > MAX_EVENT:
            raise ValueError(f"an event of the stream is over {MAX_EVENT} bytes")


class _Fields:
    """The fields of events, line by line."""

    def __init__(self) -> None:
        self.clear()
        self._first = True

    def clear(self) -> None:
        self._first = False
        self.name = b""
        self.data: list[bytes] = []

    def add(self, line: bytes) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self.data.append(value)
        elif name == b"event":
            self.name = value


class SseSplitter:
    """Any SSE stream, in pieces of any size, as events: (event name or b"", data).

    Events without data are none; a block of comments is an example.
    """

    def __init__(self) -> None:
        self._lines = _Lines()
        self._fields = _Fields()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The events that `data` completes; ValueError for one over MAX_EVENT."""
        events: list[tuple[bytes, bytes]] = []
        for line, end in self._lines.feed(data):
            if line:
                self._fields.add(line)
            elif end:
                events += self._event()
        return events

    def rest(self) -> list[tuple[bytes, bytes]]:
        """At the end of the stream: the last event, if it lacks its blank line."""
        tail = b"".join(self._lines.tail)
        self._lines = _Lines()
        if tail:
            self._fields.add(tail)
        return self._event()

    def _event(self) -> list[tuple[bytes, bytes]]:
        event = (self._fields.name, b"\n".join(self._fields.data))
        found = [event] if self._fields.data else []
        self._fields.clear()
        return found


class OpenAIScanner:
    """Passes on an OpenAI stream as it is, and notes what the gateway must know of it.

    `[DONE]` is not passed on, nor is an event with a top-level error, nor anything behind either.
    With `strip_usage` an event is left out that has usage but no choices. `finish` is the latest
    finish_reason that says anything; `usage` and `error` hold the data of their whole event.
    """

    def __init__(self, strip_usage: bool) -> None:
        self.done = False
        self.started = False  # an event with choices was passed on
        self.usage: bytes | None = None
        self.error: bytes | None = None
        self.finish = ""
        self._strip_usage = strip_usage
        self._lines = _Lines()
        self._fields = _Fields()
        self._block: list[bytes] = []
        self._kept = True

    def feed(self, data: bytes) -> bytes:
        """The whole events to pass on; ValueError for one over MAX_EVENT."""
        out: list[bytes] = []
        if not self._ended():
            for line, end in self._lines.feed(data):
                if not end:
                    self._late_lf(out)
                    continue
                self._block.append(line + end)
                if line:
                    self._fields.add(line)
                else:
                    self._close(out)
                    if self._ended():
                        break
        passed = b"".join(out)
        return data if passed == data else passed

    def rest(self) -> bytes:
        """At the end of the stream: a last event that lacks only its blank line, now with it."""
        tail = b"".join(self._lines.tail)
        self._lines = _Lines()
        if tail:
            self._block.append(tail)
            self._fields.add(tail)
        if not self._block or self._ended():
            return b""
        data = b"\n".join(self._fields.data).strip(_BLANKS)
        # JSON that was cut in the middle would only break the client's parser.
        cut = not data.startswith(b"{") or _depth(data, len(data))[0] != 0
        if self._fields.data and data != b"[DONE]" and cut:
            return b""
        self._block.append(b"\n" if self._block[-1].endswith(b"\n") else b"\n\n")
        out: list[bytes] = []
        self._close(out)
        return b"".join(out)

    def _ended(self) -> bool:
        return self.done or self.error is not None

    def _late_lf(self, out: list[bytes]) -> None:
        """The other half of a CRLF shares the fate of what its CR ended."""
        if self._block:
            self._block.append(b"\n")
        elif self._kept:
            out.append(b"\n")

    def _close(self, out: list[bytes]) -> None:
        self._kept = not self._fields.data or self._note(b"\n".join(self._fields.data).strip(_BLANKS))
        if self._kept:
            out += self._block
        self._block = []
        self._fields.clear()

    def _note(self, data: bytes) -> bool:
        """Note what an event says; whether it is passed on."""
        if data == b"[DONE]":
            self.done = True
            return False
        has_usage = has_choices = has_error = False
        for found in _KEY.finditer(data):
            at, value = found.span()
            match found[1]:
                case b"finish_reason":
                    if text := _STRING.match(data, value):
                        self.finish = text[1].decode("utf-8", "replace")
                case b"usage" if data.startswith(b"{", value):
                    depth, outer = _depth(data, at)
                    has_usage |= depth == 1 or (depth == 2 and outer == b"x_groq")
                case b"choices":
                    has_choices |= not _NO_CHOICES.match(data, value)
                case b"error" if not data.startswith(b"null", value):
                    has_error |= _depth(data, at)[0] == 1
        if has_usage:
            self.usage = data
        if has_error:
            self.error = data
        if has_error or (has_usage and self._strip_usage and not has_choices):
            return False
        self.started |= has_choices
        return True


def _depth(data: bytes, end: int) -> tuple[int, bytes]:
    """How many containers are open at `end`, -1 in a string; and the last string in the first.

    So where two are open, that string is the key of the second.
    """
    depth, outer = 0, b""
    for token in _TOKEN.finditer(data, 0, end):
        if token[0].startswith(b'"'):
            if not token[2]:
                return -1, outer
            outer = token[1] if depth == 1 else outer
        else:
            depth += 1 if token[0] in b"{[" else -1
    return depth, outer
