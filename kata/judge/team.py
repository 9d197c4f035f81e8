"""A judge in processes forked from one that has everything imported: it starts at once and can be stopped at once."""

import contextlib
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge import case
from kata.judge.catalogue import Catalogue
from kata.judge.judging import Judged, Judgement, conclude, judge_laws
from kata.waist import channel
from kata.waist.codec import Request
from kata.waist.implementation import Implementation
from kata.waist.isolated import Isolated, Worker
from kata.waist.question import Question
from kata.waist.session import Session
from kata.waist.verdict import KataVerdict, LawReport, Message, Outcome

PATIENCE = 2.0  # seconds that a judge has to stop in good order


class Failing(msgspec.Struct, tag=True):
    """The first law of `kata` that does not hold, while the others are still being judged."""

    kata: str
    outcome: Outcome
    message: Message | None


class Done(msgspec.Struct, tag=True):
    """The verdict on `kata`, and the message to show when it is not solved."""

    kata: str
    verdict: KataVerdict
    message: Message | None
    hint: int | None
    next_step: str = ""
    """What to do next about the mistake, where it has a name."""


class Finished(msgspec.Struct, tag=True):
    """All that was asked for is judged."""


Event = Failing | Done | Finished
_events = msgspec.msgpack.Decoder(Event)
_encode = msgspec.msgpack.Encoder().encode


class Part(msgspec.Struct):
    """What one helper found about a kata: for each law of its share the report, and what was asked when it failed."""

    reports: list[tuple[LawReport, list[Request]]]

    @classmethod
    def of(cls, judgements: list[Judgement]) -> "Part":
        """`judgements` as a message."""
        return cls([(j.report, [question.packed() for question in j.asked]) for j in judgements])

    def judgements(self) -> list[Judgement]:
        """The judgements that the message carries."""
        return [Judgement(report, tuple(map(Question.unpacked, asked))) for report, asked in self.reports]


_parts = msgspec.msgpack.Decoder(Part)


class _Cancelled(BaseException):
    """The judge was told to stop."""


class ForkedJudge:
    """Judges katas in forked processes, one for each of the children that stand `ready`, which share the laws.

    The first of them puts the others' parts together. Events are read from `fileno()`.
    """

    def __init__(
        self, katas: list[Kata], implementation: Implementation, ready: list[Isolated], worker: Worker
    ) -> None:
        self.katas = katas
        # One message a packet: several processes may write, and none gets in between.
        self._events, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parts = [socket.socketpair() for _ in ready[1:]]
        team = _Team(katas, implementation, ready, worker, theirs, parts)
        self._pids = [self._fork(team, member) for member in range(len(ready))]
        theirs.close()
        for pair in parts:
            for end in pair:
                end.close()
        for backend in ready:
            backend.forget()

    def _fork(self, team: "_Team", member: int) -> int:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self._events.close()
                team.work(member)
                status = 0
            finally:
                os._exit(status)
        return pid

    def fileno(self) -> int:
        """For `select`."""
        return self._events.fileno()

    def events(self) -> list[Event]:
        """The next thing that has happened; Finished when the judge is done, or gone."""
        try:
            message = self._events.recv(2**18)
        except OSError:
            message = b""
        return [_events.decode(message) if message else Finished()]

    def close(self) -> bool:
        """Stop the judge if it still runs; False when it had to be killed, and its worker is in an unknown state."""
        pids, self._pids = self._pids, []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        good = [_ended(pid, deadline) for pid in pids]  # every one of them is waited for
        self._events.close()
        return all(good)


def _ended(pid: int, deadline: float) -> bool:
    """Wait for `pid`, and kill it at the deadline; whether it went by itself."""
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        select.select([], [], [], 0.003)
    return True


@dataclass
class _Team:
    """The processes that judge together, as each of them sees it."""

    katas: list[Kata]
    implementation: Implementation
    ready: list[Isolated]
    worker: Worker
    events: socket.socket
    parts: list[tuple[socket.socket, socket.socket]]

    def work(self, member: int) -> None:
        """What the process number `member` does from its fork to its end."""

        def cancel(number: int, frame: Any) -> None:
            raise _Cancelled

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, cancel)
        for i, backend in enumerate(self.ready):
            if i != member:
                backend.forget()
        catalogue = Catalogue.on(self.worker)
        session = Session(self.implementation, self.ready[member], curriculum.scratch(), keeps=case.folder())
        try:
            if member:
                self._help(member, session)
            else:
                self._lead(session, catalogue)
        except (_Cancelled, channel.Closed, OSError):
            pass
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            session.backend.close()
            if catalogue is not None:
                catalogue.close()

    def _share(self, member: int, kata: Kata, session: Session) -> list[Judgement]:
        """Judge every law of `kata` that is this member's turn, and tell of the first that fails."""
        failed = False

        def after_law(report: LawReport) -> None:
            nonlocal failed
            if report.outcome is not Outcome.SOLVED and not failed:
                failed = True
                self._tell(Failing(kata.name, report.outcome, report.message))

        share = slice(member, None, len(self.ready))
        return judge_laws(kata, session, share=share, after_law=after_law)

    def _tell(self, event: Event) -> None:
        self.events.sendall(_encode(event))

    def _help(self, member: int, session: Session) -> None:
        sock = self.parts[member - 1][1]
        for kata in self.katas:
            channel.send(sock, _encode(Part.of(self._share(member, kata, session))))

    def _lead(self, session: Session, catalogue: Catalogue | None) -> None:
        helpers = [(ours, channel.Inbox()) for ours, theirs in self.parts]
        for _, theirs in self.parts:
            theirs.close()  # so that a helper that is gone is noticed
        for kata in self.katas:
            shares = [self._share(0, kata, session)]
            shares += [_parts.decode(channel.receive(*helper)).judgements() for helper in helpers]
            together: list[Judgement] = []
            for i in range(sum(map(len, shares))):
                together.append(shares[i % len(shares)][i // len(shares)])
            self._conclude(conclude(kata, together, session, catalogue))
        self._tell(Finished())

    def _conclude(self, judged: Judged) -> None:
        message = judged.first_failure.message if judged.first_failure else None
        hint, next_step = (judged.diagnosis.hint, judged.diagnosis.next_step) if judged.diagnosis else (None, "")
        self._tell(Done(judged.kata.name, judged.verdict, message, hint, next_step))
