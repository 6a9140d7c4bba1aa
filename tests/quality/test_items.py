"""Difficulty of requests and ability of models, found again in answers that were drawn from known ones."""

from pathlib import Path

import numpy as np
import pytest

from gateway.quality import joint
from gateway.quality.figures import spearman
from gateway.quality.items import TABLES, difficulties, items

OUTCOMES = Path(__file__).parents[3] / "shared" / "routing-data" / "outcomes-dev"


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_drawn_difficulties_are_found_again() -> None:
    draw = np.random.default_rng(2)
    hard, able = draw.normal(size=800), np.linspace(-1.5, 1.5, 12)
    scores = (draw.random((800, 12)) < logistic(2 * (able - hard[:, None]))).astype(float)
    found = items(scores)
    assert spearman(found.difficulty, hard) > 0.85
    assert found.reliability == pytest.approx(np.corrcoef(found.difficulty, hard)[0, 1] ** 2, abs=0.08)


def test_models_that_guess_say_nothing_and_absent_answers_are_no_wrong_ones() -> None:
    draw = np.random.default_rng(3)
    hard, able = draw.normal(size=800), np.linspace(-1.5, 1.5, 12)
    scores = (draw.random((800, 12)) < logistic(2 * (able - hard[:, None]))).astype(float)
    guessing = np.hstack([scores, draw.integers(0, 2, (800, 8)), np.zeros((800, 2))])
    guessing[draw.random(guessing.shape) < 0.2] = np.nan
    assert spearman(items(guessing).difficulty, hard) > 0.8
    assert spearman(np.nansum(-guessing, axis=1), hard) < spearman(items(guessing).difficulty, hard)
    assert items(draw.integers(0, 2, (800, 12)).astype(float)).reliability < 0.3


def test_abilities_come_out_on_the_anchors_scale() -> None:
    draw = np.random.default_rng(4)
    ability = np.array([1.0, 2.0, 3.0, 4.0, 2.5])
    model, row = (grid.ravel() for grid in np.meshgrid(np.arange(5), np.arange(3000), indexing="ij"))
    benchmark, difficulty = (row % 3).astype(np.int64), draw.random(3000)[row]
    logit = 0.8 * (ability[model] - np.array([1.0, 2.0, 3.0])[benchmark] - 2 * difficulty)
    right = (draw.random(len(model)) < logistic(logit)).astype(float)
    answers = joint.Answers(model, np.zeros_like(model), benchmark, difficulty, right)
    found = joint.abilities(answers, {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}, 6, 1)[:, 0]
    assert found[:5] == pytest.approx(ability, abs=0.25)  # the last has no anchor
    assert np.isnan(found[5])  # neither answers nor anchor


def test_a_curve_follows_its_answers_and_never_falls_with_difficulty() -> None:
    draw = np.random.default_rng(5)
    ability = draw.uniform(0, 4, 6000)
    difficulty = draw.random(6000)
    model = np.arange(6000)
    zeros = np.zeros(6000, np.int64)
    groups = draw.integers(0, 30, 6000)  # each of the 30 counts as 100 answers
    right = (draw.random(6000) < logistic(1.5 * (ability - 0.5 - 2 * difficulty))).astype(float)
    answers = joint.Answers(model, zeros, groups, difficulty, right)
    found = joint.curve(answers, ability[:, None], 1, (1.06, -1.3, 6.0))
    drawn = logistic(1.5 * (ability - 0.5 - 2 * difficulty))
    assert np.abs(found.chance(ability, zeros, difficulty) - drawn).mean() < 0.05
    upside_down = joint.Answers(model, zeros, groups, 1 - difficulty, right)
    assert joint.curve(upside_down, ability[:, None], 1, (1.06, -1.3, 6.0)).span.min() > 0


@pytest.mark.skipif(not OUTCOMES.exists(), reason="needs ../shared")
def test_the_tables_give_a_difficulty_for_each_request_and_none_that_is_for_measuring_only() -> None:
    rows = difficulties(OUTCOMES)
    assert {row["table"] for row in rows} == set(TABLES) and len(rows) == 13_931
    assert all(0 <= row["difficulty"] <= 1 and row["weight"] > 0.5 for row in rows)
    mean = {
        name: np.mean([row["difficulty"] for row in rows if row["benchmark"] == f"mmlu_pro/{name}"])
        for name in ("psychology", "engineering")
    }
    assert mean["engineering"] > mean["psychology"] + 0.2
