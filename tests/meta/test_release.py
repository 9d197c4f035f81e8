"""The student edition holds nothing of the solutions, and everything that a learner uses works in it."""

import ast
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kata.course import curriculum, stubs
from kata.grade import edition, release
from kata.grade.intake import take_in
from kata.grade.leaks import Secrets, leaks_in, secrets_of_the_course
from kata.grade.release import Leak, Released, check_release
from kata.judge import profiles
from kata.judge.catalogue import kept_files
from kata.learn.plot import gather, kept
from kata.waist.implementation import ROOT, implementation_at
from kata.waist.isolated import Worker


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return release.release(tmp_path_factory.mktemp("released") / "student")


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return secrets_of_the_course()


def texts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is in it


def test_it_holds_what_a_learner_needs_and_nothing_else(released: Released) -> None:
    held = set(texts(released.folder))
    assert released.files == len(held)
    tops = {path.partition("/")[0] for path in held}
    assert tops == {
        *("conftest.py", "edition.json", "exercises", "kata", "lessons", "LICENSE", "misconceptions", "pyproject.toml"),
        *("README.md", "stubs", "tests", ".ci", ".devcontainer", ".github", ".gitignore", ".vscode"),
    }
    assert {"solutions/", "benchmarks/", "tests/meta/"} <= set(released.left_out)
    assert not any(path.startswith("tests/meta") for path in held)
    assert [path.name for path in released.folder.parent.iterdir()] == ["student"]
    assert (released.folder / ".ci/exercises").stat().st_mode & 0o777 == 0o755


def test_the_exercises_are_untouched_whatever_the_course_s_own_hold(released: Released) -> None:
    for chapter in curriculum.chapters():
        for folder in ("exercises", "stubs"):
            assert (released.folder / folder / f"{chapter.name}.py").read_text("utf-8") == stubs.pristine(chapter.name)


def test_the_same_course_gives_the_same_bytes(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "check_release", lambda out: [])  # it takes long, and changes nothing
    tracked = release._listed()
    monkeypatch.setattr(release, "_git", lambda *arguments: None)
    assert set(filter(edition.is_copied, tracked)) <= set(release._walked())
    monkeypatch.setattr(release, "_walked", lambda: tracked[::-1])
    again = release.release(tmp_path / "again")
    assert texts(again.folder) == texts(released.folder)


def test_the_readme_names_no_command_that_needs_solutions_and_no_file_that_is_not_there(released: Released) -> None:
    text = (released.folder / "README.md").read_text("utf-8")
    assert "kata watch" in text
    assert "scratch: write it from tensor operations" in text
    for gone in (
        "kata compare",
        "kata solution",
        "--impl solutions",
        "misconceptions/",
        "## Teach",
        "## For instructors",
    ):
        assert gone not in text
    for link in edition.re.findall(r"\]\(([^)]+)\)", text):
        assert (released.folder / link).exists(), link


def test_the_workflow_judges_exercises_alone(released: Released) -> None:
    text = (released.folder / ".github/workflows/katas.yml").read_text("utf-8")
    assert text.count("runs-on") == 1
    assert text.endswith("- run: bash .ci/exercises\n")


