"""Judges a notebook from outside: `python -m kata.notebooks.judge NAME FOLDER`, the cells as JSON on standard input.

The kernel has run the learner's code; this process never does. It writes what the cells define to a chapter's file in
FOLDER, has that judged as `kata check` judges `exercises/`, and speaks of cells instead of files.

Exit status: as of `kata check`.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kata.course import curriculum, stubs
from kata.course.curriculum import Kata
from kata.learn import summary
from kata.learn.render import as_text, show_lines, show_message
from kata.notebooks.cells import Collected, collect
from kata.waist.implementation import Implementation
from kata.waist.verdict import KataVerdict, Outcome, exit_status

_SHOWN = 3  # messages; more at once are not read


def run(name: str, cells: Sequence[str], folder: Path, console: Console) -> int:
    """Judge a chapter (or one kata) and show what fails, the progress and the next step; the exit status.

    What the `cells` define is written to a file in `folder`.
    """
    katas = curriculum.find(name)
    chapter = katas[0].chapter
    collected = collect(stubs.pristine(chapter), cells, [kata.name for kata in curriculum.find(chapter)])
    (folder / f"{chapter}.py").write_text(collected.text, "utf-8")
    return _judge(katas, Implementation(str(folder)), collected, console)


def _judge(katas: list[Kata], implementation: Implementation, collected: Collected, console: Console) -> int:
    from kata.judge.judging import check

    for note in collected.notes:
        show_lines([f"Note: {note}.", ""], console)
    verdicts: dict[str, KataVerdict] = {}
    failures = 0
    for judged in check(katas, implementation):
        verdicts[judged.kata.name] = judged.verdict
        if judged.first_failure and judged.verdict.outcome is not Outcome.TODO:
            failures += 1
            if failures <= _SHOWN:
                show_message(
                    in_notebook(as_text(judged.first_failure.message), collected, judged.kata.chapter), console
                )
                console.print()
    if failures > _SHOWN:
        show_lines([f"… and {failures - _SHOWN} more that fail; they are shown when these are mended.", ""], console)
    show_lines(_summary(katas[0].chapter, verdicts, implementation, collected), console)
    return exit_status(verdicts.values())


def in_notebook(message: str, collected: Collected, chapter: str) -> str:
    """The message with cells for lines of the chapter's file, and calls for commands."""

    def place(match: re.Match[str]) -> str:
        return str(collected.place(int(match[1])) or "the stub")

    message = re.sub(rf"(?:/\S*)?\b{chapter}\.py:(\d+)", place, message)
    if "the chapter does not load" in message:
        message = re.sub(r"(?<=\()line (\d+)(?=\)$)", place, message, flags=re.MULTILINE)
    message = re.sub(r"uv run kata hint (\w+) (?:--number|-n) (\d+)", r'hint("\1", \2)', message)
    return re.sub(r"uv run kata hint (\w+)", r'hint("\1")', message)


def _summary(
    chapter: str, verdicts: dict[str, KataVerdict], implementation: Implementation, collected: Collected
) -> list[str]:
    """The lines of `kata check`, but for the next step: that is in this notebook."""
    shown = summary.standing({chapter: verdicts}, "this notebook")
    following = summary.next_kata({chapter: verdicts})
    if following is None:
        return [*shown, "All solved."]
    kata, verdict = following
    line = curriculum.line_of(*implementation.definition(kata.key))
    place = collected.place(line) if line else None
    what = in_notebook(summary.about(kata, verdict), collected, chapter)
    helps = f'the text above its cell explains it; hint("{kata.name}") helps'
    return [*shown, *summary.next_step(kata, str(place or "its cell holds the stub"), what, helps)]


def main(arguments: list[str]) -> int:
    """The command."""
    name, folder = arguments
    console = Console(highlight=False, soft_wrap=True)
    try:
        return run(name, json.load(sys.stdin), Path(folder).resolve(), console)
    except ValueError as error:
        print(f"kata: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
