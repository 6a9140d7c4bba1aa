"""The second level as an encoder on this machine; its config, and what is kept of its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.brain import Label
from gateway.config import Config, Level2Config, ProviderConfig, Secret, load
from gateway.control.publish import publish
from gateway.errors import ConfigError
from gateway.level2 import notes
from gateway.level2.notes import Notes
from gateway.registry import TASKS
from tests.conftest import Gateway, Simulator, StartGateway, clean_environment, request
from tests.gateway.test_client_gone import ask, eventually
from tests.gateway.test_level2 import SERVED, TEXT, decided, lines, llm, log

# Says what the test's text tells it to: "say TASK DIFFICULTY", "sleep SECONDS", "break".
ENCODER = """
import time
from pathlib import Path

class Encoder:
    labels = %r

    def classify(self, text, before="", system=""):
        with (Path(__file__).parent / "asked.txt").open("a") as file:
            file.write(repr((text, before, system)) + "\\n")
        words = text.split()
        if "sleep" in words:
            time.sleep(float(words[words.index("sleep") + 1]))
        if "break" in words:
            raise ValueError("broken by " + text)
        if "nonsense" in words:
            return [float("nan")] * len(self.labels), 0.5
        task, difficulty = "creative_writing", "0.75"
        if "say" in words:
            task, difficulty = words[words.index("say") + 1 :][:2]
        shares = [0.05] * len(self.labels)
        shares[self.labels.index(task)] = 0.6
        return shares, float(difficulty)
"""


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A folder with a headrace_encoder to be imported from it."""
    package = tmp_path / "packages" / "headrace_encoder"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ENCODER % (TASKS,))
    return package.parent


@pytest.fixture
def local(start_gateway: StartGateway, simulator: Simulator, encoder: Path) -> Gateway:
    routes = {"auto": {"candidates": [SERVED]}}
    config = {"providers": simulator.providers("openai"), "routes": routes, "l2": {"kind": "auto"}}
    config["l2"] = {"below": 1, "deadline_ms": 1000}
    return start_gateway(config, PYTHONPATH=str(encoder))


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.control.publish.find_spec", lambda name: None)


def asked(encoder: Path) -> list[str]:
    path = encoder / "headrace_encoder" / "asked.txt"
    return path.read_text().splitlines() if path.exists() else []


def test_the_encoder_decides_where_the_classifier_is_unsure(local: Gateway, encoder: Path) -> None:
    reply = local.chat(text=TEXT)
    assert decided(reply) == ("creative_writing", "0.75", "0.60", "l2")
    row = local.row(reply.headers["x-request-id"])
    assert (row["task"], row["confidence"], row["difficulty"]) == ("creative_writing", 0.6, 0.75)
    assert (row["decided_by"], row["l2_cost_nano"]) == ("l2", 0)
    assert 0 < row["l2_us"] <= row["overhead_us"], "the encoder is the gateway's own work"
    (line,) = lines(local)
    assert line["kind"] == "local" and len(line["pieces"]) == 64
    assert line["l2"] == {"task": "creative_writing", "confidence": 0.6, "difficulty": 0.75}
    assert line["l1"]["task"] in TASKS and 0 < line["l1"]["confidence"] < 1
    assert asked(encoder) == [repr((TEXT, "", ""))]


def test_the_encoder_sees_the_ask_in_its_context_and_no_more_than_both_ends(
    local: Gateway, encoder: Path
) -> None:
    messages = [
        {"role": "system", "content": "You are the miller's clerk."},
        {"role": "user", "content": "Write to the mill."},
        {"role": "assistant", "content": "Dear mill,"},
        {"role": "user", "content": "begin " + "é" * 40_000 + " end"},
    ]
    decided(request(f"{local.url}/v1/chat/completions", {"model": "auto", "messages": messages}))
    text, before, system = eval(asked(encoder)[0])
    assert system == "You are the miller's clerk."
    assert "Write to the mill." in before and "Dear mill," in before
    assert text.startswith("begin é") and text.endswith("é end") and len(text.encode()) < 5000


