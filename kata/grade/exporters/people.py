"""What exporters ask of a roster: whoever has these attributes serves."""

from collections.abc import Mapping
from typing import Protocol


class StudentLike(Protocol):
    """One row of a roster."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def more(self) -> Mapping[str, str]:
        """Further columns, by names in lower case with underscores (`sis_login_id`)."""
        ...


class RosterLike(Protocol):
    """The students of a class, by their ids."""

    @property
    def students(self) -> Mapping[str, StudentLike]: ...


def name_of(student: str, roster: RosterLike | None) -> str:
    """The student's name in the roster, else the id."""
    known = roster.students.get(student) if roster else None
    return (known.name if known else "") or student


def email_of(student: str, roster: RosterLike | None) -> str:
    """The student's address in the roster, else nothing."""
    known = roster.students.get(student) if roster else None
    return known.email if known else ""


def column(student: str, roster: RosterLike | None, *names: str) -> str:
    """What the first of these columns that is filled says of the student; else nothing."""
    known = roster.students.get(student) if roster else None
    return next((known.more[name] for name in names if known.more.get(name)), "") if known else ""
