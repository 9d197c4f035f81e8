"""`kata release OUT`: writes the student edition, whole or not at all, and proves that no solution is in it."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kata.grade import edition
from kata.grade.leaks import leaks_in, secrets_of_the_course
from kata.waist.implementation import EDITION, ROOT

MANIFEST = "edition.json"
"""Names every file of an edition, with its SHA-256."""


class Leak(ValueError):
    """Something of the solutions would be in the edition; the text says what and where."""


@dataclass(frozen=True)
class Released:
    """A student edition that was written.

    Args:
        folder: where it is.
        files: how many files it has.
        left_out: what the course tracks besides and is not in it: files and whole folders at the top.
        untracked: what would be in it if git tracked it; is something forgotten?
    """

    folder: Path
    files: int
    left_out: tuple[str, ...]
    untracked: tuple[str, ...]


class _Manifest(msgspec.Struct):
    """What stands in `edition.json`."""

    edition: int
    files: dict[str, str]


def release(out: Path, *, more: dict[str, bytes] | None = None) -> Released:
    """Write the student edition of this course into the new folder `out`: the same course gives the same bytes.

    What git tracks is taken as it is in the work tree; without git, what is there. `exercises/` holds the untouched
    stubs, whatever the course's own holds.

    Args:
        out: a folder that is not there yet, or empty, outside of the course.
        more: files that are made elsewhere (exams …), by their paths in the edition; they are proven like all others.

    Raises:
        ValueError: it cannot be written there, or there is nothing to make it from.
        Leak: something of the solutions would be in it. Nothing was written.
    """
    out = out.absolute()
    refuse(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".new", dir=out.parent))
    except OSError as error:
        raise ValueError(f"{out} cannot be written: {error.strerror}; name another folder") from None
    try:
        listed = _listed()
        made = edition.untouched() | dict(edition.written())
        files = _write(beside, [path for path in listed if edition.is_copied(path)], made, more or {})
        found = check_release(beside)
        if found:
            shown = "\n".join(f"  {each}" for each in found[:20])
            raise Leak(f"nothing was written, for the student edition would not be clean:\n{shown}\nmend these files")
        beside.chmod(0o755)
        beside.replace(out)
    except OSError as error:
        raise ValueError(f"{out} cannot be written: {error.strerror}; name another folder") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Released(out, files, _left_out(listed, made), _untracked(listed))


def refuse(out: Path) -> None:
    """Refuse to write an edition into `out` where that cannot be.

    Raises:
        ValueError: it cannot; the text says why.
    """
    if EDITION:
        raise ValueError("this is a student edition itself; release one from the course, where solutions/ is")
    if out.resolve().is_relative_to(ROOT):
        raise ValueError(f"{out} lies in the course itself; name a folder outside of it")
    with contextlib.suppress(FileNotFoundError):
        if out.is_symlink() or not out.is_dir():
            if os.path.lexists(out):
                raise ValueError(f"{out} is there and is no folder; name a new one")
        elif any(out.iterdir()):
            raise ValueError(f"{out} is there and not empty; an edition is made whole: name a new folder")


def _listed() -> list[str]:
    """What git tracks of the course, in order; where there is no git, all files."""
    tracked = _git("ls-files")
    return tracked if tracked is not None else _walked()


def _untracked(listed: list[str]) -> tuple[str, ...]:
    found = _git("ls-files", "--others", "--exclude-standard") or []
    return tuple(path for path in found if edition.is_copied(path) and path not in listed)


def _git(*arguments: str) -> list[str] | None:
    """The files that this command of git's lists; None where there is no git, or it knows nothing of the course."""
    # A hook's variables would have git look at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with contextlib.suppress(OSError, subprocess.SubprocessError, UnicodeDecodeError):
        command = ["git", "-C", str(ROOT), *arguments, "-z"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
        paths = sorted(filter(None, done.stdout.decode().split("\0")))
        if paths or len(arguments) > 1:
            return [path for path in paths if os.path.lexists(ROOT / path)]  # what was deleted is gone
    return None


def _walked() -> list[str]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".git", ".venv", ".kata", "node_modules")]
        place = Path(folder).relative_to(ROOT)
        found += [(place / name).as_posix() for name in names]
    return sorted(found)


