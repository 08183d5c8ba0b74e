"""Names of films: what is read and written, by ending. Imports nothing: the command line asks before all else."""

import re

CODECS = ("h264", "hevc", "vp9", "av1", "ffv1", "prores")
_MP4 = "mp4", ("h264", "hevc", "vp9", "av1", "ffv1")
_STREAM = "mpegts", ("h264", "hevc")
# Ending of a result -> FFmpeg's name of the container, and the codecs that can be read from it, the usual one first.
CONTAINERS = {
    ".mp4": _MP4, ".m4v": _MP4, ".mov": ("mov", ("h264", "hevc", "prores")), ".mkv": ("matroska", CODECS),
    ".webm": ("webm", ("vp9", "av1")), ".avi": ("avi", ("h264", "vp9", "av1", "ffv1")),
    ".ts": _STREAM, ".m2ts": _STREAM, ".mts": _STREAM,
}  # fmt: skip
# Endings that are only read -> those of their results.
RESULTS = {
    ".mpg": ".mkv", ".mpeg": ".mkv", ".vob": ".mkv", ".flv": ".mkv", ".ogv": ".mkv", ".wmv": ".mkv", ".mxf": ".mkv",
    ".dv": ".mkv", ".asf": ".mkv", ".divx": ".mkv", ".m1v": ".mkv", ".m2v": ".mkv", ".qt": ".mov", ".f4v": ".mp4",
    ".3gp": ".mp4", ".3g2": ".mp4",
}  # fmt: skip


FILM_SUFFIXES = frozenset((*CONTAINERS, *RESULTS))
NUMBER = re.compile(r"%0?(\d*)d")


def is_pattern(name: str) -> bool:
    """Whether a name means numbered pictures, as `frames/%05d.png`."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return NUMBER.search(last) is not None and not last.lower().endswith(tuple(FILM_SUFFIXES))


def picture_name(pattern: str, number: int) -> str:
    """The name of one of the pictures that a pattern means."""
    return NUMBER.sub(lambda match: f"{number:0{match[1] or 1}d}", pattern, count=1)
