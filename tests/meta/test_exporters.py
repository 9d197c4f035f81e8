"""Exports: each valid for its consumer, or read back as it would; and nowhere a zero for what could not be judged."""

import csv
import io
import json
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from kata.grade.exporters import EXPORTERS, classroom50, exercism, export, find, gradescope
from kata.grade.exporters.people import RosterLike
from kata.grade.points import Columns, Partial, Points
from kata.grade.results import ClassResults, Graded
from kata.waist.verdict import Outcome
from tests.meta.graded_class import EXAMPLE, SOLVED, UNJUDGED, WHOLE, WRONG, a_class, classes, gradeds, of, result

SCHEMAS = Path(__file__).parent / "schemas"
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit.xsd"))
PLAIN = Points(each={})
HALVES = Points(each={"huber": Fraction(5, 2)}, default=Fraction(3), partial=Partial.LAWS)


@dataclass
class Student:
    id: str
    name: str = ""
    email: str = ""
    more: dict[str, str] = field(default_factory=dict)


@dataclass
class Roster:
    students: dict[str, Student]


ORIGIN = {
    "classroom": "ml",
    "assignment": "katas",
    "owner": "ada-l",
    "submission": "submit/2026-06-01T14-32-05Z-a1b2c3d",
    "commit": "https://example.org/commit/a1b2c3d",
    "release": "https://example.org/releases/1",
}
CANVAS = {"canvas_id": "42", "sis_user_id": "S1", "sis_login_id": "=ada", "section": "A; B"}
ROSTER = Roster({"ada": Student("ada", "Lovelace, Ada", "ada@example.org", {**ORIGIN, **CANVAS, "id_number": "-17"})})


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def whole_roster(results: ClassResults) -> Roster:
    return Roster({student: Student(student, more={**ORIGIN, "owner": "x"}) for student in results.submissions})


def written(
    name: str,
    results: ClassResults,
    folder: Path,
    roster: RosterLike | None = None,
    points: Points = PLAIN,
    **more: Any,
) -> dict[str, bytes]:
    files = export([name], results, roster, points, folder, **more)
    return {str(path.relative_to(folder / name)): path.read_bytes() for path in files}


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


# All of them


def test_names_are_found_or_suggested() -> None:
    assert find("JUnit, canvas,junit") == ["junit", "canvas"]
    with pytest.raises(ValueError, match=r"knows no 'gradescop'; did you mean gradescope\?"):
        find("gradescop")
    assert list(EXPORTERS) == sorted(["gradescope", "junit", "exercism", "classroom50", "canvas", "moodle"])


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("hide", [False, True])
def test_the_same_bytes_and_no_example_where_they_are_hidden(name: str, hide: bool, tmp_path: Path) -> None:
    roster = whole_roster(WHOLE)
    first = written(name, WHOLE, tmp_path / "1", roster, hide_examples=hide)
    assert first == written(name, WHOLE, tmp_path / "2", roster, hide_examples=hide)
    told = b"".join(first.values()).decode()
    quoted = [value for value in EXAMPLE if value in told]
    assert quoted == [] or not hide
    assert (quoted != []) == (not hide and name not in ("canvas", "moodle"))
    assert str(tmp_path) not in told


# Those with a schema


@settings(max_examples=40)
@given(gradeds)
def test_gradescope_accepts_it(graded: Graded) -> None:
    data = gradescope.as_data(graded, HALVES)
    validator("gradescope").validate(json.loads(json.dumps(data)))
    assert abs(data["score"] - sum(test["score"] for test in data["tests"])) <= 0.02
    for test in data["tests"]:
        assert (test["score"] == test["max_score"]) == (test["status"] == "passed")


def test_gradescope_of_a_class(tmp_path: Path) -> None:
    files = written("gradescope", WHOLE, tmp_path, points=HALVES)
    assert set(files) == {"ada/results.json", "=cmd%28%29/results.json", "%2E.%2Fx/results.json"}  # not eve, unjudged
    data = json.loads(files["ada/results.json"])
    assert data["score"] == 7.94  # 3 + 3 + 5/2 · 7/9
    assert [test["number"] for test in data["tests"]] == ["1.1", "1.2", "1.3"]


