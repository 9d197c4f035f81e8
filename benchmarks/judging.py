"""The laws on the solutions, judged live and by exam, in one run: where the time goes, in imports of TensorFlow.

    python -m benchmarks.judging [--chapter NAME] [--seed N]

Drawing is what the exam costs once. Answering, marking and diagnosis are what it costs a submission.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from kata.course import curriculum
from kata.judge import exam_file, examining, profiles
from kata.judge.exam import draw
from kata.judge.examining import examine
from kata.judge.judging import judge_kata
from kata.waist.implementation import implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Backend, Session
from kata.waist.verdict import Outcome

Result = TypeVar("Result")
SOLUTIONS = implementation_at("solutions")


class Meter:
    """Adds up the time of the clock and of this process' processor that a part takes."""

    def __init__(self) -> None:
        self.clock = self.processor = 0.0

    def run(self, work: Callable[[], Result]) -> Result:
        """Do `work` and count it."""
        clock, processor = time.perf_counter(), time.process_time()
        try:
            return work()
        finally:
            self.clock += time.perf_counter() - clock
            self.processor += time.process_time() - processor


def an_import() -> float:
    """Seconds that importing TensorFlow takes, the least of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.judging", description=__doc__)
    parser.add_argument("--chapter", help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    profiles.load("grade")
    katas = curriculum.find(options.chapter) if options.chapter else list(curriculum.katas())
    unit = an_import()
    meters = {name: Meter() for name in ("live", "drawing", "exam", "answering", "marking")}
    answer, mark = examining.answer_law, examining.mark
    examining.answer_law = lambda *a, **k: meters["answering"].run(lambda: answer(*a, **k))  # type: ignore[assignment]
    examining.mark = lambda *a, **k: meters["marking"].run(lambda: mark(*a, **k))  # type: ignore[assignment]
    with closing(Worker()) as worker:
        worker.start()
        worker._ready()
        for kata in katas:
            live = Session(SOLUTIONS, Isolated(SOLUTIONS, Limits(), worker), curriculum.scratch())
            judged = meters["live"].run(lambda kata=kata, live=live: judge_kata(kata, live))
            live.backend.close()
            backend = Isolated(SOLUTIONS, Limits(), worker)
            exam = meters["drawing"].run(lambda kata=kata, b=backend: draw(kata, b, options.seed))
            backend.close()
            exam = exam_file.from_bytes(exam_file.as_bytes(exam), kata)
            backend = Isolated(SOLUTIONS, Limits(), worker)
            session = Session(SOLUTIONS, Backend(), curriculum.scratch())
            found = meters["exam"].run(lambda e=exam, s=session, b=backend: examine(e, "", s, b, None))
            backend.close()
            assert judged.verdict.outcome is found.judged.verdict.outcome is Outcome.SOLVED, kata.name
    print(f"{len(katas)} katas; an import of TensorFlow takes {unit:.2f} s\n")
    print(f"| {'':<22} | imports by the clock | of the judge's processor |\n|{'-' * 24}|---|---|")
    for name, meter in meters.items():
        print(f"| {name:<22} | {meter.clock / unit:20.1f} | {meter.processor / unit:24.2f} |")
    live, exam_ = meters["live"], meters["exam"]
    clock, processor = exam_.clock / live.clock, exam_.processor / live.processor
    print(f"\nby exam beside live: {clock:.2f} of the time, {processor:.3f} of the judge's processor")


if __name__ == "__main__":
    main()
