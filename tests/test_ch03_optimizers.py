"""The laws of chapter 3: optimizers."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    assert_close,
    assert_equal,
    assert_number,
    assert_value_error,
    chapter,
    eps,
    examples,
    expect,
    probes,
    tensor,
)
from tests import strategies
from tests.oracles import ch03_optimizers as oracle

optimizers = chapter("ch03_optimizers")
common = probes("common")
here = probes("ch03_optimizers")

PLAIN = 3e-5
"""What a plain float32 Adam may be off, relative to the update: 1 - 0.999 is right to 1.3e-5 only."""

TINY = 1e-30
"""Where a product falls below the smallest normal float32, 1.2e-38, it may become 0."""

ZERO = np.zeros(3, np.float32)
RANK_4 = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 1, 3)
SHAPES = strategies.shapes(min_dims=0, max_dims=2, max_side=3)


DOUBLES = [np.array([1.0, 2.0]) / 3, np.array([0.5, 0.25]) / 3, np.array([0.5, 0.25]) / 7, np.array([4.0, -2.0]) / 3]
"""Weights, two states and a gradient in float64, of which float32 holds none."""


def as_list(array):
    """Plain Python numbers, which TensorFlow takes for float32."""
    return array.tolist()


AS_GIVEN = st.sampled_from([np.asarray, tensor, as_list])
"""Arrays reach the kata as NumPy arrays, as tensors, or as lists (a plain number for rank 0)."""


def as_rate(lr, dtype, given_as):
    """A learning rate as a rank-0 tensor of `dtype` where the arrays are tensors, a Python number otherwise."""
    return tensor(np.asarray(lr, dtype)) if given_as is tensor else lr


def rate_beside(w, lr):
    """The rate as a rank-0 tensor of the dtype of the weights, for a call inside tf.function."""
    return {"lr": np.asarray(lr, w.dtype)}


def numbers(low, high):
    """A hyperparameter: a Python float that float32 holds exactly, so that no cast changes it."""
    low, high = float(np.float32(low)), float(np.float32(high))
    return st.floats(low, high, width=32, allow_subnormal=False)


@st.composite
def same_shape(draw, count, *, size=10.0, squares=()):
    """`count` float32 arrays of one shape, those numbered in `squares` not negative."""
    # Drawn in one piece and taken apart: what costs time is the drawing of an array, not its size.
    whole = draw(strategies.arrays((count, *draw(SHAPES)), low=-size, high=size))
    return [np.asarray(np.abs(array) if i in squares else array) for i, array in enumerate(whole)]


@st.composite
def moderate(draw, count, dtypes=(np.float64, np.float16, ml_dtypes.bfloat16)):
    """`count` arrays of one shape and one dtype, with values that even float16 squares and divides without trouble."""
    dtype = draw(st.sampled_from(dtypes))
    exact = np.float64 if dtype == np.float64 else np.float32
    whole = draw(strategies.arrays((count, *draw(SHAPES)), low=0.25, high=2.0, dtype=exact))
    return [np.asarray(array) for array in whole.astype(dtype)]


DECIMALS = st.sampled_from([0.1, 0.3, 0.5])
"""Rates for every dtype: float32's 0.1 is off in the eighth digit, which shows beside float64 weights."""


def exactly(lr, dtype, given_as):
    """The number that a rate stands for once it has been handed over: a tensor has its own dtype's rounding."""
    return float(np.asarray(lr, dtype)) if given_as is tensor else lr


def parts(result, count):
    """The `count` values that a step function returns together."""
    expect(
        isinstance(result, tuple) and len(result) == count,
        f"{count} values must come back together, as a tuple.",
        yours=type(result).__name__ if not isinstance(result, tuple) else f"{len(result)} values",
    )
    return result


W, STATE, G = np.float32([1, 2]), np.float32([0.5, 0.25]), np.float32([4, -2])


def assert_leaves_variables(step, *args, **kwargs):
    changed = here.changed_variables(step, *args, **kwargs)
    expect(not changed, "A step function changes nothing.", yours=f"changed the variables given as {changed}")


def gradients_of(seed, steps, shape=(3,)):
    """Gradients for a whole training: of different sizes in each component, as real ones are."""
    random = np.random.default_rng(seed)
    return list((random.normal(size=(steps, *shape)) * 10.0 ** random.uniform(-2, 1, shape)).astype(np.float32))


@pytest.mark.kata("sgd_step")
class TestSgdStep:
    def test_worked_example(self):
        """With η = 0.5: (1 - 0.5·4, 2 - 0.5·(-2)) = (-1, 3)."""
        w, g = np.float32([1, 2]), np.float32([4, -2])
        assert_close(optimizers.sgd_step(w, g, lr=0.5), np.array([1 - 0.5 * 4, 2 + 0.5 * 2]), dtype=np.float32)

    @given(arrays=same_shape(2), lr=numbers(0.0, 2.0), given_as=AS_GIVEN)
    @example(arrays=[np.float32(3), np.float32(2)], lr=0.5, given_as=np.asarray)
    @example(arrays=[RANK_4, -RANK_4], lr=1, given_as=as_list)
    @example(arrays=[np.float32([1, 1]), np.float32([1e6, -1e-6])], lr=64.0, given_as=np.asarray)
    def test_goes_against_the_gradient_in_proportion_to_it(self, arrays, lr, given_as):
        """w - η·g, for weights of any shape, given as arrays, tensors or lists; the rate as a number or a tensor."""
        w, g = arrays
        new_w = optimizers.sgd_step(given_as(w), given_as(g), lr=as_rate(lr, np.float32, given_as))
        assert_close(new_w, oracle.sgd(w, g, lr), dtype=np.float32, scale=np.abs(w) + lr * np.abs(g), ulps=4, atol=TINY)

    @examples(25)
    @given(arrays=moderate(2), lr=DECIMALS, given_as=st.sampled_from([np.asarray, tensor]))
    @example(arrays=[np.array([1.0]), np.array([1.0])], lr=0.1, given_as=np.asarray)
    def test_keeps_the_dtype(self, arrays, lr, given_as):
        """float64 weights stay float64, with all their digits and the rate's; float16 and bfloat16 ones stay too."""
        w, g = arrays
        new_w = optimizers.sgd_step(given_as(w), given_as(g), lr=as_rate(lr, w.dtype, given_as))
        want = oracle.sgd(w, g, exactly(lr, w.dtype, given_as))
        assert_close(new_w, want, dtype=w.dtype, scale=np.abs(w, dtype=float) + lr * np.abs(g, dtype=float), ulps=4)

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(optimizers.sgd_step, W, G, lr=0.5)

    @examples(3)
    @given(arrays=same_shape(2), lr=numbers(0.0, 2.0))
    @example(arrays=DOUBLES[:2], lr=0.1)
    def test_same_inside_tf_function(self, arrays, lr):
        """Inside tf.function, where weights, gradient and rate are symbolic, the result is the same."""
        w, g = arrays
        new_w = here.in_graph_with_tensors(optimizers.sgd_step, w, g, tensors=rate_beside(w, lr))
        assert_close(new_w, oracle.sgd(w, g, lr), dtype=w.dtype, scale=np.abs(w) + lr * np.abs(g), ulps=4, atol=TINY)


