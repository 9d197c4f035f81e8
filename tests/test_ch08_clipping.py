"""Laws of gradient clipping."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kata.testing import (
    assert_close,
    assert_equal,
    assert_number,
    assert_value_error,
    chapter,
    examples,
    expect,
    probes,
    tensor,
)
from tests import strategies
from tests.oracles import ch08_clipping as oracle

clipping = chapter("ch08_clipping")
probe = probes("ch08_clipping")

DTYPES = (np.float32, np.float32, np.float64, np.float16)

CLIPPED_ULPS = 48
"""Roundings of a norm (some 30 squares are summed), a quotient and a product."""


SHAPES = ((), (1,), (3,), (2, 3), (3, 1), (2, 1, 2))


@st.composite
def one_gradient(draw, dtype=np.float32, exponents=(0,)):
    """A small tensor of any rank, its elements 0 or between 0.1375 and 11 times 10^e in size."""
    eightieths = hnp.arrays(np.int8, draw(st.sampled_from(SHAPES)), elements=st.integers(-80, 80), fill=st.nothing())
    return np.asarray(draw(eightieths) * 0.1375 * 10.0 ** draw(st.sampled_from(exponents)), dtype)


@st.composite
def gradient_lists(draw, dtypes=DTYPES, exponents=(0,), min_size=1):
    """One to three gradients of one dtype; `None` among them."""
    one = one_gradient(dtype=draw(st.sampled_from(dtypes)), exponents=exponents)
    return draw(st.lists(st.one_of(one, one, one, st.none()), min_size=min_size, max_size=3))


EXTREME = gradient_lists(dtypes=(np.float32, np.float64), exponents=(-14, -9, 0, 8, 13))

THREE_FOUR = [np.array([3.0, 4.0], np.float32)]
SPLIT = [np.array([3.0], np.float32), None, np.array([[4.0]], np.float32)]
"""3 and 4 in two tensors, and a variable without a gradient between them."""
ZEROS = [np.zeros((2, 3), np.float32), np.zeros((), np.float32)]
TINY = [np.array([[3e-15, 0.0]], np.float32), np.array(-4e-15, np.float32)]
HUGE = [np.array([3e14, -4e14], np.float32), np.array([[1e15]], np.float32)]
MATRIX = [np.array([[3.0, 0.0], [0.0, 4.0]], np.float32), np.array([0.25], np.float32)]
FORTY_ONE = [np.array([0.1, 0.3, 7.7], np.float32), np.array([1.1], np.float32)]
"""For the limit 41, of which 41 · (1/41) is not 1 in float32."""


def dtype_of(gradients):
    """The dtype of the gradients, float32 if there are none."""
    return next((g.dtype for g in gradients if g is not None), np.dtype(np.float32))


def limit_for(norm, ratio, dtype=np.float32):
    """`ratio` times the norm, as a number that every dtype holds; `ratio` itself for a norm of 0."""
    return float(np.dtype(np.float16 if dtype == np.float16 else np.float32).type(norm * ratio if norm else ratio))


ratios = st.one_of(strategies.floats(0.02, 0.95), strategies.floats(1.05, 40.0))
"""Limit over norm: clipped or not, never so near to 1 that a rounding decides."""


def close_list(yours, gradients, expected, *, exact=False):
    """A list as long as `gradients`: None where it stood, elsewhere tensors of the same dtype and the right values."""
    expect(
        isinstance(yours, list | tuple) and [g is None for g in yours] == [g is None for g in gradients],
        "There must be one entry for each gradient, None where (and only where) it stood.",
        yours=yours,
        expected=[None if g is None else np.asarray(g) for g in expected],
    )
    for mine, given_, right in zip(yours, gradients, expected):
        if given_ is not None:
            assert_close(mine, right, dtype=given_.dtype, ulps=0 if exact else CLIPPED_ULPS)


def wide(gradients):
    """The gradients in float64."""
    return [None if g is None else g.astype(np.float64) for g in gradients]


@pytest.mark.kata("global_norm")
class TestGlobalNorm:
    def test_squares_add_up_over_all_tensors(self):
        """[2, 3], no gradient, and [[6]] make √(4 + 9 + 36) = 7."""
        gradients = [np.array([2.0, 3.0], np.float32), None, np.array([[6.0]], np.float32)]
        assert_close(clipping.global_norm(gradients), 7.0, dtype=np.float32)

    @given(gradients=gradient_lists())
    @example(gradients=THREE_FOUR)
    @example(gradients=MATRIX)
    @example(gradients=[np.array([1.1, 2.3], np.float64), np.array([0.7], np.float64)])
    def test_is_the_length_of_all_elements_in_a_row(self, gradients):
        """The Euclidean length of one vector that holds every element, in the gradients' dtype."""
        assert_close(clipping.global_norm(gradients), oracle.norm(gradients), dtype=dtype_of(gradients))

    @given(gradients=EXTREME)
    @example(gradients=TINY)
    @example(gradients=HUGE)
    @example(gradients=ZEROS)
    @examples(40)
    def test_tiny_and_huge_gradients_keep_their_length(self, gradients):
        """From 1e-15 to 1e15 nothing is lost and nothing overflows; zeros have the length 0."""
        assert_close(clipping.global_norm(gradients), oracle.norm(gradients), dtype=dtype_of(gradients))

    def test_no_tensors_at_all_have_norm_zero(self):
        """An empty list, and a list of nothing but None: 0.0."""
        for gradients in ([], [None], [None, None]):
            assert_number(clipping.global_norm(gradients), 0.0, rel=0.0)

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(25)
    def test_takes_tensors_in_any_order(self, gradients):
        """Tensors do as well as arrays, and the last may be the first."""
        turned = [None if g is None else tensor(g) for g in reversed(gradients)]
        assert_close(clipping.global_norm(turned), oracle.norm(gradients), dtype=np.float32)

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(2)
    def test_is_the_same_inside_tf_function(self, gradients):
        """In a graph, shapes unknown, it gives what it gives eagerly."""
        assert_close(probe.in_graph(clipping.global_norm, gradients), oracle.norm(gradients), dtype=np.float32)


