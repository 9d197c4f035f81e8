"""Wrong turns in chapter 1, each with the sentence that its author should read."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from kata.course.variants import misconception
from solutions.ch01_pipeline import PipelineResult, RegressionData, train_step

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

# make_regression_data


@misconception(
    "make_regression_data",
    says="You draw new weights for the test split, so its targets belong to another problem and the test error says "
    "nothing; draw w once and use it for both.",
    hint=2,
)
def weights_for_each_split(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    rng = np.random.default_rng(seed)
    x_train = rng.normal(size=(train_size, features)).astype(np.float32)
    y_train = x_train @ rng.normal(size=(features, 1)) + bias + noise * rng.normal(size=(train_size, 1))
    x_test = rng.normal(size=(test_size, features)).astype(np.float32)
    y_test = x_test @ rng.normal(size=(features, 1)) + bias + noise * rng.normal(size=(test_size, 1))
    return RegressionData(x_train, y_train.astype(np.float32), x_test, y_test.astype(np.float32))


@misconception(
    "make_regression_data",
    says="np.random.seed changes NumPy's state for the whole process, and whatever is drawn elsewhere afterwards "
    "changes with it; make a generator of your own with np.random.default_rng(seed).",
    hint=1,
    subtle=True,
)
def seeds_the_whole_process(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    np.random.seed(seed % 2**32)
    w = np.random.randn(features, 1)
    return _from_draws(w, np.random.randn, np.random.randn, train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You start the test split from the same seed as the training split, so test samples are training samples over "
    "again; one generator, used on and on, gives new ones.",
    hint=2,
    subtle=True,
)
def training_samples_again(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    w = np.random.default_rng(seed).normal(size=(features, 1))

    def normal() -> Callable[..., np.ndarray]:
        rng = np.random.default_rng((seed, 1))
        return lambda *shape: rng.normal(size=shape)

    return _from_draws(w, normal(), normal(), train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You use `noise` as a variance, but it is the standard deviation: it multiplies ε itself, without a root.",
    hint=3,
    subtle=True,
)
def noise_as_a_variance(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    return _data(seed, train_size, test_size, features, bias, noise**0.5)


@misconception(
    "make_regression_data",
    says="Your noise is one number for a whole split, a shifted bias; every sample needs a draw of its own, in the "
    "shape of y.",
    hint=3,
    subtle=True,
)
def one_noise_for_all(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    shift = noise * np.random.default_rng((seed, 1)).normal()
    return _data(seed, train_size, test_size, features, bias + shift, 0.0)


@misconception(
    "make_regression_data",
    says="Your targets have shape (n,), while a model with one output predicts (n, 1): keep the last axis, or a loss "
    "may broadcast the two to an n by n table.",
    hint=3,
)
def flat_targets(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    data = _data(seed, train_size, test_size, features, bias, noise)
    return RegressionData(data.x_train, data.y_train[:, 0], data.x_test, data.y_test[:, 0])


@misconception(
    "make_regression_data",
    says="NumPy computes in float64 and yours stays so, while Keras' layers hold float32; say astype(np.float32) at "
    "the end.",
    hint=3,
)
def left_in_float64(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    return RegressionData(*(a.astype(float) for a in _data(seed, train_size, test_size, features, bias, noise)))


@misconception(
    "make_regression_data",
    says="You draw from NumPy's global state, so the data depend on what was drawn before and not on `seed`; make a "
    "generator from the seed.",
    hint=1,
)
def from_the_global_state(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    normal = np.random.randn
    return _from_draws(normal(features, 1), normal, normal, train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You write the seed into the function, so every seed gives the same data; hand `seed` to the generator.",
    hint=1,
)
def always_seed_42(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    return _data(42, train_size, test_size, features, bias, noise)


@misconception(
    "make_regression_data",
    says="`random` draws uniformly from 0 to 1, so your inputs have mean ½ and no negative value; "
    "`normal` draws from N(0, 1).",
    hint=3,
    subtle=True,
)
def uniform_inputs(
    *,
    seed: int,
    train_size: int = 1000,
    test_size: int = 200,
    features: int = 10,
    bias: float = 0.5,
    noise: float = 0.0,
) -> RegressionData:
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def split(size: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.random(size=(size, features)).astype(np.float32)
        return x, (x @ w + bias + noise * rng.normal(size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


def _data(seed: int, train_size: int, test_size: int, features: int, bias: float, noise: float) -> RegressionData:
    """The right data, for wrong turns that are elsewhere."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape)

    return _from_draws(normal(features, 1), normal, normal, train_size, test_size, bias, noise)


