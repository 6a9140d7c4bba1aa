"""Who may serve an ask, in what order, and why not the others."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.brain import Label
from gateway.brain.odds import chance
from gateway.candidates import usual_outputs
from gateway.config import Config, ProviderConfig, RouteConfig, Secret
from gateway.control.publish import publish
from gateway.conversation import KEPT_SECONDS, Held
from gateway.decide import FLOORS, MAX_ATTEMPTS, Decision, Wish, decide
from gateway.errors import GatewayError
from gateway.exchange import Ask, read_ask
from gateway.registry import TASKS
from gateway.snapshot import Snapshot

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


def test_a_floor_never_empties_the_list() -> None:
    local = ProviderConfig(wire="openai", base_url="http://127.0.0.1:1/v1", allow_private=True)
    models = {f"local/weak-{n}": {"input": 1, "output": 1, "abilities": {"simple_qa": n}} for n in (1, 2)}
    snapshot = publish(Config(providers={"local": local}, models=models), "test", {})
    hard = label("simple_qa", 1.0)
    decision = decided(snapshot, ask(), hard, tier="enhanced")
    everyone = decided(snapshot, ask(), hard, tier="none", strategy="best")
    assert [c.target.name for c in decision.candidates] == [everyone.candidates[0].target.name]
    assert "none reaches the enhanced floor" in decision.reason


def test_harder_asks_get_abler_models() -> None:
    local = ProviderConfig(wire="openai", base_url="http://127.0.0.1:1/v1", allow_private=True)
    models = {
        "local/weak": {"input": 0.1, "output": 0.4, "abilities": {"code_generation": 1.8}},
        "local/able": {"input": 1, "output": 4, "abilities": {"code_generation": 4.8}},
    }
    snapshot = publish(Config(providers={"local": local}, models=models), "test", {})
    by_value = [
        decided(snapshot, ask(), label(difficulty=d / 10), tier="none").candidates[0] for d in range(11)
    ]
    assert [by_value[d].target.name for d in (0, 10)] == ["local/weak", "local/able"]
    by_floor = [
        decided(snapshot, ask(), label(difficulty=d / 10), strategy="cheapest", tier="standard").candidates[0]
        for d in range(11)
    ]
    assert all(candidate.target.name == "local/able" for candidate in by_floor)  # 1.8 is below the floor


def test_chance_falls_with_difficulty_and_rises_with_ability() -> None:
    for task in TASKS:
        for ability in (1.0, 3.0, 5.0):
            chances = [chance(task, ability, d / 20) for d in range(21)]
            assert chances == sorted(chances, reverse=True) and chances[0] > chances[-1]
        for difficulty in (0.0, 0.5, 1.0):
            chances = [chance(task, a / 4, difficulty) for a in range(4, 21)]
            assert chances == sorted(chances) and chances[0] < chances[-1]
        assert 0 < chance(task, 1.0, 1.0) < 0.5 < chance(task, 5.0, 0.0) < 1


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
    route = replace(snapshot.route("auto"), name="mine", fallbacks=tuple(dear), strategy="cheapest")
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


def test_usual_outputs() -> None:
    plain, thinking = usual_outputs("math", 1.0, 100)
    assert 0 < plain < thinking
    assert usual_outputs("translation", 0.2, 2000) > usual_outputs("translation", 0.2, 200)
    assert usual_outputs("of their own", 0.2, 200) == usual_outputs("general", 0.2, 200)


def two(**settings: Any) -> Snapshot:
    local = ProviderConfig(wire="openai", base_url="http://127.0.0.1:1/v1", allow_private=True)
    models = {"local/dear": {"input": 2, "output": 3} | settings, "local/cheap": {"input": 1.5, "output": 3}}
    return publish(Config(providers={"local": local}, models=models), "test", {})


def costs(snapshot: Snapshot, asked: Ask, held: Held | None = None, **wish: Any) -> dict[str, int | None]:
    wished = Wish(**{"strategy": "cheapest", "tier": "none"} | wish)
    decision = decide(snapshot.route("auto"), asked, label(), wished, held)
    return {candidate.target.name: candidate.expected_nano for candidate in decision.candidates}


def test_a_limit_and_measured_lengths_move_the_expected_cost() -> None:
    snapshot = two()
    before = costs(snapshot, ask())
    assert list(before) == ["local/cheap", "local/dear"]
    limited = costs(snapshot, ask(max_tokens=10))
    assert limited["local/cheap"] == ask().input_tokens * 1500 + 10 * 3000
    cheap = snapshot.targets["local/cheap"].number
    for _ in range(20):  # as many as the prior counts for: halfway to the measured length
        snapshot.table.learn(cheap, "code_generation", 0.5, 100, 2700)
    after = costs(snapshot, ask())
    assert list(after) == ["local/dear", "local/cheap"]
    assert after["local/cheap"] == pytest.approx(2 * before["local/cheap"], rel=0.01)  # type: ignore[operator]
    snapshot.table.learn(cheap, "a task of another classifier", 0.5, 100, 1)
    assert costs(snapshot, ask()) == after


def test_one_odd_answer_moves_little_and_old_ones_fade() -> None:
    snapshot = two()
    dear = snapshot.targets["local/dear"].number
    before = costs(snapshot, ask())["local/dear"]
    snapshot.table.learn(dear, "code_generation", 0.5, 100, 10**9)
    assert costs(snapshot, ask())["local/dear"] < 2 * before  # type: ignore[operator]
    for _ in range(2000):
        snapshot.table.learn(dear, "code_generation", 0.5, 100, 900)
    assert costs(snapshot, ask())["local/dear"] == pytest.approx(before, rel=0.02)


def conversation(*turns: str) -> Ask:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": turn} for n, turn in enumerate(turns)]
    return ask(messages=messages)


LONG = "a long paste " * 1000


def test_a_conversation_stays_where_its_prompt_is_cached() -> None:
    snapshot = two(cache_read=0.1)
    first, dear = conversation(LONG), snapshot.targets["local/dear"].number
    known = snapshot.conversations
    assert known.find("me", first) is None
    known.keep("me", first, dear)
    then = conversation(LONG, "an answer", "shorter")
    held = known.find("me", then)
    assert held == Held(dear, first.input_tokens)
    assert list(costs(snapshot, then)) == ["local/cheap", "local/dear"]
    assert list(costs(snapshot, then, held)) == ["local/dear", "local/cheap"]
    for strategy in ("balanced", "best"):
        assert next(iter(costs(snapshot, then, held, strategy=strategy))) == "local/dear"
    decision = decide(snapshot.route("auto"), then, label(), Wish(strategy="cheapest"), held)
    assert f"{held.tokens} tokens of the conversation may be in its cache" in decision.reason


def test_a_conversation_is_known_by_its_own_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    known = two().conversations
    known.keep("me", conversation(LONG), 1)
    goes_on = conversation(LONG, "an answer", "shorter")
    assert known.find("me", goes_on) is not None
    assert known.find("you", goes_on) is None
    assert known.find("me", conversation(LONG + "!", "an answer", "shorter")) is None
    assert known.find("me", conversation(LONG, "an answer", "shorter", "so", "shorter")) is None
    known.keep("me", conversation("short"), 1)
    assert known.find("me", conversation("short", "an answer", "shorter")) is None
    late = time.monotonic() + KEPT_SECONDS
    monkeypatch.setattr("gateway.conversation.time.monotonic", lambda: late)
    assert known.find("me", goes_on) is None


def test_only_so_many_conversations_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.conversation._MOST", 2)
    known = two().conversations
    for name in ("one", "two", "three"):
        known.keep("me", conversation(name + LONG), 1)
    found = [known.find("me", conversation(name + LONG, "so", "?")) for name in ("one", "two", "three")]
    assert found[0] is None and found[1] and found[2]
