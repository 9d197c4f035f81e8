"""Other right ways to accumulate, and what each costs or gains."""

import fractions
import functools
import math

import tensorflow as tf

from kata.waist.variants import approach


def _sizes_checked(base_batch_size, batch_size):
    if base_batch_size < 1:
        raise ValueError(f"base_batch_size must be at least 1. Received: base_batch_size={base_batch_size}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}")


def _zeros_for_none(gradients, variables):
    return [tf.zeros_like(v) if g is None else tf.convert_to_tensor(g) for g, v in zip(gradients, variables)]


@approach(
    "linear_scaling_rule",
    note="Finds the rate of one sample first: that is the number which the rule keeps constant.",
)
def rate_per_sample(base_lr, *, base_batch_size, batch_size):
    _sizes_checked(base_batch_size, batch_size)
    return float(base_lr) / base_batch_size * batch_size


@approach("linear_scaling_rule", note="Multiplies before it divides: the same but for the last bit.")
def product_first(base_lr, *, base_batch_size, batch_size):
    if min(base_batch_size, batch_size) < 1:
        raise ValueError(
            "base_batch_size and batch_size must be at least 1. "
            f"Received: base_batch_size={base_batch_size}, batch_size={batch_size}"
        )
    return float(base_lr) * batch_size / base_batch_size


