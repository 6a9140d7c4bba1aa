"""Faults and switches, seen from a client's socket."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import openai
import orjson
import pytest
from openai import OpenAI

BODY = {"model": "m", "messages": [{"role": "user", "content": "Where does the water go?"}]}


async def post(sim: Any, name: str = "openai", patience: float = 10, **more: Any) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=patience)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        url = f"{sim.base}/{name}/v1/chat/completions"
        async with session.post(url, json={**BODY, **more}) as reply:
            return reply.status, await reply.read()


async def pieces(sim: Any, **more: Any) -> tuple[list[bytes], Exception | None]:
    """What of a stream arrives, and how it ends."""
    got = b""
    failure: Exception | None = None
    async with aiohttp.ClientSession() as session:
        timeout = aiohttp.ClientTimeout(sock_read=0.5)
        url = f"{sim.base}/openai/v1/chat/completions"
        body = {**BODY, "stream": True, **more}
        try:
            async with session.post(url, json=body, timeout=timeout) as reply:
                assert reply.status == 200
                async for data in reply.content.iter_any():
                    got += data
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = error
    return got.split(b"\n\n")[:-1], failure


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_a_status_as_the_sdk_sees_it(sim: Any, status: int, kind: type[openai.APIStatusError]) -> None:
    sim.set("openai", fault={"status": status, "retry_after": 1.5})
    client = OpenAI(base_url=f"{sim.base}/openai/v1", api_key="k", max_retries=0)
    with client, pytest.raises(kind) as failure:
        client.chat.completions.create(**BODY)  # type: ignore[call-overload]
    assert failure.value.status_code == status
    assert failure.value.response.headers["retry-after"] == "1.5"


async def test_a_fault_ends_after_its_times_and_is_one_names_own(sim: Any) -> None:
    sim.set("openai", fault={"status": 500, "times": 2})
    assert (await post(sim, "other"))[0] == 200
    assert [(await post(sim))[0] for _ in range(3)] == [500, 500, 200]
    counts = sim.call("GET", "/_sim/count")[1]
    assert counts["openai"] == {"requests": 3, "faults": 2, "gone": 0}
    assert counts["other"] == {"requests": 1, "faults": 0, "gone": 0}


async def test_what_is_left_of_a_fault_survives_other_changes(sim: Any) -> None:
    sim.set("openai", fault={"status": 500, "times": 2})
    first = (await post(sim))[0]
    sim.set(output_tokens=5)
    sim.set("openai", latency_ms=1)
    assert [first, (await post(sim))[0], (await post(sim))[0]] == [500, 500, 200]


async def test_a_global_fault_counts_over_all_names(sim: Any) -> None:
    assert (await post(sim, "a"))[0] == 200
    sim.set(fault={"status": 500, "times": 2})
    assert [(await post(sim, name))[0] for name in ("a", "b", "c")] == [500, 500, 200]


async def test_settings_of_a_name_outlive_global_ones(sim: Any) -> None:
    sim.set("a", output_tokens=2)
    sim.set(output_tokens=5)
    for name, words in (("a", 2), ("b", 5)):
        _, data = await post(sim, name)
        assert len(orjson.loads(data)["choices"][0]["message"]["content"].split()) == words
    assert sim.call("GET", "/_sim/a")[1]["output_tokens"] == 2
    assert sim.call("GET", "/_sim")[1]["output_tokens"] == 5
    assert sim.call("DELETE", "/_sim/a") == (200, {})
    assert sim.call("GET", "/_sim/a")[1]["output_tokens"] == 5


async def test_refuse_closes_without_an_answer(sim: Any) -> None:
    sim.set("openai", fault="refuse")
    for stream in (False, True):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await post(sim, stream=stream)


async def test_stall_never_answers_and_sees_the_client_leave(sim: Any) -> None:
    sim.set("openai", fault="stall")
    for stream in (False, True):
        with pytest.raises(TimeoutError):
            await post(sim, patience=0.3, stream=stream)
    await gone(sim, 2)


async def test_cut_breaks_a_plain_answer_off(sim: Any) -> None:
    sim.set("openai", fault="cut")
    with pytest.raises(aiohttp.ClientPayloadError):
        await post(sim)


async def test_cut_breaks_a_stream_off_after_some_pieces(sim: Any) -> None:
    sim.set("openai", fault={"kind": "cut", "after": 5})
    events, failure = await pieces(sim)
    assert len(events) == 6 and isinstance(failure, aiohttp.ClientPayloadError)
    assert b"[DONE]" not in b"".join(events)
    sim.set("openai", fault={"kind": "cut", "after": 5, "clean": True})
    events, failure = await pieces(sim)
    assert len(events) == 6 and failure is None
    sim.set("openai", fault="cut")
    assert len((await pieces(sim))[0]) == 4


async def test_a_stream_may_stall_or_fail_on_its_way(sim: Any) -> None:
    sim.set("openai", fault={"kind": "stall", "after": 2})
    events, failure = await pieces(sim)
    assert len(events) == 3 and isinstance(failure, TimeoutError)
    sim.set("openai", fault={"kind": "error_event", "after": 2})
    events, failure = await pieces(sim)
    assert len(events) == 4 and failure is None
    assert orjson.loads(events[-1].removeprefix(b"data: "))["error"]["type"] == "server_error"


async def test_an_error_in_a_200(sim: Any) -> None:
    sim.set("openai", fault="error_event")
    events, _ = await pieces(sim)
    assert len(events) == 1 and b'"error"' in events[0]
    status, data = await post(sim)
    assert status == 200 and orjson.loads(data)["error"]["message"]


async def test_garbage_and_nothing(sim: Any) -> None:
    sim.set("openai", fault="garbage")
    status, data = await post(sim)
    assert status == 200 and data.startswith(b"<html>")
    events, _ = await pieces(sim)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(events[0].removeprefix(b"data: "))
    sim.set("openai", fault="empty")
    assert await post(sim) == (200, b"")
    assert await pieces(sim) == ([], None)
    sim.set("openai", fault=None)
    assert (await post(sim))[0] == 200


async def test_latency_and_rate_take_their_time(sim: Any) -> None:
    sim.set("openai", latency_ms=80)
    start = time.monotonic()
    await post(sim)
    assert time.monotonic() - start >= 0.075  # timers count in milliseconds and may be early
    sim.set("openai", latency_ms=0, tokens_per_second=100, output_tokens=11)
    start = time.monotonic()
    events, _ = await pieces(sim)
    assert time.monotonic() - start >= 0.095  # the first piece at once, ten more 10 ms apart
    assert len(events) == 14


async def test_a_client_that_leaves_is_counted(sim: Any) -> None:
    sim.set("openai", tokens_per_second=50, output_tokens=10_000)
    with pytest.raises(TimeoutError):
        await post(sim, patience=0.3, stream=True)
    sim.set("openai", latency_ms=60_000)
    with pytest.raises(TimeoutError):
        await post(sim, patience=0.3)
    await gone(sim, 2)


async def gone(sim: Any, count: int) -> None:
    """Waits until the simulator has noticed that `count` clients left."""
    async with asyncio.timeout(5):
        while sim.call("GET", "/_sim/count")[1]["openai"]["gone"] < count:
            await asyncio.sleep(0.02)
    assert sim.call("GET", "/_sim/count")[1]["openai"]["gone"] == count


def test_requests_are_kept_with_their_keys_masked(sim: Any) -> None:
    with OpenAI(base_url=f"{sim.base}/openai/v1", api_key="sk-secret") as client:
        client.chat.completions.create(**BODY)  # type: ignore[call-overload]
    sim.call("POST", "/other/v1/chat/completions", BODY)
    [kept] = sim.call("GET", "/_sim/requests?name=openai")[1]
    assert kept["method"] == "POST" and kept["path"] == "/openai/v1/chat/completions"
    assert kept["body"] == BODY
    assert kept["headers"]["authorization"] == "***" and "sk-secret" not in str(kept)
    assert kept["headers"]["user-agent"].startswith("OpenAI/Python")
    assert len(sim.call("GET", "/_sim/requests")[1]) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"latency": 3}, "settings: 'latency' is unknown; allowed: latency_ms, tokens_per_second"),
        ([], "settings: must be an object"),
        ({"latency_ms": -1}, "Expected `float` >= 0"),
        ({"latency_ms": "slow"}, "Expected `float`"),
        ({"output_tokens": 0}, "Expected `int` >= 1"),
        ({"fault": "explode"}, "fault: 'explode' is unknown; allowed: status, refuse, stall"),
        ({"fault": {"stat": 500}}, "fault: 'stat' is unknown; allowed: kind, status"),
        ({"fault": {"times": 2}}, "fault: give a `status` or a `kind`"),
        ({"fault": {"status": 200}}, "Expected `int` >= 400"),
        ({"fault": 7}, "fault: must be an object"),
    ],
)
def test_wrong_settings_say_what_is_allowed(sim: Any, body: Any, words: str) -> None:
    for path in ("/_sim", "/_sim/openai"):
        status, answer = sim.call("PUT", path, body)
        assert status == 400 and words in answer["error"]["message"]
    assert sim.call("GET", "/_sim/openai")[1]["fault"] is None


def test_other_methods_are_refused(sim: Any) -> None:
    assert sim.call("POST", "/_sim", {})[0] == 405
