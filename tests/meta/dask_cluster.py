"""A real scheduler and real workers on loopback, each a process of its own, with no more of this repository than the
machines that answer need.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from kata.waist.desk import folder_of_the_host
from kata.waist.implementation import ROOT

KILLER = "os.abort  # takes its worker down"
"""A submission that holds this ends the Dask worker that it comes to, in `Cluster(faulty=True)`."""
_FAULT = f"""
import os, signal
from kata.waist import desk

if desk.Desk.answer.__name__ != "faulty":  # a preload is read twice
    answer = desk.Desk.answer

def faulty(self, data):
    job = desk.opened(data, desk.Job)
    if any({KILLER.encode()!r} in text for text in job.files.values()):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(self, data)

desk.Desk.answer = faulty
"""


def host_in(folder: Path) -> Path:
    """A folder with what a machine that answers needs, and nothing else."""
    for path in folder_of_the_host():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)
    return folder


class Cluster:
    """Started with `with`; all of it is gone afterwards."""

    def __init__(self, place: Path, tls: Path | None = None) -> None:
        self.place = place
        self._port = 0
        self._tls = tls
        self._host = host_in(place / "host")
        self._all: list[subprocess.Popen[bytes]] = []
        self.scheduler: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{'tls' if self._tls else 'tcp'}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start_scheduler()
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._all):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._all:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_scheduler(self) -> None:
        """At the port of the one before, if there was one."""
        log = self.place / "scheduler.log"
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard"]
        arguments += ["--protocol", "tls"] * bool(self._tls)
        self.scheduler = self._start("scheduler", arguments, log, self._host)
        until = time.monotonic() + 60
        while b"Scheduler at:" not in log.read_bytes():
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        line = next(line for line in log.read_text().splitlines()[::-1] if "Scheduler at:" in line)
        self._port = int(line.rpartition(":")[2])

    def start_worker(
        self, host: Path | None = None, *, nanny: bool = False, faulty: bool = False
    ) -> subprocess.Popen[bytes]:
        """One with a thread for tasks."""
        arguments = [self.address, "--nthreads", "1", "--no-dashboard", "--memory-limit", "0"]
        arguments += ["--nanny" if nanny else "--no-nanny", "--local-directory", str(self.place / "scratch")]
        if faulty:
            (self.place / "fault.py").write_text(_FAULT)
            arguments += ["--preload", str(self.place / "fault.py")]
        return self._start("worker", arguments, self.place / f"worker{len(self._all)}.log", host or self._host)

    def _start(self, what: str, arguments: list[str], log: Path, host: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(host)}
        if self._tls:
            environment["DASK_CONFIG"] = str(self._tls)
        with log.open("ab") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *arguments],
                cwd=host,
                env=environment,
                stdout=written,
                stderr=written,
            )
        self._all.append(process)
        return process
