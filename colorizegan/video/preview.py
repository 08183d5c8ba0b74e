"""One frame of each shot of a film in colour, to see what it will be before it is made; and a sheet of them."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import to_8_bit
from colorizegan.colorizer import Colorizer
from colorizegan.contact_sheet import contact_sheet
from colorizegan.files import atomic_file
from colorizegan.video.colorize_video import Progress, frames_in_colors
from colorizegan.video.frames import Film
from colorizegan.video.guesses import Guesses
from colorizegan.video.options import FilmOptions
from colorizegan.video.pixels import luma_of
from colorizegan.video.results import as_output_errors

INTO = 12  # frames into a shot that the frame that is shown lies, where the shot is that long
WIDTH = 320  # px of a frame
MOST = 400  # shots; of a longer film those at the beginning


@dataclass(frozen=True, eq=False)
class ShotPicture:
    """What a shot looks like."""

    seconds: float
    """When the shot begins."""
    rgb: NDArray[np.uint8]
    """(h, WIDTH, 3), a frame of it in colour."""


def pictures_of_shots(
    source: Path, colorizer: Colorizer, options: FilmOptions
) -> Iterator[tuple[Progress, ShotPicture | None]]:
    """Look through a film: after each frame how far it is, and the picture of a shot once there is one."""
    with ExitStack() as stack:
        film = stack.enter_context(Film(source, options.rate))
        guesses = Guesses.of(film, colorizer, options)
        first, count, seconds = -1, 0, 0.0
        waiting: ShotPicture | None = None  # of a shot that may be longer
        progress = Progress(0, 0)
        for frame, colors, total in frames_in_colors(stack, film, guesses, options):
            ready: ShotPicture | None = None
            into = colors.number - colors.shot.first
            if colors.shot.first != first:
                if count == MOST:
                    break
                ready, waiting, first, count = waiting, None, colors.shot.first, count + 1
                assert frame.pts is not None
                seconds = float(film.seconds_at(frame.pts))
            if into <= INTO:
                gray = np.rot90(film.pixels.gray(luma_of(frame, film.pixels)), film.turns)
                size = WIDTH, max(1, round(WIDTH * gray.shape[0] / gray.shape[1]))
                small = np.asarray(Image.fromarray(to_8_bit(gray)).resize(size, Image.Resampling.BOX))
                waiting = ShotPicture(seconds, guesses.paint(small, colors.ab))
            if into == INTO:
                ready, waiting = waiting, None
            progress = Progress(colors.number + 1, max(total, colors.number + 1))
            yield progress, ready
        if waiting is not None:
            yield progress, waiting


def preview_steps(
    source: Path, target: Path, colorizer: Colorizer, options: FilmOptions
) -> Generator[Progress, None, int]:
    """Write the sheet of a film as JPEG or PNG, a frame at a time; returns the number of shots."""
    shown: list[NDArray[Any]] = []
    with as_output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    for progress, picture in pictures_of_shots(source, colorizer, options):
        if picture is not None:
            shown.append(picture.rgb)
        yield progress
    with as_output_errors(target), atomic_file(target) as file:
        contact_sheet(shown, 4).save(file, "PNG" if target.suffix.lower() == ".png" else "JPEG", quality=92)
    return len(shown)
