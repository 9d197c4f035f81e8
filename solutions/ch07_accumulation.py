"""Batch size and gradient accumulation: a large batch's update from small batches' memory."""

from collections.abc import Callable, Iterable

import tensorflow as tf

__all__ = [
    "linear_scaling_rule",
    "updates_per_epoch",
    "accumulated_gradients",
    "GradientAccumulationModel",
    "accumulating_optimizer",
]


def linear_scaling_rule(base_lr: float, *, base_batch_size: int, batch_size: int) -> float:
    """Scale a learning rate with the batch size: k times the batch, k times the rate.

        η = η₀ · B / B₀

    η₀ = `base_lr`, the rate that works at batch size B₀ = `base_batch_size`; B = `batch_size`, the new batch size;
    η is the rate to start from at B. The ratio B / B₀ is any positive number: a smaller batch gets a smaller rate.

    Args:
        base_lr: η₀, a Python number, at least 0.
        base_batch_size: B₀, a whole number of samples, at least 1.
        batch_size: B, a whole number of samples, at least 1.

    Returns:
        η, a Python float.

    Raises:
        ValueError: If `base_batch_size` or `batch_size` is below 1.

    Example:
        >>> round(linear_scaling_rule(0.1, base_batch_size=256, batch_size=8192), 6)
        3.2
        >>> round(linear_scaling_rule(0.5, base_batch_size=64, batch_size=16), 6)
        0.125

    Source:
        The article, §7 "Batch Size & Gradient Accumulation"; P. Goyal et al., "Accurate, Large Minibatch SGD: Training
        ImageNet in 1 Hour", arXiv:1706.02677, 2017, §2.1.
    """
    for name, size in {"base_batch_size": base_batch_size, "batch_size": batch_size}.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1. Received: {name}={size}")
    # True division: `batch_size // base_batch_size` would turn 96 / 64 into 1 and 32 / 64 into 0.
    return float(base_lr) * (batch_size / base_batch_size)


def updates_per_epoch(
    samples: int, *, batch_size: int, accumulation_steps: int = 1, drop_remainder: bool = False
) -> int:
    """Count the weight updates of one epoch that starts with empty accumulators.

        batches = ⌈N / B⌉        (⌊N / B⌋ if the last, short batch is dropped)
        updates = ⌊batches / K⌋

    N = `samples`, B = `batch_size`, K = `accumulation_steps`. Keras keeps a short last batch, hence the ceiling;
    an update needs K whole micro-batches, hence the floor: what is left over waits for the next epoch.

    Args:
        samples: N, the number of samples, at least 0.
        batch_size: B, samples in a (micro-)batch, at least 1.
        accumulation_steps: K, micro-batches for an update, at least 1.
        drop_remainder: Whether a last batch of fewer than B samples is left out
            (`tf.data.Dataset.batch(..., drop_remainder=True)`).

    Returns:
        The number of updates, a Python int; 0 when no group of K is complete.

    Example:
        >>> updates_per_epoch(5000, batch_size=64)
        79
        >>> updates_per_epoch(5000, batch_size=64, drop_remainder=True)
        78
        >>> updates_per_epoch(1000, batch_size=32, accumulation_steps=4)
        8

    Source:
        The article, §7 "Batch Size & Gradient Accumulation"; Keras 3, `Model.fit` (`batch_size`) and `Optimizer`
        (`gradient_accumulation_steps`).
    """
    # -(-a // b) is the ceiling in whole numbers. N // (B·K) is something else: a short batch counts like a full one.
    batches = samples // batch_size if drop_remainder else -(-samples // batch_size)
    return batches // accumulation_steps


