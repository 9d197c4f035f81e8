"""Draws for the page: `python -m kata.page.painter FOLDER`, a process of its own, so that a loop keeps nobody waiting.

On standard input it takes requests, a line of JSON each, and answers each with one line on standard output. The
learner's code and the reference each run in a child of one worker, as in `kata plot`; they stay for the next request.
"""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.learn import compare
from kata.learn.plot import gather
from kata.learn.plot import kept as kept_points
from kata.learn.plot.draw import window
from kata.learn.plot.gather import Answers, Comparison, Undrawable
from kata.learn.plot.handles import MOVABLE
from kata.learn.plot.pictures import Array, Panel, Picture, picture_of
from kata.page.data import LineView, PanelView, Reply, Request, WayView
from kata.waist.implementation import EDITION, ROOT, Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session, Stopped

LIMITS = Limits(call=5.0, law=20.0)
"""A hand that moves a handle does not wait; a loop is ended soon."""


@dataclass
class _Open:
    """A session that is kept, and the text that it runs."""

    session: Session
    kata: Kata
    stamp: object


class Painter:
    """Keeps a child for the learner and one for the reference."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self._worker = Worker()
        self._open: dict[str, _Open] = {}

    def answer(self, request: Request) -> Reply:
        """Do what was asked for; what keeps it from that is said in the reply."""
        kata = next((kata for kata in curriculum.katas() if kata.name == request.kata), None)
        if kata is None:
            return Reply(request.number, request.kata, trouble="there is no such kata")
        try:
            if request.ways:
                return self._ways(kata, request)
            return self._picture(kata, request)
        except (Undrawable, Stopped, ValueError, OSError, SyntaxError) as error:
            self.close()
            return Reply(request.number, kata.name, trouble=getattr(error, "cause", "") or str(error))

    def close(self) -> None:
        """End all children and the worker."""
        for kept in self._open.values():
            kept.session.backend.close()
        self._open.clear()
        self._worker.close()

    # Pictures

    def _picture(self, kata: Kata, request: Request) -> Reply:
        movable = None if EDITION else MOVABLE.get(kata.name)
        picture = movable.picture(request.values) if movable else picture_of(kata.name)
        if EDITION:
            expected = Answers(kept_points.points_of(kata.name) or (), ())
        else:
            expected = self._ask("reference", kata, picture, implementation_at("solutions"))
        if expected.problems or len(expected.points) != len(picture.panels):
            raise Undrawable(f"the reference cannot be asked: {(*expected.problems, 'it is not here')[0]}")
        yours = self._ask("yours", kata, picture, self._implementation)
        words = [] if yours.is_empty else gather.in_words(Comparison(kata.name, picture, expected, yours))
        panels = [_panel(*one) for one in zip(picture.panels, expected.points, yours.points, strict=True)]
        return Reply(request.number, kata.name, picture.setting, panels, words, list(yours.problems))

    def _ask(self, who: str, kata: Kata, picture: Picture, implementation: Implementation) -> Answers:
        self._worker.start()
        path = Path(implementation.folder) / f"{kata.chapter}.py"
        status = path.stat()
        stamp = (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
        kept = self._open.get(who)
        if kept is None or kept.kata != kata or kept.stamp != stamp:
            if kept is not None:
                kept.session.backend.close()
            session = Session(implementation, Isolated(implementation, LIMITS, self._worker))
            kept = self._open[who] = _Open(session, kata, stamp)
        found = gather.answers(kata, picture, kept.session)
        if kept.session.given_up:
            kept.session.backend.close()
            del self._open[who]
        return found

    # Ways

    def _ways(self, kata: Kata, request: Request) -> Reply:
        self._worker.start()
        counted = compare.counted(kata, self._implementation, self._worker)
        texts = {way.title: text for way, text in compare.differences(kata, self._implementation)}
        ways = [WayView(way.title, way.note, way.counts, texts.get(way.title, "")) for way in counted]
        return Reply(request.number, kata.name, ways=ways)


def _panel(panel: Panel, expected: tuple[Array | None, ...], yours: tuple[Array | None, ...]) -> PanelView:
    lines = [
        LineView(line.label, _points(there), _points(here))
        for line, there, here in zip(panel.lines, expected, yours, strict=True)
    ]
    shown = window(panel, expected, yours)
    found = [float(value) for value in shown] if shown else None
    return PanelView(panel.title, panel.x, panel.y, panel.kind, panel.scale, lines, _points(panel.given), found)


def _points(points: Array | None) -> list[list[float | None]] | None:
    if points is None:
        return None
    there = np.isfinite(points)
    return [[float(f"{v:.7g}") if ok else None for v, ok in zip(*row)] for row in zip(points.tolist(), there.tolist())]


def main(folder: str) -> None:
    """Answer until standard input ends."""
    decode: Any = msgspec.json.Decoder(Request).decode
    os.chdir(ROOT)
    with os.fdopen(os.dup(1), "wb") as stream, contextlib.closing(Painter(implementation_at(folder))) as painter:
        os.dup2(2, 1)
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            for line in sys.stdin.buffer:
                stream.write(msgspec.json.encode(painter.answer(decode(line))) + b"\n")
                stream.flush()


if __name__ == "__main__":
    main(sys.argv[1])
