"""The config's `models:` section: entries added to the registry, or laid over it key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from gateway.config import did_you_mean
from gateway.errors import ConfigError
from gateway.money import per_million
from gateway.registry.abilities import HIGHEST, LOWEST, TASKS
from gateway.registry.model import Model, Tier, canonical_name, complete, norms_of, priced

_ALIASES = {"google": "gemini"}


def canonical_id(id: str) -> str:
    """`id` with the provider's name as the registry spells it."""
    provider, slash, model = id.partition("/")
    return f"{_ALIASES.get(provider, provider)}{slash}{model}"


def extend(models: Mapping[str, Model], overrides: Mapping[str, Any], where: str) -> dict[str, Model]:
    """`models` with the overrides laid on; a ConfigError names `where`, key, what is allowed."""
    norms = norms_of(models.values())
    # Filled abilities are dropped first: a new price or ability moves what they are filled from.
    merged = {
        id: msgspec.structs.replace(model, abilities=model.evidence, imputed=frozenset())
        for id, model in models.items()
    }
    for name, entry in _mapping(overrides, f"{where}: models", "of model ids").items():
        place = f"{where}: models.{name}"
        id = canonical_id(_id(name, place))
        values = _values(_mapping({} if entry is None else entry, place, "of keys"), place)
        if values.pop("disabled", False):
            if merged.pop(id, None) is None:
                known = did_you_mean(id, list(models))
                raise ConfigError(f"{place}.disabled: the registry has no such model{known}")
            continue
        merged[id] = _merge(merged.get(id), id, values, place)
    return complete(merged, norms)


def _merge(model: Model | None, id: str, values: dict[str, Any], place: str) -> Model:
    if model is None:
        provider, _, rest = id.partition("/")
        upstream = values.get("model", rest)
        model = Model(
            id=id,
            provider=provider,
            model=upstream,
            canonical=canonical_name(upstream),
            name=rest,
        )
    values["abilities"] = {**model.abilities, **values.get("abilities", {})}
    merged = msgspec.structs.replace(model, **values)
    if (merged.input is None) != (merged.output is None):
        absent = "input" if merged.input is None else "output"
        raise ConfigError(f"{place}.{absent}: missing; give both `input` and `output`, or neither")
    if merged.tiers and merged.input is None:
        raise ConfigError(f"{place}.tiers: needs the base price; give `input` and `output` too")
    return priced(merged)


def _id(name: Any, place: str) -> str:
    if (
        not isinstance(name, str)
        or not all(name.partition("/"))
        or not name.isascii()
        or not name.isprintable()
    ):
        raise ConfigError(f"{place}: a model id is provider/model, such as local/small")
    return name


def _mapping(value: Any, place: str, of: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place}: must be a mapping {of}, not {_shown(value)}")
    return value


def _values(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {key: _reader(key, _KEYS, place, "key")(value, f"{place}.{key}") for key, value in entry.items()}


def _reader(key: str, allowed: Mapping[str, Any], place: str, what: str) -> Callable[..., Any]:
    if key not in allowed:
        names = f"{', '.join(allowed)}{did_you_mean(str(key), list(allowed))}"
        raise ConfigError(f"{place}.{key}: unknown {what}; allowed: {names}")
    reader: Callable[..., Any] = allowed[key]
    return reader


def _shown(value: Any) -> str:
    return f"{value!r:.60}"


def _price(value: Any, place: str) -> str | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        exact = Decimal(str(value))
        if not exact.is_finite():
            raise ValueError
        per_million(f"{exact:f}")
    except (ValueError, InvalidOperation):
        allowed = "USD per 1M tokens, a number >= 0 with at most 9 decimals"
        raise ConfigError(f"{place}: {_shown(value)} is not a price; allowed: {allowed}") from None
    return f"{exact:f}"


def _tokens(value: Any, place: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ConfigError(f"{place}: {_shown(value)} is not a limit; allowed: tokens, an integer >= 1")


def _flag(value: Any, place: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ConfigError(f"{place}: {_shown(value)} is not allowed; allowed: true, false")


def _text(value: Any, place: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigError(f"{place}: {_shown(value)} is not allowed; allowed: a text that is not empty")


def _tiers(value: Any, place: str) -> tuple[Tier, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        wanted = "a list of {above, input, output}"
        raise ConfigError(f"{place}: must be {wanted}, not {_shown(value)}")
    tiers: list[Tier] = []
    for index, entry in enumerate(value):
        here = f"{place}[{index}]"
        fields = {
            key: _reader(key, _TIER_KEYS, here, "key")(item, f"{here}.{key}")
            for key, item in _mapping(entry, here, "of keys").items()
        }
        for key in ("above", "input", "output"):
            if fields.get(key) is None:
                raise ConfigError(f"{here}.{key}: missing; a tier is {{above, input, output}}")
        tiers.append(Tier(**fields))
        if index and tiers[-1].above <= tiers[-2].above:
            raise ConfigError(f"{here}.above: tiers go upwards; allowed: over {tiers[-2].above}")
    return tuple(tiers)


def _abilities(value: Any, place: str) -> dict[str, float]:
    tasks = dict.fromkeys(TASKS, _ability)
    return {
        task: _reader(task, tasks, place, "task")(ability, f"{place}.{task}")
        for task, ability in _mapping({} if value is None else value, place, "of tasks").items()
    }


def _ability(value: Any, place: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and LOWEST <= value <= HIGHEST:
        return float(value)
    raise ConfigError(f"{place}: {_shown(value)} is not an ability; allowed: a number 1..5")


_KEYS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "model": _text,
    "input": _price,
    "output": _price,
    "cache_read": _price,
    "cache_write": _price,
    "tiers": _tiers,
    "context": _tokens,
    "max_input": _tokens,
    "max_output": _tokens,
    "tools": _flag,
    "vision": _flag,
    "audio": _flag,
    "pdf": _flag,
    "json_schema": _flag,
    "reasoning": _flag,
    "temperature": _flag,
    "abilities": _abilities,
    "disabled": _flag,
}
_TIER_KEYS: dict[str, Callable[[Any, str], Any]] = {
    "above": _tokens,
    "input": _price,
    "output": _price,
    "cache_read": _price,
    "cache_write": _price,
}
