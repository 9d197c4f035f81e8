"""A class's results, counted: how each kata went, which mistakes were made and by whom, and what else went wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kata.grade.results import ClassResults, KataResult
from kata.waist.verdict import Outcome

NOT_TRIED = (Outcome.TODO, Outcome.MISSING, Outcome.INFRASTRUCTURE)
"""Outcomes that say nothing of what a student can do: nothing was written, or it is our fault."""
TROUBLES = (
    Outcome.INFRASTRUCTURE,
    Outcome.CRASHED,
    Outcome.TIMEOUT,
    Outcome.OUT_OF_MEMORY,
    Outcome.BROKEN,
    Outcome.READY_MADE,
)
"""Outcomes that an instructor looks at one by one; what is our fault first."""
ENOUGH = 10
"""A kata is no place where a class is stuck unless one student in so many tried it."""


@dataclass(frozen=True, order=True)
class Key:
    """A kata by its chapter and name."""

    chapter: str
    name: str

    def __str__(self) -> str:
        return f"{self.chapter}.{self.name}"


@dataclass(frozen=True)
class KataTally:
    """How one kata went."""

    key: Key
    counts: dict[Outcome, int]
    """How many students have which outcome; none that nobody has."""
    law: str | None
    """The law at which most stop, and how many; of two, the first by name."""
    stopped: int

    @property
    def graded(self) -> int:
        return sum(self.counts.values())

    @property
    def solved(self) -> int:
        return self.counts.get(Outcome.SOLVED, 0)

    @property
    def others(self) -> int:
        """How many came out neither right nor wrong, and not for want of trying."""
        return sum(self.counts.get(outcome, 0) for outcome in TROUBLES)

    @property
    def tried(self) -> int:
        """How many wrote something that could be judged."""
        return sum(count for outcome, count in self.counts.items() if outcome not in NOT_TRIED)

    @property
    def share(self) -> float:
        """Of those who tried, the share that solved it; 1 where nobody tried."""
        return self.solved / self.tried if self.tried else 1.0


@dataclass(frozen=True)
class Mistake:
    """One mistake of one kata, and who makes it, in order of the ids."""

    key: Key
    sentence: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class Trouble:
    """Katas of one chapter of one student that came out neither right nor wrong, for one cause."""

    outcome: Outcome
    student: str
    chapter: str
    katas: tuple[str, ...]
    cause: str


def keys_of(results: ClassResults, order: Iterable[Key]) -> tuple[Key, ...]:
    """The katas that were graded of at least one student: in `order`, then those that it does not know, by name."""
    found = {key for _, key, _ in _each(results)}
    known = [key for key in dict.fromkeys(order) if key in found]
    return (*known, *sorted(found.difference(known)))


def tally(results: ClassResults, keys: Sequence[Key]) -> tuple[KataTally, ...]:
    """How each of the katas `keys` went, in their order."""
    counts: dict[Key, Counter[Outcome]] = {key: Counter() for key in keys}
    laws: dict[Key, Counter[str]] = {key: Counter() for key in keys}
    for _, key, one in _each(results):
        counts[key][one.outcome] += 1
        if one.law is not None and one.outcome not in (*NOT_TRIED, Outcome.SOLVED):
            laws[key][one.law] += 1
    stops = {key: min(found.items(), key=lambda item: (-item[1], item[0])) for key, found in laws.items() if found}
    return tuple(KataTally(key, dict(counts[key]), *stops.get(key, (None, 0))) for key in keys)


def stuck(tallies: Iterable[KataTally], students: int) -> list[KataTally]:
    """The katas that not all who tried have solved, hardest first, without those that hardly anybody tried."""
    worth = [one for one in tallies if one.share < 1 and one.tried * ENOUGH >= students]
    return sorted(worth, key=lambda one: (one.share, -one.tried))


def mistakes(results: ClassResults, keys: Sequence[Key]) -> list[Mistake]:
    """All mistakes that have a name, the most frequent first, then in the katas' order."""
    found: dict[tuple[Key, str], list[str]] = {}
    for student, key, one in _each(results):
        if one.diagnosis:
            found.setdefault((key, one.diagnosis), []).append(student)
    place = {key: i for i, key in enumerate(keys)}
    every = [Mistake(key, sentence, tuple(students)) for (key, sentence), students in found.items()]
    return sorted(every, key=lambda one: (-len(one.students), place[one.key], one.sentence))


def troubles(results: ClassResults) -> dict[Outcome, list[Trouble]]:
    """What came out neither right nor wrong, in the order of `TROUBLES`; a cause of a chapter is told once."""
    found: dict[tuple[Outcome, str, str, str], list[str]] = {}
    for student, key, one in _each(results):
        if one.outcome in TROUBLES:
            found.setdefault((one.outcome, student, key.chapter, one.cause), []).append(key.name)
    every = [Trouble(out, who, chapter, tuple(katas), cause) for (out, who, chapter, cause), katas in found.items()]
    listed = {outcome: [one for one in every if one.outcome is outcome] for outcome in TROUBLES}
    return {outcome: ones for outcome, ones in listed.items() if ones}


def _each(results: ClassResults) -> Iterator[tuple[str, Key, KataResult]]:
    for student, graded in results.submissions.items():
        for chapter, katas in graded.katas.items():
            for name, one in katas.items():
                yield student, Key(chapter, name), one
