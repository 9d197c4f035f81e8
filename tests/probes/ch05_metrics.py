"""What chapter 5's laws need TensorFlow for: counts handed over, metrics inside graphs and compiled models."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def of_counts(kata: Callable[..., Any], counts_type: Callable[..., Any], *counts: Any) -> Any:
    """`kata` of the four counts, as the chapter's own NamedTuple."""
    return kata(counts_type(*counts))


def result_after_graph_updates(metric: Any, batches: list[tuple[Any, ...]]) -> Any:
    """The metric's result after `update_state` of every batch, through one `tf.function` traced once."""
    first = [tf.convert_to_tensor(array) for array in batches[0]]
    signature = [tf.TensorSpec([None] * array.shape.rank, array.dtype) for array in first]

    @tf.function(input_signature=signature)
    def update(*arrays: Any) -> None:
        metric.update_state(*arrays)

    for batch in batches:
        update(*(tf.convert_to_tensor(array) for array in batch))
    return metric.result()


def compiled_reports(
    metric: Any, y_true: np.ndarray, y_pred: np.ndarray, *, batch_size: int, run_eagerly: bool
) -> list[dict[str, float]]:
    """What `evaluate` reports, twice in a row, for a model that predicts `y_pred`."""
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Identity()])
    model.compile(loss="mse", metrics=[metric], run_eagerly=run_eagerly)
    x = y_pred.reshape(-1, 1)
    return [model.evaluate(x, y_true, batch_size=batch_size, verbose=0, return_dict=True) for _ in range(2)]


def evaluated(
    kata: Callable[..., Any],
    heads: list[str],
    metric_name: str,
    x: np.ndarray,
    ys: list[np.ndarray],
    *,
    times: int = 1,
    run_eagerly: bool = True,
) -> dict[str, Any]:
    """The results of `times` calls of `kata` for a model whose heads all predict x, and whether its weights changed."""
    inputs = tf.keras.Input((1,))
    outputs = [tf.keras.layers.Dense(1, kernel_initializer="ones", name=head)(inputs) for head in heads]
    model = tf.keras.Model(inputs, outputs if len(heads) > 1 else outputs[0])
    metrics = [[tf.keras.metrics.MeanAbsoluteError(name=metric_name)] for _ in heads]
    model.compile("sgd", ["mse"] * len(heads), metrics=metrics, run_eagerly=run_eagerly)
    before = model.get_weights()
    y = dict(zip(heads, ys, strict=True)) if len(heads) > 1 else ys[0]
    results = [kata(model, x, y) for _ in range(times)]
    changed = any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    return {"results": results, "changed": changed}