@pytest.mark.parametrize("text", ["break this", "nonsense please"])
def test_an_encoder_that_fails_leaves_the_first_label(local: Gateway, text: str) -> None:
    for number in range(3):
        assert decided(local.chat(text=f"{text} {number}"))[3] == "l1"
    assert log(local).count("l1 stands") == 1, "a line a minute at most"
    assert text not in log(local) and "Traceback" not in log(local)
    assert decided(local.chat(text=TEXT))[3] == "l2"


def test_an_encoder_that_is_late_leaves_the_first_label_in_time(local: Gateway) -> None:
    started = time.monotonic()
    reply = local.chat(text="sleep 3")
    assert decided(reply)[3] == "l1"
    assert 1 <= time.monotonic() - started < 2
    row = local.row(reply.headers["x-request-id"])
    assert row["decided_by"] == "l1" and 900_000 < row["l2_us"] < 2_000_000
    assert "no answer within 1000 ms" in log(local)


def test_of_many_at_once_the_queue_takes_its_share_and_no_other_waits(local: Gateway, encoder: Path) -> None:
    def chat(number: int) -> tuple[str, float]:
        started = time.monotonic()
        reply = local.chat(text=f"sleep 0.05 and consider folder {number}")
        return decided(reply)[3], time.monotonic() - started

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(chat, range(50)))
    answered = [seconds for by, seconds in found if by == "l2"]
    turned_away = [seconds for by, seconds in found if by == "l1"]
    assert 17 <= len(answered) < 50 and len(asked(encoder)) == len(answered)
    assert len(turned_away) >= 10 and max(seconds for _, seconds in found) < 3
    assert "16 requests wait for the encoder already" in log(local)
    assert decided(local.chat(text=TEXT))[3] == "l2", "and then there is room again"


def test_a_client_that_leaves_meanwhile_is_a_row_of_499(local: Gateway, simulator: Simulator) -> None:
    served = simulator.count("openai")["requests"]
    connection = ask(local, model="auto", messages=[{"role": "user", "content": "sleep 0.8 now"}])
    time.sleep(0.3)
    connection.close()
    row = eventually(local.rows)[0]
    assert (row["status"], row["client_gone"], row["model"], row["attempts"]) == (499, True, None, [])
    assert 0 < row["l2_us"] < 800_000
    assert simulator.count("openai")["requests"] == served
    assert decided(local.chat(text=TEXT))[3] == "l2"


