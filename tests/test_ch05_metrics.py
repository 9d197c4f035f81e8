"""Laws of chapter 5: counts, what is made of them, the area under the ROC curve, and state over batches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    Record,
    assert_close,
    assert_number,
    assert_tensor,
    assert_value_error,
    chapter,
    examples,
    expect,
    probes,
    tensor,
)
from tests import strategies
from tests.oracles import ch05_metrics as oracle

metrics = chapter("ch05_metrics")
common = probes("common")
probe = probes("ch05_metrics")

FIELDS = ("tp", "fp", "fn", "tn")
LABEL_TYPES = (np.int64, np.int32, np.bool_, np.float32)

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 1])
PROBABILITIES = np.array([0.9, 0.6, 0.4, 0.5, 0.3, 0.2, 0.7, 0.5], np.float32)
"""The lesson's eight samples: tp 3, fp 2, fn 1, tn 2; positives 0.9, 0.6, 0.4, 0.5, negatives 0.5, 0.3, 0.2, 0.7."""

SHARE_ULPS = 8
"""Roundings allowed in a share, at magnitude 1: three divisions and a few sums; an epsilon of 1e-7 shows in float64."""

F1_ATOL = 1e-5
"""For `F1Score`: in its float32 state an epsilon in the denominators cannot be told from rounding, so it is allowed."""


# Inputs


@st.composite
def decided(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """(labels, probabilities, threshold); some probabilities lie at the threshold or are its neighbours."""
    dtype = draw(st.sampled_from(strategies.FLOATS))
    threshold = draw(st.sampled_from([0.5, 0.1, 0.7, 0.9]) | strategies.floats(0.05, 0.95))
    at = dtype(threshold)
    near = [at, np.nextafter(at, dtype(0)), np.nextafter(at, dtype(1))]
    width = min(at.itemsize * 8, 32)
    value = st.sampled_from(near) | st.floats(0, 1, width=width, allow_subnormal=False)
    samples = draw(st.lists(st.tuples(st.integers(0, 1), value), min_size=1, max_size=9))
    labels, probabilities = zip(*samples, strict=True)
    return np.array(labels, draw(st.sampled_from(LABEL_TYPES))), np.array(probabilities, dtype), threshold


@st.composite
def whole_counts(draw: st.DrawFn, *, most: int = 10**6) -> tuple[int, int, int, int]:
    """Four counts; 0 is frequent."""
    count = st.just(0) | st.integers(0, 9) | st.integers(0, most)
    return draw(st.tuples(count, count, count, count))


@st.composite
def floating_counts(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], Any]:
    """Four counts that their dtype holds exactly, with their sum; and the dtype."""
    dtype = draw(st.sampled_from((np.float64, np.float16, np.float32)))
    return draw(whole_counts(most=400 if dtype is np.float16 else 10**6)), dtype


