"""The article's section 2 on the pinned TensorFlow: its examples in our form, its figures, its errata."""

import numpy as np
import pytest
import tensorflow as tf

from solutions import ch02_losses as losses

TARGETS = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.1, 2.3, 2.8, 4.5, 4.7])
ANSWERS = np.float32([1, 0, 1, 1, 0]), np.float32([0.9, 0.1, 0.8, 0.7, 0.3])
CLASSES = np.array([0, 1, 2])
CLASS_PROBABILITIES = np.float32([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]])
DEMAND = tf.constant([1.0, 2.0, 3.0]), tf.constant([0.8, 2.5, 2.7])
TWO_SAMPLES = tf.constant([[1.0, 0.0], [0.0, 1.0]]), tf.constant([[0.9, 0.1], [0.3, 0.7]])


def figure(loss):
    """The loss as the article prints it."""
    return f"{float(loss):.4f}"


def slope(tape, loss, variable):
    """The summed gradient of `loss` in `variable`."""
    return float(tf.reduce_sum(tape.gradient(loss, variable)))


def slope_at(constant, loss, targets, **kwargs):
    """How `loss` changes as one constant, predicted for all `targets`, grows: 0 at the best constant."""
    prediction = tf.Variable(tf.fill(targets.shape, float(constant)))
    with tf.GradientTape() as tape:
        value = loss(targets, prediction, **kwargs)
    return slope(tape, value, prediction)


# Regression Losses


def test_regression_losses():
    """§2 "Regression Losses": MSE 0.0960, MAE 0.2800 and Huber 0.0480, from the katas and from Keras' own losses."""
    keras = tf.keras.losses
    for ours, theirs in (
        (losses.mean_squared_error(*TARGETS), keras.MeanSquaredError()(*TARGETS)),
        (losses.mean_absolute_error(*TARGETS), keras.MeanAbsoluteError()(*TARGETS)),
        (losses.huber(*TARGETS, delta=1.0), keras.Huber(delta=1.0)(*TARGETS)),
    ):
        assert figure(ours) == figure(theirs)
    assert figure(losses.mean_squared_error(*TARGETS)) == "0.0960"
    assert figure(losses.mean_absolute_error(*TARGETS)) == "0.2800"
    assert figure(losses.huber(*TARGETS)) == "0.0480"


def test_the_smaller_delta_never_matters_in_the_example():
    """Misleading: Huber "with smaller delta, more robust" prints 0.0480 again, as no error there is beyond 0.5."""
    assert figure(losses.huber(*TARGETS, delta=0.5)) == figure(losses.huber(*TARGETS, delta=1.0)) == "0.0480"
    assert np.abs(TARGETS[0] - TARGETS[1]).max() == 0.5
    with_outlier = np.append(TARGETS[0], 20.0), np.append(TARGETS[1], 5.0)
    assert losses.huber(*with_outlier, delta=0.5) < losses.huber(*with_outlier, delta=1.0)


def test_what_an_outlier_does_to_the_best_constant():
    """The lesson's numbers: of 1, 2, 3, 4, 100 MSE makes 22, MAE 3, and Huber 3, 5 or 15 by its delta."""
    targets = tf.constant([1.0, 2.0, 3.0, 4.0, 100.0])

    assert slope_at(22, losses.mean_squared_error, targets) == pytest.approx(0, abs=1e-5)
    assert slope_at(2.9, losses.mean_absolute_error, targets) < 0 < slope_at(3.1, losses.mean_absolute_error, targets)
    for delta, best in ((1.0, 3), (10.0, 5), (50.0, 15)):
        assert slope_at(best, losses.huber, targets, delta=delta) == pytest.approx(0, abs=1e-5)


# Classification Losses


