"""Instances of JSON schemas and made-up text."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.text import instance, words


def test_words_are_as_many_as_asked_for_and_repeatable() -> None:
    for count in (1, 40, 20_000):
        assert len(words(8191, count)) == count
    assert words(5, 9) == words(5, 9) != words(6, 9)
    assert not any(" " in word for word in words(0, 8192))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 7}, 7),
        ({"type": "string", "default": "x"}, "x"),
        ({"enum": ["only"]}, "only"),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"], "minimum": 4, "maximum": 4}, 4),
        ({"anyOf": [{"type": "null"}, {"const": "a"}]}, "a"),
        ({"type": "string", "format": "date"}, "2026-11-22"),
        ({"type": "array", "items": {"const": 1}, "minItems": 3}, [1, 1, 1]),
        ({"type": "array", "items": {"const": 1}, "maxItems": 1}, [1]),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"const": 2}}}, 2),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1, "b": 2},
        ),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING", "enum": ["x"]}}}, {"a": "x"}),
        ({"type": "integer", "minimum": 10, "maximum": 14, "multipleOf": 7}, 14),
        ({"type": "mystery"}, None),
        ("nonsense", None),
    ],
)
def test_an_instance_fits(schema: Any, expected: Any) -> None:
    assert instance(schema, 1) == expected


def test_bounds_are_kept_for_every_seed() -> None:
    text = {"type": "string", "minLength": 20, "maxLength": 24}
    number = {"type": "number", "minimum": 2, "exclusiveMaximum": 5}
    for seed in range(50):
        assert 20 <= len(instance(text, seed)) <= 24
        assert 2 <= instance(number, seed) < 5


def test_a_schema_that_holds_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "all": {"type": "array"}}}
    assert isinstance(instance(node, 1), dict)
    forced = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(instance(forced, 1), dict)
