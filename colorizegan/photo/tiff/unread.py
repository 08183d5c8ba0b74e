"""Kinds of TIFF that are valid and not read: they are named, so that nobody takes such a file for damaged."""

from colorizegan.errors import DecodeError
from colorizegan.photo.tiff.pages import CHANNELS, TiffPage, TiffPages

# By TIFF 6.0 and the tag registries of Adobe and libtiff.
COMPRESSIONS = {
    6: "old-style JPEG", 9: "JBIG", 10: "JBIG",
    32809: "ThunderScan", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG",
    34676: "SGI LogLuv", 34677: "SGI LogLuv 24", 34712: "JPEG 2000", 34715: "JBIG 2", 34887: "LERC",
    34892: "lossy JPEG of DNG", 34925: "LZMA", 34933: "PNG", 34934: "JPEG XR", 22610: "JPEG XR",
    34926: "Zstandard", 50000: "Zstandard", 50001: "WebP",
    50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
READ = {1, 2, 3, 4, 5, 7, 8, 32771, 32773, 32946, 50001}  # compressions
MODELS = {10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
YCBCR, JPEG = 6, {6, 7}  # photometric, compressions
READ_BITS = {1, 2, 4, 8, 16, 32}  # a sample; numbers of 32 bits are refused by their kind
PLAIN = "save it as plain TIFF: 8 or 16 bits, with LZW, Deflate or no compression, in strips"


def refuse_unread(page: TiffPage) -> None:
    """DecodeError where its colours or its samples are coded in a way that is not read."""
    if page.photometric not in CHANNELS:
        model = MODELS.get(page.photometric, f"model number {page.photometric}")
        raise DecodeError(f"its colours are coded as {model}, which is not read", remedy="save it as RGB or gray")
    if page.photometric == YCBCR and page.compression not in JPEG and page.full_chroma:  # libvips takes it for RGB
        raise DecodeError("its colours are coded as YCbCr, which is not read", remedy="save it as RGB or gray")
    if page.bits not in READ_BITS:
        raise DecodeError(f"its samples have {page.bits} bits, which is not read", remedy="save it with 8 or 16 bits")


def unread_kind(pages: TiffPages, page: int, words: str) -> DecodeError:
    """What is not read of a file, whose decoder said so in its own words. One page makes it refuse the whole file."""
    others = (i for i in range(len(pages.photos)) if i != page)
    for i in (page, *others):
        compression = pages.photos[i].compression
        if compression not in READ:
            name = COMPRESSIONS.get(compression, f"number {compression}")
            whose = "its compression" if i == page else f"the compression of its page {i + 1}"
            return DecodeError(f"{whose} ({name}) is not read", remedy="save it with LZW, Deflate or none")
    return DecodeError(f"is a kind of TIFF that is not read ({words})", remedy=PLAIN)
