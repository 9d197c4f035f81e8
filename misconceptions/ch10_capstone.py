"""Wrong turns in chapter 10, each with the sentence that its author should read."""

import math
import random
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception
from solutions.ch10_capstone import (
    ClassificationData,
    TrainingReport,
    build_classifier,
    make_callbacks,
    make_classification_data,
    make_optimizer,
    make_schedule,
)

Schedule = tf.keras.optimizers.schedules.LearningRateSchedule
CosineDecay = tf.keras.optimizers.schedules.CosineDecay

# make_classification_data


@misconception(
    "make_classification_data",
    says="You draw the labels apart from the inputs, so there is nothing to learn and accuracy on new samples stays at "
    "chance; compute y from x.",
    hint=1,
)
def random_labels(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)

    def split(size):
        return rng.normal(size=(size, features)).astype(np.float32), rng.integers(0, classes, size)

    return ClassificationData(*split(train_size), *split(validation_size))


@misconception(
    "make_classification_data",
    says="You draw a new map for the validation split, so what is learned on one split is worthless on the other; draw "
    "it once.",
    hint=2,
    subtle=True,
)
def a_map_for_each_split(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)

    def split(size):
        x = rng.normal(size=(size, features)).astype(np.float32)
        return x, np.argmax(x @ rng.normal(size=(features, classes)), axis=1)

    return ClassificationData(*split(train_size), *split(validation_size))


