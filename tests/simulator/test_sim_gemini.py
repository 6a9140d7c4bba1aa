"""The simulator's Gemini wire, over plain HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

KEY = {"x-goog-api-key": "AIza-secret"}
USER = {"role": "user", "parts": [{"text": "Where does the water go?"}]}
WEATHER = {
    "functionDeclarations": [
        {
            "name": "get_weather",
            "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
        }
    ]
}


async def post(sim: Any, method: str, body: Any, headers: Any = KEY) -> tuple[int, bytes]:
    url = f"{sim.base}/google/v1beta/models/gemini-4-argon:{method}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as reply:
        return reply.status, await reply.read()


async def generate(sim: Any, **body: Any) -> dict[str, Any]:
    status, data = await post(sim, "generateContent", {"contents": [USER], **body})
    assert status == 200, data
    answer: dict[str, Any] = orjson.loads(data)
    return answer


async def stream(sim: Any, **body: Any) -> list[dict[str, Any]]:
    status, data = await post(sim, "streamGenerateContent?alt=sse", {"contents": [USER], **body})
    assert status == 200, data
    events = data.split(b"\r\n\r\n")
    assert events.pop() == b""
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events]


def part(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["candidates"][0]["content"]["parts"][0]
    return found


async def test_a_plain_answer(sim: Any) -> None:
    answer = await generate(sim)
    assert len(part(answer)["text"].split()) == 12
    assert answer["candidates"][0]["finishReason"] == "STOP"
    assert answer["modelVersion"] == "gemini-4-argon"
    assert answer["usageMetadata"] == {
        "promptTokenCount": 6,
        "candidatesTokenCount": 12,
        "totalTokenCount": 18,
    }


async def test_a_stream_says_what_the_plain_answer_says(sim: Any) -> None:
    events = await stream(sim)
    assert "".join(part(event)["text"] for event in events) == part(await generate(sim))["text"]
    assert len(events) == 13
    assert ["finishReason" in event["candidates"][0] for event in events] == [False] * 12 + [True]
    assert events[-1]["usageMetadata"]["candidatesTokenCount"] == 12


async def test_limits_schemas_and_images(sim: Any) -> None:
    cut = await generate(sim, generationConfig={"maxOutputTokens": 3})
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    schema = {"type": "OBJECT", "properties": {"depth": {"type": "NUMBER"}}}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    made = orjson.loads(part(await generate(sim, generationConfig=config))["text"])
    assert isinstance(made["depth"], float)
    image = {"inlineData": {"mimeType": "image/png", "data": "A" * 4000}}
    turn = {"role": "user", "parts": [{"text": "Look"}, image]}
    seen = await generate(sim, contents=[turn])
    assert part(seen)["text"].startswith("I see 1 image.")
    assert seen["usageMetadata"]["promptTokenCount"] == 1001


async def test_tools(sim: Any) -> None:
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}}
    answer = await generate(sim, tools=[WEATHER], toolConfig=config)
    call = part(answer)["functionCall"]
    assert call["name"] == "get_weather" and isinstance(call["args"]["city"], str)
    [event] = await stream(sim, tools=[WEATHER], toolConfig=config)
    assert part(event)["functionCall"] == call
    response = {"functionResponse": {"name": "get_weather", "response": {"degrees": 7}}}
    turns = [
        USER,
        {"role": "model", "parts": [{"functionCall": call}]},
        {"role": "user", "parts": [response]},
    ]
    after = await generate(sim, contents=turns, tools=[WEATHER])
    assert part(after)["text"].startswith('The tool says: {"degrees":7}')


async def test_what_the_vendor_refuses_is_refused(sim: Any) -> None:
    status, data = await post(sim, "generateContent", {"contents": [USER]}, headers={})
    assert status == 403 and orjson.loads(data)["error"]["status"] == "PERMISSION_DENIED"
    status, data = await post(sim, "generateContent", {"contents": [{"role": "assistant"}]})
    assert status == 400 and b"valid role" in data
    status, data = await post(sim, "generateContent", {})
    assert status == 400 and orjson.loads(data)["error"]["status"] == "INVALID_ARGUMENT"
    status, data = await post(sim, "streamGenerateContent", {"contents": [USER]})
    assert status == 400 and b"alt=sse" in data


async def test_errors_have_the_vendors_shape(sim: Any) -> None:
    sim.set("google", fault={"status": 429})
    status, data = await post(sim, "generateContent", {"contents": [USER]})
    error = orjson.loads(data)["error"]
    assert status == error["code"] == 429 and error["status"] == "RESOURCE_EXHAUSTED"
    sim.set("google", fault="error_event")
    [event] = await stream(sim)
    assert event["error"]["status"] == "UNAVAILABLE"
