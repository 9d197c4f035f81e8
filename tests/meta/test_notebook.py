"""A chapter as a notebook: what it holds, what of its cells is judged, and how it runs in a real kernel."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum, stubs
from kata.course.curriculum import Chapter
from kata.notebooks import notebook, writer
from kata.notebooks.cells import Collected, collect
from kata.notebooks.judge import in_notebook
from kata.waist.implementation import ROOT

CHAPTERS = {chapter.name: chapter for chapter in curriculum.chapters()}
LOSSES = CHAPTERS["ch02_losses"]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=CHAPTERS)

STUBS = '''import math

FACTOR = 2.0


def half(x):
    """Half of x."""
    raise NotImplementedError


def twice(x):
    """Twice x."""
    raise NotImplementedError
'''


def cell_of(made: Any, name: str) -> Any:
    return next(cell for cell in made.cells if cell.id == name)


# What is written


@each_chapter
def test_a_notebook_is_valid_and_the_same_every_time(chapter: Chapter, tmp_path: Path) -> None:
    written = [writer.write(chapter, tmp_path / f"{i}.ipynb").read_bytes() for i in range(2)]
    assert written[0] == written[1]
    read = nbformat.reads(written[0].decode(), as_version=4)
    nbformat.validate(read)
    assert len({cell.id for cell in read.cells}) == len(read.cells)
    for cell in read.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)


@each_chapter
def test_its_stubs_are_those_of_the_exercises(chapter: Chapter) -> None:
    """All code that the notebook holds of the chapter is, statement by statement, that of the exercises."""
    made = writer.build(chapter)
    names = ["given", *(f"{kata.name}-stub" for kata in chapter.katas)]
    held = [ast.dump(node) for name in names for node in ast.parse(cell_of(made, name).source).body]
    exercise = ast.parse(stubs.pristine(chapter.name)).body[1:]  # without the docstring
    assert sorted(held) == sorted(ast.dump(n) for n in exercise if not ast.unparse(n).startswith("__all__"))
    assert all(f'# hint("{k.name}")' in cell_of(made, f"{k.name}-stub").source for k in chapter.katas)


@each_chapter
def test_its_lesson_can_be_read_in_every_front_end(chapter: Chapter) -> None:
    """No hint given away, no fence that only GitHub knows, no picture or link into a folder that is not there."""
    made = writer.build(chapter)
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert text.startswith("# ")
    assert "```math" not in text
    assert "### Hints" not in text
    assert not any(hint in text for kata in chapter.katas for hint in kata.hints)
    assert "](" not in text.replace("](http", "")
    lesson = (ROOT / "lessons" / f"{chapter.name}.md").read_text("utf-8")
    shown = [cell.source for cell in made.cells if "-picture-" in cell.id]
    assert len(shown) == lesson.count("](plots/")
    assert all((ROOT / "lessons" / source.split('"')[1]).is_file() for source in shown)
    for kata in chapter.katas:
        assert f"`{kata.name}`" in cell_of(made, f"{kata.name}-lesson-1").source


def test_it_may_be_a_script_of_cells(tmp_path: Path) -> None:
    text = writer.write(LOSSES, tmp_path / "ch02.py").read_text("utf-8")
    ast.parse(text)
    assert text.count("\n# %%") == len(writer.build(LOSSES).cells)


# The command


@pytest.mark.parametrize("name", ["ch02", "ch02_losses"])
def test_the_command_writes_and_never_overwrites(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.ipynb"
    first = CliRunner().invoke(cli.app, ["notebook", name, "--out", str(path)])
    assert first.exit_code == 0
    assert str(path) in first.output
    path.write_text("my work", "utf-8")
    second = CliRunner().invoke(cli.app, ["notebook", name, "--out", str(path)])
    assert second.exit_code == 2
    assert "delete it" in second.output
    assert "--out" in second.output
    assert path.read_text("utf-8") == "my work"
    assert [p.name for p in path.parent.iterdir()] == ["mine.ipynb"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["huber"], "uv run kata notebook ch02_losses"),
        (["ch99"], "kata list"),
        (["ch02", "--out", "chapter.txt"], ".ipynb"),
        (["ch02", "--out", "/dev/null/chapter.ipynb"], "--out"),
    ],
)
def test_wrong_usage_is_one_line_with_a_remedy(arguments: list[str], remedy: str) -> None:
    done = CliRunner().invoke(cli.app, ["notebook", *arguments])
    assert done.exit_code == 2
    assert remedy in done.output
    assert len(done.output.strip().splitlines()) == 1


# What of the cells counts


def chosen(*cells: str) -> Collected:
    return collect(STUBS, cells, ["half", "twice"])


def defined(collected: Collected) -> dict[str, Any]:
    """The chapter's names, as its file has them once it is loaded."""
    names: dict[str, Any] = {}
    exec(compile(collected.text, "chapter", "exec"), names)
    return names


