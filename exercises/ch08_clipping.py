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

"""Gradient clipping: a bound on how far one bad batch can throw the weights."""

from collections.abc import Callable, Sequence

import tensorflow as tf

__all__ = [
    "global_norm",
    "clip_by_value",
    "clip_by_norm",
    "clip_by_global_norm",
    "clipped_optimizer",
    "clipped_train_step",
    "build_sequence_classifier",
]

Gradients = Sequence[tf.Tensor | None]


# scratch · ★☆☆ · 6 min · uv run kata lesson global_norm
def global_norm(gradients: Gradients) -> tf.Tensor:
    """Measure a list of gradients as if all of them were one long vector.

        ‖g‖ = √( Σᵢ Σⱼ gᵢⱼ² )

    gᵢⱼ = element j of tensor i. It is the square root of one sum, not the sum of the tensors' norms.

    Args:
        gradients: A list or tuple of `tf.Tensor`s of one dtype (float16, float32 or float64), of any shapes, none of
            them empty; `None` (no gradient) counts for nothing. Elements are finite, 0 or between 1e-15 and 1e15 in
            size (in float16: such that the sum of squares is representable).

    Returns:
        ‖g‖, a rank-0 tensor of the gradients' dtype; a float32 0.0 when there are no tensors at all.

    Example:
        >>> import tensorflow as tf
        >>> norm = global_norm([tf.constant([2.0, 3.0]), None, tf.constant([[6.0]])])      # √(4 + 9 + 36)
        >>> round(float(norm), 4)
        7.0
        >>> float(global_norm([None]))
        0.0

    Source:
        The article, §8 "Gradient Clipping"; R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
        neural networks", ICML 2013, §3.2.
    """
    raise NotImplementedError


# scratch · ★☆☆ · 6 min · uv run kata lesson clip_by_value
def clip_by_value(gradients: Gradients, clip_value: float) -> list[tf.Tensor | None]:
    """Limit every element to the interval [-v, v], each for itself.

        clip(g)ⱼ = min(max(gⱼ, -v), v)

    gⱼ = element j of a tensor; v = `clip_value`. The elements within the interval, its ends included, stay as they are,
    to the bit; so the *direction* of a gradient changes as soon as one of its elements is clipped and another is not.

    Args:
        gradients: A list or tuple of `tf.Tensor`s (float16, float32 or float64, also mixed) of any shapes, elements as
            in `global_norm`; `None` (no gradient) is kept where it stands.
        clip_value: v, a positive Python number that the gradients' dtypes can hold.

    Returns:
        A new list like `gradients`: tensors of the same shapes and dtypes, and the same `None`s.

    Raises:
        ValueError: If `clip_value` is 0 or less.

    Example:
        >>> import tensorflow as tf
        >>> [clipped, nothing] = clip_by_value([tf.constant([-3.0, 0.25, 0.5, 8.0]), None], 0.5)
        >>> clipped.numpy().tolist(), nothing
        ([-0.5, 0.25, 0.5, 0.5], None)

    Source:
        The article, §8 "Gradient Clipping" (`clipvalue`); T. Mikolov, "Statistical Language Models Based on Neural
        Networks", PhD thesis, Brno University of Technology, 2012.
    """
    raise NotImplementedError


