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

"""4 · Learning rate schedules: the learning rate as a function of the step, or of what the loss does."""

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


# scratch · ★☆☆ · 10 min · uv run kata lesson exponential_decay
def exponential_decay(
    step: int | float | tf.Tensor,
    *,
    initial_lr: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
) -> tf.Tensor:
    """Return the learning rate at a step when it is multiplied by a fixed rate every so many steps.

    Formula:
        η(k) = η₀ · r^(k/D)             smooth
        η(k) = η₀ · r^⌊k/D⌋             staircase

        k (`step`): steps done so far;  η₀ (`initial_lr`);  r (`decay_rate`);  D (`decay_steps`).

    Args:
        step: k ≥ 0, integer or float: a number, or an array or tensor of any shape and any such dtype.
        initial_lr: η₀.
        decay_steps: D > 0, in steps.
        decay_rate: r, 0 < r ≤ 1.
        staircase: whether the exponent is rounded down. At k = D, 2D … the new stair has begun.

    Returns:
        The learning rate: a float32 tensor of the shape of `step`.

    Example:
        >>> rates = exponential_decay([0, 10, 15], initial_lr=1.0, decay_steps=10, decay_rate=0.25)
        >>> rates.numpy().tolist()      # 0.25⁰, 0.25¹, 0.25^1.5 = 0.5³
        [1.0, 0.25, 0.125]

    Source: `keras.optimizers.schedules.ExponentialDecay`; the article, §4 "Built-in Schedules".
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson cosine_decay
def cosine_decay(
    step: int | float | tf.Tensor, *, initial_lr: float, decay_steps: int, alpha: float = 0.0
) -> tf.Tensor:
    """Return the learning rate at a step when it falls along half a cosine, to a fraction of where it began.

    Formula:
        η(k) = η₀ · [(1 − α) · ½·(1 + cos(π · min(k, T) / T)) + α]

        k (`step`): steps done so far;  η₀ (`initial_lr`);  T (`decay_steps`): length of the fall;
        α (`alpha`): the floor as a **fraction** of η₀. It is not a learning rate: the lowest rate is α·η₀.

    Args:
        step: k ≥ 0, integer or float: a number, or an array or tensor of any shape and any such dtype.
        initial_lr: η₀.
        decay_steps: T > 0, in steps.
        alpha: α, 0 ≤ α ≤ 1.

    Returns:
        The learning rate: a float32 tensor of the shape of `step`; α·η₀ at T and ever after.

    Example:
        >>> rates = cosine_decay([0, 50, 100, 150], initial_lr=1.0, decay_steps=100, alpha=0.5)
        >>> rates.numpy().tolist()      # halfway: 0.5 · 0.5 + 0.5
        [1.0, 0.75, 0.5, 0.5]

    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, eq. (5), one cycle;
        `keras.optimizers.schedules.CosineDecay`; the article, §4 "Built-in Schedules".
    """
    raise NotImplementedError


# scratch · ★★☆ · 15 min · uv run kata lesson piecewise_constant
def piecewise_constant(
    step: int | float | tf.Tensor, *, boundaries: Sequence[float], values: Sequence[float]
) -> tf.Tensor:
    """Return the learning rate at a step when it is constant between given boundaries.

    Formula:
        η(k) = values[i]  for the first i with k ≤ boundaries[i];  values[-1] if there is none

        k (`step`): steps done so far. **At** a boundary the old value still holds.

    Args:
        step: k ≥ 0, integer or float: a number, or an array or tensor of any shape and any such dtype.
        boundaries: numbers that strictly increase, in steps; may be empty.
        values: the learning rates between them: one more than there are boundaries.

    Returns:
        The learning rate: a float32 tensor of the shape of `step`.

    Raises:
        ValueError: `values` is not one longer than `boundaries` (the message names `values`), or `boundaries` do not
            strictly increase (it names `boundaries`).

    Example:
        >>> rates = piecewise_constant([0, 10, 11, 30], boundaries=[10, 20], values=[1.0, 0.5, 0.25])
        >>> rates.numpy().tolist()
        [1.0, 1.0, 0.5, 0.25]

    Source: `keras.optimizers.schedules.PiecewiseConstantDecay`; the article, §4 "Built-in Schedules".
    """
    raise NotImplementedError


# scratch · ★★☆ · 20 min · uv run kata lesson WarmupCosineDecay
class WarmupCosineDecay(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A Keras schedule: linear from 0 to a peak, then half a cosine down to 0, and 0 from there on.

    Formula, with k the step, W = `warmup_steps`, T = `total_steps`:
        η(k) = peak · k / W                                    k < W
        η(k) = peak · ½·(1 + cos(π · (k − W) / (T − W)))       W ≤ k ≤ T
        η(k) = 0                                               k > T

    Given to an optimizer as its `learning_rate`, or asked directly: `schedule(step)` takes an integer or float `step`,
    a number, an array or a tensor of any shape, and returns a float32 tensor of that shape.
    At k = W the rate is the peak; with W = 0 there is no warm-up, it starts at the peak and is a number everywhere.

    Args:
        peak_lr: the highest learning rate.
        warmup_steps: W, in steps, 0 ≤ W < T.
        total_steps: T, in steps: those of the whole training, warm-up included.

    Raises:
        ValueError: `warmup_steps` is negative, or not below `total_steps`; the message names `warmup_steps`.

    Example:
        >>> schedule = WarmupCosineDecay(peak_lr=1.0, warmup_steps=10, total_steps=110)
        >>> schedule([0, 5, 10, 60, 110, 1000]).numpy().round(6).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
        >>> WarmupCosineDecay.from_config(schedule.get_config()).get_config() == schedule.get_config()
        True

    Source: warm-up: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv:1706.02677, 2017,
        §2.2; cosine: Loshchilov & Hutter, ICLR 2017, eq. (5); the article, §4 "Warmup Strategies".
    """

    def __init__(self, peak_lr: float, warmup_steps: int, total_steps: int) -> None:
        """Check and keep the three numbers."""
        raise NotImplementedError

    def __call__(self, step: int | float | tf.Tensor) -> tf.Tensor:
        """Return the learning rate at `step`: float32, of the shape of `step`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the three arguments by name, so that `from_config` gives an equal schedule."""
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
        losses: the monitored loss of each epoch, finite; may be empty.
        initial_lr: the rate before the first epoch. If it is not above `min_lr` it stays as it is.
        factor: what the rate is multiplied by, 0 < factor < 1.
        patience: epochs without improvement that trigger a cut; 0 acts as 1.
        min_delta: how much lower than the best a loss must be to count, ≥ 0.
        cooldown: value of the counter after a cut. It is counted down *before* it is looked at, so 1 acts as 0.
        min_lr: the rate is never cut below this.

    Returns:
        One Python float an epoch: the rate in force **after** it, which the next epoch trains with.

    Example:
        >>> reduce_on_plateau([5.0, 4.0, 4.0, 4.0, 4.0, 3.0], initial_lr=1.0, patience=2)
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]

    Source: `keras.callbacks.ReduceLROnPlateau`; the article, §4 "ReduceLROnPlateau".
    """
    raise NotImplementedError
