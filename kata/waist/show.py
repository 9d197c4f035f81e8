"""Values as a learner reads them: short, on one line, with the dtype where it matters."""

from typing import Any

import numpy as np

from kata.waist.codec import KataName, ProbeName, Record, Tensor

MAX_WIDTH = 96


def show(value: Any, width: int = MAX_WIDTH) -> str:
    """`value` on one line of at most about `width` characters."""
    return shorten(_show(value), width)


def shorten(text: str, width: int = MAX_WIDTH) -> str:
    """The first line of `text`, cut to `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def show_call(target: Any, member: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], width: int = 120) -> str:
    """A call as one would write it: `huber([0.], [2.], delta=1.0)`."""
    name = _show(target) + (f".{member}" if member else "")
    parts = [_show(value) for value in args] + [f"{key}={_show(value)}" for key, value in kwargs.items()]
    return shorten(f"{name}({', '.join(parts)})", width)


def _number(value: Any) -> str:
    number = float(value)
    if number == int(number) if np.isfinite(number) else False:
        return f"{number:.1f}" if abs(number) < 1e6 else f"{number:.8g}"
    return f"{number:.8g}"


def _show(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _show_array(value)
    if isinstance(value, np.generic):
        return _show_array(np.asarray(value))
    if isinstance(value, bool | int | str) or value is None:
        return repr(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Record):
        fields = zip(value.fields, value, strict=True)
        return f"{value.type_name}({', '.join(f'{name}={_show(item)}' for name, item in fields)})"
    if isinstance(value, list | tuple):
        inner = ", ".join(_show(item) for item in value[:12]) + (", …" if len(value) > 12 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, KataName | ProbeName):
        return value.name
    return getattr(value, "type_name", None) or type(value).__name__


def _show_array(value: np.ndarray[Any, Any]) -> str:
    array = np.asarray(value)
    if array.size > 24:
        text = f"<{'×'.join(map(str, array.shape))}: {', '.join(_item(x) for x in array.ravel()[:6])}, …>"
    elif array.size == 0:
        text = f"<empty, shape {array.shape}>"
    else:
        text = _nested(array)
    plain = array.dtype in (np.float32, np.float64, np.int64, np.bool_)
    return text if plain and not (isinstance(value, Tensor) and array.dtype == np.float64) else f"{text} {array.dtype}"


def _nested(array: np.ndarray[Any, Any]) -> str:
    return _item(array[()]) if np.ndim(array) == 0 else "[" + ", ".join(_nested(item) for item in array) + "]"


def _item(value: Any) -> str:
    return str(value) if value.dtype.kind in "biu" else _number(value) if value.dtype.kind != "c" else str(value)
