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

"""Chapter 4 · Learning rate schedules: the learning rate as a function of the step, or of what the loss does.

Everything here is written from tensor operations or plain Python: Keras' own schedules and its `ReduceLROnPlateau` are
the ready-made objects for exactly these jobs, and using one does not count. The base class `LearningRateSchedule` is
allowed. Steps are numbers below 2²⁴, up to which float32 holds every whole one.

Read lessons/ch04_schedules.md first.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

__all__ = [
    "exponential_decay",
    "cosine_decay",
    "piecewise_constant",
    "WarmupCosineDecay",
    "reduce_on_plateau",
]

TensorLike = tf.types.experimental.TensorLike


# scratch · ★☆☆ · 10 min · uv run kata lesson exponential_decay
def exponential_decay(
    step: TensorLike,
    *,
    initial_lr: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
) -> tf.Tensor:
    """Return the learning rate at a step when it is multiplied by a fixed rate every so many steps.

        η(k) = η₀ · r^(k/D)             smooth
        η(k) = η₀ · r^⌊k/D⌋             staircase

    where k (`step`) is the number of steps done so far, η₀ (`initial_lr`) the rate at step 0, and r (`decay_rate`) what
    the rate is multiplied by every D (`decay_steps`) steps.

    Args:
        step: k ≥ 0, in steps: a number, or a list, array or tensor of any shape and any integer or floating dtype.
        initial_lr: η₀ > 0.
        decay_steps: D ≥ 1, in steps.
        decay_rate: r, 0 < r ≤ 1.
        staircase: Whether the exponent is rounded down. At k = D, 2D … the new stair has begun (in a graph, rounding
            may make it begin one step later).

    Returns:
        The learning rate: a float32 tensor of the shape of `step`.

    Example:
        >>> rates = exponential_decay([0, 10, 15], initial_lr=1.0, decay_steps=10, decay_rate=0.25)
        >>> rates.numpy().round(4).tolist()  # 0.25⁰, 0.25¹, 0.25^1.5 = 0.5³
        [1.0, 0.25, 0.125]

    Source: the article, §4 "Built-in Schedules"; Keras, keras.optimizers.schedules.ExponentialDecay.
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson cosine_decay
def cosine_decay(step: TensorLike, *, initial_lr: float, decay_steps: int, alpha: float = 0.0) -> tf.Tensor:
    """Return the learning rate at a step when it falls along half a cosine, to a fraction of where it began.

        η(k) = η₀ · [(1 − α) · ½·(1 + cos(π · min(k, T) / T)) + α]

    where k (`step`) is the number of steps done so far, η₀ (`initial_lr`) the rate at step 0, T (`decay_steps`) the
    length of the fall, and α (`alpha`) the floor as a **fraction** of η₀. It is not a learning rate: the lowest rate is
    α·η₀.

    Args:
        step: k ≥ 0, in steps: a number, or a list, array or tensor of any shape and any integer or floating dtype.
        initial_lr: η₀ > 0.
        decay_steps: T ≥ 1, in steps.
        alpha: α, 0 ≤ α ≤ 1.

    Returns:
        The learning rate: a float32 tensor of the shape of `step`; α·η₀ at T and ever after.

    Example:
        >>> rates = cosine_decay([0, 50, 100, 150], initial_lr=1.0, decay_steps=100, alpha=0.5)
        >>> rates.numpy().round(4).tolist()  # halfway: 0.5 · 0.5 + 0.5
        [1.0, 0.75, 0.5, 0.5]

    Source: the article, §4 "Built-in Schedules"; Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm
        Restarts, 2017, eq. (5), one cycle; Keras, keras.optimizers.schedules.CosineDecay.
    """
    raise NotImplementedError


# scratch · ★★☆ · 15 min · uv run kata lesson piecewise_constant
def piecewise_constant(step: TensorLike, *, boundaries: Sequence[float], values: Sequence[float]) -> tf.Tensor:
    """Return the learning rate at a step when it is constant between given boundaries.

        η(k) = values[i]  for the first i with k ≤ boundaries[i];  values[-1] if there is none

    where k (`step`) is the number of steps done so far. **At** a boundary the old value still holds.

    Args:
        step: k ≥ 0, in steps: a number, or a list, array or tensor of any shape and any integer or floating dtype.
        boundaries: A list or tuple of numbers ≥ 0 that strictly increase, in steps, whole or not; may be empty.
        values: A list or tuple of the learning rates between them, numbers in any order, whole or not: one more than
            there are boundaries.

    Returns:
        The learning rate: a float32 tensor of the shape of `step`.

    Raises:
        ValueError: If `values` is not one longer than `boundaries` (the message names either).
        ValueError: If `boundaries` do not strictly increase.

    Example:
        >>> rates = piecewise_constant([0, 10, 11, 30], boundaries=[10, 20], values=[1.0, 0.5, 0.25])
        >>> rates.numpy().tolist()
        [1.0, 1.0, 0.5, 0.25]

    Source: the article, §4 "Built-in Schedules"; Keras, keras.optimizers.schedules.PiecewiseConstantDecay.
    """
    raise NotImplementedError


