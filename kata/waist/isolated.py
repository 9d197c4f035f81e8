"""The judge's side of the worker: an implementation in a child process that may loop, die or lie.

One child serves one kata, so nothing that a kata does to its process can reach another's verdict.
"""

import contextlib
import fcntl
import functools
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from kata.waist import channel, machine, walls
from kata.waist.codec import CodecError, KataName, clean_text, decode_reply, encode
from kata.waist.implementation import ROOT, Implementation
from kata.waist.question import Answer, Prepared, Question, answer_in
from kata.waist.session import Backend, Stopped
from kata.waist.sources import encode_sources, sources_of
from kata.waist.stopwatch import Stopwatch
from kata.waist.tensorflow_start import set_environment
from kata.waist.verdict import Outcome
from kata.waist.worker import End, Order, OrderResult, Used

START_LIMIT = 120.0  # seconds for TensorFlow's import on a machine that is busy
AHEAD = 64  # requests that are sent before the first of them is answered
AHEAD_BYTES = 2**20
MAX_ANSWERS = 64 * 2**20  # bytes of a kata's answers that are not those of the reference
SHOWN_OUTPUT = 4_000  # characters of what the learner printed that are kept


@dataclass(frozen=True)
class Limits:
    """What an implementation may use."""

    call: float = 30.0
    """Seconds of the processor for one call; by the clock, a few times as many."""
    law: float = 90.0
    """The same for one law with all its examples."""
    memory: int = 4 * 2**30
    """Bytes beyond what TensorFlow itself holds."""
    output: int = 8 * 2**20
    """Bytes that it may print during one law."""
    processes: int = 64
    """How many processes it may be."""


class WorkerLost(BaseException):
    """The worker itself is gone: perhaps the machine's fault, so the law is run once more in a fresh one."""


