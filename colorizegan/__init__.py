"""ColorizeGAN: colour for black-and-white photographs.

    import colorizegan
    colorizegan.colorize("photo.jpg").save("photo.colorized.jpg")

Importing the package is cheap: everything heavy is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorizegan.colorizer import Colorizer, colorize, colorize_many
    from colorizegan.errors import (
        ColorizeGANError,
        DecodeError,
        InputError,
        ModelError,
        OutputError,
        TooLargeError,
        UsageError,
    )
    from colorizegan.model.network import Prediction
    from colorizegan.photo.photo import Photo
    from colorizegan.photo.read import read_photo
    from colorizegan.photo.write import write_photo
    from colorizegan.steer.hints import Hint
    from colorizegan.steer.look import Look
    from colorizegan.steer.palette import Palette
    from colorizegan.steer.proposals import Proposal
    from colorizegan.video.colorize_video import colorize_video

__version__ = "0.5.0"

__all__ = [
    "ColorizeGANError",
    "Colorizer",
    "DecodeError",
    "Hint",
    "InputError",
    "Look",
    "ModelError",
    "OutputError",
    "Palette",
    "Photo",
    "Prediction",
    "Proposal",
    "TooLargeError",
    "UsageError",
    "__version__",
    "colorize",
    "colorize_many",
    "colorize_video",
    "read_photo",
    "write_photo",
]

HOMES = {
    "Colorizer": "colorizer",
    "Hint": "steer.hints",
    "Look": "steer.look",
    "Palette": "steer.palette",
    "Photo": "photo.photo",
    "Prediction": "model.network",
    "Proposal": "steer.proposals",
    "colorize": "colorizer",
    "colorize_many": "colorizer",
    "colorize_video": "video.colorize_video",
    "read_photo": "photo.read",
    "write_photo": "photo.write",
}  # of the others: errors


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'colorizegan' has no attribute {name!r}")
    value: object = getattr(import_module(f"colorizegan.{HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
