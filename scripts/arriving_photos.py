"""Photos that arrive in shards while a run goes on: decoded beside it, then in the device's memory."""

import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from device_crops import upload
from numpy.typing import NDArray
from torch import Tensor, nn

from colorizegan.data.cache import PhotoCache, open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.errors import ColorizeGANError, DataError
from colorizegan.training.batches.crops import count_bins, photos_of_sources, read_weights, split_holdout
from colorizegan.training.config import Config, DataConfig
from colorizegan.training.networks.bins import ab_bin_centres, rebalancing_weights
from colorizegan.training.validation.validate import auc, holdout_squares, predict_squares

logger = logging.getLogger("colorizegan.training")

HOLDOUT_SIZE = 192  # px, of the squares of held-out photos


@dataclass
class ArrivingPhotos:
    """Photos of the shards that have come so far; further ones are decoded beside the training."""

    config: Config
    shards: Path
    cache: Path
    device: torch.device
    store: PhotoCache = field(init=False)
    pixels: Tensor = field(init=False)
    usable: NDArray[np.int64] = field(init=False)
    shares: NDArray[np.float64] = field(init=False)
    rebalance: Tensor = field(init=False)
    squares: list[Tensor] = field(init=False, default_factory=list)
    """Of held-out photos, (n, 3, S, S) uint8 of each shard."""

    def __post_init__(self) -> None:
        self._stores: list[PhotoCache] = []
        self._counts = np.zeros(len(ab_bin_centres()))
        self._decoded: queue.Queue[PhotoCache] = queue.Queue()
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        seen: set[str] = set()
        while not self._stopped.wait(0.5):
            for path in sorted(self.shards.glob("*.tar")):
                if path.name in seen:
                    continue
                seen.add(path.name)
                try:
                    data = self.config.data
                    photos = list_photos((str(path),))
                    self._decoded.put(open_cache(photos, self.cache, data.store_side, data.min_colorfulness))
                except ColorizeGANError as error:
                    logger.warning("passed over a shard: %s", error)

    def wait(self, end: float) -> None:
        """Until the first shard is there. DataError where none has come when the clock says `end`."""
        while not self.take():
            if time.monotonic() >= end:
                raise DataError("no usable photo has come in time", path=self.shards, remedy="put *.tar shards there")
            time.sleep(0.2)

    def take(self) -> bool:
        """Whether there were new photos; they are on the device then."""
        new: list[PhotoCache] = []
        while not self._decoded.empty():
            new.append(self._decoded.get())
        for store in new:
            self._stores.append(store)
            pixels = upload(store.pixels, self.device)
            self.pixels = torch.cat((self.pixels, pixels)) if len(self._stores) > 1 else pixels
            self._counts += count_bins(store, np.arange(len(store)), 500) * len(store)
            self._hold_out(store)
        if new:
            self._join()
        return bool(new) and len(self.usable) > 0

    def _hold_out(self, store: PhotoCache) -> None:
        data: DataConfig = self.config.data
        if data.holdout_sources:
            apart = photos_of_sources(data.manifest, data.holdout_sources, store.keys)
            left = data.holdout - sum(map(len, self.squares))
            _, chosen = split_holdout(store.keys, max(0, left), apart)
            if len(chosen):
                self.squares.append(holdout_squares(store, chosen, HOLDOUT_SIZE))

    def score(self, generator: nn.Module) -> dict[str, float]:
        """Rebalanced AuC on the held-out photos that have come, in percent: of ab and of the distribution's mean."""
        if not self.squares:
            return {}
        _, truth, predicted, annealed = predict_squares(generator, torch.cat(self.squares), self.device, 64)
        scores = {"auc_rebalanced": auc(predicted, truth, rebalanced=True)}
        if annealed is not None:
            annealed = nn.functional.interpolate(annealed, truth.shape[2:], mode="bilinear", align_corners=False)
            scores["annealed_auc_rebalanced"] = auc(annealed, truth, rebalanced=True)
        return scores | {"photos": float(len(truth))}

    def _join(self) -> None:
        data: DataConfig = self.config.data
        keys = [key for store in self._stores for key in store.keys]
        shapes = np.concatenate([store.shapes for store in self._stores])
        offsets = np.concatenate(([0], np.cumsum(shapes.prod(1) * 3)[:-1]))
        skipped = {why: sum(store.skipped[why] for store in self._stores) for why in self._stores[0].skipped}
        # The bytes lie on the device; of the photos here only their places are asked for.
        self.store = PhotoCache(keys, shapes, offsets, np.zeros(0, np.uint8), skipped, np.arange(len(keys)))
        apart = np.zeros(len(keys), bool)
        if data.holdout_sources:
            apart = photos_of_sources(data.manifest, data.holdout_sources, keys)
        self.usable = np.flatnonzero(~apart)
        self.shares = read_weights(data.weights, keys)
        weights = rebalancing_weights(self._counts, self.config.losses.rebalance)
        self.rebalance = torch.from_numpy(weights).to(self.device)

    def stop(self) -> None:
        """Look for no more shards."""
        self._stopped.set()
