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
here = probes("ch08_clipping")
common = probes("common")

DTYPES = (np.float32, np.float32, np.float64, np.float16)

CLIPPED_ULPS = 48
"""Roundings of a norm (some 30 squares are summed), a quotient and a product."""


SHAPES = ((), (1,), (3,), (2, 3), (3, 1), (2, 1, 2), (2, 1, 1, 3))


@st.composite
def one_gradient(draw, dtype=np.float32, exponents=(0,)):
    """A small tensor of any rank, its elements 0 or between 0.1375 and 11 times 10^e in size."""
    eightieths = hnp.arrays(np.int8, draw(st.sampled_from(SHAPES)), elements=st.integers(-80, 80), fill=st.nothing())
    return np.asarray(draw(eightieths) * 0.1375 * 10.0 ** draw(st.sampled_from(exponents)), dtype)


@st.composite
def gradient_lists(draw, dtypes=DTYPES, exponents=(0,), min_size=1, mixed=False):
    """One to three gradients, `None` among them; of one dtype unless `mixed`."""
    dtype = st.sampled_from(dtypes) if mixed else st.just(draw(st.sampled_from(dtypes)))
    one = dtype.flatmap(lambda dtype: one_gradient(dtype=dtype, exponents=exponents))
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
DOUBLE = [np.array([[1.1, 2.3], [0.7, -3.1]], np.float64), None]
"""In float64, where a limit of 0.3 that went through float32 is 0.300000012."""
MIXED = [np.array([1.5, -2.5], np.float64), np.array([[0.5]], np.float32), np.array([3.0, 4.0], np.float16)]
MORE = [np.full((1,), 0.5, np.float32)] * 36
"""36 tensors of one half: their norm is 3."""
MANY = [np.ones((20, 32), np.float32), np.full((36,), -0.5, np.float32)]
"""640 · 1 + 36 · 1/4 = 649 squares, whose sum float32 holds exactly."""


def dtype_of(gradients):
    """The dtype of the gradients, float32 if there are none."""
    return next((g.dtype for g in gradients if g is not None), np.dtype(np.float32))


def held(limit, *dtypes):
    """The number nearest to `limit` that all these dtypes hold (bits beyond a dtype's are for nobody to compare)."""
    return float(min(map(np.dtype, dtypes), key=lambda dtype: dtype.itemsize).type(limit))


def limit_for(norm, ratio, dtype=np.float32):
    """`ratio` times the norm, as a number that the dtype holds; `ratio` itself for a norm of 0."""
    return held(norm * ratio if norm else ratio, dtype)


ratios = st.one_of(strategies.floats(0.02, 0.95), strategies.floats(1.05, 40.0))
"""Limit over norm: clipped or not, never so near to 1 that a rounding decides."""

limits = st.one_of(strategies.floats(0.0625, 12.0), st.integers(1, 12))


def given_as_tensors(gradients):
    """The gradients as tensors, as a tape gives them."""
    return [None if g is None else tensor(g) for g in gradients]


def close_list(yours, gradients, expected, *, exact=False):
    """A list as long as `gradients`: None where it stood, elsewhere tensors of the same dtype and the right values."""
    expect(
        isinstance(yours, list) and [g is None for g in yours] == [g is None for g in gradients],
        "There must be a list with one entry for each gradient, None where (and only where) it stood.",
        yours=yours,
        expected=[None if g is None else np.asarray(g) for g in expected],
    )
    for mine, given_, right in zip(yours, gradients, expected):
        if given_ is not None:
            assert_close(mine, right, dtype=given_.dtype, ulps=0 if exact else CLIPPED_ULPS)


def list_and_norm(gradients, limit):
    """What `clip_by_global_norm` gives for the gradients as tensors, taken apart."""
    result = clipping.clip_by_global_norm(given_as_tensors(gradients), limit)
    pair = isinstance(result, tuple | list) and len(result) == 2
    expect(pair, "Two things must come back: the list of clipped gradients, and the norm before.", yours=result)
    return result


def wide(gradients):
    """The gradients in float64."""
    return [None if g is None else g.astype(np.float64) for g in gradients]


def clipped_by_value(gradients, limit):
    """Every gradient with each element limited by itself."""
    return [None if g is None else oracle.clipped_value(g, limit) for g in gradients]


def from_list_and_tuple(kata, gradients, *limit):
    """What the kata makes of a list and of a tuple; the list itself must be as it was."""
    report = here.from_list_and_tuple(kata, gradients, *limit)
    expect(report["kept"], "The list that was handed over must not be changed: its owner still needs it.")
    return report["results"]


