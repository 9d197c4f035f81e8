"""Other right ways to clip gradients, and what each costs or gains."""

import keras
import tensorflow as tf

from kata.waist.variants import approach


def _refuse(name, limit):
    if not limit > 0:
        raise ValueError(f"{name} must be positive. Received: {name}={limit}")


def _tensors(gradients):
    return [tf.convert_to_tensor(g) for g in gradients if g is not None]


@approach("global_norm", note="The norm of the tensors' norms: the same number, and each norm is at hand for logging.")
def norm_of_norms(gradients):
    norms = [tf.norm(g) for g in _tensors(gradients)]
    return tf.norm(tf.stack(norms)) if norms else tf.constant(0.0)


@approach("global_norm", note="One long vector, as the definition says it: plain to read, but copies every gradient.")
def norm_of_one_long_vector(gradients):
    pieces = [tf.reshape(g, [-1]) for g in _tensors(gradients)]
    return tf.norm(tf.concat(pieces, axis=0)) if pieces else tf.constant(0.0)


@approach(
    "global_norm",
    note="Divides by the largest element first: sums no square above 1, so nothing overflows; two passes.",
)
def norm_without_overflow(gradients):
    tensors = [g for g in _tensors(gradients) if g.shape.num_elements() != 0]
    if not tensors:
        return tf.constant(0.0)
    largest = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(g)) for g in tensors]))
    unit = tf.where(largest > 0, largest, tf.ones_like(largest))
    return unit * tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g / unit)) for g in tensors]))


@approach("clip_by_value", note="Two `tf.where`, one for each end: every case is visible, at two more operations.")
def value_by_cases(gradients, clip_value):
    _refuse("clip_value", clip_value)

    def clip(g):
        limit = tf.fill(tf.shape(g), tf.constant(clip_value, g.dtype))  # tf.cast would go through float32
        return tf.where(g > limit, limit, tf.where(g < -limit, -limit, g))

    return [None if g is None else clip(tf.convert_to_tensor(g)) for g in gradients]


@approach("clip_by_value", note="Sign times clipped size: shows that only the size is limited.")
def sign_times_size(gradients, clip_value):
    _refuse("clip_value", clip_value)

    def clip(g):
        return tf.sign(g) * tf.minimum(tf.abs(g), tf.constant(clip_value, g.dtype))

    return [None if g is None else clip(tf.convert_to_tensor(g)) for g in gradients]


@approach("clip_by_value", note="The middle one of -v, g and v: what clipping means, for the price of a sort.")
def median_of_three(gradients, clip_value):
    _refuse("clip_value", clip_value)

    def clip(g):
        limit = tf.fill(tf.shape(g), tf.constant(clip_value, g.dtype))
        return tf.sort(tf.stack([-limit, g, limit]), axis=0)[1]

    return [None if g is None else clip(tf.convert_to_tensor(g)) for g in gradients]


@approach(
    "clip_by_norm",
    note="Chooses the factor with `tf.where`; the quotient that is not taken needs a safe divisor all the same.",
)
def norm_by_cases(gradients, max_norm):
    _refuse("max_norm", max_norm)

    def clip(g):
        norm = tf.sqrt(tf.reduce_sum(tf.square(g)))
        too_long = norm > max_norm
        factor = tf.where(too_long, max_norm / tf.where(too_long, norm, 1.0), 1.0)
        return g * factor

    return [None if g is None else clip(tf.convert_to_tensor(g)) for g in gradients]


@approach(
    "clip_by_norm",
    note="Returns a short tensor as it is, the very object: no copy, but a branch that a graph must carry.",
)
def the_same_object_when_short(gradients, max_norm):
    _refuse("max_norm", max_norm)

    def clip(g):
        norm = tf.linalg.global_norm([g])
        if norm <= max_norm:
            return g
        else:
            return g * (max_norm / norm)

    return [g if g is None else clip(g) for g in gradients]


@approach("clip_by_norm", note="`keras.ops` throughout: runs on every backend of Keras, not on TensorFlow alone.")
def norm_on_any_backend(gradients, max_norm):
    _refuse("max_norm", max_norm)

    def clip(g):
        norm = keras.ops.sqrt(keras.ops.sum(keras.ops.square(g)))
        return g / keras.ops.maximum(norm / max_norm, keras.ops.ones_like(norm))

    return [None if g is None else clip(keras.ops.convert_to_tensor(g)) for g in gradients]


@approach(
    "clip_by_global_norm",
    note="Decides with `tf.cond`: nothing is multiplied within the limit, but XLA and a GPU would rather multiply.",
)
def globally_by_branch(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = norm_of_norms(gradients)

    def clip(g):
        return tf.cond(norm <= max_norm, lambda: tf.identity(g), lambda: g * (max_norm / norm))

    return [None if g is None else clip(tf.convert_to_tensor(g)) for g in gradients], norm


@approach(
    "clip_by_global_norm",
    note="The factor as min(1, c/‖g‖), with the zero norm made harmless before the division.",
)
def globally_by_minimum(gradients, max_norm):
    _refuse("max_norm", max_norm)
    tensors = _tensors(gradients)
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(g * g) for g in tensors])) if tensors else tf.constant(0.0)
    safe = tf.where(norm > 0, norm, tf.ones_like(norm))
    factor = tf.where(norm > 0, tf.minimum(max_norm / safe, tf.ones_like(norm)), tf.ones_like(norm))
    return [None if g is None else tf.convert_to_tensor(g) * factor for g in gradients], norm


