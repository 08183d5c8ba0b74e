"""Limits of the HTTP service."""

from dataclasses import dataclass

from colorizegan.photo.photo import Limits


@dataclass(frozen=True)
class FilmLimits:
    """What clients may ask for where the service takes films."""

    bytes: int = 500_000_000
    """Size of a film's file; that of its result is at most four times as much."""
    pixels: int = 9_000_000
    """Width times height of a frame."""
    frames: int = 30_000
    """Of a film: 20 minutes of 25 frames a second."""
    films: int = 4
    """On the disk at a time, one for each address that asks; one of them is worked on."""
    upload: float = 1_800
    """Seconds for a film to arrive."""
    pause: float = 10
    """Seconds without a byte after which it is given up that a film arrives."""
    silence: float = 120
    """Seconds without a frame after which the work on a film is given up."""
    forgotten: float = 600
    """Seconds after which a film that nobody asks for any more is deleted."""


@dataclass(frozen=True)
class ServiceLimits:
    """What clients of the service may ask for, one by one and all together."""

    pixels: int = 50_000_000
    """Width times height of a photo."""
    bytes: int = 50_000_000
    """Size of a photo's file."""
    pages: int = 1
    """Pages of a TIFF file."""
    frames: int = 1
    """Frames of an animation."""
    queue: int = 32
    """Requests that wait for their turn."""
    decoders: int = 2
    """Decoder processes; the network is run by one more thread."""
    batch: int = 4
    """Photos of one size that the network takes at once, and photos under way at once."""
    seconds: float = 60
    """Time for a request to arrive, and then for its answer."""
    silence: float = 10
    """Seconds in which a client that is to send or to read something does neither."""
    size: int = 512
    """Shorter side of the network's input, px."""
    parts: int = 16
    """Parts of a form."""
    options: int = 262_144
    """Bytes of the options of a request."""
    hints: int = 500
    """Coloured points of a request."""
    proposals: int = 8
    """Proposals of a request."""
    spool: int = 2_000_000_000
    """Bytes of all uploads that lie on the disk at a time."""
    connections: int = 1_000
    """Open connections."""

    @property
    def photo(self) -> Limits:
        """What one photo may ask for."""
        return Limits(self.pixels, self.bytes, self.pages, self.frames)
