"""The laws on the solutions, judged live and by exam, in one run: where the time goes, in imports of TensorFlow.

    python -m benchmarks.judging [--chapter NAME] [--seed N]

Drawing is what the exam costs once. Answering, marking and diagnosis are what it costs a submission.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from benchmarks.rows import Row, an_import, ratio
from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import exam_file, examining, profiles
from kata.judge.answers import LawSheet, answer_laws
from kata.judge.exam import KataExam, draw
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


def metered(katas: list[Kata], seed: int = 1) -> dict[str, Meter]:
    """The katas of the solutions, judged live and by exam."""
    profiles.load("grade")
    meters = {name: Meter() for name in ("live", "drawing", "exam", "answering", "marking")}
    mark = examining.mark
    examining.mark = lambda *a, **k: meters["marking"].run(lambda: mark(*a, **k))  # type: ignore[assignment]
    with closing(Worker()) as worker:
        worker.start()
        worker._ready()
        for kata in katas:
            live = Session(SOLUTIONS, Isolated(SOLUTIONS, Limits(), worker), curriculum.scratch())
            judged = meters["live"].run(lambda kata=kata, live=live: judge_kata(kata, live))
            live.backend.close()
            backend = Isolated(SOLUTIONS, Limits(), worker)
            exam = meters["drawing"].run(lambda kata=kata, b=backend: draw(kata, b, seed))
            backend.close()
            exam = exam_file.from_bytes(exam_file.as_bytes(exam), kata)
            backend = Isolated(SOLUTIONS, Limits(), worker)
            session = Session(SOLUTIONS, Backend(), curriculum.scratch())

            def answering(exam: KataExam, first: int, b: Isolated = backend) -> list[LawSheet]:
                return meters["answering"].run(lambda: answer_laws(exam, first, b))

            found = meters["exam"].run(lambda e=exam, s=session, b=backend, a=answering: examine(e, "", s, b, None, a))
            backend.close()
            assert judged.verdict.outcome is found.judged.verdict.outcome is Outcome.SOLVED, kata.name
    examining.mark = mark
    return meters


def rows(quick: bool) -> list[Row]:
    """By exam beside live."""
    meters = metered(curriculum.find("ch08_clipping") if quick else list(curriculum.katas()))
    unit = an_import()
    exam, live, answering, marking = (meters[name] for name in ("exam", "live", "answering", "marking"))
    return [
        ratio(
            "a submission by exam, beside live judging",
            exam.clock,
            live.clock,
            f"answering, which is TensorFlow's own time: {answering.clock:.3g} s",
        ),
        ratio(
            "the same, of the judge's processor",
            exam.processor,
            live.processor,
            f"marking takes {marking.processor / unit:.2f} imports of TensorFlow",
        ),
        Row(
            "drawing the exam, once a seed",
            f"{meters['drawing'].clock / unit:.1f} imports",
            f"live {live.clock / unit:.1f}",
            live.clock / meters["drawing"].clock,
            "Hypothesis draws, the reference answers",
        ),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.judging", description=__doc__)
    parser.add_argument("--chapter", help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    katas = curriculum.find(options.chapter) if options.chapter else list(curriculum.katas())
    unit = an_import()
    meters = metered(katas, options.seed)
    print(f"{len(katas)} katas; an import of TensorFlow takes {unit:.2f} s\n")
    print(f"| {'':<22} | imports by the clock | of the judge's processor |\n|{'-' * 24}|---|---|")
    for name, meter in meters.items():
        print(f"| {name:<22} | {meter.clock / unit:20.1f} | {meter.processor / unit:24.2f} |")
    live, exam_ = meters["live"], meters["exam"]
    clock, processor = exam_.clock / live.clock, exam_.processor / live.processor
    print(f"\nby exam beside live: {clock:.2f} of the time, {processor:.3f} of the judge's processor")


if __name__ == "__main__":
    main()
