"""The laws of chapter 3: optimizers."""

from collections.abc import Sequence
from typing import Any

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

Array = np.ndarray[Any, Any]

PLAIN = 3e-5
"""What a plain float32 Adam may be off, relative to the update: 1 - 0.999 is right to 1.3e-5 only."""

TINY = 1e-30
"""Where a product falls below the smallest normal float32, 1.2e-38, it may become 0."""

ZERO = np.zeros(3, np.float32)
SHAPES = strategies.shapes(min_dims=0, max_dims=2, max_side=3)
AS_GIVEN = st.sampled_from([np.asarray, tensor])
"""Arrays reach the kata as NumPy arrays or as tensors."""


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """A hyperparameter: a Python float that float32 holds exactly, so that no cast changes it."""
    low, high = float(np.float32(low)), float(np.float32(high))
    return st.floats(low, high, width=32, allow_subnormal=False)


@st.composite
def same_shape(draw: st.DrawFn, count: int, *, size: float = 10.0, squares: Sequence[int] = ()) -> list[Array]:
    """`count` float32 arrays of one shape, those numbered in `squares` not negative."""
    # Drawn in one piece and taken apart: what costs time is the drawing of an array, not its size.
    whole = draw(strategies.arrays((count, *draw(SHAPES)), low=-size, high=size))
    return [np.asarray(np.abs(array) if i in squares else array) for i, array in enumerate(whole)]


@st.composite
def moderate(draw: st.DrawFn, count: int) -> list[Array]:
    """`count` arrays of one shape and one dtype, with values that even float16 squares and divides without trouble."""
    dtype = draw(st.sampled_from((np.float64, np.float16)))
    whole = draw(strategies.arrays((count, *draw(SHAPES)), low=0.25, high=2.0, dtype=dtype))
    return [np.asarray(array) for array in whole]


def parts(result: Any, count: int) -> Any:
    """The `count` values that a step function returns together."""
    expect(
        isinstance(result, tuple | list) and len(result) == count,
        f"{count} values must come back together, as a tuple.",
        yours=type(result).__name__ if not isinstance(result, tuple | list) else f"{len(result)} values",
    )
    return result


def gradients_of(seed: int, steps: int, shape: tuple[int, ...] = (3,)) -> list[Array]:
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
    def test_goes_against_the_gradient_in_proportion_to_it(self, arrays, lr, given_as):
        """w - η·g, for weights of any shape, given as arrays or tensors."""
        w, g = arrays
        new_w = optimizers.sgd_step(given_as(w), given_as(g), lr=lr)
        assert_close(new_w, oracle.sgd(w, g, lr), dtype=np.float32, scale=np.abs(w) + lr * np.abs(g), ulps=4, atol=TINY)

    @examples(20)
    @given(arrays=moderate(2), lr=numbers(0.125, 1.0))
    def test_keeps_the_dtype_of_the_weights(self, arrays, lr):
        """float64 weights stay float64, with all their digits; float16 ones stay float16."""
        w, g = arrays
        new_w = optimizers.sgd_step(w, g, lr=lr)
        assert_close(new_w, oracle.sgd(w, g, lr), dtype=w.dtype, scale=np.abs(w) + lr * np.abs(g), ulps=4, atol=TINY)

    @examples(3)
    @given(arrays=same_shape(2), lr=numbers(0.0, 2.0))
    def test_works_inside_a_graph_with_the_rate_as_a_tensor(self, arrays, lr):
        """Inside tf.function, where weights, gradient and rate are symbolic, the result is the same."""
        w, g = arrays
        new_w = here.in_graph_with_tensors(optimizers.sgd_step, w, g, tensors={"lr": np.float32(lr)})
        assert_close(new_w, oracle.sgd(w, g, lr), dtype=np.float32, scale=np.abs(w) + lr * np.abs(g), ulps=4, atol=TINY)


