"""Processes beside the coordinator that mark what was answered elsewhere; each is looked after by a thread here.

They are forked before the coordinator has threads of its own, and run no line of a submission.
"""

import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import Queue
from typing import Any, NamedTuple, Self

from kata.grade.grader import Found, Grader
from kata.judge.answers import LawSheet
from kata.judge.exam import KataExam
from kata.waist.desk import Answers, Away, Gone, Link
from kata.waist.paper import LawAnswers, unpacked
from kata.waist.walls import die_with_parent

Files = Mapping[str, bytes]


class ToMark(NamedTuple):
    """A submission that has answered."""

    digest: str
    answers: Answers
    ask: Callable[[bytes], bytes]
    """Carries what is asked live, and what is told; Gone where nobody is there any more."""


class Marked(NamedTuple):
    """What came of it: found, None where whoever should answer is gone, or what ended the marker."""

    digest: str
    found: Found | None
    error: BaseException | None = None


class Markers:
    """So many processes that mark.

    Args:
        texts: the submissions' files, by digest.
        grader: marks.
        count: how many.
        first: what each does when it starts.
        marked: where what is marked goes.
    """

    def __init__(
        self,
        texts: Mapping[str, Files],
        grader: Grader,
        count: int,
        first: Callable[[], None],
        marked: "Queue[Any]",
    ) -> None:
        self._waiting: Queue[ToMark | None] = Queue()
        self._marked = marked
        context = get_context("fork")
        self._ends: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, texts, grader, first, [*self._ends, ours]))
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)
        self._threads = [threading.Thread(target=self._attend, args=(end,), daemon=True) for end in self._ends]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._waiting.put(None)
        for end in self._ends:
            with suppress(OSError):
                end.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def put(self, one: ToMark) -> None:
        """Have it marked, when it is its turn."""
        self._waiting.put(one)

    def _attend(self, end: Connection) -> None:
        """One submission after the other to one process; what that asks is carried on."""
        while (one := self._waiting.get()) is not None:
            try:
                end.send(("mark", (one.digest, one.answers)))
                while True:
                    kind, content = end.recv()
                    if kind == "ask":
                        try:
                            end.send(("told", one.ask(content)))
                        except Gone:
                            end.send(("gone", b""))
                    else:
                        break
            except (EOFError, OSError):
                self._marked.put(Marked(one.digest, None, RuntimeError("a process that marks is gone")))
                return
            self._marked.put(Marked(one.digest, content))


class _Pipe(Link):
    def __init__(self, end: Connection) -> None:
        self._end = end

    def __call__(self, ask: bytes) -> bytes:
        self._end.send(("ask", ask))
        kind, data = self._end.recv()
        if kind == "gone":
            raise Gone
        found: bytes = data
        return found


def _serve(
    end: Connection, texts: Mapping[str, Files], grader: Grader, first: Callable[[], None], others: list[Connection]
) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told as well, and says when to stop
    for other in others:
        other.close()
    first()
    link = _Pipe(end)
    try:
        while True:
            _, (digest, answers) = end.recv()
            end.send(("found", _found(digest, dict(texts[digest]), answers, grader, link)))
    except (EOFError, OSError):
        pass
    finally:
        grader.close()


def _found(digest: str, files: dict[str, bytes], answers: Answers, grader: Grader, link: Link) -> Found | None:
    backend = Away(digest, files, link)

    def sheets(exam: KataExam, first: int) -> list[LawSheet]:
        laws: list[LawAnswers] = answers.katas.get(exam.kata.name, []) if first == 0 else []
        laws = laws or backend.sheets(exam.kata.name, first)
        if not 0 < len(laws) <= len(exam.laws) - first:
            raise ValueError(f"{len(laws)} sheets to the {len(exam.laws) - first} laws of {exam.kata.name}")
        papers = exam.laws[first:]
        return [unpacked(law, [example.reference for example in p.examples]) for law, p in zip(laws, papers)]

    try:
        found = grader.mark(files, backend, sheets, answers.seconds)
        backend.close()
        return found
    except (Gone, ValueError):
        return None
