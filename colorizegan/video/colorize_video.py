"""A film in, the film in colour out: the main flow, read top to bottom in `colorize_steps`.

The file is decoded twice at the same time. One pass runs ahead and finds the colours, from some seconds of small
pictures; the other paints them into the full frames, so that no full frame has to wait in memory.
"""

import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TypeVar

import numpy as np
from av.video.frame import VideoFrame

from colorizegan import __version__
from colorizegan.colorize_file import DONE_ALREADY, LEFT_IN_COLOR
from colorizegan.colorizer import Colorizer
from colorizegan.errors import OutputError, UsageError
from colorizegan.photo.scan.tone import judge_tone
from colorizegan.video.consistency import FrameColors, steady_colors
from colorizegan.video.formats import CONTAINERS, is_pattern
from colorizegan.video.frames import Film
from colorizegan.video.guesses import Guesses
from colorizegan.video.options import FilmOptions
from colorizegan.video.parts import Start
from colorizegan.video.pixels import luma_of
from colorizegan.video.results import FilmResult, PictureResult

T = TypeVar("T")

AHEAD = 32  # frames that are looked at at a time
LOOKS = 8  # frames that are looked at for colours of their own before anything is done
LOOK_EVERY = 48  # and of those that are worked on, one of so many
SHORT = 1  # seconds that a film may be shorter than its file says


@dataclass(frozen=True)
class Progress:
    """How far a film is."""

    frames: int
    """Done, in this run and before."""
    total: int
    """About how many there are; 0 where the file does not say."""
    made: bool = True
    """The frame was made in this run, and not before."""


@dataclass(frozen=True)
class FilmReport:
    """What became of a film."""

    frames: int
    shots: int
    """Found in this run; what was done before it is not counted."""
    keys: int
    """Frames that the network saw in this run."""
    width: int
    height: int
    remarks: tuple[str, ...] = ()
    """What the user should know, as clauses."""
    skipped: str = ""
    """Why nothing was done."""


def colorize_video(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    colorizer: Colorizer | None = None,
    options: FilmOptions | None = None,
) -> FilmReport:
    """Colorize a film; what it carries, and when each frame is shown, stay as they are.

    A call that was stopped goes on from where it was when it is made again.

    Args:
        source: a film of a format that FFmpeg reads, or numbered pictures such as `frames/%05d.png`.
        target: the result: a name with an ending of `formats.CONTAINERS`, or numbered pictures, `.png`.
        colorizer: default a new one with the bundled model.
        options: see `FilmOptions`.

    Raises:
        InputError, DecodeError, TooLargeError: the film cannot be read.
        OutputError: the result cannot be written.
        UsageError: options that contradict each other or the film.
    """
    steps = colorize_steps(Path(source), Path(target), colorizer or Colorizer(), options or FilmOptions())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def colorize_steps(
    source: Path, target: Path, colorizer: Colorizer, options: FilmOptions
) -> Generator[Progress, None, FilmReport]:
    """`colorize_video` a frame at a time; close it to stop."""
    with ExitStack() as stack:
        film = stack.enter_context(Film(source, options.rate))
        reason = _reason_to_leave(film, target, options)
        if reason:
            return FilmReport(0, 0, 0, film.width, film.height, skipped=reason)
        guesses = Guesses.of(film, colorizer, options)
        kind = PictureResult if is_pattern(target.name) else FilmResult
        result = stack.enter_context(kind(film, target, guesses, options, _facts(film, colorizer, options)))
        shots, keys, colored, looked = set[int](), 0, 0, 0
        if result.start is not None:
            for frame, colors, total in frames_in_colors(stack, film, guesses, options, result.start):
                if colors.number % LOOK_EVERY == 0 and not film.gray_only:
                    looked, colored = looked + 1, colored + _is_colored(frame)
                made = not result.has(frame, colors)
                if made:
                    result.add(frame, colors)
                    shots.add(colors.shot.first)
                    keys += colors.key
                yield Progress(colors.number + 1, max(total, colors.number + 1), made)
        remarks = result.finish()
        if film.damaged:
            remarks.append(f"left out, as they cannot be decoded: {film.damaged} of its packets")
        if film.flawed:
            remarks.append(f"damaged in the film itself: {film.flawed} of {result.frames} frames")
        if options.end is None and film.seconds - film.seconds_at(film.last) > SHORT > 0 < film.last:
            seconds = f"{float(film.seconds_at(film.last)):.1f} of {float(film.seconds):.1f} seconds"
            remarks.append(f"its pictures end after {seconds}; is the file cut off?")
        if film.interlaced and not options.deinterlace:
            remarks.append("is interlaced and stays so; --deinterlace makes whole frames")
        if colored:
            remarks.append(f"{colored} of {looked} frames that were looked at are in colour already; all are made anew")
        return FilmReport(result.frames, len(shots), keys, film.width, film.height, tuple(remarks))


