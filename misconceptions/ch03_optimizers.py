"""Wrong turns in chapter 3, each with the sentence that its author should read."""

import functools

import keras
import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception


def _tensors(*arrays):
    return [tf.convert_to_tensor(array) for array in arrays]


def _float32(*arrays):
    return [tf.cast(array, tf.float32) for array in arrays]


# sgd_step


@misconception(
    "sgd_step",
    says="Your step goes uphill: the gradient points to where the loss grows, so subtract it.",
    hint=1,
)
def step_uphill(w, g, *, lr):
    w, g = _tensors(w, g)
    return w + lr * g


@misconception(
    "sgd_step",
    says="You use the gradient's sign alone (signSGD). Plain descent moves in proportion to the gradient.",
    hint=1,
)
def step_of_fixed_length(w, g, *, lr):
    w, g = _tensors(w, g)
    return w - lr * tf.sign(g)


@misconception(
    "sgd_step",
    says="Your `w -= …` overwrites the caller's array. A step function returns new values and changes nothing.",
    hint=2,
)
def step_in_place(w, g, *, lr):
    w -= lr * g
    return tf.convert_to_tensor(w)


@misconception(
    "sgd_step",
    says="You turn everything into float32. The result must keep the dtype of the weights, float64 and float16 too.",
    hint=2,
    subtle=True,
)
def step_in_float32(w, g, *, lr):
    w, g = _float32(w, g)
    return w - lr * g


@misconception(
    "sgd_step",
    says="You compute in NumPy. Inside tf.function there are no values yet, only symbolic tensors: use TensorFlow's "
    "operations.",
    hint=3,
    subtle=True,
)
def step_in_numpy(w, g, *, lr):
    w, g = np.asarray(w), np.asarray(g)
    return tf.convert_to_tensor(w - lr * g, w.dtype)


@misconception(
    "sgd_step",
    says="Beside float64 weights your rate is a float32 one: 0.1 has become 0.10000000149, as tf.cast(0.1, tf.float64) "
    "makes it. A Python number times a tensor adopts the tensor's dtype by itself.",
    hint=3,
    subtle=True,
)
def step_with_a_cast_rate(w, g, *, lr):
    w, g = _tensors(w, g)
    return w - tf.cast(lr, w.dtype) * g


@misconception(
    "sgd_step",
    says="Lists fail: you ask `w` for its dtype before it is a tensor. Convert both with tf.convert_to_tensor first.",
    hint=2,
    subtle=True,
)
def step_without_converting(w, g, *, lr):
    return tf.cast(w, w.dtype) - lr * tf.cast(g, w.dtype)


@misconception(
    "sgd_step",
    says="You call float() on the rate. Inside tf.function that becomes a cast to float32, and beside float64 weights "
    "the rate loses half its digits.",
    hint=3,
    subtle=True,
)
def step_with_a_python_rate(w, g, *, lr):
    w, g = _tensors(w, g)
    lr = float(lr)
    return w - (tf.cast(lr, w.dtype) if tf.is_tensor(lr) else lr) * g


# momentum_step