def accumulated_gradients(
    model: tf.keras.Model,
    loss_fn: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    micro_batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
) -> list[tf.Tensor]:
    """Compute a big batch's gradient from its micro-batches, of which the model sees one at a time.

        g = Σᵢ nᵢ gᵢ / Σᵢ nᵢ,    gᵢ = ∇ L(yᵢ, model(xᵢ))

    nᵢ = the number of samples in micro-batch i (its first axis); L = `loss_fn`, a **mean** over the samples it is
    given. nᵢ gᵢ is then the gradient of that micro-batch's *sum*, and g the gradient of the mean over all samples:
    exactly what one tape over the concatenated batch gives, also when the micro-batches differ in size.

    Args:
        model: Built, of one input; without penalties (`model.losses`) and without layers that mix the samples of a
            batch (batch normalization). It is called with `training=True`, never on more than one micro-batch.
        loss_fn: `loss_fn(y_true, y_pred)`, a scalar, the mean over the samples.
        micro_batches: Pairs `(x, y)` of tensors or NumPy arrays whose first axes agree, of any sizes (sequences may be
            longer in one than in another), at least one pair; any iterable, also a generator, which can be walked only
            once.

    Returns:
        A list with one `tf.Tensor` for each of `model.trainable_variables`, in that order, of its shape and dtype (an
        embedding's too: `tf.convert_to_tensor` makes one of its `tf.IndexedSlices`); zeros for a variable that the loss
        does not depend on.

    Example:
        >>> import tensorflow as tf
        >>> dense = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        >>> model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
        >>> pairs = [([[1.0], [2.0]], [[0.0], [0.0]]), ([[3.0]], [[0.0]])]      # two samples, then one
        >>> micro_batches = [(tf.constant(x), tf.constant(y)) for x, y in pairs]
        >>> mse = lambda y, p: tf.reduce_mean(tf.square(y - p))
        >>> [gradient] = accumulated_gradients(model, mse, micro_batches)
        >>> round(float(gradient[0, 0]), 4)                                     # 2 · (1² + 2² + 3²) / 3
        9.3333

    Source:
        The article, §7 "Batch Size & Gradient Accumulation"; P. Goyal et al., "Accurate, Large Minibatch SGD: Training
        ImageNet in 1 Hour", arXiv:1706.02677, 2017, §3 ("Gradient aggregation").
    """
    variables = model.trainable_variables
    sums = [tf.zeros_like(v) for v in variables]
    samples = 0
    for x, y in micro_batches:
        size = tf.shape(x)[0]  # not len(x): inside tf.function the batch axis may be unknown
        # A tape of its own for each micro-batch: one tape around the loop would keep all of their activations.
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        # None stays out of the sum: `unconnected_gradients="zero"` raises for a Keras variable in TensorFlow 2.21.
        # Weighed by its size: the plain mean of the gᵢ would let one sample of a short micro-batch count for several.
        sums = [
            total if g is None else total + tf.cast(size, total.dtype) * tf.convert_to_tensor(g)
            for total, g in zip(sums, tape.gradient(loss, variables))
        ]
        samples += size
    return [total / tf.cast(samples, total.dtype) for total in sums]


