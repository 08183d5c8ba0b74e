"""Colorizer: a photo in, a colour photo out; the two levels of the runtime are `predict` and `paint`."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import fields
from operator import length_hint
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.arrays import Pixels, array_like, frames_of, image_from_rgb, photo_from_array, photo_from_image
from colorizegan.color.lab import rgb_to_gray
from colorizegan.color.merge import merge
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.machine import give_back_memory
from colorizegan.model.network import Network, Prediction
from colorizegan.model.spec import open_network
from colorizegan.photo.formats import NEAREST
from colorizegan.photo.photo import Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import PageWriter, pages_written
from colorizegan.progress import with_bar
from colorizegan.steer.colors import steer
from colorizegan.steer.eye import Eye, see
from colorizegan.steer.look import Look
from colorizegan.steer.palette import Palette, palette_of
from colorizegan.steer.proposals import Proposal, propose

ImageSource: TypeAlias = "str | PathLike[str] | BinaryIO | Image.Image"
ModelSpec: TypeAlias = "str | PathLike[str] | None"
T = TypeVar("T")

log = logging.getLogger(__name__)

GRAYEST = 6 / 255  # of the whole range: channels that are no further apart anywhere are gray, and the noise of JPEG
KEPT_INFO = ("dpi", "exif", "xmp")  # of a Pillow image; its ICC profile is a gray one and would be wrong
LARGE = 4_000_000  # pixels from which on what reading and the network took is given back before the result is made
AS_IT_IS = Look()


class Colorizer:
    """A model in memory, ready for many photos. Thread-safe; the same input gives the same bytes.

    Args:
        model: None for the bundled default, a name that `colorizegan models` lists, a bundle's folder or zip, an ONNX
            file of another project, or several joined by + (see `colorizegan.model.spec`); or a network in memory.
        device: "cpu", "cuda", "dml" or "coreml"; a network in memory has its own, and its own threads.
        threads: CPU threads; default as many as this process may use. The result does not depend on it.

    Raises:
        ModelError: the bundle is missing or damaged.
    """

    def __init__(self, model: ModelSpec | Network = None, *, device: str = "cpu", threads: int | None = None) -> None:
        if model is None or isinstance(model, str | PathLike):
            model = open_network(model, threads=threads, device=device)
        self.network: Network = model

    @classmethod
    def from_pretrained(
        cls, model: str, *, revision: str | None = None, device: str = "cpu", threads: int | None = None
    ) -> Colorizer:
        """A colorizer of a model of the Hugging Face Hub, which is fetched the first time; of any other as `Colorizer`.

        Its SHA-256 is noted then and checked ever after, and no connection is made any more. `colorizegan models get`
        shows the licence before it fetches. Needs the extra `hub`.

        Args:
            model: "OWNER/NAME", or "hf:OWNER/NAME[/FILE][@REVISION]"; or what `Colorizer` takes.
            revision: branch, tag or commit; default the main branch at that time.
            device, threads: as for `Colorizer`.

        Raises:
            ModelError: there is no such model, it may not be read, the Hub does not answer, or the files have changed.
            MissingExtraError: huggingface_hub is not installed.
        """
        from colorizegan.model.hub import pretrained

        return cls(pretrained(model, revision), device=device, threads=threads)

    @overload
    def colorize(self, x: ImageSource, look: Look = ...) -> Image.Image: ...
    @overload
    def colorize(self, x: bytes, look: Look = ...) -> bytes: ...
    @overload
    def colorize(self, x: Pixels | Photo, look: Look = ...) -> Pixels: ...
    @overload
    def colorize(self, x: list[Any] | tuple[Any, ...], look: Look = ...) -> list[Any]: ...
    def colorize(self, x: Any, look: Look = AS_IT_IS, **old: object) -> Any:
        """Colorize a photo, or a list of photos one after the other; the same kind, size and dtype comes back.

        | x | result |
        |---|---|
        | path, or a file that is open for reading | Pillow image, RGB or RGBA, upright; 16 bit rounded to 8, which is
        all that Pillow holds |
        | bytes of an image file | bytes of the same format, depth and pages, with the photo's metadata |
        | Pillow image, any mode | Pillow image of the same size, RGB or RGBA |
        | numpy array | array of the same dtype; shapes and ranges: see `colorizegan.arrays` |
        | Photo | (H, W, 3) array, uint8 or uint16 like `photo.gray` |
        | list or tuple of these | list of the results |

        Lightness is kept, so colour in the input is replaced by the network's; `Photo.is_color` tells coloured input.

        Raises:
            UsageError: an argument of another kind, shape, dtype or range.
            InputError, DecodeError, TooLargeError: a file or bytes that cannot be read.
        """
        refuse_old(old)
        if isinstance(x, list | tuple):
            return [self.colorize(item, look) for item in x]
        if isinstance(x, bytes):
            return self._file_in_color(x, look)
        if isinstance(x, np.ndarray):
            frames, stack = frames_of(x)
            photos = map(photo_from_array, frames)
            results = [array_like(self._painted(photo, look), photo.alpha, x.dtype) for photo in photos]
            return np.stack(results) if stack else results[0]
        photo = photo_of(x)
        rgb = self._painted(photo, look)
        if isinstance(x, Photo):
            return rgb
        image = image_from_rgb(rgb, photo.alpha)
        if isinstance(x, Image.Image):
            image.info = {key: x.info[key] for key in KEPT_INFO if key in x.info}
        return image

    def predict(self, x: Any, look: Look = AS_IT_IS, *, eye: Eye | None = None, **old: object) -> Prediction:
        """What the network says of one photo: small colours as asked, but for the saturation, and how sure they are.

        Args:
            x: one photo of any kind that `colorize` takes, no list and no stack.
            look: what is asked.
            eye: what the network sees of it; default the photo inside of a border or mount, with its tones stretched
                where it is faded. `Eye.open_wide(shape)` is the whole as it is.
        """
        refuse_old(old)
        photo = photo_of(x)
        eye = eye or see(photo.gray, look.points, photo.scan)
        return eye.whole(steer(self.network, self._lightness(photo.gray, look, eye), eye.inside(look), eye.photo))

    def propose(self, x: Any, look: Look = AS_IT_IS, *, count: int = 5, seed: int = 0, **old: object) -> list[Proposal]:
        """Several plausible colourings of one photo, the likeliest first.

        Each proposal is a few hints: `colorize(x, Look(hints=proposal.hints))` gives its picture. Fewer than `count`
        come back where the photo leaves no choice. The same seed gives the same proposals.

        Args:
            x: one photo of any kind that `colorize` takes, no list and no stack.
            look: what is asked of all of them; its hints are kept.
            count: 1 .. 12.
            seed: of what is drawn.
        """
        refuse_old(old)
        photo = photo_of(x)
        eye = see(photo.gray, look.points, photo.scan)
        if eye.text:  # neutral, which leaves no choice
            self.network.card.need_distribution("propose several colourings")
            return [Proposal((), 0.0, self.predict(photo, look, eye=eye).ab)]
        L = self._lightness(photo.gray, look, eye)
        found = propose(self.network, L, eye.inside(look), eye.photo, count=count, seed=seed)
        return [eye.whole_proposal(one) for one in found]

    def palette(self, reference: ImageSource | Pixels) -> Palette:
        """The colours of a photo, for others to take over (`Look(like=...)`).

        Args:
            reference: a colour photo, or one whose colouring was accepted: path, open file, Pillow image or (H, W, 3)
                array, uint8 or uint16.
        """
        name = "array"
        if isinstance(reference, Image.Image | np.ndarray):
            rgb = np.asarray(reference.convert("RGB") if isinstance(reference, Image.Image) else reference)
        else:
            photo = read_source(reference, colors_too=True)
            name = Path(reference).name if isinstance(reference, str | PathLike) else "file"
            rgb = photo.rgb if photo.rgb is not None else np.repeat(photo.gray[..., None], 3, axis=2)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype not in (np.uint8, np.uint16) or not rgb.size:
            raise UsageError(f"a reference of shape {rgb.shape} has no colours", remedy="give an RGB picture")
        if int(np.ptp(rgb, axis=2).max()) <= GRAYEST * int(np.iinfo(rgb.dtype).max):
            what = f"the reference {name} has no colours"
            raise UsageError(what, remedy="give a colour photo, or a colouring that you have accepted")
        gray = rgb_to_gray(rgb)
        eye = see(gray)
        return palette_of(self.network, eye.seen.of(rgb), self._lightness(gray, AS_IT_IS, eye), name)

    def paint(self, gray: Pixels, ab: NDArray[np.float32], saturation: float = 1.0) -> Pixels:
        """The photo `gray` (H, W) with the small colours `ab` (2, h, w): rgb (H, W, 3), same dtype."""
        if gray.size >= LARGE:
            give_back_memory()
        return merge(gray, ab, saturation=saturation, threads=self.network.threads)

    def _lightness(self, gray: Pixels, look: Look, eye: Eye) -> NDArray[np.float32]:
        """What the network sees of a photo (H, W): L (h, w) float32, 0..100."""
        card = self.network.card
        return eye.lightness(gray, look.size or card.working_size, card.detail)

    def _painted(self, photo: Photo, look: Look) -> Pixels:
        return self.paint(photo.gray, self.predict(photo, look).ab, look.saturation)

    def _file_in_color(self, x: bytes, look: Look) -> bytes:
        """The bytes of an image file of the same format, with all its pages.

        `colorize_file` is the way of photos on the disk, which are many: in processes apart, with a memory of its own,
        noted in the result.
        """
        photo, file = read_photo(x, page=0), io.BytesIO()
        writer = PageWriter(file, NEAREST.get(photo.format, photo.format), threads=self.network.threads)
        for page in range(pages_written(photo, writer.format)):
            photo = read_photo(x, page=page) if page else photo
            writer.add(self._painted(photo, look), photo)
        for loss in writer.lost:
            log.warning("the photo: %s", loss)
        return file.getvalue()


@overload
def colorize(x: ImageSource, look: Look = ..., *, model: ModelSpec = ..., device: str = ...) -> Image.Image: ...
@overload
def colorize(x: bytes, look: Look = ..., *, model: ModelSpec = ..., device: str = ...) -> bytes: ...
@overload
def colorize(x: Pixels | Photo, look: Look = ..., *, model: ModelSpec = ..., device: str = ...) -> Pixels: ...
@overload
def colorize(
    x: list[Any] | tuple[Any, ...], look: Look = ..., *, model: ModelSpec = ..., device: str = ...
) -> list[Any]: ...
def colorize(x: Any, look: Look = AS_IT_IS, *, model: ModelSpec = None, device: str = "cpu", **old: object) -> Any:
    """Colorize one photo or a list of them: `Colorizer(model, device=device).colorize(x, look)`.

    Every call loads the model (some 0.2 s). For many photos keep a `Colorizer`, or give a list.
    """
    refuse_old(old)
    return Colorizer(model, device=device).colorize(x, look)


def colorize_many(
    photos: Iterable[T], look: Look = AS_IT_IS, *, model: ModelSpec = None, device: str = "cpu", progress: bool = False
) -> Iterator[tuple[T, Any]]:
    """Colorize photos one by one as they are asked for: (photo, result), or (photo, the error) of one that fails.

    `photos` may be of any kinds that `Colorizer.colorize` takes. `progress` shows a bar with rate and time left, where
    standard error is a terminal.
    """
    colorizer = Colorizer(model, device=device)
    for x in with_bar(photos, "", length_hint(photos) or None, shown=progress):
        try:
            result = colorizer.colorize(cast(Any, x), look)
        except ColorizeGANError as error:
            result = error
        yield x, result


def refuse_old(old: dict[str, object]) -> None:
    """UsageError that says what to write for what was a keyword until version 0.1.0; TypeError for any other."""
    wishes = [field.name for field in fields(Look)]
    for name in old:
        if name in wishes:
            raise UsageError(f"{name}= belongs to Look now", remedy=f"write Look({name}=...) after the photo")
        if name in ("proposals", "seed"):
            remedy = "write Colorizer().propose(x, count=..., seed=...)"
            raise UsageError(f"{name}= belongs to Colorizer.propose now", remedy=remedy)
        raise TypeError(f"got an unexpected keyword argument {name!r}")


def photo_of(x: Any) -> Photo:
    """One photo of any kind."""
    if isinstance(x, np.ndarray):
        frames, stack = frames_of(x)
        if stack:
            raise UsageError(f"an array of shape {x.shape} is a stack", remedy="give one photo at a time")
        return photo_from_array(frames[0])
    if isinstance(x, Image.Image):
        return photo_from_image(x)
    return x if isinstance(x, Photo) else read_source(x)


def read_source(x: Any, *, colors_too: bool = False) -> Photo:
    """Read a path, a file that is open for reading, or bytes; UsageError for anything else."""
    if not isinstance(x, bytes | str | PathLike):
        x = x.read() if hasattr(x, "read") else x
        if not isinstance(x, bytes):
            what = f"cannot colorize a {type(x).__name__}"
            kinds = "a path, an open binary file, bytes, a Pillow image, a numpy array, a Photo, or a list of these"
            raise UsageError(what, remedy=f"give {kinds}")
    return read_photo(x, colors_too=colors_too)
