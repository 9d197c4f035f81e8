"""The page's ends of the processes that judge and draw: started, spoken to, and started again when they are gone."""

import asyncio
import contextlib
import itertools
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

import msgspec

from kata.page.data import Reply, Request, View
from kata.waist.implementation import ROOT

LONGEST_LINE = 2**24
PAUSE = 1.0  # seconds before what died is started again


class EngineLink:
    """The judge, as the page knows it: the last view of how things stand, and who wants to know of the next."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[View], None]] = []
        self.view = View({}, starting="Starting TensorFlow, and reading the laws: some seconds.")

    def listen(self, listener: Callable[[View], None]) -> Callable[[], None]:
        """Call `listener` with each new view; what is returned ends that."""
        self._listeners.append(listener)

        def leave() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return leave

    def start(self) -> None:
        """Start the process, and keep it running."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the process."""
        if self._task is not None:
            self._task.cancel()
        await _end(self._process, signal.SIGINT)

    def tell(self, word: str, kata: str) -> None:
        """Say one of the engine's words of a kata."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{word} {kata}\n".encode())

    async def _run(self) -> None:
        while True:
            self._process = await _started("kata.page.engine", self._folder)
            assert self._process.stdout is not None
            while line := await self._process.stdout.readline():
                self.view = msgspec.json.decode(line, type=View)
                for listener in list(self._listeners):
                    listener(self.view)
            await self._process.wait()
            await asyncio.sleep(PAUSE)


class PainterLink:
    """The painter: asked one thing at a time."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._process: Process | None = None
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def ask(self, kata: str, values: dict[str, float] | None = None, *, ways: bool = False) -> Reply:
        """What the painter answers."""
        number = next(self._numbers)
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                self._process = await _started("kata.page.painter", self._folder)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                request = Request(number, kata, values or {}, ways)
                self._process.stdin.write(msgspec.json.encode(request) + b"\n")
                await self._process.stdin.drain()
                while line := await self._process.stdout.readline():
                    reply = msgspec.json.decode(line, type=Reply)
                    if reply.number == number:  # an older one, when whoever asked for it has gone
                        return reply
            except ConnectionError:
                pass
            await _end(self._process)
            self._process = None
            return Reply(number, kata, trouble="what draws was ended; save once more to try again")

    async def stop(self) -> None:
        """End the process."""
        await _end(self._process)


async def _started(module: str, folder: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, folder, stdin=PIPE, stdout=PIPE, cwd=ROOT, limit=LONGEST_LINE
    )


async def _end(process: Process | None, at_once: signal.Signals | None = None) -> None:
    """Close its input, at which it ends by itself; one that may be importing for long is sent a signal too."""
    if process is None or process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    if at_once is not None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(at_once)
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
