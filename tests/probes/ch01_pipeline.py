"""What the laws of chapter 1 need TensorFlow for. Runs beside the implementation, returns data, judges nothing."""

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tests.probes.common import as_tensors

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """The four arrays of a regression problem, as `RegressionData` names them."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def describe(build_model: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What `build_model(*args, **kwargs)` made, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = build_model(*args, **kwargs)
    return {
        "sequential": isinstance(model, tf.keras.Sequential),
        "built": bool(model.built),
        "input_shape": model.input_shape if model.built else None,
        "output_shape": model.output_shape if model.built else None,
        "weights": [tuple(weight.shape) for weight in model.weights],
        "warnings": [str(warning.message).splitlines()[0] for warning in caught],
    }


def outputs(build_model: Callable[..., Any], x: Array, weights: list[Array], *args: Any, **kwargs: Any) -> Any:
    """What the model computes for `x` once it has these weights."""
    model = build_model(*args, **kwargs)
    model.set_weights(weights)
    return model(x)


def shared_weights(build_model: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """How many weights two models made one after the other have in common."""
    first, second = (build_model(*args, **kwargs) for _ in range(2))
    return len({id(weight) for weight in first.weights} & {id(weight) for weight in second.weights})


def network(weights: Sequence[Array], *, penalty: float = 0.0, batch_norm: bool = False) -> tf.keras.Sequential:
    """Dense layers with ReLU between them that have these weights; an L2 penalty on the kernels if it is not 0.

    Building a model costs twice what a step costs, so the same one is set anew each time.
    """
    sizes = (weights[0].shape[0], *(len(bias) for bias in weights[1::2]))
    model, fresh = _network(sizes, penalty, batch_norm, weights[0].dtype.name)
    model.set_weights(fresh)
    for layer in model.layers:
        layer.trainable = True
    for variable, value in zip(_dense_weights(model), weights, strict=True):
        variable.assign(value)
    return model


@functools.lru_cache(maxsize=64)
def _network(
    sizes: tuple[int, ...], penalty: float, batch_norm: bool, dtype: str
) -> tuple[tf.keras.Sequential, list[Array]]:
    layers: list[Any] = [tf.keras.Input((sizes[0],), dtype=dtype)]
    if batch_norm:
        layers.append(tf.keras.layers.BatchNormalization())
    for i, units in enumerate(sizes[1:], start=2):
        activation = None if i == len(sizes) else "relu"
        regularizer = tf.keras.regularizers.L2(penalty) if penalty else None
        layers.append(tf.keras.layers.Dense(units, activation, kernel_regularizer=regularizer, dtype=dtype))
    model = tf.keras.Sequential(layers)
    return model, model.get_weights()


def _dense_weights(model: tf.keras.Model) -> list[Any]:
    dense = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]
    return [weight for layer in dense for weight in layer.weights]


def weighted_squared_error(under: float) -> Callable[[Any, Any], tf.Tensor]:
    """mean(c · (y − ŷ)²) with c = `under` where the prediction is too low: the order of its arguments matters."""

    def loss(y_true: Any, y_pred: Any) -> tf.Tensor:
        error = tf.convert_to_tensor(y_true) - y_pred
        return tf.reduce_mean(tf.where(error > 0, tf.cast(under, error.dtype), 1.0) * error**2)

    return loss


def steps(
    train_step: Callable[..., Any],
    x: Array,
    y: Array,
    weights: list[Array],
    *,
    lr: float,
    momentum: float = 0.0,
    penalty: float = 0.0,
    under: float = 1.0,
    times: int = 1,
    graph: bool = False,
    freeze_first: bool = False,
    batch_norm: bool = False,
) -> dict[str, Any]:
    """`times` steps on one batch: the losses that came back, and what became of model and optimizer."""
    model = network(weights, penalty=penalty, batch_norm=batch_norm)
    model.layers[0].trainable = not freeze_first
    optimizer = tf.keras.optimizers.SGD(lr, momentum=momentum)
    optimizer.build(model.trainable_variables)
    loss_fn = weighted_squared_error(under)
    x, y = as_tensors((x, y))

    def step(x: tf.Tensor, y: tf.Tensor) -> Any:
        return train_step(model, optimizer, loss_fn, x, y)

    if graph:
        step = tf.function(step).get_concrete_function(x, y)
    losses = [step(x, y) for _ in range(times)]
    return {
        "losses": losses,
        "weights": _dense_weights(model),
        "moving_mean": model.layers[0].moving_mean if batch_norm else None,
        "iterations": int(optimizer.iterations),
    }


def epochs(
    train: Callable[..., Any],
    x: Any,
    y: Any,
    weights: list[Array],
    *,
    lr: float,
    momentum: float = 0.0,
    penalty: float = 0.0,
    batch_norm: bool = False,
    **kwargs: Any,
) -> dict[str, Any]:
    """What `train` returns, and what became of model and optimizer."""
    model = network(weights, penalty=penalty, batch_norm=batch_norm)
    optimizer = tf.keras.optimizers.SGD(lr, momentum=momentum)
    history = train(model, optimizer, weighted_squared_error(1.0), x, y, **kwargs)
    return {
        "history": history,
        "weights": _dense_weights(model),
        "iterations": int(optimizer.iterations),
    }


@contextmanager
def traced_never() -> Iterator[None]:
    """Inside, `fit`, `evaluate` and `predict` run eagerly whatever they were compiled with.

    Tracing costs 0.3 s for a small model and 3 s for one under mixed precision; a few eager steps cost less.
    """
    before = tf.config.functions_run_eagerly()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Even though the `tf.config.experimental_run_functions_eagerly`")
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(before)


def pipeline(run_pipeline: Callable[..., Any], *, seed: int, train_size: int, test_size: int, **kwargs: Any) -> Any:
    """A run of the pipeline on seeded data and weights: its result, and what the trained model says of each split.

    Laws that look at the same run share it: a run costs as much as everything else together.
    """
    return _pipeline(run_pipeline, seed, train_size, test_size, tuple(sorted(kwargs.items())))


@functools.lru_cache(maxsize=16)
def _pipeline(
    run_pipeline: Callable[..., Any], seed: int, train_size: int, test_size: int, options: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(train_size + test_size, 2)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0]], np.float32) + 0.5).astype(np.float32)
    tf.keras.utils.set_random_seed(seed % 2**31)
    model = network([rng.normal(size=(2, 1)).astype(np.float32), np.zeros(1, np.float32)])
    with traced_never():
        result = run_pipeline(
            model, Data(x[:train_size], y[:train_size], x[train_size:], y[train_size:]), **dict(options)
        )
    return {
        "result": result,
        "x_test": x[train_size:],
        "y_train": y[:train_size],
        "y_test": y[train_size:],
        "on_train": model(x[:train_size]).numpy(),
        "on_test": model(x[train_size:]).numpy(),
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": float(model.optimizer.learning_rate),
        "iterations": int(model.optimizer.iterations),
    }
