"""Classes of students that nobody taught: results from a seed, in a realistic mixture, without TensorFlow.

A student has an ability and a place where the term ended for them; a kata has a difficulty. Who goes wrong mostly
makes one of the kata's own misconceptions, and those who make the same one get the same message, as one exam gives.
"""

import functools
import random
from pathlib import PurePosixPath

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.grade.results import ClassResults, Graded, KataResult, Katas, Times
from kata.waist.verdict import Message, Outcome, Row

CAUSES = {
    Outcome.CRASHED: "the process ended by signal 11",
    Outcome.TIMEOUT: "one call took longer than 30 s of CPU time",
    Outcome.OUT_OF_MEMORY: "needed more than 4 GiB",
    Outcome.READY_MADE: "hands the work to keras.losses.Huber",
    Outcome.INFRASTRUCTURE: "the worker could not be started: no space left on device",
}
GIVEN = (
    "Anna",
    "Ben",
    "Chidi",
    "Dalia",
    "Emre",
    "Fatima",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kofi",
    "Léa",
    "Mina",
    "Noor",
)
FAMILY = (
    "Abel",
    "Brandt",
    "Costa",
    "Duarte",
    "Eriksen",
    "Farouk",
    "García",
    "Hansen",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lê",
)


def a_class(
    students: int, seed: int = 1, *, ability: tuple[float, float] = (0.25, 0.95), sandbox: str = "bwrap"
) -> ClassResults:
    """Results of so many students."""
    draw = random.Random(f"{students} {seed}")
    hardness = {kata.key: draw.betavariate(2, 4) for kata in curriculum.katas()}
    submissions = {f"s{i:05d}": _graded(draw, draw.uniform(*ability), hardness) for i in range(1, students + 1)}
    versions = {"python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6", "kata": "0.1.0"}
    return ClassResults(seed=seed, exam="3f9a" * 16, versions=versions, sandbox=sandbox, submissions=submissions)


def names_of(results: ClassResults) -> dict[str, str]:
    """A name for every student."""
    draw = random.Random(0)
    return {student: f"{draw.choice(GIVEN)} {draw.choice(FAMILY)}" for student in results.submissions}


def points_of(results: ClassResults) -> dict[str, str]:
    """A point and a half for every kata that is solved, as text."""
    return {student: f"{graded.solved * 1.5:g}" for student, graded in results.submissions.items()}


def times_of(results: ClassResults, seed: int = 0) -> Times:
    """Seconds of every student: a minute, more or less, and sometimes several."""
    draw = random.Random(seed)
    seconds = {student: round(draw.lognormvariate(4.0, 0.4), 2) for student in results.submissions}
    return Times(submissions=seconds, total=round(sum(seconds.values()) / 2, 2))


def everyone(students: int, outcome: Outcome) -> ClassResults:
    """A class in which all katas of all students come out the same."""
    one = KataResult(outcome=outcome, passed=10 if outcome is Outcome.SOLVED else 0, total=10)
    katas = {chapter.name: {kata.name: one for kata in chapter.katas} for chapter in curriculum.chapters()}
    submissions = {f"s{i:05d}": Graded(katas=katas) for i in range(1, students + 1)}
    return ClassResults(seed=1, exam="00", versions={"python": "3.11.7"}, sandbox="bwrap", submissions=submissions)


@functools.cache
def _misconceptions(kata: Kata) -> list[Described]:
    return curriculum.variants_of("misconception", kata)


def _graded(draw: random.Random, ability: float, hardness: dict[object, float]) -> Graded:
    katas: Katas = {}
    notes: list[str] = []
    last = draw.choice((10, 10, 10, 10, 9, 8, 8, 7, 6, 4))
    for chapter in curriculum.chapters():
        fate = draw.random()
        if chapter.number > last:
            fate_of_all = Outcome.MISSING if draw.random() < 0.5 else Outcome.TODO
        elif fate < 0.01:
            fate_of_all = Outcome.BROKEN
        else:
            fate_of_all = None
        if fate_of_all is Outcome.MISSING:
            notes.append(f"{chapter.name}.py is not in the submission")
        katas[chapter.name] = {
            kata.name: _uniform(kata, fate_of_all, fate) if fate_of_all else _result(draw, kata, ability, hardness)
            for kata in chapter.katas
        }
    if draw.random() < 0.1:
        notes.append("conftest.py was left out: only the chapters' files are taken")
    return Graded(katas=katas, notes=tuple(notes))


def _uniform(kata: Kata, outcome: Outcome, fate: float) -> KataResult:
    cause = {
        Outcome.MISSING: f"{kata.chapter}.py is not there",
        Outcome.TODO: "not implemented yet",
        Outcome.BROKEN: f"{kata.chapter}.py, line {int(fate * 9000)}: SyntaxError: '(' was never closed",
    }[outcome]
    return KataResult(outcome=outcome, passed=0, total=_total(kata), cause=cause)


def _result(draw: random.Random, kata: Kata, ability: float, hardness: dict[object, float]) -> KataResult:
    total = _total(kata)
    if draw.random() < 0.5 + ability - hardness[kata.key]:
        return KataResult(outcome=Outcome.SOLVED, passed=total, total=total)
    fate = draw.random()
    if fate < 0.12:
        return _uniform(kata, Outcome.TODO, 0)
    if fate < 0.16:
        outcome = draw.choice(
            (Outcome.CRASHED, Outcome.TIMEOUT, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.READY_MADE)
        )
        return KataResult(outcome=outcome, passed=0, total=total, cause=CAUSES[outcome])
    if fate < 0.161:
        return KataResult(outcome=Outcome.INFRASTRUCTURE, passed=0, total=total, cause=CAUSES[Outcome.INFRASTRUCTURE])
    return _wrong(draw, kata, total)


def _wrong(draw: random.Random, kata: Kata, total: int) -> KataResult:
    known = _misconceptions(kata)
    number = min(int(draw.expovariate(0.5)), len(known) - 1)
    mistake = known[number] if draw.random() < 0.75 else None
    laws = curriculum.laws(kata.chapter)[kata.name]
    law = laws[(number if mistake else draw.randrange(len(laws))) % len(laws)].partition("::")[2]
    asked = f"{kata.name}(y_true=np.array([1.0, {number}.0], np.float32), y_pred=np.array([1.5, 0.25], np.float32))"
    yours = f"{number + 1}.25" if mistake else f"{draw.gauss(0, 10):.6g}"
    rows = [
        Row("law", law.removeprefix("test_").replace("_", " ").capitalize() + ", whatever the shape of what comes in."),
        Row("input", asked),
        Row("expected", "0.625"),
        Row("yours", yours),
        Row("problem", "The value is wrong."),
        Row("where", str(PurePosixPath("exercises", f"{kata.chapter}.py")) + f":{draw.randrange(20, 200)}"),
        Row("", "    return tf.reduce_sum(tf.square(y_true - y_pred))", is_optional=True),
        Row("next", f"uv run kata hint {kata.name}"),
    ]
    message = Message(f"{kata.name}: {law.removeprefix('test_').replace('_', ' ')}", tuple(rows))
    if mistake:
        message = message.with_mistake(mistake.text)
    return KataResult(
        outcome=Outcome.WRONG,
        passed=draw.randrange(total),
        total=total,
        cause=f"expected 0.625, yours {yours}",
        diagnosis=mistake.text if mistake else None,
        law=law,
        input=asked,
        message=message,
        hint=mistake.hint if mistake else None,
    )


def _total(kata: Kata) -> int:
    return len(curriculum.laws(kata.chapter)[kata.name])
