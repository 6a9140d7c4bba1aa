"""Figures of merit, on cases that can be worked out by hand."""

import numpy as np
import pytest

from gateway.quality import figures

N = 2000
RANDOM = np.random.default_rng(1)
GAIN = np.repeat([1.0, 0.0], [500, 1500])  # the strong model is worth it on the first quarter


def test_the_perfect_order_recovers_the_gap_with_as_many_calls_as_it_takes() -> None:
    perfect = -np.arange(N, dtype=float)
    assert figures.apgr(perfect, GAIN) == pytest.approx(1 - 0.25 / 2)
    assert figures.calls_for(perfect, GAIN, 0.5) == pytest.approx(0.125)
    assert figures.calls_for(perfect, GAIN, 0.8) == pytest.approx(0.2)
    assert figures.apgr(-perfect, GAIN) == pytest.approx(0.25 / 2)


def test_no_order_and_a_random_one_recover_half() -> None:
    assert figures.apgr(np.zeros(N), GAIN) == pytest.approx(0.5)
    assert figures.calls_for(np.zeros(N), GAIN, 0.8) == pytest.approx(0.8)
    assert figures.apgr(RANDOM.random(N), GAIN) == pytest.approx(0.5, abs=0.03)


def test_equal_scores_go_together_whatever_their_order() -> None:
    score = np.repeat([2.0, 1.0], [1000, 1000])
    mixed = RANDOM.permutation(N)
    # Half of the rows hold all of the gain: straight to 1 at 0.5, then level.
    assert figures.apgr(score, GAIN) == pytest.approx(0.75)
    assert figures.apgr(score[mixed], GAIN[mixed]) == pytest.approx(0.75)


def test_a_gap_may_be_overshot_and_is_then_lost_again() -> None:
    score, gain = np.array([3.0, 2.0, 1.0, 0.0]), np.array([1.0, 1.0, -1.0, 0.0])
    calls, share = figures.recovered(score, gain)
    assert calls.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert share.tolist() == [0, 1, 2, 1, 1]


def test_auc_counts_pairs() -> None:
    right = np.array([1.0, 1.0, 0.0, 0.0])
    assert figures.auc(np.array([4.0, 3.0, 2.0, 1.0]), right) == 1
    assert figures.auc(np.array([4.0, 2.0, 3.0, 1.0]), right) == 0.75
    assert figures.auc(np.zeros(4), right) == 0.5
    assert figures.auc(np.array([2.0, 1.0]), np.array([0.75, 0.25])) == pytest.approx(
        (0.75 * 0.75 + (0.75 * 0.25 + 0.25 * 0.75) / 2) / 1.0
    )
    assert figures.auc(np.zeros(2), np.ones(2)) is None


def test_calibration_error_is_zero_where_what_is_said_comes_true() -> None:
    said = np.repeat([0.25, 0.75], 400)
    true = np.concatenate([np.repeat([1.0, 0.0], [100, 300]), np.repeat([1.0, 0.0], [300, 100])])
    assert figures.calibration_error(said, true) == pytest.approx(0)
    assert figures.calibration_error(said, 1 - true) == pytest.approx(0.5)
    assert figures.log_loss(said, true) < figures.log_loss(said, 1 - true)


def test_spearman_takes_ties_at_their_mean_rank() -> None:
    assert figures.spearman(np.array([1.0, 2, 3]), np.array([10.0, 20, 30])) == pytest.approx(1)
    assert figures.spearman(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert figures.spearman(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(3**0.5 / 2)
    assert figures.spearman(np.ones(3), np.array([1.0, 2, 3])) is None


CHEAP, BEST = np.array([1.0, 0.5]), np.array([3.0, 0.9])


def test_the_area_of_a_straight_line_is_nothing_and_of_a_step_all() -> None:
    line, lowest = figures.area_above_line(np.array([CHEAP, BEST]), CHEAP, BEST)
    assert line == pytest.approx(0) and lowest == pytest.approx(0)
    # One setting, as good as the best at the cheapest price plus nothing: the triangle above the line.
    step, lowest = figures.area_above_line(np.array([[1 + 1e-9, 0.9]]), CHEAP, BEST)
    assert step == pytest.approx(2 * 0.4 / 2, rel=1e-3) and lowest == pytest.approx(0)


def test_a_curve_below_the_line_counts_against() -> None:
    area, lowest = figures.area_above_line(np.array([[2.0, 0.5], BEST]), CHEAP, BEST)
    assert area == pytest.approx(-2 * 0.2 / 2) and lowest == pytest.approx(-0.2)


def test_a_curve_that_ends_early_stays_level() -> None:
    area, lowest = figures.area_above_line(np.array([[2.0, 0.7]]), CHEAP, BEST)
    assert area == pytest.approx(-0.5 * 0.2) and lowest == pytest.approx(-0.2)


def test_one_choice_for_all_gains_nothing_and_the_right_one_does() -> None:
    quality = np.column_stack([GAIN, 1 - GAIN])
    always = np.zeros(N, np.int64)
    group = np.zeros(N, np.int64)
    assert figures.shuffled_gain(quality, always, group) == pytest.approx(0)
    right = (1 - GAIN).astype(np.int64)
    # Right on every row, against 0.25 x 0.25 + 0.75 x 0.75 for the same choices dealt out.
    assert figures.shuffled_gain(quality, right, group).mean() == pytest.approx(1 - 0.625)
    # Each of the two halves of rows has one choice only: within them there is nothing left to gain.
    assert figures.shuffled_gain(quality, right, right).mean() == pytest.approx(0)


def test_the_interval_of_random_choices_straddles_zero_and_that_of_right_ones_does_not() -> None:
    quality = np.column_stack([GAIN, 1 - GAIN])
    group = np.zeros(N, np.int64)
    blind = figures.shuffled_gain(quality, RANDOM.integers(0, 2, N), group)
    low, high = figures.interval(lambda rows: float(blind[rows].mean()), N)
    assert low < 0 < high
    seeing = figures.shuffled_gain(quality, (RANDOM.random(N) > 0.4 + 0.2 * GAIN).astype(np.int64), group)
    low, high = figures.interval(lambda rows: float(seeing[rows].mean()), N)
    assert low > 0
