"""Other right ways to write the katas of chapter 4."""

import itertools
import math

import numpy as np
import tensorflow as tf

from kata.waist.variants import approach


@approach(
    "exponential_decay",
    note="η₀·e^(ln r · k/D): one exponential with the rate known at once; loses a digit when k/D is in the hundreds.",
)
def decay_by_exp(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    if staircase:
        step = step - tf.math.floormod(step, float(decay_steps))  # down to the last multiple: exact, nothing to round
    return initial_lr * tf.exp(step * (math.log(decay_rate) / decay_steps))


@approach(
    "exponential_decay",
    note="Everything in float64, rounded once at the end: exact to the last bit, twice the width.",
)
def decay_in_float64(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float64)
    periods = tf.math.floordiv(step, decay_steps) if staircase else tf.math.divide(step, decay_steps)
    return tf.cast(initial_lr * tf.pow(tf.constant(decay_rate, tf.float64), periods), tf.float32)


@approach(
    "exponential_decay",
    note="The staircase by taking the remainder off, k − k mod D, which is exact; rᵖ as e^(p·ln r). TensorFlow "
    "computes pow much the same way.",
)
def decay_without_the_remainder(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    if staircase:
        step -= tf.math.floormod(step, float(decay_steps))
    return initial_lr * tf.exp(tf.math.xlogy(step / decay_steps, decay_rate))


@approach(
    "cosine_decay",
    note="½(1 + cos x) = cos²(x/2): no 1 − 1 at the end of the fall, so small rates keep their digits.",
)
def cosine_by_the_half_angle(step, *, initial_lr, decay_steps, alpha=0.0):
    angle = tf.minimum(tf.cast(step, tf.float32), decay_steps) * (math.pi / 2 / decay_steps)
    return initial_lr * (alpha + (1 - alpha) * tf.square(tf.cos(angle)))


@approach("cosine_decay", note="Between a lowest and a highest rate, as the paper writes it: α turns into a rate once.")
def cosine_between_two_rates(step, *, initial_lr, decay_steps, alpha=0.0):
    lowest, highest = alpha * initial_lr, initial_lr
    progress = tf.clip_by_value(tf.cast(step, tf.float32) / decay_steps, 0.0, 1.0)
    return lowest + (highest - lowest) * (1 + tf.cos(math.pi * progress)) / 2


def _check_pieces(boundaries, values):
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"values and boundaries do not fit. Received: values={values}, boundaries={boundaries}")
    if any(after <= before for before, after in itertools.pairwise(boundaries)):
        raise ValueError(f"boundaries must strictly increase. Received: boundaries={boundaries}")


@approach(
    "piecewise_constant",
    note="A binary search: the fewest comparisons for many boundaries; it wants one axis only.",
)
def piecewise_by_search(step, *, boundaries, values):
    _check_pieces(boundaries, values)
    step = tf.cast(step, tf.float64)
    # side="left": a step equal to a boundary is put before it, where the old value holds.
    index = tf.searchsorted(tf.constant(boundaries, tf.float64), tf.reshape(step, [-1]), side="left")
    return tf.reshape(tf.gather(tf.constant(values, tf.float32), index), tf.shape(step))


@approach(
    "piecewise_constant",
    note="tf.where from the last boundary back: reads like the rule; one operation a boundary.",
)
def piecewise_by_where(step, *, boundaries, values):
    _check_pieces(boundaries, values)
    step = tf.cast(step, tf.float64)
    rate = tf.fill(tf.shape(step), tf.constant(values[-1], tf.float32))
    for boundary, value in zip(reversed(boundaries), reversed(values[:-1]), strict=True):
        rate = tf.where(step <= boundary, tf.constant(value, tf.float32), rate)
    return rate


@approach(
    "piecewise_constant",
    note="Adds up the jumps that lie behind a step: one term a boundary, and no index. The sum rounds, in the last "
    "digit.",
)
def piecewise_by_jumps(step, *, boundaries, values):
    _check_pieces(boundaries, values)
    step = tf.cast(step, tf.float32)
    rate = tf.fill(tf.shape(step), float(values[0]))
    for boundary, (old, new) in zip(boundaries, itertools.pairwise(values), strict=True):
        rate += tf.cast(step > boundary, tf.float32) * (new - old)
    return rate


@approach(
    "WarmupCosineDecay",
    note="A product instead of tf.where: while one factor moves, the other is 1. No branch, so none that divides by "
    "zero.",
)
class WarmupTimesCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak_lr, warmup_steps, total_steps):
        if warmup_steps < 0 or warmup_steps >= total_steps:
            raise ValueError(f"warmup_steps must be in [0, {total_steps}). Received: warmup_steps={warmup_steps}")
        self.peak_lr = peak_lr
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        risen = tf.minimum(step / self.warmup_steps, 1.0) if self.warmup_steps else 1.0
        fallen = tf.clip_by_value((step - self.warmup_steps) / (self.total_steps - self.warmup_steps), 0.0, 1.0)
        return self.peak_lr * risen * tf.square(tf.cos(math.pi / 2 * fallen))

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


