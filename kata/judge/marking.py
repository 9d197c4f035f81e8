"""Marks an answer sheet: the laws' own bodies run on the recorded examples, and the sheet answers what they ask."""

import contextlib
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kata.judge.answers import LawSheet
from kata.judge.drawing import Law, law_name
from kata.judge.every_kata import CasedLaw
from kata.judge.exam import Draws, Example, LawExam, canonical
from kata.judge.laws import outcome_of
from kata.waist.codec import KataName
from kata.waist.question import Answer, Question
from kata.waist.session import REMEMBERED, Backend, Session, Stopped, use
from kata.waist.verdict import LawReport, Outcome


class Diverged(BaseException):
    """The law asks this implementation something else than it asked the reference."""


NOT_ON_THE_SHEET = "asks something that is not on the answer sheet, and there is nobody to be asked"


class Marked(NamedTuple):
    """What became of a law, and the number of the first example on which it failed."""

    report: LawReport
    first: int | None = None


def mark(
    law: Law,
    exam: LawExam,
    sheet: LawSheet,
    session: Session,
    kata: KataName,
    *,
    live: Backend | None = None,
    first_only: bool = False,
) -> Marked:
    """The report on `law`, as live judging with the exam's seed would give it.

    Of the examples on which it fails as it does on the first, the simplest is shown (unless `first_only`); the session
    is left in that example. Where a law asks this implementation something that it did not ask the reference, the
    example's whole conversation is held `live`, from the start.
    """
    desk = _Desk(sheet, live)
    with _sitting_at(desk, session), use(session):
        begun = outcome_of(lambda: session.begin_law(kata, law_name(law)), law, session, kata)
        if begun.outcome is not Outcome.SOLVED:
            session.end_law(begun.outcome)
            return Marked(begun, 0)
        first: Marked | None = None
        simplest = 0, 0
        for number, report in _reports(law, exam, desk, session, kata):
            if report.outcome is Outcome.SOLVED:
                continue
            order = exam.examples[number].rank, number
            if first is None or (_untold(first.report) and not _untold(report)):
                first, simplest = Marked(report, number), order
                if first_only or kata in session.given_up:
                    session.end_law(report.outcome)
                    return first  # the session is in that example still
            elif report.outcome is first.report.outcome:
                simplest = min(simplest, order)
        session.end_law(first.report.outcome if first else Outcome.SOLVED)
        if first is None:
            return Marked(LawReport(outcome=Outcome.SOLVED))
        session.given_up.pop(kata, None)  # what ran out of time was an example after that one
        report = _mark_example(law, simplest[1], exam.examples[simplest[1]], desk, session, kata)
        return Marked(report, first.first)


def outcomes(
    law: Law, exam: LawExam, sheet: LawSheet, session: Session, kata: KataName, *, live: Backend
) -> list[Outcome]:
    """What became of `law` on each of its examples, as far as the sheet goes."""
    desk = _Desk(sheet, live)
    with _sitting_at(desk, session), use(session):
        session.begin_law(kata, law_name(law))
        found = [report.outcome for _, report in _reports(law, exam, desk, session, kata)]
        session.end_law(next((outcome for outcome in found if outcome is not Outcome.SOLVED), Outcome.SOLVED))
        return found


def _untold(report: LawReport) -> bool:
    """Whether the sheet does not tell: another example's verdict says more."""
    return report.outcome is Outcome.INFRASTRUCTURE


def _reports(
    law: Law, exam: LawExam, desk: "_Desk", session: Session, kata: KataName
) -> Iterator[tuple[int, LawReport]]:
    """The examples' numbers and reports, in order, up to what ended the sheet."""
    sheet = desk.sheet
    for number, example in enumerate(exam.examples):
        if number >= len(sheet.answers) and number not in sheet.live and sheet.ending is None:
            return  # nothing more was asked, or nobody wanted more
        if number >= REMEMBERED and _is_as_the_reference(example, number, sheet):
            yield number, LawReport(outcome=Outcome.SOLVED)  # as it was with these very answers when it was drawn
            continue
        report = _mark_example(law, number, example, desk, session, kata)
        yield number, report
        if sheet.ending is not None and number >= len(sheet.answers) - 1 and report.outcome is not Outcome.SOLVED:
            return