@approach(
    "updates_per_epoch",
    note="`math.ceil` says what is meant; it divides in floating point, which is exact enough below 2⁵³ samples.",
)
def by_ceil(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    rounded = math.floor if drop_remainder else math.ceil
    return rounded(samples / batch_size) // accumulation_steps


@approach(
    "updates_per_epoch",
    note="Quotient and remainder in one go: the short batch is visible as the remainder that it is.",
)
def by_remainder(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    full, left_over = divmod(samples, batch_size)
    short = int(left_over > 0 and not drop_remainder)
    return (full + short) // accumulation_steps


@approach(
    "linear_scaling_rule",
    note="Exact fractions, rounded once: no rate is more exact, and nobody will see the difference.",
)
def by_fractions(base_lr, *, base_batch_size, batch_size):
    for name, size in (("base_batch_size", base_batch_size), ("batch_size", batch_size)):
        if not size >= 1:
            raise ValueError(f"{name} = {size}, but a batch has at least one sample")
    return float(fractions.Fraction(base_lr) * fractions.Fraction(batch_size, base_batch_size))


class BatchSizeError(ValueError):
    """A ValueError with a name of its own."""


@approach("linear_scaling_rule", note="By logarithms: the ratio as a difference, off in the last digits only.")
def by_logarithms(base_lr, *, base_batch_size, batch_size):
    if base_batch_size < 1:
        raise BatchSizeError("base_batch_size")
    if batch_size < 1:
        raise BatchSizeError("batch_size")
    return math.exp(math.log(batch_size) - math.log(base_batch_size)) * base_lr


@approach("updates_per_epoch", note="Counts where batches start, as a data pipeline would: no formula to get wrong.")
def by_counting_starts(samples, *, batch_size, accumulation_steps=1, drop_remainder=False):
    starts = range(0, samples - batch_size + 1 if drop_remainder else samples, batch_size)
    return len(starts[accumulation_steps - 1 :: accumulation_steps])


@approach(
    "accumulated_gradients",
    note="A running mean: what is stored stays as small as one gradient, which float16 would need.",
)
def running_mean(model, loss_fn, micro_batches):
    variables = model.trainable_variables
    mean = [tf.zeros(v.shape, v.dtype) for v in variables]
    seen = 0.0
    for x, y in micro_batches:
        size = tf.cast(tf.shape(y)[0], tf.float32)
        seen += size
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, variables)
        share = size / seen
        mean = [m if g is None else m + tf.cast(share, m.dtype) * (g - m) for m, g in zip(mean, gradients)]
    return mean


@approach(
    "accumulated_gradients",
    note="Turns each mean loss into a sum before the backward pass: one product instead of one for every variable.",
)
def gradient_of_the_sum(model, loss_fn, micro_batches):
    variables = model.trainable_variables

    def add(state, batch):
        x, y = batch
        size = tf.shape(x)[0]
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
            summed_loss = loss * tf.cast(size, loss.dtype)
        gradients = _zeros_for_none(tape.gradient(summed_loss, variables), variables)
        samples, sums = state
        return samples + size, [s + g for s, g in zip(sums, gradients)]

    samples, sums = functools.reduce(add, micro_batches, (0, [tf.zeros_like(v) for v in variables]))
    return [s / tf.cast(samples, s.dtype) for s in sums]


@approach(
    "accumulated_gradients",
    note=(
        "Knows every weight nᵢ/N before it starts, as distributed training does; needs all micro-batches in memory "
        "(not the model)."
    ),
)
def weights_known_beforehand(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    sizes = [tf.shape(x)[0] for x, _ in micro_batches]
    shares = [tf.cast(size, tf.float64) / tf.cast(tf.add_n(sizes), tf.float64) for size in sizes]
    parts = []
    for x, y in micro_batches:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        parts.append(_zeros_for_none(gradients, model.trainable_variables))
    return [tf.add_n([tf.cast(w, g.dtype) * g for w, g in zip(shares, column)]) for column in zip(*parts)]


@approach(
    "accumulated_gradients",
    note="A compiled step for each micro-batch: the loop stays Python's, and equal shapes are traced once.",
)
def compiled_step(model, loss_fn, micro_batches):
    variables = model.trainable_variables

    @tf.function(reduce_retracing=True)
    def step(x, y):
        size = tf.shape(x)[0]
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = _zeros_for_none(tape.gradient(loss, variables), variables)
        return size, [tf.cast(size, g.dtype) * g for g in gradients]

    parts = [step(tf.convert_to_tensor(x), tf.convert_to_tensor(y)) for x, y in micro_batches]
    samples = tf.add_n([size for size, _ in parts])
    return [tf.add_n(column) / tf.cast(samples, column[0].dtype) for column in zip(*(sums for _, sums in parts))]


@approach(
    "GradientAccumulationModel",
    note=(
        "A method under `@tf.function`, where AutoGraph turns a plain `if` into tf.cond: reads like eager code, costs "
        "a nested trace."
    ),
)
class IfInsideTfFunction(tf.keras.Model):
    def __init__(self, base_model, accumulation_steps=4):
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps

    def build(self, input_shape):
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="count")
        self.accumulators = [
            self.add_weight(shape=v.shape, dtype=v.dtype, initializer="zeros", trainable=False, name="accumulator")
            for v in self.base_model.trainable_variables
        ]

    def call(self, inputs, training=False):
        return self.base_model(inputs, training=training)

    @tf.function
    def update_when_due(self, gradients):
        for accumulator, gradient in zip(self.accumulators, gradients):
            accumulator.assign_add(gradient)
        self.count.assign_add(1)
        if self.count == self.accumulation_steps:
            mean = [accumulator / self.accumulation_steps for accumulator in self.accumulators]
            self.optimizer.apply(mean, self.base_model.trainable_variables)
            for accumulator in self.accumulators:
                accumulator.assign(tf.zeros_like(accumulator))
            self.count.assign(0)

    def train_step(self, data):
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = _zeros_for_none(tape.gradient(scaled_loss, variables), variables)
        if not self.optimizer.built:
            self.optimizer.build(variables)
        self.update_when_due(gradients)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(y)[0])
            else:
                metric.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()


@approach(
    "GradientAccumulationModel",
    note=(
        "The article's plan made right: each loss is divided by K, so that the accumulators hold the mean itself; but "
        "the loss that is reported must stay whole."
    ),
)
class LossDividedFirst(tf.keras.Model):
    def __init__(self, base_model, accumulation_steps=4):
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps
        self.step_count = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.accumulators = [tf.Variable(tf.zeros_like(v), trainable=False) for v in base_model.trainable_variables]

    def call(self, inputs, training=False):
        return self.base_model(inputs, training=training)

    def train_step(self, data):
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss / self.accumulation_steps)
        for accumulator, gradient in zip(self.accumulators, tape.gradient(scaled_loss, variables)):
            if gradient is not None:
                accumulator.assign_add(gradient)
        self.step_count.assign_add(1)
        if not self.optimizer.built:
            self.optimizer.build(variables)

        def update():
            self.optimizer.apply([a.value() for a in self.accumulators], variables)
            for accumulator in self.accumulators:
                accumulator.assign(tf.zeros_like(accumulator))
            return True

        tf.cond(tf.equal(self.step_count % self.accumulation_steps, 0), update, lambda: False)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)


