"""Chapter 6's reference values: the two-headed model, its losses and metrics, in float64 NumPy."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
UNITS = 64
"""Width of the shared layer."""

EPSILON = 1e-7
"""Keras clips probabilities to [ε, 1 − ε] before it takes the logarithm."""


class Heads(NamedTuple):
    """What the two-headed model gives for a batch."""

    price: Array
    category: Array


class Weights(NamedTuple):
    """The six arrays of the two-headed model."""

    shared_kernel: Array
    shared_bias: Array
    price_kernel: Array
    price_bias: Array
    category_kernel: Array
    category_bias: Array


def by_shape(arrays: Sequence[ArrayLike], features: int, categories: int) -> Weights | None:
    """The model's arrays told apart by their shapes, in whatever order; None when they are not these six."""
    shapes = [(features, UNITS), (UNITS,), (UNITS, 1), (1,), (UNITS, categories), (categories,)]
    found = {np.shape(array): np.asarray(array) for array in arrays}
    return Weights(*(found[shape] for shape in shapes)) if sorted(map(np.shape, arrays)) == sorted(shapes) else None


def two_heads(weights: Weights, x: ArrayLike) -> Heads:
    """h = max(0, xW + b); a linear price, and a softmax over the categories. Article, "Multi-Output Models"."""
    w = Weights(*(np.asarray(array, np.float64) for array in weights))
    hidden = np.asarray(x, np.float64) @ w.shared_kernel + w.shared_bias
    hidden[hidden < 0] = 0
    scores = hidden @ w.category_kernel + w.category_bias
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return Heads(hidden @ w.price_kernel + w.price_bias, odds / odds.sum(axis=1, keepdims=True))


def two_headed_report(
    heads: Heads,
    price: ArrayLike,
    category: ArrayLike,
    *,
    price_weight: float,
    category_weight: float,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """All that `evaluate` reports, by name; sample weights multiply the losses alone. Keras API, `Model.compile`."""
    errors = np.ravel(np.asarray(price, np.float64)) - np.ravel(heads.price)
    labels = np.ravel(category)
    chosen = np.array([row[label] for row, label in zip(heads.category, labels, strict=True)])
    weight = np.ones(errors.size) if sample_weight is None else np.asarray(sample_weight, np.float64)
    price_loss = float(np.mean(weight * errors**2))
    category_loss = float(np.mean(weight * -np.log(np.clip(chosen, EPSILON, 1 - EPSILON))))
    return {
        "loss": total_loss(
            {"price": price_loss, "category": category_loss}, {"price": price_weight, "category": category_weight}
        ),
        "price_loss": price_loss,
        "category_loss": category_loss,
        "price_mae": float(np.mean(np.abs(errors))),
        "category_accuracy": float(np.mean([np.argmax(r) == c for r, c in zip(heads.category, labels, strict=True)])),
    }


def total_loss(losses: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Σ wᵢLᵢ, a missing weight being 1. Keras API, `Model.compile`, `loss_weights`."""
    total = 0.0
    for name, loss in losses.items():
        weight = float(weights[name]) if name in weights else 1.0
        total += weight * float(loss)
    return total
