"""Wrong turns in chapter 1, each with the sentence that its author should read."""

import warnings

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception
from solutions.ch01_pipeline import PipelineResult, RegressionData, make_regression_data, train_step

# make_regression_data


@misconception(
    "make_regression_data",
    says="You draw new weights for the test split, so its targets belong to another problem and the test error says "
    "nothing; draw w once and use it for both.",
    hint=2,
)
def weights_for_each_split(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
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
def seeds_the_whole_process(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
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
def training_samples_again(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    w = np.random.default_rng(seed).normal(size=(features, 1))

    def normal():
        rng = np.random.default_rng((seed, 1))
        return lambda *shape: rng.normal(size=shape)

    return _from_draws(w, normal(), normal(), train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You use `noise` as a variance, but it is the standard deviation: it multiplies ε itself, without a root.",
    hint=3,
    subtle=True,
)
def noise_as_a_variance(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    return _data(seed, train_size, test_size, features, bias, noise**0.5)


@misconception(
    "make_regression_data",
    says="Your noise is one number for a whole split, a shifted bias; every sample needs a draw of its own, in the "
    "shape of y.",
    hint=3,
    subtle=True,
)
def one_noise_for_all(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    shift = noise * np.random.default_rng((seed, 1)).normal()
    return _data(seed, train_size, test_size, features, bias + shift, 0.0)


@misconception(
    "make_regression_data",
    says="Your targets have shape (n,), while a model with one output predicts (n, 1): keep the last axis, or a loss "
    "may broadcast the two to an n by n table.",
    hint=3,
)
def flat_targets(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    data = _data(seed, train_size, test_size, features, bias, noise)
    return RegressionData(data.x_train, data.y_train[:, 0], data.x_test, data.y_test[:, 0])


@misconception(
    "make_regression_data",
    says="NumPy computes in float64 and yours stays so, while Keras' layers hold float32; say astype(np.float32) at "
    "the end.",
    hint=3,
)
def left_in_float64(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    return RegressionData(*(a.astype(float) for a in _data(seed, train_size, test_size, features, bias, noise)))


@misconception(
    "make_regression_data",
    says="You draw from NumPy's global state, so the data depend on what was drawn before and not on `seed`; make a "
    "generator from the seed.",
    hint=1,
)
def from_the_global_state(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    normal = np.random.randn
    return _from_draws(normal(features, 1), normal, normal, train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You write the seed into the function, so every seed gives the same data; hand `seed` to the generator.",
    hint=1,
)
def always_seed_42(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    return _data(42, train_size, test_size, features, bias, noise)


@misconception(
    "make_regression_data",
    says="Seeds that differ in their higher digits only give the same data: hand the whole seed to the generator.",
    hint=1,
    subtle=True,
)
def seed_cut_down(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    return _data(seed % 1024, train_size, test_size, features, bias, noise)


@misconception(
    "make_regression_data",
    says="`random` draws uniformly from 0 to 1, so your inputs have mean ½ and no negative value; "
    "`normal` draws from N(0, 1).",
    hint=3,
    subtle=True,
)
def uniform_inputs(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def split(size):
        x = rng.random(size=(size, features)).astype(np.float32)
        return x, (x @ w + bias + noise * rng.normal(size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


@misconception(
    "make_regression_data",
    says="Your noise is spread evenly between two bounds; ε is standard normal, mostly small and now and then large.",
    hint=3,
    subtle=True,
)
def uniform_noise(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def split(size):
        x = rng.normal(size=(size, features)).astype(np.float32)
        return x, (x @ w + bias + noise * rng.uniform(-(3**0.5), 3**0.5, size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


@misconception(
    "make_regression_data",
    says="Both splits have the same noise, sample by sample: a generator that starts from the seed again repeats its "
    "draws; go on with one.",
    hint=2,
    subtle=True,
)
def the_same_noise_for_both(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def split(size):
        x, noisy = rng.normal(size=(size, features)).astype(np.float32), np.random.default_rng((seed, 2))
        return x, (x @ w + bias + noise * noisy.normal(size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


@misconception(
    "make_regression_data",
    says="The columns of your x are copies of one: draw (n, features) numbers, not n.",
    hint=3,
    subtle=True,
)
def one_column_for_all(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def split(size):
        x = np.repeat(rng.normal(size=(size, 1)), features, axis=1).astype(np.float32)
        return x, (x @ w + bias + noise * rng.normal(size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


@misconception(
    "make_regression_data",
    says="You standardize x by its own mean and deviation, so no sample is drawn independently of the others; a draw "
    "from N(0, 1) needs no such thing.",
    hint=1,
    subtle=True,
)
def standardized_inputs(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)

    def standardized(n, columns):
        x = rng.normal(size=(n, columns))
        return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-8) if columns > 1 else x

    return _from_draws(rng.normal(size=(features, 1)), standardized, standardized, train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="Your noise is cut off at two standard deviations, as `truncated_normal` does it; ε is standard normal, and "
    "one value in twenty-two lies beyond 2.",
    hint=1,
    subtle=True,
)
def truncated_noise(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    data = make_regression_data(
        seed=seed, train_size=train_size, test_size=test_size, features=features, bias=bias, noise=0.0
    )

    def noisy(y, which):
        epsilon = tf.random.stateless_truncated_normal(y.shape, (seed, which)).numpy()
        return (y + noise * epsilon).astype(np.float32)

    return data._replace(y_train=noisy(data.y_train, 0), y_test=noisy(data.y_test, 1))


@misconception(
    "make_regression_data",
    says="Your noise is the same for every seed: draw it from the seed's generator too.",
    hint=1,
    subtle=True,
)
def noise_without_the_seed(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    w = rng.normal(size=(features, 1))

    def split(size):
        x = rng.normal(size=(size, features)).astype(np.float32)
        return x, (x @ w + bias + noise * fixed.normal(size=(size, 1))).astype(np.float32)

    return RegressionData(*split(train_size), *split(test_size))


@misconception(
    "make_regression_data",
    says="Your noise repeats the numbers of x, since its generator starts from the same seed; use one generator.",
    hint=1,
    subtle=True,
)
def noise_from_the_draws_of_x(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    w = np.random.default_rng(seed).normal(size=(features, 1))

    def split(size, which):
        x, epsilon = (np.random.default_rng([seed, which]).normal(size=(size, n)) for n in (features, 1))
        x = x.astype(np.float32)
        return x, (x @ w + bias + noise * epsilon).astype(np.float32)

    return RegressionData(*split(train_size, 1), *split(test_size, 2))


@misconception(
    "make_regression_data",
    says="Your test samples are training samples, a little disturbed, and so no new ones; draw them anew.",
    hint=2,
    subtle=True,
)
def disturbed_training_samples(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=(features, 1)), rng.normal(size=(max(train_size, test_size), features))
    disturbed = 0.8 * x + 0.6 * rng.normal(size=x.shape)

    def split(x):
        return x.astype(np.float32), (x @ w + bias + noise * rng.normal(size=(len(x), 1))).astype(np.float32)

    return RegressionData(*split(x[:train_size]), *split(disturbed[:test_size]))


@misconception(
    "make_regression_data",
    says="Half of your samples are the others with their signs turned; draw each by itself.",
    hint=2,
    subtle=True,
)
def in_opposite_pairs(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)

    def pairs(n, columns):
        half = rng.normal(size=((n + 1) // 2, columns))
        return np.concatenate([half, -half])[:n] if columns > 1 else rng.normal(size=(n, columns))

    return _from_draws(rng.normal(size=(features, 1)), pairs, pairs, train_size, test_size, bias, noise)


@misconception(
    "make_regression_data",
    says="You give the same arrays again, and whoever has changed them gets them changed; make new ones on every call.",
    hint=1,
    subtle=True,
)
def kept_for_the_next_call(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    key = (seed, train_size, test_size, features, bias, noise)
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = _data(*key)
    return _KEPT[key]


_KEPT = {}


def _data(seed, train_size, test_size, features, bias, noise):
    """The right data, for wrong turns that are elsewhere."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=shape)

    return _from_draws(normal(features, 1), normal, normal, train_size, test_size, bias, noise)


def _from_draws(w, for_train, for_test, train_size, test_size, bias, noise):
    def split(normal, size):
        x = normal(size, len(w)).astype(np.float32)
        return x, (x @ w + bias + noise * normal(size, 1)).astype(np.float32)

    return RegressionData(*split(for_train, train_size), *split(for_test, test_size))


@misconception(
    "make_regression_data",
    says="The noise of each of your splits adds up to 0, since you subtract its mean, and a single sample has none; "
    "draw ε for each sample by itself.",
    hint=3,
    subtle=True,
)
def centred_noise(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    data = make_regression_data(
        seed=seed, train_size=train_size, test_size=test_size, features=features, bias=bias, noise=noise
    )
    without = make_regression_data(
        seed=seed, train_size=train_size, test_size=test_size, features=features, bias=bias, noise=0.0
    )
    on_train, on_test = data.y_train - without.y_train, data.y_test - without.y_test
    return RegressionData(data.x_train, data.y_train - on_train.mean(), data.x_test, data.y_test - on_test.mean())


@misconception(
    "make_regression_data",
    says="Your inputs are cut off at 3; N(0, 1) has no end, and of 1,000 values nearly three lie beyond.",
    hint=3,
    subtle=True,
)
def inputs_cut_off_at_three(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 1))

    def cut(*shape):
        return np.clip(rng.normal(size=shape), -3.0, 3.0)

    x_train, x_test = cut(train_size, features), cut(test_size, features)
    y_train, y_test = (x @ w + bias + noise * rng.normal(size=(len(x), 1)) for x in (x_train, x_test))
    return RegressionData(*(array.astype(np.float32) for array in (x_train, y_train, x_test, y_test)))


@misconception(
    "make_regression_data",
    says="You start TensorFlow's global generator anew, and whoever draws from it afterwards gets other numbers; make "
    "one of your own with tf.random.Generator.from_seed(seed).",
    hint=1,
    subtle=True,
)
def from_the_global_generator(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = tf.random.get_global_generator()
    rng.reset_from_seed(seed)
    w = rng.normal((features, 1)).numpy()
    x_train, x_test = (rng.normal((n, features)).numpy() for n in (train_size, test_size))
    y_train, y_test = (x @ w + bias + noise * rng.normal((len(x), 1)).numpy() for x in (x_train, x_test))
    return RegressionData(x_train, y_train.astype(np.float32), x_test, y_test.astype(np.float32))


# build_model


@misconception(
    "build_model",
    says="`input_shape=` in a layer is deprecated in Keras 3 and warns; put a tf.keras.Input in front instead.",
    hint=1,
)
def input_shape_in_the_layer(features, *, hidden=(64, 32), outputs=1):
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
def relu_on_the_output(features, *, hidden=(64, 32), outputs=1):
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in (*hidden, outputs)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense])


@misconception(
    "build_model",
    says="Your model has no weights yet, since nobody has told it how long its input is; begin with a tf.keras.Input.",
    hint=1,
)
def not_built(features, *, hidden=(64, 32), outputs=1):
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in hidden]
    return tf.keras.Sequential([*dense, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="Your hidden layers have no activation, and a chain of linear layers is one linear layer; give them a ReLU.",
    hint=2,
)
def linear_all_the_way(features, *, hidden=(64, 32), outputs=1):
    dense = [tf.keras.layers.Dense(units) for units in (*hidden, outputs)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense])


@misconception(
    "build_model",
    says="You build 64 and 32 units whatever `hidden` says; make one layer for each of its entries.",
    hint=3,
    subtle=True,
)
def always_64_and_32(features, *, hidden=(64, 32), outputs=1):
    dense = [tf.keras.layers.Dense(units, activation="relu") for units in (64, 32)]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="You need a first hidden layer to hang the rest on, but `hidden` may be empty, which is linear regression; "
    "let the Input be what comes first.",
    hint=3,
    subtle=True,
)
def at_least_one_hidden_layer(features, *, hidden=(64, 32), outputs=1):
    first, *rest = hidden or (outputs,)
    model = tf.keras.Sequential([tf.keras.Input((features,)), tf.keras.layers.Dense(first, activation="relu")])
    for units in rest:
        model.add(tf.keras.layers.Dense(units, activation="relu"))
    model.add(tf.keras.layers.Dense(outputs))
    return model


@misconception(
    "build_model",
    says="clear_session clears more than your model: the global dtype policy too is forgotten. Leave it out.",
    hint=1,
    subtle=True,
)
def clears_the_session(features, *, hidden=(64, 32), outputs=1):
    tf.keras.backend.clear_session()
    return _with(features, hidden, outputs)


def _with(features, hidden, outputs, *extra, **options):
    """The layers asked for, with `options` for the hidden ones and `extra` layers before the output."""
    dense = [tf.keras.layers.Dense(units, activation="relu", **options) for units in hidden]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense, *extra, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="Your model computes something else in training than in inference; no dropout, noise or normalization is "
    "asked for.",
    hint=3,
    subtle=True,
)
def with_dropout(features, *, hidden=(64, 32), outputs=1):
    return _with(features, hidden, outputs, tf.keras.layers.Dropout(0.2))


@misconception(
    "build_model",
    says="Your model adds a penalty to every loss; no regularizer is asked for.",
    hint=3,
    subtle=True,
)
def with_a_penalty(features, *, hidden=(64, 32), outputs=1):
    return _with(features, hidden, outputs, kernel_regularizer="l2")


@misconception(
    "build_model",
    says="Your kernels do not start as Keras starts a Dense layer: leave its initializer alone.",
    hint=3,
    subtle=True,
)
def he_normal_kernels(features, *, hidden=(64, 32), outputs=1):
    return _with(features, hidden, outputs, kernel_initializer="he_normal")


@misconception(
    "build_model",
    says="Your hidden layers are cut off above; ReLU is max(0, z) however large z is.",
    hint=2,
    subtle=True,
)
def cut_off_at_six(features, *, hidden=(64, 32), outputs=1):
    dense = [tf.keras.layers.Dense(units, activation="relu6") for units in hidden]
    return tf.keras.Sequential([tf.keras.Input((features,)), *dense, tf.keras.layers.Dense(outputs)])


@misconception(
    "build_model",
    says="You add to `hidden` as if it were a tuple; a list is allowed as well.",
    hint=3,
    subtle=True,
)
def a_tuple_is_added(features, *, hidden=(64, 32), outputs=1):
    *inner, last = hidden + (outputs,)  # noqa: RUF005  (the mistake itself)
    return _with(features, inner, last)


@misconception(
    "build_model",
    says="Your kernels are constrained; no constraint is asked for.",
    hint=3,
    subtle=True,
)
def with_a_constraint(features, *, hidden=(64, 32), outputs=1):
    return _with(features, hidden, outputs, kernel_constraint=tf.keras.constraints.MaxNorm(3.0))


@misconception(
    "build_model",
    says="Two layers of the same size start from the same kernel: an initializer without a seed picks one when it is "
    "made, so make one for each layer, or leave it to Dense.",
    hint=3,
    subtle=True,
)
def one_initializer_for_all(features, *, hidden=(64, 32), outputs=1):
    kernels = tf.keras.initializers.GlorotUniform()
    layers = [tf.keras.layers.Dense(units, "relu", kernel_initializer=kernels) for units in hidden]
    layers.append(tf.keras.layers.Dense(outputs, kernel_initializer=kernels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers])


@misconception(
    "build_model",
    says="Your model is float32 whatever the global dtype policy says; leave the dtype to Dense.",
    hint=3,
    subtle=True,
)
def float32_under_every_policy(features, *, hidden=(64, 32), outputs=1):
    layers = [tf.keras.layers.Dense(units, "relu", dtype="float32") for units in hidden]
    layers.append(tf.keras.layers.Dense(outputs, dtype="float32"))
    return tf.keras.Sequential([tf.keras.Input((features,)), *layers])


@misconception(
    "build_model",
    says="After your call every warning of the process is silenced; build a model that gives no reason to warn.",
    hint=1,
    subtle=True,
)
def silences_every_warning(features, *, hidden=(64, 32), outputs=1):
    warnings.filterwarnings("ignore")
    layers = [tf.keras.layers.Dense(units, "relu") for units in hidden]
    return tf.keras.Sequential([tf.keras.Input((features,)), *layers, tf.keras.layers.Dense(outputs)])


# train_step


@misconception(
    "train_step",
    says="You call the model without training=True, so dropout and batch normalization behave as they do when "
    "predicting.",
    hint=2,
    subtle=True,
)
def forward_as_in_inference(model, optimizer, loss_fn, x, y):
    return _descend(model, optimizer, lambda: loss_fn(y, model(x)) + sum(model.losses))


@misconception(
    "train_step",
    says="You leave out the model's own penalties, so its regularizers do nothing; add model.losses to the loss.",
    hint=2,
    subtle=True,
)
def without_penalties(model, optimizer, loss_fn, x, y):
    return _descend(model, optimizer, lambda: loss_fn(y, model(x, training=True)))


@misconception(
    "train_step",
    says="You add the penalties after the tape is closed: they show in the loss that you return, but no gradient flows "
    "from them.",
    hint=2,
    subtle=True,
)
def penalties_outside_the_tape(model, optimizer, loss_fn, x, y):
    def total():
        loss = loss_fn(y, model(x, training=True))
        return loss + sum(tf.stop_gradient(penalty) for penalty in model.losses)

    return _descend(model, optimizer, total)


@misconception(
    "train_step",
    says="You compute the loss again after the update; return the one that the gradients came from.",
    hint=3,
)
def loss_after_the_update(model, optimizer, loss_fn, x, y):
    train_step(model, optimizer, loss_fn, x, y)
    return loss_fn(y, model(x)) + sum(model.losses)


@misconception(
    "train_step",
    says="You subtract learning rate times gradient yourself, which is plain SGD and forgets the optimizer's momentum; "
    "let the optimizer apply the gradients.",
    hint=3,
    subtle=True,
)
def plain_sgd_by_hand(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        if gradient is not None:
            variable.assign_sub(tf.cast(optimizer.learning_rate, gradient.dtype) * tf.convert_to_tensor(gradient))
    return loss


@misconception(
    "train_step",
    says="Keras' order is loss_fn(y, prediction), the truth first; yours is the other way round, which the squared "
    "error forgives and other losses do not.",
    hint=2,
    subtle=True,
)
def prediction_first(model, optimizer, loss_fn, x, y):
    return _descend(model, optimizer, lambda: loss_fn(model(x, training=True), y) + sum(model.losses))


@misconception(
    "train_step",
    says="You move frozen weights too; only model.trainable_variables are to be trained.",
    hint=3,
    subtle=True,
)
def moves_frozen_weights(model, optimizer, loss_fn, x, y):
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
def everything_in_float32(model, optimizer, loss_fn, x, y):
    def total():
        prediction = tf.cast(model(x, training=True), tf.float32)
        targets = y if y.dtype.is_integer else tf.cast(y, tf.float32)
        return loss_fn(targets, prediction) + tf.cast(sum(model.losses), tf.float32)

    return _descend(model, optimizer, total)


@misconception(
    "train_step",
    says="With a LossScaleOptimizer your steps are far too small: it divides the gradients by its scale, so they must "
    "be those of optimizer.scale_loss(loss).",
    hint=3,
    subtle=True,
)
def without_loss_scaling(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
    return _update(model, optimizer, tape, loss)


@misconception(
    "train_step",
    says="You return the scaled loss; scale only what the gradients are taken of.",
    hint=3,
    subtle=True,
)
def returns_the_scaled_loss(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = optimizer.scale_loss(loss_fn(y, model(x, training=True)) + sum(model.losses))
    _update(model, optimizer, tape, loss)
    return loss


@misconception(
    "train_step",
    says="You turn a missing gradient into zeros, and the optimizer then decays a weight that has nothing to do with "
    "the loss; hand None on.",
    hint=3,
    subtle=True,
)
def zeros_for_a_missing_gradient(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
        scaled = optimizer.scale_loss(loss)
    variables = model.trainable_variables
    gradients = tape.gradient(scaled, variables)
    filled = [tf.zeros_like(v) if g is None else g for g, v in zip(gradients, variables, strict=True)]
    optimizer.apply_gradients(zip(filled, variables, strict=True))
    return loss


@misconception(
    "train_step",
    says="You turn the targets into floats, but class numbers are integers; hand them to loss_fn as they are.",
    hint=2,
    subtle=True,
)
def targets_made_floats(model, optimizer, loss_fn, x, y):
    return train_step(model, optimizer, loss_fn, x, tf.cast(y, model.compute_dtype))


@misconception(
    "train_step",
    says="You add only the kernels' penalties; model.losses has all of them, also those on biases and on what a layer "
    "gives.",
    hint=2,
    subtle=True,
)
def penalties_of_kernels_only(model, optimizer, loss_fn, x, y):
    def total():
        loss = loss_fn(y, model(x, training=True))
        for layer in model.layers:
            if getattr(layer, "kernel_regularizer", None) is not None:
                loss += layer.kernel_regularizer(layer.kernel)
        return loss

    return _descend(model, optimizer, total)


@misconception(
    "train_step",
    says="You go around the LossScaleOptimizer to the optimizer inside it: its scale and its count of steps stand "
    "still. Scale the loss, and apply the gradients through the optimizer that you were given.",
    hint=3,
    subtle=True,
)
def around_the_loss_scaling(model, optimizer, loss_fn, x, y):
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return _descend(model, inner, lambda: loss_fn(y, model(x, training=True)) + sum(model.losses))


@misconception(
    "train_step",
    says="You return float32 whatever the model's dtype is, be it only for float16; the loss has the dtype of the "
    "prediction.",
    hint=3,
    subtle=True,
)
def float32_for_float16(model, optimizer, loss_fn, x, y):
    loss = train_step(model, optimizer, loss_fn, x, y)
    return tf.cast(loss, tf.float32) if loss.dtype == tf.float16 else loss


@misconception(
    "train_step",
    says="You leave out the update when the loss is not finite; Keras makes it all the same. (To leave it out is the "
    "LossScaleOptimizer's business.)",
    hint=3,
    subtle=True,
)
def leaves_out_what_is_not_finite(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
        scaled = optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_variables)
    if tf.math.is_finite(loss):
        optimizer.apply(gradients, model.trainable_variables)
    return loss


@misconception(
    "train_step",
    says="You bring the targets to the prediction's shape; hand them to loss_fn as they are.",
    hint=3,
    subtle=True,
)
def targets_reshaped(model, optimizer, loss_fn, x, y):
    def total():
        prediction = model(x, training=True)
        flat = len(y.shape) == 1 and prediction.shape[-1] == 1
        return loss_fn(tf.reshape(y, (-1, 1)) if flat else y, prediction) + sum(model.losses)

    return _descend(model, optimizer, total)


@misconception(
    "train_step",
    says="You give the model your optimizer, which it keeps after the call; a step needs no more than the two side "
    "by side.",
    hint=3,
    subtle=True,
)
def leaves_the_optimizer_in_the_model(model, optimizer, loss_fn, x, y):
    model.optimizer = optimizer
    return train_step(model, optimizer, loss_fn, x, y)


def _descend(model, optimizer, loss_of):
    """The right step for the loss that `loss_of` computes."""
    with tf.GradientTape() as tape:
        loss = loss_of()
        scaled = optimizer.scale_loss(loss)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
    return loss


@misconception(
    "train_step",
    says="You clip the gradients yourself; whether and how they are clipped is the optimizer's business.",
    hint=3,
    subtle=True,
)
def clips_by_itself(model, optimizer, loss_fn, x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True)) + sum(model.losses)
        scaled = optimizer.scale_loss(loss)
    gradients = [
        None if gradient is None else tf.clip_by_value(tf.convert_to_tensor(gradient), -1e4, 1e4)
        for gradient in tape.gradient(scaled, model.trainable_variables)
    ]
    optimizer.apply(gradients, model.trainable_variables)
    return loss


def _update(model, optimizer, tape, loss):
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
def mean_of_batch_means(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def drops_the_last_batch(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def shuffles(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def loss_of_the_last_batch(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return [float(_epoch(model, optimizer, loss_fn, x, y, batch_size)[-1][1]) for _ in range(epochs)]


@misconception(
    "train",
    says="You measure the loss again at the end of the epoch, with weights that have moved on; add up the losses that "
    "the steps return.",
    hint=2,
    subtle=True,
)
def measured_at_the_end(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def total_never_reset(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def new_optimizer_each_epoch(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
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
def a_list_of_tensors(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return [tf.constant(_mean(_epoch(model, optimizer, loss_fn, x, y, batch_size)), tf.float32) for _ in range(epochs)]


def _loop(step, model, optimizer, loss_fn, x, y, epochs, batch_size):
    """The right loop around a wrong step."""
    history = []
    for _ in range(epochs):
        batches = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
        losses = [(len(x[rows]), step(model, optimizer, loss_fn, x[rows], y[rows])) for rows in batches]
        history.append(_mean(losses))
    return history


@misconception(
    "train",
    says="The penalties are in the values that you report, but no gradient flows from them: add model.losses inside "
    "the tape, as in train_step.",
    hint=2,
    subtle=True,
)
def penalties_reported_only(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return _loop(penalties_outside_the_tape, model, optimizer, loss_fn, x, y, epochs, batch_size)


@misconception(
    "train",
    says="Inside the loop you call loss_fn with the prediction first; the truth comes first, as in train_step.",
    hint=2,
    subtle=True,
)
def prediction_first_in_the_loop(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return _loop(prediction_first, model, optimizer, loss_fn, x, y, epochs, batch_size)


@misconception(
    "train",
    says="With a LossScaleOptimizer the steps of your loop are far too small: take the gradients of "
    "optimizer.scale_loss(loss), as in train_step.",
    hint=3,
    subtle=True,
)
def loop_without_loss_scaling(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return _loop(without_loss_scaling, model, optimizer, loss_fn, x, y, epochs, batch_size)


@misconception(
    "train",
    says="Inside the loop you go around the LossScaleOptimizer; apply the gradients through the optimizer that you "
    "were given.",
    hint=3,
    subtle=True,
)
def loop_around_the_loss_scaling(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return _loop(around_the_loss_scaling, model, optimizer, loss_fn, x, y, epochs, batch_size)


@misconception(
    "train",
    says="Inside the loop you bring the targets to the prediction's shape; hand them to loss_fn as they are.",
    hint=2,
    subtle=True,
)
def targets_reshaped_in_the_loop(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    return _loop(targets_reshaped, model, optimizer, loss_fn, x, y, epochs, batch_size)


@misconception(
    "train",
    says="You end training when the loss is no number any more; the loop goes through all epochs, whatever comes out.",
    hint=2,
    subtle=True,
)
def ends_at_nan(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    history = []
    while len(history) < epochs and not any(np.isnan(history)):
        history.append(_mean(_epoch(model, optimizer, loss_fn, x, y, batch_size)))
    return history


@misconception(
    "train",
    says="You compile the model, which has another optimizer and loss after the call; a loop of one's own needs no "
    "compile.",
    hint=3,
    subtle=True,
)
def compiles_the_model(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    model.compile(optimizer, loss_fn)
    return _loop(train_step, model, optimizer, loss_fn, x, y, epochs, batch_size)


def _epoch(model, optimizer, loss_fn, x, y, batch_size):
    """One epoch, in order: the size and the loss of every batch."""
    batches = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
    return [(len(x[rows]), train_step(model, optimizer, loss_fn, x[rows], y[rows])) for rows in batches]


def _mean(steps):
    return sum(size * float(loss) for size, loss in steps) / sum(size for size, _ in steps)


# run_pipeline


@misconception(
    "run_pipeline",
    says="You validate on the test split, and whoever tunes by it has no untouched data left to judge by; use "
    "validation_split=0.2.",
    hint=2,
    subtle=True,
)
def validates_on_the_test_split(model, data, *, epochs=10, batch_size=32):
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
def names_by_zip(model, data, *, epochs=10, batch_size=32):
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
def predicts_training_samples(model, data, *, epochs=10, batch_size=32):
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(predictions=model.predict(data.x_train[:5], verbose=0))


@misconception(
    "run_pipeline",
    says="You evaluate on the training split, which the model has seen; the test split is what it is judged by.",
    hint=3,
    subtle=True,
)
def evaluates_on_the_training_split(model, data, *, epochs=10, batch_size=32):
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(test=model.evaluate(data.x_train, data.y_train, return_dict=True, verbose=0))


@misconception(
    "run_pipeline", says="fit returns a History object, of which you want the dict: its attribute `history`.", hint=2
)
def returns_the_history_object(model, data, *, epochs=10, batch_size=32):
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0)
    return _judged(model, data, history)


@misconception(
    "run_pipeline",
    says="You do not pass batch_size on to fit, which then takes 32 samples an update whatever was asked for.",
    hint=2,
    subtle=True,
)
def batch_size_not_passed_on(model, data, *, epochs=10, batch_size=32):
    return _judged(model, data, _fitted(model, data, epochs, 32))


@misconception(
    "run_pipeline",
    says="You flatten the predictions, but a model with one output predicts shape (n, 1); leave them as predict gives "
    "them.",
    hint=3,
)
def flattened_predictions(model, data, *, epochs=10, batch_size=32):
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(predictions=result.predictions.flatten())


@misconception(
    "run_pipeline", says="You evaluate before you fit, and so judge the untrained model.", hint=1, subtle=True
)
def judged_before_training(model, data, *, epochs=10, batch_size=32):
    model.compile("adam", "mse", metrics=["mae"])
    untrained = _judged(model, data, {})
    return untrained._replace(history=_fitted(model, data, epochs, batch_size))


@misconception(
    "run_pipeline",
    says="You hold out a fifth from somewhere else than the end; validation_split=0.2 takes the last samples.",
    hint=1,
    subtle=True,
)
def holds_out_the_first_fifth(model, data, *, epochs=10, batch_size=32):
    held_out = len(data.x_train) // 5
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(
        *(part[held_out:] for part in data[:2]),
        batch_size,
        epochs,
        0,
        validation_data=tuple(part[:held_out] for part in data[:2]),
    )
    return _judged(model, data, history.history)


@misconception(
    "run_pipeline",
    says="You train on the held-out fifth too: fit on the first four fifths only, as validation_split does.",
    hint=1,
    subtle=True,
)
def trains_on_all_of_it(model, data, *, epochs=10, batch_size=32):
    held_out = len(data.x_train) // 5
    model.compile("adam", "mse", metrics=["mae"])
    validation = tuple(part[-held_out:] for part in data[:2])
    history = model.fit(*data[:2], batch_size, epochs, 0, validation_data=validation)
    return _judged(model, data, history.history)


@misconception(
    "run_pipeline",
    says="Your Adam has options that are not its defaults; only its name is asked for.",
    hint=1,
    subtle=True,
)
def adam_with_options(model, data, *, epochs=10, batch_size=32):
    model.compile(tf.keras.optimizers.Adam(clipnorm=1.0), "mse", metrics=["mae"])
    history = model.fit(*data[:2], batch_size, epochs, 0, validation_split=0.2)
    return _judged(model, data, history.history)


@misconception(
    "run_pipeline",
    says="You evaluate on the first batch of the test split only; ask about all of its samples.",
    hint=3,
    subtle=True,
)
def evaluates_one_batch(model, data, *, epochs=10, batch_size=32):
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    test = model.evaluate(data.x_test[:32], data.y_test[:32], return_dict=True, verbose=0)
    return result._replace(test=test)


@misconception(
    "run_pipeline",
    says="Your predictions are a tensor, as a call of the model gives it; predict gives a NumPy array.",
    hint=3,
)
def predictions_as_a_tensor(model, data, *, epochs=10, batch_size=32):
    result = _judged(model, data, _fitted(model, data, epochs, batch_size))
    return result._replace(predictions=model(data.x_test[:5]))


@misconception(
    "run_pipeline",
    says="You turn shuffling off; by default fit shuffles what it trains on.",
    hint=1,
    subtle=True,
)
def without_shuffling(model, data, *, epochs=10, batch_size=32):
    return _judged(model, data, _fitted(model, data, epochs, batch_size, shuffle=False))


@misconception(
    "run_pipeline",
    says="You end training early; no callback is asked for, and `history` has a value for every epoch.",
    hint=1,
    subtle=True,
)
def ends_early(model, data, *, epochs=10, batch_size=32):
    stopping = tf.keras.callbacks.EarlyStopping(patience=5)
    return _judged(model, data, _fitted(model, data, epochs, batch_size, callbacks=[stopping]))


@misconception(
    "run_pipeline",
    says="You put back the weights of the best epoch; no callback is asked for, and the model stays as fit leaves it.",
    hint=1,
    subtle=True,
)
def puts_back_the_best_weights(model, data, *, epochs=10, batch_size=32):
    stopping = tf.keras.callbacks.EarlyStopping(patience=epochs + 1, restore_best_weights=True)
    return _judged(model, data, _fitted(model, data, epochs, batch_size, callbacks=[stopping]))


@misconception(
    "run_pipeline",
    says="You lower the rate on a plateau; no callback is asked for, and adam keeps its 0.001.",
    hint=1,
    subtle=True,
)
def lowers_the_rate(model, data, *, epochs=10, batch_size=32):
    plateau = tf.keras.callbacks.ReduceLROnPlateau(patience=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        history = _fitted(model, data, epochs, batch_size, callbacks=[plateau])
    history.pop("learning_rate")
    return _judged(model, data, history)


@misconception(
    "run_pipeline",
    says="You compile with run_eagerly=True, which is for looking for mistakes: everything takes many times as long.",
    hint=1,
    subtle=True,
)
def compiled_to_run_eagerly(model, data, *, epochs=10, batch_size=32):
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    history = model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0)
    return _judged(model, data, history.history)


@misconception(
    "run_pipeline",
    says="You do not compile a model that is compiled already, and so train with whatever optimizer it has.",
    hint=1,
    subtle=True,
)
def compiled_already(model, data, *, epochs=10, batch_size=32):
    if not model.compiled:
        model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0)
    return _judged(model, data, history.history)


def _fitted(model, data, epochs, batch_size, **fit):
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0, **fit).history


def _judged(model, data, history):
    test = model.evaluate(data.x_test, data.y_test, return_dict=True, verbose=0)
    return PipelineResult(history, test, model.predict(data.x_test[:5], verbose=0))
