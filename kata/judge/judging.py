"""Judges whole katas: every law of a kata, in order, on one implementation, and the mistake's name.

`kata check`, `kata watch` and the notebooks use it; under pytest the plugin does the same law by law.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import profiles
from kata.judge.catalogue import Catalogue
from kata.judge.diagnosis import Diagnosis, diagnose
from kata.judge.exam import Conversation
from kata.judge.laws import judge, laws_of
from kata.waist import verdict
from kata.waist.implementation import Implementation
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session
from kata.waist.verdict import DIAGNOSABLE, DOES_NOT_LOAD, KataVerdict, LawReport, Message, Outcome


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
        message = failures[0].message
        if message is not None:
            message = message.with_mistake(self.diagnosis.sentence, self.diagnosis.next_step)
        return msgspec.structs.replace(failures[0], message=message)


def untouched(kata: Kata, session: Session) -> LawReport | None:
    """The report on every law of a kata that is still the stub, or not there; None when something was written."""
    path, _ = session.implementation.definition(kata.key)
    if not path.exists():
        cause = f"there is no file {path.name} in {path.parent.name}/"
        return LawReport(outcome=Outcome.MISSING, cause=cause, message=Message(f"{kata.name}: {cause}"))
    if not curriculum.is_untouched(path, kata):
        return None
    cause = "not written yet"
    return LawReport(outcome=Outcome.TODO, cause=cause, message=Message(f"{kata.name}: {cause}"))


def unjudged(kata: Kata, report: LawReport) -> Judged:
    """The verdict on a kata of which the `untouched` report stands for every law."""
    reports = [report] * len(curriculum.laws(kata.chapter).get(kata.name, ()))
    return Judged(kata, verdict.of_kata(reports), tuple(reports))


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
        found.append(Judgement(report, tuple(session.asked) if report.outcome in DIAGNOSABLE else ()))
    return found


def conclude(kata: Kata, judgements: list[Judgement], session: Session, catalogue: Catalogue | None) -> Judged:
    """The verdict that follows from all laws, in file order; with a `catalogue`, the mistake is named."""
    reports = tuple(judgement.report for judgement in judgements)
    found = verdict.of_kata(reports)
    if catalogue is None or found.outcome not in DIAGNOSABLE or found.cause.startswith(DOES_NOT_LOAD):
        return Judged(kata, found, reports)
    failing = [judgement.asked for judgement in judgements if judgement.asked]
    diagnosis = diagnose(kata, session, catalogue, failing)
    if diagnosis:
        found = msgspec.structs.replace(found, diagnosis=diagnosis.sentence)
    return Judged(kata, found, reports, diagnosis)


def judge_kata(kata: Kata, session: Session, catalogue: Catalogue | None = None, *, limit: float = 90.0) -> Judged:
    """Judge `kata` by all its laws; with a `catalogue`, name the misconception that behaves like it."""
    todo = untouched(kata, session)
    if todo:
        return unjudged(kata, todo)
    return conclude(kata, judge_laws(kata, session, limit=limit), session, catalogue)


def check(
    katas: list[Kata],
    implementation: Implementation,
    *,
    diagnose: bool = True,
    limits: Limits | None = None,
    profile: str = "learner",
    worker: Worker | None = None,
    keeps: Path | None = None,
) -> Iterator[Judged]:
    """Judge `katas` one after the other and yield each as it is done.

    TensorFlow starts only if it is needed, and not at all where a `worker` that has it is lent. The cases on which
    laws failed are kept in the folder `keeps`, if one is given, for `kata show`.
    """
    profiles.load(profile)
    limits = limits or Limits()
    own_worker = worker is None
    worker = worker or Worker()
    session = Session(
        implementation,
        Isolated(implementation, limits, worker, ahead=len(katas) > 1),
        curriculum.scratch(),
        keeps=keeps,
    )
    catalogue = Catalogue.on(worker, limits) if diagnose else None
    try:
        if any(untouched(kata, session) is None for kata in katas):
            worker.start()  # TensorFlow is imported over there while the laws are imported here
        for kata in katas:
            yield judge_kata(kata, session, catalogue, limit=limits.law)
    finally:
        session.backend.close()
        if catalogue is not None:
            catalogue.close()
        if own_worker:
            worker.close()
