"""`grades.csv`: a row a student, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

from kata.grade.points import Points, shown
from kata.grade.results import ClassResults, Graded, KataResult

_FORMULAS = "=+-@\t\r\n＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula."""


def grades_csv(results: ClassResults, points: Points) -> bytes:
    """The bytes of `grades.csv` (RFC 4180, UTF-8): id, points, solved, then the points of each kata.

    A kata that could not be judged has an empty cell, and the total of its student ends in `?`: it lacks what that
    kata would have earned, and no program reads it as a number. An id that a spreadsheet would take for a formula, or
    that begins with an apostrophe, has one more apostrophe in front: taking one away gives the id.
    """
    katas = katas_of(results.submissions.values())
    rows = [["id", "points", "solved", *(kata for _, kata in katas)]]
    for student, graded in results.submissions.items():
        score = points.total(graded)
        total = shown(score.points) + ("" if score.is_final else "?")
        cells = [_cell(points, kata, graded.katas.get(chapter, {}).get(kata)) for chapter, kata in katas]
        rows.append([guarded(student), total, str(graded.solved), *cells])
    return csv_bytes(rows)


def katas_of(submissions: Iterable[Graded]) -> list[tuple[str, str]]:
    """Chapter and name of every kata that some submission was graded on, chapter by chapter."""
    found: dict[str, dict[str, None]] = {}
    for graded in submissions:
        for chapter, katas in graded.katas.items():
            found.setdefault(chapter, {}).update(dict.fromkeys(katas))
    return [(chapter, kata) for chapter, katas in sorted(found.items()) for kata in katas]


def _cell(points: Points, kata: str, result: KataResult | None) -> str:
    earned = None if result is None else points.earned(kata, result)
    return "" if earned is None else shown(earned)


def guarded(text: str) -> str:
    """`text` with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.lstrip(" ")[:1] in tuple(_FORMULAS + "'") else text


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as RFC 4180 has them: commas, CRLF, quotation marks where they are needed; UTF-8 without a mark."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode("utf-8")
