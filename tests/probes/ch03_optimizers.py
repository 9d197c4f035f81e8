"""What chapter 3 needs TensorFlow for on the test's side: optimizers that run, models that train and are saved."""

import re
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.probes.common import as_tensors

Array = np.ndarray[Any, Any]


def in_graph_with_tensors(function: Callable[..., Any], *args: Any, tensors: dict[str, Any], **kwargs: Any) -> Any:
    """`function(*args, **tensors, **kwargs)` inside `tf.function`; `args` and `tensors` are symbolic there."""

    @tf.function
    def call(args: Any, tensors: Any) -> Any:
        return function(*args, **tensors, **kwargs)

    return call(as_tensors(args), {name: tf.convert_to_tensor(value) for name, value in tensors.items()})


def changed_variables(function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[int]:
    """Which arguments, given as `tf.Variable`s, have other values after `function(*args, **kwargs)`."""
    given = [tf.Variable(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    function(*given, **kwargs)
    return [
        place
        for place, (before, after) in enumerate(zip(args, given, strict=True))
        if isinstance(after, tf.Variable) and not np.array_equal(before, after.numpy())
    ]


def schedule(rates: Sequence[float]) -> Any:
    """A built-in schedule with these rates at step 0, 1, 2 …"""
    return tf.keras.optimizers.schedules.PiecewiseConstantDecay(list(range(len(rates) - 1)), list(rates))


def _rate(rates: Sequence[float]) -> Any:
    """One number where the rates are all the same, a built-in schedule otherwise."""
    return rates[0] if len(set(rates)) == 1 else schedule(rates)


def trajectory(
    make: Callable[..., Any],
    weights: Sequence[Array],
    gradients: Sequence[Sequence[Array]],
    rates: Sequence[float],
    *,
    graph: bool = False,
    loss_scale: float | None = None,
    **options: Any,
) -> list[list[Array]]:
    """The weights after each step of `make(rate, **options)`, one gradient for each weight and step.

    A gradient of None is left out of its step. With a `loss_scale` the optimizer works in a LossScaleOptimizer, and the
    gradients arrive that many times too large. The variables share one name, as the kernels of a model do.
    """
    variables = [tf.keras.Variable(w, dtype=w.dtype.name, name="kernel") for w in weights]
    optimizer = make(_rate(rates), **options)
    if loss_scale is not None:
        optimizer = tf.keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=loss_scale)
    optimizer.build(variables)

    def apply(*step: Any) -> None:
        present = [(g, variable) for g, variable in zip(step, variables, strict=True) if g is not None]
        optimizer.apply([g for g, _ in present], [variable for _, variable in present])

    apply = tf.function(apply) if graph else apply
    after = []
    for step in gradients:
        apply(*as_tensors([g if g is None or loss_scale is None else g * g.dtype.type(loss_scale) for g in step]))
        after.append([variable.numpy() for variable in variables])
    return after


def embedding_trajectory(
    make: Callable[..., Any],
    table: Array,
    rows: Sequence[Sequence[int]],
    values: Array,
    rate: float,
    *,
    graph: bool = False,
    **options: Any,
) -> list[Array]:
    """The table of an embedding after each step; its gradient comes as TensorFlow makes it: some rows with values."""
    variable = tf.keras.Variable(table, name="embeddings")
    optimizer = make(rate, **options)
    optimizer.build([variable])

    def apply(at: Any, value: Any) -> None:
        optimizer.apply([tf.IndexedSlices(value, at, tf.constant(table.shape))], [variable])

    apply = tf.function(apply) if graph else apply
    after = []
    for at, value in zip(rows, values, strict=True):
        apply(tf.constant(at), tf.convert_to_tensor(value))
        after.append(variable.numpy())
    return after


def _linear_model(w: Array, optimizer: Any) -> Any:
    """ŷ = x·w, compiled with the mean squared error and an optimizer; eager."""
    model = tf.keras.Sequential([tf.keras.Input((len(w),)), tf.keras.layers.Dense(1, use_bias=False)])
    model.set_weights([w])
    model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
    return model


def fitted(make: Callable[..., Any], w: Array, x: Array, y: Array, rates: Sequence[float], **options: Any) -> Array:
    """The weights of a linear model after `compile` and `fit` on one batch for `len(rates)` epochs."""
    model = _linear_model(w, make(_rate(rates), **options))
    model.fit(x, y, batch_size=len(x), epochs=len(rates), verbose=0)
    return model.get_weights()[0]


def resumed(
    make: Callable[..., Any], w: Array, x: Array, y: Array, rates: Sequence[float], *, saved_after: int, **options: Any
) -> Array:
    """The weights of a linear model after `len(rates)` steps, saved and loaded again after some of them."""
    model = _linear_model(w, make(_rate(rates), **options))
    for _ in range(saved_after):
        model.train_on_batch(x, y)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # While saving, Keras 3.15 converts its variables in a way that NumPy 2.4 calls deprecated.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        path = Path(folder) / "model.keras"
        model.save(path)
        model = tf.keras.models.load_model(path, custom_objects={make.__name__: make})
    model.run_eagerly = True
    for _ in range(len(rates) - saved_after):
        model.train_on_batch(x, y)
    return model.get_weights()[0]


def configuration(optimizer: Any) -> dict[str, Any]:
    """The configuration of `optimizer` and, as `again`, of one made from it."""
    config = optimizer.get_config()
    return {"config": dict(config), "again": dict(type(optimizer).from_config(dict(config)).get_config())}


def described(optimizer: Any) -> dict[str, Any]:
    """Which of Keras' optimizers it is, its current rate, and every option that is not its class's default.

    No option, but set as well: that a variable called "bias" is left out of the weight decay.
    """
    known = [c for c in type(optimizer).__mro__ if getattr(tf.keras.optimizers, c.__name__, None) is c]
    kind = known[0] if known and known[0] is not tf.keras.optimizers.Optimizer else None
    changed = {}
    if kind is not None:
        defaults = kind().get_config()
        changed = {
            name: value
            for name, value in optimizer.get_config().items()
            if name not in ("name", "learning_rate") and value != defaults.get(name)
        }
        if _without_number(optimizer.name) != _without_number(defaults["name"]):
            changed["name"] = optimizer.name
    rate = float(optimizer.learning_rate)
    if rate and changed.get("weight_decay"):
        bias = tf.keras.Variable(1.0, dtype="float64", name="bias")
        optimizer.apply([tf.constant(0.0, tf.float64)], [bias])
        if float(bias) == 1.0:
            changed["exclude_from_weight_decay"] = ["bias"]
    return {"class": kind.__name__ if kind else None, "learning_rate": rate, "changed": changed}


def _without_number(name: str) -> str:
    """The name without the number that Keras counts up: `adam_3` is `adam`."""
    return re.sub(r"_\d+$", "", name)


def rates_in_use(optimizer: Any, steps: int) -> list[float]:
    """The optimizer's rate before each of so many updates."""
    variable = tf.keras.Variable(0.0)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([tf.constant(0.0)], [variable])
    return rates


def are_one_object(first: Any, second: Any) -> bool:
    """Whether both are the same object."""
    return first is second


def descent(
    make: Callable[..., Any], start: Array, curvatures: Array, steps: int, rate: float, **options: Any
) -> Array:
    """The points, `start` first, by which `make(rate, **options)` goes down ½ Σ curvatureᵢ·wᵢ²: (steps + 1, n)."""
    w = tf.keras.Variable(start)
    optimizer = make(rate, **options)
    optimizer.build([w])
    points = [start]
    for _ in range(steps):
        optimizer.apply([tf.convert_to_tensor(w) * curvatures], [w])
        points.append(w.numpy())
    return np.array(points)
