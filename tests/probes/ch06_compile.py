"""What chapter 6's laws need TensorFlow for: models with set weights, compiled and asked what they report."""

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def with_drawn_weights(model: Any, seed: int) -> list[np.ndarray]:
    """The model's weights after they were set to N(0, ½²)."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.5, array.shape).astype(array.dtype) for array in model.get_weights()])
    return model.get_weights()


def built(build: Callable[..., Any], features: int, categories: int) -> dict[str, Any]:
    """How a model stands when it has been built, and whether a second call builds another."""
    model, other = build(features, categories), build(features, categories)
    model(tf.zeros((2, features)))  # a penalty on activities is there after a call
    variables = {id(variable) for variable in model.variables}
    return {
        "initial": model.get_weights(),
        "trained": len(model.trainable_variables),
        "compiled": bool(model.compiled) or getattr(model, "optimizer", None) is not None,
        "penalties": len(model.losses),
        "shared": model is other or any(id(variable) in variables for variable in other.variables),
    }


def two_heads(build: Callable[..., Any], features: int, categories: int, x: np.ndarray, seed: int) -> dict[str, Any]:
    """The weights that were set on a built model, and its outputs for `x`, outside training and in it."""
    model = build(features, categories)
    weights = with_drawn_weights(model, seed)
    return {"weights": weights, "outputs": [model(tf.convert_to_tensor(x), training=mode) for mode in (False, True)]}


def names_found_by_compile(build: Callable[..., Any], x: np.ndarray, y: dict[str, np.ndarray]) -> list[str]:
    """What a built model reports when losses and metrics are given by the names `price` and `category`."""
    model = build(x.shape[1], 3)
    losses = {"price": "mse", "category": "sparse_categorical_crossentropy"}
    model.compile(loss=losses, metrics={"price": ["mae"], "category": ["accuracy"]}, run_eagerly=True)
    return sorted(model.test_on_batch(x, y, return_dict=True))


def two_headed(features: int, categories: int, as_dict: bool) -> tf.keras.Model:
    """A model with the outputs `price` and `category`, as a list or a dict.

    In the dict a layer stands behind the softmax, through which Keras does not find the logits.
    """
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu")(inputs)
    price = tf.keras.layers.Dense(1, name="price")(shared)
    if as_dict:
        softmax = tf.keras.layers.Dense(categories, activation="softmax")(shared)
        category = tf.keras.layers.Rescaling(1.0, name="category")(softmax)
        return tf.keras.Model(inputs, {"price": price, "category": category})
    category = tf.keras.layers.Dense(categories, activation="softmax", name="category")(shared)
    return tf.keras.Model(inputs, [price, category])


def compiled(
    kata: Callable[..., Any],
    x: np.ndarray,
    y: dict[str, np.ndarray],
    categories: int,
    *,
    as_dict: bool = False,
    seed: int = 0,
    sample_weight: np.ndarray | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What `kata` returns for a two-headed model, the model's weights, and what it then reports on (x, y)."""
    model = two_headed(x.shape[1], categories, as_dict)
    weights = with_drawn_weights(model, seed)
    returned = kata(model, run_eagerly=True, **options)
    weighing: Any = None  # Keras takes it in the outputs' own structure
    if sample_weight is not None:
        weighing = dict.fromkeys(y, sample_weight) if as_dict else [sample_weight, sample_weight]
    report = model.test_on_batch(x, y, sample_weight=weighing, return_dict=True)
    return {"returned": returned, "weights": weights, "report": report}


def settings(kata: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """How a model stands after `kata` has compiled it; nothing is run."""
    model = two_headed(2, 3, False)
    kata(model, **options)
    usual = tf.keras.optimizers.Adam().get_config()
    found = model.optimizer.get_config()
    return {
        "changed_options": sorted(name for name in usual if name != "name" and found.get(name) != usual[name]),
        "steps_per_execution": int(model.steps_per_execution),
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": float(model.optimizer.learning_rate),
        "jit_compile": bool(model.jit_compile),
        "run_eagerly": bool(model.run_eagerly),
    }


def shares_an_optimizer(kata: Callable[..., Any]) -> bool:
    """Whether two models that `kata` compiles have one optimizer."""
    models = [two_headed(2, 3, False) for _ in range(2)]
    for model in models:
        kata(model)
    return models[0].optimizer is models[1].optimizer


def loss_gradients(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """∂ total / ∂ loss for every loss, by name."""
    tensors = {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        total = kata(tensors, weights)
    return tape.gradient(total, tensors)


def total_in_graph(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> Any:
    """`kata` inside `tf.function`, the losses symbolic, and the weights that are tensors, too."""
    plain = {name: weight for name, weight in weights.items() if not tf.is_tensor(weight)}
    symbolic = {name: weight for name, weight in weights.items() if tf.is_tensor(weight)}
    return tf.function(lambda losses, weights: kata(losses, {**weights, **plain}))(
        {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}, symbolic
    )


def observed(kata: Callable[..., Any], *args: Any, everything_eagerly: bool = False, **kwargs: Any) -> dict[str, Any]:
    """The result of `kata`, and whether the setting `tf.config.run_functions_eagerly` is another one afterwards.

    With `everything_eagerly` that setting is on: every `tf.function` runs as Python, nothing is traced or compiled.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(everything_eagerly)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tf.data says that it does not follow this setting
            result = kata(*args, **kwargs)
        return {"result": result, "changed": bool(tf.config.functions_run_eagerly() != everything_eagerly)}
    finally:
        tf.config.run_functions_eagerly(before)


def under_other_random_states(kata: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
    """The results of two calls, with other states of Python's, NumPy's and TensorFlow's global generators."""
    results = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        tf.random.set_seed(state)
        results.append(kata(*args, **kwargs))
    return results
