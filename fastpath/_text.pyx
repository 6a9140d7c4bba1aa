# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hashed text features and the linear model over them, compiled. fastpath/pure/text.py is the specification."""

from libc.math cimport exp, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc

from hashlib import sha256

from fastpath.pure.pieces import unpack_pieces
from fastpath.pure.text import checked_pieces, unpack

cdef enum:
    SECTION = 0x1E
    MARK = 0x01
    CHARACTERS = 0
    WORD = 1
    PAIR = 2
    MAX_BITS = 22
    LANES = 16         # columns that are summed at once: a row is one vector for each so many, zeros at its end
    COLUMNS = 64       # the most that a model may have: fastpath.pure.text.MAX_COLUMNS
    FLUSH = 256        # rows that int16 sums of int8 can take: 256 * 127 < 2**15

cdef uint32_t PRIME = 0x01000193
cdef uint8_t LOWER[256]   # 0 = between words

cdef void _fill_lower() noexcept:
    cdef int byte
    memset(LOWER, 0, 256)
    for byte in range(0x80, 0x100):
        LOWER[byte] = byte
    for byte in range(c'0', c'9' + 1):
        LOWER[byte] = byte
    for byte in range(c'a', c'z' + 1):
        LOWER[byte] = byte
        LOWER[byte - 32] = byte

_fill_lower()


cdef struct Reader:
    uint8_t *text       # the section as words with one MARK around each
    Py_ssize_t room     # bytes that text has
    uint32_t *ids       # unique ids found; 2**bits of them at most
    uint8_t *seen       # one bit per id
    int bits


cdef int _open(Reader *reader, int bits) except -1:
    reader.bits = bits
    reader.room = 0
    reader.text = NULL
    reader.ids = <uint32_t *>PyMem_Malloc(sizeof(uint32_t) * ((<size_t>1 << bits) + 1))
    reader.seen = <uint8_t *>PyMem_Malloc(((<size_t>1 << bits) >> 3) + 1)
    if reader.ids == NULL or reader.seen == NULL:
        raise MemoryError()
    memset(reader.seen, 0, ((<size_t>1 << bits) >> 3) + 1)
    return 0


cdef void _close(Reader *reader) noexcept:
    PyMem_Free(reader.text)
    PyMem_Free(reader.ids)
    PyMem_Free(reader.seen)


cdef int _reserve(Reader *reader, Py_ssize_t size) except -1:
    cdef void *text
    if reader.room < size:
        text = PyMem_Realloc(reader.text, size)
        if text == NULL:
            raise MemoryError()
        reader.text = <uint8_t *>text
        reader.room = size
    return 0


cdef inline uint32_t _begin(int kind, int section) noexcept nogil:
    return (<uint32_t>0x811C9DC5 ^ <uint32_t>((kind + 4 * section) & 0xFF)) * PRIME


cdef inline Py_ssize_t _add(
    uint32_t *ids, uint8_t *seen, int shift, Py_ssize_t count, uint32_t state
) noexcept nogil:
    cdef uint32_t row = (state * <uint32_t>0x9E3779B1) >> shift
    cdef uint32_t cell = seen[row >> 3]
    cdef uint32_t bit = 1 << (row & 7)
    seen[row >> 3] = <uint8_t>(cell | bit)
    ids[count] = row
    return count + ((cell & bit) == 0)


cdef Py_ssize_t _normalise(const uint8_t *source, Py_ssize_t size, uint8_t *target) noexcept nogil:
    cdef Py_ssize_t i, length = 1
    cdef uint8_t byte
    target[0] = MARK
    for i in range(size):
        byte = LOWER[source[i]]
        if byte:
            target[length] = byte
            length += 1
        elif target[length - 1] != MARK:
            target[length] = MARK
            length += 1
    if target[length - 1] != MARK:
        target[length] = MARK
        length += 1
    return length


cdef Py_ssize_t _words(Reader *reader, Py_ssize_t length, int section) noexcept nogil:
    # Locals, because a store through a byte pointer makes the compiler read the reader's fields again.
    cdef uint8_t *text = reader.text
    cdef uint32_t *ids = reader.ids
    cdef uint8_t *seen = reader.seen
    cdef int shift = 32 - reader.bits
    cdef uint32_t begin = _begin(WORD, section), begin_pair = _begin(PAIR, section)
    cdef uint32_t word = begin, pair = begin_pair, next_pair = begin_pair
    cdef bint first = True
    cdef Py_ssize_t i, count = 0
    cdef uint8_t byte
    for i in range(1, length):
        byte = text[i]
        if byte != MARK:
            word = (word ^ byte) * PRIME
            pair = (pair ^ byte) * PRIME
            next_pair = (next_pair ^ byte) * PRIME
            continue
        count = _add(ids, seen, shift, count, word)
        if not first:
            count = _add(ids, seen, shift, count, pair)
        first = False
        pair = (next_pair ^ <uint8_t>MARK) * PRIME
        next_pair = begin_pair
        word = begin
    return count


