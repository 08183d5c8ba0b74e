"""Files to pixels: what a file is, by its first bytes, and the one decoder that may read it.

libvips reads JPEG, PNG, TIFF, WebP, AVIF and GIF; Pillow BMP; pillow-heif HEIC; pnm.py PNM. Every loader is called
by its own name, so nothing outside this list can run, whatever a file is called or claims to be.
"""

import io
import re
from typing import Any, BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import BmpImagePlugin

from colorizegan.errors import DecodeError, TooLargeError
from colorizegan.photo.heif.boxes import frames_alone
from colorizegan.photo.heif.items import parts_beyond_end
from colorizegan.photo.metadata.metadata import has_field
from colorizegan.photo.pnm import read_pnm
from colorizegan.photo.size import Check, Size
from colorizegan.photo.tiff.pages import TiffPage

# Blocks the loaders that libvips itself calls unsafe on hostile files, and drops its cache of operations: every photo
# is read once, and a cache would only grow with them.
pyvips.block_untrusted_set(True)
pyvips.cache_set_max(0)


# Warnings of libjpeg about bytes that do not belong there; all others mean missing or wrong pixels.
HARMLESS_IN_JPEG = re.compile(
    "extraneous bytes|unknown JFIF|Invalid SOS parameters|Unknown Adobe|Inconsistent prog", re.I
)

RLE_BMP_PIXELS = 25_000_000  # Pillow unpacks these in Python


def open_image(stream: BinaryIO, format: str, check: Check, fail_on: str, page: TiffPage | None = None) -> pyvips.Image:
    """One page of a photo as a libvips image, its pixels not decoded yet where the decoder can wait.

    Args:
        stream: a file, or bytes; stays open until the pixels are read.
        format: from `sniff`.
        check: called with the size as soon as it is known; raises TooLargeError, DecodeError.
        fail_on: "warning", "error" or "none": what libvips takes as the end; bytes that lack stay 0 with "none".
        page: of a TIFF; of other formats, and where a TIFF is damaged, the first is read.

    Raises whatever the decoder raises, which `read_photo` folds.
    """
    if format == "bmp":
        return _open_bmp(stream, check, pad=fail_on == "none")
    if format == "pnm":
        stream.seek(0)
        return image_of(read_pnm(stream.read(), check, pad=fail_on == "none"))
    if format in ("avif", "heic") and (frames := frames_alone(stream)):
        what = f"is a sequence of {frames} frames without a photo that stands for them"
        raise DecodeError(what, remedy="colorizegan video takes it, by a name that ends with .heics or .avifs")
    if format in ("avif", "heic") and fail_on != "none":
        lacking, parts = parts_beyond_end(stream)
        if lacking:
            raise DecodeError(f"ends too early: {lacking} of its {parts} parts are not there, or not whole")
    if format == "heic":
        return _open_heic(stream, check)
    load: Any = {
        "avif": pyvips.Image.heifload_source,
        "gif": pyvips.Image.gifload_source,
        "jpeg": pyvips.Image.jpegload_source,
        "png": pyvips.Image.pngload_source,
        "tiff": pyvips.Image.tiffload_source,
        "webp": pyvips.Image.webpload_source,
    }[format]
    if isinstance(stream, io.BytesIO):
        source = pyvips.Source.new_from_memory(stream.getvalue())
    else:
        source = pyvips.Source.new_from_descriptor(stream.fileno())
    which = {} if page is None else {"page": page.number}
    image = load(source, access="sequential", fail_on=fail_on, **which)
    bits = {"uchar": 8, "ushort": 16}.get(image.format, 32)
    pages: Any = image.get("n-pages") if has_field(image, "n-pages") else 1
    packed = page is None or page.compression != 1
    bits = bits if page is None or packed else page.bits
    check(Size(image.width, image.height, image.bands, bits, pages, packed))
    return image


