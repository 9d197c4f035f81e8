"""Laws of chapter 6: a model with two heads, what compile() makes of it, tracing, and XLA."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    assert_close,
    assert_equal,
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
from tests.oracles import ch06_compile as oracle

compiling = chapter("ch06_compile")
common = probes("common")
here = probes("ch06_compile")

REPORT = ["category_accuracy", "category_loss", "loss", "price_loss", "price_mae"]

JIT_LIMIT = 1e-4
"""Rounding is some 1e-7 a step; other weights, other data or another order make 1e-2 and more."""

JIT_LEAST = 1e-10
"""The last bit of a float32 of 0.001; a square of such differences is far below."""

JIT_BIT = 2.0**-40
"""Two float32 weights differ by a whole multiple of the smaller one's last bit; this is that of a weight of 0.00001."""

seeds = st.integers(0, 2**31 - 1)


# Inputs


@st.composite
def batches(draw):
    """(x, targets by name, categories), small, of distinct sizes; labels of shape (n,)."""
    size, features = draw(st.sampled_from([(2, 3), (5, 2), (4, 7), (3, 1), (6, 20)]))
    categories = draw(st.integers(2, 5) | st.sampled_from([11, 30]))
    generator = np.random.default_rng(draw(strategies.seeds))
    reach = np.sqrt(3 / max(features, 3))  # so that no probability comes near the ε at which Keras may clip it
    x = generator.uniform(-reach, reach, (size, features)).astype(np.float32)
    price = (draw(st.sampled_from([1, 300])) * generator.uniform(-3, 3, (size, 1))).astype(np.float32)
    labels = generator.integers(0, categories, size).astype(draw(st.sampled_from([np.int64, np.int32, np.uint8])))
    return x, {"price": price, "category": labels}, categories


@st.composite
def weighted_losses(draw):
    """(losses by name, weights for some of them in an order of their own, dtype); some of either are negative."""
    dtype = draw(st.sampled_from(strategies.FLOATS))
    names = draw(st.lists(st.sampled_from(["price", "category", "mask", "depth"]), min_size=1, max_size=4, unique=True))
    value = st.integers(-80, 80).map(lambda eighths: eighths / 8)
    losses = {name: tensor(draw(value), dtype) for name in names}
    weighted = draw(st.permutations(names))[: draw(st.integers(0, len(names)))]
    weight = st.sampled_from([0.5, 2, 0, 0.1, -1, -0.25]) | strategies.floats(0.0, 3.0)
    return losses, {name: draw(weight) for name in weighted}, dtype


def assert_total(actual, losses, weights, dtype):
    """`actual` is Σ wᵢLᵢ as a rank-0 tensor of `dtype`; every term is rounded once, and once more when added."""
    terms = [abs(float(weights.get(name, 1)) * float(loss)) for name, loss in losses.items()]
    assert_close(actual, oracle.total_loss(losses, weights), dtype=dtype, scale=sum(terms), ulps=8)


def assert_heads(outputs, expected, size=1):
    """`outputs` is [price, category] or a dict of the two, with these values, for inputs of this size."""
    expect(
        isinstance(outputs, dict | list | tuple) and len(outputs) == 2,
        "The model must have two outputs, as a list or as a dict.",
        yours=outputs,
    )
    if isinstance(outputs, dict):
        expect(sorted(outputs) == ["category", "price"], "The outputs are named otherwise.", yours=sorted(outputs))
    price, category = (outputs["price"], outputs["category"]) if isinstance(outputs, dict) else outputs
    scale = oracle.UNITS * 4.0 * size  # a head sums up 64 products of a hidden value of about 2 and a weight of about 2
    assert_close(price, expected.price, dtype=np.float32, scale=scale, ulps=8)
    assert_close(category, expected.category, dtype=np.float32, scale=oracle.UNITS * size, ulps=8)


