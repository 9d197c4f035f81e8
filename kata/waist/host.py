"""The implementation's side of the waist: loads chapters, calls what is asked for, turns results into data.

In process it runs beside the tests; isolated it is all that runs in a worker's child. TensorFlow is
imported here and nowhere else in the tool.
"""

import builtins
import contextlib
import errno
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import random
import sys
import traceback
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kata.waist import error_text, ready_made
from kata.waist.codec import (
    MAX_BASES,
    MAX_MESSAGE,
    MAX_NAME,
    Earlier,
    Handle,
    KataName,
    ProbeName,
    Raised,
    Record,
    Reply,
    Request,
    Tensor,
    VariantName,
    clean_text,
    dtype_name,
)
from kata.waist.guard import Guard
from kata.waist.implementation import Implementation
from kata.waist.intact import Intact
from kata.waist.nested import agree, map_leaves
from kata.waist.question import Answer, Answered, Question, arrays_in, reply_of
from kata.waist.sources import Sources

tf.get_logger().setLevel("ERROR")  # laws trace on purpose; "5 out of the last 5 calls … retracing" helps nobody

MAX_TEXT = 4_000  # characters of an exception's text that cross
MAX_TRACE = 8_000
_BUILT_IN = frozenset(id(value) for value in vars(builtins).values() if isinstance(value, type))


class Stop(Exception):
    """A call that cannot go on for a reason of our own naming."""

    def __init__(self, raised: Raised) -> None:
        super().__init__(raised.text)
        self.raised = raised


@dataclass
class _Track:
    """One conversation: the objects and arrays that have come of it, and its random states while others talk."""

    objects: dict[int, Any] = field(default_factory=dict)
    answers: list[list[np.ndarray[Any, Any]]] = field(default_factory=list)
    states: tuple[Any, Any] | None = None


_Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Host:
    """One implementation: its chapters as they are loaded, and the objects that its katas have made.

    Args:
        implementation: which one.
        sources: the text of its files, where it is not to be read from them.
    """

    def __init__(self, implementation: Implementation, sources: Sources | None = None) -> None:
        self.implementation = implementation
        self._sources = sources
        if sources is not None:
            sys.meta_path.append(_Siblings(Path(implementation.folder), sources))
        self._modules: dict[Path, ModuleType] = {}
        self._tracks: dict[int, _Track] = {}
        self._track = _Track()
        self._guard: Guard | None = None
        self._intact = Intact() if sources is not None else None

    # Loading

    def _load(self, path: Path) -> ModuleType:
        if path in self._modules:
            return self._modules[path]
        # Compiled from the text, not from a cached .pyc: a file saved twice in a second is read twice.
        name = f"kata_subject.{path.parent.name}.{path.stem}"
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        linecache.checkcache(str(path))
        try:
            source = self._text(path)
            if self._sources is not None:
                module.__loader__ = _Text(source)
            exec(_compiled(source, path), module.__dict__)
        except Stop:
            raise
        except FileNotFoundError as error:
            if error.filename != str(path):
                raise Stop(self._describe(error, "load")) from error
            text = f"there is no file {path.name} in {path.parent.name}/"
            raise Stop(Raised("missing", "FileNotFoundError", text, None, "")) from error
        except (KeyboardInterrupt, ready_made.ReadyMade):
            raise
        except BaseException as error:
            raise Stop(self._describe(error, "load")) from error
        self._modules[path] = module
        _run_graphs_as_graphs()
        return module

    def _text(self, path: Path) -> bytes:
        if self._sources is None:
            return path.read_bytes()
        if str(path) in self._sources.refused:
            raise Stop(Raised("load", "OSError", self._sources.refused[str(path)], None, ""))
        text = self._sources.texts.get(str(path))
        if text is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        _show_lines_of(path, text)
        return text

    def resolve(self, target: KataName | VariantName) -> Any:
        """The definition that goes by `target` in this implementation."""
        if isinstance(target, VariantName):
            path, name = Path(target.path), target.name
        else:
            path, name = self.implementation.definition(target)
        module = self._load(path)
        try:
            return getattr(module, name)
        except AttributeError:
            text = f"{path.name} defines no {name}; was it renamed or deleted?"
            raise Stop(Raised("missing", "AttributeError", text, None, "")) from None

    # Data in, data out

    def _bring(self, value: Any) -> Any:
        """What the implementation receives for `value`: arrays as copies of its own."""
        return map_leaves(self._bring_leaf, value, record=lambda record, items: self._record_type(record)(*items))

    def _bring_leaf(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return tf.convert_to_tensor(np.array(value, subok=False))
        if isinstance(value, np.ndarray):
            return np.array(value)
        if isinstance(value, KataName | VariantName):
            return self.resolve(value)
        if isinstance(value, ProbeName):
            return getattr(importlib.import_module(f"tests.probes.{value.module}"), value.name)
        if isinstance(value, Handle):
            if value.number not in self._track.objects:
                raise Stop(Raised("missing", "KeyError", "there is no such object", None, ""))
            return self._track.objects[value.number]
        return value

    def _record_type(self, record: Record) -> Any:
        """The NamedTuple of that name and fields in a loaded chapter, or else one just like it."""
        for module in self._modules.values():
            found = getattr(module, record.type_name, None)
            if isinstance(found, type) and getattr(found, "_fields", None) == record.fields:
                return found
        return namedtuple(record.type_name, record.fields, rename=True)

    def _send(self, value: Any) -> Any:
        """`value` as data; what is no data stays here and is sent as a handle."""
        kind = type(value)
        if kind in (str, list, tuple, dict):
            _refuse_huge(len(value))  # a byte for each at least
        if value is None or kind in (bool, int, float, str):
            return value
        if isinstance(value, tf.Variable | keras.Variable) or tf.is_tensor(value):
            return self._send_tensor(value)
        if isinstance(value, np.ndarray) and dtype_name(value.dtype):
            _refuse_huge(value.nbytes)
            return np.array(value, subok=False)
        if isinstance(value, np.generic) and dtype_name(value.dtype):
            return value
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            fields = tuple(str(field) for field in kind._fields)
            return Record(kind.__name__, fields, tuple(self._send(item) for item in value))
        if isinstance(value, tuple):
            return tuple(self._send(item) for item in value)
        if isinstance(value, list):
            return [self._send(item) for item in value]
        if isinstance(value, dict) and all(k is None or type(k) in (bool, int, float, str) for k in value):
            return {key: self._send(item) for key, item in value.items()}
        # The n-th object of an example has number n in every implementation: a conversation can be replayed.
        number = len(self._track.objects) + 1
        self._track.objects[number] = value
        return Handle(number, clean_text(kind.__name__[:MAX_NAME]))

    def _send_tensor(self, value: Any) -> Any:
        if isinstance(value, tf.IndexedSlices):
            value = tf.convert_to_tensor(value)
        _refuse_huge((tf.TensorShape(value.shape).num_elements() or 0) * tf.as_dtype(value.dtype).size)
        try:
            array = np.array(value.numpy())
        except (AttributeError, NotImplementedError):
            # A symbolic tensor that leaked out of a graph has no value, and no data to send.
            text = "a symbolic tensor came back: it belongs to a graph and has no value outside it"
            raise Stop(Raised("unfit", "symbolic tensor", text, None, "")) from None
        if dtype_name(array.dtype) is None:
            return array.tolist() if array.dtype == object else str(array)
        return array.view(Tensor)

    # Calls

    def perform(self, question: Question) -> Answer:
        """Do what `question` asks, and return the result as data, with the names of changed arguments."""
        # Where the sources came as data, this process runs nobody's code but theirs, and may be guarded for good.
        if question.guarded is not None and self._sources is not None and self._guard is None:
            self._guard = Guard(question.guarded.name)
        answer = self._performed(question)
        if self._guard is not None and self._guard.caught:
            return Raised("ready_made", "ReadyMade", *self._guard.caught, "")
        if self._intact is not None and (name := self._intact.changed()):
            text = f"{name} is no longer what it was: a kata may not exchange parts of its libraries for everybody"
            return Raised("raised", "RuntimeError", text, None, "")
        return answer

    def _performed(self, question: Question) -> Answer:
        self._switch(question)
        answers = self._track.answers
        answers.append([])
        try:
            function = self._bring(question.target)
            if question.member is not None:
                function = getattr(function, question.member)
            if question.read:
                return self._answered(self._send(function), [])
            sent = self._recalled(question.args), self._recalled(question.kwargs)
            brought = self._bring(sent[0]), self._bring(sent[1])
            before = map_leaves(lambda leaf: leaf, brought)
            with self._guarding(question):
                result = function(*brought[0], **brought[1])
            return self._answered(self._send(result), _changed(function, sent, before, brought))
        except Stop as stop:
            return stop.raised
        except ready_made.ReadyMade as found:
            return Raised("ready_made", "ReadyMade", found.what, found.line, "")
        except KeyboardInterrupt:
            if self._sources is None:
                raise  # who debugs in this very process wants to stop
            return Raised("raised", "KeyboardInterrupt", "", None, "")
        except BaseException as error:  # whatever a submission raises is data for the judge
            return self._describe(error)

    def _switch(self, question: Question) -> None:
        """Go on where the question's track was left; or start it afresh."""
        track = self._tracks.setdefault(question.track, _Track())
        if track is not self._track:
            self._track.states = random.getstate(), np.random.get_state()
            self._track = track
            if track.states is not None:
                random.setstate(track.states[0])
                np.random.set_state(track.states[1])
        if question.starts_example:
            track.objects.clear()
            track.answers.clear()
            reset_random_states()
            _run_graphs_as_graphs()

    def _answered(self, value: Any, changed: list[str]) -> Answered:
        self._track.answers[-1] = arrays_in(value)
        return Answered(value, changed)

    def _recalled(self, value: Any) -> Any:
        """`value` with the arrays themselves in the place of references to earlier answers."""

        def recall(leaf: Any) -> Any:
            if not isinstance(leaf, Earlier):
                return leaf
            try:
                return self._track.answers[leaf.answer][leaf.array]
            except IndexError:
                text = "an answer that is needed again has not come"
                raise Stop(Raised("missing", "IndexError", text, None, "")) from None

        return map_leaves(recall, value)

    def _guarding(self, question: Question) -> contextlib.AbstractContextManager[None]:
        if question.guarded is None or self._guard is not None:
            return contextlib.nullcontext()
        path, _ = self.implementation.definition(question.guarded)
        return ready_made.watching(question.guarded.name, str(path))

    def _is_own(self, filename: str) -> bool:
        variant = self.implementation.variant
        return Path(filename).parent == Path(self.implementation.folder) or (
            variant is not None and filename == variant.path
        )

    def _describe(self, error: BaseException, kind: str = "raised") -> Raised:
        frames = list(_frames(error.__traceback__))
        own = [(frame, line) for frame, line in frames if self._is_own(frame.f_code.co_filename)]
        line: int | None = own[-1][1] if own else None
        text, name = _text_of(error), clean_text(type(error).__name__[:MAX_NAME])
        is_here = bool(own) or self.implementation.folder in text
        is_traced = text.startswith("in user code:")
        if is_traced:
            text, traced_line = error_text.traced(text, name, self._is_own)
            line = traced_line or line
        else:
            text = error_text.plainer(text)
        raised_here = bool(own) and own[-1] == frames[-1]
        if isinstance(error, SyntaxError) and kind == "load":
            line = error.lineno
            text = str(error.msg)
        elif isinstance(error, NotImplementedError) and is_here and (raised_here or not text):
            kind = "todo"  # TensorFlow raises this too, but then it says what it has not implemented
        elif isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
            kind = "memory"
        trace = "".join(
            f"{Path(frame.f_code.co_filename).name}:{number} in {frame.f_code.co_name}\n    {source}\n"
            for frame, number in own
            if (source := linecache.getline(frame.f_code.co_filename, number).strip())
        )
        if is_traced:
            text = f"while tf.function traces it: {text}"
        bases = [base.__name__ for base in type(error).__mro__[1:] if id(base) in _BUILT_IN]
        return Raised(kind, name, text[:MAX_TEXT], line, clean_text(trace[-MAX_TRACE:]), bases[:MAX_BASES])  # type: ignore[arg-type]

    def reply(self, request: Request) -> Reply:
        """The message that answers `request`."""
        try:
            return reply_of(self.perform(Question.unpacked(request)))
        except (ValueError, RecursionError) as error:
            return Raised("unfit", "unfit value", str(error), None, "")


class _Text(importlib.abc.InspectLoader):
    """Knows the text of a module whose file is not there: AutoGraph has it read anew."""

    def __init__(self, text: bytes) -> None:
        self._source = text

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._source)


