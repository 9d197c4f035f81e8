"""Judges whole katas: every law of a kata, in order, on one implementation, and the mistake's name.

`kata check`, `kata watch` and the proof of the tests use it; under pytest the plugin does the same law by law.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from kata import curriculum, verdict
from kata.curriculum import Kata
from kata.diagnosis import Catalogue, Conversation, Diagnosis, diagnose
from kata.laws import judge, laws_of
from kata.message import with_diagnosis
from kata.subject import Session
from kata.verdict import DIAGNOSABLE, KataVerdict, LawReport, Outcome


@dataclass(frozen=True)
class Judged:
    """What became of a kata: the verdict, each law's report in file order, and the diagnosis if there is one."""

    kata: Kata
    verdict: KataVerdict
    reports: tuple[LawReport, ...]
    diagnosis: Diagnosis | None = None

    @property
    def first_failure(self) -> LawReport | None:
        """The report that a learner should read first, the diagnosis in it."""
        failures = [report for report in self.reports if report.outcome is not Outcome.SOLVED]
        if not failures:
            return None
        if self.diagnosis is None:
            return failures[0]
        message = with_diagnosis(failures[0].message, self.diagnosis.sentence, self.diagnosis.next_step)
        return msgspec.structs.replace(failures[0], message=message)


def untouched(kata: Kata, session: Session) -> LawReport | None:
    """The report on every law of a kata that is still the stub; None when something was written."""
    path, _ = session.implementation.definition(kata.key)
    if not curriculum.is_untouched(path, kata):
        return None
    cause = "not written yet"
    return LawReport(outcome=Outcome.TODO, cause=cause, message=f"{kata.name}: {cause}")


def judge_kata(
    kata: Kata,
    session: Session,
    catalogue: Catalogue | None = None,
    *,
    limit: float = 90.0,
    after_law: Callable[[LawReport], None] = lambda report: None,
) -> Judged:
    """Judge `kata` by all its laws; with a `catalogue`, name the misconception that behaves like it.

    `after_law` is told of each law's report as soon as there is one.
    """
    todo = untouched(kata, session)
    if todo:
        reports = [todo] * len(curriculum.laws(kata.chapter).get(kata.name, ()))
        return Judged(kata, verdict.of_kata(reports), tuple(reports))
    reports = []
    failing: list[Conversation] = []
    for law in laws_of(kata):
        report = judge(law, session, kata.key, limit=limit)
        reports.append(report)
        after_law(report)
        if report.outcome in DIAGNOSABLE:
            failing.append(tuple(session.calls))
    found = verdict.of_kata(reports)
    if catalogue is None or found.outcome not in DIAGNOSABLE:
        return Judged(kata, found, tuple(reports))
    diagnosis = diagnose(kata, session.backend, catalogue, failing)
    if diagnosis:
        found = msgspec.structs.replace(found, diagnosis=diagnosis.sentence)
    return Judged(kata, found, tuple(reports), diagnosis)
