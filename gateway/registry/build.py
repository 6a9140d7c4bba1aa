"""Makes `models.json` from the researched data: `python -m gateway.registry.build DIRECTORY`.

DIRECTORY holds models.json and providers.json. The same input gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

_OUTPUT = Path(__file__).with_name("models.json")

# Chat wires; what a vendor offers beside them (Responses, agents) takes another adapter.
_CHAT = (
    "openai-chat",
    "anthropic-messages",
    "google-generative-ai",
    "bedrock-converse",
    "cohere-v2",
)
# Takes one user message and `translation_options`, refuses a conversation:
# https://www.alibabacloud.com/help/en/model-studio/machine-translation
_NOT_CHAT = frozenset({"alibaba/qwen-mt-plus"})
# Stored as 2024-11-01, which the id itself (December 2025) contradicts.
_RELEASE_UNKNOWN = frozenset({"mistral/mistral-large-2512"})
# Variants that are less than their base model, so that the base model's abilities say nothing.
_LESSER = frozenset(("flash", "lite", "mini", "nano", "small", "micro"))

_LICENCES = {
    "prices and limits": ("MIT: genai-prices, pi-ai, LiteLLM, model-prices, models.dev, langchain profiles"),
    "abilities": ("derived from CC BY 4.0 (Arena, Epoch AI), MIT (EuroEval), Apache-2.0 (BFCL, Aider)"),
}
_ATTRIBUTION = (
    "Abilities are computed from Arena (arena.ai, dataset lmarena-ai/leaderboard-dataset, CC BY "
    "4.0), the Epoch AI benchmarking hub (epoch.ai, CC BY 4.0), EuroEval (euroeval.com, MIT), the "
    "Berkeley Function Calling Leaderboard (gorilla.cs.berkeley.edu, Apache-2.0) and the Aider "
    "polyglot leaderboard (aider.chat, Apache-2.0); the sources were scaled and combined."
)


def build(directory: Path) -> bytes:
    """The registry file for the researched data in `directory`."""
    raw = json.loads((directory / "models.json").read_text("utf-8"), parse_float=Decimal)
    providers = json.loads((directory / "providers.json").read_text("utf-8"))
    dialects = {name: row.get("dialect") or "" for name, row in providers.items()}
    models = sorted((_slim(entry, dialects) for entry in raw["models"]), key=lambda m: str(m["id"]))
    _inherit(models)
    header = {
        "generated": raw["meta"]["generated"],
        "prices": "USD per 1M tokens",
        "licences": _LICENCES,
        "attribution": _ATTRIBUTION,
        "price_sources": raw["meta"]["price_sources"],
    }
    lines = ",\n".join(json.dumps(model, ensure_ascii=False) for model in models)
    head = json.dumps(header, ensure_ascii=False, indent=1)
    return f'{{"header": {head},\n"models": [\n{lines}\n]}}\n'.encode()


def _slim(entry: dict[str, Any], dialects: dict[str, str]) -> dict[str, Any]:
    provider = "gemini" if entry["provider"] == "google" else entry["provider"]
    id = f"{provider}/{entry['model']}"
    price, supports = entry["price"], entry["supports"]
    takes = entry["modalities"]["input"]
    wires = dialects[entry["provider"]]
    endpoints = entry["endpoints"] or ["/v1/chat/completions"]
    context, output = entry["context_window"], entry["max_output_tokens"]
    model = {
        "id": id,
        "provider": provider,
        "model": entry["model"],
        "canonical": entry["canonical"],
        "name": entry["name"],
        "released": None if id in _RELEASE_UNKNOWN else entry["release_date"],
        "status": entry["status"],
        "chat": any(wire in wires for wire in _CHAT)
        and "/v1/chat/completions" in endpoints
        and id not in _NOT_CHAT,
        "input": _decimal(price["input"]),
        "output": _decimal(price["output"]),
        "cache_read": _decimal(price["cached_input"]),
        "cache_write": _decimal(price["cache_write"]),
        "tiers": [_tier(tier) for tier in entry["price_tiers"] or ()],
        "context": context,
        "max_input": entry["max_input_tokens"],
        # Some sources repeat a sister model's output limit, beyond the context it must fit into.
        "max_output": min(output, context) if output and context else output,
        "tools": supports["tools"],
        "vision": supports["vision"],
        "audio": "audio" in takes,
        "pdf": "pdf" in takes,
        "json_schema": supports["json_schema"],
        "reasoning": supports["reasoning"],
        "temperature": supports["temperature"],
        "abilities": {t: float(v["raw"]) for t, v in sorted(entry["capability_open"].items())},
        "n_sources": {t: v["n_sources"] for t, v in sorted(entry["capability_open"].items())},
        "sources": _sources(entry["sources"]),
    }
    return {key: value for key, value in model.items() if value not in (None, [], {})}


def _decimal(value: int | Decimal | None) -> str | None:
    return None if value is None else f"{Decimal(value).normalize():f}"


def _tier(tier: dict[str, Any]) -> dict[str, Any]:
    return {
        "above": tier["prompt_tokens_above"],
        "input": _decimal(tier["input"]),
        "output": _decimal(tier["output"]),
    }


def _sources(sources: dict[str, Any]) -> list[str]:
    # Versions and dates of the price sources stand once, in the header.
    return [*(name.partition("@")[0] for name in sources["price"]), *sources["official_pages"]]


def _inherit(models: list[dict[str, Any]]) -> None:
    """Names the predecessor of every model that has no evidence of its own, at all its hosts."""
    measured = [model for model in models if model.get("abilities")]
    found: dict[str, str] = {}
    for model in models:
        older = None if model.get("abilities") else predecessor(model, measured)
        if older:
            found[model["canonical"]] = older
    for model in models:
        if model["canonical"] in found and not model.get("abilities"):
            model["inherits"] = found[model["canonical"]]


def predecessor(model: dict[str, Any], measured: Iterable[dict[str, Any]]) -> str | None:
    """The id of the newest older model of the same line and provider, as far as names tell."""
    line, version = line_and_version(model["model"])
    lines = {line, line[:-1]} if line and line[-1] not in _LESSER else {line}
    older = [
        (other_line == line, other_version, other["id"])
        for other in measured
        if other["provider"] == model["provider"]
        for other_line, other_version in [line_and_version(other["model"])]
        if other_line in lines and other_version < version
    ]
    return max(older)[2] if older else None


def line_and_version(model: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`kimi-k3.1-pro` -> ((kimi, k, pro), (1, 3, 1)): words, and numbers that can be compared.

    The first number of a version says whether the name carries a date (0: -2512) or a version (1),
    as vendors who moved from one to the other went from dates to versions.
    """
    words: list[str] = []
    numbers: list[int] = []
    for token in re.split(r"[-/:]", model.lower()):
        if re.fullmatch(r"a?\d+b", token):  # a size: 14b is no later version of 8b
            words.append(token)
            continue
        numbers += map(int, re.findall(r"\d+", token))
        words += filter(None, re.split(r"[\d.]+", token))
    dated = any(number > 1000 for number in numbers)
    if dated:
        numbers.sort(reverse=True)  # 08-2025: the year counts first
    return tuple(words), (0 if dated or not numbers else 1, *numbers)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m gateway.registry.build DIRECTORY")
    _OUTPUT.write_bytes(build(Path(sys.argv[1])))
