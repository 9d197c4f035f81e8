"""How far a check is, while it runs: in a line that changes where there is a terminal, else in a line now and then."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console

EVERY = 10.0  # seconds between two lines where nothing can be redrawn

Step = Callable[[str], None]
"""Called with the name of each kata when its turn comes."""


def left(done: int, to_do: int, seconds: float) -> str:
    """About how long the rest takes if it goes on as it went; nothing before there is anything to go by."""
    if done < 1:
        return ""
    rest = seconds / done * to_do
    return f", about {round(rest)} s left" if rest < 90 else f", about {round(rest / 60)} min left"


@contextlib.contextmanager
def countdown(total: int, console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Step]:
    """Count the katas of a check on `console` (standard error, so that a pipe gets the result alone)."""
    began = last = clock()
    first: float | None = None
    at = 0

    def words(name: str) -> str:
        seconds = clock() - (first if first is not None else began)
        return f"{at}/{total}  {name} …{left(at - 2, total - at + 1, seconds)}"

    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status("starting TensorFlow …")) if console.file.isatty() else None

        def step(name: str) -> None:
            nonlocal at, last, first
            at += 1
            if at == 2:
                first = clock()  # the start of TensorFlow, and the first kata, say nothing about the others
            if status is not None:
                status.update(words(name))
            elif clock() - last >= EVERY:
                last = clock()
                console.print(f"kata: {words(name)}", markup=False)

        yield step
