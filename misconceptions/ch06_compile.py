"""Chapter 6 gone wrong on purpose, each with the sentence its author should read."""

import numpy as np
import tensorflow as tf

from kata.waist.variants import misconception

# build_two_headed_model


def _trunk(features, activation="relu"):
    """Input and shared layer, as they should be."""
    inputs = tf.keras.Input((features,))
    return inputs, tf.keras.layers.Dense(64, activation=activation)(inputs)


def _heads(shared, categories, *, price=None, category="softmax"):
    """Price and category on `shared`, with these activations."""
    return [
        tf.keras.layers.Dense(1, activation=price, name="price")(shared),
        tf.keras.layers.Dense(categories, activation=category, name="category")(shared),
    ]


@misconception(
    "build_two_headed_model",
    says="Your heads have a hidden layer each, so they are two models in one and learn nothing from each other; call "
    "one shared layer and put both heads on its output.",
    hint=2,
)
def a_trunk_for_each_head(features, categories):
    inputs = tf.keras.Input((features,))
    hidden = [tf.keras.layers.Dense(64, activation="relu")(inputs) for _ in range(2)]
    return tf.keras.Model(inputs, [_heads(hidden[0], categories)[0], _heads(hidden[1], categories)[1]])


@misconception(
    "build_two_headed_model",
    says="Your category head gives logits: without a softmax its rows are no probabilities, and do not sum to 1.",
    hint=2,
)
def category_without_softmax(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(shared, categories, category=None))


@misconception(
    "build_two_headed_model",
    says="You give every category a sigmoid of its own, for labels that may hold together; one category out of several "
    "needs a softmax, whose row sums to 1.",
    hint=2,
)
def category_by_sigmoid(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(shared, categories, category="sigmoid"))


@misconception(
    "build_two_headed_model",
    says="Your softmax runs over the samples of the batch instead of over the categories of each sample: it belongs on "
    "the last axis.",
    hint=2,
    subtle=True,
)
def softmax_over_the_batch(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(shared, categories, category=lambda logits: tf.nn.softmax(logits, axis=0)))


@misconception(
    "build_two_headed_model",
    says="Your price cannot fall below 0, and where the relu is flat it cannot learn either; a regression ends in a "
    "linear layer.",
    hint=2,
    subtle=True,
)
def price_through_relu(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(shared, categories, price="relu"))


@misconception(
    "build_two_headed_model",
    says="Your shared layer has no activation, and two linear layers in a row are one linear layer.",
    hint=2,
    subtle=True,
)
def linear_trunk(features, categories):
    inputs, shared = _trunk(features, activation=None)
    return tf.keras.Model(inputs, _heads(shared, categories))


@misconception(
    "build_two_headed_model",
    says="As a list the outputs have an order, and yours is the wrong way round: price first, then category.",
    hint=1,
)
def category_before_price(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(shared, categories)[::-1])


@misconception(
    "build_two_headed_model",
    says="Your output layers have no names of their own, so `compile` cannot find a loss for `price` or `category`; "
    'pass name="price" and name="category".',
    hint=1,
    subtle=True,
)
def nameless_heads(features, categories):
    inputs, shared = _trunk(features)
    outputs = [
        tf.keras.layers.Dense(1, name="output_1")(shared),
        tf.keras.layers.Dense(categories, activation="softmax", name="output_2")(shared),
    ]
    return tf.keras.Model(inputs, outputs)


@misconception(
    "build_two_headed_model",
    says="In training your model gives other values than the formula, because units are dropped: the formula knows no "
    "dropout.",
    hint=2,
    subtle=True,
)
def drops_hidden_units(features, categories):
    inputs, shared = _trunk(features)
    return tf.keras.Model(inputs, _heads(tf.keras.layers.Dropout(0.5)(shared), categories))


@misconception(
    "build_two_headed_model",
    says="Your model comes back compiled; here it is only built, and how it is trained is said by who trains it.",
    hint=3,
    subtle=True,
)
def compiles_it_as_well(features, categories):
    inputs, shared = _trunk(features)
    model = tf.keras.Model(inputs, _heads(shared, categories))
    model.compile("adam", {"price": "mse", "category": "sparse_categorical_crossentropy"})
    return model


