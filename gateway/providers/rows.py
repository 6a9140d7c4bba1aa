"""The vendors, a row each; the page named above a row says what the vendor takes and how it differs."""

from __future__ import annotations

from gateway.providers.base import Provider

_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}
_NEW_LIMIT = {"max_tokens": "max_completion_tokens"}

ROWS = (
    # https://developers.openai.com/api/reference/resources/chat
    # Reasoning models refuse max_tokens, and all chat models take the newer name.
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        rename=_NEW_LIMIT,
    ),
    # https://platform.claude.com/docs/en/api/messages
    Provider(
        name="anthropic",
        wire="anthropic",
        base_url="https://api.anthropic.com/v1",
        key_env=("ANTHROPIC_API_KEY",),
    ),
    # https://ai.google.dev/api/generate-content
    Provider(
        name="gemini",
        wire="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    # https://api-docs.deepseek.com/api/create-chat-completion
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env=("DEEPSEEK_API_KEY",),
        drop=("store",),
        rename=_OLD_LIMIT,
    ),
    # https://platform.kimi.ai/docs/api/chat
    # Sampling is fixed by the platform: any other value is refused.
    Provider(
        name="moonshot",
        base_url="https://api.moonshot.ai/v1",
        key_env=("MOONSHOT_API_KEY",),
        drop=("temperature", "top_p", "n", "presence_penalty", "frequency_penalty", "store"),
    ),
    # https://docs.mistral.ai/api/endpoint/chat
    # Unknown keys are refused with 422; usage comes in the last chunk unasked.
    Provider(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        drop=(
            "logit_bias",
            "logprobs",
            "modalities",
            "prompt_cache_key",
            "safety_identifier",
            "service_tier",
            "store",
            "stream_options",
            "top_logprobs",
            "user",
            "verbosity",
        ),
        rename={**_OLD_LIMIT, "seed": "random_seed"},
    ),
    # https://docs.x.ai/developers/model-capabilities/text/best-practices.md
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_env=("XAI_API_KEY",),
        drop=("presence_penalty", "frequency_penalty", "stop"),
    ),
    # https://console.groq.com/docs/openai
    Provider(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        drop=("logprobs", "logit_bias", "top_logprobs", "n"),
    ),
    # https://inference-docs.cerebras.ai/resources/openai
    Provider(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env=("CEREBRAS_API_KEY",),
        drop=("frequency_penalty", "logit_bias", "presence_penalty", "service_tier", "store"),
    ),
    # https://docs.together.ai/docs/openai-api-compatibility
    Provider(
        name="together",
        base_url="https://api.together.ai/v1",
        key_env=("TOGETHER_API_KEY",),
        drop=("store",),
        rename=_OLD_LIMIT,
    ),
    # https://docs.fireworks.ai/tools-sdks/openai-compatibility
    Provider(
        name="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env=("FIREWORKS_API_KEY",),
        drop=("store",),
    ),
    # https://openrouter.ai/docs/api-reference/overview
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
    ),
    # https://www.alibabacloud.com/help/en/model-studio/deep-thinking
    Provider(
        name="alibaba",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env=("DASHSCOPE_API_KEY",),
        rename=_OLD_LIMIT,
    ),
    # https://docs.z.ai/api-reference/llm/chat-completion
    Provider(
        name="zai",
        base_url="https://api.z.ai/api/paas/v4",
        key_env=("ZAI_API_KEY",),
        drop=("tool_choice", "presence_penalty", "frequency_penalty", "stream_options"),
        rename=_OLD_LIMIT,
    ),
    # https://platform.minimax.io/docs/api-reference/text-openai-api
    # The penalties, seed and effort are not documented: taken, and without effect.
    Provider(
        name="minimax",
        base_url="https://api.minimax.io/v1",
        key_env=("MINIMAX_API_KEY",),
        drop=("presence_penalty", "frequency_penalty", "seed", "reasoning_effort", "parallel_tool_calls"),
        rename=_NEW_LIMIT,
    ),
    # https://dev.meta.ai/docs/pricing-rate-limits
    # The libraries do not agree on the variable's name.
    Provider(
        name="meta",
        base_url="https://api.meta.ai/v1",
        key_env=("META_API_KEY", "MODEL_API_KEY", "META_MODEL_API_KEY"),
    ),
    # https://platform.xiaomimimo.com/static/docs/price/pay-as-you-go.md
    Provider(
        name="xiaomi",
        base_url="https://api.xiaomimimo.com/v1",
        key_env=("XIAOMI_API_KEY", "XIAOMI_MIMO_API_KEY"),
        drop=("reasoning_effort",),
    ),
    # https://docs.cohere.com/docs/compatibility-api
    Provider(
        name="cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        key_env=("COHERE_API_KEY",),
        drop=(
            "logit_bias",
            "metadata",
            "modalities",
            "n",
            "parallel_tool_calls",
            "prediction",
            "service_tier",
            "store",
            "top_logprobs",
        ),
        rename=_OLD_LIMIT,
    ),
    # https://docs.perplexity.ai/docs/agent-api/models
    Provider(
        name="perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITY_API_KEY",),
    ),
    # https://docs.ollama.com/api/openai-compatibility
    Provider(
        name="ollama",
        base_url="http://localhost:11434/v1",
        key_env=("OLLAMA_API_KEY",),
        key_optional=True,
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Provider(
        name="vllm",
        base_url="http://localhost:8000/v1",
        key_env=("VLLM_API_KEY",),
        key_optional=True,
    ),
)
