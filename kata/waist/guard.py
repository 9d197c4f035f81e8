"""Keeps a submission from what is ready-made, and from the means to undo that, in the process that runs it, for good.

Whatever watches from Python can be taken off by Python: a profile function is set to None, a table emptied. So nothing
watches here. The code of each ready-made function is exchanged, before a line of the submission runs, for code that
asks who calls and refuses; the function as it was is known to that code's constants alone. And an audit hook, which
the interpreter has no way to remove, refuses what would reach them: the code of functions, frames, all objects, the
interpreter's memory through `ctypes`.

What is left, and cannot be closed from inside: memory that is written to through an array with a false address, and
the text of Keras, copied.
"""

import inspect
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MappingProxyType
from typing import Any

from kata.waist import ready_made
from kata.waist.genuine import EXAMPLE, GENERATED, Genuine
from kata.waist.implementation import ROOT
from kata.waist.ready_made import ReadyMade

_OWN, _BETWEEN, _HOST = "own accord", "go-between", "host"
"""What a module is: one that calls of its own accord, one that calls what it is handed, or ours that calls katas."""

_BETWEENS = re.compile(
    r"(tensorflow\.python\.(util|autograph|framework|data|eager)"
    r"|tensorflow\.python\.ops\.(\w*script_ops|map_fn|\w*cond\w*|\w*while\w*|control_flow\w*|custom_gradient|"
    r"functional_ops|parallel_for|map_ops)|keras\.src\.(tree|utils|backend\.tensorflow\.core)|optree|wrapt|numpy)(\..*)?"
)
_DIRECT = frozenset(
    (
        *("sys._getframe", "object.__getattr__", "object.__setattr__", "object.__delattr__"),
        *("code.__new__", "function.__new__", "exec", "marshal.loads"),
    )
)
"""What libraries do all the time and a kata has no use for."""
_THROUGH = frozenset(
    (
        *("sys.setprofile", "sys.settrace", "sys._current_frames", "sys._current_exceptions"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
        *("ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.addressof", "ctypes.call_function"),
        *("ctypes.cdata", "ctypes.cdata/buffer", "ctypes.string_at", "ctypes.wstring_at"),
        *("ctypes.PyObj_FromPtr", "sys.monitoring.register_callback"),
    )
)
"""What is refused through modules of the standard library as well."""


class Guard:
    """Stands before everything ready-made, for as long as the process lives.

    Args:
        kata: the scratch kata whose code is run here.
    """

    def __init__(self, kata: str) -> None:
        self._caught: list[tuple[str, int | None]] = []
        refused = {f: path for f, path in ready_made.functions().items() if ready_made.is_ready_made(path, kata)}
        self._line_of_caller, self._genuine = _line_of_caller()
        hook = self._hook({function.__code__: path for function, path in refused.items()})
        for function, path in refused.items():
            _exchange(function, self._check(path))
        sys.addaudithook(hook)

    @property
    def caught(self) -> tuple[str, int | None] | None:
        """What was refused first, and in which line, where that is known."""
        return self._caught[0] if self._caught else None

    # What follows refers to no global name and no built-in one: those a submission could exchange.

    def _check(self, path: str) -> Callable[[], None]:
        """What raises when the function that calls it is called by the submission."""
        note, line_of_caller, getframe, refuse = self._caught.append, self._line_of_caller, sys._getframe, ReadyMade

        def check() -> None:
            line = line_of_caller(getframe(2), True, True)
            if line:
                note((path, line if line > 0 else None))
                raise refuse(path, line if line > 0 else None)

        return check

    def _hook(self, known: dict[CodeType, str]) -> Callable[[str, tuple[Any, ...]], None]:
        note, line_of_caller, getframe, refuse = self._caught.append, self._line_of_caller, sys._getframe, ReadyMade
        direct, through, this_thread = _DIRECT, _THROUGH, threading.get_ident
        may_run, may_convert = self._genuine.may_run, self._genuine.may_convert
        is_known, nested = MappingProxyType(known).__contains__, _nested
        busy: set[int] = set()

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in direct and event not in through:
                return
            thread = this_thread()
            if thread in busy:  # looking at frames is such an event itself
                return
            busy.add(thread)
            try:
                caller = getframe(1)
                line = line_of_caller(caller, event in through, False)
                if not line and event == "exec":
                    if not may_run(arguments[0], caller):
                        line = -1
                    for code in nested(arguments[0], nested):
                        if is_known(code):
                            line = -1
                elif not line and event == "function.__new__" and not may_convert(caller):
                    line = -1
                if line:
                    what = arguments[1] if event in ("object.__getattr__", "object.__setattr__") else event
                    note((what, line if line > 0 else None))
                    raise refuse(what, line if line > 0 else None)
            finally:
                busy.discard(thread)

        return hook


def _line_of_caller() -> tuple[Callable[[FrameType | None, bool, bool], int], Genuine]:
    """Tells whether it is the submission that calls: 0 if not, else its line, or -1 where that is unknown.

    Asked with a frame, whether to look through go-betweens, and whether our host's own call counts as one of them.

    A frame is a library's when both its code comes from a library's file and its names are those of a module that was
    there before the submission: each alone could be had. What was imported since is told by its file, which
    `Genuine` compared.
    """
    modules = {name: module for name, module in list(sys.modules.items()) if hasattr(module, "__dict__")}
    kept = tuple(vars(module) for module in modules.values())  # so that nothing else can have their addresses
    kinds = {id(vars(module)): _kind(name) for name, module in modules.items()}
    kind_of, identity = kinds.get, id
    standard, others = _places()
    own, between, host, generated, example = _OWN, _BETWEEN, _HOST, GENERATED, EXAMPLE

    def line_of_caller(frame: FrameType | None, through: bool, counts_host: bool) -> int:
        while frame is not None and kept:
            file = frame.f_code.co_filename
            if file == example:
                return 0
            later = own if file.startswith(others) else between if file.startswith(standard) else None
            kind = kind_of(identity(frame.f_globals), later)
            if kind is None or (later is None and generated not in file):
                return frame.f_lineno
            if kind is host:
                return -1 if counts_host else 0
            if kind is not between or not through:
                return 0
            frame = frame.f_back
        return -1

    places = (*((place, _BETWEEN) for place in standard), *((place, _OWN) for place in others))
    return line_of_caller, Genuine(kinds, places)


def _kind(name: str) -> str:
    if name == "kata.waist.host":
        return _HOST
    if name.partition(".")[0] in sys.stdlib_module_names or _BETWEENS.fullmatch(name):
        return _BETWEEN
    return _OWN


def _places() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where the standard library's files are, and all other libraries' and ours; a submission's never are."""
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    others = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    others |= {str(Path(sys.modules[name].__file__ or "").parents[1]) for name in ("keras", "numpy", "tensorflow")}
    others |= {str(ROOT / "kata"), str(ROOT / "tests" / "probes")}
    return (
        ("<frozen ", *(f"{folder}{os.sep}" for folder in sorted(standard))),
        tuple(f"{folder}{os.sep}" for folder in sorted(others)),
    )


def _nested(code: Any, nested: Any) -> Iterator[Any]:
    """The code itself and all that is in it: of a module's code, that of its functions."""
    yield code
    for constant in getattr(code, "co_consts", ()):
        yield from nested(constant, nested)


# Exchanging a function's code

_CHECK, _ORIGINAL = "the check", "the original"
"""Stand among the constants of the code below for what is put there."""


def _outside_of_classes(*args: Any, **kwargs: Any) -> Any:
    check: Any = "the check"
    original: Any = "the original"
    check()
    return original(*args, **kwargs)


class _Any:
    def inside_of_classes(*args: Any, **kwargs: Any) -> Any:
        check: Any = "the check"
        original: Any = "the original"
        __class__  # type: ignore[name-defined]  # noqa: B018 - as many free variables as in the code of a method
        check()
        return original(*args, **kwargs)


def _exchange(function: FunctionType, check: Callable[[], None]) -> None:
    """Put code in the place of the function's own that calls `check` first."""
    original = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    template = {0: _outside_of_classes, 1: _Any.inside_of_classes}[len(function.__code__.co_freevars)]
    put = {_CHECK: check, _ORIGINAL: original}
    constants = tuple(put.get(c, c) if isinstance(c, str) else c for c in template.__code__.co_consts)
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    function.__code__ = template.__code__.replace(
        co_consts=constants, co_name=function.__name__, co_filename=function.__code__.co_filename
    )
