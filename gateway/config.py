"""The config file: typed, checked whole, and loud about what is wrong where.

`${NAME}` and `${NAME:-default}` are read from the environment, and `HEADRACE_SECTION__KEY` overrides a value.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from gateway.errors import ConfigError

Strategy = Literal["cheapest", "balanced", "best"]
Tier = Literal["none", "standard", "enhanced"]


class Secret:
    """A credential that shows itself as `***` wherever it is printed."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself, for the header that carries it upstream and nothing else."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


_Seconds = Annotated[float, msgspec.Meta(gt=0, le=7 * 24 * 3600)]


_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen; `max_body` in bytes."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    max_body: Annotated[int, msgspec.Meta(ge=1)] = 32 * 1024 * 1024


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds a provider may take: to accept, to its first event, between events, and in all.

    Unless `first_event` is set, streams have 60 s to it and plain replies, whose only event is the whole
    answer, have until `total`.
    """

    connect: _Seconds = 5
    first_event: _Seconds | None = None
    idle: _Seconds = 60
    total: _Seconds = 600


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint: a known provider needs its key alone, any other one its wire and base_url."""

    api_key: Secret = Secret()
    wire: str | None = None
    base_url: str | None = None
    allow_private: bool = False
    timeouts: Timeouts = Timeouts()


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name to be sent as model: a set that the strategy orders, then fallbacks as they stand."""

    strategy: Strategy = "balanced"
    tier: Tier = "standard"
    value: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.01  # USD that an answer good enough is worth
    candidates: list[str] = []
    fallbacks: list[str] = []
    l2_below: _Share | None = None  # None: as `l2.below`


TAG = r"^[A-Za-z0-9_.:-]{1,64}\Z"
_Tag = Annotated[str, msgspec.Meta(pattern=TAG)]
_Tokens = Annotated[int, msgspec.Meta(ge=0)]
_SOME = msgspec.Meta(min_length=1)


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold for a rule to apply: all that is given, of a list any entry; tokens are inclusive."""

    key: Annotated[list[str], _SOME] | None = None
    tag: Annotated[list[_Tag], _SOME] | None = None
    min_tokens: _Tokens | None = None
    max_tokens: _Tokens | None = None
    tools: bool | None = None
    language: Annotated[list[Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}\Z")]], _SOME] | None = None
    task: Annotated[list[str], _SOME] | None = None

    def __post_init__(self) -> None:
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise ValueError("min_tokens is above max_tokens, so it never holds")


class Then(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule does: it may set a tier and a tag, and end the reading by one of route, model and deny."""

    route: str | None = None
    model: str | None = None
    deny: Annotated[str, _SOME] | None = None
    tier: Tier | None = None
    tag: _Tag | None = None

    def __post_init__(self) -> None:
        ends = [name for name in ("route", "model", "deny") if getattr(self, name) is not None]
        if len(ends) > 1:
            raise ValueError(f"{' and '.join(ends)} exclude one another: keep one")
        if not ends and self.tier is None and self.tag is None:
            raise ValueError("nothing to do: give route, model, deny, tier or tag")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of the operator: what it matches, when it applies, and what it then does."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,64}\Z")] | None = None
    match: str | Annotated[list[str], _SOME] = []
    when: When = When()
    then: Then


class Level2Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is asked where the classifier's confidence is below `below`, and for how long.

    `auto` is `local` where the extra `encoder` is installed, else `off`; `target` and the budget are llm's.
    """

    kind: Literal["auto", "local", "llm", "off"] = "auto"
    below: _Share = 0.7
    target: str | None = None
    deadline_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 800
    budget_usd_per_day: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0

    def __post_init__(self) -> None:
        if self.kind == "llm" and self.target is None:
            raise ValueError("kind: llm asks a model: name it in target, such as target: openai/gpt-6-luna")
        if self.target is not None and self.kind in ("auto", "local"):
            raise ValueError("target is for kind: llm alone: set that kind, or take target out")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set, with its defaults."""

    server: Server = Server()
    providers: dict[str, ProviderConfig] | None = None  # None: from the usual environment variables
    models: dict[str, Any] = {}
    routes: dict[str, RouteConfig] = {}
    rules: list[Rule] = []
    l2: Level2Config = Level2Config()
    limits: Literal["local"] = "local"
    store: str = "sqlite:///headrace.db"
    keys: Literal["auto", "open", "required"] = "auto"
    log_content: Literal[False] = False
    classifier: str | None = None  # a model file of `headrace train`; None: the packaged one


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML without surprises: a key given twice is an error, not the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise ConfigError(f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
            seen.add(key)
        result: dict[Any, Any] = super().construct_mapping(node, deep)
        return result


# YAML 1.2's booleans only: `kind: off` is a word here, as its reader expects.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(path: Path | None, env: Mapping[str, str] = os.environ) -> Config:
    """The config in `path` (None: defaults) with the environment's overrides, or a ConfigError."""
    where = str(path) if path else "environment"
    text = ""
    if path:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: cannot be read: {error}") from None
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader subclass
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # besides YAMLError, what the constructors of odd values raise
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: must be a mapping of sections; allowed: {', '.join(_fields(Config))}")
    _override(data, env)
    try:
        data = _expand(data, env, where, "")
    except RecursionError:
        raise ConfigError(f"{where}: an alias (*name) stands inside what it names") from None
    return _config(data, where, text)


def _override(data: dict[str, Any], env: Mapping[str, str]) -> None:
    for name, value in sorted(env.items()):
        if not name.startswith("HEADRACE_") or "__" not in name:
            continue
        *sections, key = name.removeprefix("HEADRACE_").lower().split("__")
        place = data
        for section in sections:
            child = place.get(section)
            if not isinstance(child, dict):
                child = place[section] = {}
            place = child
        try:
            place[key] = yaml.load(value, _Loader)  # noqa: S506
        except Exception:
            raise ConfigError(f"{name}: {value!r} is not YAML") from None


_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def _expand(value: Any, env: Mapping[str, str], where: str, path: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, env, where, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, env, where, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = env.get(name) or default
        if found is None:
            raise ConfigError(
                f"{where}: {path}: the environment variable {name} is not set; set it, or write "
                f"${{{name}:-default}}"
            )
        return found

    return _REFERENCE.sub(replace, value)


def _config(data: dict[str, Any], where: str, text: str) -> Config:
    data = dict(data)
    for section, kind in (("providers", ProviderConfig), ("routes", RouteConfig)):
        entries = data.get(section)
        if entries is None:
            continue
        if not isinstance(entries, dict):
            raise ConfigError(f"{where}{_line(text, section)}: {section}: must be a mapping of names")
        data[section] = {
            str(name): _convert(entry if entry is not None else {}, kind, where, f"{section}.{name}", text)
            for name, entry in entries.items()
        }
    if isinstance(data.get("rules"), list):
        data["rules"] = [
            _convert(rule, Rule, where, f"rules[{index}]", text) for index, rule in enumerate(data["rules"])
        ]
    if data.get("models", ...) is None:
        del data["models"]
    config: Config = _convert(data, Config, where, "", text)
    if not config.store.startswith("sqlite:///"):
        raise ConfigError(f"{where}{_line(text, 'store')}: store: must be sqlite:///FILE")
    return config


def _convert(data: Any, kind: type[Any], where: str, path: str, text: str) -> Any:
    try:
        return msgspec.convert(data, kind, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        message = str(error)
        inner = re.search(r" - at `(?:key in )?\$\.?(.*)`$", message)
        if inner:
            message = message[: inner.start()]
            path = ".".join(filter(None, (path, inner[1])))
        unknown = re.search(r"unknown field `(.*)`", message)
        if unknown:
            path = ".".join(filter(None, (path, unknown[1])))
            fields = _fields(_kind_at(kind, inner[1] if inner else ""))
            message = f"unknown key; allowed: {', '.join(fields)}{did_you_mean(unknown[1], fields)}"
        raise ConfigError(f"{where}{_line(text, path)}: {path}: {message}") from None


def _decode_secret(kind: type[Any], value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("expected a string")


def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(kind.__struct_fields__)


def _kind_at(kind: type[Any], path: str) -> type[Any]:
    """The struct type at a dotted path of struct fields."""
    for name in filter(None, path.split(".")):
        field = next(field for field in msgspec.structs.fields(kind) if field.name == name)
        kind = field.type
    return kind


def did_you_mean(name: str, allowed: tuple[str, ...] | list[str]) -> str:
    """` (did you mean X?)` where one of `allowed` is close to `name`, else nothing."""
    close = difflib.get_close_matches(name, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _line(text: str, path: str) -> str:
    """`:LINE` of the innermost key of `path` that the YAML text has, or nothing."""
    node = yaml.compose(text, _Loader) if text else None
    line = None
    rest = path
    while rest:
        entry = re.match(r"\[(\d+)\]\.?", rest)
        if entry and isinstance(node, yaml.SequenceNode):
            node = node.value[int(entry[1])]
            line, rest = node.start_mark.line + 1, rest[entry.end() :]
        if not isinstance(node, yaml.MappingNode):
            break
        # Names may hold dots themselves (gpt-4.1), so the longest key that fits is taken.
        fits = [
            (key.value, key.start_mark.line + 1, value)
            for key, value in node.value
            if rest == key.value or rest.startswith((f"{key.value}.", f"{key.value}["))
        ]
        if not fits:
            break
        key, line, node = max(fits, key=lambda fit: len(fit[0]))
        rest = rest[len(key) :].lstrip(".")
    return f":{line}" if line else ""
