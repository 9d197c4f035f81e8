"""Laws of batch sizes and gradient accumulation."""

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
    examples,
    expect,
    probes,
)
from tests import strategies
from tests.oracles import ch07_accumulation as oracle

accumulation = chapter("ch07_accumulation")
here = probes("ch07_accumulation")
common = probes("common")

sizes = st.one_of(st.integers(1, 8192), st.integers(1, 2**20))
rates = st.one_of(strategies.floats(1e-5, 1.0), st.integers(0, 3))

STEP_ULPS = 64
"""Roundings allowed in a weight after some ten updates of float32, at the magnitude of the largest weight."""


ADAM_ULPS = 512
"""Adam's powers of β are float32, too, and its ε of 0.01 magnifies a rounding of the gradient by up to 0.05 / 0.01."""


@st.composite
def linear_models(draw, dtype=np.float32):
    """Weights of x·kernel + bias, of one output."""
    features = draw(st.integers(1, 3))
    kernel = draw(strategies.arrays((features, 1), low=-2.0, high=2.0, dtype=dtype))
    return oracle.Linear(kernel, draw(strategies.arrays((1,), low=-2.0, high=2.0, dtype=dtype)))


@st.composite
def micro_batches(draw, features, *, count, max_size=4, size=None, dtype=np.float32):
    """`count` pairs (x, y) of between 1 and `max_size` samples, or of exactly `size`."""
    rng = np.random.default_rng(draw(strategies.seeds))
    batches = []
    for _ in range(draw(count)):
        samples = draw(st.integers(1, max_size)) if size is None else size
        x, y = rng.normal(size=(samples, features)), rng.normal(loc=1.0, size=(samples, 1))
        batches.append((x.astype(dtype), y.astype(dtype)))
    return batches


@st.composite
def problems(draw, dtype=np.float32, **batches):
    """(weights, micro-batches) that fit each other."""
    weights = draw(linear_models(dtype))
    return weights, draw(micro_batches(len(weights.kernel), dtype=dtype, **batches))


UNEVEN = (
    oracle.Linear(np.array([[1.0]], np.float32), np.array([0.0], np.float32)),
    [
        (np.array([[1.0], [2.0], [1.0]], np.float32), np.zeros((3, 1), np.float32)),
        (np.array([[3.0]], np.float32), np.zeros((1, 1), np.float32)),
    ],
)
"""Three samples, then one: gradients of x·w at w = 1 towards 0 are 2·(1 + 4 + 1)/3 = 4 and 2·9 = 18."""


FAR_OFF = (UNEVEN[0], [(x, y + np.float32(1e4)) for x, y in UNEVEN[1]])
"""The same towards 10,000: gradients of some ten thousands."""


FIVE_SAMPLES = (
    oracle.Linear(np.array([[0.5], [-1.0]], np.float32), np.array([0.25], np.float32)),
    [
        (
            np.array([[1.0, 0.5], [-0.5, 2.0], [1.5, -1.0], [0.25, 0.75], [2.0, 1.0]], np.float32),
            np.array([[1.0], [-2.0], [0.5], [3.0], [-1.0]], np.float32),
        )
    ],
)
"""Five samples: in batches of two, the last is a short one."""


UNEVEN_FLOAT64 = (
    oracle.Linear(*(w.astype(np.float64) for w in UNEVEN[0])),
    [(x.astype(np.float64), y.astype(np.float64)) for x, y in UNEVEN[1]],
)
"""In float64, of which the model's variables and gradients then are."""


TWO_FEATURES = [
    (np.array([[1.0, -0.5], [0.5, 2.0], [-1.0, 0.25]], np.float32) * s, np.array([[s], [-1.0], [2.0]], np.float32))
    for s in (1, -1, 0.5, 2)
]
"""Four micro-batches of three samples."""


def wide(weights):
    """The weights in float64."""
    return oracle.Linear(*(np.asarray(w, np.float64) for w in weights))


