"""Text of a submission, made safe to be read: nothing in it acts on the browser or editor that shows it."""

import re
import unicodedata

_ACTS = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what acts and is not read: control and format characters (those that turn the direction of
the text around are among them), lone surrogates, separators of lines."""
_JOINERS = "\u200c\u200d"
"""Format characters that several scripts, and emoji, are written with."""
_SUSPECT = re.compile(r"[^\x20-\x7e]")


def readable(text: str, most: int = 400) -> str:
    """`text` on one line of at most `most` characters, with each that acts written as an escape.

    Line ends and tabs become spaces; `\\x1b`, `\\u202e`, `\\udc80` are seen as such. What is cut ends in `…`.
    """
    line = _SUSPECT.sub(lambda found: _shown(found[0]), text[: most + 1])  # an escape only makes it longer
    return line if len(line) <= most else line[: most - 1] + "…"


def _shown(letter: str) -> str:
    if letter in "\t\n\r\v\f":
        return " "
    if letter in _JOINERS or unicodedata.category(letter) not in _ACTS:
        return letter
    number = ord(letter)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
