"""Models that watch how they are used, and training runs that report every step. Plain data comes back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

Batch = tuple[np.ndarray, np.ndarray]


def mean_squared_error(y: Any, p: Any) -> Any:
    """(1/n) Σ (y − p)², the loss of every probe here."""
    return tf.reduce_mean(tf.square(tf.convert_to_tensor(y) - p))


def linear_model(kernel: np.ndarray, bias: np.ndarray) -> tf.keras.Sequential:
    """x·kernel + bias with these weights."""
    return tf.keras.Sequential([tf.keras.Input((len(kernel),)), _dense(kernel, bias)])


def _dense(kernel: np.ndarray, bias: np.ndarray, **settings: Any) -> tf.keras.layers.Dense:
    dense = tf.keras.layers.Dense(kernel.shape[1], **settings)
    dense.build((None, len(kernel)))
    dense.set_weights([kernel, bias])
    return dense


class Watching(tf.keras.layers.Layer):
    """Notes how many samples each call brings and whether it is training, when it doubles its input."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool]] = []

    def call(self, inputs: Any, training: bool = False) -> Any:
        if inputs.shape[0] is not None:  # None while Keras traces the model's shapes
            self.calls.append((int(inputs.shape[0]), bool(training)))
        return inputs * 2.0 if training else inputs


class WithSpareWeight(tf.keras.layers.Layer):
    """Hands its input on, and has a trainable weight that it never uses."""

    def build(self, input_shape: Any) -> None:
        self.spare = self.add_weight(shape=(2, 3), initializer="ones", name="spare")

    def call(self, inputs: Any) -> Any:
        return inputs


def _one_by_one(micro_batches: list[Batch]) -> Iterator[tuple[Any, Any]]:
    """A generator: it can be walked once, and nobody knows its length."""
    for x, y in micro_batches:
        yield tf.convert_to_tensor(x), tf.convert_to_tensor(y)


def accumulate(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """What `accumulated_gradients` makes of a generator of micro-batches, for the linear model."""
    return kata(linear_model(kernel, bias), mean_squared_error, _one_by_one(micro_batches))


def accumulate_from_arrays(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """The same from a list of NumPy arrays."""
    return kata(linear_model(kernel, bias), mean_squared_error, list(micro_batches))


def accumulate_in_graph(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """The same inside `tf.function`."""
    model = linear_model(kernel, bias)

    @tf.function
    def gradients(pairs: list[tuple[Any, Any]]) -> Any:
        return kata(model, mean_squared_error, pairs)

    return gradients(list(_one_by_one(micro_batches)))


def accumulate_watched(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> dict[str, Any]:
    """The gradients for a model that notes its calls, and those notes."""
    watching, dense = Watching(), _dense(kernel, bias)
    model = tf.keras.Sequential([tf.keras.Input((len(kernel),)), watching, dense])
    gradients = kata(model, mean_squared_error, _one_by_one(micro_batches))
    return {"gradients": gradients, "sizes": [n for n, _ in watching.calls], "training": [t for _, t in watching.calls]}


def accumulate_with_spare_and_frozen(
    kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]
) -> list[Any]:
    """The gradients for a model with a frozen layer before, and an unused weight behind, the linear one."""
    features = len(kernel)
    frozen = _dense(np.eye(features, dtype=np.float32), np.zeros(features, np.float32), trainable=False)
    model = tf.keras.Sequential([tf.keras.Input((features,)), frozen, _dense(kernel, bias), WithSpareWeight()])
    return kata(model, mean_squared_error, _one_by_one(micro_batches))


def accumulate_hidden_layer(kata: Any, seed: int, micro_batches: list[Batch]) -> dict[str, list[Any]]:
    """For a network with a hidden layer: the kata's gradients, and one tape's over the concatenated batch."""
    features = micro_batches[0][0].shape[1]
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=shape).astype(np.float32) for shape in ((features, 4), (4,), (4, 1), (1,))]
    layers = [_dense(*drawn[:2], activation="tanh"), _dense(*drawn[2:])]
    model = tf.keras.Sequential([tf.keras.Input((features,)), *layers])
    x, y = (tf.concat(parts, axis=0) for parts in zip(*micro_batches))
    with tf.GradientTape() as tape:
        loss = mean_squared_error(y, model(x, training=True))
    at_once = tape.gradient(loss, model.trainable_variables)
    return {"yours": kata(model, mean_squared_error, _one_by_one(micro_batches)), "at_once": at_once}


def _optimizer(rule: str, lr: float) -> tf.keras.optimizers.Optimizer:
    """Adam's ε is large here, so that a rounding error in a gradient near zero does not become a whole step."""
    if rule == "adam":
        return tf.keras.optimizers.Adam(lr, epsilon=0.01)
    return tf.keras.optimizers.SGD(lr, momentum=0.9 if rule == "momentum" else 0.0)


def _weights(base: tf.keras.Model) -> list[np.ndarray]:
    return [np.array(w) for w in base.get_weights()]


def train_on_micro_batches(
    kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch], steps: int | None, rule: str, lr: float
) -> list[dict[str, Any]]:
    """Feed the model one micro-batch after another, eagerly; weights, `iterations` and loss after each."""
    base = linear_model(kernel, bias)
    model = kata(base) if steps is None else kata(base, accumulation_steps=steps)
    model.compile(optimizer=_optimizer(rule, lr), loss="mse", run_eagerly=True)
    states = []
    for x, y in micro_batches:
        logs = model.train_on_batch(x, y, return_dict=True)
        states.append(
            {"weights": _weights(base), "iterations": int(model.optimizer.iterations), "loss": float(logs["loss"])}
        )
    return states


def train_watched(kata: Any, kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray, lr: float) -> Any:
    """The weights after one update of a model whose first layer doubles its input in training, and only there."""
    base = tf.keras.Sequential([tf.keras.Input((len(kernel),)), Watching(), _dense(kernel, bias)])
    model = kata(base, accumulation_steps=1)
    model.compile(optimizer=_optimizer("sgd", lr), loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    return _weights(base)


def fit(
    kata: Any,
    kernel: np.ndarray,
    bias: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    steps: int,
    batch_size: int,
    epochs: int,
    lr: float,
    compilation: dict[str, Any],
    after: bool = False,
) -> dict[str, Any]:
    """`fit` in order, without shuffling; if `after`, also `evaluate` and `predict` on the same data."""
    base = linear_model(kernel, bias)
    model = kata(base, accumulation_steps=steps)
    model.compile(optimizer=_optimizer("sgd", lr), loss="mse", metrics=["mae"], **compilation)
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0).history
    report: dict[str, Any] = {
        "loss": [float(value) for value in history["loss"]],
        "mae": [float(value) for value in history.get("mae", [])],
        "weights": _weights(base),
        "iterations": int(model.optimizer.iterations),
    }
    if after:
        evaluated = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
        report["evaluated"] = {name: float(value) for name, value in evaluated.items()}
        report["predicted"] = np.asarray(model.predict(x, batch_size=batch_size, verbose=0))
    return report


def apply_to_one_number(optimizer: Any, w: float, gradients: list[float]) -> dict[str, Any]:
    """Hand an optimizer one gradient after another; the number and `iterations` after each."""
    variable = tf.Variable(w, dtype=tf.float32)
    values, iterations = [], []
    for g in gradients:
        optimizer.apply([tf.constant(g, tf.float32)], [variable])
        values.append(float(variable))
        iterations.append(int(optimizer.iterations))
    return {"values": values, "iterations": iterations, "is_adam": isinstance(optimizer, tf.keras.optimizers.Adam)}
