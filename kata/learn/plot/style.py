"""Colours and type of every picture: those that `kata plot` draws and those in the lessons (`docs/plots.py`)."""

from typing import Any

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#767676"
"""Okabe and Ito's colours, which the colour-blind can tell apart too."""

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "kata",
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "path.simplify": False,
}
