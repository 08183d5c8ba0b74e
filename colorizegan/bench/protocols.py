"""Named test protocols: which photos, cut how, turned gray how. A figure is worth nothing without its protocol.

Those of the literature are here; benchmarks/protocols/ has those of this project's own photos, a file each, and anybody
can write another.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import lightness_to_gray
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import ConfigError, DataError, UsageError, nearest

Fit = Literal["cover", "crop", "squash", "none"]
Filter = Literal["lanczos", "bicubic", "bilinear"]


@dataclass(frozen=True)
class Protocol:
    """One protocol. `text` says it in words for the report."""

    name: str
    data: str
    """The photos, in words."""
    count: int | None
    """How many photos, from the start of the list by file name; None = all that are there."""
    total: int | None = None
    """How many photos the whole set must hold; None = not checked."""
    fit: Fit = "cover"
    """cover: shorter side scaled to `size`, then the centre cut; crop: the centre square cut, then scaled;
    squash: scaled to a square, aspect lost; none: full size."""
    size: int = 256
    filter: Filter = "lanczos"
    archive: str | None = None
    """Name of the tar to look for where --data is the folder that holds it."""
    needs_list: bool = False
    """The selection is a published list that the user must give."""
    source: str = ""
    """Where the literature uses it, and how sure that is."""
    regions: Path | None = None
    """Table of marked regions, for the semantic checks."""
    mean_ab: tuple[float, float] | None = None
    """Colour of the baseline `mean colour`, Lab units; None = mean of the test set."""

    @property
    def text(self) -> str:
        how = {
            "cover": f"shorter side scaled to {self.size} px ({self.filter}, Pillow), centre {self.size}x{self.size}",
            "crop": f"centre square scaled to {self.size}x{self.size} ({self.filter}, Pillow)",
            "squash": f"squashed to {self.size}x{self.size} ({self.filter}, Pillow), aspect not kept",
            "none": "full size",
        }[self.fit]
        return f"{self.data}; {how}; gray = L of CIE Lab (D65) as 8-bit neutral sRGB"


_IMAGENET = "ImageNet (ILSVRC 2012) validation"
_FIRST = f"the first 5,000 photos of {_IMAGENET} by name"
_PROTOCOLS = [
    # name, photos, count, total, fit; filter, source
    Protocol("folder-256", "all photos of the folder or tar given", None),
    Protocol("folder-full", "all photos of the folder or tar given", None, fit="none"),
    Protocol(
        "imagenet-val5k-256-crop", _FIRST, 5000, None, "crop", filter="bilinear",
        source="CT2 and DDColor for val5k: centre crop, then resize (DDColor issue 9); filter of torchvision's Resize",
    ),
    Protocol(
        "imagenet-val5k-256-squash", _FIRST, 5000, None, "squash", filter="bilinear",
        source="val5k cut as DDColor's val50k; the filter is not published, bilinear is our choice",
    ),
    Protocol(
        "imagenet-val50k-256-squash", f"all 50,000 photos of {_IMAGENET}", 50000, 50000, "squash", filter="bilinear",
        source="ColorFormer and DDColor for val50k (DDColor issue 9); the filter is not published",
    ),
    Protocol(
        "ctest10k-256-squash", f"the 10,000 photos of {_IMAGENET} that ctest10k lists", 10000, None, "squash",
        filter="bilinear", needs_list=True,
        source="split of Larsson 2016, used by Zhang 2016 and many since; resize filters differ or are not stated",
    ),
    Protocol(
        "coco-val5k-256-squash", "the 5,000 photos of MS COCO val2017", 5000, 5000, "squash", filter="bilinear",
        source="ColorFormer and DDColor for COCO-Stuff; the filter is not published",
    ),
]  # fmt: skip
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _PROTOCOLS}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name, or the one in that .json file. Raises UsageError that lists the known ones."""
    if name.endswith(".json"):
        return read_protocol(Path(name))
    if name not in PROTOCOLS:
        remedy = nearest(name, PROTOCOLS, f"give a .json file of one, or {', '.join(PROTOCOLS)}")
        raise UsageError(f"unknown protocol {name!r}", remedy=remedy)
    return PROTOCOLS[name]


