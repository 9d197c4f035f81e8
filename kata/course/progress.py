"""What the clone remembers of its learner: hints seen, when a kata was first solved, and the last verdict on each.

One small file, `.kata/state.json` (or what $KATA_STATE names). A verdict is kept with a fingerprint of the text that
it was given on: it is shown as long as that text stands, and never decides a grade. A file that is damaged counts as
empty and is kept beside the new one.
"""

import contextlib
import datetime
import os
import tempfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.course.fingerprint import fingerprints
from kata.waist.implementation import ROOT, Implementation
from kata.waist.verdict import KataVerdict, Outcome

PATH = Path(os.environ.get("KATA_STATE", ROOT / ".kata" / "state.json"))


class Judged(msgspec.Struct, frozen=True):
    """The last verdict on a kata, and the fingerprint of the text that was judged."""

    outcome: Outcome
    passed: int
    total: int
    text: str


class State(msgspec.Struct):
    """Hints shown of each kata (how many), the day each was first solved, and the last verdict on each."""

    hints: dict[str, int] = {}
    solved: dict[str, str] = {}
    judged: dict[str, Judged] = {}


class Standing(StrEnum):
    """What is known of a kata without judging it."""

    SOLVED = "solved"
    """The last verdict, on this very text, was that every law holds."""
    BEGUN = "begun"
    """Something is written; it was judged and is not solved, or has changed since, or was never judged."""
    TODO = "todo"
    """Still the stub."""

    @property
    def mark(self) -> str:
        """How it is shown in lists."""
        return {"solved": "✓", "begun": "~", "todo": "·"}[self.value]


# The file


def load(path: Path | None = None) -> State:
    """The state, or an empty one when there is none that can be read."""
    path = path or PATH
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        return State()


def save(state: State, path: Path | None = None) -> None:
    """Write the state whole or not at all. A clone that cannot be written to keeps no state; that is no error."""
    path = path or PATH
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and rename: a reader sees the old file or the new one, never half of one."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    beside = Path(name)
    try:
        with open(number, "wb") as file:
            file.write(data)
        beside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _changing(path: Path | None) -> Iterator[State]:
    """The state, to be changed and written; a watch and a check that run at once do not undo each other's."""
    path = path or PATH
    with _locked(path):
        state = load(path)
        before = msgspec.json.encode(state)
        yield state
        if msgspec.json.encode(state) != before:
            save(state, path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl

        path.parent.mkdir(exist_ok=True)
        file = open(path.with_suffix(".lock"), "w")
    except (ImportError, OSError):
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# Hints


def next_hint(kata: str, total: int, path: Path | None = None) -> int:
    """The number (from 1) of the hint of `kata` to show now; after the last it stays the last."""
    with _changing(path) as state:
        state.hints[kata] = min(state.hints.get(kata, 0) + 1, total)
        return state.hints[kata]


# Verdicts

Texts = dict[str, str]
"""Fingerprints by the names of katas."""


def texts_of(katas: Iterable[Kata], implementation: Implementation) -> Texts:
    """The fingerprints of the katas as they are written now; none where it is not the learner's own folder."""
    if not _is_the_learners(implementation):
        return {}
    chapters: dict[str, list[str]] = {}
    for kata in katas:
        chapters.setdefault(kata.chapter, []).append(kata.name)
    found: Texts = {}
    for chapter, names in chapters.items():
        laws = (ROOT / "tests" / f"test_{chapter}.py", ROOT / "kata" / "judge" / "every_kata.py")
        text = b"".join(path.read_bytes() for path in laws if path.exists())
        found |= fingerprints(Path(implementation.folder) / f"{chapter}.py", names, text)
    return found


def _is_the_learners(implementation: Implementation) -> bool:
    return implementation.folder == str(ROOT / "exercises") and implementation.variant is None


def note(
    verdicts: dict[str, KataVerdict],
    texts: Texts,
    implementation: Implementation,
    path: Path | None = None,
) -> None:
    """Remember what was judged for the `texts` that stood before; what has changed while it was judged is not told.

    A kata that was not judged, for whatever reason of the machine's, keeps what was known of it.
    """
    known = [kata for kata in curriculum.katas() if kata.name in verdicts]
    now = texts_of(known, implementation)
    fresh = {
        name: Judged(verdict.outcome, verdict.passed, verdict.total, texts[name])
        for name, verdict in verdicts.items()
        if name in texts and texts[name] == now.get(name) and verdict.outcome is not Outcome.INFRASTRUCTURE
    }
    if not fresh:
        return
    today = datetime.date.today().isoformat()
    with _changing(path) as state:
        state.judged.update(fresh)
        for name, judged in fresh.items():
            if judged.outcome is Outcome.SOLVED:
                state.solved.setdefault(name, today)


def kept(katas: Iterable[Kata], implementation: Implementation, path: Path | None = None) -> dict[str, Judged]:
    """Of every kata whose text is still the one that was last judged, that verdict."""
    katas = list(katas)
    texts, state = texts_of(katas, implementation), load(path)
    known = ((kata.name, state.judged.get(kata.name)) for kata in katas)
    return {name: judged for name, judged in known if judged is not None and judged.text == texts.get(name)}


def standings(katas: Iterable[Kata], implementation: Implementation, path: Path | None = None) -> dict[str, Standing]:
    """What is known of each kata without judging it."""
    katas = list(katas)
    known = kept(katas, implementation, path)

    def of(kata: Kata) -> Standing:
        if curriculum.is_untouched(Path(implementation.folder) / f"{kata.chapter}.py", kata):
            return Standing.TODO
        judged = known.get(kata.name)
        return Standing.SOLVED if judged is not None and judged.outcome is Outcome.SOLVED else Standing.BEGUN

    return {kata.name: of(kata) for kata in katas}
