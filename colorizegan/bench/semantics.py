"""Colours with a meaning: is the sky blue, vegetation green, water aqua or blue, skin in the human range?

Regions are found on the true colour photo by simple detectors (hue sector, place, texture); their own accuracy, judged
by eye on photos-val, stands in docs/evaluation.md. An entrant's figure is the share of a region whose hue lies in the
sector of its kind, mean over the photos that have such a region. Truth scores 100 by construction, gray 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.metrics import gradient

__all__ = ["KINDS", "Kind", "find_regions", "hits"]


@dataclass(frozen=True)
class Kind:
    """A kind of region: what its pixels look like in the truth, and which hues are right for it.

    Hues are CIE Lab angles in degrees, chroma in Lab units.
    """

    name: str
    hue: tuple[float, float]
    """The sector that counts as right, from .. to."""
    chroma: float
    """A right pixel has at least this chroma: less is gray."""
    seen_hue: tuple[float, float]
    """Sector of a region's pixels in the truth, inside `hue`."""
    seen_chroma: tuple[float, float]
    lightness: tuple[float, float]
    area: float
    """Smallest share of the photo that a region may have."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        # name, right hue, chroma, seen hue, seen chroma, lightness, area
        Kind("sky", (205, 300), 4, (225, 290), (8, 70), (35, 97), 0.06),
        Kind("vegetation", (95, 165), 5, (105, 150), (14, 90), (12, 85), 0.08),
        Kind("water", (165, 295), 4, (190, 285), (7, 60), (15, 90), 0.10),
        Kind("skin", (20, 85), 6, (35, 72), (11, 40), (35, 88), 0.02),
    )
}


def find_regions(lab: NDArray[np.float32], *, people: bool | None = None) -> dict[str, NDArray[np.bool_]]:
    """Masks (H, W) of the regions that are there, by kind, from the true photo (H, W, 3) Lab.

    sky: blue, smooth, joined to the top edge. vegetation: green and textured. water: blue or aqua, in the lower part,
    not joined to the top edge. skin: skin-coloured, smooth, in one piece; looked for only where the caller knows that
    the photo shows people (skin colour alone says little: wood, sand and walls share it).
    """
    from scipy.ndimage import binary_opening, label, uniform_filter

    texture = uniform_filter(np.pad(gradient(lab[..., :1]), ((0, 1), (0, 1)), mode="edge"), 9)
    masks = {name: binary_opening(_seen(lab, kind), iterations=2) for name, kind in KINDS.items()}
    height = lab.shape[0]
    masks["sky"] &= texture < 2.5
    masks["vegetation"] &= texture > 1.2
    masks["skin"] &= texture < 4
    pieces, _ = label(masks["sky"])
    top = np.unique(pieces[: max(1, height // 50)])
    masks["sky"] = np.isin(pieces, top[top > 0])
    pieces, _ = label(masks["water"])
    top = np.unique(pieces[: height // 3])
    masks["water"] &= ~np.isin(pieces, top[top > 0])
    if not people:
        masks["skin"][:] = False
    return {name: mask for name, mask in masks.items() if mask.mean() >= KINDS[name].area}


def hits(lab: NDArray[np.float32], regions: dict[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Columns <kind>_hit (share of the region in the right sector, 0..1) and <kind>_seen (1 where there is a region)."""
    columns: dict[str, float] = {}
    for name, kind in KINDS.items():
        region = regions.get(name)
        columns[f"{name}_seen"] = 0.0 if region is None else 1.0
        columns[f"{name}_hit"] = 0.0 if region is None else float(_right(lab[region], kind).mean())
    return columns


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
