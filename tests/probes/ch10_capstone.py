"""What the laws of chapter 10 need TensorFlow for. Runs beside the implementation, returns data, judges nothing."""

import functools
import inspect
import io
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf

from tests.probes.ch01_pipeline import not_at_defaults, traced_never

Array = np.ndarray[Any, Any]


@contextmanager
def _under(policy: Any) -> Iterator[None]:
    """The global policy is `policy` here, and whatever happens what it was before, afterwards."""
    earlier = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        tf.keras.config.set_dtype_policy(earlier)


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
    names = ("gamma_kernel", "beta_bias")  # whoever excludes some from the decay goes by their names
    variables = [tf.Variable(weight, name=name) for name, weight in zip(names, weights, strict=False)]
    optimizer = make_optimizer(learning_rate, **kwargs)
    for each in gradients:
        optimizer.apply([tf.constant(gradient) for gradient in each], variables)
    optimizer.finalize_variable_values(variables)  # as fit does at the end: averages of the weights would be put in
    return variables


def rate_set_later(make_optimizer: Callable[..., Any], rate: float, later: float) -> tuple[float, float]:
    """The optimizer's rate as it was made, and after it was set as callbacks set it."""
    optimizer = make_optimizer(rate)
    before = float(optimizer.learning_rate)
    optimizer.learning_rate = later
    return before, float(optimizer.learning_rate)


def gives_the_same_object(make_optimizer: Callable[..., Any]) -> bool:
    """Whether a second call gives the optimizer of the first."""
    return make_optimizer(0.1) is make_optimizer(0.1)


# build_classifier


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _of_kind(model: Any, kind: type) -> list[Any]:
    return [layer for layer in _layers(model) if isinstance(layer, kind)]


def _described(model: Any) -> list[tuple[str, Any]]:
    """The layers in their order, with units or rate. Inputs, and a ReLU of its own, are no layers to speak of."""
    kinds = tf.keras.layers
    found: list[tuple[str, Any]] = []
    for layer in _layers(model):
        if isinstance(layer, kinds.Dense):
            found.append(("Dense", layer.units))
        elif isinstance(layer, kinds.Dropout):
            found.append(("Dropout", layer.rate))
        elif not isinstance(layer, kinds.InputLayer | kinds.Activation | kinds.ReLU):
            found.append((type(layer).__name__, None))
    return found


def _activations(model: Any) -> list[list[float]]:
    """What each Dense layer makes of z, with the activations that are layers of their own right behind it."""
    kinds = tf.keras.layers
    found: list[Any] = []
    for layer in _layers(model):
        if isinstance(layer, kinds.Dense):
            found.append(layer.activation(tf.constant([-512.0, -8.0, -0.5, 0.0, 0.5, 8.0, 512.0])))
        elif isinstance(layer, kinds.Activation | kinds.ReLU):
            found[-1] = layer(found[-1])
    return [[float(value) for value in values] for values in found]


class _Policy(tf.keras.DTypePolicy):
    """A policy that is more than its name."""


def describe(build_classifier: Callable[..., Any], features: int, classes: int, *, policy: str) -> dict[str, Any]:
    """The classifier that was built while `policy` was the global one, and the global policy after.

    With a number of classes that no layer can have, only what became of the policy.
    """
    before = _Policy(policy)
    with _under(before):
        raised = False
        try:
            model = build_classifier(features, classes)
        except Exception as error:
            if classes > 0:
                raise
            model, raised = None, isinstance(error, ValueError)
        after = tf.keras.config.dtype_policy()
    found = {"policy_after": after.name, "policy_kept": after is before or isinstance(after, _Policy)}
    if classes < 1:
        return {**found, "raised": raised}
    shapes = {"input_shape": model.input_shape, "output_shape": model.output_shape} if model.built else {}
    layers = [layer for layer in _layers(model) if not isinstance(layer, tf.keras.layers.InputLayer)]
    model.compile(optimizer="adam")
    return {
        **found,
        **shapes,
        "built": bool(model.built),
        "layers": _described(model),
        "not_at_defaults": not_at_defaults(_layers(model)),
        "activations": _activations(model),
        "compute": [(type(layer).__name__, layer.compute_dtype) for layer in layers],
        "variable": sorted({tf.as_dtype(weight.dtype).name for layer in layers for weight in layer.weights}),
        "optimizer": type(model.optimizer).__name__,
    }


def shared_weights(build_classifier: Callable[..., Any]) -> int:
    """How many weights two classifiers made one after the other have in common."""
    first, second = build_classifier(3, 2), build_classifier(3, 2)
    return len({id(weight) for weight in first.weights} & {id(weight) for weight in second.weights})


