"""What the judge can say: the outcomes, of one law and of one kata. Every front end shows or stores these."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec


class Outcome(StrEnum):
    """How a law, or a kata as a whole, came out."""

    SOLVED = "solved"
    WRONG = "wrong"
    TODO = "todo"
    BROKEN = "broken"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    READY_MADE = "ready_made"
    MISSING = "missing"
    INFRASTRUCTURE = "infrastructure"


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One row of a message: what its label says it is, and its text; no label goes on with the row above."""

    label: str
    text: str
    is_optional: bool = False
    """Whether it is left out where the message would become too long."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """What a learner reads of a law that does not hold, as data until it is shown."""

    heading: str
    rows: tuple[Row, ...] = ()

    def with_mistake(self, sentence: str, next_step: str = "") -> "Message":
        """The same with the mistake's name before the place in the file, and another next step if one is given."""
        place = next((i for i, row in enumerate(self.rows) if row.label == "where"), len(self.rows))
        rows = [*self.rows[:place], Row("mistake", sentence), *self.rows[place:]]
        if next_step:
            rows = [Row("next", next_step) if row.label == "next" else row for row in rows]
        return Message(self.heading, tuple(rows))


class LawReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one law: `outcome` is SOLVED when it holds; else `cause` is a line and `message` the whole."""

    outcome: Outcome
    cause: str = ""
    message: Message | None = None
    yours: str = ""
    expected: str = ""


DOES_NOT_LOAD = "the chapter does not load: "
"""So begins the cause of each kata of a chapter that cannot be imported."""
DIAGNOSABLE = (Outcome.WRONG, Outcome.BROKEN)
"""Outcomes of an implementation that answers, so that its behaviour can be compared with misconceptions'."""

NOT_JUDGED = LawReport(outcome=Outcome.INFRASTRUCTURE, cause="not judged: the run ended before this law's turn")


INTERRUPTED = LawReport(outcome=Outcome.INFRASTRUCTURE, cause="interrupted before this law's turn")
STOPPED = LawReport(outcome=Outcome.INFRASTRUCTURE, cause="the run was stopped before this law's turn")


class KataVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a kata: solved only if every one of its laws was reported to hold."""

    outcome: Outcome
    passed: int
    total: int
    cause: str
    diagnosis: str = ""
    """The misconception's sentence, where one behaves like the kata."""


def of_kata(reports: Iterable[LawReport | None], absent: LawReport = NOT_JUDGED) -> KataVerdict:
    """The verdict on a kata, from its laws' reports in file order (None: never judged, for which `absent` stands)."""
    judged = [report or absent for report in reports]
    failures = [report for report in judged if report.outcome is not Outcome.SOLVED]
    # A law that was handed to a built-in says more than whatever else went wrong.
    first = next((r for r in failures if r.outcome is Outcome.READY_MADE), failures[0] if failures else None)
    if not judged:
        first = LawReport(outcome=Outcome.INFRASTRUCTURE, cause="no law was selected")
    return KataVerdict(
        outcome=first.outcome if first else Outcome.SOLVED,
        passed=len(judged) - len(failures),
        total=len(judged),
        cause=first.cause if first else "",
    )


def exit_status(verdicts: Iterable[KataVerdict]) -> int:
    """What a command that judged ends with: 0 all solved, 3 when one was not judged for the machine's fault, else 1."""
    outcomes = {verdict.outcome for verdict in verdicts}
    if Outcome.INFRASTRUCTURE in outcomes:
        return 3
    return 0 if outcomes <= {Outcome.SOLVED} else 1


def as_json(verdicts: dict[str, dict[str, KataVerdict]]) -> bytes:
    """`{"ch02_losses": {"huber": {"outcome": …, "passed": …, "total": …, "cause": …}}}`, indented."""
    data: dict[str, Any] = msgspec.to_builtins(verdicts)
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"