@st.composite
def ranked(draw: st.DrawFn, *, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(labels of both classes, scores), the scores with or without ties."""
    dtype = draw(st.sampled_from(strategies.FLOATS))
    labels = draw(st.lists(st.integers(0, 1), min_size=2, max_size=9).filter(lambda drawn: len(set(drawn)) == 2))
    steps = st.integers(-3, 3) if ties else st.integers(-400, 400)
    scores = draw(st.lists(steps, min_size=len(labels), max_size=len(labels), unique=not ties))
    return np.array(labels, draw(st.sampled_from(LABEL_TYPES))), np.array(scores, dtype) / dtype(4)


@st.composite
def streams(draw: st.DrawFn, *, weighted: bool = False) -> tuple[list[tuple[np.ndarray, ...]], float]:
    """Batches of (labels, predictions) or (labels, predictions, weights), flat; and a threshold, often met exactly."""
    threshold = draw(st.sampled_from([0.5, 0.25, 0.75]))
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    grid = st.integers(0, 8).map(lambda eighths: eighths / 8)
    batches = []
    for size in sizes:
        labels = np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), np.int64)
        predictions = np.array(draw(st.lists(grid, min_size=size, max_size=size)), np.float32)
        weights = np.array(draw(st.lists(st.integers(0, 6), min_size=size, max_size=size)), np.float32) / 2
        batches.append((labels, predictions, weights) if weighted else (labels, predictions))
    return batches, threshold


def whole(batches: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """The batches in one."""
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def columns(arrays: Sequence[np.ndarray], which: Sequence[bool]) -> tuple[np.ndarray, ...]:
    """The flat arrays, those chosen as columns (n, 1)."""
    return tuple(array[:, None] if column else array for array, column in zip(arrays, which, strict=True))


# Judgements


def assert_counts(actual: Any, expected: Sequence[int], dtype: Any) -> None:
    """`actual` is a ConfusionCounts of rank-0 tensors of `dtype` with exactly these values."""
    expect(
        isinstance(actual, Record) and actual.fields == FIELDS,
        "A ConfusionCounts(tp, fp, fn, tn) must come back.",
        yours=actual,
    )
    for count in actual:
        assert_tensor(count, shape=(), dtype=dtype)
    numbers = [float(count) for count in actual]
    expect(numbers == list(expected), "The counts (tp, fp, fn, tn) are wrong.", yours=numbers, expected=list(expected))


def assert_share(kata: Any, of: Callable[[Sequence[float]], float], counts: Sequence[int], dtype: Any = None) -> None:
    """`kata` of `counts` (Python ints, or tensors of `dtype`) is what the oracle says, in the right dtype."""
    given = counts if dtype is None else [tensor(count, dtype) for count in counts]
    result = probe.of_counts(kata, metrics.ConfusionCounts, *given)
    floating = dtype if dtype is not None and np.dtype(dtype).kind == "f" else np.float32
    assert_close(result, of(counts), dtype=floating, scale=1.0, ulps=SHARE_ULPS)


def assert_share_in_graph(kata: Any, of: Callable[[Sequence[float]], float], counts: Sequence[int]) -> None:
    """The same inside `tf.function`, where the counts are symbolic."""
    given = [tensor(count, np.float32) for count in counts]
    result = common.in_graph(probe.of_counts, kata, metrics.ConfusionCounts, *given)
    assert_close(result, of(counts), dtype=np.float32, scale=1.0, ulps=SHARE_ULPS)


def fed(metric: Any, batches: Sequence[tuple[Any, ...]]) -> Any:
    """The metric's result after all `batches`."""
    for batch in batches:
        metric.update_state(*batch)
    return metric.result()


@pytest.mark.kata("confusion_counts")
class TestConfusionCounts:
    def test_counts_the_four_outcomes(self):
        """The lesson's eight samples: 0.9, 0.6 and a 0.5 hit; 0.7 and a 0.5 are false alarms; 0.4 is missed."""
        assert_counts(metrics.confusion_counts(LABELS, PROBABILITIES), (3, 2, 1, 2), np.float32)

    @given(case=decided())
    @example(case=(np.array([1, 0]), np.array([0.5, 0.5], np.float32), 0.5))
    @example(case=(np.array([1, 0]), np.array([0.7, 0.7], np.float32), 0.7))
    @example(case=(np.array([1, 1]), np.array([0.7, np.nextafter(0.7, 0)]), 0.7))
    def test_positive_means_at_least_the_threshold(self, case):
        """d = 1 where p ≥ threshold, compared in p's dtype; every sample is counted once, in p's dtype."""
        labels, probabilities, threshold = case
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        counts = metrics.confusion_counts(labels, probabilities, threshold=threshold)
        assert_counts(counts, expected, probabilities.dtype)

    @given(case=decided(), which=st.sampled_from([(False, True), (True, False), (True, True)]))
    @example(case=(np.array([1, 0, 1]), np.array([0.75, 0.25, 0.75], np.float32), 0.5), which=(False, True))
    def test_flat_and_column_shapes_may_meet(self, case, which):
        """Labels (n,) and probabilities (n, 1), or the other way round: sample i meets sample i, and no other."""
        labels, probabilities, threshold = case
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        given = columns((labels, probabilities), which)
        assert_counts(metrics.confusion_counts(*given, threshold=threshold), expected, probabilities.dtype)

    @examples(3)
    @given(case=decided(), which=st.tuples(st.booleans(), st.booleans()))
    def test_works_inside_tf_function(self, case, which):
        """Traced with symbolic tensors, it gives the same counts."""
        labels, probabilities, threshold = case
        expected = oracle.confusion_counts(labels, probabilities, threshold)
        given = columns((labels, probabilities), which)
        counts = common.in_graph(metrics.confusion_counts, *given, threshold=threshold)
        assert_counts(counts, expected, probabilities.dtype)


@pytest.mark.kata("accuracy")
class TestAccuracy:
    def test_is_the_share_of_right_decisions(self):
        """tp 3, fp 2, fn 1, tn 2: (3 + 2) / 8; whole numbers give float32."""
        assert_share(metrics.accuracy, lambda _: (3 + 2) / 8, (3, 2, 1, 2))

    @given(counts=whole_counts(), dtype=st.sampled_from([None, np.int32]))
    @example(counts=(0, 0, 0, 0), dtype=None)
    @example(counts=(0, 0, 0, 0), dtype=np.int32)
    @example(counts=(0, 0, 0, 5), dtype=None)
    def test_counts_both_kinds_of_right_decisions(self, counts, dtype):
        """(tp + tn) / (tp + fp + fn + tn), 0 where there is nothing; float32 for whole numbers."""
        assert_share(metrics.accuracy, oracle.accuracy, counts, dtype)

    @given(case=floating_counts())
    @example(case=((1, 0, 0, 0), np.float64))
    @example(case=((0, 0, 0, 0), np.float16))
    def test_keeps_the_counts_dtype(self, case):
        """In the dtype of the counts and as exact as it, without an epsilon."""
        counts, dtype = case
        assert_share(metrics.accuracy, oracle.accuracy, counts, dtype)

    @examples(1)
    @given(counts=whole_counts())
    @example(counts=(0, 0, 0, 0))
    def test_works_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share_in_graph(metrics.accuracy, oracle.accuracy, counts)


@pytest.mark.kata("precision")
class TestPrecision:
    def test_is_the_share_of_hits_among_the_called(self):
        """tp 3, fp 2, fn 1, tn 2: 3 / (3 + 2); whole numbers give float32."""
        assert_share(metrics.precision, lambda _: 3 / (3 + 2), (3, 2, 1, 2))

    @given(counts=whole_counts(), dtype=st.sampled_from([None, np.int32]))
    @example(counts=(0, 0, 3, 4), dtype=None)
    @example(counts=(0, 0, 0, 0), dtype=np.int32)
    def test_divides_by_what_was_called_positive(self, counts, dtype):
        """tp / (tp + fp), 0 where nothing was called positive; float32 for whole numbers."""
        assert_share(metrics.precision, oracle.precision, counts, dtype)

    @given(case=floating_counts())
    @example(case=((1, 0, 0, 0), np.float64))
    @example(case=((0, 0, 1, 1), np.float16))
    def test_keeps_the_counts_dtype(self, case):
        """In the dtype of the counts and as exact as it, without an epsilon."""
        counts, dtype = case
        assert_share(metrics.precision, oracle.precision, counts, dtype)

    @examples(1)
    @given(counts=whole_counts())
    @example(counts=(0, 0, 0, 0))
    def test_works_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share_in_graph(metrics.precision, oracle.precision, counts)


@pytest.mark.kata("recall")
class TestRecall:
    def test_is_the_share_of_positives_found(self):
        """tp 3, fp 2, fn 1, tn 2: 3 / (3 + 1); whole numbers give float32."""
        assert_share(metrics.recall, lambda _: 3 / (3 + 1), (3, 2, 1, 2))

    @given(counts=whole_counts(), dtype=st.sampled_from([None, np.int32]))
    @example(counts=(0, 3, 0, 4), dtype=None)
    @example(counts=(0, 0, 0, 0), dtype=np.int32)
    def test_divides_by_what_is_positive(self, counts, dtype):
        """tp / (tp + fn), 0 where nothing is positive; float32 for whole numbers."""
        assert_share(metrics.recall, oracle.recall, counts, dtype)

    @given(case=floating_counts())
    @example(case=((1, 0, 0, 0), np.float64))
    @example(case=((0, 1, 0, 1), np.float16))
    def test_keeps_the_counts_dtype(self, case):
        """In the dtype of the counts and as exact as it, without an epsilon."""
        counts, dtype = case
        assert_share(metrics.recall, oracle.recall, counts, dtype)

    @examples(1)
    @given(counts=whole_counts())
    @example(counts=(0, 0, 0, 0))
    def test_works_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share_in_graph(metrics.recall, oracle.recall, counts)


@pytest.mark.kata("f1")
class TestF1:
    def test_is_the_harmonic_mean(self):
        """tp 3, fp 2, fn 1, tn 2: P = 3/5, R = 3/4, and 2·P·R / (P + R) = 6 / (6 + 2 + 1)."""
        assert_share(metrics.f1, lambda _: 6 / (6 + 2 + 1), (3, 2, 1, 2))

    @given(counts=whole_counts(), dtype=st.sampled_from([None, np.int32]))
    @example(counts=(0, 3, 2, 4), dtype=None)
    @example(counts=(0, 0, 0, 4), dtype=None)
    @example(counts=(0, 0, 0, 0), dtype=np.int32)
    def test_is_low_when_either_part_is(self, counts, dtype):
        """2·tp / (2·tp + fp + fn), 0 for 0 / 0; true negatives play no part; float32 for whole numbers."""
        assert_share(metrics.f1, oracle.f1, counts, dtype)

    @given(case=floating_counts())
    @example(case=((1, 0, 0, 0), np.float64))
    @example(case=((0, 1, 1, 1), np.float16))
    def test_keeps_the_counts_dtype(self, case):
        """In the dtype of the counts and as exact as it, without an epsilon."""
        counts, dtype = case
        assert_share(metrics.f1, oracle.f1, counts, dtype)

    @examples(1)
    @given(counts=whole_counts())
    @example(counts=(0, 0, 0, 0))
    def test_works_inside_tf_function(self, counts):
        """Traced with symbolic counts, it gives the same."""
        assert_share_in_graph(metrics.f1, oracle.f1, counts)


@pytest.mark.kata("roc_auc")
class TestRocAuc:
    def test_is_the_share_of_pairs_won(self):
        """The lesson's eight samples: 0.9 beats 4 negatives, 0.6 3, 0.4 2, and 0.5 2 with one tie: 11.5 / 16."""
        result = metrics.roc_auc(LABELS, PROBABILITIES)
        assert_close(result, (4 + 3 + 2 + 2.5) / 16, dtype=np.float32, ulps=SHARE_ULPS)

    @examples(50)
    @given(case=ranked(ties=False))
    @example(case=(np.array([0, 1]), np.array([30, 40], np.float32)))
    @example(case=(np.array([1, 0]), np.array([0.501, 0.502], np.float64)))
    def test_counts_the_pairs_in_order(self, case):
        """The share of pairs in which the positive scores higher, in the scores' dtype, whatever the labels' type."""
        labels, scores = case
        expected = oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, scores), expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(50)
    @given(case=ranked())
    @example(case=(np.array([0, 1]), np.zeros(2, np.float32)))
    @example(case=(np.array([1, 0]), np.zeros(2, np.float32)))
    def test_a_tie_is_worth_one_half(self, case):
        """A positive and a negative with equal scores count ½, wherever they stand in the input."""
        labels, scores = case
        expected = oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, scores), expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(50)
    @given(case=ranked(), low=strategies.floats(-1e3, 1e3), power=st.sampled_from([0, 10, 60, 100]))
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=0.5, power=0)
    @example(case=(np.array([0, 1]), np.array([0.0, 1.0], np.float32)), low=50.0, power=0)
    def test_only_the_order_matters(self, case, low, power):
        """A strictly increasing change of the scores changes nothing: neighbouring floats, or steps of 2¹⁰⁰."""
        labels, scores = case
        values = np.unique(scores)
        start = np.float32(low) if abs(low) > 1e-3 else np.float32(1.0)
        changed = [start]
        for _ in values[1:]:
            last = changed[-1]
            changed.append(last + np.float32(2) ** power if power else np.nextafter(last, np.float32(np.inf)))
        moved = np.array(changed, np.float32)[np.searchsorted(values, scores)]
        expected = oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, moved), expected, dtype=np.float32, scale=1.0, ulps=SHARE_ULPS)

    @examples(20)
    @given(case=ranked())
    def test_upside_down_is_the_complement(self, case):
        """With all scores negated, every pair won is lost: 1 − AUC, also below ½."""
        labels, scores = case
        expected = 1 - oracle.roc_auc(labels, scores)
        assert_close(metrics.roc_auc(labels, -scores), expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)

    @examples(20)
    @given(case=ranked(), positive=st.booleans())
    def test_refuses_a_single_class(self, case, positive):
        """With no positive or no negative there is no pair: a ValueError that names y_true."""
        labels, scores = case
        assert_value_error("y_true", metrics.roc_auc, np.full_like(labels, positive), scores)

    @examples(2)
    @given(case=ranked())
    def test_works_inside_tf_function(self, case):
        """Traced with labels that are known only while running, it gives the same."""
        labels, scores = case
        expected = oracle.roc_auc(labels, scores)
        result = common.in_graph(metrics.roc_auc, labels, scores)
        assert_close(result, expected, dtype=scores.dtype, scale=1.0, ulps=SHARE_ULPS)


