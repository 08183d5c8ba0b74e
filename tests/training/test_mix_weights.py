"""scripts/mix_weights.py: weights between those of a run and of its start, ready for export."""

import subprocess
import sys
from pathlib import Path

import torch

from colorizegan.model.bundle import open_bundle
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint, load_newest, save_checkpoint
from colorizegan.training.restore import restore


def test_the_mix_lies_between_the_two(repository: Path, run: Path, exported: Path, tmp_path: Path) -> None:
    ended, _ = load_newest(run / "checkpoints")
    assert ended is not None
    doubled = {f"average.{name}": tensor * 2 for name, tensor in ended.part("average").items()}
    checkpoint = save_checkpoint(tmp_path / "doubled", 7, Checkpoint(doubled, ended.facts))
    script = [sys.executable, str(repository / "scripts" / "mix_weights.py"), str(checkpoint), str(exported)]
    done = subprocess.run([*script, "-o", str(tmp_path / "mix"), "--share", "0.25"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    saved, _ = load_newest(tmp_path / "mix")
    assert saved is not None
    assert done.stdout.strip().startswith(str(tmp_path / "mix"))
    trained, start = load_checkpoint(checkpoint).part("average"), restore(open_bundle(exported)).net.state_dict()
    mixed = saved.part("average")
    assert mixed.keys() == trained.keys()
    name = "up16.skip.0.weight"
    torch.testing.assert_close(mixed[name], 0.25 * trained[name] + 0.75 * start[name])

    bad = subprocess.run([*script, "-o", str(tmp_path / "no"), "--share", "2"], capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stderr.strip().endswith("[E_USAGE]")
    assert not (tmp_path / "no").exists()
