"""The docs name what there is, and nothing else."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.cli import main
from gateway.config import Config, Level2Config, ProviderConfig, RouteConfig, Server, Timeouts, load
from gateway.control.store import _SCHEMA
from gateway.providers import PROVIDERS
from gateway.registry import TASKS
from gateway.registry import load as load_registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONFIG = (ROOT / "docs/config.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`headrace {command}`" in README


def test_no_command_is_made_up() -> None:
    named = {name for page in PAGES for name in re.findall(r"(?:`|\$ )headrace ([a-z]+)", page)}
    assert named <= set(main.commands)


@pytest.mark.parametrize("kind", [Config, Server, ProviderConfig, Timeouts, RouteConfig, Level2Config])
def test_every_config_key_is_documented(kind: type) -> None:
    for name in kind.__struct_fields__:  # type: ignore[attr-defined]
        assert re.search(rf"\b{name}\b", CONFIG), f"{kind.__name__}.{name}"


def test_the_documented_config_loads(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", CONFIG, re.DOTALL)
    assert example
    path = tmp_path / "headrace.yaml"
    path.write_text(example[1])
    config = load(path, {"OPENAI_API_KEY": "k"})
    assert set(yaml.safe_load(example[1])) == set(Config.__struct_fields__)
    assert config.routes["code"].fallbacks == ["local/small"]


def test_providers_tasks_and_columns_are_named() -> None:
    for provider in PROVIDERS:
        assert provider in README
    routing = (ROOT / "docs/routing.md").read_text()
    for task in TASKS:
        assert f"`{task}`" in routing
    for column in re.findall(r"(\w+) (?:TEXT|INTEGER|REAL)", _SCHEMA):
        assert f"`{column}`" in OPERATIONS, column


def test_the_readmes_numbers_are_the_registrys() -> None:
    models = load_registry()
    providers = {model.provider for model in models.values()}
    assert f"{len(models)} models at {len(providers)} providers" in " ".join(README.split())


def test_links_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert link.startswith("http") or (path.parent / link).exists(), f"{path.name}: {link}"
