"""The checks: what is right passes, the first thing that is wrong is the one that is said."""

from types import SimpleNamespace
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
from kata.waist.codec import DTYPES, Earlier, Handle, KataName, Record, Tensor
from kata.waist.question import Answered, Question
from kata.waist.session import tensor
from kata.waist.show import show, show_apart, source
from kata.waist.transcript import transcribe


def violation(check: Any, *args: Any, **kwargs: Any) -> LawViolation:
    with pytest.raises(LawViolation) as caught:
        check(*args, **kwargs)
    return caught.value


def test_kind_comes_before_shape_before_dtype_before_value() -> None:
    wanted = {"expected": [1.0, 2.0], "dtype": np.float32}
    assert violation(assert_close, None, **wanted).yours == "None"
    assert "NumPy array" in violation(assert_close, np.zeros((3,), np.float64), **wanted).yours
    assert "shape" in violation(assert_close, tensor([[0.0]], np.float64), **wanted).problem
    assert "dtype" in violation(assert_close, tensor([0.0, 0.0], np.float64), **wanted).problem
    assert "1 of 2 values is wrong" in violation(assert_close, tensor([1.0, 0.0], np.float32), **wanted).problem
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
    assert "name" in violation(assert_value_error, "delta", raises, "ValueError", "base_delta is 0").problem
    assert_value_error("delta", raises, "ValueError", "`delta`=0")
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
        (np.array(0.1, np.float16), "0.1 float16"),
        (np.array([0.8, 0.1], np.float32), "[0.8, 0.1]"),
        (np.array(0.1 + 0.2), "0.3"),
        (0.1, "0.1"),
        (1e7, "10000000.0"),
        (np.array(1e-7, np.float32), "1e-07"),
        (np.float64(2.5), "np.float64(2.5)"),
        ([np.int64(3)], "[np.int64(3)]"),
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


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.array([1, 2]), "np.array([1, 2])"),
        (np.array([0.5], np.float16), "np.array([0.5], np.float16)"),
        (np.array([0.8], np.float32), "np.array([0.8], np.float32)"),
        (np.array([0.1 + 0.2]), "np.array([0.30000000000000004])"),
        (np.array([np.nan, -np.inf]), "np.array([np.nan, -np.inf])"),
        (np.array([True]), "np.array([True])"),
        (np.array([-0.0]), "np.array([-0.0])"),
        (np.array([1], np.uint8), "np.array([1], np.uint8)"),
        (np.array([1 + 2j]), "np.array([complex(1.0, 2.0)], np.complex128)"),
        (np.zeros((0, 3), np.float32), "np.zeros((0, 3), np.float32)"),
        (np.full((5, 6), 2.5), "np.full((5, 6), 2.5)"),
        (np.array([0.1], DTYPES["bfloat16"]), "np.array([0.1], tf.bfloat16.as_numpy_dtype)"),
        (tensor(1, np.int64), "tf.constant(1, tf.int64)"),
        (tensor([0.5, 1e-7], np.float32), "tf.constant([0.5, 1e-07])"),
        (tensor([1, 2], np.int32), "tf.constant([1, 2])"),
        (tensor(np.ones(8, np.float16)), "tf.constant(1.0, tf.float16, (8,))"),
        (np.float32(0.1), "np.float32(0.1)"),
        ([1, 0.1, (True,), {"a": None}], "[1, 0.1, (True,), {'a': None}]"),
        (Record("Counts", ("tp", "fp"), (1.0, 2)), "Counts(1.0, 2)"),
    ],
)
def test_what_goes_in_is_written_so_that_it_can_be_pasted(value: Any, written: str) -> None:
    assert source(value) == written


