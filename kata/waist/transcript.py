"""The conversation of one example as the lines of Python that one would write to have it again."""

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kata.waist.codec import Earlier, Handle, KataName, ProbeName, Record
from kata.waist.nested import leaves, places
from kata.waist.question import Answer, Answered, Question, arrays_in
from kata.waist.show import source

MODELS = ("Functional", "Sequential", "Model")


@dataclass(frozen=True)
class Line:
    """One call: the expression, and the name that its result is given where it is needed again."""

    question: Question
    target: str
    args: tuple[str, ...]
    result: str | None = None

    @property
    def expression(self) -> str:
        """The call, or the attribute."""
        return self.target if self.question.read else f"{self.target}({', '.join(self.args)})"

    @property
    def text(self) -> str:
        """The whole line."""
        return f"{self.result} = {self.expression}" if self.result else self.expression


def transcribe(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    name: Callable[[Any], str | None] = lambda leaf: None,
    *,
    record: Callable[[Record], str] = lambda record: record.type_name,
    taken: Iterable[str] = (),
    most: int | None = None,
    most_items: int | None = None,
) -> list[Line]:
    """Each question as a line; what an earlier one made goes by the name that is given to it there.

    Args:
        questions: in their order, from the first of the example.
        answers: what came back, as far as it did.
        name: what katas, probes and arrays are called; None where the usual text is right.
        record: what a record's type is called.
        taken: names that are not to be given to results.
        most: as in `source`; and so `most_items`.
    """
    needed = {(question.track, leaf) for question in questions for leaf in _used(question)}
    expressions: dict[tuple[int, Handle | Earlier], str] = {}
    counts: Counter[int] = Counter()  # of each track: numbers of objects and answers are its own
    names = {*taken, *keyword.kwlist, *dir(builtins)}
    lines = []
    options: Any = {"record": record, "most": most, "most_items": most_items}

    def refer(leaf: Any) -> str | None:
        if isinstance(leaf, Handle | Earlier):
            return expressions.get((question.track, _key(leaf))) or "<an object made before>"
        return name(leaf)

    for i, question in enumerate(questions):
        target = source(question.target, refer) + (f".{question.member}" if question.member else "")
        args = [source(value, refer, **options) for value in question.args]
        args += [f"{key}={source(value, refer, **options)}" for key, value in question.kwargs.items()]
        result = None
        if i < len(answers):
            found = _made(counts[question.track], answers[i])
            made = [((question.track, key), suffix) for key, suffix in found if (question.track, key) in needed]
            if made:
                result = _free(_stem(answers[i], i), names)
                names.add(result)
                expressions.update({key: result + suffix for key, suffix in made})
        counts[question.track] += 1
        lines.append(Line(question, target, tuple(args), result))
    return lines


def _key(leaf: Handle | Earlier) -> Handle | Earlier:
    return Handle(leaf.number, "") if isinstance(leaf, Handle) else leaf


def _used(question: Question) -> list[Handle | Earlier]:
    found = leaves([question.target, list(question.args), question.kwargs])
    return [_key(leaf) for leaf in found if isinstance(leaf, Handle | Earlier)]


def _made(number: int, answer: Answer) -> list[tuple[Handle | Earlier, str]]:
    """What of an answer can be referred to later, each with what is written behind the answer's name."""
    if not isinstance(answer, Answered):
        return []
    found = [(path, leaf) for path, leaf in places(answer.value)]
    numbers = {id(array): i for i, array in enumerate(arrays_in(answer.value))}
    return [
        (_key(leaf) if isinstance(leaf, Handle) else Earlier(number, numbers[id(leaf)]), "".join(path))
        for path, leaf in found
        if isinstance(leaf, Handle) or id(leaf) in numbers
    ]


def _stem(answer: Answer, number: int) -> str:
    value = answer.value if isinstance(answer, Answered) else None
    if not isinstance(value, Handle):
        return f"result{number + 1}"
    if value.type_name in MODELS:
        return "model"
    if value.type_name.endswith("Dataset"):
        return "dataset"
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.type_name).strip("_").lower()
    return words if words.isidentifier() else "made"


def _free(stem: str, names: set[str]) -> str:
    if stem not in names:
        return stem
    number = 2
    while f"{stem}_{number}" in names:
        number += 1
    return f"{stem}_{number}"


def uses_only_the_katas(question: Question) -> bool:
    """Whether whoever has the katas can ask this: no probe is in it."""
    found = leaves([question.target, list(question.args), question.kwargs])
    return not any(isinstance(leaf, ProbeName) for leaf in found)


def names_in(questions: Iterable[Question]) -> tuple[list[KataName], list[ProbeName], list[Record]]:
    """The katas, the probes and the records that the questions speak of, each once."""
    katas: dict[KataName, None] = {}
    probes: dict[ProbeName, None] = {}
    records: dict[tuple[str, tuple[str, ...]], Record] = {}
    for question in questions:
        everything = [question.target, list(question.args), question.kwargs]
        for leaf in leaves(everything):
            if isinstance(leaf, KataName):
                katas[leaf] = None
            elif isinstance(leaf, ProbeName):
                probes[leaf] = None
        for record in _records(everything):
            records[record.type_name, record.fields] = record
    return list(katas), list(probes), list(records.values())


def _records(value: Any) -> list[Record]:
    items = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list | tuple) else []
    inner = [record for item in items for record in _records(item)]
    return [value, *inner] if isinstance(value, Record) else inner
