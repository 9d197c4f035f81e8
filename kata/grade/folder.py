"""A folder of reports: every file whole or not at all, and none left of those that an earlier run wrote."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from kata.course.progress import write_whole

WRITTEN = ".written"
"""Lists what was written, so that what no longer belongs there can be told from what somebody put there."""


def write_folder(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write `files`, by their paths in `folder`; what the last call wrote and this one does not is removed.

    Args:
        folder: made where it is not there.
        files: contents by path, with `/` between folders.

    Returns:
        The files, in order of their paths.

    Raises:
        ValueError: the folder cannot be written to, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Before and after: a run killed between the two leaves nothing that the next one does not know of.
        earlier = _written(folder)
        _note(folder, earlier | set(files))
        for name, data in sorted(files.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        for name in earlier - set(files):
            _remove(folder, name)
        _note(folder, set(files))
    except OSError as error:
        where = error.filename or folder
        raise ValueError(f"{where}: {error.strerror}; make room there and make it writable") from None
    return [folder / name for name in sorted(files)]


def json_bytes(data: object) -> bytes:
    """`data` as JSON, indented, with a line's end."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"


def _written(folder: Path) -> set[str]:
    try:
        return set((folder / WRITTEN).read_text("utf-8").splitlines())
    except (FileNotFoundError, UnicodeDecodeError):
        return set()


def _note(folder: Path, names: set[str]) -> None:
    write_whole(folder / WRITTEN, "".join(f"{name}\n" for name in sorted(names)).encode())


def _remove(folder: Path, name: str) -> None:
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        return  # not written by us
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other files are in there
        for parent in path.parents:
            if parent == folder:
                break
            parent.rmdir()
