"""What a save of a chapter changed: katas' own definitions, or what all of them share."""

import ast
from dataclasses import dataclass
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.waist.implementation import Implementation


@dataclass(frozen=True)
class Changed:
    """What a save means for the katas that are watched."""

    chapter: str
    own: tuple[Kata, ...] = ()
    """Katas whose own definition has changed."""
    shared: tuple[Kata, ...] = ()
    """Katas that are written, where a helper or an import has changed: any of them may depend on it."""
    error: str = ""
    """Why the file cannot be read; then nothing else is known."""


class Chapters:
    """The watched chapters as they were when last looked at."""

    def __init__(self, implementation: Implementation, katas: list[Kata]) -> None:
        self._implementation = implementation
        self._katas = katas
        self._texts: dict[str, dict[str, str]] = {}
        for chapter in self.names:
            self._texts[chapter], _ = self._read(chapter)

    @property
    def names(self) -> list[str]:
        """The chapters that are watched."""
        return list(dict.fromkeys(kata.chapter for kata in self._katas))

    def errors(self) -> dict[str, str]:
        """The chapters that cannot be read, with the reason."""
        return {chapter: error for chapter in self.names if (error := self._read(chapter)[1])}

    def path(self, chapter: str) -> Path:
        """The file of the chapter."""
        return Path(self._implementation.folder) / f"{chapter}.py"

    def is_stub(self, kata: Kata) -> bool:
        """Whether nothing is written yet."""
        return curriculum.is_untouched(self.path(kata.chapter), kata)

    def look(self, chapter: str) -> Changed:
        """What has changed in the chapter since it was last looked at."""
        before, (now, error) = self._texts[chapter], self._read(chapter)
        self._texts[chapter] = now
        if error:
            return Changed(chapter, error=error)
        katas = [kata for kata in self._katas if kata.chapter == chapter]
        own = [kata for kata in katas if before.get(kata.name) != now.get(kata.name)]
        shared: list[Kata] = []
        if not before:  # it could not be read: all that is written is new
            shared, own = [kata for kata in own if not self.is_stub(kata)], []
        elif before.get("") != now.get(""):
            shared = [kata for kata in katas if kata not in own and not self.is_stub(kata)]
        return Changed(chapter, tuple(own), tuple(shared))

    def _read(self, chapter: str) -> tuple[dict[str, str], str]:
        """The text of every definition of the chapter ("" stands for everything else at its top), or the error."""
        try:
            body = ast.parse(self.path(chapter).read_bytes()).body
        except SyntaxError as error:
            return {}, f"line {error.lineno}: {error.msg}"
        except OSError as error:
            return {}, error.strerror or str(error)
        except ValueError as error:
            return {}, str(error)
        texts = {node.name: ast.dump(node) for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        names = {kata.name for kata in self._katas}
        texts[""] = "".join(ast.dump(node) for node in body if getattr(node, "name", None) not in names)
        return texts, ""
