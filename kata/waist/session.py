"""The waist: how a test reaches the implementation under test, wherever it lives.

`chapter("ch02_losses")` and `probes("common")` are lazy names. Nothing of an implementation is loaded until
a law calls one of its katas, and then only through the session's backend: in this process (`InProcess`) or
in a child of the worker (`kata.waist.isolated`). Data goes in, data comes out.
"""

import contextlib
import importlib.util
import re
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kata.waist import ready_made
from kata.waist.assertions import ImplementationError, LawViolation
from kata.waist.codec import Earlier, Handle, KataName, ProbeName, Raised, Tensor
from kata.waist.implementation import Implementation
from kata.waist.nested import map_leaves
from kata.waist.question import Answer, Prepared, Question, arrays_in
from kata.waist.show import MOST_SHOWN, shorten
from kata.waist.transcript import Line, transcribe, uses_only_the_katas
from kata.waist.verdict import DOES_NOT_LOAD, Outcome

MAX_CALLS_SHOWN = 4
REMEMBERED = 2
"""Of each law: how many examples are remembered, to be asked again."""
MAX_CALL = 190
"""Characters of a call that is shown: two rows."""
GUARDED_CALLS = 3
"""Of a law: how many calls are looked at while they run; the text is read in any case."""


class Stopped(BaseException):
    """The law cannot go on, and no smaller input would help: a death, a loop, a chapter that does not load.

    A BaseException, so that Hypothesis neither shrinks it nor a law catches it.
    """

    def __init__(self, outcome: Outcome, cause: str, *, line: int | None = None, trace: str = "") -> None:
        super().__init__(cause)
        self.outcome = outcome
        self.cause = cause
        self.line = line
        self.trace = trace


class Backend:
    """Where an implementation lives."""

    @property
    def printed(self) -> str:
        """What the implementation printed since the law began, capped."""
        return ""

    def begin(self, kata: KataName) -> None:
        """A law of `kata` begins."""

    def renew(self) -> None:
        """What is asked next is asked of a fresh process, where there are processes."""

    def ask(self, question: Question) -> Answer:
        """Answer one question; Stopped when the implementation did not live to answer."""
        raise NotImplementedError

    def converse(self, questions: Iterator[Question]) -> Generator[Answer, None, None]:
        """Answer questions in order, perhaps before each is waited for; Stopped as with `ask`."""
        for question in questions:
            yield self.ask(question)

    def converse_prepared(self, questions: Iterator[Prepared]) -> Generator[Answer, None, None]:
        """As `converse`; an answer that is the likely one may be that very object."""
        return self.converse(each.question for each in questions)

    def close(self) -> None:
        """Let everything go."""


class InProcess(Backend):
    """The implementation in this very process: for tracebacks, prints and a debugger."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self._host: Any = None

    def begin(self, kata: KataName) -> None:
        self.start()  # now, so that TensorFlow's import is not counted as the law's time

    def start(self) -> None:
        """Import TensorFlow and run its first operation, unless that is done."""
        if self._host is None:
            from kata.waist.tensorflow_start import first_operation, import_tensorflow

            import_tensorflow()
            first_operation()
            from kata.waist.host import Host

            self._host = Host(self._implementation)

    def ask(self, question: Question) -> Answer:
        self.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pytest makes warnings errors; in a process of its own a kata may warn
            answer: Answer = self._host.perform(question)
            return answer

    def close(self) -> None:
        self._host = None


class Talk(NamedTuple):
    """One example's conversation."""

    asked: tuple[Question, ...]
    answers: tuple[Answer, ...]


