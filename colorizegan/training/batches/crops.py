"""From photos to batches of crops, and which photos are held out.

The order of photos and every crop follow from (seed, number of the crop) alone, so that a run resumes to the same
batches whatever the number of loader processes.
"""

import csv
import hashlib
import multiprocessing
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from colorizegan.color.lab import rgb_to_lab
from colorizegan.data.cache import PhotoCache, fingerprint, open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.errors import DataError
from colorizegan.training.config import DataConfig
from colorizegan.training.networks.bins import SoftLabels, ab_bin_centres


@dataclass(frozen=True)
class TrainingPhotos:
    """The photos of a run, decoded."""

    store: PhotoCache
    training: NDArray[np.int64]
    """Indices of the photos to train on."""
    held_out: NDArray[np.int64]
    shares: NDArray[np.float64]
    """(N,), share of epochs in which each photo is seen."""
    digest: str
    """Of the list of photos and of how they are stored; a resumed run must meet the same one."""

    @property
    def skipped(self) -> str:
        """What was left out, in words."""
        return ", ".join(f"{count} {why}" for why, count in self.store.skipped.items())


def open_photos(config: DataConfig, cache: Path, *, shown: bool = True) -> TrainingPhotos:
    """The photos that these settings name, decoded into the folder `cache` or found there. Raises DataError.

    `shown`: with a progress bar.
    """
    photos = list_photos(config.sources, cache / "shards")
    kept = (config.store_side, config.min_colorfulness)
    store = open_cache(photos, cache, *kept, shown=shown)
    apart = photos_of_sources(config.manifest, config.holdout_sources, store.keys) if config.holdout_sources else None
    training, held_out = split_holdout(store.keys, config.holdout, apart)
    shares = read_weights(config.weights, store.keys) * [photos[place].share for place in store.places]
    return TrainingPhotos(store, training, held_out, shares, fingerprint(photos, *kept))


