"""The article's section 9 on the pinned TensorFlow: its examples in our form, its figures, its errata."""

import threading
import warnings

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch09_mixed_precision import (
    build_mixed_model,
    layer_dtypes,
    loss_scaled_gradients,
    precision_policy,
    round_up_to_multiple,
)

mixed_precision = tf.keras.mixed_precision


@pytest.fixture(autouse=True)
def same_policy_afterwards():
    """No test of this module leaves a policy behind, not even one that shows how that happens."""
    earlier = mixed_precision.global_policy()
    yield
    mixed_precision.set_global_policy(earlier)


# Policy & Setup


def test_policy_and_setup_prints_the_dtypes_it_promises():
    """§9 "Policy & Setup": policy mixed_float16, compute float16, variables float32; the output layer float32 twice."""
    with precision_policy("mixed_float16"):
        policy = mixed_precision.global_policy()
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == ("mixed_float16", "float16", "float32")
    *hidden, output = layer_dtypes(build_mixed_model(100, hidden=(256, 128, 64), outputs=10))
    assert [(layer.compute, layer.variable) for layer in hidden] == [("float16", "float32")] * 3
    assert (output.compute, output.variable) == ("float32", "float32")


def test_input_shape_in_a_layer_warns():
    """Erratum, as in every section: `input_shape=` is deprecated; `tf.keras.Input` does not warn."""
    with pytest.warns(UserWarning, match="input_shape"):
        tf.keras.layers.Dense(8, activation="relu", input_shape=(100,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_mixed_model(100, hidden=(8,))


def test_resetting_to_float32_is_a_guess_and_is_not_reached_after_an_error():
    """Erratum: the article ends with `set_global_policy("float32")`: wrong after float64, skipped by an exception."""

    def article_style(fail: bool) -> None:
        mixed_precision.set_global_policy("mixed_float16")
        if fail:
            raise RuntimeError
        mixed_precision.set_global_policy("float32")

    mixed_precision.set_global_policy("float64")
    article_style(fail=False)
    assert mixed_precision.global_policy().name == "float32"  # and not float64
    with pytest.raises(RuntimeError):
        article_style(fail=True)
    assert mixed_precision.global_policy().name == "mixed_float16"  # for every model from now on

    mixed_precision.set_global_policy("float64")
    with pytest.raises(RuntimeError), precision_policy("mixed_float16"):
        raise RuntimeError
    assert mixed_precision.global_policy().name == "float64"


# Loss Scaling


def test_loss_scaling_trains_and_wraps_the_optimizer():
    """§9 "Loss Scaling": 128-64-1 under the policy, Adam, mse and mae; compile adds the loss scaling, and it trains."""
    generator = np.random.default_rng(42)
    x, noise = generator.normal(size=(256, 20)).astype("float32"), generator.normal(size=(256, 1)).astype("float32")
    model = build_mixed_model(20, hidden=(128, 64))
    model.compile(tf.keras.optimizers.Adam(1e-3), "mse", metrics=["mae"], run_eagerly=True)
    assert type(model.optimizer) is mixed_precision.LossScaleOptimizer
    history = model.fit(x, noise, epochs=2, batch_size=64, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert float(model.optimizer.dynamic_scale) == 2.0**15  # nothing overflowed, and 2000 steps have not passed


def test_random_targets_say_nothing_about_accuracy():
    """Erratum: the example's targets are noise, so on fresh data no model beats the constant 0, whose loss is 1."""
    generator = np.random.default_rng(0)
    x, noise = generator.normal(size=(1000, 20)), generator.normal(size=(1000, 1))
    fresh_x, fresh_noise = generator.normal(size=(1000, 20)), generator.normal(size=(1000, 1))
    weights = np.linalg.lstsq(x, noise, rcond=None)[0]
    assert np.mean((x @ weights - noise) ** 2) < np.mean(noise**2)  # learnt by heart
    assert np.mean((fresh_x @ weights - fresh_noise) ** 2) > np.mean(fresh_noise**2)


def test_a_gradient_of_1e_8_survives_through_the_scale():
    """§9 "Loss Scaling", the lesson's numbers: 1e-8 is 0 in float16; by way of the scale it comes back as 9.997e-9."""
    assert np.float16(1e-8) == 0
    assert np.float32(np.float16(1e-8 * 2**15)) / 2**15 == pytest.approx(9.997e-9, rel=1e-4)
    model = build_mixed_model(2, hidden=(3,))
    x, y = np.ones((1, 2), "float32"), np.ones((1, 1), "float32")
    model.set_weights([np.full((2, 3), 0.5), np.zeros(3), np.full((3, 1), 0.5), np.zeros(1)])

    def small_loss(y_true, y_pred):
        return 1e-8 * tf.reduce_mean(tf.square(y_true - y_pred))

    # ŷ = 3 · ½ · (½ + ½) = 1.5; dL/dŷ = 2·1e-8·(1.5 − 1) = 1e-8; dL/dW₁ = 1e-8 · ½ · 1
    assert not np.any(loss_scaled_gradients(model, small_loss, x, y, scale=1.0)[0])
    np.testing.assert_allclose(loss_scaled_gradients(model, small_loss, x, y, scale=2.0**15)[0], 5e-9, rtol=1e-3)


def test_layers_of_mixed_dtype_alone_get_no_loss_scaling():
    """Erratum ("the optimizer automatically handles loss scaling"): only where the *model's* policy is mixed."""
    inputs = tf.keras.Input((4,))
    layers = [tf.keras.layers.Dense(8, dtype="mixed_float16"), tf.keras.layers.Dense(1, dtype="float32")]
    sequential = tf.keras.Sequential([inputs, *layers])
    functional = tf.keras.Model(inputs, layers[1](layers[0](inputs)), dtype="mixed_float16")
    for model in (sequential, functional):
        model.compile("sgd", "mse")
        assert type(model.optimizer) is tf.keras.optimizers.SGD
    assert layer_dtypes(sequential)[0].compute == "float16"


def test_a_loop_of_ones_own_must_scale_by_itself():
    """Erratum (same sentence): `apply` divides by the scale whether or not the loss was multiplied by it."""
    moved = {}
    for scaled in (False, True):
        variable = tf.Variable(1.0)
        optimizer = mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD(1.0))
        optimizer.build([variable])
        with tf.GradientTape() as tape:
            loss = 0.5 * variable**2
            loss = optimizer.scale_loss(loss) if scaled else loss
        optimizer.apply(tape.gradient(loss, [variable]), [variable])
        moved[scaled] = 1.0 - float(variable)
    assert moved[True] == pytest.approx(1.0)
    assert moved[False] == pytest.approx(2.0**-15, rel=1e-2)


def test_the_tapes_own_zeros_need_the_variables_value():
    """What the lesson's hint says: `unconnected_gradients="zero"` fails for a Keras variable, not for its value."""
    variable = tf.keras.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.constant(2.0) * 3.0
    with pytest.raises(AttributeError):
        tape.gradient(loss, [variable], unconnected_gradients="zero")
    assert float(tape.gradient(loss, [variable.value], unconnected_gradients="zero")[0]) == 0.0


def test_layer_dtype_is_the_variables_dtype():
    """A trap next to the article's printout: `layer.dtype` of a mixed layer is float32 in Keras 3."""
    layer = tf.keras.layers.Dense(1, dtype="mixed_float16")
    assert (layer.dtype, layer.compute_dtype) == ("float32", "float16")


def test_the_policy_is_one_threads_own():
    """The "global" policy of §9 does not reach another thread."""
    seen = []
    with precision_policy("mixed_float16"):
        thread = threading.Thread(target=lambda: seen.append(mixed_precision.global_policy().name))
        thread.start()
        thread.join()
    assert seen == ["float32"]


def test_why_weights_output_and_epsilon_must_not_be_float16():
    """The lesson's numbers: a lost update, two overflows, an ε that is none."""
    half, single = np.float16(1.0), np.float32(1.0)
    for _ in range(1000):
        half, single = half + np.float16(2.0**-12), single + np.float32(2.0**-12)
    assert half == 1.0
    assert single == pytest.approx(1.2441, abs=1e-4)
    with np.errstate(over="ignore"):
        assert np.isinf(np.float16(300) ** 2)
        assert np.isinf(np.exp(np.float16(12)))
    assert np.float16(1) - np.float16(1e-7) == 1


def test_either_half_precision_gives_float32s_answer_on_a_cpu():
    """Erratum ("on CPUs … no benefit"): the answer is the same within rounding, so only time is at stake.

    The times are in the lesson: in a graph float16 is far slower than float32, bfloat16 is not.
    """
    x = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    answers = {}
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        with precision_policy(policy):
            layers = [tf.keras.Input((8,)), tf.keras.layers.Dense(8, kernel_initializer="ones", activation="relu")]
            model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")])
        answers[policy] = model.predict_on_batch(x)
    np.testing.assert_allclose(answers["mixed_float16"], answers["float32"], rtol=0, atol=0.05)
    np.testing.assert_allclose(answers["mixed_bfloat16"], answers["float32"], rtol=0, atol=0.5)


def test_multiples_of_eight():
    """§9 "Mixed Precision Tips": the examples' own 100 and 20 features are no multiples of 8."""
    assert [round_up_to_multiple(size) for size in (100, 20, 256, 128, 64)] == [104, 24, 256, 128, 64]
