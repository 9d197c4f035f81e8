"""Walks over nested data: what crosses the waist is leaves in lists, tuples, records and dicts."""

from collections.abc import Callable, Iterator
from typing import Any

from kata.waist.codec import Record


def same_record(record: Record, items: tuple[Any, ...]) -> Record:
    """A record of the same name and fields as `record`, with other values."""
    return Record(record.type_name, record.fields, items)


def map_leaves(
    function: Callable[[Any], Any], value: Any, *, record: Callable[[Record, tuple[Any, ...]], Any] = same_record
) -> Any:
    """`value` anew, with `function(leaf)` in the place of each leaf: of all that is no list, tuple, record or dict.

    Args:
        function: what becomes of a leaf.
        value: anything; the keys of a dict are left as they are.
        record: what becomes of a record, from its mapped values. A true NamedTuple keeps its type.
    """
    if isinstance(value, list):
        return [map_leaves(function, item, record=record) for item in value]
    if isinstance(value, tuple):
        items = tuple(map_leaves(function, item, record=record) for item in value)
        if isinstance(value, Record):
            return record(value, items)
        return type(value)._make(items) if hasattr(value, "_make") else items
    if isinstance(value, dict):
        return {key: map_leaves(function, item, record=record) for key, item in value.items()}
    return function(value)


def leaves(value: Any) -> Iterator[Any]:
    """The leaves of `value`, depth first, a dict's values in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def agree(one: Any, other: Any, leaf: Callable[[Any, Any], bool]) -> bool:
    """Whether `other` has the shape of `one`, and `leaf(a, b)` holds for each leaf `a` of it and what stands there.

    Only lengths and keys are compared, not whether both are a list, or a record of the same name.
    """
    if isinstance(one, list | tuple):
        is_alike = isinstance(other, list | tuple) and len(one) == len(other)
        return is_alike and all(agree(a, b, leaf) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        is_alike = isinstance(other, dict) and one.keys() == other.keys()
        return is_alike and all(agree(item, other[key], leaf) for key, item in one.items())
    return leaf(one, other)


Path = tuple[str, ...]
"""The way to a leaf as one would write it behind the value's name: `("[1]", ".loss")`."""


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The leaves of `value` in the order of `leaves`, each with the way to it."""
    if isinstance(value, Record):
        steps = [(f".{name}", item) for name, item in zip(value.fields, value, strict=True)]
    elif isinstance(value, list | tuple):
        steps = [(f"[{i}]", item) for i, item in enumerate(value)]
    elif isinstance(value, dict):
        steps = [(f"[{key!r}]", item) for key, item in value.items()]
    else:
        yield path, value
        return
    for step, item in steps:
        yield from places(item, (*path, step))
