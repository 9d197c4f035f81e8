"""Where submissions of another machine answer: papers, one warm worker behind walls, and nothing of laws or solutions.

All that comes and goes is bytes. A submission answers the papers in bulk (`Desk.answer`); what is asked of it besides,
when its answers are marked, is asked live (`Desk.ask`).
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import platform
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from kata.waist import walls
from kata.waist.answering import answer_in_turn
from kata.waist.codec import CodecError, KataName, decode_reply, encode
from kata.waist.implementation import ROOT
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.paper import Ending, LawAnswers, Paper, opened, packed, sealed
from kata.waist.question import Answer, Question, answer_in
from kata.waist.session import Backend, Stopped
from kata.waist.sources import in_a_folder
from kata.waist.verdict import Outcome
from kata.waist.worker import OrderResult

MOST_LIVE = 16
"""Submissions that are asked live at the same time; who was asked longest ago is let go."""
ENOUGH = 64 * 2**20
"""Bytes of answers after which the rest of a submission's katas is not answered in bulk, but when it is asked for."""
AT_ONCE = 4 * 2**20
"""Bytes of questions that are sent in one go."""


class Kind(msgspec.Struct, frozen=True):
    """What the answers of a machine may depend on."""

    host: str
    """A digest of this side of the waist and the probes."""
    versions: dict[str, str]
    sandbox: str

    def differences(self, other: "Kind") -> str:
        """In what `other` is not like this, in words; "" where it is."""
        found = [
            f"{name} {other.versions.get(name, 'missing')} instead of {version}"
            for name, version in self.versions.items()
            if other.versions.get(name) != version
        ]
        if other.host != self.host:
            found.append("another kata/waist or tests/probes")
        if other.sandbox != self.sandbox:
            found.append(f"sandbox {other.sandbox!r} instead of {self.sandbox!r}")
        return ", ".join(found)


def kind_of_this(walled: bool) -> Kind:
    """What this machine is, with that level of sandbox; "none: " and the reason where it cannot have it."""
    reason = walls.missing() if walled else ""
    sandbox = f"none: {reason}" if reason else "bwrap" if walled else "none"
    return Kind(host_digest(), versions(), sandbox)


def versions() -> dict[str, str]:
    """Of what runs beside a submission."""
    names = ("tensorflow", "keras", "numpy", "ml_dtypes")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


@functools.cache
def host_digest() -> str:
    """A digest of this side of the waist and of the probes."""
    digest = hashlib.sha256()
    for folder in ("kata/waist", "tests/probes"):
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


class Terms(msgspec.Struct):
    """What a desk is set up with: once for a run."""

    kind: Kind
    papers: dict[str, Paper]
    limits: Limits
    walled: bool


class Job(msgspec.Struct, array_like=True):
    """A submission's files, and the katas whose papers it is to answer."""

    files: dict[str, bytes]
    katas: list[str]