@pytest.mark.kata("clip_by_value")
class TestClipByValue:
    def test_each_element_is_limited_by_itself(self):
        """[-3, 0.25, 0.5, 8] at 0.5 becomes [-0.5, 0.25, 0.5, 0.5]; None stays."""
        gradients = [np.array([-3.0, 0.25, 0.5, 8.0], np.float32), None]
        expected = [np.array([-0.5, 0.25, 0.5, 0.5]), None]
        close_list(clipping.clip_by_value(gradients, 0.5), gradients, expected, exact=True)

    @given(gradients=gradient_lists(), limit=st.floats(0.0625, 12.0, width=16))
    @example(gradients=[np.array([[-2.0, 2.0], [0.5, -9.0]], np.float32)], limit=2.0)
    @example(gradients=[None, np.array([0.1, -0.7], np.float64)], limit=0.5)
    def test_is_the_nearest_number_in_the_interval(self, gradients, limit):
        """min(max(g, -v), v), to the bit: within the limit, and at it, nothing changes; the dtype stays."""
        expected = [None if g is None else oracle.clipped_value(g, limit) for g in gradients]
        close_list(clipping.clip_by_value(gradients, limit), gradients, expected, exact=True)

    @given(gradients=EXTREME, limit=st.sampled_from((2.0**-50, 1.0, 2.0**40)))
    @example(gradients=TINY, limit=1.0)
    @example(gradients=HUGE, limit=1.0)
    @example(gradients=ZEROS, limit=1.0)
    @examples(40)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, limit):
        """From 1e-15 to 1e15 it is the same rule."""
        expected = [None if g is None else oracle.clipped_value(g, limit) for g in gradients]
        close_list(clipping.clip_by_value(gradients, limit), gradients, expected, exact=True)

    @given(gradients=gradient_lists(dtypes=(np.float32,)), limit=st.floats(0.0625, 12.0, width=16))
    @examples(25)
    def test_takes_tensors_and_a_tensor_limit(self, gradients, limit):
        """Tensors do as well as arrays, and the limit may be a rank-0 tensor."""
        tensors = [None if g is None else tensor(g) for g in gradients]
        expected = [None if g is None else oracle.clipped_value(g, limit) for g in gradients]
        yours = clipping.clip_by_value(tensors, tensor(limit, np.float32))
        close_list(yours, gradients, expected, exact=True)

    @given(limit=st.one_of(st.just(0.0), strategies.floats(-5.0, 0.0)))
    @example(limit=0.0)
    @example(limit=-1.0)
    @examples(20)
    def test_a_limit_that_is_not_positive_is_refused(self, limit):
        """0 would stop all training, and a negative limit means nothing."""
        assert_value_error("clip_value", clipping.clip_by_value, THREE_FOUR, limit)

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(2)
    def test_is_the_same_inside_tf_function(self, gradients):
        """In a graph, shapes unknown, it gives what it gives eagerly."""
        expected = [None if g is None else oracle.clipped_value(g, 2.0) for g in gradients]
        close_list(probe.in_graph(clipping.clip_by_value, gradients, 2.0), gradients, expected, exact=True)


