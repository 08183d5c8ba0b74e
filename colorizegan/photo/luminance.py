"""Decoded pixels of any colour model to sRGB-encoded luminance, strip by strip.

ICC profiles are honoured: what comes out is the luminance that the profile gives, encoded as sRGB.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from colorizegan.color.lab import rgb_to_gray
from colorizegan.errors import DecodeError
from colorizegan.photo.decode import image_of
from colorizegan.photo.metadata.metadata import has_field

Pixels = NDArray[Any]

STRIP = 1 << 18  # pixels a strip
BLOCK = 16  # px; tiles have sides of multiples of it
SAMPLE = 90_000  # pixels, about, of the sample
# What libvips calls them -> in words.
NUMBERS = {"char": "signed whole numbers of 8 bits", "short": "signed whole numbers of 16 bits"}
NUMBERS |= {"uint": "whole numbers of 32 bits", "int": "signed whole numbers of 32 bits"}
NUMBERS |= {"float": "decimal fractions (floating point)"}
INTENT: Any = {"intent": "relative", "black_point_compensation": True}


@dataclass(frozen=True)
class Light:
    """A decoded image; all arrays uint8 or all uint16."""

    gray: Pixels
    """(H, W) sRGB-encoded luminance, exactly the stored value where that is neutral sRGB."""
    alpha: Pixels | None
    """(H, W)."""
    sample: Pixels | None
    """(h, w, 3) sRGB, a regular selection of pixels; None where they are all gray, or there are no colour channels."""
    rgb: Pixels | None
    """(H, W, 3) sRGB, where that was asked for."""
    useless_profile: bool
    """Its ICC profile is damaged or does not fit it."""


def read_luminance(
    image: pyvips.Image, *, colors_too: bool = False, opacity: int | None = 0, lenient: bool = False
) -> Light:
    """Decode an image of `open_image`; DecodeError for samples that are no integers, pyvips.Error for damaged data.

    Args:
        colors_too: fill `Light.rgb`, of an image without colour channels with three equal ones.
        opacity: which of the channels after those of colour is the opacity, where there are any; None = none of them.
        lenient: tiles that cannot be decoded are black.
    """
    if image.format not in ("uchar", "ushort"):
        kind = NUMBERS.get(str(image.format), "numbers of an unknown kind")
        raise DecodeError(f"its brightness is stored as {kind}, which is not read", remedy="save it with 8 or 16 bits")
    dtype = np.dtype(np.uint8 if image.format == "uchar" else np.uint16)
    colors, alpha, table, converted, useless = _to_gray_or_rgb(image, opacity)
    joined = colors if alpha is None else colors.bandjoin(alpha)
    height, width = image.height, image.width
    gray = np.empty((height, width), dtype)
    mask = None if alpha is None else np.empty((height, width), dtype)
    rgb = np.empty((height, width, 3), dtype) if colors_too else None
    step = max(1, round((height * width / SAMPLE) ** 0.5))
    sample: list[Pixels] = []

    def take_in(top: int, pixels: Pixels) -> None:  # (rows, W, C)
        rows = slice(top, top + len(pixels))
        if mask is not None:
            mask[rows] = pixels[:, :, -1]
        if colors.bands == 1:
            gray[rows] = pixels[:, :, 0] if table is None else table.take(pixels[:, :, 0], mode="clip")
        else:
            gray[rows] = rgb_to_gray(pixels[:, :, :3])
        if rgb is not None:
            rgb[rows] = gray[rows, :, None] if colors.bands == 1 else pixels[:, :, :3]

    # The next strip is decoded while the last ones are converted.
    with ThreadPoolExecutor(1) as worker:
        waiting: deque[Future[None]] = deque()
        for top, pixels in _strips(joined, dtype, converted, lenient):
            if colors.bands > 1:
                sample.append(pixels[-top % step :: step, ::step, :3].copy())
            waiting.append(worker.submit(take_in, top, pixels))
            if len(waiting) > 3:
                waiting.popleft().result()
        while waiting:
            waiting.popleft().result()
    # Where no pixel has a colour there is nothing to look at, which would take longer than this.
    colored = any((x[..., 0] != x[..., 1]).any() or (x[..., 1] != x[..., 2]).any() for x in sample)
    return Light(gray, mask, np.concatenate(sample) if colored else None, rgb, useless)


def _strips(image: pyvips.Image, dtype: np.dtype[Any], converted: bool, lenient: bool) -> Iterator[tuple[int, Pixels]]:
    """(top row, pixels (rows, W, C)) from top to bottom."""
    rows = max(1, STRIP // image.width) * (8 if converted else 1)
    if lenient:
        rows = -(-rows // BLOCK) * BLOCK  # the edges of tiles lie on those of blocks
    region = pyvips.Region.new(image)
    for top in range(0, image.height, rows):
        count = min(rows, image.height - top)
        try:
            if converted:  # worth the threads of libvips
                buffer = image.crop(0, top, image.width, count).write_to_memory()
            else:
                buffer = region.fetch(0, top, image.width, count)
            yield top, np.frombuffer(buffer, dtype).reshape(count, image.width, image.bands)
        except pyvips.Error:
            if not lenient:
                raise
            yield top, _what_can_be_read(image, region, top, count, dtype)


def _what_can_be_read(image: pyvips.Image, region: pyvips.Region, top: int, rows: int, dtype: np.dtype[Any]) -> Pixels:
    """A strip block by block; those that cannot be decoded stay 0."""
    pixels = np.zeros((rows, image.width, image.bands), dtype)
    for y in range(0, rows, BLOCK):
        for x in range(0, image.width, BLOCK):
            block = pixels[y : y + BLOCK, x : x + BLOCK]
            try:
                buffer = region.fetch(x, top + y, block.shape[1], block.shape[0])
            except pyvips.Error:
                continue
            block[:] = np.frombuffer(buffer, dtype).reshape(block.shape)
    return pixels


def _to_gray_or_rgb(
    image: pyvips.Image, opacity: int | None
) -> tuple[pyvips.Image, pyvips.Image | None, Pixels | None, bool, bool]:
    """Colour bands as gray or sRGB, alpha, a table for gray values, are pixels converted, is the profile useless."""
    wide = image.format == "ushort"
    model = str(image.interpretation)
    if model == "multiband":
        model = "b-w" if image.bands < 3 else "srgb"
    bands = {"b-w": 1, "grey16": 1, "cmyk": 4}.get(model, 3)
    if image.bands < bands:
        raise DecodeError(f"has {image.bands} channels, which {model} cannot have")
    alpha = None if opacity is None or image.bands <= bands + opacity else image[bands + opacity]
    colors = image if image.bands == bands else image[:bands]
    profile = cast(bytes, image.get("icc-profile-data")) if has_field(image, "icc-profile-data") else b""
    depth = 16 if wide else 8
    if bands == 1:
        table, useless = _gray_table(profile, depth) if profile else (None, False)
        return colors, alpha, table, False, useless
    if model == "cmyk":
        settings: dict[str, Any] = {"embedded": True, "input_profile": "cmyk", "depth": depth, **INTENT}
        return colors.icc_transform("srgb", **settings), alpha, None, True, False
    if model not in ("srgb", "rgb16", "rgb"):  # Lab and such
        return colors.colourspace("rgb16" if wide else "srgb"), alpha, None, True, False
    is_srgb, useless = _is_srgb(profile) if profile else (True, False)
    if is_srgb:
        return colors, alpha, None, False, useless
    colors = colors.copy(interpretation="rgb16" if wide else "srgb")
    return colors.icc_transform("srgb", embedded=True, depth=depth, **INTENT), alpha, None, True, False


@lru_cache(maxsize=8)
def _gray_table(profile: bytes, depth: int) -> tuple[Pixels | None, bool]:
    """The sRGB code of every gray value under a profile, None where that changes nothing; is the profile useless."""
    values = np.arange(1 << depth).astype(np.uint8 if depth == 8 else np.uint16)
    bands = 3 if profile[16:20] == b"RGB " else 1
    result = _through_profile(np.repeat(values[None, :, None], bands, axis=2), profile)
    if result is None:
        return None, True
    table = np.rint(rgb_to_gray(result[0]) / (257 if depth == 8 else 1)).astype(values.dtype)
    return None if np.abs(table.astype(int) - values).max() <= (1 << depth) // 256 else table, False


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> tuple[bool, bool]:
    """Whether a profile is sRGB under whatever name: it moves no colour of a coarse grid by more than 2 of 255.

    A useless one counts as sRGB; the second value tells.
    """
    grid = np.stack(np.meshgrid(*[np.linspace(0, 255, 6)] * 3), axis=-1).astype(np.uint8).reshape(1, -1, 3)
    result = _through_profile(grid, profile)
    return result is None or bool(np.abs(result / 257 - grid).max() <= 2), result is None


def _through_profile(pixels: Pixels, profile: bytes) -> Pixels | None:
    """pixels (1, N, C) from a profile to sRGB, (1, N, 3) uint16; None where the profile is of no use."""
    # libvips would put up with these and take another profile. The signature and the colour space are those of ICC.1.
    if profile[36:40] != b"acsp" or profile[16:20] != (b"RGB " if pixels.shape[2] == 3 else b"GRAY"):
        return None
    image = image_of(pixels)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        result = image.icc_transform("srgb", embedded=True, depth=16, **INTENT)
        return np.frombuffer(result.write_to_memory(), np.uint16).reshape(1, -1, result.bands)[:, :, :3]
    except pyvips.Error:
        return None
