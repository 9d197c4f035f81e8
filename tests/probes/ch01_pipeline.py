"""What the laws of chapter 1 need TensorFlow for. Runs beside the implementation, returns data, judges nothing."""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

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
    x = np.random.default_rng(0).normal(size=(8, model.input_shape[-1])).astype(np.float32) if model.built else None
    return {
        "sequential": isinstance(model, tf.keras.Sequential),
        "built": bool(model.built),
        "input_shape": model.input_shape if model.built else None,
        "output_shape": model.output_shape if model.built else None,
        "weights": [tuple(weight.shape) for weight in model.weights],
        "values": [weight.numpy() for weight in model.weights],
        # The same in training as in inference, or something draws at random.
        "in_training": None if x is None else (model(x, training=True).numpy(), model(x, training=False).numpy()),
        "penalties": len(model.losses),  # after a call: some penalties are on what a layer gives
        "not_at_defaults": not_at_defaults(model.layers),
        "warnings": [str(warning.message).splitlines()[0] for warning in caught],
    }


def not_at_defaults(layers: Iterable[Any]) -> list[tuple[str, str, str]]:
    """(layer, option, value) of every option that is neither a size, a rate or an activation nor at Keras' default."""
    kinds = tf.keras.layers
    said = {kinds.Dense: ("units", "activation"), kinds.Dropout: ("rate",), kinds.BatchNormalization: ()}
    default = {kinds.Dense: kinds.Dense(1), kinds.Dropout: kinds.Dropout(0.5)}
    default[kinds.BatchNormalization] = kinds.BatchNormalization()
    found = []
    for layer in layers:
        for kind, free in said.items():
            if isinstance(layer, kind):
                config = layer.get_config()
                for name, value in default[kind].get_config().items():
                    if name not in ("name", "dtype", *free) and config.get(name, value) != value:
                        found.append((kind.__name__, name, repr(config[name])))
    return found


def outputs(build_model: Callable[..., Any], x: Array, weights: list[Array], *args: Any, **kwargs: Any) -> Any:
    """What the model computes for `x` once it has these weights."""
    model = build_model(*args, **kwargs)
    model.set_weights(weights)
    return model(x)


def made_in_float64(build_model: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, bool, list[str]]:
    """Of two models made under the policy float64: the weights they share, if the policy stays, their dtypes."""
    earlier = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("float64")
    try:
        first, second = (build_model(*args, **kwargs) for _ in range(2))
        stays = tf.keras.config.dtype_policy().name == "float64"
    finally:
        tf.keras.config.set_dtype_policy(earlier)
    shared = {id(weight) for weight in first.weights} & {id(weight) for weight in second.weights}
    return len(shared), stays, sorted({str(weight.dtype) for weight in first.weights})


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
    arrays: bool = False,
) -> dict[str, Any]:
    """`times` steps on one batch: the losses that came back, and what became of model and optimizer.

    The batch is handed over as tensors, or with `arrays` as arrays.
    """
    model = network(weights, penalty=penalty, batch_norm=batch_norm)
    model.layers[0].trainable = not freeze_first
    optimizer = tf.keras.optimizers.SGD(lr, momentum=momentum)
    loss_fn = weighted_squared_error(under)
    if not arrays:
        x, y = as_tensors((x, y))

    def step(x: tf.Tensor, y: tf.Tensor) -> Any:
        return train_step(model, optimizer, loss_fn, x, y)

    if graph:
        optimizer.build(model.trainable_variables)  # a graph is traced once and may not make variables
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
    under: float = 1.0,
    **kwargs: Any,
) -> dict[str, Any]:
    """What `train` returns, and what became of model and optimizer."""
    model = network(weights, penalty=penalty, batch_norm=batch_norm)
    optimizer = tf.keras.optimizers.SGD(lr, momentum=momentum)
    history = train(model, optimizer, weighted_squared_error(under), x, y, **kwargs)
    return {
        "history": history,
        "weights": _dense_weights(model),
        "iterations": int(optimizer.iterations),
    }


