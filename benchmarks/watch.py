"""From save to verdict in `kata watch`, beside a cold pytest: `uv run python benchmarks/watch.py [ROUNDS]`.

For one kata of each of five chapters: a wrong and a right version are saved in turn, and the time until the
verdict is on the screen is taken; in between, `pytest --kata NAME` runs on the same file. Medians.
"""

import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kata import curriculum, stubs
from kata.implementation import ROOT

KATAS = ("huber", "momentum_step", "cosine_decay", "accuracy", "linear_scaling_rule")


def version(kata: curriculum.Kata, body: str) -> str:
    """The pristine chapter with the kata's body put in."""
    text = stubs.pristine(kata.chapter)
    at = text.index("raise NotImplementedError", text.index(f"def {kata.name}("))
    return text[:at] + body + text[at + len("raise NotImplementedError") :]


def right(kata: curriculum.Kata) -> str:
    """The chapter of the solutions, whole: the kata may use what is private there."""
    return (ROOT / "solutions" / f"{kata.chapter}.py").read_text("utf-8")


def until(fd: int, words: tuple[bytes, ...], limit: float = 60.0) -> float:
    """Read the screen until one of `words` is on it; the moment at which it was."""
    seen, deadline = b"", time.perf_counter() + limit
    while not any(word in seen for word in words):
        ready, _, _ = select.select([fd], [], [], deadline - time.perf_counter())
        if not ready:
            raise TimeoutError(seen.decode("utf-8", "replace")[-2000:])
        seen += os.read(fd, 65_536)
    return time.perf_counter()


def drain(fd: int, quiet: float) -> None:
    """Read until nothing comes for `quiet` seconds."""
    while select.select([fd], [], [], quiet)[0]:
        os.read(fd, 65_536)


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
        drain(fd, 3.0)
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


def main() -> None:
    """Measure and print a row for each kata."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{'kata':<22} {'wrong':>8} {'right':>8} {'pytest':>8}   times faster (wrong, right)")
    for name in KATAS:
        (kata,) = curriculum.find(name)
        wrong, good, cold = measure(kata, rounds)
        print(f"{name:<22} {wrong:8.3f} {good:8.3f} {cold:8.3f}   {cold / wrong:.1f} {cold / good:.1f}", flush=True)


if __name__ == "__main__":
    main()
