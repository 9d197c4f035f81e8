"""Messages and summaries in colour, on a terminal; plain lines elsewhere, by Rich's own rules."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_STYLES = {"expected": "green", "yours": "red", "mistake": "bold yellow", "next": "cyan"}
_LABELS = 12  # columns that a message's labels take


def show_message(message: str, console: Console) -> None:
    """A failure's message, its labels dim and the two values in colour; on a terminal wrapped beside its labels."""
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
