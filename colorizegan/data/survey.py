"""`survey(...)`: what is in a set of photos before anything is trained on it: counts, sizes, what will be left out."""

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.difference import colorfulness
from colorizegan.contact_sheet import contact_sheet
from colorizegan.data.decode import FORMATS, MIN_COLORFULNESS, STORE_SIDE, decode, read_bytes
from colorizegan.data.duplicates import difference_hash, group_near
from colorizegan.data.layouts import PhotoFile
from colorizegan.errors import OutputError
from colorizegan.machine import in_order
from colorizegan.progress import with_bar

_SIDE = 128  # px, shorter side at which photos are judged and shown
_COLUMNS, _SHOWN = 12, 72  # thumbnails a row, and in all


@dataclass(frozen=True)
class PhotoFacts:
    """One photo, looked at."""

    verdict: str
    """"usable", "gray" or "broken" (also: too small, too narrow), as training will find it."""
    kind: str
    """Format and mode, such as "JPEG CMYK"; "unknown" where it is broken."""
    size: tuple[int, int]
    """Width and height in px; 0, 0 where they are unknown."""
    colorfulness: float
    code: int
    """Its perceptual hash."""
    thumbnail: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Survey:
    """All photos of a set."""

    photos: list[PhotoFile]
    seen: list[PhotoFacts]

    def facts(self) -> dict[str, Any]:
        """Counts and distributions, ready for JSON; quantiles are the smallest, the quarters, and the largest."""
        usable = [s for s in self.seen if s.verdict == "usable"]
        groups = group_near([s.code for s in usable[:20_000]])  # all pairs of more take too long
        sides = [min(s.size) for s in usable]
        pixels = sum(w * h * min(1.0, STORE_SIDE / min(w, h)) ** 2 for w, h in (s.size for s in usable))
        return {
            "photos": len(self.photos),
            "bytes": sum(photo.size for photo in self.photos),
            **{name: sum(s.verdict == name for s in self.seen) for name in ("usable", "gray", "broken")},
            "near_duplicates": len(groups) - len(np.unique(groups)),
            "kinds": dict(Counter(s.kind for s in self.seen).most_common()),
            "shorter_side_px": _quantiles(sides),
            "aspect": _quantiles([max(s.size) / min(s.size) for s in usable], 2),
            "colorfulness": _quantiles([s.colorfulness for s in usable], 1),
            "cache_bytes": round(3 * pixels),
        }

    def named(self, verdict: str) -> list[str]:
        """Keys of the photos of one verdict."""
        return [photo.key for photo, s in zip(self.photos, self.seen, strict=True) if s.verdict == verdict]

    def write_sheet(self, path: Path) -> None:
        """A picture of usable photos from all over the set, and after them the gray ones."""
        shown: list[tuple[str, NDArray[np.uint8]]] = []
        for verdict, most in (("usable", _SHOWN), ("gray", 2 * _COLUMNS)):
            tiles = [s.thumbnail for s in self.seen if s.verdict == verdict and s.thumbnail is not None]
            shown += [(verdict, tiles[i]) for i in np.linspace(0, len(tiles) - 1, min(most, len(tiles))).astype(int)]
        sheet = contact_sheet([tile for _, tile in shown], _COLUMNS, captions=[verdict for verdict, _ in shown])
        try:
            sheet.save(path)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot be written ({error})", path=path, remedy="give a .png or .jpg") from None


def survey(photos: list[PhotoFile]) -> Survey:
    """Look at every photo, on all cores, with a progress bar."""
    with in_order(look, photos, len(photos)) as results:
        return Survey(photos, list(with_bar(results, "", len(photos))))


def look(photo: PhotoFile) -> PhotoFacts:
    """One photo, as training will see it."""
    rgb = decode(photo, _SIDE)
    if rgb is None:
        return PhotoFacts("broken", "unknown", (0, 0), 0.0, 0, None)
    with Image.open(io.BytesIO(read_bytes(photo)), formats=FORMATS) as image:
        kind, size = f"{image.format} {image.mode}", image.size
    colour = float(colorfulness(rgb))
    verdict = "gray" if colour < MIN_COLORFULNESS else "usable"
    height, width = rgb.shape[:2]
    top, left = (height - min(height, width)) // 2, (width - min(height, width)) // 2
    square = rgb[top : top + min(height, width), left : left + min(height, width)]
    thumbnail = np.asarray(Image.fromarray(square).resize((_SIDE, _SIDE)))
    return PhotoFacts(verdict, kind, size, colour, difference_hash(rgb), thumbnail)


def _quantiles(values: list[int] | list[float], digits: int = 0) -> list[float]:
    if not values:
        return []
    return [round(float(v), digits) if digits else int(v) for v in np.quantile(values, (0, 0.25, 0.5, 0.75, 1))]
