"""Second witnesses for chapter 8's oracles, on drawn data: clipping in TensorFlow and Keras, scikit-learn's scores."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import ch08_clipping as oracle

rarely = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
limits = st.floats(0.01, 50.0)


def drawn(seed):
    """Three gradients in float64, of sizes from 1e-3 to 1e3."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4) for shape in ((2, 3), (4,), ())]


def agree(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-6)


@rarely
@given(seed=seeds, limit=limits)
def test_clipping_is_tensorflows(seed, limit):
    """`tf.linalg.global_norm`, `tf.clip_by_value`, `tf.clip_by_norm`, `tf.clip_by_global_norm`, in float64."""
    gradients = drawn(seed)
    tensors = [tf.convert_to_tensor(g) for g in gradients]
    norm = tf.linalg.global_norm(tensors)
    agree([oracle.norm(gradients)], [norm])
    agree([oracle.clipped_value(g, limit) for g in gradients], [tf.clip_by_value(g, -limit, limit) for g in tensors])
    limit64 = tf.constant(limit, tf.float64)
    agree(oracle.clipped_norm(gradients, limit), [tf.clip_by_norm(g, limit64) for g in tensors])
    agree(oracle.clipped_global_norm(gradients, limit), tf.clip_by_global_norm(tensors, limit64)[0])


@pytest.mark.parametrize("argument", ["clipvalue", "clipnorm", "global_clipnorm"])
@rarely
@given(seed=seeds, limit=limits)
def test_clipping_is_keras_own(argument, seed, limit):
    """What SGD at rate 1 subtracts under each of Keras' three arguments."""
    gradients = [g.astype(np.float32) for g in drawn(seed)]
    variables = [tf.Variable(tf.zeros_like(g)) for g in gradients]
    tf.keras.optimizers.SGD(1.0, **{argument: limit}).apply([tf.constant(g) for g in gradients], variables)
    expected = {
        "clipvalue": lambda: [oracle.clipped_value(g, limit) for g in gradients],
        "clipnorm": lambda: oracle.clipped_norm(gradients, limit),
        "global_clipnorm": lambda: oracle.clipped_global_norm(gradients, limit),
    }[argument]()
    for mine, variable in zip(expected, variables, strict=True):
        np.testing.assert_allclose(mine, -variable.numpy(), rtol=1e-5)


@rarely
@given(seed=seeds)
def test_linear_gradient_is_the_tapes(seed):
    """Automatic differentiation of the same mean squared error, answers below their target counting twice."""
    rng = np.random.default_rng(seed)
    kernel, bias, x, y = (rng.normal(size=shape) for shape in ((3, 1), (1,), (4, 3), (4, 1)))
    variables = [tf.Variable(kernel), tf.Variable(bias)]
    with tf.GradientTape() as tape:
        error = x @ variables[0] + variables[1] - y
        loss = tf.reduce_mean(tf.where(error < 0, 2.0, tf.ones_like(error)) * tf.square(error))
    agree([oracle.linear_loss(kernel, bias, x, y)], [loss])
    agree(oracle.linear_gradient(kernel, bias, x, y), tape.gradient(loss, variables))


@rarely
@given(seed=seeds)
def test_classification_scores_are_scikit_learns(seed):
    """`log_loss` and `accuracy_score`."""
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, (6, 1)).astype(np.float32), rng.uniform(0.01, 0.99, (6, 1))
    assert np.isclose(oracle.binary_crossentropy(y, p), metrics.log_loss(y.ravel(), p.ravel(), labels=[0, 1]))
    assert np.isclose(oracle.binary_accuracy(y, p), metrics.accuracy_score(y.ravel() > 0.5, p.ravel() > 0.5))


@pytest.mark.parametrize("units", [(2,), (3, 2)])
def test_stacked_lstms_are_keras_own(units):
    """`tf.keras.layers.LSTM` with drawn weights, and a sigmoid."""
    rng = np.random.default_rng(len(units))
    stacked = [tf.keras.layers.LSTM(size, return_sequences=i < len(units) - 1) for i, size in enumerate(units)]
    model = tf.keras.Sequential([tf.keras.Input((4, 3)), *stacked, tf.keras.layers.Dense(1, activation="sigmoid")])
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    x = rng.normal(size=(5, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(oracle.sequence_classifier(model.get_weights(), x), model(x), atol=1e-5)


def test_adams_defaults_are_kerass():
    """What `get_config` gives, without the rate and the name."""
    config = tf.keras.optimizers.Adam().get_config()
    assert oracle.ADAM_DEFAULTS == {k: v for k, v in config.items() if k not in ("name", "learning_rate")}