@settings(max_examples=40)
@given(gradeds)
def test_exercism_accepts_it(graded: Graded) -> None:
    data = json.loads(json.dumps(exercism.as_data(graded.katas["ch02_losses"])))
    validator("exercism").validate(data)
    if data["status"] != "error":
        assert [test["task_id"] for test in data["tests"]] == list(range(1, len(graded.katas["ch02_losses"]) + 1))


def test_exercism_s_statuses_and_limits(tmp_path: Path) -> None:
    long = result(Outcome.BROKEN, "😀" * 70_000)
    results = a_class(
        a=of(SOLVED), b=of(SOLVED, WRONG), c=of(result(Outcome.MISSING), long), d=of(WRONG, long), e=UNJUDGED
    )
    files = {name: json.loads(data) for name, data in written("exercism", results, tmp_path).items()}
    found = [files[f"{student}/ch02-losses/results.json"] for student in "abcde"]
    assert [data["status"] for data in found] == ["pass", "fail", "error", "fail", "fail"]
    assert [test["status"] for test in found[3]["tests"]] == ["fail", "error"]
    assert found[1]["tests"][1]["test_code"] == WRONG.input
    assert found[1]["tests"][1]["output"] == "e = 5151.5"
    for text in (found[2]["message"], found[3]["tests"][1]["message"]):
        assert len(text.encode()) <= 65_535


@settings(max_examples=30)
@given(gradeds)
def test_classroom50_accepts_it(graded: Graded) -> None:
    roster = Roster({"ada": Student("ada", more=ORIGIN)})
    origin = classroom50._origin("ada", roster, {})
    data = {"schema": classroom50.SCHEMA, **origin, **classroom50._scores(graded, HALVES, hide_examples=False)}
    data = json.loads(json.dumps(data))
    validator("classroom50").validate(data)
    assert data["score"] == sum(test["score"] for test in data["tests"]) <= data["max-score"]
    assert all(test["score"] <= test["max-score"] for test in data["tests"])


def test_classroom50_takes_what_it_cannot_know_from_the_roster(tmp_path: Path) -> None:
    results = a_class(ada=of(SOLVED, WRONG), eve=UNJUDGED)
    data = json.loads(written("classroom50", results, tmp_path, ROSTER)["ada/result.json"])
    assert data["datetime"] == "2026-06-01T14:32:05Z"
    assert data["review"] == ORIGIN["commit"]
    assert (data["owner"], data["score"], data["max-score"]) == ("ada-l", 1, 2)


