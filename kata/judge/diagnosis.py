"""Which misconception behaves like this implementation?

The learner's implementation is asked what the laws ask of the reference with a fixed seed, and the laws mark its
answers; how the reference and each misconception answer the same is known (`kata.judge.catalogue`). Besides, all are
asked those questions on which the learner's failed. On an example where the law holds with both, they agree, whatever
the digits: a difference that no law minds is no evidence. Where it holds with neither, their answers must be alike.

- A misconception is named when it agrees with the learner's everywhere. Several do: all are named.
- Else two of them are, when they explain every example between them: where one alone shows, the learner's agrees with
  it; where neither shows, the law holds.
- Else one is, as one of the mistakes, when the learner's is wrong wherever it is, mostly in just its way.
- Else nothing is claimed.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.judge.catalogue import Catalogue, Seen, behave, converse
from kata.judge.exam import Conversation
from kata.judge.likeness import alike, identical
from kata.waist.codec import Handle
from kata.waist.nested import leaves
from kata.waist.question import Answered
from kata.waist.session import Session

_OR, _AND, _ONE_OF = " Or: ", " And: ", "One of the mistakes: "
WITNESSES = 4
"""So many examples must show one mistake among others for it to be named."""


@dataclass(frozen=True)
class Diagnosis:
    """The misconceptions that the learner's behaviour shows."""

    named: tuple[Described, ...]
    """That cannot be told from it (usually one), or of which each is a part of it."""
    prefix: str = ""
    """What is said before the first: how much it explains."""
    between: str = _OR

    @property
    def next_step(self) -> str:
        """The command for the hint that helps most, or for the next one."""
        kata = self.named[0].variant.kata
        return f"uv run kata hint {kata}" + (f" --number {self.hint}" if self.hint else "")

    @property
    def sentence(self) -> str:
        """What the learner reads."""
        return self.prefix + self.between.join(dict.fromkeys(described.text for described in self.named))

    @property
    def hint(self) -> int | None:
        """The number of the hint that helps most, where the misconceptions agree on one."""
        hints = {described.hint for described in self.named}
        return hints.pop() if len(hints) == 1 else None


@dataclass(frozen=True)
class _Row:
    """One example: what the learner's did, and each misconception, in the order of the file."""

    mine: Seen
    others: tuple[Seen, ...]
    agree: tuple[bool, ...]
    """Whether the learner's and that misconception do the same here."""

    @property
    def tells(self) -> bool:
        """Whether the answers hold data: an exception has many causes, and an object may be any."""
        values = [answer.value for answer in self.mine.answers if isinstance(answer, Answered)]
        return any(leaf is not None and not isinstance(leaf, Handle) for leaf in leaves(values))


def diagnose(
    kata: Kata, session: Session, catalogue: Catalogue, failing: list[Conversation] | None = None
) -> Diagnosis | None:
    """Name the misconceptions that behave as the implementation of `session` does; None when none does.

    Args:
        kata: the kata that is not solved.
        session: the learner's implementation, and where it lives.
        catalogue: the reference and the misconceptions.
        failing: conversations on which a law failed, as evidence besides the exam.
    """
    candidates = curriculum.variants_of("misconception", kata)
    rows = _exam_rows(kata, session, candidates, catalogue) if candidates and catalogue.knows(kata) else None
    if rows is None:
        return None  # it dies or loops where the reference answers: no misconception does
    if catalogue.can_ask:
        rows += _failing_rows(kata, session, candidates, catalogue, failing or [])
    if all(row.mine.holds for row in rows):
        return None  # it cannot be told from what is right
    return _alone(candidates, rows) or _in_pairs(candidates, rows) or _among_others(candidates, rows)


def bears_out(found: Diagnosis, kata: Kata, session: Session, catalogue: Catalogue) -> bool:
    """Whether what was claimed holds on the examples of another catalogue too: for those who check the diagnosis."""
    candidates = list(found.named)
    rows = _exam_rows(kata, session, candidates, catalogue)
    if rows is None:
        return False
    if not found.prefix:
        return _alone(candidates, rows) == found
    if found.between == _AND:
        return _explain((0, 1), rows)
    return all(_is_among(i, rows) for i in range(len(candidates)))


