"""Files stay readable: 400 lines each; exceptions stand here with a reason, and only while they need it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 400
EXCEPTIONS: dict[str, str] = {}


def sizes() -> dict[str, int]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.pyx", "*.pxi", "*.pyi"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {name: len((ROOT / name).read_text().splitlines()) for name in listed if (ROOT / name).exists()}


def test_no_file_is_too_long() -> None:
    found = sizes()
    assert len(found) > 50
    long = {name: lines for name, lines in found.items() if lines > LIMIT and name not in EXCEPTIONS}
    assert not long


def test_exceptions_are_still_needed() -> None:
    found = sizes()
    assert not [name for name in EXCEPTIONS if found.get(name, 0) <= LIMIT]


def test_the_makefile_is_short() -> None:
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 40
