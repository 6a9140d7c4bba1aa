"""Config, environment and registry become one snapshot."""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from gateway.brain import Classifier
from gateway.candidates import Candidates
from gateway.config import Config, ProviderConfig, RouteConfig, Secret, Server, Strategy, did_you_mean
from gateway.conversation import Conversations
from gateway.errors import ConfigError, GatewayError
from gateway.exchange import AUDIO, FILES, JSON_SCHEMA, TOOLS, VISION
from gateway.providers import PROVIDERS, WIRES, Provider
from gateway.registry import Model, extend, load
from gateway.rules import Rules, place
from gateway.snapshot import Route, Snapshot, Target, named
from gateway.upstream import is_private

ADMIN_SECRET = "HEADRACE_ADMIN_SECRET"  # noqa: S105 - the name of the variable
_HOST = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*\.?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%\w+)?")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def publish(config: Config, where: str, env: Mapping[str, str] = os.environ) -> Snapshot:
    """The snapshot that `config`, read from `where`, describes; ConfigError if part of it cannot be used."""
    registry = extend(load(), config.models, where)
    configured = config.providers if config.providers is not None else from_environment(env)
    targets: dict[str, Target] = {}
    for name, settings in configured.items():
        provider = _provider(name, settings, where)
        key = settings.api_key.reveal() or next(filter(None, (env.get(v) for v in provider.key_env)), "")
        if not key.isascii() or not key.isprintable():
            raise ConfigError(f"{where}: providers.{name}.api_key: holds characters that no header can carry")
        if not key and not provider.key_optional:
            wanted = " or ".join(provider.key_env)
            raise ConfigError(f"{where}: providers.{name}.api_key: no key; set it here, or set {wanted}")
        for model in registry.values():
            if model.provider == provider.name:
                targets[model.id] = _target(model, provider, settings, key, len(targets))
    secret = Secret(env.get(ADMIN_SECRET, ""))
    _check_exposure(config, secret)
    classifier = _classifier(config, where)
    table = Candidates(
        [(target.model, target.unable, target.room, target.provider.name) for target in targets.values()],
        classifier.labels,
    )
    l2, l2_target = _level2(config, targets, registry, where)
    routes = _routes(config, table, targets, registry, l2 != "off", where)
    return Snapshot(
        config=config,
        registry=registry,
        table=table,
        conversations=Conversations(),
        targets=targets,
        routes=routes,
        rules=_rules(config, routes, table, targets, registry, where),
        classifier=classifier,
        l2=l2,
        l2_target=l2_target,
        admin_secret=secret,
        keys_required=config.keys == "required" or (config.keys == "auto" and bool(secret)),
    )


def _classifier(config: Config, where: str) -> Classifier:
    if config.classifier is None:
        return Classifier()
    try:
        return Classifier(Path(config.classifier))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: classifier: {config.classifier}: {error}") from None


def whole_registry(config: Config, where: str) -> Snapshot:
    """A snapshot in which every known provider counts as configured: to look at decisions without any key."""
    providers = {name: ProviderConfig(api_key=Secret("none")) for name in PROVIDERS}
    return publish(msgspec.structs.replace(config, providers=providers, server=Server()), where, {})


def from_environment(env: Mapping[str, str]) -> dict[str, ProviderConfig]:
    """The providers whose usual key variables are set."""
    return {
        name: ProviderConfig()
        for name, provider in PROVIDERS.items()
        if any(env.get(variable) for variable in provider.key_env)
    }


def key_variables() -> list[str]:
    """Every environment variable that `from_environment` looks at."""
    return [variable for provider in PROVIDERS.values() for variable in provider.key_env]


def _provider(name: str, settings: ProviderConfig, where: str) -> Provider:
    known = PROVIDERS.get("gemini" if name == "google" else name)
    if settings.wire is not None and settings.wire not in WIRES:
        raise ConfigError(
            f"{where}: providers.{name}.wire: {settings.wire!r}: must be one of {', '.join(WIRES)}"
        )
    if known is None and (settings.wire is None or settings.base_url is None):
        raise ConfigError(
            f"{where}: providers.{name}: not a known provider{did_you_mean(name, list(PROVIDERS))}; "
            f"known: {', '.join(PROVIDERS)}. For any other endpoint give wire and base_url"
        )
    base_url = (settings.base_url or (known.base_url if known else "")).rstrip("/")
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and not (parts.username or parts.query)
    except ValueError:
        usable = False
    if not usable or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ConfigError(f"{where}: providers.{name}.base_url: must be http(s)://HOST[:PORT][/PATH]")
    if settings.base_url and not settings.allow_private and _is_private_host(parts.hostname):
        raise ConfigError(
            f"{where}: providers.{name}.base_url: {parts.hostname} is a private address; "
            "set allow_private: true if that is meant"
        )
    if known is None:
        return Provider(name=name, wire=settings.wire or "", base_url=base_url, key_env=(), key_optional=True)
    return Provider(
        name=known.name,
        wire=settings.wire or known.wire,
        base_url=base_url,
        key_env=known.key_env,
        key_optional=known.key_optional,
        drop=known.drop,
        rename=known.rename,
    )


def _is_private_host(host: str) -> bool:
    try:
        return is_private(host)
    except ValueError:  # a name: only what it resolves to can tell, and upstream looks at that
        return host == "localhost" or host.endswith(".localhost")


