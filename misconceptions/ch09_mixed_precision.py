"""Wrong turns in chapter 9, each with the sentence that its author should read."""

import functools
from contextlib import contextmanager

import tensorflow as tf

from kata.waist.variants import misconception
from solutions.ch09_mixed_precision import LayerDtypes

# precision_policy


@misconception(
    "precision_policy",
    says="You put back float32, whatever was there before; "
    "remember the policy that you find on entry and put back that one.",
    hint=1,
    subtle=True,
)
@contextmanager
def back_to_float32(name="mixed_float16"):
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


@misconception(
    "precision_policy",
    says="When the block raises, your clean-up is never reached and every later model is built in float16; "
    "put it into a finally.",
    hint=2,
    subtle=True,
)
@contextmanager
def no_finally(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    yield
    tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You clean up after an Exception only, but Ctrl-C raises KeyboardInterrupt, which is none; "
    "a finally runs however the block ends.",
    hint=2,
    subtle=True,
)
@contextmanager
def only_after_exceptions(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    except Exception:
        tf.keras.mixed_precision.set_global_policy(earlier)
        raise
    tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="Your context manager swallows the block's exception, so a failed training looks like a finished one; "
    "restore the policy and let the exception go on.",
    hint=2,
)
@contextmanager
def swallows_exceptions(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    except BaseException:
        pass
    finally:
        tf.keras.mixed_precision.set_global_policy(earlier)


_EARLIER = {}


@misconception(
    "precision_policy",
    says="You keep the earlier policy in one place for all blocks, so an inner block overwrites what the outer one "
    "must put back; keep it in a local variable of each block.",
    hint=3,
    subtle=True,
)
@contextmanager
def one_place_for_all(name="mixed_float16"):
    _EARLIER["policy"] = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(_EARLIER["policy"])


@misconception(
    "precision_policy",
    says="You set the compute dtype for everything, weights too; the policy's full name keeps the variables in "
    "float32, where small updates are not lost.",
    hint=1,
)
@contextmanager
def weights_as_well(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name.removeprefix("mixed_"))
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You always set mixed_float16; the policy to set is your argument.",
    hint=1,
    subtle=True,
)
@contextmanager
def always_mixed_float16(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You put back a policy of the same name, which is not always the same policy; "
    "keep the policy object that you find on entry, not its name.",
    hint=3,
    subtle=True,
)
@contextmanager
def back_by_name(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy().name
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You set the policy when the context manager is made; look at the earlier one, and set yours, when its block "
    "is entered.",
    hint=3,
    subtle=True,
)
class SetsWhenMade:
    def __init__(self, name="mixed_float16"):
        self.earlier = tf.keras.mixed_precision.global_policy()
        tf.keras.mixed_precision.set_global_policy(name)

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        tf.keras.mixed_precision.set_global_policy(self.earlier)


@misconception(
    "precision_policy",
    says="You put the earlier policy back only where yours still holds, so a block that sets another one leaves it "
    "behind; put it back always.",
    hint=2,
    subtle=True,
)
@contextmanager
def back_if_untouched(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        if tf.keras.mixed_precision.global_policy().name == name:
            tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="`sys.exit` raises SystemExit, and you do not put the policy back then; a finally runs whatever is raised.",
    hint=2,
    subtle=True,
)
@contextmanager
def not_after_an_exit(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    except (Exception, KeyboardInterrupt):
        tf.keras.mixed_precision.set_global_policy(earlier)
        raise
    tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You list what may be raised, and there is more than Exception, KeyboardInterrupt and SystemExit; a finally "
    "runs whatever it is.",
    hint=2,
    subtle=True,
)
@contextmanager
def only_after_those_listed(name="mixed_float16"):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit):
        tf.keras.mixed_precision.set_global_policy(earlier)
        raise
    tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "precision_policy",
    says="You change Keras' default dtype (`set_floatx`) as well and leave it changed; the policy alone is enough.",
    hint=1,
    subtle=True,
)
@contextmanager
def leaves_floatx_behind(name="mixed_float16"):
    with _policy(name):
        tf.keras.config.set_floatx(name.removeprefix("mixed_"))
        yield


# build_mixed_model


def _stack(features, hidden, outputs, dtypes):
    """Dense layers of these sizes, each with the dtype given for it (None: the global policy's)."""
    sizes = [*hidden, outputs]
    activations = ["relu"] * len(hidden) + [None]
    return tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            *(
                tf.keras.layers.Dense(units, activation=activation, dtype=dtype)
                for units, activation, dtype in zip(sizes, activations, dtypes, strict=True)
            ),
        ]
    )


