"""The article's section 6 on the pinned TensorFlow: its example in our form, and the edges that it leaves open."""

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch05_metrics import evaluate_by_name
from solutions.ch06_compile import (
    build_two_headed_model,
    compile_two_headed_model,
    count_python_runs,
    max_jit_difference,
    total_loss,
)

LOSSES = {"price": "mse", "category": "sparse_categorical_crossentropy"}


def houses(samples=96, seed=42):
    """Inputs (n, 10) with random prices and categories, as in the article."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(samples, 10)).astype(np.float32)
    price = random.normal(size=(samples, 1)).astype(np.float32)
    return x, {"price": price, "category": random.integers(0, 3, samples)}


def two_heads():
    """The kata's model for ten features and three categories, from fixed weights."""
    tf.keras.utils.set_random_seed(0)
    return build_two_headed_model(10, 3)


# Multi-Output Models


def test_multi_output_model():
    """§6 "Multi-Output Models": two heads, each with loss, weight and metric, trained by XLA."""
    x, y = houses()
    model = two_heads()
    compile_two_headed_model(model, jit_compile=True)
    model.fit(x, y, epochs=1, batch_size=32, verbose=0)
    assert model.jit_compile
    compile_two_headed_model(model, run_eagerly=True)
    report = evaluate_by_name(model, x, y)
    parts = {name: report[f"{name}_loss"] for name in ("price", "category")}
    assert report["loss"] == pytest.approx(float(total_loss(parts, {"price": 1.0, "category": 0.5})), rel=1e-5)


def test_random_categories_teach_nothing():
    """Left open: the article's category targets are random, so on fresh data the accuracy stays near one in three."""
    x, y = houses(samples=300)
    model = two_heads()
    compile_two_headed_model(model)
    model.fit(x, y, epochs=3, batch_size=32, verbose=0)
    assert evaluate_by_name(model, *houses(samples=600, seed=1))["category_accuracy"] == pytest.approx(1 / 3, abs=0.1)


def test_the_plain_list_has_an_order_of_its_own():
    """Left open: behind the total, `evaluate` lists losses, then the category's accuracy before the price's mae."""
    x, y = houses(samples=32)
    model = two_heads()
    compile_two_headed_model(model, run_eagerly=True)
    named = evaluate_by_name(model, x, y)
    order = ["loss", "price_loss", "category_loss", "category_accuracy", "price_mae"]
    assert model.evaluate(x, y, verbose=0) == pytest.approx([named[name] for name in order])


def test_a_weight_is_no_percentage():
    """Left open: "weighted 50%". Prices in thousands instead of units: a millionth of the loss, at the same weight."""
    prices, predictions = np.array([250_000.0, 400_000.0]), np.array([300_000.0, 380_000.0])
    units = np.mean((prices - predictions) ** 2)
    thousands = np.mean((prices / 1000 - predictions / 1000) ** 2)
    assert units / thousands == pytest.approx(1_000_000)


def test_doubled_weights_are_a_doubled_rate_but_not_for_adam():
    """The lesson: twice the weights is twice the rate for SGD, and (almost) nothing for Adam."""

    def trained(optimizer, weight):
        model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile(optimizer, "mse", loss_weights=[weight], run_eagerly=True)
        x, y = np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([[1.0], [-2.0]])
        for _ in range(3):
            model.train_on_batch(x, y)
        return model.get_weights()[0].ravel()

    sgd, adam = tf.keras.optimizers.SGD, tf.keras.optimizers.Adam
    np.testing.assert_allclose(trained(sgd(0.01), 2.0), trained(sgd(0.02), 1.0), rtol=1e-5)
    np.testing.assert_allclose(trained(adam(), 2.0), trained(adam(), 1.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("weights", "outcome"), [({"category": 0.5}, KeyError), ({"price": 1, "category": 1, "prise": 9}, None)]
)
def test_keras_and_weights_that_are_missing_or_misspelt(weights, outcome):
    """The lesson: Keras fails on a missing weight and ignores a misspelt one; `total_loss` has 1 and a ValueError."""
    x, y = houses(samples=4)
    model = two_heads()
    model.compile("sgd", LOSSES, loss_weights=weights, run_eagerly=True)
    if outcome:
        with pytest.raises(outcome, match="price"):
            model.test_on_batch(x, y)
        assert float(total_loss({"price": 4.0, "category": 2.0}, weights)) == 5
    else:
        report = model.test_on_batch(x, y, return_dict=True)
        assert report["loss"] == pytest.approx(report["price_loss"] + report["category_loss"], rel=1e-5)
        with pytest.raises(ValueError, match="weights"):
            total_loss({"price": 4.0, "category": 2.0}, weights)


def test_from_logits_on_a_softmax():
    """The lesson: Keras warns and goes back to the logits where the softmax is its own; elsewhere it is taken twice."""
    labels, logits = np.array([0, 2]), tf.constant([[2.0, 1.0, 0.0], [0.5, 0.0, 1.0]])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="from_logits"):
        seen_through = float(loss(labels, tf.keras.ops.softmax(logits)))
    assert seen_through == pytest.approx(float(loss(labels, logits)))
    exponentials = tf.exp(logits)
    own_softmax = exponentials / tf.reduce_sum(exponentials, axis=1, keepdims=True)
    assert float(loss(labels, own_softmax)) > seen_through + 0.1


# Arguments & Options


def test_run_eagerly_is_for_debugging():
    """§6 "Arguments & Options": eager steps run Python every time, the traced step once or twice in all."""
    assert count_python_runs(6, run_eagerly=True) == 6
    assert count_python_runs(6, run_eagerly=False) in (1, 2)


def test_another_shape_is_another_trace():
    """The lesson: batches of 4, 4, 4 are traced once; 4, 2, 4 twice; a third size costs none."""

    def traces(*sizes):
        runs = []

        class Counting(tf.keras.Sequential):
            def train_step(self, data):
                runs.append(None)
                return super().train_step(data)

        model = Counting([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        for size in sizes:
            model.train_on_batch(np.ones((size, 1)), np.ones((size, 1)))
        return len(runs)

    assert (traces(4, 4, 4), traces(4, 2, 4), traces(4, 2, 3)) == (1, 2, 2)


def test_jit_compile_changes_rounding_only():
    """§6 "Arguments & Options": with XLA the weights agree to rounding; "auto" is not XLA on a CPU; eager beats it."""
    assert 0 < max(max_jit_difference(seed, steps=20) for seed in range(2)) < 1e-6
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert not model.jit_compile
    with pytest.warns(UserWarning, match="run_eagerly"):
        model.compile("sgd", "mse", jit_compile=True, run_eagerly=True)
    assert not model.jit_compile


def test_addition_is_not_associative():
    """The lesson: why two right orders of adding up differ in the last bits."""
    assert (0.1 + 0.2) + 0.3 == 0.6000000000000001
    assert 0.1 + (0.2 + 0.3) == 0.6


def test_outputs_of_a_dict_stand_in_alphabetical_order():
    """The lesson: a model that returns {"price": …, "category": …} has the outputs category, price."""
    inputs = tf.keras.Input((2,))
    heads = {name: tf.keras.layers.Dense(1, name=name)(inputs) for name in ("price", "category")}
    assert tf.keras.Model(inputs, heads).output_names == ["category", "price"]