def assert_momentum(result, w, v, g, lr, gamma, nesterov):
    new_w, new_v = parts(result, 2)
    want_w, want_v = oracle.momentum(w, v, g, lr, gamma, nesterov)
    push = gamma * np.abs(v, dtype=np.float64) + lr * np.abs(g, dtype=np.float64)
    assert_close(new_v, want_v, dtype=w.dtype, scale=push, ulps=4, atol=TINY)
    assert_close(new_w, want_w, dtype=w.dtype, scale=np.abs(w, dtype=np.float64) + 2 * push, ulps=4, atol=TINY)


@pytest.mark.kata("momentum_step")
class TestMomentumStep:
    def test_worked_example(self):
        """v = 0.5·2 + 0.25·4 = 2, then w = 1 - 2 = -1."""
        w, v = parts(optimizers.momentum_step(np.float32(1), np.float32(2), np.float32(4), lr=0.25, momentum=0.5), 2)
        assert_close(v, 0.5 * 2 + 0.25 * 4, dtype=np.float32)
        assert_close(w, 1 - (0.5 * 2 + 0.25 * 4), dtype=np.float32)

    def test_worked_example_of_nesterov(self):
        """From v = 0: v = 0.25·4 = 1, then w = 1 - (0.5·1 + 0.25·4) = -0.5."""
        w, v = np.float32([1]), np.float32([0])
        w, v = parts(optimizers.momentum_step(w, v, np.float32([4]), lr=0.25, momentum=0.5, nesterov=True), 2)
        assert_close(v, np.array([0.25 * 4]), dtype=np.float32)
        assert_close(w, np.array([1 - (0.5 * 1 + 0.25 * 4)]), dtype=np.float32)

    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.9999), given_as=AS_GIVEN)
    @example(arrays=[RANK_4, RANK_4, -RANK_4], lr=1, gamma=0.0, given_as=as_list)
    @example(arrays=[np.float32(1), np.float32(1e6), np.float32(-1e6)], lr=64.0, gamma=0.9999, given_as=np.asarray)
    def test_velocity_first_then_the_weights_by_the_new_velocity(self, arrays, lr, gamma, given_as):
        """v ← γv + ηg, then w ← w - v."""
        rate = as_rate(lr, np.float32, given_as)
        result = optimizers.momentum_step(*map(given_as, arrays), lr=rate, momentum=gamma)
        assert_momentum(result, *arrays, lr, gamma, nesterov=False)

    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.9999), given_as=AS_GIVEN)
    def test_nesterov_looks_ahead_with_the_new_velocity(self, arrays, lr, gamma, given_as):
        """v ← γv + ηg, then w ← w - (γv + ηg) with the v just computed."""
        rate = as_rate(lr, np.float32, given_as)
        result = optimizers.momentum_step(*map(given_as, arrays), lr=rate, momentum=gamma, nesterov=True)
        assert_momentum(result, *arrays, lr, gamma, nesterov=True)

    @examples(25)
    @given(arrays=same_shape(3), lr=numbers(0.0, 1.0))
    def test_keeps_nine_tenths_unless_told_otherwise(self, arrays, lr):
        """Without `momentum`, γ is 0.9."""
        assert_momentum(optimizers.momentum_step(*arrays, lr=lr), *arrays, lr, 0.9, nesterov=False)

    @examples(25)
    @given(arrays=moderate(3), lr=DECIMALS, gamma=st.sampled_from([0.9, 0.75]), nesterov=st.booleans())
    @example(arrays=[np.array([1.0])] * 3, lr=0.5, gamma=0.9, nesterov=False)
    @example(arrays=[np.array([1.0])] * 3, lr=0.1, gamma=0.75, nesterov=True)
    def test_keeps_the_dtype(self, arrays, lr, gamma, nesterov):
        """float64 weights and velocity stay float64, with all digits of γ and η; float16 and bfloat16 ones stay too."""
        result = optimizers.momentum_step(*arrays, lr=lr, momentum=gamma, nesterov=nesterov)
        assert_momentum(result, *arrays, lr, gamma, nesterov)

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(optimizers.momentum_step, W, STATE, G, lr=0.5)

    @examples(3)
    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.99), nesterov=st.booleans())
    @example(arrays=DOUBLES[:3], lr=0.1, gamma=0.9, nesterov=True)
    def test_same_inside_tf_function(self, arrays, lr, gamma, nesterov):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        step, rate = optimizers.momentum_step, rate_beside(arrays[0], lr)
        result = here.in_graph_with_tensors(step, *arrays, tensors=rate, momentum=gamma, nesterov=nesterov)
        assert_momentum(result, *arrays, lr, gamma, nesterov)

    @examples(8)
    @given(seed=strategies.seeds, gamma=numbers(0.5, 0.95), nesterov=st.booleans(), falling=numbers(0.8, 1.0))
    def test_a_training_follows_the_sum_of_all_past_gradients(self, seed, gamma, nesterov, falling):
        """After n steps with rates ηₖ the velocity is Σ γⁿ⁻ᵏ·ηₖ·gₖ: each gradient keeps the rate it came with."""
        gradients = gradients_of(seed, 20)
        rates = [0.1 * falling**k for k in range(20)]
        w = v = tensor(ZERO)
        for g, lr in zip(gradients, rates, strict=True):
            w, v = parts(optimizers.momentum_step(w, v, g, lr=lr, momentum=gamma, nesterov=nesterov), 2)
        path = oracle.momentum_weights(ZERO, gradients, rates, gamma, nesterov)
        assert_close(w, path[-1], dtype=np.float32, scale=np.abs(path).max() + np.abs(gradients).max(), ulps=64)


BETAS_1 = st.sampled_from([0.9, 0.5, 0.95])
BETAS_2 = st.sampled_from([0.999, 0.5, 0.99])
"""At least a half: below, a moment as Keras writes it, v + (g² - v)·(1 - β), loses digits where v is much above g²."""

FROM_ZERO_1 = st.sampled_from([0.9, 0.25, 0.0])
FROM_ZERO_2 = st.sampled_from([0.999, 0.9, 0.0])
"""Where the moments start at 0 nothing is lost, whatever the β."""

