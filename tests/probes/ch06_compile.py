"""What chapter 6's laws need TensorFlow for: models with set weights, compiled and asked what they report."""

import contextlib
import inspect
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def with_drawn_weights(model: Any, seed: int) -> list[np.ndarray]:
    """The model's weights after they were set to N(0, ½²)."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.5, array.shape).astype(array.dtype) for array in model.get_weights()])
    return model.get_weights()


@contextlib.contextmanager
def setting_kept() -> Iterator[list[bool]]:
    """Puts `tf.config.run_functions_eagerly` back to False, as it is in a new process; was it changed meanwhile?"""
    switched: list[bool] = []
    tf.config.run_functions_eagerly(False)
    try:
        yield switched
    finally:
        switched.append(bool(tf.config.functions_run_eagerly()))
        tf.config.run_functions_eagerly(False)


@contextlib.contextmanager
def compilings() -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """Every model that is compiled meanwhile, with the arguments by name, those left out included."""
    owner: Any = next(cls for cls in tf.keras.Model.__mro__ if "compile" in vars(cls))
    original = owner.compile
    signature = inspect.signature(original)
    seen: list[tuple[Any, dict[str, Any]]] = []

    def compile_and_tell(model: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(model, *args, **kwargs)
        given.apply_defaults()
        seen.append((model, dict(given.arguments)))
        return original(model, *args, **kwargs)

    owner.compile = compile_and_tell
    try:
        yield seen
    finally:
        owner.compile = original


def built(build: Callable[..., Any], features: int, categories: int) -> dict[str, Any]:
    """How a model stands when it has been built, and whether a second call builds another."""
    model, other = build(features, categories), build(features, categories)
    with tf.GradientTape(persistent=True) as tape:  # a penalty on activities, too, is there after a call
        outputs = tf.nest.flatten(model(tf.ones((2, features))))
        first_columns = [output[:, 0] for output in outputs]
    shared = next((v for v in model.trainable_variables if tuple(v.shape) == (features, 64)), None)
    gradients = [None if shared is None else tape.gradient(column, shared.value) for column in first_columns]
    variables = {id(variable) for variable in model.variables}
    starts = zip(model.get_weights(), other.get_weights(), strict=False)
    return {
        "initial": model.get_weights(),
        "trained": len(model.trainable_variables),
        "compiled": bool(model.compiled) or getattr(model, "optimizer", None) is not None,
        "penalties": len(model.losses),
        "constraints": sum(getattr(variable, "constraint", None) is not None for variable in model.variables),
        "others": len(model.variables) - len(model.weights),
        "reaching": sum(gradient is not None for gradient in gradients),
        "alike": any(array.ndim == 2 and np.array_equal(array, again) for array, again in starts),
        "shared": model is other or any(id(variable) in variables for variable in other.variables),
    }


def two_heads(build: Callable[..., Any], features: int, categories: int, x: np.ndarray, seed: int) -> dict[str, Any]:
    """The weights that were set on a built model, and its outputs for `x`, outside training and in it."""
    model = build(features, categories)
    weights = with_drawn_weights(model, seed)
    return {"weights": weights, "outputs": [model(tf.convert_to_tensor(x), training=mode) for mode in (False, True)]}


def names_found_by_compile(build: Callable[..., Any], x: np.ndarray, y: dict[str, np.ndarray]) -> list[str]:
    """What a built model reports when losses and metrics are given by the names `price` and `category`."""
    model = build(x.shape[1], 3)
    losses = {"price": "mse", "category": "sparse_categorical_crossentropy"}
    model.compile(loss=losses, metrics={"price": ["mae"], "category": ["accuracy"]}, run_eagerly=True)
    return sorted(model.test_on_batch(x, y, return_dict=True))


def two_headed(features: int, categories: int, as_dict: bool) -> tf.keras.Model:
    """A model with the outputs `price` and `category`, as a list or a dict.

    In the dict a layer stands behind the softmax, through which Keras does not find the logits.
    """
    x = tf.keras.Input((features,))
    hidden = tf.keras.layers.Dense(64, "relu")(x)
    names = "price", "softmax" if as_dict else "category"
    layers = (tf.keras.layers.Dense(n, f, name=name) for n, f, name in zip((1, categories), (None, "softmax"), names))
    heads = [layer(hidden) for layer in layers]
    if as_dict:
        heads[1] = tf.keras.layers.Rescaling(1.0, name="category")(heads[1])
    return tf.keras.Model(x, dict(zip(("price", "category"), heads)) if as_dict else heads)


def compiled(
    kata: Callable[..., Any],
    x: np.ndarray,
    y: dict[str, np.ndarray],
    categories: int,
    *,
    as_dict: bool = False,
    seed: int = 0,
    sample_weight: np.ndarray | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What `kata` returns for a two-headed model, the model's weights, and what it then reports on (x, y)."""
    model = two_headed(x.shape[1], categories, as_dict)
    weights = with_drawn_weights(model, seed)
    with setting_kept():
        returned = kata(model, run_eagerly=True, **options)
    weighing: Any = None  # Keras takes it in the outputs' own structure
    if sample_weight is not None:
        weighing = dict.fromkeys(y, sample_weight) if as_dict else [sample_weight, sample_weight]
    report = model.test_on_batch(x, y, sample_weight=weighing, return_dict=True)
    return {"returned": returned, "weights": weights, "report": report}