@pytest.mark.kata("global_norm")
class TestGlobalNorm:
    def test_worked_example(self):
        """[2, 3], no gradient, and [[6]] make √(4 + 9 + 36) = 7."""
        gradients = [np.array([2.0, 3.0], np.float32), None, np.array([[6.0]], np.float32)]
        assert_close(clipping.global_norm(given_as_tensors(gradients)), 7.0, dtype=np.float32)

    @given(gradients=gradient_lists())
    @example(gradients=THREE_FOUR)
    @example(gradients=MATRIX)
    @example(gradients=MANY)
    @example(gradients=MORE)
    @example(gradients=[np.array([1.1, 2.3], np.float64), np.array([0.7], np.float64)])
    def test_is_the_length_of_all_elements_in_a_row(self, gradients):
        """The Euclidean length of one vector that holds every element, in the gradients' dtype."""
        norm = clipping.global_norm(given_as_tensors(gradients))
        assert_close(norm, oracle.norm(gradients), dtype=dtype_of(gradients))

    @examples(40)
    @given(gradients=EXTREME)
    @example(gradients=TINY)
    @example(gradients=HUGE)
    @example(gradients=ZEROS)
    def test_tiny_and_huge_gradients_keep_their_length(self, gradients):
        """From 1e-15 to 1e15 nothing is lost and nothing overflows; zeros have the length 0."""
        norm = clipping.global_norm(given_as_tensors(gradients))
        assert_close(norm, oracle.norm(gradients), dtype=dtype_of(gradients))

    def test_no_tensors_at_all_have_norm_zero(self):
        """An empty list, and a list of nothing but None: a rank-0 float32 tensor, 0.0."""
        for gradients in ([], [None], [None, None]):
            assert_close(clipping.global_norm(gradients), 0.0, dtype=np.float32)

    @examples(15)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_takes_a_tuple_too_and_keeps_the_list(self, gradients):
        """A tuple does as well as a list, and a list is not changed."""
        for norm in from_list_and_tuple(clipping.global_norm, gradients):
            assert_close(norm, oracle.norm(gradients), dtype=np.float32)

    @examples(2)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_same_inside_tf_function(self, gradients):
        """In a graph it gives what it gives eagerly."""
        assert_close(here.in_graph(clipping.global_norm, gradients), oracle.norm(gradients), dtype=np.float32)


@pytest.mark.kata("clip_by_value")
class TestClipByValue:
    def test_worked_example(self):
        """[-3, 0.25, 0.5, 8] at 0.5 becomes [-0.5, 0.25, 0.5, 0.5]; None stays."""
        gradients = [np.array([-3.0, 0.25, 0.5, 8.0], np.float32), None]
        expected = [np.array([-0.5, 0.25, 0.5, 0.5]), None]
        close_list(clipping.clip_by_value(given_as_tensors(gradients), 0.5), gradients, expected, exact=True)

    @given(gradients=gradient_lists(mixed=True), limit=limits)
    @example(gradients=[np.array([[-2.0, 2.0], [0.5, -9.0]], np.float32)], limit=2)
    @example(gradients=[None, np.array([0.1, -0.7], np.float64)], limit=0.3)
    @example(gradients=MIXED, limit=1.0)
    @example(gradients=MORE, limit=0.25)
    @example(gradients=[], limit=1.0)
    def test_is_the_nearest_number_in_the_interval(self, gradients, limit):
        """min(max(g, -v), v), to the bit: within the limit, and at it, nothing changes; each tensor keeps its dtype."""
        limit = limit if isinstance(limit, int) else held(limit, *(g.dtype for g in gradients if g is not None), float)
        yours = clipping.clip_by_value(given_as_tensors(gradients), limit)
        close_list(yours, gradients, clipped_by_value(gradients, limit), exact=True)

    @examples(40)
    @given(gradients=EXTREME, limit=st.sampled_from((2.0**-50, 1.0, 2.0**40)))
    @example(gradients=TINY, limit=1.0)
    @example(gradients=HUGE, limit=1.0)
    @example(gradients=ZEROS, limit=1.0)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, limit):
        """From 1e-15 to 1e15 it is the same rule."""
        yours = clipping.clip_by_value(given_as_tensors(gradients), limit)
        close_list(yours, gradients, clipped_by_value(gradients, limit), exact=True)

    @examples(15)
    @given(gradients=gradient_lists(dtypes=(np.float32,)), limit=st.floats(0.0625, 12.0, width=16))
    @example(gradients=SPLIT, limit=1.0)
    def test_takes_a_tuple_too_and_keeps_the_list(self, gradients, limit):
        """A tuple does as well as a list (a list comes back), and the list that was given is not changed."""
        for yours in from_list_and_tuple(clipping.clip_by_value, gradients, limit):
            close_list(yours, gradients, clipped_by_value(gradients, limit), exact=True)

    @examples(20)
    @given(limit=st.one_of(strategies.floats(-5.0, 0.0), st.integers(-3, 0)))
    @example(limit=0)
    @example(limit=0.0)
    @example(limit=-1.0)
    def test_refuses_a_limit_that_is_not_positive(self, limit):
        """0 would stop all training, and a negative limit means nothing; nor if there is nothing to clip."""
        for gradients in (THREE_FOUR, [None]):
            assert_value_error("clip_value", clipping.clip_by_value, given_as_tensors(gradients), limit)

    @examples(2)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_same_inside_tf_function(self, gradients):
        """In a graph it gives what it gives eagerly."""
        yours = here.in_graph(clipping.clip_by_value, gradients, 2.0)
        close_list(yours, gradients, clipped_by_value(gradients, 2.0), exact=True)