FAINT = [ZERO, ZERO, ZERO, np.float32([1e-6, -1e-7, 1e-5])]
"""Gradients as small as the default ε: a tenth of it and another ε would show."""
STEP_DTYPES = st.sampled_from([np.int64, np.int32, np.uint16, np.float32, np.float64])
STEP_NUMBERS = st.one_of(st.integers(1, 5), st.integers(1, 2000), st.sampled_from([3000, 60_000]))


def assert_adam(result, old, want):
    """Moments and weights; of each part of a sum, PLAIN (of float32) is allowed besides the rounding of the dtype."""
    new_w, new_m, new_v = parts(result, 3)
    w, m, v, g = (np.abs(np.asarray(array, np.float64)) for array in old)
    dtype = old[0].dtype
    rounding = 16 * eps(dtype)
    plain = PLAIN * eps(dtype) / eps(np.float32) + rounding
    assert_close(new_m, want.m, dtype=dtype, atol=plain * (m + g) + TINY)
    assert_close(new_v, want.v, dtype=dtype, atol=plain * (v + g**2) + TINY)
    off = plain * np.abs(want.update) + rounding * want.noise + 4 * eps(dtype) * w + TINY
    assert_close(new_w, want.w, dtype=dtype, atol=off)


@pytest.mark.kata("adam_step")
class TestAdamStep:
    def test_worked_example_of_the_first_step(self):
        """m = 0.5·4 = 2, v = 0.25·16 = 4; corrected 2/0.5 = 4 and 4/0.25 = 16; w = 1 - 0.25·4/(√16 + 1) = 0.8."""
        w, m, v, g = (np.float32([number]) for number in (1, 0, 0, 4))
        result = optimizers.adam_step(w, m, v, g, 1, lr=0.25, beta_1=0.5, beta_2=0.75, epsilon=1.0)
        new_w, new_m, new_v = parts(result, 3)
        assert_close(new_m, np.array([0.5 * 4]), dtype=np.float32)
        assert_close(new_v, np.array([0.25 * 16]), dtype=np.float32)
        assert_close(new_w, np.array([1 - 0.25 * 4 / (4 + 1)]), dtype=np.float32, ulps=4)

    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, beta_1=BETAS_1, beta_2=BETAS_2, given_as=AS_GIVEN)
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=2, beta_1=0.9, beta_2=0.99, given_as=as_list)
    def test_follows_the_formula(self, arrays, t, beta_1, beta_2, given_as):
        """Moments are averaged, corrected by 1 - βᵗ for this step only, and w ← w - η·m̂/(√v̂ + ε)."""
        rates = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-3}
        result = optimizers.adam_step(*map(given_as, arrays), t, lr=as_rate(0.5, np.float32, given_as), **rates)
        assert_adam(result, arrays, oracle.adam(*arrays, t, lr=0.5, **rates))

    @given(
        arrays=same_shape(2, size=1.0),
        t=STEP_NUMBERS,
        epsilon=numbers(1e-3, 1.0),
        beta_1=FROM_ZERO_1,
        beta_2=FROM_ZERO_2,
    )
    @example(arrays=[ZERO, np.float32([0.01, -0.01, 0.1])], t=1, epsilon=2.0**-7, beta_1=0.9, beta_2=0.999)
    @example(arrays=[ZERO, np.float32([0.5, -0.25, 1.0])], t=3, epsilon=2.0**-3, beta_1=0.9, beta_2=0.9)
    @example(arrays=[ZERO, np.float32([0.5, -0.25, 1.0])], t=3, epsilon=2.0**-3, beta_1=0.0, beta_2=0.0)
    def test_adds_epsilon_outside_the_root_after_the_correction(self, arrays, t, epsilon, beta_1, beta_2):
        """Where gradients are as small as ε, its place shows: √v̂ + ε, with the corrected v̂; a β of 0 is allowed."""
        w, g = arrays
        m = v = np.zeros_like(w)
        rates = {"lr": 0.5, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        result = optimizers.adam_step(w, m, v, g, t, **rates)
        assert_adam(result, [w, m, v, g], oracle.adam(w, m, v, g, t, **rates))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, dtype=STEP_DTYPES)
    @example(arrays=FAINT, t=1, dtype=np.int64)
    @example(arrays=FAINT, t=200, dtype=np.uint8)
    @example(arrays=FAINT, t=7, dtype=np.float16)
    def test_takes_the_step_number_as_a_tensor_too(self, arrays, t, dtype):
        """`t` may be a rank-0 tensor of any dtype, as `iterations` is; the defaults are 1e-3, 0.9, 0.999, 1e-7."""
        result = optimizers.adam_step(*map(tensor, arrays), tensor(t, dtype))
        assert_adam(result, arrays, oracle.adam(*arrays, t))

    @examples(20)
    @given(w=strategies.arrays(SHAPES), t=STEP_NUMBERS)
    def test_stands_still_without_a_gradient(self, w, t):
        """With zeros for gradient and moments the weights stay as they are, and nothing becomes a NaN."""
        zero = np.zeros_like(w)
        new_w, _, _ = parts(optimizers.adam_step(w, zero, zero, zero, t), 3)
        assert_close(new_w, w, dtype=np.float32, ulps=1)

    @examples(10)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, lr=st.sampled_from([0.0, 16.0]))
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=2, lr=0.0)
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=2, lr=16)
    def test_takes_a_rate_of_zero_and_one_above_one(self, arrays, t, lr):
        """η = 0 is a rate like any other, not 'none given': the moments move, the weights do not; and 16 is one too."""
        assert_adam(optimizers.adam_step(*arrays, t, lr=lr), arrays, oracle.adam(*arrays, t, lr=lr))

    @examples(25)
    @given(arrays=moderate(4, [np.float64]), t=STEP_NUMBERS, given_as=st.sampled_from([np.asarray, tensor]))
    def test_keeps_the_dtype(self, arrays, t, given_as):
        """float64 weights and moments stay float64, with all digits of the defaults 0.9 and 0.999 and of the rate."""
        lr = as_rate(0.1, np.float64, given_as)
        result = optimizers.adam_step(*map(given_as, arrays), t, lr=lr, epsilon=0.001)
        assert_adam(result, arrays, oracle.adam(*arrays, t, lr=0.1, epsilon=0.001))

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(
            optimizers.adam_step,
            np.float32([1, 2]),
            np.float32([0.5, 0.25]),
            np.float32([0.5, 0.25]),
            np.float32([4, -2]),
            1,
        )

    @examples(3)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, lr=numbers(0.01, 1.0))
    @example(arrays=DOUBLES, t=3001, lr=0.1)
    def test_same_inside_tf_function(self, arrays, t, lr):
        """Inside tf.function, where arrays, step number and rate are symbolic, the result is the same."""
        tensors = {"t": np.int64(t)} | rate_beside(arrays[0], lr)
        result = here.in_graph_with_tensors(optimizers.adam_step, *arrays, tensors=tensors, epsilon=1e-3)
        assert_adam(result, arrays, oracle.adam(*arrays, t, lr=lr, epsilon=1e-3))

    @examples(50)
    @given(arrays=same_shape(4, squares=[2], size=4.0), t=STEP_NUMBERS, power=st.integers(-6, 6))
    def test_does_not_feel_the_scale_of_the_gradient(self, arrays, t, power):
        """Gradient and first moment times c, second moment times c², ε times c: the weights move as before."""
        w, m, v, g = arrays
        c = np.float32(2.0**power)
        new_w, _, _ = parts(optimizers.adam_step(w, m * c, v * c**2, g * c, t, lr=0.5, epsilon=0.125 * float(c)), 3)
        want = oracle.adam(w, m, v, g, t, lr=0.5, epsilon=0.125)
        off = (PLAIN + 16 * eps(np.float32)) * want.noise + 4 * eps(np.float32) * np.abs(w) + TINY
        assert_close(new_w, want.w, dtype=np.float32, atol=off)

    @examples(8)
    @given(seed=strategies.seeds, lr=numbers(1e-3, 0.1))
    def test_a_training_of_25_steps_follows_the_formula(self, seed, lr):
        """Step after step on its own state, from moments of 0, with t = 1, 2, 3 …"""
        w = m = v = tensor(ZERO)
        exact = oracle.AdamStep(*[np.zeros(3)] * 5)
        length = np.zeros(3)
        for t, g in enumerate(gradients_of(seed, 25), start=1):
            w, m, v = parts(optimizers.adam_step(w, m, v, g, t, lr=lr), 3)
            exact = oracle.adam(exact.w, exact.m, exact.v, g, t, lr=lr)
            length += exact.noise
        assert_close(w, exact.w, dtype=np.float32, atol=(PLAIN + 64 * eps(np.float32)) * length)


