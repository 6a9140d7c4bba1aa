"""The immutable view of config, registry and providers that a request is served from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.brain import Classifier
from gateway.candidates import Candidates
from gateway.config import Config, Secret, Strategy, Tier, Timeouts
from gateway.conversation import Conversations
from gateway.errors import GatewayError
from gateway.providers import Provider, Wire
from gateway.registry import Model, resolve, suggest
from gateway.rules import Rules


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One endpoint, credential and upstream model name."""

    model: Model
    provider: Provider
    wire: Wire
    url: str
    stream_url: str
    key: Secret
    headers: dict[str, str] = field(repr=False)  # the credential is in them
    timeouts: Timeouts
    allow_private: bool
    unable: int  # the needs (`exchange.NEED_NAMES`) that the model is known not to serve
    number: int  # in the table of candidates
    room: float  # tokens of prompt that it takes; infinite where no source tells

    @property
    def name(self) -> str:
        """The registry id of the model, which is what clients and rows call the target."""
        return self.model.id


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A name that a client may ask for; without a strategy the targets are tried in the order given."""

    name: str
    table: Candidates
    targets: tuple[Target, ...]
    fallbacks: tuple[Target, ...] = ()
    strategy: Strategy | None = None
    tier: Tier = "none"
    value: float = 0.0  # USD that an answer good enough is worth, for `balanced`
    members: bytes = b""  # the numbers of the targets, as the table wants them
    by_number: dict[int, Target] = field(default_factory=dict)
    l2_below: float = 0.0  # the confidence under which the second level is asked


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What the hot side reads; replaced whole, never changed."""

    config: Config
    registry: dict[str, Model]  # every model known, configured or not
    table: Candidates
    conversations: Conversations
    targets: dict[str, Target]  # by model id, for configured providers only
    routes: dict[str, Route]
    rules: Rules[Route]
    classifier: Classifier
    l2: Literal["local", "llm", "off"]
    l2_target: Target | None  # of kind llm
    admin_secret: Secret
    keys_required: bool

    def route(self, *names: str) -> Route:
        """The route of one name, or the models of several in that order; GatewayError for an unknown one."""
        if len(names) == 1 and names[0] in self.routes:
            return self.routes[names[0]]
        targets: dict[str, Target] = {}
        for name in names:
            if name in self.routes:
                message = f"`models` is a list of model ids, and `{name}` is a route. Send it as `model`."
                raise GatewayError(400, message, code="invalid_value", param="models")
            targets.update((target.name, target) for target in named(self.registry, self.targets, name))
        # By the models' own names: a client's spelling of them goes into headers and rows.
        return Route(",".join(targets), self.table, tuple(targets.values()))


def named(registry: dict[str, Model], targets: dict[str, Target], name: str) -> tuple[Target, ...]:
    """The targets of the model that `name` means; GatewayError 404 where there is none."""
    models = resolve(registry, name)
    found = tuple(targets[model.id] for model in models if model.id in targets)
    if found:
        return found
    if models:
        message = (
            f"The model `{name}` is known, but its provider ({models[0].provider}) is not configured. "
            "Configure it, or send `auto`."
        )
    else:
        near = suggest(registry, name)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        message = f"The model `{name}` does not exist.{hint} GET /v1/models lists all; `auto` chooses."
    raise GatewayError(404, message, code="model_not_found", param="model")
