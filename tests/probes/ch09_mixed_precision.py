"""What chapter 9 needs TensorFlow for on the test's side. Whatever a kata does to the global policy ends here."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tests.probes.common import DoublesInTraining, WithSpareWeight, options_not_at_default

mixed_precision = tf.keras.mixed_precision


class BodyFailed(Exception):
    """What the body of a `with` block raises in these probes."""


class BodyInterrupted(KeyboardInterrupt):
    """Ctrl-C in the body of a `with` block: no Exception."""


class BodyExited(SystemExit):
    """`sys.exit()` in the body of a `with` block: no Exception either."""


class BodyCancelled(BaseException):
    """Something that is neither an Exception nor one of Python's own others, as a cancelled task may raise it."""


class OwnPolicy(mixed_precision.Policy):
    """A policy that is more than its name: whoever puts back the name puts back another one."""


OWN = OwnPolicy("float32")


class UnusualPolicy(mixed_precision.Policy):
    """It computes in float16 and keeps float64 variables, which its name does not tell."""

    def _parse_name(self, name: str) -> tuple[str, str]:
        return "float16", "float64"


def _policy(name: str) -> mixed_precision.Policy:
    return OWN if name == "own" else mixed_precision.Policy(name)


def _global_policy() -> str:
    """The name of the global policy; `"own"` for `OWN` itself."""
    policy = mixed_precision.global_policy()
    return "own" if policy is OWN else policy.name


def _floatx() -> str:
    """Keras' default dtype as a kata has left it; afterwards it is float32 again."""
    left = tf.keras.config.floatx()
    tf.keras.config.set_floatx("float32")
    return left


@contextlib.contextmanager
def starting_from(policy: str) -> Iterator[None]:
    """The global policy is `policy` here (`"own"`: one that its name does not tell), and whatever happens what it was
    before, afterwards.
    """
    earlier = mixed_precision.global_policy()
    mixed_precision.set_global_policy(_policy(policy))
    try:
        yield
    finally:
        mixed_precision.set_global_policy(earlier)


def policy_trail(
    policy: Callable, names: Sequence[str], *, before: str, ending: str = "returns", body_sets: str | None = None
) -> dict[str, Any]:
    """Nest `with policy(name)` blocks, end the innermost one, and tell the global policy on the way in and out.

    All of them are made before the first is entered; `made` is the policy then. The innermost block sets `body_sets`.
    `ending` is `"returns"`, `"raises"`, `"interrupted"`, `"exits"` or `"cancelled"`; `came_out` says what left the
    outermost block, `floatx` what Keras' default dtype is then.
    """
    inside: list[str] = []
    after: list[str] = []
    errors = {"raises": BodyFailed, "interrupted": BodyInterrupted, "exits": BodyExited, "cancelled": BodyCancelled}
    raised = errors[ending]() if ending in errors else None

    def nest(blocks: Sequence[Any]) -> None:
        if not blocks:
            if body_sets:
                mixed_precision.set_global_policy(body_sets)
            if raised:
                raise raised
            return
        try:
            with blocks[0]:
                inside.append(_global_policy())
                nest(blocks[1:])
        finally:
            after.append(_global_policy())

    came_out = "nothing"
    with starting_from("float16"):
        blocks = [policy(name) for name in names]
        made = _global_policy()
        mixed_precision.set_global_policy(_policy(before))
        try:
            nest(blocks)
        except tuple(errors.values()) as error:
            came_out = "what was raised" if error is raised else "another exception"
    return {"made": made, "inside": inside, "after": after, "came_out": came_out, "floatx": _floatx()}


def layer_built_under(policy: Callable, *names: str) -> tuple[str, str]:
    """The compute and the variable dtype of a layer built inside `with policy(*names)`."""
    with starting_from("float32"), policy(*names):
        layer = tf.keras.layers.Dense(1)
        layer.build((None, 1))
    return layer.compute_dtype, tf.as_dtype(layer.kernel.dtype).name


def _dense(model: tf.keras.Model) -> list[tf.keras.layers.Dense]:
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]


def _own_options(layer: tf.keras.layers.Dense) -> dict[str, str]:
    """The options of a Dense layer that are not told and not at Keras' defaults; the activation shows in the values."""
    return options_not_at_default(layer, tf.keras.layers.Dense(1), ("dtype", "units", "activation"))


