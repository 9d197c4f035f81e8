"""A roster is read as spreadsheets write it; what is wrong with it is said with its line, and the class is compared."""

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kata.grade.roster import Roster, Student, complete, differences, read_roster
from kata.grade.submission import Submission

ADA = Student(id="ada", name="Lovelace, Ada", email="ada@example.org", more={"canvas_id": "17"})


def read(tmp_path: Path, text: str | bytes) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


@pytest.mark.parametrize(
    "text",
    [
        'id,name,email,canvas_id\nada,"Lovelace, Ada",ada@example.org,17\n',
        '\ufeffID;Name;E-Mail;Canvas ID\r\nada;"Lovelace, Ada";ada@example.org;17\r\n\r\n',
        "canvas-id\tE-mail address\tNAME\tId\n17\tada@example.org\tLovelace, Ada\tada",
        'sep=;\nid;name;e_mail;canvas_id\nada; "Lovelace, Ada";ada@example.org;17\n'.replace('; "', ';"'),
        '\n,,,\nid,name,Mail,CANVAS_ID\n , , , \n ada ,"Lovelace, Ada", ada@example.org ,17\n',
    ],
)
def test_it_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Roster(students={"ada": ADA}, columns=("canvas_id",))


def test_an_id_is_all_that_it_needs(tmp_path: Path) -> None:
    found = read(tmp_path, "id\nJose\u0301\nbob\n")
    assert list(found.students.values()) == [Student(id="Jos\u00e9"), Student(id="bob")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("id,name\n", "names no student"),
        ("name,email\nAda,a@b\n", "has no column id, but name, email"),
        ("id,mail,e-mail\nada,a,b\n", "two columns e-mail"),
        ("id,,\nada,,\n", "two columns without a name"),
        ("id,name\nada,Ada\n ,Bob\n", "line 3: the id is empty"),
        ("id\nada\n\nbob\nADA\n", "line 5: the id ADA is in line 2 already"),
        ('id,name\nada,"A\nda"\nbob\n', "line 4: 1 values for 2 columns"),
        ("id,name\nada,Lovelace, Ada\n", "line 2: 3 values for 2 columns"),
        ('id,name\nada,"Ada" Lovelace\n', "line 2: "),
        ('id,name\nbob,Bob\nada,"Ada\n', "line 3: "),
        (b"id,name\nada,Ada\nbob,J\xe9\n", "line 3: this is not UTF-8"),
        ("id\nada\n".encode("utf-16"), "line 1: this is not UTF-8"),
        (b"id\nada\0\n", "line 2: a NUL byte"),
        ("id,name\nada," + "x" * 140_000 + "\n", "line 2: "),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match="roster") as raised:
        read(tmp_path, text)
    assert said in str(raised.value)


def test_a_roster_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv"):
        with pytest.raises(ValueError, match="cannot be read"):
            read_roster(path)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.dictionaries(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), WORDS, min_size=1),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_a_csv_writer_wrote_comes_back(
    tmp_path: Path, names: dict[str, str], delimiter: str, quoting: int
) -> None:
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["id", "name"], *names.items()])
    found = read(tmp_path, held.getvalue())
    assert {one.id: one.name for one in found.students.values()} == {
        student: unicodedata.normalize("NFC", name) for student, name in names.items()
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=80) | st.text('id,;"\n\r\tname', max_size=60).map(str.encode))
def test_whatever_the_file_holds_it_is_a_roster_or_a_sentence(tmp_path: Path, data: bytes) -> None:
    said, students = "", {}
    try:
        students = read(tmp_path, data).students
    except ValueError as error:
        said = str(error)
    assert "roster.csv" in said if said else students
    assert all(students)


def test_unknown_and_missing_are_said() -> None:
    roster = Roster(students={"bob": Student(id="bob"), "ada": ADA, "Cleo": Student(id="Cleo")})
    assert differences(roster, ["cleo", "ada", "zoe"]) == (
        "cleo is not in the roster; it is graded all the same; "
        "Cleo of the roster handed in nothing: is it the same student?",
        "zoe is not in the roster; it is graded all the same",
        "Cleo handed in nothing",
        "bob handed in nothing",
    )
    assert differences(roster, ["Cleo", "bob"]) == ("ada (Lovelace, Ada) handed in nothing",)
    assert differences(roster, ["Cleo", "ada", "bob"]) == ()


def test_who_handed_in_nothing_is_there_with_nothing() -> None:
    roster = Roster(students={"bob": Student(id="bob"), "ada": ADA})
    zoe = Submission(student="zoe", files={"ch02_losses.py": b""})
    refused = Submission(student="bob", refused="bob.zip: it is encrypted")
    ada, *others = complete(roster, [zoe, refused])
    assert others == [refused, zoe]
    assert (ada.student, ada.files, ada.refused) == ("ada", {}, "")
    assert ada.notes == ("nothing was handed in",)
