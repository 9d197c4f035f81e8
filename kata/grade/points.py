"""What a verdict is worth: `[tool.kata.grade]` in the clone's pyproject.toml, or in a file that is given.

    [tool.kata.grade]
    default = 1                 # of every solved kata that is named nowhere below
    partial = "laws"            # what fails earns passed/total of its points; "none", the default: nothing
    assignment = "Katas"        # what the column of a gradebook is called
    columns = "total"           # in gradebooks: "total", "chapters" or "katas"

    [tool.kata.grade.points]    # of a kata; of a chapter: of each of its katas, unless named itself
    ch10_capstone = 3
    huber = 2

    [tool.kata.grade.weights]   # what all katas of a chapter are worth together, in proportion to their points
    ch02_losses = 40

A kata is worth the same whether all of its chapter is graded or only a part. Points are exact fractions; they are
rounded once, where they are shown, to two decimals, halves up: what is shown may add up to a hundredth more or less
than the total that is shown beside it.

Partial credit is for an attempt: what is still the stub (`todo`), is not there (`missing`) or was handed to a built-in
(`ready_made`) earns nothing, whatever laws happen to hold. What could not be judged (`infrastructure`) has no points,
not zero: its cell is empty, and the student's total carries a question mark.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.grade.results import Graded, KataResult
from kata.waist.implementation import ROOT
from kata.waist.verdict import Outcome

_NO_ATTEMPT = (Outcome.TODO, Outcome.MISSING, Outcome.READY_MADE)
_FIELDS = ("default", "partial", "assignment", "columns", "points", "weights")
_TABLE = "tool.kata.grade"


class Partial(StrEnum):
    """What a kata earns that is not solved."""

    NONE = "none"
    LAWS = "laws"
    """The part of its points that its laws hold of all its laws."""


class Columns(StrEnum):
    """What a gradebook's columns stand for."""

    TOTAL = "total"
    CHAPTERS = "chapters"
    KATAS = "katas"


class Score(NamedTuple):
    """What several katas earned together."""

    points: Fraction
    possible: Fraction
    unjudged: tuple[str, ...]
    """The katas that could not be judged: `points` is without them, and is no total."""

    @property
    def is_final(self) -> bool:
        """Whether all was judged."""
        return not self.unjudged


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """How a class is marked."""

    each: dict[str, Fraction]
    """What a kata is worth, by its name, for those that are not worth `default`."""
    default: Fraction = Fraction(1)
    partial: Partial = Partial.NONE
    assignment: str = "Katas"
    columns: Columns = Columns.TOTAL

    def worth(self, kata: str) -> Fraction:
        """What the kata earns when it is solved."""
        return self.each.get(kata, self.default)

    def earned(self, kata: str, result: KataResult) -> Fraction | None:
        """What it earned; None where it could not be judged."""
        if result.outcome is Outcome.INFRASTRUCTURE:
            return None
        if result.outcome is Outcome.SOLVED:
            return self.worth(kata)
        if self.partial is Partial.NONE or result.outcome in _NO_ATTEMPT or not result.total:
            return Fraction(0)
        return self.worth(kata) * Fraction(result.passed, result.total)

    def score(self, results: Mapping[str, KataResult]) -> Score:
        """What these katas, by their names, earned together."""
        earned = {kata: self.earned(kata, result) for kata, result in results.items()}
        return Score(
            points=sum((points for points in earned.values() if points is not None), Fraction(0)),
            possible=sum((self.worth(kata) for kata in results), Fraction(0)),
            unjudged=tuple(kata for kata, points in earned.items() if points is None),
        )

    def total(self, graded: Graded) -> Score:
        """What a submission earned."""
        return self.score({kata: result for katas in graded.katas.values() for kata, result in katas.items()})


def shown(points: Fraction) -> str:
    """With at most two decimals, halves up, and no zeros at the end: `3`, `0.5`, `0.67`."""
    hundredths = (points * 200 + 1) // 2
    whole, part = divmod(hundredths, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") if part else str(whole)


def read_points(path: Path | None = None) -> Points:
    """The scheme in the file at `path`, by default the clone's pyproject.toml; one point a kata where it has none.

    Raises:
        ValueError: the file cannot be read, or something in the table is unknown or no number of points.
    """
    file = path or ROOT / "pyproject.toml"
    try:
        data = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {error}; give another file of points") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is no TOML: {error}") from None
    table = data.get("tool", {}).get("kata", {}).get("grade", {})
    try:
        return _points(_dict(table, _TABLE))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _points(table: dict[str, Any]) -> Points:
    for name in table:
        if name not in _FIELDS:
            raise ValueError(f"[{_TABLE}] knows no {name!r}; {_near(name, _FIELDS)}")
    default = _number(table.get("default", 1), "default")
    assignment = table.get("assignment", "Katas")
    if not isinstance(assignment, str) or not assignment.strip():
        raise ValueError(f"assignment must be a text that is not empty. Received: {assignment!r}")
    named = _dict(table.get("points", {}), "points")
    weights = _dict(table.get("weights", {}), "weights")
    return Points(
        each=_weighted(_each(named), weights, default),
        default=default,
        partial=Partial(_choice(table, "partial", Partial)),
        assignment=assignment.strip(),
        columns=Columns(_choice(table, "columns", Columns)),
    )


def _each(named: dict[str, Any]) -> dict[str, Fraction]:
    """By kata; what names a kata counts before what names its chapter."""
    found: dict[str, Fraction] = {}
    for only_katas in (False, True):
        for name, value in named.items():
            katas = _find(name, "points")
            if (katas[0].name == name) is only_katas:
                found |= {kata.name: _number(value, f"points.{name}") for kata in katas}
    return found


def _weighted(each: dict[str, Fraction], weights: dict[str, Any], default: Fraction) -> dict[str, Fraction]:
    found = dict(each)
    seen: dict[str, str] = {}
    for name, value in weights.items():
        katas, weight = _find(name, "weights"), _number(value, f"weights.{name}")
        chapter = katas[0].chapter
        if katas[0].name == name:
            raise ValueError(f"weights.{name}: a weight is a chapter's, such as {chapter}; a kata has points")
        if chapter in seen:
            raise ValueError(f"weights.{name} and weights.{seen[chapter]} are the same chapter; delete one")
        seen[chapter] = name
        points = {kata.name: each.get(kata.name, default) for kata in katas}
        together = sum(points.values())
        if not together:
            raise ValueError(f"weights.{name}: none of its katas has any points that the weight could be shared out by")
        found |= {kata: weight * part / together for kata, part in points.items()}
    return found


def _find(name: str, where: str) -> list[Kata]:
    try:
        return curriculum.find(name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _number(value: Any, name: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite() or value < 0:
        raise ValueError(f"{name} must be a number of points, 0 or more. Received: {value}")
    return Fraction(value)


def _dict(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a table such as {{huber = 2}}. Received: {value!r}")
    return value


def _choice(table: dict[str, Any], name: str, kind: type[StrEnum]) -> str:
    choices = [str(choice) for choice in kind]
    value = table.get(name, choices[0])
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}; {_near(str(value), choices)} Received: {value!r}")
    return str(value)


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(names)}"
