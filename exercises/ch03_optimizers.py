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

"""3 · Optimizers: from one gradient to one change of the weights.

A step function is pure: weights, state and gradient go in, the new values come out, nothing is changed in place.
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


# scratch · ★☆☆ · 5 min · uv run kata lesson sgd_step
def sgd_step(w: tf.Tensor, g: tf.Tensor, *, lr: float | tf.Tensor) -> tf.Tensor:
    """Return the weights after one step of plain gradient descent.

    Formula:
        w ← w − η·g

        w: weights;  g: gradient of the loss in w;  η (`lr`): learning rate.

    Args:
        w: weights, of any shape (a single number included) and any floating dtype: a tensor or a NumPy array.
        g: gradient, of the shape and dtype of `w`.
        lr: learning rate η, a Python number or a rank-0 tensor of `w`'s dtype.

    Returns:
        The new weights: a tensor of the shape and dtype of `w`. Neither `w` nor `g` is changed.

    Example:
        >>> import tensorflow as tf
        >>> sgd_step(tf.constant([1.0, 2.0]), tf.constant([4.0, -2.0]), lr=0.5).numpy().tolist()
        [-1.0, 3.0]

    Source: Robbins & Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22(3), 1951;
        the article, §3 "SGD & Momentum".
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson momentum_step
def momentum_step(
    w: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    *,
    lr: float | tf.Tensor,
    momentum: float = 0.9,
    nesterov: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and velocity after one step of gradient descent with momentum.

    Formula:
        v ← γ·v + η·g
        w ← w − v                  (classical)
        w ← w − (γ·v + η·g)        (Nesterov; v is already the new velocity)

        w: weights;  v: velocity, 0 before the first step;  g: gradient;  η (`lr`): learning rate;
        γ (`momentum`): the share of the old velocity that is kept.

    Args:
        w: weights, of any shape and floating dtype.
        v: velocity, of the shape and dtype of `w`. It points *up* the loss, as the formula says: the weights go by −v.
        g: gradient, of the shape and dtype of `w`.
        lr: learning rate η, a Python number or a rank-0 tensor. It scales the gradient on its way *into* v.
        momentum: γ, 0 ≤ γ < 1; with 0 the step is plain gradient descent.
        nesterov: whether to look ahead, as in the third line.

    Returns:
        The tuple (w, v) of new values: tensors of the shape and dtype of `w`.

    Example:
        >>> import tensorflow as tf
        >>> w, v = momentum_step(tf.constant(1.0), tf.constant(2.0), tf.constant(4.0), lr=0.25, momentum=0.5)
        >>> float(v), float(w)      # 0.5·2 + 0.25·4 = 2, then 1 − 2
        (2.0, -1.0)

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Sutskever, Martens, Dahl
        & Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013, §2 (Nesterov's form);
        the article, §3 "SGD & Momentum".
    """
    raise NotImplementedError


# scratch · ★★☆ · 15 min · uv run kata lesson adam_step
def adam_step(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    t: int | tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return weights and both moments after step number `t` of Adam.

    Formula:
        m ← β₁·m + (1 − β₁)·g           first moment: mean of the gradient
        v ← β₂·v + (1 − β₂)·g²          second moment: mean of its square
        m̂ = m / (1 − β₁ᵗ)               bias correction: both started at 0
        v̂ = v / (1 − β₂ᵗ)
        w ← w − η·m̂ / (√v̂ + ε)

        w: weights;  g: gradient;  t: number of this step;  η (`lr`): learning rate;
        β₁, β₂ (`beta_1`, `beta_2`): how much of the old moments is kept;  ε (`epsilon`): outside the root, added to the
        *corrected* √v̂. (Keras adds its ε to the uncorrected √v: "epsilon hat" in the paper.)

    Args:
        w: weights, of any shape and floating dtype.
        m: first moment, of the shape and dtype of `w`, uncorrected; zeros before the first step.
        v: second moment, likewise, ≥ 0.
        g: gradient, of the shape and dtype of `w`.
        t: number of this step, counted from **1**: a Python int or a rank-0 tensor of any integer or floating dtype.
        lr: learning rate η, a Python number or a rank-0 tensor.
        beta_1: β₁, 0 ≤ β₁ < 1.
        beta_2: β₂, 0 ≤ β₂ < 1.
        epsilon: ε > 0.

    Returns:
        The tuple (w, m, v) of new values: tensors of the shape and dtype of `w`. The moments are the uncorrected ones.
        A gradient of zeros with moments of zeros leaves the weights as they are.

    Example:
        >>> import tensorflow as tf
        >>> zero = tf.constant(0.0)
        >>> w, m, v = adam_step(tf.constant(1.0), zero, zero, tf.constant(4.0), 1, lr=0.25, beta_1=0.5, beta_2=0.75)
        >>> float(m), float(v), round(float(w), 5)      # m̂ = 4, √v̂ = 4: the first step is η long whatever the gradient
        (2.0, 4.0, 0.75)

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1 and §2;
        the article, §3 "Adam & AdamW".
    """
    raise NotImplementedError


# scratch · ★★☆ · 10 min · uv run kata lesson adamw_step
def adamw_step(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    t: int | tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 1e-4,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return weights and both moments after step number `t` of Adam with decoupled weight decay.

    Formula:
        w ← w − η·λ·w                   decay, of the weights as they were
        then Adam's step:
        m ← β₁·m + (1 − β₁)·g           of the gradient alone: no λ·w in here
        v ← β₂·v + (1 − β₂)·g²
        w ← w − η·m̂ / (√v̂ + ε)          m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

        λ (`weight_decay`): the share of the weights, per unit of learning rate, that each step takes away;
        all other symbols as in Adam (w weights, g gradient, t step number, η learning rate, ε outside the root).

    Args:
        w: weights, of any shape and floating dtype.
        m: first moment, of the shape and dtype of `w`, uncorrected; zeros before the first step.
        v: second moment, likewise, ≥ 0.
        g: gradient of the loss **without** any penalty, of the shape and dtype of `w`.
        t: number of this step, counted from **1**: a Python int or a rank-0 tensor of any integer or floating dtype.
        lr: learning rate η, a Python number or a rank-0 tensor. It scales the decay too.
        beta_1: β₁, 0 ≤ β₁ < 1.
        beta_2: β₂, 0 ≤ β₂ < 1.
        epsilon: ε > 0.
        weight_decay: λ ≥ 0; with 0 the step is Adam's.

    Returns:
        The tuple (w, m, v) of new values: tensors of the shape and dtype of `w`.

    Example:
        >>> import tensorflow as tf
        >>> zero = tf.constant(0.0)
        >>> w, m, v = adamw_step(tf.constant(8.0), zero, zero, zero, 1, lr=0.5, weight_decay=0.25)
        >>> float(w), float(m), float(v)      # 8 − 0.5·0.25·8: without a gradient only the decay is left
        (7.0, 0.0, 0.0)

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, Algorithm 2 (its ηα is our η, its
        λ/α our λ, as in Keras and PyTorch); the article, §3 "Adam & AdamW".
    """
    raise NotImplementedError


# scratch · ★☆☆ · 10 min · uv run kata lesson rmsprop_step
def rmsprop_step(
    w: tf.Tensor,
    s: tf.Tensor,
    g: tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-3,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and mean square after one step of RMSProp.

    Formula:
        s ← ρ·s + (1 − ρ)·g²
        w ← w − η·g / √(s + ε)          s is already the new mean

        w: weights;  s: moving mean of the squared gradient;  g: gradient;  η (`lr`): learning rate;
        ρ (`rho`): the share of the old mean that is kept;  ε (`epsilon`): **inside** the root, as in Keras.

    Args:
        w: weights, of any shape and floating dtype.
        s: mean square, of the shape and dtype of `w`, ≥ 0; zeros before the first step. It is not bias-corrected.
        g: gradient, of the shape and dtype of `w`.
        lr: learning rate η, a Python number or a rank-0 tensor.
        rho: ρ, 0 ≤ ρ < 1.
        epsilon: ε > 0.

    Returns:
        The tuple (w, s) of new values: tensors of the shape and dtype of `w`.
        Where g and s are both 0 the weight stays as it is.

    Example:
        >>> import tensorflow as tf
        >>> w, s = rmsprop_step(tf.constant(1.0), tf.constant(8.0), tf.constant(4.0), lr=0.25, rho=0.5, epsilon=4.0)
        >>> float(s), float(w)      # 0.5·8 + 0.5·16 = 12, then 1 − 0.25·4 / √(12 + 4)
        (12.0, 0.75)

    Source: Tieleman & Hinton, "Neural Networks for Machine Learning", lecture 6.5, Coursera, 2012;
        the article, §3 "RMSProp & Adagrad".
    """
    raise NotImplementedError


# scratch · ★☆☆ · 5 min · uv run kata lesson adagrad_step
def adagrad_step(
    w: tf.Tensor,
    s: tf.Tensor,
    g: tf.Tensor,
    *,
    lr: float | tf.Tensor = 1e-2,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return weights and sum of squares after one step of Adagrad.

    Formula:
        s ← s + g²
        w ← w − η·g / √(s + ε)          s is already the new sum

        w: weights;  s: sum of all squared gradients so far;  g: gradient;  η (`lr`): learning rate;
        ε (`epsilon`): **inside** the root, as in Keras.

    Args:
        w: weights, of any shape and floating dtype.
        s: sum of squares, of the shape and dtype of `w`, ≥ 0. (Keras starts it at 0.1, the paper at 0.)
        g: gradient, of the shape and dtype of `w`.
        lr: learning rate η, a Python number or a rank-0 tensor.
        epsilon: ε > 0.

    Returns:
        The tuple (w, s) of new values: tensors of the shape and dtype of `w`. `s` never shrinks.
        Where g and s are both 0 the weight stays as it is.

    Example:
        >>> import tensorflow as tf
        >>> w, s = adagrad_step(tf.constant(1.0), tf.constant(5.0), tf.constant(3.0), lr=0.5, epsilon=2.0)
        >>> float(s), float(w)      # 5 + 9 = 14, then 1 − 0.5·3 / √(14 + 2)
        (14.0, 0.625)

    Source: Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        JMLR 12, 2011, Figure 1 (diagonal form); the article, §3 "RMSProp & Adagrad".
    """
    raise NotImplementedError


# scratch · ★★★ · 20 min · uv run kata lesson MomentumSGD
class MomentumSGD(tf.keras.optimizers.Optimizer):
    """A Keras optimizer: gradient descent with momentum, as in `momentum_step`.

    Formula, for every variable w with its own velocity v (0 at first):
        v ← γ·v + η·g
        w ← w − v                  (classical)
        w ← w − (γ·v + η·g)        (Nesterov; v is already the new velocity)

        g: gradient;  η: the learning rate *of this step*, which Keras hands to `update_step`;  γ (`momentum`).

    It works wherever Keras takes an optimizer: in `compile` and `fit`, in eager and graph mode, with a schedule as its
    learning rate, with every variable of a model at its own shape and dtype. Saved with a model and loaded again (with
    `custom_objects`), it goes on as if never interrupted; so the velocities must be variables that Keras tracks.
    Only the weights count: whether you store v or −v is up to you.
    Keras' own SGD must not be its base class.

    Args:
        learning_rate: a float or a `LearningRateSchedule`.
        momentum: γ, 0 ≤ γ < 1.
        nesterov: whether to look ahead.
        name: the optimizer's name.
        **kwargs: every other option of `tf.keras.optimizers.Optimizer` (`global_clipnorm`, `weight_decay` …).

    Example:
        >>> import tensorflow as tf
        >>> w = tf.keras.Variable(1.0)
        >>> optimizer = MomentumSGD(learning_rate=0.25, momentum=0.5)
        >>> for gradient in (4.0, 4.0):      # v = 1, then v = 0.5·1 + 0.25·4 = 1.5
        ...     optimizer.apply([tf.constant(gradient)], [w])
        >>> float(w)
        -1.5

    Source: as `momentum_step`; Keras, `keras.optimizers.Optimizer`, "If you intend to create your own optimization
        algorithm, please inherit from this class and override …".
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
        """Return the base class's configuration with `momentum` and `nesterov` added."""
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
        use: one of the five names.
        learning_rate: takes the place of the rate in the table: a float, 0.0 included, or a `LearningRateSchedule`;
            None keeps the table's.

    Returns:
        A new optimizer at every call: an optimizer belongs to the variables that it first saw.

    Raises:
        ValueError: `use` is none of the five; the message names `use`.

    Example:
        >>> optimizer = choose_optimizer("vision", learning_rate=0.5)
        >>> type(optimizer).__name__, optimizer.momentum, float(optimizer.learning_rate)
        ('SGD', 0.9, 0.5)

    Source: the article, §3, the optimizer cheat sheet and its examples.
    """
    raise NotImplementedError
