"""The answer sheet: what an implementation answered to the questions of an exam, or what ended it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kata.judge.exam import Conversation, Example, LawExam
from kata.waist.codec import KataName, Raised, encode
from kata.waist.isolated import WorkerLost
from kata.waist.question import Answer, Prepared
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
    try:
        return _answered(exam.examples, kata, backend, guarded)
    except WorkerLost:
        pass
    try:
        return _answered(exam.examples, kata, backend, guarded)
    except WorkerLost:
        cause = "takes down the process that runs it, twice in a row"
        return LawSheet(ending=Stopped(Outcome.CRASHED, cause))


def _answered(examples: Sequence[Example], kata: KataName, backend: Backend, guarded: bool) -> LawSheet:
    sheet = LawSheet()
    backend.begin(kata)
    replies = backend.converse_prepared(_asked(examples, kata if guarded else None))
    try:
        for example in examples:
            answers: list[Answer] = []
            sheet.answers.append(answers)
            for _ in example.conversation:
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


def _asked(examples: Sequence[Example], guarded: KataName | None) -> Iterator[Prepared]:
    count = 0
    for example in examples:
        for prepared in example.prepared:
            if guarded is not None and count < GUARDED_CALLS:
                question = replace(prepared.question, guarded=guarded)
                yield replace(prepared, question=question, request=encode(question.packed()))
            else:
                yield prepared
            count += 1
