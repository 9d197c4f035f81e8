"""The exam papers of a grading run: those of every kata that is graded, drawn once and kept beside the ledger."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kata.course.curriculum import Kata
from kata.course.progress import write_whole
from kata.judge import exam_file
from kata.judge.exam import KataExam

FOLDER = "exam"
"""In the output folder: the papers that were sat, without which their answers say nothing."""


@dataclass(frozen=True)
class Papers:
    """The exam of a run."""

    seed: int
    exams: dict[str, KataExam]
    """By name of the kata, in the curriculum's order."""
    digests: dict[str, str]


def digest_of(katas: Sequence[Kata], seed: int) -> str:
    """The digest of all that the exam of these katas depends on."""
    parts = "\n".join(f"{name} {digest}" for name, digest in digests_of(katas, seed).items())
    return hashlib.sha256(f"{seed}\n{parts}".encode()).hexdigest()[:20]


def digests_of(katas: Sequence[Kata], seed: int) -> dict[str, str]:
    """The digest of each kata's exam, by its name."""
    return {kata.name: exam_file.digest_of(kata, seed) for kata in katas}


def keep(papers: Papers, out: Path) -> None:
    """Write the papers to `out`, unless they are there."""
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, exam in papers.exams.items():
        path = _path(folder, name, papers.digests[name])
        if not path.exists():
            write_whole(path, exam_file.as_bytes(exam))


def gather(places: Sequence[Path], out: Path) -> None:
    """Copy to `out` the papers that shards kept, so that their sheets can be marked again there.

    Raises:
        ValueError: they cannot be read, or `out` cannot be written to.
    """
    folder = out / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(path for place in places for path in (place / FOLDER).glob("*.exam")):
            if not (folder / path.name).exists():  # the name holds the digest of what it depends on
                write_whole(folder / path.name, path.read_bytes())
    except OSError as error:
        raise ValueError(f"{error.filename or folder}: {error.strerror}; make room, and make it readable") from None


def kept(kata: Kata, digest: str, out: Path) -> KataExam | None:
    """The paper of that digest, as `keep` wrote it; None where there is none that can be read."""
    return exam_file.read(_path(out / FOLDER, kata.name, digest), kata)


def _path(folder: Path, name: str, digest: str) -> Path:
    return folder / f"{name}-{digest}.exam"
