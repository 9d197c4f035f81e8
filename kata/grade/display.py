"""How far a grading run is: a bar with rate and time left on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_WORDS = {"drawn": "drawing the exam", "graded": "grading", "marked": "marking again"}
_UNITS = {"drawn": "katas", "graded": "submissions", "marked": "submissions"}
_EVERY = 15.0
"""Seconds between two lines."""


class Display:
    """Told of each step of a run, shows it on `console`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._last_line = 0.0
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description:<18}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, what: str, done: int, of: int) -> None:
        """`done` of so many are drawn, graded or marked."""
        now = time.monotonic()
        began, first = self._began.setdefault(what, (now, done))
        a_minute = 60 * (done - first) / (now - began) if now > began else 0.0
        rate = f"{a_minute:.1f} a minute" if done > first else ""
        if self._bar:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(_WORDS[what], total=of, rate="")
            self._bar.update(self._tasks[what], completed=done, rate=rate)
        elif done == of or now - self._last_line >= _EVERY:
            self._last_line = now
            left = f", about {60 * (of - done) / a_minute:.0f} s left" if a_minute and done < of else ""
            said = f", {rate}{left}" if rate else ""
            self._console.print(f"{_WORDS[what]}: {done} of {of} {_UNITS[what]}{said}", soft_wrap=True)
