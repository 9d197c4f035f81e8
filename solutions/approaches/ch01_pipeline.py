"""Other right ways to write chapter 1, each with what it costs or gains."""

import numpy as np
import tensorflow as tf

from kata.waist.variants import approach
from solutions.ch01_pipeline import PipelineResult, RegressionData, train_step

# make_regression_data


@approach(
    "make_regression_data",
    note="Draws all samples at once and cuts them: that both splits come from one problem is plain to see, but a "
    "larger training split changes the test split too.",
)
def drawn_together(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((train_size + test_size, features), dtype=np.float32)
    w = rng.standard_normal((features, 1), dtype=np.float32)
    y = (x @ w + bias + noise * rng.standard_normal((len(x), 1))).astype(np.float32)
    return RegressionData(x[:train_size], y[:train_size], x[train_size:], y[train_size:])


@approach(
    "make_regression_data",
    note="A stream of its own for the weights and for each split, spawned from the seed: changing the size of one "
    "split leaves the other as it was, to the bit.",
)
def spawned_streams(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    for_weights, for_train, for_test = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    w = for_weights.uniform(-2.0, 2.0, size=(features, 1))

    def split(rng, size):
        x = rng.normal(size=(size, features))
        y = np.einsum("nf,fo->no", x, w) + rng.normal(bias, noise, size=(size, 1))
        return x.astype(np.float32), y.astype(np.float32)

    return RegressionData(*split(for_train, train_size), *split(for_test, test_size))


@approach(
    "make_regression_data",
    note="TensorFlow's stateless generators are functions of their seed, so there is no state to disturb and no order "
    "of draws to keep; every draw needs a seed of its own, and the seed must be cut down to 64 bits first.",
)
def stateless(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    key = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def normal(stream, *shape):
        return tf.random.stateless_normal(shape, seed=(key, stream))

    w = normal(0, features, 1)
    x_train, x_test = normal(1, train_size, features), normal(2, test_size, features)
    y_train = x_train @ w + bias + noise * normal(3, train_size, 1)
    y_test = x_test @ w + bias + noise * normal(4, test_size, 1)
    return RegressionData(x_train.numpy(), y_train.numpy(), x_test.numpy(), y_test.numpy())


@approach(
    "make_regression_data",
    note="NumPy's old generator as an object of one's own: it takes seeds up to 2³² − 1 and is not what np.random.seed "
    "sets; slower, and kept for old results only.",
)
def by_random_state(*, seed, train_size=1000, test_size=200, features=10, bias=0.5, noise=0.0):
    rng = np.random.RandomState(seed)
    w = rng.standard_normal(features)

    def split(size):
        x = rng.standard_normal((size, features)).astype(np.float32)
        y = x.astype(float) @ w + bias + rng.normal(0.0, noise, size)
        return x, y.astype(np.float32).reshape(size, 1)

    return RegressionData(*split(train_size), *split(test_size))


# build_model


@approach("build_model", note="Layer by layer with add(): handy when a condition decides which layers there are.")
def layer_by_layer(features, *, hidden=(64, 32), outputs=1):
    model = tf.keras.Sequential()
    model.add(tf.keras.Input(shape=(features,)))
    for units in hidden:
        model.add(tf.keras.layers.Dense(units, activation=tf.nn.relu))
    model.add(tf.keras.layers.Dense(outputs, activation="linear"))
    return model


@approach(
    "build_model",
    note="No Input but a build() afterwards: the same weights, and the input's shape is said in one place too; a "
    "mistake in a layer shows only there.",
)
def built_afterwards(features, *, hidden=(64, 32), outputs=1):
    activations = ["relu"] * len(hidden) + [None]
    model = tf.keras.Sequential(
        [tf.keras.layers.Dense(u, activation=a) for u, a in zip((*hidden, outputs), activations, strict=True)]
    )
    model.build((None, features))
    return model


@approach(
    "build_model",
    note="ReLU as a layer of its own: one more line for each, and the values before the nonlinearity can be looked at.",
)
def relu_as_a_layer(features, *, hidden=(64, 32), outputs=1):
    layers = [tf.keras.Input((features,))]
    for units in hidden:
        layers += [tf.keras.layers.Dense(units), tf.keras.layers.ReLU()]
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(outputs)])


# train_step


@approach(
    "train_step",
    note="The tape watches exactly what is to be trained, and apply takes gradients that stand in the order of the "
    "variables: no pairs to zip.",
)
def watching_only_what_trains(model, optimizer, loss_fn, x, y):
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss = tf.add_n([loss_fn(y, model(x, training=True)), *model.losses])
        scaled = optimizer.scale_loss(loss)
    optimizer.apply(tape.gradient(scaled, variables), model.trainable_variables)
    return loss


@approach(
    "train_step",
    note="Two gradients, of the data's loss and of the penalties, added: twice the backward pass, and one sees which "
    "of the two moves the weights.",
)
def penalties_apart(model, optimizer, loss_fn, x, y):
    with tf.GradientTape(persistent=True) as tape:
        data_loss = loss_fn(y, model(x, training=True))
        penalty = tf.zeros_like(data_loss)
        for each in model.losses:
            penalty += each
        scaled = [optimizer.scale_loss(part) for part in (data_loss, penalty)]
    from_data, from_penalty = (tape.gradient(part, model.trainable_variables) for part in scaled)

    def added(a, b):  # a weight without a gradient must not get a gradient of zeros: the optimizer would decay it
        return b if a is None else a if b is None else tf.convert_to_tensor(a) + b

    optimizer.apply([added(*pair) for pair in zip(from_data, from_penalty, strict=True)], model.trainable_variables)
    return data_loss + penalty


@approach(
    "train_step",
    note="Keras' stateless call: the forward pass is a pure function from values to values, as in JAX, and what layers "
    "want to remember comes back as a result; more to carry around, nothing hidden.",
)
def by_stateless_call(model, optimizer, loss_fn, x, y):
    trained = [tf.convert_to_tensor(variable) for variable in model.trainable_variables]
    others = [tf.convert_to_tensor(variable) for variable in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(trained)
        prediction, others, penalties = model.stateless_call(trained, others, x, training=True, return_losses=True)
        loss = loss_fn(y, prediction) + sum(penalties)
        scaled = optimizer.scale_loss(loss)
    optimizer.apply(tape.gradient(scaled, trained), model.trainable_variables)
    for variable, value in zip(model.non_trainable_variables, others, strict=True):
        variable.assign(value)
    return loss


# train


@approach(
    "train",
    note="tf.data cuts the batches and hands over tensors, which a compiled step would want; for arrays in memory it "
    "is slower than slicing.",
)
def from_a_dataset(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)

    def epoch():
        steps = [(int(tf.shape(xb)[0]), train_step(model, optimizer, loss_fn, xb, yb)) for xb, yb in batches]
        return sum(size * float(loss) for size, loss in steps) / sum(size for size, _ in steps)

    return [epoch() for _ in range(epochs)]


@approach(
    "train",
    note="A running mean, corrected with each batch by its share of the samples seen so far: no total to divide, and "
    "at any moment the mean so far, as a progress bar shows it.",
)
def by_running_mean(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    history = []
    for _ in range(epochs):
        mean, seen = 0.0, 0
        while seen < len(x):
            stop = min(seen + batch_size, len(x))
            loss = float(train_step(model, optimizer, loss_fn, x[seen:stop], y[seen:stop]))
            mean += (loss - mean) * (stop - seen) / stop
            seen = stop
        history.append(mean)
    return history


@approach(
    "train",
    note="Keras' Mean metric, as fit uses it, with the batch's size as its sample_weight; the sum stays in TensorFlow, "
    "so that only one number an epoch has to be fetched, though it is kept in float32.",
)
def by_mean_metric(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    tracker = tf.keras.metrics.Mean()
    history = []
    for _ in range(epochs):
        tracker.reset_state()
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            loss = train_step(model, optimizer, loss_fn, x[rows], y[rows])
            tracker.update_state(loss, sample_weight=len(x[rows]))
        history.append(float(tracker.result()))
    return history


@approach(
    "train",
    note="The step is traced by tf.function once for each length of batch and then runs without Python: faster for a "
    "long training, though the optimizer must be built before, since a graph may make no variables.",
)
def with_a_traced_step(model, optimizer, loss_fn, x, y, *, epochs, batch_size):
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    optimizer.build(model.trainable_variables)
    step = tf.function(lambda x, y: train_step(model, optimizer, loss_fn, x, y))
    history = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            total += len(x[rows]) * float(step(x[rows], y[rows]))
        history.append(total / len(x))
    return history


# run_pipeline


@approach(
    "run_pipeline",
    note="Objects instead of names, where one may set their arguments; the metric then needs the name that is to be "
    "reported.",
)
def with_objects(model, data, *, epochs=10, batch_size=32):
    model.compile(
        optimizer=tf.keras.optimizers.Adam(learning_rate=1e-3),
        loss=tf.keras.losses.MeanSquaredError(),
        metrics=[tf.keras.metrics.MeanAbsoluteError(name="mae")],
    )
    history = model.fit(*data[:2], batch_size, epochs, validation_split=0.2, verbose=0)
    loss, mae = model.evaluate(*data[2:], batch_size=batch_size, verbose=0)
    return PipelineResult(history.history, {"loss": loss, "mae": mae}, model.predict(data[2], verbose=0)[:5])


@approach(
    "run_pipeline",
    note="Cuts off the validation samples by hand, and so says which they are: the last fifth. That also works for "
    "datasets, which validation_split refuses.",
)
def with_a_split_by_hand(model, data, *, epochs=10, batch_size=32):
    first = int(len(data.x_train) * (1 - 0.2))
    training = tf.data.Dataset.from_tensor_slices((data.x_train[:first], data.y_train[:first]))
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(
        training.shuffle(first).batch(batch_size),
        validation_data=(data.x_train[first:], data.y_train[first:]),
        epochs=epochs,
        verbose=0,
    )
    test = model.evaluate(data.x_test, data.y_test, return_dict=True, verbose=0)
    return PipelineResult(history.history, test, model(data.x_test[:5], training=False).numpy())


@approach(
    "run_pipeline",
    note="Epoch by epoch: one call of fit for each, so that something of one's own can happen in between; the lists of "
    "the history are then put together by hand.",
)
def epoch_by_epoch(model, data, *, epochs=10, batch_size=32):
    model.compile(tf.keras.optimizers.Adam(), "mse", metrics=["mae"])
    history = {}
    for epoch in range(epochs):
        run = model.fit(
            *data[:2], batch_size, epochs=epoch + 1, initial_epoch=epoch, validation_split=0.2, verbose=0
        ).history
        for name, values in run.items():
            history.setdefault(name, []).extend(values)
    test = model.evaluate(data.x_test, data.y_test, batch_size=len(data.x_test), return_dict=True, verbose=0)
    return PipelineResult(history, test, np.asarray(model.predict_on_batch(data.x_test[:5])))
