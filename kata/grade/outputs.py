"""All that a grading run leaves in its folder for people and programs: written from the ledger, each file whole."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kata.course import curriculum
from kata.course.progress import write_whole
from kata.grade import exporters, feedback, points, report, results, tables
from kata.grade.points import Points
from kata.grade.results import ClassResults, Times
from kata.grade.roster import Roster


def write(
    found: ClassResults,
    times: Times,
    folder: Path,
    worth: Points,
    *,
    roster: Roster | None = None,
    exports: Sequence[str] = (),
    hide_examples: bool = False,
) -> list[Path]:
    """Write results.json, times.json, grades.csv, feedback/, report.html and the exports into `folder`.

    Raises:
        ValueError: an export lacks something, or the folder cannot be written to; the text says what to do.
    """
    try:
        for name, data in (
            ("results.json", results.as_json(found)),
            ("times.json", msgspec.json.format(msgspec.json.encode(times), indent=2) + b"\n"),
            ("grades.csv", tables.grades_csv(found, worth)),
        ):
            write_whole(folder / name, data)
        totals = {student: worth.total(graded) for student, graded in found.submissions.items()}
        most = max((total.possible for total in totals.values()), default=None)
        report.write_report(
            found,
            times,
            curriculum.chapters(),
            folder / "report.html",
            points={student: points.shown(total.points) for student, total in totals.items()},
            most_points=points.shown(most) if most is not None else "",
            names={student: one.name for student, one in roster.students.items()} if roster else None,
        )
    except OSError as error:
        raise ValueError(
            f"{error.filename or folder}: {error.strerror}; make room there and make it writable"
        ) from None
    feedback.write_feedback(found, worth, folder / "feedback", hide_examples=hide_examples)
    exporters.export(list(exports), found, roster, worth, folder / "exports", hide_examples=hide_examples)
    return [folder / name for name in ("report.html", "grades.csv", "results.json", "feedback", "exports")]
