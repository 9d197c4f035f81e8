"""What chapter 9 needs TensorFlow for on the test's side. Whatever a kata does to the global policy ends here."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

mixed_precision = tf.keras.mixed_precision


class BodyFailed(Exception):
    """What the body of a `with` block raises in these probes."""


class BodyInterrupted(KeyboardInterrupt):
    """Ctrl-C in the body of a `with` block: no Exception."""


@contextlib.contextmanager
def starting_from(policy: str) -> Iterator[None]:
    """The global policy is `policy` here, and whatever happens what it was before, afterwards."""
    earlier = mixed_precision.global_policy()
    mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        mixed_precision.set_global_policy(earlier)


def policy_trail(policy: Callable, names: Sequence[str], *, before: str, ending: str = "returns") -> dict[str, Any]:
    """Nest `with policy(name)` blocks, end the innermost one, and tell the global policy on the way in and out.

    `ending` is `"returns"`, `"raises"` or `"interrupted"`; `came_out` is the exception that left the outermost block.
    """
    inside: list[str] = []
    after: list[str] = []

    def nest(rest: Sequence[str]) -> None:
        if not rest:
            if ending == "raises":
                raise BodyFailed
            if ending == "interrupted":
                raise BodyInterrupted
            return
        try:
            with policy(rest[0]):
                inside.append(mixed_precision.global_policy().name)
                nest(rest[1:])
        finally:
            after.append(mixed_precision.global_policy().name)

    came_out = None
    with starting_from(before):
        try:
            nest(names)
        except (BodyFailed, BodyInterrupted) as error:
            came_out = type(error).__name__
    return {"inside": inside, "after": after, "came_out": came_out}


def layer_built_under(policy: Callable, *names: str) -> tuple[str, str]:
    """The compute and the variable dtype of a layer built inside `with policy(*names)`."""
    with starting_from("float32"), policy(*names):
        layer = tf.keras.layers.Dense(1)
        layer.build((None, 1))
    return layer.compute_dtype, tf.as_dtype(layer.kernel.dtype).name


def _dense(model: tf.keras.Model) -> list[tf.keras.layers.Dense]:
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]


def mixed_model(build: Callable, features: int, *, before: str = "float32", **sizes: Any) -> dict[str, Any]:
    """Build the model while the global policy is `before`; the layers, the output, the policies, the optimizer."""
    with starting_from(before):
        model = build(features, **sizes)
        policy_after = mixed_precision.global_policy().name
    output = model(tf.ones((3, features)))
    model.compile("sgd", "mse")
    return {
        "policy_after": policy_after,
        "kernels": [tuple(layer.kernel.shape) for layer in _dense(model)],
        "compute": [layer.compute_dtype for layer in _dense(model)],
        "variables": [tf.as_dtype(variable.dtype).name for variable in model.trainable_variables],
        "last_compute": model.layers[-1].compute_dtype,
        "output": (output.dtype.name, tuple(output.shape)),
        "optimizer": type(model.optimizer).__name__,
    }


def dtypes_of(kata: Callable, layers: Sequence[tuple[str, str, Any]], *, now: str) -> Any:
    """`layer_dtypes` of a model made of `layers` (kind, name, policy), asked while the global policy is `now`."""
    model = _model_of(layers)
    with starting_from(now):
        return kata(model)


def _model_of(layers: Sequence[tuple[str, str, Any]]) -> tf.keras.Model:
    made: list[Any] = [tf.keras.Input((2,))]
    for kind, name, policy in layers:
        if kind == "nested":
            inner = [tf.keras.Input((2,)), tf.keras.layers.Dense(2, name=f"{name}_inner", dtype=policy)]
            made.append(tf.keras.Sequential(inner, name=name))
        elif kind == "dropout":
            made.append(tf.keras.layers.Dropout(0.5, name=name, dtype=policy))
        else:
            made.append(tf.keras.layers.Dense(2, name=name, dtype=policy))
    return tf.keras.Sequential(made)


class Spare(tf.keras.layers.Layer):
    """Passes its input on and has a variable that nothing depends on."""

    def build(self, shape: Any) -> None:
        self.spare = self.add_weight(shape=(5,), initializer="ones", name="spare")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs


@functools.cache
def _network(policy: str, spare: bool) -> tf.keras.Model:
    """3 → tanh 4 → 2, the hidden layer under `policy`, the output in float32; its weights are set at every use."""
    hidden = tf.keras.layers.Dense(4, activation="tanh", dtype=policy)
    between = [Spare()] if spare else []
    return tf.keras.Sequential([tf.keras.Input((3,)), hidden, *between, tf.keras.layers.Dense(2, dtype="float32")])


def scaled_gradients(
    kata: Callable,
    weights: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    policy: str,
    weight: float,
    scale: Any,
    graph: bool = False,
) -> Any:
    """The kata's gradients for a small network with these weights and the oracle's under-weighted error.

    Five weights (kernel, bias, spare, kernel, bias) make a network with a variable that the loss does not depend on.
    """
    model = _network(policy, len(weights) == 5)
    model.set_weights(list(weights))

    def loss_fn(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        error = tf.cast(y_true, tf.float32) - tf.cast(y_pred, tf.float32)
        return weight * tf.reduce_mean(tf.where(error > 0, 2.0, 1.0) * tf.square(error))

    def call(inputs: tf.Tensor, targets: tf.Tensor) -> Any:
        return kata(model, loss_fn, inputs, targets, scale=scale)

    return (tf.function(call) if graph else call)(tf.convert_to_tensor(x), tf.convert_to_tensor(y))


def updates(kata: Callable, gradients: Sequence[Any], counts: Sequence[int], **arguments: Any) -> list[float]:
    """A new scaler's scale, then again after each of `counts` updates with the same gradients."""
    scaler = kata(**arguments)
    scales = [float(scaler.scale)]
    for count in counts:
        for _ in range(count):
            scaler.update(gradients)
        scales.append(float(scaler.scale))
    return scales


