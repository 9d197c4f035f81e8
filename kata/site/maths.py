"""A formula of a lesson as MathML, which browsers show by themselves: no script, and no font to be loaded."""

import re

from latex2mathml.converter import convert

_SIZED_NAME = re.compile(r"(\\[bB]igg?[lrm]?)\s*\\(lceil|rceil|lfloor|rfloor|lbrace|rbrace|\||\{|\})")
_SIGNS = {
    "lceil": "⌈",
    "rceil": "⌉",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lbrace": r"\{",
    "rbrace": r"\}",
    "|": "‖",
    "{": r"\{",
    "}": r"\}",
}


class Unreadable(ValueError):
    """A formula that would not come out as it should; the text names it."""


def mathml(formula: str, *, is_block: bool) -> str:
    """The LaTeX `formula` as a `math` element.

    Raises:
        Unreadable: a command of LaTeX would be left in what is shown.
    """
    # The converter takes a sign after \big, but not its name.
    text = _SIZED_NAME.sub(lambda found: found[1] + _SIGNS[found[2]], formula)
    try:
        made = convert(text, display="block" if is_block else "inline")
    except Exception as error:  # it has no common class of its own
        raise Unreadable(f"the formula {formula!r} cannot be read ({type(error).__name__}: {error})") from None
    left = re.search(r"\\\w+", made)
    if left:
        raise Unreadable(f"the formula {formula!r} would show {left[0]}, which no browser knows")
    return made
