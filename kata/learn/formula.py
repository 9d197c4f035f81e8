"""A formula in LaTeX as Unicode text: `\\frac{m}{1 - \\beta_1^t}` is shown as `m/(1 − β₁ᵗ)`.

pylatexenc parses it and knows the symbols; how fractions, indices, roots and cases are laid out is decided here. (Its
own text drops the brackets that a fraction implies: `m/1 - β_1^t`.) What is shown never says less than the formula.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latex2text import get_default_latex_context_db as text_context
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexSpecialsNode,
    LatexWalker,
    LatexWalkerParseError,
    get_default_latex_context_db,
)
from pylatexenc.macrospec import MacroSpec

RELATIONS = frozenset("=<>≤≥≈∼∈←→↦≠")
OPERATORS = frozenset("+−·×±")
_BREAK = "\n"  # stands for \qquad: here a long display may go on in a new line
_RAISED = "0123456789+−=()abcdefghijklmnoprstuvwxyzγ"  # no capitals: ᵀ is read as a transpose
_SUPER = dict(zip(_RAISED, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵞ", strict=True))
_SUB = dict(zip("0123456789+−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_VULGAR = {("1", "2"): "½", ("1", "4"): "¼", ("3", "4"): "¾"}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_SPACES = {",": "", ";": "", "!": "", ":": "", " ": " ", "quad": _BREAK, "qquad": _BREAK}
_FRACTIONS = ("frac", "tfrac", "dfrac")
_NAMES = ("log", "ln", "exp", "cos", "sin", "tan", "max", "min")
_FENCES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])")


class Unreadable(ValueError):
    """The formula has something that this module has no text for."""


@dataclass(frozen=True)
class _Atom:
    """A piece of the formula; `kind` decides what stands around it."""

    text: str
    kind: str = "letter"
    """letter, number, name, words, fraction, big (∑), script, relation, operator, comma, slash, open, close, …"""


def _context() -> Any:
    context = get_default_latex_context_db()
    one = ("text", "mathrm", "operatorname", "mathcal", *_ACCENTS)
    none = ("lVert", "rVert", "lceil", "rceil", "lfloor", "rfloor", "\\", *_SPACES)
    macros = [MacroSpec(name, "{{") for name in _FRACTIONS]
    macros += [MacroSpec(name, "{") for name in one] + [MacroSpec(name, "") for name in none]
    context.add_context_category("formulas", macros, prepend=True)
    return context


_CONTEXT = _context()
_TEXTS = text_context()


def inline(latex: str) -> str:
    """The formula in one line.

    Raises:
        Unreadable: there is no text for something in it.
    """
    return re.sub(r"\s+", " ", " ".join(_render(latex))).strip()


def display(latex: str, width: int) -> list[str]:
    """The formula as lines of at most `width` characters where its parts allow it; cases one below the other."""
    parts = [part for part in _render(latex) if part.strip()]
    one_line = "    ".join(part.strip() for part in parts)
    if all("\n" not in part for part in parts) and len(one_line) <= width:
        return [one_line]
    return [line for part in parts for line in _wrapped(part, width)]


def _render(latex: str) -> list[str]:
    """The parts between \\qquad's."""
    try:
        walker = LatexWalker(_FENCES.sub("", latex), latex_context=_CONTEXT, tolerant_parsing=False)
        nodes, *_ = walker.get_latex_nodes()
    except LatexWalkerParseError as error:
        raise Unreadable(f"{latex!r} does not parse: {error}") from None
    parts: list[list[_Atom]] = [[]]
    for atom in _atoms(nodes):
        if atom.text == _BREAK:
            parts.append([])
        else:
            parts[-1].append(atom)
    return [_joined(part) for part in parts]


def _wrapped(part: str, width: int) -> list[str]:
    """`part` broken before its relations and operators, outside of brackets rather than inside."""
    found: list[str] = []
    for row in part.strip("\n").split("\n") if "\n" in part else [part.strip()]:
        rest = row.rstrip()
        while len(rest) > width and (at := _break_of(rest, width)):
            found.append(rest[:at])
            rest = "    " + rest[at + 1 :]
        found.append(rest)
    return found


def _break_of(row: str, width: int) -> int:
    """Where to break `row`: the last of the outermost spaces before a sign within the width; 0 where there is none."""
    depth, places = 0, []
    for i, c in enumerate(row[: width + 1]):
        depth += (c in "([⌈⌊") - (c in ")]⌉⌋")
        if c == " " and row[i + 1 : i + 2] in RELATIONS | OPERATORS and row[i + 2 : i + 3] == " " and row[:i].strip():
            places.append((-depth, i))
    return max(places, default=(0, 0))[1]


# Atoms


