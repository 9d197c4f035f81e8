"""Looks at the machine and says what is missing, with the command that mends it."""

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from kata.waist.implementation import ROOT


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty when all is well."""

    what: str
    found: str
    remedy: str = ""
    needed: bool = True
    """Whether nothing works without it."""

    @property
    def well(self) -> bool:
        return not self.remedy


def _pinned(name: str) -> str:
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as file:
        dependencies: list[str] = tomllib.load(file)["project"]["dependencies"]
    return next(d.partition("==")[2] for d in dependencies if d.startswith(f"{name}=="))


def _package(name: str) -> Finding:
    wanted = _pinned(name)
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", "uv sync")
    return Finding(name, found, "" if found == wanted else f"uv sync   (this clone is tested with {wanted})")


def examine() -> list[Finding]:
    """All findings, in the order in which they matter."""
    version = platform.python_version()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpu = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    forks = hasattr(os, "fork") and sys.platform == "linux"
    walls = shutil.which("bwrap")
    exercises = [path for path in (ROOT / "exercises").glob("ch*.py") if os.access(path, os.W_OK)]
    return [
        Finding("Python", version, "" if sys.version_info >= (3, 11) else "uv python install 3.11"),
        *(_package(name) for name in ("tensorflow", "numpy", "hypothesis", "pytest")),
        Finding(
            "exercises/",
            f"{len(exercises)} chapters to write in",
            "" if exercises else "git checkout -- exercises   (the folder is missing or cannot be written to)",
        ),
        Finding("cores", str(cores)),
        Finding("GPU", ", ".join(gpu) or "none: the gpu laws are skipped, everything else runs", needed=False),
        Finding(
            "isolation",
            "forked children of one worker" if forks else "a process for each kata (no fork here: slower)",
            needed=False,
        ),
        Finding(
            "sandbox",
            walls or "bubblewrap is missing; only those who grade strangers' code need it",
            "" if walls else "sudo apt install bubblewrap",
            needed=False,
        ),
    ]
