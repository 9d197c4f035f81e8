"""Wrong turns in chapter 2, on purpose: each with the sentence that its author should read."""

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception


def _tensors(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    return tf.cast(y_true, y_pred.dtype), y_pred


def _error(y_true, y_pred):
    y_true, y_pred = _tensors(y_true, y_pred)
    return y_true - y_pred


def _number(value, like):
    return tf.convert_to_tensor(value, like.dtype)


def _clip(probabilities, epsilon):
    low = _number(epsilon, probabilities)
    return tf.clip_by_value(probabilities, low, 1.0 - low)


def _rows(tensor):
    return tf.cast(tf.shape(tensor)[0], tensor.dtype)


# Mean squared error


@misconception(
    "mean_squared_error",
    says="Your loss is half of the mean squared error: the ½ belongs to derivations, not to this formula.",
    hint=3,
)
def half_the_square(y_true, y_pred):
    return 0.5 * tf.reduce_mean(tf.square(_error(y_true, y_pred)))


@misconception(
    "mean_squared_error",
    says="You add the squares up but do not divide, so your loss and its gradient grow with the size of the batch.",
    hint=1,
)
def sum_of_squares(y_true, y_pred):
    return tf.reduce_sum(tf.square(_error(y_true, y_pred)))


@misconception(
    "mean_squared_error",
    says="You take the root at the end: that is the RMSE, a fine number to report, but another loss.",
    hint=3,
)
def root_of_the_mean(y_true, y_pred):
    return tf.sqrt(tf.reduce_mean(tf.square(_error(y_true, y_pred))))


@misconception(
    "mean_squared_error",
    says="You divide by the number of rows; an array of shape (4, 3) has 12 elements, and the mean is over all of "
    "them.",
    hint=1,
    subtle=True,
)
def square_sum_per_row(y_true, y_pred):
    error = _error(y_true, y_pred)
    return tf.reduce_sum(tf.square(error)) / _rows(error)


@misconception(
    "mean_squared_error",
    says="You cast everything to float32, so float64 predictions lose digits and dtype; cast the labels to the "
    "prediction's dtype instead.",
    hint=2,
    subtle=True,
)
def always_in_float32(y_true, y_pred):
    return tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - tf.cast(y_pred, tf.float32)))


@misconception(
    "mean_squared_error",
    says="You cast your predictions to the labels' dtype, so integer labels cut 2.7 down to 2; it is the labels that "
    "must be cast.",
    hint=2,
    subtle=True,
)
def predictions_cut_to_the_labels_dtype(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    error = tf.convert_to_tensor(y_true) - tf.cast(y_pred, tf.convert_to_tensor(y_true).dtype)
    return tf.reduce_mean(tf.square(tf.cast(error, y_pred.dtype)))


@misconception(
    "mean_squared_error",
    says="You compute with NumPy, which leaves TensorFlow's tape: your value is right, but there is no gradient to "
    "train with.",
    hint=3,
    subtle=True,
)
def computed_by_numpy(y_true, y_pred):
    y_true, y_pred = _tensors(y_true, y_pred)
    return tf.convert_to_tensor(np.mean((y_true.numpy() - y_pred.numpy()) ** 2))


@misconception(
    "mean_squared_error",
    says="You average over the last axis only, so one value per row is left, as in Keras' loss functions; the mean is "
    "over all elements.",
    hint=3,
)
def one_value_per_row(y_true, y_pred):
    return tf.reduce_mean(tf.square(_error(y_true, y_pred)), axis=-1)


@misconception(
    "mean_squared_error",
    says="Your result has the predictions' dtype but float32's digits; cast the labels and compute in the "
    "predictions' own dtype.",
    hint=2,
    subtle=True,
)
def digits_of_float32(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    loss = tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - tf.cast(y_pred, tf.float32)))
    return tf.cast(loss, y_pred.dtype)


