"""What a learner is told when a law does not hold, row by row: law, smallest input, where to look, what next."""

import ast
import inspect
from pathlib import Path
from typing import Any

from kata.course import curriculum
from kata.waist import nested
from kata.waist.assertions import LawViolation
from kata.waist.codec import Handle, KataName
from kata.waist.implementation import ROOT
from kata.waist.question import Answered, Question
from kata.waist.session import Session
from kata.waist.show import shorten
from kata.waist.verdict import LawReport, Message, Outcome, Row

_PRINTED_LINES = 3
_CUT_OFF = "None came back: the result is cut off from its input, or a `return` is missing."
_CANNOT_BE_USED = "What came back could not be used"


def report(
    law: Any,
    session: Session,
    kata: KataName,
    outcome: Outcome,
    cause: str,
    *,
    violation: LawViolation | None = None,
    line: int | None = None,
    trace: str = "",
) -> LawReport:
    """The report on a law that does not hold; `violation` is what an assertion said, where one did."""
    yours, expected = (violation.yours, violation.expected) if violation else ("", "")
    actual = violation.actual if violation else ...
    cause = _with_place(cause, session, kata, actual, violation.path if violation else ())
    if outcome is Outcome.WRONG and _came_to_nothing(cause, session, actual):
        cause = _nothing(session, kata)
        yours, actual = yours or "None", None
    summary = shorten(cause, 160)
    if yours and expected:
        summary = shorten(f"{summary.rstrip('.')}: expected {expected}, yours {yours}", 240)
    if outcome is Outcome.TODO:
        return LawReport(outcome=outcome, cause=summary, message=Message(f"{kata.name}: {summary}"))
    calls, whole = session.shown_calls()
    rows = [
        Row("law", inspect.cleandoc(law.__doc__ or law.__name__).split("\n\n")[0]),
        *(Row("input" if i == 0 else "", call) for i, call in enumerate(calls)),
        Row("expected", expected),
        Row("yours", yours),
        Row("problem", cause),
        *(Row("in" if i == 0 else "", row, True) for i, row in enumerate(trace.splitlines()[-4:])),
        *(Row("printed" if i == 0 else "", row, True) for i, row in enumerate(_printed(session))),
        Row("where", _where(session, kata, line, is_about_value=actual is not ...)),
        Row("script", _command("show", session, kata) if calls and not (whole and len(calls) == 1) else ""),
        Row("next", f"uv run kata hint {kata.name}"),
    ]
    heading = f"{kata.name}: {law.__name__.removeprefix('test_').replace('_', ' ')}"
    message = Message(heading, tuple(row for row in rows if row.text))
    return LawReport(outcome=outcome, cause=summary, message=message, yours=yours, expected=expected)


def _command(name: str, session: Session, kata: KataName) -> str:
    label = session.implementation.label
    return f"uv run kata {name} {kata.name}" + ("" if label == "exercises" else f" --impl {label}")


def _printed(session: Session) -> list[str]:
    lines = [line for line in session.backend.printed.splitlines() if line.strip()]
    shown = [shorten(line) for line in lines[:_PRINTED_LINES]]
    return [*shown, "…"] if len(lines) > _PRINTED_LINES else shown


# Which part of a result is wrong


def _with_place(cause: str, session: Session, kata: KataName, actual: Any, path: nested.Path) -> str:
    """`cause` with the part of a result that it is about, where the result has several.

    `actual` is looked for in what came back; `path` is the way to it from what the law looked at, if any.
    """
    found = _path_to(actual, session)
    if found:
        return f"{_in_words(*found, session, kata)}: {cause}"
    return f"{cause.removesuffix('.')} at {''.join(path)}." if path else cause


def _path_to(actual: Any, session: Session) -> tuple[Any, nested.Path] | None:
    """The latest answer that holds `actual`, and the way to it; None where it, or its like, is there twice."""
    if actual is ... or isinstance(actual, bool | int | str) or actual is None:
        return None  # such values are one object wherever they occur
    for answer in reversed(session.answers):
        value = answer.value if isinstance(answer, Answered) else None
        found = [path for path, leaf in nested.places(value) if leaf is actual]
        if found:
            return (value, found[0]) if len(found) == 1 and found[0] else None
    return None


