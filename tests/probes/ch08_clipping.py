"""Clipping inside a graph, inside an optimizer and inside a step of training. Plain data comes back."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from tests.probes.common import (
    DoublesInTraining,
    WithSpareWeight,
    mean_loss,
    mean_loss_of_classes,
    optimizer_settings,
    options_not_at_default,
)


def in_graph(function: Any, gradients: list[np.ndarray | None], *limit: float) -> Any:
    """`function(gradients, *limit)` inside `tf.function`, with symbolic tensors, and `None` where it stands."""
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]

    def call(*tensors: Any) -> Any:
        waiting = iter(tensors)
        return function([None if g is None else next(waiting) for g in gradients], *limit)

    return tf.function(call)(*present)


def from_list_and_tuple(function: Any, gradients: list[np.ndarray | None], *limit: float) -> dict[str, Any]:
    """What it makes of a list of tensors and of a tuple of them, and whether the list holds the same objects still."""
    tensors = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    own = list(tensors)
    results = [function(own, *limit), function(tuple(tensors), *limit)]
    kept = len(own) == len(tensors) and all(a is b for a, b in zip(own, tensors))
    return {"results": results, "kept": kept}


def reaches_the_update(optimizer: Any, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients that are left for the optimizer's own rule when these are applied."""
    received: list[np.ndarray] = []
    variables = [tf.Variable(tf.zeros_like(tf.convert_to_tensor(g))) for g in gradients]
    optimizer.build(variables)
    optimizer.update_step = lambda gradient, variable, learning_rate: received.append(np.asarray(gradient))
    optimizer.apply([tf.convert_to_tensor(g) for g in gradients], variables)
    return received


