"""The article's section 3 on the pinned TensorFlow: its examples in our form, and where they mislead."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch03_optimizers import (
    MomentumSGD,
    adagrad_step,
    adam_step,
    adamw_step,
    choose_optimizer,
    momentum_step,
    rmsprop_step,
)
from tests.oracles import ch03_optimizers as oracle

ZERO = tf.constant(0.0)


def regression(features, samples=500):
    """Standard normal inputs and targets that are linear in them, as in the section's examples."""
    random = np.random.default_rng(42)
    x = random.normal(size=(samples, features)).astype(np.float32)
    return x, x @ random.normal(size=(features, 1)).astype(np.float32)


def network(features, *, outputs="linear"):
    """The examples' net, 32 ReLU units and one output, always from the same weights."""
    tf.keras.utils.set_random_seed(1)
    layers = [tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(1, activation=outputs)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *layers])


def final_loss(optimizer, x, y, *, epochs):
    """The training loss of the last epoch, from the same weights and in the same order every time."""
    model = network(x.shape[1])
    model.compile(optimizer=optimizer, loss="mse")
    return model.fit(x, y, epochs=epochs, batch_size=32, shuffle=False, verbose=0).history["loss"][-1]


# SGD & Momentum


def test_momentum_converges_faster_than_plain_descent():
    """§3 "SGD & Momentum": plain, momentum, Nesterov at 0.01, here from one start and with the kata's optimizer."""
    x, y = regression(5)
    plain, momentum, nesterov = (
        final_loss(MomentumSGD(0.01, momentum=gamma, nesterov=ahead), x, y, epochs=4)
        for gamma, ahead in ((0.0, False), (0.9, False), (0.9, True))
    )
    assert momentum < plain / 4
    assert nesterov < plain / 4


def test_looking_ahead_does_not_move_the_gradient():
    """Misleading: "looks ahead before computing gradient". Keras takes it at the stored weights, then looks ahead."""
    variable, optimizer = tf.keras.Variable(1.0), tf.keras.optimizers.SGD(0.25, momentum=0.5, nesterov=True)
    w, v = tf.constant(1.0), ZERO
    for _ in range(5):
        stored = float(variable)
        optimizer.apply([tf.constant(2 * stored)], [variable])  # the gradient of w² where the weights are
        w, v = momentum_step(w, v, 2 * w, lr=0.25, momentum=0.5, nesterov=True)
        np.testing.assert_allclose(float(variable), float(w), rtol=1e-6, atol=1e-7)


