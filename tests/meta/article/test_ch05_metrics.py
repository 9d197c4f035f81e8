"""The article's section 5 on the pinned TensorFlow: its two examples in our form, and its errata shown."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch05_metrics import F1Score, confusion_counts, evaluate_by_name, f1, precision, recall, roc_auc


def classification(samples, features, seed=42):
    """Standard normal inputs; positive where the first three add up to more than 0. Flat labels, as in the article."""
    x = np.random.default_rng(seed).normal(size=(samples, features)).astype(np.float32)
    return x, (x[:, :3].sum(axis=1) > 0).astype(np.float32)


def trained(x, y, metrics):
    """The section's network, 32 ReLU units and a sigmoid, from fixed weights and after a short training."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(1, activation="sigmoid")]
    model = tf.keras.Sequential([tf.keras.Input((x.shape[1],)), *layers])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=metrics)
    model.fit(x, y, epochs=5, batch_size=32, verbose=0)
    return model


class F1OfTheTable(tf.keras.metrics.Metric):
    """The article's mistakes in our words: labels meet predictions as they come, and weights are not looked at."""

    def __init__(self):
        super().__init__(name="f1_of_the_table")
        self.both = self.add_weight(name="both", initializer="zeros")
        self.errors = self.add_weight(name="errors", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        called, actual = tf.cast(y_pred >= 0.5, tf.float32), tf.cast(y_true, tf.float32)
        self.both.assign_add(tf.reduce_sum(called * actual))
        self.errors.assign_add(tf.reduce_sum(called * (1 - actual)) + tf.reduce_sum((1 - called) * actual))

    def result(self):
        return tf.math.divide_no_nan(2 * self.both, 2 * self.both + self.errors)


def built_in():
    """The four metrics of the first example."""
    metrics = tf.keras.metrics
    return [
        metrics.BinaryAccuracy(name="accuracy"),
        metrics.AUC(name="auc"),
        metrics.Precision(name="precision"),
        metrics.Recall(name="recall"),
    ]


@functools.cache
def first_example():
    """(model, x, y), the model trained and compiled with the four built-in metrics."""
    x, y = classification(500, 10)
    return trained(x, y, built_in()), x, y


@functools.cache
def second_example():
    """(model, x, y), the model trained and compiled with accuracy, the kata's F1, and the article's mistake."""
    x, y = classification(500, 8)
    return trained(x, y, ["accuracy", F1Score(threshold=0.5), F1OfTheTable()]), x, y


# Built-in Metrics


def test_built_in_metrics():
    """§5 "Built-in Metrics": four metrics, each under its own name, and as the katas compute it."""
    model, x, y = first_example()
    report = evaluate_by_name(model, x, y)
    assert sorted(report) == ["accuracy", "auc", "loss", "precision", "recall"]
    scores = model.predict(x, verbose=0)
    counts = confusion_counts(y, scores)
    assert report["precision"] == pytest.approx(float(precision(counts)), abs=1e-6)
    assert report["recall"] == pytest.approx(float(recall(counts)), abs=1e-6)
    assert report["auc"] == pytest.approx(float(roc_auc(y, scores[:, 0])), abs=2e-3)  # 200 thresholds against all pairs


def test_zipping_names_with_results_loses_three_of_five():
    """Erratum: `zip(model.metrics_names, results)` prints two of five results, the second under nobody's name."""
    model, x, y = first_example()
    results = model.evaluate(x, y, verbose=0)
    assert len(results) == 5
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert len(dict(zip(model.metrics_names, results, strict=False))) == 2


# Custom Metrics


def test_custom_f1():
    """§5 "Custom Metrics": a stateful F1 in compile(), beside accuracy; over many batches the F1 of the whole."""
    model, x, y = second_example()
    report = evaluate_by_name(model, x, y)
    assert report["accuracy"] > 0.8
    assert report["f1_score"] == pytest.approx(float(f1(confusion_counts(y, model.predict(x, verbose=0)))), abs=1e-6)
    assert report["f1_score"] > 0.8


def test_flat_labels_against_columns_give_one_half():
    """Erratum: labels (n,) times outputs (n, 1) are an n x n table: about 0.5, whatever the true F1 is."""
    model, x, y = second_example()
    report = evaluate_by_name(model, x, y)
    assert report["accuracy"] > 0.8
    assert report["f1_score"] > 0.8
    assert report["f1_of_the_table"] == pytest.approx(0.5, abs=0.05)


def test_the_table_does_not_even_see_which_sample_is_which():
    """Erratum, by hand: ten samples, half positive, predicted perfectly or shuffled: tp 25, errors 50, F1 0.5."""
    labels = np.arange(10) % 2
    for predictions in (labels, labels[::-1], np.sort(labels)):
        metric = F1OfTheTable()
        metric.update_state(labels, predictions[:, None].astype(np.float32))
        assert (float(metric.both), float(metric.errors), float(metric.result())) == (25, 50, 0.5)
    right = F1Score()
    right.update_state(labels, labels[:, None].astype(np.float32))
    assert float(right.result()) == 1


def test_ignored_sample_weights():
    """Erratum: the article's metric takes `sample_weight` and drops it; a weight of 0 must take a sample out."""
    batch = np.array([1, 1]), np.array([0.9, 0.1], np.float32), np.array([1.0, 0.0], np.float32)
    dropped, honoured = F1OfTheTable(), F1Score()
    dropped.update_state(*batch)
    honoured.update_state(*batch)
    assert float(dropped.result()) == pytest.approx(2 / 3)
    assert float(honoured.result()) == 1


# What the lesson says


def test_the_lessons_eight_samples():
    """The lesson's table: tp 3, fp 2, fn 1, tn 2, P 0.6, R 0.75, F1 0.6667, AUC 11.5 / 16."""
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    scores = np.array([0.9, 0.6, 0.4, 0.5, 0.3, 0.2, 0.7, 0.5], np.float32)
    counts = confusion_counts(labels, scores)
    assert [int(count) for count in counts] == [3, 2, 1, 2]
    shares = [f"{float(share(counts)):.4f}" for share in (precision, recall, f1)]
    assert shares == ["0.6000", "0.7500", "0.6667"]
    assert float(roc_auc(labels, scores)) == 11.5 / 16


def test_keras_auc_is_a_sum_over_fixed_thresholds():
    """The lesson: scores 0.9003, 0.9002, 0.9002, 0.9001 lie between two of 200 thresholds: ½ instead of 0.875."""
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9003, 0.9002, 0.9002, 0.9001])
    assert float(roc_auc(labels, scores)) == 0.875
    keras = tf.keras.metrics.AUC()
    keras.update_state(labels, scores)
    assert float(keras.result()) == 0.5


