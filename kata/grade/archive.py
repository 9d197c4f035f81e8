"""What a `.zip` or `.tar.gz` holds, unpacked in memory and never onto the disk.

An archive is somebody's claim about itself: sizes, counts, names and checksums are all doubted, and no more is unpacked
than an entry may hold. Whatever is wrong with it refuses the entry, in words, and is no error of the run.
"""

import io
import itertools
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path

from kata.grade.holding import (
    COUNT,
    FILE,
    MIB,
    TOO_LARGE,
    TOTAL,
    Holding,
    Item,
    Refused,
    is_visible,
    read_archive_file,
    shown,
)

SUFFIXES = (".zip", ".tar.gz", ".tgz")
OTHER_SUFFIXES = (".tar", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
"""Archives that are not opened."""
PACKED = 32 * MIB
"""The most bytes of an archive as it was handed in."""
RATIO = 100
"""The most that text shrinks to: what claims more, and is large, is a bomb. Source shrinks to a tenth at best."""
LARGE = 8 * MIB
"""Below this the ratio does not matter: an empty table shrinks to nothing."""
_DIRECTORY = 4 * MIB
"""The most bytes of a zip's list of members."""
_STREAMS = 16
"""gzip's format lets files be strung together; nobody packs a chapter so."""
_ALONE = "hand in exercises/ alone, packed anew"
_DAMAGED = "it is damaged, or no {kind} at all ({why}); pack it anew"


def suffix_of(name: str) -> str:
    """The archive's suffix of a file's name, as it is written; empty where it is none that is opened."""
    return next((name[-len(suffix) :] for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def read_archive(path: Path, wanted: Collection[str]) -> Holding:
    """What the archive at `path` holds, with the contents of the files that have one of the names `wanted`.

    Raises:
        Refused: nothing can be taken of it; the text says why.
        Unreadable: the machine keeps us from reading it.
    """
    data = read_archive_file(path, PACKED)
    kind, read = ("zip", _read_zip) if suffix_of(path.name).lower() == ".zip" else ("tar.gz", _read_tar)
    try:
        return read(data, wanted)
    except Refused:
        raise
    except Exception as error:  # whatever the standard library trips over in a file that was made to trip it
        why = shown(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
        raise Refused(_DAMAGED.format(kind=kind, why=why[:1].lower() + why[1:])) from None


def _safe(name: str) -> str:
    """The member's name with slashes and without empty parts.

    Raises:
        Refused: it leads out of the archive.
    """
    if "\0" in name:
        raise Refused(f"a name in it holds a NUL: {shown(name)}")
    slashed = name.replace("\\", "/")  # as some packers on Windows write it
    if slashed.startswith("/") or slashed[1:2] == ":":
        raise Refused(f"a name in it is absolute: {shown(name)}; {_ALONE}")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(f"a name in it leads out of it: {shown(name)}; {_ALONE}")
    return "/".join(parts)


def _refuse_doubled(paths: Iterable[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise Refused(f"two files in it have the same name: {shown(path)}; which one counts? pack it anew")
        seen.add(path)


def _refuse_bomb(unpacked: int, packed: int) -> None:
    if unpacked > TOTAL:
        raise Refused(f"it unpacks to more than {TOTAL // MIB} MiB; {_ALONE}")
    if unpacked > LARGE and unpacked > RATIO * max(packed, 1):
        raise Refused(f"it unpacks to more than {RATIO} times its size, as no source does; {_ALONE}")


def _refuse_many(count: int) -> None:
    if count > COUNT:
        raise Refused(f"it holds more than {COUNT:,} files; {_ALONE}")


# zip


def _read_zip(data: bytes, wanted: Collection[str]) -> Holding:
    _look_at_directory(data)
    items: dict[str, Item] = {}
    contents: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        _refuse_many(len(members))
        for member in members:
            if member.flag_bits & 0x1:
                raise Refused(f"it is encrypted ({shown(member.filename)}); pack it without a password")
        _refuse_bomb(sum(member.file_size for member in members), len(data))
        paths = [_safe(member.orig_filename) for member in members]
        _refuse_doubled(path for path, member in zip(paths, members) if not member.is_dir())
        for path, member in zip(paths, members):
            if not path or not is_visible(path) or path.endswith("/") or member.orig_filename.endswith(("/", "\\")):
                continue
            item = Item(path, _kind_in_zip(member))
            if item.name in wanted and not item.what:
                contents[path] = _unzipped(archive, member)
            items[path] = item
    return Holding(items, contents)


def _look_at_directory(data: bytes) -> None:
    """Refuse a list of members that would fill the memory before it could be looked at."""
    end = data.rfind(b"PK\5\6", max(0, len(data) - 22 - 65_535))
    if end < 0 or len(data) < end + 22:
        raise Refused(_DAMAGED.format(kind="zip", why="its end is missing"))
    if data[max(0, end - 20) : end].startswith(b"PK\6\7"):
        raise Refused(f"it is in the format for archives of more than 4 GiB; {_ALONE}")
    (size,) = struct.unpack_from("<L", data, end + 12)
    if size > _DIRECTORY:
        raise Refused(f"it holds more than {COUNT:,} files; {_ALONE}")


def _kind_in_zip(member: zipfile.ZipInfo) -> str:
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "no regular file"
    return TOO_LARGE if member.file_size > FILE else ""


def _unzipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # With others the standard library cannot be told to stop in time.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("it is packed in an unusual way (neither stored nor deflated); pack it anew as a plain zip")
    with archive.open(member) as file:
        found = file.read(FILE + 1)
    if len(found) != member.file_size:
        raise Refused(_DAMAGED.format(kind="zip", why=f"{shown(member.filename)} ends too early"))
    return found


# tar


def _read_tar(data: bytes, wanted: Collection[str]) -> Holding:
    unpacked = _gunzipped(data)
    items: dict[str, Item] = {}
    contents: dict[str, bytes] = {}
    paths: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        for count, member in enumerate(archive, 1):
            _refuse_many(count)
            path = _safe(member.name)
            if member.isdir():
                continue
            paths.append(path)
            if not path or not is_visible(path):
                continue
            item = Item(path, _kind_in_tar(member))
            if item.name in wanted and not item.what:
                file = archive.extractfile(member)
                contents[path] = found = file.read(FILE + 1) if file else b""
                if len(found) != member.size:
                    raise Refused(_DAMAGED.format(kind="tar.gz", why=f"{shown(path)} ends too early"))
            items[path] = item
        # tarfile takes a header that it cannot read for the end: then files would be missing without a word.
        if len(unpacked) < archive.offset + 512 or unpacked[archive.offset :].strip(b"\0"):
            raise Refused(_DAMAGED.format(kind="tar.gz", why="it ends too early"))
    _refuse_doubled(paths)
    return Holding(items, contents)


def _gunzipped(data: bytes) -> bytes:
    parts: list[bytes] = []
    room, rest = TOTAL, data
    for number in itertools.count():
        if not rest:
            break
        if number == _STREAMS:
            raise Refused(f"it is made of more than {_STREAMS} compressed parts; pack it anew")
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            parts.append(stream.decompress(rest, min(MIB, room + 1)))
            room -= len(parts[-1])
            _refuse_bomb(TOTAL - room, len(data))
            rest = stream.unconsumed_tail
            if not rest and not parts[-1] and not stream.eof:
                raise Refused(_DAMAGED.format(kind="tar.gz", why="it ends too early"))
        rest = stream.unused_data.lstrip(b"\0")  # padding, or a further part
    return b"".join(parts)


def _kind_in_tar(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "a symbolic link"
    if member.islnk():
        return "a hard link"
    if member.isfifo():
        return "a named pipe"
    if member.ischr() or member.isblk():
        return "a device"
    if not member.isreg() or member.issparse():
        return "no regular file"
    return TOO_LARGE if member.size > FILE else ""