def test_classroom50_takes_it_from_its_runner_for_one_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("CLASSROOM", "ASSIGNMENT", "USERNAME", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")
    for name, value in zip(names, ORIGIN.values(), strict=True):
        monkeypatch.setenv(name, value)
    (data,) = written("classroom50", a_class(ada=of(SOLVED)), tmp_path).values()
    validator("classroom50").validate(json.loads(data))
    with pytest.raises(ValueError, match="classroom50 needs classroom of ada: give the roster a column"):
        written("classroom50", a_class(ada=of(SOLVED), bob=of(SOLVED)), tmp_path)


def test_classroom50_says_what_is_wrong(tmp_path: Path) -> None:
    for change, says in (
        ({"submission": "main"}, "must be a tag submit/"),
        ({"submission": "submit/late"}, "give the roster a column datetime"),
        ({"datetime": "yesterday"}, "give the roster a column datetime"),
        ({"assignment_type": "pair"}, "must be individual, group or team"),
    ):
        roster = Roster({"ada": Student("ada", more={**ORIGIN, **change})})
        with pytest.raises(ValueError, match=says):
            written("classroom50", a_class(ada=of(SOLVED)), tmp_path, roster)
    with pytest.raises(ValueError, match=r"whole points, and huber is worth 2\.5"):
        written("classroom50", a_class(ada=of(SOLVED, SOLVED, WRONG)), tmp_path, ROSTER, HALVES)


@settings(max_examples=30)
@given(results=classes)
def test_junit_accepts_it(results: ClassResults, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = written("junit", results, tmp_path_factory.mktemp("junit"))["junit.xml"]
    JUNIT.validate(ElementTree.fromstring(data))


def test_junit_counts_and_reasons(tmp_path: Path) -> None:
    root = ElementTree.fromstring(written("junit", WHOLE, tmp_path)["junit.xml"])
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["../x", "=cmd()", "ada", "eve"]
    every = suites["=cmd()"]
    counts = [every.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["9", "4", "4", "0"]
    kinds = {case.get("name"): case[0].tag for case in every.iter("testcase") if len(case)}
    assert kinds["kata_wrong"] == "failure"
    assert kinds["kata_timeout"] == "error"
    eve = suites["eve"]
    assert [eve.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["2", "0", "0", "1"]
    assert eve.find("properties/property[@name='points']").get("value") == "1?"  # type: ignore[union-attr]


# Those that are read back as their consumers do


def read_as_canvas(data: bytes) -> dict[tuple[str, ...], dict[str, str]]:
    """As Canvas' importer: the heads of the first columns, then assignments, then the row of points possible."""
    header, possible, *students = rows_of(data)
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert (header[2], header[3]) == ("SIS User ID", "SIS Login ID")
    assert "Section" in header[4]
    assert "Points Possible" in possible[0]
    assert all(Fraction(cell) > 0 for cell in possible[5:])
    assert all(len(row) == len(header) for row in students)
    return {tuple(row[:5]): dict(zip(header[5:], row[5:], strict=True)) for row in students}


def test_canvas_finds_the_students(tmp_path: Path) -> None:
    read = read_as_canvas(written("canvas", WHOLE, tmp_path, ROSTER)["canvas.csv"])
    assert read == {
        ("../x", "", "", "../x", ""): {"Katas": "1"},
        ("'=cmd()", "", "", "'=cmd()", ""): {"Katas": "1"},
        ("Lovelace, Ada", "42", "S1", "=ada", "A; B"): {"Katas": "2"},
        ("eve", "", "", "eve", ""): {"Katas": ""},
    }


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ("total", {"HW (12)": ""}),
        ("chapters", {"HW (12): ch02_losses": ""}),
        ("katas", {"HW (12): mean_squared_error": "3", "HW (12): mean_absolute_error": ""}),
    ],
)
def test_canvas_columns(tmp_path: Path, columns: str, wanted: dict[str, str]) -> None:
    points = Points(each={}, default=Fraction(3), columns=Columns(columns), assignment="HW (12)")
    (row,) = read_as_canvas(written("canvas", a_class(eve=UNJUDGED), tmp_path, points=points)["canvas.csv"]).values()
    assert row == wanted


def test_moodle_reads_numbers_or_no_grade(tmp_path: Path) -> None:
    header, *rows = rows_of(written("moodle", WHOLE, tmp_path, ROSTER)["moodle.csv"])
    assert header == ["ID number", "Username", "Email address", "Full name", "Katas"]
    assert rows == [
        ["../x", "", "", "../x", "1"],
        ["'=cmd()", "", "", "'=cmd()", "1"],
        ["-17", "", "ada@example.org", "Lovelace, Ada", "2"],
        ["eve", "", "", "eve", "-"],
    ]


def test_an_export_of_who_is_not_judged_any_more_is_removed(tmp_path: Path) -> None:
    written("gradescope", a_class(ada=of(SOLVED), eve=of(SOLVED)), tmp_path)
    written("gradescope", a_class(ada=of(SOLVED), eve=UNJUDGED), tmp_path)
    assert sorted(os.listdir(tmp_path / "gradescope")) == [".written", "ada"]