def _atoms(nodes: list[Any]) -> list[_Atom]:
    """The nodes as atoms, indices and exponents bound to what they belong to."""
    flat: list[_Atom | list[_Atom] | str] = []
    for node in nodes:
        flat += _flat(node)
    found: list[_Atom] = []
    i = 0
    while i < len(flat):
        item = flat[i]
        if isinstance(item, str):  # _ or ^
            while i + 1 < len(flat) and flat[i + 1] == _Atom(" ", "space"):
                del flat[i + 1]
            scripts = {}
            while i < len(flat) and isinstance(mark := flat[i], str):
                if i + 1 >= len(flat):
                    raise Unreadable(f"nothing follows {mark}")
                argument = flat[i + 1]
                scripts[mark] = argument if isinstance(argument, list) else [argument]
                i += 2
            found.append(_Atom(_scripts(scripts), "script"))
            continue
        found += item if isinstance(item, list) else [item]
        i += 1
    return found


def _flat(node: Any) -> list[Any]:
    if isinstance(node, LatexCharsNode):
        return [_char(c) for c in _numbers(node.chars)]
    if isinstance(node, LatexGroupNode):
        if node.latex_verbatim() == "{,}":  # within a number
            return [_Atom(",", "number")]
        return [_atoms(node.nodelist)]
    if isinstance(node, LatexMacroNode):
        return [_macro(node), *([_Atom(" ", "space")] if node.macro_post_space else [])]
    if isinstance(node, LatexEnvironmentNode) and node.environmentname == "cases":
        return [_Atom(_cases(node), "cases")]
    if isinstance(node, LatexSpecialsNode) and node.specials_chars == "~":
        return [_Atom(" ", "space")]
    if isinstance(node, LatexSpecialsNode):
        return [_char(c) for c in node.specials_chars]
    raise Unreadable(f"there is no text for {node.latex_verbatim()}")


def _numbers(chars: str) -> list[str]:
    # A script takes one character, unless it is in braces: x^23 is x² times 3.
    return re.findall(r"(?<![_^\d.])\d+(?:\.\d+)?|\s+|.", chars)


def _char(c: str) -> _Atom | str:
    if c in "_^":
        return c
    if c.isspace():
        return _Atom(" ", "space")
    c = "−" if c == "-" else c
    kinds = {",": "comma", ".": "comma", "/": "slash", "|": "bar", ":": "colon"}
    if c in RELATIONS:
        return _Atom(c, "relation")
    if c in OPERATORS:
        return _Atom(c, "operator")
    if c in "([⌈⌊":
        return _Atom(c, "open")
    if c in ")]⌉⌋":
        return _Atom(c, "close")
    return _Atom(c, kinds.get(c, "number" if c[0].isdigit() else "letter"))


def _macro(node: Any) -> _Atom | list[_Atom] | str:
    name, arguments = node.macroname, list(node.nodeargd.argnlist) if node.nodeargd else []
    if name in _SPACES:
        return _Atom(_SPACES[name], "space") if _SPACES[name] != _BREAK else _Atom(_BREAK)
    if name in _FRACTIONS:
        return _fraction(*(_atoms([argument]) for argument in arguments))
    if name == "sqrt":
        inside = _atoms([arguments[-1]])
        return _Atom("√" + (_joined(inside) if _is_one_thing(inside, raised=False) else f"({_joined(inside)})"))
    if name in _ACCENTS:
        return _Atom(unicodedata.normalize("NFC", _joined(_atoms(arguments)) + _ACCENTS[name]))
    if name == "text":
        return _Atom(arguments[0].latex_verbatim().strip("{} "), "words")
    if name in ("mathrm", "operatorname"):
        return _Atom(arguments[0].latex_verbatim().strip("{}"), "name")
    if name in _NAMES:
        return _Atom(name, "name")
    symbol = {"lVert": "‖", "rVert": "‖"}.get(name) or _library(node)
    if name in ("sum", "prod", "int"):
        return _Atom(symbol, "big")
    if name in ("lVert", "lceil", "lfloor"):
        return _Atom(symbol, "open")
    if name in ("rVert", "rceil", "rfloor"):
        return _Atom(symbol, "close")
    return _char(symbol) if len(symbol) == 1 else _Atom(symbol)


def _library(node: Any) -> str:
    """The symbol that pylatexenc knows the macro as."""
    spec = _TEXTS.get_macro_spec(node.macroname)
    if spec is None or spec.macroname != node.macroname:
        raise Unreadable(f"there is no text for \\{node.macroname}")
    found = str(LatexNodes2Text(math_mode="text").nodelist_to_text([node])).strip()
    if not found:
        raise Unreadable(f"there is no text for \\{node.macroname}")
    return found


def _fraction(above: list[_Atom], below: list[_Atom]) -> _Atom:
    top, bottom = _joined(above), _joined(below)
    if (top, bottom) in _VULGAR:
        return _Atom(_VULGAR[top, bottom])
    top = top if _is_product(above) else f"({top})"
    bottom = bottom if _is_one_thing(below) else f"({bottom})"
    return _Atom(f"{top}/{bottom}", "fraction")


