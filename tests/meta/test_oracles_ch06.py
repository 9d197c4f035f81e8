"""Second witness for chapter 6's references: what Keras computes and reports for the same weights."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles import ch06_compile as oracle
from tests.probes.ch06_compile import two_headed, with_drawn_weights

weights = st.floats(0, 3)


@given(seed=st.integers(0, 2**32 - 1), price_weight=weights, category_weight=weights, as_dict=st.booleans())
@settings(max_examples=10, deadline=None)
def test_heads_and_report_agree_with_keras(seed, price_weight, category_weight, as_dict):
    """The forward pass in float64, and every loss and metric that compile() and evaluate() make of it."""
    random = np.random.default_rng(seed)
    x, price = random.normal(size=(5, 3)).astype(np.float32), random.normal(size=(5, 1)).astype(np.float32)
    category = random.integers(0, 4, 5)
    model = two_headed(3, 4, as_dict)
    heads = oracle.two_heads(oracle.by_shape(with_drawn_weights(model, seed), 3, 4), x)
    # Keras remembers the logits of a softmax and does not clip there; the formula clips a probability below 1e-7.
    assume(heads.category.min() > 1e-6)
    outputs = model(x)
    by_name = outputs if as_dict else dict(zip(("price", "category"), outputs, strict=True))
    np.testing.assert_allclose(by_name["price"], heads.price, atol=1e-4)
    np.testing.assert_allclose(by_name["category"], heads.category, atol=1e-5)
    model.compile(
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        run_eagerly=True,
    )
    theirs = model.test_on_batch(x, {"price": price, "category": category}, return_dict=True)
    ours = oracle.two_headed_report(heads, price, category, price_weight=price_weight, category_weight=category_weight)
    assert theirs == pytest.approx(ours, rel=1e-4, abs=1e-5)


@given(values=st.lists(st.floats(0, 5), min_size=1, max_size=4), factor=weights)
@settings(max_examples=10, deadline=None)
def test_total_agrees_with_keras(values, factor):
    """Σ wᵢLᵢ as a model with that many mean absolute errors reports it."""
    names = [f"head_{i}" for i in range(len(values))]
    inputs = tf.keras.Input((1,))
    model = tf.keras.Model(inputs, [tf.keras.layers.Identity(name=name)(inputs) for name in names])
    factors = {name: factor * (i + 1) for i, name in enumerate(names)}
    model.compile(loss=["mae"] * len(names), loss_weights=list(factors.values()), run_eagerly=True)
    targets = [np.array([[value]], np.float32) for value in values]
    found = model.test_on_batch(np.zeros((1, 1), np.float32), targets if len(targets) > 1 else targets[0])
    total = found[0] if isinstance(found, list) else found
    ours = oracle.total_loss(dict(zip(names, values, strict=True)), factors)
    assert total == pytest.approx(ours, rel=1e-5, abs=1e-6)
