"""Laws of chapter 5: counts, what is made of them, the area under the ROC curve, and state over batches."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    Record,
    Tensor,
    assert_close,
    assert_equal,
    assert_number,
    assert_tensor,
    assert_value_error,
    chapter,
    examples,
    expect,
    probes,
    read,
    tensor,
)
from tests import strategies
from tests.oracles import ch05_metrics as oracle

metrics = chapter("ch05_metrics")
common = probes("common")
here = probes("ch05_metrics")

FIELDS = ("tp", "fp", "fn", "tn")
LABEL_TYPES = (np.int64, np.int32, np.uint8, np.bool_, np.float32, np.float64)

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 1])
PROBABILITIES = np.array([0.9, 0.6, 0.4, 0.5, 0.3, 0.2, 0.7, 0.5], np.float32)
"""The lesson's eight samples: tp 3, fp 2, fn 1, tn 2; positives 0.9, 0.6, 0.4, 0.5, negatives 0.5, 0.3, 0.2, 0.7."""

SHARE_ULPS = 8
"""Roundings allowed in a share, at magnitude 1: three divisions and a few sums; an epsilon of 1e-7 shows in float64."""

TINY = 2.0**-40
"""A weight so small that an epsilon of 1e-7 beside it shows."""


# Inputs


def handed_over(array, kind):
    """The array as it is, as a tensor, as a list or as a tuple."""
    if kind == "tensor":
        return tensor(array)
    if kind == "array":
        return array
    return array.tolist() if kind == "list" else tuple(array.tolist())


kinds = st.sampled_from(["array", "tensor", "list", "tuple"])


def crowd(dtype, *, size=1200, positive=0.5):
    """(labels, scores in 64ths), more than a byte counts, with more pairs than float16 does."""
    generator = np.random.default_rng(size)
    labels = (generator.random(size) < positive).astype(np.uint8)
    return labels, (generator.integers(0, 65, size) / 64).astype(dtype)


@st.composite
def decided(draw):
    """(labels, probabilities or scores, threshold); some of them lie at the threshold or are its neighbours."""
    dtype = draw(st.sampled_from(strategies.FLOATS))
    is_score = draw(st.booleans())
    low, high = (-8, 8) if is_score else (0, 1)
    usual = [0, 1, -2.5, 0.0, 3] if is_score else [0.5, 0.1, 0.7, 0.9]
    threshold = draw(st.sampled_from(usual) | strategies.floats(0.05, 0.95))
    at = dtype(threshold)
    near = [at, at - dtype(0.25), at + dtype(0.25)]
    if threshold:  # the neighbours of 0 are subnormal
        near += [np.nextafter(at, dtype(-np.inf)), np.nextafter(at, dtype(np.inf))]
    width = min(at.itemsize * 8, 32)
    value = st.sampled_from(near) | st.floats(low, high, width=width, allow_subnormal=False)
    samples = draw(st.lists(st.tuples(st.integers(0, 1), value), min_size=1, max_size=9))
    labels, probabilities = zip(*samples, strict=True)
    return np.array(labels, draw(st.sampled_from(LABEL_TYPES))), np.array(probabilities, dtype), threshold


def numbers(counts, dtype, *, as_tensors=True):
    """The four counts as rank-0 tensors or as NumPy numbers of `dtype`."""
    return tuple(tensor(count, dtype) if as_tensors else np.dtype(dtype).type(count) for count in counts)


@st.composite
def whole_counts(draw):
    """Four counts, Python ints or of an integer dtype; 0 is frequent."""
    dtype = draw(st.sampled_from([None, None, np.int32, np.int64, np.uint8]))
    most = 255 if dtype is np.uint8 else 10**6
    count = st.just(0) | st.integers(0, 9) | st.integers(0, most)
    counts = draw(st.tuples(count, count, count, count))
    return counts if dtype is None else numbers(counts, dtype, as_tensors=draw(st.booleans()))


@st.composite
def floating_counts(draw):
    """Four counts that their dtype holds exactly, with their sum: whole, or fractions that may all be tiny."""
    dtype = draw(st.sampled_from([np.float64, np.float16, np.float32, None]))
    most, halvings = (400, [0, 3, 6]) if dtype is np.float16 else (10**6, [0, 3, 20, 60])
    count = st.just(0) | st.integers(0, 9) | st.integers(0, most)
    unit = 0.5 ** draw(st.sampled_from(halvings))
    counts = tuple(part * unit for part in draw(st.tuples(count, count, count, count)))
    return counts if dtype is None else numbers(counts, dtype, as_tensors=draw(st.booleans()))


