"""How many examples the laws need: until each misconception is found, and how far each law could be lowered.

From the exam with the profile of grading: every misconception answers it, and the laws mark each example by itself.
"""

from collections import defaultdict
from contextlib import closing
from statistics import median

from benchmarks.rows import Row
from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import profiles
from kata.judge.answers import answer_law
from kata.judge.drawing import law_name
from kata.judge.exam_file import exam_for
from kata.judge.laws import laws_of
from kata.judge.marking import mark
from kata.waist.implementation import Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session
from kata.waist.verdict import Outcome

Found = dict[str, dict[str, int]]
"""By misconception, then by law: the number of the first example on which it fails, from 1."""


def first_failures(kata: Kata, worker: Worker, seed: int = 1) -> tuple[Found, dict[str, int]]:
    """Where each misconception of the kata is found, and how many examples each law has."""
    reference = Isolated(implementation_at("solutions"), Limits(), worker)
    exam = exam_for(kata, seed, lambda: reference)
    reference.close()
    found: Found = {}
    for described in curriculum.variants_of("misconception", kata):
        implementation = Implementation(implementation_at("solutions").folder, described.variant)
        backend = Isolated(implementation, Limits(call=10.0, law=30.0), worker)
        session = Session(implementation, backend, curriculum.scratch())
        laws = found[described.variant.name] = {}
        for law, paper in zip(laws_of(kata), exam.laws, strict=True):
            sheet = answer_law(paper, kata.key, backend, guarded=kata.is_scratch)
            marked = mark(law, paper, sheet, session, kata.key, live=backend, first_only=True)
            if marked.report.outcome is not Outcome.SOLVED:
                laws[law_name(law)] = (marked.first or 0) + 1
            session.given_up.clear()
        backend.close()
    return found, {paper.name: len(paper.examples) for paper in exam.laws}


def lowered(found: Found, examples: dict[str, int]) -> dict[str, int]:
    """How many examples each law needs, lowered one law after the other, before a misconception escapes all laws."""
    needed = dict(examples)
    for law in sorted(needed, key=lambda name: -needed[name]):
        least = 1
        for laws in found.values():
            others = any(first <= needed[other] for other, first in laws.items() if other != law)
            if law in laws and not others:
                least = max(least, laws[law])
        needed[law] = min(needed[law], least)
    return needed


def rows(quick: bool) -> list[Row]:
    """A row a chapter, and one for all."""
    profiles.load("grade")
    chosen = curriculum.find("clip_by_norm") if quick else list(curriculum.katas())
    firsts: dict[str, list[int]] = defaultdict(list)
    usual: dict[str, int] = defaultdict(int)
    needed: dict[str, int] = defaultdict(int)
    escaped = []
    with closing(Worker()) as worker:
        for kata in chosen:
            found, examples = first_failures(kata, worker)
            for name, laws in found.items():
                if laws:
                    firsts[kata.chapter].append(min(laws.values()))
                else:
                    escaped.append(f"{kata.name}.{name}")
            usual[kata.chapter] += sum(examples.values())
            needed[kata.chapter] += sum(lowered(found, examples).values())
    if escaped:
        raise RuntimeError(f"not found by any law: {', '.join(escaped)}")
    return [
        Row(
            f"{chapter}: examples until each of {len(firsts[chapter])} misconceptions is found",
            f"median {median(firsts[chapter]):.0f}, at most {max(firsts[chapter])}",
            f"{needed[chapter]} of {usual[chapter]} examples would find these",
            usual[chapter] / needed[chapter],
            "with one seed, and of known mistakes: no reason to ask less",
        )
        for chapter in usual
    ]
