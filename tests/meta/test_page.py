"""The page without a browser: the parts of a chapter, who is let in, what a verdict looks like, handles, lessons."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from typer.testing import CliRunner

from kata.cli import app
from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.learn.plot.handles import MOVABLE
from kata.learn.plot.pictures import PICTURES
from kata.page import lesson, words
from kata.page.data import KataView
from kata.page.guard import Guard
from kata.page.part import Conflict, Missing, Parts
from kata.waist.implementation import ROOT
from kata.waist.verdict import Message, Row

KATAS = curriculum.katas()
HUBER = next(kata for kata in KATAS if kata.name == "huber")


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    folder = tmp_path / "exercises"
    folder.mkdir()
    for path in (ROOT / "exercises").glob("ch*.py"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Parts(folder, tmp_path / "kept")


# The parts of a chapter


@pytest.mark.parametrize("folder", ["exercises", "solutions"])
def test_every_kata_has_its_part_and_no_line_of_another_s(folder: str) -> None:
    parts = Parts(ROOT / folder)
    for kata in KATAS:
        text = parts.read(kata).text
        heads = [line for line in text.splitlines() if line.startswith(("def ", "class "))]
        others = {other.name for other in KATAS} - {kata.name}
        assert any(kata.name in head for head in heads)
        assert not any(head.split("(")[0].split(":")[0].split()[1] in others for head in heads), kata.name


def test_only_the_part_is_changed(parts: Parts) -> None:
    path = parts.path(HUBER)
    before = path.read_text("utf-8")
    part = parts.read(HUBER)
    assert before.splitlines()[part.first_line - 1] == part.text.splitlines()[0]
    parts.write(HUBER, part.text, part.text + "\n    # more")
    assert path.read_text("utf-8") == before.replace(part.text, part.text + "\n    # more")


def test_what_was_saved_elsewhere_is_never_overwritten_unseen(parts: Parts) -> None:
    base = parts.read(HUBER).text
    path = parts.path(HUBER)
    path.write_text(path.read_text("utf-8").replace(base, base + "\n    # theirs"), "utf-8")
    before = path.read_bytes()
    with pytest.raises(Conflict) as caught:
        parts.write(HUBER, base, base + "\n    # mine")
    assert caught.value.theirs == base + "\n    # theirs"
    assert path.read_bytes() == before


def test_another_kata_s_change_is_no_conflict(parts: Parts) -> None:
    base = parts.read(HUBER).text
    path = parts.path(HUBER)
    path.write_text("# a line at the top\n" + path.read_text("utf-8"), "utf-8")
    parts.write(HUBER, base, base + "\n    # mine")
    text = path.read_text("utf-8")
    assert text.startswith("# a line at the top\n")
    assert "    # mine" in text


@pytest.mark.parametrize("rest", ["    return (", '    """open', "    x = = 1", "}}}"])
@pytest.mark.parametrize("is_fresh", [False, True], ids=["same server", "new server"])
def test_a_broken_part_is_found_again(parts: Parts, rest: str, is_fresh: bool) -> None:
    base = parts.read(HUBER).text
    parts.write(HUBER, base, f"{base}\n{rest}")
    again = Parts(parts.path(HUBER).parent) if is_fresh else parts
    part = again.read(HUBER)
    assert part.text == f"{base}\n{rest}"
    assert part.error
    again.write(HUBER, part.text, base)
    assert again.read(HUBER).error == ""
    assert parts.path(HUBER).read_bytes() == (ROOT / "exercises" / "ch02_losses.py").read_bytes()


def test_a_helper_above_belongs_to_the_kata(parts: Parts) -> None:
    base = parts.read(HUBER).text
    parts.write(HUBER, base, f"def _half(x):\n    return x / 2\n\n\n{base}")
    assert Parts(parts.path(HUBER).parent).read(HUBER).text.startswith("def _half(x):")


def test_line_ends_stay_as_they_are(parts: Parts) -> None:
    path = parts.path(HUBER)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    base = parts.read(HUBER).text
    assert "\r" not in base
    parts.write(HUBER, base, base + "\n    # mine")
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


def test_what_is_no_kata_has_no_file(parts: Parts) -> None:
    stranger = Kata("../../etc", "passwd", "free", 1, 1, "", "", ())
    for do in (lambda: parts.read(stranger), lambda: parts.write(stranger, "", "x")):
        with pytest.raises(Missing, match="no kata of this course"):
            do()


@pytest.mark.parametrize("damage", ["gone", "renamed", "not text"])
def test_a_part_that_is_not_there_is_said_with_a_remedy(parts: Parts, damage: str) -> None:
    path = parts.path(HUBER)
    if damage == "gone":
        path.unlink()
    elif damage == "renamed":
        path.write_text(path.read_text("utf-8").replace("def huber(", "def hubert("), "utf-8")
    else:
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(Missing, match=r"kata reset|UTF-8"):
        parts.read(HUBER)


# Who is let in

TOKEN, PORT = "t" * 43, 8765


async def _page(request: Any) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("the page")
    await socket.close()


