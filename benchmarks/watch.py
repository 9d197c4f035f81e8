"""From save to verdict in `kata watch`, beside a cold pytest: `uv run python benchmarks/watch.py [ROUNDS]`.

For one kata of each of five chapters: a wrong and a right version are saved in turn, and the time until the
verdict is on the screen is taken; in between, `pytest --kata NAME` runs on the same file. Medians. Then where the
time of a save goes, and what a watch that waits costs.
"""

import contextlib
import importlib
import io
import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.rows import Row, an_import, ratio
from kata.course import curriculum, stubs
from kata.judge import profiles
from kata.judge.team import Done, Finished, ForkedJudge
from kata.learn.screen import Screen
from kata.learn.watch import TEAM, Watch
from kata.waist.implementation import ROOT, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker

KATAS = ("huber", "momentum_step", "cosine_decay", "accuracy", "linear_scaling_rule")


def version(kata: curriculum.Kata, body: str) -> str:
    """The pristine chapter with the kata's body put in."""
    text = stubs.pristine(kata.chapter)
    at = text.index("raise NotImplementedError", text.index(f"def {kata.name}("))
    return text[:at] + body + text[at + len("raise NotImplementedError") :]


def right(kata: curriculum.Kata) -> str:
    """The chapter of the solutions, whole: the kata may use what is private there."""
    return (ROOT / "solutions" / f"{kata.chapter}.py").read_text("utf-8")


_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def until(fd: int, words: tuple[bytes, ...], limit: float = 60.0) -> float:
    """Read the screen until one of `words` is on it; the moment at which it was."""
    seen, deadline = b"", time.perf_counter() + limit
    while not any(word in _ESCAPES.sub(b"", seen) for word in words):
        ready, _, _ = select.select([fd], [], [], deadline - time.perf_counter())
        if not ready:
            raise TimeoutError(seen.decode("utf-8", "replace")[-2000:])
        seen += os.read(fd, 65_536)
    return time.perf_counter()


def drain(fd: int, quiet: float) -> None:
    """Read until nothing comes for `quiet` seconds."""
    while select.select([fd], [], [], quiet)[0]:
        os.read(fd, 65_536)


