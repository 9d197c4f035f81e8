"""What can be counted about a right answer, for `kata compare`: operations, traces, memory, extremes.

Each probe is given a function (or an object and the name of its method) and the arguments of one call, and
returns plain numbers; `None` where there is nothing to count, because the code cannot be traced, say.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_callbacks

from kata.waist.nested import leaves, map_leaves
from tests.probes.common import as_tensors

ROWS = 256
"""Arrays are made this long at least, so that a temporary copy weighs more than the scalars around it."""
BATCHES = (1, 2, 3, 5, 8)
"""How many times as long the batches are over which traces are counted."""
LIBRARIES = tuple(str(Path(library.__file__).parent) for library in (os, tf, keras))
NOT_COUNTED = ("Placeholder", "Const", "Identity", "NoOp", "ReadVariableOp")

VIEWS = ("Reshape", "Squeeze", "ExpandDims", "StopGradient")
"""Operations whose result is their input's memory under another name."""


def _function(target: Any, member: str | None) -> Callable[..., Any]:
    return target if member is None else getattr(target, member)


def _grown(value: Any, times: int) -> Any:
    """`value` with every array in it repeated along its first axis."""

    def grow(leaf: Any) -> Any:
        return np.repeat(np.asarray(leaf), times, axis=0) if _is_array(leaf) and leaf.ndim else leaf

    return map_leaves(grow, value)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or tf.is_tensor(value)


def _arrays(value: Any) -> Iterator[np.ndarray]:
    return (np.asarray(leaf) for leaf in leaves(value) if _is_array(leaf))


def operations_run(target: Any, member: str | None, args: list[Any], kwargs: dict[str, Any]) -> int:
    """How many TensorFlow operations one eager call runs."""
    count = 0

    def seen(kind: str, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None) -> None:
        nonlocal count
        count += graph is None and kind not in NOT_COUNTED

    tensors, function = as_tensors(tuple(args)), _function(target, member)
    op_callbacks.add_op_callback(seen)
    try:
        function(*tensors, **kwargs)
    finally:
        op_callbacks.remove_op_callback(seen)
    return count


def _traced(target: Any, member: str | None, args: list[Any], kwargs: dict[str, Any]) -> Any:
    function = _function(target, member)
    return tf.function(lambda tensors: function(*tensors, **kwargs)).get_concrete_function(as_tensors(tuple(args)))


def graph_cost(target: Any, member: str | None, args: list[Any], kwargs: dict[str, Any]) -> dict[str, float] | None:
    """The size of the graph that `tf.function` makes of a call, before any optimization.

    `operations`: how many, those of inner functions too. `peak`: the most that its intermediate results take
    at one time, as a multiple of what goes in; each is kept until its last use.
    """
    longest = max((array.shape[0] for array in _arrays(args) if array.ndim), default=1)
    args = _grown(args, -(-ROWS // max(longest, 1)))
    size = sum(array.nbytes for array in _arrays(args))
    try:
        graph = _traced(target, member, args, kwargs).graph
    except Exception:  # NumPy inside, a Python condition on a tensor, …: not for graphs
        return None
    operations, peak = _walk(graph)
    return {"operations": operations, "peak": round(peak / max(size, 1), 2)}


def _walk(graph: Any) -> tuple[int, int]:
    """(operations, bytes at the peak) of a graph, in the order in which it was built."""
    operations = graph.get_operations()
    last_use = {tensor.ref(): i for i, op in enumerate(operations) for tensor in op.inputs}
    count, live, peak = 0, 0, 0
    ending: dict[int, int] = {}
    for i, op in enumerate(operations):
        inner_peak = 0
        if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
            inner_count, inner_peak = _walk(graph._get_function(op.get_attr("f").name).graph)
            count += inner_count
        elif op.type not in NOT_COUNTED:
            count += 1
            for tensor in () if op.type in VIEWS else op.outputs:
                live += _bytes(tensor)
                end = last_use.get(tensor.ref(), len(operations))
                ending[end] = ending.get(end, 0) + _bytes(tensor)
        peak = max(peak, live + inner_peak)
        live -= ending.pop(i, 0)
    return count, peak


def _bytes(tensor: Any) -> int:
    return (tensor.shape.num_elements() or 0) * tensor.dtype.size if tensor.dtype.is_numpy_compatible else 0


def traces(target: Any, member: str | None, args: list[Any], kwargs: dict[str, Any]) -> dict[str, int] | None:
    """Five batch sizes through one `tf.function` that may relax shapes: its traces, and runs of the Python code."""
    function = _function(target, member)
    plain = {getattr(function, "__name__", "__call__"), "call"}
    names = plain | {f"tf__{name}" for name in plain}  # AutoGraph's form of it
    runs = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal runs
        code = frame.f_code
        runs += event == "call" and code.co_name in names and not code.co_filename.startswith(LIBRARIES)

    staged = tf.function(lambda tensors: function(*tensors, **kwargs), reduce_retracing=True)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        for times in BATCHES:
            staged(as_tensors(tuple(_grown(args, times))))
    except Exception:
        return None
    finally:
        sys.setprofile(before)
    return {"traces": staged.experimental_get_tracing_count(), "runs": runs}


def extremes(
    target: Any, member: str | None, args: list[Any], kwargs: dict[str, Any]
) -> tuple[int | None, int | None] | None:
    """Over which powers of ten of its floating-point arrays a call stays finite, and tells itself from zero.

    (highest, lowest): at 10^(highest + 1) the result is infinite or NaN, at 10^(lowest - 1) it is 0 or not
    finite; None where that does not happen within the dtype's range.
    """
    function = _function(target, member)

    def result(power: int) -> np.ndarray | None:
        try:
            value = function(*as_tensors(tuple(_scaled(args, power))), **kwargs)
        except Exception:
            return None
        return np.concatenate([np.ravel(array).astype(np.float64) for array in _arrays(_plain(value))] or [[]])

    def good(power: int, nonzero: bool) -> bool:
        value = result(power)
        fine = value is not None and value.size and np.all(np.isfinite(value))
        return bool(fine and (not nonzero or np.any(value)))

    if not good(0, True):
        return None
    return (
        next((power - 1 for power in range(1, 38) if not good(power, False)), None),
        next((1 - power for power in range(1, 38) if not good(-power, True)), None),
    )


def _scaled(value: Any, power: int) -> Any:

    def scale(leaf: Any) -> Any:
        array = np.asarray(leaf) if _is_array(leaf) else None
        return leaf if array is None or array.dtype != np.float32 else array * np.float32(10.0) ** np.float32(power)

    return map_leaves(scale, value)


def _plain(value: Any) -> Any:
    return map_leaves(lambda leaf: np.asarray(leaf, np.float64) if isinstance(leaf, float) else leaf, value)
