"""The expected points of the pictures as files: a student edition has them in the place of the solutions."""

from pathlib import Path

import msgspec
import numpy as np

from kata.learn.plot.pictures import Array
from kata.waist.implementation import ROOT

FOLDER = "expected"
"""In a student edition, with a file for each kata that has a picture."""

Points = tuple[tuple[Array | None, ...], ...]
"""For each panel, for each of its lines, the points of shape (n, 2), or None where there are none."""

_decoder = msgspec.msgpack.Decoder(list[list[bytes | None]])


def packed(points: Points) -> bytes:
    """The points as the bytes of a file: float64, little-endian, the same on every machine."""
    panels = [[None if line is None else np.asarray(line, "<f8").tobytes() for line in panel] for panel in points]
    return msgspec.msgpack.encode(panels)


def unpacked(data: bytes) -> Points:
    """The points in the bytes of a file.

    Raises:
        ValueError: these are no such bytes.
    """

    def line(held: bytes | None) -> Array | None:
        return None if held is None else np.frombuffer(held, "<f8").reshape(-1, 2).astype(np.float64)

    return tuple(tuple(map(line, panel)) for panel in _decoder.decode(data))


def points_of(kata: str, folder: Path = ROOT / FOLDER) -> Points | None:
    """The expected points of the kata's picture; None where they are not kept, or cannot be read."""
    try:
        return unpacked((folder / f"{kata}.msgpack").read_bytes())
    except (OSError, ValueError):
        return None
