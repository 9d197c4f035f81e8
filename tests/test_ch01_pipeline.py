"""The laws of chapter 1: data, model, step, loop and the whole pipeline."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    Tensor,
    assert_close,
    assert_equal,
    assert_number,
    chapter,
    eps,
    examples,
    expect,
    probes,
    tensor,
)
from tests import strategies
from tests.oracles import ch01_pipeline as oracle

pipeline = chapter("ch01_pipeline")
here = probes("ch01_pipeline")
common = probes("common")

SEEDS = st.integers(0, 2**31 - 1) | st.integers(0, 100)
"""What every generator of NumPy and TensorFlow takes."""

NORM_EPSILON = 1e-3
"""Keras' BatchNormalization adds it to the variance."""


class Problem(NamedTuple):
    """A batch and the weights of a network."""

    x: np.ndarray
    y: np.ndarray
    weights: list[np.ndarray]


SIZES = ((1, 1), (3, 1), (2, 3), (2, 1, 1), (3, 4, 2), (1, 3, 2, 1), (4, 2, 3, 2, 2))
"""Inputs, hidden units, outputs: few, because a model for each is built once and then set anew."""


@st.composite
def problems(draw, *, depth=None, samples=None, dtype=np.float32):
    """Values from a seeded normal distribution, so that no ReLU stands exactly at its kink; the sizes are drawn."""
    sizes = draw(st.sampled_from([each for each in SIZES if depth is None or len(each) == depth + 2]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = samples or draw(st.integers(2, 6))
    weights = [rng.normal(size=size) for a, b in pairwise(sizes) for size in ((a, b), (b,))]
    x, y = rng.normal(size=(count, sizes[0])), rng.normal(size=(count, sizes[-1]))
    return Problem(x.astype(dtype), y.astype(dtype), [weight.astype(dtype) for weight in weights])


def magnitudes(problem, **kwargs):
    """How large the sums in loss and gradients are when nothing cancels: what a rounding error is relative to."""
    x, y, weights = problem
    kwargs["under"] = 1.0  # what it weighs is up to the caller
    # Against −|y| every |x| · |W| + |b| is an error with the sign of all others: nothing cancels.
    loss, gradients = oracle.loss_and_gradients(np.abs(x), -np.abs(y), [np.abs(weight) for weight in weights], **kwargs)
    return loss, [np.abs(gradient) for gradient in gradients]


def assert_step(result, problem, *, lr, under=1.0, penalty=0.0):
    """One step of plain gradient descent: the loss before it, and the weights after it."""
    x, y, weights = problem
    loss, gradients = oracle.loss_and_gradients(x, y, weights, under=under, penalty=penalty)
    loss_scale, scales = magnitudes(problem, penalty=penalty)
    assert_close(result["losses"][0], loss, dtype=x.dtype, scale=max(under, 1.0) * loss_scale)
    for held, weight, gradient, scale in zip(result["weights"], weights, gradients, scales, strict=True):
        bound = np.abs(weight) + lr * max(under, 1.0) * scale
        assert_close(held, weight - lr * gradient, dtype=x.dtype, scale=bound)


HAND_WORKED = Problem(
    np.array([[1.0], [2.0]], np.float32),
    np.array([[3.0], [5.0]], np.float32),
    [np.array([[1.0]], np.float32), np.array([0.0], np.float32)],
)
"""ŷ = 1 and 2, so the errors are 2 and 3."""

HALF = Problem(*(part.astype("f2") for part in HAND_WORKED[:2]), [w.astype("f2") for w in HAND_WORKED.weights])
"""The same of float16."""

THIRDS = Problem(np.array([[1.0], [2.0]]) / 3, np.array([[3.0], [5.0]]) / 7, [np.array([[1.0]]) / 3, np.zeros(1)])
"""Of float64, and with digits that float32 does not hold."""

HUGE = Problem(HAND_WORKED.x, np.float32(1e6) * HAND_WORKED.y, HAND_WORKED.weights)
"""Gradients of millions: who clips them does something else."""

NEGATIVE = Problem(
    np.array([[1.0], [-1.0]], np.float32),
    np.array([[0.0], [0.0]], np.float32),
    [np.array(values, np.float32) for values in ([[1.0]], [0.0], [[2.0]], [-1.0])],
)
"""2 · max(0, ±1) − 1: a hidden unit below zero, and an output below zero."""
DEEP = Problem(
    np.array([[5.0], [-5.0]], np.float32),
    np.array([[0.0], [0.0]], np.float32),
    [np.array(values, np.float32) for values in ([[1.0]], [0.0]) * 5],
)
"""Four hidden units, one behind the other, that hand on max(0, ±5)."""


@pytest.mark.kata("make_regression_data")
class TestMakeRegressionData:
    @given(seed=SEEDS, train_size=st.integers(1, 9), test_size=st.integers(1, 7), features=st.integers(1, 5))
    def test_gives_four_float32_arrays(self, seed, train_size, test_size, features):
        """x of shape (n, features) and y of shape (n, 1), for both splits, all float32 NumPy arrays."""
        data = pipeline.make_regression_data(seed=seed, train_size=train_size, test_size=test_size, features=features)
        expect(
            isinstance(data, tuple) and len(data) == 4, "A RegressionData of four arrays must come back.", yours=data
        )
        shapes = {
            "x_train": (train_size, features),
            "y_train": (train_size, 1),
            "x_test": (test_size, features),
            "y_test": (test_size, 1),
        }
        named = getattr(data, "fields", ()) == tuple(shapes)
        expect(named, "A RegressionData of four arrays must come back.", yours=data)
        for name, shape in shapes.items():
            array = getattr(data, name)
            expect(isinstance(array, np.ndarray), f"{name} must be an array.", yours=array)
            expect(array.shape == shape, f"{name} has the wrong shape.", yours=array.shape, expected=shape)
            expect(
                array.dtype == np.float32, f"{name} has the wrong dtype.", yours=str(array.dtype), expected="float32"
            )

    def test_has_the_sizes_of_the_article_by_default(self):
        """Without arguments but the seed: 1000 training samples, 200 test samples, 10 features, the bias 0.5."""
        data = pipeline.make_regression_data(seed=42)
        shapes = [tuple(array.shape) for array in data]
        expect(shapes == [(1000, 10), (1000, 1), (200, 10), (200, 1)], "The default sizes are wrong.", yours=shapes)
        assert_number(oracle.line_through(data.x_train, data.y_train)[1], 0.5, rel=0.0, abs=1e-4)

    @given(seed=SEEDS, features=st.integers(1, 5), bias=strategies.floats(-5.0, 5.0))
    def test_one_weight_vector_explains_both_splits(self, seed, features, bias):
        """Without noise the line through the training samples goes through the test samples too, and has this bias."""
        data = pipeline.make_regression_data(seed=seed, train_size=60, test_size=20, features=features, bias=bias)
        weights, found_bias = oracle.line_through(data.x_train, data.y_train)
        largest = max(1.0, float(np.abs(data.y_train).max()), float(np.abs(data.y_test).max()))
        tolerance = 64 * eps(np.float32) * largest  # y is rounded to float32, the fit solves up to six equations
        on_train = np.abs(data.x_train @ weights + found_bias - data.y_train[:, 0]).max()
        expect(on_train <= tolerance, "The training targets are not x @ w + bias.", yours=float(on_train), expected=0.0)
        on_test = np.abs(data.x_test @ weights + found_bias - data.y_test[:, 0]).max()
        expect(on_test <= tolerance, "The test targets come from other weights.", yours=float(on_test), expected=0.0)
        assert_number(found_bias, bias, rel=0.0, abs=tolerance)

    @given(seed=SEEDS, bit=st.integers(0, 30))
    @examples(20)
    def test_seed_alone_decides(self, seed, bit):
        """The same seed gives the same arrays, to the bit, whatever becomes of the first; another seed gives others."""
        sizes = {"train_size": 5, "test_size": 4, "features": 3, "noise": 0.5}
        first, again = common.made_again(pipeline.make_regression_data, seed=seed, **sizes)
        another = seed ^ (1 << bit)
        other = pipeline.make_regression_data(seed=another, **sizes)
        for name in ("x_train", "y_train", "x_test", "y_test"):
            assert_equal(getattr(again, name), getattr(first, name))
            same = np.array_equal(getattr(other, name), getattr(first, name))
            expect(not same, f"Seeds {seed} and {another} give the same {name}.")

    @given(seed=SEEDS)
    @examples(10)
    def test_leaves_the_global_random_states_alone(self, seed):
        """Python's, NumPy's and TensorFlow's random states are the same after the call as before."""
        states = common.random_states_after(pipeline.make_regression_data, seed=seed, train_size=4, noise=1.0)
        for library, untouched in states.items():
            expect(untouched, f"The call changes the global random state of {library}.")

    @given(seed=SEEDS)
    @examples(20)
    def test_every_sample_is_drawn_anew(self, seed):
        """No sample occurs twice, neither within a split nor in both: they are drawn independently."""
        data = pipeline.make_regression_data(seed=seed, train_size=12, test_size=12, features=3)
        rows = {tuple(row) for row in (*data.x_train.tolist(), *data.x_test.tolist())}
        expect(len(rows) == 24, "Some of 12 training and 12 test samples are the same.", yours=len(rows), expected=24)
        mean = float(np.abs(data.x_train.mean(axis=0)).max())  # below 1e-5 in all three columns by chance: never
        expect(mean > 1e-5, "The mean of each column is 0 exactly: x was standardized, and no sample is independent.")

    @given(seed=SEEDS)
    @examples(10)
    def test_inputs_are_standard_normal(self, seed):
        """Mean 0, standard deviation 1, 31.7 % of all values beyond ±1; the columns are independent."""
        data = pipeline.make_regression_data(seed=seed, train_size=5000, test_size=5000, features=4)
        for name in ("x_train", "x_test"):
            values = getattr(data, name)
            found = [float(values.mean()), float(values.std()), float((np.abs(values) > 1).mean())]
            # Of 20,000 values the three have standard errors of 0.007, 0.005 and 0.0033: seven of them and more.
            good = np.abs(np.subtract(found, [0.0, 1.0, 0.3173])) <= [0.05, 0.04, 0.025]
            problem = f"Mean, deviation and share beyond ±1 of {name} are not those of N(0, 1)."
            expect(good.all(), problem, yours=found, expected=[0.0, 1.0, 0.317])
            largest = float(np.abs(values).max())  # 54 of 20,000 lie beyond 3
            expect(largest > 3.0, f"The values of {name} are cut off.", yours=largest, expected="more than 3")
            related = float(np.abs(np.corrcoef(values.T) - np.eye(4)).max())  # standard error 1/√5000 = 0.014
            expect(related <= 0.1, f"Columns of {name} depend on each other.", yours=related, expected="about 0")
        train, test = data.x_train, data.x_test
        for one, other in ((train, test), (train[::2], train[1::2]), (train[:2500], train[2500:])):
            related = abs(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]))  # standard error 0.01
            expect(related <= 0.08, "Some samples are made from others.", yours=related, expected="about 0")

    @given(seed=SEEDS, noise=strategies.floats(0.1, 0.5) | strategies.floats(2.0, 8.0), features=st.integers(1, 2))
    @example(seed=0, noise=1.0, features=1)
    @examples(20)
    def test_noise_is_normal_with_this_deviation(self, seed, noise, features):
        """Around the line both splits scatter normally with standard deviation `noise`, each sample by itself."""
        sizes = {"train_size": 1500, "test_size": 1500, "features": features}
        data = pipeline.make_regression_data(seed=seed, noise=noise, **sizes)
        scattered = []
        for name in ("train", "test"):
            x, y = getattr(data, f"x_{name}"), getattr(data, f"y_{name}")
            if name == "train":
                weights, bias = oracle.line_through(x, y)
            scattered.append(y[:, 0] - x @ weights - bias)
            scatter = float(np.std(scattered[-1]))
            # 1/√(2·1500) = 1.8 % is its standard error; a variance taken for a deviation is off by 29 % at least.
            problem = f"The {name} targets do not scatter by `noise`."
            expect(abs(scatter / noise - 1) <= 0.15, problem, yours=scatter, expected=noise)
        scatter = float(np.std(scattered))  # standard error 1.3 %; 12 % too little when the noise is cut off at 2σ
        good = abs(scatter / noise - 1) <= 0.07
        expect(good, "The targets do not scatter by `noise`.", yours=scatter, expected=noise)
        beyond = float((np.abs(scattered) > noise).mean())  # standard error 0.0085; 0.423 for uniform noise
        problem = "The noise is not normal: too many or too few targets are more than σ from the line."
        expect(abs(beyond - 0.317) <= 0.06, problem, yours=beyond, expected=0.317)
        related = float(np.corrcoef(scattered)[0, 1])  # standard error 1/√1500 = 0.026
        expect(abs(related) <= 0.2, "The test split has the training split's noise.", yours=related, expected="about 0")
        other = pipeline.make_regression_data(seed=seed ^ 1, noise=noise, **sizes)
        weights, bias = oracle.line_through(other.x_train, other.y_train)
        related = float(np.corrcoef(scattered[0], other.y_train[:, 0] - other.x_train @ weights - bias)[0, 1])
        expect(abs(related) <= 0.2, "Another seed has the same noise.", yours=related, expected="about 0")

    @given(seed=SEEDS)
    @examples(1)
    def test_a_single_sample_has_noise(self, seed):
        """A test split of one sample scatters as well: the noise of a split does not add up to 0."""
        scattered = []
        for other in range(12):
            data = pipeline.make_regression_data(seed=(seed + other) % 2**31, noise=1.0, features=1, test_size=1)
            weights, _ = oracle.line_through(data.x_train, data.y_train)
            scattered.append(float(abs(data.y_test[0, 0] - data.x_test[0] @ weights - 0.5)))
        # |ε| stays below ¼ in one of five samples, in all twelve never; what is left of w's estimate is below it.
        expect(max(scattered) > 0.25, "A test split of one sample has no noise.", yours=max(scattered), expected="1")


