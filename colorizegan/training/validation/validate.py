"""What a run is steered by: scores on held-out photos, sample pictures and loss curves, while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorizegan.bench.measures.habits import habits
from colorizegan.color.difference import ciede2000, colorfulness
from colorizegan.contact_sheet import contact_sheet
from colorizegan.data.cache import PhotoCache
from colorizegan.training.batches.augment import plain_batch
from colorizegan.training.batches.crops import cut_square
from colorizegan.training.batches.lab import lab_to_rgb
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import ColorOutput, annealed_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 128  # px, of the held-out squares; those of a network that takes multiples of more only are as large as that
_MAX_ERROR = 150  # Lab units, the end of the AuC's range


def square_side(generator: torch.nn.Module) -> int:
    """Side of the held-out squares of a generator, px: SIZE, rounded up to its multiple (256 for pix2pix)."""
    multiple = int(getattr(generator, "multiple", 1))
    return SIZE + -SIZE % multiple


def holdout_squares(cache: PhotoCache, indices: NDArray[np.int64], size: int = SIZE, detail: float = 1.0) -> Tensor:
    """Centre squares of held-out photos, (N, 3, size, size) uint8 sRGB; `detail` as in `cut_square`."""
    squares = np.empty((len(indices), size, size, 3), np.uint8)
    for row, index in enumerate(indices):
        photo = cache[int(index)]
        height, width = photo.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        squares[row] = cut_square(photo, (left, top, left + side, top + side), size, detail)
    return torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def predict_squares(
    generator: torch.nn.Module, squares: Tensor, device: torch.device, batch: int = 32
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """L, true ab at half size, predicted ab at half size and the annealed mean at quarter size (if there is one).

    All on the CPU: (N, 1, S, S), (N, 2, S/2, S/2), (N, 2, S/2, S/2), (N, 2, S/4, S/4).
    """
    lightness, truth, predicted, annealed = [], [], [], []
    for rgb in squares.split(batch):
        item = plain_batch(rgb.to(device))
        output: ColorOutput = generator(item.L)
        half = torch.nn.functional.avg_pool2d(item.ab, 2)
        lightness.append(item.L.cpu())
        truth.append(half.cpu())
        mode = "area" if output.ab.shape[2] >= half.shape[2] else "bilinear"
        predicted.append(torch.nn.functional.interpolate(output.ab.float(), half.shape[2:], mode=mode).cpu())
        if output.logits is not None and isinstance(generator, ColorUNet):
            annealed.append(annealed_mean(output.logits.float(), generator.centres, 0.38).cpu())
    return torch.cat(lightness), torch.cat(truth), torch.cat(predicted), torch.cat(annealed) if annealed else None


def auc(predicted: Tensor, truth: Tensor, rebalanced: bool) -> float:
    """Area under the cumulative ab error in percent (Zhang et al. 2016, section 3.1), thresholds 0..150 Lab units.

    With `rebalanced`, every ab bin of the truth counts the same, as far as it occurs in it.
    """
    error = (predicted - truth).square().sum(1).sqrt().clamp(max=_MAX_ERROR).flatten()
    # The area under the share of errors <= t is the mean of what is left above each error.
    score = 1 - error / _MAX_ERROR
    if not rebalanced:
        return 100 * float(score.mean())
    cell = (truth / 10).round().long() + 12  # bins of 10, (N, 2, h, w), 0..24
    cell = (cell[:, 0] * 25 + cell[:, 1]).flatten()
    count = torch.bincount(cell, minlength=625).double()
    total = torch.bincount(cell, score.double(), minlength=625)
    return 100 * float((total[count > 0] / count[count > 0]).mean())


def score_squares(L: Tensor, truth: Tensor, predicted: Tensor) -> dict[str, float]:
    """Scores of predicted ab (N, 2, h, w) against the truth of the same size: AuC, colourfulness, mean CIEDE2000."""
    small = torch.nn.functional.interpolate(L, truth.shape[2:], mode="area")

    def lab(ab: Tensor) -> Tensor:
        return torch.cat((small, ab), dim=1)

    def mean_colorfulness(ab: Tensor) -> float:
        rgb = (lab_to_rgb(lab(ab)) * 255).permute(0, 2, 3, 1).numpy()
        return float(np.mean([colorfulness(picture) for picture in rgb]))

    difference = ciede2000(lab(predicted).permute(0, 2, 3, 1).numpy(), lab(truth).permute(0, 2, 3, 1).numpy())
    return {
        "auc": auc(predicted, truth, rebalanced=False),
        "auc_rebalanced": auc(predicted, truth, rebalanced=True),
        "colorfulness": mean_colorfulness(predicted),
        "colorfulness_truth": mean_colorfulness(truth),
        "ciede2000": float(np.mean(difference)),
    }


def answer_habits(L: Tensor, truth: Tensor, predicted: Tensor) -> dict[str, float]:
    """What an answer does to photos as wholes: means of `cast` (Lab units), and of `warm` and `neutral` in percent of
    pixels, the last two also of the truth. The tensors as for `score_squares`."""
    small = torch.nn.functional.interpolate(L, truth.shape[2:], mode="area")
    answers, photos = (torch.cat((small, ab), dim=1).permute(0, 2, 3, 1).numpy() for ab in (predicted, truth))
    rows = [habits(answer, photo) for answer, photo in zip(answers, photos, strict=True)]
    true = [habits(photo, photo) for photo in photos]
    found = {"cast": float(np.mean([row["cast"] for row in rows]))}
    for name in ("warm", "neutral"):
        found[name] = 100 * float(np.mean([row[name] for row in rows]))
        found[f"{name}_truth"] = 100 * float(np.mean([row[name] for row in true]))
    return found


def share_of_way(auc_rebalanced: float, gray: float) -> float:
    """How much of the way from gray's rebalanced AuC to the truth's (100) an answer goes, percent."""
    return 100 * (auc_rebalanced - gray) / max(100 - gray, 1e-6)


def validate(generator: torch.nn.Module, squares: Tensor, device: torch.device) -> dict[str, float]:
    """Scores of the ab of a generator in eval mode, of gray, and (prefixed `annealed_`) of its distribution's mean."""
    L, truth, predicted, annealed = predict_squares(generator, squares, device)
    scores = score_squares(L, truth, predicted) | answer_habits(L, truth, predicted)
    gray = score_squares(L, truth, torch.zeros_like(truth))
    scores["share"] = share_of_way(scores["auc_rebalanced"], gray["auc_rebalanced"])
    scores |= {f"gray_{name}": gray[name] for name in ("auc", "auc_rebalanced", "ciede2000")}
    if annealed is not None:
        up = torch.nn.functional.interpolate(annealed, truth.shape[2:], mode="bilinear", align_corners=False)
        other = score_squares(L, truth, up) | answer_habits(L, truth, up)
        other["share"] = share_of_way(other["auc_rebalanced"], gray["auc_rebalanced"])
        names = ("auc", "auc_rebalanced", "share", "colorfulness", "ciede2000", "cast", "warm", "neutral")
        scores |= {f"annealed_{name}": other[name] for name in names}
    return scores