@pytest.mark.kata("clip_by_norm")
class TestClipByNorm:
    def test_worked_example(self):
        """At 1, [3, 4] of norm 5 becomes [0.6, 0.8]; [0.5] is short enough and stays."""
        gradients = [*THREE_FOUR, None, np.array([0.5], np.float32)]
        expected = [np.array([0.6, 0.8]), None, np.array([0.5])]
        close_list(clipping.clip_by_norm(given_as_tensors(gradients), 1.0), gradients, expected)

    @given(gradient=st.sampled_from(DTYPES).flatmap(lambda dtype: one_gradient(dtype)), ratio=ratios)
    @example(gradient=MATRIX[0], ratio=0.2)
    @example(gradient=DOUBLE[0], ratio=0.5)
    @example(gradient=MANY[0], ratio=0.5)
    def test_direction_stays_and_length_is_limited(self, gradient, ratio):
        """g · c / ‖g‖ when ‖g‖ > c, with the norm over all elements, whatever the shape; the dtype stays."""
        limit = limit_for(float(oracle.norm([gradient])), ratio, gradient.dtype)
        yours = clipping.clip_by_norm([tensor(gradient)], limit)
        close_list(yours, [gradient], oracle.clipped_norm([gradient], limit))

    @examples(40)
    @given(gradients=gradient_lists(mixed=True, min_size=0), ratio=ratios)
    @example(gradients=[np.array([3.0, 4.0], np.float32), np.array([0.5], np.float32)], ratio=0.2)
    @example(gradients=MIXED, ratio=0.5)
    @example(gradients=MORE, ratio=0.5)
    @example(gradients=[], ratio=0.5)
    def test_tensors_do_not_influence_each_other(self, gradients, ratio):
        """Every tensor of a list is clipped as if it were alone, in its own dtype."""
        norms = [float(oracle.norm([g])) for g in gradients if g is not None]
        limit = limit_for(max([0.0, *norms]), ratio, np.float16)
        yours = clipping.clip_by_norm(given_as_tensors(gradients), limit)
        close_list(yours, gradients, oracle.clipped_norm(gradients, limit))

    @examples(40)
    @given(gradients=gradient_lists(), slack=st.floats(1.0625, 30.0, width=16))
    @example(gradients=FORTY_ONE, slack=5.0)
    def test_within_the_limit_nothing_changes(self, gradients, slack):
        """No norm above the limit: every bit stays."""
        norms = [float(oracle.norm([g])) for g in gradients if g is not None]
        limit = limit_for(max([0.0, *norms]), slack, dtype_of(gradients))
        yours = clipping.clip_by_norm(given_as_tensors(gradients), limit)
        close_list(yours, gradients, wide(gradients), exact=True)

    def test_at_the_limit_nothing_changes(self):
        """[3, 4] has norm 5; at a limit of 5 (or 5.0) it stays as it is."""
        for limit in (5, 5.0):
            yours = clipping.clip_by_norm(given_as_tensors(THREE_FOUR), limit)
            close_list(yours, THREE_FOUR, wide(THREE_FOUR), exact=True)

    @examples(10)
    @given(limit=limits)
    def test_zeros_stay_zeros(self, limit):
        """A norm of 0 is within every limit: no NaN."""
        close_list(clipping.clip_by_norm(given_as_tensors(ZEROS), limit), ZEROS, wide(ZEROS), exact=True)

    @examples(40)
    @given(gradients=EXTREME, ratio=st.floats(0.0625, 0.75, width=16))
    @example(gradients=TINY, ratio=0.5)
    @example(gradients=HUGE, ratio=0.5)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, ratio):
        """From 1e-15 to 1e15 it is the same rule."""
        limit = limit_for(max([0.0, *(float(oracle.norm([g])) for g in gradients if g is not None)]), ratio)
        yours = clipping.clip_by_norm(given_as_tensors(gradients), limit)
        close_list(yours, gradients, oracle.clipped_norm(gradients, limit))

    @examples(15)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_takes_a_tuple_too_and_keeps_the_list(self, gradients):
        """A tuple does as well as a list (a list comes back), and the list that was given is not changed."""
        for yours in from_list_and_tuple(clipping.clip_by_norm, gradients, 0.5):
            close_list(yours, gradients, oracle.clipped_norm(gradients, 0.5))

    @examples(20)
    @given(limit=st.one_of(strategies.floats(-5.0, 0.0), st.integers(-3, 0)))
    @example(limit=0)
    @example(limit=0.0)
    @example(limit=-1.0)
    def test_refuses_a_limit_that_is_not_positive(self, limit):
        """0 would stop all training, and a negative limit means nothing; nor if there is nothing to clip."""
        for gradients in (THREE_FOUR, [None]):
            assert_value_error("max_norm", clipping.clip_by_norm, given_as_tensors(gradients), limit)

    @examples(2)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_same_inside_tf_function(self, gradients):
        """In a graph it gives what it gives eagerly."""
        yours = here.in_graph(clipping.clip_by_norm, gradients, 0.5)
        close_list(yours, gradients, oracle.clipped_norm(gradients, 0.5))


