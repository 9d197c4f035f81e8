"""How the reference and every misconception of a kata behave: an exam, and their answer sheets to it, kept on disk.

The exam is drawn with a fixed seed and a share of each law's examples, so it is the same for every learner.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.judge.answers import answer_law
from kata.judge.exam import Conversation, KataExam, canonical
from kata.judge.exam_file import EDITION_FOLDER, KEPT, as_bytes, exam_for, keep, kept_exam, name_of
from kata.judge.laws import laws_of
from kata.judge.marking import outcomes
from kata.waist.codec import KataName, Reply, VariantName
from kata.waist.implementation import EDITION, ROOT, Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.nested import map_leaves
from kata.waist.question import Answer, Question, answer_in, reply_of
from kata.waist.session import Backend, Session, Stopped, Talk
from kata.waist.verdict import Outcome

REMEMBERED = 20_000
"""Conversations, before all are forgotten."""
SHARE = 0.12
"""Of a law's examples, how many become questions: a dozen of a hundred."""


@dataclass(frozen=True)
class Seen:
    """What an implementation did on one example: its answers, and whether the law holds with them."""

    answers: tuple[Answer | None, ...]
    holds: bool


@dataclass(frozen=True)
class Behaviour:
    """What an implementation did on each example of an exam, law by law; and whether it lived to the end."""

    seen: tuple[Seen, ...]
    survived: bool = True


def behave(exam: KataExam, session: Session) -> Behaviour:
    """How the implementation of `session` behaves: it sits `exam`, and the laws mark its answers."""
    kata, backend, found = exam.kata, session.backend, list[Seen]()
    survived = True
    for law, paper in zip(laws_of(kata), exam.laws, strict=True):
        sheet = answer_law(paper, kata.key, backend, guarded=False)
        survived = survived and sheet.ending is None
        judged = outcomes(law, paper, sheet, session, kata.key, live=backend)
        for number, example in enumerate(paper.examples):
            answers: tuple[Answer | None, ...] = tuple(sheet.answers[number]) if number < len(sheet.answers) else ()
            if number in sheet.live:
                answers = tuple(sheet.live[number][1])
            else:
                answers += (None,) * (len(example.conversation) - len(answers))
            holds = number < len(judged) and judged[number] is Outcome.SOLVED
            found.append(Seen(answers, holds))
    return Behaviour(tuple(found), survived)


class _Kept(msgspec.Struct, array_like=True):
    """One behaviour on disk."""

    seen: list[tuple[list[Reply | None], bool]]
    survived: bool


_behaviours = msgspec.msgpack.Decoder(dict[str, _Kept])


