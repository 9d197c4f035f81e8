"""Wrong turns in gradient clipping, each with what its author should read."""

import functools

import tensorflow as tf

from kata.waist.variants import misconception


def _refuse(name, limit):
    if not limit > 0:
        raise ValueError(f"{name} must be positive. Received: {name}={limit}")


def _length(gradients):
    squares = [tf.reduce_sum(tf.square(tf.convert_to_tensor(g))) for g in gradients if g is not None]
    return tf.sqrt(tf.add_n(squares)) if squares else tf.constant(0.0)


def _each(function, gradients):
    return [None if g is None else function(tf.convert_to_tensor(g)) for g in gradients]


def _shrunk(g, norm, max_norm):
    return g * (max_norm / tf.maximum(norm, max_norm))


# global_norm


@misconception(
    "global_norm",
    says="You add the tensors' norms; lengths add as squares: one root over the sum of all squares.",
    hint=1,
)
def sum_of_the_norms(gradients):
    norms = [tf.norm(tf.convert_to_tensor(g)) for g in gradients if g is not None]
    return tf.add_n(norms) if norms else tf.constant(0.0)


@misconception("global_norm", says="You return the sum of squares; the norm is its square root.", hint=2)
def root_forgotten(gradients):
    return tf.square(_length(gradients))


@misconception(
    "global_norm", says="You take the largest of the tensors' norms; all of them count, as one long vector.", hint=1
)
def largest_of_the_norms(gradients):
    norms = [tf.norm(tf.convert_to_tensor(g)) for g in gradients if g is not None]
    return tf.reduce_max(tf.stack(norms)) if norms else tf.constant(0.0)


@misconception(
    "global_norm",
    says="You average the squares (a root mean square); a norm grows with the number of elements, so sum them.",
    hint=2,
)
def root_mean_square(gradients):
    elements = [tf.size(tf.convert_to_tensor(g)) for g in gradients if g is not None]
    norm = _length(gradients)
    return norm / tf.sqrt(tf.cast(tf.add_n(elements), norm.dtype)) if elements else norm


@misconception(
    "global_norm",
    says=(
        "Your ε inside the root stands in for small gradients: zeros get a norm of 1e-6, and anything below it is lost."
    ),
    hint=2,
    subtle=True,
)
def epsilon_in_the_root(gradients):
    norm = _length(gradients)
    return tf.sqrt(tf.square(norm) + 1e-12)


@misconception(
    "global_norm",
    says="You cast to float32 on the way; the norm of float64 gradients is float64, with its precision.",
    hint=2,
    subtle=True,
)
def always_in_float32(gradients):
    return _length([None if g is None else tf.cast(g, tf.float32) for g in gradients])


@misconception(
    "global_norm",
    says="With no tensors at all your norm fails or is NaN; the length of nothing is 0.0.",
    hint=3,
    subtle=True,
)
def nothing_is_nan(gradients):
    norm = _length(gradients)
    return norm if any(g is not None for g in gradients) else norm / norm


@misconception(
    "global_norm",
    says="You do not expect None; a variable that the loss does not depend on has no gradient and counts for nothing.",
    hint=3,
    subtle=True,
)
def none_not_expected(gradients):
    return tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients])) if gradients else tf.constant(0.0)


@misconception(
    "global_norm",
    says=("For a matrix you take the spectral norm (its largest singular value); here every element counts alike."),
    hint=1,
    subtle=True,
)
def spectral_norms(gradients):
    norms = [_spectral(tf.convert_to_tensor(g)) for g in gradients if g is not None]
    return tf.norm(tf.stack(norms)) if norms else tf.constant(0.0)


def _spectral(g):
    return tf.norm(g, ord=2, axis=(0, 1)) if g.shape.rank == 2 else tf.norm(g)


@misconception(
    "global_norm",
    says="With no tensors at all you return a Python number; what comes back is always a tensor: `tf.constant(0.0)`.",
    hint=3,
    subtle=True,
)
def nothing_is_a_python_number(gradients):
    return _length(gradients) if any(g is not None for g in gradients) else 0.0


# clip_by_value


