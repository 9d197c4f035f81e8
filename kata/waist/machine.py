"""What this machine offers: cores, a safe fork, GPUs."""

import os
import sys
from pathlib import Path


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def forks() -> bool:
    """Whether a process may fork after it has imported TensorFlow; KATA_START=spawn says no anywhere."""
    return hasattr(os, "fork") and sys.platform == "linux" and os.environ.get("KATA_START") != "spawn"


def gpus() -> list[str]:
    """The names of the GPUs that there are devices for."""
    return sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
