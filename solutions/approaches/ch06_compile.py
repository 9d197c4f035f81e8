"""Chapter 6 in other right ways, each with what it costs or gains."""

import functools

import numpy as np
import tensorflow as tf

from kata.waist.variants import approach

# build_two_headed_model


@approach(
    "build_two_headed_model",
    note="Outputs as a dict by name: nobody has to remember their order, in predictions as little as in losses. "
    "Targets must then be a dict, too.",
)
def outputs_by_name(features, categories):
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu")(inputs)
    return tf.keras.Model(
        inputs,
        {
            "price": tf.keras.layers.Dense(1, name="price")(shared),
            "category": tf.keras.layers.Dense(categories, activation="softmax", name="category")(shared),
        },
    )


@approach(
    "build_two_headed_model",
    note="The activations as layers of their own: cut before the softmax, and the same weights give logits. The "
    "output's name is the last layer's, so `category` names the softmax.",
)
def activations_as_layers(features, categories):
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.ReLU()(tf.keras.layers.Dense(64)(inputs))
    price = tf.keras.layers.Dense(1, name="price")(shared)
    logits = tf.keras.layers.Dense(categories, name="category_logits")(shared)
    return tf.keras.Model(inputs, [price, tf.keras.layers.Softmax(name="category")(logits)])