@pytest.mark.kata("clip_by_global_norm")
class TestClipByGlobalNorm:
    def test_worked_example(self):
        """[3] and [[4]] have the norm 5 together; at 1 they become [0.6] and [[0.8]], and 5 is reported."""
        clipped, norm = list_and_norm(SPLIT, 1.0)
        close_list(clipped, SPLIT, [np.array([0.6]), None, np.array([[0.8]])])
        assert_close(norm, 5.0, dtype=np.float32)

    @given(gradients=gradient_lists(), ratio=ratios)
    @example(gradients=SPLIT, ratio=2.0)
    @example(gradients=MATRIX, ratio=0.5)
    @example(gradients=TINY, ratio=0.5)
    @example(gradients=MANY, ratio=0.5)
    @example(gradients=MORE, ratio=0.5)
    @example(gradients=DOUBLE, ratio=0.5)
    def test_direction_stays_and_length_is_limited(self, gradients, ratio):
        """Every tensor times c / ‖g‖ when ‖g‖ > c, with the norm of all of them together; dtypes stay."""
        limit = limit_for(float(oracle.norm(gradients)), ratio, dtype_of(gradients))
        clipped, _ = list_and_norm(gradients, limit)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, limit))

    @examples(50)
    @given(gradients=gradient_lists(), ratio=ratios)
    @example(gradients=SPLIT, ratio=0.2)
    @example(gradients=[None], ratio=2.0)
    @example(gradients=[], ratio=2.0)
    def test_reports_the_norm_before_clipping(self, gradients, ratio):
        """The second value is the global norm of what came in; 0.0 when nothing did."""
        limit = limit_for(float(oracle.norm(gradients)), ratio, dtype_of(gradients))
        clipped, norm = list_and_norm(gradients, limit)
        expect(len(clipped) == len(gradients), "There must be one entry for each gradient.", yours=clipped)
        assert_close(norm, oracle.norm(gradients), dtype=dtype_of(gradients))

    @examples(40)
    @given(gradients=gradient_lists(), slack=st.floats(1.0625, 30.0, width=16))
    @example(gradients=SPLIT, slack=8.2)  # the limit is 5 · 8.2 = 41
    @example(gradients=FORTY_ONE, slack=5.0)
    def test_within_the_limit_nothing_changes(self, gradients, slack):
        """A norm that is not above the limit: every bit stays."""
        limit = limit_for(float(oracle.norm(gradients)), slack, dtype_of(gradients))
        clipped, _ = list_and_norm(gradients, limit)
        close_list(clipped, gradients, wide(gradients), exact=True)

    @examples(30)
    @given(whole=st.integers(41, 97))
    @example(whole=41)
    def test_within_a_whole_limit_nothing_changes(self, whole):
        """Also for limits of which c · (1/c) is not 1, such as 41, 47, 55, 61, 82, 83, 94 and 97."""
        for limit in (whole, float(whole)):
            clipped, _ = list_and_norm(FORTY_ONE, limit)
            close_list(clipped, FORTY_ONE, wide(FORTY_ONE), exact=True)

    def test_at_the_limit_nothing_changes(self):
        """[3] and [[4]] have the norm 5; at a limit of 5 they stay as they are."""
        clipped, _ = list_and_norm(SPLIT, 5.0)
        close_list(clipped, SPLIT, wide(SPLIT), exact=True)

    @examples(10)
    @given(limit=limits)
    def test_zeros_stay_zeros(self, limit):
        """A norm of 0 is within every limit: no NaN, and 0 is reported."""
        clipped, norm = list_and_norm(ZEROS, limit)
        close_list(clipped, ZEROS, wide(ZEROS), exact=True)
        assert_close(norm, 0.0, dtype=np.float32)

    @examples(40)
    @given(gradients=EXTREME, ratio=st.floats(0.0625, 0.75, width=16))
    @example(gradients=TINY, ratio=0.5)
    @example(gradients=HUGE, ratio=0.5)
    def test_tiny_and_huge_gradients_are_no_exception(self, gradients, ratio):
        """From 1e-15 to 1e15 it is the same rule."""
        limit = limit_for(float(oracle.norm(gradients)), ratio)
        clipped, norm = list_and_norm(gradients, limit)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, limit))
        assert_close(norm, oracle.norm(gradients), dtype=dtype_of(gradients))

    @examples(15)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_takes_a_tuple_too_and_keeps_the_list(self, gradients):
        """A tuple does as well as a list (a list comes back), and the list that was given is not changed."""
        for clipped, norm in from_list_and_tuple(clipping.clip_by_global_norm, gradients, 0.5):
            close_list(clipped, gradients, oracle.clipped_global_norm(gradients, 0.5))
            assert_close(norm, oracle.norm(gradients), dtype=np.float32)

    @examples(20)
    @given(limit=st.one_of(strategies.floats(-5.0, 0.0), st.integers(-3, 0)))
    @example(limit=0)
    @example(limit=0.0)
    @example(limit=-1.0)
    def test_refuses_a_limit_that_is_not_positive(self, limit):
        """0 would stop all training, and a negative limit means nothing; nor if there is nothing to clip."""
        for gradients in (THREE_FOUR, [None]):
            assert_value_error("max_norm", clipping.clip_by_global_norm, given_as_tensors(gradients), limit)

    @examples(2)
    @given(gradients=gradient_lists(dtypes=(np.float32,)))
    @example(gradients=SPLIT)
    def test_same_inside_tf_function(self, gradients):
        """In a graph it gives what it gives eagerly."""
        clipped, norm = here.in_graph(clipping.clip_by_global_norm, gradients, 0.5)
        close_list(clipped, gradients, oracle.clipped_global_norm(gradients, 0.5))
        assert_close(norm, oracle.norm(gradients), dtype=np.float32)


