"""The failing cases of the latest checks, kept as data: the questions that crossed the waist, and what came back.

One file for each law that does not hold, `.kata/last/KATA/LAW.case`; it goes when the law holds. `kata show` makes a
script of it. A file that is damaged, or of another version, counts as none.
"""

import contextlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from kata.course import curriculum, progress
from kata.course.curriculum import Kata
from kata.waist.codec import CodecError, KataName, Raised, Request, Returned, pack, unpack
from kata.waist.implementation import Implementation
from kata.waist.nested import map_leaves
from kata.waist.question import Answer, Answered, Question
from kata.waist.session import Session
from kata.waist.verdict import LawReport, Outcome

MAX_SIZE = 2**23
"""Bytes of a case: a longer one is not kept."""
MAX_ANSWER = 1024
"""Bytes of an array in an answer that is kept: only where it stands matters, for what refers to it."""
KEPT = frozenset(Outcome) - {Outcome.SOLVED, Outcome.TODO, Outcome.INFRASTRUCTURE}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A law that did not hold, on its smallest example."""

    implementation: Implementation
    chapter: str
    kata: str
    law: str
    words: str
    outcome: Outcome
    cause: str
    yours: str
    expected: str
    asked: list[Request]
    answered: list[Returned | Raised]

    def questions(self) -> list[Question]:
        """What was asked, in order; CodecError where a file was tampered with."""
        return [Question.unpacked(request) for request in self.asked]

    def answers(self) -> list[Answer]:
        """What came back, as far as it did; larger arrays are empty."""
        return [a if isinstance(a, Raised) else Answered(unpack(a.value), a.changed) for a in self.answered]


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Case)


def folder() -> Path:
    """Where the cases of this clone are kept."""
    return progress.PATH.parent / "last"


def keep(law: Callable[..., object], session: Session, kata: KataName, report: LawReport, where: Path) -> None:
    """Keep the case on which `law` just failed; or forget an earlier one, where it holds."""
    name = getattr(law, "__name__", "law")
    path = where / kata.name / f"{name}.case"
    data = b""
    if report.outcome in KEPT and session.asked:
        with contextlib.suppress(CodecError, ValueError):
            data = _encode(_case(law, name, session, kata, report))
    with contextlib.suppress(OSError):  # a clone that cannot be written to keeps nothing; that is no error
        if not data or len(data) > MAX_SIZE:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")  # several processes may judge one kata
        beside.write_bytes(data)
        beside.replace(path)


def _case(law: Any, name: str, session: Session, kata: KataName, report: LawReport) -> Case:
    return Case(
        implementation=session.implementation,
        chapter=kata.chapter,
        kata=kata.name,
        law=name,
        words=inspect.cleandoc(law.__doc__ or name).split("\n\n")[0],
        outcome=report.outcome,
        cause=report.cause,
        yours=report.yours,
        expected=report.expected,
        asked=[question.packed() for question in session.asked],
        answered=[_small(answer) for answer in session.answers],
    )


def _small(answer: Answer) -> Returned | Raised:
    if isinstance(answer, Raised):
        return answer

    def without_bulk(leaf: Any) -> Any:
        return np.zeros(0, leaf.dtype) if isinstance(leaf, np.ndarray) and leaf.nbytes > MAX_ANSWER else leaf

    return Returned(pack(map_leaves(without_bulk, answer.value)), answer.changed)


def kept(kata: Kata, implementation: Implementation, where: Path) -> list[Case]:
    """The cases that are kept of `kata` for this implementation, in the order of the laws."""
    cases = []
    for law in curriculum.laws(kata.chapter).get(kata.name, ()):
        try:
            case = _decoder.decode((where / kata.name / f"{law.partition('::')[2]}.case").read_bytes())
            case.questions(), case.answers()
        except (OSError, msgspec.MsgspecError, CodecError, ValueError):
            continue
        if case.implementation == implementation:
            cases.append(case)
    return cases
