"""Who is in the class: an optional CSV with a row a student, compared with what was handed in.

The first row names the columns, in any order and case: `id` must be there, `name` and `email` may be, and any more that
an export needs (`canvas_id`, `sis_user_id` …). Comma, semicolon or tab, UTF-8, as spreadsheets write it.

What grading does with the differences: a student of the roster without a submission is listed, with the outcome
`missing` everywhere; a submission whose id is not in the roster is graded like any other, and the difference is said.
"""

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import msgspec

from kata.grade.submission import Submission

_EMAIL = frozenset({"email", "e_mail", "mail", "email_address", "e_mail_address", "mail_address"})
_LARGEST = 16 * 2**20


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the roster."""

    id: str
    name: str = ""
    email: str = ""
    more: dict[str, str] = {}
    """Further columns by their names, in lower case with underscores (`canvas_id`)."""


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The class, by the students' ids in the order of the file."""

    students: dict[str, Student]
    columns: tuple[str, ...] = ()
    """The further columns that it has."""


def read_roster(path: Path) -> Roster:
    """The roster in the file at `path`.

    Raises:
        ValueError: it cannot be read, is no such CSV, or an id is empty or doubled; the text names the line.
    """
    rows = _rows(path, _text(path))
    if not rows:
        raise ValueError(f"{path} is empty; its first row names the columns: id,name,email")
    _, header = rows[0]
    columns = [_column(title) for title in header]
    _check_columns(path, header, columns)
    students: dict[str, Student] = {}
    lines: dict[str, int] = {}
    for line, row in rows[1:]:
        if len(row) != len(columns):
            raise ValueError(
                f"{path}, line {line}: {len(row)} values for {len(columns)} columns; "
                "is a comma inside a value, or a quotation mark, not quoted?"
            )
        student = _student(dict(zip(columns, row)))
        if not student.id:
            raise ValueError(f"{path}, line {line}: the id is empty; give the student one, or delete the row")
        same = student.id.casefold()  # as for submissions: reports are files named after the ids
        if same in lines:
            raise ValueError(f"{path}, line {line}: the id {student.id} is in line {lines[same]} already; delete one")
        lines[same] = line
        students[student.id] = student
    if not students:
        raise ValueError(f"{path} names no student; below the row of columns comes a row for each")
    return Roster(students=students, columns=tuple(c for c in columns if c not in ("id", "name", "email")))


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"the roster {path} cannot be read: {error.strerror}; name a CSV file") from None
    if len(data) > _LARGEST:
        raise ValueError(f"the roster {path} is larger than 16 MiB; name a CSV file with a row for each student")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: this is not UTF-8; save it as “CSV UTF-8”") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {line}: a NUL byte; is it a CSV? save it as “CSV UTF-8”")
    return text


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of the line that it begins on."""
    if separator := re.match(r"sep=(.)\r?\n", text):  # what Excel is told its delimiter with
        text = "\n" + text[separator.end() :]
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = separator[1] if separator else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for row in reader:
            if any(value.strip() for value in row):
                found.append((begins, [unicodedata.normalize("NFC", value).strip() for value in row]))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {begins}: {error}; a value with a quotation mark must be quoted whole"
        ) from None
    return found


def _column(title: str) -> str:
    """The column's name: `canvas_id` for "Canvas ID"; whatever an e-mail is called, `email`."""
    name = re.sub(r"\W+", "_", title.casefold()).strip("_")
    return "email" if name in _EMAIL else name


def _check_columns(path: Path, header: list[str], columns: list[str]) -> None:
    if "id" not in columns:
        raise ValueError(f"{path} has no column id, but {', '.join(header)}; the first row names them: id,name,email")
    doubled = [title for i, title in enumerate(header) if columns[i] in columns[:i]]
    if doubled:
        raise ValueError(f"{path} has two columns {doubled[0] or 'without a name'}; rename or delete one")


def _student(row: dict[str, str]) -> Student:
    more = {name: value for name, value in row.items() if name not in ("id", "name", "email")}
    return Student(id=row["id"], name=row.get("name", ""), email=row.get("email", ""), more=more)


# The roster and what was handed in


def differences(roster: Roster, handed_in: Iterable[str]) -> tuple[str, ...]:
    """What does not fit between the roster and the ids that were `handed_in`, a sentence each, by id."""
    ids = set(handed_in)
    missing = [student for student in roster.students if student not in ids]
    found = []
    for student in sorted(ids - roster.students.keys()):
        near = _near(student, missing)
        hint = f"; {near} of the roster handed in nothing: is it the same student?" if near else ""
        found.append(f"{student} is not in the roster; it is graded all the same{hint}")
    for student in sorted(missing):
        name = roster.students[student].name
        found.append(f"{student}{f' ({name})' if name else ''} handed in nothing")
    return tuple(found)


def _near(student: str, missing: list[str]) -> str:
    folded = {other.casefold(): other for other in missing}
    near = difflib.get_close_matches(student.casefold(), list(folded), n=1, cutoff=0.8)
    return folded[near[0]] if near else ""


def complete(roster: Roster, submissions: Iterable[Submission]) -> list[Submission]:
    """The submissions, with an empty one for each student of the roster who handed in nothing, by id."""
    found = {one.student: one for one in submissions}
    for student in roster.students:
        found.setdefault(student, Submission(student=student, notes=("nothing was handed in",)))
    return [found[student] for student in sorted(found)]
