"""The laws that every kata has; `kata/judge/every_kata.py` says what they are, and the plugin judges by them."""

import pytest

from kata.course import curriculum

every_kata = pytest.mark.parametrize("kata", curriculum.katas(), ids=lambda kata: kata.name)


@every_kata
def test_the_docstring_s_example_holds(kata):
    """Judged by the plugin, as every law is."""


@every_kata
def test_again_gives_the_same(kata):
    """Judged by the plugin, as every law is."""