@misconception(
    "mean_squared_error",
    says="Your labels are rounded to float32 before they take the predictions' dtype, so float64 labels lose digits.",
    hint=2,
    subtle=True,
)
def labels_through_float32(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    return tf.reduce_mean(tf.square(tf.cast(tf.cast(y_true, tf.float32), y_pred.dtype) - y_pred))


@misconception(
    "mean_squared_error",
    says="You leave the labels in their own dtype, and TensorFlow does not subtract tensors of two dtypes; cast them "
    "to the predictions'.",
    hint=2,
)
def labels_left_as_they_are(y_true, y_pred):
    return tf.reduce_mean(tf.square(tf.convert_to_tensor(y_true) - tf.convert_to_tensor(y_pred)))


# Mean absolute error


@misconception(
    "mean_absolute_error",
    says="You average first and take the absolute value last, so errors of opposite sign cancel; take |e| of each "
    "error.",
    hint=1,
)
def absolute_value_of_the_mean(y_true, y_pred):
    return tf.abs(tf.reduce_mean(_error(y_true, y_pred)))


@misconception(
    "mean_absolute_error",
    says="You add the errors up but do not divide, so your loss grows with the size of the batch.",
    hint=3,
)
def sum_of_sizes(y_true, y_pred):
    return tf.reduce_sum(tf.abs(_error(y_true, y_pred)))


@misconception(
    "mean_absolute_error",
    says="Yours is the root of the mean square, in which large errors still count for more; each |e| must count in "
    "proportion.",
    hint=3,
)
def root_mean_square(y_true, y_pred):
    return tf.sqrt(tf.reduce_mean(tf.square(_error(y_true, y_pred))))


@misconception(
    "mean_absolute_error",
    says="Your gradient is NaN for a perfect prediction, because the root of the square has slope 0/0 there; tf.abs "
    "has slope 0.",
    hint=2,
    subtle=True,
)
def root_of_each_square(y_true, y_pred):
    return tf.reduce_mean(tf.sqrt(tf.square(_error(y_true, y_pred))))


@misconception(
    "mean_absolute_error",
    says="Your smoothing inside the root gives even a perfect prediction a loss; |0| is 0.",
    hint=2,
    subtle=True,
)
def smoothed_at_zero(y_true, y_pred):
    return tf.reduce_mean(tf.sqrt(tf.square(_error(y_true, y_pred)) + 1e-6))


@misconception(
    "mean_absolute_error",
    says="You divide by the number of rows; an array of shape (4, 3) has 12 elements, and the mean is over all of "
    "them.",
    hint=3,
    subtle=True,
)
def size_sum_per_row(y_true, y_pred):
    error = _error(y_true, y_pred)
    return tf.reduce_sum(tf.abs(error)) / _rows(error)


@misconception(
    "mean_absolute_error",
    says="You cast your predictions to the labels' dtype, so integer labels cut 2.7 down to 2; it is the labels that "
    "must be cast.",
    hint=3,
    subtle=True,
)
def whole_predictions_for_whole_labels(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    error = tf.convert_to_tensor(y_true) - tf.cast(y_pred, tf.convert_to_tensor(y_true).dtype)
    return tf.reduce_mean(tf.cast(tf.abs(error), y_pred.dtype))


@misconception(
    "mean_absolute_error",
    says="You average over the last axis only, so one value per row is left, as in Keras' loss functions; the mean is "
    "over all elements.",
    hint=3,
)
def one_size_per_row(y_true, y_pred):
    return tf.reduce_mean(tf.abs(_error(y_true, y_pred)), axis=-1)


# Huber


def _positive(delta, like):
    if delta <= 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    return _number(delta, like)


def _two_branches(y_true, y_pred, delta, quadratic, linear, inside=lambda e, size, delta: size <= delta):
    """Huber's frame: `quadratic` where `inside`, else `linear`; the parts are what the misconceptions change."""
    error = _error(y_true, y_pred)
    size, delta = tf.abs(error), _positive(delta, error)
    return tf.reduce_mean(tf.where(inside(error, size, delta), quadratic(size), linear(size, delta)))


def _half_square(size):
    return 0.5 * tf.square(size)


def _line(size, delta):
    return delta * size - 0.5 * tf.square(delta)


@misconception("huber", says="Beyond delta the loss must grow linearly; yours stays quadratic.", hint=1)
def quadratic_everywhere(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, lambda size, delta: _half_square(size))


@misconception(
    "huber",
    says="Your loss jumps at |e| = delta: the linear branch needs −½·delta², so that both branches meet.",
    hint=1,
)
def line_without_offset(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, lambda size, delta: delta * size)


@misconception(
    "huber",
    says="Your quadratic branch lacks the ½, so value and slope do not continue into the linear branch at |e| = delta.",
    hint=1,
)
def whole_square_inside(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, tf.square, _line)


@misconception(
    "huber",
    says="Your linear branch has slope 1 instead of delta; with delta = 1 nobody sees it, so try another.",
    hint=1,
    subtle=True,
)
def line_of_slope_one(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, lambda size, delta: size - 0.5 * delta)


@misconception(
    "huber",
    says="You compare the squared error with delta, which is the same only for delta = 1; compare |e|.",
    hint=2,
    subtle=True,
)
def threshold_on_the_square(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, _line, lambda e, size, d: tf.square(e) <= d)


@misconception(
    "huber",
    says="You compare the signed error with delta, so large negative errors stay quadratic; compare |e|.",
    hint=2,
    subtle=True,
)
def threshold_on_the_signed_error(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, _line, lambda e, size, d: e <= d)


@misconception(
    "huber",
    says="Your loss ignores `delta` and always turns linear at 1.",
    hint=3,
    subtle=True,
)
def always_at_one(y_true, y_pred, *, delta=1.0):
    _positive(delta, _error(y_true, y_pred))
    return _two_branches(y_true, y_pred, 1.0, _half_square, _line)


@misconception(
    "huber",
    says="Yours is the smooth pseudo-Huber loss, which is neither exactly ½e² inside delta nor exactly a line beyond.",
    hint=3,
)
def pseudo_huber(y_true, y_pred, *, delta=1.0):
    error = _error(y_true, y_pred)
    delta = _positive(delta, error)
    return tf.reduce_mean(tf.square(delta) * (tf.sqrt(1.0 + tf.square(error / delta)) - 1.0))


@misconception(
    "huber",
    says="You refuse a negative `delta` but accept 0, with which every loss is 0 and nothing is ever learnt.",
    hint=3,
    subtle=True,
)
def accepts_delta_zero(y_true, y_pred, *, delta=1.0):
    if delta < 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    error = _error(y_true, y_pred)
    size, delta = tf.abs(error), _number(delta, error)
    return tf.reduce_mean(tf.where(size <= delta, _half_square(size), _line(size, delta)))


@misconception(
    "huber",
    says="You do not check `delta`: 0 or a negative number must be refused with a ValueError that names it.",
    hint=3,
    subtle=True,
)
def delta_unchecked(y_true, y_pred, *, delta=1.0):
    error = _error(y_true, y_pred)
    size, delta = tf.abs(error), _number(delta, error)
    return tf.reduce_mean(tf.where(size <= delta, _half_square(size), _line(size, delta)))


@misconception(
    "huber",
    says="You do refuse a `delta` that is not positive, but not with a ValueError.",
    hint=3,
    subtle=True,
)
def delta_asserted(y_true, y_pred, *, delta=1.0):
    assert delta > 0, "delta must be positive"
    return _two_branches(y_true, y_pred, delta, _half_square, _line)


@misconception(
    "huber",
    says="Your linear branch subtracts ½·delta, not ½·delta², so the branches meet only for delta = 1.",
    hint=1,
    subtle=True,
)
def offset_without_the_square(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, _half_square, lambda size, delta: delta * size - 0.5 * delta)


@misconception("huber", says="Inside delta your penalty is ½·|e|; it must be ½·e².", hint=3)
def square_forgotten_inside(y_true, y_pred, *, delta=1.0):
    return _two_branches(y_true, y_pred, delta, lambda size: 0.5 * size, _line)


@misconception(
    "huber",
    says="In float64 your loss is that of a `delta` rounded to float32, as `tf.cast(0.1, tf.float64)` rounds it; "
    "`as_number` does not.",
    hint=3,
    subtle=True,
)
def delta_through_float32(y_true, y_pred, *, delta=1.0):
    if delta <= 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    error = _error(y_true, y_pred)
    size, delta = tf.abs(error), tf.cast(delta, error.dtype)
    return tf.reduce_mean(tf.where(size <= delta, _half_square(size), _line(size, delta)))


# Binary cross-entropy


@misconception(
    "binary_crossentropy",
    says="You do not clip, so a probability of exactly 0 or 1 gives log 0 and your loss is infinite or NaN.",
    hint=1,
    subtle=True,
)
def unclipped(y_true, y_prob, *, epsilon=1e-7):
    y_true, p = _tensors(y_true, y_prob)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy",
    says="You add epsilon inside the logarithm instead of clipping, which shifts every probability and not only the "
    "edges.",
    hint=2,
    subtle=True,
)
def epsilon_added(y_true, y_prob, *, epsilon=1e-7):
    y_true, p = _tensors(y_true, y_prob)
    epsilon = _number(epsilon, p)
    return -tf.reduce_mean(y_true * tf.math.log(p + epsilon) + (1.0 - y_true) * tf.math.log(1.0 - p + epsilon))


@misconception(
    "binary_crossentropy",
    says="You clip at epsilon but not at 1 − epsilon, so a probability of 1 still gives log 0 for the other label.",
    hint=2,
    subtle=True,
)
def clipped_below_only(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = tf.maximum(y_prob, _number(epsilon, y_prob))
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy",
    says="You leave out (1 − y)·log(1 − p), so samples of label 0 cost nothing, and a model that always says 1 is "
    "perfect.",
    hint=3,
)
def only_the_yes_half(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(y_true * tf.math.log(_clip(y_prob, epsilon)))


@misconception(
    "binary_crossentropy",
    says="You turn labels into yes or no, so a soft label of 0.9 counts as 1; the formula takes labels as they are.",
    hint=3,
    subtle=True,
)
def labels_rounded(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, epsilon)
    return -tf.reduce_mean(tf.math.log(tf.where(y_true > 0.5, p, 1.0 - p)))


@misconception(
    "binary_crossentropy",
    says="Your clip is fixed at 1e-7; it has to be the `epsilon` that was asked for.",
    hint=3,
    subtle=True,
)
def epsilon_ignored(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, 1e-7)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy",
    says="You have exchanged labels and predictions: the logarithm belongs around the probability.",
    hint=3,
)
def labels_in_the_logarithm(y_true, y_prob, *, epsilon=1e-7):
    y_true, p = _tensors(y_true, y_prob)
    y = _clip(y_true, epsilon)
    return -tf.reduce_mean(p * tf.math.log(y) + (1.0 - p) * tf.math.log(1.0 - y))


@misconception(
    "binary_crossentropy",
    says="Your clip is that of 1e-15, which float32 loses: 1 − 1e-15 is 1 there, so a certain and wrong answer costs "
    "infinity or NaN.",
    hint=2,
    subtle=True,
)
def epsilon_lost_in_float32(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, 1e-15)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy",
    says="You clip, and then add epsilon inside the logarithms as well; the clip alone is the formula.",
    hint=2,
    subtle=True,
)
def clipped_and_epsilon_added(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p, epsilon = _clip(y_prob, epsilon), _number(epsilon, y_prob)
    return -tf.reduce_mean(y_true * tf.math.log(p + epsilon) + (1.0 - y_true) * tf.math.log(1.0 - p + epsilon))


@misconception(
    "binary_crossentropy",
    says="You hold each logarithm's argument above epsilon but let it go up to 1; the clip has two ends, ε and 1 − ε.",
    hint=2,
    subtle=True,
)
def floor_in_each_logarithm(y_true, y_prob, *, epsilon=1e-7):
    y_true, p = _tensors(y_true, y_prob)
    low = _number(epsilon, p)
    log_yes, log_no = tf.math.log(tf.maximum(p, low)), tf.math.log(tf.maximum(1.0 - p, low))
    return -tf.reduce_mean(y_true * log_yes + (1.0 - y_true) * log_no)


@misconception(
    "binary_crossentropy",
    says="In float64 your loss is that of an `epsilon` rounded to float32, as `tf.cast(0.1, tf.float64)` rounds it; "
    "`as_number` does not.",
    hint=3,
    subtle=True,
)
def epsilon_through_float32(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    low = tf.cast(epsilon, y_prob.dtype)
    p = tf.clip_by_value(y_prob, low, 1.0 - low)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy",
    says="You average over the last axis only, so one value per row is left, as in Keras' loss functions; the mean is "
    "over all elements.",
    hint=3,
)
def one_surprise_per_row(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, epsilon)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p), axis=-1)


