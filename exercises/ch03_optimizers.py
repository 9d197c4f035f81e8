# Rules of every kata; its docstring says what is special to it:
# - An array argument is anything that tf.convert_to_tensor takes: a list, a NumPy array, a tensor. Labels may be
#   integers, booleans or floats, and are cast to the dtype of the prediction.
# - What changes while training (lr, learning_rate, step, t) is a Python number or a rank-0 tensor. Every other number
#   is a Python number.
# - A tensor comes back, in the dtype of the prediction, gradient or weight; one number is a rank-0 tensor. What you
#   are given is not changed in place.
# - What takes tensors works inside tf.function too and gives the same there. A loss is differentiable in its
#   prediction, and its gradient is right everywhere.
# - Bad input that a docstring names raises a ValueError whose text names the argument. Other bad input is not tried.
# - A call leaves nothing behind: called again, it gives the same again, and what a class keeps is what its docstring
#   says. Chance comes from a seed alone, and the global random states are afterwards what they were before.
# - scratch: write it from tensor operations (tf.reduce_*, tf.math.*, tf.where, keras.ops …). The ready-made object
#   for just that job does not count: Keras' losses, optimizers, schedules and metrics, its loops, the cross-entropies
#   of tf.nn and keras.ops, tf.clip_by_* (tf.clip_by_value in chapter 8 only). keras: use just these. free: as you
#   like.

"""Chapter 3 · Optimizers: from one gradient to one change of the weights.

A step function is pure: weights, state and gradient go in, the new values come out, nothing is changed in place.

Read lessons/ch03_optimizers.md first.
"""

from typing import Any

import keras
import tensorflow as tf

__all__ = [
    "sgd_step",
    "momentum_step",
    "adam_step",
    "adamw_step",
    "rmsprop_step",
    "adagrad_step",
    "MomentumSGD",
    "choose_optimizer",
]

TensorLike = tf.types.experimental.TensorLike


# scratch · ★☆☆ · 5 min · uv run kata lesson sgd_step
def sgd_step(w: TensorLike, g: TensorLike, *, lr: float | tf.Tensor) -> tf.Tensor:
    """Return the weights after one step of plain gradient descent.

        w ← w − η·g

    where w are the weights, g is the gradient of the loss in w, and η (`lr`) is the learning rate.

    Args:
        w: Weights, of any shape (a single number included) and any floating dtype.
        g: Gradient, of the shape and dtype of `w`.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`. A Python number counts with all
            the digits that this dtype holds: 0.1 is not the float32 0.1 when the weights are float64.

    Returns:
        The new weights: a tensor of the shape and dtype of `w`. Neither `w` nor `g` is changed.

    Example:
        >>> sgd_step([1.0, 2.0], [4.0, -2.0], lr=0.5).numpy().tolist()  # 1 − 0.5·4 and 2 + 0.5·2
        [-1.0, 3.0]

    Source: the article, §3 "SGD & Momentum"; Robbins & Monro, A Stochastic Approximation Method, 1951.
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson momentum_step
def momentum_step(
    w: TensorLike,
    v: TensorLike,
    g: TensorLike,
    *,
    lr: float | tf.Tensor,
    momentum: float = 0.9,
    nesterov: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and velocity after one step of gradient descent with momentum.

        v ← γ·v + η·g
        w ← w − v                  (classical)
        w ← w − (γ·v + η·g)        (Nesterov; v is already the new velocity)

    where w are the weights, v is the velocity, g the gradient of the loss in w, η (`lr`) the learning rate, and
    γ (`momentum`) the share of the old velocity that is kept.

    The velocity points *up* the loss, as the gradient does: the weights go by −v. The rate scales the gradient on its
    way *into* v.

    Args:
        w: Weights, of any shape and any floating dtype.
        v: Velocity, of the shape and dtype of `w`; zeros before the first step.
        g: Gradient, of the shape and dtype of `w`.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`.
        momentum: γ, 0 ≤ γ < 1; with 0 the step is plain gradient descent.
        nesterov: Whether to look ahead, as in the third line.

    Returns:
        The tuple (w, v) of new values: tensors of the shape and dtype of `w`.

    Example:
        >>> w, v = momentum_step(1.0, 2.0, 4.0, lr=0.25, momentum=0.5)
        >>> float(v), float(w)  # 0.5·2 + 0.25·4 = 2, then 1 − 2
        (2.0, -1.0)

    Source: the article, §3 "SGD & Momentum"; Polyak, Some Methods of Speeding Up the Convergence of Iteration Methods,
        1964; Sutskever et al., On the Importance of Initialization and Momentum in Deep Learning, 2013, §2 (Nesterov).
    """
    raise NotImplementedError


