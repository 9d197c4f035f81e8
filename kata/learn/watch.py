"""Judges on every save: what the change can affect, at once, and follows the learner from kata to kata.

TensorFlow is imported once (in the worker), the laws are imported once (here), and a child of the worker stands
by, warm. A save forks a judge, which takes that child. Another save stops the judge and forks the next.
"""

import ast
import contextlib
import importlib
import os
import select
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rich.console import Console

from kata.course import curriculum, progress
from kata.course.curriculum import Kata
from kata.judge import profiles
from kata.judge.judging import untouched
from kata.judge.team import Done, Event, Failing, ForkedJudge
from kata.learn import summary
from kata.learn.render import show_message
from kata.waist.implementation import ROOT, Implementation
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.session import Session, Stopped
from kata.waist.verdict import KataVerdict, Outcome

TEAM = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)
"""How many processes judge a save together: as many as there are cores, up to where it no longer helps."""
KEYS = "n next   h hint   l list   c check all   r run again   d compare with another way   q quit"


class Watch:
    """The loop: saves, keys and the judge's events come in; the screen goes out."""

    def __init__(
        self, implementation: Implementation, katas: list[Kata], console: Console, keyboard: IO[str] | None = None
    ) -> None:
        self._implementation = implementation
        self._katas = katas
        self._console = console
        self._keyboard = keyboard
        self._worker = Worker()
        self._ready = self._team()
        self._judge: ForkedJudge | None = None
        self._waiting: list[Kata] = []
        self._verdicts: dict[str, KataVerdict] = {}
        self._messages: dict[str, str] = {}
        self._hints: dict[str, int | None] = {}
        self._texts: dict[str, dict[str, str]] = {}
        self._focus = katas[0]
        self._said = ""
        self._errors: dict[str, str] = {}

    # The loop

    def run(self) -> int:
        """Watch until q, Ctrl-C or the end of the keyboard's input; 0 when everything watched is solved."""
        profiles.load("learner")
        self._worker.start()
        command = [sys.executable, "-m", "kata.learn.file_events", self._implementation.folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT) as notice, self._raw_keyboard():
            try:
                assert notice.stdout is not None
                for chapter in dict.fromkeys(kata.chapter for kata in self._katas):
                    importlib.import_module(f"tests.test_{chapter}")
                notice.stdout.readline()  # "ready": from now on no save is missed
                self._begin()
                self._loop(notice.stdout.fileno())
            except KeyboardInterrupt:
                pass
            finally:
                self._stop_judge()
                notice.terminate()
                for backend in self._ready:
                    backend.close()
                self._worker.close()
        solved = all(self._is_solved(kata) for kata in self._katas)
        return 0 if solved else 1

    def _begin(self) -> None:
        for chapter in dict.fromkeys(kata.chapter for kata in self._katas):
            self._texts[chapter] = self._read(chapter)
        self._focus = next((kata for kata in self._katas if self._is_stub(kata)), self._katas[0])
        self._prepare()
        self._start(self._katas)
        self._draw()

    def _loop(self, changes: int) -> None:
        pending = b""
        while True:
            sources: list[int | ForkedJudge] = [changes]
            if self._keyboard is not None:
                sources.append(self._keyboard.fileno())
            if self._judge is not None:
                sources.append(self._judge)
            ready, _, _ = select.select(sources, [], [])
            for source in ready:
                if source is self._judge and self._judge is not None:
                    for event in self._judge.events():
                        self._take(event)
                elif source == changes:
                    piece = os.read(changes, 4096)
                    if not piece:
                        return
                    *lines, pending = (pending + piece).split(b"\n")
                    self._changed({stem for line in lines for stem in line.decode().split()})
                elif self._keyboard is not None and source == self._keyboard.fileno():
                    key = os.read(self._keyboard.fileno(), 1).decode("latin-1")
                    if key in ("", "q", "\x04"):
                        return
                    self._press(key)

    @contextlib.contextmanager
    def _raw_keyboard(self) -> Iterator[None]:
        """Single keys without Enter, where the keyboard is a terminal; Ctrl-C still interrupts."""
        if self._keyboard is None or not self._keyboard.isatty():
            yield
            return
        before = termios.tcgetattr(self._keyboard)
        tty.setcbreak(self._keyboard)
        try:
            yield
        finally:
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, before)

    # What a change affects

    def _path(self, chapter: str) -> Path:
        return Path(self._implementation.folder) / f"{chapter}.py"

    def _read(self, chapter: str) -> dict[str, str]:
        """The text of every definition of the chapter; "" stands for everything else at its top."""
        self._errors.pop(chapter, None)
        try:
            body = ast.parse(self._path(chapter).read_bytes()).body
        except SyntaxError as error:
            self._errors[chapter] = f"line {error.lineno}: {error.msg}"
            return {}
        except (OSError, ValueError) as error:
            self._errors[chapter] = str(error)
            return {}
        texts = {node.name: ast.dump(node) for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        names = {kata.name for kata in self._katas}
        texts[""] = "".join(ast.dump(node) for node in body if getattr(node, "name", None) not in names)
        return texts

    def _changed(self, chapters: set[str]) -> None:
        affected = [kata for chapter in sorted(chapters & set(self._texts)) for kata in self._affected(chapter)]
        if affected:
            self._focus = affected[0]
            self._said = ""
            self._start(affected)
            self._draw()

    def _affected(self, chapter: str) -> list[Kata]:
        before, now = self._texts[chapter], self._read(chapter)
        katas = [kata for kata in self._katas if kata.chapter == chapter]
        if not now:  # does not parse, or is gone: the kata at hand is what its author waits for
            self._texts[chapter] = now
            return [self._focus] if self._focus.chapter == chapter else katas[:1]
        self._texts[chapter] = now
        changed = [kata for kata in katas if before.get(kata.name) != now.get(kata.name)]
        if before.get("") != now.get("") or not before:  # a helper or an import: all that is written may depend on it
            changed += [kata for kata in katas if kata not in changed and not self._is_stub(kata)]
        return changed

    def _is_stub(self, kata: Kata) -> bool:
        return curriculum.is_untouched(self._path(kata.chapter), kata)

    # Judging

    def _team(self) -> list[Isolated]:
        """A backend for each process that will judge; the laws are shared among them."""
        limits = Limits(call=10.0, law=60.0)
        return [Isolated(self._implementation, limits, self._worker) for _ in range(TEAM)]

    def _prepare(self) -> None:
        try:
            for backend in self._ready:
                backend.prepare()
        except WorkerLost:
            self._worker.close()
            self._ready = self._team()
            with contextlib.suppress(WorkerLost, Stopped):
                for backend in self._ready:
                    backend.prepare()
        except Stopped as stopped:
            self._said = stopped.cause

    def _stop_judge(self) -> None:
        if self._judge is None:
            return
        unfinished = [kata for kata in self._judge.katas if kata.name not in self._verdicts]
        self._waiting += [kata for kata in unfinished if kata not in self._waiting]
        if not self._judge.close():
            self._worker.close()  # it was killed in the middle of a sentence: start afresh
            self._ready = self._team()
        self._judge = None

    def _start(self, katas: list[Kata]) -> None:
        """Judge `katas` now; what an earlier judge had not come to follows after them."""
        self._stop_judge()
        for kata in katas:
            self._verdicts.pop(kata.name, None)
            self._messages.pop(kata.name, None)
        order = [*katas, *(kata for kata in self._waiting if kata not in katas)]
        self._waiting = []
        session = Session(self._implementation, self._ready[0])
        for kata in [kata for kata in order if untouched(kata, session)]:
            self._verdicts[kata.name] = KataVerdict(outcome=Outcome.TODO, passed=0, total=0, cause="not written yet")
            order.remove(kata)
        if order:
            self._prepare()
            self._judge = ForkedJudge(order, self._implementation, self._ready, self._worker)

    def _take(self, event: Event) -> None:
        if isinstance(event, Failing):
            if event.kata in self._messages:
                return  # another process of the judge was faster; both are in the verdict that follows
            self._messages[event.kata] = event.message
            self._verdicts[event.kata] = KataVerdict(outcome=event.outcome, passed=0, total=0, cause="")
            if event.kata == self._focus.name:
                self._draw()
        elif isinstance(event, Done):
            self._done(event)
        else:
            lost = [kata for kata in self._judge.katas if kata.name not in self._verdicts] if self._judge else []
            self._stop_judge()
            self._waiting = []
            for kata in lost:
                cause = "the judge itself died; press r to run it again"
                self._verdicts[kata.name] = KataVerdict(outcome=Outcome.INFRASTRUCTURE, passed=0, total=0, cause=cause)
            if lost:
                self._draw()
            self._prepare()

    def _done(self, event: Done) -> None:
        self._verdicts[event.kata] = event.verdict
        self._messages[event.kata] = event.message
        self._hints[event.kata] = event.hint
        if event.verdict.outcome is Outcome.SOLVED and event.kata == self._focus.name:
            if self._implementation.folder == str(ROOT / "exercises"):
                progress.note_solved([event.kata])
            self._said = f"✓ {event.kata} is solved: all {event.verdict.total} laws hold."
            following = self._next_unsolved()
            if following is not None:
                self._focus = following
                self._said += f" On to {following.name}."
        if event.kata == self._focus.name or self._said:
            self._draw()

    def _is_solved(self, kata: Kata) -> bool:
        verdict = self._verdicts.get(kata.name)
        return verdict is not None and verdict.outcome is Outcome.SOLVED

    def _next_unsolved(self) -> Kata | None:
        start = self._katas.index(self._focus)
        order = self._katas[start + 1 :] + self._katas[: start + 1]
        return next((kata for kata in order if not self._is_solved(kata)), None)

    # Keys

    def _press(self, key: str) -> None:
        self._said = ""
        if key == "n":
            self._focus = self._next_unsolved() or self._focus
        elif key == "h":
            self._said = self._hint()
        elif key == "r":
            self._start([self._focus])
        elif key == "c":
            self._start([kata for kata in self._katas if not self._is_stub(kata)])
        elif key == "l":
            self._said = self._list()
        elif key == "d":
            self._said = self._difference()
        else:
            return
        self._draw()

    def _hint(self) -> str:
        kata = self._focus
        if not kata.hints:
            return f"{kata.name} has no hints"
        chosen = self._hints.get(kata.name)
        number = chosen or progress.next_hint(kata.name, len(kata.hints))
        self._hints.pop(kata.name, None)  # the diagnosis' hint first, then the others in turn
        return f"Hint {number} of {len(kata.hints)}: {kata.hints[number - 1]}"

    def _list(self) -> str:
        marks = {
            kata.name: "✓" if self._is_solved(kata) else "·" if self._is_stub(kata) else "~" for kata in self._katas
        }
        return "\n".join(f"{marks[kata.name]} {kata.chapter:<20} {kata.name}" for kata in self._katas)

    def _difference(self) -> str:
        solved = [kata for kata in self._katas if self._is_solved(kata)]
        if not solved:
            return "Solve it first; then d shows yours beside another right way."
        kata = self._focus if self._is_solved(self._focus) else solved[-1]
        from kata.learn.compare import differences

        parts = [
            f"— {way.title}{': ' + way.note if way.note else ''}\n{diff or '(the same as yours, to the letter)'}"
            for way, diff in differences(kata, self._implementation)
        ]
        return "\n\n".join([*parts, f"What each costs: uv run kata compare {kata.name}"])

    # The screen

    def _draw(self) -> None:
        console, kata = self._console, self._focus
        if console.is_terminal:
            console.clear()
        judged = {k: v for k, v in self._verdicts.items()}
        solved = sum(v.outcome is Outcome.SOLVED for v in judged.values())
        console.print(f"{summary.bar(solved, len(self._katas), 24)}  {solved}/{len(self._katas)} solved")
        verdict = self._verdicts.get(kata.name)
        line = curriculum.line_of(self._path(kata.chapter), kata.name)
        place = f"{self._implementation.label}/{kata.chapter}.py" + (f":{line}" if line else "")
        state = verdict.outcome.value if verdict else "judging …" if self._judge else "not judged yet"
        console.print(f"{kata.name}  {kata.stars}  {place}  [{state}]", markup=False)
        if kata.chapter in self._errors:
            console.print(f"{kata.chapter}.py cannot be read: {self._errors[kata.chapter]}", style="red", markup=False)
        elif verdict is not None and verdict.outcome is Outcome.TODO:
            console.print(f"{kata.goal}\nFill in the stub and save.", markup=False)
        elif verdict is not None and verdict.cause and not self._messages.get(kata.name):
            console.print(verdict.cause, style="red", markup=False)
        if self._messages.get(kata.name):
            show_message(self._messages[kata.name], console)
        if self._said:
            console.print(self._said, style="cyan", markup=False)
        if self._keyboard is not None:
            console.print(KEYS, style="dim", markup=False)
        console.file.flush()


def watch(implementation: Implementation, katas: list[Kata], console: Console, keyboard: IO[str] | None) -> int:
    """Watch `katas`; the exit status."""
    return Watch(implementation, katas, console, keyboard).run()
