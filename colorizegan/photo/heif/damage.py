"""What libde265, the decoder of HEIC, notices of damaged data. libheif asks it for errors, not for warnings.

In a slice whose bits changed, arithmetic decoding goes on with rubbish, and does not end where the picture ends: that
is a warning. So the picture is decoded once more by the same library, with all that it has to say. Where it cannot be
reached through pillow-heif (on Windows, or built otherwise), nothing is noticed.
"""

import ctypes
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO

from colorizegan.photo.heif.items import coded_pictures

CHECK_HASH = 0  # DE265_DECODER_PARAM_BOOL_SEI_CHECK_HASH: few files have one
HASH_WRONG = 5
# Errors and warnings of de265.h about the data of one picture; others are about films, threads and headers.
ENDS_WRONGLY = {
    4, 6, 8, 16, 17,  # outside the picture, out of range, a first slice that lacks, an end too early
    1002, 1004, 1017, 1020, 1034, 1037,  # the end of a slice or of a row, its place, a block too small
}  # fmt: skip
LEAST_PIXELS = 1 << 24  # that may be decoded, twice those of the picture where that has more: tiles go over its edge
PARAMETER_SETS = 22  # where in the box hvcC their number stands (ISO/IEC 14496-15)


def damage_by_decoder(stream: BinaryIO, pixels: int) -> list[str]:
    """What is wrong with the main picture of a HEIC file that libheif has decoded, as one of so many pixels.

    Nothing where it is whole, or where its tiles have more pixels than it can have.
    """
    library = _libde265()
    if library is None:
        return []
    pictures = list(coded_pictures(stream))
    left = max(LEAST_PIXELS, 2 * pixels)
    for number, (coding, data) in enumerate(pictures, 1):
        if left <= 0:
            break
        which = f" of its tile {number}" if len(pictures) > 1 else ""
        told, decoded = _complaints(library, coding, data, left)
        left -= decoded
        if HASH_WRONG in told:
            return [f"the checksum{which} is wrong"]
        if told & ENDS_WRONGLY:
            return [f"the data{which} do not end where the picture does"]
    return []


@cache
def _libde265() -> Any:
    """The library that pillow-heif is linked with; None where its functions cannot be reached."""
    found = importlib.util.find_spec("_pillow_heif")
    try:
        library: Any = ctypes.CDLL(found.origin if found else None)
        library.de265_new_decoder.restype = ctypes.c_void_p
        library.de265_free_decoder.argtypes = library.de265_flush_data.argtypes = [ctypes.c_void_p]
        library.de265_get_warning.argtypes = [ctypes.c_void_p]
        library.de265_set_parameter_bool.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        library.de265_get_next_picture.argtypes = [ctypes.c_void_p]
        library.de265_get_next_picture.restype = ctypes.c_void_p
        library.de265_get_image_width.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.de265_get_image_height.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.de265_decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.de265_push_NAL.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p,
        ]  # fmt: skip
    except (OSError, AttributeError):
        return None
    return library


def _complaints(library: Any, coding: bytes, data: bytes, most: int) -> tuple[set[int], int]:
    """The errors and warnings about a picture, and how many pixels were decoded, up to about `most`."""
    decoder, pixels = library.de265_new_decoder(), 0
    if not decoder:
        return set(), 0
    try:
        library.de265_set_parameter_bool(decoder, CHECK_HASH, 1)
        units = [*_parameter_sets(coding), *_units(data, (coding[21] & 3) + 1)]
        told = {library.de265_push_NAL(decoder, unit, len(unit), 0, None) for unit in units}
        library.de265_flush_data(decoder)
        more = ctypes.c_int(1)
        for _ in range(len(units) + 1):  # one a call, and the end
            told.add(library.de265_decode(decoder, ctypes.byref(more)))
            while warning := library.de265_get_warning(decoder):
                told.add(warning)
            while picture := library.de265_get_next_picture(decoder):
                pixels += library.de265_get_image_width(picture, 0) * library.de265_get_image_height(picture, 0)
            if not more.value or pixels >= most:
                break
        return told, pixels
    finally:
        library.de265_free_decoder(decoder)


def _parameter_sets(coding: bytes) -> Iterator[bytes]:
    """The units in the box hvcC: kinds of them, each with a count and units of two bytes of length."""
    at = PARAMETER_SETS + 1
    for _ in range(coding[PARAMETER_SETS]):
        count = int.from_bytes(coding[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            if at + 2 > len(coding):
                return
            size = int.from_bytes(coding[at : at + 2], "big")
            yield coding[at + 2 : at + 2 + size]
            at += 2 + size


def _units(data: bytes, wide: int) -> Iterator[bytes]:
    """The units of a picture, each after its length of so many bytes."""
    at = 0
    while at + wide <= len(data):
        size = int.from_bytes(data[at : at + wide], "big")
        yield data[at + wide : at + wide + size]
        at += wide + size
