"""Asks the reference and yours for the points of a picture, each in a child of one worker, and compares them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.learn.plot import kept
from kata.learn.plot.kept import Points
from kata.learn.plot.pictures import PICTURES, Array, Line, Panel, Picture, Unusable, picture_of
from kata.waist.assertions import ImplementationError, LawViolation
from kata.waist.codec import KataName
from kata.waist.implementation import EDITION, Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.session import Session, Stopped, use
from kata.waist.show import shorten

LIMITS = Limits(call=20.0, law=60.0)
"""A line is some hundred short calls; nobody waits a minute and a half for a picture."""
SAME = 1e-3
"""Two points that are nearer than this share of the panel's extent cannot be told apart in the picture."""

Problems = dict[str, list[str]]
"""What went wrong, and the lines of which it is true; none where it is true of the whole kata."""


class Undrawable(Exception):
    """The reference itself could not be asked: the machine's fault."""


@dataclass(frozen=True)
class Answers:
    """What one implementation answered.

    Args:
        points: its lines.
        problems: why some are missing or have gaps, a sentence each, every one once.
    """

    points: Points
    problems: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is no line to draw."""
        return all(line is None for panel in self.points for line in panel)


@dataclass(frozen=True)
class Comparison:
    """The picture of a kata with the answers of both."""

    kata: str
    picture: Picture
    expected: Answers
    yours: Answers


def compare(kata: Kata, implementation: Implementation, worker: Worker) -> Comparison:
    """Ask the reference and `implementation` for the points of the kata's picture.

    Args:
        kata: one that has a picture.
        implementation: whose answers are "yours".
        worker: starts the two children that answer; it stays open.

    Raises:
        ValueError: the kata has no picture.
        Undrawable: the reference could not be asked.
    """
    picture = picture_of(kata.name)
    expected = Answers(_expected(kata, worker), ())
    return Comparison(kata.name, picture, expected, ask(kata, implementation, worker))


def _expected(kata: Kata, worker: Worker) -> Points:
    """The reference's points; a student edition, which has no reference, keeps them."""
    if EDITION:
        points = kept.points_of(kata.name)
        if points is None:
            raise Undrawable("what is expected is not in this student edition; your instructor can release a whole one")
        return points
    found = ask(kata, implementation_at("solutions"), worker)
    if found.problems:
        raise Undrawable(f"the reference cannot be asked: {found.problems[0]}; try `uv run kata doctor`")
    return found.points


def expected_files(worker: Worker, told: Callable[[str], None] = lambda kata: None) -> dict[str, bytes]:
    """For a student edition: the expected points of every picture, by the paths of the files.

    Args:
        worker: asks the reference.
        told: called with each kata's name when its turn comes.

    Raises:
        Undrawable: the reference could not be asked.
    """
    files = {}
    for kata in curriculum.katas():
        if kata.name in PICTURES:
            told(kata.name)
            files[f"{kept.FOLDER}/{kata.name}.msgpack"] = kept.packed(_expected(kata, worker))
    return files


def ask(kata: Kata, implementation: Implementation, worker: Worker) -> Answers:
    """Ask `implementation` alone for the points of the kata's picture.

    Raises:
        ValueError: the kata has no picture.
    """
    picture = picture_of(kata.name)
    session = Session(implementation, Isolated(implementation, LIMITS, worker))
    try:
        return answers(kata, picture, session)
    finally:
        session.backend.close()


def answers(kata: Kata, picture: Picture, session: Session) -> Answers:
    """Ask `session` for the points of `picture`, which may be one that handles were moved in."""
    problems: Problems = {}
    points = tuple(
        tuple(_line(kata.key, panel, line, session, problems) for line in panel.lines) for panel in picture.panels
    )
    return Answers(points, tuple(_sentence(*problem) for problem in problems.items()))


def _sentence(text: str, places: list[str]) -> str:
    """The problem with the places where it shows; only the problem where it concerns the whole kata."""
    more = f" and {len(places) - 2} more" if len(places) > 2 else ""
    return f"{'; '.join(places[:2])}{more}: {text}" if places else text


def _line(kata: KataName, panel: Panel, line: Line, session: Session, problems: Problems) -> Array | None:
    """The line's points; None, and the reason among the `problems`, where there are none."""
    if kata in session.given_up:  # it would make you wait, or say the same, once more
        return None
    place = f"{panel.title}, {line.label}" if len(panel.lines) > 1 else panel.title
    try:
        with _asking(kata, session):
            points = line.ask()
    except _Problem as problem:
        # What ends everything is said of the kata, not of one line.
        problems.setdefault(problem.text, []).extend([] if kata in session.given_up else [place])
        return None
    gaps = _gaps(panel, points)
    if gaps:
        problems.setdefault(gaps, []).append(place)
    return points


