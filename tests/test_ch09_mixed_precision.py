"""The laws of chapter 9: mixed precision."""

from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    Record,
    assert_close,
    assert_equal,
    assert_number,
    chapter,
    eps,
    examples,
    expect,
    probes,
    read,
    tensor,
)
from tests import strategies
from tests.oracles import ch09_mixed_precision as oracle

mixed = chapter("ch09_mixed_precision")
here = probes("ch09_mixed_precision")

POLICIES = {
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "float16": ("float16", "float16"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}
"""What each policy computes in and keeps its variables in."""

policies = st.sampled_from(sorted(POLICIES))
earlier_policies = st.sampled_from([*sorted(POLICIES), "own"])
"""What may hold before: `"own"` is a policy object that has more to it than its name, float32."""
endings = st.sampled_from(["raises", "interrupted", "exits", "cancelled"])


def floatx_is_kept(floatx):
    """Keras' default dtype is another setting than the policy, and nobody's to change here."""
    expect(floatx == "float32", "Keras' floatx must be what it was.", yours=floatx, expected="float32")


@pytest.mark.kata("precision_policy")
class TestPrecisionPolicy:
    def test_a_layer_built_inside_is_mixed(self):
        """A layer built in the block computes in float16 and has float32 variables."""
        assert_equal(tuple(here.layer_built_under(mixed.precision_policy)), ("float16", "float32"))

    @examples(30)
    @given(name=policies)
    def test_any_policy_can_be_asked_for(self, name):
        """Inside the block a layer follows the policy that was named."""
        assert_equal(tuple(here.layer_built_under(mixed.precision_policy, name)), POLICIES[name])

    @examples(40)
    @given(
        before=earlier_policies,
        names=st.lists(policies, min_size=1, max_size=3),
        body_sets=st.none() | policies,
    )
    @example(before="float64", names=["mixed_float16"], body_sets=None)
    @example(before="own", names=["mixed_float16"], body_sets=None)
    @example(before="float32", names=["mixed_float16", "float64"], body_sets="mixed_bfloat16")
    def test_each_block_puts_back_what_it_found(self, before, names, body_sets):
        """Blocks nest: inside each its own policy, after each the one that held before it, whatever the body set."""
        trail = here.policy_trail(mixed.precision_policy, names, before=before, body_sets=body_sets)
        assert_equal(trail["inside"], names)
        assert_equal(trail["after"], [before, *names][:-1][::-1])
        floatx_is_kept(trail["floatx"])

    @examples(5)
    @given(names=st.lists(policies, min_size=1, max_size=2))
    def test_sets_nothing_before_the_block_is_entered(self, names):
        """`precision_policy(name)` alone changes nothing: what the block finds on its entry counts."""
        trail = here.policy_trail(mixed.precision_policy, names, before="mixed_bfloat16")
        assert_equal(trail["made"], "float16")  # the probe's policy at that moment
        assert_equal(trail["after"][-1], "mixed_bfloat16")

    @examples(40)
    @given(before=earlier_policies, names=st.lists(policies, min_size=1, max_size=2), ending=endings)
    @example(before="float32", names=["mixed_float16"], ending="raises")
    @example(before="float32", names=["mixed_float16"], ending="interrupted")
    @example(before="float32", names=["mixed_float16"], ending="exits")
    @example(before="float32", names=["mixed_float16"], ending="cancelled")
    def test_the_policy_comes_back_when_the_body_raises(self, before, names, ending):
        """However the block ends, whatever it raises (Ctrl-C and `sys.exit` too), the earlier policy holds after it."""
        trail = here.policy_trail(mixed.precision_policy, names, before=before, ending=ending)
        assert_equal(trail["after"], [before, *names][:-1][::-1])

    @examples(10)
    @given(ending=endings)
    def test_the_exception_goes_on(self, ending):
        """What the body raises leaves the block, itself and no other."""
        trail = here.policy_trail(mixed.precision_policy, ["mixed_float16"], before="float32", ending=ending)
        left = trail["came_out"]
        expect(left == "what was raised", "The body's exception must leave the block.", yours=left)


hidden_sizes = st.lists(st.integers(1, 6), max_size=3)


def stack_of(seed, sizes):
    """Weights (kernel, bias, kernel, …) for layers of these sizes, and x, in halves: float16 holds every sum."""
    generator = np.random.default_rng(seed)

    def halves(limit, *shape):
        return (generator.integers(-2 * limit, 2 * limit + 1, shape) / 2).astype(np.float32)

    weights = [halves(1, *shape) for rows, units in pairwise(sizes) for shape in [(rows, units), (units,)]]
    # Below 25 after one layer in steps of ¼, below 76 after two in steps of ⅛: 608 steps, and float16 holds 2048.
    return weights, halves(8, 6, sizes[0])


exact_stacks = st.builds(
    lambda seed, sizes, outputs: stack_of(seed, [*sizes, outputs]),
    strategies.seeds,
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(1, 12),
)

ONE_BY_ONE = [np.ones((1, 1), np.float32), np.zeros(1, np.float32)] * 2
"""One input, one hidden unit, one output; the weights are 1."""


@pytest.mark.kata("build_mixed_model")
class TestBuildMixedModel:
    def test_the_layers_by_default(self):
        """20 features, hidden 128 and 64, one output: kernels of 20 × 128, 128 × 64 and 64 × 1."""
        found = here.mixed_model(mixed.build_mixed_model, 20)
        assert_equal(found["kernels"], [(20, 128), (128, 64), (64, 1)])

    @examples(4)
    @given(features=st.integers(1, 5), hidden=hidden_sizes, outputs=st.integers(1, 4), as_tuple=st.booleans())
    @example(features=3, hidden=[5, 2, 1, 3, 4], outputs=4, as_tuple=False)
    @example(features=3, hidden=[5, 2], outputs=4, as_tuple=True)
    def test_hidden_layers_compute_in_float16_and_the_output_layer_in_float32(
        self, features, hidden, outputs, as_tuple
    ):
        """Every Dense layer but the last computes in float16, the last in float32, and the answer is float32."""
        sizes = tuple(hidden) if as_tuple else hidden
        found = here.mixed_model(mixed.build_mixed_model, features, hidden=sizes, outputs=outputs)
        expect(found["is_model"], "A tf.keras.Model must come back.", yours="something else")
        assert_equal(found["kernels"], list(zip((features, *hidden), (*hidden, outputs), strict=True)))
        assert_equal(found["compute"], ["float16"] * len(hidden) + ["float32"])
        assert_equal(found["output"], ("float32", (3, outputs)))

    @examples(2)
    @given(hidden=hidden_sizes)
    @example(hidden=[4])
    def test_all_variables_are_float32(self, hidden):
        """The weights are float32 in every layer: a kernel and a bias each, and no other variables."""
        found = here.mixed_model(mixed.build_mixed_model, 3, hidden=hidden)
        assert_equal(found["variables"], ["float32"] * (2 * len(hidden) + 2))

    @examples(3)
    @given(stack=exact_stacks)
    @example(stack=(ONE_BY_ONE, np.array([[-8.0], [-0.5], [2000.0]], np.float32)))
    @example(stack=stack_of(0, [2, 3, 3, 12]))
    def test_relu_in_the_hidden_layers_and_a_linear_output(self, stack):
        """max(xW + b, 0) layer by layer, and xW + b for the output, in training and out of it."""
        weights, x = stack
        found = here.mixed_model_outputs(mixed.build_mixed_model, weights, x)
        wanted = oracle.relu_stack(weights, x)
        for mode in ("inference", "training"):
            assert_close(found[mode], wanted, dtype=np.float32)
        expect(not found["alike"], "Two models must start from different random weights.", yours="the same weights")

    @examples(1)
    @given(hidden=hidden_sizes)
    @example(hidden=[4])
    def test_what_is_not_named_stands_at_its_default(self, hidden):
        """Biases, initial weights, penalties, constraints are Keras' defaults, and the model is not compiled."""
        found = here.mixed_model(mixed.build_mixed_model, 3, hidden=hidden)
        assert_equal(found["options"], [{}] * (len(hidden) + 1))
        expect(not found["penalties"], "The model must have no penalties.", yours=found["penalties"], expected=0)
        expect(not found["compiled"], "The model must not be compiled yet.", yours="compiled")

    @examples(2)
    @given(hidden=hidden_sizes)
    @example(hidden=[4])
    @example(hidden=[])
    def test_compile_adds_loss_scaling(self, hidden):
        """`compile` wraps the optimizer in a LossScaleOptimizer, as it does when the model itself is mixed."""
        assert_equal(here.mixed_model(mixed.build_mixed_model, 3, hidden=hidden)["optimizer"], "LossScaleOptimizer")

    @pytest.mark.gpu
    def test_float16_products_run_on_the_gpu(self):
        """A hidden layer's matrix product takes place in float16, on the GPU where there is one."""
        found = here.first_product(mixed.build_mixed_model)
        assert_equal(found["dtype"], "float16")
        assert_equal(found["device"], found["best"])

    @pytest.mark.gpu
    @examples(3)
    @given(seed=st.integers(0, 2**31))
    def test_mixed_precision_and_xla_agree_with_float32(self, seed):
        """Five steps of SGD end at float32's weights, in mixed precision and with XLA as well."""
        # Weights are below 1 and a step changes them by less than 0.1: 0.01 is ten roundings of float16 (2⁻¹⁰).
        reference = here.trained(mixed.build_mixed_model, seed, kind="float32", jit_compile=False)
        for jit_compile in (False, True):
            weights = here.trained(mixed.build_mixed_model, seed, kind="mixed", jit_compile=jit_compile)
            worst = max(float(np.max(np.abs(a - b))) for a, b in zip(weights, reference, strict=True))
            expect(worst < 0.01, "Mixed precision must agree with float32.", yours=worst)

    @pytest.mark.gpu
    @examples(2)
    @given(seed=st.integers(0, 2**31))
    def test_training_is_deterministic_when_asked(self, seed):
        """Under `enable_op_determinism` two equal trainings end at the same weights, to the bit."""
        first, second = here.trained_deterministically(mixed.build_mixed_model, seed)
        assert_equal(first, second)

    @pytest.mark.gpu(speed=True)
    def test_mixed_precision_is_faster_than_float32(self):
        """A training step of four layers of 4096 units takes less time than in float32."""
        seconds = here.step_seconds(mixed.build_mixed_model, width=4096, batch=2048)
        expect(seconds["mixed"] < seconds["float32"], "Mixed precision must be the faster one.", yours=seconds)

    @examples(3)
    @given(before=earlier_policies)
    @example(before="float32")
    @example(before="own")
    def test_the_global_policy_is_as_before(self, before):
        """The global policy after the call is the one before it, whichever that was; the model is the same."""
        found = here.mixed_model(mixed.build_mixed_model, 3, before=before, hidden=[2])
        assert_equal(found["policy_after"], before)
        floatx_is_kept(found["floatx"])
        assert_equal(found["compute"], ["float16", "float32"])

    @examples(2)
    @given(sizes=st.sampled_from([{"hidden": [2, 0]}, {"outputs": 0}]))
    @example(sizes={"hidden": [2, 0]})
    def test_refuses_a_layer_without_units(self, sizes):
        """A size of 0 is a ValueError, and the global policy is as before all the same."""
        found = here.policy_after_a_refusal(mixed.build_mixed_model, **sizes)
        expect(found["raised"] == "ValueError", "A size of 0 must be a ValueError.", yours=found["raised"])
        assert_equal(found["policy_after"], "own")


DENSE = ("dense", "own", "frozen", "unusual")


@st.composite
def layers(draw):
    """(kind, name, policy) of one to five layers with distinct names, some of which mislead."""
    others = ["dropout", "einsum", "like", "nested", "wrapped"]
    kinds = st.sampled_from(["dense", *DENSE, *others])
    names = st.sampled_from(["dense_9", "dense_10", "dense", "b", "a", "dense_drop", "logits"])
    return [(draw(kinds), name, draw(policies)) for name in draw(st.lists(names, min_size=1, max_size=5, unique=True))]


MISLEADING = [
    ("dense", "b_9", "mixed_float16"),
    ("dropout", "dense_drop", "float32"),
    ("nested", "inner", "float32"),
    ("own", "b_10", "float64"),
    ("einsum", "einsum_dense", "float32"),
    ("frozen", "a", "mixed_bfloat16"),
    ("dense", "c", "float16"),
    ("like", "dense_like", "float32"),
    ("wrapped", "d", "float32"),
    ("unusual", "e", "float32"),
]
"""Names out of alphabetical order, three that look like a Dense layer's, a Dense layer inside another model and one
inside a wrapper, a subclass of Dense (without a bias), a frozen one, and one whose policy's name does not tell."""


@pytest.mark.kata("layer_dtypes")
class TestLayerDtypes:
    def test_a_mixed_layer_and_a_float32_output(self):
        """`hidden` computes in float16 and keeps float32 variables; `output` is float32 twice."""
        built = [("dense", "hidden", "mixed_float16"), ("dense", "output", "float32")]
        found = here.dtypes_of(mixed.layer_dtypes, built, now="float32")
        self._assert_rows(found, [("hidden", "float16", "float32"), ("output", "float32", "float32")])

    @examples(8)
    @given(built=layers(), now=policies, form=st.sampled_from(["sequential", "functional", "classed"]))
    @example(built=MISLEADING, now="float32", form="sequential")
    @example(built=MISLEADING, now="float32", form="functional")
    @example(built=MISLEADING, now="float32", form="classed")
    @example(built=[("dropout", "a", "float32")], now="float32", form="sequential")
    @example(built=[("dense", "a", "float16"), ("dense", "a", "float32")], now="float32", form="classed")
    def test_lists_the_models_own_dense_layers_in_order(self, built, now, form):
        """One row for each Dense layer of the model itself, in its order, whatever its name and the global policy."""
        found = here.dtypes_of(mixed.layer_dtypes, built, now=now, form=form)
        dtypes = {**POLICIES, "unusual": ("float16", "float64")}
        expected = [(name, *dtypes.get(kind, dtypes[policy])) for kind, name, policy in built if kind in DENSE]
        self._assert_rows(found, expected)

    @staticmethod
    def _assert_rows(found, expected):
        expect(isinstance(found, list), "A list must come back.", yours=found)
        rows = all(isinstance(row, Record) and row.fields == ("name", "compute", "variable") for row in found)
        expect(rows, "Every row must be a LayerDtypes.", yours=found)
        assert_equal([tuple(row) for row in found], expected)


@st.composite
def networks(draw, *, cancelling=False):
    """Weights, x and y for 3 → tanh 4 → 2, in multiples of 2⁻⁸ (float16 holds them exactly).

    The output weights are positive and the targets beyond reach: every error is between 1 and 6.5, so that no gradient
    of the hidden layer's output is near zero. With `cancelling` there is neither restriction: for float32 alone.
    """
    generator = np.random.default_rng(draw(strategies.seeds))
    size = draw(st.integers(1, 4))

    def uniform(low, high, *shape):
        values = generator.uniform(low, high, shape)
        return (values if cancelling else np.round(values * 256) / 256).astype(np.float32)

    low_output, low_target = (-0.5, -4.0) if cancelling else (0.25, 3.0)
    weights = [
        uniform(-0.5, 0.5, 3, 4),
        uniform(-0.25, 0.25, 4),
        uniform(low_output, 0.5, 4, 2),
        uniform(-0.25, 0.0, 2),
    ]
    return weights, uniform(-1, 1, size, 3), uniform(low_target, 4.0, size, 2)


SMALL = 2.0**-29
"""A loss so small that the hidden layer's gradients, at most 12.5 times as large, round to zero in float16 (≤ 2⁻²⁵)."""

HALVES = [np.ones(shape, np.float32) / 2 for shape in [(3, 4), (4,), (4, 2), (2,)]]
ONE_SAMPLE = (HALVES, np.ones((1, 3), np.float32), np.full((1, 2), 4.0, np.float32))
"""All weights are ½, x is 1, and y = 4 is out of reach."""

HALF_TO_SINGLE = eps(np.float16) / eps(np.float32)


@pytest.mark.kata("loss_scaled_gradients")
class TestLossScaledGradients:
    def test_worked_example(self):
        """With W₁ = b = 0 and W₂ = 1: ŷ = 0, e = (1, 0), dL/dŷ = −2·2·1/2 = −2 and 0, dL/dW₁ = xᵀ·(−2)."""
        weights = [np.zeros((3, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2)]
        x, y = np.array([[1, 2, 3]], np.float32), np.array([[1, 0]], np.float32)
        found = self._gradients((weights, x, y), policy="float32", weight=1.0, scale=1024.0)
        expected = [-2.0 * np.outer([1, 2, 3], np.ones(4)), np.full(4, -2.0), np.zeros((4, 2)), np.array([-2.0, 0.0])]
        for gradient, wanted in zip(found, expected, strict=True):
            assert_close(gradient, wanted, dtype=np.float32)

    @examples(20)
    @given(
        network=networks(cancelling=True),
        weight=st.sampled_from([1.0, 1e8]),
        scale=strategies.floats(0.5, 2.0**20) | st.integers(1, 2**20),
        as_tensor=st.booleans(),
        form=st.sampled_from(["tensor", "array", "list"]),
    )
    @example(network=ONE_SAMPLE, weight=1e8, scale=3, as_tensor=False, form="list")
    @example(network=ONE_SAMPLE, weight=1.0, scale=3.0, as_tensor=True, form="array")
    def test_the_scale_leaves_no_trace_in_float32(self, network, weight, scale, as_tensor, form):
        """In float32 the result is the plain gradient, whatever the scale, a number or a rank-0 tensor."""
        scale = tensor(np.float32(scale)) if as_tensor else scale
        found = self._gradients(network, policy="float32", weight=weight, scale=scale, form=form)
        self._assert_gradients(found, network, weight, ulps=64)

    @examples(3)
    @given(network=networks(), dtypes=st.permutations(["float64", "mixed_bfloat16", "float16"]))
    @example(network=ONE_SAMPLE, dtypes=["float64", "float16", "mixed_bfloat16"])
    def test_float32_comes_back_whatever_the_dtypes(self, network, dtypes):
        """Variables and a loss in float64, in float16, a layer that computes in bfloat16: the result is float32."""
        policy, loss_dtype = dtypes[0], dtypes[1].removeprefix("mixed_")
        network = (*network[:2], network[2].astype(np.float64))
        found = self._gradients(network, policy=policy, weight=1.0, scale=8.0, loss_dtype=loss_dtype)
        # As many roundings as with float16, of the coarsest dtype that there is: bfloat16's are 8 times as large.
        self._assert_gradients(found, network, 1.0, ulps=16 * eps(np.float32) ** -1 * 2.0**-7)

    @examples(12)
    @given(network=networks(), exponent=st.integers(13, 17))
    @example(network=ONE_SAMPLE, exponent=15)
    def test_gradients_that_vanish_in_float16_survive(self, network, exponent):
        """The hidden layer's gradients are zeros at scale 1 and float32's at 2¹⁵."""
        unscaled = self._gradients(network, policy="mixed_float16", weight=SMALL, scale=1.0)
        vanished = not np.any(unscaled[0]) and not np.any(unscaled[1])
        expect(vanished, "At scale 1 float16 rounds to zero.", yours=unscaled[1])
        scaled = self._gradients(network, policy="mixed_float16", weight=SMALL, scale=2.0**exponent)
        self._assert_half_gradients(scaled, network, 2.0**exponent)

    @examples(10)
    @given(network=networks())
    def test_the_division_takes_place_in_float32(self, network):
        """Where the variables are float16 too, the result is float32 and does not vanish in the division."""
        found = self._gradients(network, policy="float16", weight=SMALL, scale=2.0**15)
        self._assert_half_gradients(found, network, 2.0**15)

    @examples(6)
    @given(network=networks(), policy=st.sampled_from(["float32", "mixed_float16", "float16"]))
    @example(network=ONE_SAMPLE, policy="float16")
    def test_a_variable_without_a_gradient_gives_zeros(self, network, policy):
        """As many gradients as trainable variables, in order; zeros of its shape for one that the loss ignores."""
        weights, x, y = network
        with_spare = [*weights[:2], np.ones((2, 3), np.float32), *weights[2:]]
        found = self._gradients((with_spare, x, y), policy=policy, weight=1.0, scale=8.0, kind="spare")
        self._assert_shapes(found, [(3, 4), (4,), (2, 3), (4, 2), (2,)])
        assert_close(found[2], np.zeros((2, 3)), dtype=np.float32)

    @examples(3)
    @given(network=networks())
    def test_a_frozen_variable_gives_none(self, network):
        """Gradients for `model.trainable_variables` alone: none for the weights of a frozen layer."""
        found = self._gradients(network, policy="float32", weight=1.0, scale=8.0, kind="frozen")
        self._assert_shapes(found, [(4, 2), (2,)])
        self._assert_gradients(found, network, 1.0, ulps=64, first=2)

    @examples(3)
    @given(network=networks())
    def test_the_model_runs_in_training_mode(self, network):
        """A layer that doubles its input in training is seen to do so."""
        weights, x, y = network
        found = self._gradients(network, policy="float32", weight=1.0, scale=8.0, kind="doubling")
        # 2·h times W₂ is h times 2·W₂; by the chain rule W₂'s own gradient is then twice that of 2·W₂.
        twice = ([*weights[:2], 2 * weights[2], weights[3]], x, y)
        expected, sizes = oracle.gradients(*twice, 1.0), self._sizes(twice, 1.0)
        expect(len(found) == 4, "One gradient for each trainable variable.", yours=len(found), expected=4)
        for gradient, wanted, size, factor in zip(found, expected, sizes, [1, 1, 2, 1], strict=True):
            assert_close(gradient, factor * wanted, dtype=np.float32, scale=factor * size, ulps=64)

    @examples(3)
    @given(network=networks())
    def test_the_models_penalties_are_no_part_of_it(self, network):
        """L is `loss_fn(y, model(x))` and nothing else, in a model with L2 penalties too."""
        found = self._gradients(network, policy="float32", weight=1.0, scale=8.0, kind="penalised")
        self._assert_gradients(found, network, 1.0, ulps=64)

    @examples(3)
    @given(tokens=st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=4))
    @example(tokens=[[0, 0, 2], [1, 3, 3]])
    def test_an_embedding_gives_a_dense_tensor(self, tokens):
        """A row of an embedding's gradient is kernel · Σ (1 + y) / (number of tokens), summed where the token came."""
        table, kernel = np.ones((4, 2), np.float32), np.array([[1.0], [-2.0]], np.float32)
        y, rows = np.arange(len(tokens), dtype=np.int32) % 3, np.array(tokens, np.int32)[:, None]
        found = here.embedding_gradients(mixed.loss_scaled_gradients, table, kernel, rows, y, 8.0)
        expect(all(found["dense"]), "Every gradient must be a dense tf.Tensor.", yours="a tf.IndexedSlices")
        counts = sum((1 + label) * np.bincount(row, minlength=4) for row, label in zip(tokens, y, strict=True))
        expected = [np.outer(counts, kernel[:, 0]) / np.size(tokens), np.full((2, 1), np.mean(1 + y))]
        for gradient, wanted in zip(found["gradients"], expected, strict=True):
            assert_close(gradient, wanted, dtype=np.float32, scale=6.0)

    @examples(6)
    @given(network=networks())
    @example(network=(HALVES, np.array([[0, 1, 1]], np.float32), np.full((1, 2), 4.0, np.float32)))
    def test_an_overflow_stays_visible(self, network):
        """A scale that is too large gives inf or NaN in the hidden layer, so that the step can be skipped."""
        # At least 2⁻⁵ · 2²⁴ · ¼ = 131,072 in float16: inf, and NaN where it meets an x of 0. A scale of 2¹⁶ would fit.
        found = self._gradients(network, policy="mixed_float16", weight=2.0**-5, scale=2.0**24)
        overflowed = not np.isfinite(found[0]).any() and not np.isfinite(found[1]).any()
        expect(overflowed, "What overflows in float16 must come back as inf or NaN.", yours=found[:2])

    @examples(2)
    @given(network=networks(), policy=st.sampled_from(["float32", "mixed_float16"]))
    def test_same_inside_tf_function(self, network, policy):
        """Inside `tf.function`, where a scale that is a tensor has no value yet, the gradients are the same."""
        scale = tensor(64.0, np.float32)
        eager = self._gradients(network, policy=policy, weight=1.0, scale=scale)
        graph = self._gradients(network, policy=policy, weight=1.0, scale=scale, graph=True)
        for one, other, size in zip(graph, eager, self._sizes(network, 1.0), strict=True):
            assert_close(one, np.asarray(other, np.float64), dtype=np.float32, scale=size, ulps=16 * HALF_TO_SINGLE)

    @staticmethod
    def _gradients(network, **how):
        found = here.scaled_gradients(mixed.loss_scaled_gradients, *network, **how)
        sizes = {(len(network[1]), len(network[1]))}
        expect(set(found["seen"]) == sizes, "The loss must see the whole batch at once.", yours=found["seen"])
        expect(found["y_dtypes"] == [network[2].dtype.name] or how.get("form") == "list",
               "The loss must get the targets in their own dtype.", yours=found["y_dtypes"],
               expected=network[2].dtype.name)  # fmt: skip
        expect(found["weights_kept"], "The model's weights must stay as they are.", yours="other weights")
        expect(isinstance(found["gradients"], list), "A list must come back.", yours=found["gradients"])
        return found["gradients"]

    @staticmethod
    def _assert_shapes(found, wanted):
        shapes = [tuple(gradient.shape) if gradient is not None else None for gradient in found]
        assert_equal(shapes, wanted)

    @staticmethod
    def _sizes(network, weight):
        """The magnitude of what is summed for each gradient."""
        return oracle.gradients(*network, weight, absolute=True)

    def _assert_gradients(self, found, network, weight, *, ulps, atol=0.0, first=0):
        expected = oracle.gradients(*network, weight)[first:]
        sizes = self._sizes(network, weight)[first:]
        expect(len(found) == len(expected), "One gradient for each trainable variable.", yours=len(found))
        for gradient, wanted, size in zip(found, expected, sizes, strict=True):
            assert_close(gradient, wanted, dtype=np.float32, scale=size, ulps=ulps, atol=atol)

    def _assert_half_gradients(self, found, network, scale):
        # 16 roundings of float16, and below its normal numbers as many of its smallest number, put back by the scale.
        atol = 16 * oracle.SMALLEST_FLOAT16 / scale
        self._assert_gradients(found, network, SMALL, ulps=16 * HALF_TO_SINGLE, atol=atol)


def said_yes(answer):
    """`update`'s answer, a Python bool."""
    expect(type(answer) is bool, "`update` must return a Python bool, True or False.", yours=answer)
    return answer


BFLOAT16 = ml_dtypes.bfloat16
DTYPES = (*strategies.FLOATS, BFLOAT16)
LARGEST = {np.float16: 65504.0, BFLOAT16: 3.3895e38, np.float32: 3.4028234e38, np.float64: 1.7976931348623157e308}
"""The largest number of each dtype (bfloat16's: (2 − 2⁻⁷) · 2¹²⁷)."""


@st.composite
def gradient_lists(draw, *, low=-1e4, high=1e4):
    """One to three small finite arrays of rank 0 to 3, not all of one dtype."""
    # No bfloat16 of rank 0: NumPy cannot take that from TensorFlow.
    return [
        draw(strategies.arrays(shape, low=low, high=high)).astype(
            draw(st.sampled_from(DTYPES if shape else strategies.FLOATS))
        )
        for shape in draw(st.lists(strategies.shapes(min_dims=0, max_side=3), min_size=1, max_size=3))
    ]


scales = st.sampled_from([2.0**15, 1024.0, 1000.0, 8.0, 3.0, 1.0, 0.5, 8, 3])
forms = st.sampled_from(["tensors", "tensors", "arrays", "lists", "tuple"])


def shaped(gradients, form):
    """The gradients as `form` says: tensors, arrays or nested lists in a list, or tensors in a tuple."""
    if form == "tuple":
        return tuple(tensor(gradient) for gradient in gradients)
    # A Python number becomes float32, which does not hold float64's: those stay arrays.
    lists = [g if g.dtype == np.float64 else g.astype(np.float64).tolist() for g in gradients]
    return {"lists": lists, "arrays": gradients, "tensors": [tensor(g) for g in gradients]}[form]


@pytest.mark.kata("DynamicLossScale")
class TestDynamicLossScale:
    def test_starts_at_two_to_the_fifteenth(self):
        """Without arguments the scale is 2¹⁵ = 32768."""
        assert_number(read(mixed.DynamicLossScale(), "scale"), 32768.0, rel=0)

    def test_worked_example_of_the_lesson(self):
        """From 8, doubling after 2: ✓ 8, ✓ 16, ✗ 8, ✓ 8, ✗ 4, ✓ 4, ✓ 8, ✓ 8."""
        self._assert_trajectory([True, True, False, True, False, True, True, True], 8.0, 2)

    @examples(40)
    @given(
        finite=st.lists(st.sampled_from([True, True, True, False]), min_size=1, max_size=24),
        initial_scale=scales,
        growth_steps=st.integers(1, 4),
    )
    @example(finite=[False] * 50, initial_scale=2.0, growth_steps=2)
    @example(finite=[True, True, False, True, True, True, True, True], initial_scale=8.0, growth_steps=3)
    @example(finite=[True] * 12, initial_scale=1.0, growth_steps=3)
    @example(finite=[True] * 70, initial_scale=2.0**15, growth_steps=1)
    def test_the_trajectory_is_that_of_keras(self, finite, initial_scale, growth_steps):
        """Halved at every overflow, doubled after `growth_steps` finite steps in a row, without limit."""
        self._assert_trajectory(finite, initial_scale, growth_steps)

    @examples(40)
    @given(
        gradients=gradient_lists(),
        bad=st.sampled_from([np.inf, -np.inf, np.nan]),
        which=st.integers(0, 2),
        where=st.integers(0, 26),
        form=forms,
    )
    @example(gradients=[np.ones(2, np.float32), np.ones(2, np.float32)], bad=np.inf, which=1, where=1, form="lists")
    @example(gradients=[np.ones(2, np.float16)], bad=np.nan, which=0, where=0, form="tensors")
    @example(gradients=[np.ones((), np.float32)], bad=np.nan, which=0, where=0, form="tuple")
    @example(gradients=[*[np.ones(1, np.float32)] * 5, np.ones(5000)], bad=np.inf, which=5, where=4999, form="tensors")
    def test_one_bad_value_anywhere_is_an_overflow(self, gradients, bad, which, where, form):
        """inf, −inf or NaN in any place of any tensor: False, and half the scale."""
        spoiled = [gradient.copy() for gradient in gradients]
        target = spoiled[which % len(spoiled)]
        target.reshape(-1)[where % target.size] = bad
        scaler = mixed.DynamicLossScale(initial_scale=64.0)
        expect(not said_yes(scaler.update(shaped(spoiled, form))), "A bad value must give False.", yours=True)
        assert_number(read(scaler, "scale"), 32.0, rel=0)

    @examples(25)
    @given(
        gradients=gradient_lists(),
        largest=st.sampled_from(list(LARGEST)),
        signs=st.lists(st.sampled_from([1, 1, -1]), min_size=2, max_size=4),
        form=forms,
    )
    @example(gradients=[np.zeros(1, np.float32)], largest=np.float16, signs=[1, 1], form="tensors")
    @example(gradients=[np.zeros(1, np.float32)], largest=np.float64, signs=[1, -1], form="arrays")
    @example(gradients=[np.zeros((0, 2), np.float32)], largest=np.float32, signs=[1, 1], form="tensors")
    def test_large_values_are_finite(self, gradients, largest, signs, form):
        """The largest numbers of a dtype, whose sum and squares are inf, are still finite: True, and the same scale."""
        gradients = [*gradients, (np.array(signs, np.float64) * LARGEST[largest]).astype(largest)]
        scaler = mixed.DynamicLossScale(initial_scale=64.0)
        answer = said_yes(scaler.update(shaped(gradients, form)))
        expect(answer, "Finite gradients must give True.", yours=answer)
        assert_number(read(scaler, "scale"), 64.0, rel=0)

    def test_doubles_after_two_thousand_steps(self):
        """Without arguments the scale is 2¹⁵ for 1999 finite steps, and 2¹⁶ after one more."""
        gradients = [tensor([1.0], np.float32)]
        found = here.updates(mixed.DynamicLossScale, gradients, [1999, 1])
        for scale, expected in zip(found, [32768.0, 32768.0, 65536.0], strict=True):
            assert_number(scale, expected, rel=0)

    @staticmethod
    def _assert_trajectory(finite, initial_scale, growth_steps):
        # A second scaler takes the opposite turns: what the two share would show.
        scaler, other = mixed.DynamicLossScale(initial_scale, growth_steps), mixed.DynamicLossScale(initial_scale, 1)
        for step, scale in zip(finite, oracle.loss_scales(finite, initial_scale, growth_steps), strict=True):
            good, bad = ([tensor([1.0, v], np.float32), tensor(v, np.float32)] for v in (2.0, np.inf))
            answer = said_yes(scaler.update(good if step else bad))
            other.update(bad if step else good)
            expect(answer == step, "True for finite gradients, False otherwise.", yours=answer, expected=step)
            assert_number(read(scaler, "scale"), scale, rel=eps(np.float32))


@pytest.mark.kata("round_up_to_multiple")
class TestRoundUpToMultiple:
    def test_worked_example(self):
        """63 and 64 give 64 = 8 · 8, 65 gives 72 = 9 · 8."""
        assert_equal([mixed.round_up_to_multiple(units) for units in (63, 64, 65)], [64, 64, 72])

    @given(units=st.integers(1, 5000), multiple=st.integers(1, 130) | st.integers(1, 5000))
    @example(units=100, multiple=12)
    @example(units=999_999, multiple=8)
    @example(units=3, multiple=1_000_000)
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
