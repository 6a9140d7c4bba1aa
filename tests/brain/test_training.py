"""Training: on rows of its own it learns, is deterministic, and leaves the demo's prompts out."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastpath import LinearModel, Pieces
from fastpath.pure.text import pack, unpack
from gateway.brain import MODEL, PIECES, Classifier, train, vary
from gateway.brain.rows import read_labelled, read_rows

ROUTING_DATA = Path(__file__).parents[3] / "shared" / "routing-data"


def test_the_packaged_model_says_what_it_was_trained_on() -> None:
    about = unpack(MODEL.read_bytes()).meta["about"]
    assert about["rows"] > 20_000 and len(about["sha256"]) == 64
    assert about["accuracy_held_out_corpus"] > 0.75 and about["accuracy_held_out_sources"] > 0.5
    assert MODEL.stat().st_size + PIECES.stat().st_size <= 12 << 20


@pytest.mark.skipif(not ROUTING_DATA.exists(), reason="needs ../shared")
def test_it_was_trained_on_the_data_at_hand_without_the_demo() -> None:
    rows = train.packaged_rows(ROUTING_DATA)
    demo = train.demo_ids()
    assert len(demo) == 240 and not demo & {row["id"] for row in rows}
    assert unpack(MODEL.read_bytes()).meta["about"]["sha256"] == train.fingerprint(rows)


@pytest.mark.skipif(not ROUTING_DATA.exists(), reason="needs ../shared")
def test_the_teacher_of_the_report_never_saw_what_it_is_measured_on() -> None:
    """Nor does either teacher speak of a row that is not trained on."""
    rows = {row["id"]: row for row in train.packaged_rows(ROUTING_DATA)}
    for name in ("teacher.jsonl.gz", "teacher_held_out.jsonl.gz"):
        said = read_rows(train.TRAINING / name)
        assert {row["id"] for row in said} <= rows.keys()
        assert all(990 <= sum(row["shares"].values()) <= 1010 for row in said)


def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([]) == 2
    assert "usage: python -m gateway.brain.train" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("package", "fit", "report", "validate"):
        monkeypatch.delitem(sys.modules, f"gateway.brain.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert train.main(["anywhere"]) == 2
    assert "headrace[train]" in capsys.readouterr().err


def rows(file: str) -> list[dict[str, Any]]:
    tasks = {"sums": "add the numbers {} and {}", "verse": "a poem on {} and {}"}
    return [
        {
            "id": f"{file}-{task}-{number}",
            "prompt": text.format(number, number + 7),
            "task": task,
            "difficulty": 1 + 4 * (task == "verse"),
            "source": file,
            "lang": "en",
        }
        for task, text in tasks.items()
        for number in range(20)
    ]


def test_a_small_training_run_learns_and_repeats_itself() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    given = rows("one") + rows("two") + rows("elsewhere")
    blob, about = train.train(given)
    assert about["accuracy_held_out"] == about["macro_f1_held_out"] == 1
    assert about["rows"] == len(given)
    assert train.train(given)[0] == blob


def test_what_is_served_is_what_was_fitted() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    from gateway.brain import fit

    pieces, labels = Pieces(PIECES.read_bytes()), ("sums", "verse")
    weights = fit.fit(fit.data(rows("one"), labels, pieces), 2).at(0.7)
    served = LinearModel(pack(fit.quantised(weights, labels, pieces, {})), pieces)
    row = dict(rows("one")[0], prompt="a poem on frost and 7 fires")
    block = fit.matrix([row], pieces)
    shares, difficulty = served.score(*fit.seen(row, fit.task_matcher()))
    assert shares == pytest.approx(fit.shares(weights.logits(block), weights.temperature)[0], abs=0.02)
    assert difficulty == pytest.approx(weights.difficulty(block)[0], abs=0.02)


def test_a_teacher_and_doubt_move_what_is_learned() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    from gateway.brain import fit

    pieces, labels = Pieces(PIECES.read_bytes()), ("sums", "verse")
    one = rows("one")[0]
    taught = {**one, "shares": {"verse": 1.0}, "level": 1.0, "sure": False}
    untold = {key: value for key, value in taught.items() if key != "difficulty"}
    known = fit.data([one, taught, untold], labels, pieces)
    assert known.shares.tolist() == [[1, 0], [0.5, 0.5], [0.5, 0.5]]
    assert known.difficulty.tolist() == [0, 0.5, 1]
    assert known.weight.tolist() == [1, 0.5, 0.5]
    assert known.task.tolist() == [0, 0, 0]


def test_a_fold_never_trains_on_its_own_source() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    from gateway.brain import validate

    sources = ["b"] * 3 + ["a"] * 2 + ["x"] * 5 + ["y"] * 2 + ["z"] * 2 + ["w"]
    folds = validate.folds([{"source": source} for source in sources])
    by_source = {source: set(folds[[name == source for name in sources]]) for source in set(sources)}
    assert all(len(numbers) == 1 for numbers in by_source.values())
    assert set(folds.tolist()) == set(range(5))
    alone = validate.folds([{"source": "only", "id": str(number)} for number in range(200)])
    assert set(alone.tolist()) == set(range(5))


def test_what_is_never_held_out_is_in_every_training() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    import numpy as np

    from gateway.brain import fit, validate

    given = rows("one") + rows("two")
    known = fit.data(given, ("sums", "verse"), Pieces(PIECES.read_bytes()))
    fold = np.array([validate.NEVER] * 40 + [0] * 40)
    trial = validate.held_out(known, ("sums", "verse"), fold, known.weight)
    assert trial.out.tolist() == [False] * 40 + [True] * 40
    assert trial.accuracy(trial.out) == 1 and trial.rank(trial.out) > 0.8
    assert trial.confusions(trial.out) == []
    labelled = np.ones(80, bool)
    assert [rows for rows, _ in validate.curve(trial, labelled, [trial.out])] == [5, 10, 20, 40]
    assert validate.shuffled(trial, labelled, [trial.out])[0] < 0.9


def test_rows_are_told_apart_by_what_they_hold() -> None:
    row = json.loads('{"id": "1", "prompt": "caf\\ud83d"}')
    assert train.fingerprint([row]) != train.fingerprint([row, row])


@pytest.mark.parametrize("name", ["politeness", "think step by step", "misleading keywords", "typos"])
def test_other_words_change_the_last_ask_alone(name: str) -> None:
    change = vary.variations(vary.TRAINED)[name]
    plain = {"prompt": "how long do bananas keep in the fridge", "task": "simple_qa"}
    changed = change(plain, random.Random(1))
    assert changed["prompt"] != plain["prompt"] and changed["task"] == "simple_qa"
    turns = [
        ("user", "what is a banana"),
        ("assistant", "a berry, in fact"),
        ("user", "how long does it keep"),
    ]
    chat = {"messages": [{"role": role, "content": text} for role, text in turns], "task": "simple_qa"}
    found = [message["content"] for message in change(chat, random.Random(1))["messages"]]
    assert found[:2] == [turns[0][1], turns[1][1]] and found[2] != turns[2][1]
    assert chat["messages"][2]["content"] == turns[2][1]


def test_the_phrases_measured_with_are_not_those_trained_on() -> None:
    for trained, measured in zip(vary.TRAINED, vary.MEASURED, strict=True):
        assert not set(trained) & set(measured)


BAD = {
    "not JSON": '{"task": "x", ',
    "want an object": "[1]",
    "want `task`": '{"prompt": "hi"}',
    "want `prompt`": '{"task": "x", "messages": []}',
    "want `difficulty`": '{"task": "x", "prompt": "hi", "difficulty": 7}',
}


@pytest.mark.parametrize("why", BAD)
def test_a_row_that_is_none_is_named(tmp_path: Path, why: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"task": "x", "prompt": "hi"}\n' + BAD[why] + "\n")
    with pytest.raises(ValueError, match=f"labels.jsonl.*2.*{why}"):
        read_labelled(file)


def headrace(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_trains_on_tasks_of_ones_own_and_the_config_serves_them(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    labels, model, config = (tmp_path / name for name in ("mine.jsonl", "mine.bin", "headrace.yaml"))
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows("one") + rows("two")))
    done = headrace("train", str(labels), "--out", str(model), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy_held_out"] == 1
    said = Classifier(model)(b"a poem on 3 and 10")
    assert said.task == "verse" and said.difficulty > 0.6
    config.write_text(f"classifier: {model}\nl2: {{kind: off}}\n")
    routed = headrace("route", "--config", str(config), "--json", "add the numbers 1 and 8")
    assert routed.returncode == 0, routed.stderr
    decision = json.loads(routed.stdout)
    assert decision["task"] == "sums" and decision["candidates"]


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_model_file_that_cannot_be_used_is_refused_at_start(tmp_path: Path, damage: str) -> None:
    model, config = tmp_path / "mine.bin", tmp_path / "headrace.yaml"
    if damage == "cut":
        model.write_bytes(MODEL.read_bytes()[:-100])
    elif damage == "other":
        model.write_bytes(b"PK\x03\x04" + bytes(100))
    config.write_text(f"classifier: {model}\n")
    done = headrace("check", "--config", str(config))
    assert done.returncode == 2
    assert "classifier: " in done.stderr and str(model) in done.stderr and "Traceback" not in done.stderr


def test_too_few_labels_are_told(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    labels = tmp_path / "mine.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows("one")[:5]))
    done = headrace("train", str(labels), "--out", str(tmp_path / "mine.bin"))
    assert done.returncode == 2 and "want two tasks or more" in done.stderr


def test_it_learns_from_what_the_second_level_said_without_the_words(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    classify, notes = Classifier(), tmp_path / "l2.jsonl"
    digest = Pieces(PIECES.read_bytes()).digest
    lines = [
        {
            "pieces": digest,
            "l1": {"task": "general", "confidence": 0.4, "difficulty": 0.2},
            "l2": {"task": row["task"], "confidence": 0.9, "difficulty": (row["difficulty"] - 1) / 4},
            "features": classify.remembered(row["prompt"].encode()),
        }
        for row in rows("one")
    ]
    notes.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert not any(word in notes.read_text() for word in ("poem", "numbers"))
    noted = read_labelled(notes)
    from gateway.brain import fit

    pieces, labels = Pieces(PIECES.read_bytes()), ("sums", "verse")
    kept, plain = (fit.data(given, labels, pieces) for given in (noted, rows("one")))
    assert abs(kept.x - plain.x).max() < 0.01  # the means are kept as float16
    assert kept.difficulty.tolist() == plain.difficulty.tolist()
    blob, about = train.train(noted)
    assert about["accuracy_held_out"] == 1
    with pytest.raises(ValueError, match="features of another version"):
        train.train([{**row, "pieces": "other"} for row in noted])


def test_features_come_back_as_they_were_packed() -> None:
    from gateway.brain.columns import Columns, packed, unpacked

    of = Columns([[1, 2, 70000], [131072]], [0.5, -0.25])
    assert unpacked(packed(of)) == of
    for none in ("", "AAAA", "no base64", packed(of)[:8]):
        with pytest.raises(ValueError, match=r"features|base64|padding"):
            unpacked(none)
