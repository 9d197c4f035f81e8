"""A verdict as HTML: what is said of a kata, and what differs between expected and yours marked. Every text escaped."""

import difflib
import re
from html import escape

from kata.course.curriculum import Kata
from kata.page.data import KataView, WayView
from kata.page.lesson import in_line
from kata.waist.verdict import Message, Outcome

_TOKENS = re.compile(r"[+-]?[\w.]+(?:e[+-]?\d+)?|\s+|.", re.DOTALL)
_TITLES = {
    Outcome.SOLVED: "Solved",
    Outcome.WRONG: "Not right yet",
    Outcome.TODO: "Not written yet",
    Outcome.BROKEN: "It does not run",
    Outcome.TIMEOUT: "It takes too long",
    Outcome.OUT_OF_MEMORY: "It takes too much memory",
    Outcome.CRASHED: "It took its process down",
    Outcome.READY_MADE: "Ready-made",
    Outcome.MISSING: "The file is missing",
    Outcome.INFRASTRUCTURE: "Not judged",
}
_ALONE = ("expected", "yours", "mistake", "where", "next")
"""Rows that are shown by themselves, or by something to press."""


def title_of(view: KataView, starting: str, fault: str = "") -> str:
    """The verdict in a word or two; `fault` is why the chapter's file cannot be read, and nobody is judged."""
    if fault:
        return _TITLES[Outcome.BROKEN]
    if view.outcome and not view.judging:
        return _TITLES[Outcome(view.outcome)]
    return "Getting ready …" if starting else "Judging …" if view.judging else "Not judged yet"


def tone_of(view: KataView) -> str:
    """The class of the box around it."""
    if not view.outcome or view.judging or view.outcome == Outcome.TODO:
        return "warn"
    return "good" if view.outcome == Outcome.SOLVED else "bad"


def spoken(kata: Kata, view: KataView, starting: str, fault: str = "") -> str:
    """What a screen reader is told when the verdict has changed."""
    words = f"{kata.name}: {title_of(view, starting, fault)}."
    if fault:
        return f"{words} {fault}."
    if view.message and view.outcome != Outcome.SOLVED:
        more = rows_of(view.message).get("mistake") or view.message.heading.partition(": ")[2]
        words += f" {more.rstrip('.')}."
    return words


def rows_of(message: Message) -> dict[str, str]:
    """The rows by their labels; what goes on under no label belongs to the one above."""
    found: dict[str, list[str]] = {}
    label = ""
    for row in message.rows:
        label = row.label or label
        found.setdefault(label, []).append(row.text)
    return {label: "\n".join(texts) for label, texts in found.items()}


def line_of(message: Message) -> int | None:
    """The line of the learner's file that the message names."""
    place = rows_of(message).get("where", "")
    found = re.search(r":(\d+)$", place)
    return int(found[1]) if found else None


def marked(expected: str, yours: str) -> tuple[str, str]:
    """Both as HTML, with what the other does not have marked."""
    here, there = (_TOKENS.findall(text) for text in (expected, yours))
    parts: tuple[list[str], list[str]] = ([], [])
    for kind, a, b, c, d in difflib.SequenceMatcher(None, here, there, autojunk=False).get_opcodes():
        for out, tokens in ((parts[0], here[a:b]), (parts[1], there[c:d])):
            text = escape("".join(tokens))
            out.append(text if kind == "equal" or not text else f"<mark>{text}</mark>")
    return "".join(parts[0]), "".join(parts[1])


def details(message: Message) -> str:
    """The rows of a message as HTML; expected and yours beside each other, what differs marked."""
    rows = rows_of(message)
    html = f'<p class="soft">{escape(message.heading.partition(": ")[2] or message.heading)}</p>'
    shown = [
        f'<dt>{escape(label)}</dt><dd class="{"" if label in ("law", "problem") else "value"}">{escape(text)}</dd>'
        for label, text in rows.items()
        if label not in _ALONE
    ]
    if "expected" in rows or "yours" in rows:
        expected, yours = marked(rows.get("expected", ""), rows.get("yours", ""))
        cells = [(word, text) for word, text in (("expected", expected), ("yours", yours)) if text]
        html += '<div class="beside">'
        html += "".join(f'<div><div class="soft">{w}</div><span class="value">{t}</span></div>' for w, t in cells)
        html += "</div>"
    html += f'<dl class="rows">{"".join(shown)}</dl>'
    if "mistake" in rows:
        html += f'<div class="box warn"><strong>Your mistake.</strong> {in_line(rows["mistake"])}</div>'
    return html


def ways(found: list[WayView]) -> str:
    """The right ways: what each costs, and what each does otherwise."""
    html = ""
    columns = list(found[0].counts) if found else []
    if columns:
        head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
        body = "".join(
            f"<tr><th scope='row'>{escape(way.title)}</th>"
            + "".join(f"<td>{escape(way.counts[name])}</td>" for name in columns)
            + "</tr>"
            for way in found
        )
        table = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        html += f'<div tabindex="0" role="region" aria-label="What each way costs">{table}</div>'
    for way in found:
        if way.title == "yours":
            continue
        note = f"<p>{in_line(way.note)}</p>" if way.note else ""
        html += f"<h3>{escape(way.title)}</h3>{note}{difference(way.difference)}"
    return html


def difference(text: str) -> str:
    """A text with + and - as HTML."""
    if not text:
        return '<p class="soft">The same as yours, to the letter.</p>'
    kinds = {"+": "plus", "-": "minus"}
    rows = "\n".join(
        f'<span class="{kinds[row[0]]}">{escape(row)}</span>' if row[:1] in kinds else escape(row)
        for row in text.splitlines()
    )
    return f'<pre class="diff" tabindex="0"><code>{rows}</code></pre>'
