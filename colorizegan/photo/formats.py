"""Formats of photo files by the endings of their names. Opens nothing and imports nothing heavy."""

from __future__ import annotations

__all__ = ["NEAREST", "PHOTO_SUFFIXES", "RESULT_SUFFIXES", "SUFFIXES", "WRITABLE", "format_of_name"]

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
RESULT_SUFFIXES = {".gif": ".png", ".heic": ".jpg", ".heif": ".jpg", ".pbm": ".ppm", ".pgm": ".ppm"}
"""Endings of what can be read but not written, or not in colour -> the ending of the result."""
PHOTO_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} | RESULT_SUFFIXES.keys()
"""Endings of all photos: what folders and patterns are searched for."""


def format_of_name(suffix: str) -> str | None:
    """The format that an ending (".JPG") means, one of WRITABLE, or None."""
    return next((name for name, suffixes in SUFFIXES.items() if suffix.lower() in suffixes), None)
