"""One photo file to its colour version, with all its pages: read in a process of its own, colorized, encoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from colorizegan import __version__
from colorizegan.colorizer import Colorizer
from colorizegan.errors import InputError, UsageError
from colorizegan.photo.formats import NEAREST
from colorizegan.photo.photo import Photo
from colorizegan.photo.reader import Reads
from colorizegan.photo.write import encode_pages
from colorizegan.steer.confidence import confidence_pictures
from colorizegan.steer.hints import hints_path, read_hints
from colorizegan.steer.look import Look
from colorizegan.steer.proposals import Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Draw:
    """Which of the proposals is wanted."""

    count: int
    seed: int
    pick: int
    """From 1 on, the likeliest first."""

    def facts(self) -> dict[str, object]:
        """For provenance and ledger."""
        return {"proposals": self.count, "seed": self.seed, "pick": self.pick}


@dataclass(frozen=True)
class Settings:
    """How photos are colorized and written."""

    look: Look = field(default_factory=Look)
    """What is asked of the colours."""
    format: str | None = None
    """Format written; None = that of the target's name, else the source's."""
    quality: int = 95
    """Of JPEG and WebP, 1 .. 100."""
    overwrite: bool = False
    """Write results anew that exist."""
    force: bool = False
    """Colorize photos too that are in colour already."""
    allow_truncated: bool = False
    """Colorize what can be read of a file that ends too early."""
    strip: bool = False
    """Leave private metadata out."""

    kept_hints: bool = True
    """Take the hints that are kept beside a photo (photo.jpg.hints.json) where none are given."""
    proposal: Draw | None = None
    """Colorize with one of several proposals."""
    confidence: bool = False
    """Also make pictures of how sure the colours are."""

    def shaping(self) -> dict[str, object]:
        """The settings that the bytes of a result follow from; its format is that of its name."""
        shaping: dict[str, object] = {"saturation": self.look.saturation, "size": self.look.size}
        shaping |= {"quality": self.quality, "strip": self.strip} | self.look.facts()
        return shaping | (self.proposal.facts() if self.proposal else {})

    def of(self, source: Path | bytes) -> Settings:
        """The settings of one photo, with its hints. InputError where the file of its hints is damaged."""
        if self.look.hints or not self.kept_hints or isinstance(source, bytes):
            return self
        path = hints_path(source)
        if not os.path.lexists(path):  # also of a photo whose name is too long for one of hints
            return self
        if path.is_symlink():
            raise InputError("is a link, which is not followed", path=path, remedy="put the file itself there")
        return replace(self, look=replace(self.look, hints=read_hints(path)))


@dataclass
class OnePhoto:
    """A photo on its way: `open()`, then, unless it is left alone, `write(file)`."""

    source: Path | bytes
    colorizer: Colorizer
    reader: Reads
    settings: Settings
    format: str | None = None
    """Format to write; None = that of the photo."""
    admit: Callable[[int], None] | None = None
    """Called with the pixels of each page before they are allocated."""
    leave: Callable[[], None] = lambda: None
    """Called when a page is written and its memory is free again."""
    shape: tuple[int, int] = (0, 0)
    """Height and width of the first page, once it is open."""
    turned: int = 1
    """EXIF orientation that the first page was stored with, once it is open."""
    remarks: list[str] = field(default_factory=list[str])
    """What the user should know of it, as clauses."""
    many: bool = False
    """It is a TIFF of several pages, and all are written."""
    count: int = 1
    """Pages that are written."""
    first: Photo | None = None
    doubt: tuple[NDArray[Any], ...] = ()
    """If asked for, how sure the colours of the first page are, once it is written: see `confidence_pictures`."""
    kept: list[int] = field(default_factory=list[int])
    """Pages in colour, from 1 on, which stay as they are among others."""

    def open(self) -> bool:
        """Read the first page; False where the photo is in colour and is to be left alone."""
        photo = self.first = self.reader.read(self.source, admit=self.admit)
        self.shape = photo.gray.shape[0], photo.gray.shape[1]
        self.turned = photo.metadata.turned
        self.format = self.format or NEAREST.get(photo.format, photo.format)
        self.many = photo.format == self.format == "tiff" and photo.pages > 1
        self.count = photo.pages if self.many else 1
        return self.many or not photo.is_color or self.settings.force

    def write(self, file: BinaryIO) -> bool:
        """Colorize and encode it; False where all of several pages were in colour, so that the file is of no use.

        Args:
            file: empty, open for reading and writing.
        """
        lost = encode_pages(
            file,
            self.pages(),
            format=self.format,
            quality=self.settings.quality,
            strip=self.settings.strip,
            note=provenance(self.colorizer, self.settings),
        )
        self.remarks += lost
        if self.kept:
            self.remarks.append(f"in colour already and kept so: page {', '.join(map(str, self.kept))}")
        return not self.many or len(self.kept) < self.count

    def pages(self) -> Iterator[tuple[NDArray[Any], Photo]]:
        """(rgb, original) of each page to write."""
        photo, self.first = self.first, None  # nothing here may hold on to pixels longer than they are needed
        assert photo is not None, "open() comes first"
        for page in range(self.count):
            if photo is None:
                photo = self.reader.read(self.source, page=page, admit=self.admit)
            where = f"page {page + 1}: " if self.many else ""
            self.remarks += [where + remark for remark in photo.remarks]
            if photo.is_color and not self.settings.force:
                photo = self.reader.read(self.source, page=page, colors_too=True, admit=self.admit)
                assert photo.rgb is not None
                self.kept.append(page + 1)
                yield photo.rgb, photo
            else:
                rgb = self.painted(photo, page)
                yield rgb, photo
                del rgb
            photo = None
            self.leave()

    def painted(self, photo: Photo, page: int) -> NDArray[Any]:
        """A page in colour, (H, W, 3); hints, proposals and confidence are of the first one."""
        look, colorizer = self.settings.look, self.colorizer
        if page:
            look = replace(look, hints=())
        elif self.settings.proposal is not None:
            chosen = self.chosen(photo, self.settings.proposal)
            if not self.settings.confidence:
                return colorizer.paint(photo.gray, chosen.ab, look.saturation)
            look = replace(look, hints=chosen.hints)
        prediction = colorizer.colors(photo.gray, look)
        rgb = colorizer.paint(photo.gray, prediction.ab, look.saturation)
        if self.settings.confidence and not page:
            self.doubt = confidence_pictures(rgb, prediction.confidence())
        return rgb

    def chosen(self, photo: Photo, draw: Draw) -> Proposal:
        """The wanted proposal."""
        found = self.colorizer.propose(photo, self.settings.look, count=draw.count, seed=draw.seed)
        if draw.pick > len(found):
            many = "is only one proposal" if len(found) == 1 else f"are only {len(found)} proposals"
            raise UsageError(f"there {many} for this photo, not {draw.pick}", remedy="pick a lower number")
        return found[draw.pick - 1]


def provenance(colorizer: Colorizer, settings: Settings) -> dict[str, object]:
    """What the result's XMP says of how it was made: the same settings and model give the same colours again."""
    made: dict[str, object] = {
        "tool": f"ColorizeGAN {__version__}",
        "model": f"{colorizer.network.card.name} {colorizer.network.digest}",
        "saturation": settings.look.saturation,
        "size": settings.look.size or colorizer.network.card.working_size,
    }
    return made | settings.look.facts() | (settings.proposal.facts() if settings.proposal else {})