@st.composite
def ranked(draw, *, ties=True):
    """(labels of both classes, scores), the scores with or without ties."""
    dtype = draw(st.sampled_from(strategies.FLOATS))
    labels = draw(st.lists(st.integers(0, 1), min_size=2, max_size=9).filter(lambda drawn: len(set(drawn)) == 2))
    steps = st.integers(-3, 3) if ties else st.integers(-400, 400)
    scores = draw(st.lists(steps, min_size=len(labels), max_size=len(labels), unique=not ties))
    return np.array(labels, draw(st.sampled_from(LABEL_TYPES))), np.array(scores, dtype) / dtype(4)


@st.composite
def streams(draw, *, weighted=False):
    """Batches of (labels, predictions) or (labels, predictions, weights), flat; and a threshold, often met exactly."""
    low, thresholds = draw(st.sampled_from([(0, [0.5, 0.25, 0.1, 0.7]), (-4, [0, -0.25, 0.1])]))
    threshold = draw(st.sampled_from(thresholds))
    label_type, dtype = draw(st.sampled_from(LABEL_TYPES)), draw(st.sampled_from(strategies.FLOATS))
    weight_type, unit = draw(st.sampled_from([(np.float32, 0.1), (np.int64, 1), (np.float64, 0.1), (np.float32, TINY)]))
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    batches = []
    for size in sizes:
        labels, eighths, steps = (
            draw(st.lists(st.integers(least, most), min_size=size, max_size=size))
            for least, most in ((0, 1), (low, low + 8), (0, 6))
        )
        predictions = np.array(eighths, dtype) / dtype(8)
        predictions[np.array(eighths) == low + 1] = threshold  # in its dtype: a float16 0.1 is below 0.1
        batch = np.array(labels, label_type), predictions
        batches.append((*batch, (np.array(steps) * unit).astype(weight_type)) if weighted else batch)
    return batches, threshold


def whole(batches):
    """The batches in one."""
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def as_lists_hold_them(batches, kind):
    """The batches with float32 predictions where they are handed over as lists: Python floats become float32."""
    if kind not in ("list", "tuple"):
        return batches
    return [(labels, predictions.astype(np.float32), *weights) for labels, predictions, *weights in batches]


def columns(arrays, which):
    """The flat arrays, those chosen as columns (n, 1)."""
    return tuple(array[:, None] if column else array for array, column in zip(arrays, which, strict=True))


# Judgements


def assert_counts(actual, expected, dtype):
    """`actual` is a ConfusionCounts of rank-0 tensors of `dtype` with exactly these values."""
    expect(
        isinstance(actual, Record) and actual.fields == FIELDS,
        "A ConfusionCounts(tp, fp, fn, tn) must come back.",
        yours=actual,
    )
    for count in actual:
        assert_tensor(count, shape=(), dtype=dtype)
    counted = [float(count) for count in actual]
    expect(counted == list(expected), "The counts (tp, fp, fn, tn) are wrong.", yours=counted, expected=list(expected))


def assert_share(kata, of, counts, *, in_graph=False):
    """`kata` of `counts` is what the oracle says, in the counts' dtype, or float32 for whole and Python's numbers."""
    given = (here.of_counts, kata, metrics.ConfusionCounts, *counts)
    result = common.in_graph(*given) if in_graph else given[0](*given[1:])
    dtype = np.asarray(counts[0]).dtype if isinstance(counts[0], Tensor | np.generic) else np.dtype(np.float32)
    dtype = dtype if dtype.kind == "f" else np.float32
    assert_close(result, of([float(count) for count in counts]), dtype=dtype, scale=1.0, ulps=SHARE_ULPS)


def assert_f1(result, expected, dtype=np.float32):
    """`result` is a rank-0 tensor of `dtype` with this share."""
    assert_close(result, expected, dtype=dtype, scale=1.0, ulps=SHARE_ULPS)


