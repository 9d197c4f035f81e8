"""What the page, the judge and the painter say to each other."""

import msgspec

from kata.waist.verdict import Message


class KataView(msgspec.Struct, omit_defaults=True):
    """What is known of one kata."""

    standing: str
    judging: bool = False
    looking: bool = False
    """Its failure is known; the mistake's name is still being looked for."""
    outcome: str = ""
    passed: int = 0
    total: int = 0
    cause: str = ""
    message: Message | None = None
    hint: int | None = None
    """The hint that fits the mistake."""


class View(msgspec.Struct):
    """How things stand."""

    katas: dict[str, KataView]
    errors: dict[str, str] = {}
    starting: str = ""
    said: str = ""


class Request(msgspec.Struct):
    """Draw a kata with its handles at `values`, or count what its right ways cost."""

    number: int
    kata: str
    values: dict[str, float] = {}
    ways: bool = False


class LineView(msgspec.Struct):
    """One line's points; None where there is no number to place."""

    label: str
    expected: list[list[float | None]] | None
    yours: list[list[float | None]] | None


class PanelView(msgspec.Struct):
    """One panel."""

    title: str
    x: str
    y: str
    kind: str
    scale: str
    lines: list[LineView]
    given: list[list[float | None]] | None
    window: list[float] | None


class WayView(msgspec.Struct):
    """One right way: what it says of itself, what it costs, what differs from yours."""

    title: str
    note: str
    counts: dict[str, str]
    difference: str


class Reply(msgspec.Struct):
    """The answer to the request with that number."""

    number: int
    kata: str
    setting: str = ""
    panels: list[PanelView] = []
    words: list[str] = []
    problems: list[str] = []
    ways: list[WayView] = []
    trouble: str = ""
    """Why there is nothing, when there is nothing."""