@misconception(
    "clip_by_value",
    says="Beside float64 your limit is off in the eighth digit: `tf.cast(0.1, tf.float64)` goes through float32.",
    hint=2,
    subtle=True,
)
def value_limit_through_float32(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(
        lambda g: tf.minimum(tf.maximum(g, -tf.cast(clip_value, g.dtype)), tf.cast(clip_value, g.dtype)), gradients
    )


@misconception(
    "clip_by_value",
    says="You write into the list that you were given; its owner still needs it: build a new one.",
    hint=3,
    subtle=True,
)
def value_changes_the_list(gradients, clip_value):
    _refuse("clip_value", clip_value)
    clipped = gradients if isinstance(gradients, list) else list(gradients)
    for i, g in enumerate(clipped):
        if g is not None:
            clipped[i] = tf.minimum(tf.maximum(g, -clip_value), clip_value)
    return clipped


@misconception(
    "clip_by_value", says="You limit only the top; gradients explode downwards too: the interval is [-v, v].", hint=1
)
def only_the_top(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(lambda g: tf.minimum(g, clip_value), gradients)


@misconception(
    "clip_by_value",
    says="You scale the whole tensor by its largest element; by value, every element is limited for itself.",
    hint=1,
    subtle=True,
)
def scaled_by_the_largest(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(lambda g: _shrunk(g, tf.reduce_max(tf.abs(g)), clip_value), gradients)


@misconception(
    "clip_by_value",
    says="You set elements beyond the limit to zero; they must end up *at* the limit.",
    hint=2,
    subtle=True,
)
def beyond_becomes_zero(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(lambda g: tf.where(tf.abs(g) <= clip_value, g, tf.zeros_like(g)), gradients)


@misconception(
    "clip_by_value",
    says="You squash with tanh, which changes small gradients too; within the limit nothing may change.",
    hint=2,
    subtle=True,
)
def squashed_with_tanh(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(lambda g: clip_value * tf.tanh(g / clip_value), gradients)


@misconception(
    "clip_by_value",
    says="You drop the Nones, so every later gradient is paired with another variable; keep None where it stands.",
    hint=3,
    subtle=True,
)
def value_drops_none(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return [tf.minimum(tf.maximum(g, -clip_value), clip_value) for g in gradients if g is not None]


@misconception(
    "clip_by_value",
    says="You turn None into zeros; None says that there is no gradient, and must stay None.",
    hint=3,
    subtle=True,
)
def value_fills_none(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return [tf.zeros(()) if g is None else tf.minimum(tf.maximum(g, -clip_value), clip_value) for g in gradients]


@misconception(
    "clip_by_value",
    says="You refuse negative limits only; a limit of 0 would silently stop all training and is refused too.",
    hint=3,
    subtle=True,
)
def value_accepts_zero(gradients, clip_value):
    if clip_value < 0:
        raise ValueError(f"clip_value must not be negative. Received: clip_value={clip_value}")
    return _each(lambda g: tf.minimum(tf.maximum(g, -clip_value), clip_value), gradients)


@misconception(
    "clip_by_value",
    says="You clip in float32; gradients keep their dtype, and float64 its precision.",
    hint=2,
    subtle=True,
)
def value_in_float32(gradients, clip_value):
    _refuse("clip_value", clip_value)
    return _each(
        lambda g: tf.cast(tf.minimum(tf.maximum(tf.cast(g, tf.float32), -clip_value), clip_value), g.dtype), gradients
    )


@misconception(
    "clip_by_value",
    says="You look at the limit only when there is a gradient to clip; a limit of 0 or less is refused whatever comes.",
    hint=3,
    subtle=True,
)
def limit_checked_with_each_gradient(gradients, clip_value):
    def clip(g):
        _refuse("clip_value", clip_value)
        return tf.minimum(tf.maximum(g, -clip_value), clip_value)

    return _each(clip, gradients)


# clip_by_norm


@misconception(
    "clip_by_norm",
    says="You measure all tensors together; that is the *global* norm. Here each tensor is clipped by its own.",
    hint=1,
    subtle=True,
)
def norm_of_all_of_them(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    return _each(lambda g: _shrunk(g, norm, max_norm), gradients)


@misconception(
    "clip_by_norm",
    says=(
        "You measure along the last axis, row by row; the norm is over *all* elements of a tensor, whatever its shape."
    ),
    hint=2,
    subtle=True,
)
def row_by_row(gradients, max_norm):
    _refuse("max_norm", max_norm)

    def norms(g):
        return tf.norm(g, axis=-1, keepdims=True) if g.shape.rank else tf.abs(g)

    return _each(lambda g: _shrunk(g, norms(g), max_norm), gradients)


@misconception(
    "clip_by_norm",
    says="You always scale to the limit, which makes short gradients longer; within the limit nothing changes.",
    hint=2,
)
def stretched_to_the_limit(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: g * tf.math.divide_no_nan(tf.cast(max_norm, g.dtype), tf.norm(g)), gradients)


@misconception(
    "clip_by_norm",
    says="You divide by the norm even when it is zero, and 0 / 0 is NaN; divide by max(norm, limit), which never is.",
    hint=3,
    subtle=True,
)
def nan_for_zeros(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: g * (tf.minimum(tf.norm(g), max_norm) / tf.norm(g)), gradients)


@misconception(
    "clip_by_norm",
    says="Your ε in the divisor makes the factor too small; beside a small norm and limit it is all there is of it.",
    hint=3,
    subtle=True,
)
def epsilon_in_the_divisor(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: g * tf.minimum(max_norm / (tf.norm(g) + 1e-6), 1.0), gradients)


@misconception(
    "clip_by_norm",
    says="You multiply by the limit and divide it out again, which rounds twice; within the limit the bits must stay.",
    hint=3,
    subtle=True,
)
def multiplied_and_divided_back(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: g * max_norm / tf.maximum(tf.norm(g), max_norm), gradients)


@misconception(
    "clip_by_norm",
    says="You limit each element; the norm method shortens the tensor as a whole and keeps its direction.",
    hint=1,
)
def element_by_element(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: tf.minimum(tf.maximum(g, -max_norm), max_norm), gradients)


@misconception(
    "clip_by_norm",
    says="You refuse negative limits only; at a limit of 0 you divide zero by zero: refuse it too.",
    hint=3,
    subtle=True,
)
def norm_accepts_zero(gradients, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm must not be negative. Received: max_norm={max_norm}")
    return _each(lambda g: _shrunk(g, tf.norm(g), max_norm), gradients)


@misconception(
    "clip_by_norm",
    says=("For a matrix you take the spectral norm (its largest singular value); here every element counts alike."),
    hint=2,
    subtle=True,
)
def spectral_norm_of_a_matrix(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: _shrunk(g, _spectral(g), max_norm), gradients)


@misconception(
    "clip_by_norm",
    says="Beside float64 your limit is off in the eighth digit: `tf.cast(0.1, tf.float64)` goes through float32.",
    hint=3,
    subtle=True,
)
def norm_limit_through_float32(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: _shrunk(g, tf.norm(g), tf.cast(max_norm, g.dtype)), gradients)


@misconception(
    "clip_by_norm",
    says="You look at the limit only when there is a gradient to clip; a limit of 0 or less is refused whatever comes.",
    hint=3,
    subtle=True,
)
def limit_checked_with_each_tensor(gradients, max_norm):
    def clip(g):
        _refuse("max_norm", max_norm)
        return _shrunk(g, tf.norm(g), max_norm)

    return _each(clip, gradients)


# clip_by_global_norm


@misconception(
    "clip_by_global_norm",
    says="A list without a single tensor stops you; nothing comes back clipped then, and the norm is 0.0.",
    hint=2,
    subtle=True,
)
def no_tensor_at_all_fails(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients if g is not None]))
    return _each(lambda g: _shrunk(g, norm, max_norm), gradients), norm


@misconception(
    "clip_by_global_norm",
    says="Beside float64 your limit is off in the eighth digit: `tf.cast(0.1, tf.float64)` goes through float32.",
    hint=3,
    subtle=True,
)
def global_limit_through_float32(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    return _each(lambda g: _shrunk(g, norm, tf.cast(max_norm, g.dtype)), gradients), norm


@misconception(
    "clip_by_global_norm",
    says="You clip each tensor by its own norm; here all share one factor, so that the direction of the update stays.",
    hint=1,
    subtle=True,
)
def each_by_its_own(gradients, max_norm):
    _refuse("max_norm", max_norm)
    return _each(lambda g: _shrunk(g, tf.norm(g), max_norm), gradients), _length(gradients)


@misconception(
    "clip_by_global_norm",
    says="You report the norm after clipping; asked for is the one before, which shows how often the limit bites.",
    hint=2,
    subtle=True,
)
def norm_after_clipping(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    clipped = _each(lambda g: _shrunk(g, norm, max_norm), gradients)
    return clipped, _length(clipped)


@misconception(
    "clip_by_global_norm",
    says="You scale by limit / norm whatever the norm; when it is within the limit nothing may change.",
    hint=2,
)
def always_scaled(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    return _each(lambda g: g * tf.math.divide_no_nan(tf.cast(max_norm, g.dtype), norm), gradients), norm


@misconception(
    "clip_by_global_norm",
    says="All-zero gradients make your factor 0 / 0, which is NaN; divide by max(norm, limit), which is never 0.",
    hint=3,
    subtle=True,
)
def zero_norm_gives_nan(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    return _each(lambda g: g * (tf.minimum(norm, max_norm) / norm), gradients), norm


@misconception(
    "clip_by_global_norm",
    says="Your c · min(1/‖g‖, 1/c) is not 1 for every c (try 41 in float32); c / max(‖g‖, c) is, to the bit.",
    hint=3,
    subtle=True,
)
def product_of_reciprocals(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    factor = max_norm * tf.minimum(1.0 / norm, 1.0 / tf.cast(max_norm, norm.dtype))
    return _each(lambda g: g * factor, gradients), norm


@misconception(
    "clip_by_global_norm",
    says="Your ε in the divisor makes the factor too small; where norm and limit are small, even within the limit.",
    hint=3,
    subtle=True,
)
def global_epsilon_in_the_divisor(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    factor = tf.minimum(max_norm / (norm + 1e-6), 1.0)
    return _each(lambda g: g * factor, gradients), norm


@misconception(
    "clip_by_global_norm",
    says="You drop the Nones, so the list no longer fits the variables; keep None where it stands.",
    hint=2,
    subtle=True,
)
def global_drops_none(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = _length(gradients)
    return [_shrunk(tf.convert_to_tensor(g), norm, max_norm) for g in gradients if g is not None], norm


@misconception(
    "clip_by_global_norm",
    says="Your threshold is the sum of the tensors' norms, which is too large; square, add, then take one root.",
    hint=1,
)
def threshold_by_sum_of_norms(gradients, max_norm):
    _refuse("max_norm", max_norm)
    norm = sum_of_the_norms(gradients)
    return _each(lambda g: _shrunk(g, norm, max_norm), gradients), norm


@misconception(
    "clip_by_global_norm",
    says="You accept a limit of 0, with which nothing would ever be learned; refuse every limit that is not positive.",
    hint=3,
    subtle=True,
)
def global_accepts_zero(gradients, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm must not be negative. Received: max_norm={max_norm}")
    norm = _length(gradients)
    return _each(lambda g: _shrunk(g, norm, max_norm), gradients), norm


# clipped_optimizer


@misconception(
    "clipped_optimizer",
    says=(
        "You swap clipnorm and global_clipnorm: `clipnorm` looks at each variable alone, `global_clipnorm` at all "
        "together."
    ),
    hint=1,
    subtle=True,
)
def norms_swapped(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "global_clipnorm", "global_norm": "clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.Adam(learning_rate, **{arguments[method]: limit})


@misconception(
    "clipped_optimizer",
    says="You take any other method for the global norm; a typing error must be refused, not guessed at.",
    hint=2,
    subtle=True,
)
def anything_else_is_global(method, limit, *, learning_rate=1e-3):
    argument = {"value": "clipvalue", "norm": "clipnorm"}.get(method, "global_clipnorm")
    return tf.keras.optimizers.Adam(learning_rate, **{argument: limit})


@misconception(
    "clipped_optimizer",
    says="You forget the learning rate: Adam's default is in force whatever is asked.",
    hint=3,
)
def default_rate(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.Adam(**{arguments[method]: limit})


@misconception("clipped_optimizer", says="You build SGD; asked for is Adam.", hint=3)
def plain_sgd(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.SGD(learning_rate, **{arguments[method]: limit})


@misconception(
    "clipped_optimizer",
    says="Your limit is always 1.0, the usual one; the caller's limit is the one to set.",
    hint=3,
    subtle=True,
)
def usual_limit(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.Adam(learning_rate, **{arguments[method]: 1.0})


@misconception(
    "clipped_optimizer",
    says="You build AdamW, which decays the weights besides; asked for is Adam, its other settings at their defaults.",
    hint=3,
    subtle=True,
)
def decoupled_decay_besides(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.AdamW(learning_rate, **{arguments[method]: limit})


@misconception(
    "clipped_optimizer",
    says="Asked again, you hand out the same optimizer: a second model would go on with the first one's state.",
    hint=3,
    subtle=True,
)
@functools.cache
def one_for_every_model(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    if method not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.Adam(learning_rate, **{arguments[method]: limit})


@misconception(
    "clipped_optimizer",
    says="You read `global-norm` as `global_norm`; a name that is none of the three is refused, however near it comes.",
    hint=2,
    subtle=True,
)
def hyphen_for_underscore(method, limit, *, learning_rate=1e-3):
    arguments = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    name = str(method).replace("-", "_")
    if name not in arguments:
        raise ValueError(f"method must be value, norm or global_norm. Received: method={method!r}")
    return tf.keras.optimizers.Adam(learning_rate, **{arguments[name]: limit})


# clipped_train_step


def _loss_and_gradients(model, loss_fn, x, y, training=True):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=training))
    return loss, tape.gradient(loss, model.trainable_variables)


def _clipped(gradients, max_norm):
    norm = _length(gradients)
    return _each(lambda g: _shrunk(g, norm, max_norm), gradients), norm


@misconception(
    "clipped_train_step",
    says="You clip, but hand the unclipped gradients to the optimizer; only what it is given moves the weights.",
    hint=1,
    subtle=True,
)
def clipped_but_not_used(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    _, norm = _clipped(gradients, max_norm)
    optimizer.apply(gradients, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You clip each variable's gradient by itself; the weights together then move further than lr · max_norm.",
    hint=2,
    subtle=True,
)
def step_clips_each_variable(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped = _each(lambda g: _shrunk(g, tf.norm(g), max_norm), gradients)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, _length(gradients)


@misconception(
    "clipped_train_step",
    says="You limit each element to ±max_norm; the bound is on the length of the whole gradient.",
    hint=2,
)
def step_clips_each_element(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped = _each(lambda g: tf.minimum(tf.maximum(g, -max_norm), max_norm), gradients)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, _length(gradients)


@misconception(
    "clipped_train_step",
    says="You return the norm after clipping, which never exceeds the limit; asked for is the norm before.",
    hint=3,
    subtle=True,
)
def step_returns_norm_after(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped, _ = _clipped(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, _length(clipped)


@misconception(
    "clipped_train_step",
    says="You compute the loss again after the update; asked for is the loss that the gradient belongs to, before it.",
    hint=3,
    subtle=True,
)
def loss_after_the_update(model, optimizer, loss_fn, x, y, *, max_norm):
    _, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped, norm = _clipped(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss_fn(y, model(x, training=True)), norm


@misconception(
    "clipped_train_step",
    says="You clip the weights after the update; clipping belongs between the gradient and the update.",
    hint=1,
)
def weights_clipped_instead(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    optimizer.apply(gradients, model.trainable_variables)
    norm = _length(model.trainable_variables)
    for v in model.trainable_variables:
        v.assign(_shrunk(v.value, norm, max_norm))
    return loss, _length(gradients)


@misconception(
    "clipped_train_step",
    says=(
        "You clip the loss, so its gradient is zero as soon as it is large, and nothing is learned; clip the gradients."
    ),
    hint=1,
    subtle=True,
)
def loss_clipped_instead(model, optimizer, loss_fn, x, y, *, max_norm):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
        bounded = tf.minimum(loss, max_norm)
    gradients = tape.gradient(bounded, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss, _length(gradients)


@misconception(
    "clipped_train_step",
    says="A perfect fit has gradients of zero, and your limit / norm turns them into NaN; the weights never recover.",
    hint=2,
    subtle=True,
)
def nan_at_a_perfect_fit(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    norm = _length(gradients)
    optimizer.apply([g * (tf.minimum(norm, max_norm) / norm) for g in gradients], model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You run the model with training=False; dropout and batch normalization must know that this is training.",
    hint=3,
    subtle=True,
)
def forward_as_in_inference(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y, training=False)
    clipped, norm = _clipped(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says=(
        "You measure an embedding's gradient row by row, as `tf.clip_by_global_norm` does; if a row repeats, its parts "
        "must be added up first (`tf.convert_to_tensor`)."
    ),
    hint=2,
    subtle=True,
)
def rows_measured_apart(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped, norm = tf.clip_by_global_norm(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You call `loss_fn` with the prediction first; it is `loss_fn(y_true, y_pred)`, and few losses are symmetric.",
    hint=3,
    subtle=True,
)
def step_prediction_first(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, lambda y, p: loss_fn(p, y), x, y)
    clipped, norm = _clipped(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You do not expect None; a variable that the loss does not depend on has no gradient and stays as it is.",
    hint=2,
    subtle=True,
)
def step_without_none(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped, norm = _clipped([tf.convert_to_tensor(g) for g in gradients], max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You subtract rate times gradient yourself; the update is the optimizer's: momentum, moments, iterations.",
    hint=3,
    subtle=True,
)
def descent_by_hand(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    clipped, norm = _clipped(gradients, max_norm)
    for v, g in zip(model.trainable_variables, clipped):
        if g is not None:
            v.assign_sub(optimizer.learning_rate * g)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="You make floats of the targets, but a loss may count with whole numbers, as a sparse one does; pass them on.",
    hint=3,
    subtle=True,
)
def targets_made_floats(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, lambda y, p: loss_fn(tf.cast(y, p.dtype), p), x, y)
    clipped, norm = _clipped(gradients, max_norm)
    optimizer.apply(clipped, model.trainable_variables)
    return loss, norm


@misconception(
    "clipped_train_step",
    says="Your norm is float32 whatever the gradients are; in a float64 model it is float64.",
    hint=2,
    subtle=True,
)
def step_measures_in_float32(model, optimizer, loss_fn, x, y, *, max_norm):
    loss, gradients = _loss_and_gradients(model, loss_fn, x, y)
    norm = _length([None if g is None else tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients])
    factor = max_norm / tf.maximum(norm, max_norm)
    optimizer.apply(_each(lambda g: g * tf.cast(factor, g.dtype), gradients), model.trainable_variables)
    return loss, norm


# build_sequence_classifier


def _classifier(timesteps, features, units, *, last_sequence=False, activation="sigmoid", dropout=0.0, **lstm):
    model = tf.keras.Sequential([tf.keras.Input((timesteps, features))])
    for i, size in enumerate(units):
        model.add(tf.keras.layers.LSTM(size, return_sequences=last_sequence or i < len(units) - 1, **lstm))
        if dropout:
            model.add(tf.keras.layers.Dropout(dropout))
    model.add(tf.keras.layers.Dense(1, activation=activation))
    return model


def _compiled(model, loss="binary_crossentropy", metric="accuracy", **settings):
    optimizer = tf.keras.optimizers.Adam(**{"learning_rate": 1e-3, "global_clipnorm": 1.0, **settings})
    model.compile(optimizer=optimizer, loss=loss, metrics=[metric])
    return model


@misconception(
    "build_sequence_classifier",
    says="You set clipnorm, which clips each variable alone; for recurrent nets the norm over all of them is clipped.",
    hint=3,
    subtle=True,
)
def clips_each_variable(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units), global_clipnorm=None, clipnorm=1.0)


@misconception(
    "build_sequence_classifier", says="You do not clip at all; recurrent gradients are the ones that explode.", hint=3
)
def without_clipping(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units), global_clipnorm=None)


@misconception(
    "build_sequence_classifier",
    says=(
        "Your last LSTM returns its whole sequence, so there is one answer per timestep; one per sequence is asked for."
    ),
    hint=1,
)
def an_answer_per_timestep(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, last_sequence=True))


@misconception(
    "build_sequence_classifier",
    says=(
        "Your output layer has no sigmoid, so the loss on probabilities is given logits and the output is no "
        "probability."
    ),
    hint=2,
)
def logits_taken_for_probabilities(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, activation=None))


@misconception(
    "build_sequence_classifier",
    says="You end in a softmax over one unit, which is always 1; a single probability comes from a sigmoid.",
    hint=2,
    subtle=True,
)
def softmax_of_one_unit(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, activation="softmax"))


@misconception(
    "build_sequence_classifier",
    says="Your Accuracy() object asks whether a probability *equals* the label and reports 0; ask for binary accuracy.",
    hint=3,
    subtle=True,
)
def accuracy_by_equality(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units), metric=tf.keras.metrics.Accuracy(name="accuracy"))


@misconception(
    "build_sequence_classifier",
    says="You always build layers of 64 and 32 units; `units` says how many and how large.",
    hint=1,
    subtle=True,
)
def sizes_of_the_article(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, (64, 32)))


@misconception(
    "build_sequence_classifier",
    says="Your input is (features, timesteps): the LSTM would walk along the features; time comes first.",
    hint=1,
)
def axes_swapped(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(features, timesteps, units))


@misconception(
    "build_sequence_classifier",
    says="Your loss is the squared error; for a probability against a yes-or-no label it is binary cross-entropy.",
    hint=2,
    subtle=True,
)
def squared_error(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units), loss="mse")


@misconception(
    "build_sequence_classifier",
    says="In training your model answers at random, as with dropout; asked for are LSTMs and a sigmoid, nothing else.",
    hint=1,
    subtle=True,
)
def dropout_in_between(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, dropout=0.2))


@misconception(
    "build_sequence_classifier",
    says="Your LSTMs use relu where Keras' use tanh: leave `activation` at its default.",
    hint=1,
    subtle=True,
)
def relu_inside(timesteps, features, *, units=(64, 32)):
    model = tf.keras.Sequential([tf.keras.Input((timesteps, features))])
    for i, size in enumerate(units):
        model.add(tf.keras.layers.LSTM(size, activation="relu", return_sequences=i < len(units) - 1))
    model.add(tf.keras.layers.Dense(1, activation="sigmoid"))
    return _compiled(model)


@misconception(
    "build_sequence_classifier",
    says="Your LSTMs walk backwards through time: leave `go_backwards` alone.",
    hint=1,
    subtle=True,
)
def backwards_in_time(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, go_backwards=True))


@misconception(
    "build_sequence_classifier",
    says="A timestep of zeros is passed over, as with masking; it is a timestep like any other.",
    hint=1,
    subtle=True,
)
def zeros_masked(timesteps, features, *, units=(64, 32)):
    model = tf.keras.Sequential([tf.keras.Input((timesteps, features)), tf.keras.layers.Masking()])
    for i, size in enumerate(units):
        model.add(tf.keras.layers.LSTM(size, return_sequences=i < len(units) - 1))
    model.add(tf.keras.layers.Dense(1, activation="sigmoid"))
    return _compiled(model)


@misconception(
    "build_sequence_classifier",
    says="Your gates are not the sigmoid of Keras' LSTM: leave `recurrent_activation` at its default.",
    hint=1,
    subtle=True,
)
def hard_gates(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, recurrent_activation="hard_sigmoid"))


@misconception(
    "build_sequence_classifier",
    says="Your forget gates start without Keras' bias of 1 (`unit_forget_bias`): leave the LSTMs at their defaults.",
    hint=1,
    subtle=True,
)
def no_bias_to_remember(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, unit_forget_bias=False))


@misconception(
    "build_sequence_classifier",
    says="Your weights are held in bounds by a constraint, which was not asked for: gradients are clipped, no weights.",
    hint=3,
    subtle=True,
)
def weights_in_bounds(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, kernel_constraint="max_norm"))


@misconception(
    "build_sequence_classifier",
    says="Your LSTMs start from other weights than Keras' own: leave their initializers at the defaults.",
    hint=1,
    subtle=True,
)
def other_weights_to_start(timesteps, features, *, units=(64, 32)):
    return _compiled(_classifier(timesteps, features, units, recurrent_initializer="glorot_uniform"))


@misconception(
    "build_sequence_classifier",
    says="You compile with `run_eagerly=True`, which makes every step many times slower; leave it at its default.",
    hint=3,
    subtle=True,
)
def compiled_to_run_eagerly(timesteps, features, *, units=(64, 32)):
    model = _classifier(timesteps, features, units)
    optimizer = tf.keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


@misconception(
    "build_sequence_classifier",
    says="Asked again, you hand out a model that shares something with the first; each call must make all of it anew.",
    hint=3,
    subtle=True,
)
def one_optimizer_for_every_classifier(timesteps, features, *, units=(64, 32)):
    model = _compiled(_classifier(timesteps, features, units))
    model.optimizer = _shared_optimizer()
    return model


@functools.cache
def _shared_optimizer():
    return tf.keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
