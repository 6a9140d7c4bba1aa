"""What is known of the models that an outcome table names: abilities and prices."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

from gateway.money import MILLION, NANO
from gateway.registry import TASKS, Model, resolve
from gateway.registry.abilities import Norms
from gateway.registry.model import canonical_name, norms_of

Prices = Mapping[str, tuple[float, float]]


class Known(NamedTuple):
    """A table's model: abilities by task, USD per token in and out (None: unknown), and from where.

    `basis` is `registry`, `measured` (outcome tables), `price` or `nothing`.
    """

    name: str
    abilities: dict[str, float]
    price: tuple[float, float] | None
    basis: str
    thinks: bool = False


def known_models(names: Sequence[str], registry: Mapping[str, Model], prices: Prices) -> tuple[Known, ...]:
    """What is known of the models of one table; `prices` (USD per 1M tokens) go before the registry's.

    A model that nobody knows is taken for as able as its price says: among the models of older tables, where
    the table names one of those, else among the registry's. Without a price it is a middling one.
    """
    listed = [_listed(name, registry, prices) for name in names]
    older = any(model.basis == "measured" for model in listed)
    norms = Norms(**_packaged("measured.json")["norms"]) if older else norms_of(registry.values())
    return tuple(
        model if model.abilities else model._replace(abilities=_by_price(norms, _blended(model.price)))
        for model in listed
    )


def _by_price(norms: Norms, price: float | None) -> dict[str, float]:
    """As `impute` does it, but for the bounds: older models fall below 1."""
    within = min(max(price or 1.0, norms.cheapest), norms.dearest)
    offset = norms.intercept + norms.slope * math.log(within) if price else 0.0
    return {task: mean + offset for task, mean in norms.means.items()}


def _listed(name: str, registry: Mapping[str, Model], prices: Prices) -> Known:
    found = resolve(registry, name)
    model = found[0] if found else None
    pair = prices.get(name)
    if pair is None and model is not None and model.prices is not None:
        pair = (model.prices[0].input / NANO, model.prices[0].output / NANO)
    price = None if pair is None else (pair[0] / MILLION, pair[1] / MILLION)
    if model is not None:
        return Known(name, dict(model.abilities), price, "registry", model.reasoning is True)
    measured: dict[str, float] = _packaged("measured.json")["abilities"].get(canonical(name), {})
    basis = "measured" if measured else "price" if _blended(price) else "nothing"
    return Known(name, measured, price, basis)


def _blended(price: tuple[float, float] | None) -> float | None:
    return None if price is None else (3 * price[0] + price[1]) / 4 * MILLION or None


def canonical(name: str) -> str:
    """The key that all of a table model's spellings share."""
    key = canonical_name(name)
    return str(_packaged("anchors.json")["aliases"].get(key, key))


def anchors() -> dict[str, float]:
    """Abilities of models that only tables name, by canonical name, from other evidence."""
    return dict(_packaged("anchors.json")["abilities"])


def ability(model: Known, task: str) -> float:
    """The ability for a task; for a task of the users' own, the mean of the others."""
    found = model.abilities.get(task)
    return sum(model.abilities[known] for known in TASKS) / len(TASKS) if found is None else found


@functools.cache
def _packaged(name: str) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(files(__package__).joinpath(name).read_bytes())
    return content