@approach(
    "GradientAccumulationModel",
    note=(
        "All accumulators in one flat vector: one variable to add to and to clear, for the price of a concatenation; "
        "the running mean needs no division at the end."
    ),
)
class OneFlatAccumulator(tf.keras.Model):
    def __init__(self, base_model, accumulation_steps=4):
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps

    def call(self, inputs, training=False):
        return self.base_model(inputs, training=training)

    def build(self, input_shape):
        sizes = [math.prod(v.shape) for v in self.base_model.trainable_variables]
        dtype = self.base_model.trainable_variables[0].dtype
        self.mean = self.add_weight(
            shape=(sum(sizes),), dtype=dtype, initializer="zeros", trainable=False, name="mean_gradient"
        )
        self.waiting = self.add_weight(shape=(), dtype=dtype, initializer="zeros", trainable=False, name="waiting")

    def train_step(self, data):
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = _zeros_for_none(tape.gradient(scaled_loss, variables), variables)
        flat = tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)
        self.waiting.assign_add(1.0)
        self.mean.assign_add((flat - self.mean) / self.waiting)
        if not self.optimizer.built:
            self.optimizer.build(variables)
        tf.cond(self.waiting >= self.accumulation_steps, lambda: self.update(variables), lambda: None)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def update(self, variables):
        pieces = tf.split(self.mean.value, [math.prod(v.shape) for v in variables])
        self.optimizer.apply([tf.reshape(p, v.shape) for p, v in zip(pieces, variables)], variables)
        self.mean.assign(tf.zeros_like(self.mean))
        self.waiting.assign(0.0)


@approach(
    "GradientAccumulationModel",
    note=(
        "Makes its state in `compile`, where the optimizer is known and can be built, and counts down: nothing is left "
        "to create in the step."
    ),
)
class StateFromCompile(tf.keras.Model):
    def __init__(self, base_model, accumulation_steps=4):
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps

    def call(self, inputs, training=False):
        return self.base_model(inputs, training=training)

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        variables = self.base_model.trainable_variables
        self.optimizer.build(variables)
        self.sums = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]
        self.left = tf.Variable(self.accumulation_steps, trainable=False, dtype=tf.int32)

    def train_step(self, data):
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        variables = self.base_model.trainable_variables
        with tf.GradientTape() as tape:
            y_pred = self.base_model(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)
        for total, gradient in zip(self.sums, _zeros_for_none(tape.gradient(scaled_loss, variables), variables)):
            total.assign_add(gradient)
        self.left.assign_sub(1)
        tf.switch_case(tf.minimum(self.left, 1), [self.update, lambda: 0])
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def update(self):
        self.optimizer.apply([t / self.accumulation_steps for t in self.sums], self.base_model.trainable_variables)
        for total in self.sums:
            total.assign(tf.zeros_like(total))
        self.left.assign(self.accumulation_steps)
        return 0


@approach("accumulating_optimizer", note="From a configuration, as an experiment's settings file would name it.")
def from_a_configuration(learning_rate, *, accumulation_steps):
    if accumulation_steps < 2:
        raise ValueError(f"accumulation_steps must be at least 2. Received: {accumulation_steps}")
    config = {"learning_rate": learning_rate, "gradient_accumulation_steps": accumulation_steps}
    return tf.keras.optimizers.deserialize({"class_name": "Adam", "config": config})


@approach(
    "accumulating_optimizer",
    note="Takes an Adam as it is and exchanges one setting: for an optimizer that somebody else has set up.",
)
def one_setting_exchanged(learning_rate, *, accumulation_steps):
    if accumulation_steps < 2:
        raise ValueError(f"accumulation_steps must be at least 2. Received: accumulation_steps={accumulation_steps}")
    config = tf.keras.optimizers.Adam(learning_rate=learning_rate).get_config()
    return tf.keras.optimizers.Adam.from_config(config | {"gradient_accumulation_steps": accumulation_steps})