def logits(build_classifier: Callable[..., Any], features: int, bias: Array) -> Any:
    """What the classifier gives for zeros when its last layer has this bias and a kernel of zeros."""
    with _under("float32"):
        model = build_classifier(features, len(bias))
    last = _of_kind(model, tf.keras.layers.Dense)[-1]
    last.kernel.assign(tf.zeros_like(last.kernel))
    last.bias.assign(bias)
    return model(np.zeros((2, features), np.float32))


def with_random_weights(build_classifier: Callable[..., Any], x: Array, classes: int, seed: int) -> dict[str, Any]:
    """The logits for `x`, in inference, of a classifier whose weights and statistics are set at random."""
    rng = np.random.default_rng(seed)
    with _under("float32"):
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
        with redirect_stdout(io.StringIO()) as printed:
            for epoch, val_loss in enumerate(val_losses):
                callbacks.on_epoch_begin(epoch)
                model.set_weights([np.full((1, 1), epoch, np.float32)])
                callbacks.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_loss": val_loss})
                rates.append(float(model.optimizer.learning_rate))
                if model.stop_training:
                    break
            callbacks.on_train_end()
    return {"rates": rates, "kept": int(model.get_weights()[0].item()), "printed": printed.getvalue()}


def shared_callbacks(make_callbacks: Callable[..., Any]) -> int:
    """How many callbacks two calls have in common."""
    first, second = make_callbacks(0.1), make_callbacks(0.1)
    return len({id(callback) for callback in first} & {id(callback) for callback in second})


def how_many(make_callbacks: Callable[..., Any], *, scheduled: bool) -> int | None:
    """How many callbacks there are for a schedule or for a float; None if it is no list of callbacks."""
    made = make_callbacks(tf.keras.optimizers.schedules.CosineDecay(0.1, 10) if scheduled else 0.1)
    good = isinstance(made, list) and all(isinstance(each, tf.keras.callbacks.Callback) for each in made)
    return len(made) if good else None


# train_classifier


def clusters(
    *,
    seed: int = 0,
    train_size: int,
    validation_size: int,
    classes: int,
    unseen_class: bool = False,
    turned: bool = False,
    labels: str = "int64",
) -> Data:
    """One cloud of points for each class, far enough from the others; the labels are of dtype `labels`.

    With `unseen_class` the label 255 occurs in the validation split alone; with `turned` the validation split has
    the next class's labels, so that what is learned makes it worse.
    """
    rng = np.random.default_rng(seed)

    def split(size: int, shift: int) -> tuple[Array, Array]:
        y = np.arange(size) % classes
        x = 5.0 * np.eye(classes)[y] + rng.normal(size=(size, classes))
        return x.astype(np.float32), ((y + shift) % classes).astype(labels)

    data = Data(*split(train_size, 0), *split(validation_size, int(turned)))
    if unseen_class:
        data.y_validation[0] = 255
    return data


def training(
    train_classifier: Callable[..., Any],
    *,
    global_seed: int = 1,
    stop_after: int | None = None,
    policy: str = "float32",
    **options: Any,
) -> dict[str, Any]:
    """A run on `clusters`: the report, and what else could be seen of it.

    Options of `clusters` go there, all others to the kata; `stop_after` ends the run after so many epochs, whatever was
    asked for, `policy` is the global one. Laws that look at the same run share it: it is dear.
    """
    return _training(train_classifier, global_seed, stop_after, policy, tuple(sorted(options.items())))


_CLUSTERS = ("train_size", "validation_size", "classes", "unseen_class", "turned", "labels")


@functools.lru_cache(maxsize=32)
def _training(
    train_classifier: Callable[..., Any],
    global_seed: int,
    stop_after: int | None,
    policy: str,
    options: tuple[tuple[str, Any], ...],
) -> dict[str, Any]:
    data = clusters(**{name: value for name, value in options if name in _CLUSTERS})
    kwargs = {name: value for name, value in options if name not in _CLUSTERS}
    tf.keras.utils.set_random_seed(global_seed)
    states = random.getstate(), np.random.get_state()[1].tolist()
    with _under(policy), traced_never(), _watched(stop_after) as seen:
        report = train_classifier(data, **kwargs)
        policy_after = tf.keras.config.dtype_policy().name
    found = {
        "report": report,
        "python_untouched": random.getstate() == states[0],
        "numpy_untouched": np.random.get_state()[1].tolist() == states[1],
        "policy_after": policy_after,
        "y_validation": data.y_validation,
        "fitted": seen.model is not None,
    }
    if seen.model is None:
        return found
    model, optimizer = seen.model, seen.model.optimizer
    places = {row.tobytes(): place for place, row in enumerate(data.x_train)}
    order = [[[places.get(row.tobytes(), -1) for row in x] for x, _, _ in epoch] for epoch in seen.epochs]
    rows = [place for epoch in order for batch in epoch for place in batch]
    labels = [label for epoch in seen.epochs for _, y, _ in epoch for label in np.ravel(y).tolist()]
    batches = sum(len(epoch) for epoch in seen.epochs)
    return {
        **found,
        "logits": model(data.x_validation, training=False),
        "jit_compile": model.jit_compile,
        "stopping": seen.stopping,
        "epochs": seen.asked_for,
        "order": order,
        "labels_follow": all(place >= 0 for place in rows) and labels == data.y_train[rows].tolist(),
        "weighted": any(weight is not None for epoch in seen.epochs for _, _, weight in epoch),
        "rates": _rates(optimizer, range(2 * batches + 2)),
        "optimizer": _options(optimizer),
        "loss_scaling": isinstance(optimizer, tf.keras.optimizers.LossScaleOptimizer),
        "layers": _described(model),
        "compute": [layer.compute_dtype for layer in _of_kind(model, tf.keras.layers.Dense)],
    }