@misconception(
    "build_two_headed_model",
    says="Your model adds a penalty to every loss; the three formulas name none.",
    hint=2,
    subtle=True,
)
def penalises_the_trunk(features, categories):
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu", kernel_regularizer="l2")(inputs)
    return tf.keras.Model(inputs, _heads(shared, categories))


@misconception(
    "build_two_headed_model",
    says="Your second call gives the model of the first once more, trained as it may be by then; build a new one each "
    "time.",
    hint=3,
    subtle=True,
)
def keeps_the_model(features, categories, _kept={}):  # noqa: B006
    if (features, categories) not in _kept:
        inputs, shared = _trunk(features)
        _kept[features, categories] = tf.keras.Model(inputs, _heads(shared, categories))
    return _kept[features, categories]


@misconception(
    "build_two_headed_model",
    says="All your weights start at the same number, so all hidden units learn the same and stay one unit; leave the "
    "initializer to Keras.",
    hint=2,
    subtle=True,
)
def starts_all_units_alike(features, categories):
    inputs = tf.keras.Input((features,))
    shared = tf.keras.layers.Dense(64, activation="relu", kernel_initializer="zeros")(inputs)
    price = tf.keras.layers.Dense(1, name="price", kernel_initializer="zeros")(shared)
    softmax = tf.keras.layers.Dense(categories, "softmax", name="category", kernel_initializer="zeros")
    return tf.keras.Model(inputs, [price, softmax(shared)])


@misconception(
    "build_two_headed_model",
    says="Your hidden values end somewhere above 0, where a relu goes on; large inputs show it.",
    hint=2,
    subtle=True,
)
def caps_the_hidden_units(features, categories):
    inputs, shared = _trunk(features, activation="relu6")
    return tf.keras.Model(inputs, _heads(shared, categories))


@misconception(
    "build_two_headed_model",
    says="Your shared layer holds its weights down by a constraint, which shows in training only; the formulas know "
    "none.",
    hint=2,
)
def constrains_the_trunk(features, categories):
    inputs = tf.keras.Input((features,))
    limit = tf.keras.constraints.MaxNorm(3.0)
    return tf.keras.Model(
        inputs, _heads(tf.keras.layers.Dense(64, "relu", kernel_constraint=limit)(inputs), categories)
    )


@misconception(
    "build_two_headed_model",
    says="Every model of yours starts at the same weights, because its initializers have fixed seeds; Keras' "
    "default draws anew.",
    hint=2,
)
def starts_at_the_same_weights(features, categories):
    def dense(units, seed, **options):
        return tf.keras.layers.Dense(
            units, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed), **options
        )

    inputs = tf.keras.Input((features,))
    shared = dense(64, 0, activation="relu")(inputs)
    category = dense(categories, 2, activation="softmax", name="category")
    return tf.keras.Model(inputs, [dense(1, 1, name="price")(shared), category(shared)])


@misconception(
    "build_two_headed_model",
    says="The category does not train your shared layer: its gradient is stopped. Both heads train it, that is what "
    "sharing is for.",
    hint=2,
)
def stops_the_gradient_of_the_category(features, categories):
    inputs, shared = _trunk(features)
    stopped = tf.keras.layers.Lambda(tf.stop_gradient)(shared)
    return tf.keras.Model(inputs, [_heads(shared, categories)[0], _heads(stopped, categories)[1]])


# compile_two_headed_model


def _compile(model, *, weights, price="mse", category="sparse_categorical_crossentropy", optimizer="adam", **flags):
    """The call as it should be; each wrong turn below changes one argument."""
    model.compile(
        optimizer=optimizer,
        loss={"price": price, "category": category},
        loss_weights=weights,
        metrics={"price": ["mae"], "category": ["accuracy"]},
        **flags,
    )