@approach(
    "build_two_headed_model",
    note="A subclass: plain Python in `call`, free to branch, at the price that Keras sees no graph of layers: outputs "
    "must be named by a dict, and one call with zeros builds it.",
)
def subclassed(features, categories):
    class TwoHeaded(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.shared = tf.keras.layers.Dense(64, activation="relu")
            self.price = tf.keras.layers.Dense(1)
            self.category = tf.keras.layers.Dense(categories, activation="softmax")

        def call(self, inputs):
            hidden = self.shared(inputs)
            return {"price": self.price(hidden), "category": self.category(hidden)}

    model = TwoHeaded()
    model(tf.zeros((1, features)))
    return model


# compile_two_headed_model


@approach(
    "compile_two_headed_model",
    note="Objects instead of strings: longer, but every option (a learning rate, `from_logits`) has a place to stand, "
    "and a typing error is found by Python.",
)
def with_objects(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.compile(
        optimizer=tf.keras.optimizers.Adam(),
        loss={
            "price": tf.keras.losses.MeanSquaredError(),
            "category": tf.keras.losses.SparseCategoricalCrossentropy(),
        },
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={
            "price": [tf.keras.metrics.MeanAbsoluteError(name="mae")],
            "category": [tf.keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        },
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


@approach(
    "compile_two_headed_model",
    note="One table with a row for each output, turned into the four arguments: with ten outputs the row is what one "
    "wants to read; with two it is an indirection.",
)
def from_a_table(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    table = {
        "price": ("mean_squared_error", price_weight, "mae"),
        "category": ("sparse_categorical_crossentropy", category_weight, "accuracy"),
    }
    model.compile(
        optimizer="Adam",
        loss={name: row[0] for name, row in table.items()},
        loss_weights={name: row[1] for name, row in table.items()},
        metrics={name: row[2] for name, row in table.items()},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


# total_loss


def _refuse_unknown(losses, weights):
    """ValueError when a weight has no loss."""
    for name in weights:
        if name not in losses:
            raise ValueError(f"`weights` names no loss with {name!r}. Received: {list(weights)}")


@approach(
    "total_loss",
    note="Stacks losses and weights to two vectors and multiplies them: one operation however many outputs there are, "
    "after two lists that must be in the same order.",
)
def as_dot_product(losses, weights):
    _refuse_unknown(losses, weights)
    values = tf.stack([tf.convert_to_tensor(loss) for loss in losses.values()])
    factors = tf.stack([tf.convert_to_tensor(weights.get(name, 1), values.dtype) for name in losses])
    return tf.tensordot(values, factors, 1)


@approach(
    "total_loss",
    note="A running sum in a plain loop: the easiest to step through, and the first loss gives the dtype.",
)
def as_running_sum(losses, weights):
    _refuse_unknown(losses, weights)
    weighted = [
        tf.convert_to_tensor(loss) * weights[name] if name in weights else tf.convert_to_tensor(loss)
        for name, loss in losses.items()
    ]
    return functools.reduce(tf.add, weighted)


# count_python_runs


@approach(
    "count_python_runs",
    note="Counts in `compute_loss`, which Keras' `train_step` calls once: hooks in below the step, which stays Keras' "
    "own. Depends on how `train_step` is written.",
)
def counted_in_the_loss(batches, *, run_eagerly):
    runs = []

    class Counting(tf.keras.Sequential):
        def compute_loss(self, *args, **kwargs):
            runs.append(None)
            return super().compute_loss(*args, **kwargs)

    model = Counting([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=run_eagerly)
    model.fit(np.zeros((3 * batches, 2), "float32"), np.zeros((3 * batches, 1), "float32"), batch_size=3, verbose=0)
    return len(runs)


@approach(
    "count_python_runs",
    note="Wraps the `train_step` of a model that is there already: no subclass, and any model can be watched so; it "
    "must happen before the first batch, while nothing is traced.",
)
def counted_by_a_wrapper(batches, *, run_eagerly):
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=run_eagerly)
    original, runs = model.train_step, 0

    def counting(data):
        nonlocal runs
        runs += 1
        return original(data)

    model.train_step = counting
    batch = np.ones((2, 1), "float32")
    for _ in range(batches):
        model.train_on_batch(batch, batch)
    return runs


@approach(
    "count_python_runs",
    note="Counts in the loss function, which is a part of the step's body and nothing else calls: no subclass at all. "
    "Works with any model that is compiled with a function of one's own.",
)
def counted_in_a_loss_function(batches, *, run_eagerly):
    runs = []

    def counting(y_true, y_pred):
        runs.append(None)
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)

    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss=counting, run_eagerly=run_eagerly)
    batch = np.ones((2, 1), "float32")
    for _ in range(batches):
        model.train_on_batch(batch, batch)
    return len(runs)


@approach(
    "count_python_runs",
    note="A training step of one's own, and one batch an epoch. Every `fit` could do more; the step is traced once "
    "all the same.",
)
def counted_in_a_step_of_ones_own(batches, *, run_eagerly):
    runs = []

    class Counting(tf.keras.Model):
        def train_step(self, data):
            runs.append(None)
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    inputs = tf.keras.Input((1,))
    model = Counting(inputs, tf.keras.layers.Dense(1)(inputs))
    model.compile(optimizer="adam", run_eagerly=run_eagerly)
    model.fit(np.ones((4, 1), "float32"), np.ones((4, 1), "float32"), batch_size=4, epochs=batches, verbose=0)
    return len(runs)


# max_jit_difference


@approach(
    "max_jit_difference",
    note="Initializers with seeds of their own instead of weights set by hand: shorter, and fine for the global random "
    "state, since an initializer asks Python's generator only when it has no seed.",
)
def with_seeded_initializers(seed, *, steps):
    draw = functools.partial(tf.random.stateless_normal, dtype=tf.float32)
    x, y = draw((8, 3), seed=(seed, 0)), draw((8, 1), seed=(seed, 1))

    def train(jit_compile):
        model = tf.keras.Sequential([tf.keras.Input((3,))])
        for number, units in enumerate((6, 1)):
            glorot = tf.keras.initializers.GlorotUniform(seed=seed + number)
            model.add(tf.keras.layers.Dense(units, activation="tanh", kernel_initializer=glorot))
        model.compile(tf.keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        for _ in range(steps):
            model.train_on_batch(x, y)
        return np.concatenate([array.ravel() for array in model.get_weights()])

    return float(np.abs(train(True) - train(False)).max())


@approach(
    "max_jit_difference",
    note="No model at all: one training function, traced with and without XLA by `tf.function(jit_compile=…)`, on "
    "weights that are values. The bare mechanism; Keras' option does no more.",
)
def with_tf_function(seed, *, steps):
    generator = np.random.default_rng(seed)
    x, y, w1, w2 = (tf.constant(generator.normal(size=s), tf.float32) for s in [(8, 3), (8, 1), (3, 6), (6, 1)])

    def step(w1, w2):
        with tf.GradientTape() as tape:
            tape.watch([w1, w2])
            loss = tf.reduce_mean((tf.tanh(x @ w1) @ w2 - y) ** 2)
        return tuple(w - 0.05 * g for w, g in zip((w1, w2), tape.gradient(loss, (w1, w2)), strict=True))

    def train(jit_compile):
        compiled, weights = tf.function(step, jit_compile=jit_compile), (w1, w2)
        for _ in range(steps):
            weights = compiled(*weights)
        return weights

    differences = [tf.reduce_max(tf.abs(a - b)) for a, b in zip(train(True), train(False), strict=True)]
    return float(max(differences))