@dataclass
class Session:
    """One implementation under test, and what has crossed the waist in the current example."""

    implementation: Implementation
    backend: Backend
    scratch: frozenset[str] = frozenset()
    """Names of the katas for which ready-made objects are looked out for."""
    kata: KataName | None = None
    calls: list[Question] = field(default_factory=list)
    """What the current example has asked, with every value in it: to be shown."""
    asked: list[Question] = field(default_factory=list)
    """The same as it crossed the waist, with references to earlier answers: to be asked of others, or again."""
    answers: list[Answer] = field(default_factory=list)
    """What came back for each of `asked`, but for one that was not lived to be answered."""
    talks: dict[str, list[Talk]] = field(default_factory=dict)
    """The first examples of each law of this kata that holds, by the law's name: to be asked again."""
    failed: dict[str, Outcome] = field(default_factory=dict)
    """The laws of this kata that do not hold, by name."""
    examples: int = 0
    observer: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any] | None = None
    """Called in place of a law's body on each of its examples, with the body and what was drawn for it."""
    keeps: Path | None = None
    """The folder in which the case is kept on which a law failed; None to keep none."""
    error: BaseException | None = None
    """What ended the latest law that does not hold, for those who ask for its traceback."""
    given_up: dict[KataName, Outcome] = field(default_factory=dict)
    """Katas of which a law ran out of time or memory: their other laws are not waited for."""
    _known: dict[int, tuple[Any, Earlier]] = field(default_factory=dict)
    _guarded: int = 0
    _law: str = ""

    def begin_law(self, kata: KataName, law: str = "") -> None:
        """A law of `kata`, of this name, begins: nothing of earlier laws is left but what they talked about.

        Raises:
            Stopped: it cannot: the text uses what is ready-made, or there is no process to answer.
        """
        if kata != self.kata:
            self.talks.clear()
            self.failed.clear()
        self.kata = kata
        self.examples = 0
        self._law = law
        self._guarded = 0
        self._new_example()
        found = self.ready_made_in(kata)
        if found is not None:
            raise self._failure(found)
        self.backend.begin(kata)

    def end_law(self, outcome: Outcome) -> None:
        """The law has been judged."""
        self._remember()
        if outcome is Outcome.SOLVED:
            self.failed.pop(self._law, None)
        else:
            self.failed[self._law] = outcome
            self.talks.pop(self._law, None)

    def begin_example(self) -> None:
        """The law runs on its next example."""
        self.examples += 1
        self._new_example()

    def _remember(self) -> None:
        talks = self.talks.setdefault(self._law, [])
        if len(talks) < REMEMBERED and self.asked and len(self.answers) == len(self.asked):
            talks.append(Talk(tuple(self.asked), tuple(self.answers)))

    def _new_example(self) -> None:
        if self.examples > 1:
            self._remember()
        self.calls.clear()
        self.asked.clear()
        self.answers.clear()
        self._known.clear()

    def ask(self, target: Any, member: str | None, args: Any, kwargs: Any, *, read: bool = False) -> Any:
        """Put one question across the waist and return the answer as data.

        Raises:
            ImplementationError: what the implementation raised.
            LawViolation: it changed an argument in place, or answered what is no data.
            Stopped: it did not live to answer, has not been written, or uses what is ready-made.
        """
        question = Question(
            _outgoing(target),
            member,
            _outgoing(tuple(args)),
            _outgoing(kwargs),
            read=read,
            starts_example=not self.calls,
            guarded=self._guard(),
        )
        self.calls.append(question)
        answer = self.put(question.referring(self._known))
        if isinstance(answer, Raised):
            raise self._failure(answer)
        if answer.changed:
            raise LawViolation(
                f"The kata changes its input in place ({', '.join(answer.changed)}); whoever calls it still needs it."
            )
        value = _incoming(answer.value)
        for i, array in enumerate(arrays_in(value)):
            array.flags.writeable = False  # it stands for what is kept over there
            self._known[id(array)] = array, Earlier(len(self.asked) - 1, i)
        return value

    def put(self, question: Question) -> Answer:
        """Put a question as it is, whose answer may be an exception."""
        self.asked.append(question)
        answer = self.backend.ask(question)
        self.answers.append(answer)
        return answer

    def _guard(self) -> KataName | None:
        if self.kata is None or self.kata.name not in self.scratch or self._guarded >= GUARDED_CALLS:
            return None
        self._guarded += 1
        return self.kata

    def ready_made_in(self, kata: KataName) -> Raised | None:
        """What the text of the implementation's `kata`, if that is a scratch kata, uses or reaches for in vain."""
        if kata.name not in self.scratch:
            return None
        path, name = self.implementation.definition(kata)
        try:
            source = importlib.util.decode_source(path.read_bytes())  # as Python itself will
        except (OSError, UnicodeDecodeError, SyntaxError, LookupError):
            return None  # said when the chapter is loaded
        found = ready_made.find(source, kata.name, name)
        return Raised("ready_made", "ReadyMade", *found, "") if found else None

    def _failure(self, raised: Raised) -> BaseException:
        line, trace = raised.line, raised.trace
        at = f" (line {line})" if line else ""
        match raised.kind:
            case "todo":
                return Stopped(Outcome.TODO, "not written yet", line=line)
            case "load":
                cause = f"{DOES_NOT_LOAD}{raised.type_name}: {shorten(raised.text)}{at}"
                return Stopped(Outcome.BROKEN, cause, line=line, trace=trace)
            case "missing":
                # A chapter that was not handed in is something else than one in which a kata was renamed.
                absent = raised.type_name == "FileNotFoundError"
                return Stopped(Outcome.MISSING if absent else Outcome.BROKEN, raised.text)
            case "ready_made":
                if ready_made.is_meddling(raised.text):
                    cause = f"reaches for {raised.text}{at}, which could undo the look-out for ready-made objects"
                else:
                    cause = f"uses the ready-made {raised.text}{at}: this kata is to be written from tensor operations"
                return Stopped(Outcome.READY_MADE, cause, line=line)
            case "memory":
                return Stopped(Outcome.OUT_OF_MEMORY, f"asked for more memory than it may have{at}", line=line)
            case "unfit":
                return LawViolation(f"What came back cannot be judged: {raised.text}.")
        return ImplementationError(raised.type_name, raised.text, line, trace, bases=tuple(raised.bases))

    def shown_calls(self) -> tuple[list[str], bool]:
        """The calls of the current example as one would write them, the last few of them.

        And whether this is the whole of it, so that who pastes it has the failing case again.
        """
        calls = self.calls or self.asked
        lines = [line for line in _short_enough(calls, self.answers) if not line.question.read or line.result]
        shown = _shown(lines)
        left_out = len(lines) - len(shown)
        texts = [shorten(line.text, MAX_CALL) if len(line.text) > MAX_CALL else line.text for line in shown]
        whole = left_out == 0 and not any("…" in text or ">" in text for text in texts)
        if left_out:
            texts.insert(-MAX_CALLS_SHOWN + 1, f"(and {left_out} {'call' if left_out == 1 else 'calls'} not shown)")
        return texts, whole and all(map(uses_only_the_katas, calls))