@pytest.mark.kata("build_two_headed_model")
class TestBuildTwoHeadedModel:
    def test_worked_example_of_the_weights(self):
        """4 features, 3 categories: the arrays are 4x64, 64, then 64x1, 1 and 64x3, 3, all trained, and no more."""
        answer = here.built(compiling.build_two_headed_model, 4, 3)
        shapes = sorted(array.shape for array in answer["initial"])
        expected = sorted([(4, 64), (64,), (64, 1), (1,), (64, 3), (3,)])
        expect(shapes == expected, "The weights' shapes are wrong.", yours=shapes, expected=expected)
        expect(answer["trained"] == 6, "All six arrays are trained.", yours=answer["trained"], expected=6)

    def test_is_new_and_uncompiled_and_starts_as_keras_does(self):
        """A new model each time, uncompiled, nothing else in it; biases start at 0, kernels drawn in Glorot's range."""
        answer = here.built(compiling.build_two_headed_model, 5, 2)
        expect(not answer["compiled"], "The model must come back uncompiled: how it is trained is said later.")
        expect(not answer["shared"], "Two calls must build two models that share no weights.")
        expect(not answer["alike"], "Two models must start at kernels of their own: Keras' default draws them.")
        for name, what in (("penalties", "penalties"), ("constraints", "constraints"), ("others", "layers that draw")):
            expect(answer[name] == 0, f"The model must have no {what}.", yours=answer[name], expected=0)
        expect(answer["reaching"] == 2, "Both outputs train the shared layer.", yours=answer["reaching"], expected=2)
        for array in answer["initial"]:
            limit = np.sqrt(6 / sum(array.shape)) if array.ndim == 2 else 0.0
            fits = np.abs(array).max() <= limit * 1.001 and (array.ndim == 1 or np.ptp(array) > limit / 2)
            expect(
                fits,
                f"The weights of shape {array.shape} do not start as Keras' default says: zeros for a bias, "
                "uniform in ±√(6 / (inputs + units)) for a kernel.",
                yours=array,
            )

    @examples(10)
    @given(data=batches(), seed=seeds, size=st.sampled_from([1, 30, 10**6]))
    @example(data=(np.eye(2, dtype=np.float32), {}, 2), seed=1, size=30)
    @example(data=(np.eye(2, dtype=np.float32), {}, 2), seed=1, size=10**6)
    def test_gives_a_number_and_a_distribution(self, data, seed, size):
        """relu(xW + b) feeds both heads: a linear price, a softmax over each sample's categories; in training, too."""
        x, _, categories = data
        answer = here.two_heads(compiling.build_two_headed_model, x.shape[1], categories, x * np.float32(size), seed)
        weights = oracle.by_shape(answer["weights"], x.shape[1], categories)
        expect(
            weights is not None, "The weights' shapes are wrong.", yours=[array.shape for array in answer["weights"]]
        )
        for outputs in answer["outputs"]:
            assert_heads(outputs, oracle.two_heads(weights, x * size), size)

    def test_compile_finds_the_heads_by_name(self):
        """Losses and metrics given for `price` and `category` reach their outputs, and are reported by those names."""
        y = {"price": np.ones((2, 1), np.float32), "category": np.array([0, 2])}
        found = here.names_found_by_compile(compiling.build_two_headed_model, np.ones((2, 4), np.float32), y)
        assert_equal(found, REPORT)