def test_input_shape_in_a_layer_warns():
    """Erratum, in all three examples: `input_shape=` is deprecated in Keras 3; `tf.keras.Input` does not warn."""
    with pytest.warns(UserWarning, match="input_shape"):
        tf.keras.layers.Dense(32, activation="relu", input_shape=(5,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(5)


def test_numpys_seed_does_not_seed_keras():
    """Misleading, in all three examples: after `np.random.seed(42)` two models still start from different weights."""

    def first_weights():
        return tf.keras.Sequential([tf.keras.Input((5,)), tf.keras.layers.Dense(2)]).get_weights()[0]

    def seeded_by(seed):
        seed(42)
        return first_weights()

    assert not np.array_equal(seeded_by(np.random.seed), seeded_by(np.random.seed))
    both = tf.keras.utils.set_random_seed
    assert np.array_equal(seeded_by(both), seeded_by(both))


# Adam & AdamW


def test_the_formula_is_not_what_keras_computes():
    """§3 prints Algorithm 1, ε beside √v̂. Keras adds its ε to √v: 31.6 times as much in the first step."""
    gradient = tf.constant(1e-6)
    article, _, _ = adam_step(ZERO, ZERO, ZERO, gradient, 1)
    variable = tf.keras.Variable(0.0)
    tf.keras.optimizers.Adam(1e-3).apply([gradient], [variable])
    assert f"{-float(article) / 1e-3:.3f}" == "0.909"
    assert f"{-float(variable) / 1e-3:.3f}" == "0.240"
    assert [f"{1 / math.sqrt(1 - 0.999**t):.2f}" for t in (1, 10, 1000)] == ["31.62", "10.02", "1.26"]


def test_the_comparison_of_adam_and_adamw_cannot_show_a_difference():
    """Misleading: 480 steps at 1e-3·1e-4 take 0.0048 % of the weights; two random starts differ far more."""
    assert f"{100 * (1 - (1 - 1e-3 * 1e-4) ** 480):.4f}" == "0.0048"
    x, _ = regression(20, samples=256)
    y = (x[:, :5].sum(axis=1) > 0).astype(np.float32)
    losses = []
    for optimizer in (choose_optimizer("default"), choose_optimizer("transformer")):
        model = network(20, outputs="sigmoid")
        model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
        losses.append(model.fit(x, y, epochs=2, batch_size=32, shuffle=False, verbose=0).history["loss"][-1])
    assert losses[0] != losses[1]
    assert abs(losses[0] - losses[1]) < 1e-5


def test_l2_under_adam_is_no_weight_decay():
    """§3: "decouples weight decay". A weight of 10, no gradient: Adam with L2 moves by η for every λ, AdamW by ηλw."""
    w = tf.constant(10.0)
    for decay in (0.1, 0.01, 0.0001):
        with_l2, _, _ = adam_step(w, ZERO, ZERO, decay * w, 1, lr=0.01)
        decoupled, _, _ = adamw_step(w, ZERO, ZERO, ZERO, 1, lr=0.01, weight_decay=decay)
        assert 10 - float(with_l2) == pytest.approx(0.01, rel=1e-3)
        assert 10 - float(decoupled) == pytest.approx(0.01 * decay * 10, abs=1e-6)


# RMSProp & Adagrad


def test_adagrad_ends_above_rmsprop():
    """§3 "RMSProp & Adagrad", the section's rates and twenty epochs, here from one start."""
    x, y = regression(10)
    rmsprop = final_loss(tf.keras.optimizers.RMSprop(learning_rate=1e-3), x, y, epochs=20)
    assert rmsprop < final_loss(choose_optimizer("sparse"), x, y, epochs=20)


def test_adagrads_steps_die_out_and_rmsprops_do_not():
    """§3: Adagrad "can decay the learning rate too aggressively": the n-th step for a constant gradient is η/√n."""
    one = tf.constant(1.0)
    w, s, mean, lengths = ZERO, ZERO, ZERO, []
    for _ in range(100):
        new_w, s = adagrad_step(w, s, one)
        lengths.append(float(w - new_w))
        w, (_, mean) = new_w, rmsprop_step(ZERO, mean, one)
    assert lengths[0] == pytest.approx(0.01, rel=1e-3)
    assert lengths[-1] == pytest.approx(0.001, rel=1e-3)
    steady, _ = rmsprop_step(ZERO, mean, one)
    assert -float(steady) == pytest.approx(1e-3, rel=1e-3)


# The lesson's figures


def steps_through_the_valley(gamma, nesterov=False):
    """Steps from (1, 1) until ½(x² + 100y²) < 1e-6, at a rate of 0.01."""
    w, v, curvature, steps = np.ones(2), np.zeros(2), np.array([1.0, 100.0]), 0
    while 0.5 * (curvature * w**2).sum() > 1e-6:
        w, v = oracle.momentum(w, v, curvature * w, 0.01, gamma, nesterov)
        steps += 1
    return steps


def test_the_lessons_valley():
    """653 plain steps, 138 with momentum, 61 with Nesterov."""
    assert steps_through_the_valley(0.0) == 653
    assert steps_through_the_valley(0.9) == 138
    assert steps_through_the_valley(0.9, nesterov=True) == 61


def test_the_lessons_two_places_for_the_rate():
    """γ = 0.9, g = 1 twice, η = 1 then 0.1: 1 and 1 with the rate inside, 1 and 0.19 with the rate outside."""
    inside, v = momentum_step(ZERO, ZERO, tf.constant(1.0), lr=1.0)
    assert float(inside) == -1
    further, _ = momentum_step(inside, v, tf.constant(1.0), lr=0.1)
    assert float(inside - further) == pytest.approx(1.0, rel=1e-6)
    assert 0.1 * (0.9 * 1 + 1) == pytest.approx(0.19)


def test_the_lessons_uncorrected_adam():
    """Without bias correction the step is 3.16·η at t = 1 and 6.53·η at t = 10, for a constant gradient."""
    assert [f"{(1 - 0.9**t) / math.sqrt(1 - 0.999**t):.2f}" for t in (1, 10)] == ["3.16", "6.53"]


def test_the_lessons_two_places_for_epsilon():
    """RMSProp's first step for g = 1e-3 and 1e-4: 0.00224, 0.00031 with ε inside, 0.00316, 0.00315 with ε outside."""
    for g, inside, outside in ((1e-3, "0.00224", "0.00316"), (1e-4, "0.00031", "0.00315")):
        w, s = rmsprop_step(ZERO, ZERO, tf.constant(g))
        assert f"{-float(w):.5f}" == inside
        assert f"{1e-3 * g / (math.sqrt(float(s)) + 1e-7):.5f}" == outside


def test_the_lessons_float32():
    """1 - 0.999 in float32 is 0.00099998713; `tf.cast(0.1, tf.float64)` has been through float32."""
    assert f"{np.float32(1) - np.float32(0.999):.11f}" == "0.00099998713"
    assert f"{tf.cast(0.1, tf.float64).numpy():.11f}" == "0.10000000149"


def test_the_lessons_defaults_of_keras():
    """SGD 0.01 without momentum, Adagrad 0.001 with a sum that starts at 0.1, AdamW a decay of 0.004."""
    sgd, adagrad, adamw = tf.keras.optimizers.SGD(), tf.keras.optimizers.Adagrad(), tf.keras.optimizers.AdamW()
    assert (float(sgd.learning_rate), sgd.momentum) == (pytest.approx(0.01), 0.0)
    assert (float(adagrad.learning_rate), adagrad.initial_accumulator_value) == (pytest.approx(0.001), 0.1)
    assert adamw.weight_decay == 0.004
    assert f"{0.1 / math.sqrt(0.1 + 0.1**2):.2f}" == "0.30"


def test_an_optimizer_refuses_another_models_variables():
    """Why `choose_optimizer` makes a new one at every call."""
    optimizer = choose_optimizer("vision")
    optimizer.apply([ZERO], [tf.keras.Variable(1.0)])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([ZERO], [tf.keras.Variable(1.0)])
