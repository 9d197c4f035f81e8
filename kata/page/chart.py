"""A panel's points as the options of a chart: the expected broad and pale, yours thin and strong upon it."""

from typing import Any

from kata.learn.plot.style import BLUE, GREEN, ORANGE
from kata.page.data import LineView, PanelView

COLOURS = (BLUE, ORANGE, GREEN)
IN_THE_DARK = ("#56B4E9", "#F0B94A", "#3FC79A")
"""The same, lighter: upon a dark ground the others would be lost."""
GREY = "#8a8f98"
SCALES = {"log y": ("value", "log"), "log2 y": ("value", "log"), "log x": ("log", "value")}
Options = dict[str, Any]


def options(panel: PanelView, *, is_dark: bool) -> Options:
    """The options of one chart; redrawn with others it changes in place."""
    ink = "#d5d9e0" if is_dark else "#3c4149"
    faint = "#3a404a" if is_dark else "#e3e6ea"
    x_type, y_type = SCALES.get(panel.scale, ("value", "value"))
    series: list[Options] = []
    if panel.given is not None:
        series += _given(panel)
    several = len(panel.lines) > 1
    for colour, line in zip(IN_THE_DARK if is_dark else COLOURS, panel.lines, strict=False):
        series += _expected(panel, line, colour, several) + _yours(panel, line, colour, several)
    x_axis = _axis(panel.x, x_type, ink, faint) | {"nameGap": 26}
    y_axis = _axis(panel.y, y_type, ink, faint) | {"nameGap": 46, "nameRotate": 90}
    if panel.scale == "log2 y":
        y_axis["logBase"] = 2
    if panel.window:
        left, right, bottom, top = panel.window
        x_axis |= {"min": left, "max": right}
        y_axis |= {"min": bottom, "max": top}
    return {
        "animation": False,
        "aria": {"enabled": True},
        "backgroundColor": "transparent",
        "title": {"text": panel.title, "textStyle": {"color": ink, "fontSize": 13, "fontWeight": 600}},
        "grid": {"left": 62, "right": 14, "top": 34, "bottom": 44},
        "tooltip": {"trigger": "axis", "confine": True} if panel.kind in ("curve", "steps") else {},
        "xAxis": x_axis,
        "yAxis": y_axis,
        "series": series,
    }


def _axis(name: str, kind: str, ink: str, faint: str) -> Options:
    return {
        "name": name,
        "type": kind,
        "nameLocation": "middle",
        "nameTextStyle": {"color": ink},
        "axisLabel": {"color": ink, "hideOverlap": True, "showMinLabel": False, "showMaxLabel": False},
        "axisLine": {"onZero": False, "lineStyle": {"color": ink}},
        "splitLine": {"lineStyle": {"color": faint}},
    }


def _name(who: str, line: LineView, several: bool) -> str:
    return f"{who}, {line.label}" if several else who


def _curve(panel: PanelView, points: list[list[float | None]] | None) -> Options:
    return {
        "type": "line",
        "data": points or [],
        "step": "end" if panel.kind == "steps" else False,
        "showSymbol": False,
        "clip": True,
    }


def _expected(panel: PanelView, line: LineView, colour: str, several: bool) -> list[Options]:
    style = {"color": colour, "width": 8, "opacity": 0.35, "cap": "round"}
    base = {"name": _name("expected", line, several), "itemStyle": {"color": colour}, "z": 2}
    return [{**_curve(panel, _drawn(panel, line.expected)), **base, "lineStyle": style}]


def _yours(panel: PanelView, line: LineView, colour: str, several: bool) -> list[Options]:
    base = {"name": _name("yours", line, several), "itemStyle": {"color": colour}, "z": 3}
    shown = _curve(panel, _drawn(panel, line.yours))
    if panel.kind == "arrows":
        shown |= {"symbol": ["none", "arrow"], "showSymbol": False}
        tips = [point for point in line.yours or [] if None not in point]
        if tips:
            tip = {"symbol": "circle", "symbolSize": 9, "label": {"show": False}}
            shown["markPoint"] = {**tip, "data": [{"coord": tips[0]}]}
    elif panel.kind == "path":
        shown |= {"showSymbol": True, "symbolSize": 4}
    return [{**shown, **base, "lineStyle": {"color": colour, "width": 1.8 if panel.kind != "path" else 1}}]


def _drawn(panel: PanelView, points: list[list[float | None]] | None) -> list[list[float | None]] | None:
    """An arrow starts at the origin."""
    return [[0.0, 0.0], *points] if panel.kind == "arrows" and points else points


def _given(panel: PanelView) -> list[Options]:
    style = {"color": GREY, "type": "dotted", "width": 1.4}
    base = {"type": "line", "name": "given to both", "itemStyle": {"color": GREY}, "lineStyle": style, "z": 1}
    if panel.kind == "arrows":
        return [{**base, "data": [[0.0, 0.0], tip], "symbolSize": 4} for tip in panel.given or []]
    return [{**base, "data": panel.given, "symbolSize": 4}]