@pytest.mark.kata("compile_two_headed_model")
class TestCompileTwoHeadedModel:
    @examples(10)
    @given(
        data=batches(),
        price=st.sampled_from([0, 3]) | strategies.floats(0, 4),
        category=strategies.floats(0, 4),
        as_dict=st.booleans(),
        sample_weights=st.booleans(),
    )
    @example(
        data=(np.ones((2, 3), np.float32), {"price": np.ones((2, 1), np.float32), "category": np.array([0, 1])}, 2),
        price=2.0,
        category=0.25,
        as_dict=False,
        sample_weights=False,
    )
    @example(
        data=(
            np.array([[1, 2, 0], [0, -2, 1]], np.float32),
            {"price": np.array([[1], [9]], np.float32), "category": np.array([0, 1])},
            3,
        ),
        price=2.0,
        category=0.25,
        as_dict=True,
        sample_weights=True,
    )
    def test_weighs_the_losses_by_name(self, data, price, category, as_dict, sample_weights):
        """loss = price_weight · MSE + category_weight · CE; sample weights reach these, and not the metrics."""
        x, y, categories = data
        weighing = np.arange(len(x), dtype=np.float32) if sample_weights else None
        answer = here.compiled(
            compiling.compile_two_headed_model,
            x,
            y,
            categories,
            as_dict=as_dict,
            sample_weight=weighing,
            price_weight=price,
            category_weight=category,
        )
        self._judge(answer, x, y, categories, price_weight=price, category_weight=category, sample_weight=weighing)

    @examples(3)
    @given(data=batches(), seed=seeds)
    def test_by_default_the_category_counts_half(self, data, seed):
        """Without weights: 1 for the price, 0.5 for the category; nothing is returned."""
        x, y, categories = data
        answer = here.compiled(compiling.compile_two_headed_model, x, y, categories, seed=seed)
        assert_equal(answer["returned"], None)
        self._judge(answer, x, y, categories, price_weight=1.0, category_weight=0.5)

    def test_optimizes_with_adam(self):
        """The optimizer is Adam with its default options, the rate of 0.001 among them; each model has its own."""
        settings = here.settings(compiling.compile_two_headed_model)
        assert_equal(settings["optimizer"], "Adam")
        assert_equal(settings["returned"], None)
        assert_number(settings["learning_rate"], 0.001, rel=1e-6)
        changed = settings["changed_options"]
        expect(not changed, "Adam's other options must stay at their defaults.", yours=changed)
        expect(
            not here.shares_an_optimizer(compiling.compile_two_headed_model),
            "An optimizer belongs to one model: every call needs a new one.",
        )
        expect(not settings["others"], "What is not asked for stays as compile has it.", yours=settings["others"])
        expect(settings["frozen"] == 0, "All weights that were trained still are.", yours=settings["frozen"])
        for shape, move in here.first_moves(compiling.compile_two_headed_model).items():
            problem = f"Adam's first step moves the weights of shape {shape} by its rate."
            expect(abs(move - 0.001) < 1e-5, problem, yours=move, expected=0.001)

    def test_passes_the_flags_on(self):
        """jit_compile and run_eagerly are what was asked for, by default False; the process stays as it was."""
        for flag in ("jit_compile", "run_eagerly"):
            for value in (True, False):
                settings = here.settings(compiling.compile_two_headed_model, **{flag: value})
                expect(not settings["switched"], "Your call leaves `tf.config.run_functions_eagerly` changed.")
                expected = {"jit_compile": False, "run_eagerly": False, flag: value}
                for name, wanted in expected.items():
                    asked = f"with {flag}={value} the model's {name} must be {wanted}"
                    expect(settings[name] is wanted, f"Compiled {asked}.", yours=settings[name], expected=wanted)

    @staticmethod
    def _judge(answer, x, y, categories, **weights):
        report = answer["report"]
        expect(sorted(report) == REPORT, "The report has other names.", yours=sorted(report), expected=REPORT)
        heads = oracle.two_heads(oracle.by_shape(answer["weights"], x.shape[1], categories), x)
        ranked = np.sort(heads.category, axis=1)
        is_clear = (ranked[:, -1] - ranked[:, -2]).min() > 1e-3  # else rounding chooses the category
        for name, value in oracle.two_headed_report(heads, y["price"], y["category"], **weights).items():
            if is_clear or name != "category_accuracy":
                assert_number(report[name], value, rel=1e-4, abs=1e-5)


