"""Lessons on a terminal: nothing is lost at any width, no line is too long, and formulas say what their LaTeX says."""

import io
import re
import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from kata.course import curriculum
from kata.learn.formula import Unreadable, display, inline
from kata.learn.reading import show_lesson
from kata.waist.implementation import ROOT

LESSONS = sorted((ROOT / "lessons").glob("ch*.md"))
BLOCKS = re.compile(r"```math\n(.*?)```|\$\$(.+?)\$\$", re.DOTALL)
FORMULAS = re.compile(r"\$`([^`\n]+)`\$|(?<![$\w])\$([^$\n]+)\$(?![$\w])")
SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "eta": "η", "theta": "θ", "lambda": "λ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "nabla": "∇", "partial": "∂", "sum": "∑", "sqrt": "√", "cdot": "·",
    "leftarrow": "←", "mapsto": "↦", "le": "≤", "ge": "≥", "approx": "≈", "sim": "∼", "in": "∈", "dots": "…",
    "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "lVert": "‖", "rVert": "‖",
    "log": "log", "cos": "cos", "max": "max", "min": "min",
}  # fmt: skip
"""What each macro of the lessons has to be shown as."""
LAYOUT = {
    "frac", "tfrac", "text", "mathrm", "operatorname", "mathcal", "hat", "bar", "left", "right", "begin", "end",
    "big", "Big", "bigl", "bigr", "quad", "qquad",
}  # fmt: skip
"""Macros that have no sign of their own."""


def shown(text: str, width: int) -> str:
    """The lesson as it is printed, without styles."""
    console = Console(file=io.StringIO(), width=width, highlight=False, soft_wrap=True)
    show_lesson(text, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def blocks(text: str) -> list[str]:
    return [a or b for a, b in BLOCKS.findall(text)]


def formulas(text: str) -> list[str]:
    text = re.sub(r"```.*?```|(?<!\$)`[^`\n]+`(?!\$)", "", BLOCKS.sub("", text), flags=re.DOTALL)
    return [a or b for a, b in FORMULAS.findall(text)]


def symbols(text: str) -> list[str]:
    """All letters and figures, those of indices and exponents as plain ones, fractions such as ½ taken apart."""
    plain = unicodedata.normalize("NFKD", text).replace("\u2044", "")
    return sorted(c for c in plain if c.isalnum())


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_nothing_of_a_lesson_is_lost(path: Path, width: int) -> None:
    text = path.read_text("utf-8")
    output = shown(text, width)
    assert max(cell_len(line) for line in output.splitlines()) <= width
    for latex in blocks(text):
        for row in display(latex, width - 4):
            assert row.strip() in output
    words = set(re.findall(r"\S+", output))
    flowing = " ".join(output.split())
    for latex in formulas(text):
        assert inline(latex) in flowing or all(part in flowing for part in inline(latex).split()), latex
    rest = BLOCKS.sub(" ", text)
    code = [line for part in re.findall(r"```\w*\n(.*?)```", rest, re.DOTALL) for line in part.split()]
    rest = re.sub(r"```.*?```", " ", rest, flags=re.DOTALL)
    rest = re.sub(r"!\[(.*?)\]\((.*?)\)", r"\1 lessons/\2", rest)
    rest = re.sub(r"\[(.*?)\]\((.*?)\)", r"\1 \2", rest)
    rest = re.sub(r"^\s*(?:>|#+|-|\d+\.|\|[-:| ]+$)", " ", rest, flags=re.MULTILINE)
    rest = FORMULAS.sub(lambda match: inline(match[1] or match[2]), rest)
    glued = "".join(words)
    for word in [*re.findall(r"[\w.,=()'\[\]{}<>+−·²³⁻⁰¹ᵢ/-]+", re.sub(r"[*`|\\]+", " ", rest)), *code]:
        assert word in flowing or word.strip(".,()") in glued, f"{word!r} is not shown at {width} columns"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_words_are_not_broken(width: int) -> None:
    for path in LESSONS:
        output = shown(path.read_text("utf-8"), width)
        for name in [kata.name for kata in curriculum.katas() if kata.chapter == path.stem]:
            assert name in output


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_formulas_say_what_their_latex_says(path: Path) -> None:
    text = path.read_text("utf-8")
    for latex in blocks(text) + formulas(text):
        rows = display(latex, 56)
        result = "\n".join(rows)
        plain = unicodedata.normalize("NFKD", result)  # the γ of an exponent as γ
        assert "\\" not in result, latex
        macros = re.findall(r"\\([A-Za-z]+)", latex)
        assert set(macros) <= SYMBOLS.keys() | LAYOUT, "a macro that nobody has looked at yet"
        for macro in macros:
            if macro in SYMBOLS:
                assert (result + plain).count(SYMBOLS[macro]) >= macros.count(macro), (macro, latex, result)
        bare = re.sub(r"\\(?:begin|end)\{\w+\}", "", latex)
        bare = re.sub(r"\\([A-Za-z]+)", lambda m: SYMBOLS.get(m[1], ""), bare)
        assert symbols(bare) == symbols(result), (latex, result)
        assert result.count("(") == result.count(")")


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\hat m = \frac{m}{1 - \beta_1^t}", "m̂ = m/(1 − β₁ᵗ)"),
        (r"w \leftarrow w - \frac{\eta\, \hat m}{\sqrt{\hat v} + \varepsilon}", "w ← w − ηm̂/(√v̂ + ε)"),
        (r"\frac1n \sum_i e_i^2", "(1/n) ∑ᵢ eᵢ²"),
        (r"\frac{1}{PN}", "1/(PN)"),
        (r"\frac{a+b}{c}", "(a + b)/c"),
        (r"\frac{\sum_b n_b L_b}{\sum_b n_b}", "(∑_b n_b L_b)/(∑_b n_b)"),
        (r"\frac{c}{\max(\lVert g\rVert,\, c)}", "c/max(‖g‖, c)"),
        (r"\frac{\partial L}{\partial\theta}", "∂L/∂θ"),
        (r"\frac{\frac{a}{b}}{c}", "(a/b)/c"),
        (r"\tfrac12 e^2", "½e²"),
        (r"\tfrac{\lambda}{2} \lVert w \rVert^2", "(λ/2) ‖w‖²"),
        (r"\sqrt{10^{-7}} = 3.2 \cdot 10^{-4}", "√(10⁻⁷) = 3.2 · 10⁻⁴"),
        (r"\sqrt{s + \varepsilon}", "√(s + ε)"),
        (r"\eta / \sqrt n", "η / √n"),
        (r"r^{k/D}", "r^(k/D)"),
        (r"0.25^{1.5}", "0.25^1.5"),
        (r"e^{z_c - m}", "e^(z_c−m)"),
        (r"x^23", "x²3"),
        (r"\sum_{k \le n} \gamma^{\,n-k} \eta\, g_k", "∑_(k≤n) γⁿ⁻ᵏηgₖ"),
        (r"w^{T}", "w^T"),
        (r"-\log \sigma(-z)", "−log σ(−z)"),
        (r"13{,}781", "13,781"),
    ],
)
def test_formulas_that_were_checked_by_hand(latex: str, text: str) -> None:
    assert inline(latex) == unicodedata.normalize("NFC", text)


