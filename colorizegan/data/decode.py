"""An encoded training or test photo -> upright sRGB pixels; what is read is decided by content."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colorizegan.data.layouts import PhotoFile

STORE_SIDE = 288  # px, shorter side to which larger photos are reduced when they are decoded into the cache
MIN_COLORFULNESS = 8.0  # Hasler & Suesstrunk 2003; photos below it are skipped in training: gray prints teach gray
MIN_SIDE = 48  # px; smaller pictures are icons, not photos
# By content, whatever the name says (ImageNet has a PNG named .JPEG); nothing that runs another program.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "PPM", "TIFF")


def read_bytes(photo: PhotoFile) -> bytes:
    """The encoded photo. OSError where its file is gone."""
    with Path(photo.path).open("rb") as file:
        file.seek(photo.offset)
        return file.read(photo.size)


def decode(photo: PhotoFile, store_side: int) -> NDArray[np.uint8] | None:
    """The photo, upright, as (H, W, 3) sRGB, its shorter side at most `store_side`; None if it is broken."""
    try:
        image = Image.open(io.BytesIO(read_bytes(photo)), formats=FORMATS)
        image.draft("RGB", (store_side, store_side))
        short = min(image.size)
        if short < MIN_SIDE or max(image.size) > 20 * short:
            return None
        image = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError):
        return None
    short = min(image.size)
    if short > store_side:
        factor = store_side / short
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)