@pytest.mark.kata("clip_by_norm")
class TestClipByNorm:
    def test_each_tensor_is_shortened_by_itself(self):
        """At 1, [3, 4] of norm 5 becomes [0.6, 0.8]; [0.5] is short enough and stays."""
        gradients = [*THREE_FOUR, None, np.array([0.5], np.float32)]
        expected = [np.array([0.6, 0.8]), None, np.array([0.5])]
        close_list(clipping.clip_by_norm(gradients, 1.0), gradients, expected)

    @given(gradient=st.sampled_from(DTYPES).flatmap(lambda dtype: one_gradient(dtype)), ratio=ratios)
    @example(gradient=MATRIX[0], ratio=0.2)
    @example(gradient=np.array([[1.1, 2.3], [0.7, -3.1]], np.float64), ratio=0.5)
    def test_direction_stays_and_length_is_limited(self, gradient, ratio):
        """g · c / ‖g‖ when ‖g‖ > c, with the norm over all elements, whatever the shape; the dtype stays."""
        limit = limit_for(float(oracle.norm([gradient])), ratio, gradient.dtype)
        close_list(clipping.clip_by_norm([gradient], limit), [gradient], oracle.clipped_norm([gradient], limit))

    @given(gradients=gradient_lists(min_size=2), ratio=ratios)
    @example(gradients=[np.array([3.0, 4.0], np.float32), np.array([0.5], np.float32)], ratio=0.2)
    @examples(40)
    def test_tensors_do_not_influence_each_other(self, gradients, ratio):
        """Every tensor of a list is clipped as if it were alone."""
        norms = [float(oracle.norm([g])) for g in gradients if g is not None]
        limit = limit_for(max([0.0, *norms]), ratio, dtype_of(gradients))
        alone = [clipping.clip_by_norm([g], limit)[0] for g in gradients]
        expected = [None if g is None else np.asarray(g, np.float64) for g in alone]
        close_list(clipping.clip_by_norm(gradients, limit), gradients, expected)

    @given(gradients=gradient_lists(), slack=st.floats(1.0625, 30.0, width=16))
    @example(gradients=FORTY_ONE, slack=5.0)
    @examples(40)
    def test_within_the_limit_nothing_changes(self, gradients, slack):
        """No norm above the limit: every bit stays."""
        norms = [float(oracle.norm([g])) for g in gradients if g is not None]
        limit = limit_for(max([0.0, *norms]), slack, dtype_of(gradients))
        close_list(clipping.clip_by_norm(gradients, limit), gradients, wide(gradients), exact=True)

    def test_at_the_limit_nothing_changes(self):
        """[3, 4] has norm 5; at a limit of 5 it stays as it is."""
        close_list(clipping.clip_by_norm(THREE_FOUR, 5.0), THREE_FOUR, wide(THREE_FOUR), exact=True)

    @given(limit=st.floats(0.0625, 12.0, width=16))
    @examples(10)
    def test_zeros_stay_zeros(self, limit):
        """A norm of 0 is within every limit: no NaN."""
        close_list(clipping.clip_by_norm(ZEROS, limit), ZEROS, wide(ZEROS), exact=True)

    @given(gradients=EXTREME, ratio=st.floats(0.0625, 0.75, width=16))
    @example(gradients=TINY, ratio=0.5)
    @example(gradients=HUGE, ratio=0.5)
    @examples(40)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, ratio):
        """From 1e-15 to 1e15 it is the same rule."""
        limit = limit_for(max([0.0, *(float(oracle.norm([g])) for g in gradients if g is not None)]), ratio)
        close_list(clipping.clip_by_norm(gradients, limit), gradients, oracle.clipped_norm(gradients, limit))

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(25)
    def test_takes_tensors_and_a_tensor_limit(self, gradients):
        """Tensors do as well as arrays, and the limit may be a rank-0 tensor."""
        tensors = [None if g is None else tensor(g) for g in gradients]
        yours = clipping.clip_by_norm(tensors, tensor(0.5, np.float32))
        close_list(yours, gradients, oracle.clipped_norm(gradients, 0.5))

    @given(limit=st.one_of(st.just(0.0), strategies.floats(-5.0, 0.0)))
    @example(limit=0.0)
    @example(limit=-1.0)
    @examples(20)
    def test_a_limit_that_is_not_positive_is_refused(self, limit):
        """0 would stop all training, and a negative limit means nothing."""
        assert_value_error("max_norm", clipping.clip_by_norm, THREE_FOUR, limit)

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(2)
    def test_is_the_same_inside_tf_function(self, gradients):
        """In a graph, shapes unknown, it gives what it gives eagerly."""
        yours = probe.in_graph(clipping.clip_by_norm, gradients, 0.5)
        close_list(yours, gradients, oracle.clipped_norm(gradients, 0.5))


