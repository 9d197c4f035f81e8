"""The diagnosis names the misconception that behaves like the kata, and never one that does not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import profiles
from kata.judge.catalogue import Catalogue
from kata.judge.diagnosis import diagnose
from kata.judge.judging import judge_kata
from kata.judge.likeness import alike
from kata.waist.codec import DTYPES, Handle, Raised, Tensor
from kata.waist.implementation import Implementation, implementation_at
from kata.waist.question import Answered
from kata.waist.session import InProcess, Session
from kata.waist.verdict import DIAGNOSABLE
from tests.meta.mutation import MutantJudge, chosen

KATAS = curriculum.katas()


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Catalogue]:
    profiles.load("ci")
    shared = Catalogue(InProcess(implementation_at("solutions")))
    yield shared
    shared.close()


QUICK = ("ch02", "ch04")
"""Chapters whose questions are asked in a moment; training a model takes longer, so the others are for `--seeds 2`."""


@pytest.mark.parametrize("kata", KATAS, ids=lambda kata: kata.name)
def test_a_misconception_is_named_and_an_approach_is_not(
    kata: Kata, catalogue: Catalogue, pytestconfig: pytest.Config
) -> None:
    """Run as the learner's: each misconception is named, alone or with those that cannot be told from it."""
    if not kata.chapter.startswith(QUICK) and pytestconfig.option.seeds < 2:
        pytest.skip("trains models: part of the thorough run, --seeds 2")
    folder = implementation_at("solutions").folder
    for kind in ("misconception", "approach"):
        for described in curriculum.variants_of(kind, kata):
            backend = InProcess(Implementation(folder, described.variant))
            session = Session(Implementation(folder, described.variant), backend)
            found = diagnose(kata, session, catalogue)
            if found is None and kind == "misconception":  # the questions do not reveal it: the laws' own failures do
                found = judge_kata(kata, session, catalogue).diagnosis
            names = [one.variant.name for one in found.named] if found else []
            if kind == "misconception":
                assert described.variant.name in names
            else:
                assert names == [], described.variant.name


def test_for_a_mutation_that_nobody_chose_nothing_false_is_named(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """What is named agrees with the mutation on questions, too, that the diagnosis never asked."""
    katas = [kata for kata in KATAS if kata.chapter.startswith(QUICK)]
    judge, failing = MutantJudge(), 0
    for mutant in chosen(katas, 100):
        outcome, _, false = judge.judge(mutant, tmp_path)
        assert false == [], str(mutant)
        failing += outcome in DIAGNOSABLE
        if failing == (10 if pytestconfig.option.seeds < 2 else 30):
            break
    judge.close()
    assert failing >= 10


def answered(value: object) -> Answered:
    return Answered(value, [])


def test_answers_are_alike_only_in_kind_shape_dtype_and_value() -> None:
    one = np.float32([1.0, 2.0])
    assert alike(answered(one), answered(one * np.float32(1.00001)))
    assert not alike(answered(one), answered(one * np.float32(1.01)))
    assert not alike(answered(one), answered(one.astype(np.float64)))
    assert not alike(answered(one), answered(one[:, None]))
    assert not alike(answered(one), answered(one.view(Tensor)))
    assert not alike(answered(1), answered(1.0))
    assert not alike(answered(one), None)
    assert not alike(answered(one), Answered(one, ["argument 1"]))
    assert alike(answered({"a": [1, (2.0,)]}), answered({"a": [1, (2.0,)]}))
    assert not alike(answered({"a": 1}), answered({"b": 1}))
    assert alike(answered(Handle(1, "A")), answered(Handle(2, "B")))
    assert alike(answered(np.float32([np.nan, np.inf])), answered(np.float32([np.nan, np.inf])))
    assert not alike(answered(np.float32([np.nan])), answered(np.float32([0.0])))


def test_exceptions_are_alike_by_type() -> None:
    def raised(name: str) -> Raised:
        return Raised("raised", name, "text", None, "")

    assert alike(raised("ValueError"), raised("ValueError"))
    assert not alike(raised("ValueError"), raised("TypeError"))
    assert not alike(raised("ValueError"), answered(1))


@given(st.sampled_from(list(DTYPES.values())), st.integers(0, 100))
def test_an_answer_is_like_itself(dtype: np.dtype, value: int) -> None:
    array = np.full((2, 3), value).astype(dtype)
    assert alike(answered(array), answered(array.copy()))
