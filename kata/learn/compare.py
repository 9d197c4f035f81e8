"""A solved kata beside other right ways: the text, the approach's sentence, and what can be counted.

Every way is asked through the waist, in a child of the worker, by the same call: one that the kata's laws make.
"""

import ast
import difflib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge.catalogue import Catalogue
from kata.judge.exam import Conversation
from kata.learn.reading import broken
from kata.waist.codec import Handle, KataName, ProbeName, Raised
from kata.waist.implementation import ROOT, Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.question import Answered, Question
from kata.waist.session import Stopped


@dataclass(frozen=True)
class Way:
    """One right way to write a kata."""

    title: str
    implementation: Implementation
    file: Path
    name: str
    note: str = ""
    counts: dict[str, str] = field(default_factory=dict)
    """What was counted, by the name of the column; empty where the kata is no call that can be counted."""


def ways(kata: Kata, implementation: Implementation) -> list[Way]:
    """Yours, the reference, and every approach."""
    reference = implementation_at("solutions")
    chapter = f"{kata.chapter}.py"
    found = [
        Way("yours", implementation, Path(implementation.folder) / chapter, kata.name),
        Way("the reference", reference, Path(reference.folder) / chapter, kata.name),
    ]
    for described in curriculum.variants_of("approach", kata):
        variant = described.variant
        other = Implementation(reference.folder, variant)
        found.append(Way(variant.name, other, Path(variant.path), variant.name, described.text))
    return found


# The texts


def text_of(path: Path, name: str) -> str:
    """The definition `name` in `path` with its comments, and before it the helpers and constants that it uses.

    Docstrings are left out, for they are the same everywhere; so are other katas that it calls.
    """
    katas = {kata.name for kata in curriculum.katas()}
    body = ast.parse(path.read_text("utf-8")).body
    named = {found: node for node in body for found in _defined(node) if found == name or found not in katas}
    used: list[ast.stmt] = []
    waiting = [name]
    while waiting:
        node = named.get(waiting.pop())
        if node is not None and node not in used:
            used.append(node)
            waiting += _used(node)
    lines = path.read_text("utf-8").splitlines()
    return "\n\n\n".join(_lines_of(node, lines) for node in body if node in used)


def _used(node: ast.AST) -> list[str]:
    """The names in the statement, but for those of types: they do nothing."""
    types: set[ast.AST] = set()
    for inner in ast.walk(node):
        annotation = getattr(inner, "annotation", None) or getattr(inner, "returns", None)
        if annotation is not None:
            types |= set(ast.walk(annotation))
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner not in types]


