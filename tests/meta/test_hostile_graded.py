"""Hostile and broken submissions in a class: each has its right outcome, and nobody else notices that it was there."""

import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from kata.course import curriculum
from kata.grade.grader import Found, Grader
from kata.grade.papers import Papers
from kata.judge import exam_file, profiles
from kata.waist import walls
from kata.waist.implementation import implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.verdict import Outcome
from kata.waist.worker import used_by
from tests.meta.hostile import CHAPTER, SABOTAGES, VICTIM, WRONG, Sabotage, submission

NEIGHBOUR = "mean_squared_error"
SEED, SHARE = 3, 0.1
LIMITS = Limits(call=6.0, law=20.0, memory=2**30)
HONEST = Sabotage("nothing", Outcome.SOLVED, "")
MISTAKEN = Sabotage("a mistake", Outcome.WRONG, "", WRONG)

pytestmark = pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls")


class Class:
    """A grader that has judged an honest submission, and one with a mistake."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self.alone = self.grade(HONEST)
        self.grade(MISTAKEN)  # so that the process is there that knows the mistakes
        self.processes = self._processes()

    def grade(self, sabotage: Sabotage) -> Found:
        self._grader._limits = replace(LIMITS, call=sabotage.seconds)
        return self._grader.grade(submission(sabotage))

    def _processes(self) -> int:
        worker = self._grader._worker
        assert worker is not None
        assert worker._process is not None
        return used_by(worker._process.pid)[1]

    def is_calm(self) -> bool:
        """Whether nothing runs behind the walls but what ran before the first hostile submission."""
        deadline = time.monotonic() + 10
        while (more := self._processes() > self.processes) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not more


@pytest.fixture(scope="module")
def graded() -> Iterator[Class]:
    profiles.load("grade")
    katas = [kata for name in (VICTIM, NEIGHBOUR) for kata in curriculum.find(name)]
    worker = Worker(walled=False)
    reference = Isolated(implementation_at("solutions"), Limits(), worker)
    exams = {kata.name: exam_file.exam_for(kata, SEED, lambda: reference, share=SHARE) for kata in katas}
    reference.close()
    worker.close()
    digests = {kata.name: exam_file.digest_of(kata, SEED, SHARE) for kata in katas}
    grader = Grader(Papers(SEED, exams, digests), LIMITS, walled=True)
    yield Class(grader)
    grader.close()


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_each_has_its_outcome_and_nobody_else_notices(sabotage: Sabotage, graded: Class) -> None:
    found = graded.grade(sabotage).katas[CHAPTER]
    victim = found[VICTIM]
    assert victim.outcome in (sabotage.outcome, *sabotage.or_else), victim.cause
    assert victim.outcome is not sabotage.outcome or sabotage.cause in victim.cause
    assert found[NEIGHBOUR].outcome is (victim.outcome if sabotage.takes_chapter else Outcome.SOLVED)
    assert graded.is_calm()
    after = graded.grade(HONEST)
    assert msgspec.json.encode(after.katas) == msgspec.json.encode(graded.alone.katas)
