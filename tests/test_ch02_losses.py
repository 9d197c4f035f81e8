"""The laws of chapter 2: losses."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kata.testing import (
    assert_close,
    assert_equal,
    assert_number,
    assert_value_error,
    chapter,
    eps,
    examples,
    expect,
    probes,
    read,
    smallest,
    tensor,
)
from tests import strategies
from tests.oracles import ch02_losses as oracle

losses = chapter("ch02_losses")
common = probes("common")
here = probes("ch02_losses")

GRADIENTS = 25  # examples of a law about gradients
UNDERFLOW = 128 * smallest(np.float32)  # what is lost with a flushed label, divided by a probability of 1/128 or more
GRAPHS = 3  # examples of a law inside tf.function: every new shape is a new trace


def array(*rows, dtype=np.float32):
    """A float32 array, for cases worked by hand."""
    return np.array(rows, dtype)


def close(actual, expected, dtype, *, scale=None, atol=0.0):
    """`assert_close`, which asks for nothing that underflows.

    A square of 1e-30 is 0 in float32, and a float32 label of 1e-39 may be 0 once it is cast to float64.
    """
    assert_close(actual, expected, dtype=dtype, scale=scale, atol=atol + max(smallest(dtype), UNDERFLOW))


def nested_tuples(value):
    """Lists in lists as tuples in tuples; a number as it is."""
    return tuple(nested_tuples(item) for item in value) if isinstance(value, list) else value


FORMS = {
    "an array": np.asarray,
    "a tensor": tensor,
    "lists": lambda values: values.tolist(),
    "tuples": lambda values: nested_tuples(values.tolist()),
}
forms = st.tuples(st.sampled_from(list(FORMS)), st.sampled_from(list(FORMS)))
"""In which form labels and predictions are handed over."""


def formed(values, names):
    """Each of `values` in the form of that name."""
    return [FORMS[name](value) for value, name in zip(values, names, strict=True)]


def assert_in_graph(kata, y_true, y_pred, value, gradient, *, scale=None, atol=0.0, **kwargs):
    """Value and gradient from inside `tf.function` are `value` and `gradient`."""
    answer = here.in_graph(kata, y_true, y_pred, **kwargs)
    close(answer[0], value, y_pred.dtype, scale=scale, atol=atol)
    close(answer[1], gradient, y_pred.dtype, scale=1.0 if scale is None else scale, atol=atol)


# Regression

GRADIENT_DTYPES = (np.float32, np.float32, np.float64, np.float16)
any_shape = strategies.shapes(min_dims=0, max_dims=4, max_side=3)
deltas = st.one_of(strategies.floats(0.125, 8.0), st.integers(1, 4), st.sampled_from([1e-12, 2**-10, 0.1, 1000.0]))
modest_weights = st.one_of(strategies.floats(0.125, 8.0), st.integers(1, 5), st.sampled_from([0.001, 0.1]))
"""With these the sum of some dozen squares fits into float16."""
under_weights = modest_weights | st.just(1000.0)


@st.composite
def targets(draw, dtypes=strategies.FLOATS):
    """(y_true, y_pred) of one dtype and one shape: any rank from 0 to 4."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(any_shape)
    return draw(strategies.arrays(shape, dtype=dtype)), draw(strategies.arrays(shape, dtype=dtype))


BOTH_SIGNS = (array([1.0, -2.0, 0.0], [4.0, 0.5, -3.0]), array([3.0, 1.0, 0.0], [-1.0, 0.0, -6.0]))
DOUBLES = tuple(values.astype(np.float64) / 3 for values in BOTH_SIGNS)  # thirds: no float32 holds them
PERFECT = (array(1.0, 2.0), array(1.0, 2.0))
FAR_OFF = (array(2e6, -3e3, 0, 0.5), array(-1e6, 2e3, 1e-3, 0.5))
SO_CLOSE = (array(1e-6, 0, 3e-7), array(0, 1e-6, 0))
MANY = (np.sin(np.arange(600.0)).reshape(200, 3).astype(np.float32), np.ones((200, 3), np.float32))
WHOLE_LABELS = (np.array([1, -1000, 2**24 + 1]), np.array([1.75, -999.5, 2**24]))  # float32 skips 2²⁴ + 1

LABEL_DTYPES = (np.int32, np.int64, np.int8, np.uint8, np.uint16, np.bool_, np.float16, np.float32, np.float64)


@st.composite
def labelled(draw, dtypes=strategies.FLOATS, *, shape=any_shape, high=5):
    """Labels of any dtype, and predictions of a dtype of their own with digits after the point."""
    labels_dtype, dtype, size = draw(st.sampled_from(LABEL_DTYPES)), draw(st.sampled_from(dtypes)), draw(shape)
    low = 0 if labels_dtype in (np.uint8, np.uint16, np.bool_) else -high
    labels = draw(hnp.arrays(np.int64, size, elements=st.integers(low, high), fill=st.nothing()))
    return labels.astype(labels_dtype), draw(strategies.arrays(size, low=-5, high=5, dtype=dtype))


single = labelled((np.float32,))


def off_the_kink(pair):
    """The pair with no error of exactly 0."""
    y_true, y_pred = pair
    return y_true, np.where(y_pred == y_true.astype(y_pred.dtype), y_pred + y_pred.dtype.type(1), y_pred)