@misconception(
    "binary_crossentropy",
    says="You add the questions up but do not divide by their number; the loss is a mean.",
    hint=3,
)
def sum_of_surprises(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, epsilon)
    return -tf.reduce_sum(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


# Binary cross-entropy from logits


@misconception(
    "binary_crossentropy_from_logits",
    says="You make probabilities and clip them, so your loss stops growing at 16 and its gradient is 0 for the worst "
    "mistakes.",
    hint=1,
    subtle=True,
)
def clipped_sigmoid(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    p = _clip(tf.nn.sigmoid(logits), 1e-7)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy_from_logits",
    says="Your e^z overflows from z = 89 on, so the loss is infinite; softplus knows that log(1 + e^z) is then just z.",
    hint=2,
    subtle=True,
)
def naive_softplus(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.math.log(1.0 + tf.exp(logits)) - y_true * logits)


@misconception(
    "binary_crossentropy_from_logits",
    says="Your value is right, but the gradient is NaN for large logits: tf.where differentiates both branches, and "
    "the unused one overflows.",
    hint=2,
    subtle=True,
)
def overflow_behind_where(y_true, logits):
    y_true, z = _tensors(y_true, logits)
    softplus = tf.where(z > 0, z + tf.math.log1p(tf.exp(-z)), tf.math.log1p(tf.exp(z)))
    return tf.reduce_mean(softplus - y_true * z)


@misconception(
    "binary_crossentropy_from_logits",
    says="Your two labels are exchanged: a large positive logit must be cheap for label 1, not for label 0.",
    hint=3,
)
def labels_exchanged(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(y_true * tf.nn.softplus(logits) + (1.0 - y_true) * tf.nn.softplus(-logits))


@misconception(
    "binary_crossentropy_from_logits",
    says="softplus(−y·z) is for labels −1 and 1; with your labels 0 and 1 a sample of label 0 costs log 2 whatever "
    "the logit.",
    hint=3,
)
def margin_with_labels_zero_and_one(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.nn.softplus(-y_true * logits))


@misconception(
    "binary_crossentropy_from_logits",
    says="softplus(−(2y − 1)·z) is right for labels 0 and 1 only: soft labels must weigh two losses, not scale your "
    "logit.",
    hint=3,
    subtle=True,
)
def margin_of_soft_labels(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.nn.softplus((1.0 - 2.0 * y_true) * logits))


@misconception(
    "binary_crossentropy_from_logits",
    says="You clip the logits, so your loss stops growing beyond the clip; nothing has to be clipped here.",
    hint=1,
    subtle=True,
)
def clipped_logits(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    z = tf.clip_by_value(logits, -30.0, 30.0)
    return tf.reduce_mean(y_true * tf.nn.softplus(-z) + (1.0 - y_true) * tf.nn.softplus(z))


@misconception(
    "binary_crossentropy_from_logits",
    says="Your value is right, but at logit 0 your gradient is 1 − y instead of ½ − y: the kinks of max(z, 0) and |z| "
    "do not add up there.",
    hint=2,
    subtle=True,
)
def kinks_at_zero(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.maximum(logits, 0.0) - y_true * logits + tf.math.log1p(tf.exp(-tf.abs(logits))))


@misconception(
    "binary_crossentropy_from_logits",
    says="You take the logits for probabilities: the sigmoid is missing.",
    hint=1,
)
def sigmoid_forgotten(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    p = _clip(logits, 1e-7)
    return -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))


@misconception(
    "binary_crossentropy_from_logits",
    says="You average over the last axis only, so one value per row is left, as in Keras' loss functions; the mean is "
    "over all elements.",
    hint=3,
)
def one_value_per_row_of_logits(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.nn.softplus(logits) - y_true * logits, axis=-1)


@misconception(
    "binary_crossentropy_from_logits",
    says="You hold the exponent at 80, which is enough in float32 only: float16 ends at 65504, so e^z is infinite "
    "there from z = 11.1 on, and your loss or its gradient with it.",
    hint=2,
    subtle=True,
)
def overflow_in_half_precision(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    power = tf.exp(tf.minimum(logits, _number(80.0, logits)))
    softplus = tf.where(logits > 30.0, logits, tf.math.log(1.0 + power))
    return tf.reduce_mean(softplus - y_true * logits)


# Categorical cross-entropy


@misconception(
    "categorical_crossentropy",
    says="You average over classes as well; sum over them, and take the mean over the batch only.",
    hint=1,
)
def mean_over_classes_too(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(y_true * tf.math.log(_clip(y_prob, epsilon)))


@misconception(
    "categorical_crossentropy",
    says="You add the samples up but do not divide by their number; the loss is the mean over the batch.",
    hint=1,
)
def sum_over_the_batch(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_sum(y_true * tf.math.log(_clip(y_prob, epsilon)))


@misconception(
    "categorical_crossentropy",
    says="You rescale the rows to sum to 1, as Keras' own loss does; here the probabilities are used as given.",
    hint=3,
    subtle=True,
)
def rows_rescaled(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(tf.math.divide_no_nan(y_prob, tf.reduce_sum(y_prob, axis=-1, keepdims=True)), epsilon)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You do not clip: a probability of 0 makes your loss infinite, or NaN where its label is 0 too.",
    hint=2,
    subtle=True,
)
def unclipped_classes(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(y_prob), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You take the logarithm of Σ y·p; that equals the right Σ y·log p for one-hot labels, but not for soft ones.",
    hint=2,
    subtle=True,
)
def logarithm_of_the_sum(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(tf.math.log(tf.reduce_sum(y_true * _clip(y_prob, epsilon), axis=-1)))


@misconception(
    "categorical_crossentropy",
    says="You look only at each row's largest label, so soft labels lose the rest of what they say.",
    hint=3,
    subtle=True,
)
def hardened_labels(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p_true = tf.gather(_clip(y_prob, epsilon), tf.argmax(y_true, axis=1), axis=1, batch_dims=1)
    return -tf.reduce_mean(tf.math.log(p_true))


@misconception(
    "categorical_crossentropy",
    says="You add (1 − y)·log(1 − p) for every class: that is one yes-or-no question per class, not one choice among "
    "them.",
    hint=3,
)
def binary_for_every_class(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(y_prob, epsilon)
    terms = y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p)
    return -tf.reduce_mean(tf.reduce_sum(terms, axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You add epsilon to your probabilities instead of clipping them, which also moves those that are far from 0.",
    hint=2,
    subtle=True,
)
def epsilon_added_to_classes(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(y_prob + _number(epsilon, y_prob)), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You take the softmax of what already are probabilities, which flattens them; use them as given.",
    hint=3,
)
def softmax_of_probabilities(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = _clip(tf.nn.softmax(y_prob, axis=-1), epsilon)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You clip at epsilon but not at 1 − epsilon: the two edges of the formula are treated alike.",
    hint=2,
    subtle=True,
)
def clipped_up_to_one(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    p = tf.clip_by_value(y_prob, _number(epsilon, y_prob), 1.0)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="Your clip is fixed at 1e-7; it has to be the `epsilon` that was asked for.",
    hint=2,
    subtle=True,
)
def class_epsilon_ignored(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(_clip(y_prob, 1e-7)), axis=-1))


@misconception(
    "categorical_crossentropy",
    says="You sum over the classes but stop there, with one value per sample; their mean is the loss.",
    hint=3,
)
def one_value_per_sample(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_sum(y_true * tf.math.log(_clip(y_prob, epsilon)), axis=-1)


# Sparse categorical cross-entropy


def _at_labels(labels, table):
    return tf.gather(table, tf.cast(labels, tf.int32), axis=1, batch_dims=1)


def _one_hot(labels, table):
    return tf.one_hot(tf.cast(labels, tf.int32), tf.shape(table)[1], dtype=table.dtype)


@misconception(
    "sparse_categorical_crossentropy",
    says="Without batch_dims your gather takes every label's column from every row; row i must meet label i alone.",
    hint=2,
)
def every_row_with_every_label(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    table = tf.gather(_clip(y_prob, epsilon), tf.cast(labels, tf.int32), axis=1)
    return -tf.reduce_mean(tf.math.log(table))


@misconception(
    "sparse_categorical_crossentropy",
    says="You count classes from 1; labels start at 0, so yours miss class 0 and read every other one column too far "
    "left.",
    hint=1,
)
def counted_from_one(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    y_true = tf.one_hot(tf.cast(labels, tf.int32) - 1, tf.shape(y_prob)[1], dtype=y_prob.dtype)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(_clip(y_prob, epsilon)), axis=-1))


@misconception(
    "sparse_categorical_crossentropy",
    says="Your mean runs over the zeros of the one-hot table as well, so the loss is divided by the number of classes.",
    hint=2,
)
def mean_over_the_one_hot_table(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    return -tf.reduce_mean(_one_hot(labels, y_prob) * tf.math.log(_clip(y_prob, epsilon)))


@misconception(
    "sparse_categorical_crossentropy",
    says="You rescale the rows to sum to 1, as some libraries do; here the probabilities are used as given.",
    hint=3,
    subtle=True,
)
def rows_rescaled_before_the_choice(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    p = tf.math.divide_no_nan(y_prob, tf.reduce_sum(y_prob, axis=-1, keepdims=True))
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, _clip(p, epsilon))))


@misconception(
    "sparse_categorical_crossentropy",
    says="You do not clip, so a true class with probability 0 makes your loss infinite.",
    hint=3,
    subtle=True,
)
def unclipped_choice(labels, y_prob, *, epsilon=1e-7):
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, tf.convert_to_tensor(y_prob))))


@misconception(
    "sparse_categorical_crossentropy",
    says="You clip at epsilon but not at 1 − epsilon: the two edges of the formula are treated alike.",
    hint=3,
    subtle=True,
)
def choice_clipped_below_only(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    return -tf.reduce_mean(tf.math.log(tf.maximum(_at_labels(labels, y_prob), _number(epsilon, y_prob))))


@misconception(
    "sparse_categorical_crossentropy",
    says="You add epsilon instead of clipping, which moves every probability and not only those at the edge.",
    hint=3,
    subtle=True,
)
def epsilon_added_to_the_choice(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, y_prob) + _number(epsilon, y_prob)))


@misconception(
    "sparse_categorical_crossentropy",
    says="Integer labels other than int32 and int64, such as uint8, stop your loss: `tf.gather` takes no other "
    "indices, so cast them.",
    hint=3,
    subtle=True,
)
def labels_as_they_come(labels, y_prob, *, epsilon=1e-7):
    p_true = tf.gather(tf.convert_to_tensor(y_prob), labels, axis=1, batch_dims=1)
    return -tf.reduce_mean(tf.math.log(_clip(p_true, epsilon)))


@misconception(
    "sparse_categorical_crossentropy",
    says="Your clip is fixed at 1e-7; it has to be the `epsilon` that was asked for.",
    hint=3,
    subtle=True,
)
def choice_epsilon_ignored(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, _clip(y_prob, 1e-7))))


@misconception(
    "sparse_categorical_crossentropy",
    says="You stop with one value per sample; their mean is the loss.",
    hint=3,
)
def one_choice_per_sample(labels, y_prob, *, epsilon=1e-7):
    return -tf.math.log(_at_labels(labels, _clip(tf.convert_to_tensor(y_prob), epsilon)))


@misconception(
    "sparse_categorical_crossentropy",
    says="You cast the labels to the dtype of the probabilities, and float16 has no 2049: class numbers are places in "
    "a row, so let them be integers.",
    hint=1,
    subtle=True,
)
def labels_in_the_dtype_of_the_probabilities(labels, y_prob, *, epsilon=1e-7):
    labels, y_prob = _tensors(labels, y_prob)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, _clip(y_prob, epsilon))))


