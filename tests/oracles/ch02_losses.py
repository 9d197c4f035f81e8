"""Float64 references for chapter 2, written as loops over elements or rows, and their gradients in closed form.

Sources: Goodfellow, Bengio & Courville, Deep Learning (2016), §5.5 and §6.2.2; Huber 1964; Newey & Powell 1987;
Lin et al. 2017. Every function takes arrays and returns a float or a float64 array.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _doubles(*arrays: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(array).astype(np.float64) for array in arrays)


def _mean(term: Callable[[float, float], float], y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean of `term(y, p)` over all elements, summed without rounding."""
    y_true, y_pred = _doubles(y_true, y_pred)
    return math.fsum(term(y, p) for y, p in zip(y_true.flat, y_pred.flat, strict=True)) / y_pred.size


def _slope(term: Callable[[float, float], float], y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Gradient of such a mean: `term(y, p)`, here the derivative in p, at every element, divided by their number."""
    y_true, y_pred = _doubles(y_true, y_pred)
    slopes = [term(y, p) / y_pred.size for y, p in zip(y_true.flat, y_pred.flat, strict=True)]
    return np.array(slopes).reshape(y_pred.shape)


def sigmoid(z: float) -> float:
    """1 / (1 + e^(−z)), from the side on which e cannot overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softmax(logits: ArrayLike) -> Array:
    """e^z / Σ e^z along the last axis, computed as 1 / Σ_j e^(z_j − z_c)."""
    (logits,) = _doubles(logits)
    differences = logits[..., None, :] - logits[..., :, None]
    return 1 / np.exp(np.minimum(differences, 700)).sum(axis=-1)  # e^700 is finite, and 1/e^700 is 0 for float32


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Goodfellow et al. 2016, §5.1.4."""
    return _mean(lambda y, p: (p - y) ** 2, y_true, y_pred)


def mean_squared_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """2(p − y)/n."""
    return _slope(lambda y, p: 2 * (p - y), y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of |p − y|."""
    return _mean(lambda y, p: math.fabs(p - y), y_true, y_pred)


def mean_absolute_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """±1/n; 0, one of the subgradients, where p = y."""
    return _slope(lambda y, p: float(np.sign(p - y)), y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float) -> float:
    """Huber 1964, as the area under the slope min(|e|, δ): a triangle, and beyond δ a rectangle."""

    def area(y: float, p: float) -> float:
        e = math.fabs(p - y)
        return e * e / 2 if e <= delta else delta * delta / 2 + (e - delta) * delta

    return _mean(area, y_true, y_pred)


def huber_gradient(y_true: ArrayLike, y_pred: ArrayLike, delta: float) -> Array:
    """The error, held within ±δ, over n."""
    return _slope(lambda y, p: max(-delta, min(delta, p - y)), y_true, y_pred)


def _surprise(p: float, epsilon: float) -> float:
    return -math.log(sorted((epsilon, p, 1 - epsilon))[1])  # the middle one of the three is p, clipped


def binary_crossentropy(y_true: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> float:
    """Goodfellow et al. 2016, §5.5: the expected surprise, y at p and 1 − y at 1 − p."""
    return _mean(lambda y, p: y * _surprise(p, epsilon) + (1 - y) * _surprise(1 - p, epsilon), y_true, y_prob)


def binary_crossentropy_gradient(y_true: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> Array:
    """(p − y) / (p(1 − p)) / n inside the clip, 0 outside."""
    return _slope(
        lambda y, p: (p - y) / (p * (1 - p)) if epsilon < p < 1 - epsilon else 0.0,
        y_true,
        y_prob,
    )


def binary_crossentropy_from_logits(y_true: ArrayLike, logits: ArrayLike) -> float:
    """Goodfellow et al. 2016, §6.2.2.2: (1 − y)·ζ(z) + y·ζ(−z), ζ(z) = log(e⁰ + e^z)."""
    return _mean(lambda y, z: (1 - y) * np.logaddexp(0, z) + y * np.logaddexp(0, -z), y_true, logits)


def binary_crossentropy_from_logits_gradient(y_true: ArrayLike, logits: ArrayLike) -> Array:
    """(σ(z) − y)/n."""
    return _slope(lambda y, z: sigmoid(z) - y, y_true, logits)


def categorical_crossentropy(y_true: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> float:
    """The article's formula, term by term, then over the number of rows."""
    y_true, y_prob = _doubles(y_true, y_prob)
    terms = [y * _surprise(p, epsilon) for y, p in zip(y_true.flat, y_prob.flat, strict=True)]
    return math.fsum(terms) / len(y_prob)


def categorical_crossentropy_gradient(y_true: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> Array:
    """−y/p over the number of rows inside the clip, 0 outside."""
    y_true, y_prob = _doubles(y_true, y_prob)
    inside = (y_prob > epsilon) & (y_prob < 1 - epsilon)
    return np.divide(-y_true, y_prob * len(y_prob), out=np.zeros_like(y_prob), where=inside)


def one_hot(labels: ArrayLike, classes: int) -> Array:
    """Row i of the identity for label i."""
    return np.eye(classes)[np.asarray(labels)]


def sparse_categorical_crossentropy(labels: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> float:
    """The surprise at each row's own class, averaged."""
    (y_prob,) = _doubles(y_prob)
    return math.fsum(_surprise(row[k], epsilon) for k, row in zip(labels, y_prob, strict=True)) / len(y_prob)


def sparse_categorical_crossentropy_gradient(labels: ArrayLike, y_prob: ArrayLike, epsilon: float = 1e-7) -> Array:
    """As for one-hot labels."""
    return categorical_crossentropy_gradient(one_hot(labels, np.shape(y_prob)[1]), y_prob, epsilon)


def sparse_categorical_crossentropy_from_logits(labels: ArrayLike, logits: ArrayLike) -> float:
    """Goodfellow et al. 2016, §6.2.2.3: log Σ_c e^z_c − z_k, the sum built up pair by pair."""
    (logits,) = _doubles(logits)
    rows = [np.logaddexp.reduce(row - row[k]) for k, row in zip(labels, logits, strict=True)]
    return math.fsum(rows) / len(rows)


def sparse_categorical_crossentropy_from_logits_gradient(labels: ArrayLike, logits: ArrayLike) -> Array:
    """(softmax − one-hot) over the number of rows."""
    return (softmax(logits) - one_hot(labels, np.shape(logits)[1])) / len(np.asarray(logits))


def weighted_mse(y_true: ArrayLike, y_pred: ArrayLike, under_weight: float) -> float:
    """Newey & Powell 1987 (expectiles): too low by e costs u·e², too high by e costs e²."""
    return _mean(lambda y, p: (under_weight if p < y else 1) * (p - y) ** 2, y_true, y_pred)


def weighted_mse_gradient(y_true: ArrayLike, y_pred: ArrayLike, under_weight: float) -> Array:
    """2w(p − y)/n, w as in the loss."""
    return _slope(lambda y, p: (under_weight if p < y else 1) * 2 * (p - y), y_true, y_pred)


def focal_loss(y_true: ArrayLike, y_prob: ArrayLike, gamma: float, alpha: float) -> Array:
    """Lin et al. 2017, eq. (5), for every class and weighed by its label: one value for each row."""
    y_true, y_prob = _doubles(y_true, y_prob)
    rows = []
    for labels, probabilities in zip(y_true, y_prob, strict=True):
        surprises = [_surprise(p, 1e-7) for p in probabilities]
        terms = [y * s * (1 - math.exp(-s)) ** gamma for y, s in zip(labels, surprises, strict=True)]  # e^(−s) is p
        rows.append(alpha * math.fsum(terms))
    return np.array(rows)


def focal_loss_gradient(y_true: ArrayLike, y_prob: ArrayLike, gamma: float, alpha: float) -> Array:
    """Gradient of the mean over rows: α·y·(γ·(1−p)^(γ−1)·log p − (1−p)^γ/p) over their number, for 0 < p < 1."""
    y_true, y_prob = _doubles(y_true, y_prob)
    q = 1 - y_prob
    return alpha * y_true * (gamma * q ** (gamma - 1) * np.log(y_prob) - q**gamma / y_prob) / len(y_prob)