@pytest.mark.kata("build_model")
class TestBuildModel:
    @given(
        features=st.integers(1, 5),
        hidden=st.lists(st.integers(1, 6), max_size=3),
        outputs=st.integers(1, 3),
        kind=st.sampled_from([list, tuple]),
    )
    @example(features=3, hidden=[], outputs=1, kind=tuple)
    @example(features=2, hidden=[3, 2], outputs=1, kind=list)
    @example(features=2, hidden=[3, 2, 4, 2], outputs=1, kind=tuple)
    @examples(8)
    def test_is_built_with_the_layers_asked_for(self, features, hidden, outputs, kind):
        """A built Sequential: kernel and bias for every hidden layer and for the output, in order."""
        found = here.describe(pipeline.build_model, features, hidden=kind(hidden), outputs=outputs)
        expect(found["sequential"], "The model must be a tf.keras.Sequential.")
        expect(found["built"], "The model must be built on return: its weights must exist.")
        sizes = [features, *hidden, outputs]
        shapes = [shape for a, b in pairwise(sizes) for shape in ((a, b), (b,))]
        expect(
            found["weights"] == shapes, "The weights have the wrong shapes.", yours=found["weights"], expected=shapes
        )
        assert_equal(found["input_shape"], (None, features))
        assert_equal(found["output_shape"], (None, outputs))

    def test_there_is_nothing_else_in_the_model(self):
        """The same in training as in inference, no penalty, nothing frozen; every option is at its default."""
        found = here.describe(pipeline.build_model, 10)
        training, inference = found["in_training"]
        problem = "In training the model computes something else than in inference: drops, noise, normalization?"
        expect(np.array_equal(training, inference), problem)
        expect(found["penalties"] == 0, "The model adds penalties.", yours=found["penalties"], expected=0)
        others = found["not_at_defaults"]
        expect(not others, "Some options are neither asked for nor at Keras' defaults.", yours=others)

    def test_starts_as_keras_starts_a_dense_layer(self):
        """Biases at 0, kernels uniform in ±√(6 / (inputs + units)), drawn anew for each model."""
        found, other = (here.describe(pipeline.build_model, 10)["values"] for _ in range(2))
        for kernel, bias, another in zip(found[::2], found[1::2], other[::2], strict=True):
            expect(not bias.any(), "The biases do not start at 0.", yours=bias)
            limit = (6 / sum(kernel.shape)) ** 0.5
            expect(
                np.abs(kernel).max() <= 1.001 * limit, "A kernel starts too large.", yours=float(np.abs(kernel).max())
            )
            # The root mean square is limit/√3; of 32 values and more it scatters by 8 % at most.
            spread = float(np.sqrt(np.mean(kernel**2)) / limit * 3**0.5)
            expect(0.5 <= spread <= 1.5, "A kernel does not start as Keras starts it.", yours=spread, expected=1.0)
            expect(not np.array_equal(kernel, another), "Two models start from the same kernels.")
        first, _, second, _ = here.describe(pipeline.build_model, 5, hidden=(5,), outputs=5)["values"]
        expect(not np.array_equal(first, second), "Two layers of one model start from the same kernel.", yours=second)

    def test_has_64_and_32_hidden_units_by_default(self):
        """Without `hidden` and `outputs`: 64 units, 32 units, one output."""
        found = here.describe(pipeline.build_model, 10)
        shapes = [(10, 64), (64,), (64, 32), (32,), (32, 1), (1,)]
        expect(
            found["weights"] == shapes, "The weights have the wrong shapes.", yours=found["weights"], expected=shapes
        )

    @given(problem=problems(), size=st.sampled_from([1.0, 100.0]))
    @example(problem=NEGATIVE, size=1.0)
    @example(problem=NEGATIVE, size=100.0)  # a ReLU that is cut off at 6 is none
    @example(problem=DEEP, size=1.0)
    @examples(8)
    def test_hidden_layers_are_relu_and_the_output_is_linear(self, problem, size):
        """h = max(0, h · W + b) in every hidden layer, h · W + b at the end, which may be negative."""
        x, weights = np.float32(size) * problem.x, problem.weights
        hidden, outputs = [len(bias) for bias in weights[1:-1:2]], len(weights[-1])
        found = here.outputs(pipeline.build_model, x, weights, x.shape[1], hidden=tuple(hidden), outputs=outputs)
        scale = oracle.activations(np.abs(x), [np.abs(weight) for weight in weights])[-1]
        assert_close(found, oracle.activations(x, weights)[-1], dtype=np.float32, scale=scale)

    @given(hidden=st.lists(st.integers(1, 4), max_size=2))
    @example(hidden=[4])
    @example(hidden=[])
    @examples(5)
    def test_no_warning_is_emitted(self, hidden):
        """Building the model warns of nothing: no deprecated argument is used."""
        found = here.describe(pipeline.build_model, 3, hidden=tuple(hidden))
        expect(not found["warnings"], "Building the model warns.", yours=found["warnings"])

    def test_every_call_gives_a_new_model(self):
        """Two models share no weight, follow the global dtype policy, and leave it and Keras' session as they were."""
        shared, policy_stays, dtypes = here.made_in_float64(pipeline.build_model, 3, hidden=(2,))
        expect(shared == 0, "Two models made one after the other share weights.", yours=shared, expected=0)
        expect(policy_stays, "The call changes the global dtype policy, as clear_session does.")
        problem = "Under the policy float64 the weights are float64, as those of Keras' Dense are."
        expect(dtypes == ["float64"], problem, yours=dtypes, expected=["float64"])


