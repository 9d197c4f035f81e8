"""Grades in the formats that other programs read: one module each, all with the same `write`.

What they share: a kata that could not be judged is nowhere a zero. Where a format has a place for "no grade yet", it
stands there; where it has none, the student gets no file, so that the consumer says that the grader failed and asks
again. Identifying columns of gradebooks come from the roster as they are, for they must be found again to the letter;
any other text is kept from being read as a spreadsheet's formula.
"""

import difflib
from pathlib import Path
from typing import Protocol

from kata.grade.exporters import canvas, classroom50, exercism, gradescope, junit, moodle
from kata.grade.exporters.people import RosterLike
from kata.grade.points import Points
from kata.grade.results import ClassResults

__all__ = ["EXPORTERS", "Exporter", "export", "find"]


class Exporter(Protocol):
    """What every exporter is called with."""

    def __call__(
        self,
        results: ClassResults,
        roster: RosterLike | None,
        points: Points,
        folder: Path,
        *,
        hide_examples: bool = False,
    ) -> list[Path]:
        """Write the files into `folder`, and return them.

        Raises:
            ValueError: something that the format needs is not known; the text says where it would be looked for.
        """
        ...


EXPORTERS: dict[str, Exporter] = {
    "canvas": canvas.write,
    "classroom50": classroom50.write,
    "exercism": exercism.write,
    "gradescope": gradescope.write,
    "junit": junit.write,
    "moodle": moodle.write,
}


def find(names: str) -> list[str]:
    """The exporters that `--export NAME[,NAME]` means, each once.

    Raises:
        ValueError: there is none of that name; the text suggests one.
    """
    found = dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip())
    for name in found:
        if name not in EXPORTERS:
            near = difflib.get_close_matches(name, EXPORTERS, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(EXPORTERS)}"
            raise ValueError(f"--export knows no {name!r}; {remedy}")
    return list(found)


def export(
    names: list[str],
    results: ClassResults,
    roster: RosterLike | None,
    points: Points,
    folder: Path,
    *,
    hide_examples: bool = False,
) -> list[Path]:
    """Write each export into a folder of its name below `folder`.

    Raises:
        ValueError: as `Exporter`.
    """
    files: list[Path] = []
    for name in names:
        files += EXPORTERS[name](results, roster, points, folder / name, hide_examples=hide_examples)
    return files
