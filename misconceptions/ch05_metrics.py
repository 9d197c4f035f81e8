"""Chapter 5 gone wrong on purpose, each with the sentence its author should read."""

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception
from solutions.ch05_metrics import ConfusionCounts, F1Score, counts_as_floats


def _count(decided, actual):
    """The four counts, right from here on: what is wrong happened before."""
    return ConfusionCounts(
        tp=tf.reduce_sum(decided * actual),
        fp=tf.reduce_sum(decided * (1 - actual)),
        fn=tf.reduce_sum((1 - decided) * actual),
        tn=tf.reduce_sum((1 - decided) * (1 - actual)),
    )


# confusion_counts


@misconception(
    "confusion_counts",
    says="Your labels (n,) meet predictions (n, 1) and broadcast to an n×n table, every prediction with everybody's "
    "label; bring both to one flat shape before you multiply.",
    hint=2,
    subtle=True,
)
def counts_a_table_of_all_pairs(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.convert_to_tensor(y_prob)
    return _count(tf.cast(y_prob >= threshold, y_prob.dtype), tf.cast(y_true, y_prob.dtype))


@misconception(
    "confusion_counts",
    says="A probability that equals the threshold is positive: yours uses > where ≥ is asked for.",
    hint=2,
    subtle=True,
)
def excludes_the_threshold(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    return _count(tf.cast(y_prob > threshold, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


@misconception(
    "confusion_counts",
    says="Rounding is a threshold of 0.5 that cannot be moved, and it rounds 0.5 itself to the even 0; compare your "
    "probabilities with the threshold you are given.",
    hint=1,
)
def rounds_instead_of_comparing(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    return _count(tf.round(y_prob), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


@misconception(
    "confusion_counts",
    says="You have exchanged false positives and false negatives: a false positive was called positive and is not.",
    hint=3,
)
def exchanges_the_two_errors(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    tp, fp, fn, tn = _count(tf.cast(y_prob >= threshold, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))
    return ConfusionCounts(tp=tp, fp=fn, fn=fp, tn=tn)


@misconception(
    "confusion_counts",
    says="You compare in float64, where a float32 0.7 is a little less than the threshold 0.7; compare in the dtype of "
    "the probabilities.",
    hint=2,
    subtle=True,
)
def compares_in_float64(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = tf.cast(y_prob, tf.float64) >= tf.constant(threshold, tf.float64)
    return _count(tf.cast(decided, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


@misconception(
    "confusion_counts",
    says="`tf.cast` makes a float32 of your Python threshold before it casts, so in float64 a threshold of 0.7 becomes "
    "0.699999988; compare with the plain number instead.",
    hint=2,
    subtle=True,
)
def casts_the_threshold_through_float32(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = y_prob >= tf.cast(threshold, y_prob.dtype)
    return _count(tf.cast(decided, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


@misconception(
    "confusion_counts",
    says="Your counts are float32 whatever the probabilities are; give them the dtype of `y_prob`.",
    hint=2,
)
def counts_in_float32(y_true, y_prob, *, threshold=0.5):
    decided = tf.reshape(tf.cast(tf.convert_to_tensor(y_prob) >= threshold, tf.float32), [-1])
    return _count(decided, tf.reshape(tf.cast(y_true, tf.float32), [-1]))


@misconception(
    "confusion_counts",
    says="Your threshold of 0 or below does not decide, as if none had been given; logits need one there.",
    hint=2,
    subtle=True,
)
def takes_zero_for_no_threshold(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    decided = y_prob >= (threshold if threshold > 0 else 0.5)
    return _count(tf.cast(decided, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


@misconception(
    "confusion_counts",
    says="You look at the sign of probability minus threshold, and the difference of two tiny numbers is rounded to 0; "
    "compare the two themselves.",
    hint=2,
    subtle=True,
)
def subtracts_the_threshold(y_true, y_prob, *, threshold=0.5):
    y_prob = tf.reshape(y_prob, [-1])
    above = y_prob - tf.constant(threshold, y_prob.dtype)
    return _count(tf.cast(above >= 0, y_prob.dtype), tf.reshape(tf.cast(y_true, y_prob.dtype), [-1]))


# accuracy


@misconception(
    "accuracy",
    says="You divide by at least 1: that keeps 0 / 0 away, but counts that are sums of weights may add up to less than "
    "1, and their accuracy comes out too small. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def accuracy_over_at_least_one(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    return (tp + tn) / tf.maximum(tp + fp + fn + tn, 1)


@misconception(
    "accuracy",
    says="Your epsilon makes even a perfect accuracy a little less than 1 (float64 shows it), and only 0 / 0 needed "
    "help: divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def accuracy_with_epsilon(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    return (tp + tn) / (tp + fp + fn + tn + 1e-7)


@misconception(
    "accuracy",
    says="With nothing to count you divide 0 by 0 and return NaN; the answer there is 0.",
    hint=2,
    subtle=True,
)
def accuracy_of_nothing_is_nan(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    return (tp + tn) / (tp + fp + fn + tn)


@misconception(
    "accuracy",
    says="You leave out the true negatives: a negative called negative is a right decision as well.",
    hint=1,
)
def accuracy_without_true_negatives(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fp + fn + tn)


@misconception(
    "accuracy",
    says="You average the recalls of the two classes, which is balanced accuracy; accuracy counts every sample alike.",
    hint=1,
)
def balanced_accuracy(counts):
    tp, fp, fn, tn = counts_as_floats(counts)
    return (tf.math.divide_no_nan(tp, tp + fn) + tf.math.divide_no_nan(tn, tn + fp)) / 2


@misconception(
    "accuracy",
    says="Dividing two integer tensors gives float64 in TensorFlow; whole-number counts must give a float32 result.",
    hint=3,
    subtle=True,
)
def accuracy_divides_integers(counts):
    tp, fp, fn, tn = (tf.convert_to_tensor(count) for count in counts)
    total = tp + fp + fn + tn
    return (tp + tn) / tf.where(tf.equal(total, 0), tf.ones_like(total), total)


@misconception(
    "accuracy",
    says="You divide by at least 1e-7 (Keras' epsilon), which is nothing beside whole counts, and everything beside "
    "counts that are sums of tiny weights. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def accuracy_over_at_least_epsilon(counts):
    counts = counts_as_floats(counts)
    return (counts.tp + counts.tn) / tf.maximum(sum(counts), 1e-7)


# precision


@misconception(
    "precision",
    says="That is recall: you divide by all that is positive, tp + fn, where precision divides by all that was called "
    "positive, tp + fp.",
    hint=1,
)
def precision_over_the_positives(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fn)


@misconception(
    "precision",
    says="Your epsilon moves every result to avoid one 0 / 0: tp = 1, fp = 0 gives 0.9999999 in float64 where it must "
    "give 1.",
    hint=2,
    subtle=True,
)
def precision_with_epsilon(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return tp / (tp + fp + 1e-7)


@misconception(
    "precision",
    says="Where nothing was called positive you divide 0 by 0 and return NaN; the answer there is 0.",
    hint=2,
    subtle=True,
)
def precision_of_no_call_is_nan(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return tp / (tp + fp)


@misconception(
    "precision",
    says="Where nothing was called positive you return 1, so a model that never dares looks perfect; here it is 0.",
    hint=2,
    subtle=True,
)
def precision_of_no_call_is_one(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return tf.where(tf.equal(tp + fp, 0), tf.ones_like(tp), tf.math.divide_no_nan(tp, tp + fp))


@misconception(
    "precision",
    says="Your result is float32 whatever the counts are; floating counts keep their dtype.",
    hint=2,
)
def precision_in_float32(counts):
    tp, fp = (tf.cast(count, tf.float32) for count in counts[:2])
    return tf.math.divide_no_nan(tp, tp + fp)


@misconception(
    "precision",
    says="You divide by at least 1: that keeps 0 / 0 away, but counts that are sums of weights may add up to less than "
    "1, and their precision comes out too small. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def precision_over_at_least_one(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return tp / tf.maximum(tp + fp, 1)


@misconception(
    "precision",
    says="Where nothing was called positive you return None; the answer there is the number 0.",
    hint=2,
)
def precision_of_no_call_is_none(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    known = tf.get_static_value(tp + fp)
    return None if known == 0 else tf.math.divide_no_nan(tp, tp + fp)


@misconception(
    "precision",
    says="You divide by at least 1e-7 (Keras' epsilon), which is nothing beside whole counts, and everything beside "
    "counts that are sums of tiny weights. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def precision_over_at_least_epsilon(counts):
    counts = counts_as_floats(counts)
    return (counts.tp) / tf.maximum(counts.tp + counts.fp, 1e-7)


# recall


@misconception(
    "recall",
    says="You divide by at least 1: that keeps 0 / 0 away, but counts that are sums of weights may add up to less than "
    "1, and their recall comes out too small. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def recall_over_at_least_one(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    return tp / tf.maximum(tp + fn, 1)


@misconception(
    "recall",
    says="That is precision: you divide by all that was called positive, tp + fp, where recall divides by all that is "
    "positive, tp + fn.",
    hint=1,
)
def recall_over_the_called(counts):
    tp, fp, _, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fp)


@misconception(
    "recall",
    says="That is specificity, the share of the negatives that were left alone; recall is about the positives.",
    hint=2,
)
def recall_of_the_negatives(counts):
    _, fp, _, tn = counts_as_floats(counts)
    return tf.math.divide_no_nan(tn, tn + fp)


@misconception(
    "recall",
    says="Your epsilon moves every result to avoid one 0 / 0: tp = 1, fn = 0 gives 0.9999999 in float64 where it must "
    "give 1.",
    hint=2,
    subtle=True,
)
def recall_with_epsilon(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    return tp / (tp + fn + 1e-7)


@misconception(
    "recall",
    says="Where nothing is positive you divide 0 by 0 and return NaN; the answer there is 0.",
    hint=2,
    subtle=True,
)
def recall_of_no_positive_is_nan(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    return tp / (tp + fn)


@misconception(
    "recall",
    says="As 1 minus the miss rate, your recall is 1 where nothing is positive, because 0 misses of 0 look like none; "
    "here it is 0.",
    hint=2,
    subtle=True,
)
def recall_of_no_positive_is_one(counts):
    tp, _, fn, _ = counts_as_floats(counts)
    return 1 - tf.math.divide_no_nan(fn, tp + fn)


@misconception(
    "recall",
    says="You divide by at least 1e-7 (Keras' epsilon), which is nothing beside whole counts, and everything beside "
    "counts that are sums of tiny weights. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def recall_over_at_least_epsilon(counts):
    counts = counts_as_floats(counts)
    return (counts.tp) / tf.maximum(counts.tp + counts.fn, 1e-7)


# f1


@misconception(
    "f1",
    says="You take the arithmetic mean of precision and recall; the harmonic one is low as soon as either is.",
    hint=1,
)
def arithmetic_mean(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    return (tf.math.divide_no_nan(tp, tp + fp) + tf.math.divide_no_nan(tp, tp + fn)) / 2


@misconception(
    "f1",
    says="You take the geometric mean √(P·R), which lies above the harmonic one unless precision and recall are equal.",
    hint=1,
)
def geometric_mean(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    return tf.sqrt(tf.math.divide_no_nan(tp, tp + fp) * tf.math.divide_no_nan(tp, tp + fn))


@misconception(
    "f1",
    says="That is Jaccard's index: in F1 the true positives count twice, above and below the line.",
    hint=3,
)
def jaccard_index(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fp + fn)


@misconception(
    "f1",
    says="You guard precision and recall against 0 / 0, but not their mean: where both are 0, P + R is 0 too, and your "
    "result is NaN.",
    hint=2,
    subtle=True,
)
def guards_all_but_the_last_division(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    p, r = tf.math.divide_no_nan(tp, tp + fp), tf.math.divide_no_nan(tp, tp + fn)
    return 2 * p * r / (p + r)


@misconception(
    "f1",
    says="An epsilon in each of your three denominators moves every result (float64 shows it); only 0 / 0 needs help, "
    "and `tf.math.divide_no_nan` gives just that.",
    hint=3,
    subtle=True,
)
def f1_with_epsilons(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    p, r = tp / (tp + fp + 1e-7), tp / (tp + fn + 1e-7)
    return 2 * p * r / (p + r + 1e-7)


@misconception(
    "f1",
    says="An epsilon in your denominator moves every result (float64 shows it, and counts far below 1 do); only 0 / 0 "
    "needs help, and `tf.math.divide_no_nan` gives just that.",
    hint=3,
    subtle=True,
)
def f1_with_one_epsilon(counts):
    tp, fp, fn, _ = counts_as_floats(counts)
    return 2 * tp / (2 * tp + fp + fn + 1e-7)


@misconception(
    "f1",
    says="You divide by at least 1e-7 (Keras' epsilon), which is nothing beside whole counts, and everything beside "
    "counts that are sums of tiny weights. Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
def f1_over_at_least_epsilon(counts):
    counts = counts_as_floats(counts)
    return (2 * counts.tp) / tf.maximum(2 * counts.tp + counts.fp + counts.fn, 1e-7)


# roc_auc


def _table(y_true, scores):
    """The positives' scores as a column, the negatives' as a row; refuses a single class where labels are known."""
    known = tf.get_static_value(tf.convert_to_tensor(y_true))
    if known is not None and np.unique(known.astype(bool)).size < 2:
        raise ValueError(f"`y_true` must hold at least one positive and one negative. Received: {known}")
    is_positive = tf.cast(y_true, tf.bool)
    return tf.boolean_mask(scores, is_positive)[:, None], tf.boolean_mask(scores, ~is_positive)[None, :]


@misconception(
    "roc_auc",
    says="You give a tie nothing; a positive and a negative with the same score are worth ½.",
    hint=2,
    subtle=True,
)
def ties_count_nothing(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    return tf.cast(tf.reduce_mean(tf.cast(positive > negative, tf.float64)), scores.dtype)


@misconception(
    "roc_auc",
    says="You count a tie as a win; a positive and a negative with the same score are worth ½.",
    hint=2,
    subtle=True,
)
def ties_count_fully(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    return tf.cast(tf.reduce_mean(tf.cast(positive >= negative, tf.float64)), scores.dtype)


@misconception(
    "roc_auc",
    says="You add up the curve at 200 fixed thresholds between 0 and 1, as Keras does, and scores that fall between "
    "two of them look tied; compare the scores with each other instead.",
    hint=1,
    subtle=True,
)
def sums_over_fixed_thresholds(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    inner = tf.linspace(tf.constant(0.0, tf.float64), tf.constant(1.0, tf.float64), 200)[1:-1]
    thresholds = tf.concat([[np.inf], inner[::-1], [-np.inf]], 0)
    hit = tf.reduce_mean(tf.cast(tf.cast(positive, tf.float64) >= thresholds[None, :], tf.float64), 0)
    alarm = tf.reduce_mean(tf.cast(tf.cast(negative, tf.float64) >= thresholds[:, None], tf.float64), 1)
    return tf.cast(tf.reduce_sum((alarm[1:] - alarm[:-1]) * (hit[1:] + hit[:-1]) / 2), scores.dtype)


@misconception(
    "roc_auc",
    says="You walk down the sorted scores one sample at a time, so among equal scores the order of the input decides; "
    "samples that tie must be passed together.",
    hint=1,
    subtle=True,
)
def lets_the_input_order_break_ties(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    _table(y_true, scores)
    order = tf.argsort(tf.cast(scores, tf.float64), direction="DESCENDING", stable=True)
    actual = tf.gather(tf.cast(tf.cast(y_true, tf.bool), tf.float64), order)
    passed = tf.cumsum(actual)
    pairs = tf.reduce_sum(actual) * tf.reduce_sum(1 - actual)
    return tf.cast(tf.reduce_sum(passed * (1 - actual)) / pairs, scores.dtype)


@misconception(
    "roc_auc",
    says="A sigmoid is strictly increasing on paper, but yours saturates: in floating point all large scores become 1, "
    "and your ranking ties. Compare the scores as they are.",
    hint=1,
    subtle=True,
)
def squashes_the_scores_first(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, tf.sigmoid(scores))
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    return tf.cast(tf.reduce_mean(wins) / 2, scores.dtype)


@misconception(
    "roc_auc",
    says="You turn an area below ½ around; a ranking that is upside down has an AUC near 0, and must show it.",
    hint=1,
)
def never_below_one_half(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    area = tf.reduce_mean(wins) / 2
    return tf.cast(tf.maximum(area, 1 - area), scores.dtype)


@misconception(
    "roc_auc",
    says="Your `if` asks a tensor: inside tf.function both of its branches are traced, and the `raise` in one of them "
    "ends the tracing whatever the labels are. Check only what `tf.get_static_value` knows.",
    hint=3,
    subtle=True,
)
def refuses_while_tracing(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    is_positive = tf.cast(y_true, tf.bool)
    if tf.reduce_all(is_positive) or not tf.reduce_any(is_positive):
        raise ValueError("`y_true` must hold at least one positive and one negative.")
    positive = tf.boolean_mask(scores, is_positive)[:, None]
    negative = tf.boolean_mask(scores, ~is_positive)[None, :]
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    return tf.cast(tf.reduce_mean(wins) / 2, scores.dtype)


@misconception(
    "roc_auc",
    says="With one class only there is no pair to compare and no AUC; yours makes one up where a ValueError naming "
    "`y_true` is due.",
    hint=3,
)
def one_half_for_a_single_class(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    is_positive = tf.cast(y_true, tf.bool)
    positive = tf.boolean_mask(scores, is_positive)[:, None]
    negative = tf.boolean_mask(scores, ~is_positive)[None, :]
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    area = tf.reduce_mean(wins) / 2
    return tf.cast(tf.where(tf.math.is_nan(area), tf.constant(0.5, tf.float64), area), scores.dtype)


@misconception(
    "roc_auc",
    says="You compare scores as float32, and two float64 scores that differ later than its seven digits tie; compare "
    "them in the dtype that they have.",
    hint=2,
    subtle=True,
)
def compares_in_float32(y_true, scores):
    dtype = tf.convert_to_tensor(scores).dtype
    positive, negative = _table(y_true, tf.cast(scores, tf.float32))
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    return tf.cast(tf.reduce_mean(wins) / 2, dtype)


@misconception(
    "roc_auc",
    says="You add up the pairs in float16, which ends at 65504: 300 positives and 300 negatives are more pairs than "
    "that. Count in float64, and cast at the end.",
    hint=3,
    subtle=True,
)
def counts_the_pairs_in_their_own_dtype(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    wins = tf.cast(positive >= negative, scores.dtype) + tf.cast(positive > negative, scores.dtype)
    return tf.reduce_mean(wins) / 2


@misconception(
    "roc_auc",
    says="Scores that are very close count as equal in your ranking; the smallest difference decides a pair, so "
    "compare with > and ≥, without rounding.",
    hint=2,
    subtle=True,
)
def calls_close_scores_equal(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    positive, negative = _table(y_true, scores)
    difference = tf.cast(positive, tf.float64) - tf.cast(negative, tf.float64)
    wins = tf.where(tf.abs(difference) < 1e-6, tf.zeros_like(difference), tf.sign(difference))
    return tf.cast((tf.reduce_mean(wins) + 1) / 2, scores.dtype)


@misconception(
    "roc_auc",
    says="You cut the scores off at some size, and all beyond it tie; scores are any finite numbers, and only their "
    "order counts.",
    hint=2,
    subtle=True,
)
def cuts_scores_off(y_true, scores):
    scores = tf.convert_to_tensor(scores)
    known = tf.get_static_value(tf.convert_to_tensor(y_true))
    if known is not None and np.count_nonzero(known) in (0, known.size):
        raise ValueError("`y_true` must hold both classes.")
    is_positive = tf.cast(y_true, tf.bool)
    kept = tf.clip_by_value(scores, tf.cast(-3e4, scores.dtype), tf.cast(3e4, scores.dtype))
    positive, negative = tf.boolean_mask(kept, is_positive)[:, None], tf.boolean_mask(kept, ~is_positive)[None, :]
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    return tf.cast(tf.reduce_mean(wins) / 2, scores.dtype)


# F1Score


class _Counting(tf.keras.metrics.Metric):
    """F1Score as it should be; each wrong turn below changes one thing."""

    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tp = self.add_weight(name="tp", initializer="zeros", dtype=self.dtype)
        self.fp = self.add_weight(name="fp", initializer="zeros", dtype=self.dtype)
        self.fn = self.add_weight(name="fn", initializer="zeros", dtype=self.dtype)

    def terms(self, y_true, y_pred, sample_weight):
        """(decided, actual, weight), flat."""
        y_pred = tf.reshape(y_pred, [-1])
        weight = 1 if sample_weight is None else tf.reshape(sample_weight, [-1])
        decided, actual = y_pred >= self.threshold, tf.reshape(y_true, [-1])
        return tuple(tf.cast(value, self.dtype) for value in (decided, actual, weight))

    def update_state(self, y_true, y_pred, sample_weight=None):
        decided, actual, weight = self.terms(y_true, y_pred, sample_weight)
        self.tp.assign_add(tf.reduce_sum(weight * decided * actual))
        self.fp.assign_add(tf.reduce_sum(weight * decided * (1 - actual)))
        self.fn.assign_add(tf.reduce_sum(weight * (1 - decided) * actual))

    def result(self):
        return tf.math.divide_no_nan(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@misconception(
    "F1Score",
    says="Your labels (n,) meet predictions (n, 1) and broadcast to an n×n table, so a perfect model gets F1 0.5; "
    "flatten both before they are multiplied.",
    hint=1,
    subtle=True,
)
class F1OfAllPairs(_Counting):
    def terms(self, y_true, y_pred, sample_weight):
        decided = tf.convert_to_tensor(y_pred) >= self.threshold
        weight = 1 if sample_weight is None else sample_weight
        return tuple(tf.cast(value, self.dtype) for value in (decided, y_true, weight))


@misconception(
    "F1Score",
    says="You take `sample_weight` and never look at it; every count is a sum of weights, not of samples.",
    hint=3,
)
class F1WithoutWeights(_Counting):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


@misconception(
    "F1Score",
    says="You weigh the hits only: a false alarm and a miss count as much as their sample does, too.",
    hint=3,
    subtle=True,
)
class F1WithWeightedHitsOnly(_Counting):
    def update_state(self, y_true, y_pred, sample_weight=None):
        decided, actual, weight = self.terms(y_true, y_pred, sample_weight)
        self.tp.assign_add(tf.reduce_sum(weight * decided * actual))
        self.fp.assign_add(tf.reduce_sum(decided * (1 - actual)))
        self.fn.assign_add(tf.reduce_sum((1 - decided) * actual))


@misconception(
    "F1Score",
    says="You average the batches' F1, and F1 is no average: add up tp, fp and fn over the batches, and divide once, "
    "in `result`.",
    hint=1,
    subtle=True,
)
class F1AveragedOverBatches(_Counting):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(threshold, name, **kwargs)
        self.batches = self.add_weight(name="batches", initializer="zeros", dtype=self.dtype)
        self.total = self.add_weight(name="total", initializer="zeros", dtype=self.dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        for count in (self.tp, self.fp, self.fn):
            count.assign(tf.zeros(()))
        super().update_state(y_true, y_pred, sample_weight)
        self.total.assign_add(super().result())
        self.batches.assign_add(tf.ones(()))

    def result(self):
        return tf.math.divide_no_nan(self.total, self.batches)


@misconception(
    "F1Score",
    says="You assign the counts of the last batch and forget those before; `assign_add` keeps them all.",
    hint=2,
    subtle=True,
)
class F1OfTheLastBatch(_Counting):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.reset_state()
        super().update_state(y_true, y_pred, sample_weight)


@misconception(
    "F1Score",
    says="Your counts are Python attributes, which tf.function touches only while it traces; state that is to change "
    "in a graph must be made with `add_weight` and changed with `assign_add`.",
    hint=2,
    subtle=True,
)
class F1InPythonNumbers(_Counting):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(threshold, name, **kwargs)
        self.counts = np.zeros(3)

    def update_state(self, y_true, y_pred, sample_weight=None):
        decided, actual, weight = self.terms(y_true, y_pred, sample_weight)
        outcomes = (decided * actual, decided * (1 - actual), (1 - decided) * actual)
        sums = [tf.reduce_sum(weight * outcome) for outcome in outcomes]
        self.counts = [count + added for count, added in zip(self.counts, sums, strict=True)]

    def result(self):
        tp, fp, fn = (tf.cast(count, self.dtype) for count in self.counts)
        return tf.math.divide_no_nan(2 * tp, 2 * tp + fp + fn)

    def reset_state(self):
        self.counts = np.zeros(3)


@misconception(
    "F1Score",
    says="Your `reset_state` forgets the hits and keeps the errors, so the second epoch starts worse than it is; reset "
    "every count, or leave it to the base class.",
    hint=2,
    subtle=True,
)
class F1WithHalfAReset(_Counting):
    def reset_state(self):
        self.tp.assign(tf.zeros(()))


@misconception(
    "F1Score",
    says="Your config does not hold the threshold, so a metric made from it falls back to 0.5.",
    hint=3,
    subtle=True,
)
class F1WithoutThresholdInConfig(_Counting):
    def get_config(self):
        return super(_Counting, self).get_config()


@misconception(
    "F1Score",
    says="With no positive and none called, you divide 0 by 0 and report NaN, and a NaN stays in the logs; the answer "
    "there is 0.",
    hint=3,
    subtle=True,
)
class F1NanWithoutPositives(_Counting):
    def result(self):
        precision, recall = self.tp / (self.tp + self.fp), self.tp / (self.tp + self.fn)
        return 2 * precision * recall / (precision + recall)


@misconception(
    "F1Score",
    says="An epsilon in your denominators moves the result where the weights are small, and they may add up to far "
    "less than 1; divide with `tf.math.divide_no_nan`, which changes 0 / 0 only.",
    hint=3,
    subtle=True,
)
class F1WithEpsilons(_Counting):
    def result(self):
        epsilon = tf.keras.backend.epsilon()
        precision, recall = self.tp / (self.tp + self.fp + epsilon), self.tp / (self.tp + self.fn + epsilon)
        return 2 * precision * recall / (precision + recall + epsilon)


@misconception(
    "F1Score",
    says="You flatten labels and predictions and leave the weights as they come: weights (n, 1) times decisions (n,) "
    "are an n×n table, every sample with everybody's weight. Flatten all three.",
    hint=3,
    subtle=True,
)
class F1WithWeightsAsTheyCome(_Counting):
    def terms(self, y_true, y_pred, sample_weight):
        decided, actual, _ = super().terms(y_true, y_pred, None)
        return decided, actual, tf.cast(1 if sample_weight is None else sample_weight, self.dtype)


@misconception(
    "F1Score",
    says="Your result is float32 whatever `dtype` the metric is given: `add_weight` does not know it unless you hand "
    "it on, `dtype=self.dtype`.",
    hint=2,
    subtle=True,
)
class F1InFloat32(_Counting):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(threshold, name, **kwargs)
        self.tp = self.add_weight(name="tp", initializer="zeros")
        self.fp = self.add_weight(name="fp", initializer="zeros")
        self.fn = self.add_weight(name="fn", initializer="zeros")


@misconception(
    "F1Score",
    says="You take a config's name and threshold and drop the rest: a float64 metric comes back in float32. Start from "
    "the base class's config, and hand `**kwargs` on to it.",
    hint=3,
    subtle=True,
)
class F1WithoutDtypeInConfig(_Counting):
    def get_config(self):
        return {"name": self.name, "threshold": self.threshold}


@misconception(
    "F1Score",
    says="A prediction that equals the threshold is positive: yours uses > where ≥ is asked for (as Keras' own F1Score "
    "does).",
    hint=1,
    subtle=True,
)
class F1AboveTheThreshold(_Counting):
    def terms(self, y_true, y_pred, sample_weight):
        _, actual, weight = super().terms(y_true, y_pred, sample_weight)
        return tf.cast(tf.reshape(y_pred, [-1]) > self.threshold, self.dtype), actual, weight


@misconception(
    "F1Score",
    says="Your `result` empties the counts: `fit` asks for it after every batch, to show the progress. Forgetting is "
    "`reset_state`'s work.",
    hint=2,
    subtle=True,
)
class F1EmptiedByAsking(_Counting):
    def result(self):
        value = super().result()
        self.reset_state()
        return value


@misconception(
    "F1Score",
    says="You turn the predictions into the metric's dtype before you compare, and a float16 0.1 is a little below "
    "0.1; compare in the predictions' own dtype.",
    hint=2,
    subtle=True,
)
class F1ComparedInItsOwnDtype(F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, tf.cast(y_pred, self.dtype), sample_weight)


@misconception(
    "F1Score",
    says="You keep the threshold as a float32 number, so a float64 0.1 is below your 0.1000000015; keep the Python "
    "number as it is.",
    hint=2,
    subtle=True,
)
class F1WithAFloat32Threshold(F1Score):
    def __init__(self, threshold=0.5, name="f1_score", **kwargs):
        super().__init__(threshold=float(np.float32(threshold)), name=name, **kwargs)


@misconception(
    "F1Score",
    says="You turn the weights into the predictions' dtype, where float16 rounds a weight of 0.1; the sums are kept "
    "in the metric's dtype.",
    hint=2,
    subtle=True,
)
class F1WithWeightsInThePredictionsDtype(F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = tf.convert_to_tensor(y_pred)
        super().update_state(y_true, y_pred, None if sample_weight is None else tf.cast(sample_weight, y_pred.dtype))


@misconception(
    "F1Score",
    says="Your sums are made in float32 and only kept in the metric's dtype, so a float64 metric has seven good "
    "digits; cast before you add.",
    hint=2,
    subtle=True,
)
class F1SummedInFloat32(F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        weight = 1.0 if sample_weight is None else tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
        super().update_state(y_true, y_pred, weight)


@misconception(
    "F1Score",
    says="A batch whose weights are all 0 counts fully in yours, as if it had none; it counts nothing.",
    hint=2,
    subtle=True,
)
class F1WithoutZeroWeights(F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            weight = tf.cast(sample_weight, self.dtype)
            sample_weight = tf.where(tf.reduce_sum(weight) > 0, weight, tf.ones_like(weight))
        super().update_state(y_true, y_pred, sample_weight)


@misconception(
    "F1Score",
    says="You divide by at least 1e-7: all weights together may be less than that, and then your F1 is too small. "
    "Divide with `tf.math.divide_no_nan`.",
    hint=2,
    subtle=True,
)
class F1OverAtLeastEpsilon(F1Score):
    def result(self):
        return 2 * self.tp / tf.maximum(2 * self.tp + self.fp + self.fn, 1e-7)


@misconception(
    "F1Score",
    says="Your config holds a rounded threshold, so a metric made from it decides otherwise just there; give the "
    "number as it is.",
    hint=3,
    subtle=True,
)
class F1WithARoundedThresholdInConfig(F1Score):
    def get_config(self):
        return {**super().get_config(), "threshold": round(self.threshold, 3)}


# evaluate_by_name


@misconception(
    "evaluate_by_name",
    says="You predict with `training=True`, so dropout is on and the values are those of a model in training; "
    "evaluation runs without it.",
    hint=2,
    subtle=True,
)
def evaluates_in_training_mode(model, x, y):
    for metric in model.metrics:
        metric.reset_state()
    y_pred = model(x, training=True)
    loss = model.compute_loss(x, y, y_pred)
    model._loss_tracker.update_state(loss)
    return {name: float(value) for name, value in model.compute_metrics(x, y, y_pred).items()}


@misconception(
    "evaluate_by_name",
    says="Your values are NumPy numbers; plain Python floats are asked for, which any logger and `json` take.",
    hint=2,
    subtle=True,
)
def returns_numpy_numbers(model, x, y):
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    return {name: np.float64(value) for name, value in results.items()}


@misconception(
    "evaluate_by_name",
    says="`metrics_names` has one entry, `compile_metrics`, for all compiled metrics together, so your zip loses "
    "results and misnames others; ask `evaluate` for a dict.",
    hint=1,
)
def zips_names_with_results(model, x, y):
    results = np.atleast_1d(model.evaluate(x, y, verbose=0))
    return {name: float(value) for name, value in zip(model.metrics_names, results, strict=False)}


@misconception(
    "evaluate_by_name",
    says="You ask each metric for its own name, and two outputs may both have an `mae`: your second overwrites the "
    "first. The keys of `evaluate(return_dict=True)` carry the output in front.",
    hint=2,
    subtle=True,
)
def forgets_the_outputs_in_the_names(model, x, y):
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    outputs = tuple(f"{name}_" for name in model.output_names)
    short = {}
    for name, value in results.items():
        prefix = next((o for o in outputs if name.startswith(o) and name != f"{o}loss"), "")
        short[name.removeprefix(prefix)] = float(value)
    return short


@misconception(
    "evaluate_by_name",
    says="You go through the batches yourself and average their results, so the last, shorter batch weighs too much; "
    "`evaluate` keeps the sums and averages over samples.",
    hint=2,
    subtle=True,
)
def averages_the_batches(model, x, y, batch_size=32):
    size = len(tf.nest.flatten(x)[0])
    cuts = [slice(start, start + batch_size) for start in range(0, size, batch_size)]
    parts = [
        model.test_on_batch(*tf.nest.map_structure(lambda a, cut=cut: a[cut], (x, y)), return_dict=True) for cut in cuts
    ]
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


@misconception(
    "evaluate_by_name",
    says="You train on the data to get at its metrics: your model leaves with other weights than it came with.",
    hint=2,
    subtle=True,
)
def trains_to_evaluate(model, x, y):
    results = model.train_on_batch(x, y, return_dict=True)
    return {name: float(value) for name, value in results.items()}


@misconception(
    "evaluate_by_name",
    says="You hand out TensorFlow's tensors; the values must be plain Python floats, which can be logged and compared.",
    hint=2,
    subtle=True,
)
def returns_tensors(model, x, y):
    model.evaluate(x, y, verbose=0)
    return model.get_metrics_result()


@misconception(
    "evaluate_by_name",
    says="You leave the loss out; `evaluate` reports it beside the metrics, under the name `loss`.",
    hint=2,
)
def leaves_out_the_loss(model, x, y):
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    return {name: float(value) for name, value in results.items() if name != "loss"}


@misconception(
    "evaluate_by_name",
    says="You leave the model running eagerly, and slowly, for all that comes after; its settings are to be what "
    "they were.",
    hint=2,
    subtle=True,
)
def leaves_the_model_eager(model, x, y):
    model.run_eagerly = True
    return {name: float(value) for name, value in model.evaluate(x, y, verbose=0, return_dict=True).items()}


@misconception(
    "evaluate_by_name",
    says="You compile the model anew, and with its optimizer all that this had learned about the gradients is gone; "
    "evaluate changes nothing.",
    hint=2,
    subtle=True,
)
def compiles_anew(model, x, y):
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    model.compile(optimizer="sgd", loss=model.loss)
    return {name: float(value) for name, value in results.items()}


@misconception(
    "evaluate_by_name",
    says="You make a list of a dict of inputs in the dict's order, and the model takes a list in its own; hand the "
    "dict on, which goes by name.",
    hint=1,
    subtle=True,
)
def takes_inputs_in_the_order_of_the_dict(model, x, y):
    return model.evaluate(list(x.values()) if isinstance(x, dict) else x, y, verbose=0, return_dict=True)


@misconception(
    "evaluate_by_name",
    says="You round the values; rounding is for showing them, and a small loss is gone by it.",
    hint=1,
    subtle=True,
)
def rounds_the_values(model, x, y):
    return {name: round(value, 4) for name, value in model.evaluate(x, y, verbose=0, return_dict=True).items()}


@misconception(
    "evaluate_by_name",
    says="After your call everything in the process runs eagerly, and slowly; leave tf.config as it is.",
    hint=1,
    subtle=True,
)
def makes_everything_eager(model, x, y):
    tf.config.run_functions_eagerly(True)
    return model.evaluate(x, y, verbose=0, return_dict=True)
