"""`kata list`: every kata with its state, difficulty, minutes, kind and line, within 80 columns."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.course.progress import Standing, standings
from kata.waist.implementation import ROOT, Implementation

MARKS = {Standing.SOLVED: "green", Standing.BEGUN: "yellow", Standing.TODO: "dim"}
LEGEND = (
    "✓ solved    ~ begun: not solved, or changed since it was judged    · not begun",
    "★☆☆ a formula in a few lines   ★★☆ with a trap or two   ★★★ takes a plan",
    "scratch: from tensor operations    keras: with Keras' objects    :12 its line",
)


@dataclass(frozen=True)
class Row:
    """What `kata list` says of one kata."""

    chapter: str
    kata: str
    state: str
    kind: str
    difficulty: int
    minutes: int
    place: str
    goal: str

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def rows(katas: Iterable[Kata], implementation: Implementation) -> list[Row]:
    """The katas as they stand now; nothing is judged."""
    katas = list(katas)
    known = standings(katas, implementation)
    found = []
    for kata in katas:
        path = Path(implementation.folder) / f"{kata.chapter}.py"
        place = f"{implementation.label}/{path.name}:{curriculum.line_of(path, kata.name) or 1}"
        found.append(
            Row(kata.chapter, kata.name, known[kata.name], kata.kind, kata.difficulty, kata.minutes, place, kata.goal)
        )
    return found


def show(listed: list[Row], console: Console) -> None:
    """Print the rows under their chapters, and what the signs mean."""
    titles = {chapter.name: chapter.title for chapter in curriculum.chapters()}
    width = max(len(row.kata) for row in listed)
    chapter = ""
    for row in listed:
        if row.chapter != chapter:
            chapter = row.chapter
            file = row.place.partition(":")[0]
            console.print(f"\n[bold]{escape(titles[chapter])}[/bold]  [dim]{escape(file)}[/dim]")
        standing = Standing(row.state)
        stars = "★" * row.difficulty + "☆" * (3 - row.difficulty)
        line = row.place.rpartition(":")[2]
        console.print(
            f"  [{MARKS[standing]}]{standing.mark}[/] {row.kata:<{width}}  {stars}  {row.minutes:>3} min"
            f"  {row.kind:<7}  [dim]:{line}[/dim]"
        )
    solved = sum(row.state == Standing.SOLVED for row in listed)
    minutes = sum(row.minutes for row in listed if row.state != Standing.SOLVED)
    console.print(f"\n{solved} of {len(listed)} solved; about {minutes} minutes for the others")
    for line in LEGEND:
        console.print(f"[dim]{line}[/dim]")
    # `ROOT` is where a relative place starts: the clone, wherever the command was called.
    if Path.cwd() != ROOT:
        console.print(f"[dim]files are below {escape(str(ROOT))}[/dim]")
