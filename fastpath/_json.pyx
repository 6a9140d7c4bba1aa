# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Compiled twin of fastpath/pure/json.py, which says what each function promises.

One pass, no recursion, no object for a token; _token.pxi reads the tokens.
"""

from json.encoder import encode_basestring_ascii

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

from fastpath.errors import BodyError

cdef enum:
    DEPTH = 128
    IMAGE_PART = 1
    AUDIO_PART = 2
    FILE_PART = 4

IMAGE, AUDIO, FILE = IMAGE_PART, AUDIO_PART, FILE_PART
MAX_DEPTH = DEPTH

include "_token.pxi"

cdef struct Piece:
    const char* data
    Py_ssize_t size

cdef class Peek:
    """Byte offsets of what the gateway reads of a body; `peek` makes it, for that body only."""

    cdef readonly dict entries
    cdef readonly list messages
    cdef readonly int flags


def peek(bytes body not None):
    """Check the whole body and say where its parts lie; BodyError where it is refused."""
    try:
        return read_body(body)
    except BodyError:
        # Bad UTF-8 behind the first fault is still the news: the twin decodes before it reads.
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise BodyError("invalid_utf8", error.start) from None
        raise


cdef Peek read_body(bytes body):
    cdef Scan s
    cdef Key key
    cdef Ptr value
    cdef Ptr root
    cdef bint first = True
    cdef bint is_object
    cdef Peek found = Peek.__new__(Peek)
    cdef str name
    found.entries = {}
    found.messages = []
    s.start = s.at = <Ptr>PyBytes_AS_STRING(body)
    s.end = s.start + PyBytes_GET_SIZE(body)
    skip_space(&s)
    root = s.at
    is_object = root[0] == b"{"
    if is_object:
        s.at += 1
        while next_member(&s, first, &key):
            first = False
            name = text(&key)
            if PyDict_Contains(found.entries, name):
                fail(&s, "duplicate_key", key.start)
            skip_colon(&s)
            value = s.at
            if value[0] == b"[" and name == "messages":
                read_messages(&s, found)
            else:
                skip_value(&s, 1)
            found.entries[name] = (key.start - s.start, value - s.start, s.at - s.start)
    else:
        skip_value(&s, 0)
    skip_space(&s)
    if s.at != s.end:
        fail(&s, "invalid_json", s.at)
    if not is_object:
        fail(&s, "not_an_object", root)
    return found


cdef int read_messages(Scan* s, Peek found) except -1:
    cdef bint first = True
    s.at += 1
    while next_element(s, first):
        first = False
        if s.at[0] == b"{":
            read_message(s, found)
        else:
            skip_value(s, 2)
            found.messages.append((None, -1, -1))
    return 0


cdef int read_message(Scan* s, Peek found) except -1:
    cdef Key key
    cdef Key role_key
    cdef bint first = True
    cdef str role = None
    cdef Py_ssize_t start = -1
    cdef Py_ssize_t end = -1
    cdef int flags = 0
    s.at += 1
    while next_member(s, first, &key):
        first = False
        skip_colon(s)
        if is_key(&key, b"role", 4):
            role = None
            role_key.start = s.at
            skip_value(s, 3)
            if role_key.start[0] == b'"':
                role_key.end = s.at
                role_key.escaped = s.escaped
                role = text(&role_key)
        elif is_key(&key, b"content", 7):
            start = s.at - s.start
            flags = read_content(s)
            end = s.at - s.start
        else:
            skip_value(s, 3)
    found.flags |= flags
    found.messages.append((role, start, end))
    return 0


cdef int read_content(Scan* s) except -1:
    cdef bint first = True
    cdef int flags = 0
    if s.at[0] != b"[":
        skip_value(s, 3)
        return 0
    s.at += 1
    while next_element(s, first):
        first = False
        if s.at[0] == b"{":
            flags |= read_part(s)
        else:
            skip_value(s, 4)
    return flags


cdef int read_part(Scan* s) except -1:
    cdef Key key
    cdef Key kind
    cdef bint first = True
    cdef int flag = 0
    s.at += 1
    while next_member(s, first, &key):
        first = False
        skip_colon(s)
        kind.start = s.at
        skip_value(s, 5)
        if is_key(&key, b"type", 4):
            flag = 0
            if kind.start[0] == b'"':
                kind.end = s.at
                kind.escaped = s.escaped
                if is_key(&kind, b"image_url", 9):
                    flag = IMAGE_PART
                elif is_key(&kind, b"input_audio", 11):
                    flag = AUDIO_PART
                elif is_key(&kind, b"file", 4):
                    flag = FILE_PART
    return flag


def splice(bytes body not None, Peek peek not None, edits):
    """The body with values replaced, keys dropped (None) or added; all other bytes stay."""
    cdef dict changes = edits if type(edits) is dict else dict(edits)
    cdef list added = []  # holds the encoded keys while `pieces` points into them
    cdef Piece* pieces
    cdef bytes value
    for key, value in changes.items():
        if value is not None and not PyDict_Contains(peek.entries, key):
            added.append((encode_basestring_ascii(key).encode(), value))
    pieces = <Piece*>PyMem_Malloc(
        (2 * len(peek.entries) + 4 * len(added) + 2) * sizeof(Piece)
    )
    if pieces == NULL:
        raise MemoryError
    try:
        return join(pieces, cut(body, peek.entries, changes, added, pieces))
    finally:
        PyMem_Free(pieces)


cdef Piece* cut(bytes body, dict entries, dict changes, list added, Piece* piece) except NULL:
    """Fill in the pieces of the new body from `piece` on; returns the one behind the last."""
    cdef const char* base = PyBytes_AS_STRING(body)
    cdef Py_ssize_t previous = 0
    cdef Py_ssize_t head = body.index(b"{") + 1
    cdef Py_ssize_t tail = head
    cdef Py_ssize_t key_start, start, end, size = PyBytes_GET_SIZE(body)
    cdef Piece* kept = piece + 1
    cdef Piece* at = kept
    cdef bytes name, value
    for key, span in entries.items():
        key_start, start, end = span
        if not previous <= key_start <= start <= end <= size:
            raise ValueError("the peek is not of this body: peek and splice the same bytes")
        if not previous:
            head = key_start
        if key not in changes:
            at = put(at, base, previous if at != kept else key_start, end)
        elif changes[key] is not None:
            value = changes[key]
            at = put(at, base, previous if at != kept else key_start, start)
            at = put(at, PyBytes_AS_STRING(value), 0, PyBytes_GET_SIZE(value))
        previous = tail = end
    for name, value in added:
        if at != kept:
            at = put(at, b",", 0, 1)
        at = put(at, PyBytes_AS_STRING(name), 0, PyBytes_GET_SIZE(name))
        at = put(at, b":", 0, 1)
        at = put(at, PyBytes_AS_STRING(value), 0, PyBytes_GET_SIZE(value))
    put(piece, base, 0, head)
    return put(at, base, tail, size)


cdef inline Piece* put(Piece* at, const char* data, Py_ssize_t start, Py_ssize_t end) noexcept:
    at.data = data + start
    at.size = end - start
    return at + 1


cdef bytes join(Piece* first, Piece* last):
    cdef Py_ssize_t size = 0
    cdef Piece* piece = first
    cdef bytes whole
    cdef char* out
    while piece < last:
        size += piece.size
        piece += 1
    whole = PyBytes_FromStringAndSize(NULL, size)
    out = PyBytes_AS_STRING(whole)
    piece = first
    while piece < last:
        memcpy(out, piece.data, piece.size)
        out += piece.size
        piece += 1
    return whole