class Worker:
    """The process that has TensorFlow imported and forks children; or, where there is no fork, starts each anew.

    Args:
        walled: whether there are walls around it and around each child; None for where the machine has them.
    """

    def __init__(self, walled: bool | None = None) -> None:
        self.forks = machine.forks()
        self._wants_walls = walled
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._said_ready = False
        self._spawned: dict[int, subprocess.Popen[bytes]] = {}
        self._log: IO[bytes] | None = None

    @functools.cached_property
    def walled(self) -> bool:
        """Whether there are walls; looked for only when something is to be run, as it takes a moment."""
        return (self.forks and not walls.missing()) if self._wants_walls is None else self._wants_walls

    def child(self, implementation: Implementation, limits: Limits, *, warm: bool = False) -> "Child":
        """A fresh child that serves `implementation`.

        Raises:
            WorkerLost: the worker died, now or before.
            Stopped: it cannot be started at all (`infrastructure`).
        """
        ours, theirs = socket.socketpair()
        output, output_end = os.pipe()
        order = Order(implementation, limits.memory, self.walled, warm)
        try:
            if self.forks:
                pid = self._ask(order, [theirs.fileno(), output_end])
                if pid == 0:
                    raise Stopped(Outcome.INFRASTRUCTURE, "the machine gave no walls to run the submission behind")
            else:
                pid = self._spawn(order, ours, theirs, output_end)
        except BaseException:
            ours.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(output_end)
        return Child(self, pid, ours, output, limits, started=self.forks)

    def end(self, pid: int, patience: float) -> int:
        """Kill the child `pid`; its wait status."""
        process = self._spawned.pop(pid, None)
        if process is None:
            return self._ask(End(pid, patience), [])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(patience, 0.001))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        process.kill()
        code = process.wait()
        return -code if code < 0 else code << 8

    def used(self, pid: int) -> tuple[float | None, int, int]:
        """How many seconds of the processor the child `pid` has used (None: unknown), how many processes it is, and
        how many bytes these hold.
        """
        if pid in self._spawned:
            return None, 0, 0
        result = self._answer(Used(pid), [])
        return (result.number / 1000 if result.number >= 0 else None), result.processes, result.memory

    def _spawn(self, order: Order, ours: socket.socket, theirs: socket.socket, output: int) -> int:
        process = self._start([theirs, output])
        # Those that another process has ended meanwhile are let go of.
        self._spawned = {pid: running for pid, running in self._spawned.items() if running.poll() is None}
        self._spawned[process.pid] = process
        theirs.close()
        with contextlib.suppress(channel.Closed):  # noticed when its start is waited for
            channel.send(ours, msgspec.json.encode(order))
        return process.pid

    def _start(self, descriptors: list[Any]) -> subprocess.Popen[bytes]:
        numbers = [d if isinstance(d, int) else d.fileno() for d in descriptors]
        set_environment()
        self._log = self._log or tempfile.TemporaryFile()  # it lives as long as the worker
        command = [sys.executable, "-m", "kata.waist.worker", *map(str, numbers)]
        return subprocess.Popen(
            walls.around(command) if self.walled else command,
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=ROOT,
            env=os.environ,
        )

    def start(self) -> None:
        """Start the worker unless it runs; TensorFlow's import goes on in the background."""
        if self.forks and self._process is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = self._start([theirs])

    def _ready(self) -> socket.socket:
        self.start()
        assert self._control is not None
        if not self._said_ready:
            self._control.settimeout(START_LIMIT)
            try:
                started = self._control.recv(64) == b"ready"
            except OSError:
                started = False
            if not started:
                raise self.no_start()
            self._said_ready = True
        return self._control

    def no_start(self) -> Stopped:
        """Close up, and say what the process that did not start has said."""
        lines = []
        if self._log is not None:
            self._log.seek(0)
            lines = clean_text(self._log.read().decode("utf-8", "replace")).strip().splitlines()
        self.close()
        said = lines[-1][:200] if lines else "no reason given"
        return Stopped(Outcome.INFRASTRUCTURE, f"TensorFlow's process did not start: {said}; try `uv run kata doctor`")

    def _ask(self, order: Order | End, descriptors: list[int]) -> int:
        return self._answer(order, descriptors).number

    def _answer(self, order: Order | End | Used, descriptors: list[int]) -> OrderResult:
        control = self._ready()
        try:
            with _undisturbed(), self._alone():  # a judge that is told to stop never leaves half a conversation
                socket.send_fds(control, [msgspec.json.encode(order)], descriptors)
                data = control.recv(4096)
        except OSError as error:
            data = b""
            reason = str(error)
        else:
            reason = "end of stream"
        if not data:
            self.close()
            raise WorkerLost(reason)
        return msgspec.json.decode(data, type=OrderResult)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Processes that were forked from one speak to the same worker, one at a time.

        The lock is on the log, which all of them have open, and goes with the process that holds it.
        """
        assert self._log is not None
        fcntl.lockf(self._log, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._log, fcntl.LOCK_UN)

    def close(self) -> None:
        """End the worker and all its children."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid in list(self._spawned):
            self.end(pid, 0)
        if self._log is not None:
            self._log.close()
        self._control = self._process = self._log = None
        self._said_ready = False


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Child:
    """One process with one implementation."""

    def __init__(
        self, worker: Worker, pid: int, sock: socket.socket, output: int, limits: Limits, *, started: bool = True
    ) -> None:
        self._worker = worker
        self._started = started
        self._pid = pid
        self._socket = sock
        self._output = output
        self._limits = limits
        self._inbox = channel.Inbox()
        self._outgoing = bytearray()
        self._briefed = False
        self._law = Stopwatch(limits.law, self._used, is_fresh=True)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(output, selectors.EVENT_READ)
        os.set_blocking(output, False)
        self.printed = bytearray()
        self.printed_bytes = 0
        self.in_step = True
        """Whether every request that was sent has been answered."""

    def wait_for_start(self) -> None:
        """Wait until it has imported TensorFlow, where it was not forked from a process that has.

        Raises:
            Stopped: it did not start (`infrastructure`).
        """
        if self._started:
            return
        self._socket.settimeout(START_LIMIT)
        try:
            channel.receive(self._socket, self._inbox)  # "ready"
        except channel.Closed:
            self.end(0.0)
            raise self._worker.no_start() from None
        self._started = True

    def begin_law(self) -> None:
        """What is used from now on counts as the time of a new law."""
        self._law = Stopwatch(self._limits.law, self._used, is_fresh=not self._briefed)

    def _used(self) -> float | None:
        seconds, processes, memory = self._worker.used(self._pid)
        if processes > self._limits.processes:
            self.end(0.0)
            raise Stopped(Outcome.CRASHED, f"starts processes without end: more than {self._limits.processes}")
        if processes > 2 and memory > self._limits.memory:  # each alone is kept to the limit
            self.end(0.0)
            raise Stopped(Outcome.OUT_OF_MEMORY, "its processes hold more memory than it may have")
        return seconds

    @property
    def is_briefed(self) -> bool:
        """Whether it has been sent the text that it is to run."""
        return self._briefed

    def brief(self, sources: bytes) -> None:
        """Send the text that it is to run, with the first questions."""
        self._outgoing += channel.framed(sources)
        self._briefed = True

    def converse(self, requests: Iterator[bytes]) -> Generator[bytes, None, None]:
        """Send requests, some of them ahead, and yield their replies in order, taking in what is printed meanwhile.

        Raises:
            Stopped: no reply came: dead, out of time, or printing without end.
        """
        waiting, outgoing = 0, self._outgoing
        try:
            self._socket.setblocking(False)
            while True:
                # One is always sent, however long the text that goes before it.
                while not waiting or (waiting < AHEAD and len(outgoing) < AHEAD_BYTES):
                    request = next(requests, None)
                    if request is None:
                        break
                    outgoing += channel.framed(request)
                    waiting += 1
                if not waiting:
                    return
                if (reply := self._inbox.take()) is None:
                    reply = self._awaited(outgoing)
                self._drain()
                waiting -= 1
                self._keep_to_time()
                yield reply
        except channel.Closed:
            raise self._death() from None
        except CodecError as error:
            self.end(0.0)
            raise Stopped(Outcome.CRASHED, f"its process sent what is no reply: {str(error)[:120]}") from None
        finally:
            self.in_step = not waiting

    def _awaited(self, outgoing: bytearray) -> bytes:
        """The next reply, for which one must wait."""
        call = Stopwatch(self._limits.call, self._used)
        while (reply := self._inbox.take()) is None:
            if self._wait(min(call.next_look, self._law.next_look), outgoing):
                continue
            if call.is_over():
                self.end(0.0)
                cause = f"did not come back within {self._limits.call:g} seconds: a loop?"
                raise Stopped(Outcome.TIMEOUT, cause)
            self._keep_to_time()
        return reply

    def _keep_to_time(self) -> None:
        if self._law.is_over():
            self.end(0.0)
            raise Stopped(Outcome.TIMEOUT, f"the law was not done within {self._limits.law:g} seconds: a loop?")

    def _wait(self, until: float, outgoing: bytearray) -> bool:
        """Let data go over in both directions; False when nothing has until then."""
        writing = selectors.EVENT_WRITE if outgoing else 0
        self._selector.modify(self._socket, selectors.EVENT_READ | writing)
        ready = self._selector.select(max(until - time.monotonic(), 0.0))
        for key, events in ready:
            if key.fd == self._output:
                self._drain()
                continue
            if events & selectors.EVENT_READ:
                self._take_in()
            if events & selectors.EVENT_WRITE:
                self._give(outgoing)
        return bool(ready)

    def _give(self, outgoing: bytearray) -> None:
        try:
            sent = self._socket.send(outgoing)
        except BlockingIOError:
            return
        except OSError as error:
            raise channel.Closed(str(error)) from error
        del outgoing[:sent]

    def _take_in(self) -> None:
        try:
            piece = self._socket.recv(2**18)
        except BlockingIOError:
            return
        except OSError as error:
            raise channel.Closed(str(error)) from error
        if not piece:
            raise channel.Closed("end of stream")
        self._inbox.add(piece)

    def _drain(self) -> None:
        for piece in self._printed_pieces():
            self.printed_bytes += len(piece)
            self.printed += piece[: max(SHOWN_OUTPUT - len(self.printed), 0)]
            if self.printed_bytes > self._limits.output:
                self.end(0.0)
                limit = f"{self._limits.output / 2**20:g} MiB"
                raise Stopped(Outcome.BROKEN, f"prints without end: more than {limit} in one law")

    def _printed_pieces(self) -> Iterator[bytes]:
        while True:
            try:
                piece = os.read(self._output, 2**16)
            except (BlockingIOError, ValueError):
                return
            if not piece:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                return
            yield piece

    def _death(self) -> Stopped:
        with contextlib.suppress(Stopped):
            self._drain()
        status = self.end(1.0)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if b"bad_alloc" in self.printed or b"Out of memory" in self.printed:
                return Stopped(Outcome.OUT_OF_MEMORY, "asked for more memory than it may have")
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            what = {"SIGSEGV": "a segmentation fault", "SIGABRT": "an abort"}.get(name, name)
            return Stopped(Outcome.CRASHED, f"its process died of {what}")
        code = os.WEXITSTATUS(status)
        return Stopped(
            Outcome.CRASHED, f"its process ended itself (exit status {code}): os._exit or a closed connection?"
        )

    def untouched(self) -> bool:
        """Whether it still waits for its first question: a sibling may have ended it, or it died by itself."""
        return not self._started or not select.select([self._socket], [], [], 0)[0]

    def end(self, patience: float) -> int:
        """Kill the process, if it still lives; its wait status."""
        if self._pid == 0:
            return 0
        pid, self._pid = self._pid, 0
        self._selector.close()
        self._socket.close()
        try:
            return self._worker.end(pid, patience)
        finally:
            os.close(self._output)

    def forget(self) -> None:
        """Let go of a child that another process has taken over: its copies of our descriptors stay open."""
        if self._pid:
            self._pid = 0
            self._selector.close()
            self._socket.close()
            os.close(self._output)