@contextmanager
def _policy(name):
    """What `precision_policy` should be."""
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(earlier)


@misconception(
    "build_mixed_model",
    says="Your layers are mixed but your model is not, so compile adds no loss scaling and small gradients vanish; "
    "make the whole model under the policy.",
    hint=2,
    subtle=True,
)
def layer_by_layer(features, *, hidden=(128, 64), outputs=1):
    return _stack(features, hidden, outputs, ["mixed_float16"] * len(hidden) + ["float32"])


@misconception(
    "build_mixed_model",
    says="Your output layer is under the policy as well and answers in float16, where a loss overflows beyond 65,504; "
    'give that one layer dtype="float32".',
    hint=1,
)
def float16_output(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        return _stack(features, hidden, outputs, [None] * (len(hidden) + 1))


@misconception(
    "build_mixed_model",
    says="Your weights are float16 too, so an update smaller than about a thousandth of a weight changes nothing; "
    '"mixed_float16" keeps them in float32.',
    hint=1,
)
def float16_weights(features, *, hidden=(128, 64), outputs=1):
    with _policy("float16"):
        return _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])


@misconception(
    "build_mixed_model",
    says="You leave the global policy at mixed_float16, so whatever is built next is mixed without having asked; "
    "put back the policy that you found.",
    hint=3,
    subtle=True,
)
def leaves_the_policy(features, *, hidden=(128, 64), outputs=1):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    return _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])


@misconception(
    "build_mixed_model",
    says="You end with the policy float32, which is a guess; put back the policy that you found at the call.",
    hint=3,
    subtle=True,
)
def guesses_the_policy(features, *, hidden=(128, 64), outputs=1):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    model = _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])
    tf.keras.mixed_precision.set_global_policy("float32")
    return model


@misconception(
    "build_mixed_model",
    says="You chose bfloat16, which has float32's range and needs no loss scaling, but only 8 bits of precision; "
    'float16 is the policy "mixed_float16".',
    hint=1,
)
def brain_float(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_bfloat16"):
        return _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])


@misconception(
    "build_mixed_model",
    says="Only your first layers compute in float16, the last hidden layer does not; "
    "float32 is for the output layer alone.",
    hint=1,
    subtle=True,
)
def float32_last_hidden(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        dtypes = [None] * len(hidden) + ["float32"]
        if hidden:
            dtypes[-2] = "float32"
        return _stack(features, hidden, outputs, dtypes)


@misconception(
    "build_mixed_model",
    says="Your output layer computes in float16 and a later step makes float32 of its result, when digits and large "
    'values are lost already; the layer itself takes dtype="float32".',
    hint=1,
    subtle=True,
)
def cast_after_the_output(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        model = _stack(features, hidden, outputs, [None] * (len(hidden) + 1))
        model.add(tf.keras.layers.Activation("linear", dtype="float32"))
    return model


@misconception(
    "build_mixed_model",
    says="Your hidden layers have no activation, so the whole stack is one linear map; they are ReLU layers.",
    hint=3,
    subtle=True,
)
def no_activation(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        layers = [tf.keras.layers.Dense(units) for units in hidden]
        output = tf.keras.layers.Dense(outputs, dtype="float32")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])


@misconception(
    "build_mixed_model",
    says="Your output is not linear: a ReLU there cuts off every negative answer.",
    hint=1,
    subtle=True,
)
def relu_output(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        layers = [tf.keras.layers.Dense(units, activation="relu") for units in hidden]
        output = tf.keras.layers.Dense(outputs, activation="relu", dtype="float32")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])


@misconception(
    "build_mixed_model",
    says="Your output is squeezed into (0, 1) by a sigmoid; it is linear here.",
    hint=1,
    subtle=True,
)
def sigmoid_output(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        layers = [tf.keras.layers.Dense(units, activation="relu") for units in hidden]
        output = tf.keras.layers.Dense(outputs, activation="sigmoid", dtype="float32")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])


@misconception(
    "build_mixed_model",
    says="In training your model answers otherwise than out of it, as with dropout, which was not asked for.",
    hint=3,
    subtle=True,
)
def with_dropout(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        layers = []
        for units in hidden:
            layers += [tf.keras.layers.Dense(units, activation="relu"), tf.keras.layers.Dropout(0.2)]
        output = tf.keras.layers.Dense(outputs, dtype="float32")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])


