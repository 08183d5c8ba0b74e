"""Photos decoded once into one memory-mapped file, broken and gray ones left out and counted."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorizegan.color.difference import colorfulness
from colorizegan.data.decode import MIN_COLORFULNESS, STORE_SIDE, decode
from colorizegan.data.layouts import PhotoFile
from colorizegan.errors import DataError
from colorizegan.files import atomic_file, remove_leftovers, write_atomic
from colorizegan.machine import in_order
from colorizegan.progress import with_bar


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


def fingerprint(
    photos: list[PhotoFile], store_side: int = STORE_SIDE, min_colorfulness: float = MIN_COLORFULNESS
) -> str:
    """A hash of the list of photos and of how they are stored; a resumed run must meet the same one."""
    digest = hashlib.sha256(f"{store_side} {min_colorfulness}".encode())
    for photo in photos:
        digest.update(f"{photo.key} {photo.size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def open_cache(
    photos: list[PhotoFile],
    folder: Path,
    store_side: int = STORE_SIDE,
    min_colorfulness: float = MIN_COLORFULNESS,
    *,
    shown: bool = True,
) -> PhotoCache:
    """The decoded photos, from `folder` if it holds these already, else decoded there on all cores.

    Gray and broken photos are left out and counted in `skipped`. shown: with a progress bar.
    """
    name = fingerprint(photos, store_side, min_colorfulness)[:16]
    index_path, pixel_path = folder / f"photos-{name}.json", folder / f"photos-{name}.u8"
    if not index_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_cache(photos, store_side, min_colorfulness, index_path, pixel_path, shown)
    index = json.loads(index_path.read_text("utf-8"))
    if not index["keys"]:
        raise DataError(f"no usable photo among {len(photos)}: {index['skipped']}", remedy="give colour photos")
    shapes = np.asarray(index["shapes"], np.int64)
    sizes = shapes.prod(1) * 3
    offsets = np.cumsum(sizes) - sizes
    pixels = np.memmap(pixel_path, np.uint8, "r")
    if len(pixels) != int(sizes.sum()):
        raise DataError("is damaged", path=pixel_path, remedy="delete it; it is made again")
    places = np.asarray(index.get("places") or _places(photos, index["keys"]), np.int64)
    return PhotoCache(index["keys"], shapes, offsets, pixels, index["skipped"], places)


def _places(photos: list[PhotoFile], keys: list[str]) -> list[int]:
    """The places of a cache that an earlier version made: its keys are those of the list, some left out."""
    numbered = enumerate(photos)
    return [next(number for number, photo in numbered if photo.key == key) for key in keys]


def _write_cache(
    photos: list[PhotoFile], store_side: int, min_colorfulness: float, index_path: Path, pixel_path: Path, shown: bool
) -> None:
    keys: list[str] = []
    places: list[int] = []
    shapes: list[tuple[int, int]] = []
    skipped = {"broken": 0, "gray": 0}
    jobs = ((photo, store_side, min_colorfulness) for photo in photos)
    remove_leftovers([pixel_path, index_path])
    with atomic_file(pixel_path) as file, in_order(_decode_and_judge, jobs, len(photos)) as results:
        for place, result in enumerate(with_bar(results, "decoding photos", len(photos), shown)):
            if isinstance(result, str):
                skipped[result] += 1
            else:
                keys.append(photos[place].key)
                places.append(place)
                shapes.append((result.shape[0], result.shape[1]))
                file.write(result.tobytes())
    # The index comes last: its presence says that the pixels are whole.
    index = {"keys": keys, "shapes": shapes, "skipped": skipped, "places": places}
    write_atomic(index_path, json.dumps(index).encode())
