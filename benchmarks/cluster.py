"""A Dask cluster of two workers beside `--jobs 2`: throughput, the coordinator's memory, bytes on the wire.

    python -m benchmarks.cluster [--sizes 100,2000]

The workers are started by `--cluster local:2`; starting them is told apart from grading.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import classes
from benchmarks.grading import chosen, grade
from benchmarks.rows import Row, ratio
from kata.waist.implementation import ROOT

KATAS = "ch08"
SMALL = "linear_scaling_rule,updates_per_epoch"


@dataclass(frozen=True)
class Run:
    """What a run on a cluster took."""

    clock: float
    steady: float
    """Seconds from the first verdict to the last."""
    memory: float
    """MiB of the coordinator alone (PSS), at its greatest while it graded."""
    at_the_end: float
    """The same when the reports were written."""
    sent: float
    """Bytes to the workers and back, a submission."""
    times: list[float]
    """Seconds that each submission took."""


def on_a_cluster(folder: Path, names: str) -> Run:
    """Grade the class on two workers."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "benchmarks.cluster", "--counted", f"{out}/figures.json", "grade", str(folder)]
        command += ["--out", out, "--seed", "1", "--kata", names]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--jobs", "2", "--cluster", "local:2"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        memory = at_the_end = 0.0
        while process.poll() is None:
            now = _memory_of(process.pid)
            if Path(out, "results.json").exists():
                at_the_end = max(at_the_end, now)
            else:
                memory = max(memory, now)
            time.sleep(0.1)
        if process.returncode:
            raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}")
        clock = time.perf_counter() - began
        figures = json.loads(Path(out, "figures.json").read_text())
        times = json.loads(Path(out, "times.json").read_text())["submissions"]
    size = len(times)
    return Run(clock, figures["steady"], memory, at_the_end, figures["bytes"] / size, sorted(times.values()))


def counted(file: Path, arguments: list[str]) -> None:
    """`kata` with these arguments; to `file` how many bytes went to the workers and back, and when verdicts came."""
    from kata import cli
    from kata.grade import cluster

    found = {"bytes": 0, "first": 0.0, "last": 0.0}
    wrapped, opened, begin = cluster.sealed, cluster.opened, cluster._Run.link_to
    beginning = cluster._Spreading._marked

    def sealed(message: object) -> bytes:
        data = wrapped(message)
        found["bytes"] += len(data) * isinstance(message, cluster.Job)
        return data

    def opening(data: bytes, *more: Any) -> Any:
        found["bytes"] += len(data)
        return opened(data, *more)

    def link_to(run: Any, worker: str) -> Any:
        carry = begin(run, worker)

        def carried(data: bytes) -> bytes:
            told = carry(data)
            found["bytes"] += len(data) + len(told)
            return told

        return carried

    def marked(*of: Any) -> Any:
        found["last"] = time.perf_counter()
        found["first"] = found["first"] or found["last"]
        return beginning(*of)

    cluster.sealed, cluster.opened = sealed, opening
    cluster._Run.link_to, cluster._Spreading._marked = link_to, marked
    sys.argv = ["kata", *arguments]
    try:
        cli.main()
    finally:
        file.write_text(json.dumps({"bytes": found["bytes"], "steady": found["last"] - found["first"]}))


def _memory_of(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) / 1024


def rows(quick: bool) -> list[Row]:
    """Two workers beside two jobs; memory and bytes as classes grow."""
    names, size = (SMALL, 4) if quick else (KATAS, 40)
    found = []
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "class"
        classes.write(classes.told_apart(classes.class_of(size, 1, chosen(names))), folder)
        grade(folder, names, 2, size)  # draws the exam, and asks the known mistakes
        pool, cluster = grade(folder, names, 2, size), on_a_cluster(folder, names)
        found.append(
            ratio(
                f"a class of {size}, --cluster local:2, beside --jobs 2",
                cluster.clock,
                pool.clock,
                f"1 with no start; from the first verdict to the last it took {cluster.steady:.0f} s",
            )
        )
        found.append(
            Row(
                "bytes on the wire, a submission of these katas",
                f"{cluster.sent:,.0f}",
                "",
                None,
                "its files, and the answers that are its own",
            )
        )
        for number in [] if quick else [100, 2000]:
            other = Path(above) / str(number)
            classes.write(classes.told_apart(classes.class_of(number, 1, chosen(SMALL))), other)
            run = on_a_cluster(other, SMALL)
            found.append(
                Row(
                    f"coordinator, {number} small submissions",
                    f"{run.memory:.0f} MiB while it grades",
                    f"{run.at_the_end:.0f} MiB when it writes the reports",
                    None,
                    f"flat while it grades; {run.sent:,.0f} bytes on the wire a submission",
                )
            )
    return found


def main() -> None:
    """The command line."""
    if sys.argv[1:2] == ["--counted"]:
        counted(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__)
    parser.add_argument("--size", type=int, default=40)
    parser.add_argument("--kata", default=KATAS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as above:
        classes.write(classes.class_of(options.size, 1, chosen(options.kata)), Path(above) / "class")
        print(json.dumps(on_a_cluster(Path(above) / "class", options.kata).__dict__))


if __name__ == "__main__":
    main()
