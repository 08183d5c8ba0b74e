"""What a visitor of the page has open, and the work behind the page: from uploads and wishes to pictures and files."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from colorizegan.colorize_file import OnePhoto, Settings
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.machine import cpu_threads
from colorizegan.photo.formats import format_of_name
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.reader import Reader
from colorizegan.serve.stage import preview, stage
from colorizegan.steer.confidence import confidence_map, overlay
from colorizegan.steer.film import Emulsion
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.steer.proposals import Proposal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMITS = Limits(pixels=50_000_000, bytes=50_000_000)
MOST_PHOTOS = 50  # of one visitor
MOST_HINTS = 200
PROPOSALS = 6  # the page shows three in a row
SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "tiff": ".tif",
    "webp": ".webp",
    "avif": ".avif",
    "bmp": ".bmp",
    "pnm": ".ppm",
}


@dataclass(frozen=True)
class Shot:
    """One photo of a visitor and what they wish of it."""

    path: Path
    """In the visitor's folder."""
    name: str
    """As it was uploaded; no two of an album are alike."""
    saturation: float = 1.0
    emulsion: Emulsion = "auto"
    tone_down: bool = False
    hints: tuple[Hint, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    @property
    def look(self) -> Look:
        """What is asked of its colours."""
        return Look(
            saturation=self.saturation, emulsion=self.emulsion, hints=self.hints, tone_down_unsure=self.tone_down
        )


@dataclass(frozen=True)
class Album:
    """What a visitor has open: the state of a session."""

    folder: Path
    shots: tuple[Shot, ...] = ()
    current: int = 0

    @property
    def shot(self) -> Shot:
        """The photo that is shown."""
        return self.shots[self.current]

    def changed(self, **changes: Any) -> Album:
        """The album with other wishes for the photo that is shown."""
        shots = list(self.shots)
        shots[self.current] = replace(self.shot, **changes)
        return replace(self, shots=tuple(shots))


class Desk:
    """The work behind the page: a model, decoder processes, and a folder for what visitors bring."""

    def __init__(self, colorizer: Colorizer) -> None:
        self.colorizer = colorizer
        self.reader = Reader(limits=LIMITS, threads=cpu_threads())
        self.home = tempfile.TemporaryDirectory(prefix="colorizegan-page-")  # mode 0700; goes with the process
        weakref.finalize(self, Reader.close, self.reader)

    def close(self) -> None:
        """End the decoder processes and delete what visitors brought."""
        self.reader.close()
        self.home.cleanup()

    def add(self, album: Album | None, paths: Sequence[str | Path]) -> tuple[Album, list[str]]:
        """The album with more photos, and a line for each that cannot be read. The first new one is shown."""
        album = album or Album(Path(tempfile.mkdtemp(dir=self.home.name)))
        shots, problems = list(album.shots), []
        for path in map(Path, paths):
            name = free_name(path.name, {shot.name for shot in shots})
            kept = album.folder / f"{len(shots)}{path.suffix}"
            try:
                if len(shots) >= MOST_PHOTOS:
                    raise UsageError(f"more than {MOST_PHOTOS} photos", remedy="use the command line for folders")
                self.read(Shot(path, name))
                shutil.copyfile(path, kept)  # Gradio deletes its own copy after a while
                shots.append(Shot(kept, name))
            except ColorizeGANError as error:
                problems.append(line_of(error, name))
        first_new = len(album.shots) if len(shots) > len(album.shots) else album.current
        return replace(album, shots=tuple(shots), current=first_new), problems

    def read(self, shot: Shot) -> Photo:
        """The photo in memory; errors name it as the visitor does."""
        try:
            return self.reader.read(shot.path)
        except ColorizeGANError as error:
            error.path = shot.name
            raise

    def show(self, shot: Shot, unsure: bool) -> tuple[str, str]:
        """The stage, and what there is to say of the photo."""
        photo = self.read(shot)
        prediction = self.colorizer.colors(photo.gray, shot.look)
        after = preview(self.colorizer.paint(photo.gray, prediction.ab, shot.saturation))
        if unsure:
            after = overlay(after, confidence_map(prediction.confidence(), after.shape[0], after.shape[1]))
        height, width = photo.gray.shape
        remarks = [f"{shot.name}: {width} x {height} px", *photo.remarks]
        if photo.is_color:
            remarks.append("it is in colour already; its own colours are replaced")
        return stage(shot.name, preview(photo.gray), after, (width, height), shot.hints), "; ".join(remarks)

    def hint(self, shot: Shot, x: int, y: int, color: str) -> tuple[Hint, ...]:
        """The hints of a photo and one more. UsageError where it lies outside or is none."""
        height, width = self.read(shot).gray.shape
        if not (0 <= x < width and 0 <= y < height):
            what = f"{x}, {y} is outside the photo"
            raise UsageError(what, remedy=f"use 0 to {width - 1} and 0 to {height - 1}")
        if len(shot.hints) >= MOST_HINTS:
            raise UsageError(f"more than {MOST_HINTS} hints", remedy="remove some")
        there = tuple(hint for hint in shot.hints if (hint.x, hint.y) != (x, y))
        return (*there, Hint(x, y, hex_color(color)))

    def propose(self, shot: Shot) -> tuple[tuple[Proposal, ...], list[tuple[NDArray[np.uint8], str]]]:
        """Proposals, and their pictures with captions."""
        photo = self.read(shot)
        found = self.colorizer.propose(photo, shot.look, count=PROPOSALS, seed=0)
        pictures = []
        for number, one in enumerate(found, 1):
            rgb = self.colorizer.paint(photo.gray, one.ab, shot.saturation)
            pictures.append((preview(rgb), f"No. {number}"))
        return tuple(found), pictures

    def result(self, album: Album) -> Path:
        """The file to take home of the photo that is shown: NAME.colorized.EXT in the visitor's folder."""
        shot = album.shot
        out = album.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        with (out / "result").open("w+b") as file:
            format = write_result(self.colorizer, self.reader, shot.path, file, shot.look)
        own = Path(shot.name).suffix
        suffix = own if format_of_name(own) == format else SUFFIXES[format]
        return (out / "result").rename(out / f"{Path(shot.name).stem}.colorized{suffix}")


def write_result(colorizer: Colorizer, reader: Reader, source: Path, file: BinaryIO, look: Look) -> str:
    """Write the whole result, as the command line does with the same options; its format is returned.

    Args:
        file: empty, open for reading and writing.
    """
    photo = OnePhoto(source, colorizer, reader, Settings(look=look, force=True, kept_hints=False))
    photo.open()
    assert photo.format is not None
    photo.write(file)
    return photo.format


def line_of(error: ColorizeGANError, name: str) -> str:
    """The error as the visitor is told it."""
    error.path = name  # and not where it lies on the server
    return str(error)


def free_name(name: str, taken: set[str]) -> str:
    """The name, or with a number where there is one like it."""
    path, number = Path(name), 2
    while name in taken:
        name = f"{path.stem} ({number}){path.suffix}"
        number += 1
    return name


def hex_color(text: str) -> str:
    """What the colour field or the picker holds, as #rrggbb. UsageError where it is no colour."""
    numbers = re.fullmatch(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*(?:,.*)?\)", text.strip())
    if numbers:
        return "#" + "".join(f"{min(round(float(value)), 255):02x}" for value in numbers.groups())
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text.strip()):
        raise UsageError(f"{text[:40]!r} is no colour", remedy="write it as #rrggbb, such as #3a6ea5")
    return "#" + text.strip().removeprefix("#").lower()
