"""Judges whole katas: every law of a kata, in order, on one implementation.

`kata check`, `kata watch` and the proof of the tests use it; under pytest the plugin does the same law by law.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from kata import curriculum, verdict
from kata.curriculum import Kata
from kata.laws import judge
from kata.subject import Session
from kata.verdict import KataVerdict, LawReport, Outcome


@dataclass(frozen=True)
class Judged:
    """What became of a kata: the verdict, and each law's report in file order."""

    kata: Kata
    verdict: KataVerdict
    reports: tuple[LawReport, ...]

    @property
    def first_failure(self) -> LawReport | None:
        return next((report for report in self.reports if report.outcome is not Outcome.SOLVED), None)


def laws_of(kata: Kata) -> list[Callable[[], None]]:
    """The laws of `kata` as bound methods, in file order."""
    module = importlib.import_module(f"tests.test_{kata.chapter}")
    found = []
    for name in curriculum.laws(kata.chapter).get(kata.name, ()):
        class_name, method = name.split("::")
        found.append(getattr(getattr(module, class_name)(), method))
    return found


def untouched(kata: Kata, session: Session) -> LawReport | None:
    """The report on every law of a kata that is still the stub; None when something was written."""
    path, _ = session.implementation.definition(kata.key)
    if not curriculum.is_untouched(path, kata):
        return None
    cause = "not written yet"
    return LawReport(outcome=Outcome.TODO, cause=cause, message=f"{kata.name}: {cause}")


def judge_kata(kata: Kata, session: Session, *, limit: float = 90.0) -> Judged:
    """Judge `kata` by all its laws."""
    names = curriculum.laws(kata.chapter).get(kata.name, ())
    todo = untouched(kata, session)
    reports = [todo] * len(names) if todo else [judge(law, session, kata.key, limit=limit) for law in laws_of(kata)]
    return Judged(kata, verdict.of_kata(reports), tuple(reports))
