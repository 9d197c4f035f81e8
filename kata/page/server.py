"""Serves the page: one address on this machine, one token, the judge and the painter beside it."""

import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
import watchfiles
from fastapi import FastAPI
from nicegui import app as pages
from nicegui import background_tasks, ui

from kata.course import curriculum, progress
from kata.course.curriculum import Kata
from kata.page.guard import Guard
from kata.page.link import EngineLink, PainterLink
from kata.page.part import Parts
from kata.page.view import Course, Tab
from kata.waist.implementation import ROOT, Implementation

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT = 8765
TOKEN = progress.PATH.parent / "page.token"


def token() -> str:
    """The clone's own, made once: a tab that is open finds the page again after a restart. Only its owner reads it."""
    with contextlib.suppress(OSError):
        found = TOKEN.read_text("utf-8").strip()
        if len(found) >= 32:
            return found
    made = secrets.token_urlsafe(32)
    with contextlib.suppress(OSError):
        TOKEN.parent.mkdir(exist_ok=True)
        TOKEN.unlink(missing_ok=True)
        with os.fdopen(os.open(TOKEN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made)
    return made


def bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens there; at the usual port, or the next that is free, where none was asked for.

    Raises:
        ValueError: that port is taken, or that host is none of this machine's.
    """
    wanted = [port] if port else [*range(PORT, PORT + 20), 0]
    for number in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
            listening.listen(128)  # whoever comes before the server is ready waits
        except OSError as error:
            listening.close()
            trouble = error.strerror or str(error)
            continue
        return listening
    raise ValueError(f"{host}:{wanted[0]} cannot be listened at ({trouble}); name another with --port")


def own_names() -> set[str]:
    """What this machine is called in its network."""
    name = socket.gethostname()
    with contextlib.suppress(OSError):
        return {name, *(str(found[4][0]) for found in socket.getaddrinfo(name, None))}
    return {name}


def first_kata(implementation: Implementation) -> Kata:
    """Where a learner goes on: the first kata that is not solved."""
    standings = progress.standings(curriculum.katas(), implementation)
    katas = curriculum.katas()
    return next((kata for kata in katas if standings[kata.name] is not progress.Standing.SOLVED), katas[0])


def serve(
    implementation: Implementation,
    listening: socket.socket,
    host: str,
    key: str,
    ready: Callable[[], None],
    start: Kata | None = None,
) -> None:
    """Serve until Ctrl-C; `ready` is called when the page can be opened."""
    engine, painter = EngineLink(implementation.folder), PainterLink(implementation.folder)
    course = Course(engine, painter, Parts(Path(implementation.folder)))

    def index(kata: str = "") -> None:
        found = next((one for one in curriculum.katas() if one.name == kata), None)
        Tab(course, found or start or first_kata(implementation))

    ui.page("/", title="Katas", dark=None, language="en-US")(index)
    pages.add_static_files("/plots", ROOT / "lessons" / "plots")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        background_tasks.create(_look_out(course, implementation.folder))
        ready()
        yield
        await engine.stop()
        await painter.stop()

    outer = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(outer, title="Katas", dark=None, reconnect_timeout=30.0, tailwind=False, show_welcome_message=False)
    port = listening.getsockname()[1]
    hosts = LOOPBACK if host in LOOPBACK else (*LOOPBACK, host, *own_names())
    guarded = Guard(outer, token=key, hosts=hosts, port=port)
    config = uvicorn.Config(guarded, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


async def _look_out(course: Course, folder: str) -> None:
    """Tell the tabs what is saved in the folder, by whomever."""
    async for changes in watchfiles.awatch(folder, watch_filter=None, step=15, debounce=200, recursive=False):
        names = {Path(name) for _, name in changes}
        chapters = {name.stem for name in names if name.suffix == ".py" and name.stem.startswith("ch")}
        if chapters:
            course.saved_elsewhere(chapters)
