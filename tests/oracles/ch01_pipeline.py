"""Float64 references for chapter 1: least squares, a network's forward and backward pass, and the training loop."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def line_through(x: Array, y: Array) -> tuple[Array, float]:
    """The weights (features,) and the bias that fit y ≈ x · w + b best: least squares with a column of ones.

    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed. 2009, §3.2.
    """
    with_ones = np.column_stack([np.asarray(x, float), np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(with_ones, np.asarray(y, float)[:, 0], rcond=None)
    return solution[:-1], float(solution[-1])


def activations(x: Array, weights: Sequence[Array]) -> list[Array]:
    """x, the ReLU of every hidden layer, and the linear output; `weights` is [W₁, b₁, W₂, b₂, …]."""
    reached = [np.asarray(x, float)]
    for layer in range(0, len(weights), 2):
        before = reached[-1] @ np.asarray(weights[layer], float) + np.asarray(weights[layer + 1], float)
        reached.append(before if layer == len(weights) - 2 else np.where(before > 0, before, 0.0))
    return reached


def loss_and_gradients(
    x: Array, y: Array, weights: Sequence[Array], *, penalty: float = 0.0, under: float = 1.0
) -> tuple[float, list[Array]]:
    """mean(c · (y − ŷ)²) + penalty · Σ ‖W‖², with c = `under` where ŷ is too low, else 1; and its gradients.

    Back-propagation as in Rumelhart, Hinton & Williams, Nature 323, 1986.
    """
    *inputs, prediction = activations(x, weights)
    error = np.asarray(y, float) - prediction
    cost = np.where(error > 0, under, 1.0)
    kernels = [np.asarray(kernel, float) for kernel in weights[::2]]
    loss = float(np.mean(cost * error**2) + penalty * sum(np.sum(kernel**2) for kernel in kernels))
    flowing = -2.0 * cost * error / error.size
    gradients: list[Array] = []
    for kernel, entered in zip(kernels[::-1], inputs[::-1], strict=True):
        gradients = [entered.T @ flowing + 2.0 * penalty * kernel, flowing.sum(axis=0), *gradients]
        flowing = (flowing @ kernel.T) * (entered > 0)
    return loss, gradients


class Descent:
    """SGD with momentum on a network: v ← μ·v − η·g; θ ← θ + v (Polyak 1964, in Keras' form)."""

    def __init__(self, weights: Sequence[Array], *, lr: float, momentum: float = 0.0) -> None:
        self.weights = [np.asarray(weight, float) for weight in weights]
        self.lr = lr
        self.momentum = momentum
        self.velocities = [np.zeros_like(weight) for weight in self.weights]

    def step(self, x: Array, y: Array, *, penalty: float = 0.0, under: float = 1.0) -> float:
        """One update; the loss before it."""
        loss, gradients = loss_and_gradients(x, y, self.weights, penalty=penalty, under=under)
        for i, gradient in enumerate(gradients):
            self.velocities[i] = self.momentum * self.velocities[i] - self.lr * gradient
            self.weights[i] = self.weights[i] + self.velocities[i]
        return loss

    def epoch(self, x: Array, y: Array, batch_size: int, *, penalty: float = 0.0) -> float:
        """One pass in order; every sample counts with the loss of its batch, and that is averaged."""
        of_each_sample: list[float] = []
        for batch in _batches(len(x), batch_size):
            loss = self.step(x[batch], y[batch], penalty=penalty)
            of_each_sample += [loss] * len(batch)
        return float(np.mean(of_each_sample))


def _batches(samples: int, batch_size: int) -> Iterator[list[int]]:
    waiting = list(range(samples))
    while waiting:
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def batch_normalized(x: Array, *, epsilon: float) -> tuple[Array, Array]:
    """(x − mean) / √(variance + ε), each column by its own batch; and the means.

    Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015, algorithm 1.
    """
    values = np.asarray(x, float)
    means = values.mean(axis=0)
    return (values - means) / np.sqrt(values.var(axis=0) + epsilon), means


def mean_squared_error(y_true: Array, y_pred: Array) -> float:
    """mean((y − ŷ)²) over all samples, for arrays of one shape."""
    return float(np.mean((np.asarray(y_true, float) - np.asarray(y_pred, float)) ** 2))


def mean_absolute_error(y_true: Array, y_pred: Array) -> float:
    """mean(|y − ŷ|) over all samples, for arrays of one shape."""
    return float(np.mean(np.abs(np.asarray(y_true, float) - np.asarray(y_pred, float))))
