"""What a photo carries beside its pixels, and the note in XMP that says where the colour came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape, quoteattr

__all__ = ["Metadata", "xmp_with_note"]

NAMESPACE = "urn:x-colorizegan:ns:1.0:"
# IPTC NewsCodes, "Algorithmically-altered media: modification or correction by algorithm".
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

EMPTY = '""'
LONGEST = 1 << 20  # bytes of a packet; longer ones hold no description of a photo
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)


@dataclass(frozen=True)
class Metadata:
    """What is carried from a photo to its colorized version; all blocks as the file holds them."""

    exif: bytes = b""
    """EXIF block from its byte-order mark on, orientation 1."""
    xmp: bytes = b""
    """XMP packet."""
    iptc: bytes = b""
    """IPTC (IIM) records."""
    photoshop: bytes = b""
    """Photoshop resources (8BIM ...), which in JPEG hold the IPTC records."""
    comments: tuple[tuple[str, str], ...] = field(default=())
    """(keyword, text) of PNG texts and JPEG comments (keyword "Comment")."""
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

    def stripped(self) -> Metadata:
        """Without what may be private: density, profile and layout stay."""
        return replace(self, exif=b"", xmp=b"", iptc=b"", photoshop=b"", comments=())


def xmp_with_note(xmp: bytes, note: Mapping[str, object]) -> bytes:
    """An XMP packet (b"" = none yet) with the note that the picture was colorized, and how; an older note is replaced.

    The note sets IPTC DigitalSourceType to "algorithmically-altered media" and each entry of `note` as a property of
    the namespace of ColorizeGAN: names of letters, digits and "_". The packet is edited as text, not parsed as XML, so
    everything else in it stays byte for byte and nothing in it is expanded. What is no UTF-8 RDF is replaced.
    """
    packet = xmp.decode("utf-8", "replace")
    if "</rdf:RDF>" not in packet or "\ufffd" in packet or len(xmp) > LONGEST:
        packet = PACKET
    for pattern, by in OUTDATED:
        packet = re.sub(pattern, by, packet)
    properties = "".join(
        f"  <colorizegan:{name}>{escape(_printable(value))}</colorizegan:{name}>\n" for name, value in note.items()
    )
    about = re.search(r"""<rdf:Description[^<>]*?rdf:about\s*=\s*(["'][^"'<>]*["'])""", packet)
    description = (
        f" <rdf:Description rdf:about={about[1] if about else EMPTY} xmlns:colorizegan={quoteattr(NAMESPACE)}"
        f" xmlns:Iptc4xmpExt={quoteattr(IPTC_EXTENSION)}>\n"
        f"  <Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>\n{properties}"
        " </rdf:Description>\n"
    )
    before, end, after = packet.rpartition("</rdf:RDF>")
    return (before + description + end + after).encode()


# What the result makes untrue: an older note, another source type, the orientation before the photo was turned. None of
# these patterns can take more than linear time, whatever the packet holds.
CHILD = r"\s*<(?:colorizegan|Iptc4xmpExt):[^<>]*>[^<>]*</[^<>]*>"
OUTDATED = [
    (rf" ?<rdf:Description [^<>]*xmlns:colorizegan=[^<>]*>(?:{CHILD})*\s*</rdf:Description>\n?", ""),
    (r"<Iptc4xmpExt:DigitalSourceType>[^<]*</Iptc4xmpExt:DigitalSourceType>", ""),
    (r"""\s[Ii]ptc4xmpExt:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')""", ""),
    (r"<tiff:Orientation>[^<]*</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>"),
    (r"""tiff:Orientation\s*=\s*("[^"]*"|'[^']*')""", 'tiff:Orientation="1"'),
]


def _printable(value: object) -> str:
    """As XML 1.0 may hold it: no control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))