def test_without_cells_the_stubs_stand() -> None:
    names = defined(chosen())
    with pytest.raises(NotImplementedError):
        names["half"](1.0)


def test_the_latest_definition_wins() -> None:
    names = defined(chosen("def half(x): return x", "def twice(x): return 2 * x", "def half(x): return x / 2"))
    assert (names["half"](3.0), names["twice"](3.0)) == (1.5, 6.0)


def test_a_cell_run_many_times_is_there_once() -> None:
    assert chosen(*["def half(x):\n    return x / 2"] * 50).text.count("def half") == 1


def test_lines_for_ipython_are_skipped() -> None:
    cells = [
        "%matplotlib inline\n!ls\nfiles = !ls\nhalf?\ndef half(x):\n    return x / 2",
        "%%time\ndef twice(x): return 2 * x",
        "%%writefile half.py\ndef half(x): return 'a file'",
        "%%bash\necho 'def half'",
    ]
    names = defined(chosen(*cells))
    assert (names["half"](3.0), names["twice"](3.0)) == (1.5, 6.0)


@pytest.mark.parametrize("bad", ["def half(x):\n    return x /", "return 1\ndef half(x): return 7", "def half(x): \0"])
def test_a_cell_that_is_not_python_is_skipped_and_named(bad: str) -> None:
    collected = chosen("def half(x): return x / 2", bad)
    assert defined(collected)["half"](3.0) == 1.5
    (note,) = collected.notes
    assert note.startswith("cell [2] is not Python")
    assert "half" in note
    assert not chosen(bad, "def half(x): return x / 2").notes  # mended since


def test_experiments_are_no_part_of_the_chapter() -> None:
    collected = chosen(
        "def half(x): return x / 2\nprint(half(1 / 0))\nloss = half(1 / 0)\nhalf.calls = 1 / 0\nfor i in half: pass",
        "del half",
        "if True:\n    half = 3",
        "await half(3)",
    )
    assert defined(collected)["half"](3.0) == 1.5
    assert "1 / 0" not in collected.text


def test_helpers_come_before_what_needs_them_whatever_the_order_of_execution() -> None:
    cells = [
        "class Twice(Base):\n    by = TABLE[0]",
        "def twice(x, maker=Twice): return maker().times(x)",
        "TABLE = make()",
        "def make(): return [entry()]",
        "def entry(): return 2.0",
        "class Base:\n    def times(self, x): return Twice.by * x",
    ]
    for order in (cells, cells[::-1], cells[3:] + cells[:3]):
        assert defined(chosen(*order))["twice"](3.0) == 6.0


def test_a_name_that_is_wrapped_keeps_what_it_wraps() -> None:
    cell = "import functools\ndef half(x): return x / 2\nhalf = functools.lru_cache(half)"
    assert defined(chosen(cell, cell))["half"](3.0) == 1.5


def test_imports_of_parts_of_a_package_add_up() -> None:
    names = defined(chosen("import os.path", "import xml.dom\nimport xml.sax", "def half(x): return xml.dom, xml.sax"))
    assert len(names["half"](1)) == 2
    assert "math" not in names  # given, but nobody uses it


def test_what_the_chapter_will_not_find_is_named() -> None:
    (note,) = chosen("for rate in [1]: pass", "def half(x): return rate * x + FACTOR").notes
    assert note.startswith("half (cell [2]) uses rate,")


def test_messages_speak_of_cells() -> None:
    collected = chosen("1", "\n\n@staticmethod\ndef half(x):\n    return x")
    line = collected.text.splitlines().index("    return x") + 1
    message = f"  where     /tmp/some-folder/ch02_losses.py:{line}\n  next      uv run kata hint huber --number 2"
    assert in_notebook(message, collected, "ch02_losses") == (
        '  where     cell [2], line 5\n  next      hint("huber", 2)'
    )
    loading = f"  problem   the chapter does not load: NameError: name 'x' is not defined (line {line})"
    assert in_notebook(loading, collected, "ch02_losses").endswith("(cell [2], line 5)")
    assert in_notebook("uv run kata hint huber", collected, "ch02_losses") == 'hint("huber")'


