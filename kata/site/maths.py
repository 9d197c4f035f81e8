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

_BAR = re.compile(r"<mo([^>]*)>(&#x0007C;|&#x02016;)</mo>")
_NAMES = "log|ln|exp|cos|sin|tanh"
_FUNCTION = re.compile(rf"(<(?!msub|msup|munder|mover|mfrac|mroot)[^<>]*><mi>(?:{_NAMES})</mi>)(?=<m(?!o\b))")


class Unreadable(ValueError):
    """A formula that would not come out as it should; the text names it."""


def mathml(formula: str, *, is_block: bool) -> str:
    """The LaTeX `formula` as a `math` element.

    Raises:
        Unreadable: its braces do not match, or a command of LaTeX would be left in what is shown.
    """
    braces = re.sub(r"\\.", "", formula)
    if braces.count("{") != braces.count("}"):
        raise Unreadable(f"the formula {formula!r} has a brace too many or too few")
    # The converter takes a sign after \big, but not its name.
    text = _SIZED_NAME.sub(lambda found: found[1] + _SIGNS[found[2]], formula)
    try:
        made = convert(text, display="block" if is_block else "inline")
    except Exception as error:  # it has no common class of its own
        raise Unreadable(f"the formula {formula!r} cannot be read ({type(error).__name__}: {error})") from None
    left = re.search(r"\\\w+", made)
    if left:
        raise Unreadable(f"the formula {formula!r} would show {left[0]}, which no browser knows")
    # What TeX knows of distances: none around the bars of |e|, a little one between a function and what it is of.
    made = _BAR.sub(r'<mo\1 lspace="0" rspace="0">\2</mo>', made)
    return _FUNCTION.sub(r'\1<mspace width="0.17em" />', made)
