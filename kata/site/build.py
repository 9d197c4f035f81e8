"""`kata site OUT`: makes the website beside its place, looks for solutions in it, and puts it there whole."""

import contextlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kata.course import curriculum
from kata.grade.leaks import leaks_in, secrets_of_the_course
from kata.notebooks import writer
from kata.site import pages
from kata.site.generator import generate
from kata.waist.implementation import ROOT

MARKER = ".kata-site"
"""Names every file of a site, so that a site can be told from a folder with somebody's things in it."""

_NEEDED = ("sphinx", "myst_parser", "furo", "latex2mathml")
_ADDRESS = re.compile(r"https?://[^\s\"<>()\[\]`\\]+")


@dataclass(frozen=True)
class Built:
    """A site that was written: where, and how large it is."""

    folder: Path
    pages: int
    size: int
    """In bytes."""


def build(out: Path, *, repository: str = "") -> Built:
    """Write the site into `out`, a folder that is new, empty, or an earlier site, which it replaces.

    The same course, address and generator give the same bytes.

    Args:
        out: the folder.
        repository: the web address of the course's repository, for links to its files; without it there are none.

    Raises:
        ValueError: it cannot be written there, the generator is missing or refuses a page, or something of the
            solutions would be in the site. Nothing was written.
    """
    out = out.absolute()
    repository = repository.rstrip("/")
    _refuse(out, repository)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".new", dir=out.parent))
    except OSError as error:
        raise ValueError(f"{out} cannot be written: {error.strerror}; name another folder") from None
    try:
        made = _make(beside, repository)
        _put(beside, out)
    except OSError as error:
        raise ValueError(
            f"{out} cannot be written: {error.strerror}; make room there, or name another folder"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sizes = [(out / name).stat().st_size for name in made]
    return Built(out, sum(name.endswith(".html") for name in made), sum(sizes))


def sources(repository: str = "") -> dict[str, bytes]:
    """What the generator is given, by path: the pages and the lessons' pictures."""
    texts = {path: text.encode() for path, text in pages.sources(repository).items()}
    pictures = sorted((ROOT / "lessons" / "plots").glob("*.svg"))
    return {**texts, **{f"plots/{path.name}": path.read_bytes() for path in pictures}}


def notebooks(repository: str = "") -> dict[str, bytes]:
    """The chapters' notebooks, by their paths in the site."""
    return {
        pages.notebook_path(chapter): writer.text_of(chapter, ".ipynb", repository).encode()
        for chapter in curriculum.chapters()
    }


def _refuse(out: Path, repository: str) -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"what makes the site is not installed ({', '.join(missing)}): "
            "uv run --extra site kata site OUT, or without uv: pip install -e '.[site]'"
        )
    if repository and not _ADDRESS.fullmatch(repository):
        raise ValueError(f"--repository {repository}: give its address on the web, https://…")
    with contextlib.suppress(FileNotFoundError):
        if out.is_symlink() or not out.is_dir():
            if os.path.lexists(out):
                raise ValueError(f"{out} is there and is no folder; name a new one")
            return
        others = sorted(set(_files(out)) - _noted(out))
        if others:
            raise ValueError(f"{out} holds {others[0]}, which is no part of a site made here; name a new folder")


def _files(folder: Path) -> Iterator[str]:
    """Everything in `folder` that is no folder, and links to folders."""
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from ((Path(place) / name).relative_to(folder).as_posix() for name in [*names, *links])


def _noted(folder: Path) -> set[str]:
    try:
        return {MARKER, *(folder / MARKER).read_text("utf-8").splitlines()}
    except (OSError, UnicodeDecodeError):
        return set()


def _make(folder: Path, repository: str) -> list[str]:
    """Write the whole site into the empty `folder`; its files."""
    given, besides = sources(repository), notebooks(repository)
    secrets = secrets_of_the_course()
    found = [each for path, data in {**given, **besides}.items() for each in leaks_in(path, data, secrets)]
    if found:
        shown = "\n".join(f"  {each}" for each in found[:20])
        raise ValueError(f"nothing was written, for solutions would be in the site:\n{shown}\nmend these lessons")
    with tempfile.TemporaryDirectory(prefix="kata-site-") as scratch:
        generate(given, Path(scratch), folder)
    # A static host that would otherwise leave out the folders whose names begin with an underscore.
    for path, data in {**besides, ".nojekyll": b""}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    made = sorted(_files(folder))
    (folder / MARKER).write_text("".join(f"{name}\n" for name in made), "utf-8")
    folder.chmod(0o755)
    return [*made, MARKER]


def _put(beside: Path, out: Path) -> None:
    """Rename `beside` to `out`; the site that was there goes, but not before the new one is whole."""
    if not out.exists():
        beside.replace(out)
        return
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".old", dir=out.parent) as held:
        old = Path(held) / "site"
        out.replace(old)
        try:
            beside.replace(out)
        except OSError:
            old.replace(out)
            raise
