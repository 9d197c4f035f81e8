"""What is remembered: a verdict counts for the very text that it was given on, and for no other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kata.course import curriculum, progress, stubs
from kata.course.fingerprint import fingerprints
from kata.course.progress import Standing
from kata.waist.implementation import ROOT, Implementation
from kata.waist.verdict import KataVerdict, Outcome

CHAPTER = "ch07_accumulation"
TEXT = '''"""A chapter."""
import math

LIMIT = 3


def _helper(x):
    return _deeper(x)


def _deeper(x):
    return x + LIMIT


def first(x):
    return _helper(x)


def second(x):
    return x


def third(x):
    return globals()["sec" + "ond"](x)
'''


def of(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "ch02_losses.py"
    path.write_text(text, "utf-8")
    return fingerprints(path, ["first", "second", "third"])


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("return x\n", "return x  # a comment\n\n", set()),
        ("return x\n", "return 2 * x\n", {"second", "third"}),
        ("return x + LIMIT", "return x - LIMIT", {"first", "third"}),
        ("LIMIT = 3", "LIMIT = 4", {"first", "second", "third"}),
        ("import math", "import cmath", {"first", "second", "third"}),
    ],
)
def test_a_fingerprint_changes_with_what_the_kata_uses(tmp_path: Path, old: str, new: str, changed: set[str]) -> None:
    before, after = of(tmp_path, TEXT), of(tmp_path, TEXT.replace(old, new, 1))
    assert {name for name in before if before[name] != after[name]} == changed


def test_what_cannot_be_parsed_has_none(tmp_path: Path) -> None:
    assert of(tmp_path, "def (") == {}
    assert set(of(tmp_path, "def second(x): return x")) == {"second"}


@pytest.fixture
def exercises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder, of which the state is kept."""
    folder = tmp_path / "exercises"
    folder.mkdir()
    (folder / f"{CHAPTER}.py").write_text(stubs.pristine(CHAPTER), "utf-8")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.setattr(progress, "ROOT", tmp_path)
    monkeypatch.setattr(progress, "PATH", tmp_path / ".kata" / "state.json")
    return folder


def written(folder: Path, name: str, body: str) -> None:
    path = folder / f"{CHAPTER}.py"
    text = path.read_text("utf-8")
    at = text.index("raise NotImplementedError", text.index(f"def {name}("))
    path.write_text(text[:at] + body + text[at + len("raise NotImplementedError") :], "utf-8")


def verdict(outcome: Outcome) -> KataVerdict:
    return KataVerdict(outcome=outcome, passed=3, total=7, cause="")


def test_a_kata_found_wrong_or_changed_loses_its_mark(exercises: Path) -> None:
    (kata,) = curriculum.find("linear_scaling_rule")
    mine = Implementation(str(exercises))

    def standing() -> Standing:
        return progress.standings([kata], mine)[kata.name]

    assert standing() is Standing.TODO
    written(exercises, kata.name, "return 1.0")
    assert standing() is Standing.BEGUN
    progress.note({kata.name: verdict(Outcome.SOLVED)}, progress.texts_of([kata], mine), mine)
    assert standing() is Standing.SOLVED
    progress.note({kata.name: verdict(Outcome.WRONG)}, progress.texts_of([kata], mine), mine)
    assert standing() is Standing.BEGUN
    assert progress.kept([kata], mine)[kata.name].passed == 3
    progress.note({kata.name: verdict(Outcome.SOLVED)}, progress.texts_of([kata], mine), mine)
    path = exercises / f"{CHAPTER}.py"
    path.write_text(path.read_text("utf-8").replace("return 1.0", "return 2.0"), "utf-8")
    assert standing() is Standing.BEGUN
    assert kata.name in progress.load().solved  # the day remains


