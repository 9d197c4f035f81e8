"""Exercism: `ID/CHAPTER/results.json`, version 3, what a test runner leaves in its output folder.

Format: "The Test Runner Interface" (exercism.org/docs/building/tooling/test-runners/interface). A chapter is an
exercise, its slug as theirs are (`ch02-losses`); a kata is a test, linked to the task of its number in the chapter.
The input on which it failed is the test's code, unless examples are hidden.

`error` at the top is for an exercise of which no test could run at all: then there is a message and no tests.
"""

from pathlib import Path
from typing import Any

from kata.grade.exporters.people import RosterLike
from kata.grade.folder import json_bytes, write_folder
from kata.grade.names import file_names
from kata.grade.points import Points
from kata.grade.results import ClassResults, KataResult
from kata.grade.telling import MEANING, cause_of, message_of, plain, printed_by
from kata.waist.verdict import Outcome

_LONGEST_MESSAGE = 65_535 // 4
"""Characters: the limit is 65,535, and less where a character takes several bytes."""
_LONGEST_OUTPUT = 500
_TRUNCATED = "\nOutput was truncated. Please limit to 500 chars."
_FAILS = (Outcome.WRONG, Outcome.TODO, Outcome.READY_MADE)
"""What was run to its end and is not right; whatever else is not solved is an error."""


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write a file for each student and chapter; see `kata.grade.exporters.Exporter`."""
    names = file_names(results.submissions)
    files: dict[str, bytes] = {}
    for student, graded in results.submissions.items():
        for chapter, katas in graded.katas.items():
            name = f"{names[student]}/{chapter.replace('_', '-')}/results.json"
            files[name] = json_bytes(as_data(katas, hide_examples=hide_examples))
    return write_folder(folder, files)


def as_data(katas: dict[str, KataResult], *, hide_examples: bool = False) -> dict[str, Any]:
    """What `results.json` holds of the katas of one chapter."""
    statuses = {kata: _status(one.outcome) for kata, one in katas.items()}
    if set(statuses.values()) <= {"error"}:
        causes = dict.fromkeys(
            f"{MEANING[one.outcome]} {cause_of(one, hide_examples=hide_examples)}" for one in katas.values()
        )
        message = _cut("\n".join(causes) or "This chapter was not judged.", _LONGEST_MESSAGE)
        return {"version": 3, "status": "error", "message": message, "tests": []}
    tests = []
    for number, (kata, one) in enumerate(katas.items(), 1):
        test: dict[str, Any] = {"name": kata, "status": statuses[kata], "task_id": number}
        if one.outcome is not Outcome.SOLVED:
            test["message"] = _cut(message_of(one, hide_examples=hide_examples), _LONGEST_MESSAGE)
        if not hide_examples and one.input:
            test["test_code"] = plain(one.input)
        if not hide_examples and (printed := printed_by(one)):
            test["output"] = _cut(printed, _LONGEST_OUTPUT, _TRUNCATED)
        tests.append(test)
    passed = set(statuses.values()) == {"pass"}
    return {"version": 3, "status": "pass" if passed else "fail", "message": None, "tests": tests}


def _status(outcome: Outcome) -> str:
    if outcome is Outcome.SOLVED:
        return "pass"
    return "fail" if outcome in _FAILS else "error"


def _cut(text: str, longest: int, note: str = "\n…") -> str:
    return text if len(text) <= longest else text[: longest - len(note)] + note
