"""Ability minus difficulty, and money: which targets may serve an ask, in what order, and why not others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from gateway.brain import Label
from gateway.config import Strategy, Tier
from gateway.errors import GatewayError
from gateway.exchange import NEED_NAMES, Ask
from gateway.money import Usage, cost_nano, usd
from gateway.snapshot import Route, Target

# P(good enough) is a logistic of ability (1..5) against the level that a difficulty (0..1) asks for. The
# three numbers put the labelling guide's words on that scale: a small model (1.5) is right on an easy
# request (0.25) in 8 of 10 cases and on a middling one (0.5) in fewer than half, a mid-size one (3) on the
# latter in 8 of 10, a frontier model (4.5) on a hard one (0.75) in 8 of 10 and on the hardest in under half.
_SLOPE, _EASIEST, _SPAN = 1.06, -1.3, 6.0

# Floors: the P and the ability that a candidate must have.
FLOORS: dict[Tier, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "standard": (0.6, 2.5),
    "enhanced": (0.8, 3.5),
}

# Expected output tokens by task; a prior, until measured outputs replace it. Translations and summaries
# follow their input instead.
_OUTPUT = {
    "code_generation": 900,
    "math": 600,
    "complex_reasoning": 1100,
    "simple_qa": 200,
    "data_extraction": 250,
    "creative_writing": 800,
    "general": 450,
}
_OUTPUT_PER_INPUT = {"translation": 1.1, "summarization": 0.25}
_LONGEST_FOLLOWING = 4000

# `balanced` pays for quality: twice the price must buy five points of P.
_POINTS_PER_DOUBLING = 0.05

# A ranking is shared by asks that differ by less than these steps, so that it can be looked up.
_DIFFICULTY_STEPS = 16
_STEPS_PER_OCTAVE = 4
_EXACT_FROM = 16_000  # tokens; a longer prompt is not rounded: whether it fits a context hangs on it
_MEMO_SIZE = 4096

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
    left_out: tuple[tuple[str, str], ...]


def decide(route: Route, ask: Ask, label: Label, wish: Wish, *, whole: bool = False) -> Decision:
    """The decision for `ask`; `whole` keeps every candidate and reason, else only what may be tried.

    Raises GatewayError 400 where no target can do what the ask needs, or none is as cheap as it demands.
    """
    difficulty = min(int(label.difficulty * _DIFFICULTY_STEPS), _DIFFICULTY_STEPS - 1)
    tokens = ask.input_tokens if ask.input_tokens > _EXACT_FROM else _stepped(max(ask.input_tokens, 16))
    limit = ask.max_tokens and _stepped(ask.max_tokens)
    middle = (difficulty + 0.5) / _DIFFICULTY_STEPS
    request = _request(label.task, middle, tokens, limit, ask.needs)
    if route.strategy is None:
        return _as_given(route, request, wish)
    key = (request, wish, whole)
    decision = route.memo.get(key)
    if decision is None:
        if len(route.memo) >= _MEMO_SIZE:
            route.memo.clear()
        decision = route.memo[key] = _ranked(route, request, wish, whole)
    return decision


def _stepped(tokens: int) -> int:
    return round(2 ** (round(math.log2(tokens) * _STEPS_PER_OCTAVE) / _STEPS_PER_OCTAVE))


class _Request(NamedTuple):
    task: str
    difficulty: float
    input: int
    outputs: tuple[int, int]  # expected of a model that does not think, and of one that does
    needs: int


def chance(ability: float, difficulty: float) -> float:
    """P(good enough) of a model with `ability` 1..5 on a request of `difficulty` 0..1."""
    return 1 / (1 + math.exp(-_SLOPE * (ability - _EASIEST - _SPAN * difficulty)))


def expected_outputs(task: str, difficulty: float, input: int, limit: int | None) -> tuple[int, int]:
    """Tokens expected within the client's limit: of a model that does not think, and of one that does."""
    ratio = _OUTPUT_PER_INPUT.get(task)
    plain = _OUTPUT[task] if ratio is None else min(max(input * ratio, 50), _LONGEST_FOLLOWING)
    thinking = plain * (1 + 2 * difficulty)
    return round(min(plain, limit or plain)), round(min(thinking, limit or thinking))


def _request(task: str, difficulty: float, input: int, limit: int | None, needs: int) -> _Request:
    return _Request(task, difficulty, input, expected_outputs(task, difficulty, input, limit), needs)


def _candidate(target: Target, request: _Request) -> Candidate:
    model = target.model
    ability = model.abilities[request.task]
    expected = None
    if model.prices is not None:
        output = request.outputs[model.reasoning is True]
        expected = cost_nano(Usage(input=request.input, output=output), model.prices)
    return Candidate(target, chance(ability, request.difficulty), ability, expected)


def _as_given(route: Route, request: _Request, wish: Wish) -> Decision:
    candidates = [_candidate(target, request) for target in route.targets]
    candidates, left_out = _affordable(candidates, wish)
    if not candidates:
        raise _nobody(route, left_out)
    return Decision(
        "named", "none", f"{route.name} was asked for by name", tuple(candidates), tuple(left_out)
    )


