"""The walls: what runs a submission sees nothing worth stealing, reaches nobody, and leaves nothing behind."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.testing import chapter
from kata.waist import walls
from kata.waist.codec import KataName
from kata.waist.implementation import ROOT, Implementation
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session, Stopped, use
from kata.waist.verdict import Outcome
from kata.waist.worker import used_by

pytestmark = pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls")

NAME = "ch99_walls"
SUBMISSION = """
import ctypes, glob, os, signal, socket, subprocess, sys, time

def seen(path): return sorted(os.listdir(path)) if os.path.isdir(path) else None
def read(path):
    try:
        with open(path, "rb") as file: return len(file.read())
    except OSError as error: return type(error).__name__
def imported(name):
    try: return str(__import__(name, fromlist=["x"]).__file__)
    except ImportError as error: return type(error).__name__
def found(words):
    return sorted(path for root in ("/work", "/root", "/home", "/tool", "/srv", "/opt", "/mnt", "/tmp", "/var", "/etc")
        for folder, _, names in os.walk(root) for path in [os.path.join(folder, name) for name in names]
        if any(word in path for word in words) and "site-packages" not in path)
def write(path):
    try:
        with open(path, "w") as file: file.write("left behind")
        return True
    except OSError as error: return type(error).__name__
def connect(host, port):
    try: socket.create_connection((host, port), timeout=2).close(); return True
    except OSError as error: return type(error).__name__
def others():
    own = os.readlink("/proc/self")
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal() and name != own)
def end(pid):
    try: os.kill(pid, signal.SIGKILL); return True
    except OSError as error: return type(error).__name__
def memory_of(pid):
    try:
        with open(f"/proc/{pid}/mem", "rb") as file: return True
    except OSError as error: return type(error).__name__
def opened_by(pid):
    try: return os.readlink(f"/proc/{pid}/fd/0")
    except OSError as error: return type(error).__name__
def leave(mark):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    return True
def breed(most):
    for _ in range(most):
        if os.fork() == 0: time.sleep(1000)
    return most
def mounts():
    return ctypes.CDLL(None).mount(b"none", b"/tool", b"tmpfs", 0, None)
def started():
    try: return subprocess.run([sys.executable, "-c", "pass"]).returncode
    except OSError as error: return type(error).__name__
def variables(): return dict(os.environ)
def me(): return [os.getuid(), os.getcwd(), sys.path]
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
    return True
