"""Gemini's generateContent (https://ai.google.dev/api/generate-content) behind OpenAI's chat shape.

A call's thought signature travels in `tool_calls[].extra_content.google.thought_signature`, where
Google's own OpenAI layer has it, and comes back from there with the history.
"""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import quote

import msgspec
import orjson

from gateway.exchange import Ask
from gateway.providers.base import Provider, Reply, Stream, Wire
from gateway.providers.completion import choice, completion
from gateway.providers.failures import garbled, in_band
from gateway.providers.gemini_stream import Answer, GeminiStream, event_of, read_usage
from gateway.providers.turns import Call, Media, Text, Turn, has_names, is_object, read_turns, refuse
from gateway.providers.wants import Tool, Wants, json_advice

_MOST_STOPS = 5
# Google's stand-in for the signature of a call that Gemini did not make, or that the client lost:
# "skip_thought_signature_validator" in base64.
# https://ai.google.dev/gemini-api/docs/thought-signatures
NO_SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "n": "candidateCount",
}


class GeminiWire(Wire):
    """Gemini's wire: a request is translated whole, a reply part by part."""

    name = "gemini"

    def headers(self, key: str) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if key:
            headers["x-goog-api-key"] = key
        return headers

    def url(self, base_url: str, model: str, stream: bool) -> str:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{base_url.rstrip('/')}/models/{quote(model)}:{method}"

    def encode(self, ask: Ask, provider: Provider, model: str) -> tuple[bytes, tuple[str, ...]]:
        wants = Wants(ask, provider.drop)
        turns = read_turns(ask.parsed()["messages"])
        if has_names(turns):
            wants.lose("messages.name")
        system = [_part(part) for turn in turns if turn.role == "system" for part in turn.parts]
        body: dict[str, Any] = {"contents": _contents(turns)}
        _tools(body, wants)
        config = _config(ask, wants)
        _response_format(config, system, wants, has_tools="tools" in body)
        if config:
            body["generationConfig"] = config
        if system:
            body["systemInstruction"] = {"parts": system}
        return orjson.dumps(body), wants.dropped()

    def reply(self, data: bytes, ask: Ask, model: str) -> Reply:
        try:
            event = event_of(data)
            answer = Answer()
            answer.read(event)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise garbled(str(error)) from None
        if event.error is not None:
            raise in_band(event.error)
        if not answer.candidates:
            raise garbled("it has no candidates")
        if failure := answer.failure():
            raise failure
        choices = [
            choice(said.text, said.reasoning, said.calls, said.finish(), index)
            for index, said in sorted(answer.candidates.items())
        ]
        usage = read_usage(event.usage_metadata)
        body = completion(event.response_id or "", event.model_version or model, choices, usage)
        return Reply(body, usage, choices[0]["finish_reason"])

    def stream(self, ask: Ask, model: str) -> Stream:
        return GeminiStream(model, ask.include_usage)


def _contents(turns: list[Turn]) -> list[dict[str, Any]]:
    """The turns as contents; calls made together stand together, and so do their results."""
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    before = ""
    for turn in turns:
        names |= {call.id: call.name for call in turn.calls}
        parts = [] if turn.role == "system" else _parts(turn, names)
        if not parts:
            continue
        if turn.role == before:
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": "model" if turn.role == "assistant" else "user", "parts": parts})
        before = turn.role
    if not contents:
        refuse("messages", "must hold at least one message with content")
    return contents


def _parts(turn: Turn, names: dict[str, str]) -> list[dict[str, Any]]:
    if turn.role == "tool":
        return [_result(turn, names), *(_part(part) for part in turn.parts if isinstance(part, Media))]
    parts = [_part(part) for part in turn.parts]
    # Of parallel calls only the first is signed.
    signed = any(call.signature for call in turn.calls)
    for index, call in enumerate(turn.calls):
        parts.append(_call(call, call.signature or ("" if signed or index else NO_SIGNATURE)))
    return parts


def _part(part: Text | Media) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if part.url:
        mime = mimetypes.guess_type(part.url.partition("?")[0])[0] or "image/jpeg"
        return {"fileData": {"mimeType": mime, "fileUri": part.url}}
    return {"inlineData": {"mimeType": part.mime, "data": part.data}}


def _call(call: Call, signature: str) -> dict[str, Any]:
    function = {"id": call.id, "name": call.name, "args": orjson.Fragment(call.arguments)}
    return {"functionCall": function, **({"thoughtSignature": signature} if signature else {})}


def _result(turn: Turn, names: dict[str, str]) -> dict[str, Any]:
    name = names.get(turn.call_id) or turn.name
    if not name:
        refuse(f"{turn.where}.tool_call_id", "must be the id of a tool call of an earlier message")
    text = "\n".join(part.text for part in turn.parts if isinstance(part, Text))
    response: Any = orjson.Fragment(text) if is_object(text) else {"result": text}
    return {"functionResponse": {"id": turn.call_id, "name": name, "response": response}}


def _tools(body: dict[str, Any], wants: Wants) -> None:
    tools = wants.tools()
    if not tools:
        return
    body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in tools]}]
    mode, name = wants.tool_choice()
    if mode:
        config: dict[str, Any] = {"mode": _MODES[mode]}
        if name:
            config["allowedFunctionNames"] = [name]
        body["toolConfig"] = {"functionCallingConfig": config}


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.schema:
        # `parameters` takes a subset of JSON schema alone; this takes it as it is, $ref and all.
        declaration["parametersJsonSchema"] = tool.schema
    return declaration


def _config(ask: Ask, wants: Wants) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for key, name in _NUMBERS.items():
        if (value := wants.number(key)) is not None:
            config[name] = value
    if ask.max_tokens is not None:
        config["maxOutputTokens"] = ask.max_tokens
    if stops := wants.stops(_MOST_STOPS):
        config["stopSequences"] = stops
    return config


def _response_format(
    config: dict[str, Any], system: list[dict[str, Any]], wants: Wants, *, has_tools: bool
) -> None:
    kind, schema = wants.response_format()
    if not kind:
        return
    if has_tools:  # before Gemini 3: "Function calling with a response mime type is unsupported"
        system.append({"text": json_advice(schema)})
        wants.lose("response_format")
        return
    config["responseMimeType"] = "application/json"
    if schema:
        config["responseJsonSchema"] = schema
