"""Every exchange leaves exactly one row, also when the process is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.control.store import Store, all_rows, replay
from gateway.exchange import Exchange
from gateway.record import Journal, journals, orphaned, read_rows
from gateway.registry import load
from tests.conftest import Gateway, Simulator, StartGateway, clean_environment, start

FIELDS = {
    "request_id", "at_ms", "key", "route", "task", "confidence", "difficulty", "strategy", "tier", "reason",
    "model", "provider", "attempts", "status", "error", "finish", "stream", "client_gone", "input",
    "cache_read", "cache_write", "output", "reasoning", "usage_source", "cost_nano", "upstream_us",
    "overhead_us", "first_byte_us", "tags", "rule", "decided_by", "l2_us", "l2_cost_nano",
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_row_tells_all(gateway: Gateway, stream: bool) -> None:
    reply = gateway.chat(text="Translate to German: good morning", stream=stream)
    row = gateway.row(reply.headers["x-request-id"])
    assert set(row) == FIELDS
    assert row["model"] == reply.headers["x-headrace-model"]
    assert row["provider"] == row["model"].partition("/")[0]
    assert row["task"] == reply.headers["x-headrace-task"]
    assert row["route"] == "auto" and row["key"] == "open"
    assert row["strategy"] == "balanced" and row["tier"] == "standard"
    assert (row["status"], row["error"], row["finish"]) == (200, None, "stop")
    assert (row["stream"], row["client_gone"]) == (stream, False)
    assert abs(row["at_ms"] - time.time() * 1000) < 60_000
    assert row["upstream_us"] > 0 and row["overhead_us"] > 0 and row["first_byte_us"] > 0
    assert len(row["attempts"]) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    "model", ["openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "gemini/gemini-3.6-flash"]
)
def test_a_cost_is_exactly_tokens_times_list_price(gateway: Gateway, model: str, stream: bool) -> None:
    row = gateway.row(gateway.chat(model=model, stream=stream).headers["x-request-id"])
    entry = load()[model]
    assert row["usage_source"] == "provider" and row["input"] > 0 and row["output"] > 0
    assert entry.input and entry.output
    prices = {
        "input": entry.input,
        "output": entry.output,
        "cache_read": entry.cache_read or entry.input,
        "cache_write": entry.cache_write or entry.input,
    }
    exact = sum(row[part] * Decimal(price) for part, price in prices.items()) * 1000
    assert row["cost_nano"] == exact.to_integral_value(ROUND_HALF_UP)


def test_a_damaged_journal_is_kept_and_a_bad_row_holds_up_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    ids = [recorded(journal).id for _ in range(5)]
    whole = bytearray(journal.path.read_bytes())
    whole[len(whole) // 2] ^= 1
    journal.path.write_bytes(whole)
    journal.close()
    store = Store(tmp_path / "db")
    assert replay(tmp_path / "journal", store) == 4
    assert [path.suffix for path in (tmp_path / "journal").iterdir()] == [".damaged"]
    good = json.dumps({**next(iter(store.rows())), "request_id": "req_good"}).encode()
    store.add([b'{"request_id": "req_bad", "attempts": []}', b"no JSON", good])
    assert {row["request_id"] for row in store.rows()} == {*ids[:2], *ids[3:], "req_good"}
    store.close()


def test_the_rows_reach_the_store(gateway: Gateway) -> None:
    request_id = gateway.chat().headers["x-request-id"]
    with sqlite3.connect(f"file:{gateway.data}/headrace.db?mode=ro", uri=True) as db:
        for _ in range(100):
            found = db.execute(
                "SELECT COUNT(*) FROM exchanges WHERE request_id = ?", (request_id,)
            ).fetchone()
            if found == (1,):
                break
            time.sleep(0.05)
    db.close()
    assert found == (1,)


def test_usage_sums_what_the_rows_say(gateway: Gateway) -> None:
    gateway.chat()
    command = [sys.executable, "-m", "gateway", "usage", "--data", str(gateway.data)]
    time.sleep(0.5)
    output = subprocess.run(
        [*command, "--json"], env=clean_environment(), capture_output=True, check=True
    ).stdout
    summary, rows = json.loads(output), gateway.rows()
    for by in ("model", "task", "key"):
        assert sum(entry["requests"] for entry in summary[by]) == len(rows)
        assert sum(entry["cost_nano"] for entry in summary[by]) == sum(row["cost_nano"] or 0 for row in rows)
    table = subprocess.run(
        command, env=clean_environment(), capture_output=True, check=True, text=True
    ).stdout
    assert "model" in table and "task" in table and "key" in table and "open" in table


def test_stopping_leaves_no_journal(start_gateway: StartGateway, simulator: Simulator) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")})
    ids = {gateway.chat(model="openai/gpt-6-luna").headers["x-request-id"] for _ in range(20)}
    gateway.process.stop()
    assert gateway.process.popen.returncode == 0
    assert journals(gateway.data / "journal") == []
    assert {row["request_id"] for row in gateway.rows()} == ids


def hammer(url: str, finished: list[str], stream: bool, stop: threading.Event) -> None:
    """Asks until the gateway dies; notes the id of every reply that it got to its end."""
    body = {"model": "openai/gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    asked = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode())
    while not stop.is_set():
        try:
            with urllib.request.urlopen(asked, timeout=10) as reply:
                request_id, answer = reply.headers["x-request-id"], reply.read()
        except OSError:
            return
        except Exception:  # a reply cut in its middle, which is not a finished one
            return
        if not stream or answer.endswith(b"data: [DONE]\n\n"):
            finished.append(request_id)


def test_kill_9_loses_no_finished_reply(simulator: Simulator, tmp_path: Path) -> None:
    simulator.set("openai", output_tokens=10)
    config = {"providers": simulator.providers("openai")}
    finished: list[str] = []
    for round_ in range(6):
        gateway = start(tmp_path, config)
        stop = threading.Event()
        threads = [
            threading.Thread(target=hammer, args=(gateway.url, finished, number % 2 == 0, stop))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.4 + round_ * 0.13)
        os.kill(gateway.process.popen.pid, signal.SIGKILL)
        gateway.process.popen.wait()
        for thread in threads:
            thread.join()
        after_the_crash = [row["request_id"] for row in gateway.rows()]
        assert len(after_the_crash) == len(set(after_the_crash))
        assert set(finished) <= set(after_the_crash)
    gateway = start(tmp_path, config)  # replays what the dead left
    gateway.process.stop()
    with sqlite3.connect(gateway.data / "headrace.db") as db:
        stored = [name for (name,) in db.execute("SELECT request_id FROM exchanges")]
    db.close()
    assert len(finished) > 100
    assert len(stored) == len(set(stored))
    assert set(finished) <= set(stored)
    assert journals(gateway.data / "journal") == []


def recorded(journal: Journal) -> Exchange:
    exchange = Exchange()
    exchange.status = 200
    journal.record(exchange)
    return exchange


def test_a_torn_record_ends_the_journal_and_spoils_nothing_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    ids = [recorded(journal).id for _ in range(3)]
    whole = journal.path.read_bytes()
    for cut in range(1, len(whole) // 3):
        journal.path.write_bytes(whole[:-cut])
        assert [json.loads(row)["request_id"] for row in read_rows(journal.path)[0]] == ids[:2]
    spoiled = bytearray(whole)
    spoiled[-1] ^= 1
    journal.path.write_bytes(spoiled)
    rows, lost = read_rows(journal.path)
    assert (len(rows), lost) == (2, len(whole) // 3)
    spoiled = bytearray(whole)
    spoiled[len(whole) // 2] ^= 1
    journal.path.write_bytes(spoiled)
    assert [json.loads(row)["request_id"] for row in read_rows(journal.path)[0]] == [ids[0], ids[2]]
    journal.close()


def test_replay_is_idempotent_and_leaves_the_living_alone(tmp_path: Path) -> None:
    dead, living = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    ids = [recorded(dead).id for _ in range(5)]
    alive = recorded(living).id
    copy = dead.path.read_bytes()
    dead.close()  # rows are pending: the file stays
    assert orphaned(dead.path) and not orphaned(living.path)
    store = Store(tmp_path / "db")
    assert replay(tmp_path / "journal", store) == 5
    again = tmp_path / "journal" / "again.journal"
    again.write_bytes(copy)
    assert replay(tmp_path / "journal", store) == 5
    assert [row["request_id"] for row in store.rows()] == ids
    assert [row["request_id"] for row in all_rows(tmp_path / "journal", tmp_path / "db")] == [*ids, alive]
    living.close()
    store.close()


def test_an_older_database_and_an_older_journal_are_taken_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    ids = [recorded(journal).id for _ in range(3)]
    rows = [json.loads(row) for row in journal.pending]
    journal.pending.clear()
    journal.close()
    rows[2].update(tags=["a", "b"], rule="mine")
    store = Store(tmp_path / "db")
    store.add([json.dumps(rows[0]).encode()])
    store.close()
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        for column in ("tags", "rule", "decided_by", "l2_us", "l2_cost_nano"):
            db.execute(f"ALTER TABLE exchanges DROP COLUMN {column}")
            del rows[1][column]
    stores = [Store(tmp_path / "db") for _ in range(2)]  # as several workers open it
    stores[1].add([json.dumps(row).encode() for row in rows[1:]])
    found = {row["request_id"]: (row["tags"], row["rule"]) for row in stores[0].rows()}
    assert found == {ids[0]: ([], None), ids[1]: ([], None), ids[2]: (["a", "b"], "mine")}
    for store in stores:
        store.close()


def test_an_exchange_is_recorded_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    exchange = recorded(journal)
    journal.record(exchange)
    assert len(journal.pending) == len(read_rows(journal.path)[0]) == 1
    journal.close()


def test_the_journal_is_emptied_once_its_rows_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.record._EMPTY_PAST", 2000)
    journal = Journal(tmp_path)
    for _ in range(10):
        recorded(journal)
    assert journal.path.stat().st_size > 2000, "pending rows must stay"
    journal.pending.clear()
    last = recorded(journal)
    rows: list[Any] = [json.loads(row) for row in read_rows(journal.path)[0]]
    assert [row["request_id"] for row in rows] == [last.id]
    journal.close()


def test_a_full_disk_costs_no_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    first = recorded(journal)

    def full(file: int, data: bytes) -> int:
        monkeypatch.undo()
        os.write(file, data[:7])  # a part of it still fits
        return 7

    monkeypatch.setattr(os, "write", full)
    second = recorded(journal)
    third = recorded(journal)
    kept = [json.loads(row)["request_id"] for row in read_rows(journal.path)[0]]
    assert kept == [first.id, third.id], "the part of a record is taken back"
    assert len(journal.pending) == 3 and second.recorded, "the store still gets it"
    journal.close()


def test_a_locked_store_fails_no_request_and_loses_no_row(
    start_gateway: StartGateway, simulator: Simulator
) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")})
    ids = {gateway.chat().headers["x-request-id"]}
    with sqlite3.connect(gateway.data / "headrace.db", isolation_level=None) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        ids |= {gateway.chat().headers["x-request-id"] for _ in range(50)}
        assert ids <= {
            json.loads(row)["request_id"] for row in read_rows(journals(gateway.data / "journal")[0])[0]
        }
        lock.execute("ROLLBACK")
    lock.close()
    gateway.process.stop()
    assert {row["request_id"] for row in gateway.rows()} == ids
    assert journals(gateway.data / "journal") == []


def test_sigterm_finishes_what_is_in_flight(start_gateway: StartGateway, simulator: Simulator) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai", "gemini")})
    simulator.set("openai", output_tokens=60, tokens_per_second=40)
    simulator.set("gemini", latency_ms=1500)
    replies: list[Any] = []
    asks = [
        {"model": "openai/gpt-6-luna", "stream": True},
        {"model": "openai/gpt-6-luna", "stream": True},
        {"model": "gemini/gemini-3.6-flash"},
    ]
    threads = [threading.Thread(target=lambda ask=ask: replies.append(gateway.chat(**ask))) for ask in asks]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    gateway.process.popen.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    gateway.process.stop()
    assert gateway.process.popen.returncode == 0
    assert [reply.status for reply in replies] == [200] * 3
    assert sum(reply.body.endswith(b"data: [DONE]\n\n") for reply in replies) == 2
    assert {row["request_id"] for row in gateway.rows()} == {
        reply.headers["x-request-id"] for reply in replies
    }


def test_a_deleted_store_is_made_anew(start_gateway: StartGateway, simulator: Simulator) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")})
    gateway.chat()
    time.sleep(0.3)
    for path in gateway.data.glob("headrace.db*"):
        path.unlink()
    ids = {gateway.chat().headers["x-request-id"] for _ in range(30)}
    gateway.process.stop()
    assert ids <= {row["request_id"] for row in gateway.rows()}
    assert "deleted or replaced" in gateway.process.log.read_text()


def test_a_store_that_is_no_database_costs_no_row(start_gateway: StartGateway, simulator: Simulator) -> None:
    gateway = start_gateway({"providers": simulator.providers("openai")})
    (gateway.data / "garbage").write_bytes(b"this is no database " * 1000)
    for path in gateway.data.glob("headrace.db-*"):  # from its write-ahead log SQLite would mend it
        path.unlink()
    (gateway.data / "garbage").replace(gateway.data / "headrace.db")
    ids = {gateway.chat().headers["x-request-id"] for _ in range(20)}
    gateway.process.stop()
    (journal,) = journals(gateway.data / "journal")
    assert ids <= {json.loads(row)["request_id"] for row in read_rows(journal)[0]}
    assert "the store cannot be written" in gateway.process.log.read_text()