def close_gradients(yours, expected, dtype=np.float32):
    """A list of tensors, each within the roundings of float32 (a share may have been one) at the largest one."""
    expect(
        isinstance(yours, list) and len(yours) == len(expected),
        "There must be a list with one gradient for each trainable variable.",
        yours=yours,
        expected=[np.asarray(g) for g in expected],
    )
    scale = max(1.0, *(float(np.abs(g).max()) for g in expected))
    for mine, right in zip(yours, expected):
        assert_close(mine, right, dtype=dtype, atol=STEP_ULPS * float(np.finfo(np.float32).eps) * scale)


def close_weights(yours, expected, when, *, ulps=STEP_ULPS):
    """Both weights within the roundings of float32 at the magnitude of the largest."""
    scale = max(1.0, *(float(np.abs(w).max()) for w in expected))
    tolerance = ulps * np.finfo(np.float32).eps * scale
    for name, mine, right in zip(oracle.Linear._fields, yours, expected):
        difference = float(np.abs(np.asarray(mine, np.float64) - right).max())
        expect(difference <= tolerance, f"The {name} is wrong {when}.", yours=mine, expected=np.asarray(right))


def python_float(rate, expected):
    """A Python float of that value."""
    expect(type(rate) is float, "The rate must be a Python float.", yours=rate, expected=float(expected))
    assert_number(rate, expected, rel=1e-9)


@pytest.mark.kata("linear_scaling_rule")
class TestLinearScalingRule:
    def test_worked_example(self):
        """From 256 to 8192 samples, 0.1 becomes 0.1 · 32 = 3.2: the figures of Goyal et al."""
        python_float(accumulation.linear_scaling_rule(0.1, base_batch_size=256, batch_size=8192), 3.2)

    @given(rate=rates, base=sizes, size=sizes)
    @example(rate=0.1, base=64, size=96)
    @example(rate=0.1, base=64, size=32)
    @example(rate=0.1, base=1, size=1)
    @example(rate=1, base=64, size=64)
    @example(rate=0.1, base=64, size=65536)
    def test_is_proportional_to_the_batch_size(self, rate, base, size):
        """η₀ · B / B₀, a Python float, for any two sizes: larger, smaller, and no whole multiple either."""
        result = accumulation.linear_scaling_rule(rate, base_batch_size=base, batch_size=size)
        python_float(result, oracle.linear_scaling_rule(rate, base, size))

    @given(rate=rates, base=sizes, size=sizes)
    def test_scaling_back_gives_the_rate_back(self, rate, base, size):
        """From B₀ to B and from there to B₀ again is where it began."""
        there = accumulation.linear_scaling_rule(rate, base_batch_size=base, batch_size=size)
        back = accumulation.linear_scaling_rule(float(there), base_batch_size=size, batch_size=base)
        assert_number(back, rate, rel=1e-9)

    @given(base=sizes, wrong=st.integers(-300, 0))
    @example(base=64, wrong=0)
    def test_refuses_a_size_below_one(self, base, wrong):
        """Neither size may be 0 or negative."""
        rule = accumulation.linear_scaling_rule
        assert_value_error("base_batch_size", rule, 0.1, base_batch_size=wrong, batch_size=base)
        assert_value_error("batch_size", rule, 0.1, base_batch_size=base, batch_size=wrong)


@pytest.mark.kata("updates_per_epoch")
class TestUpdatesPerEpoch:
    def test_worked_example_of_a_short_last_batch(self):
        """5000 samples in batches of 64 are 78 · 64 = 4992 and 8 left over: 79 batches, as Keras runs them."""
        assert_equal(accumulation.updates_per_epoch(5000, batch_size=64), 79)

    def test_worked_example_of_a_dropped_batch(self):
        """With `drop_remainder` only the 78 whole batches remain."""
        assert_equal(accumulation.updates_per_epoch(5000, batch_size=64, drop_remainder=True), 78)

    def test_worked_example_of_an_unfinished_group(self):
        """1000 samples in batches of 32 are 32 batches (the last of 8); by fives that is 6 updates, and 2 wait."""
        assert_equal(accumulation.updates_per_epoch(1000, batch_size=32, accumulation_steps=5), 6)

    @given(
        samples=st.integers(0, 400),
        batch_size=st.integers(1, 40),
        unit=st.sampled_from((1, 1, 1000, 10**6)),
        more=st.integers(0, 1),
        steps=st.integers(1, 6),
        dropped=st.booleans(),
    )
    @example(samples=64, batch_size=32, unit=1, more=0, steps=1, dropped=False)
    @example(samples=65, batch_size=32, unit=1, more=0, steps=3, dropped=False)
    @example(samples=31, batch_size=32, unit=1, more=0, steps=1, dropped=True)
    @example(samples=0, batch_size=8, unit=1, more=0, steps=2, dropped=False)
    @example(samples=3, batch_size=1, unit=1, more=0, steps=50, dropped=False)
    @example(samples=64, batch_size=32, unit=10**6, more=1, steps=1, dropped=False)
    def test_counts_what_a_walk_through_the_epoch_counts(self, samples, batch_size, unit, more, steps, dropped):
        """Take batches while samples are left, update after every K-th: that many updates; millions of samples too."""
        samples, batch_size = samples * unit + more, batch_size * unit
        updates = accumulation.updates_per_epoch(
            samples, batch_size=batch_size, accumulation_steps=steps, drop_remainder=dropped
        )
        assert_equal(updates, oracle.updates_per_epoch(samples, batch_size, steps, dropped))


