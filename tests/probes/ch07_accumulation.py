"""Models that watch how they are used, and training runs that report every step. Plain data comes back."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tests.probes.common import WithSpareWeight, mean_loss, mean_loss_of_classes, squared_error

Batch = tuple[np.ndarray, np.ndarray]


def linear_model(kernel: np.ndarray, bias: np.ndarray) -> tf.keras.Sequential:
    """x·kernel + bias with these weights, in their dtype."""
    return tf.keras.Sequential([tf.keras.Input((len(kernel),), dtype=kernel.dtype.name), _dense(kernel, bias)])


def _dense(kernel: np.ndarray, bias: np.ndarray, **settings: Any) -> tf.keras.layers.Dense:
    dense = tf.keras.layers.Dense(kernel.shape[1], dtype=kernel.dtype.name, **settings)
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


class WithSigns(tf.keras.layers.Layer):
    """Its input, and beside it the sum of an embedding's rows for the signs of its elements: rows repeat."""

    def build(self, input_shape: Any) -> None:
        self.table = tf.keras.layers.Embedding(2, 2)
        self.table.build(input_shape)

    def call(self, inputs: Any) -> Any:
        rows = self.table(tf.cast(inputs > 0, tf.int32))
        return tf.concat([inputs, tf.reduce_sum(rows, axis=1)], axis=-1)