class Isolated(Backend):
    """The backend whose implementation lives in children of the worker, a fresh one for every kata.

    Args:
        implementation: whose katas are asked.
        limits: what each child may use.
        worker: who starts the children.
        ahead: whether the next kata's child starts and warms up while this one is judged: on a second core the
            fresh process then costs nothing. For those who judge many katas.
        also: files besides the implementation's own that may be asked for.
    """

    def __init__(
        self,
        implementation: Implementation,
        limits: Limits,
        worker: Worker,
        *,
        ahead: bool = False,
        also: Iterable[Path] = (),
    ) -> None:
        self._implementation = implementation
        self._limits = limits
        self._worker = worker
        self._ahead = ahead
        self._also = tuple(also)
        self._child: Child | None = None
        self._next: Child | None = None
        self._kata: KataName | None = None
        self._last_words = ""
        self._own_bytes = 0

    def prepare(self) -> None:
        """Have a child ready and warm before anyone asks for it; no line of the implementation runs yet."""
        if self._child is None:
            self._child = self._worker.child(self._implementation, self._limits, warm=True)

    def forget(self) -> None:
        """The child now belongs to a process that was forked from this one."""
        if self._child is not None:
            self._child.forget()
            self._child = None

    def begin(self, kata: KataName) -> None:
        if kata != self._kata:
            self._own_bytes = 0
            if self._kata is not None:
                self._drop()
        self._kata = kata
        self._last_words = ""
        if self._child is not None:
            self._child.printed.clear()
            self._child.printed_bytes = 0
        if self._child is None:  # now, so that TensorFlow's start is not counted as the law's time
            self._child = self._fresh_child()
            if self._ahead:
                self._next = self._worker.child(self._implementation, self._limits, warm=True)
        self._child.wait_for_start()
        self._child.begin_law()

    @property
    def printed(self) -> str:
        if self._child is None:
            return self._last_words
        return clean_text(self._child.printed.decode("utf-8", "replace"))

    def ask(self, question: Question) -> Answer:
        for answer in self.converse(iter((question,))):
            return answer
        raise AssertionError("a question without an answer")

    def converse(self, questions: Iterator[Question]) -> Generator[Answer, None, None]:
        for data in self._replies(encode(question.packed()) for question in questions):
            yield self._answer_in(data)

    def converse_prepared(self, questions: Iterator[Prepared]) -> Generator[Answer, None, None]:
        asked: deque[Prepared] = deque()

        def requests() -> Iterator[bytes]:
            for each in questions:
                asked.append(each)
                yield each.request

        for data in self._replies(requests()):
            each = asked.popleft()
            yield each.answer if each.is_likely(data) else self._own(data)

    def _own(self, data: bytes) -> Answer:
        """An answer that is this implementation's alone: all of a kata's are kept, so there is an end to them."""
        self._own_bytes += len(data)
        if self._own_bytes > MAX_ANSWERS:
            self._drop()
            raise Stopped(Outcome.OUT_OF_MEMORY, f"its answers together are larger than {MAX_ANSWERS // 2**20} MiB")
        return self._answer_in(data)

    def converse_packed(self, requests: Iterator[bytes]) -> Generator[bytes, None, None]:
        """As `converse`, questions and answers as they cross the waist."""
        for data in self._replies(requests):
            self._answer_in(data)  # what is no answer is noticed here
            yield data

    def _answer_in(self, data: bytes) -> Answer:
        try:
            return answer_in(decode_reply(data))
        except CodecError as error:
            self._drop()
            raise Stopped(Outcome.CRASHED, f"its process sent what is no reply: {str(error)[:120]}") from None

    def _replies(self, requests: Iterator[bytes]) -> Generator[bytes, None, None]:
        if self._child is None:
            self._child = self._fresh_child()
            self._child.wait_for_start()
        if not self._child.is_briefed:
            self._child.brief(encode_sources(sources_of(self._implementation, self._also)))
        try:
            yield from self._child.converse(requests)
        except GeneratorExit:
            if self._child is not None and not self._child.in_step:
                self._drop()  # it would answer what nobody waits for any more
            raise
        except BaseException:
            self._drop()
            raise

    def _fresh_child(self) -> Child:
        child, self._next = self._next, None
        if child is not None and child.untouched():
            return child
        if child is not None:
            child.end(0.0)
        return self._worker.child(self._implementation, self._limits)

    def _drop(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            self._last_words = clean_text(child.printed.decode("utf-8", "replace"))
            with contextlib.suppress(WorkerLost):
                child.end(0.0)

    def renew(self) -> None:
        self._drop()

    def close(self) -> None:
        self._drop()
        if self._next is not None:
            child, self._next = self._next, None
            with contextlib.suppress(WorkerLost):
                child.end(0.0)