# How it runs


def put(body: str) -> Callable[[str], str]:
    return lambda source: source.replace("raise NotImplementedError", body)


def executed(made: Any, folder: Path) -> str:
    """Execute the notebook as Jupyter would, and return what the last cell shows."""
    from nbclient import NotebookClient

    NotebookClient(made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    shown = ""
    for cell in made.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{cell.id}: {output.text}"
            assert output.output_type != "error", f"{cell.id}: {output.evalue}"
        if "-picture-" in cell.id:
            assert cell.outputs[0].data["image/svg+xml"].startswith("<svg")
    for output in made.cells[-1].outputs:
        shown += output.text
    return shown


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of the clone, and no state of the clone's."""
    monkeypatch.setenv("KATA_CLONE", str(ROOT))
    monkeypatch.setenv("KATA_STATE", str(tmp_path / "state.json"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


@pytest.mark.thorough
def test_a_fresh_notebook_names_the_next_step(kernel: Path) -> None:
    shown = executed(writer.build(LOSSES), kernel)
    assert "0 of 11 katas solved in this notebook" in shown
    assert "Next: mean_squared_error" in shown
    assert 'hint("mean_squared_error") helps' in shown
    assert str(kernel) not in shown


@pytest.mark.thorough
def test_right_is_solved_and_wrong_is_named(kernel: Path) -> None:
    made = writer.build(LOSSES)
    right = cell_of(made, "mean_squared_error-stub")
    right.source = "%precision 3\n" + put("return mean(tf.square(difference(y_true, y_pred)))")(right.source)
    right.source += "\nprint('an experiment')\n"
    wrong = cell_of(made, "mean_absolute_error-stub")
    wrong.source = put("return tf.reduce_sum(tf.abs(difference(y_true, y_pred)))")(wrong.source)
    wrong.source += '\nhint("huber", 1)'
    given = cell_of(made, "given")
    given.source += "\n\ndef difference(a, b):\n    a, b = as_tensors(a, b)\n    return a - b\n\nmean = tf.reduce_mean"
    shown = executed(made, kernel)
    assert "1 of 11 katas solved in this notebook" in shown
    assert "mean_absolute_error: wrong" in shown
    assert "mean_squared_error: " not in shown
    assert "do not divide" in shown
    assert f"cell [{wrong.execution_count}], line " in shown
    assert 'hint("mean_absolute_error", ' in shown
    assert "hint 1 of 3" in "".join(output.text for output in wrong.outputs)


@pytest.mark.thorough
def test_cells_can_be_judged_outside_of_a_notebook(capfd: pytest.CaptureFixture[str]) -> None:
    notebook.judge(
        "linear_scaling_rule", ["def linear_scaling_rule(base_lr, *, base_batch_size, batch_size): return 0"]
    )
    shown = capfd.readouterr().out
    assert "yours     0" in shown
    assert "cell [1], line 1" in shown
    assert "\x1b" not in shown
    with pytest.raises(notebook.NotReady, match="in a notebook only"):
        notebook.judge("ch02")


# The set-up cell


def set_up(folder: Path, repository: str = "") -> subprocess.CompletedProcess[str]:
    """Run the cell in a Python without packages, as Colab's is to the katas."""
    source = cell_of(writer.build(LOSSES), "set-up").source
    source = source.replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}", 1)
    environment = {key: value for key, value in os.environ.items() if key not in ("KATA_CLONE", "PYTHONPATH")}
    command = [sys.executable, "-S", "-c", source]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_without_a_clone_the_set_up_says_what_to_do(tmp_path: Path) -> None:
    done = set_up(tmp_path)
    assert done.returncode == 1
    assert "Write the address of their repository" in done.stderr
    assert "could not clone" in set_up(tmp_path, str(tmp_path / "nowhere")).stderr


def test_with_an_address_the_set_up_clones_once(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    (origin / "kata" / "notebooks").mkdir(parents=True)
    place = origin / "kata" / "notebooks" / "notebook.py"
    place.write_text("hint = judge = picture = None\ndef start(): print('started')\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(origin)]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "kata"]):
        subprocess.run([*git, *arguments], check=True)
    work = tmp_path / "work"
    work.mkdir()
    for _ in range(2):
        done = set_up(work, origin.as_uri())
        assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
