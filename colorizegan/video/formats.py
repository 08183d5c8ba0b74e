"""Names of films: what is read and written, by ending. Imports nothing: the command line asks before all else."""

from __future__ import annotations

import re

CODECS = ("h264", "hevc", "vp9", "av1", "ffv1", "prores")
# Ending of a result -> FFmpeg's name of the container, and the codec that is usual there.
CONTAINERS = {
    ".mp4": ("mp4", "h264"), ".m4v": ("mp4", "h264"), ".mov": ("mov", "h264"), ".mkv": ("matroska", "h264"),
    ".webm": ("webm", "vp9"), ".avi": ("avi", "h264"), ".ts": ("mpegts", "h264"), ".m2ts": ("mpegts", "h264"),
    ".mts": ("mpegts", "h264"),
}  # fmt: skip
# Endings that are only read -> those of their results.
RESULTS = {
    ".mpg": ".mkv", ".mpeg": ".mkv", ".vob": ".mkv", ".flv": ".mkv", ".ogv": ".mkv", ".wmv": ".mkv", ".mxf": ".mkv",
    ".dv": ".mkv", ".3gp": ".mp4",
}  # fmt: skip


def is_pattern(name: str) -> bool:
    """Whether a name means numbered pictures, as `frames/%05d.png`."""
    return re.search(r"%0?\d*d", name.replace("\\", "/").rsplit("/", 1)[-1]) is not None


FILM_SUFFIXES = frozenset((*CONTAINERS, *RESULTS))