@pytest.mark.parametrize(("make", "said"), [(edition.readme, "no section"), (edition.workflow, "no job")])
def test_what_it_is_made_from_must_be_there(make: Callable[[str], str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make("# Something else\n\ntext\n")


# Where it is written


def test_it_is_written_into_a_new_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    cases = {
        tmp_path / "full": "not empty",
        tmp_path / "file": "no folder",
        tmp_path / "dangling": "no folder",
        tmp_path / "file" / "below": "cannot be written",
        ROOT / "student": "in the course itself",
    }
    before = sorted(tmp_path.rglob("*"))
    for out, said in cases.items():
        with pytest.raises(ValueError, match=said):
            release.release(out)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_written_where_a_solution_would_get_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_listed", lambda: ["LICENSE"])
    with pytest.raises(Leak, match=r"exams/notes\.txt:\d+ holds the body of solutions/ch02_losses\.py, huber"):
        release.release(tmp_path / "student", more={"exams/notes.txt": HUBER.encode()})
    assert list(tmp_path.iterdir()) == []


# The proof


def test_what_was_changed_in_an_edition_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_listed", lambda: ["lessons/ch02_losses.md", "kata/__init__.py"])
    out = release.release(tmp_path / "student").folder
    (out / "exercises" / "ch01_pipeline.py").write_text("x = 1\n")
    (out / "lessons" / "ch02_losses.md").unlink()
    (out / "new.py").symlink_to(ROOT / "solutions" / "ch02_losses.py")
    (out / "folder").symlink_to(ROOT / "solutions")
    (out / ".git").mkdir()
    (out / "kata" / "x.tar.gz").write_bytes(tarred("a.zip", zipped("b.py", solution("ch04_schedules"))))
    found = check_release(out)
    expected = [
        "exercises/ch01_pipeline.py has changed since the release",
        "exercises/ch01_pipeline.py is not the untouched stub",
        "lessons/ch02_losses.md is missing",
        "new.py is no regular file",
        "folder is no regular file",
        "kata/x.tar.gz is no file of the edition",
        ".git/ is there, and was not looked into: delete it first",
    ]
    assert set(expected) <= set(found)
    others = [each for each in found if each not in expected]
    assert len(others) > 10
    assert [each for each in others if not each.startswith("kata/x.tar.gz → unpacked → a.zip → b.py")] == []


def test_what_is_no_edition_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no student edition"):
        check_release(tmp_path)
    (tmp_path / "edition.json").write_text("{")
    assert check_release(tmp_path) == ["edition.json cannot be read, so nothing is proven; make the edition anew"]


def solution(chapter: str) -> bytes:
    return (ROOT / "solutions" / f"{chapter}.py").read_bytes()


def zipped(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, data)
    return held.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as made:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        made.addfile(member, io.BytesIO(data))
    return held.getvalue()


class Renamed(ast.NodeTransformer):
    """Other names for everything, no annotations, another docstring, another decorator."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"other_{node.id}", node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(f"other_{node.arg}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.name, node.returns, node.decorator_list = f"other_{node.name}", None, [ast.Name("mine", ast.Load())]
        node.body = [ast.Expr(ast.Constant("Mine.")), *(node.body[1:] if ast.get_docstring(node) else node.body)]
        return node


def renamed(text: str) -> str:
    return ast.unparse(ast.fix_missing_locations(Renamed().visit(ast.parse(text))))


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


HUBER = curriculum.source_of(ROOT / "solutions" / "ch02_losses.py", "huber")
BODY = "\n".join(
    ast.unparse(node) for node in curriculum.definitions(ROOT / "solutions" / "ch02_losses.py")["huber"].body[1:]
)
CELL = {"cell_type": "code", "source": HUBER.splitlines(keepends=True)}

HIDDEN: dict[str, tuple[str, str | bytes]] = {
    "as it is": ("a.py", HUBER),
    "renamed": ("a.py", renamed(HUBER)),
    "in a class": ("a.py", f"class A:\n{indented(HUBER)}"),
    "amid other code": ("a.py", f"def f():\n    x = 1\n{indented(BODY)}    return x\n"),
    "at the top": ("a.py", f"x = 1\n{BODY}"),
    "in a string": ("a.py", f"x = {HUBER!r}\n"),
    "in a lesson": ("a.md", f"# Title\n\n```python\n{renamed(HUBER)}\n```\n"),
    "in prose": ("a.txt", f"The answer is:\n\n{HUBER}\nGood luck!\n"),
    "in a notebook": ("a.ipynb", json.dumps({"cells": [CELL]})),
    "in JSON": ("a.json", json.dumps({"answer": HUBER})),
    "in a zip": ("a.zip", zipped("a.py", HUBER.encode())),
    "in a zip of another name": ("a.bin", zipped("a.py", HUBER.encode())),
    "in a tar in a zip": ("a.zip", zipped("a.tgz", tarred("a.py", HUBER.encode()))),
    "packed": ("a.gz", gzip.compress(HUBER.encode())),
    "amid bytes": ("a.msgpack", b"\x92\xc4\xff\0" + HUBER.encode() + b"\xff\xfe"),
}


@pytest.mark.parametrize("way", HIDDEN)
def test_a_solution_is_found_wherever_it_is_put(way: str, secrets: Secrets) -> None:
    name, data = HIDDEN[way]
    found = leaks_in(name, data if isinstance(data, bytes) else data.encode(), secrets)
    assert any("solutions/" in each and "ch02_losses.py" in each for each in found)


@pytest.mark.parametrize("kata", curriculum.katas(), ids=lambda kata: kata.name)
def test_every_solution_is_found_under_other_names(kata: curriculum.Kata, secrets: Secrets) -> None:
    text = curriculum.source_of(ROOT / "solutions" / f"{kata.chapter}.py", kata.name)
    assert leaks_in("a.py", text.encode(), secrets)
    assert leaks_in("a.py", renamed(text).encode(), secrets)


@pytest.mark.parametrize("kind", ["approach", "misconception"])
def test_nearly_every_variant_is_found_under_another_name(kind: str, secrets: Secrets) -> None:
    """The rest are a line that anybody writes."""
    found = [each for chapter in curriculum.chapters() for each in curriculum.variants(kind, chapter.name)][::7]
    assert found
    missed = [
        each.variant.name
        for each in found
        if not leaks_in(
            "a.py", renamed(curriculum.source_of(Path(each.variant.path), each.variant.name)).encode(), secrets
        )
    ]
    assert len(missed) <= len(found) * 0.03


@pytest.mark.parametrize(
    "text", ["", "return x", "def f(x):\n    return x / 2\n", "x = " + "(" * 5000, "\0", '{"cells": 3}']
)
def test_what_is_anybody_s_is_no_leak(text: str, secrets: Secrets) -> None:
    for name in ("a.py", "a.md", "a.ipynb", "a.zip"):
        assert leaks_in(name, text.encode(), secrets) == []


# What works in it


def run_in(folder: Path, code: str, *arguments: str, timeout: float = 60) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KATA_", "PYTEST_"))}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


KNOWN = """
import json
from kata.course import curriculum, stubs
from kata.waist.implementation import ROOT
print(json.dumps({
    "katas": [(k.chapter, k.name, k.goal, k.hints, curriculum.docstrings(k)) for k in curriculum.katas()],
    "laws": [curriculum.laws(c.name) for c in curriculum.chapters()],
    "untouched": [curriculum.is_untouched(ROOT / "stubs" / f"{k.chapter}.py", k) for k in curriculum.katas()],
    "said": [(m.variant.kata, m.variant.name, m.text, m.hint, m.subtle)
             for c in curriculum.chapters() for m in curriculum.variants("misconception", c.name)],
    "approaches": [curriculum.variants("approach", c.name) for c in curriculum.chapters() if
                   curriculum.variants("approach", c.name)],
    "out_of_step": stubs.out_of_step(),
}))
"""


def test_it_knows_the_same_katas_laws_and_mistakes(released: Released) -> None:
    known = json.loads(run_in(released.folder, KNOWN))
    katas = curriculum.katas()
    assert known["katas"] == [[k.chapter, k.name, k.goal, [*k.hints], curriculum.docstrings(k)] for k in katas]
    laws = [curriculum.laws(chapter.name) for chapter in curriculum.chapters()]
    assert known["laws"] == [{name: [*found] for name, found in each.items()} for each in laws]
    assert all(known["untouched"])
    ours = [m for chapter in curriculum.chapters() for m in curriculum.variants("misconception", chapter.name)]
    assert known["said"] == [[m.variant.kata, m.variant.name, m.text, m.hint, m.subtle] for m in ours]
    assert known["approaches"] == []
    assert known["out_of_step"] == []


COMMANDS = """
import json, sys
from typer.testing import CliRunner
from kata import cli
found = {}
for line in json.loads(sys.argv[1]):
    cli.out.file = cli.err.file = None
    done = CliRunner().invoke(cli.app, line.split())
    found[line] = done.exit_code, done.output
print(json.dumps(found))
"""


def test_its_commands_work_or_say_why_not(released: Released, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(released.folder, folder)
    path = folder / "exercises" / "ch02_losses.py"
    path.write_text(path.read_text("utf-8").replace("raise NotImplementedError", "return 3"), "utf-8")
    lines = ["list", "lesson 2", "lesson huber", "hint huber", "reset huber", "undo", "reset 2", "check huber"]
    lines += [f"site {tmp_path / 'site'}", "notebook 2", "solution huber", "compare huber", "check --impl solutions"]
    found = json.loads(run_in(folder, COMMANDS, json.dumps(lines)))
    assert {line: code for line, (code, _) in found.items()} == {
        **dict.fromkeys(lines, 0),
        "check huber": 1,
        **dict.fromkeys(lines[-3:], 2),
    }
    assert "huber" in found["list"][1]
    assert "hint 1 of" in found["hint huber"][1]
    assert "0 of 1 katas solved" in found["check huber"][1]
    assert path.read_text("utf-8") == stubs.pristine("ch02_losses")
    assert 'id="huber"' in (tmp_path / "site" / "ch02_losses.html").read_text("utf-8")
    for line in lines[-3:]:
        assert "your instructor has them" in found[line][1]


def test_expected_points_are_kept_to_the_bit(tmp_path: Path) -> None:
    line = np.array([[0.1, np.nan], [-0.0, np.inf]])
    points = ((line, None), ())
    (tmp_path / "huber.msgpack").write_bytes(kept.packed(points))
    found = kept.points_of("huber", tmp_path)
    assert found is not None
    assert found[0][0].tobytes() == line.tobytes()
    assert (found[0][1], found[1]) == (None, ())
    (tmp_path / "huber.msgpack").write_bytes(b"x")
    assert kept.points_of("huber", tmp_path) is None
    assert kept.points_of("gone", tmp_path) is None


def test_a_whole_edition_that_is_handed_in_is_taken_without_a_word(released: Released, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "ada"), "zip", released.folder.parent, "student")
    (one,) = take_in(tmp_path)
    assert one.files == {
        f"{name}.py": stubs.pristine(name).encode() for name in (c.name for c in curriculum.chapters())
    }
    assert (one.notes, one.refused) == ((), "")


@pytest.mark.thorough
def test_katas_are_judged_and_drawn_in_it(tmp_path: Path, worker: Worker) -> None:
    profiles.load("learner")
    (huber,) = curriculum.find("huber")
    points = gather.ask(huber, implementation_at("solutions"), worker).points
    more = kept_files(worker, katas=curriculum.find("linear_scaling_rule"))
    more["expected/huber.msgpack"] = kept.packed(points)
    folder = release.release(tmp_path / "student", more=more).folder
    path = folder / "exercises" / "ch07_accumulation.py"
    wrong = "return float(base_lr) * (batch_size // base_batch_size)"
    cases = [
        (path.read_text("utf-8").replace("raise NotImplementedError", wrong, 1), 1, "drops the fraction"),
        (solution(path.stem).decode(), 0, "1 of 1 katas solved"),
    ]
    for text, expected, said in cases:
        path.write_text(text, "utf-8")
        line = "check linear_scaling_rule"
        status, shown = json.loads(run_in(folder, COMMANDS, json.dumps([line]), timeout=300))[line]
        assert said in shown
        assert status == expected
    drawn = json.loads(run_in(folder, COMMANDS, json.dumps(["plot huber", "plot sgd_step"]), timeout=300))
    assert drawn["plot huber"][0] == 1
    assert "yours: not written yet" in drawn["plot huber"][1]
    assert drawn["plot sgd_step"][0] == 3
    assert "is not in this student edition" in drawn["plot sgd_step"][1]
    assert (folder / ".kata" / "plots" / "huber.png").exists()