@pytest.mark.kata("total_loss")
class TestTotalLoss:
    def test_worked_example(self):
        """price 4 without a weight, category 2 weighing 0.5: 1·4 + 0.5·2, from plain numbers, as a tensor."""
        result = compiling.total_loss({"price": 4.0, "category": 2.0}, {"category": 0.5})
        assert_close(result, 1 * 4 + 0.5 * 2, dtype=np.float32)

    @given(case=weighted_losses())
    @example(case=({"price": tensor(4.0, np.float32)}, {}, np.float32))
    @example(
        case=(
            {"price": tensor(4.0, np.float32), "category": tensor(2.0, np.float32)},
            {"category": 3, "price": 0.5},
            np.float32,
        )
    )
    @example(
        case=(
            {"mask": tensor(3.0, np.float64), "price": tensor(7.0, np.float64)},
            {"mask": 0, "price": 0.1},
            np.float64,
        )
    )
    def test_every_loss_meets_the_weight_of_its_name(self, case):
        """Σ wᵢLᵢ with 1 for a missing weight, in the losses' dtype, whatever the order of the two dicts."""
        losses, weights, dtype = case
        assert_total(compiling.total_loss(losses, weights), losses, weights, dtype)

    @examples(20)
    @given(case=weighted_losses())
    def test_weights_may_be_tensors(self, case):
        """A weight may be a rank-0 tensor of the losses' dtype, as a trained or scheduled weight is."""
        losses, weights, dtype = case
        given = {name: tensor(weight, dtype) for name, weight in weights.items()}
        assert_total(compiling.total_loss(losses, given), losses, given, dtype)

    @examples(30)
    @given(case=weighted_losses(), unknown=st.sampled_from(["prise", "Category", ""]), weight=st.sampled_from([1.0, 0]))
    @example(case=({"price": 4.0}, {}, None), unknown="prise", weight=0)
    def test_refuses_a_weight_without_a_loss(self, case, unknown, weight):
        """A weight for a loss that does not exist is a typing error: a ValueError that names weights."""
        losses, weights, _ = case
        assert_value_error("weights", compiling.total_loss, losses, {**weights, unknown: weight})

    @examples(20)
    @given(case=weighted_losses())
    def test_each_loss_gets_its_weight_as_gradient(self, case):
        """∂ total / ∂ Lᵢ = wᵢ."""
        losses, weights, dtype = case
        gradients = here.loss_gradients(compiling.total_loss, losses, weights)
        for name, gradient in gradients.items():
            assert_tensor(gradient, shape=(), dtype=dtype)
            assert_close(gradient, float(weights.get(name, 1)), dtype=dtype)

    @examples(5)
    @given(case=weighted_losses(), symbolic=st.booleans())
    @example(
        case=(
            {"price": tensor(4.0, np.float32), "category": tensor(2.0, np.float32)},
            {"category": 0.5, "price": 0.1},
            np.float32,
        ),
        symbolic=True,
    )
    def test_same_inside_tf_function(self, case, symbolic):
        """Traced with symbolic losses, and with plain or symbolic weights, it gives the same."""
        losses, weights, dtype = case
        given = {name: tensor(weight, dtype) for name, weight in weights.items()} if symbolic else weights
        assert_total(here.total_in_graph(compiling.total_loss, losses, given), losses, given, dtype)


@pytest.mark.kata("count_python_runs")
class TestCountPythonRuns:
    @examples(3)
    @given(batches=st.integers(1, 12))
    @example(batches=33)
    def test_eager_steps_run_python_for_every_batch(self, batches):
        """With run_eagerly=True, handed to compile, the body runs once for each batch that the model trains on."""
        assert_equal(self._runs(batches, run_eagerly=True), batches)

    @examples(2)
    @given(batches=st.integers(3, 9), run_eagerly=st.booleans())
    @example(batches=4, run_eagerly=False)
    def test_is_observed(self, batches, run_eagerly):
        """Under `tf.config.run_functions_eagerly(True)` nothing is traced: Python runs for every batch, in any case."""
        assert_equal(self._runs(batches, run_eagerly=run_eagerly, everything_eagerly=True), batches)

    def test_leaves_the_global_setting(self):
        """Whether functions run eagerly in the whole process is after the call as it was before."""
        for run_eagerly in (True, False):
            self._runs(1, run_eagerly=run_eagerly)

    @examples(2)
    @given(batches=st.integers(1, 12))
    @example(batches=5)
    def test_a_graph_runs_python_only_while_tracing(self, batches):
        """With run_eagerly=False the body runs once or twice, however many batches the model trains on."""
        runs = self._runs(batches, run_eagerly=False)
        expect(type(runs) is int, "The count must be a Python int.", yours=runs)
        expect(runs in (1, 2), f"For {batches} batches Python must run once or twice.", yours=runs, expected="1 or 2")

    @staticmethod
    def _runs(batches, **options):
        """The kata's answer; what it did to the whole process is undone, so that no other law suffers."""
        answer = here.observed(compiling.count_python_runs, batches, **options)
        expect(not answer["changed"], "Your call leaves `tf.config.run_functions_eagerly` changed.")
        expect(
            (options["run_eagerly"], batches) in answer["trained"],
            f"A model must be compiled with run_eagerly={options['run_eagerly']} and trained on {batches} batches.",
            yours=[f"run_eagerly={eagerly}, {updates} updates" for eagerly, updates in answer["trained"]],
        )
        return answer["result"]


