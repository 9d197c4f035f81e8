"""Tells whether code that is about to run comes from where its file's name says.

The guard knows a library's frame by its file and by the names it sees. Both are only worth something if nobody can run
text of his own under a library's file name (an interpreter of the standard library takes any name, a loader any text),
or among a library's names. Libraries imported after the guard stood are learned here: their code was compared with
their file.
"""

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

GENERATED = "__autograph_generated_file"
EXAMPLE = "<the docstring's example>"
"""What `tests.probes.common` calls the code of a docstring, which may use what is ready-made."""

_FRESH = {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__", "__builtins__"}
_FROZEN = "<frozen "


class Genuine:
    """What may run in this process, made before a line of the submission runs.

    Args:
        kinds: what each known module is, by the identity of its names; what is learned is added.
        places: what a library's file name begins with, and what its kind is.
    """

    def __init__(self, kinds: dict[int, str], places: tuple[tuple[str, str], ...]) -> None:
        kept: list[dict[str, Any]] = []  # so that nothing else can have their addresses
        importer, probes = vars(sys.modules["_frozen_importlib"]), vars(sys.modules.get("tests.probes.common") or sys)
        transpiler = vars(sys.modules["tensorflow.python.autograph.pyct.transpiler"])
        execute, identity, is_fresh = exec, id, frozenset(_FRESH).issuperset
        is_from_its_file, files = _is_from_its_file(), tuple(place for place, _ in places)

        # What follows refers to no global name and no built-in one: those a submission could exchange.

        def may_run(code: Any, caller: FrameType) -> bool:
            file = code.co_filename
            if file == example:
                return caller.f_globals is probes
            is_library = file.startswith(files)
            if caller.f_globals is not importer:
                return not is_library and generated not in file
            if file.startswith(frozen):
                return is_from_its_file(code, file)
            local = caller.f_locals
            arguments = local.get("args")
            if local.get("f") is not execute or not arguments:
                return False
            names = arguments[1]
            if not is_library:
                return identity(names) not in kinds
            if not is_from_its_file(code, file):
                return False
            if is_fresh(names):
                for place, kind in places:
                    if file.startswith(place):
                        kinds[identity(names)] = kind
                        kept.append(names)
                        break
            return True

        def may_convert(caller: FrameType) -> bool:
            """Whether a function that AutoGraph converts sees a library's names only if it is that library's."""
            if caller.f_globals is not transpiler or identity(caller.f_locals.get("globals_")) not in kinds:
                return True
            converted: Any = caller.f_back.f_locals.get("fn") if caller.f_back else None
            file: str = converted.__code__.co_filename if converted else ""
            return file.startswith(files)

        example, generated, frozen = EXAMPLE, GENERATED, _FROZEN
        self.may_run: Callable[[Any, FrameType], bool] = may_run
        self.may_convert: Callable[[FrameType], bool] = may_convert


def _is_from_its_file() -> Callable[[CodeType, str], bool]:
    """Whether code is what the interpreter makes of the file it names."""
    read, compiled, of_frozen, length = open, compile, sys.modules["_imp"].get_frozen_object, len(_FROZEN)
    wrong = (OSError, SyntaxError, ValueError, ImportError)

    def is_from_its_file(code: CodeType, file: str) -> bool:
        try:
            if file.startswith("<"):
                return bool(code == of_frozen(file[length:-1]))
            with read(file, "rb") as opened:
                return code == compiled(opened.read(), file, "exec", dont_inherit=True)
        except wrong:
            return False

    return is_from_its_file
