"""Data to a figure: the expected as a broad pale line, yours as a thin strong one upon it."""

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from kata.course.progress import write_whole
from kata.learn.plot.gather import Comparison
from kata.learn.plot.pictures import CURVATURES, Array, Panel, Picture
from kata.learn.plot.style import BLUE, GREEN, GREY, ORANGE, RED, STYLE

COLOURS = (BLUE, ORANGE, GREEN)
"""Of a picture's lines, by label, in the order in which the labels come."""
INK = "#202020"
SUFFIXES = (".png", ".svg")
DOTS_PER_INCH = 110
MOST_PROBLEMS = 3
BESIDE = 0.35
"""How far beyond the expected's extent yours may stretch the axes, as a share of it; further off it is cut."""

FAR = 1e6
"""No picture reaches further."""
Lines = tuple[Array | None, ...]

_PALE: dict[str, Any] = {"alpha": 0.35, "linewidth": 6.0, "solid_capstyle": "round", "zorder": 2}
_STRONG: dict[str, Any] = {"linewidth": 1.5, "zorder": 3}


def render(comparison: Comparison, suffix: str = ".png") -> bytes:
    """The picture as a file's bytes, the same for the same comparison.

    Args:
        comparison: what is drawn.
        suffix: `.png` or `.svg`.
    """
    metadata: dict[str, Any] = {"Software": None} if suffix == ".png" else {"Date": None, "Creator": None}
    with mpl.rc_context(STYLE), io.BytesIO() as file:
        figure = draw(comparison)
        figure.savefig(file, format=suffix.removeprefix("."), dpi=DOTS_PER_INCH, metadata=metadata)
        return file.getvalue()


def save(comparison: Comparison, path: Path) -> None:
    """Write the picture to `path`, whole or not at all; its suffix says how.

    Raises:
        OSError: it cannot be written there.
    """
    write_whole(path, render(comparison, path.suffix.lower()))


def draw(comparison: Comparison) -> Figure:
    """The figure: a row of panels, the title above them, what is missing below the title, the legend at the foot."""
    panels = comparison.picture.panels
    figure = Figure(figsize=(max(3.7 * len(panels), 6.4), 4.0))
    colours = _colours(comparison.picture)
    figure.suptitle(_title(comparison), x=0.01, ha="left", fontsize=10)
    answers = zip(panels, comparison.expected.points, comparison.yours.points, strict=True)
    for number, (panel, expected, yours) in enumerate(answers, 1):
        axes = figure.add_subplot(1, len(panels), number)
        _prepare(axes, panel)
        for line, points in zip(panel.lines, expected, strict=True):
            _draw_line(axes, panel, points, colours[line.label], pale=True)
        for line, points in zip(panel.lines, yours, strict=True):
            _draw_line(axes, panel, points, colours[line.label], pale=False)
        _limit(axes, panel, expected, yours)
    _legend(figure, colours, comparison)
    return figure


def _title(comparison: Comparison) -> str:
    setting = comparison.picture.setting
    width = _characters(comparison.picture)
    rows = textwrap.wrap(f"{comparison.kata}: {setting}" if setting else comparison.kata, width)
    for problem in comparison.yours.problems[:MOST_PROBLEMS]:
        rows += textwrap.wrap(f"yours: {problem}", width)[:2]
    left_out = len(comparison.yours.problems) - MOST_PROBLEMS
    return "\n".join([*rows, f"… and {left_out} more" if left_out > 0 else ""]).rstrip()


def _colours(picture: Picture) -> dict[str, str]:
    labels = dict.fromkeys(line.label for panel in picture.panels for line in panel.lines)
    return dict(zip(labels, COLOURS, strict=False))


def _legend(figure: Figure, colours: dict[str, str], comparison: Comparison) -> None:
    """Which colour is which line, and which stroke is whose; in two rows where one would be too long."""
    several = len(colours) > 1
    ink = INK if several else next(iter(colours.values()))
    handles = [Line2D([], [], color=colour, label=label) for label, colour in colours.items() if several]
    handles.append(Line2D([], [], color=ink, label="expected", **_PALE))
    if not comparison.yours.is_empty:
        handles.append(Line2D([], [], color=ink, label="yours", **_STRONG))
    if any(panel.given is not None for panel in comparison.picture.panels):
        handles.append(Line2D([], [], color=GREY, linestyle=":", label="given to both"))
    length = sum(len(str(handle.get_label())) + 9 for handle in handles)
    columns = len(handles) if length <= _characters(comparison.picture) else (len(handles) + 1) // 2
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, fontsize=9)


def _characters(picture: Picture) -> int:
    """About how many fit in a line across the figure."""
    return max(56 * len(picture.panels), 90)


def _prepare(axes: Axes, panel: Panel) -> None:
    """Scales, labels, and what stands behind the lines."""
    axes.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
    if panel.scale == "log x":
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
    elif panel.scale in ("log y", "log2 y"):
        axes.set_yscale("log", base=2 if panel.scale == "log2 y" else 10, nonpositive="mask")
    if panel.kind == "path":
        _draw_valley(axes)
    elif panel.limit:
        shape = Circle((0, 0), 1) if panel.limit == "circle" else Rectangle((-1, -1), 2, 2)
        shape.set(facecolor="#eeeeee", edgecolor=GREY, linewidth=0.8, zorder=0)
        axes.add_patch(shape)
    if panel.given is not None:
        _draw_given(axes, panel, panel.given)


