"""5 · Metrics: counting decisions, ranking scores, and keeping state over batches."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

__all__ = [
    "confusion_counts",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "F1Score",
    "evaluate_by_name",
]


class ConfusionCounts(NamedTuple):
    """How often each of the four outcomes of a yes-or-no decision happened."""

    tp: Any
    """Positives that were called positive."""
    fp: Any
    """Negatives that were called positive: false alarms."""
    fn: Any
    """Positives that were called negative: misses."""
    tn: Any
    """Negatives that were called negative."""


def counts_as_floats(counts: ConfusionCounts) -> ConfusionCounts:
    """The same counts as tensors that can be divided: whole numbers become float32, floats keep their dtype."""
    tensors = [tf.convert_to_tensor(count) for count in counts]
    return ConfusionCounts(*(count if count.dtype.is_floating else tf.cast(count, tf.float32) for count in tensors))


def confusion_counts(y_true: Any, y_prob: Any, *, threshold: float = 0.5) -> ConfusionCounts:
    """Count the four outcomes of deciding "positive" wherever the probability reaches the threshold.

        dᵢ = 1 where pᵢ ≥ threshold, else 0
        tp = Σ dᵢ·yᵢ    fp = Σ dᵢ·(1 − yᵢ)    fn = Σ (1 − dᵢ)·yᵢ    tn = Σ (1 − dᵢ)·(1 − yᵢ)

    yᵢ is the label of sample i (1 positive, 0 negative), pᵢ its probability and dᵢ the decision about it. A probability
    equal to the threshold counts as positive.

    Args:
        y_true: Labels 0 or 1 (integers, booleans or floats), shape `(n,)` or `(n, 1)`.
        y_prob: Probabilities of the positive class, or any finite scores such as logits; float16, float32 or float64,
            shape `(n,)` or `(n, 1)`. The two shapes may differ: sample i of one still belongs to sample i of the other.
        threshold: The least value that is called positive: a Python number, for scores of any size and sign. It is
            compared in the dtype of `y_prob`: a float32 0.7 reaches the threshold 0.7, although 0.7 in float64 is a
            little larger.

    Returns:
        `ConfusionCounts(tp, fp, fn, tn)`, each a rank-0 tensor of the dtype of `y_prob`, and exact: they add up to n.
        (float16 holds every whole number up to 2048, and more samples than that are not asked for.)

    Example:
        >>> counts = confusion_counts([1, 0, 1, 0, 0], [0.9, 0.8, 0.4, 0.1, 0.5])
        >>> [int(count) for count in counts]  # 0.9 | 0.8 and 0.5 | 0.4 | 0.1
        [1, 2, 1, 1]

    Source: The article, §5 "Custom Metrics"; Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters
        27, 2006, §2.
    """
    y_prob = tf.convert_to_tensor(y_prob)
    # Both are flattened before they meet: (n,)·(n, 1) would broadcast to an n×n table of every sample with every other.
    # The bare number takes the dtype of y_prob; tf.cast(threshold, tf.float64) would round it to float32 on the way.
    decided = tf.reshape(tf.cast(y_prob >= threshold, y_prob.dtype), [-1])
    actual = tf.reshape(tf.cast(y_true, y_prob.dtype), [-1])
    return ConfusionCounts(
        tp=tf.reduce_sum(decided * actual),
        fp=tf.reduce_sum(decided * (1 - actual)),
        fn=tf.reduce_sum((1 - decided) * actual),
        tn=tf.reduce_sum((1 - decided) * (1 - actual)),
    )


def accuracy(counts: ConfusionCounts) -> tf.Tensor:
    """The share of all decisions that were right.

        accuracy = (tp + tn) / (tp + fp + fn + tn),    0 where that is 0 / 0

    tp, fp, fn, tn are the four counts. Exactly that: no epsilon is added to the denominator.

    Args:
        counts: `ConfusionCounts` of Python numbers, NumPy numbers or rank-0 tensors, all of one dtype, none negative.
            They need not be whole, nor reach 1: a count may be a sum of sample weights.

    Returns:
        A rank-0 tensor between 0 and 1: of the counts' dtype where that is floating (float32 for Python's own), and
            float32 for whole numbers of any dtype.

    Example:
        >>> float(accuracy(ConfusionCounts(tp=3, fp=1, fn=1, tn=3)))  # (3 + 3) / 8
        0.75

    Source: The article, §5 "Built-in Metrics"; Fawcett, "An introduction to ROC analysis", 2006, §2, Fig. 1.
    """
    tp, fp, fn, tn = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp + tn, tp + fp + fn + tn)


def precision(counts: ConfusionCounts) -> tf.Tensor:
    """Of all that was called positive, the share that is positive.

        precision = tp / (tp + fp),    0 where nothing was called positive

    tp and fp are the counts of true and false positives. Exactly that: no epsilon is added to the denominator.

    Args:
        counts: `ConfusionCounts` of Python numbers, NumPy numbers or rank-0 tensors, all of one dtype, none negative.
            They need not be whole, nor reach 1: a count may be a sum of sample weights.

    Returns:
        A rank-0 tensor between 0 and 1: of the counts' dtype where that is floating (float32 for Python's own), and
            float32 for whole numbers of any dtype.

    Example:
        >>> float(precision(ConfusionCounts(tp=3, fp=1, fn=2, tn=4)))  # 3 / (3 + 1)
        0.75
        >>> float(precision(ConfusionCounts(tp=0, fp=0, fn=2, tn=4)))  # nothing called positive
        0.0

    Source: The article, §5 "Built-in Metrics"; van Rijsbergen, Information Retrieval, 2nd ed., 1979, ch. 7.
    """
    tp, fp, _, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fp)


def recall(counts: ConfusionCounts) -> tf.Tensor:
    """Of all that is positive, the share that was called positive.

        recall = tp / (tp + fn),    0 where nothing is positive

    tp counts the positives that were found, fn those that were missed. Exactly that: no epsilon is added to the
    denominator.

    Args:
        counts: `ConfusionCounts` of Python numbers, NumPy numbers or rank-0 tensors, all of one dtype, none negative.
            They need not be whole, nor reach 1: a count may be a sum of sample weights.

    Returns:
        A rank-0 tensor between 0 and 1: of the counts' dtype where that is floating (float32 for Python's own), and
            float32 for whole numbers of any dtype.

    Example:
        >>> float(recall(ConfusionCounts(tp=3, fp=1, fn=1, tn=5)))  # 3 / (3 + 1)
        0.75
        >>> float(recall(ConfusionCounts(tp=0, fp=2, fn=0, tn=4)))  # nothing is positive
        0.0

    Source: The article, §5 "Built-in Metrics"; van Rijsbergen, Information Retrieval, 2nd ed., 1979, ch. 7.
    """
    tp, _, fn, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(tp, tp + fn)


def f1(counts: ConfusionCounts) -> tf.Tensor:
    """The harmonic mean of precision and recall.

        F1 = 2·P·R / (P + R) = 2·tp / (2·tp + fp + fn),    0 where the denominator is 0

    P is the precision, R the recall; tp, fp, fn are the counts. The second form needs one division instead of three,
    and is 0 / 0 only where there is neither a positive nor a decision for one. True negatives play no part. No epsilon
    is added to a denominator.

    Args:
        counts: `ConfusionCounts` of Python numbers, NumPy numbers or rank-0 tensors, all of one dtype, none negative.
            They need not be whole, nor reach 1: a count may be a sum of sample weights.

    Returns:
        A rank-0 tensor between 0 and 1: of the counts' dtype where that is floating (float32 for Python's own), and
            float32 for whole numbers of any dtype.

    Example:
        >>> float(f1(ConfusionCounts(tp=3, fp=1, fn=1, tn=5)))  # 6 / (6 + 1 + 1)
        0.75
        >>> float(f1(ConfusionCounts(tp=0, fp=0, fn=0, tn=4)))
        0.0

    Source: The article, §5 "Custom Metrics"; van Rijsbergen, Information Retrieval, 2nd ed., 1979, ch. 7 (F = 1 − E
        with α = ½).
    """
    tp, fp, fn, _ = counts_as_floats(counts)
    return tf.math.divide_no_nan(2 * tp, 2 * tp + fp + fn)


def roc_auc(y_true: Any, scores: Any) -> tf.Tensor:
    """The probability that a random positive scores above a random negative: the exact area under the ROC curve.

        AUC = 1/(P·N) · Σᵢ Σⱼ ( 1 where sᵢ > sⱼ,  ½ where sᵢ = sⱼ,  0 where sᵢ < sⱼ )

    i runs over the P positives, j over the N negatives, s are the scores. Only their order counts: any strictly
    increasing change of the scores leaves the AUC as it is, and they need not lie between 0 and 1. It is exact, also
    for hundreds of samples, and where two scores differ in the last digit only.

    Args:
        y_true: Labels 0 or 1 (integers, booleans or floats), shape `(n,)`.
        scores: Scores, higher for "more likely positive": any finite numbers, float16, float32 or float64, shape
            `(n,)`.

    Returns:
        A rank-0 tensor of the dtype of `scores`, between 0 (every negative above every positive) and 1; ½ when
        all scores are equal.

    Raises:
        ValueError: If `y_true` has no positive or no negative, whenever the function is called eagerly. Inside
            `tf.function` labels are known only while running, and then nothing is raised: check only what is known.

    Example:
        >>> float(roc_auc([1, 0, 1, 0], [0.8, 0.5, 0.5, 0.2]))  # 0.8 beats both; 0.5 ties once, wins once: 3.5 / 4
        0.875

    Source: The article, §5 "Built-in Metrics"; Hanley & McNeil, "The meaning and use of the area under a receiver
        operating characteristic (ROC) curve", Radiology 143, 1982; Fawcett, "An introduction to ROC analysis", 2006,
        §7.
    """
    scores = tf.convert_to_tensor(scores)
    known = tf.get_static_value(tf.convert_to_tensor(y_true))  # None inside tf.function, where `if` cannot look at it
    if known is not None and np.count_nonzero(known) in (0, known.size):
        raise ValueError(
            "`y_true` must hold at least one positive and one negative. "
            f"Received: {np.count_nonzero(known)} positives among {known.size} labels"
        )
    is_positive = tf.cast(y_true, tf.bool)
    positive = tf.boolean_mask(scores, is_positive)[:, None]
    negative = tf.boolean_mask(scores, ~is_positive)[None, :]
    # A win is ≥ and >, a tie only ≥. Scores are compared, not subtracted: the difference of two tiny ones may vanish.
    wins = tf.cast(positive >= negative, tf.float64) + tf.cast(positive > negative, tf.float64)
    return tf.cast(tf.reduce_mean(wins) / 2, scores.dtype)  # summed in float64: float16 counts only up to 2048


class F1Score(tf.keras.metrics.Metric):
    """F1 of everything seen since the last reset, however it was cut into batches.

        F1 = 2·tp / (2·tp + fp + fn),    0 where the denominator is 0
        tp = Σ wᵢ·dᵢ·yᵢ    fp = Σ wᵢ·dᵢ·(1 − yᵢ)    fn = Σ wᵢ·(1 − dᵢ)·yᵢ

    The sums run over all samples seen: yᵢ is the label of sample i, pᵢ its prediction, wᵢ its weight, and dᵢ = 1 where
    pᵢ ≥ threshold, else 0. F1 is no mean over samples, so the mean of the batches' F1 is not the F1 of the whole: the
    sums must be kept. No epsilon is added to a denominator: all weights together may be far less than 1.

    The methods to write, all of which also work inside `tf.function`, as in a compiled model's `fit` and `evaluate`:
    `update_state(y_true, y_pred, sample_weight=None)` adds one batch to the sums. Labels are 0 or 1 (integers, booleans
    or floats), predictions float16, float32 or float64; each has shape `(n,)` or `(n, 1)`, in any mix. `sample_weight`,
    numbers ≥ 0 of shape `(n,)` or `(n, 1)` too, says how much each sample counts; None that each counts 1.
    `result()` gives the F1 so far, a rank-0 tensor of the metric's dtype, and changes nothing.
    `reset_state()` forgets everything seen (the base class sets every variable to 0).
    `get_config()` gives the dict from which `from_config` makes an equal, empty metric: threshold, name and dtype.

    Args:
        threshold: The least prediction that is called positive: a Python number, for scores of any size and sign. A
            float32 0.7 reaches the threshold 0.7, as in `confusion_counts`.
        name: The name under which `fit` and `evaluate` report the metric.
        **kwargs: Passed on to `tf.keras.metrics.Metric`: `dtype`, in which the sums are kept ("float32" if not given).

    Example:
        >>> metric = F1Score(threshold=0.5)
        >>> _ = metric.update_state([1, 0], [[0.9], [0.2]])  # tp = 1: the F1 of this batch is 1
        >>> _ = metric.update_state([1], [[0.1]])  # fn = 1: the F1 of this batch is 0
        >>> round(float(metric.result()), 4)  # 2·1 / (2·1 + 0 + 1), and not (1 + 0) / 2
        0.6667

    Source: The article, §5 "Custom Metrics"; Forman & Scholz, "Apples-to-apples in cross-validation studies", ACM
        SIGKDD Explorations 12(1), 2010 (why averaging F1 misleads).
    """

    def __init__(self, threshold: float = 0.5, name: str = "f1_score", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        # Variables, not Python numbers: inside tf.function a Python attribute is touched only while tracing.
        # Without a dtype of its own, `add_weight` makes a float32 variable whatever the metric's dtype is.
        self.tp = self.add_weight(name="tp", initializer="zeros", dtype=self.dtype)
        self.fp = self.add_weight(name="fp", initializer="zeros", dtype=self.dtype)
        self.fn = self.add_weight(name="fn", initializer="zeros", dtype=self.dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = tf.convert_to_tensor(y_pred)
        # Flattened before they meet: labels (n,) times predictions (n, 1) would be an n×n table.
        decided = tf.reshape(tf.cast(y_pred >= self.threshold, self.dtype), [-1])
        actual = tf.reshape(tf.cast(y_true, self.dtype), [-1])
        weight = tf.reshape(tf.cast(1 if sample_weight is None else sample_weight, self.dtype), [-1])
        self.tp.assign_add(tf.reduce_sum(weight * decided * actual))
        self.fp.assign_add(tf.reduce_sum(weight * decided * (1 - actual)))
        self.fn.assign_add(tf.reduce_sum(weight * (1 - decided) * actual))

    def result(self) -> tf.Tensor:
        return tf.math.divide_no_nan(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


def evaluate_by_name(model: tf.keras.Model, x: Any, y: Any) -> dict[str, float]:
    """Evaluate a compiled model, and give every metric under its own name.

    The names are the keys of Keras' own dictionary: `loss`, then one for each metric, with the output's name in front
    when the model has several outputs (`price_loss`, `price_mae`). `model.metrics_names` is no list of them:
    in Keras 3 it has one entry, `compile_metrics`, for all compiled metrics together.

    Args:
        model: A compiled `tf.keras.Model`, with any number of metrics, none included. It stays as it is: weights,
            optimizer, settings.
        x: Inputs: an array, or a list or dict of arrays for a model with several inputs.
        y: Targets: an array, or a list or dict of arrays for a model with several outputs.

    Returns:
        A dict from each name to its value over all samples, a Python float, as the model gives it outside training:
            without dropout, and `loss` with the model's own penalties. A second call gives the same.

    Example:
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Identity()])
        >>> model.compile(loss="mse", metrics=["mae"], run_eagerly=True)
        >>> result = evaluate_by_name(model, np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
        >>> sorted(result.items())  # errors 0 and 3: (0 + 3) / 2 and (0 + 9) / 2
        [('loss', 4.5), ('mae', 1.5)]

    Source: The article, §5 "Built-in Metrics" (where names and values are zipped, and three of five are lost).
    """
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    return {name: float(value) for name, value in results.items()}
