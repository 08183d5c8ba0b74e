"""One photo of a test: make everybody's picture of it and measure each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.entrants import Entrant, colour_with, other_colours
from colorizegan.bench.metrics import AB_BINS, Curve, Truth, ab_bin, bin_weights, lab_of, tally
from colorizegan.bench.photoset import PhotoSet
from colorizegan.bench.protocols import Protocol, gray_of, prepare
from colorizegan.bench.semantics import Regions, find_regions, hits
from colorizegan.bench.stability import stability
from colorizegan.bench.trust import Trust, trust_of

__all__ = ["Finding", "Judge", "Survey", "survey_part"]


@dataclass(frozen=True)
class Survey:
    """What is known of the test set before anything is scored."""

    mean_ab: tuple[float, float]
    """Mean colour of all pixels, Lab units."""
    weights: NDArray[np.float64]
    """(AB_BINS,) pixel weights of the rebalanced AuC."""
    digest: str
    """SHA-256 over the names and files of the photos."""

    @staticmethod
    def of(parts: list[tuple[bytes, NDArray[np.float64], NDArray[np.float64]]]) -> Survey:
        """From `survey_part` of every photo, in order."""
        digest = hashlib.sha256(b"".join(part[0] for part in parts)).hexdigest()
        counts = np.sum([part[2] for part in parts], axis=0)
        mean = np.sum([part[1] for part in parts], axis=0) / counts.sum()
        return Survey((float(mean[0]), float(mean[1])), bin_weights(counts), digest)


def survey_part(
    key: str, photos: PhotoSet, protocol: Protocol
) -> tuple[bytes, NDArray[np.float64], NDArray[np.float64]]:
    """One photo's name and digest, sum of ab (2,), and pixels of each ab bin (AB_BINS,)."""
    name = f"{PurePosixPath(key).name}\n".encode("utf-8", "surrogateescape")
    lab = lab_of(prepare(photos.read(key), protocol))
    bins = np.bincount(ab_bin(lab).ravel(), minlength=AB_BINS).astype(np.float64)
    return name + hashlib.sha256(photos.read_bytes(key)).digest(), lab[..., 1:].sum((0, 1), dtype=np.float64), bins


@dataclass
class Finding:
    """What was found of one entrant's picture of one photo."""

    columns: dict[str, float]
    curve: Curve
    features: NDArray[np.float32] | None = None
    trust: Trust | None = None


@dataclass(frozen=True)
class Judge:
    """Everything needed to judge any photo of a test. Thread-safe."""

    photos: PhotoSet
    protocol: Protocol
    rivals: Mapping[str, Entrant]
    survey: Survey
    mean_ab: tuple[float, float]
    pairing: NDArray[np.intp]
    """For each photo the index of the one that lends it its colours."""
    regions: Regions
    features: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None
    stable: int = 0
    """How many photos, from the first, to test stability on."""

    def judge(self, index: int) -> dict[str, Finding]:
        """Every entrant's finding on one photo, baselines first."""
        key = self.photos.keys[index]
        truth = Truth(prepare(self.photos.read(key), self.protocol), self.survey.weights)
        gray = gray_of(truth.lab)
        regions = find_regions(truth.lab, self.regions.of(key))
        other = prepare(self.photos.read(self.photos.keys[self.pairing[index]]), self.protocol)
        pictures = {
            "gray": np.repeat(gray[..., None], 3, axis=2),
            "mean colour": colour_with(gray, np.array(self.mean_ab, dtype=np.float32)),
            "another photo": other_colours(gray, other),
            "truth": truth.rgb,
            **{name: rival.colorize(key, gray) for name, rival in self.rivals.items()},
        }
        found: dict[str, Finding] = {}
        for name, rgb in pictures.items():
            lab = lab_of(rgb)
            columns, curve = tally(rgb, lab, truth)
            found[name] = Finding(columns | hits(lab, regions), curve)
            if self.features is not None:
                found[name].features = self.features(rgb)
        for name, rival in self.rivals.items():
            found[name].trust = trust_of(rival, gray, truth.lab)
            if index < self.stable:
                found[name].columns |= stability(rival, key, gray, lab_of(pictures[name]), index)
        return found

    def shown(self, index: int) -> dict[str, NDArray[np.uint8]]:
        """The pictures of one photo for the page: input, every entrant's, truth."""
        key = self.photos.keys[index]
        truth = prepare(self.photos.read(key), self.protocol)
        gray = gray_of(lab_of(truth))
        return {
            "input": gray,
            **{name: rival.colorize(key, gray) for name, rival in self.rivals.items()},
            "truth": truth,
        }
