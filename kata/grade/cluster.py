"""Grading with a Dask cluster: submissions answer there, are marked here, and nobody else writes the ledger.

A task is one submission's answer to the exam. Its files go there, its sheets come back, both as bytes. As many tasks
are begun as there are workers, so what this process holds does not grow with the class, and a task whose worker is
gone was alone on it: Dask gives it to another.
"""

import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from kata.course.curriculum import Kata
from kata.grade.grader import Found, Grader
from kata.grade.markers import Marked, Markers, ToMark
from kata.grade.papers import Papers
from kata.grade.pool import ATTEMPTS, Lost
from kata.judge.exam import KataExam
from kata.waist.desk import Answers, Gone, Job, Terms, kind_of_this
from kata.waist.isolated import Limits
from kata.waist.paper import Paper, opened, paper_of, sealed
from kata.waist.verdict import Outcome

if TYPE_CHECKING:
    from distributed import Client, Future

    from kata.grade.run import Settings

LOCAL = "local:"
WAIT_FOR_WORKERS = 60.0
"""Seconds without any worker, after which there is none."""
LOOK = 1.0
"""Seconds after which is looked whether workers came or went."""
Noted = Callable[[str], None]
"""Told what an instructor should read, a sentence."""


class ClusterLost(Exception):
    """The cluster is not there any more; the text says what to do."""


