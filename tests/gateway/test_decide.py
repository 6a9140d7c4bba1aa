"""Who may serve an ask, in what order, and why not the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.brain import Label
from gateway.config import Config, ProviderConfig, RouteConfig, Secret
from gateway.control.publish import publish
from gateway.decide import FLOORS, MAX_ATTEMPTS, Decision, Wish, chance, decide, expected_outputs
from gateway.errors import GatewayError
from gateway.exchange import Ask, read_ask
from gateway.registry import TASKS
from gateway.snapshot import Route, Snapshot

KEY = ProviderConfig(api_key=Secret("k"))
ALL = ("openai", "anthropic", "gemini", "deepseek", "mistral", "groq")


def ask(text: str = "hi", **more: Any) -> Ask:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    return read_ask(json.dumps(body).encode())


def label(task: str = "code_generation", difficulty: float = 0.5) -> Label:
    return Label(task, 0.9, difficulty)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return publish(Config(providers=dict.fromkeys(ALL, KEY)), "test", {})


def decided(snapshot: Snapshot, asked: Ask, labelled: Label, **wish: Any) -> Decision:
    return decide(snapshot.route("auto"), asked, labelled, Wish(**wish), whole=True)


@pytest.mark.parametrize("difficulty", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("task", TASKS)
def test_every_target_is_either_a_candidate_or_left_out(
    snapshot: Snapshot, task: str, difficulty: float
) -> None:
    decision = decided(snapshot, ask(), label(task, difficulty))
    named = [c.target.name for c in decision.candidates] + [name for name, _ in decision.left_out]
    assert sorted(named) == sorted(target.name for target in snapshot.route("auto").targets)
    assert all(reason for _, reason in decision.left_out)


@pytest.mark.parametrize("difficulty", [0.05, 0.5, 0.8])
def test_the_strategies_order_as_they_say(snapshot: Snapshot, difficulty: float) -> None:
    orders = {
        strategy: decided(snapshot, ask(), label(difficulty=difficulty), strategy=strategy).candidates
        for strategy in ("cheapest", "balanced", "best")
    }
    assert len({frozenset(c.target.name for c in order) for order in orders.values()}) == 1
    costs = [c.expected_nano for c in orders["cheapest"]]
    assert costs == sorted(costs, key=lambda cost: (cost is None, cost))
    chances = [c.p for c in orders["best"]]
    assert chances == sorted(chances, reverse=True)
    first = {strategy: order[0] for strategy, order in orders.items()}
    assert first["cheapest"].p <= first["balanced"].p <= first["best"].p
    assert first["cheapest"].expected_nano <= first["balanced"].expected_nano <= first["best"].expected_nano  # type: ignore[operator]


@pytest.mark.parametrize("tier", ["none", "standard", "enhanced"])
def test_a_floor_holds(snapshot: Snapshot, tier: str) -> None:
    decision = decided(snapshot, ask(), label(difficulty=0.6), tier=tier)
    p, ability = FLOORS[tier]  # type: ignore[index]
    assert decision.candidates
    assert all(c.p >= p and c.ability >= ability for c in decision.candidates)
    below = [reason for _, reason in decision.left_out if "floor" in reason]
    assert bool(below) == (tier != "none")


def test_a_floor_never_empties_the_list(snapshot: Snapshot) -> None:
    hard = label("simple_qa", 1.0)
    decision = decided(snapshot, ask(), hard, tier="enhanced")
    everyone = decided(snapshot, ask(), hard, tier="none", strategy="best")
    assert [c.target.name for c in decision.candidates] == [everyone.candidates[0].target.name]
    assert "none reaches the enhanced floor" in decision.reason


def test_harder_asks_get_abler_models(snapshot: Snapshot) -> None:
    chosen = [decided(snapshot, ask(), label(difficulty=d / 10)).candidates[0] for d in range(11)]
    abilities = [candidate.ability for candidate in chosen]
    assert abilities[-1] > abilities[0]
    assert chosen[-1].expected_nano > chosen[0].expected_nano  # type: ignore[operator]


def test_chance_is_ability_minus_difficulty() -> None:
    assert 0.75 < chance(1.5, 0.25) < 0.85  # small model, easy
    assert chance(1.5, 0.5) < 0.5  # small model, middling
    assert 0.75 < chance(3.0, 0.5) < 0.85  # mid-size model, middling
    assert 0.75 < chance(4.5, 0.75) < 0.85  # frontier model, hard
    assert chance(4.5, 1.0) < 0.5
    for ability in (1.0, 3.0, 5.0):
        chances = [chance(ability, d / 20) for d in range(21)]
        assert chances == sorted(chances, reverse=True)


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("more", "word"), [({"tools": [TOOL]}, "tools"), ({"response_format": SCHEMA}, "json_schema")]
)
def test_what_a_model_cannot_do_leaves_it_out(more: dict[str, Any], word: str) -> None:
    local = ProviderConfig(wire="openai", base_url="http://127.0.0.1:1/v1", allow_private=True)
    models = {"local/able": {word: True}, "local/untold": {}, "local/unable": {word: False}}
    snapshot = publish(Config(providers={"local": local}, models=models), "test", {})
    decision = decided(snapshot, ask(**more), label(), tier="none")
    assert {c.target.name for c in decision.candidates} == {"local/able", "local/untold"}
    assert decision.left_out == (("local/unable", f"cannot do {word}"),)
    assert len(decided(snapshot, ask(), label(), tier="none").candidates) == 3
    with pytest.raises(GatewayError, match=f"local/unable cannot do {word}"):
        only = publish(Config(providers={"local": local}, models={"local/unable": {word: False}}), "test", {})
        decided(only, ask(**more), label())


def test_pictures_need_eyes(snapshot: Snapshot) -> None:
    content = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    decision = decided(snapshot, ask(messages=[{"role": "user", "content": content}]), label(), tier="none")
    assert all(c.target.model.vision is not False for c in decision.candidates)
    assert any("vision" in reason for _, reason in decision.left_out)


def test_what_does_not_fit_is_left_out(snapshot: Snapshot) -> None:
    decision = decided(snapshot, ask("word " * 300_000), label(), tier="none")
    small = {
        t.name
        for t in snapshot.route("auto").targets
        if (t.model.max_input or t.model.context or 0) < 300_000
    }
    assert small and not small & {c.target.name for c in decision.candidates}
    assert any("the request has about" in reason for _, reason in decision.left_out)


def test_a_picture_does_not_count_by_its_base64() -> None:
    url = "data:image/png;base64," + "A" * 4_000_000
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    assert ask(messages=[{"role": "user", "content": content}]).input_tokens < 5_000


def test_a_max_cost_is_kept(snapshot: Snapshot) -> None:
    everyone = decided(snapshot, ask(), label(), strategy="cheapest", tier="none").candidates
    cap = everyone[2].expected_nano
    decision = decided(snapshot, ask(), label(), tier="none", max_cost_nano=cap)
    assert all(c.expected_nano is not None and c.expected_nano <= cap for c in decision.candidates)  # type: ignore[operator]
    assert len(decision.candidates) < len(everyone)
    dear = [target for target in snapshot.route("auto").targets if target.name == "openai/gpt-6-astra"]
    route = Route("mine", snapshot.route("auto").targets, tuple(dear), "cheapest")
    capped = decide(route, ask(), label(), Wish(max_cost_nano=cap), whole=True)
    assert "openai/gpt-6-astra" not in {c.target.name for c in capped.candidates}
    with pytest.raises(GatewayError, match="max cost"):
        decided(snapshot, ask(), label(), max_cost_nano=0)


def test_an_unknown_price_comes_last_and_is_never_free() -> None:
    config = Config(
        providers={
            "local": ProviderConfig(wire="openai", base_url="http://127.0.0.1:1/v1", allow_private=True)
        },
        models={"local/priced": {"input": 5, "output": 25}, "local/mystery": {}},
    )
    snapshot = publish(config, "test", {})
    for strategy in ("cheapest", "balanced"):
        decision = decided(snapshot, ask(), label(difficulty=0.1), strategy=strategy, tier="none")
        assert [c.target.name for c in decision.candidates] == ["local/priced", "local/mystery"]
        assert decision.candidates[1].expected_nano is None
    with pytest.raises(GatewayError, match="unknown price"):
        decided(snapshot, ask("x" * 10_000_000), label(), tier="none", max_cost_nano=1)


def test_the_attempts_are_few_and_of_several_providers(snapshot: Snapshot) -> None:
    whole = decided(snapshot, ask(), label(difficulty=0.2), strategy="cheapest")
    tried = decide(snapshot.route("auto"), ask(), label(difficulty=0.2), Wish(strategy="cheapest")).candidates
    assert len(tried) == MAX_ATTEMPTS < len(whole.candidates)
    assert tried[:5] == whole.candidates[:5]
    assert len({c.target.provider.name for c in tried}) >= 4


def test_a_route_has_its_own_candidates_strategy_and_tier() -> None:
    names = ["openai/gpt-6-astra", "openai/gpt-6-luna"]
    config = Config(
        providers={"openai": KEY},
        routes={"mine": RouteConfig(strategy="cheapest", tier="none", candidates=names)},
    )
    snapshot = publish(config, "test", {})
    decision = decide(snapshot.route("mine"), ask(), label(), Wish())
    assert [c.target.name for c in decision.candidates] == names[::-1]
    assert (decision.strategy, decision.tier) == ("cheapest", "none")


def test_a_named_model_is_served_as_named(snapshot: Snapshot) -> None:
    decision = decide(snapshot.route("openai/gpt-5.4-nano"), ask(), label(difficulty=1.0), Wish())
    assert [c.target.name for c in decision.candidates] == ["openai/gpt-5.4-nano"]
    names = ["mistral/ministral-3b-2512", "openai/gpt-6-luna"]
    assert [t.name for t in snapshot.route(*names).targets] == names
    with pytest.raises(GatewayError, match="`auto` is a route"):
        snapshot.route("mistral/ministral-3b-2512", "auto")
    bare = snapshot.route("gpt-6-luna")
    assert bare.targets[0].name == "openai/gpt-6-luna"
    alias = snapshot.route("google/gemini-4-argon")
    assert alias.targets[0].name == "gemini/gemini-4-argon"


def test_outputs_are_expected_within_limits() -> None:
    plain, thinking = expected_outputs("math", 1.0, 100, None)
    assert 0 < plain < thinking
    assert expected_outputs("math", 1.0, 100, 50) == (50, 50)
    assert expected_outputs("translation", 0.2, 2000, None) > expected_outputs("translation", 0.2, 200, None)


def test_the_memo_is_bounded(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.decide._MEMO_SIZE", 4)
    route = snapshot.route("auto")
    route.memo.clear()
    for task in TASKS:
        decide(route, ask(), label(task), Wish())
    assert 0 < len(route.memo) <= 4
    assert decide(route, ask(), label(TASKS[-1]), Wish()) is decide(route, ask(), label(TASKS[-1]), Wish())
