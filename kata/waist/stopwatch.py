"""How long something may take: counted in time of the processor, so that a busy machine is nobody's fault."""

import time
from collections.abc import Callable

BY_THE_CLOCK = 4
"""So many times the limit may pass by the clock, for who waits for a processor, or sleeps."""
_FIRST_LOOK = 1.0
_LOOK_AGAIN = 0.05
_LOOK_AT_LEAST = 5.0


class Stopwatch:
    """Runs from its making; `is_over` is to be asked not before `next_look`.

    Args:
        limit: seconds of the processor.
        used: how many seconds of the processor have been used in all; None where that cannot be told: then it is the
            clock that counts.
        is_fresh: whether nothing was used before.
    """

    def __init__(self, limit: float, used: Callable[[], float | None], *, is_fresh: bool = False) -> None:
        self._limit = limit
        self._used = used
        self._began = time.monotonic()
        # Asking costs a message, and hardly any call takes long: what was used before is asked when this one does.
        # What it has used by then is not counted.
        self._before = 0.0 if is_fresh else None
        self.next_look = self._began + min(_FIRST_LOOK, limit / 2)

    def is_over(self) -> bool:
        """Whether the limit is passed; if not, when to look again is in `next_look`."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        passed, used = now - self._began, self._used()
        if used is None:
            left = self._limit - passed
        else:
            if self._before is None:
                self._before = used
            left = min(self._limit - (used - self._before), BY_THE_CLOCK * self._limit - passed)
        self.next_look = now + min(max(left, _LOOK_AGAIN), _LOOK_AT_LEAST)
        return left <= 0
