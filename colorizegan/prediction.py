"""What the network says of an upload, as JSON: how sure it is of each place."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from colorizegan.options import Options
from colorizegan.service import Turn

__all__ = ["describe_file"]


def describe_file(turn: Turn, path: Path, options: Options) -> dict[str, Any]:
    """Read an upload and ask the network.

    Returns:
        width, height; is_color; model; confidence: mean, width, height, and png, an 8-bit gray picture as base64 in
        which 255 is sure (see `Prediction.confidence`); proposals, where they are asked for, the likeliest first: their
        likelihood and the hints that make them.
    """
    turn.allow_truncated = options.allow_truncated
    service = turn.service
    photo = turn.read(path)
    look = options.look()
    _, confidence = service.colorizer.colors_of(photo.gray, look)
    turn.check()
    proposals = []
    if options.proposals is not None:
        found = service.colorizer.propose_as(photo.gray, look, count=options.proposals, seed=options.seed)
        proposals = [{"likelihood": round(one.likelihood, 4), "hints": list(map(vars, one.hints))} for one in found]
        turn.check()
    height, width = photo.gray.shape
    card = service.colorizer.bundle.card
    return {
        "width": width,
        "height": height,
        "is_color": photo.is_color,
        "model": f"{card.name} {service.colorizer.bundle.digest}",
        "remarks": list(photo.remarks),
        "confidence": {
            "mean": round(float(confidence.mean()), 4),
            "width": confidence.shape[1],
            "height": confidence.shape[0],
            "png": png_text(confidence),
        },
        "proposals": proposals,
    }


def png_text(values: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """Values 0..1 (h, w) as a PNG of 8 bits, base64."""
    file = io.BytesIO()
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
