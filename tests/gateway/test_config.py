"""The config: what it takes, and how it says no."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, Secret, load
from gateway.control.publish import publish
from gateway.errors import ConfigError

FULL = """
server: {host: 127.0.0.1, port: 9000, workers: 1}
providers:
  openai: {api_key: "${OPENAI_API_KEY}"}
  local:
    wire: openai
    base_url: http://127.0.0.1:9001/v1
    api_key: "${LOCAL_KEY:-none}"
    allow_private: true
    timeouts: {connect: 5, first_event: 60, idle: 60, total: 600}
models:
  local/small: {input: 0.10, output: 0.40, context: 128000, abilities: {code_generation: 3, simple_qa: 4}}
routes:
  auto: {strategy: balanced, tier: standard, candidates: [local/small, openai/gpt-5.6-sol]}
  code: {candidates: [openai/gpt-5.6-sol], fallbacks: [local/small]}
rules: []
l2: {kind: off, below: 0.7}
store: sqlite:///headrace.db
limits: local
keys: auto
log_content: false
"""


def read(tmp_path: Path, text: str, **env: str) -> Config:
    path = tmp_path / "headrace.yaml"
    path.write_text(text)
    return load(path, env)


def published(tmp_path: Path, text: str, **env: str) -> object:
    return publish(read(tmp_path, text, **env), str(tmp_path / "headrace.yaml"), env)


def test_the_documented_config_is_taken_whole(tmp_path: Path) -> None:
    config = read(tmp_path, FULL, OPENAI_API_KEY="sk-1")
    snapshot = publish(config, "headrace.yaml", {"OPENAI_API_KEY": "sk-1"})
    assert config.server.port == 9000 and config.l2.kind == "off"
    assert [t.name for t in snapshot.route("auto").targets] == ["local/small", "openai/gpt-5.6-sol"]
    assert [t.name for t in snapshot.route("code").fallbacks] == ["local/small"]
    assert [t.name for t in snapshot.route("auto:best").targets] == ["local/small", "openai/gpt-5.6-sol"]
    small = snapshot.targets["local/small"]
    assert small.headers["authorization"] == "Bearer none"
    assert small.url == "http://127.0.0.1:9001/v1/chat/completions"
    assert small.model.abilities["code_generation"] == 3 and "math" in small.model.imputed


def test_without_a_file_providers_come_from_the_environment() -> None:
    env = {"ANTHROPIC_API_KEY": "a", "GEMINI_API_KEY": "g", "OPENAI_API_KEY": ""}
    snapshot = publish(load(None, env), "environment", env)
    assert {t.provider.name for t in snapshot.targets.values()} == {"anthropic", "gemini"}
    assert snapshot.targets["anthropic/claude-haiku-4-5"].headers["x-api-key"] == "a"


def test_the_environment_overrides(tmp_path: Path) -> None:
    env = {"HEADRACE_SERVER__PORT": "7777", "HEADRACE_ROUTES__CODE__TIER": "enhanced", "OPENAI_API_KEY": "k"}
    config = read(tmp_path, FULL, **env)
    assert config.server.port == 7777 and config.routes["code"].tier == "enhanced"


WRONG = {
    # name: text, what the message must hold
    "unknown section": ("sever: {}", [":1", "sever", "unknown key", "did you mean server?", "providers"]),
    "unknown key": ("server:\n  prot: 1", [":2", "server.prot", "did you mean port?"]),
    "wrong type": ("server: {port: x}", [":1", "server.port", "int"]),
    "not a mapping": ("- a", ["must be a mapping"]),
    "not YAML": ("a: [", ["not YAML"]),
    "twice": ("keys: auto\nkeys: open", ["line 2", "'keys'", "twice"]),
    "python tag": ("x: !!python/object:os.system {}", ["not YAML"]),
    "variable": (
        "providers:\n  openai: {api_key: '${NOPE}'}",
        ["providers.openai.api_key", "NOPE", ":-default"],
    ),
    "provider key": (
        "providers:\n  openai:\n    api_kye: x",
        [":3", "providers.openai.api_kye", "did you mean api_key?"],
    ),
    "timeout key": (
        "providers:\n  openai:\n    timeouts: {conect: 1}",
        ["providers.openai.timeouts.conect", "did you mean connect?"],
    ),
    "strategy": ("routes:\n  auto: {strategy: fastest}", [":2", "routes.auto.strategy", "fastest"]),
    "store": ("store: mysql://x", ["store", "sqlite:///FILE"]),
    "rules": ("rules: [{name: x}]", ["rules[0]", "then"]),
    "log_content": ("log_content: true", ["log_content"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, name: str) -> None:
    text, parts = WRONG[name]
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, text)
    for part in ("headrace.yaml", *parts):
        assert part in str(wrong.value), str(wrong.value)


ODD = [
    "? [a]\n: b", "server: 2024-13-45", 'x: !!int ""', "x: !!timestamp x", "x: !!set [a]",
    "server: !!float x",
    "a: &a [*a]", "server: &s\n  x: *s", "{host? : 1}", "server:\tport", "server: {port: 99999999}",
    "server: {workers: -1}",
    "server: {max_body: -1}", "providers: {openai: {timeouts: {connect: .nan}}}",
    "providers: {openai: {timeouts: {total: -1}}}", "\x00", "a: b: c", "%YAML 9",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_files_get_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, text)
    assert "headrace.yaml" in str(wrong.value) and "\n" not in str(wrong.value)


@pytest.mark.parametrize("value", ["2024-13-45", "? [a]", "'", "{"])
def test_odd_variables_are_named(value: str) -> None:
    with pytest.raises(ConfigError, match="HEADRACE_SERVER__PORT"):
        load(None, {"HEADRACE_SERVER__PORT": value})


UNUSABLE = {
    "an open bracket": ("providers: {x: {wire: openai, base_url: 'http://[::1'}}", ["providers.x.base_url"]),
    "a port too high": (
        "providers: {x: {wire: openai, base_url: 'http://h:99999'}}",
        ["providers.x.base_url"],
    ),
    "a host of dots": ("providers: {x: {wire: openai, base_url: 'http://a..b'}}", ["providers.x.base_url"]),
    "a key of two lines": ('providers: {openai: {api_key: "a\\nb"}}', ["providers.openai.api_key"]),
    "an absurd price": ("models: {local/x: {input: 1.0e+30, output: 1}}", ["models.local/x.input"]),
    "a model id of two lines": ('models: {"local/x\\r\\ny": {input: 1, output: 1}}', ["model id"]),
    "no key": ("providers: {openai: {}}", ["providers.openai.api_key", "OPENAI_API_KEY"]),
    "unknown provider": (
        "providers: {opnai: {api_key: k}}",
        ["providers.opnai", "did you mean openai?", "wire"],
    ),
    "unknown wire": (
        "providers: {x: {wire: soap, base_url: 'https://x.example'}}",
        ["providers.x.wire", "openai", "anthropic", "gemini"],
    ),
    "not a URL": ("providers: {x: {wire: openai, base_url: 'ftp://x'}}", ["providers.x.base_url", "http"]),
    "private": (
        "providers: {x: {wire: openai, base_url: 'http://10.0.0.1/v1'}}",
        ["providers.x.base_url", "allow_private"],
    ),
    "localhost": (
        "providers: {x: {wire: openai, base_url: 'http://localhost:1/v1'}}",
        ["providers.x.base_url", "allow_private"],
    ),
    "unknown candidate": (
        "providers: {openai: {api_key: k}}\nroutes: {auto: {candidates: [openai/gpt-6-lunar]}}",
        ["routes.auto.candidates", "gpt-6-luna"],
    ),
    "unknown task": (
        "models: {local/x: {abilities: {codegen: 3}}}",
        ["models.local/x.abilities.codegen", "code_generation"],
    ),
    "a key, and none there is": ("keys: required", ["keys: required", "HEADRACE_ADMIN_SECRET"]),
    "reachable by others": ("server: {host: 0.0.0.0}", ["0.0.0.0", "HEADRACE_ADMIN_SECRET"]),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    text, parts = UNUSABLE[name]
    with pytest.raises(ConfigError) as wrong:
        published(tmp_path, text)
    for part in parts:
        assert part in str(wrong.value), str(wrong.value)


def test_secrets_do_not_print(tmp_path: Path) -> None:
    config = read(tmp_path, "providers: {openai: {api_key: sk-very-secret}}")
    assert "sk-very-secret" not in f"{config} {config!r} {config.providers}"
    assert config.providers and config.providers["openai"].api_key.reveal() == "sk-very-secret"
    assert str(Secret("x")) == repr(Secret("x")) == "***"


def test_keys_are_required_where_others_can_reach() -> None:
    secret = {"HEADRACE_ADMIN_SECRET": "s" * 32, "OPENAI_API_KEY": "k"}
    assert publish(load(None, secret), "environment", secret).keys_required
    assert not publish(load(None, {}), "environment", {"OPENAI_API_KEY": "k"}).keys_required
