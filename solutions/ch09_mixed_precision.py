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
    # What is there now, since "float32" would be a guess; and the policy itself, since a name forgets the rest of it.
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:  # without it, one exception leaves every later model of the process in float16
        tf.keras.mixed_precision.set_global_policy(earlier)


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
    # A policy given layer by layer makes the same layers, but leaves the model float32: compile then scales no loss.
    with precision_policy("mixed_float16"):
        return tf.keras.Sequential(
            [
                tf.keras.Input((features,)),
                *(tf.keras.layers.Dense(units, activation="relu") for units in hidden),
                tf.keras.layers.Dense(outputs, dtype="float32"),
            ]
        )


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
    # `layer.dtype` would say float32 twice: in Keras 3 it is the variables' dtype.
    return [
        LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype)
        for layer in model.layers
        if isinstance(layer, tf.keras.layers.Dense)
    ]


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
    scale = tf.cast(scale, tf.float32)
    with tf.GradientTape() as tape:
        loss = loss_fn(tf.convert_to_tensor(y), model(tf.convert_to_tensor(x), training=True))
        # Before the backward pass: scaling the gradients afterwards multiplies zeros. And in float32: in float16 a
        # scale of 2¹⁶ is inf.
        scaled = tf.cast(loss, tf.float32) * scale
    variables = model.trainable_variables
    gradients = [  # convert_to_tensor: an embedding's gradient is tf.IndexedSlices, which cannot be divided
        tf.zeros(variable.shape) if gradient is None else tf.convert_to_tensor(gradient)
        for variable, gradient in zip(variables, tape.gradient(scaled, variables), strict=True)
    ]
    # To float32 first and then divide, or the small result vanishes after all.
    return [tf.cast(gradient, tf.float32) / scale for gradient in gradients]


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
        self.scale = float(initial_scale)
        self.growth_steps = growth_steps
        self.finite_steps = 0

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
        # Value by value: a sum overflows with perfectly finite gradients.
        if not all(tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients):
            self.scale, self.finite_steps = self.scale / 2.0, 0
            return False
        self.finite_steps += 1
        if self.finite_steps == self.growth_steps:
            self.scale, self.finite_steps = self.scale * 2.0, 0
        return True


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
    # ⌈a / b⌉ in whole numbers: the negative of the floor of the negative.
    return -(-units // multiple) * multiple