@approach(
    "WarmupCosineDecay",
    note="The step is stopped at the end first: one place to clamp, and the article's formula after.",
)
class WarmupCosineWithAStoppedStep(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak_lr, warmup_steps, total_steps):
        super().__init__()
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(f"Received: warmup_steps={warmup_steps} with total_steps={total_steps}")
        self.config = {"peak_lr": peak_lr, "warmup_steps": warmup_steps, "total_steps": total_steps}

    def __call__(self, step):
        peak, warmup, total = self.config.values()
        step = tf.minimum(tf.cast(step, tf.float32), total)
        cosine = 0.5 * peak * (1 + tf.cos(math.pi * (step - warmup) / (total - warmup)))
        return tf.where(step < warmup, peak * tf.math.divide_no_nan(step, warmup), cosine)

    def get_config(self):
        return dict(self.config)


@approach(
    "reduce_on_plateau",
    note="Compares and stores in float32, to the bit what the callback does with a rate variable.",
)
def plateau_in_float32(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    rate, best, waited, counter, rates = np.float32(initial_lr), None, 0, 0, []
    for loss in losses:
        if counter:
            counter -= 1
            waited = 0
        if best is None or np.float32(loss + min_delta) < np.float32(best):
            best, waited = loss, 0
        elif not counter:
            waited += 1
            if waited >= patience and rate > np.float32(min_lr):
                rate = np.float32(max(float(rate) * factor, min_lr))
                waited, counter = 0, cooldown
        rates.append(float(rate))
    return rates


@approach(
    "reduce_on_plateau",
    note="A fold: the whole state is one tuple, one pure function makes the next. Easy to test, more names to carry.",
)
def plateau_as_a_fold(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    def after(state, loss):
        rate, best, waited, counter = state
        was_cooling, counter = counter > 0, max(counter - 1, 0)
        if best is None or best - loss > min_delta:
            return rate, loss, 0, counter
        waited = 0 if was_cooling else waited
        if counter:
            return rate, best, waited, counter
        if waited + 1 < patience or rate <= min_lr:
            return rate, best, waited + 1, counter
        return max(rate * factor, min_lr), best, 0, cooldown

    states = itertools.accumulate(losses, after, initial=(float(initial_lr), None, 0, 0))
    return [state[0] for state in states][1:]


@approach(
    "reduce_on_plateau",
    note="A generator that counts the cuts and takes the power of the factor, where the others multiply each time; "
    "the floor comes last.",
)
def plateau_by_counting_cuts(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    def rates():
        best, waited, resting, cuts, rate = math.inf, 0, 0, 0, initial_lr
        for loss in losses:
            if resting:
                resting, waited = resting - 1, 0
            if loss < best - min_delta:
                best, waited = loss, 0
            elif not resting:
                waited += 1
                if waited >= patience and rate > min_lr:
                    cuts += 1
                    rate = max(initial_lr * factor**cuts, min_lr)
                    resting, waited = cooldown, 0
            yield float(rate)

    return list(rates())