def targets_of_the_loss(
    kata: Callable[..., Any], samples: int, dtype: str, shape: tuple[int, ...], **loop: Any
) -> list[tuple[str, tuple[int, ...]]]:
    """(dtype, shape) of the targets each time the loss is asked, with arrays of ones for targets."""
    model = network([np.zeros((1, 1), np.float32), np.zeros(1, np.float32)])
    asked = []

    def loss(y_true: Any, y_pred: Any) -> tf.Tensor:
        asked.append((tf.as_dtype(y_true.dtype).name, tuple(y_true.shape)))
        return tf.reduce_mean(y_pred**2)

    kata(model, tf.keras.optimizers.SGD(0.0), loss, np.ones((samples, 1), np.float32), np.ones(shape, dtype), **loop)
    return asked


class _Spare(tf.keras.layers.Layer):
    """Hands its inputs on; it has a weight that nothing depends on."""

    def build(self, input_shape: Any) -> None:
        self.spare = self.add_weight(shape=(2,), initializer="ones", name="spare")

    def call(self, inputs: Any) -> Any:
        return inputs


def _cross_entropy(cast: bool) -> Callable[[Any, Any], tf.Tensor]:
    """From logits, for integer labels; with `cast` also for labels that Keras has turned into floats."""

    def loss(y_true: Any, y_pred: Any) -> tf.Tensor:
        labels = tf.cast(y_true, tf.int32) if cast else tf.convert_to_tensor(y_true)
        return -tf.reduce_mean(tf.gather(tf.nn.log_softmax(y_pred), labels, batch_dims=1))

    return loss


@functools.lru_cache(maxsize=4)
def _rich_model(kind: str) -> tuple[tf.keras.Sequential, list[Array]]:
    """A model in which a step has more to do than in a plain network, and what its variables hold at first."""
    layers, penalty = tf.keras.layers, tf.keras.regularizers.L1L2(0.125, 0.25)
    if kind == "embedding":
        stack = [tf.keras.Input((2,), dtype="int32"), layers.Embedding(7, 3), layers.Flatten(), layers.Dense(4)]
    else:
        penalties = {f"{what}_regularizer": penalty for what in ("kernel", "bias", "activity")}
        stack = [tf.keras.Input((3,)), _Spare(), layers.Dense(4, "relu", **penalties), layers.Dense(3, trainable=False)]
        stack += [layers.BatchNormalization(), layers.Dropout(0.5, seed=1), layers.Dense(1)]
    model = tf.keras.Sequential(stack)
    return model, [variable.numpy() for variable in model.variables]


def _optimizer_for(kind: str) -> Any:
    optimizers = tf.keras.optimizers
    if kind == "embedding":
        return optimizers.Adam(0.0625)
    rate = optimizers.schedules.ExponentialDecay(0.0625, 1, 0.5)
    inner = optimizers.SGD(rate, momentum=0.5, weight_decay=0.5, global_clipnorm=2.0)
    return optimizers.LossScaleOptimizer(inner, initial_scale=256.0)