def split_holdout(
    keys: list[str], holdout: int, apart: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to train on and to hold out: the `holdout` photos (at most a tenth) whose keys hash lowest.

    With `apart` (N,), from `photos_of_sources`, none of those photos is trained on, and `holdout` of them at most are
    held out.
    """
    hashes = np.asarray([hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest() for key in keys])
    if apart is not None:
        candidates = np.flatnonzero(apart)
        return np.flatnonzero(~apart), np.sort(candidates[np.argsort(hashes[candidates])[:holdout]])
    order = np.argsort(hashes)
    count = min(holdout, len(keys) // 10) if len(keys) >= 10 else 0
    return np.sort(order[count:]), np.sort(order[:count])


def photos_of_sources(manifest: str, sources: tuple[str, ...], keys: list[str]) -> NDArray[np.bool_]:
    """(N,) whether each photo is from one of these sources, by a table with the columns `key` and `source`.

    DataError where there is no such table, it does not know a source, or all photos are from these sources.
    """
    try:
        with Path(manifest).open(encoding="utf-8", newline="") as file:
            source_of = {row["key"]: row["source"] for row in csv.DictReader(file, delimiter="\t")}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot be read as a table ({error})", path=manifest) from None
    except KeyError as error:
        remedy = "its first line names the columns, with a tab between them"
        raise DataError(f"has no column {error}", path=manifest, remedy=remedy) from None
    unknown = sorted(set(sources) - set(source_of.values()))
    if unknown:
        raise DataError(f"has no source {unknown[0]!r}", path=manifest, remedy="correct data.holdout_sources")
    apart = np.asarray([source_of.get(key) in sources for key in keys])
    if apart.all():
        raise DataError("all photos are held out", path=manifest, remedy="name fewer sources in data.holdout_sources")
    return apart


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
        detail: float = 1.0,
    ) -> None:
        self.cache, self.indices, self.shares = cache, indices, shares
        self.size, self.crop, self.seed, self.detail = size, crop, seed, detail
        self._epoch = (-1, np.zeros(0, np.int64))

    def boxes(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What the crops of these numbers are cut from: photos (B,), and left, top and side in px (B, 3)."""
        photos = self.photos_of(numbers)
        height, width = self.cache.shapes[photos].T
        u = uniform(self.seed, numbers, 3)
        side = np.minimum(height, width) * (self.crop + (1 - self.crop) * u[:, 0])
        return photos, np.stack((u[:, 1] * (width - side), u[:, 2] * (height - side), side), axis=1)

    def photos_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices in the cache, (B,), of the photos that the crops of these numbers are taken from."""
        # Epochs differ in length by the photos left out, so every epoch is counted as the rounded mean length.
        length = max(1, round(float(self.shares[self.indices].sum())))
        epochs, positions = np.divmod(numbers, length)
        photos = np.empty(len(numbers), np.int64)
        for epoch in np.unique(epochs):  # one, or two where one ends
            if self._epoch[0] != epoch:
                rng = np.random.default_rng([self.seed, 1, int(epoch)])
                keep = self.indices[rng.random(len(self.indices)) < self.shares[self.indices]]
                keep = keep if len(keep) else self.indices
                self._epoch = (int(epoch), rng.permutation(keep))
            order, here = self._epoch[1], epochs == epoch
            photos[here] = order[positions[here] % len(order)]
        return photos

    def __getitem__(self, n: int) -> Tensor:
        (photo,), ((left, top, side),) = self.boxes(np.asarray([n]))
        box = (left, top, left + side, top + side)
        return torch.from_numpy(cut_square(self.cache[photo], box, self.size, self.detail)).permute(2, 0, 1)


def uniform(seed: int, numbers: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(B, count) in 0..1 that follow from the seed and each number alone, all at once (splitmix64, Steele 2014)."""
    start = np.random.SeedSequence([seed, 2]).generate_state(1, np.uint64)
    place = numbers.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
    z = start + (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)  # uint64 wraps around
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 2.0**53


def cut_square(
    photo: NDArray[np.uint8], box: tuple[float, float, float, float], size: int, detail: float = 1.0
) -> NDArray[np.uint8]:
    """A square of a photo (H, W, 3) at the network's size: (size, size, 3). box: left, top, right, bottom in px.

    detail: what is larger is reduced to this share of `size` first, as `working_lightness` does.
    """
    image = Image.fromarray(photo)
    small = round(detail * size)
    if small < min(size, box[2] - box[0]):
        image, box = image.resize((small, small), Image.Resampling.BICUBIC, box=box), (0, 0, small, small)
    return np.array(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


# A forked loader starts at once; where there is no fork, what Python starts processes with.
FORK = "fork" if "fork" in multiprocessing.get_all_start_methods() else None


class _FromPosition(Sampler[list[int]]):
    """Batches of consecutive numbers from `start` to `stop`; of each, the share of one of several processes."""

    def __init__(self, start: int, stop: int, batch: int, share: tuple[int, int]) -> None:
        self.start, self.stop, self.batch = start, stop, batch
        self.rank, self.size = share[0], batch // share[1]

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(self.start + self.rank * self.size, self.stop + self.rank * self.size, self.batch):
            yield list(range(first, first + self.size))

    def __len__(self) -> int:
        return -(-(self.stop - self.start) // self.batch)


def crop_batches(
    crops: Crops, start: int, stop: int, batch: int, workers: int, share: tuple[int, int] = (0, 1)
) -> Iterator[Tensor]:
    """Batches (batch, 3, size, size) uint8 of the crops numbered start, start + 1, ... until `stop` is reached.

    `share` is (process, processes): the crops of each batch are dealt out to that many, in equal stretches.
    """
    loader = DataLoader(
        crops,
        batch_sampler=_FromPosition(start, stop, batch, share),
        num_workers=workers,
        prefetch_factor=6 if workers else None,
        multiprocessing_context=FORK if workers else None,
        worker_init_fn=_leave_signals_to_the_parent,
        # Its own source of chance: each loader draws one number, and a resumed run opens one loader more.
        generator=torch.Generator(),
    )
    return iter(loader)


class Waiting:
    """Batches as they come, and the seconds that they had to be waited for."""

    def __init__(self, batches: Iterator[Tensor]) -> None:
        self.batches, self.seconds = batches, 0.0

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            asked = time.monotonic()
            rgb = next(self.batches, None)
            self.seconds += time.monotonic() - asked
            if rgb is None:
                return
            yield rgb


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
