"""The article's section 4 on the pinned TensorFlow: its examples in our form, its figures, its errata."""

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch04_schedules import (
    WarmupCosineDecay,
    cosine_decay,
    exponential_decay,
    piecewise_constant,
    reduce_on_plateau,
)

schedules = tf.keras.optimizers.schedules


def six(rates):
    """As the article prints them."""
    return [f"{rate:.6f}" for rate in np.asarray(rates).ravel()]


# Built-in Schedules


def test_figures_of_the_built_in_schedules():
    """§4 "Built-in Schedules": exponential at 0, 1000, 5000; cosine at 0, 5000; the pieces; ours and Keras' alike."""
    at = [0, 1000, 5000]
    want = ["0.010000", "0.009000", "0.005905"]
    assert six(exponential_decay(at, initial_lr=1e-2, decay_steps=1000, decay_rate=0.9)) == want
    keras_decay = schedules.ExponentialDecay(1e-2, decay_steps=1000, decay_rate=0.9)
    assert six([keras_decay(step) for step in at]) == want

    assert six(cosine_decay([0, 5000], initial_lr=1e-2, decay_steps=10000)) == ["0.010000", "0.005000"]

    at, boundaries, values = [0, 500, 1500, 4000, 6000], [1000, 3000, 5000], [1e-2, 5e-3, 1e-3, 5e-4]
    want = ["0.010000", "0.010000", "0.005000", "0.001000", "0.000500"]
    assert six(piecewise_constant(at, boundaries=boundaries, values=values)) == want
    keras_pieces = schedules.PiecewiseConstantDecay(boundaries, values)
    assert six([keras_pieces(step) for step in at]) == want


def test_alpha_is_a_fraction_and_not_the_minimum():
    """Erratum: "alpha=1e-5  # minimum learning rate". From 1e-2 the floor is 1e-7; a floor of 1e-5 takes alpha=1e-3."""
    floor = schedules.CosineDecay(1e-2, 10000, alpha=1e-5)(10000)
    assert float(floor) == pytest.approx(1e-7, rel=1e-3)
    assert float(cosine_decay(10000, initial_lr=1e-2, decay_steps=10000, alpha=1e-5)) == pytest.approx(1e-7, rel=1e-3)
    assert float(cosine_decay(10000, initial_lr=1e-2, decay_steps=10000, alpha=1e-3)) == pytest.approx(1e-5, rel=1e-3)


def test_the_optimizers_rate_is_a_value_and_no_function():
    """Erratum, the last line of two examples: `optimizer.learning_rate(0)` is a TypeError; ask the schedule itself."""
    schedule = schedules.CosineDecay(1e-2, 10000)
    optimizer = tf.keras.optimizers.Adam(learning_rate=schedule)
    with pytest.raises(TypeError, match="not callable"):
        optimizer.learning_rate(0)
    assert six([optimizer.learning_rate, schedule(0)]) == ["0.010000", "0.010000"]


def test_a_schedule_cannot_be_assigned_over():
    """Why a schedule and ReduceLROnPlateau exclude each other: assigning the rate is a TypeError."""
    optimizer = tf.keras.optimizers.SGD(schedules.CosineDecay(1e-2, 100))
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        optimizer.learning_rate = 1e-3


# Warmup Strategies


def article_warmup(step, peak_lr, warmup_steps, total_steps):
    """What the article's class computes, in float64: nothing stops the progress, nothing guards the division."""
    with np.errstate(divide="ignore", invalid="ignore"):
        warmup = peak_lr * np.divide(np.float64(step), warmup_steps)
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return warmup, 0.5 * peak_lr * (1 + np.cos(np.pi * progress))


