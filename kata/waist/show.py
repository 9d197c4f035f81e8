"""Values as a learner reads them (`show`), and as one can paste them and get the same (`source`).

What came back and what was expected are read: short, on one line, with the dtype where it matters. What went in is
pasted: it is Python, with `numpy as np` and `tensorflow as tf`, and holds every digit that it takes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kata.waist.codec import KataName, ProbeName, Record, Tensor

MAX_WIDTH = 96
DIGITS = 8
"""Of a number that is read: what float32 holds. Where two numbers are told apart it takes as many as it takes."""
ALL_DIGITS = 17
MOST_SHOWN = 24
"""Elements of an array, or items of a list, beyond which it is not written out where it is read."""


def shorten(text: str, width: int = MAX_WIDTH) -> str:
    """`text` on one line, cut to `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


# To be read


def show(value: Any, width: int = MAX_WIDTH, *, digits: int = DIGITS) -> str:
    """`value` on one line of at most about `width` characters."""
    return shorten(_show(value, digits), width)


def show_apart(one: Any, other: Any) -> tuple[str, str]:
    """Two values that are not the same, with as many digits as it takes to see it; at last as they are written."""
    for digits in range(DIGITS, ALL_DIGITS + 1):
        shown = show(one, digits=digits), show(other, digits=digits)
        if shown[0] != shown[1]:
            return shown
    written = shorten(source(one, most=MOST_SHOWN)), shorten(source(other, most=MOST_SHOWN))
    return written if written[0] != written[1] else (show(one), show(other))


def _number(value: Any, digits: int) -> str:
    """The shortest text that means the same number in its dtype, or one of so many digits where that is shorter."""
    number = float(value)
    if not np.isfinite(number):
        return f"{number:.1f}"
    exact = literal(value)
    if sum(letter.isdigit() for letter in exact.split("e")[0].lstrip("-0.")) <= digits:
        return exact
    rounded = f"{number:.{digits}g}"
    return rounded if set(rounded) & set(".e") else f"{rounded}.0"


def _show(value: Any, digits: int) -> str:
    if isinstance(value, np.ndarray):
        return _show_array(value, digits)
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({_item(value, digits)})"  # not a Python number, however alike they look
    if isinstance(value, bool | int | str) or value is None:
        return repr(value)
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, Record):
        fields = zip(value.fields, value, strict=True)
        return f"{value.type_name}({', '.join(f'{name}={_show(item, digits)}' for name, item in fields)})"
    if isinstance(value, list | tuple):
        inner = ", ".join(_show(item, digits) for item in value[:12]) + (", …" if len(value) > 12 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_show(item, digits)}" for key, item in value.items()) + "}"
    if isinstance(value, KataName | ProbeName):
        return value.name
    return getattr(value, "type_name", None) or type(value).__name__


def _show_array(value: np.ndarray[Any, Any], digits: int) -> str:
    array = np.asarray(value)
    if array.size > MOST_SHOWN:
        first = ", ".join(_item(x, digits) for x in array.ravel()[:6])
        text = f"<{'×'.join(map(str, array.shape))}: {first}, …>"
    elif array.size == 0:
        text = f"<empty, shape {array.shape}>"
    else:
        text = _nested(array, lambda item: _item(item, digits))
    plain = array.dtype in (np.float32, np.float64, np.int64, np.bool_)
    return text if plain and not (isinstance(value, Tensor) and array.dtype == np.float64) else f"{text} {array.dtype}"


def _nested(array: np.ndarray[Any, Any], item: Callable[[Any], str]) -> str:
    return item(array[()]) if np.ndim(array) == 0 else "[" + ", ".join(_nested(part, item) for part in array) + "]"


def _item(value: Any, digits: int) -> str:
    return str(value) if value.dtype.kind in "biuc" else _number(value, digits)


# To be pasted


def literal(value: Any) -> str:
    """A number as Python writes it: the shortest text that gives the same number in the dtype of `value`."""
    kind = value.dtype.kind if isinstance(value, np.generic) else None
    if kind == "c":
        return f"complex({literal(float(value.real))}, {literal(float(value.imag))})"
    if kind in ("b", "i", "u"):
        return repr(value.item())
    number = float(value)
    if number != number:
        return "np.nan"
    if np.isinf(number):
        return "np.inf" if number > 0 else "-np.inf"
    if kind is None:
        return repr(number)
    # The text is read by Python first, as a float64, and rounded to the dtype then.
    texts = [str(value), *(f"{number:.{digits}g}" for digits in range(1, DIGITS + 2))]
    if value.dtype.name == "bfloat16":
        texts = texts[1:]  # whose own text has more digits than it takes
    same = (text for text in texts if np.array(float(text)).astype(value.dtype) == value)
    text = next(same, repr(number))
    return text if set(text) & set(".e") else f"{text}.0"


def source(
    value: Any,
    name: Callable[[Any], str | None] = lambda leaf: None,
    *,
    record: Callable[[Record], str] = lambda record: record.type_name,
    most: int | None = None,
    most_items: int | None = None,
) -> str:
    """`value` as the expression that makes it.

    Args:
        value: data that crosses the waist.
        name: what a leaf is called; None where it is to be written out.
        record: what a record's type is called.
        most: larger arrays are left out, as `<64×3 float32>`, which no longer can be pasted.
        most_items: longer lists are left out, as `<list of 20>`.
    """

    def write(value: Any) -> str:
        known = name(value)
        if known is not None:
            return known
        if isinstance(value, np.ndarray):
            return _source_of_array(value, most)
        if isinstance(value, np.generic):
            return f"{numpy_type(value.dtype)}({literal(value)})"
        if isinstance(value, float):
            return literal(value)
        if isinstance(value, Record):
            return f"{record(value)}({', '.join(map(write, value))})"
        if isinstance(value, list | tuple):
            if most_items is not None and len(value) > most_items:
                return f"<{type(value).__name__} of {len(value)}>"
            inner = ", ".join(map(write, value))
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {write(item)}" for key, item in value.items()) + "}"
        if isinstance(value, KataName | ProbeName):
            return value.name
        return repr(value) if value is None or isinstance(value, bool | int | str) else show(value)

    return write(value)


def numpy_type(dtype: np.dtype[Any]) -> str:
    """What a NumPy dtype is written as."""
    if dtype.name == "bfloat16":
        return "tf.bfloat16.as_numpy_dtype"
    return "np.bool_" if dtype.name == "bool" else f"np.{dtype.name}"


def _source_of_array(value: np.ndarray[Any, Any], most: int | None) -> str:
    array, is_tensor = np.asarray(value), isinstance(value, Tensor)
    usual = ("bool", "int32", "float32") if is_tensor else ("bool", "int64", "float64")
    name = f"tf.{array.dtype.name}" if is_tensor else numpy_type(array.dtype)
    dtype = "" if array.dtype.name in usual else f", {name}"
    items = array.ravel()
    if array.size == 0:
        return f"{'tf' if is_tensor else 'np'}.zeros({array.shape}{dtype or f', {name}'})"
    if array.size > 6 and items.tobytes() == items[:1].tobytes() * array.size:
        if is_tensor:
            return f"tf.constant({literal(items[0])}, {name}, {array.shape})"
        return f"np.full({array.shape}, {literal(items[0])}{dtype})"
    if most is not None and array.size > most:
        return f"<{'×'.join(map(str, array.shape))} {array.dtype}>"
    return f"{'tf.constant' if is_tensor else 'np.array'}({_nested(array, literal)}{dtype})"
