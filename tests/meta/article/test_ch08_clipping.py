"""The article's section 8 on the pinned TensorFlow: its examples in our form, its figures, its errata."""

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch08_clipping import (
    build_sequence_classifier,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    clipped_optimizer,
    clipped_train_step,
    global_norm,
)


def regression(samples=96, features=10, seed=42):
    """Targets that are a linear map of standard normal inputs, as in the article's example."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    return x, (x @ rng.normal(size=(features, 1))).astype(np.float32)


def small_network(features=10, units=8):
    """Dense(relu) and a linear output, from one fixed seed."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(units, activation="relu"), tf.keras.layers.Dense(1)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *layers])


def mean_squared_error(y, p):
    return tf.reduce_mean(tf.square(y - p))


# Clipping Methods


@pytest.mark.parametrize(("method", "limit"), [("value", 0.5), ("norm", 1.0), ("global_norm", 1.0)])
def test_each_method_trains(method, limit):
    """§8 "Clipping Methods": the three models of the example, one optimizer each; every one learns."""
    x, y = regression()
    model = small_network()
    model.compile(optimizer=clipped_optimizer(method, limit, learning_rate=0.01), loss="mse", run_eagerly=True)
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=3, batch_size=32, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first


def test_the_diagrams_three_rules_by_hand():
    """§8's diagram for [3] and [4]: each element to [-v, v]; each tensor at ‖g‖ > c; all by the global norm."""
    gradients = [tf.constant([3.0]), tf.constant([4.0])]

    def flat(tensors):
        return [pytest.approx(float(t[0]), rel=1e-6) for t in tensors]

    assert flat(clip_by_value(gradients, 1.0)) == [1.0, 1.0]
    assert flat(clip_by_norm(gradients, 1.0)) == [1.0, 1.0]
    assert flat(clip_by_global_norm(gradients, 1.0)[0]) == [0.6, 0.8]


def test_clipping_by_value_turns_a_gradient():
    """The lesson's angle: (1, 10) clipped to ±1 points 39.3° elsewhere; by its norm it keeps its direction."""

    def angle_to(clipped):
        a, b = np.array([1.0, 10.0]), np.asarray(clipped, np.float64)
        return np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))

    gradient = [tf.constant([1.0, 10.0])]
    assert angle_to(clip_by_value(gradient, 1.0)[0]) == pytest.approx(39.3, abs=0.05)
    assert angle_to(clip_by_norm(gradient, 1.0)[0]) == pytest.approx(0.0, abs=0.05)


def adam_run(gradients, rate=0.1, **settings):
    """Where Adam takes a weight from 0 through these gradients."""
    variable, optimizer = tf.Variable(tf.zeros_like(gradients[0])), tf.keras.optimizers.Adam(rate, **settings)
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    return variable.numpy()


def test_adam_cancels_a_constant_factor_and_so_a_constant_clipping():
    """Erratum: the example compares limits under Adam, for which gradients a thousand times smaller are the same."""
    large, small = (adam_run([tf.constant([1.0, -2.0]) * scale] * 10) for scale in (1.0, 1e-3))
    np.testing.assert_allclose(large, small, rtol=2e-3)


def test_under_adam_clipping_keeps_an_outlier_out_of_its_memory():
    """The lesson's run: one gradient of 100 among 0.5s; to −1.34 without clipping, to −1.99 with."""
    gradients = [tf.constant(100.0 if step == 10 else 0.5) for step in range(20)]
    assert adam_run(gradients) == pytest.approx(-1.34, abs=0.005)
    assert adam_run(gradients, global_clipnorm=1.0) == pytest.approx(-1.99, abs=0.005)


def test_the_examples_models_start_from_different_weights():
    """Erratum: `np.random.seed` does not seed Keras' initializers, so the three models compared begin apart."""
    x, y = regression()
    losses = set()
    for _ in range(3):
        np.random.seed(42)
        layers = [tf.keras.layers.Dense(64, activation="relu"), tf.keras.layers.Dense(1)]
        losses.add(float(mean_squared_error(y, tf.keras.Sequential([tf.keras.Input((10,)), *layers])(x))))
    assert len(losses) == 3


# Clipping for RNNs


