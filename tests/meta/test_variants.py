"""The tests are themselves proven: every misconception fails its kata's laws, every approach holds them.

For how many seeds is an option, `--seeds`; the thorough run is `uv run python -m kata.prove --seeds 20`.
"""

import pytest

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.prove import every_variant, prove


@pytest.mark.parametrize("kata", curriculum.katas(), ids=lambda kata: kata.name)
def test_the_laws_are_right_about_every_variant_of(kata: Kata, pytestconfig: pytest.Config) -> None:
    seeds = pytestconfig.option.seeds
    # One seed is the quick look of every day: what must pass is shown a fifth of the examples.
    proofs = prove(every_variant({kata.name}), range(seeds), share=1.0 if seeds > 1 else 0.2)
    wrong = [f"{proof.label}: {what}" for proof in proofs for what in proof.against]
    assert not wrong, "\n".join(wrong)
