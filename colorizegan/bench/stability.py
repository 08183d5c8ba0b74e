"""Do the colours stay when only the picture's size, its JPEG quality or its grain changes?"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.entrants import Entrant
from colorizegan.bench.protocols import gray_of
from colorizegan.color.lab import lab_of
from colorizegan.errors import ModelError
from colorizegan.model.network_input import resized

SIDE = 256  # px, shorter side of the picture that the others are compared with
QUALITY = 30
GRAIN = 10.0  # standard deviation, of 255


@dataclass(frozen=True)
class Change:
    """A change of the gray input that should not change its colours."""

    label: str
    text: str


CHANGES = {
    "size": Change("other sizes", f"from {SIDE} px (shorter side, input and network) to 192 and to 384 px"),
    "jpeg": Change(f"JPEG {QUALITY}", f"from the clean gray picture to the same as JPEG of quality {QUALITY}"),
    "grain": Change(f"grain {GRAIN:g}", f"from the clean gray picture to Gaussian grain of sigma {GRAIN:g} of 255"),
}


def stability(rival: Entrant, key: str, photo: Image.Image | None) -> dict[str, float]:
    """Columns <change>_turn, _chroma, _move and _pixels of one photo: sums, to be divided after they were added up.

    rival: an entrant that is `live`; key: the photo's name, seed of the grain; photo: RGB, of any size. It is scaled to
    a shorter side of 256 px, and to 192 and 384 px for the change of size, where the network works at that size too if
    it can; a smaller photo is enlarged. None = a photo that is not tested: sums of 0.
    """
    if photo is None:
        return {f"{name}_{part}": 0.0 for name in CHANGES for part in ("turn", "chroma", "move", "pixels")}
    gray = _gray_at(photo, SIDE)
    before = _ab(rival, key, gray, SIDE)
    name = PurePosixPath(key).name.encode("utf-8", "surrogateescape")  # the same in a folder and in a tar
    seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
    grain = np.random.default_rng(seed).normal(0, GRAIN, gray.shape)
    inputs = [
        *(("size", _gray_at(photo, side), side) for side in (192, 384)),
        ("jpeg", _as_jpeg(gray), SIDE),
        ("grain", np.rint(np.clip(gray + grain, 0, 255)).astype(np.uint8), SIDE),
    ]
    columns: dict[str, float] = {}
    for change, other, side in inputs:
        after = resized(_ab(rival, key, other, side), (gray.shape[0], gray.shape[1]))
        for part, value in changed(before, after).items():
            columns[f"{change}_{part}"] = columns.get(f"{change}_{part}", 0.0) + value
    return columns


def changed(before: NDArray[np.float32], after: NDArray[np.float32]) -> dict[str, float]:
    """How far colours moved, as sums over the pixels of two ab pictures (2, H, W) in Lab units.

    turn: |change of hue angle| in degrees, 0..180, times weight; chroma: the weights, the geometric mean of the two
    chromas, or 0 where that is below 1 Lab unit, since a gray has no hue; move: distance in the ab plane, Lab units;
    pixels.
    """
    x, y = before.astype(np.float64), after.astype(np.float64)
    dot = (x * y).sum(0)
    cross = x[0] * y[1] - x[1] * y[0]
    weight = np.sqrt(np.hypot(*x) * np.hypot(*y))
    weight[weight < 1] = 0
    return {
        "turn": float((np.abs(np.degrees(np.arctan2(cross, dot))) * weight).sum()),
        "chroma": float(weight.sum()),
        "move": float(np.linalg.norm(x - y, axis=0).sum()),
        "pixels": float(weight.size),
    }


def _ab(rival: Entrant, key: str, gray: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    try:
        return np.moveaxis(lab_of(rival.colorize(key, gray, size=size).rgb)[..., 1:], -1, 0)
    except ModelError as error:  # a network of another project may run at one size only
        remedy = "leave the stability test out with --stability 0"
        raise ModelError(f"{error.reason}, in the stability test", path=error.path, remedy=remedy) from None


def _gray_at(photo: Image.Image, side: int) -> NDArray[np.uint8]:
    """The black-and-white picture (h, w) with a shorter side of `side` px."""
    scale = side / min(photo.size)
    size = (max(side, round(photo.width * scale)), max(side, round(photo.height * scale)))
    return gray_of(lab_of(np.asarray(photo.resize(size, Image.Resampling.LANCZOS), dtype=np.uint8)))


def _as_jpeg(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    data = io.BytesIO()
    Image.fromarray(gray).save(data, "JPEG", quality=QUALITY)
    with Image.open(data) as image:
        return np.asarray(image.convert("L"), dtype=np.uint8)
