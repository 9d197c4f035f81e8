"""The class report: one HTML file that needs no network and is readable without its script.

Everything in it but one section follows from the results alone, to the byte. That section is the times, between the
comments `TIMES_BEGIN` and `TIMES_END`; without times it is empty, and so is what the script makes of it.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from statistics import mean, median
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kata.course.curriculum import Chapter
from kata.course.progress import write_whole
from kata.grade import bins, details
from kata.grade.plain_text import readable
from kata.grade.results import ClassResults, Graded, Times
from kata.grade.tally import (
    TROUBLES,
    KataTally,
    Key,
    Mistake,
    Trouble,
    keys_of,
    mistakes,
    stuck,
    tally,
    troubles,
)
from kata.waist.verdict import Outcome

TIMES_BEGIN = "<!-- times: what may differ from run to run -->"
TIMES_END = "<!-- end of times -->"

LABELS = {
    Outcome.SOLVED: "solved",
    Outcome.WRONG: "wrong",
    Outcome.CRASHED: "crashed",
    Outcome.TIMEOUT: "timeout",
    Outcome.OUT_OF_MEMORY: "out of memory",
    Outcome.BROKEN: "broken",
    Outcome.READY_MADE: "ready-made",
    Outcome.INFRASTRUCTURE: "not judged",
    Outcome.TODO: "to do",
    Outcome.MISSING: "missing",
}
"""What an outcome is called in the report, in the order in which outcomes are stacked."""
EXPLAINED = {
    Outcome.INFRASTRUCTURE: "The machine's fault, not the student's. Grade these again; do not count them.",
    Outcome.CRASHED: "The process that ran the submission died.",
    Outcome.TIMEOUT: "A call did not come back within its time.",
    Outcome.OUT_OF_MEMORY: "More memory was asked for than a submission may have.",
    Outcome.BROKEN: "The file could not be loaded, or the kata raised where it must not.",
    Outcome.READY_MADE: "The work was handed to an object that the kata is about.",
}
FIRST, FIRST_STUCK = 5, 7
"""How many mistakes and katas the first screen shows; a mistake takes more lines."""
OFTEN = 20
"""How many mistakes are shown before the rest is folded."""
SLOWEST = 10
UNFOLDED = 12
"""Lists of at most so many rows start unfolded."""


def write_report(
    results: ClassResults,
    times: Times | None,
    chapters: Sequence[Chapter],
    path: Path,
    *,
    points: Mapping[str, str] | None = None,
    most_points: str = "",
    names: Mapping[str, str] | None = None,
) -> None:
    """Write the report of a class to `path`, whole or not at all.

    Args:
        results: what grading found.
        times: what may differ from run to run; None for a report that is the same, to the byte, for the same results.
        chapters: the curriculum's, for the katas' order and the chapters' titles. Unknown katas come last.
        path: the file; its folder must be there.
        points: each student's, as a number in decimal digits, such as `34.5`; without them no points are shown.
        most_points: as many as one can have.
        names: of the students, by id. Who has a name and no submission is listed as such.

    Raises:
        ValueError: points that are no number.
        OSError: the file cannot be written.
    """
    for student, number in (points or {}).items():
        _check_number(student, number)
    view = View(results, times, tuple(chapters), points or {}, most_points, names or {})
    write_whole(path, render(view).encode("utf-8"))


def _check_number(student: str, number: str) -> None:
    try:
        float(number)
    except ValueError:
        message = f"the points of {student!r} are no number: {number!r}; write them as decimal digits, such as 34.5"
        raise ValueError(message) from None


@dataclass(frozen=True)
class Student:
    """A row of the table of students."""

    id: str
    name: str
    """Or the id, where no name is known."""
    called: str
    """The name, with the id where others have the same."""
    anchor: str
    """Its place in the file, as the part of an address after `#`."""
    points: str
    solved: int
    counts: dict[Outcome, int]
    not_solved: dict[Outcome, list[str]]
    notes: tuple[str, ...]

    @property
    def others(self) -> int:
        """How many came out neither right nor wrong."""
        return sum(self.counts.get(outcome, 0) for outcome in TROUBLES)


@dataclass(frozen=True)
class View:
    """What the templates read: the results, and what follows from them."""

    results: ClassResults
    times: Times | None
    chapters: tuple[Chapter, ...]
    points: Mapping[str, str]
    most_points: str
    names: Mapping[str, str]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        order = [Key(chapter.name, kata.name) for chapter in self.chapters for kata in chapter.katas]
        return keys_of(self.results, order)

    @cached_property
    def titles(self) -> dict[str, str]:
        """The chapters that were graded, in order, as they are called."""
        known = {chapter.name: f"{chapter.number} · {chapter.title}" for chapter in self.chapters}
        return {key.chapter: known.get(key.chapter, key.chapter) for key in self.keys}

    @cached_property
    def tallies(self) -> tuple[KataTally, ...]:
        return tally(self.results, self.keys)

    @cached_property
    def by_chapter(self) -> dict[str, list[KataTally]]:
        return {title: [t for t in self.tallies if t.key.chapter == name] for name, title in self.titles.items()}

    @cached_property
    def by_key(self) -> dict[Key, KataTally]:
        return {one.key: one for one in self.tallies}

    @cached_property
    def stuck(self) -> list[KataTally]:
        return stuck(self.tallies, len(self.results.submissions))

    @cached_property
    def mistakes(self) -> list[Mistake]:
        return mistakes(self.results, self.keys)

    @cached_property
    def troubles(self) -> dict[Outcome, list[Trouble]]:
        return troubles(self.results)

    @cached_property
    def totals(self) -> dict[Outcome, int]:
        """How many katas of all students came out how."""
        counts = {outcome: sum(one.counts.get(outcome, 0) for one in self.tallies) for outcome in LABELS}
        return {outcome: count for outcome, count in counts.items() if count}

    # Students

    @cached_property
    def students(self) -> dict[str, Student]:
        return {student: self._student(student, graded) for student, graded in self.results.submissions.items()}

    def _student(self, student: str, graded: Graded) -> Student:
        not_solved: dict[Outcome, list[str]] = {}
        counts: dict[Outcome, int] = {}
        for key in self.keys:
            if (one := graded.katas.get(key.chapter, {}).get(key.name)) is not None:
                counts[one.outcome] = counts.get(one.outcome, 0) + 1
                if one.outcome is not Outcome.SOLVED:
                    not_solved.setdefault(one.outcome, []).append(key.name)
        return Student(
            id=student,
            name=self._name(student),
            called=self._called[student],
            anchor="student-" + quote(student.encode("utf-8", "surrogatepass"), safe=""),
            points=self.points.get(student, ""),
            solved=counts.get(Outcome.SOLVED, 0),
            counts=counts,
            not_solved={outcome: not_solved[outcome] for outcome in LABELS if outcome in not_solved},
            notes=graded.notes,
        )

    def _name(self, student: str) -> str:
        return self.names.get(student, "").strip() or student

    @cached_property
    def _called(self) -> dict[str, str]:
        names = {student: self._name(student) for student in self.results.submissions}
        seen = Counter(names.values())
        return {student: name if seen[name] == 1 else f"{name} ({student})" for student, name in names.items()}

    @property
    def absent(self) -> list[str]:
        """Who is on the roster and handed in nothing."""
        return [name or student for student, name in self.names.items() if student not in self.results.submissions]

    # Figures

    @cached_property
    def solved(self) -> list[int]:
        return [student.solved for student in self.students.values()]

    @property
    def median_solved(self) -> str:
        return f"{median(self.solved):g}"

    @property
    def mean_solved(self) -> str:
        return f"{mean(self.solved):.1f}"

    @property
    def median_points(self) -> str:
        return f"{median([float(number) for number in self.points.values()]):g}"

    @property
    def solved_bins(self) -> list[bins.Bin]:
        return bins.by_width(self.solved, len(self.keys))

    # Times

    @cached_property
    def seconds(self) -> dict[str, float]:
        known = self.times.submissions if self.times else {}
        return {student: known[student] for student in self.students if student in known}

    @property
    def slowest(self) -> list[tuple[Student, float]]:
        ordered = sorted(self.seconds.items(), key=lambda item: (-item[1], item[0]))
        return [(self.students[student], seconds) for student, seconds in ordered[:SLOWEST]]

    @property
    def median_seconds(self) -> float:
        return median(self.seconds.values())

    @property
    def time_bins(self) -> list[bins.Bin]:
        return bins.by_doubling(self.seconds.values())

    @property
    def times_data(self) -> Markup:
        """Seconds, or nothing, in the students' order."""
        return _island([self.seconds.get(student) for student in self.students])

    # What the script reads

    @property
    def class_data(self) -> Markup:
        """What the katas, chapters and outcomes are called."""
        data = {
            "katas": [[key.chapter, key.name] for key in self.keys],
            "chapters": self.titles,
            "outcomes": {outcome.value: label for outcome, label in LABELS.items()},
        }
        return _island(data)

    @property
    def details_data(self) -> Markup:
        return Markup(details.pack(self.results, self.keys).decode("utf-8"))


