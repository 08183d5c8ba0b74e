"""TIFF that is valid and not read is named, never called damaged; multiplied opacity is taken out of the light once."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pictures import encoded, tiff
from PIL import Image

from colorizegan.errors import DecodeError
from colorizegan.photo.read import read_photo
from tests.photo.tiff.test_tiff_kinds import patched, scene


def second_page_unread() -> bytes:
    """LZMA's number in the directory of the second page."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene())
        writer.write(scene())
    raw = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(raw)) as pages:
        entry = pages.pages[1].tags["Compression"]
        raw[entry.valueoffset : entry.valueoffset + 2] = (34925).to_bytes(2, "little")
    return bytes(raw)


def tiled_planes() -> bytes:
    planes = np.stack([scene(), scene(), scene()])
    return tiff(planes, photometric="rgb", planarconfig="separate", tile=(64, 64))


def colours_as_ycbcr(**options: Any) -> bytes:
    """As Pillow writes such a picture: Cb and Cr at full size."""
    return encoded(Image.fromarray(scene()).convert("RGB").convert("YCbCr"), "TIFF", **options)


CASES = {
    "12 bits": (patched(tiff(scene()), 258, 12), "12 bits"),
    "24 bits": (patched(tiff(scene()), 258, 24), "24 bits"),
    "64-bit numbers": (tiff(scene().astype(np.float64) / 255), "64 bits"),
    "16-bit floats": (tiff((scene() / 255).astype(np.float16)), "decimal fractions"),
    "ITULAB": (patched(tiff(scene()), 262, 10), "ITULAB"),
    "another colour model": (patched(tiff(scene()), 262, 4711), "number 4711"),
    "a second page": (second_page_unread(), r"its page 2 \(LZMA\)"),
    "YCbCr": (colours_as_ycbcr(), "coded as YCbCr"),
    "YCbCr in LZW": (colours_as_ycbcr(compression="tiff_lzw"), "coded as YCbCr"),
    "planes in tiles": (tiled_planes(), "a kind of TIFF that is not read"),
    "JPEG XR": (patched(tiff(scene()), 259, 34934), r"compression \(JPEG XR\)"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("allow_truncated", [False, True])
def test_what_is_not_read_is_named(name: str, allow_truncated: bool) -> None:
    raw, words = CASES[name]
    with pytest.raises(DecodeError, match=words) as caught:
        read_photo(raw, allow_truncated=allow_truncated)
    assert "damaged" not in str(caught.value)
    assert "truncated" not in str(caught.value)


def multiplied(dtype: Any, layout: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """A scene of half opacity that its colours are multiplied by, as Photoshop writes a layer's transparency."""
    gray = scene(dtype)
    opacity = np.full_like(gray, (np.iinfo(dtype).max + 1) // 2)
    stored = np.rint(gray * (opacity / np.iinfo(dtype).max)).astype(dtype)
    kinds: list[str] = ["assocalpha"]
    channels = [stored] * (1 if layout == "gray" else 3)
    if layout == "behind infrared":
        kinds.insert(0, "unspecified")
        channels.append(opacity // 3)
    pixels = np.stack([*channels, opacity], axis=0 if layout == "planes" else -1)
    options: dict[str, Any] = {"photometric": "minisblack" if layout == "gray" else "rgb", "extrasamples": kinds}
    options |= {"planarconfig": "separate"} if layout == "planes" else {}
    return pixels, options | ({"tile": (64, 64)} if layout == "tiles" else {})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", ["rgb", "gray", "planes", "tiles", "behind infrared"])
def test_multiplied_opacity_is_taken_out_once(dtype: Any, layout: str) -> None:
    pixels, options = multiplied(dtype, layout)
    photo = read_photo(tiff(pixels, **options))
    full = np.iinfo(dtype).max
    assert photo.alpha is not None
    assert np.abs(photo.alpha / full - 0.5).max() < 0.01
    assert np.abs(photo.gray / full - scene(dtype) / full).max() < 0.02