def sleep(seconds): time.sleep(seconds); return True
"""


@pytest.fixture(scope="module")
def walled() -> Iterator[Worker]:
    with_walls = Worker(walled=True)
    yield with_walls
    with_walls.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / f"{NAME}.py").write_text(SUBMISSION, "utf-8")
    return tmp_path


@pytest.fixture
def session(folder: Path, walled: Worker) -> Iterator[Session]:
    implementation = Implementation(str(folder))
    with use(Session(implementation, Isolated(implementation, Limits(), walled))) as session:
        session.begin_law(KataName(NAME, "first"))
        yield session
    session.backend.close()


inside = chapter(NAME)


def test_nothing_of_the_clone_is_there_but_the_waist_and_the_probes(session: Session) -> None:
    assert inside.seen("/tool") == ["kata", "tests"]
    assert inside.seen("/tool/kata") == ["__init__.py", "waist"]
    assert inside.seen("/tool/tests") == ["__init__.py", "probes"]
    assert inside.seen(str(ROOT)) in (None, [".venv"])
    words = ["solutions", "misconceptions", "oracles", "test_ch0", "ledger", ".git/", NAME]
    assert inside.found(words) == []


@pytest.mark.parametrize("path", ["solutions/ch02_losses.py", ".git/HEAD", "tests/test_ch02_losses.py", "README.md"])
def test_no_path_leads_to_a_file_of_the_clone(session: Session, path: str) -> None:
    assert (ROOT / path).exists() or path == ".git/HEAD"
    assert inside.read(str(ROOT / path)) == "FileNotFoundError"
    assert inside.read(f"/proc/1/root{ROOT / path}") in ("FileNotFoundError", "PermissionError")
    assert inside.read(f"/proc/{os.getpid()}/root{ROOT / path}") in ("FileNotFoundError", "PermissionError")
    assert inside.read(f"/proc/self/cwd/../{path}") == "FileNotFoundError"


@pytest.mark.parametrize("name", ["solutions.ch02_losses", "misconceptions", "tests.oracles", "kata.judge"])
def test_no_import_leads_there(session: Session, name: str) -> None:
    assert inside.imported(name) == "ModuleNotFoundError"


def test_a_chapter_may_import_what_came_along_with_it(session: Session, folder: Path) -> None:
    (folder / "helper.py").write_text("VALUE = 3\n", "utf-8")
    session.begin_law(KataName(NAME, "other"))
    assert inside.imported(f"{folder.name}.helper") == str(folder / "helper.py")
    assert inside.imported(f"{folder.name}.nobody") == "ModuleNotFoundError"


def test_what_one_child_writes_no_other_sees(session: Session) -> None:
    for path in ("/tmp/left", "/dev/shm/left"):
        assert inside.write(path) is True
    # A clone that lies in /tmp is, in there, a part of a folder of its own.
    of_the_clone = [] if ROOT.is_relative_to("/tmp") else [str(ROOT / "left")]
    for path in ("/tool/left", "/usr/left", *of_the_clone, "/left", f"/{NAME}"):
        assert isinstance(inside.write(path), str)
    session.begin_law(KataName(NAME, "second"))
    for path in ("/tmp", "/dev/shm"):
        assert inside.seen(path) == []


def test_there_is_no_network(session: Session) -> None:
    assert isinstance(inside.connect("127.0.0.1", 22), str)
    assert isinstance(inside.connect("198.51.100.1", 80), str)


def test_it_reaches_no_process_but_its_own(session: Session) -> None:
    others = inside.others()
    assert len(others) >= 3  # bubblewrap's, the worker, who keeps the walls
    for pid in others:
        assert inside.memory_of(pid) in ("PermissionError", "FileNotFoundError")
        assert inside.opened_by(pid) in ("PermissionError", "FileNotFoundError")
        assert pid in (1, 2) or inside.end(pid) == "ProcessLookupError"  # 1 and 2 are its own here


def test_its_environment_tells_nothing(session: Session) -> None:
    variables = inside.variables()
    assert not any(str(ROOT) in text for text in variables.values())
    assert {"USER", "SSH_AUTH_SOCK", "PYTEST_CURRENT_TEST"}.isdisjoint(variables)
    user, place, _ = inside.me()
    assert user == 1000
    assert place == "/tmp"


def test_it_has_no_powers(session: Session) -> None:
    assert inside.mounts() != 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="the filter knows two machines")
def test_it_starts_no_program(session: Session) -> None:
    assert inside.started() == "PermissionError"


def test_processes_that_it_leaves_go_with_it(session: Session, walled: Worker) -> None:
    def behind_the_walls() -> int:
        assert walled._process is not None
        return used_by(walled._process.pid)[1]

    before = behind_the_walls()
    assert inside.leave("mark") is True
    assert inside.breed(20) == 20
    assert behind_the_walls() > before + 10  # 21, less what was just ending before
    session.begin_law(KataName(NAME, "second"))
    deadline = time.monotonic() + 10
    while behind_the_walls() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert behind_the_walls() <= before


def test_who_starts_processes_without_end_is_ended(session: Session) -> None:
    with pytest.raises(Stopped) as stopped:
        inside.breed(100_000)
    assert stopped.value.outcome is Outcome.CRASHED
    assert "processes without end" in stopped.value.cause


@pytest.mark.parametrize("link", ["symbolic", "hard", "fifo", "folder"])
def test_what_is_no_file_itself_is_refused_at_the_door(folder: Path, walled: Worker, link: str) -> None:
    chapter_file, elsewhere = folder / "ch98_link.py", folder / "elsewhere.txt"
    elsewhere.write_text("def value(): return 42\n", "utf-8")
    match link:
        case "symbolic":
            chapter_file.symlink_to(elsewhere)
        case "hard":
            chapter_file.hardlink_to(elsewhere)
        case "fifo":
            os.mkfifo(chapter_file)
        case "folder":
            chapter_file.mkdir()
    implementation = Implementation(str(folder))
    with use(Session(implementation, Isolated(implementation, Limits(), walled))) as session:
        session.begin_law(KataName("ch98_link", "value"))
        with pytest.raises(Stopped) as stopped:
            chapter("ch98_link").value()
        session.backend.close()
    assert stopped.value.outcome is Outcome.BROKEN
    assert "ch98_link.py" in stopped.value.cause


@pytest.mark.thorough
def test_time_is_that_of_the_processor(folder: Path, walled: Worker) -> None:
    """A second of work beside others is a second; a loop is ended when it has used its own."""
    implementation = Implementation(str(folder))
    with use(Session(implementation, Isolated(implementation, Limits(call=2.0), walled))) as session:
        session.begin_law(KataName(NAME, "first"))
        assert inside.sleep(3.0) is True  # longer than two seconds by the clock, and no work
        assert inside.spin(1.0) is True
        with pytest.raises(Stopped) as stopped:
            inside.spin(60.0)
        session.backend.close()
    assert stopped.value.outcome is Outcome.TIMEOUT


def test_who_sleeps_is_ended_too(folder: Path, walled: Worker) -> None:
    implementation = Implementation(str(folder))
    with use(Session(implementation, Isolated(implementation, Limits(call=0.5), walled))) as session:
        session.begin_law(KataName(NAME, "first"))
        began = time.monotonic()
        with pytest.raises(Stopped) as stopped:
            inside.sleep(1000.0)
        session.backend.close()
    assert stopped.value.outcome is Outcome.TIMEOUT
    assert time.monotonic() - began < 30


def test_an_environment_in_a_folder_that_every_child_has_for_itself_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone may lie in /tmp: neither wall's empty folder covers its Python."""
    if not tmp_path.is_relative_to("/tmp"):
        pytest.skip("temporary files lie elsewhere here")
    (tmp_path / "pyvenv.cfg").touch()
    folders = [*walls._python_folders(), str(tmp_path)]
    monkeypatch.setattr(walls, "_python_folders", lambda: folders)
    inside = (
        f"import os; from kata.waist import walls; walls._python_folders = lambda: {folders}; walls.enter()\n"
        f"print(os.listdir({str(tmp_path)!r}), os.access({str(tmp_path)!r}, os.W_OK), sorted(os.listdir('/tmp')))"
    )
    done = subprocess.run(walls.around([sys.executable, "-c", inside]), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tops = {Path(folder).relative_to("/tmp").parts[0] for folder in folders if Path(folder).is_relative_to("/tmp")}
    assert done.stdout == f"['pyvenv.cfg'] False {sorted(tops)}\n"
