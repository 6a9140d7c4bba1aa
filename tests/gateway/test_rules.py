"""Own rules: what they match, in what order they are read, and what becomes of a request."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fastpath import ENGINE
from gateway.brain import Label
from gateway.cli import main
from gateway.config import Config, Rule
from gateway.control.publish import publish
from gateway.exchange import Ask, read_ask
from gateway.rules import EDGE, Rules, Ruling
from tests.conftest import PROVIDERS, Gateway, Simulator, request, start

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
DOCS = Path(__file__).parents[2] / "docs"


def ask(text: str = "hi", system: str = "", **more: Any) -> Ask:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": text}]
    return read_ask(json.dumps({"model": "auto", "messages": messages, **more}).encode())


def rules(*given: dict[str, Any]) -> Rules[str]:
    """Rules whose routes and models are their names alone."""
    read = msgspec.convert(given, list[Rule])
    return Rules(read, [rule.then.route or rule.then.model for rule in read], "test")


def ruling(
    *given: dict[str, Any],
    asked: Ask | None = None,
    text: str = "hi",
    key: str = "open",
    task: str = "general",
    tags: tuple[str, ...] = (),
) -> Ruling[str]:
    return rules(*given).read(key, asked or ask(text), Label(task, 0.9, 0.5), tags)


HIT: dict[str, Any] = {"then": {"tag": "hit"}}


def applies(when: dict[str, Any], **request: Any) -> bool:
    return "hit" in ruling({"when": when, **HIT}, **request).tags


def test_each_condition_holds_and_does_not() -> None:
    assert applies({"key": ["ann", "bob"]}, key="bob") and not applies({"key": ["ann", "bob"]}, key="eve")
    assert applies({"tag": ["x", "y"]}, tags=("y",)) and not applies({"tag": ["x", "y"]}, tags=("z",))
    assert applies({"task": ["math", "general"]}) and not applies({"task": ["math"]})
    assert applies({"tools": True}, asked=ask(tools=[TOOL])) and not applies({"tools": True})
    assert applies({"tools": False}) and not applies({"tools": False}, asked=ask(tools=[TOOL]))
    assert applies({"language": ["zh", "ru"]}, text="Как дела сегодня?")
    assert not applies({"language": ["zh"]}, text="Как дела сегодня?") and not applies({"language": ["ru"]})
    tokens = ask().input_tokens
    assert tokens > 1
    assert applies({"min_tokens": tokens}) and not applies({"min_tokens": tokens + 1})
    assert applies({"max_tokens": tokens}) and not applies({"max_tokens": tokens - 1})


def test_all_conditions_must_hold() -> None:
    when = {"key": ["ann"], "tag": ["x"], "task": ["math"], "tools": False, "min_tokens": 1, "max_tokens": 99}
    right: dict[str, Any] = {"key": "ann", "tags": ("x",), "task": "math"}
    rule = {"match": "needle", "when": when, **HIT}
    assert "hit" in ruling(rule, text="a needle", **right).tags
    for wrong in (
        {"key": "eve"},
        {"tags": ()},
        {"task": "general"},
        {"text": "hay"},
        {"text": "needle" * 999},
    ):
        assert "hit" not in ruling(rule, **{"text": "a needle", **right, **wrong}).tags


def test_a_rule_without_match_and_when_always_applies() -> None:
    assert ruling(HIT) == Ruling(tags=("hit",))
    assert ruling(tags=("mine",)) == Ruling(tags=("mine",))


def test_any_pattern_of_a_list_is_enough() -> None:
    rule = {"match": ["cat", "^dog$"], **HIT}
    assert [bool(ruling(rule, text=text).tags) for text in ("a CAT", "x\ndog\ny", "dogs", "bird")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_the_first_to_route_or_deny_ends_the_reading() -> None:
    first, second = {"name": "1", "then": {"route": "a", "tag": "t"}}, {"name": "2", "then": {"deny": "no"}}
    assert ruling(first, second) == Ruling(("t",), None, "a", None, "1", "rule 1: ")
    assert ruling(second, first) == Ruling((), None, None, "no", "2", "rule 2: ")
    model = {"then": {"model": "m"}}
    assert ruling(model, first) == Ruling((), None, "m", None, "rules[0]", "rule rules[0]: ")


def test_tags_and_tiers_add_up() -> None:
    given = [
        {"name": "a", "then": {"tag": "x", "tier": "enhanced"}},
        {"name": "b", "then": {"tag": "y"}},
        {"name": "c", "then": {"tag": "x", "tier": "none"}},
        {"name": "d", "when": {"tag": ["y"]}, "then": {"route": "r", "tag": "z"}},
        {"name": "e", "then": {"tag": "never"}},
    ]
    assert ruling(*given, tags=("mine",)) == Ruling(
        ("mine", "x", "y", "z"), "none", "r", None, "d", "rule c, d: "
    )
    assert ruling(*given[:3]) == Ruling(("x", "y"), "none", None, None, None, "rule c: ")


def test_a_tag_is_seen_by_later_rules_only() -> None:
    backwards = [{"when": {"tag": [f"t{n}"]}, "then": {"tag": f"t{n + 1}"}} for n in range(5)]
    seed = {"then": {"tag": "t0"}}
    assert ruling(seed, *backwards).tags == ("t0", "t1", "t2", "t3", "t4", "t5")
    assert ruling(*backwards[::-1], seed).tags == ("t0",)
    assert ruling(backwards[1], seed, backwards[0], backwards[1]).tags == ("t0", "t1", "t2")


def test_patterns_see_ask_and_system_prompt_to_the_stated_bound() -> None:
    rule = {"match": "needle", **HIT}
    hay = "nothing to see\n" * 3500  # 52 KB
    assert ruling(rule, asked=ask(hay + "needle" + hay)).tags
    assert ruling(rule, asked=ask("hi", system=hay + "needle" + hay)).tags
    parts = [{"type": "text", "text": hay}, {"type": "text", "text": "needle"}, {"type": "text", "text": hay}]
    assert ruling(rule, asked=ask(messages=[{"role": "user", "content": parts}])).tags
    far = "x" * (EDGE + 100)
    for content in (far + "needle" + far, [{"type": "text", "text": text} for text in (far, "needle", far)]):
        assert not ruling(rule, asked=ask(messages=[{"role": "user", "content": content}])).tags
    assert ruling(rule, asked=ask("needle" + far + far)).tags
    assert ruling(rule, asked=ask(far + far + "needle")).tags


def test_patterns_see_the_last_ask_and_no_other_turn() -> None:
    rule = {"match": "needle", **HIT}
    old, new = {"role": "user", "content": "needle"}, {"role": "user", "content": "hay"}
    result = {"role": "tool", "tool_call_id": "1", "content": "needle"}
    assert not ruling(rule, asked=ask(messages=[old, {"role": "assistant", "content": "needle"}, new])).tags
    assert not ruling(rule, asked=ask(messages=[new, {"role": "assistant", "content": None}, result])).tags
    assert ruling(rule, asked=ask(messages=[new, {"role": "assistant", "content": "x"}, old])).tags
    assert ruling(rule, asked=ask(messages=[{"role": "system", "content": "needle"}])).tags


def test_patterns_take_other_letters_as_written() -> None:
    rule = {"match": "straße|(?:ä|ö)+x|Привет|東京|😀", **HIT}
    for text in ("Hauptstraße", "äöäx", "Привет!", "東京都", "a 😀", "STRAßE"):
        assert ruling(rule, text=text).tags, text
    for text in ("strasse", "äö", "привет", "京東", "é"):
        assert not ruling(rule, text=text).tags, text


@pytest.mark.skipif(ENGINE == "re", reason="re backtracks, as docs/rules.md says")
def test_a_pattern_that_could_explode_does_not() -> None:
    given = [
        {"match": pattern, **HIT} for pattern in (r"^(a+)+$", r"(?:x|x|x)*y", r"(.*,){15}P", r"(\w+\s?)*!z")
    ]
    evil = ask("a" * 60_000 + "\nb" + "x" * 30_000 + "1," * 15_000)
    read = rules(*given)
    started = time.perf_counter()
    read.read("open", evil, Label("general", 0.9, 0.5), ())
    assert time.perf_counter() - started < 0.5


def test_nothing_is_read_of_a_request_that_no_rule_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def language(text: bytes) -> str:
        seen.append("language")
        return "de"

    monkeypatch.setattr("gateway.rules.language", language)
    monkeypatch.setattr("gateway.rules._said", lambda asked: seen.append("text") or (b"needle", b""))
    ruling({"when": {"task": ["math"]}, **HIT})
    assert not seen
    ruling({"match": "needle", **HIT})
    assert seen == ["text"]
    assert ruling({"when": {"language": ["de"]}, **HIT}).tags and seen == ["text", "text", "language"]


def plain(given: Sequence[Rule], text: str, key: str, task: str, tokens: int, tags: tuple[str, ...]) -> Any:
    """What the rules mean, in the plainest words: each in turn, its patterns by `re`."""
    tier = None
    for number, rule in enumerate(given):
        when, then = rule.when, rule.then
        patterns = [rule.match] if isinstance(rule.match, str) else rule.match
        if patterns and not any(re.search(p.encode(), text.encode(), re.I | re.M) for p in patterns):
            continue
        if when.key and key not in when.key or when.task and task not in when.task:
            continue
        if when.tag and not set(when.tag) & set(tags):
            continue
        if tokens < (when.min_tokens or 0) or when.max_tokens is not None and tokens > when.max_tokens:
            continue
        if then.tier:
            tier = then.tier
        if then.tag and then.tag not in tags:
            tags += (then.tag,)
        if then.route or then.deny:
            return tags, tier, then.route, then.deny, f"rules[{number}]"
    return tags, tier, None, None, None


def random_rule(dice: random.Random, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"then": {}}
    word = f"w{number}{dice.choice(['en', 'ing', 'ß'])}"
    if dice.random() < 0.6:
        rule["match"] = (
            word if dice.random() < 0.9 else [word, rf"{word}-\d{{2,4}}\b", f"common{number % 40}\\b"]
        )
    when = {
        "key": [f"k{dice.randrange(300)}", "k1"],
        "tag": [f"t{dice.randrange(200)}" for _ in range(2)],
        "task": dice.sample(["math", "general", "translation"], 1),
        "min_tokens": dice.randrange(40),
        "max_tokens": dice.randrange(40, 200),
    }
    rule["when"] = {name: when[name] for name in dice.sample(sorted(when), dice.choice([1, 1, 2, 3]))}
    if dice.random() < 0.9:
        rule["then"]["tag"] = f"t{dice.randrange(200)}"
    if dice.random() < 0.2 or not rule["then"]:
        rule["then"]["tier"] = dice.choice(["none", "standard", "enhanced"])
    if dice.random() < 0.02:
        rule["then"][dice.choice(["route", "deny"])] = f"end{number}"
    return rule


def test_ten_thousand_rules_mean_what_a_plain_loop_makes_of_them() -> None:
    dice = random.Random(3)
    given = [random_rule(dice, number) for number in range(10_000)]
    read, compiled = msgspec.convert(given, list[Rule]), rules(*given)
    ended = tagged = 0
    for _ in range(60):
        words = [
            f"w{dice.randrange(10_000)}{dice.choice(['en', 'ing', 'ß'])}" for _ in range(dice.randrange(40))
        ]
        text = " ".join([*words, f"common{dice.randrange(60)}"])
        key, task = f"k{dice.randrange(4)}", dice.choice(["math", "general", "code_generation"])
        tags = tuple(f"t{dice.randrange(200)}" for _ in range(dice.randrange(3)))
        asked = ask(text)
        found = compiled.read(key, asked, Label(task, 0.9, 0.5), tags)
        assert found[:5] == plain(read, text, key, task, asked.input_tokens, tags)
        ended += found.rule is not None
        tagged += len(found.tags) > len(tags)
    assert ended > 10 and tagged > 40


CONFIG_RULES = [
    {"name": "secrets", "match": "AKIA[0-9A-Z]{16}", "then": {"deny": "Нет. Take it out.", "tag": "leak"}},
    {"name": "vip", "when": {"tag": ["vip"]}, "then": {"tier": "enhanced", "tag": "paid"}},
    {"name": "to haiku", "when": {"tag": ["haiku"]}, "then": {"model": "claude-haiku-4-5"}},
    {"name": "to mine", "match": "for my route", "then": {"route": "mine", "tier": "none"}},
]


@pytest.fixture(scope="module")
def ruled(simulator_process: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "providers": simulator_process.providers(*PROVIDERS),
        "routes": {"mine": {"strategy": "cheapest", "candidates": ["gemini/gemini-3.6-flash"]}},
        "rules": CONFIG_RULES,
    }
    gateway = start(tmp_path_factory.mktemp("ruled"), config)
    yield gateway
    gateway.process.stop()


SECRET = "please use AKIAABCDEFGHIJKLMNOP"


@pytest.mark.parametrize("model", ["auto", "mine", "openai/gpt-6-luna"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_denied_request_reaches_nobody(
    ruled: Gateway, simulator: Simulator, model: str, stream: bool
) -> None:
    before = sum(simulator.count(name)["requests"] for name in PROVIDERS)
    reply = ruled.chat(model, "x\n" * 40_000 + SECRET + "\ny" * 20_000, stream=stream)
    assert reply.status == 403 and reply.headers["content-type"] == "application/json"
    assert reply.json() == {
        "error": {
            "message": "Нет. Take it out.",
            "type": "permission_error",
            "param": None,
            "code": "denied_by_rule",
        }
    }
    row = ruled.row(reply.headers["x-request-id"])
    assert (row["status"], row["error"], row["rule"]) == (403, "denied_by_rule", "secrets")
    assert (row["tags"], row["model"], row["attempts"], row["cost_nano"]) == (["leak"], None, [], 0)
    assert sum(simulator.count(name)["requests"] for name in PROVIDERS) == before


def test_a_rule_routes_also_what_names_a_model(ruled: Gateway) -> None:
    for model in ("auto", "openai/gpt-6-luna"):
        reply = ruled.chat(model, "this is for my route")
        assert (reply.status, reply.headers["x-headrace-model"]) == (200, "gemini/gemini-3.6-flash")
        assert reply.headers["x-headrace-reason"].startswith("rule to mine: cheapest: ")
        row = ruled.row(reply.headers["x-request-id"])
        assert (row["rule"], row["route"], row["tier"], row["tags"]) == ("to mine", "mine", "none", [])
        assert row["reason"] == reply.headers["x-headrace-reason"]


def test_a_rules_tier_wins_over_the_clients(ruled: Gateway) -> None:
    reply = ruled.chat(headers={"x-headrace-tags": "a, vip,a", "x-headrace-tier": "none"})
    row = ruled.row(reply.headers["x-request-id"])
    assert (row["tier"], row["tags"], row["rule"]) == ("enhanced", ["a", "vip", "paid"], None)
    assert row["reason"].startswith("rule vip: balanced: ")
    reply = ruled.chat(headers={"x-headrace-tier": "none"})
    assert ruled.row(reply.headers["x-request-id"])["tier"] == "none"


def test_a_rule_sends_to_a_model(ruled: Gateway) -> None:
    reply = ruled.chat(headers={"x-headrace-tags": "vip,haiku"})
    row = ruled.row(reply.headers["x-request-id"])
    assert (row["model"], row["rule"]) == ("anthropic/claude-haiku-4-5", "to haiku")
    assert row["route"] == "anthropic/claude-haiku-4-5" and row["strategy"] == "named"
    assert row["reason"].startswith("rule vip, to haiku: anthropic/claude-haiku-4-5 was asked for")


def test_a_request_that_no_rule_concerns_is_as_ever(ruled: Gateway) -> None:
    row = ruled.row(ruled.chat().headers["x-request-id"])
    assert (row["rule"], row["tags"]) == (None, []) and row["reason"].startswith("balanced: ")


@pytest.mark.parametrize("tags", ["a b", "a,", "", ",".join(map(str, range(17))), "x" * 65, "ä"])
def test_tags_that_are_none_are_refused(ruled: Gateway, tags: str) -> None:
    reply = ruled.chat(headers={"x-headrace-tags": tags})
    error = reply.json()["error"]
    assert (reply.status, error["code"], error["param"]) == (400, "invalid_value", "x-headrace-tags")
    assert "16 tags" in error["message"]
    fine = ",".join(f"{n:064}" for n in range(16))
    assert ruled.chat(headers={"x-headrace-tags": fine}).status == 200


def test_the_decision_is_shown_without_a_call(ruled: Gateway) -> None:
    def shown(text: str, **headers: str) -> Any:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        reply = request(f"{ruled.url}/v1/route", body, **headers)
        assert reply.status == 200, reply.body
        return reply.json()

    denied = shown(SECRET)
    assert (denied["rule"], denied["tags"], denied["candidates"]) == ("secrets", ["leak"], [])
    assert denied["reason"] == "rule secrets: denied: Нет. Take it out." and denied["strategy"] == "denied"
    routed = shown("this is for my route")
    assert routed["rule"] == "to mine" and routed["reason"].startswith("rule to mine: ")
    assert [candidate["model"] for candidate in routed["candidates"]] == ["gemini/gemini-3.6-flash"]
    tagged = shown("hi", **{"x-headrace-tags": "vip"})
    assert (tagged["rule"], tagged["tags"], tagged["tier"]) == (None, ["vip", "paid"], "enhanced")
    assert (shown("hi")["rule"], shown("hi")["tags"]) == (None, [])


def test_the_command_shows_it_too(tmp_path: Path) -> None:
    path = tmp_path / "headrace.yaml"
    path.write_text(json.dumps({"providers": {"anthropic": {"api_key": "k"}}, "rules": CONFIG_RULES[:3]}))

    def shown(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["route", "--config", str(path), *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    decision = json.loads(shown("hi", "--tags", "vip,haiku", "--json"))
    assert (decision["rule"], decision["tags"]) == ("to haiku", ["vip", "haiku", "paid"])
    assert "rule vip, to haiku: anthropic/claude-haiku-4-5" in shown("hi", "--tags", "vip,haiku")
    assert "strategy denied" in shown(SECRET) and "rule secrets: denied: Нет." in shown(SECRET)


def test_no_rules_cost_nothing_and_keep_the_clients_tags() -> None:
    snapshot = publish(Config(providers={}), "test", {})
    assert snapshot.rules.read("open", ask(), Label("general", 0.9, 0.5), ("a",)) == Ruling(("a",))
