"""The walker over nested data: what is a leaf, what keeps its type."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from kata.waist.codec import Record, Tensor
from kata.waist.nested import agree, leaves, map_leaves


class Pair(NamedTuple):
    a: Any
    b: Any


def test_everything_but_the_leaves_keeps_its_type() -> None:
    value = [1, (2, {"x": Record("Counts", ("tp", "fp"), (3, [4])), "y": Pair(5, 6)})]
    mapped = map_leaves(lambda leaf: -leaf, value)
    assert mapped == [-1, (-2, {"x": (-3, [-4]), "y": Pair(-5, -6)})]
    assert (type(mapped[1][1]["x"]), type(mapped[1][1]["y"])) == (Record, Pair)
    assert mapped[1][1]["x"].fp == [-4]


def test_a_record_may_become_something_else() -> None:
    value = (Record("Counts", ("tp",), (Record("Inner", ("x",), (1,)),)),)
    assert map_leaves(str, value, record=lambda record, items: {record.type_name: items}) == (
        {"Counts": ({"Inner": ("1",)},)},
    )


def test_arrays_and_text_are_leaves_and_stay_the_very_objects() -> None:
    array, tensor = np.zeros(3), np.zeros(2).view(Tensor)
    found = list(leaves({"b": [array, "text"], "a": (tensor, None)}))
    assert found[0] is array
    assert found[1] == "text"
    assert found[2] is tensor
    assert found[3] is None
    assert map_leaves(lambda leaf: leaf, [array])[0] is array


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, {"x": 2}], (1, {"x": 2}), True),
        ([1, 2], [1], False),
        ([1], 1, False),
        ({"x": 1}, {"y": 1}, False),
        ({"x": 1}, None, False),
        (1, 2, False),
    ],
)
def test_two_agree_in_shape_and_in_each_leaf(one: Any, other: Any, expected: bool) -> None:
    assert agree(one, other, lambda a, b: a == b) is expected