def mixed_model(build: Callable, features: int, *, before: str = "float32", **sizes: Any) -> dict[str, Any]:
    """Build the model while the global policy is `before`; the layers, the output, the policies, the optimizer."""
    with starting_from(before):
        model = build(features, **sizes)
        policy_after = _global_policy()
    found = {
        "is_model": isinstance(model, tf.keras.Model),
        "policy_after": policy_after,
        "floatx": _floatx(),
        "kernels": [tuple(layer.kernel.shape) if layer.built else "not built" for layer in _dense(model)],
        "compute": [layer.compute_dtype for layer in _dense(model)],
        "variables": [tf.as_dtype(variable.dtype).name for variable in model.variables],
        "options": [_own_options(layer) for layer in _dense(model)],
        "compiled": bool(model.compiled),
    }
    output = model(tf.ones((3, features)), training=True)
    found["penalties"] = len(model.losses)  # after a call: those on activations too
    model.compile("sgd", "mse")
    found["output"] = (output.dtype.name, tuple(output.shape))
    found["optimizer"] = type(model.optimizer).__name__
    return found


def policy_after_a_refusal(build: Callable, **sizes: Any) -> dict[str, Any]:
    """What building a model of these sizes raises, and the global policy then, which was `"own"` before."""
    raised = "nothing"
    with starting_from("own"):
        try:
            build(3, **sizes)
        except Exception as error:
            raised = "ValueError" if isinstance(error, ValueError) else type(error).__name__
        return {"raised": raised, "policy_after": _global_policy()}


def mixed_model_outputs(build: Callable, weights: Sequence[np.ndarray], x: np.ndarray) -> dict[str, Any]:
    """A model of these weights (kernel, bias, kernel, …) and its outputs for `x`, in training and not.

    A second model is built and gets the weights after the first: what the two share would show. `alike` says whether
    both started from the same weights.
    """
    hidden, outputs = [int(bias.size) for bias in weights[1:-1:2]], int(weights[-1].size)
    model, second = (build(len(weights[0]), hidden=hidden, outputs=outputs) for _ in range(2))
    alike = all(np.array_equal(a, b) for a, b in zip(model.get_weights()[::2], second.get_weights()[::2], strict=True))
    for subject, values in ((model, weights), (second, [np.zeros_like(weight) for weight in weights])):
        for layer, kernel, bias in zip(_dense(subject), values[::2], values[1::2], strict=True):
            layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
    x = tf.convert_to_tensor(x)
    return {"training": model(x, training=True), "inference": model(x, training=False), "alike": alike}


class OwnDense(tf.keras.layers.Dense):
    """A Dense layer by inheritance."""