@pytest.mark.kata("accumulated_gradients")
class TestAccumulatedGradients:
    def test_worked_example(self):
        """Gradient 4 from three samples and 18 from one: (3·4 + 1·18) / 4 = 7.5, not (4 + 18) / 2."""
        weights, batches = UNEVEN
        kernel, _ = here.accumulate(accumulation.accumulated_gradients, *weights, batches)
        assert_close(kernel, [[7.5]], dtype=np.float32)

    @examples(15)
    @given(problem=problems(count=st.integers(1, 5)))
    @example(problem=UNEVEN)
    @example(problem=FAR_OFF)
    def test_is_the_gradient_of_the_whole_batch(self, problem):
        """For micro-batches of any sizes: the gradient of the mean loss over all samples together."""
        weights, batches = problem
        yours = here.accumulate(accumulation.accumulated_gradients, *weights, batches)
        close_gradients(yours, oracle.gradient(wide(weights), *oracle.concatenated(batches)))

    @examples(3)
    @given(problem=problems(count=st.integers(2, 4), dtype=np.float64))
    def test_keeps_the_dtype(self, problem):
        """A gradient has its variable's dtype: float64 for a float64 model."""
        weights, batches = problem
        yours = here.accumulate(accumulation.accumulated_gradients, *weights, batches)
        close_gradients(yours, oracle.gradient(wide(weights), *oracle.concatenated(batches)), np.float64)

    @examples(5)
    @given(problem=problems(count=st.integers(2, 4)))
    @example(problem=UNEVEN)
    def test_the_model_sees_one_micro_batch_at_a_time(self, problem):
        """No call of the model brings more samples than the largest micro-batch: memory is what it is about."""
        weights, batches = problem
        seen = here.accumulate_watched(accumulation.accumulated_gradients, *weights, batches)
        largest = max(len(x) for x, _ in batches)
        within = max(seen["sizes"], default=0) <= largest
        expect(within, f"The largest micro-batch has {largest} samples.", yours=f"calls with {seen['sizes']} samples")

    @examples(5)
    @given(problem=problems(count=st.integers(1, 3)))
    @example(problem=UNEVEN)
    def test_the_model_is_run_in_training(self, problem):
        """A layer that doubles its input in training (and only there) does so here."""
        weights, batches = problem
        seen = here.accumulate_watched(accumulation.accumulated_gradients, *weights, batches)
        x, y = oracle.concatenated(batches)
        kernel, bias = oracle.gradient(wide(weights), 2 * x, y)
        expect(all(seen["training"]), "The model must be called with training=True.", yours=seen["training"])
        expect(seen["kept"], "The model's weights must stay as they are: gradients are asked for, no update.")
        close_gradients(seen["gradients"], [kernel, bias])

    @examples(5)
    @given(problem=problems(count=st.integers(1, 3)))
    @example(problem=UNEVEN)
    def test_trainable_variables_and_zeros_for_an_unused_one(self, problem):
        """One gradient for each *trainable* variable, in order; zeros, not None, for one that the loss ignores."""
        weights, batches = problem
        yours = here.accumulate_with_spare_and_frozen(accumulation.accumulated_gradients, *weights, batches)
        kernel, bias = oracle.gradient(wide(weights), *oracle.concatenated(batches))
        close_gradients(yours, [kernel, bias, np.zeros((2, 3))])

    @examples(4)
    @given(batches=micro_batches(2, count=st.integers(2, 4)), seed=strategies.seeds)
    def test_holds_for_a_network_with_an_embedding(self, batches, seed):
        """With an embedding, sequences of several lengths, whole numbers for targets: as one tape over all at once."""
        both = here.accumulate_network(accumulation.accumulated_gradients, seed, batches)
        expect(not both["sparse"], "Every gradient must be a tf.Tensor.", yours="a tf.IndexedSlices among them")
        close_gradients(both["yours"], [np.asarray(g, np.float64) for g in both["at_once"]])

    @examples(5)
    @given(problem=problems(count=st.integers(1, 3)))
    @example(problem=UNEVEN)
    def test_takes_arrays_too(self, problem):
        """A list of NumPy arrays does as well as a generator of tensors, and is not changed."""
        weights, batches = problem
        yours = here.accumulate_from_arrays(accumulation.accumulated_gradients, *weights, batches)
        close_gradients(yours, oracle.gradient(wide(weights), *oracle.concatenated(batches)))

    @examples(1)
    @given(problem=problems(count=st.integers(2, 3)))
    @example(problem=UNEVEN)
    def test_same_inside_tf_function(self, problem):
        """In a graph it gives what it gives eagerly."""
        weights, batches = problem
        yours = here.accumulate_in_graph(accumulation.accumulated_gradients, *weights, batches)
        close_gradients(yours, oracle.gradient(wide(weights), *oracle.concatenated(batches)))


