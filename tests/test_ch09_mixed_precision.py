"""The laws of chapter 9: mixed precision."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import assert_close, assert_equal, assert_number, chapter, eps, examples, expect, probes, read, tensor
from tests import strategies
from tests.oracles import ch09_mixed_precision as oracle

mixed = chapter("ch09_mixed_precision")
probe = probes("ch09_mixed_precision")

POLICIES = {
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "float16": ("float16", "float16"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}
"""What each policy computes in and keeps its variables in."""

policies = st.sampled_from(sorted(POLICIES))
endings = st.sampled_from(["raises", "interrupted"])


@pytest.mark.kata("precision_policy")
class TestPrecisionPolicy:
    def test_a_layer_built_inside_is_mixed(self):
        """A layer built in the block computes in float16 and has float32 variables."""
        assert_equal(tuple(probe.layer_built_under(mixed.precision_policy)), ("float16", "float32"))

    @examples(30)
    @given(name=policies)
    def test_any_policy_can_be_asked_for(self, name):
        """Inside the block a layer follows the policy that was named."""
        assert_equal(tuple(probe.layer_built_under(mixed.precision_policy, name)), POLICIES[name])

    @examples(50)
    @given(before=policies, names=st.lists(policies, min_size=1, max_size=3))
    @example(before="float64", names=["mixed_float16"])
    @example(before="float32", names=["mixed_float16", "float64"])
    def test_each_block_puts_back_what_it_found(self, before, names):
        """Blocks nest: inside each its own policy, and after each the one that held before it."""
        trail = probe.policy_trail(mixed.precision_policy, names, before=before)
        assert_equal(trail["inside"], names)
        assert_equal(trail["after"], [before, *names][:-1][::-1])

    @examples(50)
    @given(before=policies, names=st.lists(policies, min_size=1, max_size=2), ending=endings)
    @example(before="float32", names=["mixed_float16"], ending="raises")
    @example(before="float32", names=["mixed_float16"], ending="interrupted")
    def test_the_policy_comes_back_when_the_body_raises(self, before, names, ending):
        """However the block ends, with an exception or with Ctrl-C, the earlier policy holds after it."""
        trail = probe.policy_trail(mixed.precision_policy, names, before=before, ending=ending)
        assert_equal(trail["after"], [before, *names][:-1][::-1])

    @examples(10)
    @given(ending=endings)
    def test_the_exception_goes_on(self, ending):
        """What the body raises is not swallowed."""
        trail = probe.policy_trail(mixed.precision_policy, ["mixed_float16"], before="float32", ending=ending)
        wanted = {"raises": "BodyFailed", "interrupted": "BodyInterrupted"}[ending]
        expect(trail["came_out"] == wanted, "The body's exception must leave the block.", yours=trail["came_out"])


hidden_sizes = st.lists(st.integers(1, 6), max_size=3).map(tuple)


@pytest.mark.kata("build_mixed_model")
class TestBuildMixedModel:
    def test_the_layers_by_default(self):
        """20 features, hidden 128 and 64, one output: kernels of 20 × 128, 128 × 64 and 64 × 1."""
        found = probe.mixed_model(mixed.build_mixed_model, 20)
        assert_equal(found["kernels"], [(20, 128), (128, 64), (64, 1)])

    @examples(6)
    @given(features=st.integers(1, 5), hidden=hidden_sizes, outputs=st.integers(1, 4))
    @example(features=3, hidden=(5, 2), outputs=4)
    def test_hidden_layers_compute_in_float16_and_the_output_layer_in_float32(self, features, hidden, outputs):
        """Every layer but the last computes in float16, the last in float32, and the answer is float32."""
        found = probe.mixed_model(mixed.build_mixed_model, features, hidden=hidden, outputs=outputs)
        assert_equal(found["kernels"], list(zip((features, *hidden), (*hidden, outputs), strict=True)))
        assert_equal(found["compute"][:-1], ["float16"] * len(hidden))
        assert_equal(found["last_compute"], "float32")
        assert_equal(found["output"], ("float32", (3, outputs)))

    @examples(5)
    @given(hidden=hidden_sizes)
    @example(hidden=(4,))
    def test_all_variables_are_float32(self, hidden):
        """The weights are float32 in every layer."""
        found = probe.mixed_model(mixed.build_mixed_model, 3, hidden=hidden)
        assert_equal(found["variables"], ["float32"] * (2 * len(hidden) + 2))

    @examples(5)
    @given(hidden=hidden_sizes)
    @example(hidden=(4,))
    def test_compile_adds_loss_scaling(self, hidden):
        """`compile` wraps the optimizer in a LossScaleOptimizer, as it does when the model itself is mixed."""
        assert_equal(probe.mixed_model(mixed.build_mixed_model, 3, hidden=hidden)["optimizer"], "LossScaleOptimizer")

    @pytest.mark.gpu
    def test_float16_products_run_on_the_gpu(self):
        """A hidden layer's matrix product takes place in float16, on the GPU where there is one."""
        found = probe.first_product(mixed.build_mixed_model)
        assert_equal(found["dtype"], "float16")
        assert_equal(found["device"], found["best"])

    @pytest.mark.gpu
    @examples(3)
    @given(seed=st.integers(0, 2**31))
    def test_mixed_precision_and_xla_agree_with_float32(self, seed):
        """Five steps of SGD end at float32's weights, in mixed precision and with XLA as well."""
        # Weights are below 1 and a step changes them by less than 0.1: 0.01 is ten roundings of float16 (2⁻¹⁰).
        reference = probe.trained(mixed.build_mixed_model, seed, kind="float32", jit_compile=False)
        for jit_compile in (False, True):
            weights = probe.trained(mixed.build_mixed_model, seed, kind="mixed", jit_compile=jit_compile)
            worst = max(float(np.max(np.abs(a - b))) for a, b in zip(weights, reference, strict=True))
            expect(worst < 0.01, "Mixed precision must agree with float32.", yours=worst)

    @pytest.mark.gpu
    @examples(2)
    @given(seed=st.integers(0, 2**31))
    def test_training_is_deterministic_when_asked(self, seed):
        """Under `enable_op_determinism` two equal trainings end at the same weights, to the bit."""
        first, second = probe.trained_deterministically(mixed.build_mixed_model, seed)
        assert_equal(first, second)

    @pytest.mark.gpu(speed=True)
    def test_mixed_precision_is_faster_than_float32(self):
        """A training step of four layers of 4096 units takes less time than in float32."""
        seconds = probe.step_seconds(mixed.build_mixed_model, width=4096, batch=2048)
        expect(seconds["mixed"] < seconds["float32"], "Mixed precision must be the faster one.", yours=seconds)

    @examples(5)
    @given(before=policies)
    @example(before="float32")
    @example(before="float64")
    def test_the_global_policy_is_as_before(self, before):
        """The global policy after the call is the one before it, whichever that was; the model is the same."""
        found = probe.mixed_model(mixed.build_mixed_model, 3, before=before, hidden=(2,))
        assert_equal(found["policy_after"], before)
        assert_equal(found["compute"], ["float16", "float32"])


