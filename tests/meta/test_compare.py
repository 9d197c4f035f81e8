"""`kata compare`: what is counted is what is there, and only a solved kata is compared."""

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum
from kata.learn import compare
from kata.waist.implementation import implementation_at
from tests.probes import compare as probes

run = CliRunner()
ONES = np.ones([4, 3], np.float32)


def sum_of_squares(x: tf.Tensor) -> tf.Tensor:
    """Two operations; the squares take as much room as what goes in."""
    return tf.reduce_sum(x * x)


def by_numpy(x: tf.Tensor) -> tf.Tensor:
    """No graph can be made of it."""
    return tf.constant(np.sum(x.numpy() ** 2))


def out_of_the_graph(x: tf.Tensor) -> tf.Tensor:
    """Python runs again for every call, inside a graph too."""

    def square(value: tf.Tensor) -> tf.Tensor:
        return value * value

    return tf.reduce_sum(tf.py_function(square, [x], x.dtype))


@tf.function
def staged(x: tf.Tensor) -> tf.Tensor:
    """The same two operations, behind a call."""
    return tf.reduce_sum(x * x)


def test_operations_of_an_eager_call() -> None:
    assert probes.operations_run(sum_of_squares, None, [ONES], {}) == 2


@pytest.mark.parametrize("function", [sum_of_squares, staged])
def test_operations_and_memory_of_a_graph(function: object) -> None:
    found = probes.graph_cost(function, None, [ONES], {})
    assert found is not None
    assert found["operations"] == 2
    assert 1.0 <= found["peak"] <= 1.01


def test_a_temporary_is_counted_until_its_last_use() -> None:
    def two_at_a_time(x: tf.Tensor) -> tf.Tensor:
        for _ in range(5):
            x = x + 1.0
        return x

    found = probes.graph_cost(two_at_a_time, None, [ONES], {})
    assert found == {"operations": 5, "peak": 2.0}


def test_a_view_takes_no_memory() -> None:
    found = probes.graph_cost(lambda x: tf.reduce_sum(tf.reshape(x, [-1])), None, [ONES], {})
    assert found is not None
    assert found["peak"] <= 0.01


def test_what_no_graph_can_be_made_of() -> None:
    assert probes.graph_cost(by_numpy, None, [ONES], {}) is None
    assert probes.traces(by_numpy, None, [ONES], {}) is None


def test_traces_and_python_runs() -> None:
    assert probes.traces(sum_of_squares, None, [ONES], {}) == {"traces": 2, "runs": 2}

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def once(x: tf.Tensor) -> tf.Tensor:
        return sum_of_squares(x)

    found = probes.traces(lambda x: once(x), None, [ONES], {})
    assert found is not None
    assert found["traces"] == 2


def test_extremes_of_a_square() -> None:
    # float32 ends at 3.4e38 and at 1.2e-38: TensorFlow takes what is smaller for 0.
    assert probes.extremes(lambda x: x * x, None, [np.float32([1.0])], {}) == (19, -18)
    assert probes.extremes(tf.abs, None, [np.float32([1.0])], {}) == (None, None)
    assert probes.extremes(tf.sign, None, [np.float32([0.0])], {}) is None


@pytest.mark.thorough
def test_every_way_is_counted_by_the_same_call(worker: compare.Worker) -> None:
    (huber,) = curriculum.find("huber")
    found = compare.counted(huber, implementation_at("solutions"), worker)
    assert [way.title for way in found[:2]] == ["yours", "the reference"]
    assert found[0].counts == found[1].counts
    assert set(found[0].counts) == set(compare.COLUMNS)
    by_minimum = next(way for way in found if way.title == "split_by_minimum")
    assert int(by_minimum.counts["graph ops"]) < int(found[1].counts["graph ops"])
    assert by_minimum.note


@pytest.mark.thorough
def test_an_object_is_counted_by_its_call(worker: compare.Worker) -> None:
    (schedule,) = curriculum.find("WarmupCosineDecay")
    yours, *_ = compare.counted(schedule, implementation_at("solutions"), worker)
    assert int(yours.counts["graph ops"]) > 3


@pytest.mark.thorough
def test_compared_is_only_what_is_solved() -> None:
    done = run.invoke(cli.app, ["compare", "huber"])
    assert done.exit_code == 2
    assert "not solved yet" in done.output
    done = run.invoke(cli.app, ["compare", "huber", "--impl", "solutions"])
    assert done.exit_code == 0, done.output
    for part in ("split_by_minimum", "(the same as yours, to the letter)", "graph", "+    quadratic = tf.minimum"):
        assert part in done.output
