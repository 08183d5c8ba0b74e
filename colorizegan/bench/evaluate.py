"""evaluate(): score entrants and baselines under a named protocol, and write the report."""

import math
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.entrants import BASELINES, open_entrant
from colorizegan.bench.measures.features import distances, open_networks
from colorizegan.bench.measures.pixels import Curve, palette_distance
from colorizegan.bench.measures.regions import KINDS, Labels
from colorizegan.bench.page import choose_photos, report_page
from colorizegan.bench.protocols import find_protocol, gray_of, open_photos, prepare
from colorizegan.bench.report import Report, photos_csv, report_json, report_markdown, write_files
from colorizegan.bench.scoring import PhotoScorer, PhotoScores, TestSetFacts, facts_of
from colorizegan.bench.statistics import Score, compare, score
from colorizegan.color.lab import lab_of
from colorizegan.errors import OutputError, UsageError
from colorizegan.machine import installed_version
from colorizegan.progress import progress_bar

PACKAGES = ("colorizegan", "numpy", "onnxruntime", "pillow")  # whose versions a report tells
T = TypeVar("T")


def evaluate(
    protocol: str,
    data: Path | str,
    entrants: Mapping[str, str],
    out: Path | str | None = None,
    *,
    names: Path | None = None,
    count: int | None = None,
    regions: Path | None = None,
    squeezenet: Path | None = None,
    inception: Path | None = None,
    stable: int = 40,
    resamples: int = 2000,
    seed: int = 0,
    workers: int | None = None,
    command: str = "",
    notes: Sequence[str] = (),
    progress: bool = False,
) -> Report:
    """Score entrants, and the baselines that belong in every table, under a protocol.

    Args:
        protocol: a name in `protocols.PROTOCOLS`, or the .json file of one.
        data: folder or uncompressed tar of the photos, or the folder that holds the protocol's tar.
        entrants: name -> spec, as `entrants.open_entrant` reads it.
        out: folder for report.json, report.md, report.html and photos.csv; None writes nothing.
        names: list file, for protocols that need one.
        count: only the first so many photos; the report says so.
        regions: table of marked sky, vegetation, water and skin (`regions.Labels.read`); None = the protocol's own.
        squeezenet: weights of SqueezeNet 1.0; with them the feature distances on it are measured (needs torch).
        inception: weights of the FID network; with them FID is measured (needs torchmetrics and torch-fidelity).
        stable: how many photos, from the first, to test stability on; 0 = none.
        resamples: bootstrap resamples behind the 95 % intervals.
        seed: of the bootstrap and of the pairing of `another photo`.
        workers: photos under way at once; None = cores, at most 8. The digits do not depend on it.
        command: what the user typed, for the report.
        notes: what readers of this report must know before all else, a sentence or two each.
        progress: show a bar, where standard error is a terminal.

    Raises UsageError, InputError, DataError, ModelError, OutputError, MissingExtraError, each in one line.
    """
    # Open everything first: a wrong path must show before the first photo is scored.
    chosen = find_protocol(protocol)
    if clash := [name for name in entrants if name in BASELINES]:
        raise UsageError(f"entrant name {clash[0]!r} is a baseline's", remedy="choose another name")
    photos = open_photos(chosen, data, names=names, count=count)
    labels = Labels.read(table) if (table := regions or chosen.regions) else Labels()
    networks = open_networks(squeezenet, inception)
    rivals = {name: open_entrant(spec, photos) for name, spec in entrants.items()}
    workers = workers or min(8, os.cpu_count() or 1)
    total = len(photos.keys)
    live = [name for name, rival in rivals.items() if rival.live]

    with ThreadPoolExecutor(workers) as pool:
        # Look at the whole set: its mean colour, its colour frequencies, its digest.
        parts = _in_order(pool, lambda i: facts_of(photos.keys[i], photos, chosen), total, 4 * workers)
        facts = TestSetFacts.of(list(parts))
        mean_ab, mean_from = (chosen.mean_ab, "the protocol") if chosen.mean_ab else (facts.mean_ab, "this test set")
        scorer = PhotoScorer(photos, chosen, rivals, facts, mean_ab, pair_up(total, seed), labels, networks, stable)

        # Score photo by photo; only numbers are kept.
        everyone = [*BASELINES, *rivals]
        photo_scores: dict[str, list[PhotoScores]] = {name: [] for name in everyone}
        curves: dict[str, Curve] = {}
        with progress_bar("", total, shown=progress) as tick:
            for done, found in enumerate(_in_order(pool, scorer.score, total, 4 * workers), start=1):
                for name, (own, curve) in found.items():
                    photo_scores[name].append(own)
                    sums = zip(curves[name], curve, strict=True) if done > 1 else ()
                    curves[name] = Curve(*(a + b for a, b in sums)) if done > 1 else curve
                tick(done)

    # From columns to figures; one set of resamples for all, so that differences are paired.
    scores: dict[str, dict[str, Score]] = {}
    samples: dict[str, dict[str, NDArray[np.float64]]] = {}
    columns = {  # per-photo arrays (n, ...)
        name: {
            **{key: np.array([f.columns[key] for f in own]) for key in own[0].columns},
            **{key: np.stack([f.histograms[key] for f in own]) for key in own[0].histograms},
        }
        for name, own in photo_scores.items()
    }
    for name in everyone:
        scores[name], samples[name] = score(columns[name], resamples, seed)
        of_set = {"palette": palette_distance(curves[name].colours, curves["truth"].colours)}
        for network in networks:
            features, truth = (np.stack([f.features[network] for f in photo_scores[who]]) for who in (name, "truth"))
            of_set |= distances(network, features, truth)
        scores[name] |= {metric: Score(value, math.nan, math.nan) for metric, value in of_set.items()}
    differences = compare(list(rivals), [name for name in BASELINES if name != "truth"], scores, samples)

    report = Report(
        protocol=chosen,
        complete=count is None,
        keys=photos.keys,
        data_digest=facts.digest,
        mean_ab=mean_ab,
        mean_ab_source=mean_from,
        command=command,
        resamples=resamples,
        seed=seed,
        versions={"python": platform.python_version()} | {n: installed_version(n) or "not installed" for n in PACKAGES},
        facts={**{name: {"kind": "baseline"} for name in BASELINES}, **{n: r.facts for n, r in rivals.items()}},
        scores=scores,
        curves=curves,
        differences=differences,
        columns=columns,
        notes=[*notes, *_notes(columns["truth"], labels, min(stable, total) if live else 0, total, bool(networks))],
    )
    if out is not None:
        texts = {"report.json": report_json, "report.md": report_markdown, "photos.csv": photos_csv}
        # Before the page: figures that took long are safe first.
        write_files(Path(out), {name: make(report) for name, make in texts.items()})
        write_files(Path(out), {"report.html": report_page(report, choose_photos(report), scorer.shown)})
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