class Catalogue:
    """The reference and all misconceptions, behind one backend that holds nothing but our own code.

    Args:
        backend: where they live.
        seed: of the examples from which the questions are taken; other seeds are for those who check the diagnosis.
        share: of a law's examples, how many become questions.
        kept: the folder where sheets are kept; None keeps nothing.
    """

    def __init__(self, backend: Backend, *, seed: int = 0, share: float = SHARE, kept: Path | None = KEPT) -> None:
        self.backend = backend
        self._seed = seed
        self._share = share
        self._kept = kept
        self._exams: dict[str, KataExam] = {}
        self._behaviours: dict[str, dict[str, Behaviour]] = {}
        self._answers: dict[tuple[str, str, tuple[bytes, ...]], list[Answer | None]] = {}

    @classmethod
    def on(cls, worker: Worker, limits: Limits | None = None, **options: Any) -> "Catalogue":
        """The catalogue whose children `worker` starts; options as for the class.

        In a student edition nobody can be asked: it knows what was kept.
        """
        if EDITION:
            return cls(Backend(), **options)
        misconceptions = sorted((ROOT / "misconceptions").glob("*.py"))
        backend = Isolated(implementation_at("solutions"), limits or Limits(), worker, also=misconceptions)
        return cls(backend, **options)

    def knows(self, kata: Kata) -> bool:
        """Whether it can say how the misconceptions of `kata` behave."""
        if not EDITION or kata.name in self._behaviours:
            return True
        exam = kept_exam(kata, 0, kept=self._kept) if self._kept is not None else None
        if exam is None:
            return False
        self._exams[kata.name] = exam
        found = self._read(kata)
        if found is not None:
            self._behaviours[kata.name] = found
        return found is not None

    @property
    def can_ask(self) -> bool:
        """Whether the reference and the misconceptions can be asked anything more."""
        return not EDITION

    def close(self) -> None:
        """Let the backend go."""
        self.backend.close()

    def exam(self, kata: Kata) -> KataExam:
        """What the laws of `kata` ask of the reference, with its answers; the same every time."""
        if kata.name not in self._exams:
            self._exams[kata.name] = exam_for(
                kata, self._seed, lambda: self.backend, share=self._share, kept=self._kept
            )
        return self._exams[kata.name]

    def talks(self, kata: Kata) -> list[Talk]:
        """The conversations of the exam, each with what the reference answered."""
        examples = [example for paper in self.exam(kata).laws for example in paper.examples]
        return [Talk(example.conversation, example.reference) for example in examples]

    def behaviours(self, kata: Kata) -> dict[str, Behaviour]:
        """How each misconception of `kata` behaves, by its name."""
        if kata.name not in self._behaviours:
            found = self._read(kata)
            if found is None:
                found = self._behaviours[kata.name] = {
                    described.variant.name: behave(self.exam(kata), self._session(described, kata))
                    for described in curriculum.variants_of("misconception", kata)
                }
                self._write(kata)
            self._behaviours[kata.name] = found
        return self._behaviours[kata.name]

    def _session(self, described: Described, kata: Kata) -> Session:
        folder = implementation_at("solutions").folder
        return Session(Implementation(folder, described.variant), _As(described, kata.key, self.backend))

    def reference(self, kata: Kata, conversation: Conversation) -> list[Answer | None]:
        """What the reference answers."""
        return self._remembered("", kata, conversation, lambda: converse(self.backend, kata, conversation))

    def answers(self, described: Described, kata: Kata, conversation: Conversation) -> list[Answer | None]:
        """What the misconception answers."""
        asked = _As(described, kata.key, self.backend)
        return self._remembered(described.variant.name, kata, conversation, lambda: converse(asked, kata, conversation))

    def _remembered(
        self, who: str, kata: Kata, conversation: Conversation, ask: Callable[[], list[Answer | None]]
    ) -> list[Answer | None]:
        """Answered once for a whole class: most fail on the same examples of an exam."""
        key = who, kata.name, tuple(map(canonical, conversation))
        if key not in self._answers:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[key] = ask()
        return self._answers[key]

    # On disk

    def _path(self, kata: Kata) -> Path | None:
        if self._kept is None:
            return None
        return self._kept / f"{name_of(kata, self._seed, self._share)}.behaviours"

    def _read(self, kata: Kata) -> dict[str, Behaviour] | None:
        path = self._path(kata)
        try:
            kept = _behaviours.decode(zlib.decompress(path.read_bytes())) if path is not None else None
            if kept is None or any(len(each.seen) != len(self.talks(kata)) for each in kept.values()):
                return None
            return {name: _behaviour(each) for name, each in kept.items()}
        except (OSError, zlib.error, msgspec.MsgspecError, ValueError):
            return None  # nothing kept, or nothing that can be read: it is made anew

    def _write(self, kata: Kata) -> None:
        path = self._path(kata)
        if path is not None:
            keep(path, self.behaviours_as_bytes(kata))

    def behaviours_as_bytes(self, kata: Kata) -> bytes:
        """How the misconceptions of `kata` behave, as a file holds it."""
        kept = {name: _packed(behaviour) for name, behaviour in self.behaviours(kata).items()}
        return zlib.compress(msgspec.msgpack.encode(kept), 1)


def kept_files(
    worker: Worker, told: Callable[[str], None] = lambda kata: None, katas: Sequence[Kata] | None = None
) -> dict[str, bytes]:
    """For a student edition: what a diagnosis is made with, by the paths of the files.

    Args:
        worker: asks the reference and the misconceptions.
        told: called with each kata's name when its turn comes.
        katas: only these.
    """
    catalogue = Catalogue.on(worker)
    files = {}
    try:
        for kata in curriculum.katas() if katas is None else katas:
            told(kata.name)
            files[f"{EDITION_FOLDER}/{kata.name}.exam"] = as_bytes(catalogue.exam(kata))
            files[f"{EDITION_FOLDER}/{kata.name}.behaviours"] = catalogue.behaviours_as_bytes(kata)
    finally:
        catalogue.close()
    return files


def _packed(behaviour: Behaviour) -> _Kept:
    rows = [([a if a is None else reply_of(a) for a in seen.answers], seen.holds) for seen in behaviour.seen]
    return _Kept(rows, behaviour.survived)


def _behaviour(kept: _Kept) -> Behaviour:
    seen = (Seen(tuple(r if r is None else answer_in(r) for r in replies), holds) for replies, holds in kept.seen)
    return Behaviour(tuple(seen), kept.survived)


# Who answers


class _As(Backend):
    """Asks another backend of a misconception whatever is asked of the kata."""

    def __init__(self, described: Described, kata: KataName, backend: Backend) -> None:
        self._name = VariantName(described.variant.path, described.variant.name)
        self._kata = kata
        self._backend = backend

    @property
    def printed(self) -> str:
        return self._backend.printed

    def begin(self, kata: KataName) -> None:
        self._backend.begin(kata)

    def ask(self, question: Question) -> Answer:
        return self._backend.ask(self._renamed(question))

    def converse(self, questions: Iterator[Question]) -> Iterator[Answer]:  # type: ignore[override]
        return self._backend.converse(self._renamed(question) for question in questions)

    def _renamed(self, question: Question) -> Question:
        def rename(leaf: Any) -> Any:
            return self._name if isinstance(leaf, KataName) and leaf == self._kata else leaf

        target, args, kwargs = map_leaves(rename, [question.target, question.args, question.kwargs])
        return replace(question, target=target, args=args, kwargs=kwargs)


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
