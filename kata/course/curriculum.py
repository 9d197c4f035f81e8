"""Chapters and katas, read from the folders by syntax tree: no import, no TensorFlow.

The names and their order come from `__all__` in `solutions/` (in a student edition, which has none, from the untouched
stubs in `stubs/`), what a kata is (scratch or keras, difficulty, minutes) and its hints from its section in `lessons/`,
its laws from `tests/`.
"""

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from kata.waist.codec import KataName
from kata.waist.implementation import EDITION, ROOT, Variant

SOURCE = ROOT / ("stubs" if EDITION else "solutions")
"""The folder that says which chapters and katas there are, and what each promises."""

_HEADING = re.compile(r"^## `(\w+)`\s*$", re.MULTILINE)
_META = re.compile(r"^\*(scratch|keras|free) · ([★☆]{3}) · (\d+) min\*\s*$", re.MULTILINE)
_CHAPTER = re.compile(r"(?:ch)?0*(\d{1,2})(_\w+)?(?:\.py)?")
_HINTS = re.compile(r"^### Hints\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Kata:
    """One kata: a public name of a chapter."""

    chapter: str
    name: str
    kind: str
    """`scratch` (from tensor operations), `keras` (with Keras' own objects) or `free`."""
    difficulty: int
    """One to three stars."""
    minutes: int
    goal: str
    """The first line of its docstring."""
    lesson: str
    """Its section of the lesson, without the hints (Markdown)."""
    hints: tuple[str, ...]

    @property
    def key(self) -> KataName:
        return KataName(self.chapter, self.name)

    @property
    def stars(self) -> str:
        """The difficulty as it is shown: ★★☆."""
        return "★" * self.difficulty + "☆" * (3 - self.difficulty)

    @property
    def is_scratch(self) -> bool:
        return self.kind == "scratch"


@dataclass(frozen=True)
class Chapter:
    """One chapter: `ch02_losses`, with its title and its katas in order."""

    name: str
    title: str
    introduction: str
    katas: tuple[Kata, ...]

    @property
    def number(self) -> int:
        """2 for `ch02_losses`."""
        return int(self.name[2:4])


@dataclass(frozen=True)
class Described:
    """An approach or a misconception: the variant, and what it says of itself."""

    variant: Variant
    chapter: str
    text: str
    hint: int | None = None
    subtle: bool = False


# Syntax trees


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, stamp: tuple[int, int]) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (RecursionError, MemoryError):  # what a hostile file makes of the parser is no fault of whoever reads it
        raise SyntaxError("nested too deeply to be read") from None


def _tree(path: Path) -> ast.Module:
    status = path.stat()
    return _parsed(path, (status.st_mtime_ns, status.st_size))


def definitions(path: Path) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """The functions and classes at the top of the file `path`, by name.

    Raises:
        SyntaxError: the file is not Python.
        FileNotFoundError: there is no such file.
    """
    return {node.name: node for node in _tree(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def statements(path: Path) -> list[ast.stmt]:
    """The statements at the top of the file `path`; raises as `definitions` does."""
    return _tree(path).body


def line_of(path: Path, name: str) -> int | None:
    """The line on which `name` is defined in `path`, or None where that cannot be told."""
    try:
        found = definitions(path).get(name)
    except (OSError, SyntaxError, ValueError):
        return None
    return found.lineno if found else None


def source_of(path: Path, name: str) -> str:
    """The text of the definition `name` in `path`, its decorators and the comments right above it included."""
    node = definitions(path)[name]
    lines = path.read_text("utf-8").splitlines()
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : node.end_lineno])


def exported(path: Path) -> tuple[str, ...]:
    """The names in the `__all__` of `path`, in order."""
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return tuple(ast.literal_eval(node.value))
    return ()


def is_untouched(path: Path, kata: Kata) -> bool:
    """Whether the kata in `path` is still the stub: nothing written but what was given."""
    try:
        return _is_untouched(definitions(path).get(kata.name), kata)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False


