"""Two laws that every kata has: its docstring's example holds, and asked again it gives the same."""

import doctest
import re
from collections.abc import Sequence
from typing import Any

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.judge.drawing import Law, count_examples, law_name, seeded
from kata.judge.likeness import alike
from kata.waist.assertions import LawViolation
from kata.waist.codec import Raised
from kata.waist.nested import map_leaves
from kata.waist.question import Answer, Answered
from kata.waist.session import REMEMBERED, RemoteName, Stopped, Talk, current, probes
from kata.waist.show import show

USUAL = 10
"""A law with so many examples has cheap ones: it is asked again. Of the others only the cheapest are."""


class CasedLaw:
    """A law that is tried on a list of cases instead of drawn examples."""

    __name__: str

    def cases(self) -> Sequence[Any]:
        """What it is tried on, the same for every implementation."""
        raise NotImplementedError

    def run(self, case: Any) -> None:
        """Try one case."""
        raise NotImplementedError

    def __call__(self) -> None:
        session = current()
        for case in self.cases():
            session.begin_example()
            session.observer(self.run, (), {"case": case}) if session.observer else self.run(case)


class DocstringExample(CasedLaw):
    """What the docstring's example prints is what the docstring shows."""

    def __init__(self, kata: Kata) -> None:
        self.__name__ = "test_the_docstring_s_example_holds"
        self._examples = doctest.DocTestParser().get_examples(curriculum.docstrings(kata))
        text = "".join(example.source for example in self._examples)
        chapter = next(chapter for chapter in curriculum.chapters() if chapter.name == kata.chapter)
        used = [other for other in chapter.katas if other == kata or re.search(rf"\b{other.name}\b", text)]
        self._katas = {other.name: RemoteName(other.key) for other in used}
        self._name = kata.name

    def cases(self) -> Sequence[Any]:
        return [None] if self._examples else []

    def run(self, case: Any) -> None:
        sources = [example.source for example in self._examples]
        found = probes("common").run_example(self._katas, sources, self._name)
        checker = doctest.OutputChecker()
        for example, got in zip(self._examples, found["printed"], strict=True):
            if not checker.check_output(example.want, got, 0):
                raise LawViolation(
                    f"The docstring's example prints something else at `{example.source.strip()}`.",
                    yours=got.strip() or "nothing",
                    expected=example.want.strip() or "nothing",
                )
        if found["left"]:
            raise LawViolation(
                "A call leaves nothing behind, but after the docstring's example a setting of the process is another.",
                yours=f"changed: {', '.join(found['left'])}",
                expected="all settings as before",
            )


class Again(CasedLaw):
    """Asked again, after other questions and in turns with another call, it gives the same: nothing is kept."""

    def __init__(self, laws: Sequence[Law]) -> None:
        self.__name__ = "test_again_gives_the_same"
        # A fifth of the time of all laws is what this may cost: what trains a model for each example is left out.
        by_count = sorted(laws, key=lambda law: -_examples_of(law))
        chosen = (law for i, law in enumerate(by_count) if i < 2 or _examples_of(law) >= USUAL)
        self._laws = {law_name(law): law for law in chosen}

    def cases(self) -> Sequence[Any]:
        return list(self._laws)

    def run(self, case: Any) -> None:
        session = current()
        if case in session.failed:
            raise Stopped(session.failed[case], f"not asked again, because {case} does not hold")
        talks = session.talks.get(case) or self._talk(case)
        if not talks:
            return  # it asks nothing
        first, second = talks[0], talks[-1]
        for talk, place, answer in _in_turns(first, second):
            before = talk.answers[place]
            if not alike(_unnumbered(answer), _unnumbered(before)):
                raise LawViolation(
                    "The same question, asked again after others, gets another answer: what is kept between calls?",
                    yours=_shown(answer),
                    expected=_shown(before),
                )

    def _talk(self, case: str) -> list[Talk]:
        """What that law asks, where it was not judged before this one."""
        session = current()
        with seeded(self._laws[case], 0, examples=lambda usual: REMEMBERED):
            count_examples(self._laws[case])
            self._laws[case]()
        talk = Talk(tuple(session.asked), tuple(session.answers))
        session.begin_example()
        return [talk] if talk.asked else []


def laws_for(kata: Kata, laws: Sequence[Law]) -> list[CasedLaw]:
    """The laws that `kata` has besides its own `laws`, which they ask again."""
    return [DocstringExample(kata), Again(laws)]


def _examples_of(law: Any) -> int:
    settings = getattr(getattr(law, "__func__", law), "_hypothesis_internal_use_settings", None)
    return settings.max_examples if settings else 1


def _in_turns(first: Talk, second: Talk) -> list[tuple[Talk, int, Answer]]:
    """Both conversations held again, a question of each in turn, on tracks of their own."""
    session = current()
    found = []
    for place in range(max(len(first.asked), len(second.asked))):
        for track, talk in enumerate((first, second)):
            if place < len(talk.asked):
                found.append((talk, place, session.put(talk.asked[place].on_track(track))))
    return found


def _unnumbered(answer: Answer) -> Answer:
    """The answer without the numbers that Keras counts up in names: `dense_3` is `dense`."""
    if isinstance(answer, Raised):
        return answer
    return Answered(map_leaves(_without_number, answer.value), answer.changed)


def _without_number(leaf: Any) -> Any:
    return re.sub(r"_\d+", "", leaf) if isinstance(leaf, str) else leaf


def _shown(answer: Answer) -> str:
    return f"raises {answer.type_name}" if isinstance(answer, Raised) else show(answer.value)
