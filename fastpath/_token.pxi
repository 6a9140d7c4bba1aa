"""The JSON tokens of `_json`: included there, so that every step can be inlined.

The scanner leans on two facts. A bytes object ends in a NUL, which is no JSON outside a string
and refused inside one, so looking one byte ahead of what was already read needs no bounds check;
and every read of more bytes than that is checked against the end.
"""

import json
import math

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

ctypedef const unsigned char* Ptr

cdef enum:
    FINITE = 308  # decimal places that any double has room for

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHS = 0x8080808080808080

cdef struct Scan:
    Ptr start
    Ptr at
    Ptr end
    bint escaped  # the last string held a backslash

cdef struct Key:
    Ptr start  # at the opening quote
    Ptr end  # behind the closing one
    bint escaped

cdef enum:
    NO_HEX = 0x10000

cdef int[256] HEX
cdef bint[256] PLAIN  # ASCII that a string may hold as it is


cdef void fill_tables() noexcept:
    cdef int c
    for c in range(256):
        HEX[c] = NO_HEX
        PLAIN[c] = 0x20 <= c < 0x80 and c != b'"' and c != b"\\"
    for c in range(10):
        HEX[48 + c] = c
    for c in range(6):
        HEX[65 + c] = HEX[97 + c] = 10 + c


fill_tables()


cdef int fail(Scan* s, str code, Ptr where) except -1:
    raise BodyError(code, where - s.start)


cdef str text(Key* key):
    """The string of a checked token."""
    cdef const char* start = <const char*>key.start
    cdef Py_ssize_t size = key.end - key.start
    if key.escaped:
        return json.loads(PyUnicode_DecodeUTF8(start, size, NULL))
    return PyUnicode_DecodeUTF8(start + 1, size - 2, NULL)


cdef inline bint is_key(Key* key, const char* name, Py_ssize_t size) except -1:
    if key.escaped:
        return text(key) == name[:size].decode()
    return key.end - key.start == size + 2 and memcmp(key.start + 1, name, size) == 0


cdef inline void skip_space(Scan* s) noexcept:
    while s.at[0] == b" " or s.at[0] == b"\n" or s.at[0] == b"\r" or s.at[0] == b"\t":
        s.at += 1


cdef inline int skip_colon(Scan* s) except -1:
    skip_space(s)
    if s.at[0] != b":":
        return fail(s, "invalid_json", s.at)
    s.at += 1
    skip_space(s)
    return 0


cdef inline bint next_element(Scan* s, bint first) except -1:
    """Go to the next element of the open array; False where the array ended instead."""
    skip_space(s)
    if first and s.at[0] != b"]":
        return True
    if s.at[0] == b"]":
        s.at += 1
        return False
    if s.at[0] != b",":
        fail(s, "invalid_json", s.at)
    s.at += 1
    skip_space(s)
    return True


cdef inline bint next_member(Scan* s, bint first, Key* key) except -1:
    """Read the next key of the open object; False where the object ended instead."""
    skip_space(s)
    if s.at[0] == b"}":
        s.at += 1
        return False
    if not first:
        if s.at[0] != b",":
            fail(s, "invalid_json", s.at)
        s.at += 1
        skip_space(s)
    if s.at[0] != b'"':
        fail(s, "invalid_json", s.at)
    key.start = s.at
    skip_string(s)
    key.end = s.at
    key.escaped = s.escaped
    return True


cdef int skip_value(Scan* s, int depth) except -1:
    """Check the value at hand and go behind it; `depth` containers are open around it."""
    cdef unsigned char[DEPTH + 1] opened
    cdef int outside = depth
    cdef bint first
    cdef Key key
    while True:
        first = s.at[0] == b"{" or s.at[0] == b"["
        if first:
            if depth == DEPTH:
                fail(s, "too_deep", s.at)
            depth += 1
            opened[depth] = s.at[0]
            s.at += 1
        else:
            skip_scalar(s)
        while depth > outside:
            if opened[depth] == b"[":
                if next_element(s, first):
                    break
            elif next_member(s, first, &key):
                skip_colon(s)
                break
            first = False
            depth -= 1
        else:
            return 0


cdef inline int skip_scalar(Scan* s) except -1:
    cdef unsigned char c = s.at[0]
    if c == b'"':
        return skip_string(s)
    if c == b"t":
        return skip_word(s, b"true", 4)
    if c == b"f":
        return skip_word(s, b"false", 5)
    if c == b"n":
        return skip_word(s, b"null", 4)
    return skip_number(s)


cdef int skip_word(Scan* s, const char* word, Py_ssize_t size) except -1:
    if s.end - s.at < size or memcmp(s.at, word, size) != 0:
        return fail(s, "invalid_json", s.at)
    s.at += size
    return 0


