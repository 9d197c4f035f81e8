"""The answer sheet: what an implementation answered to the questions of an exam, or what ended it."""

from kata.judge.exam import KataExam, LawExam
from kata.waist.answering import FINAL, LawSheet, answer_in_turn, answer_questions
from kata.waist.codec import KataName
from kata.waist.session import Backend

__all__ = ["FINAL", "LawSheet", "answer_law", "answer_laws"]


def answer_law(exam: LawExam, kata: KataName, backend: Backend, *, guarded: bool) -> LawSheet:
    """Put the questions of the law's examples to the implementation behind `backend`."""
    return answer_questions([example.prepared for example in exam.examples], kata, backend, guarded=guarded)


def answer_laws(exam: KataExam, first: int, backend: Backend) -> list[LawSheet]:
    """The same for the kata's laws from number `first` on, as far as one can without marking what was answered."""
    laws = [[example.prepared for example in law.examples] for law in exam.laws[first:]]
    return answer_in_turn(laws, exam.kata.key, backend, guarded=exam.kata.is_scratch)
