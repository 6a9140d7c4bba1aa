"""Config, environment and registry become one snapshot."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import get_args
from urllib.parse import urlsplit

import msgspec

from gateway.brain import Classifier
from gateway.config import Config, ProviderConfig, RouteConfig, Secret, Strategy, did_you_mean
from gateway.errors import ConfigError, GatewayError
from gateway.exchange import AUDIO, FILES, JSON_SCHEMA, TOOLS, VISION
from gateway.providers import PROVIDERS, WIRES, Provider
from gateway.registry import Model, extend, load
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
                targets[model.id] = _target(model, provider, settings, key)
    secret = Secret(env.get(ADMIN_SECRET, ""))
    _check_exposure(config, secret)
    return Snapshot(
        config=config,
        registry=registry,
        targets=targets,
        routes=_routes(config, targets, registry, where),
        classifier=Classifier(),
        admin_secret=secret,
        keys_required=config.keys == "required" or (config.keys == "auto" and bool(secret)),
    )


def whole_registry(config: Config, where: str) -> Snapshot:
    """A snapshot in which every known provider counts as configured: to look at decisions without any key."""
    providers = {name: ProviderConfig(api_key=Secret("none")) for name in PROVIDERS}
    everything = Config(providers=providers, models=config.models, routes=config.routes)
    return publish(everything, where, {})


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


def _target(model: Model, provider: Provider, settings: ProviderConfig, key: str) -> Target:
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
    config: Config, targets: dict[str, Target], registry: dict[str, Model], where: str
) -> dict[str, Route]:
    chat = [target for target in targets.values() if target.model.chat]
    settings = {"auto": RouteConfig(), **config.routes}
    routes: dict[str, Route] = {}
    for name, route in settings.items():
        candidates = _named(registry, targets, route.candidates, f"{where}: routes.{name}.candidates")
        fallbacks = _named(registry, targets, route.fallbacks, f"{where}: routes.{name}.fallbacks")
        routes[name] = Route(name, candidates or tuple(chat), fallbacks, route.strategy, route.tier)
    auto = routes["auto"]
    for strategy in get_args(Strategy):
        routes[f"auto:{strategy}"] = Route(
            f"auto:{strategy}", auto.targets, auto.fallbacks, strategy, auto.tier
        )
    return routes


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
