"""Arrays and Pillow images: which axis means what, down to (gray, alpha) for the network and back to the same kind.

The rule for numpy shapes, in this order:

| shape | taken as | result |
|---|---|---|
| (H, W) | one gray photo | (H, W, 3) |
| (H, W, C), C = 1, 2, 3 or 4 | one photo: gray, gray + alpha, RGB, RGBA | (H, W, 3), or (H, W, 4) with the same alpha |
| (N, H, W), any other last axis | a stack of N gray photos | (N, H, W, 3) |
| (N, H, W, C), C = 1, 2, 3 or 4 | a stack of N such photos | (N, H, W, 3) or (N, H, W, 4) |

So a last axis of 1 to 4 always means channels: give a stack of frames at most 4 px wide as (N, H, W, 1). Channels come
last: a (3, H, W) array is three gray frames. Values are sRGB-encoded: uint8 0..255, uint16 0..65535, floats 0..1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import rgb_to_gray, to_8_bit
from colorizegan.errors import DecodeError, UsageError
from colorizegan.photo.photo import Photo

Pixels = NDArray[Any]


def frames_of(x: Pixels) -> tuple[list[Pixels], bool]:
    """Split an array into its photos, (H, W) or (H, W, C) each, by the rule above; True where it is a stack.

    UsageError for an empty array, another number of axes or of channels.
    """
    channels = x.shape[-1] in (1, 2, 3, 4) if x.ndim else False
    if x.size == 0 or x.ndim not in (2, 3, 4) or (x.ndim == 4 and not channels):
        what = f"an array of shape {x.shape} is no photo"
        raise UsageError(what, remedy="give HxW, HxWxC, NxHxW or NxHxWxC, C 1 to 4")
    stack = x.ndim == 4 or (x.ndim == 3 and not channels)
    return (list(x), True) if stack else ([x], False)


def photo_from_array(x: Pixels) -> Photo:
    """One photo, (H, W) or (H, W, C) with C = 1 to 4, uint8, uint16 or float 0..1; floats become uint16.

    UsageError for another dtype, or floats that are not finite or outside 0..1.
    """
    if x.ndim == 2:
        x = x[:, :, None]
    alpha = x[:, :, -1] if x.shape[2] in (2, 4) else None
    colors = x[:, :, : x.shape[2] - (alpha is not None)]  # (H, W, 1 or 3)
    if np.issubdtype(x.dtype, np.floating):
        low, high = colors.min(), colors.max()
        if not (low >= 0 and high <= 1):  # also catches NaN
            remedy = "floats are sRGB 0..1: divide by 255, or convert to uint8 or uint16"
            raise UsageError(f"float values go from {low} to {high}", remedy=remedy)
        colors = np.rint(colors.astype(np.float32) * np.float32(65535)).astype(np.uint16)
    elif x.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise UsageError(f"an array of {x.dtype} is no photo", remedy="convert to uint8, uint16 or float 0..1")
    else:
        colors = colors.astype(x.dtype.newbyteorder("="), copy=False)
    gray = colors[:, :, 0] if colors.shape[2] == 1 else rgb_to_gray(colors)
    return Photo(np.ascontiguousarray(gray), alpha)


def array_like(rgb: Pixels, alpha: Pixels | None, dtype: np.dtype[Any]) -> Pixels:
    """The result for one photo in the dtype of its source: rgb (H, W, 3) uint8 or uint16 -> (H, W, 3 or 4)."""
    if np.issubdtype(dtype, np.floating):
        rgb = (rgb.astype(np.float64 if dtype.itemsize > 4 else np.float32) / 65535).astype(dtype)
    rgb = rgb.astype(dtype, copy=False)
    return rgb if alpha is None else np.dstack((rgb, alpha))


def photo_from_image(image: Image.Image) -> Photo:
    """A Pillow image of any mode. Its pixels are taken as sRGB and as they stand: no ICC, no orientation.

    UsageError for a mode without a known range (F, or I beyond 16 bit); DecodeError for a damaged file, read only now.
    """
    try:
        image.load()
        mode = image.mode
        if mode.startswith("I;16"):
            return photo_from_array(np.asarray(image))
        if mode == "I":
            values = np.asarray(image)
            if values.size and (values.min() < 0 or values.max() > 65535):
                raise UsageError("a Pillow image of mode I holds values beyond 16 bit", remedy="scale it to 0..65535")
            return photo_from_array(values.astype(np.uint16))
        if mode == "F":
            raise UsageError("a Pillow image of mode F has no known range", remedy="give a numpy array of 0..1")
        if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
            image = image.convert("LA" if mode in ("LA", "La") else "RGBA")
        elif mode in ("1", "L"):
            image = image.convert("L")
        elif mode != "RGB":
            image = image.convert("RGB")
        pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, UsageError):
            raise
        raise DecodeError(f"the Pillow image cannot be read ({error})") from None
    if pixels.size == 0:
        raise UsageError(f"a Pillow image of size {image.size} is no photo")
    return photo_from_array(pixels)


def image_from_rgb(rgb: Pixels, alpha: Pixels | None) -> Image.Image:
    """rgb (H, W, 3), alpha (H, W), uint8 or uint16 -> Pillow RGB or RGBA. Pillow has no 16-bit colour: rounded to 8."""
    pixels = rgb if alpha is None else np.dstack((rgb, alpha))
    return Image.fromarray(to_8_bit(pixels))