cdef inline Ptr digits(Ptr p) noexcept:
    while b"0" <= p[0] <= b"9":
        p += 1
    return p


cdef int skip_number(Scan* s) except -1:
    cdef Ptr begin = s.at
    cdef Ptr p = begin + (begin[0] == b"-")
    cdef Ptr part = p
    cdef Py_ssize_t exponent = 0
    cdef Py_ssize_t whole
    cdef bint negative = False
    p = p + 1 if p[0] == b"0" else digits(p)
    whole = p - part
    if p == part:
        return fail(s, "invalid_json", p)
    if p[0] == b".":
        part = p + 1
        p = digits(part)
        if p == part:
            return fail(s, "invalid_json", p)
    if p[0] == b"e" or p[0] == b"E":
        negative = p[1] == b"-"
        part = p + 1 + (negative or p[1] == b"+")
        p = digits(part)
        if p == part:
            return fail(s, "invalid_json", p)
        while part < p and exponent < 1 << 40:
            exponent = exponent * 10 + part[0] - c"0"
            part += 1
    s.at = p
    # Only a number this long can be more than a double holds: see the twin.
    if whole + (-exponent if negative else exponent) > FINITE:
        if math.isinf(float(PyBytes_FromStringAndSize(<const char*>begin, p - begin))):
            return fail(s, "invalid_json", begin)
    return 0


cdef inline bint all_plain(uint64_t x) noexcept:
    """Whether `PLAIN` holds for each of eight bytes."""
    cdef uint64_t quote = x ^ (ONES * 0x22)
    cdef uint64_t slash = x ^ (ONES * 0x5C)
    return ((x | (x - ONES * 0x20) | (quote - ONES) | (slash - ONES)) & HIGHS) == 0


cdef int skip_string(Scan* s) except -1:
    """Check the string whose quote is at hand and go behind it; notes whether it has escapes."""
    cdef Ptr p = s.at + 1
    cdef uint64_t eight
    cdef unsigned char c
    s.escaped = False
    while True:
        while s.end - p >= 8:
            memcpy(&eight, p, 8)
            if not all_plain(eight):
                break
            p += 8
        while PLAIN[p[0]]:
            p += 1
        c = p[0]
        if c == b'"':
            s.at = p + 1
            return 0
        if c >= 0x80:
            p = after_characters(s, p)
        elif c == b"\\":
            s.escaped = True
            p = after_escapes(s, p)
        else:
            return fail(s, "invalid_json", p)


cdef inline bint is_tail(unsigned char c) noexcept:
    return c & 0xC0 == 0x80


cdef Ptr after_characters(Scan* s, Ptr p) except NULL:
    """Behind the UTF-8 characters at `p`: shortest form only, no surrogate, none over U+10FFFF."""
    cdef unsigned char c = p[0]
    while c >= 0x80:
        if 0xE1 <= c <= 0xEC and is_tail(p[1]) and is_tail(p[2]):
            p += 3
        elif 0xC2 <= c < 0xE0 and is_tail(p[1]):
            p += 2
        elif (
            0xE0 <= c < 0xF0
            and (0xA0 if c == 0xE0 else 0x80) <= p[1] <= (0x9F if c == 0xED else 0xBF)
            and is_tail(p[2])
        ):
            p += 3
        elif (
            0xF0 <= c < 0xF5
            and (0x90 if c == 0xF0 else 0x80) <= p[1] <= (0x8F if c == 0xF4 else 0xBF)
            and is_tail(p[2])
            and is_tail(p[3])
        ):
            p += 4
        else:
            fail(s, "invalid_utf8", p)
        c = p[0]
    return p


cdef inline int code_unit(Scan* s, Ptr p) noexcept:
    """The number in the escape backslash, u, four hex digits; NO_HEX or more if it is none."""
    if s.end - p < 6 or p[0] != b"\\" or p[1] != b"u":
        return NO_HEX
    return HEX[p[2]] << 12 | HEX[p[3]] << 8 | HEX[p[4]] << 4 | HEX[p[5]]


cdef Ptr after_escapes(Scan* s, Ptr p) except NULL:
    """Behind the escapes at `p`; a surrogate counts with its other half only."""
    cdef int unit
    while p[0] == b"\\":
        if p[1] == b"u":
            unit = code_unit(s, p)
            if unit < 0xD800 or 0xDFFF < unit < NO_HEX:
                p += 6
            elif unit < 0xDC00 and 0xDC00 <= code_unit(s, p + 6) <= 0xDFFF:
                p += 12
            else:
                fail(s, "invalid_json", p)
        elif p[1] in b'"\\/bfnrt':
            p += 2
        else:
            fail(s, "invalid_json", p)
    return p
