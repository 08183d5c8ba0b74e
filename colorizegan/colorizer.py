"""Colorizer: a photo in, a colour photo out. The main flow of the runtime, read top to bottom in `colorize_gray`."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from PIL import Image

from colorizegan.arrays import array_like, frame_from_array, frame_from_image, frames_of, image_from_rgb
from colorizegan.color.lab import luminance
from colorizegan.color.merge import merge
from colorizegan.errors import UsageError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.network import Network, Prediction
from colorizegan.model.network_input import working_lightness
from colorizegan.model.predictor import Predictor
from colorizegan.photo.photo import Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_pages
from colorizegan.steer.colors import answer
from colorizegan.steer.confidence import confidence_map
from colorizegan.steer.film import Emulsion
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.steer.palette import Palette, palette_of
from colorizegan.steer.proposals import Proposal, propose

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[Any]"

log = logging.getLogger(__name__)


SIZES = (16, 4096)
GRAYEST = 6 / 255  # of the whole range: channels that are no further apart anywhere are gray, and the noise of JPEG
KEPT_INFO = ("dpi", "exif", "xmp")  # of a Pillow image; its ICC profile is a gray one and would be wrong


class Colorizer:
    """A model in memory, ready for many photos. Thread-safe; the same input gives the same bytes.

    Args:
        model: None for the bundled default, the name of a bundled model, or a bundle's folder or zip.
        device: "cpu" or "cuda".
        threads: CPU threads; default as many as this process may use. The result does not depend on it.

    Raises:
        ModelError: the bundle is missing or damaged.
    """

    def __init__(
        self, model: str | PathLike[str] | None = None, *, device: str = "cpu", threads: int | None = None
    ) -> None:
        self.network: Network = Predictor(open_bundle(model), threads=threads, device=device)

    @classmethod
    def of(cls, network: Network) -> Colorizer:
        """A colorizer of a network that is in memory already."""
        colorizer = cls.__new__(cls)
        colorizer.network = network
        return colorizer

    @overload
    def colorize(
        self,
        x: str | PathLike[str] | Image.Image,
        *,
        saturation: float = ...,
        size: int | None = ...,
        temperature: float | None = ...,
        emulsion: Emulsion = ...,
        hints: Sequence[Hint] = ...,
        tone_down_unsure: bool = ...,
        like: Palette | None = ...,
    ) -> Image.Image: ...
    @overload
    def colorize(
        self,
        x: bytes,
        *,
        saturation: float = ...,
        size: int | None = ...,
        temperature: float | None = ...,
        emulsion: Emulsion = ...,
        hints: Sequence[Hint] = ...,
        tone_down_unsure: bool = ...,
        like: Palette | None = ...,
    ) -> bytes: ...
    @overload
    def colorize(
        self,
        x: Pixels | Photo,
        *,
        saturation: float = ...,
        size: int | None = ...,
        temperature: float | None = ...,
        emulsion: Emulsion = ...,
        hints: Sequence[Hint] = ...,
        tone_down_unsure: bool = ...,
        like: Palette | None = ...,
    ) -> Pixels: ...
    @overload
    def colorize(
        self,
        x: list[Any] | tuple[Any, ...],
        *,
        saturation: float = ...,
        size: int | None = ...,
        temperature: float | None = ...,
        emulsion: Emulsion = ...,
        hints: Sequence[Hint] = ...,
        tone_down_unsure: bool = ...,
        like: Palette | None = ...,
    ) -> list[Any]: ...
    def colorize(
        self,
        x: Any,
        *,
        saturation: float = 1.0,
        size: int | None = None,
        temperature: float | None = None,
        emulsion: Emulsion = "auto",
        hints: Sequence[Hint] = (),
        tone_down_unsure: bool = False,
        like: Palette | None = None,
    ) -> Any:
        """Colorize a photo, or a list of photos one after the other; the same kind, size and dtype comes back.

        | x | result |
        |---|---|
        | path | Pillow image, RGB or RGBA, upright; 16 bit rounded to 8, which is all that Pillow holds |
        | bytes of an image file | bytes of the same format, depth and pages, with the photo's metadata |
        | Pillow image, any mode | Pillow image of the same size, RGB or RGBA |
        | numpy array | array of the same dtype; shapes and ranges: see `colorizegan.arrays` |
        | Photo | (H, W, 3) array, uint8 or uint16 like `photo.gray` |
        | list or tuple of these | list of the results |

        Lightness is kept, so colour in the input is replaced by the network's; `Photo.is_color` tells coloured input.

        Args:
            saturation: factor on the chroma, 0 (gray) .. 4; reduced where the colour would leave sRGB.
            size: shorter side of the network's input, 16..4096 px; default the model's own working size.
            temperature: 0.05 (vivid, the likeliest colour) .. 2 (dull, the mean of all that are possible); default as
                the model was tuned.
            emulsion: the film of the photo: "panchromatic", "orthochromatic" (blind to red) or "blue" (plates that see
                little but blue); "auto" leaves it to the network.
            hints: points whose colour is known, in pixels of the upright photo; the colour spreads over what it is on.
            tone_down_unsure: less chroma where the network is unsure.
            like: colours of another photo, from `palette`.

        Raises:
            UsageError: an argument of another kind, shape, dtype or range.
            InputError, DecodeError, TooLargeError: a file or bytes that cannot be read.
        """
        return self.colorize_as(x, Look(saturation, size, temperature, emulsion, tuple(hints), tone_down_unsure, like))

    def colorize_as(self, x: Any, look: Look) -> Any:
        """`colorize` with its options in one object."""
        if isinstance(x, list | tuple):
            return [self.colorize_as(item, look) for item in x]
        if isinstance(x, np.ndarray):
            frames, stack = frames_of(x)
            results = [
                array_like(self.colorize_gray(frame.gray, look), frame, x.dtype)
                for frame in map(frame_from_array, frames)
            ]
            return np.stack(results) if stack else results[0]
        if isinstance(x, Image.Image):
            frame = frame_from_image(x)
            image = image_from_rgb(self.colorize_gray(frame.gray, look), frame.alpha)
            image.info = {key: x.info[key] for key in KEPT_INFO if key in x.info}
            return image
        if isinstance(x, Photo):
            return self.colorize_photo(x, look)
        if isinstance(x, bytes):
            return self.colorize_bytes(x, look)
        photo = read_source(x)
        return image_from_rgb(self.colorize_photo(photo, look), photo.alpha)

    def colorize_bytes(self, x: bytes, look: Look | None = None) -> bytes:
        """Colorize the bytes of an image file: of the same format, of a TIFF with all its pages."""
        first = read_photo(x, page=0)

        def pages() -> Iterator[tuple[Pixels, Photo]]:
            for page in range(first.pages):
                photo = first if page == 0 else read_photo(x, page=page)
                yield self.colorize_photo(photo, look), photo

        file = io.BytesIO()
        for loss in encode_pages(file, pages()):
            log.warning("the photo: %s", loss)
        return file.getvalue()

    def colorize_photo(self, photo: Photo, look: Look | None = None) -> Pixels:
        """Colorize a Photo: rgb (H, W, 3), dtype of `photo.gray`."""
        return self.colorize_gray(photo.gray, look)

    def colorize_gray(self, gray: Pixels, look: Look | None = None) -> Pixels:
        """Colorize sRGB-encoded luminance: gray (H, W) uint8 or uint16 -> rgb (H, W, 3), same dtype."""
        look = look or Look()
        ab, _ = self.colors_of(gray, look)
        return self.with_colors(gray, ab, look.saturation)

    def with_colors(self, gray: Pixels, ab: NDArray[np.float32], saturation: float = 1.0) -> Pixels:
        """The photo `gray` (H, W) with the small colours `ab` (2, h, w): rgb (H, W, 3), same dtype."""
        return merge(gray, ab, saturation=saturation, threads=self.network.threads)

    def colors_of(self, gray: Pixels, look: Look) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The colours of a photo as asked, before saturation, and how sure they are.

        gray: (H, W) uint8 or uint16 -> ab (2, h, w) Lab units; confidence (h', w') 0..1, see `steering.answer`.
        """
        L = self.network_input(gray, look.size)  # (h, w)
        prediction, sure = answer(self.network, L, look, (gray.shape[0], gray.shape[1]))
        return prediction.ab, sure

    def propose(
        self, x: Any, *, count: int = 5, seed: int = 0, hints: Sequence[Hint] = (), size: int | None = None
    ) -> list[Proposal]:
        """Several plausible colourings of one photo, the likeliest first.

        Each proposal is a few hints: `colorize(x, hints=proposal.hints)` gives its picture. Fewer than `count` come
        back where the photo leaves no choice. The same seed gives the same proposals.

        Args:
            x: one photo of any kind that `colorize` takes, no list and no stack.
            count: 1 .. 12.
            seed: of what is drawn.
            hints: known colours, which all proposals keep.
            size: as for `colorize`.
        """
        return self.propose_as(gray_of(x), Look(size=size, hints=tuple(hints)), count=count, seed=seed)

    def propose_as(self, gray: Pixels, look: Look, *, count: int, seed: int) -> list[Proposal]:
        """`propose` for gray (H, W) uint8 or uint16, with its options in one object."""
        L = self.network_input(gray, look.size)
        return propose(self.network, L, look, (gray.shape[0], gray.shape[1]), count=count, seed=seed)

    def confidence(self, x: Any, *, hints: Sequence[Hint] = (), size: int | None = None) -> NDArray[np.uint8]:
        """How sure the network is of the colour of every pixel, (H, W) uint8: 0 any colour, 255 only one.

        Args: as for `propose`. What hints say is sure.
        """
        gray = gray_of(x)
        _, sure = self.colors_of(gray, Look(size=size, hints=tuple(hints)))
        return confidence_map(sure, gray.shape[0], gray.shape[1])

    def palette(self, reference: str | PathLike[str] | Pixels | Image.Image) -> Palette:
        """The colours of a photo, for others to take over (`colorize(x, like=...)`).

        Args:
            reference: a colour photo, or one whose colouring was accepted: path, Pillow image or (H, W, 3) array, uint8
                or uint16.
        """
        name = "array"
        if isinstance(reference, str | PathLike):
            photo = read_photo(reference, colors_too=True)
            name = Path(reference).name
            rgb = photo.rgb if photo.rgb is not None else np.repeat(photo.gray[..., None], 3, axis=2)
        else:
            rgb = np.asarray(reference.convert("RGB") if isinstance(reference, Image.Image) else reference)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype not in (np.uint8, np.uint16) or not rgb.size:
            raise UsageError(f"a reference of shape {rgb.shape} has no colours", remedy="give an RGB picture")
        if int(np.ptp(rgb, axis=2).max()) <= GRAYEST * int(np.iinfo(rgb.dtype).max):
            what = f"the reference {name} has no colours"
            raise UsageError(what, remedy="give a colour photo, or a colouring that you have accepted")
        return palette_of(self.network, rgb, self.network_input(luminance(rgb), None), name)

    def predict(self, x: Any, *, size: int | None = None) -> Prediction:
        """What the network says of one photo: chroma, the distribution over colour bins, confidence.

        Args:
            x: one photo of any kind that `colorize` takes, no list and no stack.
            size: as for `colorize`.
        """
        return self.network.predict(self.network_input(gray_of(x), size))

    def network_input(self, gray: Pixels, size: int | None) -> NDArray[np.float32]:
        """What the network sees of a photo (H, W): L (h, w) float32, 0..100; see `working_lightness`."""
        return working_lightness(gray, self.working_size(size), self.network.card.detail)

    def working_size(self, size: int | None) -> int:
        """Shorter side of the network's input, px: `size` where given and in range, else the model's own."""
        if size is None:
            return self.network.card.working_size
        if not SIZES[0] <= size <= SIZES[1]:
            raise UsageError(f"size is {size}", remedy=f"use {SIZES[0]} to {SIZES[1]}, the shorter side in px")
        return size


