"""Chapter 2 · Loss Functions: what training minimises, written out from tensor operations.

Read lessons/ch02_losses.md first.
"""

import keras
import tensorflow as tf

__all__ = [
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_from_logits",
    "weighted_mse",
    "FocalLoss",
    "choose_loss",
]

TensorLike = tf.types.experimental.TensorLike


def as_tensors(y_true: TensorLike, y_pred: TensorLike) -> tuple[tf.Tensor, tf.Tensor]:  # given
    """Turn both arguments into tensors of the prediction's dtype; labels may be integers, booleans or floats."""
    y_pred = tf.convert_to_tensor(y_pred)
    return tf.cast(y_true, y_pred.dtype), y_pred


def as_number(value: float, dtype: tf.DType) -> tf.Tensor:  # given
    """Turn a Python number into a rank-0 tensor of `dtype`; `tf.cast(0.1, tf.float64)` would go through float32."""
    return keras.ops.convert_to_tensor(value, dtype)


def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> tf.Tensor:
    """Average the squared errors, so that one large error outweighs many small ones.

        MSE = (1/n) · Σᵢ (yᵢ − ŷᵢ)²

    where yᵢ is the i-th true value, ŷᵢ its prediction, and i runs over all n elements, whatever the shape.

    Args:
        y_true: True values, any shape, a single number too; integers, booleans or floats, cast to `y_pred`'s dtype.
        y_pred: Predictions, same shape; float16, float32 or float64.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_pred` and to its precision.

    Example:
        >>> loss = mean_squared_error([1.0, 2.0], [1.5, 1.0])  # (0.25 + 1) / 2
        >>> round(float(loss), 4)
        0.625

    Source: The article, §2 "Regression Losses"; Goodfellow, Bengio & Courville, Deep Learning, 2016, §5.1.4.
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    # No axis: the mean is over every element. A sum would make the learning rate depend on the batch size.
    return tf.reduce_mean(tf.square(y_true - y_pred))


def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> tf.Tensor:
    """Average the sizes of the errors, so that each error counts in proportion.

        MAE = (1/n) · Σᵢ |yᵢ − ŷᵢ|

    where yᵢ is the i-th true value, ŷᵢ its prediction, and i runs over all n elements, whatever the shape.

    Args:
        y_true: True values, any shape, a single number too; integers, booleans or floats, cast to `y_pred`'s dtype.
        y_pred: Predictions, same shape; float16, float32 or float64.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_pred` and to its precision. Where yᵢ = ŷᵢ the gradient is any
        subgradient, from −1/n to 1/n, never NaN.

    Example:
        >>> loss = mean_absolute_error([1.0, 2.0], [1.5, 1.0])  # (0.5 + 1) / 2
        >>> round(float(loss), 4)
        0.75

    Source: The article, §2 "Regression Losses".
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    # tf.abs has gradient 0 at 0. The root of the square is the same number, but its gradient there is 0/0.
    return tf.reduce_mean(tf.abs(y_true - y_pred))


def huber(y_true: TensorLike, y_pred: TensorLike, *, delta: float = 1.0) -> tf.Tensor:
    """Average a penalty that is quadratic for small errors and linear for large ones.

        h(e) = ½·e²             where |e| ≤ δ
        h(e) = δ·|e| − ½·δ²     where |e| > δ
        Huber = (1/n) · Σᵢ h(yᵢ − ŷᵢ)

    where yᵢ is the i-th of n true values, ŷᵢ its prediction, e their difference and δ (`delta`) the size of error
    at which the penalty turns linear. Value and slope of the two branches meet at |e| = δ; at e = 0 the slope is 0.

    Args:
        y_true: True values, any shape, a single number too; integers, booleans or floats, cast to `y_pred`'s dtype.
        y_pred: Predictions, same shape; float16, float32 or float64.
        delta: Where the penalty turns linear, a Python number > 0, in the unit of `y_true`.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_pred` and to its precision.

    Raises:
        ValueError: If `delta` is 0 or negative.

    Example:
        >>> loss = huber([0.0, 0.0], [0.5, 3.0], delta=1.0)  # (½·0.25 + (3 − ½)) / 2
        >>> round(float(loss), 4)
        1.3125

    Source: The article, §2 "Regression Losses"; Huber, Robust Estimation of a Location Parameter, Annals of
        Mathematical Statistics 35(1), 1964.
    """
    if delta <= 0:
        raise ValueError(f"`delta` must be greater than 0. Received: delta={delta}")
    y_true, y_pred = as_tensors(y_true, y_pred)
    threshold = as_number(delta, y_pred.dtype)
    size = tf.abs(y_true - y_pred)
    quadratic = 0.5 * tf.square(size)
    # Without −½δ² the loss would jump at |e| = δ; without the factor δ its slope would.
    linear = threshold * size - 0.5 * tf.square(threshold)
    return tf.reduce_mean(tf.where(size <= threshold, quadratic, linear))


def binary_crossentropy(y_true: TensorLike, y_prob: TensorLike, *, epsilon: float = 1e-7) -> tf.Tensor:
    """Average the surprise at the true label of each yes-or-no question, given the predicted probability of yes.

        BCE = −(1/n) · Σᵢ [ yᵢ·log pᵢ + (1 − yᵢ)·log(1 − pᵢ) ],   pᵢ = min(max(p̂ᵢ, ε), 1 − ε)

    where yᵢ is the i-th of n labels, p̂ᵢ the predicted probability that it is 1, ε (`epsilon`) the distance that is
    kept from 0 and 1, and log the natural logarithm. Outside [ε, 1 − ε] the gradient is 0.

    Args:
        y_true: Labels 0 or 1, or soft labels in between, any shape, a single number too; integers, booleans or
            floats, cast to `y_prob`'s dtype.
        y_prob: Probabilities in [0, 1], same shape; float16, float32 or float64.
        epsilon: The clip, a Python number, 1e-7 ≤ epsilon < ½; in float16, where 1 − 1e-7 is 1, take at least 2e-3.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_prob` and to its precision; value and gradient are finite also for
        probabilities of exactly 0 and 1.

    Example:
        >>> loss = binary_crossentropy([1, 0], [0.8, 0.4])  # −(log 0.8 + log 0.6) / 2
        >>> round(float(loss), 4)
        0.367

    Source: The article, §2 "Classification Losses"; Goodfellow, Bengio & Courville, Deep Learning, 2016, §5.5.
    """
    y_true, y_prob = as_tensors(y_true, y_prob)
    low = as_number(epsilon, y_prob.dtype)
    # Clip what goes *into* the logarithm: adding epsilon would move every probability, clipping moves only the edges.
    log_yes = tf.math.log(tf.clip_by_value(y_prob, low, 1.0 - low))
    # Clipping 1 − p rather than subtracting a clipped p keeps ε, where float32 would round 1 − (1 − 1e-7) to 1.19e-7.
    log_no = tf.math.log(tf.clip_by_value(1.0 - y_prob, low, 1.0 - low))
    return -tf.reduce_mean(y_true * log_yes + (1.0 - y_true) * log_no)


def binary_crossentropy_from_logits(y_true: TensorLike, logits: TensorLike) -> tf.Tensor:
    """Average the binary cross-entropy of logits, without ever forming a probability that could round to 0 or 1.

        BCE = −(1/n) · Σᵢ [ yᵢ·log σ(zᵢ) + (1 − yᵢ)·log(1 − σ(zᵢ)) ],   σ(z) = 1 / (1 + e^(−z))

    where yᵢ is the i-th of n labels, zᵢ the logit (any real number), log the natural logarithm and σ the sigmoid. The
    gradient is (σ(zᵢ) − yᵢ)/n everywhere, at z = 0 too, where it is (½ − yᵢ)/n.

    Args:
        y_true: Labels 0 or 1, or soft labels in between, any shape, a single number too; integers, booleans or
            floats, cast to the dtype of `logits`.
        logits: Predictions before the sigmoid, same shape; float16, float32 or float64.

    Returns:
        Scalar tensor (rank 0) in the dtype of `logits` and to its precision. Value and gradient are finite for |z| up
        to 1e4 (in float16, which ends at 65504, as long as the sum of the losses fits), and nothing is clipped: a
        logit of 50 with label 0 costs 50.

    Example:
        >>> loss = binary_crossentropy_from_logits([1.0, 0.0], [0.0, 50.0])  # (log 2 + 50) / 2
        >>> round(float(loss), 3)
        25.347

    Source: The article, §2 "Loss Function Selection"; Goodfellow, Bengio & Courville, Deep Learning, 2016, §6.2.2.2.
    """
    y_true, logits = as_tensors(y_true, logits)
    # log σ(z) = −softplus(−z) and 1 − σ(z) = σ(−z). Both terms are ≥ 0, so nothing cancels; and softplus, unlike
    # max(z, 0) + log(1 + e^(−|z|)) pieced together, has the right gradient at z = 0, where training often starts.
    return tf.reduce_mean(y_true * tf.nn.softplus(-logits) + (1.0 - y_true) * tf.nn.softplus(logits))


def categorical_crossentropy(y_true: TensorLike, y_prob: TensorLike, *, epsilon: float = 1e-7) -> tf.Tensor:
    """Average over the batch the surprise at the true class, given one predicted probability per class.

        CCE = −(1/B) · Σᵢ Σ_c yᵢ_c·log pᵢ_c,   pᵢ_c = min(max(p̂ᵢ_c, ε), 1 − ε)

    where i runs over the B samples of the batch and c over the classes, yᵢ_c is the label's share of class c, p̂ᵢ_c the
    predicted probability, ε (`epsilon`) the distance that is kept from 0 and 1, and log the natural logarithm.
    It is a sum over classes, then a mean over samples: the number of classes divides nothing. Outside [ε, 1 − ε] the
    gradient is 0.

    Args:
        y_true: One-hot or soft labels, shape (batch, classes); integers, booleans or floats, cast to `y_prob`'s dtype.
        y_prob: Probabilities, shape (batch, classes); float16, float32 or float64. Used as given: rows that do not sum
            to 1 are not rescaled (Keras' own loss would).
        epsilon: The clip, a Python number, 1e-7 ≤ epsilon < ½; in float16, where 1 − 1e-7 is 1, take at least 2e-3.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_prob` and to its precision; value and gradient are finite also for
        probabilities of exactly 0 and 1.

    Example:
        >>> loss = categorical_crossentropy([[1, 0], [0, 1]], [[0.8, 0.2], [0.4, 0.6]])  # −(log 0.8 + log 0.6) / 2
        >>> round(float(loss), 4)
        0.367

    Source: The article, §2 "Classification Losses"; Goodfellow, Bengio & Courville, Deep Learning, 2016, §5.5.
    """
    y_true, y_prob = as_tensors(y_true, y_prob)
    low = as_number(epsilon, y_prob.dtype)
    p = tf.clip_by_value(y_prob, low, 1.0 - low)
    per_sample = -tf.reduce_sum(y_true * tf.math.log(p), axis=-1)
    return tf.reduce_mean(per_sample)


def sparse_categorical_crossentropy(labels: TensorLike, y_prob: TensorLike, *, epsilon: float = 1e-7) -> tf.Tensor:
    """Average the same cross-entropy over integer labels, without building their one-hot table.

        SCCE = −(1/B) · Σᵢ log p(i, kᵢ),   p(i, c) = min(max(p̂(i, c), ε), 1 − ε)

    where i runs over the B samples of the batch, kᵢ is the class of sample i, p̂(i, c) the predicted probability of
    class c, ε (`epsilon`) the distance that is kept from 0 and 1, and log the natural logarithm. It equals
    `categorical_crossentropy` on the one-hot encoding of the labels, where every other term of the sum is 0. Outside
    [ε, 1 − ε] the gradient is 0.

    Args:
        labels: Class numbers 0 … classes − 1, shape (batch,), integers of any kind (uint8 too).
        y_prob: Probabilities, shape (batch, classes); float16, float32 or float64. Used as given, not rescaled.
        epsilon: The clip, a Python number, 1e-7 ≤ epsilon < ½; in float16, where 1 − 1e-7 is 1, take at least 2e-3.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_prob` and to its precision; value and gradient are finite also for
        probabilities of exactly 0 and 1.

    Example:
        >>> loss = sparse_categorical_crossentropy([0, 1], [[0.8, 0.2], [0.4, 0.6]])  # −(log 0.8 + log 0.6) / 2
        >>> round(float(loss), 4)
        0.367

    Source: The article, §2 "Classification Losses".
    """
    y_prob = tf.convert_to_tensor(y_prob)
    low = as_number(epsilon, y_prob.dtype)
    # One entry per row: with batch_dims=1 row i is paired with label i. Without it, every row meets every label.
    p_true = tf.gather(y_prob, tf.cast(labels, tf.int32), axis=1, batch_dims=1)
    return -tf.reduce_mean(tf.math.log(tf.clip_by_value(p_true, low, 1.0 - low)))


def sparse_categorical_crossentropy_from_logits(labels: TensorLike, logits: TensorLike) -> tf.Tensor:
    """Average the cross-entropy of integer labels from logits, finite however large the logits are.

        SCCE = (1/B) · Σᵢ [ log Σ_c e^z(i, c) − z(i, kᵢ) ]

    where i runs over the B samples of the batch, z(i, c) is the logit of class c, kᵢ the class of sample i and log the
    natural logarithm. This is −log of the softmax at the true class. For any constant a,
    log Σ_c e^z(c) = a + log Σ_c e^(z(c) − a): adding a constant to a row changes nothing, and the right constant keeps
    e^z from overflowing.

    Args:
        labels: Class numbers 0 … classes − 1, shape (batch,), integers of any kind (uint8 too).
        logits: Predictions before the softmax, shape (batch, classes); float16, float32 or float64.

    Returns:
        Scalar tensor (rank 0) in the dtype of `logits` and to its precision. Value and gradient are finite for logits
        up to ±1e4 (in float16, which ends at 65504, as long as the sum of the losses fits).

    Example:
        >>> logits = [[0.0, 0.0], [1000.0, 0.0]]
        >>> loss = sparse_categorical_crossentropy_from_logits([0, 1], logits)  # (log 2 + 1000) / 2
        >>> round(float(loss), 2)
        500.35

    Source: The article, §2 "Loss Function Selection"; Blanchard, Higham & Higham, Accurately Computing the Log-Sum-Exp
        and Softmax Functions, IMA Journal of Numerical Analysis 41(4), 2021, eq. (1.3).
    """
    logits = tf.convert_to_tensor(logits)
    # Subtract each row's own maximum: the largest exponent becomes e⁰ = 1. One maximum for the whole batch would let
    # a row that lies far below it underflow to log 0.
    shifted = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1))
    true_logit = tf.gather(shifted, tf.cast(labels, tf.int32), axis=1, batch_dims=1)
    return tf.reduce_mean(log_sum - true_logit)


def weighted_mse(y_true: TensorLike, y_pred: TensorLike, *, under_weight: float = 2.0) -> tf.Tensor:
    """Average the squared errors, with under-prediction weighing more (or less) than over-prediction.

        L = (1/n) · Σᵢ wᵢ·(yᵢ − ŷᵢ)²,   wᵢ = u where yᵢ > ŷᵢ, else 1

    where yᵢ is the i-th of n true values, ŷᵢ its prediction and u (`under_weight`) the weight of a prediction that is
    too low. The mean divides by n, not by the sum of the weights.

    Args:
        y_true: True values, any shape, a single number too; integers, booleans or floats, cast to `y_pred`'s dtype.
        y_pred: Predictions, same shape; float16, float32 or float64.
        under_weight: Weight of under-prediction, a Python number > 0; below 1, under-prediction is the cheaper one.

    Returns:
        Scalar tensor (rank 0) in the dtype of `y_pred` and to its precision.

    Example:
        >>> loss = weighted_mse([3.0, 3.0], [2.0, 5.0], under_weight=2.0)  # (2·1 + 1·4) / 2
        >>> round(float(loss), 4)
        3.0

    Source: The article, §2 "Custom Loss Functions"; Newey & Powell, Asymmetric Least Squares Estimation and Testing,
        Econometrica 55(4), 1987.
    """
    y_true, y_pred = as_tensors(y_true, y_pred)
    error = y_true - y_pred
    # tf.where(…, 2.0, 1.0) would be float32 whatever the error's dtype, and fail for float64.
    weight = tf.where(error > 0, as_number(under_weight, error.dtype), tf.ones_like(error))
    return tf.reduce_mean(weight * tf.square(error))


class FocalLoss(tf.keras.losses.Loss):
    """Cross-entropy that turns down what the model already gets right, one value per sample.

        FL(i) = −Σ_c α·(1 − pᵢ_c)^γ·yᵢ_c·log pᵢ_c,   pᵢ_c = min(max(p̂ᵢ_c, 10⁻⁷), 1 − 10⁻⁷)

    where c runs over the classes, yᵢ_c is the label's share of class c in sample i, p̂ᵢ_c the predicted probability,
    γ (`gamma`) how strongly easy samples are turned down, α (`alpha`) a factor for all and log the natural logarithm.
    With γ = 0 and α = 1 it is categorical cross-entropy. The factor (1 − p)^γ is differentiated like the rest; outside
    the clip the gradient is 0.

    A loss object is called as `loss(y_true, y_prob, sample_weight=None)`, with arrays or tensors (a list would mean
    several outputs to Keras). Keras turns them into float32 tensors, hands them to `call`, multiplies each sample's
    value by its weight, and reduces. `y_true` holds one-hot or soft labels, `y_prob` rows that sum to 1, both of shape
    (batch, classes).

    Args:
        gamma: Focusing exponent, a Python number ≥ 0.
        alpha: Factor, a Python number > 0, the same for every class.
        name: Name of the loss.
        reduction: What Keras makes of the values per sample: `"sum_over_batch_size"` (or `"mean"`), `"sum"`,
            `"mean_with_sample_weight"`, or `None` (or `"none"`) to keep them.

    Example:
        >>> loss = FocalLoss(gamma=2.0, alpha=1.0, reduction=None)  # 0.5²·log 2 and 0.2²·log 1.25
        >>> values = loss(tf.constant([[1, 0], [0, 1]]), tf.constant([[0.5, 0.5], [0.2, 0.8]]))
        >>> [round(float(value), 4) for value in values]
        [0.1733, 0.0089]

    Source: The article, §2 "Custom Loss Functions"; Lin, Goyal, Girshick, He & Dollár, Focal Loss for Dense Object
        Detection, ICCV 2017, §3, eq. (5).
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 0.25,
        name: str = "focal_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:  # given
        super().__init__(name=name, reduction=reduction)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Give the loss of each sample; weighting and averaging them is the base class's work.

        Args:
            y_true: One-hot or soft labels, shape (batch, classes), which Keras has already cast to `y_pred`'s dtype.
            y_pred: Probabilities whose rows sum to 1, shape (batch, classes); float32 or float64.

        Returns:
            Tensor of shape (batch,) in the dtype of `y_pred` and to its precision.
        """
        p = tf.clip_by_value(y_pred, 1e-7, 1.0 - 1e-7)
        cross_entropy = -y_true * tf.math.log(p)
        # y_true stands in the formula once. In the modulating factor as well, it would square soft labels.
        focal = self.alpha * tf.pow(1.0 - p, self.gamma) * cross_entropy
        # Sum over classes only. A mean over the batch here would leave Keras nothing to weight or to reduce.
        return tf.reduce_sum(focal, axis=-1)

    def get_config(self) -> dict[str, object]:
        """Give the arguments from which `FocalLoss.from_config` makes an equal loss.

        Returns:
            The base class's configuration (`name`, `reduction`) with `gamma` and `alpha` added, as Python numbers.
        """
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}


def choose_loss(
    task: str, *, labels: str = "integer", outliers: bool = False, logits: bool = True
) -> tf.keras.losses.Loss:
    """Choose Keras' loss for a task, as the section's guide does.

        regression  → MeanSquaredError, or Huber (with Keras' default delta) when outliers are to be expected
        binary      → BinaryCrossentropy
        multiclass  → SparseCategoricalCrossentropy for integer labels, CategoricalCrossentropy for one-hot labels

    Args:
        task: `"regression"`, `"binary"` or `"multiclass"`.
        labels: `"integer"` or `"onehot"`; counts for `"multiclass"` only and may be anything for the others.
        outliers: Whether far-off targets are to be expected; counts for `"regression"` only.
        logits: Whether the model's last layer is linear (True) or already gives probabilities (False); counts for the
            two classification tasks.

    Returns:
        A new loss object at every call: Keras' class of that name, `from_logits=logits` for classification, all other
        options as Keras sets them.

    Raises:
        ValueError: If `task` is none of the three, or if `labels` is neither of the two while `task` is `"multiclass"`.

    Example:
        >>> type(choose_loss("multiclass", labels="onehot")).__name__
        'CategoricalCrossentropy'

    Source: The article, §2 "Loss Function Selection".
    """
    if task == "regression":
        return tf.keras.losses.Huber() if outliers else tf.keras.losses.MeanSquaredError()
    if task == "binary":
        return tf.keras.losses.BinaryCrossentropy(from_logits=logits)
    if task != "multiclass":
        raise ValueError(f'`task` must be "regression", "binary" or "multiclass". Received: task={task!r}')
    if labels == "integer":
        return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    if labels == "onehot":
        return tf.keras.losses.CategoricalCrossentropy(from_logits=logits)
    raise ValueError(f'`labels` must be "integer" or "onehot". Received: labels={labels!r}')