class Answers(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What came of a job: sheets by kata, as far as they go; or why there are none."""

    katas: dict[str, list[LawAnswers]]
    seconds: float
    worker: str
    trouble: str = ""


class Ask(msgspec.Struct, array_like=True):
    """Something to be asked live of a submission; its files come with the first."""

    desk: str
    files: dict[str, bytes] | None
    chapter: str
    kata: str
    renew: bool = False
    begin: bool = False
    requests: list[bytes] = []
    paper_from: int = -1
    """Instead of requests: the kata's paper, from the law of that number on."""
    done: bool = False


class Told(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What came of it."""

    replies: list[bytes] = []
    ending: Ending | None = None
    printed: str = ""
    sheets: list[LawAnswers] = []
    lost: bool = False
    """Whether the process with TensorFlow was gone."""
    unknown: bool = False
    """Whether nothing is known of that submission here: it was let go, or this is another process."""


class _Shared(Worker):
    """A worker that several threads speak to, one at a time."""

    def __init__(self, walled: bool) -> None:
        super().__init__(walled=walled)
        self._turn = threading.RLock()

    def _answer(self, order: object, descriptors: list[int]) -> OrderResult:
        with self._turn:
            return super()._answer(order, descriptors)  # type: ignore[arg-type]


class Desk:
    """Answers, for as long as a run goes on."""

    def __init__(self, terms: Terms, name: str) -> None:
        self._terms = terms
        self._name = name
        self._worker = _Shared(terms.walled)
        self._one = threading.Lock()
        self._live: OrderedDict[str, tuple[ExitStack, Isolated, threading.Lock]] = OrderedDict()
        self._live_lock = threading.Lock()

    def start(self) -> None:
        """Let TensorFlow's import begin."""
        self._worker.start()

    def answer(self, data: bytes) -> bytes:
        """Let a submission answer the papers; both ways as bytes."""
        began = time.monotonic()
        job: Job = opened(data, Job)
        found: dict[str, list[LawAnswers]] = {}
        with self._one, in_a_folder(job.files) as implementation:
            backend = Isolated(implementation, self._terms.limits, self._worker, ahead=len(job.katas) > 1)
            size = 0
            try:
                for name in job.katas:
                    found[name] = _sheets(self._terms.papers[name], 0, backend)
                    size += len(msgspec.msgpack.encode(found[name]))
                    if size > ENOUGH:
                        break
            finally:
                backend.close()
        return sealed(Answers(found, time.monotonic() - began, self._name))

    def ask(self, data: bytes) -> bytes:
        """Ask a submission something live; both ways as bytes."""
        return sealed(self._told(opened(data, Ask)))

    def _told(self, ask: Ask) -> Told:
        with self._live_lock:
            if ask.files is not None:
                self._open(ask.desk, ask.files)
            if ask.desk not in self._live:
                return Told(unknown=True)
            if ask.done:
                self._live.pop(ask.desk)[0].close()
                return Told()
            self._live.move_to_end(ask.desk)
            _, backend, lock = self._live[ask.desk]
        with lock:
            return self._asked(ask, backend)

    def _asked(self, ask: Ask, backend: Isolated) -> Told:
        told = Told()
        try:
            if ask.renew:
                backend.renew()
            if ask.paper_from >= 0:
                return Told(sheets=_sheets(self._terms.papers[ask.kata], ask.paper_from, backend))
            if ask.begin:
                backend.begin(KataName(ask.chapter, ask.kata))
            for reply in backend.converse_packed(iter(ask.requests)):
                told.replies.append(reply)
        except Stopped as stopped:
            told.ending = Ending.of(stopped)
        except WorkerLost:
            told.lost = True
        told.printed = backend.printed
        return told

    def _open(self, desk: str, files: dict[str, bytes]) -> None:
        if desk in self._live:
            self._live.pop(desk)[0].close()
        while len(self._live) >= MOST_LIVE:
            _, (stack, _, lock) = self._live.popitem(last=False)
            with lock:
                stack.close()
        stack = ExitStack()
        implementation = stack.enter_context(in_a_folder(files))
        backend = Isolated(implementation, self._terms.limits, self._worker)
        stack.callback(backend.close)
        self._live[desk] = stack, backend, threading.Lock()

    def close(self) -> None:
        """Let everything go."""
        with self._live_lock:
            for stack, _, _ in self._live.values():
                with contextlib.suppress(Exception, WorkerLost):
                    stack.close()
            self._live.clear()
        self._worker.close()


def _sheets(paper: Paper, first: int, backend: Isolated) -> list[LawAnswers]:
    # The guard is in the paper's own bytes.
    return [packed(sheet) for sheet in answer_in_turn(paper.questions(first), paper.key, backend, guarded=False)]


# The other side


class Gone(Exception):
    """The process at whose desk a submission answered is no more."""


class Away(Backend):
    """A submission that answers at a desk elsewhere, to which `link` carries bytes and brings bytes back.

    Raises `Gone` where there is no desk any more.
    """

    def __init__(self, desk: str, files: dict[str, bytes], link: "Link") -> None:
        self._desk = desk
        self._files: dict[str, bytes] | None = files
        self._link = link
        self._kata = KataName("", "")
        self._renew = self._begin = False
        self._printed = ""

    @property
    def printed(self) -> str:
        return self._printed

    def renew(self) -> None:
        self._renew = True

    def begin(self, kata: KataName) -> None:
        self._kata, self._begin, self._printed = kata, True, ""

    def ask(self, question: Question) -> Answer:
        for answer in self.converse(iter((question,))):
            return answer
        raise AssertionError("a question without an answer")

    def converse(self, questions: Iterator[Question]) -> Generator[Answer, None, None]:
        waiting = (encode(question.packed()) for question in questions)
        for requests in _in_parts(waiting):
            told = self._told(requests=requests)
            if len(told.replies) > len(requests):
                raise Stopped(Outcome.INFRASTRUCTURE, "another machine answered more than it was asked")
            for reply in told.replies:
                try:
                    answer = answer_in(decode_reply(reply))
                except CodecError as error:
                    raise Stopped(Outcome.CRASHED, f"its process sent what is no reply: {str(error)[:120]}") from None
                yield answer
            if told.ending is not None:
                raise told.ending.stopped()
            if len(told.replies) < len(requests):
                raise Stopped(Outcome.INFRASTRUCTURE, "another machine left questions without an answer")

    def sheets(self, paper: str, first: int) -> list[LawAnswers]:
        """The answers to the paper of that kata, from the law of that number on."""
        self._kata = KataName("", paper)
        return self._told(paper_from=first).sheets

    def _told(self, *, requests: list[bytes] | None = None, paper_from: int = -1) -> Told:
        key = self._kata
        ask = Ask(self._desk, self._files, key.chapter, key.name, self._renew, self._begin, requests or [], paper_from)
        told: Told = opened(self._link(sealed(ask)), Told)
        if told.unknown:
            raise Gone(self._desk)
        self._files, self._renew, self._begin = None, False, False
        if told.lost:
            raise WorkerLost("on another machine")
        self._printed = told.printed
        return told

    def close(self) -> None:
        if self._files is None:  # it was asked something
            with contextlib.suppress(Gone):
                self._link(sealed(Ask(self._desk, None, "", "", done=True)))


class Link:
    """Carries an Ask to the desk, and what it is Told back.

    Raises:
        Gone: there is no desk any more.
    """

    def __call__(self, ask: bytes) -> bytes:
        raise NotImplementedError


def _in_parts(requests: Iterator[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for request in requests:
        part.append(request)
        size += len(request)
        if size > AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def folder_of_the_host() -> list[Path]:
    """What a machine that answers needs of this repository: these files and folders, and nothing else."""
    return [ROOT / name for name in ("kata/__init__.py", "kata/waist", "tests/__init__.py", "tests/probes")]