def _from_draws(
    w: np.ndarray,
    for_train: Callable[..., np.ndarray],
    for_test: Callable[..., np.ndarray],
    train_size: int,
    test_size: int,
    bias: float,
    noise: float,
) -> RegressionData:
    def split(normal: Callable[..., np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
        x = normal(size, len(w)).astype(np.float32)
        return x, (x @ w + bias + noise * normal(size, 1)).astype(np.float32)

    return RegressionData(*split(for_train, train_size), *split(for_test, test_size))


# build_model


@misconception(
    "build_model",
    says="`input_shape=` in a layer is deprecated in Keras 3 and warns; put a tf.keras.Input in front instead.",
    hint=1,
)
def input_shape_in_the_layer(
    features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1
) -> tf.keras.Sequential:
    model = tf.keras.Sequential()
    for units in hidden:
        given = {} if model.layers else {"input_shape": (features,)}
        model.add(tf.keras.layers.Dense(units, activation="relu", **given))
    given = {} if model.layers else {"input_shape": (features,)}
    model.add(tf.keras.layers.Dense(outputs, **given))
    return model


@misconception(
    "build_model",
    says="Your output layer has a ReLU too, so the model can predict no negative target; leave the last layer linear.",
    hint=2,
    subtle=True,
)
def relu_on_the_output(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in (*hidden, outputs)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense])


@misconception(
    "build_model",
    says="Your model has no weights yet, since nobody has told it how long its input is; begin with a tf.keras.Input.",
    hint=1,
)
def not_built(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in hidden]
    return tf.keras.Sequential([*dense, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="Your hidden layers have no activation, and a chain of linear layers is one linear layer; give them a ReLU.",
    hint=2,
)
def linear_all_the_way(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    dense = [tf.keras.layers.Dense(units) for units in (*hidden, outputs)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense])


@misconception(
    "build_model",
    says="You build 64 and 32 units whatever `hidden` says; make one layer for each of its entries.",
    hint=3,
    subtle=True,
)
def always_64_and_32(features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1) -> tf.keras.Sequential:
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in (64, 32)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="You need a first hidden layer to hang the rest on, but `hidden` may be empty, which is linear regression; "
    "let the Input be what comes first.",
    hint=3,
    subtle=True,
)
def at_least_one_hidden_layer(
    features: int, *, hidden: Sequence[int] = (64, 32), outputs: int = 1
) -> tf.keras.Sequential:
    first, *rest = hidden or (outputs,)
    model = tf.keras.Sequential([tf.keras.Input((features,)), tf.keras.layers.Dense(first, activation="relu")])
    for units in rest:
        model.add(tf.keras.layers.Dense(units, activation="relu"))
    model.add(tf.keras.layers.Dense(outputs))
    return model


# train_step


@misconception(
    "train_step",
    says="You call the model without training=True, so dropout and batch normalization behave as they do when "
    "predicting.",
    hint=2,
    subtle=True,
)
def forward_as_in_inference(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x)) + sum(model.losses)
    return _update(model, optimizer, tape, loss)


