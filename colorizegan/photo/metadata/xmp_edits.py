"""What of an XMP packet the result makes untrue: settings of other programs, face regions from before it was turned.

A photo whose editor is told to make it gray (darktable's history, Camera Raw's settings) would turn gray again: so
descriptions are carried and such settings are not. A packet is read as text, tag by tag and in linear time: nothing in
it is expanded, and what is not edited stays byte for byte.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

ADOBE, DARKTABLE = "http://ns.adobe.com/", "http://darktable.sf.net/"
EDITORS = (  # namespaces of nothing but settings and of pictures inside of pictures, by how they begin
    ADOBE + "camera-raw-", ADOBE + "hdr-gain-map/", "http://ns.apple.com/adjustment-settings/",
    "http://ns.apple.com/HDRGainMap/", "http://ns.captureone.com/", "http://ns.dxo.com/", "http://ns.google.com/photos/",
    "http://ns.nikon.com/nine/", "http://ns.nikon.com/sdc/", "http://ns.on1.com/", "http://ns.phaseone.com/",
    "http://ns.skylum.com/", "http://rawtherapee.com/", "http://www.rawtherapee.com/", "http://us.pixls.art/",
    "http://www.bibblelabs.com/", "http://www.alienskin.com/", "http://ns.apple.com/pixeldatainfo/",
)  # fmt: skip
SETTINGS = {  # in namespaces that hold descriptions too: settings, where a file came from, how its pixels are stored
    ADOBE + "xap/1.0/mm/": {"DerivedFrom", "History", "Ingredients", "Manifest", "Pantry"},
    ADOBE + "photoshop/1.0/": {
        "ColorMode",
        "DocumentAncestors",
        "History",
        "ICCProfile",
        "SidecarForExtension",
        "TextLayers",
    },
    ADOBE + "tiff/1.0/": {
        "BitsPerSample",
        "Compression",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "SamplesPerPixel",
    },
    ADOBE + "xmp/note/": {"HasExtendedXMP"},  # the rest of a long packet, which is not carried
    ADOBE + "xap/1.0/": {"Thumbnails"},
    "http://www.digikam.org/ns/1.0/": {"ImageHistory"},
}
DARKTABLE_KEPT = {"colorlabels"}

AREA, DIMENSIONS = ADOBE + "xmp/sType/Area#", ADOBE + "xap/1.0/sType/Dimensions#"  # of the Metadata Working Group
RECTANGLE = ("http://ns.microsoft.com/photo/1.2/t/Region#", "Rectangle")  # "x, y, width, height"
SIDES = (  # pairs that change places in photos that are turned by a quarter
    (DIMENSIONS, "w", "h"), (AREA, "w", "h"), (ADOBE + "tiff/1.0/", "ImageWidth", "ImageLength"),
    (ADOBE + "exif/1.0/", "PixelXDimension", "PixelYDimension"),
)  # fmt: skip

Name = tuple[str, str]  # of a property: namespace, local name
Span = tuple[int, int]


@dataclass(frozen=True)
class Tag:
    """A tag of XML as it stands in the text."""

    span: Span
    prefix: str
    name: str
    closing: bool
    """</x:y>"""
    empty: bool
    """<x:y/>"""
    attributes: tuple[tuple[str, str, Span, Span], ...]
    """(prefix, name, the whole, its value without quotes)."""


def without_settings(packet: str) -> str:
    """An XMP packet without the settings of programs that edit photos; ratings, labels, titles, names, places stay."""
    tags = list(_tags(packet))
    uris = _namespaces(packet, tags)
    edits: list[tuple[Span, str]] = []
    depth, start = 0, 0  # of the element that is left out
    for tag in tags:
        if depth:
            depth += 0 if tag.empty else -1 if tag.closing else 1
            if not depth:
                edits.append(((start, tag.span[1]), ""))
        elif _is_setting(uris.get(tag.prefix, ""), tag.name) and not tag.closing:
            start = len(packet[: tag.span[0]].rstrip()) if packet[tag.span[0] - 1].isspace() else tag.span[0]
            if tag.empty:
                edits.append(((start, tag.span[1]), ""))
            else:
                depth = 1
        else:
            for prefix, name, (first, last), _ in tag.attributes:
                if _is_setting(uris.get(prefix, ""), name):
                    edits.append(((first - 1, last), ""))
    return _edited(packet, edits)


def turned_regions(packet: str, orientation: int) -> str:
    """An XMP packet whose face regions (mwg-rs, MP) and sides are those of the photo after it was turned.

    They are of the photo as it was stored, which is how programs write them; orientation: EXIF's, 1 .. 8, of that.
    """
    if orientation == 1:
        return packet
    tags = list(_tags(packet))
    uris = _namespaces(packet, tags)
    edits: list[tuple[Span, str]] = []
    for fields in _structures(tags, uris):
        texts = {name: packet[first:last] for name, (first, last) in fields.items()}
        in_shares = texts.get((AREA, "unit"), "normalized") == "normalized"
        place = _numbers(f"{texts.get((AREA, 'x'))}, {texts.get((AREA, 'y'))}", 2)
        if in_shares and place:
            x, y = _turned(place[0], place[1], orientation)
            edits += [(fields[AREA, "x"], _number(x)), (fields[AREA, "y"], _number(y))]
        if RECTANGLE in fields and (box := _numbers(texts[RECTANGLE], 4)):
            x, y, width, height = box
            x, y = _turned(x + width / 2, y + height / 2, orientation)
            width, height = (height, width) if orientation > 4 else (width, height)
            edits.append((fields[RECTANGLE], ", ".join(map(_number, (x - width / 2, y - height / 2, width, height)))))
        for uri, across, down in SIDES if orientation > 4 else ():
            if (uri, across) in fields and (uri, down) in fields:
                edits.append((fields[uri, across], texts[uri, down]))
                edits.append((fields[uri, down], texts[uri, across]))
    return _edited(packet, edits)


def _is_setting(uri: str, name: str) -> bool:
    if uri == DARKTABLE:
        return name not in DARKTABLE_KEPT
    return uri.startswith(EDITORS) or name in SETTINGS.get(uri, ())


def _turned(x: float, y: float, orientation: int) -> tuple[float, float]:
    """A place in shares of width and height, from the stored photo to the upright one."""
    return {
        2: (1 - x, y), 3: (1 - x, 1 - y), 4: (x, 1 - y), 5: (y, x), 6: (1 - y, x), 7: (1 - y, 1 - x), 8: (y, 1 - x),
    }.get(orientation, (x, y))  # fmt: skip


def _numbers(text: str, count: int) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    return found if len(found) == count and all(abs(value) < 1e6 for value in found) else []


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _edited(packet: str, edits: list[tuple[Span, str]]) -> str:
    pieces, at = [], 0
    for (first, last), text in sorted(edits):
        pieces += [packet[at:first], text]
        at = last
    return "".join(pieces) + packet[at:]


TAG = re.compile(r"""<(/?)(?:([\w.-]+):)?([\w.-]+)((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>""")
ATTRIBUTE = re.compile(r"""(?<![\w.:-])(?:([\w.-]+):)?([\w.-]+)\s*=\s*("[^"]*"|'[^']*')""")
NO_TAGS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))