def _write(folder: Path, copied: list[str], made: dict[str, str], more: dict[str, bytes]) -> int:
    """Write all files and the manifest; how many there are."""
    digests: dict[str, str] = {}

    def put(path: str, data: bytes, mode: int = 0o644) -> None:
        if path in digests:
            raise ValueError(f"{path} would be in the edition twice; rename one")
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)
        digests[path] = hashlib.sha256(data).hexdigest()

    for path in copied:
        source = ROOT / path
        if source.is_symlink() or not source.is_file():
            raise ValueError(f"{path} is a link, or no file; the student edition holds plain files alone: replace it")
        put(path, source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)
    for path, text in made.items():
        put(path, text.encode())
    for path, data in more.items():
        put(path, data)
    manifest = _Manifest(edition=1, files=dict(sorted(digests.items())))
    put(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return len(digests)


def _left_out(listed: list[str], made: Iterable[str]) -> tuple[str, ...]:
    tops = {path.partition("/")[0]: "/" in path for path in listed}
    taken = {path.partition("/")[0] for path in listed if edition.is_copied(path)}
    taken |= {path.partition("/")[0] for path in made}
    whole = [f"{top}/" if is_folder else top for top, is_folder in tops.items() if top not in taken]
    return tuple(sorted([*whole, *(f"{pattern.rstrip('*')}" for pattern in edition.NOT_COPIED)]))


# The proof


def check_release(out: Path) -> list[str]:
    """What speaks against giving the edition in `out` to students, a sentence each; empty when nothing does.

    Every file is one that the manifest names, unchanged, and none holds a body or long lines of a solution or an
    approach, or a misconception's body.

    Raises:
        ValueError: there is no edition in `out`.
    """
    try:
        manifest = msgspec.json.decode((out / MANIFEST).read_bytes(), type=_Manifest)
    except FileNotFoundError:
        raise ValueError(f"{out} is no student edition: it has no {MANIFEST}; make one with `kata release`") from None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return [f"{MANIFEST} cannot be read, so nothing is proven; make the edition anew"]
    known = {path: text.encode() for path, text in edition.untouched().items()}
    secrets = secrets_of_the_course()
    found: list[str] = []
    there: set[str] = set()
    for path, place in _files(out):
        there.add(path)
        if place is None:
            found.append(f"{path} is no regular file")
            continue
        data = place.read_bytes()
        if path != MANIFEST and hashlib.sha256(data).hexdigest() != manifest.files.get(path):
            changed = "has changed since the release" if path in manifest.files else "is no file of the edition"
            found.append(f"{path} {changed}")
        if path in known and data != known[path]:
            found.append(f"{path} is not the untouched stub")
        found += leaks_in(path, data, secrets)
    found += [f"{path} is missing" for path in sorted(manifest.files.keys() - there)]
    return [*found, *(f"{name}/ is there, and was not looked into: delete it first" for name in _unseen(out))]


_UNSEEN = (".git", ".venv")
"""Of use in an edition, and too large, or too well packed, to be looked into."""


def _unseen(out: Path) -> list[str]:
    return [name for name in _UNSEEN if os.path.lexists(out / name)]


def _files(out: Path) -> list[tuple[str, Path | None]]:
    """Every file with its path from the edition's top, in order; None for the place of what is no regular one."""
    found: list[tuple[str, Path | None]] = []
    for folder, folders, names in os.walk(out):
        if Path(folder) == out:
            folders[:] = [name for name in folders if name not in _UNSEEN]
        for name in [*names, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            place = Path(folder) / name
            plain = place.is_file() and not place.is_symlink()
            found.append((place.relative_to(out).as_posix(), place if plain else None))
    return sorted(found, key=lambda pair: pair[0])