@misconception(
    "train_step",
    says="You leave out the model's own penalties, so its regularizers do nothing; add model.losses to the loss.",
    hint=2,
    subtle=True,
)
def without_penalties(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    return _update(model, optimizer, tape, loss)


@misconception(
    "train_step",
    says="You add the penalties after the tape is closed: they show in the loss that you return, but no gradient flows "
    "from them.",
    hint=2,
    subtle=True,
)
def penalties_outside_the_tape(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    total = loss + sum(model.losses)
    _update(model, optimizer, tape, loss)
    return total


@misconception(
    "train_step",
    says="You compute the loss again after the update; return the one that the gradients came from.",
    hint=3,
)
def loss_after_the_update(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    train_step(model, optimizer, loss_fn, x, y)
    return loss_fn(y, model(x)) + sum(model.losses)


@misconception(
    "train_step",
    says="You subtract learning rate times gradient yourself, which is plain SGD and forgets the optimizer's momentum; "
    "let the optimizer apply the gradients.",
    hint=3,
    subtle=True,
)
def plain_sgd_by_hand(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(tf.cast(optimizer.learning_rate, gradient.dtype) * gradient)
    return loss


@misconception(
    "train_step",
    says="Keras' order is loss_fn(y, prediction), the truth first; yours is the other way round, which the squared "
    "error forgives and other losses do not.",
    hint=2,
    subtle=True,
)
def prediction_first(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        loss = loss_fn(model(x, training=True), y) + sum(model.losses)
    return _update(model, optimizer, tape, loss)


@misconception(
    "train_step",
    says="You move frozen weights too; only model.trainable_variables are to be trained.",
    hint=3,
    subtle=True,
)
def moves_frozen_weights(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    frozen = [layer for layer in model.layers if not layer.trainable]
    for layer in frozen:
        layer.trainable = True
    loss = train_step(model, optimizer, loss_fn, x, y)
    for layer in frozen:
        layer.trainable = False
    return loss


@misconception(
    "train_step",
    says="You cast everything to float32, which throws away half the digits of a float64 model; take the dtype as it "
    "comes.",
    hint=3,
    subtle=True,
)
def everything_in_float32(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss_fn: Loss, x: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    with tf.GradientTape() as tape:
        prediction = tf.cast(model(x, training=True), tf.float32)
        loss = loss_fn(tf.cast(y, tf.float32), prediction) + tf.cast(sum(model.losses), tf.float32)
    return _update(model, optimizer, tape, loss)


def _update(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, tape: tf.GradientTape, loss: tf.Tensor
) -> tf.Tensor:
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


# train


@misconception(
    "train",
    says="You average the batches' losses as if all batches were equally long; a short last batch must weigh as many "
    "samples as it holds.",
    hint=2,
    subtle=True,
)
def mean_of_batch_means(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    return [
        float(np.mean([float(loss) for _, loss in _epoch(model, optimizer, loss_fn, x, y, batch_size)]))
        for _ in range(epochs)
    ]


@misconception(
    "train",
    says="You leave out the samples after the last full batch, so some are never learned from; let the last batch be "
    "short.",
    hint=1,
    subtle=True,
)
def drops_the_last_batch(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    kept = max(len(x) // batch_size * batch_size, min(batch_size, len(x)))
    history = []
    for _ in range(epochs):
        steps = _epoch(model, optimizer, loss_fn, x[:kept], y[:kept], batch_size)
        history.append(_mean(steps))
    return history


@misconception(
    "train",
    says="You shuffle the samples; this loop goes through them in order, so that its result can be foretold.",
    hint=1,
)
def shuffles(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    history = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(x))
        x_now, y_now = tf.gather(x, order), tf.gather(y, order)
        history.append(_mean(_epoch(model, optimizer, loss_fn, x_now, y_now, batch_size)))
    return history


@misconception(
    "train",
    says="You report the loss of the last batch; the value of an epoch is the mean over all its samples.",
    hint=2,
    subtle=True,
)
def loss_of_the_last_batch(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    return [float(_epoch(model, optimizer, loss_fn, x, y, batch_size)[-1][1]) for _ in range(epochs)]


@misconception(
    "train",
    says="You measure the loss again at the end of the epoch, with weights that have moved on; add up the losses that "
    "the steps return.",
    hint=2,
    subtle=True,
)
def measured_at_the_end(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    history = []
    for _ in range(epochs):
        _epoch(model, optimizer, loss_fn, x, y, batch_size)
        history.append(float(loss_fn(y, model(x, training=True)) + sum(model.losses)))
    return history


@misconception(
    "train",
    says="You do not start the total anew for each epoch, so the later values carry the earlier epochs along.",
    hint=3,
    subtle=True,
)
def total_never_reset(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    history, steps = [], []
    for _ in range(epochs):
        steps += _epoch(model, optimizer, loss_fn, x, y, batch_size)
        history.append(_mean(steps))
    return history


@misconception(
    "train",
    says="You begin every epoch with a fresh optimizer, which forgets its momentum; use the one that you were given "
    "throughout.",
    hint=3,
    subtle=True,
)
def new_optimizer_each_epoch(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[float]:
    history = []
    for _ in range(epochs):
        history.append(_mean(_epoch(model, optimizer, loss_fn, x, y, batch_size)))
        optimizer = type(optimizer).from_config(optimizer.get_config())
    return history


@misconception(
    "train",
    says="You return tensors; a history is a list of Python floats, so convert each value with float(...).",
    hint=3,
)
def a_list_of_tensors(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    *,
    epochs: int,
    batch_size: int,
) -> list[tf.Tensor]:
    return [tf.constant(_mean(_epoch(model, optimizer, loss_fn, x, y, batch_size)), tf.float32) for _ in range(epochs)]


def _epoch(
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    loss_fn: Loss,
    x: tf.Tensor,
    y: tf.Tensor,
    batch_size: int,
) -> list[tuple[int, tf.Tensor]]:
    """One epoch, in order: the size and the loss of every batch."""
    batches = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
    return [(len(x[rows]), train_step(model, optimizer, loss_fn, x[rows], y[rows])) for rows in batches]


def _mean(steps: list[tuple[int, tf.Tensor]]) -> float:
    return sum(size * float(loss) for size, loss in steps) / sum(size for size, _ in steps)


# run_pipeline


@misconception(
    "run_pipeline",
    says="You validate on the test split, and whoever tunes by it has no untouched data left to judge by; use "
    "validation_split=0.2.",
    hint=2,
    subtle=True,
)
def validates_on_the_test_split(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    model.compile("adam", "mse", metrics=["mae"])
    validation = (data.x_test, data.y_test)
    history = model.fit(*data[:2], batch_size, epochs, validation_data=validation, verbose=0)
    return _judged(model, data, history.history)


@misconception(
    "run_pipeline",
    says="`metrics_names` says only loss and compile_metrics in Keras 3, so the name mae is lost when you zip it with "
    "the results; ask evaluate for return_dict=True.",
    hint=3,
)
def names_by_zip(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    history = _fitted(model, data, epochs, batch_size)
    values = model.evaluate(data.x_test, data.y_test, verbose=0)
    test = dict(zip(model.metrics_names, values, strict=False))
    return PipelineResult(history, test, model.predict(data.x_test[:5], verbose=0))


@misconception(
    "run_pipeline",
    says="You predict the first training samples; predict for inputs that the model has not seen, the first five of "
    "the test split.",
    hint=3,
    subtle=True,
)
def predicts_training_samples(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(predictions=model.predict(data.x_train[:5], verbose=0))


@misconception(
    "run_pipeline",
    says="You evaluate on the training split, which the model has seen; the test split is what it is judged by.",
    hint=3,
    subtle=True,
)
def evaluates_on_the_training_split(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(test=model.evaluate(data.x_train, data.y_train, return_dict=True, verbose=0))


@misconception(
    "run_pipeline",
    says="fit returns a History object, of which you want the dict: its attribute `history`.",
    hint=2,
)
def returns_the_history_object(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0)
    return _judged(model, data, history)


@misconception(
    "run_pipeline",
    says="You do not pass batch_size on to fit, which then takes 32 samples an update whatever was asked for.",
    hint=2,
    subtle=True,
)
def batch_size_not_passed_on(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    return _judged(model, data, _fitted(model, data, epochs, 32))


@misconception(
    "run_pipeline",
    says="You flatten the predictions, but a model with one output predicts shape (n, 1); leave them as predict gives "
    "them.",
    hint=3,
)
def flattened_predictions(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(predictions=result.predictions.flatten())


@misconception(
    "run_pipeline",
    says="You evaluate before you fit, and so judge the untrained model.",
    hint=1,
    subtle=True,
)
def judged_before_training(
    model: tf.keras.Model, data: RegressionData, *, epochs: int = 10, batch_size: int = 32
) -> PipelineResult:
    model.compile("adam", "mse", metrics=["mae"])
    untrained = _judged(model, data, {})
    return untrained._replace(history=_fitted(model, data, epochs, batch_size))


def _fitted(model: tf.keras.Model, data: RegressionData, epochs: int, batch_size: int) -> dict[str, list[float]]:
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0).history


def _judged(model: tf.keras.Model, data: RegressionData, history: dict[str, list[float]]) -> PipelineResult:
    test = model.evaluate(data.x_test, data.y_test, return_dict=True, verbose=0)
    return PipelineResult(history, test, model.predict(data.x_test[:5], verbose=0))
