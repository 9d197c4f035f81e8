"""What an entry holds, as a listing: folders are read here, archives in `kata.grade.archive`.

Nothing that was handed in is run, imported or followed. Git is not asked either: a repository's own configuration can
make git run programs. Every name is opened from its folder's descriptor without following links, and looked at once
it is open, so that whoever exchanges a file meanwhile gains nothing.
"""

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MIB = 2**20
FILE = MIB
"""The most bytes of one chapter's file."""
TOTAL = 64 * MIB
"""The most bytes that are read, or unpacked, of one entry."""
COUNT = 20_000
"""The most files that are looked at in one entry."""
DEPTH = 12
"""So deep folders are looked into."""

_IGNORED = frozenset({"__MACOSX", "__pycache__"})
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe that nobody writes to must not hold us up, hence O_NONBLOCK."""
_FOLDER = "a folder"
_EXCHANGED = (errno.ELOOP, errno.ENOTDIR, errno.ENOENT, errno.ENXIO)
"""How opening a name fails that is no longer what it was when it was listed."""
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: _FOLDER,
}
TOO_LARGE = "larger than 1 MiB"


class Refused(Exception):
    """Nothing of an entry can be taken; the text says why."""


class Unreadable(ValueError):
    """The machine keeps us from reading an entry: not the student's fault, so the whole run stops and says so."""


@dataclass(frozen=True)
class Item:
    """One file of an entry.

    Args:
        path: from the entry's top, with slashes.
        what: what it is where it is nothing that could be taken ("a symbolic link"); empty for a plain file.
    """

    path: str
    what: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Holding:
    """The visible files of an entry, by their paths, and the contents of those that were wanted and could be read."""

    items: dict[str, Item]
    contents: dict[str, bytes]
    notes: tuple[str, ...] = field(default=())


def is_visible(path: str) -> bool:
    """Whether no part of the path is hidden or what a system leaves behind."""
    return not any(part.startswith(".") or part in _IGNORED for part in path.split("/"))


def shown(name: str) -> str:
    """A name as it can be printed on one line, whatever it holds."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in name)
    safe = safe.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= 80 else f"{safe[:50]}…{safe[-29:]}"


def kind_of(status: os.stat_result) -> str:
    """What it is, in words; empty for a plain file that has no other name."""
    if stat.S_ISREG(status.st_mode):
        return "" if status.st_nlink <= 1 else "a hard link"
    return _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")


# Folders


def read_folder(path: Path, wanted: Collection[str]) -> Holding:
    """What the folder at `path` holds, with the contents of the files that have one of the names `wanted`.

    Raises:
        Refused: there is more in it than in any submission.
        Unreadable: the machine keeps us from reading it.
    """
    try:
        top = os.open(path, _OPEN | os.O_DIRECTORY)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        items, notes = _listed(path, top)
        contents: dict[str, bytes] = {}
        room = TOTAL
        for item in list(items.values()):
            if item.name not in wanted or item.what:
                continue
            found = _read(path, top, item.path)
            if isinstance(found, Item):
                items[item.path] = found
                continue
            room -= len(found)
            if room < 0:
                raise Refused(f"its chapter files take more than {TOTAL // MIB} MiB; hand in exercises/ alone")
            contents[item.path] = found
        return Holding(items, contents, notes)
    finally:
        os.close(top)


def _listed(path: Path, top: int) -> tuple[dict[str, Item], tuple[str, ...]]:
    """The visible files below the open folder `top`, the upper ones first, in the order of their names."""
    items: dict[str, Item] = {}
    waiting = deque([""])
    while waiting:
        prefix = waiting.popleft()
        try:
            with _opened(top, prefix) as folder, os.scandir(folder) as scan:
                # Some file systems tell what an entry is only while its folder is open.
                entries = sorted((entry.name, _kind_listed(entry)) for entry in scan if is_visible(entry.name))
        except OSError as error:
            if error.errno not in _EXCHANGED:
                raise unreadable(path / prefix, error) from None
            items[prefix.rstrip("/")] = Item(prefix.rstrip("/"), "no folder any more")
            continue
        for name, what in entries:
            if len(items) >= COUNT:
                return items, (f"it holds more than {COUNT:,} files; those further down were not looked at",)
            if what != _FOLDER:
                items[prefix + name] = Item(prefix + name, what)
            elif prefix.count("/") < DEPTH:
                waiting.append(f"{prefix}{name}/")
    return items, ()


def _kind_listed(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    if entry.is_file(follow_symlinks=False):
        return ""  # whether it has a second name is asked when it is read
    return kind_of(entry.stat(follow_symlinks=False))


@contextlib.contextmanager
def _opened(top: int, prefix: str) -> Iterator[int]:
    """The folder `prefix` (empty, or ending in a slash) below `top`; no part of the way may be a link."""
    folder = os.dup(top)
    try:
        for part in prefix.split("/")[:-1]:
            inner = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _read(path: Path, top: int, inner: str) -> bytes | Item:
    """The bytes of the file `inner`, or what it is if nothing that can be taken."""
    prefix, _, name = inner.rpartition("/")
    try:
        with _opened(top, f"{prefix}/" if prefix else "") as folder:
            file = os.open(name, _OPEN | os.O_NOCTTY, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Item(inner, "a symbolic link")
        if error.errno in _EXCHANGED:
            return Item(inner, "no regular file any more")
        raise unreadable(path / inner, error) from None
    with open(file, "rb", buffering=0) as opened:
        what = kind_of(os.fstat(file))
        if what:
            return Item(inner, what)
        data = b""
        try:
            while len(data) <= FILE and (more := opened.read(FILE + 1 - len(data))):
                data += more
        except OSError as error:
            raise unreadable(path / inner, error) from None
    return data if len(data) <= FILE else Item(inner, TOO_LARGE)


def unreadable(path: Path, error: OSError) -> Unreadable:
    """What to raise where the machine kept us from reading `path`."""
    return Unreadable(
        f"{shown(str(path))} cannot be read: {error.strerror}; that is no student's fault, so nothing was graded. "
        "Make it readable for whoever grades (chmod -R u+rX) and run this again"
    )


def read_archive_file(path: Path, most: int) -> bytes:
    """The bytes of the archive at `path`.

    Raises:
        Refused: it is larger than `most`, or no plain file.
        Unreadable: the machine keeps us from reading it.
    """
    try:
        file = os.open(path, _OPEN | os.O_NOCTTY)
        with open(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Refused("it is no regular file")
            data = opened.read(most + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("it is a symbolic link; hand in the file itself") from None
        raise unreadable(path, error) from None
    if len(data) > most:
        raise Refused(f"the archive is larger than {most // MIB} MiB; hand in exercises/ alone")
    return data