def _tags(packet: str) -> Iterator[Tag]:
    at = 0
    while (at := packet.find("<", at)) >= 0:
        end = next((end for start, end in NO_TAGS if packet.startswith(start, at)), None)
        if end is not None:
            at = packet.find(end, at)
            if at < 0:
                return
            continue
        found = TAG.match(packet, at)
        if found is None:
            at += 1
            continue
        base = found.start(4)
        attributes = tuple(
            (m[1] or "", m[2], (base + m.start(), base + m.end()), (base + m.start(3) + 1, base + m.end(3) - 1))
            for m in ATTRIBUTE.finditer(found[4])
        )
        yield Tag(found.span(), found[2] or "", found[3], bool(found[1]), found[4].endswith("/"), attributes)
        at = found.end()


def _namespaces(packet: str, tags: list[Tag]) -> dict[str, str]:
    declared = (attribute for tag in tags for attribute in tag.attributes if attribute[0] == "xmlns")
    return {name: packet[first:last] for _, name, _, (first, last) in declared}


def _structures(tags: list[Tag], uris: dict[str, str]) -> list[dict[Name, Span]]:
    """Of each element that has some: its properties, be they attributes or elements of text, and where the text is."""
    found: defaultdict[int, dict[Name, Span]] = defaultdict(dict)
    open_tags: list[int] = []
    for i, tag in enumerate(tags):
        if tag.closing:
            if open_tags:
                open_tags.pop()
            continue
        for prefix, name, _, value in tag.attributes:
            found[i][uris.get(prefix, ""), name] = value
        following = tags[i + 1] if i + 1 < len(tags) else None
        if following is not None and following.closing and not tag.empty and open_tags:
            found[open_tags[-1]][uris.get(tag.prefix, ""), tag.name] = (tag.span[1], following.span[0])
        if not tag.empty:
            open_tags.append(i)
    return list(found.values())
