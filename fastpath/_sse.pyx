# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Compiled twin of fastpath/pure/sse.py, which says what each class promises.

Events are found and judged where they lie in the bytes that came in; only an event that is not
whole yet is copied.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp

cdef enum:
    EVENT = 1048576  # bytes

    KEEP = 0
    DROP = 1
    STOP = 2

MAX_EVENT = EVENT

cdef bytes BOM = b"\xef\xbb\xbf"

cdef struct Framing:  # where the reading stands between two feeds
    bint blank  # the line at hand has no byte yet
    bint after_cr  # a LF that comes now belongs to the CR before it
    Py_ssize_t size  # bytes in the lines of the event at hand

cdef struct Event:
    Py_ssize_t name
    Py_ssize_t name_size
    Py_ssize_t data
    Py_ssize_t data_size
    Py_ssize_t data_lines

include "_chunk.pxi"


cdef inline Py_ssize_t line_end(
    const char* p, Py_ssize_t at, Py_ssize_t end, Py_ssize_t* line_feed
) noexcept:
    """Where the line at `at` ends, `end` if it does not; `line_feed` keeps the next LF for later.

    Without that, a stream of bare CRs would search all its bytes for a LF once a line.
    """
    if line_feed[0] < at:
        line_feed[0] = find(p, b"\n", at, end)
    return find(p, b"\r", at, line_feed[0])


cdef Py_ssize_t event_end(
    Framing* f, const char* p, Py_ssize_t at, Py_ssize_t end, Py_ssize_t* line_feed
) except -2:
    """Where the event at hand ends, behind its blank line; -1 if that is still to come."""
    cdef Py_ssize_t stop
    while at < end:
        if f.after_cr:
            f.after_cr = False
            if p[at] == b"\n":
                at += 1
                continue
        stop = line_end(p, at, end, line_feed)
        if stop > at:
            f.blank = False
            f.size += stop - at
            if f.size > EVENT:
                raise ValueError(f"an event of the stream is over {EVENT} bytes")
        if stop == end:
            return -1
        f.after_cr = p[stop] == b"\r"
        at = stop + 1
        if f.blank:
            f.size = 0
            if f.after_cr and at < end and p[at] == b"\n":
                f.after_cr = False
                at += 1
            return at
        f.blank = True
    return -1


