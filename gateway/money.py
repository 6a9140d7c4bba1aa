"""Tokens and money: one canonical usage record, and cost as integer nano-dollars.

Prices are kept as integer nano-dollars per million tokens, because list prices such as 0.0125 USD per
million are not whole nano-dollars per token. A cost is summed exactly and rounded once.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

NANO = 1_000_000_000
MILLION = 1_000_000
_DEAREST = 1_000_000 * NANO  # per million tokens; a cost then stays within the store's 64 bits


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one reply: the three inputs sum to the whole prompt, reasoning is inside output."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All input tokens, cached or not."""
        return self.input + self.cache_read + self.cache_write


class Price(msgspec.Struct, frozen=True):
    """Nano-dollars per million tokens; `above` is the prompt size in tokens from which it holds."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    above: int = 0


def per_million(usd: str | int | float) -> int:
    """USD per million tokens as nano-dollars per million tokens, exact for decimal prices."""
    nano = Decimal(str(usd)) * NANO
    if not 0 <= nano <= _DEAREST or nano != nano.to_integral_value():
        raise ValueError(f"price {usd} USD per 1M tokens: want 0 to 1,000,000 with at most 9 decimals")
    return int(nano)


def cost_nano(usage: Usage, tiers: tuple[Price, ...]) -> int:
    """What `usage` costs in nano-dollars, rounded half up once.

    `tiers` ascend by `above`; the last one whose `above` is exceeded by the whole prompt prices all of it,
    as providers with long-context prices bill (https://developers.openai.com/api/docs/pricing).
    """
    price = tiers[0]
    for tier in tiers[1:]:
        if usage.prompt > tier.above:
            price = tier
    total = (
        usage.input * price.input
        + usage.cache_read * price.cache_read
        + usage.cache_write * price.cache_write
        + usage.output * price.output
    )
    return (total + MILLION // 2) // MILLION


def usd(nano: int) -> str:
    """Nano-dollars as a decimal USD amount with 9 places, without passing through a float."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    return f"{sign}{nano // NANO}.{nano % NANO:09d}"