METHODS = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}


def adam_settings(**changed):
    """Keras' defaults of Adam, as its `get_config` gives them, but for what is changed."""
    return {**oracle.ADAM_DEFAULTS, **changed}


def settings_are(settings, expected):
    """Adam itself, with exactly these settings; rates are float32 in Keras."""
    expect(settings.pop("adam"), "The optimizer must be a tf.keras.optimizers.Adam.", yours=settings)
    assert_number(settings.pop("learning_rate"), expected.pop("learning_rate"), rel=1e-6)
    wrong = [name for name, value in expected.items() if settings.get(name) != value]
    expect(
        not wrong,
        "The optimizer's settings are not what they must be.",
        yours={name: settings.get(name) for name in wrong},
        expected={name: expected[name] for name in wrong},
    )


@pytest.mark.kata("clipped_optimizer")
class TestClippedOptimizer:
    def test_worked_example(self):
        """`"global_norm"` with limit 1 is Adam(1e-3, global_clipnorm=1.0), every other setting at its default."""
        settings = common.optimizer_settings(clipping.clipped_optimizer("global_norm", 1.0))
        settings_are(settings, adam_settings(learning_rate=1e-3, global_clipnorm=1.0))

    @examples(20)
    @given(
        method=st.sampled_from(sorted(METHODS)),
        limit=st.one_of(st.floats(0.125, 8.0, width=16), st.integers(1, 100)),
        rate=strategies.floats(1e-4, 1.0),
    )
    @example(method="value", limit=0.5, rate=0.01)
    @example(method="norm", limit=2.0, rate=0.01)
    @example(method="global_norm", limit=3, rate=0.01)
    def test_sets_the_one_limit_and_the_rate(self, method, limit, rate):
        """The method's own argument holds the limit, the other two stay None, and the rate is the one asked for."""
        settings = common.optimizer_settings(clipping.clipped_optimizer(method, limit, learning_rate=rate))
        settings_are(settings, adam_settings(learning_rate=rate, **{METHODS[method]: limit}))

    @examples(8)
    @given(method=st.sampled_from(sorted(METHODS)), limit=st.floats(0.125, 8.0, width=16))
    @example(method="norm", limit=1.0)
    @example(method="global_norm", limit=1.0)
    def test_only_clipped_gradients_reach_the_update(self, method, limit):
        """Applied to gradients, it lets through what that method of clipping leaves of them."""
        gradients = [np.array([3.0, -4.0], np.float32), np.array([[0.5], [12.0]], np.float32)]
        received = here.reaches_the_update(clipping.clipped_optimizer(method, limit), gradients)
        expected = {
            "value": lambda: [oracle.clipped_value(g, limit) for g in gradients],
            "norm": lambda: oracle.clipped_norm(gradients, limit),
            "global_norm": lambda: oracle.clipped_global_norm(gradients, limit),
        }[method]()
        for yours, right in zip(received, expected):
            good = np.allclose(yours, right, rtol=1e-5, atol=0)
            expect(good, f"{method!r} at {limit} lets the wrong gradient through.", yours=yours, expected=right)

    def test_every_call_makes_a_new_one(self):
        """Two models must not share an optimizer's state."""
        new = here.is_new(clipping.clipped_optimizer, "norm", 1.0)
        expect(new, "The same call again must give another optimizer.", yours="the very same object")

    def test_refuses_any_other_method(self):
        """A name that is none of the three is an error, not a guess; so is None."""
        for method in (
            "global",
            "clipnorm",
            "global_clipnorm",
            "global-norm",
            "NORM",
            " norm",
            "valuE",
            "values",
            "",
            None,
        ):
            assert_value_error("method", clipping.clipped_optimizer, method, 1.0)


