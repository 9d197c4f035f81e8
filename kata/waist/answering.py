"""Questions in bulk: put to an implementation law by law, and what it answered, as a sheet.

Whoever answers needs to know no law: the questions are all there is of it here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from kata.waist.codec import KataName, Raised, encode
from kata.waist.isolated import WorkerLost
from kata.waist.question import Answer, Prepared, Question
from kata.waist.session import GUARDED_CALLS, Backend, Stopped
from kata.waist.verdict import Outcome

Questions = Sequence[Sequence[Prepared]]
"""Of one law: example by example."""
FINAL = ("load", "todo", "missing", "ready_made", "memory")
"""Kinds of Raised after which an implementation would say the same to every other question of the law."""


@dataclass
class LawSheet:
    """The answers to one law's questions, example by example, as far as they came."""

    answers: list[list[Answer]] = field(default_factory=list)
    ending: Stopped | None = None
    """What came in the place of the answer that would follow."""
    printed: str = ""
    live: dict[int, tuple[tuple[Question, ...], list[Answer]]] = field(default_factory=dict)
    """By number of the example: conversations that took another way than the reference's, and were held live."""


def answer_questions(questions: Questions, kata: KataName, backend: Backend, *, guarded: bool) -> LawSheet:
    """Put the questions of one law to the implementation behind `backend`.

    After an answer that ends everything, nothing more is asked. A worker that dies is perhaps not the submission's
    fault: everything is asked once more of a fresh one. If that dies too, it is.
    """
    try:
        return _answered(questions, kata, backend, guarded)
    except WorkerLost:
        pass
    try:
        return _answered(questions, kata, backend, guarded)
    except WorkerLost:
        cause = "takes down the process that runs it, twice in a row"
        return LawSheet(ending=Stopped(Outcome.CRASHED, cause))


def answer_in_turn(laws: Sequence[Questions], kata: KataName, backend: Backend, *, guarded: bool) -> list[LawSheet]:
    """The sheets of a kata's laws, one after the other, up to one after which the others may not be waited for."""
    sheets = []
    for questions in laws:
        sheets.append(answer_questions(questions, kata, backend, guarded=guarded))
        if unread(sheets, kata) is not None or _is_spent(sheets[-1]):
            break
    return sheets


def unread(sheets: Sequence[LawSheet], kata: KataName) -> Raised | None:
    """What was answered instead, where the chapter does not load or lacks the kata: then there is nothing to compare,
    and a fresh process for every law would say so once more."""
    answers = sheets[0].answers[0] if sheets and sheets[0].answers else []
    if not answers or not isinstance(answers[0], Raised):
        return None
    lacks = answers[0].kind == "missing" and f"defines no {kata.name};" in answers[0].text
    return answers[0] if answers[0].kind == "load" or lacks else None


def _is_spent(sheet: LawSheet) -> bool:
    """Whether it ran out of time or memory: who marks it says whether the next law is asked at all."""
    if sheet.ending is not None:
        return sheet.ending.outcome in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
    last = sheet.answers[-1][-1] if sheet.answers and sheet.answers[-1] else None
    return isinstance(last, Raised) and last.kind == "memory"


def _answered(questions: Questions, kata: KataName, backend: Backend, guarded: bool) -> LawSheet:
    sheet = LawSheet()
    backend.begin(kata)
    replies = backend.converse_prepared(_asked(questions, kata if guarded else None))
    try:
        for conversation in questions:
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


def _asked(questions: Questions, guarded: KataName | None) -> Iterator[Prepared]:
    count = 0
    for conversation in questions:
        for prepared in conversation:
            if guarded is not None and count < GUARDED_CALLS:
                yield guarding(prepared, guarded)
            else:
                yield prepared
            count += 1


def guarding(prepared: Prepared, kata: KataName) -> Prepared:
    """The same question, with the look-out for ready-made objects."""
    question = replace(prepared.question, guarded=kata)
    return replace(prepared, question=question, request=encode(question.packed()))
