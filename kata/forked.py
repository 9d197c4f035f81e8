"""A judge in a process forked from one that has everything imported: it starts at once and can be stopped at once."""

import contextlib
import os
import select
import signal
import socket
import time
from typing import Any

import msgspec

from kata import channel, curriculum
from kata.curriculum import Kata
from kata.diagnosis import Catalogue
from kata.implementation import Implementation, named
from kata.isolated import Isolated, Limits, Worker
from kata.judging import Judged, judge_kata
from kata.subject import Session
from kata.verdict import KataVerdict, Outcome

PATIENCE = 2.0  # seconds that a judge has to stop in good order


class Failing(msgspec.Struct, tag=True):
    """The first law of `kata` that does not hold, while the others are still being judged."""

    kata: str
    outcome: Outcome
    message: str


class Done(msgspec.Struct, tag=True):
    """The verdict on `kata`, and the message to show when it is not solved."""

    kata: str
    verdict: KataVerdict
    message: str
    hint: int | None


class Finished(msgspec.Struct, tag=True):
    """All that was asked for is judged."""


Event = Failing | Done | Finished
_events = msgspec.msgpack.Decoder(Event)
_encode = msgspec.msgpack.Encoder().encode


class _Cancelled(BaseException):
    """The judge was told to stop."""


class ForkedJudge:
    """Judges katas in a forked process; its events are read from `fileno()`."""

    def __init__(self, katas: list[Kata], implementation: Implementation, ready: Isolated, worker: Worker) -> None:
        self.katas = katas
        self._socket, theirs = socket.socketpair()
        self._inbox = channel.Inbox()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                self._socket.close()
                _judge(katas, implementation, ready, worker, theirs)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        ready.forget()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def events(self) -> list[Event]:
        """What has happened since the last call; ends with Finished when the judge is done, or gone."""
        try:
            piece = self._socket.recv(2**16)
        except OSError:
            piece = b""
        if not piece:
            return [Finished()]
        self._inbox.add(piece)
        found: list[Event] = []
        while (message := self._inbox.take()) is not None:
            found.append(_events.decode(message))
        return found

    def close(self) -> bool:
        """Stop the judge if it still runs; False when it had to be killed, and its worker is in an unknown state."""
        if self._pid == 0:
            return True
        pid, self._pid = self._pid, 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        good = True
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                good = False
                break
            select.select([], [], [], 0.003)
        self._socket.close()
        return good


def _judge(
    katas: list[Kata], implementation: Implementation, ready: Isolated, worker: Worker, sock: socket.socket
) -> None:
    def cancel(number: int, frame: Any) -> None:
        raise _Cancelled

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, cancel)
    catalogue = Catalogue(Isolated(named("solutions"), Limits(), worker))
    session = Session(implementation, ready, curriculum.scratch())
    try:
        for kata in katas:
            _judge_one(kata, session, catalogue, sock)
        channel.send(sock, _encode(Finished()))
    except (_Cancelled, channel.Closed):
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        session.backend.close()
        catalogue.close()


def _judge_one(kata: Kata, session: Session, catalogue: Catalogue, sock: socket.socket) -> None:
    failed = False

    def after_law(report: Any) -> None:
        nonlocal failed
        if report.outcome is not Outcome.SOLVED and not failed:
            failed = True
            channel.send(sock, _encode(Failing(kata.name, report.outcome, report.message)))

    judged: Judged = judge_kata(kata, session, catalogue, after_law=after_law)
    message = judged.first_failure.message if judged.first_failure else ""
    hint = judged.diagnosis.hint if judged.diagnosis else None
    channel.send(sock, _encode(Done(kata.name, judged.verdict, message, hint)))