@misconception(
    "build_mixed_model",
    says="You return a compiled model; whoever trains it chooses optimizer and loss, and `compile` is theirs.",
    hint=2,
    subtle=True,
)
def compiled_already(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        model = _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])
        model.compile("adam", "mse")
    return model


@misconception(
    "build_mixed_model",
    says="You leave the policy changed when a size is refused; a finally, or a with block, puts it back then too.",
    hint=3,
    subtle=True,
)
def no_finally_in_the_model(features, *, hidden=(128, 64), outputs=1):
    earlier = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    model = _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])
    tf.keras.mixed_precision.set_global_policy(earlier)
    return model


@misconception(
    "build_mixed_model",
    says="Your weights are shared by all models that you build; make new layers at every call.",
    hint=3,
    subtle=True,
)
def one_model_for_all(features, *, hidden=(128, 64), outputs=1):
    return _remembered(features, tuple(hidden), outputs)


@functools.cache
def _remembered(features, hidden, outputs):
    with _policy("mixed_float16"):
        return _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])


@misconception(
    "build_mixed_model",
    says="Your model has a penalty, which was not asked for: it would be part of every loss.",
    hint=3,
    subtle=True,
)
def with_a_penalty(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        model = _stack(features, hidden, outputs, [None] * len(hidden) + ["float32"])
        model.add(tf.keras.layers.ActivityRegularization(l2=0.1, dtype="float32"))
    return model


@misconception(
    "build_mixed_model",
    says="Your `hidden` may be a tuple only; a list of sizes is right too.",
    hint=3,
    subtle=True,
)
def hidden_as_a_tuple(features, *, hidden=(128, 64), outputs=1):
    sizes = hidden.__add__((outputs,))[:-1]
    with _policy("mixed_float16"):
        return _stack(features, sizes, outputs, [None] * len(sizes) + ["float32"])


@misconception(
    "build_mixed_model",
    says="You write into the list of sizes that you were given; its owner still needs it: build a new one.",
    hint=3,
    subtle=True,
)
def sizes_appended_to(features, *, hidden=(128, 64), outputs=1):
    sizes = hidden if isinstance(hidden, list) else list(hidden)
    sizes.append(outputs)
    with _policy("mixed_float16"):
        return _stack(features, sizes[:-1], outputs, [None] * (len(sizes) - 1) + ["float32"])


@misconception(
    "build_mixed_model",
    says="Only your first hidden layer is a ReLU layer; every hidden layer is.",
    hint=1,
    subtle=True,
)
def relu_in_the_first_only(features, *, hidden=(128, 64), outputs=1):
    with _policy("mixed_float16"):
        layers = [tf.keras.layers.Dense(units, None if i else "relu") for i, units in enumerate(hidden)]
        output = tf.keras.layers.Dense(outputs, dtype="float32")
        return tf.keras.Sequential([tf.keras.Input((features,)), *layers, output])


# layer_dtypes


def _dense(model):
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Dense)]


@misconception(
    "layer_dtypes",
    says="`layer.dtype` is the dtype of the variables in Keras 3, so you report float32 twice; "
    "the dtype of the computation is `layer.compute_dtype`.",
    hint=2,
)
def dtype_twice(model):
    return [LayerDtypes(layer.name, layer.dtype, layer.dtype) for layer in _dense(model)]


@misconception(
    "layer_dtypes",
    says="You report the global policy of this moment, but a layer keeps the policy that it was built with; "
    "ask the layer.",
    hint=2,
    subtle=True,
)
def the_global_policy(model):
    policy = tf.keras.mixed_precision.global_policy()
    return [LayerDtypes(layer.name, policy.compute_dtype, policy.variable_dtype) for layer in _dense(model)]


@misconception(
    "layer_dtypes",
    says="You report the model's policy for every layer, but a layer may have its own, as the float32 output layer "
    "has; ask each layer.",
    hint=2,
)
def the_models_policy(model):
    return [LayerDtypes(layer.name, model.compute_dtype, model.variable_dtype) for layer in _dense(model)]


@misconception(
    "layer_dtypes",
    says="You list every layer; only the Dense ones were asked for.",
    hint=1,
)
def every_layer(model):
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in model.layers]


@misconception(
    "layer_dtypes",
    says="You tell Dense layers by their names, but a name is the author's to choose; "
    "ask for the type with isinstance.",
    hint=1,
    subtle=True,
)
def by_name(model):
    named = [layer for layer in model.layers if layer.name.startswith("dense")]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in named]


