"""Training: on rows of its own it learns, is deterministic, and leaves the demo's prompts out."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fastpath import LinearModel
from fastpath.pure.text import pack, unpack
from gateway.brain import train

MODEL = Path(train.__file__).with_name("model.bin")
CORPUS = Path(__file__).parents[3] / "shared" / "routing-data"


def test_the_packaged_model_says_what_it_was_trained_on() -> None:
    about = unpack(MODEL.read_bytes()).meta["about"]
    assert about["rows"] > 10_000 and len(about["sha256"]) == 64
    assert about["accuracy_held_out"] > 0.7
    assert MODEL.stat().st_size <= 3 << 20


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared")
def test_it_was_trained_on_the_data_at_hand_without_the_demo() -> None:
    rows = train.rows_for(CORPUS)
    demo = train.demo_ids()
    assert len(demo) == 240 and not demo & {row["id"] for row in rows}
    assert unpack(MODEL.read_bytes()).meta["about"]["sha256"] == train.fingerprint(rows)


def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([]) == 2
    assert "usage: python -m gateway.brain.train" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("gateway.brain.fit", "gateway.brain.report", "gateway.brain.validate"):
        monkeypatch.delitem(sys.modules, name, raising=False)
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
    from gateway.brain import fit, validate

    labels = ("sums", "verse")
    given = rows("one") + rows("two") + rows("elsewhere")
    known = fit.data(given, labels)
    trial = validate.held_out(given, known, labels, 80)
    assert trial.accuracy(trial.corpus) == trial.accuracy(~trial.corpus) == 1
    assert trial.macro_f1(trial.corpus) == 1 and trial.rank(trial.corpus) > 0.8
    assert trial.confusions(trial.corpus) == []
    files = [
        pack(fit.quantised(fit.fit(known, 2).at(trial.temperature), labels, {"rows": len(given)}))
        for _ in range(2)
    ]
    assert files[0] == files[1]
    row = dict(given[0], prompt="a poem on frost and fire")
    [block] = [fit.matrix([row])]
    weights = fit.fit(known, 2).at(trial.temperature)
    shares, difficulty = LinearModel(files[0]).score(*fit.seen(row, fit.task_matcher()))
    assert shares == pytest.approx(fit.shares(weights.logits(block), weights.temperature)[0], abs=0.02)
    assert difficulty == pytest.approx(weights.difficulty(block)[0], abs=0.02)


def test_a_fold_never_trains_on_its_own_source() -> None:
    pytest.importorskip("scipy", reason="needs the train extra")
    from gateway.brain import validate

    sources = ["b"] * 3 + ["a"] * 2 + ["x"] * 5 + ["y"] * 2 + ["z"] * 2
    assert validate.folds(sources, 5).tolist() == [1] * 3 + [0] * 2 + [0] * 5 + [1] * 2 + [1] * 2


def test_rows_are_told_apart_by_what_they_hold() -> None:
    row = json.loads('{"id": "1", "prompt": "caf\\ud83d"}')
    assert train.fingerprint([row]) != train.fingerprint([row, row])