@pytest.mark.kata("clip_by_global_norm")
class TestClipByGlobalNorm:
    def test_all_tensors_share_one_factor(self):
        """[3] and [[4]] have the norm 5 together; at 1 they become [0.6] and [[0.8]], and 5 is reported."""
        clipped, norm = clipping.clip_by_global_norm(SPLIT, 1.0)
        close_list(clipped, SPLIT, [np.array([0.6]), None, np.array([[0.8]])])
        assert_close(norm, 5.0, dtype=np.float32)

    @given(gradients=gradient_lists(), ratio=ratios)
    @example(gradients=SPLIT, ratio=2.0)
    @example(gradients=MATRIX, ratio=0.5)
    @example(gradients=TINY, ratio=0.5)
    def test_direction_stays_and_length_is_limited(self, gradients, ratio):
        """Every tensor times c / ‖g‖ when ‖g‖ > c, with the norm of all of them together; dtypes stay."""
        limit = limit_for(float(oracle.norm(gradients)), ratio, dtype_of(gradients))
        clipped, _ = clipping.clip_by_global_norm(gradients, limit)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, limit))

    @given(gradients=gradient_lists(), ratio=ratios)
    @example(gradients=SPLIT, ratio=0.2)
    @example(gradients=[None], ratio=2.0)
    @examples(50)
    def test_reports_the_norm_before_clipping(self, gradients, ratio):
        """The second value is the global norm of what came in."""
        limit = limit_for(float(oracle.norm(gradients)), ratio, dtype_of(gradients))
        _, norm = clipping.clip_by_global_norm(gradients, limit)
        if any(g is not None for g in gradients):
            assert_close(norm, oracle.norm(gradients), dtype=dtype_of(gradients))
        else:
            assert_number(norm, 0.0, rel=0.0)

    @given(gradients=gradient_lists(), slack=st.floats(1.0625, 30.0, width=16))
    @example(gradients=SPLIT, slack=8.2)  # the limit is 5 · 8.2 = 41
    @example(gradients=FORTY_ONE, slack=5.0)
    @examples(40)
    def test_within_the_limit_nothing_changes(self, gradients, slack):
        """A norm that is not above the limit: every bit stays."""
        limit = limit_for(float(oracle.norm(gradients)), slack, dtype_of(gradients))
        clipped, _ = clipping.clip_by_global_norm(gradients, limit)
        close_list(clipped, gradients, wide(gradients), exact=True)

    @given(whole=st.integers(41, 97))
    @example(whole=41)
    @examples(30)
    def test_within_a_whole_limit_nothing_changes(self, whole):
        """Also for limits of which c · (1/c) is not 1, such as 41, 47, 55, 61, 82, 83, 94 and 97."""
        clipped, _ = clipping.clip_by_global_norm(FORTY_ONE, float(whole))
        close_list(clipped, FORTY_ONE, wide(FORTY_ONE), exact=True)

    def test_at_the_limit_nothing_changes(self):
        """[3] and [[4]] have the norm 5; at a limit of 5 they stay as they are."""
        clipped, _ = clipping.clip_by_global_norm(SPLIT, 5.0)
        close_list(clipped, SPLIT, wide(SPLIT), exact=True)

    @given(limit=st.floats(0.0625, 12.0, width=16))
    @examples(10)
    def test_zeros_stay_zeros(self, limit):
        """A norm of 0 is within every limit: no NaN, and 0 is reported."""
        clipped, norm = clipping.clip_by_global_norm(ZEROS, limit)
        close_list(clipped, ZEROS, wide(ZEROS), exact=True)
        assert_close(norm, 0.0, dtype=np.float32)

    @given(gradients=EXTREME, ratio=st.floats(0.0625, 0.75, width=16))
    @example(gradients=TINY, ratio=0.5)
    @example(gradients=HUGE, ratio=0.5)
    @examples(40)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, ratio):
        """From 1e-15 to 1e15 it is the same rule."""
        limit = limit_for(float(oracle.norm(gradients)), ratio)
        clipped, _ = clipping.clip_by_global_norm(gradients, limit)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, limit))

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(25)
    def test_takes_tensors_and_a_tensor_limit(self, gradients):
        """Tensors do as well as arrays, and the limit may be a rank-0 tensor."""
        tensors = [None if g is None else tensor(g) for g in gradients]
        clipped, _ = clipping.clip_by_global_norm(tensors, tensor(0.5, np.float32))
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, 0.5))

    @given(limit=st.one_of(st.just(0.0), strategies.floats(-5.0, 0.0)))
    @example(limit=0.0)
    @example(limit=-1.0)
    @examples(20)
    def test_a_limit_that_is_not_positive_is_refused(self, limit):
        """0 would stop all training, and a negative limit means nothing."""
        assert_value_error("max_norm", clipping.clip_by_global_norm, THREE_FOUR, limit)

    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    @examples(2)
    def test_is_the_same_inside_tf_function(self, gradients):
        """In a graph, shapes unknown, it gives what it gives eagerly."""
        clipped, norm = probe.in_graph(clipping.clip_by_global_norm, gradients, 0.5)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, 0.5))
        assert_number(norm, float(oracle.norm(gradients)), rel=1e-5)


