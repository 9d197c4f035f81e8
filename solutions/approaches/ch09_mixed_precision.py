"""Other right ways to write chapter 9, each with what it costs or gains."""

import math
from contextlib import ExitStack, contextmanager

import numpy as np
import tensorflow as tf

from kata.waist.variants import approach
from solutions.ch09_mixed_precision import LayerDtypes


@approach(
    "precision_policy",
    note="A class says what happens at each end by name, and one object can be entered again.",
)
class ByClass:
    """`__enter__` and `__exit__`; what was found is kept on a stack, for an object entered twice."""

    def __init__(self, name="mixed_float16"):
        self.name = name
        self.earlier = []

    def __enter__(self):
        self.earlier.append(tf.keras.mixed_precision.global_policy())
        tf.keras.mixed_precision.set_global_policy(self.name)

    def __exit__(self, *exception):
        tf.keras.mixed_precision.set_global_policy(self.earlier.pop())


@approach("precision_policy", note="An ExitStack replaces try/finally: worth it once there are several things to undo.")
@contextmanager
def by_exit_stack(name="mixed_float16"):
    with ExitStack() as undo:
        undo.callback(tf.keras.config.set_dtype_policy, tf.keras.config.dtype_policy())
        tf.keras.config.set_dtype_policy(name)
        yield


@approach(
    "build_mixed_model",
    note="Touches no global state at all: a dtype for each layer, and the model's own policy set by hand, which is "
    "what compile looks at; forget that one line and no loss is scaled.",
)
def by_dtype_arguments(features, *, hidden=(128, 64), outputs=1):
    layers = [tf.keras.layers.Dense(units, activation="relu", dtype="mixed_float16") for units in hidden]
    output = tf.keras.layers.Dense(outputs, dtype="float32")
    model = tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])
    model.dtype_policy = "mixed_float16"
    return model


@approach("build_mixed_model", note="The functional API, ready for branches and several outputs; one variable more.")
def by_functional_api(features, *, hidden=(128, 64), outputs=1):
    earlier = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = tf.keras.Input((features,))
        values = inputs
        for units in hidden:
            values = tf.keras.layers.Dense(units, activation="relu")(values)
        return tf.keras.Model(inputs, tf.keras.layers.Dense(outputs, dtype="float32")(values))
    finally:
        tf.keras.config.set_dtype_policy(earlier)


class _Stack(tf.keras.Model):
    def __init__(self, hidden, outputs):
        super().__init__()
        self.hidden = [tf.keras.layers.Dense(units, activation=tf.nn.relu) for units in hidden]
        self.last = tf.keras.layers.Dense(outputs, dtype="float32")

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


@approach(
    "build_mixed_model",
    note="A class of its own: any Python may stand in call; its weights exist only after a first call.",
)
def by_subclass(features, *, hidden=(128, 64), outputs=1):
    earlier = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        model = _Stack(hidden, outputs)
        model(tf.zeros((1, features)))
        return model
    finally:
        tf.keras.config.set_dtype_policy(earlier)


@approach("build_mixed_model", note="ReLU as a layer of its own, which computes in float16 as well: the same numbers.")
def with_relu_layers(features, *, hidden=(128, 64), outputs=1):
    earlier = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tf.keras.Sequential([tf.keras.Input((features,))])
        for units in hidden:
            model.add(tf.keras.layers.Dense(units))
            model.add(tf.keras.layers.ReLU())
        model.add(tf.keras.layers.Dense(outputs, dtype="float32"))
        return model
    finally:
        tf.keras.config.set_dtype_policy(earlier)


@approach(
    "layer_dtypes",
    note="Asks the layer's policy: the same answer, and the place where a policy of your own would show.",
)
def by_policy(model):
    found = []
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dense):
            policy = layer.dtype_policy
            found.append(LayerDtypes(layer.name, policy.compute_dtype, policy.variable_dtype))
    return found


@approach(
    "layer_dtypes",
    note="Reads the kernel that is really there: no trust in a declaration, but only for built layers.",
)
def by_kernel(model):
    dense = filter(lambda layer: isinstance(layer, tf.keras.layers.Dense), model.layers)
    return [LayerDtypes(layer.name, layer.compute_dtype, tf.as_dtype(layer.kernel.dtype).name) for layer in dense]


@approach(
    "loss_scaled_gradients",
    note="Starts the backward pass with S instead of 1: no scaled loss is ever made, so none can overflow by itself.",
)
def by_output_gradient(model, loss_fn, x, y, *, scale):
    with tf.GradientTape() as tape:
        loss = tf.cast(loss_fn(y, model(tf.convert_to_tensor(x), training=True)), tf.float32)
    scale = tf.cast(scale, tf.float32)
    scaled = tape.gradient(loss, model.trainable_variables, output_gradients=scale)
    return [
        tf.zeros(variable.shape, tf.float32)
        if gradient is None
        else tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale
        for gradient, variable in zip(scaled, model.trainable_variables, strict=True)
    ]


