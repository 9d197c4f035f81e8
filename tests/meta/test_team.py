"""The judge of the watch: forked, in one process or several, it says what the plain judge says."""

import os
import signal

import pytest

from kata.course import curriculum
from kata.judge import profiles
from kata.judge.catalogue import Catalogue
from kata.judge.judging import judge_kata
from kata.judge.team import Done, Event, Finished, ForkedJudge
from kata.waist.implementation import Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session
from kata.waist.verdict import Outcome

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
"""The tests' process may have run TensorFlow, which has threads; the watch's never has."""

SOLUTIONS = implementation_at("solutions")
(HUBER,) = curriculum.find("huber")
(SCALING,) = curriculum.find("linear_scaling_rule")


def wrong(kata: curriculum.Kata) -> Implementation:
    """The solutions, with the first misconception in the place of `kata`."""
    variant = curriculum.variants_of("misconception", kata)[0].variant
    return Implementation(SOLUTIONS.folder, variant)


@pytest.fixture(autouse=True)
def as_the_watch_does() -> None:
    profiles.load("learner")


def events_of(judge: ForkedJudge) -> list[Event]:
    found: list[Event] = []
    while not any(isinstance(event, Finished) for event in found):
        found += judge.events()
    return found


def team(size: int, implementation: Implementation, worker: Worker) -> list[Isolated]:
    ready = [Isolated(implementation, Limits(), worker) for _ in range(size)]
    for backend in ready:
        backend.prepare()
    return ready


@pytest.mark.parametrize("size", [1, 2, 3])
def test_however_many_judge_together_the_verdict_is_that_of_one(worker: Worker, size: int) -> None:
    implementation = wrong(HUBER)
    backend = Isolated(implementation, Limits(), worker)
    catalogue = Catalogue.on(worker)
    alone = judge_kata(HUBER, Session(implementation, backend, curriculum.scratch()), catalogue)
    backend.close()
    catalogue.close()
    judge = ForkedJudge([HUBER, SCALING], implementation, team(size, implementation, worker), worker)
    done = [event for event in events_of(judge) if isinstance(event, Done)]
    assert judge.close()
    assert [event.kata for event in done] == ["huber", "linear_scaling_rule"]
    assert done[0].verdict == alone.verdict
    assert done[0].verdict.outcome is Outcome.WRONG
    assert done[0].verdict.diagnosis
    assert done[1].verdict.outcome is Outcome.SOLVED
    assert done[1].verdict.total == len(curriculum.laws(SCALING.chapter)[SCALING.name])


def test_a_helper_that_is_gone_never_makes_a_kata_solved(worker: Worker) -> None:
    judge = ForkedJudge([HUBER], SOLUTIONS, team(2, SOLUTIONS, worker), worker)
    os.kill(judge._pids[1], signal.SIGKILL)
    assert [type(event) for event in events_of(judge)] == [Finished]
    judge.close()


def test_it_can_be_stopped_at_once_and_the_worker_serves_the_next(worker: Worker) -> None:
    for _ in range(2):
        judge = ForkedJudge([HUBER], SOLUTIONS, team(2, SOLUTIONS, worker), worker)
        assert judge.close()
    judge = ForkedJudge([SCALING], SOLUTIONS, team(2, SOLUTIONS, worker), worker)
    done, _ = events_of(judge)
    assert isinstance(done, Done)
    assert done.verdict.outcome is Outcome.SOLVED
    judge.close()
