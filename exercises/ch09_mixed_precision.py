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

"""9 · Mixed precision: float16 where it is fast, float32 where it must be exact.

A mixed-precision model computes in float16 and keeps its weights in float32. What float16 cannot hold are small
gradients; loss scaling lifts them into its range and puts them back afterwards.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import tensorflow as tf

__all__ = [
    "precision_policy",
    "build_mixed_model",
    "layer_dtypes",
    "loss_scaled_gradients",
    "DynamicLossScale",
    "round_up_to_multiple",
]


class LayerDtypes(NamedTuple):
    """What one layer computes in and what it keeps its variables in; dtypes as strings such as `"float16"`."""

    name: str
    compute: str
    variable: str


# keras · ★★☆ · 8 min · uv run kata lesson precision_policy
@contextmanager
def precision_policy(name: str = "mixed_float16") -> Iterator[None]:
    """Keras' global dtype policy is `name` inside a `with` block, and what it was before after it.

    The earlier policy comes back whatever it was (not always `"float32"`): the policy itself, since one of your own is
    more than its name. It comes back also when the block sets another policy, and when the block raises, whatever it
    raises (Ctrl-C, which is `KeyboardInterrupt`, and `sys.exit` too); what was raised goes on. Nothing is set before
    the block is entered.
    Blocks nest: each one puts back what it found on entry.

    Args:
        name: A policy's name: `"mixed_float16"` (compute float16, variables float32), `"mixed_bfloat16"`, or a
            plain dtype such as `"float32"` or `"float64"`.

    Returns:
        What a `with` statement takes. Nothing of interest comes with `as`.

    Example:
        >>> with precision_policy("mixed_float16"):
        ...     tf.keras.layers.Dense(1).compute_dtype
        'float16'
        >>> tf.keras.layers.Dense(1).compute_dtype
        'float32'

    Source: the article, §9 "Policy & Setup"; Keras, `keras.config.set_dtype_policy`.
    """
    raise NotImplementedError


# keras · ★★☆ · 8 min · uv run kata lesson build_mixed_model
def build_mixed_model(features: int, *, hidden: Sequence[int] = (128, 64), outputs: int = 1) -> tf.keras.Model:
    """Build a stack of Dense layers that computes in float16, keeps float32 weights and answers in float32.

    Layer by layer: an input of `features` values; for each number in `hidden` a ReLU Dense layer of that many units
    (compute float16, variables float32); a linear Dense output layer (compute and variables float32). Nothing else
    is in it (no dropout, no normalisation, no penalty), and what is not named here stands at Keras' defaults.
    The *model's* own policy is mixed as well, so that `compile` wraps its optimizer in a `LossScaleOptimizer`.
    The global policy is afterwards what it was at the call: the policy itself, and also when a size is refused.

    Args:
        features: Size of a sample, at least 1.
        hidden: Units of the hidden layers, in order, a list or a tuple; may be empty.
        outputs: Units of the output layer, at least 1.

    Returns:
        A new model from shape `(batch, features)` to float32 of shape `(batch, outputs)`; built (its weights exist) and
        not compiled. Its weights are random, as Keras starts them, and shared with no other model.

    Raises:
        ValueError: If a number in `hidden`, or `outputs`, is below 1 (Keras' own error will do).

    Example:
        >>> model = build_mixed_model(20, hidden=(8,))
        >>> dense = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]
        >>> [(layer.compute_dtype, layer.variable_dtype) for layer in dense]
        [('float16', 'float32'), ('float32', 'float32')]
        >>> model.compile("adam", "mse")
        >>> type(model.optimizer).__name__
        'LossScaleOptimizer'

    Source: the article, §9; Micikevicius et al. 2018, §3.1 (float32 master weights); Keras, `Model.compile`.
    """
    raise NotImplementedError


# keras · ★☆☆ · 5 min · uv run kata lesson layer_dtypes
def layer_dtypes(model: tf.keras.Model) -> list[LayerDtypes]:
    """List what each Dense layer of `model` computes in and what it keeps its variables in.

    Args:
        model: A built Keras model of any kind: sequential, functional or a class of its own.

    Returns:
        A list with one `LayerDtypes(name, compute, variable)` for each Dense layer among `model.layers`, in that
        order; dtypes are strings. A subclass of Dense is a Dense layer, and so is a frozen one. Other layers are
        left out, and so are layers inside a nested model or a wrapper.

    Example:
        >>> layers = [tf.keras.Input((4,)), tf.keras.layers.Dense(2, dtype="mixed_float16", name="a")]
        >>> layer_dtypes(tf.keras.Sequential(layers))
        [LayerDtypes(name='a', compute='float16', variable='float32')]

    Source: the article, §9 "Policy & Setup" (its printout of the layers' dtypes).
    """
    raise NotImplementedError


# scratch · ★★★ · 15 min · uv run kata lesson loss_scaled_gradients
def loss_scaled_gradients(
    model: tf.keras.Model,
    loss_fn: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    scale: float,
) -> list[tf.Tensor]:
    """Compute the gradients of the loss by way of a scaled loss, so that they survive float16.

        g = ∇(S · L) / S,   L = loss_fn(y, model(x)),   S = scale

    with g the gradients, ∇ taken with respect to `model.trainable_variables`.

    By the chain rule every quantity of the backward pass is multiplied by S while it is held in float16; the division
    takes place in float32, where the small result fits. What overflows stays visible as inf or NaN.
    L is the loss alone, without the model's own penalties (`model.losses`). No trainable variable changes.

    Args:
        model: A built model, called with `training=True`; its layers may compute in any float dtype, and its
            variables may have any.
        loss_fn: `loss_fn(y_true, y_pred)` gives a rank-0 tensor of any float dtype.
        x: The inputs, shape `(batch, …)`, all of which the model sees at once.
        y: The targets, shape `(batch, …)`, of any dtype; `loss_fn` gets them, all at once, in that dtype.
        scale: S > 0, a Python number or a rank-0 float32 tensor; it may be beyond float16's range.

    Returns:
        A list with a dense **float32** tensor of the variable's shape for each of `model.trainable_variables`, in
        order (an embedding's `tf.IndexedSlices` too become one); zeros where the loss does not depend on the variable.

    Example:
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
        >>> def squared_error(y_true, y_pred):
        ...     return tf.reduce_mean(tf.square(y_true - y_pred))
        >>> kernel, bias = loss_scaled_gradients(model, squared_error, [[3.0]], [[1.0]], scale=1024.0)
        >>> float(kernel[0, 0]), float(bias[0])  # d(wx + b − y)²: 2 · (3 − 1) · 3 and 2 · (3 − 1)
        (12.0, 4.0)

    Source: Micikevicius et al. 2018, §3.2 (loss scaling); the article, §9 "Loss Scaling".
    """
    raise NotImplementedError


# scratch · ★★☆ · 12 min · uv run kata lesson DynamicLossScale
class DynamicLossScale:
    """Find the largest loss scale that does not overflow, by trying.

        any value inf or NaN:      S ← S / 2,  k ← 0,  and the step is to be skipped
        else:                      k ← k + 1
        and when k = growth_steps: S ← 2 · S,  k ← 0

    with S the scale and k the number of finite steps in a row since S last changed. S has no upper or lower limit
    (but float32's). Each object has its own S and k.

    Args:
        initial_scale: S at the start, above 0; 2¹⁵ is high on purpose: a scale too high is halved at once, one too low
            is doubled only after `growth_steps` steps.
        growth_steps: How many finite steps in a row double S, at least 1.

    Attributes:
        scale: S as it is now, a Python number or a rank-0 tensor.

    Example:
        >>> scaler = DynamicLossScale(initial_scale=8.0, growth_steps=2)
        >>> scaler.update([[1.0, float("inf")]]), float(scaler.scale)
        (False, 4.0)
        >>> [scaler.update([[1.0, 2.0]]) for _ in range(2)], float(scaler.scale)
        ([True, True], 8.0)

    Source: Keras, `keras.optimizers.LossScaleOptimizer`; Micikevicius et al. 2018, §3.2; the article, §9 "Loss
    Scaling".
    """

    def __init__(self, initial_scale: float = 2.0**15, growth_steps: int = 2000) -> None:
        """Start with `initial_scale` and no finite step counted."""
        raise NotImplementedError

    def update(self, gradients: Sequence[tf.Tensor]) -> bool:
        """Look at one step's gradients, adapt the scale, and say whether the step may be applied.

        Called eagerly, once a step.

        Args:
            gradients: A list or tuple of at least one tensor, of any shapes and float dtypes (half precision and
                float64 too, not all of one dtype); it makes no difference whether they are still scaled.

        Returns:
            A Python bool: False when any value of any tensor is inf or NaN, else True. A number is finite when its own
            dtype holds it, however large.
        """
        raise NotImplementedError


# scratch · ★☆☆ · 3 min · uv run kata lesson round_up_to_multiple
def round_up_to_multiple(units: int, multiple: int = 8) -> int:
    """Round a layer's units up to what Tensor Cores like.

        ⌈units / multiple⌉ · multiple

    with ⌈a⌉ the smallest whole number that is not below a.

    Args:
        units: A Python int from 1 to 1,000,000.
        multiple: A Python int from 1 to 1,000,000; not only a power of two.

    Returns:
        A Python int, the smallest multiple of `multiple` that is not below `units`: `units` itself where it already
        is one.

    Example:
        >>> round_up_to_multiple(100), round_up_to_multiple(64), round_up_to_multiple(100, 64)
        (104, 64, 128)

    Source: the article, §9 "Mixed Precision Tips"; NVIDIA, *Matrix Multiplication Background User's Guide*, section
    "Tensor Core Requirements" (multiples of 8 for float16, on an A100 better of 64).
    """
    raise NotImplementedError
