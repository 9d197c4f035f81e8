"""What a watch knows: what is watched, judged, solved, focused and hinted. Data, changed by what happens.

It knows no screen, no keyboard and no process, so a terminal and a page can be two views of it: whoever runs it tells
it what happened (`saved`, `failing`, `done` …) and draws what it holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kata.course.curriculum import Kata
from kata.course.progress import Judged, Standing
from kata.judge.team import Done, Failing
from kata.learn.changes import Changed
from kata.waist.implementation import Implementation
from kata.waist.verdict import DIAGNOSABLE, DOES_NOT_LOAD, KataVerdict, Message, Outcome


class Page(StrEnum):
    """What is being read."""

    KATA = "kata"
    """The kata in focus: its verdict, and what was said."""
    LIST = "list"
    LESSON = "lesson"
    DIFFERENCE = "difference"
    PLOT = "plot"


@dataclass
class State:
    """The state of a watch.

    A kata has a verdict, is being judged, or neither (not its turn yet). One that was found solved in an earlier
    session and has not changed counts as solved from the start, and is judged again when nothing else is to do.
    """

    implementation: Implementation
    katas: list[Kata]
    focus: Kata
    stubs: set[str] = field(default_factory=set)
    """Katas of which nothing is written."""
    verdicts: dict[str, KataVerdict] = field(default_factory=dict)
    waiting: list[Kata] = field(default_factory=list)
    """To be judged, in this order; a kata stays here until it is done."""
    messages: dict[str, Message | None] = field(default_factory=dict)
    looking: set[str] = field(default_factory=set)
    """Katas whose failure is known, while the mistake behind it is still being looked for."""
    errors: dict[str, str] = field(default_factory=dict)
    """Chapters that do not load, with the reason."""
    hints: dict[str, int] = field(default_factory=dict)
    """The hint that the diagnosis chose, until it has been shown."""
    starting: str = ""
    """What the watch is still waiting for; "" when it is ready."""
    said: str = ""
    """One thing that just happened, or the hint that was asked for."""
    page: Page = Page.KATA
    top: int | None = None
    """The first line of the page that is shown; None where it has not been moved."""
    news: str = ""
    """What happened to a kata that is not in focus."""
    text: str = ""
    """What a PLOT page says."""
    visited: list[Kata] = field(default_factory=list)
    """Katas that were in focus before, the last of them last."""

    # What is known

    def is_solved(self, kata: Kata) -> bool:
        """Whether the kata is known to be solved as it stands."""
        verdict = self.verdicts.get(kata.name)
        return verdict is not None and verdict.outcome is Outcome.SOLVED

    @property
    def solved(self) -> int:
        """How many of the watched katas are."""
        return sum(map(self.is_solved, self.katas))

    def standing(self, kata: Kata) -> Standing:
        """The kata's state as it is shown in a list."""
        if kata.name in self.stubs:
            return Standing.TODO
        return Standing.SOLVED if self.is_solved(kata) else Standing.BEGUN

    def is_waiting(self, kata: Kata) -> bool:
        """Whether the kata's verdict is still to come."""
        return kata in self.waiting and kata.name not in self.verdicts

    def following(self) -> Kata | None:
        """The next kata that is not solved, after the focus and round; the focus itself where it is the only one."""
        at = self.katas.index(self.focus)
        order = self.katas[at + 1 :] + self.katas[: at + 1]
        return next((kata for kata in order if not self.is_solved(kata)), None)

    # What the judge does

    def begin(self, stubs: set[str], kept: dict[str, Judged], errors: dict[str, str]) -> None:
        """The watch starts: what is written is to be judged, what was solved counts meanwhile and comes last."""
        self.stubs, self.errors = stubs, errors
        for kata in self.katas:
            judged = kept.get(kata.name)
            if judged is not None and judged.outcome is Outcome.SOLVED:
                self.verdicts[kata.name] = KataVerdict(
                    outcome=judged.outcome, passed=judged.passed, total=judged.total, cause=""
                )
            elif kata.name in stubs:
                self.verdicts[kata.name] = _NOT_WRITTEN
        self.focus = next((kata for kata in self.katas if not self.is_solved(kata)), self.katas[0])
        written = [kata for kata in self.katas if kata.name not in stubs]
        self.waiting = sorted(written, key=lambda kata: (self.is_solved(kata), kata is not self.focus))

    def ask(self, katas: Iterable[Kata]) -> None:
        """These are to be judged next, before what was waiting; what was known of them is void."""
        now = list(katas)
        for kata in now:
            self.verdicts.pop(kata.name, None)
            self.messages.pop(kata.name, None)
            self.hints.pop(kata.name, None)
        self.looking.clear()  # whoever was looking was stopped
        written = [kata for kata in now if kata.name not in self.stubs]
        self.verdicts |= {kata.name: _NOT_WRITTEN for kata in now if kata.name in self.stubs}
        rest = [kata for kata in self.waiting if kata not in now and kata.name not in self.stubs]
        for kata in rest:
            verdict = self.verdicts.get(kata.name)
            if verdict is not None and verdict.outcome is not Outcome.SOLVED:
                # Its failure was told, but its judge was stopped before it was done.
                self.verdicts.pop(kata.name)
                self.messages.pop(kata.name, None)
        self.waiting = [*written, *rest]

    def saved(self, changes: list[Changed], stubs: set[str]) -> bool:
        """Chapters were saved, in which these are `stubs` now; whether that changes anything."""
        unreadable = {change.chapter for change in changes if change.error}
        seen = {change.chapter for change in changes} - unreadable  # of the others nothing new is known
        self.stubs = stubs | {kata.name for kata in self.katas if kata.chapter not in seen and kata.name in self.stubs}
        affected: list[Kata] = []
        for change in changes:
            self.errors.pop(change.chapter, None)
            if change.error:
                self._unreadable(change)
            own, shared = list(change.own), list(change.shared)
            if own and self.focus not in own:
                self._look_at(next((kata for kata in own if kata.name not in stubs), own[0]))
            elif shared and not own and self.focus.chapter != change.chapter:
                self._look_at(next((kata for kata in shared if not self.is_solved(kata)), shared[0]))
            affected += own + shared
        if not affected and not unreadable:
            return False
        self.open(Page.KATA)
        self.news = ""
        affected = list(dict.fromkeys(affected))
        self.ask(sorted(affected, key=lambda kata: kata != self.focus))
        return True

    def _unreadable(self, change: Changed) -> None:
        """The chapter does not load: the focus stays where it is; what was known of its katas is void."""
        self.errors[change.chapter] = change.error
        cause = f"{DOES_NOT_LOAD}{change.error}"
        for kata in self.katas:
            if kata.chapter == change.chapter and kata.name not in self.stubs:
                self.verdicts[kata.name] = KataVerdict(outcome=Outcome.BROKEN, passed=0, total=0, cause=cause)
                self.messages.pop(kata.name, None)
        self.waiting = [kata for kata in self.waiting if kata.chapter != change.chapter]

    def failing(self, event: Failing) -> None:
        """The first law of a kata that does not hold; others are still being judged."""
        if event.kata in self.looking:
            return  # another process of the judge was faster; both are in the verdict that follows
        self.looking.add(event.kata)
        verdict = self.verdicts.get(event.kata)
        if verdict is not None and verdict.outcome is Outcome.SOLVED and event.kata != self.focus.name:
            self.news = f"✗ {event.kata} fails now"
        self.messages[event.kata] = event.message
        self.verdicts[event.kata] = KataVerdict(outcome=event.outcome, passed=0, total=0, cause="")

    def done(self, event: Done) -> None:
        """The verdict on a kata. What its reader has been reading stays, and is added to."""
        kata = next(kata for kata in self.katas if kata.name == event.kata)
        told, before = event.kata in self.looking, self.is_solved(kata)
        self.looking.discard(event.kata)
        self.waiting = [other for other in self.waiting if other != kata]
        self.verdicts[event.kata] = event.verdict
        if told and event.verdict.outcome in DIAGNOSABLE:
            if event.verdict.diagnosis:
                shown = self.messages[event.kata]
                if shown is not None:
                    self.messages[event.kata] = shown.with_mistake(event.verdict.diagnosis, event.next_step)
        else:
            self.messages[event.kata] = event.message
        if event.hint is not None:
            self.hints[event.kata] = event.hint
        # Whoever reads a page goes on reading: the focus, and what it says, wait for the way back.
        if event.verdict.outcome is Outcome.SOLVED and kata == self.focus and self.page is Page.KATA:
            self.said = f"✓ {kata.name} is solved: all {event.verdict.total} laws hold."
            following = self.following()
            if following is not None:
                self._look_at(following)
                self.said += f" On to {following.name}."
            elif self.solved == len(self.katas):
                self.said += " That was the last one."
        elif event.verdict.outcome is Outcome.SOLVED and not before:
            self.news = f"✓ {kata.name} is solved"

    def lost(self) -> None:
        """The judge died before it was done."""
        cause = "the judge itself died; press r to run it again"
        for kata in self.waiting:
            if kata.name not in self.verdicts:
                self.verdicts[kata.name] = KataVerdict(outcome=Outcome.INFRASTRUCTURE, passed=0, total=0, cause=cause)
        self.waiting = []
        self.looking.clear()

    # What the reader does

    def _look_at(self, kata: Kata) -> None:
        if kata != self.focus:
            self.visited = [*(other for other in self.visited if other != kata), self.focus][-20:]
            self.focus = kata

    def next(self) -> None:
        """On to the next kata that is not solved."""
        following = self.following()
        if following is not None:
            self._look_at(following)
        self.open(Page.KATA)

    def back(self) -> None:
        """From a page to the kata; from a kata to the one before."""
        if self.page is Page.KATA and not self.said and self.visited:
            self.focus = self.visited.pop()
        self.open(Page.KATA)

    def open(self, page: Page, text: str = "") -> None:
        """Show a page, from its first line."""
        self.page, self.text, self.top, self.said = page, text, None, ""

    def say(self, text: str) -> None:
        """Say one thing beside the kata."""
        self.open(Page.KATA)
        self.said = text


_NOT_WRITTEN = KataVerdict(outcome=Outcome.TODO, passed=0, total=0, cause="not written yet")