def _ranked(route: Route, request: _Request, wish: Wish, whole: bool) -> Decision:
    strategy, tier = wish.strategy or route.strategy or "balanced", wish.tier or route.tier
    left_out: list[tuple[str, str]] = []
    able = []
    for target in route.targets:
        if _fits(target, request):
            able.append(_candidate(target, request))
        else:
            left_out.append((target.name, _lack(target, request)))
    able, dear = _affordable(able, wish)
    left_out += dear
    spare = [_candidate(target, request) for target in route.fallbacks if _fits(target, request)]
    left_out += [(t.name, _lack(t, request)) for t in route.fallbacks if not _fits(t, request)]
    spare, dear = _affordable(spare, wish)
    left_out += dear
    if not able and not spare:
        raise _nobody(route, left_out)
    passing, low = _above_floor(able, tier)
    reason = f"{strategy}: {request.task}, difficulty {request.difficulty:.2f}"
    if able and not passing:
        best = max(able, key=lambda candidate: (candidate.p, -(candidate.expected_nano or 0)))
        passing, low = [best], [entry for entry in low if entry[0] != best.target.name]
        reason += f"; none reaches the {tier} floor, the likeliest serves"
    else:
        reason += f"; {len(passing)} of {len(route.targets)} candidates pass the {tier} floor"
    ordered = _order(passing, strategy)
    chosen = {candidate.target.name for candidate in ordered}
    spare = [candidate for candidate in spare if candidate.target.name not in chosen]
    if whole:
        return Decision(strategy, tier, reason, (*ordered, *spare), (*left_out, *low))
    return Decision(strategy, tier, reason, (*_to_try(ordered), *spare), ())


def _fits(target: Target, request: _Request) -> bool:
    return not target.unable & request.needs and request.input <= target.room


def _lack(target: Target, request: _Request) -> str:
    missing = [name for need, name in NEED_NAMES.items() if target.unable & request.needs & need]
    if missing:
        return f"cannot do {', '.join(missing)}"
    return f"takes {target.room:.0f} tokens, the request has about {request.input}"


def _affordable(candidates: list[Candidate], wish: Wish) -> tuple[list[Candidate], list[tuple[str, str]]]:
    cap = wish.max_cost_nano
    if cap is None:
        return candidates, []
    within, beyond = [], []
    for candidate in candidates:
        expected = candidate.expected_nano
        if expected is not None and expected <= cap:
            within.append(candidate)
        else:
            cost = "of unknown price" if expected is None else f"expected to cost {usd(expected)} USD"
            beyond.append((candidate.target.name, f"{cost}, above the max cost of {usd(cap)} USD"))
    return within, beyond


def _above_floor(candidates: list[Candidate], tier: Tier) -> tuple[list[Candidate], list[tuple[str, str]]]:
    p_floor, ability_floor = FLOORS[tier]
    above, below = [], []
    for candidate in candidates:
        if candidate.p < p_floor:
            below.append(
                (
                    candidate.target.name,
                    f"P {candidate.p:.2f} is below the {tier} floor of {p_floor}",
                )
            )
        elif candidate.ability < ability_floor:
            reason = f"ability {candidate.ability:.1f} is below the {tier} floor of {ability_floor}"
            below.append((candidate.target.name, reason))
        else:
            above.append(candidate)
    return above, below


def _order(candidates: list[Candidate], strategy: Strategy) -> list[Candidate]:
    def price(candidate: Candidate) -> float:
        return math.inf if candidate.expected_nano is None else candidate.expected_nano

    if strategy == "cheapest":
        return sorted(candidates, key=lambda candidate: (price(candidate), -candidate.p))
    if strategy == "best":
        return sorted(candidates, key=lambda candidate: (-candidate.p, price(candidate)))
    cheapest = max(min(map(price, candidates), default=1), 1)

    def worth(candidate: Candidate) -> float:
        if candidate.expected_nano is None:
            return math.inf
        doublings = math.log2(max(candidate.expected_nano, 1) / cheapest)
        return _POINTS_PER_DOUBLING * doublings - candidate.p

    return sorted(candidates, key=worth)


def _to_try(candidates: list[Candidate]) -> list[Candidate]:
    """The first by rank, the last places kept for providers not among them: one outage must not take all."""
    first = candidates[: MAX_ATTEMPTS - _KEPT_FOR_OTHERS]
    rest = candidates[len(first) :]
    providers = {candidate.target.provider.name for candidate in first}
    others: list[Candidate] = []
    for candidate in rest:
        if candidate.target.provider.name not in providers:
            providers.add(candidate.target.provider.name)
            others.append(candidate)
    kept = [*first, *others, *(candidate for candidate in rest if candidate not in others)]
    return kept[:MAX_ATTEMPTS]


def _nobody(route: Route, left_out: list[tuple[str, str]]) -> GatewayError:
    why = "; ".join(f"{name} {reason}" for name, reason in left_out[:3])
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    message = (
        f"No candidate of `{route.name}` can serve this request: {why}{more}. "
        "Ask for less, raise x-headrace-max-cost, or add a model that can."
    )
    return GatewayError(400, message, code="no_candidate", param="model")