def pair_up(count: int, seed: int) -> NDArray[np.intp]:
    """For each photo the index of another one, at random, every photo used once."""
    order = np.random.default_rng(seed).permutation(count)
    pairing = np.empty(count, dtype=np.intp)
    pairing[order] = np.roll(order, 1)
    return pairing


def _notes(
    truth: Mapping[str, NDArray[np.float64]], labels: Labels, stable: int, total: int, networks: bool
) -> list[str]:
    """What a reader must know of the figures that not all photos have."""
    notes: list[str] = []
    counts = [
        f"{kind} {int(truth[f'{kind}_seen'].sum())} ({'marked' if kind in labels.kinds else 'by detector'})"
        for kind in KINDS
        if truth[f"{kind}_seen"].any()
    ]
    if counts:
        notes.append(f"Photos with a region: {', '.join(counts)}.")
    if stable:
        notes.append(f"Stability: on the first {stable} of {total} photos.")
    if networks:
        text = f"Feature distances fall with the number of pictures: compare them at {total} photos only. "
        notes.append(text + "They say nothing of a generator that was trained against the same network.")
    return notes


def _in_order(pool: ThreadPoolExecutor, work: Callable[[int], T], count: int, ahead: int) -> Iterator[T]:
    """work(0), work(1), ... in order, with no more than `ahead` under way, so that memory stays bounded."""
    for start in range(0, count, ahead):
        yield from pool.map(work, range(start, min(start + ahead, count)))
