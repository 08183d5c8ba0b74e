"""Calibrate a model's confidence: of the places that are 80 % sure, 80 % shall have the right colour.

    python scripts/calibrate_confidence.py BUNDLE --data PHOTOS --manifest manifest.tsv -o OUT [--report TEST]

Photos are those of the sources that the training held out, by name in the bundle's card; the manifest says of which
source each is. Right is a colour within 15 Lab units of the true one (colorizegan/model/network.py). OUT gets the same
files, to the byte, with a card whose entry `confidence` holds a temperature that sharpens the distribution (Guo et al.
2017) and the rising share of right colours at each level of 1 - entropy / log Q (isotonic, Zadrozny and Elkan 2002).
The temperature is that of the smallest Brier score where each source is judged by the others. Photos of TEST are only
reported. Figures before and after go to standard output.
"""

import argparse
import csv
import json
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import lsq_linear
from scipy.stats import rankdata

from colorizegan import Colorizer
from colorizegan.bench.protocols import PROTOCOLS, gray_of, prepare
from colorizegan.color.lab import lab_of
from colorizegan.data.decode import STORE_SIDE, decode
from colorizegan.data.layouts import PhotoFile, list_photos
from colorizegan.errors import ColorizeGANError, DataError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.card import AS_IT_SAYS, CARD, Calibration
from colorizegan.model.network import RIGHT, Prediction
from colorizegan.model.network_input import resized
from colorizegan.training.export.bundle import check_free

CELLS = 300  # of each photo, drawn by chance: its cells are much alike
TEMPERATURES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0)
STEPS = 11  # of certainty 0..1 in the card
Plane = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Cells:
    """Cells of many photos, one after the other."""

    said: Prediction
    """What the network says of them, as a picture of one row."""
    error: Plane
    """Distance of the answer from the true (a, b), Lab units."""
    source: NDArray[np.str_]
    """Where each photo is from."""

    def certainty(self, temperature: float) -> Plane:
        """1 - entropy / log Q of each, 0..1."""
        sharpened = replace(self.said, calibration=Calibration(temperature, AS_IT_SAYS.right))
        return sharpened.confidence()[0].astype(np.float64)