def _rates(optimizer: Any, steps: Any) -> list[float]:
    """What the optimizer's rate is at each step: it asks its schedule with its own count of updates."""
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def _options(optimizer: Any) -> dict[str, Any]:
    """The optimizer's configuration, without the rate, the name, and the wrapper that scales the loss."""
    config = getattr(optimizer, "inner_optimizer", optimizer).get_config()
    return {name: value for name, value in config.items() if name not in ("learning_rate", "name")}


def options_of(make_optimizer: Callable[..., Any]) -> list[dict[str, Any]]:
    """The configurations that are right: AdamW's as the course has it, and the one of `make_optimizer` if it is there.

    Who clips elsewhere than in Keras' own option has a right optimizer with another configuration.
    """
    right = [_options(tf.keras.optimizers.AdamW(0.1, weight_decay=1e-4, global_clipnorm=1.0))]
    try:
        right.append(_options(make_optimizer(0.1)))
    except Exception:  # not written yet, or wrong: that is for its own laws to say
        pass
    return right


def _settings(stopping: Any) -> dict[str, Any]:
    """What an `EarlyStopping` goes by, besides its patience."""
    delta = abs(float(stopping.min_delta))  # it holds the sign of its mode
    return {
        "monitor": stopping.monitor,
        "min_delta": delta,
        "baseline": stopping.baseline,
        "start_from_epoch": stopping.start_from_epoch,
    }


class _Seen:
    """What is seen of a call of `fit`: the model, how many epochs were asked for, (x, y, weights) of every batch."""

    def __init__(self) -> None:
        self.model: Any = None
        self.asked_for: int | None = None
        self.epochs: list[list[Any]] = []
        self.stopping: list[dict[str, Any]] = []


class _Watch(tf.keras.callbacks.Callback):
    """Notes the epochs as they begin, and ends the run after `stop_after` of them."""

    def __init__(self, seen: _Seen, stop_after: int | None) -> None:
        super().__init__()
        self.seen, self.stop_after = seen, stop_after

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.model, self.seen.asked_for = self.model, self.params.get("epochs")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.epochs.append([])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch + 1 == self.stop_after:
            self.model.stop_training = True


@contextmanager
def _watched(stop_after: int | None) -> Iterator[_Seen]:
    """Inside, `Model.fit` takes along a callback that notes what happens; batches are noted where a step takes them."""
    seen = _Seen()
    fit_as_ever, step_as_ever = tf.keras.Model.fit, tf.keras.Model.train_step
    signature = inspect.signature(fit_as_ever)

    def fit(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        given = call.arguments.get("callbacks")
        if isinstance(given, tf.keras.callbacks.CallbackList):
            given.append(_Watch(seen, stop_after))
        else:
            given = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
            call.arguments["callbacks"] = [*given, _Watch(seen, stop_after)]
            keras_own = [each for each in given if type(each) is tf.keras.callbacks.EarlyStopping]
            seen.stopping = [_settings(callback) for callback in keras_own]
        return fit_as_ever(*call.args, **call.kwargs)

    def train_step(model: Any, batch: Any) -> Any:
        if all(tf.is_tensor(part) for part in batch[:2]):
            if not seen.epochs:  # a step before fit
                seen.epochs.append([])
            weights = batch[2] if len(batch) > 2 else None
            seen.epochs[-1].append((batch[0].numpy(), batch[1].numpy(), weights))
        return step_as_ever(model, batch)

    with mock.patch.object(tf.keras.Model, "fit", fit), mock.patch.object(tf.keras.Model, "train_step", train_step):
        yield seen
