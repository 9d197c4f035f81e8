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
    metric: Any,
    y_true: np.ndarray,
    y_pred: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    batch_size: int,
    run_eagerly: bool,
) -> list[dict[str, float]]:
    """What two epochs of `fit` and an `evaluate` report of a model that predicts `y_pred` and learns nothing."""
    layer = tf.keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model = tf.keras.Sequential([tf.keras.Input((1,)), layer])
    kind = "metrics" if sample_weight is None else "weighted_metrics"
    model.compile(tf.keras.optimizers.SGD(0.0), "mse", run_eagerly=run_eagerly, **{kind: [metric]})
    given = {"x": y_pred.reshape(-1, 1), "y": y_true, "sample_weight": sample_weight, "batch_size": batch_size}
    history = model.fit(**given, epochs=2, verbose=0).history
    epochs = [{name: values[epoch] for name, values in history.items()} for epoch in range(2)]
    return [*epochs, model.evaluate(**given, verbose=0, return_dict=True)]


def evaluated(
    kata: Callable[..., Any],
    heads: list[str],
    metric_name: str | None,
    x: np.ndarray,
    ys: list[np.ndarray],
    *,
    inputs: str = "array",
    targets: str = "dict",
    times: int = 1,
    run_eagerly: bool = True,
) -> dict[str, Any]:
    """The results of `times` calls of `kata` for a model whose heads all predict x, and what has changed in it.

    The heads have a penalty of ¼ each, and what they see goes through a dropout. As a list or a dict, x comes as two
    inputs whose difference it is.
    """
    names = ["one"] if inputs == "array" else ["one", "other"]
    entries = [tf.keras.Input((1,), name=name) for name in names]
    shared = entries[0] if inputs == "array" else tf.keras.layers.Subtract()(entries)
    shared = tf.keras.layers.Dropout(0.5)(shared)
    penalty = tf.keras.regularizers.L2(0.25)
    outputs = [
        tf.keras.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=penalty, name=head)(shared)
        for head in heads
    ]
    model = tf.keras.Model(entries if len(entries) > 1 else entries[0], outputs if len(heads) > 1 else outputs[0])
    metrics = None if metric_name is None else [[tf.keras.metrics.MeanAbsoluteError(name=metric_name)] for _ in heads]
    model.compile("sgd", ["mse"] * len(heads), metrics=metrics, run_eagerly=run_eagerly)
    before, optimizer = model.get_weights(), model.optimizer
    parts = [x + 1, np.ones_like(x)]
    by_name = dict(reversed(list(zip(names, parts, strict=False))))  # not in the inputs' order
    given = {"array": x, "list": parts, "dict": by_name}[inputs]
    by_kind = {"dict": dict(zip(heads[::-1], ys[::-1], strict=True)), "list": ys}  # by name, not in the heads' order
    y = by_kind[targets] if len(heads) > 1 else ys[0]
    results = [kata(model, given, y) for _ in range(times)]
    found = {
        "its weights": any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)),
        "its optimizer": model.optimizer is not optimizer,
        "run_eagerly": model.run_eagerly != run_eagerly,
    }
    return {"results": results, "changed": [name for name, is_changed in found.items() if is_changed]}
