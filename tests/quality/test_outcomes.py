"""The choice among many models, on a table whose router is as good as we make it."""

import numpy as np
import pytest

from gateway.quality.known import Known
from gateway.quality.outcomes import Table, choice, comparable, pair

N = 300
DRAW = np.random.default_rng(6)
PRICES = np.array([0.001, 0.004, 0.02])


def table(p: np.ndarray, scores: np.ndarray) -> Table:
    models = tuple(Known(name, {}, None, "registry") for name in ("small", "middle", "large"))
    cost = np.tile(PRICES, (len(scores), 1))
    group = np.arange(len(scores)) % 3
    return Table(models, scores, cost, cost, p, ("a", "b", "c"), group, np.ones(len(scores)))


def drawn() -> np.ndarray:
    return (DRAW.random((N, 3)) < [0.4, 0.6, 0.9]).astype(float)


def test_a_router_that_knows_the_outcome_is_the_oracle() -> None:
    scores = drawn()
    found = choice(table(scores, scores), 1.0)
    assert found["area"]["share_of_oracle"] == pytest.approx(1)
    assert found["area"]["lowest_above_line"] >= -1e-12
    assert found["oracle"]["quality"] == pytest.approx(scores.max(axis=1).mean())
    assert found["at_value"]["quality"] == found["oracle"]["quality"]
    assert found["gain_over_shuffled"]["all"]["interval"][0] > 0
    assert found["gain_over_shuffled"]["within_benchmarks"]["interval"][0] > 0


def test_a_router_that_knows_the_opposite_falls_below_the_line() -> None:
    scores = drawn()
    found = choice(table(1 - scores, scores), 1.0)
    assert found["area"]["share_of_oracle"] < 0 and found["area"]["lowest_above_line"] < 0
    assert found["gain_over_shuffled"]["all"]["interval"][1] < 0


def test_a_router_that_asks_one_model_has_no_gain() -> None:
    scores = drawn()
    found = choice(table(np.tile([0.1, 0.2, 0.9], (N, 1)), scores), 1.0)
    assert found["at_value"]["chosen"] == {"large": 1.0}
    assert found["at_value"]["cost_of_always_best"] == pytest.approx(1)
    assert found["at_value"]["quality_of_always_best"] == pytest.approx(1)
    gain = found["gain_over_shuffled"]["all"]
    assert gain["gain"] == pytest.approx(0, abs=1e-12)
    assert gain["interval"][0] - 1e-12 <= 0 <= gain["interval"][1] + 1e-12


def test_a_blind_router_gains_nothing_that_the_interval_would_not_cover() -> None:
    found = choice(table(DRAW.random((N, 3)), drawn()), 1.0)
    low, high = found["gain_over_shuffled"]["all"]["interval"]
    assert low < 0 < high


def test_where_the_cheapest_is_best_there_is_no_line() -> None:
    scores = np.tile([1.0, 0.0, 0.0], (N, 1))
    assert choice(table(scores, scores), 1.0)["area"] is None


def test_models_without_cost_or_with_many_gaps_are_not_compared() -> None:
    scores = drawn()
    scores[:100, 1] = np.nan  # a third
    scores[:5, 0] = np.nan
    whole = table(scores, scores)
    kept = comparable(whole)
    assert kept is not None and [model.name for model in kept.models] == ["small", "large"]
    assert len(kept.scores) == N - 5
    whole.cost[:, 2] = np.nan
    assert comparable(whole) is None


def test_a_pair_is_ordered_by_what_the_strong_one_adds() -> None:
    hard = np.arange(N) < N // 4
    scores = np.column_stack([~hard, np.ones(N), np.ones(N)]).astype(float)
    p = np.column_stack([np.where(hard, 0.2, 0.8), np.full(N, 0.9), np.full(N, 0.9)])
    found = pair(table(p, scores), "large", "small")
    assert found["apgr"] == pytest.approx(1 - 0.25 / 2) and found["gap"] == pytest.approx(0.25)
    assert found["cpt80"] == pytest.approx(0.2) and found["apgr_length"] == pytest.approx(0.5)
    low, high = found["apgr_interval"]
    assert low < found["apgr"] < high
    assert "apgr" not in pair(table(p, scores), "small", "large")
