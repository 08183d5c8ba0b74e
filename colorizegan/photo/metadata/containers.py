"""The segments of JPEG, the chunks of PNG and WebP: metadata into encoded files, how many pictures.

libvips could write these blocks too, but takes EXIF apart and puts it together anew, which loses what it does not know.
And it sees only the first of the pictures in APNG, in sequences of AVIF and HEIC, and in MPO. Sources: PNG (third
edition), acTL; CIPA DC-007, Multi-Picture Format.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from colorizegan.photo.heif.boxes import LEAST_FRAME, count_sequence
from colorizegan.photo.tiff.directory import byte_order, read_directory, unpack

PHOTOSHOP = b"Photoshop 3.0\0"
XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
IPTC_RESOURCE = 0x0404
DESCRIPTIONS = {IPTC_RESOURCE, 0x0425, 0x040A, 0x040B}  # and the digest of the records, the copyright flag, an address
LONGEST_SEGMENT = 65533  # bytes of payload that the 16-bit length of a JPEG segment leaves
MP_ENTRIES = 0xB002  # tag
THUMBNAIL = 0x010000  # MP type, its first byte: a smaller copy of the first picture
# Format -> bytes that each of several pictures takes at least: two chunks and a byte, a whole JPEG, a frame's header.
LEAST_PICTURE = {"png": 51, "jpeg": 100, "avif": LEAST_FRAME, "heic": LEAST_FRAME}


def jpeg_with_metadata(
    jpeg: bytes, *, exif: bytes, xmp: bytes, note: bytes, photoshop: bytes, comments: list[bytes], lost: list[str]
) -> tuple[bytes | memoryview, ...]:
    """The parts of a JPEG file with EXIF, XMP, Photoshop resources (with IPTC) and comments after its JFIF segment.

    A block that is too long for one segment is left out, which goes into `lost`; XMP is replaced by the packet `note`.
    """
    blocks = [
        (0xE1, b"Exif\0\0", exif, "EXIF"),
        (0xE1, XMP_IN_JPEG, xmp, "XMP"),
        (0xED, PHOTOSHOP, photoshop, "IPTC"),
        *((0xFE, b"", comment, "comment") for comment in comments),
    ]
    segments = b""
    for marker, name, block, what in blocks:
        if len(name) + len(block) > LONGEST_SEGMENT:
            lost.append(f"its {what} ({len(block):,} bytes) is too long for JPEG and left out")
            block = note if what == "XMP" else b""
        if block:
            segments += struct.pack(">BBH", 0xFF, marker, len(name) + len(block) + 2) + name + block
    at = 2
    if jpeg[2:4] == b"\xff\xe0":
        at = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:at], segments, memoryview(jpeg)[at:]


def png_with_metadata(
    png: bytes, *, exif: bytes, xmp: bytes, texts: list[tuple[str, str]]
) -> tuple[bytes | memoryview, ...]:
    """The parts of a PNG file with eXIf, XMP and texts (keyword, text) after its header."""
    chunks = b""
    if exif:
        chunks += _png_chunk(b"eXIf", exif)
    if xmp:
        chunks += _png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    for keyword, text in texts:
        chunks += _png_chunk(
            b"iTXt", keyword.encode("latin-1", "replace") + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
        )
    after_header = 8 + 12 + 13
    return png[:after_header], chunks, memoryview(png)[after_header:]


def png_density(stream: BinaryIO) -> tuple[float, float] | None:
    """Pixels per mm as a PNG file's pHYs chunk says; None if it says nothing.

    libvips would prefer the resolution in the EXIF block, which other programs fill with 72 dpi when they add one.
    """
    for name, size in png_chunks(stream):
        if name == b"IDAT":
            return None
        if name == b"pHYs" and size == 9 and len(data := stream.read(9)) == 9:
            x, y, unit = struct.unpack(">IIB", data)
            return (x / 1000, y / 1000) if unit == 1 and x and y else None
    return None


def webp_with_metadata(webp: bytes, *, exif: bytes, xmp: bytes, size: tuple[int, int], alpha: bool) -> bytes:
    """A still WebP file of this width and height with EXIF and XMP, put into the extended layout that holds them."""
    if not exif and not xmp:
        return webp
    chunks: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= len(webp):
        name, length = struct.unpack_from("<4sI", webp, at)
        chunks.append((name, webp[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    names = [name for name, _ in chunks]
    flags = (0x20 if b"ICCP" in names else 0) | (0x10 if alpha else 0) | (0x08 if exif else 0) | (0x04 if xmp else 0)
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    chunks = [
        (b"VP8X", bytes([flags, 0, 0, 0]) + sides),
        *(c for c in chunks if c[0] not in (b"VP8X", b"EXIF", b"XMP ")),
    ]
    chunks += [(name, block) for name, block in ((b"EXIF", exif), (b"XMP ", xmp)) if block]
    body = b"".join(struct.pack("<4sI", name, len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WEBP") + body


def photoshop_iptc(resources: bytes) -> bytes:
    """The IPTC records in a sequence of Photoshop resources (8BIM); b"" where there are none."""
    return next((data for kind, data, _ in _resources(resources) if kind == IPTC_RESOURCE), b"")


def photoshop_descriptions(resources: bytes) -> bytes:
    """Of Photoshop resources those that describe a photo.

    The others show it as it was (a small picture of it), hold settings and XMP of an editor, or places in its pixels.
    """
    return b"".join(whole for kind, _, whole in _resources(resources) if kind in DESCRIPTIONS)


def _resources(resources: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(kind, its data, the whole resource) of each that is whole."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        kind = struct.unpack_from(">H", resources, at + 4)[0]
        name = resources[at + 6] + 1
        start = at + 6 + name + name % 2
        if start + 4 > len(resources):
            break
        size = struct.unpack_from(">I", resources, start)[0]
        end = start + 4 + size
        if end > len(resources):
            break
        yield kind, resources[start + 4 : end], resources[at:end] + bytes(size % 2)
        at = end + size % 2


def photoshop_block(iptc: bytes) -> bytes:
    """IPTC records as a Photoshop resource, which is how JPEG carries them."""
    if not iptc:
        return b""
    return struct.pack(">4sHHI", b"8BIM", IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def png_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and size of each chunk of a PNG file before the last; the stream stands at its body."""
    at = 8
    while stream.seek(at) and len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
        size = int.from_bytes(head[:4], "big")
        yield head[4:], size
        at += 12 + size


