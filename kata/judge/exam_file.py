"""Exams on disk: drawn once, then read by whoever gives or marks them, for as long as nothing changes they depend on.

What was drawn for an example is data, but not only what may cross the waist: types, named functions, NamedTuples and
dataclasses of our own modules come back as what they were. Nothing is unpickled.
"""

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import msgspec
import numpy as np
from hypothesis import settings

from kata.course.curriculum import Kata
from kata.course.progress import write_whole
from kata.judge.exam import Draws, Example, KataExam, LawExam, draw
from kata.waist.codec import CodecError, Record, Reply, Request, Tensor, Wire, pack, unpack
from kata.waist.implementation import EDITION, ROOT
from kata.waist.question import Question, answer_in, reply_of
from kata.waist.session import Backend

EDITION_FOLDER = "exams"
"""In a student edition: the exams, and how misconceptions behave in them, made where the solutions are."""
KEPT = ROOT / EDITION_FOLDER if EDITION else ROOT / ".kata" / "exams"
"""Where exams are kept, in files named after all that they depend on; in a student edition after the kata alone."""
_TRUSTED = ("builtins", "numpy", "ml_dtypes", "tests", "kata")
"""Packages whose definitions an exam may name."""
_NAMED, _MADE, _DRAWS = "named ", "made ", "draws"


class _Example(msgspec.Struct, array_like=True):
    arguments: dict[str, Wire]
    drawn: list[Wire]
    rank: int
    conversation: list[Request]
    reference: list[Reply]


class _Law(msgspec.Struct, array_like=True):
    name: str
    examples: list[_Example]


_laws = msgspec.msgpack.Decoder(list[_Law])


def exam_for(
    kata: Kata, seed: int, reference: Callable[[], Backend], *, share: float = 1.0, kept: Path | None = KEPT
) -> KataExam:
    """The exam of `kata`: as it is kept, or else drawn from the `reference` and kept in turn.

    Args:
        kata: whose laws.
        seed: of the examples.
        reference: gives the backend of the reference, where one is needed.
        share: of each law's examples, how many.
        kept: the folder; None neither reads nor writes.

    Raises:
        NoExam: the reference does not hold a law.
    """
    exam = kept_exam(kata, seed, share=share, kept=kept) if kept is not None else None
    if exam is None:
        examples = functools.partial(_share_of, share) if share != 1.0 else (lambda usual: usual)
        exam = draw(kata, reference(), seed, examples=examples)
        if kept is not None:
            keep(_path(kata, seed, share, kept), as_bytes(exam))
    return exam


def kept_exam(kata: Kata, seed: int, *, share: float = 1.0, kept: Path = KEPT) -> KataExam | None:
    """The exam that is kept; None where there is none: it is to be drawn."""
    return read(_path(kata, seed, share, kept), kata)


def _path(kata: Kata, seed: int, share: float, kept: Path) -> Path:
    return kept / f"{name_of(kata, seed, share)}.exam"


def name_of(kata: Kata, seed: int, share: float) -> str:
    """What the files of an exam are called."""
    return kata.name if EDITION else f"{kata.name}-{digest_of(kata, seed, share)}"


def _share_of(share: float, usual: int) -> int:
    return max(3, round(usual * share))


def digest_of(kata: Kata, seed: int, share: float = 1.0) -> str:
    """A digest of everything that the exam depends on: laws, reference, probes, tool, versions, seed and profile."""
    parts = (fingerprint(kata.chapter), kata.name, str(seed), str(share), str(settings().max_examples))
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:20]


@functools.cache
def fingerprint(chapter: str) -> str:
    """A digest of all the text that the exam of `chapter`, and the sheets to it, depend on."""
    files = [
        *(ROOT / folder / f"{chapter}.py" for folder in ("solutions", "misconceptions", "tests/oracles")),
        ROOT / "tests" / f"test_{chapter}.py",
        *sorted((ROOT / "tests").glob("strategies*.py")),
        *sorted((ROOT / "tests" / "probes").glob("*.py")),
        *sorted((ROOT / "kata" / "waist").glob("*.py")),
        *sorted((ROOT / "kata" / "judge").glob("*.py")),
    ]
    digest = hashlib.sha256(sys.version.encode())
    for package in ("tensorflow", "keras", "numpy", "hypothesis"):
        digest.update(importlib.metadata.version(package).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes() if file.exists() else b"").digest())
    return digest.hexdigest()


