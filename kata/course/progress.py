"""What the clone remembers of its learner: hints seen, and when a kata was first solved.

One small file, `.kata/state.json` (or what $KATA_STATE names). It decides nothing: what is solved is always what
the laws say. A file that is damaged counts as empty and is kept beside the new one.
"""

import contextlib
import datetime
import os
from pathlib import Path

import msgspec

from kata.waist.implementation import ROOT

PATH = Path(os.environ.get("KATA_STATE", ROOT / ".kata" / "state.json"))


class State(msgspec.Struct):
    """Hints shown of each kata (how many), and the day each was first solved."""

    hints: dict[str, int] = {}
    solved: dict[str, str] = {}


def load(path: Path = PATH) -> State:
    """The state, or an empty one when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        return State()


def save(state: State, path: Path = PATH) -> None:
    """Write the state whole or not at all. A clone that cannot be written to keeps no state; that is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and rename: a reader sees the old file or the new one, never half of one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


def note_solved(names: list[str], path: Path = PATH) -> list[str]:
    """Remember today as the day on which `names` were solved; those that are newly so."""
    state = load(path)
    new = [name for name in names if name not in state.solved]
    if new:
        today = datetime.date.today().isoformat()
        state.solved.update(dict.fromkeys(new, today))
        save(state, path)
    return new


def next_hint(kata: str, total: int, path: Path = PATH) -> int:
    """The number (from 1) of the hint of `kata` to show now; after the last it stays the last."""
    state = load(path)
    number = min(state.hints.get(kata, 0) + 1, total)
    state.hints[kata] = number
    save(state, path)
    return number