def write_samples(generator: torch.nn.Module, squares: Tensor, device: torch.device, path: Path) -> None:
    """A PNG of held-out photos, two a row: gray, result of a generator in eval mode, truth of each."""
    L, truth, predicted, _ = predict_squares(generator, squares, device)
    columns = []
    for ab in (torch.zeros_like(predicted), predicted, truth):
        full = torch.nn.functional.interpolate(ab, L.shape[2:], mode="bilinear", align_corners=False)
        columns.append(lab_to_rgb(torch.cat((L, full), dim=1)))
    triples = (torch.cat(columns, dim=3) * 255).round().byte().permute(0, 2, 3, 1)  # (N, S, 3 S, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(list(triples.numpy()), 2).save(path)


def write_curves(log: Path, path: Path) -> None:
    """Plot the losses and held-out scores of a JSONL log over the images seen."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line]
    curves_of(lines).savefig(path, dpi=80)


def curves_of(lines: list[dict[str, Any]]) -> Figure:
    """The curves of the lines of a log; short ones are drawn with their points, so that one value can be seen too."""
    from matplotlib.figure import Figure  # heavy, and only needed here

    steps = [line for line in lines if line["event"] == "step"]
    scores = [line for line in lines if line["event"] == "validate"]
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 2)
    panels = (
        (axes[0, 0], steps, ("l1", "classes", "perceptual"), "generator losses"),
        (axes[0, 1], steps, ("adversarial", "discriminator"), "adversarial losses"),
        (axes[1, 0], scores, ("auc_rebalanced", "annealed_auc_rebalanced", "gray_auc_rebalanced"), "rebalanced AuC, %"),
        (axes[1, 1], scores, ("colorfulness", "annealed_colorfulness", "colorfulness_truth"), "colourfulness"),
    )
    for axis, rows, names, title in panels:
        for name in names:
            points = [(row["images"], row[name]) for row in rows if row.get(name) is not None]
            if points:
                marker = "o" if len(points) < 20 else ""
                axis.plot(*zip(*points, strict=True), marker=marker, label=f"{name}  {points[-1][1]:.3g}")
        axis.set_title(title)
        axis.set_xlabel("images seen")
        axis.set_xlim(left=0)
        if axis.lines:
            axis.legend(title="and its last value")
        else:
            axis.text(0.5, 0.5, "nothing yet", ha="center", va="center", transform=axis.transAxes)
    return figure
