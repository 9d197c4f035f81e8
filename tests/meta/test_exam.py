"""The exam: judging by recorded questions says what live judging says, law by law, whatever the implementation."""

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import exam_file, profiles
from kata.judge.answers import LawSheet, answer_law
from kata.judge.drawing import law_name, seeded
from kata.judge.exam import KataExam, NoExam, canonical, draw
from kata.judge.laws import judge, laws_of
from kata.judge.marking import NOT_ON_THE_SHEET, mark
from kata.prove import every_variant, solutions
from kata.waist.codec import Earlier, KataName, Tensor
from kata.waist.implementation import Implementation, Variant, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.question import Question
from kata.waist.session import Backend, InProcess, Session
from kata.waist.verdict import LawReport, Outcome

SOLUTIONS = implementation_at("solutions")
SEED = 3


def few(usual: int) -> int:
    return max(2, round(usual * 0.2))


@pytest.fixture(scope="module", autouse=True)
def profile() -> None:
    profiles.load("ci")


@pytest.fixture(scope="module")
def reference() -> Iterator[Backend]:
    backend = InProcess(SOLUTIONS)
    yield backend
    backend.close()


def live(
    kata: Kata, implementation: Implementation, backend: Backend, seed: int, share: Callable[[int], int]
) -> list[LawReport]:
    session = Session(implementation, backend, curriculum.scratch())
    found = []
    for law in laws_of(kata):
        with seeded(law, seed, examples=share):
            found.append(judge(law, session, kata.key))
    return found


def by_exam(exam: KataExam, implementation: Implementation, backend: Backend) -> list[LawReport]:
    kata, found = exam.kata, list[LawReport]()
    session = Session(implementation, backend, curriculum.scratch())
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        sheet = answer_law(paper, kata.key, backend, guarded=kata.is_scratch)
        found.append(mark(law, paper, sheet, session, kata.key, live=backend).report)
    return found


def agree(
    kata: Kata,
    exam: KataExam,
    variant: Variant,
    make: type[InProcess] | None,
    worker: Worker,
    seed: int,
    share: Callable[[int], int],
) -> None:
    implementation = Implementation(SOLUTIONS.folder, variant)

    def outcomes(judged: Callable[[Backend], list[LawReport]]) -> dict[str, Outcome]:
        backend = InProcess(implementation) if make else Isolated(implementation, Limits(), worker)
        reports = judged(backend)
        backend.close()
        return {law_name(law): report.outcome for law, report in zip(laws_of(kata), reports, strict=True)}

    by_sheet = outcomes(lambda backend: by_exam(exam, implementation, backend))
    assert by_sheet == outcomes(lambda backend: live(kata, implementation, backend, seed, share)), variant.name


@pytest.mark.parametrize("kata", curriculum.katas(), ids=lambda kata: kata.name)
def test_exam_and_live_judging_agree_on_every_variant(
    kata: Kata, reference: Backend, worker: Worker, pytestconfig: pytest.Config
) -> None:
    """With one seed on the first few variants, by a few examples; with `--seeds 2` and more on all of them."""
    seeds = pytestconfig.option.seeds
    variants = [*solutions({kata.name}), *every_variant({kata.name})]
    if seeds == 1:
        kinds = {kind: [variant for variant in variants if variant[0] == kind] for kind, _ in variants}
        variants = [variant for of_kind in kinds.values() for variant in of_kind[:2]]
    share = few if seeds > 1 else (lambda usual: max(2, round(usual * 0.06)))
    for seed in range(SEED, SEED + seeds):
        exam = draw(kata, reference, seed, examples=share)
        exam = exam_file.from_bytes(exam_file.as_bytes(exam), kata)  # as it is kept
        for _, described in variants:
            agree(kata, exam, described.variant, InProcess, worker, seed, share)


def test_they_agree_across_processes_too(reference: Backend, worker: Worker) -> None:
    for name in ("momentum_step",):
        (kata,) = curriculum.find(name)
        exam = draw(kata, reference, SEED, examples=few)
        for _, described in every_variant({name})[:5]:
            agree(kata, exam, described.variant, None, worker, SEED, few)


