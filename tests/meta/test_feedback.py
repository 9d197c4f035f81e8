"""Feedback: one student's, whole, in a file of a safe name; and nothing of the examples where they are hidden."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kata.course import curriculum
from kata.grade.feedback import code, feedback, fenced, write_feedback
from kata.grade.folder import write_folder
from kata.grade.names import file_names
from kata.grade.points import Points
from kata.grade.telling import MEANING, cause_of, message_of
from kata.learn.render import as_text
from kata.waist.implementation import ROOT
from kata.waist.verdict import Outcome
from tests.meta.graded_class import (
    EVERY_OUTCOME,
    EXAMPLE,
    MESSAGE,
    SOLVED,
    UNJUDGED,
    WHOLE,
    WRONG,
    a_class,
    gradeds,
    of,
    result,
    texts,
)

POINTS = Points(each={})
MARKDOWN = MarkdownIt()


def test_all_of_it() -> None:
    text = feedback("ada", of(SOLVED, SOLVED, WRONG, result(Outcome.TODO), notes=("left out: notes.txt",)), POINTS)
    hint = next(kata for kata in curriculum.katas() if kata.name == "huber").hints[1]
    assert text.startswith("# Feedback for `ada`\n\n2 of 4 katas solved, 2 of 4 points.\n")
    assert r"- left out: notes.txt" in text
    assert "## `huber`: wrong\n\nIt answers, but not always with what it must. 7 of its 9 laws hold." in text
    for line in as_text(MESSAGE.with_mistake(WRONG.diagnosis or "")).splitlines():
        assert line in text
    assert f"**Hint 2.** {hint}" in text
    assert "## Not written yet\n\nIt is still the stub.\n\n- `ch02_losses`: `binary_crossentropy`" in text
    assert "## Solved\n\nEvery law holds.\n\n- `ch02_losses`: `mean_squared_error`, `mean_absolute_error`" in text


def test_every_outcome_is_explained() -> None:
    text = feedback("ada", EVERY_OUTCOME, POINTS)
    for outcome, meaning in MEANING.items():
        assert (meaning in text) == (outcome is not Outcome.INFRASTRUCTURE)
    assert set(MEANING) == set(Outcome)


def test_what_was_not_judged_is_no_zero() -> None:
    text = feedback("eve", UNJUDGED, POINTS)
    assert "1 of 2 points. 1 kata is not judged yet; this is no total." in text
    assert MEANING[Outcome.INFRASTRUCTURE] in text


@given(texts, texts)
def test_a_message_cannot_break_out(message: str, before: str) -> None:
    text = message + "\n```\n# Solved\n<script>" + before
    (token,) = MARKDOWN.parse(fenced(text))
    assert (token.type, token.info) == ("fence", "text")


@given(texts.filter(str.split))
def test_an_id_cannot_break_out(student: str) -> None:
    _, inline, _ = MARKDOWN.parse(f"# {code(student)}")
    assert [child.type for child in inline.children or ()] == ["code_inline"]


@settings(max_examples=50)
@given(gradeds, texts)
def test_no_page_holds_html_or_a_heading_of_the_submission_s(graded, note) -> None:  # type: ignore[no-untyped-def]
    tokens = MARKDOWN.parse(feedback("ada", of(*graded.katas["ch02_losses"].values(), notes=(note,)), POINTS))
    allowed = r"Feedback for `ada`|`\w+`: [a-z ]+|Not written yet|Not handed in|Solved"
    for i, token in enumerate(tokens):
        assert token.type != "html_block"
        if token.type == "heading_open":
            assert re.fullmatch(allowed, tokens[i + 1].content)
        if token.type == "inline" and "**Hint" not in token.content:
            assert not {child.type for child in token.children or ()} & {"html_inline", "link_open", "image"}


def test_files_hold_one_student_s_data_each(tmp_path: Path) -> None:
    results = a_class(**{name: of(result(Outcome.WRONG, f"secret of {name}")) for name in ("ada", "bob", "../x")})
    files = write_feedback(results, POINTS, tmp_path / "feedback")
    assert {path.parent for path in files.values()} == {tmp_path / "feedback"}
    for student, path in files.items():
        text = path.read_text("utf-8")
        for other in results.submissions:
            assert (f"secret of {other}" in text) == (other == student)
            assert (f"`{other}`" in text) == (other == student)


def test_the_same_bytes_and_no_file_of_who_left(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("the instructor's")
    write_feedback(WHOLE, POINTS, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_feedback(WHOLE, POINTS, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_feedback(a_class(ada=WHOLE.submissions["ada"]), POINTS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".written", "ada.md", "mine.md"}


def test_a_list_of_what_was_written_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "kept").write_text("")
    (tmp_path / "out" / ".written").write_text(f"../kept\n{tmp_path / 'kept'}\n")
    write_folder(tmp_path / "out", {"a/b": b""})
    write_folder(tmp_path / "out", {})
    assert (tmp_path / "kept").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".written"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "feedback").write_text("")
    with pytest.raises(ValueError, match="make room there and make it writable"):
        write_feedback(WHOLE, POINTS, tmp_path / "feedback")


# Without examples


def test_hidden_examples_leave_nothing_to_tell_them_from() -> None:
    shown = feedback("ada", of(WRONG), POINTS)
    hidden = feedback("ada", of(WRONG), POINTS, hide_examples=True)
    for value in EXAMPLE:
        assert value in shown
        assert value not in hidden
    for value in (
        "The value is wrong.",
        "½e² where",
        "the loss must grow linearly",
        "**Hint 2.**",
        "ch02_losses.py:78",
    ):
        assert value in hidden


@pytest.mark.parametrize(
    ("outcome", "cause", "hidden"),
    [
        ("wrong", "3 of 4 values are wrong, the first at [0, 1].", "What came back is not what the law asks for."),
        ("wrong", "2nd result, m: A tensor must come back.", "A tensor must come back."),
        ("wrong", "The value is wrong.: expected 0.625, yours 1.25", "The value is wrong."),
        ("wrong", "For multiclass the guide names another loss.", "What came back is not what the law asks for."),
        ("wrong", "mse returns None: is a `return` missing?", "mse returns None: is a `return` missing?"),
        ("wrong", "raised when called with 3: 'mode'", "What came back is not what the law asks for."),
        ("broken", "raises ValueError: delta is -0.25", "raises ValueError"),
        ("broken", "raises InvalidArgumentError: [0.5] != [1]", "raises InvalidArgumentError"),
        ("broken", "raises E_0_625: x", "raises an exception"),
        ("broken", "the chapter does not load: SyntaxError: line 3", "the chapter does not load: SyntaxError: line 3"),
        ("timeout", "did not come back within 8 seconds: a loop?", "did not come back within 8 seconds: a loop?"),
        ("crashed", "its process died of SIGSEGV", "its process died of SIGSEGV"),
        ("crashed", "its process sent what is no reply: 0.625", "its process ended before it had answered"),
        (
            "ready_made",
            "uses the ready-made tf.keras.losses.Huber (line 3)",
            "uses the ready-made tf.keras.losses.Huber",
        ),
        ("ready_made", "0.625", "uses something ready-made"),
    ],
)
def test_causes_without_examples(outcome: str, cause: str, hidden: str) -> None:
    assert cause_of(result(Outcome(outcome), cause), hide_examples=True) == hidden
    assert message_of(result(Outcome(outcome), cause), hide_examples=True) == hidden


def test_the_kinds_of_problem_are_said_as_the_golden_messages_have_them() -> None:
    golden = (ROOT / "tests" / "meta" / "golden" / "messages.txt").read_text("utf-8")
    problems = re.findall(r"^  problem   (.+\.)$", golden, re.MULTILINE)
    kept = [p for p in problems if cause_of(result(Outcome.WRONG, p), hide_examples=True) in p]
    assert len(kept) >= 10
    assert {p for p in problems if p not in kept} <= {"The counts (tp, fp, fn, tn) are wrong."}


@settings(max_examples=40)
@given(gradeds, st.integers(10**8, 10**9))
def test_no_number_of_an_example_is_left(graded, number) -> None:  # type: ignore[no-untyped-def]
    for one in graded.katas["ch02_losses"].values():
        if one.outcome in (Outcome.WRONG, Outcome.BROKEN, Outcome.CRASHED, Outcome.READY_MADE):
            quoting = result(one.outcome, f"{one.cause} raises {number}: {number}", input=str(number))
            assert str(number) not in feedback("ada", of(quoting), POINTS, hide_examples=True)


# Names of files


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=8) | st.sampled_from(["Ada", "ada", "ADA", "x" * 300, "X" * 300]), unique=True))
def test_no_two_ids_share_a_file(students: list[str]) -> None:
    names = file_names(students)
    assert set(names) == set(students)
    assert len({name.casefold() for name in names.values()}) == len(students)
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z0-9_@+=%][A-Za-z0-9_.@+=%~-]*", name)
        assert len(name) < 200
        assert not name.endswith(".")
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


@pytest.mark.parametrize(
    ("student", "name"),
    [
        ("ada", "ada"),
        ("ada@uni.edu", "ada@uni.edu"),
        ("../x", "%2E.%2Fx"),
        ("CON", "%43ON"),
        ("nul.txt", "%6Eul.txt"),
        (".hidden", "%2Ehidden"),
        ("-rf", "%2Drf"),
        ("Çelik", "%C3%87elik"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("end.", "end%2E"),
    ],
)
def test_names_stay_readable(student: str, name: str) -> None:
    assert file_names([student]) == {student: name}
