"""The tests are themselves proven: every misconception fails its kata's laws, every approach holds them.

For how many seeds is an option, `--seeds`; the thorough run is `uv run python -m kata.prove --seeds 20`.
"""

import pytest

from kata.course.curriculum import Described
from kata.prove import every_variant, prove


def _label(value: object) -> str:
    return f"{value.variant.kata}-{value.variant.name}" if isinstance(value, Described) else str(value)


@pytest.mark.parametrize(("kind", "described"), every_variant(), ids=_label)
def test_the_laws_are_right_about(kind: str, described: Described, pytestconfig: pytest.Config) -> None:
    seeds = pytestconfig.option.seeds
    # One seed is the quick look of every day: what must pass is shown a fifth of the examples.
    proof = prove(kind, described, range(seeds), share=1.0 if seeds > 1 else 0.2)
    assert proof.holds, "\n".join(proof.against)