@pytest.mark.kata("F1Score")
class TestF1Score:
    def test_adds_counts_not_ratios(self):
        """A batch with one hit (F1 1) and one with one miss (F1 0) make 2·1 / (2·1 + 0 + 1), not ½."""
        batches = [(np.array([1, 0]), np.array([0.9, 0.2], np.float32)), (np.array([1]), np.array([0.1], np.float32))]
        assert_number(fed(metrics.F1Score(), batches), 2 / 3, rel=0, abs=F1_ATOL)

    @examples(25)
    @given(stream=streams())
    @example(stream=([(np.array([1]), np.array([0.5], np.float32))], 0.5))
    @example(stream=([(np.array([0]), np.array([0.25], np.float32))], 0.5))
    def test_any_split_gives_the_f1_of_the_whole(self, stream):
        """However the data are cut into batches, the result is 2·tp / (2·tp + fp + fn) of all of them, 0 for 0 / 0."""
        batches, threshold = stream
        expected = oracle.f1_score(*whole(batches), threshold)
        assert_number(fed(metrics.F1Score(threshold=threshold), batches), expected, rel=0, abs=F1_ATOL)

    @examples(15)
    @given(stream=streams(), which=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=4))
    @example(stream=([(np.arange(6) % 2, (np.arange(6) % 2).astype(np.float32))], 0.5), which=[(False, True)] * 4)
    def test_flat_and_column_shapes_may_meet(self, stream, which):
        """Labels (n,) and predictions (n, 1) in any mix, batch by batch: a perfect model has F1 1."""
        batches, threshold = stream
        mixed = [columns(batch, sides) for batch, sides in zip(batches, which, strict=False)]
        expected = oracle.f1_score(*whole(batches), threshold)
        assert_number(fed(metrics.F1Score(threshold=threshold), mixed), expected, rel=0, abs=F1_ATOL)

    @examples(20)
    @given(stream=streams(weighted=True), column=st.booleans())
    @example(
        stream=([(np.array([1, 0, 1]), np.array([1, 1, 0], np.float32), np.array([1, 3, 2], np.float32))], 0.5),
        column=False,
    )
    def test_weights_count_in_every_sum(self, stream, column):
        """A sample of weight w adds w to its count: a weight of 2 is a repetition, a weight of 0 leaves it out."""
        batches, threshold = stream
        expected = oracle.f1_score(*whole(batches)[:2], threshold, whole(batches)[2])
        shaped = [columns(batch, (column, True, column)) for batch in batches]
        assert_number(fed(metrics.F1Score(threshold=threshold), shaped), expected, rel=0, abs=F1_ATOL)

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
        assert_number(metric.result(), 0.0, rel=0)
        expected = oracle.f1_score(*whole(second[0]), second[1])
        assert_number(fed(metric, second[0]), expected, rel=0, abs=F1_ATOL)

    @examples(8)
    @given(stream=streams(), name=st.sampled_from(["f1_score", "spam_f1"]))
    @example(stream=([(np.array([1]), np.array([0.25], np.float32))], 0.25), name="mine")
    def test_config_makes_an_equal_empty_metric(self, stream, name):
        """from_config(get_config()) gives a metric of the same name and threshold that has seen nothing."""
        batches, threshold = stream
        metric = metrics.F1Score(threshold=threshold, name=name)
        fed(metric, batches)
        config = metric.get_config()
        expect(isinstance(config, dict) and config.get("name") == name, "The config must hold the name.", yours=config)
        twin = metrics.F1Score.from_config(config)
        assert_number(twin.result(), 0.0, rel=0)
        assert_number(fed(twin, batches), oracle.f1_score(*whole(batches), threshold), rel=0, abs=F1_ATOL)

    @examples(2)
    @given(stream=streams(weighted=True))
    def test_keeps_its_state_inside_tf_function(self, stream):
        """update_state, traced once and run for every batch, adds every batch."""
        batches, threshold = stream
        metric = metrics.F1Score(threshold=threshold)
        expected = oracle.f1_score(*whole(batches)[:2], threshold, whole(batches)[2])
        assert_number(probe.result_after_graph_updates(metric, batches), expected, rel=0, abs=F1_ATOL)

    @examples(1)
    @given(stream=streams(), run_eagerly=st.booleans(), column=st.booleans())
    @example(stream=([(np.array([1, 0, 0]), np.array([1, 0.5, 0], np.float32))], 0.5), run_eagerly=False, column=False)
    def test_reports_in_a_compiled_model(self, stream, run_eagerly, column):
        """In compile(metrics=[…]) evaluate reports it under its name, for labels (n,) or (n, 1), anew every time."""
        batches, threshold = stream
        labels, predictions = whole(batches)
        metric = metrics.F1Score(threshold=threshold)
        shaped = columns((labels, predictions), (column, False))
        reports = probe.compiled_reports(metric, *shaped, batch_size=2, run_eagerly=run_eagerly)
        for report in reports:
            expect("f1_score" in report, "The report must name f1_score.", yours=sorted(report))
            expected = oracle.f1_score(labels, predictions, threshold)
            assert_number(report["f1_score"], expected, rel=0, abs=F1_ATOL)


