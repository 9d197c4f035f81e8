"""The article's section 7 on the pinned TensorFlow: its example in our form, its figures, its errata."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch07_accumulation import (
    GradientAccumulationModel,
    accumulated_gradients,
    accumulating_optimizer,
    linear_scaling_rule,
    updates_per_epoch,
)


def regression(samples=1000, features=10, seed=42):
    """Targets that are a linear map of standard normal inputs, as in the article's example."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    return x, (x @ rng.normal(size=(features, 1))).astype(np.float32)


def small_network(features, units=8):
    """Dense(relu) and a linear output, from one fixed seed."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(units, activation="relu"), tf.keras.layers.Dense(1)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *layers])


def mean_squared_error(y, p):
    return tf.reduce_mean(tf.square(y - p))


# Memory vs Convergence


def test_double_the_batch_double_the_rate():
    """§7 "Memory vs Convergence": the linear scaling rule in the article's words."""
    assert linear_scaling_rule(1e-2, base_batch_size=32, batch_size=64) == pytest.approx(2e-2, rel=1e-12)


def test_the_rule_holds_for_small_steps_only():
    """The lesson's table: four steps at η against one at 4η on w²/2, for η = 0.01 and η = 0.5."""
    for lr, four, one in ((0.01, 0.9606, 0.96), (0.5, 0.0625, -1.0)):
        assert (1 - lr) ** 4 == pytest.approx(four, abs=5e-5)
        assert 1 - linear_scaling_rule(lr, base_batch_size=32, batch_size=128) == pytest.approx(one, abs=5e-5)


def test_four_times_the_batch_halves_the_noise():
    """ "Larger batches give more stable gradients": the spread of a mean of B falls like 1/√B."""
    samples = np.random.default_rng(0).normal(scale=2.0, size=160_000)
    spread = {batch: samples.reshape(-1, batch).mean(axis=1).std() for batch in (4, 16)}
    assert spread[4] == pytest.approx(1.0, rel=0.02)
    assert spread[16] == pytest.approx(0.5, rel=0.02)


# Gradient Accumulation


def test_the_example_in_a_form_that_works():
    """§7 "Gradient Accumulation": 1000 samples by 32, K = 4, five epochs of 32 batches: 40 updates; the loss falls."""
    x, y = regression()
    model = GradientAccumulationModel(small_network(10), accumulation_steps=4)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    history = model.fit(x, y, epochs=5, batch_size=32, verbose=0).history
    per_epoch = updates_per_epoch(1000, batch_size=32, accumulation_steps=4)
    assert int(model.optimizer.iterations) == 5 * per_epoch == 40
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert set(history) == {"loss", "mae"}


def article_style(base_model, steps):
    """The article's plan in a few lines of our own: Keras 2's `compiled_loss`, and an `if` on a tensor."""

    class ArticleStyle(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = base_model
            self.seen = tf.Variable(0)
            self.sums = [tf.Variable(tf.zeros_like(v)) for v in base_model.trainable_variables]

        def call(self, inputs, training=False):
            return self.inner(inputs, training=training)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred) / steps
            for total, g in zip(self.sums, tape.gradient(loss, self.inner.trainable_variables)):
                total.assign_add(g)
            self.seen.assign_add(1)
            if self.seen % steps == 0:
                self.optimizer.apply_gradients(zip(self.sums, self.inner.trainable_variables))
                for total in self.sums:
                    total.assign(tf.zeros_like(total))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    return ArticleStyle()


def test_the_articles_model_stops_in_graph_mode():
    """Erratum: `if self.step_count % …` asks a symbolic tensor for its truth; `fit` ends in an error."""
    x, y = regression(samples=8, features=2)
    model = article_style(small_network(2), steps=2)
    model.compile(optimizer="adam", loss="mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="as a Python `bool` is not allowed"):
            model.fit(x, y, batch_size=2, verbose=0)


def test_the_articles_model_reports_its_predictions_as_loss():
    """Erratum: run eagerly it warns (`compiled_loss`, `compiled_metrics`), and `loss` is the mean *prediction*."""
    x, y = regression(samples=6, features=2)
    model = article_style(small_network(2), steps=100)  # no update: the predictions stay what they are
    model.compile(optimizer="adam", loss="mse", metrics=["mae"], run_eagerly=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, y, batch_size=6, verbose=0).history
    said = " ".join(str(warning.message) for warning in caught)
    assert "`model.compiled_loss()` is deprecated" in said
    assert "`model.compiled_metrics()` is deprecated" in said
    prediction = model.inner(x).numpy()
    assert history["loss"][0] == pytest.approx(prediction.mean(), rel=1e-4)
    assert history["loss"][0] != pytest.approx(np.mean((y - prediction) ** 2), rel=0.1)


def test_a_train_step_that_feeds_no_tracker_reports_zero():
    """Keras' loss tracker is fed by its own `train_step` alone: one that forgets it reports a loss of 0.0."""

    class Forgetful(GradientAccumulationModel):
        def train_step(self, data):
            x, y = data
            return self.compute_metrics(x, y, self(x, training=True))

    x, y = regression(samples=6, features=2)
    model = Forgetful(small_network(2))
    model.compile(optimizer="adam", loss="mse", run_eagerly=True)
    assert model.fit(x, y, verbose=0).history["loss"] == [0.0]


def test_a_second_tracker_named_loss_hides_the_first_in_evaluate():
    """The tracker of Keras' older guides, fed in `train_step`, makes `evaluate` report 0.0."""

    class TwoTrackers(tf.keras.Sequential):
        def __init__(self, *args):
            super().__init__(*args)
            self.loss_tracker = tf.keras.metrics.Mean(name="loss")

    x, y = regression(samples=6, features=2)
    model = TwoTrackers(small_network(2).layers)
    model.compile(optimizer="adam", loss="mse", run_eagerly=True)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] == 0.0