@given(st.sampled_from(sorted(DTYPES)), st.data())
def test_a_pasted_array_is_the_same_to_the_bit(name: str, data: st.DataObject) -> None:
    dtype = DTYPES[name]
    bits = data.draw(st.binary(min_size=4 * dtype.itemsize, max_size=4 * dtype.itemsize))
    array = np.frombuffer(bits, dtype) if name != "bool" else np.array([bit > 127 for bit in bits])
    tf = SimpleNamespace(bfloat16=SimpleNamespace(as_numpy_dtype=DTYPES["bfloat16"]))
    with np.errstate(all="ignore"):
        again = eval(source(array), {"np": np, "tf": tf})
    assert again.dtype == array.dtype
    parts = [again, array] if array.dtype.kind != "c" else [again.view(array.real.dtype), array.view(array.real.dtype)]
    assert all((a != a and b != b) or a.tobytes() == b.tobytes() for a, b in zip(*parts, strict=True))


def test_a_long_array_is_left_out_and_not_cut() -> None:
    assert source([np.arange(30.0).reshape(5, 6), 1], most=24) == "[<5×6 float64>, 1]"
    assert source(([1, 2, 3], 1), most_items=2) == "(<list of 3>, 1)"


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (0.0125, 0.0125000001, ("0.0125", "0.0125000001")),
        (np.array(1.0), np.array(1.0 + 1e-15), ("1.0", "1.000000000000001")),
        (np.float64(2.5), 2.5, ("np.float64(2.5)", "2.5")),
        (tensor([1], np.int64), np.array([1]), ("tf.constant([1], tf.int64)", "np.array([1])")),
        (1, 1.0, ("1", "1.0")),
    ],
)
def test_two_values_are_shown_with_the_digits_in_which_they_differ(one: Any, other: Any, shown: Any) -> None:
    assert show_apart(one, other) == shown


def test_of_a_large_result_the_difference_is_shown_and_where_it_is() -> None:
    one = {"loss": np.arange(30.0), "steps": [1, 2, 3]}
    other = {"loss": np.where(np.arange(30) == 7, 7.5, np.arange(30.0)), "steps": [1, 2, 3]}
    found = violation(assert_equal, one, other)
    assert (found.path, found.yours, found.expected) == (("['loss']", "[7]"), "7.0", "7.5")


def transcript(*pairs: Any) -> list[str]:
    questions, answers = zip(*pairs, strict=True)
    return [line.text for line in transcribe(questions, answers)]


def test_calls_are_shown_as_one_would_write_them() -> None:
    huber, f1 = KataName("ch02_losses", "huber"), KataName("ch05_metrics", "F1Score")
    x = np.array([0.5], np.float32)
    assert transcript((Question(huber, None, (x, [1]), {"delta": 1.0}), Answered(x, []))) == [
        "huber(np.array([0.5], np.float32), [1], delta=1.0)"
    ]
    metric = Handle(1, "F1Score")
    assert transcript(
        (Question(f1, None, (), {}), Answered(metric, [])),
        (Question(metric, "update_state", (x,), {}), Answered(None, [])),
        (Question(metric, "threshold", (), {}, read=True), Answered(0.5, [])),
    ) == ["f1_score = F1Score()", "f1_score.update_state(np.array([0.5], np.float32))", "f1_score.threshold"]


def test_what_came_back_goes_by_its_name_when_it_is_handed_in_again() -> None:
    step = KataName("ch03_optimizers", "sgd_step")
    w, m = np.zeros(2), np.ones(2)
    first = Question(step, None, (w, m), {}), Answered((w, [Handle(1, "Adam")], Record("S", ("m",), (m,))), [])
    second = Question(step, None, (Earlier(0, 1), Handle(1, "")), {}), Answered(None, [])
    assert transcript(first, second)[1] == "sgd_step(result1[2].m, result1[1][0])"
    assert transcript(first, second)[0].startswith("result1 = sgd_step(")


def test_a_subclass_of_value_error_is_one() -> None:
    def raises(type_name: str, *bases: str) -> Any:
        raise ImplementationError(type_name, "delta", bases=bases)

    assert_value_error("delta", raises, "BadDelta", "ValueError", "Exception")
    assert_value_error(None, raises, "UnicodeError", "ValueError")
    assert_value_error("", raises, "ValueError")
    assert "ValueError" in violation(assert_value_error, None, raises, "KeyError", "LookupError").problem
    assert violation(assert_value_error, None, lambda: 0.5).expected == "ValueError"
