"""Runs one law against the implementation in use and says what became of it: everything is judged through `judge`."""

import contextlib
import functools
import importlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis.errors import Flaky, FlakyReplay
from hypothesis.reporting import with_reporter

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import case, every_kata, message
from kata.judge.drawing import Law, count_examples, law_name
from kata.waist.assertions import ImplementationError, LawViolation
from kata.waist.codec import KataName
from kata.waist.isolated import WorkerLost
from kata.waist.session import Session, Stopped, use
from kata.waist.verdict import LawReport, Message, Outcome


def laws_of(kata: Kata) -> list[Law]:
    """The laws of `kata`: bound methods in file order, then those that every kata has."""
    module = importlib.import_module(f"tests.test_{kata.chapter}")
    found: list[Law] = []
    for name in curriculum.laws(kata.chapter).get(kata.name, ()):
        class_name, method = name.split("::")
        if class_name != curriculum.EVERY_KATA:
            found.append(getattr(getattr(module, class_name)(), method))
    return [*found, *every_kata.laws_for(kata, found)]


NOT_RUN = "not run: an earlier law of this kata ran out of time or memory, and this one would make you wait as long"


def not_run(kata: KataName, session: Session) -> LawReport:
    """The report on a law of a kata that the session has given up."""
    return LawReport(outcome=session.given_up[kata], cause=NOT_RUN, message=Message(f"{kata.name}: {NOT_RUN}"))


class OutOfTime(BaseException):
    """The law's own time limit, raised by the alarm."""


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this thread after `seconds`, where the platform has an alarm."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Any) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _say_nothing(text: object) -> None:
    """Hypothesis' own remarks are for those who know it; a learner reads ours."""


@contextlib.contextmanager
def _remembered(session: Session) -> Iterator[None]:
    session.error = None
    try:
        yield
    except BaseException as error:
        session.error = error
        raise


def judge(law: Law, session: Session, kata: KataName, *, limit: float = 90.0) -> LawReport:
    """Run `law` (a bound test method without arguments) on `session` and report.

    A worker that dies is perhaps not the submission's fault: the law is run once more in a fresh one.
    If that dies too, it is.
    """
    report = _judged(law, session, kata, limit)
    if session.keeps is not None:
        case.keep(law, session, kata, report, session.keeps)
    return report


def _judged(law: Law, session: Session, kata: KataName, limit: float) -> LawReport:
    try:
        return _judge(law, session, kata, limit)
    except WorkerLost:
        pass
    try:
        return _judge(law, session, kata, limit)
    except WorkerLost:
        cause = "takes down the process that runs it, twice in a row"
        return message.report(law, session, kata, Outcome.CRASHED, cause)


def _judge(law: Law, session: Session, kata: KataName, limit: float) -> LawReport:
    count_examples(law)
    if kata in session.given_up:
        return not_run(kata, session)
    with use(session):
        found = outcome_of(lambda: session.begin_law(kata, law_name(law)), law, session, kata)
        if found.outcome is Outcome.SOLVED:
            with _alarm(limit), with_reporter(_say_nothing):
                found = outcome_of(law, law, session, kata, limit=limit)
        session.end_law(found.outcome)
        return found


def outcome_of(
    run: Callable[[], object], law: Law, session: Session, kata: KataName, *, limit: float = 90.0
) -> LawReport:
    """What became of `run`, which is `law` or one example of it, as a report."""
    report = functools.partial(message.report, law, session, kata)
    try:
        with _remembered(session):
            run()
    except Stopped as stop:
        if stop.outcome in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY):
            session.given_up[kata] = stop.outcome
        return report(stop.outcome, stop.cause, line=stop.line, trace=stop.trace)
    except OutOfTime:
        session.given_up[kata] = Outcome.TIMEOUT
        return report(Outcome.TIMEOUT, f"the law was not done within {limit:g} seconds: a loop?")
    except LawViolation as error:
        return report(Outcome.WRONG, error.problem, violation=error)
    except ImplementationError as error:
        cause = f"raises {error.type_name}: {error.text}"
        return report(Outcome.BROKEN, cause, line=error.line, trace=error.trace)
    except (Flaky, FlakyReplay):
        return report(Outcome.WRONG, "The same input gives different results from one call to the next.")
    except (NameError, ImportError) as error:
        cause = f"the law itself is at fault, not your code: {type(error).__name__}: {error}"
        return report(Outcome.INFRASTRUCTURE, cause)
    except Exception as error:
        # The law tripped over what came back (a None where it looked for a field, say).
        cause = f"What came back could not be used: {type(error).__name__}: {error}"
        return report(Outcome.WRONG, cause)
    return LawReport(outcome=Outcome.SOLVED)
