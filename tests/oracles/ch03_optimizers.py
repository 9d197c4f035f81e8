"""Float64 references for chapter 3, one number at a time, with the papers' own formulas.

Every function takes arrays of equal shape and Python numbers, and returns float64 arrays of that shape.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


def _each(formula: Callable[..., tuple[float, ...]], *arrays: ArrayLike) -> tuple[Array, ...]:
    """Apply a formula of Python floats to every position of arrays of equal shape."""
    exact = [np.asarray(array, np.float64) for array in arrays]
    rows = [formula(*numbers) for numbers in zip(*(array.ravel().tolist() for array in exact), strict=True)]
    columns = list(zip(*rows, strict=True))
    return tuple(np.asarray(column, np.float64).reshape(exact[0].shape) for column in columns)


def sgd(w: ArrayLike, g: ArrayLike, lr: float) -> Array:
    """Robbins & Monro 1951: against the gradient, in proportion to it."""
    return _each(lambda w, g: (math.fsum([w, -lr * g]),), w, g)[0]


def momentum(
    w: ArrayLike, v: ArrayLike, g: ArrayLike, lr: float, gamma: float, nesterov: bool = False
) -> tuple[Array, Array]:
    """Polyak 1964; Sutskever et al. 2013, §2, in terms of the *old* velocity.

    Classical: Δw = −(γv + ηg). Nesterov, the new velocity put in: Δw = −(γ²v + (1 + γ)ηg).
    """

    def one(w: float, v: float, g: float) -> tuple[float, float]:
        if nesterov:
            return w - gamma**2 * v - (1 + gamma) * lr * g, gamma * v + lr * g
        return w - gamma * v - lr * g, gamma * v + lr * g

    return _each(one, w, v, g)


def momentum_weights(
    w: ArrayLike, gradients: Sequence[ArrayLike], rates: Sequence[float], gamma: float, nesterov: bool = False
) -> list[Array]:
    """The weights after each step from velocity 0, without a velocity: v after step n is Σ_{k≤n} γⁿ⁻ᵏ·ηₖ·gₖ."""
    pushes = [rate * np.asarray(g, np.float64) for g, rate in zip(gradients, rates, strict=True)]
    weights, here = [], np.asarray(w, np.float64)
    for n, push in enumerate(pushes):
        velocity = sum(gamma ** (n - k) * earlier for k, earlier in enumerate(pushes[: n + 1]))
        here = here - (gamma * velocity + push if nesterov else velocity)
        weights.append(here)
    return weights


class AdamStep(NamedTuple):
    """The new weights and moments; `update` is what was subtracted for the gradient, `noise` how large its parts were.

    `noise` is the update if no two parts of the first moment had cancelled: what rounding is measured against.
    """

    w: Array
    m: Array
    v: Array
    update: Array
    noise: Array


def adamw(
    w: ArrayLike,
    m: ArrayLike,
    v: ArrayLike,
    g: ArrayLike,
    t: int,
    lr: float = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 1e-4,
) -> AdamStep:
    """Loshchilov & Hutter 2019, Algorithm 2, line 12: both terms are taken from the same old weights."""

    def one(w: float, m: float, v: float, g: float) -> tuple[float, ...]:
        kept, new = beta_1 * m, (1 - beta_1) * g
        second = beta_2 * v + (1 - beta_2) * g * g
        rate = lr / (math.sqrt(second / (1 - beta_2**t)) + epsilon) / (1 - beta_1**t)
        update = rate * (kept + new)
        return w - update - lr * weight_decay * w, kept + new, second, update, rate * (abs(kept) + abs(new))

    return AdamStep(*_each(one, w, m, v, g))


def adam(
    w: ArrayLike,
    m: ArrayLike,
    v: ArrayLike,
    g: ArrayLike,
    t: int,
    lr: float = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> AdamStep:
    """Kingma & Ba 2015, Algorithm 1: ε outside the root, after both corrections."""
    return adamw(w, m, v, g, t, lr, beta_1, beta_2, epsilon, weight_decay=0.0)


def rmsprop(
    w: ArrayLike, s: ArrayLike, g: ArrayLike, lr: float = 1e-3, rho: float = 0.9, epsilon: float = 1e-7
) -> tuple[Array, Array]:
    """Tieleman & Hinton 2012, with Keras' place for ε: inside the root."""

    def one(w: float, s: float, g: float) -> tuple[float, float]:
        mean = rho * s + (1 - rho) * g**2
        return w - lr * g * (mean + epsilon) ** -0.5, mean

    return _each(one, w, s, g)


def adagrad(w: ArrayLike, s: ArrayLike, g: ArrayLike, lr: float = 1e-2, epsilon: float = 1e-7) -> tuple[Array, Array]:
    """Duchi et al. 2011, diagonal form, with Keras' place for ε: √(s + ε) is the length of (√s, g, √ε)."""

    def one(w: float, s: float, g: float) -> tuple[float, float]:
        return w - lr * g / math.hypot(math.sqrt(s), g, math.sqrt(epsilon)), s + g * g

    return _each(one, w, s, g)


def momentum_regression(
    w: ArrayLike, x: ArrayLike, y: ArrayLike, rates: Sequence[float], gamma: float, nesterov: bool = False
) -> Array:
    """The weights of ŷ = x·w after one step for each rate on the mean squared error: gradient 2xᵀ(ŷ − y)/n."""
    w, x, y = (np.asarray(array, np.float64) for array in (w, x, y))
    v = np.zeros_like(w)
    for rate in rates:
        w, v = momentum(w, v, 2 / len(x) * x.T @ (x @ w - y), rate, gamma, nesterov)
    return w


def clipped(gradients: Sequence[ArrayLike], limit: float) -> list[Array]:
    """Pascanu, Mikolov & Bengio 2013: all gradients by one factor, so that their common norm is at most `limit`."""
    exact = [np.asarray(g, np.float64) for g in gradients]
    norm = math.sqrt(sum(float((g**2).sum()) for g in exact))
    return [g * min(1.0, limit / norm) if norm else g for g in exact]