def _target(model: Model, provider: Provider, settings: ProviderConfig, key: str, number: int) -> Target:
    wire = WIRES[provider.wire]
    if model.temperature is False:  # such models answer 400 to any sampling parameter
        provider = msgspec.structs.replace(provider, drop=(*provider.drop, "temperature", "top_p"))
    return Target(
        model=model,
        provider=provider,
        wire=wire,
        url=wire.url(provider.base_url, model.model, False),
        stream_url=wire.url(provider.base_url, model.model, True),
        key=Secret(key),
        headers=wire.headers(key),
        timeouts=settings.timeouts,
        unable=_unable(model),
        number=number,
        room=model.max_input or model.context or math.inf,
        # A known provider that lives on this machine by default (ollama, vllm) is meant to.
        allow_private=settings.allow_private or _is_private_host(urlsplit(provider.base_url).hostname or ""),
    )


def _unable(model: Model) -> int:
    """The needs that a source denies the model; what no source tells excludes nobody."""
    can = {
        TOOLS: model.tools,
        VISION: model.vision,
        JSON_SCHEMA: model.json_schema,
        AUDIO: model.audio,
        FILES: model.pdf,
    }
    return sum(need for need, able in can.items() if able is False)


def _routes(
    config: Config,
    table: Candidates,
    targets: dict[str, Target],
    registry: dict[str, Model],
    asks_l2: bool,
    where: str,
) -> dict[str, Route]:
    chat = [target for target in targets.values() if target.model.chat]
    settings = {"auto": RouteConfig(), **config.routes}
    routes: dict[str, Route] = {}
    for name, route in settings.items():
        candidates = _named(registry, targets, route.candidates, f"{where}: routes.{name}.candidates")
        fallbacks = _named(registry, targets, route.fallbacks, f"{where}: routes.{name}.fallbacks")
        members = candidates or tuple(chat)
        routes[name] = Route(
            name,
            table,
            members,
            fallbacks,
            route.strategy,
            route.tier,
            route.value,
            array("i", [target.number for target in members]).tobytes(),
            {target.number: target for target in members},
            (config.l2.below if route.l2_below is None else route.l2_below) if asks_l2 else 0.0,
        )
    auto = routes["auto"]
    for strategy in get_args(Strategy):
        routes[f"auto:{strategy}"] = replace(auto, name=f"auto:{strategy}", strategy=strategy)
    return routes


def _level2(
    config: Config, targets: dict[str, Target], registry: dict[str, Model], where: str
) -> tuple[Literal["local", "llm", "off"], Target | None]:
    kind, target = config.l2.kind, None
    installed = find_spec("headrace_encoder") is not None
    if kind == "auto":  # the encoder knows the packaged classifier's tasks
        kind = "local" if installed and config.classifier is None else "off"
    elif kind == "local" and not installed:
        raise ConfigError(
            f"{where}: l2.kind: local needs the encoder: pip install 'headrace[encoder]', or set kind: off"
        )
    elif kind == "llm":
        at = f"{where}: l2.target"
        target = next(iter(_named(registry, targets, [config.l2.target or ""], at)))
        if target.model.prices is None:
            raise ConfigError(
                f"{at}: the price of {target.name} is unknown, so no budget can hold it: "
                "give its input and output under models:"
            )
    return kind, target


def _rules(
    config: Config,
    routes: dict[str, Route],
    table: Candidates,
    targets: dict[str, Target],
    registry: dict[str, Model],
    where: str,
) -> Rules[Route]:
    models: dict[str, Route] = {}
    led: list[Route | None] = []
    for index, rule in enumerate(config.rules):
        at, then = place(where, index, rule), rule.then
        for task in rule.when.task or ():
            if task not in table.tasks:
                hint = did_you_mean(task, list(table.tasks))
                allowed = ", ".join(table.tasks)
                raise ConfigError(f"{at}: when.task: unknown task {task!r}; allowed: {allowed}{hint}")
        if then.route is not None and then.route not in routes:
            hint = did_you_mean(then.route, list(routes))
            raise ConfigError(
                f"{at}: then.route: unknown route {then.route!r}; there are: {', '.join(routes)}{hint}"
            )
        if then.model is not None and then.model not in models:
            found = _named(registry, targets, [then.model], f"{at}: then.model")
            models[then.model] = Route(",".join(target.name for target in found), table, found)
        led.append(routes.get(then.route or "") or models.get(then.model or ""))
    return Rules(config.rules, led, where)


def _named(
    registry: dict[str, Model], targets: dict[str, Target], names: Iterable[str], where: str
) -> tuple[Target, ...]:
    found: dict[str, Target] = {}
    for name in names:
        try:
            found.update((target.name, target) for target in named(registry, targets, name))
        except GatewayError as error:
            raise ConfigError(f"{where}: {error.message}") from None
    return tuple(found.values())


def _check_exposure(config: Config, secret: Secret) -> None:
    host = config.server.host
    if config.keys == "required" and not secret:
        raise ConfigError(f"keys: required, and there is no key: set {ADMIN_SECRET}")
    if host in _LOOPBACK:
        return
    if not secret:
        raise ConfigError(
            f"server.host is {host}, which others can reach: set {ADMIN_SECRET} to a long random secret "
            "(python3 -c 'import secrets; print(secrets.token_urlsafe(32))'), or listen on 127.0.0.1"
        )
    if config.keys == "open":
        raise ConfigError(f"keys: open is for loopback only, and server.host is {host}; use keys: required")
