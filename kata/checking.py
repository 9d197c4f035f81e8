"""Judges a list of katas from outside: one worker, a fresh child for every kata, the catalogue beside it."""

from collections.abc import Iterator

from kata import curriculum, profiles
from kata.curriculum import Kata
from kata.diagnosis import Catalogue
from kata.implementation import Implementation, named
from kata.isolated import Isolated, Limits, Worker
from kata.judging import Judged, judge_kata, untouched
from kata.subject import Session


def check(
    katas: list[Kata],
    implementation: Implementation,
    *,
    diagnose: bool = True,
    limits: Limits | None = None,
    profile: str = "learner",
    worker: Worker | None = None,
) -> Iterator[Judged]:
    """Judge `katas` one after the other and yield each as it is done.

    TensorFlow starts only if it is needed, and not at all where a `worker` that has it is lent.
    """
    profiles.load(profile)
    limits = limits or Limits()
    own_worker = worker is None
    worker = worker or Worker()
    session = Session(
        implementation, Isolated(implementation, limits, worker, ahead=len(katas) > 1), curriculum.scratch()
    )
    catalogue = Catalogue(Isolated(named("solutions"), limits, worker))
    try:
        if any(untouched(kata, session) is None for kata in katas):
            worker.start()  # TensorFlow is imported over there while the laws are imported here
        for kata in katas:
            yield judge_kata(kata, session, catalogue if diagnose else None, limit=limits.law)
    finally:
        session.backend.close()
        catalogue.close()
        if own_worker:
            worker.close()
