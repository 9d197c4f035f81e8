"""Which files of what was handed in are chapters, and what is to be said of the rest.

Only the curriculum's chapters are taken, from `exercises/` or from the top, or from one folder below it when that is
all there is, as archives of a repository and of a learning platform have it.
"""

import codecs
import re
import sys
import tokenize
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

from kata.grade.archive import OTHER_SUFFIXES, SUFFIXES
from kata.grade.holding import Holding, Item, shown
from kata.waist.implementation import ROOT

_NESTED = 3
"""So many folders may be wrapped around it: a platform adds one, whoever unpacks with a mouse another."""
_STEERING = frozenset(
    "conftest.py pytest.ini tox.ini setup.cfg setup.py pyproject.toml sitecustomize.py usercustomize.py".split()
)
"""Files by which Python or pytest would be steered."""
_SHADOWED = frozenset(sys.stdlib_module_names) | frozenset(
    "tensorflow keras numpy ml_dtypes pytest hypothesis msgspec kata tests solutions".split()
)
_COPY = re.compile(r"[_\s]*(?:\(\d+\)|[-_\s]\d+|[-_\s]+(?:copy|kopie|final|new|v\d+)(?:[_\s]*\d+)?)$")
_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+[^\r\n#;]*", re.MULTILINE)
_READ = frozenset({"utf-8", "utf-8-sig", "ascii", "iso-8859-1", "iso-8859-15", "cp1252"})
"""Encodings that are tried here; others could keep us busy for long."""
_EDITION = ("stubs/", "expected/", "exams/", "edition.json")
"""What the student edition has, and this course has not."""


@dataclass(frozen=True)
class Picked:
    """The chapter files, what was noticed, and why there are none (empty where there are some)."""

    files: dict[str, bytes]
    notes: tuple[str, ...]
    refused: str


def pick(holding: Holding, chapters: Sequence[str], graded: Collection[str] | None = None) -> Picked:
    """The files of the `chapters` (names such as `ch02_losses`) that `holding` holds.

    What the course itself holds at the same place, such as `lessons/`, is left out without a note, and so is the
    absence of a chapter that is not among the `graded` ones, if these are given.
    """
    names = [f"{chapter}.py" for chapter in chapters]
    base = _base(holding.items, names)
    places = (f"{base}exercises/", base)
    files: dict[str, bytes] = {}
    notes = list(holding.notes)
    explained: set[str] = set()
    for name in names:
        found = [holding.items[place + name] for place in places if place + name in holding.items]
        explained |= {item.path for item in found}
        notes += [f"{shown(item.path)} is {item.what} and was not taken" for item in found if item.what]
        plain = [item for item in found if not item.what]
        if plain:
            files[name] = holding.contents[plain[0].path]
            notes += [f"{shown(item.path)} was not taken: {shown(plain[0].path)} counts" for item in plain[1:]]
    for name, data in files.items():
        notes += [f"{name} {problem}" for problem in problems_of(data)]
    rest = [item for path, item in holding.items.items() if path not in explained and not _is_ours(path, base)]
    notes += _about(rest, files, names, places)
    asked = chapters if graded is None else graded
    absent = [name for name in names if name not in files and name.removesuffix(".py") in asked]
    if files and absent:
        notes.append(f"not handed in: {_some(absent)}")
    return Picked(files, tuple(notes), "" if files else _why_none(holding.items, names))


def _base(items: Collection[str], names: Sequence[str]) -> str:
    """The folder in which `exercises/` or the chapters lie: the top, or the only folder there, and so on."""
    base = ""
    for _ in range(_NESTED):
        if any(f"{base}{inner}{name}" in items for name in names for inner in ("", "exercises/")):
            return base
        folders = {rest.partition("/")[0] for path in items if "/" in (rest := path[len(base) :])}
        if len(folders) != 1 or folders == {"exercises"}:
            return base
        base += f"{folders.pop()}/"
    return base


def _is_ours(path: str, base: str) -> bool:
    """Whether the course has a file at this place too: whoever hands in a whole clone need not be told of it."""
    inner = path.removeprefix(base)
    return inner.startswith(_EDITION) or (not inner.startswith("exercises/") and (ROOT / inner).is_file())


def _why_none(items: dict[str, Item], names: Sequence[str]) -> str:
    example = names[1] if len(names) > 1 else names[0]
    if not items:
        return f"it is empty: there is no file such as exercises/{example} in it"
    if {"HEAD", "config"} <= items.keys() and any(path.startswith("objects/") for path in items):
        return "it is a bare git repository, without a work tree; clone it"
    elsewhere = [path for path, item in items.items() if item.name in names and not item.what]
    if elsewhere:
        return f"no chapter in exercises/ or at the top, only {_some(elsewhere)}; hand in that folder alone"
    if len(items) == 1 and (only := next(iter(items))).lower().endswith((*SUFFIXES, *OTHER_SUFFIXES)):
        return f"there is only another archive in it ({shown(only)}), which is not opened; hand in that one"
    return f"no chapter in it, that is, no file such as exercises/{example}; there is {_some(items)}"


# What a chapter's bytes say


def problems_of(data: bytes) -> list[str]:
    """Why Python will not read the file, as ends of sentences; it is judged as it is all the same."""
    found = []
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["is saved in UTF-16, which Python does not read; save it in UTF-8"]
    if b"\0" in data:
        found.append("holds NUL bytes, which Python does not read; save it as plain text, in UTF-8")
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
    except (
        SyntaxError
    ) as error:  # what it declares is unknown, contradicts its mark, or is nothing but not UTF-8 either
        return found or [f"does not read as Python source ({shown(str(error))}); save it in UTF-8"]
    if encoding in _READ:
        try:
            data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            found.append(f"is not {encoding.removesuffix('-sig').upper()} (line {line}); save it in UTF-8")
    else:
        found.append(f"declares the encoding {shown(encoding)}; UTF-8 is safer")
    return found


# What is said of the rest


def _about(rest: list[Item], files: dict[str, bytes], names: list[str], places: tuple[str, str]) -> list[str]:
    """The notes on what was left out: first what its author may have counted on, then how much more there is."""
    notes: list[str] = []
    left = list(rest)

    def take(found: Iterable[Item]) -> list[Item]:
        nonlocal left
        taken = dict.fromkeys(found)
        left = [item for item in left if item not in taken]
        return list(taken)

    notes += _imports(take(_helpers(left, files, places)), files, places)
    for item in take(item for item in left if item.name not in names and _meant(item, names)):
        wanted = _meant(item, names)
        if item.name.lower().endswith(".ipynb"):
            notes.append(
                f"{shown(item.path)} is a notebook and was not taken: hand in the code of its cells as {wanted}"
            )
        else:
            notes.append(f"{shown(item.path)} was not taken: the file's name must be {wanted}, to the letter")
    steering = take(item for item in left if item.name in _STEERING)
    if steering:
        notes.append(f"not taken, for Python and pytest are not steered from here: {_paths(steering)}")
    shadowing = take(item for item in left if _module(item, places, whole=False) in _SHADOWED)
    if shadowing:
        notes.append(f"not taken, for the name is another module's: {_paths(shadowing)}")
    archives = take(item for item in left if item.name.lower().endswith((*SUFFIXES, *OTHER_SUFFIXES)))
    if archives:
        notes.append(f"not opened, for an archive inside is not looked into: {_paths(archives)}")
    special = take(item for item in left if item.what)
    if special:
        kinds = dict.fromkeys(item.what for item in special)
        notes.append(f"not taken, for it is {' or '.join(kinds)}: {_paths(special)}")
    if left:
        count = "1 other file was" if len(left) == 1 else f"{len(left)} other files were"
        notes.append(f"{count} not taken: {_paths(left)}")
    return notes


def _meant(item: Item, names: Sequence[str]) -> str:
    """The chapter's file that the item was probably meant to be; empty where it is none."""
    plain = item.name.casefold().strip()
    for suffix in (".py.txt", ".ipynb", ".py", ".txt"):
        if plain.endswith(suffix):
            plain = plain.removesuffix(suffix)
            break
    else:
        return ""
    plain = _COPY.sub("", plain)
    plain = re.sub(r"[\s-]+", "_", plain.strip())
    return next((name for name in names if name.removesuffix(".py") == plain), "")


def _module(item: Item, places: tuple[str, str], *, whole: bool = True) -> str:
    """The name by which a chapter could import the item, a file or a part of a folder beside it; else empty.

    With `whole=False` a folder counts only if it says that it is a package.
    """
    if not item.name.endswith(".py"):
        return ""
    for place in places:
        if item.path.startswith(place):
            inner, _, below = item.path.removeprefix(place).partition("/")
            return inner.removesuffix(".py") if whole or below in ("", "__init__.py") else ""
    return ""


def _helpers(left: list[Item], files: dict[str, bytes], places: tuple[str, str]) -> list[Item]:
    """Files that a chapter seems to import. Told from its lines: a file that is handed in is not parsed here."""
    used = set().union(*map(_imported, files.values())) if files else set()
    return [item for item in left if item.name not in _STEERING and _module(item, places) in used - _SHADOWED]


def _imported(data: bytes) -> set[str]:
    """All names on the lines of `data` that begin like an import."""
    return {name.decode() for line in _IMPORT.findall(data) for name in re.findall(rb"[A-Za-z_]\w*", line)}


def _imports(helpers: list[Item], files: dict[str, bytes], places: tuple[str, str]) -> list[str]:
    modules = sorted({_module(item, places) for item in helpers})
    found = []
    for name, data in files.items():
        used = [module for module in modules if module in _imported(data)]
        if used:
            them = "which is no chapter file" if len(used) == 1 else "which are no chapter files"
            found.append(f"{name} imports {_some(used)}, {them} and {'was' if len(used) == 1 else 'were'} not taken")
    return found


def _paths(items: list[Item]) -> str:
    return _some([item.path for item in items])


def _some(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    found = list(names)
    more = f" and {len(found) - 3} more" if len(found) > 4 else ""
    return ", ".join(shown(name) for name in (found[:3] if more else found)) + more
