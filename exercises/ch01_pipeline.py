# Rules of every kata; its docstring says what is special to it:
# - An array argument is anything that tf.convert_to_tensor takes: a list, a NumPy array, a tensor. Labels may be
#   integers, booleans or floats, and are cast to the dtype of the prediction.
# - What changes while training (lr, learning_rate, step, t) is a Python number or a rank-0 tensor. Every other number
#   is a Python number.
# - A tensor comes back, in the dtype of the prediction, gradient or weight; one number is a rank-0 tensor. What you
#   are given is not changed in place.
# - What takes tensors works inside tf.function too and gives the same there. A loss is differentiable in its
#   prediction, and its gradient is right everywhere.
# - Bad input that a docstring names raises a ValueError whose text names the argument. Other bad input is not tried.
# - A call leaves nothing behind: called again, it gives the same again, and what a class keeps is what its docstring
#   says. Chance comes from a seed alone, and the global random states are afterwards what they were before.
# - scratch: write it from tensor operations (tf.reduce_*, tf.math.*, tf.where, keras.ops …). The ready-made object
#   for just that job does not count: Keras' losses, optimizers, schedules and metrics, its loops, the cross-entropies
#   of tf.nn and keras.ops, tf.clip_by_* (tf.clip_by_value in chapter 8 only). keras: use just these. free: as you
#   like.

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


