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
from kata.subject import Backend, Session
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


@dataclass(frozen=True)
class Judgement:
    """One law's report and, where it does not hold, what was asked when it failed."""

    report: LawReport
    asked: Conversation = ()


def judge_laws(
    kata: Kata,
    session: Session,
    *,
    limit: float = 90.0,
    share: slice = slice(None),
    after_law: Callable[[LawReport], None] = lambda report: None,
) -> list[Judgement]:
    """Judge `kata` by those of its laws that are this `share`; `after_law` is told of each report at once."""
    found = []
    for law in laws_of(kata)[share]:
        report = judge(law, session, kata.key, limit=limit)
        after_law(report)
        found.append(Judgement(report, tuple(session.calls) if report.outcome in DIAGNOSABLE else ()))
    return found


def conclude(kata: Kata, judgements: list[Judgement], backend: Backend, catalogue: Catalogue | None) -> Judged:
    """The verdict that follows from all laws, in file order; with a `catalogue`, the mistake is named."""
    reports = tuple(judgement.report for judgement in judgements)
    found = verdict.of_kata(reports)
    if catalogue is None or found.outcome not in DIAGNOSABLE:
        return Judged(kata, found, reports)
    failing = [judgement.asked for judgement in judgements if judgement.asked]
    diagnosis = diagnose(kata, backend, catalogue, failing)
    if diagnosis:
        found = msgspec.structs.replace(found, diagnosis=diagnosis.sentence)
    return Judged(kata, found, reports, diagnosis)


def judge_kata(kata: Kata, session: Session, catalogue: Catalogue | None = None, *, limit: float = 90.0) -> Judged:
    """Judge `kata` by all its laws; with a `catalogue`, name the misconception that behaves like it."""
    todo = untouched(kata, session)
    if todo:
        reports = [todo] * len(curriculum.laws(kata.chapter).get(kata.name, ()))
        return Judged(kata, verdict.of_kata(reports), tuple(reports))
    return conclude(kata, judge_laws(kata, session, limit=limit), session.backend, catalogue)
