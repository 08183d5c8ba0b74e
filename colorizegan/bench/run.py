"""evaluate(): score entrants and baselines under a named protocol, and write the report."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.entrants import BASELINES, Entrant, colour_with, open_entrant, other_colours
from colorizegan.bench.metrics import AB_BINS, Curve, Truth, ab_bin, bin_weights, lab_of, palette_distance, tally
from colorizegan.bench.page import choose_photos, report_page
from colorizegan.bench.photoset import PhotoSet
from colorizegan.bench.protocols import Protocol, find_protocol, gray_of, open_photos, prepare
from colorizegan.bench.report import Report, photos_csv, report_json, report_markdown, write_files
from colorizegan.bench.scores import Score, compare, score
from colorizegan.errors import OutputError, UsageError

__all__ = ["evaluate", "write_inputs"]

RESAMPLES = 2000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Survey:
    """What is known of the test set before anything is scored."""

    mean_ab: tuple[float, float]
    """Mean colour of all pixels, Lab units."""
    weights: NDArray[np.float64]
    """(AB_BINS,) pixel weights of the rebalanced AuC."""
    digest: str
    """SHA-256 over the names and files of the photos."""


def evaluate(
    protocol: str,
    data: Path | str,
    entrants: Mapping[str, str],
    out: Path | str | None = None,
    *,
    names: Path | None = None,
    count: int | None = None,
    mean_ab: tuple[float, float] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    workers: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Report:
    """Score entrants, and the baselines that belong in every table, under a protocol.

    Args:
        protocol: a name in `protocols.PROTOCOLS`.
        data: folder or uncompressed tar of the photos, or the folder that holds the protocol's tar.
        entrants: name -> spec, as `entrants.open_entrant` reads it.
        out: folder for report.json, report.md, report.html and photos.csv; None writes nothing.
        names: list file, for protocols that need one.
        count: only the first so many photos; the report says so.
        mean_ab: colour of the baseline `mean colour`, e.g. of the training set; None = mean of this test set.
        resamples: bootstrap resamples behind the 95 % intervals.
        seed: of the bootstrap and of the pairing of `another photo`.
        workers: photos under way at once; None = cores, at most 8. The digits do not depend on it.
        command: what the user typed, for the report.
        progress: called with (photos done, photos in all).

    Raises UsageError, InputError, DataError, ModelError, OutputError, each in one line.
    """
    # Open everything first: a wrong path must show before the first photo is scored.
    chosen = find_protocol(protocol)
    if clash := [name for name in entrants if name in BASELINES]:
        raise UsageError(f"entrant name {clash[0]!r} is a baseline's", remedy="choose another name")
    photos = open_photos(chosen, data, names=names, count=count)
    rivals = {name: open_entrant(spec, photos) for name, spec in entrants.items()}
    workers = workers or min(8, os.cpu_count() or 1)

    with ThreadPoolExecutor(workers) as pool:
        # Look at the whole set: its mean colour, its colour frequencies, its digest.
        survey = _survey(photos, chosen, pool, 4 * workers)
        pairing = _pairing(len(photos.keys), seed)

        # Score photo by photo; only numbers are kept.
        def judge(index: int) -> dict[str, tuple[dict[str, float], Curve]]:
            return _judge(index, photos, chosen, rivals, survey, mean_ab or survey.mean_ab, pairing)

        everyone = [*BASELINES, *rivals]
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in everyone}
        curves: dict[str, Curve] = {}
        for done, judged in enumerate(_in_order(pool, judge, len(photos.keys), 4 * workers), start=1):
            for name, (columns, curve) in judged.items():
                rows[name].append(columns)
                curves[name] = Curve(*(a + b for a, b in zip(curves[name], curve, strict=True))) if done > 1 else curve
            if progress is not None:
                progress(done, len(photos.keys))

    # From columns to figures; one set of resamples for all, so that differences are paired.
    columns = {name: {key: np.array([row[key] for row in rows[name]]) for key in rows[name][0]} for name in everyone}
    scores: dict[str, dict[str, Score]] = {}
    samples: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in everyone:
        scores[name], samples[name] = score(columns[name], resamples, seed)
        of_set = {"palette": palette_distance(curves[name].colours, curves["truth"].colours)}
        scores[name] |= {metric: Score(value, math.nan, math.nan) for metric, value in of_set.items()}
    differences = compare(list(rivals), [name for name in BASELINES if name != "truth"], scores, samples)

    report = Report(
        protocol=chosen,
        complete=count is None,
        keys=photos.keys,
        data_digest=survey.digest,
        mean_ab=mean_ab or survey.mean_ab,
        mean_ab_source="given" if mean_ab else "this test set",
        command=command,
        resamples=resamples,
        seed=seed,
        versions=_versions(),
        facts={**{name: {"kind": "baseline"} for name in BASELINES}, **{n: r.facts for n, r in rivals.items()}},
        scores=scores,
        curves=curves,
        differences=differences,
        columns=columns,
    )
    if out is not None:
        texts = {
            "report.json": report_json(report),
            "report.md": report_markdown(report),
            "photos.csv": photos_csv(report),
        }
        write_files(Path(out), texts)  # before the page: figures that took long are safe first
        page = report_page(report, choose_photos(report), lambda index: _shown(index, photos, chosen, rivals))
        write_files(Path(out), {"report.html": page})
    return report


def write_inputs(
    protocol: str, data: Path | str, out: Path | str, *, names: Path | None = None, count: int | None = None
) -> int:
    """Write the black-and-white pictures of a protocol as PNG, so that any other tool can colorize them and enter.

    Returns how many were written, as `<key>.png` under `out`; results must keep these names and sizes.
    """
    chosen = find_protocol(protocol)
    photos = open_photos(chosen, data, names=names, count=count)
    for key in photos.keys:
        path = Path(out) / f"{key}.png"
        if ".." in PurePosixPath(key).parts or PurePosixPath(key).is_absolute():
            raise OutputError(f"photo {key} would be written outside the folder", path=out)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(gray_of(lab_of(prepare(photos.read(key), chosen)))).save(path)
        except OSError as error:
            raise OutputError(f"cannot be written ({error})", path=path) from None
    return len(photos.keys)


def _survey(photos: PhotoSet, protocol: Protocol, pool: ThreadPoolExecutor, ahead: int) -> Survey:
    def look(index: int) -> tuple[bytes, NDArray[np.float64], NDArray[np.float64]]:
        key = photos.keys[index]
        name = f"{PurePosixPath(key).name}\n".encode("utf-8", "surrogateescape")
        lab = lab_of(prepare(photos.read(key), protocol))
        bins = np.bincount(ab_bin(lab).ravel(), minlength=AB_BINS).astype(np.float64)
        return name + hashlib.sha256(photos.read_bytes(key)).digest(), lab[..., 1:].sum((0, 1), dtype=np.float64), bins

    digest, total, counts = hashlib.sha256(), np.zeros(2), np.zeros(AB_BINS)
    for name, ab, bins in _in_order(pool, look, len(photos.keys), ahead):
        digest.update(name)
        total += ab
        counts += bins
    mean = total / counts.sum()
    return Survey((float(mean[0]), float(mean[1])), bin_weights(counts), digest.hexdigest())


def _judge(
    index: int,
    photos: PhotoSet,
    protocol: Protocol,
    rivals: Mapping[str, Entrant],
    survey: Survey,
    mean_ab: tuple[float, float],
    pairing: NDArray[np.intp],
) -> dict[str, tuple[dict[str, float], Curve]]:
    key = photos.keys[index]
    truth = Truth(prepare(photos.read(key), protocol), survey.weights)
    gray = gray_of(truth.lab)
    other = prepare(photos.read(photos.keys[pairing[index]]), protocol)
    pictures = {
        "gray": np.repeat(gray[..., None], 3, axis=2),
        "mean colour": colour_with(gray, np.array(mean_ab, dtype=np.float32)),
        "another photo": other_colours(gray, other),
        "truth": truth.rgb,
        **{name: rival.colorize(key, gray) for name, rival in rivals.items()},
    }
    return {name: tally(rgb, lab_of(rgb), truth) for name, rgb in pictures.items()}


def _shown(
    index: int, photos: PhotoSet, protocol: Protocol, rivals: Mapping[str, Entrant]
) -> dict[str, NDArray[np.uint8]]:
    """The pictures of one photo for the page: input, every entrant's, truth."""
    key = photos.keys[index]
    truth = prepare(photos.read(key), protocol)
    gray = gray_of(lab_of(truth))
    return {"input": gray, **{name: rival.colorize(key, gray) for name, rival in rivals.items()}, "truth": truth}


def _pairing(count: int, seed: int) -> NDArray[np.intp]:
    """For each photo the index of another one, at random, every photo used once."""
    order = np.random.default_rng(seed).permutation(count)
    pairing = np.empty(count, dtype=np.intp)
    pairing[order] = np.roll(order, 1)
    return pairing


def _in_order(pool: ThreadPoolExecutor, work: Callable[[int], object], count: int, ahead: int) -> Iterator:
    """work(0), work(1), ... in order, with no more than `ahead` under way, so that memory stays bounded."""
    for start in range(0, count, ahead):
        yield from pool.map(work, range(start, min(start + ahead, count)))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("colorizegan", "numpy", "onnxruntime", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
