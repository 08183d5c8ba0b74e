"""The log for TensorBoard: scalars and pictures, each step once, also after a crash."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_run import overrides

from colorizegan.training.checkpoint import list_checkpoints
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.run.runlog import RunLog, sole_writer
from colorizegan.training.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_a_process_that_outlives_a_run_does_not_hold_its_folder(tmp_path: Path) -> None:
    ready, says = os.pipe()
    with sole_writer(tmp_path):
        loader = os.fork()
        if not loader:
            os.write(says, b"!")
            signal.pause()
    try:
        assert os.read(ready, 1)
        with sole_writer(tmp_path):
            pass
    finally:
        os.kill(loader, signal.SIGKILL)
        os.waitpid(loader, 0)


def steps_of(folder: Path, kind: str) -> dict[str, list[int]]:
    """Tag -> steps, as TensorBoard itself reads the folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), {"scalars": 0, "images": 0})
    events.Reload()
    read = events.Scalars if kind == "scalars" else events.Images
    return {tag: [event.step for event in read(tag)] for tag in events.Tags()[kind]}


@pytest.mark.slow
def test_a_run_shows_in_tensorboard_and_goes_on_there(photos: Path, tmp_path: Path) -> None:
    config = load_config("tiny", None, overrides(photos, "tensorboard=true", "checkpoint_minutes=0"))
    train(config, tmp_path)
    scalars = steps_of(tmp_path, "scalars")
    assert scalars["step/l1"] == [1, 2, 3, 4, 5, 6, 9, 10]
    assert scalars["step/discriminator"] == [7, 8, 9, 10]
    assert scalars["validate/auc_rebalanced"] == [6, 8, 10]
    assert steps_of(tmp_path, "images") == {"samples": [6, 8, 10]}
    list_checkpoints(tmp_path / "checkpoints")[-1].unlink()  # as if it had been killed after its last lines
    train(config, tmp_path, resume=True)
    assert steps_of(tmp_path, "scalars") == scalars
    assert steps_of(tmp_path, "images") == {"samples": [6, 8, 10]}


def test_lines_of_a_lost_stretch_are_taken_back(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(picture)
    with RunLog(tmp_path, 0, tensorboard=True) as log:
        for step in (1, 2, 3):
            log.record("step", RunState(step=step), {"l1": float(step), "note": "words are for the file alone"})
            log.picture(picture, step)
    with RunLog(tmp_path, 2, tensorboard=True) as log:
        assert (tmp_path / "log.jsonl").read_text().count("\n") == 2
        log.record("step", RunState(step=3), {"l1": 30.0})
    assert steps_of(tmp_path, "scalars") == {"step/l1": [1, 2, 3]}
    assert steps_of(tmp_path, "images") == {"samples": [1, 2]}


def test_without_the_setting_there_is_no_such_folder(run: Path) -> None:
    assert not (run / "tensorboard").exists()
