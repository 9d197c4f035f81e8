"""Imports TensorFlow without its start-up noise, which no log level of its own silences entirely."""

import contextlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
}
"""What has to be set before TensorFlow is imported: no log lines, and one thread for each operation.

The katas' tensors are tiny. One thread is as fast, starts sooner, and sums in one order.
"""


def set_environment() -> None:
    """Set what is not set already."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def stderr_dropped() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: the lines come from C++, past Python's `sys.stderr`."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow() -> None:
    """Import TensorFlow and all that the host needs; no operation runs, so the process may still fork."""
    set_environment()
    with stderr_dropped():
        import kata.waist.host  # noqa: F401


def prepare_to_fork() -> None:
    """Do once, for all children, what is slow the first time and runs no operation.

    AutoGraph reads a function, and a graph is built and differentiated but never executed: the thread pools,
    with which a process must not fork, are not started.
    """
    with stderr_dropped():
        import tensorflow as tf

        import tests.probes
        from kata.waist import ready_made

        ready_made.codes()
        for module in pkgutil.iter_modules(tests.probes.__path__, "tests.probes."):
            importlib.import_module(module.name)  # before a submission could be in the way of it
        tf.autograph.to_graph(_sample)
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None])
            tf.gradients(tf.reduce_mean(tf.square(x)), x)


def _sample(x: float) -> float:
    y = x * 2 if x > 0 else x
    for i in range(3):
        y = y + i
    return y


def warm_up() -> None:
    """Do once what is slow the first time: a gradient, a traced function, the usual operations."""
    with stderr_dropped():
        import tensorflow as tf

        x = tf.constant([[0.5, 0.25]])

        def gradient(y: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(y)
                loss = tf.reduce_mean(tf.where(tf.abs(y) < 1.0, tf.square(y), tf.math.log(tf.abs(y) + 1.0)))
            return tape.gradient(loss, y)

        tf.function(gradient)(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.nn.log_softmax(tf.clip_by_value(tf.cast(x, tf.float64), 0.0, 1.0)))
        tape.gradient(loss, x)


def first_operation() -> None:
    """Run one operation, which starts TensorFlow's thread pools and prints what it has to say."""
    with stderr_dropped():
        import tensorflow as tf

        # The fused float16 kernels that this rewriting chooses on a CPU are a hundred times slower than plain ones.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        tf.constant(0.0) + 1.0