@st.composite
def linear_problems(draw, target=2.0):
    """(kernel, bias, x, y) of x·kernel + bias with one output, none of it zero."""
    features, samples = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(strategies.seeds))
    shapes = ((features, 1), (1,), (samples, features), (samples, 1))
    kernel, bias, x, y = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return kernel, bias, x, (y * np.float32(target)).astype(np.float32)


ONE_TO_ONE = tuple(np.array(a, np.float32) for a in ([[0.0]], [0.0], [[3.0]], [[-4.0]]))
"""From w = b = 0, x = 3 towards -4: the loss is 16, the gradients 2·3·4 = 24 and 2·4 = 8."""


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


bounds = st.one_of(strategies.floats(0.1, 3.0), st.integers(1, 3))


@pytest.mark.kata("clipped_train_step")
class TestClippedTrainStep:
    def test_worked_example(self):
        """Loss 4² = 16; gradients (24, 8) of norm √(576 + 64) = 25.298; clipped to 1, times 0.5: (-0.474, -0.158)."""
        report = here.step(clipping.clipped_train_step, *ONE_TO_ONE, max_norm=1.0, lr=0.5)
        assert_number(report["loss"], 16.0, rel=1e-5)
        assert_number(report["norm"], np.sqrt(640), rel=1e-5)
        kernel, bias = np.array([[-0.5 * 24]]), np.array([-0.5 * 8])
        weights_are(report, [kernel / np.sqrt(640), bias / np.sqrt(640)], "after the step")

    @examples(12)
    @given(problem=linear_problems(), max_norm=bounds, lr=strategies.floats(0.01, 0.5), arrays=st.booleans())
    def test_moves_by_the_clipped_gradient(self, problem, max_norm, lr, arrays):
        """Plain SGD: w − η·g·c/max(‖g‖, c), with the norm over kernel and bias together; NumPy arrays do as well."""
        kernel, bias, x, y = problem
        report = here.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=lr, arrays=arrays)
        _, _, weights = plain_sgd(kernel, bias, x, y, lr, max_norm)
        weights_are(report, weights, "after the step")

    @examples(10)
    @given(problem=linear_problems(), max_norm=bounds, dtype=st.sampled_from((np.float32, np.float64)))
    @example(problem=ONE_TO_ONE, max_norm=1, dtype=np.float64)
    def test_reports_loss_and_norm_from_before(self, problem, max_norm, dtype):
        """The loss before the update and the norm before clipping, two rank-0 tensors; float64 in a float64 model."""
        problem = [array.astype(dtype) for array in problem]
        report = here.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=0.3)
        loss, norm, _ = plain_sgd(*problem, 0.3, max_norm)
        # A float64 model may round its input to float32 once.
        ulps = STEP_ULPS * np.finfo(np.float32).eps / np.finfo(dtype).eps
        assert_close(report["loss"], loss, dtype=dtype, scale=1.0, ulps=ulps)
        assert_close(report["norm"], norm, dtype=dtype, scale=1.0, ulps=ulps)

    @examples(10)
    @given(problem=linear_problems(target=1e15), max_norm=bounds, lr=strategies.floats(0.01, 0.5))
    def test_no_target_moves_the_weights_further_than_the_limit(self, problem, max_norm, lr):
        """Targets of 1e15: the weights, taken together, still move by no more than η·c."""
        kernel, bias, _, _ = problem
        report = here.step(clipping.clipped_train_step, *problem, max_norm=max_norm, lr=lr)
        distance = float(np.linalg.norm(moved(report, kernel, bias)))
        rounding = 8 * float(np.finfo(np.float32).eps) * max(1.0, np.abs(kernel).max(), np.abs(bias).max())
        expect(distance <= lr * max_norm * (1 + 1e-5) + rounding, "The weights moved too far.",
               yours=distance, expected=lr * max_norm)  # fmt: skip
        expect(distance >= 0.99 * lr * max_norm - rounding, "Beyond the limit the step is η·c long, no shorter.",
               yours=distance, expected=lr * max_norm)  # fmt: skip
        assert_number(report["norm"], float(oracle.norm(oracle.linear_gradient(*problem))), rel=1e-3)

    def test_a_perfect_fit_stays_where_it_is(self):
        """A gradient of zero is no reason for NaN: nothing moves, and loss and norm are 0."""
        kernel, bias, x, y = ONE_TO_ONE
        report = here.step(clipping.clipped_train_step, kernel, bias, x, np.zeros_like(y), max_norm=1.0, lr=0.5)
        weights_are(report, [np.zeros((1, 1)), np.zeros(1)], "after a step with a gradient of zero")
        assert_number(report["norm"], 0.0, rel=0.0)
        assert_number(report["loss"], 0.0, rel=0.0)

    @examples(5)
    @given(problem=linear_problems())
    def test_the_model_is_run_in_training(self, problem):
        """A layer that doubles its input in training (and only there) does so here."""
        kernel, bias, x, y = problem
        report = here.step(clipping.clipped_train_step, *problem, max_norm=1.0, lr=0.1, doubled=True)
        loss, _, weights = plain_sgd(kernel, bias, 2 * x, y, 0.1, 1.0)
        assert_close(report["loss"], loss, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)
        weights_are(report, weights, "after a step in training mode")

    def test_the_update_is_the_optimizers(self):
        """Adam's first step is one rate long for every weight, and it counts as one iteration."""
        report = here.step(clipping.clipped_train_step, *ONE_TO_ONE, max_norm=1.0, lr=0.25, rule="adam")
        weights_are(report, [np.array([[-0.25]]), np.array([-0.25])], "after a step of Adam")
        assert_equal(report["iterations"], 1)

    @examples(3)
    @given(problem=linear_problems())
    @example(problem=ONE_TO_ONE)
    def test_the_optimizer_remembers_the_step_before(self, problem):
        """Two steps of SGD with momentum 0.9: v ← 0.9·v + η·(clipped gradient), w ← w − v, and two iterations."""
        kernel, bias, x, y = problem
        report = here.step(clipping.clipped_train_step, *problem, max_norm=0.5, lr=0.1, rule="momentum", steps=2)
        _, _, first = plain_sgd(kernel, bias, x, y, 0.1, 0.5)
        _, _, second = plain_sgd(*first, x, y, 0.1, 0.5)
        weights = [w2 + 0.9 * (w1 - w0) for w0, w1, w2 in zip((kernel, bias), first, second)]
        weights_are(report, weights, "after two steps with momentum")
        assert_equal(report["iterations"], 2)

    @examples(3)
    @given(seed=strategies.seeds, max_norm=strategies.floats(0.01, 0.2))
    def test_frozen_unused_and_embedding_variables(self, seed, max_norm):
        """Frozen and unused ones stay; an embedding's repeated rows are added up first; labels stay whole numbers."""
        report = here.step_with_embedding(clipping.clipped_train_step, seed, max_norm)
        assert_number(report["norm"], float(oracle.norm(report["gradients"])), rel=1e-4)
        clipped = oracle.clipped_global_norm(report["gradients"], max_norm)
        for name, before, g, after in zip(report["names"], report["before"], clipped, report["after"]):
            good = np.allclose(after, before - g, rtol=0, atol=1e-5)
            expect(good, f"The {name} is wrong after a step of SGD.", yours=after, expected=before - g)
        for name, before, after in report["still"]:
            expect(np.array_equal(before, after), f"The {name} must not move.", yours=after, expected=before)

    @examples(2)
    @given(problem=linear_problems())
    def test_same_inside_tf_function(self, problem):
        """In a graph it does what it does eagerly."""
        report = here.step(clipping.clipped_train_step, *problem, max_norm=0.5, lr=0.3, graph=True)
        loss, norm, weights = plain_sgd(*problem, 0.3, 0.5)
        weights_are(report, weights, "after a step in a graph")
        assert_close(report["loss"], loss, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)
        assert_close(report["norm"], norm, dtype=np.float32, scale=1.0, ulps=STEP_ULPS)