def epochs_of(weights, batches, epochs, steps, lr):
    """Mean loss and mean absolute error of every epoch as they are while it trains, and the weights in the end."""
    run = oracle.train_accumulating(weights, batches * epochs, steps, oracle.Sgd(lr))
    before = [weights, *run][:-1]
    losses, errors = [], []
    for epoch in range(epochs):
        seen = list(zip(before[epoch * len(batches) :], batches))
        samples = [len(x) for _, (x, _) in seen]
        losses.append(np.average([oracle.mean_loss(w, *batch) for w, batch in seen], weights=samples))
        errors.append(np.average([oracle.mean_absolute_error(w, *batch) for w, batch in seen], weights=samples))
    return losses, errors, run[-1]


def in_twos(x, y):
    """Batches of two samples, the last perhaps of one."""
    return [(x[i : i + 2], y[i : i + 2]) for i in range(0, len(x), 2)]


def logs_are(yours, expected, when):
    """The same names, and values within what float32 leaves of them."""
    expect(yours.keys() == expected.keys(), f"The names reported {when} are not those of loss and metrics.",
           yours=sorted(yours), expected=sorted(expected))  # fmt: skip
    for name, right in expected.items():
        good = np.allclose(yours[name], right, rtol=2e-4, atol=1e-5)
        expect(good, f"`{name}` is wrong {when}.", yours=yours[name], expected=right)