def settings(kata: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """How a model stands after `kata` has compiled it; nothing is run, and the process is put back as it was."""
    model = two_headed(2, 3, False)
    trained = len(model.trainable_variables)
    with setting_kept() as switched, compilings() as seen:
        returned = kata(model, **options)
    given: dict[str, Any] = seen[-1][1] if seen else {"jit_compile": model.jit_compile}
    defaults = {"weighted_metrics": None, "steps_per_execution": 1, "auto_scale_loss": True}
    is_adam = type(model.optimizer) is tf.keras.optimizers.Adam
    usual = tf.keras.optimizers.Adam().get_config()
    found = model.optimizer.get_config()
    return {
        "changed_options": sorted(name for name in usual if name != "name" and found.get(name) != usual[name]),
        "returned": returned,
        "switched": switched[0],
        "frozen": trained - len(model.trainable_variables),
        "others": sorted(name for name, usual in defaults.items() if given.get(name, usual) not in (usual, [], {})),
        "optimizer": "Adam" if is_adam else f"{type(model.optimizer).__name__}, a class of its own",
        "learning_rate": float(model.optimizer.learning_rate),
        "jit_compile": given["jit_compile"] if not options.get("jit_compile") else bool(model.jit_compile),
        "run_eagerly": bool(model.run_eagerly),
    }


def first_moves(kata: Callable[..., Any]) -> dict[str, float]:
    """How far each array of weights moves at most in the first step of a model that `kata` has compiled."""
    model = two_headed(2, 3, False)
    before = with_drawn_weights(model, 0)
    with setting_kept():
        kata(model, run_eagerly=True)
    model.train_on_batch(np.ones((3, 2), np.float32), [np.full((3, 1), 9, np.float32), np.array([0, 1, 1])])
    pairs = zip(before, model.get_weights(), strict=True)
    return {str(array.shape): float(np.abs(after - array).max()) for array, after in pairs}


def shares_an_optimizer(kata: Callable[..., Any]) -> bool:
    """Whether two models that `kata` compiles have one optimizer."""
    models = [two_headed(2, 3, False) for _ in range(2)]
    with setting_kept():
        for model in models:
            kata(model)
    return models[0].optimizer is models[1].optimizer


def loss_gradients(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """∂ total / ∂ loss for every loss, by name."""
    tensors = {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        total = kata(tensors, weights)
    return tape.gradient(total, tensors)


def total_in_graph(kata: Callable[..., Any], losses: dict[str, Any], weights: dict[str, Any]) -> Any:
    """`kata` inside `tf.function`, the losses symbolic, and the weights that are tensors, too."""
    plain = {name: weight for name, weight in weights.items() if not tf.is_tensor(weight)}
    symbolic = {name: weight for name, weight in weights.items() if tf.is_tensor(weight)}
    return tf.function(lambda losses, weights: kata(losses, {**weights, **plain}))(
        {name: tf.convert_to_tensor(loss) for name, loss in losses.items()}, symbolic
    )


def observed(kata: Callable[..., Any], *args: Any, everything_eagerly: bool = False, **kwargs: Any) -> dict[str, Any]:
    """The result of `kata`, whether the setting `tf.config.run_functions_eagerly` is another one afterwards, and of
    each model compiled meanwhile, with what `run_eagerly`, and how many updates it has seen.

    With `everything_eagerly` that setting is on: every `tf.function` runs as Python, nothing is traced or compiled.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(everything_eagerly)
    try:
        with warnings.catch_warnings(), compilings() as seen:
            warnings.simplefilter("ignore")  # tf.data says that it does not follow this setting
            result = kata(*args, **kwargs)
        return {
            "result": result,
            "changed": bool(tf.config.functions_run_eagerly() != everything_eagerly),
            "trained": [(bool(given["run_eagerly"]), updates_of(model)) for model, given in seen],
        }
    finally:
        tf.config.run_functions_eagerly(before)


def updates_of(model: Any) -> int:
    """How many updates a model has seen."""
    return int(model.optimizer.iterations) if getattr(model, "optimizer", None) is not None else 0


def compared(kata: Callable[..., Any], seed: int, *, steps: int) -> dict[str, Any]:
    """The result of `kata`; if it trained just two models, one with XLA: their updates, and how far apart they are."""
    with compilings() as seen:
        result = kata(seed, steps=steps)
    models = {id(model): model for model, _ in seen}.values()
    if len(seen) != 2 or len(models) != 2 or [given["jit_compile"] for _, given in seen].count(True) != 1:
        return {"result": result, "updates": None, "apart": None}
    pairs = zip(*(model.get_weights() for model in models), strict=True)
    return {
        "result": result,
        "updates": [updates_of(model) for model in models],
        "apart": max(float(np.abs(a - b).max()) for a, b in pairs),
    }


def under_other_random_states(kata: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
    """The results of two calls, with other states of Python's, NumPy's and TensorFlow's global generators."""
    results = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        tf.random.set_seed(state)
        results.append(kata(*args, **kwargs))
    return results
