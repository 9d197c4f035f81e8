"""`feedback/ID.md`: what one student reads of the submission, and nothing of anybody else's."""

import re
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.grade.folder import write_folder
from kata.grade.names import file_names
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults, Graded, KataResult
from kata.grade.telling import MEANING, message_of, plain
from kata.waist.verdict import Outcome

_NOT_TRIED = (Outcome.TODO, Outcome.MISSING)
"""Of these there is nothing to say but which they are."""


def write_feedback(
    results: ClassResults, points: Points, folder: Path, *, hide_examples: bool = False
) -> dict[str, Path]:
    """Write a file for each student into `folder`, and remove those of students who are no more.

    Args:
        results: the class.
        points: what the katas are worth.
        folder: made where it is not there.
        hide_examples: leave out whatever an example of the exam could be told from.

    Returns:
        The files, by student. Names are the ids, made safe (`kata.grade.names`).

    Raises:
        ValueError: the folder cannot be written to.
    """
    names = {student: f"{name}.md" for student, name in file_names(results.submissions).items()}
    texts = {
        names[student]: feedback(student, graded, points, hide_examples=hide_examples).encode("utf-8", "replace")
        for student, graded in results.submissions.items()
    }
    write_folder(folder, texts)
    return {student: folder / name for student, name in names.items()}


def feedback(student: str, graded: Graded, points: Points, *, hide_examples: bool = False) -> str:
    """The text of a student's file (Markdown)."""
    katas = [(chapter, kata, one) for chapter, named in graded.katas.items() for kata, one in named.items()]
    known = {kata.name: kata for kata in curriculum.katas()}
    tried = [(c, k, one) for c, k, one in katas if one.outcome not in (*_NOT_TRIED, Outcome.SOLVED)]
    parts = [f"# Feedback for {code(student)}", _summary(graded, points)]
    if graded.notes:
        parts.append("When your submission was taken in, this was noticed:\n")
        parts[-1] += "".join(f"\n- {_escaped(note)}" for note in graded.notes)
    for chapter, kata, one in tried:
        parts += _section(chapter, kata, one, known.get(kata), hide_examples=hide_examples)
    for outcome, title in ((Outcome.TODO, "Not written yet"), (Outcome.MISSING, "Not handed in")):
        parts += _listed(f"{title}", MEANING[outcome], graded, outcome)
    parts += _listed("Solved", MEANING[Outcome.SOLVED], graded, Outcome.SOLVED)
    return "\n\n".join(parts) + "\n"


def _summary(graded: Graded, points: Points) -> str:
    score, count = points.total(graded), sum(len(katas) for katas in graded.katas.values())
    text = f"{graded.solved} of {count} katas solved, {shown(score.points)} of {shown(score.possible)} points."
    if score.unjudged:
        one = len(score.unjudged) == 1
        text += f" {len(score.unjudged)} {'kata is' if one else 'katas are'} not judged yet; this is no total."
    return text


def _section(chapter: str, kata: str, one: KataResult, known: Kata | None, *, hide_examples: bool) -> list[str]:
    words = one.outcome.value.replace("_", " ")
    parts = [f"## {code(kata)}: {words}"]
    laws = f" {one.passed} of its {one.total} laws hold." if one.total else ""
    parts.append(f"{MEANING[one.outcome]}{laws} (Chapter {code(chapter)}.)")
    if message := message_of(one, hide_examples=hide_examples):
        parts.append(fenced(message))
    if one.diagnosis and one.message is None:
        parts.append(f"**Mistake.** {_escaped(one.diagnosis)}")
    if known is not None and one.hint is not None and 1 <= one.hint <= len(known.hints):
        parts.append(f"**Hint {one.hint}.** {known.hints[one.hint - 1]}")
    return parts


def _listed(title: str, meaning: str, graded: Graded, outcome: Outcome) -> list[str]:
    lines = [
        f"- {code(chapter)}: {', '.join(code(kata) for kata in named)}"
        for chapter, katas in graded.katas.items()
        if (named := [kata for kata, one in katas.items() if one.outcome is outcome])
    ]
    return [f"## {title}", meaning, "\n".join(lines)] if lines else []


# Markdown


def fenced(text: str) -> str:
    """`text` as a block of code that it cannot end by itself."""
    fence = "`" * max(3, 1 + _longest_run(text))
    return f"{fence}text\n{text}\n{fence}"


def code(text: str) -> str:
    """`text` as code within a line, on one line, which it cannot end by itself."""
    text = plain(" ".join(text.split())) or " "
    ticks = "`" * (1 + _longest_run(text))
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _escaped(text: str) -> str:
    """`text` on one line, read as it is written: no link, picture, heading or HTML."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$-])", r"\\\1", plain(" ".join(text.split())))