def fed(metric, batches):
    """The metric's result after all `batches`."""
    for batch in batches:
        metric.update_state(*batch)
    return metric.result()


@pytest.mark.kata("confusion_counts")
class TestConfusionCounts:
    def test_worked_example(self):
        """The lesson's eight samples: 0.9, 0.6 and a 0.5 hit; 0.7 and a 0.5 are false alarms; 0.4 is missed."""
        assert_counts(metrics.confusion_counts(LABELS, PROBABILITIES), (3, 2, 1, 2), np.float32)

    @given(case=decided())
    @example(case=(np.array([1, 0]), np.array([0.5, 0.5], np.float32), 0.5))
    @example(case=(np.array([1, 0]), np.array([0.7, 0.7], np.float32), 0.7))
    @example(case=(np.array([1, 1]), np.array([0.7, np.nextafter(0.7, 0)]), 0.7))
    @example(case=(np.array([1, 0, 1]), np.array([0.0, 0.0, -0.25], np.float32), 0))
    @example(case=(np.array([1, 1, 0]), np.array([3e9, 2e9, -3e9], np.float32), 2.5e9))
    @example(case=(np.array([1, 0]), np.array([2e-38, 1.9e-38], np.float32), 2e-38))
    @example(case=(*crowd(np.float16), 0.5))
    def test_positive_means_at_least_the_threshold(self, case):
        """d = 1 where p ≥ threshold, compared in p's dtype; every sample is counted once, in p's dtype."""
        labels, probabilities, threshold = case
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        counts = metrics.confusion_counts(labels, probabilities, threshold=threshold)
        assert_counts(counts, expected, probabilities.dtype)

    @given(case=decided(), which=st.sampled_from([(False, True), (True, False), (True, True)]), kind=kinds)
    @example(
        case=(np.array([1, 0, 1]), np.array([0.75, 0.25, 0.75], np.float32), 0.5), which=(False, True), kind="array"
    )
    def test_flat_and_column_shapes_may_meet(self, case, which, kind):
        """Labels (n,) and probabilities (n, 1), or the other way round: sample i meets sample i, and no other."""
        labels, probabilities, threshold = case
        if kind in ("list", "tuple"):  # Python floats become float32
            probabilities = probabilities.astype(np.float32)
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        given = [handed_over(array, kind) for array in columns((labels, probabilities), which)]
        assert_counts(metrics.confusion_counts(*given, threshold=threshold), expected, probabilities.dtype)

    @examples(3)
    @given(case=decided(), which=st.tuples(st.booleans(), st.booleans()))
    def test_same_inside_tf_function(self, case, which):
        """Traced with symbolic tensors, it gives the same counts."""
        labels, probabilities, threshold = case
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        given = columns((labels, probabilities), which)
        counts = common.in_graph(metrics.confusion_counts, *given, threshold=threshold)
        assert_counts(counts, expected, probabilities.dtype)


@pytest.mark.kata("accuracy")
class TestAccuracy:
    def test_worked_example(self):
        """tp 3, fp 2, fn 1, tn 2: (3 + 2) / 8; whole numbers give float32."""
        assert_share(metrics.accuracy, lambda _: (3 + 2) / 8, (3, 2, 1, 2))

    @given(counts=whole_counts())
    @example(counts=(0, 0, 0, 0))
    @example(counts=numbers((0, 0, 0, 0), np.int32))
    @example(counts=(0, 0, 0, 5))
    @example(counts=numbers((200, 0, 100, 100), np.uint8))
    def test_counts_both_kinds_of_right_decisions(self, counts):
        """(tp + tn) / (tp + fp + fn + tn), 0 where there is nothing; float32 for whole numbers."""
        assert_share(metrics.accuracy, oracle.accuracy, counts)

    @given(counts=floating_counts())
    @example(counts=numbers((1, 0, 0, 0), np.float64))
    @example(counts=numbers((0, 0, 0, 0), np.float16))
    @example(counts=numbers((2**-60, 2**-60, 0, 0), np.float32))
    def test_keeps_the_dtype(self, counts):
        """In the dtype of the counts and as exact as it, without an epsilon, also for fractions far below 1."""
        assert_share(metrics.accuracy, oracle.accuracy, counts)

    @examples(1)
    @given(counts=st.tuples(*[st.integers(0, 9)] * 4))
    @example(counts=(0, 0, 0, 0))
    def test_same_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share(metrics.accuracy, oracle.accuracy, numbers(counts, np.float32), in_graph=True)


