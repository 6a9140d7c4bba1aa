"""The operator's rules, read in order; of however many, only those that something in the request calls up."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from fastpath.matcher import Matcher, PatternError
from gateway.brain import Label
from gateway.brain.language import language
from gateway.config import Rule, Tier
from gateway.content import text
from gateway.errors import ConfigError
from gateway.exchange import TOOLS, Ask

# Bytes of the last ask, and as many of the system prompt, that patterns see: whole up to twice this, else
# both ends.
EDGE = 64 * 1024

_Route = TypeVar("_Route")
_Fact = tuple[str, str | int]
_ALWAYS: _Fact = ("", "")

# Patterns match bytes, so a letter of several must not stand for one: in a class, or before a quantifier.
_NOT_BYTEWISE = re.compile(
    r"(?<!\\)(?:\\\\)*\[\^?\]?(?:\\.|[^\]\\])*?(?P<within>[^\x00-\x7f])|(?P<before>[^\x00-\x7f])[?*+{]"
)


class Ruling(NamedTuple, Generic[_Route]):
    """What the rules make of a request; `rule` is the one that routed or denied, `why` leads the reason."""

    tags: tuple[str, ...] = ()
    tier: Tier | None = None
    route: _Route | None = None
    deny: str | None = None
    rule: str | None = None
    why: str = ""


class _Compiled(NamedTuple, Generic[_Route]):
    name: str
    needs: tuple[frozenset[_Fact], ...]  # of each, one must be a fact of the request
    least: float  # tokens
    most: float
    tier: Tier | None
    tag: str | None
    route: _Route | None
    deny: str | None


class Rules(Generic[_Route]):
    """The rules of a config, each with the route that it leads to, if any; for one thread at a time."""

    def __init__(self, rules: Sequence[Rule], routes: Sequence[_Route | None], where: str) -> None:
        ids: dict[str, int] = {}
        self._rules = [
            _compiled(index, rule, route, ids)
            for index, (rule, route) in enumerate(zip(rules, routes, strict=True))
        ]
        # Apart from the classifier's patterns, which cost 34 us for 4 KB: up to 256 KB are read here, and
        # 10,000 patterns of an operator cost some 10 us for 4 KB. Together they save 2 us at most.
        self._matcher = _matcher(rules, ids, where) if ids else None
        self._language = any(rule.when.language for rule in rules)
        # A rule is looked at where one fact is there that it cannot do without: the rarest among the rules.
        uses = Counter(fact for rule in self._rules for need in rule.needs for fact in need)
        self._called: dict[_Fact, list[int]] = {}
        for number, rule in enumerate(self._rules):
            rarest = min(rule.needs, key=lambda need: sum(uses[fact] for fact in need), default=(_ALWAYS,))
            for fact in rarest:
                self._called.setdefault(fact, []).append(number)

    def read(self, caller: str, ask: Ask, label: Label, tags: tuple[str, ...]) -> Ruling[_Route]:
        """The ruling for what `caller` asks; a request that no rule concerns keeps the tags it came with."""
        if not self._rules:
            return Ruling(tags)
        facts = self._facts(caller, ask, label, tags)
        waiting = [number for fact in facts for number in self._called.get(fact, ())]
        heapify(waiting)
        passed, tier, by = -1, None, ""
        while waiting:
            number = heappop(waiting)
            if number <= passed:
                continue
            passed = number
            rule = self._rules[number]
            if not rule.least <= ask.input_tokens <= rule.most or any(map(facts.isdisjoint, rule.needs)):
                continue
            if rule.tier is not None:
                tier, by = rule.tier, rule.name
            if rule.tag is not None and rule.tag not in tags:
                tags = (*tags, rule.tag)
                facts.add(("tag", rule.tag))
                for called in self._called.get(("tag", rule.tag), ()):
                    heappush(waiting, called)
            if rule.route is not None or rule.deny is not None:
                names = dict.fromkeys((by or rule.name, rule.name))
                return Ruling(tags, tier, rule.route, rule.deny, rule.name, f"rule {', '.join(names)}: ")
        return Ruling(tags, tier, why=f"rule {by}: " if by else "")

    def _facts(self, caller: str, ask: Ask, label: Label, tags: tuple[str, ...]) -> set[_Fact]:
        facts: set[_Fact] = {
            _ALWAYS,
            ("key", caller),
            ("task", label.task),
            ("tools", bool(ask.needs & TOOLS)),
            *(("tag", tag) for tag in tags),
        }
        if self._matcher or self._language:
            said, system = _said(ask)
            if self._language:
                facts.add(("language", language(said)))
            if self._matcher:
                facts.update(("match", number) for number in self._matcher.match(said + b"\n" + system))
        return facts


def place(where: str, index: int, rule: Rule) -> str:
    """How an error says where a rule stands."""
    return f"{where}: rules[{index}]{f' ({rule.name})' if rule.name else ''}"


def _said(ask: Ask) -> tuple[bytes, bytes]:
    """The last ask, with whatever its agent put around it, and the system prompt."""
    messages = ask.peek.messages
    last = len(messages) - 1
    while last > 0 and messages[last][0] != "user":
        last -= 1
    if messages[last][0] != "user":
        last = len(messages) - 1
    _, start, end = messages[last]
    said = text(ask.body, start, end, 2 * EDGE, EDGE)
    role, start, end = messages[0]
    if not last or role not in ("system", "developer"):
        return said, b""
    return said, text(ask.body, start, end, 2 * EDGE, EDGE)


def _patterns(rule: Rule) -> list[str]:
    return [rule.match] if isinstance(rule.match, str) else rule.match


def _compiled(index: int, rule: Rule, route: _Route | None, ids: dict[str, int]) -> _Compiled[_Route]:
    """`ids` numbers the patterns, and grows by this rule's."""
    when, then = rule.when, rule.then
    wanted: dict[str, Sequence[str | int]] = {
        "match": [ids.setdefault(pattern, len(ids)) for pattern in _patterns(rule)],
        "key": when.key or (),
        "tag": when.tag or (),
        "language": when.language or (),
        "task": when.task or (),
        "tools": () if when.tools is None else (when.tools,),
    }
    return _Compiled(
        rule.name or f"rules[{index}]",
        tuple(frozenset((kind, value) for value in values) for kind, values in wanted.items() if values),
        when.min_tokens or 0,
        math.inf if when.max_tokens is None else when.max_tokens,
        then.tier,
        then.tag,
        route,
        then.deny,
    )


def _matcher(rules: Sequence[Rule], ids: dict[str, int], where: str) -> Matcher:
    patterns = list(ids)
    try:
        for number, pattern in enumerate(patterns):
            wide = None if pattern.isascii() else _NOT_BYTEWISE.search(pattern)
            if wide:
                at = wide.start(wide.lastgroup or 0)
                why = f"{pattern[at]!r} at index {at} is several bytes: write (?:ä|ö) for [äö], (?:ä)+ for ä+"
                raise PatternError(number, pattern, why)
        return Matcher(patterns)
    except PatternError as error:
        pattern = patterns[error.number]
        index, rule = next((i, rule) for i, rule in enumerate(rules) if pattern in _patterns(rule))
        raise ConfigError(f"{place(where, index, rule)}: match: {pattern!r}: {error.why}") from None
    except ValueError as error:
        raise ConfigError(f"{where}: rules: {error}") from None