def colorize(
    x: Any,
    *,
    model: str | PathLike[str] | None = None,
    device: str = "cpu",
    saturation: float = 1.0,
    size: int | None = None,
    temperature: float | None = None,
    emulsion: Emulsion = "auto",
    hints: Sequence[Hint] = (),
    tone_down_unsure: bool = False,
    proposals: int | None = None,
    seed: int = 0,
) -> Any:
    """Colorize one photo or a list of them: `Colorizer(model, device=device).colorize(x, ...)`.

    Every call loads the model (some 0.2 s). For many photos keep a `Colorizer`, or give a list.

    Args:
        proposals: give a list of up to so many colourings of one photo, the likeliest first; see `Colorizer.propose`.
        seed: of the proposals.
        The others: see `Colorizer`, `Colorizer.colorize`.
    """
    colorizer = Colorizer(model, device=device)
    look = Look(saturation, size, temperature, emulsion, tuple(hints), tone_down_unsure)
    if proposals is None:
        return colorizer.colorize_as(x, look)
    found = colorizer.propose_as(gray_of(x), look, count=proposals, seed=seed)
    return [colorizer.colorize_as(x, replace(look, hints=one.hints)) for one in found]


def gray_of(x: Any) -> Pixels:
    """The brightness of one photo of any kind, (H, W) uint8 or uint16."""
    if isinstance(x, np.ndarray):
        frames, stack = frames_of(x)
        if stack:
            raise UsageError(f"an array of shape {x.shape} is a stack", remedy="give one photo at a time")
        return frame_from_array(frames[0]).gray
    if isinstance(x, Image.Image):
        return frame_from_image(x).gray
    return (x if isinstance(x, Photo) else read_source(x)).gray


def read_source(x: object) -> Photo:
    """Read a path or bytes; UsageError for anything else."""
    if isinstance(x, bytes | str | PathLike):
        return read_photo(x)
    what = f"cannot colorize a {type(x).__name__}"
    raise UsageError(what, remedy="give a path, bytes, a Pillow image, a numpy array, a Photo, or a list of these")