@pytest.mark.kata("precision")
class TestPrecision:
    def test_worked_example(self):
        """tp 3, fp 2, fn 1, tn 2: 3 / (3 + 2); whole numbers give float32."""
        assert_share(metrics.precision, lambda _: 3 / (3 + 2), (3, 2, 1, 2))

    @given(counts=whole_counts())
    @example(counts=(0, 0, 3, 4))
    @example(counts=numbers((0, 0, 0, 0), np.int32))
    @example(counts=numbers((200, 100, 0, 0), np.uint8))
    def test_divides_by_what_was_called_positive(self, counts):
        """tp / (tp + fp), 0 where nothing was called positive; float32 for whole numbers."""
        assert_share(metrics.precision, oracle.precision, counts)

    @given(counts=floating_counts())
    @example(counts=numbers((1, 0, 0, 0), np.float64))
    @example(counts=numbers((0, 0, 1, 1), np.float16))
    @example(counts=numbers((2**-60, 2**-60, 0, 0), np.float32))
    def test_keeps_the_dtype(self, counts):
        """In the dtype of the counts and as exact as it, without an epsilon, also for fractions far below 1."""
        assert_share(metrics.precision, oracle.precision, counts)

    @examples(1)
    @given(counts=st.tuples(*[st.integers(0, 9)] * 4))
    @example(counts=(0, 0, 0, 0))
    def test_same_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share(metrics.precision, oracle.precision, numbers(counts, np.float32), in_graph=True)


@pytest.mark.kata("recall")
class TestRecall:
    def test_worked_example(self):
        """tp 3, fp 2, fn 1, tn 2: 3 / (3 + 1); whole numbers give float32."""
        assert_share(metrics.recall, lambda _: 3 / (3 + 1), (3, 2, 1, 2))

    @given(counts=whole_counts())
    @example(counts=(0, 3, 0, 4))
    @example(counts=numbers((0, 0, 0, 0), np.int32))
    @example(counts=numbers((200, 0, 100, 0), np.uint8))
    def test_divides_by_what_is_positive(self, counts):
        """tp / (tp + fn), 0 where nothing is positive; float32 for whole numbers."""
        assert_share(metrics.recall, oracle.recall, counts)

    @given(counts=floating_counts())
    @example(counts=numbers((1, 0, 0, 0), np.float64))
    @example(counts=numbers((0, 1, 0, 1), np.float16))
    @example(counts=numbers((2**-60, 0, 2**-60, 0), np.float32))
    def test_keeps_the_dtype(self, counts):
        """In the dtype of the counts and as exact as it, without an epsilon, also for fractions far below 1."""
        assert_share(metrics.recall, oracle.recall, counts)

    @examples(1)
    @given(counts=st.tuples(*[st.integers(0, 9)] * 4))
    @example(counts=(0, 0, 0, 0))
    def test_same_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share(metrics.recall, oracle.recall, numbers(counts, np.float32), in_graph=True)


@pytest.mark.kata("f1")
class TestF1:
    def test_worked_example(self):
        """tp 3, fp 2, fn 1, tn 2: P = 3/5, R = 3/4, and 2·P·R / (P + R) = 6 / (6 + 2 + 1)."""
        assert_share(metrics.f1, lambda _: 6 / (6 + 2 + 1), (3, 2, 1, 2))

    @given(counts=whole_counts())
    @example(counts=(0, 3, 2, 4))
    @example(counts=(0, 0, 0, 4))
    @example(counts=numbers((0, 0, 0, 0), np.int32))
    @example(counts=numbers((200, 100, 0, 0), np.uint8))
    def test_is_low_when_either_part_is(self, counts):
        """2·tp / (2·tp + fp + fn), 0 for 0 / 0; true negatives play no part; float32 for whole numbers."""
        assert_share(metrics.f1, oracle.f1, counts)

    @given(counts=floating_counts())
    @example(counts=numbers((1, 0, 0, 0), np.float64))
    @example(counts=numbers((0, 1, 1, 1), np.float16))
    @example(counts=numbers((2**-20, 2**-20, 2**-20, 0), np.float32))
    def test_keeps_the_dtype(self, counts):
        """In the dtype of the counts and as exact as it, without an epsilon, also for fractions far below 1."""
        assert_share(metrics.f1, oracle.f1, counts)

    @examples(1)
    @given(counts=st.tuples(*[st.integers(0, 9)] * 4))
    @example(counts=(0, 0, 0, 0))
    def test_same_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share(metrics.f1, oracle.f1, numbers(counts, np.float32), in_graph=True)


