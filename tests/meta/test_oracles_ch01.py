"""Second witnesses for chapter 1: its references against Keras and scikit-learn, its loop against `fit`."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LinearRegression

from solutions import ch01_pipeline as solutions
from tests.oracles import ch01_pipeline as oracle
from tests.probes.ch01_pipeline import network, weighted_squared_error

SEEDS = range(3)


def drawn(seed, sizes=(3, 4, 2), samples=6):
    """(x, y, weights) of a network with these sizes, in float32."""
    rng = np.random.default_rng(seed)
    weights = []
    for entering, leaving in pairwise(sizes):
        weights += [rng.normal(size=(entering, leaving)), rng.normal(size=leaving)]
    x, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    return x.astype(np.float32), y.astype(np.float32), [weight.astype(np.float32) for weight in weights]


@pytest.mark.parametrize("seed", SEEDS)
def test_line_through_is_linear_regression(seed):
    """Least squares with a column of ones gives scikit-learn's coefficients and intercept."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))
    weights, bias = oracle.line_through(x, y)
    fitted = LinearRegression().fit(x, y[:, 0])
    np.testing.assert_allclose(weights, fitted.coef_, rtol=1e-9)
    assert bias == pytest.approx(fitted.intercept_, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("penalty", "under"), [(0.0, 1.0), (0.25, 1.0), (0.0, 4.0)])
def test_gradients_are_the_tapes(seed, penalty, under):
    """Back-propagation by hand agrees with `tf.GradientTape` on the same network and loss."""
    x, y, weights = drawn(seed)
    model = network(weights, penalty=penalty)
    with tf.GradientTape() as tape:
        loss = weighted_squared_error(under)(y, model(x)) + sum(model.losses)
    expected_loss, expected = oracle.loss_and_gradients(x, y, weights, penalty=penalty, under=under)
    assert float(loss) == pytest.approx(expected_loss, rel=1e-5)
    for gradient, by_hand in zip(tape.gradient(loss, model.trainable_variables), expected, strict=True):
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_are_finite_differences(seed):
    """And with (L(θ + h) − L(θ − h)) / 2h, which knows nothing of back-propagation."""
    x, y, weights = drawn(seed)
    weights = [weight.astype(float) for weight in weights]
    _, gradients = oracle.loss_and_gradients(x, y, weights, penalty=0.125, under=2.0)
    for weight, gradient in zip(weights, gradients, strict=True):
        for index in np.ndindex(weight.shape):
            sides = []
            for h in (1e-6, -1e-6):
                weight[index] += h
                sides.append(oracle.loss_and_gradients(x, y, weights, penalty=0.125, under=2.0)[0])
                weight[index] -= h
            assert gradient[index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_loop_is_what_fit_does(momentum):
    """Weights and history of the reference and of the solution are those of `fit(shuffle=False)`."""
    x, y, weights = drawn(0, sizes=(3, 1), samples=10)
    model = network(weights, penalty=0.125)
    model.compile(tf.keras.optimizers.SGD(0.02, momentum=momentum), "mse", run_eagerly=True)
    history = model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    fitted = model.get_weights()

    descent = oracle.Descent(weights, lr=0.02, momentum=momentum)
    assert history == pytest.approx([descent.epoch(x, y, 4, penalty=0.125) for _ in range(3)], rel=1e-5)
    for a, b in zip(fitted, descent.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)

    model = network(weights, penalty=0.125)
    optimizer = tf.keras.optimizers.SGD(0.02, momentum=momentum)
    own = solutions.train(model, optimizer, weighted_squared_error(1.0), x, y, epochs=3, batch_size=4)
    assert history == pytest.approx(own, rel=1e-5)


def test_the_step_is_train_on_batch():
    """Three steps with Adam, a penalty and batch normalization leave the same weights and statistics as Keras' own."""
    x, y, weights = drawn(1)
    after = []
    for by_keras in (True, False):
        model = network(weights, penalty=0.25, batch_norm=True)
        optimizer = tf.keras.optimizers.Adam(0.01)
        model.compile(optimizer, "mse", run_eagerly=True)
        for _ in range(3):
            if by_keras:
                model.train_on_batch(x, y)
            else:
                solutions.train_step(model, optimizer, weighted_squared_error(1.0), x, y)
        after.append(model.get_weights())
    for a, b in zip(*after, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_batch_normalized_is_keras_layer():
    """The normalized batch and the moving mean are those of a BatchNormalization layer in training."""
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(7, 3)).astype(np.float32)
    layer = tf.keras.layers.BatchNormalization()
    out = layer(x, training=True)
    normalized, means = oracle.batch_normalized(x, epsilon=layer.epsilon)
    np.testing.assert_allclose(out, normalized, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, (1 - layer.momentum) * means, rtol=1e-4)


def test_errors_are_keras_losses():
    """Mean squared and mean absolute error against Keras' losses."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 9, 1)).astype(np.float32)
    assert oracle.mean_squared_error(a, b) == pytest.approx(float(tf.keras.losses.MeanSquaredError()(a, b)), rel=1e-5)
    assert oracle.mean_absolute_error(a, b) == pytest.approx(float(tf.keras.losses.MeanAbsoluteError()(a, b)), rel=1e-5)
