"""Whether anything of the solutions is in a folder: their functions as syntax trees, and their long lines as text.

Trees are compared without names, annotations, decorators, docstrings and comments, so renaming hides nothing. Lines are
compared without spaces and comments, two that follow one another at a time, for many a single line is anybody's. Both
are looked for in every file: in Python, in notebooks, in the code of Markdown, in long strings, and in archives inside.

A body of a few nodes, such as `return x / y`, says nothing and is not looked for. What was translated, or packed in a
way that is not known here, is not found: this is a proof against oversight, not against an enemy.
"""

import ast
import bz2
import functools
import gzip
import io
import json
import lzma
import re
import tarfile
import textwrap
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kata.grade import edition
from kata.waist.implementation import ROOT

_NODES = 8
"""The least body that is looked for; smaller ones are in every program."""
_PAIR = 60
"""The least length of two lines, without spaces, that are looked for together."""
_LINE = 80
"""The least length of one that is looked for by itself."""
_DEPTH = 4
"""So many archives inside one another are opened."""
_MOST = 64 * 2**20
"""The most that is unpacked of one."""
_UNTOLD = ('"""', "'''", "@", "class", "def", "from", "import", "__all__")
"""How a line begins that stands in a stub as well, or might."""

Key = tuple[str, ...]
"""A body: for each statement its shape."""


@dataclass
class Secrets:
    """What must not be in a student's hands, each with where it stands: bodies by their keys, lines by their text."""

    bodies: dict[Key, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, set[int]] = field(default_factory=dict)
    """By the shape of a first statement, how long the bodies are that begin with it."""


@functools.cache
def secrets_of_the_course() -> Secrets:
    """The bodies of all solutions, approaches and misconceptions, and the long lines of the first two.

    What the stubs hold as well, such as a method that is given, is none.
    """
    found = Secrets()
    pristine = list(edition.untouched().values())
    given = {key for text in pristine for _, key, _ in _bodies(ast.parse(text))}
    public = "".join(_without_space(text) for text in pristine)
    for path in sorted((ROOT / "solutions").rglob("*.py")):
        text = path.read_text("utf-8")
        place = path.relative_to(ROOT).as_posix()
        _keep_bodies(found, _bodies(ast.parse(text)), given, place)
        for line in _telling(list(_logical(text))):
            if line not in public:
                found.lines.setdefault(line, place)
    for path in sorted((ROOT / "misconceptions").rglob("*.py")):
        wrong = [node for node in ast.parse(path.read_text("utf-8")).body if _is_wrong_turn(node)]
        place = path.relative_to(ROOT).as_posix()
        _keep_bodies(found, (body for node in wrong for body in _bodies(node)), given, place)
    return found


def _is_wrong_turn(node: ast.stmt) -> bool:
    return any(ast.unparse(each).startswith("misconception(") for each in getattr(node, "decorator_list", []))


def _keep_bodies(found: Secrets, bodies: Iterable[tuple[str, Key, int]], given: set[Key], place: str) -> None:
    for name, key, size in bodies:
        if size >= _NODES and key not in given:
            found.bodies.setdefault(key, f"{place}, {name}")
            found.lengths.setdefault(key[0], set()).add(len(key))


def leaks_in(name: str, data: bytes, secrets: Secrets) -> list[str]:
    """What of the `secrets` is in the file called `name`, a sentence each."""
    found: dict[str, None] = {}
    for label, text in _texts(name, data):
        for tree in _trees(text, is_python=label.endswith(".py")):
            for key, line in _runs(tree, secrets.lengths):
                if key in secrets.bodies:
                    found[f"{label}:{line} holds the body of {secrets.bodies[key]}"] = None
        for plain in _plain(text):
            for secret, place in secrets.lines.items():
                if secret in plain:
                    found[f"{label} holds a line of {place}: {secret[:60]}…"] = None
    return list(found)


# Syntax trees


def _bodies(tree: ast.AST) -> Iterator[tuple[str, Key, int]]:
    """Every function in `tree`: its name, its body and how many nodes that has."""
    shapes = _Shapes()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = _without_docstring(node.body)
            if body:
                yield node.name, tuple(map(shapes.of, body)), sum(map(shapes.size, body))


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_docstring = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_docstring else body


def _runs(tree: ast.AST, lengths: dict[str, set[int]]) -> Iterator[tuple[Key, int]]:
    """Every run of statements that begins like a secret and is as long, with its line."""
    shapes = _Shapes()
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            key = tuple(map(shapes.of, statements))
            for i, first in enumerate(key):
                for length in lengths.get(first, ()):
                    yield key[i : i + length], statements[i].lineno