def test_figures_of_the_warm_up():
    """§4 "Warmup Strategies": seven steps of the schedule, and the optimizer that has it."""
    schedule = WarmupCosineDecay(peak_lr=1e-3, warmup_steps=1000, total_steps=10000)
    at = [0, 250, 500, 1000, 3000, 5000, 10000]
    want = ["0.000000", "0.000250", "0.000500", "0.001000", "0.000883", "0.000587", "0.000000"]
    assert six(schedule(at)) == want
    built_in = schedules.CosineDecay(0.0, 9000, warmup_target=1e-3, warmup_steps=1000)
    assert six([built_in(step) for step in at]) == want
    optimizer = tf.keras.optimizers.Adam(learning_rate=schedule)
    optimizer.iterations.assign(1000)
    assert six([optimizer.learning_rate]) == ["0.001000"]


def test_the_articles_schedule_climbs_again():
    """Erratum: after the end its rate rises, to half the peak at 14,500 and to the peak at 19,000; ours stays 0."""
    article = [article_warmup(step, 1e-3, 1000, 10000)[1] for step in (10000, 14500, 19000)]
    assert six(article) == ["0.000000", "0.000500", "0.001000"]
    assert six(WarmupCosineDecay(1e-3, 1000, 10000)([10000, 14500, 19000])) == ["0.000000"] * 3


def test_the_articles_schedule_divides_by_zero_without_warm_up():
    """Erratum: 0/0 in the branch that `tf.where` drops; a mask, or the gradient, would bring the NaN back."""
    warmup, cosine = article_warmup(0, 1e-3, 0, 100)
    assert np.isnan(warmup)
    assert float(tf.where(False, warmup, cosine)) == 1e-3
    assert np.isnan(0.0 * warmup + 1.0 * cosine)
    assert float(WarmupCosineDecay(1e-3, 0, 100)(0)) == pytest.approx(1e-3)


# ReduceLROnPlateau


def test_the_plateau_demonstration_never_reduces():
    """§4 "ReduceLROnPlateau": no plateau in so few epochs, so the rate stays 0.001; made-up losses show the cut."""
    tf.keras.utils.set_random_seed(0)
    random = np.random.default_rng(42)
    x = random.normal(size=(250, 5)).astype(np.float32)
    y = x @ random.normal(size=(5, 1)).astype(np.float32)
    layers = [tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(1)]
    model = tf.keras.Sequential([tf.keras.Input((5,)), *layers])
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), loss="mse")
    callback = tf.keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3, min_lr=1e-6)
    fitted = model.fit(x, y, epochs=8, batch_size=32, validation_split=0.2, callbacks=[callback], verbose=0)
    assert six([model.optimizer.learning_rate]) == ["0.001000"]
    losses = fitted.history["val_loss"]
    assert losses == sorted(losses, reverse=True)
    rates = reduce_on_plateau(losses, initial_lr=1e-3, min_lr=1e-6)
    assert rates == [1e-3] * 8
    assert reduce_on_plateau([*losses, 9.0, 9.0, 9.0], initial_lr=1e-3, min_lr=1e-6)[-1] == 0.5e-3


# The lesson's other claims


def test_a_staircase_of_a_quotient_is_late_in_a_graph():
    """In a graph `step / 41` is a product with a reciprocal, 0.99999994 at 41; Keras' own staircase has it too."""
    late = schedules.ExponentialDecay(1.0, 41, 0.5, staircase=True)
    steps = tf.constant([40, 41, 42])

    def ours(step):
        return exponential_decay(step, initial_lr=1.0, decay_steps=41, decay_rate=0.5, staircase=True)

    assert late(steps).numpy().tolist() == [1.0, 0.5, 0.5]
    assert tf.function(late)(steps).numpy().tolist() == [1.0, 1.0, 0.5]
    assert tf.function(ours)(steps).numpy().tolist() == [1.0, 0.5, 0.5]


def test_dividing_an_integer_tensor_gives_float64():
    """Whatever the width of the integers."""
    for dtype in (tf.int32, tf.int64):
        assert (tf.constant(3, dtype) / 7).dtype == tf.float64