def is_new(kata: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether two calls give two objects that share no layer, no variable and no optimizer."""
    first, second = (kata(*args, **kwargs) for _ in range(2))
    shared = {id(part) for part in _parts(first)} & {id(part) for part in _parts(second)}
    return not shared


def _parts(made: Any) -> list[Any]:
    optimizer = getattr(made, "optimizer", None)
    return [made, *getattr(made, "layers", []), *made.variables, *([] if optimizer is None else [optimizer])]


def _linear_model(kernel: np.ndarray, bias: np.ndarray, *before: tf.keras.layers.Layer) -> tf.keras.Sequential:
    dtype = kernel.dtype.name
    dense = tf.keras.layers.Dense(1, dtype=dtype)
    model = tf.keras.Sequential([tf.keras.Input((len(kernel),), dtype=dtype), *before, dense])
    model.set_weights([kernel, bias])
    return model


def _optimizer(rule: str, lr: float) -> tf.keras.optimizers.Optimizer:
    if rule == "adam":
        return tf.keras.optimizers.Adam(lr)
    return tf.keras.optimizers.SGD(lr, momentum=0.9 if rule == "momentum" else 0.0)


def step(
    kata: Any,
    kernel: np.ndarray,
    bias: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    max_norm: float,
    lr: float,
    rule: str = "sgd",
    doubled: bool = False,
    graph: bool = False,
    arrays: bool = False,
    steps: int = 1,
) -> dict[str, Any]:
    """`clipped_train_step` of the linear model x·kernel + bias: what it returned last, and the weights afterwards."""
    model = _linear_model(kernel, bias, *([DoublesInTraining()] if doubled else []))
    optimizer = _optimizer(rule, lr)
    if graph:
        optimizer.build(model.trainable_variables)

    def run(x: Any, y: Any) -> Any:
        return kata(model, optimizer, mean_loss, x, y, max_norm=max_norm)

    batch = (x, y) if arrays else (tf.convert_to_tensor(x), tf.convert_to_tensor(y))
    for _ in range(steps):
        loss, norm = (tf.function(run) if graph else run)(*batch)
    return {
        "loss": loss,
        "norm": norm,
        "weights": [np.array(w) for w in model.get_weights()],
        "iterations": int(optimizer.iterations),
    }


def step_with_embedding(kata: Any, seed: int, max_norm: float) -> dict[str, Any]:
    """One step of SGD at rate 1 of words → embedding → frozen layer → output, with a weight that is never used.

    The targets are labels, whole numbers that the loss counts with.
    """
    rng = np.random.default_rng(seed)
    frozen = tf.keras.layers.Dense(2, trainable=False)
    layers = [tf.keras.layers.Embedding(3, 2), tf.keras.layers.Flatten(), frozen, WithSpareWeight()]
    model = tf.keras.Sequential([tf.keras.Input((4,), dtype="int32"), *layers, tf.keras.layers.Dense(1)])
    model.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in model.get_weights()])
    x, y = tf.constant(rng.integers(0, 2, (3, 4)), tf.int32), tf.constant(rng.integers(0, 3, (3, 1)), tf.int32)
    moving = [v for v in model.trainable_variables if v is not layers[-1].spare]
    with tf.GradientTape() as tape:
        loss = mean_loss_of_classes(y, model(x, training=True))
    gradients = [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, moving)]
    still = [("unused weight", layers[-1].spare), ("frozen layer", frozen.kernel), ("frozen layer", frozen.bias)]
    before, still_before = ([np.array(v) for v in variables] for variables in (moving, [v for _, v in still]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        _, norm = kata(model, tf.keras.optimizers.SGD(1.0), mean_loss_of_classes, x, y, max_norm=max_norm)
    return {
        "norm": norm,
        "names": ["embedding", "output's kernel", "output's bias"],
        "gradients": gradients,
        "before": before,
        "after": [np.array(v) for v in moving],
        "still": [(name, was, np.array(v)) for was, (name, v) in zip(still_before, still)],
    }


COMPILED = {"loss_weights": None, "weighted_metrics": None, "run_eagerly": False, "steps_per_execution": 1}
"""Keras' defaults of `compile`, but for what `build_sequence_classifier` is to set."""


def describe_classifier(model: Any) -> dict[str, Any]:
    """The shapes of its input, its output and its weights, and the settings of its layers and its optimizer.

    `options` and `compiled` hold what does not stand at Keras' defaults, of the layers and of `compile`.
    """
    told = model.get_compile_config() or {}
    return {
        "compiled": {name: told[name] for name, usual in COMPILED.items() if told.get(name, usual) != usual},
        "shapes": [list(model.input_shape), list(model.output_shape)],
        "trainable": [list(v.shape) for v in model.trainable_variables],
        "weights": [list(v.shape) for v in model.weights],
        "options": [options for layer in model.layers for options in _own_options(layer).items()],
        "optimizer": optimizer_settings(model.optimizer),
    }


def _own_options(layer: tf.keras.layers.Layer) -> dict[str, str]:
    """The options of an LSTM or a Dense layer that are neither told nor at Keras' defaults."""
    if isinstance(layer, tf.keras.layers.LSTM):
        return options_not_at_default(layer, tf.keras.layers.LSTM(1), ("units", "return_sequences"))
    if isinstance(layer, tf.keras.layers.Dense):
        return options_not_at_default(layer, tf.keras.layers.Dense(1), ("units", "activation"))
    return {}


def answers(model: Any, x: np.ndarray, *, last_bias: float | None = None) -> np.ndarray:
    """The model's outputs; with `last_bias`, after setting the output layer to that constant logit."""
    if last_bias is not None:
        *_, kernel, bias = model.trainable_variables
        kernel.assign(tf.zeros_like(kernel))
        bias.assign(tf.fill(bias.shape, last_bias))
    return np.asarray(model(x, training=False))


def answers_of_drawn_weights(model: Any, seed: int, x: np.ndarray) -> dict[str, Any]:
    """The model's outputs for standard normal weights, in training and after, those weights, and its penalties."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=v.shape).astype(np.float32) for v in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, weights):
        variable.assign(value)
    outputs = {f"{when}_training": np.asarray(model(x, training=when == "in")) for when in ("in", "after")}
    return {"weights": weights, "penalty": float(sum(model.losses)), **outputs}


def tested(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The model's outputs, and what it reports on this one batch, run eagerly (an LSTM's graph costs seconds)."""
    model.run_eagerly = True
    outputs = np.asarray(model(x, training=False))
    logs = model.test_on_batch(x, y, return_dict=True)
    return {"outputs": outputs, "logs": {name: float(value) for name, value in logs.items()}}
