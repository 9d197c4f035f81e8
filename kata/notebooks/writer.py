"""Writes a chapter as a notebook: lesson, stubs, and a last cell that judges what the other cells define.

Neither Colab nor every editor shows an SVG inside Markdown, and formulas in GitHub's fences are code to all of them:
pictures become cells that show them, fences become `$$`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat.v4

from kata.course import stubs
from kata.course.curriculum import Chapter, Kata
from kata.course.progress import write_whole
from kata.waist.implementation import ROOT

FORMATS = {".ipynb": "ipynb", ".py": "py:percent"}

_PICTURE = re.compile(r"^!\[([^\]]*)\]\(([^)]+)\)\s*$", re.MULTILINE)
_MATHS = re.compile(r"^```math\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_KINDS = {"scratch": "from tensor operations", "keras": "with Keras' own objects"}

_HOW = """{heading}

This notebook is chapter `{chapter}` of the katas for TensorFlow: {count} small exercises, about {minutes} minutes.

1. Run the next cell. It finds the katas, or fetches and installs them.
2. Read on. Under each heading with a kata's name is a cell with a *stub*: a function or class whose docstring says what
   it must do. Put your code in place of `raise NotImplementedError`, and run the cell (Shift+Enter).
3. Run the last cell, as often as you like. It judges what you have written so far and says what is next.

A cell counts as it was when you last **ran** it, so run a stub's cell after every change, and after a restart of the
kernel run them all. Helper functions may stand in cells of their own. Prints, plots and other experiments may stand
anywhere: only the imports, functions, classes and assignments that your katas need are judged."""

_SET_UP = """REPOSITORY = ""  # where `git clone` finds the katas, for Colab; your instructor sets it

import importlib.util
import os
import subprocess
import sys
from pathlib import Path


class NotFound(Exception):
    def _render_traceback_(self):  # a notebook shows the text alone
        return [str(self)]


here = Path.cwd()
places = [Path(os.environ.get("KATA_CLONE", here)).expanduser(), here, *here.parents, here / "katas"]
installed = importlib.util.find_spec("kata")  # by `uv sync`, if this kernel is the clone's own
if installed and installed.origin:
    places.append(Path(installed.origin).parents[1])
clone = next((place for place in places if (place / "kata" / "notebooks" / "notebook.py").is_file()), None)
if clone is None and REPOSITORY:
    clone = here / "katas"
    if subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY, str(clone)]).returncode:
        raise NotFound(f"git could not clone {REPOSITORY}; is that address in the first line of this cell right?")
if clone is None:
    raise NotFound(
        f"The katas are not in {here} or above it. Write the address of their repository between the quotes in the\\n"
        "first line of this cell (ask your instructor) and run it again; or, if you have a clone on this machine,\\n"
        "set the environment variable KATA_CLONE to its folder before you start Jupyter."
    )
if str(clone) not in sys.path:
    sys.path.insert(0, str(clone))

from kata.notebooks.notebook import hint, judge, picture, start

start()"""

_GIVEN = """## What is given

Run this cell too: the imports, and what the katas may use."""

_JUDGE = """## How far are you?

Run this cell whenever you like. For each mistake it shows the smallest input on which it is seen. One kata alone:
`judge("{first}")` in a cell of its own."""


def build(chapter: Chapter, repository: str = "") -> Any:
    """The notebook (nbformat 4): the same chapter gives the same notebook, its cells' identifiers included.

    Args:
        chapter: which.
        repository: where `git clone` finds the course, for its first cell; the reader fills it in where it is empty.
    """
    given, written = _parts(stubs.pristine(chapter.name), [kata.name for kata in chapter.katas])
    heading, _, introduction = chapter.introduction.partition("\n")
    how = _HOW.format(
        heading=heading,
        chapter=chapter.name,
        count=len(chapter.katas),
        minutes=sum(kata.minutes for kata in chapter.katas),
    )
    cells = [
        _markdown("title", how),
        _code("set-up", _SET_UP.replace('REPOSITORY = ""', f'REPOSITORY = "{repository}"', 1)),
        *_lesson("lesson", introduction),
        _markdown("given-about", _GIVEN),
        _code("given", given),
    ]
    for number, kata in enumerate(chapter.katas, 1):
        cells += _lesson(f"{kata.name}-lesson", _about(number, kata))
        cells.append(_code(f"{kata.name}-stub", f'{written[kata.name]}\n\n\n# hint("{kata.name}")  # {_HINT}'))
    cells.append(_markdown("judge-about", _JUDGE.format(first=chapter.katas[0].name)))
    cells.append(_code("judge", f'from kata.notebooks.notebook import judge\n\njudge("{chapter.name}")'))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


_HINT = "stuck? Without the first # this shows a hint, each time one that says more"


def write(chapter: Chapter, path: Path | None = None) -> Path:
    """Write the notebook to `path` (`notebooks/ch02_losses.ipynb` when left out), a new file; its path.

    Raises:
        ValueError: there is such a file already, it cannot be written, or its name says no known format.
    """
    path = path or ROOT / "notebooks" / f"{chapter.name}.ipynb"
    if path.suffix not in FORMATS:
        raise ValueError(f"{path} is no notebook's name; let --out end in {' or '.join(FORMATS)}")
    if path.exists():
        raise ValueError(f"{path} is there already and is left as it is; delete it, or name another file with --out")
    text = text_of(chapter, path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); name another file with --out") from None
    return path


def text_of(chapter: Chapter, suffix: str, repository: str = "") -> str:
    """The notebook as the text of a file with one of the suffixes in `FORMATS`."""
    text: str = jupytext.writes(build(chapter, repository), fmt=FORMATS[suffix])
    return text.rstrip("\n") + "\n"


def _about(number: int, kata: Kata) -> str:
    facts = [kata.stars, f"about {kata.minutes} minutes", *filter(None, [_KINDS.get(kata.kind)])]
    return f"## Kata {number}: `{kata.name}`\n\n{' · '.join(facts)}\n\n**Goal.** {kata.goal}\n\n{kata.lesson}"


def _lesson(name: str, text: str) -> Iterator[Any]:
    """A lesson's text as cells: Markdown, and code where it shows a picture."""
    parts = _PICTURE.split(_MATHS.sub(r"$$\n\1\n$$", text))
    for i in range(0, len(parts), 3):
        if parts[i].strip():
            yield _markdown(f"{name}-{i // 3 + 1}", parts[i].strip())
        if i + 2 < len(parts):
            caption, picture = parts[i + 1 : i + 3]
            yield _code(f"{name}-picture-{i // 3 + 1}", f'picture("{picture}")')
            yield _markdown(f"{name}-caption-{i // 3 + 1}", f"*{caption}.*")


def _parts(text: str, katas: list[str]) -> tuple[str, dict[str, str]]:
    """What the untouched chapter gives, and the stub of each kata."""
    lines = text.splitlines(keepends=True)
    given: list[str] = []
    written: dict[str, str] = {}
    end = 0
    for node in ast.parse(text).body:
        source = "".join(lines[end : node.end_lineno])  # with the comments above it
        end = node.end_lineno or end
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in katas:
            written[node.name] = source.strip()
        elif not isinstance(node, ast.Expr) and not _is_all(node):
            given.append(source)
    return "".join(given).strip(), written


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _markdown(name: str, source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source, id=name)


def _code(name: str, source: str) -> Any:
    return nbformat.v4.new_code_cell(source, id=name)
