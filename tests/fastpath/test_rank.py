"""The candidate table: the halves against each other, and each promise of its contract."""

import math
from array import array
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath._rank as compiled
from fastpath.pure import rank as pure
from fastpath.pure.rank import BALANCED, BEST, CHEAPEST, NOT_HELD, Row, Tier

ASKED: dict[str, Any] = {
    "task": 0,
    "difficulty": 0.5,
    "tokens": 1000,
    "plain": 100,
    "thinking": 300,
    "limit": 0,
    "needs": 0,
    "strategy": CHEAPEST,
    "p_floor": 0.0,
    "ability_floor": 0.0,
    "cap": math.inf,
    "value": 0.0,
    "held": NOT_HELD,
    "cached": 0,
    "want": 8,
    "others": 0,
}


@pytest.fixture(scope="session")
def fast_rank(half: str) -> ModuleType:
    return import_module("fastpath._rank" if half == "compiled" else "fastpath.pure.rank")


def row(price: float | None, provider: str = "a", **more: Any) -> Row:
    tiers = () if price is None else (Tier(0, price, 2 * price, price / 10),)
    given = {"abilities": (3.0,), "unable": 0, "room": 1e6, "thinks": False} | more
    return Row(provider=provider, tiers=given.pop("tiers", tiers), **given)


def table(half: ModuleType, rows: list[Row], chances: list[float]) -> Any:
    return half.RankTable(rows, [[chances]])


def ranked(of: Any, **asked: Any) -> tuple[list[int], int, int]:
    members = array("i", asked.pop("members", range(of.count))).tobytes()
    found: tuple[list[int], int, int] = of.rank(members, **(ASKED | asked))
    return found


def looked(of: Any, number: int, **asked: Any) -> tuple[float, float, int | None]:
    names = ("task", "difficulty", "tokens", "plain", "thinking", "limit", "cached")
    found: tuple[float, float, int | None] = of.look(
        number, **{name: (ASKED | asked)[name] for name in names}
    )
    return found


def test_the_strategies(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(3), row(1), row(2), row(None)], [0.9, 0.5, 0.8, 0.95])
    assert ranked(of)[0] == [1, 2, 0, 3]
    assert ranked(of, strategy=BEST)[0] == [3, 0, 2, 1]
    # 1,200 a unit of price: 0.3 more P is worth the second unit, 0.1 more is not worth the third.
    assert ranked(of, strategy=BALANCED, value=5000)[0] == [2, 1, 0, 3]


def test_ties_go_by_the_other_of_the_two_then_by_number(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(1), row(2), row(1)], [0.5, 0.7, 0.7, 0.7])
    assert ranked(of)[0] == [1, 3, 0, 2]
    assert ranked(of, strategy=BEST)[0] == [1, 3, 2, 0]


def test_what_cannot_serve_is_not_there(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1, unable=2), row(2, room=999), row(3), row(4)], [0.9] * 4)
    assert ranked(of, needs=2) == ([2, 3], 2, 2)
    assert ranked(of, needs=2, cap=3600) == ([2], 1, 1)
    assert ranked(of, needs=2, cap=3599) == ([], 0, 0)


def test_the_floors_and_the_likeliest_below_them(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(2, abilities=(2.0,)), row(3)], [0.5, 0.9, 0.7])
    assert ranked(of, p_floor=0.6) == ([1, 2], 2, 3)
    assert ranked(of, p_floor=0.6, ability_floor=2.5) == ([2], 1, 3)
    assert ranked(of, p_floor=0.95) == ([1], 0, 3)


def test_a_long_prompt_is_priced_by_its_tier_and_an_answer_by_its_limit(fast_rank: ModuleType) -> None:
    steep = row(None, tiers=(Tier(0, 1, 1, 1), Tier(1000, 3, 1, 1)))
    of = table(fast_rank, [steep, row(2)], [0.5, 0.5])
    assert ranked(of)[0] == [0, 1]
    assert ranked(of, tokens=1001)[0] == [1, 0]
    long = table(fast_rank, [row(1, thinks=True), row(1.2)], [0.5, 0.5])
    assert ranked(long)[0] == [1, 0]
    assert ranked(long, limit=50)[0] == [0, 1]
    assert looked(long, 0)[2] == 1000 + 2 * 300 and looked(long, 1, limit=50)[2] == 1.2 * (1000 + 2 * 50)


def test_measured_lengths_move_the_cost(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(1.1)], [0.5, 0.5])
    of.ratio(0, 0, 4.0)
    assert ranked(of)[0] == [1, 0]
    assert looked(of, 0)[2] == 1000 + 2 * 400


def test_a_cached_prompt_is_cheaper_where_it_is_cached(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(1.5)], [0.5, 0.5])
    assert ranked(of, tokens=10_000, held=1, cached=9_000)[0] == [1, 0]
    assert ranked(of, tokens=10_000, held=1, cached=0)[0] == [0, 1]


