"""A decision in words and numbers, without the call: the same code that serves, kept whole."""

from __future__ import annotations

from typing import Any

from gateway.classify import classify
from gateway.decide import Wish, decide
from gateway.exchange import Ask
from gateway.money import NANO
from gateway.snapshot import Snapshot


def explain(now: Snapshot, ask: Ask, wished: Wish) -> dict[str, Any]:
    """The decision for `ask` as JSON values: candidates in their order, and who is left out and why."""
    route = now.route(*(ask.models or (ask.model,)))
    label = classify(now.classifier, ask)
    decision = decide(route, ask, label, wished, whole=True)
    return {
        "task": label.task,
        "confidence": round(label.confidence, 4),
        "difficulty": round(label.difficulty, 4),
        "decided_by": "l1",
        "strategy": decision.strategy,
        "tier": decision.tier,
        "reason": decision.reason,
        "candidates": [
            {
                "model": candidate.target.name,
                "p": round(candidate.p, 4),
                "ability": round(candidate.ability, 2),
                "imputed": label.task in candidate.target.model.imputed,
                "expected_cost_usd": None
                if candidate.expected_nano is None
                else candidate.expected_nano / NANO,
            }
            for candidate in decision.candidates
        ],
        "left_out": [{"model": model, "reason": reason} for model, reason in decision.left_out],
    }
