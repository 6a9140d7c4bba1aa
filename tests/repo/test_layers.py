"""The direction of imports: a module imports only from layers below its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the bottom up. A package stands for its modules, which may import one another; nothing else imports its
# own layer. The stages of the pipeline take two layers: those below hand their types on to those above.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("fastpath",),
    ("gateway", "gateway.errors", "gateway.money", "gateway.table", "gateway.content"),
    ("gateway.config",),
    ("gateway.registry",),
    ("gateway.brain",),
    ("gateway.exchange",),
    ("gateway.rules", "gateway.candidates", "gateway.conversation"),
    ("gateway.providers",),
    ("gateway.snapshot",),
    ("gateway.downstream", "gateway.upstream", "gateway.classify", "gateway.decide"),
    ("gateway.admit", "gateway.relay", "gateway.record", "gateway.refuse"),
    ("gateway.level2",),
    ("gateway.pipeline",),
    ("gateway.control",),
    ("gateway.app",),
    ("gateway.serving", "gateway.simulator"),
    ("gateway.demo", "gateway.quality"),
    ("gateway.cli",),
    ("gateway.__main__",),
)
HOT_FORBIDDEN = ("starlette", "sqlite3", "json", "uuid", "datetime", "yaml", "click", "uvicorn")
HOT = [
    "pipeline",
    "admit",
    "candidates",
    "classify",
    "content",
    "conversation",
    "decide",
    "downstream",
    "exchange",
    "level2",
    "level2.excerpt",
    "level2.llm",
    "level2.local",
    "level2.notes",
    "money",
    "record",
    "refuse",
    "relay",
    "rules",
    "upstream",
    "snapshot",
]


def layer_of(module: str) -> int:
    fits = [
        (len(name), level)
        for level, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(f"{name}.") and name != "gateway"
    ]
    assert fits, f"{module} has no layer: add it to LAYERS"
    return max(fits)[1]


def modules() -> list[str]:
    files = [*ROOT.glob("gateway/**/*.py"), *ROOT.glob("fastpath/**/*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def imported(module: str) -> set[str]:
    path = ROOT / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update((inside & set(modules())) or {node.module})
    return found


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module: str) -> None:
    own = layer_of(module)
    package = next(name for name in LAYERS[own] if module == name or module.startswith(f"{name}."))
    for name in imported(module):
        if name.split(".")[0] not in ("gateway", "fastpath"):
            continue
        below = layer_of(name) < own
        inside = name == package or name.startswith(f"{package}.")
        assert below or inside, f"{module} imports {name}, which is not below it"


@pytest.mark.parametrize("name", HOT)
def test_the_hot_side_is_free_of_the_slow_sides_libraries(name: str) -> None:
    taken = {module.split(".")[0] for module in imported(f"gateway.{name}")}
    assert not taken & set(HOT_FORBIDDEN)


def test_a_wrong_import_is_seen() -> None:
    assert layer_of("gateway.pipeline") > layer_of("gateway.relay") > layer_of("gateway.providers.base")
    assert "gateway.relay" in imported("gateway.pipeline")