@st.composite
def layers(draw):
    """(kind, name, policy) of one to five layers with distinct names, some of which mislead."""
    names = st.sampled_from(["dense_9", "dense_10", "dense", "b", "a", "dense_drop", "logits"])
    return [
        (draw(st.sampled_from(["dense", "dense", "dropout", "nested"])), name, draw(policies))
        for name in draw(st.lists(names, min_size=1, max_size=5, unique=True))
    ]


MISLEADING = [
    ("dense", "b_9", "mixed_float16"),
    ("dropout", "dense_drop", "float32"),
    ("nested", "inner", "float32"),
    ("dense", "b_10", "float64"),
]
"""Names out of alphabetical order, one that looks like a Dense layer's, and a Dense layer inside another model."""


@pytest.mark.kata("layer_dtypes")
class TestLayerDtypes:
    def test_a_mixed_layer_and_a_float32_output(self):
        """`hidden` computes in float16 and keeps float32 variables; `output` is float32 twice."""
        built = [("dense", "hidden", "mixed_float16"), ("dense", "output", "float32")]
        found = probe.dtypes_of(mixed.layer_dtypes, built, now="float32")
        self._assert_rows(found, [("hidden", "float16", "float32"), ("output", "float32", "float32")])

    @examples(10)
    @given(built=layers(), now=policies)
    @example(built=MISLEADING, now="float32")
    def test_lists_the_models_own_dense_layers_in_order(self, built, now):
        """One row for each Dense layer of the model itself, in its order, whatever its name and the global policy."""
        found = probe.dtypes_of(mixed.layer_dtypes, built, now=now)
        self._assert_rows(found, [(name, *POLICIES[policy]) for kind, name, policy in built if kind == "dense"])

    @staticmethod
    def _assert_rows(found, expected):
        expect(isinstance(found, list), "A list must come back.", yours=found)
        assert_equal([(row.name, row.compute, row.variable) for row in found], expected)


