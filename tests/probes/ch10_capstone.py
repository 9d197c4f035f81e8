"""What the laws of chapter 10 need TensorFlow for. Runs beside the implementation, returns data, judges nothing."""

import functools
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf

from tests.probes.ch01_pipeline import traced_never
from tests.probes.ch09_mixed_precision import starting_from

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """The four arrays of a classification problem, as `ClassificationData` names them."""

    x_train: Array
    y_train: Array
    x_validation: Array
    y_validation: Array


# make_schedule


def is_schedule(make_schedule: Callable[..., Any], **kwargs: Any) -> bool:
    """Whether what `make_schedule` gives is a Keras schedule."""
    return isinstance(make_schedule(**kwargs), tf.keras.optimizers.schedules.LearningRateSchedule)


def rates_in_a_graph(make_schedule: Callable[..., Any], steps: list[int], **kwargs: Any) -> list[Any]:
    """The schedule's rates for these steps, asked for inside one `tf.function`."""
    ask = tf.function(make_schedule(**kwargs)).get_concrete_function(tf.TensorSpec([], tf.int64))
    return [ask(tf.constant(step, tf.int64)) for step in steps]


def rates_of_an_optimizer(make_schedule: Callable[..., Any], updates: int, **kwargs: Any) -> list[float]:
    """How far each of `updates` updates of plain SGD moves a weight whose gradient is 1."""
    variable = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(make_schedule(**kwargs))
    positions = [0.0]
    for _ in range(updates):
        optimizer.apply([tf.constant(1.0)], [variable])
        positions.append(float(variable))
    return [before - after for before, after in pairwise(positions)]


# make_optimizer


def trajectory(
    make_optimizer: Callable[..., Any],
    weights: list[Array],
    gradients: list[list[Array]],
    rate: float,
    *,
    halved_every: int | None = None,
    **kwargs: Any,
) -> list[Any]:
    """The weights after one update for each of `gradients`; with `halved_every`, the rate is a schedule."""
    schedules = tf.keras.optimizers.schedules
    learning_rate = schedules.ExponentialDecay(rate, halved_every, 0.5) if halved_every else rate
    variables = [tf.Variable(weight) for weight in weights]
    optimizer = make_optimizer(learning_rate, **kwargs)
    for each in gradients:
        optimizer.apply([tf.constant(gradient) for gradient in each], variables)
    return variables


# build_classifier


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _of_kind(model: Any, kind: type) -> list[Any]:
    return [layer for layer in _layers(model) if isinstance(layer, kind)]


def describe(build_classifier: Callable[..., Any], features: int, classes: int, *, policy: str) -> dict[str, Any]:
    """The layers of the classifier that was built while `policy` was the global one, and the global policy after."""
    with starting_from(policy):
        model = build_classifier(features, classes)
        after = tf.keras.config.dtype_policy().name
    kinds = tf.keras.layers
    found: list[tuple[str, Any]] = []
    for layer in _layers(model):
        if isinstance(layer, kinds.Dense):
            found.append(("Dense", layer.units))
        elif isinstance(layer, kinds.BatchNormalization):
            found.append(("BatchNormalization", None))
        elif isinstance(layer, kinds.Dropout):
            found.append(("Dropout", layer.rate))
    dense = _of_kind(model, kinds.Dense)
    model.compile(optimizer="adam")
    return {
        "layers": found,
        "compute": [layer.compute_dtype for layer in dense],
        "variable": sorted({tf.as_dtype(weight.dtype).name for layer in dense for weight in layer.weights}),
        "policy_after": after,
        "optimizer": type(model.optimizer).__name__,
    }


def logits(build_classifier: Callable[..., Any], features: int, bias: Array) -> Any:
    """What the classifier gives for zeros when its last layer has this bias and a kernel of zeros."""
    with starting_from("float32"):
        model = build_classifier(features, len(bias))
    last = _of_kind(model, tf.keras.layers.Dense)[-1]
    last.kernel.assign(tf.zeros_like(last.kernel))
    last.bias.assign(bias)
    return model(np.zeros((2, features), np.float32))


def with_random_weights(build_classifier: Callable[..., Any], x: Array, classes: int, seed: int) -> dict[str, Any]:
    """The logits for `x`, in inference, of a classifier whose weights and statistics are set at random."""
    rng = np.random.default_rng(seed)
    with starting_from("float32"):
        model = build_classifier(x.shape[1], classes)
    dense, norms = (_of_kind(model, kind) for kind in (tf.keras.layers.Dense, tf.keras.layers.BatchNormalization))
    for layer in dense:
        rows, columns = layer.kernel.shape
        layer.kernel.assign(rng.normal(size=(rows, columns)) / np.sqrt(rows))
        layer.bias.assign(rng.normal(size=columns) / 4)
    for layer in norms:
        units = layer.gamma.shape[0]
        layer.gamma.assign(rng.uniform(0.5, 1.5, units))
        layer.beta.assign(rng.normal(size=units) / 4)
        layer.moving_mean.assign(rng.normal(size=units) / 4)
        layer.moving_variance.assign(rng.uniform(0.5, 2.0, units))
    return {
        "logits": model(x, training=False),
        "dense": [(layer.kernel, layer.bias) for layer in dense],
        "norms": [(layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance) for layer in norms],
    }


