"""Judges a kata by an exam: its questions are put to a submission in bulk, and the answers marked apart.

The sheet that comes of it is enough to find the verdict again (`remark`), with no line of the submission run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kata.course.curriculum import Kata
from kata.judge.answers import LawSheet, answer_law
from kata.judge.catalogue import Catalogue
from kata.judge.exam import KataExam, LawExam
from kata.judge.judging import Judged, Judgement, conclude, unjudged, untouched
from kata.judge.laws import laws_of, not_run
from kata.judge.marking import mark
from kata.judge.sheet_file import KataSheet, Recorded, Recording
from kata.waist.codec import Raised
from kata.waist.session import Backend, Session
from kata.waist.verdict import DIAGNOSABLE


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
        return Examined(unjudged(kata, todo), sheet)
    is_refused = session.ready_made_in(kata.key) is not None

    def answers(paper: LawExam) -> LawSheet:
        unread = _unread(sheet, kata)
        if is_refused or kata.key in session.given_up:  # nobody is asked: what is said is known
            sheet.laws.append(LawSheet())
        elif unread is not None:  # a fresh process for every law would say so once more
            sheet.laws.append(LawSheet([[unread]]))
        else:
            sheet.laws.append(answer_law(paper, kata.key, backend, guarded=kata.is_scratch))
        return sheet.laws[-1]

    judgements = _marked(exam, answers, session, backend)
    session.backend = Recording(backend, sheet)
    return Examined(_concluded(exam, sheet, judgements, session, catalogue), sheet)


def remark(exam: KataExam, sheet: KataSheet, session: Session, catalogue: Catalogue | None) -> Judged:
    """Mark the sheet again; nobody is asked anything. What cannot be told from it is `infrastructure`, and says so."""
    todo = untouched(exam.kata, session)
    if todo is not None:
        return unjudged(exam.kata, todo)
    laws = iter(sheet.laws)
    judgements = _marked(exam, lambda paper: next(laws), session, None)
    session.backend = Recorded(sheet)
    return _concluded(exam, sheet, judgements, session, catalogue)


def _marked(
    exam: KataExam, answers: Callable[[LawExam], LawSheet], session: Session, live: Backend | None
) -> list[Judgement]:
    """Each law of the exam, marked by what `answers` has for it."""
    kata = exam.kata
    session.given_up.pop(kata.key, None)
    judgements = []
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        sheet = answers(paper)
        if kata.key in session.given_up:
            judgements.append(Judgement(not_run(kata.key, session)))
            continue
        report = mark(law, paper, sheet, session, kata.key, live=live).report
        judgements.append(Judgement(report, tuple(session.asked) if report.outcome in DIAGNOSABLE else ()))
    return judgements


def _concluded(
    exam: KataExam, sheet: KataSheet, judgements: list[Judgement], session: Session, catalogue: Catalogue | None
) -> Judged:
    return conclude(exam.kata, judgements, session, catalogue if _unread(sheet, exam.kata) is None else None)


def _unread(sheet: KataSheet, kata: Kata) -> Raised | None:
    """What was answered instead, where the chapter does not load or lacks the kata: there is nothing to compare."""
    answers = sheet.laws[0].answers[0] if sheet.laws and sheet.laws[0].answers else []
    if not answers or not isinstance(answers[0], Raised):
        return None
    lacks = answers[0].kind == "missing" and f"defines no {kata.name};" in answers[0].text
    return answers[0] if answers[0].kind == "load" or lacks else None
