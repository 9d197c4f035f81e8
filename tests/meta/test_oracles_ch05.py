"""Second witnesses for chapter 5's references: Keras' built-in metrics and scikit-learn, on drawn data."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles import ch05_metrics as oracle

samples = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 4)), min_size=2, max_size=20)
twenty_five = settings(max_examples=25, deadline=None)


def parts(drawn):
    """(labels, probabilities in eighths, weights in halves)."""
    labels, eighths, halves = zip(*drawn, strict=True)
    return np.array(labels), np.array(eighths, np.float32) / 8, np.array(halves, np.float32) / 2


@given(drawn=samples)
@twenty_five
def test_counts_and_shares_agree_with_scikit_learn(drawn):
    """The four counts as its confusion matrix, and accuracy, precision, recall, F1 with zero_division=0."""
    labels, probabilities, _ = parts(drawn)
    called = probabilities >= 0.5
    counts = oracle.confusion_counts(labels, probabilities, 0.5)
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel()
    assert counts == (tp, fp, fn, tn)
    assert oracle.accuracy(counts) == pytest.approx(sklearn.metrics.accuracy_score(labels, called))
    for ours, theirs in (
        (oracle.precision, sklearn.metrics.precision_score),
        (oracle.recall, sklearn.metrics.recall_score),
        (oracle.f1, sklearn.metrics.f1_score),
    ):
        assert ours(counts) == pytest.approx(theirs(labels, called, zero_division=0))


@given(drawn=samples)
@twenty_five
def test_weighted_f1_agrees_with_scikit_learn(drawn):
    """Dice's coefficient with weights is scikit-learn's F1 with `sample_weight`."""
    labels, probabilities, weights = parts(drawn)
    assume(weights.any())
    theirs = sklearn.metrics.f1_score(labels, probabilities >= 0.25, sample_weight=weights, zero_division=0)
    assert oracle.f1_score(labels, probabilities, 0.25, weights) == pytest.approx(theirs)


@given(drawn=samples)
@twenty_five
def test_area_agrees_with_scikit_learn(drawn):
    """The rank sum, ties included, is scikit-learn's area under the curve."""
    labels, probabilities, _ = parts(drawn)
    assume(0 < labels.sum() < labels.size)
    theirs = sklearn.metrics.roc_auc_score(labels, probabilities)
    assert oracle.roc_auc(labels, probabilities) == pytest.approx(theirs)


@given(drawn=samples)
@settings(max_examples=10, deadline=None)
def test_counts_and_f1_agree_with_keras(drawn):
    """Keras' metrics, weights included. Its thresholds are exclusive (>), so that no probability lies at one here."""
    labels, probabilities, weights = parts(drawn)
    shifted = probabilities + np.float32(1 / 16)
    counts = oracle.confusion_counts(labels, shifted, 0.5)
    metrics = tf.keras.metrics
    for metric, ours in (
        (metrics.BinaryAccuracy(), oracle.accuracy(counts)),
        (metrics.Precision(), oracle.precision(counts)),
        (metrics.Recall(), oracle.recall(counts)),
        (metrics.FalsePositives(), counts[1]),
        (metrics.TrueNegatives(), counts[3]),
    ):
        metric.update_state(labels, shifted)
        assert float(metric.result()) == pytest.approx(ours, abs=1e-6)
    keras = metrics.F1Score(threshold=0.5)
    keras.update_state(labels[:, None].astype(np.float32), shifted[:, None], sample_weight=weights)
    assert float(keras.result()[0]) == pytest.approx(oracle.f1_score(labels, shifted, 0.5, weights), abs=1e-5)
