"""The router's brain: which task a request is and how hard, from a small learned model in the package."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from fastpath import LinearModel, Matcher, Pieces
from gateway.brain.columns import columns, packed
from gateway.brain.features import BEFORE, SYSTEM, body, extra, window
from gateway.brain.patterns import PATTERNS

__all__ = ["MODEL", "PIECES", "Classifier", "Label"]

MODEL = Path(__file__).with_name("model.bin")
PIECES = Path(__file__).with_name("pieces.bin")


class Label(NamedTuple):
    """A task, the probability that it is right, a difficulty in 0..1, and which level said so."""

    task: str
    confidence: float
    difficulty: float
    decided_by: Literal["l1", "l2"] = "l1"


class Classifier:
    """A trained model, the packaged one unless another is named, behind one call; for one thread at a time.

    ValueError that says why where a file is damaged, of another version, or no model.
    """

    def __init__(self, model: Path = MODEL) -> None:
        self._pieces = Pieces(PIECES.read_bytes())
        self._model = LinearModel(model.read_bytes(), self._pieces)
        self.labels: tuple[str, ...] = self._model.labels
        self._matcher = Matcher([pattern for _, pattern in PATTERNS])

    def __call__(
        self,
        text: bytes,
        *,
        before: bytes = b"",
        system: bytes = b"",
        turns: int = 1,
        tools: bool = False,
        images: bool = False,
    ) -> Label:
        """The label of an ask: UTF-8 of any length, what it may refer to, and the instructions above it."""
        seen, rows = inputs(
            self._matcher, text, before=before, system=system, turns=turns, tools=tools, images=images
        )
        shares, difficulty = self._model.score(seen, rows)
        confidence = max(shares)
        return Label(self._model.labels[shares.index(confidence)], confidence, difficulty)

    def remembered(
        self,
        text: bytes,
        *,
        before: bytes = b"",
        system: bytes = b"",
        turns: int = 1,
        tools: bool = False,
        images: bool = False,
    ) -> str:
        """What of an ask training can learn from, without its words: `features` of a row for it."""
        seen, rows = inputs(
            self._matcher, text, before=before, system=system, turns=turns, tools=tools, images=images
        )
        return packed(columns(seen, rows, self._pieces))


def inputs(
    matcher: Matcher, text: bytes, *, before: bytes, system: bytes, turns: int, tools: bool, images: bool
) -> tuple[bytes, list[int]]:
    """What the model scores for an ask: its sections and its extra rows. Training goes through here too."""
    text, before, system = body(text), before[: 2 * BEFORE], system[:SYSTEM]
    around = matcher.match(before + b"\n" + system) if before or system else []
    rows = extra(
        text,
        matcher.match(text),
        around,
        turns=turns,
        tools=tools,
        images=images,
        before=before,
        system=system,
    )
    return window(text, before, system), rows