@pytest.mark.kata("adamw_step")
class TestAdamwStep:
    def test_worked_example_of_a_decay_without_a_gradient(self):
        """Only the decay is left: 8 - 0.5·0.25·8 = 7, and both moments stay 0."""
        w, zero = np.float32([8]), np.float32([0])
        result = optimizers.adamw_step(w, zero, zero, zero, 1, lr=0.5, weight_decay=0.25)
        new_w, new_m, new_v = parts(result, 3)
        assert_close(new_m, np.zeros(1), dtype=np.float32)
        assert_close(new_v, np.zeros(1), dtype=np.float32)
        assert_close(new_w, np.array([8 - 0.5 * 0.25 * 8]), dtype=np.float32, ulps=4)

    @given(
        arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, decay=numbers(0.0, 2.0), lr=numbers(0.1, 1.0), how=AS_GIVEN
    )
    @example(arrays=[np.float32(a) for a in ([4, 0], [0, 0], [0, 0], [4, 4])], t=1, decay=0.5, lr=1.0, how=np.asarray)
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=2, decay=0.5, lr=0.5, how=as_list)
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=3000, decay=8.0, lr=0.0, how=np.asarray)
    @example(arrays=[RANK_4, RANK_4, RANK_4, -RANK_4], t=2, decay=0.5, lr=16, how=np.asarray)
    @example(arrays=[ZERO + 1, ZERO, ZERO, ZERO], t=1, decay=8.0, lr=0.5, how=np.asarray)
    def test_decays_the_old_weights_and_steps_by_the_gradient_alone(self, arrays, t, decay, lr, how):
        """w ← w - ηλw first, then Adam's step with moments that know nothing of λ."""
        rates = {"epsilon": 1e-3, "weight_decay": decay}
        result = optimizers.adamw_step(*map(how, arrays), t, lr=as_rate(lr, np.float32, how), **rates)
        assert_adam(result, arrays, oracle.adamw(*arrays, t, lr=lr, **rates))

    @given(arrays=same_shape(2, size=1.0), t=STEP_NUMBERS, epsilon=numbers(1e-3, 1.0), betas=st.sampled_from([0, 1]))
    @example(arrays=[ZERO, np.float32([0.01, -0.01, 0.1])], t=1, epsilon=2.0**-7, betas=1)
    def test_adds_epsilon_outside_the_root_after_the_correction(self, arrays, t, epsilon, betas):
        """The step is Adam's, η·m̂/(√v̂ + ε), with the usual β as with β₁ = β₂ = 0."""
        w, g = arrays
        m = v = np.zeros_like(w)
        rates = {"lr": 0.5, "beta_1": 0.9 * betas, "beta_2": 0.999 * betas, "epsilon": epsilon, "weight_decay": 0.25}
        result = optimizers.adamw_step(w, m, v, g, t, **rates)
        assert_adam(result, [w, m, v, g], oracle.adamw(w, m, v, g, t, **rates))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, dtype=STEP_DTYPES)
    @example(arrays=FAINT, t=1, dtype=np.int64)
    @example(arrays=FAINT, t=200, dtype=np.uint8)
    @example(arrays=FAINT, t=7, dtype=np.float16)
    def test_takes_the_step_number_as_a_tensor_too(self, arrays, t, dtype):
        """`t` may be a rank-0 tensor of any dtype; the defaults are Adam's, and a decay of 1e-4."""
        result = optimizers.adamw_step(*map(tensor, arrays), tensor(t, dtype))
        assert_adam(result, arrays, oracle.adamw(*arrays, t))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, beta_1=BETAS_1, beta_2=BETAS_2)
    def test_is_adam_without_decay(self, arrays, t, beta_1, beta_2):
        """With λ = 0 the step is Adam's, for any β₁ and β₂."""
        rates = {"lr": 0.5, "beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-3}
        result = optimizers.adamw_step(*arrays, t, **rates, weight_decay=0.0)
        assert_adam(result, arrays, oracle.adam(*arrays, t, **rates))

    @examples(25)
    @given(arrays=moderate(4, [np.float64]), t=STEP_NUMBERS, decay=st.sampled_from([None, 0.1]))
    @example(arrays=[np.array([1.0])] * 4, t=1, decay=None)
    def test_keeps_the_dtype(self, arrays, t, decay):
        """float64 weights and moments stay float64, with all digits of the defaults, of the rate and of the decay."""
        rates = {"lr": 0.1, "epsilon": 0.001} | ({} if decay is None else {"weight_decay": decay})
        result = optimizers.adamw_step(*arrays, t, **rates)
        assert_adam(result, arrays, oracle.adamw(*arrays, t, **rates))

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(
            optimizers.adamw_step,
            np.float32([1, 2]),
            np.float32([0.5, 0.25]),
            np.float32([0.5, 0.25]),
            np.float32([4, -2]),
            1,
        )

    @examples(3)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, lr=numbers(0.01, 1.0))
    @example(arrays=DOUBLES, t=3001, lr=0.1)
    def test_same_inside_tf_function(self, arrays, t, lr):
        """Inside tf.function, where arrays, step number and rate are symbolic, the result is the same."""
        tensors = {"t": np.int64(t)} | rate_beside(arrays[0], lr)
        rates = {"epsilon": 1e-3, "weight_decay": 0.25}
        result = here.in_graph_with_tensors(optimizers.adamw_step, *arrays, tensors=tensors, **rates)
        assert_adam(result, arrays, oracle.adamw(*arrays, t, lr=lr, **rates))

    @examples(8)
    @given(seed=strategies.seeds, lr=numbers(1e-3, 0.1), decay=numbers(0.0, 1.0))
    def test_a_training_of_25_steps_follows_the_formula(self, seed, lr, decay):
        """Step after step on its own state, from moments of 0: every step takes ηλ of the weights as they are."""
        w, m, v = tensor(ZERO + 8), tensor(ZERO), tensor(ZERO)
        exact = oracle.AdamStep(np.full(3, 8.0), *[np.zeros(3)] * 4)
        length = np.full(3, 8.0)
        for t, g in enumerate(gradients_of(seed, 25), start=1):
            w, m, v = parts(optimizers.adamw_step(w, m, v, g, t, lr=lr, weight_decay=decay), 3)
            exact = oracle.adamw(exact.w, exact.m, exact.v, g, t, lr=lr, weight_decay=decay)
            length += exact.noise
        assert_close(w, exact.w, dtype=np.float32, atol=(PLAIN + 64 * eps(np.float32)) * length)