@misconception(
    "make_classification_data",
    says="You number the classes from 1, but sparse labels are indices into the logits: 0 to classes − 1.",
    hint=3,
    subtle=True,
)
def numbered_from_one(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    x, y, x_validation, y_validation = make_classification_data(
        seed=seed, train_size=train_size, validation_size=validation_size, features=features, classes=classes
    )
    return ClassificationData(x, y + 1, x_validation, y_validation + 1)


@misconception(
    "make_classification_data",
    says="np.random.seed changes NumPy's state for the whole process; make a generator of your own with "
    "np.random.default_rng(seed).",
    hint=1,
    subtle=True,
)
def seeds_the_whole_process(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    np.random.seed(seed % 2**32)
    hidden = np.random.randn(features, classes)
    x = np.random.randn(train_size + validation_size, features).astype(np.float32)
    y = np.argmax(x @ hidden, axis=1)
    return ClassificationData(x[:train_size], y[:train_size], x[train_size:], y[train_size:])


@misconception(
    "make_classification_data",
    says="You give one-hot rows, but sparse categorical cross-entropy takes one integer for each sample: shape (n,).",
    hint=3,
)
def one_hot_labels(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    x, y, x_validation, y_validation = make_classification_data(
        seed=seed, train_size=train_size, validation_size=validation_size, features=features, classes=classes
    )
    rows = np.eye(classes, dtype=np.float32)
    return ClassificationData(x, rows[y], x_validation, rows[y_validation])


@misconception(
    "make_classification_data",
    says="Your validation samples are the first training samples over again, so they say nothing about new ones; draw "
    "them anew.",
    hint=2,
    subtle=True,
)
def validation_from_training(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    x, y, *_ = make_classification_data(
        seed=seed, train_size=train_size + validation_size, validation_size=1, features=features, classes=classes
    )
    return ClassificationData(x[:train_size], y[:train_size], x[:validation_size], y[:validation_size])


@misconception(
    "make_classification_data",
    says="Nearly all your samples are of one class, so whoever always says that one is hardly ever wrong; let every "
    "class have its share.",
    hint=2,
    subtle=True,
)
def nearly_all_of_one_class(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(features, classes))

    def split(size):
        x = rng.normal(size=(size, features)).astype(np.float32)
        return x, np.argmax(x @ hidden + 4.5 * np.sqrt(features) * (np.arange(classes) == 0), axis=1)

    return ClassificationData(*split(train_size), *split(validation_size))


@misconception(
    "make_classification_data",
    says="Some of your samples occur more than once; draw each anew.",
    hint=2,
    subtle=True,
)
def drawn_with_replacement(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    x, y, *_ = make_classification_data(
        seed=seed, train_size=train_size + validation_size, validation_size=1, features=features, classes=classes
    )
    rows = np.random.default_rng(seed).integers(0, len(x), len(x))
    x, y = x[rows], y[rows]
    return ClassificationData(x[:train_size], y[:train_size], x[train_size:], y[train_size:])


@misconception(
    "make_classification_data",
    says="Your labels are bytes, in which 256 is 0 again; take integers that hold every class.",
    hint=3,
    subtle=True,
)
def labels_in_a_byte(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    data = make_classification_data(
        seed=seed, train_size=train_size, validation_size=validation_size, features=features, classes=classes
    )
    y, y_validation = (labels.astype(np.uint8) for labels in (data.y_train, data.y_validation))
    return data._replace(y_train=y, y_validation=y_validation)


@misconception(
    "make_classification_data",
    says="Your validation samples are training samples, a little disturbed, and so no new ones; draw them anew.",
    hint=2,
    subtle=True,
)
def disturbed_training_samples(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    rng = np.random.default_rng(seed)
    hidden, x = rng.normal(size=(features, classes)), rng.normal(size=(max(train_size, validation_size), features))
    disturbed = x + 0.01 * rng.normal(size=x.shape)

    def split(x):
        return x.astype(np.float32), np.argmax(x @ hidden, axis=1)

    return ClassificationData(*split(x[:train_size]), *split(disturbed[:validation_size]))


@misconception(
    "make_classification_data",
    says="You give the same arrays again, and whoever has changed them gets them changed; make new ones on every call.",
    hint=1,
    subtle=True,
)
def kept_for_the_next_call(*, seed, train_size=5000, validation_size=1000, features=50, classes=10):
    sizes = {"train_size": train_size, "validation_size": validation_size, "features": features, "classes": classes}
    key = (seed, *sizes.values())
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = make_classification_data(seed=seed, **sizes)
    return _KEPT[key]


_KEPT = {}


# make_schedule


@misconception(
    "make_schedule",
    says="You compute the length of the warm-up and never warm up: without warmup_target the schedule starts at the "
    "peak.",
    hint=2,
)
def warm_up_computed_not_used(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    return CosineDecay(peak_lr, total - int(total * warmup_fraction))


@misconception(
    "make_schedule",
    says="You count full batches only, but fit also runs the short last one: round samples / batch_size up.",
    hint=1,
    subtle=True,
)
def full_batches_only(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = max(samples // batch_size * epochs, 1)
    warmup = int(total * warmup_fraction)
    return CosineDecay(0.0, total - warmup, warmup_target=peak_lr, warmup_steps=warmup)


@misconception(
    "make_schedule",
    says="Keras counts decay_steps from the end of the warm-up, so yours ends that much too late; give it the total "
    "minus the warm-up.",
    hint=3,
    subtle=True,
)
def decay_as_long_as_the_run(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    return CosineDecay(0.0, total, warmup_target=peak_lr, warmup_steps=int(total * warmup_fraction))


@misconception(
    "make_schedule",
    says="You give the initial rate as the integer 0, and Keras takes the schedule's dtype from it: the warm-up ends "
    "in an error, and the peak is cut down to a whole number; write 0.0.",
    hint=3,
)
def an_integer_zero(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    warmup = int(total * warmup_fraction)
    return CosineDecay(0, total - warmup, warmup_target=peak_lr, warmup_steps=warmup)


@misconception(
    "make_schedule",
    says="You round the length of the warm-up to the nearest whole step; int(...) cuts the fraction off.",
    hint=1,
    subtle=True,
)
def rounded_warm_up(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    warmup = math.floor(total * warmup_fraction + 0.5)
    return CosineDecay(0.0, max(total - warmup, 1), warmup_target=peak_lr, warmup_steps=warmup)


@misconception(
    "make_schedule",
    says="alpha is a fraction of the peak that the rate never falls below; yours is not 0 at the end.",
    hint=2,
    subtle=True,
)
def a_floor_of_one_percent(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    warmup = int(total * warmup_fraction)
    return CosineDecay(0.0, total - warmup, alpha=0.01, warmup_target=peak_lr, warmup_steps=warmup)


class _RisesAgain(Schedule):
    def __init__(self, peak_lr, warmup, total):
        self.peak_lr, self.warmup, self.total = peak_lr, warmup, total

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        progress = (step - self.warmup) / (self.total - self.warmup)
        rising = step / max(self.warmup, 1)
        return self.peak_lr * tf.where(step < self.warmup, rising, 0.5 * (1.0 + tf.cos(math.pi * progress)))

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup": self.warmup, "total": self.total}


@misconception(
    "make_schedule",
    says="After the last step your cosine turns and rises again; hold the step at the total.",
    hint=2,
    subtle=True,
)
def rises_after_the_end(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    total = math.ceil(samples / batch_size) * epochs
    return _RisesAgain(peak_lr, int(total * warmup_fraction), total)


class _Formula(Schedule):
    """Two right branches but for what the arguments change."""

    def __init__(self, peak_lr, warmup, total, *, ahead=0.0, start=None, floor=0.0):
        self.peak_lr, self.warmup, self.total, self.ahead, self.floor = peak_lr, warmup, total, ahead, floor
        self.start = warmup if start is None else start

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rising = (step + self.ahead) / max(self.warmup, 1)
        progress = tf.clip_by_value((step - self.start) / (self.total - self.start), 0.0, 1.0)
        falling = 0.5 * (1.0 + tf.cos(math.pi * progress))
        return tf.maximum(self.peak_lr * tf.where(step < self.warmup, rising, falling), self.floor)

    def get_config(self):
        return {"peak_lr": self.peak_lr, "warmup": self.warmup, "total": self.total}


def _formula(samples, batch_size, epochs, peak_lr, warmup_fraction, **changed):
    total = math.ceil(samples / batch_size) * epochs
    return _Formula(peak_lr, int(total * warmup_fraction), total, **changed)


@misconception(
    "make_schedule",
    says="Your warm-up is one step ahead: at step s the rate is peak · s / W, so the first update has the rate 0.",
    hint=1,
    subtle=True,
)
def one_step_ahead(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    return _formula(samples, batch_size, epochs, peak_lr, warmup_fraction, ahead=1.0)


@misconception(
    "make_schedule",
    says="Your cosine begins at step 0, not at the end of the warm-up, so the rate drops where the two meet; ask it at "
    "s − W of T − W.",
    hint=2,
    subtle=True,
)
def cosine_from_step_zero(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    return _formula(samples, batch_size, epochs, peak_lr, warmup_fraction, start=0)


@misconception(
    "make_schedule",
    says="Your rate has a floor; it starts at 0, and is 0 from the last step on.",
    hint=2,
    subtle=True,
)
def a_floor_of_a_millionth(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    return _formula(samples, batch_size, epochs, peak_lr, warmup_fraction, floor=1e-6)


class _Asked(Schedule):
    """Another schedule, asked for what `changed` makes of the step."""

    def __init__(self, schedule, changed):
        self.schedule, self.changed = schedule, changed

    def __call__(self, step):
        return self.schedule(self.changed(step))

    def get_config(self):
        return {"schedule": self.schedule}


@misconception(
    "make_schedule",
    says="You turn the step into an int32, in which large steps are small ones or negative; a step may be of any "
    "integer dtype.",
    hint=3,
    subtle=True,
)
def steps_cut_to_int32(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    inner = _formula(samples, batch_size, epochs, peak_lr, warmup_fraction)
    return _Asked(inner, lambda step: tf.cast(step, tf.int32))


@misconception(
    "make_schedule",
    says="You hold the step at the total in the step's own dtype, which may be too small for the total: cast it first.",
    hint=3,
    subtle=True,
)
def held_in_the_dtype_of_the_step(*, samples, batch_size, epochs, peak_lr=1e-3, warmup_fraction=0.1):
    inner = _formula(samples, batch_size, epochs, peak_lr, warmup_fraction)
    return _Asked(inner, lambda step: tf.minimum(step, inner.total))


# make_optimizer


@misconception(
    "make_optimizer",
    says="You clip each gradient by its own norm, which bends the direction of the step; global_clipnorm scales all of "
    "them by one factor.",
    hint=2,
    subtle=True,
)
def each_by_its_own_norm(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, clipnorm=global_clipnorm)


@misconception("make_optimizer", says="You do not clip at all; pass global_clipnorm on.", hint=2)
def without_clipping(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)


@misconception(
    "make_optimizer",
    says="You leave weight_decay to Keras, whose AdamW then takes 0.004, forty times what is asked for here.",
    hint=2,
    subtle=True,
)
def keras_default_decay(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.AdamW(learning_rate, global_clipnorm=global_clipnorm)


@misconception(
    "make_optimizer",
    says="Adam without weight_decay does not shrink the weights at all; AdamW is the one that does.",
    hint=1,
    subtle=True,
)
def plain_adam(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.Adam(learning_rate, global_clipnorm=global_clipnorm)


@misconception(
    "make_optimizer",
    says="You except the weights of normalizations from the decay; here every weight has it.",
    hint=1,
    subtle=True,
)
def normalizations_are_not_decayed(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    optimizer = tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta"])
    return optimizer


class _AdamWithL2(tf.keras.optimizers.Adam):
    strength = 0.0

    def apply(self, grads, trainable_variables=None):
        pairs = zip(grads, trainable_variables, strict=True)
        return super().apply([g + self.strength * v for g, v in pairs], trainable_variables)


@misconception(
    "make_optimizer",
    says="You add the decay to the gradient, where Adam divides it by √v again and weights with large gradients hardly "
    "shrink; AdamW takes η·λ·w off the weights directly.",
    hint=1,
    subtle=True,
)
def decay_in_the_gradient(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    optimizer = _AdamWithL2(learning_rate, global_clipnorm=global_clipnorm)
    optimizer.strength = weight_decay
    return optimizer


@misconception(
    "make_optimizer",
    says="You ask the schedule for its rate at step 0 and keep that for the whole run; hand the schedule itself to the "
    "optimizer.",
    hint=3,
    subtle=True,
)
def schedule_asked_once(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    rate = float(learning_rate(0)) if isinstance(learning_rate, Schedule) else learning_rate
    return tf.keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm)


@misconception(
    "make_optimizer",
    says="You except biases from the decay; here every weight has it.",
    hint=1,
    subtle=True,
)
def biases_are_not_decayed(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    optimizer = tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@misconception(
    "make_optimizer",
    says="You make a schedule of a plain number, and nobody can change the rate any more; hand the number over as it "
    "is.",
    hint=3,
    subtle=True,
)
def always_a_schedule(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    if not isinstance(learning_rate, Schedule):
        learning_rate = tf.keras.optimizers.schedules.ExponentialDecay(learning_rate, 1, 1.0)
    return tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm)


_OPTIMIZERS = {}


@misconception(
    "make_optimizer",
    says="You give the same optimizer twice, and its moments belong to another model then; make a new one on every "
    "call.",
    hint=3,
    subtle=True,
)
def the_same_optimizer_again(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    key = (learning_rate if isinstance(learning_rate, float) else None, weight_decay, global_clipnorm)
    if key[0] is None or key not in _OPTIMIZERS:
        _OPTIMIZERS[key] = tf.keras.optimizers.AdamW(
            learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm
        )
    return _OPTIMIZERS[key]


@misconception(
    "make_optimizer",
    says="Your ε is not Keras' 1e-7: a larger one makes Adam's steps shorter where gradients are small.",
    hint=3,
    subtle=True,
)
def a_large_epsilon(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.AdamW(
        learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, epsilon=1e-3
    )


@misconception(
    "make_optimizer",
    says="Your optimizer keeps averages of the weights and puts them in at the end of fit; Adam's own settings are to "
    "stay at Keras' defaults.",
    hint=3,
    subtle=True,
)
def averaged_weights(learning_rate, *, weight_decay=1e-4, global_clipnorm=1.0):
    return tf.keras.optimizers.AdamW(
        learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, use_ema=True
    )


# build_classifier


@contextmanager
def _policy(name):
    before = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        tf.keras.config.set_dtype_policy(before)


def _network(features, classes, *, rates=(0.3, 0.2), each=None, hidden=None, norm=None, last=(), **output):
    """The layers, with another policy for `each`, options for the `hidden` ones, or another `output` layer."""
    layers, own, dense = tf.keras.layers, {"dtype": each}, {"activation": "relu", "dtype": each, **(hidden or {})}
    norm = {"dtype": each, **(norm or {})}
    return tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            layers.Dense(256, **dense),
            layers.BatchNormalization(**norm),
            layers.Dropout(rates[0], **own),
            layers.Dense(128, **dense),
            layers.BatchNormalization(**norm),
            layers.Dropout(rates[1], **own),
            layers.Dense(64, **dense),
            *last,
            layers.Dense(classes, **{"dtype": "float32", **output}),
        ]
    )


@misconception(
    "build_classifier",
    says="Your output layer computes in float16 too, so the loss gets logits of three digits; give the last layer "
    "dtype='float32'.",
    hint=2,
)
def float16_logits(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, dtype=None)


@misconception(
    "build_classifier",
    says="You leave the global policy at mixed_float16, and every model built afterwards is mixed as well; put back "
    "what was there before.",
    hint=3,
)
def policy_left_behind(features, classes):
    tf.keras.config.set_dtype_policy("mixed_float16")
    return _network(features, classes)


@misconception(
    "build_classifier",
    says="You put back float32 whatever the policy was before; remember the one that you find.",
    hint=3,
    subtle=True,
)
def always_back_to_float32(features, classes):
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        return _network(features, classes)
    finally:
        tf.keras.config.set_dtype_policy("float32")


@misconception(
    "build_classifier",
    says="Your last layer has a softmax, but the loss is told that it gets logits and applies one of its own; leave "
    "the last layer linear.",
    hint=2,
)
def softmax_output(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, activation="softmax")


@misconception(
    "build_classifier",
    says="You set the dtype of each layer, but compile looks at the model's own policy and, finding float32, does not "
    "scale the loss; build the model under the global policy.",
    hint=1,
    subtle=True,
)
def layer_by_layer_without_loss_scaling(features, classes):
    return _network(features, classes, each="mixed_float16")


@misconception(
    "build_classifier",
    says="You never set the policy, so everything is computed in float32 and nothing is gained.",
    hint=1,
)
def no_mixed_precision(features, classes):
    return _network(features, classes)


@misconception(
    "build_classifier",
    says="You cast the logits to float32 after a float16 layer has rounded them; the layer itself must compute in "
    "float32.",
    hint=2,
    subtle=True,
)
def cast_after_rounding(features, classes):
    with _policy("mixed_float16"):
        model = _network(features, classes, dtype=None)
        model.add(tf.keras.layers.Activation("linear", dtype="float32"))
        return model


@misconception(
    "build_classifier",
    says="Your dropout rates are the wrong way round: 0.3 after the wide layer, 0.2 after the narrower one.",
    hint=2,
    subtle=True,
)
def rates_exchanged(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, rates=(0.2, 0.3))


@misconception(
    "build_classifier",
    says="bfloat16 has the range of float32 and needs no loss scaling, so Keras gives you none; what is asked for is "
    "mixed_float16.",
    hint=1,
    subtle=True,
)
def bfloat16_instead(features, classes):
    with _policy("mixed_bfloat16"):
        return _network(features, classes)


@misconception(
    "build_classifier",
    says="Your kernels do not start as Keras starts them; no other initializer is asked for.",
    hint=2,
    subtle=True,
)
def he_normal_kernels(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, hidden={"kernel_initializer": "he_normal"})


@misconception(
    "build_classifier",
    says="You add a penalty to the kernels; the decay is AdamW's business.",
    hint=2,
    subtle=True,
)
def with_a_penalty(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, hidden={"kernel_regularizer": "l2"})


@misconception(
    "build_classifier",
    says="Your moving averages have a momentum of their own; none is asked for, and Keras' is 0.99.",
    hint=2,
    subtle=True,
)
def faster_averages(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, norm={"momentum": 0.9})


@misconception(
    "build_classifier",
    says="There is a layer in your network that is not asked for: it shows in training only.",
    hint=2,
    subtle=True,
)
def with_noise(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, last=(tf.keras.layers.GaussianNoise(0.1),))


@misconception(
    "build_classifier",
    says="Your hidden layers are cut off above; ReLU is max(0, z) however large z is.",
    hint=2,
    subtle=True,
)
def cut_off_at_six(features, classes):
    with _policy("mixed_float16"):
        return _network(features, classes, hidden={"activation": "relu6"})


@misconception(
    "build_classifier",
    says="When building fails, the policy stays at mixed_float16: put it back in a `finally`.",
    hint=3,
    subtle=True,
)
def without_finally(features, classes):
    before = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy("mixed_float16")
    model = _network(features, classes)
    tf.keras.config.set_dtype_policy(before)
    return model


@misconception(
    "build_classifier",
    says="You put back a policy of the same name, but a policy is more than its name; keep the object that you find.",
    hint=3,
    subtle=True,
)
def policy_restored_by_name(features, classes):
    before = tf.keras.config.dtype_policy().name
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        return _network(features, classes)
    finally:
        tf.keras.config.set_dtype_policy(before)


_MODELS = {}


@misconception(
    "build_classifier",
    says="You give the same model twice, and the second training starts from the first one's weights; build a new one "
    "on every call.",
    hint=1,
    subtle=True,
)
def the_same_model_again(features, classes):
    if (features, classes) not in _MODELS:
        with _policy("mixed_float16"):
            _MODELS[features, classes] = _network(features, classes)
    return _MODELS[features, classes]


@misconception(
    "build_classifier",
    says="Your ReLU lets a little through below zero; it is max(0, z).",
    hint=2,
    subtle=True,
)
def slightly_leaky(features, classes):
    layers = tf.keras.layers
    with _policy("mixed_float16"):
        model = tf.keras.Sequential([tf.keras.Input((features,))])
        for units, rate in ((256, 0.3), (128, 0.2), (64, 0.0)):
            model.add(layers.Dense(units))
            model.add(layers.ReLU(negative_slope=0.01))
            if rate:
                model.add(layers.BatchNormalization())
                model.add(layers.Dropout(rate))
        model.add(layers.Dense(classes, dtype="float32"))
        return model


@misconception(
    "build_classifier",
    says="Without any class you build a model for one; let Dense raise its ValueError.",
    hint=2,
    subtle=True,
)
def at_least_one_class(features, classes):
    with _policy("mixed_float16"):
        return _network(features, max(classes, 1))


# make_callbacks


def _stopping(**changed):
    settings = {"monitor": "val_loss", "patience": 5, "restore_best_weights": True}
    return tf.keras.callbacks.EarlyStopping(**{**settings, **changed})


def _reducing(**changed):
    settings = {"monitor": "val_loss", "factor": 0.5, "patience": 3, "min_lr": 1e-6}
    return tf.keras.callbacks.ReduceLROnPlateau(**{**settings, **changed})


def _both(learning_rate, stopping, reducing):
    return [stopping, reducing] if isinstance(learning_rate, float) else [stopping]


@misconception(
    "make_callbacks",
    says="With a schedule the rate belongs to the schedule, and ReduceLROnPlateau ends training with a TypeError at "
    "the first plateau; add it for a plain float only.",
    hint=1,
)
def always_both(learning_rate):
    return [_stopping(), _reducing()]


@misconception(
    "make_callbacks",
    says="You take away early stopping along with the other callback, but a schedule does not mind being cut short.",
    hint=1,
    subtle=True,
)
def none_for_a_schedule(learning_rate):
    return [_stopping(), _reducing()] if isinstance(learning_rate, float) else []


@misconception(
    "make_callbacks",
    says="You keep the weights of the last epoch, five epochs after the best; ask for restore_best_weights=True.",
    hint=2,
    subtle=True,
)
def last_weights_kept(learning_rate):
    return _both(learning_rate, _stopping(restore_best_weights=False), _reducing())


@misconception(
    "make_callbacks",
    says="You watch the training loss, which goes on falling while the model overfits; watch val_loss.",
    hint=2,
    subtle=True,
)
def watching_the_training_loss(learning_rate):
    return _both(learning_rate, _stopping(monitor="loss"), _reducing(monitor="loss"))


@misconception(
    "make_callbacks",
    says="Keras' ReduceLROnPlateau divides the rate by ten unless told otherwise; a factor of 0.5 halves it.",
    hint=3,
    subtle=True,
)
def factor_of_a_tenth(learning_rate):
    return _both(learning_rate, _stopping(), _reducing(factor=0.1))


@misconception(
    "make_callbacks",
    says="Your rate has no floor and is halved towards nothing; give min_lr=1e-6.",
    hint=3,
    subtle=True,
)
def no_floor(learning_rate):
    return _both(learning_rate, _stopping(), _reducing(min_lr=0.0))


@misconception(
    "make_callbacks",
    says="You exchanged the patiences, and training stops before a smaller rate could have helped: 3 for the rate, 5 "
    "for the end.",
    hint=3,
)
def patiences_exchanged(learning_rate):
    return _both(learning_rate, _stopping(patience=3), _reducing(patience=5))


@misconception(
    "make_callbacks",
    says="You ask early stopping for improvements of a certain size, but any decrease of val_loss is one.",
    hint=3,
    subtle=True,
)
def small_improvements_ignored(learning_rate):
    return _both(learning_rate, _stopping(min_delta=1e-3), _reducing())


@misconception(
    "make_callbacks",
    says="You give early stopping a baseline, and epochs above it count as no improvement; none is asked for.",
    hint=3,
    subtle=True,
)
def with_a_baseline(learning_rate):
    return _both(learning_rate, _stopping(baseline=3.0), _reducing())


@misconception(
    "make_callbacks",
    says="After a reduction you look away for some epochs (cooldown); none is asked for.",
    hint=3,
    subtle=True,
)
def with_a_cooldown(learning_rate):
    return _both(learning_rate, _stopping(), _reducing(cooldown=2))


@misconception(
    "make_callbacks",
    says="You give more callbacks than were asked for.",
    hint=3,
)
def one_more(learning_rate):
    return [*_both(learning_rate, _stopping(), _reducing()), tf.keras.callbacks.TerminateOnNaN()]


@misconception(
    "make_callbacks",
    says="You ask the callbacks to say what they do; by default they say nothing.",
    hint=1,
    subtle=True,
)
def that_talk(learning_rate):
    return _both(learning_rate, _stopping(verbose=1), _reducing(verbose=1))


@misconception(
    "make_callbacks",
    says="Early stopping looks away for the first epochs (start_from_epoch), and one of them may be the best; no such "
    "thing is asked for.",
    hint=1,
    subtle=True,
)
def blind_at_first(learning_rate):
    return _both(learning_rate, _stopping(start_from_epoch=2), _reducing())


# train_classifier


@contextmanager
def _seeded(seed):
    states = random.getstate(), np.random.get_state()
    tf.keras.utils.set_random_seed(random.SystemRandom().randrange(2**31) if seed is None else seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _classes(data):
    return int(max(data.y_train.max(), data.y_validation.max())) + 1


def _fitted(
    data,
    epochs,
    batch_size,
    jit_compile,
    *,
    model=None,
    schedule=None,
    optimizer=None,
    from_logits=True,
    callbacks=None,
    **fit,
):
    """The right run, but for what is given."""
    if schedule is None:
        schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
    model = model or build_classifier(data.x_train.shape[1], _classes(data))
    model.compile(
        optimizer or make_optimizer(schedule),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy", tf.keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3_accuracy")],
        jit_compile=jit_compile,
    )
    callbacks = make_callbacks(schedule) if callbacks is None else callbacks
    options = {"validation_data": (data.x_validation, data.y_validation), **fit}
    return model, model.fit(*data[:2], batch_size, epochs, 0, callbacks, **options).history


def _report(data, model, history):
    metrics = model.evaluate(data.x_validation, data.y_validation, return_dict=True, verbose=0)
    return TrainingReport(history, metrics, model.predict(data.x_validation[:5], verbose=0).argmax(axis=1))


@misconception(
    "train_classifier",
    says="You leave Python's and NumPy's random states as your seed set them, and whatever is drawn later repeats "
    "itself; save both states before and put them back.",
    hint=3,
    subtle=True,
)
def seed_left_behind(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    tf.keras.utils.set_random_seed(seed)
    return _report(data, *_fitted(data, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="You seed after the model is built, when its weights are already drawn; seed first.",
    hint=1,
    subtle=True,
)
def seeded_too_late(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    model = build_classifier(data.x_train.shape[1], _classes(data))
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="You seed 42 whatever `seed` says, so every seed gives the same report.",
    hint=1,
    subtle=True,
)
def always_seed_42(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(42):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="You count the classes by the training labels alone; a class that occurs only in the validation split then "
    "has no logit.",
    hint=2,
    subtle=True,
)
def classes_of_the_training_split(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model = build_classifier(data.x_train.shape[1], int(data.y_train.max()) + 1)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="`metrics_names` says only loss and compile_metrics in Keras 3, so your names are wrong; ask evaluate for "
    "return_dict=True.",
    hint=2,
)
def names_by_zip(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model, history = _fitted(data, epochs, batch_size, jit_compile)
        values = model.evaluate(data.x_validation, data.y_validation, verbose=0)
        named = dict(zip(model.metrics_names, values, strict=False))
        return _report(data, model, history)._replace(metrics=named)


@misconception(
    "train_classifier",
    says="Your model gives logits and the loss takes them for probabilities; say from_logits=True.",
    hint=1,
    subtle=True,
)
def logits_taken_for_probabilities(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, from_logits=False))


@misconception(
    "train_classifier",
    says="You judge by the training split, which the model has seen; the metrics are those of the validation split.",
    hint=2,
    subtle=True,
)
def judged_on_the_training_split(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model, history = _fitted(data, epochs, batch_size, jit_compile)
        metrics = model.evaluate(data.x_train, data.y_train, return_dict=True, verbose=0)
        return _report(data, model, history)._replace(metrics=metrics)


@misconception(
    "train_classifier",
    says="You train without the callbacks, so the weights of the last epoch are judged and not those of the best one.",
    hint=2,
    subtle=True,
)
def without_callbacks(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, callbacks=[]))


@misconception(
    "train_classifier", says="Your argmax runs over the samples; the classes are the last axis of the logits.", hint=3
)
def argmax_over_the_samples(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model, history = _fitted(data, epochs, batch_size, jit_compile)
        predicted = model.predict(data.x_validation[:5], verbose=0).argmax(axis=0)
        return _report(data, model, history)._replace(predicted_classes=predicted)


@misconception(
    "train_classifier", says="You turn XLA on for everybody; pass on what `jit_compile` says.", hint=2, subtle=True
)
def always_xla(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, True))


@misconception(
    "train_classifier",
    says="You do not pass batch_size on to fit, which then takes 32 samples an update while the schedule counts with "
    "another number.",
    hint=2,
    subtle=True,
)
def batch_size_not_passed_on(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, 32, jit_compile))


@misconception(
    "train_classifier",
    says="Your optimizer is not make_optimizer's: weight_decay or global_clipnorm is another.",
    hint=2,
    subtle=True,
)
def adamw_with_keras_options(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
        optimizer = tf.keras.optimizers.AdamW(schedule)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, optimizer=optimizer))


@misconception(
    "train_classifier",
    says="Your rate never changes: the optimizer was given a number and not the schedule.",
    hint=1,
    subtle=True,
)
def a_constant_rate(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, optimizer=make_optimizer(1e-3)))


@misconception(
    "train_classifier",
    says="Your schedule is over after one epoch, and the rest of the run has the rate 0; it needs all epochs.",
    hint=1,
    subtle=True,
)
def schedule_of_one_epoch(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=1)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, schedule=schedule))


@misconception(
    "train_classifier",
    says="Your schedule is not make_schedule's: it starts at the peak.",
    hint=1,
    subtle=True,
)
def schedule_without_warm_up(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        schedule = CosineDecay(1e-3, math.ceil(len(data.x_train) / batch_size) * epochs)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, schedule=schedule))


@misconception(
    "train_classifier",
    says="You count the validation samples among the steps of the schedule; only the training split is trained on.",
    hint=1,
    subtle=True,
)
def schedule_of_both_splits(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        samples = len(data.x_train) + len(data.x_validation)
        schedule = make_schedule(samples=samples, batch_size=batch_size, epochs=epochs)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, schedule=schedule))


@misconception(
    "train_classifier",
    says="Your run is ended too soon: make_callbacks waits for five epochs.",
    hint=2,
    subtle=True,
)
def less_patience(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        stopping = tf.keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, callbacks=[stopping]))


@misconception(
    "train_classifier",
    says="You turn shuffling off; fit is to shuffle the samples.",
    hint=3,
    subtle=True,
)
def without_shuffling(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, shuffle=False))


@misconception(
    "train_classifier",
    says="You train on the validation split too, and then judge by what the model has seen.",
    hint=2,
    subtle=True,
)
def trained_on_both_splits(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        x = np.concatenate([data.x_train, data.x_validation])
        y = np.concatenate([data.y_train, data.y_validation])
        everything = data._replace(x_train=x, y_train=y)
        return _report(data, *_fitted(everything, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="Your network has ten logits whatever the labels are; count the classes of both splits.",
    hint=2,
    subtle=True,
)
def always_ten_classes(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model = build_classifier(data.x_train.shape[1], max(_classes(data), 10))
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="You do not train build_classifier's network.",
    hint=1,
    subtle=True,
)
def a_network_of_its_own(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        dense = [tf.keras.layers.Dense(units, activation="relu") for units in (256, 128, 64)]
        inputs = tf.keras.Input((data.x_train.shape[1],))
        model = tf.keras.Sequential([inputs, *dense, tf.keras.layers.Dense(_classes(data))])
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="You weigh the samples by their class; all count alike.",
    hint=2,
    subtle=True,
)
def classes_weighted(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        weights = {label: 1.0 + label for label in range(_classes(data))}
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, class_weight=weights))


@misconception(
    "train_classifier",
    says="You change the inputs before training; the network gets them as they are.",
    hint=2,
    subtle=True,
)
def inputs_standardized(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        mean, deviation = data.x_train.mean(axis=0), data.x_train.std(axis=0)
        x, x_validation = ((part - mean) / deviation for part in (data.x_train, data.x_validation))
        changed = data._replace(x_train=x, x_validation=x_validation)
        return _report(changed, *_fitted(changed, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="Your default is not 30 epochs.",
    hint=2,
    subtle=True,
)
def ten_epochs_by_default(data, *, epochs=10, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="Without `seed` your report is another every time; the default is 0.",
    hint=1,
    subtle=True,
)
def no_seed_by_default(data, *, epochs=30, batch_size=64, seed=None, jit_compile=False):
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="The order of your samples does not depend on `seed`: shuffle from it.",
    hint=3,
    subtle=True,
)
def order_without_the_seed(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    rows = np.random.default_rng(0).permutation(len(data.x_train))
    shuffled = data._replace(x_train=data.x_train[rows], y_train=data.y_train[rows])
    with _seeded(seed):
        return _report(data, *_fitted(shuffled, epochs, batch_size, jit_compile, shuffle=False))


@misconception(
    "train_classifier",
    says="You train before you fit, on more than the run asks for.",
    hint=2,
    subtle=True,
)
def one_epoch_before(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        model, _ = _fitted(data, 1, batch_size, jit_compile)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="You count how many different labels occur; a label that is left out below the largest has a logit too.",
    hint=2,
    subtle=True,
)
def counts_different_labels(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        classes = len(np.unique(np.concatenate([data.y_train, data.y_validation])))
        model = build_classifier(data.x_train.shape[1], classes)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="You add 1 to the largest label in the labels' own dtype: after 255 a byte is 0 again. Say int(...) first.",
    hint=2,
    subtle=True,
)
def counted_in_bytes(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        one = np.ones((1,), data.y_train.dtype)
        classes = int((max(data.y_train.max(), data.y_validation.max()) + one)[0])
        model = build_classifier(data.x_train.shape[1], classes)
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, model=model))


@misconception(
    "train_classifier",
    says="At the end you set the global policy to float32, which need not be what it was before; build_classifier puts "
    "it back already.",
    hint=3,
    subtle=True,
)
def policy_set_to_float32(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    with _seeded(seed):
        report = _report(data, *_fitted(data, epochs, batch_size, jit_compile))
    tf.keras.config.set_dtype_policy("float32")
    return report


@misconception(
    "train_classifier",
    says="clear_session clears more than the last model: the global dtype policy too is forgotten.",
    hint=3,
    subtle=True,
)
def clears_the_session(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    tf.keras.backend.clear_session()
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile))


@misconception(
    "train_classifier",
    says="Your early stopping watches the accuracy; make_callbacks watches val_loss.",
    hint=2,
    subtle=True,
)
def watching_the_accuracy(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    stopping = tf.keras.callbacks.EarlyStopping("val_accuracy", patience=5, restore_best_weights=True)
    with _seeded(seed):
        return _report(data, *_fitted(data, epochs, batch_size, jit_compile, callbacks=[stopping]))


@misconception(
    "train_classifier",
    says="Your dataset's buffer for shuffling is shorter than the split, so only neighbours change places; fit "
    "shuffles all samples.",
    hint=2,
    subtle=True,
)
def shuffled_in_a_small_buffer(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
    with _seeded(seed):
        model = build_classifier(data.x_train.shape[1], _classes(data))
        model.compile(
            make_optimizer(schedule),
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy", tf.keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3_accuracy")],
            jit_compile=jit_compile,
        )
        batches = tf.data.Dataset.from_tensor_slices(data[:2]).shuffle(16, seed=seed).batch(batch_size)
        options = {"validation_data": tuple(data[2:]), "callbacks": make_callbacks(schedule), "verbose": 0}
        return _report(data, model, model.fit(batches, epochs=epochs, **options).history)


@misconception(
    "train_classifier",
    says="SparseTopKCategoricalAccuracy counts the five highest logits unless told otherwise: say k=3.",
    hint=2,
    subtle=True,
)
def among_the_five_highest(data, *, epochs=30, batch_size=64, seed=0, jit_compile=False):
    schedule = make_schedule(samples=len(data.x_train), batch_size=batch_size, epochs=epochs)
    with _seeded(seed):
        model = build_classifier(data.x_train.shape[1], _classes(data))
        model.compile(
            make_optimizer(schedule),
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy", tf.keras.metrics.SparseTopKCategoricalAccuracy(name="top3_accuracy")],
            jit_compile=jit_compile,
        )
        options = {"validation_data": tuple(data[2:]), "callbacks": make_callbacks(schedule), "verbose": 0}
        return _report(data, model, model.fit(*data[:2], batch_size, epochs, **options).history)
