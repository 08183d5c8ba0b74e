"""scripts/mix_weights.py: weights between those of a run and of its start, ready for export."""

from pathlib import Path

import pytest
import torch
from command import python
from tiny_run import newest

from colorizegan.model.bundle import open_bundle
from colorizegan.training.checkpoint import Checkpoint, load_checkpoint, load_newest, save_checkpoint
from colorizegan.training.restore import restore


@pytest.mark.slow
def test_the_mix_lies_between_the_two(repository: Path, run: Path, exported: Path, tmp_path: Path) -> None:
    ended = newest(run)
    doubled = {f"average.{name}": tensor * 2 for name, tensor in ended.part("average").items()}
    checkpoint = save_checkpoint(tmp_path / "doubled", 7, Checkpoint(doubled, ended.facts))
    script = (repository / "scripts" / "mix_weights.py", checkpoint, exported)
    done = python(*script, "-o", tmp_path / "mix", "--share", 0.25)
    assert not done.stderr
    saved, _ = load_newest(tmp_path / "mix")
    assert saved is not None
    assert done.stdout.strip().startswith(str(tmp_path / "mix"))
    trained, start = load_checkpoint(checkpoint).part("average"), restore(open_bundle(exported)).net.state_dict()
    mixed = saved.part("average")
    assert mixed.keys() == trained.keys()
    name = "up16.skip.0.weight"
    torch.testing.assert_close(mixed[name], 0.25 * trained[name] + 0.75 * start[name])

    bad = python(*script, "-o", tmp_path / "no", "--share", 2, status=1)
    assert bad.stderr.strip().endswith("[E_USAGE]")
    assert not (tmp_path / "no").exists()
