"""`kata watch` driven through a pseudo-terminal: saves, bursts, renames, damage, deaths, keys."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.course import stubs
from kata.waist.implementation import ROOT

CHAPTER = "ch07_accumulation"
KATA = "linear_scaling_rule"
RIGHT = """for name, size in (("base_batch_size", base_batch_size), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1. Received: {size}")
    return float(base_lr) * (batch_size / base_batch_size)"""
WRONG = RIGHT.replace("batch_size / base", "batch_size // base")
PATIENCE = 90.0  # seconds, for a machine that is busy


class Terminal:
    """A watch in a pseudo-terminal, and what its screen has shown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / f"{CHAPTER}.py"
        self.path.write_text(stubs.pristine(CHAPTER), "utf-8")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ.update(COLUMNS="140", TERM="xterm", KATA_STATE=str(folder / "state.json"))
            os.execv(sys.executable, [sys.executable, "-m", "kata.cli", "watch", "ch07", "--impl", str(folder)])
        self.shown = ""

    def wait(self, text: str, seconds: float = PATIENCE) -> str:
        """What was shown until `text` was; what came after is kept for the next wait."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.fd], [], [], max(left, 0))
            assert ready, f"{text!r} was not shown; shown was:\n{self.shown}"
            try:
                piece = os.read(self.fd, 65_536)
            except OSError:
                piece = b""
            assert piece, f"the watch ended before {text!r}; shown was:\n{self.shown}"
            self.shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece.decode("utf-8", "replace"))
        before, _, self.shown = self.shown.partition(text)
        return before

    def begun(self) -> None:
        """Wait for the first screen, and for the second, from which on no save is missed."""
        self.wait("Starting TensorFlow")
        self.wait("q quit")
        self.wait("q quit")

    def press(self, key: str) -> None:
        os.write(self.fd, key.encode())

    def source(self, body: str) -> str:
        text = stubs.pristine(CHAPTER)
        at = text.index("raise NotImplementedError", text.index(f"def {KATA}("))
        return text[:at] + body + text[at + len("raise NotImplementedError") :]

    def save(self, body: str) -> None:
        self.path.write_text(self.source(body), "utf-8")

    def save_by_rename(self, body: str) -> None:
        beside = self.folder / "4913~"
        beside.write_text(self.source(body), "utf-8")
        beside.replace(self.path)

    def quit(self) -> int:
        self.press("q")
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    opened.begun()
    yield opened
    if opened.pid:
        os.kill(opened.pid, signal.SIGKILL)
        os.waitpid(opened.pid, 0)
    os.close(opened.fd)


def children(pid: int, needle: str) -> list[int]:
    """The processes below `pid` whose command line has `needle`."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()]
    below, grown = {pid}, True
    while grown:
        new = {int(p) for p, parent, _ in rows if int(parent) in below} - below
        grown = bool(new)
        below |= new
    return [int(p) for p, _, arguments in rows if int(p) in below - {pid} and needle in arguments]


def test_a_session_from_the_stub_to_the_solution(terminal: Terminal) -> None:
    """Wrong, half-written, looping, dying, right: each save is answered, and the next kata follows."""
    terminal.save(WRONG)
    shown = terminal.wait("drops the fraction")
    # Whichever law fails first in the team is told, and goes on to be shown.
    assert re.search(r"  expected +\S+\s+yours +\S+", shown)
    terminal.save("return (")
    terminal.wait("does not load")
    terminal.save_by_rename("import os\n    os._exit(0)")
    terminal.wait("ended itself")
    terminal.save("while True: pass")
    terminal.wait("judging")
    terminal.save_by_rename(RIGHT)  # in the middle of the loop: nobody waits for its end
    terminal.wait(f"{KATA} is solved")
    terminal.wait("On to updates_per_epoch")
    terminal.press("d")
    terminal.wait("the reference")
    assert terminal.quit() == 1


def test_keys(terminal: Terminal) -> None:
    terminal.press("h")
    terminal.wait("Hint 1 of")
    terminal.press("n")
    terminal.wait("updates_per_epoch")
    terminal.press("l")
    assert "linear_scaling_rule" in terminal.wait("accumulating_optimizer")
    terminal.press("d")
    terminal.wait("Solve it first")
    terminal.save(WRONG)
    terminal.wait("drops the fraction")
    terminal.press("h")
    terminal.wait("Hint 2 of")  # the one that the diagnosis chose
    terminal.press("r")
    terminal.wait("judging")
    terminal.wait("drops the fraction")
    terminal.press("c")
    terminal.wait("judging")
    terminal.wait("drops the fraction")
    assert terminal.quit() == 1


def test_a_burst_of_saves_ends_with_the_last(terminal: Terminal) -> None:
    for i in range(30):
        terminal.save(WRONG if i % 2 else f"return {i}.0")
        time.sleep(0.01)
    terminal.save(RIGHT)
    terminal.wait(f"{KATA} is solved")
    assert terminal.quit() == 1


def test_a_deleted_file_and_its_return(terminal: Terminal) -> None:
    terminal.path.unlink()
    terminal.wait("does not load")
    terminal.save(RIGHT)
    terminal.wait(f"{KATA} is solved")
    assert terminal.quit() == 1


def test_a_worker_that_is_killed_is_replaced(terminal: Terminal) -> None:
    terminal.save(WRONG)
    terminal.wait("drops the fraction")
    for pid in children(terminal.pid, "kata.waist.worker"):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    terminal.save(RIGHT)
    terminal.wait(f"{KATA} is solved")
    assert terminal.quit() == 1


def test_where_there_is_no_fork_for_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATA_START", "spawn")
    terminal = Terminal(tmp_path)
    terminal.begun()
    terminal.save(WRONG)
    terminal.wait("drops the fraction")
    terminal.press("l")  # while the next process still starts
    terminal.wait("accumulating_optimizer")
    terminal.save(RIGHT)
    terminal.wait(f"{KATA} is solved")
    assert terminal.quit() == 1
    os.close(terminal.fd)


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and whose parent did not ask about it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_idle_it_uses_no_processor_and_leaves_nothing_behind(terminal: Terminal) -> None:
    terminal.save(RIGHT)
    terminal.wait("On to updates_per_epoch")
    time.sleep(3.0)
    everyone = [terminal.pid, *children(terminal.pid, "")]

    def ticks() -> int:
        total = 0
        for pid in everyone:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except FileNotFoundError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total

    before = ticks()
    time.sleep(3.0)
    assert ticks() - before <= 3, "more than one percent of a core while idle"
    assert terminal.quit() == 1
    until = time.monotonic() + 10
    while (left := [pid for pid in everyone if is_running(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def test_without_a_terminal_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / f"{CHAPTER}.py"
    path.write_text(stubs.pristine(CHAPTER), "utf-8")
    command = [sys.executable, "-m", "kata.cli", "watch", "ch07", "--impl", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        while "Fill in the stub" not in shown:
            shown += process.stdout.readline()
        time.sleep(1.0)
        text = stubs.pristine(CHAPTER)
        at = text.index("raise NotImplementedError", text.index(f"def {KATA}("))
        path.write_text(text[:at] + RIGHT + text[at + len("raise NotImplementedError") :], "utf-8")
        while "is solved" not in shown:
            line = process.stdout.readline()
            assert line
            shown += line
        assert "\x1b" not in shown
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 1