@st.composite
def networks(draw, *, cancelling=False):
    """Weights, x and y for 3 → tanh 4 → 2, in multiples of 2⁻⁸ (float16 holds them exactly).

    Unless `cancelling`, the output weights are positive and the targets beyond reach: every error is between 1 and 6.5,
    so that no gradient of the hidden layer's output is near zero.
    """
    generator = np.random.default_rng(draw(strategies.seeds))
    size = draw(st.integers(1, 4))

    def uniform(low, high, *shape):
        return (np.round(generator.uniform(low, high, shape) * 256) / 256).astype(np.float32)

    low_output, low_target = (-0.5, -4.0) if cancelling else (0.25, 3.0)
    weights = [
        uniform(-0.5, 0.5, 3, 4),
        uniform(-0.25, 0.25, 4),
        uniform(low_output, 0.5, 4, 2),
        uniform(-0.25, 0.0, 2),
    ]
    return weights, uniform(-1, 1, size, 3), uniform(low_target, 4.0, size, 2)


TINY = 2.0**-29
"""A loss so small that the hidden layer's gradients, at most 12.5 times as large, round to zero in float16 (≤ 2⁻²⁵)."""

HALVES = [np.ones(shape, np.float32) / 2 for shape in [(3, 4), (4,), (4, 2), (2,)]]
ONE_SAMPLE = (HALVES, np.ones((1, 3), np.float32), np.full((1, 2), 4.0, np.float32))
"""All weights are ½, x is 1, and y = 4 is out of reach."""

HALF_TO_SINGLE = eps(np.float16) / eps(np.float32)