def assert_momentum(result: Any, w: Array, v: Array, g: Array, lr: float, gamma: float, nesterov: bool) -> None:
    new_w, new_v = parts(result, 2)
    want_w, want_v = oracle.momentum(w, v, g, lr, gamma, nesterov)
    push = gamma * np.abs(v, dtype=np.float64) + lr * np.abs(g, dtype=np.float64)
    assert_close(new_v, want_v, dtype=w.dtype, scale=push, ulps=4, atol=TINY)
    assert_close(new_w, want_w, dtype=w.dtype, scale=np.abs(w) + 2 * push, ulps=4, atol=TINY)


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

    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.99), given_as=AS_GIVEN)
    def test_velocity_first_then_the_weights_by_the_new_velocity(self, arrays, lr, gamma, given_as):
        """v ← γv + ηg, then w ← w - v."""
        result = optimizers.momentum_step(*map(given_as, arrays), lr=lr, momentum=gamma)
        assert_momentum(result, *arrays, lr, gamma, nesterov=False)

    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.99), given_as=AS_GIVEN)
    def test_nesterov_looks_ahead_with_the_new_velocity(self, arrays, lr, gamma, given_as):
        """v ← γv + ηg, then w ← w - (γv + ηg) with the v just computed."""
        result = optimizers.momentum_step(*map(given_as, arrays), lr=lr, momentum=gamma, nesterov=True)
        assert_momentum(result, *arrays, lr, gamma, nesterov=True)

    @examples(25)
    @given(arrays=same_shape(3), lr=numbers(0.0, 1.0))
    def test_keeps_nine_tenths_unless_told_otherwise(self, arrays, lr):
        """Without `momentum`, γ is 0.9."""
        assert_momentum(optimizers.momentum_step(*arrays, lr=lr), *arrays, lr, 0.9, nesterov=False)

    @examples(20)
    @given(arrays=moderate(3), lr=numbers(0.125, 1.0), nesterov=st.booleans())
    def test_keeps_the_dtype_of_the_weights(self, arrays, lr, nesterov):
        """float64 weights and velocity stay float64, float16 ones stay float16."""
        result = optimizers.momentum_step(*arrays, lr=lr, momentum=0.75, nesterov=nesterov)
        assert_momentum(result, *arrays, lr, 0.75, nesterov)

    @examples(3)
    @given(arrays=same_shape(3), lr=numbers(0.0, 2.0), gamma=numbers(0.0, 0.99), nesterov=st.booleans())
    def test_works_inside_a_graph_with_the_rate_as_a_tensor(self, arrays, lr, gamma, nesterov):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        step, rate = optimizers.momentum_step, {"lr": np.float32(lr)}
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

DEFAULT_OR_SHORT = st.sampled_from([0.999, 0.9])
STEP_NUMBERS = st.one_of(st.integers(1, 5), st.integers(1, 2000))