@approach(
    "loss_scaled_gradients",
    note="An identity whose gradient is S: the loss stays readable inside the tape; a custom gradient costs a second "
    "look. Multiplying by 1/S is exact for powers of two only.",
)
def by_custom_gradient(model, loss_fn, x, y, *, scale):
    scale = tf.cast(scale, tf.float32)

    @tf.custom_gradient
    def magnify(loss):
        return tf.identity(loss), lambda upstream: upstream * scale

    variables = [variable.value for variable in model.trainable_variables]  # the tape's zeros need TensorFlow's own
    with tf.GradientTape() as tape:
        loss = magnify(tf.cast(loss_fn(y, model(tf.convert_to_tensor(x), training=True)), tf.float32))
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) * (1.0 / scale) for gradient in gradients]


@approach(
    "loss_scaled_gradients",
    note="Scales and divides in float64: no scale is too large for the loss, and a GPU is slow at it.",
)
def in_float64(model, loss_fn, x, y, *, scale):
    scale = tf.cast(scale, tf.float64)
    with tf.GradientTape() as tape:
        loss = loss_fn(tf.convert_to_tensor(y), model(tf.convert_to_tensor(x), training=True))
        scaled = tf.cast(loss, tf.float64) * scale
    variables = model.trainable_variables
    return [
        tf.zeros(variable.shape)
        if gradient is None
        else tf.cast(tf.cast(tf.convert_to_tensor(gradient), tf.float64) / scale, tf.float32)
        for gradient, variable in zip(tape.gradient(scaled, variables), variables, strict=True)
    ]


@approach(
    "DynamicLossScale",
    note="Keeps its state in variables, as Keras does: it can be saved, and moved into a graph.",
)
class InVariables:
    """State in two `tf.Variable`s; `.scale` is a rank-0 tensor."""

    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        self.scale = tf.Variable(initial_scale, dtype=tf.float32, trainable=False)
        self.finite_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.growth_steps = growth_steps

    def update(self, gradients):
        finite = bool(tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]))
        grown = finite and int(self.finite_steps) + 1 == self.growth_steps
        self.scale.assign(self.scale * (2.0 if grown else 1.0 if finite else 0.5))
        self.finite_steps.assign(self.finite_steps + 1 if finite and not grown else 0)
        return finite


@approach("DynamicLossScale", note="Counts doublings and derives the scale: nothing to keep in step, one power a look.")
class ByExponent:
    """`.scale` is a property: initial_scale · 2^doublings."""

    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        self.initial_scale, self.growth_steps = float(initial_scale), growth_steps
        self.doublings = self.steps = 0

    @property
    def scale(self):
        return math.ldexp(self.initial_scale, self.doublings)

    def update(self, gradients):
        # 0 · x is 0 for every finite x and NaN for inf and NaN: one comparison finds both.
        finite = all(float(tf.reduce_sum(tf.cast(gradient, tf.float64) * 0.0)) == 0.0 for gradient in gradients)
        self.steps = self.steps + 1 if finite else 0
        grows, self.steps = divmod(self.steps, self.growth_steps)
        self.doublings += grows if finite else -1
        return finite


@approach("DynamicLossScale", note="Counts down instead of up, and lets NumPy look: a copy of every gradient.")
class CountsDown:
    """`left` steps until S doubles; `.scale` is a rank-0 tensor."""

    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        self.scale = tf.constant(float(initial_scale))
        self.left = self.growth_steps = growth_steps

    def update(self, gradients):
        finite = all(bool(np.isfinite(np.asarray(gradient)).all()) for gradient in gradients)
        self.left = self.left - 1 if finite else self.growth_steps
        if not finite:
            self.scale = self.scale / 2.0
        elif self.left == 0:
            self.scale, self.left = self.scale * 2.0, self.growth_steps
        return finite


@approach("DynamicLossScale", note="x − x is 0 for what is finite and NaN for the rest; counts modulo, without reset.")
class MinusItself:
    """`.scale` is a rank-0 float64 tensor."""

    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        self.number, self.growth_steps, self.steps = initial_scale, growth_steps, 0

    @property
    def scale(self):
        return tf.constant(self.number, tf.float64)

    def update(self, gradients):
        for gradient in map(tf.convert_to_tensor, gradients):
            if not bool(tf.reduce_all(gradient - gradient == tf.zeros_like(gradient))):
                self.number, self.steps = self.number / 2, 0
                return False
        self.steps += 1
        if self.steps % self.growth_steps == 0:
            self.number *= 2
        return True


@approach("round_up_to_multiple", note="Reads like the formula; the division is a float's, exact for units below 2⁵³.")
def by_ceiling(units, multiple=8):
    return math.ceil(units / multiple) * multiple


@approach("round_up_to_multiple", note="Adds what is missing: Python's % of a negative number is exactly that.")
def by_remainder(units, multiple=8):
    return units + -units % multiple


@approach("round_up_to_multiple", note="Walks up to the first multiple: the definition itself, slow where it is far.")
def by_walking(units, multiple=8):
    while units % multiple:
        units += 1
    return units
