"""What is built is what users get: the wheel, made from the sdist, in an empty environment."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import clean_environment

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], check=True, capture_output=True
    )
    (built,) = out.glob("headrace-*.whl")
    assert len(list(out.glob("headrace-*.tar.gz"))) == 1
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    subprocess.run(
        [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True
    )
    return folder / "bin/headrace"


def headrace(installed: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed, *command],
        cwd=installed.parent,  # away from the source tree
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_wheel_holds_what_it_needs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for module in ("_json", "_sse", "_text"):
        assert any(name.startswith(f"fastpath/{module}.") and name.endswith(".so") for name in names), module
        assert f"fastpath/{module}.pyi" in names
    assert {"gateway/registry/models.json", "gateway/brain/model.bin", "gateway/demo_prompts.jsonl"} <= set(
        names
    )
    assert {name.split("/")[0].split("-")[0] for name in names} == {"gateway", "fastpath", "headrace"}
    assert not [name for name in names if name.endswith((".pth", ".pyx", ".c"))]
    assert wheel.stat().st_size < 12_000_000


def test_the_demo_runs_from_the_wheel(installed: Path) -> None:
    done = headrace(installed, "demo", "--once", "--port", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "240 requests" in done.stdout and ", 0 failed" in done.stdout
    for part in ("prompts of kind", "model chosen", "premium model", "Overhead", "p50", "p99"):
        assert part in done.stdout


def test_the_compiled_half_is_used_and_can_be_left(installed: Path) -> None:
    for pure, compiled in (("", "True"), ("1", "False")):
        command = [
            installed.with_name("python"),
            "-c",
            "import fastpath; print(fastpath.COMPILED, fastpath.ENGINE)",
        ]
        env = clean_environment() | {"HEADRACE_PURE": pure}
        done = subprocess.run(
            command, cwd=installed.parent, env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [compiled, "re" if pure else "hyperscan"]
