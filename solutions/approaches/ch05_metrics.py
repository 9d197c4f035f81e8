"""Chapter 5 in other right ways, each with what it costs or gains."""

import keras
import numpy as np
import tensorflow as tf

from kata.waist.variants import approach
from solutions.ch05_metrics import ConfusionCounts, counts_as_floats

# confusion_counts


@approach(
    "confusion_counts",
    note="Stays with booleans until the end: logical and, not, and a count. Reads like the definition, and the counts "
    "are made as integers, so float16 cannot round them on the way.",
)
def by_logic(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = y_prob >= threshold
    actual = tf.reshape(tf.cast(y_true, tf.bool), [-1])

    def count(outcome):
        return tf.math.count_nonzero(outcome, dtype=y_prob.dtype)

    return ConfusionCounts(
        count(decided & actual), count(decided & ~actual), count(~decided & actual), count(~decided & ~actual)
    )


@approach(
    "confusion_counts",
    note="Numbers the four outcomes 0 to 3 and sums ones by number: a confusion matrix. The one form that grows to "
    "many classes without being rewritten.",
)
def by_numbered_outcome(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = tf.cast(y_prob >= threshold, tf.int32)
    outcome = 2 * decided + tf.reshape(tf.cast(y_true, tf.int32), [-1])
    tn, fn, fp, tp = tf.unstack(tf.math.unsorted_segment_sum(tf.ones_like(y_prob), outcome, num_segments=4))
    return ConfusionCounts(tp=tp, fp=fp, fn=fn, tn=tn)


@approach(
    "confusion_counts",
    note="One product only: the other three counts are differences from the totals. Fewer passes over the data; exact "
    "as long as the totals are (to 2048 in float16, 16 million in float32).",
)
def by_difference_from_totals(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = tf.cast(y_prob >= threshold, y_prob.dtype)
    actual = tf.reshape(tf.cast(y_true, y_prob.dtype), [-1])
    tp, called, positives = tf.reduce_sum(decided * actual), tf.reduce_sum(decided), tf.reduce_sum(actual)
    everything = tf.cast(tf.size(y_prob), y_prob.dtype)
    return ConfusionCounts(tp, called - tp, positives - tp, everything - called - positives + tp)


# accuracy


@approach(
    "accuracy",
    note="The complement of the error rate. Natural where errors are what one talks about; when nearly all is wrong, "
    "the subtraction from 1 leaves fewer good digits.",
)
def as_complement_of_the_error_rate(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    total = tp + fp + fn + tn
    return tf.where(total > 0, 1 - tf.math.divide_no_nan(fp + fn, total), tf.zeros_like(total))


@approach(
    "accuracy",
    note="The four counts as one vector, and which of them are right decisions as another: their product by the sum. "
    "With a whole confusion matrix the same line reads `trace / sum`.",
)
def as_dot_product(counts):
    row = tf.stack(counts_as_floats(counts))
    right = tf.constant([1, 0, 0, 1], row.dtype)
    return tf.math.divide_no_nan(tf.tensordot(row, right, 1), tf.reduce_sum(row))


# precision


@approach(
    "precision",
    note="The same from keras.ops: runs on TensorFlow, JAX and PyTorch alike.",
)
def with_keras_ops(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return keras.ops.divide_no_nan(tp, tp + fp)


@approach(
    "precision",
    note="The double `where`: the inner one keeps 0 out of the denominator, the outer one chooses. Works for any "
    "replacement value, and its gradient is finite too; one `where` alone would let a NaN through into a gradient.",
)
def with_double_where(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    called = tp + fp
    nothing = tf.equal(called, 0)
    return tf.where(nothing, tf.zeros_like(tp), tp / tf.where(nothing, tf.ones_like(called), called))


# recall


@approach(
    "recall",
    note="Exchanging labels and decisions exchanges misses and false alarms, so recall is a precision. One formula "
    "instead of two.",
)
def as_precision_of_the_exchange(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    exchanged = ConfusionCounts(tp=tp, fp=fn, fn=fp, tn=tn)
    return tf.math.divide_no_nan(exchanged.tp, exchanged.tp + exchanged.fp)


@approach(
    "recall",
    note="Normalises the pair (tp, fn) to shares and takes the first: with more classes the same line gives the recall "
    "of every one, row by row of the confusion matrix.",
)
def as_share_of_a_row(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    row = tf.stack([tp, fn])
    return tf.math.divide_no_nan(row, tf.reduce_sum(row))[0]


# f1


@approach(
    "f1",
    note="The definition as it is read out: the harmonic mean of precision and recall. Three divisions, and each needs "
    "its own guard against 0 / 0.",
)
def as_harmonic_mean(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    p, r = tf.math.divide_no_nan(tp, tp + fp), tf.math.divide_no_nan(tp, tp + fn)
    return tf.math.divide_no_nan(2 * p * r, p + r)


@approach(
    "f1",
    note="By way of Jaccard's index J, the share of both among either: F1 = 2J / (1 + J). Shows that F1 and J always "
    "rank models alike; F1's denominator can no longer be 0, only J's.",
)
def from_jaccard_index(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    jaccard = tf.math.divide_no_nan(tp, tp + fp + fn)
    return 2 * jaccard / (1 + jaccard)


# roc_auc


def _refuse_a_single_class(y_true):
    """ValueError when the labels are known and all alike."""
    known = tf.get_static_value(tf.convert_to_tensor(y_true))
    if known is not None and np.unique(known.astype(bool)).size < 2:
        raise ValueError(f"`y_true` must hold at least one positive and one negative. Received: {known}")


@approach(
    "roc_auc",
    note="Wilcoxon's rank sum: sort once, look up how many negatives lie below and how many not above each positive. "
    "n·log n time and n memory, where the table of all pairs needs P·N of both.",
)
def by_ranks(y_true, scores):
    _refuse_a_single_class(y_true)
    scores = tf.convert_to_tensor(scores)
    exact, is_positive = tf.cast(scores, tf.float64), tf.cast(y_true, tf.bool)
    positive, negative = tf.boolean_mask(exact, is_positive), tf.sort(tf.boolean_mask(exact, ~is_positive))
    below = tf.searchsorted(negative, positive, side="left")
    not_above = tf.searchsorted(negative, positive, side="right")
    wins = tf.reduce_mean(tf.cast(below + not_above, tf.float64)) / 2
    return tf.cast(wins / tf.cast(tf.size(negative), tf.float64), scores.dtype)


@approach(
    "roc_auc",
    note="Draws the curve itself: the true and the false positive rate at every distinct score, and the area under it "
    "by trapezoids. A tie is one slanted edge, which is where the ½ comes from; gives the curve for a plot as well.",
)
def by_area_under_the_curve(y_true, scores):
    _refuse_a_single_class(y_true)
    scores = tf.convert_to_tensor(scores)
    order = tf.argsort(tf.cast(scores, tf.float64), direction="DESCENDING")
    ranked, actual = tf.gather(scores, order), tf.gather(tf.cast(tf.cast(y_true, tf.bool), tf.float64), order)
    last_of_its_score = tf.concat([ranked[1:] != ranked[:-1], [True]], 0)
    corners = tf.boolean_mask(tf.stack([tf.cumsum(1 - actual), tf.cumsum(actual)], 1), last_of_its_score)
    rates = tf.concat([tf.zeros((1, 2), tf.float64), corners / corners[-1]], 0)
    width, middle = rates[1:, 0] - rates[:-1, 0], (rates[1:, 1] + rates[:-1, 1]) / 2
    return tf.cast(tf.reduce_sum(width * middle), scores.dtype)


@approach(
    "roc_auc",
    note="One positive at a time against all negatives: as plain as the table of pairs, with memory for one row of it; "
    "`map_fn` is a loop, so it is slow for many positives.",
)
def by_rows(y_true, scores):
    _refuse_a_single_class(y_true)
    scores = tf.convert_to_tensor(scores)
    is_positive = tf.cast(y_true, tf.bool)
    negative = tf.boolean_mask(scores, ~is_positive)

    def share_beaten(score):
        beaten, tied = tf.cast(negative < score, tf.float64), tf.cast(tf.equal(negative, score), tf.float64)
        return tf.reduce_mean(beaten + tied / 2)

    shares = tf.map_fn(share_beaten, tf.boolean_mask(scores, is_positive), fn_output_signature=tf.float64)
    return tf.cast(tf.reduce_mean(shares), scores.dtype)


@approach(
    "roc_auc",
    note="Positives and negatives counted at each different score, from low to high: every positive beats the "
    "negatives below and half of those beside it. n·log n, and no table of pairs.",
)
def by_counts_at_each_score(y_true, scores):
    _refuse_a_single_class(y_true)
    scores = tf.convert_to_tensor(scores)
    actual = tf.gather(tf.cast(y_true, tf.float64), tf.argsort(scores))
    different, place = tf.unique(tf.sort(scores))
    positives, negatives = (
        tf.math.unsorted_segment_sum(part, place, tf.size(different)) for part in (actual, 1 - actual)
    )
    beaten = tf.cumsum(negatives, exclusive=True) + negatives / 2
    pairs = tf.reduce_sum(positives) * tf.reduce_sum(negatives)
    return tf.cast(tf.reduce_sum(positives * beaten) / pairs, scores.dtype)


# F1Score


@approach(
    "F1Score",
    note="Keeps two sums instead of three: what is in both sets, and the size of both sets together (Dice's "
    "coefficient). Less state; precision and recall can no longer be told from it.",
)
class F1FromTwoSums(tf.keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.both = self.add_weight(name="both", initializer="zeros", dtype=self.dtype)
        self.sizes = self.add_weight(name="sizes", initializer="zeros", dtype=self.dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        decided = tf.cast(tf.reshape(y_pred, [-1]) >= self.threshold, self.dtype)
        actual = tf.cast(tf.reshape(y_true, [-1]), self.dtype)
        weight = tf.cast(1 if sample_weight is None else tf.reshape(sample_weight, [-1]), self.dtype)
        self.both.assign_add(tf.reduce_sum(weight * decided * actual))
        self.sizes.assign_add(tf.reduce_sum(weight * (decided + actual)))

    def result(self):
        return tf.math.divide_no_nan(2 * self.both, self.sizes)

    def get_config(self):
        config = super().get_config()
        config["threshold"] = self.threshold
        return config


@approach(
    "F1Score",
    note="F1 is a mean after all, with the right weights: a sample's value is 1 if it is both positive and called so, "
    "else 0; its weight is how many of the two it is. `Mean` then keeps the sums, guards 0 / 0 and resets.",
)
class F1AsWeightedMean(tf.keras.metrics.Mean):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        decided = tf.cast(tf.reshape(y_pred, [-1]) >= self.threshold, self.dtype)
        actual = tf.cast(tf.reshape(y_true, [-1]), self.dtype)
        membership = decided + actual
        if sample_weight is not None:
            membership *= tf.cast(tf.reshape(sample_weight, [-1]), self.dtype)
        super().update_state(decided * actual, sample_weight=membership)

    def get_config(self):
        return dict(super().get_config(), threshold=self.threshold)


@approach(
    "F1Score",
    note="One variable for the whole confusion matrix, filled by one segment sum: the state of every count-based "
    "metric (precision, recall, accuracy …) at once, at the price of reading it by index.",
)
class F1FromConfusionMatrix(tf.keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.outcomes = self.add_weight(shape=(4,), name="outcomes", initializer="zeros", dtype=self.dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        decided = tf.cast(tf.reshape(y_pred, [-1]) >= self.threshold, tf.int32)
        outcome = 2 * decided + tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        weight = tf.ones(tf.shape(outcome), self.dtype)
        if sample_weight is not None:
            weight *= tf.cast(tf.reshape(sample_weight, [-1]), self.dtype)
        self.outcomes.assign_add(tf.math.unsorted_segment_sum(weight, outcome, num_segments=4))

    def result(self):
        _, fn, fp, tp = tf.unstack(tf.convert_to_tensor(self.outcomes))
        return tf.math.divide_no_nan(2 * tp, 2 * tp + fp + fn)

    def get_config(self):
        return super().get_config() | {"threshold": self.threshold}


# evaluate_by_name


@approach(
    "evaluate_by_name",
    note="Evaluates for the side effect and asks the metrics afterwards: they keep their state until the next reset. "
    "Shows where the numbers live; gives tensors, which have to be turned into floats.",
)
def from_the_metrics_after_evaluating(model, x, y):
    model.evaluate(x, y, verbose=0)
    return {name: float(value) for name, value in model.get_metrics_result().items()}


@approach(
    "evaluate_by_name",
    note="A callback is handed the same dictionary at the end of every evaluation. More code, and the way to go when "
    "the values should be logged wherever `evaluate` is called.",
)
def from_a_callback(model, x, y):
    found = {}
    remember = tf.keras.callbacks.LambdaCallback()
    remember.on_test_end = lambda logs=None: found.update(logs or {})
    model.evaluate(x, y, verbose=0, callbacks=[remember])
    return {name: float(value) for name, value in found.items()}


@approach(
    "evaluate_by_name",
    note="All samples as one batch: no mean over batches can go wrong, and it is quick for small data; needs the "
    "memory for all of it at once.",
)
def in_one_batch(model, x, y):
    results = model.test_on_batch(x, y, return_dict=True)
    return {name: float(value) for name, value in results.items()}
