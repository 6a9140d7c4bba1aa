"""Token counts of the OpenAI shape, as many vendors write it, to the canonical `Usage` and back."""

from __future__ import annotations

from typing import Any

from gateway.money import Usage

_MOST = 2**31  # tokens; no request has had a thousandth of them, and the store's integers end at 2**63


def count(value: Any) -> int:
    """A token count out of a reply; what is no count, a negative or an absurd one, is 0."""
    return value if type(value) is int and 0 < value < _MOST else 0


def _details(usage: dict[str, Any], key: str) -> dict[str, Any]:
    value = usage.get(key)
    return value if isinstance(value, dict) else {}


def read_usage(usage: Any) -> Usage | None:
    """The canonical usage in a `usage` object of the OpenAI shape, None where there is none.

    Cached tokens have four names: OpenAI's, DeepSeek's, Moonshot's and Together's, and Mistral's.
    """
    if not isinstance(usage, dict) or not {"prompt_tokens", "completion_tokens"} & usage.keys():
        return None
    prompt_details = _details(usage, "prompt_tokens_details")
    completion_details = _details(usage, "completion_tokens_details")
    cached = (
        count(prompt_details.get("cached_tokens"))
        or count(usage.get("prompt_cache_hit_tokens"))
        or count(usage.get("cached_tokens"))
        or count(usage.get("num_cached_tokens"))
    )
    prompt = count(usage.get("prompt_tokens"))
    output = count(usage.get("completion_tokens"))
    reasoning = count(completion_details.get("reasoning_tokens"))
    # xAI and Gemini's own OpenAI layer leave reasoning out of completion_tokens, and Gemini does not
    # even name it: what the total has beyond the two was thought, and is billed as output.
    beside = max(count(usage.get("total_tokens")) - prompt - output, 0)
    output, reasoning = output + beside, max(reasoning, beside)
    return bounded(
        prompt, cached, count(prompt_details.get("cache_write_tokens")), output=output, reasoning=reasoning
    )


def bounded(prompt: int, cached: int, written: int, *, output: int, reasoning: int) -> Usage:
    """A usage whose parts stay inside their wholes, whatever the vendor says of them."""
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    return Usage(prompt - cached - written, cached, written, output, min(reasoning, output))


def usage_body(usage: Usage) -> dict[str, Any]:
    """`usage` as a `usage` object of the OpenAI shape."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
