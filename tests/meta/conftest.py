"""What several tests of the tool share."""

from collections.abc import Iterator

import pytest

from kata.waist.isolated import Worker


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One process with TensorFlow for all tests; that it survives the hostile ones is part of their claim."""
    shared = Worker()
    shared.start()
    yield shared
    shared.close()
