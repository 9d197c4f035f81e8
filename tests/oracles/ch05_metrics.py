"""Chapter 5's reference values: plain loops and closed forms in float64, written down from their sources."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def decisions(y_prob: NDArray[np.floating], threshold: float) -> list[bool]:
    """Whether each probability reaches the threshold, both rounded to the probabilities' dtype."""
    at = y_prob.dtype.type(threshold)
    return [bool(at <= p) for p in y_prob.ravel()]


def confusion_counts(y_true: ArrayLike, y_prob: NDArray[np.floating], threshold: float) -> tuple[int, int, int, int]:
    """(tp, fp, fn, tn), sample by sample. Fawcett 2006, Fig. 1."""
    tally = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for decided, actual in zip(decisions(y_prob, threshold), np.ravel(y_true), strict=True):
        tally[decided, bool(actual)] += 1
    return tally[True, True], tally[True, False], tally[False, True], tally[False, False]


def _share(part: float, whole: float) -> float:
    return 0.0 if whole == 0 else float(part) / float(whole)


def accuracy(counts: Sequence[float]) -> float:
    """What is left of all decisions without the wrong ones, as a share; 0 of nothing. Fawcett 2006, §2."""
    total = float(sum(counts))
    return _share(total - counts[1] - counts[2], total)


def precision(counts: Sequence[float]) -> float:
    """Of what was called positive, the positives. Van Rijsbergen 1979, ch. 7."""
    tp, fp, _, _ = counts
    return _share(tp, tp + fp)


def recall(counts: Sequence[float]) -> float:
    """Of the positives, those called so. Van Rijsbergen 1979, ch. 7."""
    tp, _, fn, _ = counts
    return _share(tp, tp + fn)


def f1(counts: Sequence[float]) -> float:
    """Harmonic mean of precision and recall; 0 where either is. Van Rijsbergen 1979, ch. 7."""
    p, r = precision(counts), recall(counts)
    return 0.0 if p == 0 or r == 0 else 2.0 / (1.0 / p + 1.0 / r)


def f1_score(
    y_true: ArrayLike, y_pred: NDArray[np.floating], threshold: float, sample_weight: ArrayLike | None = None
) -> float:
    """F1 with weights as Dice's coefficient: twice the weight of what is in both sets, by the sum of the sets' weights.

    The sets are the samples called positive and the samples that are. Dice, Ecology 26, 1945.
    """
    decided, actual = np.array(decisions(y_pred, threshold)), np.ravel(y_true).astype(bool)
    weight = np.ones(decided.size) if sample_weight is None else np.ravel(np.asarray(sample_weight, np.float64))
    both = weight[decided & actual].sum()
    return _share(2.0 * both, weight[decided].sum() + weight[actual].sum())


def roc_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve from the positives' rank sum, ties given their middle rank.

    U = Σ ranks − P(P+1)/2 and AUC = U/(P·N). Hanley & McNeil 1982, Radiology 143 (Wilcoxon's statistic).
    """
    values = np.ravel(np.asarray(scores, np.float64))
    actual = np.ravel(y_true).astype(bool)
    ranks = np.array([np.sum(values < s) + (np.sum(values == s) + 1) / 2 for s in values])
    positives, negatives = int(actual.sum()), int((~actual).sum())
    u = ranks[actual].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))