@misconception(
    "compile_two_headed_model",
    says="You never hand the weights to `compile`: without `loss_weights` both losses count 1.",
    hint=1,
)
def forgets_the_weights(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    _compile(model, weights=None, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You exchange the two weights: `price_weight` belongs to the output `price`.",
    hint=2,
)
def exchanges_the_weights(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": category_weight, "category": price_weight}
    _compile(model, weights=weights, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You write 1.0 and 0.5 into the call, so the arguments `price_weight` and `category_weight` do nothing.",
    hint=2,
    subtle=True,
)
def fixes_the_weights(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": 1.0, "category": 0.5}
    _compile(model, weights=weights, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You make the weights add up to 1; the total is a weighted sum, not a mean, and smaller weights make a "
    "smaller loss and smaller gradients.",
    hint=2,
    subtle=True,
)
def normalises_the_weights(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    total = price_weight + category_weight or 1.0
    weights = {"price": price_weight / total, "category": category_weight / total}
    _compile(model, weights=weights, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="Your loss for the category wants one-hot rows, and the labels are integers: that is what the sparse "
    "cross-entropy is for.",
    hint=2,
)
def wants_one_hot_labels(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    _compile(
        model,
        weights={"price": price_weight, "category": category_weight},
        category="categorical_crossentropy",
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


@misconception(
    "compile_two_headed_model",
    says="You train the price on the absolute error; that is its metric, the loss is the mean squared error.",
    hint=2,
)
def trains_on_the_metric(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight, "category": category_weight}
    _compile(model, weights=weights, price="mae", jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You do not pass `run_eagerly` on, so the step is traced and a breakpoint in it is never reached.",
    hint=3,
    subtle=True,
)
def swallows_run_eagerly(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight, "category": category_weight}
    _compile(model, weights=weights, jit_compile=jit_compile and not run_eagerly)


@misconception(
    "compile_two_headed_model",
    says='You do not pass `jit_compile` on, and `compile` decides with "auto": what was asked for is ignored.',
    hint=3,
    subtle=True,
)
def swallows_jit_compile(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight, "category": category_weight}
    _compile(model, weights=weights, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You compile with plain SGD where Adam is asked for: the weights move by another rule.",
    hint=1,
    subtle=True,
)
def compiles_with_sgd(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight, "category": category_weight}
    _compile(model, weights=weights, optimizer="sgd", jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="Your Adam runs with options of its own; asked for is Adam as it comes.",
    hint=1,
    subtle=True,
)
def tunes_adam(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight, "category": category_weight}
    adam = tf.keras.optimizers.Adam(0.001, epsilon=1e-8, clipnorm=1.0)
    _compile(model, weights=weights, optimizer=adam, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="All the models you compile share one optimizer, and an optimizer keeps moments for the weights of one model; "
    "make a new one in every call.",
    hint=1,
    subtle=True,
)
def shares_one_optimizer(
    model,
    *,
    price_weight=1.0,
    category_weight=0.5,
    jit_compile=False,
    run_eagerly=False,
    _adam=tf.keras.optimizers.Adam(),  # noqa: B008
):
    weights = {"price": price_weight, "category": category_weight}
    _compile(model, weights=weights, optimizer=_adam, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="Your metrics follow the sample weights, so `price_mae` is no mean over the samples; the argument for metrics "
    "without them is `metrics`.",
    hint=2,
    subtle=True,
)
def weighs_the_metrics(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        weighted_metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


@misconception(
    "compile_two_headed_model",
    says="A weight of 0 becomes your default: 0 counts as false in `price_weight or 1.0`, and a head that should not "
    "count does.",
    hint=2,
    subtle=True,
)
def takes_zero_for_no_weight(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    weights = {"price": price_weight or 1.0, "category": category_weight or 0.5}
    _compile(model, weights=weights, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You take the softmax's probabilities for logits (`from_logits=True`): Keras sees through a softmax at the "
    "very end and warns, and behind any other layer it takes the softmax twice.",
    hint=2,
    subtle=True,
)
def takes_probabilities_for_logits(
    model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False
):
    weights = {"price": price_weight, "category": category_weight}
    entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    _compile(model, weights=weights, category=entropy, jit_compile=jit_compile, run_eagerly=run_eagerly)


@misconception(
    "compile_two_headed_model",
    says="You switch off the loss scaling that `compile` gives a model in mixed precision; what is not asked for "
    "stays as it is.",
    hint=2,
)
def switches_loss_scaling_off(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
        auto_scale_loss=False,
    )


@misconception(
    "compile_two_headed_model",
    says='Where XLA is not asked for you say "auto", so on a GPU it is compiled all the same: False is an answer, '
    "not a missing one.",
    hint=2,
)
def takes_false_for_auto(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile or "auto",
        run_eagerly=run_eagerly,
    )


@misconception(
    "compile_two_headed_model",
    says="You make all functions of the process eager, and it stays so; `compile(run_eagerly=True)` is for this "
    "model alone.",
    hint=2,
)
def makes_everything_eager(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    if run_eagerly:
        tf.config.run_functions_eagerly(True)
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


@misconception(
    "compile_two_headed_model",
    says="You freeze the shared layer, so only the heads can learn; compiling changes how a model is trained, and "
    "not what of it.",
    hint=2,
)
def freezes_the_trunk(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.layers[1].trainable = False
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )


@misconception(
    "compile_two_headed_model",
    says="Your optimizer believes that it has made a hundred steps, so Adam does not correct its young moments; a "
    "new one starts at 0.",
    hint=2,
)
def goes_on_from_another_step(model, *, price_weight=1.0, category_weight=0.5, jit_compile=False, run_eagerly=False):
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "category": "sparse_categorical_crossentropy"},
        loss_weights={"price": price_weight, "category": category_weight},
        metrics={"price": ["mae"], "category": ["accuracy"]},
        jit_compile=jit_compile,
        run_eagerly=run_eagerly,
    )
    model.optimizer.iterations.assign(100)


# total_loss


def _refuse_unknown(losses, weights):
    unknown = set(weights) - set(losses)
    if unknown:
        raise ValueError(f"`weights` may only name losses. Received: {sorted(unknown)}")


@misconception(
    "total_loss",
    says="You go through the weights, so a loss without one is left out; its weight is 1, not 0.",
    hint=1,
)
def leaves_out_what_has_no_weight(losses, weights):
    _refuse_unknown(losses, weights)
    zero = tf.zeros_like(tf.convert_to_tensor(next(iter(losses.values()))))
    return tf.add_n([zero, *(tf.convert_to_tensor(losses[name]) * weight for name, weight in weights.items())])


@misconception(
    "total_loss",
    says="A weight whose loss does not exist is silently ignored, and with it the typing error in its name; raise a "
    "ValueError.",
    hint=3,
    subtle=True,
)
def ignores_unknown_weights(losses, weights):
    return tf.add_n([tf.convert_to_tensor(loss) * weights.get(name, 1) for name, loss in losses.items()])


@misconception(
    "total_loss",
    says="You divide by the sum of the weights: the total is a weighted sum, not a weighted mean.",
    hint=1,
)
def weighted_mean(losses, weights):
    _refuse_unknown(losses, weights)
    total = tf.add_n([tf.convert_to_tensor(loss) * weights.get(name, 1) for name, loss in losses.items()])
    return total / sum(weights.get(name, 1) for name in losses)


@misconception(
    "total_loss",
    says="You pair losses and weights by their position; two dicts need not be in the same order, so look the weight "
    "up by the loss's name.",
    hint=2,
    subtle=True,
)
def pairs_by_position(losses, weights):
    _refuse_unknown(losses, weights)
    factors = [*weights.values(), *[1] * (len(losses) - len(weights))]
    values = [tf.convert_to_tensor(loss) for loss in losses.values()]
    return tf.add_n([value * factor for value, factor in zip(values, factors, strict=True)])


@misconception(
    "total_loss",
    says="You write the missing weights into the caller's dict; read with `weights.get(name, 1)`, which changes "
    "nothing.",
    hint=2,
    subtle=True,
)
def fills_in_the_callers_weights(losses, weights):
    _refuse_unknown(losses, weights)
    for name in losses:
        weights.setdefault(name, 1.0)
    return tf.add_n([tf.convert_to_tensor(loss) * weights[name] for name, loss in losses.items()])


@misconception(
    "total_loss",
    says="You turn the losses into Python floats, which cuts the gradient (and a symbolic tensor has no float); keep "
    "adding tensors.",
    hint=2,
    subtle=True,
)
def adds_python_floats(losses, weights):
    _refuse_unknown(losses, weights)
    dtype = tf.convert_to_tensor(next(iter(losses.values()))).dtype
    return tf.constant(sum(float(loss) * float(weights.get(name, 1)) for name, loss in losses.items()), dtype)


@misconception(
    "total_loss",
    says="Your total is float32 whatever the losses are; keep their dtype.",
    hint=2,
)
def totals_in_float32(losses, weights):
    _refuse_unknown(losses, weights)
    weighted = [tf.cast(loss, tf.float32) * tf.cast(weights.get(name, 1), tf.float32) for name, loss in losses.items()]
    return tf.add_n(weighted)


@misconception(
    "total_loss",
    says="A weight of 0 counts as 1 in yours: 0 is false for Python, so `weight or 1` replaces it. Use "
    "`weights.get(name, 1)`.",
    hint=2,
    subtle=True,
)
def takes_zero_for_missing(losses, weights):
    _refuse_unknown(losses, weights)
    known = {name: weight for name, weight in weights.items() if tf.is_tensor(weight) or weight}
    return tf.add_n([tf.convert_to_tensor(loss) * known.get(name, 1) for name, loss in losses.items()])


@misconception(
    "total_loss",
    says="Your weights have seven good digits where the losses are float64: `tf.cast(0.1, tf.float64)` makes a float32 "
    "first. Multiply with the plain number.",
    hint=2,
    subtle=True,
)
def casts_the_weights_through_float32(losses, weights):
    _refuse_unknown(losses, weights)
    tensors = {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}
    return tf.add_n([loss * tf.cast(weights.get(name, 1), loss.dtype) for name, loss in tensors.items()])


@misconception(
    "total_loss",
    says="You ask a weight for its value, `.numpy()`, which a symbolic one has not: inside tf.function your sum cannot "
    "be traced. Multiply with the weight as it is.",
    hint=2,
    subtle=True,
)
def wants_plain_weights(losses, weights):
    _refuse_unknown(losses, weights)
    plain = {name: weight.numpy() if tf.is_tensor(weight) else weight for name, weight in weights.items()}
    return tf.add_n([tf.convert_to_tensor(loss) * plain.get(name, 1) for name, loss in losses.items()])


@misconception(
    "total_loss",
    says="An unknown name is refused by you only if its weight is not 0; it is a typing error with any weight.",
    hint=3,
    subtle=True,
)
def lets_unknown_zeros_pass(losses, weights):
    _refuse_unknown(losses, {name: weight for name, weight in weights.items() if tf.is_tensor(weight) or weight})
    return tf.add_n([tf.convert_to_tensor(loss) * weights.get(name, 1) for name, loss in losses.items()])


# count_python_runs


def _counting_model(run_eagerly, body):
    """A small compiled model whose `train_step` runs `body` first."""

    class Counting(tf.keras.Sequential):
        def train_step(self, data):
            body()
            return super().train_step(data)

    model = Counting([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    return model


BATCH = np.ones((2, 1), "float32")


@misconception(
    "count_python_runs",
    says="You count batches from outside, where every batch shows; the question is how often the Python code inside "
    "`train_step` runs.",
    hint=1,
)
def counts_batches_in_a_callback(batches, *, run_eagerly):
    seen = []
    model = _counting_model(run_eagerly, lambda: None)
    callback = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    x = np.ones((2 * batches, 1), "float32")
    model.fit(x, x, batch_size=2, verbose=0, callbacks=[callback])
    return len(seen)


@misconception(
    "count_python_runs",
    says="Your counter is a tf.Variable, and `assign_add` becomes part of the graph: it counts executions, not the "
    "runs of the Python body. Use a Python number.",
    hint=2,
    subtle=True,
)
def counts_in_a_variable(batches, *, run_eagerly):
    counter = tf.Variable(0)
    model = _counting_model(run_eagerly, lambda: counter.assign_add(1))
    for _ in range(batches):
        model.train_on_batch(BATCH, BATCH)
    return int(counter.numpy())


@misconception(
    "count_python_runs",
    says="You do not hand `run_eagerly` to `compile`, so your model always trains as a graph.",
    hint=3,
)
def always_traces(batches, *, run_eagerly):
    runs = []
    model = _counting_model(False, lambda: runs.append(None))
    for _ in range(batches):
        model.train_on_batch(BATCH, BATCH)
    return len(runs)


@misconception(
    "count_python_runs",
    says="You count the runs of `call`, and Keras calls that on its own as well, when it builds the model; count in "
    "`train_step`.",
    hint=2,
    subtle=True,
)
def counts_calls(batches, *, run_eagerly):
    runs = []

    class Counting(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = tf.keras.layers.Dense(1)

        def call(self, inputs):
            runs.append(None)
            return self.dense(inputs)

    model = Counting()
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    for _ in range(batches):
        model.train_on_batch(BATCH, BATCH)
    return len(runs)


@misconception(
    "count_python_runs",
    says="You compile again before every batch, which throws the traced graph away: compile once, then train.",
    hint=3,
    subtle=True,
)
def compiles_before_every_batch(batches, *, run_eagerly):
    runs = []
    model = _counting_model(run_eagerly, lambda: runs.append(None))
    for _ in range(batches):
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        model.train_on_batch(BATCH, BATCH)
    return len(runs)


@misconception(
    "count_python_runs",
    says="You hand `batches` samples to `fit`, whose batch size is 32 unless you say otherwise: that is one batch, not "
    "`batches` of them.",
    hint=3,
)
def takes_samples_for_batches(batches, *, run_eagerly):
    runs = []
    model = _counting_model(run_eagerly, lambda: runs.append(None))
    x = np.ones((batches, 1), "float32")
    model.fit(x, x, verbose=0)
    return len(runs)


@misconception(
    "count_python_runs",
    says="Your number does not follow what happens: with `tf.config.run_functions_eagerly(True)` Python runs for every "
    "batch, and yours says otherwise. Train a model and count.",
    hint=2,
    subtle=True,
)
def works_it_out(batches, *, run_eagerly):
    return batches if run_eagerly else min(batches, 2)


@misconception(
    "count_python_runs",
    says="You switch the whole process to eager functions and leave it so, for all code that comes after; hand "
    "`run_eagerly` to this one model's `compile`.",
    hint=3,
    subtle=True,
)
def switches_the_whole_process(batches, *, run_eagerly):
    runs = []
    model = _counting_model(False, lambda: runs.append(None))
    if run_eagerly:
        tf.config.run_functions_eagerly(True)
    for _ in range(batches):
        model.train_on_batch(BATCH, BATCH)
    return len(runs)


@misconception(
    "count_python_runs",
    says="You ask how functions run and conclude the number; it is to be seen, in a model that trains.",
    hint=2,
)
def asks_the_setting(batches, *, run_eagerly):
    return batches if run_eagerly or tf.config.functions_run_eagerly() else 1


@misconception(
    "count_python_runs",
    says="You train on one batch and multiply; train on as many as are asked for and count.",
    hint=2,
)
def multiplies_one_batch(batches, *, run_eagerly):
    runs = []

    class Counting(tf.keras.Sequential):
        def train_step(self, data):
            runs.append(None)
            return super().train_step(data)

    model = Counting([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=run_eagerly)
    model.train_on_batch(np.zeros((3, 2), "float32"), np.zeros((3, 1), "float32"))
    return len(runs) * batches if run_eagerly or tf.config.functions_run_eagerly() else len(runs)


@misconception(
    "count_python_runs",
    says="You count in `test_step`, which `evaluate` runs; the question is about training, `train_step` in `fit`.",
    hint=2,
)
def counts_test_steps(batches, *, run_eagerly):
    runs = []

    class Counting(tf.keras.Sequential):
        def test_step(self, data):
            runs.append(None)
            return super().test_step(data)

    model = Counting([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", run_eagerly=run_eagerly)
    size = 3 * batches
    model.evaluate(np.zeros((size, 2), "float32"), np.zeros((size, 1), "float32"), batch_size=3, verbose=0)
    return len(runs)


# max_jit_difference


SHAPES = [(4, 8), (8,), (8, 1), (1,)]


def _draw(generator):
    """Data and initial weights."""
    x, y = generator.standard_normal((16, 4), "float32"), generator.standard_normal((16, 1), "float32")
    return x, y, [generator.standard_normal(shape, "float32") / 2 for shape in SHAPES]


def _model(jit_compile, start):
    """A small compiled model with the weights `start`."""
    hidden = tf.keras.layers.Dense(8, "tanh", kernel_initializer="zeros")
    model = tf.keras.Sequential([tf.keras.Input((4,)), hidden, tf.keras.layers.Dense(1, kernel_initializer="zeros")])
    model.set_weights(start)
    model.compile("sgd", "mse", jit_compile=jit_compile)
    return model


def _trained(model, x, y, steps):
    for _ in range(steps):
        model.train_on_batch(x, y)
    return model.get_weights()


def _in_one(arrays):
    """All weights of a training as one vector."""
    return np.concatenate([array.ravel() for array in arrays])


def _largest_difference(one, other):
    return float(max(np.max(np.abs(a - b)) for a, b in zip(one, other, strict=True)))


@misconception(
    "max_jit_difference",
    says='You leave one training to "auto" and mean XLA, but on a CPU "auto" means no XLA: both trainings are the same '
    "and your difference is always 0.",
    hint=2,
    subtle=True,
)
def auto_is_not_xla(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    trainings = [_trained(_model(jit, start), x, y, steps) for jit in ("auto", False)]
    return _largest_difference(*trainings)


@misconception(
    "max_jit_difference",
    says="Your second model starts at other weights than the first, so you compare two trainings, not two ways to run "
    "one; set the same initial weights in both.",
    hint=1,
)
def starts_elsewhere(seed, *, steps):
    x, y, _ = _draw(np.random.default_rng(seed))
    starts = [_draw(np.random.default_rng([seed, number]))[2] for number in range(2)]
    trainings = [_trained(_model(jit, start), x, y, steps) for jit, start in zip((True, False), starts, strict=True)]
    return _largest_difference(*trainings)


@misconception(
    "max_jit_difference",
    says="You train the model a second time from where the first training left it; put the initial weights back first.",
    hint=1,
)
def goes_on_training(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    first = _trained(_model(True, start), x, y, steps)
    return _largest_difference(first, _trained(_model(False, first), x, y, steps))


@misconception(
    "max_jit_difference",
    says="You draw the data inside the training function, so the second training sees other data than the first; draw "
    "once, outside.",
    hint=1,
)
def draws_data_for_each_training(seed, *, steps):
    generator = np.random.default_rng(seed)
    start = _draw(generator)[2]
    trainings = [_trained(_model(jit, start), *_draw(generator)[:2], steps) for jit in (True, False)]
    return _largest_difference(*trainings)


@misconception(
    "max_jit_difference",
    says="You seed the global generators, and whoever draws from them after your call gets other numbers than before; "
    "draw from a generator of your own, np.random.default_rng(seed).",
    hint=2,
    subtle=True,
)
def seeds_the_whole_process(seed, *, steps):
    tf.keras.utils.set_random_seed(seed % 2**31)
    x, y = np.random.rand(16, 4).astype("float32"), np.random.rand(16, 1).astype("float32")
    start = [np.random.rand(*shape).astype("float32") - 0.5 for shape in SHAPES]
    return _largest_difference(*[_trained(_model(jit, start), x, y, steps) for jit in (True, False)])


@misconception(
    "max_jit_difference",
    says="You let Keras choose the initial weights, and an initializer without a seed draws from Python's global "
    "generator: the same `seed` gives another result each time.",
    hint=2,
    subtle=True,
)
def lets_keras_choose_the_weights(seed, *, steps):
    x, y, _ = _draw(np.random.default_rng(seed))
    start = tf.keras.Sequential(
        [tf.keras.Input((4,)), tf.keras.layers.Dense(8), tf.keras.layers.Dense(1)]
    ).get_weights()
    return _largest_difference(*[_trained(_model(jit, start), x, y, steps) for jit in (True, False)])


@misconception(
    "max_jit_difference",
    says="You return a NumPy number; the result is a plain Python float.",
    hint=3,
)
def returns_a_numpy_number(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    trainings = [_trained(_model(jit, start), x, y, steps) for jit in (True, False)]
    return np.max([np.max(np.abs(a - b)) for a, b in zip(*trainings, strict=True)])


@misconception(
    "max_jit_difference",
    says="You average the differences over the weights; asked for is the largest one.",
    hint=3,
    subtle=True,
)
def averages_the_differences(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    one, other = (_in_one(_trained(_model(jit, start), x, y, steps)) for jit in (True, False))
    return float(np.mean(np.abs(one - other)))


@misconception(
    "max_jit_difference",
    says="You take the root of a sum of squares, the distance of two vectors; asked for is the largest difference of "
    "any one weight.",
    hint=3,
    subtle=True,
)
def measures_the_distance(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    one, other = (_in_one(_trained(_model(jit, start), x, y, steps)) for jit in (True, False))
    return float(np.linalg.norm(one - other))


@misconception(
    "max_jit_difference",
    says="Your result is the same for every seed; data and initial weights must be drawn from the `seed` given.",
    hint=2,
    subtle=True,
)
def has_a_seed_of_its_own(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(0))
    return _largest_difference(*[_trained(_model(jit, start), x, y, steps) for jit in (True, False)])


@misconception(
    "max_jit_difference",
    says="Your result does not follow `steps`: train for as many updates as are asked for.",
    hint=3,
    subtle=True,
)
def always_makes_twenty_steps(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    return _largest_difference(*[_trained(_model(jit, start), x, y, 20) for jit in (True, False)])


@misconception(
    "max_jit_difference",
    says="Your trainings differ by more than XLA: with `tf.config.run_functions_eagerly(True)`, where nothing is "
    "compiled, the difference is not 0. Same weights, same data, same rate.",
    hint=1,
    subtle=True,
)
def starts_a_little_elsewhere(seed, *, steps):
    x, y, start = _draw(np.random.default_rng(seed))
    near = [np.nextafter(array, np.float32(9)) for array in start]
    return _largest_difference(*[_trained(_model(*which), x, y, steps) for which in ((True, start), (False, near))])


@misconception(
    "max_jit_difference",
    says="You take the largest signed difference, so one that is below 0 never counts; take the absolute value first.",
    hint=2,
)
def takes_the_sign_along(seed, *, steps):
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((16, 4), "float32"), generator.standard_normal((16, 1), "float32")
    start = [generator.standard_normal(shape, "float32") / 2 for shape in [(4, 8), (8,), (8, 1), (1,)]]

    def train(jit_compile):
        layers = [tf.keras.layers.Dense(units, kernel_initializer="zeros") for units in (8, 1)]
        layers[0].activation = tf.tanh
        model = tf.keras.Sequential([tf.keras.Input((4,)), *layers])
        model.set_weights(start)
        model.compile("sgd", "mse", jit_compile=jit_compile)
        for _ in range(steps):
            model.train_on_batch(x, y)
        return model.get_weights()

    pairs = zip(train(True), train(False), strict=True)
    return max(0.0, *(float(np.max(fused - plain)) for fused, plain in pairs))


@misconception(
    "max_jit_difference",
    says="You compare the first array of weights only; asked for is the largest difference of any weight.",
    hint=2,
)
def compares_one_array(seed, *, steps):
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((16, 4), "float32"), generator.standard_normal((16, 1), "float32")
    start = [generator.standard_normal(shape, "float32") / 2 for shape in [(4, 8), (8,), (8, 1), (1,)]]

    def train(jit_compile):
        layers = [tf.keras.layers.Dense(units, kernel_initializer="zeros") for units in (8, 1)]
        layers[0].activation = tf.tanh
        model = tf.keras.Sequential([tf.keras.Input((4,)), *layers])
        model.set_weights(start)
        model.compile("sgd", "mse", jit_compile=jit_compile)
        for _ in range(steps):
            model.train_on_batch(x, y)
        return model.get_weights()

    return float(np.max(np.abs(train(True)[0] - train(False)[0])))


@misconception(
    "max_jit_difference",
    says="You stop after ten updates; train for as many as are asked for.",
    hint=2,
)
def makes_ten_steps_at_most(seed, *, steps):
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((16, 4), "float32"), generator.standard_normal((16, 1), "float32")
    start = [generator.standard_normal(shape, "float32") / 2 for shape in [(4, 8), (8,), (8, 1), (1,)]]

    def train(jit_compile):
        layers = [tf.keras.layers.Dense(units, kernel_initializer="zeros") for units in (8, 1)]
        layers[0].activation = tf.tanh
        model = tf.keras.Sequential([tf.keras.Input((4,)), *layers])
        model.set_weights(start)
        model.compile("sgd", "mse", jit_compile=jit_compile)
        for _ in range(min(steps, 10)):
            model.train_on_batch(x, y)
        return model.get_weights()

    pairs = zip(train(True), train(False), strict=True)
    return float(max(np.max(np.abs(fused - plain)) for fused, plain in pairs))
