"""Pictures in the terminal, where it can show them.

iTerm2's protocol (also WezTerm's): `ESC ] 1337 ; File = arguments : base64 BEL`
(https://iterm2.com/documentation-images.html). Kitty's (also Ghostty's): `ESC _ G keys ; base64 ESC \\`, in pieces of
at most 4096 characters (https://sw.kovidgoyal.net/kitty/graphics-protocol/).
"""

import base64
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Literal, TextIO

Protocol = Literal["iterm2", "kitty"]

PIECE = 4096
"""Characters of base64 in one of kitty's sequences; a multiple of four, as all pieces but the last must be."""
WIDEST = 110
"""Columns that a picture is given at most."""


def protocol(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Protocol | None:
    """How the terminal behind `stream` shows pictures; None when it is no terminal, or none that is known to."""
    if not stream.isatty():
        return None
    if environment.get("TERM", "").startswith(("screen", "tmux", "dumb")) or "TMUX" in environment:
        return None  # a multiplexer swallows the sequences or prints them
    if environment.get("TERM") in ("xterm-kitty", "xterm-ghostty") or "KITTY_WINDOW_ID" in environment:
        return "kitty"
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def show(png: bytes, stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Show a PNG at the cursor, as wide as the terminal at most; whether it was shown.

    Nothing is written where the terminal cannot, or is none.
    """
    how = protocol(stream, environment)
    if how is None:
        return False
    columns = min(shutil.get_terminal_size().columns, WIDEST)
    stream.write(_iterm2(png, columns) if how == "iterm2" else "".join(_kitty(png, columns)))
    stream.write("\n")
    stream.flush()
    return True


def _iterm2(png: bytes, columns: int) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f"\033]1337;File=inline=1;size={len(png)};width={columns};preserveAspectRatio=1:{data}\a"


def _kitty(png: bytes, columns: int) -> Iterator[str]:
    """`a=T` sends and shows, `f=100` is PNG, `c` the columns, `q=2` asks for no reply, `m=1` says that more follows."""
    data = base64.b64encode(png).decode("ascii")
    for start in range(0, len(data), PIECE):
        keys = f"a=T,f=100,q=2,c={columns}," if start == 0 else ""
        more = int(start + PIECE < len(data))
        yield f"\033_G{keys}m={more};{data[start : start + PIECE]}\033\\"