def test_classification_losses():
    """§2 "Classification Losses": BCE 0.2294, CCE and sparse CCE 0.3406, from the katas and from Keras' own losses."""
    keras, one_hot = tf.keras.losses, np.eye(3, dtype=np.float32)[CLASSES]
    for ours, theirs, printed in (
        (losses.binary_crossentropy(*ANSWERS), keras.BinaryCrossentropy()(*ANSWERS), "0.2294"),
        (
            losses.categorical_crossentropy(one_hot, CLASS_PROBABILITIES),
            keras.CategoricalCrossentropy()(one_hot, CLASS_PROBABILITIES),
            "0.3406",
        ),
        (
            losses.sparse_categorical_crossentropy(CLASSES, CLASS_PROBABILITIES),
            keras.SparseCategoricalCrossentropy()(CLASSES, CLASS_PROBABILITIES),
            "0.3406",
        ),
    ):
        assert figure(ours) == figure(theirs) == printed


def test_keras_rescales_rows_of_probabilities():
    """Where ours and Keras' differ on purpose: Keras divides every row of probabilities by its sum, ours does not."""
    y_true, y_prob = tf.constant([[1.0, 0.0]]), tf.constant([[0.4, 0.4]])
    assert figure(tf.keras.losses.CategoricalCrossentropy()(y_true, y_prob)) == "0.6931"
    assert figure(losses.categorical_crossentropy(y_true, y_prob)) == "0.9163"


def test_from_logits_is_what_keeps_the_gradient():
    """§2 "Loss Function Selection": at logit 50 a clipped loss is 15.94 with gradient 0, ours 50 with 1."""
    logit, label = tf.Variable([[50.0]]), tf.constant([[0.0]])
    with tf.GradientTape(persistent=True) as tape:
        clipped = tf.keras.losses.BinaryCrossentropy()(label, tf.nn.sigmoid(logit))
        from_logits = losses.binary_crossentropy_from_logits(label, logit)
    assert (figure(clipped), figure(from_logits)) == ("15.9424", "50.0000")
    assert (slope(tape, clipped, logit), slope(tape, from_logits, logit)) == (0.0, 1.0)


def test_softmax_twice_caps_certainty():
    """The lesson's number: a softmax under from_logits=True makes logits (10, 0, 0) 0.5761 sure, and none surer."""
    certain = tf.nn.softmax(tf.constant([[10.0, 0.0, 0.0]]))
    twice = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(tf.constant([0]), certain)
    assert figure(tf.nn.softmax(certain)[0, 0]) == "0.5761"
    assert figure(twice) == "0.5515"


def test_the_textbook_formula_has_the_wrong_gradient_at_zero():
    """The lesson's trap: tf.maximum beside tf.abs gives 1 − y at logit 0; right is ½ − y, as softplus has it."""
    logit, label = tf.Variable([0.0]), tf.constant([0.0])
    with tf.GradientTape(persistent=True) as tape:
        pieced = tf.maximum(logit, 0.0) - label * logit + tf.math.log1p(tf.exp(-tf.abs(logit)))
        ours = losses.binary_crossentropy_from_logits(label, logit)
    assert (slope(tape, pieced, logit), slope(tape, ours, logit)) == (1.0, 0.5)


def test_shapes_that_broadcast_spoil_a_loss_of_ones_own():
    """The lesson's pitfall: (n,) against (n, 1) is an n×n table of mean 1.3333, where Keras finds the error 0."""
    row = tf.constant([1.0, 2.0, 3.0])
    column = row[:, tf.newaxis]
    assert figure(tf.reduce_mean(tf.square(row - column))) == "1.3333"
    assert float(tf.keras.losses.MeanSquaredError()(row, column)) == 0.0


# Custom Loss Functions


def test_weighted_mse():
    """§2 "Custom Loss Functions": weighted MSE 0.1700."""
    assert figure(losses.weighted_mse(*DEMAND)) == "0.1700"


def test_the_articles_weights_are_float32_whatever_the_error_is():
    """Erratum: Python numbers in tf.where are float32, so NumPy's own float64 arrays stop it; ours takes them."""

    def article_style(y_true, y_pred):
        error = y_true - y_pred
        return tf.reduce_mean(tf.where(error > 0, 2.0, 1.0) * tf.square(error))

    assert figure(article_style(*DEMAND)) == "0.1700"
    doubles = [tensor.numpy().astype(np.float64) for tensor in DEMAND]
    with pytest.raises(tf.errors.InvalidArgumentError, match="double"):
        article_style(*doubles)
    assert losses.weighted_mse(*doubles).dtype == tf.float64