class LikeDense(tf.keras.layers.Layer):
    """No Dense layer, but for its attributes."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias, self.activation = units, True, tf.keras.activations.linear

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs


class Classed(tf.keras.Model):
    """A model that is a class of its own: no configuration, only attributes."""

    def __init__(self, made: Sequence[tf.keras.layers.Layer]) -> None:
        super().__init__()
        self.steps = list(made)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        for step in self.steps:
            inputs = step(inputs)
        return inputs


def dtypes_of(kata: Callable, layers: Sequence[tuple[str, str, Any]], *, now: str, form: str = "sequential") -> Any:
    """`layer_dtypes` of a model made of `layers` (kind, name, policy), asked while the global policy is `now`.

    `form` is `"sequential"`, `"functional"` or `"classed"`.
    """
    model = _model_of([_layer(*layer) for layer in layers], form)
    with starting_from(now):
        return kata(model)


def _layer(kind: str, name: str, policy: Any) -> tf.keras.layers.Layer:
    match kind:
        case "nested":
            inner = [tf.keras.Input((2,)), tf.keras.layers.Dense(2, name=f"{name}_inner", dtype=policy)]
            return tf.keras.Sequential(inner, name=name)
        case "dropout":
            return tf.keras.layers.Dropout(0.5, name=name, dtype=policy)
        case "einsum":
            return tf.keras.layers.EinsumDense("ab,bc->ac", 2, name=name, dtype=policy)
        case "like":
            return LikeDense(2, name=name, dtype=policy)
        case "wrapped":
            return tf.keras.layers.SpectralNormalization(tf.keras.layers.Dense(2, dtype=policy), name=name)
        case "own":
            return OwnDense(2, name=name, dtype=policy, use_bias=False)
        case "unusual":
            return tf.keras.layers.Dense(2, name=name, dtype=UnusualPolicy(policy))
    return tf.keras.layers.Dense(2, name=name, dtype=policy, trainable=kind != "frozen")


def _model_of(made: Sequence[tf.keras.layers.Layer], form: str) -> tf.keras.Model:
    inputs = tf.keras.Input((2,))
    if form == "sequential":
        return tf.keras.Sequential([inputs, *made])
    if form == "classed":
        model = Classed(made)
        model(tf.zeros((1, 2)))
        return model
    outputs = inputs
    for layer in made:
        outputs = layer(outputs)
    return tf.keras.Model(inputs, outputs)


@functools.cache
def _network(policy: str, kind: str) -> tf.keras.Model:
    """3 → tanh 4 → 2, the hidden layer under `policy`, the output in float32 (float64 for `"float64"`).

    `kind` is `"plain"`, `"spare"` (a variable that nothing depends on behind the hidden layer), `"frozen"` (the hidden
    layer is), `"doubling"` (twice the hidden layer's output in training) or `"penalised"`. Every use sets the weights.
    """
    between = {"spare": [WithSpareWeight(dtype=policy)], "doubling": [DoublesInTraining(dtype=policy)]}.get(kind, [])
    penalty = "l2" if kind == "penalised" else None
    hidden = tf.keras.layers.Dense(
        4, activation="tanh", dtype=policy, kernel_regularizer=penalty, trainable=kind != "frozen"
    )
    output = tf.keras.layers.Dense(2, dtype="float64" if policy == "float64" else "float32", bias_regularizer=penalty)
    return tf.keras.Sequential([tf.keras.Input((3,)), hidden, *between, output])


def _as(value: np.ndarray, form: str) -> Any:
    """`value` as a `"tensor"`, as the `"array"` that it is, or as a `"list"`."""
    return value.tolist() if form == "list" else tf.convert_to_tensor(value) if form == "tensor" else value


def scaled_gradients(
    kata: Callable,
    weights: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    policy: str,
    weight: float,
    scale: Any,
    kind: str = "plain",
    form: str = "tensor",
    loss_dtype: str = "float32",
    graph: bool = False,
) -> dict[str, Any]:
    """The kata's gradients for a small network with these weights and the oracle's under-weighted error.

    `kind` is the network's, `form` that of `x` and `y`. In a graph a scale that is a tensor is a symbolic one.
    `weights_kept` says whether the network's weights are afterwards what they were, `seen` how many samples the loss
    saw each time, `y_dtypes` in what dtypes it got the targets.
    """
    seen: list[tuple[int, int]] = []
    dtypes: set[str] = set()
    model = _network(policy, kind)
    model.set_weights(list(weights))
    before = model.get_weights()

    def loss_fn(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        seen.append((int(tf.shape(y_true)[0]) if tf.executing_eagerly() else len(x), int(y_pred.shape[0] or len(x))))
        dtypes.add(tf.as_dtype(tf.convert_to_tensor(y_true).dtype).name)
        error = tf.cast(y_true, loss_dtype) - tf.cast(y_pred, loss_dtype)
        return weight * tf.reduce_mean(tf.where(error > 0, error * error * 2, error * error))

    def call(inputs: tf.Tensor, targets: tf.Tensor, scale: Any) -> Any:
        return kata(model, loss_fn, inputs, targets, scale=scale)

    gradients = (tf.function(call) if graph else call)(_as(x, form), _as(y, form), scale)
    kept = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    return {"gradients": gradients, "weights_kept": kept, "seen": seen, "y_dtypes": sorted(dtypes)}


def embedding_gradients(
    kata: Callable, table: np.ndarray, kernel: np.ndarray, tokens: np.ndarray, y: np.ndarray, scale: float
) -> dict[str, Any]:
    """The kata's gradients for the mean of (1 + y) · prediction, the prediction being `kernel` times the mean of a
    sample's rows of the table; tokens have shape (batch, 1, n), y is (batch,), whole numbers that the loss counts with.

    `dense` says of each gradient as it came back whether it is a dense tensor: a table's own is none.
    """
    layers = [tf.keras.layers.Embedding(*table.shape), tf.keras.layers.GlobalAveragePooling2D()]
    output = tf.keras.layers.Dense(kernel.shape[1], use_bias=False)
    model = tf.keras.Sequential([tf.keras.Input(tokens.shape[1:], dtype="int32"), *layers, output])
    model.set_weights([table, kernel])

    def loss_fn(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.gather([1.0, 2.0, 3.0], y_true) * y_pred[:, 0])

    gradients = kata(model, loss_fn, tf.convert_to_tensor(tokens), tf.convert_to_tensor(y), scale=scale)
    return {"gradients": gradients, "dense": [isinstance(gradient, tf.Tensor) for gradient in gradients]}


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