def _gaps(panel: Panel, points: Array) -> str:
    """How many of the points cannot be placed, and where the first is; nothing when all can."""
    missing = ~np.isfinite(points).all(axis=1)
    if not missing.any():
        return ""
    first = f" after step {missing.argmax()}" if panel.kind == "path" else f" at {points[missing][0, 0]:.4g}"
    where = "" if panel.kind == "arrows" else f", the first{first}"
    return f"inf or NaN at {missing.sum()} of {len(points)} points{where}"


class _Problem(Exception):
    """Why a line has no points, as a sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = shorten(text, 200)


@contextlib.contextmanager
def _asking(kata: KataName, session: Session) -> Iterator[None]:
    """Let lines ask `session` about `kata`.

    Raises:
        _Problem: the answers cannot be had, or not be used. When the next line's could not either, the session has
            given the kata up.
    """
    try:
        with use(session), np.errstate(all="ignore"):  # inf and NaN are said, not warned of
            session.begin_law(kata)
            yield
    except Stopped as stop:
        session.given_up[kata] = stop.outcome
        at = f" (line {stop.line})" if stop.line and "line" not in stop.cause else ""
        raise _Problem(f"{stop.cause}{at}") from None
    except WorkerLost:
        from kata.waist.verdict import Outcome

        session.given_up[kata] = Outcome.CRASHED
        raise _Problem("took down the process that ran it") from None
    except ImplementationError as error:
        at = f" (line {error.line})" if error.line else ""
        raise _Problem(f"raises {error.type_name}: {shorten(error.text, 120)}{at}") from None
    except LawViolation as violation:
        raise _Problem(violation.problem.rstrip(".")) from None
    except Unusable as unusable:
        raise _Problem(str(unusable)) from None
    except Exception as error:  # it tripped over what came back
        raise _Problem(f"what came back could not be used: {type(error).__name__}: {error}") from None


# What the picture shows, in words: for the terminal, and for those who do not see pictures.


def in_words(comparison: Comparison) -> list[str]:
    """For each panel a line: that yours is as expected, or where it is furthest from it."""
    rows = []
    answers = zip(comparison.picture.panels, comparison.expected.points, comparison.yours.points, strict=True)
    for panel, expected, yours in answers:
        found = [_difference(panel, *both) for both in zip(panel.lines, expected, yours, strict=True)]
        said = [text for text in found if text]
        if panel.lines:
            rows.append(f"{panel.title}: {'; '.join(said) or 'as expected'}")
    return rows


def _difference(panel: Panel, line: Line, expected: Array | None, yours: Array | None) -> str:
    """Where the lines are furthest apart, or where a path first leaves the other; nothing where they look the same."""
    assert expected is not None
    name = line.label if len(panel.lines) > 1 else "yours"
    if yours is None:
        return f"{name} is not drawn"
    apart = distances(panel, expected, yours)
    if apart.max() <= SAME:
        return ""
    at = int(np.argmax(apart > SAME if panel.kind == "path" else apart))
    here, there = (_shown(panel, points[at]) for points in (yours, expected))
    where = {"path": f", after step {at}", "arrows": ""}.get(panel.kind, f", at {expected[at, 0]:.4g}")
    return f"{name} is {here} where {there} is expected{where}"


def _shown(panel: Panel, point: Array) -> str:
    x, y = (f"{value + 0.0:.4g}" for value in point)
    return f"({x}, {y})" if panel.kind in ("path", "arrows") else y


def distances(panel: Panel, expected: Array, yours: Array) -> Array:
    """How far apart the points are, as a share of the expected's extent; infinite where only one can be placed."""
    here, there = (_placed(panel, points) for points in (yours, expected))
    extent = np.ptp(there, axis=0) if len(there) > 1 else np.abs(there[0])
    extent = np.where(extent > 0, extent, np.maximum(np.abs(there).max(axis=0), 1e-30))
    with np.errstate(all="ignore"):
        apart = np.max(np.where(here == there, 0.0, np.abs(here - there) / extent), axis=1)
    apart = np.where(np.isfinite(apart), apart, np.inf)
    free = (expected[:, 0] == panel.free_at) & np.isfinite(yours[:, 1])
    return np.where(free, 0.0, apart)


def _placed(panel: Panel, points: Array) -> Array:
    """The points as the axes place them: logarithms where the scale is logarithmic."""
    with np.errstate(all="ignore"):
        x, y = points.T
        x = np.log10(x) if panel.scale == "log x" else x
        y = np.log10(y) if panel.scale in ("log y", "log2 y") else y
        return np.column_stack([x, y])
