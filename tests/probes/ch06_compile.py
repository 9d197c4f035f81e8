"""What chapter 6's laws need TensorFlow for: models with set weights, compiled and asked what they report."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def with_drawn_weights(model: Any, seed: int) -> list[np.ndarray]:
    """The model's weights after they were set to N(0, ½²)."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.5, array.shape).astype(array.dtype) for array in model.get_weights()])
    return model.get_weights()


def two_heads(build: Callable[..., Any], features: int, categories: int, x: np.ndarray, seed: int) -> dict[str, Any]:
    """The weights that were set on a built model, and its outputs for `x`."""
    model = build(features, categories)
    weights = with_drawn_weights(model, seed)
    return {"weights": weights, "outputs": model(tf.convert_to_tensor(x))}


def names_found_by_compile(build: Callable[..., Any], x: np.ndarray, y: dict[str, np.ndarray]) -> list[str]:
    """What a built model reports when losses and metrics are given by the names `price` and `category`."""
    model = build(x.shape[1], 3)
    losses = {"price": "mse", "category": "sparse_categorical_crossentropy"}
    model.compile(loss=losses, metrics={"price": ["mae"], "category": ["accuracy"]}, run_eagerly=True)
    return sorted(model.test_on_batch(x, y, return_dict=True))


def two_headed(features: int, categories: int, as_dict: bool) -> tf.keras.Model:
    """A model with the outputs `price` and `category`, as a list or a dict."""
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu")(inputs)
    price = tf.keras.layers.Dense(1, name="price")(shared)
    category = tf.keras.layers.Dense(categories, activation="softmax", name="category")(shared)
    return tf.keras.Model(inputs, {"price": price, "category": category} if as_dict else [price, category])


def compiled(
    kata: Callable[..., Any],
    x: np.ndarray,
    y: dict[str, np.ndarray],
    categories: int,
    *,
    as_dict: bool = False,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """What `kata` returns for a two-headed model, the model's weights, and what it then reports on (x, y)."""
    model = two_headed(x.shape[1], categories, as_dict)
    weights = with_drawn_weights(model, seed)
    returned = kata(model, run_eagerly=True, **options)
    return {"returned": returned, "weights": weights, "report": model.test_on_batch(x, y, return_dict=True)}


def settings(kata: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """How a model stands after `kata` has compiled it; nothing is run."""
    model = two_headed(2, 3, False)
    kata(model, **options)
    return {
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": float(model.optimizer.learning_rate),
        "jit_compile": bool(model.jit_compile),
        "run_eagerly": bool(model.run_eagerly),
    }


def loss_gradients(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """∂ total / ∂ loss for every loss, by name."""
    tensors = {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        total = kata(tensors, weights)
    return tape.gradient(total, tensors)


def total_in_graph(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> Any:
    """`kata` inside `tf.function`, the losses symbolic."""
    return tf.function(lambda tensors: kata(tensors, weights))(
        {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}
    )


def under_other_random_states(kata: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
    """The results of two calls, with other states of Python's, NumPy's and TensorFlow's global generators."""
    results = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        tf.random.set_seed(state)
        results.append(kata(*args, **kwargs))
    return results
