"""Money is exact: integers all the way, rounded once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.money import Price, Usage, cost_nano, per_million, usd

TOKENS = st.integers(0, 10**9)
PRICES = st.integers(0, 10**12)
USAGES = st.builds(Usage, input=TOKENS, cache_read=TOKENS, cache_write=TOKENS, output=TOKENS)
PRICE = st.builds(Price, input=PRICES, output=PRICES, cache_read=PRICES, cache_write=PRICES)


def test_list_prices_are_exact() -> None:
    assert per_million("0.0125") == 12_500_000
    assert per_million(0.1) == 100_000_000
    assert per_million(75) == 75_000_000_000
    for wrong in ("-1", "0.0000000001", "NaN"):
        with pytest.raises((ValueError, ArithmeticError)):
            per_million(wrong)


@given(USAGES, PRICE)
def test_a_cost_is_the_exact_sum_rounded_once(usage: Usage, price: Price) -> None:
    exact = sum(
        Decimal(getattr(usage, part)) * getattr(price, part)
        for part in ("input", "cache_read", "cache_write", "output")
    ) / Decimal(10**6)
    assert abs(Decimal(cost_nano(usage, (price,))) - exact) <= Decimal("0.5")


@given(USAGES, PRICE, st.integers(1, 10**6))
def test_more_tokens_never_cost_less(usage: Usage, price: Price, more: int) -> None:
    grown = Usage(usage.input + more, usage.cache_read, usage.cache_write, usage.output + more)
    assert cost_nano(grown, (price,)) >= cost_nano(usage, (price,)) >= 0


def test_a_tier_prices_the_whole_request_past_its_bound() -> None:
    tiers = (Price(2_000_000_000, 0, 0, 0), Price(4_000_000_000, 0, 0, 0, above=1000))
    assert cost_nano(Usage(input=1000), tiers) == 2_000_000
    assert cost_nano(Usage(input=600, cache_read=401), tiers) == 600 * 4000
    assert cost_nano(Usage(input=1001), tiers) == 1001 * 4000


@given(st.integers(-(10**15), 10**15))
def test_usd_has_nine_places_and_loses_nothing(nano: int) -> None:
    text = usd(nano)
    assert len(text.partition(".")[2]) == 9
    assert Decimal(text) * 10**9 == nano