# scratch · ★★☆ · 15 min · uv run kata lesson adam_step
def adam_step(
    w: TensorLike,
    m: TensorLike,
    v: TensorLike,
    g: TensorLike,
    t: int | tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return weights and both moments after step number `t` of Adam.

        m ← β₁·m + (1 − β₁)·g           first moment: mean of the gradient
        v ← β₂·v + (1 − β₂)·g²          second moment: mean of its square
        m̂ = m / (1 − β₁ᵗ)               bias correction: both started at 0
        v̂ = v / (1 − β₂ᵗ)
        w ← w − η·m̂ / (√v̂ + ε)

    where w are the weights, g is the gradient of the loss in w, t the number of this step, η (`lr`) the learning rate;
    β₁, β₂ (`beta_1`, `beta_2`) are how much of the old moments is kept; ε (`epsilon`) stands outside the root, added to
    the *corrected* √v̂. (Keras adds its ε to the uncorrected √v: "epsilon hat" in the paper.)

    Args:
        w: Weights, of any shape; float32 or float64. (float16 and bfloat16 are too coarse for 1 − 0.999.)
        m: First moment, of the shape and dtype of `w`, uncorrected; zeros before the first step.
        v: Second moment, likewise; ≥ 0.
        g: Gradient, of the shape and dtype of `w`.
        t: Number of this step, counted from **1**: a Python int or a rank-0 tensor of any integer or floating dtype.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`.
        beta_1: β₁, 0 ≤ β₁ < 1.
        beta_2: β₂, 0 ≤ β₂ < 1.
        epsilon: ε ≥ 1e-7.

    Returns:
        The tuple (w, m, v) of new values: tensors of the shape and dtype of `w`. The moments are the uncorrected ones.
        Where gradient and moments are 0 the weight stays as it is.

    Example:
        >>> w, m, v = adam_step(1.0, 0.0, 0.0, 4.0, 1, lr=0.25, beta_1=0.5, beta_2=0.75)
        >>> float(m), float(v), round(float(w), 5)  # m̂ = 4, √v̂ = 4: the first step is η long whatever the gradient
        (2.0, 4.0, 0.75)

    Source: the article, §3 "Adam & AdamW"; Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015, Algorithm 1.
    """
    raise NotImplementedError


# scratch · ★★☆ · 10 min · uv run kata lesson adamw_step
def adamw_step(
    w: TensorLike,
    m: TensorLike,
    v: TensorLike,
    g: TensorLike,
    t: int | tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 1e-4,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return weights and both moments after step number `t` of Adam with decoupled weight decay.

        w ← w − η·λ·w                   decay, of the weights as they were; then Adam's step:
        m ← β₁·m + (1 − β₁)·g           of the gradient alone: no λ·w in here
        v ← β₂·v + (1 − β₂)·g²
        w ← w − η·m̂ / (√v̂ + ε)          m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    where λ (`weight_decay`) is the share of the weights, per unit of learning rate, that each step takes away; w are
    the weights, g is the gradient of the loss in w, t the number of this step, η (`lr`) the learning rate; β₁, β₂
    (`beta_1`, `beta_2`) are how much of the old moments is kept; ε (`epsilon`) stands outside the root, as in Adam.

    Args:
        w: Weights, of any shape; float32 or float64.
        m: First moment, of the shape and dtype of `w`, uncorrected; zeros before the first step.
        v: Second moment, likewise; ≥ 0.
        g: Gradient of the loss **without** any penalty, of the shape and dtype of `w`.
        t: Number of this step, counted from **1**: a Python int or a rank-0 tensor of any integer or floating dtype.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`. It scales the decay too.
        beta_1: β₁, 0 ≤ β₁ < 1.
        beta_2: β₂, 0 ≤ β₂ < 1.
        epsilon: ε ≥ 1e-7.
        weight_decay: λ ≥ 0; with 0 the step is Adam's.

    Returns:
        The tuple (w, m, v) of new values: tensors of the shape and dtype of `w`. The moments are the uncorrected ones.

    Example:
        >>> w, m, v = adamw_step(8.0, 0.0, 0.0, 0.0, 1, lr=0.5, weight_decay=0.25)
        >>> float(w), float(m), float(v)  # 8 − 0.5·0.25·8: without a gradient only the decay is left
        (7.0, 0.0, 0.0)

    Source: the article, §3 "Adam & AdamW"; Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, Algorithm
        2 (its ηα is our η, its λ/α our λ, as in Keras and PyTorch).
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson rmsprop_step
def rmsprop_step(
    w: TensorLike,
    s: TensorLike,
    g: TensorLike,
    *,
    lr: float | tf.Tensor = 1e-3,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and mean square after one step of RMSProp.

        s ← ρ·s + (1 − ρ)·g²
        w ← w − η·g / √(s + ε)          s is already the new mean

    where w are the weights, s is the moving mean of the squared gradient, g the gradient of the loss in w, η (`lr`) the
    learning rate, ρ (`rho`) the share of the old mean that is kept, and ε (`epsilon`) stands **inside** the root, as in
    Keras. The mean is not bias-corrected.

    Args:
        w: Weights, of any shape and any floating dtype.
        s: Mean square, of the shape and dtype of `w`; ≥ 0, zeros before the first step.
        g: Gradient, of the shape and dtype of `w`.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`.
        rho: ρ, 0 ≤ ρ < 1.
        epsilon: ε ≥ 1e-7.

    Returns:
        The tuple (w, s) of new values: tensors of the shape and dtype of `w`.
        Where g and s are both 0 the weight stays as it is.

    Example:
        >>> w, s = rmsprop_step(1.0, 8.0, 4.0, lr=0.25, rho=0.5, epsilon=4.0)
        >>> float(s), round(float(w), 5)  # 0.5·8 + 0.5·16 = 12, then 1 − 0.25·4 / √(12 + 4)
        (12.0, 0.75)

    Source: the article, §3 "RMSProp & Adagrad"; Tieleman & Hinton, Neural Networks for Machine Learning, lecture 6.5,
        2012.
    """
    raise NotImplementedError


# scratch · ★☆☆ · 5 min · uv run kata lesson adagrad_step
def adagrad_step(
    w: TensorLike,
    s: TensorLike,
    g: TensorLike,
    *,
    lr: float | tf.Tensor = 1e-2,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and sum of squares after one step of Adagrad.

        s ← s + g²
        w ← w − η·g / √(s + ε)          s is already the new sum

    where w are the weights, s is the sum of all squared gradients so far, g the gradient of the loss in w, η (`lr`) the
    learning rate, and ε (`epsilon`) stands **inside** the root, as in Keras.

    Args:
        w: Weights, of any shape and any floating dtype.
        s: Sum of squares, of the shape and dtype of `w`; ≥ 0. (Keras starts it at 0.1, the paper at 0.)
        g: Gradient, of the shape and dtype of `w`.
        lr: Learning rate η ≥ 0, a Python number or a rank-0 tensor of the dtype of `w`.
        epsilon: ε ≥ 1e-7.

    Returns:
        The tuple (w, s) of new values: tensors of the shape and dtype of `w`.
        Where g and s are both 0 the weight stays as it is.

    Example:
        >>> w, s = adagrad_step(1.0, 5.0, 3.0, lr=0.5, epsilon=2.0)
        >>> float(s), round(float(w), 5)  # 5 + 9 = 14, then 1 − 0.5·3 / √(14 + 2)
        (14.0, 0.625)

    Source: the article, §3 "RMSProp & Adagrad"; Duchi, Hazan & Singer, Adaptive Subgradient Methods for Online Learning
        and Stochastic Optimization, 2011, Figure 1 (diagonal form).
    """
    raise NotImplementedError


# scratch · ★★★ · 20 min · uv run kata lesson MomentumSGD
class MomentumSGD(tf.keras.optimizers.Optimizer):
    """A Keras optimizer: gradient descent with momentum, as in `momentum_step`.

        v ← γ·v + η·g
        w ← w − v                  (classical)
        w ← w − (γ·v + η·g)        (Nesterov; v is already the new velocity)

    for every variable w with its own velocity v (0 at first), where g is the gradient of the loss in w, η the learning
    rate *of this step*, which Keras hands to `update_step`, and γ (`momentum`) the share of the old velocity that is
    kept.

    It works wherever Keras takes an optimizer: in `compile` and `fit`, in eager and graph mode, with a schedule as its
    learning rate, inside a `LossScaleOptimizer`; with variables of any shape and floating dtype, whatever their names.
    Each `apply` may bring gradients for some of the built variables only; the others and their velocities then stay.
    The gradient of an embedding is a `tf.IndexedSlices`, which has only some rows: it counts as the whole gradient with
    zeros in the others, so that their velocity goes on.
    Saved with a model and loaded again (with `custom_objects`), it goes on as if never interrupted; so the velocities
    must be variables that Keras tracks. Only the weights count: whether you store v or −v is up to you.
    Its base class is `Optimizer`; Keras' own SGD must not do the work.

    Args:
        learning_rate: A float or a `LearningRateSchedule`.
        momentum: γ, 0 ≤ γ < 1.
        nesterov: Whether to look ahead.
        name: The optimizer's name.
        **kwargs: Every other option of `tf.keras.optimizers.Optimizer` (`global_clipnorm`, `weight_decay` …).

    Example:
        >>> w = tf.keras.Variable(1.0)
        >>> optimizer = MomentumSGD(learning_rate=0.25, momentum=0.5)
        >>> for gradient in (4.0, 4.0):  # v = 1, then v = 0.5·1 + 0.25·4 = 1.5
        ...     optimizer.apply([tf.constant(gradient)], [w])
        >>> float(w)
        -1.5

    Source: the article, §3 "SGD & Momentum"; Keras, keras.optimizers.Optimizer ("If you intend to create your own
        optimization algorithm …"); the papers of `momentum_step`.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        name: str = "momentum_sgd",
        **kwargs: Any,
    ) -> None:
        """Keep the hyperparameters; the learning rate, the name and `kwargs` belong to the base class."""
        raise NotImplementedError

    def build(self, variables: list[tf.keras.Variable]) -> None:
        """Make one velocity of zeros for each of `variables` (called once, before the first update)."""
        raise NotImplementedError

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Update one `variable` and its velocity in place, by its `gradient` and this step's `learning_rate`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the base class's configuration with `momentum` and `nesterov` added, as plain numbers."""
        raise NotImplementedError


# keras · ★☆☆ · 10 min · uv run kata lesson choose_optimizer
def choose_optimizer(
    use: str, *, learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule | None = None
) -> tf.keras.optimizers.Optimizer:
    """Return a new Keras optimizer, set as the section's cheat sheet recommends for a use.

    | `use`           | optimizer | its rate | other options, the rest as Keras sets them |
    |-----------------|-----------|----------|--------------------------------------------|
    | `"default"`     | Adam      | 1e-3     |                                            |
    | `"transformer"` | AdamW     | 1e-3     | `weight_decay=1e-4`                        |
    | `"vision"`      | SGD       | 1e-2     | `momentum=0.9`                             |
    | `"recurrent"`   | RMSprop   | 1e-3     | `global_clipnorm=1.0`                      |
    | `"sparse"`      | Adagrad   | 1e-2     |                                            |

    Args:
        use: One of the five names, spelt as in the table.
        learning_rate: Takes the place of the rate in the table, and of nothing else: a float, 0.0 included, or a
            `LearningRateSchedule`; None keeps the table's.

    Returns:
        A new optimizer at every call: an optimizer belongs to the variables that it first saw.

    Raises:
        ValueError: If `use` is none of the five.

    Example:
        >>> optimizer = choose_optimizer("vision", learning_rate=0.5)
        >>> type(optimizer).__name__, float(optimizer.momentum), float(optimizer.learning_rate)
        ('SGD', 0.9, 0.5)

    Source: the article, §3 "Optimizer Comparison Cheat Sheet".
    """
    raise NotImplementedError
