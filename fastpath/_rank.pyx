# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled half of fastpath.pure.rank, which says what every name here means."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport INFINITY, floor
from libc.stdint cimport uint32_t
from libc.stdlib cimport qsort

from fastpath.pure.rank import BEST, CHEAPEST, checked

cdef int _CHEAPEST = CHEAPEST, _BEST = BEST

cdef struct Tier:
    double above, input, output, cache_read

cdef struct Place:
    double first, second, cost
    int number


cdef int _before(const void *a, const void *b) noexcept nogil:
    cdef const Place *left = <const Place *>a
    cdef const Place *right = <const Place *>b
    if left.first != right.first:
        return -1 if left.first < right.first else 1
    if left.second != right.second:
        return -1 if left.second < right.second else 1
    return left.number - right.number


cdef class RankTable:
    cdef readonly int count
    cdef int tasks, buckets
    cdef double *chances      # [task][bucket][target]
    cdef double *abilities    # [task][target]
    cdef double *ratios       # [task][target]
    cdef double *rooms
    cdef uint32_t *unable
    cdef int *thinks
    cdef int *providers
    cdef int *tiers           # [target + 1]: where each target's tiers begin
    cdef Tier *prices
    cdef Place *places        # room for one ranking
    cdef int *used            # providers already among the first

    def __init__(self, targets, chances):
        cdef int number, task, bucket
        if self.places != NULL:
            raise RuntimeError("a RankTable is initialised once")
        targets, self.tasks, self.buckets = checked(targets, chances)
        self.count = len(targets)
        total = sum(len(target.tiers) for target in targets)
        room = max(self.count, 1)
        self.chances = <double *>_room(room * self.tasks * self.buckets, sizeof(double))
        self.abilities = <double *>_room(room * self.tasks, sizeof(double))
        self.ratios = <double *>_room(room * self.tasks, sizeof(double))
        self.rooms = <double *>_room(room, sizeof(double))
        self.unable = <uint32_t *>_room(room, sizeof(uint32_t))
        self.thinks = <int *>_room(room, sizeof(int))
        self.providers = <int *>_room(room, sizeof(int))
        self.tiers = <int *>_room(room + 1, sizeof(int))
        self.prices = <Tier *>_room(max(total, 1), sizeof(Tier))
        self.used = <int *>_room(room, sizeof(int))
        self.places = <Place *>_room(room, sizeof(Place))
        names = {}
        for number, target in enumerate(targets):
            self.rooms[number] = target.room
            self.unable[number] = target.unable
            self.thinks[number] = target.thinks
            self.providers[number] = names.setdefault(target.provider, len(names))
            self.tiers[number + 1] = self.tiers[number] + len(target.tiers)
            for place, tier in enumerate(target.tiers):
                self.prices[self.tiers[number] + <int>place] = Tier(
                    tier.above, tier.input, tier.output, tier.cache_read
                )
            for task in range(self.tasks):
                self.abilities[task * self.count + number] = target.abilities[task]
                self.ratios[task * self.count + number] = 1.0
        for task in range(self.tasks):
            for bucket in range(self.buckets):
                for number in range(self.count):
                    self.chances[(task * self.buckets + bucket) * self.count + number] = (
                        chances[task][bucket][number]
                    )

    def __dealloc__(self):
        PyMem_Free(self.chances)
        PyMem_Free(self.abilities)
        PyMem_Free(self.ratios)
        PyMem_Free(self.rooms)
        PyMem_Free(self.unable)
        PyMem_Free(self.thinks)
        PyMem_Free(self.providers)
        PyMem_Free(self.tiers)
        PyMem_Free(self.prices)
        PyMem_Free(self.used)
        PyMem_Free(self.places)

    cdef int _bucket(self, double difficulty) noexcept nogil:
        cdef int bucket = <int>(min(max(difficulty, 0.0), 1.0) * self.buckets)
        return min(bucket, self.buckets - 1)

    cdef double _output(self, int number, int task, double plain, double thinking, double limit) noexcept nogil:
        cdef double output = (thinking if self.thinks[number] else plain) * self.ratios[task * self.count + number]
        return limit if 0 < limit < output else floor(output + 0.5)

    cdef double _cost(self, int number, double tokens, double output, double cached) noexcept nogil:
        cdef int at = self.tiers[number], end = self.tiers[number + 1], tier
        if at == end:
            return INFINITY
        for tier in range(at + 1, end):
            if tokens > self.prices[tier].above:
                at = tier
        cached = min(cached, tokens)
        return (
            (tokens - cached) * self.prices[at].input
            + cached * self.prices[at].cache_read
            + output * self.prices[at].output
        )

    def look(
        self, int number, int task, double difficulty, double tokens, double plain, double thinking,
        double limit, double cached,
    ):
        self._check(number, task)
        cdef double output = self._output(number, task, plain, thinking, limit)
        cdef double cost = self._cost(number, tokens, output, cached)
        return (
            self.chances[(task * self.buckets + self._bucket(difficulty)) * self.count + number],
            self.abilities[task * self.count + number],
            None if cost == INFINITY else <long long>floor(cost + 0.5),
        )

    def ratio(self, int number, int task, double value):
        self._check(number, task)
        self.ratios[task * self.count + number] = value

    def _check(self, int number, int task):
        if not (0 <= number < self.count and 0 <= task < self.tasks):
            raise IndexError("no such target or task")

    def rank(
        self, bytes members not None, int task, double difficulty, double tokens, double plain, double thinking, double limit,
        uint32_t needs, int strategy, double p_floor, double ability_floor, double cap, double value,
        int held, double cached, int want, int others,
    ):
        cdef const double *chances
        cdef const double *abilities
        cdef const int *listed = <const int *>PyBytes_AS_STRING(members)
        cdef Py_ssize_t at
        cdef int number, able = 0, passing = 0, best = -1
        cdef double p, cost, best_p = -1.0, best_cost = 0.0
        cdef Place place
        if not 0 <= task < self.tasks:
            raise IndexError("no such task")
        chances = self.chances + (task * self.buckets + self._bucket(difficulty)) * self.count
        abilities = self.abilities + task * self.count
        for at in range(PyBytes_GET_SIZE(members) // <Py_ssize_t>sizeof(int)):
            number = listed[at]
            if not 0 <= number < self.count or passing == self.count:
                raise IndexError("no such target, or one twice")
            if self.unable[number] & needs or tokens > self.rooms[number]:
                continue
            cost = self._cost(
                number, tokens, self._output(number, task, plain, thinking, limit),
                cached if number == held else 0.0,
            )
            if cost > cap:
                continue
            able += 1
            p = chances[number]
            if p > best_p or (p == best_p and (cost < best_cost or (cost == best_cost and number < best))):
                best, best_p, best_cost = number, p, cost
            if p >= p_floor and abilities[number] >= ability_floor:
                place = self._place(number, p, cost, strategy, value)
                self.places[passing] = place
                passing += 1
        if not passing:
            return ([best] if able else []), 0, able
        qsort(self.places, passing, sizeof(Place), &_before)
        if strategy == _BEST and held >= 0:
            self._hold(passing, held, value)
        return self._chosen(passing, want, others), passing, able

    cdef Place _place(self, int number, double p, double cost, int strategy, double value) noexcept nogil:
        cdef Place place
        place.number, place.cost = number, cost
        if strategy == _CHEAPEST:
            place.first, place.second = cost, -p
        elif strategy == _BEST:
            place.first, place.second = -p, cost
        else:
            place.first, place.second = cost - p * value, -p
        return place

    cdef void _hold(self, int passing, int held, double value) noexcept nogil:
        cdef int at, number
        cdef Place kept
        for at in range(1, passing):
            if self.places[at].number != held:
                continue
            kept = self.places[at]
            if (kept.first - self.places[0].first) * value <= self.places[0].cost - kept.cost:
                for number in range(at, 0, -1):
                    self.places[number] = self.places[number - 1]
                self.places[0] = kept
            return

    cdef list _chosen(self, int passing, int want, int others):
        cdef int at, first = min(max(want - others, 0), passing), number, seen = 0, i
        cdef bint known
        if passing <= want:
            return [self.places[at].number for at in range(passing)]
        chosen = [self.places[at].number for at in range(first)]
        for at in range(first):
            self.used[at] = self.providers[self.places[at].number]
        seen = first
        rest = []
        for at in range(first, passing):
            if len(chosen) == want:
                return chosen
            number = self.places[at].number
            known = False
            for i in range(seen):
                if self.used[i] == self.providers[number]:
                    known = True
                    break
            if known:
                rest.append(number)
            else:
                self.used[seen] = self.providers[number]
                seen += 1
                chosen.append(number)
        return chosen + rest[: want - len(chosen)]


cdef void *_room(size_t count, size_t size) except NULL:
    cdef void *room = PyMem_Calloc(count, size)
    if room == NULL:
        raise MemoryError()
    return room