cdef Event read_event(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    """The fields of a whole event; of several data lines only the last is pointed at."""
    cdef Event event = Event(0, 0, 0, 0, 0)
    cdef Py_ssize_t stop, value
    cdef Py_ssize_t line_feed = -1
    while at < end:
        stop = line_end(p, at, end, &line_feed)
        value = field(p, at, stop, b"data", 4)
        if value >= 0:
            event.data_lines += 1
            event.data = value
            event.data_size = stop - value
        else:
            value = field(p, at, stop, b"event", 5)
            if value >= 0:
                event.name = value
                event.name_size = stop - value
        at = stop + 1
    return event


cdef inline Py_ssize_t field(
    const char* p, Py_ssize_t at, Py_ssize_t end, const char* name, Py_ssize_t size
) noexcept:
    """Where the value starts if the line is of that field, else -1."""
    if end - at < size or memcmp(p + at, name, size) != 0:
        return -1
    at += size
    if at == end:
        return at
    if p[at] != b":":
        return -1
    at += 1
    return at + 1 if at < end and p[at] == b" " else at


cdef bytes event_data(const char* p, Py_ssize_t at, Py_ssize_t end, Event* event):
    cdef list lines
    cdef Py_ssize_t stop, value
    cdef Py_ssize_t line_feed = -1
    if event.data_lines == 1:
        return PyBytes_FromStringAndSize(p + event.data, event.data_size)
    lines = []
    while at < end:
        stop = line_end(p, at, end, &line_feed)
        value = field(p, at, stop, b"data", 4)
        if value >= 0:
            lines.append(PyBytes_FromStringAndSize(p + value, stop - value))
        at = stop + 1
    return b"\n".join(lines)


cdef class SseSplitter:
    """Any SSE stream, in pieces of any size, as events: (event name or b"", data)."""

    cdef Framing framing
    cdef bytearray pending
    cdef bint first

    def __cinit__(self):
        self.framing = Framing(True, False, 0)
        self.pending = bytearray()
        self.first = True

    def feed(self, bytes data not None):
        """The events that `data` completes; ValueError for one over MAX_EVENT."""
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t end
        cdef Py_ssize_t line_feed = -1
        cdef list events = []
        while True:
            end = event_end(&self.framing, p, at, size, &line_feed)
            if end < 0:
                break
            if self.pending:
                self.pending += data[:end]
                self.add(events, bytes(self.pending))
                self.pending.clear()
            else:
                self.read(events, p, at, end)
            at = end
        if at < size:
            self.pending += data[at:]
        return events

    def rest(self):
        """At the end of the stream: the last event, if it lacks its blank line."""
        cdef list events = []
        self.add(events, bytes(self.pending))
        self.pending.clear()
        self.framing = Framing(True, False, 0)
        return events

    cdef int add(self, list events, bytes block) except -1:
        return self.read(events, PyBytes_AS_STRING(block), 0, PyBytes_GET_SIZE(block))

    cdef int read(self, list events, const char* p, Py_ssize_t at, Py_ssize_t end) except -1:
        cdef Event event
        if self.first:
            self.first = False
            at += bom_size(p, at, end)
        event = read_event(p, at, end)
        if event.data_lines:
            name = PyBytes_FromStringAndSize(p + event.name, event.name_size)
            events.append((name, event_data(p, at, end, &event)))
        return 0


cdef inline Py_ssize_t bom_size(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    return 3 if end - at >= 3 and memcmp(p + at, <const char*>BOM, 3) == 0 else 0


cdef class OpenAIScanner:
    """Passes on an OpenAI stream as it is, and notes what the gateway must know of it."""

    cdef Framing framing
    cdef bytearray pending
    cdef bint first
    cdef bint kept
    cdef bint strip_usage
    cdef readonly bint done
    cdef readonly bint started
    cdef readonly bytes usage
    cdef readonly bytes error
    cdef readonly str finish

    def __init__(self, bint strip_usage):
        self.framing = Framing(True, False, 0)
        self.pending = bytearray()
        self.first = True
        self.kept = True
        self.strip_usage = strip_usage
        self.done = self.started = False
        self.usage = self.error = None
        self.finish = ""

    def feed(self, bytes data not None):
        """The whole events to pass on; ValueError for one over MAX_EVENT."""
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t line_feed = -1
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t start = 0  # of the run of events to pass on
        cdef Py_ssize_t end
        cdef list kept = []
        cdef bytes block
        cdef int verdict
        if self.done or self.error is not None or size == 0:
            return b""
        if self.pending:
            at = event_end(&self.framing, p, 0, size, &line_feed)
            if at < 0:
                self.pending += data
                return b""
            block = bytes(self.pending) + data[:at]
            self.pending.clear()
            verdict = self.judge(PyBytes_AS_STRING(block), 0, PyBytes_GET_SIZE(block))
            if verdict == STOP:
                return b""
            if verdict == KEEP:
                kept.append(block)
            start = at
        elif self.framing.after_cr and p[0] == b"\n":
            # The other half of the CRLF that ended the event before, whose fate it shares.
            self.framing.after_cr = False
            at = 1
            start = 0 if self.kept else 1
        verdict = KEEP
        while verdict != STOP:
            end = event_end(&self.framing, p, at, size, &line_feed)
            if end < 0:
                self.pending += data[at:]
                break
            verdict = self.judge(p, at, end)
            if verdict != KEEP:
                if start < at:
                    kept.append(data[start:at])
                start = end
            at = end
        if start < at:
            if at - start == size:
                return data
            kept.append(data[start:at])
        return kept[0] if len(kept) == 1 else b"".join(kept)

    def rest(self):
        """At the end of the stream: a last event that lacks only its blank line, now with it."""
        cdef bytes block = bytes(self.pending)
        cdef const char* p = PyBytes_AS_STRING(block)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(block)
        self.pending.clear()
        if size == 0 or self.done or self.error is not None:
            return b""
        if not is_whole(p, bom_size(p, 0, size) if self.first else 0, size):
            return b""
        if self.judge(p, 0, size) != KEEP:
            return b""
        return block + (b"\n" if block.endswith(b"\n") else b"\n\n")

    cdef int judge(self, const char* p, Py_ssize_t at, Py_ssize_t end) except -1:
        """Note what the event says: it is to KEEP or to DROP, or nothing is passed on from it on."""
        cdef Event event
        cdef bytes data
        cdef int verdict = KEEP
        if self.first:
            self.first = False
            at += bom_size(p, at, end)
        event = read_event(p, at, end)
        if event.data_lines == 1:
            verdict = self.note(p, event.data, event.data + event.data_size)
        elif event.data_lines > 1:
            data = event_data(p, at, end, &event)
            verdict = self.note(PyBytes_AS_STRING(data), 0, PyBytes_GET_SIZE(data))
        self.kept = verdict == KEEP
        return verdict

    cdef int note(self, const char* p, Py_ssize_t at, Py_ssize_t end) except -1:
        cdef Py_ssize_t colon, quote, value
        cdef bint has_usage = False
        cdef bint has_choices = False
        cdef bint has_error = False
        trim(p, &at, &end)
        if is_done(p, at, end):
            self.done = True
            return STOP
        colon = find(p, b":", at, end)
        while colon < end:
            value = behind_space(p, colon + 1, end)
            quote = colon - 1
            while quote > at and is_space(p[quote]):
                quote -= 1
            if value == end:
                pass
            elif is_key(p, at, quote, b"finish_reason", 13):
                self.note_finish(p, value, end)
            elif is_key(p, at, quote, b"usage", 5):
                has_usage |= p[value] == b"{" and is_usage(p, at, quote - 6)
            elif is_key(p, at, quote, b"choices", 7):
                has_choices |= not is_null(p, value, end) and not is_empty_list(p, value, end)
            elif is_key(p, at, quote, b"error", 5):
                has_error |= not is_null(p, value, end) and is_top(p, at, quote - 6)
            colon = find(p, b":", colon + 1, end)
        if has_usage:
            self.usage = PyBytes_FromStringAndSize(p + at, end - at)
        if has_error:
            self.error = PyBytes_FromStringAndSize(p + at, end - at)
            return STOP
        if has_usage and self.strip_usage and not has_choices:
            return DROP
        self.started |= has_choices
        return KEEP

    cdef int note_finish(self, const char* p, Py_ssize_t at, Py_ssize_t end) except -1:
        cdef Py_ssize_t stop
        if p[at] == b'"':
            stop = string_end(p, at, end)
            if at + 1 < stop < end:
                self.finish = p[at + 1 : stop].decode("utf-8", "replace")
        return 0


cdef bint is_whole(const char* p, Py_ssize_t at, Py_ssize_t end) except -1:
    """Whether an event that the stream broke off in, or behind, can be passed on: no cut JSON."""
    cdef Text outer
    cdef Event event = read_event(p, at, end)
    cdef bytes data
    if event.data_lines == 0:
        return True
    data = event_data(p, at, end, &event)
    p = PyBytes_AS_STRING(data)
    at = 0
    end = PyBytes_GET_SIZE(data)
    trim(p, &at, &end)
    if is_done(p, at, end):
        return True
    return at < end and p[at] == b"{" and depth_at(p, at, end, &outer) == 0
