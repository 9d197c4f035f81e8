"""What grading found, as data: every report, export and page is written from this and from nothing else."""

import msgspec

from kata.waist.verdict import Message, Outcome


class KataResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one kata of one submission."""

    outcome: Outcome
    passed: int
    """How many of its laws hold."""
    total: int
    cause: str = ""
    """Why it is not solved, in a line."""
    diagnosis: str | None = None
    """The sentence of the mistake, where it has a name."""
    law: str | None = None
    """The first law that does not hold, such as `test_is_the_mean`."""
    input: str | None = None
    """The simplest input on which it does not hold, as one would write it."""
    message: Message | None = None
    """What `kata check` would show, as rows."""
    hint: int | None = None
    """The number of the hint that helps most with the mistake."""


Katas = dict[str, dict[str, KataResult]]
"""By chapter, then by kata, both in the curriculum's order."""


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """One submission and what became of each of its katas."""

    katas: Katas
    notes: tuple[str, ...] = ()
    """What was noticed when it was taken in: files that were left out, an encoding, a missing chapter."""

    @property
    def solved(self) -> int:
        """How many katas are solved."""
        return sum(one.outcome is Outcome.SOLVED for chapter in self.katas.values() for one in chapter.values())


class ClassResults(msgspec.Struct, frozen=True, kw_only=True):
    """A whole class, with what the verdicts depend on. `submissions` is in order of the students' ids."""

    seed: int
    exam: str
    """The digest of the exam: laws, oracles, probes, solutions, versions, seed and profile."""
    versions: dict[str, str]
    """Of Python, TensorFlow, Keras, NumPy and this tool."""
    sandbox: str
    """The level that was in force: `bwrap` or `none`."""
    submissions: dict[str, Graded]


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """What may differ from run to run, kept apart from what is compared."""

    submissions: dict[str, float]
    """Seconds that answering took, by student; those of an earlier run where it was not graded again."""
    total: float


FIELDS = ("outcome", "passed", "total", "cause", "diagnosis", "law", "input")
"""The fields of a kata in `results.json`."""


def as_json(results: ClassResults) -> bytes:
    """The bytes of `results.json`: the same for the same submissions, exam and seed."""
    submissions = {
        student: {
            chapter: {kata: {field: getattr(one, field) for field in FIELDS} for kata, one in katas.items()}
            for chapter, katas in graded.katas.items()
        }
        for student, graded in results.submissions.items()
    }
    data = {
        "seed": results.seed,
        "exam": results.exam,
        "versions": results.versions,
        "sandbox": results.sandbox,
        "submissions": submissions,
    }
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"