@pytest.mark.kata("roc_auc")
class TestRocAuc:
    def test_worked_example(self):
        """The lesson's eight samples: 0.9 beats 4 negatives, 0.6 3, 0.4 2, and 0.5 2 with one tie: 11.5 / 16."""
        result = metrics.roc_auc(LABELS, PROBABILITIES)
        assert_close(result, (4 + 3 + 2 + 2.5) / 16, dtype=np.float32, ulps=SHARE_ULPS)

    @examples(50)
    @given(case=ranked(ties=False), kind=kinds)
    @example(case=(np.array([0, 1]), np.array([30, 40], np.float32)), kind="array")
    @example(case=(np.array([1, 0]), np.array([0.501, 0.502], np.float64)), kind="array")
    @example(case=(np.array([0, 1]), np.float32(2.0**-125) * np.array([1, 1.0001], np.float32)), kind="array")
    def test_counts_the_pairs_in_order(self, case, kind):
        """The share of pairs in which the positive scores higher, in the scores' dtype, whatever the labels' type."""
        labels, scores = case
        dtype = np.float32 if kind in ("list", "tuple") else scores.dtype  # Python floats become float32
        result = metrics.roc_auc(handed_over(labels, kind), handed_over(scores, kind))
        assert_close(result, oracle.roc_auc(labels, scores), dtype=dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(50)
    @given(case=ranked())
    @example(case=(np.array([0, 1]), np.zeros(2, np.float32)))
    @example(case=(np.array([1, 0]), np.zeros(2, np.float32)))
    @example(case=crowd(np.float32, size=300, positive=0.25))
    @example(case=crowd(np.float16, size=600))
    def test_a_tie_is_worth_one_half(self, case):
        """A positive and a negative with equal scores count ½, wherever they stand in the input, however many."""
        labels, scores = case
        expected = oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, scores), expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(50)
    @given(
        case=ranked(),
        low=strategies.floats(-1e3, 1e3),
        power=st.sampled_from([0, 10, 60, 100]),
        dtype=st.sampled_from([np.float32, np.float64]),
    )
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=0.5, power=0, dtype=np.float32)
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=50.0, power=0, dtype=np.float32)
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=50.0, power=100, dtype=np.float32)
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=0.5, power=0, dtype=np.float64)
    def test_only_the_order_matters(self, case, low, power, dtype):
        """A strictly increasing change of the scores changes nothing: neighbouring floats, or ±2¹⁰⁰ and more."""
        labels, scores = case
        values = np.unique(scores)
        start = dtype(low) if abs(low) > 1e-3 else dtype(1.0)
        if power > 10:
            start -= dtype(2) ** (power + 1)
        changed = [start]
        for _ in values[1:]:
            last = changed[-1]
            changed.append(last + dtype(2) ** power if power else np.nextafter(last, dtype(np.inf)))
        moved = np.array(changed, dtype)[np.searchsorted(values, scores)]
        expected = oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, moved), expected, dtype=dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(20)
    @given(case=ranked())
    def test_upside_down_is_the_complement(self, case):
        """With all scores negated, every pair won is lost: 1 − AUC, also below ½."""
        labels, scores = case
        expected = 1 - oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, -scores), expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(20)
    @given(case=ranked(), positive=st.booleans(), kind=kinds)
    def test_refuses_a_single_class(self, case, positive, kind):
        """With no positive or no negative there is no pair: a ValueError that names y_true."""
        labels, scores = case
        assert_value_error(
            "y_true", metrics.roc_auc, handed_over(np.full_like(labels, positive), kind), handed_over(scores, kind)
        )

    @examples(2)
    @given(case=ranked())
    def test_same_inside_tf_function(self, case):
        """Traced with labels that are known only while running, it gives the same."""
        labels, scores = case
        expected = oracle.roc_auc(labels, scores)
        result = common.in_graph(metrics.roc_auc, labels, scores)
        assert_close(result, expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)


