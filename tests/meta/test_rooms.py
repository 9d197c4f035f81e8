"""The house: a module of `kata/` imports from its own room and from rooms below, never from above."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.waist.implementation import ROOT

ROOMS = ("waist", "course", "judge", "learn", "notebooks", "page", "grade", "site")
"""From the ground up. What lies directly in `kata/` are the doors, above all rooms."""
MODULES = sorted((ROOT / "kata").rglob("*.py"))


def height(path: Path) -> int:
    """How high up the room of the module at `path` is."""
    top = path.relative_to(ROOT / "kata").parts[0]
    return ROOMS.index(top) if top in ROOMS else len(ROOMS)


def imported(path: Path) -> Iterator[str]:
    """The dotted names that the module at `path` imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are written out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> int:
    """How high up the module `name`, such as `kata.waist.codec`, is."""
    return height(ROOT / Path(*name.split(".")))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    upward = [name for name in imported(path) if name.startswith("kata.") and room_of(name) > height(path)]
    assert not upward, f"{path.name} stands below what it imports"


def test_every_room_is_on_the_plan() -> None:
    assert {path.name for path in (ROOT / "kata").iterdir() if (path / "__init__.py").exists()} == set(ROOMS)


def test_tensorflow_is_imported_on_the_implementation_s_side_alone() -> None:
    users = {path.stem for path in MODULES for name in imported(path) if name.split(".")[0] in ("tensorflow", "keras")}
    assert users == {"host", "intact", "tensorflow_start", "notebook"}  # a notebook's kernel is on that side
