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

"""Chapter 10 · The capstone: every piece of the course in one training run."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = [
    "make_classification_data",
    "make_schedule",
    "make_optimizer",
    "build_classifier",
    "make_callbacks",
    "train_classifier",
]

LearningRate = float | tf.keras.optimizers.schedules.LearningRateSchedule


class ClassificationData(NamedTuple):
    """A training split and a validation split labelled by the same map."""

    x_train: np.ndarray  # (train_size, features) float32
    y_train: np.ndarray  # (train_size,) integers
    x_validation: np.ndarray  # (validation_size, features) float32
    y_validation: np.ndarray  # (validation_size,) integers


class TrainingReport(NamedTuple):
    """What a training run has to show."""

    history: dict[str, list[float]]  # one value per epoch: loss, accuracy, top3_accuracy, and the same with val_
    metrics: dict[str, float]  # loss, accuracy and top3_accuracy on the validation split
    predicted_classes: np.ndarray  # (5,) integers, for the first five validation samples


# free · ★☆☆ · 8 min · uv run kata lesson make_classification_data
def make_classification_data(
    *, seed: int, train_size: int = 5000, validation_size: int = 1000, features: int = 50, classes: int = 10
) -> ClassificationData:
    """Draw a classification problem that can be learned: the labels follow from the inputs.

        y = f(x)

    with one hidden map f, **the same for both splits**; for example y = argmax_k (x · W)_k with a hidden matrix W of
    shape (features, classes). With labels drawn apart from x nothing can be learned: the accuracy on new samples stays
    at chance.

    Which map and which inputs is up to you, as long as a simple classifier finds the map (and beats by far whoever
    always says the commonest class) and, given samples and columns enough, every class occurs (of one column, argmax
    makes two classes and no more). The process's global random states (Python's, NumPy's, TensorFlow's) are left as
    they were.

    Args:
        seed: An int, 0 ≤ seed < 2³¹. The result depends on it alone; another seed gives other samples.
        train_size: Number of training samples, at least 1.
        validation_size: Number of validation samples, at least 1, drawn independently of the training samples.
        features: Number of columns of x, at least 1.
        classes: Number of classes, at least 2; labels are 0 … classes − 1.

    Returns:
        `ClassificationData` of NumPy arrays: x float32 of shape (n, features), y integers of shape (n,).

    Example:
        >>> data = make_classification_data(seed=7, train_size=100, validation_size=20, features=3, classes=4)
        >>> data.x_train.shape, data.y_train.shape, data.x_validation.shape, data.y_validation.shape
        ((100, 3), (100,), (20, 3), (20,))
        >>> bool(data.y_train.min() >= 0), bool(data.y_train.max() < 4)
        (True, True)

    Source: The article, §10 "Complete Example"; Hastie, Tibshirani & Friedman, The Elements of Statistical Learning,
    2nd ed. 2009, §2.6.
    """
    raise NotImplementedError


# free · ★★☆ · 12 min · uv run kata lesson make_schedule
def make_schedule(
    *, samples: int, batch_size: int, epochs: int, peak_lr: float = 1e-3, warmup_fraction: float = 0.1
) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """Make the learning rate schedule of a whole run: linear warm-up, then cosine decay to zero.

        η(s) = peak · s / W                                    for s < W,
        η(s) = peak · ½ (1 + cos(π · (s − W) / (T − W)))        for W ≤ s < T,
        η(s) = 0                                               for s ≥ T,

    where s is the step (the number of updates made so far), T = ⌈samples / batch_size⌉ · epochs the number of updates
    that `fit` makes (a short last batch is one more), and W = int(T · warmup_fraction) the length of the warm-up.

    An optimizer asks it inside `tf.function`. Whether it is Keras' own schedule or a class of yours is up to you.

    Args:
        samples: Size of the training split, at least 1.
        batch_size: Samples per update, at least 1.
        epochs: Epochs of the run, at least 1.
        peak_lr: The rate at the end of the warm-up, a Python float.
        warmup_fraction: Share of the run spent on warming up, 0 ≤ fraction < 1; W = 0 starts at the peak.

    Returns:
        A `LearningRateSchedule`: called with a scalar step (a Python int, or a rank-0 tensor of any integer dtype) it
        gives a rank-0 float32 tensor.

    Example:
        >>> schedule = make_schedule(samples=100, batch_size=32, epochs=5, peak_lr=0.5)  # T = 4 · 5, W = 2
        >>> [round(float(schedule(step)), 3) for step in (0, 1, 2, 11, 20, 30)]
        [0.0, 0.25, 0.5, 0.25, 0.0, 0.0]

    Source: The article, §10 "Complete Example"; Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", ICLR 2017, eq. (5); Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
    §2.2 (gradual warm-up).
    """
    raise NotImplementedError


# keras · ★☆☆ · 5 min · uv run kata lesson make_optimizer
def make_optimizer(
    learning_rate: LearningRate, *, weight_decay: float = 1e-4, global_clipnorm: float = 1.0
) -> tf.keras.optimizers.Optimizer:
    """Make the optimizer of the run: AdamW, its gradients clipped by their global norm.

        n = √(Σᵢ ‖gᵢ‖²)
        gᵢ ← gᵢ · min(1, c / n)
        wᵢ ← wᵢ − η·λ·wᵢ, and Adam's step with gᵢ

    where gᵢ is the gradient of the weight wᵢ, n the norm of all gradients together, c `global_clipnorm`, η the learning
    rate and λ `weight_decay`. Clipping comes first, so that one wild batch does not spoil the moments; the decay is no
    gradient, is not clipped, and every weight has it, biases too. Adam's own settings are Keras' defaults (β₁ = 0.9,
    β₂ = 0.999, ε = 1e-7).

    With a number, callbacks can set the rate later (`optimizer.learning_rate = …`); with a schedule nobody can.

    Args:
        learning_rate: η, a Python float or a `LearningRateSchedule`.
        weight_decay: λ ≥ 0, decoupled from the gradient.
        global_clipnorm: c > 0, the greatest global norm that is let through unchanged.

    Returns:
        A new `tf.keras.optimizers.Optimizer` (an optimizer keeps state, so each model needs its own).

    Example:
        >>> optimizer = make_optimizer(0.5)
        >>> optimizer.learning_rate = 0.25  # what a callback does
        >>> float(optimizer.learning_rate)
        0.25

    Source: The article, §10 "Complete Example"; Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR
    2019, algorithm 2; Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1.
    """
    raise NotImplementedError


# keras · ★★☆ · 12 min · uv run kata lesson build_classifier
def build_classifier(features: int, classes: int) -> tf.keras.Model:
    """Build the network of the run, under mixed precision.

        Dense 256 (ReLU), batch normalization, dropout 0.3,
        Dense 128 (ReLU), batch normalization, dropout 0.2,
        Dense 64 (ReLU),
        Dense `classes` (linear)

    There is nothing else in the model (no further layer, no penalty, nothing frozen), and whatever is not said here is
    at Keras' defaults. A ReLU may be a layer of its own.

    The model is made under the policy `mixed_float16`: all layers before the last compute in float16 and keep float32
    variables, and `compile` wraps the optimizer in a `LossScaleOptimizer` (it does so for a model whose own policy is
    that one, which policies set layer by layer do not achieve). The last layer computes in float32: its results are
    **logits**, no softmax, and never rounded to float16. The global dtype policy is the same after the call as before
    it, whatever it was (a policy is more than its name), also when the call raises.

    Args:
        features: Length of one input vector.
        classes: Number of classes; with less than one, `Dense` raises a ValueError of its own.

    Returns:
        A new, built `tf.keras.Model` that maps (batch, features) to float32 logits of shape (batch, classes).

    Example:
        >>> model = build_classifier(8, 4)
        >>> model.output_shape, model.dtype_policy.name, model.layers[-1].compute_dtype
        ((None, 4), 'mixed_float16', 'float32')

    Source: The article, §10 "Complete Example"; Micikevicius et al., "Mixed Precision Training", ICLR 2018, §3; Ioffe &
    Szegedy, "Batch Normalization", ICML 2015; Srivastava et al., "Dropout", JMLR 15, 2014.
    """
    raise NotImplementedError


# keras · ★☆☆ · 6 min · uv run kata lesson make_callbacks
def make_callbacks(learning_rate: LearningRate) -> list[tf.keras.callbacks.Callback]:
    """Make the callbacks that fit the kind of learning rate.

    Always `EarlyStopping`: when `val_loss` has not improved for 5 epochs training stops, and at the end of training, in
    any case, the weights of the best epoch are put back. Only with a plain float also `ReduceLROnPlateau`: when
    `val_loss` has not improved for 3 epochs the rate is halved, though not below 1e-6 (a rate that is smaller already
    stays). A schedule owns the rate by itself: nobody else can set it, and a callback that tries ends training with a
    TypeError.

    Everything else is at Keras' defaults: for early stopping any decrease improves on the best so far, for the rate
    only one of more than 1e-4.

    Args:
        learning_rate: What the optimizer was given, a Python float or a `LearningRateSchedule`.

    Returns:
        A list of new callbacks, in any order: two for a float, one for a schedule (callbacks keep state, so each run
        needs its own).

    Example:
        >>> len(make_callbacks(1e-3)), len(make_callbacks(tf.keras.optimizers.schedules.CosineDecay(1e-3, 100)))
        (2, 1)

    Source: The article, §10 "Complete Example"; Prechelt, "Early Stopping — But When?", in Neural Networks: Tricks of
    the Trade, LNCS 1524, 1998.
    """
    raise NotImplementedError


# keras · ★★★ · 20 min · uv run kata lesson train_classifier
def train_classifier(
    data: ClassificationData, *, epochs: int = 30, batch_size: int = 64, seed: int = 0, jit_compile: bool = False
) -> TrainingReport:
    """Train and judge a classifier with all the pieces above.

    The network is `build_classifier`'s for the data: as many inputs as x has columns, as many classes as the largest
    label of **both** splits + 1. It is compiled (`Model.compile`) with `make_optimizer` on `make_schedule`, both for
    this run and otherwise at their defaults, with sparse categorical cross-entropy **from logits**, with the metrics
    `accuracy` and `top3_accuracy` (how often the truth is among the three highest logits), and with `jit_compile`.

    It is fitted (`Model.fit`) for `epochs` epochs on every sample of the training split once an epoch, in batches of
    `batch_size` (the last one may be short) and shuffled as `fit` shuffles, with the validation split as
    `validation_data` and the callbacks of `make_callbacks` for a schedule. Then it is evaluated on the validation
    split.

    Python's and NumPy's global random states and the global dtype policy are left as they were (TensorFlow's random
    state cannot be put back).

    Args:
        data: The splits, at least five validation samples; labels of any integer dtype.
        epochs: The greatest number of epochs (early stopping may end the run before).
        batch_size: Samples per update.
        seed: An int, 0 ≤ seed < 2³¹, of the weights, the dropout and the order of the samples: the same seed gives the
            same report, whatever was drawn before.
        jit_compile: Whether XLA compiles the training step.

    Returns:
        `TrainingReport(history, metrics, predicted_classes)`: `history` is fit's dict of lists; `metrics` a dict with
        the Python floats `loss`, `accuracy`, `top3_accuracy` on the validation split, for the weights that early
        stopping put back; `predicted_classes` a NumPy array of integers of shape (5,), the classes that the same
        weights give the first five validation samples.

    Example:
        >>> x, y = np.eye(8, dtype=np.float32), np.arange(8)
        >>> data = ClassificationData(x_train=x, y_train=y, x_validation=x, y_validation=y)
        >>> report = train_classifier(data, epochs=1, batch_size=4)
        >>> sorted(report.metrics), len(report.history["val_loss"]), report.predicted_classes.shape
        (['accuracy', 'loss', 'top3_accuracy'], 1, (5,))

    Source: The article, §10 "Complete Example", with its errata mended.
    """
    raise NotImplementedError
