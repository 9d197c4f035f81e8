"""What every benchmark gives: rows, each two things measured side by side in one run, and the limit nature sets."""

import os
import platform
import subprocess
import sys
import time
from functools import cache
from importlib.metadata import version

import msgspec

from kata.waist.tensorflow_start import set_environment


class Row(msgspec.Struct, frozen=True):
    """One line of the results."""

    name: str
    measured: str
    """In what was measured, with its unit."""
    beside: str
    """The same of what it is compared with."""
    ratio: float | None
    """The second over the first: above 1 the first is better. None where nothing is compared."""
    limit: str
    """What cannot be beaten, and how far off it is."""


@cache
def an_import() -> float:
    """Seconds that a fresh Python takes to import TensorFlow: the unit; the least of three."""
    set_environment()
    return min(seconds([sys.executable, "-c", "import tensorflow"]) for _ in range(3))


def seconds(command: list[str]) -> float:
    """How long the command takes, by the clock.

    Raises:
        RuntimeError: it fails; with the end of what it said.
    """
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: {(done.stdout + done.stderr)[-1000:]}")
    return time.perf_counter() - began


def ratio(name: str, first: float, second: float, limit: str, unit: str = "s") -> Row:
    """A row that compares two times."""
    return Row(name, f"{first:.3g} {unit}", f"{second:.3g} {unit}", second / first, limit)


def machine() -> str:
    """What the figures were measured on."""
    cpu = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    found = f"{len(os.sched_getaffinity(0))} cores ({cpu or platform.machine()}), {platform.system()}"
    packages = ("tensorflow", "keras", "numpy", "hypothesis", "distributed")
    return f"{found}, Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages)