@pytest.mark.kata("loss_scaled_gradients")
class TestLossScaledGradients:
    def test_a_case_worked_by_hand(self):
        """With W₁ = b = 0 and W₂ = 1: ŷ = 0, e = (1, 0), dL/dŷ = −2·2·1/2 = −2 and 0, dL/dW₁ = xᵀ·(−2)."""
        weights = [np.zeros((3, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2)]
        x, y = np.array([[1, 2, 3]], np.float32), np.array([[1, 0]], np.float32)
        found = self._gradients((weights, x, y), policy="float32", weight=1.0, scale=1024.0)
        expected = [-2.0 * np.outer([1, 2, 3], np.ones(4)), np.full(4, -2.0), np.zeros((4, 2)), np.array([-2.0, 0.0])]
        for gradient, wanted in zip(found, expected, strict=True):
            assert_close(gradient, wanted, dtype=np.float32)

    @examples(25)
    @given(
        network=networks(cancelling=True),
        scale=strategies.floats(0.5, 2.0**20),
        as_tensor=st.booleans(),
    )
    def test_the_scale_leaves_no_trace_in_float32(self, network, scale, as_tensor):
        """In float32 the result is the plain gradient, whatever the scale, a number or a rank-0 tensor."""
        scale = np.float32(scale)
        scale = tensor(scale) if as_tensor else float(scale)
        found = self._gradients(network, policy="float32", weight=1.0, scale=scale)
        self._assert_gradients(found, network, 1.0, ulps=64)

    @examples(12)
    @given(network=networks(), exponent=st.integers(13, 17))
    @example(network=ONE_SAMPLE, exponent=15)
    def test_gradients_that_vanish_in_float16_survive(self, network, exponent):
        """The hidden layer's gradients are zeros at scale 1 and float32's at 2¹⁵."""
        unscaled = self._gradients(network, policy="mixed_float16", weight=TINY, scale=1.0)
        vanished = not np.any(unscaled[0]) and not np.any(unscaled[1])
        expect(vanished, "At scale 1 float16 rounds to zero.", yours=unscaled[1])
        scaled = self._gradients(network, policy="mixed_float16", weight=TINY, scale=2.0**exponent)
        self._assert_half_gradients(scaled, network, 2.0**exponent)

    @examples(10)
    @given(network=networks())
    def test_the_division_takes_place_in_float32(self, network):
        """Where the variables are float16 too, the result is float32 and does not vanish in the division."""
        found = self._gradients(network, policy="float16", weight=TINY, scale=2.0**15)
        self._assert_half_gradients(found, network, 2.0**15)

    @examples(6)
    @given(network=networks(), policy=st.sampled_from(["float32", "mixed_float16"]))
    def test_a_variable_without_a_gradient_gives_zeros(self, network, policy):
        """As many gradients as trainable variables, in order; zeros of its shape for one that the loss ignores."""
        weights, x, y = network
        with_spare = [*weights[:2], np.ones(5, np.float32), *weights[2:]]
        found = self._gradients((with_spare, x, y), policy=policy, weight=1.0, scale=8.0)
        shapes = [tuple(gradient.shape) if gradient is not None else None for gradient in found]
        assert_equal(shapes, [(3, 4), (4,), (5,), (4, 2), (2,)])
        assert_close(found[2], np.zeros(5), dtype=np.float32)

    @examples(6)
    @given(network=networks())
    def test_an_overflow_stays_visible(self, network):
        """A scale that is too large gives inf or NaN in the hidden layer, so that the step can be skipped."""
        found = self._gradients(network, policy="mixed_float16", weight=1.0, scale=2.0**24)
        overflowed = not np.isfinite(found[1]).any()
        expect(overflowed, "What overflows in float16 must come back as inf or NaN.", yours=found[1])

    @examples(2)
    @given(network=networks(), policy=st.sampled_from(["float32", "mixed_float16"]))
    def test_works_in_a_graph(self, network, policy):
        """Inside `tf.function` the gradients are the same."""
        eager = self._gradients(network, policy=policy, weight=1.0, scale=64.0)
        graph = self._gradients(network, policy=policy, weight=1.0, scale=64.0, graph=True)
        for one, other, size in zip(graph, eager, self._sizes(network, 1.0), strict=True):
            assert_close(one, np.asarray(other, np.float64), dtype=np.float32, scale=size, ulps=16 * HALF_TO_SINGLE)

    @staticmethod
    def _gradients(network, **how):
        weights, x, y = network
        return probe.scaled_gradients(mixed.loss_scaled_gradients, weights, x, y, **how)

    @staticmethod
    def _sizes(network, weight):
        """The magnitude of what is summed for each gradient."""
        return oracle.gradients(*network, weight, absolute=True)

    def _assert_gradients(self, found, network, weight, *, ulps, atol=0.0):
        expected = oracle.gradients(*network, weight)
        expect(len(found) == 4, "One gradient for each trainable variable.", yours=len(found), expected=4)
        for gradient, wanted, size in zip(found, expected, self._sizes(network, weight), strict=True):
            assert_close(gradient, wanted, dtype=np.float32, scale=size, ulps=ulps, atol=atol)

    def _assert_half_gradients(self, found, network, scale):
        # 16 roundings of float16, and below its normal numbers as many of its smallest number, put back by the scale.
        atol = 16 * oracle.SMALLEST_FLOAT16 / scale
        self._assert_gradients(found, network, TINY, ulps=16 * HALF_TO_SINGLE, atol=atol)


def said_yes(answer):
    """`update`'s answer, a bool or a rank-0 boolean tensor."""
    is_one = isinstance(answer, bool | np.bool_) or (isinstance(answer, np.ndarray) and answer.dtype == bool)
    expect(is_one and np.ndim(answer) == 0, "`update` must return True or False.", yours=answer)
    return bool(answer)


@st.composite
def gradient_lists(draw, *, low=-1e4, high=1e4, min_size=1):
    """One to three small finite arrays, not all of one dtype."""
    return [
        draw(strategies.arrays((side,), low=low, high=high, dtype=draw(st.sampled_from(strategies.FLOATS))))
        for side in draw(st.lists(st.integers(1, 3), min_size=min_size, max_size=3))
    ]


scales = st.sampled_from([2.0**15, 1024.0, 1000.0, 8.0, 3.0, 1.0, 0.5, 8, 3])


@pytest.mark.kata("DynamicLossScale")
class TestDynamicLossScale:
    def test_starts_at_two_to_the_fifteenth(self):
        """Without arguments the scale is 2¹⁵ = 32768."""
        assert_number(read(mixed.DynamicLossScale(), "scale"), 32768.0, rel=0)

    def test_the_lessons_table(self):
        """From 8, doubling after 2: ✓ 8, ✓ 16, ✗ 8, ✓ 8, ✗ 4, ✓ 4, ✓ 8, ✓ 8."""
        self._assert_trajectory([True, True, False, True, False, True, True, True], 8.0, 2)

    @examples(40)
    @given(
        finite=st.lists(st.sampled_from([True, True, True, False]), min_size=1, max_size=24),
        initial_scale=scales,
        growth_steps=st.integers(1, 4),
    )
    @example(finite=[False] * 5, initial_scale=2.0, growth_steps=2)
    @example(finite=[True, True, False, True, True, True, True, True], initial_scale=8.0, growth_steps=3)
    @example(finite=[True] * 12, initial_scale=1.0, growth_steps=3)
    def test_the_trajectory_is_that_of_keras(self, finite, initial_scale, growth_steps):
        """Halved at every overflow, doubled after `growth_steps` finite steps in a row, without limit."""
        self._assert_trajectory(finite, initial_scale, growth_steps)

    @examples(60)
    @given(
        gradients=gradient_lists(),
        bad=st.sampled_from([np.inf, -np.inf, np.nan]),
        which=st.integers(0, 2),
        where=st.integers(0, 2),
    )
    @example(gradients=[np.ones(2, np.float32), np.ones(2, np.float32)], bad=np.inf, which=1, where=1)
    @example(gradients=[np.ones(2, np.float16)], bad=np.nan, which=0, where=0)
    def test_one_bad_value_anywhere_is_an_overflow(self, gradients, bad, which, where):
        """inf, −inf or NaN in any place of any tensor: False, and half the scale."""
        spoiled = gradients[which % len(gradients)]
        spoiled = np.where(np.arange(spoiled.size) == where % spoiled.size, spoiled.dtype.type(bad), spoiled)
        spoiled = [*gradients[: which % len(gradients)], spoiled, *gradients[which % len(gradients) + 1 :]]
        scaler = mixed.DynamicLossScale(initial_scale=64.0)
        expect(not said_yes(scaler.update([tensor(g) for g in spoiled])), "A bad value must give False.", yours=True)
        assert_number(read(scaler, "scale"), 32.0, rel=0)

    @examples(50)
    @given(gradients=gradient_lists(), largest=st.sampled_from([np.float16, np.float32]), size=st.integers(2, 4))
    @example(gradients=[np.zeros(1, np.float32)], largest=np.float16, size=2)
    def test_large_values_are_finite(self, gradients, largest, size):
        """The largest numbers of a dtype, whose sum and squares are inf, are still finite: True, and the same scale."""
        gradients = [*gradients, np.full(size, np.finfo(largest).max, largest)]
        scaler = mixed.DynamicLossScale(initial_scale=64.0)
        expect(said_yes(scaler.update([tensor(g) for g in gradients])), "Finite gradients must give True.", yours=False)
        assert_number(read(scaler, "scale"), 64.0, rel=0)

    def test_doubles_after_two_thousand_steps(self):
        """Without arguments the scale is 2¹⁵ for 1999 finite steps, and 2¹⁶ after one more."""
        gradients = [tensor([1.0], np.float32)]
        found = probe.updates(mixed.DynamicLossScale, gradients, [1999, 1])
        for scale, expected in zip(found, [32768.0, 32768.0, 65536.0], strict=True):
            assert_number(scale, expected, rel=0)

    @staticmethod
    def _assert_trajectory(finite, initial_scale, growth_steps):
        scaler = mixed.DynamicLossScale(initial_scale=initial_scale, growth_steps=growth_steps)
        for step, scale in zip(finite, oracle.loss_scales(finite, initial_scale, growth_steps), strict=True):
            answer = scaler.update([tensor([1.0, 2.0 if step else np.inf], np.float32)])
            expect(said_yes(answer) == step, "True for finite gradients, False otherwise.", yours=answer, expected=step)
            assert_number(read(scaler, "scale"), scale, rel=eps(np.float32))


@pytest.mark.kata("round_up_to_multiple")
class TestRoundUpToMultiple:
    def test_around_sixty_four(self):
        """63 and 64 give 64 = 8 · 8, 65 gives 72 = 9 · 8."""
        assert_equal([mixed.round_up_to_multiple(units) for units in (63, 64, 65)], [64, 64, 72])

    @given(units=st.integers(1, 5000), multiple=st.integers(1, 130))
    @example(units=100, multiple=12)
    @example(units=1, multiple=1)
    @example(units=64, multiple=64)
    @example(units=7, multiple=100)
    def test_is_the_smallest_multiple_that_is_large_enough(self, units, multiple):
        """The first number from `units` on that `multiple` divides."""
        assert_equal(mixed.round_up_to_multiple(units, multiple), oracle.next_multiple(units, multiple))

    @given(units=st.integers(1, 5000), multiple=st.integers(1, 130))
    def test_a_multiple_stays_as_it_is(self, units, multiple):
        """Rounding up twice is rounding up once."""
        once = mixed.round_up_to_multiple(units, multiple=multiple)
        assert_equal(mixed.round_up_to_multiple(once, multiple=multiple), once)
