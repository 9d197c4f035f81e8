"""The article's section 1 on the pinned TensorFlow: its one example in our form, and its errata shown."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch01_pipeline import build_model, make_regression_data, run_pipeline, train
from tests.oracles import ch01_pipeline as oracle


def test_the_pipeline_in_our_form():
    """The example: its network and settings on data with one weight vector, so that the test error says something."""
    tf.keras.utils.set_random_seed(0)
    data = make_regression_data(seed=42)
    result = run_pipeline(build_model(10), data)
    assert result.predictions.shape == (5, 1)
    assert all(len(values) == 10 for values in result.history.values())
    # 0.067 in the lesson; the targets' mean square, which a model that always says 0 would have, is near 10.
    assert result.test["loss"] < 0.2 < 5 < np.mean(data.y_test**2)


def test_targets_from_other_weights_judge_another_problem():
    """Erratum: with the example's seed even the exact weights have a test error of 6.3, a model that says 0 has 3.4."""
    draws = np.random.RandomState(42)
    draws.randn(1000, 10)
    w_train = draws.randn(10, 1)
    x_test = draws.randn(200, 10)
    w_test = draws.randn(10, 1)
    y_test = x_test @ w_test + 0.5
    exact = oracle.mean_squared_error(y_test, x_test @ w_train + 0.5)
    assert exact == pytest.approx(6.315, abs=1e-3)
    assert exact == pytest.approx(np.sum((w_train - w_test) ** 2), rel=0.15)  # E[(x·(w₁ − w₂))²] = ‖w₁ − w₂‖² = 5.92
    assert oracle.mean_squared_error(y_test, 0 * y_test) == pytest.approx(3.432, abs=1e-3)


def test_our_data_have_one_line_through_both_splits():
    """The example mended: what least squares finds in the training split is exact on the test split."""
    data = make_regression_data(seed=42)
    weights, bias = oracle.line_through(data.x_train, data.y_train)
    assert bias == pytest.approx(0.5, abs=1e-5)
    np.testing.assert_allclose(data.x_test @ weights + bias, data.y_test[:, 0], atol=1e-5)


def test_input_shape_in_a_layer_warns():
    """Erratum of this and nearly every example: `input_shape=` is deprecated in Keras 3; an Input does not warn."""
    with pytest.warns(UserWarning, match="input_shape"):
        tf.keras.layers.Dense(64, activation="relu", input_shape=(10,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_model(10)


def test_validation_split_is_the_end_of_the_arrays():
    """The example's `validation_split=0.2`: the last fifth before shuffling, of sorted data the largest targets."""
    data = make_regression_data(seed=42, train_size=100, features=2)
    order = np.argsort(data.y_train[:, 0])
    model = build_model(2, hidden=())
    model.compile("sgd", "mse", run_eagerly=True)
    history = model.fit(data.x_train[order], data.y_train[order], epochs=1, validation_split=0.2, verbose=0).history
    last_fifth = order[80:]
    predicted = model(data.x_train[last_fifth]).numpy()
    assert history["val_loss"][-1] == pytest.approx(
        oracle.mean_squared_error(data.y_train[last_fifth], predicted), rel=1e-4
    )
    assert data.y_train[last_fifth].min() >= np.quantile(data.y_train, 0.79)


def test_flat_targets_make_a_table_of_differences():
    """What the lesson warns of: (n,) against (n, 1) in a loss of one's own is learned as the mean of all targets."""
    data = make_regression_data(seed=42, train_size=200, features=3)

    def own_loss(y_true, y_pred):
        return tf.reduce_mean((y_true - y_pred) ** 2)

    def losses(y):
        tf.keras.utils.set_random_seed(0)
        model = build_model(3, hidden=(16,))
        return train(model, tf.keras.optimizers.Adam(0.01), own_loss, data.x_train, y, epochs=5, batch_size=50)

    assert losses(data.y_train[:, 0])[-1] > 0.95 * np.var(data.y_train)
    assert losses(data.y_train)[-1] < 0.7 * np.var(data.y_train)
