"""The answer sheet: what an implementation answered to the questions of an exam, or what ended it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kata.judge.exam import Conversation, LawExam
from kata.waist.codec import KataName, Raised
from kata.waist.isolated import WorkerLost
from kata.waist.question import Answer, Question
from kata.waist.session import GUARDED_CALLS, Backend, Stopped
from kata.waist.verdict import Outcome

FINAL = ("load", "todo", "missing", "ready_made", "memory")
"""Kinds of Raised after which an implementation would say the same to every other question of the law."""


@dataclass
class LawSheet:
    """The answers to one law's questions, example by example, as far as they came."""

    answers: list[list[Answer]] = field(default_factory=list)
    ending: Stopped | None = None
    """What came in the place of the answer that would follow."""
    printed: str = ""
    live: dict[int, tuple[Conversation, list[Answer]]] = field(default_factory=dict)
    """By number of the example: conversations that took another way than the reference's, and were held live."""


def answer_law(exam: LawExam, kata: KataName, backend: Backend, *, guarded: bool) -> LawSheet:
    """Put the questions of the law's examples to the implementation behind `backend`.

    After an answer that ends everything, nothing more is asked. A worker that dies is perhaps not the submission's
    fault: everything is asked once more of a fresh one. If that dies too, it is.
    """
    conversations = [example.conversation for example in exam.examples]
    try:
        return _answered(conversations, kata, backend, guarded)
    except WorkerLost:
        pass
    try:
        return _answered(conversations, kata, backend, guarded)
    except WorkerLost:
        cause = "takes down the process that runs it, twice in a row"
        return LawSheet(ending=Stopped(Outcome.CRASHED, cause))


def _answered(conversations: Sequence[Conversation], kata: KataName, backend: Backend, guarded: bool) -> LawSheet:
    sheet = LawSheet()
    backend.begin(kata)
    replies = backend.converse(_asked(conversations, kata if guarded else None))
    try:
        for conversation in conversations:
            answers: list[Answer] = []
            sheet.answers.append(answers)
            for _ in conversation:
                answer = next(replies)
                answers.append(answer)
                if isinstance(answer, Raised) and answer.kind in FINAL:
                    return sheet
        sheet.printed = backend.printed
    except Stopped as stopped:
        sheet.ending = stopped
    finally:
        replies.close()
    return sheet


def _asked(conversations: Sequence[Conversation], guarded: KataName | None) -> Iterator[Question]:
    count = 0
    for conversation in conversations:
        for question in conversation:
            yield replace(question, guarded=guarded if count < GUARDED_CALLS else None)
            count += 1
