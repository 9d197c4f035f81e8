"""What a learner reads when a law does not hold: at most a dozen lines, the mistake before the machinery."""

import inspect
import textwrap
from typing import Any

from kata.course import curriculum
from kata.waist.codec import KataName
from kata.waist.implementation import ROOT
from kata.waist.session import Session
from kata.waist.show import shorten
from kata.waist.verdict import LawReport, Outcome

_WIDTH = 110
_PRINTED_LINES = 3


def report(
    law: Any,
    session: Session,
    kata: KataName,
    outcome: Outcome,
    cause: str,
    *,
    yours: str = "",
    expected: str = "",
    line: int | None = None,
    trace: str = "",
) -> LawReport:
    """The report on a law that does not hold."""
    summary = shorten(cause, 160)
    if yours and expected:
        summary = shorten(f"{summary.rstrip('.')}: expected {expected}, yours {yours}", 240)
    if outcome is Outcome.TODO:
        return LawReport(outcome=outcome, cause=summary, message=f"{kata.name}: {summary}")
    rows = [
        ("law", inspect.cleandoc(law.__doc__ or law.__name__).split("\n\n")[0]),
        *(("input" if i == 0 else "", call) for i, call in enumerate(session.shown_calls())),
        ("expected", expected),
        ("yours", yours),
        ("problem", cause),
        *(("in" if i == 0 else "", row) for i, row in enumerate(trace.splitlines()[-6:])),
        *(("printed" if i == 0 else "", row) for i, row in enumerate(_printed(session))),
        ("where", _where(session, kata, line)),
        ("next", f"uv run kata hint {kata.name}"),
    ]
    heading = f"{kata.name}: {law.__name__.removeprefix('test_').replace('_', ' ')}"
    body = [part for label, text in rows if text for part in _row(label, text)]
    return LawReport(outcome=outcome, cause=summary, message="\n".join([heading, *body]))


def with_diagnosis(message: str, sentence: str, next_step: str) -> str:
    """The message with the misconception that it comes from, and the hint that helps against it."""
    lines = message.splitlines()
    place = next((i for i, line in enumerate(lines) if line.startswith("  where ")), len(lines))
    lines[place:place] = _row("mistake", sentence)
    if lines[-1].startswith("  next "):
        lines[-1:] = _row("next", next_step)
    return "\n".join(lines)


def _row(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), _WIDTH)[:3] if label else [text]
    return [f"  {label if i == 0 else '':<9} {part}" for i, part in enumerate(lines)]


def _printed(session: Session) -> list[str]:
    lines = [line for line in session.backend.printed.splitlines() if line.strip()]
    shown = [shorten(line) for line in lines[:_PRINTED_LINES]]
    return [*shown, "…"] if len(lines) > _PRINTED_LINES else shown


def _where(session: Session, kata: KataName, line: int | None) -> str:
    path, name = session.implementation.definition(kata)
    number = line or curriculum.line_of(path, name)
    label = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{label}:{number}" if number else f"{label}"
