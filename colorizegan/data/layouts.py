"""Photos as data sets lay them out on disk -> one list: folder trees, ImageNet, Places365, COCO, lists, tar shards.

A source is written `[LAYOUT:]PATH[@WEIGHT]`: `imagenet:/data/ilsvrc`, `album@0.5`, `coco:/data/coco@2`.
"""

import re
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from colorizegan.data.folders import is_library, is_system
from colorizegan.data.name_list import split_list
from colorizegan.data.remote import fetch_shard, is_remote
from colorizegan.errors import DataError

SUFFIXES = frozenset((".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))


@dataclass(frozen=True)
class PhotoFile:
    """One encoded photo: a file, or a stretch of a tar file."""

    key: str
    path: str
    offset: int
    size: int
    """Bytes; 0 for a listed photo that is not there."""
    share: float = 1.0
    """Share of epochs in which the photos of its source are seen, 0..1: its weight over the largest weight."""


Layout = Callable[[Path], list[PhotoFile]]


def list_photos(sources: tuple[str, ...], downloads: Path | None = None) -> list[PhotoFile]:
    """All photos of the sources, each source's sorted by key.

    Args:
        sources: `[LAYOUT:]PATH[@WEIGHT]` each. Without a layout PATH is a folder tree, a .tar shard, or a URL or
            `pipe:` of one. `{000..999}` in the name of a shard stands for all numbers between.
        downloads: folder for shards that are read from a URL or a pipe; they are read once.

    Raises:
        DataError: a source is missing or not laid out as said, or there is no photo in it.
    """
    if not sources:
        raise DataError("no training photos were given", remedy="name folders or shards with --data")
    parsed = [split_source(source) for source in sources]
    largest = max(weight for _, _, weight in parsed)
    photos: list[PhotoFile] = []
    for layout, path, weight in parsed:
        found = _remote(path, downloads) if is_remote(path) else LAYOUTS[layout or _guess(Path(path))](Path(path))
        if not found:
            raise DataError("holds no photos", path=path, remedy=f"known endings: {', '.join(sorted(SUFFIXES))}")
        photos += [replace(photo, share=weight / largest) for photo in found] if weight != largest else found
    return photos


def split_source(source: str) -> tuple[str, str, float]:
    """`[LAYOUT:]PATH[@WEIGHT]` -> layout ("" where none is named), path, weight (1 where none is given)."""
    path, at, number = source.rpartition("@")
    if not at or not re.fullmatch(r"\d+(\.\d+)?|\.\d+", number):
        path, number = source, "1"
    if float(number) <= 0:
        raise DataError(f"the weight of {source!r} is 0", remedy="leave the source out")
    layout, colon, rest = path.partition(":")
    if colon and layout in LAYOUTS:
        path = rest
    else:
        layout = ""
    return layout, path, float(number)


def _guess(path: Path) -> str:
    """The layout of a source that names none."""
    if path.is_dir():
        return "folder"
    if path.suffix == ".tar":
        return "shards"
    if path.exists():
        remedy = "write list:PATH for a list of photos"
        raise DataError("is neither a folder nor a .tar shard", path=path, remedy=remedy)
    known = ", ".join(LAYOUTS)
    raise DataError("no such folder or shard", path=path, remedy=f"check --data; layouts are {known}")


# --- one function a layout: its root folder -> its photos ---


def _tree(folder: Path) -> list[PhotoFile]:
    """Every photo under a folder, at any depth, but hidden ones and what systems and other programs keep."""
    if not folder.is_dir():
        raise DataError("no such folder", path=folder, remedy="check --data")
    files = (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    files = (file for file in files if not any(is_system(f) or is_library(f) for f in file.relative_to(folder).parts))
    photos = (PhotoFile(file.relative_to(folder).as_posix(), str(file), 0, file.stat().st_size) for file in files)
    return sorted(photos, key=lambda photo: photo.path)


def _imagenet(root: Path) -> list[PhotoFile]:
    """ILSVRC: train/<wnid>/*.JPEG, also below ILSVRC/Data/CLS-LOC as Kaggle packs it, or the class folders alone."""
    folder = _first(root, ("train", "ILSVRC/Data/CLS-LOC/train", "Data/CLS-LOC/train"))
    if folder is None and any(re.fullmatch(r"n\d{8}", child.name) for child in _children(root)):
        folder = root
    if folder is None:
        raise _not_laid_out(root, "train/<wnid>/*.JPEG")
    return _tree(folder)


_PLACES_TRAIN = tuple(f"data_{size}{kind}" for size in ("large", "256") for kind in ("", "_standard", "_challenge"))


def _places365(root: Path) -> list[PhotoFile]:
    """Places365, standard or challenge, large images before small ones; only what the official list names, if it is
    there. The "easy format" has train/ instead."""
    folder = _first(root, (*_PLACES_TRAIN, "train", "places365_standard/train"))
    if folder is None:
        raise _not_laid_out(root, "data_256/a/abbey/*.jpg or data_large/a/abbey/*.jpg")
    variant = folder.name.rpartition("_")[2] if folder.name.endswith(("standard", "challenge")) else "*"
    lists = sorted([*root.glob(f"places365_train_{variant}.txt"), *root.glob(f"*/places365_train_{variant}.txt")])
    if len(lists) != 1:  # none, or two that contradict each other
        return _tree(folder)
    return _listed(lists[0], folder)


def _one_of(wanted: str, *folders: str) -> Layout:
    """The layout of a tree that may stand under several names; `wanted`: what is missing where there is none."""

    def photos(root: Path) -> list[PhotoFile]:
        folder = _first(root, folders)
        if folder is None:
            raise _not_laid_out(root, wanted)
        return _tree(folder)

    return photos


def _shards(path: Path) -> list[PhotoFile]:
    """Uncompressed tar files, `{000..123}` in the name expanded; or a folder of them."""
    if path.is_dir():
        paths = sorted(path.glob("*.tar"))
        if not paths:
            raise DataError("holds no .tar shards", path=path, remedy="check --data")
    else:
        paths = [Path(name) for name in expand(str(path))]
    return [photo for shard in paths for photo in _list_tar(shard)]


LAYOUTS: dict[str, Layout] = {
    "folder": _tree,
    "imagenet": _imagenet,
    # Photos of validation as they come, or sorted into class folders.
    "imagenet-val": _one_of("val/*.JPEG or val/<wnid>/*.JPEG", "val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val"),
    "places365": _places365,
    "places365-val": _one_of(
        "val_256/*.jpg or val_large/*.jpg", "val_large", "val_256", "val", "places365_standard/val"
    ),
    # MS COCO, or the older years; annotations are not needed.
    "coco": _one_of("train2017/*.jpg", "train2017", "images/train2017", "train2014", "images/train2014"),
    "coco-val": _one_of("val2017/*.jpg", "val2017", "images/val2017", "val2014", "images/val2014"),
    "list": lambda path: _listed(path, path.parent),  # one path a line, absolute or from the folder of the list
    "shards": _shards,
}


# --- what they share ---


def expand(name: str) -> list[str]:
    """`x-{000..002}.tar` -> x-000.tar, x-001.tar, x-002.tar; a name without braces is itself."""
    found = re.search(r"\{(\d+)\.\.(\d+)\}", name)
    if not found:
        return [name]
    first, last = found.groups()
    numbers = (str(n).zfill(len(first)) for n in range(int(first), int(last) + 1))
    return [one for n in numbers for one in expand(name[: found.start()] + n + name[found.end() :])]


def _remote(address: str, downloads: Path | None) -> list[PhotoFile]:
    if downloads is None:
        raise DataError("is not on this machine", path=address, remedy="fetch it, and name the file")
    return [photo for one in expand(address) for photo in _list_tar(fetch_shard(one, downloads))]


def _first(root: Path, names: Iterable[str]) -> Path | None:
    """The first of these folders that is there and not empty."""
    return next((root / name for name in names if any(_children(root / name))), None)


def _children(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _not_laid_out(root: Path, wanted: str) -> DataError:
    if not root.is_dir():
        return DataError("no such folder", path=root, remedy="check --data")
    remedy = "unpack it as it was downloaded, or name it as a plain folder"
    return DataError(f"has no {wanted}", path=root, remedy=remedy)


def _listed(path: Path, folder: Path) -> list[PhotoFile]:
    """The photos that a list names; a class number behind the name is ignored, missing files get size 0."""
    try:
        with path.open("rb") as file:
            lines = list(split_list(file, nul=False))
        "".join(lines).encode()  # which takes text alone
    except OSError as error:
        raise DataError(f"is no readable list of photos ({error.strerror})", path=path) from None
    except UnicodeError:
        what = "is no readable list of photos: it is not in UTF-8"
        raise DataError(what, path=path, remedy="save it as UTF-8") from None
    except ValueError as error:
        raise DataError(f"is no list of photos: {error}", path=path, remedy="leave out list:, or name a list") from None
    if any("\r" in line for line in lines):
        what = "is no readable list of photos: lines end with a carriage return alone, as on old Macs"
        raise DataError(what, path=path, remedy="save it with the line ends of Unix or Windows")
    photos: list[PhotoFile] = []
    for line in lines:
        name = re.sub(r"\s+\d+$", "", line.strip())  # Places365: "/a/airfield/00000001.jpg 0"
        if not name:
            continue
        inside = folder / name.lstrip("/")
        file = Path(name) if name.startswith("/") and not inside.exists() else inside
        size = file.stat().st_size if file.is_file() else 0
        photos.append(PhotoFile(name.lstrip("/"), str(file), 0, size))
    return sorted(photos, key=lambda photo: photo.key)


def _list_tar(path: Path) -> list[PhotoFile]:
    photos = [member for member in sorted(tar_members(path)) if Path(member[0]).suffix.lower() in SUFFIXES]
    return [PhotoFile(Path(name).stem, str(path), offset, size) for name, offset, size in photos]


def tar_members(path: Path) -> list[tuple[str, int, int]]:
    """Name, place and size of each file in an uncompressed tar. DataError where it is none."""
    try:
        with tarfile.open(path, "r:") as tar:
            return [(member.name, member.offset_data, member.size) for member in tar if member.isfile()]
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"not an uncompressed tar that can be read ({error})", path=path) from None