# HTML


def render(view: View) -> str:
    """The report's HTML."""
    environment = _environment()
    style, script = (_source(environment, name) for name in ("report.css", "report.js"))
    return environment.get_template("report.html").render(
        view=view,
        Outcome=Outcome,
        LABELS=LABELS,
        EXPLAINED=EXPLAINED,
        TROUBLES=TROUBLES,
        FIRST=FIRST,
        FIRST_STUCK=FIRST_STUCK,
        OFTEN=OFTEN,
        UNFOLDED=UNFOLDED,
        TIMES_BEGIN=Markup(TIMES_BEGIN),
        TIMES_END=Markup(TIMES_END),
        style=style,
        script=script,
        # The browser runs this script and no other, whatever got into the page.
        style_hash=_hash(style),
        script_hash=_hash(script),
        in_words=in_words,
        percent=percent,
        thousands=thousands,
        with_code=with_code,
        breakable=breakable,
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("kata.grade"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Every text, wherever it comes from, and not only those that a template's author thought of.
        finalize=lambda value: readable(value) if type(value) is str else value,
    )


def in_words(law: str) -> str:
    """A law's name as it is read: `is the mean` for `test_is_the_mean`."""
    return law.removeprefix("test_").replace("_", " ")


def percent(share: float) -> str:
    """A share in whole per cent; all and nothing only where it is all and nothing."""
    rounded = round(100 * share)
    if rounded in (0, 100) and share not in (0, 1):
        return "< 1 %" if rounded == 0 else "> 99 %"
    return f"{rounded} %"


def thousands(count: int) -> str:
    """A count with its thousands set apart."""
    return f"{count:,}"


def with_code(sentence: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = readable(sentence).split("`")
    if len(parts) % 2 == 0:  # one backtick has no partner
        return escape("`".join(parts))
    pieces = [Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)]
    return Markup("").join(pieces)


def breakable(name: str) -> Markup:
    """A kata's name, which may be broken after an underscore."""
    return Markup("_<wbr>").join(escape(part) for part in readable(name).split("_"))


def _source(environment: Environment, name: str) -> Markup:
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _hash(text: str) -> str:
    """As a content security policy names a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _island(data: object) -> Markup:
    """`data` as JSON that cannot end the script element that it stands in."""
    return Markup(details.as_island(data).decode("utf-8"))