def test_a_client_that_leaves_takes_the_answer_from_nobody(local: Gateway, encoder: Path) -> None:
    text = "sleep 0.7 now"
    connection = ask(local, model="auto", messages=[{"role": "user", "content": text}])
    time.sleep(0.2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(local.chat, text=text)
        time.sleep(0.2)
        connection.close()
        assert decided(waiting.result())[3] == "l2"
    assert len(asked(encoder)) == 1


def test_the_same_code_explains(local: Gateway, encoder: Path, tmp_path: Path) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": TEXT}]}
    shown = request(f"{local.url}/v1/route", body).json()
    assert (shown["task"], shown["decided_by"], shown["confidence"]) == ("creative_writing", "l2", 0.6)
    config = tmp_path / "below.yaml"
    config.write_text(yaml.safe_dump(local.config))
    command = [sys.executable, "-m", "gateway", "route", "--config", str(config), "--json"]
    requests = tmp_path / "requests.jsonl"
    requests.write_text("\n".join(json.dumps({"prompt": f"say math 0.{n}"}) for n in range(3)))
    for options, found in (([TEXT], ["creative_writing"]), (["--file", str(requests)], ["math"] * 3)):
        output = subprocess.run(
            [*command, *options],
            env=clean_environment(PYTHONPATH=str(encoder)),
            capture_output=True,
            check=True,
        ).stdout
        shown = [json.loads(line) for line in output.splitlines()]
        assert [(line["task"], line["decided_by"]) for line in shown] == [(task, "l2") for task in found]


def test_off_is_off(start_gateway: StartGateway, simulator: Simulator, encoder: Path) -> None:
    config = llm(simulator, kind="off")
    gateway = start_gateway(config, PYTHONPATH=str(encoder))
    assert decided(gateway.chat(text=TEXT))[3] == "l1"
    assert not asked(encoder) and simulator.count("judge")["requests"] == 0
    assert gateway.rows()[0]["l2_us"] == 0


def test_the_notes_stay_within_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_LARGEST", 1000)
    path = tmp_path / "l2.jsonl"
    workers = [Notes(path) for _ in range(4)]
    label = Label("math", 0.5, 0.5)
    threads = [
        threading.Thread(target=lambda kept=kept: [kept.add("llm", label, label, "AAAA") for _ in range(50)])
        for kept in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {found.name for found in tmp_path.iterdir()} <= {"l2.jsonl", "l2.old.jsonl"}
    assert (tmp_path / "l2.old.jsonl").stat().st_size >= 1000
    for found in tmp_path.iterdir():
        assert found.stat().st_size < 3000
        assert all(json.loads(line)["kind"] == "llm" for line in found.read_text().splitlines())


@pytest.mark.parametrize(
    ("l2", "message"),
    [
        ({"kind": "llm"}, "l2: kind: llm asks a model"),
        ({"kind": "auto", "target": SERVED}, "target is for kind: llm alone"),
        ({"kind": "both"}, "l2.kind: Invalid enum value 'both'"),
        ({"below": 1.5}, "l2.below: Expected `float` <= 1"),
        ({"deadline_ms": 0}, "l2.deadline_ms: Expected `int` >= 1"),
        ({"kind": "llm", "target": SERVED, "budget_usd_per_day": 0}, "l2.budget_usd_per_day"),
        ({"seconds": 1}, "l2.seconds: unknown key; allowed: kind, below, target"),
        ({"kind": "llm", "target": "openai/gpt-99"}, "l2.target: The model `openai/gpt-99` does not exist"),
        (
            {"kind": "llm", "target": "anthropic/claude-haiku-4-5"},
            "its provider (anthropic) is not configured",
        ),
        ({"kind": "llm", "target": "openai/free"}, "the price of openai/free is unknown"),
        ({"kind": "local"}, "pip install 'headrace[encoder]'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    tmp_path: Path, no_encoder: None, l2: dict[str, Any], message: str
) -> None:
    path = tmp_path / "headrace.yaml"
    config = {
        "providers": {"openai": {"api_key": "k"}},
        "models": {"openai/free": {"context": 1000}},
        "l2": l2,
    }
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError) as failed:
        publish(load(path, {}), str(path), {})
    assert message in str(failed.value) and str(path) in str(failed.value)
    assert "\n" not in str(failed.value)


def test_without_the_extra_auto_is_off(no_encoder: None) -> None:
    providers = {"openai": ProviderConfig(api_key=Secret("k"))}
    now = publish(Config(providers=providers, l2=Level2Config(below=1)), "test", {})
    assert now.l2 == "off" and now.routes["auto"].l2_below == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise OSError('weights.bin is cut short')", "weights.bin is cut short"),
        (ENCODER % (("art",),), "art"),
    ],
)
def test_an_encoder_that_cannot_be_used_refuses_the_start(
    simulator: Simulator, encoder: Path, tmp_path: Path, source: str, message: str
) -> None:
    (encoder / "headrace_encoder" / "__init__.py").write_text(source)
    path = tmp_path / "headrace.yaml"
    path.write_text(yaml.safe_dump({"providers": simulator.providers("openai")}))
    command = [sys.executable, "-m", "gateway", "up", "--config", str(path), "--data", str(tmp_path / "data")]
    ended = subprocess.run(
        [*command, "--port", "0"],
        env=clean_environment(PYTHONPATH=str(encoder)),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "l2.kind: local: the encoder" in ended.stderr and message in ended.stderr
    assert "Traceback" not in ended.stderr