def test_what_changed_while_it_was_judged_or_was_not_judged_is_not_noted(exercises: Path) -> None:
    (kata,) = curriculum.find("linear_scaling_rule")
    mine = Implementation(str(exercises))
    before = progress.texts_of([kata], mine)
    written(exercises, kata.name, "return 1.0")
    progress.note({kata.name: verdict(Outcome.SOLVED)}, before, mine)
    progress.note({kata.name: verdict(Outcome.INFRASTRUCTURE)}, progress.texts_of([kata], mine), mine)
    assert progress.kept([kata], mine) == {}
    assert not progress.PATH.exists()


def test_only_the_learners_own_folder_is_remembered(exercises: Path, tmp_path: Path) -> None:
    (kata,) = curriculum.find("linear_scaling_rule")
    other = Implementation(str(tmp_path / "other"))
    assert progress.texts_of([kata], other) == {}
    progress.note({kata.name: verdict(Outcome.SOLVED)}, {kata.name: "x"}, other)
    assert not progress.PATH.exists()


def test_two_writers_do_not_undo_each_other(exercises: Path) -> None:
    path = progress.PATH
    code = (
        "import sys; from pathlib import Path; from kata.course import progress\n"
        "for i in range(50): progress.next_hint(sys.argv[1], 100, Path(sys.argv[2]))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, name, str(path)], cwd=ROOT) for name in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert progress.load(path).hints == {"one": 50, "two": 50}
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".new"] == []


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which one chapter is written, one kata of it wrong."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("kata", "tests", "lessons", "solutions", "misconceptions", "exercises"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    text = (ROOT / "solutions" / f"{CHAPTER}.py").read_text("utf-8")
    assert "(batch_size / base_batch_size)" in text
    text = text.replace("(batch_size / base_batch_size)", "(batch_size // base_batch_size)")
    (folder / "exercises" / f"{CHAPTER}.py").write_text(text, "utf-8")
    return folder


def call(clone: Path, *arguments: str, status: int, folder: str = ".") -> str:
    """What a command prints that is run in a folder of the clone, with the clone's own package."""
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    environment.pop("KATA_STATE", None)
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=clone / folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def marks(clone: Path) -> dict[str, str]:
    """The marks of `kata list`."""
    rows = call(clone, "kata.cli", "list", "7", status=0).splitlines()
    return {words[1]: words[0] for row in rows if len(words := row.split()) > 3 and words[2][0] in "★☆"}


@pytest.mark.thorough
def test_pytest_and_check_keep_the_same_state(clone: Path) -> None:
    names = "linear_scaling_rule,updates_per_epoch"
    assert set(marks(clone).values()) == {"~"}
    for options in ([], ["-n", "2", "--isolated"]):
        (clone / ".kata" / "state.json").unlink(missing_ok=True)
        call(clone, "pytest", "-q", "--kata", names, *options, status=1)
        found = marks(clone)
        assert (found["linear_scaling_rule"], found["updates_per_epoch"]) == ("~", "✓"), options
    path = clone / "exercises" / f"{CHAPTER}.py"
    path.write_text(path.read_text("utf-8").replace("// base_batch_size", "/ base_batch_size"), "utf-8")
    call(clone, "kata.cli", "check", *names.split(","), status=0)
    assert marks(clone)["linear_scaling_rule"] == "✓"
    # What is solved and unchanged is not judged again, and counts.
    for name in ("accumulated_gradients", "GradientAccumulationModel", "accumulating_optimizer"):
        call(clone, "kata.cli", "reset", name, status=0)
    output = call(clone, "kata.cli", "check", "7", status=1)
    assert "2 of 5 katas solved" in output
    output = call(clone, "kata.cli", status=1, folder="lessons")
    assert f"2 of {len(curriculum.katas())} katas solved" in output
    assert "2 not judged again" in output


@pytest.mark.thorough
def test_a_law_selected_by_itself_says_nothing_about_the_kata(clone: Path) -> None:
    (clone / ".kata" / "state.json").unlink(missing_ok=True)
    law = curriculum.laws(CHAPTER)["updates_per_epoch"][0]
    call(clone, "pytest", "-q", f"tests/test_{CHAPTER}.py::{law}", status=0)
    assert marks(clone)["updates_per_epoch"] == "~"
