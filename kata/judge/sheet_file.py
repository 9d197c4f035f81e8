"""Answer sheets as bytes: the evidence for a verdict, from which it can be found again without running anything."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from kata.judge.answers import LawSheet
from kata.judge.exam import Example, KataExam, canonical
from kata.waist.codec import CodecError, KataName, Reply, Request, encode
from kata.waist.question import Answer, Question, answer_in, reply_of
from kata.waist.session import Backend, Stopped
from kata.waist.verdict import Outcome


class _Ending(msgspec.Struct, array_like=True):
    outcome: Outcome
    cause: str
    line: int | None
    trace: str


class _Law(msgspec.Struct, array_like=True):
    answers: list[list[Reply | None]]
    """None stands for the reference's own answer: most are."""
    ending: _Ending | None
    printed: str
    live: dict[int, tuple[list[Request], list[Reply]]]


class _Kata(msgspec.Struct, array_like=True):
    exam: str
    laws: list[_Law]
    afterwards: list[tuple[bytes, Reply | None]]


class _Evidence(msgspec.Struct, array_like=True):
    files: dict[str, bytes]
    katas: dict[str, _Kata]


_evidence = msgspec.msgpack.Decoder(_Evidence)


@dataclass
class KataSheet:
    """All that one kata of a submission answered."""

    exam: str
    """The digest of the exam that it sat."""
    laws: list[LawSheet] = field(default_factory=list)
    afterwards: list[tuple[bytes, Answer | None]] = field(default_factory=list)
    """What was asked besides, to name the mistake, and answered (None: not survived)."""


@dataclass(frozen=True)
class Evidence:
    """What a submission's verdicts rest on: its files, by name, and its sheets, by kata."""

    files: dict[str, bytes]
    sheets: dict[str, KataSheet]


def as_bytes(evidence: Evidence, exams: dict[str, KataExam]) -> bytes:
    """The evidence as a file holds it; `exams` are those that were sat."""
    katas = {
        name: _Kata(
            sheet.exam,
            [_packed(law, paper.examples) for law, paper in zip(sheet.laws, exams[name].laws)],
            [(asked, reply_of(answer) if answer is not None else None) for asked, answer in sheet.afterwards],
        )
        for name, sheet in evidence.sheets.items()
    }
    return zlib.compress(msgspec.msgpack.encode(_Evidence(evidence.files, katas)), 1)


def from_bytes(data: bytes, exams: dict[str, KataExam]) -> Evidence:
    """The evidence that `data` holds, with the sheets of the katas in `exams`.

    Raises:
        ValueError: it holds none, or not to these exams.
    """
    try:
        kept = _evidence.decode(zlib.decompress(data))
        sheets = {name: _unpacked(kata, exams[name]) for name, kata in kept.katas.items() if name in exams}
        return Evidence(kept.files, sheets)
    except (zlib.error, msgspec.MsgspecError, CodecError, IndexError) as error:
        raise ValueError(f"no answer sheets: {error}") from None


def exams_of(data: bytes) -> dict[str, str]:
    """Which exam each kata of the sheets sat, by its digest.

    Raises:
        ValueError: `data` holds no sheets.
    """
    try:
        return {name: kata.exam for name, kata in _evidence.decode(zlib.decompress(data)).katas.items()}
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"no answer sheets: {error}") from None


def _packed(sheet: LawSheet, examples: tuple[Example, ...]) -> _Law:
    answers = [
        [
            None if answer is own else _unless_same(answer, like)
            for answer, own, like in zip(answered, example.reference, example.reference_replies)
        ]
        for answered, example in zip(sheet.answers, examples)
    ]
    end = sheet.ending
    ending = _Ending(end.outcome, end.cause, end.line, end.trace) if end is not None else None
    live = {
        number: ([question.packed() for question in asked], [reply_of(answer) for answer in found])
        for number, (asked, found) in sheet.live.items()
    }
    return _Law(answers, ending, sheet.printed, live)


def _unless_same(answer: Answer, like: bytes) -> Reply | None:
    reply = reply_of(answer)
    return None if encode(reply) == like else reply


def _unpacked(kata: _Kata, exam: KataExam) -> KataSheet:
    laws = []
    for law, paper in zip(kata.laws, exam.laws):
        answers = [
            [answer_in(reply) if reply is not None else example.reference[i] for i, reply in enumerate(replies)]
            for replies, example in zip(law.answers, paper.examples)
        ]
        end = law.ending
        ending = Stopped(end.outcome, end.cause, line=end.line, trace=end.trace) if end is not None else None
        live = {
            number: (tuple(map(Question.unpacked, asked)), list(map(answer_in, found)))
            for number, (asked, found) in law.live.items()
        }
        laws.append(LawSheet(answers, ending, law.printed, live))
    afterwards = [(asked, answer_in(reply) if reply is not None else None) for asked, reply in kata.afterwards]
    return KataSheet(kata.exam, laws, afterwards)


def _digest(question: Question) -> bytes:
    return hashlib.sha256(canonical(question)).digest()[:12]


class Recording(Backend):
    """Asks another backend, and notes on the sheet what was asked and answered."""

    def __init__(self, backend: Backend, sheet: KataSheet) -> None:
        self._backend = backend
        self._sheet = sheet

    @property
    def printed(self) -> str:
        return self._backend.printed

    def begin(self, kata: KataName) -> None:
        self._backend.begin(kata)

    def converse(self, questions: Iterator[Question]) -> Iterator[Answer]:  # type: ignore[override]
        asked: list[bytes] = []

        def noted() -> Iterator[Question]:
            for question in questions:
                asked.append(_digest(question))
                yield question

        place = 0
        try:
            for answer in self._backend.converse(noted()):
                self._sheet.afterwards.append((asked[place], answer))
                place += 1
                yield answer
        except Stopped:
            self._sheet.afterwards.append((asked[place], None))
            raise

    def ask(self, question: Question) -> Answer:
        for answer in self.converse(iter((question,))):
            return answer
        raise AssertionError("a question without an answer")


class Recorded(Backend):
    """Answers from the sheet, in order, what was asked when the mistake was looked for."""

    def __init__(self, sheet: KataSheet) -> None:
        self._left = iter(sheet.afterwards)

    def ask(self, question: Question) -> Answer:
        asked, answer = next(self._left, (b"", None))
        if asked != _digest(question):
            raise Stopped(Outcome.INFRASTRUCTURE, "was not asked when the mistake was looked for")
        if answer is None:
            raise Stopped(Outcome.CRASHED, "did not survive that")
        return answer


def transferred(sheet: KataSheet, sat: KataExam, exam: KataExam, digest: str) -> KataSheet:
    """The sheet to the exam that was `sat` as one to another `exam`: each example's answers to the same questions.

    An example that asks something else has no answers there.
    """
    known: dict[tuple[bytes, ...], tuple[LawSheet, int]] = {}
    for law, paper in zip(sheet.laws, sat.laws):
        for number, example in enumerate(paper.examples[: max(len(law.answers), 1)]):
            known.setdefault(example.asked, (law, number))
    laws = []
    for paper in exam.laws if sheet.laws else ():
        found = LawSheet()
        for number, example in enumerate(paper.examples):
            law, place = known.get(example.asked, (LawSheet(), 0))
            found.answers.append(law.answers[place] if place < len(law.answers) else [])
            if len(found.answers[-1]) < len(example.conversation) and found.ending is None:
                found.ending = law.ending
            if place in law.live:
                found.live[number] = law.live[place]
            found.printed = found.printed or law.printed
        laws.append(found)
    return KataSheet(digest, laws, sheet.afterwards)
