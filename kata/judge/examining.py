"""Judges a kata by an exam: its questions are put to a submission in bulk, and the answers marked apart.

The sheet that comes of it is enough to find the verdict again (`remark`), with no line of the submission run.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from kata.judge.answers import LawSheet, answer_laws
from kata.judge.catalogue import Catalogue
from kata.judge.exam import KataExam, LawExam
from kata.judge.judging import Judged, Judgement, conclude, unjudged, untouched
from kata.judge.laws import laws_of, not_run
from kata.judge.marking import mark
from kata.judge.sheet_file import KataSheet, Recorded, Recording
from kata.waist.answering import unread
from kata.waist.codec import KataName
from kata.waist.question import Answer, Prepared, Question
from kata.waist.session import Backend, Session
from kata.waist.verdict import DIAGNOSABLE


@dataclass(frozen=True)
class Examined:
    """The verdict on a kata, and the answers that it rests on."""

    judged: Judged
    sheet: KataSheet


Answering = Callable[[KataExam, int], list[LawSheet]]
"""The sheets of the exam's laws from that number on, as far as one can answer without marking what was answered."""


def examine(
    exam: KataExam,
    digest: str,
    session: Session,
    backend: Backend,
    catalogue: Catalogue | None,
    answering: Answering | None = None,
) -> Examined:
    """Put `exam`, whose digest is given, to the implementation of `session`, and mark its answers.

    First come the exam's own questions, one law after the other. What else marking asks, it asks in a fresh process:
    so the two may happen at different times and places.

    Args:
        exam: what is asked.
        digest: of the exam.
        session: the implementation.
        backend: where it lives.
        catalogue: names the mistake.
        answering: who puts the exam's questions; whoever lives behind `backend` when left out.
    """
    kata, sheet = exam.kata, KataSheet(digest)
    todo = untouched(kata, session)
    if todo is not None:
        return Examined(unjudged(kata, todo), sheet)
    is_refused = session.ready_made_in(kata.key) is not None
    given: list[LawSheet] = []

    def answers(paper: LawExam) -> LawSheet:
        lost = unread(sheet.laws, kata.key)
        if is_refused or kata.key in session.given_up:  # nobody is asked: what is said is known
            sheet.laws.append(LawSheet())
        elif lost is not None:
            sheet.laws.append(LawSheet([[lost]]))
        else:
            if len(given) == len(sheet.laws):
                given.extend(answering(exam, len(given)) if answering else answer_laws(exam, len(given), backend))
            sheet.laws.append(given[len(sheet.laws)])
        return sheet.laws[-1]

    afresh = _Afresh(backend)
    judgements = _marked(exam, answers, session, afresh)
    session.backend = Recording(afresh, sheet)
    return Examined(_concluded(exam, sheet, judgements, session, catalogue), sheet)


class _Afresh(Backend):
    """Another backend, from a fresh process on, and not before something is asked."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._is_fresh = False
        self._kata: KataName | None = None
        self._begun = False

    @property
    def printed(self) -> str:
        return self._backend.printed if self._begun else ""

    def begin(self, kata: KataName) -> None:
        self._kata, self._begun = kata, False

    def _begin(self) -> None:
        if not self._is_fresh:
            self._backend.renew()
            self._is_fresh = True
        if not self._begun and self._kata is not None:
            self._backend.begin(self._kata)
            self._begun = True

    def ask(self, question: Question) -> Answer:
        self._begin()
        return self._backend.ask(question)

    def converse(self, questions: Iterator[Question]) -> Generator[Answer, None, None]:
        self._begin()
        return self._backend.converse(questions)

    def converse_prepared(self, questions: Iterator[Prepared]) -> Generator[Answer, None, None]:
        self._begin()
        return self._backend.converse_prepared(questions)


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
    return conclude(exam.kata, judgements, session, catalogue if unread(sheet.laws, exam.kata.key) is None else None)