METHODS = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}


@pytest.mark.kata("clipped_optimizer")
class TestClippedOptimizer:
    def test_global_norm_is_global_clipnorm(self):
        """`"global_norm"` with limit 1 is Adam(1e-3, global_clipnorm=1.0), the other two limits unset."""
        settings = probe.settings(clipping.clipped_optimizer("global_norm", 1.0))
        expect(settings["adam"], "The optimizer must be a tf.keras.optimizers.Adam.", yours=settings)
        assert_number(settings["learning_rate"], 1e-3, rel=1e-6)
        limits = {name: settings[name] for name in METHODS.values()}
        assert_equal(limits, {"clipvalue": None, "clipnorm": None, "global_clipnorm": 1.0})

    @given(
        method=st.sampled_from(sorted(METHODS)),
        limit=st.floats(0.125, 8.0, width=16),
        rate=strategies.floats(1e-4, 1.0),
    )
    @example(method="value", limit=0.5, rate=0.01)
    @example(method="norm", limit=2.0, rate=0.01)
    @example(method="global_norm", limit=3.0, rate=0.01)
    @examples(20)
    def test_sets_the_one_limit_and_the_rate(self, method, limit, rate):
        """The method's own argument holds the limit, the other two stay None, and the rate is the one asked for."""
        settings = probe.settings(clipping.clipped_optimizer(method, limit, learning_rate=rate))
        limits = {name: settings[name] for name in METHODS.values()}
        assert_equal(limits, {name: limit if name == METHODS[method] else None for name in METHODS.values()})
        assert_number(settings["learning_rate"], rate, rel=1e-6)

    @given(method=st.sampled_from(sorted(METHODS)), limit=st.floats(0.125, 8.0, width=16))
    @example(method="norm", limit=1.0)
    @example(method="global_norm", limit=1.0)
    @examples(8)
    def test_only_clipped_gradients_reach_the_update(self, method, limit):
        """Applied to gradients, it lets through what that method of clipping leaves of them."""
        gradients = [np.array([3.0, -4.0], np.float32), np.array([[0.5], [12.0]], np.float32)]
        received = probe.reaches_the_update(clipping.clipped_optimizer(method, limit), gradients)
        expected = {
            "value": lambda: [oracle.clipped_value(g, limit) for g in gradients],
            "norm": lambda: oracle.clipped_norm(gradients, limit),
            "global_norm": lambda: oracle.clipped_global_norm(gradients, limit),
        }[method]()
        for yours, right in zip(received, expected):
            good = np.allclose(yours, right, rtol=1e-5, atol=0)
            expect(good, f"{method!r} at {limit} lets the wrong gradient through.", yours=yours, expected=right)

    @given(method=st.sampled_from(("global", "clipnorm", "NORM", "", "values")))
    @examples(5)
    def test_any_other_method_is_refused(self, method):
        """A name that is none of the three is an error, not a guess."""
        assert_value_error("method", clipping.clipped_optimizer, method, 1.0)


