"""Pictures that tests draw: gray waves, a field of colours, soft blots; as files, and read again, perhaps smaller."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from PIL import Image

Array = np.ndarray[Any, Any]


def waves(height: int = 48, width: int = 64, seed: float = 0, *, grain: float = 0, top: int = 255) -> Array:
    """A smooth gray picture (H, W), every seed another one; of 16 bit where `top` is over 255."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(int(seed)).normal(0, grain, (height, width))
    gray = 128 + 80 * np.sin(x / 9 + seed) * np.cos(y / 7) + noise
    return np.clip(gray * (top / 255), 0, top).astype(np.uint8 if top < 256 else np.uint16)


def colors(height: int = 48, width: int = 64) -> Array:
    """A picture (H, W, 3) of 8 bit in which every place has a colour of its own."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack((x * 255 // width, y * 255 // height, 255 - x * 255 // width)).astype(np.uint8)


def blots(seed: int, width: int = 80, height: int = 60) -> Image.Image:
    """Large soft blots of colour, every seed others."""
    cells = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)


def image_of(picture: Array | Image.Image) -> Image.Image:
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture)


def encoded(picture: Array | Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    image_of(picture).save(file, format, **options)
    return file.getvalue()


def tiff(picture: Array, **options: Any) -> bytes:
    """The file of a picture of any kind, as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, picture, **options)
    return file.getvalue()


def heic(*pictures: Array | Image.Image, **options: Any) -> bytes:
    """A HEIC file; of several pictures the first is the main one, unless `primary_index` says another."""
    file, images = io.BytesIO(), pillow_heif.HeifFile()
    for picture in pictures:
        images.add_from_pillow(image_of(picture))
    images.save(file, **options)
    return file.getvalue()


def put(path: str | Path, picture: Array | Image.Image | None = None, **options: Any) -> Path:
    """Write a picture, by default gray waves that hang on the name, with the folders above it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image_of(waves(seed=sum(bytes(path)), grain=8) if picture is None else picture).save(path, **options)
    return path


def small(path: Path, side: int, mode: str = "L") -> Array:
    """A photo whose longer side has so many px."""
    with Image.open(path) as image:
        image = image.convert(mode)
    image.thumbnail((side, side))
    return np.asarray(image)


def pixels(source: str | Path | bytes) -> Array:
    """What a file shows, as Pillow reads it."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.asarray(image)


def torn_on_white() -> Array:
    """A dark, faded photo torn at its edges, on white paper: 340 x 420, L of the photo under 45, of the paper 93."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    photo = 70 + 25 * np.sin(x / 17) * np.cos(y / 23) + rng.normal(0, 3, (240, 320))
    depth = np.abs(np.cumsum(rng.normal(0, 0.6, 320))) % 8
    photo = np.where((y >= depth[x]) & (y < 240 - depth[::-1][x]), photo, 235)
    return np.pad(photo, 50, constant_values=235).clip(0, 255).astype(np.uint8)