def _draw_valley(axes: Axes) -> None:
    for level in (0.02, 0.15, 1, 8):
        width, height = 2 * np.sqrt(2 * level / CURVATURES)
        axes.add_patch(Ellipse((0, 0), width, height, fill=False, edgecolor="#c8c8c8", linewidth=0.8, zorder=0))
    axes.plot(0, 0, color=RED, marker="x", markersize=7, markeredgewidth=2, zorder=1)
    axes.set_xticks([-0.5, 0, 0.5, 1])
    axes.annotate("start", (1, 1), (0, 5), textcoords="offset points", ha="center", fontsize=8, color=GREY)


def _draw_given(axes: Axes, panel: Panel, points: Array) -> None:
    if panel.kind == "arrows":
        for tip in points:
            axes.plot(*zip((0, 0), tip, strict=True), color=GREY, linestyle=":", linewidth=1.2, zorder=1)
            axes.plot(*tip, color=GREY, marker="o", markersize=3, zorder=1)
    else:
        axes.plot(*points.T, color=GREY, linestyle=":", marker="o", markersize=3)


def _draw_line(axes: Axes, panel: Panel, points: Array | None, colour: str, *, pale: bool) -> None:
    if points is None:
        return
    style = {"color": colour, **(_PALE if pale else _STRONG)}
    if panel.kind == "arrows":
        _draw_arrows(axes, points, style, pale=pale)
        return
    points = np.where(np.isfinite(points), points, np.nan)
    if panel.kind == "path":
        style |= {"linewidth": 4.0} if pale else {"linewidth": 0.8, "marker": "o", "markersize": 2.6}
    elif not pale and _is_alone(points):
        style |= {"marker": "o", "markersize": 3}
    axes.plot(*_within_reason(points).T, drawstyle="steps-post" if panel.kind == "steps" else "default", **style)


def _is_alone(points: Array) -> bool:
    """Whether gaps leave no two points beside each other, so that no line would be seen."""
    there = np.asarray(np.isfinite(points).all(axis=1))
    return bool(there.any() and not (there[1:] & there[:-1]).any())


def _within_reason(points: Array) -> Array:
    """Points so far off that the renderer's numbers would overflow are brought nearer; they stay out of sight."""
    return np.asarray(np.clip(points, -FAR, FAR))


def _draw_arrows(axes: Axes, tips: Array, style: dict[str, Any], *, pale: bool) -> None:
    for tip in _within_reason(tips[np.isfinite(tips).all(axis=1)]):
        if pale or not tip.any():  # an arrow of no length has no direction to draw its head in
            axes.plot(*zip((0, 0), tip, strict=True), **style, marker="" if tip.any() else "o")
        else:
            arrow = FancyArrowPatch((0, 0), tuple(tip), arrowstyle="-|>", mutation_scale=11, shrinkA=0, shrinkB=0)
            arrow.set(color=style["color"], linewidth=style["linewidth"], zorder=style["zorder"])
            axes.add_patch(arrow)


def _limit(axes: Axes, panel: Panel, expected: Lines, yours: Lines) -> None:
    """The expected in full; yours as far as it does not make the expected small, and a word where it goes further."""
    if panel.kind == "arrows":
        axes.set_aspect("equal")
    found = window(panel, expected, yours)
    if found is None:
        return
    left, right, bottom, top = found
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if panel.scale == "log y" and top < 1000 * bottom:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    if _goes_beyond(yours, left, right, bottom, top):
        axes.set_title("yours goes beyond", loc="right", fontsize=8, color=RED)


def window(panel: Panel, expected: Lines, yours: Lines) -> tuple[float, float, float, float] | None:
    """Left, right, bottom, top of what is shown; None where the panel has nobody's answers."""
    if panel.window is not None or not panel.lines:
        return panel.window
    given = (panel.given,) if panel.given is not None else ()
    around = (np.array([[-1.0, -1.0], [1.0, 1.0]]),) if panel.limit else ()
    wanted = (*expected, *given, *around)
    left, right = _range(wanted, yours, 0, panel.scale == "log x")
    bottom, top = _range(wanted, yours, 1, panel.scale in ("log y", "log2 y"))
    return left, right, bottom, top


def _range(wanted: Lines, yours: Lines, index: int, is_log: bool) -> tuple[float, float]:
    """The least and the greatest value of the axis number `index`, a margin beside them."""
    values, found = _finite(wanted, index, is_log), _finite(yours, index, is_log)
    low, high = float(values.min()), float(values.max())
    beside = BESIDE * ((high - low) or abs(high) or 1.0)
    if found.size:
        low, high = max(min(low, found.min()), low - beside), min(max(high, found.max()), high + beside)
    margin = 0.05 * ((high - low) or 1.0)
    low, high = float(low - margin), float(high + margin)
    return (10.0**low, 10.0**high) if is_log else (low, high)


def _goes_beyond(yours: Lines, left: float, right: float, bottom: float, top: float) -> bool:
    points = np.concatenate([line for line in yours if line is not None] or [np.zeros((0, 2))])
    points = points[np.isfinite(points).all(axis=1)]
    x, y = points.T
    return bool(np.any((x < left) | (x > right) | (y < bottom) | (y > top)))


def _finite(lines: Lines, index: int, is_log: bool) -> Array:
    """The values of axis number `index` that can be placed on it; logarithms where it has them."""
    values = np.concatenate([line[:, index] for line in lines if line is not None] or [np.zeros(0)])
    values = values[np.isfinite(values) & ((values > 0) | (not is_log))]
    return np.asarray(np.log10(values) if is_log else values)
