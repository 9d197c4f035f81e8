"""Makes a chapter's file of the cells that were executed in a notebook, by syntax tree: nothing is run.

Of every name the latest import, function, class or assignment at the top of a cell counts, as in the notebook. Only
what the katas need goes into the file: from their definitions on, whatever these read, and whatever that reads. So an
experiment (`print(huber(…))`, `loss = huber(…)`, a loop, a plot) is no part of it unless a kata relies on it.
"""

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_DEFINES = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)", re.MULTILINE)
_NOT_PYTHON = re.compile(r"^\s*(?:[\w, ]+=\s*)?[%!?].*$|^.*\?\s*$", re.MULTILINE)
_PYTHON_MAGIC = re.compile(r"^%%(?:time|capture|prun)\b")
"""Cell magics after which the cell is still Python that defines names in the notebook."""

_STUB = 0
"""The number of the "cell" that holds the stubs; the notebook's own count from 1."""


@dataclass(frozen=True)
class Place:
    """A line (from 1) of the cell with this number."""

    cell: int
    line: int

    def __str__(self) -> str:
        return f"cell [{self.cell}], line {self.line}"


@dataclass(frozen=True, eq=False)
class _Statement:
    """A statement that binds names, and the names that it reads."""

    text: str
    place: Place
    binds: tuple[str, ...]
    at_once: frozenset[str]
    """Read while the statement runs: decorators, defaults, annotations, base classes, the body of a class."""
    later: frozenset[str]
    """Read when a function is called."""
    before: list["_Statement"] = field(default_factory=list)
    """What bound a name of its own that it reads at once: `huber = tf.function(huber)`."""


@dataclass(frozen=True)
class Collected:
    """The chapter's text, where each of its lines comes from, and what the learner should know of what was left out."""

    text: str
    places: tuple[Place | None, ...]
    notes: tuple[str, ...]

    def place(self, line: int) -> Place | None:
        """Where line `line` (from 1) of the text comes from; None for a stub's."""
        return self.places[line - 1] if 0 < line <= len(self.places) else None


def collect(stubs: str, cells: Sequence[str], katas: Sequence[str]) -> Collected:
    """The chapter's file for the `cells`, in the order of execution; a kata that none of them defines stays a stub.

    Args:
        stubs: The untouched text of the chapter.
        cells: What was executed. Lines for IPython (`%`, `!`, `?`) are skipped, and so are cells that do not parse.
        katas: The names that the file is to define.
    """
    latest: dict[str, _Statement] = {}
    stars: list[_Statement] = []
    unread: dict[str, str] = {}
    for number, cell in enumerate([stubs, *cells]):
        try:
            statements = list(_statements(_python(cell), number))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            about = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
            unread.update(
                {n: f"cell [{number}] is not Python ({about}), so its {n} does not count" for n in _named(cell)}
            )
            continue
        for statement in statements:
            statement.before.extend(latest[n] for n in statement.binds if n in statement.at_once and n in latest)
            latest.update(dict.fromkeys(statement.binds, statement))
            for name in statement.binds:
                unread.pop(name, None)
            if not statement.binds:
                stars.append(statement)
    chosen = _in_order([*stars, *(latest[name] for name in katas if name in latest)], latest)
    notes = [*unread.values(), *([] if stars else _missing(chosen, latest))]
    return _joined(chosen, notes)


def _named(cell: str) -> list[str]:
    return _DEFINES.findall(cell)


def _python(cell: str) -> str:
    """The cell without the lines that are for IPython, each replaced by an empty one.

    Raises:
        SyntaxError: what is left is not Python.
    """
    if cell.startswith("%%") and not _PYTHON_MAGIC.match(cell):
        return ""  # a shell script, a file to be written …
    try:
        _compile(cell)
        return cell
    except SyntaxError:
        cell = _NOT_PYTHON.sub("", cell)
    _compile(cell)
    return cell


def _compile(text: str) -> None:
    """Raise SyntaxError where IPython would; `ast.parse` alone lets `return` outside a function pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _statements(text: str, cell: int) -> Iterator[_Statement]:
    """The statements of a cell that bind names, and imports with a star, which bind nobody knows what."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        binds = tuple(_bound(node))
        if not binds and not _is_star(node):
            continue
        first = node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            source = "".join(lines[first - 1 : node.end_lineno])
        else:
            source = ast.get_source_segment(text, node) or ""
        table = symtable.symtable(source, "<cell>", "exec")
        at_once = frozenset(_read_at_once(table))
        if isinstance(node, ast.Import):  # `import a.b` adds to the `a` that is there
            at_once |= {alias.name.split(".")[0] for alias in node.names if "." in alias.name and not alias.asname}
        yield _Statement(source.rstrip("\n"), Place(cell, first), binds, at_once, frozenset(_read(table)) - at_once)


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement binds, if it is one that may be part of a chapter."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import):
        yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
        yield from (alias.asname or alias.name for alias in node.names if alias.name != "*")
    elif isinstance(node, ast.Assign):
        targets = [name for target in node.targets for name in _targets(target)]
        yield from targets if all(targets) else ()
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield from filter(None, _targets(node.target))
    elif type(node).__name__ == "TypeAlias":  # from Python 3.12 on
        yield node.name.id  # type: ignore[attr-defined]


def _targets(target: ast.expr) -> list[str]:
    """The names in an assignment's target; an empty one stands for an attribute or an item."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _targets(element)]
    return [target.id] if isinstance(target, ast.Name) else [""]


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    """The global names that a statement reads, now or later."""
    top = table.get_type() == "module"
    yield from (s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global()))
    for child in table.get_children():
        yield from _read(child)


def _read_at_once(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    yield from (s.get_name() for s in table.get_symbols() if (s.is_referenced() if top else s.is_global()))
    for child in table.get_children():
        if child.get_type() != "function" or child.get_name() in ("listcomp", "setcomp", "dictcomp", "genexpr"):
            yield from _read_at_once(child)


def _in_order(roots: list[_Statement], latest: dict[str, _Statement]) -> list[_Statement]:
    """The statements that the roots need, each after what it reads at once."""
    chosen: list[_Statement] = []
    seen: set[int] = set()

    def add(statement: _Statement) -> None:
        if id(statement) in seen:
            return
        seen.add(id(statement))
        for needed in [*statement.before, *(latest[name] for name in sorted(statement.at_once) if name in latest)]:
            add(needed)
        chosen.append(statement)
        # Right behind it, not at the end: a later assignment may call it.
        for name in sorted(statement.later):
            if name in latest:
                add(latest[name])

    for root in roots:
        add(root)
    return chosen


def _missing(chosen: list[_Statement], latest: dict[str, _Statement]) -> Iterator[str]:
    """A note for each name that the chapter will not find, although the notebook may have it."""
    told: set[str] = set()
    for statement in chosen:
        for name in sorted(statement.at_once | statement.later):
            if name in latest or name in told or hasattr(builtins, name) or statement.place.cell == _STUB:
                continue
            told.add(name)
            where = f"{statement.binds[0]} (cell [{statement.place.cell}])"
            yield f"{where} uses {name}, which no import, function, class or assignment at the top of a cell defines"


def _joined(chosen: list[_Statement], notes: list[str]) -> Collected:
    texts: list[str] = []
    places: list[Place | None] = []
    for statement in chosen:
        rows = [*statement.text.split("\n"), "", ""]
        texts += rows
        places += [
            None if statement.place.cell == _STUB else Place(statement.place.cell, statement.place.line + i)
            for i in range(len(rows))
        ]
    return Collected("\n".join(texts).rstrip("\n") + "\n", tuple(places), tuple(notes))
