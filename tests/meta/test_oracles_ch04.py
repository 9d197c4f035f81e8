"""Second witnesses for chapter 4's oracles: Keras' own schedules, and its callback fed with made-up losses."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import ch04_schedules as oracle

schedules = tf.keras.optimizers.schedules
STEPS = np.arange(0, 260)


def of_keras(schedule):
    """Keras' rates at `STEPS`, asked one at a time (its warm-up takes no array)."""
    return np.asarray([float(schedule(int(step))) for step in STEPS])


@pytest.mark.parametrize("staircase", [False, True])
@pytest.mark.parametrize("every", [1, 7, 41, 100])
def test_exponential_decay_is_that_of_keras(every, staircase):
    """`ExponentialDecay`, eager, exact multiples included."""
    theirs = of_keras(schedules.ExponentialDecay(0.5, every, 0.9, staircase=staircase))
    np.testing.assert_allclose(oracle.exponential_decay(STEPS, 0.5, every, 0.9, staircase), theirs, rtol=3e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
def test_cosine_decay_is_that_of_keras(alpha):
    """`CosineDecay`, past its end too."""
    theirs = of_keras(schedules.CosineDecay(0.5, 100, alpha=alpha))
    np.testing.assert_allclose(oracle.cosine_decay(STEPS, 0.5, 100, alpha), theirs, rtol=1e-5, atol=1e-7)


def test_piecewise_constant_is_that_of_keras():
    """`PiecewiseConstantDecay`, at its boundaries too."""
    boundaries, values = [10, 11, 100], [0.5, 0.25, 1.0, 0.125]
    theirs = of_keras(schedules.PiecewiseConstantDecay(boundaries, values))
    np.testing.assert_array_equal(oracle.piecewise_constant(STEPS, boundaries, values), theirs)


def test_keras_wants_at_least_one_boundary():
    """Why the contract names the empty case: Keras' own schedule looks at `boundaries[0]` and raises."""
    with pytest.raises(IndexError):
        schedules.PiecewiseConstantDecay([], [1.0])(0)
    assert oracle.piecewise_constant(3, [], [1.0]) == 1.0


@pytest.mark.parametrize("warmup", [1, 30])
def test_warmup_cosine_decay_is_that_of_keras(warmup):
    """`CosineDecay` with its own warm-up from 0; its `decay_steps` count from the end of the warm-up."""
    theirs = of_keras(schedules.CosineDecay(0.0, 200 - warmup, warmup_target=0.5, warmup_steps=warmup))
    np.testing.assert_allclose(oracle.warmup_cosine_decay(STEPS, 0.5, warmup, 200), theirs, rtol=1e-5, atol=1e-7)


def callback_rates(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr):
    """The rate after each epoch of Keras' callback, which needs of the model only its optimizer."""
    optimizer = tf.keras.optimizers.SGD(initial_lr)
    callback = tf.keras.callbacks.ReduceLROnPlateau(
        monitor="loss",
        factor=factor,
        patience=patience,
        mode="min",
        min_delta=min_delta,
        cooldown=cooldown,
        min_lr=min_lr,
    )
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
        rates.append(float(optimizer.learning_rate))
    return rates


@settings(max_examples=100, deadline=None)
@given(
    losses=st.lists(st.integers(-4, 4).map(lambda n: n / 4), max_size=16),
    initial_lr=st.sampled_from([0.5, 0.125]),
    factor=st.sampled_from([0.5, 0.1]),
    patience=st.integers(0, 4),
    min_delta=st.sampled_from([0.125, 1e-4, 0.375]),
    cooldown=st.integers(0, 4),
    min_lr=st.sampled_from([0.0, 0.1, 0.25]),
)
def test_the_plateau_rule_is_that_of_keras(losses, **options):
    """`ReduceLROnPlateau(mode="min")` on the same losses."""
    mine = oracle.reduce_on_plateau(losses, **options)
    np.testing.assert_allclose(mine, callback_rates(losses, **options), rtol=1e-6)
