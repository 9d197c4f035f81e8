"""Classroom 50: `ID/result.json`, schema `classroom50/result/v1`.

Format: "Advanced Autograding" in the wiki of foundation50/classroom50, section "The result.json contract", and its
schemas/result-v1.schema.json; that a score is at most its maximum is checked by their code alone. A test a kata.

What the result says of where it comes from is not ours to know. It is taken from the roster's columns of the same
names, or, where one submission is graded in the consumer's own workflow, from the variables that its runner sets
(`CLASSROOM`, `ASSIGNMENT`, `OWNER`, `SUBMISSION_TAG`, `COMMIT_URL`, `RELEASE_URL`, `REVIEW_URL`, `ASSIGNMENT_TYPE`).
The time is the submission's own: that of its tag, `submit/2026-06-01T14-32-05Z-a1b2c3d`, unless there is a column
`datetime`; so a result is the same whenever it is written.

Scores are whole numbers there: so must be the points of every kata, and partial credit is rounded down. A student with
a kata that could not be judged gets no file; the consumer's runner then writes a result of status `error` itself.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kata.grade.exporters.people import RosterLike, column
from kata.grade.folder import json_bytes, write_folder
from kata.grade.names import file_names
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults, Graded
from kata.grade.telling import MEANING, message_of
from kata.waist.verdict import Outcome

SCHEMA = "classroom50/result/v1"
_VARIABLES = {
    "classroom": ("CLASSROOM",),
    "assignment": ("ASSIGNMENT",),
    "owner": ("OWNER", "USERNAME"),
    "submission": ("SUBMISSION_TAG",),
    "commit": ("COMMIT_URL",),
    "release": ("RELEASE_URL",),
    "review": ("REVIEW_URL", "COMMIT_URL"),
}
_TIME = r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_TAG = re.compile(r"submit/(\d{4}-\d{2}-\d{2}T)(\d{2})-(\d{2})-(\d{2}Z)-.+")


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write a file for each student who was judged whole; see `kata.grade.exporters.Exporter`.

    Raises:
        ValueError: something is not known of a student, or a kata is worth no whole number of points.
    """
    _check_whole(results, points)
    # The runner's variables are about one submission: of a class they would say the same of everybody.
    environment = os.environ if len(results.submissions) == 1 else {}
    names = file_names(results.submissions)
    files = {
        f"{names[student]}/result.json": json_bytes(
            {
                "schema": SCHEMA,
                **_origin(student, roster, environment),
                **_scores(graded, points, hide_examples=hide_examples),
            }
        )
        for student, graded in results.submissions.items()
        if points.total(graded).is_final
    }
    return write_folder(folder, files)


def _check_whole(results: ClassResults, points: Points) -> None:
    katas = {kata for graded in results.submissions.values() for named in graded.katas.values() for kata in named}
    for kata in sorted(katas):
        worth = points.worth(kata)
        if worth.denominator != 1:
            raise ValueError(
                f"classroom50 takes whole points, and {kata} is worth {shown(worth)}; "
                "multiply all points, or give whole weights, in [tool.kata.grade]"
            )


def _origin(student: str, roster: RosterLike | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Whose submission it is and where it lies."""
    found: dict[str, str] = {}
    for field, variables in _VARIABLES.items():
        value = column(student, roster, field) or next((environment[v] for v in variables if environment.get(v)), "")
        if not value and field == "review":
            value = found["commit"]  # as their runner does where there is nothing to compare
        if not value:
            raise ValueError(
                f"classroom50 needs {field} of {student}: give the roster a column of that name, "
                f"or, for a single submission, set {' or '.join(variables)}"
            )
        found[field] = value
    kind = (column(student, roster, "assignment_type") or environment.get("ASSIGNMENT_TYPE") or "individual").lower()
    if kind not in ("individual", "group", "team"):
        raise ValueError(f"classroom50: assignment_type of {student} must be individual, group or team; it is {kind!r}")
    if not found["submission"].startswith("submit/"):
        raise ValueError(f"classroom50: submission of {student} must be a tag submit/…; it is {found['submission']!r}")
    return {**found, "assignment_type": kind, "datetime": _time(student, roster, found["submission"])}


def _time(student: str, roster: RosterLike | None, tag: str) -> str:
    parts = _TAG.fullmatch(tag)
    time = column(student, roster, "datetime") or (":".join(parts.groups()).replace("T:", "T") if parts else "")
    if not re.fullmatch(_TIME, time):
        raise ValueError(
            f"classroom50: the time of {student}'s submission is not to be told from the tag {tag!r}; give the roster "
            "a column datetime such as 2026-06-01T14:32:05Z"
        )
    return time


def _scores(graded: Graded, points: Points, *, hide_examples: bool) -> dict[str, Any]:
    tests: list[dict[str, Any]] = []
    for katas in graded.katas.values():
        for kata, one in katas.items():
            earned = points.earned(kata, one) or 0
            test = {
                "test-name": kata,
                "passed": one.outcome is Outcome.SOLVED,
                "score": int(earned),
                "max-score": int(points.worth(kata)),
            }
            if one.outcome is not Outcome.SOLVED:  # further fields of a test are kept as they are
                test["message"] = message_of(one, hide_examples=hide_examples) or MEANING[one.outcome]
            tests.append(test)
    return {
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }
