"""What film.py measures of frames: flicker along the true motion, error and strength of colours."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorizegan.color.difference import ciede2000, colorfulness
from colorizegan.color.lab import rgb_to_lab

Pixels = NDArray[Any]


def true_motion(before: Pixels, now: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Where each pixel of `now` was in `before` (columns, rows), and where that is sure."""
    search = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_MEDIUM)
    unknown: Any = None
    back, ahead = search.calc(now, before, unknown), search.calc(before, now, unknown)
    height, width = now.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x + back[..., 0], y + back[..., 1]
    astray = np.hypot(*np.moveaxis(np.asarray(back) + pulled(np.asarray(ahead), x, y), 2, 0))
    unlike = np.abs(pulled(before.astype(np.float32), x, y) - now)
    return x, y, (astray < 0.7) & (unlike < 12) & (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)


def pulled(picture: Pixels, x: Pixels, y: Pixels) -> Pixels:
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def measured(
    frames: list[Pixels], truth: list[Pixels] | None, flows: list[tuple[Pixels, Pixels, Pixels]]
) -> dict[str, float]:
    """flicker, colorfulness, and against the truth error (CIEDE2000) and auc."""
    labs = [np.asarray(rgb_to_lab((frame / 255).astype(np.float32))) for frame in frames]
    changes = [
        np.hypot(*np.moveaxis(now[..., 1:] - pulled(before[..., 1:], x, y), 2, 0))[sure].mean()
        for before, now, (x, y, sure) in zip(labs, labs[1:], flows, strict=False)
    ]
    found = {"flicker": float(np.mean(changes)), "colorfulness": float(np.mean([colorfulness(f) for f in frames]))}
    if truth is None:
        return found | dict.fromkeys(("error", "auc", "share"), float("nan"))
    errors, grays, shares = [], [], []
    for lab, true in zip(labs, truth, strict=True):
        own = np.asarray(rgb_to_lab((true / 255).astype(np.float32)))
        own[..., 0] = lab[..., 0]  # lightness is kept; colour alone counts
        errors.append(float(ciede2000(lab, own).mean()))
        grays.append(float(ciede2000(lab * np.array([1, 0, 0], np.float32), own).mean()))
        away = np.hypot(*np.moveaxis(lab[..., 1:] - own[..., 1:], 2, 0))
        shares.append(float(np.mean([(away <= limit).mean() for limit in range(151)])))
    return found | {
        "error": float(np.mean(errors)),
        "auc": float(np.mean(shares)),
        "share": 1 - float(np.mean(errors)) / float(np.mean(grays)),
    }