@st.composite
def evaluations(draw: st.DrawFn, *, heads: int, least: int = 1) -> tuple[np.ndarray, list[np.ndarray]]:
    """Inputs (n, 1) and a target of that shape for each head; n often beyond one batch of 32, and no multiple of it."""
    size = draw(st.integers(least, 40))
    generator = np.random.default_rng(draw(strategies.seeds))
    x, *ys = generator.integers(-8, 9, (heads + 1, size, 1)).astype(np.float32) / 4
    return x, ys


def expected_report(
    heads: Sequence[str], metric_name: str, x: np.ndarray, ys: Sequence[np.ndarray]
) -> dict[str, float]:
    """The mean squared and absolute errors by name, as `evaluate` names them."""
    errors = [x.astype(np.float64) - y for y in ys]
    losses = [float(np.mean(error**2)) for error in errors]
    report = {"loss": sum(losses)}
    for head, error, loss in zip(heads, errors, losses, strict=True):
        prefix = f"{head}_" if len(heads) > 1 else ""
        report[f"{prefix}{metric_name}"] = float(np.mean(np.abs(error)))
        if len(heads) > 1:
            report[f"{head}_loss"] = loss
    return report


def assert_report(actual: Any, expected: dict[str, float]) -> None:
    """`actual` is a dict of Python floats with these names and values."""
    expect(isinstance(actual, dict), "A dict must come back.", yours=actual)
    names = sorted(actual)
    expect(names == sorted(expected), "Every metric goes under its own name.", yours=names, expected=sorted(expected))
    for name, value in expected.items():
        kind = type(actual[name]).__name__
        expect(isinstance(actual[name], float), f"The value of {name} must be a Python float.", yours=kind)
        assert_number(actual[name], value, rel=1e-5, abs=1e-6)