def _short_enough(calls: list[Question], answers: list[Answer]) -> list[Line]:
    """Every call as a line; in one that would be too long its larger arrays are left out."""
    written = []
    for most, items in ((MOST_SHOWN, MOST_SHOWN), (6, MOST_SHOWN), (0, MOST_SHOWN), (0, 4), (0, 0)):
        written.append(transcribe(calls, answers, most=most, most_items=items))
        if all(len(line.text) <= MAX_CALL for line in written[-1]):
            break
    return [next((way for way in ways if len(way.text) <= MAX_CALL), ways[-1]) for ways in zip(*written, strict=True)]


def _shown(lines: list[Line]) -> list[Line]:
    """The last calls, and those that made what the last one needs."""
    if len(lines) <= MAX_CALLS_SHOWN:
        return lines
    needed = {len(lines) - 1}
    for i in range(len(lines) - 2, -1, -1):
        if len(needed) < MAX_CALLS_SHOWN and lines[i].result and any(_mentions(lines[j], lines[i]) for j in needed):
            needed.add(i)
    for i in range(len(lines) - 2, -1, -1):
        if len(needed) < MAX_CALLS_SHOWN:
            needed.add(i)
    return [lines[i] for i in sorted(needed)]


def _mentions(line: Line, earlier: Line) -> bool:
    return bool(re.search(rf"\b{re.escape(earlier.result or '')}\b", line.expression))


_sessions: list[Session] = []


@contextlib.contextmanager
def use(session: Session) -> Iterator[Session]:
    """Make `session` the one that `chapter` and `probes` speak to."""
    _sessions.append(session)
    try:
        yield session
    finally:
        _sessions.remove(session)


def current() -> Session:
    """The session in use.

    Raises:
        RuntimeError: outside a judged law.
    """
    if not _sessions:
        raise RuntimeError("no implementation is under test here: katas are called from laws, which pytest runs")
    return _sessions[-1]


class RemoteName:
    """Something over there that can be called, or whose members can be: a kata, a probe, a live object."""

    __slots__ = ("_name",)

    def __init__(self, name: KataName | ProbeName | Handle) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return current().ask(self, None, args, kwargs)

    def __getattr__(self, name: str) -> "Member":
        if name.startswith("_"):
            raise AttributeError(name)
        return Member(self, name)

    def __repr__(self) -> str:
        return f"<{getattr(self._name, 'name', None) or self.type_name}>"

    @property
    def type_name(self) -> str:
        """The name of the object's type, or of the kata."""
        return self._name.type_name if isinstance(self._name, Handle) else self._name.name


@dataclass(frozen=True, slots=True)
class Member:
    """A method of something over there."""

    owner: RemoteName
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return current().ask(self.owner, self.name, args, kwargs)


class Remote(RemoteName):
    """An object that a kata made and that stays where it is."""

    __slots__ = ()


@dataclass(frozen=True)
class _Names:
    """`losses.huber`: any name of a chapter, or of a module of probes."""

    _kind: type[KataName] | type[ProbeName]
    _module: str

    def __getattr__(self, name: str) -> RemoteName:
        if name.startswith("__"):
            raise AttributeError(name)
        return RemoteName(self._kind(self._module, name))


def chapter(name: str) -> Any:
    """The katas of chapter `name` (such as `"ch02_losses"`), in whatever implementation is under test."""
    return _Names(KataName, name)


def probes(module: str) -> Any:
    """The functions of `tests/probes/<module>.py`, which run beside the implementation."""
    return _Names(ProbeName, module)


def tensor(value: Any, dtype: Any = None) -> Tensor:
    """`value` as an array that reaches the kata as a `tf.Tensor`."""
    return np.array(value, dtype=dtype).view(Tensor)


def read(remote: Remote, name: str) -> Any:
    """The attribute `name` of a live object, as data."""
    return current().ask(remote, name, (), {}, read=True)


def _outgoing(value: Any) -> Any:
    return map_leaves(lambda leaf: leaf._name if isinstance(leaf, RemoteName) else leaf, value)


def _incoming(value: Any) -> Any:
    return map_leaves(lambda leaf: Remote(leaf) if isinstance(leaf, Handle) else leaf, value)
