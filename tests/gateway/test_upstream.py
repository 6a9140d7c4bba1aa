"""A provider that is strange on the wire: connections, redirects, encodings, sizes."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import StartGateway

EVENT = (
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
)
LAST = EVENT.replace(b'"delta":{"content":"a"}', b'"delta":{},"finish_reason":"stop"')
PLAIN = b'{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"a"}}]}'


class Provider:
    """A server that answers every request with what `answer` writes, and counts."""

    def __init__(self) -> None:
        self.answer: Callable[[Any], None] = lambda write: None
        self.connections = 0
        self.requests: list[bytes] = []
        provider = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                provider.connections += 1
                while head := self._head():
                    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                    provider.requests.append(head + self.rfile.read(length))
                    try:
                        provider.answer(self._write)
                    except OSError:
                        return

            def _head(self) -> bytes:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    if not (line := self.rfile.readline()):
                        return b""
                    head += line
                return head

            def _write(self, data: bytes) -> None:
                self.wfile.write(data)
                self.wfile.flush()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def config(self) -> dict[str, Any]:
        local = {
            "wire": "openai",
            "base_url": f"http://127.0.0.1:{self.port}/v1",
            "api_key": "secret-of-local",
            "allow_private": True,
            "timeouts": {"first_event": 2, "idle": 2},
        }
        return {"providers": {"local": local}, "models": {"local/m": {"input": 1, "output": 2}}}


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


def head(status: str = "200 OK", *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM_HEAD = head("200 OK", "content-type: text/event-stream", "transfer-encoding: chunked")


def plain(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    return head(status, f"content-length: {len(body)}", *lines) + body


def test_streams_share_a_connection_though_their_end_comes_late(
    provider: Provider, start_gateway: StartGateway
) -> None:
    def answer(write: Any) -> None:
        write(STREAM_HEAD + chunk(EVENT) + chunk(LAST) + chunk(b"data: [DONE]\n\n"))
        time.sleep(0.05)
        write(b"0\r\n\r\n")

    provider.answer = answer
    gateway = start_gateway(provider.config())
    for _ in range(5):
        reply = gateway.chat(model="local/m", stream=True)
        assert reply.body == EVENT + LAST + b"data: [DONE]\n\n"
        time.sleep(0.1)
    assert (len(provider.requests), provider.connections) == (5, 1)


def test_events_arrive_byte_for_byte_wherever_they_are_split(
    provider: Provider, start_gateway: StartGateway
) -> None:
    whole = b": a comment\n\n" + EVENT + LAST + b"data: [DONE]\n\n"

    def answer(write: Any) -> None:
        write(STREAM_HEAD)
        for at in range(0, len(whole), 7):
            write(chunk(whole[at : at + 7]))
        write(b"0\r\n\r\n")

    provider.answer = answer
    gateway = start_gateway(provider.config())
    assert gateway.chat(model="local/m", stream=True).body == whole


def test_a_redirect_is_not_followed(provider: Provider, start_gateway: StartGateway) -> None:
    elsewhere = Provider()
    provider.answer = lambda write: write(
        plain(b"", f"location: http://127.0.0.1:{elsewhere.port}/v1", status="307 Temporary Redirect")
    )
    gateway = start_gateway(provider.config())
    assert gateway.chat(model="local/m").status == 502
    assert provider.requests and elsewhere.connections == 0
    elsewhere.server.shutdown()
    elsewhere.server.server_close()


def test_only_what_is_ours_goes_upstream(provider: Provider, start_gateway: StartGateway) -> None:
    provider.answer = lambda write: write(plain(PLAIN))
    gateway = start_gateway(provider.config())
    headers = {"authorization": "Bearer of-the-client", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"}
    assert gateway.chat(model="local/m", headers=headers).status == 200
    sent = provider.requests[0].lower()
    assert b"authorization: bearer secret-of-local\r\n" in sent
    for foreign in (b"of-the-client", b"cookie", b"x-forwarded-for", b"x-headrace", b"gzip"):
        assert foreign not in sent


@pytest.mark.parametrize(
    "answer",
    [
        plain(b"\x1f\x8b\x08\x00garbage", "content-encoding: gzip"),
        plain(b"[" * 200_000),
        plain(b'"\xff\xfe"'),
        plain(b'{"choices":"none"}'),
        plain(b"null"),
        head("200 OK", "content-length: 99999999999") + b"{",
        head("200 OK", "transfer-encoding: chunked") + b"zz\r\n",
        b"not HTTP at all\r\n\r\n",
        b"",
        head("200 OK", "x-evil: " + "a" * 100_000, "content-length: 0"),
        plain(b"x" * (65 * 1024 * 1024)),
        STREAM_HEAD + chunk(b"data: " + b"x" * (2 * 1024 * 1024)),
        STREAM_HEAD + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n",
    ],
    ids=lambda answer: repr(answer[:60]),
)
def test_strange_answers_are_a_502(provider: Provider, start_gateway: StartGateway, answer: bytes) -> None:
    def reply(write: Any) -> None:
        write(answer)
        raise ConnectionError  # and that was all

    provider.answer = reply
    gateway = start_gateway(provider.config())
    for stream in (False, True):
        got = gateway.chat(model="local/m", stream=stream)
        assert got.status in (502, 504), got.body[:500]
        assert "local/m" in got.json()["error"]["message"]
        assert gateway.row(got.headers["x-request-id"])["status"] == got.status
    assert "Traceback" not in gateway.process.log.read_text()


def test_comments_are_no_event(provider: Provider, start_gateway: StartGateway) -> None:
    def answer(write: Any) -> None:
        write(STREAM_HEAD)
        for _ in range(50):
            write(chunk(b": ping\n\n"))
            time.sleep(0.2)

    provider.answer = answer
    gateway = start_gateway(provider.config())
    started = time.monotonic()
    assert gateway.chat(model="local/m", stream=True).status == 502
    assert time.monotonic() - started < 8, "first_event is 2 s"


@pytest.mark.parametrize("wait", ["inf", "nan", "-5", "soon", "1e300", ""])
def test_a_strange_retry_after(provider: Provider, start_gateway: StartGateway, wait: str) -> None:
    provider.answer = lambda write: write(
        plain(b'{"error":{"message":"slow down"}}', f"retry-after: {wait}", status="429 Too Many Requests")
    )
    reply = start_gateway(provider.config()).chat(model="local/m")
    assert reply.status == 429
    assert 0 <= int(reply.headers.get("retry-after", "0")) <= 24 * 3600


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_providers_words_about_our_key_go_no_further(
    provider: Provider, start_gateway: StartGateway, status: str
) -> None:
    provider.answer = lambda write: write(
        plain(b'{"error":{"message":"Incorrect API key provided: secret-of-local"}}', status=status)
    )
    gateway = start_gateway(provider.config())
    reply = gateway.chat(model="local/m")
    assert reply.status == 502 and "refused the gateway's credential" in reply.json()["error"]["message"]
    gateway.process.stop()
    seen = reply.body + gateway.process.log.read_bytes() + str(gateway.rows()).encode()
    assert b"secret-of-local" not in seen


OPEN_CALL = EVENT.replace(
    b'{"content":"a"}', b'{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":"}}]}'
)


@pytest.mark.parametrize("events", [EVENT, OPEN_CALL, EVENT.replace(b'"content":"a"', b"")])
def test_done_without_a_finish_is_a_cut_answer(
    provider: Provider, start_gateway: StartGateway, events: bytes
) -> None:
    provider.answer = lambda write: write(
        STREAM_HEAD + chunk(events) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    )
    gateway = start_gateway(provider.config())
    reply = gateway.chat(model="local/m", stream=True)
    assert reply.body.startswith(events)
    assert b'"error"' in reply.body and b"[DONE]" not in reply.body
    row = gateway.row(reply.headers["x-request-id"])
    assert (row["error"], row["usage_source"]) == ("cut", "estimated")


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Internal Server Error", "200 OK"])
def test_our_key_is_taken_out_of_a_providers_words(
    provider: Provider, start_gateway: StartGateway, status: str
) -> None:
    words = b'{"error":{"message":"bad key secret-of-local","code":"secret-of-local' + b"x" * 5000 + b'"}}'
    provider.answer = lambda write: write(plain(words, status=status))
    gateway = start_gateway(provider.config())
    for stream in (False, True):
        reply = gateway.chat(model="local/m", stream=stream)
        assert reply.status >= 400 and len(reply.body) < 3000
        row = gateway.row(reply.headers["x-request-id"])
        assert "secret-of-local" not in reply.body.decode() + str(row)