@pytest.mark.kata("evaluate_by_name")
class TestEvaluateByName:
    @examples(4)
    @given(data=evaluations(heads=1), metric_name=st.sampled_from(["mae", "auc", "my_error"]))
    @example(data=(np.zeros((3, 1), np.float32), [np.array([[1], [1], [4]], np.float32)]), metric_name="mae")
    def test_names_the_loss_and_the_metric(self, data, metric_name):
        """One output: `loss` and the metric's own name, each with its value over all samples."""
        x, ys = data
        answer = probe.evaluated(metrics.evaluate_by_name, ["out"], metric_name, x, ys)
        assert_report(answer["results"][0], expected_report(["out"], metric_name, x, ys))

    @examples(2)
    @given(data=evaluations(heads=2))
    def test_puts_the_output_in_front(self, data):
        """Two outputs with the same metric: `price_mae` and `stock_mae` beside the losses, none lost."""
        x, ys = data
        heads = ["price", "stock"]
        answer = probe.evaluated(metrics.evaluate_by_name, heads, "mae", x, ys)
        assert_report(answer["results"][0], expected_report(heads, "mae", x, ys))

    @examples(1)
    @given(data=evaluations(heads=1, least=33))
    @example(data=(np.zeros((33, 1), np.float32), [np.arange(33, dtype=np.float32)[:, None]]))
    def test_averages_over_samples(self, data):
        """Beyond one batch of 32 the last, shorter one weighs less: the mean is over samples."""
        x, ys = data
        answer = probe.evaluated(metrics.evaluate_by_name, ["out"], "mae", x, ys)
        assert_report(answer["results"][0], expected_report(["out"], "mae", x, ys))

    @examples(1)
    @given(data=evaluations(heads=1), run_eagerly=st.booleans())
    @example(data=(np.zeros((2, 1), np.float32), [np.ones((2, 1), np.float32)]), run_eagerly=True)
    def test_changes_nothing(self, data, run_eagerly):
        """A second call gives the same numbers, and the weights stay as they were."""
        x, ys = data
        answer = probe.evaluated(metrics.evaluate_by_name, ["out"], "mae", x, ys, times=2, run_eagerly=run_eagerly)
        expect(not answer["changed"], "Evaluating must not change the weights.")
        for result in answer["results"]:
            assert_report(result, expected_report(["out"], "mae", x, ys))
