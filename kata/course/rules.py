"""The rules that hold for every kata: what no docstring repeats. Stubs, README and `kata lesson` show them."""

import textwrap

RULES = (
    "An array argument is anything that tf.convert_to_tensor takes: a list, a NumPy array, a tensor. Labels may be "
    "integers, booleans or floats, and are cast to the dtype of the prediction.",
    "What changes while training (lr, learning_rate, step, t) is a Python number or a rank-0 tensor. "
    "Every other number is a Python number.",
    "A tensor comes back, in the dtype of the prediction, gradient or weight; one number is a rank-0 tensor. "
    "What you are given is not changed in place.",
    "What takes tensors works inside tf.function too and gives the same there. A loss is differentiable in its "
    "prediction, and its gradient is right everywhere.",
    "Bad input that a docstring names raises a ValueError whose text names the argument. Other bad input is not tried.",
    "A call leaves nothing behind: called again, it gives the same again, and what a class keeps is what its docstring "
    "says. Chance comes from a seed alone, and the global random states are afterwards what they were before.",
    "scratch: write it from tensor operations (tf.reduce_*, tf.math.*, tf.where, keras.ops …). The ready-made object "
    "for just that job does not count: Keras' losses, optimizers, schedules and metrics, its loops, the "
    "cross-entropies of tf.nn and keras.ops, tf.clip_by_* (tf.clip_by_value in chapter 8 only). keras: use just "
    "these. free: as you like.",
)
"""One sentence or two each; in this order."""


def as_comment(width: int = 118) -> str:
    """The rules as the comment at the head of a chapter's stubs."""
    lines = ["# Rules of every kata; its docstring says what is special to it:"]
    for rule in RULES:
        lines += textwrap.wrap(rule, width, initial_indent="# - ", subsequent_indent="#   ")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """The rules as a list."""
    return "\n".join(f"- {rule}" for rule in RULES)