@pytest.mark.kata("GradientAccumulationModel")
class TestGradientAccumulationModel:
    def test_worked_example(self):
        """From w = 1 at rate 0.1, gradients 4 and 18: first nothing moves, then w is 1 − 0.1 · (4 + 18)/2 = −0.1."""
        weights, batches = UNEVEN
        model = accumulation.GradientAccumulationModel
        states = here.train_on_micro_batches(model, *weights, batches, 2, "sgd", 0.1)
        kernels = [float(state["weights"][0][0, 0]) for state in states]
        expect(kernels[0] == 1.0, "Nothing may move before the K-th micro-batch.", yours=kernels[0], expected=1.0)
        assert_number(kernels[1], -0.1, rel=1e-5)

    @examples(6)
    @given(problem=problems(count=st.integers(3, 7)), steps=st.integers(1, 4), lr=strategies.floats(0.01, 0.05))
    @example(problem=(UNEVEN[0], UNEVEN[1] * 3), steps=2, lr=0.01)
    @example(problem=UNEVEN_FLOAT64, steps=2, lr=0.01)
    def test_every_group_moves_by_its_unweighted_mean(self, problem, steps, lr):
        """After every K-th micro-batch w ← w − η·(g₁ + … + g_K)/K, whatever their sizes; nothing in between."""
        weights, batches = problem
        model = accumulation.GradientAccumulationModel
        states = here.train_on_micro_batches(model, *weights, batches, steps, "sgd", lr)
        expected = oracle.train_accumulating(wide(weights), batches, steps, oracle.Sgd(lr))
        for i, (state, right) in enumerate(zip(states, expected), start=1):
            close_weights(state["weights"], right, f"after micro-batch {i} of groups of {steps}")

    @examples(2)
    @given(problem=problems(count=st.integers(2, 7)), steps=st.integers(1, 4))
    @example(problem=(UNEVEN[0], UNEVEN[1] * 3), steps=2)
    def test_iterations_count_updates(self, problem, steps):
        """`optimizer.iterations` is the number of updates: schedules and bias corrections go by it."""
        weights, batches = problem
        model = accumulation.GradientAccumulationModel
        states = here.train_on_micro_batches(model, *weights, batches, steps, "sgd", 0.01)
        updates = [i // steps for i in range(1, len(batches) + 1)]
        assert_equal([state["iterations"] for state in states], updates)

    @examples(2)
    @given(problem=problems(count=st.just(6), size=2), steps=st.sampled_from((2, 3)))
    def test_equal_micro_batches_are_one_big_batch(self, problem, steps):
        """K micro-batches of equal size train like one batch of all of them: with SGD, momentum and Adam."""
        weights, batches = problem
        big = [oracle.concatenated(batches[i : i + steps]) for i in range(0, len(batches), steps)]
        rules = {"sgd": oracle.Sgd(0.05), "momentum": oracle.Sgd(0.05, 0.9), "adam": oracle.Adam(0.05, epsilon=0.01)}
        for name, rule in rules.items():
            model = accumulation.GradientAccumulationModel
            states = here.train_on_micro_batches(model, *weights, batches, steps, name, 0.05)
            ulps = ADAM_ULPS if name == "adam" else STEP_ULPS
            for i, right in enumerate(oracle.train(wide(weights), big, rule), start=1):
                close_weights(states[i * steps - 1]["weights"], right, f"after {i} updates of {name}", ulps=ulps)

    @examples(2)
    @given(problem=problems(count=st.just(1), size=3))
    @example(problem=(UNEVEN[0], UNEVEN[1][:1]))
    def test_the_base_model_is_run_in_training(self, problem):
        """A layer of the base model that doubles its input in training (as dropout acts only there) does so here."""
        weights, [(x, y)] = problem
        trained = here.train_watched(accumulation.GradientAccumulationModel, *weights, x, y, 0.01)
        expected = oracle.train_accumulating(wide(weights), [(2 * x, y)], 1, oracle.Sgd(0.01))
        close_weights(trained, expected[-1], "after an update in training mode")

    @examples(1)
    @given(problem=problems(count=st.just(1), size=5))
    def test_a_group_goes_on_into_the_next_epoch(self, problem):
        """Three batches an epoch, K = 2: two calls of `fit` (and `evaluate` between) are six batches, three updates."""
        weights, [(x, y)] = problem
        report = here.fit(
            accumulation.GradientAccumulationModel, *weights, x, y,
            steps=2, batch_size=2, epochs=1, calls=2, lr=0.05, compilation={"run_eagerly": True},
        )  # fmt: skip
        batches = [(x[i : i + 2], y[i : i + 2]) for i in (0, 2, 4)]
        expected = oracle.train_accumulating(wide(weights), batches * 2, 2, oracle.Sgd(0.05))
        assert_equal(report["iterations"], 3)
        close_weights(report["weights"], expected[-1], "after two epochs of three batches, with K = 2")

    @examples(1)
    @given(problem=problems(count=st.just(1), size=5))
    @example(problem=FIVE_SAMPLES)
    def test_reports_the_mean_loss_and_metrics(self, problem):
        """`loss` and metrics of each epoch are means over its samples (the last batch of 1 weighs half of one of 2)."""
        weights, [(x, y)] = problem
        report = here.fit(
            accumulation.GradientAccumulationModel, *weights, x, y,
            steps=2, batch_size=2, epochs=2, lr=0.05, compilation={"run_eagerly": True},
        )  # fmt: skip
        losses, errors, _ = epochs_of(wide(weights), in_twos(x, y), 2, 2, 0.05)
        logs_are(report["history"], {"loss": losses, "mae": errors, "squared_error": losses}, "after two epochs")

    @examples(1)
    @given(problem=problems(count=st.just(1), size=5))
    def test_evaluate_and_predict_are_the_base_models(self, problem):
        """After training, `evaluate` gives loss and metrics of the base model, and `predict` its outputs."""
        weights, [(x, y)] = problem
        report = here.fit(
            accumulation.GradientAccumulationModel, *weights, x, y,
            steps=1, batch_size=2, epochs=1, lr=0.05, compilation={"run_eagerly": True}, after=True,
        )  # fmt: skip
        trained = wide(report["weights"])
        loss, error = oracle.mean_loss(trained, x, y), oracle.mean_absolute_error(trained, x, y)
        logs_are(report["evaluated"], {"loss": loss, "mae": error, "squared_error": loss}, "by `evaluate`")
        difference = np.abs(report["predicted"] - oracle.predict(trained, x)).max()
        expect(difference < 1e-5, "`predict` must give the base model's outputs.", yours=report["predicted"])

    @examples(1)
    @given(
        seed=strategies.seeds,
        batches=micro_batches(2, count=st.just(4), size=3),
        steps=st.sampled_from((1, 2)),
        scaled=st.booleans(),
    )
    @example(seed=0, batches=TWO_FEATURES, steps=1, scaled=False)
    @example(seed=1, batches=TWO_FEATURES, steps=2, scaled=True)
    def test_everything_else_is_as_in_keras(self, seed, batches, steps, scaled):
        """Penalties, sample weights, an embedding, frozen and unused weights, a scaled loss: as Keras' big batches."""
        rng = np.random.default_rng(seed)
        sample_weights = [rng.choice([0.25, 1.0, 2.0], len(x)).astype(np.float32) for x, _ in batches]
        model = accumulation.GradientAccumulationModel
        report = here.beside_keras(model, seed, batches, sample_weights, steps, scaled)
        for i, ((logs, weights), (at_once, right)) in enumerate(zip(report["yours"], report["keras"]), start=1):
            # `loss` and `mae` are means over the (equal) micro-batches; a weighted metric counts its samples' weights.
            shares = {"squared_error": [w.sum() for w in sample_weights[(i - 1) * steps : i * steps]]}
            for each in logs:
                expect(each.keys() == at_once.keys(), "The names reported are not those of loss and metrics.",
                       yours=sorted(each), expected=sorted(at_once))  # fmt: skip
            means = {name: np.average([each[name] for each in logs], weights=shares.get(name)) for name in at_once}
            logs_are(means, at_once, f"up to update {i} of groups of {steps}")
            for name, yours, expected in zip(report["names"], weights, right):
                good = np.allclose(yours, expected, rtol=0, atol=2e-5)
                expect(good, f"The weight {name} is wrong after update {i} of groups of {steps}.",
                       yours=yours, expected=expected)  # fmt: skip
        logs_are(report["evaluated"], report["evaluated_by_keras"], "after training, by `test_on_batch`")

    def test_four_micro_batches_are_the_default(self):
        """Without `accumulation_steps` the fourth micro-batch is the first that updates."""
        weights, batches = UNEVEN
        model = accumulation.GradientAccumulationModel
        states = here.train_on_micro_batches(model, *weights, batches * 2, None, "sgd", 0.1)
        assert_equal([state["iterations"] for state in states], [0, 0, 0, 1])

    def test_trains_in_graph_mode(self):
        """Compiled into a graph (`jit_compile=False` and `"auto"`) it trains and reports as it does eagerly."""
        weights, [(x, y)] = FIVE_SAMPLES
        losses, errors, trained = epochs_of(wide(weights), in_twos(x, y), 2, 2, 0.05)
        for jit_compile in (False, "auto"):
            report = here.fit(
                accumulation.GradientAccumulationModel, *weights, x, y,
                steps=2, batch_size=2, epochs=2, lr=0.05, compilation={"jit_compile": jit_compile},
            )  # fmt: skip
            assert_equal(report["iterations"], 3)
            close_weights(report["weights"], trained, f"after two epochs with jit_compile={jit_compile!r}")
            logs_are(report["history"], {"loss": losses, "mae": errors, "squared_error": losses}, "in a graph")


@pytest.mark.kata("accumulating_optimizer")
class TestAccumulatingOptimizer:
    def test_worked_example(self):
        """Adam's first step is one rate long: with K = 2 and rate 0.5, 1 stays 1 after one gradient, then is 0.5."""
        optimizer = accumulation.accumulating_optimizer(0.5, accumulation_steps=2)
        report = here.apply_to_one_number(optimizer, 1.0, [2.0, 4.0])
        expect(report["values"][0] == 1.0, "The first of two gradients must wait.", yours=report["values"][0])
        assert_number(report["values"][1], 0.5, rel=1e-5)

    @examples(5)
    @given(steps=st.integers(2, 500), lr=strategies.floats(1e-4, 1.0))
    @example(steps=2, lr=0.5)
    def test_is_adam_with_that_one_setting(self, steps, lr):
        """A tf.keras.optimizers.Adam with that rate and K, every other setting at Keras' default."""
        settings = common.optimizer_settings(accumulation.accumulating_optimizer(lr, accumulation_steps=steps))
        expect(settings["adam"], "The optimizer must be a tf.keras.optimizers.Adam.", yours=settings)
        assert_number(settings["learning_rate"], lr, rel=1e-6)
        expected = {**oracle.ADAM_DEFAULTS, "gradient_accumulation_steps": steps}
        wrong = [name for name, value in expected.items() if settings.get(name) != value]
        expect(not wrong, "The optimizer's settings are not what they must be.",
               yours={name: settings.get(name) for name in wrong},
               expected={name: expected[name] for name in wrong})  # fmt: skip

    def test_every_call_makes_a_new_one(self):
        """Two models must not share an optimizer's accumulators."""
        new = here.is_new(accumulation.accumulating_optimizer, 0.5, accumulation_steps=2)
        expect(new, "The same call again must give another optimizer.", yours="the very same object")

    @examples(15)
    @given(
        eighths=st.lists(st.integers(-40, 40), min_size=7, max_size=13),
        steps=st.integers(2, 5),
        lr=strategies.floats(0.01, 0.5),
    )
    @example(eighths=[8, 24, -16, 40, 8, 8, -8, 16, 8], steps=3, lr=0.1)
    def test_updates_with_the_mean_of_the_last_k(self, eighths, steps, lr):
        """Over a run of gradients it is Adam that is given the mean of each K at once, at the rate as it is."""
        gradients = [n / 8 for n in eighths]  # sums of eighths are exact: no cancellation that Adam could magnify
        optimizer = accumulation.accumulating_optimizer(lr, accumulation_steps=steps)
        report = here.apply_to_one_number(optimizer, 1.0, gradients)
        expected = oracle.adam_on_one_number(1.0, gradients, steps, lr)
        for i, (yours, right) in enumerate(zip(report["values"], expected), start=1):
            close = abs(yours - right) <= 1e-3 * lr + 1e-6
            expect(close, f"The value is wrong after gradient {i} of {gradients}.", yours=yours, expected=right)

    @examples(4)
    @given(steps=st.integers(2, 5))
    def test_iterations_count_updates(self, steps):
        """`iterations` is 1 only after the K-th gradient."""
        optimizer = accumulation.accumulating_optimizer(0.1, accumulation_steps=steps)
        report = here.apply_to_one_number(optimizer, 1.0, [1.0] * (2 * steps))
        assert_equal(report["iterations"], [i // steps for i in range(1, 2 * steps + 1)])

    @examples(4)
    @given(steps=st.integers(-4, 1))
    @example(steps=0)
    @example(steps=1)
    def test_refuses_fewer_than_two_steps(self, steps):
        """With 1 there would be nothing to accumulate, and 0 is Keras' silent "off"."""
        assert_value_error("accumulation_steps", accumulation.accumulating_optimizer, 0.1, accumulation_steps=steps)
