"""What every chapter needs TensorFlow for on the test's side. Runs beside the implementation, returns plain data.

A probe does not judge. Arrays that it is given become tensors, so that they can be differentiated and traced.
"""

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def as_tensors(value: Any) -> Any:
    """`value` with every NumPy array in it turned into a tensor."""
    if isinstance(value, np.ndarray):
        return tf.convert_to_tensor(value)
    if isinstance(value, list):
        return [as_tensors(item) for item in value]
    if type(value) is tuple:
        return tuple(as_tensors(item) for item in value)
    return value


def gradient(function: Callable[..., Any], *args: Any, wrt: int = 1, **kwargs: Any) -> Any:
    """The gradient of `function(*args, **kwargs)` in its argument number `wrt`; None when there is none."""
    tensors = as_tensors(args)
    with tf.GradientTape() as tape:
        tape.watch(tensors[wrt])
        result = function(*tensors, **kwargs)
    return tape.gradient(result, tensors[wrt])


def in_graph(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` inside `tf.function`, with arrays as symbolic tensors of known shape.

    A shape with None in it would ask for more than the contract: `x.shape[-1]` is a right thing to write.
    """
    tensors, others = [], []
    for arg in as_tensors(args):
        is_tensor = tf.is_tensor(arg)
        others.append(None if is_tensor else arg)
        if is_tensor:
            tensors.append(arg)

    def call(*symbolic: Any) -> Any:
        waiting = iter(symbolic)
        return function(*(next(waiting) if other is None else other for other in others), **kwargs)

    return tf.function(call)(*tensors)


def graph_gradient(function: Callable[..., Any], *args: Any, wrt: int = 1, **kwargs: Any) -> Any:
    """The gradient as `gradient` gives it, taken inside `tf.function`."""

    @tf.function
    def call(tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors[wrt])
            result = function(*tensors, **kwargs)
        return tape.gradient(result, tensors[wrt])

    return call(as_tensors(args))


UNDER_WEIGHT = 2.0


def squared_error(y: Any, p: Any) -> Any:
    """w·(p − y)² of each sample, w = UNDER_WEIGHT where p < y and 1 elsewhere: exchanged arguments give another."""
    error = p - tf.cast(y, p.dtype)
    return tf.reduce_mean(tf.where(error < 0, tf.cast(UNDER_WEIGHT, p.dtype), 1.0) * tf.square(error), axis=-1)


def mean_loss(y: Any, p: Any) -> Any:
    """The mean of `squared_error`."""
    return tf.reduce_mean(squared_error(y, p))


def mean_loss_of_classes(y: Any, p: Any) -> Any:
    """`mean_loss` towards 5, 6 or 7 for the labels 0, 1 and 2: it counts with whole numbers, as a sparse loss does."""
    return mean_loss(tf.gather([5.0, 6.0, 7.0], y), p)


class DoublesInTraining(tf.keras.layers.Layer):
    """Its input, twice over in training: so that it shows which of the two it was."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs * 2.0 if training else inputs


class WithSpareWeight(tf.keras.layers.Layer):
    """Hands its input on, and has a trainable weight that it never uses."""

    def build(self, input_shape: Any) -> None:
        self.spare = self.add_weight(shape=(2, 3), initializer="ones", name="spare")

    def call(self, inputs: Any) -> Any:
        return inputs


def options_not_at_default(layer: Any, usual: Any, told: tuple[str, ...]) -> dict[str, str]:
    """The options of a layer that differ from those of the `usual` one; those in `told` and its name may."""
    defaults = usual.get_config()
    options = layer.get_config().items()
    return {key: str(value) for key, value in options if key not in ("name", *told) and value != defaults.get(key)}


def optimizer_settings(optimizer: Any) -> dict[str, Any]:
    """Whether it is Adam, and its whole configuration but for the name."""
    config = {name: value for name, value in optimizer.get_config().items() if name != "name"}
    return {"adam": isinstance(optimizer, tf.keras.optimizers.Adam), **config}


def random_states_after(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, bool]:
    """Whether Python's, NumPy's and TensorFlow's global random states are after the call as they were before."""
    import random

    tf.random.set_seed(7)
    before_tf = tf.random.uniform([4]).numpy()
    tf.random.set_seed(7)
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    generator = tf.random.get_global_generator()
    before_generator = generator.state.numpy()
    function(*args, **kwargs)
    after = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    after_tf = tf.random.uniform([4]).numpy()
    return {
        "python": before[0] == after[0],
        "numpy": before[1:] == after[1:],
        "tensorflow": bool(np.array_equal(before_tf, after_tf))
        and tf.random.get_global_generator() is generator
        and bool(np.array_equal(before_generator, generator.state.numpy())),
    }


def made_again(function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
    """The arrays that two calls give, the second one after those of the first were overwritten."""
    made = function(*args, **kwargs)
    first = type(made)(*(array.copy() for array in made))
    for array in made:
        if array.flags.writeable:
            array[...] = 0
    return [first, function(*args, **kwargs)]


def run_example(katas: dict[str, Any], sources: list[str], name: str) -> dict[str, list[str]]:
    """What each statement of the docstring's example of kata `name` prints, and which settings it has left changed.

    They run one after the other in one namespace, see the katas by their names, and everything else of the module in
    which the kata is written.
    """
    module = sys.modules.get(getattr(katas[name], "__module__", ""))
    namespace = {"keras": keras, "np": np, "tf": tf, **(vars(module) if module else {}), **katas}
    printed = []
    with settings_of_a_new_process() as changed:
        for source in sources:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(source, "<the docstring's example>", "single"), namespace)
            printed.append(said.getvalue())
        left = changed()
    return {"printed": printed, "left": left}


@contextlib.contextmanager
def settings_of_a_new_process() -> Iterator[Callable[[], list[str]]]:
    """Inside, the process's settings are as in a new one, whatever was called before; what it gives says which of them
    are not so any more. Afterwards they are what they were.
    """
    eagerly, epsilon, errors = tf.config.functions_run_eagerly(), keras.config.epsilon(), np.geterr()
    usual = np.seterr(divide="warn", over="warn", under="ignore", invalid="warn") and np.geterr()
    with warnings.catch_warnings():
        warnings.filters[:] = [entry for entry in warnings.filters if not _silences_all(entry)]
        keras.config.set_epsilon(1e-7)
        tf.config.run_functions_eagerly(False)

        def changed() -> list[str]:
            found = {
                "tf.config.run_functions_eagerly": tf.config.functions_run_eagerly(),
                "keras.config.set_epsilon": keras.config.epsilon() != 1e-7,
                "np.seterr": np.geterr() != usual,
                "warnings.filterwarnings": any(_silences_all(entry) for entry in warnings.filters),
            }
            return [name for name, is_changed in found.items() if is_changed]

        try:
            yield changed
        finally:
            tf.config.run_functions_eagerly(eagerly)  # so that no other law suffers
            keras.config.set_epsilon(epsilon)
            np.seterr(**errors)


def _silences_all(entry: tuple[Any, ...]) -> bool:
    """Whether a filter of `warnings` ignores every warning, wherever it comes from."""
    action, message, category, module, line = entry
    return action == "ignore" and category is Warning and not (message or module or line)