# free · ★☆☆ · 8 min · uv run kata lesson make_regression_data
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

    y = x · w + b + σ · ε, where x has standard normal entries, w of shape (features, 1) is the hidden weight vector,
    **the same for both splits**, b is `bias`, σ is `noise` and ε is standard normal, drawn anew for each sample.

    Args:
        seed: any non-negative int; the result depends on it alone.
        train_size: number of training samples.
        test_size: number of test samples, drawn independently of the training samples.
        features: number of columns of x.
        bias: b, added to every target.
        noise: σ, the standard deviation of the noise on the targets of both splits; 0 means none.

    Returns:
        `RegressionData` of float32 NumPy arrays: x of shape (n, features), y of shape (n, 1).
        How w is distributed is up to you. The process's global random state is left as it was.

    Example:
        >>> data = make_regression_data(seed=7, train_size=100, test_size=20, features=3)
        >>> data.x_train.shape, data.y_train.shape, data.x_test.shape, data.y_test.shape
        ((100, 3), (100, 1), (20, 3), (20, 1))
        >>> data.y_train.dtype
        dtype('float32')

    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed. 2009, §2.6: training and test
    data must come from the same joint distribution.
    """
    raise NotImplementedError


# keras · ★☆☆ · 5 min · uv run kata lesson build_model
def build_model(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    """Build a fully connected regression network.

    h₀ = x, hᵢ = max(0, hᵢ₋₁ · Wᵢ + bᵢ) for each hidden layer i, ŷ = h · W + b: the last layer is linear, since a target
    may be any real number.

    Args:
        features: length of one input vector.
        hidden: units of the hidden layers, first to last; may be empty, which leaves a linear model.
        outputs: units of the output layer.

    Returns:
        A `tf.keras.Sequential` that maps (batch, features) to (batch, outputs), built on return (its weights exist).
        No warning is emitted on the way.

    Example:
        >>> model = build_model(10, hidden=(4,))
        >>> model.input_shape, model.output_shape, model.count_params()  # 10·4 + 4, then 4·1 + 1
        ((None, 10), (None, 1), 49)

    Source: Keras 3 guide "The Sequential model", section "Specifying the input shape in advance".
    """
    raise NotImplementedError


# scratch · ★★☆ · 12 min · uv run kata lesson train_step
def train_step(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    """Take one step of the training loop: forward, loss, backward, update.

    L = loss_fn(y, ŷ) + Σ P, with ŷ = model(x) computed in training mode and P the model's own penalties
    (`model.losses`, such as an L2 regularizer's); then the optimizer moves every trainable weight θ by means of ∂L/∂θ.

    Args:
        model: a built Keras model; it need not be compiled.
        optimizer: the optimizer that owns the state (velocities, moments, the count of iterations).
        loss_fn: takes (y, ŷ) in this order and returns a scalar.
        x: one batch of inputs, samples along the first axis.
        y: its targets.

    Returns:
        L as it was **before** the update: a rank-0 tensor of the prediction's dtype.
        The weights, the layers' state (such as moving averages) and the optimizer change as `model.train_on_batch`
        would change them; weights that are not trainable stay.

    Example:
        >>> import tensorflow as tf
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
        >>> mse = lambda y, prediction: tf.reduce_mean((prediction - y) ** 2)
        >>> x, y = tf.constant([[1.0], [2.0]]), tf.constant([[3.0], [5.0]])
        >>> float(train_step(model, tf.keras.optimizers.SGD(0.125), mse, x, y))  # (2² + 3²) / 2
        6.5
        >>> model.get_weights()  # 1 + 8/8 and 0 + 5/8
        [array([[2.]], dtype=float32), array([0.625], dtype=float32)]

    Source: Keras 3 guide "Writing a training loop from scratch in TensorFlow"; Rumelhart, Hinton & Williams,
    "Learning representations by back-propagating errors", Nature 323, 1986.
    """
    raise NotImplementedError


# scratch · ★★☆ · 10 min · uv run kata lesson train
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

    The value of an epoch is Σ_b n_b · L_b / Σ_b n_b, where L_b is the loss of batch b (penalties included) before its
    update and n_b its number of samples: a mean over samples, not over batches, so a short last batch weighs less.

    Args:
        model, optimizer, loss_fn: as in `train_step`.
        x: all inputs, samples along the first axis.
        y: all targets, as many.
        epochs: how often to go through the data, at least 1.
        batch_size: samples per batch, at least 1; the last batch of an epoch holds what is left.

    Returns:
        A list of Python floats, one for each epoch. No shuffling; the optimizer's state lives through all epochs.

    Example:
        >>> import tensorflow as tf
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="zeros")])
        >>> mse = lambda y, prediction: tf.reduce_mean((prediction - y) ** 2)
        >>> x, y = tf.ones((3, 1)), tf.constant([[1.0], [1.0], [2.0]])
        >>> train(model, tf.keras.optimizers.SGD(0.0), mse, x, y, epochs=2, batch_size=2)  # (2·1 + 1·4) / 3
        [2.0, 2.0]

    Source: Keras 3 guide "Writing a training loop from scratch in TensorFlow"; the weighing is that of Keras' own
    loss tracker, a `Mean` whose `sample_weight` is the size of the batch.
    """
    raise NotImplementedError


# keras · ★☆☆ · 8 min · uv run kata lesson run_pipeline
def run_pipeline(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    """Run Keras' four steps: compile, fit, evaluate, predict.

    Compile with the optimizer `adam`, the loss `mse` and the metric `mae`; fit on the training split, of which Keras
    sets the last fifth aside for validation; evaluate on the test split; predict its first five samples.

    Args:
        model: a built Keras model with one output.
        data: the splits, at least five training and five test samples.
        epochs: epochs of `fit`.
        batch_size: samples per update in `fit`.

    Returns:
        `PipelineResult(history, test, predictions)`: `history` is a dict of lists with the keys `loss`, `mae`,
        `val_loss`, `val_mae`, each of length `epochs`; `test` a dict with the floats `loss` and `mae`; `predictions` an
        array of shape (5, 1). `test["loss"]` is the mean squared error of the trained model over all test samples.

    Example:
        >>> data = make_regression_data(seed=1, train_size=20, test_size=5, features=2)
        >>> result = run_pipeline(build_model(2, hidden=()), data, epochs=2)
        >>> sorted(result.history), sorted(result.test), result.predictions.shape
        (['loss', 'mae', 'val_loss', 'val_mae'], ['loss', 'mae'], (5, 1))

    Source: Keras 3 guide "Training & evaluation with the built-in methods".
    """
    raise NotImplementedError