def network(seed: int, features: int, *, penalty: float = 0.0) -> tf.keras.Sequential:
    """An embedding, a frozen layer, one that acts in training only, a hidden layer (with a penalty), a spare weight."""
    frozen = tf.keras.layers.Dense(2, trainable=False)
    hidden = tf.keras.layers.Dense(3, activation="tanh", kernel_regularizer=tf.keras.regularizers.L2(penalty))
    layers = [WithSigns(), frozen, Watching(), hidden, WithSpareWeight(), tf.keras.layers.Dense(1)]
    model = tf.keras.Sequential([tf.keras.Input((features,)), *layers])
    rng = np.random.default_rng(seed)
    model.set_weights([0.5 * rng.normal(size=w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def _one_by_one(micro_batches: list[Batch]) -> Iterator[tuple[Any, Any]]:
    """A generator: it can be walked once, and nobody knows its length."""
    for x, y in micro_batches:
        yield tf.convert_to_tensor(x), tf.convert_to_tensor(y)


def accumulate(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """What `accumulated_gradients` makes of a generator of micro-batches, for the linear model."""
    return kata(linear_model(kernel, bias), mean_loss, _one_by_one(micro_batches))


def accumulate_from_arrays(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """The same from a list of NumPy arrays: the very list, for a change of it to be seen."""
    return kata(linear_model(kernel, bias), mean_loss, micro_batches)


def accumulate_in_graph(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> list[Any]:
    """The same inside `tf.function`."""
    model = linear_model(kernel, bias)

    @tf.function
    def gradients(pairs: list[tuple[Any, Any]]) -> Any:
        return kata(model, mean_loss, pairs)

    return gradients(list(_one_by_one(micro_batches)))


def accumulate_watched(kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]) -> dict[str, Any]:
    """The gradients for a model that notes its calls, and those notes."""
    watching, dense = Watching(), _dense(kernel, bias)
    model = tf.keras.Sequential([tf.keras.Input((len(kernel),)), watching, dense])
    gradients = kata(model, mean_loss, _one_by_one(micro_batches))
    return {
        "gradients": gradients,
        "sizes": [n for n, _ in watching.calls],
        "training": [t for _, t in watching.calls],
        "kept": all(np.array_equal(a, b) for a, b in zip((kernel, bias), dense.get_weights())),
    }


def accumulate_with_spare_and_frozen(
    kata: Any, kernel: np.ndarray, bias: np.ndarray, micro_batches: list[Batch]
) -> list[Any]:
    """The gradients for a model with a frozen layer before, and an unused weight behind, the linear one."""
    features = len(kernel)
    frozen = _dense(np.eye(features, dtype=np.float32), np.zeros(features, np.float32), trainable=False)
    model = tf.keras.Sequential([tf.keras.Input((features,)), frozen, _dense(kernel, bias), WithSpareWeight()])
    return kata(model, mean_loss, _one_by_one(micro_batches))


def accumulate_network(kata: Any, seed: int, micro_batches: list[Batch]) -> dict[str, Any]:
    """For `network`: the kata's gradients, one tape's over the concatenated batch, and whether all are tensors.

    The targets are labels, whole numbers that the loss counts with. The kata's samples are sequences, in each
    micro-batch of another length, whose steps are all the same and which its model averages first.
    """
    micro_batches = [(x, (y > 1).astype(np.int32)) for x, y in micro_batches]
    model = network(seed, micro_batches[0][0].shape[1])
    x, y = (tf.concat(parts, axis=0) for parts in zip(*micro_batches))
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = mean_loss_of_classes(y, model(x, training=True))
    gradients = zip(tape.gradient(loss, variables), variables)
    at_once = [tf.zeros(v.shape) if g is None else tf.convert_to_tensor(g) for g, v in gradients]
    averaging = [tf.keras.Input((None, x.shape[1])), tf.keras.layers.GlobalAveragePooling1D()]
    sequences = [(np.repeat(x[:, None], t, axis=1), y) for t, (x, y) in enumerate(micro_batches, start=1)]
    yours = kata(tf.keras.Sequential([*averaging, model]), mean_loss_of_classes, _one_by_one(sequences))
    return {"yours": yours, "at_once": at_once, "sparse": any(isinstance(g, tf.IndexedSlices) for g in yours)}


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
    model.compile(optimizer=_optimizer(rule, lr), loss=squared_error, run_eagerly=True)
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
    model.compile(optimizer=_optimizer("sgd", lr), loss=squared_error, run_eagerly=True)
    model.train_on_batch(x, y)
    return _weights(base)


def beside_keras(
    kata: Any, seed: int, micro_batches: list[Batch], sample_weights: list[np.ndarray], steps: int, scaled: bool
) -> dict[str, Any]:
    """Training of `network` with a penalty and sample weights, once by the kata and once by Keras in big batches.

    The weights after every update and what was reported till then: by the kata for each micro-batch, by Keras at once.
    """
    features = micro_batches[0][0].shape[1]
    yours, base = _compiled(network(seed, features, penalty=0.1), scaled, lambda b: kata(b, accumulation_steps=steps))
    keras, plain = _compiled(network(seed, features, penalty=0.1), scaled, lambda b: b)
    batches = [(x, y, w) for (x, y), w in zip(micro_batches, sample_weights)]
    report: dict[str, Any] = {"names": [v.path for v in plain.weights], "yours": [], "keras": []}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        for i in range(0, len(batches), steps):
            group = batches[i : i + steps]
            logs = [_plain(yours.train_on_batch(x, y, sample_weight=w, return_dict=True)) for x, y, w in group]
            report["yours"].append((logs, _weights(base)))
            x, y, w = (np.concatenate(parts) for parts in zip(*group))
            at_once = _plain(keras.train_on_batch(x, y, sample_weight=w, return_dict=True))
            report["keras"].append((at_once, _weights(plain)))
        x, y, w = batches[0]
        report["evaluated"] = _plain(yours.test_on_batch(x, y, sample_weight=w, return_dict=True))
        report["evaluated_by_keras"] = _plain(keras.test_on_batch(x, y, sample_weight=w, return_dict=True))
    return report


def _compiled(base: tf.keras.Model, scaled: bool, wrapped: Any) -> tuple[tf.keras.Model, tf.keras.Model]:
    model, optimizer = wrapped(base), _optimizer("sgd", 0.1)
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer) if scaled else optimizer
    model.compile(
        optimizer=optimizer, loss=squared_error, metrics=["mae"], weighted_metrics=[squared_error], run_eagerly=True
    )
    return model, base


def _plain(logs: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}


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
    calls: int = 1,
    lr: float,
    compilation: dict[str, Any],
    after: bool = False,
) -> dict[str, Any]:
    """`fit` in order, without shuffling; if `after`, also `evaluate` and `predict` on the same data.

    Between several `calls` of `fit` the model is evaluated.
    """
    base = linear_model(kernel, bias)
    model = kata(base, accumulation_steps=steps)
    model.compile(optimizer=_optimizer("sgd", lr), loss=squared_error, metrics=["mae", squared_error], **compilation)
    for call in range(calls):
        if call:
            model.evaluate(x, y, batch_size=batch_size, verbose=0)
        history = model.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0).history
    report: dict[str, Any] = {
        "history": {name: [float(value) for value in values] for name, values in history.items()},
        "weights": _weights(base),
        "iterations": int(model.optimizer.iterations),
    }
    if after:
        report["evaluated"] = _plain(model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True))
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
    return {"values": values, "iterations": iterations}


def is_new(kata: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether two calls give two objects."""
    return kata(*args, **kwargs) is not kata(*args, **kwargs)