def _open_bmp(stream: BinaryIO, check: Check, pad: bool) -> pyvips.Image:
    stream.seek(0)
    head = stream.read(30)
    bits = int.from_bytes(head[24:26] if head[14] == 12 else head[28:30], "little")  # the oldest header has 12 bytes
    stream.seek(0)
    # The class itself, not Image.open: that warns of pictures over 89 Mpx, and we have our own limits.
    try:
        image = BmpImagePlugin.BmpImageFile(stream)
    except OSError as error:
        if str(error).startswith("Unsupported"):
            raise DecodeError(f"is a kind of BMP that is not read ({error})", remedy="save it as PNG") from None
        raise
    runs = image.info.get("compression") in (1, 2)
    check(Size(image.width, image.height, 1, bits, packed=runs))
    if runs and image.width * image.height > RLE_BMP_PIXELS:
        raise TooLargeError(f"is a run-length BMP of {image.width} x {image.height} px", remedy="convert it to PNG")
    if pad:  # zeros for the rows that lack
        stream.seek(0)
        whole = (image.width * bits + 31) // 32 * 4 * image.height
        image = BmpImagePlugin.BmpImageFile(io.BytesIO(stream.read() + bytes(whole)))
    image.load()
    mode = "L" if image.mode in ("1", "L") else "RGBA" if image.mode == "RGBA" else "RGB"
    result = image_of(np.asarray(image.convert(mode)))
    if "dpi" in image.info:
        result = result.copy(xres=image.info["dpi"][0] / 25.4, yres=image.info["dpi"][1] / 25.4)
    return result


def _open_heic(stream: BinaryIO, check: Check) -> pyvips.Image:
    try:
        import pillow_heif  # the binary libvips cannot decode HEVC
    except ImportError:
        needs = "is HEIC, which needs the package pillow-heif"
        raise DecodeError(needs, remedy="run: pip install pillow-heif") from None
    stream.seek(0)
    image = pillow_heif.open_heif(stream, convert_hdr_to_8bit=False)
    check(Size(image.size[0], image.size[1], 4, 16, pages=len(image)))
    # A copy: the array of pillow-heif is a view of memory that goes with its image, which nothing else holds.
    result = image_of(np.array(image))
    for name, field in (("exif", "exif-data"), ("xmp", "xmp-data"), ("icc_profile", "icc-profile-data")):
        if image.info.get(name):
            blob: Any = bytes(image.info[name])  # the stubs of pyvips forget that fields may hold bytes
            result.set_type(pyvips.GValue.blob_type, field, blob)
    # libheif has turned it as the file says; cameras put the same turn into EXIF once more, which is not to be done.
    result.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return result


def image_of(pixels: NDArray[Any]) -> Any:
    """A libvips image, gray or sRGB: (H, W) or (H, W, C), uint8 or uint16."""
    gray, color = ("grey16", "rgb16") if pixels.dtype == np.uint16 else ("b-w", "srgb")
    return pyvips.Image.new_from_array(
        pixels, interpretation=color if pixels.ndim == 3 and pixels.shape[2] > 2 else gray
    )


def is_harmless(error: pyvips.Error) -> bool:
    """Whether all that a decoder of JPEG has to say is of bytes that do not belong there."""
    lines = _lines(error.detail)
    return bool(lines) and all(HARMLESS_IN_JPEG.search(line) for line in lines)


LONGEST_MESSAGE = 200  # characters of a decoder's own words


def words_of(error: Exception) -> str:
    """The decoder's own words, as short as they say something: the last of its messages is what ended it."""
    text = (error.detail or "its data are damaged") if isinstance(error, pyvips.Error) else str(error)
    lines = _lines(text) or [type(error).__name__]
    return re.sub(r"^\w+: ", "", lines[-1])[:LONGEST_MESSAGE]


def _lines(text: str) -> list[str]:
    """The messages of a decoder without the echoes of libvips."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("vips_", "source: bad seek"))] or lines[:1]
