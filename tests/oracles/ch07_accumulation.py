"""Batch size and gradient accumulation in float64 NumPy, for a linear model with a mean squared error."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class Linear(NamedTuple):
    """The weights of y = x·kernel + bias: `kernel` (features, 1), `bias` (1,), both float64."""

    kernel: np.ndarray
    bias: np.ndarray


Batch = tuple[np.ndarray, np.ndarray]


def linear_scaling_rule(base_lr: float, base_batch_size: int, batch_size: int) -> float:
    """Goyal et al., arXiv:1706.02677 (2017), §2.1, in exact fractions, rounded once."""
    return float(Fraction(base_lr) * batch_size / base_batch_size)


def updates_per_epoch(samples: int, batch_size: int, accumulation_steps: int, drop_remainder: bool) -> int:
    """Walk through the epoch: take batches while samples are left, update whenever enough have been seen."""
    updates = seen = 0
    while samples > 0 and not (drop_remainder and samples < batch_size):
        samples -= batch_size
        seen += 1
        if seen == accumulation_steps:
            updates, seen = updates + 1, 0
    return updates


def predict(weights: Linear, x: np.ndarray) -> np.ndarray:
    """ŷ = x·kernel + bias, shape (n, 1)."""
    return x.astype(np.float64) @ weights.kernel + weights.bias


UNDER_WEIGHT = 2.0
"""How much more an answer below its target counts in the loss of the laws: not symmetric, so an exchange of y shows."""


def squared_errors(weights: Linear, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """w·(ŷ − y)² for each sample, shape (n,), w = UNDER_WEIGHT where ŷ < y and 1 elsewhere."""
    error = (predict(weights, x) - y)[:, 0]
    return np.where(error < 0, UNDER_WEIGHT, 1.0) * error**2


def mean_loss(weights: Linear, x: np.ndarray, y: np.ndarray) -> float:
    """The mean of `squared_errors`."""
    return float(np.mean(squared_errors(weights, x, y)))


def mean_absolute_error(weights: Linear, x: np.ndarray, y: np.ndarray) -> float:
    """(1/n) Σ |ŷ − y|."""
    return float(np.mean(np.abs(predict(weights, x) - y)))


def gradient(weights: Linear, x: np.ndarray, y: np.ndarray) -> Linear:
    """Of `mean_loss`: ∂/∂kernel = (2/n) Σ w·(ŷ − y)·x and ∂/∂bias = (2/n) Σ w·(ŷ − y), sample by sample."""
    kernel, bias = np.zeros_like(weights.kernel), np.zeros_like(weights.bias)
    for row, error in zip(x.astype(np.float64), predict(weights, x) - y):
        slope = 2 * error * (UNDER_WEIGHT if error[0] < 0 else 1.0)
        kernel += slope * row[:, None]
        bias += slope
    return Linear(kernel / len(x), bias / len(x))


def concatenated(batches: Sequence[Batch]) -> Batch:
    """One big batch out of many."""
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


class Sgd:
    """v ← γv + ηg; w ← w − v (Sutskever et al., ICML 2013, §2)."""

    def __init__(self, lr: float, momentum: float = 0.0) -> None:
        self.lr, self.momentum = lr, momentum
        self.velocity: list[np.ndarray] | None = None

    def __call__(self, weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        before = self.velocity or [np.zeros_like(g) for g in gradients]
        self.velocity = [self.momentum * v + self.lr * g for v, g in zip(before, gradients)]
        return [w - v for w, v in zip(weights, self.velocity)]


class Adam:
    """Adam as Keras writes it, with "epsilon hat" (Kingma & Ba, ICLR 2015, §2)."""

    def __init__(self, lr: float, epsilon: float = 1e-7, beta_1: float = 0.9, beta_2: float = 0.999) -> None:
        self.lr, self.epsilon, self.beta_1, self.beta_2 = lr, epsilon, beta_1, beta_2
        self.t = 0
        self.moments: list[tuple[np.ndarray, np.ndarray]] | None = None

    def __call__(self, weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.t += 1
        before = self.moments or [(np.zeros_like(g), np.zeros_like(g)) for g in gradients]
        self.moments = [
            (self.beta_1 * m + (1 - self.beta_1) * g, self.beta_2 * v + (1 - self.beta_2) * g**2)
            for (m, v), g in zip(before, gradients)
        ]
        rate = self.lr * np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        return [w - rate * m / (np.sqrt(v) + self.epsilon) for w, (m, v) in zip(weights, self.moments)]


Rule = Sgd | Adam


def train(weights: Linear, batches: Iterable[Batch], rule: Rule) -> list[Linear]:
    """One update for every batch; the weights after each."""
    return train_accumulating(weights, batches, 1, rule)


def train_accumulating(weights: Linear, batches: Iterable[Batch], steps: int, rule: Rule) -> list[Linear]:
    """One update for every `steps` batches, with the unweighted mean of their gradients; weights after each batch."""
    trajectory: list[Linear] = []
    waiting: list[Linear] = []
    for x, y in batches:
        waiting.append(gradient(weights, x, y))
        if len(waiting) == steps:
            weights = Linear(*rule(weights, [np.mean(parts, axis=0) for parts in zip(*waiting)]))
            waiting = []
        trajectory.append(weights)
    return trajectory


ADAM_DEFAULTS = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "amsgrad": False,
}
"""Keras 3.15, the signature of `keras.optimizers.Adam`, without the learning rate and the name."""


def adam_on_one_number(w: float, gradients: Sequence[float], steps: int, lr: float) -> list[float]:
    """Adam, updated once for every `steps` gradients with their mean; the number after each gradient."""
    rule, values = Adam(lr), [np.float64(w)]
    for i in range(len(gradients)):
        complete = (i + 1) % steps == 0
        group = gradients[i + 1 - steps : i + 1]
        values.append(rule([values[-1]], [np.mean(np.float64(group))])[0] if complete else values[-1])
    return [float(value) for value in values[1:]]
