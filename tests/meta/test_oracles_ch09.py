"""Second witnesses for chapter 9's oracles: Keras' own loss scaling, automatic differentiation, the ceiling."""

import math

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import ch09_mixed_precision as oracle

rarely = settings(max_examples=25, deadline=None)


@rarely
@given(finite=st.lists(st.sampled_from([True, True, True, False]), max_size=20), growth_steps=st.integers(1, 4))
def test_loss_scales_are_those_of_keras(finite, growth_steps):
    """`LossScaleOptimizer.dynamic_scale` after each `apply`, over whole trajectories."""
    variable = tf.Variable(0.0)
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(
        tf.keras.optimizers.SGD(0.0), initial_scale=8.0, dynamic_growth_steps=growth_steps
    )
    scales = []
    for step in finite:
        optimizer.apply([tf.constant(1.0 if step else np.inf)], [variable])
        scales.append(float(optimizer.dynamic_scale))
    assert scales == oracle.loss_scales(finite, 8.0, growth_steps)


@rarely
@given(seed=st.integers(0, 2**32 - 1))
def test_gradients_by_hand_are_those_of_the_tape(seed):
    """Back-propagation written out against `tf.GradientTape`, in float64."""
    generator = np.random.default_rng(seed)
    shapes = [(3, 4), (4,), (4, 2), (2,)]
    weights = [tf.Variable(generator.normal(size=shape)) for shape in shapes]
    x, y = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    with tf.GradientTape() as tape:
        prediction = tf.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
        error = y - prediction
        loss = 0.3 * tf.reduce_mean(tf.where(error > 0, 2.0 * error**2, error**2))
    plain = [weight.numpy() for weight in weights]
    np.testing.assert_allclose(float(loss), oracle.under_weighted_error(y, prediction.numpy(), 0.3), rtol=1e-12)
    for mine, theirs in zip(oracle.gradients(plain, x, y, 0.3), tape.gradient(loss, weights), strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-10, atol=1e-12)


@given(units=st.integers(1, 10**6), multiple=st.integers(1, 300))
def test_next_multiple_is_the_ceiling(units, multiple):
    """⌈units / multiple⌉ · multiple."""
    assert oracle.next_multiple(units, multiple) == math.ceil(units / multiple) * multiple


def test_the_ends_of_float16():
    """`np.finfo` agrees about the smallest and the largest float16, and half the smallest rounds to zero."""
    assert np.finfo(np.float16).smallest_subnormal == oracle.SMALLEST_FLOAT16
    assert np.finfo(np.float16).max == oracle.LARGEST_FLOAT16
    assert np.float16(oracle.SMALLEST_FLOAT16 / 2) == 0
