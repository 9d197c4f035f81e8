"""How long a submission waits: a queue with measured run times, simulated; checked against a real run on two workers.

    python -m benchmarks.queueing [--times FILE] [--a-day N]

The run times are those of a real class (`times.json` of an --out folder), drawn again with replacement. Arrivals:
spread over the day, or as before a deadline, half of a day's in its last two hours, ever denser.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import simpy

from benchmarks import classes
from benchmarks.cluster import SMALL, on_a_cluster
from benchmarks.grading import chosen
from benchmarks.rows import Row
from kata.waist.implementation import ROOT

DAY = 86_400.0
TIMES = ROOT / "benchmarks" / "times.json"
"""Seconds that the submissions of a class of 60 took, six katas, `--jobs 1`, as they were measured."""
MEAN = 90.0
"""Seconds that a submission of all katas takes in a class of a realistic mixture: see docs/SCALE.md."""
SHARES = (50, 95, 99)


def spread(count: int, chance: random.Random) -> list[float]:
    """Arrivals all over the day."""
    return sorted(chance.uniform(0.0, DAY) for _ in range(count))


def deadline(count: int, chance: random.Random) -> list[float]:
    """Half over the day, half in the two hours before midnight, ever denser towards it."""
    half = count // 2
    late = [DAY - 7_200.0 * (1.0 - chance.random() ** 0.5) for _ in range(count - half)]
    return sorted([*(chance.uniform(0.0, DAY) for _ in range(half)), *late])


def at_once(count: int, chance: random.Random) -> list[float]:
    """A class that is graded: all are there."""
    return [0.0] * count


def waits(arrivals: Sequence[float], times: Sequence[float], cores: int, seed: int = 1) -> tuple[list[float], float]:
    """Seconds from handing in to the verdict, of each; and when the last was done."""
    environment, chance = simpy.Environment(), random.Random(seed)
    workers = simpy.Resource(environment, capacity=cores)
    found: list[float] = []

    def submission(arrival: float, takes: float) -> Iterator[Any]:
        yield environment.timeout(arrival)
        with workers.request() as turn:
            yield turn
            yield environment.timeout(takes)
        found.append(environment.now - arrival)

    for arrival in arrivals:
        environment.process(submission(arrival, chance.choice(times)))
    environment.run()
    return sorted(found), environment.now


def share(values: Sequence[float], percent: int) -> float:
    """The value below which so many per cent are."""
    return values[min(len(values) * percent // 100, len(values) - 1)]


def table(a_day: int, times: Sequence[float], loads: Sequence[float] = (0.9, 0.5, 0.25, 0.15)) -> list[str]:
    """Rows of Markdown: cores, and waiting on an even day and on one with a deadline."""
    mean = sum(times) / len(times)
    lines = []
    for load in loads:
        cores = max(1, round(a_day * mean / DAY / load))
        cells = [f"{a_day:,}", f"{cores:,}", f"{a_day * mean / DAY / cores:.0%}"]
        for arrive in (spread, deadline):
            found, _ = waits(arrive(a_day, random.Random(1)), times, cores)
            cells += [_duration(share(found, percent)) for percent in SHARES]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


def rows(quick: bool) -> list[Row]:
    """Simulated beside real: a class on two workers, by the run times that the same run measured."""
    size = 4 if quick else 60
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "class"
        classes.write(classes.told_apart(classes.class_of(size, 3, chosen(SMALL))), folder)
        on_a_cluster(folder, SMALL)  # draws the exam, and asks the known mistakes
        run = on_a_cluster(folder, SMALL)
    ends = [waits(at_once(size, random.Random(0)), run.times, 2, seed)[0] for seed in range(20)]
    simulated = sum(each[-1] - each[0] for each in ends) / len(ends)  # from the first verdict to the last, as measured
    return [
        Row(
            f"{size} submissions at once on two workers, simulated beside real",
            f"{simulated:.1f} s",
            f"{run.steady:.1f} s",
            run.steady / simulated,
            "1: the queue is all there is",
        )
    ]


def main() -> None:
    """The command line: the table of docs/SCALE.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.queueing", description=__doc__)
    parser.add_argument("--times", type=Path, default=TIMES)
    parser.add_argument("--a-day", type=int, action="append", help="submissions; may be given again")
    parser.add_argument("--mean", type=float, default=MEAN, help="stretch the run times to this mean, in seconds")
    parser.add_argument("--load", type=float, action="append", help="of the cores, on average; may be given again")
    options = parser.parse_args()
    measured = list(json.loads(options.times.read_text())["submissions"].values())
    times = [seconds * options.mean * len(measured) / sum(measured) for seconds in measured]
    print("| a day | cores | busy | even: 50 % | 95 % | 99 % | deadline: 50 % | 95 % | 99 % |\n|" + "---|" * 9)
    for a_day in options.a_day or (10_000, 100_000, 1_000_000):
        for line in table(a_day, times, options.load or (0.9, 0.5, 0.25, 0.15)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
