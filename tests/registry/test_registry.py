"""The packaged registry: what it holds, how names resolve, and that it is what `build` makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway import registry
from gateway.money import Price, Usage, cost_nano, per_million
from gateway.registry import TASKS, load, resolve, suggest
from gateway.registry.build import build, line_and_version, predecessor

SOURCE = Path(__file__).parents[2] / "../shared/registry"
MODELS = load()


def test_it_holds_what_was_researched() -> None:
    assert len(MODELS) == 120
    assert len({model.provider for model in MODELS.values()}) == 21
    assert all(id == model.id == f"{model.provider}/{model.model}" for id, model in MODELS.items())
    assert not any(id.startswith("google/") for id in MODELS)
    assert all(model.prices and model.sources for model in MODELS.values())
    assert {id for id, model in MODELS.items() if not model.chat} == {
        "alibaba/qwen-mt-plus",
        "perplexity/perplexity/sonar",
    }
    header = registry.header()
    assert header["generated"] == "2026-11-22"
    for name in ("Arena", "Epoch AI", "EuroEval", "Berkeley", "Aider"):
        assert name in header["attribution"]


def test_every_model_has_every_ability_and_says_which_are_filled() -> None:
    for model in MODELS.values():
        assert model.abilities.keys() == set(TASKS)
        assert all(1 <= value <= 5 for value in model.abilities.values())
        assert model.evidence.keys() == model.n_sources.keys()
        assert model.imputed == set(TASKS) - model.n_sources.keys()


def test_hosts_of_one_model_share_its_abilities() -> None:
    hosts = [model for model in MODELS.values() if model.canonical == "gptoss120b"]
    assert len(hosts) == 4
    assert all(host.abilities == hosts[0].abilities for host in hosts)


def test_prices_are_exact_nano_dollars() -> None:
    luna = MODELS["openai/gpt-6-luna"]  # its tier names no cache prices: they scale with input
    assert luna.prices == (
        Price(100_000_000, 500_000_000, 10_000_000, 125_000_000),
        Price(200_000_000, 750_000_000, 20_000_000, 250_000_000, 272_000),
    )
    # The price list times the tokens, by hand: 1,000 x 0.1 + 4,000 x 0.01 + 500 x 0.5 USD per 1M.
    assert cost_nano(Usage(input=1_000, cache_read=4_000, output=500), luna.prices) == 390_000
    assert cost_nano(Usage(input=300_000), luna.prices) == 60_000_000


def test_a_missing_cache_price_is_the_input_price_and_never_free() -> None:
    silent = [model for model in MODELS.values() if model.cache_read is None]
    assert silent
    for model in silent:
        assert model.prices and model.input
        assert all(price.cache_read == price.input > 0 for price in model.prices)
        assert model.prices[0].cache_write == per_million(model.cache_write or model.input)


def test_models_without_evidence_take_after_their_predecessors() -> None:
    terra = MODELS["openai/gpt-6.1-terra"]
    assert terra.inherits == "openai/gpt-5.6-terra"
    assert terra.abilities == MODELS["openai/gpt-5.6-terra"].abilities
    assert terra.imputed == set(TASKS)
    inherits = {id: model.inherits for id, model in MODELS.items() if model.inherits}
    assert inherits["anthropic/claude-fable-5-2"] == "anthropic/claude-fable-5-1"
    assert inherits["moonshot/kimi-k3.1-pro"] == "moonshot/kimi-k3"
    assert inherits["mistral/mistral-large-4"] == "mistral/mistral-large-2512"
    assert inherits["bedrock/global.anthropic.claude-haiku-5-5"] == "anthropic/claude-haiku-4-5"
    assert "minimax/MiniMax-M3.1-Flash" not in inherits  # a lesser variant of M3


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("gpt-5.6-terra", "gpt-6.1-terra"),
        ("claude-haiku-4-5", "claude-haiku-5-5"),
        ("mistral-large-2512", "mistral-large-4"),
        ("command-a-12-2024", "command-a-03-2025"),
        ("gemini-3.7-flash", "gemini-3.10-flash"),
    ],
)
def test_versions_are_ordered_within_a_line(older: str, newer: str) -> None:
    (line, version), (other_line, other_version) = line_and_version(older), line_and_version(newer)
    assert line == other_line and version < other_version
    entry = {"provider": "x", "model": older, "id": f"x/{older}"}
    assert predecessor({"provider": "x", "model": newer}, [entry]) == f"x/{older}"
    assert predecessor({"provider": "y", "model": newer}, [entry]) is None


def test_a_size_is_not_a_version() -> None:
    assert line_and_version("ministral-8b-2512")[0] != line_and_version("ministral-14b-2512")[0]


def ids(name: str) -> list[str]:
    return [model.id for model in resolve(MODELS, name)]


def test_names_resolve_maker_first() -> None:
    assert ids("openai/gpt-6-luna") == ["openai/gpt-6-luna"]
    assert ids("google/gemini-4-argon") == ["gemini/gemini-4-argon"]
    assert ids("gpt-6-luna") == [
        "openai/gpt-6-luna",
        "azure/gpt-6-luna",
        "openrouter/openai/gpt-6-luna",
    ]
    assert ids("claude-opus-5.5")[0] == "anthropic/claude-opus-5-5"
    assert ids("kimi-k3")[0] == "moonshot/kimi-k3"
    assert len(ids("gpt-oss-120b")) == 4
    assert ids("openai/gpt-oss-120b") == [
        "groq/openai/gpt-oss-120b",
        "together/openai/gpt-oss-120b",
    ]
    assert ids("elsewhere/gpt-6-luna") == ids("gpt-7") == ids("") == []


def test_unknown_names_get_near_ids() -> None:
    assert suggest(MODELS, "gpt-6-lunar")[0] == "openai/gpt-6-luna"
    assert suggest(MODELS, "google/gemini-4-argn")[0] == "gemini/gemini-4-argon"
    assert len(suggest(MODELS, "claude-opus")) <= 3
    assert suggest(MODELS, "zzzz") == []


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text('{"header": {}, "models": [{"id": "a/b", "surprise": 1}]}')
    with pytest.raises(msgspec.ValidationError):
        load(path)


needs_source = pytest.mark.skipif(not SOURCE.exists(), reason="the researched data is absent")


@needs_source
def test_the_committed_file_is_what_build_makes() -> None:
    assert Path(registry.__file__).with_name("models.json").read_bytes() == build(SOURCE)


@needs_source
def test_prices_agree_with_the_researched_data() -> None:
    raw = msgspec.json.decode((SOURCE / "models.json").read_bytes())
    for entry in raw["models"]:
        [model] = resolve(MODELS, entry["id"])
        assert model.prices
        assert model.prices[0].input == round(entry["price"]["input"] * 10**9)
        assert model.prices[0].output == round(entry["price"]["output"] * 10**9)
        assert [p.above for p in model.prices[1:]] == [
            tier["prompt_tokens_above"] for tier in entry["price_tiers"] or []
        ]
        assert model.context == entry["context_window"]


def test_build_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.registry.build"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "usage:" in done.stderr
