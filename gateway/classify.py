"""What is asked, in its context, as a task and a difficulty; bounded work, whatever the length of an ask."""

from __future__ import annotations

from gateway.brain import Classifier, Label
from gateway.brain.features import Reading, read
from gateway.content import text as text_of
from gateway.exchange import TOOLS, VISION, Ask

# Of a longer text only the two ends are decoded: the question stands at one of them.
_WHOLE = 64 * 1024
_END = 16 * 1024


def reading(ask: Ask) -> Reading:
    """What a person wants last in `ask`, with what that may refer to."""
    messages = ask.peek.messages

    def content(number: int) -> bytes:
        _, start, end = messages[number]
        return text_of(ask.body, start, end, _WHOLE, _END)

    return read([role for role, _, _ in messages], content)


def classify(classifier: Classifier, ask: Ask) -> Label:
    """The label of what a person wants last in `ask`."""
    text, before, system, turns = reading(ask)
    return classifier(
        text,
        before=before,
        system=system,
        turns=turns,
        tools=bool(ask.needs & TOOLS),
        images=bool(ask.needs & VISION),
    )


def remembered(classifier: Classifier, ask: Ask) -> str:
    """What of `ask` training can learn from, without its words."""
    text, before, system, turns = reading(ask)
    return classifier.remembered(
        text,
        before=before,
        system=system,
        turns=turns,
        tools=bool(ask.needs & TOOLS),
        images=bool(ask.needs & VISION),
    )
