"""Small charts as SVG text for the page of a report, drawn by matplotlib."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

# Okabe and Ito 2008: told apart with colour-vision deficiencies too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a0522d", "#6a3d9a")
GRAYS = ("#555555", "#888888", "#aaaaaa", "#222222")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "colorizegan",  # the same chart gives the same bytes
    "font.family": ["sans-serif"],
    "text.parse_math": False,  # names of entrants are no formulas
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
}


@dataclass(frozen=True)
class Series:
    """One line or one cloud of points."""

    name: str
    x: ArrayLike
    y: ArrayLike
    points: bool = False
    quiet: bool = False
    """Drawn gray: a baseline or a guide."""
    dashed: bool = False


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series], *, square: bool = False) -> str:
    """A line or scatter chart as an <svg> element with a legend.

    square: the same range on both axes, and their diagonal. Values that are not finite are left out.
    """
    colours = {True: iter(GRAYS * len(series)), False: iter(COLOURS * len(series))}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for number, one in enumerate(series):
            x, y = np.asarray(one.x, dtype=float), np.asarray(one.y, dtype=float)
            keep = np.isfinite(x) & np.isfinite(y)
            style = "." if one.points else "--" if one.dashed else "-"
            label = one.name[:20].lstrip("_")  # matplotlib hides labels that start so
            (line,) = axes.plot(x[keep], y[keep], style, color=next(colours[one.quiet]), markersize=3, label=label)
            line.set_gid(f"series-{number}")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if square:
            low, high = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
            axes.set(xlim=(low, high), ylim=(low, high))
            axes.axline((low, low), slope=1, color="#999999", linewidth=0.8)
        if series:
            figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": title, "Creator": None})
    drawing = text.getvalue().partition("<svg")[2]  # without the XML declaration
    return f'<svg role="img" aria-label="{escape(title)}"{drawing}'
