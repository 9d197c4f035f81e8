"""Grading with a Dask cluster: submissions answer there, are marked here, and nobody else writes the ledger.

A task is one submission's answer to the exam. Its files go there, its sheets come back, both as bytes. A worker is
given one at a time, so what this process holds does not grow with the class, and when a worker is gone it is known who
was there.
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
GATHER = 3.0
"""Seconds in which sheets come over."""
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
        self._ready: set[str] = set()
        self._refused: dict[str, str] = {}

    def __enter__(self) -> "_Run":
        from kata.waist.dask_desk import DeskPlugin

        with _explained():
            until = time.monotonic() + WAIT_FOR_WORKERS
            while not self._present() and time.monotonic() < until:
                time.sleep(0.2)
            self.client.register_plugin(DeskPlugin(self.name, self._terms), name=self.name)
        if not self.workers():
            said = "; ".join(f"{where}: {why}" for where, why in sorted(self._refused.items()))
            raise ValueError(
                f"no worker of the cluster can answer: {said or 'there is none'}; start workers from this clone's files"
            )
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # the cluster may be what is gone
            self.client.unregister_worker_plugin(self.name)

    def _present(self) -> list[str]:
        return list(self.client.scheduler_info(n_workers=-1)["workers"])

    def workers(self) -> list[str]:
        """The addresses of the workers that answer for this run; of those that do not, why, is said once."""
        from kata.waist.dask_desk import Description, describe

        with _explained():
            present = self._present()
            new = [address for address in present if address not in self._ready and address not in self._refused]
            said = self.client.run(describe, self.name, self._walled, workers=new, on_error="return") if new else {}
        for address, data in said.items():
            why = f"it does not describe itself: {data}"
            if isinstance(data, bytes):
                found: Description = opened(data, Description)
                why = self._kind.differences(found.kind)
                if found.is_ready:
                    self._ready.add(address)
            if why:
                self._refused[address] = why
                self._noted(f"worker {address} is not used: {why}")
        return [address for address in present if address in self._ready]

    def submit(self, files: Mapping[str, bytes], katas: list[str], worker: str) -> "Future[bytes]":
        """Let a submission answer at that worker."""
        from kata.waist import dask_desk

        job = sealed(Job(dict(files), katas))
        future: Future[bytes] = self.client.submit(
            dask_desk.answer, self.name, job, key=f"{self.name}-{secrets.token_hex(8)}", workers=[worker]
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
        self._running: dict[Any, tuple[str, str]] = {}
        """By future: which submission, and at which worker."""
        self._marking = 0
        self._been_at: dict[str, list[str]] = {}
        """By submission: the workers at which it was begun in vain."""
        self._workers: list[str] = []

    def found(self) -> Iterator[tuple[str, Found | Lost]]:
        """Each submission with what was found."""
        looked = last_seen = -WAIT_FOR_WORKERS
        while self._waiting or self._running or self._marking:
            now = time.monotonic()
            if now - looked > LOOK:
                self._workers, looked = self._run.workers(), now
                last_seen = now if self._workers or last_seen < 0 else last_seen
                yield from self._left_behind()
                if now - last_seen > WAIT_FOR_WORKERS:
                    raise ClusterLost(f"no worker is left, for {WAIT_FOR_WORKERS:g} s; start some, and grade again")
            self._begin()
            try:
                event = self._events.get(timeout=LOOK)
            except Empty:
                continue
            if isinstance(event, Marked):
                yield from self._marked(event)
            elif event in self._running:
                yield from self._answered(event)

    def _begin(self) -> None:
        busy = {worker for _, worker in self._running.values()}
        free = [worker for worker in self._workers if worker not in busy]
        while self._waiting and free and self._marking <= len(self._workers):
            digest = self._waiting.pop()
            others = [worker for worker in free if worker not in self._been_at.get(digest, ())]
            worker = (others or free)[0]
            free.remove(worker)
            with _explained():
                future = self._run.submit(self._texts[digest], self._katas, worker)
            self._running[future] = digest, worker
            future.add_done_callback(self._events.put)

    def _left_behind(self) -> Iterator[tuple[str, Found | Lost]]:
        """Those whose worker is gone are tried at another."""
        for future, (digest, worker) in list(self._running.items()):
            if worker not in self._workers:
                del self._running[future]
                with contextlib.suppress(Exception):
                    future.cancel()
                yield from self._again(digest, worker)

    def _answered(self, future: "Future[bytes]") -> Iterator[tuple[str, Found | Lost]]:
        from distributed import KilledWorker

        digest, worker = self._running[future]
        try:
            with _explained(TimeoutError):
                answers: Answers = opened(future.result(timeout=GATHER), Answers)
        except TimeoutError:  # its worker is gone, which will be seen, or slow
            self._events.put(future)
            return
        except (KilledWorker, ValueError):
            answers = Answers({}, 0.0, worker, "no answers")
        del self._running[future]
        future.release()
        if answers.trouble:
            yield from self._again(digest, worker, answers.trouble)
        else:
            self._marking += 1
            self._markers.put(ToMark(digest, answers, self._run.link_to(worker)))

    def _marked(self, one: Marked) -> Iterator[tuple[str, Found | Lost]]:
        self._marking -= 1
        if one.error is not None:
            raise ClusterLost(f"{one.error}: is there enough memory? The same command goes on")
        if one.found is None:
            yield from self._again(one.digest, "")
        elif _is_unsteady(one.found) and not self._been_at.get(one.digest):
            yield from self._again(one.digest, "")  # once more, perhaps elsewhere, as a pool does in a fresh worker
        else:
            yield one.digest, one.found

    def _again(self, digest: str, worker: str, trouble: str = "") -> Iterator[tuple[str, Found | Lost]]:
        been = self._been_at.setdefault(digest, [])
        been.append(worker)
        if len(been) < ATTEMPTS:
            self._waiting.append(digest)
        else:
            yield digest, Lost(f"no answers came from {worker}: {trouble}") if trouble else Lost()


def _is_unsteady(found: Found) -> bool:
    return any(one.outcome is Outcome.INFRASTRUCTURE for chapter in found.katas.values() for one in chapter.values())


@contextlib.contextmanager
def _connected(cluster: str) -> Iterator["Client"]:
    from distributed import Client, LocalCluster
    from distributed.security import Security

    for name in ("distributed", "distributed.client", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said in a sentence of ours
    with contextlib.ExitStack() as open_ones:
        if cluster.startswith(LOCAL):
            # Encrypted on this machine, too: whoever reaches a scheduler can run code as its owner.
            security = Security.temporary()
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
def _explained(*but: type[Exception]) -> Iterator[None]:
    """What Dask raises when its scheduler is gone, as a sentence; `but` what is no sign of that."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    ours: tuple[type[Exception], ...] = (KilledWorker, ClusterLost, *but)
    try:
        yield
    except ours:
        raise
    except (OSError, CancelledError, RuntimeError, KeyError) as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
        raise ClusterLost(
            f"the cluster's scheduler is gone ({said[:160]}); what is graded is kept: start it again, and the same "
            "command goes on"
        ) from None
