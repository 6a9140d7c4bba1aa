"""Bytes for the micro benchmarks, in the shapes that clients and providers send."""

import json

_PROSE = 'The keel was laid in spring; by autumn, she said, "nothing" would be left to do.\n'
_MIXED = "Die Brücke ist 120 m lang. 橋の長さは約120メートルです。 Мост длинный 🌉.\n"


def _chat(text: str, size: int) -> bytes:
    """A chat request of about `size` bytes."""
    body = {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": ""},
        ],
        "stream": True,
        "temperature": 0.7,
        "max_tokens": 512,
        "stop": ["\n\n"],
    }
    line = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    empty = json.dumps(body, ensure_ascii=False).encode()
    content = b'"content": "' + line * ((size - len(empty)) // len(line))
    return empty.replace(b'"content": ""', content + b'"')


CHAT_500B = _chat(_PROSE, 500)
CHAT_8K = _chat(_PROSE, 8_000)
CHAT_400K = _chat(_PROSE, 400_000)
CHAT_400K_UNICODE = _chat(_MIXED, 400_000)
CHAT_TOOLS_100K = json.dumps(
    {
        "model": "auto",
        "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": f"tool_{number}",
                    "description": "Looks something up and says what was found.",
                    "parameters": {
                        "type": "object",
                        "properties": {"place": {"type": "string"}, "days": {"type": "integer"}},
                        "required": ["place"],
                    },
                },
            }
            for number in range(400)
        ],
    }
).encode()


def _event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
    event = {
        "id": "chatcmpl-CJkq2bJZ3bqY0b3d0c9Yt0x8v7aaa",
        "object": "chat.completion.chunk",
        "created": 1757000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_51db84afab",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
        **more,
    }
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


_USAGE = {"prompt_tokens": 21, "completion_tokens": 48, "total_tokens": 69}
SSE_CHUNK = _event({"content": " keel"})
SSE_STREAM = [
    _event({"role": "assistant", "content": ""}),
    *[SSE_CHUNK] * 48,
    _event({}, "stop"),
    _event({}, choices=[], usage=_USAGE),
    b"data: [DONE]\n\n",
]
