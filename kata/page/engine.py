"""The watch behind the page: `python -m kata.page.engine FOLDER`, a process of its own, for it forks and has no thread.

On standard input it takes a word and the names of katas, a line each ("look huber", "again huber"); on standard output
it says how things stand, a line of JSON each time. It ends when its input does.
"""

import os
import sys
from typing import BinaryIO

import msgspec

from kata.course import curriculum
from kata.learn.state import Page, State
from kata.learn.watch import Watch
from kata.page.data import KataView, View
from kata.waist.implementation import Implementation, implementation_at


def view_of(state: State) -> View:
    """`state` as data that can be sent."""
    katas = {}
    for kata in state.katas:
        verdict = state.verdicts.get(kata.name)
        katas[kata.name] = KataView(
            standing=state.standing(kata).value,
            judging=state.is_waiting(kata),
            looking=kata.name in state.looking,
            outcome=verdict.outcome.value if verdict else "",
            passed=verdict.passed if verdict else 0,
            total=verdict.total if verdict else 0,
            cause=verdict.cause if verdict else "",
            message=state.messages.get(kata.name),
            hint=state.hints.get(kata.name),
        )
    return View(katas, dict(state.errors), state.starting, state.said)


class Wire:
    """Says on a stream how things stand, when that has changed."""

    shows_all = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._last = b""

    def draw(self, state: State) -> None:
        """Send the state."""
        line = msgspec.json.encode(view_of(state)) + b"\n"
        if line != self._last:
            self._last = line
            self._stream.write(line)
            self._stream.flush()

    def scrolled(self, state: State, pages: int) -> None:
        """Nothing: each page scrolls by itself."""

    def leave(self) -> None:
        """Nothing is left to be said."""


class Engine(Watch):
    """A watch that is told by lines instead of keys."""

    def __init__(self, implementation: Implementation, stream: BinaryIO) -> None:
        super().__init__(implementation, list(curriculum.katas()), Wire(stream), sys.stdin)
        self._pending = b""

    def heard(self, typed: bytes) -> bool:
        """Do what the lines say; False when there will be no more."""
        if not typed:
            return False
        *lines, self._pending = (self._pending + typed).split(b"\n")
        for line in lines:
            word, _, name = line.decode("utf-8", "replace").partition(" ")
            kata = next((kata for kata in self.state.katas if kata.name == name), None)
            if kata is None or self.state.starting:
                continue
            if word == "look":
                self.state.focus = kata  # judged first when several are
                self.state.open(Page.KATA)
            elif word == "again":
                self.judge([kata])
            self.screen.draw(self.state)
        return True


def main(folder: str) -> int:
    """Watch the folder until standard input ends."""
    # What anybody prints by mistake does not get among the lines.
    with os.fdopen(os.dup(1), "wb") as stream:
        os.dup2(2, 1)
        return Engine(implementation_at(folder), stream).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