class _Shapes:
    """What statements do, without what they are called: equal shapes differ in names, annotations, docstrings alone."""

    def __init__(self) -> None:
        self._known: dict[ast.AST, tuple[str, int]] = {}

    def of(self, node: ast.AST) -> str:
        """The shape as text."""
        return self._look(node)[0]

    def size(self, node: ast.AST) -> int:
        """How many nodes it has."""
        return self._look(node)[1]

    def _look(self, node: ast.AST) -> tuple[str, int]:
        if node not in self._known:
            self._known[node] = self._made(node)
        return self._known[node]

    def _made(self, node: ast.AST) -> tuple[str, int]:
        if isinstance(node, ast.Name | ast.arg):
            return "·", 1
        if isinstance(node, ast.AnnAssign):
            if node.value is None:
                return "Pass()", 0
            node = ast.Assign([node.target], node.value)
        parts, size = [], 1
        for name, value in ast.iter_fields(node):
            if name in ("ctx", "kind", "decorator_list", "returns", "type_comment", "type_params", "lineno"):
                continue
            if name == "name" and isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
                continue
            if name == "body" and isinstance(value, list):
                value = _without_docstring(value)
            inner: list[str] = []
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.AST):
                    shape, count = self._look(item)
                    inner.append(shape)
                    size += count
                else:
                    inner.append(repr(item))
            parts.append(f"{name}={','.join(inner)}")
        return f"{type(node).__name__}({';'.join(parts)})", size


def _trees(text: str, *, is_python: bool) -> Iterator[ast.AST]:
    """All that can be read as Python: the whole, what stands between Markdown's fences, and in long strings."""
    pieces = [text] if is_python else [text, *(match[1] for match in _FENCED.finditer(text))]
    while pieces:
        tree = _parsed(pieces.pop())
        if tree is not None:
            yield tree
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count("\n") > 1:
                    pieces.append(node.value)


_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)^[ \t]*(?:```|~~~)", re.MULTILINE | re.DOTALL)


def _parsed(text: str) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# Lines


def _logical(text: str) -> Iterator[str]:
    """The statements' text without space and comments, docstrings included.

    Raises:
        tokenize.TokenError, SyntaxError: it is not Python.
    """
    parts: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if parts:
                yield "".join(parts)
            parts = []
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            parts.append(_without_space(token.string))


def _telling(lines: list[str]) -> Iterator[str]:
    """The lines, and the pairs of them, that are long enough to be nobody else's."""
    for line, following in zip(lines, [*lines[1:], '"""']):
        if line.startswith(_UNTOLD):
            continue
        if len(line) >= _LINE:
            yield line
        if not following.startswith(_UNTOLD) and len(line + following) >= _PAIR:
            yield line + following


def _without_space(text: str) -> str:
    return "".join(text.split())


def _plain(text: str) -> Iterator[str]:
    """The text without space: as it is, without comments, and with what stands for a line's end taken for one."""
    yield _without_space(text)
    if "#" in text:
        yield _without_space(_COMMENT.sub("", text))
    if "\\n" in text:
        unescaped = text.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
        yield _without_space(_COMMENT.sub("", unescaped))


_COMMENT = re.compile(r"#[^\n]*")


# What is in a file


def _texts(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in the file, with what it is called: itself, a notebook's cells, an archive's members."""
    for inner, content in _members(data) if depth < _DEPTH else ():
        yield from _texts(f"{name} → {inner}", content, depth + 1)
    text = data.decode("utf-8-sig", "surrogateescape")
    yield name, text
    if text.lstrip().startswith("{"):
        yield from ((f"{name} → cell {i}.py", cell) for i, cell in enumerate(_cells(text), 1))


def _cells(text: str) -> list[str]:
    try:
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in the file; nothing where it is no archive that can be read."""
    packed: dict[bytes, Callable[[bytes], bytes]] = {
        b"\x1f\x8b": lambda d: gzip.GzipFile(fileobj=io.BytesIO(d)).read(_MOST),
        b"BZh": lambda d: bz2.BZ2Decompressor().decompress(d, _MOST),
        b"\xfd7zXZ": lambda d: lzma.LZMADecompressor().decompress(d, _MOST),
        b"\x78\x01": lambda d: zlib.decompressobj().decompress(d, _MOST),
        b"\x78\x9c": lambda d: zlib.decompressobj().decompress(d, _MOST),
        b"\x78\xda": lambda d: zlib.decompressobj().decompress(d, _MOST),
    }
    try:
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for entry in tar:
                    file = tar.extractfile(entry) if entry.isreg() else None
                    if file is not None:
                        yield entry.name, file.read(_MOST)
        elif zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        yield member.filename, archive.open(member).read(_MOST)
        else:
            unpack = next((packed[start] for start in packed if data.startswith(start)), None)
            if unpack is not None:
                yield "unpacked", unpack(data)
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
    ):
        return
