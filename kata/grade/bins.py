"""Numbers sorted into bins, for a bar a bin."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bin:
    """What falls into a bin, and the bin's name as it is read."""

    label: str
    count: int


def by_width(numbers: Iterable[int], most: int, bins: int = 8) -> list[Bin]:
    """Whole numbers from 0 to `most` in at most so many bins of the same width, the last perhaps narrower."""
    width = math.ceil((most + 1) / bins)
    counts = Counter(number // width for number in numbers)
    firsts = range(0, most + 1, width)
    return [Bin(_range(first, min(first + width - 1, most)), counts[first // width]) for first in firsts]


def by_doubling(seconds: Iterable[float]) -> list[Bin]:
    """Durations in bins each twice as wide as the one before, without the empty ones at either end."""
    counts = Counter(math.ceil(math.log2(value)) if value > 1 else 0 for value in seconds)
    if not counts:
        return []
    powers = range(min(counts), max(counts) + 1)
    return [Bin(f"{2 ** (p - 1)} to {2**p} s" if p else "up to 1 s", counts[p]) for p in powers]


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}–{last}"
