"""Gradescope: `ID/results.json`, what an autograder leaves in `/autograder/results/`.

Format: "Autograder Specifications" (gradescope-autograders.readthedocs.io), sections "Output format", "Test case
status" and "Output String Formatting". A test case a kata; its score may be a fraction, its output is plain text.

Gradescope knows no "not judged": a student with such a kata gets no file. Without one Gradescope says that the
autograder failed, the instructor runs it again, and nobody reads a zero.
"""

from pathlib import Path
from typing import Any

from kata.grade.exporters.people import RosterLike
from kata.grade.folder import json_bytes, write_folder
from kata.grade.names import file_names
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults, Graded
from kata.grade.telling import MEANING, message_of
from kata.waist.verdict import Outcome


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write a file for each student who was judged whole; see `kata.grade.exporters.Exporter`."""
    names = file_names(results.submissions)
    files = {
        f"{names[student]}/results.json": json_bytes(as_data(graded, points, hide_examples=hide_examples))
        for student, graded in results.submissions.items()
        if points.total(graded).is_final
    }
    return write_folder(folder, files)


def as_data(graded: Graded, points: Points, *, hide_examples: bool = False) -> dict[str, Any]:
    """What `results.json` holds, for a submission that was judged whole."""
    tests = []
    for i, (chapter, katas) in enumerate(graded.katas.items(), 1):
        for j, (kata, one) in enumerate(katas.items(), 1):
            solved = one.outcome is Outcome.SOLVED
            output = MEANING[one.outcome]
            if message := message_of(one, hide_examples=hide_examples):
                output += f"\n\n{message}"
            tests.append(
                {
                    "name": kata,
                    "name_format": "text",
                    "number": f"{i}.{j}",
                    "score": _number(shown(points.earned(kata, one) or points.worth(kata) * 0)),
                    "max_score": _number(shown(points.worth(kata))),
                    "status": "passed" if solved else "failed",
                    "output": output,
                    "output_format": "text",
                    "tags": [chapter, one.outcome.value],
                    "visibility": "visible",
                }
            )
    total = points.total(graded)
    return {
        "score": _number(shown(total.points)),  # rounded once; the tests' scores may add up to a hundredth more
        "output": f"{graded.solved} of {len(tests)} katas solved.",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
