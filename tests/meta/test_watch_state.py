"""What a watch knows, told event by event, and how it looks on a screen of 80×24; no process, no TensorFlow."""

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from kata.course import curriculum, stubs
from kata.course.progress import Judged, Standing
from kata.judge.team import Done, Failing
from kata.learn.changes import Chapters
from kata.learn.screen import Screen, keys
from kata.learn.state import Page, State
from kata.waist.implementation import Implementation
from kata.waist.verdict import KataVerdict, Message, Outcome, Row

CHAPTER = "ch07_accumulation"
KATAS = curriculum.find(CHAPTER)
FIRST, SECOND, THIRD, *_ = KATAS


def message_about(name: str, law: str = "A law") -> Message:
    """What a learner is told of a law of the kata `name`."""
    rows = {
        "law": f"{law}, in words.",
        "input": f"{name}(0.1)",
        "expected": "0.15",
        "yours": "0.1",
        "where": "exercises/ch07_accumulation.py:16",
        "next": f"uv run kata hint {name}",
    }
    return Message(f"{name}: is proportional", tuple(Row(label, text) for label, text in rows.items()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / f"{CHAPTER}.py").write_text(stubs.pristine(CHAPTER), "utf-8")
    return tmp_path


def write(folder: Path, kata: curriculum.Kata, body: str) -> None:
    path = folder / f"{CHAPTER}.py"
    text = path.read_text("utf-8")
    at = text.index("raise NotImplementedError", text.index(f"def {kata.name}("))
    path.write_text(text[:at] + body + text[at + len("raise NotImplementedError") :], "utf-8")


class Session:
    """A state, and the files it is about."""

    def __init__(self, folder: Path, kept: dict[str, Judged] | None = None) -> None:
        implementation = Implementation(str(folder))
        self.chapters = Chapters(implementation, KATAS)
        self.state = State(implementation, KATAS, KATAS[0])
        self.state.begin(self.stubs(), kept or {}, self.chapters.errors())

    def stubs(self) -> set[str]:
        return {kata.name for kata in KATAS if self.chapters.is_stub(kata)}

    def saved(self) -> bool:
        return self.state.saved([self.chapters.look(CHAPTER)], self.stubs())

    def shown(self, width: int = 80, height: int = 24) -> list[str]:
        console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, highlight=False)
        Screen(console, keyboard=True).draw(self.state)
        assert isinstance(console.file, io.StringIO)
        lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).split("\n")
        assert len(lines) <= height
        assert all(cell_len(line) <= width for line in lines)
        return lines


def done(kata: curriculum.Kata, outcome: Outcome, diagnosis: str = "", law: str = "") -> Done:
    message = None if outcome is Outcome.SOLVED else message_about(kata.name, law or "A law")
    verdict = KataVerdict(outcome=outcome, passed=1, total=4, cause="", diagnosis=diagnosis)
    return Done(kata.name, verdict, message, 2 if diagnosis else None, "uv run kata hint it --number 2")


def test_the_first_screen_tells_the_true_progress_and_opens_on_the_first_unsolved(folder: Path) -> None:
    write(folder, FIRST, "return 1.0")
    write(folder, THIRD, "return 1.0")
    kept = {FIRST.name: Judged(Outcome.SOLVED, 4, 4, "")}
    session = Session(folder, kept)
    assert session.state.focus == SECOND
    assert "1/5 solved" in session.shown()[0]
    assert session.state.waiting == [THIRD, FIRST]  # what was solved is judged again last
    assert session.state.verdicts[SECOND.name].outcome is Outcome.TODO


def test_what_was_solved_and_is_no_more_is_said(folder: Path) -> None:
    write(folder, FIRST, "return 1.0")
    session = Session(folder, {FIRST.name: Judged(Outcome.SOLVED, 4, 4, "")})
    session.state.failing(Failing(FIRST.name, Outcome.WRONG, message_about(FIRST.name)))
    assert "0/5 solved" in session.shown()[0]
    assert f"✗ {FIRST.name} fails now" in session.shown()[0]


def test_a_kata_solved_out_of_focus_is_noted(folder: Path) -> None:
    write(folder, THIRD, "return 1.0")
    session = Session(folder)
    session.state.done(done(THIRD, Outcome.SOLVED))
    assert session.state.is_solved(THIRD)
    assert session.state.focus == FIRST
    assert f"✓ {THIRD.name} is solved" in session.shown()[0]