class GradientAccumulationModel(tf.keras.Model):
    """Train a model with one update for every `accumulation_steps` micro-batches.

        G ← G + gᵢ                                       after every micro-batch
        every K-th:  update(variables, G / K),  G ← 0    otherwise nothing moves

    gᵢ = the gradient of the compiled loss on micro-batch i; G = the accumulators, one for each trainable variable of
    the base model, zero at first; K = `accumulation_steps`. The mean is **unweighted**, as in Keras' own optimizers:
    a short last micro-batch counts like a full one. The count goes on across the borders of epochs and calls of `fit`,
    so nothing is lost when K does not divide the batches of an epoch. With micro-batches of equal size this is the
    update of the batch of K times that size, for any optimizer: it sees one gradient and counts one iteration.

    Everything else is as if `base_model` had been compiled. It is run with `training=True`. Penalties (`model.losses`)
    belong to the loss, and sample weights count. What is differentiated is `self.optimizer.scale_loss(loss)`, which is
    the loss itself except under mixed precision. The reported `loss` is the mean over the samples of the epoch so far,
    neither scaled nor divided by K (a short batch weighs less), and every micro-batch updates the compiled metrics.
    `evaluate` and `predict` work. It trains eagerly and in graph mode (`run_eagerly=True` or `False`,
    `jit_compile=False` or `"auto"`).

    Args:
        base_model: The model to train: built, of one input and one output, without layers that depend on the batch
            (batch normalization), for the equality above to hold. Some of its variables may be frozen, have no
            gradient, or be an embedding's; all may be float64.
        accumulation_steps: K, a whole number, at least 1; 1 is ordinary training.

    Example:
        >>> import numpy as np, tensorflow as tf
        >>> dense = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        >>> model = GradientAccumulationModel(tf.keras.Sequential([tf.keras.Input((1,)), dense]), accumulation_steps=2)
        >>> model.compile(optimizer=tf.keras.optimizers.SGD(0.5), loss="mse", run_eagerly=True)
        >>> for x, y in [(1.0, 1.0), (2.0, 3.0)]:           # gradients at w = 0: -2·1·1 = -2, then -2·2·3 = -12
        ...     _ = model.train_on_batch(np.array([[x]], "float32"), np.array([[y]], "float32"))
        ...     print(round(float(dense.kernel[0, 0]), 4))  # 0.5 · (2 + 12) / 2
        0.0
        3.5
        >>> int(model.optimizer.iterations)
        1

    Source:
        The article, §7 "Batch Size & Gradient Accumulation" (whose own model does not run in Keras 3); Keras 3,
        `Optimizer` (`gradient_accumulation_steps`).
    """

    def __init__(self, base_model: tf.keras.Model, accumulation_steps: int = 4) -> None:  # given
        super().__init__()
        self.base_model = base_model
        self.accumulation_steps = accumulation_steps

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:  # given
        return self.base_model(inputs, training=training)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create what must live between micro-batches; Keras calls this once, when the model is first called."""
        # Weights, not Python attributes: `self.seen += 1` would run once, while the graph is traced.
        self.seen = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="seen")
        self.sums = [
            self.add_weight(shape=v.shape, dtype=v.dtype, initializer="zeros", trainable=False, name=f"{v.name}_sum")
            for v in self.base_model.trainable_variables
        ]

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Accumulate one micro-batch, update with every K-th, and report loss and metrics as Keras does."""
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss)  # does nothing but under mixed precision
        for total, g in zip(self.sums, tape.gradient(scaled_loss, self.base_model.trainable_variables), strict=True):
            if g is not None:  # known while tracing: a plain `if` is right here
                total.assign_add(g)
        self.seen.assign_add(1)
        if not self.optimizer.built:
            self.optimizer.build(self.base_model.trainable_variables)  # no variables may be created inside tf.cond
        # tf.cond, not `if`: in graph mode the count is a symbolic tensor, and train_step is not rewritten by AutoGraph.
        tf.cond(self.seen % self.accumulation_steps == 0, self.apply_mean_gradient, lambda: None)
        # metrics[0] is the tracker behind `loss`: whoever replaces train_step must feed it, or `loss` stays 0.0.
        self.metrics[0].update_state(loss, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def apply_mean_gradient(self) -> None:
        """One step of the optimizer with the mean gradient, then empty accumulators."""
        mean = [total / self.accumulation_steps for total in self.sums]
        self.optimizer.apply(mean, self.base_model.trainable_variables)
        for total in self.sums:
            total.assign(tf.zeros_like(total))


def accumulating_optimizer(learning_rate: float, *, accumulation_steps: int) -> tf.keras.optimizers.Optimizer:
    """Build an Adam that updates once for every `accumulation_steps` gradients it is given.

    Keras' optimizers accumulate by themselves: each call of `apply` adds to an accumulator, and every K-th call
    (K = `accumulation_steps`) updates with the unweighted mean of the K gradients and empties it. `iterations` counts
    updates, not calls.

    Args:
        learning_rate: Adam's rate, a Python float; it multiplies one update and needs no correction for K.
        accumulation_steps: K, a whole number, at least 2.

    Returns:
        A new `tf.keras.optimizers.Adam`, its other settings at Keras' defaults.

    Raises:
        ValueError: If `accumulation_steps` is below 2.

    Example:
        >>> import tensorflow as tf
        >>> optimizer, w = accumulating_optimizer(0.5, accumulation_steps=2), tf.Variable(1.0)
        >>> for g in (2.0, 4.0):
        ...     optimizer.apply([tf.constant(g)], [w])
        ...     print(round(float(w), 4), int(optimizer.iterations))    # Adam's first step is one learning rate long
        1.0 0
        0.5 1

    Source:
        The article, §7 "Batch Size & Gradient Accumulation"; Keras 3, `tf.keras.optimizers.Adam`
        (`gradient_accumulation_steps`).
    """
    # Keras itself takes 0 for "off" and accumulates nothing.
    if accumulation_steps < 2:
        raise ValueError(f"accumulation_steps must be at least 2. Received: accumulation_steps={accumulation_steps}")
    return tf.keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=accumulation_steps)
