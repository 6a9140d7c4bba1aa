"""The vendors, and the wires they speak: what the rest of the gateway needs of them."""

from __future__ import annotations

from gateway.providers.anthropic import AnthropicWire
from gateway.providers.base import Provider, Reply, Stream, Wire
from gateway.providers.gemini import GeminiWire
from gateway.providers.rows import ROWS

__all__ = ["PROVIDERS", "WIRES", "Provider", "Reply", "Stream", "Wire"]

PROVIDERS: dict[str, Provider] = {row.name: row for row in ROWS}
WIRES: dict[str, Wire] = {wire.name: wire for wire in (Wire(), AnthropicWire(), GeminiWire())}
