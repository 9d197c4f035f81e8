"""The two labels that a variant of a kata carries: another right way, or a wrong turn.

They only record; `kata.course.curriculum` reads them by syntax tree, without importing anything.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Definition = TypeVar("Definition", bound=Callable[..., Any])


def approach(kata: str, *, note: str) -> Callable[[Definition], Definition]:
    """Mark another right way to write `kata`; `note` says what it costs or gains."""
    return lambda definition: definition


def misconception(
    kata: str, *, says: str, hint: int | None = None, subtle: bool = False
) -> Callable[[Definition], Definition]:
    """Mark a wrong turn in `kata`; `says` is the sentence that its author should read.

    `hint` is the number (from 1) of the kata's hint that helps most against it;
    `subtle` says that most inputs do not reveal it.
    """
    return lambda definition: definition
