"""What a watch looks like on a terminal: one screen that fits, or lines one after the other where there is none."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.text import Text

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.learn import summary
from kata.learn.listing import MARKS
from kata.learn.reading import Lesson
from kata.learn.render import as_text, show_message
from kata.learn.state import Page, State
from kata.waist.implementation import EDITION
from kata.waist.verdict import Outcome

HOME, TO_END_OF_LINE, TO_END = "\x1b[H", "\x1b[K", "\x1b[J"
LOOKING = "looking for its name …"
FIRST = "\x1b[2J\x1b[3J"
"""Empties the screen once; from then on lines are written over each other, which does not flicker."""


@functools.cache
def has_picture(kata: str) -> bool:
    """Whether there is anything to plot of the kata."""
    from kata.learn.plot.pictures import picture_of

    try:
        picture_of(kata)
    except ValueError:
        return False
    return True


def keys(state: State) -> list[tuple[str, str]]:
    """The keys that do something now, and what."""
    kata, following = state.focus, state.following()
    written = [other for other in state.katas if other.name not in state.stubs]
    every: list[tuple[str, str, bool]] = [
        ("n", "next", following is not None and following != kata),
        ("h", "hint", bool(kata.hints)),
        ("e", "lesson", bool(kata.lesson)),
        ("l", "list", len(state.katas) > 1),
        ("p", "plot", kata.name not in state.stubs and has_picture(kata.name)),
        ("d", "compare", any(map(state.is_solved, state.katas)) and not EDITION),
        ("r", "again", kata in written and not state.starting),
        ("c", "check all", bool(written) and not state.starting),
        ("b", "back", state.page is not Page.KATA or bool(state.said or state.visited)),
        ("q", "quit", True),
    ]
    if state.page is not Page.KATA:
        return [(key, word) for key, word, applies in every if applies and key in "nhelbq"]
    return [(key, word) for key, word, applies in every if applies]


class View(Protocol):
    """What shows the state of a watch to somebody."""

    shows_all: bool
    """Whether it is to be told of every event, not only of what concerns the kata in focus."""

    def draw(self, state: State) -> None:
        """Show the state as it is now."""

    def scrolled(self, state: State, pages: int) -> None:
        """Move what is shown by `pages` screens."""

    def leave(self) -> None:
        """The watch ends."""


class Screen:
    """Draws a state on a console."""

    shows_all = False

    def __init__(self, console: Console, *, keyboard: bool) -> None:
        self._console = console
        self._keyboard = keyboard
        self._drawn = False
        self._first = self._room = self._length = 0

    def draw(self, state: State) -> None:
        """Show the state as it is now."""
        console = self._console
        head = self._lines(lambda: self._head(state))
        body = self._lines(lambda: self._body(state))
        foot = self._lines(lambda: self._foot(state, more=False))
        if not console.is_terminal:
            console.file.write("\n".join([*head, *body, *foot]) + "\n")
            console.file.flush()
            return
        room = max(console.size.height - len(head) - len(foot), 3)
        first = self._place(state, body, room)
        if len(body) > room:
            foot = self._lines(lambda: self._foot(state, more=True))
            room = max(console.size.height - len(head) - len(foot), 3)
            first = self._place(state, body, room)
        self._first, self._room, self._length = first, room, len(body)
        shown = [*head, *body[first : first + room], *foot]
        rows = f"{TO_END_OF_LINE}\n".join(shown[: console.size.height])
        console.file.write(("" if self._drawn else FIRST) + HOME + rows + TO_END_OF_LINE + TO_END)
        console.file.flush()
        self._drawn = True

    def scrolled(self, state: State, pages: int) -> None:
        """Move the page by `pages` screens, as far as there is anything."""
        top = self._first + pages * max(self._room - 1, 1)
        state.top = max(min(top, self._length - self._room), 0)

    def leave(self) -> None:
        """The watch ends: what is typed next begins on a line of its own."""
        if self._console.is_terminal:
            self._console.file.write("\n")
            self._console.file.flush()

    def _place(self, state: State, body: list[str], room: int) -> int:
        top = state.top
        if top is None:
            at = next((i for i, line in enumerate(body) if "▸" in line), 0) if state.page is Page.LIST else 0
            top = at - room // 2
        return max(min(top, len(body) - room), 0)

    def _lines(self, show: Callable[[], None]) -> list[str]:
        """What `show` prints, as lines with their colours."""
        with self._console.capture() as captured:
            show()
        text = captured.get()
        return text.removesuffix("\n").split("\n") if text else []

    # The parts

    def _head(self, state: State) -> None:
        console, kata = self._console, state.focus
        total = len(state.katas)
        progress = f"{summary.bar(state.solved, total, 16)}  {state.solved}/{total} solved"
        console.print(Text.assemble(progress, "   ", (state.news, "cyan")), overflow="ellipsis", no_wrap=True)
        line = curriculum.line_of(Path(state.implementation.folder) / f"{kata.chapter}.py", kata.name)
        place = f"{state.implementation.label}/{kata.chapter}.py" + (f":{line}" if line else "")
        title = Text.assemble((kata.name, "bold"), f"  {kata.stars}  [{self._word(state, kata)}]  {place}")
        console.print(title, overflow="ellipsis", no_wrap=console.is_terminal)

    def _word(self, state: State, kata: Kata) -> str:
        verdict = state.verdicts.get(kata.name)
        if verdict is not None:
            return verdict.outcome.value
        if state.starting:
            return "starting …"
        return "judging …" if kata in state.waiting else "not judged yet"

    def _body(self, state: State) -> None:
        pages: dict[Page, Callable[[State], None]] = {
            Page.KATA: self._kata,
            Page.LIST: self._list,
            Page.LESSON: self._lesson,
            Page.DIFFERENCE: self._difference,
            Page.PLOT: lambda state: self._console.print(state.text, markup=False),
        }
        pages[state.page](state)

    def _kata(self, state: State) -> None:
        console, kata = self._console, state.focus
        verdict, message = state.verdicts.get(kata.name), state.messages.get(kata.name)
        for chapter, error in state.errors.items():
            console.print(f"{chapter}.py does not load: {error}", style="red", markup=False)
        if state.starting:
            console.print(state.starting, style="cyan", markup=False)
        if kata.chapter in state.errors:
            pass  # nothing more can be said about it
        elif verdict is None or verdict.outcome is Outcome.TODO:
            console.print(kata.goal, markup=False)
            if verdict is not None:
                console.print("Fill in the stub and save.", markup=False)
        elif verdict.outcome is Outcome.SOLVED:
            console.print("Every law holds.", style="green")
        elif message:
            is_looking = kata.name in state.looking
            show_message(as_text(message.with_mistake(LOOKING) if is_looking else message), console)
        elif verdict.cause:
            console.print(verdict.cause, style="red", markup=False)
        if state.said:
            console.print(Lesson(state.said), style="cyan")

    def _list(self, state: State) -> None:
        titles = {chapter.name: chapter.title for chapter in curriculum.chapters()}
        chapter = ""
        for kata in state.katas:
            if kata.chapter != chapter:
                chapter = kata.chapter
                self._console.print(f"[bold]{titles[chapter]}[/bold]  [dim]{chapter}.py[/dim]")
            standing = state.standing(kata)
            pointer = "▸" if kata == state.focus else " "
            self._console.print(f"{pointer} [{MARKS[standing]}]{standing.mark}[/] {kata.name:<43}  {kata.stars}")

    def _lesson(self, state: State) -> None:
        self._console.print(Lesson(f"## {state.focus.name}\n\n{state.focus.lesson}"))

    def _difference(self, state: State) -> None:
        from kata.learn.compare import show_differences

        kata = compared(state)
        if kata is not None:
            show_differences(kata, state.implementation, self._console)
            self._console.print(f"\nWhat each costs: uv run kata compare {kata.name}", style="dim")

    def _foot(self, state: State, more: bool) -> None:
        if not self._keyboard:
            return
        shown = [*([("space", "on"), ("-", "up")] if more else []), *keys(state)]
        # Two blanks part the keys, and none of them is broken from its word.
        line = Text()
        rows: list[Text] = [line]
        for key, word in shown:
            piece = Text.assemble((key, "bold"), f" {word}", style="dim")
            if line.cell_len and line.cell_len + 2 + piece.cell_len > self._console.width:
                line = Text()
                rows.append(line)
            if line.cell_len:
                line.append("  ")
            line.append_text(piece)
        for row in rows:
            self._console.print(row, no_wrap=True)


def compared(state: State) -> Kata | None:
    """The kata that can be compared: the one in focus if it is solved, else the last that was."""
    if state.is_solved(state.focus):
        return state.focus
    solved = [kata for kata in reversed(state.visited) if state.is_solved(kata)]
    return next(iter(solved), None) or next((kata for kata in reversed(state.katas) if state.is_solved(kata)), None)
