"""Work spread over processes that are forked from this one, each with all that this one holds; who dies is replaced."""

import concurrent.futures
import contextlib
import signal
from collections.abc import Callable, Generator, Iterable
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from kata.waist.walls import die_with_parent

Result = TypeVar("Result")
ATTEMPTS = 3
"""So often a task is begun whose process is gone before it is done."""

_work: Callable[[Any], Any]


class Lost:
    """Stands for the result of a task whose process was gone every time, or of which nothing came."""

    def __init__(self, cause: str = "the process that judged it was gone three times") -> None:
        self.cause = cause


def spread(
    tasks: Iterable[str], work: Callable[[str], Result], jobs: int, first: Callable[[], None] = lambda: None
) -> Generator[tuple[str, Result | Lost], None, None]:
    """Yield each task with the result of `work` on it, as they are done; at most a few more than `jobs` are begun.

    Args:
        tasks: names of what is to be done: they alone are sent over.
        work: what is done; its processes have it, and all that it refers to, from their start.
        jobs: how many processes.
        first: what each process does when it starts.
    """
    waiting = list(tasks)
    waiting.reverse()
    attempts: dict[str, int] = {}
    while waiting:
        pool = concurrent.futures.ProcessPoolExecutor(
            min(jobs, len(waiting)), mp_context=get_context("fork"), initializer=_begin, initargs=(work, first)
        )
        running: dict[concurrent.futures.Future[Result], str] = {}
        try:
            while waiting or running:
                while waiting and len(running) <= jobs:
                    task = waiting.pop()
                    running[pool.submit(_do, task)] = task
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    yield running.pop(future), result
        except BrokenProcessPool:
            for task in sorted(running.values(), reverse=True):
                attempts[task] = attempts.get(task, 0) + 1
                if attempts[task] < ATTEMPTS:
                    waiting.append(task)
                else:
                    yield task, Lost()
        finally:
            _stop(pool)


def _stop(pool: concurrent.futures.ProcessPoolExecutor) -> None:
    """End the pool's processes; one that is in the middle of a task is not waited for."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        with contextlib.suppress(ProcessLookupError, OSError):
            process.terminate()
    for process in processes:
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()


def _begin(work: Callable[[Any], Any], first: Callable[[], None]) -> None:
    global _work
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told as well, and says when to stop
    _work = work
    first()


def _do(task: str) -> Any:
    return _work(task)
