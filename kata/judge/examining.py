"""Judges a kata by an exam: its questions are put to a submission in bulk, and the answers marked apart.

The sheet that comes of it is enough to find the verdict again (`remark`), with no line of the submission run.
"""

from dataclasses import dataclass

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge.answers import LawSheet, answer_law
from kata.judge.catalogue import Catalogue
from kata.judge.exam import KataExam
from kata.judge.judging import Judged, Judgement, conclude, untouched
from kata.judge.laws import NOT_RUN, laws_of
from kata.judge.marking import mark
from kata.judge.sheet_file import KataSheet, Recorded, Recording
from kata.waist import verdict
from kata.waist.codec import Raised
from kata.waist.session import Backend, Session
from kata.waist.verdict import DIAGNOSABLE, LawReport, Message, Outcome


@dataclass(frozen=True)
class Examined:
    """The verdict on a kata, and the answers that it rests on."""

    judged: Judged
    sheet: KataSheet


def examine(exam: KataExam, digest: str, session: Session, backend: Backend, catalogue: Catalogue | None) -> Examined:
    """Put `exam`, whose digest is given, to the implementation of `session` behind `backend`, and mark its answers."""
    kata, sheet = exam.kata, KataSheet(digest)
    todo = untouched(kata, session)
    if todo is not None:
        return Examined(_unjudged(kata, todo), sheet)
    session.given_up.pop(kata.key, None)
    judgements, is_refused = [], session.ready_made_in(kata.key) is not None
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        if kata.key in session.given_up:
            sheet.laws.append(LawSheet())
            judgements.append(_not_run(kata, session))
            continue
        unread = _unread(sheet, kata)
        if is_refused:  # as it will be when the law is marked
            answers = LawSheet()
        elif unread is not None:  # a fresh process for every law would say so once more
            answers = LawSheet([[unread]])
        else:
            answers = answer_law(paper, kata.key, backend, guarded=kata.is_scratch)
        sheet.laws.append(answers)
        report = mark(law, paper, answers, session, kata.key, live=backend).report
        judgements.append(Judgement(report, tuple(session.asked) if report.outcome in DIAGNOSABLE else ()))
    session.backend = Recording(backend, sheet)
    return Examined(conclude(kata, judgements, session, catalogue if _unread(sheet, kata) is None else None), sheet)


def remark(exam: KataExam, sheet: KataSheet, session: Session, catalogue: Catalogue | None) -> Judged:
    """Mark the sheet again; nobody is asked anything. What cannot be told from it is `infrastructure`, and says so."""
    kata = exam.kata
    todo = untouched(kata, session)
    if todo is not None:
        return _unjudged(kata, todo)
    session.given_up.pop(kata.key, None)
    judgements = []
    for law, paper, answers in zip(laws_of(kata), exam.laws, sheet.laws, strict=True):
        if kata.key in session.given_up:
            judgements.append(_not_run(kata, session))
            continue
        report = mark(law, paper, answers, session, kata.key).report
        judgements.append(Judgement(report, tuple(session.asked) if report.outcome in DIAGNOSABLE else ()))
    session.backend = Recorded(sheet)
    return conclude(kata, judgements, session, catalogue if _unread(sheet, kata) is None else None)


def _unread(sheet: KataSheet, kata: Kata) -> Raised | None:
    """What was answered instead, where the chapter does not load or lacks the kata: there is nothing to compare."""
    answers = sheet.laws[0].answers[0] if sheet.laws and sheet.laws[0].answers else []
    if not answers or not isinstance(answers[0], Raised):
        return None
    lacks = answers[0].kind == "missing" and f"defines no {kata.name};" in answers[0].text
    return answers[0] if answers[0].kind == "load" or lacks else None


def _unjudged(kata: Kata, report: LawReport) -> Judged:
    reports = [report] * len(curriculum.laws(kata.chapter).get(kata.name, ()))
    return Judged(kata, verdict.of_kata(reports), tuple(reports))


def _not_run(kata: Kata, session: Session) -> Judgement:
    outcome: Outcome = session.given_up[kata.key]
    return Judgement(LawReport(outcome=outcome, cause=NOT_RUN, message=Message(f"{kata.name}: {NOT_RUN}")))