# What the laws marked `gpu` need; all but `step_seconds` also make sense on a CPU.


def first_product(build: Callable) -> dict[str, str]:
    """The dtype of the first hidden layer's output, the kind of device it is on, and the best kind there is."""
    model = build(64, hidden=(64,), outputs=8)
    output = _dense(model)[0](tf.ones((16, 64)))
    best = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return {"dtype": output.dtype.name, "device": tf.DeviceSpec.from_string(output.device).device_type, "best": best}


def _in_float32(model: tf.keras.Model) -> tf.keras.Model:
    """The same Dense layers with the same weights, all in float32."""
    layers = [type(layer).from_config({**layer.get_config(), "dtype": "float32"}) for layer in _dense(model)]
    twin = tf.keras.Sequential([tf.keras.Input((_dense(model)[0].kernel.shape[0],)), *layers])
    twin.set_weights(model.get_weights())
    return twin


def _weights_from(model: tf.keras.Model, seed: int) -> None:
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0.0, 0.2, weight.shape) for weight in model.get_weights()])


def trained(build: Callable, seed: int, *, kind: str, jit_compile: bool, steps: int = 5) -> list[np.ndarray]:
    """A small model's weights, `kind` "mixed" or "float32", after `steps` of SGD from the seed's weights and data."""
    model = build(16, hidden=(16, 8), outputs=2)
    _weights_from(model, seed)
    model = _in_float32(model) if kind == "float32" else model
    model.compile(tf.keras.optimizers.SGD(0.05), "mse", jit_compile=jit_compile)
    generator = np.random.default_rng(seed + 1)
    for _ in range(steps):
        x, y = generator.normal(size=(32, 16)), generator.normal(size=(32, 2))
        model.train_on_batch(x.astype(np.float32), y.astype(np.float32))
    return model.get_weights()


def trained_deterministically(build: Callable, seed: int) -> list[list[np.ndarray]]:
    """The weights of two equal trainings under `enable_op_determinism`."""
    # Only this module can switch it off again, which the laws that come after need: random operations want a seed
    # under it.
    from tensorflow.python.framework import config

    tf.config.experimental.enable_op_determinism()
    try:
        return [trained(build, seed, kind="mixed", jit_compile=False) for _ in range(2)]
    finally:
        config.disable_op_determinism()


def step_seconds(build: Callable, *, width: int, batch: int, steps: int = 20) -> dict[str, float]:
    """Seconds for one training step of four wide layers, in mixed precision and in float32; the best of three."""
    model = build(width, hidden=(width,) * 4, outputs=8)
    x, y = tf.random.stateless_normal((batch, width), (1, 2)), tf.zeros((batch, 8))
    seconds = {}
    for kind, subject in {"mixed": model, "float32": _in_float32(model)}.items():
        subject.compile("sgd", "mse", jit_compile=False)
        subject.train_on_batch(x, y)
        times = []
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(steps):
                subject.train_on_batch(x, y)
            times.append((time.perf_counter() - start) / steps)
        seconds[kind] = min(times)
    return seconds
