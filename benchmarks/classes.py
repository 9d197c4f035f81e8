"""Makes a class: submissions of a realistic mixture, from a seed, each with what is known of how it must come out.

python -m benchmarks.classes 60 OUT --seed 1
"""

import argparse
import ast
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.waist.implementation import ROOT
from kata.waist.verdict import Outcome

Files = dict[str, str]
"""The text of the chapters, by file name."""


@dataclass
class Pupil:
    """A submission, and the outcomes that each of its katas may have; none where nothing is known beforehand."""

    files: Files
    expected: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    kind: str = ""


def chapter_with(kata: Kata, described: Described) -> str:
    """The solutions of the kata's chapter with a variant in its place, written as a student would: under its name."""
    path = ROOT / "solutions" / f"{kata.chapter}.py"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    node = curriculum.definitions(path)[kata.name]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    del lines[first : node.end_lineno]
    return "".join(lines) + "\n\n" + _written(Path(described.variant.path), described.variant.name, kata.name)


def _written(path: Path, name: str, kata: str) -> str:
    """The definition `name` of a file of variants, called as the kata is, with all that it needs of that file."""
    text = path.read_text("utf-8")
    helpers, own = [], ""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("kata", "solutions"):
            continue
        if isinstance(node, ast.Expr):
            continue
        source = ast.get_source_segment(text, node) or ""
        if not _is_variant(node):
            helpers.append(source)
        elif node.name == name:  # type: ignore[attr-defined]
            own = re.sub(rf"\b{name}\b", kata, source)
    return "\n\n\n".join([*helpers, own]) + "\n"


def _is_variant(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
        isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") in ("approach", "misconception")
        for decorator in node.decorator_list
    )


def solved(katas: Sequence[Kata]) -> Pupil:
    """The solutions of the katas' chapters."""
    chapters = dict.fromkeys(kata.chapter for kata in katas)
    files = {f"{name}.py": (ROOT / "solutions" / f"{name}.py").read_text("utf-8") for name in chapters}
    return Pupil(files, {kata.name: (Outcome.SOLVED,) for kata in katas}, "solved")


def stubs(katas: Sequence[Kata]) -> Pupil:
    """The exercises as they come."""
    pupil = solved(katas)
    pupil.files = {name: (ROOT / "exercises" / name).read_text("utf-8") for name in pupil.files}
    pupil.expected = {kata.name: (Outcome.TODO,) for kata in katas}
    pupil.kind = "stubs"
    return pupil


def with_variants(katas: Sequence[Kata], kind: str, how_many: int, chance: random.Random) -> Pupil:
    """The solutions with variants of that kind in the place of some katas, at most one a chapter."""
    pupil = solved(katas)
    pupil.kind = kind
    chapters = sorted({kata.chapter for kata in katas})
    for chapter in chance.sample(chapters, min(how_many, len(chapters))):
        found = [(k, d) for k in katas if k.chapter == chapter for d in curriculum.variants_of(kind, k)]
        if found:
            kata, described = chance.choice(found)
            pupil.files[f"{chapter}.py"] = chapter_with(kata, described)
            if kind == "misconception":
                # What builds on it may fail with it, so of the chapter's others nothing is known.
                pupil.expected |= dict.fromkeys((k.name for k in katas if k.chapter == chapter), ())
                pupil.expected[kata.name] = Outcome.WRONG, Outcome.BROKEN
    return pupil


def half_done(katas: Sequence[Kata], chance: random.Random) -> Pupil:
    """Solutions up to a chapter, stubs after it."""
    pupil, untouched = solved(katas), stubs(katas)
    chapters = sorted(pupil.files)
    for name in chapters[chance.randrange(len(chapters) + 1) :]:
        pupil.files[name] = untouched.files[name]
        pupil.expected |= {kata.name: (Outcome.TODO,) for kata in katas if f"{kata.chapter}.py" == name}
    pupil.kind = "half done"
    return pupil


def broken(katas: Sequence[Kata], chance: random.Random) -> Pupil:
    """One chapter does not load, or is not there."""
    pupil = solved(katas)
    name = chance.choice(sorted(pupil.files))
    outcome = Outcome.BROKEN
    match chance.randrange(3):
        case 0:
            pupil.files[name] += "\ndef unfinished(:\n"
        case 1:
            pupil.files[name] = "import no_such_module\n" + pupil.files[name]
        case 2:
            del pupil.files[name]
            outcome = Outcome.MISSING
    pupil.expected |= {kata.name: (outcome,) for kata in katas if f"{kata.chapter}.py" == name}
    pupil.kind = "broken"
    return pupil


def hostile(katas: Sequence[Kata], chance: random.Random) -> Pupil:
    """One kata ends its process, or tries to end the judge's."""
    pupil = solved(katas)
    kata = chance.choice([kata for kata in katas if not kata.name[0].isupper()])
    ways = [("__import__('os')._exit(0)", Outcome.CRASHED), ("raise SystemExit(0)", Outcome.BROKEN)]
    body, outcome = chance.choice(ways)
    pupil.files[f"{kata.chapter}.py"] += f"\n\ndef {kata.name}(*args, **kwargs):\n    {body}\n"
    pupil.expected |= dict.fromkeys((other.name for other in katas if other.chapter == kata.chapter), ())
    pupil.expected[kata.name] = (outcome,)
    pupil.kind = "hostile"
    return pupil


def class_of(size: int, seed: int, katas: Sequence[Kata]) -> dict[str, Pupil]:
    """A class of that size: a third has made one to four known mistakes, and so on."""
    chance = random.Random(seed)
    kinds: list[tuple[int, Callable[[], Pupil]]] = [
        (20, lambda: solved(katas)),
        (5, lambda: stubs(katas)),
        (15, lambda: with_variants(katas, "approach", chance.randint(1, 4), chance)),
        (30, lambda: with_variants(katas, "misconception", chance.randint(1, 4), chance)),
        (20, lambda: half_done(katas, chance)),
        (6, lambda: broken(katas, chance)),
        (4, lambda: hostile(katas, chance)),
    ]
    makers = chance.choices([make for _, make in kinds], [weight for weight, _ in kinds], k=size)
    return {f"s{number:04}": make() for number, make in enumerate(makers, 1)}


def told_apart(pupils: dict[str, Pupil]) -> dict[str, Pupil]:
    """The same, each with a comment of their own: what is equal is judged once, and in a class nothing is."""
    for student, pupil in pupils.items():
        pupil.files = {name: f"{text}\n# {student}\n" for name, text in pupil.files.items()}
    return pupils


def write(pupils: dict[str, Pupil], folder: Path) -> None:
    """The class as a folder with a folder for each student."""
    for student, pupil in pupils.items():
        place = folder / student / "exercises"
        place.mkdir(parents=True)
        for name, text in pupil.files.items():
            (place / name).write_text(text, "utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.classes", description=__doc__)
    parser.add_argument("size", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kata", help="only these katas (comma-separated)")
    options = parser.parse_args()
    names = [name for name in (options.kata or "").split(",") if name]
    katas = [kata for name in names for kata in curriculum.find(name)] or list(curriculum.katas())
    write(class_of(options.size, options.seed, katas), options.out)


if __name__ == "__main__":
    main()