def _is_untouched(node: ast.FunctionDef | ast.ClassDef | None, kata: Kata) -> bool:
    if isinstance(node, ast.FunctionDef):
        return _is_stub(node)
    if not isinstance(node, ast.ClassDef):
        return False
    reference = definitions(SOURCE / f"{kata.chapter}.py").get(kata.name)
    whole = reference.body if reference else []
    given = {ast.dump(member) for member in whole if not (isinstance(member, ast.FunctionDef) and _is_stub(member))}
    members = [member for member in node.body if isinstance(member, ast.FunctionDef)]
    own = [member for member in members if ast.dump(member) not in given]
    return bool(own) and all(_is_stub(member) for member in own)


def _is_stub(function: ast.FunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.dump(body[0])


def docstrings(kata: "Kata") -> str:
    """The contract of `kata`: the docstring of its definition and, for a class, those of its methods."""
    node = definitions(SOURCE / f"{kata.chapter}.py")[kata.name]
    parts = [inner for inner in ast.walk(node) if isinstance(inner, ast.FunctionDef | ast.ClassDef)]
    return "\n\n".join(text for part in parts if (text := ast.get_docstring(part)))


# Chapters and katas


@functools.cache
def chapters() -> tuple[Chapter, ...]:
    """All chapters in order."""
    return tuple(_chapter(path) for path in sorted(SOURCE.glob("ch[0-9][0-9]_*.py")))


def _chapter(path: Path) -> Chapter:
    lesson = ROOT / "lessons" / f"{path.stem}.md"
    text = lesson.read_text(encoding="utf-8") if lesson.exists() else f"# {path.stem}\n"
    heads = list(_HEADING.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    sections = {h[1]: text[h.end() : end].strip() for h, end in zip(heads, ends, strict=True)} if heads else {}
    introduction = text[: heads[0].start()] if heads else text
    heading = re.match(r"#\s*(?:\d+\s*·\s*)?(.+)", introduction.strip())
    title = heading[1] if heading else path.stem
    found = definitions(path)
    katas = tuple(_kata(path.stem, name, found, sections.get(name, "")) for name in exported(path))
    return Chapter(path.stem, title, introduction.strip(), katas)


def _kata(chapter: str, name: str, found: dict[str, ast.FunctionDef | ast.ClassDef], section: str) -> Kata:
    meta = _META.search(section)
    text, _, hints = section.partition("### Hints")
    items = re.split(r"^\d+\.\s+", hints, flags=re.MULTILINE)[1:]
    docstring = ast.get_docstring(found[name]) or "" if name in found else ""
    return Kata(
        chapter=chapter,
        name=name,
        kind=meta[1] if meta else "free",
        difficulty=meta[2].count("★") if meta else 1,
        minutes=int(meta[3]) if meta else 10,
        goal=docstring.split("\n\n")[0].replace("\n", " "),
        lesson=(text[: meta.start()] + text[meta.end() :] if meta else text).strip(),
        hints=tuple(re.sub(r"\n\s*", " ", item).strip() if "```" not in item else item.strip() for item in items),
    )


def katas() -> tuple[Kata, ...]:
    """All katas in order."""
    return tuple(kata for chapter in chapters() for kata in chapter.katas)


def find(name: str) -> list[Kata]:
    """The katas that `name` means: a kata's name, or a chapter's (`ch02_losses`, `ch02`, `ch2` or `2`).

    Raises:
        ValueError: when it means none; the text suggests near names.
    """
    meant = _CHAPTER.fullmatch(Path(name).name)
    for chapter in chapters():
        if meant and int(meant[1]) == chapter.number and (not meant[2] or chapter.name.endswith(meant[2])):
            return list(chapter.katas)
    found = [kata for kata in katas() if kata.name == name]
    if found:
        return found
    import difflib

    names = [kata.name for kata in katas()] + [chapter.name for chapter in chapters()]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`uv run kata list` shows all"
    raise ValueError(f"there is no kata or chapter {name!r}; {hint}")


def variants(kind: str, chapter: str) -> list[Described]:
    """The approaches or misconceptions (`kind`) of `chapter`, in file order."""
    folder = ROOT / ("solutions/approaches" if kind == "approach" else "misconceptions")
    path = folder / f"{chapter}.py"
    if not path.exists():
        return []
    return [
        found
        for node in definitions(path).values()
        for decorator in node.decorator_list
        if (found := _described(kind, chapter, path, node.name, decorator)) is not None
    ]


def variants_of(kind: str, kata: Kata) -> list[Described]:
    """The approaches or misconceptions (`kind`) of one kata, in file order."""
    return [described for described in variants(kind, kata.chapter) if described.variant.kata == kata.name]


def _described(kind: str, chapter: str, path: Path, name: str, decorator: ast.expr) -> Described | None:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == kind):
        return None
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
    return Described(
        variant=Variant(kata=ast.literal_eval(decorator.args[0]), path=str(path), name=name),
        chapter=chapter,
        text=keywords.get("note") or keywords.get("says") or "",
        hint=keywords.get("hint"),
        subtle=keywords.get("subtle", False),
    )


# Laws

EVERY_KATA = "EveryKata"
"""Stands for a class in the names of the laws that every kata has (tests/test_every_kata.py)."""
FOR_EVERY_KATA = ("test_the_docstring_s_example_holds", "test_again_gives_the_same")


@functools.cache
def laws(chapter: str) -> dict[str, tuple[str, ...]]:
    """For each kata of `chapter` the names of its laws (`TestHuber::test_…`), in file order."""
    path = ROOT / "tests" / f"test_{chapter}.py"
    if not path.exists():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for node in definitions(path).values():
        name = next((n for d in node.decorator_list if (n := _marked(d))), None)
        if isinstance(node, ast.ClassDef) and name:
            # A law about hardware is no part of a verdict: a submission gets the same grade on any machine.
            methods = [m.name for m in node.body if isinstance(m, ast.FunctionDef) and _counts(m)]
            found[name] = found.get(name, ()) + tuple(f"{node.name}::{method}" for method in methods)
    free = tuple(f"{EVERY_KATA}::{name}" for name in FOR_EVERY_KATA)
    return {name: (*own, *free) for name, own in found.items()}


def _counts(method: ast.FunctionDef) -> bool:
    return method.name.startswith("test_") and not any(
        "pytest.mark.gpu" in ast.unparse(d) for d in method.decorator_list
    )


def _marked(decorator: ast.expr) -> str | None:
    """The name in `@pytest.mark.kata("name")`."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.kata" and decorator.args:
        return str(ast.literal_eval(decorator.args[0]))
    return None


def scratch() -> frozenset[str]:
    """The names of all katas that are to be written from tensor operations."""
    return frozenset(kata.name for kata in katas() if kata.is_scratch)


def kata_of(nodeid: str) -> tuple[str, str] | None:
    """The (chapter, kata) that the law with pytest's `nodeid` is about; None when it is no law of a kata."""
    if match := re.search(r"test_every_kata\.py::\w+\[(\w+)\]", nodeid):
        return next(((kata.chapter, kata.name) for kata in katas() if kata.name == match[1]), None)
    match = re.search(r"test_(ch\d\d_\w+)\.py::(\w+)::", nodeid)
    if not match:
        return None
    for kata, names in laws(match[1]).items():
        if any(name.startswith(f"{match[2]}::") for name in names):
            return match[1], kata
    return None


def law_of(nodeid: str) -> str:
    """The name, as in `laws`, of the law with pytest's `nodeid`: `TestHuber::test_…`."""
    nodeid = nodeid.partition("@")[0]  # what xdist appends: the group
    if match := re.search(r"test_every_kata\.py::(\w+)\[", nodeid):
        return f"{EVERY_KATA}::{match[1]}"
    return "::".join(nodeid.split("::")[1:])