def check(cluster: str) -> None:
    """Refuse what cannot be meant, before anything is made.

    Raises:
        ValueError: the text says what to give, or what to install.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ValueError("--cluster needs Dask: uv sync --extra cluster") from None
    if cluster.startswith(LOCAL):
        if not (cluster.removeprefix(LOCAL).isdecimal() and int(cluster.removeprefix(LOCAL))):
            raise ValueError(f"--cluster {cluster}: give local:N with N workers, such as local:2")
    elif "://" not in cluster:
        raise ValueError(f"--cluster {cluster}: give a scheduler such as tls://host:8786, or local:N")


def spread(
    cluster: str,
    texts: Mapping[str, Mapping[str, bytes]],
    exam: Papers,
    settings: "Settings",
    first: Callable[[], None],
    noted: Noted,
) -> Generator[tuple[str, Found | Lost], None, None]:
    """Yield each submission with what was found, as they are done, as `pool.spread` does.

    Raises:
        ValueError: there is no such cluster, or no worker of the right kind in it.
        ClusterLost: it is gone.
    """
    events: Queue[Any] = Queue()
    grader = Grader(exam, settings.limits, walled=settings.walled)
    markers = Markers(texts, grader, min(settings.jobs, len(texts)), first, events)  # forked before there are threads
    with markers, _connected(cluster) as client, _Run(client, exam, settings.limits, settings.walled, noted) as run:
        yield from _Spreading(texts, list(exam.exams), run, markers, events).found()


class _Run:
    """The desks of a run, in all workers that are of this machine's kind."""

    def __init__(self, client: "Client", exam: Papers, limits: Limits, walled: bool, noted: Noted) -> None:
        self.client = client
        self.name = f"kata-{secrets.token_hex(6)}"
        self._kind = kind_of_this(walled)
        papers = {name: _paper(one.kata, one) for name, one in exam.exams.items()}
        self._terms = sealed(Terms(self._kind, papers, limits, walled))
        self._walled = walled
        self._noted = noted
        self._known: set[str] = set()
        self._refused: dict[str, str] = {}

    def __enter__(self) -> "_Run":
        from kata.waist.dask_desk import DeskPlugin

        with _explained():
            until = time.monotonic() + WAIT_FOR_WORKERS
            while not self._workers() and time.monotonic() < until:
                time.sleep(0.2)
            self._look_at_new_ones()
            self.client.register_plugin(DeskPlugin(self.name, self._terms), name=self.name)
        if not self.slots():
            said = "; ".join(f"{where}: {why}" for where, why in sorted(self._refused.items()))
            raise ValueError(
                f"no worker of the cluster can answer: {said or 'there is none'}; start workers from this clone's files"
            )
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # the cluster may be what is gone
            self.client.unregister_worker_plugin(self.name)

    def _workers(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return found

    def slots(self) -> int:
        """How many workers answer for this run."""
        with _explained():
            self._look_at_new_ones()
            return sum(bool(one["resources"].get(self.name)) for one in self._workers().values())

    def _look_at_new_ones(self) -> None:
        """Say by name which workers are not of the right kind, each once."""
        from kata.waist.dask_desk import describe, kind_in

        new = [address for address in self._workers() if address not in self._known]
        if not new:
            return
        self._known.update(new)
        for address, said in self.client.run(describe, self._walled, workers=new, on_error="return").items():
            why = self._kind.differences(kind_in(said)) if isinstance(said, bytes) else f"no kata: {said}"
            if why:
                self._refused[address] = why
                self._noted(f"worker {address} is not used: {why}")

    def submit(self, files: Mapping[str, bytes], katas: list[str]) -> "Future[bytes]":
        """Let a submission answer, wherever a worker is free."""
        from kata.waist import dask_desk

        job = sealed(Job(dict(files), katas))
        future: Future[bytes] = self.client.submit(
            dask_desk.answer, self.name, job, key=f"{self.name}-{secrets.token_hex(8)}", resources={self.name: 1}
        )
        return future

    def link_to(self, worker: str) -> Callable[[bytes], bytes]:
        """What carries questions to the desk in that worker."""
        from kata.waist import dask_desk

        def carry(data: bytes) -> bytes:
            try:
                told = self.client.run(dask_desk.ask, self.name, data, workers=[worker])[worker]
            except Exception as error:  # whatever Dask makes of a worker that is gone
                raise Gone(str(error)) from None
            if not isinstance(told, bytes) or not told:
                raise Gone(worker)
            return told

        return carry


def _paper(kata: Kata, exam: KataExam) -> Paper:
    laws = [[example.prepared for example in law.examples] for law in exam.laws]
    return paper_of(kata.key, laws, guarded=kata.is_scratch)


class _Spreading:
    """One run over all submissions."""

    def __init__(
        self,
        texts: Mapping[str, Mapping[str, bytes]],
        katas: list[str],
        run: _Run,
        markers: Markers,
        events: "Queue[Any]",
    ) -> None:
        self._texts = texts
        self._katas = katas
        self._run = run
        self._markers = markers
        self._events = events
        self._waiting = list(reversed(list(texts)))
        self._running: dict[Any, str] = {}
        self._marking = 0
        self._attempts: dict[str, int] = {}

    def found(self) -> Iterator[tuple[str, Found | Lost]]:
        """Each submission with what was found."""
        slots, looked = self._run.slots(), time.monotonic()
        last_seen = looked
        while self._waiting or self._running or self._marking:
            while self._waiting and len(self._running) < slots and self._marking <= slots:
                self._begin(self._waiting.pop())
            try:
                event = self._events.get(timeout=LOOK)
            except Empty:
                event = None
            if isinstance(event, Marked):
                yield from self._marked(event)
            elif event is not None:
                yield from self._answered(event)
            if time.monotonic() - looked > LOOK:
                slots, looked = self._run.slots(), time.monotonic()
                last_seen = looked if slots else last_seen
                if looked - last_seen > WAIT_FOR_WORKERS:
                    raise ClusterLost(f"no worker is left, for {WAIT_FOR_WORKERS:g} s; start some, and grade again")

    def _begin(self, digest: str) -> None:
        with _explained():
            future = self._run.submit(self._texts[digest], self._katas)
        self._running[future] = digest
        future.add_done_callback(self._events.put)

    def _answered(self, future: "Future[bytes]") -> Iterator[tuple[str, Found | Lost]]:
        from distributed import KilledWorker

        digest = self._running.pop(future)
        try:
            with _explained():
                data = future.result()
            answers: Answers = opened(data, Answers)
        except KilledWorker:
            yield digest, Lost()
            return
        except ValueError:
            yield from self._again(digest)
            return
        finally:
            future.release()
        if answers.trouble:
            yield from self._again(digest)
            return
        self._marking += 1
        self._markers.put(ToMark(digest, answers, self._run.link_to(answers.worker)))

    def _marked(self, one: Marked) -> Iterator[tuple[str, Found | Lost]]:
        self._marking -= 1
        if one.error is not None:
            raise ClusterLost(f"{one.error}: is there enough memory? The same command goes on")
        if one.found is None:
            yield from self._again(one.digest)
        elif _is_unsteady(one.found) and self._attempts.get(one.digest, 0) == 0:
            yield from self._again(one.digest)  # once more, perhaps elsewhere, as a pool does in a fresh worker
        else:
            yield one.digest, one.found

    def _again(self, digest: str) -> Iterator[tuple[str, Found | Lost]]:
        self._attempts[digest] = self._attempts.get(digest, 0) + 1
        if self._attempts[digest] < ATTEMPTS:
            self._waiting.append(digest)
        else:
            yield digest, Lost()


def _is_unsteady(found: Found) -> bool:
    return any(one.outcome is Outcome.INFRASTRUCTURE for chapter in found.katas.values() for one in chapter.values())


@contextlib.contextmanager
def _connected(cluster: str) -> Iterator["Client"]:
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said in a sentence of ours
    with contextlib.ExitStack() as open_ones:
        if cluster.startswith(LOCAL):
            # Encrypted on this machine, too: whoever reaches a scheduler can run code as its owner.
            security = Security.temporary()
            # `ATTEMPTS` in all; and three kills by a submission are no reason to give up on a worker's place.
            open_ones.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1}))
            workers = int(cluster.removeprefix(LOCAL))
            cluster_here = LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, security=security,
                silence_logs=logging.CRITICAL, memory_limit=0,
            )  # fmt: skip
            open_ones.enter_context(cluster_here)
            yield open_ones.enter_context(Client(cluster_here, security=security))
            return
        try:
            client = Client(cluster, timeout="20s")
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            said = str(error).splitlines()[0][:200]
            raise ValueError(
                f"no scheduler answers at {cluster}: {said}; start it (`dask scheduler`), and see docs/SCALE.md for TLS"
            ) from None
        yield open_ones.enter_context(client)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What Dask raises when its scheduler is gone, as a sentence."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    try:
        yield
    except (KilledWorker, ClusterLost):
        raise
    except (OSError, TimeoutError, CancelledError, RuntimeError, KeyError) as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
        raise ClusterLost(
            f"the cluster's scheduler is gone ({said[:160]}); what is graded is kept: start it again, and the same "
            "command goes on"
        ) from None
