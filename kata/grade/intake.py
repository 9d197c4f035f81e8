"""Takes in a class: a folder with one entry a student becomes submissions, in order of the students' ids."""

import stat
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from kata.course import curriculum
from kata.grade.archive import OTHER_SUFFIXES, SUFFIXES, read_archive, suffix_of
from kata.grade.holding import Holding, Refused, read_folder, shown, unreadable
from kata.grade.pick import pick
from kata.grade.submission import Submission

_LONGEST = 200
"""Bytes of an id: reports name files after it."""


def take_in(folder: Path, *, besides: Iterable[Path] = (), graded: Collection[str] | None = None) -> list[Submission]:
    """The submissions in `folder`: one entry a student, a folder, a git checkout or an archive.

    The entry's name, without the archive's suffix, is the student's id. Hidden entries are ignored. An entry of which
    nothing can be taken becomes a submission that is refused, with its cause.

    Args:
        folder: with one entry a student.
        besides: files that may lie in it and are no entry, such as the roster.
        graded: the chapters whose absence is worth a note; all when left out.

    Raises:
        ValueError: there is no such folder, no entry in it, an id that is doubled or cannot name a file, or an entry
            that this machine cannot read. Nothing was taken then.
    """
    entries = _entries(folder, {path.absolute() for path in besides})
    wanted = [f"{chapter.name}.py" for chapter in curriculum.chapters()]
    return [_taken(student, path, wanted, graded) for student, path in sorted(entries.items())]


def take_one(path: Path, student: str, *, graded: Collection[str] | None = None) -> Submission:
    """The submission that one entry holds; see `take_in`.

    Raises:
        ValueError: this machine cannot read it.
    """
    return _taken(student, path, [f"{chapter.name}.py" for chapter in curriculum.chapters()], graded)


def _entries(folder: Path, besides: set[Path]) -> dict[str, Path]:
    """The entries by the students' ids."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        raise ValueError(f"there is no folder {folder}; name the one with an entry for each student") from None
    except NotADirectoryError:
        raise ValueError(
            f"{folder} is a file; name the folder with an entry (a folder, .zip or .tar.gz) for each student"
        ) from None
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error.strerror}; make it readable for whoever grades") from None
    paths = [path for path in paths if path.absolute() not in besides]
    if not paths:
        raise ValueError(f"{folder} holds no submission; put a folder, .zip or .tar.gz for each student into it")
    found: dict[str, Path] = {}
    same: dict[str, list[Path]] = {}
    for path in paths:
        student = _student(path)
        found[student] = path
        # Reports are files named after the ids, and not every file system tells Anna from anna.
        same.setdefault(student.casefold(), []).append(path)
    doubled = [" and ".join(shown(path.name) for path in group) for group in same.values() if len(group) > 1]
    if doubled:
        raise ValueError(f"one student's id twice in {folder}: {'; '.join(doubled)}; leave one entry for each student")
    return found


def _student(path: Path) -> str:
    """The id that the entry's name gives."""
    name = path.name
    if not _is_folder(path):
        name = name.removesuffix(suffix_of(name)) if suffix_of(name) else _without_suffix(name)
    student = unicodedata.normalize("NFC", name).strip()
    fits = student and student.isprintable() and len(student.encode("utf-8", "replace")) <= _LONGEST
    if not fits or student.startswith(".") or "\\" in student:
        raise ValueError(
            f"the entry {shown(path.name)} has a name that is no student's id: it is empty, too long (more than "
            f"{_LONGEST} bytes) or holds what cannot be printed; rename it"
        )
    return student


def _is_folder(path: Path) -> bool:
    """Whether it is a folder itself; a link to one is none."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError as error:
        raise unreadable(path, error) from None


def _without_suffix(name: str) -> str:
    """The name without the suffix of a kind of file that is handed in by mistake; others may be part of an id."""
    lower = name.lower()
    known = (*OTHER_SUFFIXES, ".py", ".ipynb", ".txt", ".pdf", ".docx", ".md", ".html", ".csv")
    for suffix in (*(f".tar{other}" for other in (".bz2", ".xz", ".zst")), *known):
        if lower.endswith(suffix):
            return name[: -len(suffix)]
    return name


def _taken(student: str, path: Path, wanted: list[str], graded: Collection[str] | None) -> Submission:
    try:
        holding = _read(path, wanted)
    except Refused as refusal:
        return Submission(student=student, refused=f"{shown(path.name)}: {refusal}")
    picked = pick(holding, [name.removesuffix(".py") for name in wanted], graded)
    refused = f"{shown(path.name)}: {picked.refused}" if picked.refused else ""
    return Submission(student=student, files=picked.files, notes=picked.notes, refused=refused)


def _read(path: Path, wanted: list[str]) -> Holding:
    if path.is_symlink():
        raise Refused("it is a symbolic link, which is not followed; hand in what it points to")
    if _is_folder(path):
        return read_folder(path, wanted)
    if suffix_of(path.name):
        return read_archive(path, wanted)
    raise Refused(f"it is no folder and no archive that is opened ({', '.join(SUFFIXES)}); ask for one of these")