@pytest.mark.kata("train_step")
class TestTrainStep:
    def test_worked_example(self):
        """ŷ = 1, 2 for y = 3, 5: the loss is (2² + 3²)/2, its gradient −(2·1 + 3·2) in w and −(2 + 3) in b."""
        found = here.steps(pipeline.train_step, *HAND_WORKED, lr=0.125)
        assert_close(found["losses"][0], (2**2 + 3**2) / 2, dtype=np.float32)
        assert_close(found["weights"][0], [[1 + 8 / 8]], dtype=np.float32)
        assert_close(found["weights"][1], [0 + 5 / 8], dtype=np.float32)

    @given(problem=problems(), arrays=st.booleans())
    @example(problem=HAND_WORKED, arrays=True)
    @example(problem=HUGE, arrays=False)
    @examples(15)
    def test_is_one_step_of_gradient_descent(self, problem, arrays):
        """Forward, loss, backward, update: with plain SGD θ − η · ∂L/∂θ, and the loss from before."""
        assert_step(here.steps(pipeline.train_step, *problem, lr=0.03125, arrays=arrays), problem, lr=0.03125)

    @given(problem=problems(depth=0), under=st.sampled_from([0.25, 4.0]))
    @example(problem=HAND_WORKED, under=3.0)
    @examples(8)
    def test_loss_takes_the_truth_first(self, problem, under):
        """loss_fn(y, ŷ): a loss that punishes predictions below the truth otherwise than those above it."""
        found = here.steps(pipeline.train_step, *problem, lr=0.03125, under=under)
        assert_step(found, problem, lr=0.03125, under=under)

    @given(problem=problems(depth=1), penalty=st.sampled_from([0.5, 0.125]))
    @example(problem=HAND_WORKED, penalty=0.5)  # 0.5 · 1² more in the loss, 2 · 0.5 · 1 more in the gradient
    @examples(8)
    def test_the_penalties_of_the_model_belong_to_the_loss(self, problem, penalty):
        """λ · Σ ‖W‖² of the regularizers is part of what is returned and of what is descended."""
        found = here.steps(pipeline.train_step, *problem, lr=0.03125, penalty=penalty)
        assert_step(found, problem, lr=0.03125, penalty=penalty)

    @given(problem=problems(depth=0, samples=5))
    @examples(8)
    def test_the_forward_pass_is_in_training_mode(self, problem):
        """Batch normalization uses the batch's own statistics and moves its averages by a hundredth."""
        x, y, weights = problem
        found = here.steps(pipeline.train_step, *problem, lr=0.0, batch_norm=True)
        normalized, means = oracle.batch_normalized(x, epsilon=NORM_EPSILON)
        loss, _ = oracle.loss_and_gradients(normalized, y, weights)
        assert_close(found["losses"][0], loss, dtype=np.float32, scale=magnitudes(problem)[0], ulps=256)
        assert_close(found["moving_mean"], 0.01 * means, dtype=np.float32, scale=0.01 * np.abs(x).max(), ulps=64)

    @given(problem=problems(depth=0, samples=5), momentum=st.sampled_from([0.5, 0.875]))
    @examples(2)
    def test_the_optimizer_keeps_its_state_for_twenty_steps(self, problem, momentum):
        """Twenty steps of SGD with momentum follow v ← μ·v − η·g, θ ← θ + v, and count as twenty iterations."""
        x, y, weights = problem
        found = here.steps(pipeline.train_step, *problem, lr=0.015625, momentum=momentum, times=20)
        descent = oracle.Descent(weights, lr=0.015625, momentum=momentum)
        losses = [descent.step(x, y) for _ in range(20)]
        scale = max(1.0, *(float(np.abs(weight).max()) for weight in weights))
        for held, expected in zip(found["weights"], descent.weights, strict=True):
            assert_close(held, expected, dtype=np.float32, scale=scale, ulps=400)  # twenty roundings and more
        assert_close(found["losses"][-1], losses[-1], dtype=np.float32, scale=magnitudes(problem)[0], ulps=400)
        expect(found["iterations"] == 20, "The optimizer counts one iteration a step.", yours=found["iterations"])

    @given(problem=problems(depth=1))
    @examples(2)
    def test_weights_that_are_not_trainable_stay(self, problem):
        """A frozen layer keeps its weights to the bit, the others move."""
        found = here.steps(pipeline.train_step, *problem, lr=0.03125, freeze_first=True)
        for held, weight in zip(found["weights"][:2], problem.weights[:2], strict=True):
            expect(np.array_equal(held, weight), "A frozen weight has moved.", yours=held, expected=weight)
        _, gradients = oracle.loss_and_gradients(*problem)
        scale = np.abs(problem.weights[3]) + magnitudes(problem)[1][3]
        assert_close(found["weights"][3], problem.weights[3] - 0.03125 * gradients[3], dtype=np.float32, scale=scale)

    @given(problem=problems(depth=1, dtype=np.float64))
    @example(problem=HALF)
    @examples(2)
    def test_keeps_the_dtype(self, problem):
        """A model of float64 or float16 gives a loss of its dtype, and its weights move with that precision."""
        found = here.steps(pipeline.train_step, *problem, lr=0.03125, penalty=0.25)
        assert_step(found, problem, lr=0.03125, penalty=0.25)

    @given(problem=problems(depth=1))
    @examples(3)
    def test_same_inside_tf_function(self, problem):
        """Traced into a graph, three steps give the losses and the weights that they give eagerly."""
        x, y, weights = problem
        found = here.steps(pipeline.train_step, *problem, lr=0.015625, times=3, graph=True)
        descent = oracle.Descent(weights, lr=0.015625)
        for loss in found["losses"]:
            scale = magnitudes(Problem(x, y, descent.weights))[0]
            assert_close(loss, descent.step(x, y), dtype=np.float32, scale=scale, ulps=128)
        for held, expected, scale in zip(found["weights"], descent.weights, magnitudes(problem)[1], strict=True):
            assert_close(held, expected, dtype=np.float32, scale=np.abs(expected) + scale, ulps=64)

    @given(seed=strategies.seeds)
    @examples(1)
    def test_trains_on_integers(self, seed):
        """Inputs and labels may be integers, and a gradient that of a few rows of an embedding: as Keras does it."""
        assert_as_keras(here.beside_keras(pipeline.train_step, "embedding", seed, samples=6))

    @given(dtype=st.sampled_from(["uint8", "bool", "int16", "float64"]), flat=st.booleans())
    @example(dtype="uint8", flat=True)
    @examples(2)
    def test_the_loss_gets_the_targets_as_they_are(self, dtype, flat):
        """With their dtype and their shape, be it (n,) or (n, 1): what to make of them is the loss's business."""
        shape = (3,) if flat else (3, 1)
        assert_equal(here.targets_of_the_loss(pipeline.train_step, 3, dtype, shape), [(dtype, shape)])

    def test_a_loss_that_is_not_finite_is_no_exception(self):
        """The update is made all the same, as Keras makes it: an infinite input leaves no weight a number."""
        x = np.array([[np.inf], [1.0]], np.float32)
        found = here.steps(pipeline.train_step, x, HAND_WORKED.y, HAND_WORKED.weights, lr=0.125)
        finite = [bool(np.isfinite(weight).any()) for weight in found["weights"]]
        expect(not any(finite), "The update is left out, or changed, when the loss is not finite.")
        assert_equal(found["iterations"], 1)

    @given(seed=strategies.seeds)
    @examples(2)
    def test_does_all_that_train_on_batch_does(self, seed):
        """Every kind of penalty, dropout, a frozen weight and one without a gradient, decay, clipping, loss scaling."""
        assert_as_keras(here.beside_keras(pipeline.train_step, "everything", seed, samples=6))