RHOS = numbers(0.5, 0.99)
"""At least a half, for the reason given at BETAS_2."""


def assert_scaled(result, w, want):
    """Weights and state of RMSProp or Adagrad: no term cancels but w against the update."""
    new_w, new_s = parts(result, 2)
    want_w, want_s = want
    old_w = np.asarray(w, np.float64)
    assert_close(new_s, want_s, dtype=w.dtype, atol=TINY)
    assert_close(new_w, want_w, dtype=w.dtype, scale=np.abs(old_w) + np.abs(want_w - old_w), ulps=16, atol=TINY)


@pytest.mark.kata("rmsprop_step")
class TestRmspropStep:
    def test_worked_example(self):
        """s = 0.5·8 + 0.5·16 = 12, then w = 1 - 0.25·4/√(12 + 4) = 0.75."""
        w, s, g = (np.float32([number]) for number in (1, 8, 4))
        result = optimizers.rmsprop_step(w, s, g, lr=0.25, rho=0.5, epsilon=4.0)
        new_w, new_s = parts(result, 2)
        assert_close(new_s, np.array([0.5 * 8 + 0.5 * 16]), dtype=np.float32, ulps=4)
        assert_close(new_w, np.array([1 - 0.25 * 4 / 4]), dtype=np.float32, ulps=4)

    @given(
        arrays=same_shape(3, squares=[1]),
        lr=st.sampled_from([0.5, 0.0, 8.0]),
        rho=RHOS,
        epsilon=numbers(1e-7, 1.0),
        given_as=AS_GIVEN,
    )
    @example(arrays=[ZERO, ZERO, np.float32([0.01, -0.1, 1])], lr=0.5, rho=0.9, epsilon=2.0**-10, given_as=np.asarray)
    @example(arrays=[RANK_4, RANK_4, -RANK_4], lr=8, rho=0.5, epsilon=1e-7, given_as=as_list)
    @example(arrays=[ZERO + 1, ZERO + 1, np.float32([1, 0.5, -2])], lr=0.5, rho=0.0, epsilon=0.5, given_as=np.asarray)
    @example(
        arrays=[ZERO, np.float32([0, 1e8, 0]), np.float32([1e4, -100, 1e6])],
        lr=8.0,
        rho=0.9,
        epsilon=1e-7,
        given_as=np.asarray,
    )
    def test_divides_by_the_root_of_the_new_mean_square_plus_epsilon(self, arrays, lr, rho, epsilon, given_as):
        """s ← ρs + (1 - ρ)g², then w ← w - ηg/√(s + ε), ε inside the root."""
        rates = {"rho": rho, "epsilon": epsilon}
        result = optimizers.rmsprop_step(*map(given_as, arrays), lr=as_rate(lr, np.float32, given_as), **rates)
        assert_scaled(result, arrays[0], oracle.rmsprop(*arrays, lr=lr, **rates))

    @given(arrays=same_shape(2, size=1e-3))
    @example(arrays=[ZERO, ZERO])
    @example(arrays=[ZERO, np.float32([1e-4, -1e-3, 0])])
    def test_starts_gently_on_small_gradients(self, arrays):
        """From s = 0 and with the defaults (1e-3, 0.9, 1e-7) √ε = 3e-4 still counts; a gradient of 0 moves nothing."""
        w, g = arrays
        s = np.zeros_like(w)
        assert_scaled(optimizers.rmsprop_step(w, s, g), w, oracle.rmsprop(w, s, g))

    @examples(25)
    @given(arrays=moderate(3), lr=DECIMALS)
    @example(arrays=[np.array([1.0])] * 3, lr=0.1)
    def test_keeps_the_dtype(self, arrays, lr):
        """float64 weights and mean stay float64, with all digits of η, ρ and ε; float16 and bfloat16 ones stay too."""
        rates = {"lr": lr, "rho": 0.9, "epsilon": 0.1}
        assert_scaled(optimizers.rmsprop_step(*arrays, **rates), arrays[0], oracle.rmsprop(*arrays, **rates))

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(optimizers.rmsprop_step, W, STATE, G)

    @examples(3)
    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.01, 1.0), epsilon=numbers(1e-3, 1.0))
    @example(arrays=DOUBLES[1:], lr=0.1, epsilon=0.1)
    def test_same_inside_tf_function(self, arrays, lr, epsilon):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        rate = rate_beside(arrays[0], lr)
        result = here.in_graph_with_tensors(optimizers.rmsprop_step, *arrays, tensors=rate, epsilon=epsilon)
        assert_scaled(result, arrays[0], oracle.rmsprop(*arrays, lr=lr, epsilon=epsilon))

    @examples(8)
    @given(seed=strategies.seeds, rho=numbers(0.5, 0.99))
    def test_a_training_of_25_steps_follows_the_formula(self, seed, rho):
        """Step after step on its own state: a mean that forgets, so the steps do not die out."""
        w = s = tensor(ZERO)
        exact, length = (np.zeros(3), np.zeros(3)), np.zeros(3)
        for g in gradients_of(seed, 25):
            before = exact[0]
            w, s = parts(optimizers.rmsprop_step(w, s, g, lr=0.1, rho=rho), 2)
            exact = oracle.rmsprop(*exact, g, lr=0.1, rho=rho)
            length += np.abs(exact[0] - before)
        assert_close(w, exact[0], dtype=np.float32, atol=64 * eps(np.float32) * length)


