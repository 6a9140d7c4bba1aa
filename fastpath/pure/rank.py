"""Who may serve a request, in what order: one pass over a table of what every target can do and costs.

The specification of fastpath._rank, and its stand-in where that is not built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

CHEAPEST, BALANCED, BEST = range(3)  # strategies
NOT_HELD = -1

Chances = Sequence[Sequence[Sequence[float]]]


class Tier(NamedTuple):
    """Prices per token of any one unit, from a prompt of more than `above` tokens on."""

    above: float
    input: float
    output: float
    cache_read: float


class Row(NamedTuple):
    """A target as the table holds it; `tiers` ascend by `above`; without any, its price is not known."""

    abilities: tuple[float, ...]  # by task
    unable: int  # bits of what it cannot do
    room: float  # tokens of prompt that it takes
    thinks: bool
    provider: str
    tiers: tuple[Tier, ...]


class RankTable:
    """Targets and `chances[task][bucket][target]` of being good enough; buckets part difficulty 0..1 evenly.

    ValueError where the shapes do not fit each other.
    """

    def __init__(self, targets: Sequence[Row], chances: Chances) -> None:
        self._targets, tasks, self._buckets = checked(targets, chances)
        self.count = len(targets)
        self._chances = chances
        self._ratios = [[1.0] * len(targets) for _ in range(tasks)]

    def _bucket(self, difficulty: float) -> int:
        return min(int(min(max(difficulty, 0.0), 1.0) * self._buckets), self._buckets - 1)

    def look(
        self,
        number: int,
        task: int,
        difficulty: float,
        tokens: float,
        plain: float,
        thinking: float,
        limit: float,
        cached: float,
    ) -> tuple[float, float, int | None]:
        """P(good enough), ability and expected cost, rounded (None: its price is not known), of a target.

        `plain` and `thinking` are output tokens usual of a model that does not think, and of one that does;
        `limit` is the most that may come (0: no limit), `cached` the tokens that are in the target's cache.
        """
        self._check(number, task)
        target = self._targets[number]
        cost = _cost(target, tokens, self._output(number, task, plain, thinking, limit), cached)
        p = self._chances[task][self._bucket(difficulty)][number]
        return p, target.abilities[task], None if math.isinf(cost) else math.floor(cost + 0.5)

    def _output(self, number: int, task: int, plain: float, thinking: float, limit: float) -> float:
        output = (thinking if self._targets[number].thinks else plain) * self._ratios[task][number]
        return limit if 0 < limit < output else math.floor(output + 0.5)

    def ratio(self, number: int, task: int, value: float) -> None:
        """Sets how much longer than usual a target's answers are."""
        self._check(number, task)
        self._ratios[task][number] = value

    def _check(self, number: int, task: int) -> None:
        if not (0 <= number < len(self._targets) and 0 <= task < len(self._chances)):
            raise IndexError("no such target or task")

    def rank(
        self,
        members: bytes,
        task: int,
        difficulty: float,
        tokens: float,
        plain: float,
        thinking: float,
        limit: float,
        needs: int,
        strategy: int,
        p_floor: float,
        ability_floor: float,
        cap: float,
        value: float,
        held: int,
        cached: float,
        want: int,
        others: int,
    ) -> tuple[list[int], int, int]:
        """Targets to try in their order, how many passed the floors, how many can serve at all.

        `members`: the numbers of the targets to choose from, each once, as `array("i")` has them.
        A target serves if it lacks none of `needs`, has room for `tokens` and is expected to cost `cap` at
        most. CHEAPEST goes by cost, BEST by P, BALANCED by `value` x P - cost; ties by the other of the two,
        then by number. Where no one passes the floors, the likeliest serves alone. `held` (or NOT_HELD) has
        `cached` tokens of the prompt in its cache, and is moved off the first place by BEST only where what P
        gains is worth more than what the move costs. At most `want` targets: the last `others` places are
        kept for providers that are not among the first.
        """
        if not 0 <= task < len(self._chances):
            raise IndexError("no such task")
        chances = self._chances[task][self._bucket(difficulty)]
        able: list[tuple[float, float, int]] = []
        places: list[tuple[float, float, int, float]] = []
        for number in memoryview(members).cast("i"):
            if not 0 <= number < len(self._targets) or len(places) == len(self._targets):
                raise IndexError("no such target, or one twice")
            target = self._targets[number]
            if target.unable & needs or tokens > target.room:
                continue
            output = self._output(number, task, plain, thinking, limit)
            cost = _cost(target, tokens, output, cached if number == held else 0.0)
            if cost > cap:
                continue
            p = chances[number]
            able.append((-p, cost, number))
            if p >= p_floor and target.abilities[task] >= ability_floor:
                if strategy == CHEAPEST:
                    places.append((cost, -p, number, cost))
                elif strategy == BEST:
                    places.append((-p, cost, number, cost))
                else:
                    places.append((cost - p * value, -p, number, cost))
        if not places:
            return [min(able)[2]] if able else [], 0, len(able)
        places.sort()
        if strategy == BEST:
            _hold(places, held, value)
        return self._chosen([place[2] for place in places], want, others), len(places), len(able)

    def _chosen(self, ranked: list[int], want: int, others: int) -> list[int]:
        if len(ranked) <= want:
            return ranked
        first = ranked[: max(want - others, 0)]
        providers = {self._targets[number].provider for number in first}
        new: list[int] = []
        rest: list[int] = []
        for number in ranked[len(first) :]:
            provider = self._targets[number].provider
            (rest if provider in providers else new).append(number)
            providers.add(provider)
        return [*first, *new, *rest][:want]


def checked(targets: Sequence[Row], chances: Chances) -> tuple[Sequence[Row], int, int]:
    """The targets, the number of tasks and that of buckets."""
    tasks, buckets = len(chances), len(chances[0]) if chances else 0
    shapes = all(len(rows) == buckets and all(len(row) == len(targets) for row in rows) for rows in chances)
    if not buckets or not shapes or any(len(target.abilities) != tasks for target in targets):
        raise ValueError("chances must be [task][bucket][target], and each target have an ability per task")
    return targets, tasks, buckets


def _cost(target: Row, tokens: float, output: float, cached: float) -> float:
    if not target.tiers:
        return math.inf
    price = target.tiers[0]
    for tier in target.tiers[1:]:
        if tokens > tier.above:
            price = tier
    cached = min(cached, tokens)
    return (tokens - cached) * price.input + cached * price.cache_read + output * price.output


def _hold(places: list[tuple[float, float, int, float]], held: int, value: float) -> None:
    best_first, _, _, best_cost = places[0]
    for at, (first, _, number, cost) in enumerate(places):
        if number == held and (first - best_first) * value <= best_cost - cost:
            places.insert(0, places.pop(at))
            return
