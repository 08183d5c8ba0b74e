"""What a photo carries beside its pixels, as a decoder finds it in a file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from colorizegan.photo.metadata.comments import read_comments
from colorizegan.photo.metadata.containers import photoshop_block, photoshop_descriptions, photoshop_iptc, png_density
from colorizegan.photo.metadata.exif import upright
from colorizegan.photo.metadata.xmp import xmp_of_result
from colorizegan.photo.tiff.pages import TiffPages, read_exif


@dataclass(frozen=True)
class Metadata:
    """What is carried from a photo to its colorized version; all blocks as the file holds them."""

    exif: bytes = b""
    """EXIF block from its byte-order mark on, orientation 1."""
    xmp: bytes = b""
    """XMP packet, without settings of editors, its regions upright."""
    iptc: bytes = b""
    """IPTC (IIM) records."""
    photoshop: bytes = b""
    """Photoshop resources (8BIM ...) that describe the photo, which in JPEG hold the IPTC records."""
    comments: tuple[tuple[str, str], ...] = field(default=())
    """(keyword, text) of PNG texts, and comments of JPEG, GIF and PNM (keyword "Comment")."""
    density: tuple[float, float] | None = None
    """Pixels per mm, across and down."""
    profiled: bool = False
    """The source had an ICC profile; so the result, which is sRGB, gets one too."""
    compression: str = ""
    """Of a TIFF, by its libvips name."""
    tile: tuple[int, int] | None = None
    """Width and height of a TIFF's tiles; None where it is in strips."""
    big: bool = False
    """It was a BigTIFF."""
    turned: int = 1
    """EXIF orientation, 1 .. 8, that the photo was stored with; here it is upright."""

    def stripped(self) -> Metadata:
        """Without what may be private: density, profile and layout stay."""
        return replace(self, exif=b"", xmp=b"", iptc=b"", photoshop=b"", comments=())


LONGEST = 1 << 24  # bytes of a block; longer ones were made to fill memory and are left out


def has_field(image: Any, name: str) -> bool:
    """Whether a libvips image carries a field of metadata."""
    return image.get_typeof(name) != 0


def read_metadata(
    image: Any, stream: BinaryIO, format: str, pages: TiffPages | None, page: int
) -> tuple[Metadata, int]:
    """What a photo carries beside its pixels, and its orientation, 1 .. 8.

    image: as `open_image` gave it; pages, page: of a TIFF, what `find_pages` found, and which of these.
    """
    stored: Any = image.get("orientation") if has_field(image, "orientation") else 1
    orientation = int(stored)

    def blob(name: str) -> bytes:
        raw = bytes(image.get(name)) if has_field(image, name) else b""
        return raw if len(raw) <= LONGEST else b""

    exif = blob("exif-data").removeprefix(b"Exif\0\0")
    if format == "tiff":
        exif = b"" if pages is None else read_exif(stream, pages, page)
    iptc, photoshop = blob("iptc-data"), blob("photoshop-data")
    if iptc.startswith(b"Photoshop 3.0\0"):  # JPEG keeps the records inside of Photoshop's resources
        photoshop = iptc.removeprefix(b"Photoshop 3.0\0")
        iptc = b""
    elif iptc and not photoshop:
        photoshop = photoshop_block(iptc)
    density = (png_density(stream) if format == "png" else None) or (image.xres, image.yres)
    if orientation in (5, 6, 7, 8):
        density = (density[1], density[0])
    found = Metadata(
        exif=upright(exif) if exif else b"",
        xmp=xmp_of_result(blob("xmp-data"), orientation),
        iptc=iptc or photoshop_iptc(photoshop),
        photoshop=photoshop_descriptions(photoshop),
        comments=tuple(read_comments(stream, format)),
        density=None if density == (1.0, 1.0) else density,  # 1 px per mm stands for "unknown" in libvips
        profiled=has_field(image, "icc-profile-data"),
        compression=str(image.get("compression")) if has_field(image, "compression") else "",
        tile=None if pages is None else pages.tile,
        big=pages is not None and pages.big,
        turned=orientation if 1 <= orientation <= 8 else 1,
    )
    return found, orientation