@pytest.mark.kata("adagrad_step")
class TestAdagradStep:
    def test_worked_example(self):
        """s = 5 + 9 = 14, then w = 1 - 0.5·3/√(14 + 2) = 0.625."""
        w, s, g = (np.float32([number]) for number in (1, 5, 3))
        new_w, new_s = parts(optimizers.adagrad_step(w, s, g, lr=0.5, epsilon=2.0), 2)
        assert_close(new_s, np.array([5.0 + 9.0]), dtype=np.float32, ulps=4)
        assert_close(new_w, np.array([1 - 0.5 * 3 / 4]), dtype=np.float32, ulps=4)

    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.0, 8.0), epsilon=numbers(1e-7, 1.0), given_as=AS_GIVEN)
    @example(arrays=[ZERO, ZERO, ZERO + 1], lr=0.0, epsilon=0.5, given_as=np.asarray)
    @example(arrays=[ZERO, ZERO, np.float32([0.01, -0.1, 1])], lr=0.5, epsilon=2.0**-7, given_as=np.asarray)
    @example(arrays=[RANK_4, RANK_4, -RANK_4], lr=0.5, epsilon=1e-7, given_as=as_list)
    @example(
        arrays=[ZERO, np.float32([0, 1e8, 0]), np.float32([1e4, -100, 1e6])], lr=8.0, epsilon=1e-7, given_as=np.asarray
    )
    def test_divides_by_the_root_of_the_new_sum_of_squares_plus_epsilon(self, arrays, lr, epsilon, given_as):
        """s ← s + g², then w ← w - ηg/√(s + ε), ε inside the root."""
        rate = as_rate(lr, np.float32, given_as)
        result = optimizers.adagrad_step(*map(given_as, arrays), lr=rate, epsilon=epsilon)
        assert_scaled(result, arrays[0], oracle.adagrad(*arrays, lr=lr, epsilon=epsilon))

    @given(arrays=same_shape(2, size=1e-3))
    @example(arrays=[ZERO, ZERO])
    @example(arrays=[ZERO, np.float32([1e-4, -1e-3, 0])])
    def test_starts_gently_on_small_gradients(self, arrays):
        """From s = 0 and with the defaults (1e-2, 1e-7) √ε = 3e-4 still counts; a gradient of 0 moves nothing."""
        w, g = arrays
        s = np.zeros_like(w)
        assert_scaled(optimizers.adagrad_step(w, s, g), w, oracle.adagrad(w, s, g))

    @examples(25)
    @given(arrays=moderate(3), lr=DECIMALS)
    @example(arrays=[np.array([1.0])] * 3, lr=0.1)
    def test_keeps_the_dtype(self, arrays, lr):
        """float64 weights and sum stay float64, with all digits of η and ε; float16 and bfloat16 ones stay too."""
        result = optimizers.adagrad_step(*arrays, lr=lr, epsilon=0.1)
        assert_scaled(result, arrays[0], oracle.adagrad(*arrays, lr=lr, epsilon=0.1))

    def test_changes_no_variable(self):
        """Where the arrays are tf.Variables they keep their values: the new ones are in what comes back."""
        assert_leaves_variables(optimizers.adagrad_step, W, STATE, G)

    @examples(3)
    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.01, 1.0), epsilon=numbers(1e-3, 1.0))
    @example(arrays=DOUBLES[1:], lr=0.1, epsilon=0.1)
    def test_same_inside_tf_function(self, arrays, lr, epsilon):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        rate = rate_beside(arrays[0], lr)
        result = here.in_graph_with_tensors(optimizers.adagrad_step, *arrays, tensors=rate, epsilon=epsilon)
        assert_scaled(result, arrays[0], oracle.adagrad(*arrays, lr=lr, epsilon=epsilon))

    @examples(8)
    @given(seed=strategies.seeds)
    def test_a_training_of_25_steps_follows_the_formula(self, seed):
        """Step after step on its own state: the sum never shrinks, so the steps get ever shorter."""
        w = s = tensor(ZERO)
        exact, length = (np.zeros(3), np.zeros(3)), np.zeros(3)
        for g in gradients_of(seed, 25):
            before = exact[0]
            w, s = parts(optimizers.adagrad_step(w, s, g, lr=0.5), 2)
            exact = oracle.adagrad(*exact, g, lr=0.5)
            length += np.abs(exact[0] - before)
        assert_close(w, exact[0], dtype=np.float32, atol=64 * eps(np.float32) * length)


def assert_path(actual, weights, gradients, rates, gamma, nesterov):
    """After every step, each of the variables is where momentum with its own velocity takes it.

    A gradient of None leaves variable and velocity alone in that step.
    """
    for i, w in enumerate(weights):
        own = [(step[i], rate) for step, rate in zip(gradients, rates, strict=True) if step[i] is not None]
        path = [w, *oracle.momentum_weights(w, [g for g, _ in own], [rate for _, rate in own], gamma, nesterov)]
        scale = np.abs(np.asarray(path, np.float64)).max() + 10 * max(float(np.abs(g).max()) for g, _ in own)
        done = 0
        for step, yours in enumerate(actual):
            done += gradients[step][i] is not None
            held, want = np.asarray(yours[i], np.float64), np.asarray(path[done], np.float64)
            off = 64 * eps(w.dtype) * scale
            expect(
                held.shape == want.shape and np.allclose(held, want, rtol=0, atol=off),
                f"Variable {i + 1} is not where it must be after step {step + 1}.",
                yours=held,
                expected=want,
            )