@pytest.mark.kata("max_jit_difference")
class TestMaxJitDifference:
    # The cheapest laws first, or with more examples: these are asked again.
    @examples(1)
    @given(seed=seeds)
    def test_leaves_the_global_random_state(self, seed):
        """Python's, NumPy's and TensorFlow's global generators are afterwards as before."""
        for library, untouched in common.random_states_after(compiling.max_jit_difference, seed, steps=1).items():
            expect(untouched, f"The call changes the global random state of {library}.")

    def test_xla_rounds_otherwise(self):
        """After 20 steps some seed of eight shows a difference of two float32 weights, and not all show the same."""
        found, after_one = [], []
        while len(found) < 8 and (len(set(found)) < 2 or max(found) < JIT_LEAST):
            found.append(self._compared(len(found), steps=20))
        while len(after_one) < len(found) and after_one == found[: len(after_one)]:
            after_one.append(self._compared(len(after_one), steps=1))
        expect(max(found) > 0, "XLA adds up in another order: some seed must show a difference.", yours=found)
        expect(
            max(found) >= JIT_LEAST,
            "Two weights that differ do so by the last bit of a float32 at least; is it a square or a mean of them?",
            yours=found,
            expected="above 1e-10 for one of eight seeds",
        )
        expect(
            all((number / JIT_BIT).is_integer() for number in found),
            "The difference of two float32 weights is a whole number of last bits; is it a mean or a root of several?",
            yours=found,
            expected="multiples of 2⁻⁴⁰",
        )
        expect(len(set(found)) > 1, "The result must depend on the seed.", yours=found)
        steps = {"after 20 steps": found, "after 1 step": after_one}
        expect(after_one != found[: len(after_one)], "The result must depend on the steps.", yours=steps)

    @examples(2)
    @given(seed=seeds, steps=st.integers(1, 5))
    @example(seed=0, steps=20)
    def test_is_observed(self, seed, steps):
        """Under `tf.config.run_functions_eagerly(True)` nothing is compiled, and the difference is exactly 0."""
        answer = here.observed(compiling.max_jit_difference, seed, steps=steps, everything_eagerly=True)
        assert_equal(answer["result"], 0.0)

    @examples(1)
    @given(seed=seeds | st.just(2**31 - 1), steps=st.integers(1, 5))
    def test_nothing_but_rounding_differs(self, seed, steps):
        """From the same weights, on the same data: below 1e-4, and the same number whatever the global random state."""
        one, other = here.under_other_random_states(compiling.max_jit_difference, seed, steps=steps)
        self._judge(one)
        expect(one == other, "The result must depend on the seed alone.", yours=[one, other])

    def _compared(self, seed, *, steps):
        """The kata's answer; if it trained two models of Keras, it is the largest difference of their weights."""
        answer = here.compared(compiling.max_jit_difference, seed, steps=steps)
        self._judge(answer["result"])
        if answer["apart"] is not None:
            expect(
                min(answer["updates"]) >= steps,
                f"Both trainings make {steps} updates.",
                yours=answer["updates"],
                expected=[steps, steps],
            )
            assert_number(answer["result"], answer["apart"], rel=1e-6)
        return answer["result"]

    @staticmethod
    def _judge(difference):
        expect(type(difference) is float, "The difference must be a Python float.", yours=difference)
        expect(
            0 <= difference < JIT_LIMIT,
            "The same training with and without XLA must end at the same weights, but for rounding.",
            yours=difference,
            expected="at least 0, below 1e-4",
        )