def keep(path: Path, data: bytes) -> None:
    """Write the file whole, where that is possible, and let go of what has not been used for a month."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
        for old in path.parent.glob(f"{path.stem.rpartition('-')[0]}-*{path.suffix}"):
            if old != path and old.stat().st_mtime < path.stat().st_mtime - 30 * 86_400:
                old.unlink(missing_ok=True)
    except OSError:
        return  # a folder that cannot be written to: the next run draws anew


def read(path: Path, kata: Kata) -> KataExam | None:
    """The exam that is kept at `path`; None where there is none that can be read: it is drawn anew."""
    try:
        return from_bytes(path.read_bytes(), kata)
    except (OSError, ValueError):
        return None


def as_bytes(exam: KataExam) -> bytes:
    """The exam as a file holds it.

    Raises:
        CodecError: something was drawn that cannot be kept.
    """
    laws = [_Law(law.name, [_packed(example) for example in law.examples]) for law in exam.laws]
    return zlib.compress(msgspec.msgpack.encode(laws), 1)


def from_bytes(data: bytes, kata: Kata) -> KataExam:
    """The exam of `kata` that `data` holds.

    Raises:
        ValueError: it holds none.
    """
    try:
        laws = _laws.decode(zlib.decompress(data))
        return KataExam(kata, tuple(LawExam(law.name, tuple(map(_unpacked, law.examples))) for law in laws))
    except (zlib.error, msgspec.MsgspecError, AttributeError, ImportError, TypeError) as error:
        raise ValueError(f"no exam: {error}") from None


def _packed(example: Example) -> _Example:
    return _Example(
        {name: pack(_plain(value)) for name, value in example.arguments.items()},
        [pack(_plain(value)) for value in example.drawn],
        example.rank,
        [question.packed() for question in example.conversation],
        [reply_of(answer) for answer in example.reference],
    )


def _unpacked(example: _Example) -> Example:
    return Example(
        {name: _whole(unpack(value)) for name, value in example.arguments.items()},
        tuple(_whole(unpack(value)) for value in example.drawn),
        example.rank,
        tuple(map(Question.unpacked, example.conversation)),
        tuple(map(answer_in, example.reference)),
    )


def _plain(value: Any) -> Any:
    """`value` in terms of what may cross: what is not data as a record that says how to find or make it."""
    if isinstance(value, Draws):
        return Record(_DRAWS, (), ())
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return Record(_NAMED + _name_of(value), (), ())
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return Record(_MADE + _name_of(type(value)), tuple(fields), tuple(map(_plain, fields.values())))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return Record(_MADE + _name_of(type(value)), tuple(value._fields), tuple(map(_plain, value)))
    if isinstance(value, Record):
        return Record(value.type_name, value.fields, tuple(map(_plain, value)))
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _whole(value: Any) -> Any:
    """What `_plain` was given."""
    if isinstance(value, Record):
        if value.type_name == _DRAWS:
            return Draws()
        if value.type_name.startswith(_NAMED):
            return _found(value.type_name.removeprefix(_NAMED))
        items = [_whole(item) for item in value]
        if value.type_name.startswith(_MADE):
            return _found(value.type_name.removeprefix(_MADE))(**dict(zip(value.fields, items)))
        return Record(value.type_name, value.fields, tuple(items))
    if isinstance(value, list | tuple):
        return type(value)(map(_whole, value))
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if type(value) is np.ndarray:
        return value.copy()  # a law may write into what it was given, as into what is drawn
    return value.copy().view(Tensor) if isinstance(value, Tensor) else value


def _name_of(definition: Any) -> str:
    name = f"{definition.__module__}:{definition.__qualname__}"
    if _found(name) is not definition:
        raise CodecError(f"{name} cannot be found by its name")
    return name


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    if module.partition(".")[0] not in _TRUSTED:
        raise CodecError(f"an exam names {name[:80]!r}, which is none of ours")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
