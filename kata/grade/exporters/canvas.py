"""Canvas: `canvas.csv`, to be uploaded under Grades, Import.

Format: "How do I import grades in the Gradebook?" (Instructure Community) and what the importer looks for
(lib/gradebook_importer.rb of instructure/canvas-lms): the columns Student, ID, SIS User ID, SIS Login ID, Section in
this order, then an assignment each; a row "Points Possible" below the names. A student is found by ID, else by the
SIS ids, else by name. They come from the roster: `name`, and the columns `canvas_id`, `sis_user_id`, `sis_login_id`
and `section`; without them the student's id stands for the login.

An assignment that Canvas has is found by its name, best with its number as Canvas writes it, `Katas (1234)`: give
that as `assignment` in [tool.kata.grade]. An unknown one is made. A cell is empty where a kata could not be judged:
for Canvas that is no grade.
"""

from pathlib import Path

from kata.grade.exporters.gradebook import possible, scores, titles
from kata.grade.exporters.people import RosterLike, column, name_of
from kata.grade.folder import write_folder
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults
from kata.grade.tables import csv_bytes, guarded

FILE = "canvas.csv"
_ABOUT = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write the file; see `kata.grade.exporters.Exporter`."""
    rows = [
        [*_ABOUT, *titles(results, points)],
        ["    Points Possible", *[""] * (len(_ABOUT) - 1), *map(shown, possible(results, points))],
    ]
    for student, graded in results.submissions.items():
        found = scores(graded, results, points)
        cells = [shown(score.points) if score.is_final else "" for score in found]
        rows.append([*_about(student, roster), *cells])
    return write_folder(folder, {FILE: csv_bytes(rows)})


def _about(student: str, roster: RosterLike | None) -> list[str]:
    ids = [column(student, roster, name) for name in ("canvas_id", "sis_user_id", "sis_login_id")]
    if not any(ids):
        ids[-1] = student if roster and student in roster.students else guarded(student)
    return [guarded(name_of(student, roster)), *ids, column(student, roster, "section")]