def assert_as_keras(found):
    """The same losses, weights and count of updates as by Keras' own training."""
    keras, yours = found["keras"], found["kata"]
    for held, expected in zip(yours["losses"], keras["losses"], strict=True):
        assert_number(held, expected, rel=1e-4, abs=1e-5)
    for held, expected in zip(yours["weights"], keras["weights"], strict=True):
        # A few steps of order η in float32; what is left out of a gradient moves the third digit.
        assert_close(tensor(held), expected, dtype=held.dtype, scale=1.0, ulps=400)
    assert_equal(yours["iterations"], keras["iterations"])
    for held, expected in zip(yours["state"], keras["state"], strict=True):
        near = np.allclose(held, expected, rtol=1e-3, atol=1e-4)
        expect(near, "The optimizer's state is not what Keras' training leaves.", yours=held, expected=expected)
    assert_equal(yours["trainable"], keras["trainable"])
    expect(yours["compiled_as_before"], "The model is compiled anew: it has another optimizer than before the call.")


@pytest.mark.kata("train")
class TestTrain:
    def test_worked_example(self):
        """At rate 0 the weights stay: y − ŷ = 1, 1 | 2 in batches of 2 and 1 gives (2·1 + 1·4)/3, not (1 + 4)/2."""
        x, y = np.ones((3, 1), np.float32), np.array([[1.0], [1.0], [2.0]], np.float32)
        zeros = [np.zeros((1, 1), np.float32), np.zeros(1, np.float32)]
        found = here.epochs(pipeline.train, x, y, zeros, lr=0.0, epochs=2, batch_size=2)
        history = found["history"]
        expect(isinstance(history, list) and len(history) == 2, "One value for each epoch, as a list.", yours=history)
        expect(all(type(value) is float for value in history), "The values must be Python floats.", yours=history)
        for value in history:
            assert_number(value, (2 * 1 + 1 * 4) / 3, rel=1e-6)

    @given(problem=problems(depth=0, samples=7), batch_size=st.integers(1, 8), epochs=st.integers(1, 3))
    @example(problem=HAND_WORKED, batch_size=1, epochs=3)
    @examples(10)
    def test_follows_the_loop_step_by_step(self, problem, batch_size, epochs):
        """Every epoch in order and in full, the optimizer's state carried on: weights and history of each epoch."""
        x, y, weights = problem
        options = {"lr": 0.015625, "momentum": 0.5}
        found = here.epochs(pipeline.train, x, y, weights, **options, epochs=epochs, batch_size=batch_size)
        descent = oracle.Descent(weights, **options)
        history = [descent.epoch(x, y, batch_size) for _ in range(epochs)]
        scale = max(1.0, *(float(np.abs(weight).max()) for weight in weights))
        for held, expected in zip(found["weights"], descent.weights, strict=True):
            assert_close(held, expected, dtype=np.float32, scale=scale, ulps=400)
        expect(len(found["history"]) == epochs, "One value for each epoch.", yours=found["history"])
        for value, expected in zip(found["history"], history, strict=True):
            assert_number(value, expected, rel=1e-5, abs=400 * eps(np.float32) * magnitudes(problem)[0])

    @given(seed=strategies.seeds)
    @examples(1)
    def test_is_fit_without_shuffling(self, seed):
        """Penalties, dropout, frozen weights, a schedule, loss scaling: history and weights of `fit(shuffle=False)`."""
        options = {"samples": 7, "epochs": 2, "batch_size": 4}
        assert_as_keras(here.beside_keras(pipeline.train, "everything", seed, **options))

    @given(seed=strategies.seeds)
    @examples(1)
    def test_trains_on_integers(self, seed):
        """Inputs and labels may be integers: history and weights of `fit(shuffle=False)` for an embedding."""
        assert_as_keras(here.beside_keras(pipeline.train, "embedding", seed, samples=7, epochs=1, batch_size=4))

    @given(problem=problems(samples=7), batch_size=st.integers(1, 9))
    @example(problem=HAND_WORKED, batch_size=32)  # more than there are samples: one short batch
    @examples(8)
    def test_at_rate_zero_the_batch_size_does_not_matter(self, problem, batch_size):
        """Nothing moves, so the value of the epoch is the loss over all samples, however they are cut into batches."""
        x, y, weights = problem
        found = here.epochs(pipeline.train, x, y, weights, lr=0.0, epochs=1, batch_size=batch_size)
        loss, _ = oracle.loss_and_gradients(x, y, weights)
        assert_number(found["history"][0], loss, rel=1e-5, abs=64 * eps(np.float32) * magnitudes(problem)[0])

    @given(samples=st.integers(1, 9), batch_size=st.integers(1, 10), epochs=st.integers(1, 3), lr=st.just(0.0))
    @example(samples=7, batch_size=3, epochs=2, lr=0.0)
    @example(samples=6, batch_size=3, epochs=2, lr=0.0)
    @example(samples=6, batch_size=3, epochs=3, lr=1e30)  # training that goes wrong is not ended either
    @examples(6)
    def test_updates_once_a_batch_the_last_one_included(self, samples, batch_size, epochs, lr):
        """⌈samples / batch_size⌉ updates in each epoch, and all epochs, whatever the loss is."""
        x = np.ones((samples, 1), np.float32)
        found = here.epochs(pipeline.train, x, 2 * x, HAND_WORKED.weights, lr=lr, epochs=epochs, batch_size=batch_size)
        expected = (samples // batch_size + (samples % batch_size > 0)) * epochs
        assert_equal(found["iterations"], expected)
        expect(len(found["history"]) == epochs, "One value for each epoch.", yours=found["history"])

    def test_the_loss_gets_the_targets_as_they_are(self):
        """A batch's targets come with their dtype and their shape: (n,) stays (n,)."""
        found = here.targets_of_the_loss(pipeline.train, 5, "uint8", (5,), epochs=1, batch_size=3)
        assert_equal(found, [("uint8", (3,)), ("uint8", (2,))])

    @given(problem=problems(depth=0, samples=5), batch_size=st.integers(1, 5))
    @examples(2)
    def test_penalties_belong_to_the_value_of_an_epoch(self, problem, batch_size):
        """At rate 0 an epoch's value is the loss over all samples plus the model's penalties."""
        x, y, weights = problem
        found = here.epochs(pipeline.train, x, y, weights, lr=0.0, penalty=0.5, epochs=1, batch_size=batch_size)
        loss, _ = oracle.loss_and_gradients(x, y, weights, penalty=0.5)
        scale = magnitudes(problem, penalty=0.5)[0]
        assert_number(found["history"][0], loss, rel=1e-5, abs=64 * eps(np.float32) * scale)

    @given(problem=problems(depth=0, samples=5))
    @examples(2)
    def test_trains_in_training_mode(self, problem):
        """Batch normalization uses the statistics of the batch."""
        x, y, weights = problem
        found = here.epochs(pipeline.train, x, y, weights, lr=0.0, batch_norm=True, epochs=1, batch_size=5)
        loss, _ = oracle.loss_and_gradients(oracle.batch_normalized(x, epsilon=NORM_EPSILON)[0], y, weights)
        assert_number(found["history"][0], loss, rel=1e-4, abs=256 * eps(np.float32) * magnitudes(problem)[0])

    @given(problem=problems(depth=0, samples=5) | problems(depth=0, samples=5, dtype=np.float64))
    @example(problem=THIRDS)
    @examples(3)
    def test_takes_tensors_and_keeps_their_dtype(self, problem):
        """Inputs and targets may be tensors, of float64 for a float64 model: the same history and weights."""
        x, y, weights = problem
        found = here.epochs(pipeline.train, tensor(x), tensor(y), weights, lr=0.015625, epochs=2, batch_size=2)
        descent = oracle.Descent(weights, lr=0.015625)
        for value in found["history"]:
            expected = descent.epoch(x, y, 2)
            assert_number(value, expected, rel=1e-5, abs=128 * eps(np.float32) * magnitudes(problem)[0])
        scale = max(1.0, *(float(np.abs(weight).max()) for weight in weights))
        for held, expected in zip(found["weights"], descent.weights, strict=True):
            assert_close(held, expected, dtype=x.dtype, scale=scale, ulps=400)


ONE_BATCH = {"seed": 5, "train_size": 20, "test_size": 70, "epochs": 1, "batch_size": 16}
"""All sixteen training samples in one update; more test samples than a batch of 32 holds."""

RUN = {"seed": 3, "train_size": 20, "test_size": 7, "epochs": 2, "batch_size": 10}
"""One run that several laws look at."""

BY_DEFAULT = {"seed": 3, "train_size": 80, "test_size": 5}
"""Ten epochs of two batches."""

FIT_TOLERANCE = {"rel": 1e-4, "abs": 1e-5}
"""Keras adds up batch by batch in float32; what is mixed up here differs in the first digits."""


@pytest.mark.kata("run_pipeline")
class TestRunPipeline:
    def test_gives_history_test_and_predictions(self):
        """history: lists of one float an epoch; test: loss and mae; predictions: an array of shape (5, 1)."""
        result = here.pipeline(pipeline.run_pipeline, **RUN)["result"]
        named = getattr(result, "fields", ()) == ("history", "test", "predictions")
        expect(named, "A PipelineResult must come back.", yours=result)
        history = result.history
        expect(isinstance(history, dict), "history must be fit's dict of lists.", yours=history)
        assert_equal(sorted(history), ["loss", "mae", "val_loss", "val_mae"])
        for name, values in history.items():
            good = isinstance(values, list) and len(values) == 2 and all(type(value) is float for value in values)
            expect(good, f"history[{name!r}] must hold one Python float for each of 2 epochs.", yours=values)
        expect(isinstance(result.test, dict), "test must be a dict.", yours=result.test)
        assert_equal(sorted(result.test), ["loss", "mae"])
        floats = all(type(value) is float for value in result.test.values())
        expect(floats, "test must hold Python floats.", yours=result.test)
        predictions = result.predictions
        array = isinstance(predictions, np.ndarray) and not isinstance(predictions, Tensor)
        expect(array, "predictions must be a NumPy array.", yours=predictions)
        shape, dtype = predictions.shape, str(predictions.dtype)
        expect(shape == (5, 1), "predictions must have the shape (5, 1).", yours=shape, expected=(5, 1))
        expect(dtype == "float32", "predictions must be float32, as the model's are.", yours=dtype)

    def test_test_loss_is_the_error_on_all_test_samples(self):
        """test['loss'] is the trained model's mean squared error on the test split, test['mae'] the absolute one."""
        run = here.pipeline(pipeline.run_pipeline, **ONE_BATCH)
        test = run["result"].test
        assert_number(test["loss"], oracle.mean_squared_error(run["y_test"], run["on_test"]), **FIT_TOLERANCE)
        assert_number(test["mae"], oracle.mean_absolute_error(run["y_test"], run["on_test"]), **FIT_TOLERANCE)

    def test_trains_on_the_first_four_fifths(self):
        """In one update of all 16 samples: loss and mae of that epoch are the untrained model's errors on them."""
        run = here.pipeline(pipeline.run_pipeline, **ONE_BATCH)
        truth, predicted = run["y_train"][:16], run["untrained"][:16]
        history = run["result"].history
        assert_number(history["loss"][0], oracle.mean_squared_error(truth, predicted), **FIT_TOLERANCE)
        assert_number(history["mae"][0], oracle.mean_absolute_error(truth, predicted), **FIT_TOLERANCE)

    def test_predictions_are_those_of_the_first_five_test_samples(self):
        """The trained model's predictions for x_test[:5], in their order."""
        run = here.pipeline(pipeline.run_pipeline, **RUN)
        predictions = np.asarray(run["result"].predictions)
        assert_close(tensor(predictions), run["on_test"][:5], dtype=np.float32, scale=1.0, ulps=64)

    def test_validates_on_the_last_fifth_of_the_training_split(self):
        """The last val_loss is the trained model's error on the last 20 % of the training samples."""
        run = here.pipeline(pipeline.run_pipeline, **RUN)
        last_fifth = slice(16, 20)
        truth, predicted = run["y_train"][last_fifth], run["on_train"][last_fifth]
        history = run["result"].history
        assert_number(history["val_loss"][-1], oracle.mean_squared_error(truth, predicted), **FIT_TOLERANCE)
        assert_number(history["val_mae"][-1], oracle.mean_absolute_error(truth, predicted), **FIT_TOLERANCE)

    @given(epochs=st.integers(1, 2), batch_size=st.integers(5, 15))
    @examples(1)
    def test_updates_once_a_batch(self, epochs, batch_size):
        """Of 20 samples 16 are trained on: ⌈16 / batch_size⌉ updates in each of `epochs` epochs."""
        run = here.pipeline(pipeline.run_pipeline, **{**RUN, "epochs": epochs, "batch_size": batch_size})
        assert_equal(run["iterations"], (16 // batch_size + (16 % batch_size > 0)) * epochs)

    def test_ten_epochs_of_batches_of_32_are_the_default(self):
        """Without `epochs` and `batch_size`: ten epochs, though val_loss only rises, of two batches for 64 samples."""
        run = here.pipeline(pipeline.run_pipeline, **BY_DEFAULT)
        assert_equal(len(run["result"].history["loss"]), 10)
        assert_equal(run["iterations"], 20)

    def test_trains_with_adam(self):
        """Keras' Adam, its rate 0.001 to the end, and every other option of it and of `compile` at its default."""
        run = here.pipeline(pipeline.run_pipeline, **BY_DEFAULT)
        assert_equal(run["optimizer"], "Adam")
        for name, expected in run["defaults"].items():
            yours = run["options"].get(name)
            same = np.isclose(yours, expected) if isinstance(expected, float) else yours == expected
            expect(same, f"Adam's {name} is not at its default.", yours=yours, expected=expected)
        settings, defaults = run["settings"]
        expect(settings == defaults, "compile was given more than was asked for.", yours=settings, expected=defaults)

    def test_fit_shuffles(self):
        """The 64 samples to train on come each once an epoch, and not in their own order."""
        epochs = here.pipeline(pipeline.run_pipeline, **BY_DEFAULT)["order"]
        for epoch in epochs:
            expect(sorted(epoch) == list(range(64)), "An epoch does not see each of the 64 samples once.", yours=epoch)
            expect(epoch != list(range(64)), "The samples are not shuffled.")