def sequences(seed, samples, timesteps, features):
    """Standard normal sequences."""
    return np.random.default_rng(seed).normal(size=(samples, timesteps, features)).astype(np.float32)


@pytest.mark.kata("build_sequence_classifier")
class TestBuildSequenceClassifier:
    @examples(4)
    @given(features=st.integers(1, 4), units=st.lists(st.integers(1, 5), min_size=1, max_size=3), as_list=st.booleans())
    @example(features=2, units=[3, 4], as_list=False)
    @example(features=2, units=[4], as_list=True)
    def test_lstms_of_these_sizes_are_stacked(self, features, units, as_list):
        """Each LSTM has weights (in, 4·units), (units, 4·units), (4·units,); one unit at the end."""
        model = clipping.build_sequence_classifier(5, features, units=units if as_list else tuple(units))
        expected = []
        for size in units:
            expected += [[features, 4 * size], [size, 4 * size], [4 * size]]
            features = size
        described = here.describe_classifier(model)
        assert_equal(described["trainable"], [*expected, [features, 1], [1]])
        expect(not described["options"], "Options of its layers do not stand at Keras' defaults.",
               yours=described["options"])  # fmt: skip
        expect(described["weights"] == described["trainable"], "The model must have no other weights.",
               yours=described["weights"], expected=described["trainable"])  # fmt: skip

    @examples(3)
    @given(seed=strategies.seeds, timesteps=st.integers(2, 4), features=st.integers(1, 3))
    def test_there_is_one_answer_for_each_sequence(self, seed, timesteps, features):
        """(batch, timesteps, features) in, (batch, 1) out: not an answer for every timestep."""
        model = clipping.build_sequence_classifier(timesteps, features, units=(3, 2))
        outputs = here.answers(model, sequences(seed, 4, timesteps, features))
        assert_equal(list(outputs.shape), [4, 1])
        shapes = here.describe_classifier(model)["shapes"]
        assert_equal(shapes, [[None, timesteps, features], [None, 1]])

    @examples(3)
    @given(logit=st.floats(-4.0, 4.0, width=16))
    @example(logit=2.0)
    def test_the_answer_is_a_probability(self, logit):
        """The output is sigmoid of the last layer: 1 / (1 + e^-2) = 0.8808 for a logit of 2."""
        model = clipping.build_sequence_classifier(2, 2, units=(2,))
        outputs = here.answers(model, sequences(0, 3, 2, 2), last_bias=float(logit))
        sigmoid = 1 / (1 + np.exp(-logit))
        good = np.allclose(outputs, sigmoid, atol=1e-5)
        expect(good, f"The answers to a logit of {logit} are no sigmoid.", yours=outputs, expected=sigmoid)

    @examples(3)
    @given(seed=strategies.seeds, units=st.sampled_from(((3,), (3, 2), (2, 4, 3))))
    @example(seed=0, units=(3, 2))
    def test_is_keras_lstms_and_nothing_else(self, seed, units):
        """By its weights: Keras' LSTMs (tanh and sigmoid, forwards), then a sigmoid; alike in training and after."""
        model = clipping.build_sequence_classifier(4, 3, units=units)
        x = sequences(seed, 3, 4, 3)
        x[0, -1] = 0.0  # a timestep of zeros is a timestep
        report = here.answers_of_drawn_weights(model, seed, x)
        expect(report["penalty"] == 0.0, "The model must have no penalties.", yours=report["penalty"])
        right = oracle.sequence_classifier(report["weights"], x)
        for when in ("after", "in"):
            good = np.allclose(report[f"{when}_training"], right, rtol=0, atol=1e-4)
            expect(good, f"The answers {when} training are not those of stacked LSTMs with a sigmoid.",
                   yours=report[f"{when}_training"], expected=right)  # fmt: skip

    def test_gradients_are_clipped_by_their_global_norm(self):
        """It is compiled with Adam(1e-3, global_clipnorm=1.0), all other settings (of `compile` too) at defaults."""
        described = here.describe_classifier(clipping.build_sequence_classifier(3, 2, units=(2, 2)))
        expect(not described["compiled"], "Settings of `compile` do not stand at Keras' defaults.",
               yours=described["compiled"])  # fmt: skip
        settings_are(described["optimizer"], adam_settings(learning_rate=1e-3, global_clipnorm=1.0))

    @examples(3)
    @given(seed=strategies.seeds, labels=st.lists(st.integers(0, 1), min_size=5, max_size=5))
    @example(seed=0, labels=[0, 1, 1, 0, 1])
    def test_reports_crossentropy_and_accuracy(self, seed, labels):
        """`loss` is the binary cross-entropy of its answers, `accuracy` the share on the right side of ½."""
        model = clipping.build_sequence_classifier(3, 2, units=(3, 2))
        y = np.array(labels, np.float32)[:, None]
        report = here.tested(model, sequences(seed, 5, 3, 2), y)
        names = sorted(report["logs"])
        expect(names == ["accuracy", "loss"], "It must report `loss` and the metric `accuracy`.", yours=names)
        assert_number(report["logs"]["loss"], oracle.binary_crossentropy(y, report["outputs"]), rel=1e-4)
        assert_number(report["logs"]["accuracy"], oracle.binary_accuracy(y, report["outputs"]), rel=1e-4)

    def test_the_articles_sizes_are_the_default(self):
        """Without `units` there are two LSTMs, of 64 and 32 units."""
        weights = here.describe_classifier(clipping.build_sequence_classifier(3, 2))["trainable"]
        assert_equal([shape[0] for shape in weights if shape[-1] in (256, 128)], [2, 64, 256, 64, 32, 128])

    def test_every_call_makes_a_new_one(self):
        """Two models of the same sizes share neither weights nor optimizer."""
        new = here.is_new(clipping.build_sequence_classifier, 3, 2, units=(2,))
        expect(new, "The same call again must give another model.", yours="a shared model, layer or optimizer")
