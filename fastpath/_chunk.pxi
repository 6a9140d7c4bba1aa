"""What the JSON of a chunk says, found by byte search: included in `_sse`, which asks."""

from libc.string cimport memchr, memcmp

cdef enum:
    IN_STRING = 1073741824

cdef struct Text:
    const char* at
    Py_ssize_t size


cdef inline Py_ssize_t find(const char* p, char c, Py_ssize_t at, Py_ssize_t end) noexcept:
    cdef const char* found = <const char*>memchr(p + at, c, end - at)
    return end if found == NULL else found - p


cdef inline bint is_space(char c) noexcept:
    return c == b" " or c == b"\n" or c == b"\r" or c == b"\t"


cdef inline Py_ssize_t behind_space(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    while at < end and is_space(p[at]):
        at += 1
    return at


cdef inline void trim(const char* p, Py_ssize_t* at, Py_ssize_t* end) noexcept:
    at[0] = behind_space(p, at[0], end[0])
    while end[0] > at[0] and is_space(p[end[0] - 1]):
        end[0] -= 1


cdef inline bint is_done(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    return end - at == 6 and memcmp(p + at, b"[DONE]", 6) == 0


cdef inline bint is_null(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    return end - at >= 4 and memcmp(p + at, b"null", 4) == 0


cdef inline bint is_empty_list(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    if p[at] != b"[":
        return False
    at = behind_space(p, at + 1, end)
    return at < end and p[at] == b"]"


cdef inline bint is_key(
    const char* p, Py_ssize_t at, Py_ssize_t quote, const char* name, Py_ssize_t size
) noexcept:
    """Whether the string that ends at `quote` is `name`.

    No parse is needed: inside a string a quote has a backslash before it.
    """
    cdef Py_ssize_t start = quote - size - 1
    return (
        start >= at
        and p[quote] == b'"'
        and p[start] == b'"'
        and memcmp(p + start + 1, name, size) == 0
        and (start == at or p[start - 1] != b"\\")
    )


cdef Py_ssize_t string_end(const char* p, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Where the closing quote of the string at `at` is, `end` if there is none."""
    at += 1
    while at < end and p[at] != b'"':
        at += 2 if p[at] == b"\\" else 1
    return min(at, end)


cdef int depth_at(const char* p, Py_ssize_t at, Py_ssize_t end, Text* outer) noexcept:
    """How many containers are open at `end`, or IN_STRING; `outer` is the last string in the first.

    So where two are open, `outer` is the key of the second.
    """
    cdef Py_ssize_t stop
    cdef int depth = 0
    outer.at = p
    outer.size = 0
    while at < end:
        if p[at] == b'"':
            stop = string_end(p, at, end)
            if stop == end:
                return IN_STRING
            if depth == 1:
                outer.at = p + at + 1
                outer.size = stop - at - 1
            at = stop
        elif p[at] == b"{" or p[at] == b"[":
            depth += 1
        elif p[at] == b"}" or p[at] == b"]":
            depth -= 1
        at += 1
    return depth


cdef bint is_top(const char* p, Py_ssize_t at, Py_ssize_t key) noexcept:
    cdef Text outer
    return depth_at(p, at, key, &outer) == 1


cdef bint is_usage(const char* p, Py_ssize_t at, Py_ssize_t key) noexcept:
    cdef Text outer
    cdef int depth = depth_at(p, at, key, &outer)
    if depth == 2:
        return outer.size == 6 and memcmp(outer.at, b"x_groq", 6) == 0
    return depth == 1
