"""Wrong turns with batch sizes and accumulation, each with what its author should read."""

import functools
import math

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception


def _sizes_checked(base_batch_size, batch_size):
    for name, size in {"base_batch_size": base_batch_size, "batch_size": batch_size}.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1. Received: {name}={size}")


# linear_scaling_rule


@misconception(
    "linear_scaling_rule",
    says=(
        "You scale with the square root of the ratio, which is another rule; the linear rule scales with the ratio "
        "itself."
    ),
    hint=1,
)
def square_root_rule(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * math.sqrt(batch_size / base_batch_size))


@misconception(
    "linear_scaling_rule",
    says="Your ratio is upside down: a larger batch takes fewer steps and needs the *larger* rate.",
    hint=1,
)
def ratio_upside_down(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * base_batch_size / batch_size)


@misconception(
    "linear_scaling_rule",
    says="You divide the sizes with //, which drops the fraction: 96 // 64 is 1, and 32 // 64 is 0.",
    hint=2,
    subtle=True,
)
def whole_ratios_only(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * (batch_size // base_batch_size))


@misconception(
    "linear_scaling_rule",
    says="You count doublings, so only powers of two come out right; the rule holds for every ratio.",
    hint=2,
    subtle=True,
)
def doublings_only(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * 2.0 ** math.floor(math.log2(batch_size / base_batch_size)))


@misconception(
    "linear_scaling_rule",
    says="You never go below the base rate; a smaller batch needs a smaller rate, by the same ratio.",
    hint=1,
    subtle=True,
)
def never_scales_down(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * max(1.0, batch_size / base_batch_size))


@misconception(
    "linear_scaling_rule",
    says=(
        "You check only the size you divide by; a `batch_size` below 1 gives a rate of 0 or less and is refused as "
        "well."
    ),
    hint=3,
    subtle=True,
)
def only_the_divisor_checked(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, 1)
    return float(base_lr * batch_size / base_batch_size)


@misconception(
    "linear_scaling_rule",
    says="You refuse a size of 1 as well; a batch of one sample is small, but a batch.",
    hint=3,
    subtle=True,
)
def one_sample_refused(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size - 1, batch_size - 1)
    return float(base_lr * batch_size / base_batch_size)


@misconception(
    "linear_scaling_rule",
    says="Your rate stops growing with the batch at some size; the rule itself has no cap.",
    hint=1,
    subtle=True,
)
def capped_at_8192_samples(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr * min(batch_size, 8192) / base_batch_size)


@misconception(
    "linear_scaling_rule",
    says="You return a NumPy number with seven digits; asked for is a Python float: `float(…)` of a quotient of ints.",
    hint=3,
)
def numpy_float32_rate(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return np.float32(base_lr) * np.float32(batch_size / base_batch_size)


@misconception(
    "linear_scaling_rule",
    says="Your message for a wrong `batch_size` speaks of `base_batch_size`; it must name the argument that is wrong.",
    hint=3,
    subtle=True,
)
def names_the_other_size(base_lr, *, base_batch_size, batch_size):
    if base_batch_size < 1 or batch_size < 1:
        raise ValueError("base_batch_size must be at least 1")
    return float(base_lr * batch_size / base_batch_size)


# updates_per_epoch


@misconception(
    "updates_per_epoch",
    says="You count at least one update; when no group of K is complete, the epoch has none.",
    hint=2,
    subtle=True,
)
def at_least_one_update(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    batches = samples // batch_size if drop_remainder else -(-samples // batch_size)
    return max(1, batches // accumulation_steps)


@misconception(
    "updates_per_epoch",
    says="Your count is a float; updates are counted in whole numbers, with // or `int(…)`.",
    hint=3,
)
def counted_in_floats(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    batches = samples // batch_size if drop_remainder else np.ceil(samples / batch_size)
    return float(batches // accumulation_steps)


@misconception(
    "updates_per_epoch",
    says="You round to the nearest number of batches; a short one counts however short it is (with // rounding up).",
    hint=1,
    subtle=True,
)
def rounded_to_the_nearest(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    batches = samples // batch_size if drop_remainder else round(samples / batch_size)
    return batches // accumulation_steps


@misconception(
    "updates_per_epoch",
    says="You count whole batches only, as the article does (5000 // 64 = 78); Keras also runs the short last one.",
    hint=1,
    subtle=True,
)
def short_batch_forgotten(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    return samples // batch_size // accumulation_steps


@misconception(
    "updates_per_epoch",
    says="You add one batch even when the samples divide evenly; there is a short batch only if samples are left over.",
    hint=1,
    subtle=True,
)
def always_one_more(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    return (samples // batch_size + (not drop_remainder)) // accumulation_steps


@misconception(
    "updates_per_epoch",
    says="You round the updates up; micro-batches that do not fill a group wait for the next epoch and update nothing.",
    hint=2,
    subtle=True,
)
def unfinished_group_counted(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    batches = samples // batch_size if drop_remainder else -(-samples // batch_size)
    return -(-batches // accumulation_steps)


@misconception(
    "updates_per_epoch",
    says=(
        "You divide by the effective batch size; accumulation counts batches, not samples, and a short one counts in "
        "full."
    ),
    hint=2,
    subtle=True,
)
def by_effective_batch_size(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    return samples // (batch_size * accumulation_steps)


@misconception(
    "updates_per_epoch",
    says="You pay no attention to `drop_remainder`: with it the short last batch is not run.",
    hint=1,
    subtle=True,
)
def remainder_never_dropped(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    return -(-samples // batch_size) // accumulation_steps


@misconception(
    "updates_per_epoch",
    says="You pay no attention to `accumulation_steps`: only every K-th batch updates the weights.",
    hint=2,
)
def every_batch_updates(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    return samples // batch_size if drop_remainder else -(-samples // batch_size)


# accumulated_gradients


def _zeros_for_none(gradients, variables):
    return [tf.zeros_like(v) if g is None else tf.convert_to_tensor(g) for g, v in zip(gradients, variables)]


def _gradients(model, loss_fn, x, y, *, training=True, variables=None):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=training))
    variables = model.trainable_variables if variables is None else variables
    return _zeros_for_none(tape.gradient(loss, variables), variables)


def _weighted_mean(parts, weights):
    total = sum(weights)
    return [sum(g * (w / total) for g, w in zip(column, weights)) for column in zip(*parts)]


def _sizes(micro_batches):
    return [int(x.shape[0]) for x, _ in micro_batches]


@misconception(
    "accumulated_gradients",
    says=(
        "You average the micro-batches alike; one of 2 samples must weigh half of one of 4, or its samples count "
        "double."
    ),
    hint=1,
    subtle=True,
)
def every_micro_batch_alike(model, loss_fn, micro_batches):
    parts = [_gradients(model, loss_fn, x, y) for x, y in micro_batches]
    return _weighted_mean(parts, [1.0] * len(parts))


@misconception(
    "accumulated_gradients",
    says="You add the gradients and never divide; the sum over K micro-batches is K times too long.",
    hint=1,
)
def sum_not_mean(model, loss_fn, micro_batches):
    parts = [_gradients(model, loss_fn, x, y) for x, y in micro_batches]
    return [tf.add_n(column) for column in zip(*parts)]


@misconception(
    "accumulated_gradients",
    says="You divide by K times the *first* micro-batch's size; divide by the samples that were really seen.",
    hint=2,
    subtle=True,
)
def all_as_large_as_the_first(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    sizes = _sizes(micro_batches)
    parts = [_gradients(model, loss_fn, x, y) for x, y in micro_batches]
    nominal = len(sizes) * sizes[0]
    return [sum(g * (n / nominal) for g, n in zip(column, sizes)) for column in zip(*parts)]


@misconception(
    "accumulated_gradients",
    says="You leave a variable without a gradient as None; asked for are zeros, so that the list can be applied.",
    hint=3,
    subtle=True,
)
def none_left_in_the_list(model, loss_fn, micro_batches):
    sums, samples = [None] * len(model.trainable_variables), 0
    for x, y in micro_batches:
        size = int(x.shape[0])
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        sums = [s if g is None else size * g + (0.0 if s is None else s) for s, g in zip(sums, gradients)]
        samples += size
    return [None if s is None else s / samples for s in sums]


@misconception(
    "accumulated_gradients",
    says=(
        "You concatenate the micro-batches and run the model on all of it: right numbers, but the memory is not saved."
    ),
    hint=1,
    subtle=True,
)
def all_at_once(model, loss_fn, micro_batches):
    xs, ys = zip(*micro_batches)
    return _gradients(model, loss_fn, tf.concat(xs, axis=0), tf.concat(ys, axis=0))


@misconception(
    "accumulated_gradients",
    says="You walk through the micro-batches twice; a generator is empty the second time, so collect sums on the way.",
    hint=2,
    subtle=True,
)
def counted_before_the_loop(model, loss_fn, micro_batches):
    samples = sum(_sizes(micro_batches))
    sums = [tf.zeros_like(v) for v in model.trainable_variables]
    for x, y in micro_batches:
        sums = [s + g * (int(x.shape[0]) / samples) for s, g in zip(sums, _gradients(model, loss_fn, x, y))]
    return sums


@misconception(
    "accumulated_gradients",
    says="You run the model with training=False; layers that behave differently in training must know that this is it.",
    hint=2,
    subtle=True,
)
def run_as_in_inference(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    parts = [_gradients(model, loss_fn, x, y, training=False) for x, y in micro_batches]
    return _weighted_mean(parts, _sizes(micro_batches))


@misconception(
    "accumulated_gradients",
    says="You take the gradients of all variables; frozen ones have none to apply: use `model.trainable_variables`.",
    hint=3,
    subtle=True,
)
def frozen_variables_too(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    parts = [_gradients(model, loss_fn, x, y, variables=model.variables) for x, y in micro_batches]
    return _weighted_mean(parts, _sizes(micro_batches))


@misconception(
    "accumulated_gradients",
    says="You return the last micro-batch's gradient; the earlier ones must be kept and added.",
    hint=1,
)
def only_the_last(model, loss_fn, micro_batches):
    for x, y in micro_batches:
        gradients = _gradients(model, loss_fn, x, y)
    return gradients


@misconception(
    "accumulated_gradients",
    says="You call `loss_fn` with the prediction first; it is `loss_fn(y_true, y_pred)`, and few losses are symmetric.",
    hint=2,
    subtle=True,
)
def prediction_first(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    parts = [_gradients(model, lambda y, p: loss_fn(p, y), x, y) for x, y in micro_batches]
    return _weighted_mean(parts, _sizes(micro_batches))


@misconception(
    "accumulated_gradients",
    says="Your gradients are always float32; each has the dtype of its variable.",
    hint=3,
    subtle=True,
)
def sums_in_float32(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    parts = [[tf.cast(g, tf.float32) for g in _gradients(model, loss_fn, x, y)] for x, y in micro_batches]
    return _weighted_mean(parts, _sizes(micro_batches))


@misconception(
    "accumulated_gradients",
    says="You update the model's weights; only their gradients are asked for.",
    hint=3,
)
def updates_as_well(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    parts = [_gradients(model, loss_fn, x, y) for x, y in micro_batches]
    mean = _weighted_mean(parts, _sizes(micro_batches))
    for v, g in zip(model.trainable_variables, mean):
        v.assign_sub(0.01 * g)
    return mean


def _weighed(model, loss_fn, micro_batches, size=lambda x, y: int(x.shape[0])):
    """What `accumulated_gradients` should be, when `size` is what a micro-batch weighs."""
    micro_batches = list(micro_batches)
    parts = [_gradients(model, loss_fn, x, y) for x, y in micro_batches]
    return _weighted_mean(parts, [size(x, y) for x, y in micro_batches])


@misconception(
    "accumulated_gradients",
    says="You count the elements of x; a micro-batch weighs as many samples as it has (its first axis), however long.",
    hint=1,
    subtle=True,
)
def weighed_by_elements(model, loss_fn, micro_batches):
    return _weighed(model, loss_fn, micro_batches, lambda x, y: int(np.prod(x.shape)))


@misconception(
    "accumulated_gradients",
    says="You make floats of the targets, but a loss may count with whole numbers, as a sparse one does; pass them on.",
    hint=2,
    subtle=True,
)
def targets_as_floats(model, loss_fn, micro_batches):
    return _weighed(model, lambda y, p: loss_fn(tf.cast(y, p.dtype), p), micro_batches)


@misconception(
    "accumulated_gradients",
    says="Large gradients are cut off; clipping is another thing, and not asked for here.",
    hint=2,
    subtle=True,
)
def clipped_besides(model, loss_fn, micro_batches):
    return [tf.clip_by_value(g, -1000.0, 1000.0) for g in _weighed(model, loss_fn, micro_batches)]


@misconception(
    "accumulated_gradients",
    says="You empty the list that you were given; its owner still needs it: only walk through it.",
    hint=2,
    subtle=True,
)
def empties_the_list(model, loss_fn, micro_batches):
    own = list(micro_batches)
    if isinstance(micro_batches, list):
        micro_batches.clear()
    return _weighed(model, loss_fn, own)


# GradientAccumulationModel: right but for the one thing that each subclass changes


class _Accumulating(tf.keras.Model):
    mode = True

    def __init__(self, base_model, accumulation_steps=4):
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps

    def build(self, input_shape):
        self.seen = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="seen")
        self.sums = [
            self.add_weight(shape=v.shape, dtype=v.dtype, initializer="zeros", trainable=False, name="sum")
            for v in self.base_model.trainable_variables
        ]

    def call(self, inputs, training=False):
        return self.base_model(inputs, training=training)

    def train_step(self, data):
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self(x, training=self.mode)
            loss = self.loss_of(x, y, y_pred, sample_weight)
            scaled_loss = self.scaled(loss)
        gradients = _zeros_for_none(tape.gradient(scaled_loss, variables), variables)
        if not self.optimizer.built:
            self.optimizer.build(variables)
        self.accumulate(gradients, tf.shape(x)[0])
        self.report_loss(loss, tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def loss_of(self, x, y, y_pred, sample_weight):
        return self.compute_loss(x, y, y_pred, sample_weight)

    def scaled(self, loss):
        return self.optimizer.scale_loss(loss)

    def report_loss(self, loss, size):
        self.metrics[0].update_state(loss, sample_weight=size)

    def accumulate(self, gradients, size):
        self.add(gradients, size)
        self.seen.assign_add(1)
        tf.cond(self.seen % self.accumulation_steps == 0, self.update, lambda: None)

    def add(self, gradients, size):
        for total, g in zip(self.sums, gradients):
            total.assign_add(g)

    def update(self):
        self.apply([total / self.accumulation_steps for total in self.sums])
        self.clear()

    def apply(self, gradients):
        self.optimizer.apply(gradients, self.base_model.trainable_variables)

    def clear(self):
        for total in self.sums:
            total.assign(tf.zeros_like(total))


@misconception(
    "GradientAccumulationModel",
    says="You update with the sum of the gradients; the big batch's gradient is their mean: divide by K.",
    hint=1,
)
class SumOfGradients(_Accumulating):
    def update(self):
        self.apply([tf.convert_to_tensor(total) for total in self.sums])
        self.clear()


@misconception(
    "GradientAccumulationModel",
    says=(
        "Your accumulators are never emptied, so every update repeats all the earlier ones; set them to zero after it."
    ),
    hint=1,
    subtle=True,
)
class NeverEmptied(_Accumulating):
    def clear(self):
        pass


@misconception(
    "GradientAccumulationModel",
    says=(
        "You empty the accumulators at the end of an epoch, and lose what waits there; the count goes on across epochs."
    ),
    hint=2,
    subtle=True,
)
class EmptiedWithTheEpoch(_Accumulating):
    def fit(self, *args, callbacks=None, **kwargs):
        forget = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: (self.clear(), self.seen.assign(0)))
        return super().fit(*args, callbacks=[*(callbacks or []), forget], **kwargs)


@misconception(
    "GradientAccumulationModel",
    says=(
        "You call the optimizer for every micro-batch, with zeros in between: `iterations` counts those, and momentum "
        "moves."
    ),
    hint=2,
    subtle=True,
)
class ZerosInBetween(_Accumulating):
    def accumulate(self, gradients, size):
        self.add(gradients, size)
        self.seen.assign_add(1)
        due = self.seen % self.accumulation_steps == 0
        self.apply([tf.where(due, total / self.accumulation_steps, 0.0) for total in self.sums])
        for total in self.sums:
            total.assign(tf.where(due, 0.0, total))


@misconception(
    "GradientAccumulationModel",
    says=(
        "Your train_step calls the model without training=True: dropout and batch normalization then act as in "
        "`predict`."
    ),
    subtle=True,
)
class NotInTraining(_Accumulating):
    mode = False


@misconception(
    "GradientAccumulationModel",
    says="Your train_step does not feed the tracker behind `loss`, so Keras reports 0.0 whatever happens.",
    hint=3,
    subtle=True,
)
class LossNeverReported(_Accumulating):
    def report_loss(self, loss, size):
        pass


@misconception(
    "GradientAccumulationModel",
    says=(
        "You average the loss over micro-batches; the mean is over samples, so weigh each by its size (a short one is "
        "last)."
    ),
    hint=3,
    subtle=True,
)
class LossPerMicroBatch(_Accumulating):
    def report_loss(self, loss, size):
        self.metrics[0].update_state(loss)


@misconception(
    "GradientAccumulationModel",
    says=(
        "You report the loss divided by K; only the gradient is averaged over micro-batches, the loss is reported "
        "whole."
    ),
    hint=3,
    subtle=True,
)
class DividedLossReported(_Accumulating):
    def report_loss(self, loss, size):
        self.metrics[0].update_state(loss / self.accumulation_steps, sample_weight=size)


@misconception(
    "GradientAccumulationModel",
    says="You count in a Python attribute, which changes only while the graph is traced; the count must be a variable.",
    hint=2,
    subtle=True,
)
class CountedInPython(_Accumulating):
    count = 0

    def accumulate(self, gradients, size):
        self.add(gradients, size)
        self.count += 1
        if self.count % self.accumulation_steps == 0:
            self.update()


@misconception(
    "GradientAccumulationModel",
    says="Your `if` asks a tensor for its truth, which a graph does not have while it is traced; use tf.cond.",
    hint=2,
    subtle=True,
)
class PythonIf(_Accumulating):
    def accumulate(self, gradients, size):
        self.add(gradients, size)
        self.seen.assign_add(1)
        if self.seen % self.accumulation_steps == 0:
            self.update()


@misconception(
    "GradientAccumulationModel",
    says=(
        "You look at the count before you raise it, so the first micro-batch already updates; K must have come "
        "together."
    ),
    hint=1,
)
class FirstOneUpdates(_Accumulating):
    def accumulate(self, gradients, size):
        self.add(gradients, size)
        tf.cond(self.seen % self.accumulation_steps == 0, self.update, lambda: None)
        self.seen.assign_add(1)


@misconception(
    "GradientAccumulationModel",
    says="You update before you add the K-th gradient, which slips into the next group; add first, then update.",
    hint=1,
    subtle=True,
)
class LastOneLeftOut(_Accumulating):
    def accumulate(self, gradients, size):
        self.seen.assign_add(1)
        tf.cond(self.seen % self.accumulation_steps == 0, self.update, lambda: None)
        self.add(gradients, size)


@misconception(
    "GradientAccumulationModel",
    says=(
        "You weigh the micro-batches by their sizes; this model, like Keras' own optimizers, takes their unweighted "
        "mean."
    ),
    hint=1,
    subtle=True,
)
class WeighedBySize(_Accumulating):
    def build(self, input_shape):
        super().build(input_shape)
        self.samples = self.add_weight(shape=(), initializer="zeros", trainable=False, name="samples")

    def add(self, gradients, size):
        size = tf.cast(size, tf.float32)
        self.samples.assign_add(size)
        for total, g in zip(self.sums, gradients):
            total.assign_add(size * g)

    def update(self):
        self.apply([total / self.samples for total in self.sums])
        self.clear()
        self.samples.assign(0.0)


@misconception(
    "GradientAccumulationModel",
    says="You never update the compiled metrics, so `mae` stays 0.0; every micro-batch must reach them.",
    hint=3,
    subtle=True,
)
class MetricsForgotten(_Accumulating):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()


@misconception(
    "GradientAccumulationModel",
    says=(
        "Your own tracker named `loss` hides Keras' in `evaluate`, which then reports 0.0; feed the one that is there."
    ),
    hint=3,
    subtle=True,
)
class SecondLossTracker(_Accumulating):
    def __init__(self, base_model, accumulation_steps=4):
        super().__init__(base_model, accumulation_steps)
        self.loss_tracker = tf.keras.metrics.Mean(name="loss")

    def report_loss(self, loss, size):
        self.loss_tracker.update_state(loss, sample_weight=size)


@misconception(
    "GradientAccumulationModel",
    says="Sample weights do not count in your loss; hand `sample_weight` to `compute_loss`.",
    hint=3,
    subtle=True,
)
class SampleWeightsIgnored(_Accumulating):
    def loss_of(self, x, y, y_pred, sample_weight):
        return self.compute_loss(x, y, y_pred)


@misconception(
    "GradientAccumulationModel",
    says="You empty the accumulators when `fit` begins, and lose what waits there; the count goes on to the next call.",
    hint=2,
    subtle=True,
)
class EmptiedByFit(_Accumulating):
    def fit(self, *args, **kwargs):
        if self.built:
            self.clear()
            self.seen.assign(0)
        return super().fit(*args, **kwargs)


@misconception(
    "GradientAccumulationModel",
    says="You empty the accumulators when the model is evaluated; what waits there is for the next micro-batch.",
    hint=2,
    subtle=True,
)
class EmptiedByEvaluate(_Accumulating):
    def evaluate(self, *args, **kwargs):
        if self.built:
            self.clear()
            self.seen.assign(0)
        return super().evaluate(*args, **kwargs)


@misconception(
    "GradientAccumulationModel",
    says="The base model's penalties (`model.losses`) are not in your loss; `compute_loss` adds them.",
    hint=3,
    subtle=True,
)
class PenaltiesForgotten(_Accumulating):
    def loss_of(self, x, y, y_pred, sample_weight):
        return self.compute_loss(x, y, y_pred, sample_weight) - sum(self.losses)


@misconception(
    "GradientAccumulationModel",
    says=(
        "You differentiate the loss as it is, but an optimizer that scales losses divides your gradients by its scale; "
        "differentiate `self.optimizer.scale_loss(loss)`."
    ),
    hint=3,
    subtle=True,
)
class LossNeverScaled(_Accumulating):
    def scaled(self, loss):
        return loss


@misconception(
    "GradientAccumulationModel",
    says="Your loss takes the prediction for the target: it is `compute_loss(x, y, y_pred)`, the target first.",
    hint=3,
    subtle=True,
)
class TargetAndPredictionExchanged(_Accumulating):
    def loss_of(self, x, y, y_pred, sample_weight):
        return self.compute_loss(x, y_pred, y, sample_weight)


@misconception(
    "GradientAccumulationModel",
    says=(
        "`compiled_loss` and `compiled_metrics` are Keras 2's. Use `compute_loss`, feed the tracker behind `loss`, and "
        "return `compute_metrics(…)`."
    ),
    hint=3,
)
class WrittenForKerasTwo(_Accumulating):
    def train_step(self, data):
        x, y = data[:2]
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        gradients = _zeros_for_none(tape.gradient(loss, variables), variables)
        self.accumulate(gradients, tf.shape(x)[0])
        self.compiled_metrics.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


# accumulating_optimizer


def _enough(accumulation_steps):
    if accumulation_steps < 2:
        raise ValueError(f"accumulation_steps must be at least 2. Received: accumulation_steps={accumulation_steps}")


@misconception(
    "accumulating_optimizer",
    says="Your Adam updates with every gradient; hand it `gradient_accumulation_steps`.",
    hint=1,
)
def without_accumulation(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate)


@misconception(
    "accumulating_optimizer",
    says="You build AdamW, which decays the weights besides; asked for is Adam, its other settings at their defaults.",
    hint=3,
    subtle=True,
)
def accumulating_adamw(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.AdamW(learning_rate, gradient_accumulation_steps=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says="You clip gradients besides; every setting but the rate and the number of steps stays at its default.",
    hint=3,
    subtle=True,
)
def clipping_as_well(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=accumulation_steps, global_clipnorm=1.0)


@misconception(
    "accumulating_optimizer",
    says="Asked again, you hand out the same optimizer: a second model would go on with the first one's state.",
    hint=3,
    subtle=True,
)
@functools.cache
def one_optimizer_for_all(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says='You refuse 1 only; 0 and less are below 2 as well, and Keras silently takes 0 for "off".',
    hint=3,
    subtle=True,
)
def only_one_step_refused(learning_rate, *, accumulation_steps):
    if accumulation_steps == 1:
        raise ValueError(f"accumulation_steps must be at least 2. Received: accumulation_steps={accumulation_steps}")
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=accumulation_steps)


@misconception("accumulating_optimizer", says="You build SGD; asked for is Adam.", hint=1)
def accumulating_sgd(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.SGD(learning_rate, gradient_accumulation_steps=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says="You multiply the rate by K because the gradients are averaged; the rate is given for one update: leave it.",
    hint=2,
    subtle=True,
)
def rate_times_steps(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate * accumulation_steps, gradient_accumulation_steps=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says="You divide the rate by K as if gradients were added up; Keras takes their mean already.",
    hint=2,
    subtle=True,
)
def rate_divided_by_steps(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate / accumulation_steps, gradient_accumulation_steps=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says=(
        "You set how often averaged weights are written back (`use_ema`), which is something else; gradients do not "
        "wait."
    ),
    hint=2,
    subtle=True,
)
def averaged_weights_instead(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate, use_ema=True, ema_overwrite_frequency=accumulation_steps)


@misconception(
    "accumulating_optimizer",
    says="You always accumulate 4, the usual number; `accumulation_steps` says how many.",
    hint=1,
    subtle=True,
)
def usual_number_of_steps(learning_rate, *, accumulation_steps):
    _enough(accumulation_steps)
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=4)


@misconception(
    "accumulating_optimizer",
    says="You take 1 for valid and turn accumulation off; fewer than 2 steps are refused, as Keras refuses them.",
    hint=3,
    subtle=True,
)
def one_step_is_off(learning_rate, *, accumulation_steps):
    steps = accumulation_steps if accumulation_steps > 1 else None
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=steps)
