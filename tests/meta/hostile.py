"""Submissions that are out to fool, break or outlast the judge: each is the solutions with one kata sabotaged.

Some are nobody's fault, and many do nothing wrong but once; each says how it must come out, and why.
"""

from dataclasses import dataclass
from pathlib import Path

from kata.waist.implementation import ROOT
from kata.waist.verdict import Outcome

CHAPTER = "ch02_losses"
VICTIM = "mean_absolute_error"
WRONG = "    return tf.reduce_mean(y_pred - y_true)\n"
RIGHT = "    y_true, y_pred = as_tensors(y_true, y_pred)\n    return tf.reduce_mean(tf.abs(y_true - y_pred))\n"


@dataclass(frozen=True)
class Sabotage:
    """One hostile kata: its body, how it must come out, and a word that its cause must contain."""

    name: str
    outcome: Outcome
    cause: str
    body: str = ""
    head: str = ""
    """Text put at the top of the chapter: takes the whole chapter down, or tries to."""
    tail: str = ""
    """Text put at the end of the chapter."""
    replaced: tuple[str, str] = ("", "")
    """A piece of the chapter's text, and what stands in its place."""
    encoding: str = "utf-8"
    newline: str = "\n"
    files: tuple[tuple[str, str], ...] = ()
    """Further files in the submission's folder."""
    is_missing: bool = False
    """Whether the chapter is not handed in at all."""
    takes_chapter: bool = False
    """Whether nothing of its chapter can be judged (other chapters always are)."""
    seconds: float = 6.0
    """What one call may take."""
    or_else: tuple[Outcome, ...] = ()
    """Outcomes that are right as well, where the kernel decides which it is."""


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

RECURS = """
    import numpy
    class Recurs(numpy.ndarray):
        def __array_finalize__(self, other): self.deeper = 1
        def __len__(self): return len(self)
        def __repr__(self): return repr(self)
        def __eq__(self, other): return self == other
        def __array__(self, *a, **k): return self.__array__()
        @property
        def dtype(self): return self.dtype
        @property
        def nbytes(self): return self.nbytes
    return numpy.zeros(3).view(Recurs)
"""

PATCHES = """
    import numpy, numpy.testing, pytest
    always = lambda *a, **k: True
    numpy.testing.assert_allclose = numpy.allclose = numpy.array_equal = always
    pytest.fail = pytest.raises = always
"""

CHECKS = """
    import sys
    always = lambda *a, **k: True
    for name, module in list(sys.modules.items()):
        if name.startswith("kata"):
            for attribute in ("assert_close", "assert_tensor", "judge", "expect"):
                if hasattr(module, attribute):
                    setattr(module, attribute, always)
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

HUNT = """
    import os, sys
    marks = [b"tf.reduce_mean(tf.abs(" + b"y_true - y_pred))", b"SQLite " + b"format 3"]
    def looked_at(path):
        try:
            with open(path, "rb") as file:
                text = file.read(2**21)
        except OSError:
            return
        if any(mark in text for mark in marks) and b"marks = [" not in text:
            os._exit(99)
    def walked(*roots):
        for root in roots:
            for folder, folders, names in os.walk(root):
                folders[:] = [name for name in folders if name not in ("site-packages", "lib", "usr", "sys", "proc")]
                for name in names:
                    looked_at(os.path.join(folder, name))
"""
"""Ends its process with status 99 as soon as it has found what it should not."""

LEFT = """
import glob, os, socket, sys, tempfile, time
def _found():
    if glob.glob("/tmp/left*") + glob.glob("/dev/shm/left*"):
        return True
    with open("/proc/sysvipc/shm") as file:
        if len(file.readlines()) > 1:
            return True
    with open("/proc/net/unix") as file:
        return "left" in file.read()
if _found():
    os._exit(99)
for _folder in ("/tmp", "/dev/shm"):
    with open(_folder + "/left", "w") as _file:
        _file.write("left")
_socket = socket.socket(socket.AF_UNIX)
_socket.bind("\\0left")
_socket.listen()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _number in range(3, 256):
            if _number != _socket.fileno():
                try:
                    os.close(_number)
                except OSError:
                    pass
        time.sleep(1000)
    os._exit(0)
"""

SHARED = """
import _posixshmem, mmap, os
if os.listdir("/dev/shm"):
    os._exit(99)
_block = _posixshmem.shm_open("/left", os.O_CREAT | os.O_RDWR, 0o600)
os.ftruncate(_block, 2**20)
mmap.mmap(_block, 2**20)[:4] = b"left"
"""

_REPLY = """
import os, socket, struct
def _frame(value=0.0):
    array = b"\\x95\\x04\\xa6tensor\\xa7float32\\x90\\xc4\\x04" + struct.pack("<f", value)
    data = b"\\x93\\xa8returned" + array + b"\\x90"
    return struct.pack("<I", len(data)) + data
def _tell(data, flags=0):
    for number in range(3, 64):
        try:
            socket.socket(fileno=os.dup(number)).send(data, flags)
        except OSError:
            pass