def regression(seed):
    """Start weights, inputs and targets of a small linear regression."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(6, 2)).astype(np.float32)
    y = x @ np.float32([[2], [-1]]) + 1
    return np.float32([[0.5], [0.25]]), x, y


def assert_regression(w, seed, rates, gamma, nesterov):
    start, x, y = regression(seed)
    exact = oracle.momentum_regression(start, x, y, rates, gamma, nesterov)
    scale = max(1.0, float(np.abs(exact).max()))
    held = np.asarray(w, np.float64)
    # The gradient is computed from the weights, so a rounding is carried on and may grow a little with every step.
    expect(np.allclose(held, exact, rtol=0, atol=1e-4 * scale), "The weights are wrong.", yours=held, expected=exact)


@st.composite
def variables_and_gradients(draw, steps, *, others=(np.float32, np.float64, np.float16, ml_dtypes.bfloat16)):
    """Two or three variables of different shapes, the second perhaps of another dtype, and gradients for the steps."""
    shapes = draw(st.sampled_from([[(3,), (2, 1)], [(2, 3), (), (4,)], [(1,), (1,)]]))
    dtypes = [np.float32, draw(st.sampled_from(others)), np.float32]
    random = np.random.default_rng(draw(strategies.seeds))
    like = list(zip(shapes, dtypes, strict=False))
    weights = [np.asarray(random.normal(size=shape), dtype) for shape, dtype in like]
    gradients = [[np.asarray(random.normal(size=shape), dtype) for shape, dtype in like] for _ in range(steps)]
    return weights, gradients


DOUBLE = [np.array([1e-10])], [[np.array([1e-9 / (n + 3)])] for n in range(20)]
"""A float64 variable, and gradients that float32 would round; small ones, for which a velocity must not be cut off."""

GAMMAS = st.one_of(st.just(0.0), numbers(0.25, 0.95), numbers(0.25, 0.95))

UNSET = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "gradient_accumulation_steps")
OTHERS = [
    {"global_clipnorm": 0.5},
    {"clipnorm": 0.5, "weight_decay": 0.25},
    {
        "clipvalue": 0.5,
        "use_ema": True,
        "ema_momentum": 0.5,
        "gradient_accumulation_steps": 2,
        "loss_scale_factor": 2.0,
    },
]
"""Options of the base class, as `**kwargs` may bring them."""


@pytest.mark.kata("MomentumSGD")
class TestMomentumSGD:
    def test_worked_example(self):
        """With η = 0.25, γ = 0.5 and g = 4 twice: v = 1, w = 1 - 1; v = 0.5 + 1, w = 0 - 1.5."""
        gradients = [[np.float32(4)], [np.float32(4)]]
        path = here.trajectory(optimizers.MomentumSGD, [np.float32(1)], gradients, [0.25, 0.25], momentum=0.5)
        assert_number(path[0][0], 0.0, rel=0, abs=1e-6)
        assert_number(path[1][0], -1.5, rel=1e-6)

    @examples(6)
    @given(drawn=variables_and_gradients(20), gamma=GAMMAS, nesterov=st.booleans(), lr=numbers(0.01, 0.5))
    @example(drawn=DOUBLE, gamma=0.9, nesterov=True, lr=0.5)
    @example(drawn=DOUBLE, gamma=0.0, nesterov=False, lr=0.5)
    def test_walks_the_path_of_momentum_with_a_velocity_for_each_variable(self, drawn, gamma, nesterov, lr):
        """20 steps with drawn gradients, classical or Nesterov, variables of different shapes and dtypes."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [lr] * 20
        path = here.trajectory(make, weights, gradients, rates, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, gamma, nesterov)

    @examples(4)
    @given(drawn=variables_and_gradients(6), gamma=GAMMAS, nesterov=st.booleans(), falling=numbers(0.25, 0.75))
    def test_follows_a_schedule(self, drawn, gamma, nesterov, falling):
        """When a schedule lowers the rate, each gradient keeps the rate with which it entered the velocity."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [float(np.float32(0.5 * falling**k)) for k in range(6)]
        path = here.trajectory(make, weights, gradients, rates, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, gamma, nesterov)

    @examples(4)
    @given(drawn=variables_and_gradients(6), gamma=GAMMAS, nesterov=st.booleans(), seed=strategies.seeds)
    def test_leaves_alone_what_has_no_gradient(self, drawn, gamma, nesterov, seed):
        """Variables that a step brings no gradient for stay, and so do their velocities; the others go their way."""
        weights, gradients = drawn
        here_and_there = np.random.default_rng(seed).random((6, len(weights))) < 0.5
        here_and_there[0], here_and_there[1:3, 0], here_and_there[3:5, -1] = True, False, True
        some = [[g if has else None for g, has in zip(*step, strict=True)] for step in zip(gradients, here_and_there)]
        make, rates = optimizers.MomentumSGD, [0.25] * 6
        path = here.trajectory(make, weights, some, rates, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, some, rates, gamma, nesterov)

    @examples(3)
    @given(seed=strategies.seeds, gamma=GAMMAS, nesterov=st.booleans(), graph=st.just(False))
    @example(seed=1, gamma=0.5, nesterov=False, graph=True)
    def test_takes_the_gradient_of_an_embedding(self, seed, gamma, nesterov, graph):
        """Rows that a batch did not look up have a gradient of 0; a row that it looked up twice has the sum of both."""
        random = np.random.default_rng(seed)
        table = random.normal(size=(4, 2)).astype(np.float32)
        rows = [[2, 0, 2], [1, 1, 0], [3, 2, 3], [0, 1, 2]]
        values = random.normal(size=(4, 3, 2)).astype(np.float32)
        whole = [np.zeros_like(table) for _ in rows]
        for dense, at, value in zip(whole, rows, values, strict=True):
            np.add.at(dense, at, value)
        options = {"graph": graph, "momentum": gamma, "nesterov": nesterov}
        path = here.embedding_trajectory(optimizers.MomentumSGD, table, rows, values, 0.25, **options)
        assert_path([[after] for after in path], [table], [[g] for g in whole], [0.25] * 4, gamma, nesterov)

    # Not in half precision: there Keras' own unscaling hands on a float32 gradient, which nobody was told of.
    @examples(1)
    @given(drawn=variables_and_gradients(4, others=(np.float32, np.float64)), nesterov=st.booleans())
    def test_works_inside_a_loss_scale_optimizer(self, drawn, nesterov):
        """As mixed precision has it: the gradients arrive scaled, the weights go as they would without a scale."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [0.25] * 4
        path = here.trajectory(make, weights, gradients, rates, loss_scale=8.0, momentum=0.5, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, 0.5, nesterov)

    @examples(2)
    @given(drawn=variables_and_gradients(5), gamma=GAMMAS, nesterov=st.booleans())
    def test_remembers_its_velocities_inside_tf_function(self, drawn, gamma, nesterov):
        """The same path when the update runs in tf.function, which executes its Python once."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [0.5, 0.25, 0.25, 0.25, 0.125]
        path = here.trajectory(make, weights, gradients, rates, graph=True, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, gamma, nesterov)

    @examples(1)
    @given(seed=strategies.seeds, nesterov=st.booleans())
    def test_can_be_compiled_and_fitted(self, seed, nesterov):
        """`model.compile(optimizer=MomentumSGD(…))`, then `fit`: the weights of a linear model after four epochs."""
        rates = [0.1, 0.1, 0.05, 0.05]
        w = here.fitted(optimizers.MomentumSGD, *regression(seed), rates, momentum=0.5, nesterov=nesterov)
        assert_regression(w, seed, rates, 0.5, nesterov)

    @examples(2)
    @given(seed=strategies.seeds, nesterov=st.booleans())
    def test_goes_on_where_it_was_saved(self, seed, nesterov):
        """A model saved after three steps and loaded again walks on as if never interrupted, velocity and all."""
        rates = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05]
        make = optimizers.MomentumSGD
        w = here.resumed(make, *regression(seed), rates, saved_after=3, momentum=0.75, nesterov=nesterov)
        assert_regression(w, seed, rates, 0.75, nesterov)

    @examples(10)
    @given(lr=numbers(0.01, 1.0), gamma=numbers(0.0, 0.99), nesterov=st.booleans(), other=st.sampled_from(OTHERS))
    @example(lr=0.5, gamma=0.25, nesterov=True, other=OTHERS[0])
    @example(lr=0.5, gamma=0.25, nesterov=True, other=OTHERS[1])
    @example(lr=0.5, gamma=0.0, nesterov=False, other=OTHERS[2])
    def test_config_gives_back_an_equal_one(self, lr, gamma, nesterov, other):
        """`get_config` holds learning rate, momentum, nesterov, name and the base class's options, as plain data."""
        options = {"momentum": gamma, "nesterov": nesterov, "name": "mine", **other}
        # By position, in the order of the signature: learning rate, momentum, nesterov, name.
        configs = here.configuration(optimizers.MomentumSGD(lr, gamma, nesterov, "mine", **other))
        for which, config in configs.items():
            missing = sorted(options.keys() - config.keys())
            expect(not missing, "The configuration must name every option.", yours=f"none for {', '.join(missing)}")
            for name, value in options.items():
                same = isinstance(config[name], type(value) | int) and config[name] == value
                expect(same, f"{name} is not what it was ({which}).", yours=config[name], expected=value)
            assert_number(config["learning_rate"], lr, rel=1e-6)

    def test_defaults(self):
        """Without arguments: rate 0.01, momentum 0.9, no look ahead, its own name, and no option of the base class."""
        config = here.configuration(optimizers.MomentumSGD())["config"]
        assert_number(config["learning_rate"], 0.01, rel=1e-6)
        assert_equal((config["momentum"], config["nesterov"], config["name"]), (0.9, False, "momentum_sgd"))
        changed = {name: config[name] for name in UNSET if config.get(name)}
        expect(not changed, "An option of the base class is set that nobody asked for.", yours=changed, expected={})

    @examples(3)
    @given(drawn=variables_and_gradients(5, others=[np.float32]), nesterov=st.booleans())
    def test_hands_other_options_to_the_base_class(self, drawn, nesterov):
        """`global_clipnorm=0.5` in **kwargs: all gradients together are scaled down to that norm first."""
        weights, gradients = drawn
        options = {"momentum": 0.5, "nesterov": nesterov, "global_clipnorm": 0.5}
        path = here.trajectory(optimizers.MomentumSGD, weights, gradients, [0.25] * 5, **options)
        clipped = [oracle.clipped(step, 0.5) for step in gradients]
        assert_path(path, weights, clipped, [0.25] * 5, 0.5, nesterov)

    @examples(2)
    @given(start=numbers(1.0, 4.0), nesterov=st.booleans())
    def test_decays_the_weights_where_asked_to(self, start, nesterov):
        """`weight_decay=0.5` in **kwargs: before each step the base class takes the share η·0.5 of the weights away."""
        make, gradients = optimizers.MomentumSGD, [1.0, -2.0, 0.5]
        options = {"momentum": 0.5, "nesterov": nesterov, "weight_decay": 0.5}
        path = here.trajectory(make, [np.float32(start)], [[np.float32(g)] for g in gradients], [0.25] * 3, **options)
        w, v = np.float64(start), np.float64(0)
        for (held,), g in zip(path, gradients, strict=True):
            w, v = oracle.momentum(w * (1 - 0.25 * 0.5), v, g, 0.25, 0.5, nesterov)
            assert_number(held, float(w), rel=1e-5, abs=1e-5)


