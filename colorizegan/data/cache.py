"""Photos decoded once into one memory-mapped file, broken and gray ones left out and counted."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colorizegan.color import colorfulness
from colorizegan.errors import DataError
from colorizegan.training.config import DataConfig
from colorizegan.training.layouts import PhotoFile

A = TypeVar("A")
B = TypeVar("B")
MIN_SIDE = 48  # px; smaller pictures are icons, not photos
# By content, whatever the name says (ImageNet has a PNG named .JPEG); nothing that runs another program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")


def read_bytes(photo: PhotoFile) -> bytes:
    """The encoded photo. OSError where its file is gone."""
    with Path(photo.path).open("rb") as file:
        file.seek(photo.offset)
        return file.read(photo.size)


def decode(photo: PhotoFile, store_side: int) -> NDArray[np.uint8] | None:
    """The photo, upright, as (H, W, 3) sRGB, its shorter side at most `store_side`; None if it is broken."""
    try:
        image = Image.open(io.BytesIO(read_bytes(photo)), formats=FORMATS)
        image.draft("RGB", (store_side, store_side))
        short = min(image.size)
        if short < MIN_SIDE or max(image.size) > 20 * short:
            return None
        image = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError):
        return None
    short = min(image.size)
    if short > store_side:
        factor = store_side / short
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)


def _decode_and_judge(job: tuple[PhotoFile, int, float]) -> NDArray[np.uint8] | str:
    photo, store_side, min_colorfulness = job
    rgb = decode(photo, store_side)
    if rgb is None:
        return "broken"
    if colorfulness(rgb[::2, ::2]) < min_colorfulness:
        return "gray"
    return rgb


@dataclass(frozen=True)
class PhotoCache:
    """Decoded photos in one memory-mapped file that all loader processes share.

    `pixels` is flat uint8; photo i is `pixels[offsets[i]:]` of shape `shapes[i]` + (3,).
    """

    keys: list[str]
    shapes: NDArray[np.int64]  # (N, 2), height and width
    offsets: NDArray[np.int64]  # (N,)
    pixels: NDArray[np.uint8]
    skipped: dict[str, int]
    places: NDArray[np.int64]  # (N,), number of each photo in the list that the cache was made of

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        height, width = (int(n) for n in self.shapes[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def fingerprint(photos: list[PhotoFile], config: DataConfig) -> str:
    """A hash of the list of photos and of how they are stored; a resumed run must meet the same one."""
    digest = hashlib.sha256(f"{config.store_side} {config.min_colorfulness}".encode())
    for photo in photos:
        digest.update(f"{photo.key} {photo.size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def open_cache(
    photos: list[PhotoFile], config: DataConfig, folder: Path, progress: Callable[[int, int], None] | None = None
) -> PhotoCache:
    """The decoded photos, from `folder` if it holds these already, else decoded there on all cores.

    Gray and broken photos are left out and counted in `skipped`.
    """
    name = fingerprint(photos, config)[:16]
    index_path, pixel_path = folder / f"photos-{name}.json", folder / f"photos-{name}.u8"
    if not index_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_cache(photos, config, index_path, pixel_path, progress)
    index = json.loads(index_path.read_text("utf-8"))
    shapes = np.asarray(index["shapes"], np.int64).reshape(-1, 2)
    sizes = shapes.prod(1) * 3
    offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64) if len(sizes) else np.zeros(0, np.int64)
    if not len(sizes):
        raise DataError(f"no usable photo among {len(photos)}: {index['skipped']}", remedy="give colour photos")
    pixels = np.memmap(pixel_path, np.uint8, "r")
    if len(pixels) != int(sizes.sum()):
        raise DataError("is damaged", path=pixel_path, remedy="delete it; it is made again")
    places = np.asarray(index.get("places") or _places(photos, index["keys"]), np.int64)
    return PhotoCache(index["keys"], shapes, offsets, pixels, index["skipped"], places)


def _places(photos: list[PhotoFile], keys: list[str]) -> list[int]:
    """The places of a cache that an earlier version made: its keys are those of the list, some left out."""
    numbered = enumerate(photos)
    return [next(number for number, photo in numbered if photo.key == key) for key in keys]


@contextmanager
def in_order(work: Callable[[A], B], jobs: Iterable[A], count: int) -> Iterator[Iterator[B]]:
    """work(job) for each of `count` jobs, in their order: on all cores, or in this process where there are few."""
    if count <= 500:  # a small set is not worth a process
        yield map(work, jobs)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # "spawn" children would import the caller's main module again.
    with ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as pool:
        yield pool.map(work, jobs, chunksize=64)


def _write_cache(
    photos: list[PhotoFile],
    config: DataConfig,
    index_path: Path,
    pixel_path: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    keys: list[str] = []
    places: list[int] = []
    shapes: list[tuple[int, int]] = []
    skipped = {"broken": 0, "gray": 0}
    jobs = ((photo, config.store_side, config.min_colorfulness) for photo in photos)
    temporary = pixel_path.with_suffix(".part")
    with temporary.open("wb") as file, in_order(_decode_and_judge, jobs, len(photos)) as results:
        for done, (photo, result) in enumerate(zip(photos, results, strict=True), 1):
            if isinstance(result, str):
                skipped[result] += 1
            else:
                keys.append(photo.key)
                places.append(done - 1)
                shapes.append((result.shape[0], result.shape[1]))
                file.write(result.tobytes())
            if progress is not None:
                progress(done, len(photos))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(pixel_path)
    # The index comes last: its presence says that the pixels are whole.
    temporary = index_path.with_suffix(".part")
    temporary.write_text(json.dumps({"keys": keys, "shapes": shapes, "skipped": skipped, "places": places}), "utf-8")
    temporary.replace(index_path)