# Sparse categorical cross-entropy from logits


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="Your e^z overflows for logits above 88; subtract each row's largest logit first.",
    hint=1,
    subtle=True,
)
def unshifted_exponentials(labels, logits):
    logits = tf.convert_to_tensor(logits)
    return tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(logits), axis=-1)) - _at_labels(labels, logits))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You go through clipped probabilities, so your loss stops growing at 16 and the worst mistakes get no "
    "gradient.",
    hint=1,
    subtle=True,
)
def clipped_softmax(labels, logits):
    p = _clip(tf.nn.softmax(tf.convert_to_tensor(logits), axis=-1), 1e-7)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, p)))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You subtract the largest logit of the whole batch, so a row that lies far below it underflows to log 0; "
    "each row needs its own.",
    hint=2,
    subtle=True,
)
def one_shift_for_the_batch(labels, logits):
    logits = tf.convert_to_tensor(logits)
    shifted = logits - tf.reduce_max(logits)
    return tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1)) - _at_labels(labels, shifted))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You shift the logits in the sum but not the true one, so your loss depends on a constant added to the row.",
    hint=3,
)
def only_the_sum_shifted(labels, logits):
    logits = tf.convert_to_tensor(logits)
    shifted = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
    return tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1)) - _at_labels(labels, logits))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You take the softmax down the batch; each row's classes compete with one another, not the samples.",
    hint=2,
)
def softmax_down_the_batch(labels, logits):
    return -tf.reduce_mean(_at_labels(labels, tf.nn.log_softmax(tf.convert_to_tensor(logits), axis=0)))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="Your value is right, but you stop the gradient at one of the two maxima: the shift cancels only if both are "
    "treated alike.",
    hint=3,
    subtle=True,
)
def half_stopped_maximum(labels, logits):
    logits = tf.convert_to_tensor(logits)
    largest = tf.reduce_max(logits, axis=-1, keepdims=True)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(logits - largest), axis=-1)) + tf.stop_gradient(largest)[:, 0]
    return tf.reduce_mean(log_sum - _at_labels(labels, logits))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You shift by the largest |z|: when all logits are negative they sink further, to log 0. Take the largest z.",
    hint=2,
    subtle=True,
)
def shifted_by_the_largest_size(labels, logits):
    logits = tf.convert_to_tensor(logits)
    shifted = logits - tf.reduce_max(tf.abs(logits), axis=-1, keepdims=True)
    return tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1)) - _at_labels(labels, shifted))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="Your mean runs over the zeros of the one-hot table as well, so the loss is divided by the number of classes.",
    hint=3,
)
def mean_over_the_log_softmax_table(labels, logits):
    log_p = tf.nn.log_softmax(tf.convert_to_tensor(logits), axis=-1)
    return -tf.reduce_mean(_one_hot(labels, log_p) * log_p)


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You take a softmax and the logarithm of p + ε, so your loss stops growing at 16; without probabilities "
    "nothing has to be added.",
    hint=1,
    subtle=True,
)
def epsilon_after_a_softmax(labels, logits):
    p = tf.nn.softmax(tf.convert_to_tensor(logits), axis=-1)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, p) + _number(1e-7, p)))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You take a softmax and then its logarithm: where the true class is far behind, the softmax is 0 and your "
    "loss infinite.",
    hint=1,
    subtle=True,
)
def logarithm_of_a_softmax(labels, logits):
    p = tf.nn.softmax(tf.convert_to_tensor(logits), axis=-1)
    return -tf.reduce_mean(tf.math.log(_at_labels(labels, p)))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You divide by one sum over the whole batch; every row is a distribution of its own and needs its own sum.",
    hint=2,
)
def one_denominator_for_the_batch(labels, logits):
    logits = tf.convert_to_tensor(logits)
    return tf.reduce_logsumexp(logits) - tf.reduce_mean(_at_labels(labels, logits))


