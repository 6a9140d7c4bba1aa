"""Made-up answers, the same for the same request: running text, and instances of JSON schemas."""

from __future__ import annotations

import random
from typing import Any

_PROSE = (
    "water runs along the channel and turns the wheel while a miller opens another gate so that "
    "grain moves from bin to stone each hour of day light falls on slow river banks where reeds "
    "bend under wind the sluice holds back what storms bring down until evening when all work "
    "stops boats pass through locks one by one carrying timber flour salt or news old gears need "
    "oil new belts need care good builders measure twice then cut every race must be clean level "
    "and wide enough for spring floods"
)
_VOCABULARY = _PROSE.split()
_LENGTH = 8192
_LONGEST, _MOST = 10_000, 100  # characters and items, whatever a schema demands
_DEPTH = 8  # of nested schemas; beyond it only what is required, so that recursive ones end


def _running_text() -> list[str]:
    """Words with sentences among them; any stretch of it reads as text."""
    rng = random.Random(20261122)  # noqa: S311 - made to be repeatable
    words: list[str] = []
    while len(words) < _LENGTH:
        sentence = rng.sample(_VOCABULARY, rng.randint(6, 14))
        sentence[0] = sentence[0].capitalize()
        sentence[-1] += "."
        words += sentence
    return words[:_LENGTH]


_WORDS = _running_text()


def words(seed: int, count: int) -> list[str]:
    """`count` words, each counted as one token."""
    start = seed % _LENGTH
    found = _WORDS[start : start + count]
    while len(found) < count:
        found += _WORDS[: count - len(found)]
    return found


def instance(schema: Any, seed: int) -> Any:
    """A value that fits a JSON schema (or Gemini's dialect of it), the same for the same seed."""
    return _Maker(schema, random.Random(seed)).make(schema, 0)  # noqa: S311 - the same


class _Maker:
    def __init__(self, root: Any, rng: random.Random) -> None:
        self.root = root
        self.rng = rng

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > 2 * _DEPTH:
            return None
        for given in ("const", "default", "example"):
            if given in schema:
                return schema[given]
        if schema.get("enum"):
            return self.rng.choice(schema["enum"])
        if "$ref" in schema:
            return self.make(self.lookup(schema["$ref"]), depth + 1)
        for some in ("anyOf", "oneOf"):
            if schema.get(some):
                return self.make(self.choose(schema[some], depth), depth + 1)
        if schema.get("allOf"):
            return self.make(_merged(schema), depth + 1)
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        maker = getattr(self, f"_{str(kind).lower()}", None)
        return maker(schema, depth) if maker else None

    def lookup(self, reference: str) -> Any:
        found = self.root
        for step in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(step) if isinstance(found, dict) and step else found
        return found

    def choose(self, options: list[Any], depth: int) -> Any:
        nulls = [option for option in options if _is_null(option)]
        if nulls and depth >= _DEPTH:
            return nulls[0]
        return next((option for option in options if not _is_null(option)), options[0])

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.make(part, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if depth < _DEPTH or name in required
        }

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        fewest = schema.get("minItems", 0)
        count = fewest if depth >= _DEPTH else max(fewest, min(2, schema.get("maxItems", 2)))
        return [self.make(schema.get("items", {}), depth + 1) for _ in range(min(int(count), _MOST))]

    def _string(self, schema: dict[str, Any], depth: int) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self.rng.choice(_VOCABULARY)
        while len(text) < min(schema.get("minLength", 0), _LONGEST):
            text += f" {self.rng.choice(_VOCABULARY)}"
        return text[: schema.get("maxLength", len(text))]

    def _integer(self, schema: dict[str, Any], depth: int) -> int:
        low = int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        high = int(schema.get("maximum", schema.get("exclusiveMaximum", low + 99) - 1))
        step = schema.get("multipleOf", 1)
        value = self.rng.randint(low, max(high, low))
        return int(max(value // step * step, -(-low // step) * step))

    def _number(self, schema: dict[str, Any], depth: int) -> float:
        return float(self._integer(schema, depth))

    def _boolean(self, schema: dict[str, Any], depth: int) -> bool:
        return self.rng.random() < 0.5


_FORMATS = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T09:30:00Z",
    "time": "09:30:00",
    "email": "miller@example.com",
    "uri": "https://example.com/mill",
    "uuid": "5f0c3a54-7c3e-4f7e-9d43-0a6e2f1b8c11",
}


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    parts = [part for part in schema["allOf"] if isinstance(part, dict)]
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        merged = {
            **part,
            **merged,
            "properties": {**part.get("properties", {}), **merged.get("properties", {})},
        }
    if not merged["properties"]:
        del merged["properties"]
    return merged
