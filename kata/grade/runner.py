"""Judges one exercise of one submission, called as a test runner of Exercism is: for graders that bring the isolation.

    python -m kata.grade.runner SLUG INPUT OUTPUT

SLUG is a chapter (`ch02-losses`) or a kata; INPUT holds the submission, as a folder that is handed in does; OUTPUT gets
`results.json`, version 3. It works in a student edition too, where nothing is worth stealing.

Exit status: 0 `results.json` is written, whatever it says; 2 wrong usage; 3 the machine's fault kept a kata from being
judged: then there is no `results.json`, for it would be a zero.
"""

import sys
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.course.progress import write_whole
from kata.grade import grader
from kata.grade.exporters import exercism
from kata.grade.folder import json_bytes
from kata.grade.intake import take_one
from kata.grade.results import Katas
from kata.judge import judging
from kata.waist.sources import in_a_folder
from kata.waist.verdict import Outcome

USAGE = "usage: python -m kata.grade.runner SLUG INPUT OUTPUT"


def run(slug: str, given: Path, out: Path) -> list[str]:
    """Judge the exercise `slug` of the submission in `given`; the katas that could not be judged, with the cause.

    Where there are none, `out` holds `results.json`.

    Raises:
        ValueError: there is no such exercise or folder, or `out` cannot be written to.
    """
    katas = curriculum.find(slug.replace("-", "_"))
    found = _judged(katas, given)
    results = {name: one for chapter in found.values() for name, one in chapter.items()}
    unjudged = [f"{name}: {one.cause}" for name, one in results.items() if one.outcome is Outcome.INFRASTRUCTURE]
    if not unjudged:
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_whole(out / "results.json", json_bytes(exercism.as_data(results)))
        except OSError as error:
            raise ValueError(f"{out} cannot be written to: {error.strerror}; name another folder") from None
    return unjudged


def _judged(katas: list[Kata], given: Path) -> Katas:
    submission = take_one(given, given.absolute().name, graded={kata.chapter for kata in katas})
    if not submission.files:
        return grader.refused(katas, Outcome.BROKEN, submission.refused or "nothing was handed in")
    with in_a_folder(submission.files) as implementation:
        return grader.by_chapter(list(judging.check(katas, implementation, profile="grade")))


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) != 3:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        unjudged = run(words[0], Path(words[1]), Path(words[2]))
    except ValueError as error:
        print(f"kata: {error}", file=sys.stderr)
        return 2
    for line in unjudged:
        print(f"kata: could not be judged: {line}", file=sys.stderr)
    return 3 if unjudged else 0


if __name__ == "__main__":
    sys.exit(main())
