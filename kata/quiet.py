"""Imports TensorFlow without its start-up noise, which no log level of its own silences entirely."""

import contextlib
import os
import sys
from collections.abc import Iterator


def set_environment() -> None:
    """What has to be set before TensorFlow is imported: no log lines, and one thread for each operation.

    The katas' tensors are tiny. One thread is as fast, starts sooner, and sums in one order.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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
        import kata.host  # noqa: F401


def first_operation() -> None:
    """Run one operation, which starts TensorFlow's thread pools and prints what it has to say."""
    with stderr_dropped():
        import tensorflow as tf

        tf.constant(0.0) + 1.0
