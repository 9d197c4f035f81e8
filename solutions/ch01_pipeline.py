"""Chapter 1 · The training pipeline: compile, fit, evaluate, predict, and the loop that `fit` runs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["make_regression_data", "build_model", "train_step", "train", "run_pipeline"]

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class RegressionData(NamedTuple):
    """A training split and a test split drawn from the same line."""

    x_train: np.ndarray  # (train_size, features) float32
    y_train: np.ndarray  # (train_size, 1) float32
    x_test: np.ndarray  # (test_size, features) float32
    y_test: np.ndarray  # (test_size, 1) float32


class PipelineResult(NamedTuple):
    """What the four steps of the pipeline leave behind."""

    history: dict[str, list[float]]  # one value per epoch: loss, mae, val_loss, val_mae
    test: dict[str, float]  # loss and mae on the test split
    predictions: np.ndarray  # (5, 1), for the first five test samples


def make_regression_data(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    """Draw a linear regression problem whose two splits share one hidden weight vector.

        y = x · w + b + σ · ε

    where x of shape (n, features) has independent standard normal entries, w of shape (features, 1) is the hidden
    weight vector, **the same for both splits**, b is `bias`, σ is `noise`, and ε of shape (n, 1) is standard normal,
    drawn anew for each sample of either split.

    How w is distributed is up to you. The process's global random states (Python's, NumPy's, TensorFlow's) are left as
    they were.

    Args:
        seed: An int, 0 ≤ seed < 2³¹. The result depends on it alone; another seed gives other samples.
        train_size: Number of training samples, at least 1.
        test_size: Number of test samples, at least 1, drawn independently of the training samples.
        features: Number of columns of x, at least 1.
        bias: b, added to every target.
        noise: σ ≥ 0, the standard deviation of the noise on the targets of both splits; 0 means none.

    Returns:
        `RegressionData` of float32 NumPy arrays: x of shape (n, features), y of shape (n, 1).

    Example:
        >>> data = make_regression_data(seed=7, train_size=100, test_size=20, features=3)
        >>> data.x_train.shape, data.y_train.shape, data.x_test.shape, data.y_test.shape
        ((100, 3), (100, 1), (20, 3), (20, 1))
        >>> data.y_train.dtype
        dtype('float32')

    Source: The article, §1 "The Training Pipeline"; Hastie, Tibshirani & Friedman, The Elements of Statistical
    Learning, 2nd ed. 2009, §2.6 (training and test data come from the same joint distribution).
    """
    rng = np.random.default_rng(seed)  # a generator of our own: np.random.seed would change the whole process
    w = rng.normal(size=(features, 1))  # once, outside `split`: a second draw is a second problem

    def split(size: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(size=(size, features)).astype(np.float32)
        y = x @ w + bias + noise * rng.normal(size=(size, 1))
        return x, y.astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


def build_model(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    """Build a fully connected regression network.

        h₀ = x
        hᵢ = max(0, hᵢ₋₁ · Wᵢ + bᵢ)    for i = 1 … k
        ŷ = h_k · W + b

    where x is a batch of inputs, k the number of hidden layers, Wᵢ and bᵢ kernel and bias of the i-th of them, W and b
    those of the output layer. That one is linear, since a target may be any real number.

    There is nothing else in the model (no dropout, no penalty, nothing frozen), and whatever is not said here is as
    Keras' `Dense` has it: biases start at 0, kernels at random. No warning is emitted on the way.

    Args:
        features: Length of one input vector.
        hidden: Units of the hidden layers, first to last, as a list or a tuple; may be empty: a linear model.
        outputs: Units of the output layer.

    Returns:
        A new `tf.keras.Sequential` that maps (batch, features) to (batch, outputs), built on return: its weights exist.

    Example:
        >>> model = build_model(10, hidden=(4,))
        >>> model.input_shape, model.output_shape, model.count_params()  # 10·4 + 4, then 4·1 + 1
        ((None, 10), (None, 1), 49)

    Source: The article, §1 "The Training Pipeline"; Keras 3 guide "The Sequential model", section "Specifying the
    input shape in advance".
    """
    # `input_shape=` in the first layer, as in many tutorials, is deprecated and warns: an Input says it once.
    return tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            *(tf.keras.layers.Dense(units, activation="relu") for units in hidden),
            tf.keras.layers.Dense(outputs),
        ]
    )


def train_step(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    """Take one step of the training loop: forward, loss, backward, update.

        L = loss_fn(y, ŷ) + Σ P

    where ŷ is the model's answer to x in training mode, and P runs over the model's own penalties (`model.losses`, such
    as an L2 regularizer's). Then the optimizer moves every trainable weight θ by means of ∂L/∂θ.

    The weights, the layers' state (such as moving averages) and the optimizer change as `model.train_on_batch` would
    change them, for any loss and any of Keras' optimizers. One of them, the `LossScaleOptimizer`, takes the gradients
    of a multiple of L and divides them again: `optimizer.scale_loss(L)` is what an optimizer wants differentiated, for
    all others L itself. Weights that are not trainable stay, and so does a weight on which L does not depend.

    Args:
        model: A built Keras model of one floating dtype (mixed ones are chapter 9's); it need not be compiled.
        optimizer: The optimizer that owns the state (velocities, moments, the count of iterations), built or not.
        loss_fn: Takes (y, ŷ) in this order and returns a scalar of the prediction's dtype.
        x: One batch of inputs, a NumPy array or a tensor of floats or integers, samples along the first axis. (No list:
            Keras takes a list for several inputs.)
        y: Its targets, a NumPy array or a tensor of any dtype and shape: `loss_fn` gets them as they are.

    Returns:
        L as it was **before** the update, not scaled: a rank-0 tensor of the prediction's dtype.

    Example:
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
        >>> mse = lambda y, prediction: tf.reduce_mean((prediction - y) ** 2)
        >>> x, y = tf.constant([[1.0], [2.0]]), tf.constant([[3.0], [5.0]])
        >>> float(train_step(model, tf.keras.optimizers.SGD(0.125), mse, x, y))  # (2² + 3²) / 2
        6.5
        >>> model.get_weights()  # 1 + 8/8 and 0 + 5/8
        [array([[2.]], dtype=float32), array([0.625], dtype=float32)]

    Source: The article, §1 "The Training Pipeline"; Keras 3 guide "Writing a training loop from scratch in
    TensorFlow"; Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323, 1986.
    """
    with tf.GradientTape() as tape:
        prediction = model(x, training=True)  # without it dropout and batch normalization behave as in inference
        loss = loss_fn(y, prediction) + sum(model.losses)  # inside the tape, or the penalties get no gradient
        scaled = optimizer.scale_loss(loss)  # the loss itself, but for an optimizer that will divide by its scale
    gradients = tape.gradient(scaled, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return loss


def train(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    """Run the whole training loop: every epoch goes through all samples, batch after batch, in order.

        value of an epoch = Σ_b n_b · L_b / Σ_b n_b

    where L_b is the loss of batch b before its update, penalties included, as `train_step` returns it, and n_b the
    number of its samples: a mean over samples, not over batches, so a short last batch weighs less.

    No shuffling. Each batch is one step as `train_step` takes it, and the optimizer's state lives through all epochs:
    weights and values are those of `model.fit` with `shuffle=False`. (Averages of the weights, which an optimizer with
    `use_ema` keeps and `fit` puts in at its end, are not tried.)

    Args:
        model: A built Keras model, as in `train_step`.
        optimizer: The optimizer, as in `train_step`.
        loss_fn: Takes (y, ŷ), as in `train_step`.
        x: All inputs, a NumPy array or a tensor, samples along the first axis.
        y: All targets, a NumPy array or a tensor, as many.
        epochs: How often to go through the data, at least 1.
        batch_size: Samples per batch, at least 1; the last batch of an epoch holds what is left.

    Returns:
        A list of Python floats, one for each epoch.

    Example:
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="zeros")])
        >>> mse = lambda y, prediction: tf.reduce_mean((prediction - y) ** 2)
        >>> x, y = tf.ones((4, 1)), tf.constant([[1.0], [1.0], [1.0], [2.0]])
        >>> train(model, tf.keras.optimizers.SGD(0.0), mse, x, y, epochs=2, batch_size=3)  # (3·1 + 1·4) / 4
        [1.75, 1.75]

    Source: The article, §1 "The Training Pipeline"; Keras 3 guide "Writing a training loop from scratch in
    TensorFlow". The weighing is that of Keras' own loss tracker, a `Mean` whose `sample_weight` is the batch's size.
    """
    history = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch_size):  # a slice past the end is cut short: that is the last batch
            x_batch, y_batch = x[start : start + batch_size], y[start : start + batch_size]
            total += len(x_batch) * float(train_step(model, optimizer, loss_fn, x_batch, y_batch))
        history.append(total / len(x))  # the mean of the batches' means would give a short batch too much weight
    return history


def run_pipeline(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    """Run Keras' four steps: compile, fit, evaluate, predict.

    Compile `model` itself with the optimizer `adam`, the loss `mse` and the metric `mae`; fit it on the training split,
    of which the last fifth is set aside for validation (`validation_split=0.2`); evaluate it on the whole test split;
    predict the first five samples of that. Every other option is at its default: `fit` shuffles what it trains on, and
    nothing ends it early. Afterwards `model` is the trained model.

    Args:
        model: A built Keras model with one output.
        data: The splits, at least five training and five test samples.
        epochs: Epochs of `fit`.
        batch_size: Samples per update in `fit`.

    Returns:
        `PipelineResult(history, test, predictions)`: `history` is fit's dict of lists with the keys `loss`, `mae`,
        `val_loss`, `val_mae`, each of `epochs` Python floats; `test` a dict with the Python floats `loss` and `mae`;
        `predictions` a NumPy array of shape (5, 1), float32. `test["loss"]` is the mean squared error of the trained
        model over all test samples.

    Example:
        >>> x = np.ones((20, 2), np.float32)
        >>> data = RegressionData(x_train=x, y_train=x[:, :1], x_test=x[:6], y_test=x[:6, :1])
        >>> model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
        >>> result = run_pipeline(model, data, epochs=2)
        >>> sorted(result.history), sorted(result.test), result.predictions.shape
        (['loss', 'mae', 'val_loss', 'val_mae'], ['loss', 'mae'], (5, 1))

    Source: The article, §1 "The Training Pipeline"; Keras 3 guide "Training & evaluation with the built-in methods".
    """
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    history = model.fit(
        data.x_train, data.y_train, epochs=epochs, batch_size=batch_size, validation_split=0.2, verbose=0
    )
    # return_dict, since the list form loses the names: `metrics_names` says only "loss" and "compile_metrics".
    test = model.evaluate(data.x_test, data.y_test, return_dict=True, verbose=0)
    predictions = model.predict(data.x_test[:5], verbose=0)
    return PipelineResult(history.history, test, predictions)
