"""A whole training run at the smallest size: photos with a rule to learn, and the settings that tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from command import json_lines
from pictures import put
from PIL import Image

if TYPE_CHECKING:
    from colorizegan.training.checkpoint import Checkpoint

STAGES = (
    "stages=[{kind='pretrain_generator',images=48,size=48,batch=8,lr=5e-3},"
    "{kind='pretrain_discriminator',images=16,size=48,batch=8},"
    "{kind='adversarial',images=16,size=48,batch=8,lr=1e-4,adversarial=0.1}]"
)
# of the exported bundle
ANSWER = {"correction": 0.25, "temperature": 0.2, "adjustment": 0.1, "contrast": 0.1, "chroma": 0.85}
BLUE_AND_RED = ((120, 190, 255), (150, 20, 20))


def draw_photos(
    folder: Path, count: int, *, light: tuple[int, int, int], dark: tuple[int, int, int], seed: int = 0
) -> Path:
    """Pictures of 64 x 56 px with a rule: what is light has one colour, what is dark another."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        cells = Image.fromarray(rng.integers(0, 256, (3, 3), np.uint8)).resize((64, 56), Image.Resampling.BICUBIC)
        g = np.asarray(cells, np.float32)[..., None] / 255
        rgb = g * light + (1 - g) * dark
        put(folder / f"{i}.png", rgb.astype(np.uint8))
    return folder


def overrides(photos: Path, *more: str) -> list[str]:
    """The settings of such a run."""
    return [f"data.sources=['{photos}']", "data.holdout=2", "threads=1", STAGES, *more]


def log_of(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log without what depends on the clock."""
    by_the_clock = ("images_per_s", "data_wait")
    lines = json_lines(run / "log.jsonl")
    return [{name: value for name, value in line.items() if name not in by_the_clock} for line in lines]


def newest(run: Path) -> Checkpoint:
    """The last checkpoint of a run."""
    from colorizegan.training.checkpoint import load_newest

    saved, _ = load_newest(run / "checkpoints")
    assert saved is not None
    return saved


def assert_equal(one: Checkpoint, other: Checkpoint) -> None:
    """The same tensors, to the bit."""
    assert one.tensors.keys() == other.tensors.keys()
    assert [name for name, tensor in one.tensors.items() if not tensor.equal(other.tensors[name])] == []