def assert_adam(result: Any, old: Sequence[Array], want: oracle.AdamStep) -> None:
    """Moments and weights; of each part of a sum, PLAIN is allowed besides the rounding of the dtype."""
    new_w, new_m, new_v = parts(result, 3)
    w, m, v, g = (np.abs(np.asarray(array, np.float64)) for array in old)
    dtype = old[0].dtype
    rounding = 16 * eps(dtype)
    assert_close(new_m, want.m, dtype=dtype, atol=(PLAIN + rounding) * (m + g) + TINY)
    assert_close(new_v, want.v, dtype=dtype, atol=(PLAIN + rounding) * (v + g**2) + TINY)
    off = (PLAIN + rounding) * np.abs(want.update) + rounding * want.noise + 4 * eps(dtype) * w + TINY
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
    def test_follows_the_formula(self, arrays, t, beta_1, beta_2, given_as):
        """Moments are averaged, corrected by 1 - βᵗ for this step only, and w ← w - η·m̂/(√v̂ + ε)."""
        rates = {"lr": 0.5, "beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-3}
        result = optimizers.adam_step(*map(given_as, arrays), t, **rates)
        assert_adam(result, arrays, oracle.adam(*arrays, t, **rates))

    @given(arrays=same_shape(2, size=1.0), t=STEP_NUMBERS, epsilon=numbers(1e-3, 1.0), beta_2=DEFAULT_OR_SHORT)
    @example(arrays=[ZERO, np.float32([0.01, -0.01, 0.1])], t=1, epsilon=2.0**-7, beta_2=0.999)
    @example(arrays=[ZERO, np.float32([0.5, -0.25, 1.0])], t=3, epsilon=2.0**-3, beta_2=0.9)
    def test_adds_epsilon_outside_the_root_after_the_correction(self, arrays, t, epsilon, beta_2):
        """Where gradients are as small as ε, its place shows: √v̂ + ε, with the corrected v̂."""
        w, g = arrays
        m = v = np.zeros_like(w)
        rates = {"lr": 0.5, "beta_2": beta_2, "epsilon": epsilon}
        result = optimizers.adam_step(w, m, v, g, t, **rates)
        assert_adam(result, [w, m, v, g], oracle.adam(w, m, v, g, t, **rates))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, dtype=st.sampled_from([np.int64, np.int32, np.float32]))
    def test_takes_the_step_number_as_a_tensor_too(self, arrays, t, dtype):
        """`t` may be a rank-0 integer tensor, as `optimizer.iterations` is; the defaults are 1e-3, 0.9, 0.999, 1e-7."""
        result = optimizers.adam_step(*map(tensor, arrays), tensor(t, dtype))
        assert_adam(result, arrays, oracle.adam(*arrays, t))

    @examples(20)
    @given(w=strategies.arrays(SHAPES), t=STEP_NUMBERS)
    def test_stands_still_without_a_gradient(self, w, t):
        """With zeros for gradient and moments the weights stay as they are, and nothing becomes a NaN."""
        zero = np.zeros_like(w)
        new_w, _, _ = parts(optimizers.adam_step(w, zero, zero, zero, t), 3)
        assert_close(new_w, w, dtype=np.float32, ulps=1)

    @examples(20)
    @given(arrays=moderate(4), t=st.integers(1, 10))
    def test_keeps_the_dtype_of_the_weights(self, arrays, t):
        """float64 weights and moments stay float64, float16 ones stay float16."""
        rates = {"lr": 0.125, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.125}
        result = optimizers.adam_step(*arrays, t, **rates)
        assert_adam(result, arrays, oracle.adam(*arrays, t, **rates))

    @examples(3)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, lr=numbers(0.01, 1.0))
    def test_works_inside_a_graph(self, arrays, t, lr):
        """Inside tf.function, where arrays, step number and rate are symbolic, the result is the same."""
        tensors = {"t": np.int64(t), "lr": np.float32(lr)}
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
    def test_worked_example_without_a_gradient(self):
        """Only the decay is left: 8 - 0.5·0.25·8 = 7, and both moments stay 0."""
        w, zero = np.float32([8]), np.float32([0])
        result = optimizers.adamw_step(w, zero, zero, zero, 1, lr=0.5, weight_decay=0.25)
        new_w, new_m, new_v = parts(result, 3)
        assert_close(new_m, np.zeros(1), dtype=np.float32)
        assert_close(new_v, np.zeros(1), dtype=np.float32)
        assert_close(new_w, np.array([8 - 0.5 * 0.25 * 8]), dtype=np.float32, ulps=4)

    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, decay=numbers(0.0, 1.0), lr=numbers(0.1, 1.0))
    @example(arrays=[np.float32(a) for a in ([4, 0], [0, 0], [0, 0], [4, 4])], t=1, decay=0.5, lr=1.0)
    def test_decays_the_old_weights_and_steps_by_the_gradient_alone(self, arrays, t, decay, lr):
        """w ← w - ηλw first, then Adam's step with moments that know nothing of λ."""
        rates = {"lr": lr, "epsilon": 1e-3, "weight_decay": decay}
        result = optimizers.adamw_step(*arrays, t, **rates)
        assert_adam(result, arrays, oracle.adamw(*arrays, t, **rates))

    @given(arrays=same_shape(2, size=1.0), t=STEP_NUMBERS, epsilon=numbers(1e-3, 1.0))
    @example(arrays=[ZERO, np.float32([0.01, -0.01, 0.1])], t=1, epsilon=2.0**-7)
    def test_adds_epsilon_outside_the_root_after_the_correction(self, arrays, t, epsilon):
        """The step is Adam's: η·m̂/(√v̂ + ε)."""
        w, g = arrays
        m = v = np.zeros_like(w)
        rates = {"lr": 0.5, "epsilon": epsilon, "weight_decay": 0.25}
        result = optimizers.adamw_step(w, m, v, g, t, **rates)
        assert_adam(result, [w, m, v, g], oracle.adamw(w, m, v, g, t, **rates))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, dtype=st.sampled_from([np.int64, np.int32, np.float32]))
    def test_takes_the_step_number_as_a_tensor_too(self, arrays, t, dtype):
        """`t` may be a rank-0 integer tensor; the defaults are Adam's, and a decay of 1e-4."""
        result = optimizers.adamw_step(*map(tensor, arrays), tensor(t, dtype))
        assert_adam(result, arrays, oracle.adamw(*arrays, t))

    @examples(25)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, beta_1=BETAS_1, beta_2=BETAS_2)
    def test_is_adam_without_decay(self, arrays, t, beta_1, beta_2):
        """With λ = 0 the step is Adam's, for any β₁ and β₂."""
        rates = {"lr": 0.5, "beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-3}
        result = optimizers.adamw_step(*arrays, t, **rates, weight_decay=0.0)
        assert_adam(result, arrays, oracle.adam(*arrays, t, **rates))

    @examples(20)
    @given(arrays=moderate(4), t=st.integers(1, 10))
    def test_keeps_the_dtype_of_the_weights(self, arrays, t):
        """float64 weights and moments stay float64, float16 ones stay float16."""
        rates = {"lr": 0.125, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.125, "weight_decay": 0.25}
        result = optimizers.adamw_step(*arrays, t, **rates)
        assert_adam(result, arrays, oracle.adamw(*arrays, t, **rates))

    @examples(3)
    @given(arrays=same_shape(4, squares=[2]), t=STEP_NUMBERS, lr=numbers(0.01, 1.0))
    def test_works_inside_a_graph(self, arrays, t, lr):
        """Inside tf.function, where arrays, step number and rate are symbolic, the result is the same."""
        tensors = {"t": np.int64(t), "lr": np.float32(lr)}
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


def assert_scaled(result: Any, w: Array, want: tuple[Array, Array]) -> None:
    """Weights and state of RMSProp or Adagrad: no term cancels but w against the update."""
    new_w, new_s = parts(result, 2)
    want_w, want_s = want
    assert_close(new_s, want_s, dtype=w.dtype, atol=TINY)
    assert_close(new_w, want_w, dtype=w.dtype, scale=np.abs(w) + np.abs(want_w - w), ulps=16, atol=TINY)


@pytest.mark.kata("rmsprop_step")
class TestRmspropStep:
    def test_worked_example(self):
        """s = 0.5·8 + 0.5·16 = 12, then w = 1 - 0.25·4/√(12 + 4) = 0.75."""
        w, s, g = (np.float32([number]) for number in (1, 8, 4))
        result = optimizers.rmsprop_step(w, s, g, lr=0.25, rho=0.5, epsilon=4.0)
        new_w, new_s = parts(result, 2)
        assert_close(new_s, np.array([0.5 * 8 + 0.5 * 16]), dtype=np.float32, ulps=4)
        assert_close(new_w, np.array([1 - 0.25 * 4 / 4]), dtype=np.float32, ulps=4)

    @given(arrays=same_shape(3, squares=[1]), rho=RHOS, epsilon=numbers(1e-7, 1.0), given_as=AS_GIVEN)
    @example(arrays=[ZERO, ZERO, np.float32([0.01, -0.1, 1])], rho=0.9, epsilon=2.0**-10, given_as=np.asarray)
    def test_divides_by_the_root_of_the_new_mean_square_plus_epsilon(self, arrays, rho, epsilon, given_as):
        """s ← ρs + (1 - ρ)g², then w ← w - ηg/√(s + ε), ε inside the root."""
        rates = {"lr": 0.5, "rho": rho, "epsilon": epsilon}
        result = optimizers.rmsprop_step(*map(given_as, arrays), **rates)
        assert_scaled(result, arrays[0], oracle.rmsprop(*arrays, **rates))

    @given(arrays=same_shape(2, size=1e-3))
    @example(arrays=[ZERO, ZERO])
    @example(arrays=[ZERO, np.float32([1e-4, -1e-3, 0])])
    def test_starts_gently_on_small_gradients(self, arrays):
        """From s = 0 and with the defaults (1e-3, 0.9, 1e-7) √ε = 3e-4 still counts; a gradient of 0 moves nothing."""
        w, g = arrays
        s = np.zeros_like(w)
        assert_scaled(optimizers.rmsprop_step(w, s, g), w, oracle.rmsprop(w, s, g))

    @examples(20)
    @given(arrays=moderate(3))
    def test_keeps_the_dtype_of_the_weights(self, arrays):
        """float64 weights and mean stay float64, float16 ones stay float16."""
        rates = {"lr": 0.125, "rho": 0.75, "epsilon": 0.125}
        assert_scaled(optimizers.rmsprop_step(*arrays, **rates), arrays[0], oracle.rmsprop(*arrays, **rates))

    @examples(3)
    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.01, 1.0), epsilon=numbers(1e-3, 1.0))
    def test_works_inside_a_graph_with_the_rate_as_a_tensor(self, arrays, lr, epsilon):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        rate = {"lr": np.float32(lr)}
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

    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.1, 1.0), epsilon=numbers(1e-7, 1.0), given_as=AS_GIVEN)
    @example(arrays=[ZERO, ZERO, np.float32([0.01, -0.1, 1])], lr=0.5, epsilon=2.0**-7, given_as=np.asarray)
    def test_divides_by_the_root_of_the_new_sum_of_squares_plus_epsilon(self, arrays, lr, epsilon, given_as):
        """s ← s + g², then w ← w - ηg/√(s + ε), ε inside the root."""
        result = optimizers.adagrad_step(*map(given_as, arrays), lr=lr, epsilon=epsilon)
        assert_scaled(result, arrays[0], oracle.adagrad(*arrays, lr=lr, epsilon=epsilon))

    @given(arrays=same_shape(2, size=1e-3))
    @example(arrays=[ZERO, ZERO])
    @example(arrays=[ZERO, np.float32([1e-4, -1e-3, 0])])
    def test_starts_gently_on_small_gradients(self, arrays):
        """From s = 0 and with the defaults (1e-2, 1e-7) √ε = 3e-4 still counts; a gradient of 0 moves nothing."""
        w, g = arrays
        s = np.zeros_like(w)
        assert_scaled(optimizers.adagrad_step(w, s, g), w, oracle.adagrad(w, s, g))

    @examples(20)
    @given(arrays=moderate(3))
    def test_keeps_the_dtype_of_the_weights(self, arrays):
        """float64 weights and sum stay float64, float16 ones stay float16."""
        result = optimizers.adagrad_step(*arrays, lr=0.125, epsilon=0.125)
        assert_scaled(result, arrays[0], oracle.adagrad(*arrays, lr=0.125, epsilon=0.125))

    @examples(3)
    @given(arrays=same_shape(3, squares=[1]), lr=numbers(0.01, 1.0), epsilon=numbers(1e-3, 1.0))
    def test_works_inside_a_graph_with_the_rate_as_a_tensor(self, arrays, lr, epsilon):
        """Inside tf.function, where arrays and rate are symbolic, the result is the same."""
        rate = {"lr": np.float32(lr)}
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


