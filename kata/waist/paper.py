"""An exam's questions as bytes, for those who put them elsewhere; and what was answered there, on its way back.

Of the reference's answers a paper has digests, so that whoever answers can say "the same" and still does not know them.
Both directions are MessagePack, compressed, decoded by schema within a bound. Nothing is unpickled.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kata.waist.answering import LawSheet, Questions, guarding
from kata.waist.codec import CodecError, KataName, Reply
from kata.waist.question import Answer, Answered, Prepared, Question, answer_in, reply_of
from kata.waist.session import GUARDED_CALLS, Stopped
from kata.waist.verdict import Outcome

LARGEST = 256 * 2**20
"""Bytes, decompressed, of what is taken from another machine."""
_LIKELY = Answered(None, [])
"""Stands for the reference's answer where that is not known."""


class Paper(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The questions of a kata: law by law, example by example, each with the digest of the reference's answer."""

    chapter: str
    kata: str
    laws: list[list[list[tuple[bytes, bytes]]]]

    @property
    def key(self) -> KataName:
        """The kata as it is asked for."""
        return KataName(self.chapter, self.kata)

    def questions(self, first: int) -> list[Questions]:
        """Of the laws from number `first` on."""
        return [[[_Sealed.made(*each) for each in talk] for talk in law] for law in self.laws[first:]]


@dataclass(frozen=True, slots=True)
class _Sealed(Prepared):
    @classmethod
    def made(cls, request: bytes, seal: bytes) -> "_Sealed":
        return cls(_NO_QUESTION, request, seal, _LIKELY)

    def is_likely(self, data: bytes) -> bool:
        return _seal(data) == self.likely


_NO_QUESTION = Question(None, None, (), {})


def _seal(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def paper_of(kata: KataName, laws: Sequence[Questions], *, guarded: bool) -> Paper:
    """The paper with these questions; with the look-out for ready-made objects where answering would have it."""
    written = []
    for law in laws:
        count = 0
        talks: list[list[tuple[bytes, bytes]]] = []
        for talk in law:
            talks.append([])
            for each in talk:
                asked = guarding(each, kata) if guarded and count < GUARDED_CALLS else each
                talks[-1].append((asked.request, _seal(each.likely)))
                count += 1
        written.append(talks)
    return Paper(kata.chapter, kata.name, written)


class Ending(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What came in the place of an answer."""

    outcome: Outcome
    cause: str
    line: int | None = None
    trace: str = ""

    @classmethod
    def of(cls, stopped: Stopped) -> "Ending":
        """The message that says so."""
        return cls(stopped.outcome, stopped.cause, stopped.line, stopped.trace)

    def stopped(self) -> Stopped:
        """What the message says."""
        return Stopped(self.outcome, self.cause, line=self.line, trace=self.trace)


class LawAnswers(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A sheet on its way: None stands for the reference's own answer, most are."""

    answers: list[list[Reply | None]]
    ending: Ending | None
    printed: str


def packed(sheet: LawSheet) -> LawAnswers:
    """A sheet to questions of a paper, as a message."""
    answers = [[None if answer is _LIKELY else reply_of(answer) for answer in talk] for talk in sheet.answers]
    return LawAnswers(answers, Ending.of(sheet.ending) if sheet.ending else None, sheet.printed)


def unpacked(law: LawAnswers, references: Sequence[Sequence[Answer]]) -> LawSheet:
    """The sheet that a message carries, example by example beside the reference's answers.

    Raises:
        ValueError: it has answers to other questions than these.
    """
    if len(law.answers) > len(references) or any(len(a) > len(r) for a, r in zip(law.answers, references)):
        raise ValueError("more answers than questions")
    answers = [
        [reference[i] if reply is None else answer_in(reply) for i, reply in enumerate(talk)]
        for talk, reference in zip(law.answers, references)
    ]
    return LawSheet(answers, law.ending.stopped() if law.ending else None, law.printed)


def sealed(message: Any) -> bytes:
    """A message as bytes."""
    return zlib.compress(msgspec.msgpack.encode(message), 1)


def opened(data: bytes, kind: Any, largest: int = LARGEST) -> Any:
    """The message of that kind.

    Raises:
        ValueError: there is none, or it is larger than it may be.
    """
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(data, largest)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ValueError(f"it is cut off, or larger than {largest // 2**20} MiB")
        return msgspec.msgpack.decode(found, type=kind)
    except (zlib.error, msgspec.MsgspecError, CodecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no message: {str(error)[:200]}") from None
