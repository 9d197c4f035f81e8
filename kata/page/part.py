"""A kata's part of its chapter file: found, read, and written back without touching anything else.

The part is the kata's definition with whatever of the learner's stands between it and the definition before. Nobody's
text is overwritten unseen: whoever writes says what they believe to be there.
"""

import ast
import contextlib
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.course.progress import PATH, write_whole

KEPT = PATH.parent / "kept"
"""Texts that stood against another: one of them went into the file, both are here."""


class Missing(Exception):
    """There is no such part to edit; the text says why and what mends it."""


class Conflict(Exception):
    """The file holds something else than the writer believed: `theirs`."""

    def __init__(self, theirs: str) -> None:
        super().__init__("the file was changed elsewhere")
        self.theirs = theirs


@dataclass(frozen=True)
class Place:
    """A chapter's text in three: before the part, the part, after it."""

    before: str
    part: str
    after: str


@dataclass(frozen=True)
class Part:
    """A kata's part as it is in the file now."""

    text: str
    first_line: int
    """The number of its first line in the file."""
    error: str = ""
    """Why the file is not Python."""
    error_line: int | None = None
    """The line of the file on which that shows."""


class Parts:
    """The parts of the chapters in one folder."""

    def __init__(self, folder: Path, kept: Path = KEPT) -> None:
        self._folder = folder
        self._kept = kept
        self._known: dict[str, Place] = {}
        """Where each part was when it was last found: what a broken file is read by."""

    def path(self, kata: Kata) -> Path:
        """The chapter file; only chapters of the curriculum have one."""
        if kata not in curriculum.katas():
            raise Missing(f"{kata.name} is no kata of this course")
        return self._folder / f"{kata.chapter}.py"

    def read(self, kata: Kata) -> Part:
        """The kata's part as it is in the file.

        Raises:
            Missing: there is no such file, or the kata is not in it.
        """
        text, _ = self._text(kata)
        place = self._place(kata, text)
        error, line = "", None
        try:
            ast.parse(text)
        except SyntaxError as problem:
            error, line = problem.msg, problem.lineno
        except (ValueError, RecursionError, MemoryError) as problem:
            error = str(problem) or "it is nested too deeply"
        return Part(place.part, place.before.count("\n") + 1, error, line)

    def write(self, kata: Kata, base: str, text: str) -> None:
        """Put `text` where `base` stands.

        Raises:
            Conflict: something else stands there.
            Missing: as with `read`.
            OSError: the file cannot be written.
        """
        with self._locked():
            whole, newline = self._text(kata)
            place = self._place(kata, whole)
            if place.part not in (base, text):
                raise Conflict(place.part)
            self._known[kata.name] = Place(place.before, text, place.after)
            if place.part != text:
                new = (place.before + text + place.after).replace("\n", newline)
                write_whole(self.path(kata), new.encode("utf-8"))

    def keep(self, kata: Kata, **texts: str) -> list[Path]:
        """Put texts that stand against each other aside, each in a file of its own."""
        self._kept.mkdir(parents=True, exist_ok=True)
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        paths = []
        for name, text in texts.items():
            path = self._kept / f"{kata.name}-{stamp}-{name}.py"
            write_whole(path, text.encode("utf-8"))
            paths.append(path)
        return paths

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Two pages that write at once write one after the other."""
        import fcntl

        lock = PATH.parent / "page.lock"
        lock.parent.mkdir(exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _text(self, kata: Kata) -> tuple[str, str]:
        """The chapter's text with plain line ends, and the line ends that it has."""
        path = self.path(kata)
        try:
            text = path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            raise Missing(f"{path.name} is not there; uv run kata reset {kata.chapter} puts it back") from None
        except UnicodeDecodeError:
            raise Missing(f"{path.name} is not UTF-8; save it as such in the editor that wrote it") from None
        except OSError as error:
            raise Missing(f"{path.name} cannot be read: {error.strerror}") from None
        return text.replace("\r\n", "\n"), "\r\n" if "\r\n" in text else "\n"

    def _place(self, kata: Kata, text: str) -> Place:
        known = self._known.get(kata.name)
        if known is not None and text.startswith(known.before) and text[len(known.before) :].endswith(known.after):
            part = text[len(known.before) : len(text) - len(known.after)]
            if re.search(rf"^(def|class) {kata.name}\b", part, re.MULTILINE) or part == known.part:
                return Place(known.before, part, known.after)
        span = _span(kata, text)
        if span is None:
            raise Missing(
                f"{kata.name} is not in {kata.chapter}.py any more; uv run kata reset {kata.name} puts its stub back"
            )
        lines = text.splitlines(keepends=True)
        part = "".join(lines[slice(*span)])
        ending = "\n" if part.endswith("\n") else ""
        place = Place("".join(lines[: span[0]]), part.removesuffix("\n"), ending + "".join(lines[span[1] :]))
        self._known[kata.name] = place
        return place


def _span(kata: Kata, text: str) -> tuple[int, int] | None:
    """The lines (from 0, end excluded) of the kata's part; None where it cannot be told."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _span_by_sight(kata, text)
    lines = text.splitlines()
    katas = {other.name for other in curriculum.katas() if other.chapter == kata.chapter}
    end = 0  # of the last statement that belongs to somebody else
    for node in body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))]) - 1
        name = getattr(node, "name", None)
        if name == kata.name:
            start = end if end else _above(lines, first)
            while start < first and not lines[start].strip():
                start += 1
            return start, node.end_lineno or node.lineno
        if name in katas or not end:
            end = node.end_lineno or node.lineno
        elif name is None or _is_given(lines, node):
            end = node.end_lineno or node.lineno
    return None


def _is_given(lines: list[str], node: ast.stmt) -> bool:
    return "# given" in lines[node.lineno - 1] or "# given" in lines[min(node.lineno, len(lines) - 1)]


def _above(lines: list[str], first: int) -> int:
    while first and lines[first - 1].startswith(("#", "@")):
        first -= 1
    return first


def _span_by_sight(kata: Kata, text: str) -> tuple[int, int] | None:
    """The same in a file that is no Python: from the kata's `def` to the next kata's, by the look of the lines."""
    lines = text.splitlines()
    names = "|".join(other.name for other in curriculum.katas() if other.chapter == kata.chapter)
    starts = [i for i, line in enumerate(lines) if re.match(rf"(def|class) ({names})\b", line)]
    own = [i for i in starts if re.match(rf"(def|class) {kata.name}\b", lines[i])]
    if not own:
        return None
    following = next((i for i in starts if i > own[0]), None)
    end = len(lines) if following is None else _above(lines, following)
    while end > own[0] + 1 and not lines[end - 1].strip():
        end -= 1
    return _above(lines, own[0]), end
