"""The lessons as a static website: Sphinx builds it; formulas are MathML, hints are folded, no solution is in it.

Needs the extra `site`: `uv run --extra site kata site OUT`.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Chapter, Kata
from kata.page import lesson
from kata.waist.implementation import ROOT

MARK = ".kata-site"
"""Says that a folder was made here, and may be replaced."""
_CONFIGURATION = """\
project = "Katas for TensorFlow training and optimization"
copyright = "MIT license"
extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
"""
_FENCE = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\\$\w`])\$([^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\w$])")


class Unbuildable(Exception):
    """The site cannot be built; the text says what mends it."""


def build(target: Path) -> int:
    """Build the site in `target`, whole or not at all; how many bytes it has.

    Raises:
        Unbuildable: the generator is missing or failed, or `target` holds something else.
    """
    if not all(importlib.util.find_spec(name) for name in ("sphinx", "myst_parser", "furo")):
        raise Unbuildable("what builds the site is not installed; run it as: uv run --extra site kata site OUT")
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / MARK).exists())):
        raise Unbuildable(f"{target} is there already, and not made by this; name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        source, built = Path(folder) / "source", Path(folder) / "built"
        source.mkdir()
        write_source(source)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(source), str(built)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise Unbuildable(f"Sphinx failed:\n{result.stderr.strip()}")
        shutil.rmtree(built / ".doctrees", ignore_errors=True)
        (built / ".buildinfo").unlink(missing_ok=True)
        (built / ".nojekyll").touch()  # a static host is to leave folders with an underscore alone
        (built / MARK).touch()
        if target.exists():
            shutil.rmtree(target)
        built.rename(target)
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def write_source(folder: Path) -> None:
    """Write what Sphinx reads."""
    (folder / "conf.py").write_text(_CONFIGURATION, "utf-8")
    shutil.copytree(ROOT / "lessons" / "plots", folder / "plots")
    chapters = curriculum.chapters()
    for chapter in chapters:
        (folder / f"{chapter.name}.md").write_text(page_of(chapter), "utf-8")
    names = "\n".join(chapter.name for chapter in chapters)
    index = (
        "# Katas for TensorFlow training and optimization\n\n"
        f"{len(curriculum.katas())} small exercises, from the loss to mixed precision. Here are their lessons; "
        "the exercises, and what judges them, are in the repository: `uv run kata page` opens the same lessons beside "
        f"the code.\n\n```{{toctree}}\n:maxdepth: 2\n\n{names}\n```\n"
    )
    (folder / "index.md").write_text(index, "utf-8")


def page_of(chapter: Chapter) -> str:
    """A chapter as MyST: its introduction, then each kata's lesson and hints."""
    heading, _, rest = chapter.introduction.partition("\n")
    parts = [heading, with_formulas(rest), *(_section(kata) for kata in chapter.katas)]
    return "\n\n".join(parts) + "\n"


def _section(kata: Kata) -> str:
    hints = "\n".join(
        f"<details><summary>Hint {number} of {len(kata.hints)}</summary>{lesson.in_line(hint)}</details>"
        for number, hint in enumerate(kata.hints, 1)
    )
    head = f"({kata.name})=\n## `{kata.name}`\n\n*{kata.kind} · {kata.stars} · {kata.minutes} min*"
    command = f"To write it: `uv run kata page {kata.name}`"
    return f"{head}\n\n{with_formulas(kata.lesson)}\n\n{_raw(hints)}\n\n{command}"


def with_formulas(text: str) -> str:
    """`text` with its formulas as MathML, which MyST passes on as it is."""
    text = _FENCE.sub(lambda found: _raw(f'<div class="formula">{lesson.formula(found[1], is_block=True)}</div>'), text)
    pieces = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)  # code is left alone
    return "".join(
        piece if i % 2 else _INLINE.sub(lambda found: lesson.formula(found[1], is_block=False), piece)
        for i, piece in enumerate(pieces)
    )


def _raw(text: str) -> str:
    return f"````{{raw}} html\n{text}\n````" if text else ""