@approach("clip_by_global_norm", note="Clips one long vector and cuts it up again: one product, but two copies.")
def one_vector_cut_up_again(gradients, max_norm):
    _refuse("max_norm", max_norm)
    tensors = _tensors(gradients)
    if not tensors:
        return list(gradients), tf.constant(0.0)
    vector = tf.concat([tf.reshape(g, [-1]) for g in tensors], axis=0)
    norm = tf.norm(vector)
    pieces = iter(tf.split(vector * (max_norm / tf.maximum(norm, max_norm)), [g.shape.num_elements() for g in tensors]))
    return [None if g is None else tf.reshape(next(pieces), g.shape) for g in gradients], norm


@approach("clipped_optimizer", note="Spelled out with `match`: longer, and a type checker follows every keyword.")
def by_match(method, limit, *, learning_rate=1e-3):
    match method:
        case "value":
            return tf.keras.optimizers.Adam(learning_rate, clipvalue=limit)
        case "norm":
            return tf.keras.optimizers.Adam(learning_rate, clipnorm=limit)
        case "global_norm":
            return tf.keras.optimizers.Adam(learning_rate, global_clipnorm=limit)
    raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")


@approach("clipped_optimizer", note="From a configuration, as an experiment's settings file would name it.")
def from_configuration(method, limit, *, learning_rate=1e-3):
    if method not in ("value", "norm", "global_norm"):
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    prefix, _, _ = method.rpartition("norm")
    argument = "clipvalue" if method == "value" else f"{prefix}clipnorm"
    config = {"learning_rate": learning_rate, argument: limit}
    return tf.keras.optimizers.get({"class_name": "Adam", "config": config})


@approach(
    "clipped_train_step",
    note="Clips with TensorFlow's own function: the shortest, and what a training script would do.",
)
def with_the_built_in(model, optimizer, loss_fn, x, y, *, max_norm):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    # It measures an embedding's rows one by one: they must have been added up before.
    dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    clipped, norm = tf.clip_by_global_norm(dense, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@approach(
    "clipped_train_step",
    note=(
        "Starts a second backward pass from the factor instead of 1: one number scales all gradients, for twice the "
        "work."
    ),
)
def by_a_scaled_backward_pass(model, optimizer, loss_fn, x, y, *, max_norm):
    variables = model.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        loss = loss_fn(y, model(x, training=True))
    norm = norm_of_norms(tape.gradient(loss, variables))
    scaled = tape.gradient(loss, variables, output_gradients=max_norm / tf.maximum(norm, max_norm))
    optimizer.apply([None if g is None else tf.convert_to_tensor(g) for g in scaled], variables)
    return loss, norm


@approach(
    "clipped_train_step",
    note="Lets the optimizer clip, for this one step: no clipping of one's own, but the norm is computed twice.",
)
def the_optimizer_clips_for_once(model, optimizer, loss_fn, x, y, *, max_norm):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    optimizer.global_clipnorm = max_norm
    try:
        optimizer.apply(dense, model.trainable_variables)
    finally:
        optimizer.global_clipnorm = None
    return loss, tf.linalg.global_norm(dense)


@approach(
    "build_sequence_classifier",
    note="The functional form: longer, but a second input or output is only a line away.",
)
def functional_form(timesteps, features, *, units=(64, 32)):
    inputs = hidden = tf.keras.Input((timesteps, features))
    *stacked, last = units
    for size in stacked:
        hidden = tf.keras.layers.LSTM(size, return_sequences=True)(hidden)
    hidden = tf.keras.layers.LSTM(last)(hidden)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(learning_rate=1e-3, global_clipnorm=1.0),
        loss=tf.keras.losses.BinaryCrossentropy(),
        metrics=[tf.keras.metrics.BinaryAccuracy(name="accuracy")],
    )
    return model


@approach(
    "build_sequence_classifier",
    note="All cells in one RNN layer: one walk through time for the whole stack, but no fast kernel on a GPU.",
)
def cells_in_one_layer(timesteps, features, *, units=(64, 32)):
    cells = tf.keras.layers.RNN([tf.keras.layers.LSTMCell(size) for size in units])
    layers = [tf.keras.Input((timesteps, features)), cells, tf.keras.layers.Dense(1, activation="sigmoid")]
    model = tf.keras.Sequential(layers)
    optimizer = tf.keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


@approach(
    "build_sequence_classifier",
    note="The sigmoid as a layer of its own: cutting the model before it gives logits.",
)
def with_an_activation_layer(timesteps, features, *, units=(64, 32)):
    layers = [tf.keras.layers.LSTM(size, return_sequences=True) for size in units[:-1]]
    model = tf.keras.Sequential(
        [
            tf.keras.Input((timesteps, features)),
            *layers,
            tf.keras.layers.LSTM(units[-1]),
            tf.keras.layers.Dense(1),
            tf.keras.layers.Activation("sigmoid"),
        ]
    )
    optimizer = tf.keras.optimizers.Adam(global_clipnorm=1.0)  # 1e-3 is Adam's default
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model
