"""Other right ways through chapter 2, each with what it costs or gains."""

import keras
import tensorflow as tf
from keras import ops

from kata.waist.variants import approach


def _tensors(y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    return tf.cast(y_true, y_pred.dtype), y_pred


def _number(value, like):
    return ops.convert_to_tensor(value, like.dtype)


def _count(tensor):
    return tf.cast(tf.size(tensor), tensor.dtype)


def _rows(tensor):
    return tf.cast(tf.shape(tensor)[0], tensor.dtype)


def _clip(probabilities, epsilon):
    low = _number(epsilon, probabilities)
    return tf.clip_by_value(probabilities, low, 1.0 - low)


@approach(
    "mean_squared_error",
    note="The errors as one vector, and its scalar product with itself: one fused product, no array of squares.",
)
def squares_by_dot_product(y_true, y_pred):
    y_true, y_pred = _tensors(y_true, y_pred)
    error = tf.reshape(y_true - y_pred, [-1])
    return tf.tensordot(error, error, axes=1) / _count(error)


@approach(
    "mean_squared_error",
    note="In keras.ops, so the same lines run on JAX and PyTorch. Keras' own loss takes the mean over the last axis "
    "only, and its base class the mean of these: the same number, because all rows are equally long.",
)
def squares_backend_free(y_true, y_pred):
    y_pred = ops.convert_to_tensor(y_pred)
    error = ops.cast(y_true, y_pred.dtype) - y_pred
    return ops.mean(ops.square(error))


@approach(
    "mean_absolute_error",
    note="The larger of e and −e: shows that |e| is a maximum of two lines; two arrays instead of one.",
)
def larger_of_both_signs(y_true, y_pred):
    y_true, y_pred = _tensors(y_true, y_pred)
    return tf.reduce_mean(tf.maximum(y_true - y_pred, y_pred - y_true))


@approach(
    "mean_absolute_error", note="e·sign(e): the gradient can be read off it, sign(e), with 0 at a perfect prediction."
)
def error_times_sign(y_true, y_pred):
    y_true, y_pred = _tensors(y_true, y_pred)
    error = y_true - y_pred
    return tf.reduce_mean(error * tf.sign(error))


def _require_positive(delta, like):
    if delta <= 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    return _number(delta, like)


@approach(
    "huber",
    note="Splits |e| at delta with a minimum: q·(|e| − ½q) is both branches in one formula, so neither value nor "
    "gradient of an unused branch is ever computed.",
)
def split_by_minimum(y_true, y_pred, *, delta=1.0):
    y_true, y_pred = _tensors(y_true, y_pred)
    delta = _require_positive(delta, y_pred)
    size = tf.abs(y_true - y_pred)
    quadratic = tf.minimum(size, delta)
    return tf.reduce_mean(quadratic * (size - 0.5 * quadratic))


@approach(
    "huber",
    note="Writes the gradient down: it is the error clipped to ±delta, so Huber loss is gradient clipping for each "
    "sample. Costs a custom gradient, which second derivatives and forward mode must be able to follow.",
)
def gradient_is_the_clipped_error(y_true, y_pred, *, delta=1.0):
    y_true, y_pred = _tensors(y_true, y_pred)
    delta = _require_positive(delta, y_pred)

    @tf.custom_gradient
    def penalty(error):
        clipped = tf.clip_by_value(error, -delta, delta)
        return clipped * (error - 0.5 * clipped), lambda upstream: upstream * clipped

    return tf.reduce_mean(penalty(y_pred - y_true))


@approach(
    "huber",
    note="Half the square minus half the square of what is beyond delta, all in float64: no branch, and the "
    "cancellation costs no digit that float32 shows; twice the memory.",
)
def square_minus_excess_in_double(y_true, y_pred, *, delta=1.0):
    if not isinstance(delta, int | float):
        raise TypeError(f"`delta` must be a Python number. Received: delta={delta!r}")
    if delta <= 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    y_pred = tf.convert_to_tensor(y_pred)
    size = tf.abs(tf.cast(y_true, tf.float64) - tf.cast(y_pred, tf.float64))
    excess = tf.nn.relu(size - delta)
    return tf.cast(tf.reduce_mean(0.5 * (tf.square(size) - tf.square(excess))), y_pred.dtype)


@approach(
    "binary_crossentropy",
    note="The two-class case of categorical cross-entropy: stack 1 − p and p, 1 − y and y, and sum along the new "
    "axis. One formula for both losses, for twice the memory.",
)
def as_two_classes(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    probabilities = _clip(tf.stack([1.0 - y_prob, y_prob], axis=-1), epsilon)
    labels = tf.stack([1.0 - y_true, y_true], axis=-1)
    return -tf.reduce_mean(tf.reduce_sum(labels * tf.math.log(probabilities), axis=-1))


@approach(
    "binary_crossentropy",
    note="The formula to the letter, 1 − p from the clipped p. Shortest, but float32 rounds 1 − 1e-7, so the worst "
    "loss is 15.94 instead of 16.12; in float16 1 − 1e-7 is 1 and the loss NaN, hence the detour through float32.",
)
def to_the_letter(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    dtype = y_prob.dtype
    if dtype == tf.float16:
        y_true, y_prob = tf.cast(y_true, tf.float32), tf.cast(y_prob, tf.float32)
    p = _clip(y_prob, epsilon)
    loss = -tf.reduce_mean(y_true * tf.math.log(p) + (1.0 - y_true) * tf.math.log(1.0 - p))
    return tf.cast(loss, dtype)


@approach(
    "binary_crossentropy_from_logits",
    note="softplus(z) − y·z: the shortest, one softplus. For large logits two equal numbers cancel, so a tiny loss "
    "comes out as 0; the gradient is exact.",
)
def softplus_minus_label_times_logit(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    return tf.reduce_mean(tf.nn.softplus(logits) - y_true * logits)


@approach(
    "binary_crossentropy_from_logits",
    note="max(z, 0) − y·z + log(1 + e^(−|z|)) from elementary operations, as TensorFlow does it: one condition for "
    "both pieces, because tf.maximum beside tf.abs would give the wrong gradient at z = 0.",
)
def from_elementary_operations(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    positive = logits >= 0
    larger = tf.where(positive, logits, tf.zeros_like(logits))
    minus_size = tf.where(positive, -logits, logits)
    return tf.reduce_mean(larger - y_true * logits + tf.math.log1p(tf.exp(minus_size)))


@approach(
    "binary_crossentropy_from_logits",
    note="A softmax over the two logits 0 and z: shows that the sigmoid is a two-class softmax; the library's "
    "log-sum-exp does the shifting, for twice the memory.",
)
def softmax_over_zero_and_logit(y_true, logits):
    y_true, logits = _tensors(y_true, logits)
    log_total = tf.reduce_logsumexp(tf.stack([tf.zeros_like(logits), logits], axis=-1), axis=-1)
    return tf.reduce_mean(log_total - y_true * logits)


@approach(
    "categorical_crossentropy",
    note="Both sums in one einsum, then one division by the batch: no array of products; the reader must know the "
    "index notation.",
)
def both_sums_by_einsum(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.einsum("bc,bc->", y_true, tf.math.log(_clip(y_prob, epsilon))) / _rows(y_prob)


@approach(
    "categorical_crossentropy",
    note="xlogy(y, p) is y·log p with 0·log 0 = 0 built in, so an unlikely class of label 0 needs no clip; the clip "
    "stays for a true class that was given no probability.",
)
def zero_times_log_zero(y_true, y_prob, *, epsilon=1e-7):
    y_true, y_prob = _tensors(y_true, y_prob)
    return -tf.reduce_mean(tf.reduce_sum(tf.math.xlogy(y_true, _clip(y_prob, epsilon)), axis=1))


@approach(
    "sparse_categorical_crossentropy",
    note="One-hot labels after all: easy to check against the categorical loss, and a label out of range costs "
    "nothing. With 50,000 classes it costs 50,000 numbers a sample.",
)
def by_one_hot_labels(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    y_true = tf.one_hot(tf.cast(labels, tf.int32), tf.shape(y_prob)[1], dtype=y_prob.dtype)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(_clip(y_prob, epsilon)), axis=1))


@approach(
    "sparse_categorical_crossentropy",
    note="Spells the pairs (row, label) out and collects them with gather_nd: as lean as batch_dims=1, a line longer, "
    "and works for any set of positions.",
)
def by_pairs_of_indices(labels, y_prob, *, epsilon=1e-7):
    y_prob = tf.convert_to_tensor(y_prob)
    labels = tf.cast(labels, tf.int32)
    pairs = tf.stack([tf.range(tf.shape(labels)[0]), labels], axis=1)
    return -tf.reduce_mean(tf.math.log(_clip(tf.gather_nd(y_prob, pairs), epsilon)))


@approach(
    "sparse_categorical_crossentropy_from_logits",
    note="Measures every logit from the true one: log Σ e^(z − z_true). Nothing is subtracted afterwards, so small "
    "losses keep all their digits; the library's log-sum-exp does the shifting.",
)
def measured_from_the_true_logit(labels, logits):
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(labels, tf.int32)
    true_logit = tf.gather(logits, labels[:, tf.newaxis], axis=1, batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(logits - true_logit, axis=1))


@approach(
    "sparse_categorical_crossentropy_from_logits",
    note="log_softmax does the shifting, a mask picks the true class: two lines, one table as large as the logits.",
)
def log_softmax_and_mask(labels, logits):
    logits = tf.convert_to_tensor(logits)
    is_true = tf.range(tf.shape(logits)[1]) == tf.cast(labels, tf.int32)[:, tf.newaxis]
    log_p = tf.nn.log_softmax(logits, axis=1)
    return -tf.reduce_mean(tf.reduce_sum(tf.where(is_true, log_p, tf.zeros_like(log_p)), axis=1))


@approach(
    "weighted_mse",
    note="Separates the two kinds of error with relu and squares each: no condition, and a tie cannot fall on the "
    "wrong side.",
)
def both_sides_by_relu(y_true, y_pred, *, under_weight=2.0):
    y_true, y_pred = _tensors(y_true, y_pred)
    too_low = tf.nn.relu(y_true - y_pred)
    too_high = tf.nn.relu(y_pred - y_true)
    return tf.reduce_mean(_number(under_weight, y_pred) * tf.square(too_low) + tf.square(too_high))


@approach(
    "weighted_mse",
    note="The plain mean squared error plus a surcharge of u − 1 on under-predictions: shows at a glance that u = 1 "
    "is the plain one.",
)
def surcharge_on_under_prediction(y_true, y_pred, *, under_weight=2.0):
    y_true, y_pred = _tensors(y_true, y_pred)
    too_low = tf.cast(y_true > y_pred, y_pred.dtype)
    return tf.reduce_mean((1.0 + (_number(under_weight, y_pred) - 1.0) * too_low) * tf.square(y_true - y_pred))


@approach(
    "weighted_mse",
    note="(u + 1 + (u − 1)·sign(e))/2 as the weight: the expectile's formula as statisticians write it; no "
    "comparison, and a perfect prediction gets the mean of both weights, times 0.",
)
def weight_from_the_sign(y_true, y_pred, *, under_weight=2.0):
    y_true, y_pred = _tensors(y_true, y_pred)
    error = y_true - y_pred
    weight = 0.5 * (under_weight + 1.0) + 0.5 * (under_weight - 1.0) * tf.sign(error)
    return tf.reduce_mean(weight * error**2)


class _Focal(keras.losses.Loss):
    """What both ways share: the arguments, kept and given back."""

    def __init__(self, gamma=2.0, alpha=0.25, name="focal_loss", reduction="sum_over_batch_size"):
        super().__init__(name=name, reduction=reduction)
        self.gamma = gamma
        self.alpha = alpha

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}


@approach(
    "FocalLoss",
    note="The factor in log space, e^(γ·log(1 − p)): log1p(−p) keeps its digits where p is tiny, and the power needs "
    "no special case; two transcendental functions instead of one power.",
)
class FocalLossInLogSpace(_Focal):
    def call(self, y_true, y_pred):
        y_true, y_pred = _tensors(y_true, y_pred)
        p = _clip(y_pred, 1e-7)
        factor = tf.exp(self.gamma * tf.math.log1p(-p))
        return -self.alpha * tf.einsum("bc,bc,bc->b", factor, y_true, tf.math.log(p))


@approach(
    "FocalLoss",
    note="In keras.ops alone, so the same loss serves JAX and PyTorch; registered under a package name it would also "
    "load without custom_objects.",
)
class FocalLossBackendFree(_Focal):
    def call(self, y_true, y_pred):
        y_pred = ops.convert_to_tensor(y_pred)
        p = ops.clip(y_pred, 1e-7, 1.0 - 1e-7)
        surprise = -ops.log(p) * ops.cast(y_true, y_pred.dtype)
        return ops.sum(self.alpha * ops.power(1.0 - p, self.gamma) * surprise, axis=-1)


@approach(
    "FocalLoss",
    note="Turns γ and α into floats once, so the configuration says 2.0 where 2 was given: equal, and of one kind "
    "whoever calls; einsum names both axes.",
)
class FocalLossOfFloats(_Focal):
    def __init__(self, gamma=2.0, alpha=0.25, name="focal_loss", reduction="sum_over_batch_size"):
        super().__init__(float(gamma), float(alpha), name=name, reduction=reduction)

    def call(self, y_true, y_pred):
        p = tf.clip_by_value(y_pred, 1e-7, 1.0 - 1e-7)
        surprise = -self.alpha * tf.pow(1.0 - p, self.gamma) * tf.math.log(p)
        return tf.einsum("bc,bc->b", y_true, surprise)


@approach(
    "choose_loss",
    note="The guide as a table of recipes: a new task is a new line; what counts for which task can be read off it, "
    "and the choice is one look-up.",
)
def by_table(task, *, labels="integer", outliers=False, logits=True):
    losses = keras.losses
    recipes = {
        "regression": {False: losses.MeanSquaredError, True: losses.Huber},
        "binary": losses.BinaryCrossentropy,
        "multiclass": {"integer": losses.SparseCategoricalCrossentropy, "onehot": losses.CategoricalCrossentropy},
    }
    if task not in recipes:
        raise ValueError(f"`task` must be one of {', '.join(recipes)}. Received: task={task!r}")
    recipe = recipes[task]
    if task == "regression":
        return recipe[bool(outliers)]()
    if task == "binary":
        return recipe(from_logits=logits)
    if labels not in recipe:
        raise ValueError(f"`labels` must be one of {', '.join(recipe)}. Received: labels={labels!r}")
    return recipe[labels](from_logits=logits)


@approach(
    "choose_loss",
    note="Picks Keras' name for the loss and lets keras.losses.get make the object, so the choice could be stored in "
    "a JSON file; a misspelt name is found only when it runs.",
)
def by_name(task, *, labels="integer", outliers=False, logits=True):
    match task, labels:
        case "regression", _:
            return keras.losses.get({"class_name": "Huber" if outliers else "MeanSquaredError", "config": {}})
        case "binary", _:
            name = "BinaryCrossentropy"
        case "multiclass", "integer":
            name = "SparseCategoricalCrossentropy"
        case "multiclass", "onehot":
            name = "CategoricalCrossentropy"
        case "multiclass", _:
            raise ValueError(f'`labels` must be "integer" or "onehot". Received: labels={labels!r}')
        case _:
            raise ValueError(f'`task` must be "regression", "binary" or "multiclass". Received: task={task!r}')
    return keras.losses.get({"class_name": name, "config": {"from_logits": logits}})