@pytest.mark.kata("F1Score")
class TestF1Score:
    def test_worked_example(self):
        """A batch with one hit (F1 1) and one with one miss (F1 0) make 2·1 / (2·1 + 0 + 1), not ½."""
        batches = [(np.array([1, 0]), np.array([0.9, 0.2], np.float32)), (np.array([1]), np.array([0.1], np.float32))]
        assert_f1(fed(metrics.F1Score(), batches), 2 / 3)

    @examples(25)
    @given(stream=streams())
    @example(stream=([(np.array([1]), np.array([0.5], np.float32))], 0.5))
    @example(stream=([(np.array([0]), np.array([0.25], np.float32))], 0.5))
    @example(stream=([(np.array([1, 0, 1]), np.array([0.7, 0.5, 0.75], np.float32))], 0.7))
    @example(stream=([(np.array([1, 1]), np.array([0.1, 0.5], np.float16))], 0.1))
    @example(stream=([(np.array([1, 1, 0]), np.array([0.0, -0.25, -2], np.float32))], 0))
    @example(stream=([(np.array([1, 1, 0]), np.array([3e9, 2e9, -3e9], np.float32))], 2.5e9))
    @example(stream=([crowd(np.float16), crowd(np.float16, size=700)], 0.75))
    def test_any_split_gives_the_f1_of_the_whole(self, stream):
        """After every batch the result is 2·tp / (2·tp + fp + fn) of all the data so far, 0 for 0 / 0."""
        batches, threshold = stream
        metric = metrics.F1Score(threshold)
        for seen in range(1, len(batches) + 1):
            expected = oracle.f1_score(*whole(batches[:seen]), threshold)
            assert_f1(fed(metric, batches[seen - 1 : seen]), expected)

    @examples(15)
    @given(
        stream=streams(),
        which=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=4),
        kind=kinds,
    )
    @example(
        stream=([(np.arange(6) % 2, (np.arange(6) % 2).astype(np.float32))], 0.5),
        which=[(False, True)] * 4,
        kind="array",
    )
    def test_flat_and_column_shapes_may_meet(self, stream, which, kind):
        """Labels (n,) and predictions (n, 1) in any mix, batch by batch: a perfect model has F1 1."""
        batches, threshold = as_lists_hold_them(stream[0], kind), stream[1]
        mixed = [
            [handed_over(array, kind) for array in columns(batch, sides)]
            for batch, sides in zip(batches, which, strict=False)
        ]
        assert_f1(fed(metrics.F1Score(threshold=threshold), mixed), oracle.f1_score(*whole(batches), threshold))

    @examples(20)
    @given(stream=streams(weighted=True), which=st.tuples(st.booleans(), st.booleans(), st.booleans()), kind=kinds)
    @example(
        stream=(
            [
                (np.array([1, 0, 1]), np.array([1, 1, 0], np.float32), np.array([1, 3, 2], np.float32)),
                (np.array([1, 1]), np.array([0, 1], np.float32), np.zeros(2, np.float32)),
            ],
            0.5,
        ),
        which=(False, False, True),
        kind="array",
    )
    @example(
        stream=([(np.array([1, 0, 1]), np.array([1, 1, 0], np.float32), np.array([1, 300, 2]))], 0.5),
        which=(True, True, False),
        kind="list",
    )
    @example(
        stream=([(np.array([1, 0]), np.array([1, 1], np.float32), np.full(2, TINY, np.float32))], 0.5),
        which=(False, False, False),
        kind="array",
    )
    def test_weights_count_in_every_sum(self, stream, which, kind):
        """A sample of weight w adds w to its count: a weight of 2 is a repetition, a weight of 0 leaves it out."""
        batches, threshold = as_lists_hold_them(stream[0], kind), stream[1]
        expected = oracle.f1_score(*whole(batches)[:2], threshold, whole(batches)[2])
        shaped = [[handed_over(array, kind) for array in columns(batch, which)] for batch in batches]
        assert_f1(fed(metrics.F1Score(threshold=threshold), shaped), expected)

    @examples(8)
    @given(first=streams(), second=streams())
    @example(
        first=([(np.array([1, 0]), np.array([0, 1], np.float32))], 0.5),
        second=([(np.array([1]), np.array([1], np.float32))], 0.5),
    )
    def test_reset_forgets_everything(self, first, second):
        """After reset_state() the result is 0, and what comes then counts alone."""
        metric = metrics.F1Score(threshold=second[1])
        fed(metric, first[0])
        metric.reset_state()
        assert_f1(metric.result(), 0.0)
        assert_f1(fed(metric, second[0]), oracle.f1_score(*whole(second[0]), second[1]))

    @examples(10)
    @given(
        stream=streams(weighted=True),
        name=st.sampled_from(["f1_score", "spam_f1"]),
        dtype=st.sampled_from(["float32", "float64"]),
    )
    @example(
        stream=([(np.array([1]), np.array([0.25], np.float32), np.array([1], np.float32))], 0.25),
        name="mine",
        dtype="float64",
    )
    @example(
        stream=([(np.array([1, 1]), np.array([1 / 3, 0.33333], np.float32), np.array([1, 1], np.float32))], 1 / 3),
        name="mine",
        dtype="float32",
    )
    def test_config_gives_back_an_equal_one(self, stream, name, dtype):
        """from_config(get_config()) gives a metric of the same name, threshold and dtype that has seen nothing."""
        batches, threshold = stream
        metric = metrics.F1Score(threshold=threshold, name=name, dtype=dtype)
        expected = oracle.f1_score(*whole(batches)[:2], threshold, whole(batches)[2])
        assert_f1(fed(metric, batches), expected, np.dtype(dtype))
        config = metric.get_config()
        expect(isinstance(config, dict), "The config must be a dict.", yours=config)
        twin = metrics.F1Score.from_config(config)
        assert_equal(read(twin, "name"), name)
        assert_f1(twin.result(), 0.0, np.dtype(dtype))
        assert_f1(fed(twin, batches), expected, np.dtype(dtype))
        assert_f1(metric.result(), expected, np.dtype(dtype))

    @examples(2)
    @given(stream=streams(weighted=True), which=st.tuples(st.booleans(), st.booleans(), st.booleans()))
    def test_same_inside_tf_function(self, stream, which):
        """update_state, traced once and run for every batch, adds every batch."""
        batches, threshold = stream
        metric = metrics.F1Score(threshold=threshold)
        expected = oracle.f1_score(*whole(batches)[:2], threshold, whole(batches)[2])
        shaped = [columns(batch, which) for batch in batches]
        assert_f1(here.result_after_graph_updates(metric, shaped), expected)

    @examples(1)
    @given(stream=streams(weighted=True), run_eagerly=st.just(True), column=st.booleans(), weighted=st.booleans())
    @example(
        stream=([(np.array([1, 0, 0]), np.array([1, 0.5, 0], np.float32), np.array([1, 2, 2], np.float32))], 0.5),
        run_eagerly=False,
        column=False,
        weighted=True,
    )
    def test_reports_in_a_compiled_model(self, stream, run_eagerly, column, weighted):
        """In compile() fit and evaluate report it under its name, for labels (n,) or (n, 1), anew every time."""
        batches, threshold = stream
        labels, predictions, weights = whole(batches)
        labels, predictions = labels.astype(np.float32), predictions.astype(np.float32)
        metric = metrics.F1Score(threshold=threshold)
        shaped = columns((labels, predictions), (column, False))
        weights = weights.astype(np.float32) if weighted else None
        reports = here.compiled_reports(metric, *shaped, weights, batch_size=2, run_eagerly=run_eagerly)
        for report in reports:
            expect("f1_score" in report, "The report must name f1_score.", yours=sorted(report))
            expected = oracle.f1_score(labels, predictions, threshold, weights)
            assert_number(report["f1_score"], expected, rel=0, abs=2e-6)  # two roundings of a float32 share, printed


