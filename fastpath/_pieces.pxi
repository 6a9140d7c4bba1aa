# Static embeddings of subwords: the compiled half of fastpath.pure.pieces, which says what every name means.
# Included by _text.pyx, whose normalised sections it reads.

cdef enum:
    PIECE = 3          # KIND
    EDGE = 12
    LATEST = 60
    POOLS = 4
    MAX_WIDTH = 256

cdef uint32_t PIECE_BEGIN = (<uint32_t>0x811C9DC5 ^ <uint32_t>PIECE) * PRIME

cdef struct Node:
    uint32_t state     # hash of a piece or of its beginning
    int32_t number     # of the piece; -1: a beginning only; EMPTY: nothing is here

cdef int32_t EMPTY = -2


cdef class Pieces:
    """A table file, ready to average; ValueError if it is damaged or of another version."""

    cdef readonly int width
    cdef readonly str digest
    cdef Node *nodes
    cdef uint32_t mask
    cdef int8_t *vectors
    cdef float *weights
    cdef double scale
    cdef uint32_t *found   # the pieces of one section
    cdef Py_ssize_t room

    def __init__(self, bytes blob not None):
        cdef uint32_t state
        cdef uint8_t byte
        cdef int32_t number
        cdef Node *node
        cdef size_t size = 1024
        if self.nodes != NULL:
            raise RuntimeError("Pieces are initialised once")
        file = unpack_pieces(blob)
        self.width, self.scale = file.width, file.scale
        self.digest = sha256(blob).hexdigest()
        while size < 2 * <size_t>(sum(map(len, file.pieces)) + 1):
            size *= 2
        self.mask = <uint32_t>(size - 1)
        self.nodes = <Node *>PyMem_Malloc(size * sizeof(Node))
        self.weights = <float *>PyMem_Malloc((len(file.pieces) + 1) * sizeof(float))
        self.vectors = <int8_t *>PyMem_Malloc(len(file.vectors) + 1)
        if self.nodes == NULL or self.weights == NULL or self.vectors == NULL:
            raise MemoryError()
        for at in range(size):
            self.nodes[at].number = EMPTY
        memcpy(self.vectors, PyBytes_AS_STRING(file.vectors), len(file.vectors))
        for number, weight in enumerate(file.weights):
            self.weights[number] = weight
        for number, piece in enumerate(file.pieces):
            state, node = PIECE_BEGIN, NULL
            for byte in <bytes>piece:
                state = (state ^ byte) * PRIME
                node = self._node(state)
                if node.number == EMPTY:
                    node.state, node.number = state, -1
            if node != NULL and node.number < 0:
                node.number = number

    def __dealloc__(self):
        PyMem_Free(self.nodes)
        PyMem_Free(self.weights)
        PyMem_Free(self.vectors)
        PyMem_Free(self.found)

    cdef inline Node *_node(self, uint32_t state) noexcept nogil:
        cdef uint32_t at = (state * <uint32_t>0x9E3779B1) & self.mask
        while self.nodes[at].number != EMPTY and self.nodes[at].state != state:
            at = (at + 1) & self.mask
        return &self.nodes[at]

    cdef Py_ssize_t _cut(self, const uint8_t *text, Py_ssize_t length) except -1:
        cdef Py_ssize_t at = 0, after, end = 0, count = 0
        cdef uint32_t state
        cdef int32_t number
        cdef Node *node
        if self.room < length:
            PyMem_Free(self.found)
            self.room = 0
            self.found = <uint32_t *>PyMem_Malloc(length * sizeof(uint32_t))
            if self.found == NULL:
                raise MemoryError()
            self.room = length
        while at < length:
            state, number, after = PIECE_BEGIN, -1, at
            while after < length and (text[after] != MARK or after == at):
                state = (state ^ text[after]) * PRIME
                node = self._node(state)
                if node.number == EMPTY:
                    break
                after += 1
                if node.number >= 0:
                    end, number = after, node.number
            if number >= 0:
                self.found[count] = <uint32_t>number
                count += 1
                at = end
                continue
            at += 1
            while at < length and text[at] & 0xC0 == 0x80:
                at += 1
        return count

    cdef void _mean(self, Py_ssize_t first, Py_ssize_t last, double *means) noexcept nogil:
        cdef int16_t partial[MAX_WIDTH]
        cdef int32_t sums[MAX_WIDTH]
        cdef const int8_t *row
        cdef double weight = 0.0
        cdef Py_ssize_t at, end
        cdef int lane
        memset(sums, 0, sizeof(sums))
        while first < last:
            end = min(first + FLUSH, last)
            memset(partial, 0, sizeof(partial))
            for at in range(first, end):
                row = self.vectors + <size_t>self.found[at] * self.width
                weight += self.weights[self.found[at]]
                for lane in range(self.width):
                    partial[lane] += row[lane]
            for lane in range(self.width):
                sums[lane] += partial[lane]
            first = end
        for lane in range(self.width):
            means[lane] = sums[lane] * (self.scale / weight) if weight else 0.0

    cdef int _pool(self, const uint8_t *text, Py_ssize_t length, int section, double *means) except -1:
        """Adds the means of a normalised section, where it has any, to those of a window."""
        cdef Py_ssize_t count
        if section == 0:
            count = self._cut(text, length)
            self._mean(0, count, means)
            self._mean(0, min(count, EDGE), means + self.width)
            self._mean(max(count - EDGE, 0), count, means + 2 * self.width)
        elif section == 3:
            count = self._cut(text, length)
            self._mean(max(count - LATEST, 0), count, means + 3 * self.width)
        return 0

    def pools(self, bytes text not None):
        """The means of a window, one after the other."""
        cdef double means[POOLS * MAX_WIDTH]
        cdef Reader reader
        cdef Py_ssize_t length
        cdef int section
        cdef bytes part
        memset(means, 0, sizeof(means))
        memset(&reader, 0, sizeof(Reader))
        try:
            for section, part in enumerate(text.split(bytes((SECTION,)))):
                length = _lay_out(&reader, <const uint8_t *>PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
                self._pool(reader.text, length, section, means)
            return [means[at] for at in range(POOLS * self.width)]
        finally:
            PyMem_Free(reader.text)
