"""Writes `exercises/` from `solutions/`: signatures and docstrings stay, bodies become NotImplementedError.

The rules of every kata stand at the head, and above each kata what is known of it.
What the learner is given stays whole: functions with `# given` on their `def` line, and public top-level
names that are not in `__all__`. Private top-level names vanish. `uv run python -m kata.course.stubs` writes;
`--check` only compares.
"""

import sys
from pathlib import Path

import libcst as cst

from kata.course import curriculum, rules
from kata.waist.implementation import EDITION, ROOT

_STUB = cst.parse_statement("raise NotImplementedError")


class _Emptied(cst.CSTTransformer):
    """Empties the functions that a learner is to write."""

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        body = updated_node.body
        if not isinstance(body, cst.IndentedBlock) or _is_given(body):
            return updated_node
        docstring = body.body[:1] if updated_node.get_docstring() is not None else ()
        return updated_node.with_changes(body=body.with_changes(body=[*docstring, _STUB], footer=[]))

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        return None


def _is_given(body: cst.IndentedBlock) -> bool:
    comment = body.header.comment
    return comment is not None and comment.value.replace(" ", "").startswith("#given")


def stub(source: str, katas: dict[str, str]) -> str:
    """The text of the exercises' chapter for the solutions' chapter `source`.

    Args:
        source: the chapter's text.
        katas: its katas' names, each with the comment that stands above it.
    """
    module = cst.parse_module(source)
    statements: list[cst.BaseStatement | cst.SimpleStatementLine] = []
    for statement in module.body:
        name = _name_of(statement)
        if name is not None and name.startswith("_") and name != "__all__":
            continue
        if name in katas:
            statement = statement.visit(_Emptied())  # type: ignore[assignment]
            above = cst.EmptyLine(comment=cst.Comment(f"# {katas[name]}"))
            statement = statement.with_changes(leading_lines=[*statement.leading_lines, above])
        statements.append(statement)
    return f"{rules.as_comment()}\n{module.with_changes(body=statements).code}"


def _name_of(statement: cst.BaseStatement | cst.BaseSmallStatement) -> str | None:
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return statement.name.value
    if isinstance(statement, cst.SimpleStatementLine):
        part = statement.body[0]
        if isinstance(part, cst.Assign) and isinstance(part.targets[0].target, cst.Name):
            return part.targets[0].target.value
        if isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name):
            return part.target.value
    return None


def pristine(chapter: str) -> str:
    """The untouched text of `exercises/<chapter>.py`; a student edition keeps it."""
    path = curriculum.SOURCE / f"{chapter}.py"
    if EDITION:
        return path.read_text(encoding="utf-8")
    found = next(each for each in curriculum.chapters() if each.name == chapter)
    above = {
        kata.name: f"{kata.kind} · {kata.stars} · {kata.minutes} min · uv run kata lesson {kata.name}"
        for kata in found.katas
    }
    return stub(path.read_text(encoding="utf-8"), above)


def out_of_step(folder: Path = ROOT / "exercises") -> list[str]:
    """The chapters whose exercises are not what the solutions give."""
    names = [chapter.name for chapter in curriculum.chapters()]
    return [
        name
        for name in names
        if not (folder / f"{name}.py").exists() or (folder / f"{name}.py").read_text("utf-8") != pristine(name)
    ]


def main(arguments: list[str]) -> int:
    """Write the exercises that are out of step; with `--check`, only name them (exit status 1)."""
    late = out_of_step()
    for name in late:
        print(f"exercises/{name}.py {'is out of step with' if '--check' in arguments else 'written from'} solutions/")
        if "--check" not in arguments:
            (ROOT / "exercises" / f"{name}.py").write_text(pristine(name), "utf-8")
    return 1 if late and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
