"""All that the author of a law imports; CONTRIBUTING.md says how each is used."""

from kata.judge.profiles import examples
from kata.waist.assertions import (
    ImplementationError,
    LawViolation,
    assert_close,
    assert_equal,
    assert_number,
    assert_tensor,
    assert_value_error,
    eps,
    expect,
    smallest,
)
from kata.waist.codec import Record, Tensor
from kata.waist.session import chapter, probes, read, tensor

__all__ = [
    "ImplementationError",
    "LawViolation",
    "Record",
    "Tensor",
    "assert_close",
    "assert_equal",
    "assert_number",
    "assert_tensor",
    "assert_value_error",
    "chapter",
    "eps",
    "examples",
    "expect",
    "probes",
    "read",
    "smallest",
    "tensor",
]
