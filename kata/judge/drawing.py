"""A law as Hypothesis runs it: which examples it draws, and where each of them begins."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import Phase, settings

from kata.waist.session import current

Law = Callable[[], object]
"""A law, ready to run: a bound test method, with `@given` or without."""

GENERATE_ONLY = (Phase.explicit, Phase.generate)
"""Where whether a law fails, or what it asks, is all that matters."""


def law_name(law: Law) -> str:
    """The name of `law`, such as `test_is_the_mean`."""
    return str(law.__name__)


def count_examples(law: Law) -> None:
    """Let a `@given` law tell the session where each of its examples begins."""
    handle = getattr(law, "hypothesis", None)
    if handle is None or getattr(handle.inner_test, "tells_session", False):
        return
    inner = handle.inner_test

    @functools.wraps(inner)
    def told(*args: Any, **kwargs: Any) -> Any:
        session = current()
        session.begin_example()
        return session.observer(inner, args, kwargs) if session.observer else inner(*args, **kwargs)

    told.tells_session = True  # type: ignore[attr-defined]
    handle.inner_test = told


@contextlib.contextmanager
def seeded(
    law: Law, seed: int, *, examples: Callable[[int], int] = lambda usual: usual, shrink: bool = False
) -> Iterator[None]:
    """Meanwhile `law` draws the examples of `seed`, so many of them, and remembers nothing; nor does it shrink."""
    function: Any = getattr(law, "__func__", law)
    if not hasattr(function, "hypothesis"):
        yield
        return
    before = function._hypothesis_internal_use_seed, function._hypothesis_internal_use_settings
    function._hypothesis_internal_use_seed = seed
    function._hypothesis_internal_use_settings = settings(
        before[1],
        phases=(*GENERATE_ONLY, Phase.shrink) if shrink else GENERATE_ONLY,
        database=None,
        max_examples=examples(before[1].max_examples),
    )
    try:
        yield
    finally:
        function._hypothesis_internal_use_seed, function._hypothesis_internal_use_settings = before
