"""The article's section 10 on the pinned TensorFlow: its one example in our form, and its errata shown."""

import math

import numpy as np
import pytest
import tensorflow as tf

from solutions.ch10_capstone import (
    build_classifier,
    make_callbacks,
    make_classification_data,
    make_optimizer,
    make_schedule,
    train_classifier,
)
from tests.oracles import ch10_capstone as oracle
from tests.probes.ch01_pipeline import traced_never
from tests.probes.ch10_capstone import clusters, epochs_with_callbacks

schedules = tf.keras.optimizers.schedules


def the_articles_schedule():
    """A cosine as long as the run without its warm-up, starting at the peak, with the article's counts and `alpha`."""
    total = 5000 // 64 * 30
    return schedules.CosineDecay(1e-3, total - total // 10, alpha=1e-5)


def test_the_whole_pipeline_in_our_form():
    """The example, smaller: every piece of it, in graph mode and under mixed precision, on data that can be learned."""
    report = train_classifier(clusters(train_size=192, validation_size=64, classes=8), epochs=2, batch_size=16)
    assert sorted(report.metrics) == ["accuracy", "loss", "top3_accuracy"]
    assert report.metrics["accuracy"] > 3 / 8
    assert report.metrics["loss"] == pytest.approx(min(report.history["val_loss"]), rel=1e-3)
    assert report.predicted_classes.shape == (5,)
    assert tf.keras.mixed_precision.dtype_policy().name == "float32"


@pytest.mark.thorough
def test_the_whole_pipeline_compiled_by_xla():
    """The example's `jit_compile=True`: the same run to float16's precision."""
    data = clusters(train_size=16, validation_size=16, classes=4)
    compiled = train_classifier(data, epochs=1, batch_size=16, jit_compile=True)
    with traced_never():
        plain = train_classifier(data, epochs=1, batch_size=16)
    assert compiled.metrics["loss"] == pytest.approx(plain.metrics["loss"], rel=0.02)


def test_random_labels_cannot_be_learned():
    """Erratum: labels drawn apart from the inputs leave every classifier at chance; ours follow from the inputs."""
    ours = make_classification_data(seed=42)
    rng = np.random.default_rng(42)
    apart = ours._replace(y_train=rng.integers(0, 10, 5000), y_validation=rng.integers(0, 10, 1000))
    assert oracle.accuracy_of_least_squares(*apart, classes=10) == pytest.approx(0.1, abs=0.04)
    assert oracle.accuracy_of_least_squares(*ours, classes=10) > 0.6


def test_floor_division_misses_the_short_batch():
    """Erratum: `samples // batch_size` counts 78 batches, `fit` runs 79; so the schedule must round up."""
    assert (5000 // 64, math.ceil(5000 / 64)) == (78, 79)
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.zeros((50, 1)), np.zeros((50, 1)), batch_size=16, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 4 == 50 // 16 + 1


def test_the_articles_schedule_never_warms_up():
    """Erratum: the length of the warm-up is computed and not used, so the first step has the full rate; ours has 0."""
    assert float(the_articles_schedule()(0)) == pytest.approx(1e-3)
    ours = make_schedule(samples=5000, batch_size=64, epochs=30)
    assert [float(ours(step)) for step in (0, 79, 237)] == pytest.approx([0, 1e-3 / 3, 1e-3], rel=1e-6)


def test_the_articles_schedule_ends_before_the_run():
    """Erratum: it is at its floor after 2106 of 2370 steps, and the floor is 1e-8, not the `alpha` of 1e-5."""
    theirs = the_articles_schedule()
    for step in (2106, 2340, 2369):
        assert float(theirs(step)) == pytest.approx(1e-3 * 1e-5, rel=1e-6)
    ours = make_schedule(samples=5000, batch_size=64, epochs=30)
    assert float(ours(2369)) > 0 == float(ours(2370))
    assert float(ours(2106)) == pytest.approx(3.73e-5, rel=1e-2)


def test_an_integer_rate_spoils_the_schedule():
    """What the lesson warns of: `CosineDecay(0, …)` is a schedule of integers: its warm-up raises, its peak is 0."""
    spoilt = schedules.CosineDecay(0, 18, warmup_target=1e-3, warmup_steps=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="int32"):
        spoilt(1)
    assert float(spoilt(2)) == 0


def test_a_schedule_and_reduce_on_plateau_end_in_a_type_error():
    """Erratum: at the first plateau the callback sets a rate that belongs to the schedule; ours goes on to the end."""

    def both(learning_rate):
        return [tf.keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3, min_lr=1e-6)]

    plateau = [1.0, 1.0, 1.0, 1.0, 1.0]
    with pytest.raises(TypeError, match="not settable"):
        epochs_with_callbacks(both, plateau, 1e-3, scheduled=True)
    assert len(epochs_with_callbacks(make_callbacks, plateau, 1e-3, scheduled=True)["rates"]) == 5


def test_metrics_names_are_not_the_metrics():
    """Erratum: `metrics_names` has two entries for three results, so zipping the two loses `top3_accuracy`."""
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(4)])
    metrics = [
        tf.keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        tf.keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3_accuracy"),
    ]
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    x, y = np.zeros((8, 3), np.float32), np.zeros(8, np.int64)
    results = model.evaluate(x, y, verbose=0)
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert len(results) == 3
    assert sorted(model.evaluate(x, y, return_dict=True, verbose=0)) == ["accuracy", "loss", "top3_accuracy"]


def test_the_policy_stays_when_the_script_stops_early():
    """Erratum: put back in the last line, the policy is left at mixed_float16 by the error before it; ours is not."""
    before = tf.keras.mixed_precision.dtype_policy()
    try:
        with pytest.raises(TypeError, match="stops early"):
            _a_script_that_stops_early()
        assert tf.keras.mixed_precision.dtype_policy().name == "mixed_float16"
    finally:
        tf.keras.mixed_precision.set_dtype_policy(before)
    with pytest.raises(ValueError, match="units"):
        build_classifier(4, classes=-1)
    assert tf.keras.mixed_precision.dtype_policy().name == before.name


def _a_script_that_stops_early():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    if tf.executing_eagerly():
        raise TypeError("stops early")
    tf.keras.mixed_precision.set_global_policy("float32")


def test_weight_decay_and_the_size_of_the_network():
    """Figures of the lesson: Keras' AdamW decays by 0.004 unless told otherwise; 56,394 numbers, 768 not trained."""
    assert tf.keras.optimizers.AdamW(1e-3).weight_decay == 40 * make_optimizer(1e-3).weight_decay
    model = build_classifier(50, 10)
    assert model.count_params() == 56_394
    assert sum(math.prod(weight.shape) for weight in model.non_trainable_weights) == 768
