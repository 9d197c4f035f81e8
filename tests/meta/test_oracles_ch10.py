"""Second witnesses for chapter 10: its references against Keras' own objects and scikit-learn, on drawn data."""

import math

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import ch10_capstone as oracle
from tests.probes.ch10_capstone import epochs_with_callbacks, trajectory, with_random_weights

few = settings(max_examples=15, deadline=None)


@given(samples=st.integers(1, 500), batch_size=st.integers(1, 70), epochs=st.integers(1, 9))
@few
def test_updates_are_counted_as_fit_does(samples, batch_size, epochs):
    """Batches counted one by one are ⌈samples / batch⌉ · epochs, the length of Keras' own data adapter."""
    counted = oracle.updates_in_all(samples=samples, batch_size=batch_size, epochs=epochs)
    dataset = tf.data.Dataset.range(samples).batch(batch_size)
    assert counted == math.ceil(samples / batch_size) * epochs == len(dataset) * epochs


@given(warmup=st.integers(1, 40), falling=st.integers(1, 200), peak=st.floats(1e-4, 2.0), step=st.integers(0, 260))
@few
def test_warmup_cosine_is_keras_cosine_decay(warmup, falling, peak, step):
    """cos² of the half angle against Keras' CosineDecay with a warm-up."""
    built_in = tf.keras.optimizers.schedules.CosineDecay(0.0, falling, warmup_target=peak, warmup_steps=warmup)
    ours = oracle.warmup_cosine(step, total=warmup + falling, warmup=warmup, peak=peak)
    assert ours == pytest.approx(float(built_in(step)), rel=1e-5, abs=1e-6 * peak)


@pytest.mark.parametrize("seed", range(3))
def test_adamw_is_keras_adamw(seed):
    """Fifteen steps with gradients on both sides of the limit."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((2, 3), (4,))]
    gradients = [
        [
            (10 ** rng.uniform(0, 1.5) * rng.choice([-1, 1], w.shape) * rng.uniform(0.5, 1.5, w.shape)).astype(
                np.float32
            )
            for w in weights
        ]
        for _ in range(15)
    ]
    options = {"weight_decay": 0.1, "global_clipnorm": 30.0}
    descent = oracle.AdamW(weights, **options)
    for each in gradients:
        descent.step(each, 0.05)
    found = trajectory(tf.keras.optimizers.AdamW, weights, gradients, 0.05, **options)
    for ours, theirs in zip(descent.weights, found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_network_is_keras_layers():
    """The forward pass in float64 against the same layers in float32, with random statistics."""

    def in_float32(features, classes):
        layers = tf.keras.layers
        return tf.keras.Sequential(
            [
                tf.keras.Input((features,)),
                *(layers.Dense(9, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)),
                *(layers.Dense(7, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2)),
                *(layers.Dense(5, activation="relu"), layers.Dense(classes)),
            ]
        )

    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    found = with_random_weights(in_float32, x, 3, seed=1)
    expected = oracle.network(
        x,
        [tuple(part.numpy() for part in pair) for pair in found["dense"]],
        [tuple(part.numpy() for part in parts) for parts in found["norms"]],
    )
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-4, atol=1e-5)


@given(val_losses=st.lists(st.integers(1, 6), min_size=1, max_size=16))
@few
def test_callbacks_are_keras_callbacks(val_losses):
    """Where training ends, which epoch is kept, and every rate on the way, with other settings than the kata's."""

    def callbacks(learning_rate):
        stopping = tf.keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
        return [stopping, tf.keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.25, patience=2, min_lr=0.01)]

    found = epochs_with_callbacks(callbacks, [float(value) for value in val_losses], 0.5)
    epochs, best = oracle.early_stopping(val_losses, patience=4)
    rates = oracle.reduced_on_plateau(val_losses[:epochs], rate=0.5, factor=0.25, patience=2, min_lr=0.01)
    assert found["rates"] == pytest.approx(rates, rel=1e-6)
    assert found["kept"] == best


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_scikit_learns(seed):
    """Cross-entropy, accuracy and top-3 accuracy from logits against scikit-learn's, and against Keras' loss."""
    rng = np.random.default_rng(seed)
    logits, y = 3 * rng.normal(size=(30, 5)), rng.integers(0, 5, 30)
    ours = oracle.classification_metrics(y, logits)
    probabilities = tf.nn.softmax(logits).numpy()
    labels = range(5)
    assert ours["loss"] == pytest.approx(sklearn.metrics.log_loss(y, probabilities, labels=labels))
    assert ours["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(y, logits.argmax(axis=1)))
    assert ours["top3_accuracy"] == pytest.approx(sklearn.metrics.top_k_accuracy_score(y, logits, k=3, labels=labels))
    keras_loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, logits)
    assert ours["loss"] == pytest.approx(float(keras_loss), rel=1e-5)


def test_least_squares_finds_borders_but_nothing_in_noise():
    """The judge of learnability: right about half-planes and clouds, at chance on random labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 6))
    halves = (x[:, 0] + x[:, 1] > 0).astype(int)
    noise = rng.integers(0, 2, 1200)
    for labels, good in ((halves, lambda a: a > 0.9), (noise, lambda a: 0.4 < a < 0.6)):
        accuracy = oracle.accuracy_of_least_squares(x[:800], labels[:800], x[800:], labels[800:], classes=2)
        assert good(accuracy)
