"""A desk in each Dask worker: set up once for a run, in those workers that are of the right kind.

Dask pickles functions, so whoever reaches a scheduler can run code there: that is what its TLS is for. What passes
through here is bytes, both ways.
"""

import asyncio

import msgspec
from distributed import Worker, WorkerPlugin

from kata.waist.desk import Answers, Desk, Kind, Terms, kind_of_this
from kata.waist.paper import opened, sealed

_desks: dict[str, Desk] = {}
LARGEST = 1 << 30
"""Bytes of a run's terms: they come from the coordinator."""


class DeskPlugin(WorkerPlugin):
    """Sets the desk up where the machine is of the right kind.

    Dask sends it once to every worker, those that come later included.
    """

    def __init__(self, run: str, terms: bytes) -> None:
        self.name = run
        self._terms = terms

    async def setup(self, worker: Worker) -> None:
        """Called by Dask when the worker starts, or when the run does."""
        terms = opened(self._terms, Terms, LARGEST)
        kind = await asyncio.to_thread(kind_of_this, terms.walled)
        if not terms.kind.differences(kind):
            _desks[self.name] = desk = Desk(terms, worker.address)
            desk.start()  # in this thread, which lives as long as the worker: its child ends with whoever started it

    async def teardown(self, worker: Worker) -> None:
        """Called by Dask when the run is over, or the worker ends."""
        desk = _desks.pop(self.name, None)
        if desk is not None:
            await asyncio.to_thread(desk.close)


def answer(run: str, job: bytes) -> bytes:
    """A task: a submission's answers. It raises nothing: an exception would be pickled."""
    try:
        return _desks[run].answer(job)
    except Exception as error:
        return sealed(Answers({}, 0.0, "", f"{type(error).__name__}: {str(error)[:200]}"))


async def ask(run: str, data: bytes) -> bytes:
    """Beside the tasks: something that is asked live. Empty where there is no desk."""
    desk = _desks.get(run)
    return await asyncio.to_thread(desk.ask, data) if desk is not None else b""


class Description(msgspec.Struct):
    """Of a worker: what kind of machine it is, and whether its desk stands."""

    kind: Kind
    is_ready: bool


async def describe(run: str, walled: bool) -> bytes:
    """Describe this machine."""
    kind = await asyncio.to_thread(kind_of_this, walled)
    return sealed(Description(kind, run in _desks))