@st.composite
def linear_problems(draw, target=2.0):
    """(kernel, bias, x, y) of x·kernel + bias with one output, none of it zero."""
    features, samples = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(strategies.seeds))
    shapes = ((features, 1), (1,), (samples, features), (samples, 1))
    kernel, bias, x, y = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return kernel, bias, x, (y * np.float32(target)).astype(np.float32)


ONE_TO_ONE = tuple(np.array(a, np.float32) for a in ([[0.0]], [0.0], [[3.0]], [[4.0]]))
"""From w = b = 0, x = 3 towards 4: the loss is 16, the gradients −2·3·4 = −24 and −2·4 = −8."""


STEP_ULPS = 512
"""Roundings at the magnitude of the numbers that meet in a step: errors are differences of predictions up to 10, and
a gradient of length 0.1 is as exact as those."""


def moved(report, kernel, bias):
    """By how much both weights moved, as one vector of float64."""
    after = [np.asarray(w, np.float64).ravel() for w in report["weights"]]
    return np.concatenate(after) - np.concatenate([kernel.astype(np.float64).ravel(), bias.astype(np.float64)])


def weights_are(report, expected, when):
    """The weights after the step, within the roundings of float32."""
    scale = max(1.0, *(float(np.abs(w).max()) for w in expected))
    for name, yours, right in zip(("kernel", "bias"), report["weights"], expected):
        good = np.abs(yours - right).max() <= STEP_ULPS * np.finfo(np.float32).eps * scale
        expect(good, f"The {name} is wrong {when}.", yours=yours, expected=np.asarray(right))


def plain_sgd(kernel, bias, x, y, lr, max_norm):
    """Loss, norm before clipping, and weights after one step of SGD with clipped gradients."""
    gradients = oracle.linear_gradient(kernel, bias, x, y)
    clipped = oracle.clipped_global_norm(gradients, max_norm)
    weights = [w.astype(np.float64) - lr * g for w, g in zip((kernel, bias), clipped)]
    return oracle.linear_loss(kernel, bias, x, y), oracle.norm(gradients), weights


