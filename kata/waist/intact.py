"""Notices when a submission has exchanged parts of TensorFlow, Keras, NumPy or ours in its process.

A kata that fails inside `tf.function` would hold if `tf.function` were something else. Nothing honest does that, and
whoever knows of this can hide it: it is a second look, not a wall.
"""

import builtins
import operator
import sys
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Intact:
    """What the libraries' names stood for when it was made."""

    def __init__(self) -> None:
        owners: list[Any] = [tf, keras, np, builtins, tf.GradientTape, tf.Tensor, tf.Variable]
        owners += [m for name, m in sys.modules.items() if name.startswith(("kata.waist.", "tests.probes."))]
        self._before = []
        for owner in owners:
            # A module that is loaded when it is first used takes the place of what stood for it.
            kept = {name: value for name, value in vars(owner).items() if not isinstance(value, ModuleType)}
            self._before.append((owner, tuple(kept), tuple(kept.values())))
        self._looks = 0

    def changed(self) -> str:
        """What is no longer what it was, by its name, or ""; looks the first, second, fourth, eighth … time only."""
        self._looks += 1
        if self._looks & (self._looks - 1):
            return ""
        for owner, names, values in self._before:
            now = tuple(map(vars(owner).get, names))
            if not all(map(operator.is_, now, values)):
                name = next(name for name, a, b in zip(names, now, values, strict=True) if a is not b)
                return f"{owner.__name__.replace('tensorflow', 'tf')}.{name}"
        return ""
