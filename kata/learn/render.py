"""Messages and summaries in colour, on a terminal; plain lines elsewhere, by Rich's own rules."""

from rich.console import Console
from rich.markup import escape


def show_message(message: str, console: Console) -> None:
    """A failure's message, its labels dim and the two values in colour."""
    heading, *rows = message.splitlines()
    console.print(f"[bold red]{escape(heading)}[/bold red]")
    styles = {"expected": "green", "yours": "red", "mistake": "bold yellow", "next": "cyan"}
    label = ""
    for row in rows:
        label = row[2:11].strip() or label
        console.print(f"[dim]{escape(row[:12])}[/dim][{styles.get(label, 'default')}]{escape(row[12:])}[/]")


def show_lines(lines: list[str], console: Console) -> None:
    """The summary, bars and next step in colour."""
    for line in lines:
        text = escape(line).replace("█", "[green]█[/green]").replace("░", "[dim]░[/dim]")
        if line.startswith("Next:"):
            text = f"[bold]{text}[/bold]"
        console.print(text)