def test_effective_batch_128_is_a_batch_of_128_for_full_groups_only():
    """Erratum: the last of 1000 samples come as 3 · 32 + 8; unweighted, each of the 8 counts four times as much."""
    x, y = regression(samples=104)
    model = small_network(10)
    pairs = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 104, 32)]
    assert [len(pair[0]) for pair in pairs] == [32, 32, 32, 8]
    weighted = accumulated_gradients(model, mean_squared_error, pairs)
    each = [accumulated_gradients(model, mean_squared_error, [pair]) for pair in pairs]
    unweighted = [sum(parts) / 4 for parts in zip(*each)]
    whole = accumulated_gradients(model, mean_squared_error, [(x, y)])
    np.testing.assert_allclose(weighted[0], whole[0], rtol=1e-4, atol=1e-5)
    assert np.abs(unweighted[0] - whole[0]).max() > 0.05 * np.abs(whole[0]).max()
    assert (1 / 4 / 8) / (1 / 4 / 32) == 4


def test_an_epoch_of_5000_samples_is_79_batches():
    """Erratum: 5000 // 64 = 78 (where the article plans a schedule); `fit` runs 79, and 2370 in 30 epochs."""
    ran = []
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    counting = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ran.append(batch))
    model.fit(np.zeros((5000, 1)), np.zeros((5000, 1)), batch_size=64, verbose=0, callbacks=[counting])
    assert len(ran) == updates_per_epoch(5000, batch_size=64) == 79 != 5000 // 64
    assert (79 * 30, 78 * 30, 5000 / 64 * 30) == (2370, 2340, 2343.75)


# What the lesson says of Keras' own accumulation


def test_a_schedule_counts_calls_where_iterations_count_updates():
    """With `gradient_accumulation_steps=2` a schedule that ends after step 3 ends at the third update."""
    schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay([3], [1.0, 0.0])
    optimizer = accumulating_optimizer(schedule, accumulation_steps=2)
    variable, moved = tf.Variable(0.0), []
    for _ in range(3):
        before = float(variable)
        for _ in range(2):
            optimizer.apply([tf.constant(1.0)], [variable])
        moved.append(abs(float(variable) - before) > 0.5)
    assert moved == [True, True, False]
    assert int(optimizer.iterations) == 3


def test_accumulation_over_no_steps_is_silently_off():
    """Keras takes 0 for "off"; the kata refuses it, as Keras refuses 1."""
    assert tf.keras.optimizers.Adam(1e-3, gradient_accumulation_steps=0).gradient_accumulation_steps == 0
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        tf.keras.optimizers.Adam(1e-3, gradient_accumulation_steps=1)
    for steps in (0, 1):
        with pytest.raises(ValueError, match="accumulation_steps"):
            accumulating_optimizer(1e-3, accumulation_steps=steps)


def test_zeros_for_unconnected_keras_variables_must_be_made_by_hand():
    """`unconnected_gradients="zero"` raises for a Keras variable without a gradient; a tf.Variable gets its zeros."""
    for make, works in ((tf.keras.Variable, False), (tf.Variable, True)):
        used, unused = make([1.0, 2.0]), make([3.0])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(2.0 * tf.convert_to_tensor(used))
        if works:
            assert tape.gradient(loss, [used, unused], unconnected_gradients="zero")[1].numpy().tolist() == [0.0]
        else:
            with pytest.raises(AttributeError, match="_type_enum"):
                tape.gradient(loss, [used, unused], unconnected_gradients="zero")


def test_adam_does_not_add_up_repeated_rows_of_an_embedding():
    """IndexedSlices with a repeated row and their dense sum lead Keras' Adam to different weights."""
    rows = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, -1.0]]), tf.constant([0, 0]), tf.constant([3, 2]))
    results = []
    for gradient in (rows, tf.convert_to_tensor(rows)):
        variable = tf.keras.Variable(np.ones((3, 2), np.float32))
        tf.keras.optimizers.Adam(0.1).apply([gradient], [variable])
        results.append(variable.numpy())
    assert np.abs(results[0] - results[1]).max() > 0.01
    assert tf.convert_to_tensor(rows).numpy()[0].tolist() == [4.0, 1.0]
