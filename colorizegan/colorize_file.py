"""One photo file to its colour version, with all its pages: read in a process of its own, colorized, encoded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from colorizegan import __version__
from colorizegan.colorizer import Colorizer
from colorizegan.errors import UsageError
from colorizegan.machine import Cancelled, MemoryBudget
from colorizegan.photo.formats import NEAREST
from colorizegan.photo.photo import Photo
from colorizegan.photo.reader import Reader
from colorizegan.photo.write import PageWriter, pages_written
from colorizegan.steer.confidence import confidence_pictures
from colorizegan.steer.hints import kept_hints, read_hints
from colorizegan.steer.look import Look

# What is said of a photo or film that is left as it is.
LEFT_IN_COLOR = "in colour already, left alone; --force colorizes it anyway"
DONE_ALREADY = "done already; --overwrite does it again"


@dataclass(frozen=True)
class ProposalChoice:
    """Which of the proposals is wanted."""

    count: int
    seed: int
    pick: int
    """From 1 on, the likeliest first."""

    def facts(self) -> dict[str, object]:
        """For provenance and ledger."""
        return {"proposals": self.count, "seed": self.seed, "pick": self.pick}


@dataclass(frozen=True)
class FileOptions:
    """How a photo file is read, colorized and written."""

    look: Look = field(default_factory=Look)
    """What is asked of the colours."""
    format: str | None = None
    """Format written; None = the photo's own, or what comes nearest."""
    quality: int = 95
    """Of JPEG and WebP, 1 .. 100."""
    strip: bool = False
    """Leave private metadata out."""
    force: bool = False
    """Colorize photos too that are in colour already."""
    allow_truncated: bool = False
    """Colorize what can be read of a file that ends too early."""
    use_saved_hints: bool = True
    """Take the hints that are kept beside a photo (photo.jpg.hints.json) where none are given."""
    proposal: ProposalChoice | None = None
    """Colorize with one of several proposals."""
    confidence: bool = False
    """Also make pictures of how sure the colours are."""

    def shaping(self) -> dict[str, object]:
        """The options that the bytes of a result follow from; its format is that of its name."""
        shaping: dict[str, object] = {"saturation": self.look.saturation, "size": self.look.size}
        shaping |= {"quality": self.quality, "strip": self.strip} | self.look.facts()
        return shaping | (self.proposal.facts() if self.proposal else {})

    def with_saved_hints(self, source: Path | bytes) -> FileOptions:
        """The options of one photo, with its hints. InputError where the file of its hints is damaged."""
        if self.look.hints or not self.use_saved_hints or isinstance(source, bytes):
            return self
        path = kept_hints(source)
        return self if path is None else replace(self, look=replace(self.look, hints=read_hints(path)))


@dataclass
class FileReport:
    """What became of a photo file."""

    shape: tuple[int, int] = (0, 0)
    """Height and width of the first page."""
    format: str = ""
    """That was written; of a photo that is left alone, its own."""
    remarks: list[str] = field(default_factory=list[str])
    """What the user should know of it, as clauses."""
    pages_in_color: list[int] = field(default_factory=list[int])
    """From 1 on; they stay as they are among others."""
    left_alone: bool = False
    """All of it is in colour already: what was written, if anything, is of no use."""
    turned: int = 1
    """EXIF orientation that the first page was stored with."""
    confidence: tuple[NDArray[Any], ...] = ()
    """If asked for, how sure the colours of the first page are: see `confidence_pictures`."""


def colorize_file(
    source: Path | bytes,
    open_result: Callable[[], BinaryIO],
    colorizer: Colorizer,
    reader: Reader,
    options: FileOptions,
    *,
    budget: MemoryBudget | None = None,
    stop: threading.Event | None = None,
) -> FileReport:
    """Colorize a photo file; a TIFF with all its pages. Saved hints are the caller's to look up, once.

    Args:
        open_result: called once there is something to write; gives an empty file that is open for reading and writing.
        budget: memory that it shares with other photos.
        stop: once it is set nobody waits for the result any more.

    Raises:
        InputError, DecodeError, TooLargeError: it cannot be read.
        UsageError: what is asked does not fit the photo or the model.
        OutputError, OSError: the result cannot be written.
        Cancelled: `stop` was set.
    """
    budget, stop = budget or MemoryBudget(), stop or threading.Event()
    report = FileReport()
    writer: PageWriter | None = None
    page, pages = 0, 1
    while page < pages:
        asked = {"keep_color": not options.force, "allow_truncated": options.allow_truncated}
        with reader.open(source, page=page, stop=stop, **asked) as opened, budget.reserve(opened.pixels, stop):
            photo = opened.decode()
            if writer is None:
                report.shape, report.turned = photo.gray.shape[:2], photo.metadata.turned
                report.format = options.format or NEAREST.get(photo.format, photo.format)
                pages = pages_written(photo, report.format)
                if pages == 1 and photo.rgb is not None:
                    report.left_alone, report.format, report.remarks = True, photo.format, list(photo.remarks)
                    return report
                note = provenance(colorizer, options)
                file, threads = open_result(), colorizer.network.threads
                writer = PageWriter(
                    file, report.format, options.quality, strip=options.strip, note=note, threads=threads
                )
            where = f"page {page + 1}: " if pages > 1 else ""
            report.remarks += [where + remark for remark in photo.remarks]
            if photo.rgb is not None:
                report.pages_in_color.append(page + 1)
            rgb = paint_page(photo, colorizer, options, report, first=page == 0) if photo.rgb is None else photo.rgb
            if stop.is_set():
                raise Cancelled
            writer.add(rgb, photo)
            del photo, rgb  # before their memory is given back
        page += 1
    assert writer is not None
    writer.end()
    report.remarks += writer.lost
    report.left_alone = len(report.pages_in_color) == pages
    if report.pages_in_color:
        report.remarks.append(f"in colour already and kept so: page {', '.join(map(str, report.pages_in_color))}")
    return report


def paint_page(
    photo: Photo, colorizer: Colorizer, options: FileOptions, report: FileReport, *, first: bool
) -> NDArray[Any]:
    """A page in colour, (H, W, 3); hints, proposals and confidence are of the first one."""
    look = options.look if first else replace(options.look, hints=())
    if first and options.proposal is not None:
        wanted = options.proposal
        found = colorizer.propose(photo, look, count=wanted.count, seed=wanted.seed)
        if wanted.pick > len(found):
            many = "is only one proposal" if len(found) == 1 else f"are only {len(found)} proposals"
            raise UsageError(f"there {many} for this photo, not {wanted.pick}", remedy="pick a lower number")
        chosen = found[wanted.pick - 1]
        if not options.confidence:
            return colorizer.paint(photo.gray, chosen.ab, look.saturation)
        look = replace(look, hints=chosen.hints)
    prediction = colorizer.predict(photo, look)
    rgb = colorizer.paint(photo.gray, prediction.ab, look.saturation)
    if first and options.confidence:
        report.confidence = confidence_pictures(rgb, prediction.confidence())
    return rgb


def provenance(colorizer: Colorizer, options: FileOptions) -> dict[str, object]:
    """What the result's XMP says of how it was made: the same options and model give the same colours again."""
    made: dict[str, object] = {
        "tool": f"ColorizeGAN {__version__}",
        "model": f"{colorizer.network.card.name} {colorizer.network.digest}",
        "saturation": options.look.saturation,
        "size": options.look.size or colorizer.network.card.working_size,
        "quality": options.quality,
    }
    return made | options.look.facts() | (options.proposal.facts() if options.proposal else {})
