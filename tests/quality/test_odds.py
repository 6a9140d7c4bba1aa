"""P(good enough): what the packaged curves promise, and what a damaged file is told."""

import json
import math

import pytest

from gateway.brain.odds import PACKAGED, Odds, chance
from gateway.registry import TASKS

CURVE = {"slope": 1.0, "easiest": 0.0, "span": 4.0}


@pytest.mark.parametrize("task", [*TASKS, "a task of the users' own"])
def test_more_able_is_likelier_and_harder_is_not(task: str) -> None:
    for ability in (-2.0, 1.0, 3.0, 5.0):
        chances = [chance(task, ability, step / 10) for step in range(11)]
        assert chances == sorted(chances, reverse=True) and chances[0] > chances[-1]
        assert all(0 < p < 1 for p in chances)
    for difficulty in (0.0, 0.5, 1.0):
        assert chance(task, 2.0, difficulty) < chance(task, 2.1, difficulty)


def test_the_scale_still_means_what_the_guide_says() -> None:
    for task in TASKS:
        assert 0.65 < chance(task, 1.5, 0.25) < 0.95  # a small model on an easy request
        assert chance(task, 3.0, 0.5) > 0.7  # a mid-size one on a middling request
        assert chance(task, 4.5, 0.75) > 0.7  # a frontier model on a hard one
        assert chance(task, 1.5, 1.0) < 0.6  # a small model on the hardest


def test_a_task_has_its_own_curve_or_the_shared_one() -> None:
    odds = Odds(json.dumps({"shared": CURVE, "tasks": {"math": CURVE | {"easiest": 1.0}}}).encode())
    assert odds.chance("verse", 2.0, 0.5) == pytest.approx(0.5)
    assert odds.chance("math", 2.0, 0.5) == pytest.approx(1 / (1 + math.e))
    assert odds.chance("verse", 1e9, 0.0) == pytest.approx(1) and odds.chance("verse", -1e9, 0.0) >= 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "want an object"),
        (b'{"tasks": {}}', "shared: want slope"),
        (json.dumps({"shared": CURVE, "tasks": {"math": {"slope": 1.0}}}).encode(), "tasks.math.easiest"),
        (json.dumps({"shared": CURVE | {"slope": 0}, "tasks": {}}).encode(), "shared.slope: must be above 0"),
        (json.dumps({"shared": CURVE | {"span": -1}, "tasks": {}}).encode(), "shared.span: must be above 0"),
        (json.dumps({"shared": CURVE | {"span": True}, "tasks": {}}).encode(), "shared.span: True is not"),
    ],
)
def test_a_damaged_file_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match="odds: ") as caught:
        Odds(content)
    assert reason in str(caught.value)


def test_the_packaged_file_says_how_good_it_is() -> None:
    about = PACKAGED.about
    assert "alpacaeval_dev_half" not in about["tables"]
    for left_out in ("left out: a table", "left out: a benchmark"):
        fit, prior = about[left_out]["this fit"], about[left_out]["the prior"]
        assert fit["log loss"] < prior["log loss"] and fit["ece"] < prior["ece"]
    benchmark = about["left out: a benchmark"]
    assert benchmark["this fit"]["log loss"] < benchmark["share right, whoever is asked"]["log loss"]
