"""One photo of a test: make everybody's picture of it and measure each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.entrants import Entrant, colour_with
from colorizegan.bench.measures.calibration import reliability
from colorizegan.bench.measures.features import Network
from colorizegan.bench.measures.pixels import AB_BINS, Curve, Truth, ab_bin, bin_weights, tally
from colorizegan.bench.measures.regions import Labels, find_regions, hits
from colorizegan.bench.protocols import Protocol, gray_of, prepare
from colorizegan.bench.stability import stability
from colorizegan.color.lab import lab_of
from colorizegan.data.photoset import PhotoSet


class Part(NamedTuple):
    """What one photo adds to `TestSetFacts`."""

    digest: bytes
    """Its name and the SHA-256 of its file."""
    ab: NDArray[np.float64]
    """(2,) sum of a and of b over the pixels."""
    bins: NDArray[np.float64]
    """(AB_BINS,) pixels of each colour."""


@dataclass(frozen=True)
class TestSetFacts:
    """What is known of the test set before anything is scored."""

    mean_ab: tuple[float, float]
    """Mean colour of all pixels, Lab units."""
    weights: NDArray[np.float64]
    """(AB_BINS,) pixel weights of the rebalanced AuC."""
    digest: str
    """SHA-256 over the names and files of the photos."""

    @staticmethod
    def of(parts: Sequence[Part]) -> TestSetFacts:
        """From `facts_of` of every photo, in order."""
        counts = np.sum([part.bins for part in parts], axis=0)
        mean = np.sum([part.ab for part in parts], axis=0) / counts.sum()
        digest = hashlib.sha256(b"".join(part.digest for part in parts)).hexdigest()
        return TestSetFacts((float(mean[0]), float(mean[1])), bin_weights(counts), digest)


def facts_of(key: str, photos: PhotoSet, protocol: Protocol) -> Part:
    """Look at one photo before the test."""
    name = f"{PurePosixPath(key).name}\n".encode("utf-8", "surrogateescape")
    lab = lab_of(prepare(photos.read(key), protocol))
    bins = np.bincount(ab_bin(lab).ravel(), minlength=AB_BINS).astype(np.float64)
    digest = name + hashlib.sha256(photos.read_bytes(key)).digest()
    return Part(digest, lab[..., 1:].sum((0, 1), dtype=np.float64), bins)


@dataclass
class PhotoScores:
    """What was found of one entrant's picture of one photo."""

    columns: dict[str, float]
    histograms: dict[str, NDArray[np.float64]]
    """Columns of more than one number, from `calibration.reliability`."""
    features: dict[str, NDArray[np.float32]]
    """By the name of the network."""


@dataclass(frozen=True)
class PhotoScorer:
    """Everything needed to score any photo of a test. Thread-safe."""

    photos: PhotoSet
    protocol: Protocol
    rivals: Mapping[str, Entrant]
    facts: TestSetFacts
    mean_ab: tuple[float, float]
    pairing: NDArray[np.intp]
    """For each photo the index of the one that lends it its colours."""
    labels: Labels = field(default_factory=Labels)
    networks: Mapping[str, Network] = field(default_factory=dict)
    stable: int = 0
    """How many photos, from the first, to test stability on."""

    def score(self, index: int) -> dict[str, tuple[PhotoScores, Curve]]:
        """Every entrant's scores on one photo, and its histograms that add up; baselines first."""
        key = self.photos.keys[index]
        photo = self.photos.read(key)
        truth = Truth(prepare(photo, self.protocol), self.facts.weights)
        gray = gray_of(truth.lab)
        colorizations = {name: rival.colorize(key, gray) for name, rival in self.rivals.items()}
        pictures = {
            "gray": np.repeat(gray[..., None], 3, axis=2),
            "mean colour": colour_with(gray, np.array(self.mean_ab, dtype=np.float32)),
            "another photo": other_colours_of(self.photos, self.protocol, int(self.pairing[index]), gray),
            "truth": truth.rgb,
            **{name: colorization.rgb for name, colorization in colorizations.items()},
        }
        regions = find_regions(truth.lab, self.labels, key)
        found: dict[str, tuple[PhotoScores, Curve]] = {}
        for name, rgb in pictures.items():
            lab = lab_of(rgb)
            columns, curve = tally(rgb, lab, truth)
            features = {network: run(rgb) for network, run in self.networks.items()}
            found[name] = PhotoScores(columns | hits(lab, regions), {}, features), curve
        for name, colorization in colorizations.items():
            scores, rival = found[name][0], self.rivals[name]
            if colorization.prediction is not None:
                scores.histograms |= reliability(colorization.prediction, truth.lab)
            if self.stable and rival.live:
                scores.columns |= stability(rival, key, photo if index < self.stable else None)
        return found

    def shown(self, index: int) -> dict[str, NDArray[np.uint8]]:
        """The pictures of one photo for the page: input, every entrant's, truth."""
        key = self.photos.keys[index]
        truth = prepare(self.photos.read(key), self.protocol)
        gray = gray_of(lab_of(truth))
        results = {name: rival.colorize(key, gray).rgb for name, rival in self.rivals.items()}
        return {"input": gray, **results, "truth": truth}


def other_colours_of(photos: PhotoSet, protocol: Protocol, other: int, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The baseline `another photo`: a gray picture (H, W) with the colours of the photo at place `other`."""
    truth = prepare(photos.read(photos.keys[other]), protocol)
    if truth.shape[:2] != gray.shape:
        truth = np.asarray(Image.fromarray(truth).resize(gray.shape[::-1], Image.Resampling.LANCZOS), dtype=np.uint8)
    return colour_with(gray, lab_of(truth)[..., 1:])