def _is_as_the_reference(example: Example, number: int, sheet: LawSheet) -> bool:
    if number >= len(sheet.answers) or number in sheet.live:
        return False
    answers = sheet.answers[number]
    return len(answers) == len(example.reference) and all(map(operator.is_, answers, example.reference))


@contextlib.contextmanager
def _sitting_at(desk: "_Desk", session: Session) -> Iterator[None]:
    before, session.backend = session.backend, desk
    try:
        yield
    finally:
        session.backend = before


def _mark_example(
    law: Law, number: int, example: Example, desk: "_Desk", session: Session, kata: KataName
) -> LawReport:
    session.begin_example()
    try:
        desk.turn_to(number, example)
        return outcome_of(lambda: run_example(law, example), law, session, kata)
    except Diverged:
        session.begin_example()

        def run_live() -> None:
            desk.go_live(number)
            run_example(law, example)

        return outcome_of(run_live, law, session, kata)


def run_example(law: Law, example: Example) -> None:
    """Run the body of `law` on what was drawn for `example`."""
    if isinstance(law, CasedLaw) and example.arguments:
        law.run(**example.arguments)
        return
    function: Any = getattr(law, "__func__", law)
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        law()
        return
    body = getattr(handle.inner_test, "__wrapped__", handle.inner_test)
    drawn = iter(example.drawn)
    arguments = {
        name: _Redrawn(drawn) if isinstance(value, Draws) else value for name, value in example.arguments.items()
    }
    body(law.__self__, **arguments)  # type: ignore[attr-defined]


class _Redrawn:
    """A `data` argument that gives again what was drawn."""

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn

    def draw(self, strategy: Any, label: Any = None) -> Any:
        return next(self._drawn)


class _Desk(Backend):
    """A backend that answers from a sheet; or live, once a conversation has left the reference's way."""

    def __init__(self, sheet: LawSheet, live: Backend | None) -> None:
        self.sheet = sheet
        self._live = live
        self._number = 0
        self._expected: Sequence[bytes] = ()
        self._answers: list[Answer] = []
        self._place = 0
        self._talking = False

    @property
    def printed(self) -> str:
        return self._live.printed if self._talking and self._live else self.sheet.printed

    def turn_to(self, number: int, example: Example) -> None:
        """What follows is asked of the example of that number."""
        self._number, self._place, self._talking = number, 0, False
        if number in self.sheet.live:
            conversation, self._answers = self.sheet.live[number]
            self._expected = [canonical(question) for question in conversation]
        else:
            self._expected = example.asked
            self._answers = self.sheet.answers[number] if number < len(self.sheet.answers) else []

    def go_live(self, number: int) -> None:
        """What follows is asked of the implementation itself, and noted on the sheet."""
        if self._live is None:
            raise Stopped(Outcome.INFRASTRUCTURE, NOT_ON_THE_SHEET)
        self._talking = True
        self.sheet.live[number] = (), []

    def begin(self, kata: KataName) -> None:
        if self._live is not None:
            self._live.begin(kata)

    def ask(self, question: Question) -> Answer:
        if self._talking:
            assert self._live is not None
            answer = self._live.ask(question)
            asked, answers = self.sheet.live[self._number]
            self.sheet.live[self._number] = (*asked, question), [*answers, answer]
            return answer
        place = self._place
        self._place += 1
        if place >= len(self._expected) or canonical(question) != self._expected[place]:
            raise Diverged
        if place < len(self._answers):
            return self._answers[place]
        if self.sheet.ending is not None:
            raise self.sheet.ending
        raise Diverged
