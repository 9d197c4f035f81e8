"""Which implementation is under test: a folder of chapters, perhaps with one kata exchanged for a variant."""

from pathlib import Path

import msgspec

from kata.waist.codec import KataName

ROOT = Path(__file__).resolve().parents[2]
"""The clone: `exercises/`, `solutions/`, `tests/` and the rest are beside the package."""


EDITION = not (ROOT / "solutions").is_dir()
"""Whether the clone is a student edition (`kata release`): without solutions, with the untouched stubs in `stubs/`."""


class Variant(msgspec.Struct, frozen=True):
    """The definition `name` of the file `path`, standing in for the kata `kata`."""

    kata: str
    path: str
    name: str


class Implementation(msgspec.Struct, frozen=True):
    """A folder with files such as `ch02_losses.py`, and the variant (if any) that replaces a kata."""

    folder: str
    variant: Variant | None = None

    def definition(self, kata: KataName) -> tuple[Path, str]:
        """The file in which `kata` is defined, and the name that it has there."""
        if self.variant is not None and self.variant.kata == kata.name:
            return Path(self.variant.path), self.variant.name
        return Path(self.folder) / f"{kata.chapter}.py", kata.name

    @property
    def label(self) -> str:
        folder = Path(self.folder)
        return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)


def implementation_at(name: str) -> Implementation:
    """The implementation that `--impl` means: `exercises`, `solutions`, or the path of any folder.

    Raises:
        ValueError: when there is no such folder, or it holds no chapter.
    """
    if name == "solutions" and EDITION:
        raise ValueError("this is the student edition, which has no solutions; your instructor has them")
    folder = ROOT / name if name in ("exercises", "solutions") else Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"--impl {name}: there is no folder {folder}; give exercises, solutions, or a folder's path")
    if not any(folder.glob("ch[0-9][0-9]_*.py")):
        raise ValueError(f"--impl {name}: {folder} holds no chapter (a file such as ch02_losses.py)")
    return Implementation(str(folder))
