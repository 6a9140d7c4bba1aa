"""One model at one provider, and how a bare entry becomes a complete one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gateway.money import NANO, Price, per_million
from gateway.registry.abilities import Norms, fit, impute


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices that hold for the whole request once its prompt has more than `above` tokens."""

    above: int
    input: str
    output: str
    cache_read: str | None = None
    cache_write: str | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A registry entry: prices in USD per 1M tokens as exact decimals, limits in tokens.

    None means that it is not known, or that the sources disagree.
    """

    id: str
    provider: str
    model: str  # the id to send upstream
    canonical: str  # the same for every host of one model
    name: str = ""
    released: str | None = None
    status: str = "active"
    chat: bool = True  # False: not reachable by chat completions or the vendor's own chat wire

    input: str | None = None
    output: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    tiers: tuple[Tier, ...] = ()
    prices: tuple[Price, ...] | None = None  # for money.cost_nano; None: the price is not known

    context: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    audio: bool | None = None
    pdf: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    temperature: bool | None = None

    abilities: dict[str, float] = {}
    imputed: frozenset[str] = frozenset()  # the tasks of `abilities` that no evidence backs
    n_sources: dict[str, int] = {}  # how many benchmarks stand behind a task
    inherits: str | None = None  # the predecessor whose abilities stand in for missing ones
    sources: tuple[str, ...] = ()

    @property
    def evidence(self) -> dict[str, float]:
        """The abilities that somebody measured, or that the config states."""
        return {task: self.abilities[task] for task in self.abilities.keys() - self.imputed}

    @property
    def blended(self) -> float | None:
        """USD per 1M tokens at three input tokens to one output token; None if unknown."""
        if self.prices is None:
            return None
        return (3 * self.prices[0].input + self.prices[0].output) / (4 * NANO)


def canonical_name(model: str) -> str:
    """The key that all hosts of a model share: `openai/gpt-oss-120b` -> `gptoss120b`."""
    return "".join(filter(str.isalnum, model.rsplit("/", 1)[-1].lower()))


def norms_of(models: Iterable[Model]) -> Norms:
    """The usual abilities, each distinct model counted once at its cheapest host."""
    distinct: dict[str, Model] = {}
    for model in models:
        held = distinct.get(model.canonical)
        if held is None or (model.blended or 0) < (held.blended or 0):
            distinct[model.canonical] = model
    return fit((model.evidence, model.blended) for model in distinct.values())


def complete(models: Mapping[str, Model], norms: Norms) -> dict[str, Model]:
    """The same models, every one with an ability for every task and the filled ones marked."""
    known = {model.canonical: model.evidence for model in models.values() if model.evidence}
    done: dict[str, Model] = {}
    for model in models.values():
        evidence = {**known.get(model.canonical, {}), **model.evidence}
        parent = models.get(model.inherits or "")
        if parent and not evidence:
            abilities = impute(parent.evidence, norms, parent.blended)
        else:
            abilities = impute(evidence, norms, model.blended)
        imputed = frozenset(abilities.keys() - evidence.keys())
        done[model.id] = msgspec.structs.replace(model, abilities=abilities, imputed=imputed)
    return done


def priced(model: Model) -> Model:
    """The model with `prices` made of its decimals; ValueError where they are not prices.

    A cached token never costs 0 for want of a price: it costs what an input token does. A tier that
    names no cache prices keeps the base tier's ratio of cached to uncached, as vendors' tables do.
    """
    if model.input is None or model.output is None:
        return msgspec.structs.replace(model, prices=None)
    base = _price(model.input, model.output, model.cache_read, model.cache_write)
    prices = [base]
    for tier in model.tiers:
        price = _price(tier.input, tier.output, tier.cache_read, tier.cache_write, tier.above)
        if base.input:
            read = price.input * base.cache_read // base.input
            write = price.input * base.cache_write // base.input
            price = msgspec.structs.replace(
                price,
                cache_read=read if tier.cache_read is None else price.cache_read,
                cache_write=write if tier.cache_write is None else price.cache_write,
            )
        prices.append(price)
    return msgspec.structs.replace(model, prices=tuple(prices))


def _price(input: str, output: str, cache_read: str | None, cache_write: str | None, above: int = 0) -> Price:
    return Price(
        input=per_million(input),
        output=per_million(output),
        cache_read=per_million(input if cache_read is None else cache_read),
        cache_write=per_million(input if cache_write is None else cache_write),
        above=above,
    )
