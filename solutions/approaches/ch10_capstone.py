"""Other right ways to write chapter 10, each with what it costs or gains."""

import math
import random

import numpy as np
import tensorflow as tf

from kata.waist.variants import approach
from solutions.ch10_capstone import (
    ClassificationData,
    TrainingReport,
    build_classifier,
    make_callbacks,
    make_optimizer,
    make_schedule,
)

Schedule = tf.keras.optimizers.schedules.LearningRateSchedule

# make_classification_data


@approach(
    "make_classification_data",
    note="The class is the nearest of hidden centres: the same straight borders, written as a distance, and all "
    "samples drawn at once and then cut.",
)
def nearest_centre(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, features))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)  # or short ones would win too often
    x = rng.standard_normal((train_size + validation_size, features), dtype=np.float32)
    distances = ((x**2).sum(1)[:, None] - 2 * x @ centres.T) + (centres**2).sum(1)
    y = distances.argmin(axis=1).astype(np.int32)
    return ClassificationData(x[:train_size], y[:train_size], x[train_size:], y[train_size:])


@approach(
    "make_classification_data",
    note="The hidden map is a small network, so a linear model cannot find all of it; each split has a random stream "
    "of its own, so changing one size leaves the other split as it was.",
)
def hidden_network(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]
    first = streams[0].normal(size=(features, 4 * classes)) / math.sqrt(features)
    second = streams[0].normal(size=(4 * classes, classes))

    def split(rng, size):
        x = rng.normal(size=(size, features)).astype(np.float32)
        return x, np.argmax(np.tanh(x @ first) @ second, axis=1)

    return ClassificationData(*split(streams[1], train_size), *split(streams[2], validation_size))


@approach(
    "make_classification_data",
    note="The class first, and x around the class's hidden centre: as long as the clouds do not overlap, the labels "
    "follow from the inputs, and every class has the same share.",
)
def clouds_around_centres(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)
    centres = 4.0 * rng.normal(size=(classes, features))

    def split(size):
        y = rng.integers(0, classes, size, dtype=np.int32)
        return (centres[y] + rng.normal(size=(size, features))).astype(np.float32), y

    return ClassificationData(*split(train_size), *split(validation_size))


# make_schedule


class _WarmupCosine(Schedule):
    def __init__(self, peak_lr, warmup, total):
        self.peak_lr, self.warmup, self.total = peak_lr, warmup, total

    def __call__(self, step):
        step = tf.minimum(tf.cast(step, tf.float32), self.total)
        rising = step / max(self.warmup, 1)
        falling = 0.5 * (1.0 + tf.cos(math.pi * (step - self.warmup) / (self.total - self.warmup)))
        return self.peak_lr * tf.where(step < self.warmup, rising, falling)

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup": self.warmup, "total": self.total}


@approach(
    "make_schedule",
    note="A class of one's own, as in chapter 4: more to write and to test, but it takes steps of any shape, which "
    "Keras' CosineDecay with a warm-up does not.",
)
def with_a_class_of_our_own(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    return _WarmupCosine(peak_lr, int(total * warmup_fraction), total)


class _Then(Schedule):
    def __init__(self, first, boundary, second):
        self.first, self.boundary, self.second = first, boundary, second

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        return tf.where(step < self.boundary, self.first(step), self.second(step - self.boundary))

    def get_config(self):
        return {"first": self.first, "boundary": self.boundary, "second": self.second}


@approach(
    "make_schedule",
    note="Two of Keras' schedules, one after the other: any warm-up can be put in front of any decay, though the "
    "second must be told that its own time starts later, and both are computed at every step.",
)
def one_schedule_after_another(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = (samples + batch_size - 1) // batch_size * epochs
    warmup = int(total * warmup_fraction)
    schedules = tf.keras.optimizers.schedules
    rising = schedules.PolynomialDecay(0.0, max(warmup, 1), end_learning_rate=peak_lr, power=1.0)
    return _Then(rising, warmup, schedules.CosineDecay(peak_lr, total - warmup))


@approach(
    "make_schedule",
    note="A table of all rates, made once with NumPy: a step then costs one look, and any form of curve can be drawn, "
    "for as much memory as there are steps.",
)
def from_a_table(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    warmup, steps = int(total * warmup_fraction), np.arange(total + 1)
    falling = 0.5 * (1 + np.cos(math.pi * (steps - warmup) / (total - warmup)))
    return _Table((peak_lr * np.where(steps < warmup, steps / max(warmup, 1), falling)).astype(np.float32))


class _Table(Schedule):
    def __init__(self, rates):
        self.rates = rates

    def __call__(self, step):
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int64), len(self.rates) - 1))

    def get_config(self):
        return {"rates": self.rates.tolist()}