@st.composite
def evaluations(draw, *, heads, least=1):
    """Inputs (n, 1) and a target of that shape for each head; n often beyond one batch of 32, and no multiple of it."""
    size = draw(st.integers(least, 40))
    generator = np.random.default_rng(draw(strategies.seeds))
    x, *ys = generator.integers(-8, 9, (heads + 1, size, 1)).astype(np.float32) * np.float32(0.3)  # no half precision
    return x, ys


def expected_report(heads, metric_name, x, ys):
    """The mean squared and absolute errors by name, as `evaluate` names them; each head has a penalty of ¼."""
    errors = [x.astype(np.float64) - y for y in ys]
    losses = [float(np.mean(error**2)) for error in errors]
    report = {"loss": sum(losses) + 0.25 * len(heads)}
    for head, error, loss in zip(heads, errors, losses, strict=True):
        prefix = f"{head}_" if len(heads) > 1 else ""
        if metric_name is not None:
            report[f"{prefix}{metric_name}"] = float(np.mean(np.abs(error)))
        if len(heads) > 1:
            report[f"{head}_loss"] = loss
    return report


def assert_report(actual, expected):
    """`actual` is a dict of Python floats with these names and values."""
    expect(isinstance(actual, dict), "A dict must come back.", yours=actual)
    names = sorted(actual)
    expect(names == sorted(expected), "Every metric goes under its own name.", yours=names, expected=sorted(expected))
    for name, value in expected.items():
        kind = type(actual[name]).__name__
        expect(type(actual[name]) is float, f"The value of {name} must be a Python float.", yours=kind)
        assert_number(actual[name], value, rel=1e-5, abs=1e-6)


