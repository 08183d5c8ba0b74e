"""Where painted frames go: into a film, part by part, or into numbered pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame

from colorizegan import __version__
from colorizegan.errors import ColorizeGANError, OutputError, UsageError, first_line
from colorizegan.files import (
    atomic_file,
    disk_full,
    file_identity,
    is_disk_full,
    open_regular,
    remove_leftovers,
    try_lock,
    write_atomic,
)
from colorizegan.video.chroma import chroma_gray, chroma_planes
from colorizegan.video.consistency import FrameColors, Shot
from colorizegan.video.encode import PartWriter, encoder_for, fitted
from colorizegan.video.formats import CONTAINERS, is_pattern, picture_name
from colorizegan.video.frames import Film, open_container, picture_numbers
from colorizegan.video.guesses import Guesses
from colorizegan.video.joining import join
from colorizegan.video.options import FilmOptions
from colorizegan.video.parts import PartFolder, Start, hidden_beside, made_elsewhere
from colorizegan.video.pixels import canvas, plane_of, whole_gray

COMMENT = "colours by ColorizeGAN"  # how that of a result begins


class FilmResult:
    """A film that is written, in parts first; use it in a `with`.

    target: with an ending of CONTAINERS; facts: what shapes the result: parts that were made with others are thrown
    away.
    """

    def __init__(
        self, film: Film, target: Path, guesses: Guesses, options: FilmOptions, facts: Mapping[str, str]
    ) -> None:
        suffix = target.suffix.lower()
        self.film, self.target, self.guesses, self.options = film, target, guesses, options
        self.form = CONTAINERS[suffix][0]
        self.encoder = encoder_for(suffix, options.codec, options.quality, film.pixels.bits)
        self.pixels = fitted(film.pixels, self.encoder)
        self.note = f"{COMMENT} {__version__}, model {guesses.colorizer.network.digest[:12]}"
        with as_output_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers([target])
            self.folder = PartFolder(target, facts)
        self.start: Start | None = self.folder.start
        """Where to go on; None where only the joining is left."""
        self.frames = self.start.frames if self.start else sum(len(part.times) for part in self.folder.parts)
        """That are done."""
        self.part = ExitStack()
        self.writer: PartWriter | None = None
        self.first = 0  # frame of the part
        self.shot: tuple[Shot, int] | None = None  # under way, and the pts of its first frame

    def __enter__(self) -> FilmResult:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if self.writer is not None:
                stop = error or GeneratorExit()
                self.part.__exit__(type(stop), stop, None)  # the part that is under way is lost
        finally:
            self.folder.close()

    def has(self, frame: VideoFrame, colors: FrameColors) -> bool:
        """Whether a frame is there from an earlier run; each one is asked for, in order."""
        assert frame.pts is not None
        if self.shot is None or colors.shot.first != self.shot[0].first:
            self.shot = colors.shot, frame.pts
        return colors.number < self.frames

    def add(self, frame: VideoFrame, colors: FrameColors) -> None:
        with as_output_errors(self.target):
            if self.writer is not None:
                count, (shortest, longest) = len(self.writer.times), self.options.part_frames
                if count >= longest or (count >= shortest and colors.number == colors.shot.first):
                    self.end_part(self.shot)
            if self.writer is None:
                self.first = colors.number
                file = self.part.enter_context(self.folder.part(self.first))
                self.writer = PartWriter(file, self.film, self.pixels, self.encoder, reorder=self.form != "avi")
            self.writer.add(self.painted(frame, colors))
            self.frames = colors.number + 1

    def painted(self, frame: VideoFrame, colors: FrameColors) -> VideoFrame:
        """The frame with its luma as it is, and new chroma."""
        new, luma = canvas(frame, self.pixels)
        gray = chroma_gray(luma, self.pixels)
        rgb = self.guesses.paint(gray, np.ascontiguousarray(np.rot90(colors.ab, -self.film.turns, (1, 2))))
        for index, plane in enumerate(chroma_planes(gray, rgb, self.pixels, self.film.height), 1):
            plane_of(new, index)[:] = plane
        return new

    def end_part(self, following: tuple[Shot, int] | None) -> None:
        assert self.writer is not None
        writer, self.writer = self.writer, None
        writer.close()
        self.part.close()
        self.folder.record(self.first, writer.times, writer.delay, following)

    def finish(self) -> list[str]:
        """Join the parts to the result; returns what the user should know, as clauses."""
        with as_output_errors(self.target):
            if self.writer is not None:
                self.end_part(None)
            if not self.folder.parts:
                raise UsageError(
                    "there is no frame between the start and the end",
                    remedy=f"it lasts {float(self.film.seconds):.3f} seconds",
                )
            with atomic_file(self.target) as file:
                losses = join(
                    file, self.form, self.film, self.folder.parts, self.encoder, self.note,
                    start=self.options.start, end=self.options.end,
                )  # fmt: skip
            self.folder.remove()
        if self.pixels.name != self.film.pixels.name:
            losses.append(f"is written as {self.pixels.name}, since {self.encoder.name} has no {self.film.pixels.name}")
        return losses


def may_be_result(target: Path, source: Path) -> bool:
    """Whether a film may be what was made of `source`: by its comment, unless `join` could write none."""
    if CONTAINERS[target.suffix.lower()][0] == "mpegts":
        return True
    try:
        with open_container(target, Fraction(1)) as found, open_container(source, Fraction(1)) as own:
            comments = [value for key, value in found.metadata.items() if key.lower() == "comment"]
            kept = any(key.lower() == "comment" for key in own.metadata)
    except (ColorizeGANError, OSError, ValueError, av.error.FFmpegError):
        return False
    return kept or any(comment.startswith(COMMENT) for comment in comments)


def check_pictures(source: Path, target: Path, *, overwrite: bool) -> None:
    """UsageError or OutputError where no numbered pictures `target` are to be made of a film or of pictures."""
    if target.suffix.lower() != ".png":
        raise UsageError(f"no numbered pictures end with {target.suffix!r}", remedy="use .png")
    numbered = picture_numbers(source) if is_pattern(source.name) else []
    pictures = [source.with_name(picture_name(source.name, number)) for number in numbered]
    there = [target.with_name(picture_name(target.name, number)) for number in picture_numbers(target)]
    if not {file_identity(path) for path in (source, *pictures)}.isdisjoint(map(file_identity, there)):
        raise OutputError("are the pictures themselves", path=target, remedy="name another output")
    if there and not overwrite and not os.path.lexists(hidden_beside(target, "json")):
        what = "such pictures are there already, and nothing says that this program made them, so they stay"
        raise OutputError(what, path=target, remedy="--overwrite replaces them; or name another output")


class PictureResult:
    """Numbered PNG files, each whole or not at all; as FilmResult, with a target such as `out/%05d.png`."""

    start: Start | None = Start()  # the colours are found anew from the beginning; pictures that are there stay

    def __init__(
        self, film: Film, target: Path, guesses: Guesses, options: FilmOptions, facts: Mapping[str, str]
    ) -> None:
        check_pictures(film.path, target, overwrite=options.overwrite)
        numbered = picture_numbers(film.path) if is_pattern(film.path.name) else []
        self.film, self.target, self.guesses = film, target, guesses
        self.from_number = numbered[0] if numbered else 1
        self.frames = 0
        # What was made with other facts is made anew.
        record = hidden_beside(target, "json")
        wanted = json.dumps(dict(facts), sort_keys=True).encode()
        with as_output_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.record = os.fdopen(open_regular(record, os.O_RDWR | os.O_CREAT), "r+b")
            if try_lock(self.record.fileno()) is False:
                self.record.close()
                raise made_elsewhere(target)
            self.anew = options.overwrite or self.record.read() != wanted
            if self.anew:
                self.record.seek(0)
                self.record.truncate()
                self.record.write(wanted)
                self.record.flush()

    def __enter__(self) -> PictureResult:
        return self

    def __exit__(self, *_: object) -> None:
        self.record.close()

    def path(self, number: int) -> Path:
        return self.target.with_name(picture_name(self.target.name, self.from_number + number))

    def has(self, frame: VideoFrame, colors: FrameColors) -> bool:
        """Whether a frame is there from an earlier run."""
        self.frames = colors.number + 1
        return not self.anew and self.path(colors.number).is_file()

    def add(self, frame: VideoFrame, colors: FrameColors) -> None:
        """Paint and write a frame, 16 bit where the film has more than 8."""
        gray = np.ascontiguousarray(np.rot90(whole_gray(frame, self.film.pixels), self.film.turns))
        rgb = self.guesses.paint(gray, colors.ab)
        context = av.CodecContext.create("png", "w")
        context.width, context.height, context.time_base = rgb.shape[1], rgb.shape[0], Fraction(1)
        context.pix_fmt = "rgb24" if rgb.dtype == np.uint8 else "rgb48be"
        picture = av.VideoFrame.from_ndarray(rgb, "rgb24" if rgb.dtype == np.uint8 else "rgb48le")
        packets = context.encode(picture.reformat(format=context.pix_fmt)) + context.encode(None)
        with as_output_errors(self.target):
            write_atomic(self.path(colors.number), b"".join(map(bytes, packets)))

    def finish(self) -> list[str]:
        """What the user should know, as clauses."""
        return []


@contextmanager
def as_output_errors(target: Path) -> Iterator[None]:
    """What goes wrong with writing, as one of our errors."""
    try:
        yield
    except (ColorizeGANError, OSError, av.error.FFmpegError, ValueError) as error:
        if is_disk_full(error):
            raise disk_full(target) from error
        if isinstance(error, ColorizeGANError):
            raise
        raise OutputError(f"cannot be written ({first_line(error)})", path=target) from error