def _defined(node: ast.stmt) -> list[str]:
    """The names that the statement defines; imports define none, for they say nothing about the way."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name) and target.id != "__all__"]


def _lines_of(node: ast.stmt, lines: list[str]) -> str:
    left_out: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
            docstring = inner.body[0]
            left_out |= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    # The decorators of an approach say what it is; all others are part of the way.
    decorators = getattr(node, "decorator_list", [])
    kept = [d for d in decorators if not ast.unparse(d).startswith(("approach(", "misconception("))]
    first = min([node.lineno, *(decorator.lineno for decorator in kept)])
    start = min([first, *(decorator.lineno for decorator in decorators)])
    above: list[str] = []
    while start - len(above) >= 2 and lines[start - len(above) - 2].startswith("#"):
        above.insert(0, lines[start - len(above) - 2])
    last = node.end_lineno or node.lineno
    return "\n".join([*above, *(lines[i - 1] for i in range(first, last + 1) if i not in left_out)]).rstrip()


def differences(kata: Kata, implementation: Implementation) -> list[tuple[Way, str]]:
    """Each other right way, whole, with what differs from yours marked + and -; "" where it is the same."""
    yours, *others = ways(kata, implementation)
    mine = text_of(yours.file, yours.name).splitlines()
    found = []
    for way in others:
        # The approach has a name of its own, which is no difference.
        theirs = re.sub(rf"\b{way.name}\b", kata.name, text_of(way.file, way.name)).splitlines()
        rows = list(difflib.unified_diff(mine, theirs, lineterm="", n=len(mine) + len(theirs)))
        found.append((way, "\n".join(rows[3:])))
    return found


def show_differences(kata: Kata, implementation: Implementation, console: Console) -> None:
    """Print each other right way: what it is called, where it stands, its sentence, and its text beside yours."""
    console.print(f"[bold]{kata.name}[/bold]: yours beside other right ways, whole, without docstrings.")
    console.print("[red]- stands only in yours[/red], [green]+ only in the other way[/green], the rest in both.")
    for way, diff in differences(kata, implementation):
        line = curriculum.line_of(way.file, way.name)
        place = f"{way.file.relative_to(ROOT) if way.file.is_relative_to(ROOT) else way.file}:{line}"
        console.print(f"\n[bold]{escape(way.title)}[/bold]  [dim]{escape(place)}[/dim]")
        if way.note:
            console.print(escape(way.note), soft_wrap=False)
        if not diff:
            console.print("(the same as yours, to the letter)")
        for row in diff.splitlines():
            style = "green" if row.startswith("+") else "red" if row.startswith("-") else ""
            for part in broken(row, console.width) if console.is_terminal else [row]:
                console.print(Text(part, style=style), soft_wrap=True)


# What can be counted

COLUMNS = {
    "eager ops": "operations that one eager call runs",
    "graph ops": "operations in the graph that tf.function makes of it, before optimization",
    "peak memory": "the most that its intermediate results take at once, as a multiple of the input",
    "traces": "of one tf.function, over five batch sizes (with reduce_retracing)",
    "Python runs": "how often the Python code ran for those five calls",
    "finite up to": "the input, times this power of ten and no more, gives finite results",
    "not 0 down to": "the input, times this power of ten and no less, gives a result other than 0",
}


def counted(kata: Kata, implementation: Implementation, worker: Worker) -> list[Way]:
    """Yours and every other right way, each with what can be counted about it.

    Raises:
        Stopped: the machine's fault kept a way from being asked (`infrastructure`).
    """
    catalogue = Catalogue.on(worker)
    try:
        sample = _sample(kata, catalogue)
        found = ways(kata, implementation)
        return [replace(way, counts=_count(way, kata, sample, worker)) for way in found] if sample else found
    finally:
        catalogue.close()


def show_counts(found: list[Way], console: Console) -> None:
    """Print the table of what was counted, and what its columns mean."""
    if not found[0].counts:
        console.print("It is no single call on arrays, so there is nothing to count; the texts:")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for column in COLUMNS:
        table.add_column(column.replace(" ", "\n", 1), justify="right")
    for way in found:
        table.add_row(way.title, *(way.counts[column] for column in COLUMNS))
    console.print(table)
    console.print("[dim]What the columns count, for the largest single call that the kata's laws make:[/dim]")
    for column, meaning in COLUMNS.items():
        console.print(f"[dim]  {column}: {meaning}[/dim]", soft_wrap=False)


def _sample(kata: Kata, catalogue: Catalogue) -> Conversation | None:
    """The conversation that ends in the largest direct call of the kata, or of the object that it made."""
    largest, found = 0, None
    for questions, answers in catalogue.talks(kata):
        for i, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            if not isinstance(answer, Answered) or question.read:
                continue
            if isinstance(answer.value, Handle) or not _is_direct(question, kata.key):
                continue
            size = _size((question.args, question.kwargs))
            if size > largest:
                largest, found = size, questions[: i + 1]
    return found


def _is_direct(question: Question, kata: KataName) -> bool:
    if isinstance(question.target, Handle):
        return question.member in (None, "update_state")
    return bool(question.target == kata)


def _size(value: Any) -> int:
    """Bytes in all float32 arrays, and next to nothing for others."""
    if isinstance(value, np.ndarray):
        return value.nbytes if value.dtype == np.float32 else min(value.size, 1)  # others where there is no better
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 0


def _count(way: Way, kata: Kata, sample: Conversation, worker: Worker) -> dict[str, str]:
    """Let the probes count on the last call of `sample`, after the calls before it have been made."""
    backend = Isolated(way.implementation, Limits(), worker)
    *before, last = sample

    def ask(probe: str) -> Any:
        backend.begin(kata.key)
        for i, question in enumerate(before):
            backend.ask(replace(question, starts_example=i == 0, guarded=None))
        arguments = (last.target, last.member, list(last.args), last.kwargs)
        answer = backend.ask(Question(ProbeName("compare", probe), None, arguments, {}, starts_example=not before))
        return None if isinstance(answer, Raised) else answer.value

    def survived(probe: str) -> Any:
        try:
            return ask(probe)
        except (Stopped, WorkerLost):
            return None

    try:
        graph, traced = survived("graph_cost"), survived("traces")
        extremes = survived("extremes")
        return {
            "eager ops": _shown(survived("operations_run")),
            "graph ops": _shown(graph and graph["operations"]),
            "peak memory": f"{graph['peak']:.1f}×" if graph else "–",
            "traces": _shown(traced and traced["traces"]),
            "Python runs": _shown(traced and traced["runs"]),
            "finite up to": _power(extremes, 0),
            "not 0 down to": _power(extremes, 1),
        }
    finally:
        backend.close()


def _shown(number: Any) -> str:
    return "–" if number is None else str(number)


def _power(extremes: Any, which: int) -> str:
    if extremes is None:
        return "–"
    return "any" if extremes[which] is None else f"1e{extremes[which]:+d}"