def frames_in_colors(
    stack: ExitStack, film: Film, guesses: Guesses, options: FilmOptions, start: Start | None = None
) -> Iterator[tuple[VideoFrame, FrameColors, int]]:
    """Each frame that is wanted, its colours, and about how many frames there are.

    The film is opened a second time, for a pass that runs ahead in another thread and finds the colours.
    """
    start = start or Start()
    ahead = stack.enter_context(Film(film.path, options.rate))
    grays = (
        np.rot90(film.pixels.gray(luma_of(frame, film.pixels)), film.turns)
        for frame in _wanted(ahead, options, start.pts)
    )
    hinted = tuple(guesses.hints)
    steady = steady_colors(grays, guesses, first=start.shot.first, memory=start.shot.memory, hinted=hinted)
    total = film.about_frames
    if options.end is not None:
        total = min(total, round(options.end * film.rate))
    total = max(0, total - round((options.start or 0) * film.rate))
    frames = _wanted(film, options, start.pts)
    for frame, colors in zip(frames, _in_advance(steady), strict=True):
        yield frame, colors, total


def _reason_to_leave(film: Film, target: Path, options: FilmOptions) -> str:
    """Why nothing is to be done; OutputError or UsageError where nothing can be."""
    if not is_pattern(target.name):
        if target.suffix.lower() not in CONTAINERS:
            what = f"no film is written with the ending {target.suffix!r}"
            raise UsageError(what, remedy=f"name a result that ends with {', '.join(CONTAINERS)}")
        if os.path.lexists(target):
            if not target.is_file() or target.samefile(film.path):
                raise OutputError("is the film itself, or no file", path=target, remedy="name another output")
            if not options.overwrite:
                return DONE_ALREADY
    if not options.force and not film.gray_only:
        looks = list(_looks(film))
        if sum(map(_is_colored, looks)) * 2 > len(looks):
            return LEFT_IN_COLOR
    return ""


def _looks(film: Film) -> Iterator[VideoFrame]:
    """Some frames, spread over the film."""
    step = max(1, film.about_frames // LOOKS)
    length = round(step / (film.rate * film.time_base))
    first: int | None = None
    for i in range(LOOKS):
        since = None if first is None else first + i * length
        frame = next(film.frames(since=since), None)
        if frame is None or (i and film.about_frames == 0):
            return
        first = frame.pts if first is None else first
        yield frame


def _is_colored(frame: VideoFrame) -> bool:
    """Whether a frame has colours of its own; those of a tinted or toned film are none."""
    width = min(160, frame.width)  # px
    height = max(1, round(width * frame.height / frame.width))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return judge_tone(small.to_ndarray()).is_color


def _wanted(film: Film, options: FilmOptions, since: int | None) -> Iterator[VideoFrame]:
    """The frames between --start and --end, from `since` on."""
    if since is None and options.start is not None:
        since = film.pts_at(options.start)
    end = None if options.end is None else film.pts_at(options.end)
    for frame in film.frames(since=since, deinterlace=options.deinterlace):
        assert frame.pts is not None
        if end is not None and frame.pts >= end:
            return
        yield frame


def _facts(film: Film, colorizer: Colorizer, options: FilmOptions) -> dict[str, str]:
    """What shapes the result: where it changes, parts that are done are of no use."""
    facts = {"model": colorizer.network.digest, "version": __version__, **options.facts()}
    if not is_pattern(film.path.name):
        found = film.path.stat()
        facts |= {"film": str(film.path.absolute()), "size": str(found.st_size), "changed": str(found.st_mtime_ns)}
    return facts


def _in_advance(items: Iterator[T]) -> Iterator[T]:
    """The items, which another thread makes some in advance."""
    with ThreadPoolExecutor(1, thread_name_prefix="film") as pool:
        waiting = pool.submit(lambda: list(islice(items, AHEAD)))
        while some := waiting.result():
            waiting = pool.submit(lambda: list(islice(items, AHEAD)))
            yield from some