@misconception(
    "layer_dtypes",
    says="You go down into nested models too; only the model's own layers, `model.layers`, were asked for.",
    hint=3,
    subtle=True,
)
def nested_as_well(model):
    flat = model._flatten_layers(include_self=False)
    dense = [layer for layer in flat if isinstance(layer, tf.keras.layers.Dense)]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


@misconception(
    "layer_dtypes",
    says="You report the policy's name, such as mixed_float16, where the dtype of the computation, float16, "
    "was asked for.",
    hint=2,
)
def policy_names(model):
    return [LayerDtypes(layer.name, layer.dtype_policy.name, layer.variable_dtype) for layer in _dense(model)]


@misconception(
    "layer_dtypes",
    says="You sort the layers by name, where they should stay in the model's order (dense_10 sorts before dense_9).",
    hint=3,
    subtle=True,
)
def sorted_by_name(model):
    return sorted(LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in _dense(model))


@misconception(
    "layer_dtypes",
    says="You leave out subclasses of Dense, which are Dense layers too; isinstance is true for them, comparing types "
    "is not.",
    hint=1,
    subtle=True,
)
def by_exact_type(model):
    dense = [layer for layer in model.layers if type(layer) is tf.keras.layers.Dense]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


@misconception(
    "layer_dtypes",
    says="You count an EinsumDense layer as a Dense one, for its name; it is no subclass of Dense. "
    "Ask with isinstance.",
    hint=1,
    subtle=True,
)
def by_name_of_the_type(model):
    dense = [layer for layer in model.layers if "Dense" in type(layer).__name__]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


@misconception(
    "layer_dtypes",
    says="You leave out frozen layers; they too compute and have variables.",
    hint=3,
    subtle=True,
)
def trainable_only(model):
    dense = [layer for layer in _dense(model) if layer.trainable]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


@misconception(
    "layer_dtypes",
    says="Of two layers with one name you list one; in a model that is a class of its own names need not differ.",
    hint=3,
    subtle=True,
)
def one_for_each_name(model):
    rows = {layer.name: LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in _dense(model)}
    return list(rows.values())


@misconception(
    "layer_dtypes",
    says="You tell Dense layers by attributes that other layers may have too; ask for the type with isinstance.",
    hint=1,
    subtle=True,
)
def by_attributes(model):
    dense = [layer for layer in model.layers if hasattr(layer, "units") and hasattr(layer, "activation")]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


@misconception(
    "layer_dtypes",
    says="You read the dtypes from the policy's name, which does not always tell them; ask for `compute_dtype` and "
    "`variable_dtype`.",
    hint=2,
    subtle=True,
)
def from_the_name_of_the_policy(model):
    return [
        LayerDtypes(layer.name, name.removeprefix("mixed_"), "float32" if name.startswith("mixed_") else name)
        for layer, name in ((layer, layer.dtype_policy.name) for layer in _dense(model))
    ]


@misconception(
    "layer_dtypes",
    says="You ask the bias for its dtype, and a Dense layer may have none (`use_bias=False`); ask the layer.",
    hint=2,
    subtle=True,
)
def dtype_of_the_bias(model):
    return [LayerDtypes(layer.name, layer.compute_dtype, tf.as_dtype(layer.bias.dtype).name) for layer in _dense(model)]


@misconception(
    "layer_dtypes",
    says="You look into wrappers too; the layer inside one is not among `model.layers`.",
    hint=3,
    subtle=True,
)
def out_of_their_wrappers(model):
    layers = [getattr(layer, "layer", layer) for layer in model.layers]
    dense = [layer for layer in layers if isinstance(layer, tf.keras.layers.Dense)]
    return [LayerDtypes(layer.name, layer.compute_dtype, layer.variable_dtype) for layer in dense]


# loss_scaled_gradients


