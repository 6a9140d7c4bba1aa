"""The config's `models:` section: what it adds, what it changes, and how it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.money import Price
from gateway.registry import TASKS, Model, extend, load, resolve

MODELS = load()


def extended(overrides: dict[str, Any]) -> dict[str, Model]:
    return extend(MODELS, overrides, "headrace.yaml")


def test_a_model_of_ones_own() -> None:
    entry = {
        "input": 0.10,
        "output": "0.40",
        "context": 128000,
        "abilities": {"code_generation": 3, "simple_qa": 4},
    }
    model = extended({"local/small": entry})["local/small"]
    assert (model.provider, model.model, model.name) == ("local", "small", "small")
    assert model.prices == (Price(100_000_000, 400_000_000, 100_000_000, 100_000_000),)
    assert model.evidence == {"code_generation": 3.0, "simple_qa": 4.0}
    assert model.abilities.keys() == set(TASKS)
    assert model.imputed == set(TASKS) - {"code_generation", "simple_qa"}
    assert model.context == 128000 and model.tools is None
    assert len(MODELS) == 120 and "local/small" not in MODELS


def test_nothing_said_is_nothing_known() -> None:
    model = extended({"local/mystery": None})["local/mystery"]
    assert model.prices is None and model.blended is None
    assert set(model.abilities.values()) == {2.5}


def test_a_dearer_model_without_abilities_is_thought_better() -> None:
    found = extended({"x/cheap": {"input": 0.1, "output": 0.2}, "x/dear": {"input": 5, "output": 25}})
    assert all(found["x/dear"].abilities[t] > found["x/cheap"].abilities[t] for t in TASKS)


def test_ones_own_host_of_a_known_model_shares_its_evidence() -> None:
    model = extended({"local/gpt-oss:120b": {"input": 0, "output": 0}})["local/gpt-oss:120b"]
    assert model.abilities == MODELS["groq/openai/gpt-oss-120b"].abilities
    assert model.prices == (Price(0, 0, 0, 0),)


def test_an_override_changes_the_keys_it_names_and_no_others() -> None:
    before = MODELS["openai/gpt-6-luna"]
    after = extended({"openai/gpt-6-luna": {"input": 0.05, "abilities": {"math": 1.5}}})[before.id]
    assert after.prices and before.prices
    assert after.prices[0] == Price(50_000_000, 500_000_000, 10_000_000, 125_000_000)
    assert after.abilities["math"] == 1.5 and after.context == before.context
    assert after.evidence == {**before.evidence, "math": 1.5}
    # What was filled follows the evidence it was filled from.
    assert all(after.abilities[t] < before.abilities[t] for t in before.imputed - {"math"})


def test_overrides_leave_the_abilities_of_others_alone() -> None:
    found = extended({"local/genius": {"abilities": dict.fromkeys(TASKS, 5)}})
    assert {id: found[id].abilities for id in MODELS} == {id: m.abilities for id, m in MODELS.items()}


def test_google_is_gemini() -> None:
    found = extended({"google/gemini-4-argon": {"context": 1000}})
    assert found["gemini/gemini-4-argon"].context == 1000
    assert "google/gemini-4-argon" not in found


def test_disabled_models_are_gone() -> None:
    found = extended({"openai/gpt-6-luna": {"disabled": True}, "openai/gpt-5.5": {"disabled": False}})
    assert "openai/gpt-6-luna" not in found and "openai/gpt-5.5" in found
    assert resolve(found, "gpt-6-luna")[0].id == "azure/gpt-6-luna"


def test_the_id_sent_upstream_may_differ() -> None:
    found = extended({"azure/production": {"model": "gpt-6-luna", "tools": True}})
    model = found["azure/production"]
    assert model.model == "gpt-6-luna" and model.tools is True
    assert model.abilities == MODELS["openai/gpt-6-luna"].abilities


def test_tiers_price_long_prompts() -> None:
    tiers = [{"above": 1000, "input": 2, "output": 3}, {"above": 2000, "input": 4, "output": 5}]
    model = extended({"x/y": {"input": 1, "output": 1, "tiers": tiers}})["x/y"]
    assert model.prices and [price.above for price in model.prices] == [0, 1000, 2000]
    assert model.prices[2].input == 4_000_000_000


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"abilities": {"codegen": 3}},
            "abilities.codegen: unknown task; allowed: code_generation,",
        ),
        ({"abilities": {"codegen": 3}}, "(did you mean code_generation?)"),
        ({"abilities": {"math": 7}}, "abilities.math: 7 is not an ability; allowed: a number 1..5"),
        ({"abilities": {"math": 0.9}}, "abilities.math: 0.9 is not"),
        ({"abilities": {"math": True}}, "abilities.math: True is not"),
        ({"abilities": {"math": float("nan")}}, "abilities.math: nan is not"),
        ({"abilities": [3]}, "abilities: must be a mapping of tasks, not [3]"),
        ({"contxt": 1}, "contxt: unknown key; allowed: name, model, input,"),
        ({"contxt": 1}, "(did you mean context?)"),
        ({7: 1}, "7: unknown key"),
        ({"input": "abc", "output": 1}, "input: 'abc' is not a price; allowed: USD per 1M tokens"),
        ({"input": -1, "output": 1}, "input: -1 is not a price"),
        ({"input": True, "output": 1}, "input: True is not a price"),
        ({"input": float("inf"), "output": 1}, "input: inf is not a price"),
        ({"input": "nan", "output": 1}, "input: 'nan' is not a price"),
        ({"input": 1, "output": [1]}, "output: [1] is not a price"),
        ({"input": "0.0000000001", "output": 1}, "with at most 9 decimals"),
        ({"input": 1}, "output: missing; give both `input` and `output`"),
        ({"output": 1}, "input: missing; give both"),
        ({"context": 0}, "context: 0 is not a limit; allowed: tokens, an integer >= 1"),
        ({"context": 1.5}, "context: 1.5 is not a limit"),
        ({"context": True}, "context: True is not a limit"),
        ({"tools": "yes"}, "tools: 'yes' is not allowed; allowed: true, false"),
        ({"model": ""}, "model: '' is not allowed"),
        ({"name": 3}, "name: 3 is not allowed"),
        ({"tiers": {}}, "tiers: must be a list of {above, input, output}, not {}"),
        ({"tiers": [3]}, "tiers[0]: must be a mapping of keys, not 3"),
        ({"tiers": [{"above": 1, "input": 1}]}, "tiers[0].output: missing"),
        ({"tiers": [{"over": 1}]}, "tiers[0].over: unknown key; allowed: above, input"),
        (
            {"tiers": [{"above": 1, "input": "x", "output": 1}]},
            "tiers[0].input: 'x' is not a price",
        ),
        ({"tiers": [{"above": 1, "input": 1, "output": 1}]}, "tiers: needs the base price"),
        (
            {
                "tiers": [
                    {"above": 2, "input": 1, "output": 1},
                    {"above": 2, "input": 1, "output": 1},
                ]
            },
            "tiers[1].above: tiers go upwards; allowed: over 2",
        ),
        ("cheap", "must be a mapping of keys, not 'cheap'"),
    ],
)
def test_wrong_entries_say_what_where_and_what_is_allowed(entry: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as failure:
        extended({"local/small": entry})
    assert str(failure.value).startswith("headrace.yaml: models.local/small")


@pytest.mark.parametrize("id", ["small", "/small", "local/", 7])
def test_an_id_names_its_provider(id: Any) -> None:
    with pytest.raises(ConfigError, match="a model id is provider/model"):
        extended({id: {}})


def test_disabling_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=re.escape("(did you mean openai/gpt-6-luna?)")):
        extended({"openai/gpt-6-lunar": {"disabled": True}})


def test_the_section_is_a_mapping() -> None:
    with pytest.raises(ConfigError, match="models: must be a mapping of model ids"):
        extend(MODELS, [], "headrace.yaml")  # type: ignore[arg-type]
