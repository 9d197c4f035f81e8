"""The lessons' pictures: small, the same every time, and shown by the lesson that they belong to."""

import re

import pytest

from kata.waist.implementation import ROOT

PICTURES = sorted((ROOT / "lessons" / "plots").glob("*.svg"))
LARGEST = 60_000  # bytes


def test_there_are_pictures():
    """An empty folder would make the checks below pass."""
    assert len(PICTURES) >= 6


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_small_undated_and_shown(path):
    """Under 60 kB, no date in it, and linked with a description from the lesson of its chapter."""
    text = path.read_text("utf-8")
    assert path.stat().st_size < LARGEST
    assert "<dc:date>" not in text
    (lesson,) = (ROOT / "lessons").glob(f"{path.stem.split('_')[0]}_*.md")
    assert re.search(rf"!\[[^\]]+\]\(plots/{path.name}\)", lesson.read_text("utf-8"))
