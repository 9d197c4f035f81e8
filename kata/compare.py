"""A solved kata beside other right ways: the text, and what an approach costs or gains."""

import ast
import difflib
from pathlib import Path

from kata import curriculum
from kata.curriculum import Kata
from kata.implementation import ROOT


def source_of(path: Path, name: str) -> str:
    """The text of the definition `name` in `path`, without its docstring and decorators."""
    node = curriculum.definitions(path)[name]
    lines = path.read_text("utf-8").splitlines()
    left_out: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
            docstring = inner.body[0]
            left_out |= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    kept = (i for i in range(node.lineno, (node.end_lineno or node.lineno) + 1) if i not in left_out)
    return "\n".join(lines[i - 1] for i in kept).rstrip()


def others(kata: Kata) -> list[tuple[str, Path, str, str]]:
    """(title, file, name, note) of the reference and of every approach."""
    reference = ROOT / "solutions" / f"{kata.chapter}.py"
    found = [("the reference", reference, kata.name, "")]
    for described in curriculum.variants("approach", kata.chapter):
        if described.variant.kata == kata.name:
            variant = described.variant
            found.append((variant.name, Path(variant.path), variant.name, described.text))
    return found


def difference(kata: Kata, path: Path) -> str:
    """Yours against each other right way, as a unified diff, with the approach's sentence."""
    mine = source_of(path, kata.name).splitlines()
    parts = []
    for title, other, name, note in others(kata):
        theirs = source_of(other, name).splitlines()
        rows = list(difflib.unified_diff(mine, theirs, "yours", title, lineterm="", n=1))
        parts.append(
            "\n".join([f"— {title}{': ' + note if note else ''}", *(rows[2:] or ["(the same, to the letter)"])])
        )
    return "\n\n".join(parts)
