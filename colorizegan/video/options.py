"""What is asked for a film."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from colorizegan.errors import UsageError
from colorizegan.steer.hints import EXAMPLE, Hint, parse_hint, read_entries, write_entries
from colorizegan.steer.look import Look
from colorizegan.video.formats import CODECS


@dataclass(frozen=True)
class FilmHint:
    """The colour of a point of one frame; it holds through the shot, wherever the thing moves."""

    hint: Hint
    """In pixels of the upright frame."""
    seconds: Fraction
    """The time of the frame; the first one that is not before it counts."""

    def __str__(self) -> str:
        return f"{self.hint}@{float(self.seconds):.3f}"


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What is asked for a film. UsageError where a value is out of range."""

    look: Look = Look()  # noqa: RUF009 (frozen)
    """What is asked of the colours of all frames."""
    hints: tuple[FilmHint, ...] = ()
    """Points whose colour is known."""
    codec: str | None = None
    """One of `formats.CODECS`; None = the usual one of the container: H.264, in WebM VP9 or AV1."""
    quality: int = 80
    """1 .. 100; 100 loses nothing, with h264, hevc, vp9 and ffv1."""
    start: Fraction | None = None
    """Seconds from the beginning; the result begins there, at time 0."""
    end: Fraction | None = None
    """Seconds from the beginning; None = the end."""
    deinterlace: bool = False
    """Make one whole frame of each interlaced one."""
    rate: Fraction = Fraction(24)
    """Frames a second of numbered pictures."""
    force: bool = False
    """Colorize a film too that is in colour already."""
    overwrite: bool = False
    """Write a result anew that is there."""
    part_frames: tuple[int, int] = (48, 240)
    """Frames of a part, which is what a kill may cost: from the first number on it ends with a shot, and at the second
    in any case."""

    def __post_init__(self) -> None:
        if self.codec is not None and self.codec not in CODECS:
            raise UsageError(f"no codec {self.codec!r}", remedy=f"use one of {', '.join(CODECS)}")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality is {self.quality}", remedy="use 1 to 100")
        if self.look.hints:
            raise UsageError("a hint in a film needs a time", remedy="write it as 120,80,#3a6ea5@00:12")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise UsageError("the start is not before the end")
        if self.rate <= 0:
            raise UsageError(f"the rate is {self.rate}", remedy="give frames a second")

    def facts(self) -> dict[str, str]:
        """What shapes the result, for the ledger."""
        facts: dict[str, Any] = {"saturation": self.look.saturation, "size": self.look.size, **self.look.facts()}
        facts |= {"hints": " ".join(map(str, self.hints)), "codec": self.codec, "quality": self.quality}
        facts |= {"start": self.start, "end": self.end, "rate": self.rate, "deinterlace": self.deinterlace}
        return {key: str(value) for key, value in facts.items() if value not in (None, "", False)}


def parse_time(text: str) -> Fraction:
    """Seconds of "12.5", "1:30" or "1:02:03.5". UsageError where it is no time."""
    match = re.fullmatch(r"\s*(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,9})?)\s*", text)
    if match is None:
        raise UsageError(f"{text[:40]!r} is no time", remedy="write it as seconds, 1:30 or 1:02:03.5")
    return Fraction(match[3]) + 60 * int(match[2] or 0) + 3600 * int(match[1] or 0)


def parse_rate(text: str) -> Fraction:
    """Frames a second, "24" or "30000/1001". UsageError where it is no rate."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6}|/[1-9]\d{0,5})?", text):
        raise UsageError(f"{text[:40]!r} is no rate", remedy="write it as 24, 29.97 or 30000/1001")
    return Fraction(text)


def parse_film_hint(text: str) -> FilmHint:
    """A hint as the command line takes it, "x,y,#rrggbb@time". UsageError where it is none."""
    hint, at, time = text.rpartition("@")
    if not at:
        raise UsageError(f"{text[:60]!r} has no time", remedy="write it as 120,80,#3a6ea5@00:12")
    return FilmHint(parse_hint(hint), parse_time(time))


def write_film_hints(path: Path, hints: Sequence[FilmHint]) -> None:
    """Write hints as JSON, whole or not at all. OutputError where they cannot be written."""
    write_entries(path, (vars(one.hint) | {"time": round(float(one.seconds), 6)} for one in hints))


def read_film_hints(path: Path) -> tuple[FilmHint, ...]:
    """The hints of a JSON file as `write_film_hints` writes it. InputError where it holds something else."""

    def make(time: object, **hint: Any) -> FilmHint:
        return FilmHint(Hint(**hint), parse_time(str(time)))

    return read_entries(path, make, {**EXAMPLE, "time": 12})
