"""A photo in memory, and the limits on what becomes one."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from colorizegan.photo.metadata.metadata import Metadata
from colorizegan.photo.scan.scan import Scan


@dataclass(frozen=True)
class Limits:
    """What a photo may ask for before anything is allocated for it."""

    pixels: int = 300_000_000
    """Width times height."""
    bytes: int | None = None
    """Size of the file; None = any."""
    pages: int = 1_000
    """Pages of a TIFF file."""
    frames: int = 10_000
    """Frames of an animation."""
    channels: int = 64
    """Of a pixel: colours, opacity, infrared, spot colours."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo in memory, upright, as the network and the merge need it."""

    gray: NDArray[Any]
    """sRGB-encoded luminance (H, W), uint8 or, of a photo with 16 bits, uint16."""
    alpha: NDArray[Any] | None = None
    """Opacity (H, W) of the same dtype, or None."""
    is_color: bool = False
    """It has colours of its own; sepia and other tones do not count."""
    format: str = "png"
    """What the file was: a name in `colorizegan.photo.formats.FORMATS`."""
    metadata: Metadata = field(default_factory=Metadata)
    """What is carried over to the result."""
    pages: int = 1
    """How many photos a TIFF holds, or frames an animation; this is one of them."""
    scan: Scan | None = None
    """What `look_at` found in it; None where it was not looked at, as after a change of `gray` by you."""
    rgb: NDArray[Any] | None = None
    """Its own colours (H, W, 3), where `read_photo` was asked for them."""
    remarks: tuple[str, ...] = ()
    """What the user should know: damage that was put up with, a tint, a profile that could not be used."""
