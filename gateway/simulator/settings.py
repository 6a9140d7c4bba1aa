"""What the simulator can be told: how slow, how long, and how to fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

Kind = Literal["status", "refuse", "stall", "cut", "error_event", "garbage", "empty"]
_KINDS = ("status", "refuse", "stall", "cut", "error_event", "garbage", "empty")


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One way to fail. `times` counts down and then the fault is over; None: for ever.

    `after` is the number of pieces a stream sends before it stalls, is cut or reports an error.
    `clean` ends a cut stream like a finished one, only without its last events.
    """

    kind: Kind = "status"
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    retry_after: Annotated[float, msgspec.Meta(ge=0)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    clean: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a simulated provider behaves; `tokens_per_second` 0 is as fast as possible."""

    latency_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    tokens_per_second: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    output_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 40
    text: str | None = None  # of every answer but calls and JSON; None: made up
    fault: Fault | None = None


def read_settings(values: Any, base: Settings) -> Settings:
    """`base` with `values` (as from JSON) laid over it; ValueError says what is allowed."""
    _known(values, Settings, "settings")
    values = dict(values)
    fault = values.get("fault")
    if isinstance(fault, str):
        if fault not in _KINDS:
            raise ValueError(f"fault: {fault!r} is unknown; allowed: {', '.join(_KINDS)}")
        values["fault"] = {"kind": fault}
    elif fault is not None:
        _known(fault, Fault, "fault")
        if not fault.keys() & {"kind", "status"}:
            raise ValueError(f"fault: give a `status` or a `kind`; allowed: {', '.join(_KINDS)}")
    try:
        read = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    # Only what was named: a fault of `base` is passed on as the same object, so that its count is.
    return msgspec.structs.replace(base, **{key: getattr(read, key) for key in values})


def _known(values: Any, kind: type[msgspec.Struct], place: str) -> None:
    allowed = kind.__struct_fields__
    if not isinstance(values, Mapping):
        raise ValueError(f"{place}: must be an object; allowed: {', '.join(allowed)}")
    for key in values:
        if key not in allowed:
            raise ValueError(f"{place}: {key!r} is unknown; allowed: {', '.join(allowed)}")
