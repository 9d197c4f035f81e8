"""What a student is told of a kata: the message that `kata check` shows, and the same without examples.

`hide_examples` is for a class whose exam is still open to others. Then nothing is said that an example could be told
from: neither what went in, what came back and what was expected, nor what a submission printed or raised, which could
quote them, nor a problem that names a drawn value. What stays is the law in words, which is the same for everybody,
the kind of the problem where it is one of those below, the mistake's name, the line and the next step. What cannot be
hidden is that a law does not hold.
"""

import builtins
import re
import unicodedata

from kata.grade.results import KataResult
from kata.learn.render import as_text
from kata.waist.verdict import DOES_NOT_LOAD, Message, Outcome, Row

MEANING = {
    Outcome.SOLVED: "Every law holds.",
    Outcome.WRONG: "It answers, but not always with what it must.",
    Outcome.TODO: "It is still the stub.",
    Outcome.BROKEN: "It raises an exception, or its chapter does not load.",
    Outcome.TIMEOUT: "It did not come back in time; most often that is a loop without an end.",
    Outcome.OUT_OF_MEMORY: "It asked for more memory than it may have.",
    Outcome.CRASHED: "Its process ended before it had answered.",
    Outcome.READY_MADE: "It hands the work to something ready-made, and is to be written without.",
    Outcome.MISSING: "It is not in what was handed in.",
    Outcome.INFRASTRUCTURE: "It could not be judged. That is not your fault, and no zero: it will be judged again.",
}

_SHOWN_ALWAYS = ("law", "problem", "mistake", "where", "next")
_GENERAL = "What came back is not what the law asks for."
# What the assertions say (kata/waist/assertions.py) and the laws of every kata, without the place it is about.
_KINDS = (
    r"The value is wrong\.",
    r"The result has the wrong (shape|dtype)\.",
    r"(A tensor|One number) must come back\.",
    r"There is a NaN where a number must be\.",
    r"There is an infinity where a finite number must be\.",
    r"The result is not what it must be\.",
    r"Bad input must (be refused|raise a ValueError)\.",
    r"The message must name the argument `[a-z_]+`\.",
    r"The kata changes its input in place \([a-z_, ]*\); whoever calls it still needs it\.",
    r"None came back: the result is cut off from its input, or a `return` is missing\.",
    r"\w+ returns None: (is a `return` missing\?|there is no `return` in it)",
    r"The same input gives different results from one call to the next\.",
)
_OURS = (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.TODO, Outcome.MISSING, Outcome.INFRASTRUCTURE)
"""Outcomes whose cause is in our words alone."""


def message_of(result: KataResult, *, hide_examples: bool = False) -> str:
    """The message as plain text of a dozen lines; where there is none, the cause; empty for what is solved."""
    if result.outcome is Outcome.SOLVED:
        return ""
    message = result.message
    if message is None:
        return cause_of(result, hide_examples=hide_examples)
    if result.diagnosis and all(row.label != "mistake" for row in message.rows):
        message = message.with_mistake(result.diagnosis)
    if hide_examples:
        message = _without_examples(message, result)
    return plain(as_text(message))


def cause_of(result: KataResult, *, hide_examples: bool = False) -> str:
    """Why it is not solved, in a line."""
    return plain(_kind(result.cause, result) if hide_examples else result.cause)


def printed_by(result: KataResult) -> str:
    """What the submission printed on the way, as far as the message shows it."""
    rows = result.message.rows if result.message else ()
    return "\n".join(plain(row.text) for label, row in _labelled(rows) if label == "printed")


def plain(text: str) -> str:
    """`text` without control characters, which a terminal, XML or a page would act upon; lines and tabs stay."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text)


def _labelled(rows: tuple[Row, ...]) -> list[tuple[str, Row]]:
    """Each row with the label that it goes on with."""
    found: list[tuple[str, Row]] = []
    for row in rows:
        found.append((row.label or (found[-1][0] if found else ""), row))
    return found


def _without_examples(message: Message, result: KataResult) -> Message:
    rows = [
        Row("problem", _kind(row.text, result)) if row.label == "problem" else row
        for label, row in _labelled(message.rows)
        if label in _SHOWN_ALWAYS and (row.label or label != "problem")
    ]
    heading = message.heading
    if not rows:  # a message of one line, which is the cause
        name, _, rest = heading.partition(": ")
        heading = f"{name}: {_kind(rest, result)}"
    return Message(heading, tuple(rows))


def _kind(cause: str, result: KataResult) -> str:
    """The kind of the problem, if it is one that cannot quote an example."""
    if result.outcome in _OURS or not cause:
        return cause
    if cause.startswith(DOES_NOT_LOAD):
        return cause  # before anything was asked
    if result.outcome is Outcome.CRASHED:
        died = re.match(r"its process (died of SIG[A-Z]+|ended itself \(exit status \d+\))", cause)
        return died[0] if died else "its process ended before it had answered"
    if result.outcome is Outcome.READY_MADE:
        used = re.match(r"uses the ready-made [A-Za-z_.]+", cause)
        return used[0] if used else "uses something ready-made"
    if raised := re.search(r"\braises (\w+)", cause):
        is_known = hasattr(builtins, raised[1]) or re.fullmatch(r"[A-Z][A-Za-z]+Error", raised[1])
        return f"raises {raised[1]}" if is_known else "raises an exception"
    return next((found[0] for kind in _KINDS if (found := re.search(rf"(?<!\S){kind}", cause))), _GENERAL)
