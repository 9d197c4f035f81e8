"""Float64 references for chapter 10: the schedule, AdamW with clipping, the network, the callbacks, the metrics."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def updates_in_all(*, samples: int, batch_size: int, epochs: int) -> int:
    """How many updates `fit` makes, counted batch by batch."""
    return sum(1 for _ in range(epochs) for _ in range(0, samples, batch_size))


def warmup_cosine(step: int, *, total: int, warmup: int, peak: float) -> float:
    """The rate at `step`: a line from 0 to the peak, then half a cosine down to 0 at `total`, and 0 from there on.

    Source: Loshchilov & Hutter, "SGDR", ICLR 2017, eq. (5), with η_min = 0 and one period; Goyal et al. 2017, §2.2.
    """
    if step < warmup:
        return peak / warmup * step
    if step >= total:
        return 0.0
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2  # ½(1 + cos 2a) = cos² a


class AdamW:
    """Decoupled weight decay (Loshchilov & Hutter, ICLR 2019, algorithm 2) after clipping by the global norm
    (Pascanu, Mikolov & Bengio, ICML 2013, algorithm 1); β₁ = 0.9, β₂ = 0.999."""

    def __init__(self, weights: Sequence[Array], *, weight_decay: float, global_clipnorm: float) -> None:
        self.weights = [np.asarray(weight, float) for weight in weights]
        self.weight_decay = weight_decay
        self.global_clipnorm = global_clipnorm
        self.first = [np.zeros_like(weight) for weight in self.weights]
        self.second = [np.zeros_like(weight) for weight in self.weights]
        self.taken = 0
        self.moved = [np.zeros_like(weight) for weight in self.weights]
        """How far the weights have come in all: what rounding errors of the updates are relative to."""

    def step(self, gradients: Sequence[Array], lr: float) -> None:
        """One update."""
        self.taken += 1
        norm = math.sqrt(sum(float(np.sum(np.asarray(gradient, float) ** 2)) for gradient in gradients))
        shrunk = min(1.0, self.global_clipnorm / norm) if norm else 1.0
        for i, gradient in enumerate(gradients):
            g = shrunk * np.asarray(gradient, float)
            self.first[i] += (1 - 0.9) * (g - self.first[i])
            self.second[i] += (1 - 0.999) * (g * g - self.second[i])
            ratio = self.first[i] / (1 - 0.9**self.taken) / (np.sqrt(self.second[i] / (1 - 0.999**self.taken)) + 1e-7)
            moved = lr * (ratio + self.weight_decay * self.weights[i])
            self.weights[i] = self.weights[i] - moved
            self.moved[i] += np.abs(moved)


def network(x: Array, dense: Sequence[tuple[Array, Array]], norms: Sequence[tuple[Array, ...]]) -> Array:
    """The logits in inference mode: Dense, ReLU, normalization, twice; Dense, ReLU; Dense. Dropout does nothing.

    `dense` holds (kernel, bias) of the four layers, `norms` (γ, β, mean, variance) of the two normalizations
    (Ioffe & Szegedy, ICML 2015, algorithm 2, with Keras' ε of 1e-3).
    """
    flowing = np.asarray(x, float)
    for i, (kernel, bias) in enumerate(dense):
        flowing = flowing @ np.asarray(kernel, float) + np.asarray(bias, float)
        if i < len(dense) - 1:
            flowing = np.maximum(flowing, 0.0)
        if i < len(norms):
            gamma, beta, mean, variance = (np.asarray(part, float) for part in norms[i])
            flowing = gamma * (flowing - mean) / np.sqrt(variance + 1e-3) + beta
    return flowing


def early_stopping(values: Sequence[float], *, patience: int) -> tuple[int, int]:
    """After how many epochs training ends, and which epoch (from 0) was the best, when lower is better."""
    for epoch in range(len(values)):
        best = min(range(epoch + 1), key=lambda i: (values[i], i))
        if epoch - best >= patience:
            return epoch + 1, best
    return len(values), min(range(len(values)), key=lambda i: (values[i], i))


def reduced_on_plateau(
    values: Sequence[float], *, rate: float, factor: float, patience: int, min_lr: float, min_delta: float = 1e-4
) -> list[float]:
    """The rate in force after each epoch: times `factor` after `patience` epochs without a new best, and so on.

    A new best is less than the old one by more than `min_delta`; a rate at or below `min_lr` stays.
    """
    rates: list[float] = []
    best, since = math.inf, 0
    for value in values:
        if value < best - min_delta:
            best, since = value, 0
        else:
            since += 1
        if since >= patience and rate > min_lr:
            rate, since = max(rate * factor, min_lr), 0
        rates.append(rate)
    return rates


def accuracy_of_least_squares(x: Array, y: Array, x_new: Array, y_new: Array, *, classes: int) -> float:
    """How often a linear classifier with some random ReLU features, fitted to (x, y), is right about new samples."""
    kernel = np.random.default_rng(0).normal(size=(x.shape[1], 64))

    def features(inputs: Array) -> Array:
        inputs = np.asarray(inputs, float)
        return np.column_stack([np.ones(len(inputs)), inputs, np.maximum(inputs @ kernel, 0.0)])

    table = features(x)
    target = np.eye(classes)[np.asarray(y, int)]
    solution = np.linalg.solve(table.T @ table + np.eye(table.shape[1]), table.T @ target)
    return float(np.mean(np.argmax(features(x_new) @ solution, axis=1) == y_new))


def classification_metrics(y: Array, logits: Array) -> dict[str, float]:
    """Mean cross-entropy, and how often the truth has the highest, or one of the three highest, logits."""
    logits = np.asarray(logits, float)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    ranking = np.argsort(-logits, axis=1, kind="stable")
    hits = ranking == np.asarray(y)[:, None]
    return {
        "loss": -float(np.mean(log_probabilities[np.arange(len(y)), np.asarray(y, int)])),
        "accuracy": float(hits[:, 0].mean()),
        "top3_accuracy": float(hits[:, :3].any(axis=1).mean()),
    }