# scratch · ★★☆ · 10 min · uv run kata lesson clip_by_norm
def clip_by_norm(gradients: Gradients, max_norm: float) -> list[tf.Tensor | None]:
    """Shorten every tensor whose own L2 norm exceeds the limit, and keep its direction.

        clip(gᵢ) = gᵢ · c / max(‖gᵢ‖, c)

    c = `max_norm`; ‖gᵢ‖ = √(Σⱼ gᵢⱼ²) over *all* elements of tensor i, whatever its shape. Within the limit (‖gᵢ‖ ≤ c)
    the factor is exactly 1 and the tensor is unchanged, to the bit; beyond it the norm becomes c. Each tensor has a
    factor of its own, so the proportions *between* tensors change.

    Args:
        gradients: A list or tuple of `tf.Tensor`s (float16, float32 or float64, also mixed) of any shapes, elements as
            in `global_norm`; `None` is kept where it stands. All-zero tensors stay zeros.
        max_norm: c, a positive Python number that the gradients' dtypes can hold.

    Returns:
        A new list like `gradients`: tensors of the same shapes and dtypes, and the same `None`s.

    Raises:
        ValueError: If `max_norm` is 0 or less.

    Example:
        >>> import tensorflow as tf
        >>> [long, short] = clip_by_norm([tf.constant([3.0, 4.0]), tf.constant([0.5])], 1.0)      # norms 5 and 0.5
        >>> [round(v, 4) for v in long.numpy().tolist()], short.numpy().tolist()
        ([0.6, 0.8], [0.5])

    Source:
        The article, §8 "Gradient Clipping" (`clipnorm`); R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of
        training recurrent neural networks", ICML 2013, §3.2, Algorithm 1.
    """
    raise NotImplementedError


# scratch · ★★☆ · 10 min · uv run kata lesson clip_by_global_norm
def clip_by_global_norm(gradients: Gradients, max_norm: float) -> tuple[list[tf.Tensor | None], tf.Tensor]:
    """Shorten the whole list by one factor when its global norm exceeds the limit.

        clip(gᵢ) = gᵢ · c / max(‖g‖, c)

    c = `max_norm`; ‖g‖ = the `global_norm` of the list. All tensors share the factor, so the update keeps its direction
    in the space of all weights, and only its length is bounded. Within the limit (‖g‖ ≤ c) the factor is exactly 1 and
    nothing changes, to the bit.

    Args:
        gradients: A list or tuple of `tf.Tensor`s, as in `global_norm`; `None` is kept where it stands. All-zero
            gradients stay zeros.
        max_norm: c, a positive Python number that the gradients' dtype can hold.

    Returns:
        A pair `(clipped, norm)`: a new list like `gradients`, and the global norm **before** clipping, as `global_norm`
        gives it.

    Raises:
        ValueError: If `max_norm` is 0 or less.

    Example:
        >>> import tensorflow as tf
        >>> clipped, norm = clip_by_global_norm([tf.constant([3.0]), None, tf.constant([4.0])], 1.0)
        >>> round(float(norm), 4)
        5.0
        >>> round(float(clipped[0][0]), 4), clipped[1], round(float(clipped[2][0]), 4)      # 3 / 5 and 4 / 5
        (0.6, None, 0.8)

    Source:
        The article, §8 "Gradient Clipping" (`global_clipnorm`); R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty
        of training recurrent neural networks", ICML 2013, §3.2, Algorithm 1.
    """
    raise NotImplementedError


# keras · ★☆☆ · 5 min · uv run kata lesson clipped_optimizer
def clipped_optimizer(method: str, limit: float, *, learning_rate: float = 1e-3) -> tf.keras.optimizers.Optimizer:
    """Build an Adam that clips the gradients it is given, by one of Keras' three methods.

    ================  ===================  =========================================
    `method`          Adam's argument      what is compared with the limit
    ================  ===================  =========================================
    `"value"`         `clipvalue`          each element
    `"norm"`          `clipnorm`           the L2 norm of each variable's gradient
    `"global_norm"`   `global_clipnorm`    the L2 norm of all gradients together
    ================  ===================  =========================================

    Args:
        method: `"value"`, `"norm"` or `"global_norm"`.
        limit: The bound, a positive Python number.
        learning_rate: Adam's rate, a Python float.

    Returns:
        A new `tf.keras.optimizers.Adam` with that one argument set, the other two `None`, and all other settings at
        Keras' defaults.

    Raises:
        ValueError: If `method` is none of the three.

    Example:
        >>> optimizer = clipped_optimizer("global_norm", 1.0)
        >>> optimizer.clipvalue, optimizer.clipnorm, optimizer.global_clipnorm
        (None, None, 1.0)

    Source:
        The article, §8 "Gradient Clipping"; Keras 3, `Optimizer` (`clipvalue`, `clipnorm`, `global_clipnorm`).
    """
    raise NotImplementedError


