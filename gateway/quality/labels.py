"""What the router makes of requests: the one place that says how a row of a file is labelled."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.brain import Classifier, Label
from gateway.brain.rows import Row, reading


def labelled(rows: Iterable[Row], classifier: Classifier) -> list[Label]:
    """The label of each row, which has a `prompt` or `messages`."""
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
        found.append(label)
    return found
