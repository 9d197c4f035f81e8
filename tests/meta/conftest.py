"""What several tests of the tool share."""

import signal
import sys
from collections.abc import Iterator

import pytest

from kata.waist.isolated import Worker
from tests.meta.daily import DAILY, is_daily

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a job that a shell has put in the background. Children would ignore Ctrl-C too, whatever we test of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long and does not run every day."""
    unused = {(module, name) for module, names in DAILY.items() for name in names}
    for item in items:
        module, _, test = item.nodeid.rpartition("tests/meta/")[2].partition(".py::")
        name, _, parameter = test.partition("[")
        unused -= {(module, name), (module, parameter[:-1])}
        if not is_daily(module, name, parameter[:-1]):
            item.add_marker(pytest.mark.thorough)
    collected = {item.path.stem for item in items}
    stale = sorted(f"{module}: {name}" for module, name in unused if DAILY.keys() <= collected)
    if stale:
        raise pytest.UsageError(f"tests/meta/daily.py names what is not there: {stale}")


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One process with TensorFlow for all tests; that it survives the hostile ones is part of their claim."""
    shared = Worker()
    shared.start()
    yield shared
    shared.close()


@pytest.fixture(autouse=True)
def the_usual_precision() -> Iterator[None]:
    """Some misconceptions leave Keras' policy changed, in whatever process they run."""
    yield
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        keras.config.set_dtype_policy("float32")
