"""XMP: the note that says where the colour came from, and sidecars (`photo.tif.xmp`)."""

import html
import mmap
import os
import re
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from colorizegan.files import fitting_name, open_regular, write_atomic
from colorizegan.photo.metadata.seal import PROPERTY
from colorizegan.photo.metadata.xmp_edits import turned_regions, without_settings

ENDINGS = (".xmp", ".XMP")


def carry_sidecar(
    source: Path, target: Path, note: Mapping[str, object], *, overwrite: bool, orientation: int = 1
) -> str:
    """Write the sidecar of a photo, if it has one, beside its result, as `<target>.xmp`: the same packet, and the note.

    Args:
        overwrite: replace a sidecar that is there already and says something else.
        orientation: EXIF's, 1 .. 8, of the photo as it was stored: the regions of faces are turned with the pixels.

    Returns why it was not carried, as a clause; "" where it was, or where there is none. OutputError: it cannot be
    written.
    """
    found = next((path for ending in ENDINGS if os.path.lexists(path := Path(f"{source}{ending}"))), None)
    if found is None:
        return ""
    try:
        packet = read_regular(found)
    except OSError as error:
        return f"its sidecar {found.name} cannot be read ({error.strerror}) and stays behind"
    if packet is None:
        return f"its sidecar {found.name} is no file of at most {LONGEST:,} bytes and stays behind"
    if b"</rdf:RDF>" not in packet:
        return f"its sidecar {found.name} is no XMP and stays behind"
    place = target.with_name(fitting_name(target.name, ENDINGS[0]))
    carried = xmp_with_note(xmp_of_result(packet, orientation), note)
    if os.path.lexists(place):
        try:
            if place.samefile(found) or (not overwrite and read_regular(place) != carried):
                return f"{place.name} is there already and left as it is"
        except OSError:
            return f"{place.name} is there already and left as it is"
    write_atomic(place, carried)
    return ""


def read_regular(path: Path) -> bytes | None:
    """A small regular file; None for a larger one, OSError for links, pipes and devices."""
    with os.fdopen(open_regular(path), "rb") as file:
        raw = file.read(LONGEST + 1)
    return raw if len(raw) <= LONGEST else None


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


def xmp_of_result(xmp: bytes, orientation: int) -> bytes:
    """An XMP packet without what the result makes untrue: settings of editors, regions from before it was turned.

    xmp: b"" = none; what is no UTF-8, or too long to be a description, is left as it is. orientation: EXIF's, 1 .. 8,
    of the photo as it was stored.
    """
    try:
        packet = xmp.decode() if len(xmp) <= LONGEST else ""
    except UnicodeDecodeError:
        packet = ""
    return turned_regions(without_settings(packet), orientation).encode() if packet else xmp


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
NOTED = re.compile(  # (name, value), which other programs make an attribute
    rb"""<colorizegan:(\w{1,40})>([^<]{0,100000})</colorizegan:"""
    rb"""|\scolorizegan:(\w{1,40})=(?:"([^"<]{0,100000})"|'([^'<]{0,100000})')"""
)
OUTDATED = [
    (rf" ?<rdf:Description [^<>]*xmlns:colorizegan=[^<>]*>(?:{CHILD})*\s*</rdf:Description>\n?", ""),
    (r"""\scolorizegan:\w{1,40}\s*=\s*("[^"]*"|'[^']*')""", ""),
    (r"<Iptc4xmpExt:DigitalSourceType>[^<]*</Iptc4xmpExt:DigitalSourceType>", ""),
    (r"""\s[Ii]ptc4xmpExt:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')""", ""),
    (r"<tiff:Orientation>[^<]*</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>"),
    (r"""tiff:Orientation\s*=\s*("[^"]*"|'[^']*')""", 'tiff:Orientation="1"'),
]


def note_of(path: Path) -> dict[str, str]:
    """The note of `xmp_with_note` on how a result was made; {} where a file holds none or cannot be read.

    Found by its bytes, since no format that is written packs its XMP; nothing is decoded.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            pairs = ([part for part in found.groups() if part is not None] for found in NOTED.finditer(raw))
            return {name.decode(): html.unescape(value.decode("utf-8", "replace")) for name, value in pairs}
    except (OSError, ValueError):  # an empty file has no map
        return {}


def has_note(path: Path) -> bool:
    """Whether a file has a note of `xmp_with_note`, or cannot be read, so that nobody can tell."""
    try:
        with os.fdopen(open_regular(path), "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            return raw.find(NAMESPACE.encode()) >= 0
    except ValueError:  # an empty file has no map
        return False
    except OSError:
        return True


def same_note(found: Mapping[str, str], note: Mapping[str, object]) -> bool | None:
    """Whether a result, by its `note_of`, was made as a note says; None where it has none, and so is none of ours.

    The version of the program may be another one.
    """
    if "tool" not in found:
        return None
    wanted = {name: _printable(value) for name, value in note.items()}
    return {**found, "tool": "", PROPERTY: ""} == {**wanted, "tool": "", PROPERTY: ""}


def _printable(value: object) -> str:
    """As XML 1.0 may hold it: no control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))