def test_best_leaves_a_held_target_only_for_what_is_worth_it(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(1)], [0.80, 0.82])
    held = {"strategy": BEST, "held": 0, "cached": 1000}  # the move costs 900 of cold cache
    assert ranked(of, value=10_000, **held)[0] == [0, 1]
    assert ranked(of, value=100_000, **held)[0] == [1, 0]


def test_the_last_places_are_kept_for_other_providers(fast_rank: ModuleType) -> None:
    rows = [row(1), row(2), row(3), row(4, "b"), row(5, "b"), row(6, "c")]
    of = table(fast_rank, rows, [0.5] * 6)
    assert ranked(of, want=4, others=2) == ([0, 1, 3, 5], 6, 6)
    assert ranked(of, want=5, others=2) == ([0, 1, 2, 3, 5], 6, 6)
    assert ranked(of, want=4)[0] == [0, 1, 2, 3]


def test_only_members_are_chosen_from(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(2), row(3)], [0.5] * 3)
    assert ranked(of, members=[2, 1]) == ([1, 2], 2, 2)
    for wrong in ([3], [-1], [0, 0, 0, 0]):
        with pytest.raises(IndexError):
            ranked(of, members=wrong)


def test_what_is_known_of_a_target(fast_rank: ModuleType) -> None:
    of = table(fast_rank, [row(1), row(None)], [0.75, 0.5])
    assert looked(of, 0) == (0.75, 3.0, 1200)
    assert looked(of, 0, cached=500) == (0.75, 3.0, 750)
    assert looked(of, 1) == (0.5, 3.0, None)


def test_difficulty_falls_into_even_buckets(fast_rank: ModuleType) -> None:
    of = fast_rank.RankTable([row(1)], [[[0.9], [0.7], [0.5], [0.3]]])
    found = [
        looked(of, 0, difficulty=difficulty)[0] for difficulty in (-1.0, 0.0, 0.24, 0.25, 0.5, 0.99, 1.0, 7.0)
    ]
    assert found == [0.9, 0.9, 0.9, 0.7, 0.5, 0.3, 0.3, 0.3]


def test_what_does_not_fit_is_refused(fast_rank: ModuleType) -> None:
    for rows, chances in (([row(1)], []), ([row(1)], [[[0.5, 0.5]]]), ([row(1)], [[[0.5]], [[0.5]]])):
        with pytest.raises(ValueError, match="chances must be"):
            fast_rank.RankTable(rows, chances)
    of = table(fast_rank, [row(1)], [0.5])
    for call in (
        lambda: ranked(of, task=1),
        lambda: looked(of, 1),
        lambda: looked(of, 0, task=1),
        lambda: looked(of, -1),
        lambda: of.ratio(0, -1, 1.0),
    ):
        with pytest.raises(IndexError):
            call()
    assert ranked(fast_rank.RankTable([], [[[]]])) == ([], 0, 0)


NUMBER = st.integers(0, 20).map(float)
TIERS = st.lists(st.builds(Tier, NUMBER, NUMBER, NUMBER, NUMBER), max_size=3).map(
    lambda tiers: tuple(sorted(tiers))
)
ROWS = st.lists(
    st.builds(
        Row,
        st.tuples(NUMBER, NUMBER),
        st.integers(0, 3),
        NUMBER,
        st.booleans(),
        st.sampled_from("abc"),
        TIERS,
    ),
    max_size=12,
)


@given(rows=ROWS, asked=st.data())
def test_the_halves_agree(rows: list[Row], asked: st.DataObject) -> None:
    draw = asked.draw
    chance = st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))
    chances = [[[draw(chance) for _ in rows] for _ in range(2)] for _ in range(2)]
    halves = [half.RankTable(rows, chances) for half in (compiled, pure)]
    if rows:
        number = draw(st.integers(0, len(rows) - 1))
        for half in halves:
            half.ratio(number, 1, 2.5)
    given = {
        "task": draw(st.integers(0, 1)),
        "difficulty": draw(st.floats(0, 1)),
        "tokens": draw(NUMBER),
        "plain": draw(NUMBER),
        "thinking": draw(NUMBER),
        "limit": draw(NUMBER),
        "needs": draw(st.integers(0, 3)),
        "strategy": draw(st.integers(0, 2)),
        "p_floor": draw(chance),
        "ability_floor": draw(NUMBER),
        "cap": draw(st.sampled_from((50.0, 300.0, math.inf))),
        "value": draw(st.sampled_from((0.0, 64.0))),
        "held": draw(st.integers(-1, max(len(rows) - 1, -1))),
        "cached": draw(NUMBER),
        "want": draw(st.integers(1, 6)),
        "others": draw(st.integers(0, 3)),
    }
    members = array("i", draw(st.permutations(range(len(rows))))).tobytes()
    assert halves[0].rank(members, **given) == halves[1].rank(members, **given)