def jpeg_segments(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Second byte of the marker, and size, of each segment of a JPEG file before the picture; as `png_chunks`."""
    at = 2
    while stream.seek(at) and (marker := stream.read(2))[:1] == b"\xff" and marker[1:] not in (b"", b"\xd9", b"\xda"):
        if marker[1] == 0xFF:  # a byte of filling
            at += 1
            continue
        size = int.from_bytes(stream.read(2), "big")
        if size < 2:
            return
        yield marker[1], size - 2
        at += 2 + size


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def count_frames(stream: BinaryIO, format: str) -> int:
    """Pictures in a file of a format of `colorizegan.photo.formats`; 1 where it tells of no others, or is damaged: also
    where so many need a longer file."""
    counters = {"png": _png, "jpeg": _jpeg, "avif": count_sequence, "heic": count_sequence}
    if format not in counters:
        return 1
    most = stream.seek(0, 2) // LEAST_PICTURE[format]
    stream.seek(0)
    try:
        count = counters[format](stream)
        return count if 1 < count <= most else 1
    except (struct.error, IndexError, OverflowError, OSError):
        return 1


def _png(stream: BinaryIO) -> int:
    """The number of frames of the acTL chunk, which stands before the pixels."""
    for name, _ in png_chunks(stream):
        if name == b"acTL":
            return struct.unpack(">I", stream.read(4))[0]
        if name == b"IDAT":
            return 1
    return 1


def _jpeg(stream: BinaryIO) -> int:
    """The pictures in the index of the Multi-Picture Format, an APP2 segment, without smaller copies."""
    for marker, size in jpeg_segments(stream):
        if marker == 0xE2 and (body := stream.read(size))[:4] == b"MPF\0":
            index, order = io.BytesIO(body[4:]), byte_order(body[4:]) or ">"
            tags = read_directory(index, order, unpack(order + "I", body, 8), big=False)
            entries = tags[MP_ENTRIES].raw if MP_ENTRIES in tags else b""  # 16 bytes each, attributes first
            kinds = struct.iter_unpack(order + "I12x", entries[: len(entries) // 16 * 16])
            return sum((kind >> 16) & 0xFF != THUMBNAIL >> 16 for (kind,) in kinds)
    return 1
