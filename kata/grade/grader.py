"""Grades one submission after the other: puts the exam to it behind walls, marks the answers, names the mistakes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.grade.papers import Papers
from kata.grade.results import KataResult, Katas
from kata.judge import sheet_file
from kata.judge.catalogue import Catalogue
from kata.judge.drawing import law_name
from kata.judge.examining import Answering, Examined, examine, remark
from kata.judge.judging import Judged
from kata.judge.laws import laws_of
from kata.judge.sheet_file import Evidence, KataSheet
from kata.waist.implementation import Implementation
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Backend, Session
from kata.waist.sources import in_a_folder
from kata.waist.verdict import Message, Outcome


@dataclass(frozen=True)
class Found:
    """What became of a submission, its evidence, and how many seconds that took."""

    katas: Katas
    evidence: bytes
    seconds: float


class Grader:
    """Has a worker with TensorFlow, and gives it one submission after the other.

    Args:
        papers: the exam.
        limits: what a submission may use.
        walled: whether submissions run behind walls.
    """

    def __init__(self, papers: Papers, limits: Limits, *, walled: bool) -> None:
        self._papers = papers
        self._limits = limits
        self._walled = walled
        self._worker: Worker | None = None
        self._catalogue: Catalogue | None = None

    def grade(self, files: Mapping[str, bytes]) -> Found:
        """Judge the chapter files of one submission.

        What could not be judged for the machine's fault is tried again, in a fresh worker.
        """
        began = time.monotonic()
        with in_a_folder(files) as implementation:
            examined = self._sat_here(list(self._papers.exams), implementation)
            again = [name for name, one in examined.items() if one.judged.verdict.outcome is Outcome.INFRASTRUCTURE]
            if again:
                self.close()
                examined |= self._sat_here(again, implementation)
        return self._found(files, examined, time.monotonic() - began)

    def mark(self, files: Mapping[str, bytes], backend: Backend, answering: Answering, seconds: float) -> Found:
        """Mark what a submission answered elsewhere.

        Args:
            files: of the submission.
            backend: what else is to be asked, is asked there.
            answering: has the answers to the exam's questions.
            seconds: that they took.
        """
        began = time.monotonic()
        with in_a_folder(files) as implementation:
            examined = self._examined(list(self._papers.exams), implementation, backend, answering)
        return self._found(files, examined, seconds + time.monotonic() - began)

    def _found(self, files: Mapping[str, bytes], examined: Mapping[str, Examined], seconds: float) -> Found:
        evidence = Evidence(dict(files), {name: one.sheet for name, one in examined.items()})
        data = sheet_file.as_bytes(evidence, self._papers.exams)
        return Found(by_chapter([one.judged for one in examined.values()]), data, seconds)

    def _sat_here(self, names: list[str], implementation: Implementation) -> dict[str, Examined]:
        backend = Isolated(implementation, self._limits, self._ready(), ahead=len(names) > 1)
        try:
            return self._examined(names, implementation, backend, None)
        finally:
            backend.close()

    def _examined(
        self, names: list[str], implementation: Implementation, backend: Backend, answering: Answering | None
    ) -> dict[str, Examined]:
        self._ready()
        session = Session(implementation, Backend(), curriculum.scratch())
        exams, digests = self._papers.exams, self._papers.digests
        return {n: examine(exams[n], digests[n], session, backend, self._catalogue, answering) for n in names}

    def _ready(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(walled=self._walled)
            self._catalogue = Catalogue.on(self._worker, self._limits)
        return self._worker

    def close(self) -> None:
        """Let the worker go; the next submission gets a fresh one."""
        if self._catalogue is not None:
            self._catalogue.close()
        if self._worker is not None:
            self._worker.close()
        self._worker = self._catalogue = None


def mark_again(papers: Papers, evidence: Evidence, sheets: Mapping[str, KataSheet], catalogue: Catalogue) -> Katas:
    """The verdicts that the sheets give, which are of these papers: nothing of the submission is run."""
    with in_a_folder(evidence.files) as implementation:
        session = Session(implementation, Backend(), curriculum.scratch())
        judged = [remark(papers.exams[name], sheet, session, catalogue) for name, sheet in sheets.items()]
    return by_chapter(judged)


def by_chapter(judged: list[Judged]) -> Katas:
    """The results by chapter and kata."""
    found: Katas = {}
    for one in judged:
        found.setdefault(one.kata.chapter, {})[one.kata.name] = result_of(one)
    return found


def result_of(judged: Judged) -> KataResult:
    """What is reported of a kata."""
    verdict, law, message = judged.verdict, None, None
    if verdict.outcome is not Outcome.SOLVED:
        number = next(i for i, report in enumerate(judged.reports) if report.outcome is verdict.outcome)
        message = judged.reports[number].message
        if verdict.outcome not in (Outcome.TODO, Outcome.MISSING):
            law = law_name(laws_of(judged.kata)[number])
        if message is not None and judged.diagnosis is not None:
            message = message.with_mistake(judged.diagnosis.sentence, judged.diagnosis.next_step)
    return KataResult(
        outcome=verdict.outcome,
        passed=verdict.passed,
        total=verdict.total,
        cause=verdict.cause,
        diagnosis=verdict.diagnosis or None,
        law=law,
        input=_input_of(message) if law else None,
        message=message,
        hint=judged.diagnosis.hint if judged.diagnosis else None,
    )


def _input_of(message: Message | None) -> str | None:
    """The rows that say what was put in, one below the other."""
    lines: list[str] = []
    label = ""
    for row in message.rows if message else ():
        label = row.label or label
        if label == "input":
            lines.append(row.text)
    return "\n".join(lines) or None


def refused(katas: list[Kata], outcome: Outcome, cause: str) -> Katas:
    """The results of a submission of which nothing could be taken, or that is not there."""
    found: Katas = {}
    for kata in katas:
        total = len(curriculum.laws(kata.chapter).get(kata.name, ()))
        message = Message(f"{kata.name}: {cause}")
        one = KataResult(outcome=outcome, passed=0, total=total, cause=cause, message=message)
        found.setdefault(kata.chapter, {})[kata.name] = one
    return found