@misconception(
    "sparse_categorical_crossentropy_from_logits",
    says="You cast the labels to the dtype of the logits, and float16 has no 2049: class numbers are places in a row, "
    "so let them be integers.",
    hint=3,
    subtle=True,
)
def labels_in_the_dtype_of_the_logits(labels, logits):
    labels, logits = _tensors(labels, logits)
    return -tf.reduce_mean(_at_labels(labels, tf.nn.log_softmax(logits)))


# Weighted mean squared error


@misconception(
    "weighted_mse",
    says="You weigh over-prediction; under-prediction is where y_true is larger than y_pred.",
    hint=1,
)
def over_prediction_weighed(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(error < 0, _number(under_weight, error), tf.ones_like(error))
    return tf.reduce_mean(weight * tf.square(error))


@misconception(
    "weighted_mse",
    says="Your weight stands inside the square, so it counts squared; weigh the squared error.",
    hint=1,
)
def weight_inside_the_square(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(error > 0, _number(under_weight, error), tf.ones_like(error))
    return tf.reduce_mean(tf.square(weight * error))


@misconception(
    "weighted_mse",
    says="You divide by the sum of the weights; the mean is over the n elements, so that a heavier weight costs more.",
    hint=3,
    subtle=True,
)
def divided_by_the_weights(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(error > 0, _number(under_weight, error), tf.ones_like(error))
    return tf.reduce_sum(weight * tf.square(error)) / tf.reduce_sum(weight)


@misconception(
    "weighted_mse",
    says="Your weight is fixed at 2; it has to be the `under_weight` that was asked for.",
    hint=3,
    subtle=True,
)
def always_twice(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    return tf.reduce_mean(tf.where(error > 0, 2.0 * tf.square(error), tf.square(error)))


@misconception(
    "weighted_mse",
    says="Two Python numbers in tf.where make your weights float32, so float64 predictions fail; make them in the "
    "error's dtype.",
    hint=2,
    subtle=True,
)
def weights_in_float32(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    return tf.reduce_mean(tf.where(error > 0, under_weight, 1.0) * tf.square(error))


@misconception(
    "weighted_mse",
    says="You decide for the whole batch whether it is too low on average; every element has its own weight.",
    hint=2,
)
def one_weight_for_the_batch(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(tf.reduce_mean(error) > 0, _number(under_weight, error), _number(1.0, error))
    return weight * tf.reduce_mean(tf.square(error))


@misconception(
    "weighted_mse",
    says="You average the squares before the weights meet them; each squared error has its own weight, and the mean "
    "comes last.",
    hint=3,
)
def averaged_before_the_weights(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(error > 0, _number(under_weight, error), tf.ones_like(error))
    return tf.reduce_mean(weight) * tf.reduce_mean(tf.square(error))


@misconception(
    "weighted_mse",
    says="In your loss over-prediction costs nothing; its weight is 1, not 0.",
    hint=2,
)
def over_prediction_is_free(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    return tf.reduce_mean(_number(under_weight, error) * tf.square(tf.nn.relu(error)))


@misconception(
    "weighted_mse",
    says="In float64 your weight is that of a number rounded to float32, as `tf.cast(0.1, tf.float64)` rounds it; "
    "`as_number` does not.",
    hint=2,
    subtle=True,
)
def weight_through_float32(y_true, y_pred, *, under_weight=2.0):
    error = _error(y_true, y_pred)
    weight = tf.where(error > 0, tf.cast(under_weight, error.dtype), tf.ones_like(error))
    return tf.reduce_mean(weight * tf.square(error))


# Focal loss


class _Focal(tf.keras.losses.Loss):
    """The right loss in parts, so that each misconception changes one of them."""

    def __init__(self, gamma=2.0, alpha=0.25, name="focal_loss", reduction="sum_over_batch_size"):
        super().__init__(name=name, reduction=reduction)
        self.gamma = gamma
        self.alpha = alpha

    def clipped(self, p):
        return _clip(p, 1e-7)

    def factor(self, p):
        return tf.pow(1.0 - p, self.gamma)

    def terms(self, y_true, p):
        return -self.alpha * self.factor(p) * y_true * tf.math.log(p)

    def per_sample(self, terms):
        return tf.reduce_sum(terms, axis=-1)

    def call(self, y_true, y_pred):
        y_true, y_pred = _tensors(y_true, y_pred)
        return self.per_sample(self.terms(y_true, self.clipped(y_pred)))

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}


@misconception(
    "FocalLoss",
    says="Your `call` averages over everything, so Keras has no samples left to weigh or reduce, and the number of "
    "classes divides the loss; sum over classes only.",
    hint=1,
)
class FocalLossAveragedInCall(_Focal):
    def per_sample(self, terms):
        return tf.reduce_mean(terms)


@misconception(
    "FocalLoss",
    says="You average over the classes; Lin et al. sum over them, so yours is too small by their number.",
    hint=1,
)
class FocalLossMeanOverClasses(_Focal):
    def per_sample(self, terms):
        return tf.reduce_mean(terms, axis=-1)


@misconception(
    "FocalLoss",
    says="Your `call` returns one value per class; sum over the classes, so that there is one per sample.",
    hint=1,
)
class FocalLossPerClass(_Focal):
    def per_sample(self, terms):
        return terms


@misconception(
    "FocalLoss",
    says="Your factor p^gamma turns the hard samples down; it is (1 − p)^gamma that turns down the easy ones.",
    hint=2,
)
class FocalLossOnTheEasy(_Focal):
    def factor(self, p):
        return tf.pow(p, self.gamma)


@misconception(
    "FocalLoss",
    says="You multiply by the label twice, which nobody sees for 0 and 1, but a soft label of 0.5 then counts a "
    "quarter.",
    hint=2,
    subtle=True,
)
class FocalLossWithSquaredLabels(_Focal):
    def terms(self, y_true, p):
        return y_true * super().terms(y_true, p)


@misconception(
    "FocalLoss",
    says="You merge the classes into one probability Σ y·p first; with soft labels every class needs its own factor "
    "and logarithm.",
    hint=3,
    subtle=True,
)
class FocalLossOfTheMergedProbability(_Focal):
    def call(self, y_true, y_pred):
        y_true, y_pred = _tensors(y_true, y_pred)
        p = tf.reduce_sum(y_true * self.clipped(y_pred), axis=-1)
        return -self.alpha * self.factor(p) * tf.math.log(p)


@misconception(
    "FocalLoss",
    says="You do not clip, so a probability of 0 gives log 0, and your loss is infinite or NaN.",
    hint=2,
    subtle=True,
)
class FocalLossUnclipped(_Focal):
    def clipped(self, p):
        return p


@misconception(
    "FocalLoss",
    says="You stop the gradient at the factor; it is part of the loss and has to be differentiated like the rest.",
    hint=3,
    subtle=True,
)
class FocalLossWithFrozenFactor(_Focal):
    def factor(self, p):
        return tf.stop_gradient(super().factor(p))


@misconception(
    "FocalLoss",
    says="Your `get_config` leaves out gamma and alpha, so a loss that is saved and loaded is back at the defaults.",
    hint=3,
    subtle=True,
)
class FocalLossForgetsItsArguments(_Focal):
    def get_config(self):
        return tf.keras.losses.Loss.get_config(self)


@misconception(
    "FocalLoss",
    says="You do not hand `reduction` on to the base class, so it is always the mean over the batch.",
    hint=1,
    subtle=True,
)
class FocalLossIgnoresReduction(_Focal):
    def __init__(self, gamma=2.0, alpha=0.25, name="focal_loss", reduction="sum_over_batch_size"):
        super().__init__(gamma, alpha, name)


@misconception(
    "FocalLoss",
    says="Your `call` sums over the classes and then averages over the batch; leave the batch to Keras, which weighs "
    "and reduces.",
    hint=1,
)
class FocalLossMeanOfSums(_Focal):
    def per_sample(self, terms):
        return tf.reduce_mean(tf.reduce_sum(terms, axis=-1))


@misconception(
    "FocalLoss",
    says="Yours is the binary focal loss, a yes-or-no question for every class with α and 1 − α; here one α weighs "
    "the true classes alone.",
    hint=3,
)
class FocalLossOfYesOrNoQuestions(_Focal):
    def terms(self, y_true, p):
        no = (1.0 - self.alpha) * tf.pow(p, self.gamma) * (1.0 - y_true) * tf.math.log(1.0 - p)
        return super().terms(y_true, p) - no


@misconception(
    "FocalLoss",
    says="You balance: α where the label is 1, 1 − α where it is 0, so a soft label gets a weight in between; here α "
    "is one factor for all.",
    hint=3,
    subtle=True,
)
class FocalLossBalanced(_Focal):
    def terms(self, y_true, p):
        balance = y_true * self.alpha + (1.0 - y_true) * (1.0 - self.alpha)
        return -balance * self.factor(p) * y_true * tf.math.log(p)


@misconception(
    "FocalLoss",
    says="Your factor is 1 − p^gamma; it must be (1 − p)^gamma.",
    hint=3,
)
class FocalLossPowerInside(_Focal):
    def factor(self, p):
        return 1.0 - tf.pow(p, self.gamma)


@misconception("FocalLoss", says="Your loss ignores `alpha`.", hint=3)
class FocalLossWithoutAlpha(_Focal):
    def terms(self, y_true, p):
        return -self.factor(p) * y_true * tf.math.log(p)


@misconception(
    "FocalLoss",
    says="At p = 0 and p = 1 your gradient is not 0: the factor (1 − p)^gamma is taken of a p that was not clipped.",
    hint=2,
    subtle=True,
)
class FocalLossClippedInTheLogarithmOnly(_Focal):
    def call(self, y_true, y_pred):
        y_true, p = _tensors(y_true, y_pred)
        return tf.reduce_sum(-self.alpha * self.factor(p) * y_true * tf.math.log(self.clipped(p)), axis=-1)


@misconception(
    "FocalLoss",
    says="Your `get_config` gives gamma and alpha alone, so `name` and `reduction` are back at their defaults after "
    "loading.",
    hint=3,
    subtle=True,
)
class FocalLossForgetsTheBase(_Focal):
    def get_config(self):
        return {"gamma": self.gamma, "alpha": self.alpha}


# Choose the loss


def _guide(task, *, regression, binary, multiclass):
    """The choice between three ready losses; each misconception changes one of them."""
    losses = {"regression": regression, "binary": binary, "multiclass": multiclass}
    if task not in losses:
        raise ValueError(f"`task` must be one of {', '.join(losses)}. Received: task={task!r}")
    return losses[task]()


def _regression(outliers):
    return tf.keras.losses.Huber() if outliers else tf.keras.losses.MeanSquaredError()


def _binary(logits):
    return tf.keras.losses.BinaryCrossentropy(from_logits=logits)


def _multiclass(labels, logits):
    losses = {
        "integer": tf.keras.losses.SparseCategoricalCrossentropy,
        "onehot": tf.keras.losses.CategoricalCrossentropy,
    }
    if labels not in losses:
        raise ValueError(f"`labels` must be one of {', '.join(losses)}. Received: labels={labels!r}")
    return losses[labels](from_logits=logits)


@misconception(
    "choose_loss",
    says="You leave `from_logits` at its default, so your loss takes logits for probabilities.",
    hint=2,
)
def from_logits_forgotten(task, *, labels="integer", outliers=False, logits=True):
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(False),
        multiclass=lambda: _multiclass(labels, False),
    )


@misconception(
    "choose_loss",
    says="You set `from_logits` for multiclass only; a binary model without a sigmoid gives logits as well.",
    hint=2,
    subtle=True,
)
def from_logits_for_multiclass_only(task, *, labels="integer", outliers=False, logits=True):
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(False),
        multiclass=lambda: _multiclass(labels, logits),
    )


@misconception(
    "choose_loss",
    says="Your `from_logits` is the wrong way round: it is True when the last layer has no activation.",
    hint=2,
)
def from_logits_inverted(task, *, labels="integer", outliers=False, logits=True):
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(not logits),
        multiclass=lambda: _multiclass(labels, not logits),
    )


@misconception(
    "choose_loss",
    says="You have exchanged the two: the sparse loss is the one that takes integer labels.",
    hint=1,
)
def sparse_for_one_hot(task, *, labels="integer", outliers=False, logits=True):
    other = {"integer": "onehot", "onehot": "integer"}.get(labels, labels)
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(logits),
        multiclass=lambda: _multiclass(other, logits),
    )


@misconception(
    "choose_loss",
    says="For outliers you choose the absolute error; the guide's middle way, and this kata's, is Huber.",
    hint=1,
)
def absolute_error_for_outliers(task, *, labels="integer", outliers=False, logits=True):
    return _guide(
        task,
        regression=lambda: tf.keras.losses.MeanAbsoluteError() if outliers else _regression(False),
        binary=lambda: _binary(logits),
        multiclass=lambda: _multiclass(labels, logits),
    )


@misconception(
    "choose_loss",
    says="An unknown task gets your regression loss without a word; it must be refused with a ValueError naming "
    "`task`.",
    hint=3,
    subtle=True,
)
def regression_for_anything_else(task, *, labels="integer", outliers=False, logits=True):
    if task == "binary":
        return _binary(logits)
    return _multiclass(labels, logits) if task == "multiclass" else _regression(outliers)


@misconception(
    "choose_loss",
    says="Unknown labels are taken for one-hot by your `else`; they must be refused with a ValueError naming `labels`.",
    hint=3,
    subtle=True,
)
def one_hot_for_any_other_labels(task, *, labels="integer", outliers=False, logits=True):
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(logits),
        multiclass=lambda: _multiclass("integer" if labels == "integer" else "onehot", logits),
    )


@misconception(
    "choose_loss",
    says="You check `labels` for every task; they count for multiclass only and may be anything for the others.",
    hint=1,
    subtle=True,
)
def labels_checked_for_every_task(task, *, labels="integer", outliers=False, logits=True):
    multiclass = _multiclass(labels, logits)
    return _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(logits),
        multiclass=lambda: multiclass,
    )


_KEPT = {}


@misconception(
    "choose_loss",
    says="You give the same loss object at every call; make a new one each time.",
    hint=2,
    subtle=True,
)
def one_object_for_all_calls(task, *, labels="integer", outliers=False, logits=True):
    choice = (task, labels, outliers, logits)
    if choice not in _KEPT:
        _KEPT[choice] = _guide(
            task,
            regression=lambda: _regression(outliers),
            binary=lambda: _binary(logits),
            multiclass=lambda: _multiclass(labels, logits),
        )
    return _KEPT[choice]


@misconception(
    "choose_loss",
    says="You return the loss's name; `compile` would take it, but a name cannot say `from_logits`: return an object.",
    hint=2,
)
def name_of_the_loss(task, *, labels="integer", outliers=False, logits=True):
    chosen = _guide(
        task,
        regression=lambda: _regression(outliers),
        binary=lambda: _binary(logits),
        multiclass=lambda: _multiclass(labels, logits),
    )
    return chosen.name