def test_cases_stand_in_columns() -> None:
    rows = r"\tfrac12 e^2 & |e| \le \delta \\ \delta |e| - \tfrac12 \delta^2 & |e| > \delta"
    latex = rf"h(e) = \begin{{cases}} {rows} \end{{cases}}"
    assert display(latex, 56) == ["h(e) = ⎧ ½e²         |e| ≤ δ", "       ⎩ δ|e| − ½δ²  |e| > δ"]


def test_what_is_unknown_is_left_as_it_was_written() -> None:
    with pytest.raises(Unreadable):
        inline(r"\nosuchmacro{x}")
    assert r"$\nosuchmacro{x}$" in shown(r"So $\nosuchmacro{x}$ it is.", 80)
    assert "$5 and $6" in shown("It costs $5 and $6.", 80)
    assert "$HOME and $PATH" in shown("`$HOME` and `$PATH`", 80)


def test_code_wider_than_the_terminal_goes_on_in_the_next_line() -> None:
    output = shown("```python\nvalue = first_argument + second_argument + third_argument + fourth_argument\n```\n", 60)
    assert "fourth_argument" in output
    assert max(map(len, output.splitlines())) <= 60


def test_a_table_whose_words_do_not_fit_becomes_paragraphs() -> None:
    table = "| task | call | price |\n|---|---|---|\n" + "| a | `" + "b" * 30 + "` | `" + "c" * 30 + "` |\n"
    assert "call: " + "b" * 30 in shown(table, 60)
    assert "call: " not in shown(table, 100)
