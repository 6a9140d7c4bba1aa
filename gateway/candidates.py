"""What every target can do and is expected to cost: the compiled table, and what was measured since."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from fastpath import RankTable
from fastpath.pure.rank import Row, Tier
from gateway.brain.odds import chance
from gateway.money import MILLION
from gateway.registry import Model

BUCKETS = 32  # of difficulty

# Expected output tokens by task; a prior, which measured outputs replace. Translations and summaries follow
# their input instead, and a task that is not among the nine is taken for a general one.
_OUTPUT = {
    "code_generation": 900,
    "math": 600,
    "complex_reasoning": 1100,
    "simple_qa": 200,
    "data_extraction": 250,
    "creative_writing": 800,
}
_OTHER_OUTPUT = 450
_OUTPUT_PER_INPUT = {"translation": 1.1, "summarization": 0.25}
_LONGEST_FOLLOWING = 4000

# A measured length is weighed against so many answers of the usual length; old ones fade beyond the second.
_PRIOR_ANSWERS = 20
_REMEMBERED_ANSWERS = 200
_OUTLIER = 20.0  # one answer counts as at most so many times longer or shorter than usual


class Candidates:
    """The table of all targets of a snapshot, by number; `tasks` are the classifier's labels."""

    def __init__(self, models: Sequence[tuple[Model, int, float, str]], tasks: Sequence[str]) -> None:
        """`models`: each with the needs that it does not serve, its room in tokens, and its provider."""
        self.tasks = {task: number for number, task in enumerate(tasks)}
        abilities = [[ability(model, task) for task in tasks] for model, *_ in models]
        rows = [
            Row(tuple(able), unable, room, model.reasoning is True, provider, _tiers(model))
            for (model, unable, room, provider), able in zip(models, abilities, strict=True)
        ]
        middles = [(bucket + 0.5) / BUCKETS for bucket in range(BUCKETS)]
        chances = [
            [[chance(task, able[number], middle) for able in abilities] for middle in middles]
            for number, task in enumerate(tasks)
        ]
        self.table = RankTable(rows, chances)
        self._thinks = [row.thinks for row in rows]
        self._measured = [[(0, 1.0)] * len(models) for _ in tasks]  # answers, and their ratio to the usual

    def learn(
        self, number: int, task: str, difficulty: float, input: float, output: float, answers: int = 1
    ) -> None:
        """Takes in whole answers of a target, by the means of their difficulty, input and output tokens."""
        of = self.tasks.get(task)
        if of is None:  # of another classifier
            return
        usual = usual_outputs(task, difficulty, input)[self._thinks[number]]
        seen, ratio = self._measured[of][number]
        found = min(max(output / usual, 1 / _OUTLIER), _OUTLIER)
        answers = min(answers, _REMEMBERED_ANSWERS)
        seen = min(seen, _REMEMBERED_ANSWERS - answers)
        ratio = (seen * ratio + answers * found) / (seen + answers)
        seen += answers
        self._measured[of][number] = seen, ratio
        self.table.ratio(number, of, (_PRIOR_ANSWERS + seen * ratio) / (_PRIOR_ANSWERS + seen))


def ability(model: Model, task: str) -> float:
    """The ability of a model for a task; for a task of the users' own that it does not name, its mean."""
    found = model.abilities.get(task)
    return fmean(model.abilities.values()) if found is None else found


def usual_outputs(task: str, difficulty: float, input: float) -> tuple[float, float]:
    """Tokens that an answer usually has: of a model that does not think, and of one that does."""
    ratio = _OUTPUT_PER_INPUT.get(task)
    if ratio is None:
        plain: float = _OUTPUT.get(task, _OTHER_OUTPUT)
    else:
        plain = min(max(input * ratio, 50), _LONGEST_FOLLOWING)
    return plain, plain * (1 + 2 * difficulty)


def _tiers(model: Model) -> tuple[Tier, ...]:
    """Prices in nano-dollars a token: fit for ordering; what is booked is computed in integers."""
    return tuple(
        Tier(price.above, price.input / MILLION, price.output / MILLION, price.cache_read / MILLION)
        for price in model.prices or ()
    )
