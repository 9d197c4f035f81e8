"""Second witnesses for chapter 2's oracles: Keras' and scikit-learn's own losses, and finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.oracles import ch02_losses as oracle

keras = tf.keras.losses
FLOAT32 = 2e-5
"""Relative tolerance against Keras, which computes in float32."""

few = settings(max_examples=20, deadline=None)
shapes = st.tuples(st.integers(1, 4), st.integers(2, 5))


def arrays(low, high):
    return shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=st.floats(low, high, width=32)))


@st.composite
def sheets(draw):
    """(labels, probabilities, logits), rows of probabilities summing to 1."""
    logits = draw(arrays(-6, 6))
    batch, classes = logits.shape
    labels = draw(hnp.arrays(np.int64, batch, elements=st.integers(0, classes - 1)))
    return labels, oracle.softmax(logits), logits


@st.composite
def pairs(draw, low=-10, high=10):
    y_pred = draw(arrays(low, high))
    return draw(hnp.arrays(np.float64, y_pred.shape, elements=st.floats(low, high, width=32))), y_pred


def close(actual, expected, **tolerance):
    np.testing.assert_allclose(np.asarray(actual), expected, **{"rtol": FLOAT32, "atol": 1e-6, **tolerance})


@few
@given(pair=pairs(), delta=st.floats(0.125, 8, width=32))
def test_regression_agrees_with_keras(pair, delta):
    close(keras.MeanSquaredError()(*pair), oracle.mean_squared_error(*pair))
    close(keras.MeanAbsoluteError()(*pair), oracle.mean_absolute_error(*pair))
    close(keras.Huber(delta=delta)(*pair), oracle.huber(*pair, delta))


@few
@given(pair=pairs())
def test_weighted_mse_agrees_with_sample_weights(pair):
    """Every element as a sample of its own, weighed 3 where it is too low."""
    y_true, y_pred = (array.reshape(-1, 1) for array in pair)
    weights = np.where(y_true > y_pred, 3.0, 1.0)
    close(keras.MeanSquaredError()(y_true, y_pred, sample_weight=weights), oracle.weighted_mse(y_true, y_pred, 3.0))


@few
@given(y_true=arrays(0, 1), seed=st.integers(0, 2**32 - 1))
def test_binary_agrees_with_keras(y_true, seed):
    random = np.random.default_rng(seed)
    y_prob = random.uniform(0.01, 0.99, y_true.shape)
    logits = random.uniform(-30, 30, y_true.shape)
    close(keras.BinaryCrossentropy()(y_true, y_prob), oracle.binary_crossentropy(y_true, y_prob))
    from_logits = keras.BinaryCrossentropy(from_logits=True)
    close(from_logits(y_true, logits), oracle.binary_crossentropy_from_logits(y_true, logits))


@few
@given(sheet=sheets())
def test_multiclass_agrees_with_keras(sheet):
    labels, y_prob, logits = sheet
    one_hot = oracle.one_hot(labels, y_prob.shape[1])
    close(keras.CategoricalCrossentropy()(one_hot, y_prob), oracle.categorical_crossentropy(one_hot, y_prob))
    close(keras.SparseCategoricalCrossentropy()(labels, y_prob), oracle.sparse_categorical_crossentropy(labels, y_prob))
    from_logits = keras.SparseCategoricalCrossentropy(from_logits=True)
    close(from_logits(labels, logits), oracle.sparse_categorical_crossentropy_from_logits(labels, logits))


@few
@given(sheet=sheets(), soft=sheets(), gamma=st.floats(0, 5, width=32), alpha=st.floats(0.125, 2, width=32))
def test_focal_agrees_with_keras(sheet, soft, gamma, alpha):
    labels, y_prob, _ = sheet
    theirs = keras.CategoricalFocalCrossentropy(alpha=alpha, gamma=gamma, reduction=None)
    one_hot = oracle.one_hot(labels, y_prob.shape[1])
    close(theirs(one_hot, y_prob), oracle.focal_loss(one_hot, y_prob, gamma, alpha), rtol=1e-4)
    if soft[1].shape == y_prob.shape:
        close(theirs(soft[1], y_prob), oracle.focal_loss(soft[1], y_prob, gamma, alpha), rtol=1e-4)


@few
@given(pair=pairs(), sheet=sheets())
def test_agrees_with_scikit_learn(pair, sheet):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is a development dependency")
    y_true, y_pred = (array.ravel() for array in pair)
    labels, y_prob, _ = sheet
    close(metrics.mean_squared_error(y_true, y_pred), oracle.mean_squared_error(y_true, y_pred), rtol=1e-12)
    close(metrics.mean_absolute_error(y_true, y_pred), oracle.mean_absolute_error(y_true, y_pred), rtol=1e-12)
    names = range(y_prob.shape[1])
    expected = oracle.sparse_categorical_crossentropy(labels, y_prob)
    close(metrics.log_loss(labels, y_prob, labels=list(names)), expected, rtol=1e-9)


def differences(function, point, step=1e-6):
    """Central differences of `function` in every element of `point`."""
    slopes = np.empty_like(point)
    for index in np.ndindex(point.shape):
        low, high = point.copy(), point.copy()
        low[index] -= step
        high[index] += step
        slopes[index] = (np.sum(function(high)) - np.sum(function(low))) / (2 * step)
    return slopes


@few
@given(seed=st.integers(0, 2**32 - 1), shape=shapes)
def test_gradients_agree_with_finite_differences(seed, shape):
    random = np.random.default_rng(seed)
    y_true, y_pred = random.normal(size=shape), random.normal(size=shape) * 3
    soft, y_prob = oracle.softmax(random.normal(size=shape)), random.uniform(0.05, 0.95, shape)
    labels = random.integers(0, shape[1], shape[0])
    for name, truth, point, arguments in (
        ("mean_squared_error", y_true, y_pred, ()),
        ("mean_absolute_error", y_true, y_pred, ()),
        ("huber", y_true, y_pred, (1.5,)),
        ("weighted_mse", y_true, y_pred, (3.0,)),
        ("binary_crossentropy", soft, y_prob, (0.125,)),
        ("binary_crossentropy_from_logits", soft, y_pred, ()),
        ("categorical_crossentropy", soft, y_prob, (0.125,)),
        ("sparse_categorical_crossentropy", labels, y_prob, (0.125,)),
        ("sparse_categorical_crossentropy_from_logits", labels, y_pred, ()),
    ):
        expected = differences(lambda p, n=name, t=truth, a=arguments: getattr(oracle, n)(t, p, *a), point)
        close(getattr(oracle, f"{name}_gradient")(truth, point, *arguments), expected, rtol=1e-4, atol=1e-5)
    expected = differences(lambda p: oracle.focal_loss(soft, p, 2.5, 0.5).mean(), y_prob)
    close(oracle.focal_loss_gradient(soft, y_prob, 2.5, 0.5), expected, rtol=1e-4, atol=1e-5)
