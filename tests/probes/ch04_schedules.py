"""What chapter 4 needs TensorFlow for on the test's side: a schedule at work in an optimizer."""

from typing import Any

import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]


def lengths_of_steps(schedule: Any, steps: int, *, graph: bool = False) -> Array:
    """How far plain SGD moves a weight at each of so many updates with a gradient of 1: the rate that it used."""
    weight = tf.keras.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(learning_rate=schedule)
    optimizer.build([weight])

    def apply() -> None:
        optimizer.apply([tf.constant(1.0)], [weight])

    apply = tf.function(apply) if graph else apply
    lengths = []
    for _ in range(steps):
        weight.assign(0.0)
        apply()
        lengths.append(-weight.numpy())
    return np.asarray(lengths, np.float32)


def configuration(schedule: Any) -> dict[str, Any]:
    """The configuration of `schedule`."""
    return dict(schedule.get_config())


def from_configuration(schedule: Any) -> Any:
    """A schedule made from the configuration of `schedule`."""
    return type(schedule).from_config(schedule.get_config())


def through_keras(schedule: Any) -> Any:
    """`schedule` as an optimizer keeps it in its own configuration, made again by Keras."""
    schedules, own = tf.keras.optimizers.schedules, type(schedule)
    return schedules.deserialize(schedules.serialize(schedule), custom_objects={own.__name__: own})