def beside_keras(
    kata: Callable[..., Any], kind: str, seed: int, *, samples: int, steps: int = 2, **loop: Any
) -> dict[str, Any]:
    """The same training by Keras and by `kata`, from the same weights: losses and weights of both.

    `kind` is "embedding" (integers in, integers as labels, Adam) or "everything" (each kind of penalty, a frozen layer,
    a weight that nothing depends on, normalization, dropout, a schedule, decay, clipping, loss scaling). Without `loop`
    the kata is a `train_step`, called `steps` times on one batch; with it a `train` with these options.
    """
    rng = np.random.default_rng(seed)
    model, start = _rich_model(kind)
    if kind == "embedding":
        x, y = rng.integers(0, 7, (samples, 2)).astype(np.int32), rng.integers(0, 4, samples).astype(np.int64)
        for_keras, loss_fn = _cross_entropy(cast=True), _cross_entropy(cast=False)
    else:
        x, y = (rng.normal(size=(samples, columns)).astype(np.float32) for columns in (3, 1))
        for_keras = loss_fn = weighted_squared_error(3.0)
    variables = list(model.variables)  # dropout's random state is one of them
    drawn = {id(v): (rng.normal(size=v.shape) / 2).astype(np.float32) for v in model.trainable_variables}
    found = {}
    for who in ("keras", "kata"):
        for variable, value in zip(variables, start, strict=True):
            variable.assign(drawn.get(id(variable), value))
        optimizer, compiled = _optimizer_for(kind), getattr(model, "optimizer", None)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Gradients do not exist")
            if who == "keras":
                model.compile(optimizer, for_keras, run_eagerly=True)
                losses = _losses_by_keras(model, x, y, steps, loop)
            elif loop:
                losses = kata(model, optimizer, loss_fn, x, y, **loop)
            else:
                losses = [kata(model, optimizer, loss_fn, *as_tensors((x, y))) for _ in range(steps)]
        found[who] = {
            "losses": losses,
            "weights": [variable.numpy() for variable in model.weights],
            "iterations": int(optimizer.iterations),
            "trainable": len(model.trainable_variables),
            "state": [variable.numpy() for variable in optimizer.variables],
            "compiled_as_before": getattr(model, "optimizer", None) is compiled,
        }
    return found


def _losses_by_keras(model: Any, x: Array, y: Array, steps: int, loop: dict[str, Any]) -> list[float]:
    if loop:
        return list(model.fit(x, y, shuffle=False, verbose=0, **loop).history["loss"])
    losses = []
    for _ in range(steps):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, y)))
    return losses


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
    y[train_size * 4 // 5 : train_size] *= -3  # what is learned makes the validation loss worse
    untrained = model(x[:train_size]).numpy()
    with traced_never(), _batches_of_fit() as batches:
        result = run_pipeline(
            model, Data(x[:train_size], y[:train_size], x[train_size:], y[train_size:]), **dict(options)
        )
    return {
        "result": result,
        "x_test": x[train_size:],
        "y_train": y[:train_size],
        "y_test": y[train_size:],
        "untrained": untrained,
        "on_train": model(x[:train_size]).numpy(),
        "on_test": model(x[train_size:]).numpy(),
        "optimizer": type(model.optimizer).__name__,
        "options": {name: value for name, value in model.optimizer.get_config().items() if name != "name"},
        "defaults": {name: value for name, value in tf.keras.optimizers.Adam().get_config().items() if name != "name"},
        "iterations": int(model.optimizer.iterations),
        "settings": (_settings(model), _settings(_compiled_by_default())),
        "order": _epochs(x[:train_size], batches, len(result.history["loss"])),
    }


def _settings(model: Any) -> dict[str, Any]:
    """What `compile` was told about how to run."""
    return {name: getattr(model, name) for name in ("run_eagerly", "steps_per_execution", "jit_compile")}


@functools.lru_cache(maxsize=1)
def _compiled_by_default() -> Any:
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@contextmanager
def _batches_of_fit() -> Iterator[list[Array]]:
    """The inputs of every step of training inside."""
    batches: list[Array] = []
    as_ever = tf.keras.Model.train_step

    def train_step(model: Any, data: Any) -> Any:
        batches.append(np.asarray(data[0]))
        return as_ever(model, data)

    with mock.patch.object(tf.keras.Model, "train_step", train_step):
        yield batches


def _epochs(x: Array, batches: list[Array], epochs: int) -> list[list[int]]:
    """The places in `x` of the samples of each epoch, in the order in which they came."""
    places = {row.tobytes(): place for place, row in enumerate(x)}
    order = [places.get(row.tobytes(), -1) for batch in batches for row in batch]
    length = len(order) // epochs
    return [order[start : start + length] for start in range(0, len(order), length)] if length else []
