"""Second witnesses for chapter 7's oracles: Keras' own optimizers, losses and accumulation, on drawn data."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import ch07_accumulation as oracle

rarely = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed, count, features=2):
    """Weights and micro-batches in float64."""
    rng = np.random.default_rng(seed)
    weights = oracle.Linear(rng.normal(size=(features, 1)), rng.normal(size=1))
    sizes = rng.integers(1, 5, count)
    return weights, [(rng.normal(size=(n, features)), rng.normal(size=(n, 1))) for n in sizes]


def weighted_loss(predicted, y):
    """Squared errors, those of answers below their target twice."""
    return tf.reduce_mean(tf.where(predicted < y, 2.0, tf.ones_like(y)) * tf.square(predicted - y))


def keras_trajectory(weights, batches, optimizer):
    """The weights after each batch that a Keras optimizer gives, in float64."""
    variables = [tf.Variable(w) for w in weights]
    trajectory = []
    for x, y in batches:
        with tf.GradientTape() as tape:
            loss = weighted_loss(x @ variables[0] + variables[1], y)
        optimizer.apply(tape.gradient(loss, variables), variables)
        trajectory.append([v.numpy() for v in variables])
    return trajectory


def agree(mine, theirs):
    """Within what Keras' float32 rates and powers of β leave of float64."""
    for ours, other in zip(mine, theirs, strict=True):
        for a, b in zip(ours, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@rarely
@given(seed=seeds, steps=st.integers(2, 4))
def test_accumulated_training_is_keras_own(seed, steps):
    """`gradient_accumulation_steps` in Keras' SGD: the same trajectory, whatever the sizes of the micro-batches."""
    weights, batches = drawn(seed, 7)
    optimizer = tf.keras.optimizers.SGD(0.05, gradient_accumulation_steps=steps)
    agree(
        oracle.train_accumulating(weights, batches, steps, oracle.Sgd(0.05)),
        keras_trajectory(weights, batches, optimizer),
    )


@rarely
@given(seed=seeds)
def test_update_rules_are_keras_own(seed):
    """SGD with momentum, and Adam, over ten steps."""
    weights, batches = drawn(seed, 10)
    pairs = (
        (oracle.Sgd(0.05, 0.9), tf.keras.optimizers.SGD(0.05, momentum=0.9)),
        (oracle.Adam(0.05, epsilon=0.01), tf.keras.optimizers.Adam(0.05, epsilon=0.01)),
    )
    for rule, optimizer in pairs:
        agree(oracle.train(weights, batches, rule), keras_trajectory(weights, batches, optimizer))


@rarely
@given(seed=seeds, steps=st.integers(2, 4))
def test_adam_on_one_number_is_keras_own(seed, steps):
    """Adam with `gradient_accumulation_steps` on a scalar."""
    gradients = (np.random.default_rng(seed).integers(-40, 41, 9) / 8).tolist()
    optimizer = tf.keras.optimizers.Adam(0.1, gradient_accumulation_steps=steps)
    variable, values = tf.Variable(1.0, dtype=tf.float64), []
    for g in gradients:
        optimizer.apply([tf.constant(g, tf.float64)], [variable])
        values.append(float(variable))
    np.testing.assert_allclose(values, oracle.adam_on_one_number(1.0, gradients, steps, 0.1), rtol=1e-4, atol=1e-6)


@rarely
@given(seed=seeds)
def test_loss_metric_and_gradient_are_tensorflows(seed):
    """Keras' MSE with weights and MAE, and the tape's gradient."""
    weights, [(x, y)] = drawn(seed, 1)
    predicted = oracle.predict(weights, x)
    twice = np.where(predicted < y, 2.0, 1.0)[:, 0]
    witness = tf.keras.losses.MeanSquaredError(dtype="float64")(y, predicted, sample_weight=twice)
    assert np.isclose(float(witness), oracle.mean_loss(weights, x, y))
    metric = tf.keras.metrics.MeanAbsoluteError()
    metric.update_state(y, predicted)
    assert np.isclose(float(metric.result()), oracle.mean_absolute_error(weights, x, y), rtol=1e-5)
    variables = [tf.Variable(w) for w in weights]
    with tf.GradientTape() as tape:
        loss = weighted_loss(x @ variables[0] + variables[1], y)
    agree([oracle.gradient(weights, x, y)], [[g.numpy() for g in tape.gradient(loss, variables)]])


def test_adams_defaults_are_kerass():
    """What `get_config` gives, without the rate and the name."""
    config = tf.keras.optimizers.Adam().get_config()
    assert oracle.ADAM_DEFAULTS == {k: v for k, v in config.items() if k not in ("name", "learning_rate")}


@given(samples=st.integers(0, 300), batch_size=st.integers(1, 40), steps=st.integers(1, 5), dropped=st.booleans())
@settings(max_examples=25, deadline=None)
def test_updates_are_the_groups_of_a_dataset(samples, batch_size, steps, dropped):
    """`tf.data` cuts the same batches, and whole groups of them."""
    batches = tf.data.Dataset.range(samples).batch(batch_size, drop_remainder=dropped)
    groups = batches.map(lambda b: 0).batch(steps, drop_remainder=True)
    assert int(groups.cardinality()) == oracle.updates_per_epoch(samples, batch_size, steps, dropped)
