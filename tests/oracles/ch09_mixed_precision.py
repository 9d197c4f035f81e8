"""Reference values for chapter 9: float64 NumPy formulas and plain loops, with their source."""

from collections.abc import Sequence

import numpy as np

SMALLEST_FLOAT16 = 2.0**-24
"""The smallest positive float16 (IEEE 754 binary16, subnormal); half of it and less rounds to zero."""

LARGEST_FLOAT16 = 65504.0
"""(2 − 2⁻¹⁰) · 2¹⁵."""


def under_weighted_error(y_true: np.ndarray, y_pred: np.ndarray, weight: float) -> float:
    """weight · mean of k·(y − ŷ)², k = 2 where y > ŷ, else 1: smooth, and not symmetric in y and ŷ."""
    error = y_true - y_pred
    return float(weight * np.mean(np.where(error > 0, 2.0, 1.0) * error**2))


def gradients(
    weights: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, weight: float, *, absolute: bool = False
) -> list[np.ndarray]:
    """Back-propagation by hand through ŷ = tanh(x W₁ + b₁) W₂ + b₂ and `under_weighted_error`.

    With `absolute`, every product counts as positive, those within ŷ − y too: the size of what is summed and may
    cancel, for a tolerance.
    Source: Rumelhart, Hinton & Williams 1986, equations 4-7.
    """
    w1, b1, w2, b2 = (np.asarray(value, np.float64) for value in weights)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    hidden = np.tanh(x @ w1 + b1)
    error = hidden @ w2 + b2 - y
    factor, slope = np.where(error < 0, 2.0, 1.0), 1.0 - hidden**2
    if absolute:
        x, w1, b1, w2, b2, y = (np.abs(value) for value in (x, w1, b1, w2, b2, y))
        hidden = x @ w1 + b1
        error = hidden @ w2 + b2 + y
    d_prediction = weight * 2.0 * factor * error / error.size
    d_before = (d_prediction @ w2.T) * slope
    return [x.T @ d_before, d_before.sum(axis=0), hidden.T @ d_prediction, d_prediction.sum(axis=0)]


def loss_scales(finite: Sequence[bool], initial_scale: float, growth_steps: int) -> list[float]:
    """The scale after each step, found by looking back over the whole history every time.

    Source: the description of Keras' `LossScaleOptimizer`: halved at a non-finite step; doubled after every
    `growth_steps` finite steps since the scale last changed.
    """
    scales = []
    for now in range(1, len(finite) + 1):
        exponent = run = 0
        for step in range(now):
            run = run + 1 if finite[step] else 0
            if not finite[step]:
                exponent -= 1
            elif run % growth_steps == 0:
                exponent += 1
        scales.append(float(initial_scale) * 2.0**exponent)
    return scales


def relu_stack(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """max(x W + b, 0) for each kernel W and bias b but the last, x W + b for the last."""
    values = np.asarray(x, np.float64)
    for layer in range(0, len(weights), 2):
        if layer:
            values = np.maximum(values, 0.0)
        values = values @ np.asarray(weights[layer], np.float64) + weights[layer + 1]
    return values


def next_multiple(units: int, multiple: int) -> int:
    """The first number from `units` on that leaves no remainder: as far away as the remainder is from `multiple`."""
    remainder = units % multiple
    return units if remainder == 0 else units + multiple - remainder