# make_optimizer


@approach(
    "make_optimizer",
    note="In Keras 3 every optimizer takes weight_decay, and always decoupled: Adam with it is AdamW; only the name, "
    "in a saved model too, says less.",
)
def adam_with_weight_decay(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.Adam(
        learning_rate=learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm
    )


class _ClippedAdamW(tf.keras.optimizers.AdamW):
    limit = 1.0

    def apply(self, grads, trainable_variables=None):
        clipped, _ = tf.clip_by_global_norm(grads, self.limit)
        return super().apply(clipped, trainable_variables)


@approach(
    "make_optimizer",
    note="Clips in apply, before AdamW sees the gradients: the place to change when the norm is to be logged too, but "
    "the limit is not in the configuration that Keras saves.",
)
def clipping_in_apply(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    optimizer = _ClippedAdamW(learning_rate, weight_decay=weight_decay)
    optimizer.limit = global_clipnorm
    return optimizer


# build_classifier


@approach(
    "build_classifier",
    note="The functional API says for every layer what it is applied to: longer here, and ready for a second head.",
)
def functional(features, classes):
    layers = tf.keras.layers
    before = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = tf.keras.Input((features,))
        hidden = inputs
        for units, rate in ((256, 0.3), (128, 0.2)):
            hidden = layers.Dense(units, activation="relu")(hidden)
            hidden = layers.Dropout(rate)(layers.BatchNormalization()(hidden))
        hidden = layers.Dense(64, activation="relu")(hidden)
        return tf.keras.Model(inputs, layers.Dense(classes, dtype="float32")(hidden))
    finally:
        tf.keras.config.set_dtype_policy(before)


@approach(
    "build_classifier",
    note="Gives each layer its policy and touches no global state; the model's own policy, by which compile decides "
    "about loss scaling, must then be set as well, and that is easily forgotten.",
)
def policy_by_policy(features, classes):
    layers, mixed = tf.keras.layers, {"dtype": "mixed_float16"}
    model = tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            layers.Dense(256, activation="relu", **mixed),
            layers.BatchNormalization(**mixed),
            layers.Dropout(0.3, **mixed),
            layers.Dense(128, activation="relu", **mixed),
            layers.BatchNormalization(**mixed),
            layers.Dropout(0.2, **mixed),
            layers.Dense(64, activation="relu", **mixed),
            layers.Dense(classes, dtype="float32"),
        ]
    )
    model.dtype_policy = "mixed_float16"
    return model


@approach(
    "build_classifier",
    note="Blocks from a loop, with the ReLU as a layer of its own: each number stands once, and the values before the "
    "nonlinearity can be looked at.",
)
def blocks_from_a_loop(features, classes):
    layers, before = tf.keras.layers, tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tf.keras.Sequential([tf.keras.Input((features,))])
        for units, rate in ((256, 0.3), (128, 0.2), (64, None)):
            model.add(layers.Dense(units))
            model.add(layers.ReLU())
            if rate is not None:
                model.add(layers.BatchNormalization())
                model.add(layers.Dropout(rate))
        model.add(layers.Dense(classes, dtype=tf.keras.DTypePolicy("float32")))
        return model
    finally:
        tf.keras.config.set_dtype_policy(before)


# make_callbacks