@pytest.mark.kata("clipped_train_step")
class TestClippedTrainStep:
    def test_one_step_by_hand(self):
        """Loss 4² = 16; gradients (−24, −8) of norm √(576 + 64) = 25.298; clipped to 1, times 0.5: (0.474, 0.158)."""
        report = probe.step(clipping.clipped_train_step, *ONE_TO_ONE, max_norm=1.0, lr=0.5)
        assert_number(report["loss"], 16.0, rel=1e-5)
        assert_number(report["norm"], np.sqrt(640), rel=1e-5)
        kernel, bias = np.array([[0.5 * 24]]), np.array([0.5 * 8])
        weights_are(report, [kernel / np.sqrt(640), bias / np.sqrt(640)], "after the step")

    @given(problem=linear_problems(), max_norm=strategies.floats(0.1, 3.0), lr=strategies.floats(0.01, 0.5))
    @examples(12)
    def test_moves_by_the_clipped_gradient(self, problem, max_norm, lr):
        """Plain SGD: w − η·g·c/max(‖g‖, c), with the norm over kernel and bias together."""
        kernel, bias, x, y = problem
        report = probe.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=lr)
        _, _, weights = plain_sgd(kernel, bias, x, y, lr, max_norm)
        weights_are(report, weights, "after the step")

    @given(problem=linear_problems(), max_norm=strategies.floats(0.1, 3.0))
    @examples(10)
    def test_reports_loss_and_norm_from_before(self, problem, max_norm):
        """The loss before the update and the norm before clipping, two rank-0 tensors."""
        report = probe.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=0.3)
        loss, norm, _ = plain_sgd(*problem, 0.3, max_norm)
        assert_close(report["loss"], loss, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)
        assert_close(report["norm"], norm, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)

    @given(problem=linear_problems(target=1e15), max_norm=strategies.floats(0.1, 3.0), lr=strategies.floats(0.01, 0.5))
    @examples(10)
    def test_no_target_moves_the_weights_further_than_the_limit(self, problem, max_norm, lr):
        """Targets of 1e15: the weights, taken together, still move by no more than η·c."""
        kernel, bias, _, _ = problem
        report = probe.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=lr)
        distance = float(np.linalg.norm(moved(report, kernel, bias)))
        rounding = 8 * float(np.finfo(np.float32).eps) * max(1.0, np.abs(kernel).max(), np.abs(bias).max())
        expect(distance <= lr * max_norm * (1 + 1e-5) + rounding, "The weights moved too far.",
               yours=distance, expected=lr * max_norm)  # fmt: skip
        expect(distance >= 0.99 * lr * max_norm - rounding, "Beyond the limit the step is η·c long, no shorter.",
               yours=distance, expected=lr * max_norm)  # fmt: skip

    def test_a_perfect_fit_stays_where_it_is(self):
        """A gradient of zero is no reason for NaN: nothing moves, and loss and norm are 0."""
        kernel, bias, x, y = ONE_TO_ONE
        report = probe.step(clipping.clipped_train_step, kernel, bias, x, np.zeros_like(y), max_norm=1.0, lr=0.5)
        weights_are(report, [np.zeros((1, 1)), np.zeros(1)], "after a step with a gradient of zero")
        assert_number(report["norm"], 0.0, rel=0.0)
        assert_number(report["loss"], 0.0, rel=0.0)

    @given(problem=linear_problems())
    @examples(5)
    def test_the_model_is_run_in_training(self, problem):
        """A layer that doubles its input in training (and only there) does so here."""
        kernel, bias, x, y = problem
        report = probe.step(clipping.clipped_train_step, *problem, max_norm=1.0, lr=0.1, doubled=True)
        loss, _, weights = plain_sgd(kernel, bias, 2 * x, y, 0.1, 1.0)
        assert_close(report["loss"], loss, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)
        weights_are(report, weights, "after a step in training mode")

    def test_the_update_is_the_optimizers(self):
        """Adam's first step is one rate long for every weight, and it counts as one iteration."""
        report = probe.step(clipping.clipped_train_step, *ONE_TO_ONE, max_norm=1.0, lr=0.25, rule="adam")
        weights_are(report, [np.array([[0.25]]), np.array([0.25])], "after a step of Adam")
        assert_equal(report["iterations"], 1)

    @given(problem=linear_problems())
    @examples(2)
    def test_is_the_same_inside_tf_function(self, problem):
        """In a graph it does what it does eagerly."""
        report = probe.step(clipping.clipped_train_step, *problem, max_norm=0.5, lr=0.3, graph=True)
        loss, norm, weights = plain_sgd(*problem, 0.3, 0.5)
        weights_are(report, weights, "after a step in a graph")
        assert_close(report["loss"], loss, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)
        assert_close(report["norm"], norm, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)