def test_weights_reach_weighted_metrics_only():
    """The lesson: a metric in `metrics=` never sees `sample_weight`, one in `weighted_metrics=` does."""
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Identity()])
    plain, weighted = F1Score(name="plain"), F1Score(name="weighted")
    model.compile(loss="mse", metrics=[plain], weighted_metrics=[weighted], run_eagerly=True)
    scores, labels, weights = np.array([[0.9], [0.1]]), np.array([1, 1]), np.array([1.0, 0.0])
    report = model.evaluate(scores, labels, sample_weight=weights, verbose=0, return_dict=True)
    assert (report["plain"], report["weighted"]) == (pytest.approx(2 / 3), 1)


def test_a_float32_counter_stands_still_at_two_to_the_24():
    """The lesson: 2²⁴ + 1 is 2²⁴ in float32."""
    assert np.float32(2**24) + np.float32(1) == 2**24 == 16_777_216


def test_tf_cast_rounds_a_python_number_to_float32_on_its_way():
    """The lesson: tf.cast(0.7, tf.float64) is 0.699999988; tf.constant(0.7, tf.float64) is not."""
    assert float(tf.cast(0.7, tf.float64)) == float(np.float32(0.7)) < 0.7
    assert float(tf.constant(0.7, tf.float64)) == 0.7


def test_keras_own_metrics_exclude_the_threshold():
    """The lesson: at p = t, Keras' Precision, Recall and BinaryAccuracy decide "negative"; the katas, "positive"."""
    for metric in (tf.keras.metrics.Recall(thresholds=0.5), tf.keras.metrics.BinaryAccuracy(threshold=0.5)):
        metric.update_state(np.array([1]), np.array([0.5]))
        assert float(metric.result()) == 0
    assert float(recall(confusion_counts(np.array([1]), np.array([0.5])))) == 1
