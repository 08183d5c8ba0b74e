"""Photos into tar shards that `train` and webdataset read: from any source, or from a Hugging Face dataset."""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from PIL import Image

from colorizegan.data.decode import decode, read_bytes
from colorizegan.data.layouts import SUFFIXES, PhotoFile
from colorizegan.errors import DataError, OutputError
from colorizegan.files import atomic_file, remove_leftovers
from colorizegan.machine import in_order
from colorizegan.progress import with_bar

PER_SHARD = 1000  # photos


class ImageDataset(Protocol):
    """What is asked of a Hugging Face `datasets.Dataset`; anything that has it will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any:
        """A row: column name -> value."""
        ...


def pack(
    photos: list[PhotoFile], folder: Path, *, per_shard: int = PER_SHARD, side: int | None = None
) -> tuple[list[Path], int]:
    """Write the photos that can be decoded into shards, their files unchanged. OutputError, DataError.

    Args:
        folder: where photos-00000.tar, photos-00001.tar, ... go; it may not hold such shards already.
        per_shard: photos in a shard.
        side: photos whose shorter side is longer, px, are reduced to it and stored as JPEG; None = never.

    Returns the shards, and how many photos were left out as broken.
    """
    broken = 0

    def good() -> Iterator[tuple[str, bytes]]:
        nonlocal broken
        jobs = ((photo, side) for photo in photos)
        with in_order(_member, jobs, len(photos)) as members:
            for photo, member in zip(photos, with_bar(members, "", len(photos)), strict=True):
                if member is None:
                    broken += 1
                else:
                    yield str(PurePosixPath(photo.key).with_suffix("")) + member[0], member[1]

    return _write(good(), folder, per_shard), broken


def pack_dataset(
    dataset: ImageDataset, folder: Path, *, column: str = "image", per_shard: int = PER_SHARD
) -> list[Path]:
    """Write the pictures of a Hugging Face dataset into shards; labels are not needed and not kept.

    Args:
        dataset: a `datasets.Dataset`, or anything with a length and rows.
        folder: where photos-00000.tar, ... go.
        column: the column of the pictures: Pillow images, bytes, {"bytes": ..., "path": ...}, or uint8 arrays.
        per_shard: photos in a shard.

    Raises:
        DataError: there is no such column, or it holds something else. OutputError.
    """

    def rows() -> Iterator[tuple[str, bytes]]:
        for index in range(len(dataset)):
            row = dataset[index]
            if column not in row:
                raise DataError(f"row {index} has no column {column!r}", remedy=f"it has {', '.join(map(str, row))}")
            yield f"{index:08d}.jpg", _encoded(row[column], index)  # the name's ending says nothing: content counts

    return _write(rows(), folder, per_shard)


def _member(job: tuple[PhotoFile, int | None]) -> tuple[str, bytes] | None:
    """Ending and content of a photo's file in the shard; None where it is broken."""
    photo, side = job
    rgb = decode(photo, side or 64)
    if rgb is None:
        return None
    raw = read_bytes(photo)
    with Image.open(io.BytesIO(raw)) as image:
        large = side is not None and min(image.size) > side
    if large:
        return ".jpg", _jpeg(Image.fromarray(rgb))
    ending = PurePosixPath(photo.key).suffix.lower()
    return ending if ending in SUFFIXES else ".jpg", raw


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()


def _encoded(value: Any, index: int) -> bytes:
    """One cell of a dataset's column of pictures as an encoded picture."""
    if isinstance(value, dict):
        if isinstance(value.get("bytes"), bytes):
            return value["bytes"]
        if isinstance(value.get("path"), str):
            return Path(value["path"]).read_bytes()
    if isinstance(value, bytes):
        return value
    if isinstance(value, Image.Image):
        return _jpeg(value)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3):
        return _jpeg(Image.fromarray(value))
    what = f"row {index} holds a {type(value).__name__}, not a picture"
    raise DataError(what, remedy="name the column of pictures: Pillow images, bytes or uint8 arrays")


def _write(members: Iterable[tuple[str, bytes]], folder: Path, per_shard: int) -> list[Path]:
    """Shards of (name, content) pairs, each whole under its name or not there; names are made plain and unique."""
    if any(folder.glob("photos-*.tar")):
        raise OutputError("holds shards already", path=folder, remedy="choose another folder")
    shards: list[Path] = []
    used: set[str] = set()
    rest = iter(members)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers([folder / "photos-00000.tar"])  # of later ones there are none, or the first is there too
        for first in rest:
            path = folder / f"photos-{len(shards):05d}.tar"
            with atomic_file(path) as file, tarfile.open(fileobj=file, mode="w") as tar:
                for name, content in chain([first], islice(rest, per_shard - 1)):
                    info = tarfile.TarInfo(_plain(name, used))
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
            shards.append(path)
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=folder) from None
    if not shards:
        raise DataError("not one photo could be read", remedy="colorizegan data inspect tells more")
    return shards


def _plain(name: str, used: set[str]) -> str:
    """`a/b.c/d.jpg` -> a-b_c-d.jpg: a key of webdataset ends at the first dot, and folders would be lost."""
    stem, dot, ending = name.rpartition(".")
    stem = re.sub(r"[^\w-]", "_", stem.replace("/", "-"))[:150]
    unique, number = stem, 1
    while unique in used:
        number += 1
        unique = f"{stem}-{number}"
    used.add(unique)
    return f"{unique}{dot}{ending.lower()}"
