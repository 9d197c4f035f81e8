"""The checks: what is right passes, the first thing that is wrong is the one that is said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.waist.assertions import (
    ImplementationError,
    LawViolation,
    assert_close,
    assert_equal,
    assert_number,
    assert_tensor,
    assert_value_error,
    eps,
    expect,
)
from kata.waist.codec import DTYPES, Record, Tensor
from kata.waist.session import tensor
from kata.waist.show import show, show_call


def violation(check: Any, *args: Any, **kwargs: Any) -> LawViolation:
    with pytest.raises(LawViolation) as caught:
        check(*args, **kwargs)
    return caught.value


def test_kind_comes_before_shape_before_dtype_before_value() -> None:
    wanted = {"expected": [1.0, 2.0], "dtype": np.float32}
    assert "return" in violation(assert_close, None, **wanted).yours
    assert "NumPy array" in violation(assert_close, np.zeros((3,), np.float64), **wanted).yours
    assert "shape" in violation(assert_close, tensor([[0.0]], np.float64), **wanted).problem
    assert "dtype" in violation(assert_close, tensor([0.0, 0.0], np.float64), **wanted).problem
    assert "values are wrong" in violation(assert_close, tensor([1.0, 0.0], np.float32), **wanted).problem
    assert_close(tensor([1.0, 2.0], np.float32), **wanted)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, DTYPES["bfloat16"]])
def test_the_tolerance_is_of_the_dtype(dtype: Any) -> None:
    """Thirty ulps pass; a hundred do not, in any dtype."""
    step = eps(dtype)
    assert_close(tensor(1.0 + 24 * step, dtype), 1.0, dtype=dtype)
    violation(assert_close, tensor(1.0 + 100 * step, dtype), 1.0, dtype=dtype)


def test_a_scale_allows_for_cancellation_and_no_more() -> None:
    assert_close(tensor(1e-5, np.float32), 0.0, dtype=np.float32, scale=10.0)
    violation(assert_close, tensor(1e-3, np.float32), 0.0, dtype=np.float32, scale=10.0)
    violation(assert_close, tensor(1e-5, np.float32), 0.0, dtype=np.float32)


def test_what_is_flushed_to_zero_is_no_mistake() -> None:
    assert_close(tensor(0.0, np.float32), 1e-39, dtype=np.float32)


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.floats(-10, 10))
def test_what_is_not_finite_never_passes_for_a_number(bad: float, wanted: float) -> None:
    assert "must be" in violation(assert_close, tensor(bad), wanted, dtype=np.float64).problem


@given(st.sampled_from([np.nan, np.inf, -np.inf]))
def test_what_is_expected_not_to_be_finite_passes(value: float) -> None:
    assert_close(tensor(value), value, dtype=np.float64)
    violation(assert_close, tensor(0.0), value, dtype=np.float64)


def test_an_infinite_scale_allows_nothing_else() -> None:
    violation(assert_close, tensor(1.0), 2.0, dtype=np.float64, scale=np.inf)


def test_no_broadcasting_before_the_comparison() -> None:
    violation(assert_close, tensor([1.0], np.float32), 1.0, dtype=np.float32)
    violation(assert_close, tensor(1.0, np.float32), [1.0, 1.0], dtype=np.float32)


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3.0), tensor(3.0)])
def test_one_number_is_a_number_in_any_dress(value: Any) -> None:
    assert_number(value, 3.0, rel=1e-6)
    violation(assert_number, value, 4.0, rel=1e-6)


@pytest.mark.parametrize("value", [None, "3", True, [3.0], np.array([3.0]), tensor([3.0])])
def test_what_is_no_number_is_none(value: Any) -> None:
    violation(assert_number, value, 3.0, rel=1e-6)


@pytest.mark.parametrize(
    ("some", "other"),
    [
        (1, 1.0), (1, True), ([1], (1,)), ({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}), ("a", "b"), (None, 0),
        (np.zeros(2), np.zeros(3)), (np.zeros(2), np.zeros(2, np.float32)), ([1, 2], [1]), (0.0, 1e-300),
    ],
)  # fmt: skip
def test_equal_is_exact(some: Any, other: Any) -> None:
    violation(assert_equal, some, other)
    violation(assert_equal, other, some)
    assert_equal(some, some)


def test_nan_equals_nan() -> None:
    assert_equal({"x": [float("nan"), np.array([np.nan])]}, {"x": [float("nan"), np.array([np.nan])]})


def test_a_value_error_must_name_its_argument() -> None:
    def raises(type_name: str, text: str) -> Any:
        raise ImplementationError(type_name, text)

    assert_value_error("delta", raises, "ValueError", "delta must be positive. Received: 0")
    assert "name" in violation(assert_value_error, "delta", raises, "ValueError", "no").problem
    assert "ValueError" in violation(assert_value_error, "delta", raises, "TypeError", "delta").problem
    assert "refused" in violation(assert_value_error, "delta", lambda: 0.5).problem


def test_expect_shows_both_sides() -> None:
    expect(True, "fine")
    found = violation(expect, False, "The direction must be kept.", yours=[1.0], expected=[2.0])
    assert (found.problem, found.yours, found.expected) == ("The direction must be kept.", "[1.0]", "[2.0]")


def test_assert_tensor_tells_an_array_from_a_tensor() -> None:
    assert_tensor(tensor(0.0, np.float32), shape=(), dtype=np.float32)
    violation(assert_tensor, np.float32(0), shape=(), dtype=np.float32)
    violation(assert_tensor, 0.0, shape=(), dtype=np.float32)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.array([0.0, 2.5], np.float32), "[0.0, 2.5]"),
        (np.array([[1, 2]], np.int32), "[[1, 2]] int32"),
        (np.float16(0.1), "0.099975586 float16"),
        (np.zeros((0, 3), np.float32), "<empty, shape (0, 3)>"),
        (np.zeros((5, 6), np.float32), "<5×6: 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, …>"),
        (Record("Counts", ("tp", "fp"), (1.0, 2.0)), "Counts(tp=1.0, fp=2.0)"),
        ({"loss": 0.5}, "{'loss': 0.5}"),
        ((1,), "(1,)"),
        (float("nan"), "nan"),
        (1e30, "1e+30"),
        (np.array([True]), "[True]"),
        (np.array(1.5, np.float64).view(Tensor), "1.5 float64"),
    ],
)
def test_values_are_shown_short(value: Any, shown: str) -> None:
    assert show(value) == shown


@given(st.recursive(st.floats() | st.text() | st.none(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_any_value_is_shown_on_one_short_line(value: Any) -> None:
    assert len(show(value)) <= 96
    assert "\n" not in show(value)


def test_a_call_is_shown_as_one_would_write_it() -> None:
    from kata.waist.codec import KataName

    call = show_call(KataName("ch02_losses", "huber"), None, (np.float32([0]), np.float32([2])), {"delta": 1.0})
    assert call == "huber([0.0], [2.0], delta=1.0)"
