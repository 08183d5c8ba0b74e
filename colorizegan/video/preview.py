"""A sheet with one frame of each shot of a film in colour, to see what it will be before it is made."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import to_8_bit
from colorizegan.colorizer import Colorizer
from colorizegan.contact_sheet import contact_sheet
from colorizegan.errors import OutputError
from colorizegan.files import atomic_file
from colorizegan.video.colorize_video import Progress, frames_in_colors
from colorizegan.video.frames import Film
from colorizegan.video.guesses import Guesses
from colorizegan.video.options import FilmOptions
from colorizegan.video.pixels import luma_of

INTO = 12  # frames into a shot that the frame on the sheet lies, where the shot is that long
WIDTH = 320  # px of a frame
ACROSS = 4
MOST = 400  # shots; of a longer film those at the beginning


def preview_steps(
    source: Path, target: Path, colorizer: Colorizer, options: FilmOptions
) -> Generator[Progress, None, int]:
    """Write the sheet of a film as JPEG or PNG, a frame at a time; returns the number of shots."""
    with ExitStack() as stack:
        film = stack.enter_context(Film(source, options.rate))
        guesses = Guesses.of(film, colorizer, options)
        shown: list[NDArray[Any]] = []
        first = -1
        for frame, colors, total in frames_in_colors(stack, film, guesses, options):
            opens = colors.shot.first != first
            if opens and len(shown) == MOST:
                break
            if opens or colors.number - first <= INTO:
                first = colors.shot.first
                gray = np.rot90(film.pixels.gray(luma_of(frame, film.pixels)), film.turns)
                size = WIDTH, max(1, round(WIDTH * gray.shape[0] / gray.shape[1]))
                small = np.asarray(Image.fromarray(to_8_bit(gray)).resize(size, Image.Resampling.BOX))
                picture = guesses.paint(small, colors.ab)
                shown = [*shown, picture] if opens else [*shown[:-1], picture]
            yield Progress(colors.number + 1, max(total, colors.number + 1))
    sheet = contact_sheet(shown, ACROSS)
    try:
        with atomic_file(target) as file:
            sheet.save(file, "PNG" if target.suffix.lower() == ".png" else "JPEG", quality=92)
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror or error})", path=target) from error
    return len(shown)