GUARDED = Guard(
    Starlette(routes=[Route("/{rest:path}", _page, methods=["GET", "POST"]), WebSocketRoute("/ws", _socket)]),
    token=TOKEN,
    hosts=("127.0.0.1", "localhost", "::1"),
    port=PORT,
)
RIGHT = {"host": "127.0.0.1:8765", "cookie": f"kata-8765={TOKEN}"}


def asked(headers: dict[str, str], *, kind: str = "http", method: str = "GET", query: str = "") -> list[dict[str, Any]]:
    """What the guarded page sends back."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": "/ws" if kind == "websocket" else "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "root_path": "",
        "server": ("127.0.0.1", PORT),
        "subprotocols": [],
    }
    asyncio.run(GUARDED(scope, receive, send))
    return sent


def is_let_in(sent: list[dict[str, Any]]) -> bool:
    return sent[0].get("status", 0) == 200 or sent[0]["type"] == "websocket.accept"


REFUSED = {
    "no token": {"host": "127.0.0.1:8765"},
    "a wrong token": RIGHT | {"cookie": "kata-8765=guess"},
    "another port's cookie": RIGHT | {"cookie": f"kata-8766={TOKEN}"},
    "a foreign host": RIGHT | {"host": "evil.example:8765"},
    "a foreign host at loopback's port": RIGHT | {"host": "127.0.0.1.evil.example:8765"},
    "another port": RIGHT | {"host": "127.0.0.1:80"},
    "no host": {"cookie": RIGHT["cookie"]},
    "an outside page": RIGHT | {"origin": "https://evil.example"},
    "another page of this machine": RIGHT | {"origin": "http://127.0.0.1:3000"},
    "a page from a file": RIGHT | {"origin": "null"},
}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", REFUSED.values(), ids=list(REFUSED))
def test_is_refused(headers: dict[str, str], kind: str) -> None:
    sent = asked(headers, kind=kind)
    assert not is_let_in(sent)
    assert b"the page" not in b"".join(message.get("body", b"") for message in sent if message.get("status") == 200)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_is_let_in(host: str, kind: str) -> None:
    assert is_let_in(asked(RIGHT | {"host": host}, kind=kind))
    assert is_let_in(asked(RIGHT | {"host": host, "origin": f"http://{host}"}, kind=kind))


def test_the_token_in_the_link_becomes_a_cookie_that_no_other_site_is_sent() -> None:
    (start, *_) = asked({"host": "127.0.0.1:8765"}, query=f"token={TOKEN}&kata=huber")
    headers = dict(start["headers"])
    assert start["status"] == 303
    assert headers[b"location"] == b"/?kata=huber"
    assert b"HttpOnly" in headers[b"set-cookie"]
    assert b"SameSite=strict" in headers[b"set-cookie"]
    assert asked({"host": "127.0.0.1:8765"}, query="token=guess")[0]["status"] == 403
    assert asked({"host": "evil.example"}, query=f"token={TOKEN}")[0]["status"] == 421
    assert asked({"host": "127.0.0.1:8765"}, query=f"token={TOKEN}", method="POST")[0]["status"] == 403


def test_elsewhere_only_when_meant() -> None:
    result = CliRunner().invoke(app, ["page", "--host", "0.0.0.0"])
    assert result.exit_code == 2
    assert "--exposed" in result.stderr


# What is said


def test_what_differs_is_marked_and_everything_is_escaped() -> None:
    expected, yours = words.marked("[1.0, 2.0] <b>", "[1.0, 3.0] <b>")
    assert expected == "[1.0, <mark>2.0</mark>] &lt;b&gt;"
    assert yours == "[1.0, <mark>3.0</mark>] &lt;b&gt;"
    evil = "<img src=x onerror=alert(1)>"
    message = Message(
        f"huber: {evil}",
        tuple(Row(label, evil) for label in ("law", "input", "expected", "yours", "problem", "mistake", "where")),
    )
    assert "<img" not in words.details(message)
    assert "<img" not in words.difference(f"+{evil}")


def test_a_screen_reader_is_told_the_verdict_and_the_mistake() -> None:
    message = Message(
        "huber: is symmetric", (Row("mistake", "You forgot the half."), Row("where", "exercises/a.py:12"))
    )
    view = KataView(standing="begun", outcome="wrong", message=message)
    assert words.spoken(HUBER, view, "") == "huber: Not right yet. You forgot the half."
    assert words.line_of(message) == 12


def test_every_lesson_s_formulas_are_mathml() -> None:
    for chapter in curriculum.chapters():
        for text in (chapter.introduction, *(kata.lesson for kata in chapter.katas)):
            html = lesson.as_html(text)
            assert html.count("<math") >= text.count("```math")
            assert "```" not in html


# Handles


def test_every_handle_starts_between_its_ends_and_on_a_step() -> None:
    assert set(MOVABLE) <= set(PICTURES)
    for name, movable in MOVABLE.items():
        for handle in movable.handles:
            assert handle.low <= handle.start <= handle.high, name
            for value in (handle.low, handle.start, handle.high):
                assert handle.clamped(value) == pytest.approx(value), (name, handle.name)
            assert handle.clamped(-1e9) == handle.low
            assert handle.clamped(1e9) == handle.high
            assert handle.clamped(float("nan")) == handle.start
            assert handle.symbol in handle.shown(handle.start)
