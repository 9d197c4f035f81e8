"""A lesson on a terminal, or in a pipe: Markdown of which nothing is lost at any width, its formulas in Unicode.

Rich shows Markdown, but cuts code and tables to the width, breaks words, and knows no formulas: those parts are ours.
"""

import re
import textwrap
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, ImageItem, Markdown, MarkdownElement, TableElement
from rich.measure import Measurement
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from kata.learn.formula import Unreadable, display, inline

_PARTS = re.compile(
    r"(?P<fence>^```(?P<info>[^\n]*)\n(?P<code>.*?)^```[ \t]*$)"
    r"|(?P<block>\$\$(?P<shown>.+?)\$\$)"
    r"|(?P<ticked>\$`(?P<exact>[^`\n]+)`\$)"
    r"|(?P<span>`+[^`\n]+`+)"
    r"|(?P<math>(?<![\\$\w])\$(?P<formula>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\w$]))",
    re.MULTILINE | re.DOTALL,
)
_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
_FORMULA = "formula"
_INDENT = 4


class Lesson:
    """Markdown to be printed on a console: `console.print(Lesson(text))`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _Markdown(with_unicode(self.text, options.max_width - _INDENT), hyperlinks=False, code_theme="ansi_dark")


def show_lesson(text: str, console: Console) -> None:
    """Print the Markdown `text`; every line ends within the console's width."""
    # A console that wraps softly hands lines over whole, and Rich then cuts what is beyond the edge.
    console.print(Lesson(text), soft_wrap=False)


def with_unicode(text: str, width: int = 76) -> str:
    """The Markdown with Unicode in place of LaTeX: formulas in the text, and blocks of at most `width`."""
    return _PARTS.sub(lambda match: _replaced(match, width), text)


def _replaced(match: re.Match[str], width: int) -> str:
    block = match["shown"] or (match["code"] if match["info"] is not None and match["info"].strip() == "math" else "")
    within = match["exact"] or match["formula"]
    try:
        if block:
            rows = "\n".join(display(block.strip(), width))
            return f"\n```{_FORMULA}\n{rows}\n```\n" if match["block"] else f"```{_FORMULA}\n{rows}\n```"
        if within:
            return _SPECIAL.sub(r"\\\1", inline(within))
    except Unreadable:
        pass  # its author wrote LaTeX, and its author's reader gets that
    return match[0]


class _Code(CodeBlock):
    """Code, or the lines of a formula; what is too long goes on in the next line, broken between words."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = str(self.text).rstrip("\n")
        if self.lexer_name == _FORMULA:
            yield Padding(Text(text, style="bold", no_wrap=True), (0, 0, 0, _INDENT))
            return
        width = options.max_width - _INDENT
        rows = [part for row in text.split("\n") for part in broken(row, width)]
        code = Syntax("\n".join(rows), self.lexer_name, theme=self.theme, background_color="default")
        yield Padding(code, (0, 0, 0, _INDENT))


def broken(row: str, width: int) -> list[str]:
    """A line of code as lines of at most `width`, broken between words."""
    if cell_len(row) <= width:
        return [row]
    indent = len(row) - len(row.lstrip()) + 2
    return textwrap.wrap(
        row,
        width,
        subsequent_indent=" " * indent,
        drop_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


class _Table(TableElement):
    """A table, or, where its words would not fit side by side, each row as a paragraph of its own."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heads = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        columns = [[head, *(row[i] for row in rows)] for i, head in enumerate(heads)]
        measured = [[Measurement.get(console, options, cell) for cell in column] for column in columns]
        least = [max(found.minimum for found in column) for column in measured]
        most = [max(found.maximum for found in column) for column in measured]
        widths = _widths(least, most, options.max_width - 2 * (len(columns) - 1))
        if widths is None:
            yield from _paragraphs(heads, rows)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="markdown.table.header")
        for head, width in zip(heads, widths, strict=True):
            table.add_column(head, width=width)
        for row in rows:
            table.add_row(*row)
        yield table


def _widths(least: list[int], most: list[int], room: int) -> list[int] | None:
    """The columns' widths, the widest narrowed until all fit; None where a word would have to be broken."""
    widths = list(most)
    while sum(widths) > room:
        able = [i for i, width in enumerate(widths) if width > least[i]]
        if not able:
            return None
        widths[max(able, key=widths.__getitem__)] -= 1
    return widths


def _paragraphs(heads: list[Text], rows: list[list[Text]]) -> RenderResult:
    if heads[0].plain.strip():
        yield Text(f"{heads[0].plain}:", style="dim")
    for row in rows:
        yield Text.assemble(row[0], style="bold")
        for head, cell in zip(heads[1:], row[1:], strict=True):
            if cell.plain.strip():
                label = (head.plain, "dim") if head.plain.strip() else ""
                yield Padding(Text.assemble(label, ": " if label else "", cell), (0, 0, 0, 2))


class _Picture(ImageItem):
    """What the picture shows, and where it is."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(f"(picture: {self.text}; lessons/{self.destination})", style="italic", end="")


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
        "table_open": _Table,
        "image": _Picture,
    }
