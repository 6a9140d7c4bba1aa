"""One test body for both halves of fastpath.

The compiled half must be there: a test run with `HEADRACE_PURE=1` is the only one without it.
"""

import os
from importlib import import_module
from types import ModuleType

import pytest

HALVES = ["pure"] if os.environ.get("HEADRACE_PURE") == "1" else ["compiled", "pure"]


@pytest.fixture(scope="session", params=HALVES)
def half(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def fast_json(half: str) -> ModuleType:
    return import_module("fastpath._json" if half == "compiled" else "fastpath.pure.json")


@pytest.fixture(scope="session")
def fast_sse(half: str) -> ModuleType:
    return import_module("fastpath._sse" if half == "compiled" else "fastpath.pure.sse")
