"""What crosses the waist: one call as data, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kata.waist.codec import Earlier, Handle, KataName, Raised, Reply, Request, Returned, pack, unpack
from kata.waist.nested import leaves, map_leaves

Known = Mapping[int, tuple[Any, Earlier]]
"""The arrays that have come back in this example, by identity: each kept alive, and what refers to it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One call across the waist, as data: call `target` (or its method `member`), or read its attribute."""

    target: Any
    member: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    read: bool = False
    starts_example: bool = False
    """Whether all that was made before is forgotten, and the random states are those of every start."""
    guarded: KataName | None = None
    """The scratch kata for which ready-made objects are looked out for during the call."""
    track: int = 0
    """Conversations on different tracks take turns without meeting: each has its objects and random states."""

    def packed(self) -> Request:
        """This question as a message; CodecError where it holds what may not cross."""
        return Request(
            target=pack(self.target),
            member=self.member,
            read=self.read,
            args=[pack(item) for item in self.args],
            kwargs={key: pack(item) for key, item in self.kwargs.items()},
            starts_example=self.starts_example,
            guarded=pack(self.guarded),
            track=self.track,
        )

    @classmethod
    def unpacked(cls, request: Request) -> "Question":
        """The question that `request` carries."""
        return cls(
            target=unpack(request.target),
            member=request.member,
            args=tuple(unpack(item) for item in request.args),
            kwargs={key: unpack(item) for key, item in request.kwargs.items()},
            read=request.read,
            starts_example=request.starts_example,
            guarded=unpack(request.guarded),
            track=request.track,
        )

    def on_track(self, track: int) -> "Question":
        """The same on another track; no guard, which is for a law's first calls."""
        return replace(self, track=track, guarded=None)

    def referring(self, known: Known) -> "Question":
        """The same with a reference for every array that is an earlier answer, so that it fits any implementation.

        What an object's type is called is left out for the same reason: its number finds it.
        """
        return replace(
            self,
            target=_referring(self.target, known),
            args=_referring(self.args, known),
            kwargs=_referring(self.kwargs, known),
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: the value as data, and the names of arguments that were changed in place."""

    value: Any
    changed: list[str]


Answer = Answered | Raised


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that is asked of many: its bytes, and those of the answer that most give."""

    question: Question
    request: bytes
    likely: bytes
    answer: Answer
    """What `likely` says. Whoever answers so is given this very object, so that nothing need be compared again."""

    def is_likely(self, data: bytes) -> bool:
        """Whether these are the bytes of the likely answer."""
        return data == self.likely


def reply_of(answer: Answer) -> Reply:
    """The answer as a message; CodecError where it holds what may not cross."""
    return answer if isinstance(answer, Raised) else Returned(pack(answer.value), answer.changed)


def answer_in(reply: Reply) -> Answer:
    """The answer that the message carries; CodecError when it is none."""
    return reply if isinstance(reply, Raised) else Answered(unpack(reply.value), reply.changed)


def _referring(value: Any, known: Known) -> Any:
    def refer(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            return known[id(leaf)][1] if id(leaf) in known else leaf
        return Handle(leaf.number, "") if isinstance(leaf, Handle) else leaf

    return map_leaves(refer, value)


def arrays_in(value: Any) -> list[np.ndarray[Any, Any]]:
    """The arrays in an answer, depth first: the order in which `Earlier` numbers them."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, np.ndarray)]