@approach(
    "make_callbacks",
    note="Asks whether it is a schedule rather than whether it is a float: a NumPy number would then pass for a plain "
    "rate too.",
)
def by_asking_for_a_schedule(learning_rate):
    callbacks = tf.keras.callbacks
    stopping = callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    if isinstance(learning_rate, Schedule):
        return [stopping]
    return [callbacks.ReduceLROnPlateau(factor=0.5, patience=3, min_lr=1e-6), stopping]


class _HalveOnPlateau(tf.keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.best, self.waited = math.inf, 0

    def on_epoch_end(self, epoch, logs=None):
        better = logs["val_loss"] < self.best - 1e-4
        self.best, self.waited = (logs["val_loss"], 0) if better else (self.best, self.waited + 1)
        if self.waited == 3:
            rate = self.model.optimizer.learning_rate
            rate.assign(max(float(rate) / 2, min(float(rate), 1e-6)))  # a rate below the floor is not raised
            self.waited = 0


@approach(
    "make_callbacks",
    note="ReduceLROnPlateau by hand, to see what a callback is: an object that fit calls after every epoch, with the "
    "model and the epoch's values; more to test, and no messages.",
)
def halving_by_hand(learning_rate):
    stopping = tf.keras.callbacks.EarlyStopping("val_loss", patience=5, mode="min", restore_best_weights=True)
    return [stopping] + [_HalveOnPlateau()] * isinstance(learning_rate, float)


# train_classifier


class _Shuffled(tf.keras.utils.PyDataset):
    """Batches in an order of their own making: no global generator is asked."""

    def __init__(self, x, y, batch_size, rng):
        super().__init__()
        self.x, self.y, self.batch_size, self.rng = x, y, batch_size, rng
        self.order = rng.permutation(len(x))

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))


def _compiled(data, schedule, jit_compile):
    labels = np.concatenate([data.y_train, data.y_validation])
    model = build_classifier(data.x_train.shape[1], int(labels.max()) + 1)
    model.compile(
        make_optimizer(schedule),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", tf.keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3_accuracy")],
        jit_compile=jit_compile,
    )
    return model


@approach(
    "train_classifier",
    note="Shuffles by a NumPy generator of its own and seeds only Python's random, from which Keras draws the seeds of "
    "its initializers and dropout: TensorFlow's generator is not touched at all.",
)
def with_an_order_of_its_own(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
    before = random.getstate()
    random.seed(seed)
    try:
        model = _compiled(data, schedule, jit_compile)
    finally:
        random.setstate(before)
    batches = _Shuffled(data.x_train, data.y_train, batch_size, np.random.default_rng(seed))
    validation = (data.x_validation, data.y_validation)
    history = model.fit(
        batches, validation_data=validation, epochs=epochs, callbacks=make_callbacks(schedule), shuffle=False, verbose=0
    )
    metrics = model.evaluate(*validation, return_dict=True, verbose=0)
    predicted = tf.argmax(model.predict(data.x_validation[:5], verbose=0), axis=-1).numpy()
    return TrainingReport(history.history, metrics, predicted)


@approach(
    "train_classifier",
    note="Predicts the validation split once and computes loss and accuracies from the logits: one pass instead of "
    "two, and the metrics spelt out; what evaluate does is then written twice.",
)
def judged_from_the_logits(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    states = random.getstate(), np.random.get_state()
    tf.keras.utils.set_random_seed(seed)
    try:
        schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
        model = _compiled(data, schedule, jit_compile)
        history = model.fit(
            *data[:2], batch_size, epochs, 0, make_callbacks(schedule), validation_data=tuple(data[2:])
        ).history
        logits = model.predict(data.x_validation, verbose=0)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    of_truth = np.take_along_axis(logits, data.y_validation[:, None].astype(int), axis=1)
    rank = (logits > of_truth).sum(axis=1)  # how many classes score above the true one
    log_sum = tf.reduce_logsumexp(logits, axis=1).numpy()
    metrics = {
        "loss": float(np.mean(log_sum - of_truth[:, 0])),
        "accuracy": float(np.mean(rank == 0)),
        "top3_accuracy": float(np.mean(rank < 3)),
    }
    return TrainingReport(history, metrics, logits[:5].argmax(axis=1))
