"""The text of an implementation as data: what is sent to the process that runs it, which opens none of its files."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from kata.waist.implementation import Implementation


class Sources(msgspec.Struct, array_like=True):
    """The files that were taken, by path, and why others were not."""

    texts: dict[str, bytes]
    refused: dict[str, str] = {}


LARGEST = 2**20
"""Bytes of one file. A chapter has some twenty thousand."""
MOST = 200
"""Files."""

_sources = msgspec.msgpack.Decoder(Sources)


def encode_sources(sources: Sources) -> bytes:
    """As a message."""
    return msgspec.msgpack.encode(sources)


def decode_sources(data: bytes) -> Sources:
    """The sources that the message holds."""
    return _sources.decode(data)


def sources_of(implementation: Implementation, also: Iterable[Path] = ()) -> Sources:
    """Every Python file of the implementation's folder and of the packages in it, the variant's, and `also` those.

    A link is not followed and nothing but a regular file is opened, so that no name in the folder is another way to a
    file elsewhere.
    """
    wanted = list(_files(Path(implementation.folder)))[:MOST]
    if implementation.variant is not None:
        wanted.append(Path(implementation.variant.path))
    sources = Sources({})
    for path in (*wanted, *also):
        try:
            sources.texts[str(path)] = read(path)
        except NotTaken as error:
            sources.refused[str(path)] = str(error)
    return sources


@contextlib.contextmanager
def in_a_folder(files: Mapping[str, bytes]) -> Iterator[Implementation]:
    """An implementation whose folder holds just these files, which are read and never run from there."""
    with tempfile.TemporaryDirectory(prefix="kata-") as above:
        folder = Path(above) / "exercises"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        yield Implementation(str(folder), shown="exercises")


class NotTaken(ValueError):
    """A file that is not opened, or not read; the text says why and what to do."""


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".py":
            yield entry
        elif (entry / "__init__.py").is_file() and not entry.is_symlink():
            yield from _files(entry)


def read(path: Path) -> bytes:
    """The bytes of the file.

    Raises:
        NotTaken: it is a link, no regular file, too large, or cannot be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if path.is_symlink():
            text = f"{path.name} is a link, and only files themselves are judged: put a copy in its place"
            raise NotTaken(text) from None
        raise NotTaken(f"{path.name} cannot be read: {error.strerror}") from None
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        os.close(number)
        raise NotTaken(f"{path.name} is no regular file")
    with open(number, "rb") as file:
        if status.st_nlink > 1:
            raise NotTaken(f"{path.name} is one of {status.st_nlink} links to the same file: put a copy in its place")
        if status.st_size > LARGEST:
            raise NotTaken(f"{path.name} has {status.st_size:,} bytes; a chapter may have {LARGEST:,}")
        return file.read(LARGEST + 1)
