"""Other right ways to write the katas of chapter 3."""

import functools

import keras
import tensorflow as tf

from kata.waist.variants import approach


def _tensors(*arrays):
    return [tf.convert_to_tensor(array) for array in arrays]


@approach(
    "sgd_step",
    note="keras.ops instead of tf: the same line runs on JAX and PyTorch; it adopts w's dtype itself.",
)
def sgd_in_keras_ops(w, g, *, lr):
    w, g = keras.ops.convert_to_tensor(w), keras.ops.convert_to_tensor(g)
    return keras.ops.subtract(w, keras.ops.multiply(g, lr))


@approach("sgd_step", note="One n-ary sum: reads as 'add the negative step', and still costs two operations.")
def sgd_as_a_sum(w, g, *, lr):
    w, g = _tensors(w, g)
    return tf.add_n([w, -lr * g])


@approach(
    "momentum_step",
    note="Keras' sign: the velocity points downhill and is added; one negation more to return it.",
)
def momentum_downhill(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    downhill = -momentum * v - lr * g
    return w + (momentum * downhill - lr * g if nesterov else downhill), -downhill


@approach(
    "momentum_step",
    note="Nesterov expanded in the old velocity, γ²v + (1 + γ)ηg: weights and velocity no longer wait for each other.",
)
def momentum_from_the_old_velocity(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    if nesterov:
        return w - momentum**2 * v - (1 + momentum) * lr * g, momentum * v + lr * g
    return w - momentum * v - lr * g, momentum * v + lr * g


@approach(
    "adam_step",
    note="Both corrections folded into the rate, as Keras does and §2 of the paper suggests: two numbers are corrected "
    "instead of two arrays. ε must then shrink by √(1 − β₂ᵗ), or it is 'epsilon hat'.",
)
def adam_with_a_corrected_rate(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    t = tf.cast(t, tf.float64)
    first, root = 1 - beta_1**t, tf.sqrt(1 - beta_2**t)
    rate, small = tf.cast(root / first, w.dtype) * lr, tf.cast(root, w.dtype) * epsilon
    return w - rate * m / (tf.sqrt(v) + small), m, v


@approach(
    "adam_step",
    note="Moments as steps towards the gradient, m + (1 − β₁)(g − m): one product less; 1 − βᵗ as −expm1(t·ln β), "
    "which keeps every digit without float64 (a β of 0 needs no correction).",
)
def adam_by_interpolation(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    m = m + (g - m) * (1 - beta_1)
    v = v + (tf.square(g) - v) * (1 - beta_2)
    m_hat = m / _missing(beta_1, t, w.dtype)
    v_hat = v / _missing(beta_2, t, w.dtype)
    return w - lr * m_hat / (tf.sqrt(v_hat) + epsilon), m, v


def _missing(beta, t, dtype):
    """1 − βᵗ in `dtype`: the weight that a moment started at 0 has given out by step t."""
    log_beta = tf.cast(tf.math.log(tf.constant(beta, tf.float64)), dtype)
    return -tf.math.expm1(log_beta * tf.cast(t, dtype))


@approach(
    "adam_step",
    note="Everything in float64, rounded once at the end: no constant loses a digit, at twice the width of float32.",
)
def adam_in_float64(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    kept = w.dtype
    w, m, v, g, t = (tf.cast(array, tf.float64) for array in (w, m, v, g, t))
    lr = tf.cast(lr, tf.float64) if tf.is_tensor(lr) else lr  # a Python number adopts float64 by itself
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    w = w - lr * (m / (1 - beta_1**t)) / (tf.sqrt(v / (1 - beta_2**t)) + epsilon)
    return tuple(tf.cast(array, kept) for array in (w, m, v))


@approach(
    "adamw_step",
    note="Decay as one factor, w·(1 − ηλ): the weights are read once; ηλ < 6e-8 is lost in float32.",
)
def adamw_by_a_factor(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _unscaled_update(m, v, g, t, beta_1, beta_2, epsilon)
    return w * (1 - lr * weight_decay) - lr * update, m, v


@approach(
    "adamw_step",
    note="As line 12 of the paper's Algorithm 2: one bracket, η·(m̂/(√v̂ + ε) + λw), both parts from the old w.",
)
def adamw_in_one_bracket(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _unscaled_update(m, v, g, t, beta_1, beta_2, epsilon)
    return w - lr * (update + weight_decay * w), m, v


def _unscaled_update(m, v, g, t, beta_1, beta_2, epsilon):
    """m̂/(√v̂ + ε) and the new moments."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    t = tf.cast(t, tf.float64)
    m_hat = m / tf.cast(1 - beta_1**t, m.dtype)
    v_hat = v / tf.cast(1 - beta_2**t, v.dtype)
    return m_hat / (tf.sqrt(v_hat) + epsilon), m, v


@approach("rmsprop_step", note="rsqrt: one operation instead of a root and a quotient; may differ in the last bit.")
def rmsprop_by_rsqrt(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = rho * s + (1 - rho) * tf.square(g)
    return w - lr * g * tf.math.rsqrt(s + epsilon), s


@approach(
    "rmsprop_step",
    note="The mean as a step towards g², s + (1 − ρ)(g² − s): one product less, never below 0 either.",
)
def rmsprop_by_interpolation(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + (g * g - s) * (1 - rho)
    return w - g / tf.sqrt(s + epsilon) * lr, s


@approach("adagrad_step", note="A negative power: closest to the paper's G^(−1/2); a power is dearer than a root.")
def adagrad_by_a_power(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + g * g
    return w - lr * g * tf.pow(s + epsilon, -0.5), s


@approach(
    "adagrad_step",
    note="A rate for every weight first, then plain gradient descent: shows what 'adaptive' means.",
)
def adagrad_by_rates(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    rates = lr / tf.sqrt(s + epsilon)
    return w - rates * g, s


@approach(
    "MomentumSGD",
    note="Stores −v, as Keras' SGD does: the weights get one assign_add; only the stored sign differs.",
)
class DownhillMomentum(tf.keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.downhill = [self.add_variable_from_reference(variable, name="downhill") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        step = keras.ops.cast(gradient, variable.dtype) * keras.ops.cast(learning_rate, variable.dtype)
        downhill = self.downhill[self._get_variable_index(variable)]
        self.assign(downhill, downhill * self.momentum - step)
        self.assign_add(variable, downhill * self.momentum - step if self.nesterov else downhill)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


@approach(
    "MomentumSGD",
    note="The arithmetic is a pure function, the class only stores: easy to test on its own; TensorFlow operations "
    "only, so no other backend.",
)
class MomentumAroundAPureStep(tf.keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        gradient, rate = tf.cast(gradient, variable.dtype), tf.cast(learning_rate, variable.dtype)
        weights, new_velocity = momentum_downhill(
            variable, velocity, gradient, lr=rate, momentum=self.momentum, nesterov=self.nesterov
        )
        variable.assign(weights)
        velocity.assign(new_velocity)

    def get_config(self):
        config = super().get_config()
        config.update(momentum=self.momentum, nesterov=self.nesterov)
        return config


@approach(
    "MomentumSGD",
    note="One velocity a variable, found in a dict under the variable's reference (what `update_step` is given is the "
    "tf.Variable inside Keras' own): no index to look up. Nesterov expanded in the old velocity.",
)
class MomentumByReference(tf.keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.kept = {
                variable.value.ref(): self.add_variable_from_reference(variable, name="velocity")
                for variable in variables
            }

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.kept[variable.ref()]
        push = tf.cast(learning_rate, variable.dtype) * tf.convert_to_tensor(gradient)
        old = tf.convert_to_tensor(velocity)
        gamma = self.momentum
        variable.assign_sub(gamma * gamma * old + (1 + gamma) * push if self.nesterov else gamma * old + push)
        velocity.assign(gamma * old + push)

    def get_config(self):
        return {"momentum": self.momentum, "nesterov": self.nesterov, **super().get_config()}


_RECIPES = {
    "default": ("Adam", {"learning_rate": 1e-3}),
    "transformer": ("AdamW", {"learning_rate": 1e-3, "weight_decay": 1e-4}),
    "vision": ("SGD", {"learning_rate": 1e-2, "momentum": 0.9}),
    "recurrent": ("RMSprop", {"learning_rate": 1e-3, "global_clipnorm": 1.0}),
    "sparse": ("Adagrad", {"learning_rate": 1e-2}),
}


@approach("choose_optimizer", note="Plain data and `optimizers.get`: the table could live in a JSON file.")
def choose_from_configurations(use, *, learning_rate=None):
    if use not in _RECIPES:
        raise ValueError(f"use must be one of {sorted(_RECIPES)}. Received: use={use!r}")
    class_name, config = _RECIPES[use]
    if learning_rate is not None:
        config = {**config, "learning_rate": learning_rate}
    return tf.keras.optimizers.get({"class_name": class_name, "config": config})


@approach(
    "choose_optimizer",
    note="A table of partials: the arguments stand where they would in a call; nothing is made yet.",
)
def choose_from_partials(use, *, learning_rate=None):
    keras_optimizers = tf.keras.optimizers
    makers = {
        "default": functools.partial(keras_optimizers.Adam, 1e-3),
        "transformer": functools.partial(keras_optimizers.AdamW, 1e-3, weight_decay=1e-4),
        "vision": functools.partial(keras_optimizers.SGD, 1e-2, momentum=0.9),
        "recurrent": functools.partial(keras_optimizers.RMSprop, 1e-3, global_clipnorm=1.0),
        "sparse": functools.partial(keras_optimizers.Adagrad, 1e-2),
    }
    try:
        make = makers[use]
    except KeyError:
        raise ValueError(f"unknown use. Received: use={use!r}; known: {list(makers)}") from None
    return make() if learning_rate is None else make.func(learning_rate, **make.keywords)