def _compiled(text: bytes, path: Path) -> CodeType:
    try:
        return compile(text, str(path), "exec")
    except MemoryError:  # the parser's word for too many brackets or signs
        raise SyntaxError("nested too deeply to be read") from None


def _show_lines_of(path: Path, text: bytes) -> None:
    """Let tracebacks, `inspect` and AutoGraph find the lines of a file that may not be there."""
    with contextlib.suppress(SyntaxError, UnicodeDecodeError):
        lines = importlib.util.decode_source(text).splitlines(keepends=True)
        linecache.cache[str(path)] = len(text), None, lines, str(path)


class _Siblings(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the files that came along with a chapter, under the name of their folder: `import exercises.helper`."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self._folder = folder
        self._sources = sources

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._folder.name and not name.startswith(f"{self._folder.name}."):
            return None
        file = self._file(name)
        if file is None and name != self._folder.name:
            return None
        origin = str(file or self._folder / "__init__.py")
        is_package = file is None or file.name == "__init__.py"
        spec = importlib.util.spec_from_loader(name, self, origin=origin, is_package=is_package)
        if spec is not None:
            spec.has_location = True  # so that the module knows its file's name
        return spec

    def _file(self, name: str) -> Path | None:
        place = self._folder.joinpath(*name.split(".")[1:])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if str(file) in self._sources.texts:
                return file
        return None

    def get_source(self, fullname: str) -> str:
        file = self._file(fullname)
        return importlib.util.decode_source(self._bytes(file)) if file else ""

    def _bytes(self, file: Path) -> bytes:
        text = self._sources.texts[str(file)]
        _show_lines_of(file, text)
        return text


def _refuse_huge(size: int) -> None:
    """Stop before a result is copied that could not cross anyway."""
    if size > MAX_MESSAGE:
        text = f"the result has {size:,} bytes; at most {MAX_MESSAGE:,} cross"
        raise Stop(Raised("unfit", "unfit value", text, None, ""))


def reset_random_states() -> None:
    """Python's and NumPy's global generators to one fixed state: every example starts alike.

    TensorFlow's is left: seeding it empties the cache of kernels, after which every operation is slow once (15 ms
    more for a kata of a dozen operations, at every example). Katas that draw at random take a seed.
    """
    random.seed(0)
    np.random.seed(0)


def _run_graphs_as_graphs() -> None:
    """Whoever debugs may have had functions run eagerly; what a law asks of a graph it asks of a graph."""
    if tf.config.functions_run_eagerly():
        tf.config.run_functions_eagerly(False)


def _changed(function: Any, sent: _Arguments, before: _Arguments, now: _Arguments) -> list[str]:
    """The names of the arguments that hold other values than before the call.

    Args:
        function: what was called.
        sent: the arguments as they came.
        before: what was made of them, in containers that nobody else had.
        now: the same, as the call left it.
    """

    def same(sent: Any, before: Any, now: Any) -> bool:
        return agree(before, now, _is_same) and agree(sent, now, _has_same_values)

    if same(sent, before, now):
        return []
    names = _parameters(function)
    each = [
        (names.get(i, f"argument {i + 1}"), *each)
        for i, each in enumerate(zip(sent[0], before[0], now[0], strict=True))
    ]
    each += [(name, value, before[1][name], now[1][name]) for name, value in sent[1].items()]
    return [name for name, *values in each if not same(*values)]


def _parameters(function: Any) -> dict[int, str]:
    try:
        return dict(enumerate(inspect.signature(function).parameters))
    except (TypeError, ValueError):
        return {}


def _is_same(before: Any, now: Any) -> bool:
    """Whether what stands in a list, tuple or dict is what stood there, or is worth the same."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if tf.is_tensor(now):
        return now.dtype == before.dtype and np.array_equal(now, before)
    return isinstance(now, np.ndarray) or (type(now) in (bool, int, float, str) and now == before)


def _has_same_values(sent: Any, now: Any) -> bool:
    """Whether an array still holds what was sent; a tf.Tensor cannot be changed."""
    if isinstance(sent, Tensor) or not isinstance(sent, np.ndarray):
        return True
    is_alike = isinstance(now, np.ndarray) and sent.shape == now.shape and sent.dtype == now.dtype
    return is_alike and sent.tobytes() == now.tobytes()


def _frames(tb: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(tb)


def _text_of(error: BaseException) -> str:
    try:
        return clean_text(str(error)[: 20 * MAX_TEXT])  # what is made of it takes time for each character
    except BaseException:  # a submission's own __str__ may raise, or exit
        return "(its text cannot be shown)"
