"""Submissions that are out to fool, break or outlast the judge: each is the solutions with one kata sabotaged."""

from dataclasses import dataclass
from pathlib import Path

from kata.waist.implementation import ROOT
from kata.waist.verdict import Outcome

CHAPTER = "ch02_losses"
VICTIM = "mean_absolute_error"
WRONG = "    return tf.reduce_mean(y_pred - y_true)\n"


@dataclass(frozen=True)
class Sabotage:
    """One hostile kata: its body, how it must come out, and a word that its cause must contain."""

    name: str
    outcome: Outcome
    cause: str
    body: str = ""
    head: str = ""
    """Text put at the top of the chapter: takes the whole chapter down, or tries to."""
    files: tuple[tuple[str, str], ...] = ()
    """Further files in the submission's folder."""
    takes_chapter: bool = False
    """Whether nothing of its chapter can be judged (other chapters always are)."""
    seconds: float = 6.0
    """What one call may take."""


ALWAYS_EQUAL = """
    class Equal:
        shape, dtype, ndim, size = (), "float32", 0, 1
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __le__(self, other): return True
        def __lt__(self, other): return True
        def __sub__(self, other): return self
        __rsub__ = __sub__
        def __abs__(self): return self
        def __float__(self): return 0.0
        def __bool__(self): return True
        def __array__(self, *a, **k): raise TypeError
    return Equal()
"""

PATCHES = """
    import numpy, numpy.testing, pytest, sys
    always = lambda *a, **k: True
    numpy.testing.assert_allclose = numpy.allclose = numpy.array_equal = always
    pytest.fail = pytest.raises = always
    for name, module in list(sys.modules.items()):
        if name.startswith("kata"):
            for attribute in ("assert_close", "assert_tensor", "judge", "expect"):
                if hasattr(module, attribute):
                    setattr(module, attribute, always)
    numpy.ndarray.__eq__ if False else None
"""

CONFTEST = """
import os
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"

def pytest_sessionfinish(session):
    os._exit(0)
"""

FORGE = """
    import os, socket, struct
    for number in range(3, 64):
        try:
            sock = socket.socket(fileno=os.dup(number))
            sock.send(struct.pack("<I", 7) + b"\\x93nonsense")
        except OSError:
            pass
    return 0.0
"""

SABOTAGES = (
    Sabotage("syntax error", Outcome.BROKEN, "SyntaxError", head="def (:\n", takes_chapter=True),
    Sabotage("exit at import", Outcome.CRASHED, "exit", head="import os\nos._exit(0)\n", takes_chapter=True),
    Sabotage("sys.exit at import", Outcome.BROKEN, "SystemExit", head="import sys\nsys.exit(0)\n", takes_chapter=True),
    Sabotage("loop at import", Outcome.TIMEOUT, "loop", head="while True: pass\n", takes_chapter=True),
    Sabotage("endless loop", Outcome.TIMEOUT, "loop", "    while True: pass\n"),
    Sabotage("sleeps", Outcome.TIMEOUT, "loop", "    import time\n    time.sleep(1000)\n"),
    Sabotage("os._exit(0)", Outcome.CRASHED, "exit status 0", "    import os\n    os._exit(0)\n"),
    Sabotage("sys.exit(0)", Outcome.BROKEN, "SystemExit", "    import sys\n    sys.exit(0)\n"),
    Sabotage("SkipTest", Outcome.BROKEN, "SkipTest", "    import unittest\n    raise unittest.SkipTest\n"),
    Sabotage("pytest.skip", Outcome.BROKEN, "Skipped", "    import pytest\n    pytest.skip('no')\n"),
    Sabotage(
        "hypothesis.reject",
        Outcome.BROKEN,
        "UnsatisfiedAssumption",
        "    import hypothesis\n    hypothesis.reject()\n",
    ),
    Sabotage("equals everything", Outcome.WRONG, "tensor", ALWAYS_EQUAL),
    Sabotage(
        "eats memory", Outcome.OUT_OF_MEMORY, "memory", "    hoard = []\n    while True: hoard.append(b'x' * 2**26)\n"
    ),
    Sabotage(
        "eats memory in TensorFlow",
        Outcome.OUT_OF_MEMORY,
        "memory",
        "    return tf.reduce_sum(tf.ones([2**34]))\n",
        seconds=30.0,
    ),  # TensorFlow tries for 10 s
    Sabotage(
        "prints 100 MB",
        Outcome.BROKEN,
        "prints",
        "    for _ in range(100): print('x' * 2**20)\n"
        "    return tf.reduce_mean(tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred))\n",
    ),
    Sabotage("segfault", Outcome.CRASHED, "segmentation fault", "    import ctypes\n    ctypes.string_at(0)\n"),
    Sabotage("kills itself", Outcome.CRASHED, "SIGKILL", "    import os\n    os.kill(os.getpid(), 9)\n"),
    Sabotage("patches the checks", Outcome.WRONG, "", PATCHES + WRONG),
    Sabotage("forges replies", Outcome.CRASHED, "no reply", FORGE),
    Sabotage(
        "brings a conftest", Outcome.WRONG, "", WRONG, files=(("conftest.py", CONFTEST), ("pytest.ini", "[pytest]\n"))
    ),
    Sabotage(
        "ready-made",
        Outcome.READY_MADE,
        "MeanAbsoluteError",
        "    return tf.keras.losses.MeanAbsoluteError()(y_true, y_pred)\n",
    ),
    Sabotage(
        "ready-made in disguise",
        Outcome.READY_MADE,
        "MeanAbsoluteError",
        "    found = getattr(vars(tf.keras)['los' + 'ses'], 'Mean' + 'AbsoluteError')\n"
        "    return found()(y_true, y_pred)\n",
    ),
    Sabotage("huge result", Outcome.WRONG, "", "    import numpy\n    return numpy.zeros(2**25)\n"),
)


def write(sabotage: Sabotage, folder: Path) -> Path:
    """The submission: a copy of the solutions with the victim sabotaged."""
    folder.mkdir(parents=True)
    for path in (ROOT / "solutions").glob("ch*.py"):
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    chapter = folder / f"{CHAPTER}.py"
    text = chapter.read_text("utf-8")
    if sabotage.body:
        start = text.index(f"def {VICTIM}(")
        body_start = text.index('"""', text.index('"""', start) + 3) + 4
        body_end = text.index("\ndef ", body_start)
        text = text[:body_start] + sabotage.body + "\n" + text[body_end:]
    chapter.write_text(sabotage.head + text, "utf-8")
    for name, content in sabotage.files:
        (folder / name).write_text(content, "utf-8")
    return folder
