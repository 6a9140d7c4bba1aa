"""Ability minus difficulty, and money: which targets may serve an ask, in what order, and why not others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from fastpath.pure.rank import NOT_HELD
from gateway.brain import Label
from gateway.candidates import Candidates, usual_outputs
from gateway.config import Strategy, Tier
from gateway.conversation import Held
from gateway.errors import GatewayError
from gateway.exchange import NEED_NAMES, Ask
from gateway.money import NANO, usd
from gateway.snapshot import Route, Target

# Floors: the P and the ability that a candidate must have. On outcome tables P runs from 0.55 (a small
# model, the hardest requests) to 0.97: here a floor parts models on hard requests, not on easy ones.
FLOORS: dict[Tier, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "standard": (0.75, 2.5),
    "enhanced": (0.85, 3.5),
}
_STRATEGIES: dict[Strategy, int] = {"cheapest": 0, "balanced": 1, "best": 2}  # as fastpath.pure.rank has them

# How many targets of a ranking one exchange may try, and how many of those places are kept for providers
# that are not among the first.
MAX_ATTEMPTS = 8
_KEPT_FOR_OTHERS = 3


class Wish(NamedTuple):
    """What the caller asks of this one decision; None leaves it to the route."""

    strategy: Strategy | None = None
    tier: Tier | None = None
    max_cost_nano: int | None = None


class Candidate(NamedTuple):
    """A target with its chance to be good enough, and what it is expected to cost (None: price unknown)."""

    target: Target
    p: float
    ability: float
    expected_nano: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Candidates in the order they are tried, and each target left out with its reason."""

    strategy: str
    tier: Tier
    reason: str
    candidates: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...] = ()


class _Request(NamedTuple):
    task: str
    number: int  # of the task, in the table
    difficulty: float
    input: int
    plain: float  # output tokens usual of a model that does not think, and of one that does
    thinking: float
    limit: int  # of output tokens; 0: none
    needs: int
    held: Held | None


def decide(
    route: Route, ask: Ask, label: Label, wish: Wish, held: Held | None = None, *, whole: bool = False
) -> Decision:
    """The decision for `ask`; `whole` keeps every candidate and reason, else only what may be tried.

    `held`: the target that served the conversation so far. Raises GatewayError 400 where no target can do
    what the ask needs, or none is as cheap as it demands.
    """
    number = route.table.tasks[label.task]
    plain, thinking = usual_outputs(label.task, label.difficulty, ask.input_tokens)
    request = _Request(
        label.task,
        number,
        label.difficulty,
        ask.input_tokens,
        plain,
        thinking,
        ask.max_tokens or 0,
        ask.needs,
        held,
    )
    if route.strategy is None:
        return _as_given(route, request, wish)
    strategy, tier = wish.strategy or route.strategy, wish.tier or route.tier
    ranked, passing, able = _ranked(route, request, wish, strategy, tier, whole)
    spare = [target for target in route.fallbacks if _fits(target, request)]
    candidates = [_candidate(route.table, target, request) for target in (*ranked, *spare)]
    if spare:
        chosen = {target.name for target in ranked}
        candidates[len(ranked) :] = [
            candidate
            for candidate in candidates[len(ranked) :]
            if candidate.target.name not in chosen and _dearness(candidate, wish) is None
        ]
    if not candidates:
        raise _nobody(route, _left_out(route, request, wish, "none", candidates))
    reason = f"{strategy}: {request.task}, difficulty {request.difficulty:.2f}"
    if able and not passing:
        reason += f"; none reaches the {tier} floor, the likeliest serves"
    else:
        reason += f"; {passing} of {len(route.targets)} candidates pass the {tier} floor"
    if held and ranked and ranked[0].number == held.number:
        reason += f"; {held.tokens} tokens of the conversation may be in its cache"
    left_out = _left_out(route, request, wish, tier, candidates) if whole else []
    return Decision(strategy, tier, reason, tuple(candidates), tuple(left_out))


