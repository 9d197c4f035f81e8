"""What a kata must do, as Markdown: the signatures of its stub, and its docstrings, of which no word is lost."""

import ast
import functools
import re
import textwrap
from collections.abc import Iterator

from kata.course import stubs
from kata.course.curriculum import Kata

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Example|Source):(?:[ \n]+|$)")
_ITEM = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): ", re.MULTILINE)
_EXACT = re.compile(r"(`[^`]+`|\*\*[^*\n]+\*\*)")
_SPECIAL = re.compile(r"([\\*_<>\[\]$#|~])")


def as_markdown(kata: Kata) -> str:
    """The contract of `kata`: for a class, its own and then that of each method."""
    text = _stubs(kata.chapter)
    defined = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    (node,) = [each for each in defined if each.name == kata.name]
    return "\n\n".join(_parts(node, text.splitlines()))


@functools.cache
def _stubs(chapter: str) -> str:
    return stubs.pristine(chapter)  # takes long


def _parts(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> Iterator[str]:
    yield _fenced("python", _head(node, lines))
    yield described(ast.get_docstring(node) or "")
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, ast.FunctionDef):
                yield from _parts(method, lines)


def _head(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> str:
    """The definition's text up to its docstring; of a method without one that is given, the whole."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    end = node.body[0].lineno - 1
    if ast.get_docstring(node) is None and not isinstance(node.body[0], ast.Raise):
        end = node.end_lineno or end
    return textwrap.dedent("\n".join(lines[first - 1 : end]))


def described(docstring: str) -> str:
    """A docstring as Markdown: formulas and examples fenced, arguments as a list of definitions."""
    paragraphs = re.split(r"\n\s*\n", docstring.strip("\n"))
    return "\n\n".join(part for each in paragraphs for part in _paragraph(each))


def _paragraph(text: str) -> Iterator[str]:
    if text.startswith("    "):
        yield _fenced("text", textwrap.dedent(text))
        return
    section = _SECTION.match(text)
    if not section:
        yield escaped(text)
        return
    # What follows the colon on its line, and what is indented below it.
    name, body = section[1], text[section.end(1) + 1 :]
    if name == "Source":
        yield f"**Source:** {escaped(' '.join(body.split()))}"
        return
    yield f"**{name}**"
    body = textwrap.dedent(body.strip("\n"))
    if name == "Example":
        yield _fenced("pycon", body)
    elif name in ("Args", "Attributes", "Raises"):
        yield from _definitions(body)
    else:
        yield escaped(body)


def _definitions(body: str) -> Iterator[str]:
    parts = _ITEM.split(body)
    if parts[0].strip():
        yield escaped(parts[0])
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        yield f"`{name}`\n: {escaped(' '.join(text.split()))}"


def escaped(text: str) -> str:
    """Text that means itself in Markdown, but for code between backticks and what stands between double asterisks."""
    pieces = _EXACT.split(text)
    pieces[::2] = [_SPECIAL.sub(r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
