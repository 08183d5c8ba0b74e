"""Colours with a meaning: is the sky blue, vegetation green, water aqua or blue, skin in the human range?

Regions are found on the true colour photo. Where people have marked them (`Labels`, a table of boxes), a region is what
looks like its kind inside a box. Elsewhere simple detectors find sky and vegetation; their accuracy stands in
docs/evaluation.md. An entrant's figures are the share of a region whose hue lies in the sector of its kind, mean over
the photos that have such a region, and that share of the pixels of all regions. Truth scores 100 by construction, gray
0.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, label, uniform_filter

from colorizegan.bench.measures.pixels import gradient
from colorizegan.errors import DataError

SMALLEST = 0.002  # share of the photo that a marked region must have; less says nothing
_COLUMNS = ["photo", "kind", "left", "top", "right", "bottom"]
Box = tuple[float, float, float, float]
"""left, top, right, bottom as shares 0..1 of the cut photo's width and height."""


@dataclass(frozen=True)
class Kind:
    """A kind of region: what its pixels look like in the truth, and which hues are right for it.

    Hues are CIE Lab angles in degrees, chroma in Lab units.
    """

    hue: tuple[float, float]
    """The sector that counts as right, from .. to."""
    chroma: float
    """A right pixel has at least this chroma: less is gray."""
    seen_hue: tuple[float, float]
    """Sector of a region's pixels in the truth, inside `hue`."""
    seen_chroma: tuple[float, float]
    lightness: tuple[float, float]
    area: float | None
    """Smallest share of the photo that a region found by the detector may have; None = there is no detector."""


KINDS = {
    # right hue, chroma, seen hue, seen chroma, lightness, area
    "sky": Kind((205, 300), 4, (225, 290), (8, 70), (35, 97), 0.06),
    "vegetation": Kind((95, 165), 5, (105, 150), (14, 90), (12, 85), 0.08),
    "water": Kind((165, 295), 4, (170, 290), (6, 70), (8, 92), None),
    "skin": Kind((20, 85), 6, (30, 75), (9, 45), (25, 90), None),
}


@dataclass(frozen=True)
class Labels:
    """Regions that people have marked: photo name -> kind -> boxes. Kinds that no photo has are left to detectors."""

    boxes: dict[str, dict[str, list[Box]]] = field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        """The kinds that are marked in at least one photo."""
        return {kind for marked in self.boxes.values() for kind in marked}

    @staticmethod
    def read(path: Path) -> Labels:
        """A tab-separated table with the head photo, kind, left, top, right, bottom; a photo may have several rows.

        Raises DataError with the number of the line that is wrong.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the table of regions cannot be read ({error})", path=path) from None
        return Labels(_parse(text, path))

    def of(self, key: str) -> dict[str, list[Box]]:
        """The boxes of one photo, found by the name without folder."""
        return self.boxes.get(PurePosixPath(key).name, {})


def find_regions(lab: NDArray[np.float32], labels: Labels | None = None, key: str = "") -> dict[str, NDArray[np.bool_]]:
    """Masks (H, W) of the regions that are there, by kind, from the true photo (H, W, 3) Lab.

    labels, key: marked regions and the photo's name. A pixel counts where it is in a box of its kind and looks like it.
    Detectors, for kinds that no photo of `labels` has: sky is blue, smooth and joined to the top edge; vegetation is
    green and textured. Water and skin have none: floors, walls and wood share their colours.
    """
    labels = labels or Labels()
    marked, left = labels.of(key), set(KINDS) - labels.kinds
    texture = uniform_filter(np.pad(gradient(lab[..., :1]), ((0, 1), (0, 1)), mode="edge"), 9)
    found: dict[str, NDArray[np.bool_]] = {}
    for name, kind in KINDS.items():
        smallest = kind.area if name in left else SMALLEST
        if smallest is None or (name not in left and name not in marked):
            continue
        mask = np.asarray(binary_opening(_seen(lab, kind), iterations=2), bool)
        if name == "sky":
            labelled: Any = label(mask & (texture < 2.5))  # numbers of the pieces from 1, and their count
            pieces = labelled[0]
            top = np.unique(pieces[: max(1, len(lab) // 50)])
            mask = np.isin(pieces, top[top > 0])
        elif name == "vegetation":
            mask &= texture > 1.2
        if name in marked:
            mask &= _inside(mask.shape, marked[name])
        if mask.mean() >= smallest:
            found[name] = mask
    return found


def hits(lab: NDArray[np.float32], regions: dict[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Columns of the regions: <kind>_seen (1 = there is one), <kind>_hit (share of it in the right sector, 0..1),
    <kind>_area (share of the photo that it covers) and <kind>_hit_area (their product)."""
    columns: dict[str, float] = {}
    for name, kind in KINDS.items():
        region = regions.get(name)
        hit = 0.0 if region is None else float(_right(lab[region], kind).mean())
        area = 0.0 if region is None else float(region.mean())
        columns[f"{name}_seen"] = float(region is not None)
        columns |= {f"{name}_hit": hit, f"{name}_area": area, f"{name}_hit_area": hit * area}
    return columns


def _parse(text: str, path: Path) -> dict[str, dict[str, list[Box]]]:
    rows = list(csv.reader(text.splitlines(), delimiter="\t"))
    if not rows or rows[0] != _COLUMNS:
        raise DataError(f"a table of regions starts with the line {' '.join(_COLUMNS)}, tab-separated", path=path)
    boxes: dict[str, dict[str, list[Box]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        try:
            photo, kind, *edges = row
            left, top, right, bottom = (float(edge) for edge in edges)
        except ValueError:
            raise DataError(f"line {number} is not a photo, a kind and four numbers", path=path) from None
        if kind not in KINDS:
            raise DataError(f"line {number} has the unknown kind {kind!r}", path=path, remedy=f"use {', '.join(KINDS)}")
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise DataError(f"line {number} has no box within 0..1", path=path, remedy="left < right, top < bottom")
        boxes.setdefault(photo, {}).setdefault(kind, []).append((left, top, right, bottom))
    return boxes


def _inside(shape: tuple[int, ...], boxes: list[Box]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for left, top, right, bottom in boxes:
        rows = slice(round(top * shape[0]), round(bottom * shape[0]))
        mask[rows, round(left * shape[1]) : round(right * shape[1])] = True
    return mask


def _right(lab: NDArray[np.float32], kind: Kind) -> NDArray[np.bool_]:
    chroma, hue = _polar(lab)
    return (chroma >= kind.chroma) & (hue >= kind.hue[0]) & (hue <= kind.hue[1])


def _seen(lab: NDArray[np.float32], kind: Kind) -> NDArray[np.bool_]:
    chroma, hue = _polar(lab)
    lightness = lab[..., 0]
    found = (hue >= kind.seen_hue[0]) & (hue <= kind.seen_hue[1])
    found &= (chroma >= kind.seen_chroma[0]) & (chroma <= kind.seen_chroma[1])
    return found & (lightness >= kind.lightness[0]) & (lightness <= kind.lightness[1])


def _polar(lab: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Chroma, and hue angle in 0..360 degrees."""
    a, b = lab[..., 1], lab[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
