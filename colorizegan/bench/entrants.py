"""Who takes part in a test: model bundles, folders of results, ONNX files of a stated layout, and the baselines."""

from pathlib import Path
from typing import NamedTuple
from typing import Protocol as Interface
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.gamut import in_gamut_scale
from colorizegan.color.lab import gray_to_lightness, lab_to_rgb
from colorizegan.colorizer import Colorizer
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import DataError, InputError, UsageError, nearest
from colorizegan.model.foreign import ForeignNetwork
from colorizegan.model.network import Prediction
from colorizegan.model.spec import Spec
from colorizegan.steer.look import Look

BASELINES = ("gray", "mean colour", "another photo", "truth")


class Colorization(NamedTuple):
    """An entrant's picture of one photo."""

    rgb: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    prediction: Prediction | None = None
    """What the network said, where the entrant tells."""


class Entrant(Interface):
    """What the bench asks of an entrant. `colorize` is called from several threads."""

    facts: dict[str, str | float | int]
    """Kind, path, digest and options, for the report."""
    live: bool
    """It can colorize any picture, not only those of the test."""

    def colorize(self, key: str, gray: NDArray[np.uint8], *, size: int | None = None) -> Colorization:
        """The entrant's picture of one photo, gray (H, W) uint8 neutral sRGB.

        size: shorter side that the network shall work at, px, where it has a choice; None = as the spec says.
        """
        ...


def number_of(spec: Spec, name: str, default: float | None, low: float, high: float) -> float | None:
    """An option of an entrant as a number within bounds."""
    if name not in spec.options:
        return default
    try:
        value = float(spec.options[name])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(f"{name}={spec.options[name]} of {spec.path} is not a number in {low:g}..{high:g}")
    return value


def allow(spec: Spec, *names: str) -> None:
    """Refuse options other than these."""
    for name in spec.options:
        if name not in names:
            remedy = nearest(name, names, f"known for it: {', '.join(names)}")
            raise UsageError(f"unknown option {name!r} of entrant {spec.path}", remedy=remedy)


def parse_entrants(texts: list[str]) -> dict[str, str]:
    """`NAME=SPEC` or `SPEC` (then named by its file) -> {name: spec}.

    Raises UsageError for a name that is used twice or that is a baseline's.
    """
    entrants: dict[str, str] = {}
    for text in texts:
        name, equals, spec = text.partition("=")
        if not equals or "?" in name or "/" in name:  # the = belongs to an option, or the text is a bare path
            name, spec = Path(text.partition("?")[0]).stem, text
        if not name or not spec:
            raise UsageError(f"entrant {text!r} is not NAME=PATH")
        if name in entrants or name in BASELINES:
            raise UsageError(f"entrant name {name!r} is taken", remedy="give another NAME=PATH")
        entrants[name] = spec
    return entrants


def open_entrant(spec: str, photos: PhotoSet) -> Entrant:
    """The entrant that a spec names.

    A folder or .tar without a card.json holds results named as the inputs (`?suffix=.colorized` where the names carry
    more); everything else is a model as `--model` takes it, with two options more: `saturation`, and `size` for bundles
    too. Raises InputError, UsageError, ModelError, DataError.
    """
    parsed = Spec.parse(spec)
    path = Path(parsed.path)
    if (path.is_dir() and not (path / "card.json").is_file()) or path.suffix.lower() == ".tar":
        return _Results(parsed, photos)
    named = "/" in parsed.path or path.suffix
    if not path.exists() and named and "+" not in parsed.path:
        raise InputError("no such entrant", path=path, remedy="give a bundle, an .onnx file or a folder of results")
    return _Model(parsed)


class _Model:
    """A model through the whole product path: resize, network, merge."""

    live = True

    def __init__(self, spec: Spec) -> None:
        foreign = Path(spec.path).suffix.lower() == ".onnx" and "+" not in spec.path
        if not foreign:
            allow(spec, "saturation", "size")
        self.saturation = number_of(spec, "saturation", 1.0, 0, 4) or 0.0
        size = number_of(spec, "size", None, 16, 4096)
        own = {k: v for k, v in spec.options.items() if foreign and k != "saturation"}
        # One thread each: the bench runs several photos at a time, and digits must not hang on the machine's cores.
        self.colorizer = Colorizer(spec.path + (f"?{urlencode(own)}" if own else ""), threads=1)
        network = self.colorizer.network
        self.size = None if size is None or foreign else int(size)
        self.facts: dict[str, str | float | int] = {
            "kind": "onnx" if isinstance(network, ForeignNetwork) else "bundle",
            "path": spec.path,
            "model": f"{network.card.name} {network.card.version}",
            "sha256": network.digest,
            "saturation": self.saturation,
            "size": self.size or network.card.working_size,
        }

    def colorize(self, key: str, gray: NDArray[np.uint8], *, size: int | None = None) -> Colorization:
        prediction = self.colorizer.predict(gray, Look(size=size or self.size))
        told = prediction if self.colorizer.network.card.has_distribution else None
        return Colorization(self.colorizer.paint(gray, prediction.ab, self.saturation), told)


class _Results:
    """A folder of pictures that some other tool made from the inputs of the protocol."""

    live = False

    def __init__(self, spec: Spec, photos: PhotoSet) -> None:
        allow(spec, "suffix")
        suffix = spec.options.get("suffix", "")
        self.results = PhotoSet(Path(spec.path))
        self.results.select([key + suffix for key in photos.keys], "results")
        self.key = dict(zip(photos.keys, self.results.keys, strict=True))
        self.facts: dict[str, str | float | int] = {
            "kind": "results",
            "path": spec.path,
            "sha256": self.results.digest(),
        }

    def colorize(self, key: str, gray: NDArray[np.uint8], *, size: int | None = None) -> Colorization:
        rgb = np.asarray(self.results.read(self.key[key]), dtype=np.uint8)
        if rgb.shape[:2] != gray.shape:
            sizes = f"{rgb.shape[1]}x{rgb.shape[0]} px, the test photo {gray.shape[1]}x{gray.shape[0]}"
            text = f"result {self.key[key]} is {sizes}"
            raise DataError(text, path=self.results.source, remedy="colorize the pictures that --write-inputs gives")
        return Colorization(rgb)


def colour_with(gray: NDArray[np.uint8], ab: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Give a gray picture these colours, its L kept, chroma reduced where it leaves sRGB.

    gray: (H, W) uint8 neutral sRGB; ab: (H, W, 2) or (2,) Lab units -> (H, W, 3) uint8.
    """
    lightness = gray_to_lightness(gray.astype(np.float32) / 255)
    a = np.broadcast_to(ab[..., 0], lightness.shape).astype(np.float32)
    b = np.broadcast_to(ab[..., 1], lightness.shape).astype(np.float32)
    scale = in_gamut_scale(lightness, a, b)
    rgb = lab_to_rgb(np.stack([lightness, a * scale, b * scale], axis=-1).astype(np.float32))
    return np.rint(rgb * 255).astype(np.uint8)
