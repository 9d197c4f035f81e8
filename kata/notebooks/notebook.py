"""What the cells of a notebook call: `start`, `picture`, `hint` and `judge`.

All this runs in the notebook's kernel, beside the learner's code and perhaps in a Python that lacks the tool's
dependencies (Colab's own), so it needs the standard library alone and decides nothing: a process of its own, in the
clone's environment, is given the texts of the cells and judges them (`kata.notebooks.judge`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kata.waist import tensorflow_start

ROOT = Path(__file__).resolve().parents[2]
"""The clone. `kata.waist.implementation` has it too, but needs packages that this kernel may not have."""

_NEEDED = ("tensorflow", "hypothesis", "pytest", "msgspec", "libcst", "rich", "typer")
_MISLEADING = ("MPLBACKEND", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT")
"""Variables of Jupyter's and Colab's that name what exists in the kernel's environment only, or not at all."""


class NotReady(Exception):
    """Something is missing; the text says what to do. A notebook shows the text alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def start() -> None:
    """Install what judging needs where it is missing, and import TensorFlow without its noise.

    Raises:
        NotReady: the installation fails, or this kernel has no TensorFlow.
    """
    if not _can_judge():
        _install()
    tensorflow_start.set_environment()
    try:
        with tensorflow_start.stderr_dropped():
            import tensorflow as tf
        tensorflow_start.first_operation()
    except ImportError as error:
        raise NotReady(
            f"{error}. Choose another kernel for this notebook: {ROOT / '.venv' / 'bin' / 'python'}"
        ) from None
    print(f"Ready: TensorFlow {tf.__version__}; the katas are in {ROOT}")


def picture(name: str) -> Any:
    """The picture `name` of a lesson, to be shown as the value of a cell."""
    from IPython.display import SVG

    return SVG(filename=str(ROOT / "lessons" / name))  # type: ignore[no-untyped-call]


def hint(kata: str, number: int | None = None) -> None:
    """Show the next hint for `kata`, each time one that says more; or the hint with that `number`."""
    _show(["kata.cli", "hint", kata, *([] if number is None else ["--number", str(number)])])


def judge(name: str, cells: Sequence[str] | None = None) -> None:
    """Judge what the cells define and show it as `kata check` does.

    Args:
        name: A chapter (`ch02_losses`, `ch02`), or a kata to judge it alone.
        cells: The texts of the cells, in the order in which they were executed; this notebook's when left out.
    """
    texts = json.dumps(_executed() if cells is None else list(cells))
    # The folder is this process's, so that it goes even when the judge is stopped.
    with tempfile.TemporaryDirectory(prefix="kata-notebook-", ignore_cleanup_errors=True) as folder:
        _show(["kata.notebooks.judge", name, folder], texts)


def _shell() -> Any:
    """The IPython shell that this code runs in, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _executed() -> list[str]:
    """The texts of all cells executed since the kernel started, as they were typed."""
    shell = _shell()
    if shell is None:
        raise NotReady("judge() finds cells in a notebook only; elsewhere give it their texts: judge(name, cells)")
    return list(shell.history_manager.input_hist_raw[1:])  # the first is empty, so that cell n is at place n


def _python() -> str:
    """The Python that judges: the clone's own environment where there is one."""
    own = ROOT / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    colours = {"FORCE_COLOR": "1", "COLUMNS": "100"} if _shell() else {}
    return {**environment, **colours, "PYTHONUNBUFFERED": "1"}


def _can_judge() -> bool:
    code = f"import sys, importlib.util as u; sys.exit(any(u.find_spec(name) is None for name in {_NEEDED}))"
    return subprocess.run([_python(), "-c", code], capture_output=True).returncode == 0


def _install() -> None:
    """Make the clone's environment; what is there already stays."""
    print("Installing what the katas are judged with; this takes about two minutes, once …", flush=True)
    commands = []
    if not shutil.which("uv"):
        commands.append([sys.executable, "-m", "pip", "install", "--quiet", "uv"])
    uv = ["uv"] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    commands.append([*uv, "sync", "--quiet", "--inexact"])
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
        if done.returncode:
            raise NotReady(f"{' '.join(command)} failed in {ROOT}:\n{done.stderr.strip()}")


def _show(arguments: list[str], given: str = "") -> None:
    """Run a module of the tool in the clone's environment and show its lines as they come."""
    process = subprocess.Popen(
        [_python(), "-m", *arguments],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout
    with process:
        try:
            process.stdin.write(given)
            process.stdin.close()
            for line in process.stdout:
                print(line, end="", flush=True)
        except KeyboardInterrupt:
            process.terminate()
            print("stopped")
