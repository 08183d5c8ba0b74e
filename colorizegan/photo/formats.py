"""Formats of photo files, by the endings of their names and by their first bytes. Imports nothing heavy."""

import re

from colorizegan.errors import DecodeError, UsageError, nearest

SUFFIXES = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "avif": (".avif",),
    "bmp": (".bmp", ".dib"),
    "pnm": (".ppm", ".pnm"),
}
"""Formats that are written, and the endings that mean them; the first is the one that results get."""
WRITABLE = tuple(SUFFIXES)
NEAREST = {"heic": "jpeg", "gif": "png"}
"""What is read but not written -> what is written instead."""
RESULT_SUFFIXES = {".gif": ".png", ".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg", ".pbm": ".ppm", ".pgm": ".ppm"}
"""Endings of what can be read but not written, or not in colour -> the ending of the result."""
PHOTO_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} | RESULT_SUFFIXES.keys()
"""Endings of all photos: what folders and patterns are searched for."""
UNREAD_SUFFIXES = {
    ".3fr", ".afphoto", ".ai", ".ari", ".arw", ".avifs", ".bay", ".bpg", ".cap", ".cin", ".cr2", ".cr3", ".crw",
    ".cur", ".dcm", ".dcr", ".dcs", ".dds", ".djvu", ".dng", ".dpx", ".eip", ".emf", ".eps", ".erf", ".exr", ".fff",
    ".fit", ".fits", ".flif", ".fpx", ".fts", ".gpr", ".hdr", ".heics", ".heifs", ".icns", ".ico", ".iiq", ".indd",
    ".j2c", ".j2k", ".jls", ".jng", ".jp2", ".jpc", ".jpf", ".jpm", ".jpx", ".jxl", ".jxr", ".jxs", ".k25", ".kdc",
    ".kra", ".mef", ".mng", ".mos", ".mrw", ".nef", ".nrw", ".ora", ".orf", ".pam", ".pcd", ".pct", ".pcx", ".pdf",
    ".pef", ".pfm", ".ps", ".psb", ".psd", ".ptx", ".qoi", ".r3d", ".raf", ".ras", ".raw", ".rw2", ".rwl", ".rwz",
    ".sgi", ".sr2", ".srf", ".srw", ".svg", ".tga", ".wdp", ".wmf", ".x3f", ".xbm", ".xcf", ".xpm",
}  # fmt: skip
"""Endings of pictures, documents and raw files that are not read: a run over a folder says how many it left out."""


def format_of_name(suffix: str) -> str | None:
    """The format that an ending (".JPG") means, one of WRITABLE, or None."""
    return next((name for name, suffixes in SUFFIXES.items() if suffix.lower() in suffixes), None)


def written_format(name: str) -> str:
    """The format, one of WRITABLE, that people call by a name or an ending of it: jpeg, JPG, .jpg. Else UsageError."""
    found = format_of_name(f".{name.strip().removeprefix('.')}")
    if found is None:
        remedy = nearest(name, WRITABLE, f"use one of {', '.join(WRITABLE)}")
        raise UsageError(f"format {name[:40]!r} is not written", remedy=remedy)
    return found


FORMATS = ("avif", "bmp", "gif", "heic", "jpeg", "png", "pnm", "tiff", "webp")


STARTS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
}
RAW = "a raw file of a camera"
FILM = "a film"
# Named in the refusal, so that the user knows what there is.
OTHERS = {
    b"\x1a\x45\xdf\xa3": FILM,  # Matroska, WebM
    b"\0\0\x01\xba": FILM,  # MPEG
    b"G@": FILM,  # MPEG-TS
    b"FLV\x01": FILM,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": FILM,  # WMV
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "an EPS file",
    b"8BPS": "a Photoshop document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"SIMPLE  =": "a FITS file",
    b"IIRO": RAW,
    b"IIRS": RAW,
    b"MMOR": RAW,  # Olympus
    b"IIU\0": RAW,  # Panasonic
    b"FUJIFILMCCD-RAW": RAW,
    b"FOVb": RAW,  # Sigma
    b"\0MRM": RAW,  # Minolta
    b"\x49\x49\x1a\0\0\0HEAP": RAW,  # the first of Canon
    b"P7\n": "a PAM picture",
    b"PF\n": "a PFM picture",
    b"Pf\n": "a PFM picture",
    b"qoif": "a QOI picture",
    b"\x97JB2": "a JBIG2 picture",
    b"BPG\xfb": "a BPG picture",
    b"\0\0\1\0": "an icon",
    b"\x8bJNG": "a JNG picture",
    b"\x8aMNG": "a MNG animation",
    b"\x59\xa6\x6a\x95": "a Sun raster picture",
    b"gimp xcf": "a GIMP picture",
    b"AT&TFORM": "a DjVu document",
    b"\xd7\xcd\xc6\x9a": "a drawing of Windows",
    b"II\xbc": "a JPEG XR picture",
    b"DDS ": "a DirectDraw texture",
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
}
APPLE_PNG = "is a PNG that Apple's tools have changed for their devices (CgBI), which is not read"
REVERT = "on a Mac: xcrun -sdk iphoneos pngcrush -revert-iphone-optimizations -q IN.png OUT.png"
FILM_BRANDS = re.compile(rb"qt  |iso.|mp4.|avc1|dash|M4V.|3gp.|3g2.|mmp4")
READABLE = "use JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP or PNM"
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
AVIF_BRANDS = {b"avif", b"avis"}


def sniff(head: bytes) -> str:
    """The format of a file, one of FORMATS, by its first 64 bytes or more; else DecodeError, which says what it is."""
    if head[12:16] == b"CgBI":  # in the place of IHDR
        raise DecodeError(APPLE_PNG, remedy=REVERT)
    for start, name in STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        end = min(len(head), int.from_bytes(head[:4], "big"))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))}
        if brands & AVIF_BRANDS:
            return "avif"
        if brands & HEIC_BRANDS:
            return "heic"
        if b"crx " in brands:
            raise DecodeError(f"is {RAW}, whose picture is not read", remedy=READABLE)
        if not any(map(FILM_BRANDS.fullmatch, brands)):
            raise DecodeError("is an unknown kind of HEIF, not a photo", remedy=READABLE)
    if re.match(rb"P[1-6][\s#]", head):
        return "pnm"
    what = next((what for start, what in OTHERS.items() if head.lstrip().startswith(start)), None)
    if what == FILM or head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        raise DecodeError("is a film, not a photo", remedy="colorizegan video takes films")
    if what is None:
        what = "a text file" if _is_text(head) else "of no known picture format"
    raise DecodeError(f"is {what}, not a photo" if what.startswith("a") else f"is {what}", remedy=READABLE)


def _is_text(head: bytes) -> bool:
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and b"\x7f" not in head


MEDIA_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "pnm": "image/x-portable-anymap",
    "gif": "image/gif",
    "heic": "image/heic",
}
