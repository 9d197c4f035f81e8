"""An exam, and the sheets to it, on disk: what comes back is what was kept, and marked again it gives the same."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.course import curriculum
from kata.judge import exam_file, profiles, sheet_file
from kata.judge.catalogue import Catalogue
from kata.judge.exam import Draws, Example, KataExam, LawExam
from kata.judge.exam_file import exam_for
from kata.judge.examining import examine, remark
from kata.judge.sheet_file import Evidence
from kata.prove import every_variant
from kata.waist.codec import CodecError, Tensor
from kata.waist.implementation import Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Backend, InProcess, Session
from kata.waist.verdict import Outcome
from tests.oracles.ch07_accumulation import Linear
from tests.test_ch03_optimizers import as_list

SOLUTIONS = implementation_at("solutions")
SEED = 7
KATAS = ("huber", "momentum_step", "build_model")
"""A function; answers that go back in; an object, and examples with types among what is drawn."""


@pytest.fixture(scope="module", autouse=True)
def profile() -> None:
    profiles.load("ci")


@pytest.fixture(scope="module")
def reference() -> Iterator[Backend]:
    backend = InProcess(SOLUTIONS)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def catalogue(reference: Backend) -> Catalogue:
    return Catalogue(reference)


def exam(name: str, reference: Backend, folder: Path | None = None) -> KataExam:
    (kata,) = curriculum.find(name)
    return exam_for(kata, SEED, lambda: reference, share=0.1, kept=folder)


@pytest.mark.parametrize("name", KATAS)
def test_what_was_kept_asks_the_same(name: str, reference: Backend, tmp_path: Path) -> None:
    drawn = exam(name, reference, tmp_path)
    (path,) = tmp_path.glob("*.exam")

    def nobody() -> Backend:
        raise AssertionError("it is kept")

    kept = exam_for(drawn.kata, SEED, nobody, share=0.1, kept=tmp_path)
    assert exam_file.as_bytes(kept) == exam_file.as_bytes(drawn)
    assert [law.name for law in kept.laws] == [law.name for law in drawn.laws]
    path.write_bytes(path.read_bytes()[:-9])  # cut off: drawn anew
    assert exam_file.as_bytes(exam(name, reference, tmp_path)) == exam_file.as_bytes(drawn)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from([tuple, list, np.int32, np.asarray, as_list, float, Draws()])
    | st.builds(lambda x: np.array(x, np.float32), st.lists(st.floats(width=32, allow_nan=False), max_size=3))
    | st.builds(lambda x: np.array(x).view(Tensor), st.integers(0, 9))
    | st.builds(Linear, *[st.integers(0, 3)] * len(Linear._fields)),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)  # fmt: skip


def same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)  # type: ignore[attr-defined]
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))  # type: ignore[arg-type]
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)  # type: ignore[attr-defined,index]
    return isinstance(one, Draws) or one == other


@given(value=VALUES)
def test_whatever_is_drawn_comes_back_as_it_was(value: object) -> None:
    (kata,) = curriculum.find("huber")
    one = KataExam(kata, (LawExam("test_law", (Example({"value": value}, (value,), 0, (), ()),)),))
    other = exam_file.from_bytes(exam_file.as_bytes(one), kata).laws[0].examples[0]
    assert same(other.arguments["value"], value)
    assert same(other.drawn[0], value)


def test_what_has_no_name_is_not_kept_and_what_is_not_ours_is_not_found() -> None:
    (kata,) = curriculum.find("huber")
    with pytest.raises((CodecError, AttributeError)):
        exam_file.as_bytes(KataExam(kata, (LawExam("test_law", (Example({"f": lambda: 1}, (), 0, (), ()),)),)))
    with pytest.raises(CodecError, match="none of ours"):
        exam_file._found("os:system")


@given(data=st.binary(max_size=200), compressed=st.booleans())
def test_bytes_that_are_no_exam_are_said_to_be_none(data: bytes, compressed: bool) -> None:
    (kata,) = curriculum.find("huber")
    for decode in (lambda b: exam_file.from_bytes(b, kata), lambda b: sheet_file.from_bytes(b, {})):
        try:
            decode(zlib.compress(data) if compressed else data)
        except ValueError:
            continue
        assert msgspec.msgpack.decode(data) in ([], [{}, {}])


def variants(name: str) -> list[Implementation]:
    found = [Implementation(SOLUTIONS.folder, described.variant) for _, described in every_variant({name})]
    return [SOLUTIONS, *found[:6]]


@pytest.mark.parametrize("name", KATAS)
def test_marked_again_a_sheet_gives_the_same_and_nobody_is_asked(
    name: str, reference: Backend, catalogue: Catalogue
) -> None:
    paper = exam(name, reference)
    digest = exam_file.digest_of(paper.kata, SEED, 0.1)
    found = set()
    for implementation in variants(name):
        backend = InProcess(implementation)
        session = Session(implementation, backend, curriculum.scratch())
        first = examine(paper, digest, session, backend, catalogue)
        backend.close()
        data = sheet_file.as_bytes(Evidence({}, {name: first.sheet}), {name: paper})
        sheet = sheet_file.from_bytes(data, {name: paper}).sheets[name]
        assert sheet_file.exams_of(data) == {name: digest}
        again = remark(paper, sheet, Session(implementation, Backend(), curriculum.scratch()), catalogue)
        assert again.verdict == first.judged.verdict
        assert again.reports == first.judged.reports
        assert again.diagnosis == first.judged.diagnosis
        found.add(again.verdict.outcome)
    assert found == {Outcome.SOLVED, Outcome.WRONG}


def test_a_death_is_on_the_sheet(reference: Backend, catalogue: Catalogue, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "ch02_losses.py").write_text("import os\ndef huber(y_true, y_pred, delta=1.0): os._exit(3)\n", "utf-8")
    implementation = Implementation(str(tmp_path), shown="exercises")
    paper = exam("huber", reference)
    session = Session(implementation, Backend(), curriculum.scratch())
    backend = Isolated(implementation, Limits(), worker)
    first = examine(paper, "digest", session, backend, catalogue)
    backend.close()
    assert first.judged.verdict.outcome is Outcome.CRASHED
    data = sheet_file.as_bytes(Evidence({}, {"huber": first.sheet}), {"huber": paper})
    sheet = sheet_file.from_bytes(data, {"huber": paper}).sheets["huber"]
    again = remark(paper, sheet, Session(implementation, Backend(), curriculum.scratch()), catalogue)
    assert again.reports == first.judged.reports
    message = again.reports[0].message
    assert message is not None
    assert "exercises/ch02_losses.py:2" in [row.text for row in message.rows]
    assert not any(str(tmp_path) in row.text for row in message.rows)


def test_an_untouched_kata_is_asked_nothing(reference: Backend, catalogue: Catalogue) -> None:
    implementation = implementation_at("exercises")
    paper = exam("huber", reference)
    found = examine(paper, "digest", Session(implementation, Backend(), curriculum.scratch()), Backend(), catalogue)
    assert found.judged.verdict.outcome is Outcome.TODO
    assert found.sheet.laws == []
