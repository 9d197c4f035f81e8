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


UNDER_WEIGHT = 2.0
"""How much more an answer below its target counts in the loss of the laws: not symmetric, so an exchange of y shows."""


def _weights_and_errors(kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    error = x.astype(np.float64) @ kernel.astype(np.float64) + bias - y
    return [np.where(error < 0, UNDER_WEIGHT, 1.0), error]


def linear_gradient(kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """∂/∂kernel and ∂/∂bias of `linear_loss` over n samples with one output each, in float64."""
    weight, error = _weights_and_errors(kernel, bias, x, y)
    slope = 2 * weight * error
    return [np.einsum("nf,no->fo", x.astype(np.float64), slope) / len(x), slope.mean(axis=0)]


def linear_loss(kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.float64:
    """The mean of w·e², e = x·kernel + bias − y, w = UNDER_WEIGHT where e < 0 and 1 elsewhere, in float64."""
    weight, error = _weights_and_errors(kernel, bias, x, y)
    return np.mean(weight * error**2)


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


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def lstm(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, x: np.ndarray) -> np.ndarray:
    """All outputs of an LSTM (Gers et al., 2000), its gates in Keras' order: input, forget, cell, output."""
    h = c = np.zeros((len(x), len(recurrent)))
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def sequence_classifier(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Stacked LSTMs, three weights each, then a sigmoid of kernel and bias on the last output of the last one."""
    *stacked, kernel, bias = (np.asarray(w, np.float64) for w in weights)
    sequence = x.astype(np.float64)
    for i in range(0, len(stacked), 3):
        sequence = lstm(*stacked[i : i + 3], sequence)
    return sigmoid(sequence[:, -1] @ kernel + bias)


def binary_crossentropy(y: np.ndarray, p: np.ndarray, epsilon: float = 1e-7) -> np.float64:
    """−[y log p + (1−y) log(1−p)], p within [ε, 1−ε], averaged."""
    q = np.clip(p.astype(np.float64), epsilon, 1 - epsilon)
    return np.mean(-(y * np.log(q) + (1 - y) * np.log(1 - q)))


def binary_accuracy(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> np.float64:
    """The share of samples on the right side of the threshold."""
    return np.mean((p > threshold) == (y > 0.5))
