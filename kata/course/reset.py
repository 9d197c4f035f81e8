"""Puts the pristine stub of one kata back into a chapter that has been edited, and nothing else."""

import ast
import datetime
from pathlib import Path

from kata.course.curriculum import Kata
from kata.course.progress import write_whole
from kata.course.stubs import pristine
from kata.waist.implementation import ROOT

BACKUPS = ROOT / ".kata" / "backups"


def _span(source: str, name: str) -> tuple[int, int] | None:
    """The lines (from 0, end excluded) of the definition of `name`, its decorators included."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return start - 1, node.end_lineno or node.lineno
    return None


def reset(kata: Kata, folder: Path = ROOT / "exercises", backups: Path = BACKUPS) -> tuple[Path, Path | None]:
    """Put the stub of `kata` back; the file, and the backup of what it held (None when there was nothing to do).

    Raises:
        ValueError: the chapter does not parse, so the kata's place in it cannot be told.
    """
    path = folder / f"{kata.chapter}.py"
    fresh = pristine(kata.chapter)
    if not path.exists():
        write_whole(path, fresh.encode())
        return path, None
    held = path.read_text("utf-8")
    try:
        place = _span(held, kata.name)
    except SyntaxError as error:
        raise ValueError(
            f"{path.name} does not parse (line {error.lineno}: {error.msg}), so {kata.name} cannot be found in it; "
            f"mend that line, or reset the whole chapter: uv run kata reset {kata.chapter}"
        ) from None
    stub = _span(fresh, kata.name)
    assert stub is not None
    lines, stub_lines = held.splitlines(keepends=True), fresh.splitlines(keepends=True)[slice(*stub)]
    if place is None:  # deleted or renamed: the stub comes back at the end
        gap = ["\n"] if held.endswith("\n") or not held else ["\n\n"]
        new = "".join([*lines, *gap, "\n", *stub_lines])
    else:
        new = "".join([*lines[: place[0]], *stub_lines, *lines[place[1] :]])
    return path, _replace(path, held, new, backups, kata.name)


def reset_chapter(chapter: str, folder: Path = ROOT / "exercises", backups: Path = BACKUPS) -> tuple[Path, Path | None]:
    """Put the whole pristine chapter back; the file, and the backup of what it held (None: nothing to do)."""
    path = folder / f"{chapter}.py"
    held = path.read_text("utf-8", errors="surrogateescape") if path.exists() else ""
    return path, _replace(path, held, pristine(chapter), backups, chapter)


def undo(
    chapter: str | None = None, folder: Path = ROOT / "exercises", backups: Path = BACKUPS
) -> tuple[Path, Path, Path | None]:
    """Put the newest backup (of `chapter`, or of all) back; the file, that backup, and a backup of what it replaced.

    Raises:
        ValueError: there is no backup.
    """
    found = [path for path in backups.glob("ch*-before-*.py") if chapter in (None, _chapter_of(path))]
    if not found:
        of = f" of {chapter}" if chapter else ""
        raise ValueError(f"there is no backup{of}: nothing was reset")
    newest = max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
    path = folder / f"{_chapter_of(newest)}.py"
    held = path.read_text("utf-8", errors="surrogateescape") if path.exists() else ""
    return path, newest, _replace(path, held, newest.read_text("utf-8", errors="surrogateescape"), backups, "undo")


def _chapter_of(backup: Path) -> str:
    return backup.name.partition("-before-")[0]


def _replace(path: Path, held: str, new: str, backups: Path, what: str) -> Path | None:
    if held == new:
        return None
    backup = None
    if held:
        backups.mkdir(parents=True, exist_ok=True)
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        backup = backups / f"{path.stem}-before-{what}-{stamp}.py"
        number = 1
        while backup.exists():
            number += 1
            backup = backups / f"{path.stem}-before-{what}-{stamp}-{number}.py"
        write_whole(backup, held.encode("utf-8", "surrogateescape"))
    write_whole(path, new.encode("utf-8", "surrogateescape"))
    return backup
