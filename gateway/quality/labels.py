"""What the router makes of requests: the one place that says how a row of a file is labelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.brain import Classifier, Label
from gateway.brain.rows import Row, reading
from gateway.level2.excerpt import Excerpt


def labelled(
    rows: Iterable[Row], classifier: Classifier, encoder: Any = None, below: float = 0.0
) -> list[Label]:
    """The label of each row, which has a `prompt` or `messages`; below a confidence, an encoder's."""
    found = []
    for row in rows:
        asked = reading(row)
        label = classifier(
            asked.text,
            before=asked.before,
            system=asked.system,
            turns=asked.turns,
            tools=any(message["role"] == "tool" for message in row.get("messages", ())),
        )
        if encoder is not None and label.confidence < below:
            shares, difficulty = encoder.classify(*Excerpt.cut(asked))
            confidence = max(shares)
            label = Label(encoder.labels[shares.index(confidence)], confidence, difficulty, "l2")
        found.append(label)
    return found