def _scaled(model, loss_fn, x, y, scale):
    """The gradients of scale · loss, not yet divided."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(tf.convert_to_tensor(x), training=True))
        loss = tf.cast(loss, tf.float32) * tf.cast(scale, tf.float32)
    variables = [variable.value for variable in model.trainable_variables]
    return tape.gradient(loss, variables, unconnected_gradients="zero")


@misconception(
    "loss_scaled_gradients",
    says="You scale the loss but never divide the gradients, so every step is too long by the factor `scale`.",
    hint=1,
)
def never_unscaled(model, loss_fn, x, y, *, scale):
    return [tf.cast(gradient, tf.float32) for gradient in _scaled(model, loss_fn, x, y, scale)]


@misconception(
    "loss_scaled_gradients",
    says="You multiply the gradients after the backward pass, when float16 has made zeros of them already; "
    "multiply the loss before it.",
    hint=1,
    subtle=True,
)
def scaled_too_late(model, loss_fn, x, y, *, scale):
    gradients = [tf.cast(gradient, tf.float32) * scale for gradient in _scaled(model, loss_fn, x, y, 1.0)]
    return [gradient / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You divide the loss and multiply the gradients, which drives them deeper into underflow; "
    "it is the other way round.",
    hint=1,
)
def the_other_way_round(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, loss_fn, x, y, 1.0 / tf.cast(scale, tf.float32))
    return [tf.cast(gradient, tf.float32) * scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You divide in the gradient's own dtype: where that is float16 the small result vanishes after all; "
    "cast to float32 first, then divide.",
    hint=3,
    subtle=True,
)
def divides_in_float16(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, loss_fn, x, y, scale)
    return [tf.cast(gradient / tf.cast(scale, gradient.dtype), tf.float32) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You leave the gradients in float16 where the variables are; the result is asked for in float32.",
    hint=3,
    subtle=True,
)
def keeps_float16(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, loss_fn, x, y, scale)
    return [gradient / tf.cast(scale, gradient.dtype) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You return None for a variable that the loss does not depend on; its gradient is zeros.",
    hint=2,
    subtle=True,
)
def none_for_unused(model, loss_fn, x, y, *, scale):
    with tf.GradientTape() as tape:
        loss = tf.cast(loss_fn(y, model(tf.convert_to_tensor(x), training=True)), tf.float32) * scale
    gradients = tape.gradient(loss, model.trainable_variables)
    return [None if gradient is None else tf.cast(gradient, tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You leave out the variables that the loss does not depend on, so the gradients no longer line up with "
    "`trainable_variables`; give zeros in their place.",
    hint=2,
    subtle=True,
)
def leaves_out_unused(model, loss_fn, x, y, *, scale):
    gradients = none_for_unused(model, loss_fn, x, y, scale=scale)
    return [gradient for gradient in gradients if gradient is not None]


@misconception(
    "loss_scaled_gradients",
    says="You multiply the prediction, and thereby change what is being minimised; multiply the loss.",
    hint=1,
)
def scales_the_prediction(model, loss_fn, x, y, *, scale):
    return [
        tf.cast(gradient, tf.float32) / scale
        for gradient in _scaled(model, lambda true, pred: loss_fn(true, pred * scale), x, y, 1.0)
    ]


@misconception(
    "loss_scaled_gradients",
    says="You hide an overflow by replacing inf and NaN with zeros; it must stay visible, "
    "so that the step can be skipped and the scale halved.",
    hint=3,
    subtle=True,
)
def hides_overflow(model, loss_fn, x, y, *, scale):
    gradients = [tf.cast(gradient, tf.float32) / scale for gradient in _scaled(model, loss_fn, x, y, scale)]
    return [tf.where(tf.math.is_finite(gradient), gradient, 0.0) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You call the loss with the prediction first; it is `loss_fn(y_true, y_pred)`.",
    hint=1,
    subtle=True,
)
def swaps_the_losss_arguments(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, lambda true, pred: loss_fn(pred, true), x, y, scale)
    return [tf.cast(gradient, tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You multiply in float16, where every scale beyond 65,504 is inf and 1000.3 is 1000.5; multiply in float32.",
    hint=3,
    subtle=True,
)
def scales_in_float16(model, loss_fn, x, y, *, scale):
    gradients = _scaled(
        model, lambda true, pred: tf.cast(loss_fn(true, pred), tf.float16) * tf.cast(scale, tf.float16), x, y, 1.0
    )
    return [tf.cast(gradient, tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You call the model in inference mode, where dropout is off and batch normalisation takes its averages; "
    "gradients are for training: training=True.",
    hint=3,
    subtle=True,
)
def inference_mode(model, loss_fn, x, y, *, scale):
    scale = tf.cast(scale, tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.cast(loss_fn(y, model(tf.convert_to_tensor(x))), tf.float32) * scale
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You add the model's own penalties, model.losses, to the loss; L is `loss_fn(y, model(x))` alone here.",
    hint=1,
    subtle=True,
)
def adds_the_penalties(model, loss_fn, x, y, *, scale):
    def with_penalties(true, pred):
        loss = tf.cast(loss_fn(true, pred), tf.float32)
        return tf.add_n([loss, *(tf.cast(penalty, tf.float32) for penalty in model.losses)])

    gradients = _scaled(model, with_penalties, x, y, scale)
    return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You give a gradient for a frozen layer's variables too; only `model.trainable_variables` count.",
    hint=2,
    subtle=True,
)
def all_variables(model, loss_fn, x, y, *, scale):
    scale = tf.cast(scale, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([variable.value for variable in model.variables])
        loss = tf.cast(loss_fn(y, model(tf.convert_to_tensor(x), training=True)), tf.float32) * scale
    variables = [variable.value for variable in model.variables]
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="An embedding's gradient comes as tf.IndexedSlices, and you pass on its values, one for each token read, "
    "not one for each row of the table; tf.convert_to_tensor makes the dense tensor.",
    hint=2,
    subtle=True,
)
def values_of_indexed_slices(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, loss_fn, x, y, scale)
    gradients = [getattr(gradient, "values", gradient) for gradient in gradients]
    return [tf.cast(gradient, tf.float32) / tf.cast(scale, tf.float32) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="Your x is rounded to float16, where a float32 layer wants all digits; every layer casts its input itself.",
    hint=3,
    subtle=True,
)
def inputs_in_float16(model, loss_fn, x, y, *, scale):
    gradients = _scaled(model, loss_fn, tf.cast(x, tf.float16), y, scale)
    return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) / tf.cast(scale, tf.float32) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="Your zeros have the variable's dtype, float16 where that is; they too are float32.",
    hint=3,
    subtle=True,
)
def zeros_in_the_variables_dtype(model, loss_fn, x, y, *, scale):
    scale = tf.cast(scale, tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.cast(loss_fn(y, model(tf.convert_to_tensor(x), training=True)), tf.float32) * scale
    variables = model.trainable_variables
    return [
        tf.zeros(variable.shape, variable.dtype)
        if gradient is None
        else tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True)
    ]


@misconception(
    "loss_scaled_gradients",
    says="You make zeros of NaN, and an overflow shows as NaN too (inf · 0); leave it visible.",
    hint=3,
    subtle=True,
)
def hides_nan(model, loss_fn, x, y, *, scale):
    gradients = [tf.convert_to_tensor(gradient) for gradient in _scaled(model, loss_fn, x, y, scale)]
    gradients = [tf.cast(gradient, tf.float32) / tf.cast(scale, tf.float32) for gradient in gradients]
    return [tf.where(tf.math.is_nan(gradient), 0.0, gradient) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You make floats of the labels, but a loss may count with whole numbers, as a sparse one does; "
    "pass them on as they are.",
    hint=1,
    subtle=True,
)
def labels_as_floats(model, loss_fn, x, y, *, scale):
    gradients = [
        tf.convert_to_tensor(gradient) for gradient in _scaled(model, loss_fn, x, tf.cast(y, tf.float32), scale)
    ]
    return [tf.cast(gradient, tf.float32) / tf.cast(scale, tf.float32) for gradient in gradients]


@misconception(
    "loss_scaled_gradients",
    says="You round float64 targets to float32; the loss gets them in the dtype that they have.",
    hint=3,
    subtle=True,
)
def targets_in_float32(model, loss_fn, x, y, *, scale):
    y = tf.convert_to_tensor(y)
    y = tf.cast(y, tf.float32) if y.dtype == tf.float64 else y
    gradients = [tf.convert_to_tensor(gradient) for gradient in _scaled(model, loss_fn, x, y, scale)]
    return [tf.cast(gradient, tf.float32) / tf.cast(scale, tf.float32) for gradient in gradients]


# DynamicLossScale


class _Scaler:
    """The bookkeeping that most wrong turns below get right."""

    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        self.scale, self.growth_steps, self.finite_steps = float(initial_scale), growth_steps, 0

    def is_finite(self, gradients):
        return all(bool(tf.reduce_all(tf.math.is_finite(gradient))) for gradient in gradients)

    def update(self, gradients):
        finite = self.is_finite(gradients)
        self.count() if finite else self.shrink()
        return finite

    def count(self):
        self.finite_steps += 1
        if self.finite_steps == self.growth_steps:
            self.scale, self.finite_steps = self.scale * 2.0, 0

    def shrink(self):
        self.scale, self.finite_steps = self.scale / 2.0, 0


@misconception(
    "DynamicLossScale",
    says="You do not reset the counter after an overflow; growth needs `growth_steps` finite steps in a row.",
    hint=2,
    subtle=True,
)
class CountsOnAfterOverflow(_Scaler):
    def shrink(self):
        self.scale /= 2.0


@misconception(
    "DynamicLossScale",
    says="You do not reset the counter after doubling, so you double again at the next step, or never again.",
    hint=2,
    subtle=True,
)
class CountsOnAfterGrowth(_Scaler):
    def count(self):
        self.finite_steps += 1
        if self.finite_steps >= self.growth_steps:
            self.scale *= 2.0


@misconception(
    "DynamicLossScale",
    says="You double one step too late: after `growth_steps` finite steps, not at the one that follows.",
    hint=2,
    subtle=True,
)
class GrowsOneStepLate(_Scaler):
    def count(self):
        if self.finite_steps == self.growth_steps:
            self.scale, self.finite_steps = self.scale * 2.0, 0
        self.finite_steps += 1


@misconception(
    "DynamicLossScale",
    says="You look for NaN only, but float16 overflows to inf; ask whether the values are finite.",
    hint=1,
    subtle=True,
)
class LooksForNaN(_Scaler):
    def is_finite(self, gradients):
        return not any(bool(tf.reduce_any(tf.math.is_nan(gradient))) for gradient in gradients)


@misconception(
    "DynamicLossScale",
    says="You look for inf only, but an overflow often ends as NaN (inf · 0 and inf − inf); "
    "ask whether the values are finite.",
    hint=1,
    subtle=True,
)
class LooksForInf(_Scaler):
    def is_finite(self, gradients):
        return not any(bool(tf.reduce_any(tf.math.is_inf(gradient))) for gradient in gradients)


@misconception(
    "DynamicLossScale",
    says="You look at the first gradient only; one bad value in any of them spoils the step.",
    hint=1,
    subtle=True,
)
class LooksAtTheFirst(_Scaler):
    def is_finite(self, gradients):
        return super().is_finite(gradients[:1])


@misconception(
    "DynamicLossScale",
    says="You test the sum of the values, which overflows though every value is finite; test value by value.",
    hint=1,
    subtle=True,
)
class TestsTheSum(_Scaler):
    def is_finite(self, gradients):
        return all(bool(tf.math.is_finite(tf.reduce_sum(gradient))) for gradient in gradients)


@misconception(
    "DynamicLossScale",
    says="You never say no: `update` must return False at an overflow, or the step with inf in it is applied.",
    hint=1,
)
class AlwaysApplies(_Scaler):
    def update(self, gradients):
        super().update(gradients)
        return True


@misconception(
    "DynamicLossScale",
    says="You do not let the scale fall below 1; Keras' has no floor, and very large gradients need a scale below 1.",
    hint=3,
    subtle=True,
)
class FloorOfOne(_Scaler):
    def shrink(self):
        self.scale, self.finite_steps = max(self.scale / 2.0, 1.0), 0


@misconception(
    "DynamicLossScale",
    says="You halve in whole numbers, so a scale of 1 becomes 0 and stays there; divide by 2.0.",
    hint=3,
    subtle=True,
)
class HalvesInWholeNumbers(_Scaler):
    def shrink(self):
        self.scale, self.finite_steps = self.scale // 2, 0


@misconception(
    "DynamicLossScale",
    says="You fall back to the initial scale after an overflow, which may be the very scale that overflows; "
    "halve the present one.",
    hint=3,
)
class BackToTheStart(_Scaler):
    def __init__(self, initial_scale=2.0**15, growth_steps=2000):
        super().__init__(initial_scale, growth_steps)
        self.initial_scale = float(initial_scale)

    def shrink(self):
        self.scale, self.finite_steps = self.initial_scale, 0


@misconception(
    "DynamicLossScale",
    says="You never raise the scale again; after `growth_steps` finite steps in a row it doubles, or one outlier costs "
    "you half of float16's range for good.",
    hint=2,
)
class NeverGrows(_Scaler):
    def count(self):
        self.finite_steps += 1


@misconception(
    "DynamicLossScale",
    says="Finite values whose squares overflow, as in a norm, count as an overflow with you; test value by value.",
    hint=1,
    subtle=True,
)
class TestsTheNorm(_Scaler):
    def is_finite(self, gradients):
        norms = [tf.norm(tf.cast(gradient, tf.float32)) for gradient in gradients]
        return bool(tf.reduce_all(tf.math.is_finite(norms)))


@misconception(
    "DynamicLossScale",
    says="A float64 number beyond float32's range counts as inf with you, though it is finite; ask in the gradient's "
    "own dtype.",
    hint=1,
    subtle=True,
)
class LooksInFloat32(_Scaler):
    def is_finite(self, gradients):
        return super().is_finite([tf.cast(gradient, tf.float32) for gradient in gradients])


@misconception(
    "DynamicLossScale",
    says="You keep the scale below a limit of 2²⁴; here it has none.",
    hint=3,
    subtle=True,
)
class CapOfTwentyFour(_Scaler):
    def count(self):
        super().count()
        self.scale = min(self.scale, 2.0**24)


@misconception(
    "DynamicLossScale",
    says="What one of your scalers sees changes the scale of another; every object has its own scale and its own "
    "counter, on `self`.",
    hint=3,
    subtle=True,
)
class SharedByAll(_Scaler):
    scale = property(lambda self: _SHARED["scale"], lambda self, value: _SHARED.update(scale=value))
    finite_steps = property(lambda self: _SHARED["steps"], lambda self, value: _SHARED.update(steps=value))


_SHARED = {}


@misconception(
    "DynamicLossScale",
    says="`update` returns a tensor, where a Python bool is asked for: bool(…) makes one.",
    hint=3,
    subtle=True,
)
class AnswersWithATensor(_Scaler):
    def update(self, gradients):
        return tf.constant(super().update(gradients))


@misconception(
    "DynamicLossScale",
    says="You halve once for every tensor that overflows; a step halves the scale once, however many do.",
    hint=2,
    subtle=True,
)
class HalvesForEveryTensor(_Scaler):
    def update(self, gradients):
        finite = [self.is_finite([gradient]) for gradient in gradients]
        for answer in finite:
            if not answer:
                self.shrink()
        if all(finite):
            self.count()
        return all(finite)


@misconception(
    "DynamicLossScale",
    says="You count tensors, not steps: one call of `update` is one step, however many gradients there are.",
    hint=2,
    subtle=True,
)
class CountsTensors(_Scaler):
    def update(self, gradients):
        if not self.is_finite(gradients):
            self.shrink()
            return False
        for _ in gradients:
            self.count()
        return True


# round_up_to_multiple


@misconception(
    "round_up_to_multiple",
    says="You round to the nearest multiple, which may be below; the layer must not lose units.",
    hint=1,
)
def to_the_nearest(units, multiple=8):
    return round(units / multiple) * multiple


@misconception(
    "round_up_to_multiple",
    says="You round down, so a small layer vanishes altogether; the result is never below `units`.",
    hint=1,
)
def rounds_down(units, multiple=8):
    return units // multiple * multiple


@misconception(
    "round_up_to_multiple",
    says="You add a whole multiple to what is one already: 64 is a multiple of 8 and stays 64.",
    hint=2,
    subtle=True,
)
def always_one_more(units, multiple=8):
    return (units // multiple + 1) * multiple


@misconception(
    "round_up_to_multiple",
    says="You round up to 8 whatever `multiple` says.",
    hint=1,
    subtle=True,
)
def always_eight(units, multiple=8):
    return -(-units // 8) * 8


@misconception(
    "round_up_to_multiple",
    says="Your bit mask is right for powers of two only; 100 rounded up to a multiple of 12 is 108.",
    hint=3,
    subtle=True,
)
def by_bit_mask(units, multiple=8):
    return (units + multiple - 1) & ~(multiple - 1)


@misconception(
    "round_up_to_multiple",
    says="You round up to a power of two, which may nearly double the layer; the next multiple is enough.",
    hint=1,
)
def to_a_power_of_two(units, multiple=8):
    return max(multiple, 1 << (units - 1).bit_length())


@misconception(
    "round_up_to_multiple",
    says="Yours is the rule that MobileNet's make_divisible has: to the nearest multiple, unless that loses more than "
    "a tenth. It may be below `units`; here the result never is.",
    hint=1,
    subtle=True,
)
def ten_percent_rule(units, multiple=8):
    nearest = max(multiple, int(units + multiple / 2) // multiple * multiple)
    return nearest + multiple if nearest < 0.9 * units else nearest


@misconception(
    "round_up_to_multiple",
    says="A float comes back, and a layer wants a whole number of units; divide with //, or make an int of the result.",
    hint=3,
    subtle=True,
)
def as_a_float(units, multiple=8):
    return float(-(-units // multiple) * multiple)