def _is_one_thing(atoms: list[_Atom], *, raised: bool = True) -> bool:
    """Whether no bracket is needed below a fraction's bar or under a root: a symbol, a number, max(…), ‖…‖, ∂x.

    `raised`: with an exponent too; 1/n² can be read one way only, √10⁻⁷ cannot.
    """
    if not raised and any(atom.kind == "script" and atom.text[0] not in _SUB.values() for atom in atoms):
        return False
    solid = [atom for atom in atoms if atom.kind not in ("space", "script")]
    if solid and (solid[0].kind == "name" or solid[0].text == "∂"):
        solid = solid[1:]
    if len(solid) > 1 and solid[0].kind == "open":
        depths = [0]
        for atom in solid:
            depths.append(depths[-1] + (atom.kind == "open") - (atom.kind == "close"))
        return 0 not in depths[1:-1]
    return len(solid) == 1 and solid[0].kind in ("letter", "number", "words")


def _is_product(atoms: list[_Atom]) -> bool:
    """Whether no bracket is needed above a fraction's bar: nothing there is added, summed or divided."""
    depth = 0
    for atom in atoms:
        depth += (atom.kind == "open") - (atom.kind == "close")
        if depth == 0 and atom.kind in ("operator", "relation", "slash", "big", "fraction"):
            return False
    return True


def _scripts(scripts: dict[str, list[Any]]) -> str:
    """Indices and exponents, raised and lowered where Unicode has all of their characters."""
    texts = {mark: re.sub(r" ([^\w\s]) ", r"\1", _joined(atoms)) for mark, atoms in scripts.items()}
    order = sorted(texts.items(), reverse=True)  # the index first
    tables = {"_": _SUB, "^": _SUPER}
    if all(c in tables[mark] for mark, text in order for c in text):
        return "".join(tables[mark][c] for mark, text in order for c in text)
    return "".join(mark + (text if re.fullmatch(r"\d[\d.]*|\w", text) else f"({text})") for mark, text in order)


def _cases(node: Any) -> str:
    """The rows of a `cases` environment, their conditions in a column, behind a brace."""
    rows: list[list[list[Any]]] = [[[]]]
    for child in node.nodelist:
        if isinstance(child, LatexMacroNode) and child.macroname == "\\":
            rows.append([[]])
        elif isinstance(child, LatexSpecialsNode) and child.specials_chars == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(child)
    table = [[_joined(_atoms(cell)).strip() for cell in row] for row in rows]
    table = [row for row in table if any(row)]
    wide = max(len(row[0]) for row in table)
    braces = ["⎧", *["⎪"] * (len(table) - 2), "⎩"] if len(table) > 1 else ["{"]
    if len(table) > 2:
        braces[len(table) // 2] = "⎨"
    return "\n".join(
        f"{brace} {row[0]:<{wide}}  {'  '.join(row[1:])}".rstrip() for brace, row in zip(braces, table, strict=True)
    )


# Spaces


def _joined(atoms: list[Any]) -> str:
    """The atoms as text, with the spaces that their kinds ask for."""
    text, before = "", _Atom("", "start")
    spaced = False
    solid = [atom for group in atoms for atom in (group if isinstance(group, list) else [group])]
    for i, atom in enumerate(solid):
        if atom.kind == "space":
            spaced = True
            continue
        after = next((other for other in solid[i + 1 :] if other.kind != "space"), _Atom("", "end"))
        shown = atom.text
        if atom.kind == "fraction" and (before.kind in ("name", "fraction", "slash") or after.kind in _FACTORS):
            shown = f"({shown})"
        if atom.kind == "cases":
            indent = " " * (len(text) + 1)
            text += " " + atom.text.replace("\n", "\n" + indent)
        else:
            text += (" " if text and _is_apart(before, atom, spaced) else "") + shown
        is_sign = atom.kind == "operator" and atom.text in "+−" and before.kind in _SIGN_BEFORE
        before = _Atom(atom.text, "sign") if is_sign else _after_script(before, atom)
        spaced = False
    return text


_SIGN_BEFORE = ("start", "relation", "open", "comma", "operator", "slash", "words", "colon")
_FACTORS = ("letter", "number", "open", "fraction", "big", "name", "slash", "script")


def _after_script(before: _Atom, atom: _Atom) -> _Atom:
    """A script changes nothing of what it belongs to: ∑ᵢ is as large as ∑."""
    return _Atom(atom.text, before.kind) if atom.kind == "script" and before.kind in ("big", "name") else atom


def _is_apart(before: _Atom, atom: _Atom, spaced: bool) -> bool:
    """Whether a space belongs between the two."""
    if atom.kind in ("script", "comma", "close", "colon") or before.kind in ("open", "sign"):
        return False
    if "slash" in (before.kind, atom.kind):
        return spaced
    if {before.kind, atom.kind} & {"relation", "operator", "comma", "words", "colon"}:
        return True
    if before.kind in ("big", "fraction") or atom.kind in ("big", "name", "fraction"):
        return True
    if before.kind == "name":
        return atom.kind != "open"
    if "√" in atom.text[:1] or atom.text.startswith("∇"):
        return before.kind != "open"
    if (before.kind == "script" and before.text[0] in "_^") or before.kind == "close":
        return atom.kind in ("letter", "number")
    return False
