"""Grading a class beside the ordinary way, a fresh pytest for each submission: throughput, and what a submission costs.

    python -m benchmarks.grading [--kata NAMES] [--size N] [--ordinary N] [--sizes 10,100]

All on the same submissions and the same laws. The ordinary way is not isolated: it runs the submission in pytest's own
process, which shares all of the judge's files with it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import classes
from benchmarks.rows import Row, an_import, ratio
from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.waist.implementation import ROOT

KATAS = "ch02,ch04,ch08"


@dataclass(frozen=True)
class Cost:
    """What judging so many submissions took."""

    submissions: int
    clock: float
    processor: float
    memory: float = 0.0
    """MiB of the run's processes at its greatest, shared pages counted once (PSS)."""

    def row(self, name: str) -> str:
        """A row of the table."""
        a_minute, each = 60 * self.submissions / self.clock, self.processor / self.submissions
        memory = f"{self.memory:.0f}" if self.memory else ""
        return f"| {name:<34} | {self.submissions:>5} | {a_minute:>10.1f} | {each:>13.2f} | {memory:>10} |"


def measured(command: list[str], submissions: int) -> Cost:
    """Run the command and see what it, and all its processes, use."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, _memory(process.pid))
        time.sleep(0.25)
    if process.returncode not in (0, 1):  # pytest's 1: a law does not hold
        raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}")
    clock, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(submissions, clock, processor, memory)


def _memory(root: int) -> float:
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        waiting += [child for child, parent in parents.items() if parent == pid]
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return total / 1024


def grade(folder: Path, names: str, jobs: int, submissions: int, *more: str) -> Cost:
    """Grade the class in `folder` into a fresh folder; the exam is there already."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "kata.cli", "grade", str(folder), "--out", out, "--seed", "1"]
        return measured([*command, "--kata", names, "--jobs", str(jobs), *more], submissions)


def ordinary(folder: Path, names: str, most: int) -> Cost:
    """A fresh pytest for each of the first submissions, in the judge's own process, one after the other."""
    total = Cost(0, 0.0, 0.0)
    environment = [sys.executable, "-m", "pytest", "-q", "--hypothesis-seed=1", "--profile", "grade", "--kata", names]
    for place in sorted(folder.iterdir())[:most]:
        one = measured([*environment, f"--impl={place / 'exercises'}"], 1)
        total = Cost(total.submissions + 1, total.clock + one.clock, total.processor + one.processor)
    return total


def rows(quick: bool) -> list[Row]:
    """An exam for a class beside a fresh pytest each; two jobs beside one; what a submission costs as classes grow."""
    names = "global_norm,clip_by_norm" if quick else KATAS
    katas = chosen(names)
    size, sizes = (4, []) if quick else (24, [10, 100, 1000])
    unit, found = an_import(), []
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "class"
        classes.write(classes.told_apart(classes.class_of(size, 1, katas)), folder)
        grade(folder, names, 2, size)  # draws the exam, and asks the known mistakes
        one, two = (grade(folder, names, jobs, size) for jobs in (1, 2))
        pytest = ordinary(folder, names, 1 if quick else 6)
        each, usual = one.processor / size, pytest.processor / pytest.submissions
        limit = f"one import of TensorFlow, once for all: {unit:.3g} s"
        found += [
            ratio(f"CPU of a submission, {len(katas)} katas, beside a fresh pytest", each, usual, limit),
            ratio(f"a class of {size}, --jobs 2 beside --jobs 1", two.clock, one.clock, "2: two cores"),
        ]
        small = "linear_scaling_rule,updates_per_epoch"
        for number in sizes:
            other = Path(above) / str(number)
            classes.write(classes.told_apart(classes.class_of(number, 1, chosen(small))), other)
            cost = grade(other, small, 2, number)
            found.append(
                Row(
                    f"a class of {number}, two small katas, --jobs 2",
                    f"{cost.processor / number:.2f} CPU s each",
                    f"{cost.memory:.0f} MiB in all",
                    None,
                    "the same for every size",
                )
            )
    return found


def chosen(names: str) -> list[Kata]:
    """The katas and chapters of that list, in order."""
    wanted = {kata.name for name in names.split(",") for kata in curriculum.find(name)}
    return [kata for kata in curriculum.katas() if kata.name in wanted]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.grading", description=__doc__)
    parser.add_argument("--kata", default=KATAS, help="katas or chapters, comma-separated")
    parser.add_argument("--size", type=int, default=20, help="submissions that are graded")
    parser.add_argument("--ordinary", type=int, default=6, help="of these, how many in the ordinary way")
    parser.add_argument("--sizes", default="", help="further classes, to see whether the cost of one stays the same")
    options = parser.parse_args()
    katas = chosen(options.kata)
    os.environ["PYTHONWARNINGS"] = "ignore"
    print("| | submissions | a minute | CPU s of each | PSS in MiB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "class"
        classes.write(classes.told_apart(classes.class_of(options.size, 1, katas)), folder)
        grade(folder, options.kata, 2, options.size)  # draws the exam
        rows = {f"kata grade --jobs {jobs}": grade(folder, options.kata, jobs, options.size) for jobs in (1, 2)}
        rows["a fresh pytest for each"] = ordinary(folder, options.kata, options.ordinary)
        for size in filter(None, options.sizes.split(",")):
            other = Path(above) / size
            classes.write(classes.told_apart(classes.class_of(int(size), 1, katas)), other)
            rows[f"kata grade --jobs 2, a class of {size}"] = grade(other, options.kata, 2, int(size))
        for name, cost in rows.items():
            print(cost.row(name), flush=True)


if __name__ == "__main__":
    main()