@misconception(
    "momentum_step",
    says="You weigh the new gradient by (1 − γ), as a moving average would. Here it enters the velocity in full: v ← "
    "γv + ηg.",
    hint=1,
)
def momentum_as_an_average(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + (1 - momentum) * lr * g
    return w - (momentum * v + (1 - momentum) * lr * g if nesterov else v), v


@misconception(
    "momentum_step",
    says="You multiply by the rate after the velocity (PyTorch's convention). Here ηg goes into the velocity, so that "
    "an old step keeps the rate it was taken with.",
    hint=2,
)
def momentum_with_the_rate_outside(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + g
    return w - lr * (momentum * v + g if nesterov else v), v


@misconception(
    "momentum_step",
    says="You return the velocity with Keras' sign. In this formula it points uphill: v ← γv + ηg, then w − v.",
    hint=1,
)
def momentum_with_the_other_sign(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    downhill = momentum * v - lr * g
    return w + (momentum * downhill - lr * g if nesterov else downhill), downhill


@misconception(
    "momentum_step",
    says="Your weights move by the velocity from before this step. Update the velocity first, then move by the new "
    "one.",
    hint=1,
)
def momentum_one_step_late(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    new_v = momentum * v + lr * g
    return w - (momentum * new_v + lr * g if nesterov else v), new_v


@misconception(
    "momentum_step",
    says="Your Nesterov step uses the old velocity, and γ·v_old + ηg is just the classical step. Put the new one in.",
    hint=3,
    subtle=True,
)
def nesterov_with_the_old_velocity(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    new_v = momentum * v + lr * g
    return w - (momentum * v + lr * g if nesterov else new_v), new_v


@misconception(
    "momentum_step",
    says="Your Nesterov step forgets the gradient: look ahead by γ·v, and still go down by ηg.",
    hint=3,
    subtle=True,
)
def nesterov_without_the_gradient(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + lr * g
    return w - (momentum * v if nesterov else v), v


@misconception(
    "momentum_step",
    says="You turn everything into float32. Weights and velocity must keep the dtype of the weights.",
    hint=2,
    subtle=True,
)
def momentum_in_float32(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _float32(w, v, g)
    v = momentum * v + lr * g
    return w - (momentum * v + lr * g if nesterov else v), v


@misconception(
    "momentum_step",
    says="You average the gradients, γv + (1 − γ)g, and multiply by the rate afterwards. Here ηg enters the velocity, "
    "in full.",
    hint=2,
)
def momentum_as_an_average_with_the_rate_outside(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + (1 - momentum) * g
    return w - lr * (momentum * v + (1 - momentum) * g if nesterov else v), v


@misconception(
    "momentum_step",
    says="Your Nesterov step is γ²v + (1 + γ)ηg with the new v. That form is right with the old one; with the new one "
    "it is γ·v + ηg.",
    hint=3,
    subtle=True,
)
def nesterov_with_the_new_velocity_in_the_expanded_form(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + lr * g
    return w - (momentum**2 * v + (1 + momentum) * lr * g if nesterov else v), v


@misconception(
    "momentum_step",
    says="Your step is the classical one, also with nesterov=True. Then the weights go by γ·v + ηg, v being the new "
    "velocity.",
    hint=3,
    subtle=True,
)
def nesterov_ignored(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    v = momentum * v + lr * g
    return w - v, v


@misconception(
    "momentum_step",
    says="Beside float64 weights your γ or your rate is a float32 one: tf.cast(0.9, tf.float64) is 0.89999997616. A "
    "Python number times a tensor adopts the tensor's dtype by itself.",
    hint=2,
    subtle=True,
)
def momentum_with_cast_numbers(w, v, g, *, lr, momentum=0.9, nesterov=False):
    w, v, g = _tensors(w, v, g)
    momentum, lr = tf.cast(momentum, w.dtype), tf.cast(lr, w.dtype)
    v = momentum * v + lr * g
    return w - (momentum * v + lr * g if nesterov else v), v


# adam_step and adamw_step: one body with switches, one wrong turn for each switch


def _adam(
    w, m, v, g, t, lr, beta_1, beta_2, epsilon, *, correct=(True, True), epsilon_at="outside", l2=(0.0, 0.0)
):  # fmt: skip
    """Adam with the parts that a wrong turn may change; returns the update and the new moments."""
    t = tf.cast(t, tf.float64)
    m = beta_1 * m + (1 - beta_1) * (g + l2[0] * w)
    v = beta_2 * v + (1 - beta_2) * tf.square(g + l2[1] * w)
    m_hat = m / tf.cast(1 - beta_1**t, m.dtype) if correct[0] else m
    v_hat = v / tf.cast(1 - beta_2**t, v.dtype) if correct[1] else v
    if epsilon_at == "inside":
        return lr * m_hat / tf.sqrt(v_hat + epsilon), m, v
    if epsilon_at == "hat":  # Keras' place: added to the uncorrected root
        return lr * m_hat / (tf.sqrt(v_hat) + epsilon / tf.cast(tf.sqrt(1 - beta_2**t), v.dtype)), m, v
    return lr * m_hat / (tf.sqrt(v_hat) + epsilon), m, v


@misconception(
    "adam_step",
    says="You leave out the bias correction. Both moments start at 0, so early ones are too small until divided by 1 "
    "− βᵗ.",
    hint=1,
)
def adam_without_correction(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, correct=(False, False))
    return w - update, m, v


@misconception(
    "adam_step",
    says="You count steps from 0 and raise β to t + 1. Here t is already the number of this step, 1 for the first.",
    hint=1,
)
def adam_counting_from_zero(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, tf.cast(t, tf.float64) + 1, lr, beta_1, beta_2, epsilon)
    return w - update, m, v


@misconception(
    "adam_step",
    says="You return the corrected moments, and the next step would correct them again. Keep m and v, use m̂ and v̂ "
    "once.",
    hint=2,
)
def adam_keeping_corrected_moments(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    t = tf.cast(t, tf.float64)
    return w - update, m / tf.cast(1 - beta_1**t, m.dtype), v / tf.cast(1 - beta_2**t, v.dtype)


@misconception(
    "adam_step",
    says="You correct the second moment only. The first started at 0 as well: divide m by 1 − β₁ᵗ.",
    hint=1,
)
def adam_correcting_only_the_second(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, correct=(False, True))
    return w - update, m, v


@misconception(
    "adam_step",
    says="You put ε inside the root, √(v̂ + ε), as RMSProp and Adagrad do here. Adam adds it outside: √v̂ + ε.",
    hint=2,
    subtle=True,
)
def adam_with_epsilon_inside(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, epsilon_at="inside")
    return w - update, m, v


@misconception(
    "adam_step",
    says="You add ε to the uncorrected √v: Keras' 'epsilon hat', which weighs up to 31 times more at first. Correct v "
    "before.",
    hint=2,
    subtle=True,
)
def adam_with_epsilon_hat(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, epsilon_at="hat")
    return w - update, m, v


@misconception(
    "adam_step",
    says="Your β ** t works for a Python t only: a float cannot be raised to an integer tensor. Cast t first.",
    hint=3,
    subtle=True,
)
def adam_without_casting_t(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    return w - lr * (m / (1 - beta_1**t)) / (tf.sqrt(v / (1 - beta_2**t)) + epsilon), m, v


@misconception(
    "adam_step",
    says="You turn everything into float32. Weights and moments must keep the dtype of the weights.",
    hint=3,
    subtle=True,
)
def adam_in_float32(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _float32(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    return w - update, m, v


@misconception(
    "adam_step",
    says="Your second moment is a mean of the gradient. It is the mean of its square: β₂·v + (1 − β₂)·g².",
    hint=3,
)
def adam_without_the_square(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    t = tf.cast(t, tf.float64)
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g
    m_hat, v_hat = m / tf.cast(1 - beta_1**t, m.dtype), v / tf.cast(1 - beta_2**t, v.dtype)
    return w - lr * m_hat / (tf.sqrt(v_hat) + epsilon), m, v


@misconception(
    "adam_step",
    says="Your default epsilon is 1e-8, the paper's and PyTorch's. Here, as in Keras, it is 1e-7.",
    hint=2,
    subtle=True,
)
def adam_with_the_epsilon_of_the_paper(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    return w - update, m, v


@misconception(
    "adam_step",
    says="Beside float64 weights your numbers are float32 ones: tf.cast(0.999, tf.float64) is 0.99900001287, and 1 − "
    "β₂ᵗ keeps four digits of it. A Python number beside a tensor adopts the tensor's dtype by itself.",
    hint=3,
    subtle=True,
)
def adam_with_cast_numbers(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    t, lr, beta_1, beta_2, epsilon = (tf.cast(number, w.dtype) for number in (t, lr, beta_1, beta_2, epsilon))
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    return w - lr * (m / (1 - beta_1**t)) / (tf.sqrt(v / (1 - beta_2**t)) + epsilon), m, v


@misconception(
    "adam_step",
    says="You take the powers βᵗ in float32. With float64 weights every digit counts: 1 − 0.999ᵗ keeps four of "
    "float32's at t = 1.",
    hint=3,
    subtle=True,
)
def adam_with_powers_in_float32(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    w, m, v, g = _tensors(w, m, v, g)
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    t = tf.cast(t, tf.float32)
    left_1, left_2 = (tf.cast(1 - beta**t, w.dtype) for beta in (beta_1, beta_2))
    return w - lr * (m / left_1) / (tf.sqrt(v / left_2) + epsilon), m, v


@misconception(
    "adamw_step",
    says="You add λw to the gradient: that is L2 regularization, which Adam divides by √v̂. Decoupled decay acts on "
    "the weights alone.",
    hint=1,
)
def adamw_as_l2(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, l2=(weight_decay, weight_decay))
    return w - update, m, v


@misconception(
    "adamw_step",
    says="Your decay also enters the first moment, and would go on after the weights have changed. m takes the "
    "gradient alone.",
    hint=1,
)
def adamw_with_decay_in_the_first_moment(
    w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4
):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, l2=(weight_decay, 0.0))
    return w - lr * weight_decay * w - update, m, v


@misconception(
    "adamw_step",
    says="Your decay is not scaled by the learning rate. Each step takes the share η·λ of the weights, as in Keras.",
    hint=2,
)
def adamw_without_the_rate(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    return w - weight_decay * w - update, m, v


@misconception(
    "adamw_step",
    says="You decay the weights after Adam's step, so a share of the update decays too. Decay the old weights first.",
    hint=2,
    subtle=True,
)
def adamw_decaying_afterwards(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    w = w - update
    return w - lr * weight_decay * w, m, v


@misconception(
    "adamw_step",
    says="You put ε inside the root, √(v̂ + ε). Adam, with or without decay, adds it outside: √v̂ + ε.",
    hint=3,
    subtle=True,
)
def adamw_with_epsilon_inside(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, epsilon_at="inside")
    return w - lr * weight_decay * w - update, m, v


@misconception(
    "adamw_step",
    says="You leave out the bias correction. Apart from the decay, this is Adam's step: divide m by 1 − β₁ᵗ and v by "
    "1 − β₂ᵗ.",
    hint=3,
)
def adamw_without_correction(w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-4):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon, correct=(False, False))
    return w - lr * weight_decay * w - update, m, v


@misconception(
    "adamw_step",
    says="Your default weight decay is 1e-2, PyTorch's. Here it is 1e-4.",
    hint=2,
    subtle=True,
)
def adamw_with_the_decay_of_pytorch(
    w, m, v, g, t, *, lr=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=1e-2
):
    w, m, v, g = _tensors(w, m, v, g)
    update, m, v = _adam(w, m, v, g, t, lr, beta_1, beta_2, epsilon)
    return w - lr * weight_decay * w - update, m, v


# rmsprop_step


@misconception(
    "rmsprop_step",
    says="You swap the shares: ρ is how much of the old mean is kept, 1 − ρ how much of the new square comes in.",
    hint=1,
)
def rmsprop_with_swapped_shares(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = (1 - rho) * s + rho * tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


@misconception(
    "rmsprop_step",
    says="You divide by the mean from before this step; at the first step that is 0. Update s first, then divide.",
    hint=1,
)
def rmsprop_by_the_old_mean(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    return w - lr * g / tf.sqrt(s + epsilon), rho * s + (1 - rho) * tf.square(g)


@misconception(
    "rmsprop_step",
    says="You add up the squares without forgetting: that is Adagrad. RMSProp's s is a moving mean.",
    hint=1,
)
def rmsprop_as_adagrad(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


@misconception(
    "rmsprop_step",
    says="You add ε outside the root, as PyTorch does and Adam does here. In this formula it is inside: √(s + ε).",
    hint=2,
    subtle=True,
)
def rmsprop_with_epsilon_outside(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = rho * s + (1 - rho) * tf.square(g)
    return w - lr * g / (tf.sqrt(s) + epsilon), s


@misconception(
    "rmsprop_step",
    says="You leave ε out, so a weight whose gradient has always been 0 becomes 0/0, a NaN. Add ε under the root.",
    hint=2,
    subtle=True,
)
def rmsprop_without_epsilon(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = rho * s + (1 - rho) * tf.square(g)
    return w - lr * g / tf.sqrt(s), s


@misconception(
    "rmsprop_step",
    says="You turn everything into float32. Weights and mean must keep the dtype of the weights.",
    hint=3,
    subtle=True,
)
def rmsprop_in_float32(w, s, g, *, lr=1e-3, rho=0.9, epsilon=1e-7):
    w, s, g = _float32(w, s, g)
    s = rho * s + (1 - rho) * tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


@misconception(
    "rmsprop_step",
    says="Your default for ρ is 0.99, PyTorch's (there it is called alpha). Here, as in Keras, it is 0.9.",
    hint=1,
    subtle=True,
)
def rmsprop_with_the_rho_of_pytorch(w, s, g, *, lr=1e-3, rho=0.99, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = rho * s + (1 - rho) * tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


# adagrad_step


@misconception(
    "adagrad_step",
    says="You keep a moving mean of the squares: that is RMSProp. Adagrad's s is the sum of all of them.",
    hint=1,
)
def adagrad_as_rmsprop(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = 0.9 * s + 0.1 * tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


@misconception(
    "adagrad_step",
    says="You divide by the sum from before this step. Add this step's square first, then divide.",
    hint=1,
)
def adagrad_by_the_old_sum(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    return w - lr * g / tf.sqrt(s + epsilon), s + tf.square(g)


@misconception(
    "adagrad_step",
    says="You divide by the sum of squares itself. Its root has the gradient's unit; without it the scale of g comes "
    "back.",
    hint=2,
)
def adagrad_without_the_root(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    return w - lr * g / (s + epsilon), s


@misconception(
    "adagrad_step",
    says="You add ε outside the root, as PyTorch does. In this formula, as in Keras, it is inside: √(s + ε).",
    hint=2,
    subtle=True,
)
def adagrad_with_epsilon_outside(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    return w - lr * g / (tf.sqrt(s) + epsilon), s


@misconception(
    "adagrad_step",
    says="You avoid 0/0 with divide_no_nan and drop ε, so even the faintest first gradient moves a weight by a full η. "
    "ε under the root damps it.",
    hint=2,
    subtle=True,
)
def adagrad_without_epsilon(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    return w - lr * tf.math.divide_no_nan(g, tf.sqrt(s)), s


@misconception(
    "adagrad_step",
    says="You turn everything into float32. Weights and sum must keep the dtype of the weights.",
    hint=3,
    subtle=True,
)
def adagrad_in_float32(w, s, g, *, lr=1e-2, epsilon=1e-7):
    w, s, g = _float32(w, s, g)
    s = s + tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


@misconception(
    "adagrad_step",
    says="Your default rate is 1e-3, the one of Keras' Adagrad. Here it is 1e-2.",
    hint=3,
    subtle=True,
)
def adagrad_with_the_rate_of_keras(w, s, g, *, lr=1e-3, epsilon=1e-7):
    w, s, g = _tensors(w, s, g)
    s = s + tf.square(g)
    return w - lr * g / tf.sqrt(s + epsilon), s


# MomentumSGD


class _Momentum(tf.keras.optimizers.Optimizer):
    """A right optimizer, for wrong turns to take one part of it away."""

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.velocities = self.add_optimizer_variables(variables, "velocity")

    def velocity_of(self, variable):
        return self.velocities[self._get_variable_index(variable)]

    def update_step(self, gradient, variable, learning_rate):
        push = tf.cast(learning_rate, variable.dtype) * gradient
        velocity = self.velocity_of(variable)
        velocity.assign(self.momentum * velocity + push)
        variable.assign_sub(self.momentum * velocity + push if self.nesterov else tf.convert_to_tensor(velocity))

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}


@misconception(
    "MomentumSGD",
    says="Your velocities are plain tf.Variables, which Keras does not track: a loaded model starts again from 0. "
    "Make them with add_optimizer_variables.",
    hint=1,
    subtle=True,
)
class UntrackedVelocities(_Momentum):
    def build(self, variables):
        if not self.built:
            super(_Momentum, self).build(variables)
            self.velocities = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]


@misconception(
    "MomentumSGD",
    says="You multiply by the rate after the velocity (PyTorch's convention). When a schedule changes the rate, old "
    "steps change with it; put ηg into the velocity.",
    hint=2,
    subtle=True,
)
class RateOutsideTheVelocity(_Momentum):
    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocity_of(variable)
        velocity.assign(self.momentum * velocity + gradient)
        direction = self.momentum * velocity + gradient if self.nesterov else tf.convert_to_tensor(velocity)
        variable.assign_sub(tf.cast(learning_rate, variable.dtype) * direction)


@misconception(
    "MomentumSGD",
    says="Your get_config leaves out momentum and nesterov, so a loaded optimizer falls back to the defaults.",
    hint=3,
    subtle=True,
)
class ForgetfulConfiguration(_Momentum):
    def get_config(self):
        return super(_Momentum, self).get_config()


@misconception(
    "MomentumSGD",
    says="You take **kwargs and drop them: global_clipnorm, weight_decay and the like never reach the base class.",
    hint=3,
    subtle=True,
)
class DroppedOptions(_Momentum):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate, momentum, nesterov, name)


@misconception(
    "MomentumSGD",
    says="You keep the rate that you were made with. A schedule has another at every step: use the one update_step is "
    "given.",
    hint=2,
    subtle=True,
)
class RateOfTheFirstStep(_Momentum):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate, momentum, nesterov, name, **kwargs)
        self.first_rate = float(learning_rate(0) if callable(learning_rate) else learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first_rate)


@misconception(
    "MomentumSGD",
    says="Your variables share one velocity. Each needs its own, of its own shape.",
    hint=1,
)
class OneVelocityForAll(_Momentum):
    def velocity_of(self, variable):
        return self.velocities[0]


@misconception(
    "MomentumSGD",
    says="Your velocities are Python values that are replaced at each step. In a graph that happens once, while "
    "tracing; state that lasts must be a variable.",
    hint=1,
    subtle=True,
)
class VelocitiesAsPythonValues(_Momentum):
    def build(self, variables):
        if not self.built:
            super(_Momentum, self).build(variables)
            self.past = {}

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        push = keras.ops.cast(learning_rate, variable.dtype) * gradient
        velocity = self.momentum * self.past.get(index, tf.zeros_like(push)) + push
        self.past[index] = velocity
        variable.assign_sub(self.momentum * velocity + push if self.nesterov else velocity)


@misconception(
    "MomentumSGD",
    says="Your optimizer stores `nesterov` and never looks ahead: with it the weights go by γ·v + ηg, v being the new "
    "velocity.",
    hint=2,
)
class NesterovIgnored(_Momentum):
    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocity_of(variable)
        velocity.assign(self.momentum * velocity + tf.cast(learning_rate, variable.dtype) * gradient)
        variable.assign_sub(tf.convert_to_tensor(velocity))


@misconception(
    "MomentumSGD",
    says="Your velocities are found by the variable's name, and two variables of one name share one. Names are not "
    "unique: use the index that build gave.",
    hint=1,
    subtle=True,
)
class VelocitiesByName(_Momentum):
    def velocity_of(self, variable):
        return dict(zip(self.names, self.velocities, strict=True))[variable.name]

    def build(self, variables):
        self.names = [variable.value.name for variable in variables]
        super().build(variables)


@misconception(
    "MomentumSGD",
    says="Your velocities are dealt out in the order of the calls, so a step that brings no gradient for one variable "
    "gives its velocity to another. Ask self._get_variable_index(variable).",
    hint=1,
    subtle=True,
)
class VelocitiesInTheOrderOfTheCalls(_Momentum):
    turn = 0

    def velocity_of(self, variable):
        velocity = self.velocities[self.turn % len(self.velocities)]
        self.turn += 1
        return velocity


@misconception(
    "MomentumSGD",
    says="Of an embedding you move only the rows that this batch looked up. The velocity of the other rows goes on, "
    "with a gradient of 0.",
    hint=2,
    subtle=True,
)
class RowsOfThisBatchOnly(_Momentum):
    def update_step(self, gradient, variable, learning_rate):
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        touched = tf.reduce_any(tf.equal(tf.range(variable.shape[0])[:, None], tf.cast(gradient.indices, tf.int32)), 1)
        mask = tf.cast(touched, variable.dtype)[:, None]
        push = tf.cast(learning_rate, variable.dtype) * tf.convert_to_tensor(gradient)
        velocity = self.velocity_of(variable)
        new = self.momentum * velocity + push
        velocity.assign(mask * new + (1 - mask) * velocity)
        variable.assign_sub(mask * (self.momentum * new + push if self.nesterov else new))


@misconception(
    "MomentumSGD",
    says="Beside float64 variables your γ is a float32 one: tf.cast(0.9, tf.float64) is 0.89999997616. A Python number "
    "times a tensor adopts the tensor's dtype by itself.",
    hint=2,
    subtle=True,
)
class MomentumThroughFloat32(_Momentum):
    def update_step(self, gradient, variable, learning_rate):
        push = tf.cast(learning_rate, variable.dtype) * gradient
        velocity, momentum = self.velocity_of(variable), tf.cast(self.momentum, variable.dtype)
        velocity.assign(momentum * velocity + push)
        variable.assign_sub(momentum * velocity + push if self.nesterov else tf.convert_to_tensor(velocity))


@misconception(
    "MomentumSGD",
    says="Your velocities are float32 whatever the variable is. Make each in the dtype of its variable.",
    hint=1,
    subtle=True,
)
class VelocitiesInFloat32(_Momentum):
    def build(self, variables):
        if not self.built:
            super(_Momentum, self).build(variables)
            self.velocities = [
                self.add_variable(shape=variable.shape, dtype="float32", name="velocity") for variable in variables
            ]

    def update_step(self, gradient, variable, learning_rate):
        push = learning_rate * tf.cast(gradient, tf.float32)
        velocity = self.velocity_of(variable)
        velocity.assign(self.momentum * velocity + push)
        step = self.momentum * velocity + push if self.nesterov else tf.convert_to_tensor(velocity)
        variable.assign_sub(tf.cast(step, variable.dtype))


@misconception(
    "MomentumSGD",
    says="You call float() on the rate. In a graph it has no value yet: compute with the tensor that update_step is "
    "given.",
    hint=2,
    subtle=True,
)
class RateAsAPythonNumber(_Momentum):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, float(learning_rate))


@misconception(
    "MomentumSGD",
    says="You wrote the methods of Keras 2, `_create_slots` and `_resource_apply_dense`, and nobody calls them. Keras "
    "3 calls `build` and `update_step`.",
    hint=2,
)
class MethodsOfKeras2(tf.keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    def _create_slots(self, var_list):
        for variable in var_list:
            self.add_slot(variable, "velocity")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        velocity = self.get_slot(var, "velocity")
        velocity.assign(self.momentum * velocity + self.learning_rate * grad)
        return var.assign_sub(velocity)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


# choose_optimizer


def _recipe(use):
    """The right class, rate and options, for wrong turns to change one of them."""
    optimizers = tf.keras.optimizers
    recipes = {
        "default": (optimizers.Adam, 1e-3, {}),
        "transformer": (optimizers.AdamW, 1e-3, {"weight_decay": 1e-4}),
        "vision": (optimizers.SGD, 1e-2, {"momentum": 0.9}),
        "recurrent": (optimizers.RMSprop, 1e-3, {"global_clipnorm": 1.0}),
        "sparse": (optimizers.Adagrad, 1e-2, {}),
    }
    if use not in recipes:
        raise ValueError(f"use must be one of {list(recipes)}. Received: use={use!r}")
    return recipes[use]


@misconception(
    "choose_optimizer",
    says="You fall back to Adam for a use you do not know. A misspelt name must be an error, not a silent choice.",
    hint=1,
)
def choose_adam_for_the_unknown(use, *, learning_rate=None):
    make, rate, options = _recipe(use if use in ("transformer", "vision", "recurrent", "sparse") else "default")
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="You leave the rates to Keras, and its Adagrad starts at 1e-3. The cheat sheet's is 1e-2.",
    hint=2,
    subtle=True,
)
def choose_rates_of_keras(use, *, learning_rate=None):
    make, _, options = _recipe(use)
    return make(**options) if learning_rate is None else make(learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="You leave the decay to Keras, and its AdamW has 4e-3. The cheat sheet's is 1e-4.",
    hint=2,
    subtle=True,
)
def choose_decay_of_keras(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    options.pop("weight_decay", None)
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="You set clipnorm, which clips each gradient by itself and changes their common direction. Set "
    "global_clipnorm.",
    hint=2,
    subtle=True,
)
def choose_clipping_each_gradient(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    if use == "recurrent":
        options = {"clipnorm": 1.0}
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="Your `learning_rate or …` takes a rate of 0.0 for 'not given'. Compare with None.",
    hint=3,
    subtle=True,
)
def choose_with_or(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    return make(learning_rate or rate, **options)


@misconception(
    "choose_optimizer",
    says="You call float() on the rate, but a LearningRateSchedule is no number. Hand it on as it is.",
    hint=3,
    subtle=True,
)
def choose_with_a_float(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    return make(rate if learning_rate is None else float(learning_rate), **options)


@misconception(
    "choose_optimizer",
    says="You leave the biases out of the weight decay. Many recipes do; the cheat sheet says nothing of it, and what "
    "it does not name stays as Keras sets it.",
    hint=2,
    subtle=True,
)
def choose_no_decay_for_biases(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    optimizer = make(rate if learning_rate is None else learning_rate, **options)
    if use == "transformer":
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@misconception(
    "choose_optimizer",
    says="You take a use for known when it is the beginning of a name. Only the five names, whole, are uses.",
    hint=1,
    subtle=True,
)
def choose_by_the_beginning(use, *, learning_rate=None):
    names = ("default", "transformer", "vision", "recurrent", "sparse")
    make, rate, options = _recipe(next((name for name in names if use and name.startswith(use)), use))
    return make(rate if learning_rate is None else learning_rate, **options)


@functools.cache
def _kept(use, learning_rate):
    make, rate, options = _recipe(use)
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="You hand out the same optimizer twice. It belongs to the first model's variables and refuses those of the "
    "next: make a new one at every call.",
    hint=3,
    subtle=True,
)
def choose_from_a_cache(use, *, learning_rate=None):
    return _kept(use, learning_rate)


@misconception(
    "choose_optimizer",
    says="You turn on nesterov for vision. The cheat sheet says momentum=0.9 and nothing else; what it does not name "
    "stays as Keras sets it.",
    hint=2,
    subtle=True,
)
def choose_nesterov_for_vision(use, *, learning_rate=None):
    make, rate, options = _recipe(use)
    if use == "vision":
        options = {**options, "nesterov": True}
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="You forgive another spelling, as in 'Default'. Only the five names of the table are uses; anything else is a "
    "ValueError.",
    hint=1,
    subtle=True,
)
def choose_in_any_spelling(use, *, learning_rate=None):
    make, rate, options = _recipe(use.strip().lower())
    return make(rate if learning_rate is None else learning_rate, **options)


@misconception(
    "choose_optimizer",
    says="Your optimizer has another name than Keras gives it. The cheat sheet names none, and what it does not name "
    "stays as Keras sets it.",
    hint=2,
    subtle=True,
)
def choose_with_a_name(use, *, learning_rate=None):
    kind, rate, options = _recipe(use)
    return kind(rate if learning_rate is None else learning_rate, name=use, **options)
