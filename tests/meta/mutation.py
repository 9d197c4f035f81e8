"""Wrong turns that nobody chose: a reference solution with one small thing in it exchanged."""

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge.catalogue import Catalogue
from kata.judge.diagnosis import bears_out
from kata.judge.judging import judge_kata
from kata.waist.implementation import ROOT, Implementation, Variant
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session

BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
}
COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
NAMES = {"reduce_mean": "reduce_sum", "reduce_sum": "reduce_mean", "minimum": "maximum", "maximum": "minimum"}
NAMES |= {"square": "abs", "sqrt": "square", "abs": "square", "log": "log1p", "floor": "round"}


@dataclass(frozen=True)
class Mutant:
    """The chapter of `kata` with one thing exchanged."""

    kata: Kata
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.kata.name}, {self.what}"

    def written(self, folder: Path) -> Implementation:
        """The implementation in which it is, its chapter written to `folder`."""
        path = folder / f"{self.kata.chapter}.py"
        path.write_text(self.text, "utf-8")
        return Implementation(str(folder), Variant(self.kata.name, str(path), self.kata.name))


def mutants(kata: Kata) -> list[Mutant]:
    """Every mutant of the reference solution of `kata`, in the order of its text."""
    path = ROOT / "solutions" / f"{kata.chapter}.py"
    tree = ast.parse(path.read_text("utf-8"))
    found = []
    for number, (line, what) in enumerate(_changes(_definition(tree, kata))):
        changed = copy.deepcopy(tree)
        list(_changes(_definition(changed, kata), number))
        found.append(Mutant(kata, f"line {line}: {what}", ast.unparse(ast.fix_missing_locations(changed))))
    return found


def chosen(katas: list[Kata], count: int, seed: int = 0) -> list[Mutant]:
    """`count` mutants of `katas`, drawn with `seed`, each of another place."""
    every = [mutant for kata in katas for mutant in mutants(kata)]
    return random.Random(seed).sample(every, min(count, len(every)))


class MutantJudge:
    """Judges mutants from outside, since a mutant may loop, and checks what is named for them."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.worker.start()
        limits = Limits(call=10.0, law=30.0)
        self.catalogue = Catalogue.on(self.worker, limits)
        self.unseen = Catalogue.on(self.worker, limits, seed=1, share=0.5)
        self._limits = limits

    def close(self) -> None:
        """End the worker."""
        self.catalogue.close()
        self.unseen.close()
        self.worker.close()

    def judge(self, mutant: Mutant, folder: Path) -> tuple[str, list[str], list[str]]:
        """(outcome, what is named, what of that is false) for one mutant."""
        kata, implementation = mutant.kata, mutant.written(folder)
        backend = Isolated(implementation, self._limits, self.worker)
        try:
            judged = judge_kata(kata, Session(implementation, backend, curriculum.scratch()), self.catalogue)
            found = judged.diagnosis
            names = [one.variant.name for one in found.named] if found else []
            session = Session(implementation, backend)
            false = names if found and not bears_out(found, kata, session, self.unseen) else []
        finally:
            backend.close()
        return judged.verdict.outcome.value, names, false


def _definition(tree: ast.Module, kata: Kata) -> ast.AST:
    return next(node for node in tree.body if getattr(node, "name", None) == kata.name)


def _changes(root: ast.AST, wanted: int | None = None) -> Iterator[tuple[int, str]]:
    """(line, what) of every change that can be made below `root`; the one with number `wanted` is made."""
    number = 0
    for node in [node for node in ast.walk(root) if not _is_annotation(node, root)]:
        for what, make in _of_node(node):
            if number == wanted:
                make()
            number += 1
            yield getattr(node, "lineno", 0), what


def _is_annotation(node: ast.AST, root: ast.AST) -> bool:
    functions = [f for f in ast.walk(root) if isinstance(f, ast.FunctionDef)]
    arguments = [a for f in functions for a in (*f.args.args, *f.args.kwonlyargs)]
    hints = [h for h in (*(f.returns for f in functions), *(a.annotation for a in arguments)) if h is not None]
    return any(node is inner for hint in hints for inner in ast.walk(hint))


def _of_node(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        other = BINARY[type(node.op)]
        yield f"{type(node.op).__name__} → {other.__name__}", lambda: setattr(node, "op", other())
        if isinstance(node.op, ast.Sub | ast.Div):
            yield "operands exchanged", lambda: _exchange(node)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
        other_op = COMPARE[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} → {other_op.__name__}", lambda: node.ops.__setitem__(0, other_op())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus dropped", lambda: setattr(node, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        yield f"{value} → {value + 1}", lambda: setattr(node, "value", value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} → {not node.value}", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{node.attr} → {NAMES[node.attr]}", lambda: setattr(node, "attr", NAMES[node.attr])
    elif isinstance(node, ast.Call) and node.keywords and node.keywords[-1].arg:
        yield f"{node.keywords[-1].arg}= left out", lambda: setattr(node, "keywords", node.keywords[:-1])
    elif isinstance(node, ast.If):
        yield "condition turned round", lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _exchange(node: ast.BinOp) -> None:
    node.left, node.right = node.right, node.left