def assert_path(actual: list[list[Array]], weights: list[Array], gradients: list[list[Array]], *path: Any) -> None:
    """After every step, each of the variables is where momentum with its own velocity takes it."""
    for i, w in enumerate(weights):
        own = [step[i] for step in gradients]
        exact = oracle.momentum_weights(w, own, *path)
        scale = np.abs(exact).max() + 10 * np.abs(own).max()
        for step, (yours, want) in enumerate(zip(actual, exact, strict=True), start=1):
            held = np.asarray(yours[i], np.float64)
            off = 64 * eps(w.dtype) * scale
            expect(
                held.shape == want.shape and np.allclose(held, want, rtol=0, atol=off),
                f"Variable {i + 1} is not where it must be after step {step}.",
                yours=held,
                expected=want,
            )


def regression(seed: int) -> tuple[Array, Array, Array]:
    """Start weights, inputs and targets of a small linear regression."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(6, 2)).astype(np.float32)
    y = x @ np.float32([[2], [-1]]) + 1
    return np.float32([[0.5], [0.25]]), x, y


def assert_regression(w: Array, seed: int, rates: Sequence[float], gamma: float, nesterov: bool) -> None:
    start, x, y = regression(seed)
    exact = oracle.momentum_regression(start, x, y, rates, gamma, nesterov)
    scale = max(1.0, float(np.abs(exact).max()))
    held = np.asarray(w, np.float64)
    # The gradient is computed from the weights, so a rounding is carried on and may grow a little with every step.
    expect(np.allclose(held, exact, rtol=0, atol=1e-4 * scale), "The weights are wrong.", yours=held, expected=exact)


@st.composite
def variables_and_gradients(draw: st.DrawFn, steps: int) -> tuple[list[Array], list[list[Array]]]:
    """Two or three variables of different shapes, and gradients for so many steps."""
    shapes = draw(st.sampled_from([[(3,), (2, 1)], [(2, 3), (), (4,)], [(1,), (1,)]]))
    random = np.random.default_rng(draw(strategies.seeds))
    weights = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    gradients = [[random.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(steps)]
    return weights, gradients


GAMMAS = numbers(0.25, 0.95)


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
    def test_walks_the_path_of_momentum_with_a_velocity_for_each_variable(self, drawn, gamma, nesterov, lr):
        """20 steps with drawn gradients, classical or Nesterov, variables of different shapes."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [lr] * 20
        path = here.trajectory(make, weights, gradients, rates, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, gamma, nesterov)

    @examples(4)
    @given(drawn=variables_and_gradients(6), gamma=GAMMAS, nesterov=st.booleans(), falling=numbers(0.25, 0.75))
    def test_follows_a_schedule(self, drawn, gamma, nesterov, falling):
        """When a schedule lowers the rate, each gradient keeps the rate with which it entered the velocity."""
        weights, gradients = drawn
        make, rates = optimizers.MomentumSGD, [0.5 * falling**k for k in range(6)]
        path = here.trajectory(make, weights, gradients, rates, momentum=gamma, nesterov=nesterov)
        assert_path(path, weights, gradients, rates, gamma, nesterov)

    @examples(2)
    @given(drawn=variables_and_gradients(5), gamma=GAMMAS, nesterov=st.booleans())
    def test_remembers_its_velocities_inside_a_graph(self, drawn, gamma, nesterov):
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
    @given(lr=numbers(0.01, 1.0), gamma=numbers(0.0, 0.99), nesterov=st.booleans(), norm=numbers(0.5, 2.0))
    def test_can_be_made_again_from_its_configuration(self, lr, gamma, nesterov, norm):
        """`get_config` holds learning rate, momentum, nesterov, name and the base class's options."""
        options = {"momentum": gamma, "nesterov": nesterov, "name": "mine", "global_clipnorm": norm}
        configs = here.configuration(optimizers.MomentumSGD(lr, **options))
        for which, config in configs.items():
            missing = sorted(options.keys() - config.keys())
            expect(not missing, "The configuration must name every option.", yours=f"none for {', '.join(missing)}")
            for name, value in options.items():
                same = config[name] == value
                expect(same, f"{name} is not what it was ({which}).", yours=config[name], expected=value)
            assert_number(config["learning_rate"], lr, rel=1e-6)

    def test_defaults(self):
        """Without arguments: learning rate 0.01, momentum 0.9, without Nesterov's look ahead."""
        config = here.configuration(optimizers.MomentumSGD())["config"]
        assert_number(config["learning_rate"], 0.01, rel=1e-6)
        assert_equal((config["momentum"], config["nesterov"]), (0.9, False))

    @examples(3)
    @given(drawn=variables_and_gradients(5), nesterov=st.booleans())
    def test_hands_other_options_to_the_base_class(self, drawn, nesterov):
        """`global_clipnorm=0.5` in **kwargs: all gradients together are scaled down to that norm first."""
        weights, gradients = drawn
        options = {"momentum": 0.5, "nesterov": nesterov, "global_clipnorm": 0.5}
        path = here.trajectory(optimizers.MomentumSGD, weights, gradients, [0.25] * 5, **options)
        clipped = [oracle.clipped(step, 0.5) for step in gradients]
        assert_path(path, weights, clipped, [0.25] * 5, 0.5, nesterov)