cdef Py_ssize_t _runs(Reader *reader, Py_ssize_t length, int section) noexcept nogil:
    cdef uint32_t begin = _begin(CHARACTERS, section), state
    cdef Py_ssize_t start, at, count = 0
    cdef int size, shortest, longest
    cdef uint8_t *text = reader.text
    cdef uint32_t *ids = reader.ids
    cdef uint8_t *seen = reader.seen
    cdef int shift = 32 - reader.bits
    cdef uint8_t byte
    for start in range(length - 1):
        byte = text[start]
        # a run begins where a character does; stray continuation bytes at a word's start count as one character
        if byte & 0xC0 == 0x80 and text[start - 1] != MARK:
            continue
        if (text[start + 1] if byte == MARK else byte) >= 0xE0:
            shortest, longest = 1, 3
        else:
            shortest, longest = 3, 5
        if byte == MARK and shortest == 1:
            shortest = 2
        state, at, size = begin, start, 0
        while size < longest:
            state = (state ^ text[at]) * PRIME
            at += 1
            while text[at] & 0xC0 == 0x80 and text[at - 1] != MARK:
                state = (state ^ text[at]) * PRIME
                at += 1
            size += 1
            if size >= shortest:
                count = _add(ids, seen, shift, count, state)
            if text[at - 1] == MARK and size > 1:
                break
    return count


cdef Py_ssize_t _lay_out(Reader *reader, const uint8_t *source, Py_ssize_t size) except -1:
    cdef Py_ssize_t length
    _reserve(reader, size + 3)
    length = _normalise(source, size, reader.text)
    reader.text[length] = 0   # ends the last run's look ahead
    return length


