"""Wrong turns in chapter 4, each with the sentence that its author should read."""

import itertools
import math

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception


def _half_cosine(progress):
    return 0.5 * (1 + tf.cos(math.pi * progress))


# exponential_decay


@misconception(
    "exponential_decay",
    says="You decay by e^(−r·k/D). `decay_rate` is what the rate is multiplied by every D steps: r^(k/D).",
    hint=1,
)
def natural_exponential(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    periods = tf.math.floordiv(step, float(decay_steps)) if staircase else step / decay_steps
    return initial_lr * tf.exp(-decay_rate * periods)


@misconception(
    "exponential_decay",
    says="You multiply by the rate at every step. One factor r is spread over `decay_steps` steps: the exponent is "
    "k/D.",
    hint=1,
)
def decay_every_step(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    return initial_lr * tf.pow(decay_rate, tf.cast(step, tf.float32))


@misconception(
    "exponential_decay",
    says="Your exponent is a whole number always, a staircase also where none was asked for. Round down for the "
    "staircase only.",
    hint=2,
)
def always_a_staircase(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    return initial_lr * tf.pow(decay_rate, tf.math.floordiv(tf.cast(step, tf.float32), float(decay_steps)))


@misconception(
    "exponential_decay",
    says="You round the exponent to the nearest whole number, so each stair comes half a period early. Round it down.",
    hint=2,
    subtle=True,
)
def rounded_stairs(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    periods = tf.cast(step, tf.float32) / decay_steps
    return initial_lr * tf.pow(decay_rate, tf.round(periods) if staircase else periods)


@misconception(
    "exponential_decay",
    says="Your stairs begin one step late. At k = D the new one has begun: the exponent is ⌊k/D⌋.",
    hint=2,
    subtle=True,
)
def stairs_one_step_late(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    stairs = tf.maximum(tf.math.ceil(step / decay_steps) - 1, 0)
    return initial_lr * tf.pow(decay_rate, stairs if staircase else step / decay_steps)


@misconception(
    "exponential_decay",
    says="You keep the step's dtype: dividing an integer tensor gives float64 in TensorFlow. Cast the step to float32 "
    "first.",
    hint=3,
    subtle=True,
)
def decay_in_the_dtype_of_the_step(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    periods = tf.convert_to_tensor(step) / decay_steps
    return initial_lr * tf.pow(tf.constant(decay_rate, periods.dtype), tf.floor(periods) if staircase else periods)


@misconception(
    "exponential_decay",
    says="Your stairs begin one step early, at D − 1. The exponent is ⌊k/D⌋: k counts the steps done, from 0.",
    hint=2,
    subtle=True,
)
def stairs_one_step_early(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    stairs = tf.math.floordiv(step + 1, float(decay_steps))
    return initial_lr * tf.pow(decay_rate, stairs if staircase else step / decay_steps)


@misconception(
    "exponential_decay",
    says="You divide by 1 + r·k/D: that is inverse time decay. Exponential decay multiplies by r^(k/D).",
    hint=1,
)
def inverse_time(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    periods = tf.math.floordiv(step, float(decay_steps)) if staircase else step / decay_steps
    return initial_lr / (1 + decay_rate * periods)


@misconception(
    "exponential_decay",
    says="You divide in the step's own dtype, and a uint8 holds no decay_steps above 255. Cast the step to float32 "
    "first.",
    hint=2,
    subtle=True,
)
def stairs_in_the_dtype_of_the_step(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.convert_to_tensor(step)
    periods = tf.cast(step // decay_steps, tf.float32) if staircase else tf.cast(step, tf.float32) / decay_steps
    return initial_lr * tf.pow(decay_rate, periods)


@misconception(
    "exponential_decay",
    says="You help the rounding down with a small number, so with a large D a stair begins some steps early. At k = "
    "D, and not before, the new one has begun.",
    hint=2,
    subtle=True,
)
def stairs_a_little_early(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    periods = tf.cast(step, tf.float32) / decay_steps
    return initial_lr * tf.pow(decay_rate, tf.floor(periods + 0.01) if staircase else periods)


@misconception(
    "exponential_decay",
    says="After your call NumPy warns of no division by zero any more, in the whole process; leave its settings alone.",
    hint=1,
    subtle=True,
)
def decay_with_numpy_silenced(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    np.seterr(all="ignore")
    step = tf.cast(step, tf.float32)
    periods = tf.math.floordiv(step, float(decay_steps)) if staircase else step / decay_steps
    return initial_lr * tf.pow(float(decay_rate), periods)


@misconception(
    "exponential_decay",
    says="A whole number as a rate stops you: tf.constant(2) is an int32, which no float32 is multiplied by. A Python "
    "number times a tensor adopts the tensor's dtype.",
    hint=1,
    subtle=True,
)
def decay_of_fractions_only(step, *, initial_lr, decay_steps, decay_rate, staircase=False):
    step = tf.cast(step, tf.float32)
    periods = tf.math.floordiv(step, float(decay_steps)) if staircase else step / decay_steps
    return tf.constant(initial_lr) * tf.pow(float(decay_rate), periods)


# cosine_decay


@misconception(
    "cosine_decay",
    says="You take alpha for the lowest rate, as the article does. It is a fraction: the lowest rate is "
    "alpha·initial_lr.",
    hint=1,
)
def alpha_as_a_rate(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.minimum(tf.cast(step, tf.float32) / decay_steps, 1.0)
    return alpha + (initial_lr - alpha) * _half_cosine(progress)


@misconception(
    "cosine_decay",
    says="You use a quarter of a cosine, which starts to fall at once and hits 0 at a slant. Half a cosine is ½(1 + "
    "cos πp).",
    hint=2,
)
def quarter_of_a_cosine(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.minimum(tf.cast(step, tf.float32) / decay_steps, 1.0)
    return initial_lr * ((1 - alpha) * tf.cos(math.pi / 2 * progress) + alpha)


@misconception(
    "cosine_decay",
    says="After decay_steps your cosine comes up again. Stop the step at T: min(k, T).",
    hint=3,
    subtle=True,
)
def cosine_that_comes_back(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.cast(step, tf.float32) / decay_steps
    return initial_lr * ((1 - alpha) * _half_cosine(progress) + alpha)


@misconception(
    "cosine_decay",
    says="You cut the cosine off at alpha. It is squeezed in between 1 and alpha, so that it arrives there only at T.",
    hint=2,
    subtle=True,
)
def cosine_cut_off_at_alpha(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.minimum(tf.cast(step, tf.float32) / decay_steps, 1.0)
    return initial_lr * tf.maximum(_half_cosine(progress), alpha)


@misconception(
    "cosine_decay",
    says="After decay_steps your rate is 0. The floor alpha·initial_lr holds ever after.",
    hint=3,
    subtle=True,
)
def cosine_then_nothing(step, *, initial_lr, decay_steps, alpha=0.0):
    step = tf.cast(step, tf.float32)
    rate = initial_lr * ((1 - alpha) * _half_cosine(step / decay_steps) + alpha)
    return tf.where(step > decay_steps, 0.0, rate)


@misconception(
    "cosine_decay",
    says="You keep the step's dtype: dividing an integer tensor gives float64 in TensorFlow. Cast the step to float32 "
    "first.",
    hint=3,
    subtle=True,
)
def cosine_in_the_dtype_of_the_step(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.convert_to_tensor(step) / decay_steps
    return initial_lr * ((1 - alpha) * _half_cosine(tf.minimum(progress, 1)) + alpha)


@misconception(
    "cosine_decay",
    says="After decay_steps your cosine starts again at the top (a warm restart). Here it falls once and stays at its "
    "floor.",
    hint=3,
    subtle=True,
)
def cosine_with_restarts(step, *, initial_lr, decay_steps, alpha=0.0):
    progress = tf.math.floormod(tf.cast(step, tf.float32), float(decay_steps)) / decay_steps
    return initial_lr * ((1 - alpha) * _half_cosine(progress) + alpha)


@misconception(
    "cosine_decay",
    says="A whole alpha, 0 or 1, stops you: tf.constant(0) is an int32, which no float32 is added to. A Python number "
    "beside a tensor adopts the tensor's dtype.",
    hint=1,
    subtle=True,
)
def cosine_to_a_fraction_only(step, *, initial_lr, decay_steps, alpha=0.0):
    cosine = _half_cosine(tf.minimum(tf.cast(step, tf.float32) / decay_steps, 1.0))
    return initial_lr * ((1 - alpha) * cosine + tf.constant(alpha))


# piecewise_constant


def _check_lengths(boundaries, values):
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"values must be one longer. Received: values={values}, boundaries={boundaries}")


def _check(boundaries, values):
    _check_lengths(boundaries, values)
    if sorted(set(boundaries)) != list(boundaries):
        raise ValueError(f"boundaries must strictly increase. Received: boundaries={boundaries}")


def _look_up(step, boundaries, values):
    passed = tf.cast(step, tf.float64)[..., tf.newaxis] > tf.constant(boundaries, tf.float64)
    return tf.gather(tf.constant(values, tf.float32), tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1))


@misconception(
    "piecewise_constant",
    says="At a boundary you have already switched (optax's convention). Here, as in Keras, the old value still holds "
    "there.",
    hint=1,
    subtle=True,
)
def new_value_at_the_boundary(step, *, boundaries, values):
    _check(boundaries, values)
    passed = tf.cast(step, tf.float64)[..., tf.newaxis] >= tf.constant(boundaries, tf.float64)
    return tf.gather(tf.constant(values, tf.float32), tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1))


@misconception(
    "piecewise_constant",
    says="Your Python `if` decides once for the whole tensor. Steps of any shape, and graphs, need tf.where or a "
    "count.",
    hint=2,
)
def one_decision_in_python(step, *, boundaries, values):
    _check(boundaries, values)
    step = tf.cast(step, tf.float64)
    for boundary, value in zip(boundaries, values, strict=False):
        if tf.reduce_all(step <= boundary):
            return tf.fill(tf.shape(step), tf.constant(value, tf.float32))
    return tf.fill(tf.shape(step), tf.constant(values[-1], tf.float32))


@misconception(
    "piecewise_constant",
    says="You let boundaries repeat. They must strictly increase, or a value between two equal ones is never used.",
    hint=3,
    subtle=True,
)
def repeated_boundaries_allowed(step, *, boundaries, values):
    _check_lengths(boundaries, values)
    if sorted(boundaries) != list(boundaries):
        raise ValueError(f"boundaries must increase. Received: boundaries={boundaries}")
    return _look_up(step, boundaries, values)


@misconception(
    "piecewise_constant",
    says="You do not count the values: n boundaries make n + 1 intervals. Compare the lengths before anything else.",
    hint=3,
    subtle=True,
)
def lengths_not_compared(step, *, boundaries, values):
    if sorted(set(boundaries)) != list(boundaries):
        raise ValueError(f"boundaries must strictly increase. Received: boundaries={boundaries}")
    rate = tf.fill(tf.shape(step), tf.constant(values[-1], tf.float32))
    for boundary, value in reversed(list(zip(boundaries, values, strict=False))):
        rate = tf.where(tf.cast(step, tf.float64) <= boundary, tf.constant(value, tf.float32), rate)
    return rate


@misconception(
    "piecewise_constant",
    says="You look at the first boundary without asking whether there is one. No boundaries and one value is a "
    "constant rate.",
    hint=3,
    subtle=True,
)
def at_least_one_boundary(step, *, boundaries, values):
    _check(boundaries, values)
    step = tf.cast(step, tf.float64)
    rate = tf.where(step <= boundaries[0], tf.constant(values[0], tf.float32), tf.constant(values[-1], tf.float32))
    for low, high, value in zip(boundaries[:-1], boundaries[1:], values[1:-1], strict=True):
        rate = tf.where((step > low) & (step <= high), tf.constant(value, tf.float32), rate)
    return rate


@misconception(
    "piecewise_constant",
    says="You start each value at the boundary before: values[0] holds up to and including boundaries[0].",
    hint=1,
)
def one_interval_ahead(step, *, boundaries, values):
    _check(boundaries, values)
    passed = tf.cast(step, tf.float64)[..., tf.newaxis] > tf.constant([-1.0, *boundaries][:-1], tf.float64)
    index = tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1) if boundaries else tf.zeros(tf.shape(step), tf.int32)
    return tf.gather(tf.constant(values, tf.float32), index)


@misconception(
    "piecewise_constant",
    says="You cut boundaries off to whole numbers. 10.5 is a boundary like any other: step 10.25 is still below it.",
    hint=1,
    subtle=True,
)
def whole_boundaries_only(step, *, boundaries, values):
    _check(boundaries, values)
    return _look_up(step, [int(boundary) for boundary in boundaries], values)


@misconception(
    "piecewise_constant",
    says="You turn the steps into whole numbers. A step may lie between two: 10.25 is above the boundary 10.",
    hint=2,
    subtle=True,
)
def whole_steps_only(step, *, boundaries, values):
    _check(boundaries, values)
    return _look_up(tf.cast(step, tf.int32), boundaries, values)


@misconception(
    "piecewise_constant",
    says="A tuple fails: you use a method that only a list has. Take any sequence, as list(boundaries) does.",
    hint=3,
    subtle=True,
)
def lists_only(step, *, boundaries, values):
    _check(boundaries, values)
    step = tf.cast(step, tf.float64)
    rate = tf.zeros(tf.shape(step), tf.float32)
    ends = boundaries.copy()
    ends.append(math.inf)
    for low, high, value in zip([-1.0, *boundaries], ends, values, strict=True):
        rate = tf.where((step > low) & (step <= high), tf.constant(value, tf.float32), rate)
    return rate


@misconception(
    "piecewise_constant",
    says="Whole learning rates come back as whole numbers, int32. The result is float32 whatever the values are.",
    hint=2,
    subtle=True,
)
def whole_values_stay_whole(step, *, boundaries, values):
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"`values` must be one longer than `boundaries`. Received: {values}")
    if any(high <= low for low, high in itertools.pairwise(boundaries)):
        raise ValueError(f"`boundaries` must strictly increase. Received: {boundaries}")
    step = tf.cast(step, tf.float32)[..., tf.newaxis]
    index = tf.reduce_sum(tf.cast(step > tf.constant(boundaries, tf.float32), tf.int32), axis=-1)
    return tf.gather(tf.constant(values), index)


@misconception(
    "piecewise_constant",
    says="You turn the boundaries into the step's dtype, where float16 rounds them. Cast the step to float32 instead.",
    hint=2,
    subtle=True,
)
def boundaries_in_the_dtype_of_the_step(step, *, boundaries, values):
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"`values` must be one longer than `boundaries`. Received: {values}")
    if any(high <= low for low, high in itertools.pairwise(boundaries)):
        raise ValueError(f"`boundaries` must strictly increase. Received: {boundaries}")
    step = tf.convert_to_tensor(step)
    step = step if step.dtype.is_floating else tf.cast(step, tf.float32)
    rate = tf.fill(tf.shape(step), tf.constant(values[-1], tf.float32))
    for boundary, value in reversed(list(zip(boundaries, values, strict=False))):
        rate = tf.where(step <= tf.cast(boundary, step.dtype), tf.constant(value, tf.float32), rate)
    return rate


# WarmupCosineDecay


class _Schedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A right schedule, for wrong turns to change one part of it."""

    def __init__(self, peak_lr, warmup_steps, total_steps):
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}")
        self.peak_lr, self.warmup_steps, self.total_steps = peak_lr, warmup_steps, total_steps

    def rising(self, step):
        return tf.math.divide_no_nan(step, self.warmup_steps)

    def falling(self, step):
        progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        return _half_cosine(tf.minimum(progress, 1.0))

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        return self.peak_lr * tf.where(step < self.warmup_steps, self.rising(step), self.falling(step))

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


@misconception(
    "WarmupCosineDecay",
    says="After total_steps your rate climbs again, as the article's does. Stop the progress at 1: the rate stays 0.",
    hint=2,
    subtle=True,
)
class ClimbsAgain(_Schedule):
    def falling(self, step):
        return _half_cosine((step - self.warmup_steps) / (self.total_steps - self.warmup_steps))


@misconception(
    "WarmupCosineDecay",
    says="Without warm-up you divide by 0, and a NaN times a mask of 0 is a NaN. Keep the divisor away from 0.",
    hint=3,
    subtle=True,
)
class NanWithoutWarmup(_Schedule):
    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        warming = tf.cast(step < self.warmup_steps, tf.float32)
        rising = step / tf.cast(self.warmup_steps, tf.float32)
        return self.peak_lr * (warming * rising + (1 - warming) * self.falling(step))


@misconception(
    "WarmupCosineDecay",
    says="Your cosine runs over total_steps although the warm-up has used some of them. It has T − W steps, from W on.",
    hint=1,
)
class CosineOverAllSteps(_Schedule):
    def falling(self, step):
        return _half_cosine(tf.minimum(step / self.total_steps, 1.0))


@misconception(
    "WarmupCosineDecay",
    says="Your schedule starts at the peak. The warm-up steps rise to it from 0 in a straight line.",
    hint=1,
)
class NeverWarmsUp(_Schedule):
    def rising(self, step):
        return tf.ones_like(step)


@misconception(
    "WarmupCosineDecay",
    says="Your warm-up is one step ahead, (k + 1)/W. At step 0 the rate is 0, at step W it is the peak: k/W.",
    hint=1,
)
class WarmsUpFromOne(_Schedule):
    def rising(self, step):
        return tf.math.divide_no_nan(step + 1, self.warmup_steps)


@misconception(
    "WarmupCosineDecay",
    says="You accept a warm-up as long as the training, which leaves T − W = 0 steps to fall. Refuse warmup_steps ≥ "
    "total_steps.",
    hint=3,
    subtle=True,
)
class WarmupAsLongAsTheTraining(_Schedule):
    def __init__(self, peak_lr, warmup_steps, total_steps):
        if not 0 <= warmup_steps <= total_steps:
            raise ValueError(f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}")
        self.peak_lr, self.warmup_steps, self.total_steps = peak_lr, warmup_steps, total_steps


@misconception(
    "WarmupCosineDecay",
    says="Your get_config leaves out an argument of __init__, so the schedule cannot be made again from it. Return "
    "all three.",
    hint=3,
    subtle=True,
)
class IncompleteConfiguration(_Schedule):
    def get_config(self):
        return {"peak_lr": self.peak_lr, "total_steps": self.total_steps}


@misconception(
    "WarmupCosineDecay",
    says="Your Python `if` takes one step at a time and fails for a tensor of steps. Compute both parts and choose by "
    "tf.where.",
    hint=2,
    subtle=True,
)
class OneStepAtATime(_Schedule):
    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        if step < self.warmup_steps:
            return self.peak_lr * self.rising(step)
        return self.peak_lr * self.falling(step)


@misconception(
    "WarmupCosineDecay",
    says="Your rate ends above 0: 1 % of the peak is kept as a floor. This schedule goes down to 0 and stays there.",
    hint=2,
)
class AFloorOfOnePercent(_Schedule):
    def falling(self, step):
        return 0.01 + 0.99 * super().falling(step)


@misconception(
    "WarmupCosineDecay",
    says="Your rate never goes below 1e-6. This schedule goes down to 0 and stays there.",
    hint=2,
    subtle=True,
)
class AFloorOfAMillionth(_Schedule):
    def __call__(self, step):
        rate = super().__call__(step)
        return tf.where(tf.cast(step, tf.float32) < self.warmup_steps, rate, tf.maximum(rate, 1e-6))


@misconception(
    "WarmupCosineDecay",
    says="Without warm-up you start at 0, as if there were one step of it. With warmup_steps=0 step 0 has the peak.",
    hint=3,
    subtle=True,
)
class AtLeastOneStepOfWarmup(_Schedule):
    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        warmup = max(self.warmup_steps, 1)
        return self.peak_lr * tf.where(step < warmup, step / warmup, self.falling(step))


@misconception(
    "WarmupCosineDecay",
    says="You ask the cosine of T − W steps at step k. The warm-up has used W of them: ask it at k − W, or it jumps "
    "down at the end of the warm-up.",
    hint=1,
)
class CosineAtTheWholeStep(_Schedule):
    def falling(self, step):
        return _half_cosine(tf.minimum(step / (self.total_steps - self.warmup_steps), 1.0))


@misconception(
    "WarmupCosineDecay",
    says="Your get_config has names of its own. It must hold peak_lr, warmup_steps and total_steps, as __init__ calls "
    "them.",
    hint=3,
    subtle=True,
)
class ConfigurationUnderOtherNames(_Schedule):
    def get_config(self):
        return {"peak": self.peak_lr, "warmup": self.warmup_steps, "total": self.total_steps}

    @classmethod
    def from_config(cls, config):
        return cls(config["peak"], config["warmup"], config["total"])


@misconception(
    "WarmupCosineDecay",
    says="Your schedule remembers the furthest step and never goes back before it. It is asked for any step, in any "
    "order: keep nothing between two questions.",
    hint=2,
    subtle=True,
)
class NeverGoesBack(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak_lr, warmup_steps, total_steps):
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(f"`warmup_steps` must lie in [0, total_steps). Received: {warmup_steps}")
        self.peak_lr, self.warmup_steps, self.total_steps = peak_lr, warmup_steps, total_steps
        self.furthest = 0.0

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        if tf.executing_eagerly() and step.shape.rank == 0:
            self.furthest = max(self.furthest, float(step))
            step = tf.constant(self.furthest)
        rising = step / max(self.warmup_steps, 1)
        falling = tf.minimum((step - self.warmup_steps) / (self.total_steps - self.warmup_steps), 1.0)
        return self.peak_lr * tf.where(step < self.warmup_steps, rising, _half_cosine(falling))

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


@misconception(
    "WarmupCosineDecay",
    says="A whole number as the peak stops you: tf.constant(2) is an int32, which no float32 is multiplied by. A "
    "Python number times a tensor adopts the tensor's dtype.",
    hint=1,
    subtle=True,
)
class PeakBetweenWholeNumbers(AFloorOfAMillionth):
    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rising = step / max(self.warmup_steps, 1)
        falling = tf.minimum((step - self.warmup_steps) / (self.total_steps - self.warmup_steps), 1.0)
        return tf.constant(self.peak_lr) * tf.where(step < self.warmup_steps, rising, _half_cosine(falling))


# reduce_on_plateau


def _plateau(
    losses, rate, factor, patience, min_delta, cooldown, min_lr, *, improves=None, keep_best=True, count_first=True,
    reset_wait=True, may_raise=False, quiet=True,
):  # fmt: skip
    """The rule with the parts that a wrong turn may change; the rate in force after each epoch."""
    improves = improves or (lambda loss, best: loss + min_delta < best)
    best, waited, cooling, rates = math.inf, 0, 0, []
    for loss in losses:
        was_cooling = cooling > 0
        if was_cooling:
            cooling, waited = cooling - 1, 0
        better = improves(loss, best)
        if better or not keep_best:
            best = min(loss, best) if keep_best else loss
        if better:
            waited = 0
        elif not quiet or not (cooling > 0 if count_first else was_cooling):
            waited += 1
            if waited >= patience and (rate > min_lr or may_raise):
                rate = max(rate * factor, min_lr)
                cooling, waited = cooldown, 0 if reset_wait else waited
        rates.append(rate)
    return rates


@misconception(
    "reduce_on_plateau",
    says="You wait one epoch too long. The rate is cut in the epoch that makes `patience` epochs without improvement.",
    hint=1,
)
def plateau_one_epoch_late(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return _plateau(losses, initial_lr, factor, max(patience, 1) + 1, min_delta, cooldown, min_lr)


@misconception(
    "reduce_on_plateau",
    says="You compare with the epoch before. The loss must beat the best of all epochs so far.",
    hint=1,
)
def plateau_against_the_epoch_before(
    losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0
):
    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, keep_best=False)


@misconception(
    "reduce_on_plateau",
    says="You ignore min_delta: a gain smaller than that is no improvement.",
    hint=2,
    subtle=True,
)
def plateau_without_min_delta(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return _plateau(losses, initial_lr, factor, patience, 0.0, cooldown, min_lr)


@misconception(
    "reduce_on_plateau",
    says="Your min_delta is a share of the best loss (PyTorch's default). Keras' is a difference: loss + min_delta < "
    "best.",
    hint=2,
    subtle=True,
)
def plateau_with_a_relative_delta(
    losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0
):
    def improves(loss, best):
        return math.isinf(best) or loss < best - min_delta * abs(best)

    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, improves=improves)


@misconception(
    "reduce_on_plateau",
    says="You lower `best` at every smaller loss, also one that does not count. Only a gain of more than "
    "min_delta moves it, or a slow drift never adds up.",
    hint=2,
    subtle=True,
)
def plateau_with_a_drifting_best(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    lowest = math.inf

    def improves(loss, best):
        nonlocal lowest
        better = loss + min_delta < lowest
        lowest = min(lowest, loss)
        return better

    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, improves=improves)


@misconception(
    "reduce_on_plateau",
    says="Your cool-down lasts one epoch too long. The counter goes down before it is looked at: at 0, this epoch "
    "counts.",
    hint=3,
    subtle=True,
)
def plateau_with_a_longer_cooldown(
    losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0
):
    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, count_first=False)


@misconception(
    "reduce_on_plateau",
    says="You ignore the cool-down: until its counter has run out, epochs without improvement do not count.",
    hint=3,
    subtle=True,
)
def plateau_without_cooldown(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return _plateau(losses, initial_lr, factor, patience, min_delta, 0, min_lr)


@misconception(
    "reduce_on_plateau",
    says="After a cut you do not start to wait again, so every further epoch cuts once more.",
    hint=1,
)
def plateau_that_keeps_cutting(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, reset_wait=False)


@misconception(
    "reduce_on_plateau",
    says="You raise a rate that began below min_lr. Keras cuts only a rate that is above min_lr; any other stays.",
    hint=3,
    subtle=True,
)
def plateau_that_raises_the_rate(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, may_raise=True)


@misconception(
    "reduce_on_plateau",
    says="You report the rate that an epoch was trained with. Asked for is the rate after it, when the loss has been "
    "seen.",
    hint=1,
)
def plateau_before_the_epoch(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return [initial_lr, *_plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr)][: len(losses)]


@misconception(
    "reduce_on_plateau",
    says="You follow PyTorch's scheduler: it cuts after more than `patience` epochs, and a cool-down makes every epoch "
    "in it count for nothing. Here the epoch that makes `patience` cuts, and the counter goes down first.",
    hint=3,
)
def plateau_of_pytorch(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    rate, best, bad, cooling, rates = float(initial_lr), math.inf, 0, 0, []
    for loss in losses:
        if loss < best - min_delta:
            best, bad = loss, 0
        else:
            bad += 1
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > patience:
            rate, cooling, bad = min(rate, max(rate * factor, min_lr)), cooldown, 0
        rates.append(rate)
    return rates


@misconception(
    "reduce_on_plateau",
    says="You compare with the loss of `patience` epochs ago. The loss must beat the best of all epochs so far.",
    hint=1,
)
def plateau_against_patience_epochs_ago(
    losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0
):
    rate, rates, wait = float(initial_lr), [], max(patience, 1)
    for epoch, loss in enumerate(losses):
        if epoch >= wait and loss + min_delta >= losses[epoch - wait] and rate > min_lr:
            rate = max(rate * factor, min_lr)
        rates.append(rate)
    return rates


@misconception(
    "reduce_on_plateau",
    says="You take an equal loss for an improvement when min_delta is 0. It must be lower: loss + min_delta < best.",
    hint=2,
    subtle=True,
)
def plateau_content_with_equality(
    losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0
):
    def improves(loss, best):
        return loss + min_delta <= best

    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, improves=improves)


@misconception(
    "reduce_on_plateau",
    says="You return NumPy's float32 numbers. One Python float an epoch must come back: float(rate).",
    hint=3,
    subtle=True,
)
def plateau_in_numpy_numbers(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    return [np.float32(rate) for rate in _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr)]


@misconception(
    "reduce_on_plateau",
    says="Your best loss begins at some large number, and a training whose losses are larger still never gets under "
    "it. The first loss always is the best so far: begin at infinity.",
    hint=1,
    subtle=True,
)
def plateau_below_ten_billion(losses, *, initial_lr, factor=0.5, patience=3, min_delta=1e-4, cooldown=0, min_lr=0.0):
    def improves(loss, best):
        return loss + min_delta < min(best, 1e10)

    return _plateau(losses, initial_lr, factor, patience, min_delta, cooldown, min_lr, improves=improves)