"""

_MAE = "getattr(getattr(keras, 'los' + 'ses'), 'mean_absolute' + '_error')"
_CLASS = "getattr(getattr(tf.keras, 'los' + 'ses'), 'MeanAbsolute' + 'Error')"


def _in_disguise(name: str, body: str, head: str = "", **more: object) -> "Sabotage":
    return Sabotage(name, Outcome.READY_MADE, "", body, head=head, **more)  # type: ignore[arg-type]


BROKEN_BY_MISTAKE = (
    Sabotage("syntax error", Outcome.BROKEN, "SyntaxError", head="def (:\n", takes_chapter=True),
    Sabotage("tabs beside spaces", Outcome.BROKEN, "TabError", "    if True:\n\treturn 0.0\n", takes_chapter=True),
    Sabotage(
        "Latin-1 without saying so",
        Outcome.BROKEN,
        "SyntaxError",
        tail="# größer\n",
        encoding="latin-1",
        takes_chapter=True,
    ),
    Sabotage(
        "Latin-1 and said so", Outcome.SOLVED, "", head="# coding: latin-1\n", tail="# größer\n", encoding="latin-1"
    ),
    Sabotage("UTF-16", Outcome.BROKEN, "", encoding="utf-16", takes_chapter=True),
    Sabotage("a byte order mark", Outcome.SOLVED, "", encoding="utf-8-sig"),
    Sabotage("lines of Windows", Outcome.SOLVED, "", newline="\r\n"),
    Sabotage("lines of an old Mac", Outcome.SOLVED, "", newline="\r"),
    Sabotage("no chapter", Outcome.MISSING, "no file", is_missing=True, takes_chapter=True),
    Sabotage("an empty chapter", Outcome.BROKEN, "defines no", replaced=("*", ""), takes_chapter=True),
    Sabotage("a renamed kata", Outcome.BROKEN, "defines no", replaced=(f"def {VICTIM}(", "def mean_absolut_error(")),
    Sabotage(
        "another signature",
        Outcome.BROKEN,
        "TypeError",
        replaced=(f"def {VICTIM}(y_true: TensorLike, y_pred: TensorLike)", f"def {VICTIM}(y_true)"),
    ),
    Sabotage("no function at all", Outcome.BROKEN, "TypeError", tail=f"{VICTIM} = 3\n"),
    Sabotage(
        "a helper that was not handed in",
        Outcome.BROKEN,
        "ModuleNotFoundError",
        head="from exercises.helpers import mean\n",
        takes_chapter=True,
    ),
    Sabotage("endless recursion", Outcome.BROKEN, "RecursionError", f"    return {VICTIM}(y_true, y_pred)\n"),
    Sabotage("a huge number", Outcome.BROKEN, "SyntaxError", tail=f"HUGE = {'9' * 6000}\n", takes_chapter=True),
    Sabotage("deep brackets", Outcome.BROKEN, "", tail=f"DEEP = {'(' * 5000}{')' * 5000}\n", takes_chapter=True),
    Sabotage("deep signs", Outcome.BROKEN, "", tail=f"DEEP = {'-' * 100_000}1\n", takes_chapter=True),
    Sabotage("a deep sum", Outcome.BROKEN, "", tail=f"DEEP = {'1 + ' * 50_000}1\n", takes_chapter=True),
    Sabotage("a deep name", Outcome.BROKEN, "", tail=f"DEEP = tf{'.x' * 50_000}\n", takes_chapter=True),
    Sabotage("NUL bytes", Outcome.BROKEN, "", tail="# \0\n", takes_chapter=True),
    Sabotage(
        "an `if` that AutoGraph has to read",
        Outcome.SOLVED,
        "",
        "    y_true, y_pred = as_tensors(y_true, y_pred)\n    error = tf.reduce_mean(tf.abs(y_true - y_pred))\n"
        "    if error < 0.0:\n        return -error\n    return error\n",
    ),
    Sabotage("a very long line", Outcome.SOLVED, "", tail=f"# {'x' * 900_000}\n"),
    Sabotage("a file too large", Outcome.BROKEN, "bytes", tail=f"# {'x' * 2**21}\n", takes_chapter=True),
)

EXITS = (
    Sabotage("exit at import", Outcome.CRASHED, "exit", head="import os\nos._exit(0)\n", takes_chapter=True),
    Sabotage("sys.exit at import", Outcome.BROKEN, "SystemExit", head="import sys\nsys.exit(0)\n", takes_chapter=True),
    Sabotage("loop at import", Outcome.TIMEOUT, "loop", head="while True: pass\n", takes_chapter=True, seconds=2.0),
    Sabotage("endless loop", Outcome.TIMEOUT, "loop", "    while True: pass\n", seconds=2.0),
    Sabotage("sleeps", Outcome.TIMEOUT, "loop", "    import time\n    time.sleep(1000)\n", seconds=0.5),
    Sabotage("stops itself", Outcome.TIMEOUT, "loop", "    import os\n    os.kill(os.getpid(), 19)\n", seconds=0.5),
    Sabotage(
        "a loop that ignores signals",
        Outcome.TIMEOUT,
        "loop",
        "    import signal\n    for number in range(1, 32):\n        if number not in (9, 19):\n"
        "            signal.signal(number, signal.SIG_IGN)\n    while True: pass\n",
        seconds=2.0,
    ),
    Sabotage("a loop in C", Outcome.TIMEOUT, "loop", "    return sum(range(10**13))\n", seconds=2.0),
    Sabotage("os._exit(0)", Outcome.CRASHED, "exit status 0", "    import os\n    os._exit(0)\n"),
    Sabotage("sys.exit(0)", Outcome.BROKEN, "SystemExit", "    import sys\n    sys.exit(0)\n"),
    Sabotage("an interrupt", Outcome.BROKEN, "KeyboardInterrupt", "    raise KeyboardInterrupt\n"),
    Sabotage("SkipTest", Outcome.BROKEN, "SkipTest", "    import unittest\n    raise unittest.SkipTest\n"),
    Sabotage("pytest.skip", Outcome.BROKEN, "Skipped", "    import pytest\n    pytest.skip('no')\n"),
    Sabotage(
        "hypothesis.reject",
        Outcome.BROKEN,
        "UnsatisfiedAssumption",
        "    import hypothesis\n    hypothesis.reject()\n",
    ),
    Sabotage(
        "hypothesis.reject in a graph",
        Outcome.BROKEN,
        "",
        "    import hypothesis\n    @tf.function\n    def run(): hypothesis.reject()\n    run()\n",
    ),
    Sabotage(
        "SystemExit while it is thrown away",
        Outcome.SOLVED,
        "",
        "    class Bomb:\n        def __del__(self): raise SystemExit(0)\n    Bomb()\n" + RIGHT,
    ),
    Sabotage("atexit", Outcome.SOLVED, "", RIGHT, head="import atexit, os\natexit.register(os._exit, 0)\n"),
    Sabotage("an abort", Outcome.CRASHED, "abort", "    import os\n    os.abort()\n"),
    Sabotage(
        "segfault", Outcome.CRASHED, "segmentation fault", "    import faulthandler\n    faulthandler._sigsegv()\n"
    ),
    Sabotage("kills itself", Outcome.CRASHED, "SIGKILL", "    import os\n    os.kill(os.getpid(), 9)\n"),
    Sabotage("kills its group", Outcome.CRASHED, "SIGKILL", "    import os\n    os.killpg(0, 9)\n"),
    Sabotage(
        "kills all others",
        Outcome.SOLVED,
        "",
        "    import os\n    try: os.kill(-1, 9)\n    except OSError: pass\n" + RIGHT,
    ),
    Sabotage(
        "an alarm",
        Outcome.CRASHED,
        "SIGALRM",
        "    import signal, time\n    signal.setitimer(signal.ITIMER_REAL, 0.1)\n    time.sleep(3)\n",
    ),
    Sabotage(
        "a thread that goes on",
        Outcome.SOLVED,
        "",
        RIGHT,
        head="import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n",
    ),
)

RESOURCES = (
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
        "eats memory in children",
        Outcome.OUT_OF_MEMORY,
        "memory",
        "    import os, time\n    for _ in range(6):\n        if os.fork() == 0:\n"
        "            hoard = [b'x' * 2**26 for _ in range(6)]\n            time.sleep(1000)\n    time.sleep(1000)\n",
    ),
    Sabotage("prints 100 MB", Outcome.BROKEN, "prints", "    for _ in range(100): print('x' * 2**20)\n" + RIGHT),
    Sabotage(
        "prints 100 MB as errors",
        Outcome.BROKEN,
        "prints",
        "    import sys\n    for _ in range(100): sys.stderr.write('x' * 2**20)\n" + RIGHT,
    ),
    Sabotage(
        "writes 100 MB past Python",
        Outcome.BROKEN,
        "prints",
        "    import os\n    for _ in range(1600): os.write(1, b'x' * 2**16)\n" + RIGHT,
    ),
    Sabotage(
        "fills the disk",
        Outcome.BROKEN,
        "OSError",
        "    for number in range(100):\n        with open(f'/tmp/{number}', 'wb') as file: file.write(bytes(2**24))\n",
    ),
    Sabotage(
        "a file without end",
        Outcome.BROKEN,
        "OSError",
        "    with open('/tmp/file', 'wb') as file:\n        while True: file.write(bytes(2**24))\n",
    ),
    Sabotage(
        "files without end",
        Outcome.BROKEN,
        "OSError",
        "    for number in range(10**7): open(f'/tmp/{number}', 'w').close()\n",
        seconds=15.0,
    ),
    Sabotage(
        "processes without end",
        Outcome.CRASHED,
        "",
        "    import os\n    while True: os.fork()\n",
        or_else=(Outcome.BROKEN,),
    ),
    Sabotage(
        "threads without end",
        Outcome.BROKEN,
        "",
        "    import threading, time\n"
        "    while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n",
        or_else=(Outcome.CRASHED, Outcome.OUT_OF_MEMORY),
    ),
    Sabotage(
        "descriptors without end",
        Outcome.BROKEN,
        "Too many open files",
        "    hoard = []\n    while True: hoard.append(open('/dev/null'))\n",
    ),
    Sabotage("huge result", Outcome.WRONG, "", "    import numpy\n    return numpy.zeros(2**25)\n"),
    Sabotage("a long text", Outcome.WRONG, "", "    return _LONG\n", head="_LONG = 'x' * (2**26 + 1)\n"),
    Sabotage(
        "a long list",
        Outcome.TIMEOUT,
        "",
        "    return _LONG\n",
        head="_LONG = [0.5] * 2**24\n",
        or_else=(Outcome.OUT_OF_MEMORY, Outcome.WRONG),
        seconds=1.0,
    ),
    Sabotage("a long number", Outcome.WRONG, "", "    return 1 << 10**7\n"),
    Sabotage(
        "a deep result",
        Outcome.BROKEN,
        "RecursionError",
        "    deep = []\n    for _ in range(10**5): deep = [deep]\n    return deep\n",
    ),
    Sabotage(
        "a result that holds itself",
        Outcome.BROKEN,
        "RecursionError",
        "    deep = []\n    deep.append(deep)\n    return deep\n",
    ),
    Sabotage("a long exception", Outcome.BROKEN, "ValueError", "    raise ValueError('x' * 2**27)\n"),
    Sabotage(
        "an exception without a text",
        Outcome.BROKEN,
        "Silent",
        "    class Silent(Exception):\n        def __str__(self): return str(self)\n    raise Silent\n",
    ),
    Sabotage(
        "an exception that exits",
        Outcome.BROKEN,
        "Loud",
        "    class Loud(Exception):\n        def __str__(self): raise SystemExit(0)\n    raise Loud\n",
    ),
    Sabotage("equals everything", Outcome.WRONG, "tensor", ALWAYS_EQUAL),
    Sabotage("a result that recurs", Outcome.WRONG, "", RECURS, or_else=(Outcome.BROKEN,)),
)

TAMPERING = (
    Sabotage("patches numpy", Outcome.BROKEN, "numpy.allclose", PATCHES + WRONG),
    Sabotage(
        "brings a conftest", Outcome.WRONG, "", WRONG, files=(("conftest.py", CONFTEST), ("pytest.ini", "[pytest]\n"))
    ),
    Sabotage("patches the checks", Outcome.READY_MADE, "modules", CHECKS + WRONG),
    Sabotage(
        "patches the codec",
        Outcome.READY_MADE,
        "kata",
        "    import kata.waist.worker as worker\n    worker.encode = None\n" + WRONG,
    ),
    Sabotage(
        "replies instead of the host",
        Outcome.WRONG,
        "",
        "    worker = getattr(__import__('sys'), 'mod' + 'ules')['__main__']\n"
        "    worker.encode = lambda reply: _frame(0.0)[4:]\n" + RIGHT,
        head=_REPLY,
    ),
    Sabotage(
        "patches the built-ins",
        Outcome.WRONG,
        "",
        "    import builtins\n    builtins.isinstance = lambda *a: True\n    builtins.all = lambda *a: True\n" + WRONG,
        or_else=(Outcome.BROKEN, Outcome.CRASHED),
    ),
    Sabotage(
        "patches TensorFlow",
        Outcome.BROKEN,
        "tf.function",
        "    return tf.constant(float(tf.reduce_mean(tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred)).numpy()))\n",
        tail="tf.function = lambda function=None, **options: function or (lambda f: f)\n",
        takes_chapter=True,
    ),
    Sabotage(
        "runs functions eagerly",
        Outcome.BROKEN,
        "",
        "    y_true, y_pred = as_tensors(y_true, y_pred)\n    tf.config.run_functions_eagerly(True)\n"
        "    y_pred.numpy()\n    return tf.reduce_mean(tf.abs(y_true - y_pred))\n",
        tail="tf.config.run_functions_eagerly(True)\n",
    ),
    Sabotage(
        "patches the tape",
        Outcome.BROKEN,
        "tf.GradientTape",
        WRONG,
        tail="tf.GradientTape = None\n",
        takes_chapter=True,
    ),
    Sabotage(
        "patches imports", Outcome.SOLVED, "", RIGHT, tail="import sys\nsys.path.clear()\nsys.path_hooks.clear()\n"
    ),
    Sabotage("no collector", Outcome.SOLVED, "", RIGHT, tail="import gc\ngc.disable()\ngc.freeze()\ngc.collect()\n"),
    Sabotage(
        "seeds what is random",
        Outcome.SOLVED,
        "",
        "    import random\n    random.seed(1)\n    tf.random.set_seed(1)\n" + RIGHT,
    ),
    Sabotage(
        "leaves another policy",
        Outcome.SOLVED,
        "",
        RIGHT,
        tail="keras.mixed_precision.set_global_policy('mixed_float16')\nkeras.config.set_floatx('float64')\n",
    ),
    Sabotage(
        "no eager execution",
        Outcome.WRONG,
        "symbolic",
        RIGHT,
        tail="tf.compat.v1.disable_eager_execution()\n",
        takes_chapter=True,
    ),
    Sabotage(
        "handles signals",
        Outcome.SOLVED,
        "",
        RIGHT,
        tail="import signal\nfor _n in (1, 2, 3, 10, 12, 14, 15): signal.signal(_n, lambda *a: None)\n",
    ),
    Sabotage(
        "looks for the host among all objects",
        Outcome.READY_MADE,
        "gc.get_objects",
        "    import gc\n    found = [one for one in gc.get_objects() if type(one).__name__ == 'Host']\n" + RIGHT,
    ),
    Sabotage(
        "looks for the host among all objects, in disguise",
        Outcome.READY_MADE,
        "gc.get_objects",
        "    found = getattr(__import__('g' + 'c'), 'get_' + 'objects')()\n" + RIGHT,
    ),
    Sabotage(
        "looks for the host in frames",
        Outcome.READY_MADE,
        "_getframe",
        "    frame = getattr(__import__('s' + 'ys'), '_get' + 'frame')(1)\n"
        "    host = getattr(frame, 'f_' + 'locals').get('self')\n" + RIGHT,
    ),
    Sabotage(
        "looks for the host in a traceback",
        Outcome.READY_MADE,
        "tb_frame",
        "    try: raise ValueError\n    except ValueError as error: trace = error.__traceback__\n"
        "    host = getattr(getattr(trace, 'tb_' + 'frame'), 'f_' + 'back')\n" + RIGHT,
    ),
)

FORGERIES = (
    Sabotage("forges replies", Outcome.CRASHED, "no reply", FORGE),
    Sabotage(
        "valid replies ahead",
        Outcome.WRONG,
        "",
        "    _tell(_frame() * 50)\n" + RIGHT,
        head=_REPLY,
        or_else=(Outcome.CRASHED,),
    ),
    Sabotage(
        "half a reply", Outcome.CRASHED, "no reply", "    _tell(_frame()[:7])\n" + RIGHT, head=_REPLY, seconds=1.0
    ),
    Sabotage(
        "a reply too long", Outcome.CRASHED, "no reply", "    _tell(struct.pack('<I', 2**31))\n" + RIGHT, head=_REPLY
    ),
    Sabotage(
        "replies at import",
        Outcome.WRONG,
        "",
        RIGHT,
        takes_chapter=True,
        head=_REPLY + "_tell(_frame() * 500)\n",
        or_else=(Outcome.CRASHED,),
    ),
    Sabotage(
        "replies from a process of its own",
        Outcome.CRASHED,
        "",
        "    if os.fork() == 0:\n        while True: _tell(_frame())\n    import time\n    time.sleep(0.2)\n" + RIGHT,
        head=_REPLY,
        or_else=(Outcome.WRONG,),
    ),
    Sabotage(
        "closes its descriptors",
        Outcome.CRASHED,
        "",
        "    import os\n    os.closerange(0, 256)\n" + RIGHT,
        or_else=(Outcome.BROKEN,),
    ),
    Sabotage(
        "shuts the connection",
        Outcome.CRASHED,
        "closed connection",
        "    import os, socket\n    for number in range(3, 64):\n"
        "        try: socket.socket(fileno=os.dup(number)).shutdown(2)\n        except OSError: pass\n" + RIGHT,
    ),
    Sabotage(
        "takes the questions away",
        Outcome.SOLVED,
        "",
        "    for number in range(3, 64):\n"
        "        try: socket.socket(fileno=os.dup(number)).recv(2**20, 0x40)\n        except OSError: pass\n" + RIGHT,
        head=_REPLY,
        or_else=(Outcome.TIMEOUT, Outcome.CRASHED, Outcome.WRONG),
        seconds=1.0,
    ),
    Sabotage(
        "gives orders to the worker",
        Outcome.CRASHED,
        "no reply",
        '    _tell(b\'{"do":"end","pid":1,"patience":0}\')\n' + RIGHT,
        head=_REPLY,
    ),
    Sabotage(
        "opens the others' descriptors",
        Outcome.SOLVED,
        "",
        "    import signal\n    for pid in [int(n) for n in os.listdir('/proc') if n.isdecimal()]:\n"
        "        if pid == os.getpid() or str(pid) == os.readlink('/proc/self'): continue\n"
        "        try:\n            number = os.pidfd_open(pid)\n"
        "            try: signal.pidfd_send_signal(number, 9)\n            finally: os.close(number)\n"
        "        except OSError: pass\n"
        "        for other in range(64):\n"
        "            try: number = os.open(f'/proc/{pid}/fd/{other}', os.O_WRONLY)\n"
        "            except OSError: continue\n"
        "            os.write(number, b'x')\n            os.close(number)\n" + RIGHT,
        head=_REPLY,
    ),
)

READING = (
    Sabotage(
        "imports the solutions",
        Outcome.BROKEN,
        "ModuleNotFoundError",
        "    from solutions import ch02_losses\n    return ch02_losses.mean_absolute_error(y_true, y_pred)\n",
    ),
    Sabotage(
        "imports the oracles",
        Outcome.BROKEN,
        "ModuleNotFoundError",
        "    from tests.oracles import ch02_losses\n    return ch02_losses.mean_absolute_error(y_true, y_pred)\n",
    ),
    Sabotage(
        "opens the solutions",
        Outcome.BROKEN,
        "FileNotFoundError",
        f"    open({str(ROOT / 'solutions' / 'ch02_losses.py')!r})\n",
    ),
    Sabotage(
        "looks everywhere",
        Outcome.WRONG,
        "",
        HUNT
        + "    walked('/tool', '/root', '/home', '/tmp', '/dev/shm', '/var', '/etc', '/srv', '/opt')\n"
        + f"    walked({str(ROOT)!r}, {str(ROOT.parent)!r})\n"
        + WRONG,
        seconds=30.0,
    ),
    Sabotage(
        "looks through other processes",
        Outcome.WRONG,
        "",
        HUNT
        + "    own = os.readlink('/proc/self')\n"
        + "    for pid in [name for name in os.listdir('/proc') if name.isdecimal()]:\n"
        f"        for path in ({str(ROOT / 'solutions' / 'ch02_losses.py')!r}, '/tool/solutions/ch02_losses.py'):\n"
        "            looked_at(f'/proc/{pid}/root{path}')\n"
        "            looked_at(f'/proc/{pid}/cwd/../{path}')\n"
        "        for number in range(64): pid == own or looked_at(f'/proc/{pid}/fd/{number}')\n"
        "        for name in ('mem', 'environ', 'cmdline'): looked_at(f'/proc/{pid}/{name}')\n" + WRONG,
    ),
    Sabotage(
        "looks through modules and lines",
        Outcome.WRONG,
        "",
        HUNT + "    import linecache\n    for name in list(linecache.cache): looked_at(name)\n"
        "    for module in list(getattr(sys, 'mod' + 'ules').values()):\n"
        "        file = getattr(module, '__file__', None) or ''\n"
        "        if 'site-packages' not in file and '/lib/' not in file: looked_at(file)\n" + WRONG,
    ),
    Sabotage(
        "looks through shared memory and sockets",
        Outcome.WRONG,
        "",
        HUNT + "    import socket\n    walked('/dev/shm', '/dev/mqueue')\n"
        "    for line in open('/proc/net/unix').read().splitlines()[1:]:\n        os._exit(99)\n"
        "    if len(open('/proc/sysvipc/shm').readlines()) > 1: os._exit(99)\n"
        "    for port in (22, 80, 443, 5432, 8000, 8080):\n"
        "        try: socket.create_connection(('127.0.0.1', port), timeout=1)\n        except OSError: continue\n"
        "        os._exit(99)\n" + WRONG,
    ),
    Sabotage(
        "looks at the environment",
        Outcome.WRONG,
        "",
        HUNT + "    if {'USER', 'PYTEST_CURRENT_TEST', 'VIRTUAL_ENV'} & set(os.environ): os._exit(99)\n"
        "    if [name for name in os.listdir('/tmp') if 'autograph' not in name]: os._exit(99)\n" + WRONG,
    ),
)

LEAVING = (
    Sabotage("leaves files, a process and a socket", Outcome.SOLVED, "", RIGHT, head=LEFT),
    Sabotage("leaves shared memory", Outcome.SOLVED, "", RIGHT, head=SHARED),
)

DISGUISES = (
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
    _in_disguise(
        "in a declared encoding",
        "    return tf.keras.losses.MeanAbsoluteError()(y_true, y_pred)\n",
        "# coding: latin-1\n# größer\n",
        encoding="latin-1",
    ),
    _in_disguise(
        "by importlib",
        "    import importlib\n    found = importlib.import_module('keras.src.los' + 'ses.losses')\n"
        "    return tf.reduce_mean(found.mean_absolute_error(y_true, y_pred))\n",
    ),
    _in_disguise(
        "in code of another file",
        "    space = {'made': " + _MAE + "}\n"
        "    exec(compile('def run(a, b): return made(a, b)', tf.__file__, 'exec'), space)\n"
        "    return tf.reduce_mean(space['run'](y_true, y_pred))\n",
    ),
    _in_disguise(
        "in code of a module of Keras",
        "    module = __import__('keras.src.losses.losses', fromlist=['x'])\n"
        "    exec(compile('def run(a, b): return mean_absolute_error(a, b)', module.__file__, 'exec'), vars(module))\n"
        "    return tf.reduce_mean(module.run(y_true, y_pred))\n",
    ),
    _in_disguise(
        "by functools.partial",
        f"    import functools\n    return tf.reduce_mean(functools.partial({_MAE}, y_true)(y_pred))\n",
    ),
    _in_disguise("by map", f"    return tf.reduce_mean(list(map({_MAE}, [y_true], [y_pred]))[0])\n"),
    _in_disguise(
        "by operator.methodcaller",
        "    import operator\n    call = operator.methodcaller('mean_absolute' + '_error', y_true, y_pred)\n"
        "    return tf.reduce_mean(call(getattr(keras, 'los' + 'ses')))\n",
    ),
    _in_disguise("by a subclass", f"    class Own({_CLASS}): pass\n    return Own()(y_true, y_pred)\n"),
    _in_disguise(
        "by its code",
        f"    import types\n    made = {_MAE}\n    while hasattr(made, '__wrapped__'): made = made.__wrapped__\n"
        "    def own(a, b): pass\n    code = getattr(made, '__co' + 'de__')\n"
        "    own = types.FunctionType(code, vars(__import__('keras.src.losses.losses', fromlist='x')))\n"
        "    return tf.reduce_mean(own(y_true, y_pred))\n",
    ),
    _in_disguise(
        "by eval", "    return tf.reduce_mean(eval('tf.keras.los' + 'ses.mean_absolute_' + 'error(y_true, y_pred)'))\n"
    ),
    _in_disguise(
        "by pickle",
        "    import pickle\n"
        "    made = pickle.loads(b'ckeras.src.los' + b'ses.losses\\nmean_absolute_' + b'error\\n.')\n"
        "    return tf.reduce_mean(made(y_true, y_pred))\n",
    ),
    _in_disguise(
        "by a weak reference", f"    import weakref\n    return tf.reduce_mean(weakref.ref({_MAE})()(y_true, y_pred))\n"
    ),
    _in_disguise(
        "in a thread",
        f"    import threading\n    found, made = [], {_MAE}\n"
        "    thread = threading.Thread(target=lambda: found.append(made(y_true, y_pred)))\n"
        "    thread.start()\n    thread.join()\n    return tf.reduce_mean(found[0])\n",
    ),
    _in_disguise(
        "as a thread's target",
        f"    import threading\n    found, made = [], {_MAE}\n"
        "    from concurrent.futures import ThreadPoolExecutor\n"
        "    with ThreadPoolExecutor(1) as pool: return tf.reduce_mean(pool.submit(made, y_true, y_pred).result())\n",
    ),
    _in_disguise(
        "as a callback of py_function",
        f"    y_true, y_pred = as_tensors(y_true, y_pred)\n    made = {_MAE}\n"
        "    run = tf.function(lambda a, b: tf.py_function(made, [a, b], a.dtype))\n"
        "    return tf.reduce_mean(run(y_true, y_pred))\n",
    ),
    _in_disguise(
        "as a callback of map_structure",
        f"    return tf.reduce_mean(tf.nest.map_structure({_MAE}, y_true, y_pred))\n",
    ),
    _in_disguise(
        "inside tf.function",
        "    @tf.function\n    def run(a, b): return "
        + _MAE
        + "(a, b)\n    return tf.reduce_mean(run(y_true, y_pred))\n",
    ),
    _in_disguise(
        "loaded once more",
        "    import importlib\n    module = importlib.reload(importlib.import_module('keras.src.los' + 'ses.losses'))\n"
        "    return tf.reduce_mean(module.mean_absolute_error(y_true, y_pred))\n",
    ),
    _in_disguise(
        "tried until it works",
        f"    made = {_MAE}\n    for _ in range(2):\n"
        "        try: return tf.reduce_mean(made(y_true, y_pred))\n        except BaseException: pass\n" + RIGHT,
    ),
    _in_disguise(
        "in a helper's file",
        "    from exercises.ch03_optimizers import helper\n    return helper(y_true, y_pred)\n",
        files=(
            (
                "ch03_optimizers.py",
                f"import tensorflow as tf\nimport keras\ndef helper(a, b): return tf.reduce_mean({_MAE}(a, b))\n",
            ),
        ),
    ),
    _in_disguise(
        "only after some calls",
        f"    _count.append(0)\n    if len(_count) > 5: return tf.reduce_mean({_MAE}(y_true, y_pred))\n" + RIGHT,
        "_count = []\n",
    ),
    Sabotage(
        "in an interpreter of its own",
        Outcome.BROKEN,
        "",
        "    import subprocess, sys\n    subprocess.run([sys.executable, '-c', 'pass'], check=True)\n" + RIGHT,
        or_else=(Outcome.READY_MADE,),
    ),
)

_USE = f"    return tf.reduce_mean({_MAE}(y_true, y_pred))\n"
_TABLES = (
    "    def emptied(space):\n        for name in list(space):\n"
    "            if callable(space[name]) and name != 'Host': space[name] = lambda *a, **k: False\n"
)
DISARMING = (
    _in_disguise("sys.setprofile(None)", "    import sys\n    sys.setprofile(None)\n" + _USE),
    _in_disguise("sys.setprofile at import", _USE, tail="import sys\nsys.setprofile(None)\n", takes_chapter=True),
    _in_disguise(
        "sys.setprofile by another name", "    getattr(__import__('s' + 'ys'), 'setpro' + 'file')(None)\n" + _USE
    ),
    _in_disguise(
        "sys.setprofile replaced",
        _USE,
        tail="setattr(__import__('s' + 'ys'), 'setpro' + 'file', lambda function: None)\n",
    ),
    _in_disguise(
        "the profile function's closure emptied",
        "    watch = getattr(__import__('s' + 'ys'), 'getpro' + 'file')()\n"
        "    for cell in (getattr(watch, '__clo' + 'sure__', None) or ()):\n"
        "        try: getattr(cell, 'cell_' + 'contents').clear()\n        except Exception: pass\n" + _USE,
    ),
    _in_disguise(
        "the tables emptied",
        _TABLES + "    module = getattr(__import__('s' + 'ys'), 'mod' + 'ules')['ka' + 'ta.waist.ready_' + 'made']\n"
        "    module.codes().clear()\n    module.functions().clear()\n    emptied(vars(module))\n" + _USE,
        or_else=(Outcome.CRASHED,),  # the host uses them too
    ),
    _in_disguise(
        "the guard's names exchanged",
        _TABLES + "    modules = getattr(__import__('s' + 'ys'), 'mod' + 'ules')\n"
        "    emptied(vars(modules['ka' + 'ta.waist.gu' + 'ard']))\n"
        "    for name in ('id', 'len', 'isinstance'): setattr(__import__('built' + 'ins'), name, lambda *a: '')\n"
        + _USE,
        or_else=(Outcome.BROKEN, Outcome.CRASHED),
    ),
    _in_disguise(
        "watched under another name",
        "    module = getattr(__import__('s' + 'ys'), 'mod' + 'ules')['ka' + 'ta.waist.ready_' + 'made']\n"
        "    with module.watching('clip', 'nowhere'):\n    " + _USE,
    ),
    _in_disguise(
        "the guard found among all classes",
        _TABLES + "    for one in getattr(object, '__sub' + 'classes__')():\n"
        "        if one.__name__ in ('Gu' + 'ard', 'Ho' + 'st', 'Ready' + 'Made'):\n"
        "            emptied(getattr(one.__init__, '__glo' + 'bals__'))\n" + _USE,
        or_else=(Outcome.CRASHED,),
    ),
    _in_disguise(
        "the checks found in the code's constants",
        f"    made = {_MAE}\n    while hasattr(made, '__wrapped__'): made = made.__wrapped__\n"
        "    original = [one for one in getattr(made, '__co' + 'de__').co_consts if callable(one)][-1]\n"
        "    return tf.reduce_mean(original(*as_tensors(y_true, y_pred)))\n",
    ),
    _in_disguise(
        "a profile function for threads",
        "    import threading\n    threading.setprofile(None)\n" + _USE,
    ),
    _in_disguise("sys.monitoring", "    import sys\n    sys.monitoring.set_events(1, 0)\n" + _USE),
    _in_disguise("ctypes", "    import ctypes\n    ctypes.pythonapi.PyEval_SetProfile(None, None)\n" + _USE),
    _in_disguise(
        "ctypes by another name",
        "    module = __import__('cty' + 'pes')\n    module.pythonapi.PyEval_SetProfile(None, None)\n" + _USE,
    ),
    _in_disguise(
        "the guard's code exchanged",
        f"    made = {_MAE}\n    while hasattr(made, '__wrapped__'): made = made.__wrapped__\n"
        "    setattr(made, '__co' + 'de__', getattr(lambda a, b: tf.reduce_mean(tf.abs(a - b)), '__co' + 'de__'))\n"
        "    return made(*as_tensors(y_true, y_pred))\n",
    ),
    _in_disguise(
        "another audit hook",
        "    import sys\n    def stop(event, arguments):\n        if 'set' in event: raise RuntimeError\n"
        "    sys.addaudithook(stop)\n" + _USE,
    ),
    _in_disguise(
        "text under the docstring's name",
        "    import code\n"
        f'    text = "import keras, tensorflow as tf\\nmade = lambda a, b: tf.reduce_mean({_MAE}(a, b))"\n'
        "    names = {}\n"
        "    code.InteractiveInterpreter(names).runsource(text, \"<the docstring's example>\", 'exec')\n"
        "    return names['made'](y_true, y_pred)\n",
    ),
    _in_disguise(
        "text under a library's file",
        "    import code, keras\n"
        f'    text = "import keras, tensorflow as tf\\nmade = lambda a, b: tf.reduce_mean({_MAE}(a, b))"\n'
        "    names = {}\n    code.InteractiveInterpreter(names).runsource(text, keras.__file__, 'exec')\n"
        "    return names['made'](y_true, y_pred)\n",
    ),
    _in_disguise(
        "a loader that gives other text",
        "    import importlib.machinery, importlib.util, keras\n"
        "    class Loader(importlib.machinery.SourceFileLoader):\n"
        "        def path_stats(self, path): raise OSError\n"
        "        def get_data(self, path): return (\n"
        f'            b"import keras, tensorflow as tf\\nmade = lambda a, b: tf.reduce_mean({_MAE}(a, b))")\n'
        "    file = keras.__file__.replace('__init__', 'more')\n"
        "    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('more', Loader('more', file)))\n"
        "    module.__spec__.loader.exec_module(module)\n    return module.made(y_true, y_pred)\n",
    ),
    _in_disguise(
        "put among a library's names, and converted",
        "    import sys, linecache\n    from numpy.testing import runstring\n"
        "    names = vars(sys.modules['keras.src.los' + 'ses.los' + 'ses'])\n"
        "    text = 'def made(a, b): return mean_absolute' + '_error(a, b)\\n'\n"
        "    linecache.cache['<string>'] = (len(text), None, text.splitlines(True), '<string>')\n"
        "    runstring(text, names)\n    made = names['made']\n"
        "    @tf.function\n    def run(a, b): return tf.reduce_mean(made(a, b))\n    return run(y_true, y_pred)\n",
    ),
)

SABOTAGES = (
    *BROKEN_BY_MISTAKE,
    *EXITS,
    *RESOURCES,
    *TAMPERING,
    *FORGERIES,
    *READING,
    *LEAVING,
    *DISGUISES,
    *DISARMING,
)


def submission(sabotage: Sabotage) -> dict[str, bytes]:
    """The files that are handed in: the solutions with the victim sabotaged."""
    files = {path.name: path.read_bytes() for path in (ROOT / "solutions").glob("ch*.py")}
    files |= {name: content.encode() for name, content in sabotage.files}
    if sabotage.is_missing:
        del files[f"{CHAPTER}.py"]
    else:
        text = _sabotaged(files[f"{CHAPTER}.py"].decode("utf-8"), sabotage).replace("\n", sabotage.newline)
        files[f"{CHAPTER}.py"] = text.encode(sabotage.encoding, "replace")
    return files


def _sabotaged(text: str, sabotage: Sabotage) -> str:
    old, new = sabotage.replaced
    if old == "*":
        return new
    assert old in text
    text = text.replace(old, new, 1)
    if sabotage.body:
        start = text.index(f"def {VICTIM}(")
        body_start = text.index('"""', text.index('"""', start) + 3) + 4
        body_end = text.index("\ndef ", body_start)
        text = text[:body_start] + sabotage.body + "\n" + text[body_end:]
    return sabotage.head + text + sabotage.tail


def write(sabotage: Sabotage, folder: Path) -> Path:
    """The submission as a folder."""
    folder.mkdir(parents=True)
    for name, content in submission(sabotage).items():
        (folder / name).write_bytes(content)
    return folder