# keras · ★★☆ · 12 min · uv run kata lesson clipped_train_step
def clipped_train_step(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    max_norm: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Take one training step whose gradients are clipped by their global norm, and report that norm.

        g = ∇ L(y, model(x));    w ← update(w, g · c / max(‖g‖, c))

    L = `loss_fn`; c = `max_norm`; ‖g‖ = the global norm over all trainable variables. With plain SGD at rate η the
    weights, taken together, move by η · min(‖g‖, c): never further than η·c, however large the targets (up to 1e15).

    A variable that the loss does not depend on counts for nothing and stays as it is. An embedding's gradient is a
    `tf.IndexedSlices`, a list of rows in which one row may stand several times; ‖g‖ is the norm of what they add up to,
    which `tf.convert_to_tensor` gives. Any clipping function may be used, TensorFlow's too.

    Args:
        model: Built; without penalties (`model.losses`). It is called with `training=True`.
        optimizer: Any Keras optimizer that neither clips by itself nor scales the loss; inside `tf.function` it is
            built already.
        loss_fn: `loss_fn(y_true, y_pred)`, a scalar.
        x: A batch of inputs, a tensor or NumPy array.
        y: The targets of that batch, a tensor or NumPy array.
        max_norm: c, a positive Python number.

    Returns:
        A pair `(loss, norm)` of rank-0 tensors: the loss as it was **before** the update, and the global norm
        **before** clipping: plotted over the steps, it shows how often the limit bites.

    Example:
        >>> import tensorflow as tf
        >>> dense = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
        >>> mse = lambda y, p: tf.reduce_mean(tf.square(y - p))
        >>> x, y = tf.constant([[3.0]]), tf.constant([[4.0]])                # loss 4² = 16, gradient -2·3·4 = -24
        >>> loss, norm = clipped_train_step(model, tf.keras.optimizers.SGD(0.5), mse, x, y, max_norm=1.0)
        >>> [round(float(v), 4) for v in (loss, norm, dense.kernel[0, 0])]   # moved by 0.5 · 1, not by 0.5 · 24
        [16.0, 24.0, 0.5]

    Source:
        The article, §8 "Gradient Clipping"; R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
        neural networks", ICML 2013, §3.2, Algorithm 1.
    """
    raise NotImplementedError


# keras · ★★☆ · 10 min · uv run kata lesson build_sequence_classifier
def build_sequence_classifier(timesteps: int, features: int, *, units: Sequence[int] = (64, 32)) -> tf.keras.Model:
    """Build and compile stacked LSTMs for a yes-or-no question about a sequence, trained with clipped gradients.

    Every LSTM but the last hands its whole output sequence `(batch, timesteps, units)` to the next; the last one hands
    on its final state `(batch, units)` alone, and a dense unit with a sigmoid turns it into one probability for each
    sequence. The LSTMs are Keras' own at their defaults (tanh and sigmoid inside, forwards in time); there is nothing
    else in the model, no dropout either, so it answers alike in training and after.

    Args:
        timesteps: The length of a sequence, a whole number, at least 1.
        features: The numbers at each timestep, a whole number, at least 1.
        units: The sizes of the LSTM layers, in order, at least one: a list or tuple of whole numbers.

    Returns:
        A new, built model `(batch, timesteps, features)` → `(batch, 1)`, all of it trainable, compiled with
        Adam(1e-3, global_clipnorm=1.0), its other settings at Keras' defaults, binary cross-entropy on probabilities,
        and one metric, `accuracy` (at threshold 0.5); what else `compile` takes stands at its default.

    Example:
        >>> model = build_sequence_classifier(50, 10)
        >>> model.input_shape, model.output_shape
        ((None, 50, 10), (None, 1))

    Source:
        The article, §8 "Gradient Clipping"; R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
        neural networks", ICML 2013, §2.
    """
    raise NotImplementedError
