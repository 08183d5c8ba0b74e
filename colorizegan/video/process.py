"""A process that works on one film for a service, so that a fault in a decoder's library costs that film alone.

It reads one line of JSON from standard input (`Task`) and writes lines of JSON to standard output: {"frames", "total"}
on the way, {"shot"} with the beginning of a shot in seconds, whose picture is in the folder by then, and at the end
{"done"} or {"error"}.
"""

import dataclasses
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, TooLargeError
from colorizegan.machine import limit_process
from colorizegan.steer.look import Look
from colorizegan.video.colorize_video import Progress, colorize_steps
from colorizegan.video.formats import CONTAINERS
from colorizegan.video.frames import Film
from colorizegan.video.options import FilmOptions
from colorizegan.video.preview import pictures_of_shots

QUALITY = 88  # of the pictures of shots, JPEG
# FFmpeg's name of a container, or the beginning of it -> the ending of the result; others become MKV.
ENDINGS = {"mov,mp4": ".mp4", "avi": ".avi", "mpegts": ".ts"}
WEB = {"vp8", "vp9", "av1", "opus", "vorbis"}  # all codecs of a WebM film


@dataclasses.dataclass(frozen=True)
class Task:
    """What is to be done."""

    film: str
    """Path of the film."""
    folder: str
    """Where results go: shot-00001.jpg and so on; result and its ending."""
    model: str | None
    preview: bool
    """Only look through it; else make the film in colour."""
    look: dict[str, Any]
    """Fields of `Look`."""
    options: dict[str, Any]
    """Fields of `FilmOptions`: codec, quality, force."""
    container: str | None
    """Ending of the result, such as ".mp4"; None = as the film."""
    pixels: int
    """Of a frame, at most."""
    frames: int
    """At most."""
    bytes: int
    """Of a file that is written, at most."""


def main() -> None:
    task = Task(**json.loads(sys.stdin.readline()))
    with suppress(AttributeError, OSError):
        os.nice(10)  # behind those who wait for photos
    limit_process(for_good=True, FSIZE=task.bytes)
    try:
        check(task)
        (preview if task.preview else colorize)(task)
    except Exception as error:
        own = error if isinstance(error, ColorizeGANError) else None
        told = own or ColorizeGANError(f"unexpected {type(error).__name__}", remedy="please report this")
        detail = "; ".join(filter(None, (told.reason, told.remedy)))
        trace = None if own else "".join(traceback.format_exception(error))
        tell(error={"code": told.code, "detail": detail}, trace=trace)


def tell(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def check(task: Task) -> None:
    """Refuse a film that is over the limits, as far as it says so."""
    with Film(Path(task.film)) as film:
        if film.width * film.height > task.pixels:
            what = f"frames of {film.width} x {film.height} px are too large"
            raise TooLargeError(what, remedy=f"make them {task.pixels / 1e6:.0f} Mpx or less")
        count(film.about_frames, task)
        tell(width=film.width, height=film.height, seconds=round(float(film.about_frames / film.rate), 1))


def count(frames: int, task: Task) -> None:
    if frames > task.frames:
        raise TooLargeError(f"the film has more than {task.frames:,} frames", remedy="cut it into shorter films")


class Pulse:
    """Tells now and then how far it is."""

    last = 0.0

    def beat(self, progress: Progress, task: Task) -> None:
        count(progress.frames, task)
        if time.monotonic() - self.last > 0.25:  # seconds
            self.last = time.monotonic()
            tell(frames=progress.frames, total=progress.total)


def asked(task: Task) -> FilmOptions:
    return FilmOptions(look=Look(**task.look), overwrite=True, **task.options)


def preview(task: Task) -> None:
    pulse, shots = Pulse(), 0
    for progress, picture in pictures_of_shots(Path(task.film), Colorizer(task.model), asked(task)):
        pulse.beat(progress, task)
        if picture is not None:
            shots += 1
            path = Path(task.folder) / f"shot-{shots:05d}.jpg"
            Image.fromarray(picture.rgb).save(path, "JPEG", quality=QUALITY)
            tell(shot=round(picture.seconds, 3))
    tell(done={"shots": shots})


def colorize(task: Task) -> None:
    suffix = task.container or ending_of(Path(task.film))
    assert suffix in CONTAINERS
    target = Path(task.folder) / f"result{suffix}"
    pulse = Pulse()
    steps = colorize_steps(Path(task.film), target, Colorizer(task.model), asked(task))
    while True:
        try:
            pulse.beat(next(steps), task)
        except StopIteration as end:
            report = dataclasses.asdict(end.value)
            tell(done={**report, "file": target.name})
            return


def ending_of(path: Path) -> str:
    """The ending of the result of a film, by what the film is and not by what it is called."""
    with Film(path) as film:
        name = film.container.format.name
        contexts: list[Any] = [one.codec_context for one in film.container.streams]  # None where there is no decoder
        codecs = {context.name for context in contexts if context}
        if name.startswith("matroska"):
            names = {codec.removeprefix("lib").replace("dav1d", "av1").replace("aom-av1", "av1") for codec in codecs}
            return ".webm" if names <= WEB else ".mkv"
        return next((suffix for known, suffix in ENDINGS.items() if name.startswith(known)), ".mkv")
