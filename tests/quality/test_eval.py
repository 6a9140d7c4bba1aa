"""`headrace eval` as users run it: figures, files and what bad ones are told."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.quality.known import known_models
from gateway.registry import load

REQUESTS = [
    ("What is the capital of Portugal?", "simple_qa", 1),
    ("Translate to German: the train was late again.", "translation", 1),
    ("Write a Python function that reverses a linked list in place.", "code_generation", 2),
    ("Prove that the square root of 2 is irrational.", "math", 3),
    ("Write a short poem on rust.", "creative_writing", 2),
    (
        "Summarize in two sentences: the council met on Monday and put off the vote on the bridge.",
        "summarization",
        1,
    ),
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


def written(path: Path, rows: list[Any]) -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def labelled(**more: Any) -> list[dict[str, Any]]:
    return [
        {"id": str(number), "prompt": prompt, "task": task, "difficulty": difficulty, **more}
        for number, (prompt, task, difficulty) in enumerate(REQUESTS)
    ]


def outcomes(number: int = 40) -> list[dict[str, Any]]:
    """A strong model that is always right, a weak one that is on the easy half, and what they cost."""
    hard = "Prove that every finite group of order {} squared is abelian, for a prime of your choice."
    easy = "What is {} plus one?"
    return [
        {
            "id": str(place),
            "benchmark": "sums" if place % 2 else "proofs",
            "prompt": (easy if place % 2 else hard).format(place),
            "scores": {"gpt-5.5": 1.0, "gpt-4o-mini": float(place % 2)},
            "cost": {"gpt-5.5": 0.01, "gpt-4o-mini": 0.001},
        }
        for place in range(number)
    ]


def test_tasks_are_measured_strictly_and_with_what_is_accepted(tmp_path: Path) -> None:
    rows = labelled(lang="en", source="mine")
    wrong = {**rows[0], "task": "general", "accept": ["simple_qa"], "lang": "de", "difficulty": 5}
    path = written(tmp_path / "tasks.jsonl.gz", [*rows, wrong])
    done = run("--tasks", path, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["tasks"][str(path)]
    assert found["rows"] == 7 and found["decided_by"] == {"l1": 7}
    assert found["accuracy_with_accept"] == pytest.approx(found["accuracy"] + 1 / 7)
    assert ["general", "simple_qa", 1] in found["most_confused"]
    assert found["by_english"]["other"]["accuracy"] == 0 and found["by_language"]["de"]["rows"] == 1
    assert found["by_source"]["mine"]["rows"] == 7
    assert found["baseline_majority"]["accuracy"] == pytest.approx(1 / 7)
    assert found["difficulty"]["rows"] == 7 and 0 <= found["difficulty"]["mean_absolute_error"] <= 1
    assert sum(map(sum, (row.values() for row in found["confusion"].values()))) == 7
    assert (
        found["covered"] + 1e-9
        >= json.loads(run("--tasks", path, "--json", "--threshold", 0.99).stdout)["tasks"][str(path)][
            "covered"
        ]
    )


def test_outcomes_are_measured_against_every_baseline(tmp_path: Path) -> None:
    path = written(tmp_path / "outcomes.jsonl", outcomes())
    done = run("--outcomes", path, "--json", "--pair", "gpt-5.5,gpt-4o-mini")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["outcomes"][str(path)]
    (pair,) = found["pairs"]
    # Proofs are hard and long, sums neither: half of the calls, in the right order.
    assert pair["apgr"] == pytest.approx(0.75, abs=0.02) and pair["apgr_within_benchmarks"] > 0
    assert pair["apgr_length"] == pytest.approx(0.75, abs=0.02) and pair["apgr_oracle"] == pytest.approx(0.75)
    assert pair["cpt50"] == pytest.approx(0.25, abs=0.01) and pair["cpt80"] == pytest.approx(0.4, abs=0.01)
    choice = found["choice"]
    assert choice["cheapest"] == "gpt-4o-mini" and choice["always_best"] == "gpt-5.5"
    assert choice["models"]["gpt-4o-mini"] == {"cost": pytest.approx(0.001), "quality": 0.5}
    assert choice["oracle"] == {"cost": pytest.approx(0.0055), "quality": 1.0}
    assert choice["area"]["share_of_oracle"] <= 1
    gain = choice["gain_over_shuffled_whole_curve"]["all"]
    assert gain["interval"][0] <= gain["gain"] <= gain["interval"][1]
    within = choice["gain_over_shuffled_whole_curve"]["within_benchmarks"]
    assert within["gain"] == pytest.approx(0, abs=1e-9)  # a benchmark's rows are all alike here


def test_a_router_that_cannot_tell_rows_apart_gains_nothing(tmp_path: Path) -> None:
    rows = [{**row, "prompt": "What is one plus one?"} for row in outcomes()]
    path = written(tmp_path / "same.jsonl", rows)
    found = json.loads(run("--outcomes", path, "--json").stdout)["outcomes"][str(path)]
    (pair,) = found["pairs"]
    assert pair["apgr"] == pytest.approx(0.5) and pair["apgr_interval"] == [0.5, 0.5]
    gain = found["choice"]["gain_over_shuffled"]["all"]
    assert gain["gain"] == pytest.approx(0, abs=1e-9)
    assert gain["interval"][0] <= 1e-9 and gain["interval"][1] >= -1e-9


def test_without_costs_prices_and_expected_tokens_stand_in(tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("id", "prompt", "scores")} for row in outcomes()]
    rows = [{**row, "scores": {**row["scores"], "mine": 1.0}} for row in rows]
    path = written(tmp_path / "mine.jsonl", rows)
    prices = tmp_path / "prices.json"
    prices.write_text('{"mine": [0, 1000, "note"]}')
    bare = json.loads(run("--outcomes", path, "--json").stdout)["outcomes"][str(path)]["choice"]
    assert set(bare["models"]) == {"gpt-5.5", "gpt-4o-mini"}  # nothing is known of the cost of `mine`
    priced = json.loads(run("--outcomes", path, "--prices", prices, "--json").stdout)
    models = priced["outcomes"][str(path)]["choice"]["models"]
    assert models["mine"]["cost"] > models["gpt-5.5"]["cost"] > models["gpt-4o-mini"]["cost"] > 0


def test_the_tables_of_the_terminal_and_the_pictures(tmp_path: Path) -> None:
    tasks = written(tmp_path / "tasks.jsonl", labelled(lang="en"))
    table = written(tmp_path / "table.jsonl", outcomes())
    done = run("--tasks", tasks, "--outcomes", table, "--plots", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    for part in (
        "macro F1",
        "Length for difficulty",
        "APGR",
        "CPT50",
        "Gain over shuffled",
        "oracle",
        "area",
    ):
        assert part.lower() in done.stdout.lower(), part
    assert "Reading tasks.jsonl" in done.stderr and "Reading" not in done.stdout
    pictures = {path.name: path.read_bytes()[:8] for path in (tmp_path / "plots").iterdir()}
    assert set(pictures) == {
        "tasks-reliability.png",
        "tasks-confusion.png",
        "table-reliability.png",
        "table-quality-cost.png",
        "table-pair1.png",
    }
    assert set(pictures.values()) == {b"\x89PNG\r\n\x1a\n"}


def test_abilities_move_by_as_much_as_the_answers_weigh(tmp_path: Path) -> None:
    before = load()["openai/gpt-4o-mini"].abilities
    rows = [{**row, "scores": {"gpt-4o-mini": 1.0, "unheard-of": 0.0}} for row in outcomes(60)]
    few, many = written(tmp_path / "few.jsonl", rows[:4]), written(tmp_path / "many.jsonl", rows)
    moved = []
    for path in (few, many):
        fit = tmp_path / f"{path.stem}.yaml"
        done = run("--outcomes", path, "--fit", fit, "--json")
        assert done.exit_code == 0 and "Left out, no model of the registry: unheard-of" in done.stderr
        section = yaml.safe_load(fit.read_text())["models"]
        assert set(section) == {"openai/gpt-4o-mini"}
        abilities = section["openai/gpt-4o-mini"]["abilities"]
        assert all(1 <= value <= 5 for value in abilities.values())
        moved.append(max(value - before[task] for task, value in abilities.items()))
        found = json.loads(done.stdout)["fit"]
    assert 0 < moved[0] < moved[1]
    held_out = found["held_out"]
    assert held_out["after"]["log_loss"] < held_out["before"]["log_loss"]
    config = tmp_path / "headrace.yaml"
    config.write_text((tmp_path / "many.yaml").read_text())
    at = {}
    for name, more in (("bare", ()), ("fitted", ("--config", config))):
        found = json.loads(run("--outcomes", many, "--json", *more).stdout)["outcomes"][str(many)]
        at[name] = found["p"]["log_loss"]
    assert at["fitted"] < at["bare"]


def test_an_existing_file_is_not_written_over(tmp_path: Path) -> None:
    path, fit = written(tmp_path / "o.jsonl", outcomes()), tmp_path / "fit.yaml"
    fit.write_text("models: {}")
    done = run("--outcomes", path, "--fit", fit)
    assert done.exit_code == 2 and "exists; move it away" in done.stderr
    assert fit.read_text() == "models: {}"


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--tasks", b'{"prompt": "a"}\n', "`task`"),
        ("--tasks", b'{"prompt": "a", "task": "math"}\nnonsense\n', ":2: not JSON"),
        ("--tasks", b'{"task": "math"}', "`prompt`"),
        ("--tasks", b'{"prompt": "a", "task": "math", "difficulty": 9}', "`difficulty`"),
        (
            "--tasks",
            b'{"prompt": "a", "task": "math", "accept": "general"}',
            "row 1: `accept` must be a list",
        ),
        ("--tasks", b"", "no rows"),
        ("--outcomes", b'{"prompt": "a", "scores": {}}', "row 1: want `scores`"),
        ("--outcomes", b'{"prompt": "a", "scores": {"m": 2}}', "`scores.m` must be 0 to 1, not 2"),
        ("--outcomes", b'{"prompt": "a", "scores": {"m": true}}', "`scores.m` must be 0 to 1, not True"),
        ("--outcomes", b'{"prompt": "a", "scores": {"m": 1}, "cost": {"m": -1}}', "`cost` must be USD >= 0"),
        ("--outcomes", b'{"scores": {"m": 1}}', "row 1: want `prompt`"),
        ("--outcomes", b"[1]", "want an object"),
    ],
)
def test_a_bad_file_is_told_with_its_place(tmp_path: Path, option: str, content: bytes, told: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    done = run(option, path)
    assert done.exit_code == 2, done.output
    assert str(path) in done.stderr and told in done.stderr and "Traceback" not in done.output


def test_bad_arguments_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "o.jsonl", outcomes())
    broken = tmp_path / "cut.jsonl.gz"
    broken.write_bytes(gzip.compress(b'{"prompt": "a", "scores": {"m": 1}}')[:-9])
    prices = tmp_path / "prices.json"
    prices.write_text('{"m": [1]}')
    for arguments, told in (
        ((), "Give --tasks FILE or --outcomes FILE"),
        (("--tasks", tmp_path / "absent.jsonl"), "does not exist"),
        (("--outcomes", broken), str(broken)),
        (("--outcomes", path, "--pair", "gpt-5.5"), "want two models"),
        (("--outcomes", path, "--pair", "gpt-5.5,nobody"), "no file has both"),
        (("--outcomes", path, "--prices", prices), "m: want [input, output]"),
        (("--tasks", path, "--fit", tmp_path / "f.yaml"), "--fit learns from outcomes"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2 and told in done.stderr, (arguments, done.output)


def test_who_nobody_knows_is_as_able_as_its_price_among_its_like() -> None:
    registry, prices = load(), {"old-small": (0.1, 0.1), "old-large": (30.0, 60.0)}
    old = known_models(["gpt-4-1106-preview", "old-small", "old-large", "free"], registry, prices)
    assert [model.basis for model in old] == ["measured", "price", "price", "nothing"]
    math = [model.abilities["math"] for model in old]
    assert math[1] < math[3] < math[2] and math[1] < math[0]
    new = known_models(["gpt-5.5", "old-small"], registry, prices)
    assert new[0].basis == "registry" and new[0].abilities == registry["openai/gpt-5.5"].abilities
    assert new[1].abilities["math"] > math[1]  # among today's models a price buys more
