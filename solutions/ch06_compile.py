"""6 · compile() Deep Dive: several outputs, weighted losses, tracing, XLA."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = [
    "build_two_headed_model",
    "compile_two_headed_model",
    "total_loss",
    "count_python_runs",
    "max_jit_difference",
]


def build_two_headed_model(features: int, categories: int) -> tf.keras.Model:
    """Build a model that predicts a price and a category from one shared hidden layer.

        h = relu(x·W + b)
        price = h·w₁ + b₁
        category = softmax(h·W₂ + b₂)

    x are the inputs and h the 64 units of the one shared layer; W, b, w₁, b₁, W₂, b₂ are the six arrays of weights, all
    trained, and initialised as Keras does by default. The price may be any number, so it has no activation; the
    category is a probability for each. Nothing else is in it: no dropout, no penalty, no constraint.

    Args:
        features: Number of inputs, at least 1; the model takes one array `(batch, features)`.
        categories: Number of categories, at least 2.

    Returns:
        A new, built, uncompiled `tf.keras.Model` with float32 outputs `[price, category]`, of shapes `(batch, 1)` and
            `(batch, categories)`, named `price` and `category`; or a dict of the two by these names.

    Example:
        >>> model = build_two_headed_model(10, 3)
        >>> model.count_params()  # (10·64 + 64) + (64·1 + 1) + (64·3 + 3)
        964
        >>> sorted(tuple(output.shape) for output in tf.nest.flatten(model(tf.zeros((2, 10)))))
        [(2, 1), (2, 3)]

    Source: The article, §6 "Multi-Output Models"; Caruana, "Multitask Learning", Machine Learning 28, 1997 (the shared
        layer).
    """
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu")(inputs)
    # A layer's name becomes its output's name, by which compile() finds the loss, the weight and the metrics.
    price = tf.keras.layers.Dense(1, name="price")(shared)
    category = tf.keras.layers.Dense(categories, activation="softmax", name="category")(shared)
    return tf.keras.Model(inputs, [price, category])


def compile_two_headed_model(
    model: tf.keras.Model,
    *,
    price_weight: float = 1.0,
    category_weight: float = 0.5,
    jit_compile: bool = False,
    run_eagerly: bool = False,
) -> None:
    """Compile a model with the outputs `price` and `category`: a loss, a weight and a metric for each.

        L = price_weight · MSE(price) + category_weight · CE(category)

    MSE is the mean squared error of the price, CE the cross-entropy of the category's probabilities with integer
    labels. Reported are `loss` (that L), `price_loss` and `category_loss` (without their weights), and the metrics
    `price_mae` and `category_accuracy`. Sample weights, if there are any, reach the losses and not the metrics.

    Args:
        model: A model with two outputs named `price` and `category`, as a list in that order or a dict. Its weights
            stay as they are, and those that were trained still are.
        price_weight: How much the price's mean squared error counts.
        category_weight: How much the category's cross-entropy counts.
        jit_compile: Compile the training step with XLA. (The default of `compile` itself is `"auto"`.)
        run_eagerly: Run the training step as Python, batch by batch, so that a debugger can stop in it.
            Not together with `jit_compile`: eager steps are not compiled.

    Returns:
        None: the model itself is compiled, with an optimizer of its own, Adam with its default options (a rate of
            0.001). What is not named here stays as `compile` has it.

    Example:
        >>> inputs = tf.keras.Input((2,))
        >>> price = tf.keras.layers.Dense(1, name="price")(inputs)
        >>> category = tf.keras.layers.Dense(3, activation="softmax", name="category")(inputs)
        >>> model = tf.keras.Model(inputs, [price, category])
        >>> compile_two_headed_model(model, price_weight=2.0, category_weight=0.5, run_eagerly=True)
        >>> y = {"price": np.zeros((4, 1)), "category": np.zeros(4, int)}
        >>> logs = model.evaluate(np.zeros((4, 2)), y, verbose=0, return_dict=True)
        >>> sorted(logs)
        ['category_accuracy', 'category_loss', 'loss', 'price_loss', 'price_mae']
        >>> round(logs["loss"], 4)  # 2·0 + 0.5·ln 3: nothing learned, all three categories are equally likely
        0.5493

    Source: The article, §6 "Multi-Output Models"; Keras API, `Model.compile`.
    """
    model.compile(
        optimizer="adam",
        # By name, so that the order of the outputs does not matter.
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


def total_loss(losses: Mapping[str, Any], weights: Mapping[str, Any]) -> tf.Tensor:
    """The one number that a model with several outputs minimises.

        L = Σᵢ wᵢ·Lᵢ

    Lᵢ is the loss named i and wᵢ its weight, 1 where `weights` does not name it. It is a sum, not a mean: the weights
    are not made to add up to 1.

    Args:
        losses: One or more losses by name: Python floats, or rank-0 tensors of one dtype, float16, float32 or float64.
        weights: Weights by name: Python numbers, 0 and negative ones included, or rank-0 tensors of the losses' dtype,
            which inside `tf.function` are symbolic. May be empty. Neither dict is changed.

    Returns:
        A rank-0 tensor of the losses' dtype (float32 for Python floats), differentiable in every loss, with
            ∂L/∂Lᵢ = wᵢ.

    Raises:
        ValueError: If `weights` names a loss that is not there (most likely a typing error, and a weight that would
            silently do nothing).

    Example:
        >>> float(total_loss({"price": 4.0, "category": 2.0}, {"category": 0.5}))  # 1·4 + 0.5·2
        5.0

    Source: The article, §6 "Multi-Output Models"; Keras API, `Model.compile`, `loss_weights`.
    """
    unknown = sorted(set(weights) - set(losses))
    if unknown:
        raise ValueError(f"`weights` may only name losses, which are {sorted(losses)}. Received: {unknown}")
    # Looked up by name: two dicts need not be in the same order. A Python number takes the tensor's dtype.
    return tf.add_n([tf.convert_to_tensor(loss) * weights.get(name, 1) for name, loss in losses.items()])


def count_python_runs(batches: int, *, run_eagerly: bool) -> int:
    """Count how often Python runs the body of `train_step` while a small model trains on some batches.

    With `run_eagerly=True` every batch runs the Python code. Otherwise `tf.function` runs it once, to **trace** it
    into a graph (a second time if the first trace created variables), and every batch runs the graph:
    a `print`, a counter or a breakpoint in the body then happens while tracing only.

    The number is to be observed, not worked out: wherever someone has called `tf.config.run_functions_eagerly(True)`,
    nothing is traced, and it is `batches` in both cases. Leave that setting of the whole process as it is.

    Args:
        batches: How many batches to train on, at least 1, all of the same size.
        run_eagerly: What to hand to `compile`.

    Returns:
        The number of runs, a Python int: `batches` when eager, else 1 or 2, however many batches there are.

    Example:
        >>> count_python_runs(5, run_eagerly=True)
        5
        >>> count_python_runs(5, run_eagerly=False) in (1, 2)
        True

    Source: The article, §6 "compile() Deep Dive"; TensorFlow guide, "Better performance with tf.function", section
        "Tracing".
    """
    runs = 0

    class CountingModel(tf.keras.Sequential):
        def train_step(self, data: Any) -> Any:
            nonlocal runs
            runs += 1  # a plain Python number: a tf.Variable would be counted by the graph as well
            return super().train_step(data)

    model = CountingModel([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    x = np.ones((4, 1), "float32")
    for _ in range(batches):
        model.train_on_batch(x, x)
    return runs


def max_jit_difference(seed: int, *, steps: int) -> float:
    """Train the same small model with and without XLA, and return how far apart the weights end.

        max over all weights of |w with jit_compile=True − w with jit_compile=False|

    w are the float32 weights after training. Both trainings start at the same weights and see the same data. XLA fuses
    operations and so adds up in another order; the last bits differ, and nothing else may: wherever someone has called
    `tf.config.run_functions_eagerly(True)`, nothing is compiled, and the difference is exactly 0.

    Args:
        seed: An int, 0 ≤ seed < 2³¹, from which data and initial weights are drawn. The result depends on it and
            `steps` alone, and the global random state (Python's, NumPy's, TensorFlow's) is the same afterwards as
            before: a Keras initializer without a seed of its own draws from Python's, so do not let one choose the
            weights.
        steps: How many updates, 1 to 20.

    Returns:
        The largest absolute difference, a Python float: below 1e-4 and, for at least one of several seeds at 20 steps,
            above 0.

    Example:
        >>> max_jit_difference(0, steps=5) < 1e-4
        True

    Source: The article, §6 "compile() Deep Dive"; OpenXLA documentation, "XLA architecture".
    """
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((16, 4), "float32"), generator.standard_normal((16, 1), "float32")
    start = [generator.standard_normal(shape, "float32") / 2 for shape in [(4, 8), (8,), (8, 1), (1,)]]

    def trained_weights(jit_compile: bool) -> list[np.ndarray]:
        model = tf.keras.Sequential(
            [
                tf.keras.Input((4,)),
                tf.keras.layers.Dense(8, "tanh", kernel_initializer="zeros"),
                tf.keras.layers.Dense(1, kernel_initializer="zeros"),
            ]
        )
        model.set_weights(start)
        # "auto", the default, is not XLA on a CPU: say True or False.
        model.compile("sgd", "mse", jit_compile=jit_compile)
        for _ in range(steps):
            model.train_on_batch(x, y)
        return model.get_weights()

    pairs = zip(trained_weights(True), trained_weights(False), strict=True)
    return float(max(np.max(np.abs(fused - plain)) for fused, plain in pairs))
