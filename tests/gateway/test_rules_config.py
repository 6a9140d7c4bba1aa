"""Rules in the config: what is refused, in which words, and that the documented ones load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastpath import ENGINE
from gateway.brain import Label
from gateway.config import Rule, Then, When, load
from gateway.control.publish import publish
from gateway.errors import ConfigError
from gateway.exchange import Ask, read_ask

DOCS = Path(__file__).parents[2] / "docs"
SEVERAL = "is several bytes: write (?:ä|ö) for [äö], (?:ä)+ for ä+"
EMPTY = "it matches the empty text, so it would always match"
KEYS = "key, tag, min_tokens, max_tokens, tools, language, task"
ROUTES = "auto, auto:cheapest, auto:balanced, auto:best"

# `rules:` in short, and what the message begins with, after the file's name.
WRONG = {
    "{a: 1}": ":2: rules: Expected `array`, got `object`",
    "[3]": ":2: rules[0]: Expected `object`, got `int`",
    "\n- then: {tag: a}\n- name: x": ":4: rules[1]: Object missing required field `then`",
    "\n- when:\n    keys: [a]\n  then: {tag: a}": f":4: rules[0].when.keys: unknown key; allowed: {KEYS}",
    "[{then: {}}]": ":2: rules[0].then: nothing to do: give route, model, deny, tier or tag",
    "[{then: {route: auto, deny: x}}]": ":2: rules[0].then: route and deny exclude one another: keep one",
    "[{then: {deny: ''}}]": ":2: rules[0].then.deny: Expected `str` of length >= 1",
    "[{then: {tier: best}}]": ":2: rules[0].then.tier: Invalid enum value 'best'",
    "[{then: {tag: a b}}]": ":2: rules[0].then.tag: Expected `str` matching regex '^[A-Za-z0-9_.:-]{1,64}",
    "[{name: ä, then: {tag: a}}]": ":2: rules[0].name: Expected `str` matching regex '^[ -~]{1,64}",
    "[{when: {task: []}, then: {tag: a}}]": ":2: rules[0].when.task: Expected `array` of length >= 1",
    "[{when: {min_tokens: 2, max_tokens: 1}, then: {tag: a}}]": ":2: rules[0].when: min_tokens is above "
    "max_tokens, so it never holds",
    "[{match: a*, then: {tag: a}}]": f": rules[0]: match: 'a*': {EMPTY}",
    "[{match: '', then: {tag: a}}]": f": rules[0]: match: '': {EMPTY}",
    "[{match: 'x[^äö]', then: {tag: a}}]": f": rules[0]: match: 'x[^äö]': 'ä' at index 3 {SEVERAL}",
    "[{match: xä?, then: {tag: a}}]": f": rules[0]: match: 'xä?': 'ä' at index 1 {SEVERAL}",
    '[{match: "a\\0b", then: {tag: a}}]': ": rules[0]: match: 'a\\x00b': a NUL at index 1; write \\x00",
    "[{name: y, when: {task: [maths]}, then: {tag: a}}]": ": rules[0] (y): when.task: unknown task 'maths'; "
    "allowed: ",
    "[{name: y, then: {route: atuo}}]": f": rules[0] (y): then.route: unknown route 'atuo'; there are: "
    f"{ROUTES} (did you mean auto?)",
    "[{name: y, then: {model: openai/gpt-6-lunar}}]": ": rules[0] (y): then.model: The model "
    "`openai/gpt-6-lunar` does not exist. Did you mean openai/gpt-6-luna",
    "[{name: y, then: {model: claude-haiku-4-5}}]": ": rules[0] (y): then.model: The model "
    "`claude-haiku-4-5` is known, but its provider (anthropic) is not configured.",
}
if ENGINE == "hyperscan":  # which has words of its own
    WRONG |= {
        "[{then: {tag: a}}, {name: x, match: [fine, (open], then: {tag: a}}]": ": rules[1] (x): match: "
        "'(open': Missing close parenthesis for group started at index 0",
        "[{match: '[z-a]', then: {tag: a}}]": ": rules[0]: match: '[z-a]': Range out of order in character "
        "class at index 3",
        "[{match: (?=a)b, then: {tag: a}}]": ": rules[0]: match: '(?=a)b': Zero-width assertions",
    }


@pytest.mark.parametrize("rules", WRONG)
def test_what_cannot_be_used_is_named(tmp_path: Path, rules: str) -> None:
    path = tmp_path / "headrace.yaml"
    path.write_text(f"providers: {{openai: {{api_key: k}}}}\nrules: {rules}")
    with pytest.raises(ConfigError) as wrong:
        publish(load(path, {}), str(path), {})
    assert str(wrong.value).startswith(str(path) + WRONG[rules]), str(wrong.value)
    assert "\n" not in str(wrong.value)


def said(text: str) -> Ask:
    return read_ask(b'{"model": "auto", "messages": [{"role": "user", "content": "%s"}]}' % text.encode())


def test_the_documented_rules_load_and_every_key_is_documented(tmp_path: Path) -> None:
    page = (DOCS / "rules.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example
    path = tmp_path / "headrace.yaml"
    path.write_text("providers: {openai: {api_key: k}, anthropic: {api_key: k}}\n" + example[1])
    snapshot = publish(load(path, {}), "test", {})
    label = Label("general", 0.9, 0.5)
    denied = snapshot.rules.read("open", said("my AKIAABCDEFGHIJKLMNOP"), label, ())
    assert denied.deny == "There is a credential in your request. Take it out and ask again."
    assert snapshot.rules.read("open", said("to indemnify"), label, ())[:2] == (("legal",), "enhanced")
    for kind in (Rule, When, Then):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in page, name