def test_the_simplest_failing_example_is_shown(reference: Backend) -> None:
    """Of all that fail as the first does; an explicit one goes before all that were drawn."""
    (kata,) = curriculum.find("huber")
    exam = draw(kata, reference, SEED)
    variant = next(d.variant for _, d in every_variant({"huber"}) if d.variant.name == "quadratic_everywhere")
    implementation = Implementation(SOLUTIONS.folder, variant)
    backend = InProcess(implementation)
    session = Session(implementation, backend)
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        sheet = answer_law(paper, kata.key, backend, guarded=False)
        whole = mark(law, paper, sheet, session, kata.key, live=backend)
        if whole.first is None:
            continue
        shown = [canonical(question) for question in session.asked]
        ranks = {
            example.rank: [canonical(question) for question in example.conversation]
            for number, example in enumerate(paper.examples)
            if mark(law, paper.part(number, number + 1), _row(sheet, number), session, kata.key).first is not None
        }
        assert shown == ranks[min(ranks)]


def _row(sheet: LawSheet, number: int) -> LawSheet:
    return LawSheet(answers=[sheet.answers[number]])


def test_a_sheet_alone_is_enough_where_nothing_diverges(reference: Backend) -> None:
    """Marked again, later, by nobody who could answer."""
    (kata,) = curriculum.find("adam_step")  # a law that feeds answers back in, twenty-five times
    exam = draw(kata, reference, SEED, examples=few)
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        sheet = answer_law(paper, kata.key, reference, guarded=False)
        session = Session(SOLUTIONS, Backend())
        if law_name(law) not in curriculum.FOR_EVERY_KATA:
            assert mark(law, paper, sheet, session, kata.key).report.outcome is Outcome.SOLVED


def test_what_is_not_on_the_sheet_is_said(reference: Backend) -> None:
    (kata,) = curriculum.find("huber")
    exam = draw(kata, reference, SEED, examples=few)
    law, paper = laws_of(kata)[0], exam.laws[-3]
    other = answer_law(exam.laws[0], kata.key, reference, guarded=False)
    report = mark(laws_of(kata)[-3], paper, other, Session(SOLUTIONS, Backend()), kata.key).report
    assert law is not None
    assert report.outcome in (Outcome.INFRASTRUCTURE, Outcome.WRONG, Outcome.BROKEN)
    assert report.outcome is not Outcome.INFRASTRUCTURE or NOT_ON_THE_SHEET in report.cause


def test_an_exam_that_the_reference_fails_is_refused() -> None:
    (kata,) = curriculum.find("huber")
    variant = next(d.variant for kind, d in every_variant({"huber"}) if kind == "misconception")
    with pytest.raises(NoExam, match="the reference does not hold"):
        draw(kata, InProcess(Implementation(SOLUTIONS.folder, variant)), SEED, examples=few)


def test_the_same_seed_asks_the_same_whatever_else_is_loaded(
    reference: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Hypothesis would draw the constants of every module of this clone that happens to be loaded."""
    import sys

    (kata,) = curriculum.find("round_up_to_multiple")

    def asked() -> list[bytes]:
        exam = draw(kata, reference, SEED)
        return [canonical(q) for paper in exam.laws for example in paper.examples for q in example.conversation]

    before = asked()
    module = ModuleType("kata_with_constants")
    path = implementation_at("solutions").folder + "/ch08_clipping.py"
    module.__file__ = path
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "another_new_module", ModuleType("another_new_module"))
    assert asked() == before


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 8))
def test_questions_sent_ahead_are_answered_in_order(worker: Worker, sizes: list[int], stop: int) -> None:
    """Many at once, or left after a few: the next conversation starts clean."""
    backend = Isolated(SOLUTIONS, Limits(), worker)
    kata = KataName("ch09_mixed_precision", "round_up_to_multiple")
    backend.begin(kata)
    questions = [Question(kata, None, (size,), {}, starts_example=True) for size in sizes]
    replies = backend.converse(iter(questions))
    first = [next(replies) for _ in sizes[:stop]]
    replies.close()
    assert [answer.value for answer in first] == [-(-size // 8) * 8 for size in sizes[:stop]]  # type: ignore[union-attr]
    assert [answer.value for answer in backend.converse(iter(questions))] == [-(-size // 8) * 8 for size in sizes]  # type: ignore[union-attr]
    backend.close()


def test_an_earlier_answer_goes_back_as_a_reference_to_it() -> None:
    array = np.float32([1.0, 2.0]).view(Tensor)
    known = {id(array): (array, Earlier(0, 0))}
    kata = KataName("c", "k")
    question = Question(kata, None, (array, [array], {"x": (array, 1)}), {"y": array}).referring(known)
    earlier = Earlier(0, 0)
    assert question.args == (earlier, [earlier], {"x": (earlier, 1)})
    assert question.kwargs == {"y": earlier}
    assert Question.unpacked(question.packed()) == question