def test_products_of_a_hundred_factors():
    """ "Gradients grow exponentially": 1.1¹⁰⁰ ≈ 13,781 and 0.9¹⁰⁰ ≈ 0.0000266, by back-propagation through h ← w·h."""
    for w, expected in ((1.1, 13_781), (0.9, 0.00002656)):
        h0 = tf.constant(1.0, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(h0)
            h = h0
            for _ in range(100):
                h = w * h
        assert float(tape.gradient(h, h0)) == pytest.approx(expected, rel=1e-3)


def test_the_sequence_example_in_our_form():
    """§8 "Clipping for RNNs": the article's network has 64 and 32 units, and one step of training leaves it finite."""
    model = build_sequence_classifier(50, 10)
    units = [layer.units for layer in model.layers if isinstance(layer, tf.keras.layers.LSTM)]
    assert (units, model.output_shape) == ([64, 32], (None, 1))
    small = build_sequence_classifier(5, 10, units=(4, 3))
    small.run_eagerly = True
    rng = np.random.default_rng(42)
    x, y = rng.normal(size=(8, 5, 10)).astype(np.float32), rng.integers(0, 2, (8, 1)).astype(np.float32)
    assert np.isfinite(small.train_on_batch(x, y)).all()


def test_the_sequence_example_learns_coin_tosses_by_heart():
    """Erratum: labels are random, so accuracy rises on the sequences it has seen and stays at chance on others."""
    rng = np.random.default_rng(42)
    x, y = rng.normal(size=(64, 4, 10)).astype(np.float32), rng.integers(0, 2, (64, 1)).astype(np.float32)
    fresh_x, fresh_y = rng.normal(size=(2000, 4, 10)).astype(np.float32), rng.integers(0, 2, (2000, 1))
    tf.keras.utils.set_random_seed(0)
    model = build_sequence_classifier(4, 10, units=(16,))
    model.optimizer.learning_rate = 0.02
    model.fit(x, y, epochs=40, batch_size=64, verbose=0)
    seen, unseen = (((model(a).numpy() > 0.5) == b).mean() for a, b in ((x, y), (fresh_x, fresh_y)))
    assert seen > 0.8
    assert unseen == pytest.approx(0.5, abs=0.05)


def test_no_target_throws_the_weights_far():
    """With SGD and `clipped_train_step` targets of 1e15 move the weights by no more than rate · limit."""
    x, y = regression(samples=8)
    model = small_network()
    before = [w.copy() for w in model.get_weights()]
    _, norm = clipped_train_step(model, tf.keras.optimizers.SGD(0.5), mean_squared_error, x, y * 1e15, max_norm=1.0)
    moved = [a - b for a, b in zip(model.get_weights(), before)]
    assert float(norm) > 1e14
    assert float(global_norm(moved)) == pytest.approx(0.5, rel=1e-3)


# When to Clip


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_does_not_cure_a_gradient_that_is_not_finite(bad):
    """Erratum: "if your loss jumps to NaN … try clipping": one NaN or inf turns clipped gradients into NaN."""
    gradients = [tf.constant([bad]), tf.constant([1.0])]
    for clipped in (clip_by_global_norm(gradients, 1.0)[0], tf.clip_by_global_norm(gradients, 1.0)[0]):
        assert np.isnan(clipped[0].numpy()).all()


def test_keras_takes_a_limit_of_zero_for_none():
    """`global_clipnorm=0.0` clips nothing; the katas refuse such a limit."""
    received = []
    optimizer = tf.keras.optimizers.SGD(1.0, global_clipnorm=0.0)
    optimizer.update_step = lambda gradient, variable, rate: received.append(float(gradient))
    optimizer.apply([tf.constant(5.0)], [tf.Variable(0.0)])
    assert received == [5.0]
    with pytest.raises(ValueError, match="max_norm"):
        clip_by_global_norm([tf.constant(5.0)], 0.0)


def test_the_built_ins_change_what_is_within_the_limit():
    """In the last bit: (g·c)/max(‖g‖, c) rounds twice, c·min(1/‖g‖, 1/c) misses 1; the solutions change nothing."""
    rng = np.random.default_rng(0)
    changed = {"tf.clip_by_norm": 0, "tf.clip_by_global_norm": 0, "clip_by_norm": 0, "clip_by_global_norm": 0}
    for _ in range(100):
        g = tf.constant(rng.normal(size=5), tf.float32)
        limit = float(np.float32(tf.norm(g).numpy() * rng.uniform(1.1, 5.0)))
        changed["tf.clip_by_norm"] += int(np.any(tf.clip_by_norm(g, limit) != g))
        changed["tf.clip_by_global_norm"] += int(np.any(tf.clip_by_global_norm([g], limit)[0][0] != g))
        changed["clip_by_norm"] += int(np.any(clip_by_norm([g], limit)[0] != g))
        changed["clip_by_global_norm"] += int(np.any(clip_by_global_norm([g], limit)[0][0] != g))
    assert changed["clip_by_norm"] == changed["clip_by_global_norm"] == 0
    assert changed["tf.clip_by_norm"] > 10
    assert changed["tf.clip_by_global_norm"] > 3


def test_limits_that_are_not_their_own_reciprocals_reciprocal():
    """c · (1/c) is not 1 in float32 for c = 41, 47, 55, 61, 82, 83, 94, 97: the eight below 100."""
    whole = np.arange(1, 100, dtype=np.float32)
    assert whole[whole * (np.float32(1) / whole) != 1].astype(int).tolist() == [41, 47, 55, 61, 82, 83, 94, 97]


def test_a_half_precision_norm_overflows_early():
    """300² is beyond float16: the norm is inf, and the built-in's clipped gradient NaN."""
    gradients = [tf.constant([300.0], tf.float16)]
    assert np.isinf(tf.linalg.global_norm(gradients).numpy())
    assert np.isnan(tf.clip_by_global_norm(gradients, 1.0)[0][0].numpy()).all()


def test_repeated_rows_of_an_embedding_are_added_up_first():
    """Two slices [3] and [4] for one row: TensorFlow's norm says 5, the gradient's length is 7."""
    rows = tf.IndexedSlices(tf.constant([[3.0], [4.0]]), tf.constant([0, 0]), tf.constant([2, 1]))
    assert float(tf.linalg.global_norm([rows])) == 5.0
    assert float(global_norm([rows])) == 7.0