class ArticleStyleFocalLoss(tf.keras.losses.Loss):
    """The article's choices in our words: the label in both factors, and a mean over everything in `call`."""

    def call(self, y_true, y_pred):
        weight = 0.25 * y_true * (1.0 - y_pred) ** 2
        return tf.reduce_mean(weight * -y_true * tf.math.log(y_pred))


def test_focal_loss_is_twice_what_the_article_prints():
    """Erratum: the article's 0.0021 is the right 0.0041 divided by the 2 classes."""
    ours, article = losses.FocalLoss()(*TWO_SAMPLES), ArticleStyleFocalLoss()(*TWO_SAMPLES)
    assert (figure(article), figure(ours)) == ("0.0021", "0.0041")
    assert float(ours) == pytest.approx(2 * float(article), rel=1e-6)
    assert float(ours) == pytest.approx(float(tf.keras.losses.CategoricalFocalCrossentropy()(*TWO_SAMPLES)), rel=1e-6)


def test_the_articles_focal_loss_cannot_tell_samples_apart():
    """Erratum: averaged in `call`, the loss is the same whichever sample weighs; ours follows `sample_weight`."""
    first, second = tf.constant([1.0, 0.0]), tf.constant([0.0, 1.0])
    article, ours = ArticleStyleFocalLoss(), losses.FocalLoss()
    assert article(*TWO_SAMPLES, sample_weight=first) == article(*TWO_SAMPLES, sample_weight=second)
    assert ours(*TWO_SAMPLES, sample_weight=second) > 30 * ours(*TWO_SAMPLES, sample_weight=first)


def test_the_articles_focal_loss_ignores_reduction():
    """Erratum: with nothing left to reduce, sum, mean and none are one number; ours are three different things."""
    for reduction in ("sum", "sum_over_batch_size", None):
        assert figure(ArticleStyleFocalLoss(reduction=reduction)(*TWO_SAMPLES)) == "0.0021"
    per_sample = losses.FocalLoss(reduction=None)(*TWO_SAMPLES)
    assert per_sample.shape == (2,)
    assert figure(losses.FocalLoss(reduction="sum")(*TWO_SAMPLES)) == figure(tf.reduce_sum(per_sample)) == "0.0083"


def test_the_articles_focal_loss_squares_soft_labels():
    """Erratum: the label stands in both factors, so one of 0.5 counts a quarter; for 0 and 1 nobody sees it."""
    soft, y_pred = tf.constant([[0.5, 0.5]]), tf.constant([[0.6, 0.4]])
    # 2 classes are averaged over and y² stands for y: a quarter of ours
    assert float(losses.FocalLoss()(soft, y_pred)) == pytest.approx(4 * float(ArticleStyleFocalLoss()(soft, y_pred)))


def test_keras_huber_forgets_delta_in_its_config():
    """Beside the article: Huber's config lacks delta in Keras 3.15, so the rebuilt loss has 1; ours keeps its own."""
    zero, three = tf.constant([0.0]), tf.constant([3.0])
    half = tf.keras.losses.Huber(delta=0.5)
    again = tf.keras.losses.Huber.from_config(half.get_config())
    assert (float(half(zero, three)), float(again(zero, three))) == (1.375, 2.5)
    focal = losses.FocalLoss(gamma=5.0, alpha=1.0)
    assert losses.FocalLoss.from_config(focal.get_config())(*TWO_SAMPLES) == focal(*TWO_SAMPLES)


def test_expectile_of_the_lesson():
    """The lesson's number: of 0, 1, 2, 3, 10 weight 2 makes 13/3 = 4.3333, where plain MSE makes the mean 3.2."""
    targets = tf.constant([0.0, 1.0, 2.0, 3.0, 10.0])
    for weight, best in ((2.0, 13 / 3), (1.0, 3.2)):
        assert slope_at(best, losses.weighted_mse, targets, under_weight=weight) == pytest.approx(0, abs=1e-5)