def processes(root: int) -> list[int]:
    """`root` and all that descends from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def idle(pid: int, seconds: float) -> tuple[float, float]:
    """The share of a core that a waiting watch takes, and its memory in MiB (pages shared among processes once)."""

    def ticks() -> int:
        stats = (Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split() for p in processes(pid))
        return sum(int(fields[11]) + int(fields[12]) for fields in stats)

    before = ticks()
    time.sleep(seconds)
    share = (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds
    kilobytes = 0
    for p in processes(pid):
        lines = Path(f"/proc/{p}/smaps_rollup").read_text().splitlines()
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return share, kilobytes / 1024


def detection(rounds: int) -> float:
    """Seconds from a save to the line that tells of it."""
    times = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ch02_losses.py"
        path.write_text("", "utf-8")
        command = [sys.executable, "-m", "kata.learn.file_events", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT) as notice:
            assert notice.stdout is not None
            notice.stdout.readline()
            for i in range(rounds):
                time.sleep(0.3)
                started = time.perf_counter()
                path.write_text(str(i), "utf-8")
                notice.stdout.readline()
                times.append(time.perf_counter() - started)
            notice.terminate()
    return statistics.median(times)


def judging(kata: curriculum.Kata, rounds: int) -> tuple[float, float, float]:
    """Medians in seconds: a judge forked for nothing at all; the laws of `kata` in one; the screen drawn."""
    profiles.load("learner")
    worker = Worker()
    ready = [Isolated(implementation_at("solutions"), Limits(), worker) for _ in range(TEAM)]
    importlib.import_module(f"tests.test_{kata.chapter}")
    nothing, laws = [], []
    for _ in range(rounds):
        for katas, times in (([], nothing), ([kata], laws)):
            for backend in ready:
                backend.prepare()
            time.sleep(1.0)  # the child warms up meanwhile, as it does while a learner types
            started = time.perf_counter()
            judge = ForkedJudge(katas, implementation_at("solutions"), ready, worker)
            while not any(isinstance(event, Finished | Done) for event in judge.events()):
                pass
            times.append(time.perf_counter() - started)
            judge.close()
    for backend in ready:
        backend.close()
    worker.close()
    watch = Watch(
        implementation_at("solutions"),
        [kata],
        Screen(Console(file=io.StringIO(), force_terminal=True), keyboard=False),
    )
    drawn = []
    for _ in range(rounds):
        started = time.perf_counter()
        watch.screen.draw(watch.state)
        drawn.append(time.perf_counter() - started)
    empty = statistics.median(nothing)
    return empty, statistics.median(laws) - empty, statistics.median(drawn)


def measure(kata: curriculum.Kata, rounds: int) -> tuple[float, float, float]:
    """Medians in seconds: to the verdict on a wrong version, on a right one, and cold pytest on the right one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"{kata.chapter}.py"
        path.write_text(stubs.pristine(kata.chapter), "utf-8")
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "kata.cli", "watch", kata.name, "--impl", name])
        until(fd, (b"q quit",))
        drain(fd, 8.0)  # until TensorFlow is there: nothing is shown meanwhile
        share, memory = idle(pid, 10.0)
        print(f"{kata.name}: while it waits {share:.2%} of a core, {memory:.0f} MiB", flush=True)
        wrong, good, cold = [], [], []
        solution = right(kata)
        for i in range(rounds):
            for body, words, times in (
                (version(kata, f"return {i}.5"), (b"problem",), wrong),
                (solution + f"\n# {i}\n_ROUND = {i}\n", (b"is solved",), good),
            ):
                started = time.perf_counter()
                path.write_text(body, "utf-8")
                times.append(until(fd, words) - started)
                drain(fd, 1.5)
            if i % 4:  # a cold pytest takes as long as all the rest; every fourth round is enough of it
                continue
            started = time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "pytest",
                f"tests/test_{kata.chapter}.py",
                "--kata",
                kata.name,
                f"--impl={name}",
            ]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            cold.append(time.perf_counter() - started)
        os.write(fd, b"q")
        os.waitpid(pid, 0)
    return statistics.median(wrong), statistics.median(good), statistics.median(cold)


def rows(quick: bool) -> list[Row]:
    """From save to verdict, beside a cold pytest of the same kata."""
    found = []
    for name in KATAS[:1] if quick else KATAS:
        (kata,) = curriculum.find(name)
        with contextlib.redirect_stdout(sys.stderr):
            wrong, good, cold = measure(kata, 1 if quick else 4)
        limit = f"a cold pytest imports TensorFlow: {an_import():.3g} s"
        found.append(ratio(f"watch, a right save of {name}, beside pytest", good, cold, limit))
        found.append(ratio(f"watch, a wrong save of {name}, beside pytest", wrong, cold, limit))
    return found


def main() -> None:
    """Measure and print a row for each kata."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"a save is noticed after {detection(rounds):.3f} s")
    for name in KATAS:
        (kata,) = curriculum.find(name)
        fork, laws, screen = judging(kata, max(rounds // 2, 1))
        print(f"{name:<22} forks {fork:.3f} s, laws {laws:.3f} s, screen {screen:.3f} s", flush=True)
    print(f"{'kata':<22} {'wrong':>8} {'right':>8} {'pytest':>8}   times faster (wrong, right)")
    for name in KATAS:
        (kata,) = curriculum.find(name)
        wrong, good, cold = measure(kata, rounds)
        print(f"{name:<22} {wrong:8.3f} {good:8.3f} {cold:8.3f}   {cold / wrong:.1f} {cold / good:.1f}", flush=True)


if __name__ == "__main__":
    main()
