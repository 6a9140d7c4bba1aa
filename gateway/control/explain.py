"""A decision in words and numbers, without the call: the same code that serves, kept whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.decide import Decision, Wish, decide
from gateway.exchange import Ask, Exchange
from gateway.level2 import Level2
from gateway.money import NANO
from gateway.snapshot import Snapshot


async def explain(
    now: Snapshot, level2: Level2, ask: Ask, wished: Wish, caller: str, tags: tuple[str, ...]
) -> dict[str, Any]:
    """The decision for `ask` as JSON values: candidates in their order, and who is left out and why.

    What a rule denies is no error here: a decision without candidates. The second level is really asked.
    """
    exchange = Exchange()
    exchange.ask, exchange.caller, exchange.tags = ask, caller, tags
    route = now.route(*(ask.models or (ask.model,)))
    ruling, label = await level2.judge(now, route, exchange)
    if ruling.tier is not None:
        wished = wished._replace(tier=ruling.tier)
    if ruling.deny is not None:
        decision = Decision("denied", "none", f"denied: {ruling.deny}", ())
    else:
        decision = decide(ruling.route or route, ask, label, wished, whole=True)
    if ruling.why:
        decision = replace(decision, reason=ruling.why + decision.reason)
    return {
        "task": label.task,
        "confidence": round(label.confidence, 4),
        "difficulty": round(label.difficulty, 4),
        "decided_by": label.decided_by,
        "tags": ruling.tags,
        "rule": ruling.rule,
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
