"""Moodle: `moodle.csv`, to be uploaded under Grades, Import, CSV file.

Format: "Grade import" (docs.moodle.org): a heading a column, UTF-8, commas; which column is what is chosen in
Moodle's preview. "Map from" and "Map to" name the student: `ID number`, `Email address` or `Username`, whichever the
roster fills (columns `id_number` and `username`; without a roster the id stands as ID number). Then a column a grade
item: an item that Moodle has, or "new item". `-` means no grade, in the file as in Moodle; an empty cell would be
taken for a zero in a new item. Feedback is left out: importing a feedback without a grade loses the grade, as their
page warns.

A new item's maximum is 100 unless the site allows more: a grade above it is refused with the whole file.
"""

from pathlib import Path

from kata.grade.exporters.gradebook import scores, titles
from kata.grade.exporters.people import RosterLike, column, email_of, name_of
from kata.grade.folder import write_folder
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults
from kata.grade.tables import csv_bytes, guarded

FILE = "moodle.csv"
NO_GRADE = "-"
_ABOUT = ["ID number", "Username", "Email address", "Full name"]


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write the file; see `kata.grade.exporters.Exporter`."""
    rows = [[*_ABOUT, *titles(results, points)]]
    for student, graded in results.submissions.items():
        found = scores(graded, results, points)
        cells = [shown(score.points) if score.is_final else NO_GRADE for score in found]
        rows.append([*_about(student, roster), *cells])
    return write_folder(folder, {FILE: csv_bytes(rows)})


def _about(student: str, roster: RosterLike | None) -> list[str]:
    is_known = roster is not None and student in roster.students
    number = column(student, roster, "id_number", "idnumber") or (student if is_known else guarded(student))
    return [number, column(student, roster, "username"), email_of(student, roster), guarded(name_of(student, roster))]
