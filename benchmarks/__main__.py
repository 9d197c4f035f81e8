"""All benchmarks, to `benchmarks/RESULTS.md`: `python -m benchmarks [--quick] [--only NAME,…] [--out FILE]`.

Each is measured in a process of its own. What is measured is kept in `.kata/benchmarks/`, so that a run that was
stopped goes on where it was; `--again` measures anew. With `--quick` every benchmark runs on as little as shows
that it still does, and nothing is written.
"""

import argparse
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import msgspec

from benchmarks.rows import Row, machine
from kata.course.progress import write_whole
from kata.waist.implementation import ROOT

NAMES = ("waist", "judging", "watch", "grading", "cluster", "misconceptions", "queueing")
KEPT = ROOT / ".kata" / "benchmarks"
HEAD = """Written by `python -m benchmarks`. The two of a row were measured side by side in one run; a ratio
above 1 says how many times better the first is. The limit is what cannot be beaten."""
RESULTS = ROOT / "benchmarks" / "RESULTS.md"


class Kept(msgspec.Struct):
    """The rows of a benchmark, where and when they were measured."""

    machine: str
    day: str
    seconds: float
    rows: list[Row]


def measure(name: str, quick: bool) -> Kept:
    """Measure one benchmark in this process."""
    began = time.perf_counter()
    rows = import_module(f"benchmarks.{name}").rows(quick)
    return Kept(machine(), time.strftime("%Y-%m-%d"), time.perf_counter() - began, rows)


def written(kept: dict[str, Kept]) -> str:
    """The results as Markdown."""
    lines = ["# Measured", "", HEAD, ""]
    for where in dict.fromkeys((one.machine, one.day) for one in kept.values()):
        lines += [f"{where[1]}: {where[0]}.", ""]
        lines += ["| | measured | beside | ratio | limit |", "|---|---|---|---|---|"]
        for one in kept.values():
            if (one.machine, one.day) != where:
                continue
            for row in one.rows:
                factor = f"{row.ratio:.2f}" if row.ratio is not None else ""
                lines.append(f"| {row.name} | {row.measured} | {row.beside} | {factor} | {row.limit} |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """The command line; its exit status: 1 when a benchmark could not be measured."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="as little as shows that all still run; writes nothing")
    parser.add_argument("--only", default="", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--again", action="store_true", help="measure what is kept, too")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # measures it in this process, and prints it as JSON
    options = parser.parse_args()
    if options.one:
        sys.stdout.buffer.write(msgspec.json.encode(measure(options.one, options.quick)))
        return 0
    chosen = [name for name in options.only.split(",") if name] or list(NAMES)
    if unknown := [name for name in chosen if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]}; choose of {', '.join(NAMES)}")
    failed = []
    for name in chosen:
        file = KEPT / f"{name}.json"
        if not options.quick and not options.again and file.exists():
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks", "--one", name, *["--quick"] * options.quick]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
        if done.returncode:
            failed.append(name)
            continue
        one = msgspec.json.decode(done.stdout, type=Kept)
        print(f"  {one.seconds:.0f} s", file=sys.stderr)
        for row in one.rows:
            print(f"  {row.name}: {row.measured}; {row.beside}", file=sys.stderr)
        if not options.quick:
            KEPT.mkdir(parents=True, exist_ok=True)
            write_whole(file, done.stdout)
    if not options.quick:
        found = {name: KEPT / f"{name}.json" for name in NAMES}
        kept = {
            name: msgspec.json.decode(path.read_bytes(), type=Kept) for name, path in found.items() if path.exists()
        }
        write_whole(options.out, written(kept).encode())
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
