"""Clipping inside a graph, inside an optimizer and inside a step of training. Plain data comes back."""

from typing import Any

import numpy as np
import tensorflow as tf


def in_graph(function: Any, gradients: list[np.ndarray | None], *limit: float) -> Any:
    """`function(gradients, *limit)` inside `tf.function`, the tensors of unknown shape and `None` where it stands."""
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]

    def call(*tensors: Any) -> Any:
        waiting = iter(tensors)
        return function([None if g is None else next(waiting) for g in gradients], *limit)

    signature = [tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for tensor in present]
    return tf.function(call, input_signature=signature)(*present)


def reaches_the_update(optimizer: Any, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients that are left for the optimizer's own rule when these are applied."""
    received: list[np.ndarray] = []
    variables = [tf.Variable(tf.zeros_like(tf.convert_to_tensor(g))) for g in gradients]
    optimizer.build(variables)
    optimizer.update_step = lambda gradient, variable, learning_rate: received.append(np.asarray(gradient))
    optimizer.apply([tf.convert_to_tensor(g) for g in gradients], variables)
    return received


def settings(optimizer: Any) -> dict[str, Any]:
    """Whether it is Adam, its rate, and its three limits."""
    limits = {name: getattr(optimizer, name) for name in ("clipvalue", "clipnorm", "global_clipnorm")}
    return {
        "adam": isinstance(optimizer, tf.keras.optimizers.Adam),
        "learning_rate": float(optimizer.learning_rate),
        **{name: None if limit is None else float(limit) for name, limit in limits.items()},
    }


def mean_squared_error(y: Any, p: Any) -> Any:
    """(1/n) Σ (y − p)² over n samples with one output."""
    return tf.reduce_mean(tf.square(tf.convert_to_tensor(y) - p))


class DoublesInTraining(tf.keras.layers.Layer):
    """Its input, twice over in training: so that it shows which of the two it was."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs * 2.0 if training else inputs


def _linear_model(kernel: np.ndarray, bias: np.ndarray, *before: tf.keras.layers.Layer) -> tf.keras.Sequential:
    model = tf.keras.Sequential([tf.keras.Input((len(kernel),)), *before, tf.keras.layers.Dense(1)])
    model.set_weights([kernel, bias])
    return model


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
) -> dict[str, Any]:
    """One `clipped_train_step` of the linear model x·kernel + bias: what it returned, and the weights afterwards."""
    model = _linear_model(kernel, bias, *([DoublesInTraining()] if doubled else []))
    optimizer = tf.keras.optimizers.Adam(lr) if rule == "adam" else tf.keras.optimizers.SGD(lr)
    optimizer.build(model.trainable_variables)

    def run(x: Any, y: Any) -> Any:
        return kata(model, optimizer, mean_squared_error, x, y, max_norm=max_norm)

    loss, norm = (tf.function(run) if graph else run)(tf.convert_to_tensor(x), tf.convert_to_tensor(y))
    return {
        "loss": loss,
        "norm": norm,
        "weights": [np.array(w) for w in model.get_weights()],
        "iterations": int(optimizer.iterations),
    }


def describe_classifier(model: Any) -> dict[str, Any]:
    """The shapes of the trainable weights, and the optimizer's settings."""
    return {"weights": [list(v.shape) for v in model.trainable_variables], "optimizer": settings(model.optimizer)}


def answers(model: Any, x: np.ndarray, *, last_bias: float | None = None) -> np.ndarray:
    """The model's outputs; with `last_bias`, after setting the output layer to that constant logit."""
    if last_bias is not None:
        *_, kernel, bias = model.trainable_variables
        kernel.assign(tf.zeros_like(kernel))
        bias.assign(tf.fill(bias.shape, last_bias))
    return np.asarray(model(x, training=False))


def tested(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The model's outputs, and what it reports on this one batch, run eagerly (an LSTM's graph costs seconds)."""
    model.run_eagerly = True
    outputs = np.asarray(model(x, training=False))
    logs = model.test_on_batch(x, y, return_dict=True)
    return {"outputs": outputs, "logs": {name: float(value) for name, value in logs.items()}}