cdef void _forget(Reader *reader, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        reader.seen[reader.ids[i] >> 3] = 0


cdef list _listed(Reader *reader, Py_ssize_t count):
    found = sorted([reader.ids[i] for i in range(count)])
    _forget(reader, count)
    return found


def features(bytes text not None, int bits):
    """Ids in [0, 2**bits) of each section's words, then of its characters: each sorted and unique."""
    cdef Reader reader
    cdef Py_ssize_t length
    cdef int section
    cdef bytes part
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be from 1 to {MAX_BITS}, not {bits}")
    memset(&reader, 0, sizeof(Reader))
    blocks = []
    try:
        _open(&reader, bits)
        for section, part in enumerate(text.split(bytes((SECTION,)))):
            length = _lay_out(&reader, <const uint8_t *>PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
            blocks.append(_listed(&reader, _words(&reader, length, section)))
            blocks.append(_listed(&reader, _runs(&reader, length, section)))
        return blocks
    finally:
        _close(&reader)


cdef void _sum(const int8_t *rows, const uint32_t *ids, Py_ssize_t count, int32_t *sums) noexcept nogil:
    cdef int16_t partial[LANES]
    cdef const int8_t *row
    cdef Py_ssize_t i, end, at = 0
    cdef int column
    memset(sums, 0, LANES * sizeof(int32_t))
    while at < count:
        end = min(at + FLUSH, count)
        memset(partial, 0, LANES * sizeof(int16_t))
        for i in range(at, end):
            row = rows + <size_t>ids[i] * LANES
            for column in range(LANES):
                partial[column] += row[column]
        for column in range(LANES):
            sums[column] += partial[column]
        at = end


include "_pieces.pxi"


cdef class LinearModel:
    """A model file, ready to score; ValueError if the file is damaged or of another version."""

    cdef readonly tuple labels
    cdef Reader reader
    cdef int8_t *rows      # [vector][row][lane]
    cdef size_t count
    cdef Py_ssize_t extras
    cdef int columns
    cdef double scales[COLUMNS]
    cdef double biases[COLUMNS]
    cdef double temperature
    cdef Pieces pieces
    cdef float *dense      # [mean][column]
    cdef double *means     # room for those of one window

    def __init__(self, bytes blob not None, Pieces pieces=None):
        file = unpack(blob)
        checked_pieces(file, pieces)
        cdef bytes weights = file.rows
        cdef const int8_t *source = <const int8_t *>PyBytes_AS_STRING(weights)
        cdef size_t row, size
        cdef int column
        if self.rows != NULL:
            raise RuntimeError("a LinearModel is initialised once")
        self.labels = tuple(file.meta["labels"])
        if file.dense:
            self.pieces = pieces
            self.means = <double *>PyMem_Malloc(POOLS * MAX_WIDTH * sizeof(double))
            self.dense = <float *>PyMem_Malloc(len(file.dense))
            if self.dense == NULL or self.means == NULL:
                raise MemoryError()
            memcpy(self.dense, PyBytes_AS_STRING(file.dense), len(file.dense))
        self.columns = len(self.labels) + 1
        self.extras = file.extras
        self.count = (<size_t>1 << <int>file.bits) + <size_t>file.extras
        self.temperature = file.meta["temperature"]
        for column in range(self.columns):
            self.scales[column] = file.meta["scales"][column]
            self.biases[column] = file.meta["biases"][column]
        _open(&self.reader, file.bits)
        size = self.count * LANES * <size_t>((self.columns + LANES - 1) // LANES)
        self.rows = <int8_t *>PyMem_Malloc(size)
        if self.rows == NULL:
            raise MemoryError()
        memset(self.rows, 0, size)
        for row in range(self.count):
            for column in range(self.columns):
                self.rows[(column // LANES * self.count + row) * LANES + column % LANES] = (
                    source[row * self.columns + column]
                )

    def __dealloc__(self):
        PyMem_Free(self.rows)
        PyMem_Free(self.dense)
        PyMem_Free(self.means)
        _close(&self.reader)

    cdef void _weigh(self, Py_ssize_t count, double *values) noexcept:
        cdef int32_t sums[LANES]
        cdef double norm
        cdef int column, first
        if count == 0:
            return
        norm = 1.0 / sqrt(<double>count)
        for first in range(0, self.columns, LANES):
            _sum(self.rows + first * self.count, self.reader.ids, count, sums)
            for column in range(first, min(first + LANES, self.columns)):
                values[column] += self.scales[column] * sums[column - first] * norm

    cdef void _weigh_block(self, Py_ssize_t count, double *values) noexcept:
        self._weigh(count, values)
        _forget(&self.reader, count)

    cdef int _weigh_text(self, bytes text, double *values) except -1:
        cdef const uint8_t *source = <const uint8_t *>PyBytes_AS_STRING(text)
        cdef Py_ssize_t at = 0, end, length, size = PyBytes_GET_SIZE(text)
        cdef int section = 0
        if self.dense != NULL:
            memset(self.means, 0, POOLS * self.pieces.width * sizeof(double))
        while at <= size:
            end = at
            while end < size and source[end] != SECTION:
                end += 1
            length = _lay_out(&self.reader, source + at, end - at)
            self._weigh_block(_words(&self.reader, length, section), values)
            self._weigh_block(_runs(&self.reader, length, section), values)
            if self.dense != NULL:
                self.pieces._pool(self.reader.text, length, section, self.means)
            section += 1
            at = end + 1
        if self.dense != NULL:
            self._weigh_means(values)
        return 0

    cdef void _weigh_means(self, double *values) noexcept nogil:
        cdef const float *row = self.dense
        cdef int mean, column
        for mean in range(POOLS * self.pieces.width):
            if self.means[mean] != 0.0:
                for column in range(self.columns):
                    values[column] += self.means[mean] * row[column]
            row += self.columns

    cdef int _weigh_extra(self, object extra, double *values) except -1:
        cdef Py_ssize_t count = 0, row, table = <Py_ssize_t>1 << self.reader.bits
        for number in sorted(set(extra)):
            row = number
            if not 0 <= row < self.extras:
                raise ValueError(f"extra rows must be from 0 to {self.extras - 1}")
            if count == table:
                raise ValueError("more extra rows than the table has rows")
            self.reader.ids[count] = <uint32_t>(table + row)
            count += 1
        self._weigh(count, values)
        return 0

    def score(self, bytes text not None, extra):
        """Probabilities in the order of labels, and difficulty in 0..1; `extra` are rows after the hashed."""
        cdef double values[COLUMNS]
        cdef double highest, total = 0.0, difficulty
        cdef int column, labels = self.columns - 1
        for column in range(self.columns):
            values[column] = self.biases[column]
        self._weigh_text(text, values)
        self._weigh_extra(extra, values)
        difficulty = min(1.0, max(0.0, values[labels]))
        highest = values[0]
        for column in range(1, labels):
            highest = max(highest, values[column])
        for column in range(labels):
            values[column] = exp((values[column] - highest) / self.temperature)
            total += values[column]
        return [values[column] / total for column in range(labels)], difficulty