def read_protocol(path: Path) -> Protocol:
    """A protocol that is written down as JSON: an object with fields of `Protocol`, of which only `data` must be there.

    Its name is the file's; `regions` is a path from the file's folder. Raises ConfigError that names the wrong field.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"the protocol cannot be read ({error})", path=path) from None
    if not isinstance(entries, dict) or not isinstance(entries.get("data"), str):
        remedy = 'write an object with "data": the photos, in words'
        raise ConfigError("is no protocol", path=path, remedy=remedy)
    for name, value in entries.items():
        if name not in _FIELDS:
            raise ConfigError(f"unknown field {name!r}", path=path, remedy=f"known: {', '.join(_FIELDS)}")
        if not _FIELDS[name][1](value):
            raise ConfigError(f"{name} is {json.dumps(value)}", path=path, remedy=f"give {_FIELDS[name][0]}")
    if "regions" in entries:
        entries["regions"] = path.parent / entries["regions"]
    if "mean_ab" in entries:
        entries["mean_ab"] = tuple(entries["mean_ab"])
    return Protocol(path.stem, **{"count": None, **entries})


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # of a file: what is wanted, and whether a value is that
    "data": ("the photos, in words", _is_text),
    "count": ("a number of photos", _is_count),
    "total": ("a number of photos", _is_count),
    "fit": (" or ".join(get_args(Fit)), lambda value: value in get_args(Fit)),
    "size": ("a side in px, 16 or more", lambda value: _is_count(value) and value >= 16),
    "filter": (" or ".join(get_args(Filter)), lambda value: value in get_args(Filter)),
    "archive": ("the name of a tar", _is_text),
    "needs_list": ("true or false", lambda value: isinstance(value, bool)),
    "source": ("a sentence", _is_text),
    "regions": ("the path of a table, from the folder of this file", _is_text),
    "mean_ab": (
        "[a, b] in Lab units",
        lambda value: (
            isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) and abs(v) < 128 for v in value)
        ),
    ),
}


def open_photos(
    protocol: Protocol, data: Path | str, *, names: Path | None = None, count: int | None = None
) -> PhotoSet:
    """The photos of a protocol, from a folder, a tar, or the folder that holds the protocol's tar.

    names: a text file with one photo name a line, where the protocol needs a list. count: only the first so many (the
    report then says so). Raises DataError where photos are missing, UsageError for a missing list or a bad count.
    """
    source = Path(data)
    if protocol.archive and (source / protocol.archive).is_file():
        source = source / protocol.archive
    photos = PhotoSet(source)
    if protocol.total is not None and len(photos.keys) != protocol.total:
        text = f"{protocol.name} is made of {protocol.total} photos, {len(photos.keys)} are here"
        raise DataError(text, path=source, remedy="give the complete set, or use folder-256")
    if names is not None:
        photos.select(_read_names(names))
    elif protocol.needs_list:
        remedy = "give it with --list FILE, one name a line"
        raise UsageError(f"{protocol.name} needs its list of photos", remedy=remedy)
    wanted = protocol.count or len(photos.keys)
    if len(photos.keys) < wanted:
        raise DataError(f"{protocol.name} needs {wanted} photos, {len(photos.keys)} are here", path=source)
    if count is not None:
        if not 1 <= count <= wanted:
            raise UsageError(f"--count {count} is out of range", remedy=f"give 1 to {wanted}")
        wanted = count
    photos.keys = photos.keys[:wanted]
    return photos


def _read_names(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list of photos cannot be read ({error})", path=path) from None
    names = [line.rsplit(".", 1)[0] if "." in line.rsplit("/", 1)[-1] else line for line in lines if line]
    if not names:
        raise DataError("the list of photos is empty", path=path)
    return names


def prepare(image: Image.Image, protocol: Protocol) -> NDArray[np.uint8]:
    """The truth of a photo under a protocol: RGB picture -> (H, W, 3) uint8."""
    size, method = protocol.size, Image.Resampling[protocol.filter.upper()]
    width, height = image.size
    if protocol.fit == "cover":
        scale = size / min(width, height)
        width, height = max(size, round(width * scale)), max(size, round(height * scale))
        image = image.resize((width, height), method)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    elif protocol.fit == "crop":
        side = min(width, height)
        left, top = round((width - side) / 2), round((height - side) / 2)
        image = image.crop((left, top, left + side, top + side)).resize((size, size), method)
    elif protocol.fit == "squash":
        image = image.resize((size, size), method)
    return np.asarray(image, dtype=np.uint8)


def gray_of(lab: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The black-and-white picture of the same L: (H, W, 3) float32 Lab -> (H, W) uint8 neutral sRGB."""
    return np.rint(lightness_to_gray(lab[..., 0]) * 255).astype(np.uint8)
