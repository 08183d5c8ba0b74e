"""Photos to learn from: folders and tar shards in, a decoded cache on disk, batches of RGB crops out.

The order of photos and every crop follow from (seed, number of the crop) alone, so that a run resumes to the same
batches whatever the number of loader processes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from colorizegan.color import colorfulness, rgb_to_lab
from colorizegan.errors import DataError
from colorizegan.training.bins import SoftLabels, ab_bin_centres
from colorizegan.training.config import DataConfig

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
MIN_SIDE = 48  # px; smaller pictures are icons, not photos


@dataclass(frozen=True)
class PhotoFile:
    """One encoded photo: a file, or a stretch of a tar file."""

    key: str
    path: str
    offset: int
    size: int  # bytes


def list_photos(sources: tuple[str, ...]) -> list[PhotoFile]:
    """All photos under the folders and in the uncompressed tar shards, sorted by key within each source.

    Raises:
        DataError: a source is missing, is neither folder nor tar, or there is no photo in it.
    """
    photos: list[PhotoFile] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            found = [
                PhotoFile(file.relative_to(path).as_posix(), str(file), 0, file.stat().st_size)
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in SUFFIXES and file.is_file()
            ]
        elif path.suffix == ".tar" and path.is_file():
            found = _list_tar(path)
        elif path.exists():
            raise DataError("is neither a folder nor a .tar shard", path=path)
        else:
            raise DataError("no such folder or shard", path=path, remedy="check --data")
        if not found:
            raise DataError("holds no photos", path=path, remedy=f"known endings: {', '.join(sorted(SUFFIXES))}")
        photos += found
    if not photos:
        raise DataError("no training photos were given", remedy="name folders or shards with --data")
    return photos


def _list_tar(path: Path) -> list[PhotoFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            members = [m for m in tar if m.isfile() and Path(m.name).suffix.lower() in SUFFIXES]
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"not a readable tar file ({error})", path=path) from None
    return [
        PhotoFile(Path(m.name).stem, str(path), m.offset_data, m.size) for m in sorted(members, key=lambda m: m.name)
    ]


def decode(photo: PhotoFile, store_side: int) -> NDArray[np.uint8] | None:
    """The photo as (H, W, 3) sRGB, reduced so that its shorter side is at most `store_side`; None if it is broken."""
    try:
        with Path(photo.path).open("rb") as file:
            file.seek(photo.offset)
            image = Image.open(io.BytesIO(file.read(photo.size)))
            image.draft("RGB", (store_side, store_side))
            short = min(image.size)
            if short < MIN_SIDE or max(image.size) > 20 * short:
                return None
            image = image.convert("RGB")
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
    return PhotoCache(index["keys"], shapes, offsets, pixels, index["skipped"])


def _write_cache(
    photos: list[PhotoFile],
    config: DataConfig,
    index_path: Path,
    pixel_path: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    keys: list[str] = []
    shapes: list[tuple[int, int]] = []
    skipped = {"broken": 0, "gray": 0}
    jobs = ((photo, config.store_side, config.min_colorfulness) for photo in photos)
    temporary = pixel_path.with_suffix(".part")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # "spawn" children would import the caller's main module again; small sets are not worth a process anyway.
    with temporary.open("wb") as file, ProcessPoolExecutor(cores, mp_context=get_context("forkserver")) as pool:
        results = pool.map(_decode_and_judge, jobs, chunksize=64) if len(photos) > 500 else map(_decode_and_judge, jobs)
        for done, (photo, result) in enumerate(zip(photos, results, strict=True), 1):
            if isinstance(result, str):
                skipped[result] += 1
            else:
                keys.append(photo.key)
                shapes.append((result.shape[0], result.shape[1]))
                file.write(result.tobytes())
            if progress is not None:
                progress(done, len(photos))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(pixel_path)
    # The index comes last: its presence says that the pixels are whole.
    temporary = index_path.with_suffix(".part")
    temporary.write_text(json.dumps({"keys": keys, "shapes": shapes, "skipped": skipped}), "utf-8")
    temporary.replace(index_path)


def split_holdout(keys: list[str], holdout: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to train on and to hold out: the `holdout` photos (at most a tenth) whose keys hash lowest."""
    order = np.argsort([hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest() for key in keys])
    count = min(holdout, len(keys) // 10) if len(keys) >= 10 else 0
    return np.sort(order[count:]), np.sort(order[:count])


def read_weights(path: str, keys: list[str]) -> NDArray[np.float64]:
    """(N,) share of epochs in which each photo is seen, from a file of `key<TAB>share`; 1 where a key is absent."""
    shares = np.ones(len(keys))
    if not path:
        return shares
    try:
        table = {}
        for line in Path(path).read_text("utf-8").splitlines():
            if line.strip():
                key, share = line.rsplit("\t", 1)
                table[key] = min(1.0, max(0.0, float(share)))
    except (OSError, ValueError) as error:
        raise DataError(f"is no table of key<TAB>share ({error})", path=path) from None
    return np.asarray([table.get(key, 1.0) for key in keys])


class Crops(Dataset[Tensor]):
    """Crop number n of the run, for any n: (3, size, size) uint8 sRGB, decided by (seed, n) alone."""

    def __init__(
        self,
        cache: PhotoCache,
        indices: NDArray[np.int64],
        shares: NDArray[np.float64],
        size: int,
        crop: float,
        seed: int,
    ) -> None:
        self.cache, self.indices, self.shares = cache, indices, shares
        self.size, self.crop, self.seed = size, crop, seed
        self._epoch = (-1, np.zeros(0, np.int64))

    def photo_of(self, n: int) -> int:
        """Index in the cache of the photo that crop n is taken from."""
        # Epochs differ in length by the photos left out, so every epoch is counted as the rounded mean length.
        length = max(1, round(float(self.shares[self.indices].sum())))
        epoch, position = divmod(n, length)
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([self.seed, 1, epoch])
            keep = self.indices[rng.random(len(self.indices)) < self.shares[self.indices]]
            keep = keep if len(keep) else self.indices
            self._epoch = (epoch, rng.permutation(keep))
        order = self._epoch[1]
        return int(order[position % len(order)])

    def __getitem__(self, n: int) -> Tensor:
        photo = self.cache[self.photo_of(n)]
        rng = np.random.default_rng([self.seed, 2, n])
        height, width = photo.shape[:2]
        side = min(height, width) * rng.uniform(self.crop, 1.0)
        left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
        box = (left, top, left + side, top + side)
        image = Image.fromarray(photo).resize((self.size, self.size), Image.Resampling.BICUBIC, box=box)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


class _FromPosition(Sampler[list[int]]):
    """Batches of consecutive numbers from `start` to `stop`."""

    def __init__(self, start: int, stop: int, batch: int) -> None:
        self.start, self.stop, self.batch = start, stop, batch

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(self.start, self.stop, self.batch):
            yield list(range(first, first + self.batch))

    def __len__(self) -> int:
        return -(-(self.stop - self.start) // self.batch)


def crop_batches(crops: Crops, start: int, stop: int, batch: int, workers: int) -> Iterator[Tensor]:
    """Batches (batch, 3, size, size) uint8 of the crops numbered start, start + 1, ... until `stop` is reached."""
    loader = DataLoader(
        crops,
        batch_sampler=_FromPosition(start, stop, batch),
        num_workers=workers,
        prefetch_factor=6 if workers else None,
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=_leave_signals_to_the_parent,
        # Its own source of chance: each loader draws one number, and a resumed run opens one loader more.
        generator=torch.Generator(),
    )
    return iter(loader)


def _leave_signals_to_the_parent(_: int) -> None:
    """A terminal or a job scheduler signals the whole group: workers that died first would cost the last checkpoint."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def count_bins(store: PhotoCache, indices: NDArray[np.int64], photos: int = 2000) -> NDArray[np.float64]:
    """How often each ab bin occurs in a fixed sample of the training photos: (Q,)."""
    labels = SoftLabels()
    counts = torch.zeros(len(ab_bin_centres()), dtype=torch.float64)
    for index in indices[:: max(1, len(indices) // photos)]:
        ab = rgb_to_lab(store[int(index)][2::5, 2::5].astype(np.float32) / 255)[..., 1:]
        nearest = labels(torch.from_numpy(ab).permute(2, 0, 1)[None])[0][:, 0]
        counts += torch.bincount(nearest.flatten(), minlength=len(counts))
    return counts.numpy()
