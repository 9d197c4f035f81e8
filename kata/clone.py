"""Which clone a command is about: the one that the package stands in, or, where it was installed apart, the one here.

`pip install .` copies the package away from `exercises/`, `lessons/` and the rest. Then the clone that the command is
called from runs its own copy, so that tool and katas are of one version.
"""

import os
import sys
from pathlib import Path

from kata.waist.implementation import ROOT

REMEDY = (
    "this is no clone of the katas, and none is above it: the package alone has no exercises. "
    "Get them with `git clone`, and call `kata` in there"
)


def is_clone(folder: Path) -> bool:
    """Whether the folder is a clone: katas to write, laws, and the tool."""
    parts = ("exercises", "tests", "kata/cli.py")
    return all((folder / part).exists() for part in parts) and any(
        (folder / source).exists()
        for source in ("solutions", "stubs")  # the course, or a student edition of it
    )


def clone_at(folder: Path) -> Path | None:
    """The clone that the folder is in; None where it is in none."""
    return next((above for above in (folder, *folder.parents) if is_clone(above)), None)


def change_to(clone: Path, module: str, arguments: list[str]) -> None:
    """Run `python -m module` from the clone's own package in the place of this process. It does not return."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(clone), *([before] if before else [])])
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, "PYTHONPATH": path})


def enter(module: str, arguments: list[str]) -> str:
    """Go to the clone that is called from, unless the package stands in one; what is wrong if there is none."""
    if is_clone(ROOT):
        return ""
    found = clone_at(Path.cwd())
    if found is None:
        return REMEDY
    change_to(found, module, arguments)
    raise AssertionError("unreachable")
