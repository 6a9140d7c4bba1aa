"""Who asks, and what they wish for this one request: headers in, nothing but memory touched."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar, get_args

from gateway.config import TAG, Strategy, Tier
from gateway.decide import Wish
from gateway.errors import GatewayError
from gateway.money import NANO
from gateway.snapshot import Snapshot

_Word = TypeVar("_Word", bound=str)
_NO_WISH = Wish()
_TAG = re.compile(TAG)
_MOST_TAGS = 16
_DEAREST = 10**9 * NANO
_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
_TIERS: tuple[Tier, ...] = get_args(Tier)


def admit(now: Snapshot, headers: Mapping[bytes, bytes]) -> str:
    """The caller's name; GatewayError 401 where a key is required and the right one was not sent."""
    if not now.keys_required:
        return "open"
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        token = headers.get(b"x-api-key", b"")
    if now.admin_secret and hmac.compare_digest(token.strip(), now.admin_secret.reveal().encode()):
        return "admin"
    message = "The key is missing or wrong. Send `Authorization: Bearer KEY` with a key of this gateway."
    raise GatewayError(401, message, type="authentication_error", code="invalid_api_key")


def wish(headers: Mapping[bytes, bytes]) -> Wish:
    """What the x-headrace-* request headers ask for; GatewayError 400 for a value that is none."""
    strategy = headers.get(b"x-headrace-strategy")
    tier = headers.get(b"x-headrace-tier")
    max_cost = headers.get(b"x-headrace-max-cost")
    if strategy is None and tier is None and max_cost is None:
        return _NO_WISH
    return Wish(
        _one_of("x-headrace-strategy", strategy, _STRATEGIES),
        _one_of("x-headrace-tier", tier, _TIERS),
        None if max_cost is None else _nano(max_cost),
    )


def tags(headers: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """What the client says that its request is, in x-headrace-tags; GatewayError 400 for no such tags."""
    header = headers.get(b"x-headrace-tags")
    if header is None:
        return ()
    found = tuple(dict.fromkeys(tag.strip() for tag in header.decode("latin-1").split(",")))
    if len(found) > _MOST_TAGS or not all(map(_TAG.match, found)):
        name = "x-headrace-tags"
        message = f"{name} must be at most {_MOST_TAGS} tags, of 1 to 64 letters, digits, _.:- each: a,b."
        raise GatewayError(400, message, code="invalid_value", param=name)
    return found


def _one_of(name: str, value: bytes | None, allowed: tuple[_Word, ...]) -> _Word | None:
    if value is None:
        return None
    word = value.decode("latin-1").strip().lower()
    for choice in allowed:
        if word == choice:
            return choice
    raise GatewayError(400, f"{name} must be one of {', '.join(allowed)}.", code="invalid_value", param=name)


def _nano(value: bytes) -> int:
    try:
        nano = Decimal(value.decode("latin-1").strip()) * NANO
        if 0 <= nano <= _DEAREST:
            return int(nano)
    except ArithmeticError:  # no number, or none that fits
        pass
    name = "x-headrace-max-cost"
    raise GatewayError(
        400, f"{name} must be an amount in USD, such as 0.002.", code="invalid_value", param=name
    )
