"""What the columns of a gradebook hold: all points in one, or one a chapter, or one a kata."""

from fractions import Fraction

from kata.grade.points import Columns, Points, Score
from kata.grade.results import ClassResults, Graded
from kata.grade.tables import katas_of


def titles(results: ClassResults, points: Points) -> list[str]:
    """The columns' names, in order."""
    return [title for title, _ in _columns(results, points)]


def possible(results: ClassResults, points: Points) -> list[Fraction]:
    """What each column is worth."""
    return [sum((points.worth(kata) for _, kata in katas), Fraction(0)) for _, katas in _columns(results, points)]


def scores(graded: Graded, results: ClassResults, points: Points) -> list[Score]:
    """What a submission earned, for each column."""
    found = {(chapter, kata): result for chapter, katas in graded.katas.items() for kata, result in katas.items()}
    return [
        points.score({kata: found[chapter, kata] for chapter, kata in katas if (chapter, kata) in found})
        for _, katas in _columns(results, points)
    ]


def _columns(results: ClassResults, points: Points) -> list[tuple[str, list[tuple[str, str]]]]:
    katas = katas_of(results.submissions.values())
    if points.columns is Columns.TOTAL:
        return [(points.assignment, katas)]
    found: dict[str, list[tuple[str, str]]] = {}
    for chapter, kata in katas:
        part = chapter if points.columns is Columns.CHAPTERS else kata
        found.setdefault(f"{points.assignment}: {part}", []).append((chapter, kata))
    return list(found.items())
