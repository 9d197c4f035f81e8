"""Are two answers the same behaviour? To a few roundings, or to the bit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kata.waist.assertions import eps
from kata.waist.codec import Handle, Raised, Record
from kata.waist.question import Answered

RTOL = {"float64": 1e-8, "float32": 1e-4}
"""How near two numbers are that count as the same behaviour: some hundred roundings; eight in the short dtypes."""


def arrays_alike(some: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if some.shape != other.shape or some.dtype != other.dtype:
        return False
    if some.dtype.kind in "biu":
        return bool(np.array_equal(some, other))
    rtol = RTOL["float64"] if some.dtype.kind == "c" else RTOL.get(some.dtype.name, 8 * eps(some.dtype))
    a, b = some.astype(np.complex128), other.astype(np.complex128)
    scale = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, rtol=rtol, atol=rtol * 1e-2 * scale + 1e-30, equal_nan=True))


def identical(some: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """To the bit, where a law asks for values that no rounding may change."""
    return some.shape == other.shape and some.dtype == other.dtype and some.tobytes() == other.tobytes()


def alike(some: Any, other: Any, same: Callable[[Any, Any], bool] = arrays_alike) -> bool:
    """Whether two answers, or lists of them, show the same behaviour; what is `same` is decided array by array."""
    if isinstance(some, Raised) or isinstance(other, Raised):
        return isinstance(some, Raised) and isinstance(other, Raised) and some.type_name == other.type_name
    if isinstance(some, Answered) and isinstance(other, Answered):
        return some.changed == other.changed and alike(some.value, other.value, same)
    if isinstance(some, Handle) and isinstance(other, Handle):
        return True  # what matters of an object is what it answers
    if isinstance(some, np.ndarray | np.generic) or isinstance(other, np.ndarray | np.generic):
        return type(some) is type(other) and same(np.asarray(some), np.asarray(other))
    if type(some) is not type(other):
        return False
    if isinstance(some, Record):
        return some.fields == other.fields and alike(tuple(some), tuple(other), same)
    if isinstance(some, list | tuple):
        return len(some) == len(other) and all(alike(a, b, same) for a, b in zip(some, other, strict=True))
    if isinstance(some, dict):
        return some.keys() == other.keys() and all(alike(value, other[key], same) for key, value in some.items())
    if isinstance(some, float):
        return same(np.asarray(some), np.asarray(other))
    return bool(some == other)