# scratch · ★★☆ · 20 min · uv run kata lesson WarmupCosineDecay
class WarmupCosineDecay(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A Keras schedule: linear from 0 to a peak, then half a cosine down to 0, and 0 from there on.

        η(k) = peak · k / W                                    k < W
        η(k) = peak · ½·(1 + cos(π · (k − W) / (T − W)))       W ≤ k ≤ T
        η(k) = 0                                               k > T

    where k is the step, peak is `peak_lr`, W is `warmup_steps` and T is `total_steps`.

    Given to an optimizer as its `learning_rate`, or asked directly: `schedule(step)` takes a step k ≥ 0, as a number,
    or a list, array or tensor of any shape and any integer or floating dtype; it returns float32 of that shape.
    At k = W the rate is the peak; with W = 0 there is no warm-up, it starts at the peak and is a number everywhere.
    A warm-up wrapped around Keras' own `CosineDecay` does not count: write the cosine too.

    Args:
        peak_lr: The highest learning rate, > 0.
        warmup_steps: W, in steps, 0 ≤ W < T.
        total_steps: T, in steps: those of the whole training, warm-up included.

    Raises:
        ValueError: If `warmup_steps` is negative.
        ValueError: If `warmup_steps` is not below `total_steps` (the message names either).

    Example:
        >>> schedule = WarmupCosineDecay(peak_lr=1.0, warmup_steps=10, total_steps=110)
        >>> schedule([0, 5, 10, 60, 110, 1000]).numpy().round(4).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
        >>> WarmupCosineDecay.from_config(schedule.get_config()).get_config() == schedule.get_config()
        True

    Source: the article, §4 "Warmup Strategies"; Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1
        Hour, 2017, §2.2 (warm-up); Loshchilov & Hutter, SGDR, 2017, eq. (5) (cosine).
    """

    def __init__(self, peak_lr: float, warmup_steps: int, total_steps: int) -> None:
        """Check and keep the three numbers."""
        raise NotImplementedError

    def __call__(self, step: TensorLike) -> tf.Tensor:
        """Return the learning rate at `step`: float32, of the shape of `step`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the three arguments by name, as plain numbers, so that `from_config` gives an equal schedule."""
        raise NotImplementedError


# scratch · ★★★ · 25 min · uv run kata lesson reduce_on_plateau
def reduce_on_plateau(
    losses: Sequence[float],
    *,
    initial_lr: float,
    factor: float = 0.5,
    patience: int = 3,
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_lr: float = 0.0,
) -> list[float]:
    """Return the learning rate after each epoch when it is cut each time the loss stops falling.

    The rule, epoch by epoch, as Keras' `ReduceLROnPlateau(mode="min")` follows it:

        1. In a cool-down (its counter is above 0): count it down by 1, and waiting starts at 0 again.
        2. If loss + min_delta < best (the first loss always does): the loss becomes the best, waiting starts at 0.
        3. Otherwise, unless the counter is still above 0: wait one epoch more. If that makes `patience` epochs, and the
           rate is above `min_lr`: rate ← max(rate · factor, min_lr), the counter is set to `cooldown`, waiting to 0.

    `best` is the lowest loss that step 2 accepted, over the whole training; a smaller gain leaves it where it is.

    Args:
        losses: The monitored loss of each epoch, finite floats in a list or tuple; may be empty.
        initial_lr: The rate before the first epoch, a float > 0. If it is not above `min_lr` it stays as it is.
        factor: What the rate is multiplied by, 0 < factor < 1.
        patience: Epochs without improvement that trigger a cut, ≥ 0; 0 acts as 1.
        min_delta: By more than this a loss must be lower than the best to count, ≥ 0; with 0 any lower loss counts, and
            an equal one does not.
        cooldown: Value of the counter after a cut, ≥ 0. It is counted down *before* it is looked at, so 1 acts as 0.
        min_lr: The rate is never cut below this, ≥ 0.

    Returns:
        A list with one Python float an epoch: the rate in force **after** it, which the next epoch trains with.

    Example:
        >>> reduce_on_plateau([5.0, 4.0, 4.0, 4.0, 4.0, 3.0], initial_lr=1.0, patience=2)
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]

    Source: the article, §4 "ReduceLROnPlateau"; Keras, keras.callbacks.ReduceLROnPlateau.
    """
    raise NotImplementedError
