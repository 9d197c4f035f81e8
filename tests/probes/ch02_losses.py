"""What the laws of chapter 2 need TensorFlow for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def in_graph(loss: Callable[..., Any], y_true: Any, y_pred: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value of `loss(y_true, y_pred, **kwargs)` and its gradient in `y_pred`, both from inside one `tf.function`."""

    @tf.function
    def call(labels: Any, predictions: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            value = loss(labels, predictions, **kwargs)
        return value, tape.gradient(value, predictions)

    tensors = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
    # Traced on purpose and once: called directly, TensorFlow would warn of many tracings.
    value, gradient = call.get_concrete_function(*tensors)(*tensors)
    return value, gradient


def reported_loss(loss: Any, y_true: Any, logits: Any, sample_weight: Any) -> float:
    """The loss that Keras reports for one weighted batch of a compiled model whose output is softmax(logits)."""
    model = tf.keras.Sequential([tf.keras.Input([np.shape(logits)[1]]), tf.keras.layers.Softmax()])
    model.compile(loss=loss, run_eagerly=True)
    return float(model.test_on_batch(logits, y_true, sample_weight=sample_weight))


def gives_the_same_object_twice(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Whether two equal calls return one and the same object."""
    return function(*args, **kwargs) is function(*args, **kwargs)