def _exam_rows(kata: Kata, session: Session, candidates: list[Described], catalogue: Catalogue) -> list[_Row] | None:
    mine = behave(catalogue.exam(kata), Session(session.implementation, session.backend))
    if not mine.survived:
        return None
    behaviours = [catalogue.behaviours(kata)[described.variant.name] for described in candidates]
    examples = [example for paper in catalogue.exam(kata).laws for example in paper.examples]
    rows = []
    for i, (seen, example) in enumerate(zip(mine.seen, examples, strict=True)):
        # What a law failed by a rounding alone is compared to the bit.
        same = identical if alike(list(seen.answers), list(example.reference)) else None
        others = tuple(behaviour.seen[i] for behaviour in behaviours)
        rows.append(_Row(seen, others, tuple(_agree(seen, other, same) for other in others)))
    return rows


def _failing_rows(
    kata: Kata, session: Session, candidates: list[Described], catalogue: Catalogue, failing: list[Conversation]
) -> list[_Row]:
    rows = []
    for conversation in failing:
        mine = converse(session.backend, kata, conversation)
        reference = catalogue.reference(kata, conversation)
        same = identical if alike(mine, reference) else None
        if alike(mine, reference, identical):
            continue  # it failed there for what it was asked before, or by chance
        seen = Seen(tuple(mine), holds=False)
        others = []
        for described in candidates:
            answers = catalogue.answers(described, kata, conversation)
            holds = alike(answers, reference, same) if same else alike(answers, reference)
            others.append(Seen(tuple(answers), holds))
        rows.append(_Row(seen, tuple(others), tuple(_agree(seen, other, same) for other in others)))
    return rows


def _agree(mine: Seen, other: Seen, same: Callable[[Any, Any], bool] | None) -> bool:
    if mine.holds or other.holds:
        return mine.holds and other.holds
    some, others = list(mine.answers), list(other.answers)
    return alike(some, others, same) if same else alike(some, others)


def _alone(candidates: list[Described], rows: list[_Row]) -> Diagnosis | None:
    named = tuple(described for i, described in enumerate(candidates) if all(row.agree[i] for row in rows))
    return Diagnosis(named) if named else None


def _in_pairs(candidates: list[Described], rows: list[_Row]) -> Diagnosis | None:
    pairs = [pair for pair in itertools.combinations(range(len(candidates)), 2) if _explain(pair, rows)]
    if not pairs:
        return None
    both = set.intersection(*map(set, pairs))  # what all that explain it have in common
    if len(pairs) == 1:
        named = tuple(candidates[i] for i in pairs[0])
        return Diagnosis(named, prefix="Two mistakes at once: ", between=_AND)
    return Diagnosis(tuple(candidates[i] for i in both), prefix=_ONE_OF) if both else None


def _explain(pair: tuple[int, int], rows: list[_Row]) -> bool:
    shown = [0, 0]
    for row in rows:
        wrong = [not row.others[i].holds for i in pair]
        if not any(wrong):
            if not row.mine.holds:
                return False
        elif all(wrong):
            if row.mine.holds:
                return False
        else:
            which = wrong.index(True)
            if not row.agree[pair[which]]:
                return False
            shown[which] += row.tells
    return all(shown)


def _among_others(candidates: list[Described], rows: list[_Row]) -> Diagnosis | None:
    found = [(_witnesses(i, rows), described) for i, described in enumerate(candidates) if _is_among(i, rows)]
    found.sort(key=lambda pair: -pair[0])
    if not found or (len(found) > 1 and found[1][0] == found[0][0]):
        return None
    return Diagnosis((found[0][1],), prefix=_ONE_OF)


def _witnesses(which: int, rows: list[_Row]) -> int:
    return sum(row.agree[which] and row.tells for row in rows if not row.others[which].holds)


def _is_among(which: int, rows: list[_Row]) -> bool:
    """Whether the learner's is wrong wherever that misconception is, and mostly in just its way."""
    shows = [row for row in rows if not row.others[which].holds]
    enough = _witnesses(which, rows) >= max(WITNESSES, len(shows) / 2)
    return enough and not any(row.mine.holds for row in shows)