CHEAT_SHEET = {
    "default": ("Adam", 1e-3, {}),
    "transformer": ("AdamW", 1e-3, {"weight_decay": 1e-4}),
    "vision": ("SGD", 1e-2, {"momentum": 0.9}),
    "recurrent": ("RMSprop", 1e-3, {"global_clipnorm": 1.0}),
    "sparse": ("Adagrad", 1e-2, {}),
}
USES = st.sampled_from(sorted(CHEAT_SHEET))


def assert_chosen(optimizer: Any, use: str, rate: float | None = None) -> None:
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

    @given(use=st.text(max_size=8).filter(lambda use: use not in CHEAT_SHEET))
    @example(use="")
    @example(use="adam")
    @example(use="Default")
    @example(use="nlp")
    def test_refuses_what_it_does_not_know(self, use):
        """Any other use is a ValueError that names `use`."""
        assert_value_error("use", optimizers.choose_optimizer, use)

    @examples(5)
    @given(use=USES)
    def test_makes_a_new_optimizer_at_every_call(self, use):
        """An optimizer belongs to the variables it first saw, so the next model needs another."""
        first, second = optimizers.choose_optimizer(use), optimizers.choose_optimizer(use)
        same = here.are_one_object(first, second)
        expect(not same, "Two calls must give two optimizers.", yours="the same one twice")
