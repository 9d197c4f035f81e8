"""Gradient clipping in float64 NumPy and exact sums. Source: Pascanu, Mikolov, Bengio, ICML 2013, §3.2, Algorithm 1."""

import math
from collections.abc import Sequence

import numpy as np

Gradients = Sequence[np.ndarray | None]


def norm(gradients: Gradients) -> np.ndarray:
    """The Euclidean length of all elements in a row, `math.hypot`: it neither overflows nor loses small ones."""
    numbers = [float(v) for g in gradients if g is not None for v in np.ravel(g)]
    return np.float64(math.hypot(*numbers))


def clipped_value(g: np.ndarray, limit: float) -> np.ndarray:
    """Each number by itself: the end of [−limit, limit] that it lies beyond, else itself."""
    out = np.array(g, np.float64)
    for index, v in np.ndenumerate(out):
        out[index] = limit if v > limit else -limit if v < -limit else v
    return out


def scaled_to(g: np.ndarray, limit: float, length: float) -> np.ndarray:
    """`g` as part of a vector of that length, shortened so that the vector's length is at most `limit`."""
    wide = g.astype(np.float64)
    return wide if length <= limit else wide / length * limit


def clipped_norm(gradients: Gradients, limit: float) -> list[np.ndarray | None]:
    """Each tensor by its own length."""
    return [None if g is None else scaled_to(g, limit, float(norm([g]))) for g in gradients]


def clipped_global_norm(gradients: Gradients, limit: float) -> list[np.ndarray | None]:
    """All tensors by the length of the whole list."""
    length = float(norm(gradients))
    return [None if g is None else scaled_to(g, limit, length) for g in gradients]


def linear_gradient(kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """∂/∂kernel and ∂/∂bias of the mean of (x·kernel + bias − y)² over n samples with one output each, in float64."""
    error = x.astype(np.float64) @ kernel.astype(np.float64) + bias - y
    return [2 * np.einsum("nf,no->fo", x.astype(np.float64), error) / len(x), 2 * error.mean(axis=0)]


def linear_loss(kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.float64:
    """The mean of (x·kernel + bias − y)², in float64."""
    return np.mean((x.astype(np.float64) @ kernel.astype(np.float64) + bias - y) ** 2)


def binary_crossentropy(y: np.ndarray, p: np.ndarray, epsilon: float = 1e-7) -> np.float64:
    """−[y log p + (1−y) log(1−p)], p within [ε, 1−ε], averaged."""
    q = np.clip(p.astype(np.float64), epsilon, 1 - epsilon)
    return np.mean(-(y * np.log(q) + (1 - y) * np.log(1 - q)))


def binary_accuracy(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> np.float64:
    """The share of samples on the right side of the threshold."""
    return np.mean((p > threshold) == (y > 0.5))
