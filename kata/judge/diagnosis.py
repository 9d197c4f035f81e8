"""Which misconception behaves like this implementation?

The questions that a kata's laws ask of the *reference*, with a fixed seed, are the same for everybody. The
learner's implementation, and each misconception of the kata, is asked the same questions, and also those on
which the learner's failed. A misconception is named when its answers agree with the learner's everywhere, and
the learner's differ from the reference's somewhere. None agrees: nothing is claimed. Several agree: all are named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.judge.laws import judge, laws_of, seeded
from kata.judge.likeness import alike, identical
from kata.waist.codec import KataName, VariantName
from kata.waist.implementation import implementation_at
from kata.waist.isolated import WorkerLost
from kata.waist.nested import map_leaves
from kata.waist.question import Answer, Question
from kata.waist.session import Backend, Session, Stopped

SHARE = 0.12
"""Of a law's examples, how many become questions: a dozen of a hundred."""
MOST_QUESTIONS = 40
"""Of one example: longer conversations are cut."""

Conversation = tuple[Question, ...]


@dataclass(frozen=True)
class Diagnosis:
    """The misconceptions whose behaviour cannot be told from the learner's; usually one."""

    named: tuple[Described, ...]

    @property
    def next_step(self) -> str:
        """The command for the hint that helps most, or for the next one."""
        kata = self.named[0].variant.kata
        return f"uv run kata hint {kata}" + (f" --number {self.hint}" if self.hint else "")

    @property
    def sentence(self) -> str:
        """What the learner reads."""
        return " Or: ".join(dict.fromkeys(described.text for described in self.named))

    @property
    def hint(self) -> int | None:
        """The number of the hint that helps most, where the misconceptions agree on one."""
        hints = {described.hint for described in self.named}
        return hints.pop() if len(hints) == 1 else None


class _Recording(Backend):
    """A backend that remembers, for every example, what was asked of another and what it answered."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.conversations: list[list[tuple[Question, Answer | None]]] = []

    @property
    def printed(self) -> str:
        return self.backend.printed

    def begin(self, kata: KataName) -> None:
        self.backend.begin(kata)

    def ask(self, question: Question) -> Answer:
        if question.starts_example or not self.conversations:
            self.conversations.append([])
        answer = self.backend.ask(question)
        self.conversations[-1].append((question, answer))
        return answer

    def close(self) -> None:
        self.backend.close()


class Catalogue:
    """The reference and all misconceptions, behind one backend that holds nothing but our own code.

    Args:
        backend: where they live.
        seed: of the examples from which the questions are taken; other seeds are for those who check the diagnosis.
        share: of a law's examples, how many become questions.
    """

    def __init__(self, backend: Backend, *, seed: int = 0, share: float = SHARE) -> None:
        self._backend = backend
        self._seed = seed
        self._share = share
        self._questions: dict[str, list[tuple[Conversation, list[Answer | None]]]] = {}

    def close(self) -> None:
        self._backend.close()

    def questionnaire(self, kata: Kata) -> list[tuple[Conversation, list[Answer | None]]]:
        """What the laws of `kata` ask of the reference, with the reference's answers; the same every time."""
        if kata.name not in self._questions:
            recording = _Recording(self._backend)
            session = Session(implementation_at("solutions"), recording)
            for law in laws_of(kata):
                self._record(law, session, kata)
            self._questions[kata.name] = [
                (tuple(q for q, _ in talk[:MOST_QUESTIONS]), [a for _, a in talk[:MOST_QUESTIONS]])
                for talk in recording.conversations
            ]
        return self._questions[kata.name]

    def _record(self, law: Callable[[], object], session: Session, kata: Kata) -> None:
        with seeded(law, self._seed, examples=lambda usual: max(3, round(usual * self._share))):
            judge(law, session, kata.key)

    def reference(self, kata: Kata, conversation: Conversation) -> list[Answer | None]:
        """What the reference answers."""
        return converse(self._backend, kata, conversation)

    def answers(self, described: Described, kata: Kata, conversation: Conversation) -> list[Answer | None]:
        """What the misconception answers."""
        name = VariantName(described.variant.path, described.variant.name)
        return converse(self._backend, kata, [_renamed(question, kata.key, name) for question in conversation])


def converse(backend: Backend, kata: Kata, questions: list[Question] | Conversation) -> list[Answer | None]:
    """Ask the questions of one example; None for one that was not survived, and all after it."""
    backend.begin(kata.key)
    answers: list[Answer | None] = []
    for i, question in enumerate(questions):
        try:
            answers.append(backend.ask(replace(question, starts_example=i == 0, guarded=None)))
        except (Stopped, WorkerLost):
            return answers + [None] * (len(questions) - i)
    return answers


def _renamed(question: Question, kata: KataName, name: VariantName) -> Question:
    def rename(value: Any) -> Any:
        return map_leaves(lambda leaf: name if isinstance(leaf, KataName) and leaf == kata else leaf, value)

    return replace(question, target=rename(question.target), args=rename(question.args), kwargs=rename(question.kwargs))


def diagnose(
    kata: Kata, backend: Backend, catalogue: Catalogue, failing: list[Conversation] | None = None
) -> Diagnosis | None:
    """Name the misconceptions that behave as the implementation behind `backend` does; None when none does.

    Args:
        kata: the kata that is not solved.
        backend: where the learner's implementation lives.
        catalogue: the reference and the misconceptions.
        failing: conversations on which a law failed, as evidence besides the questionnaire.
    """
    candidates = curriculum.variants_of("misconception", kata)
    if not candidates:
        return None
    evidence: list[tuple[Conversation, list[Answer | None]]] = []
    differs: list[tuple[Conversation, list[Answer | None]]] = []
    for conversation, reference in catalogue.questionnaire(kata):
        mine = converse(backend, kata, conversation)
        if mine and mine[0] is None:
            return None  # it dies or loops where the reference answers: no misconception does
        (evidence if alike(mine, reference) else differs).append((conversation, mine))
    by_a_rounding: list[tuple[Conversation, list[Answer | None]]] = []
    for conversation in failing or []:
        mine, reference = converse(backend, kata, conversation), catalogue.reference(kata, conversation)
        if not alike(mine, reference):
            differs.insert(0, (conversation, mine))
        elif not alike(mine, reference, identical):
            by_a_rounding.append((conversation, mine))
    if not differs and not by_a_rounding:
        return None  # it cannot be told from what is right
    ordered = differs + evidence
    named = tuple(
        described
        for described in candidates
        if all(alike(catalogue.answers(described, kata, asked), mine, identical) for asked, mine in by_a_rounding)
        and all(alike(catalogue.answers(described, kata, asked), mine) for asked, mine in ordered)
    )
    return Diagnosis(named) if named else None
