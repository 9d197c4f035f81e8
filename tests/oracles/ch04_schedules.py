"""Float64 references for chapter 4, one step at a time."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


def _each(formula: Callable[[float], float], step: ArrayLike) -> Array:
    """Apply a formula of one Python float to every entry of `step`."""
    steps = np.asarray(step, np.float64)
    return np.asarray([formula(k) for k in steps.ravel().tolist()], np.float64).reshape(steps.shape)


def exponential_decay(
    step: ArrayLike, initial_lr: float, decay_steps: int, decay_rate: float, staircase: bool = False
) -> Array:
    """η₀·exp(p·ln r), where p is k/D, or how many whole D fit into k."""

    def one(k: float) -> float:
        periods = k // decay_steps if staircase else k / decay_steps
        return initial_lr * math.exp(periods * math.log(decay_rate))

    return _each(one, step)


def cosine_decay(step: ArrayLike, initial_lr: float, decay_steps: int, alpha: float = 0.0) -> Array:
    """Loshchilov & Hutter 2017, eq. (5): from η_max = η₀ to η_min = α·η₀; ½(1 + cos x) = cos²(x/2)."""
    lowest = alpha * initial_lr

    def one(k: float) -> float:
        if k >= decay_steps:
            return lowest
        return lowest + (initial_lr - lowest) * math.cos(math.pi * k / (2 * decay_steps)) ** 2

    return _each(one, step)


def piecewise_constant(step: ArrayLike, boundaries: Sequence[float], values: Sequence[float]) -> Array:
    """The value whose interval (from just above one boundary up to and including the next) holds k."""

    def one(k: float) -> float:
        for boundary, value in zip(boundaries, values, strict=False):
            if k <= boundary:
                return value
        return values[-1]

    return _each(one, step)


def warmup_cosine_decay(step: ArrayLike, peak_lr: float, warmup_steps: int, total_steps: int) -> Array:
    """Goyal et al. 2017, §2.2, then Loshchilov & Hutter 2017, eq. (5), down to 0 at `total_steps`."""

    def one(k: float) -> float:
        if k < warmup_steps:
            return peak_lr * k / warmup_steps
        return float(cosine_decay(k - warmup_steps, peak_lr, total_steps - warmup_steps))

    return _each(one, step)


def reduce_on_plateau(
    losses: Sequence[float],
    initial_lr: float,
    factor: float = 0.5,
    patience: int = 3,
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_lr: float = 0.0,
) -> list[float]:
    """Keras' `ReduceLROnPlateau(mode="min")`, by the number of the epoch instead of by counters.

    Waiting is counted from the last improvement, or from the end of the last cool-down if that is later.
    A cut in epoch e cools down through epoch e + cooldown − 1, the cut's own epoch included.
    """
    rates: list[float] = []
    rate = initial_lr
    best = counted_from = None
    cooled_until = -1
    for epoch, loss in enumerate(losses):
        if best is None or loss < best - min_delta:
            best, counted_from = loss, epoch
        elif epoch > cooled_until and epoch - max(counted_from, cooled_until) >= patience and rate > min_lr:
            rate = max(min_lr, factor * rate)
            cooled_until = epoch + max(cooldown - 1, 0)
        rates.append(rate)
    return rates