@pytest.mark.kata("evaluate_by_name")
class TestEvaluateByName:
    @examples(4)
    @given(data=evaluations(heads=1), metric_name=st.sampled_from(["mean_absolute_error", "auc", "my_error", None]))
    @example(data=(np.zeros((3, 1), np.float32), [np.array([[1], [1], [4]], np.float32)]), metric_name="mae")
    @example(data=(np.zeros((2, 1), np.float32), [np.array([[1], [2]], np.float32)]), metric_name=None)
    @example(data=(np.zeros((2, 1), np.float32), [np.full((2, 1), 1 / 3, np.float32)]), metric_name="mae")
    def test_names_the_loss_and_the_metric(self, data, metric_name):
        """One output: `loss` and the metric's own name, each with its value over all samples, outside training."""
        x, ys = data
        answer = here.evaluated(metrics.evaluate_by_name, ["out"], metric_name, x, ys)
        assert_report(answer["results"][0], expected_report(["out"], metric_name, x, ys))

    @examples(3)
    @given(
        data=evaluations(heads=2),
        second=st.sampled_from(["cost", "stock", "price_low"]),
        inputs=st.sampled_from(["array", "list", "dict"]),
        targets=st.sampled_from(["dict", "list"]),
    )
    def test_puts_the_output_in_front(self, data, second, inputs, targets):
        """Two outputs with the same metric: `price_mae` and `stock_mae` beside the losses, none lost."""
        x, ys = data
        heads = ["price", second]
        answer = here.evaluated(metrics.evaluate_by_name, heads, "mae", x, ys, inputs=inputs, targets=targets)
        assert_report(answer["results"][0], expected_report(heads, "mae", x, ys))

    @examples(1)
    @given(data=evaluations(heads=1, least=33), inputs=st.sampled_from(["array", "list", "dict"]))
    @example(data=(np.zeros((33, 1), np.float32), [np.arange(33, dtype=np.float32)[:, None]]), inputs="list")
    def test_averages_over_samples(self, data, inputs):
        """Beyond one batch of 32 the last, shorter one weighs less: the mean is over samples."""
        x, ys = data
        answer = here.evaluated(metrics.evaluate_by_name, ["out"], "mae", x, ys, inputs=inputs)
        assert_report(answer["results"][0], expected_report(["out"], "mae", x, ys))

    @examples(1)
    @given(data=evaluations(heads=1), run_eagerly=st.booleans())
    @example(data=(np.zeros((2, 1), np.float32), [np.ones((2, 1), np.float32)]), run_eagerly=True)
    def test_changes_nothing(self, data, run_eagerly):
        """A second call gives the same numbers; weights, optimizer and how the model runs stay as they were."""
        x, ys = data
        answer = here.evaluated(metrics.evaluate_by_name, ["out"], "mae", x, ys, times=2, run_eagerly=run_eagerly)
        expect(not answer["changed"], "Evaluating must not change the model.", yours=answer["changed"])
        for result in answer["results"]:
            assert_report(result, expected_report(["out"], "mae", x, ys))
