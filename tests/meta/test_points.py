"""Points: what the table may say, exact sums, and no zero for what could not be judged."""

import csv
import io
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.course import curriculum
from kata.grade.points import Columns, Partial, Points, read_points, shown
from kata.grade.results import ClassResults
from kata.grade.tables import grades_csv, guarded
from kata.waist.verdict import Outcome
from tests.meta.graded_class import SOLVED, UNJUDGED, WRONG, a_class, classes, of, result

LOSSES = [kata.name for kata in curriculum.find("ch02")]


def scheme(tmp_path: Path, text: str) -> Points:
    path = tmp_path / "points.toml"
    path.write_text(text, "utf-8")
    return read_points(path)


PLAIN = Points(each={})


def test_the_clone_s_own_file_can_be_read() -> None:
    assert read_points().worth("huber") == 1


def test_a_kata_beats_its_chapter_whatever_the_order(tmp_path: Path) -> None:
    for lines in ("huber = 2\nch2 = 3", "ch2 = 3\nhuber = 2"):
        points = scheme(tmp_path, f"[tool.kata.grade]\ndefault = 0.1\n[tool.kata.grade.points]\n{lines}\n")
        assert (points.worth("huber"), points.worth("mean_squared_error")) == (2, 3)
        assert points.worth("adam_step") == Fraction(1, 10)


def test_a_weight_is_what_a_chapter_is_worth_together(tmp_path: Path) -> None:
    points = scheme(tmp_path, "[tool.kata.grade]\npoints = {huber = 2}\nweights = {ch02_losses = 40}\n")
    assert sum(points.worth(name) for name in LOSSES) == 40
    assert points.worth("huber") == 2 * points.worth("mean_squared_error")
    assert points.worth("adam_step") == 1


def test_what_is_earned() -> None:
    partial = Points(each={"huber": Fraction(3)}, partial=Partial.LAWS)
    assert [PLAIN.earned("huber", one) for one in (SOLVED, WRONG)] == [1, 0]
    assert [partial.earned("huber", one) for one in (SOLVED, WRONG)] == [3, Fraction(7, 3)]
    for outcome in (Outcome.TODO, Outcome.MISSING, Outcome.READY_MADE):
        assert partial.earned("huber", result(outcome)) == 0
    for outcome in (Outcome.BROKEN, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.CRASHED):
        assert partial.earned("huber", result(outcome)) == 1
    assert partial.earned("huber", result(Outcome.INFRASTRUCTURE)) is None
    score = partial.total(of(SOLVED, result(Outcome.INFRASTRUCTURE), WRONG))
    assert score == (1 + Fraction(7, 3), 5, ("mean_absolute_error",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("points = {hubber = 2}", r"points: there is no kata or chapter 'hubber'; did you mean huber"),
        ("weights = {ch22 = 2}", "weights: there is no kata or chapter"),
        ("weights = {huber = 2}", "a weight is a chapter's, such as ch02_losses"),
        ("weights = {ch02 = 2, ch02_losses = 3}", "are the same chapter"),
        ("points = {ch02 = 0}\nweights = {ch02 = 5}", "none of its katas has any points"),
        ("partiel = 'laws'", r"knows no 'partiel'; did you mean 'partial'\?"),
        ("partial = 'law'", r"partial must be none or laws; did you mean 'laws'\? Received: 'law'"),
        ("columns = 3", "columns must be total or chapters or katas"),
        ("points = {huber = -1}", "points.huber must be a number of points, 0 or more. Received: -1"),
        ("points = {huber = true}", "points.huber must be a number"),
        ("points = {huber = nan}", "points.huber must be a number"),
        ("points = {huber = inf}", "points.huber must be a number"),
        ("points = {huber = '2'}", "points.huber must be a number"),
        ("points = 2", "points must be a table"),
        ("assignment = ' '", "assignment must be a text"),
        ("points = {", "is no TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        scheme(tmp_path, f"[tool.kata.grade]\n{text}\n")
    assert str(tmp_path / "points.toml") in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give another file of points"):
        read_points(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("points", "text"),
    [("0", "0"), ("10", "10"), ("1/2", "0.5"), ("2/3", "0.67"), ("1/200", "0.01"), ("1/201", "0"), ("7.005", "7.01")],
)
def test_points_are_shown_with_two_decimals_halves_up(points: str, text: str) -> None:
    assert shown(Fraction(points)) == text


@given(st.fractions(0, 1000))
def test_what_is_shown_is_within_half_a_hundredth(points: Fraction) -> None:
    assert abs(Fraction(shown(points)) - points) <= Fraction(1, 200)


# grades.csv


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


def test_the_table() -> None:
    results = a_class(ada=of(SOLVED, WRONG), eve=UNJUDGED)
    assert grades_csv(results, Points(each={}, partial=Partial.LAWS)) == (
        b"id,points,solved,mean_squared_error,mean_absolute_error\r\nada,1.78,1,1,0.78\r\neve,1?,1,1,\r\n"
    )


@given(classes)
def test_every_id_comes_back_and_no_cell_is_a_formula(results: ClassResults) -> None:
    header, *rows = rows_of(grades_csv(results, PLAIN))
    assert [row[0].removeprefix("'") for row in rows] == list(results.submissions)
    assert all(len(row) == len(header) for row in rows)
    assert not any(cell.lstrip(" ").startswith(tuple("=+-@\t\r\n")) for row in rows for cell in row)
    for row, graded in zip(rows, results.submissions.values(), strict=True):
        empty = {name for name, cell in zip(header[3:], row[3:], strict=True) if cell == ""}
        unjudged = {name for name, one in graded.katas["ch02_losses"].items() if one.outcome == "infrastructure"}
        assert empty == unjudged | (set(header[3:]) - set(graded.katas["ch02_losses"]))
        assert row[1].endswith("?") == bool(unjudged)


@given(st.text(), st.text())
def test_no_two_ids_are_guarded_alike(one: str, other: str) -> None:
    assert (guarded(one) == guarded(other)) == (one == other)


def test_columns_are_a_choice(tmp_path: Path) -> None:
    assert scheme(tmp_path, "[tool.kata.grade]\ncolumns = 'katas'\n").columns is Columns.KATAS