CHEAT_SHEET = {
    "default": ("Adam", 1e-3, {}),
    "transformer": ("AdamW", 1e-3, {"weight_decay": 1e-4}),
    "vision": ("SGD", 1e-2, {"momentum": 0.9}),
    "recurrent": ("RMSprop", 1e-3, {"global_clipnorm": 1.0}),
    "sparse": ("Adagrad", 1e-2, {}),
}
USES = st.sampled_from(sorted(CHEAT_SHEET))


def assert_chosen(optimizer, use, rate=None):
    name, default, options = CHEAT_SHEET[use]
    found = here.described(optimizer)
    expect(found["class"] == name, "It is another optimizer.", yours=found["class"], expected=name)
    expect(found["changed"] == options, "Other options are set.", yours=found["changed"], expected=options)
    assert_number(found["learning_rate"], default if rate is None else rate, rel=1e-6)


@pytest.mark.kata("choose_optimizer")
class TestChooseOptimizer:
    @examples(10)
    @given(use=USES)
    @example(use="default")
    @example(use="transformer")
    @example(use="vision")
    @example(use="recurrent")
    @example(use="sparse")
    def test_follows_the_cheat_sheet(self, use):
        """The class, the rate and the options of the table, everything else as Keras sets it."""
        assert_chosen(optimizers.choose_optimizer(use), use)

    @examples(15)
    @given(use=USES, rate=numbers(1e-5, 1.0))
    @example(use="default", rate=0.0)
    @example(use="vision", rate=0.0)
    def test_a_given_rate_takes_the_place_of_the_default(self, use, rate):
        """`learning_rate` replaces the table's rate and nothing else; 0.0 is a rate like any other."""
        assert_chosen(optimizers.choose_optimizer(use, learning_rate=rate), use, rate)

    @examples(5)
    @given(use=USES)
    def test_takes_a_schedule_as_the_rate(self, use):
        """With a LearningRateSchedule the optimizer's rate changes from update to update."""
        optimizer = optimizers.choose_optimizer(use, learning_rate=here.schedule([0.5, 0.25, 0.125]))
        for rate, want in zip(here.rates_in_use(optimizer, 3), [0.5, 0.25, 0.125], strict=True):
            assert_number(rate, want, rel=1e-6)

    @examples(25)
    @given(use=st.text(max_size=8).filter(lambda use: use not in CHEAT_SHEET))
    @example(use="")
    @example(use="adam")
    @example(use="Default")
    @example(use="def")
    @example(use="trans")
    @example(use="default ")
    def test_refuses_any_other_use(self, use):
        """Any other use is a ValueError that names `use`."""
        assert_value_error("use", optimizers.choose_optimizer, use)

    @examples(10)
    @given(use=USES, rate=st.sampled_from([None, 0.25, "schedule"]))
    def test_makes_a_new_optimizer_at_every_call(self, use, rate):
        """An optimizer belongs to the variables it first saw, so the next model needs another."""
        rate = here.schedule([0.5, 0.25]) if rate == "schedule" else rate
        first, second = (optimizers.choose_optimizer(use, learning_rate=rate) for _ in range(2))
        same = here.are_one_object(first, second)
        expect(not same, "Two calls must give two optimizers.", yours="the same one twice")
