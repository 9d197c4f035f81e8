"""Inputs that every chapter draws: small, dense, with distinct dimensions.

Values are bounded so that a straightforward float32 implementation is exact to a few roundings, and they
include zeros, ties and both signs. `fill=st.nothing()` makes every element a drawn one.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Array = np.ndarray[Any, Any]

FLOATS = (np.float32, np.float32, np.float16, np.float64)
"""The dtypes of a loss, float32 most of the time."""

seeds = st.integers(0, 2**32 - 1)


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """A Python float in [low, high], never subnormal."""
    return st.floats(low, high, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def numbers(dtype: Any, low: float, high: float) -> st.SearchStrategy[float]:
    """A number in [low, high] with all the digits that `dtype` holds, float64's too, never subnormal."""
    kind = np.dtype(dtype)
    low, high = (float(kind.type(bound)) for bound in (low, high))
    return st.floats(low, high, width=8 * kind.itemsize, allow_subnormal=False)


def shapes(*, min_dims: int = 1, max_dims: int = 3, max_side: int = 5) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes whose sides mostly differ, so that a wrong axis shows; a side of 1 now and then."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=1, max_side=max_side)


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]],
    *,
    low: float = -10.0,
    high: float = 10.0,
    dtype: Any = np.float32,
) -> Array:
    """A dense array of `dtype` with values in [low, high], of all its digits."""
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    return draw(hnp.arrays(dtype, size, elements=numbers(dtype, low, high), fill=st.nothing()))


@st.composite
def pairs(
    draw: st.DrawFn, *, low: float = -10.0, high: float = 10.0, dtypes: Any = FLOATS, max_dims: int = 3
) -> tuple[Array, Array]:
    """(y_true, y_pred) of one shape and one dtype."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(shapes(max_dims=max_dims))
    return (
        draw(arrays(shape, low=low, high=high, dtype=dtype)),
        draw(arrays(shape, low=low, high=high, dtype=dtype)),
    )


@st.composite
def distributions(draw: st.DrawFn, batch: int, classes: int, *, dtype: Any = np.float32) -> Array:
    """(batch, classes) rows of probabilities that sum to 1; some certain, some nearly so."""
    weights = draw(arrays((batch, classes), low=0.0, high=1.0, dtype=np.float64))
    rows = np.where(weights.sum(1, keepdims=True) < 1e-3, 1.0, weights)
    return (rows / rows.sum(1, keepdims=True)).astype(dtype)


@st.composite
def one_hot(draw: st.DrawFn, batch: int, classes: int, *, dtype: Any = np.float32) -> Array:
    """(batch, classes) one-hot rows."""
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=batch, max_size=batch))
    return np.eye(classes, dtype=dtype)[labels]