def test_the_mistake_is_added_to_what_is_being_read(folder: Path) -> None:
    write(folder, FIRST, "return 1.0")
    session = Session(folder)
    session.state.failing(Failing(FIRST.name, Outcome.WRONG, message_about(FIRST.name)))
    before = session.shown()
    assert any("looking for its name" in line for line in before)
    # The verdict's own message is about an earlier law; the reader goes on with the one that was told first.
    session.state.done(done(FIRST, Outcome.WRONG, "You drop the fraction.", law="Another law"))
    after = session.shown()
    place = next(i for i, line in enumerate(before) if "looking for its name" in line)
    assert after[2:place] == before[2:place]
    assert "mistake   You drop the fraction." in after[place]
    assert any("--number 2" in line for line in after)


def test_a_page_stays_while_verdicts_come(folder: Path) -> None:
    write(folder, FIRST, "return 1.0")
    session = Session(folder)
    session.state.open(Page.LESSON)
    before = session.shown()[2:]
    session.state.done(done(FIRST, Outcome.SOLVED))
    assert session.shown()[2:] == before
    assert "1/5 solved" in session.shown()[0]
    session.state.back()
    assert "Every law holds." in session.shown()[2]
    session.state.next()
    assert session.state.focus == SECOND
    session.state.back()
    assert session.state.focus == FIRST


def test_a_typo_keeps_the_focus_and_says_that_the_chapter_does_not_load(folder: Path) -> None:
    write(folder, SECOND, "return 1")
    session = Session(folder)
    session.state.next()
    assert session.state.focus == SECOND
    path = folder / f"{CHAPTER}.py"
    good = path.read_text("utf-8")
    path.write_text(good.replace("import ", "imprt ", 1), "utf-8")
    assert session.saved()
    assert session.state.focus == SECOND
    assert session.state.waiting == []
    assert any(f"{CHAPTER}.py does not load: line" in line for line in session.shown())
    path.write_text(good, "utf-8")
    assert session.saved()
    assert session.state.focus == SECOND
    assert session.state.waiting == [SECOND]
    assert not any("does not load" in line for line in session.shown())


def test_a_changed_helper_keeps_the_focus_and_asks_for_all_that_is_written(folder: Path) -> None:
    for kata in (FIRST, SECOND):
        write(folder, kata, "return 1")
    session = Session(folder)
    session.state.next()
    path = folder / f"{CHAPTER}.py"
    path.write_text(path.read_text("utf-8") + "\n\nLIMIT = 3\n", "utf-8")
    assert session.saved()
    assert session.state.focus == SECOND
    assert session.state.waiting == [SECOND, FIRST]
    assert not session.saved()  # nothing new


def test_a_save_moves_to_what_was_written_and_its_verdict_is_void(folder: Path) -> None:
    session = Session(folder)
    write(folder, THIRD, "return 1.0")
    session.saved()
    assert session.state.focus == THIRD
    assert session.state.waiting == [THIRD]
    session.state.failing(Failing(THIRD.name, Outcome.WRONG, message_about(THIRD.name)))
    write(folder, FIRST, "return 1.0")
    session.saved()
    assert session.state.focus == FIRST
    assert session.state.waiting == [FIRST, THIRD]
    assert THIRD.name not in session.state.verdicts  # its judge was stopped before it was done


def test_the_list_is_around_the_focus_and_fits(folder: Path) -> None:
    for chapter in curriculum.chapters():
        (folder / f"{chapter.name}.py").write_text(stubs.pristine(chapter.name), "utf-8")
    everything = list(curriculum.katas())
    implementation = Implementation(str(folder))
    session = Session(folder)
    session.state = State(implementation, everything, everything[0])
    session.state.focus = everything[40]
    session.state.open(Page.LIST)
    lines = session.shown()
    assert any(line.startswith("▸") and everything[40].name in line for line in lines)
    assert any("space on" in line for line in lines)
    assert session.state.standing(everything[40]) is Standing.BEGUN


def test_only_keys_that_apply_are_shown(folder: Path) -> None:
    session = Session(folder)
    assert {"d", "r", "c", "b"}.isdisjoint(key for key, _ in keys(session.state))
    write(folder, FIRST, "return 1.0")
    session.saved()
    assert {"r", "c"} <= {key for key, _ in keys(session.state)}
    session.state.done(done(FIRST, Outcome.SOLVED))
    assert {"d", "b"} <= {key for key, _ in keys(session.state)}
    session.state.open(Page.LESSON)
    assert {"r", "c", "d"}.isdisjoint(key for key, _ in keys(session.state))


def test_a_long_page_is_turned(folder: Path) -> None:
    session = Session(folder)
    session.state.focus = KATAS[3]
    session.state.open(Page.LESSON)
    console = Console(file=io.StringIO(), width=60, height=10, force_terminal=True, highlight=False)
    screen = Screen(console, keyboard=True)
    screen.draw(session.state)
    screen.scrolled(session.state, 1)
    assert session.state.top
    screen.draw(session.state)
    screen.scrolled(session.state, -5)
    assert session.state.top == 0