def sequences(seed, samples, timesteps, features):
    """Standard normal sequences."""
    return np.random.default_rng(seed).normal(size=(samples, timesteps, features)).astype(np.float32)


@pytest.mark.kata("build_sequence_classifier")
class TestBuildSequenceClassifier:
    @given(features=st.integers(1, 4), units=st.lists(st.integers(1, 5), min_size=1, max_size=3))
    @example(features=2, units=[3, 4])
    @examples(4)
    def test_lstms_of_these_sizes_are_stacked(self, features, units):
        """Each LSTM has weights (in, 4·units), (units, 4·units), (4·units,); one unit at the end."""
        model = clipping.build_sequence_classifier(5, features, units=tuple(units))
        expected = []
        for size in units:
            expected += [[features, 4 * size], [size, 4 * size], [4 * size]]
            features = size
        assert_equal(probe.describe_classifier(model)["weights"], [*expected, [features, 1], [1]])

    @given(seed=strategies.seeds, timesteps=st.integers(2, 4), features=st.integers(1, 3))
    @examples(3)
    def test_there_is_one_answer_for_each_sequence(self, seed, timesteps, features):
        """(batch, timesteps, features) in, (batch, 1) out: not an answer for every timestep."""
        model = clipping.build_sequence_classifier(timesteps, features, units=(3, 2))
        outputs = probe.answers(model, sequences(seed, 4, timesteps, features))
        assert_equal(list(outputs.shape), [4, 1])

    @given(logit=st.floats(-4.0, 4.0, width=16))
    @example(logit=2.0)
    @examples(3)
    def test_the_answer_is_a_probability(self, logit):
        """The output is sigmoid of the last layer: 1 / (1 + e^-2) = 0.8808 for a logit of 2."""
        model = clipping.build_sequence_classifier(2, 2, units=(2,))
        outputs = probe.answers(model, sequences(0, 3, 2, 2), last_bias=float(logit))
        sigmoid = 1 / (1 + np.exp(-logit))
        good = np.allclose(outputs, sigmoid, atol=1e-5)
        expect(good, f"The answers to a logit of {logit} are no sigmoid.", yours=outputs, expected=sigmoid)

    def test_gradients_are_clipped_by_their_global_norm(self):
        """It is compiled with Adam(1e-3, global_clipnorm=1.0), and no other limit."""
        settings = probe.describe_classifier(clipping.build_sequence_classifier(3, 2, units=(2, 2)))["optimizer"]
        expect(settings["adam"], "The optimizer must be a tf.keras.optimizers.Adam.", yours=settings)
        assert_number(settings["learning_rate"], 1e-3, rel=1e-6)
        limits = {name: settings[name] for name in METHODS.values()}
        assert_equal(limits, {"clipvalue": None, "clipnorm": None, "global_clipnorm": 1.0})

    @given(seed=strategies.seeds, labels=st.lists(st.integers(0, 1), min_size=5, max_size=5))
    @example(seed=0, labels=[0, 1, 1, 0, 1])
    @examples(3)
    def test_reports_crossentropy_and_accuracy(self, seed, labels):
        """`loss` is the binary cross-entropy of its answers, `accuracy` the share on the right side of ½."""
        model = clipping.build_sequence_classifier(3, 2, units=(3, 2))
        y = np.array(labels, np.float32)[:, None]
        report = probe.tested(model, sequences(seed, 5, 3, 2), y)
        expect("accuracy" in report["logs"], "There must be a metric named accuracy.", yours=sorted(report["logs"]))
        assert_number(report["logs"]["loss"], oracle.binary_crossentropy(y, report["outputs"]), rel=1e-4)
        assert_number(report["logs"]["accuracy"], oracle.binary_accuracy(y, report["outputs"]), rel=1e-4)

    def test_the_articles_sizes_are_the_default(self):
        """Without `units` there are two LSTMs, of 64 and 32 units."""
        weights = probe.describe_classifier(clipping.build_sequence_classifier(3, 2))["weights"]
        assert_equal([shape[0] for shape in weights if shape[-1] in (256, 128)], [2, 64, 256, 64, 32, 128])
