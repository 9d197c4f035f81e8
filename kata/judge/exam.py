"""The exam: what the laws ask, drawn once from the reference, so that it can be put to any implementation as data.

    draw     laws + seed + profile + reference  →  exam: for each law its examples, for each example its questions
    answer   exam's questions + implementation  →  answer sheet (`kata.judge.answers`)
    mark     exam + answer sheet                →  reports (`kata.judge.marking`)

The seed and the reference alone decide what is asked: nothing of a submission has an influence.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis.control import current_build_context
from hypothesis.errors import InvalidArgument
from hypothesis.internal.conjecture.shrinker import sort_key
from hypothesis.strategies import DataObject

from kata.course.curriculum import Kata
from kata.judge.drawing import Law, law_name, seeded
from kata.judge.laws import judge, laws_of
from kata.waist.codec import encode
from kata.waist.implementation import implementation_at
from kata.waist.question import Answer, Prepared, Question, reply_of
from kata.waist.session import Backend, Session
from kata.waist.verdict import Outcome

Conversation = tuple[Question, ...]
"""The questions of one example, in order: the first starts it, later ones may refer to earlier answers."""


class Draws:
    """Stands among an example's arguments where the law draws by itself; what it drew is kept beside them."""


@dataclass(frozen=True)
class Example:
    """One example of a law: what was drawn for it, and what the law asked of the reference."""

    arguments: dict[str, Any]
    """What the law's body is given."""
    drawn: tuple[Any, ...]
    """What `data.draw` gave, in order."""
    rank: int
    """Its place among the law's examples, simplest first: explicit ones, then by Hypothesis' own order."""
    conversation: Conversation
    reference: tuple[Answer, ...]
    """What the reference answered."""

    @functools.cached_property
    def asked(self) -> tuple[bytes, ...]:
        """The conversation's questions, each as `canonical` has it."""
        return tuple(map(canonical, self.conversation))

    @functools.cached_property
    def prepared(self) -> tuple[Prepared, ...]:
        """The conversation, ready to be asked of many."""
        whole = zip(self.conversation, self.reference_replies, self.reference)
        return tuple(Prepared(asked, encode(asked.packed()), likely, answer) for asked, likely, answer in whole)

    @functools.cached_property
    def reference_replies(self) -> tuple[bytes, ...]:
        """The reference's answers as they cross the waist, to tell which others are the same."""
        return tuple(encode(reply_of(answer)) for answer in self.reference)


@dataclass(frozen=True)
class LawExam:
    """The examples of one law, in the order in which they are tried."""

    name: str
    examples: tuple[Example, ...]

    def part(self, start: int, end: int) -> "LawExam":
        """The examples from number `start` up to, not including, number `end`."""
        return replace(self, examples=self.examples[start:end])


@dataclass(frozen=True)
class KataExam:
    """The laws of one kata, in file order."""

    kata: Kata
    laws: tuple[LawExam, ...]


class NoExam(Exception):
    """The reference does not hold its own laws: the course is at fault."""


def canonical(question: Question) -> bytes:
    """The question to the byte, but for what depends on who is asked and when."""
    return encode(replace(question, guarded=None, track=0).packed())


def draw(kata: Kata, backend: Backend, seed: int, *, examples: Callable[[int], int] = lambda usual: usual) -> KataExam:
    """Draw the exam of `kata` from the reference behind `backend`.

    Raises:
        NoExam: the reference does not hold a law.
    """
    session = Session(implementation_at("solutions"), backend)
    return KataExam(kata, tuple(_draw_law(law, kata, session, seed, examples) for law in laws_of(kata)))


def _draw_law(law: Law, kata: Kata, session: Session, seed: int, examples: Callable[[int], int]) -> LawExam:
    """The exam of one law: the examples that live judging with the same seed would try, in its order."""
    drawing = session.observer = _Drawing(session)
    with seeded(law, seed, examples=examples):
        report = judge(law, session, kata.key)
    if report.outcome is not Outcome.SOLVED:
        raise NoExam(f"{kata.name}: the reference does not hold {law_name(law)}: {report.cause}")
    if session.examples == 0:  # no `@given` and no cases: the law as a whole is its only example
        drawing.note({}, [], (0, 0))
    return LawExam(law_name(law), drawing.examples())


class _Drawing:
    """Runs a law's body on each example and keeps those that were neither rejected nor failed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: list[tuple[Any, Example]] = []

    def __call__(self, body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        drawn: list[Any] = []
        noting = {k: _Noting(v, drawn) if isinstance(v, DataObject) else v for k, v in kwargs.items()}
        body(*args, **noting)
        arguments = {k: Draws() if isinstance(v, DataObject) else v for k, v in kwargs.items() if k != "self"}
        self.note(arguments, drawn, self._order())

    def _order(self) -> Any:
        try:
            nodes = current_build_context().data.nodes
        except InvalidArgument:  # not by Hypothesis
            nodes = ()
        # An explicit example has drawn nothing; Hypothesis tries them all before it draws its own.
        return (1, sort_key(nodes)) if nodes else (0, len(self._found))

    def note(self, arguments: dict[str, Any], drawn: list[Any], order: Any) -> None:
        """Keep the example that has just been run."""
        asked, answers = tuple(self._session.asked), tuple(self._session.answers)
        self._found.append((order, Example(arguments, tuple(drawn), 0, asked, answers)))

    def examples(self) -> tuple[Example, ...]:
        """All that were kept, in order, each with its rank."""
        by_order = sorted(range(len(self._found)), key=lambda i: (self._found[i][0], i))
        ranks = {i: rank for rank, i in enumerate(by_order)}
        return tuple(replace(example, rank=ranks[i]) for i, (_, example) in enumerate(self._found))


class _Noting:
    """A `data` argument that notes what is drawn from it."""

    def __init__(self, data: DataObject, drawn: list[Any]) -> None:
        self._data = data
        self._drawn = drawn

    def draw(self, strategy: Any, label: Any = None) -> Any:
        value = self._data.draw(strategy, label)
        self._drawn.append(value)
        return value