def main() -> int:
    """Calibrate, print the figures, write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="the bundle's folder")
    parser.add_argument("--data", action="append", required=True, metavar="SOURCE", help="as for `train`; repeat it")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--each", type=int, default=45, help="photos of a source at most")
    parser.add_argument("--report", action="append", default=[], metavar="SOURCE", help="photos to test on; repeat it")
    parser.add_argument("--tested", type=int, default=100, help="photos of a test set at most")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        check_free(options.out)
        card = open_bundle(options.bundle).card
        card.need_distribution("say how sure it is")
        held = set(card.training.get("config", {}).get("data", {}).get("holdout_sources", ()))
        colorizer = Colorizer(options.bundle)
        cells = look(colorizer, held_out(options.data, options.manifest, held, options.each))
        calibration, judged = calibrate(cells)
        print("| photos | | ECE % | rank correlation with the error | AUC of wrong colours |\n|---|---|---|---|---|")
        tenths = compare("held-out sources, each by the others", cells, judged)
        for source in options.report:
            photos = spaced(list_photos((source,)), options.tested)
            found = look(colorizer, [(photo, source) for photo in photos])
            sure = at(found.certainty(calibration.temperature), calibration)
            tenths += compare(Path(source).stem, found, sure)
        print("\nOf each tenth of the cells, the least sure first, confidence and right colours, %:\n")
        print("\n".join(tenths))
        write(options.bundle, calibration, options.out)
    except ColorizeGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def held_out(data: list[str], manifest: Path, held: set[str], most: int) -> list[tuple[PhotoFile, str]]:
    """Photos of the held-out sources, as many of each at regular steps, and their sources."""
    with manifest.open(newline="", encoding="utf-8") as table:
        sources = {row["key"]: row["source"] for row in csv.DictReader(table, delimiter="\t") if row["source"] in held}
    found: dict[str, list[tuple[PhotoFile, str]]] = defaultdict(list)
    for photo in list_photos(tuple(data)):
        if source := sources.get(photo.key):
            found[source].append((photo, source))
    if len(found) < 2:
        what = f"names {len(found)} held-out sources of these photos, and each has to be judged by others"
        raise DataError(what, path=manifest, remedy="give the photos and the manifest of the training")
    return [one for photos in found.values() for one in spaced(photos, most)]


def spaced(photos: list[T], most: int) -> list[T]:
    """At most so many, at regular steps."""
    return photos[:: max(1, len(photos) // most)][:most]


def look(colorizer: Colorizer, photos: list[tuple[PhotoFile, str]]) -> Cells:
    """What the network says of some cells of each photo at 256 px, and how wrong it is there."""
    logits, errors, sources = [], [], []
    bins = np.zeros(0, np.float32)
    for photo, source in photos:
        picture = decode(photo, STORE_SIDE)
        if picture is None:
            continue  # broken: training leaves it out as well
        truth = lab_of(prepare(Image.fromarray(picture), PROTOCOLS["folder-256"]))
        said = colorizer.predict(gray_of(truth))
        (_, *shape), bins = said.logits.shape, said.bins
        pair = (said.ab, np.moveaxis(truth[..., 1:], -1, 0))
        ab, true_ab = (resized(x, (shape[0], shape[1]), Image.Resampling.BOX) for x in pair)
        off = np.hypot(*(ab - true_ab)).ravel()
        drawn = np.random.default_rng(0).permutation(len(off))[:CELLS]
        logits.append(said.logits.reshape(len(bins), -1)[:, drawn])
        errors.append(off[drawn])
        sources += [source] * len(drawn)
    row = np.concatenate(logits, 1)[:, None]
    said = Prediction(np.zeros((2, 2, 2 * row.shape[2]), np.float32), row, bins)
    return Cells(said, np.concatenate(errors).astype(np.float64), np.array(sources))


def calibrate(cells: Cells) -> tuple[Calibration, Plane]:
    """The calibration, and the confidence of each cell by the calibration of all sources but its own."""
    right = cells.error <= RIGHT
    best, chosen, judged = np.inf, AS_IT_SAYS, np.zeros(0)
    for temperature in TEMPERATURES:
        sure = cells.certainty(temperature)
        found = np.zeros_like(sure)
        for source in np.unique(cells.source):
            own = cells.source == source
            found[own] = at(sure[own], Calibration(temperature, rising(sure[~own], right[~own])))
        brier = float(np.square(found - right).mean())
        if brier < best:
            best, judged = brier, found
            chosen = Calibration(temperature, rising(sure, right))
    return chosen, judged


def rising(sure: Plane, right: NDArray[np.bool_]) -> tuple[float, ...]:
    """Shares of right colours at certainties 0 .. 1, linear between, nowhere falling, of least squares."""
    place = np.clip(sure, 0, 1) * (STEPS - 1)
    lower = np.minimum(place.astype(int), STEPS - 2)
    weights = np.zeros((len(sure), STEPS))
    weights[np.arange(len(sure)), lower] = 1 - (place - lower)
    weights[np.arange(len(sure)), lower + 1] = place - lower
    steps = weights @ np.tril(np.ones((STEPS, STEPS)))  # in the rises from step to step, none of which is negative
    little = 1e-4 * len(sure) * np.eye(STEPS)  # where no cells are
    root = np.linalg.cholesky(steps.T @ steps + little)
    rises = lsq_linear(root.T, np.linalg.solve(root, steps.T @ right), bounds=(0, 1)).x
    return tuple(round(float(share), 3) for share in np.clip(np.cumsum(rises), 0, 1))


def at(certainty: Plane, calibration: Calibration) -> Plane:
    """Confidence of a calibration."""
    return np.interp(certainty, np.linspace(0, 1, len(calibration.right)), calibration.right)


def compare(name: str, cells: Cells, after: Plane) -> list[str]:
    """Print the rows of a set of photos, before and after; gives its lines of tenths."""
    wrong, tenths = cells.error > RIGHT, [""]
    for when, sure in (("before", cells.said.confidence()[0].astype(np.float64)), ("after", after)):
        parts = np.minimum((sure * 15).astype(int), 14)
        gap = sum(abs(float((sure[parts == i] - ~wrong[parts == i]).sum())) for i in range(15)) / len(sure)
        order = np.corrcoef(rankdata(sure), rankdata(cells.error))[0, 1]
        ranks = rankdata(-sure)[wrong].sum() - wrong.sum() * (wrong.sum() + 1) / 2
        area = ranks / (wrong.sum() * (~wrong).sum())
        print(f"| {name} | {when} | {100 * gap:.1f} | {-order:.3f} | {area:.3f} |", flush=True)
        parts = np.array_split(np.argsort(sure, kind="stable"), 10)
        told = [f"{100 * sure[part].mean():.0f}: {100 * (~wrong[part]).mean():.0f}" for part in parts]
        tenths.append(f"| {name} | {when} | {' | '.join(told)} |")
    return tenths[1:]


def write(bundle: Path, calibration: Calibration, out: Path) -> None:
    """The bundle once more, with another card."""
    shutil.copytree(bundle, out, dirs_exist_ok=True)
    card = json.loads((out / CARD).read_text("utf-8"))
    card["confidence"] = {"temperature": calibration.temperature, "right": list(calibration.right)}
    (out / CARD).write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    print(open_bundle(out).path)


if __name__ == "__main__":
    sys.exit(main())
