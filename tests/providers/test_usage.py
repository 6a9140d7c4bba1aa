from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.money import Usage
from gateway.providers import anthropic_stream, gemini_stream
from gateway.providers.usage import read_usage, usage_body


@pytest.mark.parametrize(
    ("given_usage", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4}, Usage(input=10, output=4)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(input=1, cache_read=6, cache_write=3, output=4, reasoning=2),
        ),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}, Usage(input=4, cache_read=6)),  # DeepSeek
        ({"prompt_tokens": 10, "cached_tokens": 6}, Usage(input=4, cache_read=6)),  # Moonshot, Together
        ({"prompt_tokens": 10, "num_cached_tokens": 6}, Usage(input=4, cache_read=6)),  # Mistral
        (
            {  # xAI, as recorded: 307 + 26 + 255
                "prompt_tokens": 307,
                "completion_tokens": 26,
                "total_tokens": 588,
                "completion_tokens_details": {"reasoning_tokens": 255},
            },
            Usage(input=307, output=281, reasoning=255),
        ),
        (
            {
                "prompt_tokens": 35,
                "completion_tokens": 12,
                "total_tokens": 109,
            },  # Gemini's OpenAI layer, as recorded
            Usage(input=35, output=74, reasoning=62),
        ),
        (
            {  # OpenRouter, as recorded: more reasoning than output
                "prompt_tokens": 43,
                "completion_tokens": 10,
                "total_tokens": 53,
                "completion_tokens_details": {"reasoning_tokens": 11},
            },
            Usage(input=43, output=10, reasoning=10),
        ),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9}},
            Usage(cache_read=5),
        ),
        ({"prompt_tokens": -5, "completion_tokens": "4", "prompt_tokens_details": None}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, Usage()),
    ],
)
def test_usage_of_the_openai_shape(given_usage: dict[str, Any], usage: Usage) -> None:
    assert read_usage(given_usage) == usage


@pytest.mark.parametrize("nothing", [None, [], {}, "12", 5, {"total_tokens": 5}])
def test_what_is_no_usage_is_none(nothing: object) -> None:
    assert read_usage(nothing) is None


anything = st.integers(-5, 10_000) | st.sampled_from([None, True, 1.5, "7", [], {}])
details = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens", "thinking_tokens"]), anything
)
NAMES = [
    *("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens", "cached_tokens"),
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount"),
    *("cachedContentTokenCount", "prompt_tokens_details", "completion_tokens_details"),
    "output_tokens_details",
]


@pytest.mark.parametrize("read", [read_usage, anthropic_stream.read_usage, gemini_stream.read_usage])
@settings(deadline=None)
@given(usage=st.dictionaries(st.sampled_from(NAMES), anything | details))
def test_the_parts_of_any_usage_stay_inside_their_wholes(read: Any, usage: dict[str, Any]) -> None:
    found = read(usage)
    if found is not None:
        assert min(found.input, found.cache_read, found.cache_write, found.output) >= 0
        assert 0 <= found.reasoning <= found.output
        assert read_usage(usage_body(found)) == found


def test_an_absurd_count_is_none() -> None:
    usage = read_usage({"prompt_tokens": 2**70, "completion_tokens": 5, "total_tokens": 2**70})
    assert usage is not None and (usage.prompt, usage.output) == (0, 5)
