"""What the page asks of the library: a photo in colour as wished, proposals, doubt, and the file to take home.

Stand-in: hints, proposals and the overlay are done here in the plainest way, until the library has them. The page knows
these functions only, so that nothing but this file changes then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from colorizegan.color import gray_to_lightness, in_gamut_scale, lab_to_rgb, rgb_to_lab
from colorizegan.colorizer import Colorizer, working_lightness
from colorizegan.errors import UsageError
from colorizegan.merge import merge
from colorizegan.onephoto import OnePhoto, Settings
from colorizegan.photo import Photo, encode_photo
from colorizegan.predict import Prediction
from colorizegan.reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hint", "Proposal", "colored", "mark_doubt", "propose", "write_result"]

REACH = 3  # px at the network's size around a hint


@dataclass(frozen=True)
class Hint:
    """The colour of one point of the upright photo. UsageError where it is none."""

    x: int
    y: int
    color: str
    """sRGB, "#rrggbb"."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.color):
            raise UsageError(f"the hint's colour {self.color[:40]!r} is none", remedy="write it as #rrggbb")
        if min(self.x, self.y) < 0:
            raise UsageError("the hint's place is none", remedy="give whole pixels from the top left")


@dataclass(frozen=True)
class Proposal:
    """One of several colourings: colorizing with its hints gives it."""

    hints: tuple[Hint, ...]
    likelihood: float


def colored(colorizer: Colorizer, photo: Photo, *, saturation: float, hints: Sequence[Hint]) -> NDArray[Any]:
    """The photo in colour: rgb (H, W, 3), dtype of `photo.gray`."""
    if not hints:
        return colorizer.colorize_photo(photo, saturation=saturation)
    ab = _predict(colorizer, photo, hints).ab
    return merge(photo.gray, ab, saturation=saturation, threads=colorizer.predictor.threads)


def propose(colorizer: Colorizer, photo: Photo, *, count: int, seed: int, hints: Sequence[Hint]) -> list[Proposal]:
    """Several colourings, the likeliest first."""
    found = _predict(colorizer, photo, hints)
    row, column = np.unravel_index(int(found.confidence().argmin()), found.logits.shape[1:])
    logits = found.logits[:, row, column]
    order = np.argsort(-logits, kind="stable")[: count + seed][-count:]
    height, width = photo.gray.shape
    y = min(int((row + 0.5) * height / found.logits.shape[1]), height - 1)
    x = min(int((column + 0.5) * width / found.logits.shape[2]), width - 1)
    L = float(gray_to_lightness(photo.gray[y, x] / np.float32(np.iinfo(photo.gray.dtype).max)))
    proposals = []
    for a, b in found.bins[order]:
        scale = float(in_gamut_scale(np.array([L]), np.array([a]), np.array([b]))[0])
        rgb = np.clip(lab_to_rgb(np.array([L, a * scale, b * scale])), 0, 1)
        color = "#" + "".join(f"{round(float(v) * 255):02x}" for v in rgb)
        likelihood = float(logits[order[len(proposals)]] - np.logaddexp.reduce(logits))
        proposals.append(Proposal((*hints, Hint(x, y, color)), likelihood))
    return proposals


def mark_doubt(colorizer: Colorizer, photo: Photo, rgb: NDArray[np.uint8], hints: Sequence[Hint]) -> NDArray[np.uint8]:
    """A picture (h, w, 3) of the photo, at any size, with the places marked where its colours are a guess."""
    sure = np.rint(_predict(colorizer, photo, hints).confidence() * 255).astype(np.uint8)
    at_size = np.asarray(Image.fromarray(sure).resize((rgb.shape[1], rgb.shape[0]), Image.Resampling.BILINEAR))
    doubt = (0.7 * np.clip(1 - at_size.astype(np.float32) / 128, 0, 1))[..., None]
    return np.rint(rgb * (1 - doubt) + np.array([255, 0, 128]) * doubt).astype(np.uint8)


def write_result(
    colorizer: Colorizer, reader: Reader, source: Path, file: BinaryIO, *, saturation: float, hints: Sequence[Hint]
) -> str:
    """Write the whole result, as the command line does with the same options; its format is returned.

    Args:
        file: empty, open for reading and writing.
    """
    photo = OnePhoto(source, colorizer, reader, Settings(saturation=saturation, force=True))
    photo.open()
    assert photo.format is not None
    if hints:
        original = reader.read(source)
        file.write(encode_photo(colored(colorizer, original, saturation=saturation, hints=hints), original))
    else:
        photo.write(file)
    return photo.format


def _predict(colorizer: Colorizer, photo: Photo, hints: Sequence[Hint]) -> Prediction:
    L = working_lightness(photo.gray, colorizer.working_size(None))
    ab = np.zeros((2, *L.shape), np.float32)
    mask = np.zeros((1, *L.shape), np.float32)
    for hint in hints:
        row, column = hint.y * L.shape[0] // photo.gray.shape[0], hint.x * L.shape[1] // photo.gray.shape[1]
        near = np.s_[max(row - REACH, 0) : row + REACH + 1, max(column - REACH, 0) : column + REACH + 1]
        rgb = np.array([int(hint.color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        ab[:, near[0], near[1]] = rgb_to_lab(rgb)[1:, None, None]
        mask[:, near[0], near[1]] = 1
    return colorizer.predictor.predict(L, hint_ab=ab, hint_mask=mask)
