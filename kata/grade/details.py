"""What became of every kata of every student, packed small: the data that the report's pages of students are made of.

Thousands of katas come out alike, to the letter, because one exam asks everybody the same. So each result is written
once and named by its number; within results, so is each text.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from kata.grade.plain_text import readable
from kata.grade.results import ClassResults, KataResult
from kata.grade.tally import Key
from kata.waist.verdict import Message

MOST_BYTES = 9_000_000
"""Above this, longer texts are cut shorter, everybody's alike, so that a large class's report can still be opened."""
CUTS = (400, 200, 100, 50)
"""Characters of a text, from the most to the least."""
ROWS = 16
"""Rows of a message, beyond which it is no message of ours."""


def pack(results: ClassResults, keys: Sequence[Key]) -> bytes:
    """JSON, as described at `_Packed`, of which nothing can end the script element that it is put in."""
    for most in CUTS:
        data = _Packed(most).all(results, keys)
        if len(data) <= MOST_BYTES:
            break
    return data


def as_island(data: object) -> bytes:
    """`data` as JSON that cannot end the script element that it stands in."""
    # Only in a string can these three occur, and there an escape means the same.
    return msgspec.json.encode(data).replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


class _Packed:
    """`texts`: all texts. `results`: each `[outcome, passed, total, cause, diagnosis, law, input, hint, message]`,
    where texts are numbers, and a message is its heading and its rows' labels and texts in a flat list, or nothing.
    `students`: for each, in order, the results' numbers in the katas' order (−1: not graded), and the notes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.texts: dict[str, int] = {}
        self.results: dict[tuple[Any, ...], int] = {}

    def all(self, results: ClassResults, keys: Sequence[Key]) -> bytes:
        students = []
        for graded in results.submissions.values():
            found = [graded.katas.get(key.chapter, {}).get(key.name) for key in keys]
            numbers = [-1 if one is None else self.result(one) for one in found]
            students.append([numbers, [self.text(note) for note in graded.notes]])
        data = {"texts": list(self.texts), "results": list(self.results), "students": students}
        return as_island(data)

    def result(self, one: KataResult) -> int:
        texts = (one.cause, one.diagnosis or "", one.law or "", one.input or "")
        packed = (one.outcome.value, one.passed, one.total, *map(self.text, texts), one.hint, self.message(one.message))
        return self.results.setdefault(packed, len(self.results))

    def message(self, message: Message | None) -> tuple[int, ...]:
        if message is None:
            return ()
        flat = [part for row in message.rows[:ROWS] for part in (row.label, row.text)]
        return tuple(map(self.text, (message.heading, *flat)))

    def text(self, text: str) -> int:
        return self.texts.setdefault(readable(text, self.most), len(self.texts))
