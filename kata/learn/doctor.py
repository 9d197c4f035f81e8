"""Looks at the machine and says what is missing, with the command that mends it."""

import contextlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kata.waist import machine, walls
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


GIB = 2**30
LEAST_DISK = 1.0  # GiB: what plots, backups and a run's temporary files may take, with room to spare
LEAST_MEMORY = 2.5  # GiB: TensorFlow's own 0.6, once for each process that judges, and the largest kata


def _disk() -> Finding:
    free = shutil.disk_usage(ROOT).free / GIB
    remedy = "" if free >= LEAST_DISK else "make room: the environment alone takes 2.5 GiB   (uv cache prune)"
    return Finding("disk", f"{free:.1f} GiB free", remedy, needed=False)


def _memory() -> Finding:
    try:
        rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(rows["MemAvailable"].split()[0]) * 1024 / GIB
    except (OSError, KeyError, ValueError):
        return Finding("memory", "cannot be told on this system", needed=False)
    remedy = "" if free >= LEAST_MEMORY else f"end other programs: judging takes up to {LEAST_MEMORY} GiB"
    return Finding("memory", f"{free:.1f} GiB free", remedy, needed=False)


def _uv() -> Finding:
    path = shutil.which("uv")
    if path is None:
        return Finding("uv", "missing; the commands of the README need it", "pip install uv", needed=False)
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return Finding("uv", version[1] if len(version) > 1 else path, needed=False)


APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
"""Where Ubuntu keeps unprivileged processes from making namespaces of their own."""


def _sandbox() -> Finding:
    """Whether the walls stand that `kata grade` puts around submissions, tried as it does."""
    reason = walls.missing()
    if not reason:
        return Finding("sandbox", "bubblewrap: a submission sees nothing of this machine", needed=False)
    found = f"none: {reason.split(' (')[0]}; only those who grade strangers' code need it"
    if platform.system() != "Linux":
        return Finding("sandbox", found, needed=False)  # there is nothing to mend
    if shutil.which("bwrap") is None:
        return Finding("sandbox", found, "sudo apt install bubblewrap", needed=False)
    with contextlib.suppress(OSError):
        if APPARMOR.read_text().strip() == "1":
            return Finding("sandbox", found, f"sudo sysctl kernel.{APPARMOR.name}=0", needed=False)
    return Finding("sandbox", found, "allow user namespaces, or grade on a machine that does", needed=False)


def examine() -> list[Finding]:
    """All findings, in the order in which they matter."""
    version = platform.python_version()
    gpu, forks = machine.gpus(), machine.forks()
    exercises = [path for path in (ROOT / "exercises").glob("ch*.py") if os.access(path, os.W_OK)]
    return [
        Finding("Python", version, "" if sys.version_info >= (3, 11) else "uv python install 3.11"),
        *(_package(name) for name in ("tensorflow", "numpy", "hypothesis", "pytest")),
        Finding(
            "exercises/",
            f"{len(exercises)} chapters to write in",
            "" if exercises else "git checkout -- exercises   (the folder is missing or cannot be written to)",
        ),
        Finding("cores", str(machine.cores())),
        _memory(),
        _disk(),
        _uv(),
        Finding("GPU", ", ".join(gpu) or "none: the gpu laws are skipped, everything else runs", needed=False),
        Finding(
            "isolation",
            "forked children of one worker" if forks else "a process for each kata (no fork here: slower)",
            needed=False,
        ),
        _sandbox(),
    ]
