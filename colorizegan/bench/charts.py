"""Small charts as SVG text, for a page that needs no library and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike

# Okabe and Ito 2008: told apart with colour-vision deficiencies too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a0522d", "#6a3d9a")
GRAYS = ("#555555", "#888888", "#aaaaaa", "#222222")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 460, 320, 52, 42, 14, 14


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
    data = [(s, np.asarray(s.x, dtype=float), np.asarray(s.y, dtype=float)) for s in series]
    data = [(s, x[keep], y[keep]) for s, x, y in data for keep in [np.isfinite(x) & np.isfinite(y)]]
    x_low, x_high = _range([x for _, x, _ in data])
    y_low, y_high = _range([y for _, _, y in data])
    if square:
        x_low = y_low = min(x_low, y_low)
        x_high = y_high = max(x_high, y_high)

    def px(x: float) -> float:
        return LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def py(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - BOTTOM - TOP)

    legend_rows = -(-len(series) // 3)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18 * legend_rows}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for value in _ticks(x_low, x_high):
        parts.append(f'<path class="grid" d="M{px(value):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{px(value):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:g}</text>')
    for value in _ticks(y_low, y_high):
        parts.append(f'<path class="grid" d="M{LEFT} {py(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{py(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    if square:
        parts.append(f'<path class="guide" d="M{px(x_low)} {py(y_low)}L{px(x_high)} {py(y_high)}"/>')
    middle = (HEIGHT - BOTTOM + TOP) / 2
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    turn = f'transform="rotate(-90 12 {middle})"'
    parts.append(f'<text x="12" y="{middle}" text-anchor="middle" {turn}>{escape(y_label)}</text>')
    for place, ((s, x, y), colour) in enumerate(zip(data, _colours(series), strict=True)):
        if s.points:
            dots = "".join(f"M{px(a):.1f} {py(b):.1f}h0" for a, b in zip(x, y, strict=True))
            parts.append(f'<path class="dots" stroke="{colour}" d="{dots}"/>')
        elif len(x):
            line = "L".join(f"{px(a):.1f} {py(b):.1f}" for a, b in zip(x, y, strict=True))
            dash = ' stroke-dasharray="5 4"' if s.dashed else ""
            parts.append(f'<path class="line" stroke="{colour}"{dash} d="M{line}"/>')
        at_x, at_y = LEFT + place % 3 * 138, HEIGHT + 18 * (place // 3) + 4
        parts.append(f'<rect x="{at_x}" y="{at_y}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{at_x + 14}" y="{at_y + 9}">{escape(s.name[:20])}</text>')
    return "\n".join([*parts, "</svg>"])


def _colours(series: Sequence[Series]) -> list[str]:
    loud = quiet = 0
    found: list[str] = []
    for s in series:
        if s.quiet:
            found.append(GRAYS[quiet % len(GRAYS)])
            quiet += 1
        else:
            found.append(COLOURS[loud % len(COLOURS)])
            loud += 1
    return found


def _range(values: Sequence[np.ndarray]) -> tuple[float, float]:
    present = [v for v in values if v.size]
    if not present:
        return 0.0, 1.0
    low, high = min(float(v.min()) for v in present), max(float(v.max()) for v in present)
    low = 0.0 if 0 < low < 0.5 * high else low
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """About five round values within a range."""
    raw = (high - low) / 5
    step = 10 ** np.floor(np.log10(raw))
    step *= next(m for m in (1, 2, 5, 10) if m * step >= raw)
    first = np.ceil(low / step - 1e-9)
    # + 0.0: no tick is called -0
    return [round(float(k * step), 10) + 0.0 for k in np.arange(first, np.floor(high / step + 1e-9) + 1)]