def _ranked(
    route: Route, request: _Request, wish: Wish, strategy: Strategy, tier: Tier, whole: bool
) -> tuple[list[Target], int, int]:
    p_floor, ability_floor = FLOORS[tier]
    cap = math.inf if wish.max_cost_nano is None else wish.max_cost_nano + 0.5  # rounded half up
    held = request.held
    numbers, passing, able = route.table.table.rank(
        route.members,
        request.number,
        request.difficulty,
        request.input,
        request.plain,
        request.thinking,
        request.limit,
        request.needs,
        _STRATEGIES[strategy],
        p_floor,
        ability_floor,
        cap,
        route.value * NANO,
        held.number if held else NOT_HELD,
        held.tokens if held else 0,
        len(route.targets) if whole else MAX_ATTEMPTS,
        0 if whole else _KEPT_FOR_OTHERS,
    )
    return [route.by_number[number] for number in numbers], passing, able


def _candidate(table: Candidates, target: Target, request: _Request) -> Candidate:
    held = request.held
    p, ability, expected = table.table.look(
        target.number,
        request.number,
        request.difficulty,
        request.input,
        request.plain,
        request.thinking,
        request.limit,
        held.tokens if held and held.number == target.number else 0,
    )
    return Candidate(target, p, ability, expected)


def _as_given(route: Route, request: _Request, wish: Wish) -> Decision:
    candidates, left_out = [], []
    for target in route.targets:
        candidate = _candidate(route.table, target, request)
        dear = _dearness(candidate, wish)
        if dear is None:
            candidates.append(candidate)
        else:
            left_out.append((target.name, dear))
    if not candidates:
        raise _nobody(route, left_out)
    reason = f"{route.name} was asked for by name"
    return Decision("named", "none", reason, tuple(candidates), tuple(left_out))


def _fits(target: Target, request: _Request) -> bool:
    return not target.unable & request.needs and request.input <= target.room


def _left_out(
    route: Route, request: _Request, wish: Wish, tier: Tier, candidates: list[Candidate]
) -> list[tuple[str, str]]:
    """Every target that is no candidate, with the first of its reasons."""
    chosen = {candidate.target.name for candidate in candidates}
    left_out = {}
    for target in (*route.targets, *route.fallbacks):
        if target.name not in chosen:
            left_out[target.name] = _lack(_candidate(route.table, target, request), request, wish, tier)
    return list(left_out.items())


def _lack(candidate: Candidate, request: _Request, wish: Wish, tier: Tier) -> str:
    target = candidate.target
    missing = [name for need, name in NEED_NAMES.items() if target.unable & request.needs & need]
    if missing:
        return f"cannot do {', '.join(missing)}"
    if request.input > target.room:
        return f"takes {target.room:.0f} tokens, the request has about {request.input}"
    dear = _dearness(candidate, wish)
    if dear is not None:
        return dear
    p_floor, ability_floor = FLOORS[tier]
    if candidate.p < p_floor:
        return f"P {candidate.p:.2f} is below the {tier} floor of {p_floor}"
    return f"ability {candidate.ability:.1f} is below the {tier} floor of {ability_floor}"


def _dearness(candidate: Candidate, wish: Wish) -> str | None:
    cap, expected = wish.max_cost_nano, candidate.expected_nano
    if cap is None or (expected is not None and expected <= cap):
        return None
    cost = "of unknown price" if expected is None else f"expected to cost {usd(expected)} USD"
    return f"{cost}, above the max cost of {usd(cap)} USD"


def _nobody(route: Route, left_out: list[tuple[str, str]]) -> GatewayError:
    why = "; ".join(f"{name} {reason}" for name, reason in left_out[:3])
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    message = (
        f"No candidate of `{route.name}` can serve this request: {why}{more}. "
        "Ask for less, raise x-headrace-max-cost, or add a model that can."
    )
    return GatewayError(400, message, code="no_candidate", param="model")