# make_callbacks


def epochs_with_callbacks(
    make_callbacks: Callable[..., Any], val_losses: list[float], rate: float, *, scheduled: bool = False
) -> dict[str, Any]:
    """Epochs without any training, in which `val_loss` takes these values and `loss` falls all the time.

    The only weight is set to the number of the epoch, so that one sees at the end which epoch's was kept.
    """
    learning_rate = tf.keras.optimizers.schedules.ExponentialDecay(rate, 100, 0.5) if scheduled else rate
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, use_bias=False)])
    model.compile(tf.keras.optimizers.SGD(learning_rate), "mse")
    model.stop_training = False
    rates = []
    with warnings.catch_warnings():
        # Keras' ReduceLROnPlateau reads the rate in a way that NumPy 2.4 deprecates.
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        callbacks = tf.keras.callbacks.CallbackList(make_callbacks(learning_rate), model=model)
        callbacks.on_train_begin()
        for epoch, val_loss in enumerate(val_losses):
            callbacks.on_epoch_begin(epoch)
            model.set_weights([np.full((1, 1), epoch, np.float32)])
            callbacks.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_loss": val_loss})
            rates.append(float(model.optimizer.learning_rate))
            if model.stop_training:
                break
        callbacks.on_train_end()
    return {"rates": rates, "kept": int(model.get_weights()[0].item())}


def shared_callbacks(make_callbacks: Callable[..., Any]) -> int:
    """How many callbacks two calls have in common."""
    first, second = make_callbacks(0.1), make_callbacks(0.1)
    return len({id(callback) for callback in first} & {id(callback) for callback in second})


# train_classifier


def clusters(
    *,
    seed: int = 0,
    train_size: int,
    validation_size: int,
    classes: int,
    unseen_class: bool = False,
    turned: bool = False,
) -> Data:
    """One cloud of points for each class, far enough from the others.

    With `unseen_class` the largest label occurs in the validation split alone; with `turned` the validation split has
    the next class's labels, so that what is learned makes it worse.
    """
    rng = np.random.default_rng(seed)

    def split(size: int, shift: int) -> tuple[Array, Array]:
        y = np.arange(size) % classes
        x = 5.0 * np.eye(classes)[y] + rng.normal(size=(size, classes))
        return x.astype(np.float32), (y + shift) % classes

    data = Data(*split(train_size, 0), *split(validation_size, int(turned)))
    if unseen_class:
        data.y_validation[0] = classes
    return data


def training(train_classifier: Callable[..., Any], *, global_seed: int = 1, **options: Any) -> dict[str, Any]:
    """A run on `clusters`: the report, and what else could be seen of it.

    Options of `clusters` go there, all others to the kata. Laws that look at the same run share it: it is dear.
    """
    return _training(train_classifier, global_seed, tuple(sorted(options.items())))


_CLUSTERS = ("train_size", "validation_size", "classes", "unseen_class", "turned")


@functools.lru_cache(maxsize=32)
def _training(
    train_classifier: Callable[..., Any], global_seed: int, options: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    data = clusters(**{name: value for name, value in options if name in _CLUSTERS})
    kwargs = {name: value for name, value in options if name not in _CLUSTERS}
    tf.keras.utils.set_random_seed(global_seed)
    states = random.getstate(), np.random.get_state()[1].tolist()
    with starting_from("float32"), traced_never(), _recorded_models() as models:
        report = train_classifier(data, **kwargs)
    return {
        "report": report,
        "y_validation": data.y_validation,
        "logits": models[-1](data.x_validation, training=False) if models else None,
        "jit_compile": models[-1].jit_compile if models else None,
        "python_untouched": random.getstate() == states[0],
        "numpy_untouched": np.random.get_state()[1].tolist() == states[1],
    }


@contextmanager
def _recorded_models() -> Iterator[list[Any]]:
    """Inside, every model that is compiled is written down; a loop of one's own compiles none."""
    models: list[Any] = []
    compile_as_ever = tf.keras.Model.compile

    def compile_and_record(model: Any, *args: Any, **kwargs: Any) -> Any:
        models.append(model)
        return compile_as_ever(model, *args, **kwargs)

    with mock.patch.object(tf.keras.Model, "compile", compile_and_record):
        yield models
