"""Judges on every save: what the change can affect, at once, and follows the learner from kata to kata.

TensorFlow is imported once (in the worker), the laws are imported once (here), and a child of the worker stands
by, warm. A save forks a judge, which takes that child. Another save stops the judge and forks the next.

Here are the processes and the loop. What is known stands in `state`, how it looks in `screen`, what a save changed
in `changes`.
"""

import contextlib
import importlib
import os
import select
import subprocess
import sys
import termios
import tty
from collections.abc import Collection, Iterator
from typing import IO

from rich.console import Console

from kata.course import progress
from kata.course.curriculum import Kata
from kata.judge import profiles
from kata.judge.team import Done, Event, Failing, ForkedJudge
from kata.learn.changes import Chapters
from kata.learn.screen import Screen, View, compared, has_picture
from kata.learn.state import Page, State
from kata.waist import machine
from kata.waist.implementation import EDITION, ROOT, Implementation
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.session import Stopped

TEAM = min(machine.cores(), 4)
"""How many processes judge a save together: as many as there are cores, up to where it no longer helps."""


class Judging:
    """The processes that judge, one judge at a time."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self.worker = Worker()
        self._ready = self._team()
        self.judge: ForkedJudge | None = None

    def _team(self) -> list[Isolated]:
        """A backend for each process that will judge; the laws are shared among them."""
        limits = Limits(call=10.0, law=60.0)
        return [Isolated(self._implementation, limits, self.worker) for _ in range(TEAM)]

    def prepare(self) -> str:
        """Let a child stand by for each of the team; what keeps it from that, "" if nothing does."""
        try:
            for backend in self._ready:
                backend.prepare()
        except WorkerLost:
            self.worker.close()
            self._ready = self._team()
            with contextlib.suppress(WorkerLost, Stopped):
                for backend in self._ready:
                    backend.prepare()
        except Stopped as stopped:
            return stopped.cause
        return ""

    def start(self, katas: list[Kata]) -> str:
        """Judge these now, instead of what was being judged; what keeps it from that."""
        self.stop()
        if not katas:
            return ""
        problem = self.prepare()
        self.judge = ForkedJudge(katas, self._implementation, self._ready, self.worker)
        return problem

    def stop(self) -> None:
        """Stop the judge, if one is at work."""
        if self.judge is not None and not self.judge.close():
            self.worker.close()  # it was killed in the middle of a sentence: start afresh
            self._ready = self._team()
        self.judge = None

    def close(self) -> None:
        """End all processes."""
        self.stop()
        for backend in self._ready:
            backend.close()
        self.worker.close()


class Watch:
    """The loop: saves, keys and the judge's events come in; the screen goes out."""

    def __init__(
        self,
        implementation: Implementation,
        katas: list[Kata],
        view: View,
        keyboard: IO[str] | None = None,
    ) -> None:
        self._implementation = implementation
        self._keyboard = keyboard
        self._judging = Judging(implementation)
        self._chapters = Chapters(implementation, katas)
        self._texts: progress.Texts = {}
        self._plot: subprocess.Popen[bytes] | None = None
        self.state = State(implementation, katas, katas[0])
        self.screen = view

    # The loop

    def run(self) -> int:
        """Watch until q, Ctrl-C or the end of the keyboard's input; 0 when everything watched is solved."""
        profiles.load("learner")
        self._judging.worker.start()
        command = [sys.executable, "-m", "kata.learn.file_events", self._implementation.folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT) as notice, self._raw_keyboard():
            try:
                assert notice.stdout is not None
                self._greet()
                for chapter in self._chapters.names:
                    importlib.import_module(f"tests.test_{chapter}")
                notice.stdout.readline()  # "ready": from now on no save is missed
                self._begin()
                self._loop(notice.stdout.fileno())
            except KeyboardInterrupt:
                pass
            finally:
                self.screen.leave()
                notice.terminate()
                if self._plot is not None:
                    self._plot.terminate()
                self._judging.close()
        return 0 if self.state.solved == len(self.state.katas) else 1

    def _stubs(self, chapters: Collection[str] | None = None) -> set[str]:
        """The katas (of the `chapters`) of which nothing is written."""
        katas = [kata for kata in self.state.katas if chapters is None or kata.chapter in chapters]
        return {kata.name for kata in katas if self._chapters.is_stub(kata)}

    def _greet(self) -> None:
        """The first screen: what is known already, and what is being waited for."""
        state = self.state
        known = progress.kept(state.katas, self._implementation)
        state.begin(self._stubs(), known, self._chapters.errors())
        laws = len(self._chapters.names)
        chapters = "of one chapter" if laws == 1 else f"of {laws} chapters"
        state.starting = f"Starting TensorFlow, and reading the laws {chapters}: some seconds."
        self.screen.draw(state)

    def _begin(self) -> None:
        # Whatever was saved since the first screen is in the files that are read now.
        for chapter in self._chapters.names:
            self._chapters.look(chapter)
        state = self.state
        known = progress.kept(state.katas, self._implementation)
        state.begin(self._stubs(), known, self._chapters.errors())
        state.starting = ""
        self._judging.prepare()
        self._start()
        self.screen.draw(state)

    def _loop(self, changes: int) -> None:
        pending = b""
        while True:
            sources: list[int | ForkedJudge] = [changes]
            if self._keyboard is not None:
                sources.append(self._keyboard.fileno())
            if self._judging.judge is not None:
                sources.append(self._judging.judge)
            if self._plot is not None and self._plot.stdout is not None:
                sources.append(self._plot.stdout.fileno())
            ready, _, _ = select.select(sources, [], [])
            for source in ready:
                if isinstance(source, ForkedJudge):
                    if source is self._judging.judge:
                        for event in source.events():
                            self._take(event)
                elif source == changes:
                    piece = os.read(changes, 4096)
                    if not piece:
                        return
                    *lines, pending = (pending + piece).split(b"\n")
                    self._saved({stem for line in lines for stem in line.decode().split()})
                elif self._keyboard is not None and source == self._keyboard.fileno():
                    if not self.heard(os.read(self._keyboard.fileno(), 4096)):
                        return
                else:
                    self._plotted()

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

    # What happens

    def _saved(self, names: set[str]) -> None:
        changes = [self._chapters.look(chapter) for chapter in self._chapters.names if chapter in names]
        if self.state.saved(changes, self._stubs(names)):
            self._start()
            self.screen.draw(self.state)

    def _start(self) -> None:
        """Judge what is waiting."""
        problem = self._judging.start(self.state.waiting)
        if problem:
            self.state.say(problem)
        # After the fork, so that nobody waits for it; what is saved meanwhile starts the judge anew.
        self._texts = progress.texts_of(self.state.waiting, self._implementation)

    def _take(self, event: Event) -> None:
        state = self.state
        shown = (state.focus, state.solved, state.news)
        if isinstance(event, Failing):
            state.failing(event)
        elif isinstance(event, Done):
            state.done(event)
        else:
            if state.waiting:
                state.lost()
            self._judging.stop()
            self.screen.draw(state)
            self._judging.prepare()
            return
        if (
            self.screen.shows_all
            or event.kata == shown[0].name
            or shown != (state.focus, state.solved, state.news)
            or state.page is Page.LIST
        ):
            self.screen.draw(state)
        if isinstance(event, Done):
            progress.note({event.kata: event.verdict}, self._texts, self._implementation)

    # Keys

    def heard(self, typed: bytes) -> bool:
        """Do what was typed; False when the watch is to end."""
        keys = typed.decode("latin-1")
        if keys in ("", "q", "\x04"):
            return False
        self._press(keys)
        return True

    def judge(self, katas: list[Kata]) -> None:
        """Judge these again."""
        self.state.ask(katas)
        self._start()

    def _press(self, key: str) -> None:
        state, focus = self.state, self.state.focus
        if key == "n":
            state.next()
        elif key in ("b", "\x1b", "\x7f"):
            state.back()
        elif key == "h":
            self._hint()
        elif key in ("r", "c") and not state.starting:
            state.open(Page.KATA)
            state.ask([focus] if key == "r" else [k for k in state.katas if k.name not in state.stubs])
            self._start()
        elif key == "l":
            state.open(Page.LIST)
        elif key == "e":
            state.open(Page.LESSON)
        elif key == "p":
            self._draw_plot()
        elif key == "d" and EDITION:
            state.say("The student edition has no solutions to compare with.")
        elif key == "d" and compared(state) is None:
            state.say("Solve it first; then d shows yours beside another right way.")
        elif key == "d":
            state.open(Page.DIFFERENCE)
        elif key in (" ", "\x1b[B", "\x1b[6~", "-", "\x1b[A", "\x1b[5~"):
            self.screen.scrolled(state, 1 if key in (" ", "\x1b[B", "\x1b[6~") else -1)
        elif len(key) > 1 and key[0] != "\x1b":
            for single in key:  # typed faster than read
                self._press(single)
            return
        else:
            return
        self.screen.draw(state)

    def _hint(self) -> None:
        kata, state = self.state.focus, self.state
        if not kata.hints:
            state.say(f"{kata.name} has no hints")
            return
        # The diagnosis' hint first, then the others in turn.
        number = state.hints.pop(kata.name, None) or progress.next_hint(kata.name, len(kata.hints))
        state.say(f"Hint {number} of {len(kata.hints)}: {kata.hints[number - 1]}")

    def _draw_plot(self) -> None:
        kata = self.state.focus
        if not has_picture(kata.name):
            self.state.say(f"there is nothing to plot of {kata.name}")
            return
        if self._plot is not None:
            self._plot.terminate()
            self._plot.communicate()
        command = [sys.executable, "-m", "kata.cli", "plot", kata.name, "--impl", self._implementation.folder]
        self._plot = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
        self.state.open(Page.PLOT, f"Drawing {kata.name} … (some seconds)")

    def _plotted(self) -> None:
        """The process that draws has ended, or says something; what it says is the page."""
        if self._plot is None:
            return
        words, _ = self._plot.communicate()
        self._plot = None
        if self.state.page is Page.PLOT:
            self.state.open(Page.PLOT, words.decode("utf-8", "replace").strip())
            self.screen.draw(self.state)


def watch(implementation: Implementation, katas: list[Kata], console: Console, keyboard: IO[str] | None) -> int:
    """Watch `katas`; the exit status."""
    screen = Screen(console, keyboard=keyboard is not None)
    return Watch(implementation, katas, screen, keyboard).run()
