"""Second witnesses for chapter 3's oracles: Keras' own optimizers, the first form of Nesterov's step, the tape."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.oracles import ch03_optimizers as oracle

STEPS = 20
SEEDS = [0, 1, 2]


def drawn(seed):
    """Start weights and gradients of very different sizes, float32."""
    random = np.random.default_rng(seed)
    sizes = 10.0 ** random.uniform(-4, 1, 5)
    gradients = (random.normal(size=(STEPS, 5)) * sizes).astype(np.float32)
    return random.normal(size=5).astype(np.float32), list(gradients)


def keras_path(optimizer, w, gradients):
    """The weights after each of Keras' steps."""
    variable = tf.Variable(w)
    path = []
    for g in gradients:
        optimizer.apply([tf.constant(g)], [variable])
        path.append(variable.numpy())
    return path


def agree(mine, theirs):
    np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs, np.float64), rtol=3e-5, atol=3e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_sgd_is_that_of_keras(seed):
    """`SGD` without momentum."""
    w, gradients = drawn(seed)
    path, here = [], w
    for g in gradients:
        here = oracle.sgd(here, g, 0.25)
        path.append(here)
    agree(path, keras_path(tf.keras.optimizers.SGD(0.25), w, gradients))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_momentum_is_that_of_keras_step_by_step_and_as_a_sum(seed, nesterov):
    """`SGD(momentum=…)` under a schedule, against the recursion and against the sum without a velocity."""
    w, gradients = drawn(seed)
    rates = [0.5 * 0.9**k for k in range(STEPS)]
    schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay(list(range(STEPS - 1)), rates)
    theirs = keras_path(tf.keras.optimizers.SGD(schedule, momentum=0.75, nesterov=nesterov), w, gradients)
    agree(oracle.momentum_weights(w, gradients, rates, 0.75, nesterov), theirs)
    here, v, path = w, np.zeros(5), []
    for g, rate in zip(gradients, rates, strict=True):
        here, v = oracle.momentum(here, v, g, rate, 0.75, nesterov)
        path.append(here)
    agree(path, theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_nesterov_is_the_gradient_at_the_point_ahead(seed):
    """Sutskever et al. 2013, eq. (3), (4): v ← γv + η∇L(θ - γv), θ ← θ - v; the weights stored here are θ - γv."""
    random = np.random.default_rng(seed)
    curvature, theta = random.uniform(0.1, 4.0, 4), random.normal(size=4)
    lr, gamma = 0.1, 0.8
    w, v, stored_v = theta.copy(), np.zeros(4), np.zeros(4)
    for _ in range(STEPS):
        v = gamma * v + lr * curvature * (theta - gamma * v)
        theta = theta - v
        w, stored_v = oracle.momentum(w, stored_v, curvature * w, lr, gamma, nesterov=True)
        np.testing.assert_allclose(w, theta - gamma * v, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("seed", SEEDS)
def test_adam_is_that_of_keras_once_its_epsilon_is_translated(seed, decay):
    """Keras adds ε̂ to the uncorrected root: ours with ε = ε̂/√(1 - β₂ᵗ) at step t. `AdamW` decays first."""
    w, gradients = drawn(seed)
    hat = 1e-3
    keras_adam = tf.keras.optimizers.AdamW(0.05, epsilon=hat, weight_decay=decay)
    step, path = oracle.AdamStep(w, *[np.zeros(5)] * 4), []
    for t, g in enumerate(gradients, start=1):
        epsilon = hat / math.sqrt(1 - 0.999**t)
        step = oracle.adamw(step.w, step.m, step.v, g, t, lr=0.05, epsilon=epsilon, weight_decay=decay)
        path.append(step.w)
    agree(path, keras_path(keras_adam, w, gradients))
    if not decay:
        agree(path, keras_path(tf.keras.optimizers.Adam(0.05, epsilon=hat), w, gradients))


def test_without_decay_adamw_is_adam():
    """The two oracles agree to the bit at λ = 0."""
    w, (g, *_) = drawn(7)
    one, other = oracle.adam(w, g, g**2, g, 3), oracle.adamw(w, g, g**2, g, 3, weight_decay=0.0)
    np.testing.assert_array_equal(one.w, other.w)


@pytest.mark.parametrize("seed", SEEDS)
def test_rmsprop_is_that_of_keras(seed):
    """`RMSprop`: ε inside the root."""
    w, gradients = drawn(seed)
    here, s, path = w, np.zeros(5), []
    for g in gradients:
        here, s = oracle.rmsprop(here, s, g, lr=0.05, rho=0.8, epsilon=1e-4)
        path.append(here)
    agree(path, keras_path(tf.keras.optimizers.RMSprop(0.05, rho=0.8, epsilon=1e-4), w, gradients))


@pytest.mark.parametrize("start", [0.0, 0.1])
@pytest.mark.parametrize("seed", SEEDS)
def test_adagrad_is_that_of_keras(seed, start):
    """`Adagrad`: ε inside the root; Keras starts the sum at 0.1 unless told otherwise."""
    w, gradients = drawn(seed)
    here, s, path = w, np.full(5, start), []
    for g in gradients:
        here, s = oracle.adagrad(here, s, g, lr=0.05, epsilon=1e-4)
        path.append(here)
    optimizer = tf.keras.optimizers.Adagrad(0.05, initial_accumulator_value=start, epsilon=1e-4)
    agree(path, keras_path(optimizer, w, gradients))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_regression_follows_the_tape(seed):
    """The written-out gradient 2xᵀ(xw - y)/n against `tf.GradientTape`, over a training."""
    random = np.random.default_rng(seed)
    x, y, start = random.normal(size=(6, 2)), random.normal(size=(6, 1)), random.normal(size=(2, 1))
    w = tf.Variable(start)
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.5, nesterov=True)
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - y))
        optimizer.apply(tape.gradient(loss, [w]), [w])
    agree(oracle.momentum_regression(start, x, y, [0.1] * 5, 0.5, nesterov=True), w.numpy())


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_is_that_of_tensorflow(limit):
    """`tf.clip_by_global_norm`, beyond the limit and within it."""
    random = np.random.default_rng(3)
    gradients = [random.normal(size=(2, 3)), random.normal(size=4)]
    theirs, _ = tf.clip_by_global_norm([tf.constant(g) for g in gradients], limit)
    for mine, other in zip(oracle.clipped(gradients, limit), theirs, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=1e-12)