@pytest.mark.kata("mean_squared_error")
class TestMeanSquaredError:
    def test_worked_example(self):
        """Errors −½ and 1 give (¼ + 1) / 2."""
        loss = losses.mean_squared_error(y_true=array(1, 2), y_pred=array(1.5, 1))
        assert_close(loss, (0.25 + 1) / 2, dtype=np.float32)

    @given(pair=targets())
    @example(pair=BOTH_SIGNS)
    @example(pair=DOUBLES)
    @example(pair=FAR_OFF)
    @example(pair=MANY)
    def test_is_the_mean_square_over_all_elements(self, pair):
        """(1/n) Σ (y − ŷ)² over every element, a scalar of the prediction's dtype and precision."""
        y_true, y_pred = pair
        close(losses.mean_squared_error(y_true, y_pred), oracle.mean_squared_error(y_true, y_pred), y_pred.dtype)

    @examples(40)
    @given(pair=labelled())
    @example(pair=WHOLE_LABELS)
    def test_labels_are_cast_to_the_predictions(self, pair):
        """Integers, booleans and other floats as labels take the dtype of the predictions."""
        y_true, y_pred = pair
        close(losses.mean_squared_error(y_true, y_pred), oracle.mean_squared_error(y_true, y_pred), y_pred.dtype)

    @examples(15)
    @given(pair=single, names=forms)
    @example(pair=BOTH_SIGNS, names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, pair, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        close(losses.mean_squared_error(*formed(pair, names)), oracle.mean_squared_error(*pair), np.float32)

    @examples(GRADIENTS)
    @given(pair=targets(GRADIENT_DTYPES))
    def test_gradient(self, pair):
        """The gradient in ŷ is 2(ŷ − y)/n."""
        y_true, y_pred = pair
        gradient = common.gradient(losses.mean_squared_error, y_true, y_pred)
        close(gradient, oracle.mean_squared_error_gradient(y_true, y_pred), y_pred.dtype, scale=1 / y_pred.size)

    @examples(GRAPHS)
    @given(pair=labelled(GRADIENT_DTYPES))
    def test_same_inside_tf_function(self, pair):
        """`tf.function` changes neither value nor gradient."""
        value, gradient = oracle.mean_squared_error(*pair), oracle.mean_squared_error_gradient(*pair)
        assert_in_graph(losses.mean_squared_error, *pair, value, gradient)


@pytest.mark.kata("mean_absolute_error")
class TestMeanAbsoluteError:
    def test_worked_example(self):
        """Errors −½ and 1 give (½ + 1) / 2."""
        loss = losses.mean_absolute_error(y_true=array(1, 2), y_pred=array(1.5, 1))
        assert_close(loss, (0.5 + 1) / 2, dtype=np.float32)

    def test_perfect_prediction_costs_nothing(self):
        """Where every error is 0, the loss is exactly 0."""
        assert_close(losses.mean_absolute_error(*PERFECT), 0.0, dtype=np.float32)

    @given(pair=targets())
    @example(pair=BOTH_SIGNS)
    @example(pair=DOUBLES)
    @example(pair=FAR_OFF)
    @example(pair=MANY)
    def test_is_the_mean_size_over_all_elements(self, pair):
        """(1/n) Σ |y − ŷ| over every element, a scalar of the prediction's dtype and precision."""
        y_true, y_pred = pair
        close(losses.mean_absolute_error(y_true, y_pred), oracle.mean_absolute_error(y_true, y_pred), y_pred.dtype)

    @examples(40)
    @given(pair=labelled())
    @example(pair=WHOLE_LABELS)
    def test_labels_are_cast_to_the_predictions(self, pair):
        """Integers, booleans and other floats as labels take the dtype of the predictions."""
        y_true, y_pred = pair
        close(losses.mean_absolute_error(y_true, y_pred), oracle.mean_absolute_error(y_true, y_pred), y_pred.dtype)

    @examples(15)
    @given(pair=single, names=forms)
    @example(pair=BOTH_SIGNS, names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, pair, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        close(losses.mean_absolute_error(*formed(pair, names)), oracle.mean_absolute_error(*pair), np.float32)

    @examples(GRADIENTS)
    @given(pair=targets(GRADIENT_DTYPES))
    @example(pair=FAR_OFF)
    def test_gradient(self, pair):
        """The gradient in ŷ is +1/n where ŷ is too high, −1/n where it is too low."""
        y_true, y_pred = off_the_kink(pair)  # the kink has a law of its own
        gradient = common.gradient(losses.mean_absolute_error, y_true, y_pred)
        close(gradient, oracle.mean_absolute_error_gradient(y_true, y_pred), y_pred.dtype)

    def test_gradient_of_a_perfect_prediction_is_finite(self):
        """At e = 0 any slope between −1/n and 1/n is right; NaN is not."""
        gradient = common.gradient(losses.mean_absolute_error, *PERFECT)
        expect(gradient is not None, "There must be a gradient.", yours=gradient)
        within = np.abs(np.asarray(gradient, np.float64)) <= 0.5 * (1 + 32 * eps(np.float32))
        expect(
            within.all(), "At a perfect prediction every slope must be within ±1/n.", yours=gradient, expected="±0.5"
        )

    @examples(GRAPHS)
    @given(pair=labelled(GRADIENT_DTYPES))
    def test_same_inside_tf_function(self, pair):
        """`tf.function` changes neither value nor gradient."""
        pair = off_the_kink(pair)
        value, gradient = oracle.mean_absolute_error(*pair), oracle.mean_absolute_error_gradient(*pair)
        assert_in_graph(losses.mean_absolute_error, *pair, value, gradient)


def held_in(y_pred, delta):
    """`delta`, or the smallest that float16 takes part with: below, it and its square are lost."""
    return max(delta, 2**-10) if y_pred.dtype == np.float16 else delta


@pytest.mark.kata("huber")
class TestHuber:
    def test_worked_example(self):
        """With δ = 1, errors ½ and −3 give (½·¼ + (3 − ½)) / 2."""
        loss = losses.huber(y_true=array(0, 0), y_pred=array(-0.5, 3.0))
        assert_close(loss, (0.5 * 0.25 + (3 - 0.5)) / 2, dtype=np.float32)

    def test_worked_example_of_delta(self):
        """With δ = 2, errors 1.5, 2 and 3 give (½·2.25 + ½·4 + (2·3 − 2)) / 3."""
        loss = losses.huber(array(0, 0, 0), array(1.5, 2, 3), delta=2.0)
        assert_close(loss, (0.5 * 2.25 + 0.5 * 4 + (2 * 3 - 2)) / 3, dtype=np.float32)

    @given(pair=targets(), delta=deltas)
    @example(pair=BOTH_SIGNS, delta=0.5)
    @example(pair=DOUBLES, delta=0.1)
    @example(pair=FAR_OFF, delta=2)
    @example(pair=FAR_OFF, delta=1e5)
    @example(pair=BOTH_SIGNS, delta=1e-12)
    @example(pair=MANY, delta=0.75)
    def test_is_quadratic_inside_delta_and_linear_beyond(self, pair, delta):
        """½e² where |e| ≤ δ, δ|e| − ½δ² beyond, averaged over all elements."""
        y_true, y_pred = pair
        delta = held_in(y_pred, delta)
        expected = oracle.huber(y_true, y_pred, delta)
        # ½(e² − max(|e| − δ, 0)²) is right as well, and cancels: 4 roundings of e² are granted.
        scale = oracle.mean_squared_error(y_true, y_pred) / 8
        close(losses.huber(y_true, y_pred, delta=delta), expected, y_pred.dtype, scale=scale)

    @examples(10)
    @given(delta=st.one_of(strategies.floats(-10.0, -1e-6), st.integers(-3, 0)))
    @example(delta=0.0)
    @example(delta=0)
    @example(delta=-1e-6)
    def test_refuses_a_delta_of_zero_or_less(self, delta):
        """δ = 0 and δ < 0 are refused, with a ValueError that names `delta`."""
        assert_value_error("delta", losses.huber, array(1, 2), array(2, 5), delta=delta)

    @examples(25)
    @given(pair=labelled(), delta=deltas)
    @example(pair=WHOLE_LABELS, delta=1.0)
    def test_labels_are_cast_to_the_predictions(self, pair, delta):
        """Integers, booleans and other floats as labels take the dtype of the predictions."""
        y_true, y_pred = pair
        delta = held_in(y_pred, delta)
        scale = oracle.mean_squared_error(y_true, y_pred) / 8
        close(losses.huber(y_true, y_pred, delta=delta), oracle.huber(*pair, delta), y_pred.dtype, scale=scale)

    @examples(15)
    @given(pair=single, names=forms)
    @example(pair=BOTH_SIGNS, names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, pair, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        scale = oracle.mean_squared_error(*pair) / 8
        close(losses.huber(*formed(pair, names)), oracle.huber(*pair, 1.0), np.float32, scale=scale)

    @examples(GRADIENTS)
    @given(pair=targets(GRADIENT_DTYPES), delta=deltas)
    @example(pair=(array(0, 0, 0, 0), array(0, 2, -2, 1)), delta=2.0)
    @example(pair=FAR_OFF, delta=0.5)
    def test_gradient_is_the_clipped_error(self, pair, delta):
        """The gradient in ŷ is (ŷ − y)/n, held within ±δ/n: 0 where the error is 0, ±δ/n where it is ±δ."""
        y_true, y_pred = pair
        delta = held_in(y_pred, delta)
        gradient = common.gradient(losses.huber, y_true, y_pred, delta=delta)
        # ½(e² − max(|e| − δ, 0)²) cancels here too, at the size of e.
        scale = np.maximum(1.0, np.abs(y_true.astype(np.float64) - y_pred)) / y_pred.size
        close(gradient, oracle.huber_gradient(y_true, y_pred, delta), y_pred.dtype, scale=scale)

    @examples(GRAPHS)
    @given(pair=labelled(GRADIENT_DTYPES), delta=deltas)
    def test_same_inside_tf_function(self, pair, delta):
        """`tf.function` changes neither value nor gradient."""
        delta = held_in(pair[1], delta)
        value, gradient = oracle.huber(*pair, delta), oracle.huber_gradient(*pair, delta)
        assert_in_graph(losses.huber, *pair, value, gradient, scale=10.0, delta=delta)


@pytest.mark.kata("weighted_mse")
class TestWeightedMse:
    def test_worked_example(self):
        """One too low by 1, one too high by 2, weight 2: (2·1 + 4) / 2."""
        loss = losses.weighted_mse(y_true=array(3, 3), y_pred=array(2, 5))
        assert_close(loss, (2 * 1 + 4) / 2, dtype=np.float32)

    def test_worked_example_of_the_weight(self):
        """The same with weight 5: (5·1 + 4) / 2."""
        loss = losses.weighted_mse(array(3, 3), array(2, 5), under_weight=5.0)
        assert_close(loss, (5 * 1 + 4) / 2, dtype=np.float32)

    @given(pair=targets(), under_weight=under_weights)
    @example(pair=BOTH_SIGNS, under_weight=3)
    @example(pair=DOUBLES, under_weight=0.1)
    @example(pair=FAR_OFF, under_weight=0.5)
    @example(pair=SO_CLOSE, under_weight=1000.0)
    @example(pair=MANY, under_weight=7.0)
    def test_under_prediction_weighs_more(self, pair, under_weight):
        """u·e² where y > ŷ, e² elsewhere, averaged over all n elements."""
        y_true, y_pred = pair
        if y_pred.dtype == np.float16:
            under_weight = min(under_weight, 8.0)  # a sum of 1000·20² ends above float16's largest number
        loss = losses.weighted_mse(y_true, y_pred, under_weight=under_weight)
        # 1 + (u − 1) is right as well, and cancels for small u: hence the scale of the plain squares.
        scale = oracle.mean_squared_error(y_true, y_pred)
        close(loss, oracle.weighted_mse(y_true, y_pred, under_weight), y_pred.dtype, scale=scale)

    @examples(25)
    @given(pair=labelled(GRADIENT_DTYPES), under_weight=modest_weights)
    @example(pair=WHOLE_LABELS, under_weight=2.0)
    def test_labels_are_cast_to_the_predictions(self, pair, under_weight):
        """Integers, booleans and other floats as labels take the dtype of the predictions."""
        y_true, y_pred = pair
        loss = losses.weighted_mse(y_true, y_pred, under_weight=under_weight)
        scale = oracle.mean_squared_error(y_true, y_pred)
        close(loss, oracle.weighted_mse(y_true, y_pred, under_weight), y_pred.dtype, scale=scale)

    @examples(15)
    @given(pair=single, names=forms)
    @example(pair=BOTH_SIGNS, names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, pair, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        close(losses.weighted_mse(*formed(pair, names)), oracle.weighted_mse(*pair, 2.0), np.float32)

    @examples(GRADIENTS)
    @given(pair=targets(GRADIENT_DTYPES), under_weight=modest_weights)
    @example(pair=(array(0, 0, 0), array(0, 2, -2)), under_weight=3.0)
    def test_gradient(self, pair, under_weight):
        """The gradient in ŷ is 2w(ŷ − y)/n, with the weight of each side, and 0 where the error is 0."""
        y_true, y_pred = pair
        gradient = common.gradient(losses.weighted_mse, y_true, y_pred, under_weight=under_weight)
        scale = np.abs(oracle.mean_squared_error_gradient(y_true, y_pred))
        close(gradient, oracle.weighted_mse_gradient(y_true, y_pred, under_weight), y_pred.dtype, scale=scale)

    @examples(GRAPHS)
    @given(pair=labelled(GRADIENT_DTYPES), under_weight=modest_weights)
    def test_same_inside_tf_function(self, pair, under_weight):
        """`tf.function` changes neither value nor gradient."""
        value, gradient = oracle.weighted_mse(*pair, under_weight), oracle.weighted_mse_gradient(*pair, under_weight)
        assert_in_graph(losses.weighted_mse, *pair, value, gradient, scale=10.0, under_weight=under_weight)


# Cross-entropies of probabilities


def _unit(dtype, low=0.0, high=1.0):
    """Numbers of `dtype` in [low, high], the edges often."""
    low, high = float(np.dtype(dtype).type(low)), float(np.dtype(dtype).type(high))
    return st.one_of(strategies.numbers(dtype, low, high), st.sampled_from([low, high, 0.5]))


def clips(dtype):
    """An epsilon of the promised range, most often one that shows."""
    smallest_clip = 2**-8 if dtype == np.float16 else 1e-7
    return st.one_of(strategies.floats(2**-6, 0.49), strategies.floats(smallest_clip, 2**-6), st.just(0.1))


@st.composite
def answers(draw, dtypes=strategies.FLOATS):
    """(labels, probabilities, epsilon) of yes-or-no questions: hard and soft labels, sure and unsure answers."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(any_shape)
    y_true = draw(hnp.arrays(dtype, shape, elements=_unit(dtype), fill=st.nothing()))
    y_prob = draw(hnp.arrays(dtype, shape, elements=_unit(dtype), fill=st.nothing()))
    return y_true, y_prob, draw(clips(dtype))


@st.composite
def unclipped_or_far_outside(draw, shape):
    """Probabilities that a clip at 1/64 leaves alone, or holds for certain."""
    dtype = draw(st.sampled_from(GRADIENT_DTYPES))
    elements = st.one_of(_unit(dtype, 0.03125, 0.96875), st.sampled_from([0.0, 0.0078125, 0.9921875, 1.0]))
    return draw(hnp.arrays(dtype, shape, elements=elements, fill=st.nothing()))


@st.composite
def answers_with_slope(draw):
    """(labels, probabilities), away from the kinks of a clip at 1/64."""
    shape = draw(any_shape)
    y_true = draw(hnp.arrays(np.float32, shape, elements=_unit(np.float32), fill=st.nothing()))
    return y_true, draw(unclipped_or_far_outside(shape))


SLOPE_CLIP = 1 / 64


@st.composite
def yes_or_no(draw, values):
    """Labels of any dtype, 0 or 1 (a float may be soft), and as many predictions out of `values(dtype)`."""
    labels_dtype, dtype = draw(st.sampled_from(LABEL_DTYPES)), draw(st.sampled_from(strategies.FLOATS))
    shape = draw(any_shape)
    soft = np.issubdtype(labels_dtype, np.floating)
    labels = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 4 if soft else 1), fill=st.nothing()))
    predictions = draw(hnp.arrays(dtype, shape, elements=values(dtype), fill=st.nothing()))
    return (labels / 4 if soft else labels).astype(labels_dtype), predictions


def unsure(dtype):
    """Probabilities away from 0 and 1."""
    return _unit(dtype, 0.0625, 0.9375)


MANY_ANSWERS = (
    (np.arange(300.0) % 5 / 4).reshape(100, 3).astype(np.float32),
    oracle.softmax(np.sin(np.arange(300.0).reshape(100, 3))).astype(np.float32),
)


def _rounding_of_the_upper_edge(y_true, y_prob, epsilon):
    """What rounding 1 − p, or 1 − ε, to the nearest number of the dtype may cost: half an ulp of 1 over the rest."""
    left = np.maximum(1 - y_prob.astype(np.float64), epsilon)
    return eps(y_prob.dtype) * float(np.mean(np.abs(1 - y_true.astype(np.float64)) / left))


@pytest.mark.kata("binary_crossentropy")
class TestBinaryCrossentropy:
    def test_worked_example(self):
        """Given 0.8 for a yes and 0.4 for a no: −(log 0.8 + log 0.6) / 2."""
        loss = losses.binary_crossentropy(y_true=array(1, 0), y_prob=array(0.8, 0.4))
        assert_close(loss, -(math.log(0.8) + math.log(0.6)) / 2, dtype=np.float32)

    def test_certain_and_wrong_costs_sixteen(self):
        """At ε = 1e-7 a certain but wrong answer costs −log 1e-7 = 16.12 (15.94 if 1 − 1e-7 is rounded to float32)."""
        for label in (0, 1):
            loss = losses.binary_crossentropy(array(label), array(1 - label))
            assert_close(loss, -math.log(1e-7), dtype=np.float32, atol=0.2)

    def test_certain_and_right_costs_nothing(self):
        """A certain and right answer costs 0, up to ε."""
        loss = losses.binary_crossentropy(array(0, 1, 1), array(0, 1, 1))
        assert_close(loss, 1e-7, dtype=np.float32, atol=2 * eps(np.float32))

    @given(question=answers())
    @example(question=(array([1, 0], [0.5, 0.25]), array([0, 1], [0.5, 0.9]), 0.125))
    @example(question=(np.array([0.0, 1 / 3, 0.7]), np.array([1.0, 0.7, 1 / 3]), 0.1))
    @example(question=(*MANY_ANSWERS, 1e-7))
    @example(question=(array(1, 0, dtype=np.float16), array(0, 1, dtype=np.float16), 2e-3))
    def test_is_the_mean_surprise(self, question):
        """−[y log p + (1 − y) log(1 − p)], p clipped to [ε, 1 − ε], labels soft or hard, averaged over all elements."""
        y_true, y_prob, epsilon = question
        loss = losses.binary_crossentropy(y_true, y_prob, epsilon=epsilon)
        expected = oracle.binary_crossentropy(y_true, y_prob, epsilon)
        close(loss, expected, y_prob.dtype, scale=1.0, atol=_rounding_of_the_upper_edge(y_true, y_prob, epsilon))

    @examples(20)
    @given(question=yes_or_no(unsure))
    def test_labels_are_cast_to_the_predictions(self, question):
        """Integers, booleans and other floats as labels take the dtype of the probabilities."""
        y_true, y_prob = question
        epsilon = 0.01 if y_prob.dtype == np.float16 else 1e-7
        loss = losses.binary_crossentropy(y_true, y_prob, epsilon=epsilon)
        atol = _rounding_of_the_upper_edge(y_true, y_prob, epsilon)
        close(loss, oracle.binary_crossentropy(y_true, y_prob, epsilon), y_prob.dtype, scale=1.0, atol=atol)

    @examples(15)
    @given(names=forms)
    @example(names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        question = np.array([[1, 0], [1, 1]]), array([0.25, 0.5], [0.75, 0.875])
        loss = losses.binary_crossentropy(*formed(question, names))
        close(loss, oracle.binary_crossentropy(*question), np.float32, scale=1.0)

    @examples(GRADIENTS)
    @given(question=answers_with_slope())
    def test_gradient(self, question):
        """The gradient in p is (p − y) / (p(1 − p)) / n, and 0 where p is clipped."""
        y_true, y_prob = question
        gradient = common.gradient(losses.binary_crossentropy, y_true, y_prob, epsilon=SLOPE_CLIP)
        expected = oracle.binary_crossentropy_gradient(y_true, y_prob, SLOPE_CLIP)
        close(gradient, expected, y_prob.dtype, scale=1 / (SLOPE_CLIP * y_prob.size))

    def test_gradient_at_the_edges(self):
        """At p = 0 and p = 1 the clip holds, so the gradient is 0 and not NaN."""
        gradient = common.gradient(losses.binary_crossentropy, array(0, 1, 0, 1), array(0, 0, 1, 1))
        close(gradient, np.zeros(4), np.float32)

    @examples(GRAPHS)
    @given(question=answers_with_slope())
    def test_same_inside_tf_function(self, question):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.binary_crossentropy(*question, SLOPE_CLIP)
        gradient = oracle.binary_crossentropy_gradient(*question, SLOPE_CLIP)
        scale = 1 / SLOPE_CLIP
        assert_in_graph(losses.binary_crossentropy, *question, value, gradient, scale=scale, epsilon=SLOPE_CLIP)


@st.composite
def tables(draw, min_classes=1):
    """The shape (batch, classes), mostly two different numbers, one of them 1 now and then."""
    return draw(st.integers(1, 4)), draw(st.integers(min_classes, 5))


@st.composite
def choices(draw, dtypes=strategies.FLOATS):
    """(labels, probabilities, epsilon): one-hot or soft rows, and rows that need not sum to 1."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(tables())
    rows = st.one_of(strategies.one_hot(*shape, dtype=dtype), strategies.distributions(*shape, dtype=dtype))
    y_prob = draw(hnp.arrays(dtype, shape, elements=_unit(dtype), fill=st.nothing()))
    return draw(rows), y_prob, draw(clips(dtype))


@st.composite
def choices_with_slope(draw):
    """(labels, probabilities), away from the kinks of a clip at 1/64."""
    shape = draw(tables())
    labels = draw(st.one_of(strategies.one_hot(*shape), strategies.distributions(*shape)))
    return labels, draw(unclipped_or_far_outside(shape))


def many_rows(*, soft=False):
    """(labels, probabilities) of 300 samples and 13 classes, every class among the labels."""
    numbers = np.arange(300.0 * 13).reshape(300, 13)
    y_prob = oracle.softmax(3 * np.sin(numbers)).astype(np.float32)
    labels = np.arange(300) * 7 % 13
    return (oracle.softmax(np.cos(numbers)).astype(np.float32) if soft else labels), y_prob


MANY_CLASSES = (np.array([2049, 128, 0]), (np.arange(3.0 * 2050).reshape(3, 2050) * 37 % 97 / 128).astype(np.float16))
"""A label that neither a byte nor float16 holds: 2049 would be 2048 there."""


@pytest.mark.kata("categorical_crossentropy")
class TestCategoricalCrossentropy:
    def test_worked_example(self):
        """Given 0.8 and 0.6 for the true classes: −(log 0.8 + log 0.6) / 2, whatever the number of classes."""
        y_prob = array([0.8, 0.1, 0.1], [0.3, 0.6, 0.1])
        loss = losses.categorical_crossentropy(y_true=array([1, 0, 0], [0, 1, 0]), y_prob=y_prob)
        assert_close(loss, -(math.log(0.8) + math.log(0.6)) / 2, dtype=np.float32)

    def test_worked_example_of_soft_labels(self):
        """Half a label each on 0.6 and 0.3: −(½ log 0.6 + ½ log 0.3)."""
        loss = losses.categorical_crossentropy(array([0.5, 0.5, 0]), array([0.6, 0.3, 0.1]))
        assert_close(loss, -(0.5 * math.log(0.6) + 0.5 * math.log(0.3)), dtype=np.float32)

    def test_certain_and_wrong_costs_sixteen(self):
        """At ε = 1e-7 a true class with probability 0 costs −log 1e-7 = 16.12, and a certain one next to nothing."""
        loss = losses.categorical_crossentropy(array([1, 0], [0, 1]), array([0, 1], [0, 1]))
        assert_close(loss, -math.log(1e-7) / 2, dtype=np.float32)

    @given(sheet=choices())
    @example(sheet=(array([0.5, 0.5, 0]), array([0.4, 0.4, 0.0]), 0.125))
    @example(sheet=(array([1, 0], [0, 1]), array([1.0, 1.0], [0.25, 0.0]), 0.125))
    @example(sheet=(np.array([[0.9, 0.1], [1 / 3, 2 / 3]]), np.array([[0.0, 1.0], [0.7, 0.3]]), 0.1))
    @example(sheet=(*many_rows(soft=True), 1e-7))
    @example(sheet=(array([1, 0], dtype=np.float16), array([0, 1], dtype=np.float16), 2e-3))
    def test_is_the_mean_surprise_of_a_row(self, sheet):
        """−Σ_c y log p, p as given and clipped to [ε, 1 − ε], then the mean over the batch."""
        y_true, y_prob, epsilon = sheet
        loss = losses.categorical_crossentropy(y_true, y_prob, epsilon=epsilon)
        close(loss, oracle.categorical_crossentropy(y_true, y_prob, epsilon), y_prob.dtype, scale=1.0)

    @examples(15)
    @given(labels_dtype=st.sampled_from(LABEL_DTYPES), dtype=st.sampled_from(GRADIENT_DTYPES), label=st.integers(0, 2))
    def test_labels_are_cast_to_the_predictions(self, labels_dtype, dtype, label):
        """Integers, booleans and other floats as one-hot labels take the dtype of the probabilities."""
        y_true = oracle.one_hot([label, 1], 3).astype(labels_dtype)
        y_prob = array([0.5, 0.25, 0.25], [0.125, 0.75, 0.125], dtype=dtype)
        expected = oracle.categorical_crossentropy(y_true, y_prob)
        close(losses.categorical_crossentropy(y_true, y_prob), expected, dtype)

    @examples(15)
    @given(names=forms)
    @example(names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        sheet = np.array([[0, 0, 1], [1, 0, 0]]), array([0.5, 0.25, 0.25], [0.125, 0.75, 0.125])
        loss = losses.categorical_crossentropy(*formed(sheet, names))
        close(loss, oracle.categorical_crossentropy(*sheet), np.float32)

    @examples(GRADIENTS)
    @given(sheet=choices_with_slope())
    def test_gradient(self, sheet):
        """The gradient in p is −y/p over the batch size, and 0 where p is clipped."""
        gradient = common.gradient(losses.categorical_crossentropy, *sheet, epsilon=SLOPE_CLIP)
        close(gradient, oracle.categorical_crossentropy_gradient(*sheet, SLOPE_CLIP), sheet[1].dtype)

    def test_gradient_at_the_edges(self):
        """At p = 0 and p = 1 the clip holds, so the gradient is 0 and not NaN."""
        sheet = array([1, 0, 0], [0, 1, 0]), array([0, 1, 0], [0, 1, 0])
        close(common.gradient(losses.categorical_crossentropy, *sheet), np.zeros((2, 3)), np.float32)

    @examples(GRAPHS)
    @given(sheet=choices_with_slope())
    def test_same_inside_tf_function(self, sheet):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.categorical_crossentropy(*sheet, SLOPE_CLIP)
        gradient = oracle.categorical_crossentropy_gradient(*sheet, SLOPE_CLIP)
        assert_in_graph(losses.categorical_crossentropy, *sheet, value, gradient, scale=1.0, epsilon=SLOPE_CLIP)


@st.composite
def classes_of(draw, batch, classes):
    """(batch,) integer labels of any kind, most often int32 or int64."""
    dtype = draw(st.sampled_from([np.int32, np.int64, np.int32, np.int64, np.int8, np.uint8, np.int16, np.uint16]))
    return draw(hnp.arrays(dtype, (batch,), elements=st.integers(0, classes - 1), fill=st.nothing()))


@st.composite
def sparse_choices(draw, dtypes=strategies.FLOATS):
    """(labels, probabilities, epsilon), rows that need not sum to 1."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(tables())
    y_prob = draw(hnp.arrays(dtype, shape, elements=_unit(dtype), fill=st.nothing()))
    return draw(classes_of(*shape)), y_prob, draw(clips(dtype))


@st.composite
def sparse_choices_with_slope(draw):
    """(labels, probabilities), away from the kinks of a clip at 1/64."""
    shape = draw(tables())
    return draw(classes_of(*shape)), draw(unclipped_or_far_outside(shape))


@pytest.mark.kata("sparse_categorical_crossentropy")
class TestSparseCategoricalCrossentropy:
    def test_worked_example(self):
        """Given 0.8 and 0.6 for the true classes 0 and 1: −(log 0.8 + log 0.6) / 2."""
        y_prob = array([0.8, 0.1, 0.1], [0.3, 0.6, 0.1])
        loss = losses.sparse_categorical_crossentropy(labels=np.array([0, 1]), y_prob=y_prob)
        assert_close(loss, -(math.log(0.8) + math.log(0.6)) / 2, dtype=np.float32)

    def test_certain_and_wrong_costs_sixteen(self):
        """At ε = 1e-7 a true class with probability 0 costs −log 1e-7 = 16.12, and a certain one next to nothing."""
        loss = losses.sparse_categorical_crossentropy(np.array([0, 1]), array([0, 1], [0, 1]))
        assert_close(loss, -math.log(1e-7) / 2, dtype=np.float32)

    @given(sheet=sparse_choices())
    @example(sheet=(np.array([2, 0]), array([0.5, 0.5, 1.0], [0.75, 0.5, 0.0]), 0.125))
    @example(sheet=(np.array([1, 0, 1], np.uint8), np.array([[1, 0], [0, 1], [1 / 3, 2 / 3]]), 0.1))
    @example(sheet=(*many_rows(), 1e-7))
    @example(sheet=(*MANY_CLASSES, 2e-3))
    def test_is_the_surprise_at_the_true_class(self, sheet):
        """−log p of each row's own class, p as given and clipped to [ε, 1 − ε], then the mean over the batch."""
        labels, y_prob, epsilon = sheet
        loss = losses.sparse_categorical_crossentropy(labels, y_prob, epsilon=epsilon)
        close(loss, oracle.sparse_categorical_crossentropy(labels, y_prob, epsilon), y_prob.dtype, scale=1.0)

    @examples(25)
    @given(sheet=sparse_choices(dtypes=(np.float32,)))
    def test_equals_the_categorical_loss_of_one_hot_labels(self, sheet):
        """Integer labels and their one-hot rows cost the same."""
        labels, y_prob, epsilon = sheet
        loss = losses.sparse_categorical_crossentropy(tensor(labels), tensor(y_prob), epsilon=epsilon)
        one_hot = oracle.one_hot(labels, y_prob.shape[1])
        close(loss, oracle.categorical_crossentropy(one_hot, y_prob, epsilon), np.float32, scale=1.0)

    @examples(15)
    @given(names=forms)
    @example(names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        sheet = np.array([2, 0]), array([0.5, 0.25, 0.25], [0.125, 0.75, 0.125])
        loss = losses.sparse_categorical_crossentropy(*formed(sheet, names))
        close(loss, oracle.sparse_categorical_crossentropy(*sheet), np.float32)

    @examples(15)
    @given(sheet=sparse_choices_with_slope())
    def test_gradient(self, sheet):
        """The gradient in p is −1/p over the batch size at the true class, and 0 elsewhere and where p is clipped."""
        gradient = common.gradient(losses.sparse_categorical_crossentropy, *sheet, epsilon=SLOPE_CLIP)
        close(gradient, oracle.sparse_categorical_crossentropy_gradient(*sheet, SLOPE_CLIP), sheet[1].dtype)

    def test_gradient_at_the_edges(self):
        """At p = 0 and p = 1 the clip holds, so the gradient is 0 and not NaN."""
        gradient = common.gradient(losses.sparse_categorical_crossentropy, np.array([0, 1]), array([0, 1], [0, 1]))
        close(gradient, np.zeros((2, 2)), np.float32)

    @examples(GRAPHS)
    @given(sheet=sparse_choices_with_slope())
    def test_same_inside_tf_function(self, sheet):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.sparse_categorical_crossentropy(*sheet, SLOPE_CLIP)
        gradient = oracle.sparse_categorical_crossentropy_gradient(*sheet, SLOPE_CLIP)
        assert_in_graph(losses.sparse_categorical_crossentropy, *sheet, value, gradient, scale=1.0, epsilon=SLOPE_CLIP)


# Cross-entropies of logits


def _logits(dtype):
    """Logits as a model gives them, and now and then far too large: up to ±1e4, in float16 ±1e3 so that sums fit."""
    edge = 1e3 if dtype == np.float16 else 1e4
    usual, far = strategies.numbers(dtype, -16, 16), strategies.numbers(dtype, -edge, edge)
    return st.one_of(usual, usual, far, st.sampled_from([edge, -edge]))


def _cancellation(logits):
    """The absolute error of a difference between two numbers as large as the logits, as the contract grants it."""
    return 4 * eps(logits.dtype) * max(1.0, float(np.max(np.abs(logits.astype(np.float64)))))


@st.composite
def logit_answers(draw, dtypes=strategies.FLOATS):
    """(labels, logits) of yes-or-no questions, labels hard and soft."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(strategies.shapes(min_dims=0, max_dims=3, max_side=3))
    y_true = draw(hnp.arrays(dtype, shape, elements=_unit(dtype), fill=st.nothing()))
    return y_true, draw(hnp.arrays(dtype, shape, elements=_logits(dtype), fill=st.nothing()))


def moderate(dtype):
    """Logits that no dtype finds large."""
    return strategies.numbers(dtype, -8, 8)


HUGE_IN_HALF = (array(0, 1, 0.5, dtype=np.float16), array(1e4, -1e4, 80, dtype=np.float16))
AT_ZERO = (array(0, 1, 0.5, 0.25), array(0, 0, 0, 0))


@pytest.mark.kata("binary_crossentropy_from_logits")
class TestBinaryCrossentropyFromLogits:
    def test_worked_example(self):
        """Logit 0 costs log 2 for either label; logit 50 with label 0 costs 50: (log 2 + 50) / 2."""
        loss = losses.binary_crossentropy_from_logits(y_true=array(1, 0), logits=array(0, 50))
        assert_close(loss, (math.log(2) + 50) / 2, dtype=np.float32)

    def test_huge_logits_cost_their_size(self):
        """Logits of ±1e4 cost 1e4 when they are wrong, and 0 when they are right."""
        loss = losses.binary_crossentropy_from_logits(array(0, 1, 1, 0), array(1e4, -1e4, 1e4, -1e4))
        assert_close(loss, 2e4 / 4, dtype=np.float32)

    @given(question=logit_answers())
    @example(question=(array(0.5, 0.25, 0, 1), array(2, -3, 100, -40)))
    @example(question=(MANY_ANSWERS[0], (40 * MANY_ANSWERS[1] - 20)))
    @example(question=(np.array([0.1, 1 / 3, 0.7]), np.array([1 / 3, -0.1, 2 / 3])))
    @example(question=HUGE_IN_HALF)
    def test_is_the_mean_surprise(self, question):
        """−[y log σ(z) + (1 − y) log(1 − σ(z))] without a clip, labels soft or hard, averaged over all elements."""
        y_true, logits = question
        loss = losses.binary_crossentropy_from_logits(y_true, logits)
        expected = oracle.binary_crossentropy_from_logits(y_true, logits)
        close(loss, expected, logits.dtype, atol=_cancellation(logits))

    @examples(20)
    @given(question=yes_or_no(moderate))
    def test_labels_are_cast_to_the_predictions(self, question):
        """Integers, booleans and other floats as labels take the dtype of the logits."""
        y_true, logits = question
        loss = losses.binary_crossentropy_from_logits(y_true, logits)
        expected = oracle.binary_crossentropy_from_logits(y_true, logits)
        close(loss, expected, logits.dtype, scale=1.0, atol=_cancellation(logits))

    @examples(15)
    @given(names=forms)
    @example(names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        question = np.array([[1, 0], [1, 1]]), array([-2, -0.5], [1, 3])
        loss = losses.binary_crossentropy_from_logits(*formed(question, names))
        close(loss, oracle.binary_crossentropy_from_logits(*question), np.float32, scale=1.0)

    @examples(GRADIENTS)
    @given(question=logit_answers(GRADIENT_DTYPES))
    @example(question=(array(0, 1, 1, 0), array(1e4, -1e4, 1e4, -1e4)))
    @example(question=HUGE_IN_HALF)
    def test_gradient(self, question):
        """The gradient in z is (σ(z) − y)/n, finite and not 0 however wrong a logit is."""
        y_true, logits = question
        gradient = common.gradient(losses.binary_crossentropy_from_logits, y_true, logits)
        expected = oracle.binary_crossentropy_from_logits_gradient(y_true, logits)
        close(gradient, expected, logits.dtype, scale=1 / logits.size)

    def test_gradient_at_zero(self):
        """At z = 0 the gradient is (½ − y)/n: the loss is smooth there, whatever kinks its formula is pieced from."""
        gradient = common.gradient(losses.binary_crossentropy_from_logits, *AT_ZERO)
        close(gradient, (0.5 - AT_ZERO[0].astype(np.float64)) / 4, np.float32, scale=0.25)

    @examples(GRAPHS)
    @given(question=logit_answers(GRADIENT_DTYPES))
    def test_same_inside_tf_function(self, question):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.binary_crossentropy_from_logits(*question)
        gradient = oracle.binary_crossentropy_from_logits_gradient(*question)
        atol = _cancellation(question[1])
        assert_in_graph(losses.binary_crossentropy_from_logits, *question, value, gradient, atol=atol)


@st.composite
def logit_choices(draw, dtypes=strategies.FLOATS):
    """(labels, logits): every row on its own level, far from the others now and then."""
    dtype = draw(st.sampled_from(dtypes))
    batch, classes = draw(tables())
    logits = draw(hnp.arrays(dtype, (batch, classes), elements=_logits(dtype), fill=st.nothing()))
    if draw(st.booleans()):
        edge = 500 if dtype == np.float16 else 5000
        level = draw(hnp.arrays(np.int64, (batch, 1), elements=st.integers(-edge, edge), fill=st.nothing()))
        logits = (logits.clip(-edge, edge) + level).astype(dtype)
    return draw(classes_of(batch, classes)), logits


FAR_IN_HALF = (np.array([1, 0]), array([1e4, -1e4], [80, 0], dtype=np.float16))
FAR_APART = (np.array([0, 1, 1]), array([5000, 4999, 4000], [-5000, -5001, -9000], [10, 7, 3]))


@pytest.mark.kata("sparse_categorical_crossentropy_from_logits")
class TestSparseCategoricalCrossentropyFromLogits:
    def test_worked_example(self):
        """Logits (0, 0, 0) cost log 3; (log 3, 0, 0) with class 1 cost log 5: (log 3 + log 5) / 2."""
        logits = array([0, 0, 0], [math.log(3), 0, 0])
        loss = losses.sparse_categorical_crossentropy_from_logits(labels=np.array([0, 1]), logits=logits)
        assert_close(loss, (math.log(3) + math.log(5)) / 2, dtype=np.float32)

    def test_huge_logits_cost_their_distance(self):
        """Logits 1e4 and 0: the wrong class costs 1e4, the right one 0; likewise 0 and −1e4."""
        logits = array([1e4, 0], [1e4, 0], [0, -1e4], [0, -1e4])
        loss = losses.sparse_categorical_crossentropy_from_logits(np.array([0, 1, 0, 1]), logits)
        assert_close(loss, 2e4 / 4, dtype=np.float32)

    @given(sheet=logit_choices())
    @example(sheet=FAR_APART)
    @example(sheet=FAR_IN_HALF)
    @example(sheet=(many_rows()[0], 10 * many_rows()[1]))
    @example(sheet=(MANY_CLASSES[0], 16 * MANY_CLASSES[1]))
    def test_is_the_surprise_at_the_true_class(self, sheet):
        """log Σ_c e^z_c − z of each row's own class, then the mean over the batch, for logits up to ±1e4."""
        labels, logits = sheet
        loss = losses.sparse_categorical_crossentropy_from_logits(labels, logits)
        expected = oracle.sparse_categorical_crossentropy_from_logits(labels, logits)
        close(loss, expected, logits.dtype, atol=_cancellation(logits))

    @examples(30)
    @given(shape=tables(), data=st.data())
    def test_a_constant_added_to_a_row_changes_nothing(self, shape, data):
        """Only differences within a row count: every row may be moved by a constant of its own."""
        logits = data.draw(hnp.arrays(np.float32, shape, elements=st.integers(-20, 20), fill=st.nothing()))
        level = data.draw(hnp.arrays(np.float32, (shape[0], 1), elements=st.integers(-9900, 9900), fill=st.nothing()))
        labels, moved = data.draw(classes_of(*shape)), logits + level
        before = losses.sparse_categorical_crossentropy_from_logits(labels, logits)
        after = losses.sparse_categorical_crossentropy_from_logits(labels, moved)
        close(after, np.float64(before), np.float32, atol=_cancellation(moved))

    @examples(15)
    @given(names=forms)
    @example(names=("lists", "lists"))
    def test_takes_lists_and_tensors(self, names):
        """Lists, tuples and tensors serve as well as arrays, in any mix."""
        sheet = np.array([2, 0]), array([1, -2, 0.5], [0, 3, -1])
        loss = losses.sparse_categorical_crossentropy_from_logits(*formed(sheet, names))
        close(loss, oracle.sparse_categorical_crossentropy_from_logits(*sheet), np.float32, scale=1.0)

    @examples(20)
    @given(sheet=logit_choices(dtypes=GRADIENT_DTYPES))
    @example(sheet=FAR_APART)
    @example(sheet=FAR_IN_HALF)
    @example(sheet=(np.array([0, 1]), array([0, 0, 0], [7, 7, -7])))
    def test_gradient(self, sheet):
        """The gradient in z is (softmax − one-hot) over the batch size, finite however large the logits are."""
        labels, logits = sheet
        gradient = common.gradient(losses.sparse_categorical_crossentropy_from_logits, labels, logits)
        expected = oracle.sparse_categorical_crossentropy_from_logits_gradient(labels, logits)
        close(gradient, expected, logits.dtype, scale=1 / len(labels), atol=_cancellation(logits) / len(labels))

    @examples(GRAPHS)
    @given(sheet=logit_choices(dtypes=GRADIENT_DTYPES))
    def test_same_inside_tf_function(self, sheet):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.sparse_categorical_crossentropy_from_logits(*sheet)
        gradient = oracle.sparse_categorical_crossentropy_from_logits_gradient(*sheet)
        kata = losses.sparse_categorical_crossentropy_from_logits
        assert_in_graph(kata, *sheet, value, gradient, atol=_cancellation(sheet[1]))


# Focal loss

gammas = st.one_of(strategies.floats(0.0, 5.0), st.integers(0, 10))
alphas = st.one_of(strategies.floats(0.0625, 2.0), st.integers(1, 8))
REDUCTIONS = ("sum_over_batch_size", "sum", None, "mean", "mean_with_sample_weight", "none")


@st.composite
def focal_sheets(draw, *, certain=True):
    """(labels, probabilities), float32: labels one-hot or soft, rows that sum to 1, with zeros if `certain`."""
    shape = draw(tables(min_classes=2))
    labels = draw(st.one_of(strategies.one_hot(*shape), strategies.distributions(*shape)))
    if certain and draw(st.booleans()):
        return labels, draw(st.one_of(strategies.one_hot(*shape), strategies.distributions(*shape)))
    return labels, oracle.softmax(draw(strategies.arrays(shape, low=-3, high=3))).astype(np.float32)


SOFT = (array([0.5, 0.5, 0], [0, 0, 1]), array([0.75, 0.125, 0.125], [0.25, 0.25, 0.5]))
EDGES = (array([1, 0], [1, 0], [0.5, 0.5]), array([0, 1], [1, 0], [0, 1]))
BY_HAND = (array([1, 0], [0, 1]), array([0.5, 0.5], [0.2, 0.8]))


def reduced(values, weights, reduction):
    """What Keras makes of weighed values per sample."""
    weighed = values * weights
    if reduction in (None, "none"):
        return weighed
    if reduction == "sum":
        return weighed.sum()
    if reduction == "mean_with_sample_weight":
        return weighed.sum() / weights.sum()
    return weighed.mean()


@pytest.mark.kata("FocalLoss")
class TestFocalLoss:
    def test_worked_example(self):
        """With γ = 2 and α = 1, probabilities 0.5 and 0.8 cost 0.5²·log 2 and 0.2²·log 1.25, one value per sample."""
        loss = losses.FocalLoss(gamma=2.0, alpha=1.0, reduction=None)
        losses.FocalLoss(gamma=5.0, alpha=0.5)  # another one, which changes nothing about the first
        assert_close(loss(*BY_HAND), [0.25 * math.log(2), 0.04 * math.log(1.25)], dtype=np.float32)

    def test_worked_example_of_the_defaults(self):
        """By default γ = 2, α = ¼, and Keras takes the mean over the batch: ¼·(0.5²·log 2 + 0.2²·log 1.25) / 2."""
        loss = losses.FocalLoss()
        assert_close(loss(*BY_HAND), (0.25 * math.log(2) + 0.04 * math.log(1.25)) / 8, dtype=np.float32)
        assert_equal(read(loss, "name"), "focal_loss")

    @examples(20)
    @given(sheet=focal_sheets(), gamma=gammas, alpha=alphas, dtype=st.sampled_from([np.float32, np.float64]))
    @example(sheet=SOFT, gamma=2.0, alpha=0.25, dtype=np.float64)
    @example(sheet=(np.array([[0.1, 0.9]]), np.array([[1 / 3, 2 / 3]])), gamma=1.7, alpha=0.1, dtype=np.float64)
    @example(sheet=EDGES, gamma=0.1, alpha=0.1, dtype=np.float64)
    def test_call_gives_one_value_per_sample(self, sheet, gamma, alpha, dtype):
        """`call` sums over the classes, in the dtype of the probabilities, and leaves the batch to Keras."""
        y_true, y_prob = (values.astype(dtype) for values in sheet)
        values = losses.FocalLoss(gamma, alpha).call(tensor(y_true), tensor(y_prob))
        close(values, oracle.focal_loss(y_true, y_prob, gamma, alpha), dtype, scale=alpha)

    @given(sheet=focal_sheets(), gamma=gammas, alpha=alphas)
    @example(sheet=SOFT, gamma=2.0, alpha=1.0)
    @example(sheet=EDGES, gamma=2, alpha=1)
    @example(sheet=many_rows(soft=True), gamma=1.5, alpha=1.0)
    def test_is_the_focal_loss_of_each_sample(self, sheet, gamma, alpha):
        """−Σ_c α(1 − p)^γ y log p for each row, labels one-hot or soft, p clipped to [1e-7, 1 − 1e-7]."""
        loss = losses.FocalLoss(gamma=gamma, alpha=alpha, reduction=None)
        close(loss(*sheet), oracle.focal_loss(*sheet, gamma, alpha), np.float32, scale=alpha)

    @examples(25)
    @given(sheet=focal_sheets())
    def test_without_focus_it_is_categorical_crossentropy(self, sheet):
        """γ = 0 and α = 1 give categorical cross-entropy."""
        expected = oracle.categorical_crossentropy(*sheet, 1e-7)
        close(losses.FocalLoss(gamma=0.0, alpha=1.0)(*sheet), expected, np.float32, scale=1.0)

    @examples(60)
    @given(sheet=focal_sheets(), reduction=st.sampled_from(REDUCTIONS), weights=st.lists(st.integers(0, 4), min_size=4))
    @example(sheet=SOFT, reduction="sum", weights=[1, 2, 1, 1])
    @example(sheet=SOFT, reduction="mean_with_sample_weight", weights=[0, 2, 1, 1])
    @example(sheet=SOFT, reduction=None, weights=[3, 1, 1, 1])
    def test_keras_weighs_and_reduces(self, sheet, reduction, weights):
        """`sample_weight` weighs every sample on its own, and every `reduction` of Keras works."""
        weights = np.array([weights[0] + 1, *weights[1 : len(sheet[0])]], np.float32)  # they add up to more than 0
        loss = losses.FocalLoss(alpha=1.0, reduction=reduction)
        expected = reduced(oracle.focal_loss(*sheet, 2.0, 1.0), weights, reduction)
        close(loss(*sheet, sample_weight=weights), expected, np.float32, scale=float(weights.sum()))

    @examples(GRADIENTS)
    @given(sheet=focal_sheets(certain=False), gamma=st.floats(0.5, 4.0, width=32), alpha=alphas)
    def test_gradient(self, sheet, gamma, alpha):
        """The whole loss is differentiated, the factor (1 − p)^γ included."""
        gradient = common.gradient(losses.FocalLoss(gamma=gamma, alpha=alpha), *sheet)
        expected = oracle.focal_loss_gradient(*sheet, gamma, alpha)
        close(gradient, expected, np.float32, scale=4 * alpha / len(sheet[0]))

    @examples(10)
    @given(gamma=st.floats(0.0, 1.0, width=32))
    @example(gamma=0.5)
    @example(gamma=2.0)
    def test_gradient_at_the_edges(self, gamma):
        """At p = 0 and p = 1 the clip holds, in the factor (1 − p)^γ too, so the gradient is 0 and not NaN."""
        sheet = array([1, 0], [1, 0]), array([1, 0], [0, 1])
        close(common.gradient(losses.FocalLoss(gamma=gamma), *sheet), np.zeros((2, 2)), np.float32)

    @examples(15)
    @given(gamma=gammas, alpha=alphas, reduction=st.sampled_from(REDUCTIONS))
    @example(gamma=4.0, alpha=0.5, reduction="sum")
    def test_config_gives_back_an_equal_one(self, gamma, alpha, reduction):
        """`from_config(get_config())` has the same γ, α, name and reduction."""
        loss = losses.FocalLoss(gamma=gamma, alpha=alpha, name="mine", reduction=reduction)
        config = loss.get_config()
        again = losses.FocalLoss.from_config(config)
        assert_equal(again.get_config(), config)
        for option, value in {"gamma": gamma, "alpha": alpha}.items():  # 2 may have become 2.0
            same = isinstance(config[option], int | float) and config[option] == value
            expect(same, f"{option} is not what it was.", yours=config[option], expected=value)
        expected = reduced(oracle.focal_loss(*SOFT, gamma, alpha), np.ones(2), reduction)
        close(again(*SOFT), expected, np.float32, scale=alpha)
        assert_equal((read(again, "name"), read(again, "reduction")), ("mine", read(loss, "reduction")))

    @examples(GRAPHS)
    @given(sheet=focal_sheets(certain=False))
    def test_same_inside_tf_function(self, sheet):
        """`tf.function` changes neither value nor gradient."""
        value = oracle.focal_loss(*sheet, 2.0, 0.25).mean()
        gradient = oracle.focal_loss_gradient(*sheet, 2.0, 0.25)
        assert_in_graph(losses.FocalLoss(), *sheet, value, gradient, scale=1.0)

    @examples(3)
    @given(shape=tables(), data=st.data())
    def test_serves_in_compile(self, shape, data):
        """In `compile`, the loss that Keras reports for a weighted batch is the mean of the weighed samples."""
        logits = data.draw(strategies.arrays(shape, low=-3, high=3))
        labels = data.draw(strategies.one_hot(*shape))
        weights = data.draw(hnp.arrays(np.float32, shape[:1], elements=st.integers(1, 4), fill=st.nothing()))
        reported = here.reported_loss(losses.FocalLoss(alpha=1.0), labels, logits, weights)
        values = oracle.focal_loss(labels, oracle.softmax(logits), 2.0, 1.0)
        assert_number(reported, reduced(values, weights, "mean"), rel=1e-4, abs=1e-5)


# The choice

NAMES = {
    ("regression", False): "MeanSquaredError",
    ("regression", True): "Huber",
    ("multiclass", "integer"): "SparseCategoricalCrossentropy",
    ("multiclass", "onehot"): "CategoricalCrossentropy",
}


OBJECT_NAMES = {
    "MeanSquaredError": "mean_squared_error",
    "Huber": "huber_loss",
    "BinaryCrossentropy": "binary_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
}
UNTOUCHED = {"label_smoothing": 0.0, "axis": -1, "ignore_class": None}


def guide(task, labels, outliers):
    """The class that the section's guide names."""
    which = {"regression": outliers, "binary": None, "multiclass": labels}[task]
    return NAMES.get((task, which), "BinaryCrossentropy")


@pytest.mark.kata("choose_loss")
class TestChooseLoss:
    @examples(30)
    @given(
        task=st.sampled_from(["regression", "binary", "multiclass"]),
        labels=st.sampled_from(["integer", "onehot"]),
        outliers=st.booleans(),
        logits=st.booleans(),
    )
    @example(task="regression", labels="integer", outliers=True, logits=True)
    @example(task="multiclass", labels="integer", outliers=False, logits=True)
    @example(task="multiclass", labels="onehot", outliers=False, logits=True)
    def test_is_the_loss_of_the_guide(self, task, labels, outliers, logits):
        """Mean squared error or Huber, binary, sparse or categorical cross-entropy: an object of that class."""
        loss = losses.choose_loss(task, labels=labels, outliers=outliers, logits=logits)
        expected = guide(task, labels, outliers)
        name = getattr(loss, "type_name", type(loss).__name__)
        expect(name == expected, f"For {task} the guide names another loss.", yours=name, expected=expected)

    @examples(20)
    @given(
        task=st.sampled_from(["regression", "binary", "multiclass"]),
        labels=st.sampled_from(["integer", "onehot"]),
        outliers=st.booleans(),
        logits=st.booleans(),
    )
    @example(task="binary", labels="integer", outliers=False, logits=True)
    @example(task="multiclass", labels="onehot", outliers=False, logits=False)
    def test_other_options_are_as_keras_sets_them(self, task, labels, outliers, logits):
        """`from_logits` is what `logits` says; reduction, name, smoothing and axis stay at Keras' defaults."""
        loss = losses.choose_loss(task, labels=labels, outliers=outliers, logits=logits)
        config = loss.get_config()
        wanted = {"name": OBJECT_NAMES[guide(task, labels, outliers)], "reduction": "sum_over_batch_size"}
        if task != "regression":
            wanted["from_logits"] = logits
        wanted |= {key: value for key, value in UNTOUCHED.items() if key in config}
        yours = {key: config.get(key) for key in wanted}
        expect(yours == wanted, "An option of the loss is not as it must be.", yours=yours, expected=wanted)

    @examples(10)
    @given(task=st.sampled_from(["regression", "binary"]), labels=st.sampled_from(["onehot", "", None, ["no", "yes"]]))
    def test_labels_count_for_multiclass_only(self, task, labels):
        """For regression and binary, `labels` may be anything."""
        loss = losses.choose_loss(task, labels=labels)
        name, expected = getattr(loss, "type_name", type(loss).__name__), guide(task, labels, False)
        expect(name == expected, f"For {task}, `labels` does not count.", yours=name, expected=expected)

    @examples(5)
    @given(task=st.sampled_from(["regression", "binary", "multiclass"]), outliers=st.booleans())
    def test_is_a_new_object_at_every_call(self, task, outliers):
        """Two calls give two objects."""
        same = here.gives_the_same_object_twice(losses.choose_loss, task, outliers=outliers)
        expect(not same, "Every call must make a new loss object.", yours="the same object twice")

    def test_worked_example_of_the_defaults(self):
        """By default labels are integers, there are no outliers, and the model gives logits."""
        y_true, z = array([1], [3]), array([2], [7])
        assert_close(losses.choose_loss("regression")(y_true, z), (1 + 16) / 2, dtype=np.float32)
        z = array([0, 0], [math.log(3), 0])
        loss = losses.choose_loss("multiclass")(np.array([0, 1]), z)
        assert_close(loss, (math.log(2) + math.log(4)) / 2, dtype=np.float32)

    @examples(20)
    @given(y_true=strategies.arrays((4, 1)), y_pred=strategies.arrays((4, 1)), outliers=st.booleans())
    @example(y_true=array([0], [0], [0], [0]), y_pred=array([1], [-3], [0.5], [9]), outliers=True)
    def test_regression(self, y_true, y_pred, outliers):
        """Without outliers the mean squared error, with outliers Huber's loss with Keras' delta, which is 1."""
        loss = losses.choose_loss("regression", outliers=outliers)
        expected = oracle.huber(y_true, y_pred, 1.0) if outliers else oracle.mean_squared_error(y_true, y_pred)
        close(loss(y_true, y_pred), expected, np.float32, scale=1.0)

    @examples(20)
    @given(z=strategies.arrays((4, 1), low=-4, high=4), logits=st.booleans())
    @example(z=array([1], [2], [-1], [3]), logits=True)
    @example(z=array([1], [2], [-1], [3]), logits=False)
    def test_binary(self, z, logits):
        """Binary cross-entropy, of logits or of probabilities as `logits` says."""
        y_true = array([0], [1], [1], [0])
        y_pred = z if logits else np.vectorize(oracle.sigmoid)(z).astype(np.float32)
        loss = losses.choose_loss("binary", logits=logits)
        close(loss(y_true, y_pred), oracle.binary_crossentropy_from_logits(y_true, z), np.float32, scale=2.0)

    @examples(20)
    @given(
        z=strategies.arrays((4, 3), low=-4, high=4), labels=st.sampled_from(["integer", "onehot"]), logits=st.booleans()
    )
    @example(z=array([1, 2, -1], [0, 3, 1], [2, 1, 0], [1, 1, 4]), labels="onehot", logits=False)
    def test_multiclass(self, z, labels, logits):
        """Categorical cross-entropy of integer or one-hot labels, of logits or probabilities as `logits` says."""
        y_true = np.array([0, 2, 1, 1])
        y_pred = z if logits else oracle.softmax(z).astype(np.float32)
        loss = losses.choose_loss("multiclass", labels=labels, logits=logits)
        value = loss(y_true if labels == "integer" else oracle.one_hot(y_true, 3).astype(np.float32), y_pred)
        close(value, oracle.sparse_categorical_crossentropy_from_logits(y_true, z), np.float32, scale=2.0)

    @examples(5)
    @given(task=st.sampled_from(["classification", "multiclas", "Regression", "", "multi-class", "binary "]))
    @example(task="Regression")
    @example(task="multiclas")
    @example(task="binary ")
    def test_refuses_an_unknown_task(self, task):
        """Any other task raises a ValueError that names `task`."""
        assert_value_error("task", losses.choose_loss, task)

    @examples(5)
    @given(labels=st.sampled_from(["one-hot", "ints", "", "sparse", "one_hot"]))
    @example(labels="one-hot")
    @example(labels="Integer")
    @example(labels="ints")
    def test_refuses_unknown_labels(self, labels):
        """With multiclass, any other labels raise a ValueError that names `labels`."""
        assert_value_error("labels", losses.choose_loss, "multiclass", labels=labels)