def _in_words(answer: Any, path: nested.Path, session: Session, kata: KataName) -> str:
    """The second of a tuple as "2nd result, m"; a field as "`fn`"; a key as "key 'loss'"; else as it is written."""
    step, question = path[0], _latest(session)
    is_kata = question is not None and isinstance(question.target, KataName)
    if len(path) == 1 and step.startswith("."):
        return f"`{step[1:]}`"
    if len(path) == 1 and step.startswith("['"):
        return f"key {step[1:-1]}"
    if not (is_kata and type(answer) is tuple):
        return f"`result{''.join(path)}`"
    number = int(step[1:-1])
    name = _returned_name(session, kata, number)
    rest = f", at {''.join(path[1:])}" if len(path) > 1 else ""
    return f"{_ordinal(number + 1)} result{f', {name}' if name else ''}{rest}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _returned_name(session: Session, kata: KataName, number: int) -> str:
    """The name that the kata, or else the reference, gives to the result of that number."""
    path, name = session.implementation.definition(kata)
    for file, definition in ((path, name), (ROOT / "solutions" / f"{kata.chapter}.py", kata.name)):
        found = [node.value for node in _returns(_defined(file, definition))]
        if found and isinstance(found[-1], ast.Tuple) and number < len(found[-1].elts):
            element = found[-1].elts[number]
            if isinstance(element, ast.Name):
                return element.id
    return ""


def _latest(session: Session) -> Question | None:
    asked = session.calls or session.asked
    return asked[-1] if asked else None


# Nothing came back


def _came_to_nothing(cause: str, session: Session, actual: Any) -> bool:
    last = session.answers[-1] if session.answers else None
    is_none = isinstance(last, Answered) and last.value is None
    return is_none and (actual is None or (cause.startswith(_CANNOT_BE_USED) and "NoneType" in cause))


def _nothing(session: Session, kata: KataName) -> str:
    question = _latest(session)
    if question is None:
        return _CUT_OFF
    if isinstance(question.target, KataName) and question.member is None:
        name = question.target.name
        missing = question.target == kata and not _returns(_definition(session, kata))
        return f"{name} returns None: {'there is no `return` in it' if missing else 'is a `return` missing?'}"
    if isinstance(question.target, KataName | Handle):
        return f"{question.member or 'the call'} returns None: is a `return` missing?"
    return _CUT_OFF


# Where to look


def _defined(path: Path, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    try:
        return curriculum.definitions(path).get(name)
    except (OSError, SyntaxError, ValueError):
        return None  # said when the chapter is loaded


def _definition(session: Session, kata: KataName) -> ast.FunctionDef | ast.ClassDef | None:
    """What of the kata was called last: its function, or the method of its class."""
    path, name = session.implementation.definition(kata)
    node = _defined(path, name)
    question = _latest(session)
    member = question.member if question else None
    if isinstance(node, ast.ClassDef):
        return next((part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == member), node)
    return node


def _returns(node: ast.AST | None) -> list[ast.Return]:
    """The `return` statements with a value of a function's own body, in their order."""
    if not isinstance(node, ast.FunctionDef):
        return []
    found: list[ast.Return] = []
    waiting: list[ast.AST] = list(reversed(node.body))
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Return) and part.value is not None:
            found.append(part)
        if not isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.AsyncFunctionDef):
            waiting += reversed(list(ast.iter_child_nodes(part)))
    return found


def _where(session: Session, kata: KataName, line: int | None, *, is_about_value: bool) -> str:
    """The line of an exception; for a wrong value the only `return`, or the end of what has none; else the `def`."""
    path, name = session.implementation.definition(kata)
    label: Path | str = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if session.implementation.shown and path.parent == Path(session.implementation.folder):
        label = f"{session.implementation.shown}/{path.name}"
    node = _definition(session, kata)
    if line is None and is_about_value and session.answers and isinstance(session.answers[-1], Answered):
        returns = _returns(node)
        if len(returns) == 1:
            line = returns[0].lineno
        elif not returns and isinstance(node, ast.FunctionDef) and session.answers[-1].value is None:
            line = node.body[-1].lineno
    number = line or (node.lineno if node is not None else curriculum.line_of(path, name))
    return f"{label}:{number}" if number else f"{label}"
