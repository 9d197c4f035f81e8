"""Assertions on data: what came back from a kata, beside what was expected.

Kind, shape and dtype are looked at before any value, and the first thing that is wrong is the one that
is said. A tolerance is derived from the dtype and from the magnitude of what was summed:
`ulps · (eps(dtype) · max(|expected|, scale) + smallest normal number) + atol`, so it means the same in
float16 and in float64.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from kata.waist.codec import DTYPES, Record, Tensor
from kata.waist.nested import Path
from kata.waist.show import show, show_apart

_MISSING: Any = object()


class LawViolation(AssertionError):
    """A law does not hold: `problem` is a sentence; `yours` and `expected` are shown beside each other.

    `actual` is the very value that is wrong, where it is one (else `...`): so it can be said which part of a result
    it is. `path` is the way to it from the value that was looked at.
    """

    def __init__(
        self, problem: str, *, yours: str = "", expected: str = "", actual: Any = ..., path: Path = ()
    ) -> None:
        super().__init__(
            problem + (f" Expected {expected}." if expected else "") + (f" Yours: {yours}." if yours else "")
        )
        self.problem = problem
        self.yours = yours
        self.expected = expected
        self.actual = actual
        self.path = path


class ImplementationError(Exception):
    """An exception that the implementation raised, as it crossed: its type's name, its text, its line.

    `bases` are the names of the built-in types that its type inherits from.
    """

    def __init__(
        self, type_name: str, text: str, line: int | None = None, trace: str = "", bases: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{type_name}: {text}")
        self.type_name = type_name
        self.text = text
        self.line = line
        self.trace = trace
        self.bases = bases

    def is_a(self, type_name: str) -> bool:
        """Whether `except type_name` would have caught it."""
        return type_name == self.type_name or type_name in self.bases


def expect(condition: Any, problem: str, *, yours: Any = _MISSING, expected: Any = _MISSING) -> None:
    """What must hold, as a sentence that is read when it does not.

    Raises:
        LawViolation: when `condition` is false; `yours` and `expected` are shown.
    """
    if condition:
        return
    if yours is _MISSING or expected is _MISSING:
        shown = ["" if value is _MISSING else show(value) for value in (yours, expected)]
    else:
        shown = list(show_apart(yours, expected))
    raise LawViolation(problem, yours=shown[0], expected=shown[1], actual=... if yours is _MISSING else yours)


def eps(dtype: Any) -> float:
    """The distance from 1 to the next number of a floating `dtype` (bfloat16 included)."""
    return float(2.0**-7) if np.dtype(dtype) == DTYPES["bfloat16"] else float(np.finfo(dtype).eps)


def smallest(dtype: Any) -> float:
    """The smallest normal number of a floating `dtype`: TensorFlow may flush what is smaller to zero."""
    return float(2.0**-126) if np.dtype(dtype) == DTYPES["bfloat16"] else float(np.finfo(dtype).tiny)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return f"a tensor of dtype {value.dtype} and shape {value.shape}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of dtype {value.dtype} and shape {value.shape}"
    if isinstance(value, np.generic):
        return f"a NumPy {type(value).__name__}"
    if isinstance(value, Record):
        return f"a {value.type_name}"
    name = getattr(value, "type_name", type(value).__name__)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def assert_tensor(actual: Any, *, shape: tuple[int, ...], dtype: Any) -> None:
    """`actual` is a tensor of this shape and dtype.

    Raises:
        LawViolation: naming the first of kind, dtype and shape that differs.
    """
    wanted = np.dtype(dtype)
    described = f"a tensor of dtype {wanted} and shape {shape}"
    if not isinstance(actual, Tensor):
        raise LawViolation("A tensor must come back.", yours=_kind(actual), expected=described, actual=actual)
    if actual.shape != shape:
        problem = "The result has the wrong shape."
        raise LawViolation(problem, yours=_kind(actual), expected=described, actual=actual)
    if actual.dtype != wanted:
        problem = "The result has the wrong dtype."
        raise LawViolation(problem, yours=_kind(actual), expected=described, actual=actual)


def assert_close(
    actual: Any, expected: Any, *, dtype: Any, scale: Any = None, ulps: float = 32, atol: float = 0.0
) -> None:
    """`actual` is a tensor of `dtype` with the shape and, within the tolerance, the values of `expected`.

    Args:
        actual: what came back.
        expected: the float64 values, of the exact shape.
        dtype: the dtype that must have come back.
        scale: magnitude of what was summed where there is cancellation; broadcasts against `expected`.
        ulps: how many roundings at that magnitude are allowed.
        atol: what is allowed besides, for a cancellation that the plain formula has.

    Raises:
        LawViolation: the first of kind, shape, dtype, finiteness and value that is wrong.
    """
    wanted = np.asarray(expected, dtype=np.float64)
    assert_tensor(actual, shape=wanted.shape, dtype=dtype)
    magnitude = np.abs(wanted) if scale is None else np.maximum(np.abs(wanted), scale)
    with np.errstate(over="ignore", invalid="ignore"):
        tolerance = ulps * (eps(dtype) * np.where(np.isfinite(magnitude), magnitude, 0.0) + smallest(dtype)) + atol
    _compare(np.asarray(actual, dtype=np.float64), wanted, tolerance, actual)


def _compare(
    held: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], tolerance: np.ndarray[Any, Any], actual: Any
) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        good = (held == wanted) | (np.isnan(held) & np.isnan(wanted)) | (np.abs(held - wanted) <= tolerance)
    if good.all():
        return
    bad = ~good
    if (np.isnan(held) & bad).any() and not np.isnan(wanted).any():
        problem = "There is a NaN where a number must be."
    elif (np.isinf(held) & bad).any() and np.isfinite(wanted).all():
        problem = "There is an infinity where a finite number must be."
    elif held.size > 1:
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"[{', '.join(map(str, where))}]"
        count = int(bad.sum())
        problem = f"{count} of {held.size} values {'is' if count == 1 else 'are'} wrong, the first at {place}."
        if held.size > 6:
            yours, expected = show_apart(np.asarray(np.asarray(actual)[where]), np.asarray(wanted[where]))
            raise LawViolation(problem, yours=yours, expected=expected, actual=actual)
    else:
        problem = "The value is wrong."
    yours, expected = show_apart(np.asarray(actual), wanted)
    raise LawViolation(problem, yours=yours, expected=expected, actual=actual)


def assert_number(actual: Any, expected: float, *, rel: float, abs: float = 0.0) -> None:
    """`actual` is one number (Python's, NumPy's or a rank-0 tensor) within `rel·|expected| + abs` of `expected`.

    Raises:
        LawViolation: when it is no number, or another.
    """
    number = isinstance(actual, int | float | np.number) and not isinstance(actual, bool)
    if not number and not (isinstance(actual, np.ndarray) and actual.shape == ()):
        raise LawViolation("One number must come back.", yours=_kind(actual), expected=show(expected), actual=actual)
    wanted = np.asarray(expected, dtype=np.float64)
    _compare(np.asarray(actual, dtype=np.float64), wanted, rel * np.abs(wanted) + abs, actual)


def assert_equal(actual: Any, expected: Any) -> None:
    """`actual` is exactly `expected`: same types, same structure, same bits (NaN equals NaN).

    Raises:
        LawViolation: when it is not.
    """
    if not _equal(actual, expected):
        path, one, other = _difference(actual, expected)
        yours, wanted = show_apart(one, other)
        problem = "The result is not what it must be."
        raise LawViolation(problem, yours=yours, expected=wanted, actual=one, path=path)


READ_AT_A_GLANCE = 60
"""Characters of a value in which a difference is found without being told where."""


def _difference(actual: Any, expected: Any) -> tuple[Path, Any, Any]:
    """The way to the first difference, and what stands there; no way where both can be read at a glance."""
    path: Path = ()
    while max(len(show(actual)), len(show(expected))) > READ_AT_A_GLANCE or show(actual) == show(expected):
        step = _step(actual, expected)
        if step is None:
            break
        name, actual, expected = step
        path = (*path, name)
    return path, actual, expected


def _step(actual: Any, expected: Any) -> tuple[str, Any, Any] | None:
    """The first part in which two values of one structure differ; None where they have no parts to compare."""
    if type(actual) is not type(expected):
        return None
    if isinstance(actual, np.ndarray):
        if actual.shape != expected.shape or actual.dtype != expected.dtype or actual.ndim == 0:
            return None
        differ = (actual != expected) & ~((actual != actual) & (expected != expected))
        where = tuple(int(i) for i in np.argwhere(np.asarray(differ))[0])
        return f"[{', '.join(map(str, where))}]", np.asarray(actual[where]), np.asarray(expected[where])
    if isinstance(actual, dict) and actual.keys() == expected.keys():
        parts = [(f"[{key!r}]", value, expected[key]) for key, value in actual.items()]
    elif isinstance(actual, Record) and actual.fields == expected.fields:
        parts = [(f".{name}", a, b) for name, a, b in zip(actual.fields, actual, expected, strict=True)]
    elif isinstance(actual, list | tuple) and len(actual) == len(expected):
        parts = [(f"[{i}]", a, b) for i, (a, b) in enumerate(zip(actual, expected, strict=True))]
    else:
        return None
    return next((part for part in parts if not _equal(part[1], part[2])), None)


def _equal(actual: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return (
            isinstance(actual, np.ndarray)
            and actual.shape == expected.shape
            and actual.dtype == expected.dtype
            and np.array_equal(actual, expected, equal_nan=actual.dtype.kind in "fc")
        )
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(_equal(actual[key], value) for key, value in expected.items())
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(actual, list if isinstance(expected, list) else tuple)
            and len(actual) == len(expected)
            and all(_equal(a, b) for a, b in zip(actual, expected, strict=True))
        )
    if isinstance(expected, float):
        return type(actual) is float and (actual == expected or (actual != actual and expected != expected))
    return type(actual) is type(expected) and bool(actual == expected)


def assert_value_error(argument: str | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Calling `function` raises a ValueError, or a subclass of it, whose text names `argument`.

    Args:
        argument: what must stand in the text; None or an empty string where the contract does not ask for a name.
        function: a kata, or a method of an object that it made.
        args: what it is called with.
        kwargs: the same, by name.

    Raises:
        LawViolation: when it raises nothing, something else, or does not name the argument.
    """
    wanted = f"ValueError naming `{argument}`" if argument else "ValueError"
    returned: Any = None
    try:
        returned = function(*args, **kwargs)
    except ImplementationError as error:
        raised = error
    else:
        raise LawViolation("Bad input must be refused.", yours=f"returned {show(returned)}", expected=wanted)
    yours = f"{raised.type_name}: {raised.text[:120]}"
    if not raised.is_a("ValueError"):
        raise LawViolation("Bad input must raise a ValueError.", yours=yours, expected=wanted)
    # As a word of its own: `base_batch_size` does not name `batch_size`.
    if argument and not re.search(rf"(?<!\w){re.escape(argument)}(?!\w)", raised.text):
        raise LawViolation(f"The message must name the argument `{argument}`.", yours=yours, expected=wanted)
