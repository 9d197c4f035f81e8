"""Messages and summaries in colour, on a terminal; plain lines elsewhere, by Rich's own rules."""

import textwrap

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kata.waist.show import shorten
from kata.waist.verdict import Message, Row

_STYLES = {"expected": "green", "yours": "red", "mistake": "bold yellow", "next": "cyan"}
_LABELS = 12  # columns that a message's labels take
_WIDTH = 98
"""Characters beside the label: a row of a message has at most 110 columns."""
_MOST_LINES = 12
_MOST_OF_A_ROW = 3


def as_text(message: Message | None) -> str:
    """The message as plain text of at most a dozen lines, one or two more where the mistake has a name."""
    if message is None:
        return ""
    lines = [(row, _lines(row)) for row in message.rows]
    needed = sum(len(texts) for row, texts in lines if not row.is_optional and row.label != "mistake")
    room = max(0, _MOST_LINES - 1 - needed)
    shown = [message.heading]
    for row, texts in lines:
        shown += texts[:room] if row.is_optional else texts
        room -= len(texts) if row.is_optional else 0
        room = max(room, 0)
    return "\n".join(shown)


def _lines(row: Row) -> list[str]:
    """A row beside its label, wrapped; what does not fit ends in `…`."""
    if not row.label and row.text.startswith("    "):
        return [f"  {'':<9} {row.text}"]  # a line of source keeps its indentation
    if row.label in ("script", "next"):
        return [f"  {row.label:<9} {row.text}"]  # a command is one line, however long the folder's name
    text = " ".join(row.text.split()) if "\n" in row.text else row.text
    lines = textwrap.wrap(text, _WIDTH, break_on_hyphens=False)
    if len(lines) > _MOST_OF_A_ROW:
        lines = [*lines[: _MOST_OF_A_ROW - 1], shorten(lines[_MOST_OF_A_ROW - 1], _WIDTH - 2) + " …"]
    return [f"  {row.label if i == 0 else '':<9} {part}" for i, part in enumerate(lines)]


def show_message(message: str, console: Console) -> None:
    """A message's text, its labels dim and the two values in colour; on a terminal wrapped beside its labels."""
    heading, *rows = message.splitlines()
    console.print(Text(heading, style="bold red"), soft_wrap=not console.is_terminal)
    label = ""
    for row in rows:
        label = row[2:11].strip() or label
        head, text = Text(row[:_LABELS], style="dim"), Text(row[_LABELS:], style=_STYLES.get(label, ""))
        if not console.is_terminal or len(row) <= console.width:
            console.print(head + text, soft_wrap=True)
            continue
        beside = Table.grid()
        beside.add_column(width=_LABELS, no_wrap=True)
        beside.add_column(overflow="fold")
        beside.add_row(head, text)
        console.print(beside, soft_wrap=False)


def show_lines(lines: list[str], console: Console) -> None:
    """The summary, bars and next step in colour."""
    for line in lines:
        text = escape(line).replace("█", "[green]█[/green]").replace("░", "[dim]░[/dim]")
        if line.startswith("Next:"):
            text = f"[bold]{text}[/bold]"
        console.print(text)
